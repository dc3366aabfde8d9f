"""Receive: every part of a document is read once and takes effect once; what cannot be read waits, its bytes kept."""

import io
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from flow_stage import PARTNER, Stage, claim_status, decision_on, on_sqlite, on_stage, payment, remitted, request_json

from gateway import logs
from gateway.domain import answer, decision
from gateway.errors import BalanceShort
from gateway.flow import receive as receiving
from gateway.flow import worker
from gateway.store import Store
from gateway.store.schema import metadata
from gateway.store.session import StoreUnavailable
from gateway.translate.maps import Map

A1 = decision.Review(code="A1", number="CERT0001")


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path)


def _sent(stage: Stage, *numbers: int) -> list[str]:
    """Requests that were sent in one interchange, in this order; their ids."""
    for number in numbers:
        stage.submit(request_json(number))
        stage.clock.advance(0.001)
    stage.work()
    return [stage.request(number).id for number in numbers]


# Envelopes.


def test_a_ta1_alone(stage: Stage) -> None:
    (subject,) = _sent(stage, 1)
    (document,) = stage.arrive(stage.says(ta1=[stage.ta1(subject)]))
    assert stage.request().state == "sent"  # It was received, no more.
    assert [each["source"] for each in stage.details(subject, "answer.received")] == ["TA1"]
    with stage.reading() as tx:
        assert tx.control_numbers.get(PARTNER, "isa13", 1).state == "accepted"
        assert tx.documents.get(document).state == "read"
        assert tx.documents.clinics(document) == [("northside", "downtown")]
    assert stage.tasks() == []


def test_a_ta1_rejects_everything_in_its_interchange(stage: Stage) -> None:
    subjects = _sent(stage, 1, 2)
    stage.arrive(stage.says(ta1=[stage.ta1(subjects[0], "R", "006")]))
    assert [stage.request(number).state for number in (1, 2)] == ["rejected", "rejected"]
    assert [each.subject for each in stage.tasks("rejected")] == subjects
    assert "TA105 006" in stage.request().reason


@on_sqlite
def test_a_ta1_before_a_group(stage: Stage) -> None:
    (subject,) = _sent(stage, 1)
    whole = stage.acknowledged(subject)
    ta1 = b"TA1*%s*260302*1500*A*000~" % stage.numbers_of(subject)["isa13"][0].encode()
    stage.arrive(whole.replace(b"~GS*", b"~" + ta1 + b"GS*", 1))
    assert [each["source"] for each in stage.details(subject, "answer.received")] == ["TA1", "999"]
    assert stage.request().state == "acknowledged"


def test_several_interchanges_in_one_file(stage: Stage) -> None:
    (subject,) = _sent(stage, 1)
    parts = [stage.says(ta1=[stage.ta1(subject)]), stage.acknowledged(subject), stage.decided(review=A1)]
    (document,) = stage.arrive(b"\r\n".join(parts))
    assert stage.request().state == "certified"
    with stage.reading() as tx:
        assert tx.documents.get(document).about["records"] == ["278 response", "999", "TA1"]


@on_sqlite
def test_one_interchange_that_cannot_be_read_holds_no_other_up(stage: Stage) -> None:
    (subject,) = _sent(stage, 1)
    bad = stage.acknowledged(subject).replace(b"005010X231A1", b"004010X999")
    stage.arrive(bad + stage.decided(review=A1))
    assert stage.request().state == "certified"
    assert [each.kind for each in stage.tasks("unread")] == ["unread"]


# What cannot be read.


def decision_for(stage: Stage, number: int) -> decision.Decision:
    return decision_on(stage.request(number), review=replace(A1, number=f"CERT000{number}"))


@on_sqlite
@pytest.mark.parametrize(
    "content",
    [b"", b"   \r\n", b"%PDF-1.7 Zimmerwald", b"ISA*00*", b"{}", bytes(range(256)) * 8],
    ids=["empty", "blank", "pdf", "cut in ISA", "json", "bytes"],
)
def test_unreadable_bytes_wait_with_a_task_and_are_kept(stage: Stage, content: bytes) -> None:
    (document,) = stage.arrive(content)
    with stage.reading() as tx:
        stored = tx.documents.get(document)
    assert stored.state == "waiting"
    assert stage.store.payloads.read(stored.payload) == content
    assert {each.subject for each in stage.tasks("unread")} == {document}
    assert all(each.fix for each in stage.tasks("unread"))
    assert "immerwald" not in str(stage.tasks())
    assert stage.jobs(state="parked") == []


def test_one_set_that_cannot_be_read_holds_no_other_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    _sent(stage, 1, 2)
    first, second = (decision_for(stage, number) for number in (1, 2))
    read = Map.read

    def breaks(self: Map, root: Any) -> Any:
        record = read(self, root)
        if getattr(record, "reference", "") == first.reference:
            raise KeyError("nobody foresaw this")
        return record

    content = stage.says(first, second)
    with monkeypatch.context() as patched:
        patched.setattr(Map, "read", breaks)
        stage.arrive(content)
    assert [stage.request(number).state for number in (1, 2)] == ["sent", "certified"]
    (task,) = stage.tasks("unread")
    assert "KeyError" in task.reason
    assert [each.state for each in stage.documents(direction="in", partner=PARTNER)] == ["waiting"]


def test_one_record_that_cannot_take_effect_holds_no_other_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    _sent(stage, 1, 2)
    react = receiving.REACTIONS[decision.Decision]
    stuck = stage.request(1).id

    def short(house: Any, tx: Any, document: Any, place: Any, record: decision.Decision) -> None:
        react(house, tx, document, place, record)
        if record.reference == stage_request.trace:
            raise BalanceShort("an account does not hold enough", where="bucket bu_1", fix="Look")

    stage_request = stage.request(1).request
    monkeypatch.setitem(receiving.REACTIONS, decision.Decision, short)
    stage.arrive(stage.says(decision_for(stage, 1), decision_for(stage, 2)))
    assert [stage.request(number).state for number in (1, 2)] == ["sent", "certified"]
    steps = [each for each in stage.steps(stuck) if each not in ("case.warned", "case.not_evaluated")]
    assert steps == ["case.accepted", "authorization.requested", "case.written", "case.sent"]
    assert "does not hold enough" in stage.tasks("unread")[0].reason
    assert stage.balanced()


def test_what_may_pass_by_itself_is_tried_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    _sent(stage, 1)
    react = receiving.REACTIONS[decision.Decision]
    failures = iter([True, False])

    def unavailable(*given: Any) -> None:
        react(*given)
        if next(failures):
            raise StoreUnavailable("the database does not answer")

    monkeypatch.setitem(receiving.REACTIONS, decision.Decision, unavailable)
    stage.arrive(stage.decided(review=A1))
    assert stage.request().state == "sent"
    assert stage.tasks("unread") == []
    stage.clock.advance(3600)
    stage.work()
    assert stage.request().state == "certified"


def test_a_payload_that_is_out_of_reach_is_read_later(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    _sent(stage, 1)
    content = stage.decided(review=A1)
    payloads = type(stage.store.payloads)
    opened = payloads.open

    class Gone(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise StoreUnavailable("the payload folder is out of reach")

    with monkeypatch.context() as patched:
        patched.setattr(payloads, "open", lambda *_: Gone())
        stage.arrive(content)
    assert stage.tasks("unread") == []
    assert payloads.open is opened
    stage.clock.advance(3600)
    stage.work()
    assert stage.request().state == "certified"


def test_a_set_that_was_cut_off_posts_nothing_and_the_whole_one_does(stage: Stage) -> None:
    """Half an 835 has the key of the whole one: taken first, it would make that a repetition."""
    claim = stage.billed()
    whole = stage.paid(payment(claim))
    cut = whole[: whole.index(b"SVC*HC:97140")]
    stage.arrive(cut)
    assert stage.claim().state == "sent"
    assert stage.tasks("unread")
    stage.arrive(whole)
    assert stage.claim().state == "paid"
    assert stage.money()["cash:payer"] == 15000


@on_sqlite
@pytest.mark.parametrize("change", [(b"SE*", b"SE*9"), (b"*0001~GE", b"*0002~GE")], ids=["count", "number"])
def test_a_set_whose_trailer_disagrees_posts_nothing(stage: Stage, change: tuple[bytes, bytes]) -> None:
    claim = stage.billed()
    stage.arrive(stage.paid(payment(claim)).replace(*change))
    assert stage.claim().state == "sent"
    assert stage.money() == {"receivable:payer": 18000, "revenue:charges": -18000}
    assert [each.kind for each in stage.tasks("unread")] == ["unread"]


@on_sqlite
def test_a_wrong_stage_posts_nothing(stage: Stage) -> None:
    """ISA15 P from a partner under test, in each of its answers."""
    (subject,) = _sent(stage, 1)
    for content in (stage.says(ta1=[stage.ta1(subject)]), stage.acknowledged(subject, "R"), stage.decided(review=A1)):
        assert b"*0*T*:~" in content
        stage.arrive(content.replace(b"*0*T*:~", b"*0*P*:~", 1))
    assert stage.request().state == "sent"
    assert stage.units() == {}
    assert stage.steps(subject)[-1] == "case.sent"
    assert len(stage.tasks("unread")) == 3
    assert all("ISA15 is P" in each.reason for each in stage.tasks("unread"))


@on_sqlite
def test_a_warning_about_the_envelope_makes_nothing_wait(stage: Stage) -> None:
    (subject,) = _sent(stage, 1)
    content = stage.acknowledged(subject).replace(b"*260302*1600*^", b"*999999*9999*^", 1)
    (document,) = stage.arrive(content)
    assert stage.request().state == "acknowledged"
    with stage.reading() as tx:
        assert tx.documents.get(document).state == "read"
    assert stage.tasks() == []


@on_sqlite
def test_what_no_partner_sends_to_us_becomes_a_task(stage: Stage) -> None:
    _sent(stage, 1)
    (document,) = stage.arrive(stage.written()[0])  # Our own request comes back.
    assert "nothing that a partner sends to us" in stage.tasks("unread")[0].reason
    assert stage.request().state == "sent"
    with stage.reading() as tx:
        assert tx.documents.get(document).state == "waiting"


# What answers nothing of ours.


def test_answers_to_nothing_of_ours_become_tasks(stage: Stage) -> None:
    claim = stage.billed()
    request = stage.request()
    foreign = "ZIMMERWALD7"  # Another clinic's account number of its patient.
    group = answer.GroupAcknowledgment(
        functional_id="HC",
        control_number="777",
        code="A",
        included=1,
        received=1,
        accepted=1,
        sets=(answer.SetAcknowledgment(type="837", control_number="0001", code="A"),),
    )
    unknown = decision_on(request, review=A1, traces=(decision.Trace(type="2", number="NOSUCHTRACE"),))
    stage.arrive(
        stage.says(group),
        stage.says(claim_status(foreign, "A1", "19", "WQ")),
        stage.says(replace(unknown, reference="NOSUCH")),
        stage.paid(payment(claim, control_number=foreign)),
    )
    kinds = [each.kind for each in stage.tasks()]
    assert kinds.count("unmatched") == 3
    assert kinds.count("remittance") == 1
    assert foreign.lower() not in str(stage.tasks()).lower()
    assert (stage.claim().state, stage.request().state) == ("sent", "certified")
    assert stage.money() == {
        "receivable:payer": 18000,
        "revenue:charges": -18000,
        "cash:payer": 15000,
        "suspense": -15000,
    }
    assert stage.balanced()


# 999.


@on_sqlite
@pytest.mark.parametrize(
    ("code", "state", "kind"),
    [
        ("A", "acknowledged", None),
        ("E", "acknowledged", None),
        ("P", "sent", "unclear"),
        ("R", "rejected", "rejected"),
        ("M", "rejected", "rejected"),
    ],
)
@pytest.mark.parametrize("level", ["set", "group"])
def test_a_999_says_what_became_of_each_set(stage: Stage, code: str, state: str, kind: str | None, level: str) -> None:
    """At group level without any AK2: the group's word counts for all of its sets."""
    subjects = _sent(stage, 1, 2)
    gs06 = stage.numbers_of(subjects[0])["gs06"][0]
    sets = tuple(
        answer.SetAcknowledgment(type="278", control_number=f"{number:04}", version="005010X217", code=code)
        for number in (1, 2)
    )
    record = answer.GroupAcknowledgment(
        functional_id="HI",
        control_number=gs06,
        version="005010X217",
        sets=sets if level == "set" else (),
        code="P" if level == "set" else code,
        included=2,
        received=2,
        accepted=2 if code in "AE" else 0,
    )
    stage.arrive(stage.says(record))
    assert [stage.request(number).state for number in (1, 2)] == [state, state]
    assert [(each.kind, each.subject) for each in stage.tasks()] == (
        [(kind, each) for each in subjects] if kind else []
    )


@on_sqlite
@pytest.mark.parametrize(("code", "sets"), [("A", {1: "Q"}), ("Q", {})])
def test_a_999_with_a_code_that_nobody_knows_goes_to_a_person(stage: Stage, code: str, sets: dict[int, str]) -> None:
    subjects = _sent(stage, 1)
    stage.arrive(_group(stage, subjects[0], code, sets))
    assert stage.request().state == "sent"
    assert [each.kind for each in stage.tasks()] == ["unclear"]


@on_sqlite
def test_a_999_that_lists_only_what_it_rejects_accepts_the_rest(stage: Stage) -> None:
    subjects = _sent(stage, 1, 2, 3)
    stage.arrive(_group(stage, subjects[0], "E", {2: "R"}))
    assert [stage.request(number).state for number in (1, 2, 3)] == ["acknowledged", "rejected", "acknowledged"]


@on_sqlite
def test_a_partly_accepted_group_does_not_say_what_became_of_what_it_leaves_out(stage: Stage) -> None:
    subjects = _sent(stage, 1, 2, 3)
    stage.arrive(_group(stage, subjects[0], "P", {1: "A", 2: "R"}))
    assert [stage.request(number).state for number in (1, 2, 3)] == ["acknowledged", "rejected", "sent"]
    told = {(each.kind, each.subject) for each in stage.tasks()}
    assert told == {("rejected", subjects[1]), ("unclear", subjects[2])}


@on_sqlite
def test_a_set_that_is_accepted_in_a_rejected_group_is_unclear(stage: Stage) -> None:
    subjects = _sent(stage, 1, 2)
    stage.arrive(_group(stage, subjects[0], "R", {1: "A", 2: "R"}))
    assert [stage.request(number).state for number in (1, 2)] == ["sent", "rejected"]
    assert [each.kind for each in stage.tasks()] == ["unclear", "rejected"]


def _group(stage: Stage, subject: str, code: str, sets: dict[int, str]) -> bytes:
    return stage.says(
        answer.GroupAcknowledgment(
            functional_id="HI",
            control_number=stage.numbers_of(subject)["gs06"][0],
            version="005010X217",
            sets=tuple(
                answer.SetAcknowledgment(type="278", control_number=f"{number:04}", code=each)
                for number, each in sets.items()
            ),
            code=code,
            included=3,
            received=3,
            accepted=1,
        )
    )


def test_the_codes_of_a_999_stand_in_the_trail_and_the_values_that_it_quotes_nowhere(
    stage: Stage, request: pytest.FixtureRequest
) -> None:
    claim = stage.billed()
    quoted = answer.SegmentError(
        tag="NM1",
        number=15,
        loop="2010BA",
        code="8",
        context="CLM01",
        context_value="QUOTEDACCOUNT",
        elements=(answer.ElementError(element=3, code="6", reference="1035", value="QUOTEDNAME"),),
    )
    request.addfinalizer(lambda: logs.configure(json=False))
    stream = io.StringIO()
    logs.configure("debug", strict=True, stream=stream)
    stage.arrive(stage.acknowledged(claim.id, "R", errors=("5", "I5"), segments=(quoted,)))
    (trail,) = stage.details(claim.id, "answer.received")
    assert trail["codes"] == ["IK502 5", "IK502 I5", "IK304 8", "IK403 6"]
    assert trail["places"] == ["loop 2010BA, segment 15, NM1", "loop 2010BA, segment 15, NM103"]
    assert stage.claim().state == "rejected"
    assert stage.units() == {"available": 12}
    assert stage.money() == {}
    with stage.reading() as tx:
        rows = chain.from_iterable(tx.connection.exec_driver_sql(f'SELECT * FROM "{name}"') for name in metadata.tables)
        everything = stream.getvalue() + "".join(map(str, rows))
    assert "document.read" in everything
    assert "QUOTED" not in everything


# 277CA.


@on_sqlite
@pytest.mark.parametrize(
    ("category", "action", "state", "kind"),
    [
        ("A1", "WQ", "received", None),
        ("A7", "U", "rejected", "rejected"),
        ("A7", "WQ", "sent", "unclear"),
        ("A9", "", "sent", "unclear"),
    ],
)
def test_a_277ca_says_whether_the_claim_is_in_adjudication(
    stage: Stage, category: str, action: str, state: str, kind: str | None
) -> None:
    claim = stage.billed()
    stage.arrive(stage.received(category=category, action=action))
    assert stage.claim().state == state
    assert [each.kind for each in stage.tasks() if each.subject == claim.id] == ([kind] if kind else [])
    expected = {"available": 12} if state == "rejected" else {"available": 11, "committed": 1}
    assert stage.units() == expected
    assert stage.money() == ({} if state == "rejected" else {"receivable:payer": 18000, "revenue:charges": -18000})
    if state == "received":
        assert stage.claim().payer_claim_number == "PCN1"


# Order and repetition.


def _answers_to_a_claim(stage: Stage) -> dict[str, bytes]:
    claim = stage.billed()
    return {
        "TA1": stage.says(ta1=[stage.ta1(claim.id)]),
        "999": stage.acknowledged(claim.id),
        "277CA": stage.received(),
        "835": stage.paid(payment(claim)),
    }


@pytest.mark.parametrize(
    "order",
    [
        ["TA1", "999", "277CA", "835"],
        ["277CA", "999", "TA1", "835"],
        ["835", "277CA", "999", "TA1"],
        ["999", "835", "277CA"],
        ["TA1", "TA1", "999", "999", "277CA", "277CA", "835", "835"],
        ["835", "999", "835", "277CA", "TA1", "277CA", "835"],
    ],
    ids=" ".join,
)
def test_answers_to_a_claim_end_the_same_in_any_order_and_number(stage: Stage, order: Sequence[str]) -> None:
    said = _answers_to_a_claim(stage)
    stage.arrive(*(said[name] for name in order))
    claim = stage.claim()
    assert (claim.state, claim.payer_claim_number) == ("paid", "PCN1")
    assert stage.units() == {"available": 11, "consumed": 1}
    assert stage.money() == {"revenue:charges": -18000, "cash:payer": 15000, "writeoff:contractual": 3000}
    assert [each.kind for each in stage.tasks()] == ["decision"]  # The certification stated no quantity.
    assert stage.balanced()


@on_sqlite
@pytest.mark.parametrize(
    "order", [["TA1", "999", "278"], ["278", "999", "TA1"], ["999", "278", "278", "999", "TA1"]], ids=" ".join
)
def test_answers_to_a_request_end_the_same_in_any_order_and_number(stage: Stage, order: Sequence[str]) -> None:
    (subject,) = _sent(stage, 1)
    said = {
        "TA1": stage.says(ta1=[stage.ta1(subject)]),
        "999": stage.acknowledged(subject),
        "278": stage.decided(review=A1),
    }
    stage.arrive(*(said[name] for name in order))
    assert (stage.request().state, stage.request().number) == ("certified", "CERT0001")
    assert stage.units() == {"available": 12}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["rejected first", "paid first"])
def test_a_rejection_and_a_payment_keep_the_money_book_whole(stage: Stage, order: tuple[int, int]) -> None:
    """A clearinghouse that rejects what its payer pays all the same: the charge is owed again, and a person is told."""
    claim = stage.billed()
    said = [stage.received(category="A7", action="U"), stage.paid(payment(claim))]
    stage.arrive(*(said[each] for each in order))
    assert stage.claim().state == "paid"
    assert stage.units() == {"available": 11, "consumed": 1}
    assert stage.money() == {"revenue:charges": -18000, "cash:payer": 15000, "writeoff:contractual": 3000}


def test_a_document_that_is_read_twice_counts_once(stage: Stage) -> None:
    """The lease ran out in the middle: another worker has read it, and the first one's effect does not count."""
    _sent(stage, 1)
    content = stage.decided(review=A1)
    with stage.store.transaction(stage.house.everything()) as tx:
        payload = stage.store.payloads.put([content])
        receiving_document = tx.documents.add(
            direction="in", partner=PARTNER, name="", payload=payload, kind="x12", size=len(content)
        )
        tx.jobs.enqueue("receive", payload={"document": receiving_document}, partner=PARTNER)
    first = stage.take(["receive"])
    assert first is not None
    stage.clock.advance(61)
    second = stage.take(["receive"])
    assert second is not None
    assert worker.run(stage.house, second)
    assert not worker.run(stage.house, first)
    assert stage.units() == {"available": 12}
    assert stage.steps(stage.request().id).count("decision.received") == 1


@pytest.mark.parametrize("by", ["999", "TA1"])
def test_a_claim_in_adjudication_is_not_undone_by_a_late_999_or_ta1(stage: Stage, by: str) -> None:
    stage.certified()
    claim = stage.billed()
    stage.arrive(stage.acknowledged(claim.id), stage.received())
    before = (stage.units(), stage.money())
    stage.arrive(
        stage.acknowledged(claim.id, "R") if by == "999" else stage.says(ta1=[stage.ta1(claim.id, "R", "006")])
    )
    assert stage.claim().state == "received"
    assert (stage.units(), stage.money()) == before
    (task,) = stage.tasks("unclear")
    assert "do not send it again" in task.fix
    assert not stage.tasks("rejected")


def test_a_paid_claim_is_not_asked_for_again(stage: Stage) -> None:
    stage.certified()
    claim = stage.billed()
    stage.arrive(stage.received(category="A3", status="21", action="U"))
    assert stage.tasks("rejected")
    stage.arrive(stage.paid(payment(claim)))
    assert stage.claim().state == "paid"
    assert not stage.tasks("rejected")
    assert stage.balanced()


def test_what_is_addressed_to_another_posts_nothing(stage: Stage) -> None:
    claim = stage.billed()
    before = (stage.units(), stage.money())
    for record in (remitted(payment(claim)), decision_on(stage.request(), review=A1)):
        stage.arrive(stage.says(record, receiver="OTHERCLINIC"))
    assert (stage.units(), stage.money(), stage.claim().state) == (*before, "sent")
    assert len(stage.tasks("unread")) == 2
    assert all("another receiver" in each.reason for each in stage.tasks("unread"))


@on_sqlite
def test_rubbish_of_any_length_is_told_a_few_times_and_counted(stage: Stage, request: pytest.FixtureRequest) -> None:
    whole = stage.says(*())
    junk = b"".join(b"QZ*%d~" % number for number in range(2000))
    head, tail = whole[: whole.index(b"IEA")], whole[whole.index(b"IEA") :]
    request.addfinalizer(lambda: logs.configure(json=False))
    written = io.StringIO()
    logs.configure("info", stream=written)
    (document,) = stage.arrive(head + junk + tail)
    assert 1 <= written.getvalue().count("finding.raised") <= 25
    with stage.reading() as tx:
        kept = tx.documents.get(document)
    assert len(list(receiving.read_document(stage.house, kept))) <= 25


@on_sqlite
def test_what_cannot_be_read_is_told_once(stage: Stage) -> None:
    stage.arrive(bytes(range(256)) * 80)
    (task,) = stage.tasks("unread")
    assert "nothing in the file" not in task.reason
