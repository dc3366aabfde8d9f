"""What happened to a record, in order: noun.past_verb, ids, codes. Append-only; never holds a patient's value."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

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


_ADD = sa.insert(events)
_SHOWN = sa.select(*(events.c[name] for name in Event.__dataclass_fields__)).order_by(events.c.seq)
_OF = Scoped(_SHOWN.where(events.c.subject == sa.bindparam("wanted")), events)
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

    def of(self, subject: str) -> list[Event]:
        """The events of a record, in order."""
        return [Event(**row._mapping) for row in self._session.within(_OF, {"wanted": subject})]

    def caused_by(self, document: str) -> list[Event]:
        """The events that a document caused, in order."""
        return [Event(**row._mapping) for row in self._session.within(_CAUSED, {"wanted": document})]
