"""What a claim holds in the units book, read from its own entries, and the ways in which it comes back."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.flow.house import Transaction
from gateway.ledger import units
from gateway.ledger.entry import Account, Cause, Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One visit's (or service's) share of a bucket, as one claim has moved it."""

    bucket: str
    visit_key: str
    line: str
    committed: int
    consumed: int


def holdings(entries: Iterable[Entry], claim: str) -> list[Holding]:
    """What stands COMMITTED and CONSUMED for a claim, by bucket and visit, in the order in which it was committed."""
    sums: dict[tuple[str, str], dict[Account, int]] = defaultdict(lambda: defaultdict(int))
    lines: dict[tuple[str, str], str] = {}
    for entry in entries:
        if entry.cause.claim != claim:
            continue
        for posting in entry.postings:
            key = (posting.bucket, entry.visit_key)
            lines.setdefault(key, entry.cause.line)
            sums[key][posting.source] -= posting.quantity
            sums[key][posting.target] += posting.quantity
    return [
        Holding(
            bucket=bucket,
            visit_key=visit_key,
            line=lines[bucket, visit_key],
            committed=held[Account.COMMITTED],
            consumed=held[Account.CONSUMED],
        )
        for (bucket, visit_key), held in sums.items()
        if held[Account.COMMITTED] or held[Account.CONSUMED]
    ]


def held_by_others(tx: Transaction, authorization: str, claim: str) -> set[tuple[str, str]]:
    """The visits (bucket, visit key) that other claims under this authorization hold: a day's visit counts once."""
    entries = tx.books.entries(authorization=authorization)
    others = sorted({entry.cause.claim for entry in entries} - {"", claim})
    return {(held.bucket, held.visit_key) for each in others for held in holdings(entries, each) if held.visit_key}


def release_claim(tx: Transaction, claim: str, document: str, *, why: str) -> int:
    """Gives back all that a claim has committed: it never entered adjudication, or was voided. Returns how much."""
    released = 0
    held = [each for each in holdings(tx.books.entries(claim=claim), claim) if each.committed]
    balances = tx.books.balances(sorted({each.bucket for each in held}), lock=True)
    for each in held:
        bucket = tx.books.bucket(each.bucket)
        cause = Cause(
            document=document, claim=claim, line=each.line, authorization=bucket.authorization, actor=tx.scope.actor
        )
        entry = units.release(
            bucket,
            balances[bucket.id],
            each.committed,
            cause=cause,
            holds_on=tx.now.date(),
            key=f"{claim}:{each.visit_key}:{document}",
            visit_key=each.visit_key,
        )
        if tx.books.post(entry):
            released += each.committed
            balances[bucket.id] = balance_after(balances[bucket.id], entry)
    if released:
        tx.events.add(claim, "claim.released", document=document, quantity=released, why=why)
    return released


def balance_after(balance: dict[Account, int], entry: Entry) -> dict[Account, int]:
    """The balance of the one bucket that an entry moves."""
    after = dict(balance)
    for posting in entry.postings:
        after[posting.source] = after.get(posting.source, 0) - posting.quantity
        after[posting.target] = after.get(posting.target, 0) + posting.quantity
    return after
