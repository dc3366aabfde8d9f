"""Loads the maps of ``edi_maps/``: TOML that looks like the message, made into Python once, run in both directions.

Never guesses: a map with a mistake does not load (every mistake is named, with file, line and field), a value that
cannot be read stops the document, and a value that the wire has no room or code for stops the building.

A file holds ``guide`` (whose loops it reads), ``record`` (module.Name in ``gateway.domain``), ``segments`` (those of
the set, between ST and SE) and the tables that they speak of. A segment is written as it goes out, always in ``* :``::

    REF*G1*{authorization}?        fields in braces, literals as they are; "?" leaves the segment out if it says nothing
    LQ*HE*{remarks}+               a segment for each value of a tuple
    NM1*PR*2*{name}*****PI/XV*{id} PI is written, PI and XV are read
    -CTX*SITUATIONAL TRIGGER       known, not ours: never written, skipped when read
    <SV2**HC:{procedure}           read, never written

**Fields.** ``{subscriber.person.last}`` follows the records; ``{/assigner}`` starts at the message's own record, from
however deep. A form says how: ``{charge:cents}`` ``{units:int}`` ``{amount:hours}`` (minutes as decimal hours)
``{born:date}`` (CCYYMMDD), or the name of a code table. ``{patient_paid:cents?}`` leaves a zero out. A tuple spreads
over so many components, elements or repetitions: ``{modifiers:4}`` ``{errors*5}`` ``{review.reasons^5}``; without a
number it hands out its values from left to right: ``HI*ABK:{diagnoses}*[ABF:{diagnoses}]11``. Values may be glued,
``{starts_on:date}-{ends_on:date}``; ``{_}`` reads past anything (in a line with ``<``).

**Counters.** ``{#}`` is the number of the part among its like, ``{#hl}`` the next HL01, ``{#parent}`` the HL01 of the
level around it, ``{#child}`` 1 or 0: whether a level follows below. They are written, not read.

**Groups.** ``(XX*{npi})`` is there together or not at all. ``(TE*{phone}|FX*{fax}|EM*{email})`` writes those that have
a value, one behind the other, and reads them by their codes in any order; foreign ones are passed over.

**Repetitions.** ``[...]6`` stands up to six times: for each value of a tuple (above); as
``[more {category}:{code}]2`` for each record of the field ``more``; and, in an ``each`` that has this one line, for
each of its records, where those that follow each other and agree outside of the bracket share a segment:
``CAS*{group}*[{reason}*{amount:cents}*{quantity}]6``.

**Conditions** end a line, an alternative, a call or stand in a part: ``when dependent`` (it has a value), ``when not
dependent``, ``when quantity.unit = visit``, ``= ein/ssn`` (either), ``= {loop}`` (the loop that it stands in). They
decide what is written. When read, what was found under ``when field = value`` sets the field to that value.

**Parts.** ``@name`` puts a part in place; the tables say what it is::

    [part.payer]      once                        loop = "2010BB"  the loop it is in, seen from the one around it
    [each.lines]      for each record of lines    of = "request"   the field with its record(s), if not its own name
    [group.billing]   for each run of records     by = ["billing"] fields that the run agrees in; "dependent?" asks only
                                                                   whether it is there. of = "." are the run's records
    when = "..."      of its record; else it is not written        only = "read"     never written
    absent = { relationship = "other" }  for a field that a loop may leave unsaid, and the record may not
    number = "sequence"  the field that takes its place among its like

In a group, fields are those of the run's first record; each record of the run gets what the group reads. A part
without ``loop`` shares the loop around it; an ``each`` without one makes a record of each segment that its lines know.

**Code tables.** ``[codes.relationship]``, ``child = "19"``, ``other = ["G8", "20"]`` (the first is written, all are
read), used as ``{relationship:relationship}``. Where two names have one code, the first is read. An enum's table must
have all of its names. A code that the table does not know is an error; a field without a table keeps the raw code.

**Reading.** A segment is taken by the first line with its tag and first code (``REF*G1``) that it does not contradict;
if it contradicts them all further back, that is an error, since a value would mean something else than the map says.
Segments that no line knows are not the map's. An optional record of which nothing was found is None; text that the
map has a place for and the message leaves empty is "", whatever the record's default.
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
from gateway.translate import origin
from gateway.translate.building import Builder
from gateway.translate.carrying import Carrier
from gateway.translate.fields import Condition
from gateway.translate.forms import Misfit, from_plain_text
from gateway.translate.lines import Bracket, Line
from gateway.translate.notation import Binder, Mistake, resolve
from gateway.translate.parts import RUN, Part
from gateway.translate.reading import Reader
from gateway.translate.units import Units, located
from gateway.x12.tree import Loop, Segment

RULE = "map"
EVERYWHERE = Position()
TOP_KEYS: dict[str, type] = {
    "guide": str,
    "record": str,
    "segments": list,
    "codes": dict,
    "part": dict,
    "each": dict,
    "group": dict,
}
PART_KEYS: dict[str, type] = {
    "segments": list,
    "loop": str,
    "of": str,
    "by": list,
    "when": str,
    "number": str,
    "absent": dict,
    "only": str,
}


@dataclass(slots=True)
class Map:
    """One transaction's map. ``guide`` names the guide whose loops ``read`` expects.

    Each direction is made into Python when it is first asked for; ``source`` shows that.
    """

    name: str
    guide: str
    record: type
    whole: Part
    said_in: Mapping[tuple[type, str], str]
    _builder: Builder | None = None
    _reader: Reader | None = None
    _carrier: Carrier | None = None

    def build(self, record: Any) -> list[Segment]:
        """The segments between ST and SE. Raises GatewayError for a value that the wire has no room or code for."""
        assert isinstance(record, self.record), f"the map {self.name} builds {self.record.__name__}"
        segments: list[Segment] = self.builder.build(record)
        return segments

    def read(self, root: Loop, place: Position = EVERYWHERE) -> Any:
        """The record in the loops of one set. Raises GatewayError, with the place, for a value that cannot be read.

        ``place`` is that of the set; the error adds loop, segment and element. Of a root without its units (see
        ``units``) it reads the record without them.
        """
        try:
            return self.reader.functions(root)["read"](root)
        except GatewayError as error:
            raise located(error, place) from error.__cause__

    def units(self) -> Units:
        """A reader for the units of a stream, such as the claims of an 835, each without the set that it is in."""
        return Units(self.reader)

    def field_at(self, root: Loop, where: Position) -> str:
        """The field of the record that a place of its message belongs to, such as ``claims[0].lines[1].charge``; the
        record, where that is about more than one field; "" where the map has nothing there."""
        return origin.field_at(self.whole, root, where)

    def source(self, direction: str) -> str:
        """The Python that was made of the map for ``build``, ``read`` or ``on_wire``."""
        made: dict[str, Builder | Reader | Carrier] = {
            "build": self.builder,
            "read": self.reader,
            "on_wire": self.carrier,
        }
        return made[direction].source

    @property
    def builder(self) -> Builder:
        if self._builder is None:
            self._builder = Builder(self.name, self.whole)
        return self._builder

    @property
    def carrier(self) -> Carrier:
        if self._carrier is None:
            self._carrier = Carrier(self.name, self.whole, self.said_in)
        return self._carrier

    @property
    def reader(self) -> Reader:
        if self._reader is None:
            self._reader = Reader(self.name, self.whole, self.said_in)
        return self._reader

    def on_wire(self, record: Any) -> Any:
        """The record as far as its message carries it: what a reader of that message knows."""
        return self.carrier.on_wire(record)


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
    return Map(name, spec["guide"], whole[0], whole[1], compiler.said_in)


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
        self._check_keys("", self.spec, TOP_KEYS, needed=("guide", "record", "segments"))
        for name, table in self._tables("codes"):
            for key, codes in table.items():
                listed = codes if isinstance(codes, list) else [codes]
                if not listed or not all(isinstance(each, str) for each in listed):
                    self._note(f"{key} needs a code, or a list of them", f"[codes.{name}]", key)
        for kind in ("part", "each", "group"):
            for name, table in self._tables(kind):
                if name in self.parts:
                    self._note(f"the part {name} is described twice", f"[{kind}.{name}]")
                self.parts[name] = (kind, table)
                self._check_keys(f"[{kind}.{name}]", table, PART_KEYS, needed=("segments",))
        record = self._record(self.spec.get("record", "")) if not self.findings else None
        if record is None:
            return None  # The rest would only be about the same mistakes.
        whole = self._part("", "part", self.spec, Binder(record, record, self.spec.get("codes", {})), ())
        for name in sorted(self.parts.keys() - self.called):
            self._note(f"no line calls @{name}", f"[{self.parts[name][0]}.{name}]")
        return record, whole

    def _tables(self, kind: str) -> list[tuple[str, Mapping[str, Any]]]:
        tables = self.spec.get(kind, {})
        good = {name: table for name, table in tables.items() if isinstance(table, dict)}
        for name in tables.keys() - good.keys():
            self._note(f"{kind}.{name} is no table", kind, name)
        return list(good.items())

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
        text = table.get("of", "" if kind == "part" else name)
        of = RUN if text == "." else tuple(each for each in text.split(".") if each)
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
        if not table.get("segments"):
            self._note("a part needs segments", header)
        if of == RUN and not loop:
            self._note("the records of a run need a loop", header, "of")
        lines = [step for step in steps if isinstance(step, Line)]
        when = self._condition(table.get("when", ""), binder, header)
        return Part(
            name=name,
            kind=kind,
            record=record,
            steps=tuple(steps),
            loop=loop,
            of=of,
            by=tuple(self._by(table.get("by", ()), binder, header)),
            when=when,
            number=self._number(table.get("number", ""), binder, header),
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
            if not (isinstance(node, Bracket) and node.records):
                for each in node.carried():
                    owner, _ = resolve(binder.root if each.rooted else binder.record, each.path[:-1])
                    self.said_in.setdefault((owner, each.path[-1]), f"{line.tag}{node.at:02}")

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

    def _number(self, name: str, binder: Binder, header: str) -> str:
        try:
            if name and resolve(binder.record, (name,)) != (int, False):
                raise Mistake(f"{name} is no whole number")
        except Mistake as error:
            self._note(str(error), header, "number")
        return name

    def _absent(self, table: Mapping[str, str], binder: Binder, header: str) -> list[tuple[tuple[str, ...], Any]]:
        found = []
        for name, text in table.items():
            path = tuple(name.split("."))
            try:
                found.append((path, from_plain_text(resolve(binder.record, path)[0], text)))
            except (Mistake, Misfit) as error:
                self._note(str(error), header, "absent")
        return found

    def _check_keys(
        self, header: str, table: Mapping[str, Any], known: Mapping[str, type], *, needed: tuple[str, ...]
    ) -> None:
        for key, value in table.items():
            if key not in known:
                self._note(f"there is no key {key} here", header, key)
            elif not isinstance(value, known[key]):
                self._note(f"{key} is no {known[key].__name__}", header, key)
            elif isinstance(value, list) and not all(isinstance(each, str) for each in value):
                self._note(f"{key} holds something that is no text", header, key)
        for key in needed:
            if key not in table:
                self._note(f"the key {key} is missing", header)
        if table.get("only", "read") != "read":
            self._note('only can be "read"', header, "only")

    def _note(self, what: str, header: str, about: str = "") -> None:
        """``about`` is text that stands in the wrong line, looked for below the header of its table."""
        start = next((at for at, line in enumerate(self.text) if header and line.startswith(header)), 0)
        line = next((at for at in range(start, len(self.text)) if about and about in self.text[at]), start)
        fix = "See the description of the notation in gateway/translate/maps.py"
        finding = Finding(rule=RULE, what=what, fix=fix, where=f"{self.file}:{line + 1}")
        if finding not in self.findings:
            self.findings.append(finding)
