"""Units from minutes: the checked examples of the facts (1.2), and the laws that both rules keep."""

from collections.abc import Mapping
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.coding.codes import Kind, codes, procedure, table
from gateway.coding.units import AMA, CMS, month_units, units, units_of
from gateway.x12 import codes as lists

DAY = date(2026, 3, 2)
TIMED = sorted(code for code, each in table().items() if each.kind is Kind.TIMED and not each.spans)

# Domain facts, 1.2, "Checked examples", in their order: minutes, CMS, AMA.
EXAMPLES: list[tuple[dict[str, int], dict[str, int], dict[str, int]]] = [
    ({"97112": 24, "97110": 23}, {"97112": 2, "97110": 1}, {"97112": 2, "97110": 2}),
    (
        {"97110": 18, "97140": 13, "97116": 10, "97035": 8},
        {"97110": 1, "97140": 1, "97116": 1, "97035": 0},
        {"97110": 1, "97140": 1, "97116": 1, "97035": 1},
    ),
    ({"97110": 7, "97140": 7}, {"97110": 1, "97140": 0}, {"97110": 0, "97140": 0}),
    (
        {"97110": 25, "97140": 15, "97116": 10},
        {"97110": 2, "97140": 1, "97116": 0},
        {"97110": 2, "97140": 1, "97116": 1},
    ),
    ({"97112": 20, "97110": 20}, {"97112": 1, "97110": 2}, {"97112": 1, "97110": 1}),
    ({"97110": 33, "97140": 7}, {"97110": 2, "97140": 1}, {"97110": 2, "97140": 0}),
    ({"97110": 18, "97140": 5}, {"97110": 1, "97140": 1}, {"97110": 1, "97140": 0}),
    ({"97112": 7, "97110": 7, "97140": 7}, {"97112": 0, "97110": 1, "97140": 0}, {"97112": 0, "97110": 0, "97140": 0}),
]
# Domain facts, 1.2: the chart, first and last minute of each number of units.
CHART = [(8, 22), (23, 37), (38, 52), (53, 67), (68, 82), (83, 97), (98, 112), (113, 127)]


@pytest.mark.parametrize(("minutes", "cms", "ama"), EXAMPLES, ids=lambda e: "+".join(map(str, e.values())))
def test_checked_examples(minutes: dict[str, int], cms: dict[str, int], ama: dict[str, int]) -> None:
    assert units(minutes, CMS, DAY).units == cms
    assert units(minutes, AMA, DAY).units == ama


@pytest.mark.parametrize(("count", "span"), list(enumerate(CHART, 1)))
def test_chart(count: int, span: tuple[int, int]) -> None:
    first, last = span
    assert units_of(first - 1) == count - 1
    assert units_of(first) == units_of(last) == count


def test_two_services_of_seven_minutes_are_one_unit_of_the_longer() -> None:
    assert units({"97110": 6, "97140": 8}, CMS, DAY).units == {"97110": 0, "97140": 1}


def test_cms_is_told_step_by_step() -> None:
    assert units(EXAMPLES[0][0], CMS, DAY).steps == (
        "Timed minutes: 97112 24, 97110 23; together 47",
        "CMS counts them together: 47 minutes are 3 units (38 to 52 minutes)",
        "Whole quarter hours: 97110 1, 97112 1",
        "Rests: 97112 9, 97110 8; 1 unit more, one each for 97112",
    )


def test_ama_is_told_code_by_code() -> None:
    assert units({"97110": 33, "97140": 7}, AMA, DAY).steps == (
        "The AMA counts each code by itself: 97110, 33 minutes, 2 units (23 to 37 minutes)",
        "The AMA counts each code by itself: 97140, 7 minutes, 0 units (fewer than 8 minutes)",
    )


def test_equal_rests_may_be_chosen_between() -> None:
    found = units({"97112": 20, "97110": 20}, CMS, DAY)
    assert "97112 has as many, and could be chosen" in found.steps[-1]
    assert found.allows({"97112": 2, "97110": 1})
    assert found.allows({"97112": 1, "97110": 2})
    assert not found.allows({"97112": 1, "97110": 1})
    assert not found.allows({"97112": 2, "97110": 2})
    assert not found.allows({"97112": 3})


def test_unequal_rests_may_not() -> None:
    found = units({"97112": 24, "97110": 23}, CMS, DAY)
    assert found.allows({"97112": 2, "97110": 1})
    assert not found.allows({"97112": 1, "97110": 2})


def test_untimed_codes_and_their_minutes_are_out() -> None:
    found = units({"97110": 15, "97161": 45, "G0283": 20}, CMS, DAY)
    assert (found.units, found.minutes, found.untimed) == ({"97110": 1}, 15, ("97161", "G0283"))
    assert "97161 is not timed: one unit a session, its minutes do not count" in found.steps


def test_codes_outside_of_the_table_are_named_and_not_counted() -> None:
    found = units({"97110": 15, "99213": 30}, CMS, DAY)
    assert (found.units, found.unknown) == ({"97110": 1}, ("99213",))


def test_a_code_that_was_retired_on_the_day_is_not_counted() -> None:
    assert units({"97532": 30}, CMS, date(2017, 12, 31)).units == {"97532": 2}
    assert units({"97532": 30}, CMS, date(2018, 1, 1)).unknown == ("97532",)


@pytest.mark.parametrize(
    ("minutes", "expected"),  # Domain facts, 1.1: 97129 once, then 97130.
    [
        ({"97129": 15}, {"97129": 1}),
        ({"97129": 15, "97130": 15}, {"97129": 1, "97130": 1}),
        ({"97129": 38}, {"97129": 1, "97130": 2}),
        ({"97129": 15, "97130": 7}, {"97129": 1, "97130": 0}),
        ({"97130": 20}, {"97129": 1, "97130": 0}),
    ],
)
@pytest.mark.parametrize("rule", [CMS, AMA])
def test_an_add_on_code_takes_what_goes_beyond_its_base(
    minutes: dict[str, int], expected: dict[str, int], rule: str
) -> None:
    found = units(minutes, rule, DAY)
    assert found.units == expected
    assert found.allows(expected)
    assert not found.allows({**expected, "97129": 0, "97130": sum(expected.values())})


@pytest.mark.parametrize(
    ("minutes", "expected"),  # Domain facts, 1.1: special classes, earned at their midpoints.
    [
        ({"97545": 60}, {"97545": 0}),
        ({"97545": 61}, {"97545": 1}),
        ({"97545": 120, "97546": 30}, {"97545": 1, "97546": 0}),
        ({"97545": 120, "97546": 31}, {"97545": 1, "97546": 1}),
        ({"97545": 240}, {"97545": 1, "97546": 2}),
        ({"97550": 15}, {"97550": 0}),
        ({"97550": 30, "97551": 8}, {"97550": 1, "97551": 1}),
        ({"97550": 30, "97551": 22}, {"97550": 1, "97551": 1}),
    ],
)
def test_special_classes(minutes: dict[str, int], expected: dict[str, int]) -> None:
    found = units({**minutes, "97110": 8}, CMS, DAY)
    assert found.units == {**expected, "97110": 1}
    assert found.minutes == 8, "special minutes are out of the pool of timed ones"
    assert not found.allows({**expected, "97110": 1, next(iter(expected)): 7})


@pytest.mark.parametrize(
    ("minutes", "day", "expected"),  # Domain facts, 1.1: remote monitoring by the month.
    [
        (9, DAY, {}),
        (10, DAY, {"98979": 1}),
        (19, DAY, {"98979": 1}),
        (19, date(2025, 12, 31), {}),
        (20, DAY, {"98980": 1}),
        (39, DAY, {"98980": 1}),
        (40, DAY, {"98980": 1, "98981": 1}),
        (61, date(2025, 6, 1), {"98980": 1, "98981": 2}),
    ],
)
def test_remote_monitoring_counts_the_whole_spans_of_a_month(
    minutes: int, day: date, expected: Mapping[str, int]
) -> None:
    assert month_units(minutes, day) == expected


def test_a_day_does_not_decide_on_monthly_codes() -> None:
    found = units({"98980": 25, "98977": 0}, CMS, DAY)
    assert (found.units, found.monthly) == ({}, ("98977", "98980"))


spent = st.dictionaries(st.sampled_from(TIMED), st.integers(0, 130), min_size=1, max_size=9)


@given(spent)
def test_cms_laws(minutes: dict[str, int]) -> None:
    found = units(minutes, CMS, DAY)
    total = sum(found.units[code] for code in minutes)
    assert total == found.earned == units_of(sum(minutes.values())), "never above the cap, and all of it"
    for code, each in minutes.items():
        assert each // 15 <= found.units[code] <= each // 15 + (each % 15 > 0)
    assert found.allows(found.units)


@given(spent)
def test_ama_laws(minutes: dict[str, int]) -> None:
    found = units(minutes, AMA, DAY)
    assert found.units == {code: units_of(each) for code, each in minutes.items()}
    assert found.earned == sum(found.units.values())
    assert found.allows(found.units)


@given(st.permutations(list(EXAMPLES[1][0].items())), spent, st.sampled_from([CMS, AMA]))
def test_the_order_of_the_codes_does_not_matter(
    order: list[tuple[str, int]], minutes: dict[str, int], rule: str
) -> None:
    assert units(dict(order), rule, DAY) == units(dict(sorted(order)), rule, DAY)
    assert units(dict(reversed(minutes.items())), rule, DAY) == units(minutes, rule, DAY)


@given(spent, st.dictionaries(st.sampled_from(TIMED), st.integers(0, 10), max_size=9))
def test_what_is_allowed_is_another_choice_of_equal_rests_at_most(
    minutes: dict[str, int], billed: dict[str, int]
) -> None:
    """By brute words: a choice is right if no unit could go to a code with a longer rest."""
    found = units(minutes, CMS, DAY)
    extra = {code: billed.get(code, 0) - each // 15 for code, each in minutes.items()}
    sums = sum(extra.values()) + sum(each // 15 for each in minutes.values()) == units_of(sum(minutes.values()))
    given_ = [minutes[code] % 15 for code, more in extra.items() if more == 1]
    left = [minutes[code] % 15 for code, more in extra.items() if more == 0]
    right = set(extra.values()) <= {0, 1} and sums and min(given_, default=15) >= max(left, default=0)
    assert found.allows({code: billed.get(code, 0) for code in minutes}) == right


def test_the_table_and_the_list_of_codes_agree() -> None:
    listed = lists.load("cpt_therapy")
    assert codes() == set(listed.entries)
    for each in table().values():
        assert not each.base or procedure(each.base) is not None
        assert bool(each.minutes) == bool(each.least)
        assert each.kind is not Kind.TIMED or (each.minutes, each.least) == (15, 8)


def test_every_procedure_of_the_facts_is_there_in_its_class() -> None:
    """Domain facts, 1.1."""
    expected = {
        Kind.UNTIMED: "97161 97162 97163 97164 97165 97166 97167 97168 97010 97012 97014 G0283 97016 97018 97022 97024 "
        "97026 97028 97150 20560 20561 98975",
        Kind.TIMED: "97032 97033 97034 97035 97036 97110 97112 97113 97116 97124 97129 97130 97140 97530 97533 97535 "
        "97537 97542 97750 97755 97760 97761 97763",
        Kind.SPECIAL: "97545 97546 97550 97551 97552",
        Kind.MONTHLY: "98976 98977 98984 98985 98979 98980 98981",
    }
    for kind, listed in expected.items():
        for code in listed.split():
            found = procedure(code, DAY)
            assert found is not None, code
            assert found.kind is kind, code
