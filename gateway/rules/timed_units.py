"""Timed units are what the minutes of the day earn by this payer's rule (CMS's or the AMA's), told step by step.

Too many units block; too few only warn, since they are the clinic's own money.
"""

from collections.abc import Iterator

from gateway.coding.codes import Kind, procedure
from gateway.coding.units import Units, units, words
from gateway.domain.claim import ServiceLine
from gateway.errors import Finding, Severity
from gateway.rules.case import ClaimCase
from gateway.rules.sessions import Session, minutes, sessions, units_by_code

RULE = "timed_units"
CHECK = 9
SOURCE = "CMS 100-04, ch. 5, 20.2; domain facts, 1.2 and 7.1 (9)"
PREVENTS = "RARC N362, CARC 151, and what an audit takes back"
BECAUSE = ("unit_rule",)

_COUNTED = (Kind.TIMED, Kind.SPECIAL)


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    for session in sessions(case):
        yield from _untimed(case, session)
        yield from _not_by_the_day(case, session)
        timed = [(where, line) for where, line in session.lines if _kind(line) in _COUNTED]
        if not timed:
            continue
        missing = _missing(case, session)
        if missing:
            yield missing
            continue
        assert case.policy.unit_rule is not None, "it is among what may be missing"
        lines = tuple(line for line in session.all_lines if _kind(line) in _COUNTED)
        earned = units(minutes(lines), case.policy.unit_rule, session.day)
        if not earned.allows(units_by_code(lines)):
            yield from _differences(case, session, earned, lines)


def _kind(line: ServiceLine) -> Kind | None:
    known = procedure(line.procedure, line.served_on)
    return known.kind if known else None


def _missing(case: ClaimCase, session: Session) -> Finding | None:
    """What stands in the way of counting a day's timed minutes."""
    timed = [(where, line) for where, line in session.lines if _kind(line) in _COUNTED]
    bare = [f"{where}.minutes" for where, line in timed if not line.minutes]
    where, line = timed[0]
    if case.policy.unit_rule is None:
        what = "it is not known whether this payer counts by CMS's rule or by the AMA's"
        fix, place, evidence = (
            'Write unit_rule = "CMS" or "AMA" in the payer\'s file',
            f"{where}.units",
            [f"{where}.units"],
        )
    elif bare:
        what, fix = "the minutes are not there", "Give the minutes of each timed code, by performer"
        place, evidence = bare[0], bare
    elif case.history is None or any(not each.minutes for each in session.earlier if _kind(each) in _COUNTED):
        what = "the minutes of other claims of this day are not known"
        fix, place, evidence = "Give the minutes on every claim of the day", f"{where}.minutes", ["history"]
    else:
        return None
    return case.not_evaluated(
        RULE, f"{line.procedure}: {what}", where=place, fix=fix, evidence=evidence, because=BECAUSE
    )


def _differences(case: ClaimCase, session: Session, earned: Units, lines: tuple[ServiceLine, ...]) -> Iterator[Finding]:
    """Each code of this claim whose units differ; where only an earlier claim's do, this one's first timed code."""
    billed = units_by_code(lines)
    differing = [code for code, count in billed.items() if count != earned.units.get(code, 0)]
    here = [code for code in differing if session.of_code(code)]
    for code in here or [next(line.procedure for _, line in session.lines if _kind(line) in _COUNTED)]:
        places = [where for where, _ in session.of_code(code)]
        count, right = billed[code], earned.units.get(code, 0)
        yield case.finding(
            RULE,
            f"{code}: {words(count)} billed, {right} earned. {'. '.join(earned.steps)}",
            where=f"{places[0]}.units",
            fix=f"Bill {words(right)}, or correct the minutes as the note of the visit has them",
            default=Severity.BLOCK if count >= right else Severity.WARN,
            evidence=[f"{where}.{field}" for where in places for field in ("units", "minutes")],
            because=BECAUSE,
        )


def _untimed(case: ClaimCase, session: Session) -> Iterator[Finding]:
    for where, line in session.lines:
        if _kind(line) is Kind.UNTIMED and line.units > 1:
            yield case.finding(
                RULE,
                f"{line.procedure} is not timed: one unit a session, and {line.units} are billed",
                where=f"{where}.units",
                fix="Bill one unit; a second session of the day goes on a line of its own with modifier 76",
                default=Severity.WARN,
            )


def _not_by_the_day(case: ClaimCase, session: Session) -> Iterator[Finding]:
    """What minutes of one day cannot decide, or nothing here knows how."""
    for where, line in session.lines:
        known = procedure(line.procedure, line.served_on)
        if known is None:
            what = f"{line.procedure} is not in the therapy code table on this day"
            fix = "Check the code; where it is therapy's, add it to edi_maps/codes/cpt_therapy.toml with its class"
        elif known.kind is Kind.MONTHLY and known.minutes:
            what = f"{line.procedure} counts the minutes of a calendar month, which are not kept here"
            fix = "Compare the month's minutes with the log of the monitoring"
        else:
            continue
        yield case.not_evaluated(RULE, what, where=f"{where}.procedure", fix=fix)
