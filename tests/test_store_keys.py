"""The key file and what it seals: opened with the right key in the right place, and by nothing else."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import GatewayError
from gateway.store import Keyring, SealBroken
from gateway.store.keys import OVERHEAD

RING = Keyring.create()


@given(plain=st.binary(max_size=300), context=st.text(max_size=20))
def test_what_was_sealed_opens_in_its_place(plain: bytes, context: str) -> None:
    sealed = RING.seal(plain, context)
    assert len(sealed) == len(plain) + OVERHEAD
    assert RING.unseal(sealed, context) == plain
    assert len(plain) < 4 or plain not in sealed
    with pytest.raises(SealBroken):
        RING.unseal(sealed, context + "/elsewhere")


@given(place=st.integers(0, OVERHEAD + 3), bit=st.integers(0, 7))
def test_a_changed_bit_anywhere_is_refused(place: int, bit: int) -> None:
    sealed = bytearray(RING.seal(b"born", "people/1"))
    sealed[place] ^= 1 << bit
    with pytest.raises(SealBroken):
        RING.unseal(bytes(sealed), "people/1")


@given(length=st.integers(0, OVERHEAD + 3))
def test_a_text_that_was_cut_is_refused(length: int) -> None:
    with pytest.raises(SealBroken):
        RING.unseal(RING.seal(b"born", "x")[:length], "x")


def test_the_same_text_is_never_sealed_the_same_way() -> None:
    assert len({RING.seal(b"x", "x") for _ in range(100)}) == 100


def test_a_fingerprint_tells_values_apart_and_needs_the_key() -> None:
    assert RING.fingerprint("ab", "c") != RING.fingerprint("a", "bc")
    assert RING.fingerprint("ab", "c") == RING.fingerprint("ab", "c")
    assert RING.fingerprint("ab") != Keyring.create().fingerprint("ab")


def test_the_first_start_makes_a_key_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "new" / "keys.json"
    sealed = Keyring.load_or_create(path).seal(b"born", "x")
    assert path.stat().st_mode & 0o777 == 0o600
    assert Keyring.load_or_create(path).unseal(sealed, "x") == b"born"
    assert [each.name for each in path.parent.iterdir()] == ["keys.json"]


def test_programs_that_start_at_once_share_one_key_file(tmp_path: Path) -> None:
    barrier = Barrier(6)

    def start(_: int) -> str:
        barrier.wait()
        return Keyring.load_or_create(tmp_path / "keys.json").fingerprint("x")

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(start, range(6)))) == 1


def test_a_key_file_open_to_others_is_refused_with_the_cure(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    Keyring.load_or_create(path)
    path.chmod(0o640)
    with pytest.raises(GatewayError, match="chmod 600"):
        Keyring.load(path)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"keys": {"a": "!"}, "current": "a", "lookup": ""}'])
def test_what_is_no_key_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.touch(mode=0o600)
    path.write_text(text)
    with pytest.raises(GatewayError, match="not a key file"):
        Keyring.load(path)


def test_a_missing_key_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(GatewayError, match="backup"):
        Keyring.load(tmp_path / "keys.json")


def test_after_a_rotation_the_old_opens_and_the_new_seals(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    old = Keyring.load_or_create(path)
    sealed = old.seal(b"born", "x")
    old.rotate(path)
    ring = Keyring.load(path)
    assert ring.unseal(sealed, "x") == b"born"
    assert ring.current != old.current
    assert ring.key_id(ring.seal(b"y", "x")) == ring.current
    assert ring.fingerprint("x") == old.fingerprint("x"), "what was found before is found after"
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(SealBroken, match="not in the key file"):
        old.unseal(ring.seal(b"y", "x"), "x")
