"""Random histories through the whole gateway end sound, and replaying all that was stored leads to the same books."""

import random
from pathlib import Path

import pytest
from conftest import Clock
from flow_stage import on_stage
from histories import History

from gateway.store import Store

LONG = 1_000  # Events; a hundred of these are a hundred thousand.


@pytest.mark.parametrize("seed", range(4))
def test_a_history_ends_sound_and_can_be_replayed(seed: int, store: Store, clock: Clock, tmp_path: Path) -> None:
    history = History(stage=on_stage(store, clock, tmp_path), chance=random.Random(seed))
    history.play(80)
    history.sound()
    assert {"request", "decision", "visit", "claim", "payments"} <= set(history.told)


@pytest.mark.full
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("seed", range(100, 150))
def test_a_long_history_ends_sound_and_can_be_replayed(seed: int, store: Store, clock: Clock, tmp_path: Path) -> None:
    history = History(stage=on_stage(store, clock, tmp_path), chance=random.Random(seed))
    history.play(LONG)
    history.sound()
