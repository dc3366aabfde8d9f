"""Records to and from plain values (what JSON holds), driven by their type hints; never guesses or drops a field."""

from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Record = TypeVar("Record")


def to_plain(value: Any) -> Any:
    """A record as dictionaries, lists and text; fields that hold their default are left out."""
    if is_dataclass(value) and not isinstance(value, type):
        shown = {}
        for each in fields(value):
            held = getattr(value, each.name)
            if each.default is MISSING or held != each.default:
                shown[each.name] = to_plain(held)
        return shown
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [to_plain(each) for each in value]
    return value


def from_plain(kind: type[Record], plain: Any) -> Record:
    """The record that ``to_plain`` wrote. Raises ValueError or TypeError on what does not fit: intake checks first."""
    made = _make(kind, plain)
    assert isinstance(made, kind)
    return made


@cache
def hints(kind: type) -> dict[str, Any]:
    """The resolved type of each field of a record."""
    return get_type_hints(kind)


def _make(kind: Any, plain: Any) -> Any:
    if get_origin(kind) in (Union, UnionType):
        if plain is None:
            return None
        (kind,) = (each for each in get_args(kind) if each is not NoneType)
    if get_origin(kind) is tuple:
        return tuple(_make(get_args(kind)[0], each) for each in plain)
    if is_dataclass(kind):
        assert isinstance(kind, type)
        types = hints(kind)
        return kind(**{name: _make(types[name], value) for name, value in plain.items()})
    if kind is date:
        return date.fromisoformat(plain)
    if kind is datetime:
        return datetime.fromisoformat(plain)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(plain)
    return plain
