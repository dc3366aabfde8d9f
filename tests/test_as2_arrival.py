"""Messages that come in over AS2, past the listener: what is stored before a receipt leaves, and what is refused."""

import io
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from as2_house import ADDRESS, As2Stage, as2_stage, receipt_in
from as2_stage import X12, agreed, document
from cms_keys import made
from conftest import Clock
from flow_stage import PARTNER, SECRETS, on_sqlite

from gateway import logs
from gateway.cli import as2_looking
from gateway.errors import SettingsInvalid
from gateway.flow import as2_agreed, as2_outgoing, as2_refused
from gateway.flow.as2_arrival import As2Door
from gateway.flow.as2_audit import EVENT, NOBODY
from gateway.settings import Partner, Settings
from gateway.store import Keyring, Store, StoreUnavailable
from gateway.store.payloads import Payloads
from gateway.transport.as2 import ping
from gateway.transport.as2.terms import Terms


@pytest.fixture(autouse=True)
def written() -> Iterator[io.StringIO]:
    """Everything that is logged; a field that may carry a patient's value fails the test."""
    stream = io.StringIO()
    logs.configure("debug", strict=True, stream=stream)
    yield stream
    logs.configure(json=False)


@pytest.fixture
def near(store: Store, clock: Clock, tmp_path: Path) -> As2Stage:
    return as2_stage(store, clock, tmp_path)


def told(near: As2Stage, what: str, subject: str = PARTNER) -> list[Any]:
    return list(near.stage.details(subject, what))


# What is taken.


def test_a_message_becomes_documents_and_its_receipt_is_stored(near: As2Stage) -> None:
    answer = near.sends([document(X12, "claims Zimmerwald.x12"), document(b"second")])
    mdn = near.reads(answer)
    assert answer.code == 200
    assert mdn.disposition.good
    assert mdn.signed_by is not None
    assert near.contents() == [X12, b"second"]
    (message,) = near.messages()
    first, second = near.stage.documents(direction="in")
    assert (message.state, message.document) == ("processed", first.id)
    assert near.stage.store.payloads.read(message.mdn) == answer.body
    assert message.mdn_headers == answer.headers
    assert mdn.mic is not None
    assert (mdn.mic.digest, mdn.mic.algorithm) == (message.mic, message.mic_algorithm)
    assert [each.payload["document"] for each in near.stage.jobs("receive")] == [first.id, second.id]
    (about,) = near.stage.details(first.id, "document.arrived")
    assert about["message"] == message.id
    assert about["signer"].startswith("SHA256:")
    assert about["cipher"] == "aes256-cbc"


@pytest.mark.parametrize(
    "message_id",
    ["<OPENAS2-25112026-1@EXAMPLE CLEAR_NORTH SIDE>", "no-brackets@them", f"<{'x' * 900}@them>", f"<{'y' * 993}@z>"],
)
def test_failure_case_7_any_message_id_of_the_field_is_taken_and_given_back_as_it_came(
    near: As2Stage, message_id: str
) -> None:
    answer = near.sends(X12, message_id)
    assert near.reads(answer).original_message_id == message_id
    assert near.contents() == [X12]
    assert max(map(len, answer.body.split(b"\r\n"))) <= 998, "no line is longer than 7bit lets it be"
    assert near.sends(X12, message_id).body == answer.body, "the same message again gets the same receipt"
    assert near.contents() == [X12]


@on_sqlite
def test_a_message_id_is_shown_as_it_is(near: As2Stage, capsys: pytest.CaptureFixture[str]) -> None:
    near.sends(X12, "<[/b][red]1@them>")
    as2_looking.show_messages(near.stage.house, "", 10, as_json=False)
    assert "<[/b][red]1@them>" in capsys.readouterr().out


def test_what_no_receipt_is_asked_for_gets_none(near: As2Stage) -> None:
    answer = near.sends(X12, mdn="none")
    assert (answer.code, answer.body) == (200, b"")
    assert near.contents() == [X12]
    answer = near.sends(X12, mdn="none", sign="")
    assert (answer.code, answer.body) == (400, b"it is not signed, as was agreed on\n"), (
        "the reason, where no receipt is"
    )


def test_a_receipt_that_is_wanted_later_is_posted_by_a_job(near: As2Stage) -> None:
    answer = near.sends(X12, mdn="async", mdn_url="https://as2.exampleclear.example/receipts")
    assert (answer.code, answer.body) == (200, b"")
    (message,) = near.messages()
    assert message.mdn_url == "https://as2.exampleclear.example/receipts"
    assert message.mdn_sent_at is None
    (job,) = near.stage.jobs("mdn_out")
    assert job.payload == {"message": message.id}
    body = near.stage.store.payloads.read(message.mdn)
    assert receipt_in(message.mdn_headers, body).disposition.good


def test_what_is_not_x12_gets_its_receipt_and_waits_for_a_person(near: As2Stage) -> None:
    answer = near.sends([document(b"Hello, is this on?", "", "text/plain")])
    assert near.reads(answer).disposition.good
    near.stage.work("receive")
    assert [each.kind for each in near.stage.tasks()] == ["unread"]


def test_a_ping_gets_its_receipt_and_leaves_no_document(near: As2Stage) -> None:
    answer = near.sends([document(ping.CONTENT, "", "text/plain")])
    assert near.reads(answer).disposition.good
    assert near.stage.documents() == []
    assert len(told(near, "ping.answered")) == 1


def test_a_partner_that_refuses_us_is_still_heard_and_a_disabled_one_is_not(near: As2Stage) -> None:
    with near.stage.store.transaction(near.stage.house.everything()) as tx:
        tx.tasks.open(f"refused:{PARTNER}", kind="refused", subject=PARTNER, reason="r", fix="f")
    assert near.reads(near.sends(X12)).disposition.good
    path = near.stage.folder / "trading_partners" / f"{PARTNER}.toml"
    path.write_text(f"enabled = false\n{path.read_text()}")
    near.stage.house.settings = Settings.load(near.stage.folder / "conf" / "gateway.toml")
    near.door = As2Door(near.stage.house)
    assert near.sends(X12).code == 403
    assert near.contents() == [X12]


@on_sqlite
def test_failure_case_7_quoted_and_spaced_names(store: Store, clock: Clock, tmp_path: Path) -> None:
    near = as2_stage(store, clock, tmp_path)
    headers, body = near.message(X12)
    quoted = [(name, f'"{value}"' if name in ("AS2-From", "AS2-To") else value) for name, value in headers]
    assert near.reads(near.takes([*quoted, ("X-Other", "folded\r\n value")], body)).disposition.good
    for wrong in ("exampleclear", "EXAMPLECLEAR TOO", ""):
        other = [(name, wrong if name == "AS2-From" else value) for name, value in headers]
        assert near.takes(other, body).code == 403, "their case counts"


# The same message again.


def test_failure_case_8_a_resend_after_a_lost_receipt_gets_the_stored_one_and_is_delivered_once(near: As2Stage) -> None:
    headers, body = near.message(X12, "<1@them>")
    first = near.takes(headers, body)
    near.stage.clock.advance(3600)
    second = near.takes(headers, body)
    assert second == first, "the same bytes"
    assert near.reads(second).disposition.short == "processed", "no warning: senders take it for a failure"
    third = near.sends(X12, "<1@them>")  # Encrypted anew, as some senders do.
    assert third == first
    assert near.contents() == [X12]
    (message,) = near.messages()
    assert message.attempts == 3


def test_a_resend_that_asks_for_a_receipt_for_the_first_time_gets_one(near: As2Stage) -> None:
    near.sends(X12, "<1@them>", mdn="none")
    first = near.sends(X12, "<1@them>")
    assert near.reads(first).disposition.good
    assert near.sends(X12, "<1@them>") == first
    assert near.contents() == [X12]


def test_of_two_at_once_one_is_delivered_and_both_get_the_same_receipt(near: As2Stage) -> None:
    headers, body = near.message(X12)
    barrier = Barrier(4)

    def take(_: int) -> Any:
        barrier.wait()
        return near.takes(headers, body)

    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(take, range(4)))
    assert len(answers) == 1
    assert near.reads(answers.pop()).disposition.good
    assert near.contents() == [X12]


def test_another_content_under_the_same_message_id_is_kept_and_refused(near: As2Stage) -> None:
    first = near.sends(X12, "<1@them>")
    headers, body = near.message(b"another", "<1@them>")
    answer = near.takes(headers, body)
    assert near.reads(answer).disposition.short == "processed/error: unexpected-processing-error"
    assert near.contents() == [X12]
    refused, task = near.messages(state="refused")[0], near.stage.tasks()[0]
    kept = near.stage.store.payloads.read(refused.payload)
    assert kept.endswith(body)
    assert b"Message-ID: <1@them>\r\n" in kept
    assert near.messages()[0].id in task.fix
    assert near.takes(headers, body) == answer, "again the same answer"
    assert len(near.messages(state="refused")) == 1
    assert near.sends(X12, "<1@them>") == first
    near.sends(b"a further one")
    assert [each.id for each in near.stage.tasks()] == [task.id], "a person has to ask"


CRASH = """
import os, signal, sys
from pathlib import Path
from gateway import logs
from gateway.flow import as2_outgoing
from gateway.flow.as2_arrival import As2Door
from gateway.flow.as2_door import Head
from gateway.flow.house import House
from gateway.settings import Partner, Settings
from gateway.store import Keyring, Store
from gateway.transport.spool import Spool
import datetime

database, folder, headers, body = sys.argv[1:]
settings = Settings.load(Path(folder) / "conf" / "gateway.toml")
keys = Keyring.load_or_create(Path(folder) / "keys.json")
now = lambda: datetime.datetime(2026, 3, 2, 15, tzinfo=datetime.UTC)
store = Store.open(database, payloads=str(Path(folder) / "payloads"), keys=keys, clock=now)
door = As2Door(House(settings=settings, store=store, clock=now))
as2_outgoing.answered = lambda _: os.kill(os.getpid(), signal.SIGKILL)
pairs = tuple(tuple(each.split("\\t")) for each in Path(headers).read_text().splitlines())
head = Head(method="POST", headers=pairs, length=0, address="127.0.0.1")
spool = Spool()
spool.write(Path(body).read_bytes())
print("about to take", flush=True)
door.take(door.admit(head), spool)
"""


def test_failure_case_8_a_gateway_that_is_killed_between_commit_and_receipt(
    database_url: str, clock: Clock, ids: Callable[[int], bytes], tmp_path: Path
) -> None:
    keys = Keyring.load_or_create(tmp_path / "keys.json")
    store = Store.open(database_url, payloads=str(tmp_path / "payloads"), keys=keys, clock=clock, chance=ids)
    near = as2_stage(store, clock, tmp_path)
    headers, body = near.message(X12)
    (tmp_path / "headers").write_text("".join(f"{name}\t{value}\n" for name, value in headers))
    (tmp_path / "body").write_bytes(body)
    command = [sys.executable, "-c", CRASH, database_url, str(tmp_path), f"{tmp_path}/headers", f"{tmp_path}/body"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "about to take\n"), done.stderr
    (message,) = near.messages()
    assert near.contents() == [X12], "it was committed"
    answer = near.takes(headers, body)
    assert answer.body == store.payloads.read(message.mdn)
    assert near.reads(answer).disposition.good
    assert near.contents() == [X12], "and is delivered once"
    store.dispose()


# What cannot be taken now.


def _full(*_: object) -> str:
    raise StoreUnavailable("a payload cannot be written (No space left on device)", fix="Free space")


def test_a_store_that_cannot_write_has_the_sender_try_again(near: As2Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    headers, body = near.message(X12)
    with monkeypatch.context() as patched:
        patched.setattr(Payloads, "put", _full)
        answer = near.takes(headers, body)
    assert answer.code == 503
    assert dict(answer.headers)["Retry-After"]
    assert (near.messages(), near.stage.documents(), near.stage.tasks()) == ([], [], [])
    assert near.reads(near.takes(headers, body)).disposition.good
    assert near.contents() == [X12]


def test_a_failure_in_the_middle_of_the_commit_leaves_nothing(near: As2Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    headers, body = near.message(X12, mdn="async", mdn_url="https://as2.exampleclear.example/in")

    def fails(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(as2_outgoing, "enqueue_post", fails)
        assert near.takes(headers, body).code == 503
    assert (near.messages(), near.stage.documents(), near.stage.jobs()) == ([], [], [])
    assert near.takes(headers, body).code == 200
    assert near.contents() == [X12]


def test_a_key_of_ours_that_has_ended_is_ours_to_mend(near: As2Stage) -> None:
    headers, body = near.message(X12)
    near.stage.clock.advance(20 * 365 * 86400)
    assert near.takes(headers, body).code == 503, "a message that nobody may sign a receipt for comes again"
    (task,) = near.stage.tasks("as2")
    assert "valid" in task.reason
    near.stage.clock.advance(-20 * 365 * 86400)
    near.door = As2Door(near.stage.house)
    assert near.takes(headers, body).code == 200
    assert near.stage.tasks("as2") == []


def test_whom_we_would_encrypt_for_does_not_matter_to_what_comes_in(store: Store, clock: Clock, tmp_path: Path) -> None:
    near = as2_stage(store, clock, tmp_path)
    expired = made("expired-encryption")
    expired.files(tmp_path / "conf")
    partner = tmp_path / "trading_partners" / f"{PARTNER}.toml"
    ended = f'encryption_certificates = ["file:{tmp_path}/conf/{expired.name}.crt"]'
    partner.write_text(re.sub("(?m)^encryption_certificates = .*$", ended, partner.read_text()))
    near.stage.house.settings = Settings.load(tmp_path / "conf" / "gateway.toml")
    near.door = As2Door(near.stage.house)
    assert near.reads(near.sends(X12)).disposition.good


# What is refused.


def test_a_refusal_is_answered_kept_and_told_and_the_next_message_mends_it(near: As2Stage) -> None:
    headers, body = near.message(X12, sign="")
    answer = near.takes(headers, body)
    mdn = near.reads(answer)
    assert mdn.disposition.short == "processed/error: insufficient-message-security"
    assert near.contents() == []
    (message,) = near.messages()
    assert (message.state, message.reason) == ("refused", "it is not signed, as was agreed on")
    assert near.stage.store.payloads.read(message.payload).endswith(body)
    (event,) = told(near, "message.turned_down")
    assert event["message"] == message.id
    (task,) = near.stage.tasks(as2_refused.TASK)
    assert "not signed" in task.reason
    assert near.takes(headers, body) == answer, "the same bytes get the same receipt"
    near.sends(b"other", sign="")
    assert len(near.stage.tasks()) == 1, "one task for one reason"
    assert near.reads(near.sends(X12)).disposition.good
    assert near.stage.tasks() == []


def test_a_negative_receipt_may_be_wanted_later_too(near: As2Stage) -> None:
    answer = near.sends(X12, sign="", mdn="async", mdn_url="https://as2.exampleclear.example/in")
    assert (answer.code, answer.body) == (200, b"")
    (message,) = near.messages()
    assert [each.payload for each in near.stage.jobs("mdn_out")] == [{"message": message.id}]
    body = near.stage.store.payloads.read(message.mdn)
    assert not receipt_in(message.mdn_headers, body).disposition.good


def test_rubbish_in_a_partners_name_is_bounded(near: As2Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(as2_refused, "KEPT_MAX", 3)
    for number in range(10):
        answer = near.sends(
            f"rubbish {number}".encode(), sign="", mdn="async", mdn_url="https://as2.exampleclear.example/in"
        )
        assert answer.code == 200
    assert len(near.messages()) == 3
    files = sum(1 for _ in (tmp_path / "payloads").glob("??/*"))
    assert files == 6, "three messages and their receipts"
    assert len(near.stage.jobs("mdn_out")) == 3, "nobody is made to post more"
    assert [each["count"] for each in told(near, EVENT)] == [1]
    near.stage.clock.advance(3600)
    near.sends(b"rubbish", sign="")
    assert [each["count"] for each in told(near, EVENT)] == [1, 7], "what was only counted is told, too"
    assert near.reads(near.sends(X12)).disposition.good
    near.stage.clock.advance(86400)
    near.sends(b"another day", sign="")
    assert len(near.messages(state="refused")) == 4


def test_what_is_too_large_to_be_kept_is_told_all_the_same(near: As2Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(as2_refused, "KEPT_BYTES_MAX", 100)
    assert not near.reads(near.sends(X12, sign="")).disposition.good
    assert near.messages() == []
    assert len(near.stage.tasks(as2_refused.TASK)) == 1


def test_strangers_are_told_off_and_counted(near: As2Stage) -> None:
    for _ in range(50):
        assert near.sends(X12, us="STRANGER").code == 403
    (event,) = told(near, EVENT, NOBODY)
    assert event == {"reason": "unknown_names", "count": 1, "status": 403, "address": ADDRESS}
    near.stage.clock.advance(3600)
    near.sends(X12, us="STRANGER")
    assert [each["count"] for each in told(near, EVENT, NOBODY)] == [1, 50]
    assert (near.messages(), near.stage.tasks()) == ([], [])


def test_a_client_certificate_counts_where_one_is_named(store: Store, clock: Clock, tmp_path: Path) -> None:
    pin = made("rsa-line").certificate.fingerprint
    near = as2_stage(store, clock, tmp_path, transport=f'client_certificates = ["{pin}"]')
    headers, body = near.message(X12)
    assert near.takes(headers, body).code == 403
    assert near.takes(headers, body, certificate="SHA256:" + 64 * "0").code == 403
    assert near.takes(headers, body, certificate=pin).code == 200
    assert [each["reason"] for each in told(near, EVENT)] == ["no_client_certificate", "client_certificate"]


def test_failure_case_9_certificates_overlap_for_signing_and_decrypting(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    (tmp_path / "conf").mkdir()
    theirs, ours = made("rsa-exampleclear-next"), made("rsa-northside-next")
    for each in (theirs, ours):
        each.files(tmp_path / "conf")
    ours_key = tmp_path / "conf" / f"{ours.name}.key"
    ours_key.chmod(0o600)
    near = as2_stage(store, clock, tmp_path)
    gateway = tmp_path / "conf" / "gateway.toml"
    gateway.write_text(
        f'{gateway.read_text()}[[as2.identities.keys]]\ncertificate = "file:{tmp_path}/conf/{ours.name}.crt"\n'
        f'key = "file:{ours_key}"\nsign_from = 2026-03-03\n'
    )
    partner = tmp_path / "trading_partners" / f"{PARTNER}.toml"
    partner.write_text(
        partner.read_text().replace(
            "signing_certificates = [", f'signing_certificates = ["file:{tmp_path}/conf/{theirs.name}.crt", '
        )
    )
    near.stage.house.settings = Settings.load(gateway)
    near.door = As2Door(near.stage.house)
    signer, recipient = {"our_signers": (theirs.identity,)}, {"their_encryption": (ours.certificate,)}
    cases: list[dict[str, Any]] = [{}, signer, recipient, {**signer, **recipient}]
    for number, changes in enumerate(cases):
        answer = near.sends(f"message {number}".encode(), **changes)
        assert near.reads(answer).signed_by == made("rsa-northside").certificate
    near.stage.clock.advance(86400)
    answer = near.sends(b"the day after")
    assert near.reads(answer, their_signers=(ours.certificate,)).signed_by == ours.certificate
    assert len(near.contents()) == 5


def test_nothing_of_a_patient_is_said(near: As2Stage, written: io.StringIO) -> None:
    near.sends([document(X12, "../Zimmerwald Quintessa.x12")])
    near.sends([document(X12, "Zimmerwald Quintessa MBR77001234.x12")])
    near.sends([document(b"ACCT-31337", "Zimmerwald.x12")], "<1@them>", sign="")
    assert near.messages(state="refused"), "there is something to look at"
    with near.stage.reading() as tx:
        events = [str(each) for subject in (PARTNER, NOBODY) for each in tx.events.of(subject)]
    rows = [str(each) for each in (*near.messages(), *near.stage.documents(), *near.stage.tasks(), *near.stage.jobs())]
    said = "".join([*events, *rows, written.getvalue()]).lower()
    for secret in SECRETS:
        assert secret not in said


def test_terms_are_what_the_far_side_thinks_they_are() -> None:
    assert agreed().partner == "exampleclear", "the tests' two sides are of one agreement"


def test_keys_are_read_before_the_first_message_comes(near: As2Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proving a key takes a tenth of a second in which nothing else runs; a bad one is the message's matter."""
    read: list[str] = []

    def terms(settings: Settings, partner: Partner, at: datetime, **_: Any) -> Terms:
        read.append(partner.name)
        raise SettingsInvalid("its key has ended", fix="Name another")

    monkeypatch.setattr(as2_agreed, "terms", terms)
    near.door = As2Door(near.stage.house)
    near.door.prepare()
    assert read == [PARTNER]
