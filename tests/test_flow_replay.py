"""Replay: what was stored leads to the same books again, bit for bit, and what does not is named.

Every scenario of the journeys' tests is replayed, too: ``Stage.balanced`` does it.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from conftest import Clock
from flow_stage import Stage, claim_json, on_stage, payment, request_json

from gateway.cli.replaying import show_replay
from gateway.errors import GatewayError
from gateway.flow import worker
from gateway.flow.replay import PASSED, replay
from gateway.store import Store


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path)


def _life(stage: Stage) -> None:
    """A request, a claim under it, its payment, and the window's end."""
    claim = stage.billed()
    stage.arrive(stage.received())
    stage.arrive(stage.paid(payment(claim)))
    stage.clock.advance(400 * 86_400)
    with stage.store.transaction(stage.house.everything()) as tx:
        tx.jobs.enqueue("expire", payload={}, key="expire:then")
    stage.work("expire")


def test_a_life_comes_out_the_same(stage: Stage) -> None:
    _life(stage)
    assert stage.units() == {"consumed": 1, "expired": 11}
    done = replay(stage.house)
    assert done.differing == ()
    assert {"intake", "accept", "submit", "delivered", "arrival", "receive", "expire"} <= set(done.inputs)
    with stage.reading() as tx:
        assert done.alike["entries"] == len(tx.books.entries())
    assert done.otherwise == 0


def test_replaying_changes_nothing_in_the_store(stage: Stage) -> None:
    _life(stage)
    with stage.store.engine.connect() as connection:
        tables = sa.inspect(connection).get_table_names()
        before = {name: connection.execute(sa.text(f"SELECT count(*) FROM {name}")).scalar() for name in tables}
    replay(stage.house)
    with stage.store.engine.connect() as connection:
        after = {name: connection.execute(sa.text(f"SELECT count(*) FROM {name}")).scalar() for name in tables}
    assert before == after


@pytest.mark.parametrize(
    ("change", "table"),
    [
        (
            "INSERT INTO postings (entry, number, organisation, clinic, bucket, source, target, quantity) SELECT entry,"
            " 9, organisation, clinic, bucket, 'grant', 'available', 1 FROM postings WHERE target = 'consumed'",
            "postings",
        ),
        (
            "INSERT INTO money_lines (entry, number, organisation, clinic, account, cents) SELECT entry, 9,"
            " organisation, clinic, account, 1 FROM money_lines WHERE account = 'cash:payer'",
            "money_lines",
        ),
        ("UPDATE buckets SET limited = NOT limited WHERE number <> ''", "buckets"),
    ],
)
def test_who_writes_past_the_gateway_is_found_out(
    stage: Stage, change: str, table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _life(stage)
    assert show_replay(stage.house, as_json=False) == 0
    assert "both books come out the same" in capsys.readouterr().out
    with stage.store.engine.begin() as connection:
        assert connection.execute(sa.text(change)).rowcount
    assert {name for name, _ in replay(stage.house).differing} == {table}
    assert show_replay(stage.house, as_json=True) == 1
    assert json.loads(capsys.readouterr().out)["same"] is False


def test_an_unknown_input_ends_it(stage: Stage) -> None:
    with stage.store.transaction(stage.house.everything()) as tx:
        tx.inputs.add(kind="command", name="nobody_knows", holds_on=tx.now.date())
    with pytest.raises(GatewayError, match="nobody knows how to do that again"):
        replay(stage.house)


def test_inputs_that_are_passed_over_move_nothing(stage: Stage) -> None:
    with stage.store.transaction(stage.house.everything()) as tx:
        for name in PASSED:
            tx.inputs.add(kind="command", name=name, holds_on=tx.now.date())
    done = replay(stage.house)
    assert (done.differing, sum(done.passed.values())) == ((), len(PASSED))


def test_work_done_by_several_at_once_is_recorded_in_an_order_that_leads_there_again(stage: Stage) -> None:
    stage.submit(*(request_json(number) for number in (1, 2, 3)))
    stage.work()
    for number in (1, 2, 3):
        stage.arrive(stage.decided(number))
    for number in (1, 2, 3):
        stage.submit(claim_json(number))
    jobs = [each for each in iter(stage.take, None) if each is not None]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda job: worker.run(stage.house, job), jobs))
    stage.work()
    assert replay(stage.house).differing == ()
