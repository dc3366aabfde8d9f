"""Checks the elements of one segment against the guide's node for it: presence, length, type, code, date, repetition.

The nodes are pyx12's, handed in by ``guide``. Each value is put to its node by itself, because pyx12 knows no
repetitions and raises on too many components or hyphens. It never puts a value into words.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from gateway.errors import Severity
from gateway.x12.tree import Segment

CODES_SHOWN_MAX = 12
_LIST = re.compile(r"\^\(([A-Z0-9]+(?:\|[A-Z0-9]+)*)\)\$")  # A pattern that is nothing but a list of codes.
_DATE_FORMATS = frozenset({"D8", "D6", "DT", "TM", "RD8"})
_MISSING = "1"  # IK403
_FORMAT_QUALIFIER, _FORMATTED_DATE = "1250", "1251"  # X12 data elements
_WORDS_OF_TYPE = {"AN": "text", "ID": "a code", "DT": "a date", "TM": "a time", "R": "a decimal number"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with one element; ``code`` is its IK403 of the 999, "" where there is none."""

    rule: str
    what: str
    fix: str
    code: str
    element: int
    component: int = 0
    repetition: int = 0
    severity: Severity = Severity.BLOCK


class _Value:
    """What pyx12 asks of a simple element."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def is_composite(self) -> bool:
        return False

    def get_value(self) -> str:
        return self._text


@dataclass(frozen=True, slots=True)
class _Place:
    element: int
    component: int = 0
    repetition: int = 0

    def fault(self, rule: str, what: str, fix: str, code: str = "", *, severity: Severity = Severity.BLOCK) -> Fault:
        return Fault(
            rule=f"x12.element.{rule}",
            what=what,
            fix=fix,
            code=code,
            element=self.element,
            component=self.component,
            repetition=self.repetition,
            severity=severity,
        )


def check(node: Any, segment: Segment) -> Iterator[Fault]:
    """The faults of ``segment`` against pyx12's segment node, in the order of its elements."""
    children = {child.seq: child for child in node.children}
    most = max(children, default=0)
    if len(segment.elements) > most and any(any(map(any, each)) for each in segment.elements[most:]):
        what = f"the segment has {len(segment.elements)} elements, the guide knows {most}"
        yield _Place(most + 1).fault("too_many", what, "Leave the rest out", "3")
    missing: set[int] = set()
    for fault in _check_each(children, most, segment):
        if fault.code == _MISSING:
            missing.add(fault.element)
        yield fault
    for rule in node.syntax:
        yield from (each for each in _check_syntax(rule, segment) if each.element not in missing)


def _check_each(children: dict[int, Any], most: int, segment: Segment) -> Iterator[Fault]:
    date_format = ""
    for ordinal in range(1, most + 1):
        child = children.get(ordinal)
        if child is None:
            continue
        repetitions = segment.repetitions(ordinal) or (("",),)
        yield from _check_repetitions(child, repetitions, ordinal)
        for count, components in enumerate(repetitions, 1):
            place = _Place(ordinal, 0, count if len(repetitions) > 1 else 0)
            if child.is_composite():
                yield from _check_composite(child, components, place)
                continue
            if child.data_ele == _FORMAT_QUALIFIER:
                date_format = components[0]
            yield from _check_simple(child, components, place, date_format)


def _check_repetitions(child: Any, repetitions: tuple[tuple[str, ...], ...], ordinal: int) -> Iterator[Fault]:
    allowed = _repetitions_max(child)
    if len(repetitions) > allowed:
        what = f"{_name(child)} is repeated {len(repetitions)} times, the guide allows {allowed}"
        place = _Place(ordinal, 0, allowed + 1)
        yield place.fault("repeated", what, "Leave the rest out, or check the repetition separator", "12")


def _repetitions_max(child: Any) -> int:
    stated = child.repeat if child.is_composite() else child.max_use
    text = str(stated or 1)
    return int(text) if text.isdigit() else 1 << 30


def _check_composite(node: Any, components: tuple[str, ...], place: _Place) -> Iterator[Fault]:
    name = _name(node)
    if not any(components):
        if node.usage == "R":
            yield place.fault("missing", f"{name} is missing", "Send it; the guide requires it", "1")
        return
    if node.usage == "N":
        yield place.fault("not_used", f"{name} is not used in this guide", "Leave it out", "I10")
        return
    children = {child.seq: child for child in node.children}
    most = max(children, default=0)
    if any(components[most:]):
        what = f"{name} has {len(components)} components, the guide knows {most}"
        yield place.fault("components", what, "Leave the rest out, or check the component separator", "13")
    date_format = ""
    for ordinal in range(1, most + 1):
        child = children.get(ordinal)
        if child is None:
            continue
        value = components[ordinal - 1] if ordinal <= len(components) else ""
        if child.data_ele == _FORMAT_QUALIFIER:
            date_format = value
        yield from _check_value(child, value, _Place(place.element, ordinal, place.repetition), date_format)


def _check_simple(node: Any, components: tuple[str, ...], place: _Place, date_format: str) -> Iterator[Fault]:
    if len(components) > 1:
        what = f"{_name(node)} has components, but it is a simple element"
        yield place.fault("components", what, "Send one value, or check the component separator", "13")
        return
    yield from _check_value(node, components[0], place, date_format)


def _check_value(node: Any, value: str, place: _Place, date_format: str) -> Iterator[Fault]:
    try:
        yield from _ask(node, value, place, date_format if node.data_ele == _FORMATTED_DATE else "")
    except Exception as fault:  # pyx12 raises whatever it stumbles over; the segment must still be read.
        what = f"{_name(node)} could not be checked ({type(fault).__name__})"
        yield place.fault("unchecked", what, "Look at the element by hand", severity=Severity.NOT_EVALUATED)


def _ask(node: Any, value: str, place: _Place, date_format: str) -> Iterator[Fault]:
    kind = node.data_type if value else ""
    bare = value.rstrip(" ")
    if kind == "AN" and bare != value and len(bare) >= node.min_len:
        what = f"{_name(node)} ends in blanks"
        yield place.fault("trailing_blanks", what, "Send it without them", severity=Severity.WARN)
        value = bare
    formats = [date_format] if date_format in _DATE_FORMATS else []
    if formats == ["RD8"] and value:
        formats = []
        days = value.split("-")
        if len(days) != 2 or not all(map(_is_day, days)):
            yield place.fault("date", f"{_name(node)} is not a range of dates", "Send it as CCYYMMDD-CCYYMMDD", "8")
    _, errors = node.is_valid_errors(_Value(value), formats)
    codes = {error.err_cde for error in errors}
    if kind and kind[0] in "NR" and not re.search("[0-9]", value):
        codes |= {"6"}  # pyx12 lets a lone sign or point pass as a number.
    for code in sorted(codes, key=int):
        yield _in_words(node, value, code, place, date_format)


def _is_day(text: str) -> bool:
    if not re.fullmatch("[0-9]{8}", text):
        return False
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True


def _in_words(node: Any, value: str, code: str, place: _Place, date_format: str) -> Fault:
    name = _name(node)
    match code:
        case "1":
            return place.fault("missing", f"{name} is missing", "Send it; the guide requires it", "1")
        case "4":
            what = f"{name} has {len(value)} characters; the shortest allowed is {node.min_len}"
            return place.fault("short", what, "Send the whole value", "4")
        case "5":
            what = f"{name} has {len(value)} characters; the longest allowed is {node.max_len}"
            return place.fault("long", what, "Shorten the value", "5")
        case "6":
            kind = _WORDS_OF_TYPE.get(node.data_type, "a whole number")
            what = f"{name} holds a character that cannot stand in {kind}"
            return place.fault("character", what, "Take the character out", "6")
        case "8":
            fix = f"Send a day of the calendar as {'YYMMDD' if date_format == 'D6' else 'CCYYMMDD'}"
            return place.fault("date", f"{name} is not a date", fix, "8")
        case "9":
            return place.fault("time", f"{name} is not a time", "Send it as HHMM, or HHMMSS", "9")
        case "10":
            return place.fault("not_used", f"{name} is not used in this guide", "Leave it out", "I10")
    if node.rec is not None and not node.rec.search(value) and not _codes(node):
        return place.fault("pattern", f"{name} does not have the form that the guide asks for", _form(node), "I12")
    return place.fault("code", f"{name} is not a code that the guide allows here", _form(node), "7")


def _form(node: Any) -> str:
    codes = _codes(node)
    if codes and node.data_type == "ID":
        more = ", ..." if len(codes) > CODES_SHOWN_MAX else ""
        return f"Send one of {', '.join(codes[:CODES_SHOWN_MAX])}{more}"
    if node.external_codes:
        return f"Send a current code of the list {node.external_codes}"
    return "Look the value up in the guide"


def _codes(node: Any) -> list[str]:
    """The node's codes. Our guides give them as a pattern where pyx12 would lose the segment with a wrong one."""
    listed = _LIST.fullmatch(node.res or "") if node.rec is not None else None
    return listed[1].split("|") if listed else [code for code in node.valid_codes if code]


def _check_syntax(rule: list[Any], segment: Segment) -> Iterator[Fault]:
    """Notes P, R, E, C and L of X12.6: which elements of a segment go together."""
    kind, *ordinals = rule
    present = [each for each in ordinals if any(map(any, segment.repetitions(each)))]
    absent = [each for each in ordinals if each not in present]
    tags = [f"{segment.tag}{each:02}" for each in ordinals]
    if kind == "E" and len(present) > 1:
        what = f"only one of {', '.join(tags)} may be sent"
        yield _Place(present[1]).fault("exclusive", what, "Leave all but one out", "10")
    elif kind == "R" and not present:
        what = f"one of {', '.join(tags)} must be sent"
        yield _Place(ordinals[0]).fault("conditional", what, "Send one of them", "2")
    elif kind == "P" and present and absent:
        what = f"{', '.join(tags)} go together, and some are missing"
        yield _Place(absent[0]).fault("conditional", what, "Send all of them or none", "2")
    elif kind == "C" and ordinals[0] in present and absent:
        what = f"{tags[0]} is sent without {', '.join(tags[1:])}"
        yield _Place(absent[0]).fault("conditional", what, "Send all of them", "2")
    elif kind == "L" and present == ordinals[:1]:
        what = f"{tags[0]} is sent without any of {', '.join(tags[1:])}"
        yield _Place(ordinals[1]).fault("conditional", what, "Send one of them", "2")


def _name(node: Any) -> str:
    return " ".join((node.name or node.refdes or "the element").split())
