"""Builds AS2 messages: documents, wrapped, signed and encrypted while they are sent. RFC 4130, 5402, 6362.

A document is read once to be hashed and once to be sent; only compression needs a spool. The same documents under the
same message id and terms have the same MIC for ever.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import BinaryIO, cast

from gateway.transport.as2.filenames import disposition_value
from gateway.transport.as2.mic import SPELLINGS, Mic, digests_of
from gateway.transport.as2.names import quoted
from gateway.transport.as2.stream import Content, Joined, Payload, Reading
from gateway.transport.as2.terms import Terms
from gateway.transport.as2.transfer import fits
from gateway.transport.cms import USUAL, Certificate, Sized, compressed, encrypted, sign
from gateway.transport.spool import NewSpool, Spool

VERSION = "1.2"
"""RFC 6017, 4: compression, and features that are named."""
FEATURES = "multiple-attachments"

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A document of ours. ``source`` opens it anew each time; ``size`` is its bytes; ``name`` may be ""."""

    name: str
    content_type: str
    source: Callable[[], BinaryIO]
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A request, or the answer to one: HTTP headers without Content-Length, and a body of ``length`` bytes.

    ``chunks`` makes the body anew each time; what is encrypted is so under another key each time.
    """

    headers: Pairs
    mic: Mic | None = None
    _body: Content = field(repr=False)
    _covered: Content | None = field(default=None, repr=False)

    @property
    def length(self) -> int:
        return self._body.length

    def chunks(self) -> Iterator[bytes]:
        return self._body.chunks()

    def mic_as(self, algorithm: str) -> Mic:
        """The MIC under another algorithm, for a receipt that gives back another one than was asked for."""
        assert self._covered is not None, "a receipt has no MIC of its own"
        return Mic.of(digests_of(self._covered.chunks(), [algorithm])[algorithm], algorithm)


@dataclass(frozen=True, slots=True)
class Made:
    """An entity that is being built: its headers and its content."""

    headers: Pairs
    body: Content

    @property
    def whole(self) -> Content:
        return Joined([head(self.headers), self.body])


def build(parts: Sequence[Part], *, message_id: str, terms: Terms, at: datetime, spool: NewSpool) -> Outgoing:
    """The message that takes these documents to the partner. ``message_id`` has its brackets; ``at`` is now, aware.

    Raises GatewayError where there is no certificate to use now, or a document is not as long as was said; Weak where
    an algorithm is not allowed.
    """
    assert parts, "a message carries a document"
    made = _documents(parts, message_id, terms)
    # What the MIC covers, RFC 4130, 7.3.1 and RFC 5402, 4: no headers only where they go by HTTP.
    covered = made.whole if terms.encrypt or terms.compress else made.body
    if terms.compress == "before" or (terms.compress and not terms.sign):
        made = _compressed(made, spool)
    covered = made.whole if terms.sign else covered
    algorithm = terms.sign or "sha256"
    digest = digests_of(covered.chunks(), [algorithm])[algorithm]
    if terms.sign:
        made = signed(made, digest, algorithm, mark=message_id, terms=terms, at=at)
        if terms.compress == "after":
            made = _compressed(made, spool)
    if terms.encrypt:
        made = _encrypted(made, terms.recipient(at), terms)
    headers = envelope_headers(message_id, terms, at)
    headers += [("Subject", terms.subject), *receipt_headers(terms, algorithm), *made.headers]
    return Outgoing(headers=headers, mic=Mic.of(digest, algorithm), _body=made.body, _covered=covered)


def envelope_headers(message_id: str, terms: Terms, at: datetime) -> Pairs:
    """What every AS2 request of ours starts with."""
    return [
        ("AS2-Version", VERSION),
        ("EDIINT-Features", FEATURES),
        ("AS2-From", quoted(terms.us)),
        ("AS2-To", quoted(terms.them)),
        ("Message-ID", message_id),
        ("Date", format_datetime(at)),
        ("MIME-Version", "1.0"),
    ]


def receipt_headers(terms: Terms, algorithm: str) -> Pairs:
    """The receipt that we ask for. RFC 4130, 7.3."""
    if terms.mdn == "none":
        return []
    headers = [("Disposition-Notification-To", terms.mdn_url or quoted(terms.us))]
    if terms.mdn_signed:
        options = "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, "
        headers.append(("Disposition-Notification-Options", options + SPELLINGS[algorithm]))
    if terms.mdn == "async":
        assert terms.mdn_url, "settings name where receipts are to go"
        headers.append(("Receipt-Delivery-Option", terms.mdn_url))
    return headers


def signed(made: Made, digest: bytes, algorithm: str, *, mark: str, terms: Terms, at: datetime) -> Made:
    """``multipart/signed`` around an entity of this digest. RFC 1847; RFC 8551, 3.5.3."""
    outgoing = USUAL | terms.allow
    signature = sign(digest, algorithm, terms.signer(at), at=at, pss=terms.pss, allowed=outgoing)
    boundary = _boundary("signed", mark)
    line = f"--{boundary}".encode()
    described = head(
        [
            ("Content-Type", "application/pkcs7-signature; name=smime.p7s"),
            ("Content-Transfer-Encoding", "base64"),
            ("Content-Disposition", 'attachment; filename="smime.p7s"'),
        ]
    )
    letters = base64.encodebytes(signature).replace(b"\n", b"\r\n")
    after = b"\r\n" + line + b"\r\n" + described + letters + line + b"--\r\n"
    kind = (
        f'multipart/signed; protocol="application/pkcs7-signature"; micalg={SPELLINGS[algorithm]}; '
        f'boundary="{boundary}"'
    )
    return Made([("Content-Type", kind)], Joined([line + b"\r\n", made.whole, after]))


def head(headers: Pairs) -> bytes:
    """A header block with its empty line."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode() + b"\r\n"


def multipart(kind: str, entities: Sequence[Made], *, mark: str, parameters: str = "") -> Made:
    """Entities as the parts of one."""
    boundary = _boundary(kind, mark)
    pieces: list[Content | bytes] = []
    for each in entities:
        pieces += [f"--{boundary}\r\n".encode(), each.whole, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return Made([("Content-Type", f'multipart/{kind}{parameters}; boundary="{boundary}"')], Joined(pieces))


def _documents(parts: Sequence[Part], message_id: str, terms: Terms) -> Made:
    entities = [_document(each, terms) for each in parts]
    if len(entities) == 1:
        return entities[0]
    kind = f'; type="{parts[0].content_type or terms.content_type}"'
    return multipart("related", entities, mark=message_id, parameters=kind)


def _document(part: Part, terms: Terms) -> Made:
    encoding = terms.transfer_encoding
    if encoding in ("8bit", "7bit") and not fits(Payload(part.source, part.size, "binary").chunks(), encoding):
        encoding = "binary"  # A reader that converts line ends would find the signature wrong.
    headers = [("Content-Type", part.content_type or terms.content_type), ("Content-Transfer-Encoding", encoding)]
    if part.name and terms.send_names:
        headers.append(("Content-Disposition", disposition_value(part.name)))
    return Made(headers, Payload(part.source, part.size, encoding))


def _compressed(made: Made, spool: NewSpool) -> Made:
    """RFC 3274; RFC 5402, 3."""
    with spool() as work:
        sized = compressed(_file(made.whole), work)
        target = spool()
        sized.write_to(target)
    headers = _pkcs7("compressed-data", "smime.p7z")
    return Made(headers, _Spooled(target))


def _encrypted(made: Made, recipient: Certificate, terms: Terms) -> Made:
    outgoing = USUAL | terms.allow
    whole = made.whole

    def seal() -> Sized:
        return encrypted(
            _file(whole),
            whole.length,
            [recipient],
            cipher=terms.encrypt,
            key_transport=terms.key_transport,
            allowed=outgoing,
        )

    kind = "authEnveloped-data" if terms.encrypt.endswith("-gcm") else "enveloped-data"
    return Made(_pkcs7(kind, "smime.p7m"), _Sealed(seal))


def _pkcs7(kind: str, name: str) -> Pairs:
    return [
        ("Content-Type", f"application/pkcs7-mime; smime-type={kind}; name={name}"),
        ("Content-Transfer-Encoding", "binary"),
        ("Content-Disposition", f'attachment; filename="{name}"'),
    ]


class _Sealed:
    """Content that is encrypted anew each time that it is made; its length stays, as all parts of it do."""

    def __init__(self, seal: Callable[[], Sized]) -> None:
        self._seal = seal
        self._next: Sized | None = seal()
        self.length = self._next.length

    def chunks(self) -> Iterator[bytes]:
        sized, self._next = self._next or self._seal(), None
        return iter(sized)


class _Spooled:
    """Content that lies in a spool."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self.length = spool.size

    def chunks(self) -> Iterator[bytes]:
        return self._spool.window().pieces()


def _boundary(kind: str, mark: str) -> str:
    """The same for the same message: its MIC must be so too."""
    return f"=_{hashlib.sha256(f'{kind} {mark}'.encode()).hexdigest()[:40]}"


def _file(content: Content) -> BinaryIO:
    return cast(BinaryIO, Reading(content))
