"""The wire: what is written is read again at any chunk size, oddities are told, nonsense gets one clear error."""

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import Finding, GatewayError, MalformedInterchange, Position, Severity
from gateway.x12 import guide, registry
from gateway.x12.codec import SEGMENT_LENGTH_MAX, Reader
from gateway.x12.envelope import Part, unwrap
from gateway.x12.explain import explain
from gateway.x12.guide import Walked
from gateway.x12.headers import GroupHeader, InterchangeHeader, SetBody, TechnicalAcknowledgment, TransactionSet
from gateway.x12.tree import Delimiters, Segment, segment
from gateway.x12.validate import Examined, examine
from gateway.x12.wrapping import wrap
from gateway.x12.writer import write

NOON = datetime(2026, 3, 2, 12, 0)
PROFESSIONAL = "837.5010.X222.A1.xml"
REMITTANCE = "835.5010.X221.A1.xml"
ACKNOWLEDGMENT = "999.5010X231.A1.xml"
CLAIM_ACKNOWLEDGMENT = "277.5010.X214.xml"

CLAIM = """\
ST*837*0001*005010X222A1~BHT*0019*00*B1*20260302*1200*CH~NM1*41*2*CLINIC*****46*S1~PER*IC*DESK*TE*5551230000~
NM1*40*2*PAYER*****46*R1~HL*1**20*1~PRV*BI*PXC*225100000X~NM1*85*2*CLINIC*****XX*1234567893~N3*1 MAIN ST~
N4*AUSTIN*TX*787010001~REF*EI*123456789~HL*2*1*22*0~SBR*P*18*******CI~NM1*IL*1*DOE*JO****MI*M1~N3*2 OAK ST~
N4*AUSTIN*TX*78701~DMG*D8*19800101*F~NM1*PR*2*PAYER*****PI*P1~CLM*C1*120***11:B:1*Y*A*Y*Y~HI*ABK:M545~
LX*1~SV1*HC:97110:GP*120*UN*2***1~DTP*472*D8*20260301~SE*24*0001~"""


def read(data: bytes, chunk: int = 1 << 20) -> list[Segment]:
    reader = Reader()
    found: list[Segment] = []
    for start in range(0, len(data), chunk):
        found += reader.feed(data[start : start + chunk])
    return [*found, *reader.close()]


def isa(marks: Delimiters | None = None) -> bytes:
    """An ISA without its terminator."""
    return wrap(header(marks), []).split((marks or Delimiters()).terminator.encode())[0]


def header(marks: Delimiters | None = None) -> InterchangeHeader:
    return InterchangeHeader(
        sender_qualifier="ZZ",
        sender="CLINICS",
        receiver_qualifier="ZZ",
        receiver="PAYER",
        created=NOON,
        control_number="000000001",
        usage="T",
        delimiters=marks or Delimiters(),
    )


def group(number: str = "1", functional_id: str = "HC", version: str = "005010X222A1") -> GroupHeader:
    return GroupHeader(
        functional_id=functional_id,
        sender="CLINICS",
        receiver="PAYER",
        created=NOON,
        control_number=number,
        version=version,
    )


def body(text: str) -> list[Segment]:
    """Segments written as text, in the default delimiters."""
    whole = isa() + b"~" + text.replace("\n", "").encode() + b"IEA*0*000000001~"
    return read(whole)[1:-1]


def parts(data: bytes) -> list[Part]:
    return list(unwrap([data]))


def findings(data: bytes) -> list[Finding]:
    found: list[Finding] = []
    for each in parts(data):
        found += [each] if isinstance(each, Finding) else each.findings if isinstance(each, TransactionSet) else []
    return found


def shown(found: Sequence[Finding]) -> list[str]:
    """Rule and place, as ``x12.element.missing 2300 CLM05-01``."""
    places = [each.where for each in found]
    assert all(isinstance(place, Position) for place in places)
    return [
        " ".join(filter(None, (each.rule.removeprefix("x12."), place.loop, place.reference)))
        for each, place in zip(found, places, strict=True)
        if isinstance(place, Position)
    ]


def walk(name: str, text: str) -> Walked:
    return guide.load(name).walk(body(text), Position(set="0001"))


# --- codec ---------------------------------------------------------------------------------------------------------

PUNCTUATION = "*:^~|>!`_\x1d\x1c\n"
marks_of_all_kinds = (
    st.permutations(PUNCTUATION)
    .map(lambda order: Delimiters(element=order[0], component=order[1], repetition=order[2], terminator=order[3]))
    .filter(lambda marks: "\n" not in (marks.element, marks.component, marks.repetition))
)
values = st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters=PUNCTUATION), max_size=8)
filled = values.filter(bool)
composites = st.builds(lambda head, last: (*head, last), st.lists(values, max_size=3), filled)
elements = st.builds(lambda head, last: (*head, last), st.lists(composites, max_size=2), composites)
tags = st.from_regex("[A-Z][A-Z0-9]{1,2}", fullmatch=True).filter(lambda tag: tag not in ("ISA", "IEA"))
segments = st.builds(
    lambda tag, head, last: Segment(tag, (*head, last)),
    tags,
    st.lists(st.just((("",),)) | elements, max_size=4),
    elements,
)


@given(body=st.lists(segments, max_size=6), marks=marks_of_all_kinds, chunk=st.integers(1, 200))
def test_reader_inverts_write_at_any_chunk_size(body: list[Segment], marks: Delimiters, chunk: int) -> None:
    head = read(isa(marks=marks) + marks.terminator.encode())
    data = write([*head, *body], marks)
    assert read(data, chunk) == [*head, *body]


@given(
    st.lists(st.tuples(st.lists(segments, max_size=3), marks_of_all_kinds), min_size=1, max_size=4), st.integers(1, 99)
)
def test_each_interchange_of_a_file_has_its_own_delimiters(
    interchanges: list[tuple[list[Segment], Delimiters]], chunk: int
) -> None:
    data, expected = b"", []
    for body_, marks in interchanges:
        whole = [*read(isa(marks=marks) + marks.terminator.encode()), *body_, segment("IEA", "0", "000000001")]
        data += write(whole, marks) + b"\r\n"
        expected += whole
    assert read(data, chunk) == expected


SAMPLE = wrap(header(), [(group(), [SetBody(type="837", control_number="0001", version="005010X222A1", segments=())])])

ODD_FORMS = {
    "line feeds": (SAMPLE.replace(b"~", b"~\n"), []),
    "carriage returns and line feeds": (SAMPLE.replace(b"~", b"~\r\n"), []),
    "a line end before the terminator": (SAMPLE.replace(b"~", b"\n~"), []),
    "a line end as the terminator": (SAMPLE.replace(b"~", b"\n"), []),
    "a carriage return as the terminator": (SAMPLE.replace(b"~", b"\r"), []),
    "both as the terminator": (SAMPLE.replace(b"~", b"\r\n"), []),
    "a group separator as the terminator": (SAMPLE.replace(b"~", b"\x1d"), []),
    "indented segments": (SAMPLE.replace(b"~", b"~\n  "), ["indented"]),
    "a byte order mark": (b"\xef\xbb\xbf" + SAMPLE, ["byte_order_mark"]),
    "blank lines around": (b"\n\n" + SAMPLE + b"\n\n\x1a", []),
    "an ISA without padding": (SAMPLE.replace(b" ", b""), ["isa_length"]),
    "ISA11 of the version before": (SAMPLE.replace(b"*^*", b"*U*"), ["isa_repetition"]),
    "no component separator": (SAMPLE.replace(b"*:~", b"*~"), ["isa_length", "isa_component"]),
    "an empty segment": (SAMPLE.replace(b"~ST", b"~~ST"), ["empty"]),
    "a line break in a segment": (SAMPLE.replace(b"ST*837", b"ST*8\n37"), ["folded"]),
    "a separator at the end": (SAMPLE.replace(b"X222A1~S", b"X222A1*~S"), ["trailing_separator"]),
    "no last terminator": (SAMPLE[:-1], ["unterminated"]),
}


@pytest.mark.parametrize(("data", "odd"), ODD_FORMS.values(), ids=ODD_FORMS)
@pytest.mark.parametrize("chunk", [1, 50, 1000])
def test_odd_forms_are_read_and_told_as_warnings(data: bytes, odd: list[str], chunk: int) -> None:
    found = list(unwrap(data[start : start + chunk] for start in range(0, len(data), chunk)))
    told = [each for each in found if isinstance(each, Finding)]
    sets = [each for each in found if isinstance(each, TransactionSet)]
    assert [each.rule for each in told] == [f"x12.codec.{kind}" for kind in odd]
    assert {each.severity for each in told} <= {Severity.WARN}
    assert [(each.type, each.control_number, each.version, each.findings) for each in sets] == [
        ("837", "0001", "005010X222A1", ())
    ]


def test_nothing_is_split_at_a_letter() -> None:
    data = isa().replace(b"*^*", b"*U*") + b"~HCR*A3**0U~"
    assert read(data)[-1] == segment("HCR", "A3", "", "0U")


def test_text_that_is_not_utf8_is_read_byte_for_byte() -> None:
    assert read(isa() + b"~NM1*IL*1*Mu\xf1oz~")[-1].at(3) == "Muñoz"
    assert read(isa() + "~NM1*IL*1*Muñoz~".encode())[-1].at(3) == "Muñoz"


def test_segments_are_numbered_in_their_set_and_placed_in_the_document() -> None:
    numbered = [(each.tag, each.number) for each in read(SAMPLE + SAMPLE)]
    once = [("ISA", 1), ("GS", 2), ("ST", 1), ("SE", 2), ("GE", 5), ("IEA", 6)]
    assert numbered == once + once
    assert all(SAMPLE[each.offset :].startswith(each.tag.encode()) for each in read(SAMPLE))


UNREADABLE = {
    "nothing": (b"", 0, "whole ISA"),
    "only blanks": (b"\r\n ", 3, "whole ISA"),
    "text": (b"hello, world", 0, "does not begin with ISA"),
    "a set without envelope": (b"ST*837*0001~", 0, "does not begin with ISA"),
    "UTF-16": ("ISA*00*".encode("utf-16"), 0, "UTF-16"),
    "half an ISA": (SAMPLE[:60], 0, "whole ISA"),
    "ISA alone": (b"ISA", 0, "whole ISA"),
    "an ISA of fifteen elements": (SAMPLE.replace(b"*T*:", b"*T"), 0, "ISA16"),
    "letters for separators": (b"ISAAND OTHER WORDS OF NO MEANING AT ALL TO A READER", 0, "separator"),
    "half a segment": (SAMPLE[:-20], len(SAMPLE) - 23, "middle of a segment"),
    "text after the interchange": (SAMPLE + b"\nThank you", len(SAMPLE) + 1, "does not begin with ISA"),
    "no terminator": (SAMPLE[:106] + b"A" * (SEGMENT_LENGTH_MAX + 2), 106, "longer than"),
}


@pytest.mark.parametrize(("data", "offset", "words"), UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("chunk", [13, 1 << 20])
def test_what_cannot_be_read_says_where_and_how_to_mend_it(data: bytes, offset: int, words: str, chunk: int) -> None:
    with pytest.raises(MalformedInterchange, match=words) as raised:
        read(data, chunk)
    assert isinstance(raised.value.where, Position)
    assert raised.value.where.offset == offset
    assert raised.value.fix


def test_what_came_before_the_unreadable_is_kept() -> None:
    found = unwrap([SAMPLE, b"rubbish"])
    assert [type(next(found)) for _ in range(2)] == [InterchangeHeader, TransactionSet]
    with pytest.raises(MalformedInterchange):
        next(found)


@pytest.mark.parametrize("value", ["A*B", "A:B", "A^B", "A~B", "A\nB", "A\x1dB", "\ud800"])
def test_write_refuses_what_would_be_read_as_something_else(value: str) -> None:
    with pytest.raises(GatewayError, match="cannot be sent") as raised:
        write([segment("REF", "G1", value)], Delimiters())
    assert value not in str(raised.value)
    assert str(raised.value.where) == "REF02"


def test_write_refuses_parts_without_a_separator_for_them() -> None:
    with pytest.raises(GatewayError, match="no separator"):
        write([Segment("HCR", ((("A",), ("B",)),))], Delimiters(repetition=""))


def test_write_leaves_out_what_is_empty_at_an_end() -> None:
    padded = Segment("SV1", ((("HC", "97110", "", ""),), (("1",),), (("",), ("",)), (("",),)))
    assert write([padded], Delimiters()) == b"SV1*HC:97110*1~"


# --- envelopes -----------------------------------------------------------------------------------------------------

texts = st.from_regex("[A-Z0-9]{2,15}", fullmatch=True)
numbers = st.integers(1, 999_999_999)
interchange_headers = st.builds(
    InterchangeHeader,
    sender_qualifier=st.sampled_from(["ZZ", "30", "01"]),
    sender=texts,
    receiver_qualifier=st.sampled_from(["ZZ", "30"]),
    receiver=texts,
    created=st.datetimes(datetime(2000, 1, 1), datetime(2049, 1, 1)).map(
        lambda at: at.replace(second=0, microsecond=0)
    ),
    control_number=numbers.map(lambda number: f"{number:09}"),
    usage=st.sampled_from("TP"),
    acknowledgment_requested=st.booleans(),
    delimiters=st.builds(Delimiters, line_end=st.sampled_from(["", "\n", "\r\n"])),
)
inner = segments.filter(lambda each: each.tag not in ("ST", "SE", "GS", "GE", "TA1"))


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[InterchangeHeader, list[tuple[GroupHeader, list[SetBody]]]]:
    interchange = draw(interchange_headers)
    assert interchange.created is not None
    groups = []
    for ordinal in range(draw(st.integers(0, 2))):
        version = draw(st.sampled_from(["005010X222A1", "005010X217"]))
        one = replace(group(str(ordinal + 1), version=version), created=interchange.created)
        bodies = [
            SetBody(
                type="837",
                control_number=f"{count + 1:04}",
                version=version,
                segments=draw(st.lists(inner, max_size=3)),
            )
            for count in range(draw(st.integers(0, 3)))
        ]
        groups.append((one, bodies))
    return interchange, groups


@given(exchanges(), st.integers(1, 300))
@settings(max_examples=60)
def test_unwrap_inverts_wrap(
    exchange: tuple[InterchangeHeader, list[tuple[GroupHeader, list[SetBody]]]], chunk: int
) -> None:
    interchange, groups = exchange
    data = wrap(interchange, groups)
    found = list(unwrap(data[start : start + chunk] for start in range(0, len(data), chunk)))
    sets = [each for each in found if isinstance(each, TransactionSet)]
    assert found[0] == interchange
    assert len(found) == 1 + len(sets)
    assert [(each.group, each.type, each.control_number, list(each.segments[1:-1])) for each in sets] == [
        (one, each.type, each.control_number, list(each.segments)) for one, bodies in groups for each in bodies
    ]
    assert not any(each.findings for each in sets)


def test_an_isa_is_106_characters_long() -> None:
    assert len(isa()) + 1 == 106


WRONG_ENVELOPES = {
    "SE01": (b"SE*2*", b"SE*3*", ["set.count SE01"], {"IK502": "4"}),
    "SE02": (b"SE*2*0001", b"SE*2*0002", ["set.control_numbers SE02"], {"IK502": "3"}),
    "no SE": (b"SE*2*0001~", b"", ["set.trailer_missing SE"], {"IK502": "2"}),
    "ST02": (b"*0001", b"*1", ["set.control_number ST02"], {"IK502": "7"}),
    "GE01": (b"GE*1*", b"GE*2*", ["group.count GE01"], {"AK905": "5", "AK902": "2"}),
    "GE02": (b"GE*1*1", b"GE*1*7", ["group.control_numbers GE02"], {"AK905": "4"}),
    "no GE": (b"GE*1*1~", b"", ["group.trailer_missing"], {"AK905": "3"}),
    "IEA01": (b"IEA*1*", b"IEA*0*", ["interchange.count IEA01"], {"TA105": "021"}),
    "IEA02": (b"IEA*1*000000001", b"IEA*1*000000009", ["interchange.control_numbers IEA02"], {"TA105": "001"}),
    "no IEA": (b"IEA*1*000000001~", b"", ["interchange.trailer_missing"], {"TA105": "023"}),
    "usage": (b"*T*", b"*X*", ["interchange.usage ISA15"], {"TA105": "020"}),
    "date": (b"*260302*", b"*269902*", ["interchange.date ISA09"], {"TA105": "014"}),
}


@pytest.mark.parametrize(("old", "new", "rules", "codes"), WRONG_ENVELOPES.values(), ids=WRONG_ENVELOPES)
def test_a_wrong_envelope_is_told_with_its_code(
    old: bytes, new: bytes, rules: list[str], codes: dict[str, str]
) -> None:
    assert SAMPLE.count(old)
    found = findings(SAMPLE.replace(old, new))
    assert shown(found) == rules
    assert found[0].codes == codes


def test_sets_of_one_number_are_told() -> None:
    one = SetBody(type="837", control_number="0001", version="005010X222A1", segments=())
    found = findings(wrap(header(), [(group(), [one, one]), (group("2"), [one])]))
    assert shown(found) == ["set.control_number_repeated ST02"]


def test_a_set_that_was_cut_off_comes_with_its_finding() -> None:
    data = interchange(CLAIM)
    found = unwrap([data[: data.index(b"SV1*") + 6]])
    assert isinstance(next(found), InterchangeHeader)
    cut = next(found)
    assert isinstance(cut, TransactionSet)
    assert [each.rule for each in cut.findings] == ["x12.set.trailer_missing"]
    with pytest.raises(MalformedInterchange, match="middle of a segment") as raised:
        next(found)
    assert str(raised.value.where) == "interchange 000000001, group 1, set 0001, segment 22, SV1"


TA1 = segment("TA1", "000000012", "260301", "0815", "R", "025")


def test_a_ta1_between_isa_and_gs_alone_and_twice() -> None:
    one = SetBody(type="837", control_number="0001", version="005010X222A1", segments=())
    for groups, technical in (([(group(), [one])], [TA1]), ([], [TA1]), ([], [TA1, TA1])):
        found = parts(wrap(header(), groups, technical))
        answers = [each for each in found if isinstance(each, TechnicalAcknowledgment)]
        assert [(each.control_number, each.created_on, each.created_at, each.code, each.note) for each in answers] == [
            ("000000012", date(2026, 3, 1), time(8, 15), "R", "025")
        ] * len(technical)
        assert not [each for each in found if isinstance(each, Finding)]


def test_a_ta1_after_a_group_is_read_and_told() -> None:
    data = SAMPLE.replace(b"IEA", write([TA1], Delimiters()) + b"IEA")
    found = parts(data)
    assert [type(each) for each in found[-2:]] == [Finding, TechnicalAcknowledgment]
    assert shown(findings(data)) == ["ta1.place TA1"]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"sender": "A" * 16}, "ISA06"),
        ({"sender": "A*B"}, "ISA06"),
        ({"control_number": "1234567890"}, "ISA13"),
        ({"control_number": "A"}, "ISA13"),
        ({"usage": ""}, "ISA15"),
    ],
)
def test_wrap_refuses_a_header_that_does_not_fit(changes: dict[str, str], place: str) -> None:
    with pytest.raises(GatewayError) as raised:
        wrap(replace(header(), **changes), [])  # type: ignore[arg-type]  # only texts are changed
    assert raised.value.where == place
    assert raised.value.fix


# --- guides --------------------------------------------------------------------------------------------------------


def test_a_sound_claim_stands_in_nested_loops() -> None:
    walked = walk(PROFESSIONAL, CLAIM)
    assert walked.findings == ()
    outline = [(loop.id, [each.tag for each in loop.segments]) for loop in walked.root.walk()]
    assert outline == [
        ("ST_LOOP", ["BHT"]),
        ("1000A", ["NM1", "PER"]),
        ("1000B", ["NM1"]),
        ("2000A", ["HL", "PRV"]),
        ("2010AA", ["NM1", "N3", "N4", "REF"]),
        ("2000B", ["HL", "SBR"]),
        ("2010BA", ["NM1", "N3", "N4", "DMG"]),
        ("2010BB", ["NM1"]),
        ("2300", ["CLM", "HI"]),
        ("2400", ["LX", "SV1", "DTP"]),
    ]
    assert [each.id for each in walked.root.loops] == ["1000A", "1000B", "2000A"]
    paths = {each.loop for each in walked.guides if each}
    assert "2000A/2000B/2300/2400" in paths


def test_a_set_may_be_walked_without_its_st_and_se() -> None:
    whole = walk(PROFESSIONAL, CLAIM)
    bare = guide.load(PROFESSIONAL).walk([Segment(each.tag, each.elements) for each in body(CLAIM)[1:-1]], Position())
    assert bare.findings == ()
    assert bare.root == whole.root


BROKEN_CLAIMS = {
    "a level without the child that it announces": (("HL*2*1*22*0", "HL*2*1*22*1"), ["hl.child 2000A/2000B HL04 7"]),
    "a line without its service": (
        ("LX*1~", "LX*1~LX*2~"),
        ["segment.missing 2000A/2000B/2300/2400 SV1 3", "segment.missing 2000A/2000B/2300/2400 DTP 3"],
    ),
    "a claim with nothing beneath": (
        ("CLM*C1", "CLM*C0*120***11:B:1*Y*A*Y*Y~CLM*C1"),
        ["segment.missing 2000A/2000B/2300 HI 3", "segment.missing 2000A/2000B/2300/2400 LX 3"],
    ),
    "a missing segment beside one of its position": (("N3*1 MAIN ST~", ""), ["segment.missing 2000A/2010AA N3 3"]),
    "a missing first segment": (("BHT*0019*00*B1*20260302*1200*CH~", ""), ["segment.missing BHT 3"]),
    "a missing loop": (("NM1*PR*2*PAYER*****PI*P1~", ""), ["segment.missing 2000A/2000B/2010BB NM1 3"]),
    "a segment of nowhere": (("HI*", "ZZZ*1~HI*"), ["segment.unexpected 2000A/2000B/2300 ZZZ 2"]),
    "a segment of elsewhere": (("HI*", "AK1*1~HI*"), ["segment.unexpected 2000A/2000B/2300 AK1 2"]),
    "a tag that is none": (("HI*", "Jo Doe*1~HI*"), ["segment.unexpected 2000A/2000B/2300 1"]),
    "an end in the middle": (("HI*", "SE*1*0001~HI*"), ["segment.unexpected 2000A/2000B/2300 SE 2"]),
    "a segment too many": (("BHT*", "BHT*0019*00*B0*20260302*1200*CH~BHT*"), ["segment.repeated BHT 5"]),
    "a loop too many": (("NM1*40", "NM1*40*2*PAYER*****46*R1~NM1*40"), ["segment.loop_repeated 1000B NM1 4"]),
    "elements too many": (("PRV*BI*PXC*225100000X", "PRV*BI*PXC*225100000X****1"), ["element.too_many 2000A PRV07 3"]),
    "components too many": (
        ("HI*ABK:M545", "HI*ABK:M545" + ":" * 9 + "9"),
        ["element.components 2000A/2000B/2300 HI01 13"],
    ),
    "components in a simple element": (("CLM*C1", "CLM*C1:2"), ["element.components 2000A/2000B/2300 CLM01 13"]),
    "a repetition too many": (("*20260301", "*20260301^20260302"), ["element.repeated 2000A/2000B/2300/2400 DTP03 12"]),
    "a missing element": (("CLM*C1*120", "CLM*C1*"), ["element.missing 2000A/2000B/2300 CLM02 1"]),
    "a missing component": (("*11:B:1*", "*11:B*"), ["element.missing 2000A/2000B/2300 CLM05-03 1"]),
    "a missing composite": (("*11:B:1*", "**"), ["element.missing 2000A/2000B/2300 CLM05 1"]),
    "a value too short": (("*1234567893", "*1"), ["element.short 2000A/2010AA NM109 4"]),
    "a value too long": (("*C1*", f"*{'C' * 39}*"), ["element.long 2000A/2000B/2300 CLM01 5"]),
    "another alphabet": (("*DOE*", "*Δ*"), ["element.character 2000A/2000B/2010BA NM103 6"]),
    "a sign for a number": (
        ("*120***", "*-***"),
        ["element.short 2000A/2000B/2300 CLM02 4", "element.character 2000A/2000B/2300 CLM02 6"],
    ),
    "a letter for a number": (("*120***", "*12O***"), ["element.character 2000A/2000B/2300 CLM02 6"]),
    "another code": (("11:B:1", "11:C:1"), ["element.code 2000A/2000B/2300 CLM05-02 7"]),
    "a code of no list": (("*TX*78701~", "*TZ*78701~"), ["code.unknown 2000A/2000B/2010BA N402 7"]),
    "a day that is none": (("*20260301", "*20260231"), ["element.date 2000A/2000B/2300/2400 DTP03 8"]),
    "a range of two hyphens": (
        ("D8*20260301", "RD8*20260301-20260302-20260303"),
        ["element.date 2000A/2000B/2300/2400 DTP03 8"],
    ),
    "a time that is none": (("*1200*CH", "*2560*CH"), ["element.time BHT05 9"]),
    "an element that is not used": (
        ("HL*1**20", "HL*1*0*20"),
        ["element.not_used 2000A HL02 I10", "hl.parent 2000A HL02 7"],
    ),
    "elements that go together": (("*5551230000", "*5551230000*EX"), ["element.conditional 1000A PER06 2"]),
    "another form": (("F~NM1*PR", "F~REF*SY*12-3456789~NM1*PR"), ["element.pattern 2000A/2000B/2010BA REF02 I12"]),
    "a level out of count": (("HL*2*1*22", "HL*3*1*22"), ["hl.number 2000A/2000B HL01 7"]),
    "a level under none": (("HL*2*1*22", "HL*2*9*22"), ["hl.parent 2000A/2000B HL02 7"]),
    "a line out of count": (("LX*1~", "LX*4~"), ["lx.number 2000A/2000B/2300/2400 LX01 7"]),
}


@pytest.mark.parametrize(("change", "expected"), BROKEN_CLAIMS.values(), ids=BROKEN_CLAIMS)
def test_each_mistake_in_a_claim_is_told_once_with_its_place_and_code(
    change: tuple[str, str], expected: list[str]
) -> None:
    text = CLAIM.replace("\n", "")
    assert change[0] in text
    found = walk(PROFESSIONAL, text.replace(*change, 1)).findings
    codes = [dict(each.codes or {}) for each in found]
    assert [
        f"{place} {each.get('IK403') or each['IK304']}" for place, each in zip(shown(found), codes, strict=True)
    ] == expected
    assert all(("IK403" in each) == (each["IK304"] == "8") for each in codes)
    assert all(each.fix and (each.source == PROFESSIONAL or each.snip == 5) for each in found)


def test_a_missing_segment_is_placed_where_it_should_stand() -> None:
    found = walk(PROFESSIONAL, CLAIM.replace("\n", "").replace("N3*1 MAIN ST~", "")).findings
    assert [each.where.segment for each in found if isinstance(each.where, Position)] == [9]  # Right after NM1*85.


def test_blanks_at_an_end_are_only_a_warning() -> None:
    found = walk(PROFESSIONAL, CLAIM.replace("*B1*", "*B1  *")).findings
    assert [(each.rule, each.severity) for each in found] == [("x12.element.trailing_blanks", Severity.WARN)]


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_no_finding_quotes_a_value(data: st.DataObject) -> None:
    """Each value in turn becomes a word that stands in no guide, and the words of the findings are searched for it."""
    secret = data.draw(st.sampled_from(["Xyzzyva", "1984Q0731", "Ωmega9"]))
    given_segments = body(CLAIM)
    index = data.draw(st.integers(1, len(given_segments) - 2))
    one = given_segments[index]
    element = data.draw(st.integers(0, len(one.elements) - 1))
    changed = Segment(one.tag, (*one.elements[:element], ((secret,),), *one.elements[element + 1 :]), one.number)
    walked = guide.load(PROFESSIONAL).walk([*given_segments[:index], changed, *given_segments[index + 1 :]], Position())
    for each in walked.findings:
        assert secret not in str(each.as_json())


ANSWER = """\
ST*999*0001*005010X231A1~AK1*HC*1*005010X222A1~AK2*837*0001*005010X222A1~IK3*CLM*19*2300*8~
CTX*SITUATIONAL TRIGGER*CLM*19**5:3~CTX*CLM01:C1~IK4*5:3*1325*1~CTX*SITUATIONAL TRIGGER*CLM*19~
IK5*R*5~AK9*R*1*1*0~SE*11*0001~"""


def test_both_kinds_of_context_stand_in_a_999() -> None:
    walked = walk(ACKNOWLEDGMENT, ANSWER)
    assert walked.findings == ()
    names = [each.name for each in walked.guides if each and each.tag == "CTX"]
    assert names == ["Segment Context", "Business Unit Identifier", "Element Context"]


CLAIM_STATUS = """\
ST*277*0001*005010X214~BHT*0085*08*R1*20260302*1200*TH~HL*1**20*1~NM1*PR*2*PAYER*****PI*P1~TRN*1*T1~
DTP*050*D8*20260302~DTP*009*D8*20260302~HL*2*1*21*1~NM1*41*2*CLINIC*****46*S1~TRN*2*B1~
STC*A1:19:PR*20260302*WQ*120~HL*3*2*19*1~NM1*85*2*CLINIC*****XX*1234567893~HL*4*3*PT~
NM1*QC*1*DOE*JO****MI*M1~TRN*2*C1~STC*A2:20:PR*20260302*WQ*120~REF*1K*P1~DTP*472*D8*20260301~SE*20*0001~"""


def test_a_277ca_may_leave_the_providers_status_out_or_end_at_the_receiver() -> None:
    walked = walk(CLAIM_ACKNOWLEDGMENT, CLAIM_STATUS)
    assert walked.findings == ()
    assert [loop.id for loop in walked.root.walk()][-3:] == ["2000D", "2100D", "2200D"]
    rejected = CLAIM_STATUS.replace("\n", "").split("HL*3")[0].replace("*21*1", "*21*0") + "SE*11*0001~"
    assert walk(CLAIM_ACKNOWLEDGMENT, rejected).findings == ()


def test_an_835_without_its_first_segment_keeps_the_rest_in_place() -> None:
    text = "ST*835*0001~TRN*1*T1*1234567890~N1*PR*PAYER~N3*1 MAIN~N4*AUSTIN*TX*78701~PER*BL*DESK*TE*5551230000~"
    walked = walk(REMITTANCE, text + "N1*PE*CLINIC*XX*1234567893~LX*1~CLP*C1*1*120*120**12*P1~SE*10*0001~")
    assert shown(walked.findings) == ["segment.missing BPR", "segment.missing 2000/2100 NM1"]
    assert [loop.id for loop in walked.root.walk()] == ["ST_LOOP", "1000A", "1000B", "2000", "2100"]


def test_an_835_is_not_refused_for_an_st03() -> None:
    text = "ST*835*0001*005010X221A1~TRN*1*T1*1234567890~SE*3*0001~"
    assert "element.not_used ST03" not in shown(walk(REMITTANCE, text).findings)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (("837", "005010X222A1", "00"), PROFESSIONAL),
        (("835", "005010X221A1", ""), REMITTANCE),
        (("999", "005010X231A1", ""), ACKNOWLEDGMENT),
        (("277", "005010X214", "08"), CLAIM_ACKNOWLEDGMENT),
        (("278", "005010X217", "13"), "278.5010.X217.request.xml"),
        (("278", "005010X217", "01"), "278.5010.X217.request.xml"),
        (("278", "005010X217", "11"), "278.5010.X217.response.xml"),
        (("278", "005010X215", "11"), None),
        (("270", "005010X279A1", "13"), None),
    ],
)
def test_the_guide_of_a_set(key: tuple[str, str, str], name: str | None) -> None:
    assert registry.registered(*key) == name
    if name:
        assert guide.load(name) is guide.load(name)


def test_an_unknown_guide_is_refused() -> None:
    with pytest.raises(GatewayError, match="cannot be loaded") as raised:
        guide.load("../secrets.xml")
    assert raised.value.fix


def test_threads_share_a_guide() -> None:
    texts_ = [CLAIM.replace("\n", "").replace(*change, 1) for change, _ in BROKEN_CLAIMS.values()]
    alone = [shown(walk(PROFESSIONAL, text).findings) for text in texts_]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda text: shown(walk(PROFESSIONAL, text).findings), texts_)) == alone


def test_reading_does_not_load_pyx12() -> None:
    program = "import sys, gateway.x12.explain, gateway.x12.validate; print('pyx12' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# --- examine and explain -------------------------------------------------------------------------------------------


def interchange(text: str, *, version: str = "005010X222A1", functional_id: str = "HC") -> bytes:
    st_, *inside, _ = body(text)
    one = SetBody(type=st_.at(1), control_number=st_.at(2), version=st_.at(3), segments=inside)
    return wrap(header(), [(group(functional_id=functional_id, version=version), [one])])


def test_examine_names_the_guide_and_where_the_set_came() -> None:
    found = list(examine([interchange(CLAIM.replace("*120***", "****"))]))
    examined = found[1]
    assert isinstance(examined, Examined)
    assert examined.guide == PROFESSIONAL
    assert [str(each.where) for each in examined.findings] == [
        "interchange 000000001, group 1, set 0001, loop 2000A/2000B/2300, segment 19, CLM02"
    ]


@pytest.mark.parametrize(
    ("version", "functional_id", "expected"),
    [
        ("005010X222A1", "HP", ["group.functional_id GS01"]),
        ("005010X222", "HC", ["set.version ST03"]),
        ("005010X223A2", "HI", ["group.functional_id GS01", "set.version ST03"]),
    ],
)
def test_an_envelope_of_another_guide_is_a_warning(version: str, functional_id: str, expected: list[str]) -> None:
    (examined,) = [
        each
        for each in examine([interchange(CLAIM, version=version, functional_id=functional_id)])
        if isinstance(each, Examined)
    ]
    assert shown(examined.findings) == expected
    assert {each.severity for each in examined.findings} == {Severity.WARN}
    assert examined.guide == PROFESSIONAL


@pytest.mark.parametrize(("kind", "code", "place"), [("837", "I6", "ST03"), ("270", "1", "ST01")])
def test_a_set_without_a_guide_is_a_finding(kind: str, code: str, place: str) -> None:
    one = SetBody(type=kind, control_number="0001", version="005010X999", segments=[segment("BHT", "0022", "13")])
    data = wrap(header(), [(group(version="005010X999", functional_id="HS" if kind == "270" else "HC"), [one])])
    (examined,) = [each for each in examine([data]) if isinstance(each, Examined)]
    (finding,) = examined.findings
    assert (finding.rule, finding.severity) == ("x12.set.unsupported", Severity.NOT_EVALUATED)
    assert finding.codes == {"IK502": code}
    assert isinstance(finding.where, Position)
    assert finding.where.reference == place
    assert examined.root is None


def test_explain_names_every_segment_and_value_and_pins_what_is_wrong() -> None:
    lines = list(explain([interchange(CLAIM.replace("\n", "").replace("11:B:1", "11:C:1"))]))
    assert [line.tag for line in lines[:4]] == ["ISA", "GS", "ST", "BHT"]
    assert [line.tag for line in lines[-3:]] == ["SE", "GE", "IEA"]
    assert all(line.name for line in lines)
    assert all(value.name for line in lines for value in line.values)
    (claim,) = [line for line in lines if line.tag == "CLM"]
    assert (claim.number, claim.loop, claim.name) == (19, "2000A/2000B/2300", "Claim Information")
    assert ("CLM05-02", "Facility Code Qualifier", "C") in [
        (each.reference, each.name, each.text) for each in claim.values
    ]
    assert [each.rule for each in claim.findings] == ["x12.element.code"]
    assert not [each for line in lines if line is not claim for each in line.findings]


def test_explain_shows_what_it_could_read_before_the_one_clear_error() -> None:
    lines = list(explain([interchange(CLAIM)[:-90]]))
    assert [line.tag for line in lines[:4]] == ["ISA", "GS", "ST", "BHT"]
    last = lines[-1]
    assert [each.rule for each in last.findings] == ["x12.document.unreadable"]
    assert "at byte" in last.findings[0].what


@given(st.binary(max_size=300), st.sampled_from([b"", isa() + b"~", SAMPLE[:150]]), st.integers(1, 64))
@settings(max_examples=200)
def test_any_bytes_are_explained_without_an_exception(noise: bytes, before: bytes, chunk: int) -> None:
    data = before + noise
    lines = list(explain(data[start : start + chunk] for start in range(0, len(data), chunk)))
    assert sum(each.rule == "x12.document.unreadable" for line in lines for each in line.findings) <= 1
    assert lines


@given(
    st.integers(0, 900),
    st.integers(0, 40),
    st.sampled_from([b"", b"*", b"~", b":", b"^", b"~SE~", b"~HL*", b"-", b"\xff"]),
)
@settings(max_examples=150, deadline=None)
def test_a_damaged_claim_is_explained_without_an_exception(at: int, length: int, put: bytes) -> None:
    data = interchange(CLAIM)
    damaged = data[:at] + put + data[at + length :]
    for line in explain([damaged]):
        assert not {"x12.element.unchecked", "x12.segment.unplaced"} & {each.rule for each in line.findings}
