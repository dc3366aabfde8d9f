"""What a claim holds in the units book, read from its entries. Posts nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.domain.claim import Claim
from gateway.ledger.entry import Account, Bucket, Entry
from gateway.ledger.matching import discipline, visit_key

_DELTAS: Mapping[str, tuple[int, int, int]] = {  # Of committed, consumed and released.
    "commit": (1, 0, -1),
    "release": (-1, 0, 1),
    "consume": (-1, 1, 0),
    "reverse": (1, -1, 0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One visit, or one line where units are counted: what of it is committed, consumed, or was released.

    ``lines`` are the claim's lines (REF*6R) that it serves; ``consumed_by`` the last entry that consumed it.
    """

    bucket: Bucket
    visit_key: str
    lines: tuple[str, ...]
    committed: int = 0
    consumed: int = 0
    released: int = 0
    consumed_by: str = ""


def standing(claim: Claim, entries: Iterable[Entry], buckets: Iterable[Bucket]) -> tuple[Standing, ...]:
    """What a claim holds. ``entries`` are the claim's own, and may be its authorizations' whole: a visit that an
    earlier claim of the same day took is this one's, too. Entries that come again count once."""
    known = {each.id: each for each in buckets}
    held: dict[tuple[str, str], Standing] = {}
    for entry in {each.id: each for each in entries}.values():
        bucket = known.get(entry.postings[0].bucket)
        if bucket is None or entry.kind not in (*_DELTAS, "void"):
            continue
        lines = _lines(claim, entry, bucket)
        if lines:
            key = (bucket.id, entry.visit_key or lines[0])
            before = held.get(key) or Standing(bucket=bucket, visit_key=entry.visit_key, lines=lines)
            held[key] = _after(before, entry)
    return tuple(held.values())


def visit_keys(claim: Claim, buckets: Sequence[Bucket]) -> frozenset[str]:
    """The visits that a claim's lines are part of, under any of these buckets."""
    return frozenset(visit_key(claim, line, bucket) for line in claim.lines for bucket in buckets)


def _lines(claim: Claim, entry: Entry, bucket: Bucket) -> tuple[str, ...]:
    if not entry.visit_key:
        return tuple(each.control_number for each in claim.lines if each.control_number == entry.cause.line)
    return tuple(
        each.control_number
        for each in claim.lines
        if (not bucket.procedures or each.procedure in bucket.procedures)
        and (not bucket.modifiers or not discipline(each) or discipline(each) in bucket.modifiers)
        and visit_key(claim, each, bucket) == entry.visit_key
    )


def _after(before: Standing, entry: Entry) -> Standing:
    if entry.kind == "void":
        sources = (Account.COMMITTED, Account.CONSUMED)
        taken = [sum(each.quantity for each in entry.postings if each.source is source) for source in sources]
        return replace(before, committed=before.committed - taken[0], consumed=before.consumed - taken[1])
    committed, consumed, released = (each * _moved(entry) for each in _DELTAS[entry.kind])
    return replace(
        before,
        committed=before.committed + committed,
        consumed=before.consumed + consumed,
        released=max(0, before.released + released),
        consumed_by=entry.id if entry.kind == "consume" else before.consumed_by,
    )


def _moved(entry: Entry) -> int:
    """What arrived where the entry aims; what an unlimited bucket drew first is only on its way."""
    target = entry.postings[-1].target
    return sum(each.quantity for each in entry.postings if each.target is target)
