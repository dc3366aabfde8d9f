"""Receipts of what we sent over AS2: each takes effect once, in one place, and a missing one is followed up."""

import io
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from as2_house import As2Stage, as2_stage
from as2_stage import X12
from cms_keys import made
from conftest import Clock
from flow_stage import PARTNER, on_sqlite, request_json

from gateway import logs
from gateway.flow import as2_agreed, as2_receipt
from gateway.flow.as2_arrival import As2Door
from gateway.flow.as2_audit import EVENT
from gateway.settings import Settings
from gateway.store import As2Message, Document, Store
from gateway.transport.as2 import message_id
from gateway.transport.as2.disposition import (
    AUTHENTICATION_FAILED,
    DECRYPTION_FAILED,
    PROCESSED,
    SENDER_EQUALS_RECEIVER,
    UNEXPECTED_ERROR,
    Disposition,
)
from gateway.transport.as2.message import Mic, Part, build
from gateway.transport.spool import Spool

WITHIN_S = 1800
RESENDS = 2
MIC = Mic("q1m2Fh9mBkGb0wFZPNpLJ0mE0h0XbZ7sWmVhUe0t6zI=", "sha256")
OTHER = Mic("AAAAFh9mBkGb0wFZPNpLJ0mE0h0XbZ7sWmVhUe0t6zI=", "sha256")


@pytest.fixture(autouse=True)
def written() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    logs.configure("debug", strict=True, stream=stream)
    yield stream
    logs.configure(json=False)


@pytest.fixture
def near(store: Store, clock: Clock, tmp_path: Path) -> As2Stage:
    """A house whose first request is written, and waits to be sent."""
    near = as2_stage(
        store, clock, tmp_path, expectations='999 = "1h"', transport=f'mdn = "async"\nmdn_resends = {RESENDS}'
    )
    near.stage.submit(request_json())
    near.stage.work("submit")
    return near


def begun(near: As2Stage) -> As2Message:
    """The document is about to be posted: what the transport has recorded before its first byte."""
    document = ours(near)
    with near.stage.store.transaction(near.stage.house.everything()) as tx:
        message: As2Message = tx.as2_messages.begin(
            partner=PARTNER,
            message_id=f"<{document.id}@northside.example>",
            document=document.id,
            mic=MIC.digest,
            mic_algorithm=MIC.algorithm,
        )
    return message


def ours(near: As2Stage) -> Document:
    (document,) = near.stage.documents(direction="out", kind="278")
    return document


def posted(near: As2Stage) -> tuple[As2Message, str]:
    """The send job has posted it, and the answer to that holds no receipt; the message and its state."""
    message = begun(near)
    job = near.stage.take(["send"])
    assert job is not None
    house = near.stage.house
    with house.store.transaction(house.everything()) as tx:
        resends = job.payload.get("resends", 0)
        state = as2_receipt.awaiting(house, tx, house.partner(PARTNER), message, resends=resends)
        tx.jobs.finish(job)
        message = tx.as2_messages.get(message.id)
    return message, state


def now(near: As2Stage) -> As2Message:
    (message,) = near.messages("out")
    return message


def number_state(near: As2Stage) -> str:
    with near.stage.reading() as tx:
        (number,) = tx.control_numbers.list(PARTNER, kind="isa13")
    return str(number.state)


def kept_safe(near: As2Stage) -> None:
    """Nothing is counted as delivered, and nothing goes again by itself."""
    assert near.stage.request().state == "written"
    assert number_state(near) in ("written", "unknown")
    assert near.stage.jobs("expect") == []
    assert near.stage.take(["send"]) is None


def test_a_good_receipt_settles_the_document_and_everything_that_waits_for_it(near: As2Stage) -> None:
    message, state = posted(near)
    assert (state, message.state, ours(near).state) == ("awaited",) * 3
    assert near.stage.request().state == "written"
    receipt = near.receipt(message)
    assert near.posts(receipt).code == 200
    message = now(near)
    assert (message.state, message.disposition) == ("received", PROCESSED.short)
    kept, body = near.stage.store.payloads.read(message.mdn), b"".join(receipt.chunks())
    assert kept.endswith(b"\r\n\r\n" + body), "it is evidence"
    assert b"AS2-From: EXAMPLECLEAR\r\n" in kept[: -len(body)]
    assert ours(near).state == "sent"
    assert number_state(near) == "sent"
    assert near.stage.request().state == "sent"
    assert {each.payload["answer"] for each in near.stage.jobs("expect")} == {"999"}
    assert near.stage.steps(message.document) == ["message.awaited", "message.received"]
    near.stage.clock.advance(WITHIN_S)
    near.stage.work("mdn")
    assert near.stage.jobs("send", "waiting") == []
    assert near.stage.tasks() == []


def test_a_receipt_without_a_message_id_of_its_own_counts(near: As2Stage) -> None:
    """OpenText posts such receipts: what one is for stands in its signed part."""
    message, _ = posted(near)
    receipt = near.receipt(message)
    headers = [each for each in receipt.headers if each[0] != "Message-ID"]
    assert near.takes(headers, b"".join(receipt.chunks())).code == 200
    assert (now(near).state, ours(near).state) == ("received", "sent")


def test_a_receipt_that_is_quicker_than_the_answer_to_the_post(near: As2Stage) -> None:
    message = begun(near)
    assert near.posts(near.receipt(message)).code == 200
    assert near.stage.request().state == "sent"
    _, state = posted(near)
    assert state == "received"
    assert near.stage.jobs("mdn") == []


def test_a_missing_receipt_is_followed_up_with_the_same_message_id_and_then_told(near: As2Stage) -> None:
    for resends in range(RESENDS + 1):
        message, state = posted(near)
        assert (state, message.attempts) == ("awaited", resends + 1)
        near.stage.clock.advance(WITHIN_S - 1)
        assert near.stage.work("mdn") == 0
        near.stage.clock.advance(1)
        assert near.stage.work("mdn") == 1
        assert now(near).state == "overdue"
    assert near.stage.take(["send"]) is None, "so often, and no more"
    (task,) = near.stage.tasks("receipt")
    assert f"sent {RESENDS + 1} times" in task.reason
    assert task.subject == message.document
    assert near.stage.request().state == "written"


def test_what_no_receipt_ever_came_for_can_be_sent_again(near: As2Stage) -> None:
    test_a_missing_receipt_is_followed_up_with_the_same_message_id_and_then_told(near)
    (job,) = near.stage.jobs("send", "parked")
    (task,) = near.stage.tasks()
    assert "jobs --retry" in task.fix
    with near.stage.store.transaction(near.stage.house.everything()) as tx:
        tx.jobs.unpark(job.id)
    message, state = posted(near)
    assert (state, message.attempts) == ("awaited", RESENDS + 2)
    assert near.posts(near.receipt(message)).code == 200
    assert (now(near).state, near.stage.tasks()) == ("received", [])


def test_a_late_receipt_that_says_no_is_a_task_of_its_own(near: As2Stage) -> None:
    test_a_missing_receipt_is_followed_up_with_the_same_message_id_and_then_told(near)
    assert near.posts(near.receipt(now(near), said=DECRYPTION_FAILED)).code == 200
    (task,) = near.stage.tasks()
    assert (task.kind, task.subject) == ("parked", near.stage.jobs("send", "parked")[0].id)
    assert "decryption-failed" in task.reason


def test_what_is_put_back_after_a_refusal_is_waited_for_as_long_as_at_first(near: As2Stage) -> None:
    message, _ = posted(near)
    near.posts(near.receipt(message, said=DECRYPTION_FAILED))
    near.stage.clock.advance(WITHIN_S - 1)
    (job,) = near.stage.jobs("send", "parked")
    with near.stage.store.transaction(near.stage.house.everything()) as tx:
        tx.jobs.unpark(job.id)
    assert posted(near)[1] == "awaited"
    near.stage.clock.advance(1)
    near.stage.work("mdn")
    assert now(near).state == "awaited", "the time of the first post is none of the second"
    near.stage.clock.advance(WITHIN_S - 1)
    near.stage.work("mdn")
    assert now(near).state == "overdue"


def test_a_late_receipt_still_counts_and_closes_the_task(near: As2Stage) -> None:
    test_a_missing_receipt_is_followed_up_with_the_same_message_id_and_then_told(near)
    assert near.posts(near.receipt(now(near))).code == 200
    assert near.stage.tasks() == []
    assert (now(near).state, near.stage.request().state) == ("received", "sent")
    (about,) = near.stage.details(now(near).document, "message.received")
    assert about["late"]


def test_a_late_receipt_overtakes_the_resend(near: As2Stage) -> None:
    posted(near)
    near.stage.clock.advance(WITHIN_S)
    near.stage.work("mdn")
    assert near.stage.jobs("send", "waiting"), "it is to go again"
    near.posts(near.receipt(now(near)))
    message, state = posted(near)
    assert (state, message.state) == ("received", "received"), "whoever sends it again sees that there is no need"


def test_an_answer_is_as_good_as_a_receipt(near: As2Stage) -> None:
    posted(near)
    subject = near.stage.request().id
    near.stage.arrive(near.stage.acknowledged(subject))
    near.stage.clock.advance(WITHIN_S)
    near.stage.work("mdn")
    assert near.stage.jobs("send", "waiting") == []
    assert ours(near).state == "sent"
    assert near.stage.steps(now(near).document)[-1] == "message.answered"
    assert now(near).state == "sent"


def test_a_receipt_that_comes_again_changes_nothing(near: As2Stage) -> None:
    message, _ = posted(near)
    receipt = near.receipt(message)
    near.posts(receipt)
    before = now(near)
    near.stage.clock.advance(60)
    assert near.posts(receipt).code == 200
    assert now(near) == before
    assert near.stage.steps(message.document).count("message.received") == 1


def test_a_receipt_is_not_taken_back(near: As2Stage) -> None:
    message, _ = posted(near)
    near.posts(near.receipt(message))
    for _ in range(2):
        assert near.posts(near.receipt(message, said=UNEXPECTED_ERROR)).code == 200
    assert (now(near).state, near.stage.request().state) == ("received", "sent")
    (task,) = near.stage.tasks("receipt")
    assert "took that back" in task.reason
    assert near.stage.steps(message.document).count("receipt.contradicted") == 1


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        (DECRYPTION_FAILED, "encryption_certificates"),
        (AUTHENTICATION_FAILED, "our signing certificate"),
        (SENDER_EQUALS_RECEIVER, "for the cause"),
    ],
)
@on_sqlite
def test_what_the_partner_refuses_waits_for_a_person(near: As2Stage, said: Disposition, cure: str) -> None:
    message, _ = posted(near)
    assert near.posts(near.receipt(message, said=said)).code == 200
    assert (now(near).state, ours(near).state) == ("refused", "refused")
    (task,) = near.stage.tasks("parked")
    assert said.modifier in task.reason
    assert cure in task.fix
    near.stage.clock.advance(WITHIN_S)
    near.stage.work("mdn")
    kept_safe(near)
    (job,) = near.stage.jobs("send", "parked")
    with near.stage.store.transaction(near.stage.house.everything()) as tx:
        tx.jobs.unpark(job.id)
    message, state = posted(near)
    assert (state, message.attempts) == ("awaited", 2), "a person sends it again, under the same Message-ID"
    near.posts(near.receipt(message))
    assert now(near).state == "received"


def test_what_the_partner_may_take_later_goes_again_as_if_no_receipt_had_come(near: As2Stage) -> None:
    message, _ = posted(near)
    for _ in range(3):
        near.posts(near.receipt(message, said=UNEXPECTED_ERROR))
    assert now(near).state == "awaited"
    assert near.stage.steps(message.document) == ["message.awaited", "message.not_taken_yet"]
    near.stage.clock.advance(WITHIN_S)
    near.stage.work("mdn")
    message, state = posted(near)
    assert (state, message.attempts) == ("awaited", 2)
    near.posts(near.receipt(message))
    assert now(near).state == "received"


def test_a_receipt_for_another_content_is_never_counted_as_delivered(near: As2Stage) -> None:
    message, _ = posted(near)
    assert near.posts(near.receipt(message, mic=OTHER)).code == 200
    assert (now(near).state, ours(near).state) == ("mismatch", "unknown")
    (task,) = near.stage.tasks("parked")
    assert "another content" in task.reason
    near.stage.clock.advance(WITHIN_S)
    near.stage.work("mdn")
    kept_safe(near)
    near.posts(near.receipt(message))
    assert now(near).state == "received", "the partner has put it right"
    assert near.stage.tasks() == []


@pytest.mark.parametrize(
    ("said", "mic", "state"), [(PROCESSED, OTHER, "mismatch"), (DECRYPTION_FAILED, MIC, "refused")]
)
def test_a_receipt_that_says_no_stops_the_resend_that_waits(
    near: As2Stage, said: Disposition, mic: Mic, state: str
) -> None:
    posted(near)
    near.stage.clock.advance(WITHIN_S)
    near.stage.work("mdn")
    assert near.stage.jobs("send", "waiting"), "it is to go again"
    message = now(near)
    assert near.posts(near.receipt(message, said=said, mic=mic)).code == 200
    assert now(near).state == state
    near.stage.clock.advance(WITHIN_S)
    kept_safe(near)
    (job,) = near.stage.jobs("send", "parked")
    (task,) = near.stage.tasks("parked")
    assert (task.subject, job.reason) == (job.id, now(near).reason)
    near.posts(near.receipt(message))
    assert (now(near).state, near.stage.tasks()) == ("received", [])


@pytest.mark.parametrize(
    ("agreed_later", "altered", "state"),
    [("", False, "received"), ("", True, "mismatch"), ("application/edi-consent", False, "mismatch")],
)
@on_sqlite
def test_failure_case_3_another_mic_algorithm_than_was_asked_for(
    near: As2Stage, agreed_later: str, altered: bool, state: str
) -> None:
    """The message is built once more to compare; where the agreement has changed since, nobody can say."""
    house, document = near.stage.house, ours(near)
    partner, name = house.partner(PARTNER), message_id(document.id)
    terms = as2_agreed.terms(house.settings, partner, house.clock())
    part = Part(
        name=document.name,
        content_type=terms.content_type,
        source=partial(house.store.payloads.open, document.payload),
        size=document.size,
    )
    sent = build([part], message_id=name, terms=terms, at=house.clock(), spool=Spool)
    assert sent.mic is not None
    with house.store.transaction(house.everything()) as tx:
        message = tx.as2_messages.begin(
            partner=PARTNER, message_id=name, document=document.id, mic=sent.mic.digest, mic_algorithm="sha256"
        )
    mic = sent.mic_as("sha512")
    if altered:
        mic = replace(mic, digest="A" + mic.digest[1:] if mic.digest[0] != "A" else "B" + mic.digest[1:])
    if agreed_later:
        path = near.stage.folder / "trading_partners" / f"{PARTNER}.toml"
        path.write_text(path.read_text().replace("mdn_resends", f'content_type = "{agreed_later}"\nmdn_resends'))
        house.settings = Settings.load(near.stage.folder / "conf" / "gateway.toml")
        near.door = As2Door(house)
    assert near.posts(near.receipt(message, mic=mic)).code == 200
    assert now(near).state == state


def test_what_the_partner_writes_in_words_of_its_own_is_not_repeated(near: As2Stage, written: io.StringIO) -> None:
    message, _ = posted(near)
    said = Disposition("processed", "error", "no member Zimmerwald MBR77001234")
    near.posts(near.receipt(message, said=said))
    (task,) = near.stage.tasks("parked")
    with near.stage.reading() as tx:
        events = tx.events.of(message.document)
    shown = f"{task} {events} {near.stage.jobs()} {near.stage.documents()} {written.getvalue()}".lower()
    assert "processed/error: other" in shown
    assert "zimmerwald" not in shown
    assert "mbr77001234" not in shown


FORGERIES: dict[str, Any] = {
    "another signer": {"our_signers": (made("rsa-forger").identity,)},
    "no signature": {"signed": False},
}


@pytest.mark.parametrize("forged", FORGERIES)
def test_failure_case_4_a_forged_receipt_takes_no_effect_and_is_told(near: As2Stage, forged: str) -> None:
    message, _ = posted(near)
    answer = near.posts(near.receipt(message, **FORGERIES[forged]))
    assert answer.code == 400
    assert now(near).state == "awaited"
    kept_safe(near)
    (event,) = near.stage.details(PARTNER, "message.turned_down")
    assert event["why"]
    (task,) = near.stage.tasks("as2_refused")
    assert "receipt" in task.key
    (kept,) = near.messages("in", state="refused")
    assert near.stage.store.payloads.read(kept.payload)
    assert near.reads(near.sends(X12)).disposition.good
    assert near.stage.tasks("as2_refused") == [task], "a message proves nothing of receipts"
    near.posts(near.receipt(message))
    assert now(near).state == "received", "the partner's own still counts"
    assert near.stage.tasks("as2_refused") == []


def test_a_receipt_for_nothing_of_ours_is_counted_and_told_once(near: As2Stage) -> None:
    message, _ = posted(near)
    for number in range(5):
        unknown = replace(message, message_id=f"<{number}@northside.example>")
        assert near.posts(near.receipt(unknown)).code == 200, "or it would be posted for ever"
    (event,) = near.stage.details(PARTNER, EVENT)
    assert event["reason"] == "receipt_for_unknown_message"
    assert now(near).state == "awaited"


def test_a_receipt_and_a_message_that_cross_do_not_hold_each_other_up(near: As2Stage) -> None:
    message, _ = posted(near)
    near.sends(X12)
    near.posts(near.receipt(message))
    assert near.reads(near.sends(b"ISA*another~")).disposition.good
    assert [each.partner for each in near.stage.documents(direction="in")].count(PARTNER) == 2
