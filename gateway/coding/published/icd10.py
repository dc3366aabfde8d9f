"""ICD-10-CM's order file: fixed columns, from 1 October each year, and again from 1 April.

Columns 1-5 the order number, 7-13 the code without its dot, 15 whether it may be billed (1) or is a heading (0), 17-76
a short name, from 78 the long one (CMS, "icd10OrderFiles" of each year's code descriptions). Names are not kept.
"""

import re
from collections.abc import Iterator
from datetime import date

from gateway.coding.published.columns import Mistakes
from gateway.coding.published.row import Row

MEMBER = re.compile(r"(?<!addenda)(?<!addenda[-_])icd10cm[-_]?order(?!.*addenda).*\.txt$")
_CODE = re.compile(r"[A-Z][0-9][0-9A-Z]{1,5} *")
_NAME = re.compile(r"order.*?((?:19|20)\d\d)", re.IGNORECASE)
_AS_PUBLISHED = "Take the order file as it is published"


def rows(lines: Iterator[str], mistakes: Mistakes) -> Iterator[Row]:
    for line, text in enumerate(lines, 1):
        text = text.rstrip("\r\n")
        if not text.strip():
            continue
        before = mistakes.count
        if not text[:5].isdecimal() or text[5:6] != " ":
            mistakes.add(line, 1, "columns 1 to 5 are no order number", _AS_PUBLISHED)
        if not _CODE.fullmatch(text[6:14]):
            mistakes.add(line, 7, "columns 7 to 13 are no code without a dot", _AS_PUBLISHED)
        if text[14:15] not in ("0", "1"):
            mistakes.add(line, 15, "column 15 is neither 0 nor 1", _AS_PUBLISHED)
        if mistakes.count == before:
            yield Row(code=text[6:13].strip(), content={"billable": text[14] == "1"}, line=line)
        elif mistakes.count >= 20 and line < 25:
            return  # Another file altogether: the first lines say so.


def starts_on(name: str) -> date | None:
    """icd10cm-order-2026.txt is from 1 October 2025; with "April" in its name from 1 April 2026."""
    found = _NAME.search(name)
    if found is None:
        return None
    year = int(found[1])
    return date(year, 4, 1) if "apr" in name.lower() else date(year - 1, 10, 1)
