"""Many rows of one table at once: PostgreSQL's COPY, or one prepared statement on SQLite.

For new rows only: ask first which are there already. A row that somebody else wrote in between ends the transaction
with ChangedMeanwhile, and starting over finds it. Never updates.
"""

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from gateway.errors import GatewayError
from gateway.store.session import ChangedMeanwhile, Session, our_errors

_UNIQUE = ("23505", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")  # PostgreSQL's is unique_violation.


def add_rows(session: Session, table: sa.Table, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows, each with the values of ``names`` in their order: every column but those that count up by
    themselves, for there are no defaults here. Raises ChangedMeanwhile where one is there already."""
    if not rows:
        return
    dialect = session.connection.dialect
    converters = _converters(table, names, dialect.name)
    if converters:
        rows = [_converted(row, converters) for row in rows]
    try:
        if dialect.name == "postgresql":
            _copy(session, _copy_text(table, names), rows)
        else:
            with our_errors():
                session.connection.exec_driver_sql(_insert_text(table, names), list(rows))
    except GatewayError as error:
        cause = error.__cause__
        if not isinstance(cause, sa.exc.DBAPIError) or error.retryable:
            raise
        if getattr(cause.orig, "sqlstate", getattr(cause.orig, "sqlite_errorname", "")) in _UNIQUE:
            raise ChangedMeanwhile(
                "somebody else wrote one of these rows", fix="Start over: it is found then"
            ) from error
        raise GatewayError(  # The driver's own words may hold values.
            f"the database refused rows of {table.name} ({type(cause.orig).__name__})",
            fix="Nothing was written; report this with the text above",
        ) from None


def _copy(session: Session, text: str, rows: Sequence[tuple[Any, ...]]) -> None:
    driver: Any = session.connection.connection.driver_connection
    module: Any = session.connection.dialect.dbapi
    try:
        with driver.cursor() as cursor, cursor.copy(text) as copy:
            for row in rows:
                copy.write_row(row)
    except module.Error as error:
        with our_errors():
            raise sa.exc.DBAPIError.instance(text, None, error, module.Error, hide_parameters=True) from error


def _converted(row: tuple[Any, ...], converters: Sequence[tuple[int, Callable[[Any], Any]]]) -> tuple[Any, ...]:
    values = list(row)
    for at, convert in converters:
        values[at] = convert(values[at])
    return tuple(values)


@cache
def _converters(table: sa.Table, names: tuple[str, ...], dialect: str) -> tuple[tuple[int, Callable[[Any], Any]], ...]:
    """What the driver does not do by itself, by the place of the column."""
    found: list[tuple[int, Callable[[Any], Any]]] = []
    for at, name in enumerate(names):
        kind = table.c[name].type
        if isinstance(kind, sa.JSON):
            found.append((at, _json))
        elif dialect == "sqlite" and isinstance(kind, sa.types.TypeDecorator):
            found.append((at, _instant(kind)))
        elif dialect == "sqlite" and isinstance(kind, sa.Date):
            found.append((at, _day))
    return tuple(found)


_encode = json.JSONEncoder(separators=(",", ":")).encode


def _json(value: Any) -> str:
    return _encode(value) if value or not isinstance(value, list | tuple) else "[]"


def _day(value: Any) -> str | None:
    return None if value is None else value.isoformat()


def _instant(kind: sa.types.TypeDecorator[Any]) -> Callable[[Any], Any]:
    from sqlalchemy.dialects import sqlite

    dialect = sqlite.dialect()
    return cache(lambda value: kind.process_bind_param(value, dialect))


@cache
def _insert_text(table: sa.Table, names: tuple[str, ...]) -> str:
    return f"INSERT INTO {table.name} ({_quoted(names)}) VALUES ({', '.join('?' * len(names))})"


@cache
def _copy_text(table: sa.Table, names: tuple[str, ...]) -> str:
    return f"COPY {table.name} ({_quoted(names)}) FROM STDIN"


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in names)
