"""Which line of a claim payment is which line of the claim, and how surely. Never joins a line to two candidates."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.claim import ServiceLine
from gateway.domain.remittance import ClaimPayment, PaidLine
from gateway.ledger.billed import BilledClaim


class Confidence(StrEnum):
    CONTROL_NUMBER = "control_number"  # REF*6R came back.
    EXACT = "exact"  # Procedure, modifiers, date and charge fit one line alone.
    INTERCHANGEABLE = "interchangeable"  # They fit several lines that do not differ in them: taken in order.
    PROBABLE = "probable"  # All but the modifiers fit one line alone.
    AMBIGUOUS = "ambiguous"  # It fits several lines that differ: a person says which.
    NONE = "none"


SURE: Mapping[Confidence, int] = {
    Confidence.CONTROL_NUMBER: 100,
    Confidence.EXACT: 90,
    Confidence.INTERCHANGEABLE: 80,
    Confidence.PROBABLE: 70,
    Confidence.AMBIGUOUS: 0,
    Confidence.NONE: 0,
}
"""How sure each way is, in per cent: an order to sort by, not a measured frequency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A paid line, its index in the payment, and our line, if it was found."""

    index: int
    paid: PaidLine
    line: ServiceLine | None
    confidence: Confidence


def join(payment: ClaimPayment, claim: BilledClaim) -> tuple[Joined, ...]:
    """Each paid line with its line: by REF*6R first; several may name the same one (the payer split it)."""
    named = {each.control_number: each for each in claim.lines}
    found: dict[int, Joined] = {}
    free = list(claim.lines)
    for index, paid in enumerate(payment.lines):
        line = named.get(paid.control_number)
        if line is not None:
            found[index] = Joined(index=index, paid=paid, line=line, confidence=Confidence.CONTROL_NUMBER)
            free = [each for each in free if each is not line]
    if len(found) == len(payment.lines):
        return tuple(found.values())
    for confidence, fits in _TESTS:
        for index, paid in enumerate(payment.lines):
            if index in found:
                continue
            fitting = [each for each in free if fits(paid, each)]
            alike = len({(each.procedure, each.modifiers, each.served_on) for each in fitting}) == 1
            if len(fitting) == 1 or (fitting and alike and confidence is Confidence.EXACT):
                sure = confidence if len(fitting) == 1 else Confidence.INTERCHANGEABLE
                found[index] = Joined(index=index, paid=paid, line=fitting[0], confidence=sure)
                free = [each for each in free if each is not fitting[0]]
    return tuple(found.get(index) or _left_over(index, paid, free) for index, paid in enumerate(payment.lines))


def _left_over(index: int, paid: PaidLine, free: Sequence[ServiceLine]) -> Joined:
    fits = any(_fits(paid, each) for each in free)
    return Joined(index=index, paid=paid, line=None, confidence=Confidence.AMBIGUOUS if fits else Confidence.NONE)


def _fits(paid: PaidLine, line: ServiceLine) -> bool:
    """The procedure as billed, the charge (a reversal negates it), and the date where the payer gives one."""
    procedure = paid.original_procedure or paid.procedure
    dated = paid.served_on in (None, line.served_on)
    return procedure == line.procedure and abs(paid.charge) == line.charge and dated


def _fits_modifiers(paid: PaidLine, line: ServiceLine) -> bool:
    modifiers = paid.original_modifiers if paid.original_procedure else paid.modifiers
    return _fits(paid, line) and sorted(modifiers) == sorted(line.modifiers)


_TESTS: tuple[tuple[Confidence, Callable[[PaidLine, ServiceLine], bool]], ...] = (
    (Confidence.EXACT, _fits_modifiers),
    (Confidence.PROBABLE, _fits),
)
