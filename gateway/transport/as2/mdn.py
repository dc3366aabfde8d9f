"""Receipts: message disposition notifications, built, read, and held against what was sent. RFC 4130, 7; RFC 8098.

A receipt counts where one entity is signed as a whole under a pinned certificate and says by itself which message it is
for. What stands beside or around that entity is not read. The text for people never carries content of a message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from gateway.transport.as2.building import Made, Outgoing, envelope_headers, head, multipart, signed
from gateway.transport.as2.disposition import AUTHENTICATION_FAILED, As2Refused, Disposition
from gateway.transport.as2.headers import Headers
from gateway.transport.as2.layers import Layer, layer_of
from gateway.transport.as2.mic import Mic, digests_of
from gateway.transport.as2.mime import Entity, checked_headers, read_entity, split
from gateway.transport.as2.names import bare_id, quoted, unquoted
from gateway.transport.as2.signed import opened_signature
from gateway.transport.as2.stream import Text
from gateway.transport.as2.terms import Terms
from gateway.transport.as2.transfer import ENCODED, PLAIN, BadEncoding, decoded
from gateway.transport.as2.wanted import MdnWanted
from gateway.transport.cms import Certificate
from gateway.transport.spool import Spool, Window

REPORTER = "Therapy gateway"
RECEIPT_MAX = 1024 * 1024
"""Bytes; some products send the original message's headers back, none its content."""
_UNFOLDED_MAX = 255


def build_mdn(
    wanted: MdnWanted,
    disposition: Disposition,
    mic: Mic | None,
    *,
    terms: Terms,
    at: datetime,
    message_id: str,
    why: str = "",
) -> Outgoing:
    """The receipt that a message asked for; signed where it asked for that and we have a key.

    ``why`` is a sentence for people, such as the reason of an As2Refused, without content of the message. The same body
    serves as the answer itself and as a request of its own to ``wanted.url``. Raises GatewayError where it is to be
    signed and there is no certificate to use now.
    """
    said = Made(
        [("Content-Type", "text/plain; charset=utf-8"), ("Content-Transfer-Encoding", "8bit")],
        Text(_sentences(wanted, disposition, at, why).encode()),
    )
    machine = Made(
        [("Content-Type", "message/disposition-notification"), ("Content-Transfer-Encoding", "7bit")],
        Text(_fields(wanted, disposition, mic)),
    )
    kind = "; report-type=disposition-notification"
    made = multipart("report", [said, machine], mark=message_id, parameters=kind)
    if wanted.signed:
        algorithm, _ = wanted.algorithm(terms.digests) or (terms.sign or "sha256", "")
        digest = digests_of(made.whole.chunks(), [algorithm])[algorithm]
        made = signed(made, digest, algorithm, mark=message_id, terms=terms, at=at)
    headers = [*envelope_headers(message_id, terms, at), ("Subject", "Receipt"), *made.headers]
    return Outgoing(headers=headers, _body=made.body)


def _sentences(wanted: MdnWanted, disposition: Disposition, at: datetime, why: str) -> str:
    """What happened, in plain words. RFC 8098, 3."""
    if disposition.good:
        told = "was received, and its documents are stored. What they say has not been looked at yet."
    else:
        told = f"was NOT taken: {disposition.modifier or disposition.kind}."
    lines = [f"Message {wanted.message_id[:_UNFOLDED_MAX]} from {wanted.as2_from} to {wanted.as2_to} {told}"]
    lines += [why] if why else []
    lines.append(f"This receipt was made on {at:%Y-%m-%d at %H:%M:%S %Z}.")
    return "\r\n".join(lines) + "\r\n"


def _fields(wanted: MdnWanted, disposition: Disposition, mic: Mic | None) -> bytes:
    """RFC 8098, 3.2; RFC 4130, 7.4.2. The recipient's address is its AS2 name."""
    name = f"rfc822; {quoted(wanted.as2_to)}"
    fields = [
        ("Reporting-UA", REPORTER),
        ("Original-Recipient", name),
        ("Final-Recipient", name),
        ("Original-Message-ID", _folded(wanted.message_id)),
        ("Disposition", str(disposition)),
    ]
    if mic is not None:
        fields.append(("Received-Content-MIC", str(mic)))
    return head(fields)


def _folded(message_id: str) -> str:
    """As it came, on a line of its own where it would make one that is longer than a line may be. RFC 5322, 2.1.1."""
    return message_id if len(message_id) <= _UNFOLDED_MAX else f"\r\n {message_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mdn:
    """A receipt that counts. ``signed_by`` is None only where the terms ask for none that is signed."""

    original_message_id: str
    disposition: Disposition
    mic: Mic | None
    signed_by: Certificate | None
    as2_from: str  # "" where an answer names nobody
    as2_to: str

    def answers(self, message_id: str) -> bool:
        """It is for this message."""
        return bare_id(self.original_message_id) == bare_id(message_id)


def read_mdn(headers: Iterable[tuple[str, str]], body: Spool | Window, *, terms: Terms, at: datetime) -> Mdn:
    """A receipt of the partner. Raises As2Refused for anything that is not one, or that proves nothing."""
    read = Headers(headers)
    window = body.window() if isinstance(body, Spool) else body.again()
    if window.size > RECEIPT_MAX:
        raise _no_receipt(f"it is larger than {RECEIPT_MAX} bytes")
    names = unquoted(read.get("AS2-From")), unquoted(read.get("AS2-To"))
    if names not in ((terms.them, terms.us), ("", "")):
        raise _no_receipt("its AS2 names are not those of the partner and us")
    entity, signed_by = Entity(read, window), None
    if layer_of(entity) in (Layer.SIGNED, Layer.OPAQUE):
        found = opened_signature(entity, terms=terms, at=at, spool=Spool)
        entity, signed_by = read_entity(found.content, terms.limits), found.certificate
    if entity.type.kind != "multipart/report":
        raise _no_receipt("what is signed is no report" if signed_by else "it is no report")
    if signed_by is None and terms.mdn_signed:
        raise _no_receipt("it is not signed, and a signed one was asked for")
    fields = _report(entity, terms)
    disposition = Disposition.read(fields.get("Disposition"))
    if disposition is None:
        raise _no_receipt("it has no disposition")
    if not bare_id(fields.get("Original-Message-ID")):
        raise _no_receipt("it does not say which message it is for")
    mic = Mic.read(fields.get("Received-Content-MIC"))
    if mic is None and disposition.good and terms.mdn_signed:
        raise _no_receipt("it has no MIC that can be read, so it does not prove what was received")
    return Mdn(
        original_message_id=fields.get("Original-Message-ID"),
        disposition=disposition,
        mic=mic,
        signed_by=signed_by,
        as2_from=names[0],
        as2_to=names[1],
    )


def _report(entity: Entity, terms: Terms) -> Headers:
    """The fields of the one machine-readable part."""
    parts = [read_entity(each, terms.limits) for each in split(entity.body, entity.type.get("boundary"), terms.limits)]
    machine = [each for each in parts if each.type.kind == "message/disposition-notification"]
    if len(machine) != 1:
        raise _no_receipt(f"it has {len(machine)} machine-readable parts and not one")
    encoding, body = machine[0].encoding, machine[0].body.again()
    if encoding not in PLAIN | ENCODED:
        raise _no_receipt("its machine-readable part has a transfer encoding that is not known")
    try:
        block = body.read() if encoding in PLAIN else b"".join(decoded(body.pieces(), encoding))
    except BadEncoding as error:
        raise _no_receipt(error.what) from error
    return checked_headers(block, terms.limits)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a receipt means for what was sent; ``why`` says it in words, "" where it was delivered."""

    verdict: Literal["delivered", "refused", "mismatch"]
    why: str = ""


def judge(mdn: Mdn, sent: Mic, again: Callable[[str], Mic] | None = None) -> Judgement:
    """Holds a receipt against the MIC of what was sent. ``again`` makes that MIC under another algorithm, where the
    partner gave back another one than was asked for: ``Outgoing.mic_as``.
    """
    if not mdn.disposition.good:
        return Judgement("refused", f"the partner did not take it: {mdn.disposition.short}")
    if mdn.mic is None:
        return Judgement("delivered")
    if mdn.mic.algorithm != sent.algorithm:
        if again is None:
            return Judgement("mismatch", f"the receipt's MIC is {mdn.mic.algorithm}, and {sent.algorithm} was sent")
        sent = again(mdn.mic.algorithm)
    if not mdn.mic.same(sent):
        return Judgement("mismatch", "the partner received other content than was sent: the MICs differ")
    return Judgement("delivered")


def _no_receipt(what: str) -> As2Refused:
    fix = "The message is not known to have arrived; ask the partner, and for a receipt as was agreed on"
    return As2Refused(AUTHENTICATION_FAILED, what, where="receipt", fix=fix)
