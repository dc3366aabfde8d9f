"""What pyx12 finds in an interchange and what we find, as faults that can be held against each other.

pyx12 is asked as data: its reader, its walk, and its check of each segment that the walk has placed. Its codes are
its own; where they differ from those of the 999, ``x12_reasons`` says so.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pyx12.map_if import load_map_file
from pyx12.map_walker import walk_tree
from pyx12.params import ParamsBase
from pyx12.x12file import X12Reader

from gateway.errors import Finding, MalformedInterchange, Position
from gateway.x12.validate import Examined, examine

MAPS = {
    "837p": "837.5010.X222.A1.xml",
    "835": "835.5010.X221.A1.xml",
    "277ca": "277.5010.X214.xml",
    "999": "999.5010X231.A1.xml",
}
_ENVELOPE_CODES = {"st": "IK502", "gs": "AK905", "isa": "TA105", "seg": "IK304"}


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """``set`` counts the document's STs, 0 outside of any; ``segment`` counts within it (ST is 1), or the interchange.

    ``code`` is the acknowledgment's element with its code, such as ``IK403 7``.
    """

    set: int
    segment: int
    code: str
    reference: str

    def __str__(self) -> str:
        return f"set {self.set}, segment {self.segment}, {self.reference}: {self.code}"


class OracleCrashed(Exception):
    """pyx12 raised something that is not an answer."""


@cache
def _map(name: str) -> Any:
    return load_map_file(name, ParamsBase())


def guide_node(kind: str, loop: str) -> Any:
    """pyx12's node of a loop by our path, such as 2000A/2010AA; None where there is none. Its wrappers are no loops."""
    node = _map(MAPS[kind]).getnodebypath("/ISA_LOOP/GS_LOOP/ST_LOOP")
    for wanted in loop.split("/") if loop else []:
        node = next((each for each in _loops(node) if each.id == wanted), None)
        if node is None:
            return None
    return node


@cache
def guide_loops(kind: str) -> tuple[Any, ...]:
    """pyx12's nodes of all loops that are no wrappers."""

    def inside(node: Any) -> Iterator[Any]:
        for each in _loops(node):
            yield each
            yield from inside(each)

    return tuple(inside(guide_node(kind, "")))


def _loops(node: Any) -> Iterator[Any]:
    for child in node.childIterator():
        if child.is_loop() and child.id[0].isdigit():
            yield child
        elif child.is_loop():
            yield from _loops(child)


def text_of(segments: Sequence[str]) -> str:
    return "".join(f"{each}~\n" for each in segments)


def pyx12_faults(kind: str, segments: Sequence[str]) -> dict[Fault, str]:
    """Each of its faults with pyx12's words. Raises OracleCrashed where it does not come to an end."""
    try:
        return dict(_walk(kind, segments))
    except Exception as crash:  # It raises whatever it stumbles over.
        raise OracleCrashed(type(crash).__name__) from crash


def _walk(kind: str, segments: Sequence[str]) -> Iterator[tuple[Fault, str]]:
    reader = X12Reader(io.StringIO(text_of(segments)))
    reader.check_837_lx = kind == "837p"
    control, guide, walker = _map("x12.control.00501.xml"), _map(MAPS[kind]), walk_tree()
    node: Any = control.getnodebypath("/ISA_LOOP/ISA")
    sets = inside = number = 0
    for ordinal, one in enumerate(reader, 1):
        tag, before = one.get_seg_id(), node
        if tag == "ST":
            sets, inside, number = sets + 1, sets + 1, 0
        elif tag in ("GE", "IEA"):
            inside = 0
        number = number + 1 if inside else ordinal
        errors: list[Any] = []
        if tag == "ISA":
            walker.forceWalkCounterToLoopStart("/ISA_LOOP", "/ISA_LOOP/ISA")
        elif tag == "GS":
            walker.forceWalkCounterToLoopStart("/ISA_LOOP/GS_LOOP", "/ISA_LOOP/GS_LOOP/GS")
            node = guide.getnodebypath("/ISA_LOOP/GS_LOOP/GS")
        else:
            node, _, _, errors = walker.walk_errors(node, one, reader.get_seg_count(), reader.get_cur_line(), None)
        for error in errors:
            missing = error.err_cde == "3" and error.map_node is not None
            fault = Fault(inside, number, f"IK304 {error.err_cde}", error.map_node.id if missing else tag)
            yield fault, error.err_str
        for level, code, words, *_ in reader.pop_errors():
            yield Fault(inside, number, f"{_ENVELOPE_CODES[level]} {code}", tag), words
        if node is None:
            node = before
        elif tag not in ("ISA", "GS", "GE", "IEA"):
            for error in node.is_valid_errors(one)[1]:
                fault = Fault(inside, number, f"IK403 {error.err_cde}", _reference(tag, error.refdes))
                yield fault, error.err_str
        if tag == "SE":
            inside = 0
    reader.cleanup()
    for level, code, words, *_ in reader.pop_errors():
        yield Fault(0, 0, f"{_ENVELOPE_CODES[level]} {code}", ""), words


def _reference(tag: str, written: object) -> str:
    """pyx12 gives faults of a whole segment a bare ordinal."""
    text = str(written)
    return f"{tag}{int(text):02}" if text.isdigit() else text


def our_faults(segments: Sequence[str]) -> dict[Fault, Finding]:
    """Each of our faults with the finding it comes from. A finding without a code has its rule in that place."""
    found: dict[Fault, Finding] = {}
    sets = 0
    try:
        for part in examine([text_of(segments).encode()]):
            if isinstance(part, Examined):
                sets += 1
                for each in part.findings:
                    found.setdefault(_fault(each, sets), each)
            elif isinstance(part, Finding):
                found.setdefault(_fault(part, 0), part)
    except MalformedInterchange as error:
        malformed = Finding(rule="x12.document.unreadable", what=error.what, fix=error.fix, where=error.where)
        found[_fault(malformed, 0)] = malformed
    return found


def _fault(finding: Finding, sets: int) -> Fault:
    place = finding.where if isinstance(finding.where, Position) else Position()
    codes = finding.codes or {}
    named = next((name for name in ("IK403", "IK304", "IK502", "AK905", "TA105") if name in codes), "")
    code = f"{named} {codes[named]}" if named else finding.rule.removeprefix("x12.")
    return Fault(sets, place.segment, code, place.reference)
