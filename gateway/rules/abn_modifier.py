"""GA, GX, GY and GZ agree with each other and with the notice (ABN) that is on file."""

from collections.abc import Iterator

from gateway.coding.modifiers import KX, NOTICES, conflicts
from gateway.domain.claim import ServiceLine
from gateway.errors import Finding, Severity
from gateway.rules.case import ClaimCase

RULE = "abn_modifier"
CHECK = 26
SOURCE = "domain facts, 1.3 (NGS) and 7.1 (26)"
PREVENTS = "CARC 50, 96"

GIVEN = ("GA", "GX")  # Say that the patient was given a notice, and that it is on file.
PAPER = "abn"  # Its name among the papers of a plan of care.


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    for where, line in case.lines():
        place = f"{where}.modifiers"
        for clash in conflicts(line.modifiers):
            if len(clash.modifiers) > 1 and set(clash.modifiers) & set(NOTICES) and KX not in clash.modifiers:
                what = f"{' and '.join(clash.modifiers)}: {clash.what}"
                yield case.finding(RULE, what, where=place, fix=clash.fix, default=Severity.WARN)
        yield from _paper(case, place, line)


def _paper(case: ClaimCase, place: str, line: ServiceLine) -> Iterator[Finding]:
    given = [each for each in line.modifiers if each in GIVEN]
    without = "GZ" in line.modifiers
    if not given and not without:
        return
    evidence = (place, "plan_of_care.documents")
    if case.plans is None:
        yield case.not_evaluated(
            RULE,
            "it is not known whether a notice (ABN) is on file",
            where=place,
            fix=f'Enter the plan of care with its documents, "{PAPER}" among them where the patient signed one',
            evidence=evidence,
        )
        return
    on_file = any(PAPER in paper.casefold().split() for plan in case.plans for paper in plan.documents)
    if given and not on_file:
        what, fix = f"{given[0]} says that a notice was given, and none is on file", "Enter the notice, or bill GZ"
        yield case.finding(RULE, what, where=place, fix=fix, default=Severity.WARN, evidence=evidence)
    if without and on_file:
        what, fix = (
            "GZ says that there is no notice, and one is on file",
            "Bill GA where the notice is for this service",
        )
        yield case.finding(RULE, what, where=place, fix=fix, default=Severity.WARN, evidence=evidence)
