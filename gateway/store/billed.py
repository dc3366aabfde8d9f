"""Claims as far as an 835 is held against them, many at once and without opening what is sealed; and what they come to.

Only claims that were sent are seen here: their lines are kept as they went out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from gateway.domain.claim import Frequency, ServiceLine
from gateway.ledger.billed import Billed, BilledClaim
from gateway.store.among import among
from gateway.store.schema import claim_lines, claims
from gateway.store.session import Row, Scoped, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class SentClaim:
    """``billed`` is what the ledger asks of it; ``draws`` gives (bucket, visit key) by REF*6R, "" where of nothing."""

    billed: BilledClaim
    partner: str
    payer: str
    state: str
    authorization: str
    payer_claim_number: str
    replaces: str = ""
    draws: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.billed.id


@dataclass(frozen=True, slots=True)
class Come:
    """What a claim has come to: its state, and the payer's number of it."""

    claim: str
    state: str
    payer_claim_number: str


_BRIEF = ("id", "organisation", "clinic", "partner", "payer", "state", "authorization", "payer_claim_number",
          "control_number", "charge", "frequency", "replaces")  # fmt: skip
_ALL = sa.select(*(claims.c[name] for name in _BRIEF)).where(claims.c.sent_at.is_not(None)).order_by(claims.c.id)
_BY_NUMBER = _ALL.where(among(claims.c.control_number), claims.c.partner == sa.bindparam("of_partner"))
_BY_ID = _ALL.where(among(claims.c.id))
_LOCK_BY_NUMBER = Scoped(_BY_NUMBER.with_for_update(), claims)
_FIND_BY_NUMBER = Scoped(_BY_NUMBER, claims)
_LOCK_BY_ID = Scoped(_BY_ID.with_for_update(), claims)
_FIND_BY_ID = Scoped(_BY_ID, claims)
_LINE = ("claim", "control_number", "procedure", "modifiers", "units", "charge", "served_on", "bucket", "visit_key")
_LINES = Scoped(
    sa.select(*(claim_lines.c[name] for name in _LINE))
    .where(among(claim_lines.c.claim))
    .order_by(claim_lines.c.claim, claim_lines.c.number),
    claim_lines,
)
_REPLACING = Scoped(
    sa.select(claims.c.id, claims.c.replaces).where(among(claims.c.replaces), claims.c.sent_at.is_not(None)), claims
)
_NUMBERED = Scoped(
    sa.select(claims.c.control_number, claims.c.payer_claim_number, claims.c.id).where(
        sa.or_(
            among(claims.c.control_number),
            among(claims.c.payer_claim_number),
        )
    ),
    claims,
)
_BILLING = Scoped(
    sa.select(claim_lines.c.claim).where(among(claim_lines.c.visit_key)).distinct(),
    claim_lines,
)
_TEXTS = sa.ARRAY(sa.Text)
_COME = (
    sa.func.unnest(
        sa.bindparam("ids", type_=_TEXTS), sa.bindparam("states", type_=_TEXTS), sa.bindparam("numbers", type_=_TEXTS)
    )
    .table_valued("id", "state", "payer_claim_number", name="come")
    .render_derived()
)


def _settling(state: Any, number: Any) -> dict[str, Any]:
    changed_at = sa.bindparam("to_changed_at", type_=claims.c.changed_at.type)
    return {"state": state, "payer_claim_number": number, "version": claims.c.version + 1, "changed_at": changed_at}


_SETTLE = (
    sa.update(claims)
    .where(claims.c.id == sa.bindparam("wanted"))
    .values(_settling(sa.bindparam("to_state"), sa.bindparam("to_number")))
)
_SETTLE_ALL = (
    sa.update(claims).where(claims.c.id == _COME.c.id).values(_settling(_COME.c.state, _COME.c.payer_claim_number))
)
"""On PostgreSQL, all at once: a statement for each claim costs more to send and begin than to carry out."""


class BilledClaims:
    """The claims that were sent."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def by_number(self, numbers: Iterable[str], partner: str, *, lock: bool = False) -> dict[str, SentClaim]:
        """By CLM01, those that went to this partner; ``lock`` keeps others from changing them until the end."""
        wanted = sorted(set(numbers))
        if not wanted:
            return {}
        statement = _LOCK_BY_NUMBER if lock else _FIND_BY_NUMBER
        found = self._with_lines(self._session.within(statement, {"wanted": wanted, "of_partner": partner}).all())
        return {each.billed.control_number: each for each in found}

    def by_id(self, ids: Iterable[str], *, lock: bool = False) -> dict[str, SentClaim]:
        """By our id."""
        wanted = sorted(set(ids))
        if not wanted:
            return {}
        statement = _LOCK_BY_ID if lock else _FIND_BY_ID
        return {each.id: each for each in self._with_lines(self._session.within(statement, {"wanted": wanted}).all())}

    def billing(self, visit_keys: Iterable[str]) -> set[str]:
        """The claims that were sent for these visits."""
        wanted = sorted(set(visit_keys) - {""})
        return set(self._session.within(_BILLING, {"wanted": wanted}).scalars().all()) if wanted else set()

    def replacing(self, ids: Iterable[str]) -> dict[str, str]:
        """The claims that were sent to replace or void one of these, each with the one that it is about."""
        wanted = sorted(set(ids))
        found = self._session.within(_REPLACING, {"wanted": wanted}).all() if wanted else ()
        return {row.id: row.replaces for row in found}

    def numbered(self, numbers: Iterable[str]) -> dict[str, str]:
        """Our claim for each of these numbers that is a CLM01 of ours, or a payer's number of one of ours."""
        wanted = sorted(set(numbers) - {""})
        found: dict[str, str] = {}
        for row in self._session.within(_NUMBERED, {"wanted": wanted}) if wanted else ():
            found |= {row.payer_claim_number: row.id, row.control_number: row.id}
        return {number: found[number] for number in wanted if number in found}

    def settle(self, come: Sequence[Come]) -> None:
        """Write what these have come to. They must be locked."""
        if not come:
            return
        now = self._session.now
        if self._session.connection.dialect.name == "postgresql":
            ids, states, numbers = zip(
                *[(each.claim, each.state, each.payer_claim_number) for each in come], strict=True
            )
            values = {"ids": list(ids), "states": list(states), "numbers": list(numbers), "to_changed_at": now}
            self._session.run(_SETTLE_ALL, values)
            return
        each_of = [
            {"wanted": each.claim, "to_state": each.state, "to_number": each.payer_claim_number, "to_changed_at": now}
            for each in come
        ]
        self._session.run(_SETTLE, each_of)

    def _with_lines(self, rows: Sequence[Row]) -> list[SentClaim]:
        lines: dict[str, list[Row]] = {row.id: [] for row in rows}
        for row in self._session.within(_LINES, {"wanted": list(lines)}).all() if rows else ():
            lines[row.claim].append(row)
        return [self._one(row, lines[row.id]) for row in rows]

    def _one(self, row: Row, lines: Sequence[Row]) -> SentClaim:
        self._session.remember(row.id, row.organisation, row.clinic)
        billed = Billed(
            id=row.id,
            organisation=row.organisation,
            clinic=row.clinic,
            control_number=row.control_number,
            charge=row.charge,
            frequency=Frequency(row.frequency) if row.frequency else Frequency.ORIGINAL,
            lines=tuple([_line(each) for each in lines]),
        )
        return SentClaim(
            billed=billed,
            partner=row.partner,
            payer=row.payer,
            state=row.state,
            authorization=row.authorization,
            payer_claim_number=row.payer_claim_number,
            replaces=row.replaces,
            draws={each.control_number: (each.bucket, each.visit_key) for each in lines},
        )


def _line(row: Row) -> ServiceLine:
    return ServiceLine(
        control_number=row.control_number,
        procedure=row.procedure,
        charge=row.charge,
        units=row.units,
        served_on=row.served_on,
        modifiers=tuple(row.modifiers),
    )
