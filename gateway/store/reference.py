"""Published tables (NCCI, MUE, ICD-10-CM, CARC, RARC): effective-dated rows, and the releases that brought them.

They belong to nobody and hold nothing of a patient. No row is ever deleted: what vanishes ends.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert  # Its ON CONFLICT compiles for SQLite, too.

from gateway.store.schema import reference_files, reference_rows
from gateway.store.session import Session

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRelease:
    """One release of a table. ``name`` are its files', ``rows`` how many were kept of it, ``about`` what it changed;
    ``ends_on`` is the last day that it holds for, None where it goes on until the next one."""

    id: str
    kind: str
    name: str
    digest: str
    starts_on: date
    ends_on: date | None
    rows: int
    about: Mapping[str, Any]
    actor: str
    recorded_at: datetime

    def holds_on(self, day: date) -> bool:
        return self.starts_on <= day and (self.ends_on is None or day <= self.ends_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRow:
    code: str
    other: str
    starts_on: date
    ends_on: date | None
    content: Mapping[str, Any]


_RELEASES = sa.select(*(reference_files.c[name] for name in StoredRelease.__dataclass_fields__))
_ADD = sa.insert(reference_files)
_put = insert(reference_rows)
_PUT = _put.on_conflict_do_update(
    index_elements=[reference_rows.c[name] for name in ("kind", "code", "other", "starts_on")],
    set_={name: _put.excluded[name] for name in ("ends_on", "content", "file")},
)
_ROWS = sa.select(*(reference_rows.c[name] for name in StoredRow.__dataclass_fields__)).where(
    reference_rows.c.kind == sa.bindparam("of_kind")
)
_ORDER = (reference_rows.c.code, reference_rows.c.other, reference_rows.c.starts_on)
_OF = _ROWS.where(reference_rows.c.code.in_(sa.bindparam("codes", expanding=True))).order_by(*_ORDER)
_PAIRS = _ROWS.where(
    reference_rows.c.code.in_(sa.bindparam("codes", expanding=True)),
    reference_rows.c.other.in_(sa.bindparam("others", expanding=True)),
).order_by(*_ORDER)


class ReferenceTables:
    """What CMS, NCHS and X12 publish, as far as it was imported."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def releases(self, kind: str | None = None) -> list[StoredRelease]:
        """The releases that were imported, by kind and the day that they hold from."""
        statement = _RELEASES.order_by(reference_files.c.kind, reference_files.c.starts_on, reference_files.c.seq)
        if kind is not None:
            statement = statement.where(reference_files.c.kind == kind)
        return [StoredRelease(**row._mapping) for row in self._session.run(statement)]

    def add(
        self,
        *,
        kind: str,
        name: str,
        digest: str,
        starts_on: date,
        ends_on: date | None,
        rows: int,
        about: Mapping[str, Any],
    ) -> str:
        """Record a release; its id."""
        added = self._session.new_id("rf")
        values = {
            "id": added,
            "kind": kind,
            "name": name,
            "digest": digest,
            "starts_on": starts_on,
            "ends_on": ends_on,
            "rows": rows,
            "about": dict(about),
            "actor": self._session.scope.actor,
            "recorded_at": self._session.now,
        }
        self._session.run(_ADD, values)
        return added

    def put(self, kind: str, rows: Iterable[StoredRow], *, file: str) -> int:
        """Write rows under their key (code, other, first day), new or as they are now; how many those were."""
        count = 0
        for some in _chunks(rows):
            values = [
                {
                    "kind": kind,
                    "code": each.code,
                    "other": each.other,
                    "starts_on": each.starts_on,
                    "ends_on": each.ends_on,
                    "content": dict(each.content),
                    "file": file,
                }
                for each in some
            ]
            self._session.run(_PUT, values)
            count += len(values)
        return count

    def all(self, kind: str) -> Iterator[StoredRow]:
        """Every row of a kind, whenever it held."""
        for row in self._session.run(_ROWS, {"of_kind": kind}):
            yield StoredRow(**row._mapping)

    def of(self, kind: str, codes: Iterable[str], day: date | None = None) -> list[StoredRow]:
        """The rows for these codes, and of pairs those that lie among them; on a day, if one is given."""
        wanted = sorted(set(codes))
        if not wanted:
            return []
        values: dict[str, Any] = {"of_kind": kind, "codes": wanted}
        pairs = kind == "ncci"
        found = self._session.run(_PAIRS if pairs else _OF, {**values, "others": wanted} if pairs else values)
        rows = [StoredRow(**row._mapping) for row in found]
        return [each for each in rows if day is None or _holds(each, day)]


def _holds(row: StoredRow, day: date) -> bool:
    return row.starts_on <= day and (row.ends_on is None or day <= row.ends_on)


def _chunks(rows: Iterable[StoredRow]) -> Iterator[tuple[StoredRow, ...]]:
    left = iter(rows)
    while some := tuple(islice(left, _AT_ONCE)):
        yield some
