"""The claim's figures agree with each other: charges, what the patient paid, pointers to diagnoses."""

from collections.abc import Iterator

from gateway.errors import Finding
from gateway.rules.case import ClaimCase

RULE = "claim_adds_up"
SOURCE = "005010X222A1 (CLM02, SV102, SV107, AMT*F5); domain facts, 7.1 (28)"
POINTERS_MAX = 4


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
        if not 1 <= len(line.pointers) <= POINTERS_MAX or len(set(line.pointers)) != len(line.pointers):
            what = f"a line points to between 1 and {POINTERS_MAX} diagnoses, each once"
            yield _finding(case, f"{where}.pointers", what, "Name the diagnoses that this service is for")
        for index, pointer in enumerate(line.pointers):
            if not 1 <= pointer <= len(claim.diagnoses):
                what = f"diagnosis {pointer} is pointed to, and the claim has {len(claim.diagnoses)}"
                fix = "Add the diagnosis, or point to one that is there"
                yield _finding(case, f"{where}.pointers[{index}]", what, fix)


def _finding(case: ClaimCase, where: str, what: str, fix: str) -> Finding:
    prevents = "a rejection by 999 or 277CA, CARC 16"
    return case.finding(RULE, what, where=where, fix=fix, prevents=prevents, source=SOURCE)


def _money(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02}"
