"""What a clinic tells of authorizations that no 278 told: certifications, corrections and transfers, with evidence."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from gateway.domain import instruction as told
from gateway.domain import parties
from gateway.domain.authorization import PROVIDERS_MAX, AuthorizationRequest, Kind, Quantity, RequestedService, Unit
from gateway.flow.intake_build import NewId, insured, owner, payer, provider, requester, with_service_type
from gateway.flow.intake_checks import Problem, Raw, provider_problems, window_problems
from gateway.flow.intake_records import REQUEST_LINES_MAX, EventProvider, Owned, Part, Patient, PolicyHolder
from gateway.flow.intake_values import (
    Day,
    Diagnosis,
    Hours,
    Id80,
    Place,
    Procedure,
    Reference,
    ServiceType,
    Text50,
    Text80,
    day_of,
    quietly,
    text,
)
from gateway.flow.intake_visits import NOTE_MAX, whose
from gateway.flow.intake_words import JsonPath
from gateway.settings import Settings

Count = Annotated[int, Field(strict=True, ge=0, le=9999)]
_Discipline = Literal["GP", "GO", "GN"]
_Procedures = Annotated[tuple[Procedure, ...], Field(max_length=REQUEST_LINES_MAX)]
_Note = Annotated[str, text(NOTE_MAX)]
_MEASURES = ("visits", "units", "hours", "days")
_OF_A_REQUEST = ("plan", "place_of_service", "providers")
_TOLD = ("total", "remaining", "ends_on")


class Evidence(Part):
    """Where it is from: how the payer's word came, when, from whom, and the number of the call, fax or page."""

    channel: Literal["portal", "fax", "phone", "mail", "fhir", "person"]
    seen_on: Day
    by: Text80 = ""
    reference: Text80 = ""
    note: _Note = ""


class Counted(Part):
    """What was certified, in one of four measures, and what of it was used before; hours used are told in minutes."""

    visits: Count | None = None
    units: Count | None = None
    hours: Hours | None = None
    days: Count | None = None
    used_before: Count = 0
    procedures: _Procedures = ()
    discipline: _Discipline | None = None


class CertifiedLine(Counted):
    number: Reference | None = None
    starts_on: Day | None = None
    ends_on: Day | None = None


class Certification(Counted, Owned):
    """An authorization that the payer gave. ``request_ref`` is the clinic's number of the request that it answers."""

    type: Literal["certification"]
    number: Text50 = ""
    decided_on: Day
    starts_on: Day
    ends_on: Day | None = None
    lines: Annotated[tuple[CertifiedLine, ...], Field(max_length=REQUEST_LINES_MAX)] = ()
    used_until: Day | None = None
    request_ref: Reference | None = None
    payer: Id80 | None = None
    patient: Patient | None = None
    policy_holder: PolicyHolder | None = None
    diagnoses: Annotated[tuple[Diagnosis, ...], Field(max_length=12)] = ()
    service_type: ServiceType | None = None
    plan: Text50 = ""
    place_of_service: Place | None = None
    providers: Annotated[tuple[EventProvider, ...], Field(max_length=PROVIDERS_MAX)] = ()
    evidence: Evidence
    note: _Note = ""


class About(Owned):
    """What is about one quantity of an authorization; the last three say which, where it has several."""

    authorization: Reference | None = None
    authorization_ref: Reference | None = None
    procedures: _Procedures = ()
    discipline: _Discipline | None = None
    number: Reference | None = None
    evidence: Evidence
    note: _Note = ""


class Correction(About):
    """The payer's count differs: ``total`` is what it certified in all, ``remaining`` what it says is left."""

    type: Literal["correction"]
    total: Count | None = None
    remaining: Count | None = None
    ends_on: Day | None = None


class Transfer(About):
    """What is left, or ``amount`` of it, goes on under the authorization that ``to_ref`` names."""

    type: Literal["transfer"]
    to_ref: Reference
    reason: Literal["plan_change", "continuity"]
    amount: Annotated[int, Field(strict=True, ge=1, le=9999)] | None = None


def certification_problems(raw: Raw, today: date) -> Iterator[Problem]:
    """Of a certification."""
    yield from _evidence(raw, today)
    yield from _past(("decided_on",), raw.get("decided_on"), today)
    yield from _past(("used_until",), raw.get("used_until"), today)
    yield from window_problems((), raw)
    lines = raw.get("lines")
    listed = [each if isinstance(each, Mapping) else {} for each in lines] if isinstance(lines, list) else []
    yield from _counted((), raw)
    yield from _providers(raw)
    for position, line in enumerate(listed):
        yield from _counted(("lines", position), line)
        yield from window_problems(("lines", position), {"starts_on": raw.get("starts_on"), **line})
    if listed and (_measure(raw) or raw.get("procedures") or raw.get("discipline") or raw.get("used_before")):
        yield ("lines",), "the quantity is told twice, for the whole and by lines", "Keep one of them"
    used = [each for each in (raw, *listed) if each.get("used_before")]
    if used and raw.get("used_until") is None:
        yield ("used_until",), "nobody could tell until when the used ones were counted", "Add the day as YYYY-MM-DD"
    if raw.get("request_ref"):
        for key in (*_OF_A_REQUEST, "payer", "patient", "policy_holder", "diagnoses", "service_type"):
            if raw.get(key):
                yield (key,), "the request that this answers says so already", "Leave it out"
    else:
        for key, fix in (("patient", "Add the patient"), ("payer", "Add the payer's id")):
            if raw.get(key) is None:
                yield (key,), "nobody could tell whose this is", f"{fix}, or name the request that this answers"


def correction_problems(raw: Raw, today: date) -> Iterator[Problem]:
    """Of a correction."""
    yield from _evidence(raw, today)
    yield from whose(raw)
    given = [key for key in _TOLD if raw.get(key) is not None]
    if len(given) != 1:
        fix = "Write one of total, remaining and ends_on; a record for each"
        yield (given[1] if given else "remaining",), "a correction tells one thing", fix


def transfer_problems(raw: Raw, today: date) -> Iterator[Problem]:
    """Of a transfer."""
    yield from _evidence(raw, today)
    yield from whose(raw)
    if raw.get("to_ref") and raw.get("to_ref") == raw.get("authorization_ref"):
        yield ("to_ref",), "both ends are the same authorization", "Name the one that it goes on under"


def certification(record: Certification, settings: Settings, new_id: NewId) -> told.Instruction:
    """The domain's record of it, with the request that it comes to where it answers none."""
    lines = record.lines or (record,)
    return told.Instruction(
        id=new_id("is"),
        organisation=record.organisation,
        clinic=record.clinic,
        client_ref=record.client_ref,
        evidence=_told_evidence(record.evidence),
        authorization_ref=record.request_ref or "",
        certification=told.Certification(
            number=record.number,
            decided_on=record.decided_on,
            starts_on=record.starts_on,
            ends_on=record.ends_on,
            lines=tuple(_line(each) for each in lines),
            used_until=record.used_until,
            request=None if record.request_ref else _request(record, settings, new_id),
        ),
        note=record.note,
    )


def correction(record: Correction, settings: Settings, new_id: NewId) -> told.Instruction:
    """The domain's record of it."""
    made = told.Correction(total=record.total, remaining=record.remaining, ends_on=record.ends_on, **_which(record))
    return told.Instruction(correction=made, **_common(record, new_id))


def transfer(record: Transfer, settings: Settings, new_id: NewId) -> told.Instruction:
    """The domain's record of it."""
    made = told.Transfer(
        to_ref=record.to_ref, reason=told.Reason(record.reason), amount=record.amount, **_which(record)
    )
    return told.Instruction(transfer=made, **_common(record, new_id))


def _common(record: About, new_id: NewId) -> dict[str, Any]:
    return {
        "id": new_id("is"),
        "organisation": record.organisation,
        "clinic": record.clinic,
        "client_ref": record.client_ref,
        "evidence": _told_evidence(record.evidence),
        "authorization": record.authorization or "",
        "authorization_ref": record.authorization_ref or "",
        "note": record.note,
    }


def _which(record: About) -> dict[str, Any]:
    return {
        "procedures": record.procedures,
        "discipline": record.discipline or "",
        "number": record.number or "",
    }


def _told_evidence(given: Evidence) -> told.Evidence:
    return told.Evidence(
        channel=told.Channel(given.channel),
        seen_on=given.seen_on,
        by=given.by,
        reference=given.reference,
        note=given.note,
    )


def _line(given: Counted) -> told.CertifiedLine:
    own = given if isinstance(given, CertifiedLine) else None
    return told.CertifiedLine(
        procedures=given.procedures,
        discipline=given.discipline or "",
        quantity=_quantity(given),
        used_before=given.used_before,
        number=own.number or "" if own else "",
        starts_on=own.starts_on if own else None,
        ends_on=own.ends_on if own else None,
    )


def _quantity(given: Counted) -> Quantity | None:
    measures = (
        (given.visits, Unit.VISIT),
        (given.units, Unit.UNIT),
        (given.hours, Unit.MINUTE),
        (given.days, Unit.DAY),
    )
    return next((Quantity(amount=amount, unit=unit) for amount, unit in measures if amount is not None), None)


def _request(record: Certification, settings: Settings, new_id: NewId) -> AuthorizationRequest:
    """What was certified, as the request that asks for it: it is never sent, and all else reads it like any other."""
    assert record.patient is not None, "certification_problems wants it where no request is named"
    assert record.payer is not None, "certification_problems wants it where no request is named"
    organisation, clinic = owner(record, settings)
    subscriber, dependent = insured(record.patient, record.policy_holder)
    lines = [each for each in (record.lines or (record,)) if each.procedures]
    request = AuthorizationRequest(
        id=new_id("au"),
        organisation=record.organisation,
        clinic=record.clinic,
        client_ref=record.client_ref,
        kind=Kind.INITIAL,
        payer=payer(record.payer, settings, "278", "837"),
        requester=requester(organisation, clinic),
        subscriber=subscriber,
        dependent=dependent,
        service_type=record.service_type or "",
        starts_on=record.starts_on,
        ends_on=record.ends_on,
        quantity=_quantity(record) if not record.lines else None,
        lines=tuple(
            RequestedService(
                sequence=position, procedure=procedure, modifiers=(each.discipline,) if each.discipline else ()
            )
            for position, (each, procedure) in enumerate(
                ((each, procedure) for each in lines for procedure in each.procedures), start=1
            )
        ),
        diagnoses=record.diagnoses,
        plan=record.plan,
        place_of_service=record.place_of_service or "",  # Not told is not known: it is compared with claims.
        providers=tuple(
            parties.EventProvider(role=parties.Role(each.role), provider=provider(each)) for each in record.providers
        ),
    )
    return with_service_type(request, settings)


def _providers(raw: Raw) -> Iterator[Problem]:
    named = raw.get("providers")
    for position, each in enumerate(named if isinstance(named, list) else []):
        if isinstance(each, Mapping):
            organisation = each.get("role") == "facility"
            yield from provider_problems(("providers", position), each, organisation=organisation, npi=False)


def _evidence(raw: Raw, today: date) -> Iterator[Problem]:
    evidence = raw.get("evidence")
    if isinstance(evidence, Mapping):
        yield from _past(("evidence", "seen_on"), evidence.get("seen_on"), today)


def _past(path: JsonPath, value: Any, today: date) -> Iterator[Problem]:
    day = quietly(day_of, value)
    if day and day > today:
        yield path, "this day is still to come", "Write the day on which it was"


def _counted(path: JsonPath, raw: Raw) -> Iterator[Problem]:
    given = [key for key in _MEASURES if raw.get(key) is not None]
    for key in given[1:]:
        yield (*path, key), f"the quantity is given as {given[0]} and as {key}", "Keep one of them"
    used, amount = raw.get("used_before"), raw.get(given[0]) if given else None
    if isinstance(used, int) and used and not given:
        yield (*path, "used_before"), "nothing is certified that it could be used of", "Add the quantity"
    if given[:1] != ["hours"] and isinstance(used, int) and isinstance(amount, int) and used > amount:
        yield (*path, "used_before"), "more was used than was certified", "Correct one of them"


def _measure(raw: Raw) -> bool:
    return any(raw.get(key) is not None for key in _MEASURES)
