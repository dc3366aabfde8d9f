"""What content is read from and written to, and structures whose length is known before they are made."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

Piece = bytes | memoryview


class Source(Protocol):
    """A binary file, read from where it stands. ``read`` may hand out less than it is asked for; b"" is the end."""

    def read(self, size: int, /) -> bytes: ...

    def tell(self) -> int: ...

    def seek(self, offset: int, /) -> object: ...


class Writable(Protocol):
    """``write`` takes all of a piece, and is done with it when it returns: its buffer is used again."""

    def write(self, content: Piece, /) -> object: ...


class Target(Writable, Protocol):
    """Where content is put that is not yet known to be good: a spool. Once closed, nothing can be read from it."""

    def close(self) -> object: ...


class Storage(Writable, Protocol):
    """An empty spool that is written, then read from its start."""

    def read(self, size: int, /) -> bytes: ...

    def seek(self, offset: int, /) -> object: ...


class Sized:
    """A structure in DER: ``length`` bytes, made while it is read, once, by iterating or by ``write_to``."""

    def __init__(self, length: int, pieces: Iterator[Piece]) -> None:
        self.length = length
        self._pieces: Iterator[Piece] | None = pieces

    def __iter__(self) -> Iterator[bytes]:
        """Pieces of some 256 KiB that stay as they are."""
        for piece in self._once():
            yield bytes(piece)

    def write_to(self, target: Writable) -> None:
        """The same without copies."""
        for piece in self._once():
            target.write(piece)

    def _once(self) -> Iterator[Piece]:
        # A second reading would encrypt whatever the source holds then under the same key and nonce.
        assert self._pieces is not None, "a structure is made once"
        pieces, self._pieces = self._pieces, None
        made = 0
        for piece in pieces:
            made += len(piece)
            yield piece
        assert made == self.length, "the length was computed ahead"


@contextmanager
def closed_on_error(target: Target) -> Iterator[None]:
    """Takes the target away where the content turns out not to be good."""
    try:
        yield
    except BaseException:
        target.close()
        raise
