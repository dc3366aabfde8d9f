"""Bodies that were cut off, kept for a while so that their sender can go on where it stopped (AS2 restart).

draft-harding-as2-restart: a message carries an ETag of its sender's; HEAD with it asks how many bytes have arrived, and
a POST with Content-Range brings the rest. Kept in number, size and age; an empty hand only means that all is sent
again. They end with this process, because their keys do.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from gateway.transport.spool import Spool

KEPT_MAX = 64
KEPT_OF_PARTNER_MAX = 8
KEPT_S = 6 * 3600.0

Key = tuple[str, str]
"""The partner's name in our files, and the ETag."""

_RANGE = re.compile(r"(?:bytes[ =])?\s*([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})")


@dataclass(frozen=True, slots=True)
class Range:
    """The bytes of a whole that a request brings, counted from 0, both ends among them."""

    first: int
    last: int
    total: int

    @classmethod
    def read(cls, text: str) -> "Range | None":
        """``bytes 500-999/1000`` (RFC 9110, 14.4); None where it is none, or not up to the end of the whole."""
        match = _RANGE.fullmatch(text.strip())
        if match is None:
            return None
        read = cls(*map(int, match.groups()))
        return read if read.first <= read.last == read.total - 1 else None


@dataclass(slots=True)
class _Kept:
    spool: Spool
    until: float


class Partials:
    """What was cut off, of all partners, the oldest first. ``bytes_max`` bounds all of them together."""

    def __init__(self, *, bytes_max: int, clock: Callable[[], float]) -> None:
        self._bytes_max = bytes_max
        self._clock = clock
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()

    def keep(self, key: Key, spool: Spool) -> None:
        """Put a cut-off body by; another one under this key gives way to the longer of the two."""
        self._sweep()
        held = self._kept.pop(key, None)
        if held is not None:
            spool, other = (spool, held.spool) if spool.size >= held.spool.size else (held.spool, spool)
            other.close()
        self._kept[key] = _Kept(spool, self._clock() + KEPT_S)
        self._make_room(key[0])

    def size(self, key: Key) -> int:
        """How many bytes of it are here."""
        self._sweep()
        return self._kept[key].spool.size if key in self._kept else 0

    def take(self, key: Key, size: int) -> Spool | None:
        """Hand it out to go on behind its ``size`` bytes; None, and it stays, where it has another size."""
        if self.size(key) != size or key not in self._kept:
            return None
        return self._kept.pop(key).spool

    def forget(self, key: Key) -> None:
        """Its message has arrived."""
        held = self._kept.pop(key, None)
        if held is not None:
            held.spool.close()

    def close(self) -> None:
        for key in list(self._kept):
            self.forget(key)

    def _sweep(self) -> None:
        now = self._clock()
        for key in [key for key, each in self._kept.items() if each.until <= now]:
            self.forget(key)

    def _make_room(self, partner: str) -> None:
        of_partner = [key for key in self._kept if key[0] == partner]
        for key in of_partner[: max(0, len(of_partner) - KEPT_OF_PARTNER_MAX)]:
            self.forget(key)
        while len(self._kept) > KEPT_MAX or sum(each.spool.size for each in self._kept.values()) > self._bytes_max:
            self.forget(next(iter(self._kept)))
