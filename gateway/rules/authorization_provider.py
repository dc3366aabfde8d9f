"""Who bills, who treats, and where, are those that the authorization was asked for."""

from collections.abc import Iterator

from gateway.domain.authorization import AuthorizationRequest
from gateway.domain.claim import Claim
from gateway.domain.parties import Provider, Role
from gateway.errors import Finding
from gateway.rules.case import ClaimCase
from gateway.rules.need import certified_lines, without

RULE = "authorization_provider"
CHECK = 6
SOURCE = "domain facts, 2.1, 4 and 7.1 (6)"
PREVENTS = "CARC 296, AAA 35 and 52"

_TREATING = (Role.SERVICE, Role.RENDERING)


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    yield from without(case, RULE)
    if not any(certified_lines(case)):
        return
    if case.request is None:
        yield case.not_evaluated(
            RULE,
            "it is not known for whom the authorization was asked",
            where="$.authorization",
            fix="Name the authorization by the clinic's own number, or enter it with its providers",
            evidence=("$.authorization", "authorization.providers"),
        )
        return
    yield from _unknown(case, case.request)
    for _, where, what in differences(case.claim, case.request):
        yield _other(case, where, what)


def differences(claim: Claim, request: AuthorizationRequest) -> Iterator[tuple[str, str, str]]:
    """Where a claim names somebody or some place that the request does not name, as far as both name one: "provider" or
    "place", the JSON path, and what differs. The billing provider is one of those asked for; so is the therapist, where
    therapists were named."""
    people, clinics = _named(request)
    if claim.billing.npi and (people or clinics) and claim.billing.npi not in people | clinics:
        yield "provider", "$.billing.npi", "the billing provider is not among those that the authorization is for"
    therapist = claim.rendering.npi if claim.rendering else ""
    if claim.billing.npi and people and therapist and therapist not in people | clinics:
        yield "provider", "$.rendering.npi", "the therapist is not among those that the authorization is for"
    facilities = {each.provider.npi for each in request.providers if each.role is Role.FACILITY} - {""}
    here = _where(claim)
    if facilities and here.npi and here.npi not in facilities:
        place = "$.facility.npi" if claim.facility else "$.billing.npi"
        yield "place", place, "the place of treatment is not the one that the authorization is for"
    if request.place_of_service and claim.place_of_service != request.place_of_service:
        what = f"place of service {claim.place_of_service} is billed, and {request.place_of_service} was authorized"
        yield "place", "$.place_of_service", what


def _named(request: AuthorizationRequest) -> tuple[set[str], set[str]]:
    """The NPIs of the therapists and of the clinics that a request names."""
    treating = [each.provider for each in request.providers if each.role in _TREATING]
    people = {each.npi for each in treating if not each.organisation} - {""}
    clinics = {each.npi for each in (request.requester, *treating) if each.organisation or each is request.requester}
    return people, clinics - {""}


def _unknown(case: ClaimCase, request: AuthorizationRequest) -> Iterator[Finding]:
    """What cannot be compared, since one of the two does not name it."""
    claim = case.claim
    people, clinics = _named(request)
    if not (people or clinics) or not claim.billing.npi:
        yield case.not_evaluated(
            RULE,
            "there is no NPI to compare",
            where="$.billing.npi",
            fix="Enter the NPI of the clinic, and of whom the authorization names",
            evidence=("$.billing.npi", "authorization.providers"),
        )
    elif people and claim.rendering is not None and not claim.rendering.npi:
        yield case.not_evaluated(
            RULE,
            "the therapist has no NPI on the claim, and the authorization names therapists",
            where="$.rendering.npi",
            fix="Give the therapist's NPI",
            evidence=("$.rendering.npi", "authorization.providers"),
        )


def _where(claim: Claim) -> Provider:
    """Where it was done: 837P names a facility only where it is not the billing provider's own (2310C)."""
    return claim.facility or claim.billing


def _other(case: ClaimCase, where: str, what: str) -> Finding:
    return case.finding(
        RULE,
        what,
        where=where,
        fix="Correct the claim, or have the payer add the provider or place to the authorization before it goes out",
        evidence=(where, "authorization.providers" if where.endswith("npi") else "authorization.place_of_service"),
    )
