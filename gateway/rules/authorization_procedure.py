"""Each procedure is one that the authorization certifies. (Its discipline is looked at by therapy_modifier.)"""

from collections.abc import Iterator

from gateway.errors import Finding
from gateway.rules.case import ClaimCase
from gateway.rules.need import certified_lines, without

RULE = "authorization_procedure"
CHECK = 5
SOURCE = "domain facts, 7.1 (5)"
PREVENTS = "CARC 284, RARC N54"


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    yield from without(case, RULE)
    for where, line, named in certified_lines(case):
        if any(not each.procedures or line.procedure in each.procedures for each in named):
            continue
        certified = ", ".join(sorted({code for each in named for code in each.procedures}))
        yield case.finding(
            RULE,
            f"{line.procedure} is not among the certified procedures: {certified}",
            where=f"{where}.procedure",
            fix="Bill what was certified if that is what was done, or ask for a revision",
            evidence=(f"{where}.procedure", "authorization.lines"),
            because=("bucket_grouping",),
        )
