"""Makes a key with its self-signed certificate, which is all that AS2 partners exchange: they pin it, nobody issues it.

RFC 5280. The caller puts both into files; nothing is kept here.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

KEY_BITS = 3072  # NIST SP 800-57 part 1, table 2: 128 bits of strength, good beyond 2030.
BACKDATED = timedelta(days=1)  # Partners' clocks may be behind.


def make_identity(name: str, *, at: datetime, days: int, hosts: Sequence[str] = ()) -> tuple[str, str]:
    """The certificate and its RSA private key, both PEM, for signing and decrypting; with ``hosts`` for TLS, too.

    ``name`` is what the certificate calls its owner, 64 characters at most; it is valid for ``days`` from ``at`` on.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder(called, called, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(at - BACKDATED).not_valid_after(at + timedelta(days=days))
    made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    made = made.add_extension(_USES, critical=True)
    if hosts:
        names = x509.SubjectAlternativeName([x509.DNSName(each) for each in hosts])
        made = made.add_extension(names, critical=False)
    certificate = made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    return certificate, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


_USES = x509.KeyUsage(
    digital_signature=True,
    key_encipherment=True,
    content_commitment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
