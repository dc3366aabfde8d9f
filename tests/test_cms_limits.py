"""Structures that are too deep, too large, too finely cut or broken are refused, whatever they promise."""

import io
import tracemalloc

import pytest
from asn1crypto import core
from cms_forgery import (
    CBC_128,
    DATA,
    ENVELOPED,
    IV,
    SIGNED,
    algorithm,
    cbc,
    enveloped,
    oid,
    recipient,
    signed_data,
    t,
    transported,
)
from cms_forms import CONTENT, US, digests

from gateway.transport import cms
from gateway.transport.cms.ber import DEPTH_MAX, SEGMENTS_FREE, SMALL_MAX, Reader
from gateway.transport.cms.naming import Name

END = b"\0\0"
CIPHER = algorithm(CBC_128, t(0x04, IV))


class Endless(io.RawIOBase):
    """The same bytes for ever, after a beginning."""

    def __init__(self, start: bytes, cycle: bytes) -> None:
        self._start, self._cycle = start, cycle
        self.read_bytes = 0

    def tell(self) -> int:
        return self.read_bytes

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        whole, self._start = self._start + self._cycle * (size // len(self._cycle) + 1), b""
        self.read_bytes += size
        return whole[:size]


def decrypted(source: cms.Source) -> bytes:
    target = io.BytesIO()
    cms.decrypt(source, target, [US.identity])
    return target.getvalue()


@pytest.mark.parametrize("cycle", [b"\x30\x80", b"\x24\x80", b"\xa0\x80", b"\x30\x88" + b"\x00" * 4 + b"\xff" * 4])
def test_nesting_without_end_is_refused_at_its_beginning(cycle: bytes) -> None:
    source = Endless(b"\x30\x80", cycle)
    with pytest.raises(cms.CmsError):
        decrypted(source)
    assert source.read_bytes < 1_000_000
    for start in (b"", b"\x30\x80" + oid(ENVELOPED) + b"\xa0\x80\x30\x80\x02\x01\0\x31\x80"):
        with pytest.raises((cms.TooLarge, cms.Malformed)):
            Reader(Endless(start, cycle)).element()


def test_nesting_as_deep_as_allowed_is_read_and_deeper_is_not() -> None:
    whole = t(0x04, b"core")
    for _ in range(DEPTH_MAX):
        whole = t(0x30, whole)
    assert Reader(io.BytesIO(whole)).element() == whole
    with pytest.raises(cms.TooLarge, match="32 deep in each other"):
        Reader(io.BytesIO(t(0x30, whole))).element()
    segmented = t(0x04, b"core")
    for _ in range(DEPTH_MAX):
        segmented = t(0x24, segmented)
    assert b"".join(Reader(io.BytesIO(segmented)).octets(0x04)) == b"core"
    with pytest.raises(cms.TooLarge, match="32 deep in each other"):
        list(Reader(io.BytesIO(t(0x24, segmented))).octets(0x04))


def test_lengths_of_exabytes_are_not_believed() -> None:
    """They are neither allocated nor waited for: the structure just ends too early."""
    outer, middle, inner, giant = (b"\x88" + (each << 56).to_bytes(8, "big") for each in (126, 125, 124, 123))
    head = b"\x30" + outer + oid(ENVELOPED) + b"\xa0" + middle + b"\x30" + inner + b"\x02\x01\0"
    tracemalloc.start()
    with pytest.raises(cms.TooLarge, match=r"more than \d+ bytes"):
        decrypted(io.BytesIO(head + b"\xa0" + giant + b"x"))
    cut = t(0x31, recipient(transported())) + b"\x30" + giant + oid(DATA) + CIPHER + b"\x80\x88" + b"\x01" * 8 + b"x"
    with pytest.raises(cms.Malformed, match="stops in the middle"):
        decrypted(io.BytesIO(head + cut))
    with pytest.raises(cms.Malformed, match="stops in the middle"):
        b"".join(Reader(io.BytesIO(b"\x04" + giant + b"x")).octets(0x04))
    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()
    with pytest.raises(cms.Malformed, match="a length has too many bytes"):
        Reader(io.BytesIO(b"\x30\x89" + b"\x01" * 9)).element()
    with pytest.raises(cms.Malformed, match="a length has too many bytes"):
        Reader(io.BytesIO(b"\x30\xff" + b"\x01" * 200)).element()


def test_small_structures_stay_small() -> None:
    """What stands beside the content is held in memory, so it has a limit, however it is built."""
    large = bytes(SMALL_MAX + 1)
    for before in (t(0xA0, t(0x04, large)), b"\xa0\x80" + t(0x04, bytes(1000)) * 300 + END, b"\xa0\x80\x04\x80"):
        with pytest.raises((cms.TooLarge, cms.Malformed)):
            decrypted(io.BytesIO(enveloped(before=before)))
    endless = Endless(b"\x30\x80" + oid(SIGNED) + b"\xa0\x80\x30\x80\x02\x01\x01\x31\x80", t(0x30, oid("1.2.3")))
    with pytest.raises(cms.TooLarge, match="more than 32 signers"):
        cms.read_signed(endless, io.BytesIO(), [])
    assert endless.read_bytes < 1_000_000


@pytest.mark.parametrize("segment", [b"\x04\x00", b"\x24\x00", b"\x04\x01~", b"\x24\x80\0\0", b"\x24\x03\x04\x01~"])
def test_octets_cut_into_crumbs_are_refused(segment: bytes) -> None:
    """Reading them would take a thousand times as long as their size lets expect."""
    source = Endless(b"\x24\x80", segment)
    with pytest.raises(cms.TooLarge, match="too many small segments"):
        list(Reader(source).octets(0x04))
    assert source.read_bytes < 1_000_000


def test_octets_in_a_few_crumbs_are_read() -> None:
    crumbs = b"\x24\x80" + b"\x04\x01~" * SEGMENTS_FREE + END
    assert b"".join(Reader(io.BytesIO(crumbs)).octets(0x04)) == b"~" * SEGMENTS_FREE
    with pytest.raises(cms.TooLarge):
        list(Reader(io.BytesIO(b"\x24\x80" + b"\x04\x01~" * (SEGMENTS_FREE + 1) + END)).octets(0x04))


BROKEN = {
    "nothing": (b"", "stops in the middle"),
    "a tag": (b"\x30", "stops in the middle"),
    "no length after its size": (b"\x30\x82\x01", "stops in the middle"),
    "a tag of several bytes": (b"\x3f\x81\x01\x00", "a tag of several bytes"),
    "a primitive of no length": (b"\x04\x80\x00\x00", "a primitive element has no length"),
    "no end of contents": (b"\x30\x80\x02\x01\x00", "stops in the middle"),
    "half an end of contents": (b"\x30\x80\x02\x01\x00\x00", "stops in the middle"),
    "longer than what it lies in": (b"\x30\x03\x02\x02\x00\x00", "longer than the structure that it lies in"),
    "a length longer than what it lies in": (b"\x30\x02\x02\x82\x00\x00", "longer than the structure"),
    "a nested one longer than what it lies in": (b"\x30\x04\x30\x03\x02\x01\x00", "longer than the structure"),
    "an endless one in one that ends": (b"\x30\x04\x30\x80\x02\x00\x00\x00", "longer than the structure"),
    "a number in an octet string": (b"\x24\x03\x02\x01\x00", "has parts of another kind"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_structures_are_refused_with_the_place(case: str) -> None:
    whole, words = BROKEN[case]
    with pytest.raises(cms.Malformed, match=rf"byte \d+: .*{words}"):
        Reader(io.BytesIO(whole)).element()


@pytest.mark.parametrize(
    ("whole", "words"),
    [
        (b"\x24\x03\x02\x01\x00", "has parts of another kind"),
        (b"\x24\x80\x30\x00\x00\x00", "has parts of another kind"),
        (b"\x02\x01\x00", "an octet string with tag 0x04 is missing"),
        (b"\x80\x01\x00", "an octet string with tag 0x04 is missing"),
        (b"\x04\x80\x00\x00", "a primitive element has no length"),
        (b"\x24\x04\x04\x03~~", "longer than the structure that it lies in"),
        (b"\x24\x80\x04\x01~\x00", "stops in the middle"),
        (b"\x04\x05~~", "stops in the middle"),
    ],
)
def test_broken_octet_strings_are_refused(whole: bytes, words: str) -> None:
    with pytest.raises(cms.Malformed, match=words):
        list(Reader(io.BytesIO(whole)).octets(0x04))


def test_what_belongs_nowhere_is_refused_wherever_it_stands() -> None:
    """After any part of an envelope or a signature."""
    stray = t(0x0C, b"stray")
    for broken in (
        enveloped(after=stray),
        enveloped(before=stray),
        enveloped(cipher=t(0x30, oid("2.16.840.1.101.3.4.1.2"), t(0x04, bytes(16))) + stray),
        t(0x30, oid(ENVELOPED), t(0xA0, stray)),
        t(0x30, oid(ENVELOPED)),
        t(0x30, oid(ENVELOPED), t(0xA0, enveloped())),
        enveloped() + END,
        t(0x30, enveloped()),
        cbc(),
    ):
        with pytest.raises(cms.CmsError):
            decrypted(io.BytesIO(broken))
    for broken in (
        signed_data(certificates=stray),
        signed_data(inner=t(0x30, oid(SIGNED), stray)),
        signed_data() + END,
    ):
        with pytest.raises(cms.Malformed):
            cms.verify(broken, digests(), [])
    assert decrypted(io.BytesIO(enveloped())) == CONTENT


@pytest.mark.parametrize(
    "digits",
    [b"\xff" * 100_000 + b"\x01", b"\x7f" * 100_000, b"\x7f" * 50],
    ids=["one number", "many numbers", "too many numbers"],
)
def test_an_endless_object_identifier_is_not_worked_out_nor_repeated(
    digits: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked_out: list[int] = []
    dotted = core.ObjectIdentifier.dotted.fget
    assert dotted is not None

    def counted(self: core.ObjectIdentifier) -> object:
        worked_out.append(len(self.dump()))
        return dotted(self)

    monkeypatch.setattr(core.ObjectIdentifier, "dotted", property(counted))
    named = t(0x30, t(0x06, b"\x2a" + digits))
    message = enveloped(cipher=named)
    with pytest.raises(cms.Malformed) as told:
        decrypted(io.BytesIO(message))
    assert max(worked_out, default=0) < 100
    assert len(str(told.value)) < 200


def test_a_name_without_end_is_not_compared() -> None:
    with pytest.raises(cms.Malformed, match="name of a signer or recipient"):
        Name(t(0x30, t(0x30, t(0x0C, bytes(100_000))), t(0x02, b"\x01")))
