"""The places of a map where values go, as data: a field of the record, a component, a condition."""

import re
from dataclasses import dataclass
from typing import Any

from gateway.translate.forms import Form

Path = tuple[str, ...]  # names of fields, from a record inward


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the record in hand, or of the whole message if ``rooted``. ``many`` is a tuple of plain values, of
    which a plain place takes number ``base``; ``spread`` says how many values this place may hold. ``kind`` is the
    type of one value."""

    path: Path
    form: Form
    kind: Any
    rooted: bool = False
    many: bool = False
    base: int = 0
    spread: int = 0

    def __str__(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class Counter:
    """``{#}``, ``{#hl}``, ``{#parent}`` or ``{#child}``: written by the builder, never read."""

    name: str


@dataclass(frozen=True, slots=True)
class Anything:
    """``{_}``: a part of a value that is read past; only where a line is read only."""


@dataclass(frozen=True, slots=True)
class Condition:
    """``when field``, ``when not field``, ``when field = value``: says when something is written."""

    path: Path
    negated: bool = False
    values: tuple[str, ...] = ()
    sets: Any = None  # What the field is where the thing was found, if only one value allows it.


@dataclass(frozen=True, slots=True)
class Slot:
    """One component: literal codes of which the first is written, a field, a counter, or pieces side by side."""

    literals: tuple[str, ...] = ()
    pieces: tuple[str | Field | Counter | Anything, ...] = ()
    shape: re.Pattern[str] | None = None  # Where there are several pieces.
    fields: tuple[Field, ...] = ()  # Those of the pieces.
    width: int = 1  # in components
