"""A visit of a patient as the clinic's schedule tells it: booked, treated, cancelled, or not come. Knows no ledger."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from gateway.domain.claim import Performed
from gateway.domain.disciplines import DISCIPLINES
from gateway.domain.parties import Dependent, Payer, Person, Subscriber


class Status(StrEnum):
    SCHEDULED = "scheduled"
    TOOK_PLACE = "took_place"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """One service of a visit. ``units`` are those that will be billed, 0 where that is not known yet."""

    procedure: str
    units: int = 0
    minutes: tuple[Performed, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One patient, one day, one discipline (GP, GO, GN). ``override`` says why it took place without authorization.

    ``authorization_ref`` is the clinic's own number of the authorization, ``authorization`` the payer's; with neither
    it is looked for by patient and payer. A visit that names one needs no patient of its own.
    """

    id: str
    organisation: str
    clinic: str
    client_ref: str
    served_on: date
    discipline: str
    status: Status
    payer: Payer | None = None
    subscriber: Subscriber | None = None
    dependent: Dependent | None = None
    authorization: str = ""
    authorization_ref: str = ""
    lines: tuple[Treatment, ...] = ()
    override: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        assert self.discipline in DISCIPLINES, "intake lets nothing else through"
        assert self.subscriber or self.authorization or self.authorization_ref, "a visit is somebody's"

    @property
    def patient(self) -> Person | None:
        if self.dependent:
            return self.dependent.person
        return self.subscriber.person if self.subscriber else None
