"""Small records for the tests of the ledger and the rules: one patient, one clinic, one payer."""

from datetime import date
from typing import Any

from gateway.domain.authorization import AuthorizationRequest, Kind, Quantity, RequestedService, Unit
from gateway.domain.claim import Claim, ServiceLine
from gateway.domain.decision import Delivery, EventDecision, Review, ServiceDecision, Span
from gateway.domain.parties import Payer, Person, Provider, Subscriber
from gateway.domain.remittance import Adjustment, ClaimPayment, PaidLine
from gateway.ledger.entry import Account, Bucket, Cause

DAY = date(2026, 3, 2)
START, END = date(2026, 3, 1), date(2026, 5, 31)
CAUSE = Cause(document="do_1")
PAYER = Payer(id="SIM01", name="Plan")
SUBSCRIBER = Subscriber(member_id="W1", person=Person(last="Doe", first="Jo", born=date(1980, 1, 1)))


def visits(amount: int) -> Quantity:
    return Quantity(amount=amount, unit=Unit.VISIT)


def bucket(name: str = "bu_1", **changes: Any) -> Bucket:
    values: dict[str, Any] = {
        "id": name,
        "authorization": "au_1",
        "organisation": "or_1",
        "clinic": "cl_1",
        "number": "N1",
        "unit": Unit.VISIT,
        "starts_on": START,
        "ends_on": END,
    }
    return Bucket(**{**values, **changes})


def line(number: str = "L1", procedure: str = "97110", **changes: Any) -> ServiceLine:
    values: dict[str, Any] = {"charge": 5000, "units": 2, "served_on": DAY, "modifiers": ("GP",)}
    return ServiceLine(control_number=number, procedure=procedure, **{**values, **changes})


def claim(*lines: ServiceLine, **changes: Any) -> Claim:
    held = lines or (line(),)
    values: dict[str, Any] = {
        "id": "cm_1",
        "organisation": "or_1",
        "clinic": "cl_1",
        "client_ref": "ref",
        "control_number": "CLM1",
        "charge": sum(each.charge for each in held),
        "payer": PAYER,
        "billing": Provider(name="Clinic", npi="1234567893"),
        "subscriber": SUBSCRIBER,
        "diagnoses": ("M545",),
        "lines": held,
    }
    return Claim(**{**values, **changes})


def request(*lines: RequestedService, **changes: Any) -> AuthorizationRequest:
    values: dict[str, Any] = {
        "id": "au_1",
        "organisation": "or_1",
        "clinic": "cl_1",
        "client_ref": "ref",
        "kind": Kind.INITIAL,
        "payer": PAYER,
        "requester": Provider(name="Clinic", npi="1234567893"),
        "subscriber": SUBSCRIBER,
        "starts_on": START,
        "ends_on": END,
        "lines": lines,
    }
    return AuthorizationRequest(**{**values, **changes})


def asked(sequence: int, procedure: str, quantity: Quantity | None = None, **changes: Any) -> RequestedService:
    return RequestedService(
        **{"sequence": sequence, "procedure": procedure, "modifiers": ("GP",), "quantity": quantity, **changes}
    )


def said(code: str = "", procedure: str = "", **changes: Any) -> ServiceDecision:
    review = Review(code=code, number="N1") if code else None
    return ServiceDecision(**{"review": review, "procedure": procedure, **changes})


def event(code: str = "", *lines: ServiceDecision, **changes: Any) -> EventDecision:
    review = Review(code=code, number="N1") if code else None
    return EventDecision(**{"review": review, "lines": lines, **changes})


def hsd(text: str) -> Delivery:
    """A Delivery from the segment as the facts write it."""
    names = ("qualifier", "count", "per", "modulus", "period", "periods")
    return Delivery(**dict(zip(names, text.split("*")[1:], strict=False)))


def span(qualifier: str, starts_on: str, ends_on: str = "") -> Span:
    end = date.fromisoformat(ends_on) if ends_on else None
    return Span(qualifier=qualifier, starts_on=date.fromisoformat(starts_on), ends_on=end)


def cas(*trios: str) -> tuple[Adjustment, ...]:
    """Adjustments from texts such as "CO-45 1000"."""
    made = []
    for each in trios:
        code, amount = each.split(" ")
        group, reason = code.split("-")
        made.append(Adjustment(group=group, reason=reason, amount=int(amount)))
    return tuple(made)


def paid(number: str = "L1", amount: int = 4000, *trios: str, **changes: Any) -> PaidLine:
    values: dict[str, Any] = {
        "procedure": "97110",
        "modifiers": ("GP",),
        "charge": 5000,
        "paid": amount,
        "units_paid": "2",
        "served_on": DAY,
        "control_number": number,
        "adjustments": cas(*trios),
    }
    return PaidLine(**{**values, **changes})


def payment(*lines: PaidLine, **changes: Any) -> ClaimPayment:
    values: dict[str, Any] = {
        "control_number": "CLM1",
        "status": "1",
        "charge": sum(each.charge for each in lines),
        "paid": sum(each.paid for each in lines),
        "lines": lines,
    }
    return ClaimPayment(**{**values, **changes})


def holding(**quantities: int) -> dict[Account, int]:
    """A balance with its source: what the accounts of the grant hold came from GRANT."""
    balance = {Account[name.upper()]: quantity for name, quantity in quantities.items()}
    return {Account.GRANT: -sum(balance.values()), **balance}
