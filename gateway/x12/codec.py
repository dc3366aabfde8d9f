"""Turns interchange bytes into segments: any chunk size, delimiters from each ISA, bounded segment length.

It never looks inside a transaction, never guesses a missing ISA, and never holds more than one chunk and one segment.

Text is read segment by segment as UTF-8, which ASCII is a part of; where a segment's bytes are not UTF-8 they are
read as Latin-1, so that every byte is readable. Offsets count bytes from the document's start.

Most documents are tidy, and a whole chunk of one is split at once. What is odd in any way is read piece by piece, with
the same result.
"""

import re
from collections.abc import Iterator

from gateway.errors import MalformedInterchange, Position
from gateway.x12.batch import Batch, sound_tag
from gateway.x12.delimiters import BLANKS, FILLERS, ISA_LENGTH_MAX, REPETITION_SINCE, sniff
from gateway.x12.tree import STANDARD, Delimiters, Segment

SEGMENT_LENGTH_MAX = 65_536  # Bytes; the longest real segment, an HI of twelve composites, stays under 1,000.
BINARY_LENGTH_MAX = 1 << 26  # Bytes of a BIN or BDS: what the larger attachment guides allow.
AT_ONCE = 65_536  # Bytes; what is split at once stays in a processor's own cache.

_BOM = b"\xef\xbb\xbf"
_PRINTABLE = bytes(range(0x20, 0x7F))
_BINARY = {b"BIN": 1, b"BDS": 2}  # The element that counts the bytes of the next.


class Reader:
    """Turns interchange bytes into segments, whatever the chunk size.

    ``batches`` and ``close_batches`` are for many, ``feed`` and ``close`` for one at a time. Of the latter a segment's
    ``number`` counts within its set (ST is 1), and within the interchange outside of any set. What is odd but readable
    is told with the segments, once for each kind and interchange; the rest raises MalformedInterchange.
    """

    def __init__(self) -> None:
        self._pending = b""
        self._later: list[bytes] = []  # what came behind the pending bytes, while too few have come to go on
        self._came = 0  # the length of both
        self._wanted = 0  # of both, before there is anything to read
        self._at = 0  # where in the pending bytes the next segment begins
        self._offset = 0  # where in the document that is
        self._marks: Delimiters | None = None
        self._begun = 0  # interchanges begun
        self._interchange = ""
        self._ordinal = 0
        self._told: set[str] = set()
        self._unparted = ""  # standard delimiters that are mere characters in this interchange
        self._early: list[tuple[str, int]] = []  # odd before the first ISA
        self._to_standard = b""
        self._there: dict[int, int] = {}  # from the document's delimiters to the standard ones
        self._back: dict[int, int] = {}
        self._set_number = 0  # of the last segment given by ``feed``, in its set

    @property
    def delimiters(self) -> Delimiters | None:
        """Those of the interchange that is being read; None before its ISA and after its IEA."""
        return self._marks

    def feed(self, chunk: bytes) -> Iterator[Segment]:
        """The segments that this chunk completes. Take them all before the next chunk is fed."""
        for batch in self.batches(chunk):
            yield from self._numbered(batch)

    def close(self) -> Iterator[Segment]:
        """The last segment, if only its terminator is missing; MalformedInterchange if it stops inside of one."""
        for batch in self.close_batches():
            yield from self._numbered(batch)

    def _numbered(self, batch: Batch) -> Iterator[Segment]:
        for index in range(len(batch.texts)):
            one = batch.segment(index)
            if one.tag == "ST":
                self._set_number = 1
            elif one.tag in ("ISA", "GS", "GE", "IEA"):
                self._set_number = 0
            elif self._set_number:
                self._set_number += 1
            if self._set_number:
                one.number = self._set_number
            if one.tag == "SE":
                self._set_number = 0
            yield one

    def batches(self, chunk: bytes) -> Iterator[Batch]:
        """The segments that this chunk completes, many at once. Take them all before the next chunk is fed."""
        for start in range(0, len(chunk), AT_ONCE):
            piece = chunk[start : start + AT_ONCE]
            self._later.append(piece)
            self._came += len(piece)
            if self._came >= self._wanted:
                self._gather()
                yield from self._read(last=False)
                self._came = len(self._pending) - self._at

    def close_batches(self) -> Iterator[Batch]:
        """What is left at the end of the document, as ``close`` says."""
        self._gather()
        yield from self._read(last=True)
        left = self._pending[self._at :]
        rest = left.strip(FILLERS)
        if self._marks is None:
            if rest or not self._begun:
                raise self._malformed("the document does not hold a whole ISA segment", _NO_ISA)
            return
        if not rest:
            return
        batch = Batch([], self._marks, self._ordinal + 1, self._back, offsets=[])
        self._take(left, self._marks, batch)
        tag = batch.texts[0].split("*")[0]
        if tag != "IEA":
            self._ordinal -= 1
            raise self._malformed(
                "the document stops in the middle of a segment",
                "Fetch the file again; the transfer was cut short",
                tag=sound_tag(tag),
            )
        self._odd("unterminated", batch, 0, self._offset)
        self._advance(len(left))
        yield batch

    def _gather(self) -> None:
        self._pending = b"".join((self._pending[self._at :], *self._later))
        self._later.clear()
        self._at = self._wanted = 0

    def _read(self, *, last: bool) -> Iterator[Batch]:
        while True:
            if self._marks is None and not self._open(last=last):
                return
            marks = self._marks
            assert marks is not None, "an interchange is open"
            mark = marks.terminator.encode()
            end = self._pending.rfind(mark, self._at) + 1
            if not end:
                self._check_length(len(self._pending) - self._at - self._wait_for_binary(marks))
                return
            if not self._ordinal:
                end = self._pending.find(mark, self._at) + 1
                closes = again = False
            else:
                end, closes, again = self._edge(end, marks)
            if end <= self._at:  # A new interchange, though no IEA closed the last: its ISA has its own delimiters.
                self._marks = None
                continue
            before = self._at
            binary = self._binary_at(end, marks)
            if binary is not None:
                if binary == self._at:
                    taken = self._read_binary(marks, last=last)
                    if taken is None:
                        return
                    yield taken
                    continue
                end, closes, again = binary, False, False
            yield from self._split(self._pending[self._at : end], marks)
            assert self._at > before, "each turn reads something"
            if closes or again:
                self._marks = None

    def _edge(self, end: int, marks: Delimiters) -> tuple[int, bool, bool]:
        """Where the segments of this interchange end in what is pending: behind an IEA, or before another ISA."""
        mark, separator = marks.terminator.encode(), marks.element.encode()
        found = end, False, False
        at = self._at
        while (at := self._pending.find(b"ISA", at, found[0])) >= 0:
            if self._begins(at, mark) and not self._pending[at + 3 : at + 4].isalnum():
                found = at, False, True
                break
            at += 3
        at = self._at
        while (at := self._pending.find(b"IEA" + separator, at, found[0])) >= 0:
            if self._begins(at, mark):
                return self._pending.index(mark, at) + 1, True, False
            at += 3
        return found

    def _begins(self, at: int, mark: bytes) -> bool:
        """Whether a segment begins there: only fillers stand between it and a terminator."""
        while at > self._at and self._pending[at - 1 : at] in FILLERS and self._pending[at - 1 : at] != mark:
            at -= 1
        return at == self._at or self._pending[at - 1 : at] == mark

    def _check_length(self, length: int) -> None:
        if length > SEGMENT_LENGTH_MAX:
            raise self._malformed(
                f"a segment is longer than {SEGMENT_LENGTH_MAX} bytes",
                "Ask the sender to end each segment with the terminator that follows ISA16",
            )

    def _advance(self, length: int) -> None:
        self._at += length
        self._offset += length

    def _split(self, region: bytes, marks: Delimiters) -> Iterator[Batch]:
        """The segments of a region that ends in a terminator."""
        lead = len(region) - len(region.lstrip(b"\r\n")) if not marks.terminator.isspace() else 0
        texts = self._split_tidy(region[lead:], marks) if self._ordinal else None
        if texts is not None:
            gap = 1 + len(marks.line_end)
            batch = Batch(texts, marks, self._ordinal + 1, self._back, self._offset + lead, gap)
            self._ordinal += len(texts)
            self._advance(len(region))
            yield batch
            return
        batch = Batch([], marks, self._ordinal + 1, self._back, offsets=[])
        mark = marks.terminator.encode()
        *pieces, rest = region.split(mark)
        for piece in pieces:
            if len(piece) > SEGMENT_LENGTH_MAX:
                if batch.texts:
                    yield batch
                self._check_length(len(piece))
            if piece.strip(BLANKS):
                self._take(piece, marks, batch)
            elif piece or not marks.terminator.isspace():
                self._odd("empty", batch, len(batch.texts), self._offset)
            self._advance(len(piece) + 1)
        self._advance(len(rest))
        if batch.texts or batch.odd:
            yield batch

    def _split_tidy(self, region: bytes, marks: Delimiters) -> list[str] | None:
        """The segments of a region where nothing is odd; None where anything may be."""
        ends, line_end = region.count(marks.terminator.encode()), marks.line_end.encode()
        delimiters = (marks.element + marks.component + marks.repetition + marks.terminator).encode()
        missing_end = line_end if line_end and not region.endswith(line_end) else b""
        if region.translate(None, _PRINTABLE + delimiters) + missing_end != line_end * ends:
            return None
        text = (region.translate(self._to_standard) if self._to_standard else region).decode("ascii")
        between = "~" + marks.line_end
        if "*~" in text or between + between in text or between + " " in text or text[:1] in (" ", "~"):
            return None
        if self._unparted and any(each in text for each in self._unparted):
            return None
        texts = text.split(between)
        if missing_end:
            texts[-1] = texts[-1][:-1]
        else:
            texts.pop()
        return texts if texts and len(texts) == ends and texts[-1] and _short(text) else None

    def _take(self, raw: bytes, marks: Delimiters, batch: Batch) -> None:
        """Adds one segment to a batch, as it is without what is odd about it."""
        indent = len(raw) - len(raw.lstrip(FILLERS))
        body = raw[indent:]
        offset, index = self._offset + indent, len(batch.texts)
        try:
            text = body.decode()
        except UnicodeDecodeError:
            text = body.decode("latin-1")
        text = text.rstrip("\r\n")
        folded = "\n" in text or "\r" in text
        if folded:
            text = text.replace("\r", "").replace("\n", "")
        if indent and raw[:indent].strip(b"\r\n"):
            self._odd("indented", batch, index, offset)
        if folded:
            self._odd("folded", batch, index, offset)
        if not self._ordinal:
            self._check_isa(text, marks, batch)
        elif text.endswith(marks.element) and text != marks.element:
            self._odd("trailing_separator", batch, index, offset)
            text = text.rstrip(marks.element)
        assert batch.offsets is not None, "what is read piece by piece has an offset for each"
        batch.offsets.append(offset)
        shown = text.translate(self._there) if self._there else text
        if self._ordinal and self._unparted and any(each in shown for each in self._unparted):
            batch.binaries[index] = Segment.from_text(text, marks)
            shown += "*"  # It has a character that would part it; so it is never certainly valid.
        batch.texts.append(shown)
        self._ordinal += 1

    def _check_isa(self, text: str, marks: Delimiters, batch: Batch) -> None:
        for kind, at in self._early:
            self._odd(kind, batch, 0, at)
        self._early = []
        elements = text.split(marks.element)
        self._interchange = elements[13].strip() if len(elements) > 13 else ""
        if len(text) + 1 != 106:
            self._odd("isa_length", batch, 0, self._offset)
        if not marks.component:
            self._odd("isa_component", batch, 0, self._offset)
        if not marks.repetition and len(elements) > 12 and elements[12].strip() >= REPETITION_SINCE:
            self._odd("isa_repetition", batch, 0, self._offset)

    def _odd(self, kind: str, batch: Batch, index: int, offset: int) -> None:
        if kind not in self._told:
            self._told.add(kind)
            batch.odd.setdefault(index, []).append((kind, offset))

    def _binary_at(self, end: int, marks: Delimiters) -> int | None:
        """Where the first BIN or BDS begins in what is pending; None where there is none."""
        mark, found = marks.terminator.encode(), None
        for tag in _BINARY:
            at = self._at
            while (at := self._pending.find(tag + marks.element.encode(), at, end if found is None else found)) >= 0:
                if self._begins(at, mark):
                    found = at
                    break
                at += 3
        if found is None:
            return None
        while found > self._at and self._pending[found - 1 : found] != mark:
            found -= 1
        return found

    def _read_binary(self, marks: Delimiters, *, last: bool) -> Batch | None:
        """A BIN or BDS, by its counted length; None while it is not whole. One without a sound count ends at the next
        terminator, and is told."""
        mark = marks.terminator.encode()
        begin, at, parts, length = self._binary_head(marks)
        batch = Batch([], marks, self._ordinal + 1, self._back, offsets=[])
        stop = at + 1 + length
        if length < 0 or (len(self._pending) > stop and self._pending[stop : stop + 1] != mark):
            stop = self._pending.index(mark, begin)
            self._odd("binary_length", batch, 0, self._offset + begin - self._at)
            self._take(self._pending[self._at : stop], marks, batch)
        elif len(self._pending) <= stop:
            if last:
                raise self._malformed(
                    "the document stops in the middle of a segment",
                    "Fetch the file again; the transfer was cut short",
                    tag=self._pending[begin : begin + 3].decode(),
                )
            self._wanted = stop + 1 - self._at
            return None
        else:
            data = self._pending[at + 1 : stop].decode("latin-1")
            tag, *values = (each.decode("latin-1") for each in parts)
            batch.texts.append(tag + "*")  # Its values are in ``binaries``; as text it is never certainly valid.
            batch.binaries[0] = Segment(tag, tuple(((each,),) for each in (*values, data)))
            assert batch.offsets is not None, "it was just made"
            batch.offsets.append(self._offset + begin - self._at)
            self._ordinal += 1
        self._advance(stop + 1 - self._at)
        return batch

    def _binary_head(self, marks: Delimiters) -> tuple[int, int, list[bytes], int]:
        """Of a BIN or BDS that the pending bytes begin with: where it begins, where the separator before its data is,
        what stands before that, and how long it says its data is; -1 where it says no number."""
        separator = marks.element.encode()
        begin = self._at + len(self._pending[self._at :]) - len(self._pending[self._at :].lstrip(FILLERS))
        counter = _BINARY[self._pending[begin : begin + 3]]
        at = begin
        for _ in range(counter + 1):
            at = self._pending.find(separator, at + 1, begin + 64)
            if at < 0:
                break
        parts = self._pending[begin : at if at >= 0 else begin + 64].split(separator)
        length = int(parts[counter]) if at >= 0 and re.fullmatch(b"[0-9]{1,15}", parts[counter]) else -1
        if length > BINARY_LENGTH_MAX:
            fix = "Ask the sender to send smaller attachments"
            raise self._malformed(f"a binary segment is longer than {BINARY_LENGTH_MAX} bytes", fix)
        return begin, at, parts, length

    def _wait_for_binary(self, marks: Delimiters) -> int:
        """How much of what is pending, which holds no terminator, a BIN or BDS explains by its counted length."""
        head = self._pending[self._at : self._at + 64].lstrip(FILLERS)
        if head[:3] not in _BINARY or head[3:4] != marks.element.encode() or not self._ordinal:
            return 0
        _, at, _, length = self._binary_head(marks)
        if length < 0:
            return 0
        self._wanted = at + 1 + length + 1 - self._at
        return self._wanted

    def _open(self, *, last: bool) -> bool:
        """Skips what may stand before an ISA and learns its delimiters; False while more bytes are needed."""
        if not self._offset and self._pending[:3] == _BOM:
            self._advance(len(_BOM))
            self._early.append(("byte_order_mark", 0))
        elif not self._offset and not last and _BOM.startswith(self._pending):
            return False
        self._advance(len(self._pending) - self._at - len(self._pending[self._at :].lstrip(FILLERS)))
        head = self._pending[self._at : self._at + ISA_LENGTH_MAX]
        if not head:
            return False
        if not b"ISA".startswith(head[:3]):
            if len(head) < 4 and not last:
                return False  # What it is instead shows in four bytes.
            raise self._malformed(*self._what_instead(head))
        marks = sniff(head, last=last or len(head) == ISA_LENGTH_MAX)
        if isinstance(marks, str):
            raise self._malformed(
                marks, "Ask the sender for an ISA of sixteen elements, 106 characters in all", tag="ISA"
            )
        if marks is None:
            return False
        self._marks = marks
        self._begun += 1
        self._interchange = ""
        self._ordinal = 0
        self._told = set()
        self._learn(marks)
        return True

    def _learn(self, marks: Delimiters) -> None:
        """Finds which characters change places between the document's delimiters and the standard ones."""
        pairs = [(own, standard) for own, standard in zip(_four(marks), _four(STANDARD), strict=True) if own]
        there = {ord(own): ord(standard) for own, standard in pairs if own != standard}
        displaced = [each for each in there.values() if each not in {ord(own) for own, _ in pairs}]
        vacant = [each for each in there if each not in set(there.values())]
        there.update(zip(sorted(displaced), sorted(vacant), strict=True))
        self._unparted = "".join(
            standard
            for mark, standard in ((marks.component, STANDARD.component), (marks.repetition, STANDARD.repetition))
            if not mark
        )
        self._there, self._back = there, {new: old for old, new in there.items()}
        self._to_standard = bytes(there.get(each, each) for each in range(256)) if there else b""

    def _what_instead(self, head: bytes) -> tuple[str, str]:
        if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in head[:4]:
            return "the document is not plain bytes of text; it may be UTF-16 or compressed", _NO_ISA
        if self._begun:
            return "what follows the interchange does not begin with ISA", "Ask the sender to end the file after IEA"
        return "the document does not begin with ISA", _NO_ISA

    def _malformed(self, what: str, fix: str, *, tag: str = "") -> MalformedInterchange:
        number = self._ordinal + 1 if self._marks is not None else 0
        where = Position(interchange=self._interchange, segment=number, tag=tag, offset=self._offset)
        return MalformedInterchange(f"{what} (at byte {self._offset})", where=where, fix=fix)


def _short(text: str) -> bool:
    """Whether no segment of the text is too long: each window of that length, from a segment on, holds an end."""
    at = 0
    while len(text) - at > SEGMENT_LENGTH_MAX:
        end = text.rfind("~", at, at + SEGMENT_LENGTH_MAX + 1)
        if end < 0:
            return False
        at = end + 1
    return True


def _four(marks: Delimiters) -> tuple[str, str, str, str]:
    return marks.element, marks.component, marks.repetition, marks.terminator


_NO_ISA = "Send a whole X12 interchange, from its ISA to its IEA"
