"""NCCI pairs on one day: which lines may not be billed together, and whether a modifier lifts that. Pure.

Source: CMS's NCCI PTP edits as imported (``gateway tables import ncci``); NCCI Policy Manual for Medicare Services,
ch. 1, E; CMS CR 11168: from 1 July 2019 the modifier may stand on either line, before that on the column two line.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from gateway.coding.modifiers import bypasses
from gateway.coding.reference import PairEdit

EITHER_SINCE = date(2019, 7, 1)
NEVER, WITH_MODIFIER = "0", "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """One line of a day, by its place in the claim. Lines of one patient and one billing provider are held together."""

    place: str
    procedure: str
    modifiers: tuple[str, ...]
    served_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """Two lines that an edit holds apart. ``liftable``: 59 or one of the X set would lift it, if it is true."""

    column_one: Billed
    column_two: Billed
    edit: PairEdit

    @property
    def liftable(self) -> bool:
        return self.edit.indicator == WITH_MODIFIER


def clashes(lines: Sequence[Billed], edits: Iterable[PairEdit]) -> Iterator[Clash]:
    """The pairs of lines that an edit of their day holds apart and no modifier lifts, in the order of the lines.

    Indicator 9 marks an edit that was deleted on the day it began: it holds nothing apart.
    """
    known = [each for each in edits if each.indicator in (NEVER, WITH_MODIFIER)]
    for one in lines:
        for two in lines:
            if one is two or one.served_on != two.served_on:
                continue
            for edit in known:
                if (edit.column_one, edit.column_two) != (one.procedure, two.procedure):
                    continue
                if edit.holds_on(one.served_on) and not _lifted(one, two, edit):
                    yield Clash(column_one=one, column_two=two, edit=edit)


def _lifted(one: Billed, two: Billed, edit: PairEdit) -> bool:
    if edit.indicator != WITH_MODIFIER:
        return False
    return bypasses(two.modifiers) or (one.served_on >= EITHER_SINCE and bypasses(one.modifiers))
