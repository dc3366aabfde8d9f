"""Decides requests for review: what is certified, how much, under which number, and what comes later.

A scenario decides first requests; a change (extension, renewal, revision, cancellation) is granted where this company
knows the certification that it is about. Pure: what it knows is handed to it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from gateway.simulator.company import Company
from gateway.simulator.documents import AskedLine, Request, cents, money
from gateway.simulator.scenarios import Authorization, Scenario
from gateway.simulator.wire import Segment, at

CHANGES = ("1", "2", "3", "4", "N", "R", "S")
"""UM02: appeals (urgent, standard), cancel, extension, reconsideration, renewal, revision."""


@dataclass(frozen=True, slots=True)
class LineRuling:
    """One line of the answer; ``action`` is HCR01, "" where the event's decision holds for the line."""

    asked: AskedLine
    service: Segment | None
    delivery: Segment | None
    action: str = ""
    number: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Ruling:
    """The answer to one request. ``rejected`` is (loop, AAA03, AAA04): then there is no decision."""

    status: str  # BHT06
    action: str = ""
    number: str = ""
    reason: str = ""  # HCR03
    administrative_reference: str = ""
    message: str = ""
    certified: bool = False
    delivery: Segment | None = None
    lines: tuple[LineRuling, ...] = ()
    rejected: tuple[str, str, str] | None = None
    wanted: tuple[Segment, ...] = ()  # PWK of what is to be sent, and whom to send it to


@dataclass(frozen=True, slots=True)
class Answer:
    """A ruling and how it travels: after a delay in seconds, twice, or in one file with the 999."""

    ruling: Ruling
    delay_s: float = 0.0
    twice: bool = False
    with_999: bool = False


def decide(
    request: Request, scenario: Scenario, company: Company, known: Callable[[str], bool], *, busy: bool = False
) -> list[Answer]:
    """Every answer to a request, in order. ``known`` tells whether a certification of this member is in force, or a
    reference was given; ``busy`` that nobody can answer at the moment."""
    if busy:
        return [Answer(Ruling(_status(request), rejected=("2000A", "42", "P")))]
    if scenario.authorization is Authorization.LOST:
        return []
    ruling = _change(request, company, known) if request.kind in CHANGES else _first(request, scenario, company)
    if ruling.action == "A4" and not ruling.wanted:
        later = replace(_certified(request, company), administrative_reference=ruling.administrative_reference)
        return [Answer(ruling), Answer(later, delay_s=company.pended_s)]
    named = scenario.authorization
    delay_s = company.late_s if named is Authorization.LATE else 0.0
    return [Answer(ruling, delay_s, named is Authorization.DUP, named is Authorization.TWO)]


def _first(request: Request, scenario: Scenario, company: Company) -> Ruling:
    reference = company.token("N", request.trace)
    match scenario.authorization:
        case Authorization.A2:
            return _in_part(request, company)
        case Authorization.A6:
            return _modified(request, company)
        case Authorization.A3:
            why = "ASK FOR A PEER TO PEER REVIEW WITHIN 14 DAYS"
            return _plain(request, "A3", reason="0F", administrative_reference=reference, message=why)
        case Authorization.PEND:
            return _plain(request, "A4", status="19", reason="0W", administrative_reference=reference)
        case Authorization.INFO:
            ruling = _plain(request, "A4", status="19", reason="0U", administrative_reference=reference)
            return replace(ruling, wanted=_notes(company))
        case Authorization.AAA:
            return Ruling(_status(request), rejected=("2010C", "75", "C"))
        case Authorization.NA:
            return _plain(request, "NA")
        case Authorization.CT:
            return _plain(request, "CT", message=f"CALL {company.phone}")
        case Authorization.X1:
            return _plain(request, "ZZ", administrative_reference=reference)
        case _:
            return _certified(request, company)


def _notes(company: Company) -> tuple[Segment, ...]:
    """Therapy notes, by fax."""
    return (
        ("PWK", "PN", "FX"),
        ("NM1", "L5", "2", company.contact),
        ("PER", "IC", company.contact, "FX", company.phone),
    )


def _change(request: Request, company: Company, known: Callable[[str], bool]) -> Ruling:
    """UM02 but I: the certification that REF*BB names is continued, revised or ended, or what REF*NT names is decided
    again; an appeal is won."""
    named = request.previous_number or request.administrative_reference
    if not named:
        return Ruling(_status(request), rejected=("2000E", "15", "C"))
    if not known(named):
        return Ruling(_status(request), rejected=("2000E", "AA", "C"))
    if request.kind == "3":
        return _plain(request, "C", number=request.previous_number)
    ruling = _certified(request, company)
    if request.kind == "S" and request.previous_number:  # A revision keeps its number.
        lines = tuple(replace(line, number=request.previous_number if line.number else "") for line in ruling.lines)
        return replace(ruling, number=request.previous_number, lines=lines)
    return ruling


def _status(request: Request) -> str:
    return "RU" if request.status == "RU" else "18"


def _plain(
    request: Request,
    action: str,
    *,
    status: str = "",
    number: str = "",
    reason: str = "",
    administrative_reference: str = "",
    message: str = "",
) -> Ruling:
    """A decision on the whole event that grants nothing."""
    lines = tuple(LineRuling(line, line.service, None) for line in request.lines)
    return Ruling(
        status or _status(request),
        action,
        number,
        reason,
        administrative_reference or request.administrative_reference,
        message,
        lines=lines,
    )


def _certified(request: Request, company: Company) -> Ruling:
    """A1. Where the event asks for no quantity of its own, each line that does carries the decision itself."""
    number = company.token("AU", request.trace)
    lines = []
    for line in request.lines:
        own = request.delivery is None and bool(_units(line) or line.delivery)
        decided = ("A1", number) if own else ("", "")
        lines.append(LineRuling(line, line.service, line.delivery, *decided))
    return Ruling(
        _status(request),
        "A1",
        number,
        administrative_reference=request.administrative_reference,
        certified=True,
        delivery=request.delivery,
        lines=tuple(lines),
    )


def _in_part(request: Request, company: Company) -> Ruling:
    """A2: the first line gets what it asks for, or what the event asks for; the others get nothing."""
    number = company.token("AU", request.trace)
    lines = []
    for place, line in enumerate(request.lines):
        if place:
            lines.append(LineRuling(line, line.service, None, "A3", "", "0F"))
        else:
            delivery = line.delivery or (None if _units(line) else request.delivery)
            lines.append(LineRuling(line, line.service, delivery, "A1", number))
    whole = None if lines else _reduced(request.delivery)
    return Ruling(_status(request), "A2", number, certified=True, delivery=whole, lines=tuple(lines))


def _modified(request: Request, company: Company) -> Ruling:
    """A6: about two thirds of the event's quantity, else of each line's own."""
    number = company.token("AU", request.trace)
    lines = []
    for line in request.lines:
        service = line.service
        if request.delivery is not None:
            service = service[:2] if service and service[0] == "SV1" else service
            lines.append(LineRuling(line, service, None))
        elif _units(line) or line.delivery:
            if service and _units(line):
                service = (*service[:4], _two_thirds(_units(line)))
            lines.append(LineRuling(line, service, _reduced(line.delivery), "A6", number))
        else:
            lines.append(LineRuling(line, service, None))
    delivery = _reduced(request.delivery)
    return Ruling(_status(request), "A6", number, certified=True, delivery=delivery, lines=tuple(lines))


def _units(line: AskedLine) -> str:
    """SV104 of a professional line; other services are not counted here."""
    return at(line.service, 4) if line.service and line.service[0] == "SV1" else ""


def _reduced(delivery: Segment | None) -> Segment | None:
    if delivery is None or not at(delivery, 2):
        return delivery
    return (*delivery[:2], _two_thirds(at(delivery, 2)), *delivery[3:])


def _two_thirds(count: str) -> str:
    return money(max(100, cents(count) * 2 // 3 // 100 * 100))
