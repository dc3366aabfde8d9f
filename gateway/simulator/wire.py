"""Plain X12 segments, in and out, as this company reads and writes them: it shares no code with its partners.

A segment is a tuple of texts, its tag first, so that ``at(segment, 3)`` is NM103 of an NM1. Inside an element, ``PART``
stands between components and ``AGAIN`` between repetitions, whatever marks the document used. It never validates.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

PART = "\x1f"
AGAIN = "\x1e"
ISA_LENGTH = 106

Segment = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Marks:
    """The delimiters of one interchange; ``line_end`` follows each terminator for the eye."""

    element: str = "*"
    component: str = ":"
    repetition: str = "^"
    terminator: str = "~"
    line_end: str = ""


@dataclass(frozen=True, slots=True)
class Set:
    """A transaction set, ST to SE; ``trailer`` is False where the next ST, GE or the end came before an SE."""

    segments: tuple[Segment, ...]
    trailer: bool

    @property
    def type(self) -> str:
        return at(self.segments[0], 1)

    @property
    def control_number(self) -> str:
        return at(self.segments[0], 2)


@dataclass(frozen=True, slots=True)
class Group:
    """A functional group: its GS, its sets, and its GE where there is one."""

    header: Segment
    sets: tuple[Set, ...]
    trailer: Segment | None


@dataclass(frozen=True, slots=True)
class Interchange:
    """An interchange: its ISA, its groups, its IEA where there is one. ``strays`` counts what stood in no group,
    ``technical`` the TA1."""

    header: Segment
    groups: tuple[Group, ...]
    trailer: Segment | None
    strays: int
    marks: Marks
    technical: int = 0


class Unreadable(Exception):
    """There is no ISA that says how to read on. Says why, and never what the document holds."""


def codes(listed: str) -> frozenset[str]:
    """A set of codes, written one behind the other."""
    return frozenset(listed.split())


def at(segment: Segment, element: int) -> str:
    """An element counted from 1; "" where the segment is shorter."""
    return segment[element] if element < len(segment) else ""


def parts(value: str) -> list[str]:
    """The components of an element's first repetition; [""] where it is empty."""
    return value.split(AGAIN)[0].split(PART)


def composite(*components: str) -> str:
    """One element out of components, without trailing empty ones."""
    return PART.join(components).rstrip(PART)


def read(document: bytes) -> Iterator[Interchange]:
    """Every interchange of a document, in order; Unreadable where what comes next is not an ISA."""
    text = document.decode("latin-1").lstrip("\ufeff\u00ef\u00bb\u00bf \r\n\t")
    if not text:
        raise Unreadable("the file is empty")
    while text:
        head, marks = text[:ISA_LENGTH], _marks(text)
        header = tuple(head[:-1].split(marks.element))
        if len(header) != 17:
            raise Unreadable("the ISA has not got 16 elements")
        segments, text = _until_trailer(text[ISA_LENGTH:], marks)
        yield _sort(header, segments, marks)
        text = text.lstrip("\r\n\t \x1a\x00")


def _marks(text: str) -> Marks:
    if not text.startswith("ISA") or len(text) < ISA_LENGTH:
        raise Unreadable("an ISA of 106 characters is missing")
    return Marks(text[3], text[104], text[82], text[105])


def _until_trailer(text: str, marks: Marks) -> tuple[list[Segment], str]:
    """The segments up to and with the IEA, or up to the next ISA or the end; and the text behind them."""
    segments: list[Segment] = []
    place = 0
    while place < len(text):
        end = text.find(marks.terminator, place)
        raw = text[place : end if end >= 0 else len(text)].strip("\r\n")
        if raw.startswith("ISA" + marks.element):
            return segments, text[place:].lstrip("\r\n")
        place = end + 1 if end >= 0 else len(text)
        if raw.strip():
            inner = raw.replace(marks.component, PART)
            inner = inner.replace(marks.repetition, AGAIN) if not marks.repetition.isalnum() else inner
            segments.append(tuple(inner.split(marks.element)))
            if segments[-1][0] == "IEA":
                break
    return segments, text[place:]


def _sort(header: Segment, segments: list[Segment], marks: Marks) -> Interchange:
    groups: list[Group] = []
    trailer: Segment | None = None
    strays = technical = 0
    opened: Segment | None = None
    sets: list[Set] = []
    body: list[Segment] = []

    def close_set(trailed: bool) -> None:
        if body:
            sets.append(Set(tuple(body), trailed))
            body.clear()

    def close_group(end: Segment | None) -> None:
        nonlocal opened
        if opened is not None:
            groups.append(Group(opened, tuple(sets), end))
            sets.clear()
            opened = None

    for segment in segments:
        match segment[0]:
            case "GS":
                close_set(False)
                close_group(None)
                opened = segment
            case "ST" if opened is not None:
                close_set(False)
                body.append(segment)
            case "GE" if opened is not None:
                close_set(False)
                close_group(segment)
            case "IEA":
                trailer = segment
            case "SE" if body:
                body.append(segment)
                close_set(True)
            case _ if body:
                body.append(segment)
            case "TA1" if not groups and opened is None:
                technical += 1  # A partner's word on what we sent; this company acts on none.
            case _:
                strays += 1
    close_set(False)
    close_group(None)
    return Interchange(header, tuple(groups), trailer, strays, marks, technical)


def write(segments: Iterable[Segment], marks: Marks) -> bytes:
    """Segments as bytes: trailing empty elements go, and what would read as a delimiter becomes a space."""
    taken = str.maketrans(dict.fromkeys((marks.element, marks.component, marks.repetition, marks.terminator), " "))
    placed = str.maketrans({PART: marks.component, AGAIN: marks.repetition})
    lines = []
    for segment in segments:
        if segment[0] == "ISA":  # Fixed width, and the only place that names the marks.
            lines.append(marks.element.join(segment))
            continue
        elements = list(segment)
        while not elements[-1]:
            elements.pop()
        lines.append(marks.element.join(each.translate(taken).translate(placed) for each in elements))
    end = marks.terminator + marks.line_end
    return (end.join(lines) + end).encode("latin-1", "replace")
