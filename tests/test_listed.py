"""A code that is wrong is told once: by the guide's own codes or by a list, never by both, wherever it stands."""

import random
from collections.abc import Iterator

import pytest
from x12_samples import Maker

from gateway.errors import Finding, Position
from gateway.x12 import codes, guide, registry
from gateway.x12.nodes import CompositeNode, ElementNode
from gateway.x12.table import Compiled, Place
from gateway.x12.tree import Segment
from gateway.x12.walk import Segments, Walk

RESPONSE = "278.5010.X217.response.xml"


def _coded(compiled: Compiled, place: Place) -> Iterator[tuple[int, int, ElementNode]]:
    """The places of a segment's elements that hold codes, of the guide or of a list, and are no qualifier of it."""
    lists = compiled.listed(place)
    for each in place.node.elements:
        parts = each.parts if isinstance(each, CompositeNode) else [each]
        for part in parts:
            component = part.ordinal if isinstance(each, CompositeNode) else 0
            listed = part.codes or lists.allowed(each.ordinal, component) is not None
            if (
                listed
                and part.type[0] in "AI"
                and "N" not in (each.usage, part.usage)
                and (each.ordinal, component) not in place.node.key
            ):
                yield each.ordinal, component, part


def _walked(compiled: Compiled, place: Place, text: str) -> list[Finding]:
    """What is found in a segment at its place, behind the segments that begin the loops around it."""
    chance = random.Random(place.index)
    begun = [next(each for each in compiled.places if each.node is loop.first) for loop in place.loops[1:]]
    texts = [Maker(each.node, compiled.listed(each), chance).text(0) for each in begun if each is not place]
    walk = Walk(compiled, Position())
    walk.begin(Segment("ST"))
    walk.run(Segments([Segment.from_text(each) for each in (*texts, text)]), 0)
    at = len(texts) + 2
    return [each for each in walk.findings if isinstance(each.where, Position) and each.where.segment == at]


def _set(text: str, element: int, component: int, value: str) -> str:
    parts = text.split("*")
    parts += [""] * (element + 1 - len(parts))
    if component:
        pieces = parts[element].split(":")
        pieces += [""] * (component - len(pieces))
        pieces[component - 1] = value
        parts[element] = ":".join(pieces)
    else:
        parts[element] = value
    return "*".join(parts)


@pytest.mark.parametrize("name", registry.names())
def test_a_wrong_code_is_told_once(name: str) -> None:
    compiled = guide.load(name).compiled
    for place in compiled.places:
        if place.node.tag in ("ST", "SE"):
            continue
        text = Maker(place.node, compiled.listed(place), random.Random(place.index)).text(1)
        for element, component, node in _coded(compiled, place):
            wrong = "QZ9QZ9QZ9"[: max(node.shortest, min(3, node.longest))]
            found = _walked(compiled, place, _set(text, element, component, wrong))
            told = [
                each.rule
                for each in found
                if isinstance(each.where, Position)
                and (each.where.element, each.where.component) == (element, component)
            ]
            assert len(told) <= 1, (place.path, text, element, component, told)


def test_a_reject_reason_of_another_loop_is_told_once() -> None:
    """AAA03 of each level has codes of its own; one of another level is wrong there."""
    compiled = guide.load(RESPONSE).compiled
    places = [each for each in compiled.places if each.node.tag == "AAA"]
    allowed = {each.index: _reasons(each) for each in places}
    every = sorted(set().union(*allowed.values()))
    assert len(places) > 5
    for place in places:
        for code in every:
            found = _walked(compiled, place, f"AAA*N**{code}*C")
            rules = [each.rule for each in found if isinstance(each.where, Position) and each.where.element == 3]
            if code in allowed[place.index]:
                assert not rules, (place.path, code)
            else:
                assert len(rules) == 1, (place.path, code, rules)


def _reasons(place: Place) -> frozenset[str]:
    """By the guide's own codes where it has some, else by the list of the loop."""
    known = place.node.element_at(3)
    assert known is not None
    listed = codes.load(f"aaa03.{place.path.rpartition('/')[2]}").codes
    return frozenset(known.codes) or listed
