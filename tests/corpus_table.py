"""The corpus, file by file: what its index says of a file, what we say, and why where the two do not meet.

    python tests/corpus_table.py [folder of the corpus]

prints the table, a file a line: path, transaction, label, verdict, first finding, explanation. The explanations and the
places where a fault must be found are those of ``fixtures/corpus_verdicts.toml``, written by hand; nothing here quotes
a file. ``test_corpus_table`` pins the table.
"""

import csv
import os
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from gateway.errors import Finding, MalformedInterchange, Position, Severity
from gateway.x12.validate import Examined, examine

CORPUS = Path(os.environ.get("GATEWAY_CORPUS") or Path(__file__).resolve().parents[2] / "shared" / "corpus")
VERDICTS = Path(__file__).parent / "fixtures" / "corpus_verdicts.toml"
UNREADABLE = "x12.document.unreadable"
CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Row:
    """One file. ``label`` is the index's (valid, invalid, unknown), ``verdict`` ours, ``findings`` with their places.

    The verdict is ``refused`` (something blocks), ``no guide`` (nothing blocks, but a set could not be judged),
    ``warned`` or ``accepted``.
    """

    path: str
    transaction: str
    label: str
    verdict: str
    blocking: tuple[str, ...]
    findings: tuple[str, ...]
    why: str

    def __str__(self) -> str:
        first = next(iter(self.blocking or self.findings), "-")
        return "\t".join((self.path, self.transaction, self.label, self.verdict, first, self.why or "-"))


def index(corpus: Path = CORPUS) -> list[dict[str, str]]:
    """The rows of the corpus's INDEX.tsv; none where there is no corpus."""
    if not (corpus / "INDEX.tsv").is_file():
        return []
    with (corpus / "INDEX.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@cache
def verdicts() -> dict[str, dict[str, Any]]:
    """What is written of the files by hand: ``no_guide``, ``exceptions`` and ``places``."""
    return tomllib.loads(VERDICTS.read_text(encoding="utf-8"))


def row(entry: dict[str, str], corpus: Path = CORPUS) -> Row:
    """The row of one file of the index."""
    found = list(_examined(corpus / entry["path"]))
    blocking = tuple(short(each) for each in found if each.severity is Severity.BLOCK)
    unjudged = any(each.severity is Severity.NOT_EVALUATED for each in found)
    verdict = "refused" if blocking else "no guide" if unjudged else "warned" if found else "accepted"
    why = _why(entry, unjudged)
    findings = tuple(map(short, found))
    return Row(entry["path"], entry["transaction_version"], entry["validity"], verdict, blocking, findings, why)


def short(finding: Finding) -> str:
    """Rule and place, such as ``x12.element.missing 2000/2100/2110 SVC01-02``."""
    where = finding.where
    place = (where.loop, where.reference) if isinstance(where, Position) else (where,)
    return " ".join(filter(None, (finding.rule, *place)))


def _why(entry: dict[str, str], unjudged: bool) -> str:
    known = verdicts()
    exception = known["exceptions"].get(entry["path"])
    if exception is not None:
        return str(exception["why"])
    return str(known["no_guide"].get(entry["transaction_version"], "")) if unjudged else ""


def _examined(path: Path) -> Iterator[Finding]:
    try:
        for part in examine(_chunks(path)):
            if isinstance(part, Finding):
                yield part
            elif isinstance(part, Examined):
                yield from part.findings
    except MalformedInterchange as error:
        yield Finding(rule=UNREADABLE, what=error.what, fix=error.fix, where=error.where)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def main(folder: str = "") -> int:
    """Prints the table; 2 where there is no corpus."""
    corpus = Path(folder) if folder else CORPUS
    entries = index(corpus)
    if not entries:
        print(f"There is no corpus in {corpus}; name its folder, or set GATEWAY_CORPUS", file=sys.stderr)
        return 2
    for entry in entries:
        print(row(entry, corpus))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
