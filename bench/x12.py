"""The X12 engine against pyx12, on generated files, in one run; and beside what StAEDI and others were seen to reach.

Run: ``python bench/x12.py [--quick] [--rounds N]``. ``--quick`` is 1 MB only. Each measurement has a process of its
own, which has seen some other documents of the kind before. Rates are segments per CPU second, medians of the rounds,
pyx12's without the loading of its maps; ratios are to pyx12's rate on 1 MB of the same kind in the same run. Two
processes are compared by wall clock. Memory is the peak above that of a process that only imports the engine.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from table import table
from x12_files import Written, interchange, write_file

TASKS = Path(__file__).with_name("x12_tasks.py")
KINDS = ("837p", "835")
SIZES_MB = (1, 10, 100)
SINGLE_SEGMENTS = 250

# Segments per CPU second of one core as recorded on 2026-11-23, on another machine; 837P, 835.
RECORDED = (
    ("StAEDI 1.25, with its implementation schema", 51_000, 71_000),
    ("StAEDI 1.25, without validating", 950_000, 1_100_000),
    ("LinuxForHealth x12, models", 26_000, 36_000),
    ("pyx12 4.0, full validation", 10_300, 13_800),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A generated file; ``size`` is megabytes."""

    kind: str
    size: int
    path: Path
    written: Written


def measured(task: str, path: Path, rounds: int = 1) -> dict[str, float]:
    """Medians over so many processes."""
    told = [_run(task, path) for _ in range(rounds)]
    return {name: statistics.median(each[name] for each in told) for name in told[0]}


def _run(task: str, path: Path) -> dict[str, float]:
    folder = str(TASKS.parent.parent)
    command = [sys.executable, str(TASKS), task, str(path)]
    run = subprocess.run(command, env={**os.environ, "PYTHONPATH": folder}, capture_output=True, check=False, text=True)
    if run.returncode:
        raise SystemExit(f"{task} of {path.name} failed:\n{run.stderr}")
    told: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    return told


def generate(folder: Path, sizes: tuple[int, ...]) -> list[File]:
    files = []
    for kind in KINDS:
        for size in sizes:
            path = folder / f"{kind}-{size}.edi"
            files.append(File(kind=kind, size=size, path=path, written=write_file(kind, path, size * 1_000_000)))
    return files


def single(folder: Path) -> File:
    """One 837P set of at least 250 segments, envelope included."""
    size, lines = 0, [""]
    while len(lines) < SINGLE_SEGMENTS:
        size += 300
        whole = "".join(interchange("837p", size)).splitlines(keepends=True)
        end = next(at for at, line in enumerate(whole) if line.startswith("SE*"))
        lines = [*whole[: end + 1], "GE*1*1~\n", "IEA*1*000000001~\n"]
    path = folder / "837p-single.edi"
    path.write_text("".join(lines), encoding="ascii")
    return File(kind="837p", size=0, path=path, written=Written(segments=len(lines)))


def pyx12_rate(file: File, rounds: int) -> float:
    """Segments per CPU second, without the loading of its maps."""
    cpu = measured("pyx12", file.path, rounds)
    if not cpu["sound"]:
        raise SystemExit(f"pyx12 finds something wrong in {file.path.name}")
    return file.written.segments / (cpu["cpu"] - measured("pyx12_maps", file.path, rounds)["cpu"])


HEAD = [
    "",
    "segments",
    "pyx12",
    "validation",
    "x pyx12",
    "with typed rows",
    "x pyx12",
    "with SNIP 4 and domain records",
    "x pyx12",
    "two processes",
    "memory",
]


def row(file: File, base_kib: float, theirs: float, rounds: int) -> list[str]:
    """A file's line in the table, as ``HEAD`` has it."""
    segments = file.written.segments
    shown = [f"{file.kind.upper()}, {file.size} MB", f"{segments:,}", rate(theirs)]
    peak = one = 0.0
    for task in ("validate", "rows", "records"):
        told = measured(task, file.path, rounds)
        expect(file, told)
        ours = segments / told["cpu"]
        peak = max(peak, told["peak_kib"])
        one = one or told["wall"]
        shown += [rate(ours), f"{ours / theirs:.0f}"]
    large = file.size == SIZES_MB[-1]  # The start of two processes costs more than a small file.
    two = f"{one / measured('in_two', file.path, rounds)['wall']:.2f}" if large else ""
    return [*shown, two, f"+{(peak - base_kib) / 1024:.0f} MB"]


def expect(file: File, told: dict[str, float]) -> None:
    """A figure counts only if everything was read and nothing was found wrong."""
    if told["findings"] or told["segments"] != file.written.segments:
        raise SystemExit(f"{file.path.name}: {told['segments']} segments read, {told['findings']} findings")


def main(sizes: tuple[int, ...], rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = generate(folder, sizes)
        base = measured("imported", folder, rounds)["peak_kib"]
        theirs = {file.kind: pyx12_rate(file, rounds) for file in files if file.size == 1}
        rows = [row(file, base, theirs[file.kind], rounds) for file in files]
        one = single(folder)
        warm = measured("warm", one.path, rounds)["median"]
    python = f"{platform.python_implementation()} {platform.python_version()}"
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {python}, {load}, medians of {rounds}; segments per CPU second\n")
    print(table(HEAD, rows))
    print(f"\na warm 837P of {one.written.segments} segments: {warm * 1000:.2f} ms")
    print(f"a process that only imports the engine: {base / 1024:.0f} MB\n")
    recorded = [[each, rate(first), rate(second)] for each, first, second in RECORDED]
    print(table(["recorded on another machine", "837P", "835"], recorded))


def rate(each: float) -> str:
    return f"{each / 1000:,.0f}k" if each >= 20_000 else f"{each / 1000:.1f}k"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the X12 engine against pyx12.")
    parser.add_argument("--quick", action="store_true", help="1 MB only")
    parser.add_argument("--rounds", type=int, default=3)
    told = parser.parse_args()
    main(SIZES_MB[:1] if told.quick else SIZES_MB, told.rounds)
