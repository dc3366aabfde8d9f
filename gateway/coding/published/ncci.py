"""CMS's NCCI PTP edits for practitioners: tab-delimited text in a zip, in four parts a quarter.

Columns: Column 1, Column 2, "*=in existence prior to 1996", Effective Date, "Deletion Date *=no data", Modifier
(0 not allowed, 1 allowed, 9 not applicable), PTP Edit Rationale (cms.gov, Medicare NCCI procedure-to-procedure edits).
A deletion date is the last day that an edit holds. Deleted edits stay in the file, so one release has all days past.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date

from gateway.coding.published.columns import Column, Mistakes, day_of, table
from gateway.coding.published.row import Row

MEMBER = re.compile(r"\.(txt|csv)$")
PARTS = 4
COLUMNS = (
    Column("one", ("column 1", "column1")),
    Column("two", ("column 2", "column2")),
    Column("old", ("*=in existence", "* = in existence", "*=in  existence"), required=False),
    Column("starts_on", ("effective date",)),
    Column("ends_on", ("deletion date",)),
    Column("indicator", ("modifier",)),
    Column("rationale", ("ptp edit rationale",), required=False),
)
_HOSPITAL = re.compile(r"ccioph", re.IGNORECASE)
_CODE = re.compile(r"[0-9A-Z]{5}")
_NAME = re.compile(r"ccipra[-_]?v(\d\d)(\d)", re.IGNORECASE)
_PART = re.compile(r"[-_]f(\d)\b", re.IGNORECASE)


def rows(lines: Iterator[str], mistakes: Mistakes) -> Iterator[Row]:
    """The edits of one part. The rationale is CMS's and is not kept."""
    for line, cells in table(lines, COLUMNS, mistakes):
        starts_on, ends_on = day_of(cells["starts_on"]), day_of(cells["ends_on"])
        before = mistakes.count
        for name in ("one", "two"):
            if not _CODE.fullmatch(cells[name]):
                mistakes.cell(line, name, "there is no code of five characters", "Take the file as it is published")
        if cells.get("old", "") not in ("", "*"):
            mistakes.cell(line, "old", "this is neither * nor empty", "Take the file as it is published")
        if starts_on is None:
            mistakes.cell(line, "starts_on", "the effective date is none", "Write it as 20260101")
        if ends_on is None and cells["ends_on"] != "*":
            mistakes.cell(
                line, "ends_on", "the deletion date is neither one nor *", "Write it as 20260101, or * for none"
            )
        if cells["indicator"] not in ("0", "1", "9"):
            mistakes.cell(
                line, "indicator", "the modifier indicator is not 0, 1 or 9", "Take the file as it is published"
            )
        if starts_on is not None and ends_on is not None and ends_on < starts_on:
            mistakes.cell(line, "ends_on", "the edit ends before it begins", "Take the file as it is published")
        if mistakes.count == before:
            yield Row(
                code=cells["one"],
                other=cells["two"],
                starts_on=starts_on,
                ends_on=ends_on,
                content={"indicator": cells["indicator"]},
                line=line,
            )


def starts_on(name: str) -> date | None:
    """The first day of a version: v320 is 2026's first quarter, v313 2025's last (30.0 was 1 January 2024's)."""
    found = _NAME.search(name)
    return None if found is None or int(found[2]) > 3 else date(int(found[1]) + 1994, 1 + 3 * int(found[2]), 1)


def strange(names: Sequence[str]) -> str:
    """What is wrong with these files as one release, by their names; "" where nothing is."""
    if any(_HOSPITAL.search(each) for each in names):
        return "these are the edits of outpatient hospitals; a practice needs those of practitioners (ccipra)"
    parts = {part(each) for each in names} - {0}
    missing = [str(each) for each in range(1, PARTS + 1) if each not in parts]
    if parts and missing:
        return f"part {', '.join(missing)} of {PARTS} of the release is missing"
    return ""


def part(name: str) -> int:
    """Which part of the release a file is, by its name; 0 where that does not say."""
    found = _PART.search(name)
    return int(found[1]) if found else 0
