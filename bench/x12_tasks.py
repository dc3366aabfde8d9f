"""What ``bench/x12.py`` measures, each in a process of its own: ``python bench/x12_tasks.py TASK FILE``.

Prints one line of JSON. CPU seconds are those of the process, user and system; the peak is the most memory that the
process ever held, in KiB, from its start on. What is loaded once for all documents is timed apart.
"""

import gc
import json
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from measuring import Told, peak_kib, timed
from x12_files import Form, interchange

CHUNK_BYTES = 1 << 18
WARM_ROUNDS = 200
WARMING_BYTES, WARMING_SEED = 200_000, 99


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


# --- Ours ------------------------------------------------------------------------------------------------------------


def imported(_: Path) -> Told:
    """A bare interpreter with the engine imported."""
    import gateway.x12.validate  # noqa: F401

    return {}


def validate(path: Path) -> Told:
    """Envelope and guide, SNIP 1, 2, 3 and 5, findings on."""
    _checked([_other(path)])
    return timed(lambda: _checked(_chunks(path)))


def _other(path: Path) -> bytes:
    """Another document of the same kind: it loads what is loaded once and fills the guide's tables."""
    return "".join(interchange(_kind(path), WARMING_BYTES, Form(seed=WARMING_SEED))).encode()


def _kind(path: Path) -> str:
    return path.name.partition("-")[0]


def _checked(chunks: Iterable[bytes]) -> Told:
    from gateway.errors import Finding
    from gateway.x12.validate import SetEnd, check

    findings, segments = 0, 4  # ISA, GS, GE and IEA belong to no set.
    for part in check(chunks):
        if isinstance(part, Finding):
            findings += 1
        elif isinstance(part, SetEnd):
            segments += part.length
    return {"findings": findings, "segments": segments}


def in_two(path: Path) -> Told:
    """The same by two processes; the CPU seconds are not theirs, so only the wall counts."""
    from gateway.errors import Finding
    from gateway.x12.parallel import check
    from gateway.x12.validate import Checking

    def act() -> Told:
        findings, segments = 0, 0
        for part in check(path, 2, Checking):
            if isinstance(part, Finding):
                findings += 1
            else:
                segments += part.segments
        return {"findings": findings, "segments": segments}

    return timed(act)


def rows(path: Path) -> Told:
    """The same as ``validate``, and a typed row of every claim or payment."""
    _rowed([_other(path)])
    return timed(lambda: _rowed(_chunks(path)))


def _rowed(chunks: Iterable[bytes]) -> Told:
    from gateway.errors import Finding
    from gateway.x12.rows import rows as rows_of
    from gateway.x12.validate import SetEnd

    findings, segments = 0, 4
    for part in rows_of(chunks):
        if isinstance(part, SetEnd):
            segments += part.length
        elif isinstance(part, Finding):
            findings += 1
    return {"findings": findings, "segments": segments}


def records(path: Path) -> Told:
    """With SNIP 4, too, and the record of the ledger's domain of every claim or payment, read by its map."""
    _read([_other(path)], path)
    return timed(lambda: _read(_chunks(path), path))


def _read(chunks: Iterable[bytes], path: Path) -> Told:
    from gateway.errors import Finding
    from gateway.translate import maps
    from gateway.x12.validate import SetEnd, Unit, stream

    reader = maps.load(_kind(path)).units()
    findings, segments, records = 0, 4, 0
    for part in stream(chunks):
        if isinstance(part, Unit):
            reader.read(part.loop, part.around)
            records += 1
        elif isinstance(part, SetEnd):
            segments += part.length
        elif isinstance(part, Finding):
            findings += 1
    return {"findings": findings, "segments": segments, "records": records}


def warm(path: Path) -> Told:
    """A small document again and again in one process: the median of its times."""
    from gateway.x12.validate import check

    data = path.read_bytes()
    _checked([_other(path)])
    walls = []
    gc.collect()
    for _ in range(WARM_ROUNDS):
        start = time.perf_counter()
        for _part in check([data]):
            pass
        walls.append(time.perf_counter() - start)
    return {"median": statistics.median(walls[WARM_ROUNDS // 10 :])}


# --- pyx12 -----------------------------------------------------------------------------------------------------------


def pyx12(path: Path) -> Told:
    """pyx12's own full validation, ``x12n_document``, without any output: that costs it the least.

    It needs no 999 for its verdict, and so the 835, whose ST03 its writer of 999s demands, is validated whole.
    """
    from pyx12.params import ParamsBase
    from pyx12.x12n_document import x12n_document

    def act() -> Told:
        with path.open(encoding="ascii") as file:
            sound = x12n_document(ParamsBase(), file, None, None)
        return {"sound": float(sound)}

    return timed(act)


def pyx12_maps(path: Path) -> Told:
    """What pyx12 loads at each call before it reads the first segment."""
    from pyx12.map_if import load_map_file
    from pyx12.params import ParamsBase

    name = "837.5010.X222.A1.xml" if path.name.startswith("837p") else "835.5010.X221.A1.xml"

    def act() -> Told:
        for each in ("x12.control.00501.xml", name):
            load_map_file(each, ParamsBase())
        return {}

    return timed(act)


TASKS = {each.__name__: each for each in (imported, validate, rows, in_two, records, warm, pyx12, pyx12_maps)}


def main(task: str, path: Path) -> None:
    told = TASKS[task](path)
    print(json.dumps({**told, "peak_kib": peak_kib()}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
