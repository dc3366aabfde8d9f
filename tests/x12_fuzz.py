"""Feeds the reader, the walk and the explainer what nobody should send: spoiled bytes, spoiled grammar, plain noise.

Run: ``python tests/x12_fuzz.py [--minutes 10] [--seed 1]``. The laws: arbitrary bytes give findings, never a traceback
(``examine`` may raise MalformedInterchange, ``explain`` raises nothing); the chunk size changes no finding; time grows
with the input and memory does not grow with the inputs. An input that leads to a rule, or to an error, which no input
before has led to is kept, and spoiled further. What is kept of a failure is made up, as all inputs are.
"""

import argparse
import gc
import random
import re
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bench"))

from x12_files import KINDS, Form, interchange
from x12_mutations import mutated

from gateway.errors import Finding, MalformedInterchange
from gateway.x12.explain import explain
from gateway.x12.validate import Examined, examine

FIXTURES = Path(__file__).with_name("fixtures") / "golden"
CHUNKS = (1, 2, 3, 7, 64, 105, 106, 107, 1000, 1 << 20)
TOKENS = (
    b"ISA*", b"GS*HC*", b"ST*837*0001~", b"SE*1*0001~", b"GE*1*1~", b"IEA*1*000000001~", b"TA1*000000001*~",
    b"HL*1**20*1~", b"CLM*", b"~", b"~~", b"*", b"***", b":", b"^", b"\n", b"\r\n", b"\x00", b"\x1a", b"\xff",
    b"\xc3\xa9", b"\xc3", b"\xef\xbb\xbf", b"\x1c", b" ", b"A" * 300, b"*" * 300, b"^" * 300, b":" * 300,
    b"99999999999999999999999", b"BIN*5*~*:^~~",
)  # fmt: skip
CODES = ("IK304", "IK403", "IK502", "AK905", "TA105")  # What counts as new; others copy the input.
KEPT_MAX = 400
BYTES_MAX = 20_000
SECONDS_BASE, SECONDS_PER_KB = 2.0, 0.5  # Fifty times what a slow machine takes: this is about hangs, not about speed.
GROWTH_MAX_KIB = 16_384
LONG_RUN = 10_000  # inputs
STATUS = Path("/proc/self/status")


class Hung(Exception):
    """An input takes longer than its size explains."""


class LawBroken(Exception):
    """Says which law, and carries the input that breaks it."""

    def __init__(self, law: str, data: bytes) -> None:
        super().__init__(f"{law}\n{data!r}")
        self.law = law
        self.data = data


@dataclass(slots=True, kw_only=True)
class Told:
    """What a run has seen."""

    inputs: int = 0
    bytes: int = 0
    kept: int = 0
    malformed: int = 0
    grown_kib: int = 0
    rules: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        return (
            f"{self.inputs} inputs, {self.bytes} bytes, {self.malformed} of them malformed, {len(self.rules)} rules "
            f"met, {self.kept} kept; memory grew by {self.grown_kib} KiB"
        )


def seeds() -> list[bytes]:
    """Sound documents of every kind and form that is at hand."""
    forms = (
        Form(claims_per_set=2),
        Form(line_end="", claims_per_set=1, seed=2),
        Form(element="|", component=">", repetition="!", terminator="\n", line_end="", claims_per_set=2, seed=3),
    )
    made = ["".join(interchange(kind, 1_200, form)).encode() for kind in KINDS for form in forms]
    return made + [path.read_bytes() for path in sorted(FIXTURES.glob("*.edi"))]


def spoiled(pool: Sequence[bytes], chance: random.Random) -> bytes:
    """An input from the pool with some changes, or noise."""
    data = chance.choice(pool)
    match chance.randrange(12):
        case 0:
            return chance.randbytes(chance.randrange(400))
        case 1:
            return data[:106] + chance.randbytes(chance.randrange(400))
        case 2 | 3 | 4 | 5 if b"~\n" in data:
            segments = data.decode("latin-1").removesuffix("~\n").split("~\n")
            if len(segments) > 4:
                return "".join(f"{each}~\n" for each in mutated(segments, chance)).encode("utf-8", "surrogateescape")
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        data = _spoil_bytes(data, pool, chance)
    return data[:BYTES_MAX]


def _spoil_bytes(data: bytes, pool: Sequence[bytes], chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    end = min(len(data), start + chance.choice((1, 1, 2, 8, 64, 512)))
    match chance.randrange(7):
        case 0:
            return data[:start] + data[end:]
        case 1:
            return data[:start] + chance.randbytes(chance.choice((1, 1, 4, 40))) + data[end:]
        case 2:
            return data[:start] + chance.choice(TOKENS) + data[start:]
        case 3:
            return data[:start] + data[start:end] * chance.choice((2, 3, 50)) + data[end:]
        case 4:
            other = chance.choice(pool)
            return data[:start] + other[chance.randrange(len(other) + 1) :]
        case 5:
            return data[:start]
        case _:
            return data.replace(data[start:end] or b"*", chance.choice(TOKENS))


def check(data: bytes, width: int) -> tuple[set[str], bool]:
    """Raises LawBroken. The rules that the input meets, and whether it could not be read to its end.

    It is read whole, and in chunks of so many bytes.
    """
    _limit(SECONDS_BASE + SECONDS_PER_KB * len(data) / 1000)
    try:
        whole = _examined(data, len(data) or 1)
        parted = _examined(data, width)
        if parted != whole:
            what = "findings" if parted[0] != whole[0] else "error"
            raise LawBroken(f"chunks of {width} bytes change the {what}", data)
        lines = list(explain(_chunks(data, width)))
        if not lines:
            raise LawBroken("explain says nothing", data)
    except Hung:
        raise LawBroken("it takes too long", data) from None
    except LawBroken:
        raise
    except Exception as error:
        raise LawBroken(f"{type(error).__name__} comes out", data) from error
    finally:
        _limit(0)
    findings, malformed = whole
    told = {str(each["rule"]) for each in findings}
    for each in findings:
        codes = each.get("codes")
        told |= {f"{name} {codes[name]}" for name in CODES if name in codes} if isinstance(codes, dict) else set()
    return told, bool(malformed)


def least(broken: LawBroken, width: int) -> LawBroken:
    """The same law, broken by as little of the input as halving finds."""
    data, step = broken.data, len(broken.data) // 2
    while step:
        start = 0
        while start < len(data):
            try:
                check(data[:start] + data[start + step :], width)
            except LawBroken as still:
                if still.law == broken.law:
                    broken, data = still, still.data
                    continue
            start += step
        step //= 2
    return broken


def _examined(data: bytes, width: int) -> tuple[list[dict[str, object]], str]:
    """All findings, and the error that ends the reading, "" where it comes to its end."""
    found: list[dict[str, object]] = []
    try:
        for part in examine(_chunks(data, width)):
            if isinstance(part, Finding):
                found.append(part.as_json())
            elif isinstance(part, Examined):
                found += [each.as_json() for each in part.findings]
    except MalformedInterchange as error:
        return found, str(error)
    return found, ""


def _chunks(data: bytes, width: int) -> Iterator[bytes]:
    return (data[start : start + width] for start in range(0, len(data), width))


def _limit(seconds: float) -> None:
    """Raises Hung after so many seconds of the processor; 0 lifts the limit."""
    signal.signal(signal.SIGVTALRM, _hung)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)


def _hung(_signal: int, _frame: FrameType | None) -> None:
    raise Hung


def run(*, seed: int, inputs: int = sys.maxsize, seconds: float = float("inf")) -> Told:
    """Goes on until a limit; raises LawBroken. The first half of a long run fills the tables of the guides; in
    the second memory must not grow any more.
    """
    chance, told, pool = random.Random(seed), Told(), seeds()
    sound = len(pool)
    begun, settled = time.monotonic(), 0
    for each in pool:
        check(each, 1)
    while told.inputs < inputs and time.monotonic() - begun < seconds:
        data = spoiled(pool, chance)
        width = chance.choice(CHUNKS)
        try:
            rules, malformed = check(data, width)
        except LawBroken as broken:
            raise least(broken, width) from broken
        told.inputs += 1
        told.bytes += len(data)
        told.malformed += malformed
        if rules - told.rules and len(data) < BYTES_MAX // 4:
            told.kept += 1
            pool.append(data)
            if len(pool) > KEPT_MAX:
                del pool[sound]
        told.rules |= rules
        if not settled and (told.inputs * 2 > inputs or (time.monotonic() - begun) * 2 > seconds):
            settled = _resident_kib()
    told.grown_kib = _resident_kib() - settled
    if told.grown_kib > GROWTH_MAX_KIB and told.inputs > LONG_RUN:
        raise LawBroken(f"memory grew by {told.grown_kib} KiB in {told.inputs} inputs", b"")
    return told


def _resident_kib() -> int:
    gc.collect()
    if STATUS.is_file():
        return int(re.search(r"VmRSS:\s+(\d+)", STATUS.read_text())[1])  # type: ignore[index]
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Feed the X12 engine what nobody should send.")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    print(run(seed=asked.seed, seconds=asked.minutes * 60))
