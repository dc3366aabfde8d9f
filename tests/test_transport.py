"""One contract over every transport, then what can only go wrong over SFTP."""

import contextlib
import io
import os
import pwd
import random
import socket
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st
from sftp_peers import PASSWORD, SSHD, OldServer, SmallServer, Sshd, make_key

from gateway.errors import GatewayError, PartnerRefused, PartnerUnreachable, SettingsInvalid
from gateway.transport.base import Arrival, Outcome, Sent, Transport, TransportSettings, open_transport, retry_after
from gateway.transport.directory import DirectorySettings
from gateway.transport.pickup import Inbox, Listed, Sightings, name_fault, sift
from gateway.transport.probing import CONTENT
from gateway.transport.sftp import SftpSettings
from gateway.transport.sftp.files import RESUMES_MAX
from gateway.transport.sftp.keys import read_host_key, read_private_key

MEGABYTE = 1024 * 1024
AS_ROOT = os.geteuid() == 0


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Memory:
    """A seen-set."""

    keys: set[str] = field(default_factory=set)

    def has(self, key: str) -> bool:
        return key in self.keys


@dataclass
class Box:
    """A mailbox from both ends: our transport, and the partner's folders."""

    settings: Any
    inbox: Path
    outbox: Path
    archive: Path
    clock: Clock = field(default_factory=Clock)
    seen: Memory = field(default_factory=Memory)
    opened: list[Transport] = field(default_factory=list)

    def open(self, **changes: Any) -> Transport:
        transport = open_transport(cast(TransportSettings, replace(self.settings, **changes)), clock=self.clock)
        self.opened.append(transport)
        return transport

    def put(self, name: str | bytes, content: bytes, at: float = 1_700_000_000) -> Path:
        path = self.inbox / os.fsdecode(name)
        path.write_bytes(content)
        os.utime(path, (at, at))
        return path

    def poll(self, transport: Transport) -> dict[str, bytes]:
        return {each.name: each.payload.read() for each in transport.fetch(self.seen)}

    def poll_twice(self, transport: Transport) -> dict[str, bytes]:
        assert self.poll(transport) == {}, "nothing is taken at first sight"
        self.clock.now += 60
        return self.poll(transport)

    def settled(self, transport: Transport) -> Iterator[Arrival]:
        assert self.poll(transport) == {}
        self.clock.now += 60
        return transport.fetch(self.seen)


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if not SSHD:
        pytest.skip("OpenSSH's sshd is not on this machine (Debian: apt-get install openssh-server)")
    peer = Sshd(tmp_path_factory.mktemp("sshd"))
    yield peer
    peer.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallServer]:
    for name in ("inbox", "outbox", "archive"):
        (tmp_path / name).mkdir(exist_ok=True)
    peer = SmallServer(tmp_path)
    yield peer
    peer.close()


def small_settings(peer: SmallServer) -> SftpSettings:
    return SftpSettings(
        host="127.0.0.1",
        port=peer.port,
        username="clinic",
        password=PASSWORD,
        host_keys=(peer.host_key,),
        inbox="/inbox",
        outbox="/outbox",
        timeout_s=10,
        resume_pauses_s=(0.0, 0.0),
    )


@pytest.fixture(params=["directory", "sshd", "small"])
def box(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Box]:
    folders = {name: tmp_path / name for name in ("inbox", "outbox", "archive")}
    for folder in folders.values():
        folder.mkdir(exist_ok=True)
    settings: DirectorySettings | SftpSettings
    if request.param == "directory":
        settings = DirectorySettings(inbox=str(folders["inbox"]), outbox=str(folders["outbox"]))
    elif request.param == "sshd":
        peer: Sshd = request.getfixturevalue("sshd")
        settings = SftpSettings(
            host="127.0.0.1",
            port=peer.port,
            username=pwd.getpwuid(os.geteuid()).pw_name,
            key=peer.key,
            host_keys=(peer.host_key,),
            inbox=str(folders["inbox"]),
            outbox=str(folders["outbox"]),
            timeout_s=10,
        )
    else:
        settings = small_settings(request.getfixturevalue("small"))
    box = Box(settings, folders["inbox"], folders["outbox"], folders["archive"])
    yield box
    for each in box.opened:
        each.close()


@pytest.fixture
def faulty(small: SmallServer, tmp_path: Path) -> Iterator[Box]:
    box = Box(small_settings(small), tmp_path / "inbox", tmp_path / "outbox", tmp_path / "archive")
    yield box
    for each in box.opened:
        each.close()


def archive_of(box: Box) -> str:
    return "/archive" if box.settings.inbox == "/inbox" else str(box.archive)


def noise(size: int, seed: int = 7) -> bytes:
    return random.Random(seed).randbytes(size)


# ---- The contract: sending


@pytest.mark.parametrize("size", [0, 32 * 1024, 32 * 1024 + 1, 3 * MEGABYTE + 5])
def test_a_sent_file_lies_whole_under_its_name(box: Box, size: int) -> None:
    content, transport = noise(size), box.open()
    assert transport.send("claim 1.837", io.BytesIO(content), size) == Outcome.delivered()
    assert [each.name for each in box.outbox.iterdir()] == ["claim 1.837"]
    assert (box.outbox / "claim 1.837").read_bytes() == content
    assert [(each.name, each.size) for each in transport.listing()] == [("claim 1.837", size)]


def test_sending_the_same_again_is_harmless(box: Box) -> None:
    transport = box.open()
    for _ in range(3):
        assert transport.send("a.278", io.BytesIO(b"ISA"), 3).state == Sent.DELIVERED
    assert [(each.name, each.read_bytes()) for each in box.outbox.iterdir()] == [("a.278", b"ISA")]


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "a/b", "a\\b", "a\0b", "a\nb", "a" * 252, "a.part", "\udce9"])
def test_a_name_that_leads_elsewhere_is_refused(box: Box, name: str) -> None:
    assert box.open().send(name, io.BytesIO(b"ISA")).state == Sent.REFUSED
    assert not list(box.outbox.iterdir())


def test_a_document_of_ours_that_is_cut_short_is_not_sent(box: Box) -> None:
    with pytest.raises(GatewayError, match="our own copy of the document has 3 bytes and not 4") as caught:
        box.open().send("a", io.BytesIO(b"ISA"), 4)
    assert not caught.value.retryable
    assert not list(box.outbox.iterdir())


def test_a_document_of_ours_that_cannot_be_read_is_not_blamed_on_the_partner(box: Box) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("Input/output error")

    with pytest.raises(GatewayError, match="our own copy") as caught:
        box.open().send("a", Broken())
    assert type(caught.value) is GatewayError
    assert not list(box.outbox.iterdir())


def test_a_missing_outbox_is_tried_again_later(box: Box) -> None:
    box.outbox.rmdir()
    with pytest.raises(PartnerUnreachable, match=r"[Cc]reate"):
        box.open().send("a", io.BytesIO(b"ISA"))


# ---- The contract: what is picked up, and when


@pytest.mark.parametrize("size", [0, 32 * 1024, 32 * 1024 + 1, 5 * MEGABYTE + 3])
def test_a_file_comes_at_the_second_poll_as_it_is(box: Box, size: int) -> None:
    content = noise(size)
    box.put("answer 1.835", content)
    transport = box.open()
    for arrival in box.settled(transport):
        assert (arrival.name, arrival.size, arrival.modified.timestamp()) == ("answer 1.835", size, 1_700_000_000)
        assert b"".join(iter(partial(arrival.payload.read, 10_007), b"")) == content
        break
    else:
        pytest.fail("it did not come")


def test_a_half_written_file_waits_until_two_polls_agree(box: Box) -> None:
    transport = box.open()
    box.put("a", b"half")
    assert box.poll(transport) == {}
    box.clock.now += 60
    box.put("a", b"half and half", at=1_700_000_060)
    assert box.poll(transport) == {}
    box.clock.now += 60
    assert box.poll(transport) == {"a": b"half and half"}


def test_two_polls_in_quick_succession_prove_nothing(box: Box) -> None:
    transport = box.open(settle_s=5)
    box.put("a", b"whole")
    for _ in range(5):
        assert box.poll(transport) == {}
        box.clock.now += 1
    assert box.poll(transport) == {"a": b"whole"}


def test_what_an_earlier_poll_saw_can_be_handed_on(box: Box) -> None:
    sightings = Sightings(box.clock, settle_s=0)
    box.put("a", b"whole")
    for expected in ({}, {"a": b"whole"}):
        with open_transport(box.settings, clock=box.clock, sightings=sightings) as transport:
            assert box.poll(transport) == expected


def test_a_file_comes_again_until_it_is_seen(box: Box) -> None:
    transport = box.open()
    box.put("a", b"whole")
    assert box.poll_twice(transport) == box.poll(transport) == {"a": b"whole"}
    (key,) = [each.key for each in transport.fetch(box.seen)]
    box.seen.keys.add(key)
    assert box.poll(transport) == {}


def test_a_crash_between_commit_and_removal_is_made_good(box: Box) -> None:
    box.put("a", b"whole")
    for arrival in box.settled(box.open()):
        box.seen.keys.add(arrival.key)  # Committed; the process dies here.
    assert (box.inbox / "a").exists()
    assert box.poll_twice(box.open()) == {}
    assert not (box.inbox / "a").exists()


def test_the_same_name_with_other_content_comes_again(box: Box) -> None:
    transport = box.open()
    box.put("835.dat", b"one")
    for arrival in box.settled(transport):
        box.seen.keys.add(arrival.key)
        transport.confirm(arrival)
    box.put("835.dat", b"two", at=1_700_000_500)
    assert box.poll_twice(transport) == {"835.dat": b"two"}


def test_temporary_hidden_unmatched_and_folders_are_passed_over(box: Box) -> None:
    for name in ("a.835.part", "b.835.filepart", ".c.835", "d.txt", "e.835"):
        box.put(name, b"x")
    (box.inbox / "folder.835").mkdir()
    transport = box.open(pattern="*.835")
    assert box.poll_twice(transport) == {"e.835": b"x"}
    assert transport.findings == []


def test_oldest_first(box: Box) -> None:
    for name, at in (("b", 3), ("c", 1), ("a", 2)):
        box.put(name, b"x", at=1_700_000_000 + at)
    assert list(box.poll_twice(box.open())) == ["c", "a", "b"]


def test_names_with_dots_nul_or_not_utf_8_are_left_and_told_and_names_with_spaces_come(
    box: Box, request: pytest.FixtureRequest
) -> None:
    odd = [b"not \xe9 utf-8", b"bell\x07", b"back\\slash"]
    plain = {"with space", "ümläut 100%", "-rf", "a;b", "~"}
    for name in plain:
        box.put(name, b"x")
    if box.settings.inbox == "/inbox":  # What no disk holds, a server can still say.
        odd += [b"../up", b"/etc/passwd", b"nul\0", b""]
        request.getfixturevalue("small").faults.also_listed = odd
    else:
        for each in odd:
            box.put(each, b"x")
    transport = box.open()
    assert set(box.poll_twice(transport)) == plain
    assert len(transport.findings) == len(odd)


@pytest.mark.parametrize("box", ["directory", "sshd"], indirect=True)
def test_a_link_is_not_followed(box: Box, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("key")
    (box.inbox / "a").symlink_to(tmp_path / "secret")
    transport = box.open()
    assert box.poll_twice(transport) == {}
    assert "link" in transport.findings[0].what


@pytest.mark.parametrize("box", ["directory"], indirect=True)
def test_a_link_put_there_after_the_listing_is_not_followed(box: Box, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("key")
    box.put("a", b"1", at=1)
    swapped = box.put("b", b"2", at=2)
    transport, came = box.open(), []
    for arrival in box.settled(transport):
        came.append(arrival.name)
        swapped.unlink()
        swapped.symlink_to(tmp_path / "secret")
    assert came == ["a"]
    assert len(transport.findings) == 1


def test_no_file_name_of_the_partner_is_said(box: Box) -> None:
    box.put("DOE JANE 19700101\x07", b"x")
    transport = box.open()
    box.poll_twice(transport)
    (finding,) = transport.findings
    assert "DOE" not in f"{finding}{finding!r}"
    assert "a file of 1 bytes, changed 2023-11-14 22:13:20 UTC" in str(finding)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crowd")
    for number in range(10_000):
        (folder / f"{number:05}").touch()
    return folder


def test_a_directory_of_10_000_files(box: Box, crowd: Path) -> None:
    box.inbox.rmdir()
    box.inbox.symlink_to(crowd)
    transport = box.open()
    assert next(transport.fetch(box.seen), None) is None
    box.clock.now += 60
    came = [each.name for each in islice(transport.fetch(box.seen), 20)]
    assert len(set(came)) == 20
    assert transport.findings == []


# ---- The contract: several inboxes


def more_inboxes(box: Box, **said: Any) -> tuple[Path, tuple[Inbox, ...]]:
    """A second inbox beside the first; its folder here, and what the settings say of it."""
    folder = box.inbox.with_name("remits")
    folder.mkdir(exist_ok=True)
    path = "/remits" if box.settings.inbox == "/inbox" else str(folder)
    return folder, (Inbox(path=path, **said),)


def test_files_of_several_inboxes_come_oldest_first_each_by_its_own_pattern(box: Box) -> None:
    folder, more = more_inboxes(box, pattern="*.835")
    box.put("b.edi", b"2", at=2)
    for name, content, at in (("a.835", b"1", 1), ("c.835", b"3", 3), ("d.txt", b"4", 4)):
        (folder / name).write_bytes(content)
        os.utime(folder / name, (at, at))
    transport = box.open(more=more)
    assert list(box.poll_twice(transport).items()) == [("a.835", b"1"), ("b.edi", b"2"), ("c.835", b"3")]


def test_each_inbox_has_its_own_way_with_what_was_taken(box: Box) -> None:
    folder, more = more_inboxes(box, after="move", archive=archive_of(box))
    kept = box.put("a", b"1")
    (folder / "a").write_bytes(b"2")
    transport = box.open(more=more, after="keep")
    for arrival in box.settled(transport):
        box.seen.keys.add(arrival.key)
        transport.confirm(arrival)
    assert kept.exists()
    assert [(each.name, each.read_bytes()) for each in box.archive.iterdir()] == [("a", b"2")]
    assert not list(folder.iterdir())


def test_the_same_file_in_two_inboxes_comes_twice_and_the_first_inbox_stays_known(box: Box) -> None:
    box.put("a", b"1")
    alone = [each.key for each in box.settled(box.open(after="keep"))]
    folder, more = more_inboxes(box)
    (folder / "a").write_bytes(b"1")
    os.utime(folder / "a", (1_700_000_000, 1_700_000_000))
    keys = [each.key for each in box.settled(box.open(after="keep", more=more))]
    assert len(set(keys)) == 2
    assert set(alone) < set(keys)


def test_an_inbox_that_is_not_there_holds_no_other_up(box: Box) -> None:
    folder, more = more_inboxes(box)
    folder.rmdir()
    box.put("a", b"1")
    transport = box.open(more=more)
    assert box.poll_twice(transport) == {"a": b"1"}
    (finding,) = transport.findings
    assert "remits" in str(finding)
    box.inbox.rename(box.inbox.with_name("away"))
    with pytest.raises(PartnerUnreachable):
        box.poll(transport)
    box.inbox.with_name("away").rename(box.inbox)


def test_a_partner_that_is_away_is_not_asked_for_each_inbox(faulty: Box, small: SmallServer) -> None:
    _, more = more_inboxes(faulty)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        transport = faulty.open(more=more, port=mute.getsockname()[1], timeout_s=0.1)
        with pytest.raises(PartnerUnreachable):
            faulty.poll(transport)
        mute.settimeout(5)
        mute.accept()[0].close()
        mute.setblocking(False)
        with pytest.raises(BlockingIOError):
            mute.accept()


# ---- The contract: reading and confirming


def test_a_file_cut_short_while_it_is_read_comes_again_and_stops_no_other(box: Box) -> None:
    cut = box.put("a", noise(100_000), at=1)
    box.put("b", b"whole", at=2)
    transport, came = box.open(), {}
    for arrival in box.settled(transport):
        if arrival.name == "a":
            os.truncate(cut, 60_000)
            with pytest.raises(PartnerUnreachable, match="changed while it was read"):
                arrival.payload.read()
        else:
            came[arrival.name] = arrival.payload.read()
            transport.confirm(arrival)
    assert came == {"b": b"whole"}
    assert box.poll_twice(transport) == {"a": noise(100_000)[:60_000]}


def test_a_file_that_grows_while_it_is_read_comes_again(box: Box) -> None:
    path = box.put("DOE JANE.835", b"ISA")
    for arrival in box.settled(box.open()):
        with path.open("ab") as file:
            file.write(b"*00")
        with pytest.raises(PartnerUnreachable, match="changed while it was read") as caught:
            arrival.payload.read()
        assert "DOE" not in str(caught.value)


def test_a_reader_that_stops_halfway_disturbs_nothing(box: Box) -> None:
    contents = {"a": noise(MEGABYTE, 1), "b": noise(MEGABYTE, 2)}
    for name, content in contents.items():
        box.put(name, content)
    transport = box.open()
    for arrival in box.settled(transport):
        assert arrival.payload.read(10) == contents[arrival.name][:10]
        assert transport.send(f"to {arrival.name}", io.BytesIO(b"x")).state == Sent.DELIVERED
    assert arrival.payload.closed
    assert len(transport.listing()) == 2


def test_confirm_removes(box: Box) -> None:
    box.put("a", b"1", at=1)
    box.put("b", b"2", at=2)
    transport = box.open()
    for arrival in box.settled(transport):
        arrival.payload.read()
        transport.confirm(arrival)
    assert not list(box.inbox.iterdir())


def test_confirm_keeps(box: Box) -> None:
    box.put("a", b"1")
    transport = box.open(after="keep")
    for arrival in box.settled(transport):
        transport.confirm(arrival)
    assert (box.inbox / "a").exists()


def test_confirm_moves_and_never_over_another(box: Box) -> None:
    transport = box.open(after="move", archive=archive_of(box))
    for number in range(3):
        box.put("835.dat", str(number).encode(), at=1_700_000_000 + number)
        assert box.poll(transport) == {}
        box.clock.now += 60
        for arrival in transport.fetch(box.seen):
            transport.confirm(arrival)
    assert not list(box.inbox.iterdir())
    assert sorted(each.read_text() for each in box.archive.iterdir()) == ["0", "1", "2"]


def test_a_missing_archive_loses_nothing(box: Box) -> None:
    path = box.put("a", b"1")
    transport = box.open(after="move", archive=archive_of(box))
    box.archive.rmdir()
    for arrival in box.settled(transport):
        with pytest.raises(GatewayError, match="folder"):
            transport.confirm(arrival)
    assert path.read_bytes() == b"1"


@pytest.mark.parametrize("after", ["remove", "move"])
def test_the_file_is_moved_while_being_confirmed(box: Box, after: str) -> None:
    path = box.put("a", b"1")
    transport = box.open(after=after, archive=archive_of(box) if after == "move" else "")
    for arrival in box.settled(transport):
        path.rename(path.parent.parent / "theirs")
        transport.confirm(arrival)  # Their own clean-up came first: that is well.
    assert not list(box.archive.iterdir())


def test_another_file_under_the_name_is_not_removed(box: Box) -> None:
    transport = box.open()
    path = box.put("a", b"1")
    for arrival in box.settled(transport):
        arrival.payload.read()
        box.put("a", b"another", at=1_700_000_001)
        transport.confirm(arrival)
    assert path.read_bytes() == b"another"


def test_a_missing_inbox_is_tried_again_later(box: Box) -> None:
    box.inbox.rmdir()
    with pytest.raises(PartnerUnreachable):
        list(box.open().fetch(box.seen))


def test_probe_names_each_step_and_the_one_that_failed(box: Box) -> None:
    assert all(each.ok for each in box.open().probe())
    box.outbox.rmdir()
    last = box.open().probe()[-1]
    assert (last.step, last.ok) == ("outbox", False)
    assert "reate" in last.words


def test_probe_of_a_mailbox_writes_reads_renames_and_removes_a_file_that_pollers_pass_over(box: Box) -> None:
    transport = box.open()
    assert [each.step for each in transport.probe(writing=True)][-4:] == ["write", "read", "rename", "remove"]
    assert all(each.ok for each in transport.probe(writing=True))
    assert not list(box.outbox.iterdir())
    assert "write" not in [each.step for each in transport.probe()]
    for number in (1, 2):
        box.put(f"gateway-test-0123456789ab-{number}.part", CONTENT)
    assert box.poll_twice(transport) == {}


def test_a_closed_transport_opens_again(box: Box) -> None:
    transport = box.open()
    for name in "ab":
        with transport:
            assert transport.send(name, io.BytesIO(b"x")).state == Sent.DELIVERED


@pytest.mark.skipif(AS_ROOT, reason="nothing is forbidden to root; the small server covers it over SFTP")
@pytest.mark.parametrize("box", ["directory", "sshd"], indirect=True)
def test_a_forbidden_file_stops_no_other(box: Box) -> None:
    box.put("a", b"1", at=1).chmod(0)
    box.put("b", b"2", at=2)
    transport = box.open()
    assert box.poll_twice(transport) == {"b": b"2"}
    assert len(transport.findings) == 1
    box.outbox.chmod(0o500)
    assert transport.send("a", io.BytesIO(b"x")).state == Sent.REFUSED
    box.outbox.chmod(0o700)


@pytest.mark.parametrize("box", ["directory", "sshd"], indirect=True)  # The small server's memory would be counted.
def test_a_file_larger_than_memory_is_worth_streams_both_ways(box: Box) -> None:
    size = 50 * MEGABYTE
    with (box.inbox / "big").open("wb") as file:
        for _ in range(50):
            file.write(noise(MEGABYTE))
    transport = box.open()
    assert next(transport.fetch(box.seen), None) is None
    box.clock.now += 60
    arrivals = transport.fetch(box.seen)
    arrival = next(arrivals)
    tracemalloc.start()
    try:
        assert sum(len(piece) for piece in iter(partial(arrival.payload.read, MEGABYTE), b"")) == size
        os.truncate(box.inbox / "big", size // 2)
        with (box.inbox / "big").open("rb") as file:
            assert transport.send("big", file, size // 2).state == Sent.DELIVERED
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * MEGABYTE
    assert (box.outbox / "big").stat().st_size == size // 2


# ---- SFTP: uploads that go wrong


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_lost_reply_to_a_rename_is_unknown_and_its_repeat_harmless(
    faulty: Box, small: SmallServer, lost: str
) -> None:
    small.faults.lose_rename = lost
    transport = faulty.open()
    outcome = transport.send("a.837", io.BytesIO(b"ISA"), 3)
    assert outcome.state == Sent.UNKNOWN
    assert [each.name for each in transport.listing()] == (["a.837"] if lost == "after" else [])  # The proof.
    assert transport.send("a.837", io.BytesIO(b"ISA"), 3) == Outcome.delivered()
    assert [(each.name, each.read_bytes()) for each in faulty.outbox.iterdir()] == [("a.837", b"ISA")]


def test_a_server_that_takes_the_file_at_once_has_it(faulty: Box, small: SmallServer) -> None:
    small.faults.take_at_once = True
    assert faulty.open().send("a", io.BytesIO(b"ISA"), 3) == Outcome.delivered()


def test_a_server_that_takes_the_temporary_file_is_refused_in_words(faulty: Box, small: SmallServer) -> None:
    small.faults.take_temporary = True
    outcome = faulty.open().send("a", io.BytesIO(b"ISA"), 3)
    assert outcome.state == Sent.REFUSED
    assert "temporary_suffix" in outcome.reason


@pytest.mark.parametrize("before", [None, b"ISA", b"an older half"])
def test_a_server_without_posix_rename(faulty: Box, small: SmallServer, before: bytes | None) -> None:
    small.faults.without_posix_rename = True
    if before is not None:
        (faulty.outbox / "a").write_bytes(before)
    outcome = faulty.open().send("a", io.BytesIO(b"ISA"), 3)
    assert outcome == Outcome.delivered("it lay there already" if before == b"ISA" else "")
    assert [(each.name, each.read_bytes()) for each in faulty.outbox.iterdir()] == [("a", b"ISA")]


@pytest.mark.parametrize("room", [0, 100_000, 2 * MEGABYTE - 1])
def test_a_full_disk_is_tried_again_and_leaves_nothing(faulty: Box, small: SmallServer, room: int) -> None:
    small.faults.full_after = room
    transport = faulty.open()
    with pytest.raises(PartnerUnreachable, match="disk may be full"):
        transport.send("a", io.BytesIO(noise(2 * MEGABYTE)))
    assert not list(faulty.outbox.iterdir())
    small.faults.full_after = None
    assert transport.send("a", io.BytesIO(b"ISA")).state == Sent.DELIVERED


def test_a_server_that_keeps_less_than_it_says_is_caught_by_the_size(faulty: Box, small: SmallServer) -> None:
    small.faults.keep_at_most = 40_000
    with pytest.raises(PartnerUnreachable, match="kept 32768 bytes of 100000"):
        faulty.open().send("a", io.BytesIO(noise(100_000)))
    assert not list(faulty.outbox.iterdir())


def test_a_forbidden_upload_is_refused_and_the_next_goes_through(faulty: Box, small: SmallServer) -> None:
    small.faults.forbidden = {"a"}
    transport = faulty.open()
    assert transport.send("a", io.BytesIO(b"ISA")).state == Sent.REFUSED
    assert transport.send("b", io.BytesIO(b"ISA")).state == Sent.DELIVERED


# ---- SFTP: downloads that go wrong


def test_a_forbidden_download_stops_no_other(faulty: Box, small: SmallServer) -> None:
    small.faults.forbidden = {"a"}
    faulty.put("a", b"1", at=1)
    faulty.put("b", b"2", at=2)
    transport = faulty.open()
    assert faulty.poll_twice(transport) == {"b": b"2"}
    assert "permission denied" in transport.findings[0].what


def test_a_forbidden_removal_says_so(faulty: Box, small: SmallServer) -> None:
    faulty.put("a", b"1")
    transport = faulty.open()
    for arrival in faulty.settled(transport):
        small.faults.forbidden = {"a"}
        with pytest.raises(PartnerRefused, match="permission denied"):
            transport.confirm(arrival)


def test_a_file_that_vanishes_after_the_listing_stops_no_other(faulty: Box) -> None:
    faulty.put("a", b"1", at=1)
    gone = faulty.put("b", b"2", at=2)
    faulty.put("c", b"3", at=3)
    transport, came = faulty.open(), []
    for arrival in faulty.settled(transport):
        gone.unlink(missing_ok=True)
        came.append(arrival.name)
    assert came == ["a", "c"]


def test_a_cut_download_goes_on_where_it_was(faulty: Box, small: SmallServer) -> None:
    content = noise(4 * MEGABYTE)
    faulty.put("a", content)
    small.faults.drop_at = 3_000_000
    small.faults.on_drop = small.reads.clear
    transport = faulty.open()
    assert faulty.poll_twice(transport) == {"a": content}
    assert len(small.sessions) == 2
    assert min(small.reads) > 0, "what was taken is not asked for again"


def test_a_cut_download_of_a_file_that_changed_meanwhile_is_not_gone_on_with(faulty: Box, small: SmallServer) -> None:
    content = noise(4 * MEGABYTE)
    path = faulty.put("a", content)
    small.faults.drop_at = 3_000_000
    small.faults.on_drop = lambda: os.utime(path, (1_700_000_001, 1_700_000_001))
    transport = faulty.open()
    for arrival in faulty.settled(transport):
        with pytest.raises(PartnerUnreachable, match="changed while it was read"):
            arrival.payload.read()
    assert faulty.poll_twice(transport) == {"a": content}


def test_a_cut_download_of_a_file_that_was_taken_away_meanwhile(faulty: Box, small: SmallServer) -> None:
    path = faulty.put("a", noise(4 * MEGABYTE))
    small.faults.drop_at, small.faults.on_drop = 3_000_000, path.unlink
    for arrival in faulty.settled(faulty.open()):
        with pytest.raises(PartnerUnreachable, match="changed while it was read"):
            arrival.payload.read()


def test_a_download_that_is_cut_again_and_again_is_given_up_and_comes_again(faulty: Box, small: SmallServer) -> None:
    content = noise(MEGABYTE)
    faulty.put("a", content)
    small.faults.drop_at, small.faults.drops = 0, 1_000
    transport = faulty.open()
    for arrival in faulty.settled(transport):
        with pytest.raises(PartnerUnreachable, match="the connection failed"):
            arrival.payload.read()
    assert len(small.sessions) == 1 + len(faulty.settings.resume_pauses_s)
    small.faults.drop_at = None
    assert faulty.poll(transport) == {"a": content}


def test_a_server_that_cuts_after_each_piece_is_not_tried_for_ever(faulty: Box, small: SmallServer) -> None:
    faulty.put("a", noise(MEGABYTE))
    small.faults.read_at_most = 1000

    def further() -> None:
        small.faults.drop_at = (small.faults.drop_at or 0) + 1000

    small.faults.drop_at, small.faults.drops, small.faults.on_drop = 0, 10**6, further
    for arrival in faulty.settled(faulty.open(serial_reads=True)):
        with pytest.raises(PartnerUnreachable, match="the connection failed"):
            arrival.payload.read()
    assert len(small.sessions) == 1 + RESUMES_MAX


def test_a_download_that_stalls_is_given_up(faulty: Box, small: SmallServer) -> None:
    faulty.put("a", noise(MEGABYTE))
    small.faults.stall_at = 500_000
    for arrival in faulty.settled(faulty.open(timeout_s=0.3)):
        with pytest.raises(PartnerUnreachable, match="the connection failed"):
            arrival.payload.read()


@pytest.mark.parametrize(
    "fault", [{"read_at_most": 1000}, {"without_fstat": True}, {"crosswise": True}], ids=lambda fault: next(iter(fault))
)
def test_servers_that_answer_in_their_own_way(faulty: Box, small: SmallServer, fault: dict[str, Any]) -> None:
    content = noise(16 * 32 * 1024)
    faulty.put("a", content)
    small.faults = replace(small.faults, **fault)
    transport = faulty.open()
    assert faulty.poll_twice(transport) == {"a": content}
    assert transport.send("b", io.BytesIO(content), len(content)).state == Sent.DELIVERED
    assert (faulty.outbox / "b").read_bytes() == content


def test_serial_reads_never_overlap(faulty: Box, small: SmallServer) -> None:
    content = noise(MEGABYTE)
    faulty.put("a", content)
    assert faulty.poll_twice(faulty.open(serial_reads=True)) == {"a": content}
    assert not small.reads_overlapped
    assert faulty.poll_twice(faulty.open()) == {"a": content}
    assert small.reads_overlapped


# ---- SFTP: who is there, and who we are


def other_key() -> str:
    key = paramiko.ECDSAKey.generate()
    return f"{key.get_name()} {key.get_base64()}"


def refused(box: Box, **changes: Any) -> PartnerRefused:
    with pytest.raises(PartnerRefused) as caught:
        box.open(**changes).listing()
    assert not caught.value.retryable
    assert retry_after(1, random.Random(1), caught.value) is None
    return caught.value


def test_a_changed_host_key_is_refused_before_any_login(faulty: Box, small: SmallServer) -> None:
    error = refused(faulty, host_keys=(other_key(),))
    assert f"another host key: ecdsa-sha2-nistp256 {small.key.fingerprint}" in error.what
    assert small.logins == []


def test_a_host_key_of_another_type_is_a_changed_one(faulty: Box, small: SmallServer, tmp_path: Path) -> None:
    make_key(tmp_path / "other")
    error = refused(faulty, host_keys=((tmp_path / "other.pub").read_text(),))
    assert "another host key" in error.what
    assert small.logins == []


def test_any_pinned_key_will_do_in_any_of_its_forms(faulty: Box, small: SmallServer) -> None:
    fingerprint = str(small.key.fingerprint)
    for line in (
        small.host_key,
        f"[host]:22 {small.host_key} comment",
        fingerprint,
        f"{small.key.get_name()} {fingerprint}=",
    ):
        assert faulty.open(host_keys=(other_key(), line)).listing() == ()


@pytest.mark.parametrize(
    "line", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "SHA256:abc", "MD5:aa:bb", "ssh-dss AAAAB3NzaC1kc3M="]
)
def test_a_line_that_is_no_host_key(line: str) -> None:
    with pytest.raises(SettingsInvalid, match="this is no host key"):
        read_host_key(line)


def test_nothing_is_opened_without_a_pinned_key(faulty: Box) -> None:
    with pytest.raises(SettingsInvalid, match="no host key is pinned"):
        faulty.open(host_keys=())


def test_a_wrong_password_is_tried_once(faulty: Box, small: SmallServer) -> None:
    error = refused(faulty, password="wrong horse")
    assert "login" in error.what
    assert "horse" not in str(error)
    assert small.logins == [("password", "wrong")]


def test_a_wrong_key_is_not_followed_by_the_password(faulty: Box, small: SmallServer, tmp_path: Path) -> None:
    refused(faulty, key=make_key(tmp_path / "wrong"))
    assert {kind for kind, _ in small.logins} == {"publickey"}


@pytest.mark.parametrize("options", [["ed25519"], ["ecdsa"], ["rsa", "-b", "2048", "-m", "PEM"]])
def test_login_by_key(faulty: Box, small: SmallServer, tmp_path: Path, options: list[str]) -> None:
    text = make_key(tmp_path / "k", *options)
    small.login_key = read_private_key(text)
    assert faulty.open(key=text, password="").listing() == ()
    small.faults.needs_both = True
    assert faulty.open(key=text).listing() == ()
    assert "more than" in refused(faulty, key=text, password="").what


def test_keys_in_pkcs8_and_with_a_passphrase(tmp_path: Path) -> None:
    plain = read_private_key(make_key(tmp_path / "k"))
    loaded = serialization.load_ssh_private_key((tmp_path / "k").read_bytes(), None)
    sealed = serialization.BestAvailableEncryption(b"open sesame")
    for form in (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.OpenSSH):
        text = loaded.private_bytes(serialization.Encoding.PEM, form, sealed).decode()
        assert read_private_key(text, "open sesame").asbytes() == plain.asbytes()
        for wrong in ("", "close sesame"):
            with pytest.raises(SettingsInvalid, match="passphrase") as caught:
                read_private_key(text, wrong)
            assert "sesame" not in str(caught.value)


def test_a_text_that_is_no_key(faulty: Box) -> None:
    with pytest.raises(SettingsInvalid, match="private key cannot be read"):
        faulty.open(key="-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----")


def test_settings_do_not_show_their_secrets(faulty: Box) -> None:
    shown = repr(replace(faulty.settings, key="private", key_passphrase="sesame"))
    assert not any(secret in shown for secret in (PASSWORD, "private", "sesame"))


def test_a_server_that_never_answers_the_login_is_tried_again(faulty: Box, small: SmallServer) -> None:
    small.faults.silent_login = True
    with pytest.raises(PartnerUnreachable, match="did not answer the login"):
        faulty.open(timeout_s=1).listing()


def test_a_connection_that_ends_in_the_middle_of_a_login_refuses_nobody(faulty: Box, small: SmallServer) -> None:
    small.faults.cut_login = True
    with pytest.raises(PartnerUnreachable, match="before the login was answered"):
        faulty.open().listing()
    small.faults.cut_login = False
    assert faulty.open().listing() == ()


@pytest.mark.parametrize("fault", ["silent_login", "silent_subsystem"])
def test_no_thread_waits_for_ever_for_a_server_that_falls_silent(faulty: Box, small: SmallServer, fault: str) -> None:
    setattr(small.faults, fault, True)
    with pytest.raises(PartnerUnreachable):
        faulty.open(timeout_s=0.1).listing()


def test_keepalive_shows_a_quiet_server_that_we_are_still_there(
    faulty: Box, small: SmallServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead_s = 0.0
    monkeypatch.setattr(paramiko.packet, "time", SimpleNamespace(time=lambda: time.time() + ahead_s))
    faulty.open(keepalive_s=30).listing()
    assert not small.kept_alive.is_set()
    ahead_s = 31.0
    assert small.kept_alive.wait(10)


def test_a_port_that_says_nothing_is_tried_again(faulty: Box) -> None:
    said = r"did not answer|the connection failed"  # On a busy machine the banner's time is over first.
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(PartnerUnreachable, match=said):
        faulty.open(port=mute.getsockname()[1], timeout_s=0.1).listing()


def test_a_server_with_only_old_algorithms_is_refused_with_their_names(faulty: Box) -> None:
    old = OldServer()
    try:
        error = refused(faulty, port=old.port)
    finally:
        old.close()
    for name in ("diffie-hellman-group14-sha1", "ssh-rsa", "3des-cbc", "hmac-md5", "curve25519-sha256"):
        assert name in error.what
    assert "Ask the partner to turn on" in error.fix


@pytest.mark.parametrize("option", ["KexAlgorithms diffie-hellman-group14-sha1", "Ciphers aes256-cbc", "MACs hmac-md5"])
def test_openssh_set_up_as_an_old_server(faulty: Box, tmp_path: Path, option: str) -> None:
    if not SSHD:
        pytest.skip("OpenSSH's sshd is not on this machine (Debian: apt-get install openssh-server)")
    (tmp_path / "sshd").mkdir()
    peer = Sshd(tmp_path / "sshd", option)
    try:
        error = refused(faulty, port=peer.port, host_keys=(peer.host_key,), key=peer.key, password="")
    finally:
        peer.close()
    assert option.split()[1] in error.what


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_nobody_there_is_tried_again(faulty: Box) -> None:
    with pytest.raises(PartnerUnreachable, match="the connection failed") as caught:
        faulty.open(port=unused_port()).listing()
    assert caught.value.retryable


def test_probe_of_a_server_that_is_not_ours_stops_at_the_host_key(faulty: Box) -> None:
    checks = faulty.open(host_keys=(other_key(),)).probe()
    assert [(each.step, each.ok) for each in checks] == [("connect", True), ("algorithms", True), ("host key", False)]


def test_probe_of_a_server_that_forbids_removal_names_what_was_left(faulty: Box, small: SmallServer) -> None:
    small.faults.without_removal = True
    last = faulty.open().probe(writing=True)[-1]
    (left,) = faulty.outbox.iterdir()
    assert (last.step, last.ok) == ("remove", False)
    assert f"to remove {left.name}" in last.words


def test_probe_of_a_full_disk_leaves_nothing(faulty: Box, small: SmallServer) -> None:
    small.faults.full_after = 10
    last = faulty.open().probe(writing=True)[-1]
    assert (last.step, last.ok) == ("write", False)
    assert "disk may be full" in last.words
    assert not list(faulty.outbox.iterdir())


def test_probe_that_is_cut_off_removes_its_file_all_the_same(faulty: Box, small: SmallServer) -> None:
    small.faults.drop_at = 0
    last = faulty.open().probe(writing=True)[-1]
    assert (last.step, last.ok) == ("read", False)
    assert not list(faulty.outbox.iterdir())


def test_a_drop_box_that_shows_nothing_is_used_and_probed(faulty: Box, small: SmallServer) -> None:
    small.faults.blind = True
    transport = faulty.open()
    checks = {each.step: each for each in transport.probe(writing=True)}
    assert all(each.ok for each in checks.values())
    assert "may not be listed" in checks["outbox"].words
    assert "may not be read" in checks["read"].words
    assert transport.send("a", io.BytesIO(b"ISA"), 3) == Outcome.delivered()
    assert [each.name for each in faulty.outbox.iterdir()] == ["a"]


def test_a_connection_lost_between_polls_is_made_again(faulty: Box, small: SmallServer) -> None:
    transport = faulty.open()
    transport.listing()
    small.drop()
    with contextlib.suppress(PartnerUnreachable):  # Whether this call learns of it first is a matter of threads.
        transport.listing()
    assert transport.listing() == ()


# ---- Pure parts


def test_an_unknown_kind_names_the_known_ones() -> None:
    class Pigeon:
        kind: ClassVar[str] = "base"

    with pytest.raises(SettingsInvalid, match="directory, sftp"):
        open_transport(Pigeon())


@given(attempt=st.integers(1, 10_000), seed=st.integers())
def test_retries_back_off_up_to_a_cap_and_out_of_step(attempt: int, seed: int) -> None:
    wait = retry_after(attempt, random.Random(seed), first_s=5, cap_s=900)
    longest = min(900, 5 * 2 ** (attempt - 1))
    assert wait is not None
    assert longest / 2 <= wait <= longest
    assert wait == retry_after(attempt, random.Random(seed), PartnerUnreachable("busy"), first_s=5, cap_s=900)
    assert retry_after(attempt, random.Random(seed), PartnerRefused("no")) is None
    asked = PartnerUnreachable("busy", wait_s=5000)
    assert retry_after(attempt, random.Random(seed), asked, first_s=5, cap_s=900) == 5000


@given(st.text(max_size=300))
def test_a_name_without_fault_stays_in_its_folder(name: str) -> None:
    if not name_fault(name):
        assert os.path.normpath(f"/box/{name}") == f"/box/{name}"
        assert len(os.fsencode(name)) <= 255


sizes = st.lists(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2)), unique_by=lambda each: each[0]), max_size=6
)


@settings(max_examples=50)
@given(polls=sizes, steps=st.lists(st.integers(0, 3), min_size=6, max_size=6))
def test_still_means_equal_in_every_poll_for_as_long_as_the_settle_time(
    polls: list[list[tuple[str, int]]], steps: list[int]
) -> None:
    clock = Clock(0.0)
    sightings = Sightings(clock, settle_s=2)
    past: list[tuple[float, set[tuple[str, int]]]] = []
    for poll, step in zip(polls, steps, strict=False):
        clock.now += step
        still = {(each.name, each.size) for each in sightings.still([Listed(name=n, size=s) for n, s in poll])}
        expected = set()
        for each in poll:
            since = clock.now
            for when, there in reversed(past):
                if each not in there:
                    break
                since = when
            if past and each in past[-1][1] and clock.now - since >= 2:
                expected.add(each)
        assert still == expected
        past.append((clock.now, set(poll)))


def test_a_key_tells_name_size_and_time_apart() -> None:
    listed = Listed(name="a", size=1, modified_ns=1)
    others = [
        replace(listed, name="b"),
        replace(listed, size=2),
        replace(listed, modified_ns=2),
        replace(listed, name="\udce9"),
    ]
    assert len({each.key for each in (listed, *others)}) == 5
    assert listed.key == replace(listed).key


def test_a_partner_that_uploads_under_dotted_names_can_be_asked_for_them() -> None:
    sightings = Sightings(Clock(), settle_s=0)
    entries = [Listed(name=".a.835", size=1)]
    for expected in ([], entries):
        found = sift([(Inbox(path="in", pattern=".*"), entries)], suffix=".part", sightings=sightings, seen=Memory())
        assert found.ready == expected
