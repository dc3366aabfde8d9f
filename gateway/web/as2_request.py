"""One request to the AS2 listener: its head is judged before its body comes, the body goes to a spool, and threads do
the rest. Says nothing to whoever only looks. Knows no rule of AS2 but the headers of a restart.
"""

from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.http_headers import Headers

from gateway import logs
from gateway.flow.as2_door import Admitted, Answer, Door, Head, TurnedAway
from gateway.transport.as2.building import FEATURES, VERSION
from gateway.transport.as2.restart import FEATURE
from gateway.transport.spool import Spool
from gateway.web.as2_channel import METHODS, RETRY_S, As2Channel
from gateway.web.as2_partials import Key, Partials, Range
from gateway.web.as2_spooling import InThread, Spooling
from gateway.web.as2_tls import fingerprint

log = logs.get()

ANNOUNCED = (("AS2-Version", VERSION), ("EDIINT-Features", f"{FEATURES}, {FEATURE}"))
_BUSY = Answer(code=503, headers=(("Retry-After", str(RETRY_S)),), body=b"Please send it again later\n")
_CROWDED = TurnedAway(code=503, kind="too_much_in_hand", what="Please send it again later")
_HEALTHY = Answer(code=200, headers=(("Content-Type", "text/plain"),), body=b"OK\n")


class Inbox(Protocol):
    """What a request needs of the listener."""

    door: Door
    in_hand: int  # bytes of all bodies that have come and are not done with
    in_hand_max: int
    partials: Partials
    live: "dict[Key, As2Request]"
    spooling: InThread
    opening: InThread

    def new_spool(self) -> Spool: ...


class As2Request(http.Request):
    """``received`` and ``paused`` are those of its body."""

    channel: As2Channel
    requestHeaders: Headers

    def __init__(self, channel: As2Channel, queued: object = False) -> None:
        super().__init__(channel, parsePOSTFormSubmission=False)
        self._inbox: Inbox = channel.factory
        self._channel = channel
        self._admitted: Admitted | None = None
        self._key: Key | None = None
        self._range: Range | None = None
        self._body: Spooling | None = None
        self._over: Deferred[None] = Deferred()  # Fires once the body is nobody's any more.
        self._ended = False
        self._counted = 0

    @property
    def received(self) -> int:
        return self._body.received if self._body is not None else 0

    @property
    def paused(self) -> bool:
        return self._body is not None and self._body.paused

    # The head.

    def admit(self, command: bytes, length: int | None) -> TurnedAway | None:
        """None where the body may come. ``length`` is -1 where nothing says how long it is, None for chunks."""
        head = self._head(command, length)
        if head.method in ("GET", "HEAD"):
            if length not in (0, -1):
                return _malformed("A request of this kind has no body")
            return self._look(head) if head.method == "HEAD" and head.header("ETag") else None
        if head.method != "POST":
            return TurnedAway(code=405, kind="method", what=f"Only {METHODS} are taken here")
        if why := _unfit(head):
            return why
        admitted = self._inbox.door.admit(head)
        if isinstance(admitted, TurnedAway):
            return admitted
        self._admitted = admitted
        if why := self._too_much(length or 0):
            return why
        return self._go_on(head, admitted) if head.header("Content-Range") else self._begin(head, admitted)

    def _head(self, command: bytes, length: int | None) -> Head:
        headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, values in self.requestHeaders.getAllRawHeaders()
            for value in values
        )
        certificate = fingerprint(self._channel.transport)
        method = command.decode("latin-1")
        address = self._channel.address
        return Head(method=method, headers=headers, length=length, address=address, certificate=certificate)

    def _look(self, head: Head) -> TurnedAway | None:
        admitted = self._inbox.door.admit(head)
        if isinstance(admitted, TurnedAway):
            return admitted
        self._key = (admitted.partner, head.header("ETag"))
        return None

    def _too_much(self, size: int) -> TurnedAway | None:
        assert self._admitted is not None, "a body is looked at once its sender is known"
        if size <= self._admitted.body_max:
            return None
        what = f"The message is too large: at most {self._admitted.body_max} bytes are taken"
        return TurnedAway(code=413, kind="message_too_large", what=what, partner=self._admitted.partner)

    def _begin(self, head: Head, admitted: Admitted) -> TurnedAway | None:
        self._receive(self._inbox.new_spool(), head, admitted)
        return None

    def _go_on(self, head: Head, admitted: Admitted) -> TurnedAway | None:
        """A message goes on where it was cut off."""
        etag, wanted = head.header("ETag"), Range.read(head.header("Content-Range"))
        if wanted is None or not etag or head.length not in (None, wanted.last - wanted.first + 1):
            return _malformed("Content-Range needs an ETag, and goes from where it stopped to the end of the message")
        if why := self._too_much(wanted.total):
            return why
        key = (admitted.partner, etag)
        kept = self._inbox.new_spool() if wanted.first == 0 else self._inbox.partials.take(key, wanted.first)
        if kept is None:
            what = f"{self._inbox.partials.size(key)} bytes of this message are here: ask with HEAD, then go on there"
            return TurnedAway(code=416, kind="range", what=what, partner=admitted.partner)
        self._range = wanted
        self._receive(kept, head, admitted)
        return None

    def _receive(self, spool: Spool, head: Head, admitted: Admitted) -> None:
        self._body = Spooling(
            spool, in_thread=self._inbox.spooling, pause=self._channel.hold, resume=self._channel.go_on
        )
        if etag := head.header("ETag"):
            self._key = (admitted.partner, etag)
            self._inbox.live[self._key] = self

    # The body.

    def gotLength(self, length: int | None) -> None:
        """Nothing to prepare: there is a spool already."""

    def handleContentChunk(self, data: bytes) -> None:
        if self._body is None or self._ended:
            return
        self._body.write(data)
        self._inbox.in_hand += len(data)
        self._counted += len(data)
        limit = self._range.total if self._range is not None else 0
        why = self._too_much(self._body.received)
        if limit and self._body.received > limit:
            why = _malformed("More bytes came than Content-Range says")
        if self._inbox.in_hand > self._inbox.in_hand_max:
            why = _CROWDED
        if why is not None:
            self._channel.refuse(why)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        self.method, self.uri, self.path, self.clientproto = command, path, path, version
        self._ended = True
        if self._body is not None:
            self._body.end().addCallback(self._take).addErrback(self._failed)
        elif self._key is not None:
            self._tell_how_much(self._key)
        else:
            self._answer(_HEALTHY)

    def _take(self, spool: Spool) -> Any:
        assert self._admitted is not None, "only who was admitted has a body"
        if self._range is not None and spool.size != self._range.total:
            spool.close()
            raise ValueError("fewer bytes came than Content-Range says")
        taking = self._inbox.opening(_taken, self._inbox.door, self._admitted, spool)
        return taking.addCallback(self._taken)

    def _taken(self, answer: Answer) -> None:
        if self._key is not None:
            self._inbox.partials.forget(self._key)
        self._let_go()
        self._answer(answer)

    def _failed(self, failure: Failure) -> None:
        """The disk is full, or worse: the sender tries again."""
        log.warning("as2.transfer_failed", error=failure.type.__name__ if failure.type else "")
        if self._body is not None:
            self._body.spool.close()
        self._let_go()
        self._answer(_BUSY)

    def _tell_how_much(self, key: Key) -> None:
        """How many bytes of a message that was cut off are here; where it seems to come still, its line is dead."""
        live = self._inbox.live.get(key)
        waited = live.abandon() if live is not None else Deferred()
        if live is None:
            waited.callback(None)
        waited.addCallback(lambda _: self._answer(_held(self._inbox.partials.size(key), key[1])))

    # The end.

    def abandon(self) -> "Deferred[None]":
        """Hang up on a sender that has come again on another line; fires once what it brought is kept."""
        waited: Deferred[None] = Deferred()
        self._over.addCallback(lambda _: waited.callback(None))
        if not self._ended:
            self._channel.forceAbortClient()
        return waited

    def connectionLost(self, reason: Failure) -> None:
        super().connectionLost(reason)
        if not self._ended and self._body is not None:
            self._ended = True
            partner = self._admitted.partner if self._admitted else ""
            log.info("as2.cut_off", partner=partner, bytes=self._body.received)
            keep = self._keep if self._key is not None else _close
            self._body.end().addCallbacks(keep, lambda _: None).addBoth(lambda _: self._let_go())

    def give_up(self) -> None:
        """The channel refused what came: none of it is kept."""
        if not self._ended and self._body is not None:
            self._ended = True
            self._body.end().addCallbacks(_close, lambda _: None).addBoth(lambda _: self._let_go())

    def _keep(self, spool: Spool) -> None:
        assert self._key is not None, "only what has an ETag is kept"
        self._inbox.partials.keep(self._key, spool)

    def _let_go(self) -> None:
        self._inbox.in_hand -= self._counted
        self._counted = 0
        if self._key is not None and self._inbox.live.get(self._key) is self:
            del self._inbox.live[self._key]
        if not self._over.called:
            self._over.callback(None)

    def _answer(self, answer: Answer) -> None:
        if self._disconnected:
            log.info("as2.answer_lost", status=str(answer.code))  # It is committed; the sender comes again and gets it.
            return
        self.setResponseCode(answer.code)
        named = {name.lower() for name, _ in answer.headers}
        can = {name.lower() for name, _ in ANNOUNCED}  # A receipt knows nothing of what the listener can.
        for name, value in (*ANNOUNCED, *(each for each in answer.headers if each[0].lower() not in can)):
            self.responseHeaders.addRawHeader(name, value)
        self.setHeader("Date", http.datetimeToString())
        if "content-length" not in named:
            self.setHeader("Content-Length", str(len(answer.body)))
        if not self._channel.persistent:
            self.setHeader("Connection", "close")
        self.write(answer.body)
        self.finish()


def _taken(door: Door, admitted: Admitted, spool: Spool) -> Answer:
    try:
        return door.take(admitted, spool)
    finally:
        spool.close()


def _close(spool: Spool) -> None:
    spool.close()


def _held(size: int, etag: str) -> Answer:
    return Answer(code=200, headers=(("ETag", etag), ("Content-Length", str(size))))


def _unfit(head: Head) -> TurnedAway | None:
    if head.length == -1:
        return TurnedAway(code=411, kind="length_missing", what="Send a Content-Length, or the body in chunks")
    if head.header("Content-Encoding").lower() not in ("", "identity"):
        what = "No Content-Encoding is taken: AS2 compresses within the message (RFC 5402)"
        return TurnedAway(code=415, kind="content_encoding", what=what)
    if head.header("Expect").lower() not in ("", "100-continue"):
        return TurnedAway(code=417, kind="expectation", what="Nothing but 100-continue is expected here")
    return None


def _malformed(what: str) -> TurnedAway:
    return TurnedAway(code=400, kind="malformed_request", what=what)
