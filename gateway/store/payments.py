"""Claim payments (CLP) and what of them was denied: one row each, ours or not, posted or in suspense.

A row's id is its name in both books. What the payer said never changes; how it stands (state, reason, what it
reverses) may, when another document comes. Rows of a remittance that a corrected one replaces are taken away: their
document is kept.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from gateway.store.among import among
from gateway.store.bulk import add_rows
from gateway.store.schema import denials, payments, remittances
from gateway.store.session import Scoped, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """``number`` counts the CLP of its remittance from 0; ``claim`` is "" where it is none of ours. Amounts are cents.

    ``state`` is posted or suspense, and ``reason`` why; ``held`` says what its own remittance alone has against it,
    ``effect`` what a claim without lines came to. ``reverses`` is the id of the payment that it takes back, found
    by ``matched_on``, as sure as ``confidence`` of 100. ``adjustments`` (group, reason, cents) are the claim's own.
    """

    id: str
    organisation: str
    clinic: str
    remittance: str
    number: int
    claim: str
    control_number: str
    status: str
    charge: int
    paid: int
    settles: int
    payer_claim_number: str
    paid_on: date
    produced_on: date | None
    state: str
    reason: str
    held: str
    effect: str
    reverses: str
    matched_on: str
    confidence: int
    adjustments: Sequence[Sequence[Any]]
    remarks: Sequence[str]
    lines: Sequence[dict[str, Any]]
    document: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPayment(Payment):
    """With what its remittance is known by."""

    payer_id: str
    check_number: str
    recorded_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """One adjustment of something that was not allowed: ``line`` is our REF*6R, "" for the claim as a whole or a line
    that fits none of ours; ``topic`` its worklist."""

    payment: str
    number: int
    organisation: str
    clinic: str
    claim: str
    line: str
    group_code: str
    reason: str
    remarks: Sequence[str]
    cents: int
    topic: str
    paid_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Restated:
    """How a payment stands after another document came."""

    id: str
    state: str
    reason: str
    reverses: str
    matched_on: str
    confidence: int


_PAYMENT = tuple(Payment.__dataclass_fields__)
_COLUMNS = (*_PAYMENT, "recorded_at", "changed_at")
_DENIAL = tuple(Denial.__dataclass_fields__)
_SHOWN = (
    sa.select(
        *(payments.c[name] for name in _COLUMNS),
        remittances.c.payer_id,
        remittances.c.check_number,
    )
    .join(remittances, remittances.c.id == payments.c.remittance)
    .order_by(payments.c.seq)
)
_OF_CLAIMS = Scoped(_SHOWN.where(among(payments.c.claim)), payments)
_KNOWN = sa.select(payments.c.id).where(among(payments.c.id))
_RESTATE = (
    sa.update(payments)
    .where(payments.c.id == sa.bindparam("wanted"))
    .values(
        state=sa.bindparam("to_state"),
        reason=sa.bindparam("to_reason"),
        reverses=sa.bindparam("to_reverses"),
        matched_on=sa.bindparam("to_matched_on"),
        confidence=sa.bindparam("to_confidence"),
        changed_at=sa.bindparam("to_changed_at"),
    )
)
_OWNERS = (
    sa.select(payments.c.organisation, payments.c.clinic)
    .where(payments.c.remittance == sa.bindparam("of_remittance"), payments.c.claim != "")
    .distinct()
)
_STRANGE = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(payments.c.paid), 0)).where(
    payments.c.remittance == sa.bindparam("of_remittance"), payments.c.claim == ""
)
_HELD = sa.select(sa.func.count()).where(
    payments.c.remittance == sa.bindparam("of_remittance"), payments.c.state != "posted"
)
_IDS = sa.select(payments.c.id).where(payments.c.remittance == sa.bindparam("of_remittance")).order_by(payments.c.seq)
_REVERSED = sa.select(payments.c.claim).where(
    among(payments.c.claim),
    payments.c.status == "22",
    payments.c.state == "posted",
)
_OF_REMITTANCE = sa.select(payments.c.id).where(payments.c.remittance == sa.bindparam("of_remittance"))
_DROP_DENIALS = sa.delete(denials).where(denials.c.payment.in_(_OF_REMITTANCE))
_DROP = sa.delete(payments).where(payments.c.remittance == sa.bindparam("of_remittance"))


class Payments:
    """What payers said of claims."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, rows: Sequence[Payment], denied: Sequence[Denial] = ()) -> None:
        """Many at once; none of them may be there already (see ``known``)."""
        now = self._session.now
        add_rows(
            self._session,
            payments,
            _COLUMNS,
            [(*[getattr(each, name) for name in _PAYMENT], now, now) for each in rows],
        )
        add_rows(self._session, denials, _DENIAL, [tuple([getattr(each, name) for name in _DENIAL]) for each in denied])

    def known(self, ids: Iterable[str]) -> set[str]:
        """Those of these ids that are there already."""
        wanted = list(ids)
        return set(self._session.run(_KNOWN, {"wanted": wanted}).scalars()) if wanted else set()

    def of_claims(self, claims: Iterable[str]) -> dict[str, list[StoredPayment]]:
        """Everything that payers said of these claims, by claim, in the order of recording."""
        wanted = sorted(set(claims) - {""})
        found: dict[str, list[StoredPayment]] = {}
        for row in self._session.within(_OF_CLAIMS, {"wanted": wanted}) if wanted else ():
            found.setdefault(row.claim, []).append(StoredPayment(**row._mapping))
        return found

    def owners(self, remittance: str) -> set[tuple[str, str]]:
        """Organisation and clinic of each claim of ours that it pays."""
        return {(row[0], row[1]) for row in self._session.run(_OWNERS, {"of_remittance": remittance})}

    def strange(self, remittance: str) -> tuple[int, int]:
        """How many of its claim payments are of no claim of ours, and the cents that they pay."""
        count, cents = self._session.run(_STRANGE, {"of_remittance": remittance}).one()
        return int(count), int(cents)

    def held(self, remittance: str) -> int:
        """How many of its claim payments stand otherwise than posted."""
        return int(self._session.run(_HELD, {"of_remittance": remittance}).scalar_one())

    def ids(self, remittance: str) -> tuple[str, ...]:
        """The ids of its claim payments, in the order of recording."""
        return tuple(self._session.run(_IDS, {"of_remittance": remittance}).scalars())

    def reversed_among(self, claims: Iterable[str]) -> set[str]:
        """Those of these claims that a posted reversal took back."""
        wanted = sorted(set(claims))
        return set(self._session.run(_REVERSED, {"wanted": wanted}).scalars()) if wanted else set()

    def restate(self, changed: Sequence[Restated]) -> None:
        """Write how these stand now."""
        now = self._session.now
        values = [
            {
                "wanted": each.id,
                "to_state": each.state,
                "to_reason": each.reason,
                "to_reverses": each.reverses,
                "to_matched_on": each.matched_on,
                "to_confidence": each.confidence,
                "to_changed_at": now,
            }
            for each in changed
        ]
        if values:
            self._session.run(_RESTATE, values)

    def denials(self, *, claim: str | None = None, payment: str | None = None) -> list[Denial]:
        """By payment and place."""
        statement = sa.select(*(denials.c[name] for name in _DENIAL)).order_by(denials.c.payment, denials.c.number)
        if claim is not None:
            statement = statement.where(denials.c.claim == claim)
        if payment is not None:
            statement = statement.where(denials.c.payment == payment)
        return [Denial(**row._mapping) for row in self._session.within(Scoped(statement, denials))]

    def drop(self, remittance: str) -> None:
        """Take a held remittance's payments away, for those of the one that corrects it."""
        self._session.run(_DROP_DENIALS, {"of_remittance": remittance})
        self._session.run(_DROP, {"of_remittance": remittance})

    def list(
        self,
        *,
        remittance: str | None = None,
        state: str | None = None,
        payer_claim_number: str | None = None,
        limit: int = 1000,
    ) -> list[StoredPayment]:
        """In the order of recording."""
        statement = _SHOWN.limit(limit)
        for column, value in (
            ("remittance", remittance),
            ("state", state),
            ("payer_claim_number", payer_claim_number),
        ):
            if value is not None:
                statement = statement.where(payments.c[column] == value)
        return [StoredPayment(**row._mapping) for row in self._session.within(Scoped(statement, payments))]
