"""OpenSSH certificates: ours for the login, and those by which a server's authority vouches for its host key.

paramiko carries certificates and looks into none of them; what they say is read and judged here (OpenSSH's
PROTOCOL.certkeys). Times are UTC. Never says a private key's text.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from hashlib import sha256

import paramiko
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import SSHCertificate, SSHCertificateType

from gateway.errors import PartnerRefused, SettingsInvalid

Now = Callable[[], datetime]
FOR_EVER = 2**64 - 1  # of valid_before
_LATEST = 253402300799  # 9999-12-31, the last that a datetime can say


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate, read: its blob, and what it holds."""

    blob: bytes
    read: SSHCertificate

    @property
    def authority(self) -> str:
        """The fingerprint of the key that signed it, as OpenSSH shows it."""
        line = self.read.signature_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
        return fingerprint(base64.b64decode(line.split()[1]))

    @property
    def validity(self) -> str:
        """In words."""
        return f"from {_when(self.read.valid_after)} to {_when(self.read.valid_before)}"

    def time_fault(self, now: datetime) -> str:
        """Why it does not count at this instant; "" where it does."""
        at = now.timestamp()
        if at < self.read.valid_after:
            return f"is not valid before {_when(self.read.valid_after)}"
        return f"ended on {_when(self.read.valid_before)}" if at >= self.read.valid_before else ""

    def signature_fault(self, *, sha1: bool) -> str:
        """Why its authority's signature does not count; "" where it does. ``sha1`` lets RSA with SHA-1 pass."""
        try:
            self.read.verify_cert_signature()
        except (InvalidSignature, ValueError, AssertionError, UnsupportedAlgorithm):
            return "carries a signature that is wrong"
        key = self.read.signature_key()
        if isinstance(key, rsa.RSAPublicKey) and not sha1:
            named = self.blob[: -((key.key_size + 7) // 8) - 4]  # Before the signature's bytes and their length.
            if not named.endswith((b"rsa-sha2-256", b"rsa-sha2-512")):
                return "was signed with SHA-1 (ssh-rsa)"
        return ""


def fingerprint(blob: bytes) -> str:
    """``SHA256:...`` of a public key's blob, as OpenSSH shows it."""
    return f"SHA256:{base64.b64encode(sha256(blob).digest()).decode().rstrip('=')}"


def read_certificate(blob: bytes) -> Certificate:
    """Raises ValueError where the bytes are no certificate of a kind that we know."""
    kind = paramiko.Message(blob).get_text()
    try:
        read = serialization.load_ssh_public_identity(f"{kind} {base64.b64encode(blob).decode()}".encode())
    except UnsupportedAlgorithm as error:
        raise ValueError("its type is not in use any more") from error
    if not isinstance(read, SSHCertificate):
        raise ValueError("it is a plain key")
    return Certificate(blob, read)


def attach(key: paramiko.PKey, text: str) -> Certificate:
    """Makes ``key`` log in with the certificate in ``text`` (a ``-cert.pub`` file). Raises SettingsInvalid."""
    try:
        certificate = read_certificate(base64.b64decode(text.split()[1], validate=True))
        problem = "" if certificate.read.type is SSHCertificateType.USER else "it is a host's and not a user's"
        own = certificate.read.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
        if not problem and base64.b64decode(own.split()[1]) != key.asbytes():
            problem = "it belongs to another key"
        if not problem:
            key.load_certificate(paramiko.Message(certificate.blob))
            return certificate
    except (ValueError, IndexError, paramiko.SSHException):
        problem = "it is damaged, or no certificate"
    fix = "Name the -cert.pub file that the partner made from your public key"
    raise SettingsInvalid(f"the certificate can't be used: {problem}", where="certificate", fix=fix)


def check_own(certificate: Certificate, now: datetime, where: str) -> str:
    """Its validity in words. Raises PartnerRefused where it has none: a login with it would count as a failed one."""
    if fault := certificate.time_fault(now):
        fix = "Nothing is tried until it is replaced: ask the partner for a new certificate of your public key"
        raise PartnerRefused(f"our certificate {fault}", where=where, fix=fix)
    return f"our certificate is valid {certificate.validity}"


def host_fault(certificate: Certificate, host: str, now: datetime, *, sha1: bool) -> str:
    """Why a server's certificate does not vouch for ``host``; "" where it does (PROTOCOL.certkeys; sshd(8))."""
    read = certificate.read
    if read.type is not SSHCertificateType.HOST:
        return "is a user's and not a host's"
    if fault := certificate.signature_fault(sha1=sha1) or certificate.time_fault(now):
        return fault
    principals = [each.decode(errors="replace").lower() for each in read.valid_principals]
    if not any(fnmatchcase(host.lower(), each) for each in principals if "[" not in each):  # ssh_config(5), PATTERNS
        names = ", ".join(principals[:5]) or "no host at all"
        return f"is for {names}"
    if read.critical_options:
        return f"has a condition that we don't know ({b', '.join(read.critical_options).decode(errors='replace')})"
    return ""


def _when(at: int) -> str:
    if at == 0:
        return "ever"
    return "ever" if at == FOR_EVER else f"{datetime.fromtimestamp(min(at, _LATEST), UTC):%Y-%m-%d %H:%M} UTC"
