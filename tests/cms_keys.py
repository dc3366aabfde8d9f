"""Keys and certificates for the tests of CMS and AS2, made once per process with ``cryptography``."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from gateway.transport.cms import Certificate, Identity

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
STARTS, ENDS = datetime(2020, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Made:
    """An identity as our code takes it, and as PEM."""

    name: str
    identity: Identity
    certificate_pem: str
    key_pem: str

    @property
    def certificate(self) -> Certificate:
        return self.identity.certificate

    def files(self, folder: Path) -> tuple[Path, Path]:
        """Certificate and key as files for programs."""
        certificate, key = folder / f"{self.name}.crt", folder / f"{self.name}.key"
        certificate.write_text(self.certificate_pem)
        key.write_text(self.key_pem)
        return certificate, key


@cache
def made(name: str) -> Made:
    """One identity per name. The beginning of the name says what is special about it, up to the first hyphen.

    rsa: RSA 2048 with a key identifier. ecdsa: P-256. expired, early: RSA, not valid at NOW. nokeyid: RSA without a key
    identifier. small: RSA 1024. signonly, encryptonly: RSA with that key usage alone.
    """
    kind = name.split("-")[0]
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if kind == "ecdsa":
        key = ec.generate_private_key(ec.SECP256R1())
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=1024 if kind == "small" else 2048)
    pem = certified(name, key).public_bytes(Encoding.PEM).decode()
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return Made(name=name, identity=Identity.load(pem, key_pem), certificate_pem=pem, key_pem=key_pem)


def certified(name: str, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """A self-signed certificate for this key, of the kind that the name begins with."""
    kind = name.split("-")[0]
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example Clinic"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2030, 1, 1, tzinfo=UTC) if kind == "early" else STARTS)
        .not_valid_after(datetime(2021, 1, 1, tzinfo=UTC) if kind == "expired" else ENDS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if kind != "nokeyid":
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    if kind in ("signonly", "encryptonly"):
        builder = builder.add_extension(_usage(sign=kind == "signonly"), critical=True)
    return builder.sign(key, hashes.SHA256())


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=sign,
        content_commitment=False,
        key_encipherment=not sign,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
