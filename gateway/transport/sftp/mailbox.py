"""The mailbox on an SFTP server: what ``base.Transport`` promises, with paramiko's errors turned into ours."""

import stat
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from io import BufferedReader
from typing import BinaryIO, Self, cast

from paramiko import sftp as wire

from gateway.errors import Finding, GatewayError, PartnerRefused, PartnerUnreachable, SettingsInvalid
from gateway.transport.base import (
    PIECE,
    Arrival,
    Check,
    Outcome,
    outgoing_fault,
    pieces,
)
from gateway.transport.pickup import (
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
from gateway.transport.sftp.certificates import Now, attach, check_own, utc_now
from gateway.transport.sftp.files import LOST, Client, Download, Refusal, listed
from gateway.transport.sftp.keys import read_host_key, read_private_key
from gateway.transport.sftp.session import Connection, Session
from gateway.transport.sftp.settings import SftpSettings


class SftpTransport:
    """See ``base.Transport``. One session, opened when first needed and again after it was lost."""

    def __init__(
        self,
        settings: SftpSettings,
        *,
        clock: Clock = time.monotonic,
        sightings: Sightings | None = None,
        now: Now = utc_now,
    ) -> None:
        self.findings: list[Finding] = []
        self._settings = settings
        self._where = f"sftp {settings.host}:{settings.port}"
        self._sightings = sightings if sightings is not None else Sightings(clock, settings.settle_s)
        self._pins = [read_host_key(line) for line in settings.host_keys]
        self._key = read_private_key(settings.key, settings.key_passphrase) if settings.key else None
        self._certificate = attach(self._key, settings.certificate) if self._key and settings.certificate else None
        self._now = now
        self._session: Session | None = None
        self._client: Client | None = None
        if not self._pins:
            fix = "Ask the partner for its host key and name it in host_keys; it is never learnt by connecting"
            raise SettingsInvalid("no host key is pinned", where=self._where, fix=fix)
        first = Inbox(path=settings.inbox, pattern=settings.pattern, after=settings.after, archive=settings.archive)
        self._inboxes = by_place(first, settings.more, self._where)

    # Sending

    def send(self, name: str, payload: BinaryIO, size: int | None = None, *, reference: str = "") -> Outcome:
        if fault := outgoing_fault(name, self._settings.temporary_suffix):
            return Outcome.refused(fault)
        target = f"{self._settings.outbox}/{name}"
        temporary = target + self._settings.temporary_suffix
        with self._door(self._settings.outbox):
            client = self._connected()
            try:
                total = self._upload(client, temporary, pieces(payload, size, client.write_max))
                return self._reveal(client, temporary, target, total)
            except Refusal as error:
                self._discard(client, temporary)
                if error.code == wire.SFTP_PERMISSION_DENIED:
                    return Outcome.refused("the server forbids to write into the outbox, or to rename there")
                raise
            except GatewayError:
                self._discard(client, temporary)
                raise

    def _upload(self, client: Client, temporary: str, content: Iterable[bytes]) -> int:
        """Writes under the temporary name and proves it whole. Returns its bytes."""
        total = client.upload(temporary, content)
        try:
            found = client.stat(temporary).st_size
        except Refusal:
            return (
                total  # A drop box that shows nothing; each write was answered for. If it is gone, the rename says so.
            )
        if found is not None and found != total:
            fix = "Nothing was delivered; it is tried again"
            raise PartnerUnreachable(f"the server kept {found} bytes of {total}", where=self._where, fix=fix)
        return total

    def _reveal(self, client: Client, temporary: str, target: str, size: int) -> Outcome:
        """Gives the whole file its name. After that it is theirs and may be gone at once: nobody looks again."""
        try:
            try:
                client.posix_rename(temporary, target)
            except Refusal as error:
                if error.code == wire.SFTP_NO_SUCH_FILE:
                    suffix = self._settings.temporary_suffix
                    return Outcome.refused(
                        "the far side took the file away under its temporary name; "
                        f"ask the partner to leave *{suffix} alone, or set another temporary_suffix"
                    )
                return self._rename(client, temporary, target, size)  # The extension is missing, in whatever words.
        except Refusal:
            raise
        except LOST as error:
            self.close()
            return Outcome.unknown(f"the connection ended before the rename was answered ({_words(error)})")
        return Outcome.delivered()

    def _rename(self, client: Client, temporary: str, target: str, size: int) -> Outcome:
        """For servers without posix-rename, whose rename fails where the target exists (filexfer-02, 6.5)."""
        try:
            client.rename(temporary, target)
        except Refusal as error:
            try:
                lying = client.stat(target).st_size
            except Refusal:
                raise error from None
            if lying == size:  # An earlier try whose answer was lost: one name stands for the same bytes for ever.
                self._discard(client, temporary)
                return Outcome.delivered("it lay there already")
            client.remove(target)
            client.rename(temporary, target)
        return Outcome.delivered()

    def _discard(self, client: Client, path: str) -> None:
        with suppress(*LOST):
            client.remove(path)

    # Fetching

    def fetch(self, seen: Seen) -> Iterator[Arrival]:
        found, self.findings = look_into(self._inboxes.values(), self._look, lost=lambda: self._client is None)
        suffix = self._settings.temporary_suffix
        sifted = sift(found, suffix=suffix, sightings=self._sightings, seen=seen)
        self.findings += sifted.findings
        for each in sifted.committed:  # A crash came between our commit and the removal.
            try:
                self._settle(each)
            except GatewayError as error:
                if self._client is None:
                    raise
                self.findings.append(left_lying(each, error.what, fix=error.fix))
        for each in sifted.ready:
            if payload := self._open(each):
                with payload:
                    yield Arrival(
                        name=each.name,
                        size=each.size,
                        modified=each.modified,
                        key=each.key,
                        payload=cast(BinaryIO, payload),
                        listed=each,
                    )

    def _open(self, entry: Listed) -> BufferedReader | None:
        """The file, open; or None and a finding where it is gone or forbidden, which stops no other file."""
        settings, inbox = self._settings, self._inboxes[entry.place]
        with self._door(inbox.path):
            try:
                download = Download(
                    partial(self._door, inbox.path),
                    self._connected,
                    f"{inbox.path}/{entry.name}",
                    entry,
                    serial=settings.serial_reads,
                    pauses_s=settings.resume_pauses_s,
                )
                return BufferedReader(download, PIECE)
            except Refusal as error:
                fix = "It is tried at each poll; if it stays, ask the partner to let our login read it"
                self.findings.append(left_lying(entry, f"the server would not open it ({error.words})", fix=fix))
                return None

    def confirm(self, arrival: Arrival) -> None:
        self._settle(arrival.listed)

    def _settle(self, entry: Listed) -> None:
        """Removes or moves one committed file of theirs; does nothing where it is gone or has changed."""
        inbox = self._inboxes[entry.place]
        path = f"{inbox.path}/{entry.name}"
        if inbox.after == "keep":
            return
        with self._door(inbox.path):
            client = self._connected()
            try:
                if listed(entry.name, client.stat(path), entry.place) != entry:
                    return  # Another file has its name now, and comes by itself.
                if inbox.archive:
                    self._move(client, path, inbox.archive, entry)
                else:
                    client.remove(path)
            except Refusal as error:
                if error.code != wire.SFTP_NO_SUCH_FILE:  # They, or we before a crash, have taken it away.
                    raise

    def _move(self, client: Client, path: str, archive: str, entry: Listed) -> None:
        """Moves into the archive, never over another file there."""
        try:
            client.rename(path, f"{archive}/{entry.name}")
        except Refusal as error:
            client.stat(path)  # Raises where the file is gone, which is well.
            if error.code == wire.SFTP_NO_SUCH_FILE:
                fix = "Ask the partner to create it, or correct archive in its settings"
                raise PartnerRefused(f"there is no folder {archive}", where=self._where, fix=fix) from None
            client.rename(path, f"{archive}/{second_name(entry)}")

    # Looking

    def listing(self) -> tuple[Listed, ...]:
        suffix = self._settings.temporary_suffix
        return tuple(each for each in self._look(Inbox(path=self._settings.outbox)) if not each.name.endswith(suffix))

    def _look(self, inbox: Inbox) -> list[Listed]:
        with self._door(inbox.path):
            found = self._connected().listdir_attr(inbox.path)
        return [listed(each.filename, each, inbox.place) for each in found if not stat.S_ISDIR(each.st_mode or 0)]

    def probe(self, *, writing: bool = False) -> list[Check]:
        self.close()
        return checked(self._steps(writing))

    def _steps(self, writing: bool) -> Iterator[tuple[str, str]]:
        with self._door(""):
            yield from self._connect()
        folders = [("inbox", each.path) for each in self._inboxes.values()]
        folders += [("archive", each.archive) for each in self._inboxes.values() if each.archive]
        for step, folder in dict.fromkeys(folders):
            yield step, ""
            yield step, f"{folder} can be listed, and holds {len(self._look(Inbox(path=folder)))} files"
        yield "outbox", ""
        try:
            yield "outbox", f"{self._settings.outbox} can be listed, and holds {len(self.listing())} files"
        except PartnerRefused:
            yield "outbox", f"{self._settings.outbox} may not be listed; each upload is proved by its answers alone"
        if writing:
            yield from try_out(_ProbeBox(self), self._settings.temporary_suffix)

    # The session

    def close(self) -> None:
        session, self._session, self._client = self._session, None, None
        if session is not None:
            session.hang_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connected(self, failed: Client | None = None) -> Client:
        """The session's client; another than the one that ``failed``, which may not have noticed yet."""
        if failed is not None and failed is self._client:
            self.close()
        if self._session is None or self._client is None or not self._session.is_active():
            self.close()
            for _ in self._connect():
                pass
        assert self._client is not None, "the last step of _connect sets it"
        return self._client

    def _connect(self) -> Iterator[tuple[str, str]]:
        """Yields (step, "") before each step and (step, what was found) after it."""
        settings = self._settings
        yield "connect", ""
        tcp = Connection(settings.host, settings.port, settings.timeout_s)
        self._session = session = Session(tcp, settings, self._pins, self._now)
        watch = threading.Timer(3 * settings.timeout_s, session.hang_up)  # Some of paramiko's waits have no limit.
        watch.daemon = True
        watch.start()
        try:
            yield "connect", f"{settings.host}:{settings.port} answers"
            yield "algorithms", ""
            session.negotiate(self._where)
            yield "algorithms", session.agreed
            yield "host key", ""
            yield "host key", session.prove_host(self._pins, self._where)
            yield "login", ""
            own = check_own(self._certificate, self._now(), self._where) if self._certificate else ""
            session.login(self._key, self._where)
            yield "login", f"{settings.username} is let in{own and f'; {own}'}"
            yield "sftp", ""
            self._client = Client(session.channel())
            yield "sftp", "the server speaks SFTP"
        finally:
            watch.cancel()
            if self._client is None:
                self.close()

    @contextmanager
    def _door(self, folder: str) -> Iterator[None]:
        """Turns paramiko's errors into ours. Hangs up where the session is lost; a plain "no" leaves it open."""
        try:
            yield
        except Refusal as error:
            what, where = f"the server says: {error.words}", f"{self._where}, {folder}"
            if error.code == wire.SFTP_PERMISSION_DENIED:
                raise PartnerRefused(what, where=where, fix="Ask the partner for the right to it") from None
            fix = "It is tried again; the partner's disk may be full"
            if error.code == wire.SFTP_NO_SUCH_FILE:
                fix = "Ask the partner to create it, or correct its name in the settings; it is tried again"
            raise PartnerUnreachable(what, where=where, fix=fix) from None
        except LOST as error:
            self.close()
            what = f"the connection failed ({_words(error)})"
            fix = (
                "It is tried again; if it stays, ask the partner whether its server is up and lets our address through"
            )
            raise PartnerUnreachable(what, where=self._where, fix=fix) from error


class _ProbeBox:
    """See ``probing.Outbox``."""

    def __init__(self, transport: SftpTransport) -> None:
        self._transport, self._folder = transport, transport._settings.outbox

    @contextmanager
    def _client(self) -> Iterator[Client]:
        with self._transport._door(self._folder):
            yield self._transport._connected()

    def write(self, name: str, content: bytes) -> None:
        with self._client() as client:
            self._transport._upload(client, f"{self._folder}/{name}", [content])

    def read(self, name: str) -> bytes | None:
        with self._client() as client:
            try:
                return client.read(f"{self._folder}/{name}")
            except Refusal as error:
                if error.code == wire.SFTP_PERMISSION_DENIED:
                    return None
                raise

    def rename(self, old: str, new: str) -> None:
        with self._client() as client:
            client.rename(f"{self._folder}/{old}", f"{self._folder}/{new}")

    def remove(self, name: str) -> None:
        with self._client() as client:
            client.remove(f"{self._folder}/{name}")


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
