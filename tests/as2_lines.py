"""Raw lines to an AS2 listener on loopback: a reactor of the test's own in a thread, and a client that may do anything.

The client folds headers, leaves lengths out, cuts and dribbles. Nothing here sleeps: whoever waits, waits for bytes,
or for what was said in the reactor.
"""

import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any, Self, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet.defer import maybeDeferred
from twisted.internet.epollreactor import EPollReactor
from twisted.python.failure import Failure

from gateway.flow.as2_door import Admitted, Answer, Door, Head, TurnedAway
from gateway.transport.spool import Spool
from gateway.web.as2_inbox import As2Inbox

WAIT_S = 30.0  # longer than anything takes: who has waited so long has failed
Result = TypeVar("Result")
RECEIPT = Answer(code=200, headers=(("Content-Type", "multipart/report"),), body=b"a receipt")
PAIR = (("AS2-From", "THEM"), ("AS2-To", "US"))


@dataclass(slots=True)
class Listening:
    """A listener, the reactor that it runs in, and the address to call."""

    inbox: As2Inbox
    reactor: Any

    def within(self, act: Callable[[], Any]) -> Any:
        """Act in the reactor's thread, and wait for what comes of it."""
        results: Queue[Any] = Queue()
        self.reactor.callFromThread(lambda: maybeDeferred(act).addBoth(results.put))
        result = results.get(timeout=WAIT_S)
        if isinstance(result, Failure):
            result.raiseException()
        return result

    def line(self, tls: ssl.SSLContext | None = None, *, host: str = "localhost") -> "Line":
        return Line(self.within(lambda: self.inbox.port), tls, host)

    def stop(self) -> None:
        self.within(self.inbox.stopService)


@contextmanager
def listening(door: Door, **settings: Any) -> Iterator[Listening]:
    """A listener on a free port of loopback, stopped at the end unless the test has."""
    reactor = EPollReactor()
    inbox = As2Inbox(door, reactor, interface="127.0.0.1", port=0, **settings)
    thread = threading.Thread(target=reactor.run, kwargs={"installSignalHandlers": False}, daemon=True)
    thread.start()
    made = Listening(inbox, reactor)
    made.within(inbox.startService)
    try:
        yield made
    finally:
        if inbox.running:
            made.stop()
        reactor.callFromThread(reactor.stop)
        thread.join(WAIT_S)
        assert not thread.is_alive()


@dataclass(slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


class Line:
    """One connection of a client that knows how to misbehave."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None, host: str = "localhost") -> None:
        plain = socket.create_connection(("127.0.0.1", port), WAIT_S)
        self.socket = tls.wrap_socket(plain, server_hostname=host) if tls else plain
        self._pending = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def cut(self) -> None:
        """Reset the connection, as a router does that forgets it."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def request(self, method: str, headers: Mapping[str, str] | tuple[tuple[str, str], ...], body: bytes = b"") -> None:
        """A whole request, with a length."""
        pairs = tuple(headers.items()) if isinstance(headers, Mapping) else headers
        self.send(head(method, (*pairs, ("Content-Length", str(len(body))))) + body)

    def post(self, body: bytes, *headers: tuple[str, str]) -> Reply:
        self.request("POST", (*PAIR, *headers), body)
        return self.reply()

    def ask(self, method: str, *headers: tuple[str, str]) -> Reply:
        self.send(head(method, headers))
        return self.reply(bodiless=method == "HEAD")

    def reply(self, *, bodiless: bool = False) -> Reply:
        """The next response, in whole."""
        block = self._until(b"\r\n\r\n")
        first, *lines = block.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines if line)}
        size = 0 if bodiless else int(headers.get("content-length", 0))
        while len(self._pending) < size:
            self._more()
        body, self._pending = self._pending[:size], self._pending[size:]
        return Reply(int(first.split(" ")[1]), headers, body)

    def closed(self) -> bool:
        """Waits for the far side to hang up; False where it says something instead."""
        with suppress(ConnectionResetError):
            return self.socket.recv(1) == b""
        return True

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._pending:
            self._more()
        block, self._pending = self._pending.split(mark, 1)
        return block

    def _more(self) -> None:
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionError("the listener hung up")
        self._pending += piece


def head(method: str, headers: tuple[tuple[str, str], ...]) -> bytes:
    lines = [f"{method} /as2 HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


@dataclass
class FakeDoor:
    """A door that lets everything in which says whom it is from, and remembers all of it.

    While ``shut`` is not set, messages wait in it.
    """

    body_max: int = 10**8
    heads: list[Head] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    told: "Queue[TurnedAway]" = field(default_factory=Queue)
    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    open: threading.Event = field(default_factory=threading.Event)
    answer: Answer = field(default_factory=lambda: RECEIPT)

    def __post_init__(self) -> None:
        self.open.set()

    def admit(self, head: Head) -> Admitted | TurnedAway:
        if not head.header("AS2-From"):
            return TurnedAway(code=403, kind="unknown_names", what="Nobody here knows these names")
        self.heads.append(head)
        return Admitted(partner="them", head=head, body_max=self.body_max)

    def take(self, admitted: Admitted, body: Spool) -> Answer:
        self.entered.release()
        assert self.open.wait(WAIT_S)
        self.bodies.append(body.read())
        return self.answer

    def turned_away(self, why: TurnedAway, address: str) -> None:
        assert address == "127.0.0.1"
        self.told.put(why)


@dataclass(frozen=True, slots=True)
class Pem:
    """A self-signed certificate and its key."""

    certificate: bytes
    key: bytes
    fingerprint: str

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        paths = folder / f"{name}.pem", folder / f"{name}.key"
        paths[0].write_bytes(self.certificate)
        paths[1].write_bytes(self.key)
        return paths


def made_certificate(
    name: str, *, starts: datetime.datetime | None = None, days: int = 365, hosts: tuple[str, ...] = ("localhost",)
) -> Pem:
    key = ec.generate_private_key(ec.SECP256R1())
    starts = starts or datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(starts + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Pem(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        f"SHA256:{certificate.fingerprint(hashes.SHA256()).hex()}",
    )
