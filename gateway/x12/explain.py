"""Says what an X12 document holds, segment by segment, in the guide's words, with what is wrong pinned to its place.

It shows the document to the person who owns it, so the lines carry the document's own values; the findings on them do
not. It raises nothing: what cannot be read ends in one finding that says where and how to mend it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from gateway.errors import Finding, GatewayError, Position
from gateway.x12 import codes, guide, meaning, places
from gateway.x12.batch import Batch
from gateway.x12.envelope import open_document
from gateway.x12.guide import SegmentGuide
from gateway.x12.headers import SetHeader
from gateway.x12.table import Place
from gateway.x12.tree import Segment
from gateway.x12.validate import Growing


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value: ``reference`` is the standard's name of its place, such as CLM05-01, ``name`` the guide's words;
    ``meaning`` is what a code stands for, in our own words, "" where no list of ours says it."""

    reference: str
    name: str
    text: str
    meaning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One segment in words. ``tag`` is "" for a line that only carries findings: about a whole, or what is missing.

    ``loop`` is the path of loop ids, ``name`` the guide's name of the segment, "" where no guide is at hand.
    ``meaning`` is what an acknowledgment says here of the document that it answers.
    """

    number: int
    tag: str
    loop: str = ""
    loop_name: str = ""
    name: str = ""
    guide: str = ""
    values: tuple[Value, ...] = ()
    findings: tuple[Finding, ...] = ()
    meaning: tuple[str, ...] = ()


def explain(chunks: Iterable[bytes]) -> Iterator[Line]:
    """The document line by line, as far as it can be read; holds one chunk of it in memory."""
    pinned = _Pinned()
    try:
        for part in open_document(chunks, _Explaining):
            if isinstance(part, Segment):
                yield from pinned.envelope(part)
            elif isinstance(part, Finding):
                yield from pinned.finding(part)
            elif isinstance(part, Line):
                yield from pinned.line(part)
    except GatewayError as error:
        yield from pinned.rest()
        last = unreadable(error)
        yield Line(number=_number(last), tag="", findings=(last,))
        return
    yield from pinned.rest()


def unreadable(error: GatewayError) -> Finding:
    """The finding that a document cannot be read further."""
    return Finding(rule="x12.document.unreadable", what=error.what, fix=error.fix, where=error.where, snip=1)


class _Pinned:
    """Brings findings about the envelope, and about how the text is written, to the lines that they are about."""

    def __init__(self) -> None:
        self._open: Segment | None = None  # of the envelope, until the next
        self._findings: list[Finding] = []

    def envelope(self, one: Segment) -> Iterator[Line]:
        yield from self._end_open()
        self._open = one

    def finding(self, found: Finding) -> Iterator[Line]:
        self._findings.append(found)
        return iter(())

    def line(self, line: Line) -> Iterator[Line]:
        yield from self._end_open()
        about = [each for each in self._findings if _number(each) <= line.number]
        if about:
            self._findings = [each for each in self._findings if _number(each) > line.number]
            line = replace(line, findings=(*about, *line.findings))
        yield line

    def _end_open(self) -> Iterator[Line]:
        """Gives the open segment's line; what is odd about the next segment was told before it, and waits."""
        told = self._open.offset if self._open is not None else -1
        ahead = [each for each in self._findings if _offset(each) > told]
        self._findings = [each for each in self._findings if _offset(each) <= told]
        yield from self.rest()
        self._findings = ahead

    def rest(self) -> Iterator[Line]:
        """What waits for no other line."""
        one, self._open = self._open, None
        found, self._findings = tuple(self._findings), []
        if one is not None:
            said = meaning.of_technical(one) if one.tag == "TA1" else ()
            yield _line(one, guide.envelope_names().get(one.tag), "", found, said)
        else:
            yield from (Line(number=_number(each), tag="", findings=(each,)) for each in found)


class _Explaining(Growing):
    """Makes a line of each segment of a set."""

    def __init__(self, header: SetHeader) -> None:
        super().__init__(header)
        self._lines: list[Line] = []
        self._told = 1  # the number of the last segment that has its line, ST's before any
        self._meaning = meaning.of_set(header.type, header.version)

    def _keep(self, batch: Batch, start: int, stop: int) -> None:
        super()._keep(batch, start, stop)
        found = list(self._drain())
        lines = [self._named(self._header.st, self._start)] if self._told == 1 else []
        places = [each.place if each else None for each in self._trail] if self._guide else [None] * (stop - start)
        for index, place in enumerate(places, start):
            self._told += 1
            lines.append(self._named(batch.segment(index, self._told), place))
        self._lines += _pin(lines, found, self._name())

    def _name(self) -> str:
        return self._guide.name if self._guide else ""

    def _named(self, one: Segment, place: Place | None) -> Line:
        names = self._guide.named(place) if self._guide else None
        if names is None and one.tag in ("ST", "SE"):
            names = guide.envelope_names().get(one.tag)
        return _line(one, names, self._name(), (), self._meaning.of(one) if self._meaning else ())

    def ready(self) -> Iterable[Line]:
        """The lines since the last call."""
        lines, self._lines = self._lines, []
        return lines

    def end(self, se: Segment | None, findings: Sequence[Finding]) -> Iterable[Line]:
        """The last lines of the set, with what is wrong with its envelope."""
        self._finish(se)
        self._early += findings
        lines = [self._named(self._header.st, self._start)] if self._told == 1 else []
        if se is not None:
            lines.append(self._named(se, self._guide.compiled.end if self._guide else None))
        return _pin(lines, list(self._drain()), self._name())


def _pin(lines: Sequence[Line], findings: Iterable[Finding], guide_name: str) -> Iterator[Line]:
    """Lines with the findings about them; those about lines that have gone come first, the others last."""
    about: dict[int, list[Finding]] = {}
    for each in findings:
        about.setdefault(_number(each), []).append(each)
    first = lines[0].number if lines else 0
    for number in sorted(each for each in about if each < first and (each or first != 1)):
        yield Line(number=number, tag="", guide=guide_name, findings=tuple(about.pop(number)))
    for line in lines:
        here = [*(about.pop(0, []) if line.number == 1 else []), *about.pop(line.number, [])]
        yield replace(line, findings=tuple(here)) if here else line
    for number in sorted(about):
        yield Line(number=number, tag="", guide=guide_name, findings=tuple(about[number]))


def _line(
    one: Segment, names: SegmentGuide | None, guide_name: str, findings: tuple[Finding, ...], said: tuple[str, ...]
) -> Line:
    return Line(
        number=one.number,
        tag=one.tag,
        loop=names.loop if names else "",
        loop_name=names.loop_name if names else "",
        name=names.name if names else "",
        guide=guide_name,
        values=tuple(_values(one, names, guide_name)),
        findings=findings,
        meaning=said,
    )


def _values(one: Segment, names: SegmentGuide | None, guide_name: str) -> Iterator[Value]:
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
                # A list is sought by the name of a place in a guide, never by what a document wrote as a tag.
                lists = {place.reference.lower(), *_lists(guide_name, names, one, place)} if names else set()
                stands_for = next(filter(None, (codes.meaning(each, text) for each in lists)), "")
                yield Value(reference=place.reference, name=name, text=text, meaning=stands_for)


def _lists(guide_name: str, names: SegmentGuide | None, one: Segment, place: Position) -> Iterator[str]:
    """The code lists that hold at a place of a segment."""
    for each in places.load(guide_name) if names else ():
        if each.list and each.fits(names.loop if names else "", one.tag):
            here = (each.element, each.component) == (place.element, place.component)
            if here and all(one.at(element, component or 1) in known for element, component, known in each.when):
                yield each.list.partition(".")[0]  # A part of a list by loop has its names.


def _number(finding: Finding) -> int:
    return finding.where.segment if isinstance(finding.where, Position) else 0


def _offset(finding: Finding) -> int:
    return finding.where.offset if isinstance(finding.where, Position) else -1
