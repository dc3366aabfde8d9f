"""An SSH session: the connection, the algorithms, the proof of the host, the login. Never learns a host key."""

import socket
from contextlib import suppress
from typing import Any, cast

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from gateway.errors import PartnerRefused
from gateway.transport.sftp.algorithms import CERTIFICATE, HOST_KEYS, OLD, Algorithms
from gateway.transport.sftp.certificates import Now, host_fault, read_certificate
from gateway.transport.sftp.keys import HostKey
from gateway.transport.sftp.settings import SftpSettings

RECEIVED_AT_ONCE = 256 * 1024  # bytes
CHANNEL_PACKET_MAX = 128 * 1024  # bytes; what a server may put into one packet for us


class Connection:
    """A TCP connection that sends at once, reads ahead, and ends where nothing is acknowledged for ``timeout_s``.

    paramiko asks a socket twice for each packet, and hands the interpreter over each time: reading ahead doubles what a
    download brings. What it needs of a socket is here.
    """

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        self._came = memoryview(b"")
        self._closed = False  # paramiko looks at it.
        self._tcp = socket.create_connection((host, port), timeout=timeout_s)
        self._tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # paramiko never does; 60 times as fast.
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux. paramiko's own writer waits for ever for a peer that stalls.
            self._tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(timeout_s * 1000))

    def recv(self, count: int) -> bytes:
        if not self._came:
            self._came = memoryview(self._tcp.recv(RECEIVED_AT_ONCE))
        part = bytes(self._came[:count])
        self._came = self._came[count:]
        return part

    def send(self, data: bytes) -> int:
        return self._tcp.send(data)

    def settimeout(self, timeout_s: float | None) -> None:
        self._tcp.settimeout(timeout_s)

    def getpeername(self) -> Any:
        return self._tcp.getpeername()

    def shutdown(self) -> None:
        with suppress(OSError):
            self._tcp.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._closed = True
        self._tcp.close()


class Session(Algorithms):
    """An SSH connection: negotiated, its host proven, logged in."""

    def __init__(self, tcp: Connection, settings: SftpSettings, pins: list[HostKey], now: Now) -> None:
        super().__init__(cast(socket.socket, tcp))  # Any object will do, says paramiko.
        self._tcp, self._settings, self._now = tcp, settings, now
        self._offered: dict[str, list[str]] = {}
        self._dismissed = False
        self.daemon = True
        self.banner_timeout = self.handshake_timeout = self.auth_timeout = self.channel_timeout = settings.timeout_s
        self.clear_to_send_timeout = settings.timeout_s
        self.offer(_key_types(pins), settings.allow)

    def _really_parse_kex_init(self, *arguments: Any, **named: Any) -> dict[str, Any]:
        parsed = super()._really_parse_kex_init(*arguments, **named)  # type: ignore[misc]  # The stubs leave it out.
        self._offered = {name: list(value) for name, value in parsed.items() if name.endswith("_list")}
        return cast(dict[str, Any], parsed)

    @property
    def agreed(self) -> str:
        return f"{getattr(self, 'remote_cipher', '')}, host key {self.host_key_type}"

    def negotiate(self, where: str) -> None:
        """Raises PartnerRefused, with what the server offers, where no algorithm is good enough for both."""
        try:
            self.start_client(timeout=self._settings.timeout_s)
        except IncompatiblePeer as error:
            kinds = {
                "kex_algo_list": ("key exchange", self.preferred_kex),
                "server_key_algo_list": ("host key", self.preferred_keys),
                "server_encrypt_algo_list": ("cipher", self.preferred_ciphers),
                "server_mac_algo_list": ("MAC", self.preferred_macs),
            }
            lacking = [
                f"as {words} it offers {', '.join(self._offered.get(name, []))[:200]} (accepted: {', '.join(ours)})"
                for name, (words, ours) in kinds.items()
                if not set(self._offered.get(name, [])) & set(ours)
            ]
            what = "the server has only algorithms that are not safe any more: " + "; ".join(lacking or [str(error)])
            fix = f"Ask the partner to turn on one that we accept{self._could_allow()}"
            raise PartnerRefused(what, where=where, fix=fix) from error
        if not self.initial_kex_done:  # start_client() says nothing of its timeout.
            raise TimeoutError("the server did not answer as SSH servers do")
        self.set_keepalive(self._settings.keepalive_s)

    def _could_allow(self) -> str:
        """The old ones among what it offers that its file could allow, as the end of a sentence."""
        offered = {name for names in self._offered.values() for name in names}
        could = [f'"{each}"' for each in OLD if each in offered and each not in self._settings.allow]
        return f". If it can't, its file may have allow = [{', '.join(could)}]" if could else ""

    def prove_host(self, pins: list[HostKey], where: str) -> str:
        """What proves the server, in words. Raises PartnerRefused where no pinned key and no pinned authority does."""
        shown = self.get_remote_server_key()
        name, fingerprint = shown.get_name(), str(shown.fingerprint)
        if any(each.fingerprint == fingerprint for each in pins if not each.authority):
            return f"it is a pinned one, {name} {fingerprint}"
        authorities = [each.fingerprint for each in pins if each.authority]
        blob = shown.public_blob.key_blob if shown.public_blob else b""
        if authorities and blob:
            return self._prove_by_authority(blob, authorities, where)
        known = ", ".join(each.fingerprint for each in pins if not each.authority)
        what = f"the server shows another host key: {name} {fingerprint}; pinned is {known or 'none'}"
        if authorities:
            what += f", and it shows no certificate of the authority {', '.join(authorities)}"
        fix = "Somebody may be in between. Ask the partner by telephone; pin the new key if it did change"
        raise PartnerRefused(what, where=where, fix=fix)

    def _prove_by_authority(self, blob: bytes, authorities: list[str], where: str) -> str:
        """The server has proven that it holds the certificate's key; here, that the authority gave it for this host."""
        settings = self._settings
        try:
            certificate = read_certificate(blob)
            fault = host_fault(certificate, settings.host, self._now(), sha1="ssh-rsa" in settings.allow)
            if not fault and certificate.authority not in authorities:
                fault = f"is of the authority {certificate.authority}; pinned is {', '.join(authorities)}"
        except ValueError:
            fault = "cannot be read"
        if fault:
            fix = "Ask the partner by telephone: for a new certificate of its host key, or for the authority's new key"
            raise PartnerRefused(f"the server's host certificate {fault}", where=where, fix=fix)
        return f"its certificate is of a pinned authority, {certificate.authority}, valid {certificate.validity}"

    def login(self, key: paramiko.PKey | None, where: str) -> None:
        """By key, then by password where the server wants both. One try: another could lock the account."""
        settings = self._settings
        try:
            if key is not None:
                self.auth_publickey(settings.username, key)
            if not self.is_authenticated() and settings.password:
                self.auth_password(settings.username, settings.password)
            if not self.is_authenticated():
                raise paramiko.AuthenticationException("it wants more than what is set up")
        except paramiko.AuthenticationException as error:
            if str(error) == "Authentication timeout.":  # The server said nothing, so no account is locked by a retry.
                raise TimeoutError("the server did not answer the login") from error
            if self._unanswered:
                raise ConnectionError("the connection ended before the login was answered") from error
            fix = "Nothing is tried again until a person acts: look at username, password and key, and ask the partner"
            raise PartnerRefused(f"the server refused the login ({error})", where=where, fix=fix) from error

    @property
    def _unanswered(self) -> bool:
        """The line broke in the middle of a login: no refusal came (RFC 4252, 5.1), and no goodbye (RFC 4253, 11.1).

        paramiko says the same of both. It forgets whom it logs in when a refusal comes, also where the line ends then.
        """
        handler = self.auth_handler
        asked = handler is not None and handler.username is not None
        return asked and not self.is_active() and not self._dismissed

    def _parse_disconnect(self, message: paramiko.Message) -> None:
        self._dismissed = True
        super()._parse_disconnect(message)  # type: ignore[misc]  # The stubs leave it out.

    def channel(self) -> paramiko.Channel:
        channel = self.open_session(max_packet_size=CHANNEL_PACKET_MAX, timeout=self._settings.timeout_s)
        channel.settimeout(self._settings.timeout_s)
        channel.invoke_subsystem("sftp")
        return channel

    def hang_up(self) -> None:
        self._tcp.shutdown()  # Wakes paramiko's reader, which close() would wait for.
        self.close()
        self._tcp.close()  # Transport.close() leaves it open where the negotiation never began.


def _key_types(pins: list[HostKey]) -> tuple[str, ...]:
    """The pinned types first, so that a server with several keys shows the one that we know; certificates before them.

    Then the rest, so that a server whose key was changed for another type is told from one with old algorithms.
    """
    types = [*(each.type for each in pins if each.type and not each.authority), *HOST_KEYS]
    plain = [name for each in types for name in HOST_KEYS[each]]
    certified = [f"{name}{CERTIFICATE}" for name in plain] if any(each.authority for each in pins) else []
    return tuple(dict.fromkeys((*certified, *plain)))
