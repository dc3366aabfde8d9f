"""Which policy holds for a record that the store knows more of: what its patient's coverage told decides, too."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from flow_stage import PATIENT, Stage, on_sqlite, on_stage, request_json

from gateway.flow.policies import policy_in
from gateway.rules.policy import Term
from gateway.store import Store

TOLD = date(2026, 3, 2)


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path)


def coverage(ref: str, checked_on: str, **changed: Any) -> dict[str, Any]:
    return {
        "type": "coverage",
        "organisation": "northside",
        "clinic": "downtown",
        "client_ref": ref,
        "payer": "SIM01",
        "patient": PATIENT,
        "checked_on": checked_on,
        **changed,
    }


def term(stage: Stage) -> Term | None:
    with stage.reading() as tx:
        return policy_in(stage.house, tx, stage.request().request, TOLD).sla_standard


@on_sqlite
def test_the_coverage_that_was_checked_last_says_whose_money_it_is(stage: Stage) -> None:
    """2.2: seven calendar days for Medicare Advantage; a request by itself does not say that it is of it."""
    stage.submit(request_json())
    assert term(stage) is None
    assert stage.submit(coverage("CO-1", "2026-02-01", line_of_business="medicare_advantage"))["rejected"] == []
    assert term(stage) == Term(days=7)
    stage.submit(coverage("CO-2", "2026-03-01", line_of_business="commercial"))
    assert term(stage) is None


@on_sqlite
def test_the_payers_clock_runs_by_the_coverage(stage: Stage) -> None:
    stage.submit(coverage("CO-1", "2026-02-01", line_of_business="medicare_advantage"))
    stage.submit(request_json())
    stage.work()
    with stage.reading() as tx:
        found = {each.kind: each.policy for each in tx.deadlines.of(stage.request().id, ("own", "payer"))}
    assert "CMS-0057-F" in found["own"]


@on_sqlite
def test_another_persons_coverage_under_one_number_says_nothing(stage: Stage) -> None:
    other = {**PATIENT, "first_name": "Another", "born": "2011-01-01"}
    stage.submit(request_json())
    stage.submit(coverage("CO-1", "2026-02-01", line_of_business="medicare_advantage", patient=other))
    assert term(stage) is None


@on_sqlite
def test_the_service_type_is_the_policys_where_the_clinic_says_none(store: Store, clock: Clock, tmp_path: Path) -> None:
    """3: UM03 is a payer's setting, PT by default."""
    stage = on_stage(store, clock, tmp_path, policy='service_type = "AE"')
    stage.submit(request_json(service_type=None))
    assert stage.request().request.service_type == "AE"
