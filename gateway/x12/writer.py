"""Turns segments into bytes. It never writes what would be read as something else."""

import re
from collections.abc import Iterable

from gateway.errors import GatewayError, Position
from gateway.x12.tree import Delimiters, Segment, sound_texts

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def write(segments: Iterable[Segment], delimiters: Delimiters) -> bytes:
    """The bytes of these segments. Empty elements, repetitions and components at an end are left out, as X12.6 asks.

    Raises GatewayError where a value holds a delimiter or a control character: it would be read as something else.
    An ISA is written as it is: it names the delimiters.
    """
    segments = list(segments)
    texts = sound_texts(segments, delimiters)
    if texts is None:
        forbidden = {each for each in (delimiters.element, delimiters.component, delimiters.repetition) if each}
        forbidden.add(delimiters.terminator)
        texts = [_text(each, delimiters, forbidden) for each in segments]
    ends = delimiters.terminator + delimiters.line_end
    return "".join([text + ends for text in texts]).encode()


def _text(segment: Segment, marks: Delimiters, forbidden: set[str]) -> str:
    """The long way to a segment's text: leaves out what is empty at an end, and finds what cannot be written."""
    if segment.tag == "ISA":
        return marks.element.join([segment.tag, *(element[0][0] for element in segment.elements)])
    parts = [segment.tag]
    for ordinal, element in enumerate(segment.elements, 1):
        shown = []
        for repetition, composite in enumerate(element, 1):
            for component, value in enumerate(composite, 1):
                if not forbidden.isdisjoint(value) or _CONTROL.search(value) or _SURROGATE.search(value):
                    where = Position(
                        segment=segment.number,
                        tag=segment.tag,
                        element=ordinal,
                        component=component if len(composite) > 1 else 0,
                        repetition=repetition if len(element) > 1 else 0,
                    )
                    raise GatewayError(
                        "the value holds a character that parts segments or elements, or one that cannot be sent",
                        where=where,
                        fix="Take the character out of the value, or give the partner other delimiters",
                    )
            shown.append(_join(composite, marks.component, segment, ordinal))
        parts.append(_join(shown, marks.repetition, segment, ordinal))
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return marks.element.join(parts)


def _join(values: Iterable[str], separator: str, segment: Segment, element: int) -> str:
    kept = list(values)
    while len(kept) > 1 and not kept[-1]:
        kept.pop()
    if len(kept) > 1 and not separator:
        raise GatewayError(
            "the value has parts, but the interchange has no separator for them",
            where=Position(segment=segment.number, tag=segment.tag, element=element),
            fix="Give the partner a component and a repetition separator",
        )
    return separator.join(kept)
