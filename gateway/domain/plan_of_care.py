"""A patient's plan of care: what certifies it, how long, and which papers are on file (domain facts, 1.5)."""

from dataclasses import dataclass
from datetime import date

from gateway.domain.parties import Dependent, Payer, Person, Provider, Subscriber


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOfCare:
    """One plan, or its recertification. ``discipline`` is GP, GO or GN; ``ends_on`` the plan's own end, if any.

    ``signed_on`` is the physician's signature, ``ordered_on`` a signed order on file, ``sent_on`` the day on which the
    plan went to the physician, ``verbal_on`` a verbal certification. ``documents`` are kinds of papers on file, in the
    words of a payer's ``required_docs``.
    """

    id: str
    organisation: str
    clinic: str
    client_ref: str
    payer: Payer
    subscriber: Subscriber
    dependent: Dependent | None = None
    discipline: str
    starts_on: date
    ends_on: date | None = None
    first_treated_on: date | None = None
    recertification: bool = False
    signed_on: date | None = None
    verbal_on: date | None = None
    ordered_on: date | None = None
    sent_on: date | None = None
    physician: Provider | None = None
    progress_reports: tuple[date, ...] = ()
    documents: tuple[str, ...] = ()

    @property
    def patient(self) -> Person:
        return self.dependent.person if self.dependent else self.subscriber.person
