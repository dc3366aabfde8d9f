"""Payloads: the bytes of documents, sealed, named by a keyed hash of their content.

A file is a header (magic, chunk size, the payload's own key sealed with the keyring) and AES-256-GCM chunks that are
numbered, of which the last says so and carries the payload's id: nothing can be cut, swapped or reordered unseen. It is
written under a temporary name, brought to the disk, then renamed: a payload is there as a whole or not at all.
Never deletes a payload, never shows a plain byte on the disk.
"""

import io
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import GatewayError
from gateway.store.keys import OVERHEAD, Keyring, SealBroken
from gateway.store.session import NotInStore, StoreUnavailable

_MAGIC = b"GWP1"
_KEY_LENGTH = 32
_TAG_LENGTH = 16
_HEADER_LENGTH = len(_MAGIC) + OVERHEAD + _KEY_LENGTH
CHUNK = 64 * 1024
LEFT_OVER_S = 24 * 3600
"""A temporary file that is older than this belongs to nobody any more."""


class Shelf(Protocol):
    """Where the sealed files lie."""

    def write(self, chunks: Iterator[bytes], name: Callable[[], str]) -> None:
        """Write all chunks, then make them the file of this name at once; ``name`` is known after the last chunk."""

    def read(self, name: str) -> BinaryIO: ...

    def size(self, name: str) -> int: ...

    def names(self) -> Iterator[str]: ...

    def sweep(self) -> None:
        """Remove what was left over by programs that were killed while they wrote."""


class Payloads:
    """Sealed bytes by their content id."""

    def __init__(self, shelf: Shelf, keys: Keyring) -> None:
        self._shelf = shelf
        self._keys = keys

    def put(self, chunks: Iterable[bytes]) -> str:
        """Store the bytes; their content id. The same bytes again have the same id. Streams, whatever their size.

        Raises StoreUnavailable where they cannot be written (a full disk), and whatever the source of the chunks
        raises; then nothing of them is there.
        """
        sealing = _Sealing(self._keys)
        try:
            with _readable_errors("written"):
                self._shelf.write(sealing.seal(_source(chunks)), lambda: _name(sealing.content_id))
        except _SourceBroke as broke:
            raise broke.error from None
        return sealing.content_id

    def open(self, content_id: str) -> BinaryIO:
        """The plain bytes as a stream, which ``seek(0)`` begins anew.

        Raises NotInStore, or SealBroken at the first chunk that was tampered with.
        """
        with _readable_errors("read", content_id):
            sealed = self._shelf.read(_name(content_id))
        return io.BufferedReader(_Opening(sealed, content_id, self._keys), CHUNK)

    def read(self, content_id: str) -> bytes:
        """All of the plain bytes."""
        with self.open(content_id) as payload:
            return payload.read()

    def size(self, content_id: str) -> int:
        """How many plain bytes, without opening them."""
        with _readable_errors("read", content_id):
            sealed = self._shelf.size(_name(content_id)) - _HEADER_LENGTH
        chunks = -(-sealed // (CHUNK + _TAG_LENGTH))
        return sealed - chunks * _TAG_LENGTH

    def sweep(self) -> None:
        """Remove what programs that were killed in the middle of a ``put`` left over; call it at a start."""
        with _readable_errors("swept"):
            self._shelf.sweep()

    def rewrap(self) -> int:
        """Seal the key of every payload that an older key holds with the current one; how many those were."""
        done = 0
        for name in self._shelf.names():
            with _readable_errors("read", name):
                sealed = self._shelf.read(name)
            with sealed:
                header = sealed.read(_HEADER_LENGTH)
                if header[: len(_MAGIC)] != _MAGIC or self._keys.key_id(header[len(_MAGIC) :]) == self._keys.current:
                    continue
                key = self._keys.unseal(header[len(_MAGIC) :], "payload")
                fresh = _MAGIC + self._keys.seal(key, "payload")
                with _readable_errors("written"):
                    self._shelf.write(_then(fresh, sealed), lambda name=name: name)  # type: ignore[misc]
                done += 1
        return done


def shelf(place: str) -> Shelf:
    """A folder, or any fsspec URL (``s3://bucket/folder``) whose file system is installed."""
    if place.startswith("file://"):
        place = place.removeprefix("file://")
    if "://" in place:
        return _Bucket(place)
    return _Folder(Path(place))


class _Sealing:
    """Seals one payload as it streams by; ``content_id`` is known after the last chunk."""

    content_id = ""

    def __init__(self, keys: Keyring) -> None:
        self._keys = keys

    def seal(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        key = secrets.token_bytes(_KEY_LENGTH)
        cipher, digest = AESGCM(key), self._keys.content_hash()
        yield _MAGIC + self._keys.seal(key, "payload")
        number, pending = 0, bytearray()
        for chunk in chunks:
            digest.update(chunk)
            pending += chunk
            while len(pending) > CHUNK:  # The last chunk is never empty, but for an empty payload.
                yield cipher.encrypt(_nonce(number, last=False), bytes(pending[:CHUNK]), None)
                del pending[:CHUNK]
                number += 1
        self.content_id = digest.hexdigest()
        yield cipher.encrypt(_nonce(number, last=True), bytes(pending), self.content_id.encode())


class _Opening(io.RawIOBase):
    """Opens one payload as it streams by. It may be read again from its start, and from nowhere else."""

    def __init__(self, sealed: BinaryIO, content_id: str, keys: Keyring) -> None:
        self._sealed = sealed
        self._id = content_id
        header = sealed.read(_HEADER_LENGTH)
        if header[: len(_MAGIC)] != _MAGIC or len(header) < _HEADER_LENGTH:
            raise self._broken()
        self._cipher = AESGCM(keys.unseal(header[len(_MAGIC) :], "payload"))
        self._begin()

    def _begin(self) -> None:
        """Behind the header, before the first chunk."""
        self._number = self._place = 0
        self._plain = memoryview(b"")
        self._ended = False
        self._ahead = self._chunk()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if (offset, whence) == (0, io.SEEK_SET):
            with _readable_errors("read", self._id):
                self._sealed.seek(_HEADER_LENGTH)
            self._begin()
        elif (offset, whence) != (0, io.SEEK_CUR):
            raise io.UnsupportedOperation("a payload is read from its start")
        return self._place

    def readinto(self, buffer: Any, /) -> int:  # A writable buffer; Python 3.11 has no name for it.
        while not self._plain and not self._ended:
            self._plain = memoryview(self._next())
        count = min(len(buffer), len(self._plain))
        buffer[:count] = self._plain[:count]
        self._plain = self._plain[count:]
        self._place += count
        return count

    def close(self) -> None:
        self._sealed.close()
        super().close()

    def _next(self) -> bytes:
        chunk, self._ahead = self._ahead, self._chunk() if len(self._ahead) == CHUNK + _TAG_LENGTH else b""
        self._ended = not self._ahead
        bound = self._id.encode() if self._ended else None
        try:
            plain = self._cipher.decrypt(_nonce(self._number, last=self._ended), chunk, bound)
        except InvalidTag:
            raise self._broken() from None
        self._number += 1
        return plain

    def _chunk(self) -> bytes:
        with _readable_errors("read", self._id):
            return self._sealed.read(CHUNK + _TAG_LENGTH)

    def _broken(self) -> SealBroken:
        return SealBroken(
            f"payload {self._id} does not open: its file was cut or changed",
            fix="Restore it from a backup, and find out who writes to the payload folder",
        )


class _Folder:
    """A folder of a local file system; payloads are spread over 256 folders below it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unfinished = folder / "unfinished"

    def write(self, chunks: Iterator[bytes], name: Callable[[], str]) -> None:
        self._unfinished.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = self._unfinished / secrets.token_hex(12)
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            target = self._folder / name()
            if not target.parent.exists():
                target.parent.mkdir(mode=0o700, exist_ok=True)
                _settle(self._folder)
            temporary.replace(target)  # Also where it is there already: a damaged file is mended by the same bytes.
            _settle(target.parent)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise

    def read(self, name: str) -> BinaryIO:
        return (self._folder / name).open("rb")

    def size(self, name: str) -> int:
        return (self._folder / name).stat().st_size

    def names(self) -> Iterator[str]:
        for path in sorted(self._folder.glob("??/*")):
            yield f"{path.parent.name}/{path.name}"

    def sweep(self) -> None:
        for path in self._unfinished.glob("*"):
            with suppress(OSError):
                if path.stat().st_mtime < time.time() - LEFT_OVER_S:
                    path.unlink()


class _Bucket:
    """A folder behind fsspec; an object store shows an object when its upload is complete, so no rename is needed."""

    def __init__(self, url: str) -> None:
        import fsspec  # Slow to import, and most installations keep payloads in a folder.

        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise GatewayError(
                f"payloads cannot be kept at {url.partition('://')[0]}://", fix=f"Install what it needs: {error}"
            ) from error

    def write(self, chunks: Iterator[bytes], name: Callable[[], str]) -> None:
        temporary = f"{self._root}/unfinished/{secrets.token_hex(12)}"
        self._files.makedirs(f"{self._root}/unfinished", exist_ok=True)
        try:
            with self._files.open(temporary, "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
            target = f"{self._root}/{name()}"
            self._files.makedirs(target.rpartition("/")[0], exist_ok=True)
            self._files.mv(temporary, target)
        except BaseException:
            with suppress(OSError):
                self._files.rm(temporary)
            raise

    def read(self, name: str) -> BinaryIO:
        opened: BinaryIO = self._files.open(f"{self._root}/{name}", "rb")
        return opened

    def size(self, name: str) -> int:
        return int(self._files.size(f"{self._root}/{name}"))

    def names(self) -> Iterator[str]:
        for path in sorted(self._files.glob(f"{self._root}/??/*")):
            yield "/".join(path.split("/")[-2:])

    def sweep(self) -> None:
        """Nothing to do: an upload that broke off shows nothing, and the bucket's own rules end it."""


class _SourceBroke(Exception):
    """Carries an error of the chunks' source past those of the place that they are written to."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error


def _source(chunks: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from chunks
    except OSError as error:
        raise _SourceBroke(error) from error


class _readable_errors:
    """Turns what a file system raises into ours."""

    def __init__(self, what: str, content_id: str = "") -> None:
        self._what = what
        self._id = content_id

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FileNotFoundError) and self._id:
            raise NotInStore(
                f"there is no payload {self._id}",
                fix="Check that the payload folder is the one that belongs to this database",
            ) from error
        if isinstance(error, OSError):
            raise StoreUnavailable(
                f"a payload cannot be {self._what} ({error.strerror or type(error).__name__})",
                fix="Free space or mend access to the payload folder; nothing was kept of it, the work is tried again",
            ) from error


def _name(content_id: str) -> str:
    if len(content_id) != 64 or not set(content_id) <= set("0123456789abcdef"):
        raise NotInStore("this is no payload's id", fix="Take it from the document's row")
    return f"{content_id[:2]}/{content_id[2:]}"


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _then(head: bytes, rest: BinaryIO) -> Iterator[bytes]:
    yield head
    while chunk := rest.read(CHUNK):
        yield chunk


def _settle(folder: Path) -> None:
    """Wait until the folder's names are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
