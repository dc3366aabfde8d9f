"""The commands on what a demo has left behind: what they print, for people and for programs, and how they exit."""

import io
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from played import Played, played

from gateway.app import open_house
from gateway.cli import run
from gateway.errors import PartnerRefused
from gateway.flow.deliver import halt
from gateway.settings import Settings

__all__ = ["played"]


def asked(capsys: pytest.CaptureFixture[str], played: Played, *arguments: str) -> tuple[int, Any]:
    """The exit code and the parsed JSON of a command on the demo's configuration."""
    code = run([*arguments, "--json", "--config", played.config])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("by", ["client_ref", "id", "trn02", "hcr02", "isa13"])
def test_a_case_is_traced_by_any_of_its_numbers(by: str, played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    code, whole = asked(capsys, played, "trace", "AUTH-0001")
    (found,) = whole["cases"]
    assert (code, found["state"], found["kind"]) == (0, "certified", "authorization")
    number = found["id"] if by == "id" else found["numbers"][by][0]
    code, same = asked(capsys, played, "trace", number)
    assert code == 0
    assert found["id"] in {each["id"] for each in same["cases"]}


def test_a_trace_shows_every_step_from_the_record_to_the_ledger(
    played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    _, whole = asked(capsys, played, "trace", "CLAIM-0001")
    (claim,) = whole["cases"]
    steps = [each["what"] for each in claim["steps"]]
    for wanted in ("case.accepted", "claim.committed", "case.written", "case.sent", "claim.adjudicated"):
        assert wanted in steps
    sources = {each["detail"]["source"] for each in claim["steps"] if each["what"] == "answer.received"}
    assert sources == {"TA1", "999", "277CA"}
    assert [each["kind"] for each in claim["entries"]] == ["commit", "consume"]
    assert [each["kind"] for each in claim["money"]] == ["claim", "payment"]
    assert all(sum(each["lines"].values()) == 0 for each in claim["money"])


def test_a_number_that_nobody_has_is_a_finding(played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    code, nothing = asked(capsys, played, "trace", "NOBODY-1")
    assert (code, nothing["found"], nothing["nodes"], nothing["links"]) == (1, {}, [], [])
    assert run(["ledger", "NOBODY-1", "--config", played.config]) == 1


def test_the_ledger_balances_and_names_its_rows(played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = asked(capsys, played, "ledger")
    assert (code, shown["balanced"], shown["findings"]) == (0, True, [])
    assert sum(shown["money"].values()) == 0
    code, one = asked(capsys, played, "ledger", "AUTH-0001")
    (row,) = one["units"]
    assert (row["asked"], row["remaining"], row["balances"]["consumed"]) == (12, 11, 1)
    assert run(["ledger", "--config", played.config]) == 0
    assert "both books balance" in capsys.readouterr().out


def test_what_waits_for_a_person_has_a_reason_and_a_remedy(played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    code, tasks = asked(capsys, played, "tasks")
    assert code == 1
    assert {"held", "decision", "rejected", "overdue", "remittance"} <= {each["kind"] for each in tasks}
    assert all(each["reason"] and each["fix"] for each in tasks)


def test_jobs_partners_and_doctor(played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    code, jobs = asked(capsys, played, "jobs")
    assert code == 0
    assert {each["kind"] for each in jobs} <= {"expect"}, "nothing but deadlines is left"
    code, (partner,) = asked(capsys, played, "partner", "list")
    assert (code, partner["name"], partner["payers"]) == (0, "simulated", ["SIM01"])
    code, checks = asked(capsys, played, "doctor")
    assert code == 1, "the simulated payer is gone"
    assert [each["check"] for each in checks if not each["ok"]] == ["partner simulated"]
    assert all(each["fix"] for each in checks if not each["ok"])
    code, steps = asked(capsys, played, "partner", "test", "simulated")
    assert code == 1
    assert steps[-1]["ok"] is False
    code, resumed = asked(capsys, played, "partner", "resume", "simulated")
    assert (code, resumed) == (0, {"partner": "simulated", "was_held": False})


def test_what_was_sent_explains_itself_without_a_finding(played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    for path in sorted((played.folder / "payer" / "archive").iterdir()):
        assert run(["explain", str(path)]) == 0, path.name
        shown = capsys.readouterr()
        assert "no findings" in shown.err
        assert "ISA" in shown.out
        assert run(["explain", str(path), "--json"]) == 0
        lines = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
        assert lines[0]["tag"] == "ISA"


def test_explain_says_where_a_file_is_broken(
    tmp_path: Path, played: Played, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = next(iter(sorted((played.folder / "payer" / "archive").iterdir()))).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data[:-200])))
    assert run(["explain", "-"]) == 1
    assert "SE" in capsys.readouterr().out
    broken = tmp_path / "broken.edi"
    broken.write_bytes(b"this is no interchange")
    assert run(["explain", str(broken)]) == 1
    assert run(["explain", str(tmp_path / "missing.edi")]) == 2
    assert "Check name and rights" in capsys.readouterr().err


def test_the_same_file_again_is_repeated_and_other_content_conflicts(
    tmp_path: Path, played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    records = json.loads((played.folder / "intake" / "authorizations.json").read_text())
    again = tmp_path / "again.json"
    changed = {**records[0], "visits": 20}
    bad = {**records[1], "client_ref": "NEW-1", "diagnoses": ["?"], "clinic": "nowhere"}
    again.write_text(json.dumps([records[0], changed, bad]))
    code, result = asked(capsys, played, "submit", str(again))
    assert code == 1
    assert [each["client_ref"] for each in result["repeated"]] == ["AUTH-0001"]
    (conflict,) = result["conflicts"]
    assert conflict["held"] != conflict["submitted"]
    (rejected,) = result["rejected"]
    wrong = {each["where"] for each in rejected["findings"]}
    assert {"$[2].diagnoses[0]", "$[2].clinic"} <= wrong
    assert run(["submit", str(tmp_path / "no.such"), "--config", played.config]) == 2


@pytest.mark.parametrize("arguments", [["nope"], ["--nope"], ["schema", "a", "b"], ["trace"]])
def test_a_usage_error_is_told_in_words(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    told = capsys.readouterr().err
    assert "Usage" in told
    assert "Traceback" not in told


@pytest.fixture
def copied(played: Played, tmp_path: Path) -> Path:
    """The configuration of a copy of the demo's folder, to be changed."""
    for name in ("conf", "trading_partners", "var"):
        shutil.copytree(played.untouched / name, tmp_path / name)
    return tmp_path / "conf" / "gateway.toml"


def test_a_lost_key_file_is_told_and_never_replaced(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = copied.parent.parent / "var" / "keys.json"
    keys.unlink()
    assert run(["ledger", "--config", str(copied)]) == 2
    assert "Put the copy of the key file back" in capsys.readouterr().err
    assert not keys.exists()


def test_a_parked_job_is_shown_behind_any_number_that_are_done(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house = open_house(Settings.load(copied), actor="test")
    with house.store.transaction(house.everything()) as tx:
        for _ in range(1001):
            tx.jobs.enqueue("done", payload={})
        for job in tx.jobs.take("test", kinds=["done"], lease_s=60, limit=1001):
            tx.jobs.finish(job)
        wanted = tx.jobs.enqueue("stuck", payload={})
        (job,) = tx.jobs.take("test", kinds=["stuck"], lease_s=60)
        tx.jobs.park(job, "for a person")
    house.store.dispose()
    assert run(["jobs", "--json", "--config", str(copied)]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert (shown[0]["id"], shown[0]["state"]) == (wanted, "parked")
    assert run(["jobs", "--retry", str(wanted), "--json", "--config", str(copied)]) == 0


def test_a_data_folder_that_cannot_be_made_is_told(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copied.write_text(copied.read_text().replace('data = "../var"', 'data = "/proc/nobody"'))
    for command in (["ledger"], ["doctor"], ["serve"]):
        assert run([*command, "--config", str(copied)]) in (1, 2)
        shown = capsys.readouterr()
        assert "the data folder cannot be made" in shown.out + shown.err


def test_doctor_knocks_at_no_partner_that_refused(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    house = open_house(Settings.load(copied), actor="test")
    halt(house, "simulated", PartnerRefused("the login was refused", fix="Correct the password"))
    house.store.dispose()
    assert run(["doctor", "--config", str(copied)]) == 1
    told = capsys.readouterr().out
    assert "nobody knocks again" in told
    assert "connect" not in told


def test_a_main_file_that_is_broken_hides_no_mistake_of_a_partners(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied.write_text(copied.read_text() + "\nx = = 1\n")
    partner = copied.parent.parent / "trading_partners" / "simulated.toml"
    partner.write_text(partner.read_text().replace('stage = "test"', 'stage = "tset"'))
    assert run(["partner", "list", "--config", str(copied)]) == 2
    told = capsys.readouterr().err
    assert "not TOML" in told
    assert "stage" in told


def test_a_total_that_the_lines_tell_too_is_no_other_content(
    tmp_path: Path, played: Played, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = json.loads((played.folder / "intake" / "claims.jsonl").read_text().splitlines()[0])
    total = sum(float(each["charge"]) for each in record["lines"])
    again = tmp_path / "again.json"
    again.write_text(json.dumps({**record, "charge": f"{total:.2f}"}))
    assert run(["submit", str(again), "--json", "--config", str(copied)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [each["client_ref"] for each in result["repeated"]] == [record["client_ref"]]


def test_schemas_are_published(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    names = capsys.readouterr().out.split()
    assert {"authorization.v1", "claim.v1"} <= set(names)
    for name in names:
        assert run(["schema", name]) == 0
        assert json.loads(capsys.readouterr().out)["$schema"].startswith("https://json-schema.org/")
    assert run(["schema", "nothing.v9"]) == 2


def test_a_database_without_the_schema_names_the_cure(
    tmp_path: Path, played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("conf", "trading_partners"):
        target = tmp_path / name
        target.mkdir()
        for path in (played.folder / name).glob("*.toml"):
            (target / path.name).write_text(path.read_text())
    config = str(tmp_path / "conf" / "gateway.toml")
    assert run(["ledger", "--config", config]) == 2
    assert "gateway db upgrade" in capsys.readouterr().err
    assert run(["db", "upgrade", "--config", config, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["before"] == "empty"
    assert run(["ledger", "--config", config]) == 0


def test_every_mistake_of_the_configuration_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text('node = "A b"\ndata = 7\npartners = "nowhere"\nthreads = 3\n')
    assert run(["partner", "list", "--config", str(config)]) == 2
    told = capsys.readouterr().err
    for key in ("node", "data", "partners", "threads", "organisations"):
        assert key in told
