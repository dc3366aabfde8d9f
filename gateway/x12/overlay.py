"""Corrects a guide's tree by the file beside it, ``edi_maps/guides/<guide>.toml``: what is so, why, and who says so.

Never guesses: a correction whose place is not in the guide, or that changes nothing there, is a mistake, so that none
outlives the fault that it was made for. A file holds any number of::

    [[corrections]]
    at     = "2000A/2000B/2300/2400 PWK"    a place or several: loop, segment, element or component (CLM05-01);
                                            without loops before it, a segment right below the set
    kind   = "AD"                           where the loop has several of the segment: a code of the one that is meant,
                                            which none of the others has; "*" means every one of them
    usage  = "S"                            and what is so instead: keys of ``CHANGES``, or ``add``, a whole segment
    why    = "..."                          in our own words
    source = "..."                          the public fact it rests on
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.errors import Finding, SettingsInvalid
from gateway.x12.nodes import UNLIMITED, CompositeNode, ElementNode, LoopNode, SegmentNode

RULE = "guide.correction"
EVERY_KIND = "*"
UNBOUNDED = ">1"  # as the guides write it
TYPES = ("AN", "ID", "DT", "TM", "R", "N0", "N2", "B")
_LOOP = re.compile(r"[0-9][0-9A-Z]*(?:/[0-9][0-9A-Z]*)*")
_SEGMENT = re.compile(r"([A-Z][A-Z0-9]{1,2})(?:([0-9]{2})(?:-([0-9]{2}))?)?")

Node = LoopNode | SegmentNode | CompositeNode | ElementNode


class _Wrong(Exception):
    """What is wrong with one correction, in words."""


@dataclass(frozen=True, slots=True)
class _Spot:
    """A node that a correction is about. ``loop`` is the one around it, None right below the set or for a loop."""

    node: Node
    around: LoopNode | None = None


def correct(root: LoopNode, path: Path) -> None:
    """Corrects the tree by the file at ``path``. Raises SettingsInvalid with every mistake of the file."""
    file = path.name
    try:
        overlay = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"the corrections are no TOML: {error}", where=file, fix="Correct the file") from None
    if findings := apply(root, overlay, file):
        what = f"{len(findings)} mistakes in the corrections, such as {findings[0].reason}"
        raise SettingsInvalid(what, where=file, fix="Mend them, or take out what pyx12 has mended", findings=findings)


def apply(root: LoopNode, overlay: Mapping[str, Any], file: str = "") -> tuple[Finding, ...]:
    """Applies every correction that is right, in their order, and returns the mistakes of the others."""
    findings = [_finding(file, each, "is not known here", "Leave it out") for each in overlay if each != "corrections"]
    entries = overlay.get("corrections")
    if not isinstance(entries, list) or not entries:
        return (*findings, _finding(file, "corrections", "there are none", "Write them, or take the file out"))
    for number, entry in enumerate(entries, 1):
        try:
            _correct_one(root, entry)
        except _Wrong as wrong:
            at = entry.get("at", "") if isinstance(entry, dict) else ""
            place = f"correction {number}" + (f" ({at})" if isinstance(at, str) and at else "")
            findings.append(_finding(file, place, str(wrong), "Correct it, or take it out where the guide is right"))
    return tuple(findings)


def _finding(file: str, place: str, what: str, fix: str) -> Finding:
    return Finding(rule=RULE, what=what, fix=fix, where=": ".join(filter(None, (file, place))))


def _correct_one(root: LoopNode, entry: Any) -> None:
    if not isinstance(entry, dict):
        raise _Wrong("a correction is a table")
    changes = {key: value for key, value in entry.items() if key not in ("at", "kind", "why", "source")}
    for key in ("why", "source"):
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise _Wrong(f"{key} is missing")
    for key in changes:
        if key not in CHANGES and key != "add":
            raise _Wrong(f"{key} is not known here; add, {', '.join(CHANGES)} are")
    if not changes:
        raise _Wrong("it says nothing that is so instead")
    kind = entry.get("kind", "")
    if not isinstance(kind, str):
        raise _Wrong("kind is not a code")
    places = entry.get("at")
    places = [places] if isinstance(places, str) else places
    if not isinstance(places, list) or not places or not all(isinstance(each, str) for each in places):
        raise _Wrong("at is not a place, nor a list of places")
    if "add" in changes:
        if len(changes) > 1 or len(places) > 1 or kind:
            raise _Wrong("add stands alone, with one place")
        _add(root, places[0], changes["add"])
        return
    for place in places:
        for spot in _find(root, place, kind):
            for key, value in changes.items():
                before = _state(spot.node)
                CHANGES[key](root, spot, value)
                if key != "into" and _state(spot.node) == before:
                    raise _Wrong(f"{key} changes nothing at {place}: the guide says so already")


def _state(node: Node) -> tuple[Any, ...]:
    """What a change can change of a node itself."""
    return tuple(getattr(node, name) for name in node.__slots__ if name not in ("children", "elements", "parts"))


# --- Places ----------------------------------------------------------------------------------------------------------


def _find(root: LoopNode, place: str, kind: str) -> Iterator[_Spot]:
    path, _, reference = place.rpartition(" ")
    if not path and _LOOP.fullmatch(reference):
        path, reference = reference, ""
    loop = root.loop_at(path) if not path or _LOOP.fullmatch(path) else None
    if loop is None:
        raise _Wrong(f"the guide has no loop {path}")
    if not reference:
        if kind:
            raise _Wrong("a loop has no kind")
        yield _Spot(loop, root.loop_at(path.rpartition("/")[0]))
        return
    parts = _SEGMENT.fullmatch(reference)
    if parts is None:
        raise _Wrong(f"{reference} names no segment, element or component")
    tag, element, component = parts[1], int(parts[2] or 0), int(parts[3] or 0)
    for segment in _segments(loop, tag, kind, place):
        yield _Spot(_part(segment, element, component, place) if element else segment, loop)


def _segments(loop: LoopNode, tag: str, kind: str, place: str) -> list[SegmentNode]:
    namesakes = [each for each in loop.children if isinstance(each, SegmentNode) and each.tag == tag]
    if not namesakes:
        raise _Wrong(f"the guide has no segment {tag} at {place}")
    if kind == EVERY_KIND and len(namesakes) > 1:
        return namesakes
    if len(namesakes) == 1:
        if kind:
            raise _Wrong(f"there is but one {tag} at {place}, so kind says nothing")
        return namesakes
    meant = [each for each in namesakes if kind in _codes(each)]
    if len(meant) != 1:
        raise _Wrong(f"{len(meant)} of the {len(namesakes)} {tag} there have that kind; name a code that one alone has")
    return meant


def _codes(segment: SegmentNode) -> set[str]:
    simple = [each for each in segment.elements if isinstance(each, ElementNode)]
    parts = [part for each in segment.elements if isinstance(each, CompositeNode) for part in each.parts]
    return {code for each in (*simple, *parts) for code in each.codes}


def _part(segment: SegmentNode, element: int, component: int, place: str) -> CompositeNode | ElementNode:
    found = next((each for each in segment.elements if each.ordinal == element), None)
    if component:
        parts = found.parts if isinstance(found, CompositeNode) else []
        found = next((each for each in parts if each.ordinal == component), None)
    if found is None:
        raise _Wrong(f"the guide has no {place}")
    return found


# --- Changes ---------------------------------------------------------------------------------------------------------


def _usage(_: LoopNode, spot: _Spot, value: Any) -> None:
    if value not in ("R", "S", "N"):
        raise _Wrong("usage is none of R, S and N")
    spot.node.usage = value


def _repeat(_: LoopNode, spot: _Spot, value: Any) -> None:
    if value == UNBOUNDED:
        value = UNLIMITED
    if type(value) is not int or value < 1:
        raise _Wrong(f'repeat is neither a number nor "{UNBOUNDED}"')
    spot.node.repeat = value


def _key(_: LoopNode, spot: _Spot, value: Any) -> None:
    """The places whose codes tell the segment from its namesakes, such as ["PWK02"]."""
    if not isinstance(spot.node, SegmentNode):
        raise _Wrong("key is for segments")
    places = []
    for each in value if isinstance(value, list) else [value]:
        parts = _SEGMENT.fullmatch(each) if isinstance(each, str) else None
        if parts is None or parts[1] != spot.node.tag or not parts[2]:
            raise _Wrong(f"key names an element of {spot.node.tag}, such as {spot.node.tag}02")
        part = _part(spot.node, int(parts[2]), int(parts[3] or 0), each)
        if isinstance(part, CompositeNode) or not part.codes:
            raise _Wrong(f"{each} has no codes to tell by")
        places.append((int(parts[2]), int(parts[3] or 0)))
    spot.node.key = tuple(places)


def _codes_are(_: LoopNode, spot: _Spot, value: Any) -> None:
    element, codes = _coded(spot, "codes", value)
    element.codes = codes


def _allow(_: LoopNode, spot: _Spot, value: Any) -> None:
    element, codes = _coded(spot, "allow", value)
    if known := set(codes) & set(element.codes):
        raise _Wrong(f"{', '.join(sorted(known))} may be sent already")
    if not element.codes:
        raise _Wrong("the element has no list of codes; any may be sent")
    element.codes = tuple(sorted({*element.codes, *codes}))


def _forbid(_: LoopNode, spot: _Spot, value: Any) -> None:
    element, codes = _coded(spot, "forbid", value)
    if unknown := set(codes) - set(element.codes):
        raise _Wrong(f"{', '.join(sorted(unknown))} may not be sent anyway")
    if set(codes) == set(element.codes):
        raise _Wrong("no code would be left; say usage = N")
    element.codes = tuple(each for each in element.codes if each not in codes)


def _coded(spot: _Spot, key: str, value: Any) -> tuple[ElementNode, tuple[str, ...]]:
    element = _simple(spot, key)
    if not isinstance(value, list) or not value or not all(isinstance(each, str) and each for each in value):
        raise _Wrong(f"{key} is not a list of codes")
    if len(set(value)) < len(value):
        raise _Wrong(f"{key} names a code twice")
    return element, tuple(sorted(value))


def _simple(spot: _Spot, key: str) -> ElementNode:
    if not isinstance(spot.node, ElementNode):
        raise _Wrong(f"{key} is for simple elements and components")
    return spot.node


def _text(name: str, allowed: Callable[[str], bool]) -> Callable[[LoopNode, _Spot, Any], None]:
    def change(_: LoopNode, spot: _Spot, value: Any) -> None:
        element = _simple(spot, name)
        if not isinstance(value, str) or not allowed(value):
            raise _Wrong(f"{name} cannot be that")
        setattr(element, name, value)

    return change


def _length(name: str) -> Callable[[LoopNode, _Spot, Any], None]:
    def change(_: LoopNode, spot: _Spot, value: Any) -> None:
        element = _simple(spot, name)
        if type(value) is not int or value < 1:
            raise _Wrong(f"{name} is not a number of characters")
        setattr(element, name, value)
        if element.shortest > element.longest:
            raise _Wrong("the shortest length is above the longest")

    return change


def _into(root: LoopNode, spot: _Spot, value: Any) -> None:
    """Puts a loop into another one, or where it stands already, behind what that one holds."""
    loop, around = spot.node, spot.around
    target = root.loop_at(value) if isinstance(value, str) and _LOOP.fullmatch(value) else None
    if not isinstance(loop, LoopNode) or around is None:
        raise _Wrong("into is for loops")
    if target is None or target is loop or any(each is target for _, each, _ in loop.walk()):
        raise _Wrong(f"the guide has no loop {value} outside of this one")
    others = [each for each in target.children if each is not loop]
    last = 1 + max(each.position for each in others)
    if target is around and loop.position >= last:
        raise _Wrong("into changes nothing: the loop stands there already")
    around.children = [each for each in around.children if each is not loop]
    loop.position = last
    target.children.append(loop)


def _add(root: LoopNode, place: str, value: Any) -> None:
    """Puts a segment that the guide lacks behind what its loop holds, at most once."""
    path, _, tag = place.rpartition(" ")
    loop = root.loop_at(path) if not path or _LOOP.fullmatch(path) else None
    parts = _SEGMENT.fullmatch(tag)
    if loop is None or parts is None or parts[2]:
        raise _Wrong("the place is not a segment of a loop that the guide has")
    if any(isinstance(each, SegmentNode) and each.tag == tag for each in loop.children):
        raise _Wrong(f"add changes nothing: the guide has a segment {tag} there")
    if not isinstance(value, dict) or set(value) != {"name", "usage", "elements"} or not value["elements"]:
        raise _Wrong("add gives name, usage and elements of the segment")
    wanted = {each for each in ElementNode.__slots__ if each != "ordinal"}
    elements: list[ElementNode | CompositeNode] = []
    for ordinal, each in enumerate(value["elements"], 1):
        if not {"name", "usage", "data_element", "type", "shortest", "longest"} <= set(each) <= wanted:
            raise _Wrong(f"element {ordinal} gives name, usage, data_element, type, shortest and longest")
        elements.append(ElementNode(ordinal=ordinal, **each))
    position = 1 + max(each.position for each in loop.children)
    loop.children.append(SegmentNode(tag, value["name"], value["usage"], position, 1, elements))


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True


CHANGES: Mapping[str, Callable[[LoopNode, _Spot, Any], None]] = {
    "usage": _usage,  # R required, S situational, N not used
    "repeat": _repeat,  # at most so often
    "into": _into,  # a loop stands in this one, behind what it holds
    "key": _key,  # the elements whose codes tell a segment from its namesakes
    "codes": _codes_are,  # only these
    "allow": _allow,  # these too
    "forbid": _forbid,  # not these
    "external": _text("external", lambda _: True),  # the list that the codes come from
    "pattern": _text("pattern", _is_pattern),
    "type": _text("type", TYPES.__contains__),
    "shortest": _length("shortest"),
    "longest": _length("longest"),
}
