"""The clocks of an authorization: the payer's, our own, the time to send information, and the time to appeal.

Their terms are the payer's policy (domain facts, 2.2); a term that nobody knows runs no clock. Half, four fifths and
the whole of a term are told, each by an event, and the last two by a task.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

from gateway import logs
from gateway.domain.authorization import AuthorizationRequest, Level
from gateway.domain.business_days import after, between
from gateway.flow.cases import State, move
from gateway.flow.house import House, Transaction
from gateway.flow.policies import day_of, policy_in
from gateway.flow.waking import wake_claims
from gateway.rules.policy import Days, Policy, Term
from gateway.store import Job, StoredAuthorization
from gateway.store.deadlines import Deadline

log = logs.get()
KINDS = ("payer", "own", "info", "appeal")
RETRO = "retro"
ALERTS = (50, 80, 100)
HOURS = "hours"
_URGENT = (Level.URGENT, Level.EMERGENCY)
_SAYS: Mapping[str, tuple[str, str]] = {
    "payer": ("the payer's time to decide", "Ask the payer where the request stands"),
    "own": ("the time from the clinic's request to a decision", "See what holds the request up, here or at the payer"),
    "info": ("the time to send what the payer asks for", "Send it before the payer closes the request"),
    "appeal": ("the time for an appeal", "Ask for reconsideration, appeal, or let it be"),
    RETRO: (
        "the time to ask for this visit's authorization afterwards",
        "Ask for it with a delay_reason",
    ),
}


def start_own(house: House, tx: Transaction, stored: StoredAuthorization) -> None:
    """Our own clock: from the moment that the clinic handed the request in, for as long as the payer has, too."""
    _start(house, tx, stored, "own", stored.created_at)


def start_payer(house: House, tx: Transaction, subject: str) -> None:
    """The payer's clock: from the first proof that the payer has the request (TA1, 999, receipt); later ones change
    nothing."""
    if not tx.deadlines.of(subject, ("payer",)):
        _start(house, tx, tx.authorizations.get(subject), "payer", tx.now)


def start_info(house: House, tx: Transaction, subject: str) -> None:
    """The payer waits for the clinic: its own clock stands still, and the clinic's time to answer runs."""
    for each in _open(tx, subject, ("payer",)):
        if each.paused_at is None:
            tx.deadlines.pause(each.id)
            tx.events.add(subject, "deadline.paused", deadline=each.id, kind=each.kind)
    if not _open(tx, subject, ("info",)):
        _start(house, tx, tx.authorizations.get(subject), "info", tx.now)


def start_appeal(house: House, tx: Transaction, subject: str) -> None:
    """Nothing was certified: the time for an appeal runs from the answer."""
    if not _open(tx, subject, ("appeal",)):
        _start(house, tx, tx.authorizations.get(subject), "appeal", tx.now)


def retro(tx: Transaction, visit: str, served_on: date, policy: Policy) -> None:
    """A visit took place without authorization: the payer takes a request for it so long after its day."""
    if policy.retro_days is not None and not _open(tx, visit, (RETRO,)):
        at = datetime.combine(served_on, time(), UTC)
        _run(tx, visit, RETRO, at, policy.retro_days, policy.named("retro_days"))


def resume(tx: Transaction, subject: str) -> None:
    """The payer's clock runs on: it has as much time left as when it stopped, counted as its term is."""
    for each in _open(tx, subject, ("payer",)):
        if each.paused_at is not None:
            due_at = resumed(each, tx.now)
            tx.deadlines.resume(each, due_at)
            tx.events.add(subject, "deadline.resumed", deadline=each.id, kind=each.kind, due_at=due_at.isoformat())


def resumed(deadline: Deadline, now: datetime) -> datetime:
    """Until when a clock that stands still runs, if it goes on now."""
    assert deadline.paused_at is not None, "only what stands still runs again"
    if deadline.counted == Days.BUSINESS:
        left = between(deadline.paused_at, deadline.due_at)
        due_at = None if left is None else after(now, left, business=True)
        if due_at is not None:
            return due_at
    return deadline.due_at + (now - deadline.paused_at)


def end(tx: Transaction, subject: str, kinds: Sequence[str], *, outcome: str) -> None:
    """What these clocks ran for has come; their tasks close."""
    for each in _open(tx, subject, kinds):
        tx.deadlines.end(each.id, outcome)
        for percent in ALERTS:
            tx.tasks.close(_key(each, percent), outcome)


def term_of(
    house: House, tx: Transaction, request: AuthorizationRequest, kind: str
) -> tuple[Term | timedelta | None, str]:
    """How long a clock of this kind runs for a request, and the row of the policy that says so; None: not known."""
    policy = policy_in(house, tx, request, day_of(request, house.today))
    if kind == "info":
        return policy.info_response, policy.named("info_response")
    if kind == "appeal":
        return policy.appeal, policy.named("appeal")
    if request.level in _URGENT and policy.sla_expedited_hours is not None:
        return timedelta(hours=policy.sla_expedited_hours), policy.named("sla_expedited_hours")
    return policy.sla_standard, policy.named("sla_standard")


def _start(house: House, tx: Transaction, stored: StoredAuthorization, kind: str, at: datetime) -> None:
    term, row = term_of(house, tx, stored.request, kind)
    if term is not None:
        _run(tx, stored.id, kind, at, term, row)


def _run(tx: Transaction, subject: str, kind: str, at: datetime, term: Term | timedelta, row: str) -> None:
    if isinstance(term, Term):
        counted = str(term.counted)
        due_at = after(at, term.days, business=term.counted is Days.BUSINESS)
    else:
        counted, due_at = HOURS, at + term
    if due_at is None:
        tx.events.add(subject, "deadline.not_evaluated", kind=kind, needs="holidays of later years")
        return
    added = tx.deadlines.add(subject, kind, started_at=at, due_at=due_at, policy=row, counted=counted)
    tx.events.add(subject, "deadline.started", deadline=added, kind=kind, due_at=due_at.isoformat(), counted=counted)


def _open(tx: Transaction, subject: str, kinds: Sequence[str]) -> list[Deadline]:
    return [each for each in tx.deadlines.of(subject, kinds) if each.ended_at is None]


def _key(deadline: Deadline, percent: int) -> str:
    return f"deadline:{deadline.id}:{percent}"


def watch(house: House, job: Job) -> None:
    """Tells of every clock that has reached a share of its term, and closes what is over."""
    with house.store.transaction(house.everything()) as tx:
        told = watched(tx)
        if told:
            tx.inputs.add(kind="decision", name="deadlines", holds_on=tx.now.date(), content={"told": told})
        tx.jobs.finish(job)
    if told:
        log.info("deadlines.told", deadlines=told)


def watched(tx: Transaction) -> int:
    """Tells of the clocks as they stand now; of how many."""
    told = 0
    for each in tx.deadlines.running():
        reached = max((percent for percent in ALERTS if each.share(tx.now) >= percent), default=0)
        if reached <= each.alerted:
            continue
        told += 1
        tx.deadlines.alert(each.id, reached)
        tx.events.add(each.subject, "deadline.reached", deadline=each.id, kind=each.kind, percent=reached)
        if reached > ALERTS[0]:
            _tell(tx, each, reached)
        if reached == ALERTS[-1]:
            _over(tx, each)
    return told


def _tell(tx: Transaction, deadline: Deadline, percent: int) -> None:
    what, fix = _SAYS[deadline.kind]
    for lower in ALERTS:
        if lower < percent:
            tx.tasks.close(_key(deadline, lower), f"{percent} % are over")
    over = "is over" if percent == ALERTS[-1] else f"is over to {percent} %"
    reason = f"{what} {over}: it was due at {deadline.due_at:%Y-%m-%d %H:%M} UTC ({deadline.policy or 'policy'})"
    tx.tasks.open(_key(deadline, percent), kind="deadline", subject=deadline.subject, reason=reason, fix=fix)


def _over(tx: Transaction, deadline: Deadline) -> None:
    """What the end of a term brings about by itself (domain facts, 6.4): a request for which the payer waited in vain
    is closed, and one that nobody appealed. The payer may still decide; the clocks of a decision run until it comes."""
    if deadline.kind not in ("info", "appeal"):
        return
    stored = tx.authorizations.get(deadline.subject, lock=True)
    state = State(stored.state)
    if deadline.kind == "info" and state is State.INFO_REQUESTED:
        move(tx, stored.id, State.CLOSED_NO_RESPONSE, reason="what the payer asked for was not sent in time")
        tx.events.add(stored.id, "request.closed", why="no response")
        wake_claims(tx, stored.id, deadline.id)
    elif deadline.kind == "appeal" and state is State.NOT_CERTIFIED:
        move(tx, stored.id, State.CLOSED, reason="the time for an appeal is over")
        tx.events.add(stored.id, "request.closed", why="no appeal")
    tx.deadlines.end(deadline.id, "over")
