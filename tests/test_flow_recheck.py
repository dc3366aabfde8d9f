"""A held claim goes by itself when its reasons are cured; of what stays held the tasks stay, and nothing else stirs."""

from pathlib import Path

import pytest
from conftest import Clock
from flow_stage import PATIENT, Stage, claim_json, line_json, on_sqlite, on_stage, request_json
from test_intake_told import coverage_json

from gateway.domain import decision
from gateway.flow import service, touching
from gateway.settings import Settings
from gateway.store import Store

OTHER = {**PATIENT, "first_name": "Ambrose", "member_id": "MBR77009999"}


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path)


def _held_rules(stage: Stage, number: int = 1) -> set[str]:
    return {each.key.split(":")[2] for each in stage.tasks("held") if each.subject == stage.claim(number).id}


def test_a_held_claim_goes_when_its_authorization_is_asked_for_and_decided(stage: Stage) -> None:
    stage.submit(claim_json())
    stage.work()
    assert stage.claim().state == "held"
    stage.submit(request_json())
    stage.work()
    assert stage.claim().state == "waiting"
    assert not stage.tasks("held")
    stage.arrive(stage.decided(review=decision.Review(code="A1", number="CERT0001")))
    stage.work()
    assert stage.claim().state == "sent"
    assert stage.steps(stage.claim().id).count("case.held") == 1
    assert stage.balanced()


def test_an_extension_that_is_certified_lets_what_was_too_much_go(stage: Stage) -> None:
    stage.certified(1, visits=1)
    stage.submit(claim_json(1), claim_json(2, authorization_ref="ACCT-31337-A1", served_on="2026-03-01"))
    stage.work()
    (held,) = [number for number in (1, 2) if stage.claim(number).state == "held"]
    stage.submit(request_json(2, kind="extension", previous_number="CERT0001", visits=4))
    stage.work()
    assert stage.claim(held).state == "held"
    assert "case.cured" not in stage.steps(stage.claim(held).id)
    stage.arrive(stage.decided(2, review=decision.Review(code="A1", number="CERT0001")))
    stage.work()
    assert stage.claim(held).state == "sent"
    assert not stage.tasks("held")
    assert stage.balanced()


def test_a_claim_that_was_settled_otherwise_makes_room(stage: Stage) -> None:
    stage.certified(1, visits=1)
    stage.submit(claim_json(1))
    stage.work()
    stage.submit(claim_json(2, authorization_ref="ACCT-31337-A1", served_on="2026-03-01"))
    stage.work()
    assert stage.claim(2).state == "held"
    stage.arrive(stage.received(1, "A3", "21", "U"))
    stage.work()
    assert (stage.claim(1).state, stage.claim(2).state) == ("rejected", "sent")
    assert stage.balanced()


def test_tasks_of_what_is_cured_close_and_the_others_stay_as_they_are(stage: Stage) -> None:
    lines = [{**line_json("97110", "60.00", 1, "2026-03-02"), "modifiers": ["KX"]}]
    stage.submit(claim_json(1, lines=lines))
    stage.work()
    before = {each.key: each for each in stage.tasks("held")}
    assert _held_rules(stage) >= {"therapy_modifier", "authorization_on_file"}
    stage.clock.advance(3600)
    stage.submit(request_json())
    stage.work()
    stage.arrive(stage.decided(review=decision.Review(code="A1", number="CERT0001")))
    stage.work()
    assert stage.claim().state == "held"
    assert "authorization_on_file" not in _held_rules(stage)
    assert "therapy_modifier" in _held_rules(stage)
    after = {each.key: each for each in stage.tasks("held")}
    assert after == {key: before[key] for key in after}  # Not opened anew: the same time, the same text.
    assert stage.claim().reason == "therapy_modifier"
    assert stage.units() == {"available": 12}


def test_nothing_stirs_of_a_patient_whom_nothing_touched(stage: Stage) -> None:
    stage.submit(claim_json(1), claim_json(2, patient={**claim_json()["patient"], **OTHER}))
    stage.work()
    before = stage.claim(2), stage.steps(stage.claim(2).id)
    stage.submit(coverage_json())
    assert [each.payload["patient"][:2] for each in stage.jobs("recheck", "waiting")] == [["northside", "downtown"]]
    stage.work()
    assert (stage.claim(2), stage.steps(stage.claim(2).id)) == before
    assert stage.claim(1).state == "held"


@on_sqlite
def test_where_nothing_is_held_nothing_is_queued(stage: Stage) -> None:
    stage.certified()
    stage.submit(claim_json())
    stage.submit(coverage_json())
    assert stage.jobs("recheck") == []


def test_a_second_look_at_what_stays_held_changes_nothing(stage: Stage) -> None:
    stage.submit(claim_json())
    stage.work()
    before = stage.claim(), stage.tasks(), stage.steps(stage.claim().id)
    with stage.store.transaction(stage.house.everything()) as tx:
        touching.everything(tx, "test")
    stage.clock.advance(60)
    assert stage.work("recheck") == 1
    assert (stage.claim(), stage.tasks(), stage.steps(stage.claim().id)) == before


def test_a_start_under_another_policy_and_each_day_look_at_all(stage: Stage) -> None:
    stage.submit(claim_json())
    stage.work()
    assert stage.claim().state == "held"
    file = stage.folder / "trading_partners" / "payers" / "simulated.toml"
    file.write_text(file.read_text().replace("requires_authorization = true", "requires_authorization = false"))
    stage.house.settings = Settings.load(stage.folder / "conf" / "gateway.toml")
    service._tick(stage.house)
    service._tick(stage.house)
    assert len([each for each in stage.jobs("recheck") if each.state == "waiting"]) == 1
    stage.work()
    assert stage.claim().state == "sent"
    stage.clock.advance(86_400)
    service._tick(stage.house)
    assert len([each for each in stage.jobs("recheck") if each.state == "waiting"]) == 1


@on_sqlite
def test_what_could_not_be_built_is_left_to_people(stage: Stage) -> None:
    stage.certified()
    stage.submit(claim_json())
    subject = stage.claim().id
    with stage.store.transaction(stage.house.everything()) as tx:
        tx.claims.update(subject, state="held", reason="submit.failed")
        touching.everything(tx, "test")
    stage.work("recheck")
    assert stage.claim().state == "held"


@on_sqlite
def test_a_held_request_goes_too(stage: Stage) -> None:
    stage.submit(request_json())
    with stage.store.transaction(stage.house.everything()) as tx:
        tx.authorizations.update(stage.request().id, state="held", reason="duplicate")
        touching.everything(tx, "test")
    stage.work()
    assert stage.request().state == "sent"
