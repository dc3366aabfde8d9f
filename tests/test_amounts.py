"""Amounts that are followed on their way give what is found when whole loops are looked at (``balance``).

Sets are random, with amounts that are missing, odd or no number, reversals, and adjustments of lines, claims and
providers; they come in pieces of any size.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from whole_balance import check_claim, check_remittance

from gateway.x12.amounts import Amounted, Amounts, ClaimAmounts, RemittanceAmounts, amounts_of, tags_with_amounts
from gateway.x12.balance import BalanceFault
from gateway.x12.nodes import SegmentNode
from gateway.x12.table import NONE, Place, Step
from gateway.x12.tree import Loop, Segment
from gateway.x12.wrong import Wrong

STEP = Step(Place(0, SegmentNode("CLP", "the claim", "R", 1, 1), (), "2000/2100", NONE), 0, (), (), None, ())

Told = tuple[int, str, str, int, str]  # number of the segment, rule, severity, element, words

# Amounts of which many sums come out even, and such as none can be made of.
_even = st.sampled_from(
    [
        "0",
        "10",
        "10.00",
        "-10",
        "20",
        "30",
        "5.5",
        "-5.50",
        ".5",
        "1234567.89",
        "99999999999999999",
        "-99999999999999999",
    ]
)
_amounts = st.one_of(_even, _even, _even, st.sampled_from(["", "x", "1.234", "1.230", "-", "10.", "1e2", " 10"]))
_reasons = st.sampled_from(["45", "1", "97", ""])


def _row(
    draw: st.DrawFn, tag: str, size: int, amounts: dict[int, st.SearchStrategy[str]], reasons: Sequence[int]
) -> str:
    parts = [""] * draw(st.integers(0, size))
    for at in range(1, len(parts) + 1):
        if at in amounts:
            parts[at - 1] = draw(amounts[at])
        elif at in reasons:
            parts[at - 1] = draw(_reasons)
        elif at == 1:
            parts[0] = "CO"
    return "*".join((tag, *parts)).rstrip("*")


@st.composite
def _cas(draw: st.DrawFn) -> str:
    if draw(st.booleans()):
        return f"CAS*CO*45*{draw(_even)}"
    return _row(draw, "CAS", 21, dict.fromkeys((3, 6, 9, 12, 15, 18), _amounts), (2, 5, 8, 11, 14, 17))


@st.composite
def _remittances(draw: st.DrawFn) -> Loop:
    numbers = iter(range(2, 10_000))

    def put(loop: Loop, text: str) -> None:
        loop.segments.append(Segment.from_text(text, number=next(numbers)))

    root = Loop("ST_LOOP")
    if draw(st.integers(0, 9)):
        put(root, _row(draw, "BPR", 4, {2: _amounts}, ()))
    header = Loop("2000")
    root.loops.append(header)
    for _ in range(draw(st.integers(0, 4))):
        claim = Loop("2100")
        header.loops.append(claim)
        put(claim, draw(st.one_of(_clp(), st.just("CLP*C*22*-20*-10"), st.just("CLP*C*1*20*10"))))
        for cas in draw(st.lists(_cas(), max_size=2)):
            put(claim, cas)
        for _ in range(draw(st.integers(0, 3))):
            line = Loop("2110")
            claim.loops.append(line)
            put(line, draw(st.one_of(_svc(), st.just("SVC*HC:97110*20*10"))))
            for cas in draw(st.lists(_cas(), max_size=2)):
                put(line, cas)
    for _ in range(draw(st.integers(0, 2))):
        put(root, draw(_plb()))
    return root


@st.composite
def _clp(draw: st.DrawFn) -> str:
    return _row(draw, "CLP", 7, {3: _amounts, 4: _amounts, 5: _amounts}, ())


@st.composite
def _svc(draw: st.DrawFn) -> str:
    return _row(draw, "SVC", 5, {2: _amounts, 3: _amounts}, ())


@st.composite
def _plb(draw: st.DrawFn) -> str:
    if draw(st.booleans()):
        return f"PLB*1234567893*20261231*WO:A*{draw(_even)}"
    return _row(draw, "PLB", 16, dict.fromkeys((4, 6, 8, 10, 12, 14), _amounts), (3, 5, 7, 9, 11, 13))


def _followed(amounts: Amounts, segments: Iterable[Segment], cuts: Sequence[int]) -> list[Told]:
    taken: list[Amounted] = [(one.number, STEP, "*".join(one.parts)) for one in segments if one.tag in amounts.tags]
    edges = [0, *sorted(each % (len(taken) + 1) for each in cuts), len(taken)]
    found: list[Wrong] = []
    for start, stop in pairwise(edges):
        found += amounts.take(taken[start:stop])
    found += amounts.end()
    return sorted((each.segment, *_words(each.fault.rule, each.fault)) for each in found)


def _words(rule: str, fault: object) -> tuple[str, str, int, str]:
    return rule, str(fault.severity), fault.element, fault.what  # type: ignore[attr-defined]


def _judged(faults: Iterable[BalanceFault]) -> list[Told]:
    return sorted((each.segment.number, *_words(each.rule, each)) for each in faults)


def _in_order(loop: Loop) -> Iterator[Segment]:
    yield from sorted((one for each in loop.walk() for one in each.segments), key=lambda one: one.number)


@seed(12)
@settings(max_examples=400, deadline=None)
@given(_remittances(), st.lists(st.integers(0, 60), max_size=4))
def test_a_remittance_that_is_followed_is_judged_as_a_whole_one(root: Loop, cuts: list[int]) -> None:
    texts = ["*".join(each.parts) for each in _in_order(root)]
    assert _followed(RemittanceAmounts(), _in_order(root), cuts) == _judged(check_remittance(root)), texts


@seed(12)
@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(_amounts, st.lists(_amounts, max_size=3)), max_size=5), st.lists(st.integers(0, 20), max_size=3)
)
def test_claims_that_are_followed_are_judged_as_whole_ones(
    claims: list[tuple[str, list[str]]], cuts: list[int]
) -> None:
    number, expected, segments = 1, [], []
    for charge, lines in claims:
        number += 1
        claim = Loop("2300", [Segment.from_text(f"CLM*C*{charge}***11:B:1".rstrip("*"), number=number)])
        for each in lines:
            number += 1
            text = f"SV1*HC:97110*{each}*UN*1"
            claim.loops.append(Loop("2400", [Segment.from_text(text, number=number)]))
        segments += list(_in_order(claim))
        expected += _judged(check_claim(claim))
    assert _followed(ClaimAmounts(), segments, cuts) == expected


@pytest.mark.parametrize("text", ["CLM", "CLM*C", "SV1", "SV1*HC:97110"])
def test_segments_without_their_amounts_are_no_harm(text: str) -> None:
    texts = ["CLM*C*10", text, "SV1*HC:97110*10", "CLM*D*10", "SV1*HC:97110*9"]
    segments = [Segment.from_text(each, number=number) for number, each in enumerate(texts, 2)]
    assert [each[:2] for each in _followed(ClaimAmounts(), segments, ())] == [(5, "x12.balance.charge")]


def test_an_empty_trio_between_others_is_none() -> None:
    """X12.6 lets CAS05 to CAS07 be absent where CAS08 to CAS10 are there."""
    texts = ["BPR*I*10", "CLP*C*1*25*10", "CAS*CO*45*10*****97*4"]
    segments = [Segment.from_text(each, number=number) for number, each in enumerate(texts, 2)]
    ((number, rule, *_),) = _followed(RemittanceAmounts(), segments, ())
    assert (number, rule) == (3, "x12.balance.claim")


@pytest.mark.parametrize("digits", [18, 21, 400, 5000, 60_000])
def test_an_amount_of_any_length_stops_nobody(digits: int) -> None:
    texts = ["BPR*I*10", f"CLP*C*1*{'9' * digits}*{'9' * digits}", f"CAS*CO*45*{'1' * digits}", "PLB*1*2*WO*1"]
    segments = [Segment.from_text(each, number=number) for number, each in enumerate(texts, 2)]
    told = [each[:2] for each in _followed(RemittanceAmounts(), segments, ())]
    assert told == [(2, "x12.balance.transaction")] + [(3, "x12.balance.claim")] * (digits == 18)
    segments = [Segment.from_text(each) for each in (f"CLM*C*{'9' * digits}", f"SV1*X*{'8' * digits}")]
    assert len(_followed(ClaimAmounts(), segments, ())) == (digits == 18)


@pytest.mark.parametrize("huge", ["100000000000000000", "-100000000000000000"])
def test_a_cent_does_not_hide_among_huge_amounts(huge: str) -> None:
    other = huge[1:] if huge[0] == "-" else f"-{huge}"
    texts = [
        "BPR*I*100",
        "CLP*C*1*100.01*100",
        f"CAS*CO*45*{huge}",
        f"CAS*OA*45*{other}",
        f"SVC*HC:97110*{huge}*{huge}",
    ]
    segments = [Segment.from_text(each, number=number) for number, each in enumerate([*texts, "SVC*X*1e17"], 2)]
    assert [each[:2] for each in _followed(RemittanceAmounts(), segments, ())] == [(3, "x12.balance.claim")]


def test_sums_of_any_length_are_exact() -> None:
    """Cents are whole numbers: a hundred thousand payments of a tenth sum to ten thousand."""
    texts = ["BPR*I*10000", *["CLP*C*1*.10*.10"] * 100_000]
    segments = [Segment.from_text(each, number=number) for number, each in enumerate(texts, 2)]
    assert not _followed(RemittanceAmounts(), segments, [5000])


def test_only_remittances_and_professional_claims_are_followed() -> None:
    assert isinstance(amounts_of("835.5010.X221.A1.xml"), RemittanceAmounts)
    assert isinstance(amounts_of("837.5010.X222.A1.xml"), ClaimAmounts)
    assert amounts_of("277.5010.X214.xml") is None
    assert not tags_with_amounts("999.5010.xml")
