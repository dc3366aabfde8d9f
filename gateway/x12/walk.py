"""Walks a set's segments through a compiled guide: where each stands, what is missing, repeated, unexpected, or wrong.

It keeps counters and open levels, never segments, so a set may be of any length. What is certainly valid costs a look
into a table and one match; the rest goes to the slow path, which finds the words. No finding ever quotes a value.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from typing import Protocol

from gateway.errors import Finding, Position, Severity
from gateway.x12 import elements
from gateway.x12.amounts import Amounted, amounts_of
from gateway.x12.batch import sound_tag
from gateway.x12.elements import Fault
from gateway.x12.nodes import LoopNode, SegmentNode
from gateway.x12.numbering import Numbering
from gateway.x12.table import NONE, WHOLE, Compiled, Missing, Place, Step, Table
from gateway.x12.tree import Segment, standard_text
from gateway.x12.wrong import Wrong

ENVELOPE = frozenset({"ISA", "GS", "ST", "SE", "GE", "IEA"})


def specials(guide_name: str) -> frozenset[str]:
    """The tags of a guide that a walk looks at by itself."""
    return frozenset({"HL", "LX", "CLM"} if guide_name.startswith("837") else {"HL"})


_HEAD, _TAG = slice(WHOLE), slice(3)  # Made once: the hot path cuts with them all the time.

# What looks at the segments of one tag: text, step and number in the set -> what is wrong, None if nothing is.
Special = Callable[[str, Step, int], Iterable[Wrong] | None]


class Source(Protocol):
    """Segments that follow each other: their texts between the standard delimiters, and each as it came."""

    texts: list[str]

    def segment(self, index: int, number: int = 0) -> Segment:
        """A segment with its own values; ``number`` is its ordinal in the set."""


class Walk:
    """One set on its way through its guide. Findings gather in ``findings``, in the order in which they are found.

    ``on`` is the document's day, for codes that come and go.
    """

    def __init__(self, guide: Compiled, place: Position, on: date | None = None) -> None:
        self.guide = guide
        self._on = on
        self.findings: list[Finding] = []
        self.number = 0  # of the last segment, in its set
        self._place = place
        self._table = guide.start.table
        self._counts = [0] * guide.counters
        self._numbering = Numbering()
        self._source: Source | None = None  # what is taken now
        self._shift = 0  # from an index in it to the segment's number
        self._offsets: dict[int, int] = {}  # of earlier segments that may be told of yet, by their number
        self._amounts = amounts_of(guide.name)
        self._paid: list[Amounted] = []  # segments with amounts that were not looked at yet
        self._specials: dict[str, Special] = {"HL": self._numbering.hl}
        if guide.name.startswith("837"):
            self._specials |= {"LX": self._numbering.lx, "CLM": self._numbering.clm}

    def begin(self, st: Segment) -> Place:
        """Takes the set's ST."""
        self.number = 1
        start = self.guide.start
        self._glance(start, st)
        return start

    def run(self, source: Source, start: int, trail: list[Step | None] | None = None) -> int:
        """Takes segments from an index on, up to the next of the envelope; returns its index.

        ``trail`` gets a step for each, None where the guide has no place for it.
        """
        texts = source.texts
        first = self.number + 1
        self._source, self._shift = source, first - start
        table, counts, specials = self._table, self._counts, self._specials
        head, beginning = _HEAD, _TAG
        keep, pay = trail.append if trail is not None else None, self._paid.append
        for number, text in enumerate(texts[start:] if start else texts, first):
            try:
                after, check, counter, most, step, amount, more, cut = table.get(text[head]) or table[text[beginning]]
                if cut is not None:
                    after, check, counter, most, step, amount, more = cut[1][cut[0](text)]
                sound = check(text)
            except KeyError:
                sound = None
            if not sound:
                tag = text[:3].rstrip("*")
                if tag in ENVELOPE and text[len(tag) : len(tag) + 1] in ("*", ""):
                    break
                found = self._slow(source, table, text, number - first + start, number)
                if found is None:
                    if keep is not None:
                        keep(None)
                    continue
                after, check, counter, most, step, amount, more = found.hot
            if amount:
                pay((number, step, text))
            if more is not None:
                needed, opened, special, certain = more
                if certain:
                    self._certain(source, number - first + start, number, step)
                for each in needed:
                    if not counts[each]:
                        counted = [each for each in step.needed if each.counter != NONE]
                        self._pass(counted, source.segment(number - first + start, number))
                        break
                for loop_counter, loop_most, low, high, zeros, loop in opened:
                    if loop_counter >= 0:
                        counts[loop_counter] = count = counts[loop_counter] + 1
                        if count > loop_most:
                            self._repeated(source, number - first + start, number, step, loop)
                    counts[low:high] = zeros
                if special is not None and (wrong := specials[special](text, step, number)):
                    self._tell(wrong)
            if counter >= 0:
                counts[counter] = count = counts[counter] + 1
                if count > most:
                    self._repeated(source, number - first + start, number, step, step.place.node)
            table = after
            if keep is not None:
                keep(step)
        else:
            number = first + len(texts) - start
        self._table = table
        self.number = number - 1
        if self._amounts is not None and self._paid:
            self._tell(self._amounts.take(self._paid))
            self._paid.clear()
        self._remember()
        return number - first + start

    def end(self, se: Segment | None) -> None:
        """Takes the set's SE, or its end without one: what is still missing is found."""
        self.number += 1
        behind = se if se is not None else Segment("SE")
        behind.number = self.number
        self._pass(self.guide.passed_at_end(self.guide.place_of(self._table)), behind)
        self._tell(self._numbering.end())
        if self._amounts is not None:
            self._tell(self._amounts.end())
        if se is not None and self.guide.end is not None:
            self._glance(self.guide.end, se)

    def misplaced(self, one: Segment) -> None:
        """Takes a segment of the envelope where none belongs."""
        self.number += 1
        self._unexpected(self.guide.place_of(self._table), one)

    def _slow(self, source: Source, table: Table, text: str, index: int, number: int) -> Step | None:
        """Places a segment exactly, and finds what is wrong with it."""
        segment, at = source.segment(index, number), self.guide.place_of(table)
        step = self.guide.step(at, segment, text)
        if step is None:
            self._unexpected(at, segment)
            return None
        if step.place.node.usage == "N":
            what = f"{step.place.node.name} is not used in this guide"
            self._find(segment, "not_used", what, "Leave it out", loop=step.place.path, code="I4")
        self._judge(step.place, segment)
        return step

    def _glance(self, place: Place, segment: Segment) -> None:
        """Judges a segment unless it is certainly valid."""
        if not self.guide.check(place)(standard_text(segment)):
            self._judge(place, segment)

    def _judge(self, place: Place, segment: Segment) -> None:
        found = list(elements.check(place.node, segment))
        wrong = {(each.element, each.component, each.repetition) for each in found}
        found += (
            each
            for each in self.guide.listed(place).faults(segment, self._on)
            if (each.element, each.component, each.repetition) not in wrong
        )
        for fault in found:
            self.fault(segment, fault, place.path)

    def _pass(self, needed: Iterable[Missing], behind: Segment) -> None:
        """What is missing is told where it should begin: at the segment ``behind`` its place."""
        for each in needed:
            if each.counter == NONE or not self._counts[each.counter]:
                node = each.node
                tag = node.tag if isinstance(node, SegmentNode) else node.first.tag
                kind = "segment" if isinstance(node, SegmentNode) else f"loop {node.id}"
                what, fix = f"the {kind} {node.name} is missing", "Send it; the guide requires it"
                self._find(
                    Segment(tag, (), behind.number, behind.offset), "missing", what, fix, loop=each.path, code="3"
                )

    def _unexpected(self, at: Place, one: Segment) -> None:
        if not sound_tag(one.tag):
            what, code, snip = "the segment's tag is not one", "1", 1
        elif one.tag in self.guide.tags:
            what, code, snip = "the guide has no place for this segment here, or not with this qualifier", "2", 2
        else:
            what, code, snip = "the guide does not use this segment", "2", 2
        fix = "Leave it out, or put it where the guide has it; what follows may be misread because of it"
        self._find(one, "unexpected", what, fix, loop=at.path, code=code, snip=snip)

    def _certain(self, source: Source, index: int, number: int, step: Step) -> None:
        """What the step alone proves to be missing or repeated."""
        certain = [each for each in step.needed if each.counter == NONE]
        if certain:
            self._pass(certain, source.segment(index, number))
        if step.again is not None:
            self._repeated(source, index, number, step, step.again)

    def _repeated(self, source: Source, index: int, number: int, step: Step, node: LoopNode | SegmentNode) -> None:
        one, path = source.segment(index, number), step.place.path
        if isinstance(node, LoopNode):
            what = f"the loop {node.name} comes more than {node.repeat} times"
            self._find(one, "loop_repeated", what, "Leave the rest out", loop=path, code="4")
        else:
            what = f"{node.name} comes more than {node.repeat} times"
            self._find(one, "repeated", what, "Leave the rest out", loop=path, code="5")

    def _remember(self) -> None:
        """Keeps where those segments begin that are not over when what is taken now is."""
        numbers = [*self._numbering.numbers(), *(self._amounts.numbers() if self._amounts is not None else ())]
        self._offsets = {each: self._offset(each) for each in numbers}
        self._source = None

    def _offset(self, number: int) -> int:
        """Where a segment begins that is taken now, or was remembered."""
        known = self._offsets.get(number)
        if known is None and self._source is not None:
            return self._source.segment(number - self._shift, number).offset
        return -1 if known is None else known

    def _tell(self, wrong: Iterable[Wrong]) -> None:
        for each in wrong:
            self.fault(Segment(each.tag, (), each.segment, self._offset(each.segment)), each.fault, each.path)

    def _where(self, one: Segment, loop: str, element: int = 0, component: int = 0, repetition: int = 0) -> Position:
        return replace(
            self._place,
            loop=loop,
            segment=one.number,
            tag=sound_tag(one.tag),
            element=element,
            component=component,
            repetition=repetition,
            offset=one.offset,
        )

    def _find(
        self,
        one: Segment,
        rule: str,
        what: str,
        fix: str,
        *,
        loop: str,
        code: str,
        snip: int = 2,
    ) -> None:
        where = self._where(one, loop)
        self.findings.append(
            Finding(
                rule=f"x12.segment.{rule}",
                what=what,
                fix=fix,
                where=where,
                severity=Severity.BLOCK,
                source=self.guide.name,
                codes={"IK304": code},
                snip=snip,
            )
        )

    def fault(self, one: Segment, fault: Fault, loop: str) -> None:
        """Takes what is wrong with an element."""
        where = self._where(one, loop, fault.element, fault.component, fault.repetition)
        self.findings.append(
            Finding(
                rule=fault.rule,
                what=fault.what,
                fix=fault.fix,
                where=where,
                severity=fault.severity,
                source=fault.source or self.guide.name,
                codes={"IK304": "8", "IK403": fault.code} if fault.code else None,
                snip=fault.snip,
            )
        )


def sorted_by_place(findings: list[Finding]) -> tuple[Finding, ...]:
    """Findings of one set in the order of its segments."""
    return tuple(sorted(findings, key=lambda each: each.where.segment if isinstance(each.where, Position) else 0))


class Segments:
    """A ``Source`` of segments that are at hand, such as those of a set that was built."""

    def __init__(self, segments: list[Segment]) -> None:
        self._segments = segments
        self.texts = [standard_text(each) for each in segments]

    def segment(self, index: int, number: int = 0) -> Segment:
        one = self._segments[index]
        return one if one.number == number else Segment(one.tag, one.elements, number, one.offset)
