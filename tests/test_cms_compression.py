"""Compressed content comes back, other software reads it, and what grows without measure is stopped."""

import io
import zlib

import pytest
from asn1crypto import cms as asn1
from cms_forgery import DATA, ENVELOPED, oid, t
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.transport import cms
from gateway.transport.spool import Spool

CONTENT = b"Content-Type: application/edi-x12\r\n\r\n" + b"ISA*00*~\nGS*HC~\n" * 5000
COMPRESSED, ZLIB = "1.2.840.113549.1.9.16.1.9", "1.2.840.113549.1.9.16.3.8"


def packed(content: bytes) -> bytes:
    sized = cms.compressed(io.BytesIO(content), io.BytesIO())
    whole = b"".join(sized)
    assert len(whole) == sized.length
    return whole


def unpacked(whole: bytes, *, size_max: int = 1 << 30, expansion_max: int = cms.EXPANSION_MAX) -> bytes:
    target = io.BytesIO()
    try:
        cms.decompress(io.BytesIO(whole), target, size_max=size_max, expansion_max=expansion_max)
    except cms.CmsError:
        assert target.closed, "an error leaves nothing to be read"
        raise
    return target.getvalue()


def around(octets: bytes, *, algorithm: str = ZLIB, kind: str = COMPRESSED, inner: str = DATA) -> bytes:
    """CompressedData around an octet string, as it is."""
    info = t(0x30, oid(inner), t(0xA0, octets))
    return t(0x30, oid(kind), t(0xA0, t(0x30, b"\x02\x01\x00", t(0x30, oid(algorithm)), info)))


@given(content=st.binary(max_size=5000), repeats=st.sampled_from([0, 1, 50, 300]), level=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_what_is_compressed_comes_back(content: bytes, repeats: int, level: int) -> None:
    whole = io.BytesIO()
    cms.compressed(io.BytesIO(content * repeats), io.BytesIO(), level=level).write_to(whole)
    assert unpacked(whole.getvalue(), expansion_max=2000) == content * repeats


def test_other_software_reads_what_is_compressed() -> None:
    read = asn1.ContentInfo.load(packed(CONTENT), strict=True)
    assert read["content_type"].native == "compressed_data"
    assert read["content"].decompressed == CONTENT


def test_content_passes_through_a_spool() -> None:
    with Spool() as between, Spool() as target:
        whole = b"".join(cms.compressed(io.BytesIO(CONTENT), between))
        cms.decompress(io.BytesIO(whole), target, size_max=len(CONTENT))
        assert target.read() == CONTENT


def test_a_bomb_goes_off_nowhere() -> None:
    """Decompression bombs: by ratio, by size, in one segment or many. What came out so far cannot be read."""
    bomb = packed(bytes(20_000_000))
    assert len(bomb) < 25_000
    with pytest.raises(cms.TooLarge, match="more than 200 times its size"):
        unpacked(bomb)
    with pytest.raises(cms.TooLarge, match="more than 1000000 bytes once decompressed"):
        unpacked(bomb, size_max=1_000_000, expansion_max=2000)
    deflated = zlib.compress(bytes(20_000_000))
    segments = b"".join(t(0x04, deflated[at : at + 100]) for at in range(0, len(deflated), 100))
    with pytest.raises(cms.TooLarge, match="more than 200 times its size"):
        unpacked(around(b"\x24\x80" + segments + b"\0\0"))


class Counting(io.BytesIO):
    written = 0

    def write(self, content: object, /) -> int:
        assert isinstance(content, bytes)
        self.written += len(content)
        return len(content)


def test_a_bomb_is_stopped_before_it_takes_up_room() -> None:
    target = Counting()
    bomb = packed(bytes(50_000_000))
    with pytest.raises(cms.TooLarge):
        cms.decompress(io.BytesIO(bomb), target, size_max=1_000_000, expansion_max=2000)
    assert target.written <= 1_000_000


def test_limits_are_met_exactly() -> None:
    whole = packed(CONTENT)
    assert unpacked(whole, size_max=len(CONTENT)) == CONTENT
    with pytest.raises(cms.TooLarge):
        unpacked(whole, size_max=len(CONTENT) - 1)
    assert unpacked(packed(bytes(200_000)), expansion_max=1) == bytes(200_000), "what is small may grow from anything"


def test_claims_in_great_numbers_stay_below_the_ratio() -> None:
    """What clinics send is repetitive, and no bomb."""
    claim = b"CLM*%d*150***11:B:1*Y*A*Y*Y~\nHI*ABK:M545~\nLX*1~\nSV1*HC:97110:GP*150*UN*2***1~\nDTP*472*D8*20260302~\n"
    content = b"".join(claim % number for number in range(20_000))
    assert unpacked(packed(content)) == content


DEFLATED = zlib.compress(CONTENT)
BROKEN: dict[str, tuple[bytes, type[cms.CmsError], str]] = {
    "cut in the middle": (around(t(0x04, DEFLATED[:-1])), cms.Malformed, "does not end where it should"),
    "nothing": (around(t(0x04)), cms.Malformed, "does not end where it should"),
    "bytes after the end": (around(t(0x04, DEFLATED + b"~")), cms.Malformed, "does not end where it should"),
    "a segment after the end": (
        around(b"\x24\x80" + t(0x04, DEFLATED) + t(0x04, bytes(300_000)) + b"\0\0"),
        cms.Malformed,
        "follow after the end of the compressed content",
    ),
    "a wrong checksum": (around(t(0x04, DEFLATED[:-4] + b"~~~~")), cms.Malformed, "is damaged"),
    "not deflated": (around(t(0x04, CONTENT)), cms.Malformed, "is damaged"),
    "a preset dictionary": (around(t(0x04, b"\x78\xbb\0\0\0\x01" + DEFLATED[2:])), cms.Malformed, "is damaged"),
    "another algorithm": (around(t(0x04, DEFLATED), algorithm="1.2.3.4"), cms.Weak, "compression 1.2.3.4 is not known"),
    "another content": (around(t(0x04, DEFLATED), inner=ENVELOPED), cms.Malformed, "not to be plain data"),
    "another structure": (around(t(0x04, DEFLATED), kind=ENVELOPED), cms.Malformed, "no compressed content"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_content_is_refused(case: str) -> None:
    whole, error, words = BROKEN[case]
    with pytest.raises(error, match=words):
        unpacked(whole)


def test_content_in_segments_is_read() -> None:
    segments = b"".join(t(0x04, DEFLATED[at : at + 7]) for at in range(0, len(DEFLATED), 7))
    assert unpacked(around(b"\x24\x80" + segments + t(0x04) + b"\0\0")) == CONTENT
