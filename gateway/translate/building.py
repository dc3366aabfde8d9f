"""Makes the functions that write a record as the segments of its message.

A segment whose elements hold one value each is built as a list of texts (``plain``), any other as elements. A
segment ends at its last element that says something.
"""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from gateway.translate import runtime
from gateway.translate.carrying import chosen, key_of_runs, something, ways
from gateway.translate.lines import Bracket, Line
from gateway.translate.parts import RUN, Part
from gateway.translate.reach import Reach, paths_of
from gateway.translate.saying import Saying, Scope
from gateway.translate.source import Module
from gateway.x12.tree import Segment, plain

HELPERS = {
    "BLANK": runtime.BLANK,
    "Segment": Segment,
    "Written": runtime.Written,
    "plain": plain,
    **{
        name: getattr(runtime, name)
        for name in ("all_written", "crowded", "follow", "half", "packed", "runs", "written")
    },
}
STATE = "record, run, number, hl, parent, out"


@dataclass(slots=True)
class Building:
    module: Module

    def whole(self, part: Part) -> None:
        text = self.module.function("build(record)")
        text.add("out = Written(record)", "hl = parent = 0", "add = out.segments.append")
        self._contents(Scope(text, Reach(self.module, "record", part.record)), part)
        text.add("return out.finish()")

    # --- Parts ---

    def _contents(self, scope: Scope, part: Part) -> None:
        scope.reach.prepare(scope.text, ways(part))
        for step in part.steps:
            if isinstance(step, Part):
                self._part(scope, step)
            else:
                self._line(scope, step)

    def _part(self, scope: Scope, part: Part) -> None:
        if part.reads_only:
            return
        if part.asked is None:
            self._asked_part(scope, part)
            return
        with scope.text.block(f"if {scope.reach.holds(part.asked)}"):
            self._asked_part(scope, part)

    def _asked_part(self, scope: Scope, part: Part) -> None:
        if part.kind == "part":
            self._once(scope, part)
            return
        records = chosen(scope.text, self.module, scope.run if part.of == RUN else scope.reach.value(part.of), part)
        if part.pack is not None:
            self._packed(scope, part, part.pack, records)
            return
        function = self._function(part)
        levels = f"{scope.hl}, {scope.parent}, out"
        if part.kind == "each":
            with scope.text.block(f"for number, each in enumerate({records}, 1)"):
                scope.text.add(f"{function}(each, (), number, {levels})")
            return
        key = key_of_runs(self.module, part)
        with scope.text.block(f"for number, run_inside in enumerate(runs({records}, {key}), 1)"):
            scope.text.add(f"{function}(run_inside[0], run_inside, number, {levels})")

    def _function(self, part: Part) -> str:
        name = self.module.fresh(f"build_{part.name}")
        text = self.module.function(f"{name}({STATE})")
        text.add("add = out.segments.append")
        reach = Reach(self.module, "record", part.record)
        self._contents(Scope(text, reach, run="run", number="number"), part)
        return name

    def _once(self, scope: Scope, part: Part) -> None:
        text = scope.text
        if not part.of and not part.loop and part.when is None:
            self._contents(scope, part)
            return
        name = scope.record
        with ExitStack() as blocks:
            if part.of:
                name = self.module.fresh(part.of[-1])
                text.add(f"{name} = {scope.reach.value(part.of)}")
                if scope.reach.may_lack(part.of):
                    blocks.enter_context(text.block(f"if {name} is not None"))
            reach = Reach(self.module, name, part.record)
            number = "1" if part.of or part.loop else scope.number
            inner = replace(scope, reach=reach, run="()" if part.of else scope.run, number=number)
            if part.when is not None:
                reach.prepare(text, [part.when.path])
                blocks.enter_context(text.block(f"if {reach.holds(part.when)}"))
            if (part.of or part.loop) and _opens_level(part):
                inner.hl, inner.parent = self.module.fresh("hl"), self.module.fresh("parent")
                text.add(f"{inner.hl} = {scope.hl}", f"{inner.parent} = {scope.parent}")
            self._contents(inner, part)

    def _packed(self, scope: Scope, part: Part, line: Line, records: str) -> None:
        pack = line.pack
        assert pack is not None
        inside = {each.path for each in pack.carried()}
        shared = [each for each in line.fields if each.path not in inside]
        key = self.module.fresh(f"key_{part.name}")
        text = self.module.function(f"{key}(record)")
        reach = Reach(self.module, "record", part.record)
        reach.prepare(text, paths_of(shared))
        text.add(f"return ({''.join(f'{reach.value(each.path)}, ' for each in shared)})")
        with scope.text.block(f"for packed_run in packed({records}, {key}, {pack.count})"):
            first = self.module.fresh(part.name)
            scope.text.add(f"{first} = packed_run[0]")
            inner = replace(scope, reach=Reach(self.module, first, part.record), run="packed_run")
            inner.reach.prepare(scope.text, ways(part))
            self._line(inner, line)

    # --- Lines ---

    def _line(self, scope: Scope, line: Line) -> None:
        text = scope.text
        if line.opens_level:
            text.add("out.levels += 1", f"{scope.parent} = {scope.hl}", f"{scope.hl} = out.levels")
            text.add(f"out.parents.add({scope.parent})")
        if line.read_only or line.ignored:
            return
        if line.when is not None:
            with text.block(f"if {scope.reach.holds(line.when)}"):
                self._said(scope, line)
        else:
            self._said(scope, line)

    def _said(self, scope: Scope, line: Line) -> None:
        text = scope.text
        if line.repeated:
            many = next(each for each in line.fields if each.many)
            with text.block(f"for index in range(len({scope.reach.value(many.path)} or ()))"):
                Saying(self.module, scope, line, "index").write()
        elif line.optional:
            self._optional(scope, line)
        else:
            Saying(self.module, scope, line, "").write()

    def _optional(self, scope: Scope, line: Line) -> None:
        reach = scope.reach
        named = any(isinstance(node, Bracket) and node.records for node in line.nodes)
        way = () if named else reach.common_way(paths_of(list(line.fields)))
        if way:
            with scope.text.block(f"if {reach.held[way][0]} is not None"):
                self._if_something(replace(scope, reach=reach.sure_of(way)), line)
        else:
            self._if_something(scope, line)

    def _if_something(self, scope: Scope, line: Line) -> None:
        with scope.text.block(f"if {something(line, scope.reach)}"):
            Saying(self.module, scope, line, "").write()


def _opens_level(part: Part) -> bool:
    shares = [each for each in part.parts if each.kind == "part" and not each.loop and not each.of]
    return any(line.opens_level for line in part.lines) or any(map(_opens_level, shares))


class Builder:
    """The functions made for ``build``."""

    def __init__(self, name: str, part: Part) -> None:
        module = Module(f"{name}, building", HELPERS)
        Building(module).whole(part)
        self.source = module.source
        self.build: Any = module.run()["build"]
