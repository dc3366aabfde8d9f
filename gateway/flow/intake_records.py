"""The schema of what a clinic submits, version 1: authorization requests and claims, in the words of a clinic's desk.

What it tells beside them is in ``intake_told``, every type of record in ``intake_kinds``. What must agree between
values is in ``intake_checks``. Nothing here knows the configuration.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.domain.authorization import ATTACHMENTS_MAX, DIAGNOSES_MAX, PROVIDERS_MAX
from gateway.domain.claim import LINES_MAX
from gateway.flow.intake_values import (
    Cents,
    Day,
    DelayReason,
    Diagnosis,
    Filing,
    Flag,
    Hours,
    Id80,
    Modifiers,
    Name,
    Npi,
    Phone,
    Place,
    PostalCode,
    Procedure,
    Reference,
    ReportType,
    ServiceType,
    State,
    Taxonomy,
    Text10,
    Text25,
    Text35,
    Text50,
    Text60,
    Text80,
    Whole,
    text,
)
from gateway.settings import LineOfBusiness

REQUEST_LINES_MAX = 99  # 005010X217: the service loop 2000F


class Part(BaseModel):
    """An object of a record: nothing may stand in it that is not named here; null is as if the key were left out."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, given: Any) -> Any:
        return {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else given


class Address(Part):
    line: Annotated[str, text(55, 1)]
    line2: Annotated[str, text(55)] = ""
    city: Annotated[str, text(30, 2)]
    state: State
    postal_code: PostalCode


class Contact(Part):
    name: Text60 = ""
    phone: Phone | None = None
    fax: Phone | None = None
    email: Annotated[str, text(256)] = ""


class Person(Part):
    last_name: Name
    first_name: Text35 = ""
    middle_name: Text25 = ""
    suffix: Text10 = ""
    born: Day | None = None
    sex: Literal["female", "male", "unknown"] | None = None
    address: Address | None = None


class PolicyHolder(Person):
    """Whose policy it is, where that is not the patient."""

    member_id: Id80
    group_number: Text50 = ""


class Patient(Person):
    """The patient. ``member_id`` is needed unless a policy holder is named, ``relationship`` if one is."""

    born: Day
    member_id: Id80 | None = None
    group_number: Text50 = ""
    relationship: Literal["spouse", "child", "other"] | None = None


class BilledPatient(Patient):
    """005010X222A1 wants the patient's sex and address, too (2010BA, 2010CA)."""

    sex: Literal["female", "male", "unknown"]
    address: Address


class Provider(Part):
    """A person (``last_name``) or an organisation (``name``)."""

    name: Text60 = ""
    last_name: Text60 = ""
    first_name: Text35 = ""
    middle_name: Text25 = ""
    suffix: Text10 = ""
    npi: Npi | None = None
    taxonomy: Taxonomy | None = None
    address: Address | None = None
    phone: Phone | None = None


class EventProvider(Provider):
    role: Literal["service", "rendering", "ordering", "referring", "primary_care", "facility"]


class Accident(Part):
    kind: Literal["auto", "employment", "other"]
    happened_on: Day | None = None
    state: State | None = None


class Attachment(Part):
    """A document that goes another way: PWK01, PWK02, PWK06."""

    report_type: ReportType
    transmission: Literal["AA", "BM", "EL", "EM", "FT", "FX", "VO"]
    control_number: Text50 = ""
    description: Text80 = ""


class OtherCoverage(Part):
    """Another policy that may pay. ``filing`` is SBR09's code."""

    payer_id: Id80
    payer_name: Name
    sequence: Literal["primary", "secondary", "tertiary"]
    holder: PolicyHolder
    relationship: Literal["self", "spouse", "child", "other"] = "self"
    filing: Filing = "CI"
    benefits_assigned: Flag = True


class Quantities(Part):
    """How much, in one of four measures; hours are kept in minutes."""

    visits: Whole | None = None
    units: Whole | None = None
    hours: Hours | None = None
    days: Whole | None = None


class RequestedLine(Quantities):
    procedure: Procedure
    modifiers: Modifiers = ()
    starts_on: Day | None = None
    ends_on: Day | None = None


class Owned(Part):
    """What every record has. ``client_ref`` is the clinic's own number of it."""

    organisation: Annotated[str, text(40, 1)]
    clinic: Annotated[str, text(40, 1)]
    client_ref: Annotated[str, text(50, 1)]


class Insured(Owned):
    """What is about somebody's policy with a payer."""

    payer: Id80
    policy_holder: PolicyHolder | None = None


class Record(Insured):
    """What authorization requests and claims have in common. ``plan``, ``line_of_business`` and ``state`` choose among
    the rows of the payer's policy; the state is the clinic's where it is left out."""

    plan: Text50 = ""
    line_of_business: LineOfBusiness | None = None
    state: State | None = None
    diagnoses: Annotated[tuple[Diagnosis, ...], Field(max_length=DIAGNOSES_MAX)] = ()
    place_of_service: Place = "11"
    onset_on: Day | None = None
    accident: Accident | None = None
    attachments: Annotated[tuple[Attachment, ...], Field(max_length=ATTACHMENTS_MAX)] = ()
    other_coverages: Annotated[tuple[OtherCoverage, ...], Field(max_length=10)] = ()


class Authorization(Quantities, Record):
    """An authorization request. The quantity and the window hold for the whole event, those of a line for that line."""

    type: Literal["authorization"]
    kind: Literal[
        "initial", "extension", "renewal", "revision", "cancel", "reconsideration", "appeal", "urgent_appeal"
    ] = "initial"
    patient: Patient
    service_type: ServiceType | None = None
    level: Literal["urgent", "elective", "emergency"] | None = None
    starts_on: Day | None = None
    ends_on: Day | None = None
    lines: Annotated[tuple[RequestedLine, ...], Field(max_length=REQUEST_LINES_MAX)] = ()
    providers: Annotated[tuple[EventProvider, ...], Field(max_length=PROVIDERS_MAX)] = ()
    contact: Contact | None = None
    note: Annotated[str, text(264)] = ""
    release_signed: Flag = True
    delay_reason: DelayReason | None = None
    previous_number: Reference | None = None
    administrative_reference: Reference | None = None
    earlier_ref: Reference | None = None


class Minutes(Part):
    """Minutes that each kind of performer spent on a line; they stay with us."""

    therapist: Annotated[int, Field(strict=True, ge=0, le=1440)] = 0
    assistant: Annotated[int, Field(strict=True, ge=0, le=1440)] = 0


class BilledLine(Part):
    """One service on one day. ``pointers`` count the claim's diagnoses from 1."""

    procedure: Procedure
    modifiers: Modifiers = ()
    charge: Cents
    units: Whole
    served_on: Day
    pointers: Annotated[tuple[Annotated[int, Field(strict=True, ge=1)], ...], Field(min_length=1, max_length=4)] = (1,)
    minutes: Minutes | None = None
    authorization: Reference | None = None


class Claim(Record):
    """A professional claim. ``authorization`` is the payer's number, ``authorization_ref`` the clinic's own."""

    type: Literal["claim"]
    patient: BilledPatient
    diagnoses: Annotated[tuple[Diagnosis, ...], Field(min_length=1, max_length=DIAGNOSES_MAX)]
    lines: Annotated[tuple[BilledLine, ...], Field(min_length=1, max_length=LINES_MAX)]
    charge: Cents | None = None
    frequency: Literal["original", "replacement", "void"] = "original"
    payer_claim_number: Reference | None = None
    authorization: Reference | None = None
    authorization_ref: Reference | None = None
    referral: Reference | None = None
    filing: Filing = "CI"
    rendering: Provider | None = None
    referring: Provider | None = None
    facility: Provider | None = None
    patient_paid: Cents = 0
    assignment: Literal["A", "B", "C"] = "A"
    benefits_assigned: Flag = True
    release: Literal["I", "Y"] = "Y"
    signature_on_file: Flag = True
