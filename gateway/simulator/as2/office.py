"""AS2 as a whole, as the process uses it: identity, records, desk, listener and sender on the company's folder."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from gateway.simulator.as2.agreement import Agreement
from gateway.simulator.as2.desk import Desk, Rooms
from gateway.simulator.as2.identity import Identity, identity
from gateway.simulator.as2.listener import PATH, Listener
from gateway.simulator.as2.records import Records
from gateway.simulator.as2.sender import Sender

FOLDER = "as2"


class Office:
    """Made on the folder of a mailroom that is there already; ``open`` begins, ``close`` ends.

    ``changed`` is called, from any thread, whenever something has come into ``inbound`` or the journal.
    """

    def __init__(
        self,
        folder: Path,
        agreement: Agreement,
        clock: Callable[[], datetime],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.agreement, self._clock, self._changed = agreement, clock, changed
        self.own = identity(folder / FOLDER, agreement.name)
        self._folder = folder / FOLDER
        self._lock = threading.Lock()
        self._rooms = Rooms(self._folder / "ready", folder / "sftp" / "inbound", folder / "sftp" / "outbound")
        self.records = Records(folder / "memory.sqlite3")
        self.desk = Desk(self._rooms, self.records, agreement, self.own, self._stranger, clock, self._desk_changed)
        self.listener = Listener(self.desk, self.records, agreement, self.own)
        self.sender: Sender | None = None

    def _stranger(self) -> Identity:
        with self._lock:
            return identity(self._folder / "stranger", "STRANGER")

    def _desk_changed(self) -> None:
        self.wake()
        self._changed()

    def wake(self) -> None:
        """Something may have to be sent."""
        if self.sender:
            self.sender.wake.set()

    def open(self, *, sending: bool = True) -> dict[str, object]:
        """Begins to listen and to send; what a partner needs to know. Without ``sending`` the sender has no threads."""
        port = self.listener.open()
        url = f"{'https' if self.agreement.tls else 'http'}://127.0.0.1:{port}{PATH}"
        agreement = replace(self.agreement, mdn_url=self.agreement.mdn_url or url)
        self.sender = Sender(self._rooms, self.records, agreement, self.own, self.desk, self._clock)
        if sending:
            self.sender.open()
        return {
            "as2_port": port,
            "as2_url": url,
            "as2_name": agreement.name,
            "as2_certificate": str(self.own.certificate_file),
            "as2_key": str(self.own.key_file),
        }

    def close(self) -> None:
        if self.sender:
            self.sender.close()
        self.listener.close()
        self.records.close()
