"""Levels and lines of a set count themselves: a slip is told at its segment, and nothing that only follows from it.

Trees of levels are random; what should be told is known from the tree, not from the numbers.
"""

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from gateway.x12.nodes import ElementNode, SegmentNode
from gateway.x12.numbering import Numbering
from gateway.x12.table import NONE, Place, Step
from gateway.x12.wrong import Wrong

PARENT = ElementNode("the parent", 2, "S", "734", "AN", 1, 12)
STEP = Step(Place(0, SegmentNode("HL", "the level", "R", 1, 1, [PARENT]), (), "2000A", NONE), 0, (), (), None, ())


@dataclass
class _Level:
    children: list["_Level"] = field(default_factory=list)


@dataclass
class _Sent:
    number: int
    parent: int
    has_child: bool

    def text(self, number: str = "", parent: str = "", child: str = "") -> str:
        shown = number or str(self.number), parent or str(self.parent or ""), "20", child or str(int(self.has_child))
        return "*".join(("HL", *shown))


_levels = st.recursive(st.builds(_Level), lambda inner: st.builds(_Level, st.lists(inner, max_size=3)), max_leaves=12)


def _sent(tops: list[_Level]) -> list[_Sent]:
    found: list[_Sent] = []

    def put(level: _Level, parent: int) -> None:
        one = _Sent(len(found) + 1, parent, bool(level.children))
        found.append(one)
        for each in level.children:
            put(each, one.number)

    for each in tops:
        put(each, 0)
    return found


def _told(texts: list[str]) -> list[tuple[int, str, int]]:
    """Number of the segment, rule and element of all that is told; the first level is segment 1."""
    numbering, found = Numbering(), list[Wrong]()
    for at, text in enumerate(texts, 1):
        found += numbering.hl(text, STEP, at)
    found += numbering.end()
    return sorted((each.segment, each.fault.rule.removeprefix("x12.hl."), each.fault.element) for each in found)


@seed(12)
@settings(max_examples=150, deadline=None)
@given(st.lists(_levels, min_size=1, max_size=3), st.integers(0, 1 << 16))
def test_hl04_is_wrong_where_the_tree_says_so_and_nowhere_else(tops: list[_Level], number: int) -> None:
    chance, sent = random.Random(number), _sent(tops)
    said = [chance.choice(("0", "1", "1" if each.has_child else "0")) for each in sent]
    texts = [each.text(child=child) for each, child in zip(sent, said, strict=True)]
    wrong = [each.number for each, child in zip(sent, said, strict=True) if child != str(int(each.has_child))]
    assert _told(texts) == [(each, "child", 4) for each in wrong]


@seed(12)
@settings(max_examples=150, deadline=None)
@given(st.lists(_levels, min_size=1, max_size=3), st.data())
def test_one_wrong_number_is_told_once(tops: list[_Level], data: st.DataObject) -> None:
    """Whether the levels below name it by the number that was sent, or by the one that it should have had."""
    sent = _sent(tops)
    slip = data.draw(st.sampled_from(sent))
    named = data.draw(st.booleans())
    texts = [
        each.text(number="77" if each is slip else "", parent="77" if named and each.parent == slip.number else "")
        for each in sent
    ]
    assert _told(texts) == [(slip.number, "number", 1)]


@seed(12)
@settings(max_examples=150, deadline=None)
@given(st.lists(_levels, min_size=1, max_size=3), st.data())
def test_a_parent_that_is_not_open_is_told_once(tops: list[_Level], data: st.DataObject) -> None:
    sent = _sent(tops)
    slip = data.draw(st.sampled_from(sent))
    texts = [each.text(parent="99" if each is slip else "") for each in sent]
    assert _told(texts) == [(slip.number, "parent", 2)]


@pytest.mark.parametrize("text", ["HL", "HL*", "HL****", "HL*1^2", "HL*1:2*:*^", "HL*x*y*z*w*v"])
def test_a_level_of_any_form_stops_nobody(text: str) -> None:
    _told([text, "HL*2*1*22*0", text])


def test_lines_count_anew_in_each_claim() -> None:
    numbering = Numbering()
    told = []
    for number, text in enumerate(("CLM", "LX*1", "LX*2", "LX*4", "CLM", "LX*1", "LX*2", "LX*02", "LX"), 1):
        if text == "CLM":
            numbering.clm(text, STEP, number)
        else:
            told += [(each.segment, each.fault.element) for each in numbering.lx(text, STEP, number) or ()]
    assert told == [(4, 1), (8, 1), (9, 1)]
