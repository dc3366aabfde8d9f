"""Trace: a case is found by any of its numbers, with every step of it; nobody's else."""

from pathlib import Path

import pytest
from conftest import Clock
from flow_stage import Stage, claim_json, on_sqlite, on_stage, payment, request_json

from gateway.flow.trace import bucket_balances, trace
from gateway.store import Scope, Store


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path)


def test_a_case_is_found_by_any_of_its_numbers(stage: Stage) -> None:
    claim = stage.billed()
    stage.arrive(stage.received(), stage.paid(payment(claim)))
    numbers = stage.numbers_of(claim.id)
    assert set(numbers) >= {"isa13", "gs06", "set", "bht03", "clm01", "6r", "client_ref", "payer_claim_number"}
    with stage.reading() as tx:
        for kind, values in numbers.items():
            for value in values:
                assert claim.id in {each.id for each in trace(tx, value)}, kind
        (found,) = trace(tx, claim.claim.control_number)
    assert (found.kind, found.state, found.matched_on) == ("claim", "paid", "clm01")
    assert [each.what for each in found.steps] == stage.steps(claim.id)
    assert [each["kind"] for each in found.entries] == ["commit", "consume"]
    assert [each["kind"] for each in found.money] == ["claim", "payment"]
    assert all(each["document"] for each in (*found.entries, *found.money))


@on_sqlite
@pytest.mark.parametrize("value", ["NOSUCH", "au_NOSUCH", "cl_AAAAAAAAAAAAAAAAAAAAAA", ""])
def test_a_number_of_nothing_finds_nothing(stage: Stage, value: str) -> None:
    stage.billed()
    with stage.reading() as tx:
        assert trace(tx, value) == []


@on_sqlite
def test_a_clinics_number_may_begin_like_one_of_our_ids(stage: Stage) -> None:
    stage.submit(request_json(client_ref="au_17"))
    with stage.reading() as tx:
        (found,) = trace(tx, "au_17")
    assert (found.client_ref, found.matched_on) == ("au_17", "client_ref")


def test_another_clinic_finds_nothing(stage: Stage) -> None:
    claim = stage.billed()
    other = Scope("northside", "lakeside", "test")
    own = Scope("northside", "downtown", "test")
    for scope, count in ((own, 1), (other, 0)):
        with stage.store.transaction(scope, read_only=True) as tx:
            assert len(trace(tx, claim.id)) == count
            assert len(trace(tx, claim.claim.control_number)) == count
            assert len(trace(tx, claim.client_ref)) == count


@on_sqlite
def test_what_is_left_of_an_authorization(stage: Stage) -> None:
    stage.certified()
    stage.submit(claim_json())
    stage.work()
    with stage.reading() as tx:
        (row,) = bucket_balances(tx, stage.request())
    assert (row.number, row.asked, row.remaining, row.balances["committed"]) == ("CERT0001", 12, 11, 1)
