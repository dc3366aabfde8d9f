"""Follows the amounts of a set on its way and says where they do not add up (SNIP 3), with one claim in memory.

The words are those of ``balance``. Segments come as texts between the standard delimiters, and what is wrong is told by
the number of its segment. An amount that is no number has a fault of its own, so what it belongs to is not judged: such
a sum is not a number either, ``nan``, from there on.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from math import isnan, nan

from gateway.x12.balance import (
    BalanceFault,
    cents,
    charge_fault,
    claim_fault,
    line_fault,
    total_fault,
    unjudged_total,
)
from gateway.x12.elements import Fault
from gateway.x12.table import Step
from gateway.x12.tree import Segment
from gateway.x12.wrong import Wrong

TEXT_MAX = 18  # characters of an amount that is remembered
MEMO_MAX = 32_768  # amounts that are remembered, for fees repeat; never whose they were

Sum = float  # whole cents as int, or nan
Amounted = tuple[int, Step, str]  # a segment with amounts: its number in the set, its step, its text


class _Cents(dict[str, Sum]):
    """Amounts by their text, as ``balance.cents`` reads them."""

    def __missing__(self, text: str) -> Sum:
        read = cents(text)
        amount = nan if read is None else read
        if len(self) < MEMO_MAX and len(text) <= TEXT_MAX:
            self[text] = amount
        return amount


_CENTS = _Cents()


class RemittanceAmounts:
    """An 835: each line and claim when the next begins, the total at the end."""

    tags = frozenset({"BPR", "CLP", "CAS", "SVC", "PLB"})

    def __init__(self) -> None:
        self._waiting: list[Amounted] = []  # of the claim in hand
        self._total: Sum = 0
        self._payment_at: Amounted | None = None

    def take(self, segments: Sequence[Amounted]) -> list[Wrong]:
        """Segments of ``tags`` in their order; what is over and does not add up."""
        over = self._waiting
        over += segments
        last = next((at for at in range(len(over) - 1, 0, -1) if over[at][2][:3] in ("CLP", "PLB")), 0)
        self._waiting = over[last:]
        return self._judge(over[:last])

    def numbers(self) -> Iterator[int]:
        """The numbers of the segments that something may be told of yet."""
        yield from (number for number, _, text in self._waiting if text[:3] != "CAS")
        if self._payment_at is not None:
            yield self._payment_at[0]

    def end(self) -> Iterator[Wrong]:
        """The end of the set."""
        yield from self._judge(self._waiting)
        if self._payment_at is None:
            return
        parts = self._payment_at[2].split("*", 3)
        out = self._total - (_CENTS[parts[2]] if len(parts) > 2 else nan)
        if isnan(out):
            yield _wrong(self._payment_at, unjudged_total(Segment("BPR")))
        elif out:
            yield _wrong(self._payment_at, total_fault(Segment("BPR"), int(out)))

    def _judge(self, segments: Sequence[Amounted]) -> list[Wrong]:
        """Whole claims, and what stands around them."""
        wrong: list[Wrong] = []
        known, beginning = _CENTS, slice(3)
        line: Sum = 0
        claim: Sum = 0
        line_at = claim_at = 0
        in_line = False
        for at, one in enumerate(segments):
            text = one[2]
            tag = text[beginning]
            try:
                if tag == "CAS":
                    parts = text.split("*")
                    if len(parts) < 6:
                        adjusted = known[parts[3]]
                    elif len(parts) == 7:
                        adjusted = known[parts[3]] + known[parts[6]]
                    else:
                        adjusted = _given(parts[2:19:3], parts[3:19:3])
                    claim -= adjusted
                    if in_line:
                        line -= adjusted
                elif tag == "SVC":
                    if line:
                        wrong += _line(segments[line_at], line)
                    line_at, in_line, line = at, True, nan
                    parts = text.split("*", 4)
                    line = known[parts[2]] - known[parts[3]]
                else:
                    if line:
                        wrong += _line(segments[line_at], line)
                    if claim:
                        wrong += _claim(segments[claim_at], claim)
                    claim_at, in_line, line, claim = at, False, 0, 0
                    if tag == "CLP":
                        claim = nan
                        parts = text.split("*", 5)
                        paid = known[parts[4]]
                        self._total += paid
                        claim = known[parts[3]] - paid
                    elif tag == "BPR":
                        self._payment_at = one
                    else:
                        parts = text.split("*")
                        self._total -= _given(parts[3:15:2], parts[4:15:2])
            except IndexError:  # An amount is missing, and the guide says so.
                if tag == "CAS":
                    claim = line = nan
                elif tag == "CLP":
                    self._total = nan
        if line:
            wrong += _line(segments[line_at], line)
        if claim:
            wrong += _claim(segments[claim_at], claim)
        return wrong


def _line(svc: Amounted, left: Sum) -> list[Wrong]:
    return [] if isnan(left) else [_wrong(svc, line_fault(Segment("SVC"), int(left)))]


def _claim(clp: Amounted, left: Sum) -> list[Wrong]:
    return [] if isnan(left) else [_wrong(clp, claim_fault(Segment("CLP"), int(left)))]


class ClaimAmounts:
    """An 837P: each claim's charge is the sum of its lines'."""

    tags = frozenset({"CLM", "SV1"})

    def __init__(self) -> None:
        self._left: Sum = 0  # of the charge, after its lines
        self._lines = 0
        self._claim_at: Amounted | None = None

    def take(self, segments: Sequence[Amounted]) -> Iterator[Wrong]:
        """Segments of ``tags`` in their order; what is over and does not add up."""
        known, left, lines = _CENTS, self._left, self._lines
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

    def numbers(self) -> Iterator[int]:
        """The numbers of the segments that something may be told of yet."""
        if self._claim_at is not None:
            yield self._claim_at[0]

    def end(self) -> Iterator[Wrong]:
        """The end of the set."""
        if self._left and self._lines:
            yield from self._over(self._left)

    def _over(self, left: Sum) -> Iterator[Wrong]:
        if not isnan(left) and self._claim_at is not None:
            yield _wrong(self._claim_at, charge_fault(Segment("CLM"), int(left)))


def _given(reasons: list[str], amounts: list[str]) -> Sum:
    """The sum of the amounts that are there or should be: the first, and any behind a reason."""
    if not amounts:
        return nan
    return sum(
        _CENTS[amount]
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
