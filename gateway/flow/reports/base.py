"""What a report is: columns with types, rows, and the entries that a row's numbers are sums of.

No report shows anything of a patient: ids, codes, days, quantities and cents only, and the clinic's own numbers.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from gateway.flow.house import House, Transaction

Value: TypeAlias = str | int | float | date | datetime | None
Row: TypeAlias = Mapping[str, Value]


class Type(StrEnum):
    """What a column holds. CENTS are whole cents, PERCENT and HOURS floats, INSTANT is UTC."""

    TEXT = "text"
    INT = "int"
    CENTS = "cents"
    DATE = "date"
    INSTANT = "instant"
    PERCENT = "percent"
    HOURS = "hours"


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: Type = Type.TEXT


def columns(text: str) -> tuple[Column, ...]:
    """From ``name`` or ``name:type``, separated by blanks."""
    pairs = [each.partition(":") for each in text.split()]
    return tuple(Column(name, Type(kind or "text")) for name, _, kind in pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is asked for, on what day, and the transaction whose scope narrows it. ``payer`` "" is every one;
    ``since`` and ``until`` are days, both included, None without a bound."""

    house: House
    tx: Transaction
    payer: str = ""
    since: date | None = None
    until: date | None = None
    days: int = 14
    visits: int = 2
    units: int = 10

    @property
    def today(self) -> date:
        return self.tx.now.date()

    def within(self, day: date | None) -> bool:
        """Whether a day lies between the two; what has no day does where no bound was named."""
        if day is None:
            return self.since is None and self.until is None
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)

    def of_payer(self, payer: str) -> bool:
        return self.payer in ("", payer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing that a row's numbers are sums of. ``row`` is the row's key, ``trace`` an id that gateway trace takes,
    ``entry`` the ledger entry or stored row itself, ``amounts`` what it adds to each of the row's columns."""

    row: str
    trace: str
    entry: str
    what: str
    on: date | datetime | None
    amounts: Mapping[str, int]
    about: Row = field(default_factory=dict)


class Report(Protocol):
    """``summed`` are the columns that are sums over a row's parts; every report's first column, ``row``, is the key."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def columns(self) -> Sequence[Column]: ...
    @property
    def summed(self) -> Sequence[str]: ...

    def rows(self, view: View) -> list[Row]: ...
    def parts(self, view: View, row: str) -> list[Part]: ...


def key(*values: Value) -> str:
    """A row's key, as ``--row`` takes it; what is not known is a dash."""
    return "|".join(str(each) if each not in ("", None) else "-" for each in values)


def summed(parts: Iterable[Part], names: Sequence[str]) -> list[Row]:
    """Parts grouped by row: what they say of it, and the sum of each named column, ordered by key."""
    found: dict[str, dict[str, Value]] = {}
    sums: dict[str, dict[str, int]] = {}
    for part in parts:
        found.setdefault(part.row, {**part.about, "row": part.row})
        sum_ = sums.setdefault(part.row, dict.fromkeys(names, 0))
        for name, amount in part.amounts.items():
            sum_[name] += amount
    return [{**found[each], **sums[each]} for each in sorted(found)]


class Sums(ABC):
    """A report all of whose numbers are sums of its parts: it only says what these are."""

    name: str
    title: str
    columns: Sequence[Column]
    summed: Sequence[str]

    @abstractmethod
    def all_parts(self, view: View) -> list[Part]:
        """What its numbers are the sums of."""

    def finish(self, row: Row, view: View) -> Row:
        """Adds what is worked out from the sums."""
        return row

    def rows(self, view: View) -> list[Row]:
        return [self.finish(each, view) for each in summed(self.all_parts(view), self.summed)]

    def parts(self, view: View, row: str) -> list[Part]:
        return [each for each in self.all_parts(view) if each.row == row]
