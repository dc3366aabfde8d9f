"""The claim's figures agree with each other: charges, and what the patient paid."""

from collections.abc import Iterator

from gateway.errors import Finding
from gateway.rules.case import ClaimCase

RULE = "claim_adds_up"
CHECK = 28
SOURCE = "005010X222A1 (CLM02, SV102, AMT*F5); domain facts, 7.1 (28)"
PREVENTS = "a rejection by 999 or 277CA, CARC 16"


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    claim = case.claim
    total = sum(line.charge for line in claim.lines)
    if claim.charge != total:
        what = f"the claim's charge is {_money(claim.charge)}, its lines add up to {_money(total)}"
        yield _finding(case, "$.charge", what, "Correct the charge of the claim or of a line")
    if not 0 <= claim.patient_paid <= claim.charge:
        what = f"the patient is said to have paid {_money(claim.patient_paid)} of {_money(claim.charge)}"
        yield _finding(case, "$.patient_paid", what, "Correct the amount")
    for where, line in case.lines():
        if line.charge < 0:
            yield _finding(
                case, f"{where}.charge", "a charge is negative", "Correct it; a void is a claim of frequency 8"
            )


def _finding(case: ClaimCase, where: str, what: str, fix: str) -> Finding:
    return case.finding(RULE, what, where=where, fix=fix)


def _money(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02}"
