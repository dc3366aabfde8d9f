"""An extension is asked for before what is certified runs out, as early as this payer wants it.

When it runs out follows from the visits that are booked; where none are, from how often the patient came of late.
"""

from collections.abc import Iterator
from datetime import date, timedelta

from gateway.domain.authorization import Kind, Unit
from gateway.domain.disciplines import discipline
from gateway.errors import Finding, Severity
from gateway.rules.case import Case, Certification, ClaimCase, RequestCase, Treated
from gateway.rules.episodes import visits
from gateway.rules.need import certified_lines, without
from gateway.rules.policy import Term
from gateway.rules.terms import before

RULE = "extension_lead"
CHECK = 25
SOURCE = "domain facts, 2.1 (change of approval), 6.5 (alerts at seven days) and 7.1 (25)"
PREVENTS = "CARC 198"
BECAUSE = ("extension_lead", "extension_allowed")

NOTICE_DAYS = 7  # How long before the last day to ask the warning comes.
PACE_DAYS = 28  # What counts as of late.
FREE = ("available", "reserved")
UNLIMITED = 10_000  # Visits: more than anybody books.


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    yield from without(case, RULE, "nothing is certified yet that could run out")
    if case.extension_asked or not any(certified_lines(case)):
        return
    term, treated = case.policy.extension_lead, case.treated
    if term is None or treated is None:
        yield _missing(case, "$.authorization")
        return
    said: set[str] = set()
    for place, line, _ in certified_lines(case):
        held = [each for each in case.open(line) if each.id not in said]
        for bucket in held:
            said.add(bucket.id)
            left = _visits_left(case, bucket)
            if left is None:
                yield _unknown(case, place, "what is left of the authorization is not known in visits")
                continue
            yield from _due(case, bucket, left, treated, discipline(line), term)


def check_request(case: RequestCase) -> Iterator[Finding]:
    """An extension comes in time, and this payer knows extensions."""
    request = case.request
    if request.kind is not Kind.EXTENSION:
        return
    if case.policy.extension_allowed is False:
        yield _warned(case, "$.kind", "this payer extends nothing", "Ask for a new authorization", ("$.kind",))
        return
    about = [each for each in case.buckets if request.previous_number and each.number == request.previous_number]
    ends = [each.ends_on for each in about if each.ends_on]
    term = case.policy.extension_lead
    if term is None:
        yield _missing(case, "$.kind")
        return
    if not ends:
        yield _unknown(case, "$.previous_number", "the window of what is to be extended is not known")
        return
    last = before(max(ends), term)
    if last is None:
        yield _beyond_the_table(case, "$.kind")
    elif case.date > last:
        what = f"this payer wants an extension to be asked for by {last}"
        fix = "Send it at once, and plan no visit behind the window before the answer is there"
        yield _warned(case, "$.previous_number", what, fix, ("$.previous_number", "authorization.window"))


def _missing(case: Case, where: str) -> Finding:
    if case.policy.extension_lead is None:
        return _unknown(case, where, "it is not known how early this payer wants an extension to be asked for")
    return _unknown(case, where, "this patient's visits are not known")


def _beyond_the_table(case: Case, where: str) -> Finding:
    return case.not_evaluated(
        RULE,
        "its business days lie beyond the table of holidays",
        where=where,
        fix="Add the year to edi_maps/calendars/us_federal.toml",
        because=BECAUSE,
    )


def _visits_left(case: ClaimCase, bucket: Certification) -> int | None:
    """Visits that are left when this claim is billed; None where nobody can tell. A bucket without a limit has as many
    as its window has days."""
    if not bucket.limited:
        return UNLIMITED
    seen = case.balances.get(bucket.id)
    if seen is None:
        return None
    balance = (case.standing or {}).get(bucket.id, seen)  # What is booked is there for the visits that are booked.
    lines = [line for _, line in case.lines() if bucket in case.open(line)]
    days = {(line.served_on, discipline(line)) for line in lines}
    taken = {
        Unit.VISIT: len(days),
        Unit.DAY: len({day for day, _ in days}),
        Unit.UNIT: sum(line.units for line in lines),
        Unit.MINUTE: sum(each.minutes for line in lines for each in line.minutes),
    }[bucket.unit]
    free = sum(balance.get(account, 0) for account in FREE) - max(0, taken - seen.get("rendered", 0))
    if bucket.unit in (Unit.VISIT, Unit.DAY):
        return max(free, 0)
    a_visit = -(-taken // len(days)) if days else 0
    return max(free, 0) // a_visit if a_visit else None


def _due(
    case: ClaimCase, bucket: Certification, left: int, treated: tuple[Treated, ...], word: str, term: Term
) -> Iterator[Finding]:
    out = _runs_out(case.date, bucket, left, treated, word)
    if out is None:
        return
    last = before(out, term)
    if last is None:
        yield _beyond_the_table(case, "$.authorization")
        return
    if case.date < last - timedelta(days=NOTICE_DAYS):
        return
    how = "Ask for a new authorization" if case.policy.extension_allowed is False else "Ask for an extension"
    late = "was" if case.date > last else "is"
    yield _warned(
        case,
        "$.authorization",
        f"what is certified runs out on {out}, and {last} {late} the last day to ask for more",
        f"{how} now, or end the treatment by then",
        ("$.authorization", "ledger.available", "authorization.window", "visits"),
    )


def _runs_out(today: date, bucket: Certification, left: int, treated: tuple[Treated, ...], word: str) -> date | None:
    """The first day of a visit that nothing is left for; None where none is in sight."""
    booked = [each.served_on for each in visits(treated, word, planned=True) if each.served_on > today]
    if booked:
        beyond = [day for number, day in enumerate(booked) if number >= left or day > (bucket.ends_on or date.max)]
        return beyond[0] if beyond else None
    recent = [each for each in visits(treated, word) if today - timedelta(days=PACE_DAYS) < each.served_on <= today]
    ends = [bucket.ends_on] if bucket.ends_on else []
    if recent and left < UNLIMITED:
        ends.append(today + timedelta(days=(left + 1) * PACE_DAYS // len(recent)))
    return min(ends, default=None) if recent else None


def _warned(case: Case, where: str, what: str, fix: str, evidence: tuple[str, ...]) -> Finding:
    return case.finding(RULE, what, where=where, fix=fix, default=Severity.WARN, evidence=evidence, because=BECAUSE)


def _unknown(case: Case, where: str, what: str) -> Finding:
    fix = "Write extension_lead in the payer's file, and enter the visits that took place and are booked"
    return case.not_evaluated(RULE, what, where=where, fix=fix, because=BECAUSE)
