"""What is left of an authorization, bucket by bucket, by what was rendered, claimed and adjudicated side by side."""

from gateway.flow.house import House, Transaction
from gateway.flow.policies import policy_of
from gateway.ledger.remaining import Remaining
from gateway.ledger.remaining import remaining as counted
from gateway.ledger.visiting import is_certified
from gateway.rules.policy import Basis
from gateway.store import StoredAuthorization


def remaining(tx: Transaction, authorization: str) -> list[Remaining]:
    """Every certified bucket of an authorization (our id), by window and line."""
    buckets = [each for each in tx.books.buckets(authorization) if is_certified(each)]
    moves = tx.books.moves(each.id for each in buckets)
    return [counted(each.id, each.unit, limited=each.limited, moves=moves[each.id]) for each in buckets]


def ruling(house: House, stored: StoredAuthorization) -> Basis:
    """The count that rules today, by the payer's policy; what was rendered where it says nothing (facts, 6.3)."""
    return policy_of(house, stored.request, house.today).consumption_basis
