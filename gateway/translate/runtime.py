"""What generated code calls: the ways of a value that are rare or long, and every error.

Errors name the place and what is wrong with the value, never the value.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from gateway.errors import GatewayError, Position
from gateway.translate.forms import Form
from gateway.translate.lines import Line, strange_element
from gateway.x12.tree import Loop, Repetitions, Segment

BLANK: Repetitions = (("",),)
CORRECTED = "Ask the sender for a corrected document"
LOOKED_AT = f"{CORRECTED}, or look at the segment in the stored one"

# --- Reading ---


def first(text: str, component: str, repetition: str) -> str:
    """The first component of the first repetition of an element; the marks are "" where there are none."""
    if repetition:
        text = text.partition(repetition)[0]
    return text.partition(component)[0] if component else text


def composite(text: str, component: str, repetition: str) -> list[str]:
    """The components of the first repetition."""
    if repetition:
        text = text.partition(repetition)[0]
    return text.split(component) if component else [text]


def repeated(text: str, component: str, repetition: str) -> list[str]:
    """The first component of each repetition."""
    if not text:
        return []
    return [first(each, component, "") for each in (text.split(repetition) if repetition else [text])]


def understood(
    form: Form, text: str, component: str, repetition: str, segment: Segment, loop: str, place: tuple[int, int, int]
) -> Any:
    """The value of an element's text that was not met before, None where its first component is empty. ``place`` is
    element, component, repetition. Raises GatewayError for what is no such value."""
    if component in text or repetition in text:
        text = first(text, component, repetition)
        if not text:
            return None
    try:
        return form.understood(text)
    except ValueError as error:
        raise _wrong(f"the value cannot be read: {error}", segment, loop, *place) from None


def misshapen(segment: Segment, loop: str, place: tuple[int, int, int]) -> GatewayError:
    return _wrong("the value has another shape than expected", segment, loop, *place)


def strange(lines: Sequence[Line], segment: Segment, loop: str) -> GatewayError:
    """For a segment that lines know by its tag and first code, but none by a code that stands further back: read past
    it, and a value would mean something else."""
    return _wrong("the map knows no such code here", segment, loop, strange_element(lines, segment))


def missing(element: str, kind: str, name: str, where: Position | str) -> GatewayError:
    article = "an" if kind[0] in "AEIO" else "a"
    what = f"{element} is missing, and {article} {kind} cannot do without its {name}"
    return GatewayError(what, where=where, fix=CORRECTED)


def contradiction(kind: type, error: AssertionError, where: Position | str) -> GatewayError:
    return GatewayError(f"the {kind.__name__} contradicts itself: {error}", where=where, fix=CORRECTED)


def place(loop: Loop, path: str) -> Position:
    """Where a record was found: the first segment of its loop."""
    if not loop.segments:
        return Position(loop=path)
    return Position(loop=path, segment=loop.segments[0].number, tag=loop.segments[0].tag)


def at_segment(segment: Segment, loop: str) -> Position:
    return Position(loop=loop, segment=segment.number, tag=segment.tag)


def _wrong(
    what: str, segment: Segment, loop: str, element: int, component: int = 0, repetition: int = 0
) -> GatewayError:
    where = Position(
        loop=loop,
        segment=segment.number,
        tag=segment.tag,
        element=element,
        component=component,
        repetition=repetition,
    )
    return GatewayError(what, where=where, fix=LOOKED_AT)


# --- Building ---


@dataclass(slots=True)
class Written:
    """The message so far, and what is known only later: which levels have others below them."""

    root: Any
    segments: list[Segment] = field(default_factory=list)
    levels: int = 0
    parents: set[int] = field(default_factory=set)
    children: list[tuple[int, int, int]] = field(default_factory=list)  # segment, element, level

    def finish(self) -> list[Segment]:
        for at, element, level in self.children:
            segment, text = self.segments[at], "1" if level in self.parents else "0"
            if segment.parts:
                segment.parts[element] = text
            else:
                parts = list(segment.elements)
                parts[element - 1] = ((text,),)
                self.segments[at] = Segment(segment.tag, tuple(parts))
        return self.segments


def written(form: Form, value: Any, name: str, where: str) -> str:
    """A value's text. Raises GatewayError for one that the form has no text for."""
    try:
        return form.written(value)
    except ValueError as error:
        raise GatewayError(
            f"the field {name} cannot be written: {error}", where=where, fix="Correct it in the record"
        ) from None


def all_written(form: Form, values: Sequence[Any], most: int, name: str, where: str) -> list[str]:
    """The texts of several values, of which ``most`` have room (0: any number)."""
    if most and len(values) > most:
        raise crowded(f"{len(values)} values do not fit, {most} do", where)
    return [written(form, each, name, where) for each in values]


def crowded(what: str, where: str) -> GatewayError:
    return GatewayError(what, where=where, fix="Send fewer")


def half(where: str) -> GatewayError:
    return GatewayError("one half of the value is missing", where=where, fix="Give both, or neither")


def follow(record: Any, path: Sequence[str]) -> Any:
    """The value at a path of field names; None where a record on the way is missing."""
    for name in path:
        record = None if record is None else getattr(record, name)
    return record


def runs(records: Sequence[Any], key: Callable[[Any], Any]) -> list[list[Any]]:
    """The records that follow each other and agree."""
    return [list(run) for _, run in groupby(records, key)]


def packed(records: Sequence[Any], key: Callable[[Any], Any], most: int) -> Iterator[list[Any]]:
    """Runs of records, as long as one segment has room."""
    for run in runs(records, key):
        yield from (run[start : start + most] for start in range(0, len(run), most))
