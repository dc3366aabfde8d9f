"""Checks how a set numbers its own parts: HL01 counts, HL02 names an open level above, HL04 says whether levels
follow below, LX01 counts a claim's lines.

It knows no guide, and never mends a number.
"""

from collections.abc import Iterable, Iterator

from gateway.x12.elements import Fault
from gateway.x12.tree import Segment


def check(segments: Iterable[Segment], *, lines_of: str = "") -> Iterator[tuple[int, Fault]]:
    """Faults with the index of their segment. ``lines_of`` is the tag whose LX start at 1 anew: CLM in an 837."""
    levels: list[str] = []
    parents: set[str] = set()
    said: list[tuple[int, Segment]] = []
    count = line = 0
    sound = True  # Where a number or a parent is wrong, nothing certain follows about children.
    for index, one in enumerate(segments):
        if one.tag == "HL":
            count += 1
            parents.add(one.at(2))
            said.append((index, one))
            for fault in _check_level(one, count, levels):
                sound = False
                yield index, fault
        elif lines_of and one.tag == lines_of:
            line = 0
        elif lines_of and one.tag == "LX":
            line += 1
            if one.at(1) != str(line):
                what = f"the line is numbered wrongly; it is line {line} of its claim"
                fix = f"Send LX01 as {line}"
                yield index, Fault(rule="x12.lx.number", what=what, fix=fix, code="7", element=1)
    for index, one in said if sound else ():
        for fault in _check_child(one, has_child=one.at(1) in parents):
            yield index, fault


def _check_child(hl: Segment, *, has_child: bool) -> Iterator[Fault]:
    """HL04, where it is sent: 1 with a level below, 0 without (X12 data element 736)."""
    if hl.at(4) == "1" and not has_child:
        what, fix = "HL04 says that a level follows below this one, and none does", "Send the level, or HL04 as 0"
        yield Fault(rule="x12.hl.child", what=what, fix=fix, code="7", element=4)
    elif hl.at(4) == "0" and has_child:
        what = "HL04 says that no level follows below this one, and one does"
        yield Fault(rule="x12.hl.child", what=what, fix="Send HL04 as 1", code="7", element=4)


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
