"""A partner at which nothing works rests, says why, and is tried once in a while; and no more of us than it takes."""

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from flow_stage import PARTNER, Seconds, Stage, on_sqlite, on_stage, request_json
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli import doctor, partners
from gateway.errors import GatewayError, PartnerUnreachable
from gateway.flow import deliver, traffic
from gateway.flow.gates import KEPT_S, Change, Gate
from gateway.flow.house import House
from gateway.settings import Partner
from gateway.store import Store
from gateway.transport.pickup import Sightings

REST = '[rest]\nafter = 3\nfirst = "60s"\nlongest = "150s"\n'


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path, expectations="\n" + REST)


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every time that somebody goes to the partner."""
    made: list[str] = []
    send, poll = deliver.send, deliver.Pickup.poll

    def sending(house: House, job: Any) -> None:
        made.append("send")
        send(house, job)

    def polling(pickup: deliver.Pickup) -> int:
        made.append("poll")
        return poll(pickup)

    monkeypatch.setattr(deliver, "send", sending)
    monkeypatch.setattr(deliver.Pickup, "poll", polling)
    return made


def pickup(stage: Stage) -> deliver.Pickup:
    return deliver.Pickup(stage.house, stage.house.partner(PARTNER), sightings=Sightings(clock=Seconds()))


def away(stage: Stage) -> None:
    stage.outbox.rename(stage.folder / "away")


def back(stage: Stage) -> None:
    (stage.folder / "away").rename(stage.outbox)


def until_it_rests(stage: Stage) -> None:
    stage.submit(request_json())
    away(stage)
    for _ in range(3):
        stage.work()
        stage.clock.advance(30)
    (task,) = stage.tasks("resting")
    assert "3 attempts in a row failed, the last one:" in task.reason
    assert f"gateway partner test {PARTNER}" in task.fix


def test_a_partner_at_which_nothing_works_rests_and_says_why(stage: Stage, attempts: list[str]) -> None:
    until_it_rests(stage)
    attempts.clear()
    stage.work()
    assert attempts == [], "it rests"
    assert traffic.poll(stage.house, pickup(stage)) == 0
    assert attempts == [], "for the poller, too"
    (job,) = stage.jobs("send")
    assert f"{PARTNER} rests: 3 attempts" in job.reason


@on_sqlite
def test_waiting_for_a_rest_to_end_is_no_attempt(stage: Stage) -> None:
    until_it_rests(stage)
    (before,) = stage.jobs("send")
    for _ in range(5):
        stage.clock.advance(1)
        stage.work()
    (after,) = stage.jobs("send")
    assert after.attempts == before.attempts


def test_one_attempt_after_the_rest_lets_traffic_go_on(stage: Stage, attempts: list[str]) -> None:
    until_it_rests(stage)
    back(stage)
    attempts.clear()
    stage.clock.advance(120)
    stage.work()
    assert attempts == ["send"]
    assert stage.tasks("resting") == []
    assert [each.state for each in stage.documents(direction="out")] == ["sent"]
    assert traffic.poll(stage.house, pickup(stage)) == 0
    assert attempts == ["send", "poll"]


@on_sqlite
def test_each_rest_is_twice_as_long_up_to_the_longest(stage: Stage, attempts: list[str]) -> None:
    until_it_rests(stage)
    attempts.clear()
    waits, waited = [], 0
    looking = pickup(stage)
    stage.inbox.rename(stage.folder / "shut")
    for _ in range(500):
        stage.clock.advance(5)
        waited += 5
        try:
            traffic.poll(stage.house, looking)
        except PartnerUnreachable:
            waits.append(waited)
            waited = 0
        if len(waits) == 4:
            break
    assert attempts == ["poll"] * 4
    assert waits[1:] == [120, 150, 150]


@on_sqlite
def test_a_task_of_an_earlier_run_closes_with_the_first_attempt_that_works(stage: Stage) -> None:
    until_it_rests(stage)
    back(stage)
    stage.house = House(settings=stage.house.settings, store=stage.store, clock=stage.clock)
    with stage.reading() as tx:
        assert "3 attempts in a row" in traffic.resting(tx, PARTNER)
    stage.clock.advance(600)
    stage.work()
    assert stage.tasks("resting") == []


@on_sqlite
def test_our_own_fault_says_nothing_about_the_partner(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.submit(request_json())

    def broken(*_: object) -> None:
        raise GatewayError("our own copy of the document cannot be read")

    monkeypatch.setattr(deliver, "_upload", broken)
    for _ in range(8):
        stage.work()
        stage.clock.advance(1000)
    assert stage.tasks("resting") == []


@on_sqlite
def test_partner_list_and_doctor_tell_that_a_partner_rests(
    stage: Stage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    until_it_rests(stage)
    monkeypatch.setattr("gateway.app.open_house", lambda settings: stage.house)
    monkeypatch.setattr(Store, "dispose", lambda store: None)
    assert partners.show(stage.house.settings.file, as_json=True) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert shown["traffic"].startswith("rests: 3 attempts in a row failed")
    assert doctor.examine(stage.house.settings.file, as_json=True) == 1
    told = [each for each in json.loads(capsys.readouterr().out) if each["check"] == f"partner {PARTNER}"]
    assert told[0]["what"].startswith("it rests: 3 attempts in a row failed")
    assert "outbox" in told[1]["what"]


# ---- The gate itself


@pytest.fixture
def partner(stage: Stage) -> Partner:
    return stage.house.partner(PARTNER)


class Line:
    """A session."""

    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True


def limited(partner: Partner, sessions_max: int) -> Partner:
    transport = partner.transport.model_copy(update={"sessions_max": sessions_max})
    return partner.model_copy(update={"transport": transport})


@on_sqlite
def test_a_session_is_kept_for_the_next_visit_and_not_for_long(partner: Partner, clock: Clock) -> None:
    gate, made = Gate(partner, clock), []

    def opened() -> Line:
        made.append(Line())
        return made[-1]

    for wait_s in (0, KEPT_S, KEPT_S + 1):
        clock.advance(wait_s)
        with gate.session("send", opened):
            pass
    assert [each.closed for each in made] == [True, False]
    with pytest.raises(PartnerUnreachable), gate.session("send", opened):
        raise PartnerUnreachable("gone")
    assert [each.closed for each in made] == [True, True], "a visit that failed leaves nothing behind"
    with gate.session("send", opened):
        pass
    gate.close(idle_only=True)
    assert not made[-1].closed
    clock.advance(KEPT_S + 1)
    gate.close(idle_only=True)
    assert made[-1].closed


@on_sqlite
def test_a_kept_session_makes_room_for_another_where_the_partner_takes_one(partner: Partner, clock: Clock) -> None:
    gate, line = Gate(limited(partner, 1), clock), Line()
    assert gate.enter("send") is None
    with gate.session("send", lambda: line):
        shut = gate.enter("poll")
        assert shut is not None
        assert "no more than 1 sessions" in shut.why
        assert shut.again_at > clock()
    gate.leave("send", worked=True)
    assert gate.enter("poll") is None
    assert line.closed


@on_sqlite
def test_after_a_rest_one_goes_in_alone(partner: Partner, clock: Clock) -> None:
    gate = Gate(partner, clock)
    for _ in range(partner.rest.after):
        assert gate.enter("send") is None
        change = gate.leave("send", worked=False, why="nobody answers")
    assert change is Change.RESTS
    assert gate.enter("send") is not None
    clock.advance(partner.rest.first)
    assert gate.enter("send") is None
    assert gate.enter("poll") is not None, "one attempt, not two"
    assert gate.leave("send", worked=None) is Change.NONE
    assert gate.enter("poll") is None
    assert gate.leave("poll", worked=True) is Change.FLOWS
    assert gate.why == ""


visits = st.lists(
    st.tuples(st.sampled_from(["send", "poll"]), st.sampled_from([True, False, None]), st.integers(0, 90))
)


@given(visits=visits)
def test_never_more_than_the_failures_that_the_file_names_go_in_without_a_rest(
    visits: list[tuple[str, bool | None, int]],
) -> None:
    clock, rest = Clock(), {"after": 3, "first": "60s", "longest": "150s"}
    partner = Partner.model_construct(
        name="p",
        rest=Partner.model_fields["rest"].annotation.model_validate(rest),  # type: ignore[union-attr]
        transport=object(),
    )
    gate, in_row, rested_since = Gate(partner, clock), 0, clock()
    for role, worked, wait_s in visits:
        clock.advance(wait_s)
        shut = gate.enter(role)
        if shut is not None:
            assert in_row >= 3
            assert (clock() - rested_since).total_seconds() < 150
            assert shut.again_at > clock()
            continue
        gate.leave(role, worked=worked)
        in_row = in_row if worked is None else 0 if worked else in_row + 1
        if worked is False:
            rested_since = clock()
        assert bool(gate.why) == (in_row >= 3)
