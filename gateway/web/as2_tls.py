"""TLS of the AS2 listener: certificates by host name (SNI), the newest valid one of each, and theirs asked for.

A client's certificate is asked for and not judged here: which one counts is known once the message says whom it is
from. Never reads a file: keys and certificates are handed in.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

from gateway.errors import SettingsInvalid

_OPTIONS = SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION | SSL.OP_NO_TICKET | SSL.OP_CIPHER_SERVER_PREFERENCE
_TIME = "%Y%m%d%H%M%SZ"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Shown:
    """A chain of PEM certificates, ours first, with its key, and the hosts it is for; none: for everybody else."""

    chain: bytes
    key: bytes
    passphrase: bytes = b""
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    context: SSL.Context
    hosts: tuple[str, ...]
    starts: datetime
    ends: datetime


@implementer(IOpenSSLServerConnectionCreator)
class Reception:
    """Makes the TLS side of each connection. ``clock`` says which certificates are valid."""

    def __init__(self, shown: Sequence[Shown], clock: Callable[[], datetime]) -> None:
        assert shown, "TLS needs a certificate"
        self._clock = clock
        session_id = secrets.token_bytes(16)  # Without one, a client that comes back with its session is turned away.
        self._ready = [_prepared(each, session_id) for each in shown]
        for each in self._ready:
            each.context.set_tlsext_servername_callback(self._choose)

    def serverConnectionForTLS(self, protocol: object) -> SSL.Connection:
        """A connection before its first byte: with what is for everybody, until it says whom it looks for."""
        return SSL.Connection(self._best("").context, None)

    def _choose(self, connection: SSL.Connection) -> None:
        name = connection.get_servername()
        if name is not None:
            connection.set_context(self._best(name.decode("latin-1").rstrip(".").lower()).context)

    def _best(self, host: str) -> _Ready:
        """Of those for this host, or else for everybody: the newest that is valid; the newest where none is."""
        for wanted in (host, ""):
            found = [each for each in self._ready if (wanted in each.hosts if wanted else not each.hosts)]
            if found:
                return self._newest(found)
        return self._newest(self._ready)

    def _newest(self, found: Sequence[_Ready]) -> _Ready:
        now = self._clock()
        valid = [each for each in found if each.starts <= now < each.ends]
        return max(valid or found, key=lambda each: each.starts)


def fingerprint(connection: Any) -> str:
    """``SHA256:`` and hexadecimal digits of the certificate that the far side showed; "" where it showed none."""
    shown = getattr(connection, "getPeerCertificate", lambda: None)()
    if shown is None:
        return ""
    return f"SHA256:{sha256(crypto.dump_certificate(crypto.FILETYPE_ASN1, shown)).hexdigest()}"


def _prepared(shown: Shown, session_id: bytes) -> _Ready:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(_OPTIONS)
    context.set_cipher_list(b"ECDHE+AESGCM:ECDHE+CHACHA20")  # TLS 1.2; those of TLS 1.3 are all as good.
    context.set_session_id(session_id)
    context.set_verify(SSL.VERIFY_PEER, _ask)
    first, *rest = _certificates(shown.chain)
    try:
        context.use_certificate(first.to_cryptography())
        for each in rest:
            context.add_extra_chain_cert(each.to_cryptography())
        key = crypto.load_privatekey(crypto.FILETYPE_PEM, shown.key, shown.passphrase)
        private: Any = key.to_cryptography_key()
        context.use_privatekey(private)
        context.check_privatekey()
    except (SSL.Error, crypto.Error, ValueError, TypeError):
        what = f"the TLS key for {', '.join(shown.hosts) or 'everybody'} cannot be used with its certificate"
        fix = "Look at certificate, key and key_passphrase of this entry"
        raise SettingsInvalid(what, where="conf/gateway.toml, [[as2.tls]]", fix=fix) from None
    return _Ready(
        context=context,
        hosts=tuple(host.lower() for host in shown.hosts),
        starts=_instant(first.get_notBefore()),
        ends=_instant(first.get_notAfter()),
    )


def _ask(*_: object) -> bool:
    return True  # Whoever shows a certificate has its key; whether it is a partner's is asked later, by fingerprint.


def _certificates(chain: bytes) -> list[crypto.X509]:
    marker = b"-----BEGIN CERTIFICATE-----"
    try:
        return [
            crypto.load_certificate(crypto.FILETYPE_PEM, marker + each) for each in chain.split(marker)[1:]
        ] or _none()
    except crypto.Error:
        return _none()


def _none() -> list[crypto.X509]:
    fix = "Name a PEM file, our certificate first, then those of its authorities"
    raise SettingsInvalid("a TLS certificate cannot be read", where="conf/gateway.toml, [[as2.tls]]", fix=fix)


def _instant(written: bytes | None) -> datetime:
    assert written is not None, "every certificate has its time"
    return datetime.strptime(written.decode("ascii"), _TIME).replace(tzinfo=UTC)
