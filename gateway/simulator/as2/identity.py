"""The key and the self-signed certificate with which this company signs, decrypts and, where wanted, serves TLS."""

import ipaddress
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

KEY_BITS = 2048
VALID = timedelta(days=3650)
BACKDATED = timedelta(days=1)  # Partners' clocks may be behind.


@dataclass(frozen=True, slots=True)
class Identity:
    """A key and its certificate, and the PEM files that hold them."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey = field(repr=False)
    certificate_file: Path
    key_file: Path


def identity(folder: Path, name: str) -> Identity:
    """The identity kept in a folder as ``certificate.pem`` and ``key.pem``, made where there is none; the key's file is
    for its owner only. A kill between the two files leaves a key, for which the next start makes the certificate."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key_file, certificate_file = folder / "key.pem", folder / "certificate.pem"
    if not key_file.exists():
        made = rsa.generate_private_key(65537, KEY_BITS)
        pkcs8 = serialization.PrivateFormat.PKCS8
        _keep(key_file, made.private_bytes(serialization.Encoding.PEM, pkcs8, serialization.NoEncryption()))
    key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey), "this company made the file"
    if not certificate_file.exists():
        _keep(certificate_file, _certificate(key, name).public_bytes(serialization.Encoding.PEM))
    return Identity(x509.load_pem_x509_certificate(certificate_file.read_bytes()), key, certificate_file, key_file)


def _keep(path: Path, content: bytes) -> None:
    new = path.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    new.rename(path)


def _certificate(key: rsa.RSAPrivateKey, name: str) -> x509.Certificate:
    now = datetime.now(UTC)
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    hosts = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))])
    made = x509.CertificateBuilder(called, called, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - BACKDATED).not_valid_after(now + VALID)
    made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return made.add_extension(hosts, critical=False).sign(key, hashes.SHA256())
