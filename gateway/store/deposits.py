"""Deposits: payments of payers that a bank told of (an EFT with a reassociation trace), and the 835 that each belongs
to. What the bank said never changes; what it is matched with may."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert  # Its ON CONFLICT compiles for SQLite, too.

from gateway.store.schema import deposits
from gateway.store.session import Scoped, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """``check_number`` and ``payer_id`` are TRN02 and TRN03 of its addenda; ``amount`` is cents, ``paid_on`` the day it
    took effect, ``trace_number`` the bank's own."""

    id: str
    document: str
    trace_number: str
    payer_id: str
    check_number: str
    amount: int
    paid_on: date
    state: str
    reason: str
    remittance: str
    matched_on: str
    confidence: int
    recorded_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reassociated:
    """Which remittance a deposit belongs to: ``state`` is waiting, matched or differs."""

    id: str
    state: str
    reason: str = ""
    remittance: str = ""
    matched_on: str = ""
    confidence: int = 0


Paid = TypeVar("Paid")
_NEAR = timedelta(days=10)
_SHOWN = sa.select(*(deposits.c[name] for name in Deposit.__dataclass_fields__)).order_by(deposits.c.seq)
_ADD = insert(deposits).on_conflict_do_nothing(index_elements=[deposits.c.id])
_OF_CHECKS = Scoped(_SHOWN.where(deposits.c.check_number.in_(sa.bindparam("wanted", expanding=True))), deposits)
_MATCH = (
    sa.update(deposits)
    .where(deposits.c.id == sa.bindparam("wanted"))
    .values(
        state=sa.bindparam("to_state"),
        reason=sa.bindparam("to_reason"),
        remittance=sa.bindparam("to_remittance"),
        matched_on=sa.bindparam("to_matched_on"),
        confidence=sa.bindparam("to_confidence"),
        changed_at=sa.bindparam("to_changed_at"),
    )
)


def around(
    session: Session,
    shown: Any,
    table: sa.Table,
    kind: Callable[..., Paid],
    days: Iterable[date],
    check_numbers: Iterable[str],
) -> list[Paid]:
    """Rows of payments, told by a bank or a payer, that may be the same as others of these days and trace numbers.
    Banks pad trace numbers with zeros, and strip them: they are looked for with and without."""
    numbers = {form for each in check_numbers for form in (each, each.lstrip("0"))} - {""}
    near = [table.c.paid_on.between(day - _NEAR, day + _NEAR) for day in sorted(set(days))]
    wanted = shown.where(sa.or_(table.c.check_number.in_(sorted(numbers)), *near))
    return [kind(**row._mapping) for row in session.within(Scoped(wanted, table))]


class Deposits:
    """What the bank said."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(
        self,
        deposit: str,
        *,
        document: str,
        trace_number: str,
        payer_id: str,
        check_number: str,
        amount: int,
        paid_on: date,
    ) -> bool:
        """False where it is there already. ``deposit`` is an id that its content leads to."""
        session = self._session
        organisation, clinic = session.owner()
        values = {
            "id": deposit,
            "organisation": organisation,
            "clinic": clinic,
            "document": document,
            "trace_number": trace_number,
            "payer_id": payer_id,
            "check_number": check_number,
            "amount": amount,
            "paid_on": paid_on,
            "state": "waiting",
            "recorded_at": session.now,
            "changed_at": session.now,
        }
        return bool(session.run(_ADD, values).rowcount)

    def of_checks(self, check_numbers: Iterable[str]) -> list[Deposit]:
        """Every deposit with one of these trace numbers (TRN02), the oldest first."""
        wanted = sorted(set(check_numbers))
        if not wanted:
            return []
        return [Deposit(**row._mapping) for row in self._session.within(_OF_CHECKS, {"wanted": wanted})]

    def around(self, days: Iterable[date], check_numbers: Iterable[str]) -> Sequence[Deposit]:
        """Those of these trace numbers, and those that took effect within ten days of any of these days."""
        return around(self._session, _SHOWN, deposits, Deposit, days, check_numbers)

    def match(self, found: Sequence[Reassociated]) -> None:
        """Write what these belong to now."""
        now = self._session.now
        values = [
            {
                "wanted": each.id,
                "to_state": each.state,
                "to_reason": each.reason,
                "to_remittance": each.remittance,
                "to_matched_on": each.matched_on,
                "to_confidence": each.confidence,
                "to_changed_at": now,
            }
            for each in found
        ]
        if values:
            self._session.run(_MATCH, values)

    def list(
        self, *, state: str | None = None, remittance: str | None = None, paid_by: date | None = None
    ) -> list[Deposit]:
        """In the order of recording; ``paid_by`` leaves later ones out."""
        statement = _SHOWN
        for column, value in (("state", state), ("remittance", remittance)):
            if value is not None:
                statement = statement.where(deposits.c[column] == value)
        if paid_by is not None:
            statement = statement.where(deposits.c.paid_on <= paid_by)
        return [Deposit(**row._mapping) for row in self._session.within(Scoped(statement, deposits))]
