"""Coverages and plans of care: what a clinic tells beside requests and claims, in every wrapping."""

import json
from datetime import date
from typing import Any

import pytest
from conftest import Clock
from flow_stage import PATIENT, Stage, on_stage
from intake_samples import TODAY, new_ids, settings

from gateway.domain.coverage import Coverage, Period, VisitLimit
from gateway.domain.plan_of_care import PlanOfCare
from gateway.flow import intake, schemas
from gateway.store import Store

Json = dict[str, Any]


def coverage_json(**changed: Any) -> Json:
    made = {
        "type": "coverage",
        "organisation": "northside",
        "clinic": "downtown",
        "client_ref": "ACCT-31337-V1",
        "payer": "SIM01",
        "patient": {**PATIENT},
        "checked_on": "2026-03-01",
        "plan": "HMO",
        "line_of_business": "medicare_advantage",
        "state": "il",
        "starts_on": "2026-01-01",
        "ends_on": "2026-12-31",
        "auth_required": True,
        "visit_limit": {"amount": 30, "used": 4, "period": "contract", "combined_with": ["GP", "GO"]},
        "therapy_used": {"pt_slp": "1200.50", "ot": "0"},
    }
    return {key: value for key, value in {**made, **changed}.items() if value is not None}


def plan_json(**changed: Any) -> Json:
    made = {
        "type": "plan_of_care",
        "organisation": "northside",
        "clinic": "downtown",
        "client_ref": "ACCT-31337-P1",
        "payer": "SIM01",
        "patient": {**PATIENT},
        "discipline": "GP",
        "starts_on": "2026-02-02",
        "ends_on": "2026-04-30",
        "first_treated_on": "2026-02-03",
        "recertification": False,
        "signed_on": "2026-02-10",
        "verbal_on": "2026-02-04",
        "ordered_on": "2026-01-30",
        "sent_on": "2026-02-05",
        "physician": {"last_name": "Fysisch", "first_name": "Ada", "npi": "1234567893"},
        "progress_reports": ["2026-02-28", "2026-02-14"],
        "documents": ["plan_of_care", "order"],
    }
    return {key: value for key, value in {**made, **changed}.items() if value is not None}


def read(data: bytes, form: str = "json") -> intake.Batch:
    return intake.read_batch(data, form, settings(), new_ids(), TODAY)


def one(record: Json) -> Any:
    batch = read(json.dumps(record).encode())
    assert not batch.rejected, batch.rejected[0].findings
    return batch.accepted[0].record


def test_a_coverage_becomes_what_the_checks_look_at() -> None:
    made = one(coverage_json())
    assert isinstance(made, Coverage)
    assert made.id.startswith("co_")
    assert (made.payer.id, made.subscriber.member_id, made.dependent) == ("SIM01", "MBR77001234", None)
    assert (made.plan, made.line_of_business, made.state) == ("HMO", "medicare_advantage", "IL")
    assert (made.starts_on, made.ends_on, made.checked_on) == (date(2026, 1, 1), date(2026, 12, 31), date(2026, 3, 1))
    assert made.auth_required is True
    assert made.visit_limit == VisitLimit(amount=30, used=4, period=Period.CONTRACT, combined_with=("GP", "GO"))
    assert made.therapy_used == (("PT+SLP", 120_050), ("OT", 0))


def test_what_was_not_told_of_a_coverage_is_not_known() -> None:
    bare = dict.fromkeys(("plan", "line_of_business", "state", "starts_on", "ends_on", "auth_required"))
    made = one(coverage_json(**bare, visit_limit={"amount": 30}, therapy_used={"ot": "10"}))
    assert (made.auth_required, made.starts_on, made.ends_on) == (None, None, None)
    assert made.visit_limit == VisitLimit(amount=30)
    assert made.therapy_used == (("OT", 1000),)  # Of the other group nothing was told, not even that it is nothing.


def test_a_plan_of_care_becomes_what_the_checks_look_at() -> None:
    made = one(plan_json())
    assert isinstance(made, PlanOfCare)
    assert made.id.startswith("pc_")
    assert made.progress_reports == (date(2026, 2, 14), date(2026, 2, 28))
    assert made.physician is not None
    assert (made.physician.name, made.physician.npi) == ("Fysisch", "1234567893")
    assert (made.signed_on, made.verbal_on, made.ordered_on, made.sent_on, made.first_treated_on) == (
        date(2026, 2, 10), date(2026, 2, 4), date(2026, 1, 30), date(2026, 2, 5), date(2026, 2, 3),
    )  # fmt: skip
    assert (made.documents, made.recertification, made.discipline) == (("plan_of_care", "order"), False, "GP")


COVERAGE_ROW = {
    "type": "coverage", "organisation": "northside", "clinic": "downtown", "client_ref": "ACCT-31337-V1",
    "payer": "SIM01", "patient_last_name": "Zimmerwald", "patient_first_name": "Quintessa",
    "patient_born": "1981-07-19", "patient_member_id": "MBR77001234", "checked_on": "2026-03-01", "plan": "HMO",
    "line_of_business": "medicare_advantage", "state": "IL", "starts_on": "2026-01-01", "ends_on": "2026-12-31",
    "auth_required": "yes", "visit_limit_amount": "30", "visit_limit_used": "4", "visit_limit_period": "contract",
    "visit_limit_combined_with": "GP GO", "therapy_used_pt_slp": "1200.50", "therapy_used_ot": "0",
}  # fmt: skip
PLAN_ROW = {
    "type": "plan_of_care", "organisation": "northside", "clinic": "downtown", "client_ref": "ACCT-31337-P1",
    "payer": "SIM01", "patient_last_name": "Zimmerwald", "patient_first_name": "Quintessa",
    "patient_born": "1981-07-19", "patient_member_id": "MBR77001234", "discipline": "GP", "starts_on": "2026-02-02",
    "ends_on": "2026-04-30", "first_treated_on": "2026-02-03", "recertification": "no", "signed_on": "2026-02-10",
    "verbal_on": "2026-02-04", "ordered_on": "2026-01-30", "sent_on": "2026-02-05", "physician_last_name": "Fysisch",
    "physician_first_name": "Ada", "physician_npi": "1234567893", "progress_reports": "2026-02-28 2026-02-14",
    "documents": "plan_of_care;order",
}  # fmt: skip


@pytest.mark.parametrize(("record", "row"), [(coverage_json(), COVERAGE_ROW), (plan_json(), PLAN_ROW)])
def test_each_wrapping_says_the_same(record: Json, row: dict[str, str]) -> None:
    expected = intake.shown(one(record))
    lines = json.dumps(record).encode() + b"\n"
    cells = ",".join(row).encode() + b"\n" + ",".join(row.values()).encode()
    for data, form in ((lines, "jsonl"), (cells, "csv")):
        batch = read(data, form)
        assert not batch.rejected, batch.rejected[0].findings
        assert intake.shown(batch.accepted[0].record) == expected


@pytest.mark.parametrize("name", ["coverage.v1", "plan_of_care.v1"])
def test_the_samples_leave_no_key_of_the_schema_out(name: str) -> None:
    made = coverage_json() if name == "coverage.v1" else plan_json()
    known = schemas.schema(name)["properties"].keys()
    assert known - made.keys() == {"policy_holder"}


@pytest.mark.parametrize(
    ("record", "place"),
    [
        (coverage_json(checked_on=None), "$.checked_on"),
        (coverage_json(checked_on="2026-03-21"), "$.checked_on"),
        (coverage_json(ends_on="2025-12-31"), "$.ends_on"),
        (coverage_json(visit_limit={"used": 3}), "$.visit_limit.amount"),
        (coverage_json(visit_limit={"amount": 30, "period": "year"}), "$.visit_limit.period"),
        (coverage_json(visit_limit={"amount": 30, "combined_with": ["PT"]}), "$.visit_limit.combined_with[0]"),
        (coverage_json(therapy_used={"pt_slp": "12.345"}), "$.therapy_used.pt_slp"),
        (coverage_json(auth_required="yes"), "$.auth_required"),
        (coverage_json(payer="NOBODY"), "$.payer"),
        (coverage_json(clinic="nowhere"), "$.clinic"),
        (coverage_json(patient={**PATIENT, "member_id": None}), "$.patient.member_id"),
        (plan_json(discipline="PT"), "$.discipline"),
        (plan_json(starts_on=None, ends_on=None), "$.starts_on"),
        (plan_json(ends_on="2026-02-01"), "$.ends_on"),
        (plan_json(signed_on="2026-03-21"), "$.signed_on"),
        (plan_json(progress_reports=["2026-02-14", "2026-03-21"]), "$.progress_reports[1]"),
        (plan_json(physician={"npi": "1234567893"}), "$.physician.last_name"),
        (plan_json(physician={"last_name": "Fysisch", "npi": "1234567890"}), "$.physician.npi"),
    ],
)
def test_a_mistake_is_told_at_its_place(record: Json, place: str) -> None:
    batch = read(json.dumps(record).encode())
    assert [each.where for each in batch.rejected[0].findings] == [place]
    assert all(each.fix for each in batch.rejected[0].findings)
    assert "Zimmerwald" not in str(batch.rejected)


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Any) -> Stage:
    return on_stage(store, clock, tmp_path)


def _outcome(result: Json) -> str:
    (name,) = [key for key in ("accepted", "repeated", "conflicts", "rejected") if result[key]]
    return name


def test_a_later_check_takes_the_place_of_an_earlier_one(stage: Stage) -> None:
    assert _outcome(stage.submit(coverage_json())) == "accepted"
    assert _outcome(stage.submit(coverage_json())) == "repeated"
    result = stage.submit(coverage_json(auth_required=False))
    assert _outcome(result) == "conflicts"
    assert (result["conflicts"][0]["held"], result["conflicts"][0]["submitted"]) == (
        {"auth_required": True},
        {"auth_required": False},
    )
    assert "later day" in result["conflicts"][0]["findings"][0]["fix"]
    result = stage.submit(coverage_json(checked_on="2026-03-02", auth_required=False))
    assert _outcome(result) == "accepted"
    with stage.reading() as tx:
        held = tx.coverages.get(result["accepted"][0]["id"]).coverage
        assert (held.auth_required, held.checked_on) == (False, date(2026, 3, 2))
        assert [each.what for each in tx.events.of(held.id)] == ["record.new", "case.conflict", "record.changed"]


def test_a_plan_of_care_is_carried_on_under_its_number(stage: Stage) -> None:
    first = stage.submit(plan_json(signed_on=None))
    second = stage.submit(plan_json())
    assert (_outcome(first), _outcome(second)) == ("accepted", "accepted")
    assert first["accepted"][0]["id"] == second["accepted"][0]["id"]
    with stage.reading() as tx:
        (held,) = tx.plans_of_care.of_patient("northside", "downtown", "MBR77001234")
    assert held.signed_on == date(2026, 2, 10)
    assert stage.jobs("submit") == []
