"""Who certified or ordered the treatment has an NPI, and the referral its number, where this payer wants them."""

from collections.abc import Iterator

from gateway.domain.authorization import Kind
from gateway.domain.parties import Role
from gateway.errors import Finding
from gateway.rules.case import Case, ClaimCase, RequestCase

RULE = "referring_provider"
CHECK = 19
SOURCE = "domain facts, 1.5 (Noridian: the certifying physician is billed as the referring provider), 4 and 7.1 (19)"
PREVENTS = "CARC 183, 184, 243, 287 and 288, AAA 49"

_REFERRING = (Role.ORDERING, Role.REFERRING, Role.PRIMARY_CARE)


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    claim = case.claim
    if not (claim.referring and claim.referring.npi):
        yield from _wanted(
            case,
            case.policy.plan_of_care,
            "plan_of_care",
            "the physician who certifies the plan of care",
            "$.referring.npi",
            "CARC 183, 184",
        )
    if not claim.referral.strip():
        yield from _wanted(
            case,
            case.policy.referral_required,
            "referral_required",
            "the number of the referral (REF*9F)",
            "$.referral",
            "CARC 243, 287, 288",
        )


def check_request(case: RequestCase) -> Iterator[Finding]:
    if case.request.kind is Kind.CANCEL:
        return
    if any(each.role in _REFERRING and each.provider.npi for each in case.request.providers):
        return
    policy = case.policy
    either = None if None in (policy.referral_required, policy.plan_of_care) else False
    wanted = True if policy.referral_required or policy.plan_of_care else either
    value = "plan_of_care" if policy.plan_of_care else "referral_required"
    who = "who ordered or referred, with an NPI"
    yield from _wanted(case, wanted, value, who, "$.providers", "AAA 49, CARC 183, 184")


def _wanted(case: Case, wanted: bool | None, value: str, what: str, where: str, prevents: str) -> Iterator[Finding]:
    if wanted is None:
        yield case.not_evaluated(
            RULE,
            f"it is not there, and whether this payer wants it is not known: {what}",
            where=where,
            fix=f"Give it, or write {value} in the payer's file",
            because=(value,),
        )
    elif wanted:
        what = f"this payer wants {what}, and it is not there"
        fix = "Give it, as the order or the referral has it"
        yield case.finding(RULE, what, where=where, fix=fix, prevents=prevents, because=(value,))
