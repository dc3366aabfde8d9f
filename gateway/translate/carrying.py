"""Makes the functions that say what a reader of a record's message would know of it, without writing the message.

What they give is what ``read`` makes of what ``build`` writes. They take it from the record and not from its segments,
so that each of the three stands against the other two.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from gateway.translate import runtime
from gateway.translate.fields import Field, Path
from gateway.translate.filling import Filling, Shared, Spot
from gateway.translate.lines import Bracket, Choice, Group, Line
from gateway.translate.parts import RUN, Part, rooted_paths
from gateway.translate.reach import Reach, paths_of
from gateway.translate.source import Module, Text

HELPERS = {name: getattr(runtime, name) for name in ("contradiction", "follow", "missing", "place", "runs")}


@dataclass(slots=True)
class Carrying(Filling):
    subject: ClassVar[str] = "record"
    run: ClassVar[str] = "run"
    head: ClassVar[str] = "run[0]"

    def whole(self, part: Part, name: str) -> None:
        text = self.module.function("on_wire(record)")
        frame = self.frame(part)
        body = text.inner()
        if self.rooted:
            body.add("root = {'': record}")
        where = repr(f"a record of {name}")
        self.contents(Spot(body, frame, "record", where=where), part)
        if self.rooted:
            self.take_root(body, frame, part)
        body.add(f"return {frame.make(body, where)}")
        frame.opening(text)
        text.take(body)

    def contents(self, spot: Spot, part: Part) -> None:
        reach = Reach(self.module, spot.subject, part.record)
        reach.prepare(spot.text, ways(part))
        for step in part.steps:
            if isinstance(step, Line):
                self._line(spot, step, reach)
            elif step.of != RUN:
                self._part(spot, step, reach)

    # --- Parts ---

    def _part(self, spot: Spot, part: Part, reach: Reach) -> None:
        if part.reads_only:
            return
        if part.asked is not None:
            with spot.text.block(f"if {reach.holds(part.asked)}"):
                self._asked_part(spot, part, reach)
            return
        self._asked_part(spot, part, reach)

    def _asked_part(self, spot: Spot, part: Part, reach: Reach) -> None:
        if part.kind == "part":
            self._once(spot, part, reach)
            return
        leaf = spot.frame.leaf(spot.prefix + part.of, many=True)
        records = chosen(spot.text, self.module, reach.value(part.of), part)
        if part.kind == "group":
            function = self.group(part, "", Shared(), spot.where)
            with spot.text.block(f"for run in runs({records}, {key_of_runs(self.module, part)})"):
                spot.text.add(f"{function}(run, {leaf.name}{self.root})")
            return
        function = self.each(part, "", Shared(), spot.where)
        head, number = f"for each in {records}", ""
        if part.number:
            head, number = f"for number, each in enumerate({records}, 1)", ", number"
        with spot.text.block(head):
            spot.text.add(f"{leaf.name}.append({function}(each{number}{self.root}))")

    def _once(self, spot: Spot, part: Part, reach: Reach) -> None:
        subject = spot.subject
        text = spot.text
        tests = []
        if part.of:
            subject = self.module.fresh(part.of[-1])
            text.add(f"{subject} = {reach.value(part.of)}")
            tests.append(f"{subject} is not None")
        with text.block(f"if {' and '.join(tests) or True}"):
            inner = spot.inside(subject, "", part.of, spot.where)
            if part.when is None:
                self.contents(inner, part)
                return
            own = Reach(self.module, subject, part.record)
            own.prepare(text, [part.when.path])
            with text.block(f"if {own.holds(part.when)}"):
                self.contents(inner, part)

    def runs(self, spot: Spot, part: Part, shared: Shared) -> None:
        reach = Reach(self.module, "run[0]", part.record)
        for _, inner in self.children_of_runs(part):
            if inner.reads_only:
                continue
            text = spot.text
            if inner.asked is not None:
                reach.prepare(text, [inner.asked.path])
                with text.block(f"if {reach.holds(inner.asked)}"):
                    self._run(text, spot, inner, shared)
            else:
                self._run(text, spot, inner, shared)

    def _run(self, text: Text, spot: Spot, part: Part, shared: Shared) -> None:
        records = chosen(text, self.module, "run", part)
        if part.kind == "group":
            function = self.group(part, "", shared, spot.where)
            with text.block(f"for inner in runs({records}, {key_of_runs(self.module, part)})"):
                text.add(f"{function}(inner, base, out{self.root})")
            return
        function = self.each(part, "", shared, spot.where)
        with text.block(f"for each in {records}"):
            text.add(f"out.append({function}(each, base{self.root}))")

    # --- Lines ---

    def _line(self, spot: Spot, line: Line, reach: Reach) -> None:
        if line.read_only or line.ignored:
            return
        tests = [reach.holds(line.when)] if line.when is not None else []
        if line.optional or line.repeated:
            tests.append(something(line, reach))
        with spot.text.block(f"if {' and '.join(f'({test})' for test in tests) or True}"):
            self._nodes(spot, line, reach)
            spot.frame.note(spot.text, line.when, spot.prefix)

    def _nodes(self, spot: Spot, line: Line, reach: Reach) -> None:
        for node in line.nodes:
            if isinstance(node, Group):
                for choice in node.choices:
                    self._choice(spot, choice, reach, everything=line.repeated)
            elif isinstance(node, Bracket) and node.records:
                self._records(spot, node, reach)
            else:
                everything = line.repeated or isinstance(node, Bracket)
                for each in node.carried():
                    self._field(spot, each, reach, everything=everything)

    def _choice(self, spot: Spot, choice: Choice, reach: Reach, *, everything: bool) -> None:
        test = choice_holds(choice, reach)
        with spot.text.block(f"if {test}"):
            for each in choice.carried():
                self._field(spot, each, reach, everything=everything)
            spot.frame.note(spot.text, choice.when, spot.prefix)

    def _records(self, spot: Spot, bracket: Bracket, reach: Reach) -> None:
        text = spot.text
        leaf = spot.frame.leaf(spot.prefix + bracket.records, many=True)
        one = self.module.fresh(bracket.records[-1])
        with text.block(f"for {one} in {reach.value(bracket.records)} or ()"):
            frame = type(spot.frame)(self.module, leaf.kind, self.said_in)
            body = text.inner()
            inner = Spot(body, frame, one, where=spot.where)
            inner_reach = Reach(self.module, one, leaf.kind)
            inner_reach.prepare(body, paths_of(list(bracket.carried())))
            for each in bracket.carried():
                self._field(inner, each, inner_reach, everything=False)
            body.add(f"{leaf.name}.append({frame.make(body, spot.where)})")
            frame.opening(text)
            text.take(body)

    def _field(self, spot: Spot, each: Field, reach: Reach, *, everything: bool) -> None:
        text = spot.text
        value = f"follow(root[''], {each.path!r})" if each.rooted else reach.value(each.path)
        if each.many:
            end = "" if everything or each.spread else str(each.base + 1)
            part = f"[{each.base or ''}:{end}]" if each.base or end else ""
            with text.block(f"for value in ({value} or ()){part}"):
                spot.frame.put(text, spot.prefix + each.path, self._settled(each, "value"), many=True)
            return
        name = self.module.fresh(each.path[-1])
        text.add(f"{name} = {value}")
        with text.block(f"if {reach.held_value(each, '', name)}"):
            if each.rooted:
                text.add(f"root.setdefault({str(each)!r}, {self._settled(each, name)})")
            else:
                spot.frame.put(text, spot.prefix + each.path, self._settled(each, name))

    def _settled(self, each: Field, value: str) -> str:
        if each.form.settle is None:
            return value
        return f"{self.module.name_of(each.form.settle, f'settle_{each.form.name}')}({value})"


def ways(part: Part) -> list[Path]:
    """The fields that the lines of a part, and its calls of others, speak of."""
    found = []
    for line in part.lines:
        fields = [
            each for node in line.nodes if not (isinstance(node, Bracket) and node.records) for each in node.carried()
        ]
        found += paths_of(fields, line.when)
        found += [node.records for node in line.nodes if isinstance(node, Bracket) and node.records]
        choices = [choice for node in line.nodes if isinstance(node, Group) for choice in node.choices]
        found += paths_of([], *(choice.when for choice in choices))
    for inner in part.parts:
        found += paths_of([], inner.asked)
        if inner.of and inner.of != RUN:
            found.append(inner.of)
    return found


def something(line: Line, reach: Reach) -> str:
    """An expression: whether an optional line has anything to say. What the message says of itself does not count."""
    tests = [reach.value(node.records) for node in line.nodes if isinstance(node, Bracket) and node.records]
    named = {id(each) for node in line.nodes if isinstance(node, Bracket) and node.records for each in node.carried()}
    tests += [
        reach.held_value(each, "", reach.value(each.path))
        for each in line.fields
        if not each.rooted and id(each) not in named
    ]
    return " or ".join(tests) or "False"


def choice_holds(choice: Choice, reach: Reach, index: str = "") -> str:
    """An expression: whether an alternative of a group is written."""
    tests = [reach.holds(choice.when)] if choice.when is not None else []
    values = [reach.held_value(each, index, reach.value(each.path)) for each in choice.carried()]
    if values:
        tests.append(" or ".join(values))
    return " and ".join(f"({test})" for test in tests) or "True"


def chosen(text: Text, module: Module, records: str, part: Part) -> str:
    """An expression for the records that a part stands for; lines before it leave out those that it does not."""
    if part.when is None:
        return f"({records} or ())"
    name = module.fresh(part.name)
    text.add(f"{name} = []")
    with text.block(f"for each in {records} or ()"):
        reach = Reach(module, "each", part.record)
        reach.prepare(text, [part.when.path])
        with text.block(f"if {reach.holds(part.when)}"):
            text.add(f"{name}.append(each)")
    return name


def key_of_runs(module: Module, part: Part) -> str:
    """The name of the function that tells the runs of a group apart. A negated ``by`` asks only whether it is there."""
    name = module.fresh(f"key_{part.name}")
    text = module.function(f"{name}(record)")
    reach = Reach(module, "record", part.record)
    reach.prepare(text, [each.path for each in part.by])
    keys = [f"bool({reach.holds(each)})" if each.negated else reach.value(each.path) for each in part.by]
    text.add(f"return ({', '.join(keys)},)")
    return name


class Carrier:
    """The functions made for ``on_wire``."""

    def __init__(self, name: str, part: Part, said_in: Any) -> None:
        module = Module(f"{name}, on the wire", HELPERS)
        Carrying(module, said_in, any(rooted_paths(part))).whole(part, name)
        self.source = module.source
        self.on_wire = module.run()["on_wire"]
