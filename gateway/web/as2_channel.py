"""One connection of the AS2 listener: HTTP/1.1 with limits, and an answer for whoever goes beyond one.

Twisted's channel reads the protocol. Here stands what it lets through: how large a head may be, how long it may take,
how slow a body may come. Knows nothing of AS2.
"""

from contextlib import suppress
from http import HTTPStatus
from typing import Any, Protocol

from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http

from gateway.flow.as2_door import TurnedAway

HEADERS_MAX = 100
HEAD_S = 30.0  # from a connection, or from the first byte of a further request, to the end of its head
RATE_MIN = 1000  # bytes of a body in a second, over a whole window of the idle timeout
LINGER_S = 5.0
LINGER_BYTES = 1024 * 1024
METHODS = "POST, GET, HEAD"
RETRY_S = 60
_BESIDE = {405: f"Allow: {METHODS}", 503: f"Retry-After: {RETRY_S}"}

TOO_LARGE = TurnedAway(code=431, kind="headers_too_large", what="The header fields are too large or too many")
MALFORMED = TurnedAway(code=400, kind="malformed_request", what="This is no HTTP request that can be read")
SLOW = TurnedAway(code=408, kind="too_slow", what="The request came too slowly")


class Incoming(Protocol):
    """What the channel needs of a request."""

    received: int
    paused: bool

    def admit(self, command: bytes, length: int | None) -> TurnedAway | None: ...

    def give_up(self) -> None: ...


class Lobby(Protocol):
    """What the channel needs of the listener."""

    header_max: int
    idle_s: float

    def opened(self, channel: "As2Channel") -> None: ...

    def closed(self, channel: "As2Channel") -> None: ...

    def turned_away(self, why: TurnedAway, address: str) -> None: ...


class As2Channel(http.HTTPChannel):
    """A refusal is answered at once, and what still comes is read for a moment and dropped: closing a connection with
    unread bytes resets it, and the answer would be lost."""

    factory: Any  # A Lobby. Of this and the following Twisted's own types say less, or other than is the case.
    transport: Any
    callLater: Any
    timeOut: Any
    requestFactory: Any
    _networkProducer: Any

    def __init__(self) -> None:
        super().__init__()
        self.refused: TurnedAway | None = None
        self._head_bytes = 0
        self._dropped = 0
        self._lost = False
        self._received_before = 0
        self._idle_before_hold: float | None = None
        self._timers: dict[str, Any] = {}

    # Twisted's hooks.

    def connectionMade(self) -> None:
        self.maxHeaders = 2 * HEADERS_MAX  # Twisted's own limits lie behind ours, which say why.
        self.totalHeadersSize = self.MAX_LENGTH = 2 * self._lobby.header_max
        super().connectionMade()
        self._lobby.opened(self)
        self._start("head", HEAD_S, self._too_slow)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        for name in list(self._timers):
            self._cancel(name)
        super().connectionLost(reason)
        self._lobby.closed(self)

    def dataReceived(self, data: bytes) -> None:
        if self.refused is not None:
            self._drop(len(data))
            return
        if self.line_mode and "head" not in self._timers:
            self._start("head", HEAD_S, self._too_slow)
        super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        if self.refused is not None:
            return
        self._head_bytes += len(line) + len(self.delimiter)
        if self._head_bytes > self._lobby.header_max:
            self.refuse(TOO_LARGE)
            return
        super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        self.refuse(TOO_LARGE)

    def headerReceived(self, line: bytes) -> bool:
        if not super().headerReceived(line):
            return False
        if self._receivedHeaderCount > HEADERS_MAX:
            self.refuse(TOO_LARGE)
            return False
        return True

    def allHeadersReceived(self) -> None:
        self._cancel("head")
        self._head_bytes = 0
        # No length and no chunks: a body of unknown length, which no request may have (RFC 9112, 6.3).
        length = self.length if self._transferDecoder is not None else -1
        why = self._incoming.admit(self._command, length)
        if why is not None:
            self.refuse(why)
            self.length = None  # Twisted goes on as if a body came; it is dropped.
            return
        super().allHeadersReceived()
        if self.length != 0:
            self._received_before = self._incoming.received
            self._start("rate", self._lobby.idle_s, self._look_at_rate)

    def rawDataReceived(self, data: bytes) -> None:
        if self.refused is None:
            super().rawDataReceived(data)

    def allContentReceived(self) -> None:
        self._cancel("rate")
        if self.refused is None:
            super().allContentReceived()

    def timeoutConnection(self) -> None:
        """Nothing has come for a while: in the middle of a request that is said, between two it needs no word."""
        if self.requests and self.refused is None:
            self._too_slow()
        else:
            super().timeoutConnection()

    def _respondToBadRequestAndDisconnect(self) -> None:
        self.refuse(MALFORMED)

    # What the request and the listener do with it.

    @property
    def idle(self) -> bool:
        """Between two requests."""
        return not self.requests

    @property
    def address(self) -> str:
        return str(getattr(self.getPeer(), "host", ""))

    def refuse(self, why: TurnedAway) -> None:
        """Answer with a refusal and take nothing more from this connection."""
        if self.refused is not None:
            return
        self.refused = why
        for name in list(self._timers):
            self._cancel(name)
        self.setTimeout(None)
        if self.requests:
            self._incoming.give_up()
        self.transport.write(_refusal(why, bodiless=getattr(self, "_command", b"") == b"HEAD"))
        self._start("linger", LINGER_S, self._hang_up)
        self._lobby.turned_away(why, self.address)

    def hold(self) -> None:
        """Take nothing for a while: our own disk is behind, which is nobody's idleness."""
        self._idle_before_hold = self.timeOut
        self.setTimeout(None)
        self._networkProducer.pauseProducing()

    def go_on(self) -> None:
        if self.refused is not None or self._lost:
            return
        if self._handlingRequest:
            self._savedTimeOut = self._idle_before_hold
        else:
            self.setTimeout(self._idle_before_hold)
        self._networkProducer.resumeProducing()

    @property
    def _lobby(self) -> Lobby:
        lobby: Lobby = self.factory
        return lobby

    @property
    def _incoming(self) -> Incoming:
        incoming: Incoming = self.requests[-1]
        return incoming

    def _drop(self, count: int) -> None:
        self._dropped += count
        if self._dropped > LINGER_BYTES:
            self._hang_up()

    def _hang_up(self) -> None:
        self._cancel("linger")
        self._start("linger", LINGER_S, self.forceAbortClient)
        self.loseConnection()

    def _too_slow(self) -> None:
        self.refuse(SLOW)

    def _look_at_rate(self) -> None:
        received = self._incoming.received - self._received_before
        self._received_before += received
        if not self._incoming.paused and received < RATE_MIN * self._lobby.idle_s:
            self._too_slow()
        else:
            self._start("rate", self._lobby.idle_s, self._look_at_rate)

    def _start(self, name: str, seconds: float, act: Any) -> None:
        def fire() -> None:
            self._timers.pop(name, None)
            act()

        self._cancel(name)
        self._timers[name] = self.callLater(seconds, fire)

    def _cancel(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            with suppress(AlreadyCalled, AlreadyCancelled):
                timer.cancel()


def _refusal(why: TurnedAway, *, bodiless: bool) -> bytes:
    body = f"{why.what}\n".encode("ascii", "replace")
    lines = [f"HTTP/1.1 {why.code} {HTTPStatus(why.code).phrase}", "Content-Type: text/plain; charset=us-ascii"]
    lines += [f"Content-Length: {len(body)}", "Connection: close"]
    if why.code in _BESIDE:
        lines.append(_BESIDE[why.code])
    return "\r\n".join([*lines, "", ""]).encode("ascii") + (b"" if bodiless else body)
