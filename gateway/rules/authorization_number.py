"""A line under an authorization carries the payer's number of it (REF*G1), in the shape that this payer gives them."""

import re
from collections.abc import Iterator

from gateway.errors import Finding
from gateway.rules.case import ClaimCase
from gateway.rules.need import certified_lines, needed, without

RULE = "authorization_number"
CHECK = 2
SOURCE = "domain facts, 4 and 7.1 (2)"
PREVENTS = "CARC 197, RARC M62, 277CA status 252"


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    yield from _missing(case)
    numbers = {case.number(line): where for where, line in reversed([*case.lines()]) if case.number(line)}
    for number, where in sorted(numbers.items(), key=lambda each: each[1]):
        yield from _shape(case, number, _place(case, where))
    if not numbers:
        yield from without(case, RULE, "no authorization is on file whose number the claim could carry")


def _missing(case: ClaimCase) -> Iterator[Finding]:
    for where, line, named in certified_lines(case):
        if needed(case, line) and not case.number(line) and all(each.number for each in named):
            yield case.finding(
                RULE,
                "the claim does not carry the number of its authorization (REF*G1)",
                where="$.authorization",
                fix="Put the certification number on the claim",
                evidence=("$.authorization", where, "authorization.number"),
                because=("auth_required",),
            )
            return


def _shape(case: ClaimCase, number: str, where: str) -> Iterator[Finding]:
    pattern = case.policy.number_pattern
    if not pattern:
        yield case.not_evaluated(
            RULE,
            "it is not known what this payer's authorization numbers look like",
            where=where,
            fix="Write number_pattern, a regular expression, in the payer's file",
            because=("number_pattern",),
        )
    elif not re.fullmatch(pattern, number):
        yield case.finding(
            RULE,
            "the authorization number does not have the shape of this payer's numbers",
            where=where,
            fix="Compare it with the payer's letter or answer, and correct it",
            because=("number_pattern",),
        )


def _place(case: ClaimCase, where: str) -> str:
    line = dict(case.lines())[where]
    return f"{where}.authorization" if line.authorization else "$.authorization"
