"""Follows the amounts of a set on its way and says where they do not add up (SNIP 3), with one claim in memory.

The rules and their words are those of ``balance``, which judges a whole loop. Here segments come as texts between the
standard delimiters, and what is wrong is told by the number of its segment. An amount that is no number has a fault of
its own, so what it belongs to is not judged: such a sum is not a number either, ``nan``, from there on.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from math import inf, isnan, nan

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

MEMO_MAX = 4096  # amounts that one set remembers, for fees repeat
DOUBT = 0.004  # dollars; sums of whole cents that differ do so by more
HUGE = 1e12  # dollars; below, a float is exact to far less than that. What is not, is infinitely in doubt.

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
    """An 835: each line and claim when the next begins, the total at the end.

    A first look adds in floating point, where what is out by a cent or more cannot hide; what seems to be out is added
    again in whole cents, and these have the word. The total is in cents throughout.
    """

    tags = frozenset({"BPR", "CLP", "CAS", "SVC", "PLB"})

    def __init__(self) -> None:
        self._cents = _Cents()
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
        out = self._total - (self._cents[parts[2]] if len(parts) > 2 else nan)
        if isnan(out):
            yield _wrong(self._payment_at, unjudged_total(Segment("BPR")))
        elif out:
            yield _wrong(self._payment_at, total_fault(Segment("BPR"), int(out)))

    def _judge(self, segments: Sequence[Amounted]) -> list[Wrong]:
        """Whole claims, and what stands around them."""
        wrong: list[Wrong] = []
        line = claim = 0.0
        line_at = claim_at = 0
        in_line = False
        for at, one in enumerate(segments):
            text = one[2]
            tag = text[:3]
            try:
                if tag == "CAS":
                    parts = text.split("*")
                    if len(parts) < 6:
                        adjusted = float(parts[3])
                    elif len(parts) == 7:
                        adjusted = float(parts[3]) + float(parts[6])
                    else:
                        adjusted = self._adjusted(parts) / 100
                    if not -HUGE < adjusted < HUGE:
                        adjusted = nan if isnan(adjusted) else inf
                    claim -= adjusted
                    if in_line:
                        line -= adjusted
                elif tag == "SVC":
                    if line > DOUBT or line < -DOUBT:
                        wrong += self._line(segments[line_at:at])
                    line_at, in_line, line = at, True, nan
                    parts = text.split("*", 4)
                    charge, paid = float(parts[2]), float(parts[3])
                    line = charge - paid if -HUGE < charge < HUGE else -inf
                else:
                    if line > DOUBT or line < -DOUBT:
                        wrong += self._line(segments[line_at:at])
                    if claim > DOUBT or claim < -DOUBT:
                        wrong += self._claim(segments[claim_at:at])
                    claim_at, in_line, line, claim = at, False, 0.0, 0.0
                    if tag == "CLP":
                        claim = nan
                        parts = text.split("*", 5)
                        self._total += self._cents[parts[4]]
                        charge, paid = float(parts[3]), float(parts[4])
                        claim = charge - paid if -HUGE < charge < HUGE else -inf
                    elif tag == "BPR":
                        self._payment_at = one
                    else:
                        parts = text.split("*")
                        self._total -= _given(self._cents, parts[3:15:2], parts[4:15:2])
            except (IndexError, ValueError):  # An amount is missing or none, and the guide says so.
                if tag == "CAS":
                    claim = line = nan
                elif tag == "CLP" and len(parts) < 5:
                    self._total = nan
        if line > DOUBT or line < -DOUBT:
            wrong += self._line(segments[line_at:])
        if claim > DOUBT or claim < -DOUBT:
            wrong += self._claim(segments[claim_at:])
        return wrong

    def _line(self, segments: Sequence[Amounted]) -> Iterator[Wrong]:
        """A line, from its SVC to its last CAS, in whole cents."""
        out = self._left(segments, 2)
        if out:
            yield _wrong(segments[0], line_fault(Segment("SVC"), out))

    def _claim(self, segments: Sequence[Amounted]) -> Iterator[Wrong]:
        """A claim, from its CLP to its last CAS, in whole cents."""
        out = self._left(segments, 3)
        if out:
            yield _wrong(segments[0], claim_fault(Segment("CLP"), out))

    def _left(self, segments: Sequence[Amounted], element: int) -> int:
        """Cents of a charge that are neither paid nor adjusted; 0 where one of its amounts is no number."""
        parts = segments[0][2].split("*")
        left = self._cents[parts[element]] - self._cents[parts[element + 1]]
        for _, _, text in segments:
            if text[:3] == "CAS":
                left -= self._adjusted(text.split("*"))
        return 0 if isnan(left) else int(left)

    def _adjusted(self, parts: list[str]) -> Sum:
        """The sum of a CAS."""
        return _given(self._cents, parts[2:19:3], parts[3:19:3])


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
