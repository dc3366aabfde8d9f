"""The checks of units, modifiers and code pairs, each at its limits (domain facts, 1.2 to 1.4 and 7.1)."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from ledger_samples import DAY, bucket, claim, line
from rules_samples import (
    BLOCK,
    COVERAGE,
    NUMBERED,
    PLAN,
    REFERENCE,
    SOME_DAY,
    UNKNOWN,
    WARN,
    Found,
    found,
    good,
    worked,
)

from gateway import rules
from gateway.coding.reference import PairEdit, UnitLimit
from gateway.domain.claim import Claim, Frequency, ServiceLine
from gateway.errors import Severity
from gateway.rules.policy import UnitRule


def billed(*lines: ServiceLine, **changes: Any) -> Claim:
    return claim(*lines, **{**NUMBERED, **changes})


def timed(*services: tuple[str, int, int], **changes: Any) -> Claim:
    """A claim of services (code, minutes, units) of one therapist on one day."""
    made = [
        line(f"L{at}", code, units=count, minutes=worked(spent)) for at, (code, spent, count) in enumerate(services)
    ]
    return billed(*made, **changes)


# 9: units. The table of 1.2, billed by each rule.

EXAMPLES = [
    ([("97112", 24), ("97110", 23)], [2, 1], [2, 2]),
    ([("97110", 18), ("97140", 13), ("97116", 10), ("97035", 8)], [1, 1, 1, 0], [1, 1, 1, 1]),
    ([("97110", 25), ("97112", 15), ("97140", 10)], [2, 1, 0], [2, 1, 1]),
    ([("97112", 20), ("97110", 20)], [2, 1], [1, 1]),
    ([("97110", 33), ("97140", 7)], [2, 1], [2, 0]),
    ([("97110", 18), ("97140", 5)], [1, 1], [1, 0]),
]


@pytest.mark.parametrize(("services", "by_cms", "by_ama"), EXAMPLES)
def test_units_are_those_of_the_payers_rule(services: Any, by_cms: list[int], by_ama: list[int]) -> None:
    for rule, own, other in ((UnitRule.CMS, by_cms, by_ama), (UnitRule.AMA, by_ama, by_cms)):
        policy = {"unit_rule": rule}
        right = timed(*((code, spent, count) for (code, spent), count in zip(services, own, strict=True) if count))
        whole = all(own)  # A code that earns no unit is not billed: its minutes are then on no line.
        assert not whole or found("timed_units", good(right, policy=policy)) == []
        if whole and all(other):
            wrong = timed(*((code, spent, count) for (code, spent), count in zip(services, other, strict=True)))
            assert found("timed_units", good(wrong, policy=policy)) != []


def test_units_too_many_block_and_too_few_warn_with_the_steps() -> None:
    assert found("timed_units", good(timed(("97110", 37, 3)))) == [("$.lines[0].units", BLOCK)]
    (few,) = rules.check(good(timed(("97110", 38, 2))), ["timed_units"])
    assert few.severity is WARN
    assert "38 minutes are 3 units (38 to 52 minutes)" in few.what
    assert few.evidence == ("$.lines[0].units", "$.lines[0].minutes")


def test_equal_rests_are_the_providers_choice() -> None:
    """1.2: 97112 20 + 97110 20 is 2 + 1, either way."""
    for counts in ((2, 1), (1, 2)):
        assert found("timed_units", good(timed(("97112", 20, counts[0]), ("97110", 20, counts[1])))) == []
    assert found("timed_units", good(timed(("97112", 20, 2), ("97110", 20, 2)))) != []


def test_the_minutes_of_a_day_are_pooled_over_its_claims() -> None:
    """100-04, ch. 5, 20.2 counts a day, not a claim: 7 and 7 minutes are one unit."""
    seven = timed(("97140", 7, 1))
    assert found("timed_units", good(seven)) == [("$.lines[0].units", BLOCK)]
    before = timed(("97110", 8, 1), id="cm_0")
    assert found("timed_units", good(seven, history=(before,))) == [("$.lines[0].units", BLOCK)]
    assert found("timed_units", good(timed(("97140", 15, 1)), history=(before,))) == []
    elsewhere = replace(before, lines=(replace(before.lines[0], modifiers=("GO",)),))
    assert found("timed_units", good(timed(("97140", 8, 1)), history=(elsewhere,))) == []


def test_a_replacement_is_not_counted_beside_what_it_replaces() -> None:
    before = timed(("97110", 30, 2), id="cm_0")
    again = timed(("97110", 30, 2), frequency=Frequency.REPLACEMENT, payer_claim_number="F1")
    assert found("timed_units", good(again, history=(before,))) == []
    assert found("units_maximum", good(again, history=(before,), policy={"max_units_visit": 2})) == []


@pytest.mark.parametrize(
    ("made", "changes", "expected"),
    [
        (billed(line()), {}, [("$.lines[0].minutes", UNKNOWN)]),
        (timed(("97110", 30, 2)), {"policy": {"unit_rule": None}}, [("$.lines[0].units", UNKNOWN)]),
        (timed(("97110", 30, 2)), {"history": None}, [("$.lines[0].minutes", UNKNOWN)]),
        (timed(("97110", 30, 2)), {"history": (billed(line(), id="cm_0"),)}, [("$.lines[0].minutes", UNKNOWN)]),
        (timed(("0552T", 30, 1)), {}, [("$.lines[0].procedure", UNKNOWN)]),
        (timed(("98980", 20, 1)), {}, [("$.lines[0].procedure", UNKNOWN)]),
        (timed(("97012", 15, 1)), {}, []),
        (timed(("97012", 30, 2)), {}, [("$.lines[0].units", WARN)]),
        (billed(line(procedure="97161", units=1)), {"policy": {"unit_rule": None}}, []),
    ],
)
def test_what_minutes_cannot_decide(made: Claim, changes: dict[str, Any], expected: Found) -> None:
    assert found("timed_units", good(made, **changes)) == expected


# 10: maximum of a visit, MUE.


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(4, 4, []), (5, 4, [WARN]), (9, 0, []), (1, None, [UNKNOWN])],
)
def test_units_of_a_visit(count: int, most: int | None, expected: list[Severity]) -> None:
    made = billed(line("L1", units=count - 1 or 1), line("L2", "97140", units=1))
    subject = good(made, policy={"max_units_visit": most, "mue": False})
    assert [severity for _, severity in found("units_maximum", subject)] == expected


def limits(units: int, indicator: str, **changes: Any) -> dict[str, Any]:
    row = UnitLimit(procedure="97110", units=units, indicator=indicator, **{"starts_on": SOME_DAY, **changes})
    return {"reference": replace(REFERENCE, limits=(row,))}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (limits(2, "1"), []),  # By line: 2 and 1.
        (limits(1, "1"), [("$.lines[0].units", BLOCK)]),
        (limits(3, "2"), []),
        (limits(2, "2"), [("$.lines[0].units", BLOCK)]),
        (limits(2, "3"), [("$.lines[0].units", WARN)]),
        (limits(2, "2", ends_on=DAY), [("$.lines[0].units", BLOCK)]),
        (limits(2, "2", ends_on=DAY - timedelta(days=1)), []),
        (limits(2, "2", starts_on=DAY), [("$.lines[0].units", BLOCK)]),
        (limits(2, "2", starts_on=DAY + timedelta(days=1)), []),
        ({"reference": replace(REFERENCE, limits=None)}, [("$.lines", UNKNOWN)]),
        ({"history": None}, [("$.lines", UNKNOWN)]),
        ({"policy": {"mue": None}}, [("$.lines", UNKNOWN)]),
        ({"policy": {"mue": False}, **limits(1, "2")}, []),
        ({"history": (billed(line("L0", units=4), id="cm_0"),)}, [("$.lines[0].units", WARN)]),  # 2 + 1 + 4 of 6
        ({"history": (billed(line("L0", units=3), id="cm_0"),)}, []),
    ],
)
def test_medically_unlikely_units(rows: dict[str, Any], expected: Found) -> None:
    """1.4: 97110 is 6 with indicator 3; 1 is a line's limit, 2 a day's without exception."""
    made = billed(line("L1", units=2), line("L2", units=1, modifiers=("GP", "CQ")))
    rows = {**rows, "policy": {"max_units_visit": 0, **rows.get("policy", {})}}
    assert found("units_maximum", good(made, **rows)) == expected


# 12: assistants.


def by_assistant(therapist: int, assistant: int, *modifiers: str, units: int = 1, **changes: Any) -> Claim:
    return billed(line(units=units, modifiers=("GP", *modifiers), minutes=worked(therapist, assistant), **changes))


@pytest.mark.parametrize(
    ("made", "changes", "expected"),
    [
        # Ten percent of the last unit: not exceeded is none (42 CFR 410.60(a)(4)).
        (billed(line(procedure="97150", units=1, minutes=worked(18, 2))), {}, []),
        (billed(line(procedure="97150", units=1, minutes=worked(17, 2))), {}, [("$.lines[0].modifiers", BLOCK)]),
        (by_assistant(0, 15, "CQ"), {}, []),
        (by_assistant(0, 15), {}, [("$.lines[0].modifiers", BLOCK)]),
        (by_assistant(15, 0, "CQ"), {}, [("$.lines[0].modifiers", WARN)]),
        # 1.3: the therapist alone reaches the midpoint, from 2022.
        (by_assistant(8, 7), {}, []),
        (by_assistant(7, 8), {}, [("$.lines[0].modifiers", BLOCK)]),
        (by_assistant(8, 7, served_on=date(2021, 12, 31)), {}, [("$.lines[0].modifiers", BLOCK)]),
        (by_assistant(0, 15, served_on=date(2019, 12, 31)), {}, []),
        (billed(line(units=1)), {}, [("$.lines[0].minutes", UNKNOWN)]),
        (billed(line(units=1, procedure="98977")), {}, []),
        (by_assistant(0, 15), {"policy": {"cq_rule": False}}, []),
        (by_assistant(0, 15), {"policy": {"cq_rule": None}}, [("$.lines", UNKNOWN)]),
        (billed(line(modifiers=("CQ",))), {"policy": {"cq_rule": False}}, [("$.lines[0].modifiers", BLOCK)]),
        (billed(line(modifiers=("GO", "CQ"))), {"policy": {"cq_rule": False}}, [("$.lines[0].modifiers", BLOCK)]),
        (billed(line(modifiers=("GO", "CO"))), {"policy": {"cq_rule": False}}, []),
        (billed(line(modifiers=("GN",), minutes=worked(0, 30))), {}, []),
        # 7.1 (12): not on evaluations, whatever the payer thinks of CQ.
        (by_assistant(30, 5, procedure="97161"), {"policy": {"cq_rule": False}}, [("$.lines[0].minutes", BLOCK)]),
        (billed(line(procedure="97161", modifiers=("GP", "CQ"))), {"policy": {"cq_rule": False}},
         [("$.lines[0].modifiers", BLOCK)]),
        (by_assistant(30, 0, procedure="97161"), {}, []),
    ],
)  # fmt: skip
def test_assistant_modifier(made: Claim, changes: dict[str, Any], expected: Found) -> None:
    assert found("assistant_modifier", good(made, **changes)) == expected


def test_two_units_of_both_are_a_line_with_and_a_line_without() -> None:
    """1.3: therapist and assistant 9 to 14 minutes each of the same code."""
    with_both = billed(
        line("L1", units=1, minutes=worked(14)), line("L2", units=1, modifiers=("GP", "CQ"), minutes=worked(0, 9))
    )
    assert found("assistant_modifier", good(with_both)) == []
    assert found("claim_adds_up", good(with_both)) == []
    assert found("duplicate", good(with_both)) == []


# 13: KX.


def used(cents: int, charge: int, *modifiers: str, **changes: Any) -> Any:
    coverage = replace(COVERAGE, therapy_used=(("PT+SLP", cents),))
    made = billed(line(charge=charge, modifiers=("GP", *modifiers), minutes=worked(30)))
    return good(made, **{"coverage": coverage, **changes})


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (used(248000, 100), [WARN]),  # 2026: 2,480.00, reached.
        (used(248000, 100, "KX"), []),
        (used(247900, 100), []),  # Up to it exactly.
        (used(247900, 100, "KX"), [WARN]),
        (used(247901, 100), [UNKNOWN]),  # May cross it.
        (used(247901, 100, "KX"), []),
        (used(0, 100, "KX", policy={"threshold": False}), [WARN]),
        (used(0, 100, policy={"threshold": False}), []),
        (used(0, 100, policy={"threshold": None}), [UNKNOWN]),
        (used(0, 100, coverage=None), [UNKNOWN]),
        (used(0, 100, coverage=replace(COVERAGE, therapy_used=(("OT", 0),))), [UNKNOWN]),
        (used(0, 100, coverage=replace(COVERAGE, checked_on=date(2025, 12, 31))), [UNKNOWN]),
        (used(0, 100, "KX", "GA", policy={"threshold": None}), [WARN, UNKNOWN]),
    ],
)
def test_threshold_modifier(subject: Any, expected: list[Severity]) -> None:
    assert [severity for _, severity in found("threshold_modifier", subject)] == expected


def test_what_was_billed_since_the_payer_told_may_have_used_the_rest() -> None:
    coverage = replace(COVERAGE, therapy_used=(("PT+SLP", 240000),), checked_on=DAY - timedelta(days=9))
    made = billed(line(charge=1000, minutes=worked(30)))
    before = billed(line("L0", charge=7000, served_on=DAY - timedelta(days=1)), id="cm_0")
    assert found("threshold_modifier", good(made, coverage=coverage, history=(before,))) == []
    dear = billed(line("L0", charge=7001, served_on=DAY - timedelta(days=1)), id="cm_0")
    assert found("threshold_modifier", good(made, coverage=coverage, history=(dear,))) != []


def test_an_unknown_years_threshold_is_not_evaluated() -> None:
    """1.3: the amount of 2027 was not found."""
    day = date(2027, 3, 1)
    subject = used(0, 100, coverage=replace(COVERAGE, checked_on=day))
    subject = replace(subject, claim=billed(line(served_on=day, minutes=worked(30))))
    assert found("threshold_modifier", subject) == [("$.lines[0].modifiers", UNKNOWN)]


# 14: pairs.


def pair(one: str, two: str, indicator: str, **changes: Any) -> dict[str, Any]:
    edit = PairEdit(column_one=one, column_two=two, indicator=indicator, **{"starts_on": SOME_DAY, **changes})
    return {"reference": replace(REFERENCE, pairs=(edit,))}


@pytest.mark.parametrize(
    ("modifiers", "changes", "expected"),
    [
        ((), pair("97530", "97116", "1"), [("$.lines[1].procedure", BLOCK)]),
        ((), pair("97116", "97530", "1"), [("$.lines[0].procedure", BLOCK)]),
        (("59",), pair("97530", "97116", "1"), []),
        (("XU",), pair("97530", "97116", "1"), []),
        (("59",), pair("97530", "97116", "0"), [("$.lines[1].procedure", BLOCK)]),
        ((), pair("97530", "97116", "9"), []),
        ((), pair("97530", "97116", "1", ends_on=DAY), [("$.lines[1].procedure", BLOCK)]),
        ((), pair("97530", "97116", "1", ends_on=DAY - timedelta(days=1)), []),
        ((), pair("97530", "97140", "1"), []),
        ((), {"reference": replace(REFERENCE, pairs=None)}, [("$.lines", UNKNOWN)]),
        ((), {"policy": {"ncci": None}}, [("$.lines", UNKNOWN)]),
        ((), {"history": None}, [("$.lines", UNKNOWN)]),
        ((), {"policy": {"ncci": False}, **pair("97530", "97116", "0")}, []),
        (("59", "XS"), pair("97530", "97116", "1"), [("$.lines[1].modifiers", WARN)]),
    ],
)
def test_code_pair(modifiers: tuple[str, ...], changes: dict[str, Any], expected: Found) -> None:
    made = billed(line("L1", "97530"), line("L2", "97116", modifiers=("GP", *modifiers)))
    assert found("code_pair", good(made, **changes)) == expected


def test_a_pair_over_two_claims_of_one_day() -> None:
    before = billed(line("L0", "97530"), id="cm_0")
    today = billed(line("L1", "97116"))
    assert found("code_pair", good(today, history=(before,))) == [("$.lines[0].procedure", BLOCK)]
    yesterday = billed(line("L0", "97530", served_on=DAY - timedelta(days=1)), id="cm_0")
    assert found("code_pair", good(today, history=(yesterday,))) == []


# 26: notices.

ON_FILE = replace(PLAN, documents=("signed ABN",))


@pytest.mark.parametrize(
    ("modifiers", "plans", "expected"),
    [
        (("GA",), (ON_FILE,), []),
        (("GA",), (), [WARN]),
        (("GA",), None, [UNKNOWN]),
        (("GX", "GY"), (ON_FILE,), []),
        (("GX",), (), [WARN]),
        (("GZ",), (), []),
        (("GZ",), (ON_FILE,), [WARN]),
        (("GY",), None, []),
        (("GA", "GZ"), (ON_FILE,), [WARN, WARN]),  # They contradict each other, and GZ the notice.
        (("GY", "GZ"), (), [WARN]),
        (("KX", "GA"), (ON_FILE,), []),  # Said by threshold_modifier.
        ((), None, []),
    ],
)
def test_abn_modifier(modifiers: tuple[str, ...], plans: Any, expected: list[Severity]) -> None:
    made = billed(line(modifiers=("GP", *modifiers)))
    assert [severity for _, severity in found("abn_modifier", good(made, plans=plans))] == expected


# 28 and 17: one line for a timed service.


@pytest.mark.parametrize(
    ("second", "adds_up", "twice"),
    [
        ({"modifiers": ("GP", "KX")}, [("$.lines[1]", BLOCK)], []),
        ({"modifiers": ("GP",)}, [], [("$.lines[1]", BLOCK)]),
        ({"modifiers": ("GP", "CQ")}, [], []),
        ({"modifiers": ("GP", "59")}, [], []),
        ({"modifiers": ("GP", "76")}, [], []),
        ({"modifiers": ("GO",)}, [], []),
        ({"modifiers": ("GP", "KX"), "procedure": "97150"}, [], []),
        ({"modifiers": ("GP", "KX"), "served_on": DAY + timedelta(days=1)}, [], []),
    ],
)
def test_a_timed_service_of_a_day_is_one_line(second: dict[str, Any], adds_up: Found, twice: Found) -> None:
    """1.2: FCSO wants one line per timed code and date of service."""
    subject = good(billed(line("L1"), line("L2", **second)))
    assert found("claim_adds_up", subject) == adds_up
    assert found("duplicate", subject) == twice


def test_a_code_that_is_not_in_the_table_may_be_timed() -> None:
    subject = good(billed(line("L1", "0552T"), line("L2", "0552T", modifiers=("GP", "KX"))))
    assert found("claim_adds_up", subject) == [("$.lines[1]", UNKNOWN)]


def test_a_code_goes_under_its_own_plan_of_care() -> None:
    """1.1: 97161 is physical therapy's, 97165 occupational therapy's."""
    policy = {"required_modifiers": ("GP", "GO")}
    for code, word, expected in (("97161", "GP", []), ("97165", "GP", [BLOCK]), ("97161", "GO", [BLOCK])):
        made = billed(line(procedure=code, modifiers=(word,)))
        subject = good(made, buckets=(bucket(),), policy=policy)
        assert [severity for _, severity in found("therapy_modifier", subject)] == expected
