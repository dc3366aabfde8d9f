"""One demo for all tests that look at what a whole run leaves behind: the first worker plays it, the others wait."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

WAIT_S = 110
UNTOUCHED = "demo-untouched"  # A copy that nobody opens, so that a test can copy it while others look at the demo.


@dataclass(frozen=True)
class Played:
    folder: Path
    shown: dict[str, Any]
    said: str

    @property
    def untouched(self) -> Path:
        """What to copy from."""
        return self.folder.with_name(UNTOUCHED)

    @property
    def config(self) -> str:
        return str(self.folder / "conf" / "gateway.toml")


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """``gateway demo --json --keep`` as a process of its own; fails with what it said."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, done = shared / "demo", shared / "demo.json"
    try:
        folder.mkdir()
    except FileExistsError:
        until = time.monotonic() + WAIT_S
        while not done.exists():
            assert time.monotonic() < until, "the worker that plays the demo does not come to an end"
            time.sleep(0.1)
    else:
        _play(folder, done)
    result = json.loads(done.read_text())
    assert result["code"] == 0, result["out"] + result["err"]
    return Played(folder, json.loads(result["out"]), result["out"] + result["err"])


def _play(folder: Path, done: Path) -> None:
    command = [sys.executable, "-m", "gateway", "demo", "--json", "--keep", str(folder)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GATEWAY_")}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=WAIT_S)
    shutil.copytree(folder, folder.with_name(UNTOUCHED))
    partial = done.with_suffix(".part")
    partial.write_text(json.dumps({"code": ended.returncode, "out": ended.stdout, "err": ended.stderr}))
    partial.rename(done)
