"""Published tables come in: read whole, compared with what is kept, and written in one transaction with their release.

``reference_for`` hands the checks the rows of a case's codes. A table is there for a day only if a release was imported
that holds for it: else its part is None, and the checks say "not evaluated".
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

from gateway.coding import codes as therapy
from gateway.coding import published
from gateway.coding.published import Changes, Kept, Published, Row
from gateway.coding.reference import DiagnosisCode, PairEdit, Reference, UnitLimit
from gateway.errors import GatewayError
from gateway.flow import touching
from gateway.flow.cases import State
from gateway.flow.house import Transaction
from gateway.store import StoredRelease, StoredRow
from gateway.x12 import codes as lists

OPEN = (State.ACCEPTED, State.HELD, State.WAITING)
"""The states of claims that a new release can still make fare differently."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release as read, before it is compared: its first and last day, and the digest of its files."""

    table: Published
    digest: str
    starts_on: date
    ends_on: date | None
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """A claim that is not sent yet, by our id, and those of its codes that the release says something else of."""

    claim: str
    state: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a release changes, or changed. ``file`` is its id once it is imported, ``known`` an earlier import of the
    same files."""

    release: Release
    changes: Changes
    touched: tuple[Touched, ...]
    file: str = ""
    known: StoredRelease | None = None


def read(kind: str, files: Sequence[Path], *, starts_on: date | None, whole: bool, today: date) -> Release:
    """A release from its files. GatewayError with every mistake; also where nothing says from which day it holds.

    Of NCCI's pairs those are kept whose codes are both therapy's, unless ``whole``.
    """
    if kind not in published.KINDS:
        raise GatewayError(f"there is no table {kind}", fix=f"Name one of {', '.join(published.KINDS)}")
    digests: list[bytes] = []
    known = therapy.codes()

    def keep(row: Row) -> bool:
        return whole or kind != "ncci" or (row.code in known and row.other in known)

    table = published.read(kind, _open(files, digests), keep=keep)
    found = starts_on or next((day for name in _names(files, table) if (day := published.starts_on(kind, name))), None)
    if found is None and kind in ("carc", "rarc"):
        found = today  # Each code has days of its own.
    if found is None:
        what = "the name of the file does not say from which day it holds"
        raise GatewayError(what, where=", ".join(table.names), fix="Add --starts-on with the day, such as 2026-10-01")
    return Release(
        table=table,
        digest=hashlib.sha256(b"".join(sorted(digests))).hexdigest(),
        starts_on=found,
        ends_on=published.ends_on(kind, found),
        whole=whole,
    )


def compare(tx: Transaction, release: Release) -> Report:
    """What the release would change; GatewayError where a later one of its kind was imported already."""
    kind = release.table.kind
    earlier = tx.reference.releases(kind)
    known = next((each for each in earlier if each.digest == release.digest), None)
    if known is not None:
        return Report(release=release, changes=Changes(same=len(release.table.rows)), touched=(), known=known)
    later = next((each for each in earlier if each.starts_on > release.starts_on), None)
    if later is not None:
        raise GatewayError(
            f"a release from {later.starts_on} on is in already, and this one is from {release.starts_on}",
            where=", ".join(release.table.names),
            fix="Import releases in the order of their days; a claim is held against the one of its day of service",
        )
    kept = (_kept(each) for each in tx.reference.all(kind))
    found = published.changes(kept, release.table, release.starts_on)
    return Report(release=release, changes=found, touched=tuple(_touched(tx, kind, found)))


def take_in(tx: Transaction, release: Release) -> Report:
    """Writes the release's rows and records it. The same files again change nothing."""
    report = compare(tx, release)
    if report.known is not None:
        return report
    table, changes = release.table, report.changes
    counts = {name: len(getattr(changes, name)) for name in ("new", "ended", "changed", "mended")} | {
        "left_out": table.left_out
    }
    name = ", ".join(table.names)
    file = tx.reference.add(
        kind=table.kind,
        name=name,
        digest=release.digest,
        starts_on=release.starts_on,
        ends_on=release.ends_on,
        rows=len(table.rows),
        about={**counts, "whole": release.whole},
    )
    tx.reference.put(table.kind, (_stored(each) for each in changes.rows()), file=file)
    content = {"kind": table.kind, "name": name, "digest": release.digest, "release": file, **counts}
    tx.inputs.add(kind="command", name="tables_import", holds_on=release.starts_on, content=content)
    detail: dict[str, Any] = {"kind": table.kind, **counts}
    tx.events.add(file, "tables.imported", **detail)
    touching.everything(tx, file)
    return Report(release=release, changes=changes, touched=report.touched, file=file)


def reference_for(tx: Transaction, codes: Iterable[str], days: Iterable[date]) -> Reference:
    """The published rows for these procedures and diagnoses. A table that lacks one of the days is None."""
    wanted, served = sorted(set(codes)), sorted(set(days))
    holding = {kind: _holding(tx.reference.releases(kind), kind, served) for kind in ("ncci", "mue", "icd10")}
    rows = {kind: tx.reference.of(kind, wanted) if found else [] for kind, found in holding.items()}
    pairs, limits, diagnoses = holding["ncci"], holding["mue"], holding["icd10"]
    return Reference(
        pairs=tuple(map(_pair, rows["ncci"])) if pairs else None,
        limits=tuple(map(_limit, rows["mue"])) if limits else None,
        diagnoses=tuple(map(_diagnosis, rows["icd10"])) if diagnoses else None,
        sources=tuple((kind, _source(found)) for kind, found in holding.items() if found),
        therapy_only=bool(pairs) and not all(each.about.get("whole") for each in pairs),
    )


def meaning(tx: Transaction, kind: str, code: str, day: date | None = None) -> str:
    """What a reason or remark code (``carc``, ``rarc``) says: the imported list's text, else our own short name, else
    "". ``day`` picks the text of that day."""
    found = tx.reference.of(kind, [code], day)
    return str(found[-1].content["text"]) if found else lists.meaning(kind, code)


def _open(files: Sequence[Path], digests: list[bytes]) -> Iterator[tuple[str, BinaryIO]]:
    for each in files:
        with each.open("rb") as stream:
            digests.append(hashlib.file_digest(stream, "sha256").digest())
            stream.seek(0)
            yield each.name, stream


def _names(files: Sequence[Path], table: Published) -> Iterator[str]:
    yield from (each.name for each in files)
    yield from table.names


def _touched(tx: Transaction, kind: str, changes: Changes) -> Iterator[Touched]:
    """The claims that are not sent yet whose codes the changes say something else of, on their days of service."""
    if kind not in ("ncci", "mue", "icd10"):
        return
    by_day: dict[date, set[tuple[str, str]]] = {}
    for state in OPEN:
        for each in tx.claims.list(state=state):
            found: set[str] = set()
            for day in {line.served_on for line in each.claim.lines}:
                told = by_day.setdefault(day, changes.touches(day))
                held = {line.procedure for line in each.claim.lines if line.served_on == day}
                held |= {code.replace(".", "") for code in each.claim.diagnoses} if kind == "icd10" else set()
                found |= {f"{one}/{two}" if two else one for one, two in told if {one, two or one} <= held}
            if found:
                yield Touched(claim=each.id, state=each.state, codes=tuple(sorted(found)))


def _holding(releases: Sequence[StoredRelease], kind: str, days: Sequence[date]) -> list[StoredRelease]:
    """The releases that these days are held against, one for each; [] where one of the days has none. NCCI's have all
    days past, the others begin with their own."""
    found = []
    for day in days:
        fitting = [each for each in releases if each.holds_on(day)]
        if not fitting and kind == "ncci" and releases and day < releases[0].starts_on:
            fitting = [releases[0]]
        if not fitting:
            return []
        found.append(fitting[-1])
    return found


def _source(found: Sequence[StoredRelease]) -> str:
    return "; ".join(dict.fromkeys(f"{each.name}, from {each.starts_on}" for each in found))


def _kept(row: StoredRow) -> Kept:
    return Kept(code=row.code, other=row.other, starts_on=row.starts_on, ends_on=row.ends_on, content=dict(row.content))


def _stored(row: Kept) -> StoredRow:
    return StoredRow(
        code=row.code, other=row.other, starts_on=row.starts_on, ends_on=row.ends_on, content=dict(row.content)
    )


def _pair(row: StoredRow) -> PairEdit:
    return PairEdit(
        column_one=row.code,
        column_two=row.other,
        starts_on=row.starts_on,
        ends_on=row.ends_on,
        indicator=str(row.content["indicator"]),
    )


def _limit(row: StoredRow) -> UnitLimit:
    return UnitLimit(
        procedure=row.code,
        units=int(row.content["units"]),
        indicator=str(row.content["indicator"]),
        starts_on=row.starts_on,
        ends_on=row.ends_on,
    )


def _diagnosis(row: StoredRow) -> DiagnosisCode:
    return DiagnosisCode(
        code=row.code, billable=bool(row.content["billable"]), starts_on=row.starts_on, ends_on=row.ends_on
    )
