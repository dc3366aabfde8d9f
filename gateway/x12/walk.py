"""Walks a set's segments through a compiled guide: where each stands, what is missing, repeated, unexpected, or wrong.

It keeps counters and open levels, never segments, so a set may be of any length. What is certainly valid costs a look
into a table and one match; the rest goes to the slow path, which finds the words. No finding ever quotes a value.
"""

from collections.abc import Callable
from dataclasses import replace
from operator import length_hint
from typing import Protocol

from gateway.errors import Finding, Position, Severity
from gateway.x12 import elements
from gateway.x12.codec import sound_tag
from gateway.x12.elements import Fault
from gateway.x12.nodes import LoopNode, SegmentNode
from gateway.x12.numbering import Misnumbered, Numbering
from gateway.x12.table import Compiled, Missing, Place, Step
from gateway.x12.tree import Segment

ENVELOPE = frozenset({"ISA", "GS", "ST", "SE", "GE", "IEA"})
SPECIALS = frozenset({"HL", "LX", "CLM"})


class Source(Protocol):
    """Segments that follow each other: their texts between the standard delimiters, and each as it came."""

    texts: list[str]

    def segment(self, index: int, number: int = 0) -> Segment:
        """A segment with its own values; ``number`` is its ordinal in the set."""


class Walk:
    """One set on its way through its guide. Findings gather in ``findings``, in the order in which they are found."""

    def __init__(self, guide: Compiled, place: Position) -> None:
        self.guide = guide
        self.findings: list[Finding] = []
        self.number = 0  # of the last segment, in its set
        self._place = place
        self._at = guide.start
        self._counts = [0] * guide.counters
        self._numbering = Numbering()
        self._source: Source | None = None
        self._specials: dict[str, Callable[[str, Step, int], None]] = {"HL": self._level}
        if guide.name.startswith("837"):
            self._specials |= {"LX": self._line, "CLM": self._claim}

    def begin(self, st: Segment) -> Place:
        """Takes the set's ST."""
        self.number = 1
        start = self.guide.start
        self._counts[start.counter] = 1
        self._judge(start, st)
        return start

    def run(self, source: Source, start: int, trail: list[Step | None]) -> int:
        """Takes segments from an index on, up to the next of the envelope; returns its index.

        ``trail`` gets a step for each, None where the guide has no place for it.
        """
        texts = source.texts
        pieces = iter(texts[start:] if start else texts)
        table, counts, keep = self._at.table, self._counts, trail.append
        specials = self._specials
        step = None
        for text in pieces:
            try:
                after, check, needed, opened, counter, most, special, taken, cut = table[text[:3]]
                if cut is not None:
                    after, check, needed, opened, counter, most, special, taken = cut[1][cut[0](text)]
                sound = check(text)
            except KeyError:
                sound, taken = False, None
            if not sound:
                index = len(texts) - length_hint(pieces) - 1
                tag = text[:3].rstrip("*")
                if tag in ENVELOPE and text[len(tag) : len(tag) + 1] in ("*", ""):
                    self._leave(step, start, index)
                    return index
                found = self._slow(
                    source, step.place if step else self._at, text, index, self.number + 1 + index - start
                )
                keep(found)
                if found is None:
                    continue
                after, check, needed, opened, counter, most, special, taken = found.hot
            else:
                keep(taken)
            step = taken
            if needed:
                for each in needed:
                    if not counts[each]:
                        index = len(texts) - length_hint(pieces) - 1
                        self._pass(taken.needed, self.number + 1 + index - start)
                        break
            if opened:
                for loop_counter, loop_most, low, high, zeros, loop in opened:
                    count = counts[loop_counter] + 1
                    counts[loop_counter] = count
                    if count > loop_most:
                        index = len(texts) - length_hint(pieces) - 1
                        self._repeated_loop(source, index, self.number + 1 + index - start, taken, loop)
                    counts[low:high] = zeros
            count = counts[counter] + 1
            counts[counter] = count
            if count > most:
                index = len(texts) - length_hint(pieces) - 1
                self._repeated(source, index, self.number + 1 + index - start, taken)
            if special is not None and special in specials:
                index = len(texts) - length_hint(pieces) - 1
                specials[special](text, taken, self.number + 1 + index - start)
            table = after
        self._leave(step, start, len(texts))
        return len(texts)

    def end(self, se: Segment | None) -> None:
        """Takes the set's SE, or its end without one: what is still missing is found."""
        self.number += 1
        self._pass(tuple(self.guide.passed_at_end(self._at)), self.number)
        for each in self._numbering.end():
            self._misnumbered(each)
        if se is not None and self.guide.end is not None:
            self._judge(self.guide.end, se)

    def misplaced(self, one: Segment) -> None:
        """Takes a segment of the envelope where none belongs."""
        self.number += 1
        self._unexpected(self._at, one)

    def _leave(self, step: Step | None, start: int, end: int) -> None:
        if step is not None:
            self._at = step.place
        self.number += end - start

    def _slow(self, source: Source, at: Place, text: str, index: int, number: int) -> Step | None:
        """Places a segment exactly, and finds what is wrong with it."""
        segment = source.segment(index, number)
        step = self.guide.step(at, segment, text)
        if step is None:
            self._unexpected(at, segment)
            return None
        if step.place.node.usage == "N":
            what = f"{step.place.node.name} is not used in this guide"
            self._find(segment, "not_used", what, "Leave it out", loop=step.place.path, code="I4")
        self._judge(step.place, segment)
        return step

    def _judge(self, place: Place, segment: Segment) -> None:
        for fault in elements.check(place.node, segment):
            self.fault(segment, fault, place.path)

    def _pass(self, needed: tuple[Missing, ...], number: int) -> None:
        for each in needed:
            if not self._counts[each.counter]:
                node = each.node
                tag = node.tag if isinstance(node, SegmentNode) else node.first.tag
                kind = "segment" if isinstance(node, SegmentNode) else f"loop {node.id}"
                what, fix = f"the {kind} {node.name} is missing", "Send it; the guide requires it"
                self._find(Segment(tag, (), number), "missing", what, fix, loop=each.path, code="3")

    def _unexpected(self, at: Place, one: Segment) -> None:
        if not sound_tag(one.tag):
            what, code, snip = "the segment's tag is not one", "1", 1
        elif one.tag in self.guide.tags:
            what, code, snip = "the guide has no place for this segment here, or not with this qualifier", "2", 2
        else:
            what, code, snip = "the guide does not use this segment", "2", 2
        fix = "Leave it out, or put it where the guide has it; what follows may be misread because of it"
        self._find(one, "unexpected", what, fix, loop=at.path, code=code, snip=snip)

    def _repeated_loop(self, source: Source, index: int, number: int, step: Step, loop: LoopNode) -> None:
        what = f"the loop {loop.name} comes more than {loop.repeat} times"
        one = source.segment(index, number)
        self._find(one, "loop_repeated", what, "Leave the rest out", loop=step.place.path, code="4")

    def _repeated(self, source: Source, index: int, number: int, step: Step) -> None:
        node = step.place.node
        what = f"{node.name} comes more than {node.repeat} times"
        one = source.segment(index, number)
        self._find(one, "repeated", what, "Leave the rest out", loop=step.place.path, code="5")

    def _level(self, text: str, step: Step, number: int) -> None:
        for each in self._numbering.level(text.split("*"), number, step.place.path):
            self._misnumbered(each)

    def _claim(self, text: str, step: Step, number: int) -> None:
        self._numbering.claim()

    def _line(self, text: str, step: Step, number: int) -> None:
        for each in self._numbering.line(text[3:], number, step.place.path):
            self._misnumbered(each)

    def _misnumbered(self, each: Misnumbered) -> None:
        self.fault(Segment(each.tag, (), each.segment), each.fault, each.path)

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
        where = replace(self._place, loop=loop, segment=one.number, tag=sound_tag(one.tag), offset=one.offset)
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
        where = replace(
            self._place,
            loop=loop,
            segment=one.number,
            tag=one.tag,
            element=fault.element,
            component=fault.component,
            repetition=fault.repetition,
            offset=one.offset,
        )
        self.findings.append(
            Finding(
                rule=fault.rule,
                what=fault.what,
                fix=fault.fix,
                where=where,
                severity=fault.severity,
                source=self.guide.name,
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


def standard_text(one: Segment) -> str:
    """A segment between the standard delimiters; one whose values hold any of them is never certainly valid."""
    values = [":".join(part) for element in one.elements for part in element]
    parts = ["^".join(":".join(part) for part in element) for element in one.elements]
    odd = any(mark in value for element in one.elements for part in element for value in part for mark in "*:^~")
    text = "*".join([one.tag, *parts])
    return f"{text}*" if odd and values else text
