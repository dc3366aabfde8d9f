"""Plans of care: signatures, recertifications and progress reports that are due or overdue (facts, 1.5, 6.5).

Worked out as the check of claims does it (coding/certification.py), by the payer's policy of today; where that does not
say whether a plan is wanted, how long it holds, or how often a report is due, nothing is told. Plans, claims and visits
are opened for whose they are; nothing of it is shown.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from gateway.coding.certification import certified_until, is_signed, since_report, to_be_signed_by
from gateway.domain.disciplines import discipline
from gateway.domain.plan_of_care import PlanOfCare
from gateway.flow.checking import Patient, patient_of, treated
from gateway.flow.policies import policy_of_care
from gateway.flow.reports.base import Part, Row, Sums, View, columns, key
from gateway.rules.policy import Policy

DUE, OVERDUE = "due", "overdue"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Care:
    """One person's care in one discipline: plans (what starts last first), treatment days, days that are booked."""

    plans: Sequence[PlanOfCare]
    done: Sequence[date]
    booked: Sequence[date]
    policy: Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class _Owed:
    """What is due by a day under a plan; ``days`` are the treatment days that it is owed for."""

    plan: PlanOfCare
    kind: str
    state: str
    due_on: date
    days: Sequence[date] = ()


class Plans(Sums):
    """``signature``: of a plan or recertification that is not certified; ``recertification``: the certification ends
    within --days, or ended and visits came or are booked after it; ``progress_report``: as many treatment days have
    passed since the last one as the policy allows, or more; ``report_visit``: the visit that completes them (Medicare:
    the 10th) is booked within --days."""

    name = "plans"
    title = "Plans of care: signatures, recertifications and progress reports that are due"
    columns = columns(
        "row organisation clinic payer discipline plan starts_on:date kind state due_on:date days_left:int treated:int"
    )
    summed = ("treated",)

    def all_parts(self, view: View) -> list[Part]:
        seen: set[str] = set()
        found: list[Part] = []
        for row in view.tx.figures.plans_of_care():
            if row.id in seen or not view.of_payer(row.payer):
                continue
            stored = view.tx.plans_of_care.get(row.id)
            patient = patient_of(view.tx, stored.plan)
            seen |= {each.id for each in patient.plans}
            policy = policy_of_care(view.house.settings, stored.plan, view.today, patient.coverage)
            for care, sources in _cares(patient, policy, view.today):
                for owed in _owed(care, view.today, view.days):
                    if view.within(owed.due_on):
                        found += _parts(view, owed, sources)
        return found


def _cares(patient: Patient, policy: Policy, today: date) -> Iterator[tuple[_Care, dict[date, str]]]:
    """By discipline; with the claim or visit that each treatment day is known from."""
    visits = list(treated(patient))
    for word in sorted({each.discipline for each in patient.plans}):
        own = [each for each in visits if each.discipline == word]
        care = _Care(
            plans=[each for each in patient.plans if each.discipline == word],
            done=[each.served_on for each in own if not each.planned and each.served_on <= today],
            booked=[each.served_on for each in own if each.planned],
            policy=policy,
        )
        sources = {each.served_on: each.id for each in patient.visits if each.discipline == word}
        for claim in patient.claims:
            sources |= {line.served_on: claim.id for line in claim.claim.lines if discipline(line) == word}
        yield care, sources


def _owed(care: _Care, today: date, ahead: int) -> Iterator[_Owed]:
    if care.policy.plan_of_care:
        yield from _signatures(care, today)
        yield from _recertification(care, today, ahead)
        yield from _progress(care, today, ahead)


def _signatures(care: _Care, today: date) -> Iterator[_Owed]:
    until = date.max
    for plan in care.plans:  # What starts last comes first: each holds until the next begins.
        days = [each for each in care.done if plan.starts_on <= each < until]
        until = min(until, plan.starts_on)
        if plan.starts_on <= today and not is_signed(plan, today):
            due_on = to_be_signed_by(plan)
            state = OVERDUE if today > due_on else DUE
            yield _Owed(plan=plan, kind="signature", state=state, due_on=due_on, days=days)


def _recertification(care: _Care, today: date, ahead: int) -> Iterator[_Owed]:
    plan = care.plans[0]
    due_on = certified_until(plan, care.policy.certification_days)
    if due_on is None:
        return
    after = [each for each in care.done if each > due_on]
    if today <= due_on <= today + timedelta(days=ahead):
        yield _Owed(plan=plan, kind="recertification", state=DUE, due_on=due_on)
    elif due_on < today and (after or any(each > due_on for each in care.booked)):
        yield _Owed(plan=plan, kind="recertification", state=OVERDUE, due_on=due_on, days=after)


def _progress(care: _Care, today: date, ahead: int) -> Iterator[_Owed]:
    every = care.policy.progress_every
    if not every:
        return
    plan, done = care.plans[0], since_report(care.plans, care.done, today)
    coming = since_report(care.plans, [*care.done, *care.booked], today + timedelta(days=ahead))
    if len(done) >= every:
        state = OVERDUE if len(done) > every else DUE
        yield _Owed(plan=plan, kind="progress_report", state=state, due_on=done[every - 1], days=done)
    elif len(coming) >= every:
        yield _Owed(plan=plan, kind="report_visit", state=DUE, due_on=coming[every - 1], days=done)


def _parts(view: View, owed: _Owed, sources: dict[date, str]) -> Iterator[Part]:
    """The plan, by the document that it came in, then each treatment day by its claim or visit."""
    plan = owed.plan
    row = key(plan.id, owed.kind)
    about: Row = {
        "organisation": plan.organisation,
        "clinic": plan.clinic,
        "payer": plan.payer.id,
        "discipline": plan.discipline,
        "plan": plan.id,
        "starts_on": plan.starts_on,
        "kind": owed.kind,
        "state": owed.state,
        "due_on": owed.due_on,
        "days_left": (owed.due_on - view.today).days,
    }
    document = view.tx.plans_of_care.get(plan.id).document
    yield Part(row=row, trace=document, entry=plan.id, what="plan", on=plan.starts_on, amounts={}, about=about)
    for day in owed.days:
        source = sources[day]
        yield Part(row=row, trace=source, entry=source, what="visit", on=day, amounts={"treated": 1}, about=about)


REPORTS = (Plans(),)
