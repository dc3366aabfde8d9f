"""Moves files over an SFTP session: bounded in memory, every answer looked at. Knows no folder and no partner."""

import io
import stat
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from typing import Any, cast

import paramiko
from paramiko import sftp as wire

from gateway.errors import PartnerUnreachable
from gateway.transport.base import PIECE, Listed

READ_AHEAD = 1024 * 1024  # bytes asked for and not yet delivered; more was no faster, and slower from 4 MiB on
WRITES_AHEAD = 64  # pieces sent and not yet answered

ANSWERS = {  # SSH_FXP_STATUS; 14 and 15 are of later drafts and sent by some servers all the same
    wire.SFTP_NO_SUCH_FILE: "no such file or folder",
    wire.SFTP_PERMISSION_DENIED: "permission denied",
    wire.SFTP_FAILURE: "failure",
    wire.SFTP_BAD_MESSAGE: "bad message",
    wire.SFTP_OP_UNSUPPORTED: "not supported",
    14: "no space left",
    15: "quota exceeded",
}
Door = Callable[[], AbstractContextManager[None]]  # where paramiko's errors become ours
LOST = (paramiko.SSHException, paramiko.SFTPError, OSError, EOFError)  # Catch ``Refusal`` first: it is an OSError.


class Refusal(OSError):
    """The server's SSH_FXP_STATUS other than OK; ``words`` are ours, because its own can name a file of theirs."""

    def __init__(self, code: int) -> None:
        super().__init__(f"status {code}")
        self.code = code
        self.words = ANSWERS.get(code, f"status {code}")


class _Text(paramiko.Message):
    """A reply whose names need not be UTF-8; what is not comes as lone surrogates, and ``name_fault`` finds it."""

    def get_text(self) -> str:
        return self.get_string().decode("utf-8", "surrogateescape")


class Client(paramiko.SFTPClient):
    """paramiko's client, with replies in any order, every write answered for, and names that are not UTF-8.

    Its own file object reads a whole file ahead, never looks at the answers to the last hundred writes, and swallows
    what close says. So files are moved here by the requests below it, which the stubs leave out: hence the ignores.
    """

    def _request(self, kind: int, *values: Any) -> tuple[int, _Text]:
        answer, message = super()._request(kind, *values)  # type: ignore[misc]
        return answer, _Text(message.get_remainder())

    def _convert_status(self, message: paramiko.Message) -> None:
        code = message.get_int()
        if code == wire.SFTP_EOF:
            raise EOFError
        if code != wire.SFTP_OK:
            raise Refusal(code)

    def ask(self, asker: object, kind: int, *values: Any) -> int:
        """Sends a request; its reply goes to ``asker._async_response(kind, message, number)`` in ``listen``."""
        return int(self._async_request(asker, kind, *values))  # type: ignore[attr-defined]

    def listen(self) -> None:
        """Takes one reply, of whichever request."""
        self._read_response()  # type: ignore[attr-defined]

    def open_handle(self, path: str, flags: int) -> bytes:
        answer, message = self._request(wire.CMD_OPEN, path, flags, paramiko.SFTPAttributes())
        if answer != wire.CMD_HANDLE:
            raise paramiko.SFTPError("a handle was expected")
        return message.get_binary()

    def close_handle(self, handle: bytes) -> None:
        self._request(wire.CMD_CLOSE, handle)

    def stat_handle(self, handle: bytes) -> paramiko.SFTPAttributes:
        _, message = self._request(wire.CMD_FSTAT, handle)
        return cast(paramiko.SFTPAttributes, paramiko.SFTPAttributes._from_msg(message))  # type: ignore[attr-defined]

    def upload(self, path: str, content: Iterable[bytes]) -> int:
        """Writes a file anew; returns its bytes. Raises ``Refusal`` where a write or the close was refused."""
        handle = self.open_handle(path, wire.SFTP_FLAG_WRITE | wire.SFTP_FLAG_CREATE | wire.SFTP_FLAG_TRUNC)
        writes, total = _Writes(self), 0
        try:
            for piece in content:
                while writes.waiting >= WRITES_AHEAD:
                    self.listen()
                if writes.refused:
                    break
                self.ask(writes, wire.CMD_WRITE, handle, wire.int64(total), piece)
                writes.waiting += 1
                total += len(piece)
        finally:
            while writes.waiting:
                self.listen()
            self.close_handle(handle)
        if writes.refused:
            raise writes.refused
        return total


class _Writes:
    """Counts the answers to an upload's writes, and keeps the first refusal."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.waiting = 0
        self.refused: Refusal | None = None

    def _async_response(self, kind: int, message: paramiko.Message, number: int) -> None:
        self.waiting -= 1
        try:
            self._client._convert_status(message)
        except Refusal as error:
            self.refused = self.refused or error


class Download(io.RawIOBase):
    """Streams one remote file, asking at most ``ahead`` bytes in advance; proves at its end that it lay still."""

    def __init__(self, door: Door, client: Client, path: str, entry: Listed, ahead: int) -> None:
        self._handle: Any = None
        self._door, self._client, self._path, self._listed, self._ahead = door, client, path, entry, ahead
        self._asked = self._given = 0
        self._waiting: dict[int, tuple[int, int]] = {}
        self._parts: dict[int, memoryview] = {}
        self._handle = client.open_handle(path, wire.SFTP_FLAG_READ)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed's Buffer has no len()
        with self._door():
            if self._given == self._listed.size:
                self._prove_still()
                return 0
            while self._given not in self._parts:
                self._fill()
                self._client.listen()
            part = self._parts.pop(self._given)
            count = min(len(part), len(buffer))
            buffer[:count] = part[:count]
            self._given += count
            if count < len(part):
                self._parts[self._given] = part[count:]
            self._fill()
            return count

    def _fill(self) -> None:
        while self._asked < self._listed.size and self._asked - self._given < self._ahead:
            length = min(PIECE, self._listed.size - self._asked)
            self._ask(self._asked, length)
            self._asked += length

    def _ask(self, offset: int, length: int) -> None:
        number = self._client.ask(self, wire.CMD_READ, self._handle, wire.int64(offset), length)
        self._waiting[number] = (offset, length)

    def _async_response(self, kind: int, message: paramiko.Message, number: int) -> None:
        offset, length = self._waiting.pop(number)
        if self.closed:
            return
        if kind == wire.CMD_STATUS:
            try:
                self._client._convert_status(message)
            except EOFError:
                raise self._changed() from None
        part = memoryview(message.get_binary())
        if not part:
            raise self._changed()
        self._parts[offset] = part
        if len(part) < length:  # Some servers answer with less than was asked for.
            self._ask(offset + len(part), length - len(part))

    def _prove_still(self) -> None:
        try:
            now = self._client.stat_handle(self._handle)
        except Refusal:  # Not every server can tell of an open file. Its name may have been moved away; that is well.
            try:
                now = self._client.stat(self._path)
            except Refusal:
                return
        if listed(self._listed.name, now) != self._listed:
            raise self._changed()

    def _changed(self) -> PartnerUnreachable:
        fix = "It is fetched again once it lies still"
        return PartnerUnreachable("the file changed while it was read", where=self._listed.without_name, fix=fix)

    def close(self) -> None:
        if self.closed:
            return
        super().close()
        if self._handle is None:  # It could not be opened.
            return
        self._parts.clear()
        with suppress(*LOST):
            self._client.close_handle(self._handle)


def listed(name: str, found: paramiko.SFTPAttributes) -> Listed:
    regular = found.st_mode is None or not stat.S_IFMT(found.st_mode) or stat.S_ISREG(found.st_mode)
    return Listed(name=name, size=found.st_size or 0, modified_ns=(found.st_mtime or 0) * 10**9, regular=regular)
