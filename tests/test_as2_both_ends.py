"""Our own client and our own listener at the two ends of a wire that is cut in between: all of it comes over, once."""

import io
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from as2_house import As2Stage, as2_stage
from as2_lines import Listening, listening
from as2_server import tls_keys
from as2_stage import agreed, mirrored
from cms_keys import NOW
from conftest import Clock
from flow_stage import on_sqlite

from gateway.errors import PartnerRefused
from gateway.store import Store
from gateway.transport.as2 import As2Settings, As2Transport, ClientCertificate, ping
from gateway.transport.base import Sent
from gateway.web.as2_tls import Shown

WAIT_S = 30.0


@contextmanager
def cutting(port: int, *limits: int) -> Iterator[tuple[int, list[int]]]:
    """A relay to ``port``: its connections are cut after so many bytes, one after the other; (its port, the bytes)."""
    cuts, seen = list(limits), list[int]()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def relay(near: socket.socket, limit: int | None) -> None:
            place = len(seen)
            seen.append(0)
            with near, socket.create_connection(("127.0.0.1", port), WAIT_S) as far:
                back = threading.Thread(target=_pump, args=(far, near), daemon=True)
                back.start()
                while data := _some(near):
                    data = data if limit is None else data[: limit - seen[place]]
                    with suppress(OSError):
                        far.sendall(data)
                    seen[place] += len(data)
                    if limit is not None and seen[place] >= limit:
                        break
                for each in (near, far):
                    with suppress(OSError):
                        each.shutdown(socket.SHUT_RDWR)
                back.join(WAIT_S)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    near, _ = listener.accept()
                    near.settimeout(WAIT_S)
                    limit = cuts.pop(0) if cuts else None
                    threading.Thread(target=relay, args=(near, limit), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1], seen
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _some(sock: socket.socket) -> bytes:
    try:
        return sock.recv(65536)
    except OSError:
        return b""


def _pump(source: socket.socket, target: socket.socket) -> None:
    while data := _some(source):
        with suppress(OSError):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def ours(store: Store, clock: Clock, tmp_path: Path) -> As2Stage:
    """NORTHSIDE, which listens; the tests send as EXAMPLECLEAR."""
    return as2_stage(store, clock, tmp_path)


def port_of(listener: Listening) -> int:
    return int(listener.within(lambda: listener.inbox.port))


def theirs(port: int, announced: set[str]) -> As2Transport:
    settings = As2Settings(terms=mirrored(agreed()), url=f"http://127.0.0.1:{port}/as2", timeout_s=20.0)
    return As2Transport(settings, announced=announced, now=lambda: NOW, wait=lambda _: None)


def test_restart_brings_a_message_over_a_wire_that_is_cut_again_and_again(ours: As2Stage) -> None:
    payload = random.Random(4130).randbytes(4_000_000)
    announced: set[str] = set()
    with listening(ours.door) as listener:
        with theirs(port_of(listener), announced) as transport:
            assert transport.send("small.edi", io.BytesIO(b"ISA"), 3, reference="do_small").state is Sent.DELIVERED
        assert announced == {"northside"}, "our listener says that it can"
        # Posts and questions take turns: every other connection is a question of a few hundred bytes.
        limits = (1_500_000, 10_000, 1_000_000, 10_000)
        with cutting(port_of(listener), *limits) as (port, seen), theirs(port, announced) as transport:
            outcome = transport.send("large.edi", io.BytesIO(payload), len(payload), reference="do_large")
    assert outcome.state is Sent.DELIVERED
    assert ours.contents() == [b"ISA", payload]
    assert [each.state for each in ours.messages()] == ["processed", "processed"]
    assert sum(seen) < len(payload) + 1_000_000, "nothing but what was lost on its way went twice"


@on_sqlite
def test_without_restart_the_whole_goes_again_and_is_delivered_once(ours: As2Stage) -> None:
    payload = random.Random(4131).randbytes(2_000_000)
    with (
        listening(ours.door) as listener,
        cutting(port_of(listener), 700_000) as (port, seen),
        theirs(port, set()) as transport,
    ):
        states = [transport.send("a.edi", io.BytesIO(payload), len(payload), reference="do_a").state for _ in range(3)]
    assert states == [Sent.UNKNOWN, Sent.DELIVERED, Sent.DELIVERED]
    assert ours.contents() == [payload]
    assert sum(seen) > 2 * len(payload)


@on_sqlite
def test_a_ping_proves_the_line_and_delivers_nothing(ours: As2Stage) -> None:
    with listening(ours.door) as listener, theirs(port_of(listener), set()) as transport:
        checks = transport.probe(writing=True)
    assert [(each.step, each.ok) for each in checks] == [
        (step, True) for step in ("certificates", "connect", "tls", "message", "receipt")
    ]
    assert ours.contents() == []
    assert ping.MARK not in b"".join(ours.contents())


@on_sqlite
def test_over_tls_each_end_proves_itself_with_a_pinned_certificate(store: Store, clock: Clock, tmp_path: Path) -> None:
    server, client, stranger = tls_keys("our listener"), tls_keys("their client"), tls_keys("somebody")
    ours = as2_stage(store, clock, tmp_path, transport=f'client_certificates = ["{client.fingerprint}"]')
    shown = Shown(chain=server.certificate.encode(), key=server.key.encode())
    with listening(ours.door, shown=[shown]) as listener:
        there = As2Settings(
            terms=mirrored(agreed()),
            url=f"https://127.0.0.1:{port_of(listener)}/as2",
            pins=(server.fingerprint,),
            clients=[ClientCertificate.load(client.certificate.encode(), client.key)],
            timeout_s=20.0,
        )
        with As2Transport(there, now=lambda: NOW) as transport:
            assert transport.send("a.edi", io.BytesIO(b"ISA"), 3, reference="do_a").state is Sent.DELIVERED
        others = [ClientCertificate.load(stranger.certificate.encode(), stranger.key)]
        for wrong in (replace(there, clients=()), replace(there, clients=others)):
            with As2Transport(wrong, now=lambda: NOW) as transport, pytest.raises(PartnerRefused, match="answered 403"):
                transport.send("b.edi", io.BytesIO(b"ISA"), 3, reference="do_b")
        impostor = replace(there, pins=(stranger.fingerprint,))
        with As2Transport(impostor, now=lambda: NOW) as transport, pytest.raises(PartnerRefused, match="not pinned"):
            transport.send("c.edi", io.BytesIO(b"ISA"), 3, reference="do_c")
    assert ours.contents() == [b"ISA"]
