"""Carries files between the mailbox and the payer so that a kill at any instant neither loses nor doubles an answer.

A file is first moved from ``inbound`` to the archive, then dealt with in one transaction: its answers are written to
``ready`` before the commit that promises them. Publishing is one rename out of ``ready``: a promised answer that is no
longer there is out. It decides nothing and keeps partners' bytes as they came.
"""

import logging
import os
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from gateway.simulator.company import Company
from gateway.simulator.memory import Memory
from gateway.simulator.payer import Outgoing, Payer
from gateway.simulator.wire import Unreadable, read

UNFINISHED = ".part"

log = logging.getLogger(__name__)


class Mailroom:
    """One folder: ``sftp/inbound``, ``sftp/outbound``, ``archive``, ``ready``, ``journal.jsonl`` and the memory.

    ``is_open`` tells whether a partner is still writing a file of ``inbound``.
    """

    def __init__(
        self,
        folder: Path,
        company: Company,
        clock: Callable[[], datetime],
        is_open: Callable[[Path], bool] = lambda path: False,
    ) -> None:
        self.root = folder / "sftp"
        self.inbound, self.outbound = self.root / "inbound", self.root / "outbound"
        self._archive, self._ready, self._journal = folder / "archive", folder / "ready", folder / "journal.jsonl"
        for each in (self.inbound, self.outbound, self._archive, self._ready):
            each.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._memory = Memory(folder / "memory.sqlite3")
        self._payer = Payer(company, self._memory, clock)
        self._clock = clock
        self._is_open = is_open
        self._recover()

    def close(self) -> None:
        self._memory.close()

    def beat(self) -> int:
        """Takes what has come, sends what is due; the number of files moved either way."""
        arrived = [archived for path in self._arrivals() if (archived := self._accept(path))]
        for archived in arrived:
            self._deal_with(archived)
        moved = len(arrived) + self._publish()
        self.write_journal()  # Others note deeds too.
        return moved

    # Taking.

    def _arrivals(self) -> list[Path]:
        whole = []
        with os.scandir(self.inbound) as found:
            for each in found:
                with suppress(FileNotFoundError):  # Its partner took it back.
                    if each.is_file() and not each.name.endswith(UNFINISHED):
                        whole.append((each.stat().st_mtime_ns, each.name))
        paths = [self.inbound / name for _, name in sorted(whole)]
        return [path for path in paths if not self._is_open(path)]

    def _accept(self, path: Path) -> Path | None:
        """Into the archive, under a serial number: a partner may use a name again, or take a file back (None)."""
        plain = re.sub(r"[^A-Za-z0-9._-]", "_", path.name)[-100:]
        target = self._archive / f"{self._memory.next_serial('archive'):08}_{plain}"
        try:
            path.rename(target)
        except FileNotFoundError:
            return None
        return target

    def _deal_with(self, archived: Path) -> None:
        """Answers a file; one that this company stumbles over is set aside, and the others go on."""
        try:
            with self._memory.transaction():
                self._memory.take(archived.name)
                self._answer(archived)
        except Exception as error:
            log.error("file %s: %s", archived.name[:8], type(error).__name__)
            with self._memory.transaction():
                self._memory.take(archived.name)
                self._memory.note(did="failed", file=archived.name[:8], why=type(error).__name__)
        self.write_journal()

    def _answer(self, archived: Path) -> None:
        try:
            for interchange in read(archived.read_bytes()):
                for outgoing in self._payer.answer(interchange):
                    self._promise(outgoing)
        except Unreadable as error:
            self._memory.note(did="unreadable", file=archived.name[:8], why=str(error))

    def _promise(self, outgoing: Outgoing) -> None:
        due_at = self._clock().timestamp() + outgoing.delay_s
        for copy in range(outgoing.copies):
            name = f"{outgoing.kind}_{outgoing.serial:06}{'_again' * copy}.x12"
            (self._ready / name).write_bytes(outgoing.content)
            self._memory.promise(name, due_at)
            self._memory.note(did="promised", file=name, digest=sha256(outgoing.content).hexdigest())

    # Sending.

    def _publish(self) -> int:
        due = self._memory.promised(self._clock().timestamp())
        for name in due:
            ready = self._ready / name
            if ready.exists():
                ready.rename(self.outbound / name)
            self._memory.published(name)
        return len(due)

    # After a kill.

    def _recover(self) -> None:
        """Drops answers that were never promised, deals with what was archived only, and completes the journal."""
        promised = set(self._memory.promised())
        for path in self._ready.iterdir():
            if path.name not in promised:
                path.unlink()
        text = self._journal.read_bytes() if self._journal.exists() else b""
        whole = text.rfind(b"\n") + 1
        if whole < len(text):
            with self._journal.open("r+b") as file:
                file.truncate(whole)
        self._noted = text.count(b"\n")
        self.write_journal()
        for archived in sorted(self._archive.iterdir()):
            if not self._memory.is_taken(archived.name):
                self._deal_with(archived)

    def write_journal(self) -> None:
        """Adds the deeds that were noted since."""
        lines = self._memory.deeds(self._noted)
        if lines:
            with self._journal.open("a", encoding="utf-8") as file:
                file.write("".join(line + "\n" for line in lines))
            self._noted += len(lines)
