"""Which of our requests an event of a 278 response answers, and what of the response may be repeated to people.

It never guesses: an event that names none of ours, or more than one, or another patient, takes no effect.
"""

import re
from dataclasses import replace

from gateway.domain.authorization import AuthorizationRequest
from gateway.domain.decision import Decision, EventDecision, Rejection, Review, ServiceDecision
from gateway.domain.same_person import same_member
from gateway.flow.cases import AUTHORIZATION_PREFIX, code, subjects_of
from gateway.flow.house import Transaction

_TIME = re.compile(r"([0-9]{2}){2,4}")
ECHO = "2"  # TRN01: the trace that we gave, sent back.


def answered(tx: Transaction, partner: str, decision: Decision, event: EventDecision) -> tuple[str | None, str]:
    """The request that an event answers: by the traces of the event and its lines (TRN02), which must agree.

    Our reference (BHT03) counts only for a single event that echoes no trace: it names a request, not an event of it.
    """
    traces = [*event.traces, *(trace for line in event.lines for trace in line.traces)]
    by_trace = {each for trace in traces for each in _requests(tx, "trn02", trace.number, partner)}
    if by_trace:
        return (by_trace.pop(), "trn02") if len(by_trace) == 1 else (None, "")
    echoes = any(trace.type == ECHO for trace in traces)
    by_reference = _requests(tx, "bht03", decision.reference, partner)
    if echoes or len(decision.events) > 1 or len(by_reference) != 1:
        return None, ""
    return by_reference[0], "bht03"


def _requests(tx: Transaction, kind: str, value: str, partner: str) -> list[str]:
    return [each for each in subjects_of(tx, kind, value, partner) if each.startswith(AUTHORIZATION_PREFIX)]


def names_another(decision: Decision, request: AuthorizationRequest) -> bool:
    """Whether the response is about other people than the request: payers mend a member id or a name, never both."""
    named, asked = decision.subscriber, request.subscriber
    if named is None or not named.member_id or not named.person.last:
        return False
    return (
        not same_member(named, asked) and named.person.last.strip().casefold() != asked.person.last.strip().casefold()
    )


def sound(decision: Decision) -> Decision:
    """The decision with nothing but codes where codes belong: they are repeated to people."""
    events = tuple(
        replace(
            event,
            review=_review(event.review),
            rejections=_rejections(event.rejections),
            lines=tuple(
                replace(each, review=_review(each.review), rejections=_rejections(each.rejections))
                for each in event.lines
            ),
        )
        for event in decision.events
    )
    return replace(decision, rejections=_rejections(decision.rejections), events=events)


def _review(review: Review | None) -> Review | None:
    return replace(review, code=code(review.code), reasons=tuple(map(code, review.reasons))) if review else None


def _rejections(rejections: tuple[Rejection, ...]) -> tuple[Rejection, ...]:
    return tuple(replace(each, reason=code(each.reason), follow_up=code(each.follow_up)) for each in rejections)


def note_numbers(tx: Transaction, document: str, partner: str, subject: str, event: EventDecision) -> None:
    """Keeps every number that the payer gave a request, so that it is found by each: HCR02, REF*NT, REF*BB, and the
    payer's own trace (TRN01 1)."""
    levels: list[EventDecision | ServiceDecision] = [event, *event.lines]
    for level in levels:
        traces = [each.number for each in level.traces if each.type != ECHO]
        number = level.review.number if level.review else ""
        numbers = [("hcr02", number), ("nt", level.administrative_reference), ("bb", level.previous_number)]
        for kind, value in (*numbers, *(("payer_trace", each) for each in traces)):
            tx.identifiers.add(subject, kind, value, partner=partner, document=document)


def reference_of(event: EventDecision) -> str:
    """The payer's reference of the event (REF*NT), else that of its first line with one."""
    levels = (event.administrative_reference, *(each.administrative_reference for each in event.lines))
    return next((each for each in levels if each), "")


def stamp(decision: Decision) -> str:
    """When the payer made the answer, by its own clock: BHT04 and BHT05, which sort as text."""
    if decision.created_on is None:
        return ""
    at = decision.created_at if _TIME.fullmatch(decision.created_at) else ""
    return f"{decision.created_on:%Y%m%d}{at}"


def is_older(one: str, other: str) -> bool:
    """Whether a stamp is before another, as far as both tell: minutes are not held against seconds."""
    shared = min(len(one), len(other))
    return one[:shared] < other[:shared]
