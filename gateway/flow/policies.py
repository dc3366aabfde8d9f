"""Which policy holds for a record: that of its payer, plan, line of business and state on a day.

Reads the settings only; a policy is never kept with a record, so that a changed file holds from the next look on.
"""

from dataclasses import dataclass
from datetime import date

from gateway.domain.authorization import AuthorizationRequest
from gateway.domain.claim import Claim
from gateway.domain.coverage import Coverage
from gateway.domain.plan_of_care import PlanOfCare
from gateway.flow.cases import of_one_patient
from gateway.flow.house import House, Transaction
from gateway.rules.policy import Policy
from gateway.rules.policy_rows import resolve
from gateway.settings import Settings

LAST_DAY = date.max
"""For a request without a window, where no day is at hand: what holds in the end, that is the rows without one."""

_BY_FILING = {
    "16": "medicare_advantage",
    "AM": "auto",
    "CH": "tricare",
    "MA": "medicare",
    "MB": "medicare",
    "MC": "medicaid",
    "VA": "va",
    "WC": "workers_compensation",
}
"""What SBR09 says of whose money pays (005010X222A1, element 1032), as far as it does: CI and BL may be anybody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Whom a policy is asked for. "" is not known."""

    payer: str
    plan: str = ""
    line_of_business: str = ""
    state: str = ""


def policy_of(
    house: House, record: Claim | AuthorizationRequest, day: date, coverage: Coverage | None = None
) -> Policy:
    """The policy for a claim or a request on ``day``: the day of service (the first of a claim's lines, the start of
    a request's window). ``coverage`` is the patient's, for what the record does not say."""
    return policy_for(house.settings, holder(house.settings, record, coverage), day)


def policy_in(house: House, tx: Transaction, record: Claim | AuthorizationRequest, day: date) -> Policy:
    """The same, where the patient's coverage is not at hand: looked up."""
    return policy_of(house, record, day, coverage_of(tx, record))


def coverage_of(tx: Transaction, record: Claim | AuthorizationRequest) -> Coverage | None:
    """The coverage of a record's patient with its payer that was checked last; None where none was told."""
    known = tx.coverages.of_patient(record.organisation, record.clinic, record.subscriber.member_id)
    return next((each for each in known if of_one_patient(each, record)), None)


def policy_of_care(settings: Settings, plan: PlanOfCare, day: date, coverage: Coverage | None) -> Policy:
    """The policy that a plan of care is held against on a day: what it is under, its patient's ``coverage`` says."""
    told = _told(settings, plan, coverage)
    asked = Holder(payer=plan.payer.id, plan=told[0], line_of_business=told[1], state=told[2])
    return policy_for(settings, asked, day)


def policy_for(settings: Settings, asked: Holder, day: date) -> Policy:
    """The policy for one payer's plan, line of business and state."""
    return resolve(
        settings.policies.rows(asked.payer),
        payer=asked.payer,
        day=day,
        plan=asked.plan,
        line_of_business=asked.line_of_business,
        state=asked.state,
    )


def holder(settings: Settings, record: Claim | AuthorizationRequest, coverage: Coverage | None = None) -> Holder:
    """Of what plan, line of business and state a record is: as it says, else as its coverage does; else by SBR09 and
    by the clinic's address."""
    filed = _BY_FILING.get(record.filing, "") if isinstance(record, Claim) else ""
    told = _told(settings, record, coverage)
    return Holder(
        payer=record.payer.id,
        plan=record.plan or told[0],
        line_of_business=record.line_of_business or told[1] or filed,
        state=record.state or told[2],
    )


def _told(
    settings: Settings, record: Claim | AuthorizationRequest | PlanOfCare, coverage: Coverage | None
) -> tuple[str, str, str]:
    """Plan, line of business and state as a coverage tells them; the state is else that of the clinic's address."""
    clinic = settings.clinic(record.organisation, record.clinic)
    plan, line_of_business, state = (
        (coverage.plan, coverage.line_of_business, coverage.state) if coverage else ("", "", "")
    )
    return plan, line_of_business, state or (clinic.address.state if clinic else "")


def day_of(record: Claim | AuthorizationRequest, today: date) -> date:
    """The day whose policy holds for a record: its first day of service; ``today`` for a request without a window."""
    if isinstance(record, Claim):
        return min(line.served_on for line in record.lines)
    starts = [record.starts_on, *(line.starts_on for line in record.lines)]
    return min((each for each in starts if each), default=today)


def payer_policy(settings: Settings, payer: str, day: date) -> Policy:
    """The policy of a payer where nothing else is known of whom it is about."""
    return policy_for(settings, Holder(payer=payer), day)
