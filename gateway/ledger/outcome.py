"""What one claim payment of an 835 does to the units that its claim committed (domain facts, 5.3 to 5.5).

A denial is judged from the adjustments (CAS), never from CLP02; a visit is consumed once if any of its lines is, and
released only when all are. What does not fit stays committed and becomes a task. Decides only; posts nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from gateway.domain.authorization import Unit
from gateway.domain.claim import Claim, ServiceLine
from gateway.domain.remittance import ClaimPayment, PaidLine
from gateway.errors import Finding, Severity
from gateway.ledger.advice import ELSEWHERE, allowed, effect, other_payer, units_paid
from gateway.ledger.consequences import FORMER_GROUP, Consequences, Effect
from gateway.ledger.joining import Joined, join
from gateway.ledger.standing import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One thing to post: ``kind`` is consume, release or reverse.

    ``recommit`` is how much of it was released before and is committed again first. ``reverses`` is the entry that
    a reversal takes back.
    """

    kind: str
    standing: Standing
    quantity: int
    recommit: int = 0
    reverses: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    moves: tuple[Move, ...]
    tasks: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class LineOutcome:
    """What became of one of our lines; ``units`` are those that the payer paid (SVC05), None where it is no whole
    number."""

    effect: Effect
    units: int | None


def settle(
    payment: ClaimPayment,
    claim: Claim,
    standing: Sequence[Standing],
    table: Consequences,
    *,
    shared: Collection[str] = (),
    where: str = "$",
) -> Settlement:
    """What this payment moves. ``standing`` is what the claim holds; ``shared`` are visit keys that other open claims
    hold, too, and that this one alone does not give back. ``where`` is the payment's JSON path in its remittance."""
    if payment.status in ELSEWHERE or other_payer(payment, claim):
        reason = ELSEWHERE.get(payment.status, "paid by another payer, under its own authorization")
        task = _task(
            f"CLP02 {payment.status}: {reason}; no unit moves", "See that this is expected", where, Severity.WARN
        )
        return Settlement(moves=(), tasks=(task,))
    joined = join(payment, claim)
    tasks = [_unmatched(each, f"{where}.lines[{each.index}]") for each in joined if each.line is None]
    if payment.is_reversal:
        moves, found = _reversal(payment, joined, standing, shared, where)
        return Settlement(moves=moves, tasks=(*tasks, *found))
    tasks += _reasons(payment, table, where)
    outcomes = _outcomes(payment, claim, joined, table, tasks, where)
    settled = []
    for each in standing:
        move = _visit(each, outcomes, shared) if each.visit_key else _counted(each, claim, outcomes, tasks, where)
        settled += [one for one in move if one.quantity]
    return Settlement(moves=tuple(settled), tasks=tuple(dict.fromkeys(tasks)))


def in_order(payments: Sequence[ClaimPayment], adjudicated: Collection[str]) -> tuple[int, ...]:
    """The order to take a remittance's claim payments in, as indexes: a reversal before the correction that it makes
    room for, whichever comes first in the file (5.3). ``adjudicated`` are the CLP01 of claims settled before."""
    waiting: dict[str, list[int]] = {}
    for index, payment in enumerate(payments):
        waiting.setdefault(payment.control_number, []).append(index)
    order = []
    for number, indexes in waiting.items():
        stands = number in adjudicated
        while indexes:
            reversals = (each for each in indexes if payments[each].is_reversal)
            index = next(reversals, indexes[0]) if stands else indexes[0]
            indexes.remove(index)
            stands = not payments[index].is_reversal
            order.append(index)
    return tuple(order)


def _outcomes(
    payment: ClaimPayment,
    claim: Claim,
    joined: Sequence[Joined],
    table: Consequences,
    tasks: list[Finding],
    where: str,
) -> dict[str, LineOutcome]:
    """What became of each of our lines, by its control number; a line that the payment leaves out is not there."""
    if not payment.lines:
        judged = _settled(effect(payment, table))
        if judged is None:
            tasks.append(_unjudged(where))
        return {each.control_number: LineOutcome(judged or Effect.KEEP, each.units) for each in claim.lines}
    parts: dict[str, list[LineOutcome]] = {}
    for each in joined:
        if each.line is None:
            continue
        judged = _settled(effect(each.paid, table, payment.adjustments))
        if judged is None:
            tasks.append(_unjudged(f"{where}.lines[{each.index}]"))
        parts.setdefault(each.line.control_number, []).append(LineOutcome(judged or Effect.KEEP, units_paid(each.paid)))
    left_out = [each for each in claim.lines if each.control_number not in parts]
    if left_out:
        what = f"the payment leaves {len(left_out)} of the claim's lines out: what they claimed stays claimed"
        tasks.append(_task(what, "Wait for another payment, or ask the payer", where, Severity.WARN))
    return {number: _whole_line(each) for number, each in parts.items()}


def _settled(judged: Effect | None) -> Effect | None:
    return Effect.KEEP if judged is Effect.PEND else judged


def _whole_line(parts: Sequence[LineOutcome]) -> LineOutcome:
    """A line that the payer split: kept while any part is, else consumed as far as any part is."""
    effects = {each.effect for each in parts}
    if Effect.KEEP in effects:
        return LineOutcome(Effect.KEEP, None)
    if Effect.CONSUME not in effects:
        return LineOutcome(Effect.RELEASE, 0)
    paid = [each.units for each in parts if each.effect is Effect.CONSUME]
    return LineOutcome(Effect.CONSUME, None if None in paid else sum(each or 0 for each in paid))


def _visit(each: Standing, outcomes: dict[str, LineOutcome], shared: Collection[str]) -> list[Move]:
    effects = [outcomes[number].effect if number in outcomes else Effect.KEEP for number in each.lines]
    if Effect.CONSUME in effects:
        lacking = max(0, 1 - each.consumed - each.committed)
        recommit = min(lacking, each.released)
        quantity = min(1 - min(1, each.consumed), each.committed + recommit)
        return [Move(kind="consume", standing=each, quantity=quantity, recommit=recommit)]
    if set(effects) == {Effect.RELEASE} and each.visit_key not in shared:
        return [Move(kind="release", standing=each, quantity=each.committed)]
    return []


def _counted(
    each: Standing, claim: Claim, outcomes: dict[str, LineOutcome], tasks: list[Finding], where: str
) -> list[Move]:
    """Units or minutes of one line: what SVC05 says is consumed, the rest is given back."""
    (number,) = each.lines
    outcome = outcomes.get(number)
    if outcome is None or outcome.effect is Effect.KEEP:
        return []
    if outcome.effect is Effect.RELEASE:
        return [Move(kind="release", standing=each, quantity=each.committed)]
    line = next(one for one in claim.lines if one.control_number == number)
    paid = _in_unit_of(each, outcome.units, line)
    if paid is None or paid <= 0:
        fix = "Enter what the payer counted, with the evidence"
        tasks.append(_task("an allowed line whose SVC05 gives no usable quantity", fix, where))
        return []
    wanted = max(0, paid - each.consumed)
    recommit = min(max(0, wanted - each.committed), each.released)
    quantity = min(wanted, each.committed + recommit)
    if quantity < wanted:
        what = f"the payer paid {wanted - quantity} more {each.bucket.unit}s than this line claimed"
        tasks.append(_task(what, "Compare the claim with the payer's count", where, Severity.WARN))
    rest = each.committed + recommit - quantity
    return [
        Move(kind="consume", standing=each, quantity=quantity, recommit=recommit),
        Move(kind="release", standing=each, quantity=rest),
    ]


def _in_unit_of(each: Standing, units: int | None, line: ServiceLine) -> int | None:
    """Paid units in the bucket's own unit; for minutes in proportion to the billed units, if that is whole."""
    if units is None or each.bucket.unit is not Unit.MINUTE:
        return units
    minutes = Decimal(sum(one.minutes for one in line.minutes) * units) / line.units
    return int(minutes) if minutes == int(minutes) else None


def _reversal(
    payment: ClaimPayment, joined: Sequence[Joined], standing: Sequence[Standing], shared: Collection[str], where: str
) -> tuple[tuple[Move, ...], list[Finding]]:
    """Takes the earlier consumption of these lines back. One that never was is not made negative."""
    reached = {each.line.control_number for each in joined if each.line}
    moves = []
    never = bool(standing)
    for each in standing:
        if payment.lines and not reached & set(each.lines):
            continue
        if each.consumed or each.released:
            never = False
        if each.consumed and each.visit_key not in shared:
            moves.append(Move(kind="reverse", standing=each, quantity=each.consumed, reverses=each.consumed_by))
    tasks = []
    if never:
        what = "a reversal of something that was never settled: no unit moves"
        tasks.append(
            _task(what, "Find the payment that it takes back; it may be in a remittance not received yet", where)
        )
    return tuple(moves), tasks


def _reasons(payment: ClaimPayment, table: Consequences, where: str) -> list[Finding]:
    """A task for each reason that wants somebody: blocking where the line was not allowed, a warning where it was."""
    places: list[tuple[str, PaidLine | ClaimPayment]] = [(where, payment)]
    places += [(f"{where}.lines[{index}]", line) for index, line in enumerate(payment.lines)]
    tasks = []
    for place, held in places:
        severity = Severity.WARN if allowed(held, table) > 0 else Severity.BLOCK
        remarks = [one for code in held.remarks if (one := table.remarks.get(code)) and one.topic]
        for each in held.adjustments:
            known = table.reasons.get(each.reason)
            if each.group == FORMER_GROUP:
                what = "CAS01 CR existed only in 4010: it is taken as an adjustment of its reason"
                tasks.append(_task(what, "Tell the payer", place, Severity.WARN))
            if known and known.topic:
                codes = f"{each.group} {each.reason}" + "".join(f" {code}" for code in held.remarks)
                topic, fix = (remarks[0].topic, remarks[0].fix) if remarks else (known.topic, known.fix)
                tasks.append(replace(_task(f"{topic}: adjusted for {codes}", fix, place, severity), prevents=codes))
    return tasks


def _unmatched(each: Joined, where: str) -> Finding:
    fix = "Compare the line with the claim as it was sent, and say which line it is"
    return _task("a paid line that fits no line of its claim: what they claimed stays claimed", fix, where)


def _unjudged(where: str) -> Finding:
    what = "nothing was allowed, and no known reason says why: what was claimed stays claimed"
    return _task(what, "Ask the payer whether it counts this service, and for a corrected remittance", where)


def _task(what: str, fix: str, where: str, severity: Severity = Severity.BLOCK) -> Finding:
    source = "domain facts, 5.3 to 5.5"
    return Finding(rule="claim_payment", what=what, fix=fix, where=where, severity=severity, source=source)
