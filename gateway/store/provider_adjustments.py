"""Provider-level adjustments (PLB) of all remittances: the rows of the subledger that follows money a payer carries
forward, withholds or pays beside claims. What was said never changes; what a row is matched with may."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from gateway.store.bulk import add_rows
from gateway.store.schema import provider_adjustments, remittances
from gateway.store.session import Scoped, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRow:
    """One pair of a PLB; ``number`` counts them in their remittance from 0. ``amount`` is cents, positive where money
    is taken away. ``matched`` is the claim or the other row that it is about, "" where that is not known."""

    id: str
    organisation: str
    clinic: str
    remittance: str
    number: int
    provider: str
    period_ends_on: date | None
    reason: str
    reference: str
    amount: int
    state: str = ""
    matched: str = ""
    matched_on: str = ""
    confidence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredProviderRow(ProviderRow):
    """With what its remittance is known by."""

    payer_id: str
    check_number: str
    paid_on: date
    recorded_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """What a row is about, as far as all rows tell together."""

    id: str
    state: str
    matched: str
    matched_on: str
    confidence: int


_ROW = tuple(ProviderRow.__dataclass_fields__)
_COLUMNS = (*_ROW, "recorded_at", "changed_at")
_SHOWN = (
    sa.select(
        *(provider_adjustments.c[name] for name in _COLUMNS),
        remittances.c.payer_id,
        remittances.c.check_number,
        remittances.c.paid_on,
    )
    .join(remittances, remittances.c.id == provider_adjustments.c.remittance)
    .order_by(provider_adjustments.c.seq)
)
_OF_PAYER = Scoped(
    _SHOWN.where(
        remittances.c.payer_id == sa.bindparam("of_payer"),
        remittances.c.reason == "",
        provider_adjustments.c.provider.in_(sa.bindparam("wanted", expanding=True)),
    ),
    provider_adjustments,
)
_MATCH = (
    sa.update(provider_adjustments)
    .where(provider_adjustments.c.id == sa.bindparam("wanted"))
    .values(
        state=sa.bindparam("to_state"),
        matched=sa.bindparam("to_matched"),
        matched_on=sa.bindparam("to_matched_on"),
        confidence=sa.bindparam("to_confidence"),
        changed_at=sa.bindparam("to_changed_at"),
    )
)
_DROP = sa.delete(provider_adjustments).where(provider_adjustments.c.remittance == sa.bindparam("of_remittance"))


class ProviderAdjustments:
    """The subledger."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, rows: Sequence[ProviderRow]) -> None:
        """None of them may be there already."""
        now = self._session.now
        values = [(*[getattr(each, name) for name in _ROW], now, now) for each in rows]
        add_rows(self._session, provider_adjustments, _COLUMNS, values)

    def of_payer(self, payer_id: str, providers: Sequence[str]) -> list[StoredProviderRow]:
        """Every row of these providers that this payer (TRN03) sent and that stands posted, in the order of recording;
        those of a remittance that has something against it as a whole wait in suspense."""
        if not providers:
            return []
        rows = self._session.within(_OF_PAYER, {"of_payer": payer_id, "wanted": sorted(set(providers))})
        return [StoredProviderRow(**row._mapping) for row in rows]

    def match(self, matched: Sequence[Matched]) -> None:
        """Write what these rows are about now."""
        now = self._session.now
        values = [
            {
                "wanted": each.id,
                "to_state": each.state,
                "to_matched": each.matched,
                "to_matched_on": each.matched_on,
                "to_confidence": each.confidence,
                "to_changed_at": now,
            }
            for each in matched
        ]
        if values:
            self._session.run(_MATCH, values)

    def drop(self, remittance: str) -> None:
        """Take those of a held remittance away, for those of the one that corrects it."""
        self._session.run(_DROP, {"of_remittance": remittance})

    def list(self, *, remittance: str | None = None, matched: str | None = None) -> list[StoredProviderRow]:
        """In the order of recording."""
        statement = _SHOWN
        for column, value in (("remittance", remittance), ("matched", matched)):
            if value is not None:
                statement = statement.where(provider_adjustments.c[column] == value)
        rows = self._session.within(Scoped(statement, provider_adjustments))
        return [StoredProviderRow(**row._mapping) for row in rows]
