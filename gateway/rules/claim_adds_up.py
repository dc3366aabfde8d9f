"""The claim's figures agree with each other, and a timed service of a day stands on one line."""

from collections.abc import Iterator

from gateway.coding.codes import Kind, procedure
from gateway.coding.modifiers import DISTINCT
from gateway.domain.claim import ServiceLine
from gateway.domain.money import dollars
from gateway.errors import Finding
from gateway.rules.case import ClaimCase
from gateway.rules.sessions import Session, sessions

RULE = "claim_adds_up"
CHECK = 28
SOURCE = "005010X222A1 (CLM02, SV102, AMT*F5); domain facts, 1.2 (one line for a timed code and day) and 7.1 (28)"
PREVENTS = "a rejection by 999 or 277CA, CARC 16, 18"

# What makes two lines of one service: the assistant's part of it, a repetition, or a service of its own.
APART = frozenset({"CQ", "CO", "76", "77", *DISTINCT})


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    claim = case.claim
    total = sum(line.charge for line in claim.lines)
    if claim.charge != total:
        what = f"the claim's charge is {dollars(claim.charge)}, its lines add up to {dollars(total)}"
        yield _finding(case, "$.charge", what, "Correct the charge of the claim or of a line", ("$.lines[*].charge",))
    if not 0 <= claim.patient_paid <= claim.charge:
        what = f"the patient is said to have paid {dollars(claim.patient_paid)} of {dollars(claim.charge)}"
        yield _finding(case, "$.patient_paid", what, "Correct the amount", ("$.charge",))
    for where, line in case.lines():
        if line.charge < 0:
            fix = "Correct it; a void is a claim of frequency 8"
            yield _finding(case, f"{where}.charge", "a charge is negative", fix)
    for session in sessions(case):
        yield from _on_one_line(case, session)


def _on_one_line(case: ClaimCase, session: Session) -> Iterator[Finding]:
    """Two lines that are alike in every modifier are said by duplicate."""
    seen: dict[tuple[object, ...], tuple[str, ServiceLine]] = {}
    for where, line in session.lines:
        known = procedure(line.procedure, line.served_on)
        if known is not None and known.kind is not Kind.TIMED:
            continue
        key = (line.procedure, frozenset(line.modifiers) & APART, line.authorization)
        first, other = seen.setdefault(key, (where, line))
        if first == where or sorted(other.modifiers) == sorted(line.modifiers):
            continue
        if known is None:
            yield _unknown(case, where, line)
        else:
            what = f"{line.procedure} is timed, and stands on two lines of one day; the other is {first}"
            yield _finding(case, where, what, "Bill it on one line with all units", (first,))


def _unknown(case: ClaimCase, where: str, line: ServiceLine) -> Finding:
    return case.not_evaluated(
        RULE,
        f"{line.procedure} stands on two lines of one day, and whether it is timed is not known",
        where=where,
        fix="Check the code; where it is therapy's, add it to edi_maps/codes/cpt_therapy.toml with its class",
    )


def _finding(case: ClaimCase, where: str, what: str, fix: str, also: tuple[str, ...] = ()) -> Finding:
    return case.finding(RULE, what, where=where, fix=fix, evidence=(where, *also))
