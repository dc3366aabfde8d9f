"""Visits: booked, rendered, claimed as one; refused or uncovered where nothing is left; told once however often."""

import random
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from flow_stage import PATIENT, Json, Stage, claim_json, on_sqlite, on_stage, payment

from gateway.flow.clock import expire_by
from gateway.flow.service import _tick
from gateway.store import Store, StoredVisit


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path)


def visit_json(number: int = 1, status: str = "scheduled", **changed: Any) -> Json:
    """A visit of the patient of flow_stage under its first authorization; a change to None leaves the key out."""
    made = {
        "type": "visit",
        "organisation": "northside",
        "clinic": "downtown",
        "client_ref": f"ACCT-31337-V{number}",
        "authorization_ref": "ACCT-31337-A1",
        "served_on": "2026-03-02",
        "discipline": "GP",
        "status": status,
    }
    return {key: value for key, value in {**made, **changed}.items() if value is not None}


def visit(stage: Stage, number: int = 1) -> StoredVisit:
    with stage.reading() as tx:
        found: StoredVisit | None = tx.appointments.by_client_ref("northside", "downtown", f"ACCT-31337-V{number}")
    assert found is not None
    return found


def told(result: Json) -> dict[str, int]:
    return {key: len(result[key]) for key in ("accepted", "repeated", "conflicts", "rejected") if result[key]}


def test_a_visit_is_one_from_its_booking_to_its_payment(stage: Stage) -> None:
    stage.certified()
    stage.submit(visit_json())
    assert stage.units() == {"available": 11, "reserved": 1}
    stage.submit(visit_json(status="took_place"))
    assert stage.units() == {"available": 11, "rendered": 1}
    stage.submit(claim_json())
    stage.work()
    assert stage.units() == {"available": 11, "committed": 1}
    stage.arrive(stage.paid(payment(stage.claim())))
    assert stage.units() == {"available": 11, "consumed": 1}
    assert stage.steps(visit(stage).id) == ["visit.booked", "visit.rendered"]
    assert stage.balanced()


@on_sqlite
def test_a_claim_takes_nobody_elses_visit(stage: Stage) -> None:
    stage.certified()
    stage.submit(
        visit_json(1, "scheduled", served_on="2026-03-20"), visit_json(2, "took_place", served_on="2026-03-01")
    )
    stage.submit(claim_json(1, served_on="2026-03-02"))
    stage.work()
    assert stage.units() == {"available": 9, "reserved": 1, "rendered": 1, "committed": 1}
    stage.submit(visit_json(1, "cancelled", served_on="2026-03-20"))
    assert stage.units() == {"available": 10, "rendered": 1, "committed": 1}
    assert stage.balanced()


@on_sqlite
@pytest.mark.parametrize("status", ["cancelled", "no_show"])
def test_what_did_not_take_place_is_free_again(stage: Stage, status: str) -> None:
    """6.2: Cancel/no-show RESERVED -> AVAILABLE; told twice, or in the wrong order, it counts once."""
    stage.certified()
    stage.submit(visit_json())
    assert told(stage.submit(visit_json(status=status))) == {"accepted": 1}
    assert told(stage.submit(visit_json(), visit_json(status=status))) == {"repeated": 2}
    assert stage.units() == {"available": 12}
    assert told(stage.submit(visit_json(status="took_place"))) == {"accepted": 1}
    assert stage.units() == {"available": 11, "rendered": 1}
    stage.submit(visit_json(status=status, note="told wrongly"))
    assert stage.units() == {"available": 12}
    assert stage.balanced()


@on_sqlite
def test_other_content_under_a_number_is_a_conflict(stage: Stage) -> None:
    stage.certified()
    stage.submit(visit_json())
    result = stage.submit(visit_json(served_on="2026-03-09"), visit_json(status="took_place", discipline="GO"))
    assert told(result) == {"conflicts": 2}
    assert "served_on" in result["conflicts"][0]["findings"][0]["what"]
    assert stage.units() == {"available": 11, "reserved": 1}


def test_a_claimed_visit_is_not_taken_back(stage: Stage) -> None:
    stage.certified()
    stage.submit(visit_json(status="took_place"), claim_json())
    stage.work()
    assert told(stage.submit(visit_json(status="cancelled"))) == {"conflicts": 1}
    assert stage.units() == {"available": 11, "committed": 1}


@on_sqlite
def test_nothing_left_is_refused_and_an_override_is_counted_beside(stage: Stage) -> None:
    """6.1: refuse when AVAILABLE < qty; an override with its reason goes to UNCOVERED, never negative."""
    stage.certified(visits=1)
    stage.submit(visit_json(served_on="2026-03-20"))
    refused = stage.submit(visit_json(2, "took_place"))
    (finding,) = refused["rejected"][0]["findings"]
    assert (finding["rule"], "override" in finding["fix"]) == ("visit.balance", True)
    stage.submit(visit_json(2, "took_place", override="the patient was in pain"))
    assert stage.units() == {"reserved": 1, "uncovered": 1, "unauthorized": -1}
    with stage.reading() as tx:
        notes = {each.note for each in tx.books.entries(authorization=stage.request().id)}
    assert not any("pain" in each for each in notes)
    stage.submit(visit_json(2, "cancelled"))
    assert stage.units() == {"reserved": 1}
    assert stage.balanced()


@on_sqlite
def test_two_appointments_of_a_day_and_discipline_are_one_visit(stage: Stage) -> None:
    """6.1: counted once per patient, date, discipline and authorization; another discipline is another visit."""
    stage.certified()
    stage.submit(visit_json(1, "took_place"), visit_json(2, "took_place"))
    assert stage.units() == {"available": 11, "rendered": 1}
    stage.submit(claim_json())
    stage.work()
    assert stage.units() == {"available": 11, "committed": 1}


@on_sqlite
def test_a_visit_told_of_after_its_claim_is_the_same(stage: Stage) -> None:
    stage.certified()
    stage.submit(claim_json())
    stage.work()
    stage.submit(visit_json(status="took_place"))
    assert stage.units() == {"available": 11, "committed": 1}
    assert [(each.quantity, each.claimed) for each in visit(stage).held] == [(1, 1)]


@on_sqlite
def test_units_are_booked_by_line_and_claimed_from_the_visit(stage: Stage) -> None:
    lines = [{"procedure": "97110", "units": 2}, {"procedure": "97140", "units": 1}]
    stage.certified(visits=None, units=10)
    assert told(stage.submit(visit_json())) == {"rejected": 1}
    stage.submit(visit_json(lines=lines), visit_json(2, served_on="2026-03-09", lines=lines))
    assert stage.units() == {"available": 4, "reserved": 6}
    stage.submit(visit_json(status="took_place", lines=[{"procedure": "97110", "units": 4}, lines[1]]))
    assert stage.units() == {"available": 2, "reserved": 3, "rendered": 5}
    stage.submit(claim_json())
    stage.work()
    assert stage.units() == {"available": 2, "reserved": 3, "rendered": 2, "committed": 3}
    assert stage.balanced()


@on_sqlite
def test_a_visit_inside_the_window_may_be_told_late(stage: Stage) -> None:
    stage.certified()
    stage.submit(visit_json(2, served_on="2026-03-09"))
    with stage.store.transaction(stage.house.everything()) as tx:
        expire_by(tx, date(2026, 6, 1))
    stage.clock.now = stage.clock.now.replace(month=6, day=2)
    _tick(stage.house)
    stage.work("expire")
    assert [each.subject for each in stage.tasks("visit")] == [visit(stage, 2).id]
    stage.submit(visit_json(status="took_place"), visit_json(2, "took_place", served_on="2026-03-09"))
    assert stage.units() == {"expired": 10, "rendered": 2}
    assert stage.tasks("visit") == []
    assert told(stage.submit(visit_json(3, "took_place", served_on="2026-06-01"))) == {"rejected": 1}
    assert stage.balanced()


@on_sqlite
def test_the_patients_authorization_is_found(stage: Stage) -> None:
    stage.certified()
    owner: Json = {"authorization_ref": None, "payer": "SIM01", "patient": PATIENT}
    assert told(stage.submit(visit_json(**owner))) == {"accepted": 1}
    sibling = {**PATIENT, "first_name": "Peregrine", "born": "2014-11-03"}
    assert told(stage.submit(visit_json(2, **{**owner, "patient": sibling}))) == {"rejected": 1}
    assert told(stage.submit(visit_json(3, clinic="lakeside"))) == {"rejected": 1}
    assert stage.units() == {"available": 11, "reserved": 1}


@on_sqlite
@pytest.mark.parametrize("seed", range(3))
def test_any_history_of_visits_and_claims_keeps_the_books(stage: Stage, seed: int) -> None:
    """6.1: balances never negative, GRANT equals the rest, every entry has a cause; told again it changes nothing."""
    chance = random.Random(seed)
    stage.certified(visits=4)
    records: list[Json] = []
    for step in range(25):
        number = chance.randint(1, 5)
        day = f"2026-03-0{chance.choice([1, 2]) if number > 4 else min(number, 2)}"
        if chance.random() < 0.25:
            records.append(claim_json(step + 10, served_on=day, authorization_ref="ACCT-31337-A1"))
        else:
            status = chance.choice(["scheduled", "took_place", "took_place", "cancelled", "no_show"])
            override = "in pain" if status == "took_place" and chance.random() < 0.5 else None
            records.append(visit_json(number, status, served_on=day, override=override))
        stage.submit(records[-1])
        stage.work()
        assert stage.balanced()
    before = stage.units()
    assert not told(stage.submit(*[each for each in records if each["type"] == "claim"])).get("accepted")
    assert stage.units() == before
    with stage.reading() as tx:
        for entry in tx.books.entries(authorization=stage.request().id):
            assert entry.cause.document or entry.cause.actor
        held: dict[str, int] = {}
        for each in tx.appointments.list(authorization=stage.request().id):
            for one in each.held:
                held[one.account.value] = held.get(one.account.value, 0) + one.left
    for account in ("reserved", "rendered", "uncovered"):
        assert held.get(account, 0) == before.get(account, 0), "what visits hold is what the accounts hold"
