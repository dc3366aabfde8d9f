"""What is held is looked at again when something may have cured it, and goes by itself once nothing blocks it.

Of a case that stays held the tasks of cured findings close, and those that remain stay as they are. What could not be
built, or read back, is left to people: nothing that a visit or a decision would cure.
"""

from collections.abc import Collection, Iterable

from gateway import logs, rules
from gateway.domain.authorization import AuthorizationRequest
from gateway.domain.claim import Claim
from gateway.errors import Finding, Severity
from gateway.flow.cases import AUTHORIZATION_PREFIX, State, case, held_keys, hold, move
from gateway.flow.house import House, Transaction
from gateway.flow.planning import check_record
from gateway.flow.waking import enqueue
from gateway.store import Job, StoredAuthorization, StoredClaim

log = logs.get()
BATCH = 200
_CHECKS = frozenset({*rules.names(), "authorization_patient", "controlling_authorization"})
_OF_AUTHORIZATION = ("authorization_", "controlling_", "latest_", "mixed_")
_Looked = tuple[StoredAuthorization | StoredClaim, State, tuple[Finding, ...]]


def recheck(house: House, job: Job) -> None:
    """Looks at what is held of one patient, or at all of it, and lets go what nothing blocks."""
    patient = job.payload.get("patient")
    with house.reading() as tx:
        held = tx.held.subjects((patient[0], patient[1], patient[2]) if patient else None)
    cured: list[str] = []
    for start in range(0, len(held), BATCH):
        with house.reading() as tx:
            stored = [case(tx, each) for each in held[start : start + BATCH]]
            looked = [_looked_at(house, tx, each) for each in stored if set(each.reason.split("; ")) <= _CHECKS]
        with house.store.transaction(house.everything()) as tx:
            cured += _apply(tx, looked, job.id)
    with house.store.transaction(house.everything()) as tx:
        tx.jobs.finish(job)
    log.info("recheck.done", read=len(held), released=len(cured))


def let_go(tx: Transaction, subjects: Iterable[str], cause: str, waiting: Collection[str] = ()) -> None:
    """Puts cases back to be sent: nothing blocks them any more. Those that are ``waiting`` will wait for an
    authorization: of them only that is cured, and what else was wrong is told again when it has come."""
    sets = set()
    for subject in subjects:
        stored = case(tx, subject, lock=True)
        move(tx, subject, State.ACCEPTED)
        sets.add((stored.partner, "278" if subject.startswith(AUTHORIZATION_PREFIX) else "837"))
        tx.events.add(subject, "case.cured")
        for task in tx.tasks.list(subject=subject, kind="held"):
            if subject not in waiting or task.key.split(":")[2].startswith(_OF_AUTHORIZATION):
                tx.tasks.close(task.key, "its cause is gone")
    for partner, set_type in sorted(sets):
        enqueue(tx, partner, set_type, f"cured:{cause}")


def _looked_at(house: House, tx: Transaction, stored: StoredAuthorization | StoredClaim) -> _Looked:
    record: AuthorizationRequest | Claim = stored.request if isinstance(stored, StoredAuthorization) else stored.claim
    state, checked = check_record(house, tx, record)
    return stored, state, checked.findings


def _apply(tx: Transaction, looked: Iterable[_Looked], cause: str) -> list[str]:
    cured, waiting = [], []
    for before, state, findings in looked:
        if case(tx, before.id, lock=True).version != before.version:
            continue  # Somebody was quicker: it is looked at by whoever that was.
        if state is State.HELD:
            _still_held(tx, before.id, [each for each in findings if each.severity is Severity.BLOCK])
        else:
            cured.append(before.id)
            waiting += [before.id] if state is State.WAITING else []
    if cured:
        tx.inputs.add(kind="decision", name="recheck", holds_on=tx.now.date(), content={"subjects": cured})
        let_go(tx, cured, cause, waiting)
    return cured


def _still_held(tx: Transaction, subject: str, blocking: list[Finding]) -> None:
    there = {each.key for each in tx.tasks.list(subject=subject, kind="held")}
    if there != set(held_keys(subject, blocking)):
        hold(tx, subject, blocking)
