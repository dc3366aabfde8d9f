"""SIGKILL at random moments: nothing is lost, nothing counts twice, and the ledger is that of an undisturbed run.

The short form runs with all other tests; the full one is ``make crash`` (50 kills, 200 authorizations, 200 claims).
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from crash_stage import Ending, adjudications, play, reused_control_numbers, scenes

from gateway.cli.stage import Stage

SEED = 20261123


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Callable[[], str]:
    """A fresh database each time it is asked for; "" is SQLite in the stage's own folder."""
    if request.param == "sqlite":
        return lambda: ""
    new: Callable[[], str] = request.getfixturevalue("empty_postgres")
    return new


def _play(folder: Path, database: str, *, count: int, kills: int) -> tuple[Ending, Stage]:
    stage = Stage(folder, seed=SEED, database=database, delay_scale=0.2)
    folder.mkdir()
    try:
        ending = play(stage, scenes(count, SEED), kills=kills, seed=SEED, files=max(2, count // 20))
    finally:
        stage.stop()
    return ending, stage


def _compare(tmp_path: Path, database: Callable[[], str], *, count: int, kills: int) -> None:
    calm, _ = _play(tmp_path / "calm", database(), count=count, kills=0)
    shaken, stage = _play(tmp_path / "shaken", database(), count=count, kills=kills)
    assert calm.balanced
    assert shaken.balanced
    assert len(shaken.states) == 2 * count, "nothing is lost"
    assert shaken.states == calm.states
    assert shaken.units == calm.units
    assert shaken.money == calm.money
    assert reused_control_numbers(stage) == []
    counted = adjudications(stage)
    assert counted, "the payer has adjudicated something"
    assert set(counted.values()) == {1}, "the payer has adjudicated each claim once"


@pytest.mark.timeout(300)
def test_a_few_kills(tmp_path: Path, database: Callable[[], str]) -> None:
    _compare(tmp_path, database, count=24, kills=4)


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_fifty_kills(tmp_path: Path, database: Callable[[], str]) -> None:
    _compare(tmp_path, database, count=200, kills=50)
