"""Claims and where each stands. The claim itself is sealed, its people apart from it.

One clinic's number is one claim: the same again is the same, other content under it is a conflict.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from gateway.domain.claim import Claim
from gateway.store.records import Added, Records, Statements
from gateway.store.schema import claims
from gateway.store.session import Row, Scoped, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredClaim:
    """``authorization`` is our id of the one it bills under, ``charge`` cents; ``version`` grows with each change."""

    id: str
    organisation: str
    clinic: str
    partner: str
    client_ref: str
    document: str
    state: str
    reason: str
    control_number: str
    authorization: str
    payer_claim_number: str
    charge: int
    claim: Claim
    version: int
    created_at: datetime
    changed_at: datetime


_STATEMENTS = Statements(claims)
_COLUMNS = tuple(name for name in StoredClaim.__dataclass_fields__ if name not in ("client_ref", "claim"))
_ALL = sa.select(claims).order_by(claims.c.created_at, claims.c.id)
_COUNTS = Scoped(sa.select(claims.c.state, sa.func.count()).group_by(claims.c.state), claims)


class Claims(Records[Claim]):
    """The claims that clinics billed."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, _STATEMENTS, Claim)

    def add(
        self,
        claim: Claim,
        *,
        partner: str,
        digest: str,
        document: str = "",
        state: str = "accepted",
        authorization: str = "",
    ) -> Added:
        """Store a claim under its own id. ``digest`` is of the record as submitted: "same" or "conflict"."""
        return self._add(
            claim,
            claim.id or self._session.new_id("cl"),
            claim.client_ref,
            digest,
            (claim.organisation, claim.clinic),
            partner=partner,
            document=document,
            state=str(state),
            control_number=claim.control_number,
            authorization=authorization,
            payer_claim_number=claim.payer_claim_number,
            charge=claim.charge,
        )

    def get(self, claim: str, *, lock: bool = False) -> StoredClaim:
        """Raises NotInStore where there is none in this scope. ``lock`` keeps others from changing it until the end."""
        return _stored(*self._one(claim, lock=lock))

    def by_client_ref(self, organisation: str, clinic: str, client_ref: str) -> StoredClaim | None:
        """The claim that this clinic knows by this number."""
        known = {
            "of_organisation": organisation,
            "of_clinic": clinic,
            "of_client_key": self._session.keys.fingerprint("client_ref", client_ref),
        }
        row = self._session.within(_STATEMENTS.known, known).first()
        return self.get(row.id) if row else None

    def update(
        self,
        claim_id: str,
        *,
        version: int | None = None,
        state: str | None = None,
        reason: str | None = None,
        authorization: str | None = None,
        payer_claim_number: str | None = None,
        partner: str | None = None,
        claim: Claim | None = None,
    ) -> int:
        """Change what is given; its new version, or 0 where none was known.

        Raises ChangedMeanwhile where somebody changed it after this transaction read it, or after ``version``.
        """
        return self._change(
            claim_id,
            claim,
            version,
            state=None if state is None else str(state),
            reason=reason,
            authorization=authorization,
            payer_claim_number=payer_claim_number,
            partner=partner,
            charge=None if claim is None else claim.charge,
            control_number=None if claim is None else claim.control_number,
        )

    def list(
        self,
        *,
        state: str | Iterable[str] | None = None,
        partner: str | None = None,
        authorization: str | None = None,
        limit: int = 1000,
    ) -> list[StoredClaim]:
        """The oldest first; ``state`` is one or several."""
        statement = _ALL.limit(limit)
        if state is not None:
            states = [state] if isinstance(state, str) else state
            statement = statement.where(claims.c.state.in_([str(each) for each in states]))
        if partner is not None:
            statement = statement.where(claims.c.partner == partner)
        if authorization is not None:
            statement = statement.where(claims.c.authorization == authorization)
        rows = self._session.within(Scoped(statement, claims)).all()
        return [_stored(row, claim) for row, claim in self._opened(rows)]

    def counts(self) -> dict[str, int]:
        """How many are in each state."""
        return {row[0]: row[1] for row in self._session.within(_COUNTS)}


def _stored(row: Row, claim: Claim) -> StoredClaim:
    columns = {name: row._mapping[name] for name in _COLUMNS}
    return StoredClaim(**columns, client_ref=claim.client_ref, claim=claim)
