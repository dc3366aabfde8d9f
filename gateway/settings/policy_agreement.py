"""What must agree within and between policy files: whose they are, the order of days, and that of two rows one wins.

Looks at the documents as parsed, as ``agreement`` does, so that these mistakes are told beside all others.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from typing import Any

from gateway.settings.agreement import Document, Mistake, table, tables
from gateway.settings.places import Path
from gateway.settings.policies import VALUES


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A row as written: for whom and when it holds, and the paths of its values by their names."""

    file: str
    path: Path
    number: int
    plan: str
    lines: frozenset[str]
    state: str
    starts_on: date
    ends_on: date
    values: Mapping[str, Path]


def policy_mistakes(policies: Mapping[str, Document], partners: Mapping[str, Document]) -> Iterator[Mistake]:
    """Every mistake that shows only where a whole file, or all of them, are seen."""
    yield from _owners(policies, partners)
    groups: dict[str, list[_Row]] = {}
    for file, document in policies.items():
        kind = document.get("kind", "payer")
        for position, row in tables(document, "rows"):
            path: Path = ("rows", position)
            yield from _row_mistakes(file, path, row, str(kind))
            group = str(kind) if kind in ("law", "defaults") else f"payer {document.get('payer')}"
            groups.setdefault(group, []).append(_read(file, path, row))
    for rows in groups.values():
        for first, second in combinations(rows, 2):
            yield from _overlap(first, second)


def _owners(policies: Mapping[str, Document], partners: Mapping[str, Document]) -> Iterator[Mistake]:
    served = {str(payer.get("id")) for document in partners.values() for _, payer in tables(document, "payers")}
    seen: dict[str, str] = {}
    defaults = ""
    for file, document in policies.items():
        payer, kind = document.get("payer"), document.get("kind", "payer")
        if kind in ("law", "defaults"):
            yield from _common(file, document, str(kind))
            if kind == "defaults" and defaults:
                yield Mistake(file, ("kind",), f"the defaults are in {defaults}, too", "Keep one of them")
            defaults = defaults or (file if kind == "defaults" else "")
        elif payer is None:
            fix = 'Add the id under [[payers]] of the partner that serves it, or write kind = "law"'
            yield Mistake(file, ("payer",), "this key is missing", fix)
        elif isinstance(payer, str):
            if payer in seen:
                yield Mistake(file, ("payer",), f"payer {payer} has its policy in {seen[payer]}, too", "Keep one")
            elif payer not in served:
                fix = "Add it to a partner's [[payers]], or mend the id"
                yield Mistake(file, ("payer",), f"no partner serves payer {payer}", fix)
            seen.setdefault(payer, file)


def _common(file: str, document: Document, kind: str) -> Iterator[Mistake]:
    """Of a file that is no payer's: all that it says stands in rows, each for the lines of business that it lists."""
    if "payer" in document:
        yield Mistake(file, ("payer",), f"a file of {kind} is no payer's", f'Take it out, or take kind = "{kind}" out')
    for name in document:
        if name in VALUES:
            yield Mistake(file, (name,), f"in a file of {kind} every value stands in a row", "Put it below [[rows]]")


def _row_mistakes(file: str, path: Path, row: Document, kind: str) -> Iterator[Mistake]:
    starts, ends = (_day(row.get(name)) for name in ("from", "to"))
    if starts and ends and ends < starts:
        yield Mistake(file, (*path, "to"), "the last day is before the first", "Exchange or correct them")
    if not any(name in VALUES for name in row):
        yield Mistake(file, path, "the row says nothing", "Add the values that hold, or take the row out")
    if kind == "payer":
        return
    if not row.get("line_of_business"):
        whose = "A state's law binds no Medicare Advantage and no self-funded plan: list" if kind == "law" else "List"
        cure = f'{whose} whom it holds for, such as line_of_business = ["commercial"]'
        yield Mistake(file, (*path, "line_of_business"), "the row lists no line of business", cure)
    if kind == "law" and not row.get("state"):
        yield Mistake(file, (*path, "state"), "the row names no state", "Name the state whose law it is")
    for name in ("plan", *(("state",) if kind == "defaults" else ())):
        if row.get(name):
            fix = f"Take it out, or put the row into the file of the {(name == 'plan' and 'payer') or 'law'}"
            yield Mistake(file, (*path, name), f"a row of {kind} holds for every {name}", fix)


def _overlap(first: _Row, second: _Row) -> Iterator[Mistake]:
    """Values that both rows say for the same records on the same day, where neither goes before the other."""
    same = (first.plan, first.state) == (second.plan, second.state)
    lines = first.lines & second.lines or not first.lines | second.lines
    if not same or not lines or first.ends_on < second.starts_on or second.ends_on < first.starts_on:
        return
    for name, path in second.values.items():
        if name in first.values:
            other = f"row {first.number}" if first.file == second.file else f"{first.file}, row {first.number},"
            what = f"{other} says this, too, for the same days, and neither row is more specific"
            fix = "End one of them before the other begins (to = ...), or name the plan, line of business or state"
            yield Mistake(second.file, path, what, fix)


def _read(file: str, path: Path, row: Document) -> _Row:
    lines = row.get("line_of_business") or ()
    values: dict[str, Path] = {name: (*path, name) for name in row if name in VALUES and name != "severities"}
    values |= {f"severities.{rule}": (*path, "severities", rule) for rule in table(row, "severities")}
    return _Row(
        file=file,
        path=path,
        number=int(path[1]) + 1,
        plan=str(row.get("plan") or "").strip().casefold(),
        lines=frozenset({lines} if isinstance(lines, str) else map(str, lines) if isinstance(lines, list) else ()),
        state=str(row.get("state") or ""),
        starts_on=_day(row.get("from")) or date.min,
        ends_on=_day(row.get("to")) or date.max,
        values={name: place for name, place in values.items() if row.get(name, True) != ""},
    )


def _day(value: Any) -> date | None:
    if type(value) is date:
        return value
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
