"""Rows of payers' policies: which of them win, what each value names as its row, and every mistake that can be in them.

Domain facts, 7.2, 1.2 and 2.2.
"""

from dataclasses import fields, replace
from datetime import date, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_samples import PAYER, SUBSCRIBER, claim, line
from policy_samples import Configuration, book, rows
from rules_samples import case

from gateway import rules
from gateway.domain.authorization import Unit
from gateway.domain.coverage import Coverage, Period
from gateway.errors import Severity
from gateway.flow.policies import LAST_DAY, Holder, day_of, holder, payer_policy, policy_for
from gateway.rules.policy import Basis, BenefitLimit, Days, Free, Policy, Term, UnitRule
from gateway.rules.policy_rows import NAMES, resolve
from gateway.settings.policies import VALUES

DAY = date(2026, 3, 2)
LAW = 'kind = "law"\n[[rows]]\nstate = "WA"\nline_of_business = ["commercial", "exchange"]\n'


# Which row wins.


def won(files: dict[str, str], **asked: Any) -> Policy:
    return resolve(book(**files).rows("P1"), **{"payer": "P1", "day": DAY, **asked})


LADDER = {
    "defaults": 'kind = "defaults"\n[[rows]]\nline_of_business = ["commercial"]\nfree_visits = 1\n',
    "own": 'payer = "P1"\nfree_visits = 2\n'
    "[[rows]]\nfree_visits = 3\n"
    '[[rows]]\nstate = "WA"\nfree_visits = 4\n'
    '[[rows]]\nline_of_business = "commercial"\nfree_visits = 5\n'
    '[[rows]]\nline_of_business = "commercial"\nstate = "WA"\nfree_visits = 6\n'
    '[[rows]]\nplan = "Gold"\nfree_visits = 7\n'
    '[[rows]]\nplan = "Gold"\nstate = "WA"\nfree_visits = 8\n'
    '[[rows]]\nplan = "Gold"\nline_of_business = "commercial"\nfree_visits = 9\n',
    "law": f"{LAW}free_visits = 10\n",
}


@pytest.mark.parametrize(
    ("asked", "expected", "place"),
    [
        ({}, 3, "payers/own.toml, row 1"),
        ({"state": "WA"}, 4, "payers/own.toml, row 2"),
        ({"line_of_business": "commercial"}, 5, "payers/own.toml, row 3"),
        ({"line_of_business": "commercial", "state": "OR"}, 5, "payers/own.toml, row 3"),
        ({"plan": "Gold"}, 7, "payers/own.toml, row 5"),
        ({"plan": " gold "}, 7, "payers/own.toml, row 5"),
        ({"plan": "Silver"}, 3, "payers/own.toml, row 1"),
        ({"plan": "Gold", "state": "WA"}, 8, "payers/own.toml, row 6"),
        ({"plan": "Gold", "line_of_business": "commercial", "state": "OR"}, 9, "payers/own.toml, row 7"),
        ({"plan": "Gold", "line_of_business": "commercial", "state": "WA"}, 10, "payers/law.toml, row 1"),
        ({"line_of_business": "commercial", "state": "WA"}, 10, "payers/law.toml, row 1"),
        ({"plan": "Gold", "line_of_business": "medicare_advantage", "state": "WA"}, 8, "payers/own.toml, row 6"),
        ({"line_of_business": "self_funded", "state": "WA"}, 4, "payers/own.toml, row 2"),
    ],
)
def test_the_most_specific_row_wins(asked: dict[str, str], expected: int, place: str) -> None:
    """7.2: state law, for the lines of business that it lists alone, before the plan's row, before the payer's."""
    policy = won(LADDER, **asked)
    assert policy.free_visits == expected
    assert policy.named("free_visits") == place


def test_each_value_comes_from_its_own_row() -> None:
    text = 'payer = "P1"\nversion = "7"\nunit = "unit"\n[[rows]]\nplan = "Gold"\nepisode_gap_days = 60\n'
    policy = won({"own": text, "law": f"{LAW}free_visits = 6\n"}, plan="Gold", line_of_business="exchange", state="WA")
    assert (policy.unit_type, policy.episode_gap_days, policy.free_visits) == (Unit.UNIT, 60, 6)
    assert policy.named("unit_type") == "payers/own.toml (version 7)"
    assert policy.named("free_visits", "episode_gap_days") == (
        "payers/law.toml, row 1, payers/own.toml, row 1 (version 7)"
    )
    assert policy.row == "payers/law.toml, row 1"
    assert (policy.plan, policy.line_of_business, policy.state) == ("Gold", "exchange", "WA")


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2025, 12, 31), 12),
        (date(2026, 1, 1), 6),
        (date(2026, 6, 30), 6),
        (date(2026, 7, 1), None),
        (date(2027, 1, 1), 0),
        (LAST_DAY, 0),
    ],
)
def test_a_row_holds_from_its_first_day_to_its_last(day: date, expected: int | None) -> None:
    dated = (
        "[[rows]]\nto = 2025-12-31\nfree_visits = 12\n"
        "[[rows]]\nfrom = 2026-01-01\nto = 2026-06-30\nfree_visits = 6\n"
        '[[rows]]\nfrom = "2027-01-01"\nfree_visits = 0\n'
    )
    assert resolve(rows(dated), payer="P1", day=day).free_visits == expected


def test_what_is_not_known_is_said_by_no_row() -> None:
    policy = resolve(rows('hsd = ""\nverified_on = ""\n[[rows]]\nhsd = ""\nunit_rule = "AMA"\n'), payer="P1", day=DAY)
    assert (policy.hsd_reading, policy.unit_rule, policy.auth_required) == ("", UnitRule.AMA, None)
    assert list(policy.rows) == ["unit_rule"]
    assert policy.named("auth_required") == policy.row == "payers/own.toml, row 1"


def test_a_less_specific_row_holds_where_the_other_says_that_it_is_not_known() -> None:
    text = 'hsd = "total"\n[[rows]]\nplan = "Gold"\nhsd = ""\nunit = "unit"\n'
    assert resolve(rows(text), payer="P1", day=DAY, plan="Gold").hsd_reading == "total"


def test_severities_are_won_one_by_one() -> None:
    text = (
        '[severities]\nduplicate = "block"\ntimely = "warn"\n'
        '[[rows]]\nplan = "Gold"\n[rows.severities]\nduplicate = "warn"\n'
    )
    policy = resolve(rows(text), payer="P1", day=DAY, plan="Gold")
    assert policy.severities == {"duplicate": Severity.WARN, "timely": Severity.WARN}
    assert policy.rows["severities.duplicate"] == "payers/own.toml, row 1"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "Gold"]),
            st.sampled_from([(), ("commercial",), ("medicaid",), ("commercial", "medicaid")]),
            st.sampled_from(["", "WA"]),
            st.integers(0, 3),
        ),
        max_size=5,
    ),
    st.sampled_from(["", "Gold"]),
    st.sampled_from(["", "commercial", "medicaid"]),
    st.sampled_from(["", "WA", "OR"]),
)
def test_the_order_in_which_rows_stand_never_decides(
    drawn: list[tuple[str, tuple[str, ...], str, int]], plan: str, line_of_business: str, state: str
) -> None:
    """Rows for other selectors: however they are handed over, one and the same wins; and it holds what it asks for."""
    unique = {each[:3]: each for each in drawn}
    taken: set[tuple[str, str, str]] = set()
    text = ""
    for written, lines, where, visits in unique.values():
        keys = {(written, one, where) for one in lines or ("",)}
        if keys & taken:
            continue  # Equally specific for one line of business: no configuration holds both.
        taken |= keys
        listed = ", ".join(f'"{one}"' for one in lines)
        text += f'[[rows]]\nplan = "{written}"\nline_of_business = [{listed}]\nstate = "{where}"\n'
        text += f"free_visits = {visits}\n"
    made = rows(text)
    asked = {"payer": "P1", "day": DAY, "plan": plan, "line_of_business": line_of_business, "state": state}
    found = {resolve(tuple(each), **asked).free_visits for each in permutations(made)}
    assert len(found) == 1
    holding = [
        row
        for row in made
        if row.plan in ("", plan)
        and row.state in ("", state)
        and (not row.lines_of_business or line_of_business in row.lines_of_business)
    ]
    best = max(holding, key=lambda row: (row.plan, len(row.lines_of_business) > 0, row.state), default=None)
    assert found == {best.values["free_visits"] if best else None}


# What a value is.

EVERY = """
um_vendor = "Review Inc"
channel = "portal"
requires_authorization = true
code_set = ["97110"]
exempt_procedures = ["97161"]
pos_scope = ["11"]
free_visits = 6
free_window_weeks = 8
free_means = "no_review"
episode_gap_days = 90
eval_counts = false
reeval_needs_auth = true
referral_required = true
required_docs = ["plan_of_care"]
unit = "unit"
unit_rule = "AMA"
bucket_grouping = "group"
max_units_visit = 4
visit_limit = { visits = 30, period = "365d", combined_with = ["GP", "GO"] }
consumption_basis = "adjudicated"
quantity_fallback = "none"
submit_deadline = "10 business days"
retro_days = "14 calendar days"
extension_allowed = false
extension_lead = "7 calendar days"
hold_days_after_approval = 4
filing_limit = "90 calendar days"
late_claim_grace = 30
sla_standard = "1 business day"
sla_expedited_hours = 72
info_response = "15 business days"
appeal = "60 calendar days"
required_modifiers = ["GP"]
cq_rule = true
threshold = true
ncci = true
mue = true
plan_of_care = true
certification_days = 90
progress_every = 10
number_pattern = "A[0-9]{9}"
g1_placement = "line"
service_type = "AE"
hsd_style = "pattern"
hsd = "per_period"
window_qualifiers = ["007", "036"]
secondary_zero_consumes = false
severities = { duplicate = "warn" }
"""


def test_every_value_of_a_row_reaches_the_rules() -> None:
    """7.2 lists them."""
    policy = resolve(rows(f"[[rows]]\n{EVERY}"), payer="P1", day=DAY)
    assert policy == Policy(
        payer="P1",
        um_vendor="Review Inc",
        channel="portal",
        auth_required=True,
        code_set=("97110",),
        exempt_procedures=("97161",),
        pos_scope=("11",),
        free_visits=6,
        free_window_weeks=8,
        free_means=Free.NO_REVIEW,
        episode_gap_days=90,
        eval_counts=False,
        reeval_needs_auth=True,
        referral_required=True,
        required_docs=("plan_of_care",),
        unit_type=Unit.UNIT,
        unit_rule=UnitRule.AMA,
        bucket_grouping="group",
        max_units_visit=4,
        visit_limit=BenefitLimit(visits=30, period=Period.DAYS_365, combined_with=("GP", "GO")),
        consumption_basis=Basis.ADJUDICATED,
        quantity_fallback="none",
        submit_deadline=Term(days=10, counted=Days.BUSINESS),
        retro_days=Term(days=14),
        extension_allowed=False,
        extension_lead=Term(days=7),
        hold_days_after_approval=4,
        filing_limit=Term(days=90),
        late_claim_grace=30,
        sla_standard=Term(days=1, counted=Days.BUSINESS),
        sla_expedited_hours=72,
        info_response=Term(days=15, counted=Days.BUSINESS),
        appeal=Term(days=60),
        required_modifiers=("GP",),
        cq_rule=True,
        threshold=True,
        ncci=True,
        mue=True,
        plan_of_care=True,
        certification_days=90,
        progress_every=10,
        number_pattern="A[0-9]{9}",
        g1_placement="line",
        um03="AE",
        hsd_style="pattern",
        hsd_reading="per_period",
        window_qualifiers=("007", "036"),
        secondary_zero_consumes=False,
        severities={"duplicate": Severity.WARN},
        row="payers/own.toml, row 1",
        rows=policy.rows,
    )
    assert {name.split(".")[0] for name in policy.rows} == {NAMES.get(name, name) for name in VALUES}


def test_no_value_of_the_rules_has_no_key_in_the_files() -> None:
    about = {"payer", "plan", "line_of_business", "state", "row", "rows", "version"}
    assert {each.name for each in fields(Policy)} - about == {NAMES.get(name, name) for name in VALUES}


@pytest.mark.parametrize(
    ("line_of_business", "expected"),
    [
        ("medicare", UnitRule.CMS),
        ("medicare_advantage", UnitRule.CMS),
        ("medicaid", UnitRule.CMS),
        ("tricare", UnitRule.CMS),
        ("commercial", None),
        ("self_funded", None),
        ("", None),
    ],
)
def test_the_unit_rule_is_cms_for_federal_payers_and_amas_only_where_a_row_says_so(
    tmp_path: Path, line_of_business: str, expected: UnitRule | None
) -> None:
    """1.2: "default CMS for Medicare/MA/Medicaid/TRICARE, AMA for commercial only if the policy row says so"."""
    settings = Configuration(tmp_path).load()
    policy = policy_for(settings, Holder(payer="SIM01", line_of_business=line_of_business), DAY)
    assert policy.unit_rule == expected
    assert ("chapter 5, 20.2" in policy.named("unit_rule")) == (expected is not None)


@pytest.mark.parametrize(
    ("line_of_business", "day", "expected"),
    [
        ("medicare_advantage", date(2025, 12, 31), None),
        ("medicare_advantage", date(2026, 1, 1), Term(days=7)),
        ("medicaid", date(2026, 1, 1), Term(days=7)),
        ("chip", date(2026, 1, 1), Term(days=7)),
        ("exchange", date(2026, 1, 1), None),
        ("commercial", date(2026, 1, 1), None),
    ],
)
def test_how_long_a_payer_may_take_by_cms_0057_f(
    tmp_path: Path, line_of_business: str, day: date, expected: Term | None
) -> None:
    """2.2: from 1 Jan 2026, MA, Medicaid and CHIP; not for plans of the marketplaces, not for commercial ones."""
    settings = Configuration(tmp_path).load()
    policy = policy_for(settings, Holder(payer="SIM01", line_of_business=line_of_business), day)
    assert policy.sla_standard == expected
    assert policy.sla_expedited_hours == (72 if expected else None)


# Of whom a policy is asked.


def told(**changes: Any) -> Coverage:
    values: dict[str, Any] = {
        "id": "co_1",
        "organisation": "northside",
        "clinic": "downtown",
        "client_ref": "ref",
        "payer": PAYER,
        "subscriber": SUBSCRIBER,
        "checked_on": DAY,
    }
    return Coverage(**{**values, **changes})


def test_a_record_says_whose_it_is_then_its_coverage_then_its_filing_and_its_clinic(tmp_path: Path) -> None:
    settings = Configuration(tmp_path).load()
    clinic = settings.clinic("northside", "downtown")
    assert clinic is not None
    bare = replace(claim(), organisation="northside", clinic="downtown", filing="CI")
    assert holder(settings, bare) == Holder(payer=bare.payer.id, state=clinic.address.state)
    assert holder(settings, replace(bare, filing="MB")).line_of_business == "medicare"
    assert holder(settings, replace(bare, filing="16")).line_of_business == "medicare_advantage"
    coverage = told(plan="Gold", line_of_business="self_funded", state="OR")
    of_coverage = Holder(payer=bare.payer.id, plan="Gold", line_of_business="self_funded", state="OR")
    assert holder(settings, replace(bare, filing="MB"), coverage) == of_coverage
    own = replace(bare, plan="Silver", line_of_business="commercial", state="ID")
    assert holder(settings, own, coverage) == replace(
        of_coverage, plan="Silver", line_of_business="commercial", state="ID"
    )


def test_the_day_of_a_claim_is_its_first_day_of_service() -> None:
    lines = (line("L1", served_on=DAY + timedelta(days=3)), line("L2", served_on=DAY))
    assert day_of(claim(*lines), date(2026, 12, 1)) == DAY


def test_a_finding_weighs_and_names_what_the_row_says() -> None:
    """7.1: each result carries the payer policy row and its version."""
    text = (
        'version = "2026-1"\n[[rows]]\nrequired_modifiers = ["GP"]\nsource_url = "https://payer.example"\n'
        'verified_on = 2026-01-02\nseverities = { therapy_modifier = "warn" }\n'
    )
    policy = resolve(rows(text), payer="P1", day=DAY)
    (finding,) = rules.check(case(claim(line(modifiers=())), policy=policy), ["therapy_modifier"])
    assert finding.severity is Severity.WARN
    assert finding.policy == ("payers/own.toml, row 1 (version 2026-1; https://payer.example; verified 2026-01-02)")


# Mistakes.


def test_a_file_of_flat_keys_is_one_row_that_always_holds(tmp_path: Path) -> None:
    settings = Configuration(tmp_path).load()
    assert payer_policy(settings, "SIM01", date(1999, 1, 1)) == payer_policy(settings, "SIM01", LAST_DAY)
    assert payer_policy(settings, "SIM01", DAY).named("auth_required") == "trading_partners/payers/simulated.toml"


HEAD = 'payer = "P1"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"{HEAD}[[rows]]\nfree_visits = 6\n[[rows]]\nfrom = 2026-01-01\nfree_visits = 3\n",
            "x.toml, line 6, rows[1].free_visits: row 1 says this, too, for the same days, and neither row",
        ),
        (
            f"{HEAD}[[rows]]\nto = 2026-06-30\nseverities = {{ timely = 'warn' }}\n"
            "[[rows]]\nfrom = 2026-06-30\n[rows.severities]\ntimely = 'block'\n",
            "x.toml, line 8, rows[1].severities.timely: row 1 says this, too",
        ),
        (
            f'{HEAD}[[rows]]\nplan = "Gold"\nunit = "unit"\n[[rows]]\nplan = "gold "\nunit = "visit"\n',
            "x.toml, line 7, rows[1].unit: row 1 says this, too",
        ),
        (
            f'{HEAD}[[rows]]\nline_of_business = ["chip", "va"]\nmue = true\n'
            '[[rows]]\nline_of_business = "va"\nmue = false\n',
            "x.toml, line 7, rows[1].mue: row 1 says this, too",
        ),
        (f"{HEAD}[[rows]]\nfrom = 2026-02-01\nto = 2026-01-01\nmue = true\n", "rows[0].to: the last day is before"),
        (f"{HEAD}[[rows]]\nplan = 'Gold'\n", "x.toml, line 2, rows[0]: the row says nothing"),
        (f"{HEAD}[[rows]]\nretro_days = 10\n", "line 3, rows[0].retro_days: this must be text"),
        (f"{HEAD}[[rows]]\nfiling_limit = '3651 calendar days'\n", "rows[0].filing_limit: no term is that long. Write"),
        (f"{HEAD}[[rows]]\nretro_days = '10 days'\n", "rows[0].retro_days: this is no number of days. Say which"),
        (f"{HEAD}[[rows]]\nfrom = 'soon'\nmue = true\n", "rows[0].from: this is no date"),
        (f"{HEAD}[[rows]]\nline_of_business = 'medicair'\nmue = true\n", "none of the values that are possible"),
        (f"{HEAD}number_pattern = '['\n", "line 2, number_pattern: this is no regular expression"),
        (f"{HEAD}[[rows]]\nfree_visit = 6\n", "rows[0].free_visit: there is no such key. Did you mean free_visits?"),
        (f"{HEAD}code_set = ['9711']\n", "line 2, code_set[0]: this does not have the right shape"),
        ("mue = true\n", "x.toml, payer: this key is missing"),
        ("payer = 'NOBODY'\n", "line 1, payer: no partner serves payer NOBODY"),
        ("payer = 'SIM01'\n", "payer SIM01 has its policy in trading_partners/payers/simulated.toml, too"),
        ("kind = 'law'\npayer = 'P1'\n", "line 2, payer: a file of law is no payer's"),
        ("kind = 'law'\nmue = true\n", "line 2, mue: in a file of law every value stands in a row"),
        (
            "kind = 'law'\n[[rows]]\nstate = 'WA'\nmue = true\n",
            "rows[0].line_of_business: the row lists no line of business. A state's law binds no Medicare Advantage",
        ),
        ("kind = 'law'\n[[rows]]\nline_of_business = 'chip'\nmue = true\n", "rows[0].state: the row names no state"),
        (f"{LAW}plan = 'Gold'\nmue = true\n", "rows[0].plan: a row of law holds for every plan"),
        (
            "kind = 'defaults'\n[[rows]]\nline_of_business = 'chip'\nstate = 'WA'\nmue = true\n",
            "rows[0].state: a row of defaults holds for every state",
        ),
    ],
)
def test_a_mistake_is_told_with_file_line_and_key(tmp_path: Path, text: str, expected: str) -> None:
    configuration = Configuration(tmp_path, "P1")
    configuration.policy("x", text)
    mistakes = configuration.mistakes()
    assert any(expected in each for each in mistakes), mistakes
    assert all("trading_partners/payers/x.toml" in each for each in mistakes)


@pytest.mark.parametrize(
    "text",
    [
        "[[rows]]\nto = 2026-06-29\nunit = 'unit'\n[[rows]]\nfrom = 2026-06-30\nunit = 'visit'\n",
        "[[rows]]\nunit = 'unit'\n[[rows]]\nfree_visits = 3\n",
        "[[rows]]\nunit = 'unit'\n[[rows]]\nstate = 'WA'\nunit = 'visit'\n",
        "[[rows]]\nline_of_business = 'chip'\nmue = true\n[[rows]]\nstate = 'WA'\nmue = false\n",
        "unit = 'unit'\n[[rows]]\nunit = 'visit'\n",
        "[[rows]]\nplan = 'Gold'\nunit = 'unit'\n[[rows]]\nplan = 'Silver'\nunit = 'visit'\n",
    ],
)
def test_rows_of_which_one_is_more_specific_or_that_never_meet_are_no_mistake(tmp_path: Path, text: str) -> None:
    configuration = Configuration(tmp_path, "P1")
    configuration.policy("x", HEAD + text)
    assert configuration.load().policies.rows("P1")[0].payer == "P1"


def test_two_laws_of_two_files_that_say_one_thing_are_a_mistake(tmp_path: Path) -> None:
    configuration = Configuration(tmp_path)
    configuration.policy("a", f"{LAW}free_visits = 6\n")
    configuration.policy("b", f"{LAW}free_visits = 5\n")
    (told_once,) = configuration.mistakes()
    assert "payers/b.toml, line 5, rows[0].free_visits: trading_partners/payers/a.toml, row 1, says this" in told_once


def test_a_folders_own_defaults_hold_instead_of_the_shipped_ones(tmp_path: Path) -> None:
    configuration = Configuration(tmp_path)
    shipped = configuration.load()
    assert shipped.policies.rows("SIM01")[-1].file == "trading_partners/payers/defaults.toml"
    configuration.policy("ours", "kind = 'defaults'\n[[rows]]\nline_of_business = 'medicare'\nunit_rule = 'AMA'\n")
    settings = configuration.load()
    assert {each.file for each in settings.policies.common} == {"trading_partners/payers/ours.toml"}
    assert policy_for(settings, Holder(payer="X", line_of_business="medicare"), DAY).unit_rule is UnitRule.AMA
    assert settings.digest != shipped.digest
