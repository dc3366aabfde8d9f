"""Content of any size takes the same memory, in every direction and form."""

import hashlib
import io
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from cms_forgery import CBC_128, DATA, ENVELOPED, IV, KEY, SIGNED, algorithm, oid, recipient, t, transported
from cms_forms import THEM, US, signature
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from gateway.transport import cms
from gateway.transport.cms.ber import PIECE
from gateway.transport.cms.streams import Piece

MEMORY_MAX = 4 * 1024 * 1024
BLOCK = bytes(range(256)) * 256  # 64 KiB, which pieces of another size cut in other places each time
SIZE = 8 * 1024 * 1024


class Pouring(io.RawIOBase):
    """A source that makes its bytes as they are asked for."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._held = pieces, b""

    def tell(self) -> int:
        return 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size > 0
        self._held = self._held or next(self._pieces, b"")
        piece, self._held = self._held[:size], self._held[size:]
        return piece


class Drain(io.RawIOBase):
    """A target that keeps nothing but a hash and a size."""

    def __init__(self) -> None:
        self.hash, self.size = hashlib.sha256(), 0

    def write(self, content: object, /) -> int:
        assert isinstance(content, bytes | memoryview)
        assert len(content) <= PIECE + 64
        self.hash.update(content)
        self.size += len(content)
        return len(content)


def content(size: int = SIZE) -> Iterator[bytes]:
    while size > 0:
        yield BLOCK[:size]
        size -= len(BLOCK)


def digest() -> bytes:
    whole = hashlib.sha256()
    for piece in content():
        whole.update(piece)
    return whole.digest()


@contextmanager
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MEMORY_MAX
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("cipher", ["aes256-cbc", "aes256-gcm"])
def test_encrypting_and_decrypting_take_little_memory(cipher: str) -> None:
    drain = Drain()
    with little_memory():
        sealed = cms.encrypted(Pouring(content()), SIZE, [US.certificate], cipher=cipher)
        cms.decrypt(Pouring(iter(sealed)), drain, [US.identity])
    assert (drain.size, drain.hash.digest()) == (SIZE, digest())


def segmented(pieces: Iterator[bytes], length: int) -> Iterator[bytes]:
    """An octet string of unknown length, in segments as BouncyCastle and OpenSSL write them."""
    for piece in pieces:
        for at in range(0, len(piece), length):
            segment = piece[at : at + length]
            yield b"\x04\x82" + len(segment).to_bytes(2, "big") + segment


def sealed_in_ber(length: int) -> Iterator[bytes]:
    infos = t(0x31, recipient(transported()))
    yield b"\x30\x80" + oid(ENVELOPED) + b"\xa0\x80\x30\x80\x02\x01\x00" + infos
    yield b"\x30\x80" + oid(DATA) + algorithm(CBC_128, t(0x04, IV)) + b"\xa0\x80"
    encryptor = Cipher(AES(KEY), modes.CBC(IV)).encryptor()
    yield from segmented((encryptor.update(piece) for piece in content()), length)
    yield t(0x04, encryptor.update(b"\x10" * 16) + encryptor.finalize()) + bytes(10)


def signed_in_ber(length: int) -> Iterator[bytes]:
    detached = signature(content=b"".join(content()))
    start = detached.index(oid(DATA))
    first = b"\x30\x80" + oid(SIGNED) + b"\xa0\x80\x30\x80\x02\x01\x01" + t(0x31, algorithm("2.16.840.1.101.3.4.2.1"))
    yield first + b"\x30\x80" + oid(DATA) + b"\xa0\x80\x24\x80"
    yield from segmented(content(), length)
    yield bytes(6) + detached[start + len(oid(DATA)) :] + bytes(6)


def _decrypt(source: cms.Source, drain: Drain) -> None:
    cms.decrypt(source, drain, [US.identity])


def _read_signed(source: cms.Source, drain: Drain) -> None:
    cms.read_signed(source, drain, [THEM.certificate])


@pytest.mark.parametrize("length", [1000, 16384])
@pytest.mark.parametrize(("made", "opens"), [(sealed_in_ber, _decrypt), (signed_in_ber, _read_signed)])
def test_reading_a_stream_of_segments_takes_little_memory(
    made: Callable[[int], Iterator[bytes]], opens: Callable[[cms.Source, Drain], None], length: int
) -> None:
    pieces = made(length)
    beginning = next(pieces)  # Whatever must be made ahead.
    drain = Drain()
    with little_memory():
        opens(Pouring(chained(beginning, pieces)), drain)
    assert (drain.size, drain.hash.digest()) == (SIZE, digest())


def chained(beginning: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield beginning
    yield from pieces


def test_decompressing_takes_little_memory() -> None:
    between = io.BytesIO()
    packed = cms.compressed(Pouring(content()), between)
    drain = Drain()
    with little_memory():
        cms.decompress(Pouring(iter(packed)), drain, size_max=SIZE, expansion_max=2000)
    assert (drain.size, drain.hash.digest()) == (SIZE, digest())


def test_a_target_gets_views_of_one_buffer_and_iteration_gives_copies() -> None:
    """The fast way has the caller be done with a piece at once; the other way does not."""
    views: list[Piece] = []

    class Keeping:
        def write(self, content: Piece, /) -> None:
            views.append(content)

    cms.encrypted(Pouring(content(4 * PIECE)), 4 * PIECE, [US.certificate]).write_to(Keeping())
    assert any(isinstance(each, memoryview) for each in views)
    copies = list(cms.encrypted(Pouring(content(4 * PIECE)), 4 * PIECE, [US.certificate]))
    assert all(isinstance(each, bytes) for each in copies)
