"""Plays a seeded load against the simulated payer, killing the gateway as often as wanted, and says how it ended.

Everything is compared by business key: the clinic's own numbers, procedures, units and accounts. Ids and control
numbers differ from run to run, and may.
"""

import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.app import open_house
from gateway.cli.demo_cast import Scene, authorization, claim
from gateway.cli.stage import Stage
from gateway.flow.cases import State
from gateway.flow.house import House, Transaction
from gateway.settings import Settings

AUTHORIZATIONS = ("A1", "A1", "A1", "A2", "A6", "A3", "NA", "PEND", "DUP", "TWO")
PAYMENTS = ("PAID", "PAID", "PAID", "PART", "D197", "R277", "REV", "DENY50", "DUP", "TWO")
SETTLED = {
    State.HELD,
    State.REJECTED,
    State.NOT_CERTIFIED,
    State.CERTIFIED,
    State.CERTIFIED_PARTIAL,
    State.MODIFIED,
    State.NOT_REQUIRED,
    State.PAID,
    State.PARTLY_PAID,
    State.DENIED,
}
SETTLE_S = 240.0
QUIET_LOOKS = 6  # so many looks in a row without a change: late answers have come, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run ended, by business key."""

    states: dict[str, str]
    units: dict[str, dict[str, int]]
    money: dict[str, dict[str, int]]
    balanced: bool
    kills: int


def scenes(count: int, seed: int) -> list[Scene]:
    """As many cases, each with its payer's answers picked by the seed; serials are even, so that no REV differs."""
    rng = random.Random(seed)
    return [
        Scene(
            name="",
            member=f"{rng.choice(AUTHORIZATIONS)}-{rng.choice(PAYMENTS)}-{2 * number:04}",
            authorization=(),
            claim="any",
        )
        for number in range(1, count + 1)
    ]


def drop_load(stage: Stage, cases: list[Scene], files: int) -> list[Path]:
    """Writes the load as so many pairs of files, not yet whole; renaming one to its name drops it."""
    today = datetime.now(UTC).date()
    waiting = []
    size = -(-len(cases) // files)
    for start in range(0, len(cases), size):
        numbered = list(enumerate(cases, 1))[start : start + size]
        for kind, make in (("authorizations", authorization), ("claims", claim)):
            path = stage.intake / f"{kind}-{start:05}.json.part"
            path.write_text(json.dumps([make(scene, number, today) for number, scene in numbered]))
            waiting.append(path)
    return waiting


def play(
    stage: Stage,
    cases: list[Scene],
    *,
    kills: int,
    seed: int,
    files: int = 10,
    through: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda payer: payer,
    settle_s: float = SETTLE_S,
    **work: Any,
) -> Ending:
    """Starts both sides, drops the load bit by bit, kills the gateway at random moments, and waits for the end.

    ``through`` turns what the payer says of itself into what the gateway is told; ``work`` is more of its settings.
    """
    rng = random.Random(seed)
    stage.configure(through(stage.start_payer()), **{"lease_s": 15, **work})
    stage.upgrade()
    waiting = drop_load(stage, cases, files)
    stage.start_gateway()
    for number in range(kills):
        for _ in range(-(-len(waiting) // max(1, kills - number))):
            _drop(waiting.pop(0))
        time.sleep(rng.uniform(0.05, 3.0))
        stage.kill_gateway()
        stage.start_gateway()
    for path in waiting:
        _drop(path)
    house = open_house(Settings.load(stage.config), actor="test")
    try:
        return _ended(house, len(cases), kills, settle_s)
    finally:
        house.store.dispose()


def _drop(path: Path) -> None:
    path.rename(path.with_suffix(""))


def _ended(house: House, count: int, kills: int, settle_s: float) -> Ending:
    until = time.monotonic() + settle_s
    before: Any = None
    quiet = 0
    while time.monotonic() < until:
        with house.reading() as tx:
            seen = _states(tx)
            jobs = tx.jobs.counts()["waiting"] - tx.jobs.open_kinds().get("expect", 0)
            moved = (seen, tx.books.money_balances(), jobs)
        settled = len(seen) == 2 * count and all(State(each) in SETTLED for each in seen.values())
        quiet = quiet + 1 if settled and moved == before and not jobs else 0
        if quiet >= QUIET_LOOKS:
            break
        before = moved
        time.sleep(0.5)
    with house.reading() as tx:
        return Ending(
            states=_states(tx),
            units=_units(tx),
            money=_money(tx),
            balanced=not tx.books.check(),
            kills=kills,
        )


def _states(tx: Transaction) -> dict[str, str]:
    requests = {each.client_ref: each.state for each in tx.authorizations.list(limit=100_000)}
    return requests | {each.client_ref: each.state for each in tx.claims.list(limit=100_000)}


def _units(tx: Transaction) -> dict[str, dict[str, int]]:
    found = {}
    for each in tx.authorizations.list(limit=100_000):
        buckets = tx.books.buckets(each.id)
        balances = tx.books.balances([bucket.id for bucket in buckets])
        found[each.client_ref] = {
            f"{bucket.quantity_source}/{bucket.line}/{','.join(bucket.procedures)}/{bucket.unit}/{account}": quantity
            for bucket in buckets
            for account, quantity in balances[bucket.id].items()
            if quantity
        }
    return found


def _money(tx: Transaction) -> dict[str, dict[str, int]]:
    return {
        each.client_ref: {name: cents for name, cents in tx.books.money_balances(claim=each.id).items() if cents}
        for each in tx.claims.list(limit=100_000)
    }


def reused_control_numbers(stage: Stage) -> list[str]:
    """Interchange control numbers that reached the payer with two contents; its archive keeps all that it took."""
    contents: dict[str, set[str]] = {}
    for path in (stage.folder / "payer" / "archive").iterdir():
        data = path.read_bytes()
        contents.setdefault(data[90:99].decode(), set()).add(hashlib.sha256(data).hexdigest())
    return sorted(number for number, digests in contents.items() if len(digests) > 1)


def adjudications(stage: Stage) -> Counter[str]:
    """How often the payer has adjudicated each CLM01, by its own journal."""
    journal = (stage.folder / "payer" / "journal.jsonl").read_text().splitlines()
    deeds = [json.loads(line) for line in journal]
    return Counter(each["claim"] for each in deeds if each["did"] == "adjudicated")
