"""What a clinic asks a payer's review organisation for: the request of a 278, or of a FHIR PAS Claim later on.

Field for field with PAS: ``kind`` is certificationType (UM02), ``service_type`` item.category (UM03), ``level``
levelOfService (UM06); ``RequestedService.sequence`` is item.sequence and stays the same through the case's life.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from gateway.domain.parties import Contact, Dependent, EventProvider, OtherCoverage, Payer, Person, Provider, Subscriber

MODIFIERS_MAX = 4
DIAGNOSES_MAX = 12
PROVIDERS_MAX = 14
ATTACHMENTS_MAX = 10


class Kind(StrEnum):
    INITIAL = "initial"
    EXTENSION = "extension"  # More dates or quantity of what is certified.
    RENEWAL = "renewal"  # The same services for a new period.
    REVISION = "revision"  # What was asked for or certified, restated.
    CANCEL = "cancel"
    RECONSIDERATION = "reconsideration"  # Of what was not certified; then come the appeals.
    APPEAL = "appeal"
    URGENT_APPEAL = "urgent_appeal"


RESTATING = frozenset({Kind.REVISION, Kind.RECONSIDERATION, Kind.APPEAL, Kind.URGENT_APPEAL})
"""What a payer decides anew under the earlier request: its answer takes the earlier one's place."""


class Unit(StrEnum):
    """What a quantity counts. Amounts are whole: hours are kept in minutes, timed services in 15-minute units."""

    VISIT = "visit"
    UNIT = "unit"
    MINUTE = "minute"
    DAY = "day"


class Level(StrEnum):
    URGENT = "urgent"
    ELECTIVE = "elective"
    EMERGENCY = "emergency"


class AccidentKind(StrEnum):
    AUTO = "auto"
    EMPLOYMENT = "employment"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    amount: int
    unit: Unit

    def __post_init__(self) -> None:
        assert self.amount >= 0, "a quantity is never negative"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accident:
    kind: AccidentKind
    happened_on: date | None = None
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A document announced with the request: what it is (PWK01), how it comes (PWK02) and its number (PWK06)."""

    report_type: str
    transmission: str
    control_number: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedService:
    """One line of the request. ``sequence`` counts from 1; ``trace`` is our TRN02 of the line, set when it is built."""

    sequence: int
    procedure: str
    modifiers: tuple[str, ...] = ()
    quantity: Quantity | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    trace: str = ""

    def __post_init__(self) -> None:
        assert len(self.modifiers) <= MODIFIERS_MAX, "intake lets no more through"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """A request for therapy. ``quantity`` and the window hold for the whole event, those of a line for that line.

    ``id`` and ``trace`` are ours, opaque and unique over all clinics; ``client_ref`` is the clinic's own number and
    never leaves the database but in answers to that clinic. ``previous_number`` is the certification that a change
    is about (REF*BB), ``administrative_reference`` what the payer gave while it was pended (REF*NT), ``earlier_ref``
    the clinic's own number of that earlier request; it stays with us.
    """

    id: str
    organisation: str
    clinic: str
    client_ref: str
    kind: Kind
    payer: Payer
    requester: Provider
    subscriber: Subscriber
    dependent: Dependent | None = None
    category: str = "HS"  # UM01: HS health services, SC specialty care (a referral)
    service_type: str = "PT"
    level: Level | None = None
    place_of_service: str = "11"
    starts_on: date | None = None
    ends_on: date | None = None
    quantity: Quantity | None = None
    lines: tuple[RequestedService, ...] = ()
    diagnoses: tuple[str, ...] = ()
    onset_on: date | None = None
    accident: Accident | None = None
    providers: tuple[EventProvider, ...] = ()
    contact: Contact | None = None
    other_coverages: tuple[OtherCoverage, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    note: str = ""
    release_signed: bool = True
    delay_reason: str = ""
    previous_number: str = ""
    administrative_reference: str = ""
    earlier_ref: str = ""
    trace: str = ""
    plan: str = ""  # What it is under, for the payer's policy; never on the wire.
    line_of_business: str = ""
    state: str = ""  # "" is the clinic's.

    def __post_init__(self) -> None:
        assert len(self.diagnoses) <= DIAGNOSES_MAX, "intake lets no more through"
        assert len(self.providers) <= PROVIDERS_MAX, "intake lets no more through"
        assert len(self.attachments) <= ATTACHMENTS_MAX, "intake lets no more through"

    @property
    def patient(self) -> Person:
        return self.dependent.person if self.dependent else self.subscriber.person


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestMessage:
    """One 278 request as it goes out. ``reference`` is BHT03, ours; ``created_at`` is HHMM; ``assigner`` is TRN03,
    ten characters: a 1 and the EIN, or a 9 and a number that the two sides agreed on."""

    reference: str
    created_on: date
    created_at: str
    assigner: str
    request: AuthorizationRequest
