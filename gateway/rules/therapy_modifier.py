"""Each line carries its plan of care's modifier (GP, GO, GN), and the assistant's only beside its own."""

from collections.abc import Iterator

from gateway.errors import Finding
from gateway.rules.case import DISCIPLINES, ClaimCase

RULE = "therapy_modifier"
SOURCE = "domain facts, 1.3 and 7.1 (11, 12)"
ASSISTANTS = {"CQ": "GP", "CO": "GO"}


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    required = case.policy.required_modifiers
    for where, line in case.lines():
        place = f"{where}.modifiers"
        present = [each for each in line.modifiers if each in DISCIPLINES]
        if required and not set(required) & set(line.modifiers):
            yield case.finding(
                RULE,
                f"this payer wants {' or '.join(required)} on every line, and {line.procedure} has none",
                where=place,
                fix="Add the modifier of the plan of care",
                prevents="CARC 4, and a count in the wrong place",
                source=SOURCE,
            )
        if len(set(present)) > 1:
            yield case.finding(
                RULE,
                f"a line belongs to one plan of care, and {line.procedure} has {' and '.join(present)}",
                where=place,
                fix="Keep the modifier of the discipline that treated",
                prevents="CARC 4, 182",
                source=SOURCE,
            )
        for assistant, therapist in ASSISTANTS.items():
            if assistant in line.modifiers and therapist not in line.modifiers:
                yield case.finding(
                    RULE,
                    f"{assistant} stands without {therapist}",
                    where=place,
                    fix=f"Add {therapist}, or take {assistant} away where no such assistant treated",
                    prevents="CARC 4, 182",
                    source=SOURCE,
                )
