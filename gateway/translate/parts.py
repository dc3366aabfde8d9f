"""A map as data: its parts, their lines, and the fields of the record that each part reaches.

A ``Part`` is one record's share of a message: its own lines and, in between, the parts inside it. Three makers turn the
parts of a map into Python once (``building.py``, ``reading.py``, ``carrying.py``); nothing walks them afterwards.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.translate.fields import Condition, Path
from gateway.translate.lines import Bracket, Group, Line

RUN = (".",)  # "of" inside a group: the records that it stands for


@dataclass(frozen=True, slots=True)
class Part:
    """``kind`` is "part" (once), "each" (for each record of ``of``) or "group" (for each run of records of ``of`` that
    agree in ``by``). ``loop`` is the way down from the loop that it stands in, () for that loop itself; ``record`` is
    the type of the record that its lines speak of."""

    name: str
    kind: str
    record: type
    steps: tuple["Line | Part", ...]
    loop: tuple[str, ...] = ()
    of: Path = ()
    by: tuple[Condition, ...] = ()  # Without values: compared; negated: only whether it is there.
    when: Condition | None = None
    asked: Condition | None = None  # The condition where it is called, about the record outside.
    number: str = ""
    absent: Mapping[Path, Any] = field(default_factory=dict)
    reads_only: bool = False
    pack: Line | None = None  # The line that packs several records of an each into one segment; its only one.

    @property
    def lines(self) -> list[Line]:
        return [step for step in self.steps if isinstance(step, Line)]

    @property
    def parts(self) -> list["Part"]:
        return [step for step in self.steps if isinstance(step, Part)]

    @property
    def makes_records(self) -> bool:
        return self.kind != "part"

    def lines_by_tag(self) -> dict[str, Sequence[Line]]:
        tags = dict.fromkeys(line.tag for line in self.lines)
        return {tag: [line for line in self.lines if line.tag == tag] for tag in tags}


def touched(part: Part, prefix: Path = ()) -> Iterator[Path]:
    """The paths of the record around the part that reading it may set; those of a run's own records are not among
    them, nor what goes to the message's own record."""
    if part.makes_records:
        if part.of != RUN:
            yield prefix + part.of
        return
    yield from touched_inside(part, prefix + part.of)


def touched_inside(part: Part, prefix: Path = ()) -> Iterator[Path]:
    """The paths, seen from the part's own record, that its lines and the parts inside it may set."""
    for line in part.lines:
        yield from (prefix + each for each in _of_line(line))
    for inner in part.parts:
        yield from touched(inner, prefix)
    yield from (prefix + each for each in part.absent)
    if part.kind == "each":
        yield from (prefix + each for each in _noted(part.when))


def touched_by_runs(part: Part) -> Iterator[Path]:
    """The paths that the records of a group's runs set themselves, at any depth of groups."""
    for inner in part.parts:
        if inner.of == RUN:
            yield from touched_inside(inner)
        if inner.of == RUN or not inner.makes_records:
            yield from touched_by_runs(inner)


def rooted_paths(part: Part) -> Iterator[Path]:
    """The fields of the message's own record that lines of it, and of the parts inside it, speak of with a slash."""
    yield from (each.path for line in part.lines for each in line.fields if each.rooted)
    for inner in part.parts:
        yield from rooted_paths(inner)


def _of_line(line: Line) -> Iterator[Path]:
    yield from _noted(line.when)
    for node in line.nodes:
        if isinstance(node, Bracket) and node.records:
            yield node.records
            continue
        yield from (each.path for each in node.carried() if not each.rooted)
        if isinstance(node, Group):
            for choice in node.choices:
                yield from _noted(choice.when)


def _noted(when: Condition | None) -> Iterator[Path]:
    if when is not None and when.sets is not None:
        yield when.path
