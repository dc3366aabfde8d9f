"""The places of a map where values go: a field of the record, a component, a condition; and where a walk stands.

Values are read into plain dictionaries shaped like the record (``{"request": {"payer": {"id": ...}}}``); the first
word about a field stands, since a segment that comes twice where the record has room for one is the sender's slip.
Errors name the place and what is wrong with the value, never the value.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.errors import GatewayError, Position
from gateway.translate.forms import Form, plain
from gateway.x12.tree import Segment

Values = dict[str, Any]


@dataclass(slots=True)
class Scope:
    """Where the builder stands: the record in hand, its run where it stands for several, and its HL."""

    record: Any
    root: Any
    run: Sequence[Any] = ()
    number: int = 1
    hl: int = 0
    parent: int = 0


@dataclass(slots=True)
class Found:
    """Where the reader stands: the values of the record in hand and of the whole message, and the segment's place."""

    values: Values
    root: Values
    segment: Segment
    loop: str
    taken: int = 0

    def error(self, what: str, element: int = 0, component: int = 0, repetition: int = 0) -> GatewayError:
        where = Position(
            loop=self.loop,
            segment=self.segment.number,
            tag=self.segment.tag,
            element=element,
            component=component,
            repetition=repetition,
        )
        fix = "Ask the sender for a corrected document, or look at the segment in the stored one"
        return GatewayError(what, where=where, fix=fix)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the record in hand, or of the whole message if ``rooted``. ``many`` is a tuple of plain values, of
    which a plain place takes number ``base``; ``spread`` says how many values this place may hold."""

    path: tuple[str, ...]
    form: Form
    rooted: bool = False
    many: bool = False
    base: int = 0
    spread: int = 0

    def value(self, scope: Scope) -> Any:
        return follow(scope.root if self.rooted else scope.record, self.path)

    def held(self, scope: Scope, index: int) -> list[Any]:
        """The values that this place writes; ``index`` shifts it along a tuple inside a repetition."""
        value = self.value(scope)
        if not self.many:
            return [] if self.form.is_empty(value) else [value]
        first = self.base + index
        return list((value or ())[first:] if self.spread else (value or ())[first : first + 1])

    def written(self, scope: Scope, index: int, where: str) -> list[str]:
        held = self.held(scope, index)
        if self.spread and len(held) > self.spread:
            raise GatewayError(f"{len(held)} values do not fit, {self.spread} do", where=where, fix="Send fewer")
        try:
            return [self.form.write(each) for each in held]
        except ValueError as error:
            raise GatewayError(
                f"the field {self} cannot be written: {error}", where=where, fix="Correct it in the record"
            ) from None

    def put(self, found: Found, text: str, element: int, component: int = 0, repetition: int = 0) -> None:
        if not text:
            return
        try:
            value = self.form.read(text)
        except ValueError as error:
            raise found.error(f"the value cannot be read: {error}", element, component, repetition) from None
        found.taken += not self.rooted
        store(found.root if self.rooted else found.values, self.path, value, many=self.many)

    def carry(self, scope: Scope, values: Values, root: Values, index: int, everything: bool) -> None:
        value = self.value(scope)
        if self.many:
            first = self.base + index
            many = (value or ())[first:] if everything or self.spread else (value or ())[first : first + 1]
            for each in many:
                store(values, self.path, self.form.settle(each), many=True)
        elif not self.form.is_empty(value):
            store(root if self.rooted else values, self.path, self.form.settle(value), many=False)

    def __str__(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class Counter:
    """``{#}``, ``{#hl}``, ``{#parent}`` or ``{#child}``: written by the builder, never read."""

    name: str

    def text(self, scope: Scope) -> str:
        numbers = {"#": scope.number, "#hl": scope.hl, "#parent": scope.parent, "#child": 0}
        return str(numbers[self.name])


@dataclass(frozen=True, slots=True)
class Anything:
    """``{_}``: a part of a value that is read past; only where a line is read only."""


@dataclass(frozen=True, slots=True)
class Condition:
    """``when field``, ``when not field``, ``when field = value``: says when something is written."""

    path: tuple[str, ...]
    negated: bool = False
    values: tuple[str, ...] = ()
    sets: Any = None  # What the field is where the thing was found, if only one value allows it.

    def holds(self, record: Any) -> bool:
        value = follow(record, self.path)
        if self.values:
            return (value is not None and plain(value) in self.values) != self.negated
        return (value is not None and value != "" and value != () and value is not False) != self.negated

    def note(self, values: Values) -> None:
        if self.sets is not None:
            store(values, self.path, self.sets, many=False)


@dataclass(frozen=True, slots=True)
class Slot:
    """One component: literal codes of which the first is written, a field, a counter, or pieces side by side."""

    literals: tuple[str, ...] = ()
    pieces: tuple[str | Field | Counter | Anything, ...] = ()
    shape: re.Pattern[str] | None = None  # Where there are several pieces.
    fields: tuple[Field, ...] = ()  # Those of the pieces.
    width: int = 1  # in components

    def write(self, scope: Scope, index: int, where: str) -> list[str]:
        if self.literals:
            return [self.literals[0]]
        texts: list[str] = []
        for piece in self.pieces:
            if isinstance(piece, Field):
                written = piece.written(scope, index, where)
                texts += written if len(self.pieces) == 1 else written or [""]
            elif isinstance(piece, Counter):
                texts.append(piece.text(scope))
            else:
                assert isinstance(piece, str), "what is read past is never written"
                texts.append(piece)
        if self.shape is None:
            return texts or [""]
        held = [bool(each.held(scope, index)) for each in self.fields]
        if any(held) and not all(held):
            raise GatewayError("one half of the value is missing", where=where, fix="Give both, or neither")
        return ["".join(texts) if all(held) else ""]

    def read(self, texts: Sequence[str], found: Found, element: int, component: int, repetition: int) -> None:
        """``texts`` are the components from this slot on, as many as it is wide."""
        if self.shape is None:
            for piece in self.fields:
                for text in texts:
                    piece.put(found, text, element, component, repetition)
            return
        if not texts[0]:
            return
        match = self.shape.fullmatch(texts[0])
        if match is None:
            raise found.error("the value has another shape than expected", element, component, repetition)
        for piece, text in zip(self.fields, match.groups(), strict=True):
            piece.put(found, text, element, component, repetition)


def follow(record: Any, path: Sequence[str]) -> Any:
    """The value at a path of field names; None where a record on the way is missing."""
    for name in path:
        if record is None:
            return None
        record = getattr(record, name)
    return record


def store(values: Values, path: Sequence[str], value: Any, *, many: bool) -> None:
    """Puts a value where its field is; the first one stands, but a tuple's are collected."""
    for name in path[:-1]:
        values = values.setdefault(name, {})
    if many:
        values.setdefault(path[-1], []).append(value)
    else:
        values.setdefault(path[-1], value)


def merged(under: Values, over: Values) -> Values:
    """Both, as a copy; ``over`` wins."""
    copy = {name: merged(value, {}) if isinstance(value, dict) else _copied(value) for name, value in under.items()}
    for name, value in over.items():
        mine = copy.get(name)
        copy[name] = merged(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return copy


def _copied(value: Any) -> Any:
    return list(value) if isinstance(value, list) else value
