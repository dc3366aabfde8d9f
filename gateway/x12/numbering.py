"""Checks how a set numbers its own parts: HL01 counts, HL02 names an open level above, HL04 says whether levels
follow below, LX01 counts a claim's lines.

It knows no guide, never mends a number, and remembers the open levels only.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.x12.elements import Fault
from gateway.x12.table import Step
from gateway.x12.wrong import Wrong


@dataclass(slots=True)
class _Level:
    number: str  # HL01 as it was sent, and as it should have been
    count: str
    child: str  # HL04
    segment: int
    path: str
    has_child: bool = False


class Numbering:
    """Follows the numbers of one set. Where one is wrong, nothing certain follows about children."""

    def __init__(self) -> None:
        self._open: list[_Level] = []
        self._count = 0
        self._line = 0
        self._sound = True

    def hl(self, text: str, step: Step, segment: int) -> list[Wrong]:
        """An HL; ``segment`` is its number in the set."""
        values = (*text.split("*"), "", "", "", "")
        if ":" in text or "^" in text:
            values = tuple(map(_first, values))
        _, number, parent, _, child = values[:5]
        path, levels, wrong = step.place.path, self._open, []
        self._count += 1
        count = str(self._count)
        if number != count:
            what = f"the level is numbered wrongly; it is HL number {count} of its set"
            wrong.append(self._wrong(segment, path, "number", what, f"Send HL01 as {count}", 1))
        keep = len(levels)
        if parent:
            while keep and parent != levels[keep - 1].number and parent != levels[keep - 1].count:
                keep -= 1
            if keep:
                levels[keep - 1].has_child = True
            else:
                keep = len(levels)
                what = "HL02 names a level that is not open above this one"
                fix = "Send HL01 of the level that this one belongs to, and put its children right after it"
                wrong.append(self._wrong(segment, path, "parent", what, fix, 2))
        else:
            asked = step.place.node.element_at(2)
            if asked is None or asked.usage != "R":
                keep = 0  # Else the guide says that it is missing, and the levels stay as they are.
        if keep < len(levels):
            wrong += self._close(keep)
        levels.append(_Level(number, count, child, segment, path))
        return wrong

    def numbers(self) -> Iterator[int]:
        """The numbers of the segments that something may be told of yet."""
        return (each.segment for each in self._open)

    def end(self) -> list[Wrong]:
        """The end of the set."""
        return self._close(0)

    def clm(self, text: str, step: Step, segment: int) -> None:
        """A claim begins: its lines start at 1 anew."""
        self._line = 0

    def lx(self, text: str, step: Step, segment: int) -> tuple[Wrong] | None:
        """An LX of a claim."""
        self._line += 1
        if text[3:] == str(self._line) or _first(text[3:].split("*")[0]) == str(self._line):
            return None
        what = f"the line is numbered wrongly; it is line {self._line} of its claim"
        fault = Fault(rule="x12.lx.number", what=what, fix=f"Send LX01 as {self._line}", code="7", element=1)
        return (Wrong(segment, "LX", step.place.path, fault),)

    def _wrong(self, segment: int, path: str, rule: str, what: str, fix: str, element: int) -> Wrong:
        self._sound = False
        return Wrong(segment, "HL", path, Fault(rule=f"x12.hl.{rule}", what=what, fix=fix, code="7", element=element))

    def _close(self, keep: int) -> list[Wrong]:
        """Levels end: HL04, where it is sent, is 1 with a level below, 0 without (X12 data element 736)."""
        wrong = []
        for each in self._open[keep:] if self._sound else ():
            if each.child == "1" and not each.has_child:
                what = "HL04 says that a level follows below this one, and none does"
                fix = "Send the level, or HL04 as 0"
            elif each.child == "0" and each.has_child:
                what = "HL04 says that no level follows below this one, and one does"
                fix = "Send HL04 as 1"
            else:
                continue
            fault = Fault(rule="x12.hl.child", what=what, fix=fix, code="7", element=4)
            wrong.append(Wrong(each.segment, "HL", each.path, fault))
        del self._open[keep:]
        return wrong


def _first(element: str) -> str:
    """The first value of an element, whatever else stands in it; what is too much has a fault of its own."""
    return element.split("^")[0].split(":")[0]
