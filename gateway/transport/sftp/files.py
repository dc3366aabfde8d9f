"""Moves files over an SFTP session: bounded in memory, every answer looked at. Knows no folder and no partner."""

import io
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from typing import Any, cast

import paramiko
from paramiko import sftp as wire

from gateway.errors import PartnerUnreachable
from gateway.transport.base import PIECE
from gateway.transport.pickup import Listed

AHEAD = 2 * 1024 * 1024  # bytes asked for or sent, and not yet answered; more was no faster
PIECE_MAX = 255 * 1024  # bytes of one request, where the server says that it takes so much; OpenSSH's own limit
CHANNEL_PIECE = 32 * 1024 - 64  # what paramiko puts into one packet of the channel
GARBAGE = 1 << 24  # bytes of one reply that nothing of ours asked for
RESUMES_MAX = 20  # of one download, however much each brought

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
    Its buffer of what came is moved about for each reply; here all of it is taken at once.
    """

    def __init__(self, sock: paramiko.Channel) -> None:
        self._came, self._at = b"", 0  # What the channel gave, and how much of it was read.
        self.extensions: dict[bytes, bytes] = {}
        super().__init__(sock)
        self.read_max, self.write_max = self._limits()

    def _send_version(self) -> int:
        """draft-ietf-secsh-filexfer-02, 4: the answer carries the server's extensions, which paramiko throws away."""
        message = paramiko.Message()
        message.add_int(3)
        self._send_packet(wire.CMD_INIT, message)  # type: ignore[attr-defined]
        kind, answer = self._read_packet()
        if kind != wire.CMD_VERSION:
            raise paramiko.SFTPError("it is no SFTP server")
        told = paramiko.Message(answer)
        version = told.get_int()
        while told.get_remainder():
            name = told.get_binary()
            self.extensions[name] = told.get_binary()
        return version

    def _limits(self) -> tuple[int, int]:
        """The bytes of one read and of one write. Every server takes 32 KiB; OpenSSH's extension tells of more."""
        if b"limits@openssh.com" not in self.extensions:
            return PIECE, PIECE
        try:
            _, answer = self._request(wire.CMD_EXTENDED, b"limits@openssh.com")
        except Refusal:
            return PIECE, PIECE
        _, read_max, write_max = (answer.get_int64() for _ in range(3))
        return min(PIECE_MAX, read_max or PIECE), min(PIECE_MAX, write_max or PIECE)

    def _read_packet(self) -> tuple[int, bytes]:
        size = int.from_bytes(self._take(4), "big")
        if not 0 < size < GARBAGE:
            raise paramiko.SFTPError("a reply is too long")
        packet = self._take(size)
        return packet[0], packet[1:]

    def _take(self, count: int) -> bytes:
        """The next bytes of the channel. Raises EOFError where it ends."""
        if len(self._came) - self._at < count:
            parts = [self._came[self._at :]]
            have = len(parts[0])
            while have < count:
                part = self.sock.recv(AHEAD)
                if not part:
                    raise EOFError
                parts.append(part)
                have += len(part)
            self._came, self._at = b"".join(parts), 0
        self._at += count
        return self._came[self._at - count : self._at]

    def _write_all(self, out: bytes) -> None:
        """In packets of the channel's size: paramiko copies all that is left for each of them."""
        sent = 0
        while sent < len(out):
            count = self.sock.send(out[sent : sent + CHANNEL_PIECE])
            if count <= 0:
                raise EOFError
            sent += count

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

    def read(self, path: str) -> bytes:
        """The first piece of a file, which is all of a small one."""
        handle = self.open_handle(path, wire.SFTP_FLAG_READ)
        try:
            _, message = self._request(wire.CMD_READ, handle, wire.int64(0), PIECE)
            return message.get_binary()
        finally:
            self.close_handle(handle)

    def upload(self, path: str, content: Iterable[bytes]) -> int:
        """Writes a file anew; returns its bytes. Raises ``Refusal`` where a write or the close was refused."""
        handle = self.open_handle(path, wire.SFTP_FLAG_WRITE | wire.SFTP_FLAG_CREATE | wire.SFTP_FLAG_TRUNC)
        writes, total = _Writes(self), 0
        ahead = max(1, AHEAD // self.write_max)
        try:
            for piece in content:
                while writes.waiting >= ahead:
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
    """Streams one remote file, asking at most ``AHEAD`` in advance; proves at its end that it lay still.

    Where the connection ends, ``connect`` (given the client that failed) makes another one, and the download goes on at
    the byte where it was, if the file has still the size and time that were listed. ``pauses_s`` are the waits before
    each try; they are granted anew once bytes came.
    """

    def __init__(
        self,
        door: Door,
        connect: Callable[[Client | None], Client],
        path: str,
        entry: Listed,
        *,
        serial: bool = False,
        pauses_s: tuple[float, ...] = (),
    ) -> None:
        self._handle: Any = None
        self._door, self._connect, self._path, self._listed = door, connect, path, entry
        self._serial, self._pauses_s = serial, pauses_s
        self._given, self._resumes = 0, 0
        self._left, self._resumed_at = list(pauses_s), 0
        self._begin(connect(None))

    def _begin(self, client: Client) -> None:
        self._client = client
        self._ahead = client.read_max if self._serial else AHEAD
        self._asked = self._given
        self._waiting: dict[int, tuple[int, int]] = {}
        self._parts: dict[int, memoryview] = {}
        self._handle = client.open_handle(self._path, wire.SFTP_FLAG_READ)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed's Buffer has no len()
        with self._door():
            while True:
                try:
                    return self._read(buffer)
                except Refusal:
                    raise
                except LOST as error:
                    self._resume(error)

    def _read(self, buffer: bytearray | memoryview) -> int:
        if self._given == self._listed.size:
            self._prove_still()
            return 0
        self._fill()
        while self._given not in self._parts:
            self._client.listen()
            self._fill()
        part = self._parts.pop(self._given)  # From here on nothing may fail: what is given is not given again.
        count = min(len(part), len(buffer))
        buffer[:count] = part[:count]
        self._given += count
        if count < len(part):
            self._parts[self._given] = part[count:]
        return count

    def _resume(self, error: BaseException) -> None:
        """Raises ``error``, or the last one that followed it, where no try is left."""
        if self._given > self._resumed_at:
            self._left, self._resumed_at = list(self._pauses_s), self._given
        while self._left and self._resumes < RESUMES_MAX:
            self._resumes += 1
            time.sleep(self._left.pop(0))
            try:
                self._begin(self._connect(self._client))
                return self._prove_still()
            except Refusal as refusal:
                if refusal.code == wire.SFTP_NO_SUCH_FILE:
                    raise self._changed() from None
                raise
            except LOST as another:
                error = another
        raise error

    def _fill(self) -> None:
        while self._asked < self._listed.size and self._asked - self._given < self._ahead:
            length = min(self._client.read_max, self._listed.size - self._asked)
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
        if listed(self._listed.name, now, self._listed.place) != self._listed:
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


def listed(name: str, found: paramiko.SFTPAttributes, place: str = "") -> Listed:
    regular = found.st_mode is None or not stat.S_IFMT(found.st_mode) or stat.S_ISREG(found.st_mode)
    modified_ns = (found.st_mtime or 0) * 10**9
    return Listed(name=name, size=found.st_size or 0, modified_ns=modified_ns, regular=regular, place=place)
