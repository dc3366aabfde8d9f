"""Who takes part: people, providers, payers. Records only; nothing here looks anybody up."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Sex(StrEnum):
    FEMALE = "female"
    MALE = "male"
    UNKNOWN = "unknown"


class Relationship(StrEnum):
    """What a dependent is to the subscriber; the three kinds that the 278 tells apart (INS02)."""

    SPOUSE = "spouse"
    CHILD = "child"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    line: str
    city: str
    line2: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """How to reach somebody; ``phone`` and ``fax`` are digits only."""

    name: str = ""
    phone: str = ""
    fax: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    last: str
    first: str = ""
    middle: str = ""
    suffix: str = ""
    born: date | None = None
    sex: Sex | None = None
    address: Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """The person whose policy it is; the patient, too, where there is no dependent."""

    member_id: str
    person: Person
    group_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependent:
    """The patient, where the policy is another person's."""

    person: Person
    relationship: Relationship
    member_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A clinic, therapist, physician or facility. ``name`` is the organisation's or the last name.

    ``npi`` is ten digits; ``taxonomy`` ten characters of the NUCC list; ``tax_id`` an EIN (or SSN) of nine digits.
    """

    name: str
    npi: str = ""
    first: str = ""
    middle: str = ""
    suffix: str = ""
    organisation: bool = False
    taxonomy: str = ""
    tax_id: str = ""
    tax_id_kind: str = "ein"
    address: Address | None = None
    contact: Contact | None = None


class Role(StrEnum):
    """What a provider is to the patient's event."""

    SERVICE = "service"
    RENDERING = "rendering"
    ORDERING = "ordering"
    REFERRING = "referring"
    PRIMARY_CARE = "primary_care"
    FACILITY = "facility"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventProvider:
    role: Role
    provider: Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """A payer, or the organisation that reviews for it. ``id`` is the one that its clearinghouse knows it by."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherCoverage:
    """Another policy that may pay. ``sequence`` is "primary", "secondary" or "tertiary"; ``filing`` is SBR09's code."""

    payer: Payer
    sequence: str
    subscriber: Subscriber
    relationship: str = "18"
    filing: str = "CI"
    benefits_assigned: bool = True
