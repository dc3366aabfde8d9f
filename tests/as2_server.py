"""A web server on loopback that a test scripts request by request, down to cuts in the middle, over HTTP and TLS.

It knows nothing of AS2 and shares no code with ours. Nothing here sleeps: what must be late waits to be let go.
"""

import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

STARTS, ENDS, PAST = (
    datetime(2020, 1, 1, tzinfo=UTC),
    datetime(2046, 1, 1, tzinfo=UTC),
    datetime(2021, 1, 1, tzinfo=UTC),
)
WAIT_S = 30.0


@dataclass(frozen=True)
class TlsKeys:
    """A certificate for 127.0.0.1 (and not for localhost) with its key, as PEM."""

    certificate: str
    key: str
    sealed_key: str  # under the passphrase "open sesame"
    fingerprint: str

    def files(self, folder: Path, name: str) -> tuple[Path, Path]:
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        certificate.write_text(self.certificate)
        key.write_text(self.key)
        return certificate, key


@cache
def tls_keys(name: str, *, issuer: str = "", ends: datetime = ENDS, starts: datetime = STARTS) -> TlsKeys:
    """One per name: signed by itself, or by the one of the name ``issuer``."""
    key = _key(name)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    by = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer or name)])
    hosts = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    signer = _key(issuer or name)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=not issuer, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open sesame")).decode()
    shown = f"SHA256:{made.fingerprint(hashes.SHA256()).hex()}"
    return TlsKeys(made.public_bytes(Encoding.PEM).decode(), plain, sealed, shown)


@cache
def _key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass
class Exchange:
    """One request, whose body the script reads as it likes, and the wire back."""

    sock: socket.socket
    method: str
    target: str
    headers: list[tuple[str, str]]
    pending: bytes
    body: bytes = b""
    kept: bool = True
    more: dict[str, str] = field(default_factory=dict)  # headers that an answer has besides

    def get(self, name: str) -> str:
        return next((value for each, value in self.headers if each.lower() == name.lower()), "")

    @property
    def length(self) -> int:
        return int(self.get("Content-Length") or 0) if self.method == "POST" else 0

    def read(self, size: int | None = None) -> bytes:
        """The next ``size`` bytes of the body, all of the rest by default."""
        wanted = self.length - len(self.body) if size is None else size
        while len(self.pending) < wanted:
            got = self.sock.recv(65536)
            if not got:
                break
            self.pending += got
        piece, self.pending = self.pending[:wanted], self.pending[wanted:]
        self.body += piece
        return piece

    def answer(
        self, status: int, headers: dict[str, str] | None = None, body: bytes = b"", *, close: bool = False
    ) -> None:
        lines = [
            f"HTTP/1.1 {status} Whatever",
            *(f"{name}: {value}" for name, value in {**(headers or {}), **self.more}.items()),
        ]
        if "content-length" not in {name.lower() for name in headers or {}}:
            lines.append(f"Content-Length: {len(body)}")
        self.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.kept = not close

    def write(self, raw: bytes) -> None:
        self.sock.sendall(raw)

    def cut(self) -> None:
        """Breaks the connection off: the other side sees a reset."""
        with suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        self.kept = False

    def drop(self) -> None:
        """Closes the connection after an answer that did not say so."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self.kept = False


Script = Callable[[Exchange], None]


@dataclass
class Site:
    """Answers each request by the next of ``scripts``, and by the last of them from then on."""

    scripts: list[Script] = field(default_factory=list)
    port: int = 0
    secure: bool = False
    seen: list[Exchange] = field(default_factory=list)
    connections: int = 0
    held: threading.Event = field(default_factory=threading.Event)  # What must be late waits for it.
    context: ssl.SSLContext | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.secure else 'http'}://127.0.0.1:{self.port}/as2?to=us"

    def then(self, *scripts: Script) -> "Site":
        self.scripts = list(scripts)
        return self

    def late(self, exchange: Exchange) -> None:
        """Says nothing until the test is over."""
        exchange.read()
        self.held.wait(WAIT_S)
        exchange.kept = False

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError):
            if self.context is not None:
                sock = self.context.wrap_socket(sock, server_side=True)
            with sock:
                pending = b""
                while True:
                    while b"\r\n\r\n" not in pending:
                        got = sock.recv(65536)
                        if not got:
                            return
                        pending += got
                    head, _, pending = pending.partition(b"\r\n\r\n")
                    exchange = self._exchange(sock, head, pending)
                    script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
                    script(exchange)
                    if not exchange.kept:
                        return
                    pending = exchange.pending

    def _exchange(self, sock: socket.socket, head: bytes, pending: bytes) -> Exchange:
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        exchange = Exchange(sock, method, target, headers, pending)
        self.seen.append(exchange)
        return exchange


@contextmanager
def site(tls: TlsKeys | None = None, folder: Path | None = None, *, client: TlsKeys | None = None) -> Iterator[Site]:
    """A server that runs. ``client`` is whose certificate (or what it issued) a client must show."""
    made = Site(secure=tls is not None)
    if tls is not None:
        assert folder is not None, "OpenSSL reads files only"
        made.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.context.load_cert_chain(*tls.files(folder, "server"))
        if client is not None:
            made.context.verify_mode = ssl.CERT_REQUIRED
            made.context.load_verify_locations(cadata=client.certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made.port = listener.getsockname()[1]

        def accept() -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                sock.settimeout(WAIT_S)
                made.connections += 1
                threading.Thread(target=made._serve, args=(sock,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield made
        finally:
            made.held.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
