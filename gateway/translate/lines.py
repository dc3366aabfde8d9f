"""One line of a map, run three ways: record -> segment, segment -> values, record -> the values that it carries.

A line knows its segment alone: which loop it stands in, and which record comes next, is the engine's business
(``engine.py``). The notation is described in ``maps.py`` and parsed in ``notation.py``.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.errors import GatewayError
from gateway.translate.fields import Condition, Field, Found, Scope, Slot, Values, follow, merged, store
from gateway.x12.tree import Repetitions, Segment

BLANK: Repetitions = (("",),)


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its components, or (``repeats``) one field whose values are its repetitions."""

    at: int  # counted from 1
    slots: tuple[Slot, ...]
    literals: tuple[tuple[int, tuple[str, ...]], ...] = ()  # component, codes
    constant: Repetitions | None = None  # where there are only literals
    repeats: bool = False
    width: int = 1

    def write(self, out: list[Repetitions], shift: int, scope: Scope, index: int, tag: str) -> None:
        if self.constant is not None:
            out[self.at + shift - 1] = self.constant
            return
        where = f"{tag}{self.at + shift:02}"
        if len(self.slots) == 1 and not self.repeats:
            out[self.at + shift - 1] = (tuple(self.slots[0].write(scope, index, where)),)
            return
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
        if self.constant is not None:
            return
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
        for component, codes in self.literals:
            held = segment.at(self.at + shift, component)
            if held not in codes and not (may_lack and not held):
                return False
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

    def carried(self) -> Iterator[Field]:
        for element in self.elements:
            yield from element.carried()


Node = Element | Spread | Group | Bracket


@dataclass(frozen=True, slots=True)
class Line:
    """One segment of a map; it is known by its tag and, ``by_code``, by the literal codes of its first element."""

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
    by_code: bool = False
    coded: tuple[Element, ...] = ()  # the elements with literals
    fields: tuple[Field, ...] = ()
    pack: Bracket | None = None

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

    def knows(self, segment: Segment) -> bool:
        return segment.tag == self.tag and (not self.by_code or self.coded[0].agrees(segment, 0, may_lack=False))

    def strange(self, segment: Segment) -> int:
        """The element whose literal the segment contradicts; 0 if it agrees with all of them."""
        for element in self.coded:
            if not element.agrees(segment, 0, may_lack=True):
                return element.at
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
