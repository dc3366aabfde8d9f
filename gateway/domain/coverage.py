"""What a patient's plan pays for, as eligibility or a portal told the clinic: told, not promised."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from gateway.domain.parties import Dependent, Payer, Person, Subscriber


class Period(StrEnum):
    """How a benefit's year runs (domain facts, 2.1)."""

    CALENDAR = "calendar"
    CONTRACT = "contract"
    DAYS_365 = "365d"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitLimit:
    """A benefit maximum (271 EB*F): ``amount`` visits a period, ``used`` of them as far as the payer told.

    ``combined_with`` are the disciplines (GP, GO, GN) that share it; () says that it is one discipline's alone.
    """

    amount: int
    used: int | None = None
    period: Period = Period.CALENDAR
    combined_with: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """One patient's policy with one payer. ``auth_required`` is 271 EB11; None where it was not told.

    ``therapy_used`` are cents of allowed therapy of the calendar year of ``checked_on`` by group ("PT+SLP", "OT") as
    the payer counts them, for the KX threshold; a group that is not there was not told.
    """

    id: str
    organisation: str
    clinic: str
    client_ref: str
    payer: Payer
    subscriber: Subscriber
    dependent: Dependent | None = None
    plan: str = ""
    line_of_business: str = ""
    state: str = ""
    starts_on: date | None = None
    ends_on: date | None = None
    checked_on: date
    auth_required: bool | None = None
    visit_limit: VisitLimit | None = None
    therapy_used: tuple[tuple[str, int], ...] = ()

    @property
    def patient(self) -> Person:
        return self.dependent.person if self.dependent else self.subscriber.person
