"""Checks the elements of ISA, GS, GE and IEA against pyx12's guide to the envelope: presence, length, type, code.

It knows nothing of counts and control numbers, which ``envelope`` follows, nor of delimiters, which ``codec`` does.
What it finds can be read all the same, so it is for warnings.
"""

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache

from gateway.x12 import cache as guide_cache
from gateway.x12 import elements, source
from gateway.x12.elements import Fault
from gateway.x12.nodes import ElementNode, SegmentNode
from gateway.x12.patterns import Check, compile_segment
from gateway.x12.tree import Segment, standard_text

# TA105 (X12 data element I18) for each element of ISA.
ISA_NOTES = {
    1: "010",
    2: "011",
    3: "012",
    4: "013",
    5: "005",
    6: "006",
    7: "007",
    8: "008",
    9: "014",
    10: "015",
    12: "017",
    13: "018",
    14: "019",
    15: "020",
}
GROUP_NOTE = "024"  # TA105: invalid content, such as a wrong GS
_MAY_BE_BLANK = {2, 4}  # ISA02 and ISA04 say nothing where ISA01 and ISA03 are 00.
_DELIMITERS = {11, 16}  # of ISA
_NAMED_BY_SETS = {1, 8}  # of GS: which codes are right, the sets say


def check(one: Segment) -> Sequence[Fault]:
    """The faults of a segment of the envelope; none of one that the guide does not describe."""
    if one.tag == "ISA":
        return _isa_faults(tuple(one.at(ordinal) for ordinal in range(1, len(one.elements) + 1)))
    node, certain = _nodes().get(one.tag, (None, None))
    if node is None or certain is None or certain(standard_text(one)):
        return ()
    return [
        fault
        for fault in elements.check(node, one)
        if not (one.tag == "GS" and fault.element in _NAMED_BY_SETS and fault.code == "7")
    ]


@lru_cache(maxsize=256)
def _isa_faults(texts: tuple[str, ...]) -> tuple[Fault, ...]:
    """Those of an ISA; a partner's differ in date and number alone, and many are read that we built ourselves."""
    node, _ = _nodes()["ISA"]
    shown = Segment("ISA", tuple(((text,),) for text in _unpadded(texts, node)))
    return tuple(elements.check(node, shown))


def _unpadded(texts: Sequence[str], node: SegmentNode) -> Iterator[str]:
    """The elements of an ISA as long as they should be, unless they hold more: ``codec`` tells of padding."""
    for ordinal, held in enumerate(texts, 1):
        text, known = held.strip(), node.element_at(ordinal)
        width = known.longest if isinstance(known, ElementNode) else 0
        if ordinal in _DELIMITERS:
            yield "U"
        else:
            yield text.ljust(width) if text or ordinal in _MAY_BE_BLANK else ""


@cache
def _nodes() -> dict[str, tuple[SegmentNode, Check]]:
    """What the guide says of each segment, and what passes it for certain."""
    found = (each for _, _, each in guide_cache.load(source.CONTROL, source.ENVELOPE).walk())
    return {each.tag: (each, compile_segment(each).compile()) for each in found}
