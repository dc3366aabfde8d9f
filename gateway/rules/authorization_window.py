"""Each date of service lies in the certified window, and the claim is not later than this payer takes it."""

from collections.abc import Iterator
from datetime import timedelta

from gateway.errors import Finding
from gateway.rules.case import Certification, ClaimCase, within
from gateway.rules.need import certified_lines, without

RULE = "authorization_window"
CHECK = 3
SOURCE = "domain facts, 7.1 (3) and 6.2"
PREVENTS = "CARC 302, 198, RARC N351"


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    yield from without(case, RULE)
    for where, line, named in certified_lines(case):
        place = f"{where}.served_on"
        # What is certified for other procedures only has a window all the same: both faults are told in one run.
        fitting = case.for_procedure(line) or named
        held = [each for each in fitting if within(each, line.served_on)]
        if not held:
            yield case.finding(
                RULE,
                f"the date of service lies outside of the certified window: {_windows(fitting)}",
                where=place,
                fix="Correct the date, name the authorization that holds it, or ask for an extension",
                evidence=(place, "authorization.window"),
            )
        elif all(each.starts_on is None or each.ends_on is None for each in held):
            yield case.not_evaluated(
                RULE,
                "the authorization has no whole window",
                where=place,
                fix="Ask the payer for the certified dates, and enter them",
                evidence=(place, "authorization.window"),
            )
        else:
            yield from _late(case, place, held)


def _late(case: ClaimCase, place: str, held: list[Certification]) -> Iterator[Finding]:
    """A claim that goes out after the window's end, for a date inside of it (domain facts, 6.2)."""
    grace, evidence = case.policy.late_claim_grace, (place, "authorization.window")
    ends = [each.ends_on for each in held if each.ends_on is not None]
    if len(ends) < len(held) or case.date <= max(ends):
        return
    if grace is None:
        yield case.not_evaluated(
            RULE,
            "the window has ended, and how long this payer takes claims for its dates is not known",
            where=place,
            fix="Write late_claim_grace in the payer's file",
            evidence=evidence,
            because=("late_claim_grace",),
        )
    elif case.date > max(ends) + timedelta(days=grace):
        yield case.finding(
            RULE,
            f"the authorization ended more than {grace} days ago",
            where=place,
            fix="Ask the payer whether it still takes claims for these dates",
            prevents="CARC 302, 29",
            evidence=evidence,
            because=("late_claim_grace",),
        )


def _windows(fitting: list[Certification]) -> str:
    spans = sorted({(f"{each.starts_on or '...'}", f"{each.ends_on or '...'}") for each in fitting})
    return ", ".join(f"{start} to {end}" for start, end in spans)
