"""What clinics were told of coverages: sealed, its people apart from it. The latest of a number counts."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from gateway.domain.coverage import Coverage
from gateway.store.records import Added, Records, Statements
from gateway.store.schema import coverages
from gateway.store.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCoverage:
    id: str
    document: str
    checked_on: date
    coverage: Coverage
    version: int
    changed_at: datetime


_STATEMENTS = Statements(coverages)


class Coverages(Records[Coverage]):
    """The coverages that were looked up."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, _STATEMENTS, Coverage)

    def put(self, coverage: Coverage, *, digest: str, document: str = "") -> Added:
        """Store a coverage under its own id. Under a number that is there already, what was checked later takes the
        place of what is held ("changed"); what was checked on the same day or before is a "conflict"."""
        owner = (coverage.organisation, coverage.clinic)
        values = {
            "document": document,
            "payer": coverage.payer.id,
            "patient_key": self._patient_key(coverage.subscriber.member_id),
            "checked_on": coverage.checked_on,
        }
        added = self._add(coverage, coverage.id, coverage.client_ref, digest, owner, **values)
        held = replace(coverage, id=added.id)
        return self._put(held, added, digest, lambda row: coverage.checked_on > row.checked_on, **values)

    def get(self, coverage: str) -> StoredCoverage:
        """Raises NotInStore where there is none in this scope."""
        row, record = self._one(coverage, lock=False)
        return StoredCoverage(
            id=row.id,
            document=row.document,
            checked_on=row.checked_on,
            coverage=record,
            version=row.version,
            changed_at=row.changed_at,
        )

    def of_patient(self, organisation: str, clinic: str, member_id: str) -> list[Coverage]:
        """What this clinic was told under this member id, what was checked last first."""
        found = self._of_patient(organisation, clinic, member_id)
        return [record for _, record in sorted(found, key=lambda each: (each[0].checked_on, each[0].changed_at))][::-1]
