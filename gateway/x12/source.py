"""The one door to pyx12: reads a guide in its format, pyx12's own or one of ``edi_maps/guides``, into ``nodes``.

pyx12 is imported when a guide is read from XML, which happens once for each content (see ``cache``); nothing of it is
kept, and no document ever reaches it. Its wrapper loops (HEADER, DETAIL, FOOTER, TABLE...) are dissolved: a set
without BPR would else have no segment in place.
"""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from gateway import resources
from gateway.errors import GatewayError
from gateway.x12.nodes import ROOT, UNLIMITED, CompositeNode, ElementNode, LoopNode, SegmentNode

CONTROL = "x12.control.00501.xml"  # pyx12's guide to ISA, GS, TA1, GE and IEA
ENVELOPE = "ISA_LOOP"
_LIST = re.compile(r"\^\(([A-Z0-9]+(?:\|[A-Z0-9]+)*)\)\$")  # A pattern that is nothing but a list of codes.


def files(name: str) -> list[Path]:
    """The files that what a guide says depends on, those that are there: the guide, its lists, its corrections."""
    spec = find_spec("pyx12")  # Found, not imported.
    if spec is None or spec.origin is None:
        raise GatewayError("pyx12 is not installed", where=name, fix="Install the gateway with its requirements")
    maps = Path(spec.origin).parent / "map"
    parts = [own_file(name) or maps / name, maps / "codes.xml", maps / "dataele.xml", own_file(corrections(name))]
    return [each for each in parts if each is not None and each.is_file()]


def corrections(name: str) -> str:
    """The name of the file in ``edi_maps/guides`` that corrects a guide, where there is one."""
    return f"{Path(name).stem}.toml"


def own_file(name: str) -> Path | None:
    """The file of this name in ``edi_maps/guides``; None where there is none."""
    try:
        path = resources.folder("edi_maps") / "guides" / Path(name).name
    except FileNotFoundError:
        return None
    return path if path.is_file() else None


def read(name: str, top: str = ROOT) -> LoopNode:
    """The set of the guide of this file name (or another loop of it), without corrections.

    Raises GatewayError where there is no such guide, or it cannot be read.
    """
    found = _find_loop(_load_map(name), top)
    if found is None:
        raise GatewayError("the guide describes no transaction set", where=name, fix=f"Give it a loop {top}")
    return _loop(found, 0)


def _load_map(name: str) -> Any:
    from pyx12.errors import EngineError
    from pyx12.map_if import load_map_file, map_if
    from pyx12.params import ParamsBase

    own = own_file(name)
    settings = ParamsBase()  # Not ``params``, which reads the settings of whoever runs this.
    try:
        if own is None:
            return load_map_file(name, settings)
        tree = ElementTree.parse(own).getroot()
        for each in tree.iter("element"):
            repeat = each.get("repeat") or each.findtext("repeat")
            if repeat and not each.get("max_use"):
                each.set("max_use", repeat)  # pyx12 reads an element's repetitions from nowhere else.
        return map_if(tree, settings, None)
    except (EngineError, OSError, ElementTree.ParseError, ValueError) as error:
        fix = "Use the name of a file in edi_maps/guides, or of one of pyx12's maps"
        raise GatewayError("the guide cannot be loaded", where=name, fix=fix) from error


def _find_loop(node: Any, wanted: str) -> Any:
    for children in node.pos_map.values():
        for child in children:
            if child.is_loop():
                found = child if child.id == wanted else _find_loop(child, wanted)
                if found is not None:
                    return found
    return None


def _loop(node: Any, position: int) -> LoopNode:
    children = [
        _loop(each, place) if each.is_loop() else _segment(each, place)
        for place, group in enumerate(_groups(node), 1)
        for each in group
    ]
    return LoopNode(node.id, _words(node), node.usage, position, _repeats(node), children)


def _groups(loop: Any) -> Iterator[list[Any]]:
    """The parts of a loop in their order, those of one position together, without wrappers.

    A required segment that opens a wrapper which may be left out may be left out with it.
    """
    for position in sorted(loop.pos_map):
        group = []
        for child in loop.pos_map[position]:
            if not child.is_loop() or (child.type != "wrapper" and child.id[:1].isdigit()):
                group.append(child)
                continue
            first = child.get_first_seg()
            if first is not None and child.usage != "R":
                first.usage = child.usage
            yield from _groups(child)
        if group:
            yield group


def _segment(node: Any, position: int) -> SegmentNode:
    elements = [_composite(each) if each.is_composite() else _element(each, each.max_use) for each in node.children]
    notes = [(kind, tuple(map(int, ordinals))) for kind, *ordinals in node.syntax if len(ordinals) > 1]
    key = node._resolve_unique_key_field(node.id, with_qual=False)
    places = ((key[1], key[2] or 0),) if key else ()
    return SegmentNode(node.id, _words(node), node.usage, position, _repeats(node), elements, notes, places)


def _composite(node: Any) -> CompositeNode:
    parts = [_element(each, 1) for each in node.children]
    return CompositeNode(_words(node), node.seq, node.usage, node.data_ele or "", _number(node.repeat), parts)


def _element(node: Any, repeat: Any) -> ElementNode:
    codes = {code for code in node.valid_codes if code}
    pattern = node.res or ""
    listed = _LIST.fullmatch(pattern)
    if listed is not None:  # Ours give codes so where pyx12 would lose the segment with a wrong one.
        codes, pattern = set(listed[1].split("|")), ""
    if node.external_codes:
        codes |= {code for code in node.root.ext_codes.codes[node.external_codes]["codes"] if code}
    return ElementNode(
        _words(node),
        node.seq,
        node.usage,
        node.data_ele or "",
        node.data_type or "AN",
        node.min_len,
        node.max_len,
        tuple(sorted(codes)),
        node.external_codes or "",
        pattern,
        _number(repeat),
    )


def _repeats(node: Any) -> int:
    most = node.get_max_repeat()
    return most if most < UNLIMITED else UNLIMITED


def _number(text: Any) -> int:
    shown = str(text or 1)
    return int(shown) if shown.isdigit() else UNLIMITED


def _words(node: Any) -> str:
    return " ".join((node.name or node.id or "").split())
