"""Brings a body that comes in to its spool: in threads, in order, and never further ahead of them than a little.

The reactor only collects pieces. While threads are behind, the sender is held up by TCP itself. Knows no HTTP.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from gateway.transport.spool import Spool

PENDING_MAX = 1024 * 1024  # bytes that wait for a thread before the sender is paused
PENDING_LOW = 256 * 1024  # and down to which they are worked off before it may go on

InThread = Callable[..., "Deferred[Any]"]
"""``in_thread(act, *arguments)`` acts in a thread and fires in the reactor with what came of it."""


class Spooling:
    """One body on its way into a spool. ``received`` counts its bytes, those that still wait among them.

    ``pause`` and ``resume`` stop the sender and let it go on. Everything here happens in the reactor's thread.
    """

    def __init__(
        self, spool: Spool, *, in_thread: InThread, pause: Callable[[], None], resume: Callable[[], None]
    ) -> None:
        self.spool = spool
        self.received = spool.size
        self.paused = False
        self._in_thread = in_thread
        self._pause = pause
        self._resume = resume
        self._waiting = bytearray()  # One, since chunks can be of a byte each, and objects of their own cost far more.
        self._pending = 0
        self._busy = False
        self._failed: Failure | None = None
        self._ended: Deferred[Spool] | None = None

    def write(self, piece: bytes) -> None:
        """Take the next piece. After a failure everything is dropped; ``end`` tells of it."""
        self.received += len(piece)
        if self._failed is not None:
            return
        self._waiting += piece
        self._pending += len(piece)
        if self._pending > PENDING_MAX and not self.paused:
            self.paused = True
            self._pause()
        self._drain()

    def end(self) -> "Deferred[Spool]":
        """No more will come: fires with the spool once all of it is there, or fails as the spool did."""
        assert self._ended is None, "a body ends once"
        self._ended = Deferred()
        self._drain()
        return self._ended

    def _drain(self) -> None:
        if self._busy:
            return
        if self._waiting:
            batch, self._waiting = self._waiting, bytearray()
            self._busy = True
            self._in_thread(_write, self.spool, batch).addCallbacks(self._written, self._broke)
        elif self._ended is not None and not self._ended.called:
            if self._failed is not None:
                self._ended.errback(self._failed)
            else:
                self._ended.callback(self.spool)

    def _written(self, count: int) -> None:
        self._busy = False
        self._pending -= count
        if self.paused and self._pending <= PENDING_LOW:
            self.paused = False
            self._resume()
        self._drain()

    def _broke(self, failure: Failure) -> None:
        self._failed = failure
        self._waiting = bytearray()
        self._written(self._pending)


def _write(spool: Spool, batch: bytearray) -> int:
    return spool.write(batch)
