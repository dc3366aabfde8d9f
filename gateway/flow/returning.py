"""What claims hold in the units book, read from their entries; and what an answer to a claim does to it."""

from dataclasses import dataclass
from datetime import date

from gateway.domain.claim import Frequency
from gateway.domain.disciplines import discipline
from gateway.flow import touching
from gateway.flow.adjudicate import Adjudicated, News, adjudicate, blocking
from gateway.flow.cases import ADJUDICATED, UNANSWERED, State
from gateway.flow.house import Transaction
from gateway.ledger.entry import Bucket, Entry
from gateway.ledger.standing import Standing, standing
from gateway.store import StoredClaim

CLAIMS_MAX = 10_000  # under one authorization; more than any payer certifies visits


def held(tx: Transaction, stored: StoredClaim) -> tuple[Standing, ...]:
    """Each visit or line that the claim draws on, whether it or an earlier claim of the day took it, under whichever
    authorizations its lines are."""
    lines = tx.claims.lines(stored.id)
    entries = tx.books.entries_of([stored.id], {each.visit_key for each in lines} - {""})
    buckets = {each.bucket for each in lines} | {one.bucket for each in entries for one in each.postings}
    return standing(stored.claim, entries, tx.books.buckets_of(buckets - {""}))


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


def release_claim(tx: Transaction, claim: str, document: str, *, why: str) -> int:
    """Gives back all that a refused claim has committed and takes its charge out of the money book; what another claim
    of the same day shares stays. A claim whose place it was to take stands as before. Returns the quantity."""
    released = judge(tx, claim, document).moved.get(claim, {}).get("release", 0)
    tx.events.add(claim, "claim.released", document=document, quantity=released, why=why)
    return released


def claim_again(tx: Transaction, claim: str, document: str) -> int:
    """The payer took in what a TA1 or 999 had refused: what was given back is claimed again, as far as nobody else
    holds it, and the charge is owed again. Returns the quantity."""
    done = judge(tx, claim, document)
    claimed = done.moved.get(claim, {}).get("commit", 0)
    for each in done.tasks.get(claim, ()):
        key = f"again:{claim}:{each.where}"
        tx.tasks.open(key, kind="unclear", subject=claim, reason=each.reason, fix=each.fix)
    tx.events.add(claim, "claim.claimed_again", document=document, quantity=claimed)
    return claimed


def taken_in(tx: Transaction, claim: str, document: str) -> None:
    """The payer took in a claim that takes the place of another, or takes it back: what that one held comes back, and
    this one claims what it still needs."""
    done = judge(tx, claim, document)
    for each in blocking(done.tasks.get(claim, ())):
        key = f"claim:{claim}:{each.where}:{each.what}"
        tx.tasks.open(key, kind="remittance", subject=claim, reason=each.reason, fix=each.fix)
    touching.settled(tx, [claim, *done.kin], document)


def judge(tx: Transaction, claim: str, document: str) -> Adjudicated:
    """Works out anew what a claim has come to, after an answer to it was noted."""
    news = News(advices={}, document=document, holds_on=tx.now.date(), key=f"{claim}/{document}")
    return adjudicate(tx, tx.billed.by_id([claim], lock=True), news)
