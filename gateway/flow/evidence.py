"""A timely-filing pack: what proves when a case was sent, received and answered, as one zip that can be checked.

For each document: when it came or went, its SHA-256 and size as a whole, and the part of it that is about this case;
of other people in the same file there is nothing. Receipts of AS2 (MDN) are there as they came: they name no patient.
"""

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from gateway.errors import GatewayError, MalformedInterchange
from gateway.flow.cases import case
from gateway.flow.graph import Graph, graph
from gateway.flow.house import House, Transaction
from gateway.flow.trace import Trace, of_case
from gateway.store import Document
from gateway.x12.excerpt import excerpt

FORM = "evidence.v1"
_CASES = ("authorization", "claim")
_NUMBERS = ("clm01", "6r", "trn02", "bht03", "set", "isa13")
_DETAILS = (
    "source",
    "level",
    "key",
    "verdict",
    "codes",
    "isa13",
    "gs06",
    "st02",
    "attempts",
    "action",
    "state",
    "paid",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file of the pack."""

    name: str
    content: bytes
    at: datetime


def pack(house: House, tx: Transaction, value: str) -> tuple[str, bytes]:
    """The id of the one case that a number names, and the zip about it and its family. GatewayError where no case has
    that number, or several have it."""
    found = graph(tx, value)
    cases = [each for each in found.found if found.nodes[each].kind in _CASES]
    if len(cases) != 1:
        what = "no authorization or claim has this number" if not cases else f"{len(cases)} cases have this number"
        fix = "Name one: its id is what gateway trace shows first"
        raise GatewayError(what, fix=fix)
    traces = [of_case(tx, each) for each in _family(found, cases[0])]
    numbers = {each for trace in traces for kind in _NUMBERS for each in trace.numbers.get(kind, ())}
    interchanges = {each for trace in traces for each in trace.numbers.get("isa13", ())}
    documents = sorted(
        (tx.documents.get(each.id) for each in found.nodes.values() if each.kind == "document"),
        key=lambda each: (each.recorded_at, each.id),
    )
    listed: list[dict[str, Any]] = []
    members: list[Member] = []
    for number, document in enumerate(documents, 1):
        row, own = _document(house, tx, number, document, numbers, interchanges)
        listed.append(row)
        members += own
    members.append(_timeline(tx, traces))
    case_of = case(tx, cases[0])
    whole = {
        "form": FORM,
        "case": cases[0],
        "your_number": case_of.client_ref,
        "made_at": f"{tx.now:%Y-%m-%dT%H:%M:%SZ}",
        "cases": [_shown(each) for each in traces],
        "documents": listed,
        "links": [asdict(each) for each in found.links],
        "files": {each.name: sha256(each.content).hexdigest() for each in members},
    }
    manifest = Member(name="manifest.json", content=json.dumps(whole, indent=2, default=str).encode(), at=tx.now)
    return cases[0], _zipped([manifest, *members])


def _family(found: Graph, first: str) -> Iterator[str]:
    """The case, then those that it hangs together with by being a change, a split or the authorization of it."""
    yield first
    for each in found.nodes.values():
        if each.kind in _CASES and each.id != first:
            near = any({first, each.id} == {link.source, link.target} for link in found.links)
            if near:
                yield each.id


def _shown(trace: Trace) -> dict[str, Any]:
    return {
        "id": trace.id,
        "kind": trace.kind,
        "state": trace.state,
        "numbers": {kind: values for kind, values in sorted(trace.numbers.items()) if kind != "client_ref"},
    }


def _document(
    house: House, tx: Transaction, number: int, document: Document, numbers: set[str], interchanges: set[str]
) -> tuple[dict[str, Any], list[Member]]:
    content = house.store.payloads.read(document.payload)
    row: dict[str, Any] = {
        "id": document.id,
        "direction": document.direction,
        "partner": document.partner,
        "kind": document.kind,
        "state": document.state,
        "recorded_at": f"{document.recorded_at:%Y-%m-%dT%H:%M:%SZ}",
        "size": len(content),
        "sha256": sha256(content).hexdigest(),
        **{name: value for name, value in document.about.items() if name in ("isa13", "gs06")},
    }
    members = []
    part = b"" if document.kind.startswith("intake.") else _part(content, numbers, interchanges)
    if part:
        name = f"documents/{number:03}-{document.direction}-{document.id}.edi"
        members.append(Member(name=name, content=part, at=document.recorded_at))
        row |= {"file": name, "whole": part == content}
    receipts = list(_receipts(house, tx, number, document))
    row["receipts"] = [said for said, _ in receipts]
    members += [one for _, one in receipts if one is not None]
    return row, members


def _part(content: bytes, numbers: set[str], interchanges: set[str]) -> bytes:
    try:
        return excerpt(content, numbers, interchanges)
    except MalformedInterchange:
        return b""  # Nobody can tell what of it is whose; its hash stands in the manifest.


def _receipts(
    house: House, tx: Transaction, number: int, document: Document
) -> Iterator[tuple[Mapping[str, Any], Member | None]]:
    for place, message in enumerate(tx.as2_messages.of_document(document.id), 1):
        said = {
            "message_id": message.message_id,
            "state": message.state,
            "mic": message.mic,
            "mic_algorithm": message.mic_algorithm,
            "disposition": message.disposition,
            "changed_at": f"{message.changed_at:%Y-%m-%dT%H:%M:%SZ}",
        }
        if not message.mdn:
            yield said, None
            continue
        name = f"receipts/{number:03}-{document.id}-{place}.mdn"
        content = house.store.payloads.read(message.mdn)
        yield {**said, "file": name}, Member(name=name, content=content, at=message.changed_at)


def _timeline(tx: Transaction, traces: list[Trace]) -> Member:
    """Every step of the cases in one table, the oldest first."""
    steps = sorted(
        ((step.at, trace.id, step) for trace in traces for step in trace.steps), key=lambda each: (each[0], each[1])
    )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("at", "case", "what", "document", *_DETAILS))
    for at, subject, step in steps:
        writer.writerow((at, subject, step.what, step.document, *(_cell(step.detail.get(name)) for name in _DETAILS)))
    return Member(name="timeline.csv", content=text.getvalue().encode(), at=tx.now)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "" if value is None else str(value)


def _zipped(members: list[Member]) -> bytes:
    """The zip; the same members give the same bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as pack:
        for each in members:
            entry = zipfile.ZipInfo(each.name, date_time=each.at.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            pack.writestr(entry, each.content)
    return target.getvalue()
