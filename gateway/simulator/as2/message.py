"""Messages as MIME and CMS: built for the partner, and opened down to their payloads, with the MIC of each.

What the MIC is over: the signed part; of an encrypted or compressed message without a signature the whole entity
inside, header fields and all; of a bare message its content alone (RFC 4130, 7.3.1; RFC 5402, 3). Compression may stand
inside of the signature or outside.
"""

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from email.message import Message

from cryptography import x509

from gateway.simulator.as2 import cms
from gateway.simulator.as2.agreement import Agreement
from gateway.simulator.as2.cms import CmsRefused
from gateway.simulator.as2.identity import Identity
from gateway.simulator.as2.mime import Entity, MimeRefused, base64_lines, entity, multipart, parse

DEPTH_MAX = 6
PKCS7 = ("application/pkcs7-mime", "application/x-pkcs7-mime")
DASHED = {"sha256": "sha-256", "sha384": "sha-384", "sha512": "sha-512"}  # RFC 5751, 3.4.3.2.


@dataclass(frozen=True, slots=True)
class Built:
    """A message's own header fields (no AS2 names, no Message-ID), its content, and the MIC of its receipt."""

    headers: tuple[tuple[str, str], ...]
    content: bytes
    mic: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A message's inside. ``digest`` is that of the signature, "" without one; ``mic_of`` computes the MIC."""

    entity: Entity
    covered: bytes
    digest: str = ""
    encrypted: bool = False
    compressed: bool = False

    def payloads(self) -> list[bytes]:
        """The payload, or one for each attachment."""
        if self.entity.type in ("multipart/related", "multipart/mixed"):
            return [each.decoded() for each in self.entity.parts()]
        return [self.entity.decoded()]

    def mic(self, digest: str) -> str:
        return mic(self.covered, digest)


def mic(covered: bytes, digest: str) -> str:
    """``<base64>, <algorithm>`` as it stands in Received-Content-MIC."""
    return f"{base64.b64encode(hashlib.new(digest, covered).digest()).decode()}, {DASHED.get(digest, digest)}"


def same_mic(one: str, other: str) -> bool:
    """Whether two MICs are the same, whatever the spelling of the algorithm."""
    return _plain(one) == _plain(other)


def _plain(told: str) -> tuple[str, str]:
    value, _, algorithm = told.partition(",")
    return value.strip(), algorithm.strip().lower().replace("-", "")


# Building.


def build(payload: bytes, name: str, agreement: Agreement, own: Identity, partner: x509.Certificate | None) -> Built:
    """A message as the agreement wants it. ``name`` becomes the file name of the attachment."""
    headers = (
        ("Content-Type", agreement.content_type),
        ("Content-Transfer-Encoding", "binary"),
        ("Content-Disposition", f'attachment; filename="{name}"'),
    )
    inside = entity(headers, payload)
    covered = inside if agreement.sign or agreement.encrypt or agreement.compress else payload
    if agreement.compress == "before":
        inside = _pkcs7("compressed-data", cms.compress(inside))
    if agreement.sign:
        covered = inside
        inside = signed(inside, own, agreement.sign)
    if agreement.compress == "after":
        inside = _pkcs7("compressed-data", cms.compress(inside))
    if agreement.encrypt:
        assert partner is not None, "the agreement has been checked"
        inside = _pkcs7("enveloped-data", cms.encrypt(inside, partner, agreement.encrypt))
    outside = parse(inside)
    fields = tuple((key, str(value)) for key, value in outside.headers.items())
    return Built(fields, outside.content, mic(covered, agreement.sign or "sha256"))


def signed(inside: bytes, own: Identity, digest: str) -> bytes:
    """A multipart/signed over an entity."""
    signature = entity(
        (
            ("Content-Type", "application/pkcs7-signature; name=smime.p7s"),
            ("Content-Transfer-Encoding", "base64"),
            ("Content-Disposition", "attachment; filename=smime.p7s"),
        ),
        base64_lines(cms.sign(inside, own, digest)),
    )
    boundary, content = multipart([inside, signature])
    protocol = f'protocol="application/pkcs7-signature"; micalg={DASHED[digest]}'
    return entity([("Content-Type", f'multipart/signed; {protocol}; boundary="{boundary}"')], content)


def _pkcs7(kind: str, der: bytes) -> bytes:
    headers = (
        ("Content-Type", f"application/pkcs7-mime; smime-type={kind}; name=smime.p7m"),
        ("Content-Transfer-Encoding", "binary"),
        ("Content-Disposition", "attachment; filename=smime.p7m"),
    )
    return entity(headers, der)


# Opening.


def outermost(headers: Message, body: bytes) -> Entity:
    """What came in the body of a request or an answer, under the header fields of HTTP."""
    return Entity(headers, body, body)


def open_message(outer: Entity, own: Identity, trusted: Sequence[x509.Certificate], limit: int) -> Opened:
    """Takes layer by layer off; CmsRefused with the word for the failure. ``limit``: bytes after decompression."""
    opened = Opened(outer, outer.content)
    try:
        for _ in range(DEPTH_MAX):
            peel = _peel(opened, own, trusted, limit)
            if peel is None:
                return opened
            opened = peel
    except MimeRefused as error:
        raise CmsRefused("unexpected-processing-error", str(error)) from error
    raise CmsRefused("unexpected-processing-error", "too many layers")


def _peel(opened: Opened, own: Identity, trusted: Sequence[x509.Certificate], limit: int) -> Opened | None:
    """One layer less, None where the payload is reached."""
    kind = opened.entity.type
    if kind == "multipart/signed":
        return _verified(opened, trusted)
    if kind not in PKCS7:
        return None
    der = opened.entity.decoded()
    peels: dict[str, Callable[[], Opened]] = {
        "enveloped_data": lambda: replace(_inside(opened, cms.decrypt(der, own)), encrypted=True),
        "compressed_data": lambda: replace(_inside(opened, cms.decompress(der, limit)), compressed=True),
    }
    found = cms.kind(der)
    if found not in peels:
        raise CmsRefused("unexpected-processing-error", "a kind of CMS that is not used here")
    return peels[found]()


def _inside(opened: Opened, raw: bytes) -> Opened:
    """With the entity that was found inside; the MIC is over it unless a signature has settled that already."""
    return replace(opened, entity=parse(raw), covered=opened.covered if opened.digest else raw)


def _verified(opened: Opened, trusted: Sequence[x509.Certificate]) -> Opened:
    parts = opened.entity.parts()
    if len(parts) != 2 or opened.digest:
        raise CmsRefused("authentication-failed", "not one part and its signature")
    content, signature = parts
    digest = cms.verify(content.raw, signature.decoded(), trusted)
    return replace(opened, entity=content, covered=content.raw, digest=digest)
