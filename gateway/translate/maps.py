"""Loads the maps of ``edi_maps/`` and runs them both ways.

Never guesses: a map with a mistake does not load, and a value that cannot be read stops the document.

"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from gateway import resources
from gateway.errors import Finding, GatewayError, Position, SettingsInvalid
from gateway.translate.engine import RUN, Maker, Part, Written
from gateway.translate.fields import Condition, Scope, Values
from gateway.translate.forms import Misfit, from_plain_text
from gateway.translate.lines import Element, Line
from gateway.translate.notation import Binder, Mistake, resolve
from gateway.x12.tree import Loop, Segment

RULE = "map"
EVERYWHERE = Position()
TOP_KEYS = {"guide", "record", "segments", "codes", "part", "each", "group"}
PART_KEYS = {"loop", "of", "by", "when", "number", "absent", "segments", "only"}


@dataclass(frozen=True, slots=True)
class Map:
    """One transaction's map. ``guide`` names the guide whose loops ``read`` expects."""

    name: str
    guide: str
    record: type
    whole: Part
    maker: Maker

    def build(self, record: Any) -> list[Segment]:
        """The segments between ST and SE. Raises GatewayError for a value that the wire has no room or code for."""
        assert isinstance(record, self.record), f"the map {self.name} builds {self.record.__name__}"
        out = Written()
        self.whole.build(Scope(record, record), out)
        return out.finish()

    def read(self, root: Loop, place: Position = EVERYWHERE) -> Any:
        """The record in the loops of one set. Raises GatewayError, with the place, for a value that cannot be read.

        ``place`` is that of the set; the error adds loop, segment and element.
        """
        values: Values = {}
        try:
            self.whole.read(root, "", values, values, [])
            return self.maker.make(self.record, values, EVERYWHERE)
        except GatewayError as error:
            if isinstance(error.where, Position):
                error.where = replace(error.where, interchange=place.interchange, group=place.group, set=place.set)
            raise

    def on_wire(self, record: Any) -> Any:
        """The record as far as its message carries it: what a reader of that message knows."""
        values: Values = {}
        self.whole.carry(Scope(record, record), values, values, [])
        return self.maker.make(self.record, values, f"a record of {self.name}")


@cache
def load(name: str) -> Map:
    """The map of that name in ``edi_maps/``, such as ``837p``. Raises SettingsInvalid with every mistake of it."""
    path = resources.folder("edi_maps") / f"{name}.toml"
    return compile_map(name, path.read_text(encoding="utf-8"), str(Path("edi_maps") / path.name))


def compile_map(name: str, text: str, file: str) -> Map:
    """Compiles a map from TOML. Raises SettingsInvalid; its findings name the file, the line and the field."""
    try:
        spec = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(f"the map is no TOML: {error}", where=file, fix="Correct the file") from None
    compiler = _Compiler(file, text, spec)
    whole = compiler.compile()
    if compiler.findings or whole is None:
        raise SettingsInvalid(
            f"{len(compiler.findings)} mistakes in the map",
            where=file,
            fix="Mend them",
            findings=tuple(compiler.findings),
        )
    return Map(name, spec["guide"], whole[0], whole[1], Maker(compiler.said_in))


class _Compiler:
    """Turns the tables of one file into parts, once for each place that calls them, and collects every mistake."""

    def __init__(self, file: str, text: str, spec: Mapping[str, Any]) -> None:
        self.file = file
        self.text = text.splitlines()
        self.spec = spec
        self.findings: list[Finding] = []
        self.parts: dict[str, tuple[str, Mapping[str, Any]]] = {}
        self.called: set[str] = set()
        self.said_in: dict[tuple[type, str], str] = {}

    def compile(self) -> tuple[type, Part] | None:
        self._check_keys("", self.spec, TOP_KEYS)
        for kind in ("part", "each", "group"):
            for name, table in self.spec.get(kind, {}).items():
                if name in self.parts:
                    self._note(f"the part {name} is described twice", f"[{kind}.{name}]")
                self.parts[name] = (kind, table)
                self._check_keys(f"[{kind}.{name}]", table, PART_KEYS)
        record = self._record(self.spec.get("record", ""))
        if record is None:
            return None
        binder = Binder(record, record, self.spec.get("codes", {}))
        whole = self._part("", "part", self.spec, binder, ())
        for name in self.parts.keys() - self.called:
            self._note(f"no line calls @{name}", f"[{self.parts[name][0]}.{name}]")
        return record, whole

    def _record(self, dotted: str) -> type | None:
        module, _, name = dotted.rpartition(".")
        try:
            record = getattr(import_module(f"gateway.domain.{module}"), name)
        except (ImportError, AttributeError):
            record = None
        if not is_dataclass(record):
            self._note(f"there is no record {dotted} in gateway.domain", "record")
            return None
        assert isinstance(record, type)
        return record

    def _part(self, name: str, kind: str, table: Mapping[str, Any], outer: Binder, calls: tuple[str, ...]) -> Part:
        header = f"[{kind}.{name}]" if name else ""
        loop = tuple(each for each in table.get("loop", "").split("/") if each)
        of = self._of(name, kind, table, outer, header)
        record = self._subject(of, kind, outer, header)
        binder = Binder(record, outer.root, outer.codes, loop[-1] if loop else outer.loop)
        steps: list[Line | Part] = []
        for text in table.get("segments", ()):
            try:
                step = self._step(text, binder, calls)
            except Mistake as error:
                self._note(f"{text}: {error}", header, text)
            else:
                steps.append(step)
        if not steps:
            self._note("a part needs segments", header)
        lines = [step for step in steps if isinstance(step, Line)]
        when = self._condition(table.get("when", ""), binder, header)
        return Part(
            name=name,
            kind=kind,
            steps=tuple(steps),
            lines={tag: [line for line in lines if line.tag == tag] for tag in {line.tag for line in lines}},
            parts=tuple(step for step in steps if isinstance(step, Part)),
            loop=loop,
            of=of,
            by=tuple(self._by(table.get("by", ()), binder, header)),
            when=when,
            number=table.get("number", ""),
            absent=dict(self._absent(table.get("absent", {}), binder, header)),
            reads_only=table.get("only", "") == "read",
            pack=next((line for line in lines if line.pack), None),
        )

    def _step(self, text: str, binder: Binder, calls: tuple[str, ...]) -> Line | Part:
        if not text.startswith("@"):
            line = binder.line(text)
            self._remember(line, binder)
            return line
        name, asked = binder.condition(text[1:])
        if name not in self.parts:
            raise Mistake(f"there is no part {name}")
        if name in calls:
            raise Mistake(f"the part {name} calls itself")
        self.called.add(name)
        kind, table = self.parts[name]
        part = self._part(name, kind, table, binder, (*calls, name))
        if part.pack is not None and (part.kind != "each" or len(part.steps) > 1):
            raise Mistake(f"the part {name} packs records, so it must be an each with that one line")
        return part if asked is None else replace(part, asked=asked)

    def _remember(self, line: Line, binder: Binder) -> None:
        for node in line.nodes:
            if isinstance(node, Element):
                for each in node.carried():
                    owner, _ = resolve(binder.root if each.rooted else binder.record, each.path[:-1])
                    self.said_in.setdefault((owner, each.path[-1]), f"{line.tag}{node.at:02}")

    def _of(self, name: str, kind: str, table: Mapping[str, Any], outer: Binder, header: str) -> tuple[str, ...]:
        text = table.get("of", "" if kind == "part" else name)
        return RUN if text == "." else tuple(each for each in text.split(".") if each)

    def _subject(self, of: tuple[str, ...], kind: str, outer: Binder, header: str) -> type:
        """The type of the record that the part is about; the outer one where there is a mistake."""
        if not of or of == RUN:
            return outer.record
        try:
            record, many = resolve(outer.record, of)
        except Mistake as error:
            self._note(str(error), header, "of")
            return outer.record
        if not is_dataclass(record) or many != (kind != "part"):
            self._note(f"{'.'.join(of)} does not hold {'a record' if kind == 'part' else 'records'}", header, "of")
            return outer.record
        assert isinstance(record, type)
        return record

    def _condition(self, text: str, binder: Binder, header: str) -> Condition | None:
        if not text:
            return None
        try:
            return binder.parse_condition(text)
        except Mistake as error:
            self._note(str(error), header, "when")
            return None

    def _by(self, names: list[str], binder: Binder, header: str) -> list[Condition]:
        found = []
        for name in names:
            path = tuple(name.rstrip("?").split("."))
            try:
                resolve(binder.record, path)
            except Mistake as error:
                self._note(str(error), header, "by")
            found.append(Condition(path, negated=name.endswith("?")))
        return found

    def _absent(self, table: Mapping[str, str], binder: Binder, header: str) -> list[tuple[tuple[str, ...], Any]]:
        found = []
        for name, text in table.items():
            path = tuple(name.split("."))
            try:
                found.append((path, from_plain_text(resolve(binder.record, path)[0], text)))
            except (Mistake, Misfit) as error:
                self._note(str(error), header, "absent")
        return found

    def _check_keys(self, header: str, table: Mapping[str, Any], known: set[str]) -> None:
        for key in table.keys() - known:
            self._note(f"there is no key {key} here", header, key)
        for key in {"guide", "record", "segments"} - table.keys() if not header else {"segments"} - table.keys():
            self._note(f"the key {key} is missing", header)

    def _note(self, what: str, header: str, about: str = "") -> None:
        """``about`` is text that stands in the wrong line, looked for below the header of its table."""
        start = next((at for at, line in enumerate(self.text) if header and line.startswith(header)), 0)
        line = next((at for at in range(start, len(self.text)) if about and about in self.text[at]), start)
        fix = "See the description of the notation in gateway/translate/maps.py"
        finding = Finding(rule=RULE, what=what, fix=fix, where=f"{self.file}:{line + 1}")
        if finding not in self.findings:
            self.findings.append(finding)
