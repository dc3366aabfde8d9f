"""Enough is left for what the claim bills; a visit counts once however many lines it has."""

from collections.abc import Iterator

from gateway.domain.authorization import Unit
from gateway.domain.claim import ServiceLine
from gateway.domain.disciplines import counted_under
from gateway.errors import Finding
from gateway.rules.case import Certification, ClaimCase
from gateway.rules.need import certified_lines, is_evaluation, without

RULE = "authorization_balance"
CHECK = 4
SOURCE = "domain facts, 6.1, 6.2 and 7.1 (4)"
PREVENTS = "CARC 198, RARC N362"
BECAUSE = ("unit_type", "eval_counts")


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    yield from without(case, RULE)
    left = {each.id: case.left(each) for each in case.buckets}
    counted = set(case.counted)
    for where, line, _ in certified_lines(case):
        held = case.open(line)
        if not held:
            yield case.not_evaluated(
                RULE,
                "nothing that is certified holds this procedure on this date",
                where=where,
                fix="Mend what the checks of the window and of the procedure say of this line",
                evidence=(where, "authorization.window"),
            )
            continue
        if _uses_none(case, line):
            continue
        if any(left[each.id] is None for each in held if each.limited):
            yield case.not_evaluated(
                RULE, "the ledger has no balance of it", where=where, fix="Run the check with the ledger"
            )
            continue
        visits = {
            each.id: (each.id, line.served_on, counted_under(line, case.claim.lines, each.modifiers)) for each in held
        }
        if any(each.unit in (Unit.VISIT, Unit.DAY) and visits[each.id] in counted for each in held):
            continue
        needs = {each.id: _needed(line, each) for each in held}
        if all(need is None for need in needs.values()):
            fix = "Give the minutes of each performer"
            yield case.not_evaluated(RULE, "hours are certified", where=f"{where}.minutes", fix=fix)
            continue
        taken = next((each for each in held if _enough(each, needs[each.id], left[each.id])), None)
        if taken is None:
            yield _short(case, where, held[0], needs[held[0].id], left[held[0].id])
            continue
        counted.add(visits[taken.id])
        left[taken.id] = (left[taken.id] or 0) - (needs[taken.id] or 0)


def _uses_none(case: ClaimCase, line: ServiceLine) -> bool:
    return case.policy.eval_counts is False and is_evaluation(line)


def _needed(line: ServiceLine, bucket: Certification) -> int | None:
    minutes = sum(each.minutes for each in line.minutes)
    return {Unit.VISIT: 1, Unit.DAY: 1, Unit.UNIT: line.units, Unit.MINUTE: minutes or None}[bucket.unit]


def _enough(bucket: Certification, needed: int | None, left: int | None) -> bool:
    return needed is not None and (not bucket.limited or (left or 0) >= needed)


def _short(case: ClaimCase, where: str, bucket: Certification, needed: int | None, left: int | None) -> Finding:
    until = f" until {bucket.ends_on}" if bucket.ends_on else ""
    place = f"{where}.units" if bucket.unit is Unit.UNIT else where
    return case.finding(
        RULE,
        f"{needed or 0} {bucket.unit} needed here, {max(left or 0, 0)} left{until}",
        where=where,
        fix="Ask for an extension, or record the visit as uncovered with a reason",
        evidence=(place, "ledger.available"),
        because=BECAUSE,
    )
