"""Failure case 10, 1 GB: a message of any size goes through little memory, and none of it lies on the disk in plain."""

import subprocess
import sys
from pathlib import Path

import pytest

MEMORY_MAX_MIB = 64


@pytest.mark.parametrize("megabytes", [60, pytest.param(1000, marks=[pytest.mark.full, pytest.mark.timeout(600)])])
def test_case_10_a_large_message_takes_little_memory(megabytes: int, tmp_path: Path) -> None:
    program = Path(__file__).with_name("as2_large.py")
    command = [sys.executable, str(program), str(tmp_path), str(megabytes)]
    environment = {"PYTHONPATH": f"{program.parent.parent}:{program.parent}", "PATH": ""}
    told = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert told.returncode == 0, told.stderr
    assert int(told.stdout) < MEMORY_MAX_MIB
    assert not list(tmp_path.iterdir())
