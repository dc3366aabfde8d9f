"""Seals everything again with the current key, so that an old key can be taken out of the ring.

Runs beside the gateway's work: each row changes only if it is still as it was read. Never touches what is not sealed.
"""

from collections.abc import Iterator

import sqlalchemy as sa

from gateway.store.keys import Keyring
from gateway.store.schema import SEALED, metadata
from gateway.store.session import our_errors

BATCH = 500
_CONTEXT = {"identifiers": "value"}
"""The column that a sealed text is bound to, where that is not the row's id."""


def rewrap_rows(engine: sa.Engine, keys: Keyring) -> int:
    """Seal the rows of every table that an older key holds with the current one; how many those were."""
    return sum(_rewrap(engine, keys, metadata.tables[name], column) for name, column in SEALED.items())


def _rewrap(engine: sa.Engine, keys: Keyring, table: sa.Table, name: str) -> int:
    sealed, bound = table.c[name], table.c[_CONTEXT.get(table.name, "id")]
    (key,) = table.primary_key.columns
    change = (
        sa.update(table)
        .where(key == sa.bindparam("of_key"), sealed == sa.bindparam("of_sealed", type_=sealed.type))
        .values({name: sa.bindparam("to_sealed", type_=sealed.type)})
    )
    done = 0
    for rows in _batches(engine, sa.select(key, bound, sealed).where(sealed.is_not(None)), key):
        old = [row for row in rows if keys.key_id(row[2]) != keys.current]
        changes = []
        for row_key, place, text in old:
            context = f"{table.name}/{place}"
            plain = keys.unseal(text, context)
            changes.append({"of_key": row_key, "of_sealed": text, "to_sealed": keys.seal(plain, context)})
        if changes:
            with our_errors(), engine.begin() as connection:
                connection.execute(change, changes)
            done += len(changes)
    return done


def _batches(
    engine: sa.Engine, statement: sa.Select[*tuple[object, ...]], key: sa.Column[object]
) -> Iterator[list[tuple[object, str, bytes]]]:
    last: object = None
    while True:
        after = statement if last is None else statement.where(key > last)
        with our_errors(), engine.connect() as connection:
            rows = [(row[0], row[1], row[2]) for row in connection.execute(after.order_by(key).limit(BATCH))]
        if not rows:
            return
        yield rows  # type: ignore[misc]  # A column's type is not known before its table is.
        last = rows[-1][0]
