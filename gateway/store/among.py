"""``column IN (many values)`` as one parameter, so that the statement stays the same however many there are: an array
on PostgreSQL, JSON on SQLite. A list of five hundred parameters costs more to write than to answer."""

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles


class _Listed(sa.types.TypeDecorator[list[str]]):
    """A list of text: an array, or JSON where there are none."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return sa.ARRAY(sa.Text) if dialect.name == "postgresql" else sa.Text()

    def process_bind_param(self, value: list[str] | None, dialect: sa.Dialect) -> Any:
        return value if dialect.name == "postgresql" or value is None else json.dumps(value)


class _Among(sa.ColumnElement[bool]):
    """A test of text columns only."""

    inherit_cache = True
    type = sa.Boolean()
    _traverse_internals = [  # noqa: RUF012  # SQLAlchemy declares it so.
        ("column", sa.sql.visitors.InternalTraversal.dp_clauseelement),
        ("values", sa.sql.visitors.InternalTraversal.dp_clauseelement),
    ]

    def __init__(self, column: sa.Column[str], values: sa.BindParameter[Any]) -> None:
        self.column = column
        self.values = values

    def self_group(self, against: Any = None) -> "_Among":
        """As it is: where there are no booleans, SQLAlchemy would write ``= 1`` behind it, and SQLite scan for that."""
        return self


@compiles(_Among, "postgresql")
def _array(element: _Among, compiler: Any, **options: Any) -> str:
    return f"{compiler.process(element.column, **options)} = ANY({compiler.process(element.values, **options)})"


@compiles(_Among, "sqlite")
def _from_json(element: _Among, compiler: Any, **options: Any) -> str:
    values = compiler.process(element.values, **options)
    return f"{compiler.process(element.column, **options)} IN (SELECT value FROM json_each({values}))"


def among(column: sa.Column[str], name: str = "wanted") -> sa.ColumnElement[bool]:
    """Whether a text column holds one of the values of the bound list ``name``."""
    return _Among(column, sa.bindparam(name, type_=_Listed()))
