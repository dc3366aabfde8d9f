"""What a person tells of an authorization that no 278 told: one won by portal, fax or phone, a count corrected, a
quantity moved. Each says where it is from; none is taken without."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from gateway.domain.authorization import AuthorizationRequest, Quantity


class Channel(StrEnum):
    """How the payer's word came."""

    PORTAL = "portal"
    FAX = "fax"
    PHONE = "phone"
    MAIL = "mail"
    FHIR = "fhir"
    PERSON = "person"


class Reason(StrEnum):
    """Why a quantity moves to another authorization (domain facts, 6.2)."""

    PLAN_CHANGE = "plan_change"
    CONTINUITY = "continuity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """``by`` is whom it is from, such as a name at the payer's desk, ``reference`` the number of the call, fax or
    page; ``seen_on`` the day. All of it may be a patient's: it stays sealed."""

    channel: Channel
    seen_on: date
    by: str = ""
    reference: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifiedLine:
    """One quantity that was certified: for these procedures (() is any) in this discipline ("" is any).

    ``quantity`` None: dates alone bind it. ``used_before`` is what was used of it before the clinic came to us. A
    window or number of its own goes before the certification's.
    """

    procedures: tuple[str, ...] = ()
    discipline: str = ""
    quantity: Quantity | None = None
    used_before: int = 0
    number: str = ""
    starts_on: date | None = None
    ends_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certification:
    """An authorization that the payer gave. ``request`` is what it comes to as a request of ours; None where it
    answers one that we sent, which ``Instruction.authorization_ref`` names. ``used_until`` is the last day of what was
    used before."""

    number: str
    decided_on: date
    starts_on: date
    ends_on: date | None
    lines: tuple[CertifiedLine, ...]
    request: AuthorizationRequest | None = None
    used_until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """The payer counts otherwise. Of ``total`` (certified in all), ``remaining`` (left by the payer's count) and
    ``ends_on`` (the window's new last day) one is told. The rest says which bucket, where there are several."""

    total: int | None = None
    remaining: int | None = None
    ends_on: date | None = None
    procedures: tuple[str, ...] = ()
    discipline: str = ""
    number: str = ""

    def __post_init__(self) -> None:
        told = [each for each in (self.total, self.remaining, self.ends_on) if each is not None]
        assert len(told) == 1, "intake lets nothing else through"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """What is left, or ``amount`` of it, goes on under the authorization that ``to_ref`` names."""

    to_ref: str
    reason: Reason
    amount: int | None = None
    procedures: tuple[str, ...] = ()
    discipline: str = ""
    number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One of the three, about the authorization that ``authorization_ref`` (the clinic's number) or ``authorization``
    (the payer's) names; a certification of its own names none. ``note`` says why, and stays sealed."""

    id: str
    organisation: str
    clinic: str
    client_ref: str
    evidence: Evidence
    authorization: str = ""
    authorization_ref: str = ""
    certification: Certification | None = None
    correction: Correction | None = None
    transfer: Transfer | None = None
    note: str = ""

    def __post_init__(self) -> None:
        kinds = [each for each in (self.certification, self.correction, self.transfer) if each is not None]
        assert len(kinds) == 1, "an instruction is one thing"

    @property
    def kind(self) -> str:
        if self.certification:
            return "certification"
        return "correction" if self.correction else "transfer"
