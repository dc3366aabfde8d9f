"""A patient's visits in order, and where one episode of care ends and the next begins (domain facts, 2.1)."""

from collections.abc import Sequence
from datetime import date

from gateway.rules.case import Treated


def visits(treated: Sequence[Treated], word: str, *, planned: bool = False) -> list[Treated]:
    """Those of a discipline, one a day, the earliest first; all of them where ``word`` is "". Only what is
    ``planned`` where that is asked for, else only what took place."""
    days: dict[date, Treated] = {}
    for each in treated:
        if each.planned is planned and word in ("", each.discipline):
            known = days.get(each.served_on)
            if known is None or each.evaluation:
                days[each.served_on] = each
    return [days[day] for day in sorted(days)]


def last_before(earlier: Sequence[Treated], day: date) -> date | None:
    """The day of the last visit before a day; None where there is none."""
    return max((each.served_on for each in earlier if each.served_on < day), default=None)


def episode(earlier: Sequence[Treated], day: date, gap_days: int | None) -> list[Treated]:
    """The visits before ``day`` that belong to its episode: an interval of ``gap_days`` or more begins a new one.
    None takes all of them for one episode."""
    found: list[Treated] = []
    reached = day
    for each in sorted((one for one in earlier if one.served_on < day), key=lambda one: one.served_on, reverse=True):
        if gap_days is not None and (reached - each.served_on).days >= gap_days:
            break
        found.append(each)
        reached = each.served_on
    return found[::-1]
