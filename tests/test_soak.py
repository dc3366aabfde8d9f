"""Cut lines, a slow partner, lost receipts and kills: each payload arrives exactly once, as it was, and counts once.

The short form runs with all other tests; the full one is ``make soak`` (2,000 AS2 messages and 2,000 SFTP files).
"""

from pathlib import Path

import pytest
from soak_stage import Over, Soaked, soak

SEED = 20261125


def _look(shaken: Soaked, over: Over) -> None:
    assert shaken.faults, "something went wrong on the way"
    assert shaken.we_got == shaken.they_sent, "what they sent is here, each of it once and as it was"
    if over == "sftp":  # A repeat has the same name and bytes; the payer's own memory refuses it.
        assert set(shaken.they_got) == set(shaken.we_sent), "what we sent is there, as it was"
    else:
        assert shaken.they_got == shaken.we_sent, "what we sent is there, each of it once and as it was"
    assert max(shaken.we_sent.values()) == 1, "no two of our interchanges are alike"
    assert shaken.ending.balanced


@pytest.mark.timeout(300)
@pytest.mark.parametrize("over", ["sftp", "as2-sync", "as2-async"])
def test_each_payload_arrives_once(tmp_path: Path, over: Over) -> None:
    shaken = soak(tmp_path / "shaken", over, count=12, kills=2, seed=SEED, settle_s=120)
    _look(shaken, over)


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("over", "messages"), [("sftp", 2000), ("as2-sync", 1000), ("as2-async", 1000)])
def test_thousands_of_payloads_arrive_once(tmp_path: Path, over: Over, messages: int) -> None:
    count = messages // 12
    calm = soak(tmp_path / "calm", over, count=count, kills=0, seed=SEED, shaken=False, settle_s=1200)
    shaken = soak(tmp_path / "shaken", over, count=count, kills=20, seed=SEED, settle_s=1200)
    print(f"{over}: {shaken.messages} documents, faults {dict(shaken.faults)}")
    _look(shaken, over)
    assert shaken.ending.states == calm.ending.states
    assert shaken.ending.units == calm.ending.units
    assert shaken.ending.money == calm.ending.money
    assert shaken.messages >= messages
