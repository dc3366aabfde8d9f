"""What is left of a bucket by each of three counts: what was rendered, what was claimed, what the payer adjudicated.

The payer's policy says which one rules (domain facts, 6.3); all three are shown. Reads entries, posts nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.domain.authorization import Unit
from gateway.ledger.entry import Account

BASES = ("rendered", "claimed", "adjudicated")
_CLAIMED = (Account.COMMITTED, Account.CONSUMED)


@dataclass(frozen=True, slots=True)
class Move:
    """One posting in a bucket, with what it is about: a visit, or a claim's line where units are counted."""

    about: str
    source: Account
    target: Account
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """``granted`` is what the payer certified, without what was returned or moved; ``used`` and ``left`` are by basis.

    ``left`` is None where no finite quantity was certified. ``free`` is what may be booked now, ``reserved`` what is.
    """

    bucket: str
    unit: Unit
    granted: int
    used: Mapping[str, int]
    left: Mapping[str, int] | None
    free: int
    reserved: int


def remaining(bucket: str, unit: Unit, *, limited: bool, moves: Iterable[Move]) -> Remaining:
    """From a bucket's postings in their order.

    A visit that was claimed once counts as rendered also after the claim was refused or denied: it took place, and
    only the payer's count gives it back.
    """
    balance: dict[Account, int] = {}
    held: dict[str, int] = {}
    most: dict[str, int] = {}
    for move in moves:
        balance[move.source] = balance.get(move.source, 0) - move.quantity
        balance[move.target] = balance.get(move.target, 0) + move.quantity
        change = ((move.target in _CLAIMED) - (move.source in _CLAIMED)) * move.quantity
        if change:
            held[move.about] = held.get(move.about, 0) + change
            most[move.about] = max(most.get(move.about, 0), held[move.about])
    gone = balance.get(Account.RETURNED, 0) + balance.get(Account.MOVED, 0)
    granted = -balance.get(Account.GRANT, 0) - gone
    consumed = balance.get(Account.CONSUMED, 0)
    used = {
        "rendered": balance.get(Account.RENDERED, 0) + sum(most.values()),
        "claimed": balance.get(Account.COMMITTED, 0) + consumed,
        "adjudicated": consumed,
    }
    ended = balance.get(Account.EXPIRED, 0)
    return Remaining(
        bucket=bucket,
        unit=unit,
        granted=granted,
        used=used,
        left={basis: max(0, granted - ended - each) for basis, each in used.items()} if limited else None,
        free=balance.get(Account.AVAILABLE, 0),
        reserved=balance.get(Account.RESERVED, 0),
    )
