"""Published tables in the form that their keepers publish them: NCCI PTP, MUE, ICD-10-CM, CARC and RARC.

``read`` gives a release's rows, or every mistake of its files with line and column. Pure: files are handed in open,
nothing is fetched. Descriptors of CPT are never kept; texts of reason codes are, for whoever has a right to the list.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import BinaryIO

from gateway.coding.published import icd10, mue, ncci, reasons
from gateway.coding.published.change import Changes, Kept, changes
from gateway.coding.published.columns import Mistakes
from gateway.coding.published.opening import opened
from gateway.coding.published.row import Published, Row
from gateway.errors import GatewayError

__all__ = ["KINDS", "Changes", "Kept", "Published", "Row", "changes", "ends_on", "read", "starts_on"]

_READERS: Mapping[str, Callable[[Iterator[str], Mistakes], Iterator[Row]]] = {
    "ncci": ncci.rows,
    "mue": mue.rows,
    "icd10": icd10.rows,
    "carc": reasons.rows,
    "rarc": reasons.rows,
}
_MEMBERS = {
    "ncci": ncci.MEMBER,
    "mue": mue.MEMBER,
    "icd10": icd10.MEMBER,
    "carc": reasons.MEMBER,
    "rarc": reasons.MEMBER,
}
_RELEASES: Mapping[str, Callable[[str], date | None]] = {
    "ncci": ncci.starts_on,
    "mue": mue.starts_on,
    "icd10": icd10.starts_on,
}
KINDS: Mapping[str, str] = {
    "ncci": "NCCI procedure-to-procedure edits, practitioner services",
    "mue": "medically unlikely edits, practitioner services",
    "icd10": "ICD-10-CM, the order file",
    "carc": "claim adjustment reason codes (X12 list 139)",
    "rarc": "remittance advice remark codes (X12 list 411)",
}


def starts_on(kind: str, name: str) -> date | None:
    """The first day that a release holds for, by its file's name as CMS gives it; None where that does not say."""
    return _RELEASES[kind](name) if kind in _RELEASES else None


def ends_on(kind: str, first: date) -> date | None:
    """The last day that a release from this day on holds for: its quarter's, its year's (ICD-10-CM: 30 September);
    None for lists that go on until the next one."""
    if kind == "icd10":
        return date(first.year + (first.month > 9), 9, 30)
    if kind in ("carc", "rarc"):
        return None
    after = first.month + 3 - (first.month - 1) % 3
    return date(first.year + (after > 12), (after - 1) % 12 + 1, 1) - timedelta(days=1)


def read(
    kind: str, files: Iterable[tuple[str, BinaryIO]], *, keep: Callable[[Row], bool] = lambda row: True
) -> Published:
    """The rows of a release, given as one file or its parts, by name. ``keep`` leaves rows out, which are counted.

    GatewayError with every mistake of every file, named by file, line and column.
    """
    assert kind in KINDS, "the caller has looked it up"
    rows: dict[tuple[str, str, date | None], Row] = {}
    mistakes = Mistakes()
    names, left_out, seen = [], 0, 0
    for name, stream in files:
        for member, lines in opened(name, stream, _MEMBERS[kind]):
            names.append(member)
            mistakes.file = member
            for row in _READERS[kind](lines, mistakes):
                seen += 1
                if not keep(row):
                    left_out += 1
                elif rows.setdefault(row.key, row) != row:
                    mistakes.add(
                        row.line, 0, f"{row.named} stands there twice, and not alike", "Take one of the lines out"
                    )
    if kind == "ncci" and (strange := ncci.strange(names)):
        mistakes.file = ""
        mistakes.add(0, 0, strange, "Name all parts of the practitioners' release together")
    if not seen and not mistakes.found:
        mistakes.add(0, 0, "there is no row in it", "Take the file as it is published")
    if mistakes.found:
        raise GatewayError(
            mistakes.summary(), where=", ".join(names), fix=mistakes.found[0].fix, findings=tuple(mistakes.found)
        )
    return Published(kind=kind, names=tuple(names), rows=tuple(rows.values()), left_out=left_out)
