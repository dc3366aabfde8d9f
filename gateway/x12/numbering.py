"""Checks how a set numbers its own parts: HL01 counts, HL02 names an open level above, LX01 counts a claim's lines.

It knows no guide, and never mends a number.
"""

from collections.abc import Iterable, Iterator

from gateway.x12.elements import Fault
from gateway.x12.tree import Segment


def check(segments: Iterable[Segment], *, lines_of: str = "") -> Iterator[tuple[int, Fault]]:
    """Faults with the index of their segment. ``lines_of`` is the tag whose LX start at 1 anew: CLM in an 837."""
    levels: list[str] = []
    count = line = 0
    for index, one in enumerate(segments):
        if one.tag == "HL":
            count += 1
            for fault in _check_level(one, count, levels):
                yield index, fault
        elif lines_of and one.tag == lines_of:
            line = 0
        elif lines_of and one.tag == "LX":
            line += 1
            if one.at(1) != str(line):
                what = f"the line is numbered wrongly; it is line {line} of its claim"
                fix = f"Send LX01 as {line}"
                yield index, Fault(rule="x12.lx.number", what=what, fix=fix, code="7", element=1)


def _check_level(hl: Segment, count: int, levels: list[str]) -> Iterator[Fault]:
    number, parent = hl.at(1), hl.at(2)
    if number != str(count):
        what = f"the level is numbered wrongly; it is HL number {count} of its set"
        yield Fault(rule="x12.hl.number", what=what, fix=f"Send HL01 as {count}", code="7", element=1)
    if not parent:
        levels[:] = [number]
        return
    if parent in levels:
        del levels[levels.index(parent) + 1 :]
    else:
        what = "HL02 names a level that is not open above this one"
        fix = "Send HL01 of the level that this one belongs to, and put its children right after it"
        yield Fault(rule="x12.hl.parent", what=what, fix=fix, code="7", element=2)
    levels.append(number)
