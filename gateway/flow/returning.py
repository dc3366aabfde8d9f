"""What a claim holds in the units book, read from its entries, and how all of it comes back when it is refused."""

from gateway.flow.house import Transaction
from gateway.ledger import cents
from gateway.ledger.entry import Cause, Entry
from gateway.ledger.settling import withdrawn
from gateway.ledger.standing import Standing, standing
from gateway.store import StoredClaim


def held(tx: Transaction, stored: StoredClaim) -> tuple[Standing, ...]:
    """Each visit or line that the claim draws on, whether it or an earlier claim of the day took it."""
    if not stored.authorization:
        return ()
    return standing(stored.claim, _entries(tx, stored.authorization), tx.books.buckets(stored.authorization))


def _entries(tx: Transaction, authorization: str) -> list[Entry]:
    return [each for each in tx.books.entries(authorization=authorization) if each.cause.claim]


def held_by_others(tx: Transaction, authorization: str, claim: str) -> set[tuple[str, str]]:
    """The visits (bucket, visit key) that other claims under this authorization hold: a day's visit counts once."""
    buckets = tx.books.buckets(authorization)
    entries = _entries(tx, authorization)
    others = sorted({entry.cause.claim for entry in entries} - {claim})
    found = set()
    for each in others:
        own = [entry for entry in entries if entry.cause.claim == each]
        for one in standing(tx.claims.get(each).claim, own, buckets):
            if one.visit_key and (one.committed or one.consumed):
                found.add((one.bucket.id, one.visit_key))
    return found


def release_claim(tx: Transaction, claim: str, document: str, *, why: str) -> int:
    """Gives back all that a claim has committed and takes its charge out of the money book: it never entered
    adjudication. What another claim of the same day shares stays. Returns the quantity that came back."""
    stored = tx.claims.get(claim)
    shared = held_by_others(tx, stored.authorization, claim) if stored.authorization else set()
    standing = [each for each in held(tx, stored) if (each.bucket.id, each.visit_key) not in shared]
    balances = tx.books.balances(sorted({each.bucket.id for each in standing}), lock=True)
    cause = Cause(document=document, claim=claim, actor=tx.scope.actor)
    today = tx.now.date()
    released = 0
    for entry in withdrawn(standing, balances, kind="release", cause=cause, holds_on=today, key=f"{claim}/{document}"):
        if tx.books.post(entry):
            released += sum(each.quantity for each in entry.postings)
    for money in tx.books.money_entries(claim=claim):
        if money.kind == "claim":
            tx.books.post_money(cents.reverse(money, cause=cause, holds_on=today, key=document))
    tx.events.add(claim, "claim.released", document=document, quantity=released, why=why)
    return released
