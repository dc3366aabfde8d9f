"""Every form that BER allows is read alike; whatever is cut or altered is refused, and never gives other content."""

import io
from random import Random

import pytest
from cms_forms import ALL, CONTENT, THEM, US, Dribble, Message, around, encrypted, messages, reformed, signature
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.transport import cms
from gateway.transport.cms.ber import PIECE, Reader

KINDS = sorted(messages())
kinds = st.sampled_from(KINDS)
seeds = st.integers(0, 2**32)


@pytest.mark.parametrize("kind", KINDS)
def test_each_message_opens(kind: str) -> None:
    message = messages()[kind]
    assert message.content(io.BytesIO(message.der)) == CONTENT


@given(kind=kinds, seed=seeds, most=st.sampled_from([1, 2, 7, 100, 100_000]))
@settings(max_examples=200, deadline=None)
def test_any_form_of_ber_at_any_chunking_is_the_same(kind: str, seed: int, most: int) -> None:
    """Failure case 10, BER: definite, indefinite and segmented forms of one message."""
    message, chance = messages()[kind], Random(seed)
    assert message.content(Dribble(reformed(message.der, chance), chance, most)) == CONTENT


@given(kind=kinds, seed=seeds, as_ber=st.booleans(), data=st.data())
@settings(max_examples=200, deadline=None)
def test_what_is_cut_short_is_refused(kind: str, seed: int, as_ber: bool, data: st.DataObject) -> None:
    message = messages()[kind]
    whole = reformed(message.der, Random(seed)) if as_ber else message.der
    end = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(cms.CmsError):
        message.content(io.BytesIO(whole[:end]))


@given(kind=kinds, seed=seeds, more=st.binary(min_size=1, max_size=3))
@settings(max_examples=50, deadline=None)
def test_what_follows_the_structure_is_refused(kind: str, seed: int, more: bytes) -> None:
    message = messages()[kind]
    for whole in (message.der, reformed(message.der, Random(seed))):
        with pytest.raises(cms.Malformed, match="follow after the end"):
            message.content(io.BytesIO(whole + more))


def check_altered(message: Message, altered: bytes) -> None:
    """Refused, or without effect. Plain CBC cannot tell content that was altered: for that a message is signed."""
    try:
        content = message.content(io.BytesIO(altered))
    except cms.CmsError:
        return
    if message.safe:
        assert content == CONTENT


@given(kind=kinds, seed=seeds, as_ber=st.booleans(), data=st.data())
@settings(max_examples=500, deadline=None)
def test_an_altered_byte_never_gives_other_content(kind: str, seed: int, as_ber: bool, data: st.DataObject) -> None:
    message = messages()[kind]
    whole = bytearray(reformed(message.der, Random(seed)) if as_ber else message.der)
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    check_altered(message, bytes(whole))


@pytest.mark.full
@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80, 0xFF])
@pytest.mark.parametrize("kind", KINDS)
def test_no_altered_byte_gives_other_content(kind: str, flip: int) -> None:
    message = messages()[kind]
    for place in range(len(message.der)):
        altered = bytearray(message.der)
        altered[place] ^= flip
        check_altered(message, bytes(altered))


@given(kind=kinds, data=st.data())
@settings(max_examples=300, deadline=None)
def test_what_is_torn_and_patched_never_gives_other_content(kind: str, data: st.DataObject) -> None:
    """Parts left out, repeated, or put in from elsewhere."""
    message = messages()[kind]
    whole = message.der
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 40)))
    other = messages()[data.draw(kinds)].der
    at = data.draw(st.integers(0, len(other)))
    patch = data.draw(st.one_of(st.just(b""), st.binary(max_size=8), st.just(other[at : at + 40])))
    check_altered(message, whole[:start] + patch + whole[end:])


@given(kind=kinds, content=st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_arbitrary_bytes_are_refused(kind: str, content: bytes) -> None:
    with pytest.raises(cms.CmsError):
        messages()[kind].content(io.BytesIO(content))


@given(content=st.binary(max_size=2000), cipher=st.sampled_from(sorted(cms.CIPHERS)), seed=seeds)
@settings(max_examples=60, deadline=None)
def test_what_is_encrypted_comes_back(content: bytes, cipher: str, seed: int) -> None:
    chance = Random(seed)
    sealed = encrypted(cipher, content=content)
    target = io.BytesIO()
    cms.decrypt(Dribble(reformed(sealed, chance), chance, 50), target, [US.identity], allowed=ALL)
    assert target.getvalue() == content


@given(size=st.integers(0, 3 * PIECE), segment=st.sampled_from([65, 1000, 4096, PIECE - 1, PIECE, PIECE + 1]))
@settings(max_examples=20, deadline=None)
def test_content_of_any_size_in_segments_of_any_size(size: int, segment: int) -> None:
    content = Random(size).randbytes(size)
    parts = [content[at : at + segment] for at in range(0, size, segment)]
    source = b"\xa0\x80" + b"".join(b"\x04\x84" + len(part).to_bytes(4, "big") + part for part in parts) + b"\0\0"
    pieces = list(Reader(io.BytesIO(source)).octets(0x80))
    assert b"".join(pieces) == content
    assert all(len(piece) <= PIECE for piece in pieces)
    assert len(pieces) <= 2 * (size // PIECE) + 2


def test_signed_content_comes_out_as_it_went_in() -> None:
    """Line ends and all: nothing is canonicalised here."""
    for content in (b"", b"\n", b"a\r", b"a\nb\r\nc\r", bytes(range(256))):
        target = io.BytesIO()
        told = cms.read_signed(
            io.BytesIO(around(signature(content=content), content)), target, [THEM.certificate], allowed=ALL
        )
        assert target.getvalue() == content
        assert told.algorithm == "sha256"
