"""What a clinic tells of a patient beside requests and claims: the coverage that was looked up, the plan of care.

It stays with us: nothing of it goes out, and the checks look at it.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from gateway.domain import coverage as told
from gateway.domain import plan_of_care as planned
from gateway.flow.intake_build import NewId, insured, payer, provider
from gateway.flow.intake_checks import Problem, Raw, provider_problems, window_problems
from gateway.flow.intake_records import Insured, Part, Patient, Provider
from gateway.flow.intake_values import Cents, Day, Flag, State, Text50, Whole, day_of, quietly, text
from gateway.flow.intake_words import JsonPath
from gateway.settings import LineOfBusiness, Settings

_Discipline = Literal["GP", "GO", "GN"]
_DAYS_THAT_WERE = ("first_treated_on", "signed_on", "verbal_on", "ordered_on", "sent_on")


class VisitLimit(Part):
    """A benefit maximum (271 EB*F): visits a period, and how many of them the payer counts as used."""

    amount: Whole
    used: Annotated[int, Field(strict=True, ge=0, le=9999)] | None = None
    period: Literal["calendar", "contract", "365d"] = "calendar"
    combined_with: tuple[_Discipline, ...] = ()


class TherapyUsed(Part):
    """Allowed amounts of the calendar year, as the payer counts them for the KX threshold."""

    pt_slp: Cents | None = None
    ot: Cents | None = None


class Coverage(Insured):
    """A patient's policy with a payer, as it was told on ``checked_on``."""

    type: Literal["coverage"]
    patient: Patient
    plan: Text50 = ""
    line_of_business: LineOfBusiness | None = None
    state: State | None = None
    starts_on: Day | None = None
    ends_on: Day | None = None
    checked_on: Day
    auth_required: Flag | None = None
    visit_limit: VisitLimit | None = None
    therapy_used: TherapyUsed | None = None


class PlanOfCare(Insured):
    """A plan of care or its recertification, with what certifies it and which papers are on file."""

    type: Literal["plan_of_care"]
    patient: Patient
    discipline: _Discipline
    starts_on: Day
    ends_on: Day | None = None
    first_treated_on: Day | None = None
    recertification: Flag = False
    signed_on: Day | None = None
    verbal_on: Day | None = None
    ordered_on: Day | None = None
    sent_on: Day | None = None
    physician: Provider | None = None
    progress_reports: Annotated[tuple[Day, ...], Field(max_length=100)] = ()
    documents: Annotated[tuple[Annotated[str, text(50, 1)], ...], Field(max_length=20)] = ()


def coverage_problems(raw: Raw, today: date) -> Iterator[Problem]:
    """Of a coverage."""
    yield from window_problems((), raw)
    yield from _still_to_come(("checked_on",), raw.get("checked_on"), today)


def plan_of_care_problems(raw: Raw, today: date) -> Iterator[Problem]:
    """Of a plan of care."""
    yield from window_problems((), raw)
    for key in _DAYS_THAT_WERE:
        yield from _still_to_come((key,), raw.get(key), today)
    reports = raw.get("progress_reports")
    for position, day in enumerate(reports if isinstance(reports, list) else []):
        yield from _still_to_come(("progress_reports", position), day, today)
    physician = raw.get("physician")
    if isinstance(physician, Mapping):
        yield from provider_problems(("physician",), physician, organisation=False, npi=False)


def coverage(record: Coverage, settings: Settings, new_id: NewId) -> told.Coverage:
    """The domain's record of it."""
    subscriber, dependent = insured(record.patient, record.policy_holder)
    limit, used = record.visit_limit, record.therapy_used or TherapyUsed()
    groups = (("PT+SLP", used.pt_slp), ("OT", used.ot))
    return told.Coverage(
        id=new_id("co"),
        organisation=record.organisation,
        clinic=record.clinic,
        client_ref=record.client_ref,
        payer=payer(record.payer, settings, "278", "837"),
        subscriber=subscriber,
        dependent=dependent,
        plan=record.plan,
        line_of_business=record.line_of_business or "",
        state=record.state or "",
        starts_on=record.starts_on,
        ends_on=record.ends_on,
        checked_on=record.checked_on,
        auth_required=record.auth_required,
        visit_limit=told.VisitLimit(
            amount=limit.amount,
            used=limit.used,
            period=told.Period(limit.period),
            combined_with=limit.combined_with,
        )
        if limit
        else None,
        therapy_used=tuple((group, cents) for group, cents in groups if cents is not None),
    )


def plan_of_care(record: PlanOfCare, settings: Settings, new_id: NewId) -> planned.PlanOfCare:
    """The domain's record of it."""
    subscriber, dependent = insured(record.patient, record.policy_holder)
    return planned.PlanOfCare(
        id=new_id("pc"),
        organisation=record.organisation,
        clinic=record.clinic,
        client_ref=record.client_ref,
        payer=payer(record.payer, settings, "278", "837"),
        subscriber=subscriber,
        dependent=dependent,
        discipline=record.discipline,
        starts_on=record.starts_on,
        ends_on=record.ends_on,
        first_treated_on=record.first_treated_on,
        recertification=record.recertification,
        signed_on=record.signed_on,
        verbal_on=record.verbal_on,
        ordered_on=record.ordered_on,
        sent_on=record.sent_on,
        physician=provider(record.physician) if record.physician else None,
        progress_reports=tuple(sorted(record.progress_reports)),
        documents=record.documents,
    )


def _still_to_come(path: JsonPath, value: object, today: date) -> Iterator[Problem]:
    day = quietly(day_of, value) if value is not None else None
    if day and day > today:
        yield path, "this day is still to come", "Submit it when it took place"
