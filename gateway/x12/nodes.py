"""What an implementation guide says, as a plain tree: loops, segments, elements, with usage, repeats, codes and types.

It holds no document and checks nothing. ``plain`` and ``tree`` turn it into JSON's types and back, for the cache.
"""

from collections.abc import Iterator
from dataclasses import astuple, dataclass, field
from typing import Any, Literal

ROOT = "ST_LOOP"
UNLIMITED = 1 << 30

Usage = Literal["R", "S", "N"]  # required, situational, not used


@dataclass(slots=True)
class ElementNode:
    """A simple element, or a component. ``codes`` are all that are allowed; none means that any value is.

    ``type`` and lengths are those of the X12 data element; ``external`` names the list that the codes come from;
    ``pattern`` is a regular expression that a value must have a match for, "" where there is none.
    """

    name: str
    ordinal: int
    usage: str
    data_element: str
    type: str
    shortest: int
    longest: int
    codes: tuple[str, ...] = ()
    external: str = ""
    pattern: str = ""
    repeat: int = 1


@dataclass(slots=True)
class CompositeNode:
    """An element that has components."""

    name: str
    ordinal: int
    usage: str
    data_element: str
    repeat: int
    parts: list[ElementNode] = field(default_factory=list)


@dataclass(slots=True)
class SegmentNode:
    """A segment in its place. ``position`` orders it among its loop's children: those of one position in any order.

    ``syntax`` holds X12.6's notes, such as ("P", (3, 4)). ``key`` names the places (element, component; 0 for a simple
    element) whose codes tell the segment apart from its namesakes.
    """

    tag: str
    name: str
    usage: str
    position: int
    repeat: int
    elements: list[ElementNode | CompositeNode] = field(default_factory=list)
    syntax: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    key: tuple[tuple[int, int], ...] = ()

    def element_at(self, element: int, component: int = 0) -> ElementNode | None:
        """The node of a simple element or a component; None where there is none."""
        found = next((each for each in self.elements if each.ordinal == element), None)
        if isinstance(found, CompositeNode):
            return next((each for each in found.parts if each.ordinal == max(component, 1)), None)
        return found


@dataclass(slots=True)
class LoopNode:
    """A loop; its first child is the segment that begins it. The set itself is the loop ST_LOOP."""

    id: str
    name: str
    usage: str
    position: int
    repeat: int
    children: list["LoopNode | SegmentNode"] = field(default_factory=list)

    @property
    def first(self) -> SegmentNode:
        """The segment that begins the loop."""
        first = self.children[0]
        return first if isinstance(first, SegmentNode) else first.first

    def loop_at(self, path: str) -> "LoopNode | None":
        """The loop at a path of ids below this one, such as 2000A/2010AA; this one for ""."""
        node = self
        for wanted in path.split("/") if path else ():
            found = next((each for each in node.children if isinstance(each, LoopNode) and each.id == wanted), None)
            if found is None:
                return None
            node = found
        return node

    def walk(self, path: str = "") -> Iterator[tuple[str, "LoopNode", SegmentNode]]:
        """Every segment below, with the path of its loop and the loop, in the guide's order."""
        for child in self.children:
            if isinstance(child, LoopNode):
                yield from child.walk(f"{path}/{child.id}" if path else child.id)
            else:
                yield path, self, child


def plain(node: LoopNode) -> list[Any]:
    """A tree as lists, texts and numbers."""
    children = [
        ["loop", *plain(each)] if isinstance(each, LoopNode) else ["segment", *_plain_segment(each)]
        for each in node.children
    ]
    return [node.id, node.name, node.usage, node.position, node.repeat, children]


def _plain_segment(node: SegmentNode) -> list[Any]:
    elements = [
        [
            "composite",
            each.name,
            each.ordinal,
            each.usage,
            each.data_element,
            each.repeat,
            list(map(astuple, each.parts)),
        ]
        if isinstance(each, CompositeNode)
        else ["element", *astuple(each)]
        for each in node.elements
    ]
    return [node.tag, node.name, node.usage, node.position, node.repeat, elements, node.syntax, node.key]


def tree(values: list[Any]) -> LoopNode:
    """The tree that ``plain`` gave."""
    id_, name, usage, position, repeat, children = values
    built = [tree(rest) if kind == "loop" else _segment(rest) for kind, *rest in children]
    return LoopNode(id_, name, usage, position, repeat, built)


def _segment(values: list[Any]) -> SegmentNode:
    tag, name, usage, position, repeat, elements, syntax, key = values
    built = [_composite(rest) if kind == "composite" else _element(rest) for kind, *rest in elements]
    notes = [(kind, tuple(ordinals)) for kind, ordinals in syntax]
    keys = tuple((element, component) for element, component in key)
    return SegmentNode(tag, name, usage, position, repeat, built, notes, keys)


def _composite(values: list[Any]) -> CompositeNode:
    name, ordinal, usage, data_element, repeat, parts = values
    return CompositeNode(name, ordinal, usage, data_element, repeat, [_element(each) for each in parts])


def _element(values: list[Any]) -> ElementNode:
    name, ordinal, usage, data_element, kind, shortest, longest, codes, *rest = values
    return ElementNode(name, ordinal, usage, data_element, kind, shortest, longest, tuple(codes), *rest)
