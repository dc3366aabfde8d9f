"""A payer's terms on the calendar: the last day of one, and the day that it reaches back to."""

from datetime import date, datetime, timedelta

from gateway.domain import business_days
from gateway.rules.policy import Days, Term


def after(day: date, term: Term) -> date | None:
    """The last day of a term that begins behind ``day``; None where its business days leave the table of holidays."""
    start = datetime(day.year, day.month, day.day)
    end = business_days.after(start, term.days, business=term.counted is Days.BUSINESS)
    return end.date() if end else None


def before(day: date, term: Term) -> date | None:
    """The first day from which a term reaches ``day``; None where its business days leave the table of holidays."""
    if term.counted is Days.CALENDAR:
        return day - timedelta(days=term.days)
    return business_days.reached_from(day, term.days)


def told(term: Term) -> str:
    return f"{term.days} {term.counted} days"
