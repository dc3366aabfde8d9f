"""A document's way to a partner over AS2, against a real server: each outcome takes effect once, on both databases."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from as2_company import Company, says
from as2_house import as2_settings
from as2_server import Exchange, Script, Site, site
from as2_stage import agreed
from cms_keys import made
from conftest import Clock
from flow_stage import PARTNER, Stage, on_sqlite, on_stage, request_json

from gateway.flow import as2_receipt, as2_sending, deliver
from gateway.store import As2Message, Job, Store
from gateway.store.as2_messages import As2Messages
from gateway.store.jobs import Jobs
from gateway.transport.as2.disposition import DECRYPTION_FAILED, UNEXPECTED_ERROR
from gateway.transport.as2.message import Mic
from gateway.transport.base import Proof, Receipt

PATIENT = "ZIMMERWALD"


class There(Company):
    """The partner's end, and what our house holds of it."""

    def __init__(self, server: Site, stage: Stage) -> None:
        super().__init__(server)
        self.stage = stage

    @property
    def message(self) -> As2Message:
        with self.stage.reading() as tx:
            found: list[As2Message] = tx.as2_messages.list("out")
        (only,) = found
        return only

    def sending(self) -> list[Job]:
        """Send jobs that are not over."""
        return [each for each in self.stage.jobs("send") if each.state in ("waiting", "leased", "parked")]

    def contents(self) -> list[bytes]:
        return [bytes(part.open().read()) for each in self.taken for part in each.parts]

    def ids(self) -> list[str]:
        return [each.get("Message-ID") for each in self.site.seen]


Making = Callable[..., There]


@pytest.fixture
def making(store: Store, clock: Clock, tmp_path: Path) -> Iterator[Making]:
    with site() as server:

        def make(transport: str = "", **configured: Any) -> There:
            stage = on_stage(store, clock, tmp_path, **configured)
            stage.house.settings = as2_settings(tmp_path, transport=f"timeout_s = 5\n{transport}", url=server.url)
            stage.submit(request_json())
            return There(server, stage)

        yield make


def again(there: There, seconds: float = 1000) -> None:
    """The next attempt, after whatever wait."""
    there.stage.clock.advance(seconds)
    there.stage.work()


def lost(there: There) -> Script:
    """Takes all of it, and its answer never arrives."""

    def script(exchange: Exchange) -> None:
        exchange.read()
        there.opens(exchange, agreed())
        exchange.cut()

    return script


def test_a_receipt_delivers_a_document_once(making: Making) -> None:
    there = making(expectations='ta1 = "1h"')
    there.site.then(there.answers())
    there.stage.work()
    (document,) = there.stage.documents(direction="out")
    assert (document.state, there.stage.request().state) == ("sent", "sent")
    assert there.contents() == there.stage.written()
    message = there.message
    assert (message.state, message.attempts, message.document) == ("received", 1, document.id)
    assert (message.message_id, message.mic) == (f"<{document.id}@therapy-gateway>", there.taken[0].mic.digest)
    assert b"disposition-notification" in there.stage.store.payloads.read(message.mdn)
    assert there.stage.steps(document.id) == ["message.received"]
    assert not there.sending()
    assert len(there.stage.jobs("expect")) == 1


def test_case_8_a_lost_receipt_is_asked_for_again_under_the_same_message_id(making: Making) -> None:
    there = making()
    there.site.then(lost(there), there.answers())
    there.stage.work()
    (document,) = there.stage.documents(direction="out")
    assert (document.state, there.message.state, there.stage.request().state) == ("unknown", "built", "written")
    again(there)
    assert there.ids() == [f"<{document.id}@therapy-gateway>"] * 2
    assert there.contents() == there.stage.written() * 2
    assert (there.message.state, there.message.attempts, there.stage.request().state) == ("received", 2, "sent")
    (document,) = there.stage.documents(direction="out")
    assert deliver.was_repeated(document), "an answer may count it as a duplicate"


@on_sqlite
def test_no_listing_proves_a_delivery_over_as2(making: Making, monkeypatch: pytest.MonkeyPatch) -> None:
    there = making()
    there.site.then(lost(there), there.answers())
    there.stage.work()
    monkeypatch.setattr("gateway.transport.as2.As2Transport.listing", lambda _: pytest.fail("it was asked"))
    again(there)
    assert there.message.state == "received"


@pytest.mark.parametrize("step", ["begin", "settle", "finish"])
def test_a_crash_at_any_step_neither_loses_nor_doubles_a_document(
    making: Making, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = making()
    there.site.then(there.answers())
    where: dict[str, tuple[Any, str]] = {
        "begin": (As2Messages, "begin"),
        "settle": (as2_receipt, "settle"),
        "finish": (Jobs, "finish"),
    }
    holder, name = where[step]
    real = getattr(holder, name)
    crashed: list[str] = []

    def crash(*given: Any, **more: Any) -> Any:
        if not crashed and (step != "finish" or given[1].kind == "send"):
            crashed.append(name)
            raise OSError("the power went")
        return real(*given, **more)

    monkeypatch.setattr(holder, name, crash)
    there.stage.work()
    assert crashed
    assert there.stage.request().state == "written"
    again(there)
    assert there.stage.request().state == "sent"
    assert (there.message.state, len(set(there.ids()))) == ("received", 1)
    assert len(there.ids()) == (1 if step == "begin" else 2)
    assert set(there.contents()) == set(there.stage.written())
    assert there.stage.steps(there.message.document) == ["message.received"]


def test_a_busy_partner_is_left_alone_as_long_as_it_asks(making: Making) -> None:
    there = making()
    there.site.then(says(503, {"Retry-After": "1800"}), there.answers())
    there.stage.work()
    again(there, 1700)
    assert len(there.site.seen) == 1
    again(there, 200)
    assert there.message.state == "received"
    (document,) = there.stage.documents(direction="out")
    assert not deliver.was_repeated(document), "a busy server took nothing"


def test_a_refusal_by_receipt_parks_the_document_and_others_go_on(making: Making) -> None:
    there = making()
    there.site.then(there.answers(disposition=DECRYPTION_FAILED), there.answers())
    there.stage.work()
    (document,) = there.stage.documents(direction="out")
    assert (document.state, there.message.state) == ("refused", "refused")
    (job,) = there.stage.jobs("send", "parked")
    (task,) = there.stage.tasks("parked")
    assert job.id in task.key
    assert "decryption-failed" in task.reason
    assert "put it under encryption_certificates" in task.fix
    there.stage.submit(request_json(2))
    there.stage.work()
    assert [there.stage.request(number).state for number in (1, 2)] == ["written", "sent"]
    with there.stage.store.transaction(there.stage.house.everything()) as tx:
        tx.jobs.unpark(job.id)
    there.stage.work()
    assert there.stage.request(1).state == "sent"


def test_a_wrong_mic_is_never_counted_as_delivered(making: Making) -> None:
    there = making()
    there.site.then(there.answers(mic=lambda mic: Mic.of(b"\0" * 32, mic.algorithm)))
    there.stage.work()
    (document,) = there.stage.documents(direction="out")
    assert (document.state, there.message.state, there.stage.request().state) == ("unknown", "mismatch", "written")
    assert there.stage.store.payloads.read(document.payload) == there.contents()[0], "the original is kept"
    assert there.message.mdn
    (job,) = there.stage.jobs("send", "parked")
    again(there, 10**6)
    assert len(there.site.seen) == 1, "a person decides"
    assert there.stage.steps(document.id) == ["message.differed"]
    assert len(there.stage.tasks("parked")) == 1
    assert job.payload["document"] == document.id


def test_case_4_a_forged_receipt_is_kept_and_told_and_the_document_goes_again(making: Making) -> None:
    there = making()
    stranger = there.answers(our_signers=(made("rsa-stranger").identity,))
    there.site.then(stranger, there.answers(signed=False), there.answers())
    there.stage.work()
    again(there)
    (document,) = there.stage.documents(direction="out")
    assert (document.state, there.message.state) == ("unknown", "built")
    told = there.stage.details(document.id, "receipt.forged")
    assert ["it is not signed" in each["reason"] for each in told] == [False, True]
    assert all(b"Content-Type: multipart/" in there.stage.store.payloads.read(each["payload"]) for each in told)
    again(there)
    assert (there.message.state, there.stage.request().state) == ("received", "sent")
    assert len(set(there.ids())) == 1


def test_a_partner_whose_receipts_never_count_becomes_a_task(making: Making) -> None:
    there = making()
    there.site.then(there.answers(signed=False))
    there.stage.work()
    for _ in range(12):
        again(there)
    (task,) = there.stage.tasks("unreachable")
    assert "the receipt does not count: it is not signed" in task.reason
    (document,) = there.stage.documents(direction="out")
    kept = [each["payload"] for each in there.stage.details(document.id, "receipt.forged")]
    assert len(kept) == 13
    assert sum(map(bool, kept)) == as2_sending.EVIDENCE_MAX
    there.site.then(there.answers())
    again(there)
    assert not there.stage.tasks("unreachable"), "it closes by itself"


def test_a_refusal_that_may_pass_is_tried_again_and_told(making: Making) -> None:
    there = making()
    there.site.then(there.answers(disposition=UNEXPECTED_ERROR))
    there.stage.work()
    for _ in range(4):
        again(there)
    assert (there.message.state, there.message.attempts) == ("built", 5)
    (task,) = there.stage.tasks("unreachable")
    assert "unexpected-processing-error" in task.reason
    there.site.then(there.answers())
    again(there)
    (document,) = there.stage.documents(direction="out")
    assert there.message.state == "received"
    assert there.stage.steps(document.id) == ["message.not_taken_yet", "message.received"]


@pytest.mark.parametrize("status", [413, 422])
def test_a_status_that_refuses_one_document_parks_it(making: Making, status: int) -> None:
    there = making()
    there.site.then(says(status))
    there.stage.work()
    (task,) = there.stage.tasks("parked")
    assert f"the server answered {status}" in task.reason
    (document,) = there.stage.documents(direction="out")
    assert (there.message.state, document.state) == ("refused", "refused")
    assert there.stage.steps(document.id) == ["message.declined"]
    assert not there.stage.tasks("refused")


def test_a_refused_login_halts_the_partner(making: Making) -> None:
    there = making()
    there.site.then(says(401), there.answers())
    there.stage.work()
    again(there)
    (task,) = there.stage.tasks("refused")
    assert "correct username and password" in task.fix
    assert len(there.site.seen) == 1
    with there.stage.store.transaction(there.stage.house.everything()) as tx:
        deliver.resume(tx, PARTNER)
    again(there)
    assert there.stage.request().state == "sent"


@on_sqlite
def test_a_certificate_that_is_not_usable_halts_the_partner_before_anything_is_sent(making: Making) -> None:
    there = making()
    (there.stage.folder / "conf" / "keys" / "rsa-exampleclear.crt").write_text(made("expired-x").certificate_pem)
    there.stage.work()
    (task,) = there.stage.tasks("refused")
    assert "it expired on 2021-01-01" in task.reason
    assert there.site.seen == []


# Asynchronous receipts


ASYNC = 'mdn = "async"\nmdn_within = "30m"\nmdn_resends = 2'


def posted(there: There, **changes: Any) -> Receipt:
    """A receipt that comes to our listener some time after the message."""
    message = there.message
    given = {"state": Proof.RECEIVED, "disposition": "processed", "body": b"mdn", **changes}
    return Receipt(message_id=message.message_id, **given)


def settle(there: There, receipt: Receipt) -> None:
    house = there.stage.house
    with house.store.transaction(house.everything()) as tx:
        as2_receipt.settle(house, tx, house.partner(PARTNER), there.message, receipt)


def test_an_asynchronous_receipt_is_awaited_then_asked_for_again(making: Making) -> None:
    there = making(ASYNC)
    there.site.then(says(200))
    there.stage.work()
    (document,) = there.stage.documents(direction="out")
    assert (document.state, there.message.state, there.stage.request().state) == ("awaited", "awaited", "written")
    again(there, 1700)
    assert len(there.site.seen) == 1
    for _ in range(4):
        again(there, 1900)
    assert len(there.site.seen) == 3
    assert len(set(there.ids())) == 1
    assert len(there.stage.tasks("receipt")) == 1
    settle(there, posted(there))
    assert (there.message.state, there.stage.request().state) == ("received", "sent")
    assert not there.stage.tasks("receipt"), "a late one still counts"


@pytest.mark.parametrize(
    ("state", "message", "case"), [(Proof.RECEIVED, "received", "sent"), (Proof.REFUSED, "refused", "written")]
)
@pytest.mark.parametrize("status", [200, 503])
def test_an_asynchronous_receipt_may_be_quicker_than_the_answer_and_counts_whatever_that_is(
    making: Making, status: int, state: Proof, message: str, case: str
) -> None:
    there = making(ASYNC)

    def quick(exchange: Exchange) -> None:
        exchange.read()
        settle(there, posted(there, state=state, disposition="processed/error: decryption-failed"))
        exchange.answer(status)

    there.site.then(quick)
    there.stage.work()
    assert (there.message.state, there.stage.request().state) == (message, case)
    assert len(there.stage.jobs("send", "parked")) == (message == "refused")
    again(there, 10**5)
    assert len(there.site.seen) == 1


def test_a_receipt_that_comes_before_the_resend_spares_it(making: Making) -> None:
    there = making(ASYNC)
    there.site.then(lost(there))
    there.stage.work()
    settle(there, posted(there))
    again(there)
    assert len(there.site.seen) == 1
    assert (there.message.state, there.stage.request().state) == ("received", "sent")
    assert not there.sending()


def test_without_receipts_a_success_delivers(making: Making) -> None:
    there = making('mdn = "none"')
    there.site.then(says(200))
    there.stage.work()
    assert (there.message.state, there.stage.request().state) == ("sent", "sent")


@on_sqlite
def test_nothing_of_a_partners_words_gets_into_tasks_or_the_trail(making: Making) -> None:
    rng = random.Random(4130)
    there = making()
    scripts = [
        says(500, {"X": PATIENT}, PATIENT.encode()),
        says(200, {"Content-Type": f"text/html; name={PATIENT}"}, PATIENT.encode()),
        says(200, {"Content-Type": "multipart/report; boundary=x"}, f"--x\r\n\r\n{PATIENT}\r\n--x--".encode()),
        says(413, {"Location": f"http://{PATIENT}/"}, PATIENT.encode()),
    ]
    rng.shuffle(scripts)
    there.site.then(*scripts)
    there.stage.work()
    for _ in range(5):
        again(there)
    (document,) = there.stage.documents(direction="out")
    with there.stage.reading() as tx:
        told = [str(each) for each in (*tx.events.of(document.id), *tx.tasks.list(open=None), *tx.jobs.list())]
        told += [there.message.reason]
    assert told
    assert not any(PATIENT in each.upper() for each in told)
