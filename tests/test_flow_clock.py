"""Clock: silence becomes one task that its answer closes, and a window's end is an input like any other."""

from datetime import date
from pathlib import Path

import pytest
from conftest import Clock
from flow_stage import Stage, claim_json, on_sqlite, on_stage, payment, request_json

from gateway.domain import decision
from gateway.flow.service import _tick
from gateway.store import Store

HOUR_S, DAY_S = 3600, 24 * 3600
A1 = decision.Review(code="A1", number="CERT0001")
EXPECTED = 'ta1 = "1h"\n999 = "2h"\n277ca = "24h"\n278 = "7d"\n835 = "30d"'


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path, expectations=EXPECTED)


def _overdue(stage: Stage) -> list[str]:
    return sorted(each.key.rpartition(":")[2] for each in stage.tasks("overdue"))


def _sent(stage: Stage) -> str:
    stage.submit(request_json())
    stage.work()
    return stage.request().id


def test_silence_becomes_one_task_for_each_answer_and_closes_itself(stage: Stage) -> None:
    subject = _sent(stage)
    stage.work()
    assert stage.tasks() == []
    for _ in range(3):
        stage.clock.advance(HOUR_S)
        stage.work()
    assert _overdue(stage) == ["999", "ta1"]
    assert {each.subject for each in stage.tasks()} == {subject}
    with stage.reading() as tx:
        inputs = tx.inputs.list(kind="decision", name="answer_overdue")
    assert [(each.content["answer"], each.content["subjects"]) for each in inputs] == [
        ("ta1", [subject]),
        ("999", [subject]),
    ]
    assert {each.holds_on for each in inputs} == {date(2026, 3, 2)}
    stage.clock.advance(8 * DAY_S)
    stage.work()
    assert _overdue(stage) == ["278", "999", "ta1"]
    stage.arrive(stage.acknowledged(subject))
    assert _overdue(stage) == ["278"]
    stage.arrive(stage.decided(review=A1))
    assert stage.tasks("overdue") == []
    assert {each.closed_for for each in stage.tasks("overdue", open=False)} == {"the answer came"}


@on_sqlite
@pytest.mark.parametrize("quick", [True, False])
def test_nothing_is_overdue_that_came_in_time(stage: Stage, quick: bool) -> None:
    subject = _sent(stage)
    if not quick:
        stage.clock.advance(HOUR_S // 2)
    stage.arrive(stage.says(ta1=[stage.ta1(subject)]), stage.acknowledged(subject), stage.decided(review=A1))
    stage.clock.advance(60 * DAY_S)
    stage.work()
    assert stage.tasks("overdue", open=None) == []


@on_sqlite
def test_an_answer_that_moves_nothing_is_an_answer_all_the_same(stage: Stage) -> None:
    """A TA1 leaves the request as sent, and a 999 that is unclear, too."""
    subject = _sent(stage)
    stage.arrive(stage.says(ta1=[stage.ta1(subject)]))
    stage.clock.advance(HOUR_S)
    stage.work()
    assert _overdue(stage) == []
    stage.arrive(stage.acknowledged(subject, "P"))
    stage.clock.advance(2 * HOUR_S)
    stage.work()
    assert stage.request().state == "sent"
    assert _overdue(stage) == []


@on_sqlite
def test_a_refused_request_awaits_nothing_more(stage: Stage) -> None:
    subject = _sent(stage)
    stage.clock.advance(8 * DAY_S)
    stage.work()
    assert _overdue(stage) == ["278", "999", "ta1"]
    stage.arrive(stage.acknowledged(subject, "R"))
    assert stage.tasks("overdue") == []


@on_sqlite
def test_a_claims_later_answer_closes_what_was_awaited_before_it(stage: Stage) -> None:
    claim = stage.billed()
    stage.clock.advance(40 * DAY_S)
    stage.work()
    assert {each.key.rpartition(":")[2] for each in stage.tasks("overdue") if each.subject == claim.id} == {
        "ta1",
        "999",
        "277ca",
        "835",
    }
    stage.arrive(stage.paid(payment(claim)))
    assert [each for each in stage.tasks("overdue") if each.subject == claim.id] == []


@on_sqlite
def test_no_expectation_no_task(store: Store, clock: Clock, tmp_path: Path) -> None:
    stage = on_stage(store, clock, tmp_path)
    _sent(stage)
    assert stage.jobs("expect") == []


# The end of a window: 31 May.


def _on(stage: Stage, day: date) -> None:
    stage.clock.now = stage.clock.now.replace(year=day.year, month=day.month, day=day.day)
    _tick(stage.house)
    stage.work("expire")


def test_what_is_left_expires_after_the_last_day_and_is_recorded_as_an_input(stage: Stage) -> None:
    stage.billed()
    _on(stage, date(2026, 5, 31))
    assert stage.units() == {"available": 11, "committed": 1}
    for _ in range(2):
        _on(stage, date(2026, 6, 1))
    assert stage.units() == {"committed": 1, "expired": 11}
    with stage.reading() as tx:
        (given,) = tx.inputs.list(kind="decision", name="expire")
    assert (given.holds_on, given.actor) == (date(2026, 6, 1), "test")
    assert stage.details(stage.request().id, "authorization.expired") == [{"quantity": 11, "unit": "visit"}]
    assert stage.balanced()


def test_a_late_claim_for_a_day_inside_still_commits(stage: Stage) -> None:
    stage.certified()
    _on(stage, date(2026, 6, 1))
    assert stage.units() == {"expired": 12}
    stage.submit(
        claim_json(1, served_on="2026-05-20"), claim_json(2, served_on="2026-06-01", authorization_ref="ACCT-31337-A1")
    )
    stage.work()
    assert [stage.claim(number).state for number in (1, 2)] == ["sent", "held"]
    assert stage.units() == {"committed": 1, "expired": 11}
    assert stage.balanced()


def test_what_comes_back_after_the_end_expires_too(stage: Stage) -> None:
    stage.billed()
    _on(stage, date(2026, 6, 1))
    stage.arrive(stage.received(category="A7", action="U"))
    assert stage.units() == {"available": 1, "expired": 11}
    _on(stage, date(2026, 6, 2))
    assert stage.units() == {"expired": 12}
    assert stage.balanced()
