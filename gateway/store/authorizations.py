"""Authorization requests and where each stands. The request itself is sealed, its people apart from it.

One clinic's number is one authorization: the same again is the same, other content under it is a conflict.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from gateway.domain.authorization import AuthorizationRequest
from gateway.store.records import Added, Records, Statements
from gateway.store.schema import authorizations, buckets
from gateway.store.session import Row, Scoped, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAuthorization:
    """``number`` is the certification number (HCR02), the window what was certified; ``version`` grows.

    ``kind``, ``level`` and ``service_type`` are those of the request, ``parent`` our id of the authorization that a
    change is about. ``sent_at`` is the first time that it got to the partner, ``decided_at`` when its first final
    decision was read, ``decision_stamp`` the payer's own time of the answer in force (BHT04 and BHT05).
    """

    id: str
    organisation: str
    clinic: str
    partner: str
    client_ref: str
    document: str
    state: str
    reason: str
    number: str
    administrative_reference: str
    payer: str
    kind: str
    level: str
    service_type: str
    parent: str
    decision_stamp: str
    decided_on: date | None
    starts_on: date | None
    ends_on: date | None
    sent_at: datetime | None
    decided_at: datetime | None
    request: AuthorizationRequest
    version: int
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An authorization by its buckets, memos left out: ``ends_on`` is the last day of all of them, None where one has
    none; ``limited`` says that each has a finite grant."""

    id: str
    state: str
    buckets: tuple[str, ...]
    ends_on: date | None
    limited: bool


_STATEMENTS = Statements(authorizations)
_STANDING = Scoped(
    sa.select(
        authorizations.c.id,
        authorizations.c.organisation,
        authorizations.c.clinic,
        authorizations.c.state,
        buckets.c.id.label("bucket"),
        buckets.c.ends_on,
        buckets.c.limited,
    )
    .join(buckets, buckets.c.authorization == authorizations.c.id)
    .where(
        authorizations.c.state.in_(sa.bindparam("wanted", expanding=True)),
        buckets.c.quantity_source != sa.literal("memo"),
    )
    .order_by(authorizations.c.id, buckets.c.id),
    authorizations,
)
_COLUMNS = tuple(name for name in StoredAuthorization.__dataclass_fields__ if name not in ("client_ref", "request"))
_ALL = sa.select(authorizations).order_by(authorizations.c.created_at, authorizations.c.id)
_COUNTS = Scoped(sa.select(authorizations.c.state, sa.func.count()).group_by(authorizations.c.state), authorizations)


class Authorizations(Records[AuthorizationRequest]):
    """The authorizations that clinics asked for."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, _STATEMENTS, AuthorizationRequest)

    def add(
        self, request: AuthorizationRequest, *, partner: str, digest: str, document: str = "", state: str = "accepted"
    ) -> Added:
        """Store a request under its own id. ``digest`` is of the record as submitted: "same" or "conflict"."""
        return self._add(
            request,
            request.id or self._session.new_id("au"),
            request.client_ref,
            digest,
            (request.organisation, request.clinic),
            partner=partner,
            document=document,
            state=str(state),
            payer=request.payer.id,
            patient_key=self._patient_key(request.subscriber.member_id),
            kind=str(request.kind),
            level=str(request.level or ""),
            service_type=request.service_type,
        )

    def get(self, authorization: str, *, lock: bool = False) -> StoredAuthorization:
        """Raises NotInStore where there is none in this scope. ``lock`` keeps others from changing it until the end."""
        return _stored(*self._one(authorization, lock=lock))

    def by_client_ref(self, organisation: str, clinic: str, client_ref: str) -> StoredAuthorization | None:
        """The authorization that this clinic knows by this number."""
        known = {
            "of_organisation": organisation,
            "of_clinic": clinic,
            "of_client_key": self._session.keys.fingerprint("client_ref", client_ref),
        }
        row = self._session.within(_STATEMENTS.known, known).first()
        return self.get(row.id) if row else None

    def update(
        self,
        authorization: str,
        *,
        version: int | None = None,
        state: str | None = None,
        reason: str | None = None,
        number: str | None = None,
        administrative_reference: str | None = None,
        parent: str | None = None,
        decision_stamp: str | None = None,
        decided_on: date | None = None,
        starts_on: date | None = None,
        ends_on: date | None = None,
        sent_at: datetime | None = None,
        decided_at: datetime | None = None,
        partner: str | None = None,
        request: AuthorizationRequest | None = None,
    ) -> int:
        """Change what is given; its new version, or 0 where none was known.

        Raises ChangedMeanwhile where somebody changed it after this transaction read it, or after ``version``.
        """
        return self._change(
            authorization,
            request,
            version,
            state=None if state is None else str(state),
            reason=reason,
            number=number,
            administrative_reference=administrative_reference,
            parent=parent,
            decision_stamp=decision_stamp,
            decided_on=decided_on,
            starts_on=starts_on,
            ends_on=ends_on,
            sent_at=sent_at,
            decided_at=decided_at,
            partner=partner,
        )

    def of_patient(self, organisation: str, clinic: str, member_id: str) -> list[StoredAuthorization]:
        """What this clinic asked for under this member id, whoever's of the policy it is, the oldest first."""
        return [_stored(*each) for each in self._of_patient(organisation, clinic, member_id)]

    def these(self, ids: Iterable[str]) -> dict[str, StoredAuthorization]:
        """Several at once by our id, those that there are in this scope."""
        return {row.id: _stored(row, request) for row, request in self._these(ids)}

    def standing(self, states: Iterable[str]) -> list[Standing]:
        """Those in these states that have buckets, by id."""
        found: dict[str, list[Row]] = {}
        for row in self._session.within(_STANDING, {"wanted": [str(each) for each in states]}):
            self._session.remember(row.id, row.organisation, row.clinic)
            found.setdefault(row.id, []).append(row)
        return [
            Standing(
                id=name,
                state=rows[0].state,
                buckets=tuple(row.bucket for row in rows),
                ends_on=None if any(row.ends_on is None for row in rows) else max(row.ends_on for row in rows),
                limited=all(row.limited for row in rows),
            )
            for name, rows in found.items()
        ]

    def counts(self) -> dict[str, int]:
        """How many are in each state."""
        return {row[0]: row[1] for row in self._session.within(_COUNTS)}

    def list(
        self, *, state: str | Iterable[str] | None = None, partner: str | None = None, limit: int = 1000
    ) -> list[StoredAuthorization]:
        """The oldest first; ``state`` is one or several."""
        statement = _ALL.limit(limit)
        if state is not None:
            states = [state] if isinstance(state, str) else state
            statement = statement.where(authorizations.c.state.in_([str(each) for each in states]))
        if partner is not None:
            statement = statement.where(authorizations.c.partner == partner)
        rows = self._session.within(Scoped(statement, authorizations)).all()
        return [_stored(row, request) for row, request in self._opened(rows)]


def _stored(row: Row, request: AuthorizationRequest) -> StoredAuthorization:
    columns = {name: row._mapping[name] for name in _COLUMNS}
    return StoredAuthorization(**columns, client_ref=request.client_ref, request=request)
