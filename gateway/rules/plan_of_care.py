"""The plan of care holds on the day and is certified, the progress report is not overdue, and the papers are on file.

All of it warns: a signature that comes late is still taken, and what is on paper in the clinic may not be entered here.
"""

from collections.abc import Iterator, Sequence

from gateway.coding.certification import certified_until, in_force, is_signed, since_report
from gateway.domain.plan_of_care import PlanOfCare
from gateway.errors import Finding, Severity
from gateway.rules.case import ClaimCase, paper
from gateway.rules.episodes import visits
from gateway.rules.sessions import Session, sessions

RULE = "plan_of_care"
CHECK = 20
SOURCE = "CMS Benefit Policy Manual 100-02, ch. 15, 220.1 and 220.3; 89 FR 97710; domain facts, 1.5 and 7.1 (20)"
PREVENTS = "CARC 50, 252, RARC M135, M141"

_REPORTS = ("progress_reports", "starts_on")


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    wanted, papers = case.policy.plan_of_care, case.policy.required_docs
    if wanted is None:
        yield _unknown(case, "plan_of_care", "it is not known whether this payer wants a certified plan of care")
    if papers is None:
        yield _unknown(case, "required_docs", "it is not known which papers this payer wants to be on file")
    if not wanted and not papers:
        return
    if case.plans is None:
        yield case.not_evaluated(
            RULE,
            "no plan of care of this patient is known",
            where="$.lines[0].served_on",
            fix="Enter the plan of care with its signatures and papers",
            evidence=("plan_of_care",),
            because=("plan_of_care", "required_docs"),
        )
        return
    done: set[str] = set()
    for session in sorted(sessions(case), key=lambda each: each.day, reverse=True):
        plans = [each for each in case.plans if session.discipline in ("", each.discipline)]
        if wanted:
            yield from _certified(case, session, plans)
        if session.discipline not in done:  # What has added up by its last day is said once for each discipline.
            done.add(session.discipline)
            if wanted:
                yield from _reported(case, session, plans)
            yield from _on_file(case, session, plans, papers or ())


def _certified(case: ClaimCase, session: Session, plans: Sequence[PlanOfCare]) -> Iterator[Finding]:
    plan = in_force(plans, session.day)
    if plan is None:
        yield _warned(case, session, "no plan of care had begun on this day", "Enter the plan of care", ("starts_on",))
        return
    longest = case.policy.certification_days
    over = plan.ends_on is not None and session.day > plan.ends_on
    until = certified_until(plan, longest)
    if until is not None and session.day > until:
        what = "the plan of care had ended" if over else f"the certification holds {longest} days, and they were over"
        fix = "Have the plan recertified, and enter the recertification"
        yield _warned(case, session, what, fix, ("starts_on", "first_treated_on", "ends_on"))
    elif longest is None:
        yield _unknown(case, "certification_days", "it is not known how long a certification holds with this payer")
    if not is_signed(plan, case.date):
        what = "the recertification is not signed" if plan.recertification else "the plan of care is not certified"
        fix = "Get the physician's signature and enter its day, or the order on file and the day the plan was sent"
        yield _warned(case, session, what, fix, ("signed_on", "verbal_on", "ordered_on", "sent_on"))


def _reported(case: ClaimCase, session: Session, plans: Sequence[PlanOfCare]) -> Iterator[Finding]:
    every = case.policy.progress_every
    if every is None:
        yield _unknown(case, "progress_every", "it is not known after how many visits this payer wants a report")
        return
    if not every or not plans:
        return
    if case.treated is None:
        yield case.not_evaluated(
            RULE,
            "this patient's visits are not known",
            where=f"{session.lines[0][0]}.served_on",
            fix="Enter the visits, or run the check where they are stored",
            evidence=("visits", "plan_of_care.progress_reports"),
            because=("progress_every",),
        )
        return
    days = {each.served_on for each in visits(case.treated, session.discipline)}
    days |= {each.day for each in sessions(case) if each.discipline == session.discipline}
    count = len(since_report(plans, days, session.day))
    if count > every:
        what = f"{count} treatment days have passed since the last progress report, and one is due every {every}"
        yield _warned(case, session, what, "Write the progress report, and enter its day", _REPORTS)


def _on_file(
    case: ClaimCase, session: Session, plans: Sequence[PlanOfCare], wanted: Sequence[str]
) -> Iterator[Finding]:
    held = {paper(each) for plan in plans for each in plan.documents}
    for name in wanted:
        if paper(name) not in held:
            what, fix = f"this payer wants {name} on file, and it is not entered", "Enter it with the plan of care"
            yield _warned(case, session, what, fix, ("documents",), value="required_docs")


def _warned(
    case: ClaimCase, session: Session, what: str, fix: str, evidence: Sequence[str], *, value: str = "plan_of_care"
) -> Finding:
    place = f"{session.lines[0][0]}.served_on"
    return case.finding(
        RULE,
        what,
        where=place,
        fix=fix,
        default=Severity.WARN,
        evidence=(place, *(f"plan_of_care.{each}" for each in evidence)),
        because=(value, "certification_days", "progress_every") if value == "plan_of_care" else (value,),
    )


def _unknown(case: ClaimCase, value: str, what: str) -> Finding:
    fix = f"Write {value} in the payer's file"
    return case.not_evaluated(RULE, what, where="$.lines[0].served_on", fix=fix, because=(value,))
