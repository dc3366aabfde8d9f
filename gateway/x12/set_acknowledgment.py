"""One set's part of a 999 (005010X231A1, loop 2000): AK2, what is wrong where, and IK5.

It takes findings for what their codes say and judges nothing itself. A finding without a code of the 999 leaves no
trace in it, and what cannot be sent (a delimiter, a control character) is left out.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.errors import Finding, Position, Severity
from gateway.x12.codes import meaning
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
VALUE_LENGTH_MAX, CONTEXT_LENGTH_MAX, LOOP_LENGTH_MAX = 99, 35, 4  # X12 data elements 724, 9998, 447
NUMBER_MAX, ELEMENT_MAX, REPETITION_MAX = 999_999, 99, 9999  # 719, 722 and 1528, 1686

# AK201 as the guide lists it; a set of another type is only counted.
TYPES = frozenset({"270", "271", "276", "277", "278", "820", "834", "835", "837"})
# The segment whose 01 or 02 names the business unit that a fault lies in. CLM01: example of the guide; TRN02: X12 RFI
# 1312. Which name an 835 would use no source at hand says, so it has none.
UNITS = {"837": ("CLM", 1), **dict.fromkeys(("270", "271", "276", "277", "278"), ("TRN", 2))}


@dataclass(frozen=True, slots=True, kw_only=True)
class SetVerdict:
    """What a 999 says of one set. ``code`` is IK501 (A, E, R); ``segments`` AK2 to IK5, () where AK2 cannot name it."""

    code: str
    segments: tuple[Segment, ...]

    @property
    def accepted(self) -> bool:
        return self.code != "R"


def judge_set(
    examined: Examined, *, taken: bool | None = None, refused: str = "", marks: Delimiters = STANDARD
) -> SetVerdict:
    """The verdict on a set by its findings: one that blocks rejects it, and so does having no guide for it.

    ``taken`` says that it is worked on whatever its findings weigh: it is accepted, errors noted. ``refused`` is an
    IK502 code for which it is not. ``marks`` part what will be sent.
    """
    errors = _errors(examined.findings)
    codes = _set_codes(examined.findings, errors)
    if refused and refused not in codes:
        codes.append(refused)
    blocked = examined.root is None or any(each.severity is Severity.BLOCK for each in examined.findings)
    rejected = bool(refused) or (blocked and not taken)
    if rejected and not codes:
        codes.append(GUIDE_NOT_FOLLOWED)  # A finding that blocks, and has no code of its own.
    code = "R" if rejected else "E" if codes else "A"
    one = examined.set
    if one.type not in TYPES or not 4 <= len(one.control_number) <= 9 or not _sendable(one.control_number, marks):
        return SetVerdict(code=code, segments=())
    version = one.segments[0].at(3)
    body = [segment("AK2", one.type, one.control_number, version if _fits(version, 35, marks) else "")]
    body += _error_segments(examined, errors, marks)
    body.append(segment("IK5", code, *codes[:CODES_MAX]))
    return SetVerdict(code=code, segments=tuple(body))


@dataclass(slots=True)
class _Error:
    """One IK3 with its IK4: the findings of one kind about one segment."""

    where: Position
    code: str
    findings: list[Finding]


def _errors(findings: Iterable[Finding]) -> list[_Error]:
    """In the order of the segments; at most ERRORS_MAX."""
    found: dict[tuple[int, str, str, str], _Error] = {}
    for each in findings:
        codes = each.codes or {}
        code = codes.get("IK304", ELEMENT_ERRORS if "IK403" in codes else "")
        where = each.where
        if not meaning("IK304", code) or not isinstance(where, Position) or not _names_a_segment(where):
            continue
        key = (where.segment, where.tag, where.loop, code)
        if key in found:
            found[key].findings.append(each)
        elif len(found) < ERRORS_MAX:
            found[key] = _Error(where, code, [each])
    return sorted(found.values(), key=lambda each: each.where.segment)


def _names_a_segment(where: Position) -> bool:
    return 0 < where.segment <= NUMBER_MAX and bool(re.fullmatch("[A-Z][A-Z0-9]{1,2}", where.tag))


def _set_codes(findings: Iterable[Finding], errors: Iterable[_Error]) -> list[str]:
    """IK502 to IK506: what is wrong with segments in one code for the standard and one for the guide, then the rest."""
    codes: dict[str, None] = {}
    for error in errors:
        for each in error.findings:
            code = (each.codes or {}).get("IK403", "") if error.code == ELEMENT_ERRORS else error.code
            codes[GUIDE_NOT_FOLLOWED if code.startswith("I") else SEGMENTS_IN_ERROR] = None
    ordered = sorted(codes)
    for each in findings:
        code = (each.codes or {}).get("IK502", "")
        if meaning("IK502", code) and code not in ordered:
            ordered.append(code)
    return ordered


def _error_segments(examined: Examined, errors: Iterable[_Error], marks: Delimiters) -> Iterator[Segment]:
    units = _units(examined, {error.where.segment for error in errors}) if errors else {}
    for error in errors:
        where = error.where
        elements = [each for each in error.findings if (each.codes or {}).get("IK403")]
        plain = [each for each in error.findings if each not in elements]
        unit = _context(units.get(where.segment), error, marks)
        for start in range(0, len(elements) or 1, ELEMENTS_MAX):
            yield segment("IK3", where.tag, str(where.segment), _loop_id(where.loop), error.code)
            yield from _triggers(plain, 9)
            if unit:
                yield unit
            for each in elements[start : start + ELEMENTS_MAX]:
                yield from _element_segments(examined, each, marks)


def _element_segments(examined: Examined, finding: Finding, marks: Delimiters) -> Iterator[Segment]:
    where, codes = finding.where, finding.codes or {}
    assert isinstance(where, Position), "an element's finding has been sorted by its position"
    code = codes["IK403"]
    if not meaning("IK403", code) or not 0 < where.element <= ELEMENT_MAX or where.component > ELEMENT_MAX:
        return
    repetition = str(where.repetition) if 0 < where.repetition <= REPETITION_MAX else ""
    place = (str(where.element), str(where.component) if where.component else "", repetition)
    reference = codes.get("IK402", "")
    value = _value(examined, where)[:VALUE_LENGTH_MAX].rstrip()
    yield segment(
        "IK4",
        place,
        reference if re.fullmatch("[0-9]{1,4}", reference) else "",
        code,
        value if _sendable(value, marks) else "",
    )
    yield from _triggers((finding,), 10)


def _value(examined: Examined, where: Position) -> str:
    """What stands at the place, for IK404; "" of a composite as a whole."""
    held = examined.set.segments
    one = held[where.segment - 1] if where.segment <= len(held) else None
    if one is None or one.tag != where.tag:
        return ""
    parts = one.composite(where.element, where.repetition or 1)
    if not where.component:
        return parts[0] if len(parts) == 1 else ""
    return parts[where.component - 1] if where.component <= len(parts) else ""


def _triggers(findings: Iterable[Finding], most: int) -> Iterator[Segment]:
    """CTX of what made it required or forbidden here, where the finding says so: CTX02 tag, CTX03 segment, CTX04 loop,
    CTX05 place as 5:3, CTX06 reference of the data element."""
    told: set[tuple[str, ...]] = set()
    for each in findings:
        values = tuple((each.codes or {}).get(f"CTX{ordinal:02}", "") for ordinal in range(2, 7))
        tag, number, loop, place, reference = values
        sound = re.fullmatch("[A-Z][A-Z0-9]{1,2}", tag) and re.fullmatch("[1-9][0-9]{0,5}", number)
        if not sound or values in told or len(told) == most:
            continue
        told.add(values)
        ordinals = tuple(place.split(":")) if re.fullmatch("[0-9]{1,2}(:[0-9]{0,2}){0,2}", place) else ("",)
        references = tuple(reference.split(":")[:1]) if re.fullmatch("[0-9]{1,4}(:[0-9]{1,4})?", reference) else ("",)
        yield segment("CTX", "SITUATIONAL TRIGGER", tag, number, _loop_id(loop), ordinals, references)


def _loop_id(path: str) -> str:
    """IK303 and CTX04: the innermost loop of a path, cut to what the element holds (2010AA becomes 2010)."""
    loop = path.rpartition("/")[2]
    return loop[:LOOP_LENGTH_MAX] if re.fullmatch("[0-9]{4}[A-Z]*", loop) else ""


@dataclass(frozen=True, slots=True)
class _Unit:
    """A business unit that a place lies in: such as CLM01 of the claim around it."""

    name: str
    value: str
    loop: str


def _units(examined: Examined, numbers: set[int]) -> dict[int, tuple[_Unit | None, _Unit | None]]:
    """For each of these segments the unit that it lies in, before and with the segment itself.

    A fault lies within a unit from the unit's own segment on, as long as the loop of that segment lasts (X12 RFI 1312).
    """
    tag, ordinal = UNITS.get(examined.set.type, ("", 0))
    found: dict[int, tuple[_Unit | None, _Unit | None]] = {}
    unit: _Unit | None = None
    if not tag:
        return found
    for number, (one, names) in enumerate(zip(examined.set.segments, examined.names, strict=True), 1):
        before = unit
        if names is not None:
            if unit is not None and (
                not _within(names.loop, unit.loop) or (one.tag == "HL" and names.loop == unit.loop)
            ):
                unit = None
            if one.tag == tag:
                unit = _Unit(f"{tag}{ordinal:02}", one.at(ordinal), names.loop)
        if number in numbers:
            found[number] = before, unit
    beyond = len(examined.set.segments)
    found.update({number: (unit, unit) for number in numbers if number > beyond})
    return found


def _within(loop: str, outer: str) -> bool:
    return not outer or loop == outer or loop.startswith(f"{outer}/")


def _context(around: tuple[_Unit | None, _Unit | None] | None, error: _Error, marks: Delimiters) -> Segment | None:
    """CTX of the business unit; None where the place lies in none, or its identifier cannot be sent (X12 RFI 2293)."""
    before, here = around or (None, None)
    unit = before if error.code == SEGMENT_MISSING else here
    if unit is None or not _within(error.where.loop, unit.loop):
        return None
    value = unit.value[:CONTEXT_LENGTH_MAX].rstrip()
    return segment("CTX", (unit.name, value)) if value and _sendable(value, marks) else None


def _fits(value: str, longest: int, marks: Delimiters) -> bool:
    return 0 < len(value) <= longest and _sendable(value, marks)


def _sendable(value: str, marks: Delimiters) -> bool:
    """Whether the value can stand in an element: plain characters, none of them a delimiter, no blanks at the end."""
    own = {marks.element, marks.component, marks.repetition, marks.terminator}
    return value.isascii() and value.isprintable() and own.isdisjoint(value) and value == value.rstrip()
