"""TA1 and 999: what is wrong with a document is said where it is, passes our own guide, and reads back the same."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.answer import GroupAcknowledgment
from gateway.errors import Finding, GatewayError, Position, Severity
from gateway.translate import maps
from gateway.x12.acknowledge import Acknowledged, Acknowledger, acknowledge, answer, enclose
from gateway.x12.guide import SegmentGuide
from gateway.x12.headers import GroupHeader, InterchangeHeader, TransactionSet
from gateway.x12.set_acknowledgment import ELEMENTS_MAX, ERRORS_MAX, judge_set
from gateway.x12.tree import STANDARD, Delimiters, Loop, Segment, segment
from gateway.x12.validate import Examined, examine
from gateway.x12.wrapping import wrap
from gateway.x12.writer import write

CORPUS = Path(os.environ.get("GATEWAY_CORPUS") or Path(__file__).resolve().parents[2] / "shared" / "corpus")
OFFICIAL = CORPUS / "stupidedi" / "response-to-functional-group-containing-3-837s.edi"

NOON = datetime(2026, 3, 2, 12, 0)
HEADER = InterchangeHeader(
    sender_qualifier="ZZ",
    sender="CLINICS",
    receiver_qualifier="30",
    receiver="PAYER",
    created=datetime(2026, 3, 1, 9, 30),
    control_number="000000071",
    usage="T",
)
GROUP = GroupHeader(
    functional_id="HC",
    sender="CLINICSAPP",
    receiver="PAYERAPP",
    created=NOON,
    control_number="17456",
    version="005010X222A1",
)
GUIDE = "837.5010.X222.A1.xml"
CLAIM = """\
ST*837*0001*005010X222A1~BHT*0019*00*B1*20260302*1200*CH~NM1*41*2*CLINIC*****46*S1~PER*IC*DESK*TE*5551230000~
NM1*40*2*PAYER*****46*R1~HL*1**20*1~PRV*BI*PXC*225100000X~NM1*85*2*CLINIC*****XX*1234567893~N3*1 MAIN ST~
N4*AUSTIN*TX*787010001~REF*EI*123456789~HL*2*1*22*0~SBR*P*18*******CI~NM1*IL*1*DOE*JO****MI*M1~N3*2 OAK ST~
N4*AUSTIN*TX*78701~DMG*D8*19800101*F~NM1*PR*2*PAYER*****PI*P1~CLM*C1*120***11:B:1*Y*A*Y*Y~HI*ABK:M545~
LX*1~SV1*HC:97110:GP*120*UN*2***1~DTP*472*D8*20260301~SE*24*0001~"""


def document(
    *sets: str, group: str = "GS*HC*CLINICSAPP*PAYERAPP*20260301*0930*7*X*005010X222A1~", end: str = ""
) -> bytes:
    """One interchange with one group of these sets; ``end`` replaces GE and IEA."""
    head = wrap(HEADER, []).decode().split("~")[0] + "~"
    return (head + group + "".join(sets) + (end or f"GE*{len(sets)}*7~IEA*1*000000071~")).replace("\n", "").encode()


def numbered(text: str, number: int) -> str:
    return text.replace("*0001*005010", f"*{number:04}*005010").replace("SE*24*0001", f"SE*24*{number:04}")


def finding(
    number: int,
    tag: str,
    element: int = 0,
    *,
    repetition: int = 0,
    severity: Severity = Severity.BLOCK,
    **codes: str,
) -> Finding:
    """A finding about a segment of the set's own loop, or about an element of it."""
    where = Position(set="0001", segment=number, tag=tag, element=element, repetition=repetition)
    return Finding(rule="test", what="wrong", fix="mend", where=where, severity=severity, codes=codes or None)


def examined(segments: Iterable[Segment], findings: Iterable[Finding] = (), **changed: Any) -> Examined:
    """A set as if it had been examined, all of it in the set's own loop."""
    held = tuple(segments)
    names = tuple(SegmentGuide(loop="", loop_name="", tag=each.tag, name="", elements=()) for each in held)
    one = TransactionSet(
        interchange=HEADER,
        group=GROUP,
        type=held[0].at(1),
        control_number=held[0].at(2),
        version="005010X222A1",
        segments=held,
    )
    made = Examined(set=one, guide=GUIDE, root=Loop("ST_LOOP"), findings=tuple(findings), names=names)
    return replace(made, **changed)


def of_document(data: bytes) -> Acknowledged:
    (one,) = acknowledge([data])
    return one


def shown(segments: Iterable[Segment]) -> list[str]:
    return write(segments, Delimiters(line_end="\n")).decode().splitlines()


def ack(data: bytes) -> list[str]:
    """The segments of the 999 about a document's only group."""
    (one,) = of_document(data).groups
    return [each.rstrip("~") for each in shown(one.segments)]


def read_back(data: bytes) -> list[GroupAcknowledgment]:
    """The records of every 999 in it; the guide finds nothing wrong."""
    records = []
    for part in examine([data]):
        assert not isinstance(part, Finding), str(part)
        if isinstance(part, Examined):
            assert [str(each) for each in part.findings] == []
            assert part.root is not None
            records.append(maps.load("999").read(part.root))
    return records


def test_a_sound_document_is_accepted_at_every_level() -> None:
    one = of_document(document(CLAIM, numbered(CLAIM, 2)))
    assert (one.code, one.note) == ("A", "000")
    assert shown([one.technical]) == ["TA1*000000071*260301*0930*A*000~"]
    assert ack(document(CLAIM, numbered(CLAIM, 2))) == [
        "AK1*HC*7*005010X222A1",
        "AK2*837*0001*005010X222A1",
        "IK5*A",
        "AK2*837*0002*005010X222A1",
        "IK5*A",
        "AK9*A*2*2*2",
    ]


@pytest.mark.skipif(not OFFICIAL.is_file(), reason=f"there is no corpus in {CORPUS}")
def test_the_official_example_is_built_from_its_findings() -> None:
    """X12's own 999 on three 837s: one is sound, one lacks CLM02, one lacks a REF that its CLM05-03 asks for."""
    theirs = next(part for part in examine([OFFICIAL.read_bytes()]) if isinstance(part, Examined))

    def claims(number: str, at: int, name: str, length: int) -> list[Segment]:
        """ST, then a claim whose CLM is segment ``at``."""
        body = [segment("ST", "837", number), *([segment("NM1", "41")] * (at - 2)), segment("CLM", name, "")]
        return body + [segment("REF", "9F")] * (length - len(body))

    acknowledger = Acknowledger()
    assert not list(acknowledger.take(HEADER))
    group = replace(GROUP, version="005010X222A2")
    missing = finding(22, "CLM", element=2, IK304="8", IK402="782", IK403="1")
    triggered = finding(57, "REF", IK304="3", CTX02="CLM", CTX03="43", CTX05="5:3")
    for number, at, name, found in (
        ("0001", 22, "1", ()),
        ("0002", 22, "123456789", (missing,)),
        ("0003", 43, "987654321", (triggered,)),
    ):
        one = examined(claims(number, at, name, 60), found)
        assert not list(acknowledger.take(replace(one, set=replace(one.set, group=group))))
    (acknowledged,) = acknowledger.end()
    (ours,) = acknowledged.groups
    assert shown(ours.segments) == shown(theirs.set.segments[1:-1])


def test_what_is_wrong_is_named_with_its_place_its_claim_and_a_copy() -> None:
    wrong = CLAIM.replace("UN*2***1", "XX*2***1").replace("D8*20260301~SE", "D8*20260231~SE")
    assert ack(document(wrong))[1:] == [
        "AK2*837*0001*005010X222A1",
        "IK3*SV1*22*2400*8",
        "CTX*CLM01:C1",
        "IK4*3*355*7*XX",
        "IK3*DTP*23*2400*8",
        "CTX*CLM01:C1",
        "IK4*3*1251*8*20260231",
        "IK5*R*5",
        "AK9*R*1*1*0",
    ]


def test_a_missing_segment_is_named_where_it_should_stand() -> None:
    wrong = CLAIM.replace("HI*ABK:M545~", "").replace("SE*24", "SE*23")
    assert "IK3*HI*20*2300*3" in ack(document(wrong))
    wrong = CLAIM.replace("REF*EI*123456789~", "").replace("SE*24", "SE*23")
    lines = ack(document(wrong))
    assert "IK3*REF*11*2010*3" in lines
    assert not any(each.startswith("CTX") for each in lines), "the billing provider is no part of a claim"


def test_a_level_or_line_that_is_numbered_wrongly_is_named() -> None:
    lines = ack(document(CLAIM.replace("LX*1", "LX*2").replace("HL*2*1", "HL*3*1")))
    assert [each for each in lines if each[:3] in ("IK3", "IK4", "CTX", "IK5")] == [
        "IK3*HL*12*2000*8",
        "IK4*1*628*7*3",
        "IK3*LX*21*2400*8",
        "CTX*CLM01:C1",
        "IK4*1*554*7*2",
        "IK5*R*5",
    ]


def test_a_remittance_without_st03_is_acknowledged_whole() -> None:
    remittance = (Path(__file__).parent / "fixtures" / "golden" / "835.edi").read_bytes()
    assert b"ST*835*0001~" in remittance
    (one,) = of_document(remittance).groups
    assert [each.rstrip("~") for each in shown(one.segments)] == [
        "AK1*HP*401*005010X221A1",
        "AK2*835*0001",
        "IK5*A",
        "AK9*A*1*1*1",
    ]


def test_a_group_in_which_one_set_is_wrong_is_accepted_in_part() -> None:
    wrong = numbered(CLAIM, 2).replace("SE*24", "SE*23")
    lines = ack(document(CLAIM, wrong))
    assert lines[-3:] == ["AK2*837*0002*005010X222A1", "IK5*R*4", "AK9*P*2*2*1"]


def test_what_only_warns_is_accepted_with_its_code() -> None:
    one = judge_set(examined([segment("ST", "837", "0001")], [finding(1, "ST", severity=Severity.WARN, IK502="I6")]))
    assert (one.code, one.accepted) == ("E", True)
    assert shown(one.segments)[-1] == "IK5*E*I6~"
    quiet = [finding(1, "ST", severity=Severity.WARN), finding(1, "ST", severity=Severity.NOT_EVALUATED)]
    assert judge_set(examined([segment("ST", "837", "0001")], quiet)).code == "A"


def test_a_block_without_a_code_still_gives_a_reason() -> None:
    one = judge_set(examined([segment("ST", "837", "0001")], [finding(1, "ST")]))
    assert shown(one.segments)[-1] == "IK5*R*I5~"


def test_a_set_without_a_guide_is_rejected_as_not_supported() -> None:
    eligibility = "ST*270*0001*005010X999~BHT*0022*13~SE*3*0001~"
    lines = ack(document(eligibility, group="GS*HS*CLINICSAPP*PAYERAPP*20260301*0930*7*X*005010X999~"))
    assert lines[-2:] == ["IK5*R*1", "AK9*R*1*1*0"]


def test_what_the_gateway_works_on_is_accepted_and_what_it_refuses_is_not() -> None:
    broken = examined([segment("ST", "837", "0001")], [finding(1, "ST", IK304="8", IK403="7", element=2)])
    assert judge_set(broken).code == "R"
    assert judge_set(broken, taken=True).code == "E"
    refused = judge_set(examined([segment("ST", "837", "0001")]), refused="1")
    assert (refused.code, shown(refused.segments)[-1]) == ("R", "IK5*R*1~")


BROKEN = (
    CLAIM,
    CLAIM.replace("UN*2***1", "XX*2***1").replace("D8*20260301~SE", "D8*20260231~SE"),
    CLAIM.replace("HI*ABK:M545~", "").replace("SE*24", "SE*23"),
    CLAIM.replace("REF*EI*123456789~", ""),
    CLAIM.replace("LX*1", "LX*2").replace("HL*2*1*22*0", "HL*3*1*22*1"),
    CLAIM.replace("SBR*P*18*******CI~", "ZZZ*1~SBR*P*18*******CI~SBR*P*18*******CI~"),
    CLAIM.replace("*005010X222A1~", "*005010X222A9~", 1).replace("BHT*0019", "BHT*0091"),
    CLAIM.replace("~SE*24*0001", "~SE*24*0002"),
    CLAIM.replace("SE*24*0001~", ""),
    "ST*837*0001*005010X222A1~SE*2*0001~",
    "ST*837*0001~",
)


@pytest.mark.parametrize("chunk", [1, 7, 64, 1 << 20])
@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
def test_a_document_of_any_length_gets_what_a_whole_one_gets(body: str, chunk: int) -> None:
    """Of what was found behind a segment that has gone, such as HL04 without a child, only the copy is missing."""
    data = document(body, numbered(CLAIM, 7), body.replace("0001", "0003"))
    whole = Acknowledger()
    at_once = [done for part in examine([data]) for done in whole.take(part)]
    at_once += whole.end()
    streamed = list(acknowledge(data[start : start + chunk] for start in range(0, len(data), chunk)))
    assert [shown([each.technical]) for each in streamed] == [shown([each.technical]) for each in at_once]
    for ours, theirs in zip(streamed, at_once, strict=True):
        for one, other in zip(ours.groups, theirs.groups, strict=True):
            assert _but_copies(shown(one.segments)) == _but_copies(shown(other.segments))


def _but_copies(lines: Sequence[str]) -> list[str]:
    """IK4 of an HL without what comes after IK403."""
    return ["*".join(each.split("*")[:2]) if each.startswith("IK4*4") else each for each in lines]


@pytest.mark.parametrize(
    ("end", "code", "note"),
    [
        ("GE*1*7~IEA*2*000000071~", "R", "021"),
        ("GE*1*7~IEA*1*000000072~", "R", "001"),
        ("GE*1*7~", "R", "023"),
        ("GE*1*7~GE*1*8~IEA*1*000000071~", "R", "022"),
        ("GE*1*7~IEA*1*000000071~AND MORE", "A", "000"),
    ],
)
def test_a_broken_envelope_rejects_the_interchange_and_all_in_it(end: str, code: str, note: str) -> None:
    one = of_document(document(CLAIM, end=end))
    assert (one.code, one.note) == (code, note)
    assert bool(one.groups) is (code == "A")


def test_a_document_that_stops_in_the_middle_is_rejected_as_cut_short() -> None:
    one = of_document(document(CLAIM)[:-40])
    assert (one.code, one.note, one.groups) == ("R", "023", ())
    one = of_document(document(CLAIM, end="GE*1*7" + "X" * 70_000))
    assert (one.code, one.note) == ("R", "023")


def test_a_group_rejected_for_itself_names_its_count_and_accepts_no_set() -> None:
    assert ack(document(CLAIM, end="GE*2*7~IEA*1*000000071~")) == ["AK1*HC*7*005010X222A1", "AK9*R*2*1*0*5"]
    wrong = numbered(CLAIM, 2).replace("SE*24", "SE*23")
    lines = ack(document(CLAIM, wrong, end="GE*2*8~IEA*1*000000071~"))
    assert lines[1:] == ["AK2*837*0002*005010X222A1", "IK5*R*4", "AK9*R*2*2*0*4"]


def test_what_is_worked_on_is_not_rejected_for_its_envelope_unless_something_may_be_lost() -> None:
    def of(end: str) -> Acknowledged:
        acknowledger = Acknowledger()
        found = [
            done
            for part in examine([document(CLAIM, end=end)])
            for done in acknowledger.take(part, taken=True if isinstance(part, Examined) else None)
        ]
        (one,) = [*found, *acknowledger.end()]
        return one

    counted = of("GE*2*7~IEA*2*000000071~")
    assert (counted.code, counted.note) == ("E", "021")
    assert shown(counted.groups[0].segments)[-1] == "AK9*E*2*1*1*5~"
    assert (of("GE*1*7~").code, of("GE*1*7~").groups) == ("R", ())


@pytest.mark.parametrize(
    "body",
    [
        "ST*999*0001*005010X231A1~AK1*HC*1*005010X222A1~AK9*A*1*1*1~SE*4*0001~",
        "ST*997*0001~AK1*HC*1~AK9*A*1*1*1~SE*4*0001~",
    ],
)
def test_an_acknowledgment_is_never_acknowledged(body: str) -> None:
    data = document(body, group="GS*FA*CLINICSAPP*PAYERAPP*20260301*0930*7*X*005010X231A1~")
    one = of_document(data)
    assert (one.is_answered, one.groups) == (False, ())
    assert answer([data], at=NOON) == b""


def test_a_ta1_and_a_277ca_are_never_acknowledged() -> None:
    technical = wrap(HEADER, [], [segment("TA1", "000000001", "260301", "0930", "R", "023")])
    assert not of_document(technical).is_answered
    claim = Path(__file__).parent / "fixtures" / "golden" / "277ca.edi"
    assert not of_document(claim.read_bytes()).is_answered


def test_an_acknowledgment_outside_of_any_group_is_not_acknowledged_either() -> None:
    head = wrap(HEADER, []).decode().split("~")[0] + "~"
    body = "ST*999*0001*005010X231A1~AK1*HC*1*005010X222A1~AK9*A*1*1*1~SE*4*0001~IEA*0*000000071~"
    assert not of_document((head + body).encode()).is_answered


def test_beside_an_acknowledgment_the_other_group_is_acknowledged() -> None:
    response = (Path(__file__).parent / "fixtures" / "golden" / "278_response.edi").read_text().replace("\n", "")
    own = response[response.index("GS*") : response.index("IEA*")]
    data = document(
        "ST*999*0001*005010X231A1~AK1*HC*1*005010X222A1~AK9*A*1*1*1~SE*4*0001~",
        group="GS*FA*CLINICSAPP*PAYERAPP*20260301*0930*7*X*005010X231A1~",
        end=f"GE*1*7~{own}IEA*2*000000071~",
    )
    one = of_document(data)
    assert one.is_answered
    assert [each.group.functional_id for each in one.groups] == ["HI"]


def test_a_group_that_a_999_cannot_name_is_told_by_the_ta1() -> None:
    data = document("ST*275*0001*006020X316~SE*2*0001~", group="GS*PI*A1*B1*20260301*0930*7*X*006020X316~")
    one = of_document(data)
    assert (one.code, one.note, one.groups) == ("R", "024", ())


def test_the_answer_goes_back_to_the_sender_with_both_acknowledgments() -> None:
    data = document(CLAIM) + document(CLAIM)
    answered = answer([data], at=NOON, control_number=41)
    headers = [part for part in examine([answered]) if isinstance(part, InterchangeHeader)]
    assert [each.control_number for each in headers] == ["000000041", "000000042"]
    first = headers[0]
    assert (first.sender_qualifier, first.sender, first.receiver_qualifier, first.receiver) == (
        "30",
        "PAYER",
        "ZZ",
        "CLINICS",
    )
    text = answered.decode()
    assert "~TA1*000000071*260301*0930*A*000~GS*FA*PAYERAPP*CLINICSAPP*20260302*1200*41*X*005010X231A1~" in text
    assert len(read_back(answered)) == 2
    assert answer([data], at=NOON, groups=False).count(b"~TA1*") == 2
    assert b"~TA1*" not in answer([data], at=NOON, ta1=False)
    assert b"~GS*" not in answer([data], at=NOON, groups=False)


def test_an_id_that_no_envelope_holds_is_said_in_words() -> None:
    one = of_document(document(CLAIM))
    with pytest.raises(GatewayError, match="ISA06"):
        enclose(one, replace(HEADER, sender="X" * 16), at=NOON, group_number=1)


@pytest.mark.skipif(not (CORPUS / "INDEX.tsv").is_file(), reason=f"there is no corpus in {CORPUS}")
def test_every_answer_to_a_public_file_is_valid_and_reads_back() -> None:
    answered = 0
    named = (each for each in CORPUS.rglob("*") if each.suffix not in (".tsv", ".md"))
    for path in sorted(each for each in named if each.is_file() and each.stat().st_size < 200_000):
        content = path.read_bytes()
        answered_by = answer([content], at=NOON)
        records = read_back(answered_by) if answered_by else []
        answered += bool(records)
        for record in records:
            assert record.accepted == sum(each.code != "R" for each in record.sets) or record.errors
    assert answered > 90


def test_a_value_that_cannot_be_sent_is_left_out() -> None:
    held = [segment("ST", "837", "0001"), segment("CLM", "A|1", "1~2", "B" * 120, "é")]
    found = [finding(2, "CLM", element=ordinal, IK304="8", IK403="6") for ordinal in range(1, 5)]
    one = judge_set(examined(held, found), marks=Delimiters(component="|"))
    assert write(one.segments, Delimiters(component="|")).decode().split("~")[2:6] == [
        "IK4*1**6",
        "IK4*2**6",
        f"IK4*3**6*{'B' * 99}",
        "IK4*4**6",
    ]


def test_what_a_situation_asks_for_names_its_trigger_below_the_segment_or_the_element() -> None:
    held = [segment("ST", "837", "0001"), segment("PWK", "OZ", "BM")]
    trigger = {"CTX02": "CLM", "CTX03": "19", "CTX04": "2000A/2000B/2300", "CTX05": "5:3", "CTX06": "1325"}
    element = replace(finding(2, "PWK", 6), codes={"IK304": "8", "IK403": "I9", **trigger})
    missing = replace(finding(3, "REF"), codes={"IK304": "I6", **trigger})
    one = judge_set(examined(held, [element, missing]))
    assert [each.rstrip("~") for each in shown(one.segments)][1:] == [
        "IK3*PWK*2**8",
        "IK4*6**I9",
        "CTX*SITUATIONAL TRIGGER*CLM*19*2300*5:3*1325",
        "IK3*REF*3**I6",
        "CTX*SITUATIONAL TRIGGER*CLM*19*2300*5:3*1325",
        "IK5*R*I5",
    ]


def test_codes_that_no_list_knows_leave_no_trace() -> None:
    found = [finding(2, "CLM", IK304="99"), finding(2, "CLM", element=1, IK304="8", IK403="99")]
    found += [finding(1, "ST", IK502="Z"), finding(0, "CLM", IK304="3"), finding(3, "not a tag", IK304="1")]
    one = judge_set(examined([segment("ST", "837", "0001"), segment("CLM", "1")], found))
    assert [each.rstrip("~") for each in shown(one.segments)] == [
        "AK2*837*0001",
        "IK3*CLM*2**8",
        "CTX*CLM01:1",
        "IK5*R*5",
    ]


def test_more_errors_than_anyone_reads_are_cut_off_and_long_lists_split() -> None:
    many = [finding(number, "CLM", IK304="2") for number in range(2, ERRORS_MAX + 50)]
    one = judge_set(examined([segment("ST", "837", "0001")], many))
    assert sum(each.tag == "IK3" for each in one.segments) == ERRORS_MAX
    assert one.code == "R"
    held = [segment("ST", "837", "0001"), segment("HI", *["X"] * 12)]
    long = [finding(2, "HI", element=1, repetition=count, IK304="8", IK403="7") for count in range(1, ELEMENTS_MAX + 2)]
    tags = [each.tag for each in judge_set(examined(held, long)).segments]
    assert [tags.count("IK3"), tags.count("IK4")] == [2, ELEMENTS_MAX + 1]


# Any list of findings: the 999 examines clean, and reads back to the same codes and places.

IK304 = ("1", "2", "3", "4", "5", "6", "7", "8", "I4", "I6", "I7", "I8", "I9")
IK403 = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "12", "13", "I6", "I9", "I10", "I11", "I12", "I13")
IK502 = ("1", "2", "3", "4", "6", "7", "19", "23", "I6")
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=110)
LOOPS = ("", "2000A/2010AA", "2000A/2000B/2300/2400")


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    tag = draw(st.sampled_from(["CLM", "HI", "N3", "SV1"]))
    where = Position(tag=tag, loop=draw(st.sampled_from(LOOPS)), segment=draw(st.integers(1, 60)))
    codes: dict[str, str] = {}
    match draw(st.sampled_from(["segment", "element", "set", "none"])):
        case "segment":
            codes["IK304"] = draw(st.sampled_from([each for each in IK304 if each != "8"]))
        case "element":
            codes = {"IK304": "8", "IK403": draw(st.sampled_from(IK403))}
            where = replace(
                where,
                element=draw(st.integers(1, 20)),
                component=draw(st.integers(0, 9)),
                repetition=draw(st.integers(0, 11)),
            )
            if draw(st.booleans()):
                codes["IK402"] = str(draw(st.integers(1, 1999)))
        case "set":
            codes["IK502"] = draw(st.sampled_from(IK502))
            where = Position(tag="SE", segment=61)
    if codes and "IK502" not in codes and draw(st.booleans()):
        place = draw(st.sampled_from(["", "5", "5:3", "5:3:2", "5::2"]))
        codes |= {"CTX02": "CLM", "CTX03": "43", "CTX04": draw(st.sampled_from(LOOPS)), "CTX05": place}
        codes["CTX06"] = draw(st.sampled_from(["", "1325"]))
    severity = draw(st.sampled_from([Severity.BLOCK, Severity.WARN]))
    return Finding(rule="test", what="wrong", fix="mend", where=where, severity=severity, codes=codes or None)


@given(
    sets=st.lists(st.lists(findings(), max_size=25), min_size=1, max_size=4),
    value=TEXT,
    marks=st.sampled_from([STANDARD, Delimiters(element="|", component=">", repetition="!", terminator="\n")]),
)
@settings(deadline=None, max_examples=60)
def test_any_findings_examine_clean_and_read_back(
    sets: Sequence[Sequence[Finding]], value: str, marks: Delimiters
) -> None:
    acknowledger = Acknowledger(marks)
    assert not list(acknowledger.take(HEADER))
    for number, found in enumerate(sets, 1):
        whole = ((value,),)
        held = [segment("ST", "837", f"{number:04}"), *(Segment("CLM", (whole,) * 20) for _ in range(59))]
        assert not list(acknowledger.take(examined(held, found)))
    (one,) = acknowledger.end()
    header = replace(HEADER, delimiters=marks)
    (record,) = read_back(enclose(one, header, at=NOON, group_number=9))
    assert [each.control_number for each in record.sets] == [f"{number:04}" for number in range(1, len(sets) + 1)]
    rejected = 0
    for each, found in zip(record.sets, sets, strict=True):
        said = {_place(error.tag, error.number, error.loop, error.code) for error in each.segments}
        assert said == {_of(one) for one in found if one.codes and "IK304" in one.codes}
        elements = {
            (error.number, error.tag, ik4.element, ik4.component, ik4.repetition, ik4.code, ik4.reference)
            for error in each.segments
            for ik4 in error.elements
        }
        assert elements == {_element(one) for one in found if one.codes and "IK403" in one.codes}
        wanted = [one.codes["IK502"] for one in found if one.codes and "IK502" in one.codes]
        assert set(each.errors) - {"5", "I5"} <= set(wanted)
        assert len(each.errors) == min(5, len(set(each.errors) | set(wanted)))
        blocked = any(one.severity is Severity.BLOCK for one in found)
        assert each.code == ("R" if blocked else "E" if each.errors else "A")
        rejected += blocked
    assert (record.included, record.received, record.accepted) == (len(sets), len(sets), len(sets) - rejected)
    assert (record.code == "P") is (0 < rejected < len(sets))


def _place(tag: str, number: int, loop: str, code: str) -> tuple[str, int, str, str]:
    return tag, number, loop, code


def _of(one: Finding) -> tuple[str, int, str, str]:
    assert isinstance(one.where, Position)
    assert one.codes is not None
    return one.where.tag, one.where.segment, one.where.loop.rpartition("/")[2][:4], one.codes["IK304"]


def _element(one: Finding) -> tuple[int, str, int, int, int, str, str]:
    where, codes = one.where, one.codes or {}
    assert isinstance(where, Position)
    place = where.segment, where.tag, where.element, where.component, where.repetition
    return (*place, codes["IK403"], codes.get("IK402", ""))


def test_sets_outside_of_a_group_reject_the_interchange() -> None:
    head = wrap(HEADER, []).decode().split("~")[0] + "~"
    one = of_document((head + CLAIM.replace("\n", "") + "IEA*0*000000071~").encode())
    assert (one.code, one.note) == ("R", "022")
