"""Reads pinned host keys and private keys as people paste them. Never says a private key's text."""

import base64
import io
from contextlib import suppress
from dataclasses import dataclass

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from gateway.errors import SettingsInvalid
from gateway.transport.sftp.algorithms import HOST_KEYS, Sha1Rsa
from gateway.transport.sftp.certificates import fingerprint

AUTHORITY = "@cert-authority"  # of known_hosts, sshd(8)


@dataclass(frozen=True, slots=True)
class HostKey:
    """A pinned host key: its type, "" where only the fingerprint is known, and ``SHA256:...`` as OpenSSH shows it.

    ``authority`` pins who signs the server's certificate, and not the server's own key.
    """

    type: str
    fingerprint: str
    authority: bool = False


def read_host_key(line: str) -> HostKey:
    """Reads ``[@cert-authority] [host] ssh-ed25519 AAAA... [comment]`` or ``[type] SHA256:...``.

    Raises SettingsInvalid.
    """
    words = line.split()
    authority = words[:1] == [AUTHORITY]
    kind = next((each for each in words if each in HOST_KEYS), "")
    mark = next((each for each in words if each.startswith("SHA256:")), "")
    with suppress(IndexError, ValueError):
        if "@revoked" in words:
            raise ValueError("a key that must not be trusted")
        if mark:
            if len(base64.b64decode(mark.removeprefix("SHA256:").rstrip("=") + "=", validate=True)) == 32:
                return HostKey(kind, mark.rstrip("="), authority)
        elif kind:
            blob = base64.b64decode(words[words.index(kind) + 1], validate=True)
            if paramiko.Message(blob).get_text() == kind:
                return HostKey(kind, fingerprint(blob), authority)
    fix = f"Write it as `ssh-keyscan` does, or as SHA256:...; its type is one of {', '.join(HOST_KEYS)}"
    raise SettingsInvalid("this is no host key", where="host_keys", fix=fix)


def read_private_key(text: str, passphrase: str = "") -> paramiko.PKey:
    """Reads an Ed25519, ECDSA or RSA key in OpenSSH's or any PEM form. Raises SettingsInvalid, without its text."""
    content, password = text.strip().encode() + b"\n", passphrase.encode() or None
    load = serialization.load_ssh_private_key if b"BEGIN OPENSSH" in content else serialization.load_pem_private_key
    try:
        loaded = load(content, password)
        plain = loaded.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        ).decode()
        kind = loaded.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        for each in (paramiko.Ed25519Key, paramiko.ECDSAKey, Sha1Rsa):
            if kind.split()[0].decode() in each.identifiers():
                return each.from_private_key(io.StringIO(plain))
        problem = "its type is not in use any more"
    except (TypeError, ValueError, UnsupportedAlgorithm, paramiko.SSHException, AttributeError):
        problem = (
            "it is damaged, or its passphrase is missing or wrong" if passphrase or password is None else "damaged"
        )
    fix = "Name a file with an Ed25519, ECDSA or RSA private key, and its passphrase where it has one"
    raise SettingsInvalid(f"the private key cannot be read: {problem}", where="key", fix=fix)
