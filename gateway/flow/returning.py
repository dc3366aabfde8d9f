"""What a claim holds in the units book, read from its entries, and how all of it comes back when it is refused."""

from dataclasses import dataclass
from datetime import date

from gateway.domain.claim import Frequency
from gateway.domain.disciplines import discipline
from gateway.flow.cases import ADJUDICATED, UNANSWERED, State
from gateway.flow.house import Transaction
from gateway.ledger import cents
from gateway.ledger.entry import Account, Bucket, Cause, Entry
from gateway.ledger.settling import moved_to, withdrawn
from gateway.ledger.standing import Standing, standing
from gateway.ledger.target import Target
from gateway.store import StoredClaim

CLAIMS_MAX = 10_000  # under one authorization; more than any payer certifies visits


def held(tx: Transaction, stored: StoredClaim) -> tuple[Standing, ...]:
    """Each visit or line that the claim draws on, whether it or an earlier claim of the day took it."""
    if not stored.authorization:
        return ()
    return standing(stored.claim, _entries(tx, stored.authorization), tx.books.buckets(stored.authorization))


def _entries(tx: Transaction, authorization: str) -> list[Entry]:
    return [each for each in tx.books.entries(authorization=authorization) if each.cause.claim]


_ON_ITS_WAY = (*UNANSWERED, State.RECEIVED, *(each for each in ADJUDICATED if each is not State.DENIED))


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherClaim:
    """Another claim under the same authorization, and the visits that it holds: by key, and by day and discipline."""

    stored: StoredClaim
    visits: frozenset[tuple[str, str]]  # bucket, visit key
    days: frozenset[tuple[str, date, str]]  # bucket, date of service, discipline


def other_claims(tx: Transaction, authorization: str, claim: str) -> list[OtherClaim]:
    """What the other claims under this authorization hold: a day's visit counts once, whoever bills it first.

    A claim that came second to a day has taken nothing itself, and holds the visit all the same while it is open; one
    that was refused holds what of its own was not given back.
    """
    buckets = tx.books.buckets(authorization)
    entries = _entries(tx, authorization)
    others = [
        each
        for each in tx.claims.list(authorization=authorization, limit=CLAIMS_MAX)
        if each.id != claim and each.claim.frequency is not Frequency.VOID  # It takes back, and holds nothing.
    ]
    return [
        _other(each, entries if _is_open(each) else [one for one in entries if one.cause.claim == each.id], buckets)
        for each in others
    ]


def _is_open(stored: StoredClaim) -> bool:
    return State(stored.state) in _ON_ITS_WAY


def _other(stored: StoredClaim, entries: list[Entry], buckets: list[Bucket]) -> OtherClaim:
    holding = [
        each
        for each in standing(stored.claim, entries, buckets)
        if each.visit_key and (each.committed or each.consumed)
    ]
    lines = {line.control_number: line for line in stored.claim.lines}
    return OtherClaim(
        stored=stored,
        visits=frozenset((each.bucket.id, each.visit_key) for each in holding),
        days=frozenset(
            (each.bucket.id, lines[line].served_on, discipline(lines[line])) for each in holding for line in each.lines
        ),
    )


def shared_visits(tx: Transaction, stored: StoredClaim) -> set[tuple[str, str]]:
    """The visits that other claims hold, too: this one alone does not give them back."""
    if not stored.authorization:
        return set()
    others = other_claims(tx, stored.authorization, stored.id)
    return {visit for each in others if _is_open(each.stored) for visit in each.visits}


def release_claim(tx: Transaction, claim: str, document: str, *, why: str) -> int:
    """Gives back all that a claim has committed and takes its charge out of the money book: it never entered
    adjudication. What another claim of the same day shares stays. Returns the quantity that came back."""
    stored = tx.claims.get(claim)
    shared = shared_visits(tx, stored)
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


def claim_again(tx: Transaction, claim: str, document: str) -> int:
    """The payer took in what a TA1 or 999 had refused: what was given back is claimed again, as far as nobody else
    holds it, and the charge is owed again. Returns the quantity."""
    stored = tx.claims.get(claim)
    given_back = [each for each in held(tx, stored) if not (each.committed or each.consumed or each.uncovered)]
    changes = [(each, Target(committed=each.total, consumed=0)) for each in given_back]
    balances = tx.books.balances(sorted({each.bucket.id for each in given_back}), lock=True)
    cause = Cause(document=document, claim=claim, actor=tx.scope.actor)
    today = tx.now.date()
    moved = moved_to(changes, balances, cause=cause, holds_on=today, key=f"{claim}/{document}")
    claimed = 0
    for entry in moved.entries:
        if tx.books.post(entry):
            claimed += sum(each.quantity for each in entry.postings if each.target is Account.COMMITTED)
    own = tx.books.money_entries(claim=claim)
    for money in cents.charge_restated(stored.claim, True, own, cause=cause, holds_on=today, key=document):
        tx.books.post_money(money)
    for each in moved.tasks:
        key = f"again:{claim}:{each.where}"
        tx.tasks.open(key, kind="unclear", subject=claim, reason=each.reason, fix=each.fix)
    tx.events.add(claim, "claim.claimed_again", document=document, quantity=claimed)
    return claimed
