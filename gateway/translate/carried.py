"""Says which fields of a record its transaction carries, where, and which it does not and why.

Run: ``python -m gateway.translate.carried`` prints the table, which is ``docs/carried.md``. What is carried comes out
of the maps, the reasons out of ``edi_maps/carried/``. ``mistakes`` names the fields that have neither.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from typing import Any, get_args, get_origin

from gateway import resources
from gateway.domain.plain import hints
from gateway.translate import maps
from gateway.translate.fields import Condition, Path
from gateway.translate.lines import Bracket, Element, Group, Line, Node
from gateway.translate.notation import without_none
from gateway.translate.parts import RUN, Part

NAMES = ("278_request", "278_response", "837p", "835", "999", "277ca")


@dataclass(frozen=True, slots=True)
class Field:
    """A field by its path, such as ``claims[].lines[].charge`` ([] behind one that holds several records); the places
    where its transaction carries it, such as ``2400 SV102``; or else why it does not. ``note`` says what comes back
    otherwise than it went."""

    path: str
    places: tuple[str, ...] = ()
    why_not: str = ""
    note: str = ""


def table(name: str) -> list[Field]:
    """The fields of a map's record, in the order of the record. A field without place and reason is a mistake."""
    mapped = maps.load(name)
    places = _places(mapped.whole)
    told = _told(name)
    return [
        Field(
            path,
            places=tuple(dict.fromkeys(places.get(path, ()))),
            why_not="" if path in places else _reason(path, told["not_carried"]),
            note=told["notes"].get(path, ""),
        )
        for path in paths(mapped.record)
    ]


def mistakes(name: str) -> Iterator[str]:
    """In words: fields that are carried nowhere for no reason, and reasons and notes that are about nothing."""
    fields = {each.path: each for each in table(name)}
    for each in fields.values():
        if not each.places and not each.why_not:
            yield f"{each.path} is on no line of {name}.toml, and edi_maps/carried/{name}.toml does not say why"
    told = _told(name)
    for path in told["not_carried"]:
        below = [each for each in fields.values() if _is_inside(each.path, path)]
        if not below:
            yield f"edi_maps/carried/{name}.toml speaks of {path}, which is no field"
        yield from (f"{each.path} is carried, and {path} is said not to be" for each in below if each.places)
    yield from (f"the note about {path} is about nothing" for path in told["notes"] if path not in fields)


def not_carried(name: str) -> list[str]:
    """The paths, none inside another, of all that a transaction does not carry."""
    return list(_told(name)["not_carried"])


def paths(record: type, prefix: str = "") -> Iterator[str]:
    """The paths of all plain values of a record."""
    for name, hint in hints(record).items():
        bare = without_none(hint)
        many = get_origin(bare) is tuple
        kind = get_args(bare)[0] if many else bare
        if is_dataclass(kind):
            assert isinstance(kind, type)
            yield from paths(kind, f"{prefix}{name}{'[]' if many else ''}.")
        else:
            yield f"{prefix}{name}"


def _told(name: str) -> Mapping[str, Mapping[str, str]]:
    text = (resources.folder("edi_maps") / "carried" / f"{name}.toml").read_text(encoding="utf-8")
    return {"not_carried": {}, "notes": {}, **tomllib.loads(text)}


def _reason(path: str, reasons: Mapping[str, str]) -> str:
    return next((why for whole, why in reasons.items() if _is_inside(path, whole)), "")


def _is_inside(path: str, whole: str) -> bool:
    return path == whole or path.startswith((f"{whole}.", f"{whole}[]."))


def _places(whole: Part) -> dict[str, list[str]]:
    """For each path the places where it is written, by loop and element."""
    found: dict[str, list[str]] = {}

    def note(prefix: str, path: Path, place: str) -> None:
        found.setdefault(prefix + ".".join(path), []).append(place)

    def walk(part: Part, prefix: str, loop: str) -> None:
        loop = part.loop[-1] if part.loop else loop
        for line in part.lines:
            for path, at in _written(line):
                rooted = path[0] == "/"
                note("" if rooted else prefix, path[1:] if rooted else path, f"{loop} {at}".strip())
        for inner in part.parts:
            if inner.reads_only:
                continue
            below = prefix
            if inner.of and inner.of != RUN:
                below += ".".join(inner.of) + ("[]." if inner.makes_records else ".")
            if inner.number:
                note(below, (inner.number,), "by its place")
            if inner.makes_records and inner.when is not None and inner.when.sets is not None:
                note(below, inner.when.path, "by its loop")
            walk(inner, below, loop)

    walk(whole, "", "")
    return found


def _written(line: Line) -> Iterator[tuple[Path, str]]:
    if line.read_only or line.ignored:
        return
    yield from _by_condition(line.when, line.tag, line.nodes[0] if line.by_code else None)
    for node in line.nodes:
        yield from _in_node(line.tag, node)


def _in_node(tag: str, node: Node) -> Iterator[tuple[Path, str]]:
    place = f"{tag}{node.at:02}"
    if isinstance(node, Element):
        yield from _in_element(tag, node, 0)
    elif isinstance(node, Group):
        for choice in node.choices:
            for element in choice.elements:
                yield from _in_element(tag, element, node.at - 1)
            yield from _by_condition(choice.when, tag, None, place)
    elif isinstance(node, Bracket):
        for element in node.elements:
            for path, at in _in_element(tag, element, node.at - 1):
                inside = (*node.records[:-1], f"{node.records[-1]}[]", *path) if node.records else path
                yield inside, f"{at}..." if node.count > 1 else at
    else:
        yield (("/", *node.field.path) if node.field.rooted else node.field.path), f"{place}..."


def _in_element(tag: str, element: Element, shift: int) -> Iterator[tuple[Path, str]]:
    component = 1
    for slot in element.slots:
        at = f"{tag}{element.at + shift:02}" + (f"-{component:02}" if len(element.slots) > 1 else "")
        for each in slot.fields:
            yield (("/", *each.path) if each.rooted else each.path), at
        component += slot.width


def _by_condition(when: Condition | None, tag: str, code: Any, place: str = "") -> Iterator[tuple[Path, str]]:
    if when is not None and when.sets is not None:
        yield when.path, place or (f"{tag}01" if code is not None else tag)


def document() -> str:
    """The whole table as Markdown."""
    lines = [
        "# What each transaction carries",
        "",
        "Printed by `python -m gateway.translate.carried`; a test fails where a field of a record is missing here.",
    ]
    for name in NAMES:
        mapped = maps.load(name)
        lines += [
            "",
            f"## {name}: `{mapped.record.__module__.removeprefix('gateway.domain.')}.{mapped.record.__name__}`",
        ]
        lines += ["", "| Field | Where, or why not |", "|---|---|"]
        for each in table(name):
            shown = ", ".join(each.places) if each.places else f"not carried: {each.why_not}"
            lines.append(f"| `{each.path}` | {shown}{'; ' if each.note else ''}{each.note} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(document(), end="")
