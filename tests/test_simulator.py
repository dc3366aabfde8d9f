"""The simulator as a partner meets it: by its files, and by its SFTP server; never through the gateway's own maps."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import paramiko
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulator_oracle import imbalances, pyx12_refusal, segments
from simulator_partner import Bench, Killed, claim, claims, group, interchange, killed_at, request, requests

from gateway.simulator import scenarios, wire
from gateway.simulator.company import Company, CompanyInvalid, load
from gateway.simulator.mailroom import Mailroom
from gateway.simulator.memory import Memory
from gateway.simulator.scenarios import Authorization, Payment, Scenario
from gateway.x12.validate import Examined, examine

FIXTURES = Path(__file__).parent / "fixtures" / "simulator"
CORPUS = Path(os.environ.get("GATEWAY_CORPUS", Path(__file__).parents[2] / "shared" / "corpus"))
PROCEDURES = ("HC:97110:GP", "HC:97140:GP", "HC:97530:GP:KX")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.mailroom.close()


def only(files: dict[str, str], kind: str) -> str:
    """The one file of a kind."""
    (found,) = (text for name, text in files.items() if name.startswith(kind + "_"))
    return found


def rows(document: str, *tags: str) -> list[str]:
    return ["*".join(each) for each in segments(document, *tags)]


def deeds(bench: Bench) -> list[dict[str, str]]:
    """What it decided; the digests of what it promised follow from the clock."""
    return [each for each in journal(bench) if each["did"] != "promised"]


def journal(bench: Bench) -> list[dict[str, str]]:
    return [json.loads(line) for line in (bench.folder / "journal.jsonl").read_text().splitlines()]


def seen(files: dict[str, str]) -> str:
    shown = [f"== {name}\n{text.replace('~', '~' + chr(10))}" for name, text in sorted(files.items())]
    return "\n".join(shown)


# Golden files: read by a person, segment by segment, before they were kept.


def _authorization_cases() -> Iterator[tuple[str, str]]:
    for each in Authorization:
        yield f"request_{each}", requests(1, request(f"{each}-PAID-0001"))
    for named in ("A1", "A6", "A2"):
        lines = ("SV1*HC:97110:GP**UN*9", "SV1*HC:97140:GP**UN*4")
        document = requests(1, request(f"{named}-PAID-0001", delivery="", lines=lines))
        yield f"request_{named}_by_line", document
    yield "request_A1_dependent", requests(1, request("A1-PAID-0001", dependent=True), acknowledge=1)
    yield "request_extension_unknown", requests(1, request("A1-PAID-0001", kind="4", previous="NOBODYS"))


def _claim_cases() -> Iterator[tuple[str, str]]:
    for each in Payment:
        yield f"claim_{each}", claims(1, claim(f"A1-{each}-0001"))
    for named in ("PLB", "REV"):
        yield f"claim_{named}_even", claims(1, claim(f"A1-{named}-0002"))
    one = ("HC:97110:GP*150*UN*3",)
    yield "claim_PART_one_line", claims(1, claim("A1-PART-0001", lines=one))
    yield "claim_PAID_dependent", claims(1, claim("A1-PAID-0001", dependent=True))
    yield "claim_void_unknown", claims(1, claim("A1-PAID-0001", frequency="8", original="NOBODYS"))


CASES = dict((*_authorization_cases(), *_claim_cases()))


@pytest.mark.parametrize("name", CASES)
def test_answers_are_those_of_the_golden_file(name: str, bench: Bench) -> None:
    """``UPDATE_GOLDEN=1`` rewrites the files; the diff is the review."""
    sent = bench.send(CASES[name])
    late = bench.later(60)
    text = f"{seen(sent)}\n==== after a minute\n{seen(late)}"
    golden = FIXTURES / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


def test_pyx12_takes_every_answer(tmp_path: Path) -> None:
    answers = []
    for name, document in CASES.items():
        bench = Bench(tmp_path / name)
        answers += [*bench.send(document).values(), *bench.later(60).values()]
        bench.mailroom.close()
    known = [f"ISA*{each}" for text in answers for each in text.split("ISA*")[1:] if "~ST*278*" not in each]
    assert Counter(row[1] for each in known for row in segments(each, "ST")) == {"999": 38, "277": 16, "835": 16}
    assert pyx12_refusal(*known) == ""


@pytest.mark.parametrize("name", [each for each in CASES if each.startswith("request")])
def test_the_guide_takes_every_278_response_but_the_unlisted_code(name: str, bench: Bench) -> None:
    documents = {**bench.send(CASES[name]), **bench.later(60)}
    found = [
        str(finding.where.reference)
        for text in documents.values()
        for each in examine([text.encode()])
        for finding in (each.findings if isinstance(each, Examined) else ())
        if not isinstance(finding.where, str)
    ]
    assert found == (["HCR01"] if name == "request_X1" else [])


def test_pyx12_would_refuse_a_wrong_answer(bench: Bench) -> None:
    files = bench.send(claims(1, claim("A1-PAID-0001")))
    assert pyx12_refusal(only(files, "277ca").replace("STC*A2:20", "STC*Q2:20"))
    assert pyx12_refusal(only(files, "835").replace("PER*BL*", "PER*ZZ*"))
    assert pyx12_refusal(only(files, "999").replace("IK5*A", "IK5*Q"))
    assert imbalances(only(files, "835").replace("CAS*PR*2*16~", "CAS*PR*2*15~"))


# Decisions.


def test_a_member_names_the_scenario() -> None:
    assert scenarios.of("A6-PART-0007") == Scenario(Authorization.A6, Payment.PART, 7)
    assert scenarios.of("a6-part-0007") == scenarios.of("W123456789") == Scenario()


def test_two_thirds_of_the_visits_are_granted_by_a6(bench: Bench) -> None:
    for count, granted in ((12, 8), (10, 6), (1, 1)):
        sent = requests(count, request("A6-PAID-0001", f"T{count}", delivery=f"HSD*VS*{count}"))
        assert rows(only(bench.send(sent), "278"), "HSD") == [f"HSD*VS*{granted}"]


def test_a_pended_request_is_certified_later_with_the_same_references(bench: Bench) -> None:
    first = only(bench.send(requests(1, request("PEND-PAID-0001"))), "278")
    assert bench.later(2.9) == {}
    second = only(bench.later(0.2), "278")
    assert [each[6] for each in segments(first + second, "BHT")] == ["19", "18"]
    assert [each[1] for each in segments(first + second, "HCR")] == ["A4", "A1"]
    (reference, again) = (each[2] for each in segments(first + second, "REF"))
    assert reference == again
    assert [each["did"] for each in deeds(bench)] == ["taken", "pended", "decided"]


def test_a_change_is_granted_only_for_a_certification_of_that_member(bench: Bench) -> None:
    given_out = segments(only(bench.send(requests(1, request("A1-PAID-0001", "T1"))), "278"), "HCR")[0][2]
    more = request("A1-PAID-0001", "T2", kind="4", previous=given_out, delivery="HSD*VS*6")
    extended = only(bench.send(requests(2, more)), "278")
    assert rows(extended, "HSD") == ["HSD*VS*6"]
    assert segments(extended, "HCR")[0][1] == "A1"
    assert segments(extended, "HCR")[0][2] != given_out
    other = request("A1-PAID-0002", "T3", kind="4", previous=given_out)
    assert rows(only(bench.send(requests(3, other)), "278"), "AAA") == ["AAA*N**AA*C"]
    revised = request("A1-PAID-0001", "T4", kind="S", previous=given_out)
    assert rows(only(bench.send(requests(4, revised)), "278"), "HCR") == [f"HCR*A1*{given_out}"]
    ended = request("A1-PAID-0001", "T5", kind="3", previous=given_out, lines=())
    assert rows(only(bench.send(requests(5, ended)), "278"), "HCR") == [f"HCR*C*{given_out}"]
    again = request("A1-PAID-0001", "T6", kind="3", previous=given_out, lines=())
    assert rows(only(bench.send(requests(6, again)), "278"), "AAA") == ["AAA*N**AA*C"]


def test_late_and_lost_answers(bench: Bench) -> None:
    sets = (request("LATE-PAID-0001", "T1", number=1), request("LOST-PAID-0001", "T2", number=2))
    assert [name.split("_")[0] for name in bench.send(requests(1, *sets))] == ["999"]
    assert bench.later(3.9) == {}
    assert rows(only(bench.later(0.2), "278"), "TRN")[0] == "TRN*2*T1*9CLINICS01"
    assert bench.later(1_000_000) == {}


def test_a_duplicate_is_the_same_file_twice(bench: Bench) -> None:
    files = bench.send(requests(1, request("DUP-PAID-0001")))
    once, again = (text for name, text in files.items() if name.startswith("278"))
    assert once == again
    payments = bench.send(claims(2, claim("A1-DUP-0001")))
    once, again = (text for name, text in payments.items() if name.startswith("835"))
    assert once == again


def test_two_interchanges_come_in_one_file(bench: Bench) -> None:
    (text,) = bench.send(requests(1, request("TWO-PAID-0001"))).values()
    assert [each[1] for each in segments(text, "ST")] == ["999", "278"]
    assert len(segments(text, "ISA")) == len(segments(text, "IEA")) == 2
    files = bench.send(claims(2, claim("A1-TWO-0001")))
    assert [each[1] for each in segments(only(files, "277ca"), "ST")] == ["277", "835"]


# Claims.


def test_a_claim_without_the_number_of_a_certified_member_is_denied(bench: Bench) -> None:
    bench.send(requests(1, request("A1-PAID-0001")))
    denied = only(bench.send(claims(2, claim("A1-PAID-0001", authorization=""))), "835")
    assert rows(denied, "CAS") == ["CAS*CO*197*100", "CAS*CO*197*50"]
    assert rows(denied, "BPR")[0].startswith("BPR*H*0*C*NON")
    uncertified = only(bench.send(claims(3, claim("A3-PAID-0009", "CLAIM2", authorization=""))), "835")
    assert "197" not in {each[2] for each in segments(uncertified, "CAS")}


def test_a_reversal_negates_and_a_correction_follows_in_the_same_file(bench: Bench) -> None:
    first = only(bench.send(claims(1, claim("A1-REV-0001"))), "835")
    assert bench.later(2.9) == {}
    second = only(bench.later(0.2), "835")
    (paid,) = segments(first, "CLP")
    reversed_, corrected = segments(second, "CLP")
    assert (reversed_[2], reversed_[3], reversed_[4]) == ("22", f"-{paid[3]}", f"-{paid[4]}")
    assert reversed_[7] == corrected[7] == paid[7]
    assert float(corrected[4]) > float(paid[4])
    assert imbalances(first) == imbalances(second) == []


def test_what_would_be_below_zero_is_carried_to_the_next_payment(bench: Bench) -> None:
    paid = only(bench.send(claims(1, claim("A1-PAID-0001", "CLAIM1"))), "835")
    number, amount = segments(paid, "CLP")[0][7], segments(paid, "CLP")[0][4]
    void = claim("A1-PAID-0001", "CLAIM2", frequency="8", original=number)
    taken_back = only(bench.send(claims(2, void)), "835")
    assert [each[1:5] for each in segments(taken_back, "CLP")] == [["CLAIM1", "22", "-150", f"-{amount}"]]
    assert rows(taken_back, "PLB") == [f"PLB*1234567893*20261231*FB:CARRIED FORWARD*-{amount}"]
    assert segments(taken_back, "BPR")[0][2] == "0"
    small = ("HC:97110:GP*50*UN*1",)
    following = claims(3, claim("A1-PAID-0001", "CLAIM3", charge="50", lines=small))
    next_one = only(bench.send(following), "835")
    assert segments(next_one, "BPR")[0][2] == "0"
    last = only(bench.send(claims(4, claim("A1-PAID-0001", "CLAIM4"))), "835")
    recovered = [float(each[4]) for each in segments(next_one + last, "PLB")]
    assert sum(recovered) == float(amount)
    assert [imbalances(each) for each in (taken_back, next_one, last)] == [[], [], []]


def test_a_replacement_takes_back_the_claim_that_it_names(bench: Bench) -> None:
    paid = only(bench.send(claims(1, claim("A1-PAID-0001", "CLAIM1"))), "835")
    original = segments(paid, "CLP")[0][7]
    lines = ("HC:97110:GP*200*UN*4",)
    corrected = claim("A1-PAID-0001", "CLAIM2", charge="200", frequency="7", original=original, lines=lines)
    text = only(bench.send(claims(2, corrected)), "835")
    assert [each[1:4] for each in segments(text, "CLP")] == [["CLAIM1", "22", "-150"], ["CLAIM2", "1", "200"]]
    assert imbalances(text) == []
    did = Counter((each["did"], each.get("claim", "")) for each in deeds(bench))
    assert did["adjudicated", "CLAIM1"] == did["adjudicated", "CLAIM2"] == did["reversed", "CLAIM1"] == 1


def test_a_void_waits_for_the_correction_that_is_on_its_way(bench: Bench) -> None:
    first = bench.send(claims(1, claim("A1-REV-0001", "CLAIM1")))
    original = segments(only(first, "835"), "CLP")[0][7]
    now = bench.send(claims(2, claim("A1-REV-0001", "CLAIM2", frequency="8", original=original)))
    assert not any(name.startswith("835") for name in now)
    later = bench.later(5)
    payments = [text for name, text in sorted(later.items()) if name.startswith("835")]
    assert [[each[2] for each in segments(text, "CLP")] for text in payments] == [["22", "1"], ["22"]]
    corrected, taken_back = segments(payments[0], "CLP")[1], segments(payments[1], "CLP")[0]
    assert taken_back[4] == f"-{corrected[4]}"


def test_one_835_for_each_payee_of_an_interchange(bench: Bench) -> None:
    levels = (claim("A1-PAID-0001", "C1", level=2), claim("A1-PAID-0002", "C2", level=3))
    files = bench.send(claims(1, *levels))
    assert [each[1] for each in segments(only(files, "835"), "CLP")] == ["C1", "C2"]
    assert len(segments(only(files, "277ca"), "TRN")) == 5  # Two of our own, the batch, two claims.


AMOUNTS = st.lists(
    st.tuples(st.sampled_from(PROCEDURES), st.integers(0, 2_000_000), st.integers(1, 40)), min_size=1, max_size=6
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(billed=AMOUNTS, payment=st.sampled_from([*Payment]), serial=st.integers(1, 9))
def test_every_835_balances_in_cents(
    bench: Bench, billed: list[tuple[str, int, int]], payment: Payment, serial: int
) -> None:
    number = bench.documents + 1
    lines = [f"{procedure}*{cents / 100:.2f}*UN*{units}" for procedure, cents, units in billed]
    total = f"{sum(cents for _, cents, _ in billed) / 100:.2f}"
    sent = claims(number, claim(f"A1-{payment}-{serial:04}", f"C{number}", charge=total, lines=lines))
    files = {**bench.send(sent), **bench.later(60)}
    expected = {Payment.R277: 0, Payment.R999: 0, Payment.LOST: 0, Payment.DUP: 2, Payment.REV: 2}.get(payment, 1)
    assert sum(text.count("~ST*835*") for text in files.values()) == expected
    assert [wrong for text in files.values() for wrong in imbalances(text)] == []


# What is refused.


def test_a_repeated_interchange_number_is_refused_whatever_it_holds(bench: Bench) -> None:
    document = claims(7, claim("A1-PAID-0001"))
    bench.send(document)
    for again in (document, claims(7, claim("A1-PAID-0001", "CLAIM2"))):
        (text,) = bench.send(again).values()
        assert rows(text, "TA1") == ["TA1*000000007*260302*0930*R*025"]
    assert [each["did"] for each in deeds(bench)] == ["taken", "adjudicated", "repeated", "repeated"]
    other = interchange(7, group("HI", "005010X217", request("A1-PAID-0001")), sender="OTHERS")
    assert set(bench.send(other)) != set()
    assert deeds(bench)[-1]["did"] == "decided"


@pytest.mark.parametrize(
    ("was", "became", "code"),
    [
        ("IEA*1*000000001~", "IEA*1*000000002~", "001"),
        ("IEA*1*", "IEA*2*", "021"),
        ("IEA*1*000000001~", "", "023"),
        ("*00501*", "*00401*", "017"),
        ("*0*T*:~", "*0*X*:~", "020"),
        ("*260302*0930*^", "*261302*0930*^", "014"),
        ("~IEA", "~REF*XX*1~IEA", "022"),
        ("*ZZ*CLINICS ", "*QQ*CLINICS ", "005"),
        ("*0930*^*", "*0930*U*", "026"),
    ],
)
def test_a_broken_envelope_is_refused_by_ta1(was: str, became: str, code: str, bench: Bench) -> None:
    document = requests(1, request("A1-PAID-0001"))
    assert was in document
    ((name, text),) = bench.send(document.replace(was, became, 1)).items()
    assert name.startswith("ta1_")
    day = "261302" if code == "014" else "260302"
    assert rows(text, "TA1") == [f"TA1*000000001*{day}*0930*R*{code}"]
    assert rows(text, "GS", "IEA") == ["IEA*0*000000001"]
    assert bench.send(document), "a refused number may be used again"


def _request_with(was: str, became: str) -> str:
    document = requests(1, request("A1-PAID-0001"))
    assert was in document
    return document.replace(was, became, 1)


def _claim_with(was: str, became: str) -> str:
    document = claims(1, claim("A1-PAID-0001"))
    assert was in document
    return document.replace(was, became, 1)


def _recounted(document: str) -> str:
    """SE01 made right again after segments came or went."""
    start, end = document.index("~ST*") + 1, document.index("~SE*") + 1
    count = document[start:end].count("~") + 1
    head, tail = document[:end], document[end:].split("*", 2)
    return f"{head}SE*{count}*{tail[2]}"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (_request_with("SE*", "SE*1"), ["IK5*R*4"]),
        (_request_with("*0001~GE", "*0009~GE"), ["IK5*R*3"]),
        (_request_with("HL*5*4*SS*0", "HL*5*9*SS*0"), ["IK3*HL*18**8", "IK4*2*734*I12", "IK5*R*5"]),
        (_request_with("HL*6*4*SS*0", "HL*7*4*SS*0"), ["IK3*HL*22**8", "IK4*1*628*I12", "IK5*R*5"]),
        (_request_with("HL*4*3*EV*1", "HL*4*3*EV*0"), ["IK3*HL*10**8", "IK4*4*736*I12", "IK5*R*5"]),
        (_request_with("UM*HS*I", "UM*QQ*I"), ["IK3*UM*12**8", "IK4*1*1525*7", "IK5*R*5"]),
        (_request_with("*9CLINICS01~UM", "*9CLINIC~UM"), ["IK3*TRN*11*2000*8", "IK4*3*509*4", "IK5*R*5"]),
        (_request_with("HSD*VS*12", "HSD*VS*"), ["IK3*HSD*15**8", "IK4*2**3", "IK5*R*5"]),
        (_request_with("M545", "M54.5"), ["IK3*HI*14**8", "IK4*1:2*1271*6", "IK5*R*5"]),
        (_request_with("20260302-20260601", "20260601-20260302"), ["IK3*DTP*13**8", "IK4*3*1251*8", "IK5*R*5"]),
        (_request_with("MI*A1-PAID-0001", "MI"), ["IK3*NM1*8*2010*8", "IK4*9*67*1", "IK5*R*5"]),
        (_recounted(_request_with("~UM*HS*I*PT*11:B**E", "")), ["IK3*UM*10*2000*3", "IK5*R*5"]),
        (_recounted(_request_with("~UM*", "~XYZ*1~UM*")), ["IK3*XYZ*12**1", "IK5*R*5"]),
        (_claim_with("CLM*CLAIM1*150", "CLM*CLAIM1*150.01"), ["IK3*CLM*19*2300*8", "IK4*2*782*I12", "IK5*R*5"]),
        (_claim_with("LX*2", "LX*3"), ["IK3*LX*28*2400*8", "IK4*1*554*I12", "IK5*R*5"]),
        (_claim_with("*UN*1***1:2", "*UN*1***1:3"), ["IK3*SV1*29*2400*8", "IK4*7:1*1328*I12", "IK5*R*5"]),
        (_claim_with("*UN*1***", "*UN*0***"), ["IK3*SV1*29*2400*8", "IK4*4*380*6", "IK5*R*5"]),
        (_recounted(_claim_with("~DTP*472*D8*20260302", "")), ["IK3*DTP*28*2400*3", "IK5*R*5"]),
        (
            _claim_with("CLAIM1L2", "CLAIM1L1"),
            ["IK3*REF*27*2400*8", "IK4*2*127*I12", "IK3*REF*31*2400*8", "IK4*2*127*I12", "IK5*R*5"],
        ),
        (_claim_with("CLM*CLAIM1", "CLM*" + "C" * 21), ["IK3*CLM*19**8", "IK4*1*1028*5", "IK5*R*5"]),
        (_claim_with("NM1*85", "NM1*87"), ["IK3*NM1*6*2010*3", "IK5*R*5"]),
    ],
)
def test_a_bad_set_is_rejected_by_the_999_and_by_nothing_else(document: str, expected: list[str], bench: Bench) -> None:
    (text,) = bench.send(document).values()
    assert rows(text, "IK3", "IK4", "IK5") == expected
    assert rows(text, "AK9") == ["AK9*R*1*1*0"]
    assert pyx12_refusal(text) == ""
    assert [each["did"] for each in deeds(bench)] == ["taken", "set_rejected"]


TA1 = "TA1*000000001*260101*1200*R*023~"
GROUP_ACKNOWLEDGMENT = "ST*999*0001*005010X231A1~AK1*HI*1*005010X217~AK9*R*1*1*0~SE*4*0001~"


def test_what_only_acknowledges_is_archived_and_brings_nothing_about(bench: Bench) -> None:
    alone = interchange(1)
    technical = alone.replace("IEA*", f"{TA1}IEA*")
    answers = interchange(2, group("FA", "005010X231A1", GROUP_ACKNOWLEDGMENT), acknowledge=1)
    for each in (technical, answers, answers.replace("IEA*1", "IEA*7")):
        assert bench.send(each) == {}
    assert [each["did"] for each in deeds(bench)] == ["acknowledged"] * 3
    assert len([*(bench.folder / "archive").iterdir()]) == 3
    beside = group("FA", "005010X231A1", GROUP_ACKNOWLEDGMENT)
    files = bench.send(interchange(3, beside, group("HI", "005010X217", request("A1-PAID-0001"))))
    assert rows(only(files, "999"), "AK1") == ["AK1*HI*1*005010X217"], "the request beside it is answered"


def test_a_group_counts_its_good_and_bad_sets(bench: Bench) -> None:
    good, bad = request("A1-PAID-0001", "T1", number=1), request("R999-PAID-0001", "T2", number=2)
    text = only(bench.send(requests(1, good, bad)), "999")
    assert rows(text, "AK9") == ["AK9*P*2*2*1"]
    wrong = interchange(2, group("HI", "005010X215", request("A1-PAID-0001", "T3")))
    assert rows(only(bench.send(wrong), "999"), "AK1", "AK9") == ["AK1*HI*1*005010X215", "AK9*R*1*1*0*2"]
    miscounted = requests(3, request("A1-PAID-0001", "T4")).replace("GE*1*1", "GE*2*1")
    assert rows(only(bench.send(miscounted), "999"), "AK9") == ["AK9*R*2*1*0*5"]


def test_a_claim_and_a_trace_are_taken_once(bench: Bench) -> None:
    bench.send(requests(1, request("A1-PAID-0001", "T1")))
    text = only(bench.send(requests(2, request("A1-PAID-0001", "T1"))), "999")
    assert rows(text, "CTX", "IK5") == ["CTX*TRN02:T1", "IK5*R*5"]
    bench.send(claims(3, claim("A1-PAID-0001", "C1")))
    (text,) = bench.send(claims(4, claim("A1-PAID-0001", "C1"), reference="BATCH2")).values()
    assert rows(text, "CTX", "IK5") == ["CTX*CLM01:C1", "IK5*R*5"]
    did = Counter(each["did"] for each in deeds(bench))
    assert (did["decided"], did["adjudicated"], did["refused_again"]) == (1, 1, 2)
    twice = claims(5, claim("A1-PAID-0001", "C2", level=2), claim("A1-PAID-0001", "C2", level=3))
    assert "IK5*R*5" in rows(only(bench.send(twice), "999"), "IK5")


def test_a_rejected_claim_may_come_again_after_a_set_was_refused(bench: Bench) -> None:
    bench.send(claims(1, claim("A1-R999-0001", "C1")))
    assert "835" in str(bench.send(claims(2, claim("A1-PAID-0001", "C1"))))


def test_what_cannot_be_read_is_kept_and_holds_nothing_up(bench: Bench) -> None:
    for junk in ("", "hello", "ISA*00*", "PK\x03\x04"):
        assert bench.send(junk) == {}
    assert bench.send(requests(1, request("A1-PAID-0001")))
    assert Counter(each["did"] for each in deeds(bench))["unreadable"] == 4
    assert len([*(bench.folder / "archive").iterdir()]) == 5


def test_an_upload_that_is_taken_back_or_still_open_holds_nothing_up(tmp_path: Path, bench: Bench) -> None:
    def is_open(path: Path) -> bool:
        if path.name == "back.x12":
            path.unlink()
        return path.name == "open.x12"

    mailroom = Mailroom(tmp_path / "other", Company(), bench.clock, is_open)
    for name in ("back.x12", "open.x12", "sent.x12"):
        (mailroom.inbound / name).write_text(requests(1, request("A1-PAID-0001")))
    mailroom.beat()
    mailroom.close()
    assert [path.name for path in mailroom.inbound.iterdir()] == ["open.x12"]
    assert sorted(path.name for path in mailroom.outbound.iterdir()) == ["278_000002.x12", "999_000001.x12"]


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of outside files is not beside the checkout")
def test_official_requests_and_claims_are_taken_and_answered_well(tmp_path: Path) -> None:
    index = [line.split("\t") for line in (CORPUS / "INDEX.tsv").read_text("utf-8").splitlines()]
    wanted = ("278-req 005010X217", "837P 005010X222A1")
    official = [row for row in index if row[1] in wanted and "x12.org" in row[5] and row[2] == "valid"]
    assert len(official) > 15
    answers: list[str] = []
    for count, (name, kind, *_, note) in enumerate(official):
        bench = Bench(tmp_path / str(count))
        (bench.mailroom.inbound / "sent.x12").write_bytes((CORPUS / name).read_bytes())
        bench.mailroom.beat()
        files = bench.fetch()
        bench.mailroom.close()
        miscounted = "SE01" in note
        assert rows(only(files, "999"), "IK5") == (["IK5*R*4"] if miscounted else ["IK5*A"]), name
        if kind.startswith("837P"):
            assert imbalances(only(files, "835")) == [], name
            answers += [only(files, "277ca"), only(files, "835")]
    assert pyx12_refusal(*answers) == ""


# The same input brings the same answers, whatever happens in between.


def _load() -> list[str]:
    """A mixed load, one document after the other."""
    return [
        requests(1, request("A1-PAID-0001", "T1", number=1), request("PEND-PAID-0002", "T2", number=2)),
        claims(2, claim("A1-REV-0001", "C1"), claim("A1-DUP-0002", "C2", level=3)),
        claims(2, claim("A1-PAID-0001", "C3")),
    ]


def _undisturbed(bench: Bench) -> dict[str, str]:
    files: dict[str, str] = {}
    for document in _load():
        files.update(bench.send(document))
    files |= bench.later(60)
    bench.mailroom.close()
    return files


def test_answers_follow_from_the_seed(tmp_path: Path) -> None:
    one, same, other = (
        _undisturbed(Bench(tmp_path / name, Company(seed=seed))) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert one == same
    assert one != other
    fixed = _undisturbed(Bench(tmp_path / "d", Company(seed=1, today=date(2024, 2, 29))))
    assert all("*240229*1200*" in text for text in fixed.values())


STEPS: tuple[tuple[type, str], ...] = (
    *((Path, each) for each in ("rename", "write_bytes")),
    (Mailroom, "write_journal"),
    *((Memory, each) for each in ("take", "promise", "published")),
)


def _disturbed(folder: Path, step: int) -> tuple[Counter[tuple[str, str]], list[dict[str, str]], bool]:
    """The load with one kill; every answer that a partner fetched, the journal, and whether the step was reached."""
    bench = Bench(folder)
    fetched: Counter[tuple[str, str]] = Counter()
    for place, document in enumerate(_load()):
        (bench.mailroom.inbound / f"{place}.x12").write_bytes(document.encode())
    died = False
    try:
        with killed_at(step, STEPS):
            bench.mailroom.beat()
            bench.clock.forward(60)
            bench.mailroom.beat()
    except Killed:
        died = True
        fetched.update(bench.fetch().items())  # A partner may be quicker than the new start.
        bench.restart()
    bench.mailroom.beat()
    bench.clock.forward(60)
    bench.mailroom.beat()
    fetched.update(bench.fetch().items())
    noted = deeds(bench)
    bench.mailroom.close()
    return fetched, noted, died


def test_a_kill_at_any_step_neither_loses_nor_doubles_an_answer(tmp_path: Path) -> None:
    """Bytes hold the clock, so what is compared is names and, of the journal, every deed."""
    whole, journal, _ = _disturbed(tmp_path / "whole", 0)
    names = Counter(name for name, _ in whole.elements())
    assert set(names.values()) == {1}
    step, died = 1, True
    while died:
        fetched, noted, died = _disturbed(tmp_path / str(step), step)
        assert Counter(name for name, _ in fetched.elements()) == names, step
        assert noted == journal, step
        step += 1
    assert step > 60


# The wire.

TEXTS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="*:^~|>!{ISA"), max_size=8)
ELEMENTS = st.lists(st.lists(TEXTS, min_size=1, max_size=3).map(lambda each: wire.composite(*each)), max_size=5)


@given(
    bodies=st.lists(ELEMENTS, max_size=6), marks=st.sampled_from(["*:^~", "|>!{"]), end=st.sampled_from(["", "\r\n"])
)
def test_what_is_written_is_read_again(bodies: list[list[str]], marks: str, end: str) -> None:
    sent = [("REF", *each) for each in bodies]
    used = wire.Marks(marks[0], marks[1], marks[2], marks[3], end)
    isa = requests(1)[:105].translate(str.maketrans("*:^", marks[:3]))
    document = (isa + marks[3]).encode() + wire.write([("GS", "HI"), ("ST", "278", "1"), *sent, ("SE",)], used)
    (read,) = wire.read(document)
    expected = []
    for each in sent:
        kept = list(each)
        while not kept[-1]:
            kept.pop()
        expected.append(tuple(kept))
    assert list(read.groups[0].sets[0].segments[1:-1]) == expected


def test_what_would_read_as_a_delimiter_is_written_as_a_space() -> None:
    assert wire.write([("NM1", "O*BRIEN~^:")], wire.Marks()) == b"NM1*O BRIEN   ~"


# The company.


def test_a_company_file_is_read_and_its_mistakes_are_named(tmp_path: Path) -> None:
    path = tmp_path / "company.toml"
    path.write_text('name = "ANOTHER PLAN"\nlate_s = 1\ntoday = 2026-01-05\n')
    assert load(path, Company()).name == "ANOTHER PLAN"
    for text, told in (("nome = 1", "nome"), ("seed = 'x'", "seed"), ("seed = ", "end of document")):
        path.write_text(text)
        with pytest.raises(CompanyInvalid, match=told):
            load(path, Company())


# The process, over SFTP.


@dataclass
class Far:
    """A running simulator and a partner's session with it."""

    process: subprocess.Popen[str]
    ready: dict[str, str]
    client: paramiko.SSHClient
    sftp: paramiko.SFTPClient

    def put(self, name: str, document: str) -> None:
        with self.sftp.open(f"/inbound/{name}.part", "wb") as file:
            file.write(document.encode())
        self.sftp.posix_rename(f"/inbound/{name}.part", f"/inbound/{name}")

    def wait_for(self, count: int) -> list[str]:
        """The names in outbound once there are so many."""
        until = time.monotonic() + 20
        while len(names := sorted(self.sftp.listdir("/outbound"))) < count:
            assert time.monotonic() < until, f"only {names}"
        return names

    def read(self, name: str) -> str:
        with self.sftp.open(f"/outbound/{name}", "rb") as file:
            return file.read().decode()

    def end(self, number: signal.Signals) -> int:
        self.client.close()
        self.process.send_signal(number)
        return self.process.wait(10)


def _start(folder: Path, *options: str) -> tuple[subprocess.Popen[str], dict[str, str]]:
    command = [sys.executable, "-m", "gateway.simulator", "--folder", str(folder), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as stdout:
        return process, json.loads(stdout.readline())


def _connect(ready: dict[str, str], password: str | None = "", key: paramiko.PKey | None = None) -> paramiko.SSHClient:
    """A session with the server whose host key is the one told; "" stands for the password of the file."""
    client = paramiko.SSHClient()
    kind, body = ready["host_key"].split()
    client.get_host_keys().add(f"[127.0.0.1]:{ready['port']}", kind, paramiko.Ed25519Key(data=base64.b64decode(body)))
    client.connect(
        "127.0.0.1",
        int(ready["port"]),
        ready["username"],
        Path(ready["password_file"]).read_text().strip() if password == "" else password,
        key,
        look_for_keys=False,
        allow_agent=False,
    )
    return client


@contextmanager
def far_side(folder: Path, *options: str) -> Iterator[Far]:
    process, ready = _start(folder, *options)
    try:
        client = _connect(ready)
        with client:
            yield Far(process, ready, client, client.open_sftp())
    finally:
        process.kill()
        process.wait()


def test_a_partner_uploads_and_fetches_over_sftp(tmp_path: Path) -> None:
    with far_side(tmp_path, "--delay-scale", "0.01", "--today", "2026-03-02", "--seed", "3") as far:
        assert sorted(far.sftp.listdir("/")) == ["inbound", "outbound"]
        with far.sftp.open("/inbound/half.x12.part", "wb") as file:
            file.write(b"ISA*")
        far.put("auth 1.x12", requests(1, request("PEND-PAID-0001")))
        kinds = [name.split("_")[0] for name in far.wait_for(3)]
        assert kinds == ["278", "278", "999"]
        for name in far.sftp.listdir("/outbound"):
            assert "*20260302*1200*" in far.read(name)
            far.sftp.remove(f"/outbound/{name}")
        far.put("claim.x12", claims(2, claim("A1-PAID-0001")))
        assert [name.split("_")[0] for name in far.wait_for(3)] == ["277ca", "835", "999"]
        assert far.sftp.listdir("/inbound") == ["half.x12.part"]
        assert (tmp_path / "host_key").stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "password").stat().st_mode & 0o777 == 0o600
        assert far.end(signal.SIGTERM) == 0
    process, again = _start(tmp_path)
    process.terminate()
    assert process.wait(10) == 0
    assert again["host_key"] == far.ready["host_key"]


def test_the_mailbox_shows_nothing_but_its_two_rooms(tmp_path: Path) -> None:
    with far_side(tmp_path) as far:
        for path in ("/password", "/../password", "/inbound/../../password", "/archive", "/etc/passwd"):
            with pytest.raises(FileNotFoundError):
                far.sftp.open(path, "rb")
        far.sftp.open("/inbound/file.part", "wb").close()
        for refused in (
            lambda: far.sftp.mkdir("/inbound/more"),
            lambda: far.sftp.rmdir("/inbound"),
            lambda: far.sftp.posix_rename("/inbound/file.part", "/inbound"),
            lambda: far.sftp.open("/inbound", "wb"),
        ):
            with pytest.raises(PermissionError):
                refused()
        assert far.sftp.listdir("/inbound") == ["file.part"]
        with pytest.raises(paramiko.AuthenticationException):
            _connect(far.ready, password="wrong")


def test_a_public_key_opens_the_mailbox(tmp_path: Path) -> None:
    key = paramiko.ECDSAKey.generate()
    listed = tmp_path / "authorized_keys"
    listed.write_text(f"# partners\n{key.get_name()} {key.get_base64()} clinic@example\n")
    with far_side(tmp_path / "far", "--authorized-keys", str(listed)) as far:
        with _connect(far.ready, password=None, key=key) as client:
            assert sorted(client.open_sftp().listdir("/")) == ["inbound", "outbound"]
        with pytest.raises(paramiko.AuthenticationException):
            _connect(far.ready, password=None, key=paramiko.ECDSAKey.generate())


def test_killed_in_the_middle_it_goes_on_where_it_was(tmp_path: Path) -> None:
    count = 30
    with far_side(tmp_path) as far:
        for number in range(1, count + 1):
            far.put(f"{number}.x12", claims(number, claim("A1-PAID-0001", f"C{number}")))
        assert far.end(signal.SIGKILL) == -signal.SIGKILL
    with far_side(tmp_path) as far:
        names = far.wait_for(3 * count)
        assert Counter(name.split("_")[0] for name in names) == {"999": count, "277ca": count, "835": count}
        paid = Counter(each[1] for name in names if name.startswith("835") for each in segments(far.read(name), "CLP"))
        assert paid == {f"C{number}": 1 for number in range(1, count + 1)}
    lines = (tmp_path / "journal.jsonl").read_text().splitlines()
    assert Counter(each["claim"] for each in map(json.loads, lines) if each["did"] == "adjudicated") == paid


def test_a_wrong_company_file_is_told_and_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "company.toml"
    path.write_text("nome = 1")
    command = [sys.executable, "-m", "gateway.simulator", "--folder", str(tmp_path / "far"), "--config", str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "nome" in ended.stderr
    assert ended.stdout == ""
