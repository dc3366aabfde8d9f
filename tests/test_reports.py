"""Reports (domain facts, 6.5): their numbers, that each is the sum of the parts behind it, and how they are shown."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from conftest import Clock
from flow_stage import PATIENT, SECRETS, TODAY, Stage, claim_json, on_sqlite, on_stage, payment, request_json
from test_flow_instructions import correction
from test_store_payments import denied as refused
from test_store_payments import paid

from gateway.cli.reporting import as_columns, show_report
from gateway.domain import decision
from gateway.flow import reference
from gateway.flow.graph import graph
from gateway.flow.reports import REPORTS
from gateway.flow.reports.base import Row, View, columns
from gateway.ledger import units
from gateway.ledger.entry import Cause
from gateway.store import Scope, Store
from gateway.store.schema import appointments, buckets, claim_lines, claims


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
    assert asked(stage, "denials", payer="SIM01") == asked(stage, "denials"), "the payer is the one that was billed"
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


def test_what_a_retro_authorization_cured_is_told_no_more(stage: Stage) -> None:
    owner = {"authorization_ref": None, "payer": "SIM01", "patient": PATIENT}
    stage.submit(visit_json(1, "took_place", override="in pain", **owner))
    (row,) = asked(stage, "uncovered")
    assert (row["uncovered"], row["payer"]) == (1, "SIM01")
    stage.certified(starts_on="2026-03-02")
    assert stage.units() == {"available": 11, "rendered": 1}
    assert asked(stage, "uncovered") == []
    assert asked(stage, "retro") == []


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


def changed(stage: Stage, table: sa.Table, **values: Any) -> None:
    """Writes what no command would: the books as they stand after a mistake."""
    with stage.store.transaction(stage.house.everything()) as tx:
        tx.connection.execute(sa.update(table).values(**values))


def mismatches(stage: Stage, **wanted: Any) -> dict[tuple[int, str], int]:
    """What each line, by its number, is found for, with the charge; each part of each row is traced."""
    numbers = {each.control_number: at for at, each in enumerate(stage.claim().claim.lines, 1)}
    found = asked(stage, "mismatch", **wanted)
    with stage.reading() as tx:
        view = View(house=stage.house, tx=tx, **wanted)
        for row in found:
            parts = REPORTS["mismatch"].parts(view, row["row"])
            assert [each.what for each in parts][:2] == ["line", "claim"]
            assert all(graph(tx, each.trace).found for each in parts)
    assert all(each["claim"] == stage.claim().id and each["lines"] == 1 for each in found)
    return {(numbers[each["line"]], each["kind"]): each["charge"] for each in found}


def test_a_billed_line_is_held_against_its_authorization(stage: Stage) -> None:
    """Domain facts, 6.5: CPT, NPI, date of service, units, place of service."""
    claim = stage.billed()
    assert mismatches(stage) == {}
    changed(stage, buckets, procedures=["97110"])
    assert mismatches(stage) == {(2, "procedure"): 6000}
    changed(stage, buckets, procedures=[], ends_on=TODAY - timedelta(days=1))
    assert mismatches(stage) == {(1, "window"): 12000, (2, "window"): 6000}
    changed(stage, buckets, ends_on=TODAY)
    elsewhere = replace(
        claim.claim, place_of_service="12", billing=replace(claim.claim.billing, npi="1999999984"), facility=None
    )
    with stage.store.transaction(stage.house.everything()) as tx:
        tx.claims.update(claim.id, claim=elsewhere)
    kinds = {(number, kind): cents for number, cents in ((1, 12000), (2, 6000)) for kind in ("provider", "place")}
    assert mismatches(stage) == kinds
    assert mismatches(stage, since=TODAY, until=TODAY) == kinds
    assert mismatches(stage, since=TODAY + timedelta(days=1)) == mismatches(stage, payer="NOBODY") == {}
    changed(stage, claims, frequency="8")
    assert mismatches(stage) == {}, "a void bills nothing"


def test_a_billed_line_without_a_draw_is_a_mismatch_where_one_is_wanted(stage: Stage) -> None:
    stage.billed()
    changed(stage, claim_lines, authorization="", bucket="", visit_key="")
    assert mismatches(stage) == {(1, "unauthorized"): 12000, (2, "unauthorized"): 6000}
    changed(stage, claims, authorization="")
    assert mismatches(stage) == {(1, "unauthorized"): 12000, (2, "unauthorized"): 6000}, "the payer wants one"
    changed(stage, claim_lines, served_on=TODAY, procedure="97161")
    with stage.store.transaction(stage.house.everything()) as tx:
        claim = stage.claim()
        lines = tuple(replace(each, procedure="97161") for each in claim.claim.lines)
        tx.claims.update(claim.id, claim=replace(claim.claim, lines=lines))
    assert mismatches(stage) == {}, "this payer wants none for an evaluation"


def test_units_beyond_an_authorization_are_a_mismatch(stage: Stage) -> None:
    stage.billed()
    with stage.store.transaction(stage.house.everything()) as tx:
        first, _ = tx.claims.lines(stage.claim().id)
        entry = units.uncovered(
            tx.books.bucket(first.bucket), 1, cause=Cause(document="do_1", claim=stage.claim().id), holds_on=TODAY,
            key="beyond", visit_key=first.visit_key, reason="paid after it was given back",
        )  # fmt: skip
        tx.books.post(entry)
    assert mismatches(stage) == {(1, "units"): 12000, (2, "units"): 6000}, "both lines are the one visit"


def test_visits_booked_beyond_their_authorization_are_told(stage: Stage) -> None:
    stage.certified()
    evaluation = [{"procedure": "97161"}]
    result = stage.submit(
        visit_json(1, "scheduled", served_on="2026-03-20"),
        visit_json(2, "scheduled", served_on="2026-03-23", lines=evaluation),
    )
    assert len(result["accepted"]) == 2
    assert asked(stage, "beyond") == []
    changed(stage, buckets, ends_on=date(2026, 3, 20))
    (row,) = asked(stage, "beyond")
    assert (row["kind"], row["served_on"], row["ends_on"]) == ("window", date(2026, 3, 23), date(2026, 3, 20))
    assert asked(stage, "beyond", until=date(2026, 3, 20)) == []
    changed(stage, buckets, ends_on=date(2026, 5, 31))
    changed(stage, appointments, held=[])
    (row,) = asked(stage, "beyond")
    assert (row["kind"], row["served_on"], row["visits"]) == ("nothing", date(2026, 3, 20), 1)
    assert row["authorization"] == stage.request().id
    with stage.reading() as tx:
        (bucket,) = (each for each in tx.books.buckets(stage.request().id) if each.quantity_source != "memo")
    held = {"bucket": bucket.id, "account": "uncovered", "quantity": 1, "claimed": 0, "procedures": []}
    changed(stage, appointments, held=[held])
    assert [each["kind"] for each in asked(stage, "beyond")] == ["uncovered", "uncovered"]
    changed(stage, appointments, state="took_place")
    assert asked(stage, "beyond") == []


def plan_json(**told: Any) -> dict[str, Any]:
    """A plan of care that began 82 days before today: 90 days from its start are 2026-03-10."""
    patient = request_json()["patient"]
    made = {"type": "plan_of_care", "organisation": "northside", "clinic": "downtown", "payer": "SIM01"}
    return {**made, "client_ref": "ACCT-31337-P1", "patient": patient, "discipline": "GP",
            "starts_on": "2025-12-10", **told}  # fmt: skip


SIGNED = {"signed_on": "2025-12-12"}


@pytest.mark.parametrize(
    ("every", "told", "expected"),
    [
        (9, {}, [("signature", "overdue", date(2026, 1, 9), 2), ("recertification", "due", date(2026, 3, 10), 0)]),
        (9, {"verbal_on": "2026-02-20"}, [("recertification", "due", date(2026, 3, 10), 0)]),
        (9, SIGNED | {"ends_on": "2026-03-01"}, [("recertification", "overdue", date(2026, 3, 1), 1)]),
        (9, SIGNED | {"ends_on": "2026-02-10", "starts_on": "2026-02-01"},
         [("recertification", "overdue", date(2026, 2, 10), 2)]),
        (1, SIGNED | {"starts_on": "2026-02-01"}, [("progress_report", "overdue", date(2026, 3, 1), 2)]),
        (2, SIGNED | {"starts_on": "2026-02-01"}, [("progress_report", "due", date(2026, 3, 2), 2)]),
        (3, SIGNED | {"starts_on": "2026-02-01"}, [("report_visit", "due", date(2026, 3, 9), 2)]),
        (4, SIGNED | {"starts_on": "2026-02-01"}, []),
        (2, SIGNED | {"starts_on": "2026-02-01", "progress_reports": ["2026-03-01"]},
         [("report_visit", "due", date(2026, 3, 9), 1)]),
        (2, SIGNED | {"starts_on": "2026-02-01", "discipline": "GO"}, []),
    ],
)  # fmt: skip
def test_what_a_plan_of_care_owes_is_told(
    every: int, told: dict[str, Any], expected: list[Any], store: Store, clock: Clock, tmp_path: Path
) -> None:
    """Domain facts, 1.5: 90 days from the first treatment or the plan's own end, signed within 30 days or 14 after a
    verbal certification, a report every so many treatment days. Visits on 2026-03-01 and 02, one booked for 03-09."""
    policy = f"plan_of_care = true\ncertification_days = 90\nprogress_every = {every}\n"
    stage = on_stage(store, clock, tmp_path)
    stage.certified()
    result = stage.submit(
        plan_json(**told),
        visit_json(1, served_on="2026-03-01"),
        visit_json(2),
        visit_json(3, "scheduled", served_on="2026-03-09"),
    )
    assert len(result["accepted"]) == 4
    stage = on_stage(store, clock, tmp_path / "later", policy_head=policy)
    found = asked(stage, "plans")
    assert [(each["kind"], each["state"], each["due_on"], each["treated"]) for each in found] == sorted(
        expected, key=lambda each: str(each[0])
    )
    assert all(each["days_left"] == (each["due_on"] - TODAY).days for each in found)
    with stage.reading() as tx:
        view = View(house=stage.house, tx=tx)
        traced = [part.trace for row in found for part in REPORTS["plans"].parts(view, row["row"])]
        assert all(graph(tx, each).found for each in traced)
    assert asked(stage, "plans", until=date(2025, 12, 31)) == []


def test_where_the_policy_wants_no_plan_of_care_none_is_due(stage: Stage) -> None:
    stage.submit(plan_json())
    assert asked(stage, "plans") == []


def test_a_reason_is_told_in_the_words_of_its_day(stage: Stage) -> None:
    """In ours, until a list was imported that holds on the day of the denial."""
    denied(stage)
    ours = {each["reason"]: each["meaning"] for each in asked(stage, "denials")}
    assert ours["197"] == "authorization absent"
    samples = Path(__file__).parent / "fixtures" / "tables"
    release = reference.read("carc", [samples / "carc.csv"], starts_on=None, whole=False, today=TODAY)
    with stage.store.transaction(stage.house.everything()) as tx:
        reference.take_in(tx, release)
    assert {each["reason"]: (each["meaning"], each["last_on"]) for each in asked(stage, "denials")} == {
        "197": ("Sample text of our own for 197", TODAY),
        "50": (ours["50"], TODAY),
    }


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
