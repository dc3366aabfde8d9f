"""Jobs: under leases, fenced, in lanes, once per key, on both databases."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta
from threading import Barrier
from typing import Any, Protocol

import pytest

from gateway.errors import LeaseLost
from gateway.store import Job, NotInStore, Scope, Store, Transaction

SYSTEM = Scope.system("test")


class SettableClock(Protocol):
    def advance(self, seconds: float) -> None: ...


@pytest.fixture
def begin(store: Store) -> Callable[[], AbstractContextManager[Transaction]]:
    return lambda: store.transaction(SYSTEM)


Begin = Callable[[], AbstractContextManager[Transaction]]


def enqueue(begin: Begin, kind: str = "deliver", **options: Any) -> str | None:
    with begin() as tx:
        return tx.jobs.enqueue(kind, payload={"document": "do_1"}, **options)


def take(begin: Begin, node: str = "one", lease_s: int = 30, **options: Any) -> list[Job]:
    with begin() as tx:
        return tx.jobs.take(node, lease_s=lease_s, **options)


def test_a_job_is_taken_once_and_is_done_when_it_is_finished(begin: Begin) -> None:
    made = enqueue(begin, partner="p", organisation="north", clinic="a")
    (job,) = take(begin)
    assert (job.id, job.kind, job.payload, job.partner) == (made, "deliver", {"document": "do_1"}, "p")
    assert (job.organisation, job.clinic, job.attempts, job.node) == ("north", "a", 1, "one")
    assert take(begin, "two") == []
    with begin() as tx:
        tx.jobs.finish(job)
    with begin() as tx:
        assert tx.jobs.counts() == {"waiting": 0, "parked": 0, "done": 1}
        assert tx.jobs.open_kinds() == {}


def test_what_is_not_due_is_not_taken(begin: Begin, clock: SettableClock) -> None:
    with begin() as tx:
        tx.jobs.enqueue("poll", payload={}, due_at=tx.now + timedelta(seconds=60))
    assert take(begin) == []
    clock.advance(60)
    assert len(take(begin)) == 1


def test_only_the_kinds_that_were_asked_for_are_taken_oldest_due_first(begin: Begin, clock: SettableClock) -> None:
    with begin() as tx:
        for kind, delay in (("deliver", 3), ("poll", 2), ("deliver", 1), ("submit", 0)):
            tx.jobs.enqueue(kind, payload={"delay": delay}, due_at=tx.now + timedelta(seconds=delay))
    clock.advance(10)
    assert [job.payload["delay"] for job in take(begin, kinds=["deliver", "poll"], limit=10)] == [1, 2, 3]


def test_a_lease_that_ran_out_gives_the_job_to_another_and_the_zombie_cannot_finish(
    begin: Begin, clock: SettableClock
) -> None:
    enqueue(begin)
    (zombie,) = take(begin, "one", lease_s=30)
    clock.advance(31)
    (heir,) = take(begin, "two", lease_s=30)
    assert (heir.id, heir.attempts) == (zombie.id, 2)
    assert heir.fence > zombie.fence
    acts: list[Callable[[Transaction], object]] = [
        lambda tx: tx.jobs.finish(zombie),
        lambda tx: tx.jobs.heartbeat(zombie, 30),
        lambda tx: tx.jobs.retry(zombie, tx.now, "late"),
        lambda tx: tx.jobs.park(zombie, "late"),
    ]

    def deliver(finish: Callable[[Transaction], object]) -> None:
        with begin() as tx:
            tx.events.add("do_1", "document.delivered")
            finish(tx)

    for act in acts:
        with pytest.raises(LeaseLost, match=r"taken over"):
            deliver(act)
    with begin() as tx:
        assert tx.events.of("do_1") == [], "the zombie's effect must roll back"
        tx.jobs.finish(heir)


def test_a_lease_that_ran_out_but_was_not_taken_over_can_still_be_finished(begin: Begin, clock: SettableClock) -> None:
    enqueue(begin)
    (slow,) = take(begin, lease_s=30)
    clock.advance(300)
    with begin() as tx:
        tx.jobs.finish(slow)
    assert take(begin) == []


def test_a_heartbeat_holds_the_job(begin: Begin, clock: SettableClock) -> None:
    enqueue(begin, lane="p")
    (job,) = take(begin, lease_s=30)
    for _ in range(5):
        clock.advance(20)
        with begin() as tx:
            tx.jobs.heartbeat(job, 30)
        assert take(begin, "two") == []
    clock.advance(31)
    assert len(take(begin, "two")) == 1


def test_two_nodes_with_one_name_do_not_finish_for_each_other(begin: Begin, clock: SettableClock) -> None:
    enqueue(begin)
    (first,) = take(begin, "same", lease_s=30)
    clock.advance(31)
    (second,) = take(begin, "same", lease_s=30)
    with pytest.raises(LeaseLost), begin() as tx:
        tx.jobs.finish(first)
    with begin() as tx:
        tx.jobs.finish(second)


def test_a_node_that_starts_again_gets_back_what_it_held(begin: Begin) -> None:
    for lane in ("", "p", "p"):
        enqueue(begin, lane=lane)
    enqueue(begin, kind="other")
    (others,) = take(begin, "two", kinds=["other"])
    held = take(begin, "one", limit=10, kinds=["deliver"])
    assert len(held) == 2, "the second of the lane waits for the first"
    with begin() as tx:
        assert tx.jobs.release_node("one") == 2
        assert tx.jobs.release_node("one") == 0
    with pytest.raises(LeaseLost), begin() as tx:
        tx.jobs.finish(held[0])
    assert {job.id for job in take(begin, "one", limit=10)} == {job.id for job in held}
    with begin() as tx:
        tx.jobs.finish(others)


def test_no_job_is_given_twice_to_takers_at_once(store: Store) -> None:
    jobs, takers = 120, 6
    with store.transaction(SYSTEM) as tx:
        for number in range(jobs):
            tx.jobs.enqueue("work", payload={"number": number}, lane=f"lane{number % 7}" if number % 2 else "")
    barrier = Barrier(takers)

    def work(node: str) -> list[int]:
        done: list[int] = []
        idle = 0
        barrier.wait()
        while idle < 3:
            with store.transaction(SYSTEM) as tx:
                taken = tx.jobs.take(node, lease_s=600, limit=random.Random(node + str(len(done))).randint(1, 4))
            idle = 0 if taken else idle + 1
            for job in taken:
                with store.transaction(SYSTEM) as tx:
                    tx.jobs.finish(job)
                done.append(job.payload["number"])
        return done

    with ThreadPoolExecutor(takers) as pool:
        done = [number for numbers in pool.map(work, [f"n{each}" for each in range(takers)]) for number in numbers]
    rest = []
    while taken := _drain(store):
        rest += taken
    assert sorted(done + rest) == list(range(jobs))


def _drain(store: Store) -> list[int]:
    with store.transaction(SYSTEM) as tx:
        taken = tx.jobs.take("last", lease_s=600, limit=50)
        for job in taken:
            tx.jobs.finish(job)
    return [job.payload["number"] for job in taken]


def test_a_lane_goes_one_at_a_time_in_the_order_of_their_time(begin: Begin, clock: SettableClock) -> None:
    with begin() as tx:
        for name, delay in (("third", 3), ("first", 1), ("second", 2)):
            tx.jobs.enqueue("deliver", payload={"name": name}, lane="p", due_at=tx.now + timedelta(seconds=delay))
        tx.jobs.enqueue("deliver", payload={"name": "elsewhere"}, lane="q", due_at=tx.now)
    clock.advance(10)
    seen = []
    for _ in range(3):
        taken = take(begin, limit=10)
        assert sum(job.lane == "p" for job in taken) == 1
        assert take(begin, "two", limit=10) == []
        with begin() as tx:
            for job in taken:
                tx.jobs.finish(job)
        seen += [job.payload["name"] for job in taken]
    assert [name for name in seen if name != "elsewhere"] == ["first", "second", "third"]


def test_two_takers_who_see_different_heads_of_a_lane_do_not_both_get_it(store: Store, database_kind: str) -> None:
    if database_kind == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    with store.transaction(SYSTEM) as tx:
        tx.jobs.enqueue("deliver", payload={"name": "later"}, lane="p")
    with store.transaction(SYSTEM) as first:
        assert [job.payload["name"] for job in first.jobs.take("one", lease_s=30)] == ["later"]
        with store.transaction(SYSTEM) as tx:
            tx.jobs.enqueue("deliver", payload={"name": "earlier"}, lane="p", due_at=tx.now - timedelta(seconds=5))
        with store.transaction(SYSTEM) as second:
            assert second.jobs.take("two", lease_s=30) == [], "the lane is being taken"
    with store.transaction(SYSTEM) as third:
        assert third.jobs.take("three", lease_s=30) == [], "the lane is taken"


def test_a_parked_job_lets_its_lane_go_on(begin: Begin) -> None:
    enqueue(begin, lane="p")
    enqueue(begin, lane="p")
    (poison,) = take(begin)
    with begin() as tx:
        tx.jobs.park(poison, "the document cannot be read")
    (next_one,) = take(begin)
    assert next_one.id != poison.id
    with begin() as tx:
        (parked,) = tx.jobs.list(state="parked")
        assert (parked.id, parked.reason) == (poison.id, "the document cannot be read")
        tx.jobs.finish(next_one)
        tx.jobs.unpark(poison.id)
        with pytest.raises(NotInStore):
            tx.jobs.unpark(poison.id)
    (again,) = take(begin)
    assert (again.id, again.attempts) == (poison.id, 1)


def test_a_key_is_one_job_while_it_is_open(begin: Begin) -> None:
    first = enqueue(begin, key="poll:p")
    assert enqueue(begin, key="poll:p") is None
    (job,) = take(begin)
    assert enqueue(begin, key="poll:p") is None, "it is still open while somebody has it"
    with begin() as tx:
        tx.jobs.park(job, "for a person")
    assert enqueue(begin, key="poll:p") is None, "it is open while it is parked"
    with begin() as tx:
        tx.jobs.unpark(job.id)
    (job,) = take(begin)
    with begin() as tx:
        tx.jobs.finish(job)
        again = tx.jobs.enqueue("deliver", payload={}, key="poll:p")
    assert again not in (None, first)


def test_keys_enqueued_at_once_are_one_job(store: Store) -> None:
    barrier = Barrier(8)

    def enqueue_it(_: int) -> str | None:
        barrier.wait()
        with store.transaction(SYSTEM) as tx:
            return tx.jobs.enqueue("poll", payload={}, key="poll:p")

    with ThreadPoolExecutor(8) as pool:
        assert sum(each is not None for each in pool.map(enqueue_it, range(8))) == 1


def test_a_retry_waits_for_its_time_and_ends_parked(begin: Begin, clock: SettableClock) -> None:
    enqueue(begin, attempts_max=2)
    (job,) = take(begin)
    with begin() as tx:
        assert tx.jobs.retry(job, tx.now + timedelta(seconds=60), "the partner does not answer")
    assert take(begin) == []
    clock.advance(60)
    (job,) = take(begin)
    assert (job.attempts, job.reason) == (2, "the partner does not answer")
    with begin() as tx:
        assert not tx.jobs.retry(job, tx.now, "the partner does not answer")
        assert tx.jobs.counts()["parked"] == 1


def test_a_retry_that_does_not_count_leaves_the_attempts(begin: Begin) -> None:
    enqueue(begin, attempts_max=1)
    for _ in range(4):
        (job,) = take(begin)
        with begin() as tx:
            assert tx.jobs.retry(job, tx.now, "the partner is paused", counted=False)


def test_a_job_that_kills_whoever_takes_it_is_parked_at_last(begin: Begin, clock: SettableClock) -> None:
    enqueue(begin, attempts_max=3)
    for _ in range(3):
        assert len(take(begin, lease_s=30)) == 1
        clock.advance(31)
    assert take(begin) == []
    with begin() as tx:
        (parked,) = tx.jobs.list(state="parked")
    assert "attempt" in parked.reason


def test_a_job_commits_with_its_cause_or_not_at_all(store: Store) -> None:
    def enqueue_and_die() -> None:
        with store.transaction(SYSTEM) as tx:
            tx.jobs.enqueue("deliver", payload={}, lane="p")
            raise RuntimeError("killed here")

    with pytest.raises(RuntimeError, match="killed here"):
        enqueue_and_die()
    with store.transaction(SYSTEM) as tx:
        assert tx.jobs.list() == []


def test_what_was_done_long_ago_can_be_forgotten(begin: Begin, clock: SettableClock) -> None:
    enqueue(begin)
    enqueue(begin)
    (job,) = take(begin)
    with begin() as tx:
        tx.jobs.finish(job)
    clock.advance(100)
    with begin() as tx:
        assert tx.jobs.forget(tx.now) == 1
        assert tx.jobs.counts() == {"waiting": 1, "parked": 0, "done": 0}


def test_a_job_may_wait_for_a_person_from_the_start(begin: Begin) -> None:
    job = enqueue(begin, key="send:do_1", lane="send:p", parked="the partner did not take it")
    assert job is not None
    assert enqueue(begin, key="send:do_1", lane="send:p") is None, "it is open all the same"
    other = enqueue(begin, lane="send:p")
    assert [each.id for each in take(begin)] == [other], "and keeps nobody waiting"
    with begin() as tx:
        (parked,) = tx.jobs.list(state="parked")
        assert (parked.id, parked.reason) == (job, "the partner did not take it")
        tx.jobs.unpark(job)
        (waiting,) = (each for each in tx.jobs.list(state="waiting") if each.id == job)
        assert waiting.attempts == 0
