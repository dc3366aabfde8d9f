"""Makes detached signatures: SignedData in DER over a digest that was made elsewhere. RFC 5652, 5; RFC 8551, 2.5.

Never sees the content that is signed.
"""

from collections.abc import Collection
from datetime import UTC, datetime

from asn1crypto import core
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from gateway.transport.cms import naming
from gateway.transport.cms.algorithms import (
    DATA,
    DIGESTS,
    SIGNATURES,
    SIGNED_DATA,
    USUAL,
    digest_identifier,
    hash_of,
    identifier,
    oid,
    pss_identifier,
    require,
)
from gateway.transport.cms.ber import INTEGER, OCTET_STRING, SEQUENCE, SET, tlv
from gateway.transport.cms.certificates import Identity, PrivateKey

CONTENT_TYPE = oid("1.2.840.113549.1.9.3")
MESSAGE_DIGEST = oid("1.2.840.113549.1.9.4")
_SIGNING_TIME = oid("1.2.840.113549.1.9.5")
_UTC_TIME_UNTIL = 2050  # RFC 5652, 11.3: from this year on a time is a GeneralizedTime


def sign(
    digest: bytes,
    algorithm: str,
    identity: Identity,
    *,
    at: datetime,
    pss: bool = False,
    by_key_id: bool = False,
    allowed: Collection[str] = USUAL,
) -> bytes:
    """A detached signature over content of this digest, with the signer's certificate in it.

    ``algorithm`` is one of DIGESTS; ``pss`` takes RSASSA-PSS for an RSA key, with a salt as long as the digest. An
    elliptic curve key makes ECDSA. The signed attributes are content type, signing time (``at``, aware) and message
    digest. Raises Weak for an algorithm or key that is not allowed.
    """
    require("the digest algorithm", algorithm, allowed, DIGESTS)
    identity.certificate.require_strength(allowed)
    assert len(digest) == hash_of(algorithm).digest_size, "the digest was made with the algorithm that is named"
    attributes = _attributes(digest, at)
    signed, method = _signed(tlv(SET, attributes), algorithm, identity.key, pss=pss)
    signer = tlv(
        SEQUENCE,
        _integer(3 if by_key_id else 1),
        naming.name(identity.certificate, by_key_id=by_key_id),
        digest_identifier(algorithm),
        tlv(0xA0, attributes),
        method,
        tlv(OCTET_STRING, signed),
    )
    structure = tlv(
        SEQUENCE,
        _integer(3 if by_key_id else 1),
        tlv(SET, digest_identifier(algorithm)),
        tlv(SEQUENCE, DATA),
        tlv(0xA0, identity.certificate.der),
        tlv(SET, signer),
    )
    return tlv(SEQUENCE, SIGNED_DATA, tlv(0xA0, structure))


def _attributes(digest: bytes, at: datetime) -> bytes:
    """The signed attributes, one after the other in the order of DER."""
    moment = at.astimezone(UTC).replace(microsecond=0)
    time = core.UTCTime(moment) if 1950 <= moment.year < _UTC_TIME_UNTIL else core.GeneralizedTime(moment)
    values = ((CONTENT_TYPE, DATA), (_SIGNING_TIME, time.dump()), (MESSAGE_DIGEST, tlv(OCTET_STRING, digest)))
    return b"".join(sorted(tlv(SEQUENCE, kind, tlv(SET, value)) for kind, value in values))


def _signed(content: bytes, algorithm: str, key: PrivateKey, *, pss: bool) -> tuple[bytes, bytes]:
    """The signature's bytes, and the identifier of how they were made."""
    digest = hash_of(algorithm)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(content, ec.ECDSA(digest)), identifier(_oid_of("ecdsa", algorithm))
    assert isinstance(key, rsa.RSAPrivateKey), "identities have keys of two types"
    if pss:
        salted = padding.PSS(padding.MGF1(digest), digest.digest_size)
        return key.sign(content, salted, digest), pss_identifier(algorithm)
    return key.sign(content, padding.PKCS1v15(), digest), identifier(_oid_of("rsa", ""), core.Null().dump())


def _oid_of(kind: str, digest: str) -> str:
    return next(dotted for dotted, known in SIGNATURES.items() if known == (kind, digest))


def _integer(value: int) -> bytes:
    return tlv(INTEGER, bytes((value,)))
