"""A line that this payer wants an authorization for is under one that is on file and still holds."""

from collections.abc import Iterator

from gateway.errors import Finding
from gateway.rules.case import ClaimCase
from gateway.rules.need import BECAUSE, needed

RULE = "authorization_on_file"
CHECK = 1
SOURCE = "domain facts, 2.1, 4 and 7.1 (1)"
PREVENTS = "CARC 197, RARC M62"

# Decisions and ends after which nothing more is billed on it (domain facts, 2.4 and 6.4).
OVER = frozenset({"cancelled", "not_certified", "rejected", "closed", "closed_no_response"})


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    unknown = [where for where, line in case.lines() if needed(case, line) is None and not case.named(line)]
    if unknown:
        yield case.not_evaluated(
            RULE,
            "it is not known whether this payer wants an authorization here",
            where=unknown[0] if case.policy.auth_required else "$.payer",
            fix=_cure(case),
            evidence=unknown,
            because=BECAUSE,
        )
    for where, line in case.lines():
        if not needed(case, line):
            continue
        if not case.certified:
            what = "this payer wants an authorization, and none is on file for this patient"
            waiting = (
                "it was asked for and not granted yet" if case.request else "ask for one before this claim goes out"
            )
            yield case.finding(RULE, what, where=where, fix=f"Get the authorization: {waiting}", because=BECAUSE)
        elif not case.named(line):
            yield case.finding(
                RULE,
                "the authorization that is named here is not on file for this patient",
                where=_naming(case, where),
                fix="Correct the number, or enter the authorization with its evidence",
                because=BECAUSE,
            )
        elif case.state in OVER:
            yield case.finding(
                RULE,
                "the authorization that this is billed under holds no longer",
                where=_naming(case, where),
                fix="Name one that holds, or ask for a new one",
                evidence=(where, "authorization.state"),
                because=BECAUSE,
            )


def _naming(case: ClaimCase, where: str) -> str:
    """Where the claim says which authorization it means."""
    line = case.claim.lines[int(where.split("[")[1].rstrip("]"))]
    if line.authorization:
        return f"{where}.authorization"
    return "$.authorization" if case.claim.authorization else "$.authorization_ref"


def _cure(case: ClaimCase) -> str:
    if case.policy.auth_required is None:
        return (
            "Write requires_authorization in the payer's file, or enter the coverage with what eligibility told (EB11)"
        )
    if case.policy.free_means is None:
        return "Write free_means in the payer's file: what its first visits are free of"
    return "Enter the visits of this episode, and write episode_gap_days in the payer's file"
