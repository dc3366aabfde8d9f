"""Submit: what is wrong is held with its reason, the rest goes out once; all of it commits together or not at all."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from flow_stage import PATIENT, TODAY, Stage, claim_json, on_sqlite, on_stage, payment, request_json

from gateway.domain import decision
from gateway.domain.claim import Claim
from gateway.domain.remittance import ProviderAdjustment
from gateway.flow import submit as submitting
from gateway.flow import wire, worker
from gateway.flow.submit_claim import ClaimDesk
from gateway.settings import Settings
from gateway.store import Store
from gateway.store.books import Books
from gateway.store.control_numbers import ControlNumbers
from gateway.store.documents import Documents
from gateway.store.events import Events
from gateway.store.identifiers import Identifiers
from gateway.store.jobs import Jobs
from gateway.translate.maps import Map
from gateway.x12 import validate
from gateway.x12.codec import Reader
from gateway.x12.tree import Segment

A1 = decision.Review(code="A1", number="CERT0001")


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path)


def _segments(content: bytes) -> list[Segment]:
    reader = Reader()
    return [*reader.feed(content), *reader.close()]


def _one(content: bytes, tag: str, qualifier: str = "") -> Segment:
    (found,) = [each for each in _segments(content) if each.tag == tag and qualifier in ("", each.at(1))]
    return found


# Held by each rule.


def _other_line(**changed: Any) -> list[Any]:
    return [{**claim_json()["lines"][0], **changed}]


@on_sqlite
@pytest.mark.parametrize(
    ("rule", "claim"),
    [
        ("authorization_on_file", claim_json(authorization_ref=None, authorization="NOSUCH")),
        ("authorization_window", claim_json(served_on="2026-02-27")),
        ("authorization_procedure", claim_json(lines=_other_line(procedure="97530"))),
        ("therapy_modifier", claim_json(lines=_other_line(modifiers=["KX"]))),
        ("duplicate", claim_json(lines=_other_line() + _other_line())),
    ],
    ids=["unknown number", "window", "procedure", "modifier", "duplicate"],
)
def test_a_claim_is_held_by_each_rule_with_a_task(
    store: Store, clock: Clock, tmp_path: Path, rule: str, claim: Any
) -> None:
    stage = on_stage(store, clock, tmp_path, policy='duplicate = "block"')
    stage.certified()
    stage.submit(claim)
    stage.work()
    held = stage.claim()
    assert held.state == "held"
    assert rule in held.reason
    assert rule in {each.key.split(":")[2] for each in stage.tasks("held")}
    assert all(each.subject == held.id and each.fix for each in stage.tasks("held"))
    assert stage.units() == {"available": 12}
    assert stage.money() == {}
    assert len(stage.written()) == 1


def test_a_claim_beyond_the_balance_is_held(stage: Stage) -> None:
    stage.certified(visits=1)
    stage.submit(claim_json(1), claim_json(2, authorization_ref="ACCT-31337-A1", served_on="2026-03-01"))
    stage.work()
    assert sorted([stage.claim(1).state, stage.claim(2).state]) == ["held", "sent"]
    assert {each.key.split(":")[2] for each in stage.tasks("held")} == {"authorization_balance"}
    assert stage.units() == {"committed": 1}


@on_sqlite
def test_a_claim_whose_figures_disagree_is_held(stage: Stage) -> None:
    """Intake lets none through; one that is there all the same goes no further."""
    stage.certified()
    stage.submit(claim_json())
    stored = stage.claim()
    with stage.store.transaction(stage.house.everything()) as tx:
        tx.claims.update(stored.id, claim=replace(stored.claim, patient_paid=stored.charge + 1))
    stage.work()
    assert (stage.claim().state, stage.claim().reason) == ("held", "claim_adds_up")


@on_sqlite
def test_a_warning_goes_out_and_stands_in_the_trail(stage: Stage) -> None:
    stage.certified()
    stage.submit(claim_json(lines=_other_line() + _other_line()))
    stage.work()
    assert stage.claim().state == "sent"
    assert stage.details(stage.claim().id, "case.warned") == [{"rules": ["duplicate"]}]


@on_sqlite
@pytest.mark.parametrize(
    "patient",
    [
        {**PATIENT, "member_id": "MBR77009999"},
        {**PATIENT, "first_name": "Peregrine", "born": "2014-11-03"},
    ],
    ids=["another member", "another person of the same plan"],
)
def test_a_claim_never_draws_on_another_patients_authorization(stage: Stage, patient: Any) -> None:
    stage.certified()
    by_name = claim_json(1)
    by_number = claim_json(2, authorization_ref=None, authorization="CERT0001")
    stage.submit(*({**each, "patient": {**each["patient"], **patient}} for each in (by_name, by_number)))
    stage.work()
    assert [stage.claim(number).state for number in (1, 2)] == ["held", "held"]
    assert "authorization_patient" in stage.claim(1).reason
    assert stage.units() == {"available": 12}


# Waiting for an authorization.


def test_a_claim_waits_for_an_undecided_authorization_and_wakes(stage: Stage) -> None:
    stage.submit(request_json(), claim_json())
    stage.work()
    assert stage.claim().state == "waiting"
    stage.arrive(stage.decided(review=decision.Review(code="A4"), administrative_reference="REF1"))
    stage.work()
    assert stage.claim().state == "waiting"
    stage.arrive(stage.decided(review=A1))
    stage.work()
    assert stage.claim().state == "sent"
    assert _one(stage.written()[-1], "REF", "G1").at(2) == "CERT0001"
    assert stage.units() == {"available": 11, "committed": 1}
    assert stage.money() == {"receivable:payer": 18000, "revenue:charges": -18000}


def test_what_a_claim_goes_out_with_is_kept_line_by_line(stage: Stage) -> None:
    claim = stage.billed()
    assert claim.sent_at is not None
    with stage.reading() as tx:
        lines = tx.claims.lines(claim.id)
        (entry,) = [each for each in tx.books.entries(claim=claim.id) if each.kind == "commit"]
    assert [each.procedure for each in lines] == ["97110", "97140"]
    assert {each.authorization for each in lines} == {stage.request().id}
    assert {each.visit_key for each in lines} == {entry.visit_key}
    assert {each.bucket for each in lines} == {entry.postings[0].bucket}


@on_sqlite
def test_the_clinics_own_certification_number_goes_out_as_it_stands(stage: Stage) -> None:
    stage.certified()
    stage.submit(claim_json(authorization_ref=None, authorization="CERT0001"))
    stage.work()
    assert stage.claim().state == "sent"
    assert _one(stage.written()[-1], "REF", "G1").at(2) == "CERT0001"
    assert stage.units() == {"available": 11, "committed": 1}


@on_sqlite
@pytest.mark.parametrize("how", ["999", "ta1", "held"])
def test_a_claim_does_not_wait_for_an_authorization_that_never_entered_review(
    stage: Stage, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.submit(claim_json(), request_json())
    if how == "held":
        first, second = stage.take(["submit"]), stage.take(["submit"])
        assert first is not None
        assert second is not None
        assert worker.run(stage.house, second)  # The claim's job was quicker.
        assert stage.claim().state == "waiting"
        monkeypatch.setattr(Map, "build", _refuses(Map.build, "AuthorizationRequest"))
        assert worker.run(stage.house, first)
        assert stage.request().state == "held"
    else:
        stage.work()
        assert stage.claim().state == "waiting"
        request = stage.request()
        rejected = stage.says(ta1=[stage.ta1(request.id, "R", "006")])
        stage.arrive(rejected if how == "ta1" else stage.acknowledged(request.id, "R", errors=("5",)))
        assert stage.request().state == "rejected"
    stage.work()
    assert stage.claim().state == "held"
    assert stage.tasks("held")


def _refuses(build: Callable[..., Any], name: str) -> Callable[..., Any]:
    def built(self: Map, record: Any) -> Any:
        if type(getattr(record, "request", None)).__name__ == name:
            raise AssertionError("a guard of the map")
        return build(self, record)

    return built


# What is built is read back.


def _all_but_one(stage: Stage) -> str:
    """Three requests, of which the second will be in trouble; its TRN02."""
    stage.submit(*(request_json(number) for number in (1, 2, 3)))
    return stage.request(2).request.trace


def _only_the_second_is_held(stage: Stage, rule: str) -> None:
    stage.work()
    assert [stage.request(number).state for number in (1, 2, 3)] == ["sent", "held", "sent"]
    assert stage.request(2).reason == rule
    (content,) = stage.written()
    assert content.count(b"~ST*278*") == 2
    assert stage.request(2).request.trace.encode() not in content
    assert {each.subject for each in stage.tasks("held")} == {stage.request(2).id}
    with stage.reading() as tx:
        assert tx.books.entries(authorization=stage.request(2).id) == []


def test_what_does_not_read_back_is_held_while_others_go(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = _all_but_one(stage)
    read = Map.read

    def misread(self: Map, root: Any) -> Any:
        record = read(self, root)
        return replace(record, reference="X") if getattr(record, "reference", "") == trace else record

    monkeypatch.setattr(Map, "read", misread)
    _only_the_second_is_held(stage, "wire.reads_back")


@on_sqlite
def test_what_the_guide_faults_is_held_while_others_go(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = _all_but_one(stage)
    build = Map.build

    def faulty(self: Map, record: Any) -> Any:
        segments = build(self, record)
        return [each for each in segments if each.tag != "UM"] if record.reference == trace else segments

    monkeypatch.setattr(Map, "build", faulty)
    _only_the_second_is_held(stage, "x12.segment.missing")


@on_sqlite
def test_what_no_guide_examined_is_held_while_others_go(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = _all_but_one(stage)
    examine = validate.examine

    def blind(chunks: Any) -> Any:
        (content,) = chunks
        return iter(()) if trace.encode() in content else examine([content])

    monkeypatch.setattr(wire, "examine", blind)
    _only_the_second_is_held(stage, "wire.reads_back")


def test_what_breaks_the_map_is_held_while_others_go(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = _all_but_one(stage)
    build = Map.build

    def breaks(self: Map, record: Any) -> Any:
        if record.reference == trace:
            raise KeyError("nobody foresaw this: Zimmerwald")
        return build(self, record)

    monkeypatch.setattr(Map, "build", breaks)
    _only_the_second_is_held(stage, "submit.failed")
    assert "Zimmerwald" not in str(stage.tasks())


@on_sqlite
def test_what_breaks_a_check_is_held_while_others_go(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2, 3):
        stage.certified(number)
    stage.submit(*(claim_json(number) for number in (1, 2, 3)))
    plan = ClaimDesk.plan

    def breaks(self: ClaimDesk, house: Any, tx: Any, stored: Any) -> Any:
        assert stored.client_ref != "ACCT-31337-C2", "a rule's own guard"
        return plan(self, house, tx, stored)

    monkeypatch.setattr(ClaimDesk, "plan", breaks)
    stage.work()
    assert [stage.claim(number).state for number in (1, 2, 3)] == ["sent", "held", "sent"]
    assert stage.claim(2).reason == "submit.failed"


# All together or not at all.


@pytest.mark.parametrize(
    ("repository", "method", "call"),
    [
        (ControlNumbers, "reserve", 2),
        (Documents, "add", 1),
        (ControlNumbers, "set_state", 2),
        (Jobs, "enqueue", 1),
        (Identifiers, "add", 4),
        (Books, "post", 1),
        (Books, "post_money", 1),
        (Events, "add", 2),
        (Jobs, "finish", 1),
    ],
)
def test_nothing_of_a_commit_that_fails_in_the_middle_is_there(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, repository: type, method: str, call: int
) -> None:
    stage.certified()
    stage.submit(claim_json())
    before = _state(stage)
    calls = 0
    original = getattr(repository, method)

    def fails(self: Any, *args: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise RuntimeError("the power failed")
        return original(self, *args, **named)

    job = stage.take(["submit"])
    assert job is not None
    with monkeypatch.context() as patched:
        patched.setattr(repository, method, fails)
        assert not worker.run(stage.house, job)
    assert calls >= call
    assert _state(stage) == before
    stage.clock.advance(3600)
    stage.work()
    assert stage.claim().state == "sent"
    with stage.reading() as tx:
        assert [each.number for each in tx.control_numbers.list("simulated", kind="isa13")] == [1, 2]
    assert stage.units() == {"available": 11, "committed": 1}


def _state(stage: Stage) -> Any:
    claim = stage.claim()
    with stage.reading() as tx:
        return (
            claim.state,
            claim.claim,
            len(tx.documents.list(direction="out")),
            tx.control_numbers.list("simulated"),
            [each.id for each in tx.jobs.list() if each.state != "done"],
            tx.identifiers.of(claim.id),
            tx.events.of(claim.id),
            tx.books.entries(claim=claim.id),
            tx.books.money_balances(),
            stage.units(),
        )


def test_batch_max_leads_to_several_interchanges(store: Store, clock: Clock, tmp_path: Path) -> None:
    stage = on_stage(store, clock, tmp_path, batch_max=2)
    stage.submit(*(request_json(number) for number in range(1, 6)))
    stage.work()
    contents = stage.written()
    assert [each.count(b"~ST*278*") for each in contents] == [2, 2, 1]
    assert [each[90:99] for each in contents] == [b"000000001", b"000000002", b"000000003"]
    assert len({stage.request(number).request.trace for number in range(1, 6)}) == 5
    assert {stage.request(number).state for number in range(1, 6)} == {"sent"}


def test_two_submit_jobs_write_nothing_twice(stage: Stage) -> None:
    stage.submit(request_json(1))
    stage.submit(request_json(2))
    assert len([each for each in stage.jobs("submit") if each.state == "waiting"]) == 2
    stage.work()
    (content,) = stage.written()
    assert content.count(b"~ST*278*") == 2


def test_two_submit_jobs_at_once_write_nothing_twice(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second runs whole between the first one's reading and its writing."""
    stage.certified()
    stage.submit(claim_json())
    first = stage.take(["submit"])
    assert first is not None
    with stage.store.transaction(stage.house.everything()) as tx:  # The lane would keep them apart.
        tx.jobs.enqueue("submit", payload=first.payload, partner="simulated", key="test")
    second = stage.take(["submit"])
    assert second is not None
    prepare = submitting._prepare

    def meanwhile(*arguments: Any) -> Any:
        monkeypatch.setattr(submitting, "_prepare", prepare)
        assert worker.run(stage.house, second)
        return prepare(*arguments)

    monkeypatch.setattr(submitting, "_prepare", meanwhile)
    assert worker.run(stage.house, first)
    stage.work()
    assert len(stage.written()) == 2  # The request and the claim, each once.
    assert stage.units() == {"available": 11, "committed": 1}
    assert stage.money() == {"receivable:payer": 18000, "revenue:charges": -18000}


# Several claims of one authorization.


def test_two_claims_of_one_day_in_one_file_take_one_visit(stage: Stage) -> None:
    stage.certified()
    stage.submit(
        claim_json(1, lines=_other_line()),
        claim_json(2, authorization_ref="ACCT-31337-A1", lines=_other_line(procedure="97140")),
    )
    stage.work()
    assert [stage.claim(number).state for number in (1, 2)] == ["sent", "sent"]
    assert stage.units() == {"available": 11, "committed": 1}


@on_sqlite
def test_a_member_number_typed_otherwise_is_the_same_patient_s(store: Store, clock: Clock, tmp_path: Path) -> None:
    """Two claims of one day and service in one file: the second is looked at again once the first is written."""
    stage = on_stage(store, clock, tmp_path, policy='duplicate = "block"')
    stage.certified()
    first = claim_json(1, lines=_other_line())
    second = claim_json(2, authorization_ref="ACCT-31337-A1", lines=_other_line())
    second["patient"] = {**second["patient"], "member_id": second["patient"]["member_id"].lower()}
    stage.submit(first, second)
    stage.work()
    assert sorted([stage.claim(1).state, stage.claim(2).state]) == ["held", "sent"]
    assert stage.units() == {"available": 11, "committed": 1}


def test_two_claims_of_two_days_in_one_file_go_in_one_interchange(stage: Stage) -> None:
    stage.certified()
    stage.submit(claim_json(1), claim_json(2, authorization_ref="ACCT-31337-A1", served_on="2026-03-01"))
    stage.work()
    assert stage.units() == {"available": 10, "committed": 2}
    assert stage.written()[-1].count(b"~ST*837*") == 2


def test_the_same_service_on_two_claims_of_one_file_is_seen(store: Store, clock: Clock, tmp_path: Path) -> None:
    stage = on_stage(store, clock, tmp_path, policy='duplicate = "block"')
    stage.certified()
    stage.submit(claim_json(1), claim_json(2, authorization_ref="ACCT-31337-A1"))
    stage.work()
    assert sorted([stage.claim(1).state, stage.claim(2).state]) == ["held", "sent"]
    assert stage.units() == {"available": 11, "committed": 1}


@on_sqlite
def test_of_two_waiting_claims_for_the_same_service_one_goes_out(store: Store, clock: Clock, tmp_path: Path) -> None:
    stage = on_stage(store, clock, tmp_path, policy='duplicate = "block"')
    stage.submit(request_json(), claim_json(1), claim_json(2, authorization_ref="ACCT-31337-A1"))
    stage.work()
    assert [stage.claim(number).state for number in (1, 2)] == ["waiting", "waiting"]
    stage.arrive(stage.decided(review=A1))
    stage.work()
    assert sorted([stage.claim(1).state, stage.claim(2).state]) == ["held", "sent"]
    assert stage.units() == {"available": 11, "committed": 1}


def test_a_void_takes_no_visit_and_bills_nothing(stage: Stage) -> None:
    claim = stage.billed()
    stage.arrive(stage.received(), stage.paid(payment(claim)))
    before = stage.units(), stage.money()
    stage.submit(claim_json(2, authorization_ref="ACCT-31337-A1", frequency="void", payer_claim_number="PCN1"))
    stage.work()
    assert stage.claim(2).state == "sent"
    assert _one(stage.written()[-1], "CLM").elements[4][0][2] == "8"
    assert (stage.units(), stage.money()) == before
    stage.arrive(stage.paid(payment(claim, status="22"), check="CHK0002", amount=0, adjustments=_withheld(15000)))
    assert stage.units() == {"available": 11, "committed": 1}  # The void keeps nothing from being taken back.


def _withheld(cents: int) -> tuple[ProviderAdjustment, ...]:
    return (ProviderAdjustment(provider="1234567893", period_ends_on=TODAY, reason="FB", amount=-cents),)


# Changes of an authorization.


@on_sqlite
@pytest.mark.parametrize(("kind", "code"), [("cancel", "3"), ("extension", "4"), ("revision", "S")])
def test_a_change_names_its_kind_and_what_it_is_about(stage: Stage, kind: str, code: str) -> None:
    stage.certified()
    stage.submit(request_json(2, kind=kind, previous_number="CERT0001"))
    stage.work()
    content = stage.written()[-1]
    assert _one(content, "UM").at(2) == code
    assert _one(content, "REF", "BB").at(2) == "CERT0001"
    assert stage.request(2).state == "sent"
    asked = [each.kind for each in _entries(stage, 2)]
    assert asked == ([] if kind == "cancel" else ["request"])


def _entries(stage: Stage, number: int) -> Any:
    subject = stage.request(number).id
    with stage.reading() as tx:
        return tx.books.entries(authorization=subject)


@on_sqlite
def test_an_initial_request_names_no_other(stage: Stage) -> None:
    stage.submit(request_json())
    stage.work()
    content = stage.written()[0]
    assert _one(content, "UM").at(2) == "I"
    assert not [each for each in _segments(content) if each.tag == "REF" and each.at(1) == "BB"]


@on_sqlite
def test_what_goes_out_is_known_by_every_number_it_carries(stage: Stage) -> None:
    claim = stage.billed()
    content = stage.written()[-1]
    numbers = stage.numbers_of(claim.id)
    assert numbers["isa13"] == [_one(content, "ISA").at(13)]
    assert numbers["gs06"] == [_one(content, "GS").at(6)]
    assert numbers["set"] == [f"{_one(content, 'GS').at(6)}/{_one(content, 'ST').at(2)}"]
    assert numbers["bht03"] == [_one(content, "BHT").at(3)]
    assert numbers["clm01"] == [_one(content, "CLM").at(1)]
    assert numbers["6r"] == [each.at(2) for each in _segments(content) if each.tag == "REF" and each.at(1) == "6R"]
    whole: Claim = claim.claim
    assert whole.authorization == "CERT0001"


# Names of files.


def _named(stage: Stage, template: str) -> None:
    """Another template for the partner."""
    conf, partner = stage.folder / "conf" / "gateway.toml", stage.folder / "trading_partners" / "simulated.toml"
    partner.write_text(re.sub(r"(?m)^name_template *=.*$", f'name_template = "{template}"', partner.read_text()))
    stage.house.settings = Settings.load(conf)


@on_sqlite
def test_an_interchange_holds_records_of_one_clinic_where_its_file_is_named_after_it(stage: Stage) -> None:
    _named(stage, "{clinic}_{type}_{usage}_{date}{time}_{isa13}.837.PGP")
    clinics = ["downtown", "lakeside", "lakeside", "downtown", "lakeside"]
    stage.submit(*(request_json(number, clinic=clinic) for number, clinic in enumerate(clinics, 1)))
    stage.work()
    sent = {each.name: each for each in stage.documents(direction="out")}
    assert [name.split("_")[0] for name in sorted(sent)] == ["downtown", "lakeside"]
    assert {each.about["sets"] for each in sent.values()} == {2, 3}
    for name, document in sent.items():
        clinic, kind, usage, _, isa13 = name.split("_")
        assert (kind, usage, isa13) == ("278", "T", f"{document.about['isa13']}.837.PGP")
        with stage.reading() as tx:
            assert tx.documents.clinics(document.id) == [("northside", clinic)]
        assert (stage.outbox / name).exists()


@on_sqlite
def test_records_of_all_clinics_share_an_interchange_where_its_file_is_not(stage: Stage) -> None:
    _named(stage, "{type}{isa13}")
    stage.submit(request_json(1), request_json(2, clinic="lakeside"))
    stage.work()
    (sent,) = stage.documents(direction="out")
    assert sent.about["sets"] == 2


@on_sqlite
def test_an_acknowledgment_is_of_no_clinic(store: Store, clock: Clock, tmp_path: Path) -> None:
    stage = on_stage(store, clock, tmp_path, acknowledge='ta1 = "always"')
    _named(stage, "{organisation}-{clinic}-{type}-{isa13}")
    stage.submit(request_json())
    stage.work()
    stage.arrive(stage.decided(review=A1))
    stage.work()
    assert sorted(each.name.rsplit("-", 1)[0] for each in stage.documents(direction="out")) == [
        "all-all-TA1",
        "northside-downtown-278",
    ]
