"""The algorithms by their names in settings, and their identifiers. RFC 3370, 4055, 5084, 5753, 5754, 8017.

Never falls back on an algorithm that was not named.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from asn1crypto import algos, core
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from gateway.transport.cms.ber import OBJECT_IDENTIFIER, SEQUENCE, tlv
from gateway.transport.cms.errors import CmsError, Malformed, Weak

USUAL = frozenset(
    (
        *("sha256", "sha384", "sha512"),
        *("aes128-cbc", "aes192-cbc", "aes256-cbc", "aes128-gcm", "aes192-gcm", "aes256-gcm"),
        *("pkcs1v15", "oaep-sha256", "oaep-sha384", "oaep-sha512"),
    )
)
"""What is allowed where nothing else was said. ``pkcs1v15`` is the key transport that every AS2 product speaks."""
WEAK = frozenset(("sha1", "3des", "oaep-sha1", "rsa1024"))
"""What may be allowed by name. RC2, DES, MD5 and keys below 1024 bits never are."""

ModeName = Literal["cbc", "gcm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentCipher:
    """A content encryption: lengths are bytes."""

    oid: str
    mode: ModeName
    key_length: int
    block_length: int = 16


CIPHERS = {
    "3des": ContentCipher(oid="1.2.840.113549.3.7", mode="cbc", key_length=24, block_length=8),
    "aes128-cbc": ContentCipher(oid="2.16.840.1.101.3.4.1.2", mode="cbc", key_length=16),
    "aes192-cbc": ContentCipher(oid="2.16.840.1.101.3.4.1.22", mode="cbc", key_length=24),
    "aes256-cbc": ContentCipher(oid="2.16.840.1.101.3.4.1.42", mode="cbc", key_length=32),
    "aes128-gcm": ContentCipher(oid="2.16.840.1.101.3.4.1.6", mode="gcm", key_length=16),
    "aes192-gcm": ContentCipher(oid="2.16.840.1.101.3.4.1.26", mode="gcm", key_length=24),
    "aes256-gcm": ContentCipher(oid="2.16.840.1.101.3.4.1.46", mode="gcm", key_length=32),
}

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
DIGESTS = tuple(_HASHES)
KEY_TRANSPORTS = ("pkcs1v15", *(f"oaep-{each}" for each in DIGESTS))

SignatureKind = Literal["rsa", "pss", "ecdsa"]
# The second is the hash that the identifier itself names; "" where it leaves that to the digest algorithm.
SIGNATURES: dict[str, tuple[SignatureKind, str]] = {
    "1.2.840.113549.1.1.1": ("rsa", ""),
    "1.2.840.113549.1.1.5": ("rsa", "sha1"),
    "1.2.840.113549.1.1.11": ("rsa", "sha256"),
    "1.2.840.113549.1.1.12": ("rsa", "sha384"),
    "1.2.840.113549.1.1.13": ("rsa", "sha512"),
    "1.2.840.113549.1.1.10": ("pss", ""),
    "1.2.840.10045.2.1": ("ecdsa", ""),
    "1.2.840.10045.4.1": ("ecdsa", "sha1"),
    "1.2.840.10045.4.3.2": ("ecdsa", "sha256"),
    "1.2.840.10045.4.3.3": ("ecdsa", "sha384"),
    "1.2.840.10045.4.3.4": ("ecdsa", "sha512"),
}
_RSA_PKCS1V15, _RSA_OAEP = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.7"

# Only for telling people what was refused.
_REFUSED = {
    "1.2.840.113549.2.5": "md5",
    "1.3.14.3.2.7": "des",
    "1.2.840.113549.3.2": "rc2",
    "1.2.840.113549.3.4": "rc4",
    "2.16.840.1.101.3.4.2.4": "sha224",
}
_NAMES = {each.oid: name for name, each in CIPHERS.items()}


def oid(dotted: str) -> bytes:
    """An object identifier as an element in DER."""
    encoded: bytes = core.ObjectIdentifier(dotted).dump()
    return encoded


DATA = oid("1.2.840.113549.1.7.1")
SIGNED_DATA = oid("1.2.840.113549.1.7.2")
ENVELOPED_DATA = oid("1.2.840.113549.1.7.3")
COMPRESSED_DATA = oid("1.2.840.113549.1.9.16.1.9")
AUTH_ENVELOPED_DATA = oid("1.2.840.113549.1.9.16.1.23")


IDENTIFIER_MAX = 1024
"""Bytes of an AlgorithmIdentifier. asn1crypto takes the square of an object identifier's length in time."""
_OBJECT_IDENTIFIER_MAX = 40


@contextmanager
def understood(what: str) -> Iterator[None]:
    """Whatever asn1crypto and cryptography say about bytes from outside becomes Malformed."""
    try:
        yield
    except CmsError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError):
        # Not chained: their texts quote what they read.
        raise Malformed(
            f"{what} cannot be read", fix="Ask the sender to send it again; it is damaged, or not made by the rules"
        ) from None


def hash_of(name: str) -> hashes.HashAlgorithm:
    """The hash of a digest's name; KeyError for one that is not in DIGESTS."""
    return _HASHES[name]


def digest_name(dotted: str) -> str:
    """The digest's name in settings, or how to name to people what is none of ours."""
    name: str = algos.DigestAlgorithmId.map(dotted)
    return name if name in _HASHES else _REFUSED.get(dotted, dotted)


def cipher_name(dotted: str) -> str:
    """The same for content encryptions."""
    return _NAMES.get(dotted) or _REFUSED.get(dotted, dotted)


def require(kind: str, name: str, allowed: Collection[str], known: Collection[str]) -> None:
    """Raises Weak unless ``name`` is an algorithm that is known here and allowed."""
    if name in known and name in allowed:
        return
    cure = f"or allow {name} in the partner's file" if name in WEAK and name in known else "as agreed on"
    raise Weak(f"{kind} {name} is not allowed", fix=f"Ask the sender for a stronger one, {cure}")


def identified(element: bytes) -> tuple[str, bytes]:
    """An AlgorithmIdentifier's object identifier, dotted, and its parameters as an element (empty where left out)."""
    with understood("an algorithm's identifier"):
        if len(element) > IDENTIFIER_MAX:
            raise ValueError("no known algorithm has parameters of that size")
        sequence = core.Sequence.load(element, strict=True)
        if element[0] != SEQUENCE or len(sequence) not in (1, 2) or sequence[0].dump()[0] != OBJECT_IDENTIFIER:
            raise ValueError("not an AlgorithmIdentifier")
        if len(sequence[0].dump()) > _OBJECT_IDENTIFIER_MAX:
            raise ValueError("it would fill pages with digits of the sender's choice")
        return str(sequence[0].dotted), bytes(sequence[1].dump()) if len(sequence) == 2 else b""


def identifier(dotted: str, *parameters: bytes) -> bytes:
    """An AlgorithmIdentifier in DER."""
    return tlv(SEQUENCE, oid(dotted), *parameters)


def digest_identifier(name: str) -> bytes:
    """RFC 5754, 2: the parameters are left out; SHA-1's are too (RFC 3370, 2.1)."""
    return identifier(algos.DigestAlgorithmId.unmap(name))


def key_transport_identifier(name: str) -> bytes:
    """RFC 3370, 4.2.1 and RFC 4055, 4.1; the mask generation takes the same hash."""
    if name == "pkcs1v15":
        return identifier(_RSA_PKCS1V15, core.Null().dump())
    digest = {"algorithm": name.removeprefix("oaep-")}
    masks = {"algorithm": "mgf1", "parameters": digest}
    return identifier(_RSA_OAEP, algos.RSAESOAEPParams({"hash_algorithm": digest, "mask_gen_algorithm": masks}).dump())


def key_transport_padding(name: str) -> padding.AsymmetricPadding:
    """How a key is padded that we send under this transport."""
    if name == "pkcs1v15":
        return padding.PKCS1v15()
    digest = hash_of(name.removeprefix("oaep-"))
    return padding.OAEP(padding.MGF1(digest), digest, None)


def read_key_transport(element: bytes, allowed: Collection[str]) -> tuple[str, padding.AsymmetricPadding]:
    """The name of the key transport that an identifier asks for, and its padding.

    The mask generation's hash may be any that we know: Java's default is SHA-1 beside a SHA-256, and MGF1 does not rest
    on collisions being hard to find (RFC 8017, B.2). Raises Weak or Malformed.
    """
    dotted, parameters = identified(element)
    if dotted == _RSA_PKCS1V15:
        require("the key transport", "pkcs1v15", allowed, KEY_TRANSPORTS)
        return "pkcs1v15", padding.PKCS1v15()
    if dotted != _RSA_OAEP:
        require("the key transport", dotted, allowed, KEY_TRANSPORTS)
    with understood("the parameters of RSAES-OAEP"):
        read = algos.RSAESOAEPParams.load(parameters or tlv(SEQUENCE), strict=True)
        named = read["hash_algorithm"]["algorithm"]
        if len(named.dump()) > _OBJECT_IDENTIFIER_MAX:
            raise ValueError("it would fill pages with digits of the sender's choice")
        digest = digest_name(named.dotted)
        masks = _mask_hash(read["mask_gen_algorithm"])
        source = read["p_source_algorithm"]
        label = b"" if source["algorithm"].native == "p_specified" and not source["parameters"].native else b"?"
    name = f"oaep-{digest}"
    require("the key transport", name, allowed, KEY_TRANSPORTS)
    if label:
        raise Weak(
            "the key transport has a label, which S/MIME leaves empty", fix="Ask the sender for RSAES-OAEP without one"
        )
    return name, padding.OAEP(padding.MGF1(masks), hash_of(digest), None)


def pss_identifier(digest: str) -> bytes:
    """RFC 4056, 3: RSASSA-PSS with one hash for all and a salt as long as it."""
    named = {"algorithm": digest}
    return identifier(
        "1.2.840.113549.1.1.10",
        algos.RSASSAPSSParams(
            {
                "hash_algorithm": named,
                "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": named},
                "salt_length": hash_of(digest).digest_size,
            }
        ).dump(),
    )


def read_pss(parameters: bytes) -> tuple[str, padding.PSS]:
    """The digest's name and the padding that RSASSA-PSS parameters ask for. Raises Malformed."""
    with understood("the parameters of RSASSA-PSS"):
        read = algos.RSASSAPSSParams.load(parameters or tlv(SEQUENCE), strict=True)
        salt_length = int(read["salt_length"].native)
        if read["trailer_field"].native != "trailer_field_bc":
            raise ValueError("no such trailer")
        digest = digest_name(read["hash_algorithm"]["algorithm"].dotted)
        return digest, padding.PSS(padding.MGF1(_mask_hash(read["mask_gen_algorithm"])), salt_length)


def _mask_hash(masks: algos.MaskGenAlgorithm) -> hashes.HashAlgorithm:
    if masks["algorithm"].native != "mgf1":
        raise ValueError("no such mask generation function")
    return hash_of(digest_name(masks["parameters"]["algorithm"].dotted))
