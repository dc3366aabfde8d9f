"""Claims and where each stands. The claim itself is sealed, its people apart from it.

One clinic's number is one claim: the same again is the same, other content under it is a conflict.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert  # Its ON CONFLICT compiles for SQLite, too.

from gateway.domain.claim import Claim
from gateway.store.records import Added, Records, Statements
from gateway.store.schema import claim_lines, claims
from gateway.store.session import Row, Scoped, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredClaim:
    """``authorization`` is our id of the one it bills under, ``charge`` cents; ``version`` grows with each change.

    ``parent`` is the claim that it was split from, ``replaces`` the one that it replaces or voids, as far as that is
    ours; ``frequency`` is CLM05-03. ``served_from`` and ``served_to`` are its first and last day of service,
    ``sent_at`` is when it was written last.
    """

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
    payer: str
    parent: str
    frequency: str
    replaces: str
    served_from: date | None
    served_to: date | None
    sent_at: datetime | None
    claim: Claim
    version: int
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledLine:
    """One line as it went out: ``authorization`` and ``bucket`` are our ids of what it draws on, "" where of nothing;
    ``visit_key`` is "" where units are counted."""

    control_number: str
    claim: str
    number: int
    procedure: str
    modifiers: tuple[str, ...]
    units: int
    charge: int
    served_on: date
    authorization: str = ""
    bucket: str = ""
    visit_key: str = ""


_STATEMENTS = Statements(claims)
_COLUMNS = tuple(name for name in StoredClaim.__dataclass_fields__ if name not in ("client_ref", "claim"))
_ALL = sa.select(claims).order_by(claims.c.created_at, claims.c.id)
_BILLED = tuple(BilledLine.__dataclass_fields__)
_put_line = insert(claim_lines)
_PUT_LINES = _put_line.on_conflict_do_update(
    index_elements=[claim_lines.c.control_number],
    set_={name: _put_line.excluded[name] for name in ("authorization", "bucket", "visit_key")},
)
_LINES = sa.select(*(claim_lines.c[name] for name in _BILLED))
_LINES_OF = Scoped(
    _LINES.where(claim_lines.c.claim == sa.bindparam("of_claim")).order_by(claim_lines.c.number), claim_lines
)
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
        parent: str = "",
    ) -> Added:
        """Store a claim under its own id. ``digest`` is of the record as submitted: "same" or "conflict".

        A part of a split claim is known by the number of its ``parent``: the clinic gave it none of its own.
        """
        days = [line.served_on for line in claim.lines]
        return self._add(
            claim,
            claim.id or self._session.new_id("cl"),
            claim.id if parent else claim.client_ref,
            digest,
            (claim.organisation, claim.clinic),
            partner=partner,
            document=document,
            state=str(state),
            control_number=claim.control_number,
            authorization=authorization,
            payer_claim_number=claim.payer_claim_number,
            charge=claim.charge,
            payer=claim.payer.id,
            patient_key=self._patient_key(claim.subscriber.member_id),
            parent=parent,
            frequency=str(claim.frequency),
            served_from=min(days),
            served_to=max(days),
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
        sent_at: datetime | None = None,
        replaces: str | None = None,
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
            sent_at=sent_at,
            replaces=replaces,
            charge=None if claim is None else claim.charge,
            control_number=None if claim is None else claim.control_number,
        )

    def of_patient(self, organisation: str, clinic: str, member_id: str) -> list[StoredClaim]:
        """What this clinic billed under this member id, whoever's of the policy it is, the oldest first."""
        return [_stored(*each) for each in self._of_patient(organisation, clinic, member_id)]

    def these(self, ids: Iterable[str]) -> dict[str, StoredClaim]:
        """Several at once by our id, those that there are in this scope."""
        return {row.id: _stored(row, claim) for row, claim in self._these(ids)}

    def put_lines(self, claim: Claim, drawn: Mapping[str, tuple[str, str, str]]) -> None:
        """Keeps the lines as they go out. ``drawn`` gives (authorization, bucket, visit key) by REF*6R; a line that
        goes out again keeps its row, with what it draws on now."""
        organisation, clinic = self._session.owner(claim.organisation, claim.clinic)
        rows: list[dict[str, Any]] = []
        for number, line in enumerate(claim.lines, start=1):
            authorization, bucket, visit_key = drawn.get(line.control_number, ("", "", ""))
            rows.append(
                {
                    "control_number": line.control_number,
                    "organisation": organisation,
                    "clinic": clinic,
                    "claim": claim.id,
                    "number": number,
                    "procedure": line.procedure,
                    "modifiers": list(line.modifiers),
                    "units": line.units,
                    "charge": line.charge,
                    "served_on": line.served_on,
                    "authorization": authorization,
                    "bucket": bucket,
                    "visit_key": visit_key,
                }
            )
        self._session.run(_PUT_LINES, rows)

    def lines(self, claim: str) -> list[BilledLine]:
        """The lines that a claim went out with, in their order."""
        return [_line(row) for row in self._session.within(_LINES_OF, {"of_claim": claim})]

    def counts(self) -> dict[str, int]:
        """How many are in each state."""
        return {row[0]: row[1] for row in self._session.within(_COUNTS)}

    def list(
        self,
        *,
        state: str | Iterable[str] | None = None,
        partner: str | None = None,
        authorization: str | None = None,
        parent: str | None = None,
        replaces: str | None = None,
        limit: int = 1000,
    ) -> list[StoredClaim]:
        """The oldest first; ``state`` is one or several. ``authorization`` is one that the claim names, waits for, or
        has a line under."""
        statement = _ALL.limit(limit)
        if state is not None:
            states = [state] if isinstance(state, str) else state
            statement = statement.where(claims.c.state.in_([str(each) for each in states]))
        if partner is not None:
            statement = statement.where(claims.c.partner == partner)
        if authorization is not None:
            under = sa.select(claim_lines.c.claim).where(claim_lines.c.authorization == authorization)
            statement = statement.where(sa.or_(claims.c.authorization == authorization, claims.c.id.in_(under)))
        if parent is not None:
            statement = statement.where(claims.c.parent == parent)
        if replaces is not None:
            statement = statement.where(claims.c.replaces == replaces)
        rows = self._session.within(Scoped(statement, claims)).all()
        return [_stored(row, claim) for row, claim in self._opened(rows)]


def _stored(row: Row, claim: Claim) -> StoredClaim:
    columns = {name: row._mapping[name] for name in _COLUMNS}
    return StoredClaim(**columns, client_ref=claim.client_ref, claim=claim)


def _line(row: Row) -> BilledLine:
    return BilledLine(**{**row._mapping, "modifiers": tuple(row.modifiers)})
