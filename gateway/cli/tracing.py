"""``trace``: everything around one identifier, shown or packed as evidence."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gateway.cli.output import dollars, emit, say, table
from gateway.errors import GatewayError
from gateway.flow.evidence import pack
from gateway.flow.graph import Graph, Node, graph
from gateway.flow.house import House
from gateway.flow.trace import Trace, of_case

_CASES = ("authorization", "claim")
_MONEY = ("amount", "paid", "charge")
_SHOWN = (
    "state",
    "status",
    "number",
    "check_number",
    "paid_on",
    "served_on",
    "isa13",
    "partner",
    "recorded_at",
    *_MONEY,
)


def show_trace(house: House, value: str, *, as_json: bool) -> int:
    """1 where nothing has this number."""
    with house.reading() as tx:
        found = graph(tx, value)
        named = {each: key for each, key in found.found.items() if found.nodes[each].kind in _CASES}
        cases = [of_case(tx, each, key) for each, key in named.items()]
    if as_json:
        emit({"cases": [asdict(each) for each in cases], **_plain(found)}, "", as_json=True)
    else:
        for each in cases:
            _show_one(each)
        _show_graph(found)
    if not found.found:
        say(f"Nothing has the number {value}.")
    return 0 if found.found else 1


def write_evidence(house: House, value: str, folder: Path, *, as_json: bool) -> int:
    """Writes ``evidence-CASE.zip`` into a folder, for its owner alone; one that is there already is not replaced."""
    with house.reading() as tx:
        case, content = pack(house, tx, value)
    path = folder / f"evidence-{case}.zip"
    try:
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(content)
    except OSError as error:
        fix = "Name another folder with --to, or move the pack that is there"
        raise GatewayError(f"the pack cannot be written ({error.strerror})", where=str(path), fix=fix) from error
    emit({"file": str(path), "size": len(content)}, f"{path}  ({len(content)} bytes)", as_json=as_json)
    return 0


def _plain(found: Graph) -> dict[str, Any]:
    return {
        "found": dict(found.found),
        "nodes": [asdict(each) for each in found.nodes.values()],
        "links": [asdict(each) for each in found.links],
        "left_off": found.left_off,
    }


def _show_graph(found: Graph) -> None:
    if len(found.nodes) > 1 or not any(each.kind in _CASES for each in found.nodes.values()):
        rows = [(each.kind, each.id, _about(each)) for each in found.nodes.values()]
        table("what hangs together", ("kind", "id", "about"), rows)
    links = [
        (each.source, each.target, each.key, each.value, f"{each.confidence} %")
        for each in sorted(found.links, key=lambda one: (one.source, one.target, one.key))
    ]
    if links:
        table("links", ("from", "to", "matched on", "number", "sure"), links)
    if found.left_off:
        say("There is more than is shown: name one of the cases.")


def _about(node: Node) -> str:
    said: Mapping[str, Any] = node.about
    shown = {name: said[name] for name in _SHOWN if said.get(name) not in (None, "")}
    return " ".join(f"{name}={dollars(value) if name in _MONEY else value}" for name, value in shown.items())


def _show_one(found: Trace) -> None:
    print(f"{found.kind} {found.id}: {found.state}")
    print(f"  {found.organisation}/{found.clinic}, your number {found.client_ref}, matched on {found.matched_on}")
    for kind, values in sorted(found.numbers.items()):
        print(f"  {kind:<14} {', '.join(values)}")
    rows = [(each.at, each.what, each.document, _detail(each.detail)) for each in found.steps]
    table("steps", ("at", "what", "document", "detail"), rows)
    if found.entries:
        moves = [(each["holds_on"], each["kind"], "; ".join(each["moves"]), each["document"]) for each in found.entries]
        table("units", ("date", "entry", "moves", "document"), moves)
    if found.money:
        lines = [
            (
                each["holds_on"],
                each["kind"],
                "; ".join(f"{name} {dollars(cents)}" for name, cents in each["lines"].items()),
            )
            for each in found.money
        ]
        table("money", ("date", "entry", "lines"), lines)
    for task in found.tasks:
        print(f"  waits for a person: {task['reason']}. {task['fix']}")


def _detail(detail: dict[str, Any]) -> str:
    shown = {key: value for key, value in detail.items() if value not in ("", [], None)}
    return " ".join(
        f"{key}={','.join(map(str, value)) if isinstance(value, list) else value}" for key, value in shown.items()
    )
