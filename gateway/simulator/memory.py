"""What this company has seen, decided and promised, in one SQLite file; a change commits whole or not at all.

Answers themselves lie as files in ``ready`` until they are due; here stands which of them exist and which are out.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.simulator.adjudication import Settlement

SCHEMA = """
CREATE TABLE IF NOT EXISTS serials (kind TEXT PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS taken (file TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS interchanges (sender TEXT, control_number TEXT, PRIMARY KEY (sender, control_number));
CREATE TABLE IF NOT EXISTS requests (trace TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS certifications (number TEXT PRIMARY KEY, member TEXT NOT NULL, in_force INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS refs (number TEXT PRIMARY KEY, member TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS certifications_by_member ON certifications (member);
CREATE TABLE IF NOT EXISTS claims (
  number TEXT, frequency TEXT, payer_number TEXT NOT NULL UNIQUE,
  settlement TEXT, settled_at REAL NOT NULL, PRIMARY KEY (number, frequency));
CREATE TABLE IF NOT EXISTS carried (payee TEXT PRIMARY KEY, cents INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS answers (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, due_at REAL NOT NULL, published INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS answers_due ON answers (published, due_at, id);
CREATE TABLE IF NOT EXISTS deeds (id INTEGER PRIMARY KEY, what TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class KnownClaim:
    """A claim in adjudication. ``settlement`` is its latest, None where it has none; due at ``settled_at`` (epoch)."""

    number: str
    frequency: str
    settlement: Settlement | None
    settled_at: float


class Memory:
    """Used from one thread at a time; SQLite's own lock guards against a second process on the same folder."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute(
            "PRAGMA synchronous = OFF"
        )  # A killed process loses nothing so; a lost machine is no case here.
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def next_serial(self, kind: str) -> int:
        """1, 2, 3 ... of a kind of number."""
        sql = "INSERT INTO serials VALUES (?, 1) ON CONFLICT (kind) DO UPDATE SET last = last + 1 RETURNING last"
        return int(self._db.execute(sql, (kind,)).fetchone()[0])

    def _added(self, sql: str, *values: object) -> bool:
        return self._db.execute(sql, values).rowcount == 1

    def take(self, file: str) -> bool:
        """Marks an archived file as dealt with; False where it was before."""
        return self._added("INSERT OR IGNORE INTO taken VALUES (?)", file)

    def is_taken(self, file: str) -> bool:
        return self._db.execute("SELECT 1 FROM taken WHERE file = ?", (file,)).fetchone() is not None

    def add_interchange(self, sender: str, control_number: str) -> bool:
        """False where this sender has used the number before."""
        return self._added("INSERT OR IGNORE INTO interchanges VALUES (?, ?)", sender, control_number)

    def add_request(self, trace: str) -> None:
        self._db.execute("INSERT INTO requests VALUES (?)", (trace,))

    def has_request(self, trace: str) -> bool:
        return self._db.execute("SELECT 1 FROM requests WHERE trace = ?", (trace,)).fetchone() is not None

    def certify(self, number: str, member: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO certifications VALUES (?, ?, 1)", (number, member))

    def cancel(self, number: str) -> None:
        self._db.execute("UPDATE certifications SET in_force = 0 WHERE number = ?", (number,))

    def is_certified(self, member: str, number: str = "") -> bool:
        """Whether this certification of the member is in force, or any of theirs where none is named."""
        sql = "SELECT 1 FROM certifications WHERE member = ? AND in_force = 1 AND ? IN ('', number)"
        return self._db.execute(sql, (member, number)).fetchone() is not None

    def refer(self, number: str, member: str) -> None:
        """A reference was given for a request that is pended or refused (REF*NT)."""
        self._db.execute("INSERT OR IGNORE INTO refs VALUES (?, ?)", (number, member))

    def is_known(self, member: str, number: str) -> bool:
        """Whether this is a certification of the member that is in force, or a reference that they were given."""
        if self.is_certified(member, number):
            return True
        sql = "SELECT 1 FROM refs WHERE member = ? AND number = ?"
        return self._db.execute(sql, (member, number)).fetchone() is not None

    def add_claim(self, claim: KnownClaim, payer_number: str) -> None:
        kept = None if claim.settlement is None else json.dumps(claim.settlement)
        row = (claim.number, claim.frequency, payer_number, kept, claim.settled_at)
        self._db.execute("INSERT INTO claims VALUES (?, ?, ?, ?, ?)", row)

    def has_claim(self, number: str, frequency: str) -> bool:
        sql = "SELECT 1 FROM claims WHERE number = ? AND frequency = ?"
        return self._db.execute(sql, (number, frequency)).fetchone() is not None

    def claim(self, payer_number: str) -> KnownClaim | None:
        """The claim that this company gave a number (REF*F8)."""
        sql = "SELECT number, frequency, settlement, settled_at FROM claims WHERE payer_number = ?"
        row = self._db.execute(sql, (payer_number,)).fetchone()
        if row is None:
            return None
        kept = tuple(tuple(each) for each in json.loads(row[2])) if row[2] else None
        return KnownClaim(row[0], row[1], kept, row[3])

    def unsettle(self, payer_number: str) -> None:
        """The claim has been taken back: nothing of it stands any more."""
        self._db.execute("UPDATE claims SET settlement = NULL WHERE payer_number = ?", (payer_number,))

    def carried(self, payee: str) -> int:
        """Cents that a payee owes from payments that would have been below zero."""
        row = self._db.execute("SELECT cents FROM carried WHERE payee = ?", (payee,)).fetchone()
        return int(row[0]) if row else 0

    def carry(self, payee: str, cents: int) -> None:
        self._db.execute("INSERT OR REPLACE INTO carried VALUES (?, ?)", (payee, cents))

    def promise(self, name: str, due_at: float) -> None:
        """An answer whose file lies in ``ready`` is to go out at an instant (epoch seconds)."""
        self._db.execute("INSERT INTO answers (name, due_at) VALUES (?, ?)", (name, due_at))

    def promised(self, until: float | None = None) -> list[str]:
        """Names of answers that are not out yet and are due by then, in order; all of them without an instant."""
        sql = "SELECT name FROM answers WHERE published = 0 AND (? IS NULL OR due_at <= ?) ORDER BY due_at, id"
        return [row[0] for row in self._db.execute(sql, (until, until))]

    def published(self, name: str) -> None:
        self._db.execute("UPDATE answers SET published = 1 WHERE name = ?", (name,))

    def note(self, **deed: str) -> None:
        """Keeps a deed for the journal: ids and codes only."""
        self._db.execute("INSERT INTO deeds (what) VALUES (?)", (json.dumps(deed),))

    def deeds(self, after: int) -> list[str]:
        """Deeds in order as JSON texts, those beyond the first ``after``."""
        return [row[0] for row in self._db.execute("SELECT what FROM deeds WHERE id > ? ORDER BY id", (after,))]
