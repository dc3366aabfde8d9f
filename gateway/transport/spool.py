"""A temporary file whose content never lies on a disk in the clear.

What is small stays in memory. What is larger goes to a file without a name, encrypted with AES-CTR under a key of its
own that only this process's memory holds, so that nothing is left of it when the process ends. It hides content and
does not authenticate it: what a spool holds is only ever read by the process that wrote it.

Never written twice at one place: a counter that is used again would give away both contents.
"""

import io
import os
import secrets
import tempfile
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from gateway.errors import GatewayError

MEMORY_MAX = 1024 * 1024
PIECE = 256 * 1024
_BLOCK = 16

NewSpool = Callable[[], "Spool"]
"""Where code that needs several spools gets each of them from, such as ``partial(Spool, folder=...)``."""


class SpoolUnavailable(GatewayError):
    """There is no room for temporary content; trying again may help."""

    retryable = True


class Window(io.RawIOBase):
    """A range of a spool as a readable, seekable file with a position of its own. Any number may be open at once."""

    def __init__(self, spool: "Spool", start: int, size: int) -> None:
        assert 0 <= start <= start + size <= spool.size, "a window lies within its spool"
        self._spool = spool
        self._start = start
        self.size = size
        self._position = 0
        self._cipher: CipherContext | None = None
        self._cipher_at = -1

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, self.size - self._position)
        count = left if size is None or size < 0 else min(size, left)
        piece = self._read(self._start + self._position, count)
        self._position += len(piece)
        return piece

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # Buffer has no len()
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def part(self, start: int, size: int) -> "Window":
        """A window within this one."""
        assert 0 <= start <= start + size <= self.size, "a window lies within its window"
        return Window(self._spool, self._start + start, size)

    def again(self) -> "Window":
        """The same range from its start, with a position of its own."""
        return Window(self._spool, self._start, self.size)

    def pieces(self) -> Iterator[bytes]:
        """All of it from its start, whatever the position is, in pieces that go through memory fast."""
        window = self.again()
        while piece := window.read(PIECE):
            yield piece

    def _read(self, start: int, count: int) -> bytes:
        spool = self._spool
        if not count:
            return b""
        if start >= spool.sealed_size:
            return spool.tail(start, count)
        sealed = spool.sealed(start, min(count, spool.sealed_size - start))
        if self._cipher is None or self._cipher_at != start:
            self._cipher = spool.cipher(start)
        self._cipher_at = start + len(sealed)
        plain = self._cipher.update(sealed)
        return plain if len(plain) == count else plain + spool.tail(start + len(plain), count - len(plain))


class Spool:
    """Binary content that is appended to, then read from any place. Close it, or let it go: nothing is left of it.

    ``write`` appends. ``read``, ``seek`` and ``tell`` move a position of their own that starts at 0; ``window`` gives
    more of them. Not for two threads at once. Raises SpoolUnavailable where the disk is full or may not be used.
    """

    def __init__(self, *, folder: Path | None = None, limit_memory: int = MEMORY_MAX) -> None:
        self._folder = folder
        self._limit = limit_memory
        self._key = secrets.token_bytes(32)
        self._tail = bytearray()  # What is not in the file yet.
        self.sealed_size = 0
        self._descriptor = -1
        self._closer: weakref.finalize[..., Spool] | None = None
        self._sealing: CipherContext | None = None
        self._position = 0
        self._closed = False

    @property
    def size(self) -> int:
        """How many bytes were written."""
        return self.sealed_size + len(self._tail)

    @property
    def in_memory(self) -> bool:
        """No file was needed."""
        return self._descriptor < 0

    def write(self, content: bytes | bytearray | memoryview, /) -> int:
        """Append; how many bytes that were."""
        assert not self._closed, "the number of a closed file may be another file's by now"
        if len(self._tail) + len(content) <= (self._limit if self.in_memory else PIECE):
            self._tail += content
        else:
            self._seal(self._tail)
            self._tail = bytearray()
            self._seal(content)
        return len(content)

    def window(self, start: int = 0, size: int | None = None) -> Window:
        """A range as a file of its own; all of what was written so far when nothing is said."""
        return Window(self, start, self.size - start if size is None else size)

    def read(self, size: int = -1, /) -> bytes:
        left = max(0, self.size - self._position)
        piece = self.window(self._position, left if size < 0 else min(size, left)).read() if left else b""
        self._position += len(piece)
        return piece

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        """Give memory and disk back; nothing can be read any more."""
        self._tail = bytearray()
        self._limit = self.sealed_size = 0
        self._key = b""
        self._closed = True
        if self._closer is not None:
            self._closer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What a window needs of its spool.

    def tail(self, start: int, count: int) -> bytes:
        """Bytes that are still in memory."""
        with memoryview(self._tail) as view:
            return bytes(view[start - self.sealed_size : start - self.sealed_size + count])

    def sealed(self, start: int, count: int) -> bytes:
        """Bytes as they lie in the file."""
        try:
            piece = os.pread(self._descriptor, count, start)
        except OSError as error:
            raise _unavailable("read", error) from error
        if not piece:
            raise SpoolUnavailable("a temporary file has lost its end", fix="Look at the disk of the spool folder")
        return piece if len(piece) == count else piece + self.sealed(start + len(piece), count - len(piece))

    def cipher(self, start: int) -> CipherContext:
        """The key stream from this byte on."""
        context = Cipher(algorithms.AES(self._key), modes.CTR((start // _BLOCK).to_bytes(16, "big"))).encryptor()
        context.update(bytes(start % _BLOCK))
        return context

    def _seal(self, plain: bytes | bytearray | memoryview) -> None:
        try:
            if self.in_memory:
                self._create()
            with memoryview(plain) as view:
                for start in range(0, len(view), PIECE):
                    self._append(view[start : start + PIECE])
        except OSError as error:
            self.close()  # The key stream is ahead of the file: nothing more can be written.
            raise _unavailable("written", error) from error

    def _append(self, plain: memoryview) -> None:
        assert self._sealing is not None, "the file was created with its cipher"
        sealed = memoryview(self._sealing.update(plain))
        while sealed:
            written = os.pwrite(self._descriptor, sealed, self.sealed_size)
            self.sealed_size += written
            sealed = sealed[written:]

    def _create(self) -> None:
        if self._folder is not None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor, name = tempfile.mkstemp(prefix="spool-", dir=self._folder)
        Path(name).unlink()
        self._closer = weakref.finalize(self, os.close, self._descriptor)
        self._sealing = self.cipher(0)


def _unavailable(what: str, error: OSError) -> SpoolUnavailable:
    return SpoolUnavailable(
        f"temporary content cannot be {what} ({error.strerror or type(error).__name__})",
        fix="Free space or mend access to the spool folder; the transfer is tried again",
    )
