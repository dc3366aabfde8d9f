"""Acknowledges what a partner sends: TA1 and 999 by its file, queued with the reactions, once for each arrival.

They say what the gateway did: a set that it works on is accepted, errors noted, whatever a guide says against it. The
same bytes that arrive again are acknowledged again, because whoever sends twice may have missed the first answer.
Nothing is awaited for an acknowledgment, and none is sent for one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gateway import logs
from gateway.errors import Finding, GatewayError, Position, Severity
from gateway.flow import outbox
from gateway.flow.cases import number
from gateway.flow.house import House, Transaction
from gateway.flow.wire import interchange
from gateway.settings import Partner
from gateway.store import Document
from gateway.x12.acknowledge import Acknowledged, Acknowledger, GroupAcknowledged, Judged, enclose, is_answer
from gateway.x12.headers import InterchangeHeader, TechnicalAcknowledgment
from gateway.x12.set_acknowledgment import NOT_SUPPORTED
from gateway.x12.tree import STANDARD, Delimiters
from gateway.x12.validate import Examined, examine

log = logs.get()
KINDS = ("TA1", "999")  # of the documents that acknowledge
_FIX = "Nothing was sent back. Report the document's id to those who keep the gateway"


class Listener:
    """Hears every part of a document while it is read, and keeps what there is to say of each interchange."""

    def __init__(self, marks: Delimiters = STANDARD) -> None:
        self._acknowledger = Acknowledger(marks)
        self.acknowledged: list[Acknowledged] = []

    def hear(
        self,
        part: InterchangeHeader | TechnicalAcknowledgment | Examined | Judged | Finding,
        *,
        taken: bool = False,
        expected: bool = True,
    ) -> None:
        """``taken``: the set was read, and takes effect. ``expected``: it is of a kind that partners send to us."""
        if not isinstance(part, Examined | Judged):
            self.acknowledged += self._acknowledger.take(part)
            return
        strange = not expected and not is_answer(part.set.type, part.set.version)
        known = part.is_known if isinstance(part, Judged) else part.root is not None
        refused = NOT_SUPPORTED if strange and known else ""
        self.acknowledged += self._acknowledger.take(part, taken=taken or None, refused=refused)

    def end(self, error: Exception | None = None) -> None:
        """The document is over, or cannot be read further. Where the fault is ours, its last interchange is left out:
        nobody knows what to say of it."""
        if error is None or isinstance(error, GatewayError):
            self.acknowledged += self._acknowledger.end(error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One document that is to go back: a TA1 or the 999 of one interchange; ``finding`` is why it cannot."""

    kind: str
    said: Acknowledged
    finding: Finding | None = None


def prepare(partner: Partner, acknowledged: Iterable[Acknowledged], at: datetime) -> list[Due]:
    """What this partner gets, each built once and examined: nothing leaves that our own guide faults."""
    due = []
    for one in acknowledged:
        if not one.is_answered:
            continue
        if _wants_technical(partner, one):
            due.append(_examined(partner, Due(kind="TA1", said=replace(one, groups=())), at))
        groups = _wanted_groups(partner, one)
        if groups:
            due.append(_examined(partner, Due(kind="999", said=replace(one, groups=groups)), at))
    return due


def _wants_technical(partner: Partner, one: Acknowledged) -> bool:
    match partner.acknowledge.ta1:
        case "never":
            return False
        case "requested":
            return one.header.acknowledgment_requested
        case "errors":
            return one.code != "A"
        case "always":
            return True


def _wanted_groups(partner: Partner, one: Acknowledged) -> tuple[GroupAcknowledged, ...]:
    match partner.acknowledge.group:
        case "never":
            return ()
        case "errors":
            return tuple(each for each in one.groups if each.code != "A")
        case "always":
            return one.groups


def queue(
    house: House, tx: Transaction, document: Document, partner: Partner, due: Sequence[Due], at: datetime
) -> None:
    """Each with control numbers of its own. Call it in the transaction of the document's reactions."""
    for one in due:
        if one.finding is not None:
            key = f"unacknowledged:{document.id}:{one.kind}:{number(one.said.header.control_number)}"
            reason, fix = one.finding.reason, one.finding.fix
            tx.tasks.open(key, kind="unacknowledged", subject=document.id, reason=reason, fix=fix)
            continue
        isa13 = tx.control_numbers.reserve(partner.name, "isa13")
        gs06 = tx.control_numbers.reserve(partner.name, "gs06") if one.kind == "999" else None
        content = _content(partner, one, isa13, gs06 or 0, at)
        sent = outbox.queue(
            house, tx, partner, content, kind=one.kind, isa13=isa13, gs06=gs06, at=at, acknowledges=document.id
        )
        codes = [one.said.code] if one.kind == "TA1" else [each.code for each in one.said.groups]
        tx.events.add(document.id, "document.acknowledged", document=sent, kind=one.kind, codes=codes)
        log.info("document.acknowledged", document=document.id, partner=partner.name, kind=one.kind, records=len(codes))


def _content(partner: Partner, due: Due, isa13: int, gs06: int, at: datetime) -> bytes:
    technical = due.kind == "TA1"
    # An acknowledgment of an acknowledgment is not asked for.
    header = replace(interchange(partner, isa13, at), acknowledgment_requested=False)
    return enclose(
        due.said,
        header,
        at=at,
        group_number=gs06,
        ta1=technical,
        groups=not technical,
        sender=partner.envelope.gs_sender,
        receiver=partner.envelope.gs_receiver,
    )


def _examined(partner: Partner, due: Due, at: datetime) -> Due:
    try:
        found = list(_faults(_content(partner, due, 1, 1, at)))
    except GatewayError as error:
        found = [Finding(rule="acknowledge.build", what=error.what, fix=error.fix, where=error.where)]
    if not found:
        return due
    what = f"the {due.kind} for it would not be valid: {found[0].reason}"
    where = Position(interchange=number(due.said.header.control_number))
    return replace(due, finding=Finding(rule="acknowledge.valid", what=what, fix=_FIX, where=where))


def _faults(content: bytes) -> Iterator[Finding]:
    for part in examine([content]):
        if isinstance(part, Finding):
            if part.severity is Severity.BLOCK:
                yield part
        elif isinstance(part, Examined):
            unchecked = part.root is None
            yield from (each for each in part.findings if unchecked or each.severity is Severity.BLOCK)
