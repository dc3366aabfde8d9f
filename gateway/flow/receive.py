"""Receive: what a partner sent is read by its guide and its map, and each record meets its reaction.

Reading is pure and comes first; all reactions of a document commit with the job. A set that cannot be read waits with
its reason while the others of the same document go on, and its bytes are kept either way.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from gateway import logs
from gateway.domain.answer import ClaimAcknowledgment, GroupAcknowledgment, InterchangeAcknowledgment
from gateway.domain.decision import Decision
from gateway.domain.remittance import Remittance
from gateway.errors import Finding, GatewayError, Position, Severity
from gateway.flow import answers, decide, remit
from gateway.flow.house import House, Transaction
from gateway.store import Document, Job
from gateway.translate import maps
from gateway.x12.envelope import InterchangeHeader, TechnicalAcknowledgment
from gateway.x12.validate import Examined, examine

log = logs.get()
CHUNK = 256 * 1024

MAPS = {
    "278.5010.X217.response.xml": "278_response",
    "999.5010.xml": "999",
    "999.5010X231.A1.xml": "999",
    "277.5010.X214.xml": "277ca",
    "835.5010.X221.A1.xml": "835",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One record of a document, or why there is none. ``place`` names interchange, group and set."""

    place: Position
    record: Any = None
    findings: tuple[Finding, ...] = ()
    usage: str = ""


NAMES = {
    InterchangeAcknowledgment: "TA1",
    GroupAcknowledgment: "999",
    ClaimAcknowledgment: "277CA",
    Decision: "278 response",
    Remittance: "835",
}

Reaction = Callable[[House, Transaction, Document, Position, Any], None]
REACTIONS: dict[type, Reaction] = {
    InterchangeAcknowledgment: answers.react,
    GroupAcknowledgment: answers.react,
    ClaimAcknowledgment: answers.react,
    Decision: decide.react,
    Remittance: remit.react,
}


def receive(house: House, job: Job) -> None:
    """Reads one document and lets every record of it take effect, once."""
    with house.reading() as tx:
        document = tx.documents.get(job.payload["document"])
    read = list(read_document(house, document))
    wanted = house.partner(document.partner).usage
    waiting = 0
    with house.store.transaction(house.everything()) as tx:
        for each in read:
            blocked = _blocked(each, wanted)
            for finding in each.findings:
                log.info("finding.raised", document=document.id, rule=finding.rule, place=str(finding.where))
            if blocked is None:
                REACTIONS[type(each.record)](house, tx, document, each.place, each.record)
            else:
                waiting += 1
                _wait(tx, document, each.place, blocked)
        kinds = sorted({NAMES[type(each.record)] for each in read if each.record is not None})
        tx.documents.set_about(document.id, isa13=read[0].place.interchange if read else "", records=kinds)
        tx.documents.set_state(document.id, "waiting" if waiting else "read")
        tx.jobs.finish(job)
    log.info("document.read", document=document.id, partner=document.partner, records=len(read), waiting=waiting)


def read_document(house: House, document: Document) -> Iterator[Received]:
    """Every set and TA1 of a document, in its order; what cannot be read at all is one Received with the finding."""
    interchange, usage = "", ""
    with house.store.payloads.open(document.payload) as stream:
        try:
            for part in examine(iter(lambda: stream.read(CHUNK), b"")):
                if isinstance(part, InterchangeHeader):
                    interchange, usage = part.control_number, part.usage
                elif isinstance(part, TechnicalAcknowledgment):
                    yield Received(place=Position(interchange=interchange, tag="TA1"), record=_ta1(part), usage=usage)
                elif isinstance(part, Finding):
                    yield Received(place=Position(interchange=interchange), findings=(part,), usage=usage)
                else:
                    yield _read_set(part, interchange, usage)
        except GatewayError as error:
            finding = Finding(rule="x12.unreadable", what=error.what, fix=error.fix, where=error.where)
            yield Received(place=Position(interchange=interchange), findings=(finding,), usage=usage)


def _read_set(part: Examined, interchange: str, usage: str) -> Received:
    group = part.set.group.control_number if part.set.group else ""
    place = Position(interchange=interchange, group=group, set=part.set.control_number)
    name = MAPS.get(part.guide)
    if part.root is None or name is None:
        findings = part.findings or (
            Finding(
                rule="x12.transaction.unexpected",
                what=f"a {part.set.type} of version {part.set.version} is nothing that a partner sends to us",
                fix="Ask the partner what it is for",
                where=place,
            ),
        )
        return Received(place=place, findings=findings, usage=usage)
    try:
        return Received(place=place, record=maps.load(name).read(part.root), findings=part.findings, usage=usage)
    except GatewayError as error:
        finding = Finding(rule="wire.read", what=error.what, fix=error.fix or "Ask the partner to send it again")
        return Received(place=place, findings=(*part.findings, finding), usage=usage)


def _ta1(part: TechnicalAcknowledgment) -> InterchangeAcknowledgment:
    return InterchangeAcknowledgment(
        control_number=part.control_number,
        created_on=part.created_on.isoformat() if part.created_on else "",
        created_at=f"{part.created_at:%H%M}" if part.created_at else "",
        code=part.code,
        note=part.note,
    )


def _blocked(received: Received, wanted: str) -> Finding | None:
    """Why nothing may come of it. A guide's faults do not block what its map could read whole: real files have them."""
    if received.usage and received.usage != wanted:
        return Finding(
            rule="x12.usage",
            what=f"ISA15 is {received.usage}, and this partner's stage wants {wanted}",
            fix="Nothing was posted. Tell the partner, or correct the stage in its file",
            where=received.place,
        )
    if received.record is None:
        blocking = [each for each in received.findings if each.severity is Severity.BLOCK]
        return next(iter(blocking or received.findings), None)
    return None


def _wait(tx: Transaction, document: Document, place: Position, finding: Finding) -> None:
    key = f"read:{document.id}:{place.group}/{place.set}:{finding.rule}"
    tx.tasks.open(key, kind="unread", subject=document.id, reason=finding.reason, fix=finding.fix)
    tx.events.add(document.id, "document.waits", document=document.id, rule=finding.rule, place=str(place))
