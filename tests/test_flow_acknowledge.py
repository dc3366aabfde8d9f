"""Acknowledging: what a partner's file asks for goes back once for each arrival, says what was done, and ends there."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from flow_stage import (
    PARTNER,
    SECRETS,
    Stage,
    claim_json,
    decision_on,
    on_sqlite,
    on_stage,
    payment,
    request_json,
)

from gateway.domain import decision
from gateway.domain.answer import GroupAcknowledgment
from gateway.errors import Finding
from gateway.flow import acknowledging, worker
from gateway.store import Document, Store
from gateway.store.tasks import Task
from gateway.translate import maps
from gateway.x12.headers import TechnicalAcknowledgment
from gateway.x12.tree import segment
from gateway.x12.validate import Examined, examine

Staged = Callable[..., Stage]


@pytest.fixture
def staged(store: Store, clock: Clock, tmp_path: Path) -> Staged:
    """A stage whose partner's file has these settings, with one request that was sent."""

    def make(ta1: str = "always", group: str = "always", **configured: Any) -> Stage:
        configured.setdefault("acknowledge", f'ta1 = "{ta1}"\n999 = "{group}"\n')
        stage = on_stage(store, clock, tmp_path, **configured)
        stage.submit(request_json())
        stage.work()
        return stage

    return make


def sent(stage: Stage) -> list[tuple[Document, bytes]]:
    """The acknowledgments that were queued, with their bytes."""
    found = [each for each in stage.documents(direction="out") if each.kind in ("TA1", "999")]
    return [(each, stage.store.payloads.read(each.payload)) for each in found]


def kinds(stage: Stage) -> list[str]:
    return [each.kind for each, _ in sent(stage)]


def certifies(stage: Stage) -> bytes:
    """A response that leaves nothing to ask."""
    return stage.decided(review=decision.Review(code="A1", number="CERT0001"))


def asked(stage: Stage) -> list[Task]:
    """What waits for a person beside the decision itself."""
    return [each for each in stage.tasks() if each.subject != stage.request().id]


def technical(content: bytes) -> TechnicalAcknowledgment:
    (one,) = [part for part in examine([content]) if isinstance(part, TechnicalAcknowledgment)]
    return one


def groups(content: bytes) -> list[GroupAcknowledgment]:
    records = []
    for part in examine([content]):
        assert not isinstance(part, Finding), str(part)
        if isinstance(part, Examined):
            assert [str(each) for each in part.findings] == []
            records.append(maps.load("999").read(part.root))  # type: ignore[arg-type]
    return records


def test_a_decision_is_acknowledged_by_both_under_their_own_numbers_and_nothing_is_awaited(staged: Staged) -> None:
    stage = staged(expectations='ta1 = "1h"\n999 = "1h"\n278 = "7d"')
    before = len(stage.jobs("expect"))
    (arrived,) = stage.arrive(certifies(stage))
    (first, ta1), (second, group) = sent(stage)
    assert [first.kind, second.kind] == ["TA1", "999"]
    assert (first.about["isa13"], second.about["isa13"]) == ("000000002", "000000003")
    assert second.about["gs06"] == "2"
    assert {first.about["acknowledges"], second.about["acknowledges"]} == {arrived}
    said = technical(ta1)
    assert (said.control_number, said.code, said.note) == ("000000001", "A", "000")
    assert (said.interchange.sender, said.interchange.receiver) == ("NORTHSIDE", "SIMCLEAR")
    assert not said.interchange.acknowledgment_requested
    (record,) = groups(group)
    assert (record.functional_id, record.control_number, record.code) == ("HI", "1", "A")
    assert [(each.type, each.control_number, each.code) for each in record.sets] == [("278", "0001", "A")]
    stage.work()
    names = sorted(each.name for each in stage.outbox.iterdir())
    assert names == ["278_000000001.edi", "999_000000003.edi", "TA1_000000002.edi"]
    assert [each.state for each in stage.documents(direction="out")] == ["sent"] * 3
    assert len(stage.jobs("expect")) == before, "nobody answers an acknowledgment"
    assert stage.request().state == "certified"
    assert asked(stage) == []


def test_a_remittance_is_acknowledged_with_its_reactions_and_once(staged: Staged) -> None:
    stage = staged("never", "always")
    stage.arrive(certifies(stage))
    stage.submit(claim_json())
    stage.work()
    (arrived,) = stage.arrive(stage.paid(payment(stage.claim())))
    (_, content) = sent(stage)[-1]
    (record,) = groups(content)
    assert (record.functional_id, record.code, record.accepted) == ("HP", "A", 1)
    assert stage.details(arrived, "document.acknowledged") == [{"kind": "999", "codes": ["A"]}]


def test_a_job_that_dies_before_its_end_acknowledges_once(staged: Staged, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = staged()
    finish = acknowledging.queue

    def dies(*arguments: Any) -> None:
        finish(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(acknowledging, "queue", dies)
    with pytest.raises(KeyboardInterrupt):
        stage.arrive(certifies(stage))
    assert kinds(stage) == []
    monkeypatch.undo()
    stage.clock.advance(3600)
    stage.work()
    assert kinds(stage) == ["TA1", "999"]
    job = stage.jobs("receive")[0]
    worker.run(stage.house, job)  # Its lease is over: what it would do does not count.
    assert kinds(stage) == ["TA1", "999"]


def test_the_same_bytes_again_are_acknowledged_again(staged: Staged) -> None:
    stage = staged("never", "always")
    content = certifies(stage)
    stage.arrive(content, content)
    answered = [groups(each)[0] for _, each in sent(stage)]
    assert [each.code for each in answered] == ["A", "A"]
    assert answered[0] == answered[1]
    assert len({each.about["isa13"] for each, _ in sent(stage)}) == 2


@on_sqlite
@pytest.mark.parametrize(
    ("ta1", "group", "sound", "broken"),
    [
        ("never", "never", [], []),
        ("errors", "errors", [], ["TA1"]),
        ("always", "never", ["TA1"], ["TA1"]),
        ("never", "always", ["999"], []),
        ("requested", "errors", [], []),
    ],
)
def test_the_partners_file_says_what_goes_back(
    staged: Staged, ta1: str, group: str, sound: list[str], broken: list[str]
) -> None:
    stage = staged(ta1, group)
    stage.arrive(certifies(stage))
    assert kinds(stage) == sound
    cut = certifies(stage)
    stage.arrive(cut[: cut.index(b"IEA*")])
    assert kinds(stage) == sound + broken


@on_sqlite
def test_what_asks_for_a_ta1_gets_one_where_the_file_says_nothing(staged: Staged) -> None:
    stage = staged(acknowledge="")
    stage.arrive(certifies(stage))
    assert kinds(stage) == []
    stage.arrive(certifies(stage).replace(b"*0*T*:~", b"*1*T*:~"))
    assert kinds(stage) == ["TA1"]


@on_sqlite
def test_acknowledgments_are_never_acknowledged(staged: Staged) -> None:
    stage = staged()
    subject = stage.request().id
    alone = stage.says(ta1=[stage.ta1(subject)])
    stage.arrive(alone, stage.acknowledged(subject), alone[:-10])
    assert kinds(stage) == []
    stage.arrive(certifies(stage))
    stage.submit(claim_json())
    stage.work()
    before = kinds(stage)
    stage.arrive(stage.received())
    assert kinds(stage) == before


@on_sqlite
def test_what_is_worked_on_in_spite_of_the_guide_is_accepted_with_errors(staged: Staged) -> None:
    stage = staged("never", "errors")
    content = certifies(stage)
    length = int(content.partition(b"~SE*")[2].partition(b"*")[0])
    content = content.replace(b"~SE*%d*" % length, b"~BOX*1~SE*%d*" % (length + 1))
    stage.arrive(content)
    assert stage.request().state == "certified"
    (record,) = groups(sent(stage)[-1][1])
    assert (record.code, record.accepted, record.sets[0].code) == ("E", 1, "E")
    error = record.sets[0].segments[0]
    assert (error.tag, error.number, error.code) == ("BOX", length, "2")


@on_sqlite
def test_what_was_not_posted_is_not_accepted(staged: Staged) -> None:
    stage = staged()
    stage.arrive(stage.says(decision_on(stage.request()), usage="P"))
    stage.arrive(stage.says(decision_on(stage.request()), receiver="SOMEBODY"))
    said = [technical(content) for _, content in sent(stage)]
    assert [(each.code, each.note) for each in said] == [("R", "020"), ("R", "009")]
    stage.arrive(certifies(stage).replace(b"SE*", b"SE*9"))
    (record,) = groups(sent(stage)[-1][1])
    assert (record.code, record.accepted, record.sets[0].errors) == ("R", 0, ("4",))


@on_sqlite
def test_what_partners_do_not_send_to_us_is_rejected_as_not_supported(staged: Staged) -> None:
    stage = staged("never", "always")
    (ours,) = stage.written()
    inbound = ours.replace(b"NORTHSIDE      *ZZ*SIMCLEAR ", b"SIMCLEAR       *ZZ*NORTHSIDE")
    stage.arrive(inbound)
    (record,) = groups(sent(stage)[-1][1])
    assert (record.code, record.sets[0].code, record.sets[0].errors) == ("R", "R", ("1",))


@on_sqlite
def test_a_document_that_cannot_be_read_further_is_rejected(staged: Staged) -> None:
    stage = staged()
    stage.arrive(certifies(stage)[:-60], b"no X12 at all")
    assert [(each.kind, technical(content).note) for each, content in sent(stage)] == [("TA1", "023")]


@on_sqlite
def test_a_partner_that_answers_an_acknowledgment_makes_no_task_unless_it_refuses_it(staged: Staged) -> None:
    stage = staged("never", "always")
    stage.arrive(certifies(stage))
    stage.work()
    (ours, _) = sent(stage)[0]
    number = ours.about["isa13"]
    stage.arrive(stage.says(ta1=[segment("TA1", number, "260302", "1500", "A", "000")]))
    assert asked(stage) == []
    assert stage.steps(ours.id) == ["acknowledgment.answered"]
    with stage.reading() as tx:
        assert tx.control_numbers.get(PARTNER, "isa13", int(number)).state == "accepted"
    refused = GroupAcknowledgment(
        functional_id="FA", control_number=ours.about["gs06"], code="R", included=1, received=1, accepted=0, sets=()
    )
    stage.arrive(stage.says(refused).replace(b"AK1*FA", b"AK1*HC"))
    assert [(each.kind, each.subject) for each in asked(stage)] == [("unclear", ours.id)]
    assert kinds(stage) == ["999"]


@on_sqlite
def test_one_that_would_not_be_valid_stays_here_and_becomes_a_task(
    staged: Staged, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = staged("never", "always")
    monkeypatch.setattr("gateway.x12.acknowledge.VERSION", "005010X231A2")
    stage.arrive(certifies(stage))
    assert kinds(stage) == []
    (task,) = asked(stage)
    assert task.kind == "unacknowledged"
    assert "999" in task.reason
    assert stage.request().state == "certified", "the decision takes effect all the same"


def test_no_value_of_a_patient_is_logged_or_kept_beside_an_acknowledgment(staged: Staged) -> None:
    stage = staged()
    stage.arrive(certifies(stage).replace(b"D8*19810719", b"D8*19810799"))
    (document, content) = sent(stage)[-1]
    assert b"19810799" in content, "a copy goes back to who sent it"
    told = f"{document}{stage.tasks()}{stage.details(document.about['acknowledges'], 'document.acknowledged')}".lower()
    assert not any(each in told for each in (*SECRETS, "19810799"))


def test_the_acknowledgment_carries_the_hour_of_the_clock(staged: Staged) -> None:
    stage = staged("never", "always")
    stage.clock.advance(3600)
    stage.arrive(certifies(stage))
    (part, *_) = examine([sent(stage)[0][1]])
    assert part.created == datetime(2026, 3, 2, 16, 0)  # type: ignore[union-attr]
