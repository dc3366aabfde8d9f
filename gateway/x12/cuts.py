"""Cuts a file of X12 into pieces that can be read on their own: some whole sets of one group, or anything else.

It reads as little as it can: an envelope up to the first ST of each group. From there it only looks for what would
begin a set or end the group. So its pieces are guesses: whoever takes one must see whether it is what it should be.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

from gateway.errors import MalformedInterchange, Position
from gateway.x12.codec import Reader
from gateway.x12.envelope import Opener, Whole
from gateway.x12.headers import GroupHeader, InterchangeHeader, SetHeader

_ENVELOPE = 4096  # Bytes read at once on the way to a group's first set.
_BLANKS_MAX = 64  # Before an ST; where there are more, nobody guesses.


class Context(NamedTuple):
    """What a set must know of what stands around it."""

    interchange: InterchangeHeader
    group: GroupHeader

    @property
    def place(self) -> Position:
        """The group as a whole."""
        return Position(interchange=self.interchange.control_number, group=self.group.control_number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The bytes of a file from ``start`` to before ``stop``; with a context, they are whole sets of its group."""

    start: int
    stop: int
    context: Context | None = None


class Midway(Reader):
    """A reader that can begin within an interchange, and go on behind what others have read of it."""

    def begin(self, interchange: InterchangeHeader, offset: int, ordinal: int) -> None:
        """Begins between two segments; ``ordinal`` is that of the one before."""
        self._marks = interchange.delimiters
        self._interchange = interchange.control_number
        self._begun = 1
        self._offset, self._ordinal = offset, ordinal
        self._learn(self._marks)

    def is_at(self, offset: int) -> bool:
        """Whether all segments before this offset were read, and nothing else."""
        return self._offset == offset and self._at == len(self._pending) and self._marks is not None

    def pass_over(self, length: int, segments: int) -> int:
        """Goes on behind bytes that others have read; returns how many segments were before them."""
        before = self._ordinal
        self._offset += length
        self._ordinal += segments
        return before

    def is_news(self, kind: str) -> bool:
        """Whether no oddity of this kind was told of this interchange; from now on, one was."""
        if kind in self._told:
            return False
        self._told.add(kind)
        return True


def cut(file: BinaryIO, size: int, length: int) -> Iterator[Piece]:
    """The pieces of a file of so many bytes, in order and without gaps; those with a context have about this length,
    or that of one set where it is longer. The file may be read elsewhere between two of them."""
    at, interchange = 0, None
    while at < size:
        found = _first_set(file, at, interchange)
        if found is None:
            break
        start, st, context = found
        if start > at:
            yield Piece(start=at, stop=start)
        at = start
        for stop in _ends_of_sets(file, start, st - start, context.interchange, length):
            yield Piece(start=at, stop=stop, context=context)
            at = stop
        if at == start:
            break
        interchange = context.interchange
    if at < size:
        yield Piece(start=at, stop=size)


def _first_set(file: BinaryIO, at: int, interchange: InterchangeHeader | None) -> tuple[int, int, Context] | None:
    """Where the blanks before the next group's first ST begin, and where it does itself; None where that is unclear."""
    scout, reader = _Scout(interchange), Midway()
    if interchange is not None:
        reader.begin(interchange, at, 1)
    reached, before = at, b""
    while scout.found is None:
        file.seek(reached)
        chunk = file.read(_ENVELOPE)
        if not chunk or not scout.follow(reader, chunk):
            return None
        if scout.found is None:
            reached += len(chunk)
            before = chunk
    header = scout.found
    if header.group is None:
        return None
    read = before[-_BLANKS_MAX:] + chunk
    st = header.st.offset - reached + len(before[-_BLANKS_MAX:])
    end = read.rfind(header.interchange.delimiters.terminator.encode(), 0, st) + 1
    if not 0 < end <= st or st - end > _BLANKS_MAX:
        return None
    return header.st.offset - (st - end), header.st.offset, Context(header.interchange, header.group)


class _Scout(Opener[Any]):
    """Goes as far as the first set."""

    def __init__(self, interchange: InterchangeHeader | None) -> None:
        super().__init__(self._begin_set)
        self._interchange = interchange
        self.found: SetHeader | None = None

    def _begin_set(self, header: SetHeader) -> Whole:
        self.found = self.found or header
        return Whole(header)

    def follow(self, reader: Reader, chunk: bytes) -> bool:
        """Whether the chunk could be read, as far as a set."""
        try:
            for batch in reader.batches(chunk):
                for _ in self.take(batch):
                    if self.found is not None:
                        return True
        except MalformedInterchange:
            return self.found is not None
        return True


def _ends_of_sets(file: BinaryIO, start: int, indent: int, header: InterchangeHeader, length: int) -> Iterator[int]:
    """Offsets behind a terminator, where a set seems to begin or at last the group to end. From a place behind the
    terminator of GS on; ``indent`` bytes stand between a terminator and a tag."""
    file.seek(start)
    read = file.read(indent)
    mark, element = header.delimiters.terminator.encode(), header.delimiters.element.encode()
    next_set, end_of_group = mark + read + b"ST" + element, mark + read + b"GE" + element
    overlap = len(next_set) - 1
    reached = start + indent  # All before it was looked through.
    while True:
        file.seek(reached)
        read = file.read(length)
        end = read.find(end_of_group)
        found = end if end >= 0 else read.rfind(next_set)
        if found >= 0:
            yield reached + found + len(mark)
        if end >= 0 or len(read) <= overlap:
            return
        reached += len(read) - overlap
