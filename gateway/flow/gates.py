"""A gate for each partner: how many of us are with it at once, and whether it rests because nothing worked.

In memory and for one process; a start begins anew. Knows no transport and writes nothing: ``traffic`` lets what happens
here take effect. Times are those of the clock that it is handed.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol, TypeVar, cast

from gateway.settings import Partner

KEPT_S = 60  # A session that lay idle for longer may be dead without knowing; a new one costs less than to find out.
BUSY_S = 5
SESSIONS_MAX = 16  # of partners whose file sets no limit of its own

Now = Callable[[], datetime]


class Change(Enum):
    """What a visit did to the gate."""

    NONE = "none"
    RESTS = "rests"  # one attempt more than may fail in a row
    FLOWS = "flows"  # something works; also at the first visit after a start, because nobody knows what was before


@dataclass(frozen=True, slots=True)
class Shut:
    """Why nobody may go in now, and when to come again."""

    why: str
    again_at: datetime


class Session(Protocol):
    """What may be kept from visit to visit."""

    def close(self) -> None: ...


Opened = TypeVar("Opened", bound=Session)


@dataclass(slots=True)
class _Kept:
    session: Session
    used_at: datetime


@dataclass(slots=True)
class Gate:
    """One partner's. ``role`` is who goes in: at most one of each at a time, such as the sender and the poller."""

    partner: Partner
    now: Now
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _inside: set[str] = field(default_factory=set)
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _failures: int = 0
    _rests: int = 0
    _until: datetime | None = None
    _why: str = ""
    _known: bool = False

    @property
    def sessions_max(self) -> int:
        return getattr(self.partner.transport, "sessions_max", SESSIONS_MAX)

    def enter(self, role: str) -> Shut | None:
        """None where ``role`` is in, and must ``leave`` again."""
        with self._lock:
            now = self.now()
            if self._until is not None and (now < self._until or self._inside):
                again = max(self._until, now + timedelta(seconds=BUSY_S))
                return Shut(f"{self.partner.name} rests: {self._why}", again)
            if role in self._inside or len(self._inside) >= self.sessions_max:
                what = f"{self.partner.name} takes no more than {self.sessions_max} sessions of ours at once"
                return Shut(what, now + timedelta(seconds=BUSY_S))
            self._inside.add(role)
            spare = self._spare(role)
        for each in spare:
            each.close()
        return None

    def _spare(self, role: str) -> list[Session]:
        """Kept sessions of others that would be one too many now; they are forgotten here and closed by the caller."""
        idle = [name for name in self._kept if name not in self._inside]
        over = len(self._inside | set(self._kept)) - self.sessions_max
        return [self._kept.pop(name).session for name in idle[: max(0, over)] if name != role]

    def leave(self, role: str, *, worked: bool | None, why: str = "") -> Change:
        """``worked`` None says nothing about the partner: nothing was tried, or it was our own fault."""
        with self._lock:
            self._inside.discard(role)
            if worked is None:
                return Change.NONE
            if worked:
                change = Change.NONE if self._known and self._until is None else Change.FLOWS
                self._failures, self._rests, self._until, self._why, self._known = 0, 0, None, "", True
                return change
            self._failures += 1
            rest = self.partner.rest
            if self._failures < rest.after:
                return Change.NONE
            first = self._until is None
            self._rests += 1
            self._why = f"{self._failures} attempts in a row failed, the last one: {why}"
            wait_s = min(rest.longest, rest.first * 2.0 ** min(self._rests - 1, 60))
            self._until = self.now() + timedelta(seconds=wait_s)
            return Change.RESTS if first else Change.NONE

    @property
    def why(self) -> str:
        """Why it rests, in words; "" where it does not."""
        return self._why

    @contextmanager
    def session(self, role: str, opened: Callable[[], Opened]) -> Iterator[Opened]:
        """A session that is kept for the next visit of ``role``, unless the visit failed."""
        with self._lock:
            kept = self._kept.pop(role, None)
        fresh = kept is not None and (self.now() - kept.used_at).total_seconds() <= KEPT_S
        if kept is not None and not fresh:
            kept.session.close()
        session = cast(Opened, kept.session) if kept is not None and fresh else opened()
        try:
            yield session
        except BaseException:
            session.close()
            raise
        with self._lock:
            self._kept[role] = _Kept(session, self.now())

    def close(self, *, idle_only: bool = False) -> None:
        """Hangs up; with ``idle_only`` what nobody used for a while."""
        with self._lock:
            now = self.now()
            old = [
                name
                for name, each in self._kept.items()
                if not idle_only or (now - each.used_at).total_seconds() > KEPT_S
            ]
            sessions = [self._kept.pop(name).session for name in old]
        for each in sessions:
            each.close()


@dataclass(slots=True)
class Gates:
    """Every partner's gate; made when first asked for."""

    _gates: dict[str, Gate] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, partner: Partner, now: Now) -> Gate:
        with self._lock:
            if partner.name not in self._gates:
                self._gates[partner.name] = Gate(partner, now)
            return self._gates[partner.name]

    def close(self) -> None:
        for each in list(self._gates.values()):
            each.close()
