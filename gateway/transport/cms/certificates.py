"""Certificates of partners and identities of ours, as admins put them into files. RFC 5280.

Trust is pinning: a certificate counts because it was put there, never because of who issued it. Never shows a key.
"""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha1
from typing import Literal

from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
    pkcs12,
)

from gateway.errors import SettingsInvalid
from gateway.transport.cms.errors import Weak

RSA_BITS_MIN, RSA_BITS_LEAST, EC_BITS_MIN = 2048, 1024, 256

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_BEGIN = b"-----BEGIN CERTIFICATE-----"
_UNREADABLE = (
    *(ValueError, TypeError, UnsupportedAlgorithm),
    *(x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """An X.509 certificate with an RSA or elliptic curve key."""

    der: bytes = field(repr=False)
    fingerprint: str  # SHA256: and the hexadecimal digest of the DER
    subject: str
    starts: datetime
    ends: datetime
    serial: int
    key_bits: int
    key_id: bytes = field(repr=False)
    issuer: bytes = field(repr=False)  # a Name in DER
    public_key: PublicKey = field(repr=False, compare=False)
    uses: frozenset[str] | None = field(repr=False)  # of sign and encrypt; None where it does not say

    @staticmethod
    def load(content: str | bytes) -> "Certificate":
        """Exactly one certificate, PEM (whatever stands around it) or DER. Raises SettingsInvalid."""
        raw = content.encode() if isinstance(content, str) else content
        if raw.count(_BEGIN) > 1:
            raise _unusable("there is more than one certificate in it", "Put each certificate into a file of its own")
        try:
            if _BEGIN in raw:
                return _described(x509.load_pem_x509_certificate(raw))
            return _described(x509.load_der_x509_certificate(raw))
        except _UNREADABLE:
            # Not chained: the library's text may quote what it read.
            raise _unusable(
                "it cannot be read", "Name a file with one X.509 certificate, PEM or DER, with an RSA or EC key"
            ) from None

    def problem(self, at: datetime, use: Literal["", "sign", "encrypt"] = "") -> str:
        """Why it cannot be used at this time, for this use, in words; "" where it can."""
        if at < self.starts:
            return f"it is not valid before {self.starts:%Y-%m-%d %H:%M} UTC"
        if at > self.ends:
            return f"it expired on {self.ends:%Y-%m-%d %H:%M} UTC"
        if use and self.uses is not None and use not in self.uses:
            words = {"sign": "signing (digitalSignature)", "encrypt": "encrypting (keyEncipherment)"}
            return f"its key usage leaves out {words[use]}"
        if use == "encrypt" and not isinstance(self.public_key, rsa.RSAPublicKey):
            return "it has an elliptic curve key, and content keys are encrypted under RSA keys only"
        return ""

    def require_strength(self, allowed: Collection[str]) -> None:
        """Raises Weak where the key is shorter than allowed: RSA 2048 bits (1024 with ``rsa1024``), EC 256."""
        if isinstance(self.public_key, rsa.RSAPublicKey):
            least = RSA_BITS_LEAST if "rsa1024" in allowed else RSA_BITS_MIN
        else:
            least = EC_BITS_MIN
        if self.key_bits < least:
            raise Weak(
                f"the key of certificate {self.fingerprint} has {self.key_bits} bits, fewer than {least}",
                fix="Agree on a certificate with a longer key",
            )

    def is_named(self, issuer: bytes, serial: int) -> bool:
        """Whether this is the certificate that an issuer's Name (DER) and a serial number name."""
        if serial != self.serial:
            return False
        if issuer == self.issuer:
            return True
        # Some software writes the same name with another string type.
        with suppress(ValueError, TypeError, LookupError, AttributeError):
            return bool(asn1.Name.load(issuer, strict=True) == asn1.Name.load(self.issuer))
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A certificate with the private key that belongs to it."""

    certificate: Certificate
    key: PrivateKey = field(repr=False, compare=False)

    @staticmethod
    def load(certificate: str | bytes, key: str | bytes, passphrase: str = "") -> "Identity":
        """A certificate and its private key, each PEM or DER. Raises SettingsInvalid, never with a key's text."""
        raw = key.encode() if isinstance(key, str) else key
        password = passphrase.encode() or None
        loads = load_pem_private_key if b"-----BEGIN" in raw else load_der_private_key
        try:
            loaded = loads(raw, password)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            why = "it is damaged, or its passphrase is missing or wrong"
            raise SettingsInvalid(
                f"the private key cannot be read: {why}",
                where="key",
                fix="Name a file with an RSA or EC private key, PEM or DER, and its passphrase where it has one",
            ) from None
        return _paired(Certificate.load(certificate), loaded)

    @staticmethod
    def load_pkcs12(content: bytes, passphrase: str) -> "Identity":
        """The key of a PKCS#12 file (RFC 7292) and its certificate; others in the file are left out.

        Raises SettingsInvalid.
        """
        try:
            key, certificate, _ = pkcs12.load_key_and_certificates(content, passphrase.encode() or None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise SettingsInvalid(
                "the PKCS#12 file cannot be read: it is damaged, the passphrase is wrong, or its encryption too old",
                where="key",
                fix="Check the passphrase; a file with RC2 or DES inside is exported anew, with AES-256",
            ) from None
        if key is None or certificate is None:
            raise SettingsInvalid(
                "the PKCS#12 file lacks a private key or its certificate", where="key", fix="Export both into one file"
            )
        return _paired(Certificate.load(certificate.public_bytes(Encoding.DER)), key)


def _paired(certificate: Certificate, key: object) -> Identity:
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise SettingsInvalid(
            "the private key has a type that is not in use here", where="key", fix="Use an RSA or EC key"
        )
    if _spki(key.public_key()) != _spki(certificate.public_key):
        raise SettingsInvalid(
            f"the private key does not belong to certificate {certificate.fingerprint}",
            where="key",
            fix="Name the key that the certificate was made for",
        )
    return Identity(certificate=certificate, key=key)


def _spki(key: PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _described(certificate: x509.Certificate) -> Certificate:
    """Reads at once all that is needed, so that damage shows when it is loaded. Raises ValueError or TypeError."""
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise TypeError("a key of another type")
    der = certificate.public_bytes(Encoding.DER)
    return Certificate(
        der=der,
        fingerprint=f"SHA256:{certificate.fingerprint(hashes.SHA256()).hex()}",
        subject=certificate.subject.rfc4514_string(),
        starts=certificate.not_valid_before_utc,
        ends=certificate.not_valid_after_utc,
        serial=certificate.serial_number,
        key_bits=key.key_size,
        key_id=_key_id(certificate, key),
        # As it stands there, because others compare bytes.
        issuer=asn1.Certificate.load(der)["tbs_certificate"]["issuer"].dump(),
        public_key=key,
        uses=_uses(certificate),
    )


def _key_id(certificate: x509.Certificate, key: PublicKey) -> bytes:
    """The subject key identifier; where it is left out, what most would write there (RFC 5280, 4.2.1.2, method 1)."""
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        format_ = PublicFormat.PKCS1 if isinstance(key, rsa.RSAPublicKey) else PublicFormat.UncompressedPoint
        encoding = Encoding.DER if isinstance(key, rsa.RSAPublicKey) else Encoding.X962
        return sha1(key.public_bytes(encoding, format_), usedforsecurity=False).digest()


def _uses(certificate: x509.Certificate) -> frozenset[str] | None:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
    uses = {"sign": usage.digital_signature or usage.content_commitment, "encrypt": usage.key_encipherment}
    return frozenset(use for use, given in uses.items() if given)


def _unusable(what: str, fix: str) -> SettingsInvalid:
    return SettingsInvalid(f"the certificate is not usable: {what}", where="certificate", fix=fix)
