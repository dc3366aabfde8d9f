"""How long a plan of care is certified, what certifies it, and after how many treatment days a report is due.

CMS Benefit Policy Manual 100-02, ch. 15, 220.1 and 220.3; 89 FR 97710; domain facts, 1.5. How long a certification
holds at most and how many days lie between two reports is the payer's policy, and comes from there.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from gateway.domain.plan_of_care import PlanOfCare

SENT_WITHIN_DAYS = 30  # Of an initial plan to the physician, for an order on file to stand in (from 2025).
SIGNED_WITHIN_DAYS = 14  # After a verbal certification.
ORDER_COUNTS_SINCE = date(2025, 1, 1)


def in_force(plans: Iterable[PlanOfCare], day: date) -> PlanOfCare | None:
    """The plan or recertification that had begun last by a day."""
    return max((each for each in plans if each.starts_on <= day), key=lambda each: each.starts_on, default=None)


def certified_until(plan: PlanOfCare, longest: int | None) -> date | None:
    """The last day that a plan is certified for: its own end, or ``longest`` days from the first treatment, whichever
    comes first; None where neither is known."""
    ends = [plan.ends_on] if plan.ends_on else []
    if longest is not None:
        ends.append((plan.first_treated_on or plan.starts_on) + timedelta(days=longest))
    return min(ends, default=None)


def is_signed(plan: PlanOfCare, today: date) -> bool:
    """By the signature; by a verbal certification that is still to be signed; for an initial plan from 2025 by a
    signed order on file and the plan sent within 30 days of the evaluation."""
    if plan.signed_on is not None:
        return True
    if plan.verbal_on is not None and today <= plan.verbal_on + timedelta(days=SIGNED_WITHIN_DAYS):
        return True
    if plan.recertification or plan.ordered_on is None or plan.sent_on is None:
        return False
    in_time = plan.sent_on <= plan.starts_on + timedelta(days=SENT_WITHIN_DAYS)
    return in_time and plan.starts_on >= ORDER_COUNTS_SINCE


def to_be_signed_by(plan: PlanOfCare) -> date:
    """The last day on which a signature is in time: 14 days after a verbal certification, else 30 days after the plan
    began."""
    if plan.verbal_on is not None:
        return plan.verbal_on + timedelta(days=SIGNED_WITHIN_DAYS)
    return plan.starts_on + timedelta(days=SENT_WITHIN_DAYS)


def since_report(plans: Sequence[PlanOfCare], days: Iterable[date], until: date) -> list[date]:
    """The treatment days of ``days`` after the last progress report, or of the whole care where there is none, up to
    ``until``, which belongs to them; each once, in order. ``plans`` are all of one discipline, at least one."""
    reports = [day for plan in plans for day in plan.progress_reports if day <= until]
    since = max(reports, default=min(each.starts_on for each in plans) - timedelta(days=1))
    return sorted({day for day in days if since < day <= until})
