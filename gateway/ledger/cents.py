"""The money book: charges, payments, adjustments and provider-level amounts of claims, in cents, by double entry.

A positive line adds to its account, a negative one takes from it, and an entry's lines sum to zero. What an 835 does
not explain is never made to fit: it stands in ``suspense`` beside a finding that names the sum and the place.
"""

from dataclasses import dataclass
from datetime import date

from gateway.ledger.entry import Cause


@dataclass(frozen=True, slots=True)
class MoneyLine:
    """Cents that an account gains, or loses where negative."""

    account: str
    cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyEntry:
    """One happening in the money book. Append-only; ``reverses`` names the entry that this one takes back."""

    id: str
    kind: str
    holds_on: date
    cause: Cause
    lines: tuple[MoneyLine, ...]
    reverses: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        assert self.id, "an entry without an id could be posted twice"
        assert sum(line.cents for line in self.lines) == 0, "the lines of an entry sum to zero"
