"""Which authorization a claim is billed under: the one that it names, else the patient's own; or parts of it."""

from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from flow_stage import PATIENT, Stage, claim_json, line_json, on_sqlite, on_stage, payment, request_json
from test_flow_submit import _one, _segments

from gateway.domain import decision
from gateway.flow.trace import trace
from gateway.store import Store, StoredClaim


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path)


def _g1(content: bytes) -> list[str]:
    return [each.at(2) for each in _segments(content) if each.tag == "REF" and each.at(1) == "G1"]


def _only(procedure: str, **changed: Any) -> dict[str, Any]:
    """A request for one procedure alone."""
    return {"lines": [{"procedure": procedure, "modifiers": ["GP"]}], **changed}


def unnamed(number: int = 1, **changed: Any) -> dict[str, Any]:
    return claim_json(number, authorization_ref=None, **changed)


def mixed(number: int = 1, **changed: Any) -> dict[str, Any]:
    lines = [line_json(each, cents, 1, "2026-03-02") for each, cents in (("97110", "100.01"), ("97530", "49.99"))]
    return unnamed(number, lines=lines, **changed)


def parts_of(stage: Stage, number: int = 1) -> list[StoredClaim]:
    with stage.reading() as tx:
        found: list[StoredClaim] = tx.claims.list(parent=stage.claim(number).id)
    return found


# Found by the patient.


def test_a_claim_that_names_none_is_billed_under_the_patients_own(stage: Stage) -> None:
    stage.certified()
    stage.submit(unnamed())
    stage.work()
    claim = stage.claim()
    assert (claim.state, claim.authorization, claim.claim.authorization) == ("sent", stage.request().id, "CERT0001")
    assert _g1(stage.written()[-1]) == ["CERT0001"]
    assert stage.units() == {"available": 11, "committed": 1}
    assert stage.balanced()


def test_of_several_the_one_that_ends_first_is_drawn_on(stage: Stage) -> None:
    stage.certified(1, ends_on="2026-05-31")
    stage.certified(2, ends_on="2026-04-30")
    stage.submit(unnamed(served_on="2026-03-02"))
    stage.work()
    assert stage.claim().authorization == stage.request(2).id
    assert _g1(stage.written()[-1]) == ["CERT0002"]
    assert (stage.units(1), stage.units(2)) == ({"available": 12}, {"available": 11, "committed": 1})


def test_what_is_used_up_is_passed_over(stage: Stage) -> None:
    stage.certified(1, ends_on="2026-05-31")
    stage.certified(2, ends_on="2026-04-30", visits=1)
    stage.submit(unnamed(1, served_on="2026-03-01"))
    stage.work()
    stage.submit(unnamed(2, served_on="2026-03-02"))
    stage.work()
    assert [stage.claim(number).claim.authorization for number in (1, 2)] == ["CERT0002", "CERT0001"]
    assert stage.balanced()


@on_sqlite
def test_two_that_end_on_the_same_day_are_for_a_person_to_tell_apart(stage: Stage) -> None:
    stage.certified(1)
    stage.certified(2)
    stage.submit(unnamed())
    stage.work()
    assert stage.claim().state == "held"
    assert "controlling_authorization" in stage.claim().reason
    assert [stage.units(number) for number in (1, 2)] == [{"available": 12}, {"available": 12}]
    assert all("authorization_ref" in each.fix for each in stage.tasks("held"))


@on_sqlite
def test_another_members_authorization_is_never_found(stage: Stage) -> None:
    stage.certified(1, patient={**PATIENT, "first_name": "Peregrine", "born": "2014-11-03"})
    stage.submit(unnamed())
    stage.work()
    assert stage.claim().state == "held"
    assert "authorization_on_file" in stage.claim().reason
    assert stage.units() == {"available": 12}


def test_a_claim_that_names_none_waits_for_the_request_that_was_sent(stage: Stage) -> None:
    stage.submit(request_json(), unnamed())
    stage.work()
    assert stage.claim().state == "waiting"
    stage.arrive(stage.decided(review=decision.Review(code="A1", number="CERT0001")))
    stage.work()
    assert (stage.claim().state, stage.claim().claim.authorization) == ("sent", "CERT0001")
    assert stage.balanced()


@on_sqlite
def test_a_request_for_other_dates_is_not_waited_for(stage: Stage) -> None:
    stage.submit(request_json(starts_on="2026-03-03"), unnamed(served_on="2026-03-02"))
    stage.work()
    assert stage.claim().state == "held"


@on_sqlite
def test_what_needs_no_authorization_draws_on_none(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.certified()
    stage.submit(unnamed(lines=[line_json("97161", "90.00", 1, "2026-03-02")]))
    stage.work()
    assert stage.units() == {"available": 12}
    assert stage.claim().authorization == ""
    assert _g1(stage.written()[-1]) == [] or stage.claim().state == "held"


# A line's own.


def test_a_lines_own_authorization_is_honoured(store: Store, clock: Clock, tmp_path: Path) -> None:
    stage = on_stage(store, clock, tmp_path, policy='g1_placement = "line"')
    stage.certified(1, **_only("97110"))
    stage.certified(2, **_only("97530"))
    lines = mixed()["lines"]
    stage.submit(claim_json(1, lines=[lines[0], {**lines[1], "authorization": "CERT0002"}]))
    stage.work()
    assert stage.claim().state == "sent"
    assert _g1(stage.written()[-1]) == ["CERT0001", "CERT0002"]  # Of the claim, and of the line that differs.
    assert (stage.units(1), stage.units(2)) == ({"available": 11, "committed": 1},) * 2
    with stage.reading() as tx:
        assert [each.authorization for each in tx.claims.lines(stage.claim().id)] == [
            stage.request(1).id,
            stage.request(2).id,
        ]
    assert stage.balanced()


def test_lines_under_two_authorizations_are_settled_each_under_its_own(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    """A refusal gives both back, and another claim finds the day's visit of either taken."""
    stage = on_stage(store, clock, tmp_path, policy='g1_placement = "line"')
    stage.certified(1, **_only("97110"))
    stage.certified(2, **_only("97530"))
    lines = mixed()["lines"]
    both = [lines[0], {**lines[1], "authorization": "CERT0002"}]
    stage.submit(claim_json(1, lines=both))
    stage.work()
    again = line_json("97530", "51.00", 1, "2026-03-02")
    stage.submit(claim_json(3, lines=[{**again, "modifiers": ["GP", "59"]}], authorization_ref="ACCT-31337-A2"))
    stage.work()
    assert (stage.claim(3).state, stage.units(2)) == ("sent", {"available": 11, "committed": 1})
    stage.arrive(stage.received(3, category="A7", action="U"))
    assert (stage.units(1), stage.units(2)) == ({"available": 11, "committed": 1},) * 2
    stage.arrive(stage.received(1, category="A7", action="U"))
    assert (stage.units(1), stage.units(2)) == ({"available": 12},) * 2
    stage.submit(claim_json(4, lines=both, authorization_ref="ACCT-31337-A1"))
    stage.work()
    first = stage.claim(4).claim.lines[0]
    denied = payment(stage.claim(4), paid=(first.charge, 0), reasons=(("CO", "45"), ("CO", "197")))
    stage.arrive(stage.received(4), stage.paid(denied))
    assert (stage.units(1), stage.units(2)) == ({"available": 11, "consumed": 1}, {"available": 12})
    assert stage.claim(4).state == "partly_paid"
    assert stage.balanced()


# Parts.


def test_lines_under_several_authorizations_go_out_as_claims_of_their_own(stage: Stage) -> None:
    stage.certified(1, **_only("97110"))
    stage.certified(2, **_only("97530"))
    stage.submit(mixed(patient_paid="120.00"))
    stage.work()
    whole = stage.claim()
    assert whole.state == "split"
    one, two = sorted(parts_of(stage), key=lambda each: each.claim.lines[0].procedure)
    assert (one.state, two.state) == ("sent", "sent")
    assert (one.claim.authorization, two.claim.authorization) == ("CERT0001", "CERT0002")
    assert (one.charge, two.charge) == (10001, 4999)
    assert one.claim.patient_paid + two.claim.patient_paid == 12000
    assert len({whole.control_number, one.control_number, two.control_number}) == 3
    numbers = [line.control_number for each in (one, two) for line in each.claim.lines]
    assert len(set(numbers)) == 2
    written = stage.written()[-1]
    sent = [each.at(2) for each in _segments(written) if each.tag == "REF" and each.at(1) == "6R"]
    assert sorted(sent) == sorted(numbers)
    assert sorted(_g1(written)) == ["CERT0001", "CERT0002"]
    assert whole.control_number.encode() not in written
    assert (stage.units(1), stage.units(2)) == ({"available": 11, "committed": 1},) * 2
    assert stage.money() == {"receivable:payer": 15000, "revenue:charges": -15000}
    assert stage.balanced()


@on_sqlite
def test_the_clinics_number_leads_to_the_parts(stage: Stage) -> None:
    stage.certified(1, **_only("97110"))
    stage.certified(2, **_only("97530"))
    stage.submit(mixed())
    stage.work()
    with stage.reading() as tx:
        found = {each.id for each in trace(tx, "ACCT-31337-C1")}
    assert found == {stage.claim().id, *(each.id for each in parts_of(stage))}
    (detail,) = stage.details(stage.claim().id, "claim.split")
    assert set(detail["claims"]) == {each.id for each in parts_of(stage)}
    again = stage.submit(mixed())
    assert [each["id"] for each in again["repeated"]] == [stage.claim().id]


@on_sqlite
def test_one_part_that_is_held_holds_no_other(stage: Stage) -> None:
    stage.certified(1, **_only("97110"))
    stage.certified(2, **_only("97530"))
    claim = mixed()
    claim["lines"][1]["modifiers"] = ["KX"]
    result = stage.submit(claim)
    stage.work()
    assert result["accepted"]
    assert sorted(each.state for each in parts_of(stage)) == ["held", "sent"]


@on_sqlite
def test_a_line_without_any_authorization_goes_with_the_controlling_one(stage: Stage) -> None:
    stage.certified(1, **_only("97110"))
    stage.submit(mixed())
    stage.work()
    assert stage.claim().state == "held"  # Not split: the other line is under none.
    assert "authorization_procedure" in stage.claim().reason


@on_sqlite
def test_every_line_goes_out_with_a_number_of_its_own(stage: Stage) -> None:
    claim = stage.billed()
    sent = [each.at(2) for each in _segments(stage.written()[-1]) if each.tag == "REF" and each.at(1) == "6R"]
    assert sent == [each.control_number for each in claim.claim.lines]
    assert _one(stage.written()[-1], "CLM").at(1) == claim.control_number
