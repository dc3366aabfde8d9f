"""Reads signatures, detached and around their content. RFC 5652, 5; RFC 8551, 2.5 and 3.5.

A signature counts only under a pinned certificate that is handed in. Certificates inside of a message are skipped, and
so is every signer that is not pinned. Never looks at validity periods: who hands in a certificate says that it counts.
"""

import hashlib
import hmac
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from gateway.transport.cms.algorithms import (
    DATA,
    DIGESTS,
    SIGNATURES,
    SIGNED_DATA,
    USUAL,
    SignatureKind,
    digest_name,
    hash_of,
    identified,
    read_pss,
    require,
    understood,
)
from gateway.transport.cms.ber import OCTET_STRING, SEQUENCE, SET, SMALL_MAX, Reader, children, content, octets, tlv
from gateway.transport.cms.certificates import Certificate
from gateway.transport.cms.errors import (
    CmsError,
    ContentAltered,
    Malformed,
    SignatureWrong,
    SignerUnknown,
    TooLarge,
    Weak,
)
from gateway.transport.cms.naming import Name
from gateway.transport.cms.signing import CONTENT_TYPE, MESSAGE_DIGEST
from gateway.transport.cms.streams import Source, Target, closed_on_error

SIGNERS_MAX = 32

_CERTIFICATES, _REVOCATIONS, _CONTENT = 0xA0, 0xA1, 0xA0
_SIGNED_ATTRIBUTES, _UNSIGNED_ATTRIBUTES = 0xA0, 0xA1
_ANEW = "Ask the sender to sign it again, with the key that they gave us the certificate of"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Whose signature counts, the digest algorithm it was made with, and the content's digests by algorithm."""

    certificate: Certificate
    algorithm: str
    digests: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Signer:
    name: Name
    digest: str
    attributes: tuple[bytes, ...] | None  # as they came; None where nothing but the content is signed
    method: str  # object identifier
    parameters: bytes
    signature: bytes


def digest_algorithms(signature: bytes) -> tuple[str, ...]:
    """What must be hashed to verify this detached signature: names of DIGESTS, of all its signers.

    Digests that are unknown here, such as MD5, are left out; ``verify`` refuses them. Raises Malformed or TooLarge.
    """
    return tuple(dict.fromkeys(each.digest for each in _detached(signature) if each.digest in DIGESTS))


def verify(
    signature: bytes,
    digests: Mapping[str, bytes],
    pinned: Sequence[Certificate],
    *,
    allowed: Collection[str] = USUAL,
) -> Verified:
    """Whose detached signature this is, over content with these digests (by names of DIGESTS).

    One signer that is pinned and whose signature is good is enough. Otherwise raises, of all signers, what says most:
    SignatureWrong, Weak, SignerUnknown; Malformed or TooLarge where the structure itself cannot be read. A signature
    without signed attributes covers the content itself, so the same bytes can be passed off as the signature of
    something that looks like such attributes: content must be a MIME entity to count.
    """
    return _judged(_detached(signature), digests, pinned, allowed)


def read_signed(
    source: Source, target: Target, pinned: Sequence[Certificate], *, allowed: Collection[str] = USUAL
) -> Verified:
    """Opens a SignedData that carries its content: writes that to the target, and says who signed it.

    Raises what ``verify`` raises; the target is closed then.
    """
    with closed_on_error(target):
        reader = Reader(source)
        announced = _enter(reader)
        reader.enter(SEQUENCE)
        _require_data(reader)
        if reader.at_end():
            raise Malformed("the signature has no content in it", fix="Ask the sender for multipart/signed with both")
        reader.enter(_CONTENT)
        running = {name: hashlib.new(name) for name in announced if name in DIGESTS and name in allowed}
        for piece in reader.octets(OCTET_STRING):
            for each in running.values():
                each.update(piece)
            target.write(piece)
        reader.leave()
        reader.leave()
        signers = _signers(reader)
        return _judged(signers, {name: each.digest() for name, each in running.items()}, pinned, allowed)


def _detached(signature: bytes) -> list[_Signer]:
    if len(signature) > SMALL_MAX:
        raise TooLarge(
            f"the signature has {len(signature)} bytes, more than {SMALL_MAX}",
            fix="Ask the sender to leave out certificates that are not needed",
        )
    reader = Reader(io.BytesIO(signature))
    _enter(reader)
    reader.enter(SEQUENCE)
    _require_data(reader)
    if not reader.at_end():
        raise Malformed("a detached signature carries content of its own", fix="Ask the sender to sign detached")
    reader.leave()
    return _signers(reader)


def _enter(reader: Reader) -> tuple[str, ...]:
    """Steps into SignedData, up to its content; the digest algorithms that are announced."""
    reader.enter(SEQUENCE)
    if reader.element() != SIGNED_DATA:
        raise Malformed("this is no SignedData", fix="Ask the sender what they sent; a signature was to be here")
    reader.enter(0xA0)
    reader.enter(SEQUENCE)
    reader.element()  # The version follows from what is in it.
    reader.enter(SET)
    announced = []
    while not reader.at_end():
        announced.append(digest_name(identified(reader.element())[0]))
        _require_few(announced)
    reader.leave()
    return tuple(dict.fromkeys(announced))


def _require_data(reader: Reader) -> None:
    if reader.element() != DATA:
        raise Malformed("what is signed is said not to be plain data", fix="Ask the sender to sign a MIME entity")


def _signers(reader: Reader) -> list[_Signer]:
    """All that is after the content, to the very end."""
    for tag in (_CERTIFICATES, _REVOCATIONS):
        if reader.next_tag() == tag:
            reader.element()
    reader.enter(SET)
    signers: list[_Signer] = []
    while not reader.at_end():
        signers.append(_signer(reader.element()))
        _require_few(signers)
    for _ in range(4):
        reader.leave()
    reader.finish()
    return signers


def _require_few(found: Sequence[object]) -> None:
    if len(found) > SIGNERS_MAX:
        raise TooLarge(
            f"more than {SIGNERS_MAX} signers", fix="Ask the sender to sign once, or twice during a rollover"
        )


def _signer(element: bytes) -> _Signer:
    with understood("a signer's part of the signature"):
        _, name, digest, *rest = children(element)
        attributes = tuple(children(rest.pop(0))) if rest[0][0] == _SIGNED_ATTRIBUTES else None
        method, signature, *unsigned = rest
        if any(each[0] != _UNSIGNED_ATTRIBUTES for each in unsigned[:1]) or len(unsigned) > 1:
            raise ValueError("no SignerInfo")
        return _Signer(
            Name(name), digest_name(identified(digest)[0]), attributes, *identified(method), octets(signature)
        )


def _judged(
    signers: Sequence[_Signer], digests: Mapping[str, bytes], pinned: Sequence[Certificate], allowed: Collection[str]
) -> Verified:
    """The first signer that is pinned and right; else raises the refusal that says most."""
    refusal: CmsError | None = None
    for signer in signers:
        for certificate in (each for each in pinned if signer.name.means(each)):
            try:
                _check(signer, certificate, digests, allowed)
            except CmsError as error:
                refusal = error if refusal is None or isinstance(error, SignatureWrong) else refusal
            else:
                return Verified(certificate=certificate, algorithm=signer.digest, digests=dict(digests))
    if refusal is not None:
        raise refusal
    if not signers:
        raise SignerUnknown("the signature has no signer", fix=_ANEW)
    raise SignerUnknown(
        "no signer's certificate is among those of the partner",
        fix="Ask the sender for their current signing certificate, and put it into the partner's file",
    )


def _check(signer: _Signer, certificate: Certificate, digests: Mapping[str, bytes], allowed: Collection[str]) -> None:
    """Raises SignatureWrong or Weak unless this signer's signature is good under the certificate."""
    require("the signature's digest algorithm", signer.digest, allowed, DIGESTS)
    certificate.require_strength(allowed)
    if signer.digest not in digests:
        raise SignatureWrong(f"the signer's digest algorithm {signer.digest} was not announced", fix=_ANEW)
    digest = digests[signer.digest]
    covered: tuple[bytes, ...] = (digest,)
    method: hashes.HashAlgorithm | utils.Prehashed = utils.Prehashed(hash_of(signer.digest))
    if signer.attributes is not None:
        _check_attributes(signer.attributes, digest)
        # Signed is their encoding in DER (RFC 5652, 5.4), which sorts them; some software signs them as it sends them.
        covered = tuple(dict.fromkeys((tlv(SET, *signer.attributes), tlv(SET, *sorted(signer.attributes)))))
        method = hash_of(signer.digest)
    if not any(_is_signed(each, method, signer, certificate) for each in covered):
        raise SignatureWrong(f"the signature is not one of certificate {certificate.fingerprint}", fix=_ANEW)


def _check_attributes(attributes: Sequence[bytes], digest: bytes) -> None:
    """Content type and message digest are there once, with one value each, the right one. RFC 5652, 11.1 and 11.2."""
    for kind, value, words in (
        (CONTENT_TYPE, DATA, "content type"),
        (MESSAGE_DIGEST, tlv(OCTET_STRING, digest), "message digest"),
    ):
        found = [each[1:] for each in (children(attribute) for attribute in attributes) if each and each[0] == kind]
        if len(found) != 1 or len(found[0]) != 1 or found[0][0][0] != SET or len(children(found[0][0])) != 1:
            raise SignatureWrong(f"the signed attribute {words} is not there once, with one value", fix=_ANEW)
        if not hmac.compare_digest(content(found[0][0]), value):
            if kind == MESSAGE_DIGEST:
                fix = "Ask the sender to send it again; it was altered on the way, or after signing"
                raise ContentAltered("the content is not the one that was signed", fix=fix)
            raise SignatureWrong("what was signed is said not to be plain data", fix=_ANEW)


def _is_signed(
    covered: bytes, digest: hashes.HashAlgorithm | utils.Prehashed, signer: _Signer, certificate: Certificate
) -> bool:
    key = certificate.public_key
    kind, named = _method(signer)
    if named not in ("", signer.digest):
        return False  # The hash inside of the signature is another one than the signer says.
    try:
        if kind == "ecdsa" and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signer.signature, covered, ec.ECDSA(digest))
        elif kind == "rsa" and isinstance(key, rsa.RSAPublicKey):
            key.verify(signer.signature, covered, padding.PKCS1v15(), digest)
        elif kind == "pss" and isinstance(key, rsa.RSAPublicKey):
            hashed, salted = read_pss(signer.parameters)
            if hashed != signer.digest:
                return False
            key.verify(signer.signature, covered, salted, digest)
        else:
            return False
    except (InvalidSignature, ValueError, UnsupportedAlgorithm, OverflowError):
        return False
    return True


def _method(signer: _Signer) -> tuple[SignatureKind, str]:
    if signer.method not in SIGNATURES:
        raise Weak(f"the signature algorithm {signer.method} is not allowed", fix="Ask the sender for RSA or ECDSA")
    return SIGNATURES[signer.method]
