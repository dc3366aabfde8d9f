"""Jobs: work that commits with the change that caused it, taken under a lease and finished with the effect.

A job is waiting (for its time, or under a lease), parked (for a person) or done. Every take raises its fence, and only
who knows the current one can finish it, so a zombie's effect rolls back. Lanes are taken one job at a time, oldest due
first. Payloads hold plain ids, never a patient's value. Never runs anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert  # Its ON CONFLICT compiles for SQLite, too.

from gateway.errors import LeaseLost
from gateway.store.schema import jobs, lanes
from gateway.store.session import NotInStore, Row, Scoped, Session

ATTEMPTS_MAX = 25
REASON_LENGTH_MAX = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """As it was when taken or listed; ``fence`` is the token that finishing it needs."""

    id: str
    kind: str
    payload: Mapping[str, Any]
    partner: str
    lane: str
    key: str
    organisation: str
    clinic: str
    state: str
    reason: str
    node: str
    due_at: datetime
    leased_until: datetime | None
    fence: int
    attempts: int
    attempts_max: int
    created_at: datetime


_COLUMNS = tuple(jobs.c[name] for name in Job.__dataclass_fields__)
_ENQUEUE = insert(jobs).on_conflict_do_nothing()
_LANE = (  # Asks first: ON CONFLICT would wait for whoever is just taking or leaving the lane.
    insert(lanes)
    .from_select(
        ["lane", "job"],
        sa.select(sa.bindparam("new_lane", type_=sa.Text), sa.literal("")).where(
            ~sa.exists().where(lanes.c.lane == sa.bindparam("new_lane", type_=sa.Text))
        ),
    )
    .on_conflict_do_nothing()
)

_earlier = jobs.alias("earlier")
_WAITING = jobs.c.state == "waiting"
_FREE = sa.or_(jobs.c.leased_until.is_(None), jobs.c.leased_until <= sa.bindparam("now"))
_HEAD = sa.or_(
    jobs.c.lane == "",
    ~sa.exists().where(
        _earlier.c.lane == jobs.c.lane,
        _earlier.c.lane != "",
        _earlier.c.state == "waiting",
        sa.tuple_(_earlier.c.due_at, _earlier.c.seq) < sa.tuple_(jobs.c.due_at, jobs.c.seq),
    ),
)
_DUE = (
    sa.select(jobs.c.id, jobs.c.lane, jobs.c.attempts, jobs.c.attempts_max)
    .where(_WAITING, jobs.c.due_at <= sa.bindparam("now"), _FREE, _HEAD)
    .order_by(jobs.c.due_at, jobs.c.seq)
    .limit(sa.bindparam("limit_to"))
    .with_for_update(of=jobs, skip_locked=True)
)
_DUE_OF_ANY = Scoped(_DUE, jobs)
_DUE_OF_KINDS = Scoped(_DUE.where(jobs.c.kind.in_(sa.bindparam("kinds", expanding=True))), jobs)

# A lane's row carries the lease of the lane: two takers who saw different heads cannot both have it.
_LANES_FREE = (
    sa.select(lanes.c.lane)
    .where(
        lanes.c.lane.in_(sa.bindparam("wanted", expanding=True)),
        sa.or_(lanes.c.leased_until.is_(None), lanes.c.leased_until <= sa.bindparam("now")),
    )
    .with_for_update(skip_locked=True)
)
_LANE_TAKE = (
    sa.update(lanes)
    .where(lanes.c.lane == sa.bindparam("of_lane"))
    .values(job=sa.bindparam("to_job"), leased_until=sa.bindparam("to_until"))
)
_LANE_EXTEND = (
    sa.update(lanes)
    .where(lanes.c.lane == sa.bindparam("of_lane"), lanes.c.job == sa.bindparam("of_job"))
    .values(leased_until=sa.bindparam("to_until"))
)
_TAKE = (
    sa.update(jobs)
    .where(jobs.c.id.in_(sa.bindparam("wanted", expanding=True)))
    .values(
        node=sa.bindparam("to_node"),
        leased_until=sa.bindparam("to_until"),
        attempts=jobs.c.attempts + 1,
        fence=jobs.c.fence + 1,
        changed_at=sa.bindparam("to_changed_at"),
    )
    .returning(*_COLUMNS, jobs.c.seq)
)

_MINE = (
    sa.update(jobs)
    .where(jobs.c.id == sa.bindparam("of_job"), jobs.c.fence == sa.bindparam("of_fence"), _WAITING)
    .values(changed_at=sa.bindparam("to_changed_at"))
)
_HEARTBEAT = _MINE.values(leased_until=sa.bindparam("to_until"))
_LET_GO = {"leased_until": None, "node": "", "fence": jobs.c.fence + 1}
_FINISH = _MINE.values(state="done", reason="", **_LET_GO)
_RETRY = _MINE.values(
    due_at=sa.bindparam("to_due_at"), reason=sa.bindparam("to_reason"), attempts=sa.bindparam("to_attempts"), **_LET_GO
)
_PARK = _MINE.values(state="parked", reason=sa.bindparam("to_reason"), **_LET_GO)
_SPENT = (
    sa.update(jobs)
    .where(jobs.c.id.in_(sa.bindparam("wanted", expanding=True)))
    .values(state="parked", reason=sa.bindparam("to_reason"), changed_at=sa.bindparam("to_changed_at"), **_LET_GO)
)
_SET_ASIDE = Scoped(
    sa.update(jobs)
    .where(jobs.c.key == sa.bindparam("of_key"), _WAITING, _FREE)
    .values(state="parked", reason=sa.bindparam("to_reason"), changed_at=sa.bindparam("now"), **_LET_GO)
    .returning(jobs.c.id),
    jobs,
)
_UNPARK = Scoped(
    sa.update(jobs)
    .where(jobs.c.id == sa.bindparam("of_job"), jobs.c.state == "parked")
    .values(
        state="waiting",
        attempts=0,
        fence=jobs.c.fence + 1,
        due_at=sa.bindparam("to_due_at"),
        changed_at=sa.bindparam("to_changed_at"),
    ),
    jobs,
)
_RELEASE = Scoped(
    sa.update(jobs)
    .where(jobs.c.node == sa.bindparam("of_node"), _WAITING, jobs.c.leased_until.is_not(None))
    .values(changed_at=sa.bindparam("to_changed_at"), **_LET_GO)
    .returning(jobs.c.id, jobs.c.lane),
    jobs,
)
_COUNTS = Scoped(sa.select(jobs.c.state, sa.func.count()).group_by(jobs.c.state), jobs)
_OPEN_KINDS = Scoped(sa.select(jobs.c.kind, sa.func.count()).where(_WAITING).group_by(jobs.c.kind), jobs)
_FORGET = Scoped(sa.delete(jobs).where(jobs.c.state == "done", jobs.c.changed_at < sa.bindparam("before")), jobs)


class Jobs:
    """The work to be done, and who has it in hand."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def enqueue(
        self,
        kind: str,
        *,
        payload: Mapping[str, Any],
        partner: str = "",
        lane: str = "",
        key: str = "",
        due_at: datetime | None = None,
        organisation: str = "",
        clinic: str = "",
        attempts_max: int = ATTEMPTS_MAX,
        parked: str = "",
    ) -> str | None:
        """Queue work, due now unless said otherwise; its id, or None where an open job has the same ``key`` already.

        ``parked`` is why it waits for a person from the start.
        """
        session = self._session
        organisation, clinic = session.owner(organisation, clinic)
        job = session.new_id("jo")
        values = {
            "id": job,
            "organisation": organisation,
            "clinic": clinic,
            "kind": kind,
            "partner": partner,
            "lane": lane,
            "key": key,
            "payload": dict(payload),
            "state": "parked" if parked else "waiting",
            "reason": parked[:REASON_LENGTH_MAX],
            "due_at": due_at or session.now,
            "attempts_max": attempts_max,
            "created_at": session.now,
            "changed_at": session.now,
        }
        if not session.run(_ENQUEUE, values).rowcount:
            return None
        if lane:
            session.run(_LANE, {"new_lane": lane})
        return job

    def take(self, node: str, *, kinds: Sequence[str] | None = None, lease_s: int, limit: int = 1) -> list[Job]:
        """Up to ``limit`` jobs that are due, now leased to ``node`` for ``lease_s`` seconds, the oldest due first.

        Commit before working on them. A job whose attempts are used up, because it kills whoever takes it, is parked.
        """
        session = self._session
        values: dict[str, Any] = {"now": session.now, "limit_to": limit}
        if kinds is not None:
            values["kinds"] = list(kinds)
        due = session.within(_DUE_OF_ANY if kinds is None else _DUE_OF_KINDS, values).all()
        spent = [row.id for row in due if row.attempts >= row.attempts_max]
        if spent:
            reason = "every attempt ended without a result: the program was stopped or the lease ran out"
            session.run(_SPENT, {"wanted": spent, "to_reason": reason, "to_changed_at": session.now})
        until = session.now + timedelta(seconds=lease_s)
        wanted = self._with_their_lanes([row for row in due if row.attempts < row.attempts_max], until)
        if not wanted:
            return []
        taken = session.run(
            _TAKE, {"wanted": wanted, "to_node": node, "to_until": until, "to_changed_at": session.now}
        ).all()
        order = {job: place for place, job in enumerate(wanted)}
        return [_job(row) for row in sorted(taken, key=lambda row: order[row.id])]

    def _with_their_lanes(self, due: Sequence[Row], until: datetime) -> list[str]:
        named = {row.lane for row in due if row.lane}
        if not named:
            return [row.id for row in due]
        free = set(self._session.run(_LANES_FREE, {"wanted": sorted(named), "now": self._session.now}).scalars())
        if free:
            takes = [{"of_lane": row.lane, "to_job": row.id, "to_until": until} for row in due if row.lane in free]
            self._session.run(_LANE_TAKE, takes)
        return [row.id for row in due if not row.lane or row.lane in free]

    def heartbeat(self, job: Job, lease_s: int) -> None:
        """Hold the job for ``lease_s`` seconds from now. Raises LeaseLost where somebody else has taken it."""
        until = self._session.now + timedelta(seconds=lease_s)
        self._change(_HEARTBEAT, job, to_until=until)
        if job.lane:
            self._session.run(_LANE_EXTEND, {"of_lane": job.lane, "of_job": job.id, "to_until": until})

    def finish(self, job: Job) -> None:
        """Done; call it in the transaction of the effect, which rolls back with LeaseLost if the job was taken over."""
        self._change(_FINISH, job)
        self._free_lane(job)

    def retry(self, job: Job, due_at: datetime, reason: str, *, counted: bool = True) -> bool:
        """Try again later; False where its attempts are used up and it is parked instead.

        ``counted`` False gives the attempt back: the job only waited for something, such as a partner's pause.
        """
        if counted and job.attempts >= job.attempts_max:
            self.park(job, reason)
            return False
        attempts = job.attempts if counted else job.attempts - 1
        self._change(_RETRY, job, to_due_at=due_at, to_reason=reason[:REASON_LENGTH_MAX], to_attempts=attempts)
        self._free_lane(job)
        return True

    def park(self, job: Job, reason: str) -> None:
        """Wait for a person; the lane goes on without it."""
        self._change(_PARK, job, to_reason=reason[:REASON_LENGTH_MAX])
        self._free_lane(job)

    def set_aside(self, key: str, reason: str) -> str | None:
        """Park the open job with this ``key`` while nobody works on it; its id, or None where there is no such job."""
        values = {"of_key": key, "to_reason": reason[:REASON_LENGTH_MAX], "now": self._session.now}
        row = self._session.within(_SET_ASIDE, values).first()
        return None if row is None else str(row.id)

    def unpark(self, job: str) -> None:
        """Due again, with all its attempts. Raises NotInStore where no such job is parked."""
        now = self._session.now
        if not self._session.within(_UNPARK, {"of_job": job, "to_due_at": now, "to_changed_at": now}).rowcount:
            raise NotInStore(f"there is no parked job {job}", fix="List them with gateway jobs")

    def release_node(self, node: str) -> int:
        """At a node's start: what it held when it died is due at once, and its former self can finish none of it."""
        session = self._session
        held = session.within(_RELEASE, {"of_node": node, "to_changed_at": session.now}).all()
        freed = [{"of_lane": row.lane, "of_job": row.id, "to_until": None} for row in held if row.lane]
        if freed:
            session.run(_LANE_EXTEND, sorted(freed, key=lambda each: str(each["of_lane"])))
        return len(held)

    def counts(self) -> dict[str, int]:
        """How many are waiting, parked and done."""
        return {"waiting": 0, "parked": 0, "done": 0} | {row[0]: row[1] for row in self._session.within(_COUNTS)}

    def open_kinds(self) -> dict[str, int]:
        """How many of each kind are waiting; those that are parked wait for a person and are not among them."""
        return {row[0]: row[1] for row in self._session.within(_OPEN_KINDS)}

    def list(self, state: str | None = None, kind: str | None = None, *, limit: int = 1000) -> list[Job]:
        """The oldest first."""
        statement = sa.select(*_COLUMNS).order_by(jobs.c.seq).limit(limit)
        if state is not None:
            statement = statement.where(jobs.c.state == str(state))
        if kind is not None:
            statement = statement.where(jobs.c.kind == kind)
        return [_job(row) for row in self._session.within(Scoped(statement, jobs))]

    def forget(self, before: datetime) -> int:
        """Drop the jobs that were done before then; events and inputs keep the history."""
        return self._session.within(_FORGET, {"before": before}).rowcount

    def _change(self, statement: sa.Update, job: Job, **values: Any) -> None:
        bounds = {"of_job": job.id, "of_fence": job.fence, "to_changed_at": self._session.now}
        if not self._session.run(statement, {**bounds, **values}).rowcount:
            raise LeaseLost(
                f"job {job.id} ({job.kind}) was taken over while node {job.node} worked on it",
                fix="Nothing of this attempt counts; whoever has the job now finishes it",
            )

    def _free_lane(self, job: Job) -> None:
        if job.lane:
            self._session.run(_LANE_EXTEND, {"of_lane": job.lane, "of_job": job.id, "to_until": None})


def _job(row: Row) -> Job:
    return Job(**{name: row._mapping[name] for name in Job.__dataclass_fields__})
