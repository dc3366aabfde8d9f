"""``gateway as2 key``: a pair that we load, that openssl accepts, and that never takes another one's place."""

import json
import shutil
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.cli.main import run
from gateway.transport.cms import Certificate, Identity


def test_the_pair_belongs_together_and_is_ours_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "keys"
    assert run(["as2", "key", "NORTH SIDE", "--folder", str(folder), "--days", "30", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    certificate, key = Path(told["certificate"]), Path(told["key"])
    assert (certificate.name, key.name) == ("north-side.pem", "north-side.key")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    made = Identity.load(certificate.read_text(), key.read_text()).certificate
    assert made.fingerprint == told["fingerprint"]
    assert made.subject == "CN=NORTH SIDE"
    assert made.uses == frozenset({"sign", "encrypt"})
    now = datetime.now(UTC)
    assert not made.problem(now, "sign")
    assert not made.problem(now, "encrypt")
    assert made.problem(now + timedelta(days=31))


def test_what_people_are_told_names_no_key_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["as2", "key", "US", "--folder", str(tmp_path), "--host", "edi.example.org"]) == 0
    said = capsys.readouterr().out
    assert Certificate.load((tmp_path / "us.pem").read_text()).fingerprint in said
    assert "PRIVATE" not in said


def test_nothing_is_ever_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["as2", "key", "US", "--folder", str(tmp_path)]) == 0
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    assert run(["as2", "key", "US", "--folder", str(tmp_path)]) == 2
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before
    assert "a key that is in use must not be lost" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "..", "x" * 65])
def test_a_name_that_is_none(name: str, tmp_path: Path) -> None:
    assert run(["as2", "key", name, "--folder", str(tmp_path)]) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_openssl_takes_it_for_the_host(tmp_path: Path) -> None:
    assert run(["as2", "key", "US", "--folder", str(tmp_path), "--host", "edi.example.org"]) == 0
    verify = ["openssl", "verify", "-x509_strict", "-verify_hostname", "edi.example.org"]
    done = subprocess.run([*verify, "-CAfile", tmp_path / "us.pem", tmp_path / "us.pem"], capture_output=True)
    assert done.returncode == 0, done.stderr
