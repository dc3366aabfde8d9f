"""Reads the CSV layout (docs/intake.md): one row for each service line, rows of one record joined by ``client_ref``.

A file whose header or quoting is wrong is refused as a whole: a record could otherwise be taken in without some of its
lines. Never guesses a separator or a date's order.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import Finding
from gateway.flow.intake_source import Source
from gateway.flow.intake_words import JsonPath, finding, unknown_key

Convert = Callable[[str], Any]

_KEY = ("type", "organisation", "clinic", "client_ref")  # What rows of one record have in common.
REQUIRED = _KEY
_OF_CASES = ("payer", "patient_last_name", "patient_born")  # What requests and claims need besides.
_STAY_HERE = frozenset(
    {"visit", "certification", "correction", "transfer"}
)  # Types that name their authorization in place of patient and payer.
_ROLES = ("service", "rendering", "ordering", "referring", "primary_care", "facility")


def _text(cell: str) -> Any:
    return cell


def _number(cell: str) -> Any:
    return int(cell) if re.fullmatch(r"-?[0-9]{1,9}", cell) else cell


def _flag(cell: str) -> Any:
    return {"yes": True, "true": True, "no": False, "false": False}.get(cell.lower(), cell)


def _list(cell: str) -> Any:
    return re.split(r"[\s;|]+", cell)


def _numbers(cell: str) -> Any:
    return [_number(each) for each in _list(cell)]


def _columns() -> dict[str, tuple[JsonPath, Convert]]:
    """Every column that a file may have: where its cell stands in the record, and what becomes of the cell."""
    columns: dict[str, tuple[JsonPath, Convert]] = {}

    def add(names: str, convert: Convert = _text, prefix: str = "", path: JsonPath = ()) -> None:
        for name in names.split():
            columns[prefix + name] = ((*path, name), convert)

    address = "line line2 city state postal_code"
    person = "last_name first_name middle_name suffix born sex member_id group_number"
    add("type organisation clinic client_ref kind frequency payer place_of_service onset_on")
    for who in ("patient", "policy_holder"):
        add(person, prefix=f"{who}_", path=(who,))
        add(address, prefix=f"{who}_address_", path=(who, "address"))
    add("relationship", prefix="patient_", path=("patient",))
    add("diagnoses", _list)
    add("kind happened_on state", prefix="accident_", path=("accident",))
    add("service_type level starts_on ends_on hours note delay_reason previous_number administrative_reference")
    add("earlier_ref")
    add("visits units days", _number)
    add("release_signed", _flag)
    add("name phone fax email", prefix="contact_", path=("contact",))
    add("status served_on discipline override")
    add("number decided_on used_until request_ref to_ref reason")
    add("used_before total remaining amount", _number)
    add("procedures", _list)
    add("channel seen_on by reference note", prefix="evidence_", path=("evidence",))
    add("number discipline", prefix="line_", path=("lines",))
    add("procedures", _list, prefix="line_", path=("lines",))
    add("used_before", _number, prefix="line_", path=("lines",))
    add("payer_claim_number authorization authorization_ref referral filing charge patient_paid")
    for role in _ROLES:
        add("name last_name first_name npi taxonomy phone", prefix=f"{role}_", path=(role,))
        add(address, prefix=f"{role}_address_", path=(role, "address"))
    add("procedure charge served_on starts_on ends_on hours authorization", prefix="line_", path=("lines",))
    add("modifiers", _list, prefix="line_", path=("lines",))
    add("units visits days", _number, prefix="line_", path=("lines",))
    add("pointers", _numbers, prefix="line_", path=("lines",))
    add("plan line_of_business state checked_on discipline first_treated_on signed_on verbal_on ordered_on sent_on")
    add("auth_required recertification", _flag)
    add("progress_reports documents", _list)
    add("amount used", _number, prefix="visit_limit_", path=("visit_limit",))
    add("period", prefix="visit_limit_", path=("visit_limit",))
    add("combined_with", _list, prefix="visit_limit_", path=("visit_limit",))
    add("pt_slp ot", prefix="therapy_used_", path=("therapy_used",))
    add("name last_name first_name npi taxonomy phone", prefix="physician_", path=("physician",))
    columns["line_therapist_minutes"] = (("lines", "minutes", "therapist"), _number)
    columns["line_assistant_minutes"] = (("lines", "minutes", "assistant"), _number)
    return columns


COLUMNS = _columns()


def read_rows(data: bytes) -> tuple[list[Source], list[Finding]]:
    """The records of a CSV file, or what is wrong with the file as a whole."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = f"line {data[: error.start].count(10) + 1}"
        return [], [finding("encoding", place, "this is not UTF-8 text", "Save it as CSV UTF-8")]
    rows: list[tuple[int, list[str]]] = []
    try:
        for number, row in enumerate(csv.reader(io.StringIO(text, newline=""), strict=True), start=1):
            if any(cell.strip() for cell in row):
                rows.append((number, [cell.strip() for cell in row]))
    except csv.Error:
        place = f"row {rows[-1][0] + 1 if rows else 1} or after it"
        return [], [
            finding("csv", place, "the quotes or a cell can't be read", 'Write a quote within quotes twice: ""')
        ]
    if not rows:
        return [], []
    (_, header), *body = rows
    findings = list(_header_findings(header, body))
    return ([], findings) if findings else (list(_records(header, body)), [])


def _header_findings(header: list[str], body: list[tuple[int, list[str]]]) -> Iterator[Finding]:
    if len(header) == 1 and re.search(r"[;\t|]", header[0]):
        yield finding("csv", "row 1", "the cells are not separated by commas", "Save the file with commas")
        return
    for position, name in enumerate(header, start=1):
        place = f"row 1, column {position}"
        if name not in COLUMNS:
            _, fix = unknown_key(name, sorted(COLUMNS))
            near = fix if fix.startswith("Did you mean") else "Take it out; docs/intake.md lists every column"
            yield finding("csv", place, "there is no such column", near)
        elif name in header[: position - 1]:
            yield finding("csv", place, f"the column {name} is there twice", "Keep one of them")
    at = header.index("type") if "type" in header else len(header)
    types = {row[at] for _, row in body if len(row) > at} - {""}
    for name in REQUIRED if types and types <= _STAY_HERE else (*REQUIRED, *_OF_CASES):
        if name not in header:
            yield finding("csv", "row 1", f"the column {name} is missing", "Add it")


@dataclass(slots=True)
class _Rows:
    """The rows of one record, as they are joined."""

    first: int
    raw: dict[str, Any] = field(default_factory=dict)
    cells: dict[str, str] = field(default_factory=dict)  # What the record's own columns held first.
    line_rows: list[int] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def add(self, number: int, header: list[str], row: list[str]) -> None:
        if any(row[len(header) :]):
            fix = "Put a cell that contains commas in quotes"
            self.findings.append(finding("csv", f"row {number}", "the row has more cells than the header", fix))
        given = {name: cell for name, cell in zip(header, row, strict=False) if cell}
        line: dict[str, Any] = {}
        for name, cell in given.items():
            path, convert = COLUMNS[name]
            if path[0] == "lines":
                _put(line, path[1:], convert(cell))
            elif self.cells.setdefault(name, cell) != cell:
                what = f"this differs from row {self.first}, which belongs to the same record"
                fix = "Leave it empty, repeat the first value, or give the record its own client_ref"
                self.findings.append(finding("csv", f"row {number}, column {name}", what, fix))
            else:
                _put(self.raw, path, convert(cell))
        if line:
            self.raw.setdefault("lines", []).append(line)
            self.line_rows.append(number)

    def source(self) -> Source:
        raw, roles = dict(self.raw), []
        if raw.get("type") == "authorization":
            roles = [role for role in _ROLES if role in raw]
            providers = [{"role": role, **raw.pop(role)} for role in roles]
            if providers:
                raw["providers"] = providers
        return Source(raw=raw, where=lambda path: self._place(path, roles), findings=tuple(self.findings))

    def _place(self, path: JsonPath, roles: list[str]) -> str:
        row, looked = self.first, path
        if len(path) > 1 and path[0] == "lines" and isinstance(path[1], int):
            row, looked = self.line_rows[path[1]], ("lines", *path[2:])
        elif len(path) > 1 and path[0] == "providers" and isinstance(path[1], int):
            looked = (roles[path[1]], *path[2:])
        for length in range(len(looked), 0, -1):
            for name, (place, _) in COLUMNS.items():
                if place == looked[:length]:
                    return f"row {row}, column {name}"
        begins = [name for name, (place, _) in COLUMNS.items() if looked and place[: len(looked)] == looked]
        return f"row {row}, column {begins[0]}" if begins else f"row {row}"


def _records(header: list[str], body: list[tuple[int, list[str]]]) -> Iterator[Source]:
    """Rows joined to records. An empty cell among those that name a record repeats what another of its rows has."""
    joined: list[tuple[dict[str, str], _Rows]] = []
    for number, row in body:
        named = dict(zip(header, row, strict=False))
        key = {name: named[name] for name in _KEY if named.get(name)}
        rows = next((each for other, each in reversed(joined) if _same(key, other)), None)
        if rows is None:
            if joined and "client_ref" not in key:
                what = f"row {number} has no client_ref: it may be a line of this record, which is not taken without it"
                place = f"row {joined[-1][1].first}"
                joined[-1][1].findings.append(finding("csv", place, what, f"Write the client_ref into row {number}"))
            rows = _Rows(number)
            joined.append((key, rows))
        else:
            next(other for other, each in joined if each is rows).update(key)
        rows.add(number, header, row)
    for _, rows in joined:
        yield rows.source()


def _same(one: dict[str, str], other: dict[str, str]) -> bool:
    """Whether two rows are of one record: the same client_ref, and nothing that says otherwise."""
    if "client_ref" not in one or one["client_ref"] != other.get("client_ref"):
        return False
    return all(other.get(name, value) == value for name, value in one.items())


def _put(record: dict[str, Any], path: JsonPath, value: Any) -> None:
    *outer, last = path
    for part in outer:
        record = record.setdefault(str(part), {})
    record[str(last)] = value
