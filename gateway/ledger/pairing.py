"""Which line of a 278 response answers which line of the request, and whose word decides it. Never pairs on a guess."""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.domain.authorization import AuthorizationRequest, RequestedService
from gateway.domain.decision import EventDecision, Rejection, Review, ServiceDecision

ECHO = "2"  # TRN01: the number that we sent comes back.


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A line asked for and what was said about it; either may be missing. Both missing stands for the whole event.

    ``own`` says that ``review`` and ``rejections`` are the line's, not the event's; where both are there, the review
    decides. ``where`` is a JSON path of the EventDecision.
    """

    asked: RequestedService | None
    said: ServiceDecision | None
    review: Review | None
    rejections: tuple[Rejection, ...]
    own: bool
    where: str

    @property
    def line(self) -> int:
        return self.asked.sequence if self.asked else 0

    @property
    def procedure(self) -> str:
        """As certified, where the payer names it: it may differ from the one asked for."""
        return (self.said.procedure if self.said else "") or (self.asked.procedure if self.asked else "")

    @property
    def modifiers(self) -> tuple[str, ...]:
        return (self.said.modifiers if self.said else ()) or (self.asked.modifiers if self.asked else ())


def pair(event: EventDecision, request: AuthorizationRequest) -> tuple[Pair, ...]:
    """The response's lines in order, then the request's that it leaves out; one for the event where there are none."""
    partners = _partners(event, request)
    pairs = [_pair(event, asked, said, f"$.lines[{at}]") for at, (said, asked) in enumerate(partners)]
    answered = {asked.sequence for _, asked in partners if asked}
    pairs += [_pair(event, each, None, "$") for each in request.lines if each.sequence not in answered]
    return tuple(pairs) or (_pair(event, None, None, "$"),)


def _pair(event: EventDecision, asked: RequestedService | None, said: ServiceDecision | None, where: str) -> Pair:
    own = said is not None and bool(said.review or said.rejections)
    word: ServiceDecision | EventDecision = said if said is not None and own else event
    return Pair(asked=asked, said=said, review=word.review, rejections=word.rejections, own=own, where=where)


def _partners(
    event: EventDecision, request: AuthorizationRequest
) -> list[tuple[ServiceDecision, RequestedService | None]]:
    """By the trace that comes back; else by procedure and modifiers, then procedure, where one line alone has them."""
    free = list(request.lines)
    found: dict[int, RequestedService] = {}
    for wanted in (_by_trace, _by_procedure_and_modifiers, _by_procedure):
        for at, said in enumerate(event.lines):
            fitting = [] if at in found else list(wanted(said, free))
            if len(fitting) == 1:
                found[at] = fitting[0]
                free.remove(fitting[0])
    if len(request.lines) == len(event.lines) == 1 and not found and not event.lines[0].procedure:
        found[0] = request.lines[0]
    return [(said, found.get(at)) for at, said in enumerate(event.lines)]


def _by_trace(said: ServiceDecision, free: list[RequestedService]) -> Iterator[RequestedService]:
    echoed = {each.number for each in said.traces if each.type == ECHO}
    return (each for each in free if each.trace and each.trace in echoed)


def _by_procedure_and_modifiers(said: ServiceDecision, free: list[RequestedService]) -> Iterator[RequestedService]:
    return (each for each in free if (each.procedure, each.modifiers) == (said.procedure, said.modifiers))


def _by_procedure(said: ServiceDecision, free: list[RequestedService]) -> Iterator[RequestedService]:
    return (each for each in free if each.procedure == said.procedure)
