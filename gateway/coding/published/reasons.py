"""CARC and RARC lists as tables: Code, Description, Start Date, Last Modified, Stop Date, Notes (x12.org's columns).

X12 owns both lists and their texts: whoever imports one has a right to it, and its texts stay in his own database.
"""

import re
from collections.abc import Iterator
from datetime import timedelta

from gateway.coding.published.columns import Column, Mistakes, day_of, table
from gateway.coding.published.row import Row

MEMBER = re.compile(r"\.(txt|csv|tsv)$")
COLUMNS = (
    Column("code", ("code", "carc", "rarc", "reason code", "remark code")),
    Column("text", ("description", "narrative")),
    Column("starts_on", ("start",)),
    Column("modified_on", ("last modified", "modified"), required=False),
    Column("ends_on", ("stop", "deactivat", "end date")),
    Column("notes", ("notes", "note"), required=False),
)
_CODE = re.compile(r"[A-Z]{0,3}\d{1,4}")


def rows(lines: Iterator[str], mistakes: Mistakes) -> Iterator[Row]:
    """The codes; a stop date is the first day on which a code is not used any more."""
    for line, cells in table(lines, COLUMNS, mistakes):
        days = {name: day_of(cells.get(name, "")) for name in ("starts_on", "modified_on", "ends_on")}
        before = mistakes.count
        if not _CODE.fullmatch(cells["code"]):
            mistakes.cell(line, "code", "there is no code such as 197 or N362", "Take the list as it is published")
        if not cells["text"]:
            mistakes.cell(line, "text", "the description is missing", "Take the list as it is published")
        for name, day in days.items():
            if cells.get(name) and day is None:
                mistakes.cell(line, name, "this is no date", "Write it as 2026-03-01 or 03/01/2026")
        if days["starts_on"] is None and not cells["starts_on"]:
            mistakes.cell(line, "starts_on", "the start date is missing", "Take the list as it is published")
        if mistakes.count == before:
            content: dict[str, str | int | bool] = {"text": cells["text"]}
            if cells.get("notes"):
                content["notes"] = cells["notes"]
            yield Row(
                code=cells["code"],
                starts_on=days["starts_on"],
                ends_on=days["ends_on"] - timedelta(days=1) if days["ends_on"] else None,
                content=content,
                line=line,
            )
