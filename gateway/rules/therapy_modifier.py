"""Each line of therapy carries its plan of care's modifier (GP, GO, GN), and it is the authorization's discipline.

A missing one is counted in the wrong place, not only denied (domain facts, 1.3).
"""

from collections.abc import Iterator

from gateway.coding.codes import procedure
from gateway.coding.modifiers import fits
from gateway.domain.claim import ServiceLine
from gateway.domain.disciplines import DISCIPLINES
from gateway.errors import Finding
from gateway.rules.case import ClaimCase
from gateway.rules.need import certified_lines

RULE = "therapy_modifier"
CHECK = 11
SOURCE = "domain facts, 1.3 and 7.1 (11)"
PREVENTS = "CARC 4, and a count in the wrong place"


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    yield from _required(case)
    for where, line in case.lines():
        present = _words(line)
        if len(present) > 1:
            yield case.finding(
                RULE,
                f"a line belongs to one plan of care, and {line.procedure} has {' and '.join(present)}",
                where=f"{where}.modifiers",
                fix="Keep the modifier of the discipline that treated",
                prevents="CARC 4, 182",
            )
        known = procedure(line.procedure, line.served_on)
        if known is not None and len(present) == 1 and not fits(known, present[0]):
            yield case.finding(
                RULE,
                f"{line.procedure} goes under {' or '.join(known.disciplines)}, and is billed with {present[0]}",
                where=f"{where}.modifiers",
                fix="Correct the code or the modifier",
                evidence=(f"{where}.procedure", f"{where}.modifiers"),
            )
    yield from _of_the_authorization(case)


def _required(case: ClaimCase) -> Iterator[Finding]:
    required = case.policy.required_modifiers
    bare = [(where, line) for where, line in case.lines() if not set(required or DISCIPLINES) & set(line.modifiers)]
    if required is None and bare:
        yield case.not_evaluated(
            RULE,
            "it is not known whether this payer wants GP, GO or GN on every line",
            where=f"{bare[0][0]}.modifiers",
            fix="Write required_modifiers in the payer's file; [] says that it asks for none",
            evidence=[f"{where}.modifiers" for where, _ in bare],
            because=("required_modifiers",),
        )
    for where, line in bare if required else ():
        yield case.finding(
            RULE,
            f"this payer wants {' or '.join(required or ())} on every line, and {line.procedure} has none",
            where=f"{where}.modifiers",
            fix="Add the modifier of the plan of care",
            because=("required_modifiers",),
        )


def _of_the_authorization(case: ClaimCase) -> Iterator[Finding]:
    for where, line, named in certified_lines(case):
        by_code = [each for each in named if not each.procedures or line.procedure in each.procedures]
        certified = sorted({word for each in by_code for word in each.modifiers})
        billed = _words(line)
        if by_code and billed and not case.for_procedure(line):
            yield case.finding(
                RULE,
                f"{line.procedure} is certified for {', '.join(certified)}, and is billed with {' and '.join(billed)}",
                where=f"{where}.modifiers",
                fix="Correct the discipline, or ask for an authorization of this one",
                prevents="CARC 4, 284, and a count in the wrong place",
                evidence=(f"{where}.modifiers", "authorization.lines"),
            )


def _words(line: ServiceLine) -> list[str]:
    return sorted({each for each in line.modifiers if each in DISCIPLINES})
