"""Visits: booked, rendered, claimed as one; refused or uncovered where nothing is left; told once however often."""

from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from flow_stage import Json, Stage, claim_json, on_sqlite, on_stage, payment

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
