"""Deposits: a bank's file and the 835s find each other in any order; a person is asked of what differs."""

import json
from itertools import permutations
from pathlib import Path

import pytest
from conftest import Clock
from deposit_samples import Paid, batch, trn, whole, written
from flow_stage import Stage, on_sqlite, on_stage, payment
from played import Played, played

from gateway.cli import run
from gateway.flow import deposits
from gateway.flow.deposits import Imported
from gateway.flow.replay import replay
from gateway.store import Store, StoredClaim
from gateway.store.deposits import Deposit

__all__ = ["played"]
SAMPLE = Path(__file__).parent / "fixtures/deposits/bank.ach"
PAYER = "1SIMULATED"


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path)


@pytest.fixture
def claim(stage: Stage) -> StoredClaim:
    billed = stage.billed()
    stage.arrive(stage.received())
    return billed


def bank(stage: Stage, *paid: tuple[str, int]) -> Imported:
    day = f"{stage.house.today:%y%m%d}"
    entries = [Paid(amount, trn(check, PAYER)) for check, amount in paid]
    return deposits.take_in(stage.house, written(whole(batch(1, entries, paid_on=day))))


def kept(stage: Stage) -> list[Deposit]:
    with stage.reading() as tx:
        found: list[Deposit] = tx.deposits.list()
    return found


def asked(stage: Stage) -> list[str]:
    return [each.reason for each in stage.tasks() if each.kind == "deposit"]


@pytest.mark.parametrize("first", ["835", "deposit"])
def test_in_both_orders(stage: Stage, claim: StoredClaim, first: str) -> None:
    advice = stage.paid(payment(claim))
    if first == "835":
        stage.arrive(advice)
    bank(stage, ("CHK0001", 15000))
    if first == "deposit":
        assert [each.state for each in kept(stage)] == ["waiting"]
        stage.arrive(advice)
    (deposit,) = kept(stage)
    assert (deposit.state, deposit.matched_on, deposit.confidence) == ("matched", "check_number payer_id amount", 100)
    with stage.reading() as tx:
        assert tx.remittances.get(deposit.remittance).check_number == "CHK0001"
    assert asked(stage) == []
    assert replay(stage.house).differing == ()


@on_sqlite
@pytest.mark.parametrize("first", ["835", "deposit"])
def test_another_amount_is_asked_of_a_person_with_both_sums(stage: Stage, claim: StoredClaim, first: str) -> None:
    advice = stage.paid(payment(claim))
    if first == "835":
        stage.arrive(advice)
    bank(stage, ("CHK0001", 14000))
    if first == "deposit":
        stage.arrive(advice)
    (deposit,) = kept(stage)
    assert (deposit.state, deposit.reason) == ("differs", "differs by -1000")
    assert asked(stage) == ["the bank has 140.00 for a remittance of 150.00"]


@on_sqlite
@pytest.mark.parametrize("order", [*permutations("ABD")])
def test_where_several_fit_none_is_taken_in_any_order(
    stage: Stage, claim: StoredClaim, order: tuple[str, str, str]
) -> None:
    for each in order:
        if each == "D":
            bank(stage, ("UNKNOWN", 15000))
        else:
            stage.arrive(stage.paid(payment(claim), check=f"CHK000{each}"))
    (deposit,) = kept(stage)
    assert (deposit.state, deposit.reason, deposit.remittance) == ("waiting", "several fit", "")
    assert asked(stage) == ["deposits and remittances fit each other alike: the bank has 150.00, they 150.00, 150.00"]


def test_the_same_payment_counts_once(stage: Stage) -> None:
    assert bank(stage, ("CHK0001", 15000), ("CHK0002", 100)).repeated == 0
    again = bank(stage, ("CHK0001", 15000), ("CHK0002", 100))
    assert (again.repeated, len(again.deposits), len(kept(stage))) == (2, 2, 2)
    longer = bank(stage, ("CHK0001", 15000), ("CHK0002", 100), ("CHK0003", 200))
    assert (longer.repeated, len(kept(stage))) == (2, 3)


def test_a_bad_entry_waits_with_its_reason_and_comes_in_mended(stage: Stage) -> None:
    good, bad, mended = (Paid(100, trn("A", PAYER)), Paid(200, "TRN*1*B"), Paid(200, trn("B", PAYER)))
    broken = written(whole(batch(1, [good, bad])))
    for _ in range(2):
        done = deposits.take_in(stage.house, broken)
        assert (len(done.deposits), done.waiting) == (1, 1)
    (task,) = [each for each in stage.tasks() if each.kind == "deposits"]
    assert task.reason.startswith("1 entries of a bank's file wait: line 6, position 10: the TRN is not")
    done = deposits.take_in(stage.house, written(whole(batch(1, [good, mended]))))
    assert (done.repeated, done.findings) == (1, ())
    assert [each.check_number for each in kept(stage)] == ["A", "B"]


def test_by_command(played: Played, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = ["--config", played.config]
    assert run(["deposits", "import", str(SAMPLE), "--json", *config]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (len(shown["deposits"]), shown["sum"], shown["beside"], shown["findings"]) == (2, 35000, 2, [])
    assert run(["deposits", "import", str(SAMPLE), *config]) == 0
    assert "2 deposits (2 known before), 350.00; 0 entries wait, 2 are no payer's" in capsys.readouterr().out
    assert run(["deposits", "list", "--json", *config]) == 0
    assert json.loads(capsys.readouterr().out)["sum"] == 35000
    assert run(["deposits", "list", *config]) == 0
    assert "2 deposits, 350.00" in capsys.readouterr().out
    assert run(["deposits", "list", "--unmatched", "--json", *config]) == 0
    lacking = json.loads(capsys.readouterr().out)
    assert lacking["sums"]["deposit"] == sum(each["amount"] for each in lacking["deposits"])
    assert run(["deposits", "list", "--unmatched", *config]) == 0
    assert "835s without a deposit" in capsys.readouterr().out
    bad = tmp_path / "bad.ach"
    bad.write_bytes(SAMPLE.read_bytes().replace(b"705TRN*1*CHK0001", b"705TRN*9*CHK0001"))
    assert run(["deposits", "import", str(bad), *config]) == 1
    assert "line 4, position 8: TRN01 is not 1" in capsys.readouterr().out
