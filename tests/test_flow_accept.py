"""Accept and the drop folder: each record once, each with its answer, nothing held up by anything else."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from flow_stage import SECRETS, Stage, claim_json, on_sqlite, on_stage, request_json

from gateway.cli.intake import submit_file
from gateway.flow import worker
from gateway.flow.accept import RESULT_SUFFIX
from gateway.flow.folder import Folder
from gateway.store import Store


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path)


def _drop(stage: Stage, name: str, *records: Any) -> Path:
    path = stage.drop / name
    path.write_text(json.dumps(list(records)))
    return path


def _result(path: Path) -> Any:
    return json.loads(path.with_name(path.name + RESULT_SUFFIX).read_text())


def test_the_same_record_twice_is_accepted_once(stage: Stage) -> None:
    first = stage.submit(request_json(), claim_json())
    again = stage.submit(claim_json(), request_json())
    assert [each["client_ref"] for each in first["accepted"]] == ["ACCT-31337-A1", "ACCT-31337-C1"]
    assert again["accepted"] == []
    assert {each["id"] for each in again["repeated"]} == {each["id"] for each in first["accepted"]}
    with stage.reading() as tx:
        assert len(tx.authorizations.list()) == len(tx.claims.list()) == 1
    stage.work()
    assert len(stage.written()) == 1  # The claim waits for its authorization.


@on_sqlite
def test_the_same_record_twice_in_one_file_is_accepted_once(stage: Stage) -> None:
    result = stage.submit(request_json(), request_json())
    assert len(result["accepted"]) == len(result["repeated"]) == 1


@pytest.mark.parametrize(
    ("record", "changed", "key"),
    [
        (request_json(), request_json(visits=20), "quantity"),
        (claim_json(), claim_json(diagnoses=["M54.2"]), "diagnoses"),
    ],
    ids=["authorization", "claim"],
)
def test_the_same_number_with_other_content_is_a_conflict_shown_with_both(
    stage: Stage, record: Any, changed: Any, key: str
) -> None:
    held = stage.submit(record)["accepted"][0]
    result = stage.submit(changed)
    assert result["accepted"] == result["repeated"] == result["rejected"] == []
    (conflict,) = result["conflicts"]
    assert conflict["id"] == held["id"]
    assert conflict["client_ref"] == record["client_ref"]
    assert set(conflict["held"]) == set(conflict["submitted"]) == {key}
    assert conflict["held"][key] != conflict["submitted"][key]
    assert conflict["findings"][0]["rule"] == "intake.conflict"
    assert stage.steps(held["id"]) == ["case.accepted", "case.conflict"]


def test_good_records_go_on_while_bad_ones_are_reported(stage: Stage) -> None:
    result = stage.submit(
        request_json(1), request_json(2, visits=-3), claim_json(3, diagnoses=None), request_json(4), {"type": "letter"}
    )
    assert [each["index"] for each in result["accepted"]] == [0, 3]
    assert [(each["index"], each["client_ref"]) for each in result["rejected"]] == [
        (1, "ACCT-31337-A2"),
        (2, "ACCT-31337-C3"),
        (4, ""),
    ]
    assert all(each["findings"][0]["fix"] for each in result["rejected"])
    stage.work()
    assert [stage.request(number).state for number in (1, 4)] == ["sent", "sent"]


def test_a_broken_file_gets_an_answer_and_holds_nothing_up(stage: Stage) -> None:
    broken = stage.drop / "broken.json"
    broken.write_bytes(b'[{"type": "authorization", "patient": "Zimmerwald"')
    whole = _drop(stage, "whole.json", request_json())
    _take_all(stage)
    assert _result(broken)["findings"][0]["rule"] == "intake.json"
    assert len(_result(whole)["accepted"]) == 1
    assert stage.jobs(state="parked") == []
    kept = stage.documents(kind="intake.json")
    assert stage.store.payloads.read(kept[0].payload) == broken.read_bytes()


def _take_all(stage: Stage, folder: Folder | None = None) -> int:
    folder = folder or Folder(stage.house)
    taken = folder.look() + folder.look()
    stage.work("accept", "answer")
    return taken


def test_a_file_is_taken_when_two_looks_agree(stage: Stage) -> None:
    path = _drop(stage, "in.json", request_json())
    folder = Folder(stage.house)
    assert folder.look() == 0
    path.write_text(json.dumps([request_json(), claim_json()]))
    assert folder.look() == 0  # It still grows.
    assert folder.look() == 1
    assert folder.look() == 0  # Taken once.
    stage.work("accept", "answer")
    assert len(_result(path)["accepted"]) == 2
    assert Folder(stage.house).look() == 0  # A new start knows it, too.
    assert _take_all(stage) == 0


@on_sqlite
def test_a_file_that_changes_while_it_is_read_is_taken_at_a_later_look(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _drop(stage, "in.json", request_json())
    folder = Folder(stage.house)
    folder.look()
    read = Path.read_bytes

    def meanwhile(self: Path) -> bytes:
        data = read(self)
        if self == path:
            self.write_text(json.dumps([request_json(), claim_json()]))
        return data

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", meanwhile)
        assert folder.look() == 0
    assert _take_all(stage, folder) == 1
    assert len(_result(path)["accepted"]) == 2


@on_sqlite
@pytest.mark.parametrize("name", ["in.json.part", "in.json.tmp", ".in.json", "in.json.filepart"])
def test_a_temporary_name_is_never_taken(stage: Stage, name: str) -> None:
    _drop(stage, name, request_json())
    assert _take_all(stage) == 0
    assert sorted(each.name for each in stage.drop.iterdir()) == [name]


@on_sqlite
def test_an_unknown_format_is_told_once_and_left_alone(stage: Stage) -> None:
    path = stage.drop / "letter.docx"
    path.write_bytes(b"PK")
    folder = Folder(stage.house)
    assert _take_all(stage, folder) == 0
    (finding,) = _result(path)["findings"]
    assert finding["rule"] == "intake.format"
    assert ".json" in finding["fix"]
    path.with_name(path.name + RESULT_SUFFIX).unlink()
    assert _take_all(stage, folder) == _take_all(stage) == 0
    assert [each.name for each in stage.drop.iterdir()] == ["letter.docx"]


def test_a_file_replaced_under_the_same_name_is_taken_again(stage: Stage) -> None:
    path = _drop(stage, "in.json", request_json(1))
    folder = Folder(stage.house)
    assert _take_all(stage, folder) == 1
    path.write_text(json.dumps([request_json(2)]))
    os.utime(path, ns=(time.time_ns(), time.time_ns() + 10**9))
    assert _take_all(stage, folder) == 1
    assert [each["client_ref"] for each in _result(path)["accepted"]] == ["ACCT-31337-A2"]


@on_sqlite
def test_of_a_file_that_was_replaced_the_last_result_stays(stage: Stage) -> None:
    """Two answers to one place are written one after the other, in the order of their files."""
    path = _drop(stage, "in.json", request_json(1))
    folder = Folder(stage.house)
    folder.look(), folder.look()
    path.write_text(json.dumps([request_json(2)]))
    os.utime(path, ns=(time.time_ns(), time.time_ns() + 10**9))
    folder.look(), folder.look()
    stage.work("accept")
    first = stage.take(["answer"])
    assert first is not None
    assert stage.take(["answer"]) is None
    assert worker.run(stage.house, first)
    assert [each["client_ref"] for each in _result(path)["accepted"]] == ["ACCT-31337-A1"]
    stage.work("answer")
    assert [each["client_ref"] for each in _result(path)["accepted"]] == ["ACCT-31337-A2"]


def test_a_file_that_cannot_be_read_holds_no_other_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = _drop(stage, "a-locked.json", request_json(1))
    _drop(stage, "b-fine.json", request_json(2))
    read = Path.read_bytes

    def forbidden(self: Path) -> bytes:
        if self == locked:
            raise PermissionError(13, "Permission denied", str(self))
        return read(self)

    folder = Folder(stage.house)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", forbidden)
        assert _take_all(stage, folder) == 1
        (task,) = stage.tasks("intake")
        assert "locked" not in task.reason + task.fix + task.key
    assert _take_all(stage, folder) == 1
    assert stage.tasks("intake") == []
    assert stage.request(1).state == stage.request(2).state == "accepted"


def test_the_result_is_written_atomically_and_a_repeat_is_harmless(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _drop(stage, "in.json", request_json())
    folder = Folder(stage.house)
    folder.look(), folder.look()
    stage.work("accept")
    target = path.with_name(path.name + RESULT_SUFFIX)
    with monkeypatch.context() as patched:  # The power fails when the bytes are there and the name is not.
        patched.setattr(Path, "replace", _fails)
        stage.work("answer")
    assert not target.exists()
    stage.clock.advance(3600)
    stage.work("answer")
    first = target.read_bytes()
    assert json.loads(first)["accepted"]
    (job,) = stage.jobs("answer")
    assert job.state == "done"
    assert not [each for each in stage.drop.iterdir() if each.name.endswith(".part")]


def _fails(*_: Any) -> None:
    raise OSError(28, "No space left on device")


@on_sqlite
def test_a_full_disk_delays_a_result_and_parks_none(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    _drop(stage, "in.json", request_json())
    folder = Folder(stage.house)
    folder.look(), folder.look()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", _fails)
        for _ in range(8):
            stage.work("accept", "answer")
            stage.clock.advance(3600)
    (job,) = stage.jobs("answer")
    assert job.state == "waiting"
    assert "in.json" not in job.reason


def test_a_file_name_stands_nowhere_in_the_open(stage: Stage) -> None:
    """A clinic may name a file after its patient; the answer still finds its place beside it."""
    path = _drop(stage, "Quintessa Zimmerwald.json", request_json())
    _take_all(stage)
    assert _result(path)["accepted"]
    (stage.drop / "Zimmerwald.pdf").write_bytes(b"%PDF")
    _take_all(stage)
    with stage.reading() as tx:
        open_words = [str(each) for each in (*tx.jobs.list(), *tx.documents.list(), *tx.tasks.list(open=None))]
        open_words += [str(row) for row in tx.connection.exec_driver_sql("SELECT * FROM seen")]
    assert not [each for each in open_words if any(secret in each.lower() for secret in SECRETS)]


def test_submit_takes_a_file_at_once_and_tells_bad_records_by_its_exit(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text("\n".join(json.dumps(each) for each in (request_json(1), request_json(2, visits=-3))))
    assert submit_file(stage.house, path, as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert len(told["accepted"]) == len(told["rejected"]) == 1
    path.write_text(json.dumps(request_json(1)))
    assert submit_file(stage.house, path, as_json=False) == 0
    assert "taken before" in capsys.readouterr().out
    stage.work()
    assert stage.request(1).state == "sent"
