"""A policy file as a table, one line for each row, and back; and what differs between two files, row by row.

A table holds what the file says, not its comments. Reads and writes texts only.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any

from gateway.errors import Finding
from gateway.settings.places import Path
from gateway.settings.policies import VALUES, PolicyFile, PolicyRow, Row, Values, VisitLimit, rows_of

_OF_FILE = ("kind", "payer", "name")
_ABOUT = ("version", "source", "source_url", "verified_on")
_OF_ROW = ("from", "to", "plan", "line_of_business", "state", *_ABOUT)
_LIMIT = tuple(f"visit_limit.{name}" for name in VisitLimit.model_fields)
_VALUES = tuple(name for each in VALUES for name in (_LIMIT if each == "visit_limit" else (each,)))
COLUMNS = (*_OF_FILE, "row", *_OF_ROW, *_VALUES)
"""``row`` is 0 for what stands above the rows. A list's entries, and severities as rule=weight, stand with ; between
them; a list without an entry is []."""

_LISTS = {"line_of_business", "visit_limit.combined_with"} | {
    name for name, field in Values.model_fields.items() if "tuple" in str(field.annotation)
}
_TEXTS = {"channel", "number_pattern", "um_vendor", "plan", "state", "version", "source", "source_url", "payer", "name"}


class CsvPlaces:
    """The lines of a table, for the rows of the document that was read from it."""

    def __init__(self, lines: list[int], above: int) -> None:
        self._lines, self._above = lines, above

    def line(self, path: Path) -> int:
        """The line of the row that a key is in."""
        if len(path) > 1 and path[0] == "rows" and isinstance(path[1], int):
            return self._lines[path[1]]
        return self._above


def to_csv(file: PolicyFile) -> str:
    """The file as a table with those columns that something stands in."""
    records: list[dict[str, Any]] = []
    of_file = {name: getattr(file, name) for name in _OF_FILE}
    above = {**{name: getattr(file, name) for name in _ABOUT}, **_flat(_said(file))}
    if any(value not in (None, "") for value in above.values()) or not file.rows:
        records.append({**of_file, "row": 0, **above})
    for number, row in enumerate(file.rows, start=1):
        records.append({**of_file, "row": number, **_selectors(row), **_flat(_said(row))})
    shown = [{name: _cell(value) for name, value in each.items()} for each in records]
    used = [name for name in COLUMNS if any(each.get(name) for each in shown)]
    out = io.StringIO()
    writer = csv.DictWriter(out, used, restval="", lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(shown)
    return out.getvalue()


def from_csv(text: str, name: str) -> tuple[dict[str, Any], CsvPlaces, list[Finding]]:
    """The document that the table is of, in which line each row stands, and what is wrong with the table itself."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), restval="")
    unknown = [each for each in reader.fieldnames or () if each not in COLUMNS]
    if unknown or not reader.fieldnames:
        fix = "Take it out, or mend its name; gateway policy export shows the columns"
        found = [_finding(name, f"line 1, column {each}".rstrip(), "there is no such column", fix) for each in unknown]
        return {}, CsvPlaces([], 1), found or [_finding(name, "", "the table is empty", fix)]
    document: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    above = 1
    findings = []
    for cells in reader:
        given = {key: value.strip() for key, value in cells.items() if key and value and value.strip()}
        of_file = {key: given.pop(key) for key in _OF_FILE if key in given}
        number = given.pop("row", "")
        read = _nested({key: _value(key, value) for key, value in given.items()})
        for key, value in of_file.items():
            if document.setdefault(key, value) != value:
                what = "this differs from the first row, and a file is of one payer"
                findings.append(_finding(name, f"line {reader.line_num}, {key}", what, "Make a table for each payer"))
        if cells.get(None):
            fix = "Put a cell that contains commas in quotes"
            findings.append(_finding(name, f"line {reader.line_num}", "the row has more cells than the header", fix))
        if number == "0":
            document |= read
            above = reader.line_num
        elif read or number:
            rows.append(read)
            lines.append(reader.line_num)
    return {**document, **({"rows": rows} if rows else {})}, CsvPlaces(lines, above), findings


def to_toml(file: PolicyFile) -> str:
    """The file as TOML, in the order of the schema."""
    head = {name: getattr(file, name) for name in (*_OF_FILE, *_ABOUT)}
    if file.kind == "payer":
        head.pop("kind")
    out = [*_toml_lines({**head, **_said(file)})]
    if file.severities:
        out += ["", "[severities]", *_toml_lines(file.severities)]
    for row in file.rows:
        out += ["", "[[rows]]", *_toml_lines({**_selectors(row), **_said(row)})]
        if row.severities:
            out += ["", "[rows.severities]", *_toml_lines(row.severities)]
    return "\n".join(out) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A row that two files do not have alike. ``values`` are what is there before and after by name, None where it is
    not said; the rows themselves are None where one of the files has none for these selectors from that day on."""

    before: PolicyRow | None
    after: PolicyRow | None
    values: Mapping[str, tuple[Any, Any]]

    @property
    def selectors(self) -> str:
        """For whom and from when the row holds, in words."""
        row = self.after or self.before
        assert row is not None, "one of the files has the row"
        return selectors(row)


def differences(before: tuple[PolicyRow, ...], after: tuple[PolicyRow, ...]) -> Iterator[Difference]:
    """The rows that differ. Two rows are the same one where they hold for the same from the same day on."""
    old, new = ({_identity(row): row for row in rows} for rows in (before, after))
    for identity in dict.fromkeys((*old, *new)):
        was, now = old.get(identity), new.get(identity)
        first, second = (_shown(row) if row else {} for row in (was, now))
        changed = {
            name: (first.get(name), second.get(name))
            for name in dict.fromkeys((*first, *second))
            if first.get(name) != second.get(name)
        }
        if changed or was is None or now is None:
            yield Difference(before=was, after=now, values=changed)


def selectors(row: PolicyRow) -> str:
    """For whom and from when a row holds, in words."""
    parts = (
        row.payer and f"payer {row.payer}",
        row.plan and f"plan {row.plan}",
        ", ".join(row.lines_of_business),
        row.state,
        row.starts_on and f"from {row.starts_on}",
        row.ends_on and f"to {row.ends_on}",
    )
    return "; ".join(each for each in parts if each) or "always"


def shown_value(value: Any) -> str:
    """A value as a table shows it; "-" where it is not said."""
    if isinstance(value, VisitLimit):
        value = {"visits": value.visits, "period": value.period, "combined_with": list(value.combined_with)}
        return ", ".join(f"{name} {_cell(each)}" for name, each in value.items() if each)
    return "-" if value is None else _cell(value)


def file_rows(file: PolicyFile | None) -> tuple[PolicyRow, ...]:
    """The rows of a file whose name does not matter; () where there is none."""
    return rows_of("", file) if file else ()


def _identity(row: PolicyRow) -> tuple[Any, ...]:
    return (row.rank, row.plan.strip().casefold(), row.lines_of_business, row.state, row.starts_on)


def _shown(row: PolicyRow) -> dict[str, Any]:
    found = {
        "to": row.ends_on,
        "version": row.version,
        "source": row.source,
        "source_url": row.source_url,
        "verified_on": row.verified_on,
        **row.values,
    }
    return {name: value for name, value in found.items() if value is not None and value != ""}


def _said(row: Values) -> dict[str, Any]:
    return {name: value for name, value in row.said().items() if "." not in name} | (
        {"severities": row.severities} if row.severities else {}
    )


def _selectors(row: Row) -> dict[str, Any]:
    names = {"from": "starts_on", "to": "ends_on"}
    return {name: getattr(row, names.get(name, name)) or None for name in _OF_ROW}


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(values)
    limit = found.pop("visit_limit", None)
    return found | ({f"visit_limit.{name}": getattr(limit, name) for name in VisitLimit.model_fields} if limit else {})


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        head, _, inner = name.partition(".")
        if inner:
            found.setdefault(head, {})[inner] = value
        else:
            found[name] = value
    return found


def _cell(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return ";".join(f"{rule}={weight}" for rule, weight in value.items())
    if isinstance(value, tuple | list):
        return ";".join(map(str, value)) or "[]"
    return str(value.value if isinstance(value, Enum) else value)


def _value(name: str, cell: str) -> Any:
    """A cell as TOML would have it; what does not fit stays text, and the schema says so."""
    if name == "severities":
        return {rule.strip(): weight.strip() for rule, _, weight in (each.partition("=") for each in cell.split(";"))}
    if name in _LISTS:
        return [] if cell == "[]" else [each.strip() for each in cell.split(";")]
    if name not in _TEXTS and cell in ("true", "false"):
        return cell == "true"
    if name not in _TEXTS and re.fullmatch(r"[0-9]{1,9}", cell):
        return int(cell)
    return cell


def _toml_lines(values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        if value is not None and value != "" and name != "severities":
            yield f"{name} = {_toml(value)}"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return _toml(value.value)
    if isinstance(value, int | date):
        return str(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, VisitLimit):
        inner = ", ".join(f"{name} = {_toml(getattr(value, name))}" for name in VisitLimit.model_fields)
        return f"{{ {inner} }}"
    return json.dumps(value, ensure_ascii=False)


def _finding(name: str, place: str, what: str, fix: str) -> Finding:
    return Finding(rule="settings", where=f"{name}, {place}" if place else name, what=what, fix=fix)
