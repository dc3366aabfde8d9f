"""The patient's coverage holds on the days of service, and it is the one that the authorization was given under."""

from collections.abc import Iterator
from datetime import date

from gateway.domain.authorization import Kind
from gateway.domain.coverage import Coverage
from gateway.errors import Finding, Severity
from gateway.rules.case import Case, ClaimCase, RequestCase
from gateway.rules.need import certified_lines

RULE = "coverage_active"
CHECK = 8
SOURCE = "domain facts, 2.2 (plan changes), 2.4 (AAA 95) and 7.1 (8)"
PREVENTS = "AAA 95, CARC 27"


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    if case.coverage is None:
        yield _unknown(case, "$.lines[0].served_on")
        return
    days = [(f"{where}.served_on", line.served_on) for where, line in case.lines()]
    yield from _holds(case, case.coverage, days)
    if any(certified_lines(case)):
        yield from _same_plan(case, case.coverage)


def check_request(case: RequestCase) -> Iterator[Finding]:
    """The window begins inside of the coverage. One that runs beyond its end only warns: it may be renewed."""
    request = case.request
    if request.kind is Kind.CANCEL:
        return
    if case.coverage is None:
        yield _unknown(case, "$.starts_on")
        return
    yield from _holds(case, case.coverage, [("$.starts_on", request.starts_on or case.date)])
    end, covered = request.ends_on, case.coverage.ends_on
    if end and covered and end > covered and (request.starts_on or case.date) <= covered:
        yield case.finding(
            RULE,
            "the dates that are asked for run beyond the end of the coverage",
            where="$.ends_on",
            fix="Ask for the dates inside of the coverage, and for the rest once its renewal is known",
            default=Severity.WARN,
            evidence=("$.ends_on", "coverage.ends_on"),
        )


def _holds(case: Case, coverage: Coverage, days: list[tuple[str, date]]) -> Iterator[Finding]:
    checked = _month(coverage.checked_on)
    stale = [place for place, day in days if checked < _month(min(day, case.date))]  # Nobody can look ahead.
    for place, day in days:
        over = coverage.ends_on is not None and day > coverage.ends_on
        if over or (coverage.starts_on is not None and day < coverage.starts_on):
            end = "ends_on" if over else "starts_on"
            yield case.finding(
                RULE,
                "the patient's coverage with this payer had ended" if over else "the patient's coverage begins later",
                where=place,
                fix="Look the eligibility up for this day, enter the coverage, and bill the payer that covers it",
                evidence=(place, f"coverage.{end}"),
            )
        elif coverage.starts_on is None:
            yield case.not_evaluated(
                RULE,
                "the day on which the coverage began is not known",
                where=place,
                fix="Enter the coverage with its first day",
                evidence=(place, "coverage.starts_on"),
            )
            return
        elif place in stale:
            yield case.not_evaluated(
                RULE,
                "eligibility was last looked up in an earlier month",
                where=place,
                fix="Look the eligibility up anew, and enter the coverage with the day of the look-up",
                evidence=(*stale, "coverage.checked_on"),
            )
            return


def _same_plan(case: ClaimCase, coverage: Coverage) -> Iterator[Finding]:
    """Whether the plan has changed since the authorization was given: by the plans' names, else by the days."""
    evidence = ["authorization.plan", "coverage.plan", "authorization.decided_on", "coverage.starts_on"]
    asked = case.request.plan.strip().casefold() if case.request else ""
    now = coverage.plan.strip().casefold()
    if asked and now:
        if asked != now:
            yield case.finding(
                RULE,
                "the patient's plan is another than the one that the authorization was given under",
                where="$.authorization",
                fix="Have the new plan honour it (many do for 90 days) and enter the transfer, or ask for a new one",
                prevents="AAA 95, CARC 27, 197",
                evidence=evidence[:2],
            )
        return
    if case.decided_on is not None and coverage.starts_on is not None and coverage.starts_on <= case.decided_on:
        return
    yield case.not_evaluated(
        RULE,
        "it is not known whether the plan has changed since the authorization was given",
        where="$.authorization",
        fix="Enter the plan with the coverage and with the authorization, and the day on which it was decided",
        evidence=evidence,
    )


def _month(day: date) -> tuple[int, int]:
    return day.year, day.month


def _unknown(case: Case, where: str) -> Finding:
    return case.not_evaluated(
        RULE,
        "what eligibility told of this patient is not known",
        where=where,
        fix="Enter the coverage as eligibility or the portal told it",
        evidence=(where, "coverage"),
    )
