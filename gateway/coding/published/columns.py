"""Tables in text: finds the line of headings, tells what each column is, and collects mistakes by line and column."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain, islice

from gateway.errors import Finding

MISTAKES_MAX = 100
_HEADING_WITHIN = 60  # Lines of copyright and titles before the headings.


@dataclass(slots=True)
class Mistakes:
    """What is wrong with the files, the first hundred in words and the rest counted.

    ``places`` are where the columns of the file at hand stand, from 0, by name.
    """

    file: str = ""
    found: list[Finding] = field(default_factory=list)
    count: int = 0
    places: Mapping[str, int] = field(default_factory=dict)

    def add(self, line: int, column: int, what: str, fix: str) -> None:
        """``line`` and ``column`` count from 1; 0 says that the whole file, or line, is meant."""
        self.count += 1
        if self.count > MISTAKES_MAX:
            return
        place = ", ".join(f"{word} {number}" for word, number in (("line", line), ("column", column)) if number)
        where = f"{self.file} {place}".strip()
        self.found.append(Finding(rule="tables.file", what=what, where=where, fix=fix))

    def cell(self, line: int, name: str, what: str, fix: str) -> None:
        """A mistake in the column of that name."""
        self.add(line, self.places[name] + 1, what, fix)

    def summary(self) -> str:
        more = f", the first {MISTAKES_MAX} of which follow" if self.count > MISTAKES_MAX else ""
        return f"{self.count} mistake{'s' if self.count > 1 else ''} in the table{more}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column by the beginnings that its heading may have, in small letters and with single spaces."""

    name: str
    headings: tuple[str, ...]
    required: bool = True


def table(lines: Iterator[str], columns: Sequence[Column], mistakes: Mistakes) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row below the headings with its line, by the columns' names; nothing where the headings do not fit.

    Cells are parted by tabs or commas. Headings may run over several rows, as CMS's do: those below the first have an
    empty first cell.
    """
    reader = _reader(lines)
    try:
        found = _headings(reader, columns)
        if found is None:
            fix = (
                f"Take the file as it is published; its headings are: {', '.join(each.headings[0] for each in columns)}"
            )
            mistakes.add(0, 0, "no line of headings was found", fix)
            return
        line, heads, first = found
        mistakes.places = _places(heads, columns, mistakes, line)
        if not mistakes.places:
            return
        for number, cells in chain(first, reader):
            if not any(cell.strip() for cell in cells):
                continue
            if any(cell.strip() for cell in cells[len(heads) :]):
                fix = "Put quotes around cells that have commas"
                mistakes.add(number, len(heads) + 1, "there are more cells than headings", fix)
                continue
            cells = _padded(cells, len(heads))
            yield number, {name: cells[place].strip() for name, place in mistakes.places.items()}
    except csv.Error as error:
        mistakes.add(0, 0, f"the table cannot be parted into cells ({error})", "Take the file as it is published")


def day_of(text: str) -> date | None:
    """A day as 20260101, 2026-01-01, 1/1/2026 or 01/01/2026; None where it is none of them."""
    for pattern, order in _DATES:
        found = pattern.fullmatch(text)
        if found:
            numbers = [int(each) for each in found.groups()]
            try:
                return date(*(numbers[place] for place in order))
            except ValueError:
                return None
    return None


_DATES = (
    (re.compile(r"(\d{4})(\d\d)(\d\d)"), (0, 1, 2)),
    (re.compile(r"(\d{4})-(\d\d)-(\d\d)"), (0, 1, 2)),
    (re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})"), (2, 0, 1)),
)


def _reader(lines: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line that each ends on. NUL, which csv refuses, is left out: a binary file lacks its headings."""
    head = list(islice(lines, _HEADING_WITHIN))
    separator = "\t" if any(line.count("\t") > 1 for line in head) else ","
    reader = csv.reader((line.replace("\0", "") for line in chain(head, lines)), delimiter=separator)
    return ((reader.line_num, cells) for cells in reader)


def _headings(
    reader: Iterator[tuple[int, list[str]]], columns: Sequence[Column]
) -> tuple[int, list[str], list[tuple[int, list[str]]]] | None:
    """The line of the headings, the headings whole, and the first row below them (none where there is none)."""
    for number, cells in reader:
        if number > _HEADING_WITHIN:
            return None
        known = sum(any(_spaced(cell).startswith(each.headings) for each in columns) for cell in cells if cell.strip())
        if cells and _spaced(cells[0]).startswith(columns[0].headings) and known > 1:
            break
    else:
        return None
    heads = cells
    for line, below in reader:
        if below and (below[0].strip() or not any(below)):
            return number, heads, [(line, below)]
        heads = [f"{head} {cell}".strip() for head, cell in zip(heads, _padded(below, len(heads)), strict=True)]
    return number, heads, []


def _places(heads: Sequence[str], columns: Sequence[Column], mistakes: Mistakes, line: int) -> Mapping[str, int]:
    """Where each column stands; {} where the headings are not those that are known here, which is told."""
    places: dict[str, int] = {}
    before = mistakes.count
    for place, head in enumerate(map(_spaced, heads)):
        known = next((each for each in columns if head.startswith(each.headings)), None)
        if known is None and head:
            names = ", ".join(each.headings[0] for each in columns)
            mistakes.add(line, place + 1, f"the column {head[:40]!r} is not known here", f"The columns are: {names}")
        elif known is not None and known.name in places:
            mistakes.add(line, place + 1, f"the column {known.headings[0]!r} stands there twice", "Keep one of them")
        elif known is not None:
            places[known.name] = place
    for each in columns:
        if each.required and each.name not in places:
            mistakes.add(line, 0, f"the column {each.headings[0]!r} is missing", "Take the file as it is published")
    return places if mistakes.count == before else {}


def _spaced(text: str) -> str:
    return " ".join(text.split()).lower()


def _padded(cells: Sequence[str], length: int) -> list[str]:
    return [*cells, *[""] * (length - len(cells))][:length]
