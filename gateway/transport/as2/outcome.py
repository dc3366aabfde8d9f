"""What an answer over HTTP means for the message that was posted. RFC 4130, 5.5 and 7; RFC 9110, 15.

A message is delivered where a receipt proves it, and never because a server said 200. Who says no for good is not asked
again; who is busy is asked later; and where nobody knows, the same Message-ID goes again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.errors import PartnerRefused, PartnerUnreachable
from gateway.transport.as2.disposition import As2Refused
from gateway.transport.as2.headers import read_value
from gateway.transport.as2.http import ANSWER_MAX, Answer, Fields, wait_asked_s
from gateway.transport.as2.mdn import judge, read_mdn
from gateway.transport.as2.mic import Mic
from gateway.transport.as2.terms import Terms
from gateway.transport.base import Outcome, Proof, Receipt, Sent
from gateway.transport.spool import Spool

RECEIPTS = ("multipart/report", "multipart/signed", "application/pkcs7-mime", "application/x-pkcs7-mime")
PASSING = ("unexpected-processing-error",)
"""Modifiers of a disposition after which the same message may be taken later. RFC 4130, 7.5.3."""

_BUSY = (408, 425, 429, 503)
_PROOF = {"delivered": Proof.RECEIVED, "refused": Proof.REFUSED, "mismatch": Proof.MISMATCH}
_LATER = "It is tried again; if it stays, ask the partner what its server says of it"
_PLACE = "Ask the partner for the URL that takes AS2 messages, and correct url in its file"
_FIXES = {
    401: "Ask the partner for the login of its server, and correct username and password in its file",
    403: "Ask the partner to let our address, login or certificate in, and compare the AS2 names of both sides",
    404: _PLACE,
    405: _PLACE,
    407: "A proxy stands between and wants a login; let the gateway reach the partner without it",
    410: _PLACE,
    501: _PLACE,
    505: _PLACE,
}
_DOCUMENT = {
    400: "Compare the AS2 names and what was agreed on with the partner",
    413: "Ask the partner to take larger messages, or send fewer records in one (batch_max)",
    415: "Ask the partner which content type it takes, and correct content_type in its file",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What was sent: enough to judge a receipt. ``again`` makes the MIC under another algorithm."""

    message_id: str
    mic: Mic
    again: Callable[[str], Mic] | None = None


def outcome(answer: Answer, posted: Posted, *, terms: Terms, where: str, at: datetime) -> Outcome:
    """How the send ended. Raises PartnerRefused where a person must act before anything is sent, PartnerUnreachable
    where the server took nothing and may be asked again."""
    if not 200 <= answer.status < 300:
        return _declined(answer, where, at)
    if terms.mdn == "none":
        return Outcome.delivered("the server took it; no receipt was agreed on")
    if answer.body is None:
        why = f"the server answered with more than {ANSWER_MAX} bytes, which is no receipt"
        return Outcome(Sent.UNKNOWN, why, receipt=_oversized(posted, answer, why))
    if not answer.body.strip() or read_value(answer.get("Content-Type")).kind not in RECEIPTS:
        if terms.mdn == "async":
            return Outcome(Sent.AWAITED)
        what = "with something that is no receipt" if answer.body.strip() else "with nothing"
        return Outcome.unknown(f"the server answered {what}, and a receipt was asked for")
    found = receipt(answer.headers, answer.body, posted, terms=terms, at=at)
    if found.state is Proof.RECEIVED:
        return Outcome(Sent.DELIVERED, receipt=found)
    if found.state is Proof.REFUSED and not found.disposition.endswith(PASSING):
        return Outcome(Sent.REFUSED, found.reason, receipt=found)
    return Outcome(Sent.UNKNOWN, found.reason, receipt=found)


def receipt(headers: Fields, body: bytes, posted: Posted, *, terms: Terms, at: datetime) -> Receipt:
    """What a receipt proves of what was posted. FORGED where it is none of the partner's, or for another message."""
    bare = Receipt(message_id=posted.message_id, state=Proof.FORGED, headers=tuple(headers), body=body)
    with Spool() as spool:
        spool.write(body)
        try:
            read = read_mdn(headers, spool, terms=terms, at=at)
        except As2Refused as error:
            return replace(bare, reason=f"the receipt does not count: {error.what}")
    mic = read.mic or Mic("", "")
    said = replace(bare, disposition=read.disposition.short, mic=mic.digest, mic_algorithm=mic.algorithm)
    if not read.answers(posted.message_id):
        return replace(said, reason="the receipt does not count: it is for another message")
    judged = judge(read, posted.mic, posted.again)
    return replace(said, state=_PROOF[judged.verdict], reason=judged.why)


def _declined(answer: Answer, where: str, at: datetime) -> Outcome:
    """What a status says that is no success."""
    status, what = answer.status, f"the server answered {answer.status}"
    wait_s = wait_asked_s(answer, at)
    if status in _BUSY:
        raise PartnerUnreachable(what, where=where, fix=_LATER, wait_s=wait_s)
    if 300 <= status < 400:
        raise PartnerRefused(f"{what}: its URL has moved", where=where, fix=_PLACE)
    if status in _FIXES:
        raise PartnerRefused(what, where=where, fix=_FIXES[status])
    if status >= 500 or status < 200:  # Something behind the server may have taken it; or the answer was yet to come.
        return Outcome(Sent.UNKNOWN, what, wait_s=wait_s)
    fix = _DOCUMENT.get(status, "Ask the partner what its server has against this message")
    return Outcome.refused(f"{what}. {fix}")


def _oversized(posted: Posted, answer: Answer, why: str) -> Receipt:
    return Receipt(message_id=posted.message_id, state=Proof.FORGED, reason=why, headers=answer.headers)
