"""``gateway preview`` and the findings beside what intake takes in: everything at once, nothing kept."""

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from conftest import Clock
from flow_stage import Stage, claim_json, line_json, on_sqlite, on_stage, request_json
from test_intake_told import coverage_json

from gateway import rules
from gateway.cli import previewing
from gateway.flow.preview import blocks, preview
from gateway.store import Store
from gateway.store.schema import metadata

Json = dict[str, Any]


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path)


def previewed(stage: Stage, *records: Json) -> Json:
    return preview(stage.house, json.dumps(list(records)).encode(), "json")


def _rules(record: Json, severity: str = "block") -> set[str]:
    return {each["rule"] for each in record["findings"] if each["severity"] == severity}


def _rows(stage: Stage) -> dict[str, int]:
    with stage.store.engine.connect() as connection:
        return {
            name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for name, table in metadata.tables.items()
        }


FAULTY = claim_json(
    1,
    authorization_ref="ACCT-31337-A1",
    lines=[
        {**line_json("97110", "60.00", 1, "2026-02-01"), "modifiers": ["KX", "GA"]},
        {**line_json("97530", "60.00", 1, "2026-03-02"), "minutes": {"therapist": 45}},
        {**line_json("97110", "60.00", 3, "2026-03-02"), "minutes": {"therapist": 8, "assistant": 8}},
        line_json("97110", "60.00", 3, "2026-03-02"),
    ],
)


def test_all_is_named_at_once_with_its_remedy_and_nothing_is_kept(stage: Stage) -> None:
    stage.certified()
    before = _rows(stage)
    result = previewed(stage, FAULTY, coverage_json(), {"type": "claim"})
    assert _rows(stage) == before
    (claim, told) = result["accepted"]
    assert claim["outlook"] == "held"
    assert "findings" not in told
    wanted = {"authorization_window", "authorization_procedure", "therapy_modifier"}
    assert wanted <= _rules(claim)
    assert all(each["fix"] and each["where"] and each["rule"] for each in claim["findings"])
    blocking = [each for each in claim["findings"] if each["severity"] == "block"]
    assert all(each["prevents"] and each["evidence"] for each in blocking)
    spoken = {each["rule"] for each in claim["findings"]}
    assert not spoken & set(claim["passed"])
    assert spoken | set(claim["passed"]) >= set(rules.names()) - {"request_complete", "extension_lead"}
    assert claim["not_evaluated"] == len([each for each in claim["findings"] if each["severity"] == "not_evaluated"])
    assert result["rejected"][0]["findings"]
    assert blocks(result)
    assert len(stage.written()) == 1  # The request.


def test_what_a_record_of_the_file_needs_may_stand_in_the_same_file(stage: Stage) -> None:
    result = previewed(stage, claim_json(), request_json())
    assert [each["outlook"] for each in result["accepted"]] == ["waits", "goes"]
    assert not blocks(result)
    assert stage.submit(claim_json(), request_json())["accepted"]  # It was not taken before.


def test_a_file_that_was_taken_is_looked_at_again(stage: Stage) -> None:
    stage.certified()
    held, sent = claim_json(1, served_on="2026-02-01"), claim_json(2, authorization_ref="ACCT-31337-A1")
    stage.submit(held, sent)
    stage.work()
    result = previewed(stage, held, sent)
    (again, gone) = result["repeated"]
    assert again["outlook"] == "held"
    assert "authorization_window" in _rules(again)
    assert "outlook" not in gone
    assert blocks(result)


@on_sqlite
def test_lines_of_a_claim_that_is_split_keep_their_places(stage: Stage) -> None:
    for number, code in ((1, "97110"), (2, "97530")):
        stage.certified(number, lines=[{"procedure": code, "modifiers": ["GP"]}])
    lines = [line_json("97530", "50.00", 1, "2026-03-02"), line_json("97110", "50.00", 1, "2026-03-02")]
    lines[0]["modifiers"] = ["KX"]
    result = previewed(stage, claim_json(1, authorization_ref=None, lines=lines))
    (claim,) = result["accepted"]
    (finding,) = [each for each in claim["findings"] if each["rule"] == "therapy_modifier"]
    assert finding["where"].startswith("$.lines[0]")
    lines[0]["modifiers"] = ["GP"]
    assert previewed(stage, claim_json(1, authorization_ref=None, lines=lines))["accepted"][0]["outlook"] == "split"


def test_findings_stand_beside_what_is_accepted_and_hold_nothing_up(stage: Stage) -> None:
    stage.certified()
    result = stage.submit(FAULTY, claim_json(2, authorization_ref="ACCT-31337-A1"))
    assert [each["outlook"] for each in result["accepted"]] == ["held", "goes"]
    assert "authorization_window" in _rules(result["accepted"][0])
    assert not _rules(result["accepted"][1])
    assert result["accepted"][1]["passed"]
    assert "Zimmerwald" not in json.dumps(result["accepted"])


@on_sqlite
def test_a_rule_that_breaks_holds_up_no_acceptance(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: Any) -> Any:
        raise KeyError("nobody foresaw this: Zimmerwald")

    monkeypatch.setattr(rules, "check", breaks)
    result = stage.submit(request_json())
    assert _rules(result["accepted"][0]) == {"submit.failed"}
    assert "Zimmerwald" not in json.dumps(result)
    assert stage.request().state == "accepted"


@on_sqlite
def test_the_command_shows_all_of_it_and_says_whether_something_blocks(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.certified()
    file = tmp_path / "claims.json"
    file.write_text(json.dumps(FAULTY))
    assert previewing.preview_file(stage.house, file, as_json=False) == 1
    shown = capsys.readouterr().out
    assert "(your ACCT-31337-C1)  would be held" in shown
    assert "blocks  authorization_window  $.lines[0].served_on" in shown
    assert "checks passed" in shown
    assert "Nothing was stored, nothing was sent" in shown
    file.write_text(json.dumps(claim_json()))
    assert previewing.preview_file(stage.house, file, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["accepted"][0]["outlook"] == "goes"
