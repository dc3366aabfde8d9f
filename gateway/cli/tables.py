"""``tables import``, ``diff`` and ``list``: published tables come in, and what they change is told."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.cli.output import emit, table
from gateway.coding.published import KINDS, Kept
from gateway.flow import reference
from gateway.flow.house import House
from gateway.flow.reference import Report

_SHOWN = 40  # Changed rows in words; --json has all of them.


def take_in(
    house: House,
    kind: str,
    files: Sequence[Path],
    *,
    starts_on: datetime | None,
    whole: bool,
    writing: bool,
    as_json: bool,
) -> int:
    """Imports a release, or says what it would change."""
    first = starts_on.date() if starts_on else None
    release = reference.read(kind, files, starts_on=first, whole=whole, today=house.today)
    if writing:
        with house.store.transaction(house.everything()) as tx:
            report = reference.take_in(tx, release)
    else:
        with house.reading() as tx:
            report = reference.compare(tx, release)
    emit(_plain(report), "\n".join(_words(report, written=writing)), as_json=as_json)
    return 0


def show(house: House, *, as_json: bool) -> int:
    """The releases, and each table that none holds for today."""
    with house.reading() as tx:
        releases = tx.reference.releases()
    lacking = [kind for kind in KINDS if not any(each.kind == kind and each.holds_on(house.today) for each in releases)]
    if as_json:
        shown = [
            {
                "kind": each.kind,
                "id": each.id,
                "name": each.name,
                "starts_on": each.starts_on,
                "ends_on": each.ends_on,
                "rows": each.rows,
                "about": dict(each.about),
                "actor": each.actor,
                "recorded_at": each.recorded_at,
            }
            for each in releases
        ]
        emit({"releases": shown, "lacking": lacking}, "", as_json=True)
        return 0
    rows = [
        (e.kind, e.starts_on, e.ends_on or "-", f"{e.rows:,}", f"{e.recorded_at:%Y-%m-%d}", e.name) for e in releases
    ]
    table("Published tables", ("table", "from", "to", "rows", "imported", "file"), rows)
    for kind in lacking:
        print(f'{kind}: no release holds for today ({KINDS[kind]}); checks that need it say "not evaluated"')
    return 0


def _words(report: Report, *, written: bool) -> Iterator[str]:
    release, changes = report.release, report.changes
    until = f" to {release.ends_on}" if release.ends_on else ""
    yield f"{release.table.kind}: {', '.join(release.table.names)}, from {release.starts_on}{until}"
    if report.known is not None:
        yield f"This was imported already on {report.known.recorded_at:%Y-%m-%d} ({report.known.id}); nothing changes"
        return
    yield (
        f"{len(changes.new):,} new, {len(changes.ended):,} ended, {len(changes.changed):,} changed, "
        f"{len(changes.mended):,} mended, {changes.same:,} the same"
    )
    if release.table.left_out:
        yield f"{release.table.left_out:,} rows left out: a code of theirs is not therapy's (--all keeps them)"
    told = [*_changed(report)]
    yield from told[:_SHOWN]
    if len(told) > _SHOWN:
        yield f"and {len(told) - _SHOWN:,} more (--json has all)"
    if report.touched:
        yield f"{len(report.touched)} claims that are not sent yet have codes that it says something else of:"
        yield from (f"  {each.claim}  {each.state}  {', '.join(each.codes)}" for each in report.touched)
    elif release.table.kind in ("ncci", "mue", "icd10"):
        yield "No claim that is not sent yet is touched"
    yield f"Imported as {report.file}" if written else "Nothing was written"


def _changed(report: Report) -> Iterator[str]:
    changes = report.changes
    for old, now in changes.changed:
        yield f"  changed  {old.named}  {_said(old)} -> {_said(now)}  from {now.starts_on}"
    for old, now in changes.ended:
        yield f"  ended    {old.named}  {_said(old)}  on {now.ends_on}"
    for old, now in changes.mended:
        yield f"  mended   {old.named}  {_said(old)} -> {_said(now)}  to {now.ends_on or '-'}"
    for each in changes.new:
        until = f" to {each.ends_on}" if each.ends_on else ""
        yield f"  new      {each.named}  {_said(each)}  from {each.starts_on}{until}"


def _said(row: Kept) -> str:
    return ", ".join(f"{name} {value}" for name, value in row.says.items() if name not in ("text", "notes"))


def _plain(report: Report) -> dict[str, Any]:
    release, changes = report.release, report.changes
    return {
        "kind": release.table.kind,
        "files": list(release.table.names),
        "starts_on": release.starts_on,
        "ends_on": release.ends_on,
        "new": [_row(each) for each in changes.new],
        "ended": [_row(now) for _, now in changes.ended],
        "changed": [{"before": _row(old), "after": _row(now)} for old, now in changes.changed],
        "mended": [{"before": _row(old), "after": _row(now)} for old, now in changes.mended],
        "same": changes.same,
        "left_out": release.table.left_out,
        "touched": [{"claim": each.claim, "state": each.state, "codes": list(each.codes)} for each in report.touched],
        "imported_as": report.file,
        "imported_before_as": report.known.id if report.known else "",
    }


def _row(row: Kept) -> dict[str, Any]:
    days = {"starts_on": row.starts_on, "ends_on": row.ends_on}
    return {"code": row.code, **({"other": row.other} if row.other else {}), **days, **row.says}
