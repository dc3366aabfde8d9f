"""CMS's medically unlikely edits for practitioners: CSV in a zip, once a quarter.

Columns: HCPCS/CPT Code, Practitioner Services MUE Values, MUE Adjudication Indicator ("3 Date of Service Edit: ..."),
MUE Rationale (cms.gov, Medicare NCCI medically unlikely edits). The other two tables (outpatient hospital, supplier)
have other values and are refused.
"""

import re
from collections.abc import Iterator
from datetime import date

from gateway.coding.published.columns import Column, Mistakes, day_of, table
from gateway.coding.published.row import Row

MEMBER = re.compile(r"\.(txt|csv)$")
COLUMNS = (
    Column("code", ("hcpcs/cpt code", "hcpcs/ cpt code", "hcpcs / cpt code")),
    Column("units", ("practitioner services mue values",)),
    Column("indicator", ("mue adjudication indicator",)),
    Column("rationale", ("mue rationale",), required=False),
)
_CODE = re.compile(r"[0-9A-Z]{5}")
_NAME = re.compile(r"eff[-_](\d\d)-(\d\d)-(\d{4})", re.IGNORECASE)


def rows(lines: Iterator[str], mistakes: Mistakes) -> Iterator[Row]:
    """The limits; the rationale is CMS's and is not kept."""
    for line, cells in table(lines, COLUMNS, mistakes):
        before = mistakes.count
        if not _CODE.fullmatch(cells["code"]):
            mistakes.cell(line, "code", "there is no code of five characters", "Take the file as it is published")
        if not cells["units"].isdecimal():
            mistakes.cell(line, "units", "the MUE value is no whole number", "Take the file as it is published")
        if cells["indicator"][:1] not in ("1", "2", "3"):
            mistakes.cell(
                line, "indicator", "the adjudication indicator does not begin with 1, 2 or 3", "Write 1, 2 or 3 first"
            )
        if mistakes.count == before:
            content: dict[str, str | int | bool] = {"units": int(cells["units"]), "indicator": cells["indicator"][0]}
            yield Row(code=cells["code"], content=content, line=line)


def starts_on(name: str) -> date | None:
    """The day that a name such as MCR_MUE_PractitionerServices_Eff_10-01-2026.csv says."""
    found = _NAME.search(name)
    return day_of("/".join(found.groups())) if found else None
