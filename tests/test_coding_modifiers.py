"""CQ and CO, KX, the order and conflicts of modifiers, NCCI pairs: the facts' section 1.3 and 1.4 as tables."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.coding import modifiers
from gateway.coding.assistant import Split, Worked, assisted, in_part
from gateway.coding.codes import procedure
from gateway.coding.pairs import Billed, clashes
from gateway.coding.reference import PairEdit
from gateway.coding.threshold import Need, group_of, judge, threshold
from gateway.x12 import codes as lists

DAY = date(2026, 3, 2)
BEFORE = date(2021, 6, 1)

# Source of each row's figures: CMS's billing examples and regulation as published pages repeat them, else the rule.
SPLITS = [
    # CMS billing example: 23 of the PTA and 13 of the PT of one code; the last unit is the PT's.
    ("23 and 13", Worked(13, 23), 2, DAY, Split(1, 1)),
    # CMS billing example, before the midpoint rule and since: 10 of the PTA and 5 of the PT.
    ("10 and 5, since 2022", Worked(5, 10), 1, DAY, Split(0, 1)),
    ("10 and 5, before", Worked(5, 10), 1, BEFORE, Split(0, 1)),
    # 42 CFR 410.60(a)(4): the midpoint alone is enough since 2022, and was not before.
    ("8 and 8, since 2022", Worked(8, 8), 1, DAY, Split(1, 0)),
    ("8 and 8, before", Worked(8, 8), 1, BEFORE, Split(0, 1)),
    ("7 and 8", Worked(7, 8), 1, DAY, Split(0, 1)),
    # Two units left, each 9 to 14 minutes of the same code: one with, one without (domain facts, 1.3).
    ("12 and 14", Worked(12, 14), 2, DAY, Split(1, 1)),
    ("9 and 14", Worked(9, 14), 2, DAY, Split(1, 1)),
    ("14 and 9", Worked(14, 9), 2, DAY, Split(1, 1)),
    ("12 and 14, before", Worked(12, 14), 2, BEFORE, Split(0, 2)),
    # Whole quarter hours belong to whom worked them.
    ("30 and 15", Worked(30, 15), 3, DAY, Split(2, 1)),
    ("20 and 25", Worked(20, 25), 3, DAY, Split(1, 2)),
    ("23 and 22", Worked(23, 22), 3, DAY, Split(2, 1)),
    # De minimis: 10 percent or less of the service does not count.
    ("7 and 0", Worked(7, 0), 1, DAY, Split(1, 0)),
    ("20 and 2, before: the only unit is the therapist's", Worked(20, 2), 1, BEFORE, Split(1, 0)),
    ("all of the assistant", Worked(0, 30), 2, DAY, Split(0, 2)),
    ("all of the therapist", Worked(30, 0), 2, DAY, Split(2, 0)),
    ("a unit more than the minutes earn", Worked(0, 15), 2, DAY, Split(0, 2)),
    ("before there was a modifier", Worked(0, 30), 2, date(2019, 12, 31), Split(2, 0)),
]


@pytest.mark.parametrize(
    ("worked", "units", "day", "expected"), [row[1:] for row in SPLITS], ids=[row[0] for row in SPLITS]
)
def test_units_of_an_assistant(worked: Worked, units: int, day: date, expected: Split) -> None:
    found = assisted({"97110": worked}, {"97110": units}, day)
    assert found.splits == {"97110": expected}
    assert found.steps[0].startswith(f"97110: therapist {worked.therapist}, assistant {worked.assistant} minutes; ")


@pytest.mark.parametrize(
    ("therapist", "assistant", "expected"),
    [(18, 2, False), (17, 2, True), (27, 3, False), (26, 3, True), (45, 5, False), (44, 5, True), (0, 1, True)],
)
def test_ten_percent_is_exceeded_not_reached(therapist: int, assistant: int, expected: bool) -> None:
    assert in_part(therapist, assistant) is expected


def test_an_untimed_service_is_one_or_the_other() -> None:
    found = assisted({"97150": Worked(26, 3), "97012": Worked(27, 3)}, {"97150": 1, "97012": 1}, DAY)
    assert found.splits == {"97150": Split(0, 1), "97012": Split(1, 0)}


def test_device_supply_is_outside_of_the_test() -> None:
    found = assisted({"98977": Worked(0, 10), "98980": Worked(0, 20)}, {"98977": 1, "98980": 1}, DAY)
    assert found.splits == {"98977": Split(1, 0), "98980": Split(0, 1)}


def test_an_assistant_may_not_evaluate() -> None:
    assert assisted({"97161": Worked(30, 5)}, {"97161": 1}, DAY).forbidden == ("97161",)
    assert assisted({"97161": Worked(30, 0)}, {"97161": 1}, DAY).forbidden == ()


def test_what_has_no_minutes_is_not_judged() -> None:
    assert assisted({"97110": Worked()}, {"97110": 2, "97140": 1}, DAY).splits == {}


@given(st.integers(0, 120), st.integers(0, 120), st.integers(1, 16), st.sampled_from([DAY, BEFORE]))
def test_laws_of_a_split(therapist: int, assistant: int, units: int, day: date) -> None:
    found = assisted({"97110": Worked(therapist, assistant)}, {"97110": units}, day).splits
    if not therapist + assistant:
        assert found == {}
        return
    split = found["97110"]
    assert split.plain + split.assisted == units, "every unit is one or the other"
    assert min(split.plain, split.assisted) >= 0
    if not assistant:
        assert split.assisted == 0
    if not therapist:
        assert split.plain == 0
    if therapist // 15 <= units:
        assert split.plain >= therapist // 15


def test_order_of_modifiers() -> None:
    """Domain facts, 1.3: GP, then CQ, then KX and 59."""
    assert modifiers.ordered(["59", "KX", "CQ", "GP"]) == ("GP", "CQ", "KX", "59")
    assert modifiers.ordered(["LT", "gp"]) == ("GP", "LT")
    assert modifiers.misplaced(["GP", "CQ"]) == ()
    assert modifiers.misplaced(["CQ", "GP"]) == ("GP", "CQ")


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ("GP", []),
        ("GP CQ KX 59", []),
        ("GO CO", []),
        ("GX GY", []),
        ("GP GA", []),
        ("KX GA", ["KX GA"]),
        ("GA KX", ["GA KX"]),
        ("KX GZ", ["KX GZ"]),
        ("GA GZ", ["GA GZ"]),
        ("GX GA", ["GX GA"]),
        ("GY GZ", ["GY GZ"]),
        ("GP GO", ["GP GO"]),
        ("GO CQ", ["GO CQ"]),
        ("GP CO", ["GP CO"]),
        ("GP CQ CO", ["GP CO", "CQ CO"]),
        ("59 XS", ["59 XS"]),
        ("GP GP", ["GP"]),
        ("kx ga", ["KX GA"]),
    ],
)
def test_conflicts(held: str, expected: list[str]) -> None:
    found = list(modifiers.conflicts(held.split()))
    assert sorted(" ".join(each.modifiers) for each in found) == sorted(expected)
    assert all(each.what and each.fix and each.source for each in found)


def test_an_assistant_s_modifier_stands_beside_the_therapist_s() -> None:
    assert list(modifiers.alone(["CQ"])) == [("CQ", "GP")]
    assert list(modifiers.alone(["CO", "GP"])) == [("CO", "GO")]
    assert list(modifiers.alone(["GP", "CQ"])) == []


def test_procedures_of_one_discipline() -> None:
    physical, occupational, any_one = procedure("97161"), procedure("97166"), procedure("97110")
    assert physical is not None
    assert occupational is not None
    assert any_one is not None
    assert [modifiers.fits(physical, each) for each in ("GP", "GO", "GN", "")] == [True, False, False, True]
    assert [modifiers.fits(occupational, each) for each in ("GP", "GO")] == [False, True]
    assert modifiers.fits(any_one, "GN")


def test_every_modifier_of_the_order_has_a_name() -> None:
    assert set(modifiers._file()["order"].split()) == set(lists.load("modifiers").entries)


@pytest.mark.parametrize(
    ("day", "discipline", "amount"),  # Domain facts, 1.3.
    [
        (date(2025, 12, 31), "GP", 241000),
        (date(2026, 1, 1), "GP", 248000),
        (DAY, "GN", 248000),
        (DAY, "GO", 248000),
    ],
)
def test_thresholds_by_year(day: date, discipline: str, amount: int) -> None:
    found = threshold(day, discipline)
    assert found is not None
    assert (found.amount, found.review) == (amount, 300000)


def test_speech_and_physical_therapy_share_one_amount() -> None:
    assert [group_of(each) for each in ("GP", "GN", "GO", "")] == ["PT+SLP", "PT+SLP", "OT", ""]


@pytest.mark.parametrize(
    ("used", "most", "expected"),
    [
        (0, 10000, Need.NO),
        (247999, 1, Need.NO),
        (247999, 2, Need.UNCERTAIN),
        (248000, 1, Need.YES),
        (None, 10000, Need.UNKNOWN),
    ],
)
def test_need_of_kx(used: int | None, most: int, expected: Need) -> None:
    found = judge(used=used, most=most, day=DAY, discipline="GP")
    assert found.need is expected
    assert bool(found.missing) == (expected is Need.UNKNOWN)
    assert found.steps[0].startswith("2026 PT+SLP: $2,480.00")


def test_a_year_whose_amount_is_not_known_is_not_judged() -> None:
    found = judge(used=500000, most=1, day=date(2027, 1, 4), discipline="GP")
    assert (found.need, found.missing) == (Need.UNKNOWN, "the KX threshold of 2027")


def test_beyond_targeted_review() -> None:
    assert judge(used=300000, most=1, day=DAY, discipline="GP").review
    assert not judge(used=299999, most=1, day=DAY, discipline="GP").review


# Sample edits: pairs that public notices name (domain facts, 1.4), dates and indicators our own.
EDITS = [
    PairEdit(column_one="97530", column_two="97116", starts_on=date(2018, 1, 1), indicator="1"),
    PairEdit(column_one="97164", column_two="97110", starts_on=date(2018, 1, 1), indicator="0"),
    PairEdit(
        column_one="97150", column_two="97112", starts_on=date(2018, 1, 1), ends_on=date(2026, 2, 28), indicator="1"
    ),
    PairEdit(column_one="97140", column_two="97161", starts_on=date(2018, 1, 1), indicator="9"),
]


def _lines(*told: str, day: date = DAY) -> list[Billed]:
    lines = []
    for number, text in enumerate(told):
        code, *held = text.split()
        lines.append(Billed(place=f"$.lines[{number}]", procedure=code, modifiers=tuple(held), served_on=day))
    return lines


@pytest.mark.parametrize(
    ("told", "day", "expected"),
    [
        (("97116 GP", "97530 GP"), DAY, [("97530", "97116", True)]),
        (("97116 GP 59", "97530 GP"), DAY, []),
        (("97116 GP", "97530 GP XS"), DAY, []),
        (("97116 GP", "97530 GP XS"), date(2019, 6, 30), [("97530", "97116", True)]),
        (("97116 GP XU", "97530 GP"), date(2019, 6, 30), []),
        (("97110 GP 59", "97164 GP"), DAY, [("97164", "97110", False)]),
        (("97112 GP", "97150 GP"), DAY, []),
        (("97112 GP", "97150 GP"), date(2026, 2, 28), [("97150", "97112", True)]),
        (("97140 GP", "97161 GP"), DAY, []),
        (("97530 GP", "97116 GP"), date(2017, 12, 31), []),
    ],
)
def test_pairs(told: tuple[str, ...], day: date, expected: list[tuple[str, str, bool]]) -> None:
    found = [
        (each.column_one.procedure, each.column_two.procedure, each.liftable)
        for each in clashes(_lines(*told, day=day), EDITS)
    ]
    assert found == expected


def test_lines_of_different_days_do_not_clash() -> None:
    lines = [*_lines("97116 GP"), *_lines("97530 GP", day=date(2026, 3, 3))]
    assert list(clashes(lines, EDITS)) == []
