"""Compiles a guide to the steps of its walk: from each place, what each segment leads to.

A step is found once for each place, tag and qualifier, by looking through the guide in its order, and then stands in
the place's table. Tables only grow with what the guide itself names, never with values of a document.

Which places can follow: the rest of the loop from the position of the last segment on (those of one position come in
any order), the same loop again, then the rest of the loop around it, and so on outward.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from operator import itemgetter
from typing import Any

from gateway.x12.listed import Listed
from gateway.x12.nodes import UNLIMITED, LoopNode, SegmentNode
from gateway.x12.patterns import Check, compile_segment
from gateway.x12.tree import Segment

QUALIFIER_MAX = 3  # characters; a longer qualifier is looked up by the slow path each time
WHOLE = 7  # characters: a tag of three and a qualifier of two or three, which most segments begin with
STEPS_MAX = 500  # of one tag from one place
NONE = -1  # the counter of what needs none
_AFTER_LONG_TAG = itemgetter(slice(4, 4 + QUALIFIER_MAX))
_AFTER_SHORT_TAG = itemgetter(slice(3, 3 + QUALIFIER_MAX))

Table = dict[str, Any]


@dataclass(slots=True, eq=False)
class Place:
    """A segment of the guide in its loop. ``loops`` are those around it, outermost (the set) first."""

    index: int
    node: SegmentNode
    loops: tuple[LoopNode, ...]
    path: str  # of loop ids, "" right below the set
    counter: int
    table: Table = field(default_factory=dict)  # steps from here, by how a segment's text begins; see ``Compiled.step``
    reach: tuple["Reachable", ...] | None = None
    at_end: tuple["Missing", ...] | None = None  # what is missing if the set ends here


@dataclass(frozen=True, slots=True, eq=False)
class Reachable:
    """A place that can follow another: how many loops end first, and which begin."""

    place: Place
    pops: int
    opened: tuple[LoopNode, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Missing:
    """A part that a loop must have, and what counts it; ``NONE`` where a step that passes it proves that it is not
    there."""

    counter: int
    node: LoopNode | SegmentNode
    path: str


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One step of the walk. ``needed`` are the required parts that it passes, ``again`` what it repeats for certain.

    ``hot`` is what the hot path unpacks: the next place's table, the check, the counter (or NONE) and how often it may
    come, the step, whether its amounts count, and None or what else is to be done: counters that must not be 0, loops
    to open, the tag to look at, whether anything is certainly missing or repeated.
    """

    place: Place
    pops: int
    opened: tuple[LoopNode, ...]
    needed: tuple[Missing, ...]
    again: LoopNode | SegmentNode | None
    hot: tuple[Any, ...]


class Compiled:
    """A guide ready to be walked. Its tables fill as documents are read; threads may share it, for a step that two
    of them find is the same step."""

    def __init__(
        self,
        name: str,
        root: LoopNode,
        specials: frozenset[str] = frozenset(),
        amounts: frozenset[str] = frozenset(),
        since: date | None = None,
    ) -> None:
        self.name = name
        self._since = since
        self.root = root
        self._specials = specials
        self._amounts = amounts
        self._listed: dict[int, Listed] = {}
        self.places: list[Place] = []
        self._counters: dict[int, int] = {}  # id of a node -> its counter
        self._ranges: dict[int, tuple[int, int]] = {}  # id of a loop -> the counters of its children
        self._place_of: dict[int, Place] = {}
        self._checks: dict[int, Check] = {}
        self.counters = 0
        self._number(root, (), "")
        self._place_of_table = {id(each.table): each for each in self.places}
        self.start = self.places[0]
        self.end = next((each for each in reversed(self.places) if each.node.tag == "SE"), None)
        self.tags = frozenset(each.node.tag for each in self.places)
        self._key_places: dict[str, tuple[tuple[int, int], ...]] = {}
        for each in self.places:
            known = self._key_places.get(each.node.tag, ())
            self._key_places[each.node.tag] = tuple(dict.fromkeys((*known, *each.node.key)))

    def _number(self, loop: LoopNode, around: tuple[LoopNode, ...], path: str) -> None:
        """Gives counters to what needs them. A part that alone has its position and may come once, or without end,
        needs none: it is passed or repeated if, and only if, a step passes its position or stays there."""
        first = self.counters
        shared = Counter(each.position for each in loop.children)
        for child in loop.children:
            counter = NONE
            if shared[child.position] > 1 or 1 < child.repeat < UNLIMITED:
                counter = self.counters
                self.counters += 1
            self._counters[id(child)] = counter
        self._ranges[id(loop)] = (first, self.counters)
        for child in loop.children:
            if isinstance(child, LoopNode):
                self._number(child, (*around, loop), f"{path}/{child.id}" if path else child.id)
            else:
                place = Place(len(self.places), child, (*around, loop), path, self._counters[id(child)])
                self.places.append(place)
                self._place_of[id(child)] = place

    def place_of(self, table: Table) -> Place:
        """The place that a table belongs to."""
        return self._place_of_table[id(table)]

    def check(self, place: Place) -> Check:
        """The function that passes what is certainly valid at the place."""
        found = self._checks.get(place.index)
        if found is None:
            found = self._checks[place.index] = compile_segment(place.node, self.listed(place)).compile()
        return found

    def listed(self, place: Place) -> Listed:
        """The code lists that hold at a place."""
        found = self._listed.get(place.index)
        if found is None:
            found = self._listed[place.index] = Listed(self.name, place.path, place.node, self._since)
        return found

    def reach(self, place: Place) -> tuple[Reachable, ...]:
        """What can follow a place, nearest first."""
        if place.reach is None:
            place.reach = tuple(self._reach(place))
        return place.reach

    def _reach(self, place: Place) -> Iterator[Reachable]:
        position = place.node.position
        for pops, loop in enumerate(reversed(place.loops)):
            for child in loop.children:
                if child.position < position:
                    continue
                if isinstance(child, LoopNode):
                    opened = tuple(_openings(child))
                    yield Reachable(self._place_of[id(child.first)], pops, opened)
                elif loop is self.root or child is not loop.first:
                    yield Reachable(self._place_of[id(child)], pops, ())
            position = loop.position

    def step(self, place: Place, segment: Segment, text: str) -> Step | None:
        """The step that a segment takes from a place; None where the guide has no place for it. ``text`` is the
        segment between the standard delimiters.

        Where its qualifier is one that the guide knows nowhere, and only one place could be meant, it is that one; a
        segment with a qualifier of another place is out of its own.
        """
        alike = [each for each in self.reach(place) if each.place.node.tag == segment.tag]
        alone = len({each.place.index for each in alike}) == 1
        for each in alike:
            if _matches(each.place.node, segment):
                step = self._make(place, each)
                self._keep(place, segment, text, step, alone=alone)
                return step
        if alone and not self._is_qualified(alike[0].place.node, segment):
            return self._make(place, alike[0])
        return None

    def _is_qualified(self, node: SegmentNode, segment: Segment) -> bool:
        """Whether the segment's qualifier is one that the guide knows of some other segment. A level always is."""
        alike = [each.node for each in self.places if each.node.tag == node.tag and each.node is not node]
        return bool(alike) and (node.tag == "HL" or any(_matches(each, segment) for each in alike))

    def _keep(self, place: Place, segment: Segment, text: str, step: Step, *, alone: bool) -> None:
        """Puts a step into the table: under tag and qualifier where they are the first seven characters; else under the
        tag, if only one place can be meant; else then under what is cut out of the text. An entry is the step's ``hot``
        and, last, None or that cut. A wrong qualifier is left to the check."""
        keys = self._key_places[segment.tag]
        head = f"{segment.tag}*"[:3]
        if not keys:
            place.table[head] = (*step.hot, None)
            return
        cut: Callable[[str], Any]
        if len(keys) == 1 and keys[0][0] == 1:
            length = len(segment.at(1))
            if len(head) + length + 1 in (WHOLE - 1, WHOLE) and head[-1] != "*" and length > 1:
                place.table[text[:WHOLE]] = (*step.hot, None)
                return
            if length > QUALIFIER_MAX and not alone:
                return
            cut = _AFTER_LONG_TAG if len(segment.tag) > 2 else _AFTER_SHORT_TAG
        else:
            cut = _Cut(tuple(element for element, _ in keys))
        if alone:
            place.table[head] = (*step.hot, None)
            return
        if isinstance(cut, _Cut) and not self._is_known(segment.tag, keys, cut(text)):
            return  # Tables hold what the guide names, never a value of a document.
        entry = place.table.get(head)
        if entry is None:
            entry = place.table[head] = (*(None,) * len(step.hot), (cut, {}))
        _, steps = entry[-1]
        if len(steps) < STEPS_MAX:
            steps[cut(text)] = step.hot

    def _is_known(self, tag: str, keys: Sequence[tuple[int, int]], values: Sequence[str]) -> bool:
        """Whether the guide has each of these values as a code there, or they are absent."""
        nodes = [each.node for each in self.places if each.node.tag == tag]
        for key, value in zip(keys, values, strict=True):
            codes = (known.codes for node in nodes if (known := node.element_at(*key)) is not None)
            if value and not any(value in each for each in codes):
                return False
        return True

    def _make(self, place: Place, found: Reachable) -> Step:
        needed = tuple(self._passed(place, found))
        target = found.place
        opened = []
        for loop in found.opened:
            low, high = self._ranges[id(loop)]
            counter = self._counters[id(loop)]
            if counter != NONE or high > low:
                opened.append((counter, loop.repeat, low, high, [0] * (high - low), loop))
        again = self._repeated(place, found)
        certain = again is not None or any(each.counter == NONE for each in needed)
        counted = tuple(each.counter for each in needed if each.counter != NONE)
        tag = target.node.tag
        special = tag if tag in self._specials else None
        more = (counted, tuple(opened), special, certain) if counted or opened or special or certain else None
        counter = target.counter if not found.opened else NONE
        step = Step(target, found.pops, found.opened, needed, again, ())
        hot = (target.table, self.check(target), counter, target.node.repeat, step, tag in self._amounts, more)
        object.__setattr__(step, "hot", hot)
        return step

    def _repeated(self, place: Place, found: Reachable) -> LoopNode | SegmentNode | None:
        """What a step comes to again though it may come but once, where no counter says so."""
        if found.opened:
            loop = found.opened[0]
            around = place.loops[: len(place.loops) - found.pops + 1]
            same = found.pops > 0 and around[-1] is loop
            return loop if same and loop.repeat == 1 and self._counters[id(loop)] == NONE else None
        node = found.place.node
        return node if found.place is place and node.repeat == 1 and found.place.counter == NONE else None

    def passed_at_end(self, place: Place) -> tuple[Missing, ...]:
        """The required parts that are left when the set ends at this place; SE is not one of them."""
        if place.at_end is None:
            place.at_end = tuple(self._passed(place, None))
        return place.at_end

    def _passed(self, place: Place, found: Reachable | None) -> Iterator[Missing]:
        position = place.node.position
        pops = found.pops if found is not None else len(place.loops) - 1
        for level, loop in enumerate(reversed(place.loops)):
            path = "/".join(each.id for each in place.loops[1 : len(place.loops) - level])
            until = UNLIMITED
            if level == pops and found is not None:
                until = (found.opened[0] if found.opened else found.place.node).position
            for child in loop.children:
                if child.usage == "R" and position <= child.position < until and not _is_there(child, loop):
                    if self._counters[id(child)] == NONE and child.position == position:
                        continue  # The walk stands on it.
                    if isinstance(child, LoopNode):
                        yield Missing(self._counters[id(child)], child, f"{path}/{child.id}".lstrip("/"))
                    else:
                        yield Missing(self._counters[id(child)], child, path)
            if level == pops:
                return
            position = loop.position


class _Cut:
    """The qualifiers of a segment whose qualifier is not simply its first element."""

    def __init__(self, elements: tuple[int, ...]) -> None:
        self._elements = elements

    def __call__(self, text: str) -> tuple[str, ...]:
        parts = text.split("*")
        return tuple(parts[each] if each < len(parts) else "" for each in self._elements)


def _is_there(child: LoopNode | SegmentNode, loop: LoopNode) -> bool:
    """The segment that begins an open loop, and SE, of which the envelope speaks."""
    return isinstance(child, SegmentNode) and (child is loop.children[0] or child.tag == "SE")


def _openings(loop: LoopNode) -> Iterator[LoopNode]:
    yield loop
    if isinstance(loop.children[0], LoopNode):
        yield from _openings(loop.children[0])


def _matches(node: SegmentNode, segment: Segment) -> bool:
    for element, component in node.key:
        known = node.element_at(element, component)
        if known is not None and segment.at(element, component or 1) not in known.codes:
            return False
    return True
