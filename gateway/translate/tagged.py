"""Makes the lines that read one segment: which line of the map it is, and what its elements say.

What stands here beyond the notation's own rules is speed: a value is taken from the text between separators and looked
up among those that were understood before; only what is new, or has components, takes the long way (``runtime.py``).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.translate.fields import Field, Slot
from gateway.translate.filling import Spot
from gateway.translate.frames import Frame
from gateway.translate.lines import Bracket, Choice, Element, Group, Line, Node, Spread
from gateway.translate.parts import Part
from gateway.translate.source import Module


@dataclass(slots=True)
class Tagged:
    """Reads one segment, whose tag is known: picks the line, and takes its values. ``spot`` is the loop's."""

    module: Module
    spot: Spot
    frame_of: Callable[[Part], Frame]
    looked_up: dict[str, Callable[[str], Any]]  # the look-ups that the text makes, by name
    held: dict[tuple[str, str], str] = field(default_factory=dict)  # variables of elements, by place and what they hold
    taken: str = ""  # the variable that says whether the line found anything, where somebody asks

    def read(self, owner: Part | None, lines: Sequence[Line]) -> None:
        """``owner`` is the each that makes a record of the segment; None where the lines fill the frame."""
        text = self.spot.text
        text.add("parts = segment.parts or segment.cut(marks)", "n = len(parts)")
        if owner is None:
            self._choose(lines, self._line)
            return
        frame = self.frame_of(owner)
        body = text.inner()
        where = f"at_segment(segment, {self.spot.path!r})"
        inner = replace(self, spot=Spot(body, frame, self.spot.subject, self.spot.path, where=where), held={})
        into = self.spot.frame.leaf(self.spot.prefix + owner.of, many=True)

        def keep(record: str) -> None:
            inner.spot.text.add(f"{into.name}.append({record})")

        def make() -> None:
            frame.note(inner.spot.text, owner.when)
            keep(frame.make(inner.spot.text, where))

        inner._choose(lines, lambda each: inner._record(each, make))
        frame.opening(text)
        text.take(body)

    def _record(self, line: Line, make: Callable[[], None]) -> None:
        if line.pack is not None:
            for node in line.nodes:
                if node is not line.pack:
                    self._node(node)
            self._bracket(line.pack, make)
            return
        self.taken = self._flag("taken")
        self._line(line)
        with self.spot.text.block(f"if {self.taken}"):
            make()

    # --- Which line ---

    def _choose(self, lines: Sequence[Line], read: Callable[[Line], None]) -> None:
        """The first line that the segment agrees with; an error where lines know it, and none agrees."""
        text = self.spot.text
        known = []
        agreed = []
        for line in lines:
            first = line.coded[0] if line.by_code else None
            known.append(" and ".join(self._agrees(first, "", may_lack=False)) if first is not None else "")
            rest = [each for each in line.coded if each is not first]
            tests = [test for element in rest for test in self._agrees(element, "", may_lack=True)]
            agreed.append(" and ".join([*([known[-1]] if known[-1] else []), *tests]))
        word = "if"
        for line, test in zip(lines, agreed, strict=True):
            held = dict(self.held)
            if test:
                with text.block(f"{word} {test}"):
                    self._read_chosen(line, read)
            elif word == "if":
                self._read_chosen(line, read)
            else:
                with text.block("else"):
                    self._read_chosen(line, read)
            self.held = held
            word = "elif"
            if not test:
                return
        if known != agreed:
            anywhere = "" if "" in known else " or ".join(f"({test})" for test in known)
            with text.block(f"elif {anywhere}" if anywhere else "else"):
                text.add(f"raise strange({self._name(tuple(lines), 'lines')}, segment, {self.spot.path!r})")

    def _read_chosen(self, line: Line, read: Callable[[Line], None]) -> None:
        if not line.ignored:
            read(line)

    def _agrees(self, element: Element, shift: str, *, may_lack: bool) -> Iterator[str]:
        for component, codes in element.literals:
            held = self._component(element, shift, component)
            test = f"{held} == {codes[0]!r}" if len(codes) == 1 else f"{held} in {codes!r}"
            yield f"(not {held} or {test})" if may_lack else test

    # --- Its values ---

    def _line(self, line: Line) -> None:
        if line.when is None or line.when.sets is None:
            self._nodes(line.nodes)
            return
        outer, self.taken = self.taken, self.taken or self._flag("taken")
        self._nodes(line.nodes)
        with self.spot.text.block(f"if {self.taken}"):
            self.spot.frame.note(self.spot.text, line.when, self.spot.prefix)
        self.taken = outer

    def _nodes(self, nodes: Sequence[Node]) -> None:
        for node in nodes:
            self._node(node)

    def _node(self, node: Node) -> None:
        if isinstance(node, Element):
            self._element(node, "")
        elif isinstance(node, Spread):
            for at in range(node.at, node.at + node.width):
                self._put(node.field, self._raw(str(at)), str(at))
        elif isinstance(node, Group):
            self._group(node)
        else:
            self._bracket(node, None)

    def _element(self, element: Element, shift: str) -> None:
        if element.constant is not None:
            return
        place = _place(element, shift)
        text = self.spot.text
        if element.repeats:
            with text.block(f"for repetition, each in enumerate(repeated({self._raw(place)}, c, r), 1)"):
                self._slot(element.slots[0], "each", place, "0", "repetition", clean=True)
            return
        if element.is_plain:
            clean = ("clean", place) in self.held
            held = self._clean(place) if clean else self._raw(place)
            self._slot(element.slots[0], held, place, clean=clean)
            return
        at, parts = 0, self._components(place)
        for slot in element.slots:
            component = str(at + 1 if len(element.slots) > 1 else 0)
            if slot.fields and slot.width == 1:
                self._slot(slot, self._component(element, shift, at + 1), place, component, clean=True)
            elif slot.fields:
                with text.block(f"for each in {parts}[{at}:{at + slot.width}]"):
                    self._slot(slot, "each", place, component, clean=True)
            at += slot.width

    def _slot(
        self, slot: Slot, held: str, element: str, component: str = "0", repetition: str = "0", *, clean: bool = False
    ) -> None:
        """Puts the text in the variable ``held`` where it belongs; ``clean`` says that it has no marks in it."""
        text = self.spot.text
        if slot.shape is None:
            for each in slot.fields:
                self._put(each, held, element, component, repetition, clean=clean)
            return
        if not clean:
            held = self._clean(element)
        match = self.module.fresh("match")
        with text.block(f"if {held}"):
            text.add(f"{match} = {self._name(slot.shape, 'shape')}.fullmatch({held})")
            with text.block(f"if {match} is None"):
                where = f"({element}, {component}, {repetition})"
                text.add(f"raise misshapen(segment, {self.spot.path!r}, {where})")
            for number, each in enumerate(slot.fields, 1):
                piece = self.module.fresh("piece")
                text.add(f"{piece} = {match}[{number}]")
                self._put(each, piece, element, component, repetition, clean=True)

    def _put(
        self, each: Field, held: str, element: str, component: str = "0", repetition: str = "0", *, clean: bool = False
    ) -> None:
        text = self.spot.text
        if each.form.is_text:
            if not clean:
                with text.block(f"if c in {held} or r in {held}"):
                    text.add(f"{held} = first({held}, c, r)")
            with text.block(f"if {held}"):
                self._keep(each, held)
            return
        value = self.module.fresh(each.path[-1])
        with text.block(f"if {held}"):
            text.add(f"{value} = {self._lookup(each)}({held})")
            with text.block(f"if {value} is None"):
                form = self._name(each.form, f"form_{each.form.name}")
                where = f"({element}, {component}, {repetition})"
                text.add(
                    f"{value} = understood({form}, {held}, c, r, segment, {self.spot.path!r}, {where})",
                )
            if clean:
                self._keep(each, value)
            else:
                with text.block(f"if {value} is not None"):
                    self._keep(each, value)

    def _keep(self, each: Field, value: str) -> None:
        text = self.spot.text
        if each.rooted:
            text.add(f"root.setdefault({str(each)!r}, {value})")
            return
        self.spot.frame.put(text, self.spot.prefix + each.path, value, many=each.many)
        if self.taken:
            text.add(f"{self.taken} = True")

    def _group(self, group: Group) -> None:
        text = self.spot.text
        shift = self.module.fresh("at")
        text.add(f"{shift} = {group.at - 1}")
        end = "" if group.open_ended else f" and {shift} < {group.at + group.width - 1}"
        with text.block(f"while {shift} < n - 1{end}"):
            held = dict(self.held)
            tests = [
                " and ".join(test for each in choice.elements for test in self._agrees(each, shift, may_lack=False))
                for choice in group.choices
            ]
            for number, (choice, test) in enumerate(zip(group.choices, tests, strict=True)):
                inside = dict(self.held)
                with text.block(f"{'elif' if number else 'if'} {test or True}"):
                    self._choice(choice, shift)
                self.held = inside
            self.held = held
            text.add(f"{shift} += {group.step}")

    def _choice(self, choice: Choice, shift: str) -> None:
        if choice.when is None or choice.when.sets is None:
            for element in choice.elements:
                self._element(element, shift)
            return
        outer, self.taken = self.taken, self._flag("found")
        for element in choice.elements:
            self._element(element, shift)
        with self.spot.text.block(f"if {self.taken}"):
            self.spot.frame.note(self.spot.text, choice.when, self.spot.prefix)
            if outer:
                self.spot.text.add(f"{outer} = True")
        self.taken = outer

    def _bracket(self, bracket: Bracket, make: Callable[[], None] | None) -> None:
        """``make`` is given where the bracket packs records: it makes one of what stands in the frame."""
        text, frame = self.spot.text, self.spot.frame
        shift = self.module.fresh("at")
        text.add(f"{shift} = {bracket.at - 1}")
        with text.block(f"while {shift} < n - 1 and {shift} < {bracket.at + bracket.width - 1}"):
            body = text.inner()
            inner = replace(self, spot=replace(self.spot, text=body), held={})
            if bracket.records:
                kind = frame.leaf(self.spot.prefix + bracket.records, many=True)
                inner_frame = replace(frame, kind=kind.kind, leaves={}, places={})
                inner.spot = replace(inner.spot, frame=inner_frame, prefix=())
            if bracket.records or make is not None:
                inner.taken = self.module.fresh("found")
                text.add(f"{inner.taken} = False")
            tests = [test for each in bracket.elements for test in inner._agrees(each, shift, may_lack=False)]
            if tests:
                with body.block(f"if {' and '.join(tests)}"):
                    inner._repetition(bracket, shift, self, make)
            else:
                inner._repetition(bracket, shift, self, make)
            if bracket.records:
                inner.spot.frame.opening(text)
            elif make is not None:
                for each in bracket.carried():
                    leaf = frame.leaf(self.spot.prefix + each.path)
                    text.add(f"{leaf.name} = {leaf.unset}")
            text.take(body)
            text.add(f"{shift} += {bracket.step}")

    def _repetition(self, bracket: Bracket, shift: str, outer: "Tagged", make: Callable[[], None] | None) -> None:
        text = self.spot.text
        for element in bracket.elements:
            self._element(element, shift)
        if not bracket.records and make is None:
            return
        with text.block(f"if {self.taken}"):
            if outer.taken:
                text.add(f"{outer.taken} = True")
            if make is not None:
                saved, outer.spot.text = outer.spot.text, text
                make()
                outer.spot.text = saved
            else:
                record = self.spot.frame.make(text, f"at_segment(segment, {self.spot.path!r})")
                outer.spot.frame.put(text, outer.spot.prefix + bracket.records, record, many=True)

    # --- Variables of elements ---

    def _raw(self, place: str) -> str:
        """The variable with an element's text as it stands."""
        return self._variable("raw", place, lambda name: [f"{name} = parts[{place}] if n > {place} else ''"])

    def _clean(self, place: str) -> str:
        """The variable with its first component alone."""
        return self._variable(
            "clean",
            place,
            lambda name: [
                f"{name} = parts[{place}] if n > {place} else ''",
                f"if c in {name} or r in {name}: {name} = first({name}, c, r)",
            ],
        )

    def _components(self, place: str) -> str:
        """The variable with the components of its first repetition."""
        return self._variable(
            "list", place, lambda name: [f"{name} = composite(parts[{place}], c, r) if n > {place} else ('',)"]
        )

    def _component(self, element: Element, shift: str, component: int) -> str:
        """The variable with one component of an element, counted from 1."""
        place = _place(element, shift)
        if element.is_plain:
            return self._clean(place)
        held = self._components(place)
        at = component - 1
        line = f"{held}[{at}]" + (f" if len({held}) > {at} else ''" if at else "")
        return self._variable(f"component {component}", place, lambda name: [f"{name} = {line}"])

    def _variable(self, what: str, place: str, lines: Callable[[str], list[str]]) -> str:
        name = self.held.get((what, place))
        if name is None:
            name = self.held[what, place] = self.module.fresh("e")
            self.spot.text.add(*lines(name))
        return name

    def _flag(self, hint: str) -> str:
        name = self.module.fresh(hint)
        self.spot.text.add(f"{name} = False")
        return name

    def _lookup(self, each: Field) -> str:
        name = self._name(each.form.values, f"known_{each.form.name}")
        self.looked_up[f"{name}_get"] = each.form.values.get
        return f"{name}_get"

    def _name(self, value: Any, hint: str) -> str:
        return self.module.name_of(value, hint)


def _place(element: Element, shift: str) -> str:
    return f"{shift} + {element.at}" if shift else str(element.at)
