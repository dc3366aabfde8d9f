"""What a payer answers to an authorization request, as read: two channels, never mixed.

A ``Review`` (HCR) is a decision; a ``Rejection`` (AAA) says that the request could not be looked at. Either stands at
the event or at one of its lines, and a line's word goes before the event's. The codes are X12's own, as FHIR PAS
carries them, too: reviewAction.code, .number and .reasonCode.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from gateway.domain.authorization import Attachment
from gateway.domain.parties import Contact, Dependent, Payer, Subscriber


class Action(StrEnum):
    """HCR01 in words. Public tables disagree about other codes, so any other is UNKNOWN and goes to a person."""

    CERTIFIED = "certified"
    CERTIFIED_PARTIAL = "certified_partial"
    NOT_CERTIFIED = "not_certified"
    PENDED = "pended"
    DEFERRED = "deferred"  # D: no list of X12's has it, a reader of CMS's esMD has; pended, as far as is known.
    MODIFIED = "modified"
    CANCELLED = "cancelled"
    CONTACT_PAYER = "contact_payer"
    NOT_REQUIRED = "not_required"
    UNKNOWN = "unknown"


ACTIONS = {
    "A1": Action.CERTIFIED,
    "A2": Action.CERTIFIED_PARTIAL,
    "A3": Action.NOT_CERTIFIED,
    "A4": Action.PENDED,
    "A6": Action.MODIFIED,
    "C": Action.CANCELLED,
    "CT": Action.CONTACT_PAYER,
    "D": Action.DEFERRED,
    "NA": Action.NOT_REQUIRED,
}


ASKED_FOR = "LOI"
"""HI of the response: a LOINC that says which information the payer wants (domain facts, 278_x217)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """HCR: ``code`` is HCR01 as sent, ``number`` the certification number (HCR02), ``reasons`` HCR03 (list 886)."""

    code: str
    number: str = ""
    reasons: tuple[str, ...] = ()

    @property
    def action(self) -> Action:
        return ACTIONS.get(self.code, Action.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """AAA: ``reason`` is AAA03, ``follow_up`` AAA04 (C, N, P, R or Y); ``level`` the loop that it stands in."""

    reason: str
    follow_up: str
    level: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """TRN: ``type`` 1 is the payer's own, 2 the echo of ours."""

    type: str
    number: str
    assigner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """HSD as sent: figures are text because what they mean depends on the others (domain facts, 3.1)."""

    qualifier: str = ""  # HSD01: VS FL HS DY MN
    count: str = ""  # HSD02
    per: str = ""  # HSD03: DA WK MO
    modulus: str = ""  # HSD04
    period: str = ""  # HSD05; 29 says that HSD06 is what remains
    periods: str = ""  # HSD06


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """DTP: ``qualifier`` is DTP01 (AAH 472 007 036 102 ...). A single day has no ``ends_on``."""

    qualifier: str
    starts_on: date
    ends_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """One code of an HI: ``qualifier`` ABK, ABF and so on for a diagnosis, LOI for information asked for (a LOINC)."""

    qualifier: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDecision:
    """The answer to one line (2000F). ``units`` and ``units_measure`` are SV104 and SV103 as sent.

    ``codes`` (LOINC) and ``attachments`` (PWK) are what the payer wants to see.
    """

    traces: tuple[Trace, ...] = ()
    review: Review | None = None
    rejections: tuple[Rejection, ...] = ()
    administrative_reference: str = ""
    previous_number: str = ""
    procedure: str = ""
    modifiers: tuple[str, ...] = ()
    units: str = ""
    units_measure: str = ""
    delivery: Delivery | None = None
    spans: tuple[Span, ...] = ()
    codes: tuple[Coded, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDecision:
    """The answer to one patient event (2000E) with its lines.

    ``codes`` are its diagnoses and, where the payer asks for information, the LOINCs of that, ``attachments`` (PWK)
    the documents that it wants to see, ``contact`` whom to send them to (2010EB).
    """

    traces: tuple[Trace, ...] = ()
    review: Review | None = None
    rejections: tuple[Rejection, ...] = ()
    kind_code: str = ""  # UM02
    category: str = "HS"  # UM01
    service_type: str = ""  # UM03
    place_of_service: str = ""
    administrative_reference: str = ""
    previous_number: str = ""
    codes: tuple[Coded, ...] = ()
    delivery: Delivery | None = None
    spans: tuple[Span, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    message: str = ""
    contact: Contact | None = None
    lines: tuple[ServiceDecision, ...] = ()

    @property
    def diagnoses(self) -> tuple[str, ...]:
        return tuple(each.code for each in self.codes if each.qualifier != ASKED_FOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One 278 response. ``reference`` echoes the BHT03 of the request; ``rejections`` are those above the event, with
    their loop; ``status`` is BHT06: 18 final, 19 more will follow, AT administrative action."""

    reference: str
    status: str
    created_on: date | None = None
    created_at: str = ""
    payer: Payer | None = None
    requester_id: str = ""
    subscriber: Subscriber | None = None
    dependent: Dependent | None = None
    rejections: tuple[Rejection, ...] = ()
    events: tuple[EventDecision, ...] = ()
