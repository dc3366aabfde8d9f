"""Content that is made while it is read: texts of ours and payloads between them, of a length that is known ahead."""

import io
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Protocol

from gateway.errors import GatewayError
from gateway.transport.as2.transfer import Encoding, encoded, encoded_length

PIECE = 256 * 1024


class Content(Protocol):
    """What can be made any number of times, always of the same length."""

    @property
    def length(self) -> int: ...

    def chunks(self) -> Iterator[bytes]: ...


class Text:
    """Bytes at hand."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self.length = len(text)

    def chunks(self) -> Iterator[bytes]:
        yield self._text


class Payload:
    """A document of ours in a transfer encoding. Raises GatewayError where it is not as long as it was said to be."""

    def __init__(self, source: Callable[[], BinaryIO], size: int, encoding: Encoding) -> None:
        self._source = source
        self._size = size
        self._encoding = encoding
        self._length = -1

    @property
    def length(self) -> int:
        if self._length < 0:
            if self._encoding == "base64":
                self._length = encoded_length(self._size)
            elif self._encoding == "quoted-printable":
                self._length = sum(map(len, self.chunks()))
            else:
                self._length = self._size
        return self._length

    def chunks(self) -> Iterator[bytes]:
        return encoded(self._plain(), self._encoding)

    def _plain(self) -> Iterator[bytes]:
        total = 0
        with self._source() as source:
            while piece := source.read(PIECE):
                total += len(piece)
                yield piece
        if total != self._size:
            fix = "Nothing whole was sent; look at the payload store"
            raise GatewayError(f"our own copy of the document has {total} bytes and not {self._size}", fix=fix)


class Joined:
    """One behind the other."""

    def __init__(self, parts: Iterable[Content | bytes]) -> None:
        self._parts = [Text(each) if isinstance(each, bytes) else each for each in parts]

    @property
    def length(self) -> int:
        return sum(each.length for each in self._parts)

    def chunks(self) -> Iterator[bytes]:
        for each in self._parts:
            yield from each.chunks()


class Reading(io.RawIOBase):
    """Content as a file that is read once, from its start."""

    def __init__(self, content: Content) -> None:
        self._chunks = content.chunks()
        self._pending = memoryview(b"")

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            rest = b"".join([bytes(self._pending), *self._chunks])
            self._pending = memoryview(b"")
            return rest
        if not self._pending:
            first = next(self._chunks, b"")
            if len(first) == size:
                return first
            self._pending = memoryview(first)
        got = [self._take(size)]
        missing = size - len(got[0])
        while missing and (following := next(self._chunks, b"")):
            self._pending = memoryview(following)
            got.append(self._take(missing))
            missing -= len(got[-1])
        return got[0] if len(got) == 1 else b"".join(got)

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # Buffer has no len()
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def _take(self, count: int) -> bytes:
        piece, self._pending = bytes(self._pending[:count]), self._pending[count:]
        return piece
