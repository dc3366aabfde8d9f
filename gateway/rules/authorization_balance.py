"""Enough is left for what the claim bills; a visit counts once however many lines it has."""

from collections.abc import Iterator

from gateway.domain.authorization import Unit
from gateway.domain.claim import ServiceLine
from gateway.errors import Finding
from gateway.rules.case import Certification, ClaimCase, discipline, not_evaluated

RULE = "authorization_balance"
SOURCE = "domain facts, 6.1 and 7.1 (4)"
PREVENTS = "CARC 198, RARC N362"

# What a claim for a date inside the window may take (domain facts, 6.2).
ACCOUNTS = ("rendered", "reserved", "available", "expired")


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    left = {each.id: _left(case, each) for each in case.buckets}
    counted = set(case.counted)
    for where, line in case.authorized_lines():
        held = case.open(line)
        if not held:
            continue  # Said by the other rules of authorization.
        if any(left[each.id] is None for each in held if each.limited):
            yield not_evaluated(
                RULE, "the ledger has no balance of it", where=where, fix="Run the check with the ledger"
            )
            continue
        visits = {each.id: (each.id, line.served_on, _word(case, line, each)) for each in held}
        if any(each.unit in (Unit.VISIT, Unit.DAY) and visits[each.id] in counted for each in held):
            continue
        needs = {each.id: _needed(line, each) for each in held}
        if all(need is None for need in needs.values()):
            fix = "Give the minutes of each performer"
            yield not_evaluated(RULE, "hours are certified", where=f"{where}.minutes", fix=fix)
            continue
        taken = next((each for each in held if _enough(each, needs[each.id], left[each.id])), None)
        if taken is None:
            yield _short(case, where, held[0], needs[held[0].id], left[held[0].id])
            continue
        counted.add(visits[taken.id])
        left[taken.id] = (left[taken.id] or 0) - (needs[taken.id] or 0)


def _left(case: ClaimCase, bucket: Certification) -> int | None:
    balance = case.balances.get(bucket.id)
    return None if balance is None else sum(balance.get(account, 0) for account in ACCOUNTS)


def _word(case: ClaimCase, line: ServiceLine, bucket: Certification) -> str:
    """The discipline that a visit counts under: the line's, else the bucket's, else one of that day."""
    words = [discipline(line)] if discipline(line) else list(bucket.modifiers)
    if len(words) != 1:
        words = sorted({discipline(each) for each in case.claim.lines if each.served_on == line.served_on} - {""})
    return words[0] if words else ""


def _needed(line: ServiceLine, bucket: Certification) -> int | None:
    minutes = sum(each.minutes for each in line.minutes)
    return {Unit.VISIT: 1, Unit.DAY: 1, Unit.UNIT: line.units, Unit.MINUTE: minutes or None}[bucket.unit]


def _enough(bucket: Certification, needed: int | None, left: int | None) -> bool:
    return needed is not None and (not bucket.limited or (left or 0) >= needed)


def _short(case: ClaimCase, where: str, bucket: Certification, needed: int | None, left: int | None) -> Finding:
    until = f" until {bucket.ends_on}" if bucket.ends_on else ""
    return case.finding(
        RULE,
        f"{needed or 0} {bucket.unit} needed here, {max(left or 0, 0)} left{until}",
        where=where,
        fix="Ask for an extension, or record the visit as uncovered with a reason",
        prevents=PREVENTS,
        source=SOURCE,
    )
