"""A store that does again what another one did: at the recorded instants, with the ids that came of it then."""

import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import sqlalchemy as sa

from gateway.store.database import Store
from gateway.store.payloads import Payloads, shelf
from gateway.store.schema import metadata
from gateway.store.session import NotInStore, our_errors

BOOKS = ("buckets", "entries", "postings", "money_entries", "money_lines")
"""The tables that a replay must come to again, row for row; a row's place in its table is none of its content."""

_PLACE = "seq"


class _Beside(Payloads):
    """Reads what the other store keeps, and writes nothing into it."""

    def __init__(self, own: Payloads, other: Payloads) -> None:
        self._own, self._other = own, other

    def put(self, chunks: Iterable[bytes]) -> str:
        return self._own.put(chunks)

    def open(self, content_id: str) -> BinaryIO:
        try:
            return self._other.open(content_id)
        except NotInStore:
            return self._own.open(content_id)

    def size(self, content_id: str) -> int:
        try:
            return self._other.size(content_id)
        except NotInStore:
            return self._own.size(content_id)


class Replaying(Store):
    """An empty SQLite store in a folder of its own, which goes with it; ``set`` says what is repeated next."""

    def __init__(self, original: Store) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="gateway-replay-")
        place = Path(self._folder.name)
        url, own = f"sqlite:///{place / 'replay.db'}", str(place / "payloads")
        bare = Store.open(url, payloads=own, keys=original.keys, check=False)
        bare.upgrade()
        payloads = _Beside(Payloads(shelf(own), original.keys), original.payloads)
        super().__init__(bare.engine, payloads, original.keys, self.now, lambda _: self._seed, original.configuration)
        self._instant = datetime(1970, 1, 1, tzinfo=UTC)
        self._seed = b""

    def set(self, instant: datetime, seed: bytes) -> None:
        """The instant and the seed of the transactions that follow."""
        self._instant, self._seed = instant, seed

    def now(self) -> datetime:
        """The instant that is repeated."""
        return self._instant

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.dispose()
        self._folder.cleanup()


def compared(original: Store, replayed: Store) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """How many rows of each book both have alike, and each row, by table and key, that differs or that one lacks."""
    alike: dict[str, int] = {}
    differing: list[tuple[str, str]] = []
    for name in BOOKS:
        table, alike[name] = metadata.tables[name], 0
        waiting = dict(_rows(original, table))
        for key, row in _rows(replayed, table):
            if waiting.pop(key, None) == row:
                alike[name] += 1
            else:
                differing.append((name, key))
        differing += [(name, key) for key in waiting]
    return alike, sorted(set(differing))


def _rows(store: Store, table: sa.Table) -> Iterator[tuple[str, bytes]]:
    """Each row's key with a digest of all its columns."""
    columns = [each for each in table.columns if each.name != _PLACE]
    key = [each.name for each in table.primary_key if each.name != _PLACE] or ["id"]
    with our_errors(), store.engine.connect() as connection:
        for row in connection.execution_options(yield_per=10_000).execute(sa.select(*columns)):
            name = "/".join(str(row._mapping[each]) for each in key)
            yield name, sha256(repr(tuple(row)).encode()).digest()
