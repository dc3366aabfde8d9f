"""The plan's own limit of visits (271 EB*F, or the policy's) is not passed, whatever is authorized.

What other clinics have used only the payer knows: below the limit, its count is needed; above it, ours is enough.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from gateway.domain.authorization import Kind, Unit
from gateway.domain.coverage import Period
from gateway.domain.disciplines import DISCIPLINES, discipline
from gateway.errors import Finding, Severity
from gateway.rules.case import Case, ClaimCase, RequestCase

RULE = "benefit_limit"
CHECK = 24
SOURCE = "domain facts, 2.1 (combined limits, calendar year against 365 days), 7.1 (24) and 7.2 (271)"
PREVENTS = "CARC 119"

_ASKING = (Kind.INITIAL, Kind.EXTENSION, Kind.RENEWAL, Kind.REVISION)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limit:
    """``used`` of ``amount`` visits had been used by the end of ``told_on``, as the payer told; None: it told none."""

    amount: int
    period: Period
    together: tuple[str, ...]
    used: int | None
    told_on: date | None
    place: str


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    limit = _limit(case)
    days: dict[str, dict[date, str]] = {}
    for where, line in case.lines():
        days.setdefault(discipline(line), {}).setdefault(line.served_on, where)
    if limit is None:
        yield _unknown(case, "$.lines", "no limit of visits is known for this plan")
        return
    for word, served in days.items() if limit.amount else ():
        last = max(served)
        others = {day for other, more in days.items() if other in _shared(limit, word) for day in more}
        yield from _compared(case, limit, word, last, {each for each in others if each <= last}, served[last], 0)


def check_request(case: RequestCase) -> Iterator[Finding]:
    request = case.request
    if request.kind not in _ASKING:
        return
    limit = _limit(case)
    if limit is None:
        yield _unknown(case, "$.visits", "no limit of visits is known for this plan")
        return
    if not limit.amount:
        return
    planned = _visits_asked(case)
    if planned is None:
        yield _unknown(case, "$.visits", "it is not asked for in visits")
        return
    words = {each for line in request.lines for each in line.modifiers if each in DISCIPLINES}
    word = words.pop() if len(words) == 1 else ""
    day = max(request.starts_on or case.date, case.date)
    yield from _compared(case, limit, word, day, set(), "$", planned)


def _limit(case: Case) -> _Limit | None:
    """What eligibility told of this patient, else the payer's own rule."""
    coverage, rule = case.coverage, case.policy.visit_limit
    if coverage is not None and coverage.visit_limit is not None:
        told = coverage.visit_limit
        return _Limit(
            amount=told.amount,
            period=told.period,
            together=told.combined_with,
            used=told.used,
            told_on=coverage.checked_on,
            place="coverage.visit_limit",
        )
    if rule is None:
        return None
    return _Limit(
        amount=rule.visits, period=rule.period, together=rule.combined_with, used=None, told_on=None, place="visits"
    )


def _shared(limit: _Limit, word: str) -> tuple[str, ...]:
    return limit.together if word in limit.together else (word,)


def _compared(
    case: Case, limit: _Limit, word: str, day: date, billed: set[date], where: str, planned: int
) -> Iterator[Finding]:
    """``billed`` are days of the record in hand, ``planned`` visits that it asks for beyond what was treated."""
    start = _begun(case, limit, day)
    if start is None:
        yield _unknown(case, where, "the day on which the contract's year began is not known")
        return
    if case.treated is None:
        yield _unknown(case, where, "this patient's visits are not known")
        return
    told_on = limit.told_on if limit.used is not None and limit.told_on and limit.told_on >= start else None
    before = (limit.used or 0) if told_on else 0
    words = _shared(limit, word) if word else DISCIPLINES
    # Two disciplines on one day are two visits, unless one knows no better.
    visits = {
        (each.served_on, each.discipline) for each in case.treated if not each.planned and each.discipline in words
    }
    visits |= {(each, word) for each in billed}
    since = max(told_on, start - timedelta(days=1)) if told_on else start - timedelta(days=1)
    count = before + sum(since < served <= day for served, _ in visits) + planned
    place = f"{where}.served_on" if billed else "$.visits"
    evidence = (place, limit.place, "visits")
    if count > limit.amount:
        yield case.finding(
            RULE,
            f"this is visit {count} of {limit.amount} that the plan pays for in its year"
            if not planned
            else f"with the visits that are asked for it would be {count}, and the plan pays for {limit.amount}",
            where=place,
            fix="Tell the patient what the plan will not pay, and look the count up with the payer",
            default=Severity.WARN,
            evidence=evidence,
            because=("visit_limit",),
        )
    elif told_on is None:
        yield _unknown(case, place, "how many visits the payer counts as used in this year is not known")


def _begun(case: Case, limit: _Limit, day: date) -> date | None:
    """The first day of the year that ``day`` lies in."""
    if limit.period is Period.CALENDAR:
        return date(day.year, 1, 1)
    if limit.period is Period.DAYS_365:
        return day - timedelta(days=364)
    first = case.coverage.starts_on if case.coverage else None
    if first is None or first > day:
        return None
    year = day.year if (day.month, day.day) >= (first.month, first.day) else day.year - 1
    leap = (first.month, first.day) == (2, 29)
    return date(year, 3, 1) if leap else date(year, first.month, first.day)


def _visits_asked(case: RequestCase) -> int | None:
    request = case.request
    asked = [request.quantity] if request.quantity else [line.quantity for line in request.lines]
    if not asked or any(each is None or each.unit is not Unit.VISIT for each in asked):
        return None
    return max(each.amount for each in asked if each)  # Lines of one visit are not added up.


def _unknown(case: Case, where: str, what: str) -> Finding:
    return case.not_evaluated(
        RULE,
        what,
        where=where,
        fix="Enter the coverage with its visit_limit, amount and used, as eligibility told it (EB*F)",
        evidence=(where, "coverage.visit_limit"),
        because=("visit_limit",),
    )
