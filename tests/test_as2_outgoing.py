"""Receipts that we post: to the partner alone, again until they are taken, and as they were stored."""

import socket
from collections.abc import Iterable
from pathlib import Path

import pytest
from as2_house import As2Stage, as2_stage, receipt_in
from as2_server import Exchange, site
from as2_stage import X12
from conftest import Clock
from flow_stage import PARTNER, on_sqlite

from gateway.flow.as2_outgoing import posting_fault
from gateway.store import Store


def taken(exchange: Exchange) -> None:
    exchange.read()
    exchange.answer(200)


def busy(exchange: Exchange) -> None:
    exchange.read()
    exchange.answer(503, {"Retry-After": "700"})


def gone(exchange: Exchange) -> None:
    exchange.read()
    exchange.answer(404, body=b"no Zimmerwald here")


def cut(exchange: Exchange) -> None:
    exchange.read(10)
    exchange.cut()


def moved(exchange: Exchange) -> None:
    exchange.read()
    exchange.answer(307, {"Location": "http://127.0.0.1:1/"})


def _owing(store: Store, clock: Clock, folder: Path, url: str, wanted: str) -> As2Stage:
    """A house that owes one receipt."""
    near = as2_stage(store, clock, folder, url=url)
    assert near.sends(X12, mdn="async", mdn_url=wanted).code == 200
    return near


def test_a_receipt_is_posted_as_it_is_stored(store: Store, clock: Clock, tmp_path: Path) -> None:
    with site() as far:
        near = _owing(store, clock, tmp_path, far.then(taken).url, f"http://127.0.0.1:{far.port}/receipts")
        assert near.stage.work("mdn_out") == 1
    (exchange,) = far.seen
    (message,) = near.messages()
    assert (exchange.method, exchange.target) == ("POST", "/receipts")
    assert exchange.body == near.stage.store.payloads.read(message.mdn)
    assert receipt_in(exchange.headers, exchange.body).disposition.good
    assert message.mdn_sent_at == clock()
    assert near.stage.tasks() == []


def test_a_receipt_that_was_taken_in_a_response_meanwhile_is_not_posted(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    near = _owing(store, clock, tmp_path, "https://as2.exampleclear.example/", "https://as2.exampleclear.example/r")
    (message,) = near.messages()
    answer = near.sends(X12, message.message_id)
    assert near.reads(answer).disposition.good
    assert near.stage.work("mdn_out") == 1
    assert near.stage.jobs("mdn_out", "waiting") == near.stage.jobs("mdn_out", "parked") == []
    assert near.stage.tasks() == []


def test_a_receipt_that_is_not_taken_is_posted_again_later(store: Store, clock: Clock, tmp_path: Path) -> None:
    with site() as far:
        near = _owing(store, clock, tmp_path, far.then(busy, cut, taken).url, f"http://127.0.0.1:{far.port}/")
        for attempts in (1, 2):
            assert near.stage.work("mdn_out") == 1
            (job,) = near.stage.jobs("mdn_out", "waiting")
            assert (job.attempts, job.due_at > clock()) == (attempts, True)
            assert near.messages()[0].mdn_sent_at is None
            clock.advance(3600)
        assert near.stage.work("mdn_out") == 1
    assert len(far.seen) == 3
    assert {each.body for each in far.seen[::2]} == {near.stage.store.payloads.read(near.messages()[0].mdn)}
    assert near.messages()[0].mdn_sent_at == clock()


def test_a_server_that_takes_no_receipt_holds_one_worker_up(store: Store, clock: Clock, tmp_path: Path) -> None:
    near = as2_stage(store, clock, tmp_path)
    for _ in range(3):
        near.sends(X12, mdn="async", mdn_url="https://as2.exampleclear.example/receipts")
    assert near.stage.take(["mdn_out"]) is not None
    assert near.stage.take(["mdn_out"]) is None, "the others wait for it, and not in a worker's thread"


@on_sqlite
def test_a_receipt_that_is_wanted_at_once_after_all_is_not_posted(store: Store, clock: Clock, tmp_path: Path) -> None:
    near = as2_stage(store, clock, tmp_path)
    near.sends(X12, "<1@them>", mdn="async", mdn_url="https://as2.exampleclear.example/receipts")
    assert near.reads(near.sends(X12, "<1@them>")).disposition.good
    assert near.stage.work("mdn_out") == 1
    assert near.stage.jobs("mdn_out", "waiting") == near.stage.jobs("mdn_out", "parked") == []
    assert near.stage.tasks() == []


@on_sqlite
def test_a_stranger_that_wants_its_refusal_elsewhere_makes_no_work(store: Store, clock: Clock, tmp_path: Path) -> None:
    near = as2_stage(store, clock, tmp_path)
    for number in range(3):
        answer = near.sends(b"%d" % number, sign="", mdn="async", mdn_url="http://169.254.169.254/latest")
        assert (answer.code, answer.body) == (200, b"")
    assert near.stage.jobs("mdn_out") == []
    assert near.stage.tasks("parked") == []


@on_sqlite
@pytest.mark.parametrize("answer", [gone, moved])
def test_a_receipt_that_is_refused_waits_for_a_person(
    store: Store, clock: Clock, tmp_path: Path, answer: object
) -> None:
    with site() as far:
        near = _owing(store, clock, tmp_path, far.then(answer, taken).url, f"http://127.0.0.1:{far.port}/")  # type: ignore[arg-type]
        near.stage.work("mdn_out")
        (task,) = near.stage.tasks("parked")
        assert "zimmerwald" not in str(task).lower()
        (job,) = near.stage.jobs("mdn_out", "parked")
        with near.stage.store.transaction(near.stage.house.everything()) as tx:
            tx.jobs.unpark(job.id)
        near.stage.work("mdn_out")
    assert len(far.seen) == 2, "no redirect is followed"
    assert near.messages()[0].mdn_sent_at is not None


@on_sqlite
def test_a_receipt_goes_nowhere_but_to_the_partner(store: Store, clock: Clock, tmp_path: Path) -> None:
    with site() as elsewhere:
        near = as2_stage(store, clock, tmp_path)
        answer = near.sends(X12, mdn="async", mdn_url=f"http://127.0.0.1:{elsewhere.then(taken).port}/")
        assert answer.code == 200, "the message itself is good"
        near.stage.work("mdn_out")
    assert elsewhere.connections == 0
    (task,) = near.stage.tasks("parked")
    assert "its host is none of the partner's" in task.reason
    assert "mdn_hosts" in task.fix
    assert len(near.contents()) == 1


@on_sqlite
@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("https://as2.exampleclear.example/receipts", ""),
        ("http://AS2.exampleclear.example.:8080/", ""),
        ("https://other.exampleclear.example/", ""),
        ("https://inside.exampleclear.example/", "this machine"),
        ("https://cloud.exampleclear.example/", "this machine"),
        ("https://mapped.exampleclear.example/", "this machine"),
        ("https://away.exampleclear.example/", ""),
        ("https://as2.exampleclear.example.evil.example/", "none of the partner's"),
        ("http://127.0.0.1/", "none of the partner's"),
        ("http://169.254.169.254/latest/meta-data", "none of the partner's"),
        ("http://[::1]/", "none of the partner's"),
        ("https://user:secret@as2.exampleclear.example/", "login"),
        ("ftp://as2.exampleclear.example/", "no URL of a web server"),
        ("mailto:edi@exampleclear.example", "no URL of a web server"),
        ("file:///etc/passwd", "no URL of a web server"),
        ("https://as2.exampleclear.example:99999/", "no URL"),
        ("https://[::1", "no URL"),
        ("", "no URL"),
    ],
)
def test_where_a_receipt_may_be_posted(store: Store, clock: Clock, tmp_path: Path, url: str, fault: str) -> None:
    hosts = {
        "other.exampleclear.example": ["203.0.113.9", "10.0.0.9"],
        "inside.exampleclear.example": ["203.0.113.9", "127.0.0.1"],
        "cloud.exampleclear.example": ["169.254.169.254"],
        "mapped.exampleclear.example": ["::ffff:127.0.0.1"],
    }
    named = ", ".join(f'"{each}"' for each in (*hosts, "away.exampleclear.example"))
    near = as2_stage(store, clock, tmp_path, transport=f"mdn_hosts = [{named}]")

    def resolve(host: str) -> Iterable[str]:
        if host not in hosts:
            raise socket.gaierror(host)
        return hosts[host]

    found = posting_fault(url, near.stage.house.partner(PARTNER), resolve)
    assert fault in found
    assert bool(found) == bool(fault)


@on_sqlite
def test_a_partner_on_this_machine_is_posted_to_where_it_lives(store: Store, clock: Clock, tmp_path: Path) -> None:
    near = as2_stage(store, clock, tmp_path, url="http://127.0.0.1:5080/in")
    assert posting_fault("http://127.0.0.1:9999/receipts", near.stage.house.partner(PARTNER)) == ""
