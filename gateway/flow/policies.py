"""Which policy holds for a record: that of its payer on a day, as the checks want it.

Reads the settings only; a policy is never kept with a record, so that a changed file holds from the next look on.
"""

from datetime import date

from gateway.domain.authorization import AuthorizationRequest
from gateway.domain.claim import Claim
from gateway.flow.house import House
from gateway.rules.policy import Policy
from gateway.settings import Settings


def policy_of(house: House, record: Claim | AuthorizationRequest, day: date) -> Policy:
    """The policy for a claim or a request on ``day``: the day of service (the first of a claim's lines, the start of
    a request's window)."""
    return payer_policy(house.settings, record.payer.id, day)


def day_of(record: Claim | AuthorizationRequest, today: date) -> date:
    """The day whose policy holds for a record: its first day of service; ``today`` for a request without a window."""
    if isinstance(record, Claim):
        return min(line.served_on for line in record.lines)
    starts = [record.starts_on, *(line.starts_on for line in record.lines)]
    return min((each for each in starts if each), default=today)


def payer_policy(settings: Settings, payer: str, day: date) -> Policy:
    """The policy of a payer where nothing else is known of whom it is about."""
    return Policy.from_plain(settings.policy(payer).model_dump(mode="json"))
