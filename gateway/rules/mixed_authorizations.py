"""A claim is under one authorization where its payer reads the number of the claim (2300) only."""

from collections.abc import Iterator

from gateway.errors import Finding
from gateway.rules.case import ClaimCase
from gateway.rules.need import certified_lines

RULE = "mixed_authorizations"
CHECK = 22
SOURCE = "domain facts, 4 (X12 RFI 2459) and 7.1 (22)"
PREVENTS = "CARC 284, 296"


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    under: dict[str, list[str]] = {}
    for where, line in case.lines():
        if line.authorization and line.authorization != case.claim.authorization:
            under.setdefault(line.authorization, []).append(where)
    for where, line, named in certified_lines(case):
        number = case.number(line) or (case.open(line) or named)[0].number
        if number and where not in under.setdefault(number, []):
            under[number].append(where)
    if len(under) < 2 and not (under.keys() - {case.claim.authorization} and case.claim.authorization):
        return
    places = [where for number, lines in under.items() if number != case.claim.authorization for where in lines]
    if case.policy.g1_placement == "":
        yield case.not_evaluated(
            RULE,
            "its lines are under several authorizations, and where this payer reads their numbers is not known",
            where=f"{places[0]}.authorization",
            fix="Write g1_placement in the payer's file, claim or line",
            evidence=[f"{each}.authorization" for each in places],
            because=("g1_placement",),
        )
    elif case.policy.g1_placement == "claim":
        yield case.finding(
            RULE,
            "its lines are under several authorizations, and this payer reads the number of the claim only",
            where=f"{places[0]}.authorization",
            fix="Send the lines of each authorization as a claim of their own",
            evidence=[f"{each}.authorization" for each in places],
            because=("g1_placement",),
        )
