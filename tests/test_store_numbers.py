"""Control numbers: each once, each for one content, and committed with their change and their job."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import sqlalchemy as sa
from store_samples import request

from gateway.errors import GatewayError
from gateway.store import ControlNumberTaken, Scope, Store
from gateway.store.control_numbers import NUMBER_MAX
from gateway.store.schema import control_counters

SYSTEM = Scope.system("test")


def test_numbers_start_at_one_and_grow_by_partner_and_kind(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        assert [tx.control_numbers.reserve("p", "isa13") for _ in range(3)] == [1, 2, 3]
        assert tx.control_numbers.reserve("p", "gs06") == 1
        assert tx.control_numbers.reserve("q", "isa13") == 1
    with store.transaction(SYSTEM) as tx:
        assert tx.control_numbers.reserve("p", "isa13") == 4
        assert {each.state for each in tx.control_numbers.list("p", kind="isa13")} == {"reserved"}


def test_numbers_reserved_at_once_never_repeat(store: Store) -> None:
    workers, each = 8, 15
    barrier = Barrier(workers)

    def reserve(_: int) -> list[int]:
        barrier.wait()
        got = []
        for _ in range(each):
            with store.transaction(SYSTEM) as tx:
                got.append(tx.control_numbers.reserve("p", "isa13"))
        return got

    with ThreadPoolExecutor(workers) as pool:
        batches = list(pool.map(reserve, range(workers)))
    assert sorted(number for batch in batches for number in batch) == list(range(1, workers * each + 1))
    assert all(batch == sorted(batch) for batch in batches)


def test_a_number_is_refused_for_a_second_content(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        tx.control_numbers.reserve("p", "isa13")
        tx.control_numbers.set_state("p", "isa13", 1, "written", document="do_1", digest="first")
    with pytest.raises(ControlNumberTaken, match="another content"), store.transaction(SYSTEM) as tx:
        tx.control_numbers.set_state("p", "isa13", 1, "written", document="do_2", digest="second")
    with store.transaction(SYSTEM) as tx:
        assert tx.control_numbers.set_state("p", "isa13", 1, "sent", digest="first")
        held = tx.control_numbers.get("p", "isa13", 1)
        assert (held.state, held.document, held.digest) == ("sent", "do_1", "first")


def test_a_state_only_goes_forward(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        numbers = tx.control_numbers
        numbers.reserve("p", "isa13")
        numbers.set_state("p", "isa13", 1, "written", digest="d")
        assert numbers.set_state("p", "isa13", 1, "unknown", reason="the connection broke")
        assert numbers.set_state("p", "isa13", 1, "accepted"), "the answer came before the upload was known done"
        assert not numbers.set_state("p", "isa13", 1, "sent")
        assert not numbers.set_state("p", "isa13", 1, "accepted")
        assert numbers.get("p", "isa13", 1).state == "accepted"
        numbers.reserve("p", "isa13")
        assert numbers.set_state("p", "isa13", 2, "void", reason="refused by a finding")
        assert not numbers.set_state("p", "isa13", 2, "written", digest="d")
        assert [each.reason for each in numbers.list("p", state="void")] == ["refused by a finding"]


def test_a_number_that_was_never_given_out_is_an_error(store: Store) -> None:
    with store.transaction(SYSTEM) as tx, pytest.raises(GatewayError, match="never given out"):
        tx.control_numbers.set_state("p", "isa13", 7, "accepted")
    with store.transaction(SYSTEM) as tx, pytest.raises(GatewayError, match="never given out"):
        tx.control_numbers.get("p", "isa13", 7)


def test_the_last_number_is_the_last(store: Store) -> None:
    with store.engine.begin() as connection:
        connection.execute(sa.insert(control_counters), {"partner": "p", "kind": "isa13", "last": NUMBER_MAX - 1})
    with store.transaction(SYSTEM) as tx:
        assert tx.control_numbers.reserve("p", "isa13") == NUMBER_MAX
    for _ in range(2):
        with pytest.raises(GatewayError, match="used up"), store.transaction(SYSTEM) as tx:
            tx.control_numbers.reserve("p", "isa13")


def test_a_change_its_number_and_its_job_commit_together(store: Store) -> None:
    made = request()

    def submit(*, dies: bool) -> None:
        with store.transaction(SYSTEM) as tx:
            tx.authorizations.add(made, partner="p", digest="d")
            number = tx.control_numbers.reserve("p", "isa13")
            tx.control_numbers.set_state("p", "isa13", number, "written", digest="bytes")
            tx.jobs.enqueue("deliver", payload={"number": number}, key=f"deliver:p:{number}", lane="p")
            tx.events.add(made.id, "authorization.written", isa13=number)
            if dies:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        submit(dies=True)
    with store.transaction(SYSTEM) as tx:
        assert tx.authorizations.list() == []
        assert tx.control_numbers.list("p") == []
        assert tx.jobs.list() == []
        assert tx.people.find("north", member_id="MBR77001234") == []
    submit(dies=False)
    with store.transaction(SYSTEM) as tx:
        assert len(tx.authorizations.list()) == 1
        assert [(each.number, each.state) for each in tx.control_numbers.list("p")] == [(1, "written")]
        assert [job.payload for job in tx.jobs.list()] == [{"number": 1}]
        assert [each.what for each in tx.events.of(made.id)] == ["authorization.written"]
