"""What AS2 has received, sent and promised, in the company's memory file, over a connection of its own.

A change commits whole or not at all, together with its deed for the journal. Threads share one object; between it and
the company's own memory SQLite's lock decides who is first.
"""

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.simulator.as2.receipt import Receipt

SCHEMA = """
CREATE TABLE IF NOT EXISTS as2_instance (token TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS as2_attempts (
  direction TEXT, key TEXT, serial INTEGER NOT NULL, attempts INTEGER NOT NULL, PRIMARY KEY (direction, key));
CREATE TABLE IF NOT EXISTS as2_received (
  message_id TEXT PRIMARY KEY, mic TEXT NOT NULL, content_type TEXT NOT NULL, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS as2_placing (file TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS as2_receipts (
  id INTEGER PRIMARY KEY, message_id TEXT NOT NULL, url TEXT NOT NULL, content_type TEXT NOT NULL,
  content BLOB NOT NULL, due_at REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, posted INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS as2_receipts_due ON as2_receipts (posted, due_at);
CREATE TABLE IF NOT EXISTS as2_sent (
  id INTEGER PRIMARY KEY, file TEXT NOT NULL UNIQUE, message_id TEXT NOT NULL UNIQUE, mic TEXT NOT NULL DEFAULT '',
  state TEXT NOT NULL, due_at REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS as2_sent_due ON as2_sent (state, due_at);
"""
BUSY_TIMEOUT_S = 60
OPEN, RECEIPTED, REFUSED, WITHDRAWN = "open", "receipted", "refused", "withdrawn"


@dataclass(frozen=True, slots=True)
class Posting:
    """A receipt that is to be posted. ``attempts`` have been made."""

    id: int
    message_id: str
    url: str
    receipt: Receipt
    attempts: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message of this company: the file in ``outbound``, its Message-ID, its MIC once it has gone out (else "")."""

    id: int
    file: str
    message_id: str
    mic: str
    state: str
    attempts: int


class Records:
    """One for all threads of AS2."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA synchronous = OFF")  # A killed process loses nothing so, as in the company's memory.
        with self.transaction():
            for statement in SCHEMA.split(";"):
                self._db.execute(statement)
            if self._one("SELECT token FROM as2_instance") is None:
                self._db.execute("INSERT INTO as2_instance VALUES (?)", (secrets.token_hex(8),))

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _one(self, sql: str, *values: object) -> tuple[object, ...] | None:
        with self._lock:
            found = self._db.execute(sql, values).fetchone()
        return tuple(found) if found else None

    def _all(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def _do(self, sql: str, *values: object) -> int:
        with self._lock:
            return self._db.execute(sql, values).rowcount

    def note(self, **deed: str) -> None:
        """Keeps a deed for the journal: ids and codes only."""
        self._do("INSERT INTO deeds (what) VALUES (?)", json.dumps(deed))

    @property
    def instance(self) -> str:
        """Tells the Message-IDs of this folder from those of any other."""
        found = self._one("SELECT token FROM as2_instance")
        assert found is not None, "made with the tables"
        return str(found[0])

    def attempt(self, direction: str, key: str) -> tuple[int, int]:
        """Counts an attempt at a message; which message of its direction it is, and which attempt, both from 1."""
        sql = """INSERT INTO as2_attempts
            VALUES (?1, ?2, (SELECT 1 + COUNT(*) FROM as2_attempts WHERE direction = ?1), 1)
            ON CONFLICT (direction, key) DO UPDATE SET attempts = attempts + 1 RETURNING serial, attempts"""
        with self._lock:
            serial, attempts = self._db.execute(sql, (direction, key)).fetchone()
        return int(serial), int(attempts)

    # What came.

    def receive(self, message_id: str, mic: str, receipt: Receipt) -> bool:
        """Keeps a message's receipt; False where the message had come before."""
        sql = "INSERT OR IGNORE INTO as2_received VALUES (?, ?, ?, ?)"
        return self._do(sql, message_id, mic, receipt.content_type, receipt.content) == 1

    def received(self, message_id: str) -> tuple[str, Receipt] | None:
        """MIC and receipt of a message that has come before."""
        row = self._one("SELECT mic, content_type, content FROM as2_received WHERE message_id = ?", message_id)
        if row is None:
            return None
        mic, content_type, content = row
        assert isinstance(content, bytes), "a BLOB"
        return str(mic), Receipt(str(content_type), content)

    def next_serial(self) -> int:
        sql = "INSERT INTO serials VALUES ('as2', 1) ON CONFLICT (kind) DO UPDATE SET last = last + 1 RETURNING last"
        with self._lock:
            return int(self._db.execute(sql).fetchone()[0])

    def place(self, file: str) -> None:
        """A payload lies ready under this name and belongs into ``inbound``."""
        self._do("INSERT INTO as2_placing VALUES (?)", file)

    def placing(self) -> list[str]:
        return [str(row[0]) for row in self._all("SELECT file FROM as2_placing ORDER BY file")]

    def placed(self, file: str) -> None:
        self._do("DELETE FROM as2_placing WHERE file = ?", file)

    # Receipts to post.

    def owe(self, message_id: str, url: str, receipt: Receipt, due_at: float) -> None:
        """A receipt is to be posted at an instant (epoch seconds)."""
        sql = "INSERT INTO as2_receipts (message_id, url, content_type, content, due_at) VALUES (?, ?, ?, ?, ?)"
        self._do(sql, message_id, url, receipt.content_type, receipt.content, due_at)

    def owed(self, until: float, most: int) -> list[Posting]:
        sql = """SELECT id, message_id, url, content_type, content, attempts FROM as2_receipts
            WHERE posted = 0 AND due_at <= ? ORDER BY due_at, id LIMIT ?"""
        with self._lock:
            rows = self._db.execute(sql, (until, most)).fetchall()
        return [Posting(row[0], row[1], row[2], Receipt(row[3], row[4]), row[5]) for row in rows]

    def posted(self, id_: int) -> None:
        self._do("UPDATE as2_receipts SET posted = 1 WHERE id = ?", id_)

    def post_later(self, id_: int, due_at: float) -> None:
        self._do("UPDATE as2_receipts SET attempts = attempts + 1, due_at = ? WHERE id = ?", due_at, id_)

    # What goes.

    def adopt(self, file: str, message_id: str, due_at: float) -> bool:
        """A file of ``outbound`` becomes a message; False where it is one."""
        sql = "INSERT OR IGNORE INTO as2_sent (file, message_id, state, due_at) VALUES (?, ?, ?, ?)"
        return self._do(sql, file, message_id, OPEN, due_at) == 1

    def due(self, until: float, most: int) -> list[Message]:
        """Messages without a receipt that are to be sent (again) by then."""
        sql = f"SELECT {_MESSAGE} FROM as2_sent WHERE state = ? AND due_at <= ? ORDER BY due_at, id LIMIT ?"
        return [_message(row) for row in self._all(sql, OPEN, until, most)]

    def message(self, message_id: str) -> Message | None:
        row = self._one(f"SELECT {_MESSAGE} FROM as2_sent WHERE message_id = ?", message_id)
        return _message(row) if row else None

    def sending(self, message: Message, mic: str, due_at: float) -> None:
        """An attempt begins: what its receipt must tell, and when to try again if there comes none."""
        sql = "UPDATE as2_sent SET mic = ?, due_at = ?, attempts = attempts + 1 WHERE id = ? AND state = ?"
        self._do(sql, mic, due_at, message.id, OPEN)

    def send_later(self, message: Message, due_at: float) -> None:
        self._do("UPDATE as2_sent SET due_at = ? WHERE id = ? AND state = ?", due_at, message.id, OPEN)

    def settle(self, message: Message, state: str) -> bool:
        """The message has its receipt; False where it had one before."""
        return self._do("UPDATE as2_sent SET state = ? WHERE id = ? AND state = ?", state, message.id, OPEN) == 1

    def receipted(self) -> list[str]:
        """Files of messages that have their receipt."""
        return [str(row[0]) for row in self._all("SELECT file FROM as2_sent WHERE state = ?", RECEIPTED)]


_MESSAGE = "id, file, message_id, mic, state, attempts"


def _message(row: tuple[object, ...]) -> Message:
    id_, file, message_id, mic, state, attempts = row
    assert isinstance(id_, int), "INTEGER"
    assert isinstance(attempts, int), "INTEGER"
    return Message(id_, str(file), str(message_id), str(mic), str(state), attempts)
