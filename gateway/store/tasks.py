"""What waits for a person, once per owner, with what is wrong and how to mend it. Never holds a patient's value."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert  # Its ON CONFLICT compiles for SQLite, too.

from gateway.store.among import among
from gateway.store.schema import tasks
from gateway.store.session import Scoped, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """``closed_at`` is None while it is open; ``closed_for`` says why it was closed."""

    id: str
    key: str
    kind: str
    subject: str
    reason: str
    fix: str
    organisation: str
    clinic: str
    opened_at: datetime
    closed_at: datetime | None
    closed_for: str


_SHOWN = sa.select(*(tasks.c[name] for name in Task.__dataclass_fields__)).order_by(tasks.c.seq)
_OPEN_OF = Scoped(_SHOWN.where(among(tasks.c.subject), tasks.c.closed_at.is_(None)), tasks)
_add = insert(tasks)
_OPEN = _add.on_conflict_do_update(
    index_elements=[tasks.c.key, tasks.c.organisation, tasks.c.clinic],
    set_={name: _add.excluded[name] for name in ("reason", "fix", "opened_at", "closed_at", "closed_for")},
    where=tasks.c.closed_at.is_not(None),  # What was closed and comes back is open again; what is open stays as it is.
)
_CLOSE = Scoped(
    sa.update(tasks)
    .where(tasks.c.key == sa.bindparam("of_key"), tasks.c.closed_at.is_(None))
    .values(closed_at=sa.bindparam("to_closed_at"), closed_for=sa.bindparam("to_closed_for")),
    tasks,
)


class Tasks:
    """The work list of the people who run the gateway."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def open(self, key: str, *, kind: str, subject: str, reason: str, fix: str) -> None:
        """Ask a person; an open task of the same key is left as it is, a closed one opens again."""
        session = self._session
        organisation, clinic = session.owner_of(subject)
        values = {
            "id": session.new_id("ta"),
            "organisation": organisation,
            "clinic": clinic,
            "key": key,
            "kind": kind,
            "subject": subject,
            "reason": reason,
            "fix": fix,
            "closed_for": "",
            "opened_at": session.now,
            "closed_at": None,
        }
        session.run(_OPEN, values)

    def close(self, key: str, reason: str) -> bool:
        """Done with; False where no open task has this key."""
        values = {"of_key": key, "to_closed_at": self._session.now, "to_closed_for": reason}
        return bool(self._session.within(_CLOSE, values).rowcount)

    def open_of(self, subjects: Iterable[str]) -> Sequence[Task]:
        """What waits for a person about any of these records."""
        wanted = sorted(set(subjects))
        if not wanted:
            return []
        return [Task(**row._mapping) for row in self._session.within(_OPEN_OF, {"wanted": wanted})]

    def list(self, open: bool | None = True, *, subject: str | None = None, kind: str | None = None) -> list[Task]:
        """The oldest first; ``open`` None gives the closed ones, too."""
        statement = _SHOWN
        if open is not None:
            statement = statement.where(tasks.c.closed_at.is_(None) if open else tasks.c.closed_at.is_not(None))
        if subject is not None:
            statement = statement.where(tasks.c.subject == subject)
        if kind is not None:
            statement = statement.where(tasks.c.kind == kind)
        found = self._session.within(Scoped(statement, tasks))
        return [Task(**row._mapping) for row in found]
