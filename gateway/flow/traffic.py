"""Whether anybody goes to a partner now: not while it rests, and no more at once than it takes.

A partner at which nothing works rests: one attempt is made from time to time, and the first that works lets traffic go
on. That it rests is a task, so that a person sees why. A partner that refused us is not here: ``deliver`` halts it.
"""

from datetime import timedelta

from gateway import logs
from gateway.errors import GatewayError, PartnerUnreachable
from gateway.flow import deliver
from gateway.flow.deliver import Pickup
from gateway.flow.gates import Change, Gate
from gateway.flow.house import House, Transaction
from gateway.settings import Partner
from gateway.store import Job

log = logs.get()
SEND, POLL = "send", "poll"


def send(house: House, job: Job) -> None:
    """``deliver.send``, where the partner's gate is open; else the job comes again, and no attempt is counted."""
    partner = house.partner(job.partner)
    gate = house.gates.of(partner, house.clock)
    if shut := gate.enter(SEND):
        with house.store.transaction(house.everything()) as tx:
            tx.jobs.retry(job, max(shut.again_at, tx.now + timedelta(seconds=1)), shut.why, counted=False)
        return
    worked: bool | None = None
    why = ""
    try:
        deliver.send(house, job)
        worked = not _halted(house, partner) or None
    except PartnerUnreachable as error:
        worked, why = False, error.reason
        raise
    finally:
        _leave(house, gate, SEND, worked, why)


def poll(house: House, pickup: Pickup) -> int:
    """``Pickup.poll``, where the partner's gate is open; else nothing."""
    partner = pickup.partner
    gate = house.gates.of(partner, house.clock)
    gate.close(idle_only=True)
    if gate.enter(POLL):
        return 0
    worked: bool | None = None
    why = ""
    try:
        taken = pickup.poll()
        worked = not _halted(house, partner) or None
        return taken
    except PartnerUnreachable as error:
        worked, why = False, error.reason
        raise
    finally:
        if gate.sessions_max < 2:
            pickup.close()  # It would keep the sender out until the next poll.
        _leave(house, gate, POLL, worked, why)


def resting(tx: Transaction, partner: str) -> str:
    """Why this partner rests, in words, also for another process than the one that sends; "" where it does not."""
    return next((each.reason for each in tx.tasks.list(subject=partner, kind="resting")), "")


def _halted(house: House, partner: Partner) -> bool:
    with house.reading() as tx:
        return deliver.halted(tx, partner.name)


def _leave(house: House, gate: Gate, role: str, worked: bool | None, why: str) -> None:
    name = gate.partner.name
    change = gate.leave(role, worked=worked, why=why)
    if change is Change.NONE:
        return
    try:
        with house.store.transaction(house.everything()) as tx:
            if change is Change.FLOWS:
                tx.tasks.close(_key(name), "an attempt worked")
            else:
                fix = "One attempt is made from time to time, and the first that works lets traffic go on. "
                fix += f"Each step: gateway partner test {name}"
                tx.tasks.open(_key(name), kind="resting", subject=name, reason=gate.why, fix=fix)
    except GatewayError as error:
        log.warning("partner.task_failed", partner=name, error=type(error).__name__)
    if change is Change.RESTS:
        log.warning("partner.rests", partner=name)


def _key(partner: str) -> str:
    return f"resting:{partner}"
