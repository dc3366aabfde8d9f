"""Segments that were read, many at once, and what is odd about how they are written.

It reads nothing itself; ``codec`` fills it.
"""

import re
from dataclasses import dataclass, field

from gateway.errors import Finding, Position, Severity
from gateway.x12.tree import Delimiters, Segment

_ODD = {
    "byte_order_mark": "the document begins with a byte order mark",
    "empty": "there is an empty segment",
    "indented": "there are blanks before a segment",
    "folded": "there is a line break inside of a segment; it was read as if it were not there",
    "trailing_separator": "a segment ends in an element separator",
    "binary_length": "a binary segment does not say how long its data is; it was read to the next terminator",
    "unterminated": "the last segment has no terminator",
    "isa_length": "ISA does not have 106 characters",
    "isa_component": "ISA16 names no component separator",
    "isa_repetition": "ISA11 names no repetition separator that can be used; elements are not split",
}
_NOTES = {"isa_component": "027", "isa_repetition": "016"}  # TA105


@dataclass(slots=True)
class Batch:
    """Segments of one interchange that follow each other. ``texts`` stand between the standard delimiters, whatever
    the document's are; ``odd`` holds what is odd about a segment, by its index (one behind the last: at the end).

    ``first`` is the ordinal of the first within its interchange. The segments' own values come from ``segment``.
    """

    texts: list[str]
    marks: Delimiters
    first: int
    back: dict[int, int] = field(default_factory=dict)  # from the standard delimiters to the document's
    start: int = 0  # offset of the first, where they follow each other by ``gap``
    gap: int = 1
    offsets: list[int] | None = None
    binaries: dict[int, Segment] = field(default_factory=dict)  # whose values the text does not give, binary or not
    odd: dict[int, list[tuple[str, int]]] = field(default_factory=dict)  # kind, offset
    _reached: tuple[int, int] = (0, 0)  # an index, and the length of all before it

    def offset(self, index: int) -> int:
        """Where in the document a segment begins, in bytes."""
        if self.offsets is not None:
            return self.offsets[index]
        at, length = self._reached
        if at == index - 1:
            length += len(self.texts[at]) + self.gap
        elif at != index:
            at = at if at < index else 0
            length = (length if at else 0) + sum(map(len, self.texts[at:index])) + (index - at) * self.gap
        self._reached = index, length
        return self.start + length

    def segment(self, index: int, number: int = 0) -> Segment:
        """A segment with its own values and delimiters; ``number`` is its ordinal in the set, else its own here."""
        number = number or self.first + index
        binary = self.binaries.get(index)
        if binary is not None:
            return Segment(binary.tag, binary.elements, number, self.offset(index))
        text = self.texts[index]
        return Segment.from_text(
            text.translate(self.back) if self.back else text, self.marks, number, self.offset(index)
        )

    def segments(self, start: int, stop: int, number: int) -> list[Segment]:
        """The segments between two indices; ``number`` is the first one's ordinal in the set."""
        if self.back or self.binaries:
            return [self.segment(index, number + index - start) for index in range(start, stop)]
        return Segment.from_texts(
            self.texts[start:stop], self.marks, number, lambda ordinal: self.offset(start + ordinal - number)
        )


def oddity(kind: str, where: Position) -> Finding:
    """The finding of something that is odd but readable."""
    note = _NOTES.get(kind)
    return Finding(
        rule=f"x12.codec.{kind}",
        severity=Severity.WARN,
        what=_ODD[kind],
        fix="Nothing to do here; ask the sender to mend it, for others may refuse the file",
        where=where,
        source="X12.5",
        codes={"TA105": note} if note else None,
        snip=1,
    )


def sound_tag(tag: str) -> str:
    """The tag where it looks like one, else "": what stands there in a broken file may be anything, even a name."""
    return tag if re.fullmatch("[A-Z][A-Z0-9]{1,2}", tag) else ""
