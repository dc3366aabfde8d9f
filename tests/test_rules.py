"""The billing rules, each with what it lets pass, what it finds, and what it cannot look at (domain facts, 7.1)."""

from datetime import date, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_samples import DAY, END, START, asked, bucket, claim, holding, line, request
from rules_samples import AUTHORIZED, BLOCK, NUMBERED, UNKNOWN, asking, blocked, case, found, good, wanted

from gateway import rules
from gateway.domain.authorization import Kind, Unit
from gateway.domain.claim import Claim, Frequency, Performed, Performer
from gateway.errors import Finding, SettingsInvalid, Severity
from gateway.ledger.entry import Bucket
from gateway.ledger.matching import Gap, draw
from gateway.rules.policy import Policy

_BESIDE = {"case", "episodes", "need", "policy", "policy_rows", "sessions", "terms"}  # What rules have in common.


def test_every_file_is_a_rule_and_every_rule_a_file() -> None:
    files = {each.stem for each in Path(rules.__path__[0]).glob("*.py")} - {"__init__", *_BESIDE}
    assert set(rules.names()) == files
    modules = [import_module(f"gateway.rules.{each}") for each in rules.names()]
    numbers = [each.CHECK for each in modules]
    assert [each.RULE for each in modules] == list(rules.names())
    assert len(set(numbers)) == len(numbers)
    assert set(numbers) <= set(range(1, 29))
    assert all(each.SOURCE and each.PREVENTS and each.__doc__ for each in modules)
    with pytest.raises(SettingsInvalid, match="no rule nothing_like_it"):
        list(rules.check(case(claim()), ["nothing_like_it"]))


def test_a_good_claim_and_a_good_request_pass_every_rule() -> None:
    assert not list(rules.check(good()))
    assert not list(rules.check(asking()))


@pytest.mark.parametrize(
    ("billed", "held", "policy", "expected"),
    [
        (claim(), (), AUTHORIZED, [("$.lines[0]", BLOCK)]),
        (claim(), (bucket(quantity_source="memo"),), AUTHORIZED, [("$.lines[0]", BLOCK)]),
        (claim(**NUMBERED), (bucket(),), AUTHORIZED, []),
        (claim(authorization="N9"), (bucket(),), AUTHORIZED, [("$.authorization", BLOCK)]),
        (
            claim(line(authorization="N9"), **NUMBERED),
            (bucket(),),
            AUTHORIZED,
            [("$.lines[0].authorization", BLOCK)],
        ),
        (claim(), (bucket(),), AUTHORIZED, []),
        (claim(), (bucket(number="", limited=False),), AUTHORIZED, []),
        (claim(), (), Policy(auth_required=False), []),
        (claim(), (), Policy(), [("$.payer", UNKNOWN)]),
        (claim(line(procedure="97161")), (), Policy(auth_required=True, exempt_procedures=("97161",)), []),
        (
            claim(),
            (),
            Policy(auth_required=True, severities={"authorization_on_file": Severity.WARN}),
            [("$.lines[0]", Severity.WARN)],
        ),
    ],
)
def test_authorization_on_file(
    billed: Claim, held: tuple[Bucket, ...], policy: Policy, expected: list[tuple[str, Severity]]
) -> None:
    assert found("authorization_on_file", case(billed, *held, policy=policy)) == expected


def test_a_request_that_waits_is_told_from_none() -> None:
    (waiting,) = rules.check(case(claim(), request=request()), ["authorization_on_file"])
    (missing,) = rules.check(case(claim()), ["authorization_on_file"])
    assert "not granted yet" in waiting.fix
    assert "ask for one" in missing.fix


def test_the_clinics_own_number_that_leads_nowhere() -> None:
    lost = case(claim(authorization_ref="A"), bucket(), authorization="au_9")
    assert found("authorization_on_file", lost) == [("$.authorization_ref", BLOCK)]


@pytest.mark.parametrize(
    ("day", "passes"),
    [(START, True), (END, True), (START - timedelta(days=1), False), (END + timedelta(days=1), False)],
)
def test_authorization_window(day: date, passes: bool) -> None:
    expected = [] if passes else [("$.lines[0].served_on", BLOCK)]
    assert found("authorization_window", case(claim(line(served_on=day)), bucket())) == expected


def test_a_window_that_is_not_whole_is_not_evaluated() -> None:
    expected = [("$.lines[0].served_on", UNKNOWN)]
    assert found("authorization_window", case(claim(), bucket(ends_on=None))) == expected


@pytest.mark.parametrize(
    ("grace", "days", "passes"), [(30, 30, True), (30, 31, False), (None, 0, True), (None, 1, None)]
)
def test_a_late_claim_is_told_where_the_payers_grace_is_known(
    grace: int | None, days: int, passes: bool | None
) -> None:
    late = case(
        claim(), bucket(), policy=Policy(auth_required=True, late_claim_grace=grace), date=END + timedelta(days=days)
    )
    weight = {True: [], False: [BLOCK], None: [UNKNOWN]}[passes]
    assert [severity for _, severity in found("authorization_window", late)] == weight


@pytest.mark.parametrize(
    ("held", "place"),
    [
        (bucket(), None),
        (bucket(procedures=("97110", "97140"), modifiers=("GP",)), None),
        (bucket(procedures=("97140",)), "$.lines[0].procedure"),
        (bucket(modifiers=("GO",)), None),  # Said by therapy_modifier.
    ],
)
def test_authorization_procedure(held: Bucket, place: str | None) -> None:
    expected = [(place, BLOCK)] if place else []
    assert found("authorization_procedure", case(claim(), held)) == expected


def test_authorization_balance_counts_a_visit_once() -> None:
    two_days = claim(line("L1"), line("L2", "97140"), line("L3", served_on=DAY + timedelta(days=1)))
    assert found("authorization_balance", case(two_days, bucket(), available=2)) == []
    assert found("authorization_balance", case(two_days, bucket(), available=1)) == [("$.lines[2]", BLOCK)]
    before = {("bu_1", DAY, "GP")}
    assert found("authorization_balance", case(two_days, bucket(), available=1, counted=before)) == []


def test_authorization_balance_in_units_and_minutes() -> None:
    worked = (Performed(performer=Performer.THERAPIST, minutes=40),)
    units = claim(line("L1", units=3), line("L2", "97140", units=2))
    assert found("authorization_balance", case(units, bucket(unit=Unit.UNIT), available=4)) == [("$.lines[1]", BLOCK)]
    hours = claim(line("L1", minutes=worked), line("L2", "97140"))
    assert found("authorization_balance", case(hours, bucket(unit=Unit.MINUTE), available=60)) == [
        ("$.lines[1].minutes", UNKNOWN)
    ]


def test_authorization_balance_without_a_ledger_is_not_evaluated() -> None:
    assert found("authorization_balance", case(claim(), bucket(), balances={})) == [("$.lines[0]", UNKNOWN)]
    assert found("authorization_balance", case(claim(), bucket(limited=False), balances={})) == []


days = st.integers(-1, 3).map(lambda offset: END + timedelta(days=offset - 2))
words = st.sampled_from([("GP",), ("GO",), ()])
lines = st.lists(st.tuples(st.sampled_from(["97110", "97140"]), st.integers(1, 3), days, words), min_size=1, max_size=6)


@given(lines=lines, stock=st.integers(0, 6), unit=st.sampled_from([Unit.VISIT, Unit.UNIT]), more=st.booleans())
def test_the_rules_and_the_ledger_agree_on_what_is_short(
    lines: list[tuple[Any, ...]], stock: int, unit: Unit, more: bool
) -> None:
    """Two layers that do not know each other: what the rule holds back is what the ledger would not draw."""
    made = [
        line(f"L{at}", code, units=count, served_on=day, modifiers=word)
        for at, (code, count, day, word) in enumerate(lines)
    ]
    held = [bucket("a", unit=unit), bucket("b", unit=unit, procedures=("97110",))][: 1 + more]
    subject = case(claim(*made), *held, available=stock)
    drawn = draw(subject.claim, held, {each.id: holding(available=stock) for each in held})
    short = {f"$.lines[{each.line[1:]}]" for each in drawn.uncovered if each.gap is Gap.EXHAUSTED}
    outside = {f"$.lines[{each.line[1:]}].served_on" for each in drawn.uncovered if each.gap is Gap.OUTSIDE_WINDOW}
    assert blocked("authorization_balance", subject) == short
    assert blocked("authorization_window", subject) == outside


def broken(billed: Claim, **changes: Any) -> Claim:
    """A claim as no intake lets it through: the record's own last guard is passed by."""
    for name, value in changes.items():
        object.__setattr__(billed, name, value)
    return billed


@pytest.mark.parametrize(
    ("billed", "places"),
    [
        (claim(line("L1"), line("L2", "97140")), []),
        (broken(claim(), charge=4999), ["$.charge"]),
        (claim(patient_paid=5001), ["$.patient_paid"]),
        (claim(patient_paid=-1), ["$.patient_paid"]),
        (claim(line(charge=-5000), line("L2", "97140")), ["$.lines[0].charge"]),
    ],
)
def test_claim_adds_up(billed: Claim, places: list[str]) -> None:
    assert [place for place, _ in found("claim_adds_up", case(billed))] == places


@pytest.mark.parametrize(
    ("modifiers", "required", "weights"),
    [
        (("GP",), ("GP",), []),
        ((), (), []),
        ((), ("GP", "GO"), [BLOCK]),
        (("KX",), ("GP",), [BLOCK]),
        (("KX",), None, [UNKNOWN]),
        (("GO",), None, []),
        (("GO",), ("GP", "GO", "GN"), []),
        (("GP", "GO"), ("GP",), [BLOCK]),
    ],
)
def test_therapy_modifier(modifiers: tuple[str, ...], required: Any, weights: list[Severity]) -> None:
    subject = good(claim(line(modifiers=modifiers)), policy={"required_modifiers": required}, buckets=())
    assert found("therapy_modifier", subject) == [("$.lines[0].modifiers", each) for each in weights]


def test_a_line_is_billed_in_the_discipline_that_was_authorized() -> None:
    other = (bucket(modifiers=("GO",)),)
    assert found("therapy_modifier", good(buckets=other)) == [("$.lines[0].modifiers", BLOCK)]
    both = (bucket(procedures=("97110",), modifiers=("GO",)), bucket("bu_2", procedures=("97110",), modifiers=("GP",)))
    assert found("therapy_modifier", good(buckets=both)) == []


@pytest.mark.parametrize(
    ("second", "places"),
    [
        ({}, ["$.lines[1]"]),
        ({"units": 1, "charge": 100}, ["$.lines[1]"]),
        ({"modifiers": ("GP", "CQ")}, []),
        ({"served_on": DAY + timedelta(days=1)}, []),
        ({"procedure": "97140"}, []),
        ({"modifiers": ("GP", "59")}, []),
    ],
)
def test_duplicate(second: dict[str, Any], places: list[str]) -> None:
    subject = case(claim(line("L1"), line("L2", **second)))
    assert sorted(blocked("duplicate", subject)) == places


def test_a_service_billed_on_an_earlier_claim() -> None:
    before = claim(line("L0"), id="cm_0")
    assert found("duplicate", case(claim(), history=(before,))) == [("$.lines[0]", BLOCK)]
    assert found("duplicate", case(claim(frequency=Frequency.REPLACEMENT))) == []
    assert found("duplicate", case(claim(line(modifiers=("GP", "76"))), history=(before,))) == []
    assert found("duplicate", case(claim(), history=(claim(),))) == [], "the claim itself is not its own history"
    assert found("duplicate", case(claim())) == [("$.lines", UNKNOWN)]


@pytest.mark.parametrize(
    ("earlier", "state", "weights"),
    [
        ({}, "pended", [BLOCK]),
        ({}, "certified", [BLOCK]),
        ({}, "not_certified", []),
        ({"starts_on": END + timedelta(days=1), "ends_on": END + timedelta(days=30)}, "certified", []),
        ({"starts_on": END, "ends_on": END + timedelta(days=30)}, "certified", [BLOCK]),
        ({"starts_on": END + timedelta(days=1), "ends_on": None}, "certified", []),
        ({"starts_on": START - timedelta(days=1), "ends_on": None}, "certified", [UNKNOWN]),
        ({"starts_on": None}, "certified", [UNKNOWN]),
        ({"ends_on": None}, "certified", [BLOCK]),
        ({"service_type": "AD"}, "certified", []),
        ({"lines": (asked(1, "97530", None),)}, "certified", []),
        ({"kind": Kind.CANCEL}, "pended", []),
        ({"id": "au_2"}, "sent", []),
    ],
)
def test_a_second_request_for_the_same(earlier: dict[str, Any], state: str, weights: list[Severity]) -> None:
    """2.4: AAA 91, HCR03 0Q."""
    subject = asking(wanted(id="au_2"), history=((wanted(**earlier), state),))
    assert [severity for _, severity in found("duplicate", subject)] == weights
    assert found("duplicate", asking(history=None)) == [("$.lines", UNKNOWN)]
    assert found("duplicate", asking(wanted(kind=Kind.EXTENSION), history=None)) == []


def test_no_finding_shows_the_patient() -> None:
    poor = claim(line(modifiers=(), served_on=END + timedelta(days=9), pointers=(7,)), line("L2"), line("L3"))
    policy = Policy(auth_required=True, required_modifiers=("GP",))
    said = [each for held in ((), (bucket(),)) for each in rules.check(case(poor, *held, policy=policy, available=0))]
    assert len({each.rule for each in said}) >= 7
    assert not [each for each in said if _shows(each, "Doe", "Jo ", "W1", "1980", "M545")]


def _shows(each: Finding, *values: str) -> bool:
    return any(value in str(each.as_json()) for value in values)
