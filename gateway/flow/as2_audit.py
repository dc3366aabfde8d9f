"""Refusals in the audit trail, bounded: whoever knows the address of a listener may knock as often as they like.

The first refusal of a kind is written at once; those that follow within the hour are counted, and the count stands in
the next one that is written. Never writes what a stranger says of itself, but for the address it called from.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from gateway.flow.house import House, Transaction

NOBODY = "as2"
"""The subject of what is known to be nobody's."""

WINDOW = timedelta(hours=1)
KINDS_MAX = 10_000  # pairs of partner and kind; there are some twenty kinds

EVENT = "as2.turned_away"


@dataclass(slots=True)
class _Told:
    until: datetime
    untold: int = 0


class Audit:
    """What was refused before it was anybody's. Safe in any thread."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._told: dict[tuple[str, str], _Told] = {}

    def due(self, partner: str, kind: str) -> int:
        """How many of this kind to tell of now, this one among them; 0 where it is only counted."""
        with self._lock:
            now = self._clock()
            if len(self._told) >= KINDS_MAX:
                self._told = {key: each for key, each in self._told.items() if each.until > now}
            known = self._told.get((partner, kind))
            if known is not None and now < known.until:
                known.untold += 1
                return 0
            self._told[partner, kind] = _Told(now + WINDOW)
            return 1 + (known.untold if known is not None else 0)

    def tell(self, house: House, kind: str, *, partner: str = "", status: int = 0, address: str = "") -> None:
        """Write it, in a transaction of its own, unless it is only counted."""
        if count := self.due(partner, kind):
            with house.store.transaction(house.everything()) as tx:
                _write(tx, kind, partner=partner, count=count, status=status, address=address)


def _write(tx: Transaction, kind: str, *, partner: str, count: int, status: int, address: str) -> None:
    detail: dict[str, Any] = {"reason": kind, "count": count, "status": status, "address": address}
    tx.events.add(partner or NOBODY, EVENT, **{key: value for key, value in detail.items() if value})
