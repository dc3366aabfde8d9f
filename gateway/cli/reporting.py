"""``report``: a report as a table, CSV, JSON or columns for a Parquet writer, or the entries behind one of its rows."""

import csv
import json
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from gateway.cli.output import dollars, say, table
from gateway.flow.house import House
from gateway.flow.reports import REPORTS
from gateway.flow.reports.base import Column, Part, Report, Row, Type, Value, View
from gateway.store import Scope

FORMATS = ("table", "csv", "json", "columns")
ARROW = {
    Type.TEXT: "string",
    Type.INT: "int64",
    Type.CENTS: "int64",
    Type.DATE: "date32[day]",
    Type.INSTANT: "timestamp[us, tz=UTC]",
    Type.PERCENT: "double",
    Type.HOURS: "double",
}
"""The Arrow type of each column: cents are whole cents; days and microseconds are counted from 1970 on."""
_EPOCH = date(1970, 1, 1).toordinal()
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


def show_report(
    house: House,
    name: str,
    *,
    form: str = "table",
    row: str = "",
    owner: tuple[str, str] = ("", ""),
    **asked: Any,
) -> int:
    """0, also where nothing is found; 2 where there is no such report, form, clinic or row."""
    report = REPORTS.get(name)
    organisation, clinic = owner
    if not name:
        table("reports", ("name", "what it shows"), [(each.name, each.title) for each in REPORTS.values()])
        return 0
    if report is None:
        say(f"There is no report {name}. There are: {', '.join(REPORTS)}")
        return 2
    if form not in FORMATS:
        say(f"There is no form {form}. There are: {', '.join(FORMATS)}")
        return 2
    if clinic and not organisation:
        say("A clinic's name means nothing without its organisation: name --organisation, too")
        return 2
    scope = Scope(organisation or None, clinic or None, house.actor)
    with house.store.transaction(scope, read_only=True) as tx:
        view = View(house=house, tx=tx, **asked)
        if not row:
            _show(report.name, report.title, report.columns, report.rows(view), form)
            return 0
        parts = report.parts(view, row)
    if not parts:
        say(f"Report {name} has no row {row} here; its first column names its rows.")
        return 2
    _show(f"{name} {row}", f"{report.title}: {row}", part_columns(report), [_plain(each) for each in parts], form)
    return 0


def part_columns(report: Report) -> tuple[Column, ...]:
    """What each part of a row adds to its sums."""
    sums = tuple(each for each in report.columns if each.name in report.summed)
    return (Column("trace"), Column("entry"), Column("what"), Column("on"), *sums)


def _plain(part: Part) -> Row:
    return {"trace": part.trace, "entry": part.entry, "what": part.what, "on": _iso(part.on), **part.amounts}


def _show(name: str, title: str, columns: Sequence[Column], rows: Sequence[Row], form: str) -> None:
    if form == "json":
        plain = [{each.name: _iso(row.get(each.name)) for each in columns} for row in rows]
        print(json.dumps({"name": name, "rows": plain}, indent=2))
    elif form == "columns":
        print(json.dumps(as_columns(name, columns, rows)))
    elif form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(each.name for each in columns)
        writer.writerows([_text(row.get(each.name), each.type, "") for each in columns] for row in rows)
    elif not rows:
        print(f"{title}: nothing")
    else:
        shown = [[_text(row.get(each.name), each.type, ",") for each in columns] for row in rows]
        table(title, [each.name for each in columns], shown)


def as_columns(name: str, columns: Sequence[Column], rows: Sequence[Row]) -> dict[str, Any]:
    """One document that a columnar writer takes as it is: names, Arrow types, and a list of values for each column."""
    return {
        "name": name,
        "columns": [{"name": each.name, "type": ARROW[each.type]} for each in columns],
        "data": {each.name: [_whole(row.get(each.name)) for row in rows] for each in columns},
    }


def _whole(value: Value) -> Value:
    if isinstance(value, datetime):
        gone = value - _FIRST
        return (gone.days * 86_400 + gone.seconds) * 1_000_000 + gone.microseconds
    return value.toordinal() - _EPOCH if isinstance(value, date) else value


def _iso(value: Value) -> str | int | float | None:
    return value.isoformat() if isinstance(value, date) else value


def _text(value: Value, kind: Type, thousands: str) -> str:
    if value is None:
        return ""
    if kind is Type.CENTS and isinstance(value, int):
        return dollars(value).replace(",", thousands)
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return str(value)
