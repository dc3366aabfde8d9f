"""A replacement or void names the payer's number of the claim that it is about (REF*F8), and there was such a claim."""

from collections.abc import Iterator

from gateway.domain.claim import Frequency
from gateway.errors import Finding
from gateway.rules.case import ClaimCase

RULE = "frequency_reference"
CHECK = 21
SOURCE = "domain facts, 4 (REF*F8, CLM05-3) and 7.1 (21)"
PREVENTS = "a rejection by 277CA, CARC 18"
VOIDS = True

_WORDS = {Frequency.REPLACEMENT: "replacement", Frequency.VOID: "void"}


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    word = _WORDS.get(case.claim.frequency)
    if word is None:
        return
    number, where = case.claim.payer_claim_number.strip(), "$.payer_claim_number"
    if not number:
        yield case.finding(
            RULE,
            f"a {word} does not say which claim it is about",
            where=where,
            fix="Give the payer's own number of that claim, from its 277CA or 835",
            evidence=("$.frequency", where),
        )
    elif case.payer_numbers is None:
        yield case.not_evaluated(
            RULE,
            "the payer's numbers of this patient's earlier claims are not known",
            where=where,
            fix="Run the check where the payer's answers are stored",
            evidence=("$.frequency", where, "history"),
        )
    elif number not in {each.strip() for each in case.payer_numbers}:
        yield case.finding(
            RULE,
            f"no claim of this patient has the number that this {word} is about",
            where=where,
            fix="Compare it with the 277CA or 835 of the claim that is meant; a claim of before is sent once by hand",
            evidence=("$.frequency", where, "history"),
        )
