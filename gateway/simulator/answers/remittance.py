"""The 835 (005010X221A1): one payment to one payee, balanced by line, by claim and as a whole before it leaves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.simulator.adjudication import Settlement, paid_amount
from gateway.simulator.company import Company
from gateway.simulator.documents import money
from gateway.simulator.wire import Segment, composite

PAIRS_MAX = 6  # PLB03 to PLB14


@dataclass(frozen=True, slots=True)
class Payee:
    """Who is paid (2010AA of the claims) and by which of the plans that this company answers for (2010BB)."""

    name: str
    npi: str
    tax_id: str
    plan: str
    plan_id: str


@dataclass(frozen=True, slots=True)
class ProviderAdjustment:
    """One pair of a PLB; a positive amount, in cents, takes money away from the payee."""

    reason: str
    reference: str
    amount: int


def pay(
    payee: Payee,
    settlements: Sequence[Settlement],
    adjustments: Sequence[ProviderAdjustment],
    check_number: str,
    receiver: str,
    company: Company,
    now: datetime,
) -> list[Segment]:
    """The body of the set, from BPR on. BPR02 is never negative: callers carry such a balance forward (PLB FB)."""
    amount = paid_amount(settlements) - sum(each.amount for each in adjustments)
    assert amount >= 0, "a payment below zero is carried forward (PLB FB)"
    today = f"{now:%Y%m%d}"
    method = "CHK" if amount else "NON"
    body: list[Segment] = [
        ("BPR", "I" if amount else "H", money(amount), "C", method, *[""] * 11, today),
        ("TRN", "1", check_number, company.tax_id),
        ("REF", "EV", receiver),
        ("DTM", "405", today),
        ("N1", "PR", payee.plan),
        ("N3", company.street),
        ("N4", company.city, company.state, company.postal_code),
        ("REF", "2U", payee.plan_id),
        ("PER", "BL", company.contact, "TE", company.phone),
        ("N1", "PE", payee.name, "XX", payee.npi),
    ]
    if payee.tax_id:
        body.append(("REF", "TJ", payee.tax_id))
    if settlements:
        body.append(("LX", "1"))
    for settlement in settlements:
        body += _with_receipt(settlement, today)
    pairs = [(composite(each.reason, each.reference), money(each.amount)) for each in adjustments]
    for start in range(0, len(pairs), PAIRS_MAX):
        some = pairs[start : start + PAIRS_MAX]
        body.append(("PLB", payee.npi, f"{now:%Y}1231", *(value for pair in some for value in pair)))
    return body


def _with_receipt(settlement: Settlement, today: str) -> list[Segment]:
    """The settlement with the day on which the claim came in, which stands just before its first service."""
    cut = next((place for place, each in enumerate(settlement) if each[0] == "SVC"), len(settlement))
    return [*settlement[:cut], ("DTM", "050", today), *settlement[cut:]]
