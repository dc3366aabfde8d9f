"""The checks of the authorization, each at its limits: whether it is needed, its number, whom it is for, its end."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_samples import DAY, END, bucket, claim, holding, line
from rules_samples import (
    BLOCK,
    COVERAGE,
    KNOWN,
    NUMBERED,
    PHYSICIAN,
    UNKNOWN,
    WARN,
    Found,
    asking,
    found,
    good,
    wanted,
    worked,
)

from gateway import rules
from gateway.domain.authorization import Kind, Unit
from gateway.domain.claim import Claim, Frequency, ServiceLine
from gateway.domain.parties import EventProvider, Provider, Role
from gateway.errors import Severity
from gateway.rules.case import ClaimCase, Treated
from gateway.rules.need import needed
from gateway.rules.policy import Days, Free, Term

ONE = timedelta(days=1)
UNDER = ("authorization_window", "authorization_balance", "authorization_procedure", "authorization_provider")


def billed(*lines: ServiceLine, **changes: Any) -> Claim:
    made = lines or (line(minutes=worked(30)),)
    return claim(*made, **{**NUMBERED, "referring": PHYSICIAN, **changes})


def weights(rule: str, subject: Any) -> list[Severity]:
    return [severity for _, severity in found(rule, subject)]


def came(*back: int, evaluation: int = -1, word: str = "GP") -> tuple[Treated, ...]:
    """Visits so many days before the claim's."""
    return tuple(
        Treated(served_on=DAY - timedelta(days=each), discipline=word, evaluation=each == evaluation) for each in back
    )


# 1: whether it is needed.

FREE = {"free_visits": 3, "free_means": Free.NO_AUTHORIZATION, "episode_gap_days": 60}


@pytest.mark.parametrize(
    ("policy", "changes", "expected"),
    [
        ({}, {}, True),
        ({"auth_required": False}, {}, False),
        ({"auth_required": None}, {}, None),
        ({"auth_required": None}, {"coverage": replace(COVERAGE, auth_required=True)}, True),
        ({"auth_required": None}, {"coverage": replace(COVERAGE, auth_required=False)}, False),
        ({"auth_required": False}, {"coverage": replace(COVERAGE, auth_required=True)}, True),
        ({"auth_required": True}, {"coverage": replace(COVERAGE, auth_required=False)}, True),
        ({"code_set": ("97110",)}, {}, True),
        ({"code_set": ("97140",)}, {}, False),
        ({"exempt_procedures": ("97110",)}, {}, False),
        ({"pos_scope": ("11", "22")}, {}, True),
        ({"pos_scope": ("22",)}, {}, False),
        ({"auth_required": None, "exempt_procedures": ("97110",)}, {}, False),
        (FREE, {"treated": came()}, False),
        (FREE, {"treated": came(1, 2)}, False),
        (FREE, {"treated": came(1, 2, 3)}, True),
        (FREE, {"treated": came(1, 2, 3, word="GO")}, False),
        (FREE, {"treated": came(1, 2, 62)}, False),  # 60 days before the other: an episode of its own.
        (FREE, {"treated": came(1, 2, 61)}, True),
        (FREE, {"treated": None}, None),
        ({**FREE, "free_means": None}, {"treated": ()}, None),
        ({**FREE, "free_means": Free.NO_REVIEW}, {"treated": ()}, True),  # UHC: a request must still be sent.
        ({**FREE, "episode_gap_days": None}, {"treated": came(1, 2)}, False),
        ({**FREE, "episode_gap_days": None}, {"treated": came(1, 2, 3)}, None),
        ({**FREE, "eval_counts": False}, {"treated": came(1, 2, 9, evaluation=9)}, False),
        ({**FREE, "eval_counts": True}, {"treated": came(1, 2, 9, evaluation=9)}, True),
        ({**FREE, "free_window_weeks": 8}, {"treated": came(55, 9)}, False),
        ({**FREE, "free_window_weeks": 8}, {"treated": came(56, 9)}, True),
        ({"free_visits": 0}, {}, True),
    ],
)
def test_whether_a_line_needs_an_authorization(policy: dict[str, Any], changes: dict[str, Any], expected: Any) -> None:
    """2.1 and 7.2: code set, exemptions, places, free first visits of an episode; 271 EB11."""
    subject = good(policy=policy, **changes)
    assert needed(subject, subject.claim.lines[0]) is expected


@pytest.mark.parametrize(("policy", "expected"), [({}, True), ({"reeval_needs_auth": False}, False)])
def test_a_re_evaluation_needs_one_unless_the_policy_says_no(policy: dict[str, Any], expected: bool) -> None:
    subject = good(billed(line(procedure="97164")), policy=policy)
    assert needed(subject, subject.claim.lines[0]) is expected


def test_visits_of_the_claim_itself_count_among_the_free_ones() -> None:
    four = billed(*(line(f"L{at}", served_on=DAY + timedelta(days=at)) for at in range(4)), authorization="")
    subject = good(four, buckets=(), authorization="", state="", treated=(), policy=FREE)
    assert found("authorization_on_file", subject) == [("$.lines[3]", BLOCK)]


@pytest.mark.parametrize(
    ("state", "expected"),
    [("certified", []), ("modified", []), ("cancelled", [BLOCK]), ("not_certified", [BLOCK]), ("closed", [BLOCK])],
)
def test_an_authorization_that_is_over_is_none(state: str, expected: list[Severity]) -> None:
    assert weights("authorization_on_file", good(state=state)) == expected


def test_without_an_authorization_nothing_about_it_passes() -> None:
    bare = good(billed(authorization=""), buckets=(), authorization="", state="", request=None)
    for rule in (*UNDER, "authorization_number", "diagnosis", "latest_authorization", "extension_lead", "episode_gap"):
        assert weights(rule, bare) == [UNKNOWN], rule
    unwanted = replace(bare, policy=replace(KNOWN, auth_required=False))
    for rule in (*UNDER, "authorization_number", "diagnosis", "latest_authorization", "extension_lead", "episode_gap"):
        assert weights(rule, unwanted) == [], rule


# 2: its number.


@pytest.mark.parametrize(
    ("number", "pattern", "expected"),
    [
        ("N1", "N[0-9]+", []),
        ("N1", "N[0-9]{2}", [("$.authorization", BLOCK)]),
        ("N1", "", [("$.authorization", UNKNOWN)]),
        ("", "N[0-9]+", [("$.authorization", BLOCK)]),
    ],
)
def test_authorization_number(number: str, pattern: str, expected: Found) -> None:
    assert (
        found("authorization_number", good(billed(authorization=number), policy={"number_pattern": pattern}))
        == expected
    )


def test_a_payer_that_gave_no_number_wants_none() -> None:
    held = (bucket(number="", limited=False, quantity_source="HCR01 NA"),)
    assert found("authorization_number", good(billed(authorization=""), buckets=held)) == []


def test_each_number_is_looked_at_once() -> None:
    lines = (line("L1", authorization="X2"), line("L2", "97140", authorization="X2"), line("L3", "97112"))
    expected = [("$.lines[0].authorization", BLOCK)]
    assert found("authorization_number", good(billed(*lines))) == expected


# 4: an evaluation that uses up nothing.


@pytest.mark.parametrize(("counts", "expected"), [(False, []), (True, [BLOCK]), (None, [BLOCK])])
def test_an_evaluation_uses_a_visit_unless_the_policy_says_no(counts: Any, expected: list[Severity]) -> None:
    made = billed(line(procedure="97164", units=1, minutes=worked(20)))
    subject = good(made, buckets=(bucket(),), balances={"bu_1": holding(available=0)}, policy={"eval_counts": counts})
    assert weights("authorization_balance", subject) == expected


# 6: for whom.

PT = Provider(name="Marrow", npi="1000000020")
OTHER = Provider(name="Vance", npi="1000000038")


def serving(*providers: tuple[Role, Provider], **changes: Any) -> Any:
    events = tuple(EventProvider(role=role, provider=each) for role, each in providers)
    return wanted(providers=events, **changes)


@pytest.mark.parametrize(
    ("request_", "changes", "expected"),
    [
        (serving(), {}, []),
        (serving(), {"rendering": PT}, []),
        (serving((Role.RENDERING, PT)), {"rendering": PT}, []),
        (serving((Role.RENDERING, PT)), {"rendering": OTHER}, [("$.rendering.npi", BLOCK)]),
        (serving((Role.RENDERING, PT)), {"rendering": Provider(name="Vance")}, [("$.rendering.npi", UNKNOWN)]),
        (serving((Role.RENDERING, PT)), {}, []),
        (serving((Role.ORDERING, PT)), {"rendering": OTHER}, []),
        (serving(requester=OTHER), {}, [("$.billing.npi", BLOCK)]),
        (
            serving((Role.SERVICE, Provider(name="Clinic", npi="1234567893", organisation=True)), requester=OTHER),
            {},
            [],
        ),
        (serving(requester=Provider(name="Clinic")), {}, [("$.billing.npi", UNKNOWN)]),
        (serving((Role.FACILITY, OTHER)), {}, [("$.billing.npi", BLOCK)]),
        (serving((Role.FACILITY, OTHER)), {"facility": OTHER}, []),
        (serving((Role.FACILITY, OTHER)), {"facility": PT}, [("$.facility.npi", BLOCK)]),
        (serving(place_of_service="12"), {}, [("$.place_of_service", BLOCK)]),
        (serving(place_of_service="12"), {"place_of_service": "12"}, []),
        (None, {}, [("$.authorization", UNKNOWN)]),
    ],
)
def test_authorization_provider(request_: Any, changes: dict[str, Any], expected: Found) -> None:
    assert found("authorization_provider", good(billed(**changes), request=request_)) == expected


# 22: one claim, one authorization.

TWO = (bucket(), bucket("bu_2", number="N2", procedures=("97140",)))


@pytest.mark.parametrize(
    ("placement", "lines", "number", "expected"),
    [
        ("claim", (line("L1", authorization="N2"), line("L2", "97140")), "N1", [("$.lines[0].authorization", BLOCK)]),
        ("line", (line("L1", authorization="N2"), line("L2", "97140")), "N1", []),
        ("", (line("L1", authorization="N2"), line("L2", "97140")), "N1", [("$.lines[0].authorization", UNKNOWN)]),
        ("claim", (line("L1", authorization="N2"),), "N1", [("$.lines[0].authorization", BLOCK)]),
        ("claim", (line("L1", authorization="N1"), line("L2", "97140")), "N1", []),
        ("claim", (line("L1", authorization="N2"), line("L2", "97140", authorization="N2")), "", []),
        ("", (line("L1"), line("L2", "97140")), "N1", []),
    ],
)
def test_mixed_authorizations(placement: str, lines: Any, number: str, expected: Found) -> None:
    subject = good(billed(*lines, authorization=number), buckets=TWO, policy={"g1_placement": placement})
    assert found("mixed_authorizations", subject) == expected


# 23: what ends first.


def beside(**changes: Any) -> Any:
    values = {"authorization": "au_2", "number": "N2", "ends_on": END - ONE}
    return (bucket("bu_2", **{**values, **changes}),)


@pytest.mark.parametrize(
    ("others", "left", "expected"),
    [
        ((), 9, []),
        (beside(), 1, [WARN]),
        (beside(), 0, []),
        (beside(limited=False), 0, [WARN]),
        (beside(ends_on=END), 9, []),
        (beside(ends_on=DAY), 9, [WARN]),
        (beside(ends_on=DAY - ONE), 9, []),
        (beside(ends_on=None), 9, [UNKNOWN]),
        (beside(ends_on=None), 0, []),
        (beside(ends_on=None), None, [UNKNOWN]),
        (beside(ends_on=None, limited=False), 9, []),
        (beside(procedures=("97140",)), 9, []),
        (beside(modifiers=("GO",)), 9, []),
        (beside(quantity_source="memo"), 9, []),
        (beside(), None, [UNKNOWN]),
        (None, 9, [UNKNOWN]),
    ],
)
def test_latest_authorization(others: Any, left: int | None, expected: list[Severity]) -> None:
    balances = {"bu_1": holding(available=9)} | ({} if left is None else {"bu_2": holding(available=left)})
    assert weights("latest_authorization", good(others=others, balances=balances)) == expected


def test_what_is_drawn_on_may_be_what_has_no_known_end() -> None:
    balances = {"bu_1": holding(available=9), "bu_2": holding(available=9)}
    drawn_on = (bucket(ends_on=None),)
    assert weights("latest_authorization", good(buckets=drawn_on, others=beside(), balances=balances)) == [UNKNOWN]
    assert weights("latest_authorization", good(buckets=drawn_on, others=(), balances=balances)) == []


# 25: in time.

TODAY = DAY


def booked(*ahead: int) -> tuple[Treated, ...]:
    return tuple(Treated(served_on=TODAY + timedelta(days=each), discipline="GP", planned=True) for each in ahead)


def left(available: int, **others: int) -> dict[str, Any]:
    return {"balances": {"bu_1": holding(available=available, **others)}}


LEAD = {"extension_lead": Term(days=7)}
BUSINESS_LEAD = {"extension_lead": Term(days=7, counted=Days.BUSINESS)}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # Three left, one of them for this claim: the third booked visit has none.
        ({**left(3), "treated": booked(5, 10, 15)}, []),  # Out on day 15, ask by day 8, told from day 1.
        ({**left(3), "treated": booked(5, 10, 14)}, [WARN]),
        ({**left(4), "treated": booked(5, 10, 14)}, []),
        ({**left(2, rendered=1), "treated": booked(5, 10, 14)}, [WARN]),  # This visit is rendered already.
        ({**left(3, rendered=1), "treated": booked(5, 10, 14)}, []),
        ({**left(9), "treated": booked(5, 91)}, []),  # Behind the window's end, far away.
        ({**left(9), "date": END - timedelta(days=13), "treated": booked(91)}, [WARN]),
        ({**left(9), "date": END - timedelta(days=14), "treated": booked(92)}, []),
        # Without a booking the pace of four weeks decides: eight visits, one in three and a half days.
        ({**left(3), "treated": came(1, 4, 8, 11, 15, 18, 22, 25)}, [WARN]),
        ({**left(4), "treated": came(1, 4, 8, 11, 15, 18, 22, 25)}, [WARN]),
        ({**left(5), "treated": came(1, 4, 8, 11, 15, 18, 22, 25)}, []),
        ({**left(1), "treated": came(40)}, []),  # Nobody comes any more.
        ({**left(1), "treated": booked(5), "extension_asked": True}, []),
        ({**left(1), "treated": booked(5), "extension_asked": None}, [WARN]),
        ({**left(1), "treated": None}, [UNKNOWN]),
        ({**left(1), "treated": booked(5), "policy": {"extension_lead": None}}, [UNKNOWN]),
        ({"balances": {}, "treated": booked(5)}, [UNKNOWN]),
        # No table has the holidays of the year in which it runs out.
        ({**left(1), "treated": booked(365 * 60), "policy": BUSINESS_LEAD}, [UNKNOWN]),
        ({"buckets": (bucket(limited=False),), "balances": {}, "treated": booked(5)}, []),
        # Two units a visit, as this claim bills them.
        ({"buckets": (bucket(unit=Unit.UNIT),), **left(5), "treated": booked(5, 10)}, [WARN]),
        ({"buckets": (bucket(unit=Unit.UNIT),), **left(6), "treated": booked(5, 10)}, []),
    ],
)
def test_extension_lead(changes: dict[str, Any], expected: list[Severity]) -> None:
    """Ask seven days before; the warning comes seven days before that."""
    policy = {**LEAD, **changes.get("policy", {})}
    assert weights("extension_lead", good(**{"date": TODAY, **changes, "policy": policy})) == expected


@pytest.mark.parametrize(
    ("today", "policy", "expected"),
    [
        (END - timedelta(days=7), {}, []),
        (END - timedelta(days=6), {}, [WARN]),
        (END - timedelta(days=11), {"extension_lead": Term(days=7, counted=Days.BUSINESS)}, []),
        (END - timedelta(days=10), {"extension_lead": Term(days=7, counted=Days.BUSINESS)}, [WARN]),  # Memorial Day.
        (END - timedelta(days=7), {"extension_lead": None}, [UNKNOWN]),
        (END - timedelta(days=7), {"extension_allowed": False}, [WARN]),  # UHC MA: a new request (2.1).
    ],
)
def test_an_extension_is_asked_for_in_time(today: date, policy: dict[str, Any], expected: list[Severity]) -> None:
    change = wanted(id="au_2", kind=Kind.EXTENSION, previous_number="N1")
    subject = asking(change, date=today, buckets=(bucket(),), policy=policy)
    assert weights("extension_lead", subject) == expected
    assert weights("extension_lead", asking(policy=policy)) == []
    unknown = asking(replace(change, previous_number="N9"), date=today, buckets=(bucket(),))
    assert weights("extension_lead", unknown) == [UNKNOWN]


# 27: a new episode.


@pytest.mark.parametrize(
    ("gap", "treated", "decided", "expected"),
    [
        (60, came(59), DAY - timedelta(days=70), []),
        (60, came(60), DAY - timedelta(days=70), [WARN]),
        (60, came(60), DAY - timedelta(days=60), [WARN]),
        (60, came(60), DAY - timedelta(days=59), []),  # Given behind the gap.
        (90, came(60), DAY - timedelta(days=70), []),
        (60, came(60, 5), DAY - timedelta(days=70), []),
        (60, came(60, word="GO"), DAY - timedelta(days=70), []),
        (60, (), DAY - timedelta(days=70), []),
        (None, came(5), DAY, [UNKNOWN]),
        (None, (), DAY, []),
        (60, None, DAY, [UNKNOWN]),
        (60, came(60), None, []),  # Its window began behind the gap.
    ],
)
def test_episode_gap(gap: int | None, treated: Any, decided: Any, expected: list[Severity]) -> None:
    """2.1: UHC and Maine 90 days, Cohere 60."""
    subject = good(treated=treated, decided_on=decided, policy={"episode_gap_days": gap})
    assert weights("episode_gap", subject) == expected


def test_a_window_without_a_start_leaves_the_episode_open() -> None:
    subject = good(treated=came(60), decided_on=None, buckets=(bucket(starts_on=None),))
    assert weights("episode_gap", subject) == [UNKNOWN]


@pytest.mark.parametrize(
    ("kind", "back", "gap", "expected"),
    [
        (Kind.EXTENSION, 60, 60, [WARN]),
        (Kind.RENEWAL, 59, 60, []),
        (Kind.INITIAL, 60, 60, []),
        (Kind.EXTENSION, 5, None, [UNKNOWN]),
    ],
)
def test_an_extension_behind_a_gap_is_a_new_request(kind: Kind, back: int, gap: Any, expected: list[Severity]) -> None:
    subject = asking(wanted(kind=kind, starts_on=DAY), treated=came(back), policy={"episode_gap_days": gap})
    assert weights("episode_gap", subject) == expected
    assert weights("episode_gap", replace(subject, treated=None)) == ([] if kind is Kind.INITIAL else [UNKNOWN])


# Voids, and any claim at all.


def test_of_a_void_only_what_it_is_about_is_looked_at() -> None:
    void = billed(line(procedure="97530", pointers=(9,)), frequency=Frequency.VOID, payer_claim_number="F9")
    assert {each.rule for each in rules.check(good(void))} == {"frequency_reference"}
    assert rules.applying(good(void)) == ("frequency_reference",)


codes = st.sampled_from(["97110", "97140", "97112", "97150", "97161", "97164", "97530", "97116", "98980", "0552T"])
offsets = st.integers(-120, 120).map(lambda count: DAY + timedelta(days=count))
made_lines = st.builds(
    line,
    st.uuids().map(str),
    codes,
    units=st.integers(1, 9),
    served_on=offsets,
    modifiers=st.lists(st.sampled_from(["GP", "GO", "GN", "CQ", "CO", "KX", "59", "GA", "GZ"]), max_size=4).map(tuple),
    minutes=st.builds(worked, st.integers(0, 60), st.integers(0, 60)),
    pointers=st.lists(st.integers(0, 3), max_size=4).map(tuple),
    authorization=st.sampled_from(["", "N1", "N9"]),
)
seen = st.lists(
    st.builds(Treated, served_on=offsets, discipline=st.sampled_from(["GP", "GO", ""]), planned=st.booleans(),
              evaluation=st.booleans()),
    max_size=5,
).map(tuple)  # fmt: skip
unknown = st.sets(
    st.sampled_from(["coverage", "plans", "treated", "history", "others", "payer_numbers", "decided_on", "request"])
)
forgotten = st.sets(
    st.sampled_from(
        ["auth_required", "unit_rule", "max_units_visit", "cq_rule", "threshold", "ncci", "mue", "plan_of_care",
         "certification_days", "progress_every", "referral_required", "required_docs", "required_modifiers",
         "filing_limit", "hold_days_after_approval", "extension_lead", "episode_gap_days"]
    )
)  # fmt: skip


@given(
    lines=st.lists(made_lines, min_size=1, max_size=4),
    treated=seen,
    missing=unknown,
    policy=forgotten,
    number=st.sampled_from(["", "N1", "N9"]),
    unit=st.sampled_from(Unit),
    frequency=st.sampled_from(Frequency),
    free=st.sampled_from([{}, FREE]),
    told=st.booleans(),
)
def test_any_claim_is_told_the_same_twice_and_breaks_no_rule(
    lines: Any, treated: Any, missing: set[str], policy: set[str], number: str, unit: Unit, frequency: Any, free: Any,
    told: bool,
) -> None:  # fmt: skip
    made = billed(*lines, authorization=number, frequency=frequency, payer_claim_number="F1")
    changes: dict[str, Any] = {
        "treated": treated,
        "buckets": (bucket(unit=unit), bucket("bu_2", procedures=("97110",))),
    }
    changes |= {"history": (billed(lines[0], id="cm_0"),)} if told else {}
    subject: ClaimCase = good(made, policy={**free, **dict.fromkeys(policy)}, **{**changes, **dict.fromkeys(missing)})
    said = list(rules.check(subject))
    assert said == list(rules.check(subject))
    assert all((each.fix, each.prevents, each.source, each.evidence, str(each.where)) for each in said)
    assert not [each for each in said if "Doe" in str(each.as_json()) or "1980" in str(each.as_json())]
