"""The AS2 listener over real sockets: what it takes, what it refuses and says so, and what it survives."""

import random
import socket
import ssl
import tracemalloc
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from threading import Event

import pytest
from as2_lines import PAIR, FakeDoor, Listening, Pem, head, listening, made_certificate
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from gateway.errors import GatewayError, SettingsInvalid
from gateway.transport.spool import Spool
from gateway.web.as2_inbox import CONNECTIONS_OF_ADDRESS_MAX, As2Inbox
from gateway.web.as2_partials import KEPT_OF_PARTNER_MAX, KEPT_S, Partials, Range
from gateway.web.as2_request import As2Request
from gateway.web.as2_spooling import PENDING_MAX, Spooling
from gateway.web.as2_tls import Reception, Shown

ETAG = ("ETag", '"transfer-1"')
CHUNKED = (*PAIR, ("Transfer-Encoding", "chunked"))


@pytest.fixture
def door() -> FakeDoor:
    return FakeDoor()


@pytest.fixture
def listener(door: FakeDoor) -> Iterator[Listening]:
    with listening(door) as made:
        yield made


def content(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def _unchecked() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


# What it takes.


@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
def test_a_body_arrives_as_it_was_sent_and_the_answer_goes_back(door: FakeDoor, listener: Listening, size: int) -> None:
    with listener.line() as line:
        reply = line.post(content(size), ("Message-ID", "<1@them>"))
        assert (reply.status, reply.body) == (200, b"a receipt")
        assert reply.headers["as2-version"] == "1.2"
        assert "multiple-attachments" in reply.headers["ediint-features"]
        assert "server" not in reply.headers
        assert line.post(b"second").status == 200, "the connection goes on"
    assert door.bodies == [content(size), b"second"]
    assert door.heads[0].header("message-id") == "<1@them>"


def test_failure_case_7_folded_headers_and_a_missing_content_length(door: FakeDoor, listener: Listening) -> None:
    with listener.line() as line:
        line.send(
            b'POST /as2 HTTP/1.1\r\nHost: x\r\nAS2-From:\r\n  "THEM TOO"\r\nAS2-To: US\r\n'
            b'Content-Type: multipart/signed;\r\n\tboundary="a b"\r\nTransfer-Encoding: chunked\r\n\r\n'
        )
        line.send(b"3\r\nabc\r\n10;ext=1\r\n0123456789abcdef\r\n0\r\nTrailer: x\r\n\r\n")
        assert line.reply().status == 200
    assert door.bodies == [b"abc0123456789abcdef"]
    assert door.heads[0].header("AS2-From").strip() == '"THEM TOO"'
    assert door.heads[0].header("Content-Type") == 'multipart/signed; boundary="a b"'
    assert door.heads[0].length is None


def test_a_body_that_dribbles_and_two_requests_at_once(door: FakeDoor, listener: Listening) -> None:
    whole = head("POST", (*PAIR, ("Content-Length", "4"))) + b"last" + head("POST", (*PAIR, ("Content-Length", "3")))
    with listener.line() as line:
        line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in whole + b"one":
            line.send(bytes([byte]))
        assert [line.reply().status, line.reply().status] == [200, 200]
    assert door.bodies == [b"last", b"one"]


def test_a_client_that_asks_first_is_told_to_go_on(door: FakeDoor, listener: Listening) -> None:
    with listener.line() as line:
        line.send(head("POST", (*PAIR, ("Content-Length", "3"), ("Expect", "100-continue"))))
        assert line.reply().status == 100
        line.send(b"abc")
        assert line.reply().status == 200
    with listener.line() as line:
        line.send(head("POST", (("Content-Length", "3"), ("Expect", "100-continue"))))
        assert line.reply().status == 403, "who is unknown is told before the body"
    assert door.bodies == [b"abc"]


def test_whoever_only_looks_learns_nothing(door: FakeDoor, listener: Listening) -> None:
    with listener.line() as line:
        assert line.ask("GET").body == b"OK\n"
        reply = line.ask("HEAD")
        assert (reply.status, reply.body) == (200, b"")
        assert line.post(b"a message").status == 200
    assert door.told.empty()


def test_a_refusal_of_a_look_has_no_body(door: FakeDoor, listener: Listening) -> None:
    with listener.line() as line:
        reply = line.ask("HEAD", ETAG)
        assert reply.status == 403
        assert line.closed(), "and nothing comes behind its head"


# What it refuses.


@pytest.mark.parametrize(
    ("sent", "status", "kind"),
    [
        (head("POST", (*PAIR, ("X-Long", "y" * 16_384))), 431, "headers_too_large"),
        (head("POST", (*PAIR, *((f"X-{n}", "y" * 100) for n in range(99)))), 431, "headers_too_large"),
        (head("POST", (*PAIR, *((f"X-{n}", "") for n in range(99)))), 431, "headers_too_large"),
        (b"POST /as2 HTTP/1.1\r\nAS2-From: " + b"y" * 40_000, 431, "headers_too_large"),
        (b"rubbish\r\n\r\n", 400, "malformed_request"),
        (b"POST /as2 HTTP/1.1\r\nno colon\r\n\r\n", 400, "malformed_request"),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n", 400, "malformed_request"),
        (head("POST", (*PAIR, ("Content-Length", "12x"))), 400, "malformed_request"),
        (head("POST", (*PAIR, ("Content-Length", "1"), ("Content-Length", "2"))), 400, "malformed_request"),
        (head("POST", (*CHUNKED, ("Content-Length", "2"))), 400, "malformed_request"),
        (head("POST", CHUNKED) + b"nonsense\r\n", 400, "malformed_request"),
        (head("POST", PAIR), 411, "length_missing"),
        (head("POST", (*PAIR, ("Content-Length", "9"), ("Content-Encoding", "gzip"))), 415, "content_encoding"),
        (head("POST", (*PAIR, ("Content-Length", "9"), ("Expect", "miracles"))), 417, "expectation"),
        (head("POST", (*PAIR, ("Content-Length", "100000001"))), 413, "message_too_large"),
        (head("POST", (("Content-Length", "1"),)), 403, "unknown_names"),
        (head("PUT", (*PAIR, ("Content-Length", "1"))), 405, "method"),
        (head("GET", (("Content-Length", "1"),)), 400, "malformed_request"),
        (head("POST", (*PAIR, ("Content-Length", "5"), ("Content-Range", "bytes 5-9/10"))), 400, "malformed_request"),
    ],
)  # fmt: skip
def test_what_is_not_taken_is_answered_and_told(
    door: FakeDoor, listener: Listening, sent: bytes, status: int, kind: str
) -> None:
    with listener.line() as line:
        line.send(sent)
        reply = line.reply()
        assert (reply.status, reply.headers["connection"]) == (status, "close")
        assert reply.body
        assert ("allow" in reply.headers) == (status == 405)
        assert door.told.get(timeout=30).kind == kind
    assert door.bodies == []
    with listener.line() as line:
        assert line.post(b"the next one").status == 200


def test_a_body_in_chunks_that_is_too_large_is_answered_in_the_middle(door: FakeDoor) -> None:
    door.body_max = 200_000
    with listening(door) as listener, listener.line() as line:
        line.send(head("POST", CHUNKED))
        for _ in range(7):
            line.send(b"7530\r\n" + b"x" * 30_000 + b"\r\n")
        assert line.reply().status == 413
        assert door.told.get(timeout=30).partner == "them"
    assert door.bodies == []


def test_a_refusal_reaches_a_client_that_goes_on_talking(door: FakeDoor, listener: Listening) -> None:
    with listener.line() as line:
        line.send(head("POST", (("Content-Length", "500000"),)) + bytes(500_000))
        assert line.reply().status == 403
        line.close()
    with listener.line() as line:
        line.send(head("POST", (("Content-Length", "90000000"),)))
        with pytest.raises(ConnectionError):
            line.send(bytes(90_000_000))  # Not for ever: the listener hangs up.


@pytest.mark.parametrize(("tls", "most"), [(True, CONNECTIONS_OF_ADDRESS_MAX), (False, 30)])
def test_more_connections_than_are_taken(door: FakeDoor, tls: bool, most: int) -> None:
    shown = [_shown(made_certificate("ours"))] if tls else []
    with listening(door, shown=shown, connections_max=30) as listener:
        lines = [listener.line(_unchecked() if tls else None) for _ in range(most)]
        for line in lines:
            assert line.ask("GET").status == 200
        with listener.line() as further:
            assert further.closed()
        assert door.told.get(timeout=30).kind == "too_many_connections"
        for line in lines:
            line.close()
        while listener.within(lambda: len(listener.inbox._channels)):
            pass  # The reactor takes its turns.
        with listener.line(_unchecked() if tls else None) as line:
            assert line.ask("GET").status == 200


def test_more_than_is_held_of_all_senders_together(door: FakeDoor) -> None:
    door.open.clear()
    with listening(door, body_max=100_000, threads=6) as listener:
        lines = [listener.line() for _ in range(4)]
        for line in lines:
            line.request("POST", PAIR, bytes(90_000))
            assert door.entered.acquire(timeout=30)
        with listener.line() as further:
            further.request("POST", PAIR, bytes(90_000))
            reply = further.reply()
            assert (reply.status, reply.headers["retry-after"]) == (503, "60")
        assert door.told.get(timeout=30).kind == "too_much_in_hand"
        door.open.set()
        for line in lines:
            assert line.reply().status == 200
            line.close()
        with listener.line() as line:
            assert line.post(bytes(90_000)).status == 200
        assert listener.within(lambda: listener.inbox.in_hand) == 0


# What it survives.


def test_a_transfer_that_is_cut_leaves_nothing_behind(door: FakeDoor, listener: Listening, tmp_path: Path) -> None:
    with listener.line() as line:
        line.send(head("POST", (*PAIR, ("Content-Length", "5000000"))) + bytes(2_000_000))
        line.cut()
    with listener.line() as line:
        assert line.post(b"again").status == 200
    listener.stop()
    assert door.bodies == [b"again"]


def test_an_answer_that_nobody_waits_for_is_given_up(door: FakeDoor, listener: Listening) -> None:
    door.open.clear()
    with listener.line() as line:
        line.request("POST", PAIR, b"one")
        assert door.entered.acquire(timeout=30)
        line.cut()
    door.open.set()
    with listener.line() as line:
        assert line.post(b"two").status == 200
    listener.stop()
    assert sorted(door.bodies) == [b"one", b"two"]


def test_a_disk_that_is_full_is_not_the_senders_fault(door: FakeDoor, tmp_path: Path) -> None:
    nowhere = tmp_path / "file"
    nowhere.write_text("no folder")
    with listening(door, folder=nowhere) as listener, listener.line() as line:
        reply = line.post(content(2_000_000))
        assert reply.status == 503
        assert int(reply.headers["retry-after"]) > 0
        assert line.post(b"small ones need no disk").status == 200


def test_a_sender_that_is_faster_than_the_disk_is_held_up(
    door: FakeDoor, listener: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = Event()
    write = Spool.write

    def slow(spool: Spool, piece: bytes) -> int:
        assert stuck.wait(30)
        return write(spool, piece)

    monkeypatch.setattr(Spool, "write", slow)
    body = content(40_000_000)
    with listener.line() as line, ThreadPoolExecutor(1) as sender:
        line.send(head("POST", (*PAIR, ("Content-Length", str(len(body))))))
        sending = sender.submit(line.send, body)
        while not listener.within(lambda: [each.received for each in _requests(listener) if each.paused]):
            assert not sending.done(), "TCP itself holds the sender up"
        held = listener.within(lambda: _requests(listener)[0].received)
        assert PENDING_MAX <= held < PENDING_MAX + 500_000, "the listener keeps little more than it may"
        assert not sending.done()
        stuck.set()
        assert line.reply().status == 200
    assert door.bodies == [body]


def test_chunks_of_a_few_bytes_take_no_more_memory_than_large_ones() -> None:
    paused: list[bool] = []
    body = Spooling(
        Spool(), in_thread=lambda *_: Deferred(), pause=lambda: paused.append(True), resume=lambda: paused.append(False)
    )
    tracemalloc.start()
    try:
        for number in range(PENDING_MAX // 2 + 2):
            body.write(b"%02d" % (number % 100))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert paused == [True]
    assert taken < 2 * PENDING_MAX


def _requests(listener: Listening) -> list[As2Request]:
    return [request for channel in listener.inbox._channels for request in channel.requests]


def test_stopping_finishes_what_is_in_hand(door: FakeDoor) -> None:
    with listening(door) as listener:
        idle, busy = listener.line(), listener.line()
        assert idle.ask("GET").status == 200
        door.open.clear()
        busy.request("POST", PAIR, b"in hand")
        assert door.entered.acquire(timeout=30)
        listener.reactor.callFromThread(listener.inbox.stopService)
        assert idle.closed()
        door.open.set()
        reply = busy.reply()
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        assert busy.closed()
        busy.close()
        idle.close()
    assert door.bodies == [b"in hand"]


def test_a_port_that_is_taken_is_told_with_its_place(door: FakeDoor, listener: Listening) -> None:
    second = As2Inbox(door, listener.reactor, interface="127.0.0.1", port=listener.inbox.port)
    with pytest.raises(GatewayError, match="nobody can listen there") as raised:
        listener.within(second.bind)
    assert "[as2]" in str(raised.value)


# How long it waits. The clock is the test's own.


class Ticking:
    """A listener without a socket, on a clock that the test moves; threads act at once."""

    def __init__(self, door: FakeDoor, *, idle_s: float = 60.0) -> None:
        self.clock = Clock()
        self.inbox = As2Inbox(door, self.clock, interface="", port=0, idle_s=idle_s)
        self.inbox.spooling = self.inbox.opening = maybeDeferred
        self.transport = StringTransport(peerAddress=IPv4Address("TCP", "127.0.0.1", 4))
        self.channel = self.inbox.buildProtocol(self.transport.getPeer())
        assert self.channel is not None
        self.channel.makeConnection(self.transport)

    def comes(self, data: bytes, *, after_s: float = 0.0) -> None:
        self.clock.advance(after_s)
        if not self.transport.disconnecting:
            assert self.channel is not None
            self.channel.dataReceived(data)

    def answered(self) -> int:
        """The status of what was answered; 0 where nothing was."""
        said = self.transport.value()
        return int(said.split(b" ")[1]) if said else 0


def test_a_head_that_dribbles_is_cut_off(door: FakeDoor) -> None:
    ticking = Ticking(door)
    for byte in head("POST", (*PAIR, ("Content-Length", "1")))[:40]:
        ticking.comes(bytes([byte]), after_s=1.0)
    assert ticking.answered() == 408
    assert door.told.get_nowait().kind == "too_slow"
    ticking.clock.advance(5)
    assert ticking.transport.disconnecting


def test_the_head_of_a_second_request_has_its_own_time(door: FakeDoor) -> None:
    ticking = Ticking(door)
    ticking.comes(head("GET", ()))
    assert ticking.answered() == 200
    ticking.transport.clear()
    ticking.comes(b"GET", after_s=45.0)
    ticking.clock.advance(29)
    assert ticking.answered() == 0
    ticking.clock.advance(1)
    assert ticking.answered() == 408


def test_a_body_that_dribbles_is_cut_off_and_a_slow_one_is_not(door: FakeDoor) -> None:
    for piece, status in ((b"x" * 100, 408), (b"x" * 20_000, 0)):
        ticking = Ticking(door)
        ticking.comes(head("POST", (*PAIR, ("Content-Length", "100000000"))))
        for _ in range(20):
            ticking.comes(piece, after_s=10.0)
        assert ticking.answered() == status


def test_a_connection_on_which_nothing_happens_is_closed(door: FakeDoor) -> None:
    ticking = Ticking(door)
    ticking.comes(head("GET", ()))
    ticking.transport.clear()
    ticking.clock.advance(60)
    assert ticking.transport.disconnecting
    assert ticking.answered() == 0
    ticking = Ticking(door)
    ticking.comes(head("POST", (*PAIR, ("Content-Length", "10"))) + b"half")
    ticking.clock.advance(60)
    assert ticking.answered() == 408


# Whatever comes.


def _requests_of(rng: random.Random, door: FakeDoor) -> tuple[bytes, list[bytes]]:
    """Good requests one behind the other, and their bodies."""
    sent, bodies = b"", []
    for _ in range(rng.randint(1, 4)):
        body = rng.randbytes(rng.choice([0, 1, 5, 300, 40_000]))
        bodies.append(body)
        if rng.random() < 0.5:
            sent += head("POST", (*PAIR, ("Content-Length", str(len(body))))) + body
            continue
        sent += head("POST", CHUNKED)
        while body:
            size = min(len(body), rng.randint(1, 9000))
            sent += f"{size:x}\r\n".encode() + body[:size] + b"\r\n"
            body = body[size:]
        sent += b"0\r\n\r\n"
    return sent, bodies


def _comes_in_pieces(rng: random.Random, ticking: Ticking, data: bytes) -> None:
    while data:
        size = rng.choice([1, 2, 7, 100, 5000, 60_000])
        ticking.comes(data[:size])
        data = data[size:]


@pytest.mark.parametrize("seed", range(25))
def test_requests_come_out_the_same_however_they_are_cut(door: FakeDoor, seed: int) -> None:
    rng = random.Random(seed)
    sent, bodies = _requests_of(rng, door)
    ticking = Ticking(door)
    _comes_in_pieces(rng, ticking, sent)
    assert door.bodies == bodies
    assert ticking.transport.value().count(b"HTTP/1.1 200 OK") == len(bodies)


@pytest.mark.parametrize("seed", range(60))
def test_damage_is_refused_or_harmless_and_nothing_is_left_of_it(door: FakeDoor, seed: int) -> None:
    rng = random.Random(seed)
    door.body_max = 50_000
    sent, _ = _requests_of(rng, door)
    damaged = bytearray(sent)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(damaged))
        if rng.random() < 0.5:
            damaged[at] = rng.randrange(256)
        else:
            damaged[at : at + rng.randint(0, 4)] = rng.randbytes(rng.randint(0, 8))
    ticking = Ticking(door)
    _comes_in_pieces(rng, ticking, bytes(damaged))
    assert ticking.channel is not None
    ticking.clock.advance(5)
    ticking.channel.connectionLost(Failure(ConnectionDone()))
    assert ticking.clock.getDelayedCalls() == []
    assert (ticking.inbox.in_hand, ticking.inbox.live, ticking.inbox._channels) == (0, {}, set())
    answers = [int(each[:3]) for each in ticking.transport.value().split(b"HTTP/1.1 ")[1:]]
    assert all(each in (200, 400, 403, 405, 408, 411, 413, 415, 416, 417, 431) for each in answers)
    assert all(each == 200 for each in answers[:-1]), "after a refusal nothing more is taken"


# TLS.

HOUR = timedelta(hours=1)
NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)


def _shown(pem: Pem, *hosts: str) -> Shown:
    return Shown(chain=pem.certificate, key=pem.key, hosts=hosts)


def _shows(listener: Listening, pems: Sequence[Pem], host: str) -> int:
    """Which of the certificates is shown to who asks for this host."""
    with listener.line(_unchecked(), host=host) as line:
        assert isinstance(line.socket, ssl.SSLSocket)
        shown = line.socket.getpeercert(binary_form=True)
        assert line.ask("GET").status == 200
    assert shown is not None
    return [each.fingerprint for each in pems].index(f"SHA256:{sha256(shown).hexdigest()}")


def test_each_host_is_shown_its_newest_valid_certificate(door: FakeDoor) -> None:
    moment = [NOW]
    starts = [NOW - 900 * HOUR, NOW - 90 * HOUR, NOW + 9 * HOUR, NOW - 5 * HOUR]
    pems = [made_certificate(f"c{n}", starts=each, days=10) for n, each in enumerate(starts)]
    entries = [_shown(pem, "Edi.example") for pem in pems[:3]] + [_shown(pems[3])]
    with listening(door, shown=entries, clock=lambda: moment[0]) as listener:
        assert _shows(listener, pems, "edi.example") == 1, "failure case 9: the old one has ended, the next is to come"
        assert _shows(listener, pems, "other.example") == 3
        assert _shows(listener, pems, "127.0.0.1") == 3, "who names no host is shown what is for everybody"
        moment[0] = NOW + 10 * HOUR
        assert _shows(listener, pems, "edi.example") == 2, "failure case 9: while both are valid, the newer one"


def test_failure_case_9_a_client_may_show_any_certificate_and_its_fingerprint_is_told(
    door: FakeDoor, tmp_path: Path
) -> None:
    ours, first, second = (made_certificate(name) for name in ("ours", "first", "second"))
    with listening(door, shown=[_shown(ours)]) as listener:
        for pem in (None, first, second):
            context = _unchecked()
            if pem is not None:
                context.load_cert_chain(*pem.write(tmp_path, "client"))
            with listener.line(context) as line:
                assert line.post(content(2_000_000)).status == 200
                assert line.post(b"once more").status == 200
    assert [each.certificate for each in door.heads[::2]] == ["", first.fingerprint, second.fingerprint]


def test_a_line_without_tls_and_old_tls_get_nowhere(door: FakeDoor) -> None:
    ours = made_certificate("ours")
    with listening(door, shown=[_shown(ours)]) as listener:
        with listener.line() as line:
            line.send(head("GET", ()))
            with pytest.raises((ConnectionError, ValueError)):
                line.reply()
        context = _unchecked()
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(ssl.SSLError):
            listener.line(context)
        with listener.line(_unchecked()) as line:
            line.send(head("POST", (("Content-Length", "1"),)))
            assert line.reply().status == 403, "a refusal gets through TLS, too"


def test_a_key_that_is_not_the_certificates_is_told(door: FakeDoor) -> None:
    mixed = Shown(chain=made_certificate("one").certificate, key=made_certificate("two").key)
    for shown in (mixed, Shown(chain=b"nothing", key=b"")):
        with pytest.raises(SettingsInvalid) as raised:
            Reception([shown], lambda: NOW)
        assert "[[as2.tls]]" in str(raised.value)


# AS2 restart.


def _held_of(listener: Listening, *pair: tuple[str, str]) -> int:
    with listener.line() as line:
        return int(line.ask("HEAD", *(pair or PAIR), ETAG).headers["content-length"])


def _cut_at(listener: Listening, door: FakeDoor, body: bytes, size: int) -> int:
    """Cuts a transfer after so many bytes; how many are kept."""
    with listener.line() as line:
        line.send(head("POST", (*PAIR, ETAG, ("Content-Length", str(len(body))))) + body[:size])
        while not any(each.header("ETag") for each in door.heads):
            assert listener.within(lambda: True)  # The reactor takes its turns.
        return _held_of(listener)  # Who asks on a second line has given up the first.


def test_a_transfer_that_was_cut_goes_on_where_it_stopped(door: FakeDoor, listener: Listening) -> None:
    body = content(3_000_000)
    held = _cut_at(listener, door, body, 2_000_000)
    assert 0 < held <= 2_000_000
    assert _held_of(listener, ("AS2-From", "OTHER")) in (0, held), "the fake door knows one partner only"
    with listener.line() as line:
        rest = (("Content-Range", f"bytes {held}-{len(body) - 1}/{len(body)}"), ETAG)
        assert line.post(body[held:], *rest).status == 200
    assert _held_of(listener) == 0, "it has arrived"
    assert door.bodies == [body]


def test_a_rest_that_does_not_fit_is_refused_and_what_is_here_stays(door: FakeDoor, listener: Listening) -> None:
    body = content(3_000_000)
    held = _cut_at(listener, door, body, 2_000_000)
    with listener.line() as line:
        rest = (("Content-Range", f"bytes {held + 1}-{len(body) - 1}/{len(body)}"), ETAG)
        assert line.post(body[held + 1 :], *rest).status == 416
    assert _held_of(listener) == held
    with listener.line() as line:
        assert line.post(body, ETAG).status == 200, "all of it again is always right"
    assert _held_of(listener) == 0
    assert door.bodies == [body]


def _spool(size: int) -> Spool:
    spool = Spool()
    spool.write(bytes(size))
    return spool


def test_what_was_cut_is_kept_in_number_size_and_age() -> None:
    now = [0.0]
    partials = Partials(bytes_max=1000, clock=lambda: now[0])
    for number in range(KEPT_OF_PARTNER_MAX + 1):
        partials.keep(("p", f"{number}"), _spool(10))
    assert [partials.size(("p", f"{number}")) for number in (0, 1)] == [0, 10], "the oldest gives way"
    partials.keep(("q", "1"), _spool(950))
    assert partials.size(("q", "1")) == 950
    assert [partials.size(("p", f"{number}")) for number in (3, 4)] == [0, 10], "all of them have one bound"
    partials.keep(("q", "1"), _spool(7))
    assert partials.size(("q", "1")) == 950, "the longer one stays"
    assert partials.take(("q", "1"), 7) is None
    taken = partials.take(("q", "1"), 950)
    assert taken is not None
    assert partials.size(("q", "1")) == 0
    now[0] = KEPT_S
    assert partials.size(("p", "4")) == 0


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("bytes 500-999/1000", Range(500, 999, 1000)),
        ("500-999/1000", Range(500, 999, 1000)),
        ("bytes 500-998/1000", None),
        ("bytes 1000-999/1000", None),
        ("bytes */1000", None),
        ("bytes 5-/10", None),
        ("", None),
    ],
)
def test_a_range_goes_to_the_end_of_its_whole(text: str, read: Range | None) -> None:
    assert Range.read(text) == read
