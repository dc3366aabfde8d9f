"""One row of a published table, and a release of it. Content is what the table says beside the code and its days."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """``other`` is the column two code of a pair. Dates are the table's own; None where it gives none (a start: it
    holds from its release on; an end: it has none). ``line`` counts from 1 in its file."""

    code: str
    other: str = ""
    starts_on: date | None = None
    ends_on: date | None = None
    content: Mapping[str, str | int | bool] = field(default_factory=dict)
    line: int = field(default=0, compare=False)

    @property
    def key(self) -> tuple[str, str, date | None]:
        return self.code, self.other, self.starts_on

    @property
    def named(self) -> str:
        return f"{self.code}/{self.other}" if self.other else self.code


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A release: the files that it was read from, its rows, and how many were left out."""

    kind: str
    names: tuple[str, ...]
    rows: tuple[Row, ...]
    left_out: int
