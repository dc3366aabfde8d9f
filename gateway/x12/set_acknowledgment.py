"""One set's part of a 999 (005010X231A1, loop 2000): AK2, what is wrong where, and IK5.

It takes findings for what their codes say and judges nothing itself. A finding without a code of the 999 leaves no
trace in it, and what cannot be sent (a delimiter, a control character) is left out. It keeps what will be sent, never
the set.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Generic, TypeVar

from gateway.errors import Finding, Position, Severity
from gateway.x12 import guide
from gateway.x12.codes import meaning
from gateway.x12.nodes import CompositeNode, SegmentNode
from gateway.x12.tree import STANDARD, Delimiters, Segment, segment
from gateway.x12.validate import Examined

ELEMENT_ERRORS = "8"  # IK304: the segment is in its place, and its elements have errors.
SEGMENT_MISSING = "3"
SEGMENTS_IN_ERROR, GUIDE_NOT_FOLLOWED = "5", "I5"  # IK502
NOT_SUPPORTED = "1"  # IK502

# Of one set. Who has that many errors needs no more of them to find the cause, and rubbish has no end.
ERRORS_MAX = 1000
ELEMENTS_MAX = 99  # IK4 under one IK3
CODES_MAX = 5  # IK502 to IK506
TRIGGERS_MAX, ELEMENT_TRIGGERS_MAX = 9, 10  # CTX of a situation, under IK3 and IK4
VALUE_LENGTH_MAX, CONTEXT_LENGTH_MAX, LOOP_LENGTH_MAX = 99, 35, 4  # X12 data elements 724, 9998, 447
NUMBER_MAX, ELEMENT_MAX, REPETITION_MAX = 999_999, 99, 9999  # 719, 722 and 1528, 1686

# AK201 as the guide lists it; a set of another type is only counted.
TYPES = frozenset({"270", "271", "276", "277", "278", "820", "834", "835", "837"})
# The segment whose 01 or 02 names the business unit that a fault lies in. CLM01: example of the guide; TRN02: X12 RFI
# 1312. Which name an 835 would use no source at hand says, so it has none.
UNITS = {"837": ("CLM", 1), **dict.fromkeys(("270", "271", "276", "277", "278"), ("TRN", 2))}
_NO_UNIT = ("", 0)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SetVerdict:
    """What a 999 says of one set. ``code`` is IK501 (A, E, R); ``segments`` AK2 to IK5, () where AK2 cannot name it."""

    code: str
    segments: tuple[Segment, ...]

    @property
    def accepted(self) -> bool:
        return self.code != "R"


@dataclass(frozen=True, slots=True)
class Stretch(Generic[T]):
    """Segments of a set that follow each other, the first of them with the ordinal ``first``.

    ``trail`` has an entry for each, None where the guide has no place for it; ``seen`` gives tag and loop of an entry,
    ``node`` what the guide says of it. ``segment`` gives a segment by its index.
    """

    first: int
    trail: Sequence[T | None]
    seen: Callable[[T], tuple[str, str]]
    node: Callable[[T], SegmentNode | None]
    segment: Callable[[int], Segment]


@dataclass(slots=True)
class _Error:
    """One IK3 with what stands below it."""

    where: Position
    code: str
    unit: Segment | None
    triggers: list[Segment] = field(default_factory=list)
    elements: list[list[Segment]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Unit:
    """A business unit: such as CLM01 of a claim, with the loop that it lasts for."""

    name: str
    value: str
    loop: str


class SetJudge:
    """Hears the findings of one set, with the segments that they are about, and gives the verdict at its end."""

    def __init__(self, set_type: str, control_number: str, implementation: str, marks: Delimiters = STANDARD) -> None:
        self._set = (set_type, control_number, implementation)
        self._marks = marks
        self._errors: dict[tuple[int, str, str, str], _Error] = {}
        self._in_segments: set[str] = set()  # IK502 of the errors
        self._codes: list[str] = []  # the other IK502
        self._blocked = False
        self._unit: _Unit | None = None

    def take(self, stretch: "Stretch[T]", findings: Sequence[Finding]) -> None:
        """The next segments, and what was found since the last call: about them, or about what came before."""
        numbers = {each.where.segment for each in findings if isinstance(each.where, Position) and each.codes}
        units = self._pass(stretch, numbers)
        for each in findings:
            self._blocked |= each.severity is Severity.BLOCK
            codes = each.codes or {}
            code = codes.get("IK502", "")
            if meaning("IK502", code) and code not in self._codes:
                self._codes.append(code)
            if isinstance(each.where, Position) and _names_a_segment(each.where):
                self._add(each.where, codes, stretch, units)

    def verdict(self, *, judged: bool, taken: bool | None = None, refused: str = "") -> SetVerdict:
        """``judged``: there was a guide for it; without one it is rejected. ``taken`` says that it is worked on
        whatever its findings weigh: it is accepted, errors noted. ``refused`` is an IK502 code for which it is not."""
        codes = list(dict.fromkeys((*sorted(self._in_segments), *self._codes, *((refused,) if refused else ()))))
        rejected = bool(refused) or not judged or (self._blocked and not taken)
        if rejected and not codes:
            codes.append(GUIDE_NOT_FOLLOWED)  # A finding that blocks, and has no code of its own.
        code = "R" if rejected else "E" if codes else "A"
        set_type, number, implementation = self._set
        if set_type not in TYPES or not 4 <= len(number) <= 9 or not _sendable(number, self._marks):
            return SetVerdict(code=code, segments=())
        named = implementation if 0 < len(implementation) <= 35 and _sendable(implementation, self._marks) else ""
        body = [segment("AK2", set_type, number, named)]
        for error in sorted(self._errors.values(), key=lambda each: each.where.segment):
            body += _error_segments(error)
        body.append(segment("IK5", code, *codes[:CODES_MAX]))
        return SetVerdict(code=code, segments=tuple(body))

    def _add(
        self,
        where: Position,
        codes: Mapping[str, str],
        stretch: "Stretch[T]",
        units: Mapping[int, tuple[_Unit | None, _Unit | None]],
    ) -> None:
        code = codes.get("IK304", ELEMENT_ERRORS if "IK403" in codes else "")
        if not meaning("IK304", code):
            return
        key = (where.segment, where.tag, where.loop, code)
        error = self._errors.get(key)
        if error is None:
            if len(self._errors) == ERRORS_MAX:
                return
            unit = _context(units.get(where.segment), where.loop, code, self._marks)
            error = self._errors[key] = _Error(where, code, unit)
        of_element = codes.get("IK403", "")
        weighed = of_element if code == ELEMENT_ERRORS else code
        self._in_segments.add(GUIDE_NOT_FOLLOWED if weighed.startswith("I") else SEGMENTS_IN_ERROR)
        trigger = _trigger(codes)
        if not of_element:
            if trigger and len(error.triggers) < TRIGGERS_MAX and trigger not in error.triggers:
                error.triggers.append(trigger)
        elif meaning("IK403", of_element) and 0 < where.element <= ELEMENT_MAX and where.component <= ELEMENT_MAX:
            ik4 = self._element(where, of_element, codes, stretch)
            error.elements.append([ik4, trigger] if trigger else [ik4])

    def _element(self, where: Position, code: str, codes: Mapping[str, str], stretch: "Stretch[T]") -> Segment:
        index = where.segment - stretch.first
        held = stretch.segment(index) if 0 <= index < len(stretch.trail) else None
        entry = stretch.trail[index] if held is not None else None
        reference = codes.get("IK402", "") or (_reference(stretch.node(entry), where) if entry is not None else "")
        value = _value(held, where)[:VALUE_LENGTH_MAX].rstrip() if held is not None else ""
        repetition = str(where.repetition) if 0 < where.repetition <= REPETITION_MAX else ""
        place = (str(where.element), str(where.component) if where.component else "", repetition)
        shown = value if _sendable(value, self._marks) else ""
        return segment("IK4", place, reference if re.fullmatch("[0-9]{1,4}", reference) else "", code, shown)

    def _pass(self, stretch: "Stretch[T]", numbers: set[int]) -> dict[int, tuple[_Unit | None, _Unit | None]]:
        """For each of these segments the business unit that it lies in, without and with the segment itself.

        A fault lies within a unit from the unit's own segment on, as long as that one's loop lasts (X12 RFI 1312).
        """
        tag, ordinal = UNITS.get(self._set[0], _NO_UNIT)
        found: dict[int, tuple[_Unit | None, _Unit | None]] = {}
        if not tag:
            return found
        if not numbers:
            self._skip(stretch, tag, ordinal)
            return found
        for index, entry in enumerate(stretch.trail):
            before = unit = self._unit
            if entry is not None:
                one, loop = stretch.seen(entry)
                if unit is not None and (not _within(loop, unit.loop) or (one == "HL" and loop == unit.loop)):
                    unit = None
                if one == tag:
                    unit = _Unit(f"{tag}{ordinal:02}", stretch.segment(index).at(ordinal), loop)
                self._unit = unit
            if stretch.first + index in numbers:
                found[stretch.first + index] = before, unit
        for number in numbers:
            if number >= stretch.first + len(stretch.trail):
                found[number] = self._unit, self._unit
        return found

    def _skip(self, stretch: "Stretch[T]", tag: str, ordinal: int) -> None:
        """The unit behind a stretch in which nothing is wrong, found from its end."""
        behind: set[tuple[str, str]] = set()
        unit = self._unit
        for index in range(len(stretch.trail) - 1, -1, -1):
            entry = stretch.trail[index]
            if entry is None:
                continue
            one, loop = stretch.seen(entry)
            if one == tag:
                unit = _Unit(f"{tag}{ordinal:02}", stretch.segment(index).at(ordinal), loop)
                break
            behind.add((one if one == "HL" else "", loop))
        over = unit and any(not _within(loop, unit.loop) or (one == "HL" and loop == unit.loop) for one, loop in behind)
        self._unit = None if over else unit


def judge_set(
    examined: Examined, *, taken: bool | None = None, refused: str = "", marks: Delimiters = STANDARD
) -> SetVerdict:
    """The verdict on a set that was examined as a whole; the arguments are those of ``SetJudge.verdict``."""
    one = examined.set
    judge = SetJudge(one.type, one.control_number, one.segments[0].at(3), marks)
    nodes = _nodes(examined.guide) if examined.guide and examined.findings else {}
    stretch = Stretch(
        first=1,
        trail=examined.names,
        seen=lambda each: (each.tag, each.loop),
        node=lambda each: nodes.get(id(each)),
        segment=one.segments.__getitem__,
    )
    judge.take(stretch, examined.findings)
    return judge.verdict(judged=examined.root is not None, taken=taken, refused=refused)


@cache
def _nodes(guide_name: str) -> Mapping[int, SegmentNode]:
    """What the guide says of each of its segments, by the identity of its name, which lives as long as the guide."""
    loaded = guide.load(guide_name)
    return {id(loaded.named(each)): each.node for each in loaded.compiled.places}


def _error_segments(error: _Error) -> Iterator[Segment]:
    where = error.where
    for start in range(0, len(error.elements) or 1, ELEMENTS_MAX):
        yield segment("IK3", where.tag, str(where.segment), _loop_id(where.loop), error.code)
        yield from error.triggers
        if error.unit:
            yield error.unit
        for each in error.elements[start : start + ELEMENTS_MAX]:
            yield from each


def _names_a_segment(where: Position) -> bool:
    return 0 < where.segment <= NUMBER_MAX and bool(re.fullmatch("[A-Z][A-Z0-9]{1,2}", where.tag))


def _reference(node: SegmentNode | None, where: Position) -> str:
    """The number of the X12 data element at a place, for IK402; "" where the guide has none."""
    element = next((each for each in node.elements if each.ordinal == where.element), None) if node else None
    if isinstance(element, CompositeNode) and where.component:
        return next((each.data_element for each in element.parts if each.ordinal == where.component), "")
    return element.data_element if element else ""


def _value(held: Segment, where: Position) -> str:
    """What stands at the place, for IK404; "" of a composite as a whole."""
    if held.tag != where.tag:
        return ""
    parts = held.composite(where.element, where.repetition or 1)
    if not where.component:
        return parts[0] if len(parts) == 1 else ""
    return parts[where.component - 1] if where.component <= len(parts) else ""


def _trigger(codes: Mapping[str, str]) -> Segment | None:
    """CTX of what made it required or forbidden here, where the finding says so: CTX02 tag, CTX03 segment, CTX04 path
    of loops, CTX05 place as 5:3, CTX06 number of the data element."""
    tag, number, loop, place, reference = (codes.get(f"CTX{ordinal:02}", "") for ordinal in range(2, 7))
    if not re.fullmatch("[A-Z][A-Z0-9]{1,2}", tag) or not re.fullmatch("[1-9][0-9]{0,5}", number):
        return None
    ordinals = tuple(place.split(":")) if re.fullmatch("[1-9][0-9]?(:[0-9]{0,2}){0,2}", place) else ("",)
    known = reference if re.fullmatch("[0-9]{1,4}", reference) else ""
    return segment("CTX", "SITUATIONAL TRIGGER", tag, number, _loop_id(loop), ordinals, known)


def _context(
    around: tuple[_Unit | None, _Unit | None] | None, loop: str, code: str, marks: Delimiters
) -> Segment | None:
    """CTX of the business unit; None where the place lies in none, or its identifier cannot be sent (X12 RFI 2293)."""
    before, here = around or (None, None)
    unit = before if code == SEGMENT_MISSING else here
    if unit is None or not _within(loop, unit.loop):
        return None
    value = unit.value[:CONTEXT_LENGTH_MAX].rstrip()
    return segment("CTX", (unit.name, value)) if value and _sendable(value, marks) else None


def _within(loop: str, outer: str) -> bool:
    return not outer or loop == outer or loop.startswith(f"{outer}/")


def _loop_id(path: str) -> str:
    """IK303 and CTX04: the innermost loop of a path, cut to what the element holds (2010AA becomes 2010)."""
    loop = path.rpartition("/")[2]
    return loop[:LOOP_LENGTH_MAX] if re.fullmatch("[0-9]{4}[A-Z]*", loop) else ""


def _sendable(value: str, marks: Delimiters) -> bool:
    """Whether the value can stand in an element: plain characters, none of them a delimiter, no blanks at the end."""
    own = {marks.element, marks.component, marks.repetition, marks.terminator}
    return value.isascii() and value.isprintable() and own.isdisjoint(value) and value == value.rstrip()
