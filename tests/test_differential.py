"""pyx12 and we differ on spoiled documents for listed reasons only, and each reason is shown with who is right.

The short form runs with all other tests; the full one is ``make fuzz`` (20,000 documents).
"""

from collections.abc import Callable, Sequence

import pytest
from x12_difference import REASONS, unexplained
from x12_differential import base, differ, run
from x12_oracle import OracleCrashed, our_faults, pyx12_faults

SHORT, FULL = 120, 20_000
Edit = Callable[[list[str]], None]


def _index(segments: Sequence[str], start: str) -> int:
    return next(at for at, each in enumerate(segments) if each.startswith(start))


def instead(start: str, *texts: str) -> Edit:
    """Puts these in the place of the first segment that begins so."""

    def edit(segments: list[str]) -> None:
        at = _index(segments, start)
        segments[at : at + 1] = texts

    return edit


def behind(start: str, *texts: str) -> Edit:
    """Puts these behind the first segment that begins so."""

    def edit(segments: list[str]) -> None:
        at = _index(segments, start) + 1
        segments[at:at] = texts

    return edit


def swapped(start: str) -> Edit:
    """Swaps the first segment that begins so with the next one."""

    def edit(segments: list[str]) -> None:
        at = _index(segments, start)
        segments[at : at + 2] = [segments[at + 1], segments[at]]

    return edit


def both(one: Edit, other: Edit) -> Edit:
    """One after the other."""

    def edit(segments: list[str]) -> None:
        one(segments)
        other(segments)

    return edit


def edited(kind: str, seed: int, edit: Edit) -> list[str]:
    """A sound document, spoiled so; its first SE counts right unless the edit is about SE."""
    segments = list(base(kind, seed))
    before = _index(segments, "SE*")
    edit(segments)
    at = next((at for at, each in enumerate(segments) if each.startswith("SE*")), 0)
    if at and at != before:
        segments[at] = f"SE*{at - 1}*{segments[at].split('*')[2]}"
    return segments


# For each reason: a document, how it is spoiled, and what only pyx12 (-) and only we (+) say of its first set then.
EXAMPLES: dict[str, tuple[str, int, Edit, set[str]]] = {
    "unexpected": ("837p", 0, behind("HL*1*", "DMG*D8*19800101*F"), {"+ 7 DMG IK304 2", "- 7 DMG IK304 1"}),
    "wrong_qualifier": ("835", 0, instead("DTM*405", "DTM*999*20260331"), {"+ 5 DTM01 IK403 7", "- 5 DTM IK304 1"}),
    "tag": ("835", 0, instead("DTM*405", "D.M*405*20260331"), {"+ 5  IK304 1", "- 5 D.M IK304 1"}),
    "envelope_reference": ("837p", 0, instead("SE*", "SE*3*0001"), {"+ 87 SE01 IK502 4", "- 87 SE IK502 4"}),
    "numbering": ("837p", 0, instead("LX*1", "LX*7"), {"+ 26 LX01 IK403 7", "- 26 LX IK304 LX"}),
    "unplaced_level": (
        "835",
        0,
        behind("REF*2U", "HL*7*3*22*0"),
        {"+ 10 HL IK304 2", "- 10 HL IK304 1", "- 10 HL IK304 HL1", "- 10 HL IK304 HL2"},
    ),
    "parent_again": (
        "837p",
        0,
        instead("HL*2*1*22", "HL*2*9*22*0"),
        {"+ 12 HL02 IK403 7", "- 12 HL IK304 HL2", "- 34 HL IK304 HL2"},
    ),
    "level_named_wrongly": (
        "837p",
        1,
        behind("HL*1*", "HL*1**20*1"),
        {
            "+ 16 HL01 IK403 7",
            "+ 20 HL01 IK403 7",
            "+ 49 HL01 IK403 7",
            "+ 7 HL IK304 3",
            "+ 7 HL01 IK403 7",
            "+ 7 NM1 IK304 3",
            "- 16 HL IK304 HL1",
            "- 20 HL IK304 HL1",
            "- 20 HL IK304 HL2",
            "- 49 HL IK304 HL1",
            "- 49 HL IK304 HL2",
            "- 7 HL IK304 HL1",
        },
    ),
    "not_used": ("837p", 0, instead("REF*G1", "REF*G1*CERT1*TEXT"), {"+ 21 REF03 IK403 I10", "- 21 REF03 IK403 10"}),
    "parts_of_simple": ("837p", 0, instead("REF*G1", "REF*G1*CE:RT"), {"+ 21 REF02 IK403 13", "- 21 REF02 IK403 6"}),
    "together": (
        "837p",
        0,
        instead("PER*IC", "PER*IC*ANN CLERK*TE*8675550175*EM"),
        {"+ 4 PER06 IK403 2", "- 4 PER05 IK403 2"},
    ),
    "repetition": ("837p", 0, instead("REF*G1", "REF*G1*CERT1^CERT2"), {"+ 21 REF02 IK403 12"}),
    "nameless": (
        "277ca",
        0,
        instead("REF*1K", "REF*1K*PAYERCLAIM1**TEXT"),
        {"+ 24 REF04 IK403 I10", "- 24 None IK403 5"},
    ),
    "zeros": ("837p", 0, instead("IEA*1", "IEA*1*1"), {"- 124 IEA TA105 001"}),
    "set_number": (
        "837p",
        0,
        both(instead("ST*", "ST*837*1*005010X222A1"), instead("SE*", "SE*87*1")),
        {"+ 1 ST02 IK502 7"},
    ),
    "trailing_blanks": (
        "837p",
        0,
        instead("REF*G1", "REF*G1*CERT1 "),
        {"+ 21 REF02 element.trailing_blanks", "- 21 REF02 IK403 6"},
    ),
    "trailing_separator": (
        "837p",
        0,
        instead("REF*G1", "REF*G1*CERT1*"),
        {"+ 21 REF codec.trailing_separator", "- 21 REF IK304 SEG1"},
    ),
    "empty": ("837p", 0, instead("N3*", "N3"), {"- 9 N3 IK304 8"}),
    "control": ("837p", 0, instead("PER*IC", "PER*IC*ANN CLERK*\x7f*8675550175"), {"- 4 PER03 IK403 7"}),
    "folded": ("837p", 0, instead("N3*", "N3*1 MILL\nLANE"), {"+ 9 N3 codec.folded", "- 9 N301 IK403 6"}),
    "first_component": ("837p", 0, instead("HI*", "HI*ABK:M25511*:R262"), {"+ 23 HI02-01 IK403 1"}),
    "short_time": ("837p", 0, instead("BHT*", "BHT*0019*00*CB1*20260310*17*CH"), {"+ 2 BHT05 IK403 9"}),
    "format_unknown": ("837p", 1, instead("PAT*01", "PAT*01****XX*SOMEDAY"), {"- 20 PAT06 IK403 8"}),
    "lone_sign": ("835", 0, instead("CAS*PR", "CAS*PR*3*-"), {"+ 29 CAS03 IK403 6", "+ 29 CAS03 IK403 7"}),
    "context": ("999", 0, behind("IK3*CLM", "CTX*SITUATIONAL TRIGGER*CLM*22**5:3"), {"- 10 CTX IK304 5"}),
    "child": ("837p", 0, instead("HL*2*", "HL*2*1*22*1"), {"+ 12 HL04 IK403 7"}),
    "told_again": (
        "837p",
        0,
        instead("NM1*IL*1*EXEMPLE", "K3*X"),
        {"+ 53 K3 IK304 2", "- 53 K3 IK304 1", "- 54 NM1 IK304 3"},
    ),
    "same_position": ("999", 0, instead("AK9*", "AK2*837*0009*005010X222A1"), {"+ 26 IK5 IK304 3"}),
    "trailers": (
        "837p",
        0,
        instead("SE*87", "K3*X"),
        {"+ 87 K3 IK304 2", "+ 88 SE IK502 2", "- 123 GE AK905 3", "- 87 K3 IK304 1"},
    ),
    "corrected": ("837p", 0, instead("BHT*", "BHT*0019*00*CB1*20260310*1730*31"), {"- 2 BHT06 IK403 7"}),
    "any_order": ("837p", 1, swapped("NM1*IL"), {"- 17 NM1 IK304 3"}),
    "start_after_start": (
        "837p",
        0,
        behind("LX*1", "LX*2"),
        {"+ 27 DTP IK304 3", "+ 27 SV1 IK304 3", "+ 31 LX01 IK403 7", "- 31 LX IK304 LX"},
    ),
    "header_start": (
        "837p",
        0,
        instead("BHT*", "K3*X"),
        {
            "+ 2 K3 IK304 2",
            "+ 3 BHT IK304 3",
            "- 2 K3 IK304 1",
            "- 3 NM1 IK304 1",
            "- 4 PER IK304 1",
            "- 5 NM1 IK304 1",
            "- 6 BHT IK304 3",
        },
    ),
    "header_again": (
        "835",
        0,
        behind("BPR*", "BPR*H*0*C*NON************20260401"),
        {"+ 3 BPR IK304 5", "+ 3 BPR02 balance.transaction", "- 3 BPR IK304 4"},
    ),
    "sums": ("837p", 0, instead("CLM*CL00000000002", "CLM*CL1*1***11:B:1*Y*A*Y*Y"), {"+ 19 CLM02 balance.charge"}),
    "situations": ("837p", 0, instead("DMG*", "REF*SY*123456789"), {"+ 18 DMG IK304 I6"}),
    "lists": ("835", 1, instead("CAS*CO*197", "CAS*CO*9999*299.4"), {"+ 31 CAS02 IK403 7"}),
    "list_in_part": (
        "277ca",
        0,
        instead("STC*A2", "STC*A2:9999:PR*20260311*WQ*517.3"),
        {"+ 23 STC01-02 code.unlisted", "- 23 STC01-02 IK403 7"},
    ),
    "told_once": ("837p", 0, instead("N4*SEATTLE", "N4*SEATTLE*981010006*981010006"), {"- 16 N402 IK403 7"}),
    "qualified_list": (
        "837p",
        0,
        instead("CLM*CL00000000002", "CLM*CL00000000002*288.8***X*Y*A*Y*Y"),
        {"- 19 CLM05-01 IK403 7"},
    ),
    "entity_list": (
        "277ca",
        2,
        instead("STC*A7", "STC*A7:252*20260311*U*680.1******A8:48:PR"),
        {"- 34 STC10-03 IK403 7"},
    ),
    "footer_again": (
        "835",
        0,
        behind("PLB*", "PLB*1734755055*20271231*L6:X*-1"),
        {"+ 2 BPR02 balance.transaction", "- 69 PLB IK304 4"},
    ),
}


@pytest.mark.parametrize("name", [reason.name for reason in REASONS])
def test_each_reason_is_shown(name: str) -> None:
    kind, seed, edit, shown = EXAMPLES[name]
    difference = differ(kind, edited(kind, seed, edit))
    taken, left = unexplained(difference)
    assert left == []
    assert name in taken
    only_they = {f"- {each.segment} {each.reference} {each.code}" for each in difference.theirs if each.set < 2}
    only_we = {f"+ {each.segment} {each.reference} {each.code}" for each in difference.ours if each.set < 2}
    assert only_they | only_we == shown


def test_pyx12_does_not_come_to_an_end_and_we_do() -> None:
    """Too many components raise IndexError in pyx12, and a second hyphen ValueError."""
    components = edited("837p", 0, instead("SV1*", "SV1*HC:97162:GP:KX:59:76:TEXT:X:Y:Z*148.5*UN*1***1"))
    hyphens = edited("277ca", 1, instead("DTP*472*RD8", "DTP*472*RD8*20250101-20250102-20250103"))
    for kind, segments, reference, code in (("837p", components, "SV101", "13"), ("277ca", hyphens, "DTP03", "8")):
        with pytest.raises(OracleCrashed):
            pyx12_faults(kind, segments)
        said = {(each.reference, each.code) for each in our_faults(segments) if each.code.startswith("IK403")}
        assert (reference, f"IK403 {code}") in said


@pytest.mark.parametrize("seed", range(6))
def test_spoiled_documents_differ_for_listed_reasons_only(seed: int) -> None:
    outcome = run(SHORT, seed)
    assert not outcome.unexplained, str(outcome)
    assert outcome.documents == SHORT
    assert outcome.faults > SHORT


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_many_spoiled_documents_differ_for_listed_reasons_only() -> None:
    outcome = run(FULL, seed=2026)
    assert not outcome.unexplained, str(outcome)
    assert outcome.documents == FULL
