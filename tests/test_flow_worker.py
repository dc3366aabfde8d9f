"""Workers: a job's trouble stays its own, and who has lost a job changes nothing any more."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from conftest import Clock
from flow_stage import Stage, on_sqlite, on_stage, request_json
from twisted.internet.task import Clock as Ticks
from twisted.python.failure import Failure

from gateway.errors import GatewayError, LeaseLost, PartnerUnreachable
from gateway.flow import worker
from gateway.flow.house import House
from gateway.flow.service import _tick
from gateway.store import Job, Store


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path)


def _also(monkeypatch: pytest.MonkeyPatch, **kinds: Callable[[House, Job], None]) -> None:
    """Jobs of the test's own beside the gateway's."""
    jobs: Mapping[str, Any] = MappingProxyType({**worker.JOBS, **kinds})
    monkeypatch.setattr(worker, "JOBS", jobs)


def _enqueue(stage: Stage, kind: str, **more: Any) -> None:
    with stage.store.transaction(stage.house.everything()) as tx:
        tx.jobs.enqueue(kind, payload={}, **more)


def test_whoever_lost_a_job_changes_nothing(stage: Stage) -> None:
    stage.submit(request_json())
    first = stage.take(["submit"])
    assert first is not None
    stage.clock.advance(61)
    second = stage.take(["submit"])
    assert second is not None
    assert not worker.run(stage.house, first)
    assert stage.request().state == "accepted"
    assert stage.documents(direction="out") == []
    assert stage.tasks() == []
    assert worker.run(stage.house, second)
    assert stage.request().state == "written"
    with stage.reading() as tx:
        assert [each.number for each in tx.control_numbers.list("simulated", kind="isa13")] == [1]


def test_a_lease_that_is_lost_while_a_failure_is_recorded_is_harmless(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(house: House, job: Job) -> None:
        stage.clock.advance(61)
        assert stage.take(["test"]) is not None
        raise PartnerUnreachable("nobody answers")

    _also(monkeypatch, test=overtaken)
    _enqueue(stage, "test")
    job = stage.take(["test"])
    assert job is not None
    assert not worker.run(stage.house, job)
    (held,) = stage.jobs("test")
    assert (held.state, held.reason, held.fence) == ("waiting", "", job.fence + 1)


def test_a_poison_job_is_parked_with_a_task_and_others_go_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = 0

    def poison(house: House, job: Job) -> None:
        nonlocal ran
        ran += 1
        raise ZeroDivisionError("Zimmerwald / 0")

    _also(monkeypatch, test=poison)
    _enqueue(stage, "test", lane="submit:simulated:278")
    stage.submit(request_json())
    for _ in range(2 * worker.UNEXPECTED_MAX):
        stage.work()
        stage.clock.advance(3600)
    assert ran == worker.UNEXPECTED_MAX
    assert stage.request().state == "sent"
    (job,) = stage.jobs("test")
    (task,) = stage.tasks("parked")
    assert job.state == "parked"
    assert (task.subject, task.reason) == (job.id, "ZeroDivisionError in a test job")


def test_what_no_retry_mends_is_parked_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(house: House, job: Job) -> None:
        raise GatewayError("it cannot be done", where="here", fix="Mend it")

    _also(monkeypatch, test=refused)
    _enqueue(stage, "test")
    stage.work()
    (task,) = stage.tasks("parked")
    assert task.reason.startswith("here: it cannot be done")
    assert task.fix == "Mend it"
    assert stage.jobs("test")[0].state == "parked"


def test_what_may_help_is_tried_again_later_and_later_and_then_parked_with_a_task(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def unreachable(house: House, job: Job) -> None:
        raise PartnerUnreachable("nobody answers", fix="It is tried again")

    _also(monkeypatch, test=unreachable)
    _enqueue(stage, "test", attempts_max=12)
    for _ in range(12):
        before = stage.clock.now
        assert stage.work("test") == 1
        (job,) = stage.jobs("test")
        if job.state == "parked":
            break
        waits.append((job.due_at - before).total_seconds())
        stage.clock.now = job.due_at
    assert len(waits) == 11
    assert all(2.5 * 2**number <= wait <= 5 * 2**number for number, wait in enumerate(waits[:7]))
    assert max(waits) <= 900
    (task,) = stage.tasks("parked")
    assert task.subject == stage.jobs("test")[0].id
    assert "nobody answers" in task.reason


@on_sqlite
def test_a_job_of_an_unknown_kind_is_parked(stage: Stage) -> None:
    _enqueue(stage, "nobody_knows_it")
    job = stage.take(["nobody_knows_it"])
    for _ in range(worker.UNEXPECTED_MAX):
        assert job is not None
        worker.run(stage.house, job)
        stage.clock.advance(3600)
        job = stage.take(["nobody_knows_it"])
    assert stage.jobs("nobody_knows_it")[0].state == "parked"


def test_a_job_that_kills_its_worker_every_time_gets_a_task(stage: Stage) -> None:
    """Nobody lives to say so: the store parks it, and the clock's next look tells a person."""
    _enqueue(stage, "expire", attempts_max=2)
    for _ in range(2):
        assert stage.take(["expire"]) is not None
        stage.clock.advance(61)
    assert stage.take(["expire"]) is None
    assert stage.jobs("expire")[0].state == "parked"
    _tick(stage.house)
    _tick(stage.house)
    (task,) = stage.tasks("parked")
    assert task.subject == stage.jobs("expire")[0].id


# The services, without threads: the pool runs what it is given at once.


class AtOnce:
    """A thread pool and reactor of one thread, whose time moves when told to."""

    def __init__(self) -> None:
        self.ticks = Ticks()
        self.seconds = self.ticks.seconds
        self.callLater = self.ticks.callLater

    def callInThreadWithCallback(self, done: Any, act: Callable[..., Any], *given: Any, **named: Any) -> None:
        try:
            result, well = act(*given, **named), True
        except Exception:
            result, well = Failure(), False  # type: ignore[no-untyped-call]  # Twisted has no annotations.
        done(well, result)

    def callFromThread(self, act: Callable[..., Any], *given: Any, **named: Any) -> None:
        act(*given, **named)


def test_a_worker_runs_what_is_due_and_stops(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    rim = AtOnce()
    stage.submit(request_json(1))
    service = worker.Worker(stage.house, rim, rim, name="test")  # type: ignore[arg-type]
    service.startService()
    assert stage.request(1).state == "sent"
    stage.submit(request_json(2))
    rim.ticks.advance(stage.house.settings.work.poll_s)
    assert stage.request(2).state == "sent"
    assert service.stopService() is not None
    stage.submit(request_json(3))
    rim.ticks.advance(3600)
    assert stage.request(3).state == "accepted"
    assert rim.ticks.getDelayedCalls() == []


@on_sqlite
def test_a_worker_outlives_a_database_that_does_not_answer(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    rim = AtOnce()
    stage.submit(request_json())
    take = worker.Worker._take
    failures = iter([True])

    def unavailable(self: worker.Worker) -> Job | None:
        if next(failures, False):
            raise LeaseLost("not now")
        return take(self)

    monkeypatch.setattr(worker.Worker, "_take", unavailable)
    service = worker.Worker(stage.house, rim, rim, name="test")  # type: ignore[arg-type]
    service.startService()
    assert stage.request().state == "accepted"
    rim.ticks.advance(stage.house.settings.work.poll_s)
    assert stage.request().state == "sent"
    service.stopService()


@on_sqlite
def test_a_poller_waits_longer_after_each_failure_until_it_works_again(stage: Stage) -> None:
    rim = AtOnce()
    house = replace(stage.house, rng=random.Random(1))
    looks: list[float] = []
    works = False

    def look() -> None:
        looks.append(rim.seconds())
        if not works:
            raise PartnerUnreachable("nobody answers")

    poller = worker.Poller("test", look, 1.0, house, rim, rim)  # type: ignore[arg-type]
    poller.startService()
    for _ in range(600):
        rim.ticks.advance(1.0)
    gaps = [after - before for before, after in pairwise(looks)]
    assert 5 <= len(gaps) <= 9
    assert gaps[-1] > 4 * gaps[0]
    assert max(gaps) <= worker.POLL_WAIT_MAX_S + 1
    works = True
    for _ in range(600):
        rim.ticks.advance(1.0)
    assert looks[-1] - looks[-2] == 1.0
    poller.stopService()
