"""Examines a document: envelopes and, set by set, the guide. It answers nobody.

What is wrong comes as findings; only bytes that cannot be read further raise. ``examine`` holds one set in memory;
``stream`` gives a claim, a payment or an event at a time, and ``check`` findings alone: both are for documents of any
length.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.errors import Finding, Position, Severity
from gateway.x12 import guide, registry, situations
from gateway.x12.batch import Batch
from gateway.x12.envelope import Inside, Whole, next_of_envelope, open_document
from gateway.x12.guide import Guide, SegmentGuide
from gateway.x12.headers import InterchangeHeader, SetHeader, TechnicalAcknowledgment, TransactionSet
from gateway.x12.nodes import ROOT
from gateway.x12.situations import SituationFault
from gateway.x12.table import Place, Step
from gateway.x12.tree import Loop, Segment
from gateway.x12.walk import Walk, sorted_by_place

# GS01 of the sets that meet here, X12 data element 479.
FUNCTIONAL_IDS = {
    "270": "HS",
    "271": "HB",
    "275": "PI",
    "276": "HR",
    "277": "HN",
    "278": "HI",
    "820": "RA",
    "834": "BE",
    "835": "HP",
    "837": "HC",
    "997": "FA",
    "999": "FA",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A set and all that is wrong with it. ``guide`` is "" and ``root`` None where there is no guide for it.

    ``names`` has an entry for each segment of the set: its place in the guide, None where it has none.
    """

    set: TransactionSet
    guide: str
    root: Loop | None
    findings: tuple[Finding, ...]
    names: tuple[SegmentGuide | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One claim, payment or event of a set: its loop, and the loops around it as far as they had come, outermost (the
    set) first. The loops around are the reader's own: they grow and must not be kept."""

    set: SetHeader
    guide: str
    loop: Loop
    around: tuple[Loop, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetEnd:
    """The end of a set, after its units and findings. ``root`` holds what stands in none of them, None where there is
    no guide; ``blocked`` says that a finding about the set forbids to take it; ``length`` counts its segments."""

    set: SetHeader
    guide: str
    root: Loop | None
    blocked: bool
    length: int


def examine(chunks: Iterable[bytes]) -> Iterator[InterchangeHeader | TechnicalAcknowledgment | Examined | Finding]:
    """The parts of a document, each set held against its guide.

    Raises MalformedInterchange where the document cannot be read further, after all that could be.
    """
    for part in open_document(chunks, Examining):
        if isinstance(part, InterchangeHeader | TechnicalAcknowledgment | Examined | Finding):
            yield part


def stream(chunks: Iterable[bytes]) -> Iterator[InterchangeHeader | TechnicalAcknowledgment | Unit | SetEnd | Finding]:
    """The parts of a document, of each set its units; in constant memory, but for one unit and the set's own head.

    Findings come as they are found. Raises MalformedInterchange like ``examine``.
    """
    for part in open_document(chunks, Streaming):
        if not isinstance(part, Segment | TransactionSet | Examined):
            yield part


def check(chunks: Iterable[bytes]) -> Iterator[InterchangeHeader | TechnicalAcknowledgment | SetEnd | Finding]:
    """What is wrong with a document, but for its situations (SNIP 4), and the end of each set; the fastest of all.

    In constant memory. Raises MalformedInterchange like ``examine``.
    """
    for part in open_document(chunks, Checking):
        if isinstance(part, InterchangeHeader | TechnicalAcknowledgment | SetEnd | Finding):
            yield part


class Checking(Inside[Any]):
    """Takes a set through its guide and gives its findings."""

    def __init__(self, header: SetHeader) -> None:
        self._header = header
        self._place = header.place
        self._guide: Guide | None = None
        self._walk: Walk | None = None
        self._begun = False
        self._blocked = False
        self._length = 1
        self._early: list[Finding] = []  # about the set as a whole
        self._trail: list[Step | None] = []
        self._start: Place | None = None

    def run(self, batch: Batch, start: int) -> int:
        """Takes segments from an index on, up to the next of the envelope; returns its index."""
        if not self._begun:
            self._choose(batch, start)
        self._trail.clear()
        stop = self._walk.run(batch, start, self._trail) if self._walk else next_of_envelope(batch, start)
        self._length += stop - start
        self._keep(batch, start, stop)
        return stop

    def _choose(self, batch: Batch, start: int) -> None:
        """Finds the guide; some are told apart by BHT02, which is in the set's second segment."""
        self._begun = True
        header = self._header
        second = batch.segment(start) if start < len(batch.texts) else Segment("")
        purpose = second.at(2) if second.tag == "BHT" else ""
        name = registry.registered(header.type, header.version, purpose) or registry.registered(
            header.type, header.st.at(3), purpose
        )
        self._early = list(_check_names(header))
        if name is None:
            self._early.append(_no_guide(header))
            return
        self._guide = guide.load(name)
        created = header.group.created if header.group else header.interchange.created
        on = created.date() if created else None
        self._walk = Walk(self._guide.compiled_for(on), self._place, on)
        self._start = self._walk.begin(header.st)

    def _keep(self, batch: Batch, start: int, stop: int) -> None:
        """Takes what was walked just now."""

    def _drain(self) -> Iterator[Finding]:
        early, self._early = self._early, []
        found = early
        if self._walk is not None and self._walk.findings:
            found = [*early, *self._walk.findings]
            self._walk.findings.clear()
        for each in found:
            self._blocked |= each.severity is Severity.BLOCK
            yield each

    def ready(self) -> Iterable[Any]:
        """The findings since the last call."""
        return self._drain() if self._early or (self._walk is not None and self._walk.findings) else ()

    def end(self, se: Segment | None, findings: Sequence[Finding]) -> Iterable[Any]:
        """The end of the set, with what is wrong with its envelope."""
        self._finish(se)
        self._early += findings
        yield from self._drain()
        yield SetEnd(
            set=self._header,
            guide=self._guide.name if self._guide else "",
            root=self._rest(),
            blocked=self._blocked,
            length=self._length + (se is not None),
        )

    def _finish(self, se: Segment | None) -> None:
        if not self._begun:
            self._choose(Batch([], self._header.interchange.delimiters, 0), 0)
        if self._walk is not None:
            self._walk.end(se)

    def _rest(self) -> Loop | None:
        return None


class Growing(Checking):
    """Builds the loops of a set, tells what each lacks in its situation (SNIP 4), and lets go of what is over."""

    def __init__(self, header: SetHeader) -> None:
        super().__init__(header)
        self._stack = [Loop(ROOT)]
        self._number = 2

    def _keep(self, batch: Batch, start: int, stop: int) -> None:
        if self._guide is None:
            return
        stack, close = self._stack, self._close
        for one, step in zip(batch.segments(start, stop, self._number), self._trail, strict=True):
            if step is None:
                continue
            if step.pops:
                for _ in range(step.pops):
                    close()
            for loop in step.opened:
                inner = Loop(loop.id)
                stack[-1].loops.append(inner)
                stack.append(inner)
            stack[-1].segments.append(one)
        self._number += stop - start

    def _close(self) -> None:
        """The innermost loop is over."""
        assert self._guide is not None, "there are loops only where there is a guide"
        stack = self._stack
        ended = stack.pop()
        suspect, unit, let_go = self._guide.endings[ended.id]
        if suspect is not None and suspect(ended):
            self._look_at(ended, "/".join(each.id for each in (*stack[1:], ended)))
        if unit:
            self._take(Unit(set=self._header, guide=self._guide.name, loop=ended, around=tuple(stack)))
        if let_go:
            stack[-1].loops.pop()

    def _look_at(self, loop: Loop, path: str) -> None:
        assert self._walk is not None, "there are loops only where there is a guide"
        assert self._guide is not None, "there is no walk without a guide"
        self._walk.findings += situation_findings(self._guide.name, loop, path, self._place)

    def _take(self, unit: Unit) -> None:
        """Takes a unit that is over."""

    def _finish(self, se: Segment | None) -> None:
        super()._finish(se)
        while len(self._stack) > 1:
            self._close()
        if self._guide is not None:
            self._look_at(self._stack[0], "")

    def _rest(self) -> Loop | None:
        return self._stack[0] if self._guide is not None else None


class Streaming(Growing):
    """Gives each unit as soon as it is over."""

    def __init__(self, header: SetHeader) -> None:
        super().__init__(header)
        self._units: list[Unit] = []

    def _take(self, unit: Unit) -> None:
        self._units.append(unit)

    def ready(self) -> Iterable[Any]:
        """The findings and the units since the last call."""
        units, self._units = self._units, []
        return (*super().ready(), *units) if units else super().ready()

    def end(self, se: Segment | None, findings: Sequence[Finding]) -> Iterable[Any]:
        """What is left, and the end of the set."""
        *parts, end = super().end(se, findings)
        yield from parts
        yield from self._units
        yield end


def situation_findings(guide_name: str, loop: Loop, path: str, place: Position) -> Iterator[Finding]:
    """What a loop itself lacks or must not have, because of what else it has."""
    for fault in situations.check_one(guide_name, loop, path):
        at = fault.segment or fault.after
        missing = fault.segment is None
        where = replace(
            place,
            loop=fault.loop,
            segment=(at.number + missing) if at is not None else 0,
            tag=fault.tag,
            element=fault.element,
            component=fault.component,
            offset=at.offset if at is not None and not missing else -1,
        )
        codes = {"IK304": "8", "IK403": fault.code} if fault.element else {"IK304": fault.code}
        codes |= _trigger(guide_name, fault)
        yield Finding(
            rule=fault.rule,
            what=fault.what,
            fix=fault.fix,
            where=where,
            severity=fault.severity,
            source=fault.source,
            codes=codes,
            snip=fault.snip,
        )


def _trigger(guide_name: str, fault: SituationFault) -> dict[str, str]:
    """What made the rule hold, as the CTX of a 999 names it: CTX02 tag, CTX03 number of the segment in the set, CTX04
    path of its loop, CTX05 and CTX06 the element and its number; empty where the rule always holds."""
    one, element, component = fault.trigger, fault.trigger_element, fault.trigger_component
    if one is None:
        return {}
    place = f"{element}:{component}" if component else str(element) if element else ""
    reference = guide.load(guide_name).data_element(one.tag, element, component) if element else ""
    codes = {
        "CTX02": one.tag,
        "CTX03": str(one.number),
        "CTX04": fault.trigger_loop,
        "CTX05": place,
        "CTX06": reference,
    }
    return {name: code for name, code in codes.items() if code}


class Examining(Checking):
    """Keeps the whole set: segments, loops, and what the guide calls each segment."""

    def __init__(self, header: SetHeader) -> None:
        super().__init__(header)
        self._whole = Whole(header)
        self._root = Loop(ROOT)
        self._stack = [self._root]
        self._places: list[Place | None] = []

    def _keep(self, batch: Batch, start: int, stop: int) -> None:
        kept = self._whole.keep(batch, start, stop)
        if self._guide is None:
            return
        guide.grow(self._stack, kept, self._trail)
        self._places += [step.place if step is not None else None for step in self._trail]

    def ready(self) -> Iterable[Any]:
        """Nothing before the end."""
        return ()

    def end(self, se: Segment | None, findings: Sequence[Finding]) -> Iterable[Any]:
        """The whole set."""
        self._finish(se)
        (whole,) = self._whole.end(se, findings)
        if self._guide is not None and self._walk is not None:
            endings = self._guide.endings
            for path, loop in _paths(self._root):
                suspect = endings[loop.id].suspect
                if suspect is not None and suspect(loop):
                    self._walk.findings += situation_findings(self._guide.name, loop, path, self._place)
        found = (*findings, *self._early, *sorted_by_place(self._walk.findings if self._walk else []))
        if self._guide is None:
            yield Examined(set=whole, guide="", root=None, findings=found, names=(None,) * len(whole.segments))
            return
        places = [self._start, *self._places, *([self._guide.compiled.end] if se is not None else [])]
        names = tuple(self._guide.named(each) for each in places)
        yield Examined(set=whole, guide=self._guide.name, root=self._root, findings=found, names=names)


def _paths(root: Loop) -> Iterator[tuple[str, Loop]]:
    """A set's loops, each with its path, the set itself first."""
    waiting = [("", root)]
    for path, loop in waiting:
        yield path, loop
        before = f"{path}/" if path else ""
        waiting += [(before + inner.id, inner) for inner in loop.loops]


def _check_names(one: SetHeader) -> Iterator[Finding]:
    """Whether GS01, GS08 and ST03 say the same of the set. Many senders get them wrong, so these are warnings."""
    if one.group is None:
        return
    expected = FUNCTIONAL_IDS.get(one.type, one.group.functional_id)
    if one.group.functional_id != expected:
        yield Finding(
            rule="x12.group.functional_id",
            severity=Severity.WARN,
            what=f"the group is not one for sets of type {one.type}",
            fix=f"Send GS01 as {expected}",
            where=replace(one.place, set="", tag="GS", element=1),
            source="X12 data element 479",
            snip=1,
        )
    if one.st.at(3) and one.st.at(3) != one.group.version:
        yield Finding(
            rule="x12.set.version",
            severity=Severity.WARN,
            what="ST03 and GS08 name different implementation guides",
            fix="Send the same version in both",
            where=replace(one.place, segment=1, tag="ST", element=3, offset=one.st.offset),
            source="X12.6",
            codes={"IK502": "I6"},
            snip=1,
        )


def _no_guide(one: SetHeader) -> Finding:
    known = registry.knows_type(one.type)
    what = (
        "there is no guide here for this version of the set" if known else "there is no guide here for this type of set"
    )
    return Finding(
        rule="x12.set.unsupported",
        severity=Severity.NOT_EVALUATED,
        what=f"{what}, so only its envelope was checked",
        fix="Ask the sender for a version that is exchanged here, or look at the set by hand",
        where=replace(one.place, segment=1, tag="ST", element=3 if known else 1, offset=one.st.offset),
        source="X12 data element 718",
        codes={"IK502": "I6" if known else "1"},
        snip=2,
    )
