"""From records to an interchange that has been read back, and the names that its parts are found by again.

Nothing leaves that could not be read back to the record it was built from, and nothing that the guide faults.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gateway.errors import Finding, Position, Severity
from gateway.settings import Partner
from gateway.translate import maps
from gateway.x12.headers import GroupHeader, InterchangeHeader, SetBody
from gateway.x12.tree import Delimiters, Loop, Segment
from gateway.x12.validate import Examined, examine
from gateway.x12.wrapping import wrap


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One kind of document that we send: its map, and what the standard calls it in ST, GS and file names."""

    name: str  # of the map
    set_type: str
    functional_id: str
    version: str


REQUEST = Transaction(name="278_request", set_type="278", functional_id="HI", version="005010X217")
CLAIM = Transaction(name="837p", set_type="837", functional_id="HC", version="005010X222A1")
SAMPLED = datetime(2020, 1, 1)  # of what is read back; a guide is compiled once for all days since then


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The body of one set, between ST and SE, for the subjects (our ids) that are in it."""

    subjects: tuple[str, ...]
    segments: tuple[Segment, ...]
    reference: str  # BHT03


def build(transaction: Transaction, record: Any, partner: Partner) -> tuple[list[Segment], list[Finding]]:
    """The segments of a record, with what the guide and the reading back say against them."""
    mapped = maps.load(transaction.name)
    segments = mapped.build(record)
    sample = wrap(
        interchange(partner, 1, SAMPLED),
        [(_group(partner, transaction, 1, SAMPLED), [_body(transaction, 1, segments)])],
    )
    findings: list[Finding] = []
    reads_back = False
    for part in examine([sample]):
        if isinstance(part, Finding):
            if part.severity is Severity.BLOCK:  # A partner may want what the envelope's guide does not know.
                findings.append(part)
        elif isinstance(part, Examined):
            blocked = [each for each in part.findings if each.severity is Severity.BLOCK]
            findings += [_with_field(mapped, part.root, each) for each in blocked]
            if part.root is not None and not findings:
                reads_back = mapped.read(part.root) == mapped.on_wire(record)
    if not findings and not reads_back:
        findings.append(_differs(transaction))
    return segments, findings


def _with_field(mapped: maps.Map, root: Loop | None, finding: Finding) -> Finding:
    """The finding, with the field of the record that its place was built from."""
    if root is None or not isinstance(finding.where, Position):
        return finding
    return replace(finding, field=mapped.field_at(root, finding.where))


def _differs(transaction: Transaction) -> Finding:
    return Finding(
        rule="wire.reads_back",
        what=f"what was built does not read back to the record it was built from (map {transaction.name})",
        fix="Nothing was sent. Report the record's id to those who keep the maps",
        where=Position(tag="ST"),
    )


def name_set(number: int) -> str:
    """ST02 of the n-th set of a group: four digits at least, as most receivers want it."""
    return f"{number:04}"


def assemble(
    transaction: Transaction, sets: Sequence[Built], partner: Partner, *, isa13: int, gs06: int, at: datetime
) -> bytes:
    """The whole interchange under its control numbers."""
    bodies = [_body(transaction, number, built.segments) for number, built in enumerate(sets, 1)]
    return wrap(interchange(partner, isa13, at), [(_group(partner, transaction, gs06, at), bodies)])


def _body(transaction: Transaction, number: int, segments: Iterable[Segment]) -> SetBody:
    return SetBody(
        type=transaction.set_type,
        control_number=name_set(number),
        version=transaction.version,
        segments=tuple(segments),
    )


def interchange(partner: Partner, isa13: int, at: datetime) -> InterchangeHeader:
    """The header of what goes to this partner."""
    envelope = partner.envelope
    return InterchangeHeader(
        sender_qualifier=envelope.sender_qualifier,
        sender=envelope.sender,
        receiver_qualifier=envelope.receiver_qualifier,
        receiver=envelope.receiver,
        created=at,
        control_number=f"{isa13:09}",
        usage=partner.usage,
        acknowledgment_requested=envelope.acknowledgment_requested,
        delimiters=delimiters(partner),
    )


def delimiters(partner: Partner) -> Delimiters:
    """What parts the fields of what goes to this partner."""
    marks = partner.envelope.delimiters
    return Delimiters(
        element=marks.element,
        component=marks.component,
        repetition=marks.repetition,
        terminator=marks.terminator,
        line_end=marks.line_end,
    )


def _group(partner: Partner, transaction: Transaction, gs06: int, at: datetime) -> GroupHeader:
    return GroupHeader(
        functional_id=transaction.functional_id,
        sender=partner.envelope.gs_sender,
        receiver=partner.envelope.gs_receiver,
        created=at,
        control_number=str(gs06),
        version=transaction.version,
    )
