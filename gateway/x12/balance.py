"""Whether the money of a set adds up, in whole cents: an 835's lines, claims and total, an 837P's lines (SNIP 3).

How an amount is read, and the faults where sums are out; ``amounts`` adds them up. The words give differences, never an
amount of a claim.

Sources: 005010X221A1, balancing of service, claim and transaction (domain facts, 5.2; x12.org RFI 2348, 2601: AMT, MIA
and MOA take no part); 005010X222A1, CLM02 is the sum of the lines (domain facts, 7.1, 28).
"""

import re
from dataclasses import dataclass

from gateway.errors import Severity
from gateway.x12.tree import Segment

AMOUNT_LENGTH_MAX = 20  # characters: 18 digits, a sign and a point (X12 data element 782)
_AMOUNT = re.compile(r"(-?)([0-9]*)(?:\.([0-9]*))?")
_SVC_PAID, _CLP_PAID, _BPR_TOTAL = 3, 4, 2  # elements
_REMITTANCE = "005010X221A1, balancing (835); x12.org RFI 2348, 2601"
_ASK = "Ask the payer for a corrected 835; until then the difference is nobody's"


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceFault:
    """What does not add up, and the element of ``segment`` that the sum should have given.

    The 999 has no code for it: an 835 that does not balance is taken, and its money waits (gateway/ledger/cents.py).
    """

    rule: str
    what: str
    fix: str
    segment: Segment
    element: int
    severity: Severity
    source: str
    snip: int = 3


def cents(text: str) -> int | None:
    """A decimal of X12 in cents, exactly; None where it is no number, goes finer than a cent or is longer than any."""
    if len(text) > AMOUNT_LENGTH_MAX:
        return None
    if text[-3:-2] == ".":
        digits = text.replace(".", "", 1)
        if digits.isdigit() and digits.isascii():
            return int(digits)
    elif text.isdigit() and text.isascii():
        return int(text) * 100
    found = _AMOUNT.fullmatch(text)
    if found is None or not (found[2] or found[3]):
        return None
    whole, part = found[2] or "0", found[3] or ""
    if part[2:].strip("0"):
        return None
    amount = int(whole + part[:2].ljust(2, "0"))
    return -amount if found[1] else amount


def total_fault(bpr: Segment, out: int) -> BalanceFault:
    """The fault of an 835 whose claims and provider adjustments are ``out`` cents more than BPR02."""
    what = f"the claims' payments less the provider adjustments differ by {_money(out)} from the payment"
    return _fault("transaction", what, bpr, _BPR_TOTAL)


def unjudged_total(bpr: Segment) -> BalanceFault:
    """The fault of an 835 whose total could not be held against its parts."""
    what = "whether the payment is the sum of its parts was not judged: an amount in it is no number"
    return _fault("transaction", what, bpr, _BPR_TOTAL, severity=Severity.NOT_EVALUATED)


def line_fault(svc: Segment, out: int) -> BalanceFault:
    """The fault of a line whose charge less its adjustments is ``out`` cents more than what was paid."""
    what = f"the line's charge less its adjustments differs by {_money(out)} from what it says was paid"
    return _fault("line", what, svc, _SVC_PAID)


def claim_fault(clp: Segment, out: int) -> BalanceFault:
    """The fault of a claim whose charge less all adjustments is ``out`` cents more than what was paid."""
    what = f"the claim's charge less all its adjustments differs by {_money(out)} from what it says was paid"
    return _fault("claim", what, clp, _CLP_PAID)


def charge_fault(clm: Segment, out: int) -> BalanceFault:
    """The fault of a claim whose charge is ``out`` cents more than the sum of its lines."""
    return BalanceFault(
        rule="x12.balance.charge",
        what=f"the claim's charge differs by {_money(out)} from the sum of its lines",
        fix="Correct the charge of the claim or of a line",
        segment=clm,
        element=2,
        severity=Severity.BLOCK,
        source="005010X222A1, CLM02; domain facts, 7.1 (28)",
    )


def _fault(
    level: str, what: str, segment: Segment, element: int, *, severity: Severity = Severity.WARN
) -> BalanceFault:
    return BalanceFault(
        rule=f"x12.balance.{level}",
        what=what,
        fix=_ASK,
        segment=segment,
        element=element,
        severity=severity,
        source=_REMITTANCE,
    )


def _money(out: int) -> str:
    return f"{abs(out) // 100}.{abs(out) % 100:02}"
