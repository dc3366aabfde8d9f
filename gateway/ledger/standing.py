"""What a claim holds in the units book, read from its entries. Posts nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from gateway.domain.disciplines import discipline
from gateway.ledger.billed import BilledClaim
from gateway.ledger.entry import Account, Bucket, Entry
from gateway.ledger.matching import visit_key

_DELTAS: Mapping[str, tuple[int, int, int]] = {  # Of committed, consumed and released.
    "commit": (1, 0, -1),
    "release": (-1, 0, 1),
    "consume": (-1, 1, 0),
    "reverse": (1, -1, 0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One visit, or one line where units are counted: what of it is committed, consumed, or was given back.

    ``lines`` are the claim's lines (REF*6R) that it serves; ``consumed_by`` the last entry that consumed it.
    ``uncovered`` is what was paid after it was given back and used by others. Of a claim that takes another's place
    ``needed`` is what its lines come to, whatever was claimed of it so far; ``booked`` is what its visit has reserved
    and rendered, and no claim took on yet.
    """

    bucket: Bucket
    visit_key: str
    lines: tuple[str, ...]
    committed: int = 0
    consumed: int = 0
    released: int = 0
    uncovered: int = 0
    consumed_by: str = ""
    needed: int = 0
    booked: Mapping[Account, int] = field(default_factory=dict)

    @property
    def claimed(self) -> int:
        """All that was ever claimed of it."""
        return self.committed + self.consumed + self.released + self.uncovered

    @property
    def total(self) -> int:
        """What is claimed of it where nothing is given back."""
        return max(self.claimed, self.needed)


def standing(claim: BilledClaim, entries: Iterable[Entry], buckets: Iterable[Bucket]) -> tuple[Standing, ...]:
    """What a claim holds. ``entries`` are the claim's own, and may be its authorizations' whole: a visit that an
    earlier claim of the same day took is this one's, too. Entries that come again count once."""
    known = {each.id: each for each in buckets}
    lines: dict[tuple[str, str, str], tuple[str, ...]] = {}
    counts: dict[tuple[str, str], _Counts] = {}
    for entry in {each.id: each for each in entries}.values():
        bucket = known.get(entry.postings[0].bucket)
        if bucket is None or not (entry.kind in _DELTAS or _uncovered(entry)):
            continue
        place = (bucket.id, entry.visit_key, "" if entry.visit_key else entry.cause.line)
        if place not in lines:
            lines[place] = _lines(claim, entry, bucket)
        if lines[place]:
            key = (bucket.id, entry.visit_key or entry.cause.line)
            held = counts.setdefault(key, _Counts(bucket, entry.visit_key, lines[place]))
            held.add(entry)
    return tuple([each.standing() for each in counts.values()])


def visit_keys(claim: BilledClaim, buckets: Sequence[Bucket]) -> frozenset[str]:
    """The visits that a claim's lines are part of, under any of these buckets."""
    return frozenset(visit_key(claim, line, bucket) for line in claim.lines for bucket in buckets)


def visit_lines(claim: BilledClaim, bucket: Bucket, visit: str) -> tuple[str, ...]:
    """The lines of a claim (REF*6R) that are part of a visit under this bucket."""
    alike: dict[tuple[date, str], bool] = {}
    found = []
    for each in claim.lines:
        word = discipline(each)
        if bucket.procedures and each.procedure not in bucket.procedures:
            continue
        if bucket.modifiers and word and word not in bucket.modifiers:
            continue
        day = (each.served_on, word)
        if day not in alike:
            alike[day] = visit_key(claim, each, bucket) == visit
        if alike[day]:
            found.append(each.control_number)
    return tuple(found)


def _lines(claim: BilledClaim, entry: Entry, bucket: Bucket) -> tuple[str, ...]:
    if entry.visit_key:
        return visit_lines(claim, bucket, entry.visit_key)
    return tuple(each.control_number for each in claim.lines if each.control_number == entry.cause.line)


def _uncovered(entry: Entry) -> bool:
    """Whether it counts a claim's quantity as uncovered, or no longer; an override at the visit names no claim."""
    return bool(entry.cause.claim) and entry.kind == "uncovered"


@dataclass(slots=True)
class _Counts:
    bucket: Bucket
    visit_key: str
    lines: tuple[str, ...]
    committed: int = 0
    consumed: int = 0
    released: int = 0
    uncovered: int = 0
    consumed_by: str = ""

    def add(self, entry: Entry) -> None:
        moved = _moved(entry)
        if entry.postings[-1].target is Account.UNAUTHORIZED:  # It was only ever beside the grant.
            self.uncovered -= moved
            self.released += moved
        elif entry.kind == "uncovered":
            self.uncovered += moved
            self.released = max(0, self.released - moved)
        else:
            committed, consumed, released = _DELTAS[entry.kind]
            self.committed += committed * moved
            self.consumed += consumed * moved
            self.released = max(0, self.released + released * moved)
            if entry.kind == "consume":
                self.consumed_by = entry.id

    def standing(self) -> Standing:
        return Standing(
            bucket=self.bucket,
            visit_key=self.visit_key,
            lines=self.lines,
            committed=self.committed,
            consumed=self.consumed,
            released=self.released,
            uncovered=self.uncovered,
            consumed_by=self.consumed_by,
        )


def _moved(entry: Entry) -> int:
    """What arrived where the entry aims; what an unlimited bucket drew first is only on its way."""
    target = entry.postings[-1].target
    return sum(each.quantity for each in entry.postings if each.target is target)
