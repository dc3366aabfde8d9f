"""What happened to a record, in order: noun.past_verb, ids, codes. Append-only; never holds a patient's value."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.store.among import among
from gateway.store.bulk import add_rows
from gateway.store.schema import events
from gateway.store.session import Scoped, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    subject: str
    what: str
    document: str
    actor: str
    detail: Mapping[str, Any]
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of many; ``detail`` is what JSON holds: ids, codes and counts only."""

    subject: str
    what: str
    detail: Mapping[str, Any]


_ADD = sa.insert(events)
_NAMES = ("organisation", "clinic", "subject", "what", "document", "actor", "detail", "recorded_at")
_SHOWN = sa.select(*(events.c[name] for name in Event.__dataclass_fields__)).order_by(events.c.seq)
_OF = Scoped(_SHOWN.where(events.c.subject == sa.bindparam("wanted")), events)
_OF_ALL = Scoped(
    _SHOWN.where(among(events.c.subject), events.c.what == sa.bindparam("of_what")),
    events,
)
_CAUSED = Scoped(_SHOWN.where(events.c.document == sa.bindparam("wanted")), events)


class Events:
    """The trail of every record."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, subject: str, what: str, *, document: str = "", **detail: Any) -> None:
        """Record that something happened; ``detail`` is what JSON holds: ids, codes and counts only."""
        session = self._session
        organisation, clinic = session.owner_of(subject)
        values = {
            "organisation": organisation,
            "clinic": clinic,
            "subject": subject,
            "what": what,
            "document": document,
            "actor": session.scope.actor,
            "detail": detail,
            "recorded_at": session.now,
        }
        session.run(_ADD, values)

    def add_all(self, happened: Sequence[Happened], *, document: str = "") -> None:
        """Record many at once, all caused by one document."""
        session = self._session
        actor, now = session.scope.actor, session.now
        rows = [
            (*session.owner_of(each.subject), each.subject, each.what, document, actor, each.detail, now)
            for each in happened
        ]
        add_rows(session, events, _NAMES, rows)

    def of_all(self, subjects: Iterable[str], what: str) -> dict[str, list[Event]]:
        """The events of one name of several records, by record, in order."""
        wanted = sorted(set(subjects))
        found: dict[str, list[Event]] = {}
        for row in self._session.within(_OF_ALL, {"wanted": wanted, "of_what": what}) if wanted else ():
            found.setdefault(row.subject, []).append(Event(**row._mapping))
        return found

    def of(self, subject: str) -> list[Event]:
        """The events of a record, in order."""
        return [Event(**row._mapping) for row in self._session.within(_OF, {"wanted": subject})]

    def caused_by(self, document: str) -> list[Event]:
        """The events that a document caused, in order."""
        return [Event(**row._mapping) for row in self._session.within(_CAUSED, {"wanted": document})]
