"""The one law of the fast path: what a segment's pattern passes, nothing else finds anything wrong with.

It is tried on every segment of every guide, with values made from the guide and with slips in them, and on segments
made up here that hold what no guide of today does. That what is valid passes is a matter of speed, and counted.
"""

import random
import time
from collections.abc import Iterator
from datetime import date
from functools import cache

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from x12_samples import DAYS, NO_DAYS, Maker

from gateway.x12 import elements, guide, registry
from gateway.x12.nodes import CompositeNode, ElementNode, SegmentNode
from gateway.x12.patterns import DAY, TIME, Lists, Pattern, compile_segment, trie
from gateway.x12.table import Compiled, Place
from gateway.x12.tree import Segment

SINCE = (date(2020, 1, 1), date(2021, 6, 30), date(2023, 10, 1), date(2026, 3, 2), date(2031, 1, 1), None)
OLDER = (date(2005, 1, 1), date(2014, 9, 30), date(2019, 12, 31))
LONG, SECONDS_MAX = 20_000, 1.0  # It takes milliseconds; a pattern that tries in many ways takes years.
PASSED_MIN = 0.95  # of the texts meant to be valid
FORMS_OF_A_GUIDE = {"REF"}  # 837P REF*SY: nine digits by a pattern of the guide, which the samples do not follow


@cache
def _compiled(name: str, old: bool) -> Compiled:
    return guide.load(name).compiled_for(OLDER[0] if old else SINCE[0])


def _faults(compiled: Compiled, place: Place, text: str, days: tuple[date | None, ...]) -> Iterator[str]:
    one = Segment.from_text(text)
    for fault in elements.check(place.node, one):
        yield f"{text}: {fault.what}"
    for day in days:
        for fault in compiled.listed(place).faults(one, day):
            yield f"{text}, {day}: {fault.what}"


def _prove(name: str, old: bool, count: int) -> None:
    compiled, days = _compiled(name, old), OLDER if old else SINCE
    for place in compiled.places:
        chance = random.Random(f"{name} {place.index}")
        maker, passes = Maker(place.node, compiled.listed(place), chance), compiled.check(place)
        for number in range(count):
            text = maker.text(number % 4 / 3)
            for each in (text, *maker.slips(text, 6)):
                if passes(each):
                    assert not list(_faults(compiled, place, each, days)), (name, place.path, each)


@pytest.mark.parametrize("old", [False, True], ids=["since 2020", "older"])
@pytest.mark.parametrize("name", registry.names())
def test_what_a_pattern_passes_has_no_fault(name: str, old: bool) -> None:
    _prove(name, old, 4)


@pytest.mark.full
@pytest.mark.parametrize("old", [False, True], ids=["since 2020", "older"])
@pytest.mark.parametrize("name", registry.names())
def test_what_a_pattern_passes_has_no_fault_in_many_texts(name: str, old: bool) -> None:
    _prove(name, old, 200)


@pytest.mark.parametrize("name", registry.names())
def test_what_is_meant_to_be_valid_passes_nearly_always(name: str) -> None:
    """Else the engine is slow. A place whose pattern passes nothing must be named above."""
    compiled, passed, made = _compiled(name, False), 0, 0
    for place in compiled.places:
        chance = random.Random(f"{name} {place.index}")
        maker, passes = Maker(place.node, compiled.listed(place), chance), compiled.check(place)
        here = [bool(passes(maker.text(number % 4 / 3))) for number in range(8)]
        assert any(here) or place.node.tag in FORMS_OF_A_GUIDE, f"{place.path} {place.node.tag} passes nothing"
        passed, made = passed + sum(here), made + len(here)
    assert passed >= PASSED_MIN * made


@pytest.mark.parametrize("name", registry.names())
def test_the_slow_path_finds_nothing_in_what_is_meant_to_be_valid(name: str) -> None:
    """Where the pattern refuses a text that has no fault, a list of days is the reason, and nothing else."""
    compiled, refused, made = _compiled(name, False), 0, 0
    for place in compiled.places:
        chance = random.Random(f"{name} {place.index}")
        maker, passes = Maker(place.node, compiled.listed(place), chance), compiled.check(place)
        for number in range(8):
            text = maker.text(number % 4 / 3)
            made += 1
            refused += not passes(text) and not list(_faults(compiled, place, text, SINCE))
    assert refused <= (1 - PASSED_MIN) * made


@pytest.mark.parametrize("name", registry.names())
def test_no_text_takes_long(name: str) -> None:
    """However long it is, and whatever repeats in it: a match never tries one part in many ways."""
    compiled = _compiled(name, False)
    for place in compiled.places:
        tag, passes = place.node.tag, compiled.check(place)
        text = Maker(place.node, compiled.listed(place), random.Random(place.index)).text(1)
        long = [f"{tag}{each * LONG}" for each in ("*", "*A", "*:", "*A:", "^A", " ", "A")]
        long += [f"{text}{each * LONG}" for each in ("*", ":A", "^A", " ", "1", "A")]
        begun = time.process_time()
        for each in long:
            passes(each)
        assert time.process_time() - begun < SECONDS_MAX, (place.path, tag)


# --- Segments that are made up ---------------------------------------------------------------------------------------

_CODES = (("A", "AB", "ABC"), ("D8", "RD8"), ("TM", "D8"), ("D6",), ("1", "01", "11 "), ("X.Y", "X+", "\\d"))


@st.composite
def _simple(draw: st.DrawFn, ordinal: int) -> ElementNode:
    kind = draw(st.sampled_from(["AN", "ID", "DT", "TM", "N0", "N2", "R", "B"]))
    shortest = draw(st.integers(1, 4))
    number = draw(st.sampled_from(["1250", "1251", "66", "782"]))
    codes = draw(st.sampled_from(((), (), *_CODES))) if kind in ("AN", "ID") else ()
    return ElementNode(
        "the value",
        ordinal,
        draw(st.sampled_from("RSSN")),
        number,
        kind,
        shortest,
        shortest + draw(st.integers(0, 8)),
        codes,
        pattern=draw(st.sampled_from(["", "", "", "^[0-9]{2}", "B$"])),
        repeat=draw(st.sampled_from([1, 1, 3])),
    )


@st.composite
def _nodes(draw: st.DrawFn) -> SegmentNode:
    built: list[ElementNode | CompositeNode] = []
    for ordinal in range(1, draw(st.integers(1, 5)) + 1):
        if draw(st.booleans()):
            built.append(draw(_simple(ordinal)))
            continue
        parts = [draw(_simple(each)) for each in range(1, draw(st.integers(1, 4)) + 1)]
        for each in parts:
            each.repeat = 1
        usage, repeat = draw(st.sampled_from("RSN")), draw(st.sampled_from([1, 2]))
        built.append(CompositeNode("the parts", ordinal, usage, "C000", repeat, parts))
    ordinals = st.lists(st.integers(1, len(built)), min_size=2, max_size=3, unique=True)
    notes = st.tuples(st.sampled_from("PRCLE"), ordinals.map(tuple))
    syntax = draw(st.lists(notes, max_size=2)) if len(built) > 1 else []
    return SegmentNode("XX", "the segment", "S", 1, 1, built, syntax)


@seed(12)
@settings(max_examples=150, deadline=None)
@given(_nodes(), st.integers(0, 1000))
def test_the_law_holds_for_any_segment_that_a_guide_could_have(node: SegmentNode, number: int) -> None:
    passes = compile_segment(node).compile()
    maker = Maker(node, Lists(), random.Random(number))
    for count in range(4):
        text = maker.text(count / 3)
        for each in (text, *maker.slips(text, 8)):
            if passes(each):
                assert not list(elements.check(node, Segment.from_text(each))), each


def _noted(kind: str, usages: str, count: int) -> SegmentNode:
    ordinals = range(1, count + 1)
    simple: list[ElementNode | CompositeNode] = [
        ElementNode("the value", each, usage, "66", "AN", 1, 1) for each, usage in zip(ordinals, usages, strict=True)
    ]
    return SegmentNode("XX", "the segment", "S", 1, 1, simple, [(kind, tuple(ordinals))])


@pytest.mark.parametrize("usages", ["SSS", "RSS", "SRS", "SSR", "RRS", "NSS", "SNS", "SSN", "SS", "RS", "SR"])
@pytest.mark.parametrize("kind", "PRCLE")
def test_a_note_is_the_same_for_pattern_and_words(kind: str, usages: str) -> None:
    """All ways in which up to three elements can be there or not, and every way in which they can be required."""
    node = _noted(kind, usages, len(usages))
    passes = compile_segment(node).compile()
    for bits in range(1 << len(usages)):
        there = ["A" if bits >> at & 1 else "" for at in range(len(usages))]
        text = "*".join(("XX", *there)).rstrip("*")
        assert bool(passes(text)) == (not list(elements.check(node, Segment.from_text(text)))), text


# --- Parts of patterns -----------------------------------------------------------------------------------------------


def _dated(kind: str) -> SegmentNode:
    return SegmentNode("XX", "the segment", "S", 1, 1, [ElementNode("the value", 1, "R", "66", kind, 1, 12)])


@pytest.mark.parametrize("day", DAYS)
def test_days_pass(day: str) -> None:
    assert Pattern(DAY).compile()(day)


@pytest.mark.parametrize("day", [each for each in NO_DAYS if each not in DAYS])
def test_what_is_no_day_does_not_pass(day: str) -> None:
    assert not Pattern(DAY).compile()(day)


def test_every_day_of_some_years_passes_and_no_other_eight_digits() -> None:
    """Years that differ in being leap years. 29 February of a century's first year takes the long way."""
    passes, node = Pattern(DAY).compile(), _dated("DT")
    for year in (1799, 1800, 1896, 1900, 1999, 2000, 2023, 2024, 2096, 2100, 2400, 2999):
        for month in range(14):
            for day in range(33):
                text = f"{year}{month:02}{day:02}"
                valid = not list(elements.check(node, Segment.from_text(f"XX*{text}")))
                assert bool(passes(text)) == (valid and text not in ("20000229", "24000229")), text


@pytest.mark.parametrize("clock", ["0000", "2359", "235959", "2400", "1260", "120060", "12", "120", "12000"])
def test_times_pass_that_are_times(clock: str) -> None:
    faults = list(elements.check(_dated("TM"), Segment.from_text(f"XX*{clock}")))
    assert bool(Pattern(TIME).compile()(clock)) == (not faults)


@seed(12)
@settings(max_examples=200, deadline=None)
@given(st.sets(st.text("AB1.+\\]^-", max_size=4), max_size=12), st.text("AB1.+\\]^-", max_size=5))
def test_a_trie_matches_its_codes_and_nothing_else(codes: set[str], other: str) -> None:
    passes = Pattern(trie(codes)).compile()
    for each in (*codes, other):
        assert bool(passes(each)) == (each in codes and each != "")


class _TwoForms(Lists):
    """A value that two forms and a list of codes hold for at once."""

    def form(self, element: int, component: int) -> str:
        return "(?=(?:[0-9]{2}|[A-Z]{2})(?![A-Za-z0-9 ]))(?:[0-9A-F]{2})"

    def ahead(self, element: int, component: int) -> str:
        return "(?!(?:AA)(?![A-Za-z0-9 ]))"


@pytest.mark.parametrize(("value", "sound"), [("12", True), ("AB", True), ("AA", False), ("GH", False), ("A1", False)])
def test_all_that_lists_ask_of_a_value_counts(value: str, sound: bool) -> None:
    node = SegmentNode("XX", "the segment", "S", 1, 1, [ElementNode("the value", 1, "R", "66", "AN", 1, 9)])
    assert bool(compile_segment(node, _TwoForms()).compile()(f"XX*{value}")) == sound
