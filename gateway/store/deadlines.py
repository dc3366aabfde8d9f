"""The clocks of authorizations and visits: since when, until when, how long they stood still, what was told of them.

A subject has one open clock of a kind at most. Holds no rule about how long any of them is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gateway.store.schema import deadlines
from gateway.store.session import Scoped, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """``policy`` names the row that the term is from, ``counted`` how it counts (calendar, business or hours);
    ``due_at`` has every standstill in it that is over, ``paused_s`` sums them up. ``alerted`` is the last share of the
    term in percent that was told, ``outcome`` why it ended."""

    id: str
    organisation: str
    clinic: str
    subject: str
    kind: str
    policy: str
    counted: str
    started_at: datetime
    due_at: datetime
    paused_at: datetime | None
    paused_s: int
    alerted: int
    ended_at: datetime | None
    outcome: str

    def share(self, now: datetime) -> int:
        """How much of the term is over, in percent, standstills left out; 100 and more from ``due_at`` on."""
        paused = timedelta(seconds=self.paused_s)
        whole = (self.due_at - self.started_at - paused).total_seconds()
        over = ((self.paused_at or now) - self.started_at - paused).total_seconds()
        if now >= self.due_at and self.paused_at is None:
            return 100
        return min(99, max(0, int(100 * over / whole))) if whole > 0 else 0


_ADD = sa.insert(deadlines)
_SHOWN = sa.select(*(deadlines.c[name] for name in Deadline.__dataclass_fields__)).order_by(
    deadlines.c.started_at, deadlines.c.id
)
_OF = Scoped(_SHOWN.where(deadlines.c.subject == sa.bindparam("wanted")), deadlines)
_RUNNING = Scoped(_SHOWN.where(deadlines.c.ended_at.is_(None), deadlines.c.paused_at.is_(None)), deadlines)
_CHANGE = sa.update(deadlines).where(deadlines.c.id == sa.bindparam("wanted"))


class Deadlines:
    """Every clock, open or over."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(
        self, subject: str, kind: str, *, started_at: datetime, due_at: datetime, policy: str = "", counted: str = ""
    ) -> str:
        """Start a clock; its id."""
        session = self._session
        organisation, clinic = session.owner_of(subject)
        added = session.new_id("dl")
        values = {
            "id": added,
            "organisation": organisation,
            "clinic": clinic,
            "subject": subject,
            "kind": kind,
            "policy": policy,
            "counted": counted,
            "started_at": started_at,
            "due_at": due_at,
            "paused_at": None,
            "paused_s": 0,
            "alerted": 0,
            "ended_at": None,
            "outcome": "",
        }
        session.run(_ADD, values)
        return added

    def of(self, subject: str, kinds: Sequence[str] = ()) -> list[Deadline]:
        """The clocks of a subject, the oldest first; with ``kinds``, of these alone."""
        found = [Deadline(**row._mapping) for row in self._session.within(_OF, {"wanted": subject})]
        return [each for each in found if not kinds or each.kind in kinds]

    def running(self) -> list[Deadline]:
        """Every clock that is open and does not stand still."""
        return [Deadline(**row._mapping) for row in self._session.within(_RUNNING)]

    def pause(self, deadline: str) -> None:
        """Stand still from now on."""
        self._change(deadline, paused_at=self._session.now)

    def resume(self, deadline: Deadline, due_at: datetime) -> None:
        """Run again from now on, until ``due_at``."""
        assert deadline.paused_at is not None, "only what stands still runs again"
        still = int((self._session.now - deadline.paused_at).total_seconds())
        self._change(deadline.id, paused_at=None, paused_s=deadline.paused_s + still, due_at=due_at)

    def alert(self, deadline: str, percent: int) -> None:
        """This share of the term was told."""
        self._change(deadline, alerted=percent)

    def end(self, deadline: str, outcome: str) -> None:
        """Over, for this reason."""
        self._change(deadline, ended_at=self._session.now, outcome=outcome)

    def _change(self, deadline: str, **values: Any) -> None:
        self._session.run(_CHANGE.values(**values), {"wanted": deadline})
