"""A mailbox of two folders, on this machine or a mounted share. Never follows a link or overwrites a file of theirs."""

import errno
import io
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar, Self, cast

from gateway.errors import Finding, GatewayError, PartnerRefused, PartnerUnreachable
from gateway.transport.base import (
    PIECE,
    Arrival,
    Check,
    Outcome,
    outgoing_fault,
    pieces,
)
from gateway.transport.pickup import (
    SETTLE_S,
    After,
    Clock,
    Inbox,
    Listed,
    Seen,
    Sightings,
    by_place,
    left_lying,
    look_into,
    second_name,
    sift,
)
from gateway.transport.probing import checked, try_out

FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectorySettings:
    """``inbox`` is where the partner puts files, ``outbox`` where we put ours, ``archive`` where taken ones go."""

    kind: ClassVar[str] = "directory"
    inbox: str
    outbox: str
    archive: str = ""
    after: After = "remove"
    pattern: str = "*"
    more: tuple[Inbox, ...] = ()
    temporary_suffix: str = ".part"
    settle_s: float = SETTLE_S


def opened(settings: DirectorySettings, clock: Clock, sightings: Sightings | None) -> "DirectoryTransport":
    return DirectoryTransport(settings, clock=clock, sightings=sightings)


class DirectoryTransport:
    """See ``base.Transport``."""

    def __init__(
        self, settings: DirectorySettings, *, clock: Clock = time.monotonic, sightings: Sightings | None = None
    ) -> None:
        self.findings: list[Finding] = []
        self._settings = settings
        self._outbox = Path(settings.outbox)
        first = Inbox(path=settings.inbox, pattern=settings.pattern, after=settings.after, archive=settings.archive)
        self._inboxes = by_place(first, settings.more, settings.inbox)
        self._sightings = sightings if sightings is not None else Sightings(clock, settings.settle_s)

    def send(self, name: str, payload: BinaryIO, size: int | None = None, *, reference: str = "") -> Outcome:
        if fault := outgoing_fault(name, self._settings.temporary_suffix):
            return Outcome.refused(fault)
        with _door(self._outbox):
            try:
                self._publish(self._outbox / name, pieces(payload, size))
            except OSError as error:
                if error.errno in FORBIDDEN:
                    return Outcome.refused(f"writing into the outbox is forbidden ({error.strerror})")
                raise
        return Outcome.delivered()

    def fetch(self, seen: Seen) -> Iterator[Arrival]:
        found, self.findings = look_into(self._inboxes.values(), _look)
        suffix = self._settings.temporary_suffix
        sifted = sift(found, suffix=suffix, sightings=self._sightings, seen=seen)
        self.findings += sifted.findings
        for each in sifted.committed:  # A crash came between our commit and the removal.
            try:
                self._settle(each)
            except GatewayError as error:
                self.findings.append(left_lying(each, error.what, fix=error.fix))
        for each in sifted.ready:
            try:
                payload = io.BufferedReader(_Unchanged(self._path(each), each), PIECE)
            except OSError as error:
                fix = "Give the gateway the right to read it; it is tried at each poll"
                self.findings.append(left_lying(each, f"it cannot be opened ({error.strerror})", fix=fix))
                continue
            with payload:
                yield Arrival(
                    name=each.name,
                    size=each.size,
                    modified=each.modified,
                    key=each.key,
                    payload=cast(BinaryIO, payload),
                    listed=each,
                )

    def confirm(self, arrival: Arrival) -> None:
        self._settle(arrival.listed)

    def listing(self) -> tuple[Listed, ...]:
        entries = _look(Inbox(path=str(self._outbox)))
        return tuple(each for each in entries if not each.name.endswith(self._settings.temporary_suffix))

    def probe(self, *, writing: bool = False) -> list[Check]:
        return checked(self._steps(writing))

    def _steps(self, writing: bool) -> Iterator[tuple[str, str]]:
        wanted = []
        for each in self._inboxes.values():
            mode = os.R_OK | os.X_OK | (os.W_OK if each.after != "keep" else 0)
            wanted.append(("inbox", Path(each.path), mode))
            if each.archive:
                wanted.append(("archive", Path(each.archive), os.W_OK | os.X_OK))
        for step, folder, mode in dict.fromkeys((*wanted, ("outbox", self._outbox, os.W_OK | os.X_OK))):
            yield step, ""
            if not folder.is_dir():
                raise PartnerUnreachable(f"{folder} is not a folder", fix="Create it, or mount its share")
            if not os.access(folder, mode):
                raise PartnerRefused(f"{folder} may not be used", fix="Give the gateway's user the right to it")
            yield step, f"{folder} can be used"
        if writing:
            yield from try_out(_ProbeBox(self._outbox), self._settings.temporary_suffix)

    def close(self) -> None:
        """Nothing stays open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _settle(self, listed: Listed) -> None:
        """Removes or moves one committed file of theirs; nothing where it is gone or has changed."""
        inbox, path = self._inboxes[listed.place], self._path(listed)
        if inbox.after == "keep":
            return
        with _door(path.parent), suppress(FileNotFoundError):  # They, or we before a crash, have taken it away.
            if _listed(listed.name, path.lstat(), listed.place) != listed:
                return  # Another file has its name now, and comes by itself.
            if inbox.archive:
                self._move(path, Path(inbox.archive), listed)
            path.unlink()
            _sync(path.parent)

    def _path(self, listed: Listed) -> Path:
        return Path(self._inboxes[listed.place].path) / listed.name

    def _move(self, path: Path, archive: Path, listed: Listed) -> None:
        """Copies into the archive, which may be another file system, without overwriting another file of that name."""
        with path.open("rb") as source, _door(archive):
            target = archive / listed.name
            if target.exists():
                target = archive / second_name(listed)
            self._publish(target, pieces(source, listed.size))

    def _publish(self, target: Path, content: Iterable[bytes]) -> None:
        """Whoever looks at the folder sees a whole file or none, also after a power cut."""
        temporary = target.with_name(target.name + self._settings.temporary_suffix)
        try:
            with temporary.open("wb") as file:
                for piece in content:
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        _sync(target.parent)


class _ProbeBox:
    """See ``probing.Outbox``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, content: bytes) -> None:
        with _door(self._folder), (self._folder / name).open("xb") as file:
            file.write(content)

    def read(self, name: str) -> bytes | None:
        with _door(self._folder):
            try:
                return (self._folder / name).read_bytes()
            except PermissionError:
                return None

    def rename(self, old: str, new: str) -> None:
        with _door(self._folder):
            (self._folder / old).rename(self._folder / new)

    def remove(self, name: str) -> None:
        with _door(self._folder):
            (self._folder / name).unlink()


class _Unchanged(io.RawIOBase):
    """Reads a file, and says so at its end if it isn't the one that was listed."""

    def __init__(self, path: Path, listed: Listed) -> None:
        self._folder, self._listed = path.parent, listed
        self._file = open(  # noqa: SIM115 - closed by close(); a link put there meanwhile isn't followed.
            path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
        )

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed's Buffer has no len()
        with _door(self._folder):
            count = self._file.readinto(buffer)
        if not count and len(buffer) and self._now() != self._listed:
            fix = "It is fetched again once it lies still"
            raise PartnerUnreachable("the file changed while it was read", where=self._listed.without_name, fix=fix)
        return count

    def _now(self) -> Listed:
        return _listed(self._listed.name, os.fstat(self._file.fileno()), self._listed.place)

    def close(self) -> None:
        if not self.closed and hasattr(self, "_file"):
            self._file.close()
        super().close()


def _look(inbox: Inbox) -> list[Listed]:
    """Everything in a folder but folders. What vanishes meanwhile is left out."""
    entries = []
    with _door(Path(inbox.path)), os.scandir(inbox.path) as found:
        for each in found:
            with suppress(FileNotFoundError):
                status = each.stat(follow_symlinks=False)
                if not stat.S_ISDIR(status.st_mode):
                    entries.append(_listed(each.name, status, inbox.place))
    return entries


def _listed(name: str, status: os.stat_result, place: str) -> Listed:
    regular = stat.S_ISREG(status.st_mode)
    return Listed(name=name, size=status.st_size, modified_ns=status.st_mtime_ns, regular=regular, place=place)


def _sync(folder: Path) -> None:
    """Makes a rename or removal durable. Some network mounts refuse to sync a folder, and are durable without."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _door(folder: Path) -> Iterator[None]:
    """Turns the operating system's errors into ours. Says the folder and never a file's name."""
    try:
        yield
    except OSError as error:
        where, what = str(folder), error.strerror or type(error).__name__
        if error.errno in FORBIDDEN:
            fix = "Give the gateway's user the right to read, write and remove there"
            raise PartnerRefused(f"the folder may not be used ({what})", where=where, fix=fix) from error
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise PartnerUnreachable("the disk is full", where=where, fix="Make room; it is tried again") from error
        fix = "Create the folder, or mount its share; it is tried again"
        raise PartnerUnreachable(f"the folder cannot be used ({what})", where=where, fix=fix) from error
