"""One line of a map, run three ways: record -> segment, segment -> values, record -> the values that it carries.

A line knows its segment alone: which loop it stands in, and which record comes next, is the engine's business
(``engine.py``). The notation is described in ``maps.py`` and parsed in ``notation.py``. Values are read into plain
dictionaries shaped like the record (``{"request": {"payer": {"id": ...}}}``); the first word about a field stands.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import GatewayError, Position
from gateway.translate.forms import Form, plain
from gateway.x12.tree import Repetitions, Segment

Values = dict[str, Any]
BLANK: Repetitions = (("",),)


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
    pieces: tuple[str | Field | Counter, ...] = ()
    shape: re.Pattern[str] | None = None  # Where there are several pieces.

    @property
    def fields(self) -> list[Field]:
        return [piece for piece in self.pieces if isinstance(piece, Field)]

    @property
    def width(self) -> int:
        return max((each.spread for each in self.fields), default=0) or 1

    def write(self, scope: Scope, index: int, where: str) -> list[str]:
        if self.literals:
            return [self.literals[0]]
        texts: list[str] = []
        for piece in self.pieces:
            if isinstance(piece, Field):
                written = piece.written(scope, index, where)
                texts += written if len(self.pieces) == 1 else written or [""]
            else:
                texts.append(piece.text(scope) if isinstance(piece, Counter) else piece)
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


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its components, or (``repeats``) one field whose values are its repetitions."""

    at: int  # counted from 1
    slots: tuple[Slot, ...]
    repeats: bool = False
    width: int = 1

    def write(self, out: list[Repetitions], shift: int, scope: Scope, index: int, tag: str) -> None:
        where = f"{tag}{self.at + shift:02}"
        texts = [slot.write(scope, index, where) for slot in self.slots]
        if self.repeats:
            out[self.at + shift - 1] = tuple((text,) for text in texts[0])
            return
        components: list[str] = []
        for slot, written in zip(self.slots, texts, strict=True):
            components += written + [""] * (slot.width - len(written))
        while len(components) > 1 and not components[-1]:
            components.pop()
        out[self.at + shift - 1] = (tuple(components),)

    def read(self, found: Found, shift: int) -> None:
        element = self.at + shift
        if self.repeats:
            for repetition, components in enumerate(found.segment.repetitions(element), 1):
                self.slots[0].read(components[:1], found, element, 0, repetition)
            return
        texts, component = found.segment.composite(element), 0
        for slot in self.slots:
            own = texts[component : component + slot.width]
            if own:
                slot.read(own, found, element, component + 1 if len(self.slots) > 1 else 0, 0)
            component += slot.width

    def agrees(self, segment: Segment, shift: int, *, may_lack: bool) -> bool:
        """Whether the literal components stand there; ``may_lack`` lets an empty place pass."""
        element, component = self.at + shift, 1
        for slot in self.slots:
            held = segment.at(element, component)
            if slot.literals and held not in slot.literals and not (may_lack and not held):
                return False
            component += slot.width
        return True

    def carried(self) -> Iterator[Field]:
        for slot in self.slots:
            yield from slot.fields


@dataclass(frozen=True, slots=True)
class Spread:
    """One field whose values stand in elements of their own, side by side."""

    at: int
    field: Field
    width: int

    def write(self, out: list[Repetitions], shift: int, scope: Scope, index: int, tag: str) -> None:
        for place, text in enumerate(self.field.written(scope, index, f"{tag}{self.at + shift:02}")):
            out[self.at + shift - 1 + place] = ((text,),)

    def read(self, found: Found, shift: int) -> None:
        for element in range(self.at + shift, self.at + shift + self.width):
            self.field.put(found, found.segment.at(element), element)

    def agrees(self, segment: Segment, shift: int, *, may_lack: bool) -> bool:
        return True

    def carried(self) -> Iterator[Field]:
        yield self.field


@dataclass(frozen=True, slots=True)
class Choice:
    """One alternative of a group: elements that are there together or not at all."""

    elements: tuple[Element, ...]
    when: Condition | None = None

    def holds(self, scope: Scope, index: int) -> bool:
        if self.when is not None and not self.when.holds(scope.record):
            return False
        fields = [each for element in self.elements for each in element.carried()]
        return not fields or any(each.held(scope, index) for each in fields)

    def agrees(self, segment: Segment, shift: int) -> bool:
        return all(each.agrees(segment, shift, may_lack=False) for each in self.elements)


@dataclass(frozen=True, slots=True)
class Group:
    """``(a|b)``: the alternatives that have a value, one after the other; read by their literals, wherever in it."""

    at: int
    choices: tuple[Choice, ...]
    step: int
    width: int
    open_ended: bool  # Nothing stands behind it, so a sender may have written more of them.

    def write(self, out: list[Repetitions], shift: int, scope: Scope, index: int, tag: str) -> None:
        held = [choice for choice in self.choices if choice.holds(scope, index)]
        for place, choice in enumerate(held):
            for element in choice.elements:
                element.write(out, self.at - 1 + shift + place * self.step, scope, index, tag)

    def read(self, found: Found, shift: int) -> None:
        end = len(found.segment.elements) if self.open_ended else self.at + self.width - 1 + shift
        for start in range(self.at - 1 + shift, end, self.step):
            for choice in self.choices:
                if choice.agrees(found.segment, start):
                    before = found.taken
                    for element in choice.elements:
                        element.read(found, start)
                    if choice.when is not None and found.taken > before:
                        choice.when.note(found.values)
                    break

    def agrees(self, segment: Segment, shift: int, *, may_lack: bool) -> bool:
        return True

    def carried(self) -> Iterator[Field]:
        for choice in self.choices:
            for element in choice.elements:
                yield from element.carried()


@dataclass(frozen=True, slots=True)
class Bracket:
    """``[ ]N``: elements that stand N times. For each value of a tuple; for each record of the field ``records``; or,
    if ``packs``, for each of several records of the part, which share what stands outside of the bracket."""

    at: int
    elements: tuple[Element, ...]
    step: int
    count: int
    records: tuple[str, ...] = ()
    packs: bool = False

    @property
    def width(self) -> int:
        return self.step * self.count

    def write(self, out: list[Repetitions], shift: int, scope: Scope, index: int, tag: str) -> None:
        if self.records or self.packs:
            held = scope.run if self.packs else follow(scope.record, self.records) or ()
            scopes = [(Scope(each, scope.root), 0) for each in held]
        else:
            length = max(len(each.value(scope) or ()) - each.base for each in self.carried())
            scopes = [(scope, place) for place in range(length)]
        if len(scopes) > self.count:
            what = f"{len(scopes)} repetitions do not fit, {self.count} do"
            raise GatewayError(what, where=f"{tag}{self.at:02}", fix="Send fewer")
        for place, (each, position) in enumerate(scopes):
            for element in self.elements:
                element.write(out, self.at - 1 + place * self.step, each, position, tag)

    def occurrences(self, found: Found) -> Iterator[tuple[Found, int]]:
        """Each repetition that holds something, with the values that it is read into; what is foreign is left."""
        for place in range(self.count):
            shift = self.at - 1 + place * self.step
            if not all(each.agrees(found.segment, shift, may_lack=False) for each in self.elements):
                continue
            fresh = found.values if not (self.records or self.packs) else {}
            inner = Found(fresh, found.root, found.segment, found.loop)
            for element in self.elements:
                element.read(inner, shift)
            found.taken += inner.taken
            if inner.taken:
                yield inner, place

    def read(self, found: Found, shift: int) -> None:
        for inner, _ in self.occurrences(found):
            if self.records:
                store(found.values, self.records, inner.values, many=True)

    def agrees(self, segment: Segment, shift: int, *, may_lack: bool) -> bool:
        return True

    def carried(self) -> Iterator[Field]:
        for element in self.elements:
            yield from element.carried()


Node = Element | Spread | Group | Bracket


@dataclass(frozen=True, slots=True)
class Line:
    """One segment of a map. ``leading`` counts the nodes whose literals choose it, those before the first field."""

    text: str
    tag: str
    nodes: tuple[Node, ...]
    width: int
    optional: bool = False
    repeated: bool = False  # "+": a segment for each value of its tuple
    when: Condition | None = None
    read_only: bool = False
    ignored: bool = False
    child_at: int = 0  # the element of {#child}
    opens_level: bool = False
    leading: int = 0
    fields: tuple[Field, ...] = field(default=())

    @property
    def pack(self) -> Bracket | None:
        return next((each for each in self.nodes if isinstance(each, Bracket) and each.packs), None)

    def build(self, scope: Scope) -> Iterator[Segment]:
        if self.read_only or self.ignored or (self.when is not None and not self.when.holds(scope.record)):
            return
        if self.repeated:
            (many,) = {each.path: each for each in self.fields if each.many}.values()
            for index in range(len(many.value(scope) or ())):
                yield self._segment(scope, index)
        elif not (self.optional and self.is_empty(scope)):
            yield self._segment(scope, 0)

    def is_empty(self, scope: Scope) -> bool:
        named = any(isinstance(n, Bracket) and n.records and follow(scope.record, n.records) for n in self.nodes)
        return not named and not any(each.held(scope, 0) for each in self.fields if not each.rooted)

    def _segment(self, scope: Scope, index: int) -> Segment:
        out = [BLANK] * self.width
        for node in self.nodes:
            node.write(out, 0, scope, index, self.tag)
        while out and out[-1] == BLANK:
            out.pop()
        return Segment(self.tag, tuple(out))

    def chosen_by(self, segment: Segment) -> bool:
        return segment.tag == self.tag and all(
            each.agrees(segment, 0, may_lack=False) for each in self.nodes[: self.leading]
        )

    def strange(self, segment: Segment) -> int:
        """The element whose literal the segment contradicts; 0 if it agrees with all of them."""
        for node in self.nodes[self.leading :]:
            if not node.agrees(segment, 0, may_lack=True):
                return node.at
        return 0

    def read(self, found: Found) -> None:
        for node in self.nodes:
            node.read(found, 0)
        if self.when is not None and found.taken:
            self.when.note(found.values)

    def read_packed(self, found: Found) -> Iterator[Values]:
        """The records that the segment packs, each with what they share."""
        pack = self.pack
        assert pack is not None, "the part asks packing lines only"
        shared = Found({}, found.root, found.segment, found.loop)
        for node in self.nodes:
            if node is not pack:
                node.read(shared, 0)
        for inner, _ in pack.occurrences(found):
            yield merged(shared.values, inner.values)

    def carry(self, scope: Scope, values: Values, root: Values) -> None:
        """What the segment that ``build`` would write says of the record."""
        if self.read_only or self.ignored or (self.when is not None and not self.when.holds(scope.record)):
            return
        if (self.optional or self.repeated) and self.is_empty(scope):
            return
        for node in self.nodes:
            if isinstance(node, Group):
                for choice in node.choices:
                    if choice.holds(scope, 0):
                        for element in choice.elements:
                            for each in element.carried():
                                each.carry(scope, values, root, 0, self.repeated)
                        if choice.when is not None:
                            choice.when.note(values)
            elif isinstance(node, Bracket) and node.records:
                for record in follow(scope.record, node.records) or ():
                    inner: Values = {}
                    for each in node.carried():
                        each.carry(Scope(record, scope.root), inner, root, 0, False)
                    store(values, node.records, inner, many=True)
            else:
                everything = self.repeated or isinstance(node, Bracket)
                for each in node.carried():
                    each.carry(scope, values, root, 0, everything)
        if self.when is not None:
            self.when.note(values)


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
