"""Plays a seeded load over cut lines, to a slow partner that loses receipts, with kills of the gateway in between.

Every payload that went either way is held against what arrived: each exactly once, none altered.
"""

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from crash_stage import Ending, play, scenes
from shaky_line import ShakyLine

from gateway.app import open_house
from gateway.cli.stage import Stage
from gateway.flow.house import House
from gateway.settings import Settings

Over = Literal["sftp", "as2-sync", "as2-async"]

# Per mille of attempts, of the first two at each message; after the names that the simulator gives them.
AS2_FAULTS = {
    "busy": 30,
    "cut_request": 30,
    "cut_response": 30,
    "slow": 5,
    "no_mdn": 30,
    "late_mdn": 20,
    "duplicate": 30,
    "cut_sending": 30,
    "cut_receipt": 30,
}
PAYER_HASTE = {"retry_s": 0.2, "retry_max_s": 2.0, "within_s": 5.0, "late_s": 2.0, "slow_s": 0.5, "connections": 4}
CUTS, SLOW = 100, 20  # of 1,000 connections
SFTP_CUTS, SFTP_REACH = 700, (3.6, 5.5)  # A session carries many files, and is cut between or within them.


@dataclass(frozen=True, slots=True, kw_only=True)
class Soaked:
    """How a run ended: the books by business key, then digests of the payloads that each side sent and got."""

    ending: Ending
    we_sent: Counter[str]
    they_got: Counter[str]
    they_sent: Counter[str]
    we_got: Counter[str]
    messages: int  # documents that went either way
    faults: Counter[str]


def soak(
    folder: Path, over: Over, *, count: int, kills: int, seed: int, shaken: bool = True, settle_s: float = 240.0,
    database: str = "",
) -> Soaked:  # fmt: skip
    """``count`` authorizations and as many claims, each in an interchange of its own, over one kind of transport."""
    folder.mkdir()
    with ExitStack() as closing_:
        cuts, reach = (SFTP_CUTS, SFTP_REACH) if over == "sftp" else (CUTS, (2, 5.5))
        lines = [
            closing_.enter_context(
                closing(ShakyLine(0, seed=seed + at, cuts=cuts * shaken, slow=SLOW * shaken, reach=reach))
            )
            for at in range(2)
        ]
        as2: dict[str, Any] = {**PAYER_HASTE, "url": f"http://127.0.0.1:{lines[1].port}/as2"}
        as2["faults"] = {**AS2_FAULTS, "seed": seed} if shaken else {}
        stage = Stage(
            folder,
            seed=seed,
            database=database,
            delay_scale=0.2,
            over="sftp" if over == "sftp" else "as2",
            as2=as2,
            as2_terms={"mdn": over.removeprefix("as2-"), "mdn_within": "5s", "mdn_resends": 20},
        )

        def through(payer: Mapping[str, Any]) -> Mapping[str, Any]:
            """The gateway finds the payer at the far end of a line, and the payer the gateway."""
            lines[1].target = stage.as2_port
            if over == "sftp":
                lines[0].target = payer["port"]
                return {**payer, "port": lines[0].port}
            lines[0].target = payer["as2_port"]
            return {**payer, "as2_url": f"http://127.0.0.1:{lines[0].port}/as2"}

        cases = scenes(count, seed)
        try:
            ending = play(
                stage, cases, kills=kills, seed=seed, files=max(2, count // 20), through=through,
                settle_s=settle_s, batch_max=1,
            )  # fmt: skip
        finally:
            stage.stop()
        house = open_house(Settings.load(stage.config), actor="test")
        try:
            return _held_against_each_other(stage, house, ending, lines)
        finally:
            house.store.dispose()


def _held_against_each_other(stage: Stage, house: House, ending: Ending, lines: list[ShakyLine]) -> Soaked:
    journal = (stage.folder / "payer" / "journal.jsonl").read_text().splitlines()
    deeds = [json.loads(line) for line in journal]
    faults = Counter(each.get("fault", "") for each in deeds if each["did"] == "as2_fault")
    for name, line in zip(("to them", "to us"), lines, strict=True):
        faults.update({f"{what}, {name}": count for what, count in line.did.items() if what != "whole"})
    with house.reading() as tx:
        sent = tx.documents.list(direction="out", state="sent", limit=1_000_000)
        got = tx.documents.list(direction="in", partner="simulated", limit=1_000_000)
        everything = tx.documents.list(direction="out", limit=1_000_000)
    assert len(sent) == len(everything), Counter(each.state for each in everything)
    payloads = house.store.payloads
    archive = (stage.folder / "payer" / "archive").iterdir()
    return Soaked(
        ending=ending,
        we_sent=Counter(sha256(payloads.read(each.payload)).hexdigest() for each in sent),
        they_got=Counter(sha256(each.read_bytes()).hexdigest() for each in archive),
        they_sent=Counter(each["digest"] for each in deeds if each["did"] == "promised"),
        we_got=Counter(sha256(payloads.read(each.payload)).hexdigest() for each in got),
        messages=len(sent) + len(got),
        faults=faults,
    )
