"""Visits as the clinic tells of them, and what each holds in the units book. The visit itself is sealed.

One clinic's number is one visit, which goes on from one status to the next; the digest of every record that told of
it is kept, so that none counts twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from gateway.domain.visit import Status, Visit
from gateway.ledger.entry import Account
from gateway.ledger.visiting import Held
from gateway.store.records import Added, Records, Statements
from gateway.store.schema import appointments
from gateway.store.session import Row, Scoped, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVisit:
    """``authorization`` is our id of the one that it draws on, "" where it has none; ``visit_key`` the name of the
    visit there. ``digests`` are of every record that told of it; ``version`` grows with each change."""

    id: str
    organisation: str
    clinic: str
    client_ref: str
    document: str
    payer: str
    authorization: str
    visit_key: str
    served_on: date
    discipline: str
    state: Status
    held: tuple[Held, ...]
    digests: tuple[str, ...]
    visit: Visit
    version: int
    created_at: datetime
    changed_at: datetime


_STATEMENTS = Statements(appointments)
_PLAIN = ("id", "organisation", "clinic", "document", "payer", "authorization", "visit_key", "served_on", "discipline",
          "version", "created_at", "changed_at")  # fmt: skip
_ALL = sa.select(appointments).order_by(appointments.c.served_on, appointments.c.created_at, appointments.c.id)
_OF_VISITS = Scoped(_ALL.where(appointments.c.visit_key.in_(sa.bindparam("wanted", expanding=True))), appointments)


class Appointments(Records[Visit]):
    """The visits that clinics booked and rendered."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, _STATEMENTS, Visit)

    def add(
        self,
        visit: Visit,
        *,
        digest: str,
        member_id: str,
        payer: str,
        authorization: str = "",
        visit_key: str = "",
        held: Sequence[Held] = (),
        document: str = "",
    ) -> Added:
        """Store a visit under its own id. ``member_id`` is its patient's policy, by which it is found."""
        session = self._session
        return self._add(
            visit,
            visit.id or session.new_id("ap"),
            visit.client_ref,
            digest,
            (visit.organisation, visit.clinic),
            digests=[self.fingerprint(digest)],
            patient_key=self._patient_key(member_id) if member_id else "",
            payer=payer,
            authorization=authorization,
            visit_key=visit_key,
            served_on=visit.served_on,
            discipline=visit.discipline,
            state=visit.status.value,
            held=[_shown(each) for each in held],
            document=document,
        )

    def fingerprint(self, digest: str) -> str:
        """How the digest of a record is kept."""
        return self._session.keys.fingerprint("digest", digest)

    def get(self, visit: str, *, lock: bool = False) -> StoredVisit:
        """Raises NotInStore where there is none in this scope. ``lock`` keeps others from changing it until the end."""
        return _stored(*self._one(visit, lock=lock))

    def by_client_ref(
        self, organisation: str, clinic: str, client_ref: str, *, lock: bool = False
    ) -> StoredVisit | None:
        """The visit that this clinic knows by this number."""
        known = {
            "of_organisation": organisation,
            "of_clinic": clinic,
            "of_client_key": self._session.keys.fingerprint("client_ref", client_ref),
        }
        row = self._session.within(_STATEMENTS.known, known).first()
        return self.get(row.id, lock=lock) if row else None

    def update(
        self,
        visit_id: str,
        *,
        version: int | None = None,
        visit: Visit | None = None,
        digests: Sequence[str] | None = None,
        authorization: str | None = None,
        visit_key: str | None = None,
        held: Sequence[Held] | None = None,
        document: str | None = None,
    ) -> int:
        """Change what is given; its new version. Raises ChangedMeanwhile where somebody changed it meanwhile."""
        return self._change(
            visit_id,
            visit,
            version,
            state=None if visit is None else visit.status.value,
            digests=None if digests is None else list(digests),
            authorization=authorization,
            visit_key=visit_key,
            held=None if held is None else [_shown(each) for each in held],
            document=document,
        )

    def of_visits(self, visit_keys: Iterable[str]) -> list[StoredVisit]:
        """The appointments that are parts of these visits."""
        wanted = sorted({each for each in visit_keys if each})
        if not wanted:
            return []
        rows = self._session.within(_OF_VISITS, {"wanted": wanted}).all()
        return [_stored(row, visit) for row, visit in self._opened(rows)]

    def of_patient(self, organisation: str, clinic: str, member_id: str) -> list[StoredVisit]:
        """The visits under this member id in this clinic, whoever's of the policy they are, by day."""
        return [_stored(*each) for each in self._of_patient(organisation, clinic, member_id)]

    def list(
        self,
        *,
        authorization: str | None = None,
        state: Status | None = None,
        before: date | None = None,
        limit: int = 1000,
    ) -> list[StoredVisit]:
        """By day; ``before`` leaves out the visits of that day and later ones."""
        statement = _ALL.limit(limit)
        if authorization is not None:
            statement = statement.where(appointments.c.authorization == authorization)
        if state is not None:
            statement = statement.where(appointments.c.state == state.value)
        if before is not None:
            statement = statement.where(appointments.c.served_on < before)
        rows = self._session.within(Scoped(statement, appointments)).all()
        return [_stored(row, visit) for row, visit in self._opened(rows)]


def _shown(held: Held) -> dict[str, object]:
    return {
        "bucket": held.bucket,
        "account": held.account.value,
        "quantity": held.quantity,
        "claimed": held.claimed,
        "procedures": list(held.procedures),
    }


def _stored(row: Row, visit: Visit) -> StoredVisit:
    columns = {name: row._mapping[name] for name in _PLAIN}
    held = tuple(
        Held(**{**each, "account": Account(each["account"]), "procedures": tuple(each["procedures"])})
        for each in row.held
    )
    return StoredVisit(
        **columns,
        client_ref=visit.client_ref,
        state=Status(row.state),
        held=held,
        digests=tuple(row.digests),
        visit=visit,
    )
