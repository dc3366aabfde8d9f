"""Says which field of a record a place of its message belongs to: ``claims[0].lines[1].charge`` for SV102 of the second
line. It goes by the map and the loops, so it works for what was built and for what was read; it is for findings, which
are few, and not fast.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from gateway.errors import Position
from gateway.translate.fields import Field
from gateway.translate.lines import Bracket, Element, Group, Line, Node, Spread
from gateway.translate.parts import RUN, Part
from gateway.x12.tree import Loop, Segment


def field_at(whole: Part, root: Loop, where: Position) -> str:
    """The path of the field that stands, or would stand, at a place in a set; of the record that the place speaks of,
    where that is about more than one field; "" where the map has nothing there."""
    return _Search(where).part(whole, root, "", "") or ""


class _Search:
    """Goes through a map's parts and the loops that they are in, and counts the records that it passes."""

    def __init__(self, where: Position) -> None:
        self.where = where
        self.passed: Counter[str] = Counter()  # records, by the path of the field that holds them

    def part(self, part: Part, loop: Loop, prefix: str, run: str) -> str | None:
        """``prefix`` ends in a dot or is ""; ``run`` is the field whose records a group is about."""
        segment = next((each for each in loop.segments if each.number == self.where.segment), None)
        if segment is not None:
            return self.shared(part, loop, segment, prefix)
        for inner in part.parts:
            for at in _down(loop, inner.loop) if inner.loop or inner.kind != "each" else ():
                found = self.inner(inner, at, prefix, run)
                if found is not None:
                    return found
        return None

    def inner(self, part: Part, loop: Loop, prefix: str, run: str) -> str | None:
        if part.kind == "part":
            return self.part(part, loop, f"{prefix}{_dotted(part.of)}", run) if part.loop else None
        held = run if part.of == RUN else prefix + ".".join(part.of)
        if part.kind == "group":
            return self.part(part, loop, f"{held}[{self.passed[held]}].", held)
        found = self.part(part, loop, f"{held}[{self.passed[held]}].", "")
        self.passed[held] += 1
        return found

    def shared(self, part: Part, loop: Loop, segment: Segment, prefix: str) -> str | None:
        """The place is in this loop: in a line of the part, or of one inside it that shares the loop."""
        tag = self.where.tag or segment.tag
        own = _chosen(part.lines, segment, tag)
        if own is not None:
            before = sum(_chosen(part.lines, each, each.tag) is own for each in loop.segments[: _index(loop, segment)])
            return self.line(own, segment, prefix, before if own.repeated else 0)
        for inner in part.parts:
            if inner.loop or inner.of == RUN:
                continue
            if inner.kind == "part":
                found = self.shared(inner, loop, segment, f"{prefix}{_dotted(inner.of)}")
                if found is not None:
                    return found
                continue
            line = _chosen(inner.lines, segment, tag)
            if line is not None:
                before = sum(_records(inner.lines, each) for each in loop.segments[: _index(loop, segment)])
                return self.line(line, segment, prefix, before, ".".join(inner.of))
        return prefix.removesuffix(".") or None

    def line(self, line: Line, segment: Segment, prefix: str, before: int, held: str = "") -> str:
        """``before`` is how many such came in the loop; ``held`` is the field that has a record for each of them."""
        if held:
            prefix = f"{prefix}{held}[{before}]."
        if not self.where.element:
            fields = [each for each in line.fields if not each.rooted]
            return prefix + str(fields[0]) if len(fields) == 1 else prefix.removesuffix(".")
        for node in line.nodes:
            if isinstance(node, Spread) and node.at <= self.where.element < node.at + node.width:
                return f"{prefix}{node.field}[{self.where.element - node.at}]"
            for element, shift, place in _elements(node, segment):
                if element.at + shift == self.where.element:
                    return self.in_node(node, element, prefix, before, place)
        return prefix.removesuffix(".")

    def in_node(self, node: Node, element: Element, prefix: str, before: int, place: int) -> str:
        if not isinstance(node, Bracket):
            return self.element(element, prefix, before)
        if node.packs:
            prefix = f"{prefix[: prefix.rindex('[')]}[{before + place}]."
        elif node.records:
            prefix = f"{prefix}{'.'.join(node.records)}[{place}]."
        return self.element(element, prefix, place)

    def element(self, element: Element, prefix: str, at: int) -> str:
        """The field in a component; in the whole element, its first. ``at`` is the place along a field of several."""
        component = 1
        for slot in element.slots:
            is_it = component <= self.where.component < component + slot.width or len(element.slots) == 1
            if slot.fields and (is_it or not self.where.component):
                return self.field(slot.fields[0], prefix, at, self.where.component - component)
            component += slot.width
        return prefix.removesuffix(".")

    def field(self, each: Field, prefix: str, at: int, component: int) -> str:
        if each.rooted:
            return str(each)
        if not each.many:
            return f"{prefix}{each}"
        if each.spread:
            at = max(self.where.repetition - 1, component, 0)
        return f"{prefix}{each}[{each.base + at}]"


def _elements(node: Node, segment: Segment) -> Iterator[tuple[Element, int, int]]:
    """The elements of a node, how far each is shifted, and which repetition it is in."""
    if isinstance(node, Element):
        yield node, 0, 0
    elif isinstance(node, Group):
        for shift in range(node.at - 1, node.at - 1 + node.width, node.step):
            choice = next((each for each in node.choices if _agree(each.elements, segment, shift)), node.choices[0])
            yield from ((each, shift, 0) for each in choice.elements)
    elif isinstance(node, Bracket):
        for place in range(node.count):
            yield from ((each, node.at - 1 + place * node.step, place) for each in node.elements)


def _index(loop: Loop, segment: Segment) -> int:
    return next(at for at, each in enumerate(loop.segments) if each is segment)


def _agree(elements: Sequence[Element], segment: Segment, shift: int) -> bool:
    return all(
        segment.at(each.at + shift, component) in codes for each in elements for component, codes in each.literals
    )


def _chosen(lines: Sequence[Line], segment: Segment, tag: str) -> Line | None:
    """The line of a segment; of one that is missing, and told at its neighbour, the first with its tag."""
    if tag != segment.tag:
        return next((each for each in lines if each.tag == tag), None)
    known = [each for each in lines if each.knows(segment)]
    return next((each for each in known if not each.strange(segment)), known[0] if known else None)


def _records(lines: Sequence[Line], segment: Segment) -> int:
    """How many records a segment holds."""
    line = _chosen(lines, segment, segment.tag)
    if line is None or line.pack is None:
        return int(line is not None)
    pack = line.pack
    starts = range(pack.at, min(pack.at + pack.width, len(segment.elements) + 1), pack.step)
    return sum(any(segment.at(at + each) for each in range(pack.step)) for at in starts)


def _dotted(path: Sequence[str]) -> str:
    return "".join(f"{each}." for each in path)


def _down(loop: Loop, ids: Sequence[str]) -> Iterator[Loop]:
    if not ids:
        yield loop
        return
    for inner in loop.inner(ids[0]):
        yield from _down(inner, ids[1:])
