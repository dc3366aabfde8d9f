"""A partner's web server, over urllib3.

It posts a body once and reads a small answer: it follows no redirect, repeats nothing, and believes nobody whose
certificate is not pinned or vouched for. What the server says in words is never passed on, because it may quote us.
RFC 9110, RFC 9112.
"""

import base64
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from gateway.errors import GatewayError, PartnerRefused, PartnerUnreachable
from gateway.transport.as2 import tls
from gateway.transport.as2.connections import Pool, Secure, SecurePool, distrust, words
from gateway.transport.as2.settings import As2Settings

ANSWER_MAX = 1024 * 1024  # bytes of an answer's body: a receipt has a few thousand
HEADERS_MAX = 64 * 1024  # bytes of an answer's headers, all together
SLOWEST = 8 * 1024  # bytes a second; whoever takes less is hung up on in the end
WAIT_MAX_S = 3600  # whatever a partner asks for
ANSWER_WITHIN = 4  # times the timeout, for a whole answer
_RETRIED = "It is tried again; if it stays, look at url in its file, and ask the partner whether its server lets us in"

Fields = Sequence[tuple[str, str]]


class Cut(PartnerUnreachable):
    """The connection broke after the body had begun: the far side may have it. ``sent`` is how many bytes went out."""

    def __init__(self, what: str, *, where: str, sent: int) -> None:
        super().__init__(what, where=where, fix="It is sent again under the same Message-ID")
        self.sent = sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """``body`` is None where it was longer than ANSWER_MAX."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes | None = field(repr=False)

    def get(self, name: str) -> str:
        """The first field of this name, in any case; "" where there is none."""
        return next((value for each, value in self.headers if each.lower() == name.lower()), "")


class Server:
    """One server, one caller at a time. The connection is kept from request to request; ``close`` hangs up."""

    def __init__(self, settings: As2Settings, url: str = "", *, now: Callable[[], datetime] | None = None) -> None:
        """``url`` where it is another one than the partner's own: what was agreed on for that server goes to no other.

        Raises SettingsInvalid where none of our client certificates may be used.
        """
        parts = urlsplit(url or settings.url)
        assert parts.hostname is not None, "settings let no URL without a host through"
        self._settings = settings if not url else _for_server(settings, url)
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self.host = parts.hostname
        self.where = f"as2 {parts.hostname}:{self._port}"
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._login = _basic(self._settings)
        self._now = now or (lambda: datetime.now(UTC))
        self._secure = parts.scheme == "https"
        self._sockets: list[socket.socket] = []
        self._pool: urllib3.HTTPConnectionPool | None = self._opened()

    def _opened(self) -> urllib3.HTTPConnectionPool:
        settings = self._settings
        common: dict[str, Any] = {
            "timeout": urllib3.Timeout(connect=settings.timeout_s, read=settings.timeout_s),
            "maxsize": 1,
            "retries": False,
            "connected": self._connected,
        }
        if not self._secure:
            return Pool(self.host, self._port, **common)
        made = tls.context(settings.pins, settings.client(self._now()))
        common |= {"ssl_context": made, "cert_reqs": made.verify_mode}
        return SecurePool(self.host, self._port, pins=settings.pins, where=self.where, **common)

    def post(self, headers: Fields, length: int, chunks: Iterable[bytes]) -> Answer:
        """Streams ``length`` bytes. Raises PartnerRefused, PartnerUnreachable before the first of them, or Cut."""
        body = _Counted(chunks, length)
        fields = [*headers, ("Content-Length", str(length))]
        with self._door(body), self._watch(length):
            answer = self._ask("POST", fields, body)
        if body.sent != length and answer.status < 300:
            raise Cut("the answer came before everything was sent", where=self.where, sent=body.sent)
        return answer

    def head(self, headers: Fields) -> Answer:
        """Raises PartnerRefused or PartnerUnreachable."""
        with self._door(_Counted()), self._watch(0):
            return self._ask("HEAD", headers, None)

    def look(self) -> Iterator[tuple[str, str]]:
        """Connects step by step: yields (step, "") before each and (step, what was found) after it."""
        yield "connect", ""
        with self._door(_Counted()), socket.create_connection((self.host, self._port), self._settings.timeout_s):
            pass
        yield "connect", f"{self.host}:{self._port} answers"
        if not self._secure:
            yield "tls", "http:// is not encrypted; what is sent is protected by its own encryption alone"
            return
        yield "tls", ""
        made = tls.context(self._settings.pins, self._settings.client(self._now()))
        connection = Secure(
            self.host, self._port, timeout=self._settings.timeout_s, pins=self._settings.pins, where=self.where,
            connected=self._connected, ssl_context=made, cert_reqs=made.verify_mode,
        )  # fmt: skip
        with self._door(_Counted()):
            try:
                connection.connect()
            finally:
                connection.close()
        yield "tls", connection.found

    def close(self) -> None:
        """Hangs up. The next request connects anew."""
        if self._pool is not None:
            self._pool.close()
        self._pool = None
        self._sockets.clear()

    def _connected(self, sock: socket.socket) -> None:
        self._sockets = [sock]

    def _ask(self, method: str, headers: Fields, body: "_Counted | None") -> Answer:
        fields = urllib3.HTTPHeaderDict({"User-Agent": "therapy-gateway", "Accept-Encoding": "identity"})
        for name, value in (*headers, *self._login.items()):
            fields.add(name, value)
        self._pool = self._pool or self._opened()
        response = self._pool.urlopen(
            method, self._path, body=body, headers=fields, redirect=False, preload_content=False, decode_content=False
        )
        try:
            found = tuple((name, value) for name, value in response.headers.iteritems())
            if sum(len(name) + len(value) + 4 for name, value in found) > HEADERS_MAX:
                raise _Unreadable("the answer has too many headers")
            content = response.read(ANSWER_MAX + 1, decode_content=False)
            whole = len(content) <= ANSWER_MAX
            if not whole:
                response.close()  # The rest of it is not waited for.
            elif response.length_remaining:
                raise _Unreadable("the answer broke off")
            return Answer(status=response.status, headers=found, body=content if whole else None)
        finally:
            response.release_conn()

    @contextmanager
    def _watch(self, length: int) -> Iterator[None]:
        """Hangs up on a server that takes or gives a byte now and then, for which no single wait is too long."""
        limit_s = ANSWER_WITHIN * self._settings.timeout_s + length / SLOWEST

        def hang_up() -> None:
            for each in self._sockets:
                with suppress(OSError):
                    socket.socket.shutdown(each, socket.SHUT_RDWR)  # TLS's own would tear the reader's state away.

        timer = threading.Timer(limit_s, hang_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    @contextmanager
    def _door(self, body: "_Counted") -> Iterator[None]:
        """Turns what urllib3 and OpenSSL raise into ours. Hangs up: nothing is known of the connection after it."""
        try:
            yield
        except GatewayError:
            self.close()
            raise
        except _Unreadable as error:
            self.close()
            raise Cut(str(error), where=self.where, sent=body.sent) from None
        except (HTTPError, OSError) as error:
            self.close()
            if refusal := distrust(error):
                what, fix = refusal
                raise PartnerRefused(what, where=self.where, fix=fix) from None
            if body.begun:
                raise Cut(f"the connection failed ({words(error)})", where=self.where, sent=body.sent) from None
            raise PartnerUnreachable(
                f"the connection failed ({words(error)})", where=self.where, fix=_RETRIED
            ) from None


class _Unreadable(Exception):
    """An answer that is cut short, or beyond its limits."""


class _Counted:
    """A body that knows how much of it was taken."""

    def __init__(self, chunks: Iterable[bytes] = (), length: int = 0) -> None:
        self._chunks = chunks
        self._length = length
        self.begun = False
        self.sent = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.begun = True
            yield chunk
            self.sent += len(chunk)
        assert self.sent == self._length, "a message is as long as it says"


def _basic(settings: As2Settings) -> dict[str, str]:
    """RFC 7617."""
    if not settings.username:
        return {}
    login = base64.b64encode(f"{settings.username}:{settings.password}".encode()).decode()
    return {"Authorization": f"Basic {login}"}


def _for_server(settings: As2Settings, url: str) -> As2Settings:
    """Pins and our certificates are for one host, the login for one server of it."""
    own, other = urlsplit(settings.url), urlsplit(url)
    if (own.scheme, own.hostname) != (other.scheme, other.hostname):
        return replace(settings, pins=(), clients=(), username="", password="")
    return settings if own.port == other.port else replace(settings, username="", password="")


def wait_asked_s(answer: Answer, now: datetime) -> float:
    """Seconds of ``Retry-After`` (RFC 9110, 10.2.3), an hour at most; 0 where there is none that can be read."""
    text = answer.get("Retry-After").strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:9]), WAIT_MAX_S))
    with suppress(ValueError, TypeError):
        until = parsedate_to_datetime(text)
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        return min(max(0.0, (until - now).total_seconds()), float(WAIT_MAX_S))
    return 0.0
