"""Follows the amounts of a set on its way and says where they do not add up (SNIP 3), with one claim in memory.

The rules and their words are those of ``balance``, which judges a whole loop. Here segments come as texts between the
standard delimiters, and what is wrong is told by the number of its segment. An amount that is no number has a fault of
its own, so what it belongs to is not judged: such a sum is not a number either, ``nan``, from there on.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from math import isnan, nan

from gateway.x12.balance import BalanceFault, cents, charge_fault, claim_fault, line_fault, total_fault, unjudged_total
from gateway.x12.elements import Fault
from gateway.x12.table import Step
from gateway.x12.tree import Segment
from gateway.x12.wrong import Wrong

MEMO_MAX = 4096  # amounts that one set remembers, for fees repeat

Sum = float  # whole cents as int, or nan
Amounted = tuple[int, Step, str]  # a segment with amounts: its number in the set, its step, its text


class _Cents(dict[str, Sum]):
    """Amounts by their text, as ``balance.cents`` reads them."""

    def __missing__(self, text: str) -> Sum:
        read = cents(text)
        amount = nan if read is None else read
        if len(self) < MEMO_MAX:
            self[text] = amount
        return amount


class RemittanceAmounts:
    """An 835: each line and claim when the next begins, the total at the end."""

    tags = frozenset({"BPR", "CLP", "CAS", "SVC", "PLB"})

    def __init__(self) -> None:
        self._cents = _Cents()
        self._line: Sum = 0  # what is left of the charge after payment and adjustments
        self._claim: Sum = 0
        self._total: Sum = 0
        self._in_line = False
        self._line_at: Amounted | None = None
        self._claim_at: Amounted | None = None
        self._payment_at: Amounted | None = None

    def take(self, segments: Sequence[Amounted]) -> Iterator[Wrong]:
        """Segments of ``tags`` in their order; what is over and does not add up."""
        known = self._cents
        line, claim, in_line = self._line, self._claim, self._in_line
        for one in segments:
            text = one[2]
            tag = text[:3]
            try:
                if tag == "CAS":
                    parts = text.split("*")
                    adjusted = known[parts[3]] if len(parts) < 6 else sum(map(known.__getitem__, parts[3:19:3]))
                    if isnan(adjusted) or len(parts) % 3 == 0:  # It may end in a reason.
                        adjusted = _given(known, parts[2:19:3], parts[3:19:3])
                    claim -= adjusted
                    if in_line:
                        line -= adjusted
                elif tag == "SVC":
                    if line:
                        yield from self._line_over(line)
                    self._line_at, in_line, line = one, True, nan
                    parts = text.split("*", 4)
                    line = known[parts[2]] - known[parts[3]]
                elif tag == "CLP":
                    if line or claim:
                        yield from self._over(line, claim)
                    self._claim_at, in_line, line, claim = one, False, 0, nan
                    parts = text.split("*", 5)
                    paid = known[parts[4]]
                    self._total += paid
                    claim = known[parts[3]] - paid
                elif tag == "BPR":
                    self._payment_at = one
                else:
                    parts = text.split("*")
                    self._total -= _given(known, parts[3:15:2], parts[4:15:2])
            except IndexError:  # An amount is missing, and the guide says so.
                if tag == "CAS":
                    claim = line = nan
                elif tag == "CLP":
                    self._total = nan
        self._line, self._claim, self._in_line = line, claim, in_line

    def end(self) -> Iterator[Wrong]:
        """The end of the set."""
        yield from self._over(self._line, self._claim)
        if self._payment_at is None:
            return
        parts = self._payment_at[2].split("*", 3)
        out = self._total - (self._cents[parts[2]] if len(parts) > 2 else nan)
        if isnan(out):
            yield _wrong(self._payment_at, unjudged_total(Segment("BPR")))
        elif out:
            yield _wrong(self._payment_at, total_fault(Segment("BPR"), int(out)))

    def _over(self, line: Sum, claim: Sum) -> Iterator[Wrong]:
        yield from self._line_over(line)
        if claim and not isnan(claim) and self._claim_at is not None:
            yield _wrong(self._claim_at, claim_fault(Segment("CLP"), int(claim)))

    def _line_over(self, line: Sum) -> Iterator[Wrong]:
        if line and not isnan(line) and self._line_at is not None:
            yield _wrong(self._line_at, line_fault(Segment("SVC"), int(line)))


class ClaimAmounts:
    """An 837P: each claim's charge is the sum of its lines'."""

    tags = frozenset({"CLM", "SV1"})

    def __init__(self) -> None:
        self._cents = _Cents()
        self._left: Sum = 0  # of the charge, after its lines
        self._lines = 0
        self._claim_at: Amounted | None = None

    def take(self, segments: Sequence[Amounted]) -> Iterator[Wrong]:
        """Segments of ``tags`` in their order; what is over and does not add up."""
        known, left, lines = self._cents, self._left, self._lines
        for one in segments:
            parts = one[2].split("*", 3)
            amount = known[parts[2]] if len(parts) > 2 else nan
            if parts[0] == "SV1":
                lines += 1
                left -= amount
                continue
            if left and lines:
                yield from self._over(left)
            self._claim_at, left, lines = one, amount, 0
        self._left, self._lines = left, lines

    def end(self) -> Iterator[Wrong]:
        """The end of the set."""
        if self._left and self._lines:
            yield from self._over(self._left)

    def _over(self, left: Sum) -> Iterator[Wrong]:
        if not isnan(left) and self._claim_at is not None:
            yield _wrong(self._claim_at, charge_fault(Segment("CLM"), int(left)))


def _given(known: _Cents, reasons: list[str], amounts: list[str]) -> Sum:
    """The sum of the amounts that are there or should be: the first, and any behind a reason."""
    if not amounts:
        return nan
    return sum(
        known[amount]
        for at, (reason, amount) in enumerate(zip_longest(reasons, amounts, fillvalue=""))
        if amount or reason or not at
    )


Amounts = RemittanceAmounts | ClaimAmounts


def amounts_of(guide_name: str) -> Amounts | None:
    """What follows the amounts of a guide's sets; None where none are to add up."""
    if guide_name.startswith("835.5010"):
        return RemittanceAmounts()
    return ClaimAmounts() if guide_name.startswith("837.5010.X222") else None


def tags_with_amounts(guide_name: str) -> frozenset[str]:
    """The tags of a guide's segments that are to be taken."""
    amounts = amounts_of(guide_name)
    return amounts.tags if amounts is not None else frozenset()


def _wrong(at: Amounted, found: BalanceFault) -> Wrong:
    fault = Fault(
        rule=found.rule,
        what=found.what,
        fix=found.fix,
        code="",
        element=found.element,
        severity=found.severity,
        snip=found.snip,
        source=found.source,
    )
    return Wrong(at[0], found.segment.tag, at[1].place.path, fault)
