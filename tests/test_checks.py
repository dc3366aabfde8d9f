"""The 28 checks on real intake files: a faulty one, its clean twin, and one whose data is missing.

``fixtures/checks/NN_name`` holds the three files of check NN, and ``context.json`` with what is different there: keys
of ``every``, or of one of the files, change what ``fixtures/checks/context`` says of the same patient and payer. In
``fixtures/checks/together`` are a claim and a request with every fault at once. Everybody in them is made up.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from flow_stage import Json, Stage, on_sqlite, on_stage

from gateway import rules
from gateway.domain import decision
from gateway.flow import reference
from gateway.flow.preview import blocks, preview
from gateway.settings import Settings
from gateway.store import Store

FIXTURES = Path(__file__).parent / "fixtures"
CHECKS = FIXTURES / "checks"
TABLES = {
    "icd10": "icd10cm-order-2026.txt",
    "mue": "MCR_MUE_PractitionerServices_Eff_07-01-2026.csv",
    "ncci": "ccipra-v322r0.txt",
}
DIRECTORIES = sorted(CHECKS.glob("[0-9][0-9]_*"))

NOT_OF_A_CLAIM = {"request_complete": "it looks at requests only"}
NOT_OF_A_FIRST_REQUEST = {
    "extension_lead": "of requests, it looks at extensions only, and an extension is no duplicate",
    "episode_gap": "of requests, it looks at extensions and renewals only, and neither is a duplicate",
}
"""The checks that cannot find a fault in the file in which all others do, and why."""

BLOCKS = {1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17, 19, 21, 22, 28}
WARNS = {13, 20, 23, 24, 25, 26, 27}
"""Domain facts, 7.1: how much a check weighs where no payer says otherwise. 9, 10 and 18 do either."""


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path)


def set_up(stage: Stage, folder: Path, variant: str) -> None:
    """Plays what is there before the file of this variant comes."""
    told = _json(folder / "context.json") if (folder / "context.json").exists() else {}
    context = {**told.get("every", {}), **told.get(variant, {})}
    _policy(stage, {})
    if context.get("tables", True):
        _tables(stage)
    changes = context.get("authorizations", [context.get("authorization", {})])
    for number, change in enumerate(changes, 1):
        record = _changed("authorization", change)
        if record is not None:
            _certified(stage, number, record)
    for record in context.get("before", []):
        _submit(stage, record)
        stage.work()
    if "received" in context:
        stage.arrive(stage.received(context["received"]))
    for name in ("coverage", "plan_of_care"):
        _submit(stage, _changed(name, context.get(name, {})))
    for record in context.get("visits", []):
        _submit(stage, record)
    if "today" in context:
        stage.clock.now = datetime.combine(date.fromisoformat(context["today"]), stage.clock.now.time(), UTC)
    _policy(stage, context.get("policy", {}))


def _json(file: Path) -> Any:
    return json.loads(file.read_text())


def _changed(name: str, change: Json | None) -> Json | None:
    """A record of the common context, changed; null leaves a key out, and the record as a whole."""
    if change is None:
        return None
    whole = {**_json(CHECKS / "context" / f"{name}.json"), **change}
    return {key: value for key, value in whole.items() if value is not None}


def _submit(stage: Stage, record: Json | None) -> None:
    if record is not None:
        result = stage.submit(record)
        (taken,) = result["accepted"]
        assert taken.get("outlook", "goes") in ("goes", "split"), taken["findings"]


def _certified(stage: Stage, number: int, record: Json) -> None:
    """A request of this number that went out, certified as it was asked for."""
    _submit(stage, {**record, "client_ref": f"ACCT-31337-A{number}"})
    stage.work()
    stage.arrive(stage.decided(number, review=decision.Review(code="A1", number=f"CERT{number:04}")))
    assert stage.request(number).state == "certified"


def _policy(stage: Stage, changes: Mapping[str, Any]) -> None:
    """The payer of whose habits all is known, with single keys changed; null makes one unknown."""
    lines = []
    for line in (CHECKS / "context" / "simulated.toml").read_text().splitlines():
        key = line.partition(" = ")[0]
        if key not in changes:
            lines.append(line)
    lines += [f"{key} = {json.dumps(value)}" for key, value in changes.items() if value is not None]
    (stage.folder / "trading_partners" / "payers" / "simulated.toml").write_text("\n".join(lines) + "\n")
    stage.house = replace(stage.house, settings=Settings.load(stage.folder / "conf" / "gateway.toml"))


def _tables(stage: Stage) -> None:
    """Samples of the published tables, taken in as ``gateway tables import --starts-on`` does."""
    for kind, name in TABLES.items():
        release = reference.read(
            kind, [FIXTURES / "tables" / name], starts_on=date(2026, 1, 1), whole=False, today=stage.house.today
        )
        with stage.store.transaction(stage.house.everything()) as tx:
            reference.take_in(tx, release)


def previewed(stage: Stage, file: Path) -> Json:
    """What ``gateway preview`` says of the one record of a file."""
    result = preview(stage.house, file.read_bytes(), "json")
    assert not result["rejected"], result["rejected"]
    (record,) = result["accepted"]
    assert blocks(result) is any(each["severity"] == "block" for each in record["findings"])
    return dict(record)


def said(record: Json, rule: str) -> list[Json]:
    return [each for each in record["findings"] if each["rule"] == rule]


def _helps(finding: Json) -> None:
    """It has all that domain facts, 7.1 ask of a result."""
    for key in ("what", "where", "evidence", "prevents", "policy", "fix"):
        assert finding[key], key
    assert "payers/simulated.toml" in finding["policy"]


def _with(variant: str) -> list[Path]:
    return [each for each in DIRECTORIES if (each / f"{variant}.json").exists()]


def _name(folder: Path) -> str:
    return folder.name


def rule_of(folder: Path) -> str:
    return folder.name[3:]


def test_each_check_has_its_files() -> None:
    found = {rule_of(each): int(each.name[:2]) for each in DIRECTORIES}
    assert found == {name: import_module(f"gateway.rules.{name}").CHECK for name in rules.names()}
    assert DIRECTORIES == _with("faulty") == _with("clean") == _with("missing")


@on_sqlite
@pytest.mark.parametrize("folder", DIRECTORIES, ids=_name)
def test_a_faulty_file_is_told_with_its_remedy(stage: Stage, folder: Path) -> None:
    set_up(stage, folder, "faulty")
    record = previewed(stage, folder / "faulty.json")
    found = [each for each in said(record, rule_of(folder)) if each["severity"] in ("block", "warn")]
    assert found, record
    for each in found:
        _helps(each)
    assert rule_of(folder) not in record["passed"]
    check, weights = int(folder.name[:2]), {each["severity"] for each in found}
    assert "block" in weights or check not in BLOCKS
    assert weights == {"warn"} or check not in WARNS


@on_sqlite
@pytest.mark.parametrize("folder", DIRECTORIES, ids=_name)
def test_its_clean_twin_passes(stage: Stage, folder: Path) -> None:
    set_up(stage, folder, "clean")
    record = previewed(stage, folder / "clean.json")
    assert not said(record, rule_of(folder))
    assert rule_of(folder) in record["passed"]


@on_sqlite
@pytest.mark.parametrize("folder", DIRECTORIES, ids=_name)
def test_what_cannot_be_known_is_not_evaluated(stage: Stage, folder: Path) -> None:
    set_up(stage, folder, "missing")
    record = previewed(stage, folder / "missing.json")
    found = said(record, rule_of(folder))
    assert {each["severity"] for each in found} == {"not_evaluated"}, record
    assert all(each["fix"] and each["evidence"] for each in found)
    assert rule_of(folder) not in record["passed"]


@on_sqlite
def test_a_claim_with_every_fault_is_told_all_of_them_in_one_run(stage: Stage) -> None:
    record = _together(stage, "claim")
    assert _faults(record) >= set(rules.names()) - set(NOT_OF_A_CLAIM)


@on_sqlite
def test_a_request_with_every_fault_is_told_all_of_them_in_one_run(stage: Stage) -> None:
    record = _together(stage, "request")
    of_requests = {each for each in rules.names() if hasattr(import_module(f"gateway.rules.{each}"), "check_request")}
    assert _faults(record) >= of_requests - set(NOT_OF_A_FIRST_REQUEST)


def _together(stage: Stage, variant: str) -> Json:
    set_up(stage, CHECKS / "together", variant)
    record = previewed(stage, CHECKS / "together" / f"{variant}.json")
    assert record["outlook"] == "held"
    for each in record["findings"]:
        assert each["fix"]
        assert each["where"]
        if each["severity"] != "not_evaluated" and each["rule"] in rules.names():
            _helps(each)
    return record


def _faults(record: Json) -> set[str]:
    return {each["rule"] for each in record["findings"] if each["severity"] in ("block", "warn")}
