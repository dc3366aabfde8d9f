"""KX stands on what lies above the year's threshold, on nothing below it, and beside nothing that contradicts it."""

from collections.abc import Iterator
from datetime import date

from gateway.coding.modifiers import KX, conflicts
from gateway.coding.threshold import Need, group_of, judge
from gateway.domain.disciplines import discipline
from gateway.errors import Finding, Severity
from gateway.rules.case import ClaimCase
from gateway.rules.sessions import earlier_lines

RULE = "threshold_modifier"
CHECK = 13
SOURCE = "Social Security Act 1833(g)(7); domain facts, 1.3 and 7.1 (13)"
PREVENTS = "CARC 119, 4"
BECAUSE = ("threshold",)


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    yield from _beside_others(case)
    marked = [f"{where}.modifiers" for where, line in case.lines() if KX in line.modifiers]
    if case.policy.threshold is None:
        yield case.not_evaluated(
            RULE,
            "it is not known whether the KX threshold holds for this payer",
            where="$.lines",
            fix="Write threshold in the payer's file",
            evidence=marked or ("$.lines",),
            because=BECAUSE,
        )
    elif case.policy.threshold:
        yield from _above(case)
    else:
        for where in marked:
            yield _warned(case, where, "KX is not needed: this payer has no such threshold", "Take KX away", (where,))


def _beside_others(case: ClaimCase) -> Iterator[Finding]:
    for where, line in case.lines():
        for clash in conflicts(line.modifiers):
            if KX in clash.modifiers and len(clash.modifiers) > 1:
                place = f"{where}.modifiers"
                yield _warned(case, place, f"{' and '.join(clash.modifiers)}: {clash.what}", clash.fix, (place,))


def _above(case: ClaimCase) -> Iterator[Finding]:
    """Line by line in the order of the days, since each adds to what was used before the next."""
    added: dict[str, int] = {}
    for where, line in sorted(case.lines(), key=lambda each: each[1].served_on):
        word = discipline(line)
        group = group_of(word)
        more = added.get(group, 0)
        told = _used(case, group, line.served_on)
        before = _since(case, group, line.served_on) + more
        verdict = judge(used=told, most=before + line.charge, day=line.served_on, discipline=word)
        added[group] = more + line.charge
        place, evidence = f"{where}.modifiers", (f"{where}.modifiers", f"{where}.charge", "coverage.therapy_used")
        marked = KX in line.modifiers
        if verdict.need is Need.UNKNOWN or (verdict.need is Need.UNCERTAIN and not marked):
            needs = verdict.missing or verdict.steps[-1]
            fix = "Enter the coverage with what the payer says was used this year, checked anew"
            yield case.not_evaluated(RULE, needs, where=place, fix=fix, evidence=evidence, because=BECAUSE)
        elif verdict.need is Need.YES and not marked:
            what, fix = f"KX is missing. {'. '.join(verdict.steps)}", "Add KX where the record shows the need"
            yield _warned(case, place, what, fix, evidence)
        elif verdict.need is Need.NO and marked:
            yield _warned(case, place, f"KX is not needed. {'. '.join(verdict.steps)}", "Take KX away", evidence)


def _used(case: ClaimCase, group: str, day: date) -> int | None:
    """Cents that the payer told for the year of ``day``; None where it told none."""
    coverage = case.coverage
    if coverage is None or coverage.checked_on.year != day.year:
        return None
    return dict(coverage.therapy_used).get(group)


def _since(case: ClaimCase, group: str, day: date) -> int:
    """The most that earlier claims can have added since the payer told: their charges, in cents."""
    told_on = case.coverage.checked_on if case.coverage else day
    return sum(
        line.charge
        for line in earlier_lines(case)
        if group_of(discipline(line)) == group and told_on < line.served_on <= day
    )


def _warned(case: ClaimCase, where: str, what: str, fix: str, evidence: tuple[str, ...]) -> Finding:
    return case.finding(RULE, what, where=where, fix=fix, default=Severity.WARN, evidence=evidence, because=BECAUSE)
