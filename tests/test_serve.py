"""``gateway serve`` as a process: says when it is ready, stops on SIGTERM when its work is done, starts again."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A configured stage with a database and without a payer: nobody answers at its partner's address."""
    stage = Stage(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    (tmp_path / "password").write_text("nobody")
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    stage.configure({"port": port, "username": "u", "password_file": str(tmp_path / "password"), "host_key": key})
    stage.upgrade()
    return stage


def events(stage: Stage) -> list[str]:
    return [json.loads(line)["event"] for line in (stage.folder / "gateway.log").read_text().splitlines()]


def test_it_stops_on_sigterm_and_starts_again(stage: Stage) -> None:
    for _ in range(4):  # A signal right behind "ready" meets the reactor's first turns.
        process = stage.start_gateway()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert events(stage).count("gateway.ready") == 4
    assert events(stage).count("gateway.stopped") == 4


def test_a_partner_that_is_away_holds_nothing_up_and_is_told(stage: Stage) -> None:
    process = stage.start_gateway()
    sample = Path(__file__).parent / "fixtures" / "intake" / "first_authorization.json"
    (stage.intake / "one.json.part").write_bytes(sample.read_bytes())
    (stage.intake / "one.json.part").rename(stage.intake / "one.json")
    result = stage.intake / "one.json.result.json"
    try:
        for _ in range(400):
            if result.exists() and "job.failed" in events(stage):
                break
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        assert len(json.loads(result.read_text())["accepted"]) == 1
        assert "job.failed" in events(stage), "the upload is tried again later"
    finally:
        stage.stop()
    assert events(stage)[-1] == "gateway.stopped"


def test_systemd_is_told(stage: Stage) -> None:
    address = str(stage.folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(20)
        environment = {**stage.environment, "NOTIFY_SOCKET": address}
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve"], env=environment, stderr=subprocess.DEVNULL
        )
        try:
            assert listener.recv(100) == b"READY=1"
            process.terminate()
            assert listener.recv(100) == b"STOPPING=1"
            assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait()


def test_it_refuses_to_start_on_a_schema_that_is_behind(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    (tmp_path / "password").write_text("nobody")
    stage.configure(
        {"port": 2, "username": "u", "password_file": str(tmp_path / "password"), "host_key": "SHA256:" + "A" * 43}
    )
    environment = {**os.environ, **stage.environment}
    command = [sys.executable, "-m", "gateway", "serve"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "gateway db upgrade" in done.stderr


@pytest.fixture
def as2_stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage whose partner is reached over AS2, with a database; the payer has agreed and runs."""
    stage = Stage(tmp_path, over="as2")
    stage.configure(stage.start_payer())
    stage.upgrade()
    yield stage
    stage.stop()


def test_the_as2_listener_is_there_while_it_serves(as2_stage: Stage) -> None:
    process = as2_stage.start_gateway()
    with socket.create_connection(("127.0.0.1", as2_stage.as2_port), 20) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert line.recv(1000).startswith(b"HTTP/1.1 200")
        process.send_signal(signal.SIGTERM)
        assert line.recv(1000) == b"", "who waits for nothing is hung up on"
        assert process.wait(20) == 0
    assert "as2.listening" in events(as2_stage)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", as2_stage.as2_port), 20)


def test_a_taken_port_of_as2_is_told_at_the_start(as2_stage: Stage) -> None:
    command = [sys.executable, "-m", "gateway", "serve"]
    with socket.create_server(("127.0.0.1", as2_stage.as2_port)):
        done = subprocess.run(
            command, env=as2_stage.environment, capture_output=True, text=True, check=False, timeout=60
        )
    assert done.returncode == 2
    assert "nobody can listen there" in done.stderr
    assert "[as2]" in done.stderr
