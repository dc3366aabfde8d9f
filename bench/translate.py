"""What the maps cost: 837P claims built, written, validated and read back, and 835 payments read, per CPU second.

Run: ``python bench/translate.py [ROUNDS]``. The records come out of made-up files (``x12_files.py``). A claim goes
the way that it takes before it is sent: in an interchange, its own or one of many claims, validated, read, and compared
with what its message carries. Medians of the rounds; CPU seconds of this process alone.
"""

import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from x12_files import Form, interchange

from gateway.domain.claim import ClaimBatch
from gateway.errors import Severity
from gateway.translate import maps
from gateway.x12.headers import GroupHeader, InterchangeHeader, SetBody
from gateway.x12.tree import Loop, Segment
from gateway.x12.validate import Examined, Unit, examine, stream
from gateway.x12.wrapping import wrap

CLAIMS, PAYMENTS = 400, 1000
TOGETHER = 100  # claims of an interchange, where a billing company's are sent together
BYTES_OF_CLAIM, BYTES_OF_PAYMENT = 900, 800
AT = datetime(2026, 3, 10)
INTERCHANGE = InterchangeHeader(
    sender_qualifier="ZZ",
    sender="EXAMPLEBILLER",
    receiver_qualifier="ZZ",
    receiver="EXAMPLEHOUSE",
    created=AT,
    control_number="000000001",
    usage="T",
)
GROUP = GroupHeader(
    functional_id="HC",
    sender="EXAMPLEBILLER",
    receiver="EXAMPLEHOUSE",
    created=AT,
    control_number="1",
    version="005010X222A1",
)


class Clock:
    """CPU seconds by part of the way, summed over a round, a list of rounds for each."""

    def __init__(self) -> None:
        self.rounds: dict[str, list[float]] = {}
        self._sums: dict[str, float] = {}
        self._start = 0.0

    def begin(self) -> None:
        """What is held by now is the bench's own: the collector need not look through it in every round."""
        gc.collect()
        gc.freeze()
        self._sums = {}
        self._start = time.process_time()

    def time(self, part: str, act: Callable[..., Any], *given: Any) -> Any:
        start = time.process_time()
        result = act(*given)
        self._sums[part] = self._sums.get(part, 0) + time.process_time() - start
        return result

    def end(self, whole: str) -> None:
        """Ends a round, which counts as a part of its own where it has a name."""
        if whole:
            self._sums[whole] = time.process_time() - self._start
        for part, seconds in self._sums.items():
            self.rounds.setdefault(part, []).append(seconds)

    def show(self, title: str, count: int, segments: int) -> None:
        print(f"\n{title}: {count} a round, {segments / count:.1f} segments each")
        for part, rounds in self.rounds.items():
            seconds = statistics.median(rounds)
            print(f"  {part:<34}{seconds / count * 1e6:9.1f} µs each{count / seconds:12,.0f} a CPU second")


def file_of(kind: str, size: int) -> bytes:
    return "".join(interchange(kind, size, Form(line_end=""))).encode()


def roots_of(data: bytes) -> Iterator[Loop]:
    """The loops of each set, none of which may have a finding that blocks."""
    for part in examine([data]):
        if isinstance(part, Examined):
            assert part.root is not None
            assert not [each for each in part.findings if each.severity is Severity.BLOCK]
            yield part.root


def as_sent(segments: Sequence[Segment]) -> bytes:
    body = SetBody(type="837", control_number="0001", version=GROUP.version, segments=segments)
    return wrap(INTERCHANGE, [(GROUP, [body])])


def claims(rounds: int, together: int) -> None:
    """Build, write, validate, read and compare, each over all the claims, so that a part's time can be told; so many
    claims are ``together`` in an interchange."""
    mapped = maps.load("837p")
    batches: list[ClaimBatch] = []
    for root in roots_of(file_of("837p", CLAIMS * BYTES_OF_CLAIM)):
        whole = mapped.read(root)
        starts = range(0, len(whole.claims), together)
        batches += (replace(whole, claims=whole.claims[start : start + together]) for start in starts)
    clock, segments = Clock(), 0
    for _ in range(rounds):
        segments = 0
        clock.begin()
        for batch in batches:
            built = clock.time("build", mapped.build, batch)
            written = clock.time("write", as_sent, built)
            root = clock.time("validate", next, roots_of(written))
            read = clock.time("read back", mapped.read, root)
            same = clock.time("compare", _same, mapped, batch, read)
            segments += len(built)
            assert same, "a claim does not read back"
        clock.end("built, validated and read back")
    count = sum(len(each.claims) for each in batches)
    clock.show(f"837P claims from records, {together} in an interchange", count, segments)


def payments(rounds: int) -> None:
    """Read alone, of sets and of a stream's units, and with what comes before it."""
    mapped = maps.load("835")
    data = file_of("835", PAYMENTS * BYTES_OF_PAYMENT)
    roots = list(roots_of(data))
    units = [part for part in stream([data]) if isinstance(part, Unit)]
    reader = mapped.units()
    clock, count = Clock(), 0
    for _ in range(rounds):
        clock.begin()
        count = 0
        for root in roots:
            count += len(clock.time("read, sets", mapped.read, root).claims)
        for unit in units:
            clock.time("read, units of a stream", reader.read, unit.loop, unit.around)
        clock.time("validated, sets", _walked, data)
        clock.time("validated and read, sets", _read, mapped, data)
        clock.time("validated, stream", _streamed, None, data)
        clock.time("validated and read, stream", _streamed, mapped, data)
        clock.end("")
    whole = [payment for root in roots for payment in mapped.read(root).claims]
    assert whole == [reader.read(unit.loop, unit.around) for unit in units]
    segments = sum(len(each.segments) for unit in units for each in unit.loop.walk())
    clock.show("835 payments to records", count, segments)


def _same(mapped: maps.Map, record: Any, read: Any) -> bool:
    return bool(mapped.on_wire(record) == read)


def _walked(data: bytes) -> int:
    return sum(len(root.loops) for root in roots_of(data))


def _read(mapped: maps.Map, data: bytes) -> int:
    return sum(len(mapped.read(root).claims) for root in roots_of(data))


def _streamed(mapped: maps.Map | None, data: bytes) -> int:
    """How many units there are; each is read where there is a map."""
    reader = mapped.units() if mapped else None
    count = 0
    for part in stream([data]):
        if isinstance(part, Unit):
            count += 1
            if reader:
                reader.read(part.loop, part.around)
    return count


def main(rounds: int) -> None:
    claims(rounds, 1)
    claims(rounds, TOGETHER)
    payments(rounds)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
