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

    def hl(self, text: str, step: Step, segment: int) -> Iterator[Wrong]:
        """An HL; ``segment`` is its number in the set."""
        number, parent, _, child = map(_first, (*text.split("*")[1:], "", "", "", "")[:4])
        path = step.place.path
        self._count += 1
        if number != str(self._count):
            what = f"the level is numbered wrongly; it is HL number {self._count} of its set"
            yield from self._wrong(segment, path, "number", what, f"Send HL01 as {self._count}", 1)
        keep = 0
        asked = step.place.node.element_at(2)
        if not parent and asked is not None and asked.usage == "R":
            keep = len(self._open)  # The guide says that it is missing; the levels stay as they are.
        if parent:
            keep = next((at for at, each in enumerate(self._open, 1) if parent in (each.number, each.count)), 0)
            if keep:
                self._open[keep - 1].has_child = True
            else:
                keep = len(self._open)
                what = "HL02 names a level that is not open above this one"
                fix = "Send HL01 of the level that this one belongs to, and put its children right after it"
                yield from self._wrong(segment, path, "parent", what, fix, 2)
        yield from self._close(keep)
        self._open.append(_Level(number, str(self._count), child, segment, path))

    def end(self) -> Iterator[Wrong]:
        """The end of the set."""
        yield from self._close(0)

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

    def _wrong(self, segment: int, path: str, rule: str, what: str, fix: str, element: int) -> Iterator[Wrong]:
        self._sound = False
        yield Wrong(segment, "HL", path, Fault(rule=f"x12.hl.{rule}", what=what, fix=fix, code="7", element=element))

    def _close(self, keep: int) -> Iterator[Wrong]:
        """Levels end: HL04, where it is sent, is 1 with a level below, 0 without (X12 data element 736)."""
        ended, self._open[keep:] = self._open[keep:], []
        for each in ended if self._sound else ():
            if each.child == "1" and not each.has_child:
                what = "HL04 says that a level follows below this one, and none does"
                fix = "Send the level, or HL04 as 0"
            elif each.child == "0" and each.has_child:
                what = "HL04 says that no level follows below this one, and one does"
                fix = "Send HL04 as 1"
            else:
                continue
            yield Wrong(
                each.segment, "HL", each.path, Fault(rule="x12.hl.child", what=what, fix=fix, code="7", element=4)
            )


def _first(element: str) -> str:
    """The first value of an element, whatever else stands in it; what is too much has a fault of its own."""
    return element.split("^")[0].split(":")[0]
