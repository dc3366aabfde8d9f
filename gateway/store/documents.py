"""Documents: one row per arrival or departure, pointing at sealed bytes by their id, linked to the clinics in it.

Identical bytes may come twice: two rows, one payload. Never holds the bytes, and never deletes a row.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert  # Its ON CONFLICT compiles for SQLite, too.

from gateway.store.schema import document_clinics, documents
from gateway.store.session import NotInStore, Scoped, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """``size`` is bytes of the plain payload; ``about`` is what its envelope says, never a patient's value."""

    id: str
    direction: str
    partner: str
    name: str
    payload: str
    kind: str
    size: int
    state: str
    reason: str
    about: Mapping[str, Any]
    recorded_at: datetime
    changed_at: datetime


def _linked(statement: Any) -> Scoped:
    """The documents that a clinic takes part in; a scope without an organisation sees all of them."""
    link = sa.select(document_clinics.c.document).where(document_clinics.c.document == documents.c.id)
    organisation = link.where(document_clinics.c.organisation == sa.bindparam("scope_organisation"))
    clinic = organisation.where(document_clinics.c.clinic == sa.bindparam("scope_clinic"))
    return Scoped.of(statement, statement.where(organisation.exists()), statement.where(clinic.exists()))


_SHOWN = sa.select(*(documents.c[name] for name in Document.__dataclass_fields__))
_ADD = sa.insert(documents)
_LINK = insert(document_clinics).on_conflict_do_nothing()
_GET = _linked(_SHOWN.where(documents.c.id == sa.bindparam("wanted")))
_LOCK = _linked(_SHOWN.where(documents.c.id == sa.bindparam("wanted")).with_for_update())
_PAYLOAD = _linked(_SHOWN.where(documents.c.payload == sa.bindparam("wanted")).order_by(documents.c.seq))
_SET = _linked(
    sa.update(documents)
    .where(documents.c.id == sa.bindparam("wanted"))
    .values(state=sa.bindparam("to_state"), reason=sa.bindparam("to_reason"), changed_at=sa.bindparam("to_changed_at"))
)
_ABOUT = _linked(
    sa.update(documents)
    .where(documents.c.id == sa.bindparam("wanted"))
    .values(about=sa.bindparam("to_about"), changed_at=sa.bindparam("to_changed_at"))
)
_CLINICS = Scoped(
    sa.select(document_clinics.c.organisation, document_clinics.c.clinic)
    .where(document_clinics.c.document == sa.bindparam("wanted"))
    .order_by(document_clinics.c.organisation, document_clinics.c.clinic),
    document_clinics,
)


class Documents:
    """What came in and what went out."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(
        self,
        *,
        direction: Literal["in", "out"],
        partner: str,
        name: str,
        payload: str,
        kind: str,
        size: int,
        state: str = "stored",
        about: Mapping[str, Any] | None = None,
    ) -> str:
        """Record an arrival or a departure; its id. A scope with an organisation links it to itself at once."""
        session = self._session
        document = session.new_id("do")
        values = {
            "id": document,
            "direction": direction,
            "partner": partner,
            "name": name,
            "payload": payload,
            "kind": kind,
            "size": size,
            "state": str(state),
            "about": dict(about or {}),
            "recorded_at": session.now,
            "changed_at": session.now,
        }
        session.run(_ADD, values)
        if session.scope.organisation is not None:
            self._link(document, *session.owner())
        return document

    def get(self, document: str, *, lock: bool = False) -> Document:
        """Raises NotInStore where there is none in this scope."""
        row = self._session.within(_LOCK if lock else _GET, {"wanted": document}).first()
        if row is None:
            raise _missing(document)
        return Document(**row._mapping)

    def set_state(self, document: str, state: str, reason: str = "") -> None:
        values = {
            "wanted": document,
            "to_state": str(state),
            "to_reason": reason,
            "to_changed_at": self._session.now,
        }
        if not self._session.within(_SET, values).rowcount:
            raise _missing(document)

    def set_about(self, document: str, **about: Any) -> None:
        """Add to what is known of its content (control numbers, sets, transactions), or replace single keys of it."""
        known = self.get(document, lock=True)
        values = {"wanted": document, "to_about": {**known.about, **about}, "to_changed_at": self._session.now}
        self._session.within(_ABOUT, values)

    def link(self, document: str, organisation: str, clinic: str) -> None:
        """Say that this clinic takes part in the document; saying it again is harmless."""
        self._link(document, *self._session.owner(organisation, clinic))

    def clinics(self, document: str) -> list[tuple[str, str]]:
        """Organisation and clinic of each that takes part, as far as the scope sees them."""
        return [(row[0], row[1]) for row in self._session.within(_CLINICS, {"wanted": document})]

    def with_payload(self, payload: str) -> list[Document]:
        """Every arrival and departure of these bytes, the oldest first."""
        return [Document(**row._mapping) for row in self._session.within(_PAYLOAD, {"wanted": payload})]

    def _link(self, document: str, organisation: str, clinic: str) -> None:
        self._session.run(_LINK, {"document": document, "organisation": organisation, "clinic": clinic})

    def list(
        self,
        *,
        direction: str | None = None,
        partner: str | None = None,
        state: str | Iterable[str] | None = None,
        kind: str | None = None,
        limit: int = 1000,
    ) -> list[Document]:
        """In the order of recording, the oldest first."""
        statement = _SHOWN.order_by(documents.c.seq).limit(limit)
        for column, value in (("direction", direction), ("partner", partner), ("kind", kind)):
            if value is not None:
                statement = statement.where(documents.c[column] == str(value))
        if state is not None:
            states = [state] if isinstance(state, str) else state
            statement = statement.where(documents.c.state.in_([str(each) for each in states]))
        return [Document(**row._mapping) for row in self._session.within(_linked(statement))]


def _missing(document: str) -> NotInStore:
    return NotInStore(f"there is no document {document}, or not in this scope", fix="Look it up with gateway trace")
