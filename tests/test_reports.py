"""Reports (domain facts, 6.5): their numbers, that each is the sum of the parts behind it, and how they are shown."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from flow_stage import SECRETS, TODAY, Stage, claim_json, on_sqlite, on_stage, payment, request_json
from test_flow_instructions import correction
from test_store_payments import denied as refused
from test_store_payments import paid

from gateway.cli.reporting import as_columns, show_report
from gateway.domain import decision
from gateway.flow.reports import REPORTS
from gateway.flow.reports.base import Row, View, columns
from gateway.store import Scope, Store


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path)


def asked(stage: Stage, name: str, *, scope: Scope | None = None, **wanted: Any) -> list[dict[str, Any]]:
    """A report's rows, each of whose sums was followed to its parts, and each part to something that is traced."""
    report = REPORTS[name]
    with stage.store.transaction(scope or stage.house.everything(), read_only=True) as tx:
        view = View(house=stage.house, tx=tx, **wanted)
        found = [dict(each) for each in report.rows(view)]
        for row in found:
            assert list(row)
            assert {each.name for each in report.columns} <= row.keys()
            parts = report.parts(view, str(row["row"]))
            assert parts, row
            for column in report.summed:
                assert row[column] == sum(each.amounts.get(column, 0) for each in parts), (name, column)
    return found


def denied(stage: Stage) -> None:
    """A claim both of whose lines were denied, as a remittance leaves it; a second payment of it was taken back."""
    claim = stage.billed()
    owned = {"organisation": claim.organisation, "clinic": claim.clinic}
    with stage.store.transaction(stage.house.everything()) as tx:
        remittance, _ = tx.remittances.add(
            payer_id="1SIM",
            check_number="CHK1",
            paid_on=TODAY,
            amount=0,
            document="",
            organisation=claim.organisation,
            clinic=claim.clinic,
        )
        made = paid(remittance, 0, claim=claim.id, control_number=claim.control_number, **owned)
        back = paid(remittance, 1, claim=claim.id, control_number=claim.control_number, **owned)
        taken = paid(remittance, 2, claim=claim.id, control_number=claim.control_number, reverses=back.id, **owned)
        reasons = [(made, 0, "197", 12000), (made, 1, "50", 6000), (back, 0, "18", 100), (taken, 0, "18", -100)]
        rows = [
            replace(refused(each), number=number, reason=reason, cents=cents) for each, number, reason, cents in reasons
        ]
        tx.payments.add([made, back, taken], rows)


def visit_json(number: int = 1, status: str = "took_place", **changed: Any) -> dict[str, Any]:
    return {
        "type": "visit",
        "organisation": "northside",
        "clinic": "downtown",
        "client_ref": f"ACCT-31337-V{number}",
        "authorization_ref": "ACCT-31337-A1",
        "served_on": "2026-03-02",
        "discipline": "GP",
        "status": status,
        **changed,
    }


def test_what_is_left_is_counted_three_ways(stage: Stage) -> None:
    """Domain facts, 6.3: rendered, claimed and adjudicated differ while a claim is under way."""
    stage.certified()
    stage.submit(visit_json(1), visit_json(2, "scheduled", served_on="2026-03-04"))
    (row,) = asked(stage, "remaining")
    assert (row["granted"], row["used_rendered"], row["used_claimed"], row["used_adjudicated"]) == (12, 1, 0, 0)
    assert (row["left_rendered"], row["left_claimed"], row["left_adjudicated"]) == (11, 12, 12)
    assert row["left"] == row[f"left_{row['ruling']}"]
    assert (row["free"], row["reserved"]) == (10, 1)
    stage.submit(claim_json())
    stage.work()
    stage.arrive(stage.paid(payment(stage.claim(), paid=(0, 0), reasons=(("CO", "197"), ("CO", "197")), status="4")))
    (row,) = asked(stage, "remaining")
    assert (row["used_rendered"], row["used_claimed"], row["used_adjudicated"]) == (1, 0, 0)  # It took place.


def test_what_ends_soon_or_is_nearly_used_up_is_told(stage: Stage) -> None:
    stage.certified(visits=3)
    (row,) = asked(stage, "remaining")
    ends_on = row["ends_on"]
    assert asked(stage, "expiring") == []
    assert [each["row"] for each in asked(stage, "expiring", days=(ends_on - date(2026, 3, 2)).days)] == [row["row"]]
    assert asked(stage, "low", visits=row["left"] - 1) == []
    assert [each["row"] for each in asked(stage, "low", visits=row["left"])] == [row["row"]]


def test_denials_are_counted_in_money_by_reason(stage: Stage) -> None:
    denied(stage)
    found = {
        each["reason"]: (each["group"], each["payer"], each["denials"], each["cents"])
        for each in asked(stage, "denials")
    }
    payers = {each[1] for each in found.values()}
    assert len(payers) == 1
    payer = payers.pop()
    assert found == {"197": ("CO", payer, 1, 12000), "50": ("CO", payer, 1, 6000)}
    assert asked(stage, "denials", payer="NOBODY") == []
    assert asked(stage, "denials", since=date(2030, 1, 1)) == []


def test_a_payers_time_is_from_sending_to_its_decision(stage: Stage) -> None:
    stage.submit(request_json(1), request_json(2), request_json(3))
    stage.work()
    for number, hours in ((1, 2), (2, 8), (3, 100)):
        stage.clock.now = stage.clock.now + timedelta(hours=hours)
        stage.arrive(stage.decided(number, review=decision.Review(code="A1", number=f"CERT{number:04}")))
    (row,) = asked(stage, "turnaround")
    assert row["decided"] == 3
    with stage.reading() as tx:
        known = tx.figures.authorizations()
    taken = sorted(round((each.decided_at - each.sent_at).total_seconds() / 3600, 2) for each in known)
    assert (row["median_hours"], row["p90_hours"]) == (taken[1], taken[2])
    assert row["p90_hours"] > row["median_hours"]


def test_open_tasks_are_counted_with_their_age(stage: Stage) -> None:
    stage.certified()
    subject = stage.request().id
    with stage.store.transaction(stage.house.everything()) as tx:
        for number in (1, 2):
            tx.tasks.open(f"asked:{number}", kind="asked", subject=subject, reason="why", fix="how")
    stage.clock.now = stage.clock.now + timedelta(days=3)
    (row,) = [each for each in asked(stage, "workload") if each["kind"] == "asked"]
    assert (row["organisation"], row["clinic"], row["open"], row["oldest_days"]) == ("northside", "downtown", 2, 3)
    done = {(each["kind"], each["name"]): each["done"] for each in asked(stage, "worked")}
    assert done[("document", "intake")] == 1


def test_what_was_asked_and_granted_stand_side_by_side(stage: Stage) -> None:
    stage.certified()
    (row,) = asked(stage, "requested")
    assert (row["requested"], row["granted"], row["unit"]) == (12, 12, "visit")
    (rate,) = asked(stage, "approval")
    assert (rate["decided"], rate["approved"], rate["first_pass"], rate["overturned"]) == (1, 1, 1, 0)
    stage.submit(request_json(2))
    stage.work()
    stage.arrive(stage.decided(2, review=decision.Review(code="A3")))
    (rate,) = asked(stage, "approval")
    assert (rate["decided"], rate["approved"], rate["rate"]) == (2, 1, 50.0)


def test_what_waits_for_the_payer_is_told_with_its_age(stage: Stage) -> None:
    stage.submit(request_json())
    stage.work()
    stage.arrive(stage.decided(1, review=decision.Review(code="A4")))
    stage.clock.now = stage.clock.now + timedelta(days=5)
    (row,) = asked(stage, "pended")
    assert (row["row"], row["state"], row["age_days"]) == (stage.request().id, "pended", 5)


def test_what_no_authorization_covers_is_told_with_its_day(stage: Stage) -> None:
    stage.certified(visits=1)
    stage.submit(visit_json(1), visit_json(2, served_on="2026-03-01", override="the plan of care"))
    (row,) = asked(stage, "uncovered")
    assert (row["uncovered"], row["since"], row["unit"]) == (1, date(2026, 3, 1), "visit")
    assert len(asked(stage, "retro")) == (row["retro_by"] is not None)


def test_a_payers_count_is_set_against_ours(stage: Stage) -> None:
    stage.certified()
    stage.submit(correction(total=9))
    (row,) = asked(stage, "payer-count")
    assert (row["before"], row["variance"], row["after"]) == (12, -3, 9)


def test_money_without_its_other_half_is_told(stage: Stage) -> None:
    with stage.store.transaction(stage.house.everything()) as tx:
        tx.remittances.add(payer_id="1SIM", check_number="CHK1", paid_on=TODAY, amount=8000, document="")
    (row,) = asked(stage, "unmatched")
    assert (row["lacks"], row["check_number"], row["amount"]) == ("deposit", "CHK1", 8000)


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_a_clinic_sees_its_own(name: str, stage: Stage) -> None:
    denied(stage)
    assert asked(stage, name, scope=Scope("northside", "elsewhere", "test")) == []
    own = asked(stage, name, scope=Scope("northside", "downtown", "test"))
    assert len(own) <= len(asked(stage, name))


@on_sqlite
@pytest.mark.parametrize("form", ["table", "csv", "json", "columns"])
@pytest.mark.parametrize("name", sorted(REPORTS))
def test_no_form_shows_anything_of_a_patient(
    name: str, form: str, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    denied(stage)
    assert show_report(stage.house, name, form=form) == 0
    shown = capsys.readouterr().out.lower()
    assert shown.strip()
    assert not [each for each in SECRETS if each in shown and not each.startswith("acct")]


@on_sqlite
def test_each_form_says_the_same(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    denied(stage)
    shown = {}
    for form in ("csv", "json", "columns"):
        assert show_report(stage.house, "denials", form=form) == 0
        shown[form] = capsys.readouterr().out
    by_line = list(csv.DictReader(io.StringIO(shown["csv"])))
    rows = json.loads(shown["json"])["rows"]
    whole = json.loads(shown["columns"])
    assert sorted(each["cents"] for each in by_line) == ["120.00", "60.00"]
    assert [each["row"] for each in rows] == [each["row"] for each in by_line] == whole["data"]["row"]
    assert [each["cents"] for each in rows] == whole["data"]["cents"]
    assert {"name": "cents", "type": "int64"} in whole["columns"]
    assert show_report(stage.house, "denials", form="json", row=rows[0]["row"]) == 0
    parts = json.loads(capsys.readouterr().out)["rows"]
    assert sum(each["cents"] for each in parts) == rows[0]["cents"]
    assert parts[0]["trace"] == stage.claim().id


def test_days_and_instants_are_whole_numbers_in_columns() -> None:
    made = columns("day:date at:instant cents:cents share:percent none:int")
    at = datetime(1970, 1, 2, 0, 0, 1, 5, tzinfo=UTC)
    row: Row = {"day": date(1970, 1, 11), "at": at, "cents": -5, "share": 0.5, "none": None}
    whole = as_columns("made", made, [row])
    assert whole["data"] == {"day": [10], "at": [86_401_000_005], "cents": [-5], "share": [0.5], "none": [None]}
    assert [each["type"] for each in whole["columns"]] == [
        "date32[day]", "timestamp[us, tz=UTC]", "int64", "double", "int64",
    ]  # fmt: skip


@on_sqlite
def test_what_is_not_there_is_told(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    assert show_report(stage.house, "nothing") == 2
    assert "remaining" in capsys.readouterr().err
    assert show_report(stage.house, "") == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in REPORTS)
    assert show_report(stage.house, "denials") == 0
    assert capsys.readouterr().out.endswith(": nothing\n")
    assert show_report(stage.house, "denials", row="x") == 2
    assert show_report(stage.house, "denials", form="xml") == 2
    assert show_report(stage.house, "denials", owner=("", "downtown")) == 2
