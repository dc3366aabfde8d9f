"""Three ways to take a document in agree: as whole sets, as a stream of units, as findings alone, at any chunk size.

Documents are those of the fixtures, made-up files of each kind, and all of these with slips in bytes and segments.
"""

import contextlib
import random
import re
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from test_x12 import CLAIM
from whole_balance import check_claim, check_remittance
from x12_files import Form, interchange

from gateway.errors import Finding, MalformedInterchange, Position
from gateway.x12 import guide
from gateway.x12.codec import Reader
from gateway.x12.explain import explain
from gateway.x12.guide import UNITS
from gateway.x12.headers import InterchangeHeader, TechnicalAcknowledgment
from gateway.x12.tree import Loop, Segment
from gateway.x12.validate import Examined, SetEnd, Unit, check, examine, stream

FIXTURES = sorted((Path(__file__).parent / "fixtures").rglob("*.edi"))
KINDS = ("837p", "835", "277ca", "999")
SITUATIONS = 4  # SNIP type

Way = Callable[[Iterable[bytes]], Iterator[object]]


@cache
def _made(kind: str, size: int = 6000, per_set: int = 4) -> bytes:
    return "".join(interchange(kind, size, Form(claims_per_set=per_set, seed=7))).encode()


def _documents() -> list[bytes]:
    return [*(each.read_bytes() for each in FIXTURES), *(_made(kind) for kind in KINDS)]


def _chunks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def _slipped(data: bytes, chance: random.Random) -> bytes:
    """A document with one to three slips, in segments or in bytes."""
    for _ in range(chance.randint(1, 3)):
        mark = b"\n" if data.count(b"~") < 3 else b"~"
        segments = data.split(mark)
        at, other = chance.randrange(len(segments)), chance.randrange(len(segments))
        match chance.randrange(7):
            case 0:
                del segments[at]
            case 1:
                segments.insert(at, segments[other])
            case 2:
                segments[at], segments[other] = segments[other], segments[at]
            case 3 | 4 | 5:
                parts = segments[at].split(b"*")
                put = (b"", b"0", b"1", b"ZZ", b"99999", b"1.5", b"19000101", b"A^B", b":", b"x\xe9", b"97110:GP")
                parts[chance.randrange(len(parts))] = chance.choice(put)
                segments[at] = b"*".join(parts)
            case _:
                place = chance.randrange(len(segments[at]) + 1)
                odd = chance.choice((b"", b" ", b"\n", b"*", b"~", b"\xff"))
                segments[at] = segments[at][:place] + odd + segments[at][place + 1 :]
        data = mark.join(segments)
    return data


class _Said:
    """All that one of the three ways says of a document."""

    def __init__(self, parts: Iterable[object]) -> None:
        self.found: list[Finding] = []
        self.units: list[tuple[int, Loop]] = []
        self.sets: list[tuple[str, str, str, int]] = []
        self.blocked: list[bool] = []
        self.others: list[object] = []
        self.error = ""
        try:
            for each in parts:
                self._take(each)
        except MalformedInterchange as error:
            self.error = str(error)

    def _take(self, part: object) -> None:
        if isinstance(part, Finding):
            self.found.append(part)
        elif isinstance(part, Examined):
            self.found += part.findings
            wanted = UNITS.get(part.set.type, "")
            units = [each for each in part.root.walk() if each.id == wanted] if part.root else []
            self.units += [(len(self.sets), each) for each in units]
            self.sets.append((part.set.type, part.set.control_number, part.guide, len(part.set.segments)))
            self.blocked.append(any(each.severity == "block" for each in part.findings))
        elif isinstance(part, Unit):
            self.units.append((len(self.sets), part.loop))
        elif isinstance(part, SetEnd):
            self.sets.append((part.set.type, part.set.control_number, part.guide, part.length))
            self.blocked.append(part.blocked)
        else:
            assert isinstance(part, InterchangeHeader | TechnicalAcknowledgment)
            self.others.append(part)


def _sorted(findings: Iterable[Finding]) -> list[str]:
    return sorted(map(repr, findings))


def _as_lists(loop: Loop) -> object:
    """A loop with all that its segments say of themselves."""
    own = [(each.tag, each.elements, each.number, each.offset) for each in loop.segments]
    return loop.id, own, [_as_lists(each) for each in loop.loops]


def _agree(data: bytes, chunk: int) -> None:
    whole, streamed, checked = (_Said(way(_chunks(data, chunk))) for way in (examine, stream, check))
    assert whole.error == streamed.error == checked.error
    assert whole.others == streamed.others == checked.others
    assert whole.sets == streamed.sets == checked.sets
    assert _sorted(whole.found) == _sorted(streamed.found)
    assert _sorted(each for each in whole.found if each.snip != SITUATIONS) == _sorted(checked.found)
    assert [(at, _as_lists(each)) for at, each in whole.units] == [(at, _as_lists(each)) for at, each in streamed.units]
    assert whole.blocked == streamed.blocked
    at_once = _Said(examine([data]))
    assert [repr(each) for each in at_once.found] == [repr(each) for each in whole.found]


@pytest.mark.parametrize("data", _documents(), ids=lambda data: f"{len(data)} bytes")
def test_the_three_ways_agree(data: bytes) -> None:
    for chunk in (1 << 16, 97):
        _agree(data, chunk)


@pytest.mark.parametrize("number", range(60))
def test_the_three_ways_agree_on_slips(number: int) -> None:
    chance = random.Random(number)
    documents = _documents()
    for _ in range(3):
        _agree(_slipped(chance.choice(documents), chance), chance.choice((1 << 16, 1000, 61, 7)))


@pytest.mark.full
@pytest.mark.parametrize("number", range(1000, 1600))
def test_the_three_ways_agree_on_many_slips(number: int) -> None:
    chance = random.Random(number)
    _agree(_slipped(chance.choice(_documents()), chance), chance.choice((1 << 16, 1000, 61, 1)))


@pytest.mark.parametrize("number", range(20))
def test_what_does_not_add_up_is_what_whole_loops_say(number: int) -> None:
    """Amounts of real sets, by the way of tables and steps, against ``balance``."""
    chance = random.Random(number)
    kind = chance.choice(("837p", "835"))
    segments = _made(kind).split(b"~")
    for _ in range(4):
        at = chance.choice([at for at, each in enumerate(segments) if each.strip()[:3] in _WITH_AMOUNTS])
        parts = segments[at].split(b"*")
        place = chance.choice([at for at, each in enumerate(parts) if each.replace(b".", b"").isdigit()] or [0])
        parts[place] = chance.choice((b"1", b"0.01", b"", b"12.345", b"-5")) if place else parts[place]
        segments[at] = b"*".join(parts)
    for part in examine([b"~".join(segments)]):
        if not isinstance(part, Examined):
            continue
        assert part.root is not None
        told = [each for each in part.findings if each.rule.startswith("x12.balance")]
        claims = [loop for loop in part.root.walk() if loop.id == "2300"]
        faults = (
            list(check_remittance(part.root)) if kind == "835" else [f for each in claims for f in check_claim(each)]
        )
        expected = sorted((each.segment.number, each.rule, each.what, str(each.severity)) for each in faults)
        assert sorted((_number(each), each.rule, each.what, str(each.severity)) for each in told) == expected


_WITH_AMOUNTS = (b"BPR", b"CLP", b"CAS", b"SVC", b"PLB", b"CLM", b"SV1")


def _number(finding: Finding) -> int:
    assert isinstance(finding.where, Position)
    return finding.where.segment


@pytest.mark.parametrize("version", ["005010X222A1", "no guide"])
def test_a_tag_that_begins_like_one_of_the_envelope_is_none(version: str) -> None:
    """ISA, GS, ST, SE, GE and IEA are tags as a whole; with a guide and without, such a segment is one of the set."""
    head = b"ISA*00*          *00*          *ZZ*A              *ZZ*B              *260302*1200*^*00501*000000001*0*T*:~"
    for tag in (b"ISAB", b"GEX", b"SE1", b"STX", b"IEA1", b"ISA1"):
        body = b"GS*HC*AA*BB*20260302*1200*1*X*%s~ST*837*0001~%s*1~SE*3*0001~GE*1*1~IEA*1*000000001~"
        data = head + body % (version.encode(), tag)
        _agree(data, 40)
        said = _Said(examine([data]))
        assert [each[3] for each in said.sets] == [3], tag
        assert not any(each.rule in ("x12.set.count", "x12.envelope.unexpected") for each in said.found), tag


def _sets(way: Way, data: bytes) -> list[Any]:
    found: list[Any] = []
    with contextlib.suppress(MalformedInterchange):
        found.extend(each for each in way([data]) if isinstance(each, Examined | SetEnd))
    return found


@pytest.mark.parametrize("number", range(40))
def test_the_rest_of_a_stream_is_the_set_without_what_was_let_go(number: int) -> None:
    chance = random.Random(number)
    data = _slipped(chance.choice(_documents()), chance)
    for whole, end in zip(_sets(examine, data), _sets(stream, data), strict=True):
        if whole.root is None:
            assert end.root is None
            continue
        endings = guide.load(whole.guide).endings
        assert _as_lists(Loop("", whole.root.segments)) == _as_lists(Loop("", end.root.segments))
        kept = [each for each in whole.root.loops if not endings[each.id].let_go]
        assert list(map(_as_lists, kept)) == list(map(_as_lists, end.root.loops))


@pytest.mark.parametrize("number", range(40))
def test_a_set_at_hand_is_walked_as_one_that_is_read(number: int) -> None:
    """What we built is held against its guide in the same way, before anybody reads it."""
    chance = random.Random(number)
    data = _slipped(chance.choice(_documents()), chance)
    for one in _sets(examine, data):
        if one.root is not None:
            walked = guide.load(one.guide).walk(one.set.segments, one.set.place)
            assert _as_lists(walked.root) == _as_lists(one.root)
            assert walked.guides == one.names
            of_envelope = {repr(each) for each in one.set.findings}
            inside = [each for each in map(repr, _of_guide(one.findings)) if each not in of_envelope]
            assert sorted(inside) == _sorted(walked.findings)


def _segments(data: bytes) -> Iterator[Segment]:
    """As many as can be read."""
    reader = Reader()
    try:
        yield from reader.feed(data)
        yield from reader.close()
    except MalformedInterchange:
        return


def _of_guide(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Those that a walk finds: neither of situations nor of what the set is called."""
    for each in findings:
        if each.snip != SITUATIONS and not each.rule.startswith(("x12.group", "x12.set")):
            yield each


# --- Places ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(40))
def test_a_finding_with_an_offset_names_the_segment_that_begins_there(number: int) -> None:
    """What is missing is told where it should begin, and that is where another segment does."""
    chance = random.Random(number)
    data = _slipped(chance.choice(_documents()), chance)
    begins = {segment.offset for segment in _segments(data)}
    for finding in _Said(examine(_chunks(data, 999))).found:
        where = finding.where
        if not isinstance(where, Position) or where.offset < 0 or not where.tag:
            continue
        if finding.rule == "x12.segment.missing":
            assert where.offset in begins, finding
        else:
            assert data[where.offset :].startswith(where.tag.encode()), finding


@pytest.mark.parametrize("chunk", [1 << 16, 333, 5])
@pytest.mark.parametrize("kind", ["837p", "835"])
def test_numbers_and_sums_are_told_where_their_segment_begins(kind: str, chunk: int) -> None:
    """Also of segments that went by long before, such as an HL whose HL04 is wrong, or BPR."""
    data = _made(kind)
    for old, new in ((b"*22*1~", b"*22*0~"), (b"*22*0~", b"*22*1~"), (b"LX*2~", b"LX*7~"), (b"HL*3*", b"HL*9*")):
        data = data.replace(old, new, 1)
    data = re.sub(rb"(BPR\*I|CLM\*[^*~]*|SVC\*[^*]*|CLP\*[^*]*\*1)\*", rb"\1*1", data)
    found = [each for each in _Said(check(_chunks(data, chunk))).found if each.rule.split(".")[1] in _COUNTED]
    assert {each.rule.split(".")[1] for each in found} == ({"hl", "lx", "balance"} if kind == "837p" else {"balance"})
    for each in found:
        assert isinstance(each.where, Position)
        assert each.where.offset >= 0, each
        assert data[each.where.offset :].startswith(each.where.tag.encode()), each


_COUNTED = {"hl", "lx", "balance"}


# --- Memory ----------------------------------------------------------------------------------------------------------


def _peak(kind: str, size: int, way: Way) -> int:
    """The most memory that reading one set of this size takes, in bytes, beyond what was there before."""
    chunks = list(_chunks(_made(kind, size, 1_000_000), 1 << 14))
    tracemalloc.start()
    try:
        for _ in way(chunks):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("way", [stream, check], ids=["stream", "check"])
@pytest.mark.parametrize("kind", ["837p", "835"])
def test_a_set_of_any_length_takes_the_same_memory(kind: str, way: Way) -> None:
    """But for what is remembered up to a limit, such as amounts that come again: less than a third of the growth."""
    short, long = 200_000, 1_200_000
    for _ in way([_made(kind, long, 1_000_000)]):
        pass  # Tables are filled now, and the amounts met that are remembered.
    assert _peak(kind, long, way) < _peak(kind, short, way) + (long - short) // 3


# --- Documents that were cut -----------------------------------------------------------------------------------------

_SMALL = sorted((each.read_bytes() for each in FIXTURES if each.stat().st_size < 1500), key=len)


@pytest.mark.parametrize("data", _SMALL, ids=lambda data: f"{len(data)} bytes")
def test_a_document_that_was_cut_anywhere_is_read_as_far_as_it_goes(data: bytes) -> None:
    """Nothing but MalformedInterchange comes of it, and explain says it as a finding."""
    for length in range(0, len(data), 1 if data is _SMALL[0] else 7):
        for way in (examine, check):
            said = _Said(way([data[:length]]))
            whole = data[:length].rstrip(b"\r\n") in (data.rstrip(b"\r\n"), data.rstrip(b"\r\n~"))
            assert said.error or whole or any(each.severity == "block" for each in said.found)
    for length in range(0, len(data), 11):
        lines = list(explain([data[:length]]))
        assert any(each.findings for each in lines) or data[length:].strip(b"~\r\n") == b""


@seed(12)
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 32))
def test_explain_raises_nothing_on_slips(number: int) -> None:
    chance = random.Random(number)
    data = _slipped(chance.choice(_documents()), chance)
    lines = list(explain(_chunks(data, chance.choice((1 << 16, 501)))))
    told = [finding for line in lines for finding in line.findings if finding.rule != "x12.document.unreadable"]
    assert _sorted(told) == _sorted(_Said(stream([data])).found)


# --- What made a situation hold --------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [examine, stream], ids=["examine", "stream"])
@pytest.mark.parametrize(
    ("old", "new", "rule", "trigger"),
    [
        (
            b"DMG*D8*19800101*F~",
            b"",
            "x12.situation.837p.subscriber_birth_date",
            {"CTX02": "SBR", "CTX03": "13", "CTX04": "2000A/2000B", "CTX05": "2", "CTX06": "1069"},
        ),
        (
            b"11:B:1",
            b"11:B:7",
            "x12.situation.837p.original_claim_number",
            {"CTX02": "CLM", "CTX03": "19", "CTX04": "2000A/2000B/2300", "CTX05": "5:3", "CTX06": "1325"},
        ),
    ],
)
def test_a_situation_names_what_made_it_so(
    way: Way, old: bytes, new: bytes, rule: str, trigger: dict[str, str]
) -> None:
    head = b"ISA*00*          *00*          *ZZ*A              *ZZ*B              *260302*1200*^*00501*000000001*0*T*:~"
    head += b"GS*HC*CLINICS*PAYER*20260302*1200*1*X*005010X222A1~"
    data = head + CLAIM.replace("\n", "").encode().replace(old, new)
    (found,) = [each for each in _Said(way([data])).found if each.rule == rule]
    codes = found.codes or {}
    assert {name: code for name, code in codes.items() if name.startswith("CTX")} == trigger
