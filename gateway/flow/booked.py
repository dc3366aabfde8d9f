"""Where claims and visits meet: what a claim may take of what its visits hold, and what earlier claims took of a visit.

So the appointment, the treatment and the claim of one day are one visit, and no claim takes another visit's booking.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from gateway.flow.house import Transaction
from gateway.ledger.billed import BilledClaim
from gateway.ledger.entry import Account, Balances, Bucket, Entry
from gateway.ledger.matching import ONCE_A_DAY, Booked, Draw, visit_key
from gateway.ledger.visiting import Held
from gateway.store import StoredVisit

_BOOKED = (Account.RESERVED, Account.RENDERED)
_CLAIMED = (Account.COMMITTED, Account.CONSUMED)
CLAIMS_MAX = 10_000  # under one authorization; more than any payer certifies visits


def booked(tx: Transaction, claim: BilledClaim, buckets: Sequence[Bucket]) -> Booked:
    """What the visits that a claim bills have reserved and rendered in these buckets."""
    found: dict[tuple[str, str], dict[Account, int]] = {}
    for each in tx.appointments.of_visits(visit_key(claim, line, bucket) for line in claim.lines for bucket in buckets):
        for held in each.held:
            if held.account in _BOOKED and held.left:
                mine = found.setdefault((held.bucket, each.visit_key), {})
                mine[held.account] = mine.get(held.account, 0) + held.left
    return found


def seen_by(balances: Balances, own: Booked) -> dict[str, dict[Account, int]]:
    """The balances as a claim may draw on them: of what is booked and rendered, its own visits' alone."""
    seen = {bucket: {**balance, **dict.fromkeys(_BOOKED, 0)} for bucket, balance in balances.items()}
    for (bucket, _), held in own.items():
        for account, quantity in held.items():
            if bucket in seen:
                seen[bucket][account] += quantity
    return seen


def pass_on(tx: Transaction, draws: Iterable[Draw], entries: Iterable[Entry]) -> None:
    """Notes with each visit what a claim took on of what it held. ``entries`` are the commits of the draws that take
    something, in their order."""
    taken: dict[tuple[str, str, Account], int] = {}
    for draw, entry in zip([each for each in draws if each.quantity], entries, strict=True):
        for posting in entry.postings:
            if posting.source in _BOOKED:
                key = (draw.bucket.id, draw.visit, posting.source)
                taken[key] = taken.get(key, 0) + posting.quantity
    for each in tx.appointments.of_visits(visit for _, visit, _ in taken):
        held = []
        for one in each.held:
            key = (one.bucket, each.visit_key, one.account)
            share = min(one.left, taken.get(key, 0))
            if share:
                taken[key] -= share
            held.append(replace(one, claimed=one.claimed + share))
        if tuple(held) != each.held:
            tx.appointments.update(each.id, held=held)


def claimed(tx: Transaction, buckets: Sequence[Bucket], visit: StoredVisit | None, key: str) -> tuple[Held, ...]:
    """What claims hold of a visit that no appointment had booked: they came first.

    ``visit`` is the appointment so far, None where it is new; ``key`` names the visit.
    """
    authorization = buckets[0].authorization if buckets else ""
    net: dict[str, int] = {}
    lines = _lines(tx, buckets, key)
    for entry in tx.books.entries(authorization=authorization) if buckets else ():
        if entry.cause.claim and (entry.visit_key == key or (not entry.visit_key and entry.cause.line in lines)):
            for posting in entry.postings:
                moved = (posting.target in _CLAIMED) - (posting.source in _CLAIMED)
                net[posting.bucket] = net.get(posting.bucket, 0) + moved * posting.quantity
    mine = visit.id if visit else ""
    for each in tx.appointments.of_visits([key]):
        for held in each.held if each.id != mine else ():
            net[held.bucket] = net.get(held.bucket, 0) - held.claimed
    return tuple(
        Held(bucket=bucket, account=Account.RENDERED, quantity=quantity, claimed=quantity)
        for bucket, quantity in net.items()
        if quantity > 0
    )


def _lines(tx: Transaction, buckets: Sequence[Bucket], key: str) -> set[str]:
    """The claim lines (REF*6R) of a visit, where units are counted and entries name lines, not visits."""
    counted = [each for each in buckets if each.unit not in ONCE_A_DAY]
    if not counted:
        return set()
    return {
        line.control_number
        for each in tx.claims.list(authorization=counted[0].authorization, limit=CLAIMS_MAX)
        for line in each.claim.lines
        if any(visit_key(each.claim, line, bucket) == key for bucket in counted)
    }
