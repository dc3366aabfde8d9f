"""The shapes a document takes once it is read: segments, and the loops that the guide finds them in."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

Repetitions = tuple[tuple[str, ...], ...]  # An element: its repetitions, each a tuple of components.


@dataclass(frozen=True, slots=True, kw_only=True)
class Delimiters:
    """The characters that part an interchange; "" where there is none. ``line_end`` follows each terminator."""

    element: str = "*"
    component: str = ":"
    repetition: str = "^"
    terminator: str = "~"
    line_end: str = ""


STANDARD = Delimiters()
UNDIVIDED = Delimiters(component="", repetition="")
INNER = Delimiters(component="\x1f", repetition="\x1d")  # Control characters, which no value may hold.
_new = object.__new__


class Segment:
    """One segment: ``elements[e][r][c]`` is component c of repetition r of element e, all counted from 0.

    ``number`` counts from 1 within the set (ST is 1); ``offset`` is the byte at which it starts, -1 if built.
    Two segments are equal when tag and elements are. One that was read keeps its text, and is taken apart when asked:
    ``parts`` are the texts between element separators, the tag first, and ``marks`` parts these further. ``parts`` is
    empty where the segment was given by its elements.
    """

    __slots__ = ("_elements", "_offset", "marks", "number", "parts", "tag")

    def __init__(self, tag: str, elements: tuple[Repetitions, ...] = (), number: int = 0, offset: int = -1) -> None:
        self.tag = tag
        self.number = number
        self._offset: int | Callable[[int], int] = offset
        self._elements: tuple[Repetitions, ...] | None = elements
        self.parts: list[str] = []
        self.marks = STANDARD

    @classmethod
    def from_text(cls, text: str, marks: Delimiters = STANDARD, number: int = 0, offset: int = -1) -> "Segment":
        """A segment from its text without terminator, as it stands between these delimiters."""
        one = _new(cls)
        one.parts = parts = text.split(marks.element)
        one.tag = parts[0]
        one.number = number
        one._offset = offset
        one._elements = None
        one.marks = marks
        return one

    @classmethod
    def from_texts(
        cls, texts: Sequence[str], marks: Delimiters, number: int, offset_of: Callable[[int], int]
    ) -> "list[Segment]":
        """Segments that follow each other in a set, from the first one's number on. ``offset_of`` gives the offset of
        the one with a number, once somebody asks."""
        element, new, made = marks.element, _new, []
        for text in texts:
            one = new(cls)
            one.parts = parts = text.split(element)
            one.tag = parts[0]
            one.number = number
            one._offset = offset_of
            one._elements = None
            one.marks = marks
            made.append(one)
            number += 1
        return made

    @property
    def offset(self) -> int:
        """The byte at which it starts, -1 if built."""
        held = self._offset
        return held if isinstance(held, int) else held(self.number)

    @property
    def elements(self) -> tuple[Repetitions, ...]:
        """All of them, taken apart."""
        if self._elements is None:
            marks, parts = self.marks, self.parts[1:]
            c, r = marks.component, marks.repetition
            if self.tag == "ISA" or not (c or r):  # An ISA names the delimiters.
                self._elements = tuple([((each,),) for each in parts])
            elif c and r:
                self._elements = tuple(
                    [((each,),) if c not in each and r not in each else _split(each, marks) for each in parts]
                )
            else:
                self._elements = tuple([_split(each, marks) for each in parts])
        return self._elements

    def cut(self, marks: Delimiters) -> list[str]:
        """Like ``parts``, of a segment that was given by its elements, between other marks."""
        joined = (marks.repetition.join(map(marks.component.join, each)) for each in self.elements)
        return [self.tag, *joined]

    def at(self, element: int, component: int = 1, repetition: int = 1) -> str:
        """The value at a place counted from 1, as the standard names it; "" where the segment has nothing there."""
        if self._elements is None and self.tag != "ISA":
            if element >= len(self.parts):
                return ""
            text, marks = self.parts[element], self.marks
            if not (marks.repetition and marks.repetition in text):
                if repetition > 1:
                    return ""
                if not (marks.component and marks.component in text):
                    return text if component == 1 else ""
                values = text.split(marks.component, component)
                return values[component - 1] if component <= len(values) else ""
        try:
            return self.elements[element - 1][repetition - 1][component - 1]
        except IndexError:
            return ""

    def composite(self, element: int, repetition: int = 1) -> tuple[str, ...]:
        """The components of one repetition; () where there is none."""
        try:
            return self.elements[element - 1][repetition - 1]
        except IndexError:
            return ()

    def repetitions(self, element: int) -> Repetitions:
        """All repetitions of an element; () where the segment is shorter."""
        try:
            return self.elements[element - 1]
        except IndexError:
            return ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Segment) and self.tag == other.tag and self.elements == other.elements

    def __hash__(self) -> int:
        return hash((self.tag, self.elements))

    def __reduce__(self) -> tuple[type["Segment"], tuple[object, ...]]:
        return Segment, (self.tag, self.elements, self.number, self.offset)

    def __repr__(self) -> str:
        return f"<Segment {self.tag} {self.number}>"


def plain(parts: list[str]) -> Segment:
    """A segment to be written: tag and elements, each of them one value; the list is kept, not copied."""
    one = _new(Segment)
    one.parts = parts
    one.tag = parts[0]
    one.number = 0
    one._offset = -1
    one._elements = None
    one.marks = UNDIVIDED
    return one


def sound_texts(segments: Iterable[Segment], marks: Delimiters) -> list[str] | None:
    """The segments' texts between these delimiters; None where one needs a closer look, because a value holds one of
    them or what may be no character to send, or an end is empty. An ISA, which names them, is written as it is."""
    texts, values = [], []
    for each in segments:
        if each.marks is UNDIVIDED:
            parts = each.parts
            values += parts
        elif each.tag == "ISA":
            parts = [each.tag, *(element[0][0] for element in each.elements)]
        else:
            parts = [each.tag]
            for element in each.elements:
                if len(element) == 1 and len(element[0]) == 1:
                    parts.append(element[0][0])
                    values.append(element[0][0])
                    continue
                if not (marks.repetition and marks.component):
                    return None
                for composite in element:
                    if not composite or not composite[-1]:
                        return None
                    values += composite
                parts.append(marks.repetition.join(map(marks.component.join, element)))
        if not parts[-1]:
            return None
        texts.append(marks.element.join(parts))
    whole = "".join(values)
    held = (marks.element, marks.terminator, marks.component, marks.repetition)
    return texts if whole.isprintable() and not any(each and each in whole for each in held) else None


def _split(element: str, marks: Delimiters) -> Repetitions:
    if marks.repetition and marks.repetition in element:
        return tuple(_components(each, marks) for each in element.split(marks.repetition))
    return (_components(element, marks),)


def _components(text: str, marks: Delimiters) -> tuple[str, ...]:
    return tuple(text.split(marks.component)) if marks.component else (text,)


def segment(tag: str, *elements: str | tuple[str, ...]) -> Segment:
    """A segment from plain values: a tuple is a composite. Trailing empty elements are dropped."""
    values = list(elements)
    while values and not any(values[-1]):
        values.pop()
    texts = [each for each in values if isinstance(each, str)]
    if len(texts) == len(values):
        return plain([tag, *texts])
    return Segment(tag, tuple((each if isinstance(each, tuple) else (each,),) for each in values))


class Loop:
    """One occurrence of a loop of the guide: its own segments in order, and the loops inside it in order.

    The root's id is ``ST_LOOP``; it holds the segments between ST and SE that stand in no deeper loop.
    """

    __slots__ = ("id", "loops", "segments")

    def __init__(self, id: str, segments: "list[Segment] | None" = None, loops: "list[Loop] | None" = None) -> None:
        self.id = id
        self.segments = [] if segments is None else segments
        self.loops = [] if loops is None else loops

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Loop) and (self.id, self.segments, self.loops) == (
            other.id,
            other.segments,
            other.loops,
        )

    def __repr__(self) -> str:
        return f"<Loop {self.id}: {len(self.segments)} segments, {len(self.loops)} loops>"

    def inner(self, *ids: str) -> Iterator["Loop"]:
        """The loops directly inside that have one of these ids, in document order."""
        return (each for each in self.loops if each.id in ids)

    def walk(self) -> Iterator["Loop"]:
        """This loop and everything inside it, outermost first."""
        yield self
        for each in self.loops:
            yield from each.walk()


def standard_text(one: Segment) -> str:
    """A segment between the standard delimiters; one whose values hold any of them is never certainly valid."""
    marks = one.marks
    if one.parts and (marks.element, marks.component, marks.repetition, marks.terminator) == _STANDARD_FOUR:
        return "*".join(one.parts)
    parts = ["^".join(":".join(part) for part in element) for element in one.elements]
    odd = any(mark in value for element in one.elements for part in element for value in part for mark in "*:^~")
    text = "*".join([one.tag, *parts])
    return f"{text}*" if odd else text


_STANDARD_FOUR = ("*", ":", "^", "~")
