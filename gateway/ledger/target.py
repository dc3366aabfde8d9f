"""What of a visit, or of a line's units, should be committed and consumed, given what all claims on it have come to.

A visit is consumed once if any line of any claim is, and given back only when all are (domain facts, 5.5). Decides
only; settling.py posts the difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from gateway.domain.authorization import Unit
from gateway.domain.claim import ServiceLine
from gateway.errors import Finding, Severity
from gateway.ledger.billed import BilledClaim
from gateway.ledger.consequences import Effect
from gateway.ledger.position import Position
from gateway.ledger.standing import Standing

_WAITING = (Effect.KEEP, Effect.PEND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A claim that bills a visit, what it has come to, and which of its lines (REF*6R) are part of the visit.

    ``later`` is what it leaves, as long as it waits, to the claim whose place it takes (replaced.py).
    """

    claim: BilledClaim
    position: Position
    lines: tuple[str, ...]
    later: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    committed: int
    consumed: int
    tasks: tuple[Finding, ...] = ()


def target(held: Standing, shares: Sequence[Share]) -> Target:
    """What should stand of ``held``. ``shares`` are every claim that was billed for it (a void bills nothing); units
    and minutes are one line's, so its claim is the only one."""
    total = held.total
    if held.visit_key:
        total = min(1, total)
        effects = [each for share in shares for each in (_effects(share) if not share.later else [Effect.RELEASE])]
        if Effect.CONSUME in effects:
            return Target(committed=0, consumed=total)
        released = set(effects) == {Effect.RELEASE}
        return Target(committed=0 if released else total, consumed=0)
    effects = _effects(shares[0])
    if not effects or effects[0] in _WAITING:
        return Target(committed=total - shares[0].later, consumed=0)
    if effects[0] is Effect.RELEASE:
        return Target(committed=0, consumed=0)
    return _counted(held, shares[0], total)


def _effects(share: Share) -> list[Effect]:
    if not share.position.billed:
        return [Effect.RELEASE]
    outcomes = share.position.outcomes
    return [outcomes[each].effect if each in outcomes else Effect.KEEP for each in share.lines]


def _counted(held: Standing, share: Share, total: int) -> Target:
    """Units or minutes of one line: what SVC05 says is consumed, the rest is given back."""
    (number,) = share.lines
    line = next(each for each in share.claim.lines if each.control_number == number)
    paid = _in_unit_of(held, share.position.outcomes[number].units, line)
    if paid is None or paid <= 0:
        fix = "Enter what the payer counted, with the evidence"
        what = "an allowed line whose SVC05 gives no usable quantity: what it claimed stays claimed"
        return Target(committed=total, consumed=0, tasks=(_task(held, what, fix, Severity.BLOCK),))
    if paid <= total:
        return Target(committed=0, consumed=paid)
    what = f"the payer paid {paid - total} more {held.bucket.unit}s than this line claimed"
    warning = _task(held, what, "Compare the claim with the payer's count", Severity.WARN)
    return Target(committed=0, consumed=total, tasks=(warning,))


def _in_unit_of(held: Standing, units: int | None, line: ServiceLine) -> int | None:
    """Paid units in the bucket's own unit; for minutes in proportion to the billed units, if that is whole."""
    if units is None or held.bucket.unit is not Unit.MINUTE:
        return units
    minutes = Decimal(sum(one.minutes for one in line.minutes) * units) / line.units
    return int(minutes) if minutes == int(minutes) else None


def _task(held: Standing, what: str, fix: str, severity: Severity) -> Finding:
    return Finding(
        rule="claim_payment",
        what=what,
        fix=fix,
        where=f"line {held.lines[0]}",
        severity=severity,
        source="domain facts, 5.5",
    )
