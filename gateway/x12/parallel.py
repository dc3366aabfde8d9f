"""What is wrong with a large file, found by several processes at once: the same findings, in the same order, as by one.

A file is cut before ST into pieces of whole sets. Workers read their pieces from the file themselves; what they find
comes back in order to the one who follows the envelope, its counts and its numbers. Nothing depends on the cuts: what
does not fit where it is met, or is odd, is read again as if there were no workers. No bytes are kept or written.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from os import fstat
from pathlib import Path
from signal import SIG_DFL, SIGINT, signal
from typing import Any, BinaryIO

from gateway.errors import Finding, GatewayError, MalformedInterchange, Position
from gateway.x12.batch import Batch
from gateway.x12.codec import AT_ONCE
from gateway.x12.cuts import Context, Midway, Piece, cut
from gateway.x12.envelope import Inside, Opener, repeated_control_number
from gateway.x12.headers import SetHeader
from gateway.x12.tree import Segment
from gateway.x12.validate import Growing, SetEnd

PIECE = 1 << 20  # Bytes, about: long enough to be worth sending, short enough that all workers end together.
AHEAD = 6  # For each process, pieces that were read before their turn; so many outcomes are held at most.
QUEUED = 2  # Pieces that wait for each worker, so that it never waits itself.
FINDINGS_MAX = 10_000  # In one piece, so that nobody holds more; beyond that it is read when its turn comes.
_OUTSIDE = 1 << 40  # Added to what a worker counts outside of sets, where it does not know what came before.
_REPEATED = "x12.set.control_number_repeated"

Begin = Callable[[SetHeader], Inside[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What has gone by since the last of these."""

    bytes: int
    segments: int
    sets: int


@dataclass(slots=True, kw_only=True)
class _Outcome:
    """What a worker has found in one piece. ``numbers`` are the sets that would repeat a control number if it came
    before: the number, the place of their finding among the others, and the offset of ST."""

    findings: list[Finding] = field(default_factory=list)
    numbers: list[tuple[str, int, int]] = field(default_factory=list)
    segments: int = 0
    sets: int = 0


def check_chunks(chunks: Iterable[bytes], begin: Begin = Growing) -> Iterator[Finding | Passed]:
    """What is wrong with a document that comes in chunks, by this process alone; in constant memory.

    ``begin`` says how deeply: ``Growing`` with the situations of SNIP 4, ``Checking`` without. Raises
    MalformedInterchange where it cannot be read further.
    """
    line = _Line(begin)
    try:
        for chunk in chunks:
            yield from line.take(chunk)
        yield from line.last()
    except MalformedInterchange as error:
        yield from line.broken(error)
        raise
    yield from line.end()


def check(
    path: Path, processes: int, begin: Begin = Growing, *, pool: Executor | None = None, piece: int = PIECE
) -> Iterator[Finding | Passed]:
    """The same of a file, by several processes; with one, by this alone. ``piece`` is in bytes.

    ``begin`` must be a class or function of a module. Raises MalformedInterchange as ``check_chunks`` does, and
    GatewayError where the file cannot be read or a worker has died.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        fix = "Check name and rights"
        raise GatewayError(f"it cannot be read ({error.strerror})", where=str(path), fix=fix) from error
    with file:
        size = fstat(file.fileno()).st_size
        if processes < 2 or size <= piece:
            yield from check_chunks(iter(lambda: file.read(AT_ONCE), b""), begin)
        elif pool is not None:
            yield from _joined(path, file, processes, begin, pool, piece)
        else:
            with workers(processes) as own:
                yield from _joined(path, file, processes, begin, own, piece)


@contextmanager
def workers(processes: int) -> Iterator[Executor]:
    """The other processes for ``check``; they are started anew, for a fork in the midst of threads may hang."""
    pool = ProcessPoolExecutor(processes - 1, mp_context=get_context("spawn"), initializer=_start)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start() -> None:
    signal(SIGINT, SIG_DFL)  # Whoever stops the parent from the keyboard stops us, too, and without a traceback.


def _joined(
    path: Path, file: BinaryIO, processes: int, begin: Begin, pool: Executor, piece: int
) -> Iterator[Finding | Passed]:
    line = _Line(begin)
    try:
        for each, outcome in _outcomes(path, file, processes, begin, pool, piece):
            if outcome is not None and line.fits(each):
                yield from line.join(each, outcome)
                continue
            for chunk in _chunks(file, each.start, each.stop):
                yield from line.take(chunk)
        yield from line.last()
    except MalformedInterchange as error:
        yield from line.broken(error)
        raise
    except BrokenProcessPool as error:
        fix = "Try again; if it happens again, check with one process (--processes 1)"
        raise GatewayError("a process that checked a part of it has died", where=str(path), fix=fix) from error
    yield from line.end()


def _outcomes(
    path: Path, file: BinaryIO, processes: int, begin: Begin, pool: Executor, piece: int
) -> Iterator[tuple[Piece, _Outcome | None]]:
    """The pieces of the file in order, with what was found in those that can be read on their own.

    This process does not wait while it can do what a worker would: so it counts as one of them.
    """
    ahead: deque[tuple[list[Piece], Future[list[_Outcome | None]]]] = deque()
    identity = _identity(file)
    bundles = _bundles(cut(file, identity[-1], piece), piece)
    more = True
    try:
        while more or ahead:
            while ahead and (not more or len(ahead) > AHEAD * processes or ahead[0][1].done()):
                bundle, future = ahead.popleft()
                yield from _arrived(bundle, future.result())
            bundle = next(bundles, [])
            more = bool(bundle)
            if not more:
                continue
            theirs = [each for each in bundle if each.context is not None]
            waiting = sum(not future.done() for _, future in ahead)
            if theirs and waiting < QUEUED * (processes - 1):
                ahead.append((bundle, pool.submit(_find, path, identity, theirs, begin)))
            else:
                done: Future[list[_Outcome | None]] = Future()
                done.set_result(_find(path, identity, theirs, begin))
                ahead.append((bundle, done))
    finally:
        for _, future in ahead:
            future.cancel()


def _bundles(pieces: Iterable[Piece], size: int) -> Iterator[list[Piece]]:
    """Small pieces go to a worker together."""
    bundle: list[Piece] = []
    length = 0
    for each in pieces:
        bundle.append(each)
        length += each.stop - each.start if each.context is not None else 0
        if length >= size // 2:
            yield bundle
            bundle, length = [], 0
    if bundle:
        yield bundle


def _arrived(bundle: list[Piece], outcomes: list[_Outcome | None]) -> Iterator[tuple[Piece, _Outcome | None]]:
    found = iter(outcomes)
    for each in bundle:
        yield each, next(found) if each.context is not None else None


def _identity(file: BinaryIO) -> tuple[int, int, int]:
    told = fstat(file.fileno())
    return told.st_dev, told.st_ino, told.st_size


def _chunks(file: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
    """The bytes between two offsets, cut where the reader would cut the whole file: findings of one stretch are told
    in an order that hangs on it."""
    file.seek(start)
    while start < stop:
        chunk = file.read(min(AT_ONCE - start % AT_ONCE, stop - start))
        if not chunk:
            return
        start += len(chunk)
        yield chunk


class _Outer(Opener[Any]):
    """Follows the envelope of a whole file, past sets that others have followed."""

    def is_in(self, context: Context) -> bool:
        """Whether it stands between the sets of this group."""
        return self._header is None and (self._interchange, self._group) == context

    def pass_over(self, sets: int) -> None:
        self._sets += sets

    def is_repeated(self, number: str) -> bool:
        """Whether the group had a set of this control number before; it has one then."""
        known = number in self._control_numbers
        self._control_numbers.add(number)
        return known


class _Unfit(Exception):
    """A piece holds more than whole sets."""


class _Inner(Opener[Any]):
    """Follows the sets of a piece, and nothing else."""

    def __init__(self, begin: Begin, context: Context) -> None:
        super().__init__(begin)
        self._interchange, self._group = context

    @property
    def is_between(self) -> bool:
        """Whether no set is open."""
        return self._header is None

    def _take(self, one: Segment, batch: Batch) -> Iterator[Any]:
        if one.tag != "ST" and (one.tag != "SE" or self._header is None):
            raise _Unfit
        return super()._take(one, batch)

    def _is_repeated(self, number: str) -> bool:
        return True  # As far as it is known here: the sets before are others' to follow.


class _Line:
    """A file from its start to its end, whoever reads its pieces."""

    def __init__(self, begin: Begin) -> None:
        self._reader, self._opener = Midway(), _Outer(begin)
        self._segments = self._sets = 0  # since they were last told

    def take(self, chunk: bytes) -> Iterator[Finding | Passed]:
        """The findings of bytes that are read here."""
        yield from self._follow(self._reader.batches(chunk))
        yield self._passed(len(chunk))

    def last(self) -> Iterator[Finding]:
        """The findings of what is left when all was taken."""
        yield from self._follow(self._reader.close_batches())

    def end(self) -> Iterator[Finding | Passed]:
        """What is left open at the end."""
        yield from self._findings(self._opener.end())
        yield self._passed(0)

    def broken(self, error: MalformedInterchange) -> Iterator[Finding | Passed]:
        """What is left open where nothing more can be read; the error gets its place."""
        error.where = self._opener.locate(error.where)
        yield from self._findings(self._opener.cut())
        yield self._passed(0)

    def _follow(self, batches: Iterable[Batch]) -> Iterator[Finding]:
        for batch in batches:
            self._segments += len(batch.texts)
            yield from self._findings(self._opener.take(batch))

    def _findings(self, parts: Iterable[Any]) -> Iterator[Finding]:
        for part in parts:
            if isinstance(part, Finding):
                yield part
            elif isinstance(part, SetEnd):
                self._sets += 1

    def _passed(self, length: int) -> Passed:
        passed = Passed(bytes=length, segments=self._segments, sets=self._sets)
        self._segments = self._sets = 0
        return passed

    def fits(self, piece: Piece) -> bool:
        """Whether a piece begins where this stands, in the group that it was read for."""
        return piece.context is not None and self._reader.is_at(piece.start) and self._opener.is_in(piece.context)

    def join(self, piece: Piece, outcome: _Outcome) -> Iterator[Finding | Passed]:
        """The findings of a piece, as they would be if it had been read here."""
        length = piece.stop - piece.start
        before = self._reader.pass_over(length, outcome.segments)
        self._opener.pass_over(outcome.sets)
        at = 0
        for number, index, offset in outcome.numbers:
            if self._opener.is_repeated(number):
                yield from self._own(outcome.findings[at:index], before)
                at = index
                assert piece.context is not None, "workers read with one"
                place = replace(piece.context.place, set=number, segment=1, tag="ST", element=2, offset=offset)
                yield repeated_control_number(place)
        yield from self._own(outcome.findings[at:], before)
        yield Passed(bytes=length, segments=outcome.segments, sets=outcome.sets)

    def _own(self, findings: list[Finding], before: int) -> Iterator[Finding]:
        for each in findings:
            kind = each.rule.removeprefix("x12.codec.")
            if kind != each.rule and not self._reader.is_news(kind):
                continue
            where = each.where
            if isinstance(where, Position) and where.segment > _OUTSIDE:
                yield replace(each, where=replace(where, segment=where.segment - _OUTSIDE + before))
            else:
                yield each


def _find(path: Path, identity: tuple[int, int, int], pieces: list[Piece], begin: Begin) -> list[_Outcome | None]:
    """A worker's part: what is in these pieces; None for one that must be read where all is known."""
    if not pieces:
        return []
    with path.open("rb") as file:
        if _identity(file) != identity:
            fix = "Wait until it is whole, and try again"
            raise GatewayError("the file was changed while it was read", where=str(path), fix=fix)
        return [_find_one(file, each, begin) for each in pieces]


def _find_one(file: BinaryIO, piece: Piece, begin: Begin) -> _Outcome | None:
    assert piece.context is not None, "workers read with one"
    reader, opener, outcome = Midway(), _Inner(begin, piece.context), _Outcome()
    reader.begin(piece.context.interchange, piece.start, _OUTSIDE)
    known: set[str] = set()
    try:
        for chunk in _chunks(file, piece.start, piece.stop):
            for batch in reader.batches(chunk):
                outcome.segments += len(batch.texts)
                for part in opener.take(batch):
                    if isinstance(part, Finding):
                        _note(part, outcome, known)
                    else:
                        outcome.sets += isinstance(part, SetEnd)
            if len(outcome.findings) > FINDINGS_MAX:
                return None
    except (_Unfit, MalformedInterchange):
        return None
    return outcome if reader.is_at(piece.stop) and opener.is_between else None


def _note(finding: Finding, outcome: _Outcome, known: set[str]) -> None:
    where = finding.where
    if finding.rule != _REPEATED or not isinstance(where, Position) or where.set in known:
        outcome.findings.append(finding)
        return
    known.add(where.set)
    outcome.numbers.append((where.set, len(outcome.findings), where.offset))
