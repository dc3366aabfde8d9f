"""What a claim needs that takes the place of another (CLM05-03 7), and what of it that one still holds.

As long as the payer has not taken the later claim in, both stand, and what they have in common counts once: the later
one claims only what it needs beyond what the earlier one holds. Posts nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from gateway.ledger.billed import BilledClaim
from gateway.ledger.entry import Account, Bucket, Entry
from gateway.ledger.matching import Booked, Draw, quantity, visit_key
from gateway.ledger.standing import Standing, visit_keys

BOOKED = (Account.RESERVED, Account.RENDERED)


def needs(claim: BilledClaim, draws: Mapping[str, tuple[str, str]], buckets: Mapping[str, Bucket]) -> tuple[Draw, ...]:
    """All that the lines of a claim take, in their order. ``draws`` gives (bucket, visit key) by REF*6R."""
    found: dict[tuple[str, str], Draw] = {}
    for line in claim.lines:
        name, key = draws.get(line.control_number, ("", ""))
        bucket = buckets.get(name)
        if bucket is None:
            continue
        at = (name, key or line.control_number)
        if at in found:
            found[at] = replace(found[at], lines=(*found[at].lines, line.control_number))
            continue
        found[at] = Draw(
            bucket=bucket,
            quantity=quantity(line, bucket) or 0,
            visit_key=key,
            lines=(line.control_number,),
            served_on=line.served_on,
            visit=key or visit_key(claim, line, bucket),
        )
    return tuple(found.values())


def with_needs(held: Iterable[Standing], wanted: Iterable[Draw], booked: Booked) -> tuple[Standing, ...]:
    """What a claim holds, with what it needs of it; also of what it claimed nothing of so far. What its visits have
    booked is for those that need more than they claimed, the first one first."""
    known = {place(each): each for each in held}
    left = {name: dict(accounts) for name, accounts in booked.items()}
    found = []
    for draw in wanted:
        at = (draw.bucket.id, draw.visit_key or draw.lines[0])
        one = known.pop(at, None) or Standing(bucket=draw.bucket, visit_key=draw.visit_key, lines=draw.lines)
        own = _shared_out(left.get((draw.bucket.id, draw.visit), {}), draw.quantity - one.claimed)
        found.append(replace(one, needed=draw.quantity, booked=own))
    return (*found, *known.values())


def coming(held: Iterable[tuple[Standing, int]], beside: BilledClaim) -> dict[str, int]:
    """By bucket, what a claim will give back when ``beside`` takes its place: all that it holds (each standing with
    that quantity), without the visits that both bill, which count once."""
    found: dict[str, int] = {}
    for each, stands in held:
        if stands and not (each.visit_key and each.visit_key in visit_keys(beside, [each.bucket])):
            found[each.bucket.id] = found.get(each.bucket.id, 0) + stands
    return found


def left_to(given_back: Mapping[str, int], wanted: Iterable[tuple[str, int]]) -> list[int]:
    """How much of each draw (bucket, quantity without what its visit has booked) waits for what is given back."""
    left = dict(given_back)
    later = []
    for bucket, lacking in wanted:
        later.append(min(max(0, lacking), left.get(bucket, 0)))
        left[bucket] = left.get(bucket, 0) - later[-1]
    return later


def out_of_bookings(entries: Iterable[Entry], claim: str, held: Standing) -> int:
    """How much of what a claim took its own visits had booked: that never waits for what another claim holds."""
    at = place(held)
    return sum(
        each.quantity
        for entry in entries
        if entry.cause.claim == claim and entry.kind == "commit"
        for each in entry.postings
        if each.source in BOOKED and (each.bucket, entry.visit_key or entry.cause.line) == at
    )


def _shared_out(left: dict[Account, int], lacking: int) -> dict[Account, int]:
    taken = {}
    for account in (Account.RENDERED, Account.RESERVED):
        share = min(max(0, lacking), left.get(account, 0))
        if share:
            taken[account] = share
            left[account] -= share
            lacking -= share
    return taken


def place(held: Standing) -> tuple[str, str]:
    """The bucket, and the visit or the line (REF*6R) where units are counted."""
    return held.bucket.id, held.visit_key or held.lines[0]


def originals_first(claims: Mapping[str, str]) -> Sequence[str]:
    """Claims in the order in which each comes after the one that it is about (``claims`` give that, "" for none)."""

    def depth(claim: str, seen: frozenset[str] = frozenset()) -> int:
        about = claims.get(claim, "")
        return 0 if not about or about in seen else 1 + depth(about, seen | {claim})

    return sorted(claims, key=depth)
