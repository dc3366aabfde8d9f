"""Says what an X12 document holds, segment by segment, in the guide's words, with what is wrong pinned to its place.

It shows the document to the person who owns it, so the lines carry the document's own values; the findings on them do
not. It raises nothing: what cannot be read ends in one finding that says where and how to mend it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.errors import Finding, GatewayError, Position
from gateway.x12 import guide
from gateway.x12.codec import Reader
from gateway.x12.envelope import Opener, Part, TransactionSet
from gateway.x12.guide import SegmentGuide
from gateway.x12.tree import Segment
from gateway.x12.validate import Examined, examine_set


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value: ``reference`` is the standard's name of its place, such as CLM05-01, ``name`` the guide's words."""

    reference: str
    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One segment in words. ``tag`` is "" for a line that only carries findings: about a whole, or what is missing.

    ``loop`` is the path of loop ids, ``name`` the guide's name of the segment, "" where no guide is at hand.
    """

    number: int
    tag: str
    loop: str = ""
    loop_name: str = ""
    name: str = ""
    guide: str = ""
    values: tuple[Value, ...] = ()
    findings: tuple[Finding, ...] = ()


def explain(chunks: Iterable[bytes]) -> Iterator[Line]:
    """The document line by line, as far as it can be read; holds one set in memory."""
    reader, opener = Reader(), Opener()
    try:
        for chunk in chunks:
            for one in reader.feed(chunk):
                yield from _lines(one, opener.take(one, reader), opener)
        for one in reader.close():
            yield from _lines(one, opener.take(one, reader), opener)
    except GatewayError as error:
        yield from _parts([*reader.take_findings(), *opener.cut()])
        unreadable = Finding(rule="x12.document.unreadable", what=error.what, fix=error.fix, where=error.where)
        yield Line(number=_number(unreadable), tag="", findings=(unreadable,))
        return
    yield from _parts([*reader.take_findings(), *opener.end()])


def _lines(one: Segment, completed: Iterable[Part], opener: Opener) -> Iterator[Line]:
    """The lines of the sets that a segment ends, then its own where it belongs to no set."""
    was_in_set = opener.in_set
    parts = list(completed)
    sets = [each for each in parts if isinstance(each, TransactionSet)]
    yield from _parts(sets)
    findings = tuple(each for each in parts if isinstance(each, Finding))
    if opener.in_set or (one.tag == "SE" and was_in_set):
        if findings:
            yield Line(number=one.number, tag="", findings=findings)
        return
    names = guide.envelope_names().get(one.tag)
    yield _line(one, names, "", findings)


def _parts(parts: Iterable[Part]) -> Iterator[Line]:
    for part in parts:
        if isinstance(part, Finding):
            yield Line(number=_number(part), tag="", findings=(part,))
        elif isinstance(part, TransactionSet):
            yield from _set_lines(examine_set(part))


def _set_lines(examined: Examined) -> Iterator[Line]:
    pinned: dict[int, list[Finding]] = {}
    for finding in examined.findings:
        pinned.setdefault(_number(finding), []).append(finding)
    for number, (one, names) in enumerate(zip(examined.set.segments, examined.names, strict=True), 1):
        here = pinned.pop(number, [])
        if number == 1:
            here = pinned.pop(0, []) + here
            names = names or guide.envelope_names().get("ST")
        yield _line(one, names, examined.guide, tuple(here))
    for number, findings in sorted(pinned.items()):
        yield Line(number=number, tag="", guide=examined.guide, findings=tuple(findings))


def _line(one: Segment, names: SegmentGuide | None, guide_name: str, findings: tuple[Finding, ...]) -> Line:
    return Line(
        number=one.number,
        tag=one.tag,
        loop=names.loop if names else "",
        loop_name=names.loop_name if names else "",
        name=names.name if names else "",
        guide=guide_name,
        values=tuple(_values(one, names)),
        findings=findings,
    )


def _values(one: Segment, names: SegmentGuide | None) -> Iterator[Value]:
    known = names.elements if names else ()
    for ordinal, repetitions in enumerate(one.elements, 1):
        element = known[ordinal - 1] if ordinal <= len(known) else None
        for components in repetitions:
            parted = len(components) > 1 or (element is not None and bool(element.components))
            for count, text in enumerate(components, 1):
                if not text:
                    continue
                name = element.name if element else ""
                if parted and element and count <= len(element.components):
                    name = element.components[count - 1]
                place = Position(tag=one.tag, element=ordinal, component=count if parted else 0)
                yield Value(reference=place.reference, name=name, text=text)


def _number(finding: Finding) -> int:
    return finding.where.segment if isinstance(finding.where, Position) else 0
