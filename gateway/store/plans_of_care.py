"""Plans of care as clinics told them: sealed, their people apart from them. The latest of a number counts."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from gateway.domain.plan_of_care import PlanOfCare
from gateway.store.records import Added, Records, Statements
from gateway.store.schema import plans_of_care
from gateway.store.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPlanOfCare:
    id: str
    document: str
    starts_on: date
    plan: PlanOfCare
    version: int
    changed_at: datetime


_STATEMENTS = Statements(plans_of_care)


class PlansOfCare(Records[PlanOfCare]):
    """The plans of care, each known by the clinic's own number."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, _STATEMENTS, PlanOfCare)

    def put(self, plan: PlanOfCare, *, digest: str, document: str = "") -> Added:
        """Store a plan under its own id. Under a number that is there already, other content takes the place of what
        is held ("changed"): signatures and progress reports come one after the other."""
        owner = (plan.organisation, plan.clinic)
        values = {
            "document": document,
            "payer": plan.payer.id,
            "patient_key": self._patient_key(plan.subscriber.member_id),
            "discipline": plan.discipline,
            "starts_on": plan.starts_on,
        }
        added = self._add(plan, plan.id, plan.client_ref, digest, owner, **values)
        return self._put(replace(plan, id=added.id), added, digest, lambda row: True, **values)

    def get(self, plan: str) -> StoredPlanOfCare:
        """Raises NotInStore where there is none in this scope."""
        row, record = self._one(plan, lock=False)
        return StoredPlanOfCare(
            id=row.id,
            document=row.document,
            starts_on=row.starts_on,
            plan=record,
            version=row.version,
            changed_at=row.changed_at,
        )

    def of_patient(self, organisation: str, clinic: str, member_id: str) -> list[PlanOfCare]:
        """The plans of this clinic under this member id, what starts last first."""
        found = self._of_patient(organisation, clinic, member_id)
        return [record for _, record in sorted(found, key=lambda each: (each[0].starts_on, each[0].changed_at))][::-1]
