"""Guides as the rest of the program sees them: loaded once by name, a set is put into their loops, faults are found.

The way of a guide: ``source`` reads it from XML, ``overlay`` corrects it, ``cache`` keeps what it says, ``table`` and
``patterns`` compile it, ``walk`` takes a set through it, ``elements`` finds the words for what is wrong.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from typing import NamedTuple

from gateway.errors import Finding, Position
from gateway.x12 import cache as guide_cache
from gateway.x12 import situations, source
from gateway.x12.amounts import tags_with_amounts
from gateway.x12.nodes import ROOT, CompositeNode, LoopNode, SegmentNode
from gateway.x12.table import Compiled, Place, Step
from gateway.x12.tree import Loop, Segment
from gateway.x12.walk import Segments, Walk, sorted_by_place, specials

USUAL_SINCE = date(2020, 1, 1)  # Documents are seldom older; codes that came or went since then are looked up by date.


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementGuide:
    """An element's name in the guide, and those of its components; () where it is simple."""

    name: str
    components: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentGuide:
    """What the guide calls a segment in its place; ``loop`` is the path of loop ids, "" right below the set."""

    loop: str
    loop_name: str
    tag: str
    name: str
    elements: tuple[ElementGuide, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """A set in the loops of its guide. ``guides`` holds an entry for each segment that was given, None if misplaced.

    A segment that the guide has no place for stands in no loop; a finding says so.
    """

    root: Loop
    findings: tuple[Finding, ...]
    guides: tuple[SegmentGuide | None, ...]


# The loop that one record stands for, by ST01: a claim, a claim payment, an event, a claim's status, a set's answer.
UNITS = {"837": "2300", "835": "2100", "278": "2000E", "277": "2200D", "999": "2000"}


class Ending(NamedTuple):
    """What to do when a loop is over: a first look at whether it breaks a rule, None where there is none for it;
    whether it is a unit; and whether it can be let go, for no loop around it has rules about what stands inside."""

    suspect: Callable[[Loop], object] | None
    unit: bool
    let_go: bool


_loaded: dict[str, "Guide"] = {}
_loading = threading.Lock()


def load(name: str) -> "Guide":
    """The guide of this file name: one of ``edi_maps/guides``, else one of pyx12's. Loaded once; safe to share."""
    with _loading:
        if name not in _loaded:
            _loaded[name] = Guide(name)
        return _loaded[name]


class Guide:
    """An implementation guide that sets can be held against."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.compiled = self._compile(USUAL_SINCE)

    def _compile(self, since: date | None) -> Compiled:
        root, name = guide_cache.load(self.name), self.name
        return Compiled(name, root, specials=specials(name), amounts=tags_with_amounts(name), since=since)

    @cached_property
    def _compiled_for_old(self) -> Compiled:
        return self._compile(None)

    def compiled_for(self, on: date | None) -> Compiled:
        """The guide as it is walked by documents of a day; without one, as today."""
        return self.compiled if on is None or on >= USUAL_SINCE else self._compiled_for_old

    @cached_property
    def tags(self) -> frozenset[str]:
        """Every segment tag that the guide uses."""
        return self.compiled.tags

    @cached_property
    def _names(self) -> list[SegmentGuide]:
        return [_named(each.path, each.loops[-1], each.node) for each in self.compiled.places]

    @cached_property
    def endings(self) -> dict[str, "Ending"]:
        """What to do when a loop is over, by its id."""
        unit = UNITS.get(self.name[:3], "")
        around = {loop.id for each in self.compiled.places if each.loops[-1].id == unit for loop in each.loops[1:-1]}
        asked = situations.looks_inside(self.name)
        ends: dict[str, Ending] = {}
        for each in self.compiled.places:
            loop = each.loops[-1].id
            if loop not in ends:
                own = frozenset(one.node.tag for one in self.compiled.places if one.loops[-1].id == loop)
                kept = any(
                    outer.id in asked
                    for one in self.compiled.places
                    if one.loops[-1].id == loop
                    for outer in one.loops[:-1]
                )
                suspect = situations.first_look(self.name, loop, own)
                ends[loop] = Ending(suspect, loop == unit, (loop == unit or loop in around) and not kept)
        return ends

    def data_element(self, tag: str, element: int, component: int = 0) -> str:
        """The number of the X12 data element at a place of segments with this tag; "" where the guide has none."""
        for each in self.compiled.places:
            if each.node.tag == tag:
                known = next((one for one in each.node.elements if one.ordinal == element), None)
                if isinstance(known, CompositeNode) and component:
                    known = each.node.element_at(element, component)
                if known is not None:
                    return known.data_element
        return ""

    def named(self, place: Place | None) -> SegmentGuide | None:
        """What the guide calls a place of its own."""
        return self._names[place.index] if place is not None else None

    def walk(self, segments: Sequence[Segment], place: Position) -> Walked:
        """Loops and findings of a set, with or without its ST and SE; ``place`` is that of the set."""
        walk = Walk(self.compiled, place)
        first, last = 0, len(segments)
        places: list[Place | None] = []
        if segments and segments[0].tag == "ST":
            first = 1
            places.append(walk.begin(segments[0]))
        else:
            walk.number = 1
        se = segments[-1] if len(segments) > first and segments[-1].tag == "SE" else None
        if se is not None:
            last -= 1
        inner = Segments(list(segments[first:last]))
        trail: list[Step | None] = []
        at = 0
        while (at := walk.run(inner, at, trail)) < last - first:
            walk.misplaced(inner.segment(at, walk.number + 1))
            trail.append(None)
            at += 1
        root = Loop(ROOT)
        grow([root], segments[first:last], trail)
        walk.end(se)
        places += [step.place if step is not None else None for step in trail]
        if se is not None:
            places.append(self.compiled.end)
        return Walked(
            root=root,
            findings=sorted_by_place(walk.findings),
            guides=tuple(self.named(each) for each in places),
        )


def grow(stack: list[Loop], segments: Sequence[Segment], trail: Iterable[Step | None]) -> None:
    """Puts the segments that were placed into loops below the last of ``stack``, which ends as the loops then open."""
    for one, step in zip(segments, trail, strict=True):
        if step is None:
            continue
        if step.pops:
            del stack[-step.pops :]
        for loop in step.opened:
            stack.append(Loop(loop.id))
            stack[-2].loops.append(stack[-1])
        stack[-1].segments.append(one)


@cache
def envelope_names() -> dict[str, SegmentGuide]:
    """What ISA, TA1, GS, GE and IEA and their elements are called, by tag."""
    loop = guide_cache.load(source.CONTROL, source.ENVELOPE)
    return {each.tag: _named("", None, each) for _, _, each in loop.walk()}


def _named(path: str, loop: LoopNode | None, node: SegmentNode) -> SegmentGuide:
    parts = tuple(
        ElementGuide(
            name=each.name,
            components=tuple(part.name for part in each.parts) if isinstance(each, CompositeNode) else (),
        )
        for each in node.elements
    )
    loop_name = loop.name if loop is not None and path else ""
    return SegmentGuide(loop=path, loop_name=loop_name, tag=node.tag, name=node.name, elements=parts)
