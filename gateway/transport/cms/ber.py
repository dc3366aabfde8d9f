"""Reads BER as a stream and writes the beginnings of DER structures. X.690; the rules for CMS are RFC 5652's.

Large octet strings pass through in pieces, whatever their form; all else is small, bounded in size and depth, and comes
out with definite lengths. Never interprets what it reads.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import NoReturn

from gateway.transport.cms.errors import Malformed, TooLarge
from gateway.transport.cms.streams import Source

PIECE = 256 * 1024
"""Bytes of content that are in memory at a time."""
SMALL_MAX = 256 * 1024
"""Bytes of a structure that is read as a whole; a chain of certificates takes some 10,000."""
DEPTH_MAX = 32
SEGMENTS_FREE = 4096
SEGMENT_MEAN_MIN = 64
"""Of an octet string in more than SEGMENTS_FREE segments, each has this many bytes on average."""

INTEGER, OCTET_STRING, OBJECT_IDENTIFIER, SEQUENCE, SET = 0x02, 0x04, 0x06, 0x30, 0x31
CONSTRUCTED = 0x20

_END = b"\0\0"


class Reader:
    """One BER structure in a stream, read forwards.

    The source belongs to the reader, which reads ahead. All methods raise Malformed or TooLarge, with the byte where
    reading stopped.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._origin = -1
        with suppress(OSError):  # What cannot be sought in has no place either.
            self._origin = source.tell()
        self._piece = b""
        self._at = 0  # in the piece
        self._passed = 0  # bytes before the piece
        self._frames: list[tuple[int | None, int | None]] = []  # of each open structure: its end, the bound before it
        self._bound: int | None = None  # the end of the innermost structure of definite length

    @property
    def position(self) -> int:
        """Bytes from the start of the structure."""
        return self._passed + self._at

    def again(self, position: int) -> "Reader":
        """A reader of what stands at this position, once this one has done its work. Needs a seekable source."""
        if self._origin < 0:
            raise Malformed("it must be read twice, and comes as a stream", fix="Put it into a file first")
        self._source.seek(self._origin + position)
        return Reader(self._source)

    def enter(self, tag: int) -> None:
        """Step into the constructed structure that comes next."""
        found, length = self._header()
        if found != tag:
            self._refuse(f"a structure with tag {tag:#04x} is missing, {found:#04x} stands in its place")
        self._open(length)

    def leave(self) -> None:
        """Step out of the innermost structure, which must have been read to its end."""
        if not self.at_end():
            self._refuse("there is more in a structure than belongs into it")
        end, self._bound = self._frames.pop()
        if end is None:
            self._take(2)

    def at_end(self) -> bool:
        """Whether the innermost structure has no further element."""
        end = self._frames[-1][0]
        return self._peek(2) == _END if end is None else self.position == end

    def next_tag(self) -> int:
        """The tag of what comes next in the innermost structure; -1 at its end."""
        return -1 if self.at_end() else (self._peek(1) or b"\0")[0]

    def finish(self) -> None:
        """All structures are left, and nothing follows."""
        assert not self._frames, "whoever enters a structure leaves it"
        if self._peek(1):
            self._refuse("bytes follow after the end of the structure")

    def element(self) -> bytes:
        """The next element as a whole: small, with definite lengths, octet strings in one part."""
        tag, length = self._header()
        if length is not None and length > SMALL_MAX:
            self._refuse_size()
        if not tag & CONSTRUCTED:
            assert length is not None, "only constructed elements have no length"
            return tlv(tag, self._take(length))
        self._open(length)
        parts: list[bytes] = []
        room = SMALL_MAX
        while not self.at_end():
            parts.append(self.element())
            room -= len(parts[-1])
            if room < 0:
                self._refuse_size()
        self.leave()
        if tag != OCTET_STRING | CONSTRUCTED:
            return tlv(tag, *parts)
        if any(part[0] != OCTET_STRING for part in parts):
            self._refuse("an octet string has parts of another kind")
        return tlv(OCTET_STRING, *(content(part) for part in parts))

    def octets(self, tag: int) -> Iterator[bytes]:
        """The content of the octet string that comes next, in pieces of at most PIECE bytes.

        ``tag`` is that of its primitive form. Segments of a constructed one are put together to larger pieces.
        """
        found, length = self._header()
        if found == tag and length is not None:
            yield from self._run(length)
        elif found == tag | CONSTRUCTED:
            yield from _gathered(self._segments(length))
        else:
            self._refuse(f"an octet string with tag {tag:#04x} is missing, {found:#04x} stands in its place")

    def _segments(self, length: int | None) -> Iterator[bytes]:
        """The parts of a constructed octet string, however deep they are nested."""
        outside = len(self._frames)
        start, count = self.position, 0
        self._open(length)
        while len(self._frames) > outside:
            if whole := self._segments_at_hand():
                count += len(whole)
                yield b"".join(whole)
            elif self.at_end():
                self.leave()
            else:
                count += 1
                yield from self._segment()
            if count > SEGMENTS_FREE and self.position - start < count * SEGMENT_MEAN_MIN:
                raise TooLarge(
                    "an octet string is cut into too many small segments",
                    where=f"byte {self.position}",
                    fix="Ask the sender for larger segments; some 1,000 bytes or more are usual",
                )

    def _segment(self) -> Iterator[bytes]:
        """Any part of a constructed octet string; one that has parts itself is stepped into."""
        tag, length = self._header()
        if tag == OCTET_STRING and length is not None:
            yield from self._run(length)
        elif tag == OCTET_STRING | CONSTRUCTED:
            self._open(length)
        else:
            self._refuse("an octet string has parts of another kind")

    def _segments_at_hand(self) -> list[bytes]:
        """The usual parts that lie in the piece as a whole: with these in one go, small segments cost little."""
        piece, at = self._piece, self._at
        end = len(piece) if self._bound is None else min(len(piece), self._bound - self._passed)
        found: list[bytes] = []
        while at + 4 <= end and piece[at] == OCTET_STRING:
            size, start = piece[at + 1], at + 2
            if size == 0x82:
                size, start = piece[at + 2] << 8 | piece[at + 3], at + 4
            elif size == 0x81:
                size, start = piece[at + 2], at + 3
            if start + size > end or piece[at + 1] > 0x82 or piece[at + 1] == 0x80:
                break
            at = start + size
            found.append(piece[start:at])
        self._at = at
        return found

    def _run(self, length: int) -> Iterator[bytes]:
        """The next bytes, as many as ``length``, without gathering them."""
        while length:
            ready = len(self._piece) - self._at
            if not ready:
                self._next_piece()
                ready = len(self._piece)
                if not ready:
                    self._refuse_end()
            taken = min(ready, length)
            start, self._at = self._at, self._at + taken
            length -= taken
            yield self._piece if taken == len(self._piece) else self._piece[start : start + taken]

    def _header(self) -> tuple[int, int | None]:
        """Tag and length of what comes next; no length where only its end is marked."""
        tag, first = self._take(2)
        if tag & 0x1F == 0x1F:
            self._refuse("a tag of several bytes is not known in CMS")
        length: int | None = first
        if first == 0x80:
            if not tag & CONSTRUCTED:
                self._refuse("a primitive element has no length")
            return tag, None
        if first > 0x80:
            if first > 0x88:
                self._refuse("a length has too many bytes")
            length = int.from_bytes(self._take(first & 0x7F), "big")
        if self._bound is not None and self.position + (length or 0) > self._bound:
            self._refuse("an element is longer than the structure that it lies in")
        return tag, length

    def _open(self, length: int | None) -> None:
        if len(self._frames) >= DEPTH_MAX:
            raise TooLarge(
                f"structures lie more than {DEPTH_MAX} deep in each other",
                where=f"byte {self.position}",
                fix="No CMS message needs that; ask the sender what made it",
            )
        end = None if length is None else self.position + length
        self._frames.append((end, self._bound))
        if end is not None:
            self._bound = end

    def _peek(self, count: int) -> bytes:
        """Up to ``count`` bytes that come next; fewer at the end."""
        while len(self._piece) - self._at < count and (more := self._source.read(PIECE)):
            self._passed += self._at
            self._piece, self._at = self._piece[self._at :] + more, 0
        return self._piece[self._at : self._at + count]

    def _take(self, count: int) -> bytes:
        if self._bound is not None and self.position + count > self._bound:
            self._refuse("an element is longer than the structure that it lies in")
        taken = self._peek(count)
        if len(taken) < count:
            self._refuse_end()
        self._at += count
        return taken

    def _next_piece(self) -> None:
        self._passed += len(self._piece)
        self._piece, self._at = self._source.read(PIECE), 0

    def _refuse(self, what: str) -> NoReturn:
        raise Malformed(
            what, where=f"byte {self.position}", fix="Ask the sender to send it again; it is damaged, or no CMS message"
        )

    def _refuse_end(self) -> NoReturn:
        raise Malformed(
            "it stops in the middle of a structure",
            where=f"byte {self._passed + len(self._piece)}",
            fix="Ask the sender to send it again; the transfer was cut short",
        )

    def _refuse_size(self) -> NoReturn:
        raise TooLarge(
            f"a structure beside the content has more than {SMALL_MAX} bytes",
            where=f"byte {self.position}",
            fix="Ask the sender to leave out certificates and attributes that are not needed",
        )


def _gathered(segments: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer pieces, of at most PIECE bytes each."""
    waiting: list[bytes] = []
    size = 0
    for segment in segments:
        if size + len(segment) > PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
        waiting.append(segment)
        size += len(segment)
    yield b"".join(waiting)


def content(element: bytes) -> bytes:
    """What is in an element of definite length."""
    first = element[1]
    return element[2 if first < 0x80 else 2 + (first & 0x7F) :]


def octets(element: bytes) -> bytes:
    """What is in an octet string. Raises ValueError where the element is none."""
    if element[0] != OCTET_STRING:
        raise ValueError("no octet string")
    return content(element)


def tlv(tag: int, *parts: bytes) -> bytes:
    """An element in DER."""
    body = b"".join(parts)
    return head(tag, body, 0)


def head(tag: int, start: bytes, rest: int) -> bytes:
    """The beginning of an element in DER: tag, length, start of its content; ``rest`` bytes of it are still to come."""
    size = len(start) + rest
    if size < 0x80:
        return bytes((tag, size)) + start
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + start


def children(element: bytes) -> list[bytes]:
    """The elements in a constructed one that ``Reader.element`` handed out. Raises Malformed for a primitive one."""
    if not element[0] & CONSTRUCTED:
        raise Malformed(
            "an element has no parts where some belong", fix="Ask the sender to send it again; it is damaged"
        )
    body, found, start = content(element), [], 0
    while start < len(body):
        first = body[start + 1]
        begins = start + 2 if first < 0x80 else start + 2 + (first & 0x7F)
        size = first if first < 0x80 else int.from_bytes(body[start + 2 : begins], "big")
        found.append(body[start : begins + size])
        start = begins + size
    return found
