"""What an acknowledgment means for the document that was sent: in words, no more than its codes say."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.__main__ import main
from gateway.x12.explain import explain
from gateway.x12.meaning import of_set, of_technical
from gateway.x12.tree import Segment, segment

CORPUS = Path(os.environ.get("GATEWAY_CORPUS") or Path(__file__).resolve().parents[2] / "shared" / "corpus")
GOLDEN = Path(__file__).parent / "fixtures" / "golden"
in_corpus = pytest.mark.skipif(not (CORPUS / "INDEX.tsv").is_file(), reason=f"there is no corpus in {CORPUS}")


def said(path: Path) -> list[str]:
    with path.open("rb") as file:
        return [each for line in explain([file.read()]) for each in line.meaning]


def heard(set_type: str, version: str, body: Sequence[str]) -> list[str]:
    speaker = of_set(set_type, version)
    assert speaker is not None
    return [each for text in body for each in speaker.of(Segment.from_text(text))]


def of_999(*body: str) -> list[str]:
    """The meaning of the segments between ST and SE."""
    return heard("999", "005010X231A1", body)


def of_277ca(*body: str) -> list[str]:
    return heard("277", "005010X214", body)


@in_corpus
def test_the_official_999_says_which_claims_to_mend() -> None:
    assert said(CORPUS / "stupidedi" / "response-to-functional-group-containing-3-837s.edi") == [
        "Group 17456 (GS06) that was sent, of 837 sets.",
        "Set 0001 (ST02) of that group, of type 837.",
        "Set 0001 was accepted. Nothing to do; nothing is said of what is decided about it.",
        "Set 0002 (ST02) of that group, of type 837.",
        "Segment 22 of the set, CLM: segment has element errors (IK304 8).",
        "It is within the claim with CLM01 123456789.",
        "CLM02: required element is missing (IK403 1).",
        "Set 0002 was rejected: segments have errors (IK502 5). Nothing in it was taken; correct it and send it again "
        "under new control numbers.",
        "Set 0003 (ST02) of that group, of type 837.",
        "REF, looked for as segment 57 of the set: required segment is missing (IK304 3).",
        "What decides about it stands in segment 43 of the set, CLM05-03.",
        "It is within the claim with CLM01 987654321.",
        "Set 0003 was rejected: segments have errors (IK502 5). Nothing in it was taken; correct it and send it again "
        "under new control numbers.",
        "Group 17456 was accepted in part; 1 of 3 sets accepted. Correct the rejected sets and send them again under "
        "new control numbers, without the accepted ones.",
    ]


def test_a_277ca_says_what_became_of_each_claim() -> None:
    assert said(GOLDEN / "277ca.edi") == [
        "Batch CB26031000001 (BHT03): received (A1), status 19 about entity PR. Nothing to do; each claim is spoken of "
        "by itself.",
        "The claims of billing provider 1234567893: received (A1), status 19. Nothing to do; nothing is said of "
        "payment.",
        "Claim CL26031000001 (CLM01): accepted into adjudication (A2), status 20 about entity PR. Nothing to do; "
        "nothing is said of payment.",
        "The payer's number of claim CL26031000001 is PAYERCLAIM1.",
        "Claim CL26031000002 (CLM01): rejected, information is wrong (A7), status 562 about entity 85; rejected, "
        "information is wrong (A7), status 252 about entity 85; rejected, two values do not fit each other (A8), "
        "status 48. The claim did not come into adjudication; correct it and send it again.",
        "A line of claim CL26031000002 (CLM01): rejected, information is wrong (A7), status 252. It is among what the "
        "claim was rejected for.",
        "The line is LN0003 (REF*6R) of claim CL26031000002.",
    ]


@pytest.mark.parametrize(
    ("code", "note", "words"),
    [
        ("A", "000", "its envelope was accepted. Nothing to do"),
        ("E", "014", "accepted, errors noted: date is not valid (TA105 014). Do not send it again"),
        ("R", "023", "rejected: file ends too early or wrongly (TA105 023). Nothing in it was taken; correct it and"),
        ("R", "025", "Ask the receiver which content it has under this number"),
        ("R", "999", "rejected: TA105 999 is a code that is not known here. Nothing in it was taken"),
        ("Z", "000", "TA104 Z is a code that is not known here. Ask the receiver what became of it"),
        ("", "", "TA104 is left out. Ask the receiver what became of it"),
    ],
)
def test_a_ta1_says_whether_to_send_again(code: str, note: str, words: str) -> None:
    (line,) = of_technical(segment("TA1", "000000041", "260302", "1200", code, note))
    assert line.startswith("Interchange 000000041 (ISA13) that was sent: ")
    assert words in line


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("IK5*E*5", "accepted, errors noted: segments have errors (IK502 5). Do not send it again"),
        ("IK5*M", "was rejected, authentication failed. Nothing in it was taken"),
        ("IK5*Q*77", "IK501 Q is a code that is not known here: IK502 77 is a code that is not known here. Ask"),
        ("IK3*REF*9*2300*I6", "REF in loop 2300, looked for as segment 9 of the set: segment is missing that"),
        ("IK3*REF*9**", "Segment 9 of the set, REF: IK304 is left out."),
        ("IK4*3:2:4*127*5*AB", 'REF03-02, repetition 4: too long (IK403 5); it held "AB"'),
        ("CTX*TRN02:T77", "It is within the transaction with TRN02 T77."),
        ("CTX*ENT01:5", "It is within what ENT01 names: 5."),
        ("AK9*A*2*2*2", "Group 7 was accepted; 2 of 2 sets accepted. Nothing to do."),
        ("AK9*E*1*1*1*5", "accepted, errors noted: number of sets is wrong (AK905 5); 1 of 1 sets accepted. Do not"),
        ("AK9*R*2*2*0", "Group 7 was rejected; 0 of 2 sets accepted. Correct it and send it again"),
        ("AK9*V*2*2*0", "AK901 V is a code that is not known here"),
    ],
)  # fmt: skip
def test_a_999_says_no_more_than_its_codes(body: str, words: str) -> None:
    lines = of_999("AK1*ZZ*7*005010X217", "AK2*278*0004", "IK3*REF*9**8", body)
    assert lines[0] == "Group 7 (GS06) that was sent, of a kind that is not known here (ZZ)."
    assert words in lines[-1]


CLAIM = ("HL*4*3*PT", "NM1*QC*1*DOE*JO", "TRN*2*C1")
BATCH = ("HL*2*1*21*1", "NM1*41*2*CLINIC*****46*S1", "TRN*2*B1")
PROVIDER = ("HL*3*2*19*1", "NM1*85*2*CLINIC*****XX*1234567893")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ((*CLAIM, "STC*A7:562*20260302*WQ*9"), "STC03 says accepted, which contradicts it; ask the payer which holds."),
        ((*CLAIM, "STC*A2:20*20260302*U*9"), "STC03 says rejected, which contradicts it; ask the payer which holds."),
        ((*CLAIM, "STC*X9:20"), "Claim C1 (CLM01): category X9 is a code that is not known here, status 20. That does"),
        ((*CLAIM, "STC*P1:20"), "pending, in process (P1), status 20. That does not say whether it was taken"),
        ((*CLAIM, "SVC*HC:97110*9", "STC*A8:21**U"), "A line of claim C1 (CLM01): rejected, two values"),
        ((*BATCH, "STC*A3:21**U"), "Batch B1 (BHT03): returned, cannot"),
        ((*BATCH, "STC*A3:21**U"), "None of these claims came into"),
        ((*PROVIDER, "STC*A1:19**WQ"), "of billing provider 1234567893: received"),
    ],
)  # fmt: skip
def test_a_277ca_says_no_more_than_its_codes(body: tuple[str, ...], words: str) -> None:
    assert words in of_277ca(*body)[-1]


def test_other_sets_have_no_meaning_of_this_kind() -> None:
    assert of_set("277", "005010X212") is None
    assert of_set("835", "005010X221A1") is None


texts = st.text(st.sampled_from("AIKR0159²٣:^ 9"), max_size=6)
tags = st.sampled_from(["AK1", "AK2", "IK3", "CTX", "IK4", "IK5", "AK9", "HL", "NM1", "TRN", "STC", "SVC", "REF", "ZZ"])


@given(st.lists(st.builds(lambda tag, values: "*".join([tag, *values]), tags, st.lists(texts, max_size=12))))
@settings(max_examples=150)
def test_nothing_that_stands_in_an_acknowledgment_raises(body: list[str]) -> None:
    for each in (*of_999(*body), *of_277ca(*body)):
        assert each.endswith((".", '"')), each
    for text in body:
        assert of_technical(Segment.from_text(text))


def test_explain_prints_the_meaning_below_its_segment(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["explain", str(GOLDEN / "999.edi")])
    shown = capsys.readouterr().out
    assert "   ->  Set 0001 was accepted. Nothing to do; nothing is said of what is decided about it.\n" in shown
    with pytest.raises(SystemExit):
        main(["explain", "--json", str(GOLDEN / "999.edi")])
    assert '"meaning": ["Set 0001 was accepted. Nothing to do;' in capsys.readouterr().out
