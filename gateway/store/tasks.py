"""What waits for a person, once per owner, with what is wrong and how to mend it. Never holds a patient's value."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person is to look at: ``subject`` is our id of what it is about."""

    key: str
    kind: str
    subject: str
    reason: str
    fix: str


_SHOWN = sa.select(*(tasks.c[name] for name in Task.__dataclass_fields__)).order_by(tasks.c.seq)
_OPEN_OF = Scoped(_SHOWN.where(among(tasks.c.subject), tasks.c.closed_at.is_(None)), tasks)
_add = insert(tasks)
_AGAIN: dict[str, Any] = {  # What was closed and comes back is open again; what is open stays as it is.
    "index_elements": [tasks.c.key, tasks.c.organisation, tasks.c.clinic],
    "set_": {name: _add.excluded[name] for name in ("reason", "fix", "opened_at", "closed_at", "closed_for")},
    "where": tasks.c.closed_at.is_not(None),
}
_OPEN = _add.on_conflict_do_update(**_AGAIN)
_GIVEN = ("id", "organisation", "clinic", "key", "kind", "subject", "reason", "fix")
_given = (
    sa.func.unnest(*(sa.bindparam(f"of_{name}", type_=sa.ARRAY(sa.Text)) for name in _GIVEN))
    .table_valued(*_GIVEN, name="given")
    .render_derived()
)
_OPEN_ALL = _add.from_select(
    [*_GIVEN, "closed_for", "opened_at", "closed_at"],
    sa.select(
        *(_given.c[name] for name in _GIVEN),
        sa.literal(""),
        sa.bindparam("now", type_=tasks.c.opened_at.type),
        sa.cast(sa.null(), tasks.c.closed_at.type),
    ),
).on_conflict_do_update(**_AGAIN)
"""On PostgreSQL, all at once."""
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
        self._session.run(_OPEN, self._row(Asked(key=key, kind=kind, subject=subject, reason=reason, fix=fix)))

    def open_all(self, asked: Iterable[Asked]) -> None:
        """Ask all of it, as ``open`` would one after the other."""
        rows: dict[tuple[str, str, str], dict[str, Any]] = {}
        for each in asked:
            row = self._row(each)
            rows.setdefault((row["key"], row["organisation"], row["clinic"]), row)
        if not rows:
            return
        session = self._session
        if session.connection.dialect.name == "postgresql":
            values = {f"of_{name}": [row[name] for row in rows.values()] for name in _GIVEN}
            session.run(_OPEN_ALL, values | {"now": session.now})
        else:
            session.run(_OPEN, list(rows.values()))

    def _row(self, asked: Asked) -> dict[str, Any]:
        session = self._session
        organisation, clinic = session.owner_of(asked.subject)
        return {
            "id": session.new_id("ta"),
            "organisation": organisation,
            "clinic": clinic,
            "key": asked.key,
            "kind": asked.kind,
            "subject": asked.subject,
            "reason": asked.reason,
            "fix": asked.fix,
            "closed_for": "",
            "opened_at": session.now,
            "closed_at": None,
        }

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
