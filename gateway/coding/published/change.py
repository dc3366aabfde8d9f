"""What a new release changes in the rows that are kept: effective-dated, so nothing is ever deleted. Pure.

A row that is not in the new release ends the day before it; one that says something else ends, and goes on as another.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from gateway.coding.published.row import Published, Row

DATED = frozenset({"ncci", "carc", "rarc"})
"""Tables whose rows have days of their own; the others hold from their release on."""
SINCE = "since"
"""In a row's content: the table's own first day, where ours is later because what it says has changed."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A row as it is kept. ``ends_on`` is its last day, None where it has none."""

    code: str
    other: str
    starts_on: date
    ends_on: date | None
    content: Mapping[str, str | int | bool]

    @property
    def named(self) -> str:
        return f"{self.code}/{self.other}" if self.other else self.code

    @property
    def says(self) -> dict[str, str | int | bool]:
        return {name: value for name, value in self.content.items() if name != SINCE}

    def holds_on(self, day: date) -> bool:
        return self.starts_on <= day and (self.ends_on is None or day <= self.ends_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a release does: rows that are new, rows that end (as they were, as they are now), rows that say something
    else (as they were, as they are from then on), rows that were mended in place (the same), and how many stay."""

    new: tuple[Kept, ...] = ()
    ended: tuple[tuple[Kept, Kept], ...] = ()
    changed: tuple[tuple[Kept, Kept], ...] = ()
    mended: tuple[tuple[Kept, Kept], ...] = ()
    same: int = 0

    def rows(self) -> Iterator[Kept]:
        """Every row that is written: the new ones, and those that stand under their key as they are now."""
        yield from self.new
        for before, after in self.changed:
            yield replace(before, ends_on=after.starts_on - _DAY)
            yield after
        for _, after in (*self.ended, *self.mended):
            yield after

    def touches(self, day: date) -> set[tuple[str, str]]:
        """The codes (and column two codes) of which the table says something else for that day than before."""
        found = {(each.code, each.other) for each in self.new if each.holds_on(day)}
        found |= {(old.code, old.other) for old, after in self.ended if old.holds_on(day) != after.holds_on(day)}
        found |= {(after.code, after.other) for _, after in self.changed if after.holds_on(day)}
        return found | {(old.code, old.other) for old, after in self.mended if old.holds_on(day) or after.holds_on(day)}


def changes(kept: Iterable[Kept], published: Published, starts_on: date) -> Changes:
    """What a release that holds from this day on changes. ``kept`` are all rows of its kind, whenever they held."""
    dated = published.kind in DATED
    latest: dict[tuple[str, str, date | None], Kept] = {}
    for each in kept:
        key = (each.code, each.other, _own_start(each) if dated else None)
        if key not in latest or latest[key].starts_on < each.starts_on:
            latest[key] = each
    new: list[Kept] = []
    ended: list[tuple[Kept, Kept]] = []
    changed: list[tuple[Kept, Kept]] = []
    mended: list[tuple[Kept, Kept]] = []
    same = 0
    for row in published.rows:
        old = latest.pop(row.key, None)
        if old is None or (not dated and not _open(old, starts_on) and old.starts_on < starts_on):
            new.append(_first(row, starts_on))
        elif old.says != row.content and (old.starts_on >= starts_on or _over(row, starts_on)):
            mended.append((old, replace(old, ends_on=row.ends_on, content=_content(row, old.starts_on))))
        elif old.says != row.content:
            changed.append((old, _next(row, starts_on)))
        elif old.ends_on != row.ends_on and (dated or not _open(old, starts_on)):
            (ended if old.ends_on is None else mended).append((old, replace(old, ends_on=row.ends_on)))
        else:
            same += 1
    gone = (each for each in latest.values() if _open(each, starts_on))
    ended += ((old, replace(old, ends_on=max(starts_on, old.starts_on) - _DAY)) for old in gone)
    return Changes(new=tuple(new), ended=tuple(ended), changed=tuple(changed), mended=tuple(mended), same=same)


def _own_start(kept: Kept) -> date:
    since = kept.content.get(SINCE)
    return date.fromisoformat(since) if isinstance(since, str) else kept.starts_on


def _open(kept: Kept, starts_on: date) -> bool:
    return kept.ends_on is None or kept.ends_on >= starts_on


def _over(row: Row, starts_on: date) -> bool:
    return row.ends_on is not None and row.ends_on < starts_on


def _first(row: Row, starts_on: date) -> Kept:
    begins = row.starts_on or starts_on
    return Kept(code=row.code, other=row.other, starts_on=begins, ends_on=row.ends_on, content=dict(row.content))


def _next(row: Row, starts_on: date) -> Kept:
    content = _content(row, starts_on)
    return Kept(code=row.code, other=row.other, starts_on=starts_on, ends_on=row.ends_on, content=content)


def _content(row: Row, starts_on: date) -> dict[str, str | int | bool]:
    moved = row.starts_on is not None and row.starts_on != starts_on
    return {**row.content, SINCE: row.starts_on.isoformat()} if moved and row.starts_on else dict(row.content)
