"""Receive: what a partner sent is read by its guide and its map, and each record meets its reaction.

Reading is pure and comes first; all reactions of a document commit with the job. A set that cannot be read waits with
its reason while the others of the same document go on, and its bytes are kept either way.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway import logs
from gateway.domain.answer import ClaimAcknowledgment, GroupAcknowledgment, InterchangeAcknowledgment
from gateway.domain.decision import Decision
from gateway.errors import Finding, GatewayError, Position, Severity
from gateway.flow import acknowledging, answers, decide, remit
from gateway.flow.cases import code
from gateway.flow.house import House, Transaction
from gateway.flow.remitted import Remitted
from gateway.flow.uncollected import uncollected
from gateway.flow.wire import delimiters
from gateway.settings import Partner
from gateway.store import Document, Job
from gateway.translate import maps
from gateway.x12.acknowledge import Acknowledged, Judged
from gateway.x12.headers import InterchangeHeader, TechnicalAcknowledgment
from gateway.x12.heard import hear
from gateway.x12.validate import Examined, SetEnd, Unit

log = logs.get()
CHUNK = 256 * 1024
STREAMED = frozenset({"835"})  # Sets that may be too long to hold.
ALIKE_MAX = 20  # findings of one rule about one document that are told one by one

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
    header: InterchangeHeader | None = None
    expected: bool = True  # It is of a kind that partners send to us.


# SE missing, its count wrong, or its number another set's (X12.6): segments may be lost.
NOT_WHOLE = ("x12.set.trailer_missing", "x12.set.count", "x12.set.control_numbers")

NAMES = {
    InterchangeAcknowledgment: "TA1",
    GroupAcknowledgment: "999",
    ClaimAcknowledgment: "277CA",
    Decision: "278 response",
    Remitted: "835",
}

Reaction = Callable[[House, Transaction, Document, Position, Any], None]
REACTIONS: dict[type, Reaction] = {
    InterchangeAcknowledgment: answers.react,
    GroupAcknowledgment: answers.react,
    ClaimAcknowledgment: answers.react,
    Decision: decide.react,
    Remitted: remit.react,
}


def receive(house: House, job: Job) -> None:
    """Reads one document and lets every record of it take effect, once."""
    with house.reading() as tx:
        document = tx.documents.get(job.payload["document"])
    partner = house.partner(document.partner)
    listener = acknowledging.Listener(delimiters(partner))
    with uncollected():
        read = list(read_document(house, document, listener))
    _log_findings(document, read)
    at = house.clock().replace(tzinfo=None)
    said = [_refused(each, partner) for each in listener.acknowledged]
    due = acknowledging.prepare(partner, said, at)
    blocked = {index: found for index, each in enumerate(read) if (found := _blocked(each, partner))}
    _post_ahead(house, document, read, blocked)
    while True:  # Ends: each turn finds one more that has no effect.
        try:
            with house.store.transaction(house.everything()) as tx:
                take_effect(house, tx, document, read, blocked)
                acknowledging.queue(house, tx, document, partner, due, at)
                tx.jobs.finish(job)
            break
        except _NoEffect as error:
            blocked[error.index] = error.finding
    log.info("document.read", document=document.id, partner=document.partner, records=len(read), waiting=len(blocked))


def _post_ahead(house: House, document: Document, read: Sequence[Received], blocked: dict[int, Finding]) -> None:
    """Long remittances take effect in batches, each of which commits by itself, but for the last one of each."""
    for index, each in enumerate(read):
        if index not in blocked and isinstance(each.record, Remitted):
            try:
                remit.ahead(house, document, index, each.record)
            except Exception as error:
                blocked[index] = _trouble(document, each, error)


def _log_findings(document: Document, read: Sequence[Received]) -> None:
    """The first of each rule with their places, and then how many: rubbish has no end."""
    counts: Counter[str] = Counter()
    for finding in (found for each in read for found in each.findings):
        counts[finding.rule] += 1
        if counts[finding.rule] <= ALIKE_MAX:
            log.info("finding.raised", document=document.id, rule=finding.rule, place=str(finding.where))
    for rule, count in counts.items():
        if count > ALIKE_MAX:
            log.info("findings.counted", document=document.id, rule=rule, count=count)


class _NoEffect(Exception):
    """One record's reaction failed: everything is rolled back, and the others take effect without it."""

    def __init__(self, index: int, finding: Finding) -> None:
        super().__init__(finding.rule)
        self.index = index
        self.finding = finding


def again(
    house: House, tx: Transaction, document: Document, read: Sequence[Received], content: Mapping[str, Any]
) -> None:
    """What a ``receive`` input says that was done: the same records of the document take effect, and no other."""
    blocked = {int(index): Finding(rule=rule, what="it waited", fix="") for index, rule in content["blocked"].items()}
    take_effect(house, tx, document, read, blocked)


def take_effect(
    house: House, tx: Transaction, document: Document, read: Sequence[Received], blocked: Mapping[int, Finding]
) -> None:
    """Lets every record of a document take effect but the ``blocked``, which wait with their findings."""
    tx.inputs.add(
        kind="decision",
        name="receive",
        holds_on=tx.now.date(),
        document=document.id,
        content={"blocked": {str(index): each.rule for index, each in blocked.items()}},
    )
    for index, each in enumerate(read):
        if index in blocked:
            _wait(tx, document, each.place, blocked[index])
        elif each.record is not None:
            try:
                REACTIONS[type(each.record)](house, tx, document, each.place, each.record)
            except Exception as error:
                raise _NoEffect(index, _trouble(document, each, error)) from error
    kinds = sorted({NAMES[type(each.record)] for each in read if each.record is not None})
    tx.documents.set_about(document.id, isa13=read[0].place.interchange, records=kinds)
    tx.documents.set_state(document.id, "waiting" if blocked else "read")


def _trouble(document: Document, received: Received, error: Exception) -> Finding:
    """Why one record took no effect. What may pass by itself is raised again, for the whole document."""
    what = f"it could not take effect ({type(error).__name__})"
    if isinstance(error, GatewayError):
        if error.retryable:
            raise error
        what = f"it could not take effect: {error.what}"
    log.exception("reaction.failed", document=document.id, place=str(received.place))
    fix = "Nothing of it was posted. Report the document's id to those who keep the gateway, with its log"
    return Finding(rule="receive.no_effect", what=what, fix=fix, where=received.place)


def read_document(
    house: House, document: Document, listener: acknowledging.Listener | None = None
) -> Iterator[Received]:
    """Every set and TA1 of a document, in its order; what cannot be read at all is one Received with the finding.

    ``listener`` hears each part with what becomes of it. Raises what may pass by itself, such as a payload folder that
    is out of reach.
    """
    heard = listener or acknowledging.Listener()
    interchange, header, parts = "", None, 0
    alike: Counter[str] = Counter()
    with house.store.payloads.open(document.payload) as stream:
        try:
            streamed: _Streamed | None = None
            for part in hear(iter(lambda: stream.read(CHUNK), b""), STREAMED):
                parts += 1
                if isinstance(part, InterchangeHeader):
                    heard.hear(part)
                    interchange, header = part.control_number, part
                elif isinstance(part, TechnicalAcknowledgment):
                    heard.hear(part)
                    yield Received(place=Position(interchange=interchange, tag="TA1"), record=_ta1(part), header=header)
                elif isinstance(part, Unit):
                    streamed = streamed or _Streamed(part.guide)
                    streamed.take(part)
                elif isinstance(part, SetEnd):
                    received = (streamed or _Streamed(part.guide)).end(part, interchange, header)
                    streamed = None
                    yield received
                elif isinstance(part, Judged):
                    taken = received.record is not None and not _lacks_a_part(received)
                    heard.hear(part, taken=taken, expected=received.expected)
                elif isinstance(part, Finding) and _is_of_a_set(part):
                    streamed = streamed or _Streamed("")
                    streamed.hear(part)
                elif isinstance(part, Finding):
                    heard.hear(part)
                    alike[part.rule] += 1
                    if alike[part.rule] > ALIKE_MAX:
                        continue
                    place = part.where if isinstance(part.where, Position) else Position(interchange=interchange)
                    yield Received(place=place, findings=(part,), header=header)
                else:
                    received = _read_set(part, interchange, header)
                    taken = received.record is not None and not _lacks_a_part(received)
                    heard.hear(part, taken=taken, expected=part.guide in MAPS)
                    yield received
            heard.end()
        except Exception as error:
            parts += 1
            heard.end(error)
            yield Received(place=Position(interchange=interchange), findings=(_unreadable(error),), header=header)
    if not parts:
        nothing = Finding(rule="x12.empty", what="there is nothing in the file", fix="Ask the partner to send it again")
        yield Received(place=Position(), findings=(nothing,))


def _is_of_a_set(finding: Finding) -> bool:
    return isinstance(finding.where, Position) and bool(finding.where.set)


class _Streamed:
    """A set that is read unit by unit, for it may be too long to hold: an 835."""

    def __init__(self, guide: str) -> None:
        self._remitted = Remitted()
        self._findings: list[Finding] = []
        self._alike: Counter[str] = Counter()
        self._error: Exception | None = None
        self._units = maps.load(MAPS[guide]).units() if guide in MAPS else None

    def hear(self, finding: Finding) -> None:
        """One that is wrong with the set; of one rule the first are kept."""
        self._alike[finding.rule] += 1
        if self._alike[finding.rule] <= ALIKE_MAX or finding.rule in NOT_WHOLE:
            self._findings.append(finding)

    def take(self, part: Unit) -> None:
        """The next claim payment; after one that cannot be read, the set cannot be taken."""
        if self._units is None:
            self._units = maps.load(MAPS[part.guide]).units()
        if self._error is None:
            try:
                self._remitted.take(self._units.read(part.loop, part.around))
            except Exception as error:
                self._error = error

    def end(self, part: SetEnd, interchange: str, header: InterchangeHeader | None) -> Received:
        """The remittance, or why there is none."""
        group = part.set.group.control_number if part.set.group else ""
        place = Position(interchange=interchange, group=group, set=part.set.control_number)
        name = MAPS.get(part.guide)
        if part.root is None or name is None:
            findings = (_unexpected(part.set.type, place), *self._findings)
            return Received(place=place, findings=findings, header=header, expected=False)
        try:
            if self._error is not None:
                raise self._error
            self._remitted.end(maps.load(name).read(part.root))
        except Exception as error:
            return Received(place=place, findings=(_not_read(error, place), *self._findings), header=header)
        return Received(place=place, record=self._remitted, findings=tuple(self._findings), header=header)


def _unexpected(kind: str, place: Position) -> Finding:
    return Finding(
        rule="x12.transaction.unexpected",
        what=f"a set of type {code(kind)} is nothing that a partner sends to us, or not in this version",
        fix="Ask the partner what it is for",
        where=place,
    )


def _not_read(error: Exception, place: Position) -> Finding:
    if not isinstance(error, GatewayError):
        return _unreadable(error)
    fix = error.fix or "Ask the partner to send it again"
    return Finding(rule="wire.read", what=error.what, fix=fix, where=error.where if str(error.where) else place)


def _unreadable(error: Exception) -> Finding:
    if not isinstance(error, GatewayError):
        log.exception("document.unreadable")
        what = f"it could not be read ({type(error).__name__})"
        return Finding(rule="x12.unreadable", what=what, fix="Report the document's id to those who keep the gateway")
    if error.retryable:
        raise error
    return Finding(rule="x12.unreadable", what=error.what, fix=error.fix, where=error.where)


def _read_set(part: Examined, interchange: str, header: InterchangeHeader | None) -> Received:
    group = part.set.group.control_number if part.set.group else ""
    place = Position(interchange=interchange, group=group, set=part.set.control_number)
    name = MAPS.get(part.guide)
    if part.root is None or name is None:
        findings = (_unexpected(part.set.type, place), *part.findings)
        return Received(place=place, findings=findings, header=header, expected=False)
    try:
        record = maps.load(name).read(part.root)
    except Exception as error:
        return Received(place=place, findings=(_not_read(error, place), *part.findings), header=header)
    return Received(place=place, record=record, findings=part.findings, header=header)


def _ta1(part: TechnicalAcknowledgment) -> InterchangeAcknowledgment:
    return InterchangeAcknowledgment(
        control_number=part.control_number,
        created_on=part.created_on.isoformat() if part.created_on else "",
        created_at=f"{part.created_at:%H%M}" if part.created_at else "",
        code=part.code,
        note=part.note,
    )


def _blocked(received: Received, partner: Partner) -> Finding | None:
    """Why nothing may come of it. A guide's faults do not block what its map could read: real files have them.

    A set that is not whole does: half an 835 would take the place of the whole one that comes after it.
    """
    header = received.header
    if header is not None and (wrong := _wrong_usage(header, partner)):
        return wrong
    if received.record is None:
        return next((each for each in received.findings if each.severity is Severity.BLOCK), None)
    if header is not None and (wrong := _wrong_receiver(header, partner)):
        return wrong
    return _lacks_a_part(received)


def _lacks_a_part(received: Received) -> Finding | None:
    return next((each for each in received.findings if each.rule in NOT_WHOLE), None)


def _wrong_usage(header: InterchangeHeader, partner: Partner) -> Finding | None:
    if header.usage == partner.usage:
        return None
    return Finding(
        rule="x12.usage",
        what=f"ISA15 is {code(header.usage)}, and this partner's stage wants {partner.usage}",
        fix="Nothing was posted. Tell the partner, or correct the stage in its file",
        where=Position(interchange=header.control_number),
        codes={"TA105": "020"},
    )


def _wrong_receiver(header: InterchangeHeader, partner: Partner) -> Finding | None:
    if not partner.envelope.check_receiver or header.receiver.strip() == partner.envelope.sender:
        return None
    return Finding(
        rule="x12.receiver",
        what="ISA08 names another receiver than us",
        fix="Nothing was posted. Tell the partner; where it always writes that, set check_receiver = false",
        where=Position(interchange=header.control_number),
        codes={"TA105": "009"},
    )


def _refused(one: Acknowledged, partner: Partner) -> Acknowledged:
    """What is not meant for us, or not for this stage, is rejected whole: nothing of it was posted."""
    wrong = _wrong_usage(one.header, partner) or _wrong_receiver(one.header, partner)
    return one.rejected((wrong.codes or {})["TA105"]) if wrong else one


def _wait(tx: Transaction, document: Document, place: Position, finding: Finding) -> None:
    place = finding.where if isinstance(finding.where, Position) else place
    key = f"read:{document.id}:{place}:{finding.rule}"
    tx.tasks.open(key, kind="unread", subject=document.id, reason=finding.reason, fix=finding.fix)
    tx.events.add(document.id, "document.waits", document=document.id, rule=finding.rule, place=str(place))
