"""What a 278 response grants: a line's word before the event's, and never a figure that nobody stated.

Follows domain facts 2.4 (HCR01, AAA04), 2.5 (windows) and 3.1 (HSD). What leaves a doubt becomes a task, a Finding
whose place is a JSON path of the EventDecision; meanwhile the smaller thing is granted, or nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from gateway.domain.authorization import AuthorizationRequest, Kind, Quantity, Unit
from gateway.domain.decision import Action, Delivery, EventDecision, Rejection, Span
from gateway.domain.disciplines import DISCIPLINES
from gateway.errors import Finding, Severity
from gateway.ledger import delivery as hsd
from gateway.ledger import information, verdicts
from gateway.ledger.pairing import Pair, pair
from gateway.ledger.states import GRANTING, State, of_lines

REQUESTED = "requested"
NOT_REQUIRED = "HCR01 NA"

_WAITING = frozenset({State.PENDED, State.INFO_REQUESTED, State.RETRY})
_MEASURES = {"UN": Unit.UNIT, "MJ": Unit.MINUTE, "DA": Unit.DAY}  # SV103


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One bucket to open. ``quantity`` None: no finite grant (not required, or bound by dates only).

    ``line`` is the request's line, 0 where the quantity is shared by several lines or holds for the event.
    """

    line: int
    procedures: tuple[str, ...]
    modifiers: tuple[str, ...]
    number: str
    quantity: Quantity | None
    unit: Unit
    starts_on: date | None
    ends_on: date | None
    quantity_source: str
    window_source: str
    segment: str = ""  # What the quantity was read from, as sent.


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """What the payer says is left (HSD05 29): for reconciling. () is every procedure."""

    procedures: tuple[str, ...]
    count: int
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a certification held before: a quantity for these procedures, () for any."""

    procedures: tuple[str, ...]
    quantity: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What a response comes to: buckets to open, the authorization's state, and what a person must look at.

    ``cancelled`` are the request's lines that are cancelled beside others that are not, ``pending`` says that at least
    one line is still to be decided.
    """

    grants: tuple[Grant, ...]
    state: State
    tasks: tuple[Finding, ...]
    cancelled: tuple[int, ...] = ()
    remaining: tuple[Remaining, ...] = ()
    pending: bool = False


@dataclass(frozen=True, slots=True)
class _Stated:
    """A quantity and where it was read; ``task`` where it is in doubt. None of them: nothing was said."""

    quantity: Quantity | None = None
    source: str = ""
    task: Finding | None = None
    segment: str = ""


def grants(
    event: EventDecision,
    request: AuthorizationRequest,
    *,
    hsd_reading: str = "",
    fallback: str = REQUESTED,
    granted_before: Sequence[Held] = (),
    above: Sequence[Rejection] = (),
) -> Granted:
    """What this event's answer grants. ``hsd_reading`` is the payer's habit (``total``, ``per_period`` or ""),
    ``fallback`` what A1 without a quantity grants (``requested`` or ``none``); ``granted_before`` is what the
    certification held before an extension, to tell what is added from a new total. ``above`` are rejections above the
    event: a decision beside them holds, and they are shown."""
    pairs = pair(event, request)
    reader = _Reader(event, request, pairs, hsd_reading, fallback, granted_before)
    states = [reader.state(each) for each in pairs]
    tasks = [found for each, state in zip(pairs, states, strict=True) for found in verdicts.tasks_of(each, state)]
    tasks += [verdicts.rejected(each, "$.rejections") for each in above]
    if State.INFO_REQUESTED in states:
        tasks.append(information.asks(event))
    opened: list[Grant] = []
    for each in reader.results():
        if isinstance(each, Grant):
            opened.append(each)
        else:
            tasks.append(each)
    if any(not each.number and each.quantity_source != NOT_REQUIRED for each in opened):
        what = "certified without one certification number"
        tasks.append(verdicts.task(what, "Ask the payer for it", "$", Severity.WARN))
    whole = of_lines(states)
    cancelled = [each.line for each, state in zip(pairs, states, strict=True) if state is State.CANCELLED]
    return Granted(
        grants=tuple(opened),
        state=whole,
        tasks=tuple(dict.fromkeys(tasks)),
        cancelled=() if whole is State.CANCELLED else tuple(each for each in cancelled if each),
        remaining=tuple(_remaining(event, pairs)),
        pending=not _WAITING.isdisjoint(states),
    )


def refusal(rejections: Sequence[Rejection], *, where: str = "$.rejections") -> Granted:
    """What rejections above the event (2000A to 2010D) come to: there is no event, and nothing is granted."""
    assert rejections, "a refusal has a reason"
    states = [verdicts.after_rejection(each) for each in rejections]
    return Granted(
        grants=(),
        state=of_lines(states),
        tasks=tuple(verdicts.rejected(each, where) for each in rejections),
        pending=not _WAITING.isdisjoint(states),
    )


def decides(event: EventDecision) -> bool:
    """Whether the event or one of its lines carries a decision (HCR)."""
    return event.review is not None or any(each.review is not None for each in event.lines)


def _remaining(event: EventDecision, pairs: Sequence[Pair]) -> Iterator[Remaining]:
    levels: list[tuple[Delivery | None, tuple[str, ...], str]] = [(event.delivery, (), "$.delivery")]
    levels += [
        (each.said.delivery, (each.procedure,) if each.procedure else (), f"{each.where}.delivery")
        for each in pairs
        if each.said
    ]
    for delivery, procedures, where in levels:
        count = hsd.whole(hsd.read(delivery).remaining) if delivery else None
        if count is not None:
            yield Remaining(procedures=procedures, count=count, where=where)


def window(levels: Sequence[tuple[str, Sequence[Span]]]) -> tuple[date | None, date | None, str]:
    """The certified window and its source, from named levels (the line's spans, then the event's); Nones where none.

    Within a level: 007 as a range, 007 as a day with 036, AAH as a range, 472 as a range (domain facts, 2.5).
    """
    for level, spans in levels:
        ranges: dict[str, Span] = {}
        days: dict[str, date] = {}
        for span in spans:
            if span.ends_on is None:
                days.setdefault(span.qualifier, span.starts_on)
            elif span.starts_on <= span.ends_on:
                ranges.setdefault(span.qualifier, span)
        if "007" in days and "036" in days and "007" not in ranges and days["007"] <= days["036"]:
            return days["007"], days["036"], f"{level} DTP*007 and DTP*036"
        for qualifier in ("007", "AAH", "472"):
            if qualifier in ranges:
                return ranges[qualifier].starts_on, ranges[qualifier].ends_on, f"{level} DTP*{qualifier}"
    return None, None, ""


class _Reader:
    """One event's answer, read against its request."""

    def __init__(
        self,
        event: EventDecision,
        request: AuthorizationRequest,
        pairs: Sequence[Pair],
        habit: str,
        fallback: str,
        before: Sequence[Held],
    ) -> None:
        self._event = event
        self._request = request
        self._pairs = pairs
        self._habit = habit
        self._fallback = fallback
        self._before = before
        self._lines_speak = any(each.own for each in pairs)

    def state(self, each: Pair) -> State:
        if each.review:
            if each.review.action is Action.CERTIFIED_PARTIAL and not each.own and self._lines_speak:
                return State.NOT_CERTIFIED  # A2 certifies the lines that say so, and no other.
            own = each.said is not None and bool(information.asked_for(each.said))
            return verdicts.of_review(each.review, asked_for=own or bool(information.asked_for(self._event)))
        if each.rejections:
            return of_lines(verdicts.after_rejection(rejection) for rejection in each.rejections)
        return State.UNKNOWN

    def results(self) -> Iterator[Grant | Finding]:
        """Buckets of lines with a quantity of their own, then those that several lines share, with their tasks."""
        shared: list[Pair] = []
        for each in self._pairs:
            state = self.state(each)
            if state is State.NOT_REQUIRED:
                yield self._grant([each], _Stated(source=NOT_REQUIRED))
            elif state in GRANTING:
                stated = self._stated(each)
                if stated == _Stated():
                    shared.append(each)
                else:
                    yield from self._settled([each], stated, each.where)
        if shared:
            yield from self._shared(shared)

    def _shared(self, pairs: list[Pair]) -> Iterator[Grant | Finding]:
        """Lines that state no quantity: the event's, for all of them together; A1 else certifies what was asked."""
        event = self._delivery("event", self._event.delivery, "$.delivery", self._window(pairs[:1]))
        if event != _Stated():
            yield from self._settled(pairs, event, "$")
            return
        together: list[Pair] = []
        for each in pairs:
            if each.review is None or each.review.action is not Action.CERTIFIED:
                yield verdicts.task(
                    "certified with changes, but the answer states no quantity",
                    "Ask the payer what it certified, and have it send a response that says so",
                    each.where,
                )
            elif each.asked and each.asked.quantity:
                yield from self._as_requested([each], each.asked.quantity)
            else:
                together.append(each)
        if together:
            yield from self._as_requested(together, self._request.quantity)

    def _as_requested(self, pairs: list[Pair], quantity: Quantity | None) -> Iterator[Grant | Finding]:
        if quantity is None:
            yield verdicts.task(
                "certified, but neither request nor answer has a quantity: only the dates bind it",
                "Ask the payer whether it counts visits or units",
                pairs[0].where,
                Severity.WARN,
            )
            yield self._grant(pairs, _Stated(source="none"))
            return
        if self._fallback == "none":
            yield verdicts.task(
                "certified without a quantity, and by this payer's policy the requested one is not taken",
                "Ask the payer what it certified, and enter it with the evidence",
                pairs[0].where,
            )
            return
        yield verdicts.task(
            "certified without a quantity: the requested one is taken",
            "Compare with the payer's letter or portal",
            pairs[0].where,
            Severity.WARN,
        )
        yield self._grant(pairs, _Stated(quantity, REQUESTED))

    def _settled(self, pairs: list[Pair], stated: _Stated, where: str) -> Iterator[Grant | Finding]:
        """A quantity that the answer states: for an extension, what it adds."""
        if stated.task:
            yield stated.task
        if stated.quantity is None:
            return
        asked = pairs[0].asked.quantity if len(pairs) == 1 and pairs[0].asked else None
        asked = asked or self._request.quantity
        if asked and asked.unit is not stated.quantity.unit:
            yield verdicts.task(
                f"{asked.unit}s were asked for, {stated.quantity.unit}s are certified",
                "See that the clinic counts what the payer counts",
                where,
                Severity.WARN,
            )
        if self._request.kind is Kind.EXTENSION:
            quantity = added(stated.quantity, asked, self._held_before(pairs))
            if quantity is None:
                yield verdicts.task(
                    "it is not clear whether the extension's quantity is added or is the new total",
                    "Ask the payer, and enter what it added with the evidence",
                    where,
                )
                return
            stated = _Stated(quantity, stated.source, segment=stated.segment)
        yield self._grant(pairs, stated)

    def _held_before(self, pairs: Sequence[Pair]) -> Quantity | None:
        """What was held before for the procedures of these lines; None where nothing was, or in several units."""
        codes = {each.procedure for each in pairs if each.procedure}
        sums: dict[Unit, int] = {}
        for each in self._before:
            if not codes or not each.procedures or codes.intersection(each.procedures):
                sums[each.quantity.unit] = sums.get(each.quantity.unit, 0) + each.quantity.amount
        if len(sums) != 1:
            return None
        ((unit, amount),) = sums.items()
        return Quantity(amount=amount, unit=unit)

    def _stated(self, each: Pair) -> _Stated:
        """What the line itself says: its HSD, else SV103 and SV104."""
        if each.said is None:
            return _Stated()
        found = self._delivery("line", each.said.delivery, f"{each.where}.delivery", self._window([each]))
        if found != _Stated() or not each.said.units:
            return found
        unit, amount = _MEASURES.get(each.said.units_measure), hsd.whole(each.said.units)
        if unit is None or amount is None or amount <= 0:
            where = f"{each.where}.units"
            return _Stated(
                task=verdicts.task("SV103 and SV104 give no whole quantity", "Ask the payer what it certified", where)
            )
        segment = f"SV1***{each.said.units_measure}*{each.said.units}"
        return _Stated(Quantity(amount=amount, unit=unit), "line SV104", segment=segment)

    def _delivery(
        self, level: str, found: Delivery | None, where: str, days: tuple[date | None, date | None, str]
    ) -> _Stated:
        if found is None:
            return _Stated()
        reading = hsd.read(found, starts_on=days[0], ends_on=days[1])
        if reading.problem:
            return _Stated(task=verdicts.task(reading.problem, "Ask the payer what it certified", where))
        quantity, doubtful = reading.settled(self._habit)
        if quantity is None:
            return _Stated()
        segment = hsd.segment(found)
        if not doubtful:
            return _Stated(quantity, f"{level} HSD", segment=segment)
        other = reading.per_period.amount if reading.per_period else "a number that its period does not bound"
        what = (
            f"HSD02 {found.count} may be the total or a count for each period ({other}): {quantity.amount} is granted"
        )
        fix = "Ask the payer, and set hsd_reading in its file"
        return _Stated(quantity, f"{level} HSD, ambiguous", verdicts.task(what, fix, where), segment)

    def _grant(self, pairs: Sequence[Pair], stated: _Stated) -> Grant:
        starts_on, ends_on, source = self._window(pairs)
        codes = () if any(not each.procedure for each in pairs) else tuple(dict.fromkeys(e.procedure for e in pairs))
        disciplines = dict.fromkeys(code for each in pairs for code in each.modifiers if code in DISCIPLINES)
        return Grant(
            line=pairs[0].line if len(pairs) == 1 else 0,
            procedures=codes,
            modifiers=tuple(disciplines),
            number=self._number(pairs),
            quantity=stated.quantity,
            unit=stated.quantity.unit if stated.quantity else self._unit(pairs),
            starts_on=starts_on,
            ends_on=ends_on,
            quantity_source=stated.source,
            window_source=source,
            segment=stated.segment,
        )

    def _unit(self, pairs: Sequence[Pair]) -> Unit:
        asked = next(
            (each.asked.quantity for each in pairs if each.asked and each.asked.quantity), self._request.quantity
        )
        return asked.unit if asked else Unit.VISIT

    def _number(self, pairs: Sequence[Pair]) -> str:
        """The certification number of these lines, else the event's; "" where several differ."""
        own = {each.review.number for each in pairs if each.review and each.review.number}
        if len(own) == 1:
            return own.pop()
        return self._event.review.number if self._event.review else ""

    def _window(self, pairs: Sequence[Pair]) -> tuple[date | None, date | None, str]:
        """Lines that share a quantity share the event's window, unless they all state the same one."""
        said = {window([("line", each.said.spans if each.said else ())]) for each in pairs}
        found = said.pop() if len(said) == 1 else (None, None, "")
        if not found[2]:
            found = window([("event", self._event.spans)])
        if found[2]:
            return found
        asked = [each.asked for each in pairs if each.asked]
        starts = [each.starts_on for each in asked if each.starts_on]
        ends = [each.ends_on for each in asked if each.ends_on]
        starts_on = min(starts) if starts and len(starts) == len(asked) else self._request.starts_on
        ends_on = max(ends) if ends and len(ends) == len(asked) else self._request.ends_on
        return starts_on, ends_on, REQUESTED if starts_on or ends_on else ""


def added(stated: Quantity, asked: Quantity | None, before: Quantity | None) -> Quantity | None:
    """What an extension's answer adds to what was granted before; None where it may be either (domain facts, 6.2)."""
    if stated == asked:
        return stated
    if before is None or before.unit is not stated.unit:
        return None
    if asked and asked.unit is stated.unit and stated.amount == before.amount + asked.amount:
        return asked
    return stated if stated.amount < before.amount else None  # A total does not shrink by an extension.
