"""Checks the elements of ISA, GS, GE and IEA against pyx12's guide to the envelope: presence, length, type, code.

It knows nothing of counts and control numbers, which ``envelope`` follows, nor of delimiters, which ``codec`` does.
What it finds can be read all the same, so it is for warnings.
"""

from collections.abc import Iterator
from functools import cache

from gateway.x12 import cache as guide_cache
from gateway.x12 import elements, source
from gateway.x12.elements import Fault
from gateway.x12.nodes import ElementNode, SegmentNode
from gateway.x12.tree import Segment

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


def check(one: Segment) -> Iterator[Fault]:
    """The faults of a segment of the envelope; none of one that the guide does not describe."""
    node = _nodes().get(one.tag)
    if node is None:
        return
    shown = Segment("ISA", tuple(((text,),) for text in _unpadded(one, node))) if one.tag == "ISA" else one
    for fault in elements.check(node, shown):
        if not (one.tag == "GS" and fault.element in _NAMED_BY_SETS and fault.code == "7"):
            yield fault


def _unpadded(isa: Segment, node: SegmentNode) -> Iterator[str]:
    """The elements of an ISA as long as they should be, unless they hold more: ``codec`` tells of padding."""
    for ordinal in range(1, len(isa.elements) + 1):
        text, known = isa.at(ordinal).strip(), node.element_at(ordinal)
        width = known.longest if isinstance(known, ElementNode) else 0
        if ordinal in _DELIMITERS:
            yield "U"
        else:
            yield text.ljust(width) if text or ordinal in _MAY_BE_BLANK else ""


@cache
def _nodes() -> dict[str, SegmentNode]:
    return {each.tag: each for _, _, each in guide_cache.load(source.CONTROL, source.ENVELOPE).walk()}
