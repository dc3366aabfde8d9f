"""Signatures and envelopes that are put together piece by piece, to be wrong in one place. Shares no code with ours."""

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any

from asn1crypto import algos, core, parser
from asn1crypto import x509 as asn1
from cms_forms import CONTENT, THEM, US
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from gateway.transport.cms import Identity

DATA, SIGNED = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.2"
ENVELOPED, AUTHENTICATED = "1.2.840.113549.1.7.3", "1.2.840.113549.1.9.16.1.23"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
OIDS = {
    "md5": "1.2.840.113549.2.5",
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha512": "2.16.840.1.101.3.4.2.3",
    "rsa": "1.2.840.113549.1.1.1",
    "sha1 rsa": "1.2.840.113549.1.1.5",
    "sha256 rsa": "1.2.840.113549.1.1.11",
    "pss": "1.2.840.113549.1.1.10",
    "sha256 ecdsa": "1.2.840.10045.4.3.2",
    "ec key": "1.2.840.10045.2.1",
    "dsa": "1.2.840.10040.4.3",
}
NULL = b"\x05\x00"


def t(tag: int, *parts: bytes) -> bytes:
    """An element."""
    return bytes(parser.emit(tag >> 6, tag >> 5 & 1, tag & 0x1F, b"".join(parts)))


def oid(dotted: str) -> bytes:
    return bytes(core.ObjectIdentifier(dotted).dump())


def algorithm(dotted: str, *parameters: bytes) -> bytes:
    return t(0x30, oid(dotted), *parameters)


def attribute(kind: str, *values: bytes) -> bytes:
    return t(0x30, oid(kind), t(0x31, *values))


def named(identity: Identity) -> bytes:
    """By issuer and serial number."""
    read = asn1.Certificate.load(identity.certificate.der)
    return t(0x30, read.issuer.dump(), core.Integer(read.serial_number).dump())


def pss(hashed: str, masks: str, salt_length: int) -> bytes:
    return bytes(
        algos.RSASSAPSSParams(
            {
                "hash_algorithm": {"algorithm": hashed},
                "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": masks}},
                "salt_length": salt_length,
            }
        ).dump()
    )


def usual_attributes(content: bytes = CONTENT) -> tuple[bytes, ...]:
    return (
        attribute(CONTENT_TYPE, oid(DATA)),
        attribute(MESSAGE_DIGEST, t(0x04, hashlib.sha256(content).digest())),
    )


@dataclass(frozen=True, kw_only=True)
class Signer:
    """A SignerInfo; what is left out is as it should be."""

    identity: Identity = THEM.identity
    name: bytes = b""
    content: bytes = CONTENT
    attributes: tuple[bytes, ...] | None = usual_attributes()
    signed: bytes | None = None  # what the signature covers
    digest: str = "sha256"
    unsigned: bytes = b""  # what comes after the signature
    method: bytes = algorithm(OIDS["rsa"], NULL)
    padding: Any = field(default_factory=padding.PKCS1v15)
    hash: hashes.HashAlgorithm = field(default_factory=hashes.SHA256)

    def but(self, **other: Any) -> "Signer":
        return replace(self, **other)

    @property
    def der(self) -> bytes:
        attributes = () if self.attributes is None else (t(0xA0, *self.attributes),)
        return t(
            0x30,
            b"\x02\x01\x01",
            self.name or named(self.identity),
            algorithm(OIDS[self.digest]),
            *attributes,
            self.method,
            t(0x04, self._signature()),
            self.unsigned,
        )

    def _signature(self) -> bytes:
        covered = self.signed
        if covered is None:
            covered = self.content if self.attributes is None else t(0x31, *sorted(self.attributes))
        key = self.identity.key
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key.sign(covered, ec.ECDSA(self.hash))
        assert isinstance(key, rsa.RSAPrivateKey)
        digest = hashes.Hash(self.hash)
        digest.update(covered)
        return key.sign(digest.finalize(), self.padding, utils.Prehashed(self.hash))


def signed_data(*signers: Signer, inner: bytes = b"", certificates: bytes = b"", kind: str = SIGNED) -> bytes:
    """Detached unless ``inner`` is an EncapsulatedContentInfo with content."""
    digests = t(0x31, *(algorithm(OIDS[each]) for each in dict.fromkeys(signer.digest for signer in signers)))
    structure = t(
        0x30,
        b"\x02\x01\x01",
        digests,
        inner or t(0x30, oid(DATA)),
        certificates,
        t(0x31, *(each.der for each in signers)),
    )
    return t(0x30, oid(kind), t(0xA0, structure))


def encapsulated(content: bytes, kind: str = DATA) -> bytes:
    return t(0x30, oid(kind), t(0xA0, t(0x04, content)))


CBC_128, CBC_256, GCM_128, DES3 = (
    "2.16.840.1.101.3.4.1.2",
    "2.16.840.1.101.3.4.1.42",
    "2.16.840.1.101.3.4.1.6",
    "1.2.840.113549.3.7",
)
RSA_TRANSPORT, OAEP = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.7"
KEY, IV, NONCE = bytes(range(16)), bytes(range(16, 32)), bytes(range(12))


def cbc(content: bytes = CONTENT, key: bytes = KEY, *, pad: bytes | None = None) -> bytes:
    """Encrypted with AES under IV; ``pad`` instead of the padding that belongs there."""
    missing = 16 - len(content) % 16
    encryptor = Cipher(AES(key), modes.CBC(IV)).encryptor()
    return encryptor.update(content + (bytes([missing]) * missing if pad is None else pad)) + encryptor.finalize()


def gcm(content: bytes = CONTENT, attributes: bytes = b"", key: bytes = KEY) -> tuple[bytes, bytes]:
    """Encrypted with AES-GCM under NONCE: ciphertext and tag. ``attributes`` as they are authenticated."""
    sealed = AESGCM(key).encrypt(NONCE, content, attributes or None)
    return sealed[:-16], sealed[-16:]


def recipient(
    encrypted_key: bytes, transport: bytes = algorithm(RSA_TRANSPORT, NULL), name: bytes = named(US.identity)
) -> bytes:
    return t(0x30, b"\x02\x01\x00", name, transport, t(0x04, encrypted_key))


def transported(key: bytes = KEY, how: padding.AsymmetricPadding | None = None) -> bytes:
    """Encrypted for US."""
    public = US.certificate.public_key
    assert isinstance(public, rsa.RSAPublicKey)
    return public.encrypt(key, how or padding.PKCS1v15())


def enveloped(
    *recipients: bytes,
    cipher: bytes = algorithm(CBC_128, t(0x04, IV)),
    sealed: bytes = cbc(),
    before: bytes = b"",
    after: bytes = b"",
    kind: str = ENVELOPED,
    inner: str = DATA,
) -> bytes:
    """EnvelopedData; with AUTHENTICATED as kind, and the tag in ``after``, AuthEnvelopedData."""
    info = t(0x30, oid(inner), cipher, t(0x80, sealed))
    return t(
        0x30,
        oid(kind),
        t(0xA0, t(0x30, b"\x02\x01\x00", before, t(0x31, *(recipients or (recipient(transported()),))), info, after)),
    )
