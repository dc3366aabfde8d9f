"""The checks of the patient, the coverage, the papers and the times, each at its limits (domain facts, 7.1)."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from ledger_samples import DAY, END, START, SUBSCRIBER, asked, bucket, claim, line, visits
from rules_samples import (
    BLOCK,
    COVERAGE,
    NUMBERED,
    PHYSICIAN,
    PLAN,
    REFERENCE,
    SOME_DAY,
    UNKNOWN,
    WARN,
    Found,
    asking,
    found,
    good,
    wanted,
    worked,
)

from gateway.coding.reference import DiagnosisCode
from gateway.domain.authorization import Attachment, Kind, Level, Quantity, Unit
from gateway.domain.claim import Claim, Frequency
from gateway.domain.coverage import Coverage, Period, VisitLimit
from gateway.domain.parties import Dependent, EventProvider, Provider, Relationship, Role, Subscriber
from gateway.domain.plan_of_care import PlanOfCare
from gateway.errors import Severity
from gateway.rules.case import Treated
from gateway.rules.policy import BenefitLimit, Days, Term

ONE = timedelta(days=1)


def billed(*lines: Any, **changes: Any) -> Claim:
    made = lines or (line(minutes=worked(30)),)
    return claim(*made, **{**NUMBERED, "referring": PHYSICIAN, **changes})


def weights(rule: str, subject: Any) -> list[Severity]:
    return [severity for _, severity in found(rule, subject)]


def person(**changes: Any) -> Subscriber:
    return replace(SUBSCRIBER, person=replace(SUBSCRIBER.person, **changes))


# 7: one person.


@pytest.mark.parametrize(
    ("other", "place"),
    [
        (SUBSCRIBER, None),
        (replace(SUBSCRIBER, member_id=" w1 "), None),
        (person(first="Jo Ann"), None),
        (person(last="DOE"), None),
        (person(first=""), None),
        (replace(SUBSCRIBER, member_id="W2"), "$.patient.member_id"),
        (person(born=date(1980, 1, 2)), "$.patient.born"),
        (person(last="Roe"), "$.patient.last_name"),
        (person(first="Al"), "$.patient.first_name"),
    ],
)
def test_the_patient_is_one_person_everywhere(other: Subscriber, place: str | None) -> None:
    expected = [(place, BLOCK)] if place else []
    told = replace(COVERAGE, subscriber=other)
    assert found("patient_identity", good(coverage=told)) == expected
    assert found("patient_identity", good(request=wanted(subscriber=other))) == expected
    assert found("patient_identity", asking(coverage=told)) == expected


def test_a_dependent_is_compared_as_the_patient() -> None:
    child = Dependent(person=replace(SUBSCRIBER.person, first="Kim"), relationship=Relationship.CHILD)
    ours = billed(dependent=child)
    told = replace(COVERAGE, dependent=child)
    assert found("patient_identity", good(ours, coverage=told, request=wanted(dependent=child))) == []
    assert found("patient_identity", good(ours, coverage=told)) == [
        ("$.policy_holder", BLOCK),
        ("$.patient.first_name", BLOCK),
    ]


def test_an_identity_that_is_not_known_is_not_evaluated() -> None:
    assert weights("patient_identity", good(coverage=None)) == [UNKNOWN]
    assert weights("patient_identity", good(request=None)) == [UNKNOWN]
    assert weights("patient_identity", good(coverage=replace(COVERAGE, subscriber=person(born=None)))) == [UNKNOWN]
    assert weights("patient_identity", asking(coverage=None)) == [UNKNOWN]


def test_a_change_is_about_the_same_person() -> None:
    earlier = wanted(subscriber=person(first="Al"))
    change = wanted(id="au_2", kind=Kind.EXTENSION, previous_number="N1")
    subject = asking(change, history=((earlier, "certified"),), buckets=(bucket(),))
    assert found("patient_identity", subject) == [("$.patient.first_name", BLOCK)]


# 8: coverage.


def covered(**changes: Any) -> Coverage:
    return replace(COVERAGE, **changes)


@pytest.mark.parametrize(
    ("coverage", "expected"),
    [
        (covered(starts_on=DAY, plan="A"), []),
        (covered(starts_on=DAY + ONE, plan="A"), [BLOCK]),
        (covered(ends_on=DAY, plan="A"), []),
        (covered(ends_on=DAY - ONE, plan="A"), [BLOCK]),
        (covered(starts_on=None, plan="A"), [UNKNOWN]),
        (covered(checked_on=date(2026, 3, 1), plan="A"), []),
        (covered(checked_on=date(2026, 2, 28), plan="A"), [UNKNOWN]),
        (covered(plan="a "), []),
        (covered(plan="B"), [BLOCK]),
        (covered(plan=""), []),  # It had begun before the decision.
        (covered(plan="", starts_on=START), []),
        (covered(plan="", starts_on=START + ONE), [UNKNOWN]),
        (None, [UNKNOWN]),
    ],
)
def test_coverage_active(coverage: Coverage | None, expected: list[Severity]) -> None:
    assert weights("coverage_active", good(request=wanted(plan="A"), coverage=coverage)) == expected


def test_the_day_of_a_decision_that_is_not_known_leaves_the_plan_open() -> None:
    assert weights("coverage_active", good(decided_on=None)) == [UNKNOWN]
    assert weights("coverage_active", good(policy={"auth_required": False}, decided_on=None)) == []


@pytest.mark.parametrize(
    ("coverage", "expected"),
    [
        (covered(), []),
        (covered(ends_on=END), []),
        (covered(ends_on=END - ONE), [("$.ends_on", WARN)]),
        (covered(ends_on=START - ONE), [("$.starts_on", BLOCK)]),
        (covered(starts_on=START + ONE), [("$.starts_on", BLOCK)]),
        (None, [("$.starts_on", UNKNOWN)]),
    ],
)
def test_a_requests_window_lies_in_the_coverage(coverage: Coverage | None, expected: Found) -> None:
    assert found("coverage_active", asking(coverage=coverage, date=DAY)) == expected


# 15: diagnoses.


def rows(**changes: Any) -> Any:
    row = DiagnosisCode(**{"code": "M545", "billable": True, "starts_on": SOME_DAY, **changes})
    return replace(REFERENCE, diagnoses=(row,))


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (rows(), []),
        (rows(code="M546"), [("$.diagnoses[0]", BLOCK)]),
        (rows(billable=False), [("$.diagnoses[0]", BLOCK)]),
        (rows(ends_on=DAY), []),
        (rows(ends_on=DAY - ONE), [("$.diagnoses[0]", BLOCK)]),
        (rows(starts_on=DAY + ONE), [("$.diagnoses[0]", BLOCK)]),
        (replace(REFERENCE, diagnoses=None), [("$.diagnoses", UNKNOWN)]),
    ],
)
def test_a_diagnosis_holds_on_the_day(table: Any, expected: Found) -> None:
    assert found("diagnosis", good(reference=table)) == expected
    assert found("diagnosis", asking(wanted(starts_on=DAY), reference=table)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"pointers": (1, 3)}, [("$.lines[0].pointers[1]", BLOCK)]),
        ({"pointers": ()}, [("$.lines[0].pointers", BLOCK)]),
        ({"pointers": (1, 1)}, [("$.lines[0].pointers", BLOCK)]),
        ({"pointers": (2,)}, [("$.lines[0].pointers", BLOCK)]),  # M546 was not asked for.
        ({"pointers": (2, 1)}, []),
    ],
)
def test_pointers_lead_to_what_was_authorized(changes: dict[str, Any], expected: Found) -> None:
    table = replace(REFERENCE, diagnoses=(*(REFERENCE.diagnoses or ()), *(rows(code="M546").diagnoses or ())))
    assert found("diagnosis", good(billed(line(**changes), diagnoses=("M545", "M546")), reference=table)) == expected


def test_a_dot_goes_and_diagnoses_that_nobody_knows_are_not_evaluated() -> None:
    assert found("diagnosis", good(billed(diagnoses=("M54.5",)))) == [("$.diagnoses[0]", BLOCK)]
    assert found("diagnosis", good(request=None)) == [("$.diagnoses", UNKNOWN)]
    assert found("diagnosis", good(request=wanted(diagnoses=()))) == [("$.diagnoses", UNKNOWN)]


# 16: a whole request.


@pytest.mark.parametrize(
    ("changes", "policy", "expected"),
    [
        ({}, {}, []),
        ({"subscriber": person(born=None)}, {}, [("$.patient.born", BLOCK), ("$.patient.sex", WARN)]),
        ({"diagnoses": ()}, {}, [("$.diagnoses", BLOCK)]),
        ({"starts_on": None}, {}, [("$.starts_on", BLOCK)]),
        ({"starts_on": None, "lines": (asked(1, "97110", starts_on=START),)}, {}, []),
        ({"requester": Provider(name="Clinic")}, {}, [("$.providers", BLOCK)]),
        ({"quantity": None}, {}, []),
        ({"quantity": None, "lines": (asked(1, "97110"),)}, {}, [("$.lines[0].visits", BLOCK)]),
        ({"quantity": None, "lines": ()}, {}, [("$.visits", BLOCK)]),
        ({"quantity": None, "lines": (), "kind": Kind.APPEAL}, {}, []),
        ({"level": Level.URGENT, "attachments": ()}, {"required_docs": ()}, [("$.level", BLOCK)]),
        ({"level": Level.URGENT, "attachments": (), "note": "fell"}, {"required_docs": ()}, []),
        ({"level": Level.ELECTIVE, "attachments": ()}, {"required_docs": ()}, []),
        ({"attachments": ()}, {}, [("$.attachments", WARN)]),  # On file, and not announced.
        ({"attachments": ()}, {"required_docs": ("plan_of_care",)}, [("$.attachments", BLOCK)]),
        ({"attachments": (Attachment(report_type="PY", transmission="EL", description="plan of-care"),)},
         {"required_docs": ("plan_of_care",)}, []),
        ({"attachments": ()}, {"required_docs": None}, [("$.attachments", UNKNOWN)]),
        ({"kind": Kind.CANCEL, "diagnoses": (), "quantity": None, "lines": ()}, {"required_docs": None}, []),
    ],
)  # fmt: skip
def test_request_complete(changes: dict[str, Any], policy: dict[str, Any], expected: Found) -> None:
    assert found("request_complete", asking(wanted(**changes), policy=policy)) == expected


# 18: times.

TEN_BUSINESS = Term(days=10, counted=Days.BUSINESS)


@pytest.mark.parametrize(
    ("term", "days", "expected"),
    [
        (Term(days=90), 90, []),
        (Term(days=90), 91, [BLOCK]),
        (None, 1, [UNKNOWN]),
        (TEN_BUSINESS, 14, []),
        (TEN_BUSINESS, 15, [BLOCK]),
        (Term(days=3000, counted=Days.BUSINESS), 1, [UNKNOWN]),  # Beyond the table of holidays.
    ],
)
def test_the_filing_limit(term: Term | None, days: int, expected: list[Severity]) -> None:
    subject = good(date=DAY + timedelta(days=days), policy={"filing_limit": term})
    assert weights("timely", subject) == expected


def test_a_replacement_is_not_held_against_the_filing_limit() -> None:
    again = billed(frequency=Frequency.REPLACEMENT, payer_claim_number="F1")
    assert weights("timely", good(again, date=DAY + timedelta(days=900))) == []


@pytest.mark.parametrize(
    ("hold", "days", "expected"),
    [(4, 3, [BLOCK]), (4, 4, []), (0, 1, []), (None, 9, [UNKNOWN])],
)
def test_the_payers_hold_after_an_approval(hold: int | None, days: int, expected: list[Severity]) -> None:
    """2.1: Regence, four days and more."""
    subject = good(date=START + timedelta(days=days), policy={"hold_days_after_approval": hold})
    assert weights("timely", subject) == expected


def test_a_hold_needs_the_day_of_the_decision() -> None:
    assert weights("timely", good(decided_on=None, policy={"hold_days_after_approval": 4})) == [UNKNOWN]
    assert weights("timely", good(decided_on=None)) == []


@pytest.mark.parametrize(
    ("term", "days", "expected"),
    [
        (TEN_BUSINESS, 14, []),  # UHC: 10 business days, about 14 calendar (2.1).
        (TEN_BUSINESS, 15, [BLOCK]),
        (Term(days=7), 7, []),
        (Term(days=7), 8, [BLOCK]),
        (None, 1, [UNKNOWN]),
        (None, 0, []),
    ],
)
def test_a_request_reaches_back_so_far(term: Term | None, days: int, expected: list[Severity]) -> None:
    today = DAY + timedelta(days=days)
    policy = {"retro_days": term, "submit_deadline": Term(days=99)}
    assert weights("timely", asking(wanted(starts_on=DAY), date=today, policy=policy)) == expected


@pytest.mark.parametrize(("days", "expected"), [(7, []), (8, [("$.lines[0].starts_on", BLOCK)])])
@pytest.mark.parametrize("whole", [None, 0])
def test_a_line_of_a_request_reaches_back_no_further(whole: int | None, days: int, expected: Found) -> None:
    """A line has dates of its own, whatever the request as a whole says."""
    today = DAY + timedelta(days=days)
    request = wanted(starts_on=None if whole is None else today)
    request = replace(request, lines=(replace(request.lines[0], starts_on=DAY), *request.lines[1:]))
    policy = {"retro_days": Term(days=7), "submit_deadline": Term(days=99)}
    assert found("timely", asking(request, date=today, policy=policy)) == expected


@pytest.mark.parametrize(
    ("term", "treated", "days", "expected"),
    [
        (Term(days=10), True, 10, []),
        (Term(days=10), True, 11, [BLOCK]),
        (None, True, 1, [UNKNOWN]),
        (Term(days=10), False, 1, [UNKNOWN]),
        (Term(days=10), None, 1, [UNKNOWN]),
    ],
)
def test_a_request_follows_the_evaluation(term: Any, treated: bool | None, days: int, expected: list[Severity]) -> None:
    visit = Treated(served_on=DAY, discipline="GP", evaluation=bool(treated))
    today = DAY + timedelta(days=days)
    subject = asking(
        wanted(starts_on=today, ends_on=today),
        date=today,
        policy={"submit_deadline": term},
        treated=None if treated is None else (visit,),
    )
    assert weights("timely", subject) == expected


# 19: who ordered.


@pytest.mark.parametrize(
    ("changes", "policy", "expected"),
    [
        ({}, {}, []),
        ({"referring": None}, {}, [("$.referring.npi", BLOCK)]),
        ({"referring": Provider(name="Quillon")}, {}, [("$.referring.npi", BLOCK)]),
        ({"referring": None}, {"plan_of_care": False}, []),
        ({"referring": None}, {"plan_of_care": None}, [("$.referring.npi", UNKNOWN)]),
        ({}, {"referral_required": True}, [("$.referral", BLOCK)]),
        ({"referral": "R1"}, {"referral_required": True}, []),
        ({}, {"referral_required": None}, [("$.referral", UNKNOWN)]),
        ({"referral": "R1"}, {"referral_required": None}, []),
    ],
)
def test_referring_provider(changes: dict[str, Any], policy: dict[str, Any], expected: Found) -> None:
    assert found("referring_provider", good(billed(**changes), policy=policy)) == expected


@pytest.mark.parametrize(
    ("providers", "policy", "expected"),
    [
        ((), {}, [BLOCK]),
        ((), {"plan_of_care": False}, []),
        ((), {"plan_of_care": False, "referral_required": True}, [BLOCK]),
        ((), {"plan_of_care": False, "referral_required": None}, [UNKNOWN]),
        ((EventProvider(role=Role.ORDERING, provider=Provider(name="Q")),), {}, [BLOCK]),
        ((EventProvider(role=Role.REFERRING, provider=PHYSICIAN),), {}, []),
        ((EventProvider(role=Role.SERVICE, provider=PHYSICIAN),), {}, [BLOCK]),
    ],
)
def test_who_ordered_a_request(providers: Any, policy: dict[str, Any], expected: list[Severity]) -> None:
    assert weights("referring_provider", asking(wanted(providers=providers), policy=policy)) == expected


# 20: plan of care.


def plan(**changes: Any) -> PlanOfCare:
    return replace(PLAN, **changes)


@pytest.mark.parametrize(
    ("plans", "expected"),
    [
        ((plan(),), []),
        ((plan(starts_on=DAY),), []),
        ((plan(starts_on=DAY + ONE),), [WARN]),
        ((plan(ends_on=DAY),), []),
        ((plan(ends_on=DAY - ONE),), [WARN]),
        ((plan(starts_on=DAY - timedelta(days=90), progress_reports=(START,)),), []),
        ((plan(starts_on=DAY - timedelta(days=91), progress_reports=(START,)),), [WARN]),
        ((plan(starts_on=DAY - timedelta(days=91), first_treated_on=DAY - timedelta(days=90)),), []),
        ((plan(starts_on=DAY - timedelta(days=91)), plan(starts_on=DAY, recertification=True)), []),
        ((plan(starts_on=DAY - timedelta(days=91)), plan(recertification=True, signed_on=None)), [WARN]),
        ((plan(signed_on=None),), [WARN]),
        ((plan(discipline="GO"),), [WARN, WARN]),  # None for GP, and its paper is not on file.
        (None, [UNKNOWN]),
    ],
)
def test_plan_of_care(plans: Any, expected: list[Severity]) -> None:
    assert weights("plan_of_care", good(plans=plans)) == expected


@pytest.mark.parametrize(
    ("changes", "today", "certified"),
    [
        ({"verbal_on": START}, START + timedelta(days=14), True),
        ({"verbal_on": START}, START + timedelta(days=15), False),
        ({"ordered_on": START, "sent_on": START + timedelta(days=30)}, END, True),
        ({"ordered_on": START, "sent_on": START + timedelta(days=31)}, END, False),
        ({"ordered_on": START}, END, False),
        ({"sent_on": START}, END, False),
        ({"ordered_on": START, "sent_on": START, "recertification": True}, END, False),
    ],
)
def test_what_certifies_a_plan(changes: dict[str, Any], today: date, certified: bool) -> None:
    """1.5: verbal then signed within 14 days; from 2025 an order on file and the plan sent within 30 days."""
    subject = good(plans=(plan(signed_on=None, **changes),), date=today)
    assert weights("plan_of_care", subject) == ([] if certified else [WARN])


def test_before_2025_an_order_stood_in_for_no_signature() -> None:
    day = date(2024, 12, 31)
    old = plan(signed_on=None, starts_on=day, ordered_on=day, sent_on=day)
    made = billed(line(served_on=day, minutes=worked(30)))
    assert weights("plan_of_care", good(made, plans=(old,))) == [WARN]


@pytest.mark.parametrize(
    ("earlier", "reports", "every", "expected"),
    [
        (9, (), 10, []),  # The tenth treatment day.
        (10, (), 10, [WARN]),
        (10, (DAY - timedelta(days=3),), 10, []),
        (20, (), 0, []),
        (0, (), None, [UNKNOWN]),
    ],
)
def test_a_report_is_due_every_ten_days_of_treatment(
    earlier: int, reports: Any, every: int | None, expected: list[Severity]
) -> None:
    days = tuple(Treated(served_on=DAY - timedelta(days=each), discipline="GP") for each in range(1, earlier + 1))
    held = plan(starts_on=DAY - timedelta(days=40), progress_reports=reports)
    assert weights("plan_of_care", good(plans=(held,), treated=days, policy={"progress_every": every})) == expected


@pytest.mark.parametrize(
    ("policy", "changes", "expected"),
    [
        ({"plan_of_care": None}, {}, [UNKNOWN]),
        ({"required_docs": None}, {}, [UNKNOWN]),
        ({"plan_of_care": False, "required_docs": ()}, {"plans": None}, []),
        ({"plan_of_care": False, "required_docs": ("order", "consent")}, {}, [WARN]),
        ({"certification_days": None}, {}, [UNKNOWN]),
        ({}, {"treated": None}, [UNKNOWN]),
    ],
)
def test_what_of_a_plan_of_care_is_not_known(policy: Any, changes: Any, expected: list[Severity]) -> None:
    assert weights("plan_of_care", good(policy=policy, **changes)) == expected


# 21: what a replacement is about.


@pytest.mark.parametrize("frequency", [Frequency.REPLACEMENT, Frequency.VOID])
@pytest.mark.parametrize(
    ("number", "known", "expected"),
    [
        ("F1", ("F1",), []),
        ("", ("F1",), [BLOCK]),
        ("F2", ("F1",), [BLOCK]),
        ("F1", (), [BLOCK]),
        ("F1", None, [UNKNOWN]),
    ],
)
def test_frequency_reference(frequency: Frequency, number: str, known: Any, expected: list[Severity]) -> None:
    made = billed(frequency=frequency, payer_claim_number=number)
    assert weights("frequency_reference", good(made, payer_numbers=known)) == expected
    assert weights("frequency_reference", good(payer_numbers=None)) == []


# 24: the plan's own limit.


def limited(amount: int, used: int | None = None, **changes: Any) -> dict[str, Any]:
    limit = VisitLimit(**{"amount": amount, "used": used, **changes})
    return {"coverage": replace(COVERAGE, visit_limit=limit, checked_on=DAY - timedelta(days=10))}


def came(*back: int, word: str = "GP") -> tuple[Treated, ...]:
    return tuple(Treated(served_on=DAY - timedelta(days=each), discipline=word) for each in back)


@pytest.mark.parametrize(
    ("changes", "treated", "expected"),
    [
        (limited(30, 29), (), []),
        (limited(30, 30), (), [WARN]),
        (limited(30, 28), came(9), []),  # One since it was told, and this one.
        (limited(30, 28), came(9, 8), [WARN]),
        (limited(30, 28), came(10, 11, 12), []),  # Those were in the payer's count.
        (limited(2), came(5, 9), [WARN]),
        (limited(3), came(5, 9), [UNKNOWN]),  # Other clinics' visits are not known.
        (limited(2), came(70, 80), [UNKNOWN]),  # Last year's.
        (limited(2, period=Period.DAYS_365), came(70, 80), [WARN]),
        (limited(2, period=Period.DAYS_365), came(364, 3), [WARN]),
        (limited(2, period=Period.DAYS_365), came(365, 3), [UNKNOWN]),
        (limited(2, combined_with=("GP", "GO")), came(5, 9, word="GO"), [WARN]),
        (limited(2), came(5, 9, word="GO"), [UNKNOWN]),
        (limited(2, combined_with=("GP", "GO")), came(5, 9, word="GN"), [UNKNOWN]),
        (limited(30, 5), None, [UNKNOWN]),
        ({"coverage": None}, (), [UNKNOWN]),
        ({"coverage": None, "policy": {"visit_limit": BenefitLimit(visits=1)}}, came(5), [WARN]),
        ({"coverage": None, "policy": {"visit_limit": BenefitLimit(visits=0)}}, came(5), []),
    ],
)
def test_benefit_limit(changes: dict[str, Any], treated: Any, expected: list[Severity]) -> None:
    assert weights("benefit_limit", good(treated=treated, **changes)) == expected


@pytest.mark.parametrize(
    ("begun", "expected"),
    [
        (date(2025, 2, 20), [WARN]),
        (date(2025, 2, 21), [UNKNOWN]),
        (date(2025, 3, 2), [UNKNOWN]),
        (date(2024, 2, 29), [UNKNOWN]),
        (DAY + ONE, [UNKNOWN]),
        (None, [UNKNOWN]),
    ],
)
def test_a_contracts_year_begins_on_its_own_day(begun: date | None, expected: list[Severity]) -> None:
    """One visit a year; the other was on 20 February 2026, this one is on 2 March."""
    coverage = replace(COVERAGE, visit_limit=VisitLimit(amount=1, period=Period.CONTRACT), starts_on=begun)
    assert weights("benefit_limit", good(coverage=coverage, treated=came(10))) == expected


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        (visits(12), []),
        (visits(13), [WARN]),
        (Quantity(amount=5, unit=Unit.UNIT), [UNKNOWN]),
    ],
)
def test_what_is_asked_for_fits_what_the_plan_pays(quantity: Quantity, expected: list[Severity]) -> None:
    subject = asking(wanted(quantity=quantity), date=DAY, treated=came(9, 40), **limited(30, 17))
    assert weights("benefit_limit", subject) == expected
