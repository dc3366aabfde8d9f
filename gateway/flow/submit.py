"""Submit: what was accepted is checked, built, read back, validated, wrapped and queued.

The set is built before the transaction and wrapped in it: the change, its control numbers, its ledger entries and the
job that sends it commit together, or not at all. One set carries one record, because a 999 accepts or rejects whole
sets and nobody's claim may be held up by another's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from gateway import logs
from gateway.errors import Finding, GatewayError, Severity
from gateway.flow import outbox
from gateway.flow.cases import AUTHORIZATION_PREFIX, State, case, hold, move
from gateway.flow.house import House
from gateway.flow.submit_claim import ClaimDesk
from gateway.flow.submit_request import RequestDesk
from gateway.flow.waking import enqueue as enqueue
from gateway.flow.waking import wake_claims as wake_claims
from gateway.flow.wire import Built, Transaction, assemble, build, name_set
from gateway.settings import Partner
from gateway.settings.names import by_clinic
from gateway.store import Job, StoredAuthorization, StoredClaim
from gateway.store import Transaction as StoreTransaction

log = logs.get()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """The plan of a record that the checks or the map could not cope with: it waits for a person, the others go on."""

    findings: tuple[Finding, ...]
    state: State = State.HELD


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """One record, ready to be written, held back with findings, or waiting for what it depends on."""

    stored: StoredAuthorization | StoredClaim
    state: State
    findings: tuple[Finding, ...] = ()
    built: Built | None = None
    plan: Any = None


class Desk(Protocol):
    """What differs between a request and a claim."""

    transaction: Transaction

    def waiting(self, tx: StoreTransaction, partner: str, limit: int) -> Sequence[StoredAuthorization | StoredClaim]:
        """The accepted records of this kind for this partner, oldest first."""

    def plan(self, house: House, tx: StoreTransaction, stored: Any) -> Any:
        """What is known before the set is built: state, findings, the stamped record; read only."""

    def message(self, house: House, partner: Partner, stored: Any, plan: Any, at: datetime) -> tuple[str, Any]:
        """BHT03 and the record that the map builds from."""

    def still_holds(self, house: House, tx: StoreTransaction, stored: Any, plan: Any, ready: Sequence[Any]) -> bool:
        """Whether nothing that the plan rests on has changed since, be it by ``ready``, the plans that go out in the
        same interchange; takes the locks."""

    def wait(self, tx: StoreTransaction, stored: Any, plan: Any) -> None:
        """Puts the case aside until what it depends on is decided."""

    def split(self, tx: StoreTransaction, stored: Any, plan: Any) -> None:
        """Puts several cases in the place of one."""

    def write(self, tx: StoreTransaction, stored: Any, plan: Any, document: str) -> None:
        """The case's own side of being written: identifiers, ledger."""


DESKS: dict[str, Desk] = {"278": RequestDesk(), "837": ClaimDesk()}


def submit(house: House, job: Job) -> None:
    """Writes one interchange of up to ``work.batch_max`` records, and comes again while there are more."""
    desk = DESKS[job.payload["set_type"]]
    partner = house.partner(job.partner)
    limit = house.settings.work.batch_max
    at = house.clock().replace(tzinfo=None)
    with house.reading() as tx:
        waiting = desk.waiting(tx, partner.name, limit)
        stored = _of_one_file(partner, waiting)
        plans = [_plan(house, tx, desk, each) for each in stored]
    prepared = [_prepare(house, desk, partner, each, plan, at) for each, plan in zip(stored, plans, strict=True)]
    with house.store.transaction(house.everything()) as tx:
        document, changed = _write(house, tx, desk, partner, prepared, at)
        if changed or len(waiting) == limit or len(stored) < len(waiting):
            enqueue(tx, partner.name, desk.transaction.set_type, job.id)
        tx.jobs.finish(job)
    written = sum(each.state is State.WRITTEN for each in prepared)
    log.info("submit.done", partner=partner.name, document=document or "", written=written, read=len(stored))


def again(house: House, tx: StoreTransaction, content: Mapping[str, Any]) -> None:
    """What a ``submit`` input says that was done: the same records, in the same order, under the same numbers."""
    desk, partner = DESKS[content["set_type"]], house.partner(content["partner"])
    at = datetime.fromisoformat(content["at"])
    stored = [case(tx, each) for each in content["subjects"]]
    plans = [_plan(house, tx, desk, each) for each in stored]
    prepared = [_prepare(house, desk, partner, each, plan, at) for each, plan in zip(stored, plans, strict=True)]
    for kind, number in content["numbers"].items():
        tx.control_numbers.move_on(partner.name, kind, number - 1)
    _write(house, tx, desk, partner, prepared, at)


def _of_one_file(
    partner: Partner, waiting: Sequence[StoredAuthorization | StoredClaim]
) -> Sequence[StoredAuthorization | StoredClaim]:
    """Those that may travel in one interchange: of one clinic, where the file's name tells of one."""
    if not waiting or not by_clinic(partner.name_template):
        return waiting
    first = waiting[0]
    return [each for each in waiting if (each.organisation, each.clinic) == (first.organisation, first.clinic)]


def _plan(house: House, tx: StoreTransaction, desk: Desk, stored: Any) -> Any:
    try:
        return desk.plan(house, tx, stored)
    except Exception as error:
        return Stuck(findings=_trouble(stored, error))


def _prepare(house: House, desk: Desk, partner: Partner, stored: Any, plan: Any, at: datetime) -> Prepared:
    if plan.state is not State.WRITTEN:
        return Prepared(stored=stored, state=plan.state, findings=plan.findings, plan=plan)
    try:
        reference, record = desk.message(house, partner, stored, plan, at)
        segments, findings = build(desk.transaction, record, partner)
    except Exception as error:
        segments, findings = [], [*_trouble(stored, error)]
    if findings:
        return Prepared(stored=stored, state=State.HELD, findings=tuple(findings), plan=Stuck(findings=tuple(findings)))
    built = Built(subjects=(stored.id,), segments=tuple(segments), reference=reference)
    return Prepared(stored=stored, state=State.WRITTEN, findings=plan.findings, built=built, plan=plan)


def _trouble(stored: Any, error: Exception) -> tuple[Finding, ...]:
    """What stands in the way of one record alone. What may pass by itself is raised again, for all of them."""
    if not isinstance(error, GatewayError):
        log.exception("submit.failed", subject=stored.id)
        what = f"it could not be checked or built ({type(error).__name__})"
        fix = "Nothing was sent. Report the record's id to those who keep the gateway, with its log"
        return (Finding(rule="submit.failed", what=what, fix=fix),)
    if error.retryable:
        raise error
    return error.findings or (
        Finding(rule="wire.build", what=error.what, fix=error.fix or "Correct the record", where=error.where),
    )


def _write(
    house: House, tx: StoreTransaction, desk: Desk, partner: Partner, prepared: Sequence[Prepared], at: datetime
) -> tuple[str | None, bool]:
    """The document's id, or None where nothing was ready; and whether any record must be looked at once more."""
    ready: list[Prepared] = []
    done: list[str] = []
    changed = False
    for each in prepared:
        current = case(tx, each.stored.id, lock=True)
        if current.state != State.ACCEPTED:
            continue
        if current.version != each.stored.version or not _holds(house, tx, desk, each, ready):
            changed = True
            continue
        done.append(each.stored.id)
        if each.state is State.HELD:
            hold(tx, each.stored.id, each.findings)
            if each.stored.id.startswith(AUTHORIZATION_PREFIX):
                wake_claims(tx, each.stored.id, "held")
        elif each.state is State.WAITING:
            desk.wait(tx, each.stored, each.plan)
        elif each.state is State.SPLIT:
            desk.split(tx, each.stored, each.plan)
            changed = True
        else:
            ready.append(each)
    numbers = {kind: tx.control_numbers.reserve(partner.name, kind) for kind in ("isa13", "gs06")} if ready else {}
    if done:
        said = {"set_type": desk.transaction.set_type, "subjects": done, "numbers": numbers, "at": at.isoformat()}
        tx.inputs.add(kind="decision", name="submit", holds_on=tx.now.date(), content={"partner": partner.name, **said})
    if not ready:
        return None, changed
    isa13, gs06 = numbers["isa13"], numbers["gs06"]
    sets = [each.built for each in ready if each.built is not None]
    content = assemble(desk.transaction, sets, partner, isa13=isa13, gs06=gs06, at=at)
    kind = desk.transaction.set_type
    owner = None
    if by_clinic(partner.name_template):
        owner = {"organisation": ready[0].stored.organisation, "clinic": ready[0].stored.clinic}
    document = outbox.queue(
        house, tx, partner, content, kind=kind, isa13=isa13, gs06=gs06, at=at, owner=owner, sets=len(sets)
    )
    for number, each in enumerate(ready, 1):
        subject = each.stored.id
        st02 = name_set(number)
        tx.documents.link(document, each.stored.organisation, each.stored.clinic)
        for kind, value in (("isa13", f"{isa13:09}"), ("gs06", str(gs06)), ("set", f"{gs06}/{st02}")):
            tx.identifiers.add(subject, kind, value, partner=partner.name, document=document)
        assert each.built is not None
        tx.identifiers.add(subject, "bht03", each.built.reference, partner=partner.name, document=document)
        desk.write(tx, each.stored, each.plan, document)
        move(tx, subject, State.WRITTEN)
        for task in tx.tasks.list(subject=subject, kind="held"):  # Of before it waited.
            tx.tasks.close(task.key, "its cause is gone")
        for kind, severity in (("case.warned", Severity.WARN), ("case.not_evaluated", Severity.NOT_EVALUATED)):
            rules = sorted({one.rule for one in each.findings if one.severity is severity})
            if rules:
                tx.events.add(subject, kind, document=document, rules=rules)
        tx.events.add(
            subject,
            "case.written",
            document=document,
            isa13=f"{isa13:09}",
            gs06=str(gs06),
            st02=st02,
            transaction=desk.transaction.set_type,
            partner=partner.name,
        )
    return document, changed


def _holds(house: House, tx: StoreTransaction, desk: Desk, one: Prepared, ready: Sequence[Prepared]) -> bool:
    if isinstance(one.plan, Stuck):
        return True
    return desk.still_holds(house, tx, one.stored, one.plan, [each.plan for each in ready])
