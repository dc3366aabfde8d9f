"""Runs a compiled map: record -> segments, loops -> record, record -> the record that its message carries.

A ``Part`` is one record's share of a message: its own lines and, in between, the parts inside it. The three walks over
the parts are ``build``, ``read`` and ``carry``. Nothing here knows a transaction, a partner or the guide.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from functools import cache
from itertools import groupby
from typing import Any, get_args, get_origin

from gateway.domain.plain import hints
from gateway.errors import GatewayError, Position
from gateway.translate.fields import Condition, Found, Scope, Values, follow, merged, store
from gateway.translate.lines import Line
from gateway.translate.notation import without_none
from gateway.x12.tree import Loop, Segment

PLACE = ""  # The key, among values, of the place where a record was read.
RUN = (".",)  # "of" inside a group: the records that it stands for


@dataclass(slots=True)
class Written:
    """The message so far, and what is known only later: which levels have others below them."""

    segments: list[Segment] = field(default_factory=list)
    levels: int = 0
    parents: set[int] = field(default_factory=set)
    children: list[tuple[int, int, int]] = field(default_factory=list)  # segment, element, level

    def finish(self) -> list[Segment]:
        for at, element, level in self.children:
            elements = list(self.segments[at].elements)
            elements[element - 1] = (("1" if level in self.parents else "0",),)
            self.segments[at] = Segment(self.segments[at].tag, tuple(elements))
        return self.segments


@dataclass(frozen=True, slots=True)
class Part:
    """``kind`` is "part" (once), "each" (for each record of ``of``) or "group" (for each run of records of ``of`` that
    agree in ``by``). ``loop`` is the way down from the loop that it stands in, () for that loop itself."""

    name: str
    kind: str
    steps: tuple["Line | Part", ...]
    lines: Mapping[str, Sequence[Line]]  # by tag
    parts: tuple["Part", ...]
    loop: tuple[str, ...] = ()
    of: tuple[str, ...] = ()
    by: tuple[Condition, ...] = ()  # Without values: compared; see ``_key``.
    when: Condition | None = None
    asked: Condition | None = None  # The condition where it is called, about the record outside.
    number: str = ""
    absent: Mapping[tuple[str, ...], Any] = field(default_factory=dict)
    reads_only: bool = False
    pack: Line | None = None  # The line that packs several records of an each into one segment; its only one.

    # --- record -> segments ---

    def build(self, scope: Scope, out: Written) -> None:
        if self.reads_only or (self.asked is not None and not self.asked.holds(scope.record)):
            return
        if self.pack is not None:
            for inner in _packed(self.pack, self.scopes(scope)):
                out.segments.extend(self.pack.build(inner))
            return
        for inner in self.scopes(scope):
            self._build_one(inner, out)

    def _build_one(self, scope: Scope, out: Written) -> None:
        for step in self.steps:
            if isinstance(step, Part):
                step.build(scope, out)
                continue
            if step.opens_level:
                out.levels += 1
                scope.parent, scope.hl = scope.hl, out.levels
                out.parents.add(scope.parent)
            for segment in step.build(scope):
                if step.child_at:
                    out.children.append((len(out.segments), step.child_at, scope.hl))
                out.segments.append(segment)

    def scopes(self, outer: Scope) -> list[Scope]:
        """Where each occurrence of the part stands, in order; none where its record is missing or ``when`` says no."""
        if self.kind == "part":
            record = follow(outer.record, self.of)
            if record is None or (self.when is not None and not self.when.holds(record)):
                return []
            inherit = not self.loop and not self.of
            run = outer.run if not self.of else ()
            return [outer if inherit else replace(outer, record=record, run=run, number=1)]
        records = outer.run if self.of == RUN else follow(outer.record, self.of) or ()
        records = [each for each in records if self.when is None or self.when.holds(each)]
        runs = [[each] for each in records] if self.kind == "each" else _runs(records, self.by)
        return [
            replace(outer, record=run[0], run=run if self.kind == "group" else (), number=number)
            for number, run in enumerate(runs, 1)
        ]

    # --- loops -> values ---

    def read(self, loop: Loop, path: str, values: Values, root: Values, sink: list[Values]) -> None:
        """Reads into ``values`` what the part finds in the loop; records of a group's run go to ``sink``."""
        if self.kind == "part":
            inner = follow_values(values, self.of)
            for at, place in _down(loop, self.loop, path):
                self._read_one(at, place, inner, root, sink)
                if self.of:
                    note_place(inner, at, place)
            if inner and self.of:
                put_values(values, self.of, inner)
            return
        base = values if self.of == RUN else {}
        records = sink if self.of == RUN else []
        for at, place in _down(loop, self.loop, path):
            if self.kind == "group":
                self._read_one(at, place, merged(base, {}), root, records)
            elif self.loop:
                own = merged(base, {})
                self._read_one(at, place, own, root, records)
                own.pop(PLACE, None)
                note_place(own, at, place)
                records.append(self._noted(own))
            else:
                records += map(self._noted, self._from_segments(at, place, root))
        if self.of != RUN:
            self._give(records, values)

    def _noted(self, own: Values) -> Values:
        if self.when is not None:
            self.when.note(own)
        return own

    def _give(self, records: Sequence[Values], values: Values) -> None:
        for own in records:
            store(values, self.of, own, many=True)
        if self.number:
            for number, own in enumerate(records, 1):
                own[self.number] = number

    def _read_one(self, loop: Loop, path: str, values: Values, root: Values, sink: list[Values]) -> None:
        for segment in loop.segments:
            line = choose(self.lines.get(segment.tag, ()), segment, path)
            if line is not None:
                line.read(Found(values, root, segment, path))
        for part in self.parts:
            part.read(loop, path, values, root, sink)
        for name, value in self.absent.items():
            store(values, name, value, many=False)

    def _from_segments(self, loop: Loop, path: str, root: Values) -> Iterator[Values]:
        """A record for each segment that the part's lines choose (or several, where a segment packs them)."""
        for segment in loop.segments:
            line = choose(self.lines.get(segment.tag, ()), segment, path)
            if line is None:
                continue
            found = Found({}, root, segment, path)
            if line.pack is not None:
                yield from line.read_packed(found)
                continue
            line.read(found)
            if found.values:
                yield found.values

    # --- record -> the values that its message carries ---

    def carry(self, scope: Scope, values: Values, root: Values, sink: list[Values]) -> None:
        """Like ``read`` of what ``build`` writes, but without the wire in between."""
        if self.reads_only or (self.asked is not None and not self.asked.holds(scope.record)):
            return
        if self.kind == "part":
            for inner in self.scopes(scope):
                own = follow_values(values, self.of)
                self._carry_one(inner, own, root, sink)
                if own and self.of:
                    put_values(values, self.of, own)
            return
        base = values if self.of == RUN else {}
        records = sink if self.of == RUN else []
        for inner in self.scopes(scope):
            own = merged(base, {})
            self._carry_one(inner, own, root, records)
            if self.kind == "each":
                records.append(self._noted(own))
        if self.of != RUN:
            self._give(records, values)

    def _carry_one(self, scope: Scope, values: Values, root: Values, sink: list[Values]) -> None:
        for step in self.steps:
            if isinstance(step, Line):
                step.carry(scope, values, root)
            else:
                step.carry(scope, values, root, sink)


def choose(lines: Sequence[Line], segment: Segment, path: str) -> Line | None:
    """The first line that the segment agrees with. Raises GatewayError where lines know the segment by its tag and
    first code, but none of them a code that stands further back: read past it, and a value would mean something else.
    """
    known = [line for line in lines if line.knows(segment)]
    for line in known:
        if not line.strange(segment):
            return None if line.ignored else line
    if not known:
        return None
    found = Found({}, {}, segment, path)
    raise found.error("the map knows no such code here", known[0].strange(segment))


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes records of values. ``said_in`` names the element that a record's field is written in, such as BPR16."""

    said_in: Mapping[tuple[type, str], str]

    def make(self, kind: type, values: Values, where: Position | str) -> Any:
        """The record; optional records without values are None, and text that has a place in the message and was not
        found there is "". Raises GatewayError where a date, an amount or a code that the record cannot do without is
        missing, and where the record's own checks say no."""
        arguments: dict[str, Any] = {}
        where = values.get(PLACE, where)
        for name, hint, needed in _fields(kind):
            if name in values:
                arguments[name] = self._fitted(hint, values[name], where)
            elif needed or (hint is str and (kind, name) in self.said_in):
                arguments[name] = self._empty(kind, name, hint, where)  # An empty element is no default of ours.
        try:
            return kind(**arguments)
        except AssertionError as error:
            what = f"the {kind.__name__} contradicts itself: {error}"
            raise GatewayError(what, where=where, fix="Ask the sender for a corrected document") from error

    def _fitted(self, hint: Any, value: Any, where: Position | str) -> Any:
        hint = without_none(hint)
        if isinstance(value, list):
            return tuple(self._fitted(get_args(hint)[0], each, where) for each in value)
        return self.make(hint, value, where) if isinstance(value, dict) else value

    def _empty(self, kind: type, name: str, hint: Any, where: Position | str) -> Any:
        if hint is str:
            return ""
        if get_origin(hint) is tuple:
            return ()
        if is_dataclass(hint):
            assert isinstance(hint, type)
            return self.make(hint, {}, where)
        element = self.said_in.get((kind, name), "its element")
        what = f"{element} is missing, and a {kind.__name__} cannot do without its {name}"
        raise GatewayError(what, where=where, fix="Ask the sender for a corrected document")


def note_place(values: Values, loop: Loop, path: str) -> None:
    """Remembers where the record was found, for the errors of ``make``."""
    if values and loop.segments:
        values.setdefault(PLACE, Position(loop=path, segment=loop.segments[0].number, tag=loop.segments[0].tag))


def follow_values(values: Values, path: Sequence[str]) -> Values:
    """The dictionary at a path, or a new one that is not in ``values`` yet."""
    for name in path:
        values = values.get(name, {})
    return values


def put_values(values: Values, path: Sequence[str], inner: Values) -> None:
    for name in path[:-1]:
        values = values.setdefault(name, {})
    values[path[-1]] = inner


@cache
def _fields(kind: type) -> tuple[tuple[str, Any, bool], ...]:
    types = hints(kind)
    return tuple((each.name, types[each.name], each.default is MISSING) for each in fields(kind))


def _runs(records: Sequence[Any], by: Sequence[Condition]) -> list[list[Any]]:
    return [list(run) for _, run in groupby(records, lambda record: [_key(record, each) for each in by])]


def _key(record: Any, by: Condition) -> Any:
    """``by`` names a field whose values must agree, or (negated) of which only matters whether it is there."""
    return by.holds(record) if by.negated else follow(record, by.path)


def _packed(line: Line, scopes: Sequence[Scope]) -> Iterator[Scope]:
    """The scopes of one packing line: runs of records that agree outside of the bracket, as long as it has room."""
    pack = line.pack
    assert pack is not None
    inside = {each.path for each in pack.carried()}
    shared = [each.path for each in line.fields if each.path not in inside]
    for _, run in groupby(scopes, lambda scope: [follow(scope.record, path) for path in shared]):
        records = [scope.record for scope in run]
        for start in range(0, len(records), pack.count):
            some = records[start : start + pack.count]
            yield replace(scopes[0], record=some[0], run=some)


def _down(loop: Loop, ids: Sequence[str], path: str) -> Iterator[tuple[Loop, str]]:
    """The loops at the end of a way down, each with its path for a Position."""
    if not ids:
        yield loop, path
        return
    for inner in loop.inner(ids[0]):
        yield from _down(inner, ids[1:], f"{path}/{inner.id}" if path else inner.id)
