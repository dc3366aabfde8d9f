"""Checks the elements of one segment against the guide's node for it: presence, length, type, code, date, repetition.

The slow path: it is asked where a segment's pattern (``patterns``) did not match, and has the last word. It never puts
a value into words.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from gateway.errors import Severity
from gateway.x12.nodes import CompositeNode, ElementNode, SegmentNode
from gateway.x12.tree import Segment

CODES_SHOWN_MAX = 12
SYNTAX, GUIDE, CODES = 1, 2, 5  # WEDI SNIP types
_DATE_FORMATS = frozenset({"D8", "D6", "DT", "TM", "RD8"})
_MISSING = "1"  # IK403
EARLIEST_YEAR = 1800  # An earlier one is a slip.
_FORMAT_QUALIFIER, _FORMATTED_DATE = "1250", "1251"  # X12 data elements
_WORDS_OF_TYPE = {"AN": "text", "ID": "a code", "DT": "a date", "TM": "a time", "R": "a decimal number"}
_NOT_SENDABLE = re.compile(r"[\x00-\x1f\x7f]")
_NOT_TEXT = re.compile(r"""[^A-Za-z0-9 !"&'()*+,\-./:;?=%~@\[\]_{}\\|<>^`#$]""")  # X12.6, extended, of 5010
_WHOLE = re.compile("-?[0-9]+")
_DECIMAL = re.compile(r"-?[0-9]*(?:\.[0-9]+)?")


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
    snip: int = GUIDE
    source: str = ""  # where it is another than the guide


@dataclass(frozen=True, slots=True)
class _Place:
    element: int
    component: int = 0
    repetition: int = 0

    def fault(
        self, rule: str, what: str, fix: str, code: str = "", *, severity: Severity = Severity.BLOCK, snip: int = GUIDE
    ) -> Fault:
        return Fault(
            rule=f"x12.element.{rule}",
            what=what,
            fix=fix,
            code=code,
            element=self.element,
            component=self.component,
            repetition=self.repetition,
            severity=severity,
            snip=snip,
        )


def check(node: SegmentNode, segment: Segment) -> Iterator[Fault]:
    """The faults of ``segment`` against its node, in the order of its elements."""
    children = {child.ordinal: child for child in node.elements}
    most = max(children, default=0)
    if len(segment.elements) > most and any(any(map(any, each)) for each in segment.elements[most:]):
        what = f"the segment has {len(segment.elements)} elements, the guide knows {most}"
        yield _Place(most + 1).fault("too_many", what, "Leave the rest out", "3", snip=SYNTAX)
    found = list(_check_each(children, most, segment))
    yield from found
    missing = {fault.element for fault in found if fault.code == _MISSING}
    if not found and not any(any(map(any, each)) for each in segment.elements):
        what = "the segment holds nothing; it must hold one element at least (X12.6)"
        yield _Place(1).fault("none", what, "Leave the segment out, or send what it is for", "2", snip=SYNTAX)
    for kind, ordinals in node.syntax:
        yield from (each for each in _check_syntax(kind, ordinals, segment) if each.element not in missing)


def _check_each(children: dict[int, ElementNode | CompositeNode], most: int, segment: Segment) -> Iterator[Fault]:
    date_format = ""
    for ordinal in range(1, most + 1):
        child = children.get(ordinal)
        if child is None:
            continue
        repetitions = segment.repetitions(ordinal) or (("",),)
        yield from _check_repetitions(child, repetitions, ordinal)
        for count, components in enumerate(repetitions, 1):
            place = _Place(ordinal, 0, count if len(repetitions) > 1 else 0)
            if isinstance(child, CompositeNode):
                yield from _check_composite(child, components, place)
                continue
            if child.data_element == _FORMAT_QUALIFIER:
                date_format = components[0]
            yield from _check_simple(child, components, place, date_format)


def _check_repetitions(
    child: ElementNode | CompositeNode, repetitions: tuple[tuple[str, ...], ...], ordinal: int
) -> Iterator[Fault]:
    if len(repetitions) > child.repeat:
        what = f"{child.name} is repeated {len(repetitions)} times, the guide allows {child.repeat}"
        place = _Place(ordinal, 0, child.repeat + 1)
        yield place.fault("repeated", what, "Leave the rest out, or check the repetition separator", "12")


def _check_composite(node: CompositeNode, components: tuple[str, ...], place: _Place) -> Iterator[Fault]:
    name = node.name
    if not any(components):
        if node.usage == "R":
            yield place.fault("missing", f"{name} is missing", "Send it; the guide requires it", _MISSING)
        return
    if node.usage == "N":
        yield place.fault("not_used", f"{name} is not used in this guide", "Leave it out", "I10")
        return
    children = {child.ordinal: child for child in node.parts}
    most = max(children, default=0)
    if any(components[most:]):
        what = f"{name} has {len(components)} components, the guide knows {most}"
        fix = "Leave the rest out, or check the component separator"
        yield place.fault("components", what, fix, "13", snip=SYNTAX)
    date_format = ""
    for ordinal in range(1, most + 1):
        child = children.get(ordinal)
        if child is None:
            continue
        value = components[ordinal - 1] if ordinal <= len(components) else ""
        if child.data_element == _FORMAT_QUALIFIER:
            date_format = value
        yield from _check_value(child, value, _Place(place.element, ordinal, place.repetition), date_format)


def _check_simple(node: ElementNode, components: tuple[str, ...], place: _Place, date_format: str) -> Iterator[Fault]:
    if len(components) > 1:
        what = f"{node.name} has components, but it is a simple element"
        fix = "Send one value, or check the component separator"
        yield place.fault("components", what, fix, "13", snip=SYNTAX)
        return
    yield from _check_value(node, components[0], place, date_format)


def _check_value(node: ElementNode, value: str, place: _Place, date_format: str) -> Iterator[Fault]:
    name = node.name
    if not value:
        if node.usage == "R":
            yield place.fault("missing", f"{name} is missing", "Send it; the guide requires it", _MISSING)
        return
    if node.usage == "N":
        yield place.fault("not_used", f"{name} is not used in this guide", "Leave it out", "I10")
        return
    bare = value.rstrip(" ")
    if node.type in ("AN", "ID") and bare != value and len(bare) >= node.shortest:
        what = f"{name} ends in blanks"
        yield place.fault("trailing_blanks", what, "Send it without them", severity=Severity.WARN, snip=SYNTAX)
        value = bare
    yield from _check_length(node, value, place)
    if _NOT_SENDABLE.search(value):
        yield _character(node, place)
        return
    yield from _check_type(node, value, place, date_format)
    yield from _check_code(node, value, place)


def _check_length(node: ElementNode, value: str, place: _Place) -> Iterator[Fault]:
    """Signs and decimal points of numbers do not count (X12.6)."""
    length = len(value.replace("-", "").replace(".", "")) if node.type[0] in "NR" else len(value)
    what = f"{node.name} has {length} characters; the "
    if length < node.shortest:
        yield place.fault(
            "short", f"{what}shortest allowed is {node.shortest}", "Send the whole value", "4", snip=SYNTAX
        )
    if length > node.longest:
        yield place.fault("long", f"{what}longest allowed is {node.longest}", "Shorten the value", "5", snip=SYNTAX)


def _check_type(node: ElementNode, value: str, place: _Place, date_format: str) -> Iterator[Fault]:
    name, kind = node.name, node.type
    if kind == "B":
        return
    sound = {"N": _WHOLE.fullmatch, "R": _DECIMAL.fullmatch}.get(kind[0])
    if kind == "DT":
        if not _is_date(value):
            yield _date(name, place, date_format)
    elif kind == "TM":
        if not _is_time(value):
            yield place.fault("time", f"{name} is not a time", "Send it as HHMM, or HHMMSS", "9", snip=SYNTAX)
    elif sound is not None:
        if not sound(value) or not re.search("[0-9]", value):
            yield _character(node, place)
    elif _NOT_TEXT.search(value):
        yield _character(node, place)
    if node.data_element == _FORMATTED_DATE and date_format in _DATE_FORMATS:
        yield from _check_formatted(name, value, place, date_format)


def _check_formatted(name: str, value: str, place: _Place, date_format: str) -> Iterator[Fault]:
    """A value whose format the element before it names (X12 data element 1250)."""
    if date_format == "RD8":
        days = value.split("-")
        if len(days) != 2 or not all(len(each) == 8 and _is_date(each) for each in days):
            fix = "Send it as CCYYMMDD-CCYYMMDD"
            yield place.fault("date", f"{name} is not a range of dates", fix, "8", snip=SYNTAX)
    elif date_format == "TM":
        if not _is_time(value):
            yield place.fault("time", f"{name} is not a time", "Send it as HHMM, or HHMMSS", "9", snip=SYNTAX)
    elif not _is_date(value) or len(value) != {"D6": 6, "D8": 8}.get(date_format, len(value)):
        yield _date(name, place, date_format)


def _check_code(node: ElementNode, value: str, place: _Place) -> Iterator[Fault]:
    name = node.name
    if node.codes and value not in node.codes:
        what, snip = f"{name} is not a code that the guide allows here", CODES if node.external else GUIDE
        yield place.fault("code", what, _form(node), "7", snip=snip)
    if node.pattern and not re.search(node.pattern, value, re.DOTALL):
        what = f"{name} does not have the form that the guide asks for"
        yield place.fault("pattern", what, "Look the value up in the guide", "I12")


def _is_date(text: str) -> bool:
    """CCYYMMDD from 1800 on, or YYMMDD, or CCYYMMDDHHMM."""
    if not re.fullmatch("[0-9]{6}|[0-9]{8}|[0-9]{12}", text):
        return False
    if len(text) == 6:
        text = ("20" if text < "5" else "19") + text
    try:
        day = date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return False
    return day.year >= EARLIEST_YEAR and (len(text) == 8 or _is_time(text[8:]))


def _is_time(text: str) -> bool:
    """HHMM, HHMMSS, or with tenths or hundredths of a second behind it."""
    return bool(re.fullmatch("(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9][0-9]{0,2})?", text))


def _date(name: str, place: _Place, date_format: str) -> Fault:
    fix = f"Send a day of the calendar as {'YYMMDD' if date_format == 'D6' else 'CCYYMMDD'}"
    return place.fault("date", f"{name} is not a date", fix, "8", snip=SYNTAX)


def _character(node: ElementNode, place: _Place) -> Fault:
    kind = _WORDS_OF_TYPE.get(node.type, "a whole number")
    what = f"{node.name} holds a character that cannot stand in {kind}"
    return place.fault("character", what, "Take the character out", "6", snip=SYNTAX)


def _form(node: ElementNode) -> str:
    if node.external:
        return f"Send a current code of the list {node.external}"
    more = ", ..." if len(node.codes) > CODES_SHOWN_MAX else ""
    return f"Send one of {', '.join(node.codes[:CODES_SHOWN_MAX])}{more}"


def _check_syntax(kind: str, ordinals: tuple[int, ...], segment: Segment) -> Iterator[Fault]:
    """Notes P, R, E, C and L of X12.6: which elements of a segment go together."""
    present = [each for each in ordinals if any(map(any, segment.repetitions(each)))]
    absent = [each for each in ordinals if each not in present]
    tags = [f"{segment.tag}{each:02}" for each in ordinals]
    if kind == "E" and len(present) > 1:
        what = f"only one of {', '.join(tags)} may be sent"
        yield _Place(present[1]).fault("exclusive", what, "Leave all but one out", "10", snip=SYNTAX)
    elif kind == "R" and not present:
        what = f"one of {', '.join(tags)} must be sent"
        yield _Place(ordinals[0]).fault("conditional", what, "Send one of them", "2", snip=SYNTAX)
    elif kind == "P" and present and absent:
        what = f"{', '.join(tags)} go together, and some are missing"
        yield _Place(absent[0]).fault("conditional", what, "Send all of them or none", "2", snip=SYNTAX)
    elif kind == "C" and ordinals[0] in present and absent:
        what = f"{tags[0]} is sent without {', '.join(tags[1:])}"
        yield _Place(absent[0]).fault("conditional", what, "Send all of them", "2", snip=SYNTAX)
    elif kind == "L" and present == list(ordinals[:1]):
        what = f"{tags[0]} is sent without any of {', '.join(tags[1:])}"
        yield _Place(ordinals[1]).fault("conditional", what, "Send one of them", "2", snip=SYNTAX)
