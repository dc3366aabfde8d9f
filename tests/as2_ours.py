"""Our own AS2 in the shape of a peer, so that the matrix drives all sides alike. It stands in for HTTP with a header
block: what of a message's headers is the request's goes in and out as lines.

Whatever is asked for is allowed here, and what was found is told; what a partner's file lets in has tests of its own.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

from as2_peers import Built, Opened, PeerFailed, Receipt, Wish

from gateway.transport.as2.mdn import build_mdn, judge, read_mdn
from gateway.transport.as2.message import (
    As2Refused,
    Disposition,
    MdnWanted,
    Mic,
    Outgoing,
    Part,
    build,
    open_message,
)
from gateway.transport.as2.terms import Terms
from gateway.transport.cms import Identity
from gateway.transport.cms.algorithms import WEAK
from gateway.transport.spool import Spool

MESSAGE_ID = "<20260302T150000Z.1@us.example>"


class Ours:
    """Built on ``gateway.transport.as2``. ``at`` is the instant of every message, the files' certificates are valid."""

    name = "ours"

    def __init__(self, keys: Path) -> None:
        self._keys = keys
        self._at = datetime.now(UTC)
        self._identities: dict[str, Identity] = {}
        self._sent: Outgoing | None = None

    def build(self, payload: bytes, wish: Wish) -> Built:
        return self.build_several({wish.name: payload}, wish)

    def build_several(self, payloads: Mapping[str, bytes], wish: Wish) -> Built:
        """One message with several documents, by name."""
        parts = [
            Part(name=name, content_type=wish.type, source=partial(BytesIO, payload), size=len(payload))
            for name, payload in payloads.items()
        ]
        wanted = {
            "sign": wish.sign,
            "pss": wish.pss,
            "encrypt": wish.encrypt,
            "key_transport": wish.transport,
            "compress": wish.compress,
            "transfer_encoding": wish.encoding,
        }
        terms = self.terms(wish.me, wish.you, **wanted)
        built = self._sent = build(parts, message_id=MESSAGE_ID, terms=terms, at=self._at, spool=Spool)
        assert built.mic is not None
        return Built(_lines(built), built.mic.digest, built.mic.algorithm)

    def open(self, entity: bytes, *, me: str, you: str) -> Opened:
        (found,) = self.open_several(entity, me=me, you=you)
        return found

    def open_several(self, entity: bytes, *, me: str, you: str) -> list[Opened]:
        """Each document of a message."""
        terms = self.terms(me, you)
        headers, body = _request(entity, you, me)
        try:
            opened = open_message(headers, body, terms=terms, spool=Spool, at=self._at)
        except As2Refused as refused:
            raise PeerFailed(f"{refused.disposition.short}: {refused.what}") from refused
        layers = {"encrypted": opened.cipher, "compressed": opened.compressed, "signed": opened.signed_with}
        return [
            Opened(
                payload=part.open().read(),
                mic=opened.mic.digest,
                mic_algorithm=opened.mic.algorithm,
                type=part.content_type,
                name=part.name,
                layers=tuple(name for name, found in layers.items() if found),
            )
            for part in opened.parts
        ]

    def build_mdn(self, receipt: Receipt, *, me: str, you: str) -> bytes:
        disposition = Disposition.read(receipt.disposition)
        assert disposition is not None
        wanted = MdnWanted(
            message_id=receipt.message_id,
            as2_from=_name(you),
            as2_to=_name(me),
            to=_name(you),
            signed=bool(receipt.signed),
            algorithms=(receipt.signed,),
        )
        mic = Mic(receipt.mic, receipt.mic_algorithm) if receipt.mic else None
        terms = self.terms(me, you, pss=receipt.pss)
        return _lines(build_mdn(wanted, disposition, mic, terms=terms, at=self._at, message_id="<mdn@us.example>"))

    def read_mdn(self, entity: bytes, *, me: str, you: str) -> Receipt:
        """Beside what it says: PeerFailed where it does not prove that what was built last arrived."""
        terms = self.terms(me, you, mdn_signed=False)
        headers, body = _request(entity, you, me)
        try:
            mdn = read_mdn(headers, body, terms=terms, at=self._at)
        except As2Refused as refused:
            raise PeerFailed(f"{refused.disposition.short}: {refused.what}") from refused
        if self._sent is not None and self._sent.mic is not None:
            judgement = judge(mdn, self._sent.mic, again=self._sent.mic_as)
            if judgement.verdict != "delivered" or not mdn.answers(MESSAGE_ID):
                raise PeerFailed(judgement.why or "it is for another message")
        return Receipt(
            message_id=mdn.original_message_id,
            disposition=str(mdn.disposition),
            mic=mdn.mic.digest if mdn.mic else "",
            mic_algorithm=mdn.mic.algorithm if mdn.mic else "",
            signed=mdn.signed_by.fingerprint if mdn.signed_by else "",
        )

    def close(self) -> None:
        """Nothing stays open."""

    def terms(self, me: str, you: str, **wanted: Any) -> Terms:
        """What one party and another agreed on, seen from ``me``: anything goes."""
        certificate = self._loaded(you).certificate
        return Terms(
            partner="peer",
            us=_name(me),
            them=_name(you),
            require_signature=False,
            require_encryption=False,
            allow=WEAK,
            our_signers=[self._loaded(me)],
            our_decryptors=[self._loaded(me)],
            their_signers=[certificate],
            their_encryption=[certificate],
            **wanted,
        )

    def _loaded(self, name: str) -> Identity:
        if name not in self._identities:
            certificate, key = ((self._keys / f"{name}.{kind}").read_bytes() for kind in ("crt", "key"))
            self._identities[name] = Identity.load(certificate, key)
        return self._identities[name]


def _name(keys: str) -> str:
    """The AS2 name of who holds a key pair."""
    return keys.removesuffix("_ec").upper()


def _lines(outgoing: Outgoing) -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in outgoing.headers)
    return head.encode() + b"\r\n" + b"".join(outgoing.chunks())


def _request(entity: bytes, sender: str, reader: str) -> tuple[list[tuple[str, str]], Spool]:
    """The entity as it would come by HTTP: the headers of the entity beside those of AS2."""
    head, _, content = entity.partition(b"\r\n\r\n")
    text = re.sub(r"\r\n[ \t]+", " ", head.decode("latin-1"))
    pairs = [(name, value.strip()) for name, _, value in (line.partition(":") for line in text.split("\r\n"))]
    ours = {
        "AS2-Version": "1.2",
        "AS2-From": _name(sender),
        "AS2-To": _name(reader),
        "Message-ID": MESSAGE_ID,
        "Disposition-Notification-To": "them@example.org",
        "Disposition-Notification-Options": "signed-receipt-protocol=optional, pkcs7-signature",
    }
    own = {name.lower() for name in ours}
    body = Spool()
    body.write(content)
    return [*ours.items(), *((name, value) for name, value in pairs if name.lower() not in own)], body
