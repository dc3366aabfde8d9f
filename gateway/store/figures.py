"""What the reports count, read from plain columns alone: nothing is unsealed, nothing is written.

Every query stays within the transaction's scope. Rows come as the columns are named; what they mean is the reports'.
"""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

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
_MOVES = Scoped(
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
    .order_by(entries.c.seq, postings.c.number),
    postings,
)
_reversal = payments.alias()
_TAKEN_BACK = sa.exists().where(_reversal.c.reverses == payments.c.id, _reversal.c.state == "posted")
_DENIALS = Scoped(
    sa.select(*denials.c, payments.c.document, remittances.c.payer_id)
    .join(payments, payments.c.id == denials.c.payment)
    .join(remittances, remittances.c.id == payments.c.remittance)
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
_WORK = Scoped(sa.select(*_plain(inputs)).order_by(inputs.c.seq), inputs)


class Figures:
    """Plain rows for the reports."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def authorizations(self) -> list[Row]:
        return self._all(authorizations)

    def claims(self) -> list[Row]:
        return self._all(claims)

    def lines(self) -> list[Row]:
        """Claims' lines with their claim's state, payer and ``sent_at``."""
        return list(self._session.within(_LINES))

    def appointments(self) -> list[Row]:
        return self._all(appointments)

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

    def moves(self) -> list[Row]:
        """Every posting with its entry and bucket, in the order of posting; ``about`` is the visit or claim's line."""
        return list(self._session.within(_MOVES))

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
