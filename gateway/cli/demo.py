"""The demo: the whole round trip on real parts, watched live and judged scene by scene at the end."""

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway import logs
from gateway.app import open_house
from gateway.cli.demo_cast import CLINIC, ORGANISATION, SCENES, Scene, records
from gateway.cli.looking import show_ledger
from gateway.cli.output import say
from gateway.cli.stage import Stage, playing
from gateway.flow.clock import expectation_key
from gateway.flow.house import House, Transaction
from gateway.ledger.entry import Account
from gateway.settings import Settings

GIVE_UP_S = 50.0
LOOK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one scene. ``missing`` is what is not yet as it must be; () is well."""

    scene: Scene
    authorization: str
    claim: str
    missing: tuple[str, ...]

    @property
    def words(self) -> str:
        shown = self.authorization if not self.claim else f"{self.authorization}, claim {self.claim}"
        return shown if not self.scene.awaited else f"{shown}, {self.scene.awaited} awaited"


def play(*, as_json: bool, keep: Path | None, database: str) -> int:
    """0 where every scene ended as it must and both books balance; 1 else."""
    logs.configure("error", json=False)
    with _folder(keep) as folder:
        stage = Stage(folder, database=database)
        with playing(stage):
            house = open_house(Settings.load(stage.config), actor="demo")
            _submit(stage)
            outcomes = _watch(house, quiet=as_json)
            code = _report(house, outcomes, as_json=as_json)
            house.store.dispose()
    return code


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="gateway-demo-") as made:
        yield Path(made)


def _submit(stage: Stage) -> None:
    """Drops both files as a clinic's system would; the claims wait for their authorizations by themselves."""
    today = datetime.now(UTC).date()
    played = list(records(today))
    requests = [request for _, request, _ in played]
    claims = [claim for _, _, claim in played if claim is not None]
    _drop(stage.intake / "authorizations.json", json.dumps(requests))
    _drop(stage.intake / "claims.jsonl", "".join(json.dumps(each) + "\n" for each in claims))


def _drop(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.part")
    partial.write_text(text)
    partial.rename(path)


def _watch(house: House, *, quiet: bool) -> list[Outcome]:
    """Looks until every scene is as it must be, or the time is over."""
    until = time.monotonic() + GIVE_UP_S
    with _live(quiet) as show:
        while True:
            with house.reading() as tx:
                outcomes = [_judge(tx, scene, number) for number, scene in enumerate(SCENES, 1)]
                show(tx, outcomes)
            if not any(each.missing for each in outcomes) or time.monotonic() > until:
                return outcomes
            time.sleep(LOOK_EVERY_S)


def _judge(tx: Transaction, scene: Scene, number: int) -> Outcome:
    authorization = tx.authorizations.by_client_ref(ORGANISATION, CLINIC, f"AUTH-{number:04}")
    claim = tx.claims.by_client_ref(ORGANISATION, CLINIC, f"CLAIM-{number:04}") if scene.claim else None
    if authorization is None or (scene.claim and claim is None):
        return Outcome(scene=scene, authorization="", claim="", missing=("not taken in yet",))
    missing = []
    if authorization.state not in scene.authorization:
        missing.append(f"authorization is {authorization.state}")
    if claim is not None and claim.state != scene.claim:
        missing.append(f"claim is {claim.state}")
    subjects = [authorization.id] + ([claim.id] if claim else [])
    happened = {each.what for subject in subjects for each in tx.events.of(subject)}
    missing += [f"no {each}" for each in scene.events if each not in happened]
    held = _held(tx, authorization.id)
    for account, wanted in ((Account.AVAILABLE, scene.remaining), (Account.CONSUMED, scene.used)):
        if wanted is not None and held.get(account, 0) != wanted:
            missing.append(f"{account} is {held.get(account, 0)}")
    if scene.awaited:
        keys = {each.key for subject in subjects for each in tx.tasks.list(subject=subject)}
        if not any(expectation_key(subject, scene.awaited) in keys for subject in subjects):
            missing.append(f"the {scene.awaited} is not overdue yet")
    claim_state = claim.state if claim else ""
    return Outcome(scene=scene, authorization=authorization.state, claim=claim_state, missing=tuple(missing))


def _held(tx: Transaction, authorization: str) -> dict[Account, int]:
    """The sums over the buckets of an authorization."""
    sums: dict[Account, int] = {}
    for balance in tx.books.balances([each.id for each in tx.books.buckets(authorization)]).values():
        for account, quantity in balance.items():
            sums[account] = sums.get(account, 0) + quantity
    return sums


@contextmanager
def _live(quiet: bool) -> Iterator[Any]:
    """A screen that shows each document as it moves; nothing at all where a program reads."""
    if quiet:
        yield lambda tx, outcomes: None
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=False)
    with Live(console=console, refresh_per_second=8, transient=False) as live:
        yield lambda tx, outcomes: live.update(_screen(tx, outcomes))


def _screen(tx: Transaction, outcomes: list[Outcome]) -> Any:
    from rich.columns import Columns
    from rich.table import Table

    documents = Table(title="documents, latest last", title_justify="left", box=None, pad_edge=False)
    for column in ("at", "way", "what", "state", "about"):
        documents.add_column(column)
    for each in tx.documents.list()[-24:]:
        way = "clinic ->" if not each.partner else "-> payer" if each.direction == "out" else "<- payer"
        what = each.kind if each.kind != "x12" else ", ".join(each.about.get("records", ())) or "X12"
        about = f"ISA13 {each.about['isa13']}" if each.about.get("isa13") else ""
        documents.add_row(f"{each.recorded_at:%H:%M:%S}", way, what, each.state, about)
    scenes = Table(title="scenes", title_justify="left", box=None, pad_edge=False)
    for column in ("scene", "outcome", ""):
        scenes.add_column(column)
    for outcome in outcomes:
        scenes.add_row(outcome.scene.name, outcome.words, "..." if outcome.missing else "ok")
    return Columns([documents, scenes], padding=(0, 4))


def _report(house: House, outcomes: list[Outcome], *, as_json: bool) -> int:
    with house.reading() as tx:
        authorizations = sum(tx.authorizations.counts().values())
        claims = sum(tx.claims.counts().values())
        remittances = len(tx.remittances.list())
        balanced = not tx.books.check()
    failed = [each for each in outcomes if each.missing]
    if as_json:
        shown = {
            "authorizations": authorizations,
            "claims": claims,
            "remittances": remittances,
            "ledger_balanced": balanced,
            "scenarios": {
                each.scene.name: each.words if not each.missing else f"failed: {'; '.join(each.missing)}"
                for each in outcomes
            },
        }
        print(json.dumps(shown, indent=2))
    else:
        show_ledger(house, "", as_json=False)
        for each in failed:
            say(f"{each.scene.name}: {'; '.join(each.missing)}")
        counts = f"{authorizations} authorizations, {claims} claims, {remittances} remittances"
        ledger = "ledger balanced" if balanced else "ledger NOT balanced"
        print(f"demo {'ok' if balanced and not failed else 'failed'}: {counts}, {ledger}")
    return 0 if balanced and not failed else 1
