"""A request followed to its end: tried again, answered twice or late, asked about, changed, appealed, used up."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from flow_stage import Stage, claim_json, decision_on, line_json, on_sqlite, on_stage, payment, request_json
from simulator_partner import Bench

from gateway.domain.authorization import Attachment
from gateway.domain.decision import Coded, Delivery, Rejection, Review, ServiceDecision, Trace
from gateway.domain.parties import Contact
from gateway.flow import resend
from gateway.store import Store
from gateway.x12.validate import Examined, examine

A1 = Review(code="A1", number="CERT0001")
A3 = Review(code="A3", reasons=("0F",))
TWELVE = Delivery(qualifier="VS", count="12")
BUSY = Rejection(reason="42", follow_up="P", level="2000A")


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path)


def _sent(stage: Stage, number: int = 1, **changed: Any) -> str:
    stage.submit(request_json(number, **changed))
    stage.work()
    return stage.request(number).id


def _segments(stage: Stage, at: int = -1) -> list[str]:
    return stage.written()[at].decode().replace("\n", "").split("~")


def _review(stage: Stage, at: int = -1) -> list[str]:
    """UM02, REF*BB and REF*NT of a 278 that went out, which the guide has nothing against."""
    for part in examine([stage.written()[at]]):
        assert not isinstance(part, Examined) or [str(each.severity) for each in part.findings if each.snip] == []
    segments = _segments(stage, at)
    (um,) = [each.split("*")[2] for each in segments if each.startswith("UM*")]
    return [um, *(each for each in segments if re.match(r"REF\*(BB|NT)\*", each))]


# Tried again.


def _busy(stage: Stage, **changed: Any) -> bytes:
    whole = replace(decision_on(stage.request()), **changed)
    return stage.says(replace(whole, events=(), requester_id="", subscriber=None, rejections=(BUSY,)))


def test_a_payer_that_cannot_answer_now_is_asked_again_by_itself(stage: Stage) -> None:
    """2.4: auto-retry only for P and R with 42 or 80. The same request goes out under its own trace."""
    subject = _sent(stage)
    stage.arrive(_busy(stage))
    assert (stage.request().state, stage.tasks()) == ("retry", [])
    stage.work()
    assert len(stage.written()) == 1, "not before its time"
    stage.clock.advance(int(resend.RESTS[0].total_seconds()))
    stage.work()
    first, second = (_segments(stage, at) for at in (0, 1))
    assert [each for each in first if each.startswith(("TRN", "BHT*0007*13*"))][1:] == [
        each for each in second if each.startswith(("TRN", "BHT*0007*13*"))
    ][1:]
    assert first[0] != second[0], "under an envelope of its own"
    stage.arrive(stage.decided(review=A1, delivery=TWELVE, created_at="1700"))
    assert (stage.request().state, stage.units()) == ("certified", {"available": 12})
    assert stage.steps(subject).count("request.resent") == 1
    assert stage.balanced()


@on_sqlite
def test_the_attempts_are_bounded_and_then_a_person_is_asked(stage: Stage) -> None:
    subject = _sent(stage)
    for number, rest in enumerate(resend.RESTS):
        stage.arrive(_busy(stage, created_at=f"16{number:02}"))
        assert stage.tasks() == []
        stage.clock.advance(int(rest.total_seconds()))
        stage.work()
        assert len(stage.written()) == number + 2
    stage.arrive(_busy(stage, created_at="1700"))
    stage.clock.advance(30 * 24 * 3600)
    stage.work()
    assert len(stage.written()) == len(resend.RESTS) + 1
    (task,) = stage.tasks("decision")
    assert (task.subject, "AAA03 42" in task.reason) == (subject, True)


@on_sqlite
def test_an_answer_that_comes_before_the_next_attempt_ends_it(stage: Stage) -> None:
    _sent(stage)
    stage.arrive(_busy(stage), stage.decided(review=A1, delivery=TWELVE, created_at="1700"))
    stage.clock.advance(24 * 3600)
    stage.work()
    assert (len(stage.written()), stage.request().state) == (1, "certified")


# Twice, and late.


@on_sqlite
def test_the_same_bytes_again_are_noted_and_change_nothing(stage: Stage) -> None:
    subject = _sent(stage)
    busy = _busy(stage)
    stage.arrive(busy, busy)
    assert stage.steps(subject).count(resend.PLANNED) == 1
    assert stage.steps(subject).count("decision.repeated") == 1


@pytest.mark.parametrize(
    ("first", "late", "tasks"), [(A1, A3, 0), (A3, A1, 1), (Review(code="CT"), Review(code="A4"), 0)]
)
@on_sqlite
def test_an_answer_older_than_the_one_in_force_changes_nothing(
    stage: Stage, first: Review, late: Review, tasks: int
) -> None:
    """By BHT04 and BHT05 of the payer's own clock."""
    subject = _sent(stage)
    stage.arrive(stage.decided(review=first, delivery=TWELVE if first is A1 else None))
    before = stage.request().state, stage.units(), len(stage.tasks())
    stage.arrive(stage.decided(review=late, delivery=TWELVE if late is A1 else None, created_at="1559"))
    assert (stage.request().state, stage.units(), len(stage.tasks())) == (*before[:2], before[2] + tasks)
    assert "decision.late" in stage.steps(subject)
    assert stage.request().decision_stamp == "202603021600"


# Echoes.


@on_sqlite
def test_every_number_of_the_payers_is_kept_and_found(stage: Stage) -> None:
    """2.5: TRN, REF*NT and REF*BB."""
    subject = _sent(stage)
    traces = (
        Trace(type="2", number=stage.request().request.trace, assigner="9SIMULATED"),
        Trace(type="1", number="PAYERTRACE1", assigner="9SIMULATED"),
    )
    answer = stage.decided(
        review=Review(code="A4"), traces=traces, administrative_reference="REF1", previous_number="OLD1"
    )
    stage.arrive(answer)
    known = stage.numbers_of(subject)
    assert (known["nt"], known["bb"], known["payer_trace"]) == (["REF1"], ["OLD1"], ["PAYERTRACE1"])
    with stage.reading() as tx:
        for kind, number in (("nt", "REF1"), ("bb", "OLD1"), ("payer_trace", "PAYERTRACE1")):
            assert tx.identifiers.find(kind, number) == [subject]


@on_sqlite
def test_lines_of_one_procedure_are_told_apart_by_their_traces(stage: Stage) -> None:
    """2.5: one TRN for each service line comes back."""
    lines = [{"procedure": "97110", "modifiers": ["GP"], "visits": 6}, {"procedure": "97110", "modifiers": ["GP"]}]
    _sent(stage, lines=lines)
    trace = Trace(type="2", number=f"{stage.request().request.trace}02", assigner="9SIMULATED")
    said = ServiceDecision(traces=(trace,), review=A1, procedure="97110", delivery=TWELVE)
    stage.arrive(stage.decided(review=Review(code="A2"), lines=(said,)))
    with stage.reading() as tx:
        (bucket,) = [each for each in tx.books.buckets(stage.request().id) if each.quantity_source != "memo"]
        (entry,) = [each for each in tx.books.entries(authorization=stage.request().id) if each.kind == "grant"]
    assert bucket.line == 2
    assert entry.cause.segment == "HSD*VS*12"


@pytest.mark.parametrize("loop", ["2000A", "2010A", "2010B", "2010C", "2000E", "2010EA", "2000F", "2010FA"])
@on_sqlite
def test_a_rejection_counts_wherever_it_stands(stage: Stage, loop: str) -> None:
    """2.4: AAA at every level, from the payer to a line's provider."""
    subject = _sent(stage, lines=[{"procedure": "97110", "modifiers": ["GP"]}])
    stage.arrive(_rejected_at(stage, loop))
    assert stage.request().state == "closed"
    (task,) = stage.tasks("decision")
    assert "AAA04 N" in task.reason
    assert task.reason.endswith(f" in {loop}")
    assert subject == task.subject


def _rejected_at(stage: Stage, loop: str) -> bytes:
    """An answer whose one AAA stands in a loop, written by hand: below it nothing follows."""
    request = stage.request().request
    aaa = "AAA*N**15*N~" if loop.startswith(("2000E", "2010E", "2000F", "2010F")) else "AAA*N**79*N~"
    parts = {
        "2000A": "HL*1**20*1~",
        "2010A": "NM1*X3*2*PLAN*****PI*SIM01~",
        "2000B": "HL*2*1*21*1~",
        "2010B": "NM1*1P*2*CLINIC*****XX*1234567893~",
        "2000C": "HL*3*2*22*1~",
        "2010C": f"NM1*IL*1*Z*Q****MI*{request.subscriber.member_id}~",
        "2000E": f"HL*4*3*EV*1~TRN*2*{request.trace}*9SIMULATED~",
        "2000E UM": "UM*HS*I*PT~",
        "2010EA": "NM1*SJ*2*CLINIC*****XX*1234567893~",
        "2000F": f"HL*5*4*SS*0~TRN*2*{request.trace}01*9SIMULATED~",
        "2000F SV1": "SV1*HC:97110:GP~",
        "2010FA": "NM1*SJ*1*T*T****XX*1000000004~",
    }
    deeper = {"2000F": ("2000F", "2000F SV1"), "2010FA": ("2000F", "2000F SV1", "2010FA")}.get(loop, ())
    if loop in ("2000E", "2000F", "2010FA", "2010EA"):
        wanted = ["2000A", "2010A", "2000B", "2010B", "2000C", "2010C", "2000E", "2000E UM"]
        wanted += ["2010EA"] if loop == "2010EA" else [*deeper]
    else:
        order = ["2000A", "2010A", "2000B", "2010B", "2000C", "2010C"]
        wanted = order[: order.index(loop) + 1] + (["2010A"] if loop == "2000A" else [])
    body = ""
    for name in wanted:
        body += parts[name]
        if name == loop:
            body += aaa
    if loop in ("2000E", "2010EA"):
        body = body.replace("*EV*1~", "*EV*0~")
    head = f"BHT*0007*11*{request.trace}*20260302*1600*18~"
    count = (head + body).count("~") + 2
    return (
        "ISA*00*          *00*          *ZZ*SIMCLEAR       *ZZ*NORTHSIDE      *260302*1600*^*00501*000000901*0*T*:~"
        "GS*HI*SIMCLEAR*NORTHSIDE*20260302*1600*1*X*005010X217~ST*278*0001*005010X217~"
        f"{head}{body}SE*{count}*0001~GE*1*1~IEA*1*000000901~"
    ).encode()


# Asked about.


def test_what_a_pended_request_waits_for_is_sent_under_the_payers_reference(stage: Stage) -> None:
    """6.4: PENDED -> INFO_REQUESTED -> PENDED -> decision; 2.5: REF*NT goes back with the update."""
    subject = _sent(stage)
    asks = stage.decided(
        review=Review(code="A4", reasons=("0U",)),
        administrative_reference="REF1",
        attachments=(Attachment(report_type="PN", transmission="FX"),),
        codes=(Coded(qualifier="ABK", code="M25561"), Coded(qualifier="LOI", code="11515-4")),
        contact=Contact(name="REVIEW DESK", fax="5550100777"),
    )
    stage.arrive(asks)
    assert stage.request().state == "info_requested"
    (task,) = stage.tasks("information")
    for named in ("HCR03 0U", "PWK01 PN", "LOINC 11515-4"):
        assert named in task.reason
    assert "fax 5550100777" in task.fix
    papers = [{"report_type": "PN", "transmission": "FX", "control_number": "AT1"}]
    child = _sent(stage, 2, kind="revision", earlier_ref="ACCT-31337-A1", attachments=papers)
    assert _review(stage) == ["S", "REF*NT*REF1"]
    assert (stage.request().state, stage.request(2).parent, stage.tasks()) == ("pended", subject, [])
    assert "information.sent" in stage.steps(subject)
    stage.arrive(stage.decided(2, review=A1, delivery=TWELVE))
    assert [stage.request(number).state for number in (1, 2)] == ["certified", "certified"]
    assert (stage.units(1), stage.units(2), stage.request().number) == ({"available": 12}, {}, "CERT0001")
    assert stage.request(2).id == child
    assert stage.balanced()


# Changed.


@pytest.mark.parametrize(
    ("kind", "um02", "state"),
    [("extension", "4", "extension_requested"), ("renewal", "R", "extension_requested"), ("revision", "S", None)],
)
@pytest.mark.parametrize(
    ("review", "delivery"), [(A1, TWELVE), (A3, None), (Review(code="CT"), None)], ids=["A1", "A3", "CT"]
)
@on_sqlite
def test_a_change_of_a_certification(
    stage: Stage, kind: str, um02: str, state: str | None, review: Review, delivery: Delivery | None
) -> None:
    """6.4: ACTIVE -> EXTENSION_REQUESTED (UM02 4, R or S) -> decision; refused, it is what it was."""
    parent = stage.certified()
    _sent(stage, 2, kind=kind, earlier_ref="ACCT-31337-A1")
    assert _review(stage) == [um02, "REF*BB*CERT0001"]
    assert stage.request(2).parent == parent.id
    assert stage.request(1).state == (state or "extension_requested")
    stage.arrive(stage.decided(2, review=review, delivery=delivery))
    certified = review is A1
    expected = "superseded" if certified and kind == "renewal" else "certified"
    assert stage.request(1).state == expected
    assert stage.units(1) == {"available": 12}
    assert stage.units(2) == ({"available": 12} if certified and kind != "revision" else {})
    stage.submit(claim_json())
    stage.work()
    assert stage.claim().state == "sent", "what is certified can be billed on all the while"
    assert stage.balanced()


@on_sqlite
def test_a_change_that_a_999_refuses_leaves_its_certification_as_it_was(stage: Stage) -> None:
    stage.certified()
    child = _sent(stage, 2, kind="extension", previous_number="CERT0001")
    assert stage.request(1).state == "extension_requested"
    stage.arrive(stage.acknowledged(child, "R"))
    assert [stage.request(number).state for number in (1, 2)] == ["certified", "rejected"]


@on_sqlite
def test_a_cancellation_names_what_it_cancels(stage: Stage) -> None:
    stage.certified()
    _sent(stage, 2, kind="cancel", earlier_ref="ACCT-31337-A1")
    assert _review(stage) == ["3", "REF*BB*CERT0001"]
    stage.arrive(stage.decided(2, review=Review(code="C")))
    assert stage.request(1).state == "cancelled"


@pytest.mark.parametrize(
    ("kind", "um02", "state"),
    [("reconsideration", "N", "reconsideration"), ("appeal", "2", "appeal"), ("urgent_appeal", "1", "appeal")],
)
@pytest.mark.parametrize("won", [True, False])
@on_sqlite
def test_what_was_not_certified_is_looked_at_again(stage: Stage, kind: str, um02: str, state: str, won: bool) -> None:
    """6.4: NOT_CERTIFIED -> RECONSIDERATION (N) or APPEAL (1, 2) -> decision, which is about the first request."""
    parent = _sent(stage)
    stage.arrive(stage.decided(review=A3, administrative_reference="REF1"))
    stage.submit(claim_json())
    stage.work()
    _sent(stage, 2, kind=kind, earlier_ref="ACCT-31337-A1")
    assert _review(stage) == [um02, "REF*NT*REF1"]
    assert (stage.request(1).state, stage.request(2).parent) == (state, parent)
    stage.arrive(stage.decided(2, review=A1 if won else A3, delivery=TWELVE if won else None))
    assert stage.request(1).state == ("certified" if won else "not_certified")
    assert stage.units(1) == ({"available": 12} if won else {})
    assert stage.units(2) == {}
    names: list[dict[str, Any]] = [{"authorization_ref": f"ACCT-31337-A{each}"} for each in (2, 1)]
    names.append({"authorization": "CERT0001", "authorization_ref": None})
    for number, named in enumerate(names, 3):
        stage.submit(claim_json(number, lines=[line_json("97110", "50.00", 1, f"2026-03-0{number - 2}")], **named))
        stage.clock.advance(24 * 3600)
        stage.work("submit")
        assert stage.claim(number).state == ("written" if won else "held")
    assert stage.units(1) == ({"available": 9, "committed": 3} if won else {})
    assert stage.balanced()


@on_sqlite
def test_a_corrected_request_takes_the_place_of_the_one_that_was_refused(stage: Stage) -> None:
    """6.4: REJECTED(AAA C) -> CORRECTED -> SENT."""
    parent = _sent(stage)
    stage.arrive(stage.decided(rejections=(Rejection(reason="33", follow_up="C", level="2000E"),)))
    assert (stage.request().state, len(stage.tasks())) == ("rejected", 1)
    _sent(stage, 2, earlier_ref="ACCT-31337-A1")
    assert _review(stage) == ["I"]
    assert (stage.request(1).state, stage.request(2).parent, stage.tasks()) == ("closed", parent, [])


@on_sqlite
def test_a_line_that_is_cancelled_gives_back_what_it_held(stage: Stage) -> None:
    """2.4: C releases what is available; the other line stands."""
    _sent(stage, lines=[{"procedure": code, "modifiers": ["GP"], "visits": 6} for code in ("97110", "97140")])
    lines = tuple(_said(stage, each, A1, 6) for each in (1, 2))
    stage.arrive(stage.decided(review=Review(code="A2"), lines=lines))
    lines = (_said(stage, 1, A1, 6), _said(stage, 2, Review(code="C"), 0))
    stage.arrive(stage.decided(review=Review(code="A2"), lines=lines, created_at="1700"))
    assert stage.units() == {"available": 6, "returned": 6}
    assert stage.request().state == "certified_partial"
    assert stage.balanced()


def _said(stage: Stage, line: int, review: Review, count: int) -> ServiceDecision:
    trace = Trace(type="2", number=f"{stage.request().request.trace}{line:02}", assigner="9SIMULATED")
    delivery = Delivery(qualifier="VS", count=str(count)) if count else None
    return ServiceDecision(traces=(trace,), review=review, procedure=("97110", "97140")[line - 1], delivery=delivery)


@on_sqlite
@pytest.mark.parametrize(("left", "tasks"), [("12", 0), ("11", 0), ("9", 1)])
def test_what_the_payer_counts_as_left_is_compared(stage: Stage, left: str, tasks: int) -> None:
    """3.1, rule 4: HSD05 29 is a count to reconcile with; one visit is claimed, and may not be counted yet."""
    stage.billed()
    (line,) = (stage.request().request.lines[0],)
    said = ServiceDecision(
        traces=(Trace(type="2", number=line.trace, assigner="9SIMULATED"),),
        procedure=line.procedure,
        delivery=Delivery(period="29", periods=left),
    )
    stage.arrive(stage.decided(review=A1, delivery=TWELVE, lines=(said,), created_at="1700"))
    assert sum("as remaining" in each.reason for each in stage.tasks("decision")) == tasks
    assert stage.units() == {"available": 11, "committed": 1}


# Used up, and over.


def _day_passes(stage: Stage, days: int = 1) -> None:
    stage.clock.advance(days * 24 * 3600)
    with stage.store.transaction(stage.house.everything()) as tx:
        tx.jobs.enqueue("expire", payload={}, key="expire")
    stage.work("expire")


def test_a_certification_that_is_used_up_says_so_until_something_comes_back(stage: Stage) -> None:
    """6.4: ACTIVE -> EXHAUSTED."""
    stage.submit(request_json(visits=1))
    stage.work()
    stage.arrive(stage.decided(review=A1, delivery=Delivery(qualifier="VS", count="1")))
    stage.submit(claim_json())
    stage.work()
    _day_passes(stage)
    assert stage.request().state == "certified", "what is claimed may come back"
    paid = payment(stage.claim())
    stage.arrive(stage.paid(paid))
    _day_passes(stage)
    assert stage.request().state == "exhausted"
    reversal = payment(stage.claim(), status="22")
    stage.arrive(stage.paid(reversal, check="CHK0002"))
    _day_passes(stage)
    assert stage.request().state == "certified"
    assert stage.balanced()


@on_sqlite
def test_a_certification_whose_window_is_over_says_so_and_is_billed_late(stage: Stage) -> None:
    """6.4: ACTIVE -> EXPIRED; 6.2: a late claim for a date inside the window."""
    stage.certified(ends_on="2026-03-31")
    _day_passes(stage, 40)
    assert stage.request().state == "expired"
    stage.submit(claim_json(lines=[line_json("97110", "120.00", 2, "2026-03-05")]))
    stage.work()
    assert stage.claim().state == "sent"
    assert stage.request().decided_on == date(2026, 3, 2)


@on_sqlite
def test_what_the_row_of_a_request_says(stage: Stage) -> None:
    _sent(stage, level="urgent", note="surgery three days ago")
    row = stage.request()
    assert (row.kind, row.level, row.service_type, row.parent) == ("initial", "urgent", "PT", "")
    assert (row.sent_at, row.decided_at) == (stage.clock(), None)
    stage.clock.advance(3600)
    stage.arrive(stage.decided(review=Review(code="A4")))
    assert stage.request().decided_at is None
    stage.clock.advance(3600)
    stage.arrive(stage.decided(review=A1, delivery=TWELVE, created_at="1700"))
    decided = stage.request().decided_at
    assert decided is not None
    assert (decided - stage.request().created_at).total_seconds() == 7200


# With the simulated payer at the other end.


@pytest.fixture
def payer(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "payer")
    yield made
    made.mailroom.close()


def _exchange(stage: Stage, payer: Bench) -> None:
    """What we wrote last goes over, and what comes back is read."""
    answers = payer.send(stage.written()[-1].decode())
    stage.arrive(*(text.encode() for text in answers.values()))


def _as(scenario: str) -> dict[str, Any]:
    return {"patient": {**request_json()["patient"], "member_id": f"{scenario}-PAID-0001"}}


@pytest.mark.parametrize(
    ("scenario", "kind", "first", "then", "units"),
    [
        ("INFO", "revision", "info_requested", "certified", {"available": 12}),
        ("A3", "reconsideration", "not_certified", "certified", {"available": 12}),
        ("A3", "appeal", "not_certified", "certified", {"available": 12}),
        ("A3", "urgent_appeal", "not_certified", "certified", {"available": 12}),
        ("A1", "extension", "certified", "certified", {"available": 12}),
        ("A1", "renewal", "certified", "superseded", {"available": 12}),
        ("A1", "revision", "certified", "certified", {"available": 12}),
        ("A1", "cancel", "certified", "cancelled", {"returned": 12}),
    ],
)
@on_sqlite
def test_each_change_is_one_that_another_company_understands(
    stage: Stage, payer: Bench, scenario: str, kind: str, first: str, then: str, units: dict[str, int]
) -> None:
    _sent(stage, **_as(scenario))
    _exchange(stage, payer)
    assert stage.request().state == first
    _sent(stage, 2, kind=kind, earlier_ref="ACCT-31337-A1", **_as(scenario))
    _exchange(stage, payer)
    assert (stage.request(1).state, stage.units(1)) == (then, units)
    assert stage.request(2).state == ("cancelled" if kind == "cancel" else "certified")
    assert stage.tasks("unmatched") == []
    assert stage.balanced()


@on_sqlite
def test_a_payer_that_was_busy_certifies_the_same_request_later(stage: Stage, payer: Bench) -> None:
    _sent(stage, **_as("BUSY"))
    _exchange(stage, payer)
    assert stage.request().state == "retry"
    stage.clock.advance(int(resend.RESTS[0].total_seconds()))
    payer.clock.forward(resend.RESTS[0].total_seconds())
    stage.work()
    _exchange(stage, payer)
    assert (stage.request().state, stage.units(), stage.tasks()) == ("certified", {"available": 12}, [])
