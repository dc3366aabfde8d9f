"""What an HSD says in whole quantities: the trap of domain facts 3.1. Never guesses between two readings.

The same HSD02 is a total to one payer and a count per period to another. It is a total for certain only where no
period (HSD03) is given; else both readings are worked out, and without the payer's own habit the lower one holds.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation

from gateway.domain.authorization import Quantity, Unit
from gateway.domain.decision import Delivery

REMAINING = "29"  # HSD05: HSD06 says what is left, for reconciling; it never grants.

_UNITS = {"VS": (Unit.VISIT, 1), "FL": (Unit.UNIT, 1), "HS": (Unit.MINUTE, 60), "DY": (Unit.DAY, 1)}
_PATTERN_DAYS = {"DA": 1, "WK": 7}  # HSD03; MO is counted in months.
_PERIOD_DAYS = {"7": 1, "35": 7}  # HSD05
_PERIOD_MONTHS = {"34": 1, "21": 12}
_MONTH_DAYS_MIN = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an HSD may mean. ``total`` takes HSD02 as the whole, ``per_period`` as a count for each HSD03.

    None where a reading does not apply or cannot be worked out. ``pattern`` says that HSD03 is there; ``remaining``
    is HSD06 where HSD05 is 29. ``problem`` says why there is no figure at all.
    """

    total: Quantity | None = None
    per_period: Quantity | None = None
    pattern: bool = False
    remaining: str = ""
    problem: str = ""

    @property
    def ambiguous(self) -> bool:
        return self.pattern and self.total != self.per_period

    def settled(self, habit: str) -> tuple[Quantity | None, bool]:
        """The quantity, and whether a person must look. ``habit`` is the payer's: ``total``, ``per_period`` or ""."""
        if not self.ambiguous:
            return self.total, False
        if habit == "total":
            return self.total, False
        if habit == "per_period" and self.per_period is not None:
            return self.per_period, False
        known = [each for each in (self.total, self.per_period) if each is not None]
        return min(known, key=lambda each: each.amount, default=None), True


def read(delivery: Delivery, *, starts_on: date | None = None, ends_on: date | None = None) -> Reading:
    """Both readings of an HSD. The window serves where the pattern names no end of its own, and to know how many days
    its months have; without it a month counts 28 days."""
    if delivery.period == REMAINING:
        return Reading(remaining=delivery.periods)
    if not delivery.count:
        return Reading()
    total = quantity(delivery.count, delivery.qualifier)
    if total is None:
        return Reading(problem=f"HSD01 {delivery.qualifier or 'is empty'} with this HSD02 is no whole quantity")
    if not delivery.per:
        return Reading(total=total)
    periods = _periods(delivery, starts_on, ends_on)
    whole = None if periods is None else Quantity(amount=total.amount * max(1, periods), unit=total.unit)
    return Reading(total=total, per_period=whole, pattern=True)


def segment(delivery: Delivery) -> str:
    """The HSD as it was sent, as far as it counts something: HSD01 to HSD06."""
    elements = (
        delivery.qualifier,
        delivery.count,
        delivery.per,
        delivery.modulus,
        delivery.period,
        delivery.periods,
    )
    return "*".join(("HSD", *elements)).rstrip("*")


def quantity(count: str, qualifier: str) -> Quantity | None:
    """A figure as sent with its HSD01; hours become minutes. None where it is not whole, not positive or unknown."""
    unit = _UNITS.get(qualifier)
    amount = _decimal(count)
    if unit is None or amount is None:
        return None
    amount *= unit[1]
    return Quantity(amount=int(amount), unit=unit[0]) if amount > 0 and amount == int(amount) else None


def whole(count: str) -> int | None:
    """A figure as sent, or None where it is no whole number."""
    amount = _decimal(count)
    return int(amount) if amount is not None and amount == int(amount) else None


def _decimal(count: str) -> Decimal | None:
    try:
        amount = Decimal(count)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount) < 10**9 else None


def _periods(delivery: Delivery, starts_on: date | None, ends_on: date | None) -> int | None:
    """How often the pattern's period fits into the span that it is said for; None where no span is known."""
    modulus = whole(delivery.modulus) if delivery.modulus else 1
    count = whole(delivery.periods) if delivery.periods else 1
    if not modulus or modulus < 0 or not count or count < 0 or count > 1200:
        return None
    months = _PERIOD_MONTHS.get(delivery.period, 0) * count
    days = _PERIOD_DAYS.get(delivery.period, 0) * count
    if not months and not days and starts_on and ends_on:
        days = (ends_on - starts_on).days + 1
    if delivery.per == "MO":
        return (months or days // 31) // modulus if months or days else None
    pattern = _PATTERN_DAYS.get(delivery.per)
    if pattern is None:
        return None
    if months:
        days = (_months_on(starts_on, months) - starts_on).days if starts_on else months * _MONTH_DAYS_MIN
    return days // (pattern * modulus) if days else None


def _months_on(day: date, months: int) -> date:
    """The same day of the month so many months on, or that month's last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    first = date(year, month + 1, 1)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return min(first + timedelta(days=day.day - 1), following - timedelta(days=1))
