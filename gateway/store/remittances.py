"""Remittances (835), each once by its business key: payer (TRN03), check or trace number (TRN02) and date (BPR16)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert  # Its ON CONFLICT compiles for SQLite, too.

from gateway.store.schema import remittances
from gateway.store.session import NotInStore, Scoped, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRemittance:
    """``amount`` is cents (BPR02); ``document`` the first that brought it."""

    id: str
    organisation: str
    clinic: str
    payer_id: str
    check_number: str
    paid_on: date
    amount: int
    document: str
    state: str
    reason: str
    recorded_at: datetime
    changed_at: datetime


_SHOWN = sa.select(*(remittances.c[name] for name in StoredRemittance.__dataclass_fields__))
_ADD = insert(remittances).on_conflict_do_nothing()
_KNOWN = sa.select(remittances.c.id).where(
    remittances.c.payer_id == sa.bindparam("of_payer_id"),
    remittances.c.check_number == sa.bindparam("of_check_number"),
    remittances.c.paid_on == sa.bindparam("of_paid_on"),
)
_GET = Scoped(_SHOWN.where(remittances.c.id == sa.bindparam("wanted")), remittances)
_SET = Scoped(
    sa.update(remittances)
    .where(remittances.c.id == sa.bindparam("wanted"))
    .values(state=sa.bindparam("to_state"), reason=sa.bindparam("to_reason"), changed_at=sa.bindparam("to_changed_at")),
    remittances,
)


class Remittances:
    """What payers said they paid."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(
        self,
        *,
        payer_id: str,
        check_number: str,
        paid_on: date,
        amount: int,
        document: str,
        state: str = "received",
        organisation: str = "",
        clinic: str = "",
    ) -> tuple[str, bool]:
        """Its id, and whether it is new; the same remittance in another document is not."""
        session = self._session
        organisation, clinic = session.owner(organisation, clinic)
        remittance = session.new_id("re")
        values: dict[str, Any] = {
            "id": remittance,
            "organisation": organisation,
            "clinic": clinic,
            "payer_id": payer_id,
            "check_number": check_number,
            "paid_on": paid_on,
            "amount": amount,
            "document": document,
            "state": str(state),
            "recorded_at": session.now,
            "changed_at": session.now,
        }
        if session.run(_ADD, values).rowcount:
            return remittance, True
        known = {"of_payer_id": payer_id, "of_check_number": check_number, "of_paid_on": paid_on}
        return session.run(_KNOWN, known).scalar_one(), False

    def get(self, remittance: str) -> StoredRemittance:
        """Raises NotInStore where there is none in this scope."""
        row = self._session.within(_GET, {"wanted": remittance}).first()
        if row is None:
            raise _missing(remittance)
        return StoredRemittance(**row._mapping)

    def set_state(self, remittance: str, state: str, reason: str = "") -> None:
        values = {
            "wanted": remittance,
            "to_state": str(state),
            "to_reason": reason,
            "to_changed_at": self._session.now,
        }
        if not self._session.within(_SET, values).rowcount:
            raise _missing(remittance)

    def list(
        self, *, state: str | None = None, document: str | None = None, limit: int = 1000
    ) -> list[StoredRemittance]:
        """The oldest first."""
        statement = _SHOWN.order_by(remittances.c.seq).limit(limit)
        if state is not None:
            statement = statement.where(remittances.c.state == str(state))
        if document is not None:
            statement = statement.where(remittances.c.document == document)
        return [StoredRemittance(**row._mapping) for row in self._session.within(Scoped(statement, remittances))]


def _missing(remittance: str) -> NotInStore:
    return NotInStore(f"there is no {remittance}, or not in this scope", fix="Look it up with gateway trace")
