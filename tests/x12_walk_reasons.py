"""Why pyx12 and we may differ on what is missing or has no place: each reason with who is right, and what it takes.

``tests/test_differential.py`` shows each.
"""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from typing import Any

from pyx12.segment import Segment as PlainSegment
from x12_difference import Difference, reason
from x12_oracle import MAPS, Fault, guide_loops, guide_node

from gateway.errors import Finding, Position
from gateway.resources import folder

LEVEL_STARTS = ("HL", "CLM", "LX", "SE", "")
LOOP_LENGTH_MAX = 10


@reason("told_again", "we", "loops that share a position are passed twice by pyx12: it tells twice that one is missing")
def _told_again(difference: Difference) -> Iterator[Fault]:
    for fault in difference.theirs:
        name = (fault.set, "IK304 3", fault.reference)
        same = [each for each in difference.said if (each.set, each.code, each.reference) == name]
        if fault.code != "IK304 3":
            continue
        if any(not _level_between(difference, fault, each) for each in same):
            yield fault


def _level_between(difference: Difference, one: Fault, other: Fault) -> bool:
    low, high = sorted((one.segment, other.segment))
    texts = (difference.text(Fault(one.set, each, "", "")) for each in range(low + 1, high))
    return any(each.split("*")[0] in LEVEL_STARTS for each in texts)


@cache
def _loops_named(kind: str, name: str) -> tuple[Any, ...]:
    return tuple(each for each in guide_loops(kind) if each.id == name)


@reason(
    "same_position",
    "we",
    "pyx12 forgets what is missing at the position that it goes on to: IK5 and SE have the same one",
)
def _same_position(difference: Difference) -> Iterator[Fault]:
    for fault in difference.ours:
        at_end = difference.text(fault).startswith("SE*")
        if at_end and (difference.kind, fault.code, fault.reference) == ("999", "IK304 3", "IK5"):
            yield fault


@reason(
    "trailers", "we", "where a trailer is missing pyx12 closes the envelope around it instead, and blames the next one"
)
def _trailers(difference: Difference) -> Iterator[Fault]:
    lost = [each for each in difference.said if each.code in ("IK502 2", "AK905 3", "TA105 023")]
    ends = {(each.set, each.segment) for each in lost}
    for fault in (*difference.theirs, *difference.ours) if lost else ():
        envelope = fault.code.startswith(("IK502", "AK905", "TA105")) or (fault.code, fault.reference) == (
            "IK304 3",
            "SE",
        )
        later = fault in difference.theirs and fault.code == "IK304 3" and (not fault.set or fault.segment == 1)
        if envelope or later or (fault.code == "IK304 3" and (fault.set, fault.segment) in ends):
            yield fault


@reason("corrected", "we", "the guide is corrected there, with a source: edi_maps/guides/<guide>.toml")
def _corrected(difference: Difference) -> Iterator[Fault]:
    places = _corrections(difference.kind)
    for fault in (*difference.theirs, *difference.ours):
        missing = re.match(r"Mandatory (?:loop|segment) .*\((\w+)\) missing", difference.theirs.get(fault, ""))
        if fault.reference in places or (missing and missing[1] in places):
            yield fault


@cache
def _corrections(kind: str) -> frozenset[str]:
    """The last part of each corrected place: a loop, a segment or an element."""
    path = folder("edi_maps") / "guides" / f"{MAPS[kind].removesuffix('.xml')}.toml"
    corrections = tomllib.loads(path.read_text(encoding="utf-8"))["corrections"]
    places = [each for one in corrections for each in ([one["at"]] if isinstance(one["at"], str) else one["at"])]
    return frozenset(re.split("[/ ]", each)[-1] for each in places)


@reason(
    "any_order",
    "we",
    "what shares a position comes in any order (X12.6): pyx12 tells that a loop is missing, and then reads it",
)
def _any_order(difference: Difference) -> Iterator[Fault]:
    for fault, words in difference.theirs.items():
        loop = re.search(r"Mandatory loop .*\((\w+)\) missing", words)
        for node in _loops_named(difference.kind, loop[1]) if loop else ():
            for number in range(fault.segment + 1, fault.segment + LOOP_LENGTH_MAX):
                text = difference.text(Fault(fault.set, number, "", ""))
                if text.split("*")[0] in LEVEL_STARTS:
                    break
                if node.get_first_seg().is_match(_plain(text)):
                    yield fault


@reason(
    "start_after_start",
    "we",
    "a loop's start right after the same start: pyx12 does not look into the first of the two",
)
def _start_after_start(difference: Difference) -> Iterator[Fault]:
    for fault, finding in difference.ours.items():
        if fault.code == "IK304 3" and _next_starts_same_loop(difference, fault, finding):
            yield fault


def _next_starts_same_loop(difference: Difference, fault: Fault, finding: Finding) -> bool:
    path = finding.where.loop if isinstance(finding.where, Position) else ""
    unplaced = {each.segment for each in difference.told if each.set == fault.set and each.code == "IK304 1"}
    number = fault.segment - 1
    while number in unplaced:
        number -= 1
    before, after = (difference.text(Fault(fault.set, each, "", "")) for each in (number, fault.segment))
    for loop in (path, path.rpartition("/")[0]):
        node = guide_node(difference.kind, loop)
        first = node.get_first_seg() if node is not None and loop else None
        if first is not None and all(first.is_match(_plain(each)) for each in (before, after)):
            return True
    return False


def _next_placed(difference: Difference, fault: Fault) -> Fault:
    """The place of the first segment from there on that pyx12 has a place for."""
    unplaced = {each.segment for each in difference.told if each.set == fault.set and each.code == "IK304 1"}
    number = fault.segment
    while number in unplaced:
        number += 1
    return Fault(fault.set, number, "", "")


def _plain(text: str) -> PlainSegment:
    return PlainSegment(text, "~", "*", ":")


HEADER_STARTS = {"837p": "BHT", "835": "BPR", "277ca": "BHT", "999": "AK1"}
DETAIL_STARTS = {"837p": "HL", "835": "LX", "277ca": "HL", "999": ""}


@reason(
    "header_start", "we", "without its first segment pyx12 finds nothing of a header, for it holds headers to be loops"
)
def _header_start(difference: Difference) -> Iterator[Fault]:
    start = HEADER_STARTS[difference.kind]
    for missing in difference.said:
        if (missing.code, missing.reference) != ("IK304 3", start):
            continue
        for fault in (*difference.theirs, *difference.ours):
            if fault.set == missing.set and _in_header(difference, fault):
                yield fault


@reason(
    "header_again",
    "we",
    "a header's first segment again begins the header anew for pyx12, which holds headers to be loops",
)
def _header_again(difference: Difference) -> Iterator[Fault]:
    for again in difference.theirs:
        if (again.code, again.reference) != ("IK304 4", HEADER_STARTS[difference.kind]):
            continue
        for fault in (*difference.theirs, *difference.ours):
            if fault.set == again.set and fault.segment >= again.segment and _in_header(difference, fault):
                yield fault


def _in_header(difference: Difference, fault: Fault) -> bool:
    """Whether no segment before it has begun the detail."""
    start = DETAIL_STARTS[difference.kind]
    for number in range(1, fault.segment if start else 1):
        before = Fault(fault.set, number, "IK304 1", start)
        if difference.text(before).split("*")[0] == start and before not in difference.told:
            return False
    return True


@reason("footer_again", "we", "PLB may come often (X221); pyx12 holds the footer to be a loop that comes once")
def _footer_again(difference: Difference) -> Iterator[Fault]:
    for fault in difference.theirs:
        if (fault.code, fault.reference) == ("IK304 4", "PLB"):
            yield fault
