"""A line that this payer wants an authorization for is under one, and the claim names it."""

from collections.abc import Iterator

from gateway.errors import Finding
from gateway.rules.case import ClaimCase, not_evaluated

RULE = "authorization_on_file"
SOURCE = "domain facts, 4 and 7.1 (1, 2)"
PREVENTS = "CARC 197, RARC M62, 277CA status 252"


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    if case.policy.auth_required is None:
        fix = "Write requires_authorization in the payer's file"
        yield not_evaluated(RULE, "it is not known whether this payer wants an authorization", where="$.payer", fix=fix)
        return
    for where, line in case.authorized_lines():
        number, place = case.number(line), f"{where}.authorization" if line.authorization else "$.authorization"
        named = case.named(line)
        if not case.certified:
            waiting = (
                "it was asked for and not granted yet" if case.request else "ask for one before this claim goes out"
            )
            yield case.finding(
                RULE,
                "this payer wants an authorization, and none is on file for this patient",
                where=where,
                fix=f"Get the authorization: {waiting}",
                prevents=PREVENTS,
                source=SOURCE,
            )
        elif not named:
            yield case.finding(
                RULE,
                "the authorization that is named here is not on file for this patient",
                where=place if number else "$.authorization_ref",
                fix="Correct the number, and submit the claim under a number of its own",
                prevents=PREVENTS,
                source=SOURCE,
            )
        elif not number and all(each.number for each in named):
            yield case.finding(
                RULE,
                "the claim does not carry the number of its authorization (REF*G1)",
                where="$.authorization",
                fix="Put the certification number on the claim",
                prevents=PREVENTS,
                source=SOURCE,
            )
        if (
            line.authorization
            and case.policy.g1_placement == "claim"
            and line.authorization != case.claim.authorization
        ):
            yield case.finding(
                RULE,
                "this payer reads the authorization number of the claim only, and this line has one of its own",
                where=f"{where}.authorization",
                fix="Send the lines of each authorization as a claim of their own",
                prevents="CARC 284, 296",
                source="domain facts, 4 and 7.1 (22)",
            )
