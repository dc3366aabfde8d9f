"""The workers and pollers as Twisted services: they take jobs at their own pace and never block the reactor.

Every job is a row that is leased: a worker that dies loses the lease, and what it half did was never committed. One
bad job never stops the heart; stopping waits for the job in hand.
"""

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from twisted.application import service
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from gateway import logs
from gateway.errors import GatewayError, LeaseLost
from gateway.flow import accept, as2_outgoing, as2_receipt, clock, deadlines, receive, recheck, resend, submit, traffic
from gateway.flow.house import House
from gateway.store import ChangedMeanwhile, Job
from gateway.transport.base import retry_after

log = logs.get()

JOBS: Mapping[str, Callable[[House, Job], None]] = {
    "accept": accept.accept,
    "answer": accept.answer,
    "submit": submit.submit,
    "send": traffic.send,
    "receive": receive.receive,
    "expect": clock.expect,
    "mdn": as2_receipt.follow,
    "mdn_out": as2_outgoing.post,
    "expire": clock.expire,
    "deadlines": deadlines.watch,
    "resend": resend.resend,
    "recheck": recheck.recheck,
}
POLL_WAIT_MAX_S = 300.0
CROSSED_S = 0.5
UNEXPECTED_MAX = 5  # Attempts at a job that fails in a way nobody foresaw, before it waits for a person.


def run(house: House, job: Job) -> bool:
    """Runs one job to its end, its retry or its parking; True where it was finished."""
    try:
        JOBS[job.kind](house, job)
    except LeaseLost:
        log.warning("job.taken_over", job=job.id, kind=job.kind)
    except Exception as error:
        _failed(house, job, error)
    else:
        return True
    return False


def _failed(house: House, job: Job, error: Exception) -> None:
    ours = isinstance(error, GatewayError)
    may_help = error.retryable if isinstance(error, GatewayError) else job.attempts < UNEXPECTED_MAX
    asked = error if isinstance(error, GatewayError) else None
    wait_s = retry_after(job.attempts, house.rng, asked) if may_help else None
    if isinstance(error, ChangedMeanwhile):
        wait_s = house.rng.uniform(0.0, CROSSED_S)  # Two of ours crossed each other: nobody far away needs rest.
    reason = error.reason if isinstance(error, GatewayError) else f"{type(error).__name__} in a {job.kind} job"
    if ours:
        log.warning("job.failed", job=job.id, kind=job.kind, attempts=job.attempts, error=type(error).__name__)
    else:
        log.exception("job.failed", job=job.id, kind=job.kind, attempts=job.attempts)
    try:
        with house.store.transaction(house.everything()) as tx:
            if wait_s is not None and tx.jobs.retry(job, tx.now + timedelta(seconds=wait_s), reason):
                return
            if wait_s is None:
                tx.jobs.park(job, reason)
            fix = error.fix if isinstance(error, GatewayError) else "Report it with the log of this job"
            tx.tasks.open(f"parked:{job.id}", kind="parked", subject=job.id, reason=reason, fix=fix)
    except GatewayError as second:
        log.warning("job.lost", job=job.id, kind=job.kind, error=type(second).__name__)


class Worker(service.Service):
    """Takes due jobs one after the other in a thread of its own, and beats while there are none."""

    def __init__(self, house: House, pool: ThreadPool, reactor: Any, *, name: str) -> None:
        self.name = name
        self._house = house
        self._pool = pool
        self._reactor = reactor
        self._stopping = threading.Event()
        self._loop = LoopingCall(self._beat)
        self._loop.clock = reactor
        self._stopped: Deferred[Any] | None = None

    def startService(self) -> None:
        super().startService()
        self._stopped = self._loop.start(self._house.settings.work.poll_s)

    def stopService(self) -> Deferred[Any] | None:
        super().stopService()
        self._stopping.set()
        if self._loop.running:
            self._loop.stop()
        return self._stopped  # Fires when the job in hand is done.

    def _beat(self) -> Deferred[Any]:
        return deferToThreadPool(self._reactor, self._pool, self._run_due)

    def _run_due(self) -> None:
        try:
            while not self._stopping.is_set() and (job := self._take()) is not None:
                with _Heartbeat(self._house, job, self._reactor, self._pool):
                    run(self._house, job)
        except Exception:
            log.exception("worker.beat_failed", role=self.name)

    def _take(self) -> Job | None:
        settings = self._house.settings
        with self._house.store.transaction(self._house.everything()) as tx:
            taken = tx.jobs.take(settings.node, kinds=tuple(JOBS), lease_s=settings.work.lease_s)
        return taken[0] if taken else None


class _Heartbeat:
    """Renews a job's lease from another thread while it runs, so that only the dead lose it."""

    def __init__(self, house: House, job: Job, reactor: Any, pool: ThreadPool) -> None:
        self._house = house
        self._job = job
        self._reactor = reactor
        self._pool = pool
        self._over = threading.Event()
        self._call: LoopingCall | None = None

    def __enter__(self) -> None:
        self._reactor.callFromThread(self._start)

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._reactor.callFromThread(self._stop)

    def _start(self) -> None:
        if not self._over.is_set():
            self._call = LoopingCall(self._beat)
            self._call.clock = self._reactor
            self._call.start(self._house.settings.work.lease_s / 3, now=False)

    def _stop(self) -> None:
        if self._call is not None and self._call.running:
            self._call.stop()

    def _beat(self) -> Deferred[Any]:
        return deferToThreadPool(self._reactor, self._pool, self._renew)

    def _renew(self) -> None:
        if self._over.is_set():
            return
        try:
            with self._house.store.transaction(self._house.everything()) as tx:
                tx.jobs.heartbeat(self._job, self._house.settings.work.lease_s)
        except GatewayError as error:
            log.warning("job.heartbeat_failed", job=self._job.id, error=type(error).__name__)


class Poller(service.Service):
    """Does one thing again and again in a thread; after a failure it waits longer each time, until it works again."""

    def __init__(
        self, name: str, act: Callable[[], object], every_s: float, house: House, pool: ThreadPool, reactor: Any
    ) -> None:
        self.name = name
        self._act = act
        self._every_s = every_s
        self._house = house
        self._pool = pool
        self._reactor = reactor
        self._failures = 0
        self._not_before = 0.0
        self._loop = LoopingCall(self._beat)
        self._loop.clock = reactor
        self._stopped: Deferred[Any] | None = None

    def startService(self) -> None:
        super().startService()
        self._stopped = self._loop.start(self._every_s)

    def stopService(self) -> Deferred[Any] | None:
        super().stopService()
        if self._loop.running:
            self._loop.stop()
        return self._stopped

    def _beat(self) -> Deferred[Any] | None:
        if self._reactor.seconds() < self._not_before:
            return None
        return deferToThreadPool(self._reactor, self._pool, self._once).addCallback(self._rest)

    def _once(self) -> bool:
        try:
            self._act()
        except GatewayError as error:
            log.warning("poller.failed", role=self.name, error=type(error).__name__, attempts=self._failures + 1)
        except Exception:
            log.exception("poller.failed", role=self.name, attempts=self._failures + 1)
        else:
            return True
        return False

    def _rest(self, worked: bool) -> None:
        self._failures = 0 if worked else self._failures + 1
        wait_s = 0.0 if worked else retry_after(self._failures, self._house.rng) or POLL_WAIT_MAX_S
        self._not_before = self._reactor.seconds() + min(wait_s, POLL_WAIT_MAX_S)
