"""Remittances (835), each once by its business key: payer (TRN03), check or trace number (TRN02) and date (BPR16)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert  # Its ON CONFLICT compiles for SQLite, too.

from gateway.store.deposits import around
from gateway.store.schema import deposits, remittances
from gateway.store.session import NotInStore, Scoped, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRemittance:
    """``amount`` is cents (BPR02); ``document`` the one that it was posted from, the first that brought it.

    ``method`` is BPR04, ``payee`` an NPI. ``claims`` of them are in it (CLP), ``posted`` so far; ``digest`` is of its
    content. ``state`` is posting, posted or held.
    """

    id: str
    organisation: str
    clinic: str
    payer_id: str
    check_number: str
    paid_on: date
    produced_on: date | None
    method: str
    payee: str
    amount: int
    claims: int
    posted: int
    digest: str
    document: str
    state: str
    reason: str
    recorded_at: datetime
    changed_at: datetime


_SHOWN = sa.select(*(remittances.c[name] for name in StoredRemittance.__dataclass_fields__))
_ADD = insert(remittances).on_conflict_do_nothing()
_KNOWN = _SHOWN.where(
    remittances.c.payer_id == sa.bindparam("of_payer_id"),
    remittances.c.check_number == sa.bindparam("of_check_number"),
    remittances.c.paid_on == sa.bindparam("of_paid_on"),
)
_GET = Scoped(_SHOWN.where(remittances.c.id == sa.bindparam("wanted")), remittances)
_LOCK = sa.select(remittances.c.posted).where(remittances.c.id == sa.bindparam("wanted")).with_for_update()
_PROGRESS = (
    sa.update(remittances)
    .where(remittances.c.id == sa.bindparam("wanted"))
    .values(posted=sa.bindparam("to_posted"), changed_at=sa.bindparam("to_changed_at"))
)
_REPLACE = (
    sa.update(remittances)
    .where(remittances.c.id == sa.bindparam("wanted"))
    .values(
        {
            name: sa.bindparam(f"to_{name}", type_=remittances.c[name].type)
            for name in ("amount", "claims", "posted", "digest", "document", "state", "changed_at")
        }
    )
)
_OWN = (
    sa.update(remittances)
    .where(remittances.c.id == sa.bindparam("wanted"))
    .values(organisation=sa.bindparam("to_organisation"), clinic=sa.bindparam("to_clinic"))
)
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
        produced_on: date | None = None,
        method: str = "",
        payee: str = "",
        claims: int = 0,
        digest: str = "",
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
            "produced_on": produced_on,
            "method": method,
            "payee": payee,
            "amount": amount,
            "claims": claims,
            "posted": 0,
            "digest": digest,
            "document": document,
            "state": str(state),
            "recorded_at": session.now,
            "changed_at": session.now,
        }
        if session.run(_ADD, values).rowcount:
            session.remember(remittance, organisation, clinic)
            return remittance, True
        known = self.find(payer_id, check_number, paid_on)
        assert known is not None, "it is there, or it would have been added"
        return known.id, False

    def find(self, payer_id: str, check_number: str, paid_on: date) -> StoredRemittance | None:
        """By what makes it the same remittance, whoever's it is."""
        known = {"of_payer_id": payer_id, "of_check_number": check_number, "of_paid_on": paid_on}
        row = self._session.run(_KNOWN, known).first()
        return None if row is None else StoredRemittance(**row._mapping)

    def around(self, days: Iterable[date], check_numbers: Iterable[str]) -> Sequence[StoredRemittance]:
        """Those of these trace numbers, and those paid within ten days of any of these days."""
        return around(self._session, _SHOWN, remittances, StoredRemittance, days, check_numbers)

    def without_deposit(self, methods: Iterable[str], before: date) -> Sequence[StoredRemittance]:
        """Those paid by one of these methods (BPR04) before a day that no deposit belongs to."""
        statement = _SHOWN.where(
            remittances.c.method.in_([str(each) for each in methods]),
            remittances.c.paid_on < before,
            remittances.c.amount > 0,
            ~sa.exists().where(deposits.c.remittance == remittances.c.id),
        ).order_by(remittances.c.seq)
        return [StoredRemittance(**row._mapping) for row in self._session.within(Scoped(statement, remittances))]

    def progress(self, remittance: str) -> int:
        """How many of its claim payments were posted; holds it to the end of the transaction."""
        posted: int = self._session.run(_LOCK, {"wanted": remittance}).scalar_one()
        return posted

    def set_progress(self, remittance: str, posted: int) -> None:
        values = {"wanted": remittance, "to_posted": posted, "to_changed_at": self._session.now}
        self._session.run(_PROGRESS, values)

    def set_owner(self, remittance: str, organisation: str, clinic: str) -> None:
        """Whose claims it turned out to pay; "" for those of several."""
        self._session.run(_OWN, {"wanted": remittance, "to_organisation": organisation, "to_clinic": clinic})
        self._session.remember(remittance, organisation, clinic)

    def replace(self, remittance: str, *, amount: int, claims: int, digest: str, document: str) -> None:
        """Another document of the same key takes the place of one that was held: nothing of it is posted yet."""
        values = {
            "wanted": remittance,
            "to_amount": amount,
            "to_claims": claims,
            "to_posted": 0,
            "to_digest": digest,
            "to_document": document,
            "to_state": "posting",
            "to_changed_at": self._session.now,
        }
        self._session.run(_REPLACE, values)

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
