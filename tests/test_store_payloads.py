"""Payloads: streamed, sealed, named by content, whole or not there, and tampered with never unseen."""

import errno
import io
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import GatewayError
from gateway.store import Keyring, NotInStore, SealBroken, StoreUnavailable
from gateway.store.payloads import CHUNK, LEFT_OVER_S, Payloads, shelf

RING = Keyring.create()
SECRET = b"NM1*IL*1*Zimmerwald*Quintessa****MI*MBR77001234~"


@pytest.fixture(params=["folder", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "payloads") if request.param == "folder" else f"memory://{tmp_path.name}"


@pytest.fixture
def payloads(place: str) -> Payloads:
    return Payloads(shelf(place), RING)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 7])
def test_bytes_come_back_whole(payloads: Payloads, size: int) -> None:
    plain = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    content_id = payloads.put(plain[at : at + 1000] for at in range(0, size, 1000))
    assert payloads.read(content_id) == plain
    assert payloads.size(content_id) == size
    with payloads.open(content_id) as stream:
        assert stream.read(3) + stream.read() == plain
        stream.seek(0)
        assert stream.read() == plain, "from its start it may be read again"
        with pytest.raises(io.UnsupportedOperation):
            stream.seek(-1, io.SEEK_END)
    assert payloads.put([plain]) == content_id, "the same bytes have the same id, however they come"


@settings(max_examples=30, deadline=None)
@given(chunks=st.lists(st.binary(max_size=50), max_size=20), read=st.integers(1, 60))
def test_any_chunks_in_any_chunks_out(tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes], read: int) -> None:
    payloads = Payloads(shelf(str(tmp_path_factory.mktemp("p"))), RING)
    with payloads.open(payloads.put(chunks)) as stream:
        assert b"".join(iter(lambda: stream.read(read), b"")) == b"".join(chunks)


def test_other_keys_give_other_ids_and_do_not_open(place: str, payloads: Payloads) -> None:
    content_id = payloads.put([SECRET])
    other = Payloads(shelf(place), Keyring.create())
    assert other.put([SECRET]) != content_id
    with pytest.raises(SealBroken):
        other.read(content_id)


def test_no_plain_byte_is_on_the_disk(tmp_path: Path) -> None:
    payloads = Payloads(shelf(str(tmp_path)), RING)
    payloads.put([SECRET * 5000])
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 1
    held = files[0].read_bytes()
    assert len(held) > len(SECRET) * 5000
    for word in (b"Zimmerwald", b"Quintessa", b"MBR77001234", b"NM1*IL"):
        assert word not in held
        assert word.decode() not in str(files[0])
    assert files[0].stat().st_mode & 0o077 == 0


def _file(folder: Path, content_id: str) -> Path:
    return folder / content_id[:2] / content_id[2:]


@pytest.mark.parametrize(
    "change", ["first byte", "key", "middle", "tag", "cut", "cut at a chunk", "longer", "chunks swapped"]
)
def test_a_tampered_payload_is_refused(tmp_path: Path, change: str) -> None:
    payloads = Payloads(shelf(str(tmp_path)), RING)
    content_id = payloads.put([os.urandom(3 * CHUNK + 10)])
    path = _file(tmp_path, content_id)
    held = bytearray(path.read_bytes())
    sealed_chunk = CHUNK + 16
    body = len(held) - 3 * sealed_chunk - 26
    if change in ("first byte", "key", "middle", "tag"):
        held[{"first byte": 0, "key": 40, "middle": len(held) // 2, "tag": -1}[change]] ^= 1
    elif change == "cut":
        del held[-5:]
    elif change == "cut at a chunk":
        del held[body + 2 * sealed_chunk :]
    elif change == "longer":
        held += b"x" * 50
    else:
        one, two = held[body : body + sealed_chunk], held[body + sealed_chunk : body + 2 * sealed_chunk]
        held[body : body + 2 * sealed_chunk] = two + one
    path.write_bytes(held)
    with pytest.raises(SealBroken):
        payloads.read(content_id)


def test_a_payload_under_anothers_name_is_refused(tmp_path: Path) -> None:
    payloads = Payloads(shelf(str(tmp_path)), RING)
    mine, other = payloads.put([b"mine"]), payloads.put([b"other"])
    _file(tmp_path, mine).write_bytes(_file(tmp_path, other).read_bytes())
    with pytest.raises(SealBroken):
        payloads.read(mine)
    assert payloads.put([b"mine"]) == mine
    assert payloads.read(mine) == b"mine", "putting the same bytes again mends a damaged file"


@pytest.mark.parametrize("wrong", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64])
def test_what_is_no_payload_is_not_there(payloads: Payloads, wrong: str) -> None:
    with pytest.raises(NotInStore):
        payloads.read(wrong)
    with pytest.raises(NotInStore):
        payloads.size(wrong)


def test_a_source_that_breaks_leaves_nothing(place: str, payloads: Payloads, tmp_path: Path) -> None:
    def breaks() -> Iterator[bytes]:
        yield b"x" * 200_000
        raise ConnectionResetError("the partner went away")

    with pytest.raises(ConnectionResetError, match="went away"):
        payloads.put(breaks())
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert list(shelf(place).names()) == []


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    payloads = Payloads(shelf(str(tmp_path)), RING)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StoreUnavailable, match="No space left") as raised:
            payloads.put([SECRET])
    assert raised.value.retryable
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert payloads.read(payloads.put([SECRET])) == SECRET


def test_what_a_killed_program_left_is_ignored_and_swept(tmp_path: Path) -> None:
    payloads = Payloads(shelf(str(tmp_path)), RING)
    kept = payloads.put([SECRET])
    unfinished = tmp_path / "unfinished"
    for name, age in (("old", LEFT_OVER_S + 60), ("young", 60)):
        (unfinished / name).write_bytes(_file(tmp_path, kept).read_bytes()[:40])
        os.utime(unfinished / name, (time.time() - age,) * 2)
    assert [name.replace("/", "") for name in shelf(str(tmp_path)).names()] == [kept]
    payloads.sweep()
    assert [path.name for path in unfinished.iterdir()] == ["young"]
    assert payloads.read(kept) == SECRET


def test_a_new_key_takes_over_without_sealing_the_bytes_again(place: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    old = Keyring.load_or_create(path)
    content_id = Payloads(shelf(place), old).put([SECRET * 3000])
    ring = old.rotate(path)
    payloads = Payloads(shelf(place), ring)
    assert payloads.rewrap() == 1
    assert payloads.rewrap() == 0
    assert payloads.read(content_id) == SECRET * 3000
    with pytest.raises(SealBroken):
        Payloads(shelf(place), old).read(content_id)


def test_a_place_that_nothing_here_can_reach_says_what_to_install() -> None:
    with pytest.raises(GatewayError, match="Install"):
        shelf("nosuchplace://bucket/folder")
