"""One line of a map as data: the elements of a segment, and what a segment must say to be this line's.

Which loop a line stands in is its part's business (``parts.py``). The notation is described in ``maps.py`` and parsed
in ``notation.py``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.translate.fields import Condition, Field, Path, Slot
from gateway.x12.tree import Repetitions, Segment


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its components, or (``repeats``) one field whose values are its repetitions."""

    at: int  # counted from 1
    slots: tuple[Slot, ...]
    literals: tuple[tuple[int, tuple[str, ...]], ...] = ()  # component, codes
    constant: Repetitions | None = None  # where there are only literals
    repeats: bool = False
    width: int = 1

    @property
    def is_plain(self) -> bool:
        """Whether it holds one value, with no components and no repetitions."""
        return len(self.slots) == 1 and self.slots[0].width == 1 and not self.repeats

    def carried(self) -> Iterator[Field]:
        for slot in self.slots:
            yield from slot.fields

    def agrees(self, segment: Segment, *, may_lack: bool) -> bool:
        """Whether the literal components stand there; ``may_lack`` lets an empty place pass."""
        for component, codes in self.literals:
            held = segment.at(self.at, component)
            if held not in codes and not (may_lack and not held):
                return False
        return True


@dataclass(frozen=True, slots=True)
class Spread:
    """One field whose values stand in elements of their own, side by side."""

    at: int
    field: Field
    width: int

    def carried(self) -> Iterator[Field]:
        yield self.field


@dataclass(frozen=True, slots=True)
class Choice:
    """One alternative of a group: elements that are there together or not at all."""

    elements: tuple[Element, ...]
    when: Condition | None = None

    def carried(self) -> Iterator[Field]:
        for element in self.elements:
            yield from element.carried()


@dataclass(frozen=True, slots=True)
class Group:
    """``(a|b)``: the alternatives that have a value, one after the other; read by their literals, wherever in it."""

    at: int
    choices: tuple[Choice, ...]
    step: int
    width: int
    open_ended: bool  # Nothing stands behind it, so a sender may have written more of them.

    def carried(self) -> Iterator[Field]:
        for choice in self.choices:
            yield from choice.carried()


@dataclass(frozen=True, slots=True)
class Bracket:
    """``[ ]N``: elements that stand N times. For each value of a tuple; for each record of the field ``records``; or,
    if ``packs``, for each of several records of the part, which share what stands outside of the bracket."""

    at: int
    elements: tuple[Element, ...]
    step: int
    count: int
    records: Path = ()
    packs: bool = False

    @property
    def width(self) -> int:
        return self.step * self.count

    def carried(self) -> Iterator[Field]:
        for element in self.elements:
            yield from element.carried()


Node = Element | Spread | Group | Bracket


@dataclass(frozen=True, slots=True)
class Line:
    """One segment of a map; it is known by its tag and, ``by_code``, by the literal codes of its first element."""

    text: str
    tag: str
    nodes: tuple[Node, ...]
    width: int
    optional: bool = False
    repeated: bool = False  # "+": a segment for each value of its tuple
    when: Condition | None = None
    read_only: bool = False
    ignored: bool = False
    child_at: int = 0  # the element of {#child}
    opens_level: bool = False
    by_code: bool = False
    coded: tuple[Element, ...] = ()  # the elements with literals
    fields: tuple[Field, ...] = ()
    pack: Bracket | None = None

    def knows(self, segment: Segment) -> bool:
        return segment.tag == self.tag and (not self.by_code or self.coded[0].agrees(segment, may_lack=False))

    def strange(self, segment: Segment) -> int:
        """The element whose literal the segment contradicts; 0 if it agrees with all of them."""
        return next((element.at for element in self.coded if not element.agrees(segment, may_lack=True)), 0)


def strange_element(lines: Sequence[Line], segment: Segment) -> int:
    """Where a segment that lines know by its tag and first code contradicts the first of them further back."""
    return next(line for line in lines if line.knows(segment)).strange(segment)
