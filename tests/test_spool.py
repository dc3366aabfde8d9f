"""The temporary file of transports: reads back what was written, and shows none of it to the disk."""

import errno
import gc
import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.transport.spool import PIECE, Spool, SpoolUnavailable


@given(
    pieces=st.lists(st.binary(max_size=200), max_size=12),
    limit=st.integers(0, 400),
    reads=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 300)), max_size=12),
)
def test_any_range_reads_back_whatever_was_in_memory_or_on_disk(
    pieces: list[bytes], limit: int, reads: list[tuple[int, int]]
) -> None:
    whole = b"".join(pieces)
    with Spool(limit_memory=limit) as spool:
        for each in pieces:
            spool.write(each)
        assert spool.size == len(whole)
        assert spool.read() == whole
        window = spool.window()
        for start, count in reads:
            window.seek(start)
            spool.seek(start)
            assert window.read(count) == spool.read(count) == whole[start : start + count]


def test_small_content_needs_no_file(tmp_path: Path) -> None:
    with Spool(folder=tmp_path / "spool", limit_memory=10) as spool:
        spool.write(b"0123456789")
        assert spool.in_memory
        assert not (tmp_path / "spool").exists()
        spool.write(b"!")
        assert not spool.in_memory
        assert spool.read() == b"0123456789!"


def test_the_disk_shows_no_name_and_no_plain_byte(tmp_path: Path) -> None:
    marked = b"ISA*00*SECRET PERSON~" * 60_000
    with Spool(folder=tmp_path) as spool:
        spool.write(marked)
        assert not list(tmp_path.iterdir())
        lying = spool.sealed(0, spool.sealed_size)
        assert len(lying) > 1_000_000
        assert b"SECRET" not in lying
        assert spool.read() == marked


def test_two_spools_with_the_same_content_lie_differently(tmp_path: Path) -> None:
    with Spool(folder=tmp_path, limit_memory=0) as one, Spool(folder=tmp_path, limit_memory=0) as other:
        one.write(bytes(1000))
        one.write(bytes(PIECE))
        other.write(bytes(1000 + PIECE))
        assert one.sealed(0, 500) != other.sealed(0, 500)
        assert one.read() == other.read()


def test_windows_lie_within_windows_and_move_alone() -> None:
    content = random.Random(4).randbytes(3 * PIECE)
    with Spool(limit_memory=0) as spool:
        spool.write(content)
        outer = spool.window(100, 2 * PIECE)
        inner = outer.part(50, PIECE)
        assert inner.read(10) == content[150:160]
        assert outer.read(10) == content[100:110]
        assert inner.read() == content[160 : 150 + PIECE]
        assert inner.read() == b""
        inner.seek(-4, os.SEEK_END)
        into = bytearray(10)
        assert inner.readinto(into) == 4
        assert into[:4] == content[146 + PIECE : 150 + PIECE]
        with pytest.raises(AssertionError):
            outer.part(1, 2 * PIECE)


def test_a_full_disk_is_ours_to_try_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", "/secret/path")

    monkeypatch.setattr(os, "pwrite", full)
    with (
        Spool(folder=tmp_path, limit_memory=0) as spool,
        pytest.raises(SpoolUnavailable, match="No space left") as told,
    ):
        spool.write(b"x")
    assert told.value.retryable
    assert "secret" not in str(told.value)


def test_a_spool_that_is_let_go_gives_its_file_back(tmp_path: Path) -> None:
    def opened() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    gc.collect()
    before = opened()
    spool = Spool(folder=tmp_path, limit_memory=0)
    spool.write(b"content")
    window = spool.window()
    del spool
    assert window.read() == b"content"
    del window
    assert opened() == before


@pytest.mark.parametrize("limit_memory", [0, 1000])
def test_a_spool_that_is_closed_takes_nothing_more_and_writes_into_nobody_elses_file(
    tmp_path: Path, limit_memory: int
) -> None:
    spool = Spool(folder=tmp_path, limit_memory=limit_memory)
    spool.write(b"content")
    spool.close()
    with (tmp_path / "other").open("wb+") as other:  # Gets the number that the spool's file had.
        for _ in range(2):
            with pytest.raises(AssertionError, match="closed"):
                spool.write(bytes(600_000))
        assert other.read() == b""
    assert spool.size == 0
