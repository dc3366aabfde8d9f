"""The sample payers of the facts, walked through by dates and places: what each wants, and by which row.

Domain facts, 2.1, 2.2 and 7.2. Each sample is a file to copy, and lies in a valid configuration here.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from ledger_samples import END, bucket, claim, line
from policy_samples import SAMPLES, Configuration
from rules_samples import BLOCK, UNKNOWN, WARN, asking, case, worked
from rules_samples import wanted as wanted_of

from gateway import rules
from gateway.domain.authorization import Kind, Unit
from gateway.errors import Finding, Severity
from gateway.flow.policies import Holder, policy_for
from gateway.rules.case import Treated
from gateway.rules.policy import Days, Free, Policy, Term, UnitRule
from gateway.settings import Settings

MA, MEDICAID, SIXTEEN = "SAMPLE-MA", "SAMPLE-MEDICAID", "SAMPLE-16"
FIRST = date(2026, 3, 2)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    configuration = Configuration(tmp_path_factory.mktemp("samples"), MA, MEDICAID, SIXTEEN)
    for each in SAMPLES.glob("*.toml"):
        configuration.policy(each.stem, each.read_text())
    return configuration.load()


def visits(count: int, first: date = FIRST, every: int = 3) -> tuple[Treated, ...]:
    """An evaluation and then so many visits."""
    start = Treated(served_on=first - timedelta(days=1), discipline="GP", evaluation=True)
    later = (Treated(served_on=first + timedelta(days=every * n), discipline="GP") for n in range(count))
    return (start, *later)


def wanted(policy: Policy, day: date, treated: Iterable[Treated] = (), **changes: Any) -> list[Finding]:
    """What is found of a claim for one visit without any authorization."""
    procedure = changes.pop("procedure", "97110")
    billed = replace(claim(line(procedure=procedure, served_on=day)), **changes)
    return list(rules.check(case(billed, policy=policy, treated=tuple(treated)), ["authorization_on_file"]))


def weights(findings: Iterable[Finding]) -> list[Severity]:
    return [each.severity for each in findings]


def test_the_samples_are_files_that_are_read_nowhere_but_where_they_are_copied(tmp_path: Path) -> None:
    assert {each.stem for each in SAMPLES.glob("*.toml")} == {
        "medicare_advantage_six_visits",
        "medicaid_units",
        "washington_law",
        "commercial_sixteen_visits",
    }
    shipped = Settings.load()
    assert not any("SAMPLE" in each.payer or each.kind == "law" for each in shipped.policies.files.values())


# A Medicare Advantage plan: six visits in eight weeks are not reviewed, but a request must still be sent.


def advantage(settings: Settings, day: date, state: str = "NY") -> Policy:
    asked = Holder(payer=MA, line_of_business="medicare_advantage", state=state)
    return policy_for(settings, asked, day)


@pytest.mark.parametrize(
    ("day", "state", "expected", "free"),
    [
        (date(2024, 8, 31), "NY", False, None),
        (date(2024, 9, 1), "NY", True, None),
        (date(2025, 1, 12), "NY", True, None),
        (date(2025, 1, 13), "NY", True, 6),
        (date(2026, 1, 31), "AZ", False, 6),
        (date(2026, 2, 1), "AZ", True, 6),
        (date(2026, 1, 31), "CA", False, 6),
        (date(2026, 2, 1), "CA", True, 6),
        (date(2026, 1, 31), "NY", True, 6),
    ],
)
def test_when_and_where_the_advantage_plan_began_to_ask(
    settings: Settings, day: date, state: str, expected: bool, free: int | None
) -> None:
    """2.1: from 1 Sep 2024; 13 Jan 2025 the change to six visits; Arizona and California joined on 1 Feb 2026."""
    policy = advantage(settings, day, state)
    assert (policy.auth_required, policy.free_visits) == (expected, free)
    assert weights(wanted(policy, day)) == ([BLOCK] if expected else [])


@pytest.mark.parametrize("before", range(8))
def test_free_of_review_is_not_free_of_the_request(settings: Settings, before: int) -> None:
    treated = visits(before)
    day = treated[-1].served_on + timedelta(days=3)
    policy = advantage(settings, day)
    assert (policy.free_visits, policy.free_window_weeks, policy.free_means) == (6, 8, Free.NO_REVIEW)
    (finding,) = wanted(policy, day, treated)
    assert finding.severity is BLOCK
    assert "trading_partners/payers/medicare_advantage_six_visits.toml, row 3 (version 2026-02" in finding.policy


@pytest.mark.parametrize(
    ("procedure", "place", "expected"),
    [
        ("97161", "11", []),
        ("97162", "11", []),
        ("97163", "11", []),
        ("97164", "11", [BLOCK]),
        ("97110", "11", [BLOCK]),
        ("97110", "12", []),
        ("97110", "62", [BLOCK]),
        ("97010", "11", []),
    ],
)
def test_which_codes_and_places_the_advantage_plan_asks_for(
    settings: Settings, procedure: str, place: str, expected: list[Severity]
) -> None:
    """2.1: evaluations are exempt, a re-evaluation is not; not at home; its own list of codes."""
    policy = advantage(settings, FIRST)
    assert weights(wanted(policy, FIRST, procedure=procedure, place_of_service=place)) == expected


def test_the_clocks_and_the_unit_rule_of_the_advantage_plan(settings: Settings) -> None:
    policy = advantage(settings, FIRST)
    assert policy.submit_deadline == policy.retro_days == Term(days=10, counted=Days.BUSINESS)
    assert policy.extension_allowed is False
    assert (policy.sla_standard, policy.sla_expedited_hours) == (Term(days=7), 72)
    assert policy.unit_rule is UnitRule.CMS
    assert "defaults.toml, row 1" in policy.named("unit_rule")


@pytest.mark.parametrize(("days", "expected"), [(14, []), (15, [BLOCK])])
def test_the_advantage_plan_is_asked_within_ten_business_days(
    settings: Settings, days: int, expected: list[Severity]
) -> None:
    """2.1: about fourteen calendar days. No holiday lies between; the evaluation was on its first day."""
    policy = advantage(settings, FIRST)
    evaluated = (Treated(served_on=FIRST, discipline="GP", evaluation=True),)
    today = FIRST + timedelta(days=days)
    asked = replace(asking(wanted_of(starts_on=FIRST), date=today, treated=evaluated), policy=policy)
    found = list(rules.check(asked, ["timely"]))
    assert set(weights(found)) == set(expected)
    assert all("medicare_advantage_six_visits.toml" in each.policy for each in found)


def test_the_advantage_plan_extends_nothing_and_the_commercial_one_a_week_before_the_end(settings: Settings) -> None:
    """2.1: of the one, dates are not extended, a new request is; the other is asked at least a week before."""
    change = wanted_of(id="au_2", kind=Kind.EXTENSION, previous_number="N1")

    def said(policy: Policy, today: date) -> list[Severity]:
        subject = replace(asking(change, date=today, buckets=(bucket(),)), policy=policy)
        return weights(rules.check(subject, ["extension_lead"]))

    assert said(advantage(settings, FIRST), FIRST) == [WARN]
    commercial = policy_for(settings, Holder(payer=SIXTEEN, line_of_business="commercial", state="MA"), FIRST)
    assert said(commercial, END - timedelta(days=7)) == []
    assert said(commercial, END - timedelta(days=6)) == [WARN]


# A Medicaid vendor that counts units.


def test_the_medicaid_vendor_counts_units_by_cms_rule(settings: Settings) -> None:
    policy = policy_for(settings, Holder(payer=MEDICAID, line_of_business="medicaid", state="IL"), FIRST)
    assert (policy.unit_type, policy.um_vendor) == (Unit.UNIT, "Carelon")
    assert (policy.unit_rule, policy.ncci, policy.mue) == (UnitRule.CMS, True, True)
    assert "payers/medicaid_units.toml (version 2025-10" in policy.named("unit_type")
    assert weights(wanted(policy, FIRST)) == [BLOCK]


@pytest.mark.parametrize(("left", "expected"), [(4, []), (3, [BLOCK]), (0, [BLOCK])])
def test_a_claim_of_four_units_needs_four_of_them(settings: Settings, left: int, expected: list[Severity]) -> None:
    """2.1: 15-minute units, not visits; the same claim would be one visit."""
    policy = policy_for(settings, Holder(payer=MEDICAID, line_of_business="medicaid", state="IL"), FIRST)
    billed = claim(line(units=4, served_on=FIRST, minutes=worked(60)), authorization="N1")
    held = bucket(unit=policy.unit_type)
    found = rules.check(case(billed, held, available=left, policy=policy), ["authorization_balance"])
    assert weights(found) == expected


# A state's law: an evaluation and six visits.


@pytest.mark.parametrize(
    ("state", "line_of_business", "binds"),
    [
        ("WA", "commercial", True),
        ("WA", "exchange", True),
        ("WA", "self_funded", False),
        ("WA", "medicare_advantage", False),
        ("WA", "medicaid", False),
        ("WA", "", False),
        ("OR", "commercial", False),
        ("", "commercial", False),
    ],
)
def test_the_law_binds_whom_it_lists_alone(settings: Settings, state: str, line_of_business: str, binds: bool) -> None:
    """7.2: only for the lines of business that it lists; never Medicare Advantage or self-funded ERISA plans."""
    policy = policy_for(settings, Holder(payer="SIM01", line_of_business=line_of_business, state=state), FIRST)
    assert (policy.free_visits, policy.free_means) == ((6, Free.NO_AUTHORIZATION) if binds else (None, None))
    assert ("washington_law.toml, row 1" in policy.named("free_visits")) == binds
    assert weights(wanted(policy, FIRST)) == ([] if binds else [BLOCK])


@pytest.mark.parametrize(
    ("before", "gap", "expected"),
    [(0, None, []), (5, None, []), (6, None, [UNKNOWN]), (6, 90, [BLOCK]), (9, 90, [BLOCK]), (5, 90, [])],
)
def test_the_law_frees_an_evaluation_and_six_visits(
    settings: Settings, before: int, gap: int | None, expected: list[Severity]
) -> None:
    treated = visits(before)
    day = treated[-1].served_on + timedelta(days=3)
    policy = policy_for(settings, Holder(payer="SIM01", line_of_business="commercial", state="WA"), day)
    assert weights(wanted(replace(policy, episode_gap_days=gap), day, treated)) == expected
    assert wanted(policy, day, treated, procedure="97161") == []


def test_a_new_episode_has_its_six_visits_again(settings: Settings) -> None:
    treated = visits(6)
    policy = policy_for(settings, Holder(payer="SIM01", line_of_business="commercial", state="WA"), FIRST)
    told = replace(policy, episode_gap_days=90)
    last = treated[-1].served_on
    assert weights(wanted(told, last + timedelta(days=89), treated)) == [BLOCK]
    assert weights(wanted(told, last + timedelta(days=90), treated)) == []


def test_the_law_goes_before_what_the_payers_own_plan_says(settings: Settings) -> None:
    asked = Holder(payer=SIXTEEN, line_of_business="commercial", state="WA")
    policy = policy_for(settings, asked, FIRST)
    assert policy.free_visits == 6
    assert "washington_law" in policy.named("free_visits")
    assert "commercial_sixteen_visits" in policy.named("extension_lead")


# A commercial plan: sixteen visits.


@pytest.mark.parametrize(
    ("before", "gap", "expected"),
    [(0, None, []), (14, None, []), (15, None, [UNKNOWN]), (14, 90, []), (15, 90, [BLOCK]), (20, 90, [BLOCK])],
)
def test_the_commercial_plan_frees_sixteen_visits(
    settings: Settings, before: int, gap: int | None, expected: list[Severity]
) -> None:
    """2.1. The evaluation is one of them as long as nobody says that it is not: eval_counts is not known."""
    treated = visits(before)
    day = treated[-1].served_on + timedelta(days=3)
    policy = policy_for(settings, Holder(payer=SIXTEEN, line_of_business="commercial", state="MA"), day)
    assert (policy.free_visits, policy.extension_lead) == (16, Term(days=7))
    findings = wanted(replace(policy, episode_gap_days=gap), day, treated)
    assert weights(findings) == expected
    assert all("commercial_sixteen_visits.toml, row 1" in each.policy for each in findings)


def test_of_one_payer_the_commercial_and_the_advantage_plans_differ(settings: Settings) -> None:
    for line_of_business, expected in (("commercial", []), ("medicare_advantage", [BLOCK]), ("", [BLOCK])):
        policy = policy_for(settings, Holder(payer=SIXTEEN, line_of_business=line_of_business, state="MA"), FIRST)
        assert weights(wanted(policy, FIRST)) == expected
