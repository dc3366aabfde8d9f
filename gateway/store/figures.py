"""What the reports count, read from plain columns alone: nothing is unsealed, nothing is written.

Every query stays within the transaction's scope. Rows come as the columns are named; what they mean is the reports'.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from gateway.store.among import among
from gateway.store.schema import (
    appointments,
    authorizations,
    buckets,
    claim_lines,
    claims,
    deadlines,
    denials,
    deposits,
    entries,
    events,
    inputs,
    payments,
    plans_of_care,
    postings,
    provider_adjustments,
    remittances,
    tasks,
)
from gateway.store.session import Row, Scoped, Session

_SEALED = {"record", "content", "sealed", "client_key", "digest", "digests", "patient_key", "decision_stamp"}


def _plain(table: sa.Table) -> list[sa.Column[Any]]:
    return [each for each in table.c if each.name not in _SEALED]


_ABOUT = sa.case((entries.c.visit_key != "", entries.c.visit_key), else_=entries.c.line).label("about")
_MOVES = (
    sa.select(
        *(postings.c[name] for name in ("entry", "number", "bucket", "source", "target", "quantity")),
        *(entries.c[name] for name in ("kind", "holds_on", "document", "claim", "visit_key", "note", "organisation")),
        entries.c.authorization.label("caused_for"),
        entries.c.clinic,
        buckets.c.authorization,
        buckets.c.unit,
        buckets.c.quantity_source,
        _ABOUT,
    )
    .join(entries, entries.c.id == postings.c.entry)
    .join(buckets, buckets.c.id == postings.c.bucket)
    .order_by(entries.c.seq, postings.c.number)
)
_QUANTITY = sa.func.sum(postings.c.quantity).label("quantity")
_SUMS = (
    sa.select(postings.c.bucket, postings.c.source, postings.c.target, _QUANTITY)
    .group_by(postings.c.bucket, postings.c.source, postings.c.target)
    .order_by(postings.c.bucket)
)
_SUMS_OF_CASES = (
    sa.select(buckets.c.authorization, buckets.c.unit, postings.c.source, postings.c.target, _QUANTITY)
    .join(buckets, buckets.c.id == postings.c.bucket)
    .group_by(buckets.c.authorization, buckets.c.unit, postings.c.source, postings.c.target)
    .order_by(buckets.c.authorization, buckets.c.unit)
)
_reversal = payments.alias()
_TAKEN_BACK = sa.exists().where(_reversal.c.reverses == payments.c.id, _reversal.c.state == "posted")
_DENIALS = Scoped(
    sa.select(*denials.c, payments.c.document, sa.func.coalesce(claims.c.payer, remittances.c.payer_id).label("payer"))
    .join(payments, payments.c.id == denials.c.payment)
    .join(remittances, remittances.c.id == payments.c.remittance)
    .outerjoin(claims, claims.c.id == denials.c.claim)
    .where(payments.c.state == "posted", payments.c.reverses == "", ~_TAKEN_BACK)
    .order_by(denials.c.payment, denials.c.number),
    denials,
)
_LINES = Scoped(
    sa.select(
        *claim_lines.c,
        claims.c.state,
        claims.c.payer,
        claims.c.sent_at,
        claims.c.frequency,
        claims.c.authorization.label("claim_authorization"),
    )
    .join(claims, claims.c.id == claim_lines.c.claim)
    .order_by(claim_lines.c.claim, claim_lines.c.number),
    claim_lines,
)
_BILLED = (
    sa.select(
        *claim_lines.c,
        claims.c.state,
        claims.c.payer,
        claims.c.sent_at,
        claims.c.frequency,
        claims.c.authorization.label("claim_authorization"),
        buckets.c.procedures,
        buckets.c.starts_on,
        buckets.c.ends_on,
    )
    .join(claims, claims.c.id == claim_lines.c.claim)
    .outerjoin(buckets, buckets.c.id == claim_lines.c.bucket)
    .where(claims.c.sent_at.is_not(None))
    .order_by(claim_lines.c.claim, claim_lines.c.number)
)
_WORK = Scoped(sa.select(*_plain(inputs)).order_by(inputs.c.seq), inputs)


class Figures:
    """Plain rows for the reports."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def authorizations(self) -> list[Row]:
        return self._all(authorizations)

    def payers(self) -> dict[str, str]:
        """Each authorization's payer."""
        statement = sa.select(authorizations.c.id, authorizations.c.payer)
        return {row[0]: row[1] for row in self._session.within(Scoped(statement, authorizations))}

    def claims(self) -> list[Row]:
        return self._all(claims)

    def lines(self) -> list[Row]:
        """Claims' lines with their claim's state, payer and ``sent_at``."""
        return list(self._session.within(_LINES))

    def billed(self, *, since: date | None = None, until: date | None = None, claim: str = "") -> list[Row]:
        """The same of the claims that were sent between two days, both included, with their bucket's window and
        procedures: None where a line draws on none. ``claim`` is our id of one of them."""
        statement = _BILLED
        if since is not None:
            statement = statement.where(claims.c.sent_at >= _midnight(since))
        if until is not None:
            statement = statement.where(claims.c.sent_at < _midnight(until + timedelta(days=1)))
        if claim:
            statement = statement.where(claims.c.id == claim)
        return list(self._session.within(Scoped(statement, claim_lines)))

    def appointments(self, visit_keys: Iterable[str]) -> list[Row]:
        """Those that are parts of these visits."""
        statement = sa.select(*_plain(appointments)).where(among(appointments.c.visit_key)).order_by(appointments.c.id)
        wanted = sorted({each for each in visit_keys if each})
        return list(self._session.within(Scoped(statement, appointments), {"wanted": wanted})) if wanted else []

    def scheduled(self) -> list[Row]:
        """The visits that are booked, and of which nothing else was told yet, by day."""
        booked = sa.select(*_plain(appointments)).where(appointments.c.state == "scheduled")
        statement = booked.order_by(appointments.c.served_on, appointments.c.id)
        return list(self._session.within(Scoped(statement, appointments)))

    def plans_of_care(self) -> list[Row]:
        return self._all(plans_of_care)

    def deadlines(self) -> list[Row]:
        return self._all(deadlines)

    def tasks(self) -> list[Row]:
        """Those that are open."""
        return [each for each in self._all(tasks) if each.closed_at is None]

    def inputs(self) -> list[Row]:
        return list(self._session.within(_WORK))

    def events(self, what: Iterable[str]) -> list[Row]:
        """Those of these names, in their order."""
        statement = sa.select(events).where(events.c.what.in_(list(what))).order_by(events.c.seq)
        return list(self._session.within(Scoped(statement, events)))

    def moves(
        self,
        *,
        buckets_in: Iterable[str] | None = None,
        authorizations_in: Iterable[str] | None = None,
        accounts: Collection[str] | None = None,
    ) -> list[Row]:
        """Postings with their entry and bucket, in the order of posting; ``about`` is the visit or claim's line.

        Each of the three narrows them: in these buckets, of these authorizations, from or into these accounts.
        """
        statement, values = _MOVES, {}
        if buckets_in is not None:
            statement, values = statement.where(among(postings.c.bucket, "of_buckets")), {"of_buckets": [*buckets_in]}
        if authorizations_in is not None:
            statement = statement.where(among(buckets.c.authorization, "of_authorizations"))
            values["of_authorizations"] = [*authorizations_in]
        return list(self._session.within(Scoped(_touching(statement, accounts), postings), values))

    def sums(self) -> Iterator[Row]:
        """What moved in each bucket from account to account, in all: bucket by bucket, however many postings."""
        yield from self._session.within(Scoped(_SUMS, postings))

    def sums_of_cases(
        self, accounts: Collection[str], *, since: date | None = None, until: date | None = None
    ) -> Iterator[Row]:
        """The same by authorization and unit, of what came from or went into these accounts and holds between two
        days, both included."""
        statement = _touching(_SUMS_OF_CASES, accounts)
        if since is not None or until is not None:
            statement = statement.join(entries, entries.c.id == postings.c.entry)
        if since is not None:
            statement = statement.where(entries.c.holds_on >= since)
        if until is not None:
            statement = statement.where(entries.c.holds_on <= until)
        yield from self._session.within(Scoped(statement, postings))

    def denials(self) -> list[Row]:
        """Denied lines' reasons with payer and document, where the payment stands, and was not taken back."""
        return list(self._session.within(_DENIALS))

    def deposits(self) -> list[Row]:
        return self._all(deposits)

    def remittances(self) -> list[Row]:
        return self._all(remittances)

    def provider_adjustments(self) -> list[Row]:
        return self._all(provider_adjustments)

    def _all(self, table: sa.Table) -> list[Row]:
        return list(self._session.within(Scoped(sa.select(*_plain(table)).order_by(table.c.id), table)))


def _touching(statement: sa.Select[Any], accounts: Collection[str] | None) -> sa.Select[Any]:
    if accounts is None:
        return statement
    names = [str(each) for each in accounts]
    return statement.where(sa.or_(postings.c.source.in_(names), postings.c.target.in_(names)))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
