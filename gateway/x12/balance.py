"""Whether the money of a set adds up, in whole cents: an 835's lines, claims and total, an 837P's lines (SNIP 3).

Pure, over loops and segments; it mends nothing, and its words give differences, never an amount of a claim. An amount
that is no number has a fault of its own, so what it belongs to is not judged here.

Sources: 005010X221A1, balancing of service, claim and transaction (domain facts, 5.2; x12.org RFI 2348, 2601: AMT, MIA
and MOA take no part); 005010X222A1, CLM02 is the sum of the lines (domain facts, 7.1, 28).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.errors import Severity
from gateway.x12.tree import Loop, Segment

AMOUNT_LENGTH_MAX = 20  # characters: 18 digits, a sign and a point (X12 data element 782)
_AMOUNT = re.compile(r"(-?)([0-9]*)(?:\.([0-9]*))?")
_CAS_AMOUNTS = (3, 6, 9, 12, 15, 18)
_PLB_AMOUNTS = (4, 6, 8, 10, 12, 14)
_SVC_CHARGE, _SVC_PAID = 2, 3
_CLP_CHARGE, _CLP_PAID = 3, 4
_BPR_TOTAL = 2
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


def difference(charge: str, paid: str, adjustments: Iterable[str]) -> int | None:
    """Cents by which charge less adjustments is more than what was paid, 0 in balance; None where one is no number."""
    left, right = cents(charge), cents(paid)
    if left is None or right is None:
        return None
    left -= right
    for text in adjustments:
        amount = cents(text)
        if amount is None:
            return None
        left -= amount
    return left


def adjustments(loop: Loop) -> list[str]:
    """The amounts of a loop's own CAS, up to six each, as they stand."""
    return [text for one in loop.segments if one.tag == "CAS" for text in _given(one, _CAS_AMOUNTS)]


def _given(one: Segment, elements: tuple[int, ...]) -> list[str]:
    """The amounts at these elements that are there or should be: the first, and any behind a reason."""
    first = elements[0]
    return [one.at(each) for each in elements if one.at(each) or each == first or any(one.composite(each - 1))]


class RemittanceBalance:
    """The total of an 835 on its way: claims and provider adjustments as they come, then what BPR02 says.

    Amounts are texts of the wire. Each method gives the cents by which its level is out, 0 in balance, None unjudged.
    """

    __slots__ = ("_sound", "_total")

    def __init__(self) -> None:
        self._total = 0
        self._sound = True

    def claim(self, charge: str, paid: str, adjustments: Iterable[str]) -> int | None:
        """A CLP with all adjustments of it and of its lines."""
        self._add(paid, 1)
        return difference(charge, paid, adjustments)

    def provider_adjustment(self, amount: str) -> None:
        """An amount of a PLB; a positive one takes money away."""
        self._add(amount, -1)

    def total(self, paid: str) -> int | None:
        """Cents by which claims less provider adjustments are more than BPR02."""
        said = cents(paid)
        return None if said is None or not self._sound else self._total - said

    def _add(self, text: str, sign: int) -> None:
        amount = cents(text)
        if amount is None:
            self._sound = False
        else:
            self._total += sign * amount


def check_remittance_claim(claim: Loop) -> Iterator[BalanceFault]:
    """A 2100 loop of an 835: SVC02 less the line's CAS is SVC03, CLP03 less all CAS is CLP04."""
    clp = next((one for one in claim.segments if one.tag == "CLP"), None)
    if clp is None:
        return
    every = adjustments(claim)
    for line in claim.inner("2110"):
        own = adjustments(line)
        every += own
        svc = next((one for one in line.segments if one.tag == "SVC"), None)
        out = difference(svc.at(_SVC_CHARGE), svc.at(_SVC_PAID), own) if svc else None
        if svc and out:
            yield line_fault(svc, out)
    out = difference(clp.at(_CLP_CHARGE), clp.at(_CLP_PAID), every)
    if out:
        yield claim_fault(clp, out)


def check_remittance_total(bpr: Segment, claims: Iterable[Segment], plbs: Iterable[Segment]) -> Iterator[BalanceFault]:
    """An 835 as a whole: the sum of CLP04 less all PLB amounts is BPR02."""
    balance = RemittanceBalance()
    for clp in claims:
        balance.claim(clp.at(_CLP_CHARGE), clp.at(_CLP_PAID), ())
    for plb in plbs:
        for text in _given(plb, _PLB_AMOUNTS):
            balance.provider_adjustment(text)
    out = balance.total(bpr.at(_BPR_TOTAL))
    if out is None:
        yield unjudged_total(bpr)
    elif out:
        yield total_fault(bpr, out)


def check_remittance(root: Loop) -> Iterator[BalanceFault]:
    """A whole 835: every claim, then the total."""
    bpr = next((one for one in root.segments if one.tag == "BPR"), None)
    claims = [loop for loop in root.walk() if loop.id == "2100"]
    for claim in claims:
        yield from check_remittance_claim(claim)
    if bpr is not None:
        clps = [one for loop in claims for one in loop.segments if one.tag == "CLP"]
        yield from check_remittance_total(bpr, clps, [one for one in root.segments if one.tag == "PLB"])


def total_fault(bpr: Segment, out: int) -> BalanceFault:
    """The fault of an 835 whose claims and provider adjustments are ``out`` cents more than BPR02."""
    what = f"the claims' payments less the provider adjustments differ by {_money(out)} from the payment"
    return _fault("transaction", what, bpr, _BPR_TOTAL)


def unjudged_total(bpr: Segment) -> BalanceFault:
    """The fault of an 835 whose total could not be held against its parts."""
    what = "whether the payment is the sum of its parts was not judged: an amount in it is no number"
    return _fault("transaction", what, bpr, _BPR_TOTAL, severity=Severity.NOT_EVALUATED)


def check_claim(claim: Loop) -> Iterator[BalanceFault]:
    """A 2300 loop of an 837P: CLM02 is the sum of its lines' SV102."""
    clm = next((one for one in claim.segments if one.tag == "CLM"), None)
    lines = [one for loop in claim.inner("2400") for one in loop.segments if one.tag == "SV1"]
    if clm is None or not lines:
        return
    out = difference(clm.at(2), "0", [one.at(2) for one in lines])
    if out:
        yield charge_fault(clm, out)


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
