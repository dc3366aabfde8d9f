"""A claim and a request of which everything is known and nothing is wrong, to change one thing at a time."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from ledger_samples import DAY, PAYER, START, SUBSCRIBER, asked, bucket, claim, holding, line, request, visits

from gateway import rules
from gateway.coding.reference import DiagnosisCode, PairEdit, Reference, UnitLimit
from gateway.domain.authorization import Attachment, AuthorizationRequest
from gateway.domain.claim import Claim, Performed, Performer
from gateway.domain.coverage import Coverage, VisitLimit
from gateway.domain.parties import EventProvider, Provider, Role, Sex
from gateway.domain.plan_of_care import PlanOfCare
from gateway.errors import Severity
from gateway.ledger.entry import Bucket
from gateway.rules.case import Case, ClaimCase, RequestCase, Treated
from gateway.rules.policy import Days, Policy, Term, UnitRule

BLOCK, WARN, UNKNOWN = Severity.BLOCK, Severity.WARN, Severity.NOT_EVALUATED
Found = list[tuple[str, Severity]]

AUTHORIZED = Policy(auth_required=True)
NUMBERED = {"authorization": "N1"}
SOME_DAY = date(2020, 1, 1)
COVERAGE = Coverage(
    id="co_1",
    organisation="or_1",
    clinic="cl_1",
    client_ref="ref",
    payer=PAYER,
    subscriber=SUBSCRIBER,
    starts_on=date(2026, 1, 1),
    checked_on=DAY,
    therapy_used=(("PT+SLP", 100_00), ("OT", 0)),
    visit_limit=VisitLimit(amount=30, used=2),
)
PLAN = PlanOfCare(
    id="pc_1",
    organisation="or_1",
    clinic="cl_1",
    client_ref="ref",
    payer=PAYER,
    subscriber=SUBSCRIBER,
    discipline="GP",
    starts_on=START,
    signed_on=START,
    documents=("order",),
)
PHYSICIAN = Provider(name="Quillon", npi="1000000012")
KNOWN = Policy(
    auth_required=True,
    required_modifiers=("GP",),
    number_pattern="N[0-9]+",
    g1_placement="claim",
    late_claim_grace=30,
    unit_rule=UnitRule.CMS,
    max_units_visit=6,
    cq_rule=True,
    threshold=True,
    ncci=True,
    mue=True,
    plan_of_care=True,
    certification_days=90,
    progress_every=10,
    referral_required=False,
    required_docs=("order",),
    filing_limit=Term(days=90),
    hold_days_after_approval=0,
    retro_days=Term(days=10, counted=Days.BUSINESS),
    submit_deadline=Term(days=10, counted=Days.BUSINESS),
    extension_allowed=True,
    extension_lead=Term(days=7),
    episode_gap_days=60,
    row="payers/sample.toml 2026-01-01",
)
REFERENCE = Reference(
    pairs=(
        PairEdit(column_one="97530", column_two="97116", starts_on=SOME_DAY, indicator="1"),
        PairEdit(column_one="97164", column_two="97140", starts_on=SOME_DAY, indicator="0"),
    ),
    limits=(UnitLimit(procedure="97110", units=6, indicator="3", starts_on=SOME_DAY),),
    diagnoses=(DiagnosisCode(code="M545", billable=True, starts_on=SOME_DAY),),
    sources=(("icd10", "icd10_2026"), ("mue", "mue_2026q1"), ("ncci", "ncci_2026q1")),
)


def worked(therapist: int = 0, assistant: int = 0) -> tuple[Performed, ...]:
    """Minutes of a line by performer; () says that they are not known."""
    spent = ((Performer.THERAPIST, therapist), (Performer.ASSISTANT, assistant))
    return tuple(Performed(performer=who, minutes=each) for who, each in spent if each)


def case(billed: Claim, *held: Bucket, available: int = 9, policy: Policy = AUTHORIZED, **changes: Any) -> ClaimCase:
    """A claim of which little is known but these buckets."""
    balances = {each.id: holding(available=available) for each in held}
    values: dict[str, Any] = {"request": None, "buckets": held, "balances": balances, "date": DAY}
    return ClaimCase(claim=billed, policy=policy, **{**values, **changes})


def good(billed: Claim | None = None, *, policy: dict[str, Any] | None = None, **changes: Any) -> ClaimCase:
    """A claim that passes every check; ``policy`` and the rest change one thing each."""
    values: dict[str, Any] = {
        "request": wanted(),
        "buckets": (bucket(procedures=("97110", "97140"), modifiers=("GP",)),),
        "balances": {"bu_1": holding(available=9), "bu_2": holding(available=9)},
        "authorization": "au_1",
        "state": "certified",
        "decided_on": START,
        "date": DAY + timedelta(days=3),
        "coverage": COVERAGE,
        "treated": (Treated(served_on=START, discipline="GP", evaluation=True),),
        "history": (),
        "others": (),
        "payer_numbers": ("F1",),
        "plans": (PLAN,),
        "reference": REFERENCE,
    }
    rules_of_it = replace(KNOWN, **(policy or {}))
    return ClaimCase(
        claim=billed or claim(line(minutes=worked(30)), referring=PHYSICIAN, **NUMBERED),
        policy=rules_of_it,
        **{**values, **changes},
    )


def wanted(**changes: Any) -> AuthorizationRequest:
    """The request that the good claim's authorization was asked with."""
    lines = (asked(1, "97110", visits(12)), asked(2, "97140", visits(12)))
    values: dict[str, Any] = {
        "diagnoses": ("M545",),
        "quantity": visits(12),
        "subscriber": replace(SUBSCRIBER, person=replace(SUBSCRIBER.person, sex=Sex.FEMALE)),
        "requester": Provider(name="Clinic", npi="1234567893", organisation=True),
        "providers": (EventProvider(role=Role.ORDERING, provider=PHYSICIAN),),
        "attachments": (Attachment(report_type="OZ", transmission="FX", description="Order"),),
    }
    return request(*lines, **{**values, **changes})


def asking(
    made: AuthorizationRequest | None = None, *, policy: dict[str, Any] | None = None, **changes: Any
) -> RequestCase:
    """A request that passes every check."""
    values: dict[str, Any] = {
        "date": START - timedelta(days=3),
        "coverage": replace(COVERAGE, checked_on=START - timedelta(days=3)),
        "treated": (Treated(served_on=START - timedelta(days=5), discipline="GP", evaluation=True),),
        "plans": (PLAN,),
        "history": (),
        "reference": REFERENCE,
    }
    return RequestCase(request=made or wanted(), policy=replace(KNOWN, **(policy or {})), **{**values, **changes})


def found(rule: str, subject: Case) -> Found:
    """Place and weight of what one rule finds; everything that it says must help a biller."""
    findings = list(rules.check(subject, [rule]))
    for each in findings:
        assert each.rule == rule
        assert all((each.fix, each.prevents, each.source, each.evidence))
    return [(str(each.where), each.severity) for each in findings]


def blocked(rule: str, subject: Case) -> set[str]:
    """The places that one rule blocks."""
    return {place for place, severity in found(rule, subject) if severity is BLOCK}
