"""The sums of a whole 835 or 837P, over loops at hand: what following them on their way is held against."""

from collections.abc import Iterable, Iterator

from gateway.x12.balance import (
    BalanceFault,
    cents,
    charge_fault,
    claim_fault,
    line_fault,
    total_fault,
    unjudged_total,
)
from gateway.x12.tree import Loop, Segment

_SVC_CHARGE, _SVC_PAID = 2, 3
_CLP_CHARGE, _CLP_PAID = 3, 4
_BPR_TOTAL = 2
_CAS_AMOUNTS = (3, 6, 9, 12, 15, 18)
_PLB_AMOUNTS = (4, 6, 8, 10, 12, 14)


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


def check_claim(claim: Loop) -> Iterator[BalanceFault]:
    """A 2300 loop of an 837P: CLM02 is the sum of its lines' SV102."""
    clm = next((one for one in claim.segments if one.tag == "CLM"), None)
    lines = [one for loop in claim.inner("2400") for one in loop.segments if one.tag == "SV1"]
    if clm is None or not lines:
        return
    out = difference(clm.at(2), "0", [one.at(2) for one in lines])
    if out:
        yield charge_fault(clm, out)
