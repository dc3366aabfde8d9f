"""Days that a term counts: every one, or business days, which are no weekend and no federal holiday.

The holidays are a dated table, edi_maps/calendars/us_federal.toml (5 U.S.C. 6103): a year that it does not have is not
guessed at.
"""

import tomllib
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import cache

from gateway.resources import folder

_SATURDAY = 5
TERM_DAYS_MAX = 3660


@cache
def holidays() -> Mapping[int, frozenset[date]]:
    """The days of each year that the table has."""
    plain = tomllib.loads((folder("edi_maps") / "calendars" / "us_federal.toml").read_text(encoding="utf-8"))
    return {int(year): frozenset(days) for year, days in plain["years"].items()}


def is_business_day(day: date) -> bool | None:
    """None where the table does not have the year."""
    closed = holidays().get(day.year)
    if closed is None:
        return None
    return day.weekday() < _SATURDAY and day not in closed


def after(start: datetime, days: int, *, business: bool) -> datetime | None:
    """The instant so many days after ``start``, at the same time of day; the day of the start is not counted.

    None where business days leave the table of holidays.
    """
    assert 0 <= days <= TERM_DAYS_MAX, "a term is no longer than ten years"
    if not business:
        return start + timedelta(days=days)
    at = start
    while days:
        at += timedelta(days=1)
        counts = is_business_day(at.date())
        if counts is None:
            return None
        days -= counts
    return at


def reached_from(day: date, days: int) -> date | None:
    """The day from which so many business days reach ``day``; None where they leave the table of holidays."""
    while days:
        day -= timedelta(days=1)
        counts = is_business_day(day)
        if counts is None:
            return None
        days -= counts
    return day


def between(start: datetime, end: datetime) -> int | None:
    """The business days behind ``start`` up to and with the day of ``end``; None where they leave the table."""
    days = 0
    at = start.date()
    while at < end.date():
        at += timedelta(days=1)
        counts = is_business_day(at)
        if counts is None:
            return None
        days += counts
    return days
