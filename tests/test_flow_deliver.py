"""Deliver and pick up: at least once on the wire, with the same name and bytes; once in the books."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from flow_stage import PARTNER, Stage, on_sqlite, on_stage, request_json, settings_in

from gateway.domain import decision
from gateway.errors import PartnerRefused, PartnerUnreachable
from gateway.flow import deliver, delivered, partners, worker
from gateway.store import Store
from gateway.store.jobs import Jobs
from gateway.transport.base import Outcome
from gateway.transport.directory import DirectoryTransport

A1 = decision.Review(code="A1", number="CERT0001")
DAY_S = 24 * 3600
send = DirectoryTransport.send


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path)


class Uploads:
    """Stands in for the transport's ``send``: what each upload came to, in turn; after that they go through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *results: Callable[..., Outcome]) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self._results = list(results)
        monkeypatch.setattr(DirectoryTransport, "send", lambda *given: self._send(*given))

    def _send(self, transport: DirectoryTransport, name: str, payload: Any, size: int) -> Outcome:
        content = payload.read()
        self.sent.append((name, content))
        result = self._results.pop(0) if self._results else send
        return result(transport, name, BytesIO(content), size)


def _lost(*_: Any) -> Outcome:
    return Outcome.unknown("the line was cut")


def _lies_there(transport: DirectoryTransport, name: str, payload: Any, size: int) -> Outcome:
    assert send(transport, name, payload, size) == Outcome.delivered()
    return Outcome.unknown("the line was cut")


def _taken_away(transport: DirectoryTransport, name: str, payload: Any, size: int) -> Outcome:
    _lies_there(transport, name, payload, size)
    (transport._outbox / name).unlink()
    return Outcome.unknown("the line was cut")


def _unreachable(*_: Any) -> Outcome:
    raise PartnerUnreachable("nobody answers", fix="It is tried again")


def _refused(*_: Any) -> Outcome:
    return Outcome.refused("writing there is forbidden")


def _again(stage: Stage) -> None:
    stage.clock.advance(3600)
    stage.work()


def _isa13(stage: Stage) -> str:
    with stage.reading() as tx:
        return str(tx.control_numbers.get(PARTNER, "isa13", 1).state)


# Sending.


@pytest.mark.parametrize(
    ("first", "uploads"), [(_lost, 2), (_lies_there, 1), (_taken_away, 2)], ids=["lost", "lies there", "taken away"]
)
def test_an_unknown_outcome_is_proved_by_listing_or_repeated_with_the_same_name_and_bytes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, first: Callable[..., Outcome], uploads: int
) -> None:
    wire = Uploads(monkeypatch, first)
    stage.submit(request_json())
    stage.work()
    assert stage.request().state == "written"
    (document,) = stage.documents(direction="out")
    assert (document.state, _isa13(stage)) == ("unknown", "unknown")
    _again(stage)
    assert stage.request().state == "sent"
    assert len(wire.sent) == uploads
    assert len(set(wire.sent)) == 1
    assert [each.state for each in stage.documents(direction="out")] == ["sent"]
    assert _isa13(stage) == "sent"
    with stage.reading() as tx:
        assert len(tx.control_numbers.list(PARTNER, kind="isa13")) == 1


def test_an_unknown_outcome_is_remembered_when_a_person_puts_the_job_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Putting a job back starts its attempts over; that the file may lie there is not forgotten with them."""
    wire = Uploads(monkeypatch, _lies_there)
    stage.submit(request_json())
    stage.work()
    stage.clock.advance(3600)
    taken = stage.take(["send"])
    assert taken is not None
    with stage.store.transaction(stage.house.everything()) as tx:
        tx.jobs.park(taken, "a person looks")
        tx.jobs.unpark(taken.id)
    stage.work()
    assert stage.request().state == "sent"
    assert len(wire.sent) == 1


def test_an_upload_that_was_cut_off_by_a_crash_is_found_by_listing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = Uploads(monkeypatch)
    stage.submit(request_json())
    stage.work("submit")
    job = stage.take(["send"])
    assert job is not None
    with monkeypatch.context() as patched:
        patched.setattr(delivered, "sent", _dies)
        with pytest.raises(KeyboardInterrupt):
            worker.run(stage.house, job)
    with stage.store.transaction(stage.house.everything()) as tx:
        assert tx.jobs.release_node("stage") == 1  # As at the next start.
    stage.work()
    assert stage.request().state == "sent"
    assert len(wire.sent) == 1


def _dies(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_a_refused_upload_is_parked_with_a_task_and_the_next_goes_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = Uploads(monkeypatch, _refused)
    stage.submit(request_json(1))
    stage.work()
    stage.submit(request_json(2))
    stage.work()
    (job,) = stage.jobs("send", "parked")
    (task,) = stage.tasks("parked")
    assert job.id in task.key
    assert "forbidden" in task.reason
    assert [stage.request(number).state for number in (1, 2)] == ["written", "sent"]
    with stage.store.transaction(stage.house.everything()) as tx:
        tx.jobs.unpark(job.id)
    stage.work()
    assert stage.request(1).state == "sent"
    assert wire.sent[0] == wire.sent[2]


class Doors:
    """Counts knocks at the partner's door; it is shut while ``shut`` is True."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.knocks = 0
        self.shut = True
        mailbox = partners.mailbox

        def knock(*given: Any) -> Any:
            self.knocks += 1
            if self.shut:
                raise PartnerRefused("the login was refused", fix="Compare the password")
            return mailbox(*given)

        monkeypatch.setattr(deliver, "mailbox", knock)


def test_a_refused_login_halts_the_partner_until_a_person_resumes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = Doors(monkeypatch)
    for number in (1, 2):
        stage.submit(request_json(number))
        stage.work()
    assert door.knocks == 1
    for _ in range(40):  # More looks than a job has attempts.
        stage.clock.advance(120)
        stage.work()
        assert stage.poll() == 0
    assert door.knocks == 1
    assert [(each.state, each.attempts) for each in stage.jobs("send")] == [("waiting", 0), ("waiting", 0)]
    (task,) = stage.tasks("refused")
    assert "gateway partner resume simulated" in task.fix
    door.shut = False
    with stage.store.transaction(stage.house.everything()) as tx:
        deliver.resume(tx, PARTNER)
        (command,) = tx.inputs.list(kind="command")
    assert (command.name, command.actor) == ("partner_resume", "test")
    stage.clock.advance(120)
    stage.work()
    assert [stage.request(number).state for number in (1, 2)] == ["sent", "sent"]
    assert stage.tasks("refused") == []


def test_a_partner_that_stays_away_is_told_once_and_nothing_is_parked(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = Uploads(monkeypatch, *[_unreachable] * 40)
    stage.submit(request_json())
    stage.work()
    for _ in range(39):
        _again(stage)
    assert len(uploads.sent) == 40
    (task,) = stage.tasks("unreachable")
    assert task.subject == PARTNER
    assert not stage.jobs("send", "parked")
    _again(stage)
    assert stage.request().state == "sent"
    assert not stage.tasks("unreachable"), "it closes by itself"


@on_sqlite
def test_a_refused_login_at_a_pickup_halts_sending_too(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    door = Doors(monkeypatch)
    assert stage.poll() == 0
    stage.submit(request_json())
    stage.work()
    assert door.knocks == 1
    assert len(stage.tasks("refused")) == 1


def test_a_drop_box_that_shows_nothing_gets_the_same_bytes_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden(_: object) -> None:
        raise PartnerRefused("listing is forbidden", fix="Ask for the right")

    uploads = Uploads(monkeypatch, _lost)
    monkeypatch.setattr(DirectoryTransport, "listing", hidden)
    stage.submit(request_json())
    stage.work()
    _again(stage)
    assert stage.request().state == "sent"
    assert uploads.sent[0] == uploads.sent[1]
    assert not stage.tasks("refused")


def test_a_file_that_may_not_be_removed_took_effect_and_halts_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise PartnerRefused("removing is forbidden", fix="Ask for the right")

    stage.submit(request_json())
    stage.work()
    monkeypatch.setattr(DirectoryTransport, "confirm", forbidden)
    (stage.inbox / "answer.edi").write_bytes(stage.decided(review=A1))
    assert stage.poll() == 1
    stage.work()
    assert stage.request().state == "certified"
    assert not stage.tasks("refused")
    (task,) = stage.tasks("left_lying")
    assert "could not be removed" in task.reason


def test_an_inbox_that_stays_shut_is_told_once_and_closes_itself(stage: Stage) -> None:
    pickup = deliver.Pickup(stage.house, stage.house.partner(PARTNER))
    stage.inbox.rename(stage.inbox.with_name("away"))
    for _ in range(5):
        with pytest.raises(PartnerUnreachable):
            pickup.poll()
    assert len(stage.tasks("unreachable")) == 1
    stage.inbox.with_name("away").rename(stage.inbox)
    pickup.poll()
    assert not stage.tasks("unreachable")


@on_sqlite
def test_nothing_is_sent_to_a_partner_that_is_not_enabled_any_more(
    store: Store, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = on_stage(store, clock, tmp_path)
    stage.submit(request_json())
    stage.work("submit")
    stage.house.settings = settings_in(tmp_path, partner="enabled = false\n")
    door = Doors(monkeypatch)
    for _ in range(30):
        _again(stage)
    assert door.knocks == 0
    door.shut = False
    stage.house.settings = settings_in(tmp_path)
    _again(stage)
    assert stage.request().state == "sent"


@on_sqlite
def test_a_partner_whose_file_is_gone_leaves_a_task(stage: Stage) -> None:
    stage.submit(request_json())
    stage.work("submit")
    stage.house.settings = replace(stage.house.settings, partners={})
    stage.work("send")
    (task,) = stage.tasks("parked")
    assert "no partner simulated" in task.reason


# Answers that are quicker than our own record, and those to a repeated upload.


def test_answers_that_come_before_sent_is_recorded_are_not_overwritten(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.submit(request_json())
    stage.work("submit")
    subject = stage.request().id

    def quick(transport: DirectoryTransport, name: str, payload: Any, size: int) -> Outcome:
        outcome = send(transport, name, payload, size)
        stage.arrive(stage.says(ta1=[stage.ta1(subject)]), stage.acknowledged(subject), stage.decided(review=A1))
        return outcome

    Uploads(monkeypatch, quick)
    stage.work("send")
    assert stage.request().state == "certified"
    assert [each.state for each in stage.documents(direction="out")] == ["sent"]
    with stage.reading() as tx:
        states = [tx.control_numbers.get(PARTNER, kind, 1).state for kind in ("isa13", "gs06")]
    assert states == ["accepted", "accepted"]
    stage.clock.advance(90 * DAY_S)
    stage.work("expect")
    assert stage.tasks("overdue") == []


@pytest.mark.parametrize("first", [_lost, _taken_away], ids=["lost", "taken away"])
def test_ta1_025_after_a_repeated_upload_is_no_rejection(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, first: Callable[..., Outcome]
) -> None:
    Uploads(monkeypatch, first)
    stage.submit(request_json())
    stage.work()
    _again(stage)
    subject = stage.request().id
    stage.arrive(stage.says(ta1=[stage.ta1(subject, "R", "025")]))
    assert stage.request().state == "sent"
    assert "case.arrived_before" in stage.steps(subject)
    assert stage.tasks("rejected") == []
    assert _isa13(stage) == "sent"


@on_sqlite
@pytest.mark.parametrize("first", [send, _unreachable], ids=["first attempt", "nobody answered the first"])
def test_ta1_025_after_a_single_upload_is_a_rejection(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, first: Callable[..., Outcome]
) -> None:
    Uploads(monkeypatch, first)
    stage.submit(request_json())
    stage.work()
    _again(stage)
    stage.arrive(stage.says(ta1=[stage.ta1(stage.request().id, "R", "025")]))
    assert stage.request().state == "rejected"
    assert _isa13(stage) == "rejected"
    assert [each.kind for each in stage.tasks()] == ["rejected"]


# Picking up.


def _answer(stage: Stage) -> bytes:
    stage.submit(request_json())
    stage.work()
    return stage.decided(review=A1)


def test_what_lies_at_the_partners_comes_in_and_is_removed(stage: Stage) -> None:
    (stage.inbox / "a.edi").write_bytes(_answer(stage))
    assert stage.poll() == 1
    assert list(stage.inbox.iterdir()) == []
    stage.work()
    assert stage.request().state == "certified"


def test_the_same_content_under_another_name_counts_once(stage: Stage) -> None:
    content = _answer(stage)
    for name in ("a.edi", "b.edi"):
        (stage.inbox / name).write_bytes(content)
    assert stage.poll() == 2
    stage.work()
    assert [each.state for each in stage.documents(direction="in", partner=PARTNER)] == ["read", "read"]
    assert stage.units() == {"available": 12}


def test_a_file_that_was_committed_and_not_confirmed_is_removed_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stage.inbox / "a.edi").write_bytes(_answer(stage))
    with monkeypatch.context() as patched:
        patched.setattr(DirectoryTransport, "confirm", lambda *_: _unreachable())
        stage.poll()
    assert len(stage.documents(direction="in", partner=PARTNER)) == 1
    assert [each.name for each in stage.inbox.iterdir()] == ["a.edi"]
    stage._pickup = None  # A new start remembers it, too.
    assert stage.poll() == 0
    assert list(stage.inbox.iterdir()) == []
    stage.work()
    assert len(stage.documents(direction="in", partner=PARTNER)) == 1
    assert stage.units() == {"available": 12}


def test_a_file_whose_commit_failed_comes_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    (stage.inbox / "a.edi").write_bytes(_answer(stage))

    def fails(self: Jobs, *_: Any, **__: Any) -> None:
        raise OSError("the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr(Jobs, "enqueue", fails)
        assert stage.poll() == 0
    assert [each.name for each in stage.inbox.iterdir()] == ["a.edi"]
    assert stage.documents(direction="in", partner=PARTNER) == []
    assert stage.poll() == 1
    assert list(stage.inbox.iterdir()) == []


def test_one_file_in_trouble_holds_no_other_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    (stage.inbox / "a.edi").write_bytes(b"ISA is all there is")
    (stage.inbox / "b.edi").write_bytes(_answer(stage))
    put = type(stage.store.payloads).put

    def fails(self: Any, chunks: Any) -> Any:
        content = b"".join(chunks)
        if content.startswith(b"ISA is"):
            raise OSError("this one cannot be kept")
        return put(self, [content])

    with monkeypatch.context() as patched:
        patched.setattr(type(stage.store.payloads), "put", fails)
        assert stage.poll() == 1
    assert [each.name for each in stage.inbox.iterdir()] == ["a.edi"]
    stage.work()
    assert stage.request().state == "certified"
    assert stage.poll() == 1


@on_sqlite
def test_a_partners_file_name_is_kept_sealed_only(stage: Stage) -> None:
    (stage.inbox / "ZIMMERWALD_QUINTESSA.edi").write_bytes(_answer(stage))
    stage.poll()
    stage.work()
    with stage.reading() as tx:
        assert [each.name for each in tx.documents.list(direction="in", partner=PARTNER)] == [""]
        assert tx.inputs.list(name="arrival")[0].content == {"name": "ZIMMERWALD_QUINTESSA.edi"}
