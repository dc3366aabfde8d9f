"""AS2 as a whole, as the process uses it: identity, records, desk, listener and sender on the company's folder."""

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from gateway.simulator.as2.agreement import Agreement
from gateway.simulator.as2.desk import Desk, Rooms
from gateway.simulator.as2.identity import Identity, identity
from gateway.simulator.as2.listener import PATH, Listener
from gateway.simulator.as2.records import Records

FOLDER = "as2"


class Office:
    """Made on the folder of a mailroom that is there already; ``open`` begins, ``close`` ends."""

    def __init__(
        self,
        folder: Path,
        agreement: Agreement,
        clock: Callable[[], datetime],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.agreement = agreement
        self.own = identity(folder / FOLDER, agreement.name)
        self._folder = folder / FOLDER
        self._lock = threading.Lock()
        rooms = Rooms(self._folder / "ready", folder / "sftp" / "inbound", folder / "sftp" / "outbound")
        self.records = Records(folder / "memory.sqlite3")
        self.desk = Desk(rooms, self.records, agreement, self.own, self._stranger, clock, changed)
        self.listener = Listener(self.desk, self.records, agreement, self.own)

    def _stranger(self) -> Identity:
        with self._lock:
            return identity(self._folder / "stranger", "STRANGER")

    def open(self) -> dict[str, object]:
        """Begins to listen and to send; what a partner needs to know."""
        port = self.listener.open()
        scheme = "https" if self.agreement.tls else "http"
        return {
            "as2_port": port,
            "as2_url": f"{scheme}://127.0.0.1:{port}{PATH}",
            "as2_name": self.agreement.name,
            "as2_certificate": str(self.own.certificate_file),
            "as2_key": str(self.own.key_file),
        }

    def close(self) -> None:
        self.listener.close()
        self.records.close()
