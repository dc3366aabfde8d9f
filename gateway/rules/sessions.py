"""What is billed of one patient on one day in one discipline, on the claim in hand and on earlier ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from gateway.domain.claim import Claim, Frequency, Performer, ServiceLine
from gateway.domain.disciplines import discipline
from gateway.rules.case import ClaimCase

Placed = tuple[str, ServiceLine]
EARLIER = "history"  # The place of a line of an earlier claim.


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """``lines`` are this claim's with their JSON paths, ``earlier`` those of earlier claims."""

    day: date
    discipline: str
    lines: tuple[Placed, ...]
    earlier: tuple[ServiceLine, ...]

    @property
    def all_lines(self) -> tuple[ServiceLine, ...]:
        return (*(line for _, line in self.lines), *self.earlier)

    def of_code(self, code: str) -> tuple[Placed, ...]:
        return tuple((where, line) for where, line in self.lines if line.procedure == code)


def sessions(case: ClaimCase) -> Iterator[Session]:
    """Each day and discipline of the claim, in the order of its lines."""
    placed: dict[tuple[date, str], list[Placed]] = {}
    for where, line in case.lines():
        placed.setdefault((line.served_on, discipline(line)), []).append((where, line))
    before = list(earlier_lines(case))
    for (day, word), lines in placed.items():
        same = tuple(each for each in before if each.served_on == day and discipline(each) == word)
        yield Session(day=day, discipline=word, lines=tuple(lines), earlier=same)


def earlier_lines(case: ClaimCase) -> Iterator[ServiceLine]:
    """The lines of earlier claims of the same biller; what a replacement takes the place of is left out."""
    for claim in case.history or ():
        if claim.id != case.claim.id and claim.billing.npi == case.claim.billing.npi and not _replaced(case, claim):
            yield from claim.lines


def minutes(lines: tuple[ServiceLine, ...]) -> Mapping[str, int]:
    """All minutes by code. Lines without any are the caller's to name."""
    spent: dict[str, int] = {}
    for line in lines:
        spent[line.procedure] = spent.get(line.procedure, 0) + sum(each.minutes for each in line.minutes)
    return spent


def by(performer: Performer, lines: tuple[ServiceLine, ...]) -> int:
    """The minutes of one kind of performer."""
    return sum(each.minutes for line in lines for each in line.minutes if each.performer is performer)


def units_by_code(lines: tuple[ServiceLine, ...]) -> Mapping[str, int]:
    billed: dict[str, int] = {}
    for line in lines:
        billed[line.procedure] = billed.get(line.procedure, 0) + line.units
    return billed


def _replaced(case: ClaimCase, earlier: Claim) -> bool:
    if case.claim.frequency is not Frequency.REPLACEMENT:
        return False
    services = {(line.procedure, line.served_on) for line in case.claim.lines}
    return any((line.procedure, line.served_on) in services for line in earlier.lines)
