"""What the simulator sends by AS2: its answers until they are receipted, and the receipts that it owes."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import as2_partner
import pytest
from as2_far import ONE, PAYLOAD, Cast, Post, mic, receipting, status
from as2_partner import NAMES, SIGNED_SYNC, Receiver, Reply, entity, halves, make_keys, send, verified

from gateway.simulator.as2.faults import Faults
from gateway.simulator.as2.message import open_message, outermost

Begin = Callable[..., Post]


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return Cast(tmp_path_factory.mktemp("cast"))


@pytest.fixture
def begin(cast: Cast, tmp_path: Path) -> Iterator[Begin]:
    """A simulator with a partner that gives these replies, and an agreement with these terms."""
    with ExitStack() as stack:

        def begun(*replies: Callable[[Post], Reply], **terms: Any) -> Post:
            receiver = Receiver()
            stack.callback(receiver.close)
            agreement = replace(cast.agreement, **{"url": receiver.url, **terms})
            made = Post(stack.enter_context(cast.started(tmp_path / "far", agreement)), receiver)
            receiver.replies = [partial(reply, made) for reply in replies]
            return made

        yield begun


def test_what_is_published_is_sent_signed_and_encrypted_until_receipted(begin: Begin) -> None:
    post = begin(receipting)
    post.publish()
    assert post.beat() == 1
    (came,) = post.receiver.came
    head, payload = halves(post.opened(came)[0])
    assert payload == PAYLOAD
    assert head.get_content_type() == "application/edi-x12"
    assert (came.headers["AS2-From"], came.headers["AS2-To"]) == ("SIMPAYER", "GATEWAY")
    assert came.headers["Disposition-Notification-Options"].startswith("signed-receipt-protocol=required, pkcs7")
    assert post.waiting() == []
    assert post.beat(1000) == 0
    assert post.did() == ["as2_sent", "as2_receipted"]


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (status(500), ["as2_unsent http_500"]),
        (status(200), ["as2_sent", "as2_receipt_refused unexpected-processing-error"]),
        (partial(receipting, mic="AAAA"), ["as2_sent", "as2_receipt_refused wrong-mic"]),
        (partial(receipting, signed=False), ["as2_sent", "as2_receipt_refused unsigned-receipt"]),
        (partial(receipting, about="<other@simulator.invalid>"), ["as2_sent", "as2_receipt_refused unknown-message"]),
    ],
    ids=["500", "no receipt", "wrong MIC", "unsigned", "of another message"],
)
def test_what_has_no_good_receipt_is_sent_again_with_the_same_message_id(
    begin: Begin, reply: Callable[[Post], Reply], told: list[str]
) -> None:
    post = begin(reply, receipting)
    post.publish()
    assert post.beat() == 1
    assert post.beat(0.9) == 0
    assert post.waiting() == ["999_000001.x12"]
    assert post.beat(0.2) == 1
    first, second = post.receiver.came
    assert first.headers["Message-ID"] == second.headers["Message-ID"]
    assert post.opened(first) == post.opened(second)
    assert post.waiting() == []
    assert post.did() == [*told, "as2_sent", "as2_receipted"]


def test_a_receipt_of_a_stranger_is_not_believed(begin: Begin, tmp_path: Path) -> None:
    post = begin(partial(receipting, keys=make_keys(tmp_path, "stranger")))
    post.publish()
    post.beat()
    assert post.did() == ["as2_sent", "as2_receipt_refused authentication-failed"]
    assert post.waiting() == ["999_000001.x12"]


def test_waits_grow_and_retry_after_is_kept(begin: Begin) -> None:
    post = begin(status(503, Retry_After="5"), status(503), status(503), receipting, retry_max_s=3.0)
    post.publish()
    beats = [post.beat(seconds) for seconds in (0, 4.9, 0.2, 1.9, 0.2, 2.9, 0.2)]
    assert beats == [1, 0, 1, 0, 1, 0, 1]
    assert post.waiting() == []


def test_what_the_partner_turns_down_is_not_sent_again_and_stays(begin: Begin) -> None:
    post = begin(partial(receipting, disposition="processed/error: decryption-failed"))
    post.publish()
    assert (post.beat(), post.beat(1000)) == (1, 0)
    assert post.did() == ["as2_sent", "as2_turned_down"]
    assert post.waiting() == ["999_000001.x12"]


def test_without_receipts_a_good_status_is_enough(begin: Begin) -> None:
    post = begin(status(204), mdn="none")
    post.publish()
    post.beat()
    assert "Disposition-Notification-To" not in post.receiver.came[0].headers
    assert post.waiting() == []


def test_a_partner_that_is_away_gets_it_later(begin: Begin) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    post = begin(receipting, url=f"http://127.0.0.1:{port}/in")
    post.publish()
    post.beat()
    assert post.did() == ["as2_unsent ConnectionRefusedError"]
    assert post.waiting() == ["999_000001.x12"]


def test_an_asynchronous_receipt_settles_and_a_missing_one_brings_it_again(begin: Begin) -> None:
    post = begin(status(200), mdn="async", within_s=30.0)
    post.publish()
    assert (post.beat(), post.beat(29), post.beat(2)) == (1, 0, 1)
    url = post.receiver.came[0].headers["Receipt-Delivery-Option"]
    assert url == f"http://127.0.0.1:{post.far.port}/as2"
    _, head, content = receipting(post)
    for _ in range(2):
        headers = {**NAMES, "Message-ID": "<mdn@gateway.example>", **head}
        assert as2_partner.post(post.far.port, headers, content).status == 200
    assert post.waiting() == []
    assert post.beat(1000) == 0
    assert post.did() == ["as2_sent", "as2_sent", "as2_receipted"]


@pytest.mark.parametrize("compressed", ["before", "after"])
def test_compression_is_used_where_agreed(begin: Begin, cast: Cast, compressed: str) -> None:
    post = begin(status(200), compress=compressed)
    payload = PAYLOAD * 1000
    post.publish(payload)
    post.beat()
    (came,) = post.receiver.came
    assert len(came.body) < len(payload)
    outer = outermost(came.headers, came.body)
    (arrived,) = open_message(outer, cast.theirs, [cast.own.certificate], 1 << 20).payloads()
    assert arrived == payload


# Faults of its own sending.


def with_outgoing(*faults: str) -> Faults:
    return Faults(outgoing=faults)


def test_a_duplicate_is_the_same_message_twice(begin: Begin) -> None:
    post = begin(status(200), receipting, faults=with_outgoing("duplicate"))
    post.publish()
    assert post.beat() == 1
    first, second = post.receiver.came
    assert first.body == second.body
    assert first.headers["Message-ID"] == second.headers["Message-ID"]
    assert post.did() == ["as2_fault", "as2_doubled", "as2_sent", "as2_receipted"]


def test_a_request_cut_in_the_middle_comes_whole_later(begin: Begin) -> None:
    post = begin(receipting, faults=with_outgoing("cut_sending"))
    post.publish()
    assert (post.beat(), len(post.receiver.came)) == (1, 0)
    assert post.beat(1.1) == 1
    assert len(post.receiver.came) == 1
    assert post.did() == ["as2_fault", "as2_unsent cut_sending", "as2_sent", "as2_receipted"]


def test_a_receipt_that_is_cut_off_brings_the_message_again(begin: Begin) -> None:
    post = begin(receipting, faults=with_outgoing("cut_receipt"))
    post.publish()
    assert (post.beat(), len(post.receiver.came)) == (1, 1)
    assert (post.beat(1.1), len(post.receiver.came)) == (1, 2)
    assert post.did() == ["as2_fault", "as2_unsent cut_receipt", "as2_sent", "as2_receipted"]


# Receipts that it posts.


def asking(post: Post, url: str = "") -> dict[str, str]:
    return {**SIGNED_SYNC, "Receipt-Delivery-Option": url or post.receiver.url}


def test_an_asynchronous_receipt_is_posted_until_it_is_taken(begin: Begin) -> None:
    post = begin(status(500), status(200))
    answer = send(post.far.port, ONE, post.far.message(), asking(post))
    assert (answer.status, answer.content) == (200, b"")
    assert (post.beat(), post.beat(0.9), post.beat(0.2), post.beat(100)) == (1, 0, 1, 0)
    first, second = post.receiver.came
    assert first.body == second.body
    assert first.headers["Message-ID"] == second.headers["Message-ID"]
    covered = verified(second.headers, second.body, post.far.certificate, post.far.folder)
    assert f"Received-Content-MIC: {mic(entity(PAYLOAD))}, sha-256".encode() in covered
    assert post.did() == ["as2_received", "as2_receipt_posted"]


def test_a_receipt_that_the_partner_does_not_want_is_given_up(begin: Begin) -> None:
    post = begin(status(429), status(400))
    send(post.far.port, ONE, post.far.message(), asking(post))
    assert (post.beat(), post.beat(2), post.beat(100)) == (1, 1, 0)
    assert post.did() == ["as2_received", "as2_receipt_given_up http_400"]


def test_a_late_receipt_is_posted_late_and_a_missing_one_never(begin: Begin) -> None:
    post = begin(status(200), late_s=60.0, faults=Faults(incoming=("late_mdn", "no_mdn")))
    for number in (1, 2):
        send(post.far.port, f"<{number}@gateway.example>", post.far.message(), asking(post))
    assert (post.beat(), post.beat(59), post.beat(2), post.beat(10_000)) == (0, 0, 1, 0)
    assert b"Original-Message-ID: <1@gateway.example>" in post.receiver.came[0].body


def test_a_receipt_is_posted_nowhere_else(begin: Begin) -> None:
    post = begin(status(200))
    for number, url in enumerate(("http://192.0.2.1/x", "file:///etc/passwd", "ftp://127.0.0.1/", "http://[")):
        send(post.far.port, f"<{number}@gateway.example>", post.far.message(), asking(post, url))
    assert post.beat() == 4
    assert post.did()[4:] == ["as2_receipt_given_up not_allowed"] * 4
