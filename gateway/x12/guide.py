"""The one door to pyx12: puts a set's segments into the loops of an implementation guide and finds what is wrong.

``Guide`` is what the rest of the program sees; pyx12's walk stands behind it. pyx12 is imported when the first guide is
loaded, not before. No finding ever quotes a value of the document.

pyx12 4.0.0 is worked around where it is wrong: wrapper loops (HEADER, DETAIL, FOOTER, TABLE...) are dissolved, since
a set without BPR would else have no segment in place; what a loop must hold is checked here when the loop ends, since
pyx12 does not look into a loop that is followed by the same loop; segments that share a path are given paths of their
own, since it counts both kinds of CTX as one; its exceptions become findings; the elements are walked in ``elements``.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Protocol
from xml.etree import ElementTree

from gateway import resources
from gateway.errors import Finding, GatewayError, Position, Severity
from gateway.x12 import elements, numbering
from gateway.x12.codec import sound_tag
from gateway.x12.elements import Fault
from gateway.x12.tree import Loop, Segment

ROOT = "ST_LOOP"
CONTROL = "x12.control.00501.xml"  # pyx12's guide to ISA, GS, TA1, GE and IEA
_ENVELOPE = frozenset({"ISA", "GS", "ST", "SE", "GE", "IEA"})

_GUIDES = {
    ("837", "005010X222A1"): "837.5010.X222.A1.xml",
    ("835", "005010X221A1"): "835.5010.X221.A1.xml",
    ("999", "005010X231A1"): "999.5010X231.A1.xml",
    ("999", "005010X231"): "999.5010.xml",
    ("277", "005010X214"): "277.5010.X214.xml",
    ("278", "005010X217"): "278.5010.X217.request.xml",
    ("278 11", "005010X217"): "278.5010.X217.response.xml",
}

# Where pyx12's guide is stricter than 005010X214, by loop: a rejection may end at the receiver's level, the official
# example of a payer's response has no 2200C, and that of several responders says 0 in HL04 of 2000C.
_SITUATIONAL_LOOPS = {
    "277.5010.X214.xml": ("2000A/2000B/2000C", "2000A/2000B/2000C/2200C", "2000A/2000B/2000C/2000D"),
}
_CHILDLESS_LEVELS = {"277.5010.X214.xml": ("2000A/2000B/2000C",)}
_ST03_TOLERATED = frozenset({"835.5010.X221.A1.xml"})  # Not used there, but no reason to refuse a remittance.


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


class Guide(Protocol):
    """An implementation guide that sets can be held against."""

    @property
    def name(self) -> str: ...

    def walk(self, segments: Sequence[Segment], place: Position) -> Walked:
        """Loops and findings of a set, with or without its ST and SE; ``place`` is that of the set."""


def guide_name(set_type: str, version: str, purpose: str = "") -> str | None:
    """The guide for a set by ST01, GS08 and BHT02 (a 278 with 11 is a response); None where there is none."""
    return _GUIDES.get((f"{set_type} {purpose}", version)) or _GUIDES.get((set_type, version))


def knows_type(set_type: str) -> bool:
    """Whether there is a guide for any version of this set."""
    return any(key[0] == set_type for key in _GUIDES)


_loaded: dict[str, "PyX12Guide"] = {}
_loading = threading.Lock()


def load(name: str) -> "PyX12Guide":
    """The guide of this file name: one of ``edi_maps/guides``, else one of pyx12's. Loaded once; safe to share."""
    with _loading:
        if name not in _loaded:
            _loaded[name] = PyX12Guide(name)
        return _loaded[name]


class PyX12Guide:
    """A guide in pyx12's format, walked by pyx12. Its map is only read once it is made, so threads may share it."""

    def __init__(self, name: str) -> None:
        from pyx12.map_walker import walk_tree
        from pyx12.segment import Composite, Element
        from pyx12.segment import Segment as Plain

        self.name = name
        self._new_walker = walk_tree
        self._plain_types = Plain, Composite, Element
        self._set = _find_loop(_load_map(name), ROOT)
        if self._set is None:
            raise GatewayError("the guide describes no transaction set", where=name, fix=f"Give it a loop {ROOT}")
        _dissolve_wrappers(self._set)
        _give_own_paths(self._set)
        for path in _SITUATIONAL_LOOPS.get(name, ()):
            _find_path(self._set, path).usage = "S"
        for path in _CHILDLESS_LEVELS.get(name, ()):
            _allow(_find_path(self._set, path).get_first_seg().children[3], "0")
        if name in _ST03_TOLERATED:
            self._set.get_first_seg().children[2].usage = "S"
        self._names = dict(_names(self._set, "", ""))

    @cached_property
    def tags(self) -> frozenset[str]:
        """Every segment tag that the guide uses."""
        return frozenset(each.tag for each in self._names.values())

    def walk(self, segments: Sequence[Segment], place: Position) -> Walked:
        """Loops and findings of a set, with or without its ST and SE; ``place`` is that of the set."""
        walk = _Walk(self, self._set, place)
        offset = 1 if segments and segments[0].tag == "ST" else 2
        guides = []
        for index, one in enumerate(segments):
            number = one.number or index + offset
            edge = (one.tag == "ST" and index == 0) or (one.tag == "SE" and index == len(segments) - 1)
            guides.append(walk.edge(one, number) if edge else walk.step(one, number))
        walk.end(len(segments) + offset - 1)
        for index, fault in numbering.check(segments, lines_of="CLM" if self.name.startswith("837") else ""):
            guide = guides[index]
            walk.fault(segments[index], segments[index].number or index + offset, fault, guide.loop if guide else "")
        findings = sorted(walk.findings, key=lambda each: each.where.segment if isinstance(each.where, Position) else 0)
        return Walked(root=walk.root, findings=tuple(findings), guides=tuple(guides))

    def plain(self, one: Segment) -> Any:
        """The segment as pyx12 takes it: of each element the first repetition, whatever characters it holds."""
        segment_type, composite_type, element_type = self._plain_types
        plain = segment_type(None, "~", "*", ":")
        plain.seg_id = one.tag
        for repetitions in one.elements:
            composite = composite_type("", ":")
            composite.elements = [element_type(value) for value in repetitions[0]]
            plain.elements.append(composite)
        return plain


@dataclass(slots=True)
class _Open:
    """A loop that is being read: pyx12's node, the loop of ours, and where its parts were last seen."""

    node: Any
    loop: Loop
    path: str
    number: int  # of its first segment
    seen: dict[int, int] = field(default_factory=dict)  # id of a child node: number of its last segment


class _Walk:
    """One set on its way through a guide."""

    def __init__(self, guide: PyX12Guide, top: Any, place: Position) -> None:
        self._guide = guide
        self._place = place
        self._walker = guide._new_walker()
        self._node = top.get_first_seg()
        self._walker.forceWalkCounterToLoopStart(top.get_path(), self._node.get_path())
        self._top = top
        self.root = Loop(ROOT)
        self._stack = [_Open(top, self.root, "", 1)]
        self._last = 1
        self.findings: list[Finding] = []

    def edge(self, one: Segment, number: int) -> SegmentGuide | None:
        """ST or SE: its elements are checked, it stands in no loop."""
        for node in self._top.childIterator():
            if node.is_segment() and node.id == one.tag:
                for fault in elements.check(node, one):
                    self.fault(one, number, fault, "")
                return self._guide._names[id(node)]
        return None

    def step(self, one: Segment, number: int) -> SegmentGuide | None:
        """Puts a segment into its loop, opening and closing loops; None where the guide has no place for it."""
        node = None
        if one.tag not in _ENVELOPE:
            try:
                node, _, pushed, errors = self._walker.walk_errors(
                    self._node, self._guide.plain(one), number, number, None
                )
            except Exception as raised:  # pyx12 raises whatever it stumbles over; the next segment must still be read.
                what = f"the segment could not be placed ({type(raised).__name__})"
                self._find(one, number, "unplaced", what, "Look at it by hand", severity=Severity.NOT_EVALUATED)
                return None
        if node is None:
            self._unexpected(one, number)
            return None
        self._node = node
        guide = self._guide._names[id(node)]
        self._enter(node, len(pushed), number)
        self._stack[-1].loop.segments.append(one)
        self._saw(node, number)
        for error in errors:
            self._count_error(one, number, error.err_cde, node)
        for fault in elements.check(node, one):
            self.fault(one, number, fault, guide.loop)
        return guide

    def end(self, number: int) -> None:
        """Closes what is open; ``number`` is that of the last segment."""
        self._last = number
        while self._stack:
            self._close()

    def _enter(self, node: Any, opened: int, number: int) -> None:
        chain = [node.parent]
        while chain[-1] is not self._top:
            chain.append(chain[-1].parent)
        chain.reverse()
        kept = 0
        while kept < min(len(chain) - opened, len(self._stack)) and chain[kept] is self._stack[kept].node:
            kept += 1
        while len(self._stack) > kept:
            self._close()
        for each in chain[kept:]:
            outer = self._stack[-1]
            loop = Loop(each.id)
            outer.loop.loops.append(loop)
            self._stack.append(_Open(each, loop, f"{outer.path}/{each.id}".lstrip("/"), number))

    def _saw(self, node: Any, number: int) -> None:
        for each in reversed(self._stack):
            each.seen[id(node)] = number
            node = each.node

    def _close(self) -> None:
        """Ends the innermost loop: what it must hold and does not is missing, right after the parts before it."""
        ended = self._stack.pop()
        number = ended.number
        for child in ended.node.childIterator():
            if id(child) in ended.seen:
                number = max(number, ended.seen[id(child)])
            elif child.usage == "R" and child.id not in ("ST", "SE"):
                tag = child.id if child.is_segment() else (child.get_first_seg() or child).id
                path = ended.path if child.is_segment() else f"{ended.path}/{child.id}".lstrip("/")
                kind = "segment" if child.is_segment() else f"loop {child.id}"
                self._find(
                    Segment(tag),
                    number + 1,
                    "missing",
                    f"the {kind} {_words(child)} is missing",
                    "Send it; the guide requires it",
                    loop=path,
                    code="3",
                )

    def _unexpected(self, one: Segment, number: int) -> None:
        if not sound_tag(one.tag):
            what, code = "the segment's tag is not one", "1"
        elif one.tag in self._guide.tags:
            what, code = "the guide has no place for this segment here, or not with this qualifier", "2"
        else:
            what, code = "the guide does not use this segment", "2"
        fix = "Leave it out, or put it where the guide has it; what follows may be misread because of it"
        self._find(one, number, "unexpected", what, fix, code=code)

    def _count_error(self, one: Segment, number: int, code: str, node: Any) -> None:
        """What pyx12's walk says of a placed segment. Missing ones (3) are found when their loop closes."""
        path = self._stack[-1].path
        if code == "2":
            what = f"{_words(node)} is not used in this guide"
            self._find(one, number, "not_used", what, "Leave it out", loop=path, code="I4")
        elif code == "4":
            most = node.parent.get_max_repeat()
            what = f"the loop {_words(node.parent)} comes more than {most} times"
            self._find(one, number, "loop_repeated", what, "Leave the rest out", loop=path, code="4")
        elif code == "5":
            what = f"{_words(node)} comes more than {node.get_max_repeat()} times"
            self._find(one, number, "repeated", what, "Leave the rest out", loop=path, code="5")

    def _find(
        self,
        one: Segment,
        number: int,
        rule: str,
        what: str,
        fix: str,
        *,
        loop: str | None = None,
        code: str = "",
        severity: Severity = Severity.BLOCK,
    ) -> None:
        path = self._stack[-1].path if loop is None and self._stack else loop or ""
        where = replace(self._place, loop=path, segment=number, tag=sound_tag(one.tag), offset=one.offset)
        self.findings.append(
            Finding(
                rule=f"x12.segment.{rule}",
                what=what,
                fix=fix,
                where=where,
                severity=severity,
                source=self._guide.name,
                codes={"IK304": code} if code else None,
            )
        )

    def fault(self, one: Segment, number: int, fault: Fault, loop: str) -> None:
        """Takes what is wrong with an element."""
        where = replace(
            self._place,
            loop=loop,
            segment=number,
            tag=one.tag,
            element=fault.element,
            component=fault.component,
            repetition=fault.repetition,
            offset=one.offset,
        )
        codes = {"IK304": "8", "IK403": fault.code} if fault.code else None
        self.findings.append(
            Finding(
                rule=fault.rule,
                what=fault.what,
                fix=fault.fix,
                where=where,
                severity=fault.severity,
                source=self._guide.name,
                codes=codes,
            )
        )


@cache
def envelope_names() -> dict[str, SegmentGuide]:
    """What ISA, TA1, GS, GE and IEA and their elements are called, by tag."""
    loop = _find_loop(_load_map(CONTROL), "ISA_LOOP")
    return {each.tag: replace(each, loop="", loop_name="") for _, each in _names(loop, "", "")}


def _load_map(name: str) -> Any:
    from pyx12.errors import EngineError
    from pyx12.map_if import load_map_file, map_if
    from pyx12.params import ParamsBase

    own = _own_guide(name)
    settings = ParamsBase()  # Not ``params``, which reads the settings of whoever runs this.
    try:
        if own is None:
            return load_map_file(name, settings)
        tree = ElementTree.parse(own).getroot()
        for each in tree.iter("element"):
            repeat = each.get("repeat") or each.findtext("repeat")
            if repeat and not each.get("max_use"):
                each.set("max_use", repeat)  # pyx12 reads an element's repetitions from nowhere else.
        root = map_if(tree, settings, None)
    except (EngineError, OSError, ElementTree.ParseError, ValueError) as error:
        fix = "Use the name of a file in edi_maps/guides, or of one of pyx12's maps"
        raise GatewayError("the guide cannot be loaded", where=name, fix=fix) from error
    root.icvn = root.icvn or "00501"
    return root


def _own_guide(name: str) -> Path | None:
    try:
        path = resources.folder("edi_maps") / "guides" / Path(name).name
    except FileNotFoundError:
        return None
    return path if path.is_file() else None


def _find_loop(node: Any, wanted: str) -> Any:
    for children in node.pos_map.values():
        for child in children:
            if child.is_loop():
                found = child if child.id == wanted else _find_loop(child, wanted)
                if found is not None:
                    return found
    return None


def _find_path(node: Any, path: str) -> Any:
    for wanted in path.split("/"):
        node = next(each for each in node.childIterator() if each.is_loop() and each.id == wanted)
    return node


def _allow(element: Any, code: str) -> None:
    element.valid_codes.append(code)
    element._valid_codes_set = frozenset(element.valid_codes)  # pyx12 keeps both.


def _dissolve_wrappers(loop: Any) -> None:
    """Lifts the parts of wrapper loops into the loop around them, in their order.

    A required segment that opens a wrapper which may be left out may be left out with it.
    """
    loop.pos_map = dict(enumerate(_groups(loop), 1))
    for position, group in loop.pos_map.items():
        for child in group:
            child.parent, child.pos = loop, position


def _groups(loop: Any) -> Iterator[list[Any]]:
    """The parts of a loop in their order, those of one position together, without wrappers."""
    for position in sorted(loop.pos_map):
        group = []
        for child in loop.pos_map[position]:
            if not child.is_loop():
                group.append(child)
            elif child.type == "wrapper" or not child.id[:1].isdigit():
                first = child.get_first_seg()
                if first is not None and child.usage != "R":
                    first.usage = child.usage
                yield from _groups(child)
            else:
                _dissolve_wrappers(child)
                group.append(child)
        if group:
            yield group


def _give_own_paths(loop: Any) -> None:
    """Makes the paths of a loop's segments differ, for pyx12 counts by path."""
    paths: set[str] = set()
    for child in loop.childIterator():
        if child.is_loop():
            _give_own_paths(child)
            continue
        if child.path in paths:
            child.path = f"{child.id}[Z{len(paths)}]"
        paths.add(child.path)


def _names(loop: Any, path: str, name: str) -> Iterator[tuple[int, SegmentGuide]]:
    for child in loop.childIterator():
        if child.is_loop():
            yield from _names(child, f"{path}/{child.id}".lstrip("/"), _words(child))
            continue
        parts = tuple(
            ElementGuide(
                name=_words(each),
                components=tuple(_words(part) for part in each.children) if each.is_composite() else (),
            )
            for each in child.children
        )
        yield id(child), SegmentGuide(loop=path, loop_name=name, tag=child.id, name=_words(child), elements=parts)


def _words(node: Any) -> str:
    return " ".join((node.name or node.id or "").split())
