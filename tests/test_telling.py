"""``gateway visit`` and ``gateway authorization``: the same records as a file's, told as commands."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from flow_stage import SECRETS, settings_in

from gateway.cli.main import run

DAY = ["--on", "2026-03-02", "--discipline", "GP"]
PORTAL = ["--channel", "portal", "--seen", "2026-03-02"]
CLINIC = ["--clinic", "northside/downtown"]
PERSON = "Zimmerwald\nQuintessa\n1981-07-19\nMBR77001234\n"
ADD = ["--number", "PORTAL1", "--decided", "2026-03-01", "--from", "2026-03-01", "--to", "2026-05-31", *PORTAL]


@pytest.fixture
def asked(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    settings_in(tmp_path)
    config = ["-c", str(tmp_path / "conf" / "gateway.toml")]
    assert run(["db", "upgrade", *config]) == 0
    capsys.readouterr()

    def ask(*arguments: str, typed: str = "") -> tuple[int, Any]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = run([*arguments, *config, "--json"])
        out, err = capsys.readouterr()
        return code, json.loads(out) if out.strip() else err

    return ask


def _left(asked: Any) -> dict[str, Any]:
    _, shown = asked("ledger")
    (row,) = shown["units"]
    assert shown["balanced"]
    return {**row["left"]["by"], "free": row["remaining"], "ruling": row["left"]["ruling"]}


def test_from_a_portals_page_to_a_visit_without_a_file(asked: Any) -> None:
    code, done = asked("authorization", "add", "A1", *ADD, "--visits", "12", "--payer", "SIM01", *CLINIC, typed=PERSON)
    assert (code, len(done["accepted"])) == (0, 1)
    assert asked("visit", "V1", "scheduled", "--of", "A1", *DAY, *CLINIC)[0] == 0
    assert asked("visit", "V1", "took_place", "--line", "97110:2", *CLINIC)[0] == 0
    assert _left(asked) == {"rendered": 11, "claimed": 12, "adjudicated": 12, "free": 11, "ruling": "rendered"}
    assert asked("authorization", "correct", "K1", "--of", "A1", "--remaining", "9", *PORTAL, *CLINIC)[0] == 0
    assert _left(asked)["free"] == 8
    code, done = asked("authorization", "correct", "K2", "--of", "NONE", "--total", "9", *PORTAL, *CLINIC)
    assert (code, done["rejected"][0]["findings"][0]["where"]) == (1, "$.authorization_ref")


def test_a_transfer_is_told_like_the_rest(asked: Any) -> None:
    for ref, visits in (("A1", "12"), ("A2", "0")):
        asked("authorization", "add", ref, *ADD, "--visits", visits, "--payer", "SIM01", *CLINIC, typed=PERSON)
    moved = ["T1", "--of", "A1", "--to", "A2", "--reason", "plan_change", "--amount", "5", *PORTAL, *CLINIC]
    assert asked("authorization", "transfer", *moved)[0] == 0
    _, shown = asked("ledger")
    assert sorted(each["balances"].get("available", 0) for each in shown["units"]) == [5, 7]


def test_whose_it_is_must_be_said_where_there_are_several(asked: Any) -> None:
    code, said = asked("visit", "V1", "scheduled", "--of", "A1", *DAY)
    assert code == 2
    assert "northside/downtown" in said


@pytest.mark.parametrize("line", ["97110:two", "97110:2.5", "97110:"])
def test_units_that_are_no_whole_number_are_not_left_out(asked: Any, line: str) -> None:
    code, said = asked("visit", "V1", "scheduled", "--of", "A1", *DAY, "--line", line, *CLINIC)
    assert code == 2
    assert "--line" in said


def test_nothing_of_the_patient_is_shown(asked: Any) -> None:
    _, done = asked("authorization", "add", "A1", *ADD, "--visits", "12", "--payer", "SIM01", *CLINIC, typed=PERSON)
    assert not any(secret in json.dumps(done).lower() for secret in SECRETS)
