"""Makes the lines that write one segment of a record.

A segment whose elements hold one value each is built as a list of texts (``plain``), any other as elements. A segment
ends at its last element that says something.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gateway.translate.carrying import choice_holds
from gateway.translate.fields import Counter, Field, Slot
from gateway.translate.lines import Bracket, Element, Group, Line, Node, Spread
from gateway.translate.notation import resolve
from gateway.translate.reach import Reach, paths_of
from gateway.translate.source import Module, Text


@dataclass(slots=True)
class Scope:
    """Where generated code stands: the record in hand, the run where it stands for several, and its levels."""

    text: Text
    reach: Reach
    run: str = "()"
    number: str = "1"
    hl: str = "hl"
    parent: str = "parent"

    @property
    def record(self) -> str:
        return self.reach.name


@dataclass(slots=True)
class Saying:
    """Writes one segment; ``index`` is the expression that shifts its places along a tuple, where one does."""

    module: Module
    scope: Scope
    line: Line
    index: str
    shift: str = ""  # the variable that elements of a group or a repetition are counted from
    flat: bool = field(init=False)

    def __post_init__(self) -> None:
        self.flat = all(map(_is_flat, self.line.nodes))

    @property
    def text(self) -> Text:
        return self.scope.text

    def write(self) -> None:
        """A list of the places that are always there, then what stands in some of them."""
        blank = "''" if self.flat else "BLANK"
        places = [blank] * self.line.width
        later: list[Node] = []
        for node in self.line.nodes:
            if isinstance(node, Element):
                places[node.at - 1] = self._element(node)
            elif isinstance(node, Group) and self.flat and _is_simple(node):
                self._only_choice(node, places)
            else:
                later.append(node)
        head = [repr(self.line.tag)] if self.flat else []
        self.text.add(f"parts = [{', '.join(head + places)}]")
        for each in later:
            self._node(each)
        if later or not self._is_never_short():
            stop = "parts and parts[-1] == BLANK" if not self.flat else "not parts[-1]"
            with self.text.block(f"while {stop}"):
                self.text.add("parts.pop()")
        if self.line.child_at:
            self.text.add(f"out.children.append((len(out.segments), {self.line.child_at}, {self.scope.hl}))")
        made = "plain(parts)" if self.flat else f"Segment({self.line.tag!r}, tuple(parts))"
        self.text.add(f"add({made})")

    def _is_never_short(self) -> bool:
        """Whether there is always something in the last place."""
        last = self.line.nodes[-1] if self.line.nodes else None
        if not isinstance(last, Element) or not last.is_plain or last.at != self.line.width:
            return False
        slot = last.slots[0]
        alone = self.line.optional and self.line.fields == slot.fields and len(slot.pieces) == 1
        return bool(slot.literals) or alone or any(isinstance(each, Counter) for each in slot.pieces)

    def _only_choice(self, group: Group, places: list[str]) -> None:
        """The elements of a group with one alternative, each in its place."""
        (choice,) = group.choices
        holds = choice_holds(choice, self.scope.reach, self.index)
        alone = [each for element in choice.elements for each in element.carried()]
        for element in choice.elements:
            at, text = group.at - 1 + element.at, self._element(replace(element, at=group.at - 1 + element.at))
            is_it = choice.when is None and len(alone) == 1 and element.slots[0].fields == tuple(alone)
            places[at - 1] = text if is_it and alone[0].form.is_text else f"({text} if {holds} else '')"

    def _node(self, node: Node) -> None:
        if isinstance(node, Spread):
            values = self._many(node.field, self._where(node.at))
            with self.text.block(f"for at, each in enumerate({values}, {node.at - (0 if self.flat else 1)})"):
                self.text.add(f"parts[at] = {'each' if self.flat else '((each,),)'}")
        elif isinstance(node, Group):
            self._group(node)
        elif isinstance(node, Bracket):
            self._bracket(node)

    def _group(self, group: Group) -> None:
        shift = self.module.fresh("at")
        self.text.add(f"{shift} = {group.at - 1}")
        for choice in group.choices:
            with self.text.block(f"if {choice_holds(choice, self.scope.reach, self.index)}"):
                self._put(choice.elements, shift)
                self.text.add(f"{shift} += {group.step}")

    def _put(self, elements: Sequence[Element], shift: str) -> None:
        outer, self.shift = self.shift, shift
        for element in elements:
            at = element.at - (0 if self.flat else 1)
            self.text.add(f"parts[{shift} + {at}] = {self._element(element)}")
        self.shift = outer

    def _bracket(self, bracket: Bracket) -> None:
        text, reach = self.text, self.scope.reach
        shift = self.module.fresh("at")
        if not (bracket.records or bracket.packs):
            length = self.module.fresh("length")
            lengths = [f"len({reach.value(each.path)} or ()) - {each.base}" for each in bracket.carried()]
            text.add(f"{length} = max({', '.join(lengths)}, 0)")
            self._check_room(bracket, length)
            with text.block(f"for place in range({length})"):
                text.add(f"{shift} = {bracket.at - 1} + place * {bracket.step}")
                outer, self.index = self.index, "place"
                self._put(bracket.elements, shift)
                self.index = outer
            return
        records = self.module.fresh("records")
        text.add(f"{records} = {self.scope.run if bracket.packs else f'{reach.value(bracket.records)} or ()'}")
        self._check_room(bracket, f"len({records})")
        one = self.module.fresh("one")
        kind = reach.kind if bracket.packs else _kind(reach, bracket)
        with text.block(f"for place, {one} in enumerate({records})"):
            text.add(f"{shift} = {bracket.at - 1} + place * {bracket.step}")
            inner = Reach(self.module, one, kind)
            inner.prepare(text, paths_of(list(bracket.carried())))
            outer_scope, self.scope = self.scope, replace(self.scope, reach=inner)
            self._put(bracket.elements, shift)
            self.scope = outer_scope

    def _check_room(self, bracket: Bracket, length: str) -> None:
        with self.text.block(f"if {length} > {bracket.count}"):
            what = f"f'{{{length}}} repetitions do not fit, {bracket.count} do'"
            self.text.add(f"raise crowded({what}, {f'{self.line.tag}{bracket.at:02}'!r})")

    # --- Elements: an expression each, after the lines that it needs ---

    def _element(self, element: Element) -> str:
        if element.constant is not None:
            return (
                self._plain(repr(element.constant[0][0])) if len(element.constant[0]) == 1 else repr(element.constant)
            )
        where = self._where(element.at)
        if element.repeats:
            texts = self._many(element.slots[0].fields[0], where)
            return f"tuple([((each,)) for each in {texts}]) or BLANK"
        if element.is_plain:
            return self._plain(self._slot(element.slots[0], where))
        components = self.module.fresh("components")
        listed = []
        for at, slot in enumerate(element.slots):
            if slot.width == 1:
                listed.append(self._slot(slot, where))
                continue
            texts = f"*{self._many(slot.fields[0], where)}"
            if at < len(element.slots) - 1:
                padded = self.module.fresh("texts")
                self.text.add(f"{padded} = [{texts}]", f"{padded} += [''] * ({slot.width} - len({padded}))")
                texts = f"*{padded}"
            listed.append(texts)
        self.text.add(f"{components} = [{', '.join(listed)}]")
        with self.text.block(f"while len({components}) > 1 and not {components}[-1]"):
            self.text.add(f"{components}.pop()")
        return f"(tuple({components} or ('',)),)"

    def _plain(self, value: str) -> str:
        return value if self.flat else f"(({value},),)"

    def _slot(self, slot: Slot, where: str) -> str:
        if slot.literals:
            return repr(slot.literals[0])
        if not slot.pieces:
            return "''"
        if slot.shape is not None:
            return self._glued(slot, where)
        piece = slot.pieces[0]
        if isinstance(piece, Field):
            return self._field(piece, where)
        assert isinstance(piece, Counter), "what is read past is never written"
        return self._counter(piece)

    def _counter(self, counter: Counter) -> str:
        names = {"#": self.scope.number, "#hl": self.scope.hl, "#parent": self.scope.parent, "#child": "0"}
        return f"str({names[counter.name]})"

    def _glued(self, slot: Slot, where: str) -> str:
        """Pieces side by side, written if all have a value; nothing if none has."""
        whole, names, shown = self.module.fresh("glued"), [], []
        for piece in slot.pieces:
            if isinstance(piece, Field):
                names.append(self.module.fresh(piece.path[-1]))
                self.text.add(f"{names[-1]} = {self._field(piece, where)}")
                shown.append(names[-1])
            elif isinstance(piece, Counter):
                shown.append(self._counter(piece))
            else:
                assert isinstance(piece, str), "what is read past is never written"
                shown.append(repr(piece))
        with self.text.block(f"if {' and '.join(names)}"):
            self.text.add(f"{whole} = {' + '.join(shown)}")
        with self.text.block(f"elif {' or '.join(names)}"):
            self.text.add(f"raise half({where})")
        with self.text.block("else"):
            self.text.add(f"{whole} = ''")
        return whole

    def _value(self, each: Field) -> str:
        return f"follow(out.root, {each.path!r})" if each.rooted else self.scope.reach.value(each.path)

    def _field(self, each: Field, where: str) -> str:
        """The text of one value, "" where there is none."""
        value = self._value(each)
        if each.many:
            at = " + ".join([str(each.base), *([self.index] if self.index else [])])
            value = f"(({value} or ())[{at}:{at} + 1] or (None,))[0]"
        if each.form.is_text:
            sure = not each.many and not each.rooted and not self.scope.reach.may_lack(each.path)
            return value if sure else f"({value} or '')"
        module = self.module
        name = module.fresh(each.path[-1])
        form = module.name_of(each.form, f"form_{each.form.name}")
        text = f"{module.name_of(each.form.texts, f'texts_{each.form.name}')}_get({name})"
        module.known[f"{module.name_of(each.form.texts, '')}_get"] = each.form.texts.get
        empty = (
            f"not ({name} := {value})"
            if each.form.zero_is_empty or each.kind is str
            else f"({name} := {value}) is None"
        )
        return f"('' if {empty} else {text} or written({form}, {name}, {str(each)!r}, {where}))"

    def _many(self, each: Field, where: str) -> str:
        """A sequence of the texts of a field that spreads over several places."""
        value = f"({self._value(each)} or ())"
        at = " + ".join([*([str(each.base)] if each.base else []), *([self.index] if self.index else [])])
        if at:
            value = f"{value}[{at}:]"
        if each.form.is_text and each.spread:
            name = self.module.fresh(each.path[-1])
            self.text.add(f"{name} = {value}")
            with self.text.block(f"if len({name}) > {each.spread}"):
                what = f"f'{{len({name})}} values do not fit, {each.spread} do'"
                self.text.add(f"raise crowded({what}, {where})")
            return name
        form = self.module.name_of(each.form, f"form_{each.form.name}")
        return f"all_written({form}, {value}, {each.spread}, {str(each)!r}, {where})"

    def _where(self, at: int) -> str:
        return f"f'{self.line.tag}{{{self.shift} + {at}:02}}'" if self.shift else repr(f"{self.line.tag}{at:02}")


def _is_simple(group: Group) -> bool:
    """Whether it has one alternative, whose values need no lines of their own."""
    return len(group.choices) == 1 and not any(
        slot.shape is not None for element in group.choices[0].elements for slot in element.slots
    )


def _is_flat(node: Node) -> bool:
    if isinstance(node, Spread):
        return True
    if isinstance(node, Element):
        return node.is_plain
    elements = (
        [each for choice in node.choices for each in choice.elements] if isinstance(node, Group) else node.elements
    )
    return all(each.is_plain for each in elements)


def _kind(reach: Reach, bracket: Bracket) -> type:
    kind, _ = resolve(reach.kind, bracket.records)
    assert isinstance(kind, type)
    return kind
