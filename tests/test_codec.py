"""The reader's two lanes read the same, at any chunk size, whatever is odd about a document, and offsets are true.

Documents are put together here piece by piece, so that what each segment holds and where it begins is known.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from gateway.errors import MalformedInterchange
from gateway.x12.batch import Batch
from gateway.x12.codec import AT_ONCE, SEGMENT_LENGTH_MAX, Reader
from gateway.x12.tree import Delimiters, Segment, segment, standard_text
from gateway.x12.writer import write

Said = list[tuple[str, tuple[tuple[tuple[str, ...], ...], ...], int]]  # tag, elements, offset


class Careful(Reader):
    """Reads everything piece by piece."""

    def _split_tidy(self, region: bytes, marks: Delimiters) -> list[str] | None:
        return None


def _batches(reader: Reader, data: bytes, chunk: int) -> Iterator[Batch]:
    for start in range(0, len(data), chunk):
        yield from reader.batches(data[start : start + chunk])
    yield from reader.close_batches()


@dataclass
class Read:
    """All that a reader says of a document."""

    segments: Said = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    odd: list[tuple[int, str, int]] = field(default_factory=list)  # how many segments before it, kind, offset
    error: str = ""


def _read(reader: Reader, data: bytes, chunk: int) -> Read:
    read = Read()
    try:
        for batch in _batches(reader, data, chunk):
            for index in range(len(batch.texts)):
                one = batch.segment(index)
                assert one.offset == batch.offset(index)
                read.segments.append((one.tag, one.elements, one.offset))
            read.odd += [(len(read.texts) + index, kind, at) for index, odd in batch.odd.items() for kind, at in odd]
            read.texts += batch.texts
    except MalformedInterchange as error:
        read.error = str(error)
    return read


# --- Documents of which everything is known --------------------------------------------------------------------------

_MARKS = (
    Delimiters(),
    Delimiters(element="|", component="*", repetition="~", terminator="^"),
    Delimiters(element="+", component=">", repetition="", terminator="'"),
    Delimiters(element="\x1d", component="\x1f", repetition="\x1e", terminator="\x1c"),
    Delimiters(terminator="\n"),
    Delimiters(element="~", component="^", repetition=":", terminator="*"),
    Delimiters(repetition=""),
)
_HOW = ("plain", "empty", "indent", "folded", "trailing", "binary", "end")
_PUT = (b"", b"~", b"*", b"\n", b" ", b"\xff", b"ISA*", b"\nIEA*", b"~BIN*3*", b"\x00")
_ENDS = ("", "\n", "\r\n")
_letters = "ABC 019.-"
_values = st.one_of(
    st.text(_letters, min_size=1, max_size=6),
    st.text(_letters + "*:^~|+>'", min_size=1, max_size=4),
    st.sampled_from(["\u00e9", "Mu\u00f1oz", "\u6771\u4eac", "A\u00a0B"]),
)


@dataclass
class _Built:
    data: bytes = b""
    said: Said = field(default_factory=list)


@st.composite
def _documents(draw: st.DrawFn) -> _Built:
    built = _Built(data=draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf", b"\r\n", b" \x00"])))
    for _ in range(draw(st.integers(1, 3))):
        marks, tidy = draw(st.sampled_from(_MARKS)), draw(st.booleans())
        end = draw(st.sampled_from(_ENDS)) if marks.terminator != "\n" else ""
        _put(built, _isa(marks), marks.terminator + end)
        for _ in range(draw(st.integers(0, 6))):
            draw(_pieces(built, marks, end, tidy))
        _put(built, _segment(built, marks, "IEA", ((("0",),), (("000000001",),))), marks.terminator)
        built.data += draw(st.sampled_from([b"", b"\n", b"\r\n", b"\x1a", b"\x00\x00"]))
    return built


def _isa(marks: Delimiters) -> bytes:
    values = ["00", " " * 10, "00", " " * 10, "ZZ", "A" * 15, "ZZ", "B" * 15, "260302", "1200"]
    values += [marks.repetition or "U", "00501", "000000001", "0", "T", marks.component]
    return marks.element.join(["ISA", *values]).encode()


def _put(built: _Built, text: bytes, end: str) -> None:
    if text[:3] == b"ISA":
        values = text.decode().split(chr(text[3]))[1:]
        built.said.append(("ISA", tuple(((each,),) for each in values), len(built.data)))
    built.data += text + end.encode()


def _segment(built: _Built, marks: Delimiters, tag: str, elements: tuple[tuple[tuple[str, ...], ...], ...]) -> bytes:
    """The segment's bytes; what it should be read as is noted."""
    built.said.append((tag, elements, len(built.data)))
    texts = [marks.repetition.join(marks.component.join(parts) for parts in each) for each in elements]
    return marks.element.join([tag, *texts]).encode()


@st.composite
def _pieces(draw: st.DrawFn, built: _Built, marks: Delimiters, end: str, tidy: bool) -> None:
    """One segment or more with what stands around it."""
    held = {marks.element, marks.component, marks.repetition, marks.terminator}
    values = _values.map(lambda text: "".join(each for each in text if each not in held) or "A")
    parts = st.lists(values, min_size=1, max_size=3 if marks.component else 1).map(tuple)
    element = st.lists(parts, min_size=1, max_size=2 if marks.repetition else 1).map(tuple)
    elements = tuple(draw(st.lists(element, min_size=1, max_size=4)))
    ending = marks.terminator + end
    how = "plain" if tidy else draw(st.sampled_from(_HOW))
    if how == "empty" and not marks.terminator.isspace():
        built.data += (marks.terminator + end).encode() * draw(st.integers(1, 2))
    elif how == "indent":
        built.data += draw(st.sampled_from([b" ", b"\t ", b"\n  "]))
    elif how == "binary":
        count = draw(st.binary(max_size=12)) + marks.terminator.encode() * draw(st.integers(0, 2))
        built.said.append(("BIN", (((str(len(count)),),), ((count.decode("latin-1"),),)), len(built.data)))
        built.data += marks.element.join(["BIN", str(len(count)), ""]).encode() + count + ending.encode()
        return
    elif how == "end":
        ending = marks.terminator + draw(st.sampled_from(_ENDS)) if marks.terminator != "\n" else ending
    text = _segment(built, marks, draw(st.sampled_from(["REF", "N1", "HI", "ABC1", "A"])), elements)
    if how == "folded" and marks.terminator != "\n":
        at = draw(st.integers(4, len(text))) if len(text) > 4 else len(text)
        while at < len(text) and text[at] & 0xC0 == 0x80:
            at += 1  # Not inside of a character.
        text = text[:at] + b"\n" + text[at:]
    elif how == "trailing":
        text += marks.element.encode() * draw(st.integers(1, 3))
    built.data += text + ending.encode()


@seed(12)
@settings(max_examples=200, deadline=None)
@given(_documents(), st.integers(1, 60))
def test_what_is_read_is_what_was_written_at_its_place(built: _Built, chunk: int) -> None:
    read = _read(Reader(), built.data, chunk)
    assert not read.error
    assert read.segments == built.said
    for tag, _, offset in read.segments:
        assert built.data[offset:].startswith(tag.encode())


@seed(12)
@settings(max_examples=120, deadline=None)
@given(_documents(), st.integers(1, 60), st.data())
def test_both_lanes_read_the_same_at_any_chunk_size(built: _Built, chunk: int, data: st.DataObject) -> None:
    """Also of documents with bytes put in or left out anywhere, which may be no document any more."""
    text = built.data
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(text)))
        put = data.draw(st.sampled_from(_PUT))
        text = text[:at] + put + text[at + data.draw(st.integers(0, 3)) :]
    whole = _read(Reader(), text, len(text) + 1)
    for read in (_read(Careful(), text, len(text) + 1), _read(Reader(), text, chunk), _read(Careful(), text, chunk)):
        assert read == whole


@seed(12)
@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(_MARKS), st.integers(1, 60))
def test_any_bytes_behind_an_isa_are_read_the_same_by_both_lanes(noise: bytes, marks: Delimiters, chunk: int) -> None:
    text = _isa(marks) + marks.terminator.encode() + noise
    assert _read(Reader(), text, chunk) == _read(Careful(), text, len(text))


@seed(12)
@settings(max_examples=60, deadline=None)
@given(_documents())
def test_a_text_that_the_fast_path_sees_parts_like_its_segment(built: _Built) -> None:
    """What stands between the standard delimiters has the parts that the segment has, or ends in a separator, which
    no pattern lets through: a document without a repetition separator may hold the standard one as a character."""
    for batch in _batches(Reader(), built.data, 1 << 20):
        for index, text in enumerate(batch.texts):
            one = batch.segment(index)
            if one.tag != "ISA" and not text.endswith("*"):
                assert len(Segment.from_text(text).elements) == len(one.elements)
                for ordinal in range(1, len(one.elements) + 1):
                    shape = [len(each) for each in Segment.from_text(text).repetitions(ordinal)]
                    assert shape == [len(each) for each in one.repetitions(ordinal)]


@pytest.mark.parametrize("size", [1, 1000, AT_ONCE, SEGMENT_LENGTH_MAX + 1, 200_000])
@pytest.mark.parametrize("filling", [b"x", b"~", b"\x00"])
@pytest.mark.parametrize("tag", ["BIN*", "BDS*B64*"])
def test_a_binary_segment_is_as_long_as_it_says(size: int, filling: bytes, tag: str) -> None:
    head = _isa(Delimiters()) + b"~GS*PI~"
    data = head + f"{tag}{size}*".encode() + filling * size + b"~REF*A~IEA*0*000000001~"
    for chunk in (len(data), 4096, AT_ONCE + 7):
        read = _read(Reader(), data, chunk)
        assert not read.error
        assert [tag for tag, _, _ in read.segments] == ["ISA", "GS", tag[:3], "REF", "IEA"]
        assert read.segments[2][1][-1] == ((filling.decode() * size,),)
        assert read.segments[3][2] == data.index(b"REF")


@pytest.mark.parametrize("count", ["", "11a", "3", "6", "-1", "4.0"])
def test_a_binary_segment_with_a_wrong_count_ends_at_its_terminator(count: str) -> None:
    data = _isa(Delimiters()) + f"~BIN*{count}*ABCD~REF*A~IEA*0*000000001~".encode()
    for chunk in (1, 7, len(data)):
        read = _read(Reader(), data, chunk)
        assert [(tag, elements) for tag, elements, _ in read.segments[1:3]] == [
            ("BIN", (((count,),), (("ABCD",),))),
            ("REF", ((("A",),),)),
        ]


def test_a_binary_segment_that_never_ends_is_told() -> None:
    data = _isa(Delimiters()) + b"~BIN*4000*ABCD~REF*A~IEA*0*000000001~"
    assert "stops in the middle of a segment" in _read(Reader(), data, 9).error
    assert "longer than" in _read(Reader(), data.replace(b"4000", b"400000000"), 9).error


@pytest.mark.parametrize("chunk", [1000, AT_ONCE, 1 << 20])
@pytest.mark.parametrize("lane", [Reader, Careful])
def test_the_longest_segment_is_read_and_a_longer_one_is_not(lane: type[Reader], chunk: int) -> None:
    head, tail = _isa(Delimiters()) + b"~GS*HC~", b"~SE*1~IEA*0*000000001~"
    longest = b"NTE*ADD*".ljust(SEGMENT_LENGTH_MAX, b"x")
    assert not _read(lane(), head + longest + tail, chunk).error
    error = _read(lane(), head + longest + b"x" + tail, chunk).error
    assert f"longer than {SEGMENT_LENGTH_MAX} bytes" in error


def test_nothing_comes_of_empty_chunks() -> None:
    reader = Reader()
    assert not list(reader.batches(b""))
    assert not list(reader.feed(b""))
    data = _isa(Delimiters()) + b"~IEA*0*000000001~"
    found = [*reader.feed(data[:50]), *reader.feed(b""), *reader.feed(data[50:]), *reader.feed(b""), *reader.close()]
    assert [each.tag for each in found] == ["ISA", "IEA"]


def test_a_document_of_nothing_is_none() -> None:
    assert "whole ISA" in _read(Reader(), b"", 1).error
    assert "whole ISA" in _read(Reader(), b"\r\n \x00", 1).error


@pytest.mark.parametrize("marks", _MARKS)
def test_what_was_built_and_what_was_read_are_one_text_to_the_fast_path(marks: Delimiters) -> None:
    """Unless a value holds one of the standard delimiters: then neither is certainly valid."""
    built = [segment("REF", "EI", "1 2.3"), segment("N1", "A|B"), segment("NTE", "ADD", "a+b>c'")]
    sound = [each for each in built if not any(mark and mark in "".join(each.parts or []) for mark in "|+>'")]
    for each in sound:
        if any(mark and mark in standard_text(each).replace("*", "") for mark in "|+>'"):
            continue
        data = _isa(marks) + marks.terminator.encode() + write([each], marks) + b""
        (read,) = [text for batch in _batches_open(data) for text in batch.texts if not text.startswith("ISA")]
        assert read == standard_text(each)


def _batches_open(data: bytes) -> Iterator[Batch]:
    yield from Reader().batches(data)
