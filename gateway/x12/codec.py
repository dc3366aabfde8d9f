"""Turns interchange bytes into segments and back: any chunk size, delimiters from each ISA, bounded segment length.

It never looks inside a transaction, never guesses a missing ISA, and never holds more than one segment of text.

Text is read segment by segment as UTF-8, which ASCII is a part of; where a segment's bytes are not UTF-8 they are
read as Latin-1, so that every byte is readable. It is written as UTF-8. Offsets count bytes from the document's start.
"""

import re
from collections.abc import Iterable, Iterator

from gateway.errors import Finding, GatewayError, MalformedInterchange, Position, Severity
from gateway.x12.tree import Delimiters, Segment

SEGMENT_LENGTH_MAX = 65_536  # Bytes; the longest real segment, an HI of twelve composites, stays under 1,000.
ISA_ELEMENTS = 16
_ISA_LENGTH_MAX = 512  # A sound ISA has 106 characters; a badly padded one is shorter or a little longer.

_BLANKS = b" \t\r\n"
_FILLERS = b" \t\r\n\x00\x1a"  # Between interchanges also the padding of fixed-size records and the end mark of DOS.
_BOM = b"\xef\xbb\xbf"
_ISA_AGAIN = re.compile(rb"[ \t\r\n\x00\x1a]*ISA[^A-Za-z0-9]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_REPETITION_SINCE = "00402"  # ISA11 named the control standards before that version, always "U".


class Reader:
    """Turns interchange bytes into segments, whatever the chunk size.

    A segment's ``number`` counts within its set (ST is 1), and within the interchange outside of any set. What is odd
    but readable waits in ``take_findings``, once for each kind and interchange; the rest raises MalformedInterchange.
    """

    def __init__(self) -> None:
        self._pending = b""
        self._at = 0  # where in the pending bytes the next segment begins
        self._offset = 0  # where in the document that is
        self._marks: Delimiters | None = None
        self._begun = 0  # interchanges begun
        self._interchange = ""
        self._set = ""
        self._ordinal = 0
        self._ordinal_in_set = 0
        self._oddities: list[Finding] = []
        self._told: set[str] = set()

    @property
    def delimiters(self) -> Delimiters | None:
        """Those of the interchange that is being read; None before its ISA and after its IEA."""
        return self._marks

    def take_findings(self) -> list[Finding]:
        """The oddities met since the last call."""
        taken, self._oddities = self._oddities, []
        return taken

    def feed(self, chunk: bytes) -> Iterator[Segment]:
        """The segments that this chunk completes. Take them all before the next chunk is fed."""
        self._pending = self._pending[self._at :] + chunk
        self._at = 0
        yield from self._read(last=False)

    def close(self) -> Iterator[Segment]:
        """The last segment, if only its terminator is missing; MalformedInterchange if it stops inside of one."""
        yield from self._read(last=True)
        left = self._pending[self._at :]
        rest = left.strip(_FILLERS)
        if self._marks is None:
            if rest or not self._begun:
                raise self._malformed("the document does not hold a whole ISA segment", _NO_ISA)
            return
        if not rest:
            return
        segment = self._segment(left, self._marks)
        if segment.tag != "IEA":
            raise self._malformed(
                "the document stops in the middle of a segment",
                "Fetch the file again; the transfer was cut short",
                number=segment.number,
                tag=sound_tag(segment.tag),
            )
        self._odd("unterminated", "the last segment has no terminator", segment)
        self._advance(len(left))
        yield segment

    def _read(self, *, last: bool) -> Iterator[Segment]:
        while True:
            if self._marks is None and not self._open(last=last):
                return
            marks = self._marks
            assert marks is not None, "an interchange is open"
            end = self._pending.find(marks.terminator.encode(), self._at)
            if end < 0 or end - self._at > SEGMENT_LENGTH_MAX:
                if len(self._pending) - self._at > SEGMENT_LENGTH_MAX:
                    raise self._malformed(
                        f"a segment is longer than {SEGMENT_LENGTH_MAX} bytes",
                        "Ask the sender to end each segment with the terminator that follows ISA16",
                        number=self._ordinal_in_set + 1 if self._set else self._ordinal + 1,
                    )
                return
            text = self._pending[self._at : end]
            if self._ordinal and _ISA_AGAIN.match(text):
                self._marks = None  # A new interchange, though no IEA closed the last: its ISA has its own delimiters.
                continue
            if not text.strip(_BLANKS):
                if text or not marks.terminator.isspace():
                    self._odd("empty", "there is an empty segment", Segment("", offset=self._offset))
                self._advance(len(text) + 1)
                continue
            segment = self._segment(text, marks)
            self._advance(len(text) + 1)
            if segment.tag == "IEA":
                self._marks = None
            yield segment

    def _advance(self, length: int) -> None:
        self._at += length
        self._offset += length

    def _open(self, *, last: bool) -> bool:
        """Skips what may stand before an ISA and learns its delimiters; False while more bytes are needed."""
        if not self._offset and self._pending[:3] == _BOM:
            self._advance(len(_BOM))
            self._odd("byte_order_mark", "the document begins with a byte order mark", Segment("", offset=0))
        elif not self._offset and not last and _BOM.startswith(self._pending):
            return False
        self._advance(len(self._pending) - self._at - len(self._pending[self._at :].lstrip(_FILLERS)))
        head = self._pending[self._at : self._at + _ISA_LENGTH_MAX]
        if not head:
            return False
        if not b"ISA".startswith(head[:3]):
            raise self._malformed(*self._what_instead(head))
        marks = _sniff(head, last=last or len(head) == _ISA_LENGTH_MAX)
        if isinstance(marks, str):
            raise self._malformed(
                marks, "Ask the sender for an ISA of sixteen elements, 106 characters in all", tag="ISA"
            )
        if marks is None:
            return False
        self._marks = marks
        self._begun += 1
        self._interchange = self._set = ""
        self._ordinal = self._ordinal_in_set = 0
        self._told = set()
        return True

    def _what_instead(self, head: bytes) -> tuple[str, str]:
        if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in head[:4]:
            return "the document is not plain bytes of text; it may be UTF-16 or compressed", _NO_ISA
        if self._begun:
            return "what follows the interchange does not begin with ISA", "Ask the sender to end the file after IEA"
        return "the document does not begin with ISA", _NO_ISA

    def _segment(self, raw: bytes, marks: Delimiters) -> Segment:
        indent = len(raw) - len(raw.lstrip(_FILLERS))
        try:
            text = raw[indent:].decode()
        except UnicodeDecodeError:
            text = raw[indent:].decode("latin-1")
        text = text.rstrip("\r\n")
        folded = "\n" in text or "\r" in text
        if folded:
            text = text.replace("\r", "").replace("\n", "")
        tag, *elements = text.split(marks.element)
        segment = Segment.from_text(text, marks, self._count(tag, elements), self._offset + indent)
        if indent and raw[:indent].strip(b"\r\n"):
            self._odd("indented", "there are blanks before a segment", segment)
        if folded:
            self._odd(
                "folded", "there is a line break inside of a segment; it was read as if it were not there", segment
            )
        if tag != "ISA" and elements and not elements[-1]:
            self._odd("trailing_separator", "a segment ends in an element separator", segment)
        if tag == "ISA":
            self._check_isa(segment, marks, len(text))
        return segment

    def _count(self, tag: str, elements: list[str]) -> int:
        self._ordinal += 1
        if tag == "ST":
            self._set = elements[1] if len(elements) > 1 else "?"
            self._ordinal_in_set = 0
        elif tag in ("GE", "IEA", "GS"):
            self._set = ""
        elif tag == "ISA":
            self._interchange = elements[12].strip() if len(elements) > 12 else ""
        if not self._set:
            return self._ordinal
        self._ordinal_in_set += 1
        number = self._ordinal_in_set
        if tag == "SE":
            self._set = ""
        return number

    def _check_isa(self, isa: Segment, marks: Delimiters, length: int) -> None:
        if length + 1 != 106:
            self._odd("isa_length", f"ISA has {length + 1} characters, not 106", isa)
        if not marks.component:
            self._odd("isa_component", "ISA16 names no component separator", isa)
        if not marks.repetition and isa.at(12).strip() >= _REPETITION_SINCE:
            self._odd(
                "isa_repetition", "ISA11 names no repetition separator that can be used; elements are not split", isa
            )

    def _odd(self, kind: str, what: str, segment: Segment) -> None:
        if kind in self._told:
            return
        self._told.add(kind)
        where = Position(
            interchange=self._interchange,
            set=self._set,
            segment=segment.number,
            tag=sound_tag(segment.tag),
            offset=segment.offset if segment.offset >= 0 else self._offset,
        )
        fix = "Nothing to do here; ask the sender to mend it, for others may refuse the file"
        self._oddities.append(
            Finding(rule=f"x12.codec.{kind}", severity=Severity.WARN, what=what, fix=fix, where=where, source="X12.5")
        )

    def _malformed(self, what: str, fix: str, *, number: int = 0, tag: str = "") -> MalformedInterchange:
        where = Position(interchange=self._interchange, set=self._set, segment=number, tag=tag, offset=self._offset)
        return MalformedInterchange(f"{what} (at byte {self._offset})", where=where, fix=fix)


_NO_ISA = "Send a whole X12 interchange, from its ISA to its IEA"


def sound_tag(tag: str) -> str:
    """The tag where it looks like one, else "": what stands there in a broken file may be anything, even a name."""
    return tag if re.fullmatch("[A-Z][A-Z0-9]{1,2}", tag) else ""


def _sniff(head: bytes, *, last: bool) -> Delimiters | str | None:
    """The delimiters of the ISA that ``head`` begins with, None while that is too short, or what is wrong with it.

    The ISA is found by its sixteen separators, not by its length, for real ones are badly padded.
    """
    if len(head) < 4:
        return "the document does not hold a whole ISA segment" if last else None
    element = head[3:4]
    if element.isalnum() or element in _BLANKS or element[0] >= 0x80:
        return "ISA is not followed by an element separator"
    parts = head.split(element, ISA_ELEMENTS)
    if len(parts) <= ISA_ELEMENTS:
        return "the document does not hold a whole ISA segment" if last else None
    if any(len(part) > 40 or (b"GS" in part and b"\n" in part) for part in parts[:ISA_ELEMENTS]):
        return "ISA does not have sixteen elements"
    tail = parts[ISA_ELEMENTS]
    following = tail[1:].lstrip(_BLANKS)
    if not following and not last:
        return None
    component, terminator = tail[:1], tail[1:2]
    if terminator and terminator in b"\r\n" and following and not following[:1].isalnum() and following[:1] != element:
        terminator = following[:1]  # The terminator stands at the start of the next line.
    elif terminator.isalnum() and not component.isalnum():
        component, terminator = b"", component  # ISA16 is empty.
    if not terminator or terminator.isalnum() or terminator in (element, component, b" ") or terminator[0] >= 0x80:
        return "no segment terminator follows ISA16"
    if component.isalnum() or component == element or component.isspace() or component[:1] >= b"\x80":
        return "ISA16 is not a component separator"
    repetition = parts[11].strip(_BLANKS)
    usable = len(repetition) == 1 and not repetition.isalnum() and repetition < b"\x80"
    if not usable or repetition in (component, terminator) or parts[12].strip(_BLANKS) < _REPETITION_SINCE.encode():
        repetition = b""
    after = tail[tail.index(terminator) + 1 :]
    if not after.strip(_BLANKS) and not last:
        return None  # The line end is not whole yet.
    line_end = after[: len(after) - len(after.lstrip(b"\r\n"))][:2]
    return Delimiters(
        element=element.decode(),
        component=component.decode(),
        repetition=repetition.decode(),
        terminator=terminator.decode(),
        line_end=line_end.decode(),
    )


def write(segments: Iterable[Segment], delimiters: Delimiters) -> bytes:
    """The bytes of these segments. Empty elements, repetitions and components at an end are left out, as X12.6 asks.

    Raises GatewayError where a value holds a delimiter or a control character: it would be read as something else.
    An ISA is written as it is: it names the delimiters.
    """
    forbidden = {each for each in (delimiters.element, delimiters.component, delimiters.repetition) if each}
    forbidden.add(delimiters.terminator)
    ends = delimiters.terminator + delimiters.line_end
    return "".join(_text(each, delimiters, forbidden) + ends for each in segments).encode()


def _text(segment: Segment, marks: Delimiters, forbidden: set[str]) -> str:
    if segment.tag == "ISA":
        return marks.element.join([segment.tag, *(element[0][0] for element in segment.elements)])
    parts = [segment.tag]
    for ordinal, element in enumerate(segment.elements, 1):
        shown = []
        for repetition, composite in enumerate(element, 1):
            for component, value in enumerate(composite, 1):
                if not forbidden.isdisjoint(value) or _CONTROL.search(value) or _SURROGATE.search(value):
                    where = Position(
                        segment=segment.number,
                        tag=segment.tag,
                        element=ordinal,
                        component=component if len(composite) > 1 else 0,
                        repetition=repetition if len(element) > 1 else 0,
                    )
                    raise GatewayError(
                        "the value holds a character that parts segments or elements, or one that cannot be sent",
                        where=where,
                        fix="Take the character out of the value, or give the partner other delimiters",
                    )
            shown.append(_join(composite, marks.component, segment, ordinal))
        parts.append(_join(shown, marks.repetition, segment, ordinal))
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return marks.element.join(parts)


def _join(values: Iterable[str], separator: str, segment: Segment, element: int) -> str:
    kept = list(values)
    while len(kept) > 1 and not kept[-1]:
        kept.pop()
    if len(kept) > 1 and not separator:
        raise GatewayError(
            "the value has parts, but the interchange has no separator for them",
            where=Position(segment=segment.number, tag=segment.tag, element=element),
            fix="Give the partner a component and a repetition separator",
        )
    return separator.join(kept)
