"""Faults by chance and by list, and kills: whatever happens between two companies, each payload arrives once."""

import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from as2_far import Cast, deeds_of
from as2_partner import SIGNED_SYNC
from simulator_partner import Bench, Clock, Killed, claim, claims, killed_at, request, requests

from gateway.simulator.as2 import receipt as mdn
from gateway.simulator.as2 import sender
from gateway.simulator.as2.agreement import Agreement
from gateway.simulator.as2.client import Answered
from gateway.simulator.as2.desk import Desk, Envelope, Rooms, addressed, envelope
from gateway.simulator.as2.faults import Direction, Fault, Faults
from gateway.simulator.as2.identity import Identity
from gateway.simulator.as2.message import build, open_message, outermost
from gateway.simulator.as2.office import Office
from gateway.simulator.as2.records import Records
from gateway.simulator.as2.sender import Sender


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return Cast(tmp_path_factory.mktemp("cast"))


# Chance.


def test_chance_follows_from_the_seed_the_message_and_the_attempt() -> None:
    faults = Faults(seed=1, chances={Fault.BUSY: 200, Fault.NO_MDN: 300, Fault.DUPLICATE: 100}, attempts=2)
    drawn = [faults.of(Direction.IN, f"<{number}@x>", 1, attempt) for number in range(2000) for attempt in (1, 2)]
    assert drawn == [
        faults.of(Direction.IN, f"<{number}@x>", 9, attempt) for number in range(2000) for attempt in (1, 2)
    ]
    count = Counter(drawn)
    assert count.keys() == {Fault.NONE, Fault.BUSY, Fault.NO_MDN}
    assert abs(count[Fault.BUSY] - 800) < 100
    assert abs(count[Fault.NO_MDN] - 1200) < 100
    other = replace(faults, seed=2)
    assert drawn != [
        other.of(Direction.IN, f"<{number}@x>", 1, attempt) for number in range(2000) for attempt in (1, 2)
    ]
    assert {faults.of(Direction.IN, f"<{number}@x>", 1, 3) for number in range(500)} == {Fault.NONE}
    assert {faults.of(Direction.RECEIPT, f"<{number}@x>", 1, 1) for number in range(500)} == {Fault.NONE, Fault.BUSY}
    assert {faults.of(Direction.OUT, str(number), 1, 1) for number in range(500)} == {Fault.NONE, Fault.DUPLICATE}


def test_lists_go_before_chance() -> None:
    always = {Fault.BUSY: 1000}
    faults = Faults(chances=always, attempts=9, incoming=("", "slow - no_mdn"), messages={"<named@x>": "late_mdn"})
    assert [faults.of(Direction.IN, "<any@x>", 2, attempt) for attempt in (1, 2, 3, 4)] == ["slow", "", "no_mdn", ""]
    assert [faults.of(Direction.IN, "<named@x>", 2, attempt) for attempt in (1, 2)] == ["late_mdn", ""]
    assert faults.of(Direction.IN, "<any@x>", 1, 1) == "busy"


@dataclass
class Side:
    """One of two companies that send to each other."""

    bench: Bench
    office: Office
    folder: Path

    def publish(self, count: int) -> set[bytes]:
        payloads = {f"{number:06}.x12": f"from {self.folder.name} {number}\n".encode() for number in range(count)}
        for name, payload in payloads.items():
            (self.folder / "sftp" / "outbound" / name).write_bytes(payload)
        return set(payloads.values())

    def received(self) -> list[bytes]:
        return sorted(path.read_bytes() for path in (self.folder / "sftp" / "inbound").iterdir())

    def waiting(self) -> int:
        return len(list((self.folder / "sftp" / "outbound").iterdir()))

    def met(self) -> Counter[str]:
        """The faults that this side brought about."""
        return Counter(each["fault"] for each in deeds_of(self.bench) if each["did"] == "as2_fault")


@contextmanager
def two_sides(tmp_path: Path, cast: Cast, **terms: Any) -> Iterator[tuple[Side, Side, Clock]]:
    """Two companies on one clock, each with the other's certificate and address."""
    clock, sides = Clock(), []
    with ExitStack() as stack:
        ports = [stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(2)]
    names = ("ONE", "OTHER")
    with ExitStack() as stack:
        for place in (0, 1):
            folder = tmp_path / names[place]
            bench = cast.settle_in(folder)
            stack.callback(bench.mailroom.close)
            agreed = Agreement(
                name=names[place],
                partner=names[1 - place],
                port=ports[place],
                url=f"{'https' if terms.get('tls') else 'http'}://127.0.0.1:{ports[1 - place]}/as2",
                partner_certificates=(cast.own.certificate,),
                **{**terms, "faults": replace(terms["faults"], seed=place)},
            )
            office = Office(folder, agreed, clock)
            stack.callback(office.close)
            office.open(sending=False)
            sides.append(Side(bench, office, folder))
        yield sides[0], sides[1], clock


@pytest.mark.parametrize(("mdn", "tls"), [("sync", False), ("async", False), ("async", True)])
def test_with_any_faults_each_payload_arrives_once(tmp_path: Path, cast: Cast, mdn: str, tls: bool) -> None:
    chances = dict.fromkeys(set(Fault) - {Fault.NONE, Fault.NEGATIVE_MDN}, 80)
    terms = {"mdn": mdn, "tls": tls, "late_s": 0.01, "slow_s": 0.01, "faults": Faults(chances=chances, attempts=3)}
    with two_sides(tmp_path, cast, **terms) as (one, other, clock):
        sent = [side.publish(20) for side in (one, other)]
        beats = 0
        while one.waiting() or other.waiting():
            for side in (one, other):
                assert side.office.sender is not None
                side.office.sender.send_due()
            clock.forward(10)
            beats += 1
            assert beats < 100
        assert other.received() == sorted(sent[0])
        assert one.received() == sorted(sent[1])
        met = one.met() + other.met()
        assert met.keys() == chances.keys()


# Kills.

TOUCHES: tuple[tuple[type, str], ...] = (
    *((Path, each) for each in ("rename", "write_bytes", "unlink")),
    *((Records, each) for each in ("receive", "place", "placed", "note", "adopt", "attempt", "sending", "settle")),
)


class Partner:
    """A partner without sockets: keeps the payload of each message that came, and sends its own until receipted."""

    def __init__(self, own: Identity, agreement: Agreement, far: Identity) -> None:
        self._own, self._far, self._theirs = own, far.certificate, agreement
        self._mirrored = replace(agreement, name=agreement.partner, partner=agreement.name)
        self.came: dict[str, bytes] = {}
        self.to_send = {
            "<1@gateway.example>": requests(1, request("TWO-PAID-0001")).encode(),
            "<2@gateway.example>": claims(2, claim("A1-PAID-0001")).encode(),
        }

    def deliver(self, desk: Desk) -> None:
        """Each message that has no receipt yet, once."""
        for message_id, document in list(self.to_send.items()):
            built = build(document, "x.x12", self._mirrored, self._own, self._far)
            headers = Message()
            for name, value in (*addressed(self._mirrored), *SIGNED_SYNC.items(), *built.headers):
                headers[name] = value
            headers["Message-ID"] = message_id
            told = envelope(headers, self._theirs)
            assert isinstance(told, Envelope)
            answer = desk.take(headers, built.content, told)
            given = Message()
            given["Content-Type"] = dict(answer.headers)["Content-Type"]
            read = mdn.read(outermost(given, answer.content), self._own, [self._far])
            assert (read.good, read.mic, read.message_id) == (True, built.mic, message_id)
            del self.to_send[message_id]

    def take(self, url: str, headers: Sequence[tuple[str, str]], content: bytes, **_: object) -> Answered:
        """Stands in for a post over the wire."""
        fields = Message()
        for name, value in headers:
            fields[name] = value
        opened = open_message(outermost(fields, content), self._own, [self._far], 1 << 20)
        (payload,) = opened.payloads()
        message_id = fields["Message-ID"]
        assert self.came.setdefault(message_id, payload) == payload
        given = mdn.build(message_id, "processed", opened.mic("sha256"), name="GATEWAY", signer=self._own)
        answered = Message()
        answered["Content-Type"] = given.content_type
        return Answered(200, answered, given.content)


@dataclass
class Ran:
    """What came of a load: files that the partner got, by name; deeds that must not differ; whether a kill happened."""

    came: list[str]
    done: Counter[tuple[str, str]]
    died: bool


def _run(folder: Path, step: int, agreement: Agreement, own: Identity, theirs: Identity) -> Ran:
    bench, partner = Bench(folder), Partner(theirs, agreement, own)
    died = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sender, "post", partner.take)
        try:
            with killed_at(step, TOUCHES):
                _rounds(bench, agreement, own, partner)
        except Killed:
            died = True
            bench.restart()
            _rounds(bench, agreement, own, partner)
    journal = deeds_of(bench)
    bench.mailroom.close()
    assert list(bench.mailroom.outbound.iterdir()) == []
    assert len({each["message"] for each in journal if each["did"] == "as2_receipted"}) == len(partner.came)
    lasting = ("as2_received", "as2_receipted", "taken", "decided", "adjudicated", "settled")
    return Ran(
        sorted(each.split(".")[0] for each in partner.came),
        Counter((each["did"], each.get("file", "")) for each in journal if each["did"] in lasting),
        died,
    )


def _rounds(bench: Bench, agreement: Agreement, own: Identity, partner: Partner) -> None:
    """The process from its start on, until everything has been dealt with."""
    records = Records(bench.folder / "memory.sqlite3")
    try:
        rooms = Rooms(bench.folder / "as2" / "ready", bench.mailroom.inbound, bench.mailroom.outbound)
        desk = Desk(rooms, records, agreement, own, lambda: own, bench.clock)
        sending = Sender(rooms, records, agreement, own, desk, bench.clock)
        partner.deliver(desk)
        for _ in range(3):
            bench.mailroom.beat()
            sending.send_due()
            bench.clock.forward(60)
    finally:
        records.close()


def test_a_kill_at_any_step_neither_loses_nor_doubles_a_payload(tmp_path: Path, cast: Cast) -> None:
    known = (replace(cast.agreement, url="http://127.0.0.1/as2"), cast.own, cast.theirs)
    whole = _run(tmp_path / "whole", 0, *known)
    assert len(whole.came) == 4
    step, died = 1, True
    while died:
        ran = _run(tmp_path / str(step), step, *known)
        assert (ran.came, ran.done) == (whole.came, whole.done), step
        step, died = step + 1, ran.died
    assert step > 100
