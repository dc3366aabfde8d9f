"""Takes interchanges, groups and sets apart: ISA/GS/ST, their counts and control numbers, TA1.

It never looks at what stands between ST and SE, and it never answers anyone: what is wrong becomes a Finding whose
``codes`` name the acknowledgment's element (TA105, AK905, IK502 of X12 data elements I18, 716 and 718).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from gateway.errors import Finding, MalformedInterchange, Position, Severity
from gateway.x12 import heads
from gateway.x12.batch import Batch, oddity, sound_tag
from gateway.x12.codec import Reader
from gateway.x12.elements import Fault
from gateway.x12.headers import (
    CONTROL_NUMBER_LENGTH,
    GroupHeader,
    InterchangeHeader,
    SetHeader,
    TechnicalAcknowledgment,
    TransactionSet,
)
from gateway.x12.tree import Delimiters, Segment

SOURCE = "X12.5, X12.6"


Part = InterchangeHeader | TransactionSet | TechnicalAcknowledgment | Finding

ENVELOPE = frozenset({"ISA", "GS", "ST", "SE", "GE", "IEA"})


P_co = TypeVar("P_co", covariant=True)


class Inside(Protocol[P_co]):
    """What becomes of the segments of one set, between ST and SE."""

    def run(self, batch: Batch, start: int) -> int:
        """Takes segments from an index on, up to the next of the envelope; returns its index."""

    def ready(self) -> Iterable[P_co]:
        """What has become of them so far, once."""

    def end(self, se: Segment | None, findings: Sequence[Finding]) -> Iterable[P_co]:
        """The end of the set, with what is wrong with its envelope."""


P = TypeVar("P")


def open_document(chunks: Iterable[bytes], begin: Callable[[SetHeader], Inside[P]]) -> Iterator[Part | Segment | P]:
    """The parts of a document in the order of their ends; a segment of the envelope comes before what it completes.

    Raises MalformedInterchange where it cannot be read further, after all that was readable.
    """
    reader, opener = Reader(), Opener(begin)
    try:
        for chunk in chunks:
            for batch in reader.batches(chunk):
                yield from opener.take(batch)
        for batch in reader.close_batches():
            yield from opener.take(batch)
    except MalformedInterchange as error:
        error.where = opener.locate(error.where)
        yield from opener.cut()
        raise
    yield from opener.end()


def unwrap(chunks: Iterable[bytes]) -> Iterator[Part]:
    """The parts of a document in the order of their ends; holds one set in memory.

    Raises MalformedInterchange where it cannot be read further, after all that was readable; a set that was cut off
    comes with the finding ``x12.set.trailer_missing``.
    """
    return (each for each in open_document(chunks, Whole) if not isinstance(each, Segment))


class Whole:
    """Keeps all segments of a set."""

    def __init__(self, header: SetHeader) -> None:
        self._header = header
        self._segments = [header.st]

    def run(self, batch: Batch, start: int) -> int:
        """Takes segments from an index on, up to the next of the envelope; returns its index."""
        stop = next_of_envelope(batch, start)
        self.keep(batch, start, stop)
        return stop

    def keep(self, batch: Batch, start: int, stop: int) -> list[Segment]:
        """Takes the segments between two indices, and returns them."""
        kept = batch.segments(start, stop, len(self._segments) + 1)
        self._segments += kept
        return kept

    def ready(self) -> Iterable[TransactionSet]:
        """Nothing before the end."""
        return ()

    def end(self, se: Segment | None, findings: Sequence[Finding]) -> Iterable[TransactionSet]:
        """The whole set."""
        header = self._header
        yield TransactionSet(
            interchange=header.interchange,
            group=header.group,
            type=header.type,
            control_number=header.control_number,
            version=header.version,
            segments=(*self._segments, se) if se else tuple(self._segments),
            findings=tuple(findings),
        )


def next_of_envelope(batch: Batch, start: int) -> int:
    """The index of the next segment of the envelope, or how many there are."""
    texts = batch.texts
    for index in range(start, len(texts)):
        tag = texts[index][:3].rstrip("*")
        if tag in ENVELOPE and texts[index][len(tag) : len(tag) + 1] in ("*", ""):
            return index
    return len(texts)


class Opener(Generic[P]):
    """Follows the envelope; what is inside of a set goes to the one that ``begin`` gives for it."""

    def __init__(self, begin: Callable[[SetHeader], Inside[P]]) -> None:
        self._begin = begin
        self._interchange: InterchangeHeader | None = None
        self._group: GroupHeader | None = None
        self._groups = 0
        self._sets = 0
        self._header: SetHeader | None = None
        self._inside: Inside[P] | None = None
        self._length = 0  # of the set, so far
        self._control_numbers: set[str] = set()

    def take(self, batch: Batch) -> Iterator[Part | Segment | P]:
        """What a batch completes or gets wrong."""
        index, texts = 0, batch.texts
        while index < len(texts):
            if self._inside is None:
                yield from self._oddities(batch, index, index + 1)
                yield from self._take(batch.segment(index), batch)
                index += 1
                continue
            stop = self._inside.run(batch, index)
            if batch.odd:
                yield from self._oddities(batch, index, stop)
            self._length += stop - index
            yield from self._inside.ready()
            if stop < len(texts):
                if batch.odd:
                    yield from self._oddities(batch, stop, stop + 1)
                number = self._length + 1 if texts[stop][:3] == "SE*" or texts[stop] == "SE" else 0
                yield from self._take(batch.segment(stop, number), batch)
            index = stop + 1
        yield from self._oddities(batch, len(texts), len(texts) + 1)

    def _oddities(self, batch: Batch, start: int, stop: int) -> Iterator[Finding]:
        for index in range(start, stop) if batch.odd else ():
            for kind, offset in batch.odd.get(index, ()):
                text = batch.texts[index] if index < len(batch.texts) and offset == batch.offset(index) else ""
                number = self._length + 1 + index - start if self._header else batch.first + index
                where = Position(
                    interchange=self._interchange.control_number if self._interchange else "",
                    set=self._header.control_number if self._header else "",
                    segment=number if text else 0,
                    tag=sound_tag(text.split("*")[0]),
                    offset=offset,
                )
                yield oddity(kind, where)

    def _take(self, one: Segment, batch: Batch) -> Iterator[Part | Segment | P]:
        match one.tag:
            case "ISA":
                yield from self._end_interchange(None)
                yield one
                yield from self._isa(one, batch.marks)
            case "IEA":
                yield from self._end_group(None)
                yield one
                yield from self._end_interchange(one)
            case "GS":
                yield from self._end_group(None)
                yield one
                yield from self._gs(one)
            case "GE":
                yield from self._end_set(None)
                yield one
                yield from self._end_group(one)
            case "ST":
                yield from self._end_set(None)
                if self._group is None:
                    yield self._finding("x12.set.outside_group", "there is a set outside of any group", _ASK, one)
                self._st(one)
            case "SE":
                if self._header is None:
                    yield one
                yield from self._end_set(one)
            case "TA1":
                yield one
                yield from self._ta1(one)
            case _:
                yield one
                yield self._finding(
                    "x12.envelope.unexpected",
                    "a segment stands outside of any set and was not read",
                    "Ask the sender to leave it out",
                    one,
                    severity=Severity.WARN,
                )

    def locate(self, where: Position | str) -> Position | str:
        """Adds the set and the number in it to the place of the segment behind the last."""
        if self._header is None or not isinstance(where, Position):
            return where
        group = self._header.group.control_number if self._header.group else ""
        return replace(where, group=group, set=self._header.control_number, segment=self._length + 1)

    def cut(self) -> Iterator[Part | P]:
        """The set in hand, when nothing more can be read."""
        yield from self._end_set(None)

    def end(self) -> Iterator[Part | P]:
        """What is left open at the end of the document."""
        yield from self._end_interchange(None)

    def _at(self, one: Segment | None, element: int = 0) -> Position:
        return Position(
            interchange=self._interchange.control_number if self._interchange else "",
            group=self._group.control_number if self._group else "",
            segment=one.number if one else 0,
            tag=sound_tag(one.tag) if one else "",
            element=element,
            offset=one.offset if one else -1,
        )

    def _finding(
        self,
        rule: str,
        what: str,
        fix: str,
        one: Segment | None,
        element: int = 0,
        *,
        severity: Severity = Severity.BLOCK,
        **codes: str,
    ) -> Finding:
        where = self._at(one, element)
        known = {name: code for name, code in codes.items() if code}
        return Finding(
            rule=rule, what=what, fix=fix, where=where, severity=severity, source=SOURCE, codes=known or None, snip=1
        )

    def _isa(self, isa: Segment, delimiters: Delimiters) -> Iterator[Part]:
        values = [isa.at(ordinal).strip() for ordinal in range(1, 17)]
        self._interchange = InterchangeHeader(
            authorization_qualifier=values[0],
            authorization=values[1],
            security_qualifier=values[2],
            security=values[3],
            sender_qualifier=values[4],
            sender=values[5],
            receiver_qualifier=values[6],
            receiver=values[7],
            created=_instant(values[8], values[9]),
            version=values[11],
            control_number=values[12],
            acknowledgment_requested=values[13] == "1",
            usage=values[14],
            delimiters=delimiters,
        )
        self._groups = 0
        yield self._interchange
        if self._interchange.created is None:
            yield self._finding(
                "x12.interchange.date", "the date or time is not one", _ASK, isa, 9, severity=Severity.WARN, TA105="014"
            )
        if not re.fullmatch("[0-9]{9}", values[12]):
            what = "the interchange control number does not have nine digits"
            yield self._finding("x12.interchange.control_number", what, _ASK, isa, 13, TA105="018")
        if values[14] not in ("T", "P"):
            what = "the usage indicator is neither T nor P"
            yield self._finding("x12.interchange.usage", what, _ASK, isa, 15, TA105="020")
        for fault in heads.check(isa):
            if fault.element not in _ISA_CHECKED:
                yield self._odd(isa, fault, TA105=heads.ISA_NOTES.get(fault.element, "022"))

    def _gs(self, gs: Segment) -> Iterator[Part]:
        self._groups += 1
        self._sets = 0
        self._control_numbers.clear()
        self._group = GroupHeader(
            functional_id=gs.at(1),
            sender=gs.at(2).strip(),
            receiver=gs.at(3).strip(),
            created=_instant(gs.at(4), gs.at(5)),
            control_number=gs.at(6).strip(),
            version=gs.at(8).strip(),
        )
        if self._group.created is None:
            what = "the date or time of the group is not one"
            yield self._finding("x12.group.date", what, _ASK, gs, 4, severity=Severity.WARN, TA105=heads.GROUP_NOTE)
        if not re.fullmatch("[0-9]{1,9}", self._group.control_number):
            what = "the group control number is not a number of one to nine digits"
            yield self._finding("x12.group.control_number", what, _ASK, gs, 6, AK905="6")
        for fault in heads.check(gs):
            if fault.element not in _GS_CHECKED:
                yield self._odd(gs, fault, TA105=heads.GROUP_NOTE)

    def _odd(self, one: Segment, fault: Fault, **codes: str) -> Finding:
        return self._finding(fault.rule, fault.what, fault.fix, one, fault.element, severity=Severity.WARN, **codes)

    def _ta1(self, ta1: Segment) -> Iterator[Part]:
        if self._interchange is None:
            return
        if self._groups:
            what = "a TA1 stands after a group; it belongs between ISA and the first GS"
            yield self._finding("x12.ta1.place", what, "Nothing to do here", ta1, severity=Severity.WARN)
        instant = _instant(ta1.at(2), ta1.at(3))
        yield TechnicalAcknowledgment(
            interchange=self._interchange,
            segment=ta1,
            control_number=ta1.at(1).strip(),
            created_on=instant.date() if instant else None,
            created_at=instant.time() if instant else None,
            code=ta1.at(4),
            note=ta1.at(5),
        )

    def _st(self, st: Segment) -> None:
        if self._interchange is None:
            return  # The reader lets nothing through before an ISA.
        st.number = 1
        self._header = SetHeader(
            interchange=self._interchange,
            group=self._group,
            type=st.at(1),
            control_number=st.at(2),
            version=(self._group.version if self._group else "") or st.at(3),
            st=st,
        )
        self._length = 1
        self._inside = self._begin(self._header)

    def _end_set(self, se: Segment | None) -> Iterator[Part | P]:
        header, inside = self._header, self._inside
        self._header = self._inside = None
        if header is None or inside is None:
            if se is not None:
                yield self._finding("x12.set.header_missing", "an SE ends a set that no ST began", _ASK, se)
            return
        self._sets += 1
        length = self._length + (se is not None)
        yield from inside.end(se, tuple(self._about_set(header.st, se, length)))

    def _about_set(self, st: Segment, se: Segment | None, length: int) -> Iterator[Finding]:
        number = st.at(2)
        place = replace(self._at(None), set=number)

        def finding(rule: str, what: str, fix: str, at: Segment, element: int, code: str) -> Finding:
            where = replace(place, segment=at.number, tag=at.tag, element=element, offset=at.offset)
            return Finding(rule=rule, what=what, fix=fix, where=where, source=SOURCE, codes={"IK502": code}, snip=1)

        if not 4 <= len(number) <= CONTROL_NUMBER_LENGTH:
            what = "the set control number does not have four to nine characters"
            yield finding("x12.set.control_number", what, _ASK, st, 2, "7")
        elif self._is_repeated(number):
            yield repeated_control_number(replace(place, segment=st.number, tag=st.tag, element=2, offset=st.offset))
        self._control_numbers.add(number)
        if se is None:
            what = "the set has no SE; it may have been cut short"
            last = Segment("SE", number=length + 1)
            yield finding("x12.set.trailer_missing", what, "Ask the sender for the whole file again", last, 0, "2")
            return
        if _number(se.at(1)) != length:
            what = f"SE01 does not count the segments: there are {length}, ST and SE included"
            yield finding("x12.set.count", what, f"Send SE01 as {length}", se, 1, "4")
        if se.at(2) != number:
            yield finding(
                "x12.set.control_numbers", "SE02 differs from ST02", "Send the same number in both", se, 2, "3"
            )

    def _is_repeated(self, number: str) -> bool:
        """Whether a set before in this group had this control number."""
        return number in self._control_numbers

    def _end_group(self, ge: Segment | None) -> Iterator[Part | P]:
        yield from self._end_set(None)
        group = self._group
        if group is None:
            if ge is not None:
                yield self._finding("x12.group.header_missing", "a GE ends a group that no GS began", _ASK, ge)
            return
        if ge is None:
            yield self._finding("x12.group.trailer_missing", "the group has no GE", _AGAIN, None, AK905="3")
        else:
            if _number(ge.at(1)) != self._sets:
                what = f"GE01 does not count the sets: there are {self._sets}"
                said = ge.at(1) if _number(ge.at(1)) >= 0 else ""
                fix = f"Send GE01 as {self._sets}"
                yield self._finding("x12.group.count", what, fix, ge, 1, AK905="5", AK902=said)
            if not _same_number(ge.at(2), group.control_number):
                what = "GE02 differs from GS06"
                yield self._finding("x12.group.control_numbers", what, "Send the same number in both", ge, 2, AK905="4")
            for fault in heads.check(ge):
                if fault.element > 2:
                    yield self._odd(ge, fault)
        self._group = None

    def _end_interchange(self, iea: Segment | None) -> Iterator[Part | P]:
        yield from self._end_group(None)
        header = self._interchange
        if header is None:
            return  # The reader lets no IEA through without an ISA.
        if iea is None:
            what = "the interchange has no IEA; it may have been cut short"
            yield self._finding("x12.interchange.trailer_missing", what, _AGAIN, None, TA105="023")
        else:
            if _number(iea.at(1)) != self._groups:
                what = f"IEA01 does not count the groups: there are {self._groups}"
                severity = Severity.BLOCK if self._groups else Severity.WARN  # TA1 alone: samples say 0 and 1.
                fix = f"Send IEA01 as {self._groups}"
                yield self._finding("x12.interchange.count", what, fix, iea, 1, severity=severity, TA105="021")
            if not _same_number(iea.at(2), header.control_number):
                what = "IEA02 differs from ISA13"
                fix = "Send the same number in both"
                yield self._finding("x12.interchange.control_numbers", what, fix, iea, 2, TA105="001")
            for fault in heads.check(iea):
                if fault.element > 2:
                    yield self._odd(iea, fault, TA105="022")
        self._interchange = None


_ISA_CHECKED = {9, 10, 13, 15}
_GS_CHECKED = {4, 5, 6}
_ASK = "Ask the sender to mend it and send the file again"
_AGAIN = "Fetch the file again, or ask the sender for all of it"


def repeated_control_number(where: Position) -> Finding:
    """The finding of a set whose number another one of its group had before."""
    what = "another set of this group has the same control number"
    fix = "Number the sets of a group differently"
    return Finding(
        rule="x12.set.control_number_repeated", what=what, fix=fix, where=where, source=SOURCE, codes={"IK502": "23"}
    )


def _number(text: str) -> int:
    return int(text) if re.fullmatch("[0-9]{1,10}", text) else -1


def _same_number(one: str, other: str) -> bool:
    """Whether two control numbers are equal; leading zeros carry no meaning in a number of type N0."""
    return one.strip() == other or _number(one.strip()) == _number(other) >= 0


def _instant(day: str, clock: str) -> datetime | None:
    """A date of six or eight digits with a time of four to eight, as ISA, GS and TA1 have them; else None."""
    if not (_DAY.fullmatch(day) and _CLOCK.fullmatch(clock)):
        return None
    century = ("20" if day[:2] < "50" else "19") if len(day) == 6 else ""
    day = century + day
    try:
        return datetime(
            int(day[:4]), int(day[4:6]), int(day[6:]), int(clock[:2]), int(clock[2:4]), int(clock[4:6] or "0")
        )
    except ValueError:
        return None


_DAY = re.compile("[0-9]{6}|[0-9]{8}")
_CLOCK = re.compile("[0-9]{4}|[0-9]{6,8}")
