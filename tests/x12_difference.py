"""A difference between what pyx12 and we say of a document, and the reasons that may take it.

A difference that no reason takes is a fault of ours until it is understood.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from x12_oracle import Fault

from gateway.errors import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What only one side says of a document. ``said`` is all that we say, also what pyx12 says as well."""

    kind: str
    segments: Sequence[str]
    theirs: Mapping[Fault, str]
    ours: Mapping[Fault, Finding]
    said: Mapping[Fault, Finding]
    told: Mapping[Fault, str]  # All that pyx12 says.

    def text(self, fault: Fault) -> str:
        """The segment at the place of a fault, "" where there is none."""
        index = fault.segment - 1
        if fault.set:
            starts = [at for at, each in enumerate(self.segments) if each.split("*")[0] == "ST"]
            index += starts[fault.set - 1]
        return self.segments[index] if 0 <= index < len(self.segments) else ""

    def element(self, fault: Fault) -> str:
        """The element at the place of a fault."""
        ordinal = element_of(fault)
        parts = self.text(fault).split("*")
        return parts[ordinal] if 0 < ordinal < len(parts) else ""

    def here(self, fault: Fault) -> list[Fault]:
        """What we say of the same segment."""
        return [each for each in self.said if (each.set, each.segment) == (fault.set, fault.segment)]

    def beside(self, fault: Fault) -> list[Fault]:
        """What only we say of the same segment."""
        return [each for each in self.ours if (each.set, each.segment) == (fault.set, fault.segment)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """``right`` is "we", "pyx12" or "both": two ways to say the same. Where one side finds a place for a segment and
    the other does not (``moves``), they may differ in all that follows in the set."""

    name: str
    right: str
    why: str
    takes: Callable[[Difference], Iterator[Fault]]
    moves: bool


REASONS: list[Reason] = []
MOVED = "after a move"
_Takes = Callable[[Difference], Iterator[Fault]]


def reason(name: str, right: str, why: str, *, moves: bool = False) -> Callable[[_Takes], _Takes]:
    """Lists a reason; see ``Reason``."""

    def listed(takes: _Takes) -> _Takes:
        REASONS.append(Reason(name=name, right=right, why=why, takes=takes, moves=moves))
        return takes

    return listed


def element_of(fault: Fault) -> int:
    """The ordinal of the element in a reference such as CLM05-01, 0 where it names the segment."""
    named = re.fullmatch(r"[A-Z][A-Z0-9]{1,2}?([0-9]{2})(-[0-9]{2})?", fault.reference)
    return int(named[1]) if named else 0


def unexplained(difference: Difference) -> tuple[dict[str, int], list[Fault]]:
    """How many differences each reason takes, and those that none does."""
    left = {*difference.theirs, *difference.ours}
    taken: dict[str, int] = {}
    moved: dict[int, int] = {}  # a set: the segment from which on the two walks are at different places
    for reason in REASONS:
        its = set(reason.takes(difference)) & left
        left -= its
        if its:
            taken[reason.name] = len(its)
        for fault in its if reason.moves else ():
            moved[fault.set] = min(fault.segment, moved.get(fault.set, fault.segment))
    after = {each for each in left if each.set in moved and each.segment >= moved[each.set]}
    if after:
        taken[MOVED] = len(after)
    return taken, sorted(left - after)
