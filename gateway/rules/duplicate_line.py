"""No service is billed twice: neither on two lines of this claim nor on an earlier claim that is handed in."""

from collections.abc import Iterator

from gateway.domain.claim import Claim, Frequency, ServiceLine
from gateway.errors import Finding
from gateway.rules.case import ClaimCase

RULE = "duplicate_line"
SOURCE = "domain facts, 1.2 (one line for a timed code and day), 5.4 (18) and 7.1 (17)"
REPEATED = frozenset({"76", "77"})  # Says itself that the same service was repeated.


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    seen: dict[tuple[object, ...], str] = {}
    for where, line in case.lines():
        service = _service(line)
        if service in seen:
            yield case.finding(
                RULE,
                f"{line.procedure} with the same modifiers and date stands on two lines; the other is {seen[service]}",
                where=where,
                fix="Bill it on one line with all units, or add the modifier that tells the two apart",
                prevents="CARC 18",
                source=SOURCE,
            )
        elif not REPEATED & set(line.modifiers):
            seen[service] = where
    if case.claim.frequency is Frequency.ORIGINAL:
        yield from _billed_before(case)


def _billed_before(case: ClaimCase) -> Iterator[Finding]:
    before = {_service(line) for claim in case.history if _same_patient(claim, case.claim) for line in claim.lines}
    for where, line in case.lines():
        if _service(line) in before and not REPEATED & set(line.modifiers):
            yield case.finding(
                RULE,
                f"{line.procedure} with the same modifiers and date was billed on an earlier claim of this patient",
                where=where,
                fix="Take the line away, or send a replacement of the earlier claim (frequency 7)",
                prevents="CARC 18",
                source=SOURCE,
            )


def _same_patient(one: Claim, other: Claim) -> bool:
    return (
        one.id != other.id and one.patient == other.patient and one.subscriber.member_id == other.subscriber.member_id
    )


def _service(line: ServiceLine) -> tuple[object, ...]:
    return (line.procedure, tuple(sorted(line.modifiers)), line.served_on)
