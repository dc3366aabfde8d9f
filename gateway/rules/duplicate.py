"""No service is billed twice, neither on two lines of a claim nor on an earlier one; nothing is asked for twice."""

from collections.abc import Iterator
from datetime import date

from gateway.domain.authorization import AuthorizationRequest, Kind
from gateway.domain.claim import Claim, Frequency, ServiceLine
from gateway.domain.same_person import one_person, same_member
from gateway.errors import Finding
from gateway.rules.case import ClaimCase, RequestCase

RULE = "duplicate"
CHECK = 17
SOURCE = "domain facts, 1.2, 2.4 (AAA 91, HCR03 0Q), 5.4 (18) and 7.1 (17)"
PREVENTS = "CARC 18"

REPEATED = frozenset({"76", "77"})  # Says itself that the same service was repeated.
# A request that is over may be sent again (domain facts, 6.4).
OVER = frozenset(
    {"held", "not_certified", "rejected", "closed", "closed_no_response", "cancelled", "expired", "exhausted"}
)


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
                evidence=(seen[service], where),
            )
        elif not REPEATED & set(line.modifiers):
            seen[service] = where
    if case.claim.frequency is not Frequency.ORIGINAL:
        return
    if case.history is None:
        yield case.not_evaluated(
            RULE,
            "this patient's earlier claims are not known",
            where="$.lines",
            fix="Run the check where the earlier claims are stored",
            evidence=("$.lines", "history"),
        )
        return
    yield from _billed_before(case, case.history)


def _billed_before(case: ClaimCase, history: tuple[Claim, ...]) -> Iterator[Finding]:
    before = {_service(line) for claim in history if _same_patient(claim, case.claim) for line in claim.lines}
    for where, line in case.lines():
        if _service(line) in before and not REPEATED & set(line.modifiers):
            yield case.finding(
                RULE,
                f"{line.procedure} with the same modifiers and date was billed on an earlier claim of this patient",
                where=where,
                fix="Take the line away, or send a replacement of the earlier claim (frequency 7)",
                evidence=(where, "history"),
            )


def check_request(case: RequestCase) -> Iterator[Finding]:
    """Only a first request is a duplicate: a change is about an earlier one by its nature."""
    request = case.request
    if request.kind is not Kind.INITIAL:
        return
    if case.history is None:
        yield case.not_evaluated(
            RULE,
            "this patient's earlier requests are not known",
            where="$.lines",
            fix="Run the check where the earlier requests are stored",
            evidence=("$.lines", "history"),
        )
        return
    open_ones = [each for each, state in case.history if state not in OVER and _same_services(request, each)]
    if any(_overlap(request, each) for each in open_ones):
        yield case.finding(
            RULE,
            "the same procedures are asked for or certified already, for dates that overlap",
            where="$.lines" if request.lines else "$.starts_on",
            fix="Wait for that answer, or send an extension or revision of it",
            prevents="AAA 91, HCR03 0Q",
            evidence=("$.lines", "$.starts_on", "$.ends_on", "history"),
        )
    elif any(_overlap(request, each) is None for each in open_ones):
        yield case.not_evaluated(
            RULE,
            "the same is asked for or certified already, and without a last day nobody can tell whether dates overlap",
            where="$.ends_on",
            fix="Give the first and the last day of what is asked for",
            evidence=("$.starts_on", "$.ends_on", "history"),
        )


def _same_services(request: AuthorizationRequest, earlier: AuthorizationRequest) -> bool:
    if earlier.id == request.id or earlier.kind is Kind.CANCEL or earlier.service_type != request.service_type:
        return False
    ours, theirs = _asked(request), _asked(earlier)
    return bool(ours & theirs or ours == theirs)


def _asked(request: AuthorizationRequest) -> set[str]:
    return {each.procedure for each in request.lines}


def _overlap(one: AuthorizationRequest, other: AuthorizationRequest) -> bool | None:
    """None where a window that is not whole leaves it open. No window ends before it begins."""
    if one.starts_on is None or other.starts_on is None:
        return None
    first, second = sorted((one, other), key=lambda each: each.starts_on or date.min)
    if first.starts_on == second.starts_on:
        return True
    if first.ends_on is None:
        return None
    return second.starts_on is not None and second.starts_on <= first.ends_on


def _same_patient(one: Claim, other: Claim) -> bool:
    members = same_member(one.subscriber, other.subscriber)
    return one.id != other.id and members and one_person(one.patient, other.patient)


def _service(line: ServiceLine) -> tuple[object, ...]:
    return (line.procedure, tuple(sorted(line.modifiers)), line.served_on)
