"""What a clinic tells of visits: the shape of the records, what must agree in them, and the records they become."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from gateway.domain import visit as told
from gateway.domain.claim import LINES_MAX
from gateway.flow.intake_build import NewId, insured, payer, performed
from gateway.flow.intake_checks import Problem, Raw
from gateway.flow.intake_records import Minutes, Owned, Part, Patient, PolicyHolder
from gateway.flow.intake_values import Day, Id80, Procedure, Reference, Whole, day_of, quietly, text
from gateway.settings import Settings

NOTE_MAX = 264


class TreatedLine(Part):
    """One service of a visit; ``units`` are those that will be billed."""

    procedure: Procedure
    units: Whole | None = None
    minutes: Minutes | None = None


class Visit(Owned):
    """A visit and what has become of it. ``override`` says why it took place without authorization."""

    type: Literal["visit"]
    status: Literal["scheduled", "took_place", "cancelled", "no_show"]
    served_on: Day
    discipline: Literal["GP", "GO", "GN"]
    payer: Id80 | None = None
    patient: Patient | None = None
    policy_holder: PolicyHolder | None = None
    authorization: Reference | None = None
    authorization_ref: Reference | None = None
    lines: Annotated[tuple[TreatedLine, ...], Field(max_length=LINES_MAX)] = ()
    override: Annotated[str, text(NOTE_MAX)] = ""
    note: Annotated[str, text(NOTE_MAX)] = ""


def visit_problems(raw: Raw, today: date) -> Iterator[Problem]:
    """Of a visit."""
    day = quietly(day_of, raw.get("served_on"))
    status = raw.get("status")
    if day and day > today and status in ("took_place", "no_show"):
        yield ("served_on",), "this day is still to come", "Book it as scheduled until then"
    if raw.get("override") and status != "took_place":
        fix = "Leave it out; only what took place can have happened without authorization"
        yield ("override",), "an override is of a visit that took place", fix
    yield from whose(raw)


def whose(raw: Raw) -> Iterator[Problem]:
    """Of what names an authorization, or a patient and a payer to find it by."""
    if raw.get("authorization") and raw.get("authorization_ref"):
        yield ("authorization",), "the authorization is named twice, by its number and by yours", "Keep one of them"
    if raw.get("patient") is None and not (raw.get("authorization") or raw.get("authorization_ref")):
        yield ("patient",), "nobody could tell whose this is", "Name the authorization, or the patient and the payer"
    if raw.get("patient") is not None and raw.get("payer") is None:
        yield ("payer",), "the payer is missing", "Add its id; it says which authorizations may serve"
    if raw.get("policy_holder") is not None and raw.get("patient") is None:
        yield ("patient",), "the patient is missing", "Add the patient, or leave the policy holder out"


def visit(record: Visit, settings: Settings, new_id: NewId) -> told.Visit:
    """The domain's record of it."""
    subscriber, dependent = insured(record.patient, record.policy_holder) if record.patient else (None, None)
    return told.Visit(
        id=new_id("ap"),
        organisation=record.organisation,
        clinic=record.clinic,
        client_ref=record.client_ref,
        served_on=record.served_on,
        discipline=record.discipline,
        status=told.Status(record.status),
        payer=payer(record.payer, settings, "278", "837") if record.payer else None,
        subscriber=subscriber,
        dependent=dependent,
        authorization=record.authorization or "",
        authorization_ref=record.authorization_ref or "",
        lines=tuple(
            told.Treatment(procedure=each.procedure, units=each.units or 0, minutes=performed(each.minutes))
            for each in record.lines
        ),
        override=record.override,
        note=record.note,
    )
