"""The shapes a document takes once it is read: segments, and the loops that the guide finds them in."""

from collections.abc import Iterator
from dataclasses import dataclass, field

Repetitions = tuple[tuple[str, ...], ...]  # An element: its repetitions, each a tuple of components.


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: ``elements[e][r][c]`` is component c of repetition r of element e, all counted from 0.

    ``number`` counts from 1 within the set (ST is 1); ``offset`` is the character at which it starts, -1 if built.
    """

    tag: str
    elements: tuple[Repetitions, ...] = ()
    number: int = field(default=0, compare=False)
    offset: int = field(default=-1, compare=False)

    def at(self, element: int, component: int = 1, repetition: int = 1) -> str:
        """The value at a place counted from 1, as the standard names it; "" where the segment has nothing there."""
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


def segment(tag: str, *elements: str | tuple[str, ...]) -> Segment:
    """A segment from plain values: a tuple is a composite. Trailing empty elements are dropped."""
    whole = [(each if isinstance(each, tuple) else (each,),) for each in elements]
    while whole and not any(whole[-1][0]):
        whole.pop()
    return Segment(tag, tuple(whole))


@dataclass(slots=True)
class Loop:
    """One occurrence of a loop of the guide: its own segments in order, and the loops inside it in order.

    The root's id is ``ST_LOOP``; it holds the segments between ST and SE that stand in no deeper loop.
    """

    id: str
    segments: list[Segment] = field(default_factory=list)
    loops: list["Loop"] = field(default_factory=list)

    def inner(self, *ids: str) -> Iterator["Loop"]:
        """The loops directly inside that have one of these ids, in document order."""
        return (each for each in self.loops if each.id in ids)

    def walk(self) -> Iterator["Loop"]:
        """This loop and everything inside it, outermost first."""
        yield self
        for each in self.loops:
            yield from each.walk()
