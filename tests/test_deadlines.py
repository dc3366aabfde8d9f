"""Clocks: business days against the calendar of federal holidays, standstills, what is told of a term and when."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from flow_stage import PATIENT, Stage, on_sqlite, on_stage, request_json
from test_flow_visits import visit_json

from gateway.cli.informing import informed
from gateway.domain.business_days import after, between, holidays, is_business_day
from gateway.domain.decision import Review
from gateway.errors import GatewayError
from gateway.flow import deadlines
from gateway.store import Store
from gateway.store.deadlines import Deadline

DAY_S = 24 * 3600
TERMS = 'sla_standard = "7 calendar days"\nsla_expedited_hours = 72\n'
RETRO = 'retro_days = "10 business days"\n'
INFO = 'info_response = "15 business days"\nappeal = "60 calendar days"\n'


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "days", "business", "due"),
    [
        ("2026-03-02T15:00", 7, False, "2026-03-09T15:00"),  # CMS-0057-F counts calendar days (2.2).
        ("2026-03-02T15:00", 2, True, "2026-03-04T15:00"),  # CAQH CORE counts business days (2.2).
        ("2026-03-06T15:00", 1, True, "2026-03-09T15:00"),  # A Friday.
        ("2026-03-07T15:00", 1, True, "2026-03-09T15:00"),  # A Saturday.
        ("2026-07-02T09:00", 1, True, "2026-07-06T09:00"),  # The 4th is a Saturday, kept on the 3rd.
        ("2026-11-25T09:00", 2, True, "2026-11-30T09:00"),  # Thanksgiving.
        ("2027-12-30T09:00", 1, True, "2028-01-03T09:00"),  # New Year's Day 2028 is kept on the Friday before.
        ("2026-03-02T15:00", 15, True, "2026-03-23T15:00"),
    ],
)
def test_when_a_term_ends(start: str, days: int, business: bool, due: str) -> None:
    assert after(_at(start), days, business=business) == _at(due)


def test_a_year_without_holidays_is_not_guessed_at() -> None:
    last = max(holidays())
    assert is_business_day(_at(f"{last + 1}-03-02T00:00").date()) is None
    assert after(_at(f"{last}-12-31T09:00"), 5, business=True) is None
    assert between(_at(f"{last}-12-31T09:00"), _at(f"{last + 1}-02-01T09:00")) is None


def test_the_holidays_of_each_year_are_those_of_the_statute() -> None:
    """5 U.S.C. 6103: eleven a year, kept on a weekday; New Year's Day may fall into the year before."""
    for year, days in holidays().items():
        assert all(each.year == year and each.weekday() < 5 for each in days)
        assert 10 <= len(days) <= 12
    assert sum(map(len, holidays().values())) == 11 * len(holidays())


def _deadline(**changed: Any) -> Deadline:
    values: dict[str, Any] = {
        "id": "de_1",
        "organisation": "o",
        "clinic": "c",
        "subject": "au_1",
        "kind": "payer",
        "policy": "",
        "counted": "calendar",
        "started_at": _at("2026-03-02T12:00"),
        "due_at": _at("2026-03-12T12:00"),
        "paused_at": None,
        "paused_s": 0,
        "alerted": 0,
        "ended_at": None,
        "outcome": "",
    }
    return Deadline(**{**values, **changed})


@pytest.mark.parametrize(
    ("now", "changed", "share"),
    [
        ("2026-03-02T12:00", {}, 0),
        ("2026-03-07T12:00", {}, 50),
        ("2026-03-10T12:00", {}, 80),
        ("2026-03-12T11:59", {}, 99),
        ("2026-03-12T12:00", {}, 100),
        ("2026-04-12T12:00", {}, 100),
        ("2026-04-12T12:00", {"paused_at": _at("2026-03-07T12:00")}, 50),
        ("2026-03-09T12:00", {"paused_s": 2 * DAY_S, "due_at": _at("2026-03-14T12:00")}, 50),
    ],
)
def test_how_much_of_a_term_is_over(now: str, changed: dict[str, Any], share: int) -> None:
    """2.2: tolled while more information is requested."""
    assert _deadline(**changed).share(_at(now)) == share


@pytest.mark.parametrize(
    ("counted", "due", "resumed"),
    [
        ("calendar", "2026-03-12T12:00", "2026-03-17T12:00"),  # Five days stood still.
        ("business", "2026-03-12T12:00", "2026-03-16T12:00"),  # Four business days were left on the 6th, a Friday.
    ],
)
def test_a_clock_that_runs_again_has_the_time_that_it_had(counted: str, due: str, resumed: str) -> None:
    stopped = _deadline(counted=counted, due_at=_at(due), paused_at=_at("2026-03-06T12:00"))
    at = "2026-03-11T12:00" if counted == "calendar" else "2026-03-10T12:00"
    assert deadlines.resumed(stopped, _at(at)) == _at(resumed)


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path, policy_head=TERMS + INFO + RETRO)


def _sent(stage: Stage, **changed: Any) -> str:
    stage.submit(request_json(**changed))
    stage.work()
    return stage.request().id


def _clocks(stage: Stage, subject: str) -> dict[str, Deadline]:
    with stage.reading() as tx:
        return {each.kind: each for each in tx.deadlines.of(subject)}


def _watch(stage: Stage, days: float) -> None:
    stage.clock.advance(int(days * DAY_S))
    with stage.store.transaction(stage.house.everything()) as tx:
        tx.jobs.enqueue("deadlines", payload={}, key="deadlines")
    stage.work("deadlines")


def test_two_clocks_run_ours_from_the_clinic_and_the_payers_from_its_receipt(stage: Stage) -> None:
    subject = _sent(stage)
    assert list(_clocks(stage, subject)) == ["own"]
    stage.clock.advance(DAY_S)
    stage.arrive(stage.acknowledged(subject))
    stage.clock.advance(DAY_S)
    stage.arrive(stage.says(ta1=[stage.ta1(subject)]))  # The 999 was quicker.
    clocks = _clocks(stage, subject)
    assert clocks["payer"].due_at - clocks["own"].due_at == timedelta(days=1)
    assert clocks["payer"].counted == "calendar"
    stage.arrive(stage.decided(review=Review(code="A1", number="CERT0001")))
    assert {each.outcome for each in _clocks(stage, subject).values()} == {"certified"}


@on_sqlite
def test_what_is_urgent_is_due_in_hours(stage: Stage) -> None:
    subject = _sent(stage, level="urgent", note="surgery three days ago")
    stage.arrive(stage.acknowledged(subject))
    clock = _clocks(stage, subject)["payer"]
    assert (clock.due_at - clock.started_at, clock.counted) == (timedelta(hours=72), "hours")


def test_half_and_four_fifths_and_the_whole_of_a_term_are_told_once(stage: Stage) -> None:
    """2.2: alert at 50, 80 and 100 percent."""
    subject = _sent(stage)
    stage.arrive(stage.acknowledged(subject))
    told = []
    for days in (3.0, 0.6, 0.1, 2.0, 1.5, 1.0):
        _watch(stage, days)
        told.append([each["percent"] for each in stage.details(subject, "deadline.reached") if each["kind"] == "payer"])
    assert told == [[], [50], [50], [50, 80], [50, 80, 100], [50, 80, 100]]
    payer = [each for each in stage.tasks("deadline") if "payer's time" in each.reason]
    assert len(payer) == 1
    assert "is over:" in payer[0].reason
    stage.arrive(stage.decided(review=Review(code="A1", number="CERT0001")))
    assert stage.tasks("deadline") == []
    assert stage.balanced()


def test_the_payers_clock_stands_still_while_it_waits_for_information(stage: Stage) -> None:
    subject = _sent(stage)
    stage.arrive(stage.acknowledged(subject))
    _watch(stage, 2)
    stage.arrive(stage.decided(review=Review(code="A4", reasons=("0U",)), administrative_reference="REF1"))
    assert stage.request().state == "info_requested"
    assert _clocks(stage, subject)["payer"].paused_at is not None
    due = _clocks(stage, subject)["payer"].due_at
    _watch(stage, 3)
    stage.arrive(stage.decided(review=Review(code="A4", reasons=("0W",)), created_at="1700"))
    clock = _clocks(stage, subject)["payer"]
    assert (stage.request().state, clock.paused_at, clock.paused_s) == ("pended", None, 3 * DAY_S)
    assert clock.due_at == due + timedelta(days=3)
    assert _clocks(stage, subject)["info"].outcome == "pended"
    assert stage.tasks("information") == []


def test_what_was_sent_by_fax_is_noted_by_command(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    subject = _sent(stage)
    with pytest.raises(GatewayError, match="waits for information"):
        informed(stage.house, "ACCT-31337-A1", "fax", "northside/downtown", as_json=False)
    stage.arrive(stage.decided(review=Review(code="A4", reasons=("0U",))))
    assert informed(stage.house, "ACCT-31337-A1", "fax", "northside/downtown", as_json=False) == 0
    assert (stage.request().state, stage.tasks()) == ("pended", [])
    assert _clocks(stage, subject)["info"].outcome == "sent"
    assert subject in capsys.readouterr().out
    assert stage.balanced()


def test_a_request_that_waits_in_vain_is_closed_and_may_still_be_decided(stage: Stage) -> None:
    """6.4: INFO_REQUESTED -> CLOSED_NO_RESPONSE, as a payer may (2.2: silent for 15 business days)."""
    subject = _sent(stage)
    stage.arrive(stage.decided(review=Review(code="A4", reasons=("0P",))))
    _watch(stage, 20)
    assert stage.request().state == "info_requested"
    _watch(stage, 2)
    assert stage.request().state == "closed_no_response"
    assert "request.closed" in stage.steps(subject)
    stage.arrive(stage.decided(review=Review(code="A1", number="CERT0001"), created_at="1700"))
    assert stage.request().state == "certified"
    assert stage.balanced()


def test_the_time_for_an_appeal_closes_what_nobody_appealed(stage: Stage) -> None:
    """2.4: A3 starts the appeal window."""
    subject = _sent(stage)
    stage.arrive(stage.decided(review=Review(code="A3", reasons=("0F",))))
    assert _clocks(stage, subject)["appeal"].outcome == ""
    _watch(stage, 61)
    assert (stage.request().state, _clocks(stage, subject)["appeal"].outcome) == ("closed", "over")


def test_a_visit_without_authorization_has_its_time_for_a_retro_request(stage: Stage) -> None:
    """2.1: a payer takes a request so many days back; the clock runs from the day of the visit until it is covered."""
    owner: dict[str, Any] = {"authorization_ref": None, "payer": "SIM01", "patient": PATIENT}
    stage.submit(visit_json(status="took_place", override="in pain", **owner))
    with stage.reading() as tx:
        seen = tx.appointments.by_client_ref("northside", "downtown", visit_json()["client_ref"])
    assert seen is not None
    clock = _clocks(stage, seen.id)["retro"]
    assert (clock.due_at, clock.counted) == (_at("2026-03-16T00:00"), "business")
    _watch(stage, 12)
    assert [(each.kind, each.subject) for each in stage.tasks("deadline")] == [("deadline", seen.id)]
    stage.submit(request_json(starts_on="2026-03-02"))
    stage.work()
    stage.arrive(stage.decided(review=Review(code="A1", number="CERT0001")))
    assert _clocks(stage, seen.id)["retro"].outcome == "covered"
    assert stage.tasks("deadline") == []
    assert stage.units() == {"available": 11, "rendered": 1}
    assert stage.balanced()


@on_sqlite
def test_a_term_that_nobody_knows_runs_no_clock(store: Store, clock: Clock, tmp_path: Path) -> None:
    stage = on_stage(store, clock, tmp_path)
    subject = _sent(stage)
    stage.arrive(stage.decided(review=Review(code="A3", reasons=("0F",))))
    assert "appeal" not in _clocks(stage, subject)
