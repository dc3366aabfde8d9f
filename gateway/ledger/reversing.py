"""Which claim payment a reversal (CLP02 22) takes back: by the payer's number and the negated amounts (5.3).

Asked of the whole set of a claim's payments, so that it does not matter which came first. A reversal repeats its
original negated; one that repeats nothing we know of takes nothing back, and its money waits in suspense.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.ledger.advice import Advice, AdvisedLine, Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """A reversal with its original, by key. ``lines`` are the indexes of the original's lines that it takes back;
    ``whole`` that it takes back all of it."""

    reversal: str
    original: str
    lines: frozenset[int]
    whole: bool
    matched_on: str
    confidence: int


_NUMBERS = {2: "payer_claim_number", 1: "claim", 0: "claim"}  # Both give the same CLP07; one gives none; they differ.
_SURE: Mapping[tuple[bool, int], int] = {
    (True, 2): 100,
    (True, 1): 90,
    (True, 0): 60,
    (False, 2): 80,
    (False, 1): 70,
}
"""How sure a pair is, in per cent, by whether the whole payment is negated and whether the payer's numbers agree. Some
of a payment's lines under another number of the payer's are no pair."""


def paired(reversals: Sequence[Advice], originals: Sequence[Advice]) -> dict[str, Paired]:
    """Each reversal's original, by the reversal's key; one that finds none is not there.

    The surest pair of all is taken first. No line is taken back twice.
    """
    offers = [
        (rank, reversal, original)
        for reversal in reversals
        for original in originals
        if (rank := _rank(reversal, original)) is not None
    ]
    offers.sort(key=lambda offer: (offer[0], *_place(offer[2]), *_place(offer[1])), reverse=True)
    found: dict[str, Paired] = {}
    taken: dict[str, set[int]] = {}
    for _, reversal, original in offers:
        if reversal.key in found:
            continue
        before = taken.get(original.key)
        pair = _pair(reversal, original, before or ())
        if pair is None or (pair.whole and before is not None):
            continue
        found[reversal.key] = pair
        taken.setdefault(original.key, set()).update(pair.lines)
    return found


def _place(advice: Advice) -> tuple[Order, str]:
    return advice.order, advice.key


def _rank(reversal: Advice, original: Advice) -> tuple[int, ...] | None:
    """How well they fit, the best the greatest: by the payer's number, the whole of it, to the reason, from another
    remittance, before it; None where they do not, or the original was paid after the reversal."""
    if original.order[0] > reversal.order[0]:
        return None
    pair = _pair(reversal, original, ())
    if pair is None:
        return None
    earlier_file, earlier = original.remittance != reversal.remittance, original.order < reversal.order
    to_the_reason = {_negated(each) for each in reversal.lines} == {_told(each) for each in original.lines}
    return _numbers(reversal, original), pair.whole, to_the_reason, earlier_file, earlier


def _pair(reversal: Advice, original: Advice, taken: Iterable[int]) -> Paired | None:
    numbers = _numbers(reversal, original)
    whole = (reversal.charge, reversal.paid) == (-original.charge, -original.paid)
    lines = frozenset(range(len(original.lines))) if whole else _lines(reversal, original, set(taken))
    if not whole and (not lines or not numbers):
        return None
    return Paired(
        reversal=reversal.key,
        original=original.key,
        lines=lines,
        whole=whole,
        matched_on=_NUMBERS[numbers],
        confidence=_SURE[whole, numbers],
    )


def _numbers(reversal: Advice, original: Advice) -> int:
    if not (reversal.payer_claim_number and original.payer_claim_number):
        return 1
    return 2 if reversal.payer_claim_number == original.payer_claim_number else 0


def _lines(reversal: Advice, original: Advice, taken: set[int]) -> frozenset[int]:
    """The original's lines that the reversal's repeat negated; none unless each of the reversal's finds its own."""
    found: set[int] = set()
    for each in reversal.lines:
        fitting = (
            index
            for index, line in enumerate(original.lines)
            if index not in found and index not in taken and _negates(each, line)
        )
        index = next(fitting, None)
        if index is None:
            return frozenset()
        found.add(index)
    return frozenset(found)


def _negates(reversal: AdvisedLine, original: AdvisedLine) -> bool:
    named = (
        (reversal.line, original.line) if reversal.line or original.line else (reversal.procedure, original.procedure)
    )
    return named[0] == named[1] and (reversal.charge, reversal.paid) == (-original.charge, -original.paid)


Told = tuple[str, int, int, tuple[tuple[str, str, int], ...]]


def _told(line: AdvisedLine) -> Told:
    return line.line, line.charge, line.paid, tuple(sorted(line.adjustments))


def _negated(line: AdvisedLine) -> Told:
    adjustments = sorted((group, reason, -amount) for group, reason, amount in line.adjustments)
    return line.line, -line.charge, -line.paid, tuple(adjustments)
