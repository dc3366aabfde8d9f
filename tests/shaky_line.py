"""A loopback line between two programs that is cut, or goes slowly, as a seed says. It knows no protocol."""

import contextlib
import random
import socket
import threading
import time
from collections import Counter

PIECE = 16 * 1024
SLOW_S = 0.02  # a pause after each piece


class ShakyLine:
    """Listens on a port of its own and leads to another. Open it anew when its target moves.

    Of 1,000 connections ``cuts`` end after some bytes that the seed picks, in either direction, and ``slow`` go slowly.
    ``reach`` is the least and the most of these bytes, as powers of ten.
    """

    def __init__(
        self, target: int, *, seed: int, cuts: int = 0, slow: int = 0, reach: tuple[float, float] = (2, 5.5)
    ) -> None:
        self.target = target
        self.did: Counter[str] = Counter()
        self._rng = random.Random(seed)
        self._cuts, self._slow, self._reach = cuts, slow, reach
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for each in self._open:
                _end(each)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            fate = self._rng.randrange(1000)
            left = int(10 ** self._rng.uniform(*self._reach)) if fate < self._cuts else None
            slow = self._cuts <= fate < self._cuts + self._slow
            self.did["cut" if left is not None else "slow" if slow else "whole"] += 1
            threading.Thread(target=self._lead, args=(near, left, slow), daemon=True).start()

    def _lead(self, near: socket.socket, left: int | None, slow: bool) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self.target), timeout=10)
        except OSError:  # Killed at the moment.
            near.close()
            return
        far.settimeout(None)
        budget = _Budget(left)
        with self._lock:
            self._open |= {near, far}
        ways = [threading.Thread(target=_move, args=(one, other, budget, slow), daemon=True) for one, other in
                ((near, far), (far, near))]  # fmt: skip
        for each in ways:
            each.start()
        for each in ways:
            each.join()
        with self._lock:
            self._open -= {near, far}
        near.close()
        far.close()


class _Budget:
    """How many bytes a connection may still move, both ways together; None is any number."""

    def __init__(self, left: int | None) -> None:
        self._left = left
        self._lock = threading.Lock()

    def take(self, count: int) -> int:
        with self._lock:
            if self._left is None:
                return count
            granted = min(count, self._left)
            self._left -= granted
            return granted


def _move(source: socket.socket, target: socket.socket, budget: _Budget, slow: bool) -> None:
    try:
        while piece := source.recv(PIECE):
            granted = budget.take(len(piece))
            target.sendall(piece[:granted])
            if granted < len(piece):
                _end(source)
                _end(target)
                return
            if slow:
                time.sleep(SLOW_S)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        _end(source)
        _end(target)


def _end(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
