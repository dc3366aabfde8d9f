"""A request comes within the payer's term, a claim neither after the filing limit nor before the payer wants it."""

from collections.abc import Iterator
from datetime import date, timedelta

from gateway.domain.authorization import Kind
from gateway.domain.claim import Frequency
from gateway.errors import Finding
from gateway.rules.case import Case, ClaimCase, RequestCase
from gateway.rules.need import certified_lines
from gateway.rules.terms import after, before, told

RULE = "timely"
CHECK = 18
SOURCE = "domain facts, 2.1 (retro, change of approval) and 7.1 (18)"
PREVENTS = "CARC 29, 210, HCR03 17"

_NOT_DATED = (Kind.CANCEL, Kind.RECONSIDERATION, Kind.APPEAL, Kind.URGENT_APPEAL)  # They have terms of their own.


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    if case.claim.frequency is Frequency.ORIGINAL:
        yield from _filing(case)
    if any(certified_lines(case)):
        yield from _held_back(case)


def check_request(case: RequestCase) -> Iterator[Finding]:
    if case.request.kind not in _NOT_DATED:
        yield from _backdated(case)
    if case.request.kind is Kind.INITIAL:
        yield from _since_the_evaluation(case)


def _filing(case: ClaimCase) -> Iterator[Finding]:
    """A replacement has terms of its own, that no policy here tells."""
    term, place = case.policy.filing_limit, "$.lines[0].served_on"
    if term is None:
        yield _unknown(case, "filing_limit", "how long after the service this payer takes a claim", place)
        return
    for where, line in case.lines():
        place = f"{where}.served_on"
        last = after(line.served_on, term)
        if last is None:
            yield _beyond_the_table(case, "filing_limit", place)
            return
        if case.date > last:
            yield case.finding(
                RULE,
                f"this payer takes a claim for {told(term)} after the service, until {last}",
                where=place,
                fix="Send it with the proof of an earlier filing (gateway trace ID --evidence), or write it off",
                prevents="CARC 29",
                because=("filing_limit",),
            )


def _held_back(case: ClaimCase) -> Iterator[Finding]:
    """Some payers load an approval some days after they gave it (Regence: four)."""
    days, because = case.policy.hold_days_after_approval, ("hold_days_after_approval",)
    if days is None:
        yield _unknown(case, *because, "how long after an approval this payer wants the claim", "$.authorization")
    elif days and case.decided_on is None:
        yield case.not_evaluated(
            RULE,
            "the day on which the authorization was decided is not known",
            where="$.authorization",
            fix="Enter the authorization with the day of the decision",
            evidence=("$.authorization", "authorization.decided_on"),
            because=because,
        )
    elif days and case.decided_on and case.date < case.decided_on + timedelta(days=days):
        first = case.decided_on + timedelta(days=days)
        yield case.finding(
            RULE,
            f"this payer wants a claim no sooner than {days} days after its approval, from {first}",
            where="$.authorization",
            fix="Wait: a claim that is held for nothing else goes by itself on that day",
            prevents="CARC 197",
            evidence=("$.authorization", "authorization.decided_on"),
            because=because,
        )


def _backdated(case: RequestCase) -> Iterator[Finding]:
    """The first day of the whole or of a line, whichever is earlier: a line may have dates of its own."""
    starts = [(case.request.starts_on, "$.starts_on")]
    starts += [(line.starts_on, f"$.lines[{index}].starts_on") for index, line in enumerate(case.request.lines)]
    starts_on, place = min(((day, place) for day, place in starts if day), default=(case.date, ""))
    if starts_on >= case.date:
        return
    term = case.policy.retro_days
    if term is None:
        yield _unknown(case, "retro_days", "how far back this payer lets a request reach", place)
        return
    first = before(case.date, term)
    if first is None:
        yield _beyond_the_table(case, "retro_days", place)
    elif starts_on < first:
        yield case.finding(
            RULE,
            f"a request may reach back {told(term)}, to {first}",
            where=place,
            fix="Ask from that day on, or give the reason for the delay (UM10) and what shows it",
            prevents="CARC 210, HCR03 17",
            evidence=(place, "$.delay_reason"),
            because=("retro_days",),
        )


def _since_the_evaluation(case: RequestCase) -> Iterator[Finding]:
    term, place = case.policy.submit_deadline, "$.starts_on"
    if term is None:
        yield _unknown(case, "submit_deadline", "how long after the evaluation this payer takes a request", place)
        return
    evaluated = _evaluated_on(case)
    if evaluated is None:
        yield case.not_evaluated(
            RULE,
            "the day of the evaluation is not known",
            where=place,
            fix="Enter the visit at which the patient was evaluated, with its procedure",
            evidence=(place, "visits"),
            because=("submit_deadline",),
        )
        return
    last = after(evaluated, term)
    if last is None:
        yield _beyond_the_table(case, "submit_deadline", place)
    elif case.date > last:
        yield case.finding(
            RULE,
            f"this payer takes a request for {told(term)} after the evaluation, until {last}",
            where=place,
            fix="Give the reason for the delay (UM10) and what shows it; what was treated before may stay uncovered",
            prevents="CARC 210, HCR03 17",
            evidence=("visits", "$.delay_reason"),
            because=("submit_deadline",),
        )


def _evaluated_on(case: RequestCase) -> date | None:
    """The last evaluation before the request goes out, of its discipline where its lines name one."""
    words = {word for line in case.request.lines for word in line.modifiers}
    days = [
        each.served_on
        for each in case.treated or ()
        if each.evaluation and not each.planned and each.served_on <= case.date
        if not words or not each.discipline or each.discipline in words
    ]
    return max(days, default=None)


def _unknown(case: Case, value: str, what: str, where: str) -> Finding:
    return case.not_evaluated(
        RULE, f"it is not known {what}", where=where, fix=f"Write {value} in the payer's file", because=(value,)
    )


def _beyond_the_table(case: Case, value: str, where: str) -> Finding:
    return case.not_evaluated(
        RULE,
        "its business days lie beyond the table of holidays",
        where=where,
        fix="Add the year to edi_maps/calendars/us_federal.toml",
        because=(value,),
    )
