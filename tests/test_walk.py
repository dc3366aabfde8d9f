"""The walk through a guide agrees with a slow one that looks through the tree at each segment, and keeps no tables.

The slow one keeps the loops that are open, with how often each of their parts came; that is all it knows. Both are
given random sets: on small guides made up here, with groups of one position, loops in loops and loops that begin with
loops, and on every guide that is registered.
"""

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from x12_samples import Maker

from gateway.errors import Position
from gateway.x12 import guide, registry
from gateway.x12.codec import Reader
from gateway.x12.nodes import ROOT, UNLIMITED, CompositeNode, ElementNode, LoopNode, SegmentNode
from gateway.x12.table import Compiled, Step
from gateway.x12.tree import Segment
from gateway.x12.walk import Segments, Walk

ORDER = ("missing", "repeated", "loop_repeated", "unexpected")
Told = tuple[str, int, str, str]  # rule, number of the segment, tag, path of the loop


# --- The slow walk ---------------------------------------------------------------------------------------------------


@dataclass
class _Open:
    """A loop that is open: how often each of its parts came, and where in it the walk stands."""

    loop: LoopNode
    position: int = 0
    came: Counter[int] = field(default_factory=Counter)


class SlowWalk:
    """Places segments by searching the tree, from the innermost open loop outward."""

    def __init__(self, root: LoopNode) -> None:
        self._root = root
        st_segment = root.children[0]
        self._open = [_Open(root, st_segment.position, Counter([id(st_segment)]))]
        self._at: SegmentNode = root.first
        self.told: list[Told] = []
        self.number = 1

    def _path(self, until: int) -> str:
        return "/".join(each.loop.id for each in self._open[1:until])

    def take(self, one: Segment) -> SegmentNode | None:
        """Where the segment stands; None where the guide has no place for it."""
        self.number += 1
        found = self._search(one)
        if found is None:
            tag = one.tag if re.fullmatch("[A-Z][A-Z0-9]{1,2}", one.tag) else ""
            self._tell("unexpected", tag, self._path(len(self._open)))
            return None
        level, child = found
        while len(self._open) > level + 1:
            self._close()
        self._enter(child, one.tag)
        return self._at

    def _search(self, one: Segment) -> tuple[int, LoopNode | SegmentNode] | None:
        alike = [(level, child) for level, child in self._followers() if _first(child).tag == one.tag]
        for level, child in alike:
            if _means(_first(child), one):
                return level, child
        if len({id(_first(child)) for _, child in alike}) != 1:
            return None
        node = _first(alike[0][1])
        namesakes = [each for _, _, each in self._root.walk() if each.tag == one.tag and each is not node]
        if namesakes and (one.tag == "HL" or any(_means(each, one) for each in namesakes)):
            return None
        return alike[0]

    def _followers(self) -> Iterator[tuple[int, LoopNode | SegmentNode]]:
        for level in reversed(range(len(self._open))):
            here = self._open[level]
            for child in here.loop.children:
                begins = isinstance(child, SegmentNode) and child is here.loop.first and level > 0
                if child.position >= here.position and not begins:
                    yield level, child

    def _enter(self, child: LoopNode | SegmentNode, tag: str) -> None:
        here, path = self._open[-1], self._path(len(self._open))
        self._miss(here, path, child.position)
        here.position = child.position
        here.came[id(child)] += 1
        again = here.came[id(child)] > child.repeat
        if isinstance(child, SegmentNode):
            self._at = child
            if again:
                self._tell("repeated", tag, path)
            return
        self._open.append(_Open(child))
        depth = len(self._open)
        self._enter(child.children[0], tag)
        if again:
            whole = self._path(len(self._open)) if depth <= len(self._open) else ""
            self._tell("loop_repeated", tag, whole)

    def _close(self) -> None:
        self._miss(self._open[-1], self._path(len(self._open)), UNLIMITED)
        self._open.pop()

    def end(self) -> None:
        self.number += 1
        while self._open:
            self._close()

    def _miss(self, here: _Open, path: str, until: int) -> None:
        for child in here.loop.children:
            passed = here.position <= child.position < until
            if passed and child.usage == "R" and not here.came[id(child)] and _first(child).tag not in ("ST", "SE"):
                inner = f"{path}/{child.id}".lstrip("/") if isinstance(child, LoopNode) else path
                self._tell("missing", _first(child).tag, inner)

    def _tell(self, rule: str, tag: str, path: str) -> None:
        self.told.append((rule, self.number, tag, path))


def _first(child: LoopNode | SegmentNode) -> SegmentNode:
    return child.first if isinstance(child, LoopNode) else child


def _means(node: SegmentNode, one: Segment) -> bool:
    for element, component in node.key:
        known = node.element_at(element, component)
        if known is not None and one.at(element, component or 1) not in known.codes:
            return False
    return True


def _agree(compiled: Compiled, root: LoopNode, texts: Sequence[str], cuts: Sequence[int] = ()) -> None:
    """Both walks say the same of a set of these segments; the fast one gets it in pieces."""
    segments = [Segment.from_text(text) for text in texts]
    slow = SlowWalk(root)
    places = [slow.take(each) for each in segments]
    slow.end()
    walk = Walk(compiled, Position())
    walk.begin(Segment("ST"))
    found: list[SegmentNode | None] = []
    edges = [0, *sorted(each % (len(segments) + 1) for each in cuts), len(segments)]
    for start, stop in pairwise(edges):
        trail: list[Step | None] = []
        assert walk.run(Segments(segments[start:stop]), 0, trail) == stop - start
        found += [each.place.node if each is not None else None for each in trail]
    walk.end(None)
    assert [_named(each) for each in found] == [_named(each) for each in places]
    assert all(one is other for one, other in zip(found, places, strict=True))
    assert sorted(_told(walk)) == sorted(slow.told)


def _agree_on_bytes(compiled: Compiled, root: LoopNode, texts: Sequence[str], chunk: int) -> None:
    """The same of a document that is read: segments come many at once, as the reader has them."""
    isa = "ISA*00*          *00*          *ZZ*A              *ZZ*B              *260302*1200*^*00501*000000001*0*T*:"
    data = "".join(f"{text}~\n" for text in (isa, *texts)).encode()
    slow, reader = SlowWalk(root), Reader()
    walk = Walk(compiled, Position())
    walk.begin(Segment("ST"))
    found: list[SegmentNode | None] = []
    places: list[SegmentNode | None] = []
    for at in range(0, len(data), chunk):
        for batch in reader.batches(data[at : at + chunk]):
            start = batch.texts[:1] == [isa]
            trail: list[Step | None] = []
            assert walk.run(batch, start, trail) == len(batch.texts)
            found += [each.place.node if each is not None else None for each in trail]
            places += [slow.take(batch.segment(index)) for index in range(start, len(batch.texts))]
    walk.end(None)
    slow.end()
    assert [_named(each) for each in found] == [_named(each) for each in places]
    assert sorted(_told(walk)) == sorted(slow.told)


def _told(walk: Walk) -> Iterator[Told]:
    for each in walk.findings:
        rule = each.rule.removeprefix("x12.segment.")
        if rule in ORDER:
            assert isinstance(each.where, Position)
            yield rule, each.where.segment, each.where.tag, each.where.loop


def _named(node: SegmentNode | None) -> str:
    return f"{node.tag} {node.name}" if node is not None else ""


# --- Guides that are made up -----------------------------------------------------------------------------------------

_TAGS = ("A1", "B1", "C1", "NM1", "REF")
_QUALIFIERS = ("X", "YY", "ZZZ", "LONGER")


@st.composite
def _segment(draw: st.DrawFn, position: int, number: list[int]) -> SegmentNode:
    number[0] += 1
    tag = draw(st.sampled_from(_TAGS))
    key: tuple[tuple[int, int], ...] = ()
    elements: list[ElementNode | CompositeNode] = [
        ElementNode("the first", 1, "S", "66", "AN", 1, 6),
        ElementNode("the second", 2, "S", "66", "AN", 1, 6),
    ]
    if draw(st.booleans()):
        codes = tuple(draw(st.sets(st.sampled_from(_QUALIFIERS), min_size=1, max_size=2)))
        ordinal = draw(st.sampled_from([1, 1, 1, 2]))
        elements[ordinal - 1] = ElementNode("the qualifier", ordinal, "R", "128", "ID", 1, 6, codes)
        key = ((ordinal, 0),)
    usage, repeat = draw(st.sampled_from("RSS")), draw(st.sampled_from([1, 1, 2, 3, UNLIMITED]))
    return SegmentNode(tag, f"segment {number[0]}", usage, position, repeat, elements, [], key)


@st.composite
def _loop(draw: st.DrawFn, depth: int, position: int, number: list[int]) -> LoopNode:
    number[0] += 1
    children: list[LoopNode | SegmentNode] = []
    here = 1
    for at in range(draw(st.integers(1, 4))):
        here += draw(st.sampled_from([0, 1, 1])) if at else 0
        nested = depth > 0 and draw(st.sampled_from([False, True] if at else [False, False, False, True]))
        children.append(draw(_loop(depth - 1, here, number)) if nested else draw(_segment(here, number)))
    usage, repeat = draw(st.sampled_from("RSS")), draw(st.sampled_from([1, 1, 2, UNLIMITED]))
    return LoopNode(f"L{number[0]}", "the loop", usage, position, repeat, children)


@st.composite
def _guides(draw: st.DrawFn) -> LoopNode:
    number = [0]
    inner = draw(_loop(3, 2, number))
    children: list[LoopNode | SegmentNode] = [SegmentNode("ST", "begin", "R", 1, 1)]
    if draw(st.booleans()):
        children.append(inner)
    else:
        children += inner.children
        for each in inner.children:
            each.position += 1
    children.append(SegmentNode("SE", "end", "R", 99, 1))
    return LoopNode(ROOT, "the set", "R", 1, 1, children)


_texts = st.lists(
    st.builds(
        lambda tag, *parts: "*".join((tag, *parts)).rstrip("*"),
        st.sampled_from((*_TAGS, "D1")),
        st.sampled_from(("X", "YY", "ZZZ", "LONGER", "", "x", "YYY")),
        st.sampled_from(("", "", "X", "YY", "TOO LONG")),
    ),
    max_size=25,
)


@seed(12)
@settings(max_examples=250, deadline=None)
@given(_guides(), _texts, st.lists(st.integers(0, 25), max_size=2))
def test_both_walks_agree_on_guides_that_are_made_up(root: LoopNode, texts: list[str], cuts: list[int]) -> None:
    compiled = Compiled("made up", root)
    _agree(compiled, root, texts, cuts)
    _agree(compiled, root, texts)  # Its tables are filled by now.
    _agree_on_bytes(compiled, root, texts, 1 + sum(cuts))


@seed(12)
@settings(max_examples=150, deadline=None)
@given(_guides(), st.integers(0, 1 << 32))
def test_both_walks_agree_on_sets_that_follow_the_guide(root: LoopNode, number: int) -> None:
    compiled, chance = Compiled("made up", root), random.Random(number)
    for _ in range(3):
        texts = list(_sequence(root, chance, 40))
        _agree(compiled, root, texts)
        _agree_on_bytes(compiled, root, texts, 1 << 16)


def _sequence(root: LoopNode, chance: random.Random, most: int) -> Iterator[str]:
    """Segments that mostly have a place, nearer ones more often; a slow walk of its own says what can follow."""
    slow, every = SlowWalk(root), [each for _, _, each in root.walk() if each.tag not in ("ST", "SE")]
    for _ in range(chance.randint(1, most)):
        near = [_first(child) for _, child in slow._followers() if _first(child).tag not in ("ST", "SE")]
        node = near[min(int(chance.expovariate(0.4)), len(near) - 1)] if near else chance.choice(every)
        if chance.random() < 0.05:
            node = chance.choice(every)
        text = _text(node, chance)
        slow.take(Segment.from_text(text))
        yield text


def _text(node: SegmentNode, chance: random.Random) -> str:
    parts = [""] * max((each.ordinal for each in node.elements), default=0)
    for element, component in node.key:
        known = node.element_at(element, component)
        assert known is not None
        parts[element - 1] = ":" * max(component - 1, 0) + chance.choice(known.codes)
    return "*".join((node.tag, *parts)).rstrip("*")


# --- The guides of the registry --------------------------------------------------------------------------------------


@cache
def _whole(name: str) -> Compiled:
    return guide.load(name).compiled


def _sets(name: str, count: int) -> Iterator[list[str]]:
    compiled = _whole(name)
    places = {id(each.node): each for each in compiled.places}
    for number in range(count):
        chance = random.Random(f"{name} {number}")
        slow, texts = SlowWalk(compiled.root), []
        every = [each.node for each in compiled.places if each.node.tag not in ("ST", "SE")]
        for _ in range(chance.randint(1, 120)):
            near = [_first(child) for _, child in slow._followers() if _first(child).tag not in ("ST", "SE")]
            node = near[min(int(chance.expovariate(0.25)), len(near) - 1)] if near else chance.choice(every)
            if chance.random() < 0.03:
                node = chance.choice(every)
            text = Maker(node, compiled.listed(places[id(node)]), chance).text(chance.random())
            if chance.random() < 0.05:
                text = next(Maker(node, compiled.listed(places[id(node)]), chance).slips(text, 1))
            slow.take(Segment.from_text(text))
            texts.append(text)
        yield texts


@pytest.mark.parametrize("name", registry.names())
def test_both_walks_agree_on_the_guides_of_the_registry(name: str) -> None:
    for texts in _sets(name, 12):
        _agree(_whole(name), _whole(name).root, texts)
        _agree_on_bytes(_whole(name), _whole(name).root, texts, 1 << 16)


@pytest.mark.full
@pytest.mark.parametrize("name", registry.names())
def test_both_walks_agree_on_many_sets(name: str) -> None:
    for texts in _sets(name, 400):
        _agree(_whole(name), _whole(name).root, texts)
        _agree_on_bytes(_whole(name), _whole(name).root, texts, 1 << 16)
