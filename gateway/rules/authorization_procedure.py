"""Each procedure, in its discipline, is one that the authorization certifies."""

from collections.abc import Iterator

from gateway.errors import Finding
from gateway.rules.case import ClaimCase, discipline

RULE = "authorization_procedure"
SOURCE = "domain facts, 7.1 (5, 11)"


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    for where, line in case.authorized_lines():
        named = case.named(line)
        if not named or case.for_procedure(line):
            continue
        by_code = [each for each in named if not each.procedures or line.procedure in each.procedures]
        if by_code:
            certified = ", ".join(sorted({word for each in by_code for word in each.modifiers}))
            yield case.finding(
                RULE,
                f"{line.procedure} is certified for {certified}, and is billed with {discipline(line)}",
                where=f"{where}.modifiers",
                fix="Correct the discipline, or ask for an authorization of this one",
                prevents="CARC 4, 284, and a count in the wrong place",
                source=SOURCE,
            )
        else:
            certified = ", ".join(sorted({code for each in named for code in each.procedures}))
            yield case.finding(
                RULE,
                f"{line.procedure} is not among the certified procedures: {certified}",
                where=f"{where}.procedure",
                fix="Bill what was certified if that is what was done, or ask for a revision",
                prevents="CARC 284, RARC N54",
                source=SOURCE,
            )
