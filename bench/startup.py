"""How long a person waits: ``gateway --help``, ``gateway serve`` until it is ready, and until it has stopped.

Run: ``python bench/startup.py [ROUNDS]``. Prints medians with the slowest; machines are noisy, so the CPU seconds of
the process stand beside the wall clock.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from gateway.cli.stage import Stage


def _timed(act: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds; the CPU's are those of children that have ended."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    act()
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _shown(name: str, walls: list[float], limit: str, cpu: list[float] | None = None) -> None:
    seconds = f"{statistics.median(walls):6.2f} s  slowest {max(walls):5.2f} s"
    used = f"  CPU {statistics.median(cpu):5.2f} s" if cpu else ""
    print(f"{name:<24} median {seconds}{used}  (limit {limit})")


def main(rounds: int) -> None:
    command = [sys.executable, "-m", "gateway", "--help"]
    helps = [_timed(lambda: subprocess.run(command, capture_output=True, check=True)) for _ in range(rounds + 1)]
    _shown("gateway --help", [wall for wall, _ in helps[1:]], "0.5 s", [cpu for _, cpu in helps[1:]])
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder))
        try:
            stage.configure(stage.start_payer())
            stage.upgrade()
            ready, killed = [], []
            for _ in range(rounds):
                ready.append(_timed(stage.start_gateway)[0])
                killed.append(_timed(stage.kill_gateway)[1])
        finally:
            stage.stop()
    _shown("gateway serve, ready", ready, "2 s", killed)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
