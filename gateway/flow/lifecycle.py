"""What becomes of a certification by itself: used up, or its window over (domain facts, 6.4).

Both are words for people: what may be billed on it is its window's and its balance's to say, so that a visit inside of
the window can be billed late, and what is given back can be used again.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from gateway.flow.cases import IN_FORCE, State, move
from gateway.flow.house import Transaction
from gateway.ledger.entry import Account, Balances
from gateway.store.authorizations import Standing

ENDED = "authorization.ended"
_BY_ITSELF = (State.EXHAUSTED, State.EXPIRED)
_TO_COME = (Account.AVAILABLE, Account.RESERVED, Account.RENDERED, Account.COMMITTED)
BATCH = 500


def settle(tx: Transaction, today: date) -> int:
    """Says of every certification whether it is used up or over, and takes that back where it is not any more; how
    many changed."""
    changed = 0
    for batch in _batches(tx.authorizations.standing((*IN_FORCE, *_BY_ITSELF)), BATCH):
        balances = tx.books.balances([bucket for each in batch for bucket in each.buckets])
        for each in batch:
            changed += _one(tx, each, _stands(each, balances, today))
    return changed


def _stands(standing: Standing, balances: Balances, today: date) -> State | None:
    """EXPIRED or EXHAUSTED, or None where it is in force."""
    if standing.ends_on is not None and standing.ends_on < today:
        return State.EXPIRED
    held = [balances.get(each, {}) for each in standing.buckets]
    used = any(each.get(Account.CONSUMED, 0) for each in held)
    left = any(each.get(account, 0) for each in held for account in _TO_COME)
    return State.EXHAUSTED if standing.limited and used and not left else None


def _one(tx: Transaction, standing: Standing, found: State | None) -> bool:
    held = State(standing.state)
    if found is held or (found is None and held in IN_FORCE):
        return False
    before = _in_force(tx, standing.id) if held in _BY_ITSELF else held
    move(tx, standing.id, found or before)
    if found is None:
        tx.events.add(standing.id, "authorization.in_force_again", state=str(before))
    else:
        tx.events.add(standing.id, ENDED, state=str(found), before=str(before))
    return True


def _in_force(tx: Transaction, authorization: str) -> State:
    """What it was while it was in force, as the event says that ended that."""
    ended = [each for each in tx.events.of(authorization) if each.what == ENDED]
    return State(str(ended[-1].detail["before"])) if ended else State.CERTIFIED


def _batches(found: Sequence[Standing], size: int) -> Iterable[Sequence[Standing]]:
    for start in range(0, len(found), size):
        yield found[start : start + size]
