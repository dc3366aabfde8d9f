"""What a process of a bench tells of itself: how long a step took, and how much memory it held at most."""

import re
import resource
import time
from collections.abc import Callable
from pathlib import Path

Told = dict[str, float]


def peak_kib() -> int:
    """Not ``ru_maxrss``: that one remembers the process that this one was forked from."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.is_file() else None
    return int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def timed(act: Callable[[], object]) -> Told:
    """Seconds of this process's CPU and of the clock on the wall, beside what ``act`` tells, if it tells anything."""
    cpu, wall = time.process_time(), time.perf_counter()
    told = act()
    took = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    return {**told, **took} if isinstance(told, dict) else took
