"""One HTTP post to the partner, which may be cut on purpose. It holds request and answer whole in memory.

It never follows a redirect and never tries again.
"""

import http.client
import socket
import ssl
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from email.message import Message
from enum import Enum, auto
from urllib.parse import SplitResult, urlsplit

from cryptography.hazmat.primitives.serialization import Encoding

from gateway.simulator.as2.agreement import Agreement
from gateway.simulator.as2.identity import Identity

ANSWER_MAX = 1 << 20
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Cut(Enum):
    """Where this side ends the connection before its time."""

    NEVER = auto()
    REQUEST = auto()  # in the middle of the body
    ANSWER = auto()  # as soon as an answer begins


class Unsent(Exception):
    """Nothing is known to have come of a post; ``why`` is a word without content."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    headers: Message
    content: bytes


def trust(agreement: Agreement, own: Identity) -> ssl.SSLContext:
    """For TLS: the partner's listener must show one of the certificates agreed on, whatever its name; ours is shown to
    who asks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # Pinned certificates say more than names.
    if agreement.tls_trust:
        context.load_verify_locations(agreement.tls_trust)
    elif agreement.partner_certificates:
        pem = b"".join(each.public_bytes(Encoding.PEM) for each in agreement.partner_certificates)
        context.load_verify_locations(cadata=pem.decode())
    context.load_cert_chain(own.certificate_file, own.key_file)
    return context


def allowed(url: str, agreement: Agreement) -> bool:
    """Whether a receipt may be posted there: to loopback, or to where messages go; a partner must not be able to make
    this company call others."""
    try:
        wanted, agreed = urlsplit(url), urlsplit(agreement.url)
    except ValueError:
        return False
    return wanted.scheme in ("http", "https") and wanted.hostname in (*LOOPBACK, agreed.hostname)


def post(
    url: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    *,
    timeout_s: float,
    context: ssl.SSLContext,
    cut: Cut = Cut.NEVER,
) -> Answered:
    """Posts a body; Unsent where the connection, or the answer, did not come about."""
    try:
        parts = urlsplit(url)
        with closing(_connection(parts, timeout_s, context)) as connection:
            return _posted(connection, f"{parts.path or '/'}{'?' * bool(parts.query)}{parts.query}", headers, body, cut)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unsent(type(error).__name__) from error


def _connection(parts: SplitResult, timeout_s: float, context: ssl.SSLContext) -> http.client.HTTPConnection:
    assert parts.hostname, "a URL has been checked for its host"
    if parts.scheme == "https":
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout_s, context=context)
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)


def _posted(
    connection: http.client.HTTPConnection, path: str, headers: Sequence[tuple[str, str]], body: bytes, cut: Cut
) -> Answered:
    connection.putrequest("POST", path, skip_accept_encoding=True)
    for name, value in (*headers, ("Content-Length", str(len(body))), ("Connection", "close")):
        connection.putheader(name, value)
    connection.endheaders()
    if cut is Cut.REQUEST:
        connection.send(body[: len(body) // 2])
        raise Unsent("cut_sending")
    with suppress(BrokenPipeError, ConnectionResetError):  # A partner may answer before it has read all.
        connection.send(body)
    if cut is Cut.ANSWER:
        _first_byte(connection)
        raise Unsent("cut_receipt")
    answer = connection.getresponse()
    content = answer.read(ANSWER_MAX + 1)
    if len(content) > ANSWER_MAX:
        raise Unsent("too_large")
    return Answered(answer.status, answer.headers, content)


def _first_byte(connection: http.client.HTTPConnection) -> None:
    """Waits until an answer has begun: the partner has then taken what it was sent."""
    assert isinstance(connection.sock, socket.socket), "connected"
    connection.sock.recv(1)
