"""``validate``, and what it shares with ``explain``: lines, summary, exit codes, ``--ack``, progress, a closed pipe.

The expected lines stand beside each document of ``fixtures/validate``, as ``.txt``; what ``gateway validate`` prints
there, first to stdout and then to stderr, is what they are made of.
"""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from x12_files import Form, write_file

from gateway.cli import run
from gateway.cli.documents import Answering
from gateway.cli.explaining import explain_file
from gateway.cli.output import Bar
from gateway.cli.validating import ALIKE_MAX, validate_file
from gateway.x12.headers import InterchangeHeader
from gateway.x12.validate import examine

FIXTURES = Path(__file__).with_name("fixtures")
CASES = sorted((FIXTURES / "validate").glob("*.edi"))
ANSWER = FIXTURES / "golden" / "999.edi"


def _noon() -> datetime:
    return datetime(2026, 3, 11, 12, 0, tzinfo=UTC)


def _clean(path: Path) -> Path:
    write_file("837p", path, 2_000, Form(claims_per_set=2))
    return path


def _stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.mark.parametrize("edi", CASES, ids=lambda path: path.stem)
def test_each_finding_is_a_line(edi: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", str(edi)]) == 1
    shown = capsys.readouterr()
    assert shown.out + shown.err == edi.with_suffix(".txt").read_text()


@pytest.mark.parametrize("edi", CASES, ids=lambda path: path.stem)
def test_explain_pins_the_same_findings_to_their_segments(edi: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", str(edi), "--json"]) == 1
    lines = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    pinned = [each for line in lines for each in line.get("findings", [])]
    assert run(["validate", str(edi), "--json"]) == 1
    told = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    assert sorted(map(json.dumps, told)) == sorted(map(json.dumps, pinned))


def test_a_file_and_stdin_are_told_alike(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for edi in CASES:
        for command in ("validate", "explain"):
            code = run([command, str(edi)])
            from_file = capsys.readouterr()
            _stdin(monkeypatch, edi.read_bytes())
            assert run([command, "-"]) == code
            assert capsys.readouterr() == from_file


def test_a_clean_file_has_no_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clean = _clean(tmp_path / "clean.edi")
    assert run(["validate", str(clean)]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.endswith(" segments in 1 set, no findings\n")


def test_no_file_is_no_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", str(tmp_path / "missing.edi")]) == 2
    assert "Check name and rights" in capsys.readouterr().err


def test_what_is_no_x12_is_one_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file.edi").write_bytes(b"this is no interchange")
    assert run(["validate", str(tmp_path / "file.edi"), "--json"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["rule"] == "x12.document.unreadable"


def test_people_see_some_of_many_alike_and_programs_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file.edi"
    write_file("837p", path, 100_000)
    lines = path.read_text().count("\nSV1*")
    path.write_text(path.read_text().replace("*UN*", "*XX*"))
    assert run(["validate", str(path)]) == 1
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == ALIKE_MAX + 1
    assert shown.out.splitlines()[-1].startswith(f"SV103: {lines - ALIKE_MAX:,} more of x12.element.code")
    assert f"{lines:,} findings" in shown.err
    assert run(["validate", "--json", str(path)]) == 1
    assert len(capsys.readouterr().out.splitlines()) == lines


def test_several_processes_tell_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file.edi"
    write_file("837p", path, 1_200_000, Form(claims_per_set=50))
    path.write_text(path.read_text().replace("*SL*", "*XX*").replace("SE*", "SE*1", 3))
    told = []
    for processes in ("1", "2"):
        assert run(["validate", "--json", "--processes", processes, str(path)]) == 1
        told.append(capsys.readouterr())
    assert told[0] == told[1]
    assert told[0].out.count("\n") >= 3


# --- --ack -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [explain_file, validate_file])
@pytest.mark.parametrize("by_stdin", [False, True])
def test_the_acknowledgment_is_written_from_files_and_streams(
    command: Callable[..., int], by_stdin: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edi, ack = FIXTURES / "validate" / "claims.edi", tmp_path / "ack.edi"
    _stdin(monkeypatch, edi.read_bytes())
    answering = Answering(file=ack, control_number=7, now=_noon)
    assert command(Path("-") if by_stdin else edi, as_json=False, answering=answering) == 1
    (header,) = (each for each in examine([ack.read_bytes()]) if isinstance(each, InterchangeHeader))
    assert (header.receiver, header.control_number) == ("EXAMPLEBILLER", "000000007")
    assert header.created == _noon().replace(tzinfo=None)
    text = ack.read_text()
    assert "~TA1*000000001*260310*1730*R*021~" in text
    assert run(["validate", str(ack)]) == 0


def test_the_acknowledgment_of_a_sound_file_accepts_each_set(tmp_path: Path, capfdbinary: Any) -> None:
    clean = _clean(tmp_path / "clean.edi")
    assert run(["validate", str(clean), "--ack", "-"]) == 0
    shown = capfdbinary.readouterr()
    assert shown.out.startswith(b"ISA*")
    assert shown.out.count(b"~IK5*A~") == clean.read_text().count("\nST*")
    assert b"no findings" in shown.err


@pytest.mark.parametrize("by_stdin", [False, True])
def test_what_nobody_acknowledges_says_so(
    by_stdin: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ack = tmp_path / "ack.edi"
    for data in (ANSWER.read_bytes(), b"no interchange at all"):
        (tmp_path / "file.edi").write_bytes(data)
        _stdin(monkeypatch, data)
        run(["validate", "-" if by_stdin else str(tmp_path / "file.edi"), "--ack", str(ack)])
        assert "nothing to acknowledge: " in capsys.readouterr().err
        assert not ack.exists()


def test_the_acknowledgment_never_takes_the_documents_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clean = _clean(tmp_path / "clean.edi")
    before = clean.read_bytes()
    assert run(["validate", str(clean), "--ack", str(tmp_path / ".." / tmp_path.name / "clean.edi")]) == 2
    assert "Name another file" in capsys.readouterr().err
    assert clean.read_bytes() == before


# --- the terminal ----------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    return shown


@pytest.mark.parametrize("total", [1_000_000, None])
def test_progress_shows_after_two_seconds_of_work_and_not_before(
    monkeypatch: pytest.MonkeyPatch, total: int | None
) -> None:
    terminal = _terminal(monkeypatch)
    now = [100.0]
    with Bar("validating", total, clock=lambda: now[0]) as bar:
        bar.advance(100_000)
        now[0] += 1.9
        bar.advance(100_000)
        assert terminal.getvalue() == ""
        now[0] += 0.2
        bar.advance(300_000)
        assert "validating" in terminal.getvalue()
        assert ("0.5/1.0 MB" if total else "500.0/? kB") in terminal.getvalue()


def test_a_line_of_the_answer_takes_the_bar_away_first(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _terminal(monkeypatch)
    now = [0.0]
    with Bar("validating", 1_000, clock=lambda: now[0]) as bar:
        now[0] = 3.0
        bar.advance(500)
        before = len(terminal.getvalue())
        bar.print("a finding", terminal)
        assert "a finding\n" in terminal.getvalue()[before:]
        assert terminal.getvalue()[before:].index("\x1b[2K") < terminal.getvalue()[before:].index("a finding\n")


def test_no_terminal_gets_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    now = [0.0]
    with Bar("validating", 1_000, clock=lambda: now[0]) as bar:
        now[0] = 9.0
        bar.advance(500)
    assert shown.getvalue() == ""


@pytest.mark.parametrize("arguments", [["validate"], ["validate", "--json"], ["explain"], ["explain", "--json"]])
def test_a_pipe_that_is_closed_ends_it_quietly(arguments: list[str], tmp_path: Path) -> None:
    path = tmp_path / "file.edi"
    write_file("837p", path, 300_000)
    path.write_text(path.read_text().replace("*T*:", "*X*:", 1).replace("*UN*", "*XX*"))
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "gateway", *arguments, str(path)]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_the_keyboard_ends_all_processes(tmp_path: Path) -> None:
    path = tmp_path / "file.edi"
    write_file("837p", path, 3_000_000)
    path.write_text(path.read_text().replace("*UN*", "*XX*"))
    command = [sys.executable, "-m", "gateway", "validate", "--json", "--processes", "2", str(path)]
    run_of = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    assert run_of.stdout is not None
    assert json.loads(run_of.stdout.readline())["rule"] == "x12.element.code"
    os.killpg(run_of.pid, signal.SIGINT)  # While it waits for somebody to read what it has found.
    _, told = run_of.communicate(timeout=60)  # Both streams end when the last process that holds them does.
    assert run_of.returncode == 130
    assert b"Traceback" not in told
