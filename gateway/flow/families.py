"""Claims that stand together: what each replaces or voids, what replaces it, and whoever bills one of their visits.

Loads and locks; decides nothing.
"""

from collections.abc import Mapping

from gateway.flow.house import Transaction
from gateway.ledger.replaced import originals_first
from gateway.store.billed import SentClaim


def family(tx: Transaction, claims: Mapping[str, SentClaim]) -> tuple[dict[str, SentClaim], dict[str, SentClaim]]:
    """These claims (locked) with all that stand in a chain of replacements with them, locked, too, each behind the one
    that it is about; and the others that bill one of their visits."""
    mine, asked = dict(claims), set(claims)
    while True:
        visits = {visit for each in mine.values() for _, visit in each.draws.values()} - {""}
        sharing = tx.billed.by_id(tx.billed.billing(visits) - mine.keys())
        seen = {**mine, **sharing}
        later = tx.billed.replacing(seen)
        kin = {*later, *later.values(), *(each.replaces for each in seen.values() if each.replaces)}
        kin |= {each.id for each in sharing.values() if each.replaces}
        if not kin - asked:
            break
        mine |= tx.billed.by_id(kin - asked, lock=True)
        asked |= kin
    if len(asked) == len(claims):
        return mine, sharing
    order = originals_first({each.id: each.replaces for each in mine.values()})
    return {each: mine[each] for each in order}, sharing


def originals(claims: Mapping[str, SentClaim], claim: str) -> list[str]:
    """What a claim is about, and what that one was about in its turn, as far as they are among ``claims``."""
    found: list[str] = []
    about = claims[claim].replaces
    while about in claims and about not in (*found, claim):
        found.append(about)
        about = claims[about].replaces
    return found
