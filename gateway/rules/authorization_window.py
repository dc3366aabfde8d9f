"""Each date of service lies in the certified window, and the claim is not later than this payer takes it."""

from collections.abc import Iterator
from datetime import timedelta

from gateway.errors import Finding
from gateway.rules.case import Certification, ClaimCase, not_evaluated

RULE = "authorization_window"
SOURCE = "domain facts, 7.1 (3) and 6.2"
PREVENTS = "CARC 302, 198, RARC N351"


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    for where, line in case.authorized_lines():
        fitting = case.for_procedure(line)
        if not fitting:
            continue  # Said by authorization_on_file or authorization_procedure.
        held = case.open(line)
        if not held:
            yield case.finding(
                RULE,
                f"the date of service lies outside of the certified window: {_windows(fitting)}",
                where=f"{where}.served_on",
                fix="Correct the date, name the authorization that holds it, or ask for an extension",
                prevents=PREVENTS,
                source=SOURCE,
            )
        elif all(each.starts_on is None or each.ends_on is None for each in held):
            fix = "Ask the payer for the certified dates"
            yield not_evaluated(RULE, "the authorization has no whole window", where=f"{where}.served_on", fix=fix)
        elif _late(case, held):
            yield case.finding(
                RULE,
                f"the authorization ended more than {case.policy.late_claim_grace} days ago",
                where=f"{where}.served_on",
                fix="Ask the payer whether it still takes claims for these dates",
                prevents="CARC 302, 29",
                source=SOURCE,
            )


def _late(case: ClaimCase, held: list[Certification]) -> bool:
    grace = case.policy.late_claim_grace
    if grace is None:
        return False
    return all(each.ends_on is not None and case.date > each.ends_on + timedelta(days=grace) for each in held)


def _windows(fitting: list[Certification]) -> str:
    spans = sorted({(f"{each.starts_on or '...'}", f"{each.ends_on or '...'}") for each in fitting})
    return ", ".join(f"{start} to {end}" for start, end in spans)
