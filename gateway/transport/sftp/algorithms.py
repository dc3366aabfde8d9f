"""Which algorithms we offer: modern ones, and old ones that a partner's file allows by name.

paramiko 5 has dropped SHA-1 from key exchange and from RSA signatures. Both are here again as thin classes over its
own, for partners whose server has nothing else; an allowed old algorithm is always offered last. What no file may allow
is in ``settings.old_algorithms``.
"""

from collections.abc import Collection
from hashlib import sha1
from typing import Any, ClassVar, Literal

import paramiko
from cryptography.hazmat.primitives import hashes
from paramiko.kex_curve25519 import KexCurve25519
from paramiko.kex_gex import KexGexSHA256
from paramiko.kex_group14 import KexGroup14SHA256

_PARAMIKO: Any = paramiko.Transport  # The stubs leave out what is private, and so extended here.
CERTIFICATE = "-cert-v01@openssh.com"

# The type in a public key line, and the signature algorithms that prove it. SHA-1's ssh-rsa is not among them.
HOST_KEYS = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
KEY_EXCHANGES = (
    "mlkem768x25519-sha256",
    "curve25519-sha256",  # RFC 8731; the next is its name from before the RFC
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group14-sha256",
)
# GCM first: twice the speed of CTR with a MAC in paramiko. No CBC, no SHA-1 and no MD5.
CIPHERS = ("aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr", "aes192-ctr", "aes128-ctr")
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")

# What ``settings.old_algorithms`` lets a partner's file allow, the less bad ones first.
Kind = Literal["host key", "key exchange", "cipher", "MAC"]
OLD: dict[str, Kind] = {
    "ssh-rsa": "host key",
    "diffie-hellman-group14-sha1": "key exchange",
    "diffie-hellman-group-exchange-sha1": "key exchange",
    "aes128-cbc": "cipher",
    "aes192-cbc": "cipher",
    "aes256-cbc": "cipher",
    "3des-cbc": "cipher",
    "hmac-sha1": "MAC",
    "hmac-sha1-96": "MAC",
}


class Sha1Rsa(paramiko.RSAKey):
    """An RSA key that may also sign and be proven with SHA-1, as servers from before RFC 8332 want it."""

    HASHES = {  # type: ignore[misc]  # noqa: RUF012 - the stubs call it final; it is looked up by name.
        **paramiko.RSAKey.HASHES,
        "ssh-rsa": hashes.SHA1,
        "ssh-rsa-cert-v01@openssh.com": hashes.SHA1,
    }


class KexGroup14Sha1(KexGroup14SHA256):
    """RFC 4253, 8.2."""

    name = "diffie-hellman-group14-sha1"
    hash_algo = sha1


class KexGexSha1(KexGexSHA256):
    """RFC 4419, with SHA-1."""

    name = "diffie-hellman-group-exchange-sha1"
    hash_algo = sha1


class Algorithms(paramiko.Transport):
    """paramiko's session with our lists of algorithms in place of its own."""

    _allow_sha1_rsa = False
    _kex_info: ClassVar = {
        **_PARAMIKO._kex_info,
        "curve25519-sha256": KexCurve25519,
        KexGroup14Sha1.name: KexGroup14Sha1,
        KexGexSha1.name: KexGexSha1,
    }
    _key_info: ClassVar = {**_PARAMIKO._key_info, "ssh-rsa": Sha1Rsa}

    def offer(self, key_types: Collection[str], allow: Collection[str]) -> None:
        """``key_types`` in the order in which we want to see the server's key, such as ``HOST_KEYS`` has them."""
        assert set(allow) <= set(OLD), "settings let no other name through"
        options = self.get_security_options()
        options.kex = (*(each for each in KEY_EXCHANGES if each in self._kex_info), *old("key exchange", allow))
        options.ciphers = (*CIPHERS, *old("cipher", allow))
        options.digests = (*MACS, *old("MAC", allow))
        options.key_types = (*key_types, *old("host key", allow))
        self._allow_sha1_rsa = "ssh-rsa" in allow

    @property
    def preferred_pubkeys(self) -> tuple[str, ...]:
        """SHA-1 signs our login where it is allowed and the server names nothing better.

        A server that knows RFC 8332 names what it takes (RFC 8308, server-sig-algs) before it takes a login.
        """
        modern: tuple[str, ...] = self._preferred_pubkeys  # type: ignore[attr-defined]  # The stubs leave it out.
        if not self._allow_sha1_rsa:
            return modern
        named = self.server_extensions.get("server-sig-algs")  # type: ignore[attr-defined]
        return (*modern, "ssh-rsa") if named else ("ssh-rsa", *modern)

    def _verify_key(self, host_key: bytes, sig: bytes) -> None:
        """paramiko takes any of a key's algorithms here, whichever was agreed on; SHA-1 would pass for SHA-2."""
        used = paramiko.Message(sig).get_text()
        if used != str(self.host_key_type).removesuffix(CERTIFICATE):
            raise paramiko.SSHException(f"the server signed with {used} and not with {self.host_key_type}")
        super()._verify_key(host_key, sig)  # type: ignore[misc]  # The stubs leave it out.


def old(kind: Kind, allow: Collection[str]) -> tuple[str, ...]:
    """Those of ``allow`` that are of this kind, the less bad ones first."""
    return tuple(each for each in OLD if OLD[each] == kind and each in allow)
