"""What a clinic bills: a professional claim and its service lines. Charges are cents, units are whole."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from gateway.domain.authorization import Accident, Attachment
from gateway.domain.parties import Dependent, OtherCoverage, Payer, Person, Provider, Subscriber

MODIFIERS_MAX = 4
LINES_MAX = 50
DIAGNOSES_MAX = 12


class Frequency(StrEnum):
    """CLM05-03. A replacement or void names the payer's number of the claim it is about (REF*F8)."""

    ORIGINAL = "1"
    REPLACEMENT = "7"
    VOID = "8"


class Performer(StrEnum):
    THERAPIST = "therapist"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed:
    """Minutes that one kind of performer spent on a line; kept with us, never on the wire."""

    performer: Performer
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLine:
    """One billed service. ``charge`` is cents; ``units`` are billed units; ``minutes``, by performer, stay with us.

    ``control_number`` is our REF*6R, unique over all clinics: the one sure way back from an 835 line.
    ``pointers`` count the claim's diagnoses from 1.
    """

    control_number: str
    procedure: str
    charge: int
    units: int
    served_on: date
    modifiers: tuple[str, ...] = ()
    pointers: tuple[int, ...] = (1,)
    minutes: tuple[Performed, ...] = ()
    authorization: str = ""  # Only where it differs from the claim's.

    def __post_init__(self) -> None:
        assert len(self.modifiers) <= MODIFIERS_MAX, "intake lets no more through"
        assert self.units > 0, "intake lets no line without units through"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One 837P claim with everybody who takes part in it.

    ``control_number`` is CLM01, ours, at most 20 characters, unique over all clinics. ``authorization`` is the number
    that a payer certified (REF*G1), ``referral`` REF*9F, ``payer_claim_number`` REF*F8. ``filing`` is SBR09.
    """

    id: str
    organisation: str
    clinic: str
    client_ref: str
    control_number: str
    charge: int
    payer: Payer
    billing: Provider
    subscriber: Subscriber
    diagnoses: tuple[str, ...]
    lines: tuple[ServiceLine, ...]
    dependent: Dependent | None = None
    rendering: Provider | None = None
    referring: Provider | None = None
    facility: Provider | None = None
    place_of_service: str = "11"
    frequency: Frequency = Frequency.ORIGINAL
    payer_claim_number: str = ""
    authorization: str = ""
    authorization_ref: str = ""  # The clinic's own number of the authorization that it bills under; never on the wire.
    referral: str = ""
    filing: str = "CI"
    sequence: str = "primary"  # SBR01: whether this payer pays "primary", "secondary" or "tertiary"
    onset_on: date | None = None
    accident: Accident | None = None
    attachments: tuple[Attachment, ...] = ()
    patient_paid: int = 0
    assignment: str = "A"  # CLM07
    benefits_assigned: bool = True  # CLM08
    release: str = "Y"  # CLM09
    signature_on_file: bool = True  # CLM06
    other_coverages: tuple[OtherCoverage, ...] = ()
    plan: str = ""  # What it is under, for the payer's policy; never on the wire.
    line_of_business: str = ""
    state: str = ""  # "" is the clinic's.

    def __post_init__(self) -> None:
        assert len(self.control_number) <= 20, "CLM01 holds 20 characters at most (005010X222A1)"
        assert 1 <= len(self.lines) <= LINES_MAX, "intake lets nothing else through"
        assert 1 <= len(self.diagnoses) <= DIAGNOSES_MAX, "intake lets nothing else through"
        assert self.charge == sum(line.charge for line in self.lines), "intake has compared the sums"

    @property
    def patient(self) -> Person:
        return self.dependent.person if self.dependent else self.subscriber.person


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitter:
    """Who hands the batch over (1000A) and to whom (1000B)."""

    name: str
    id: str
    contact_name: str = ""
    contact_phone: str = ""
    contact_email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimBatch:
    """One 837P transaction set. ``reference`` is BHT03, ours; a 277CA names it as TRN*2 at the receiver's level."""

    reference: str
    created_on: date
    created_at: str  # HHMM
    submitter: Submitter
    receiver_name: str
    receiver_id: str
    claims: tuple[Claim, ...]
