"""The units book: buckets, the accounts of each, and the entries that move whole quantities between them.

An entry is balanced by construction: every posting takes from one account what it gives to another, in one bucket.
GRANT, UNAUTHORIZED and MEMO are where quantities come from, so their balances run negative; no other ever does.
Never reads a clock, never invents an id: an entry's id is a digest of what caused it, so that a repeat is harmless.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from hashlib import sha256

from gateway.domain.authorization import Unit
from gateway.errors import Finding


class Account(StrEnum):
    """Where a quantity of a bucket stands (domain facts, 6.1)."""

    GRANT = "grant"  # The payer's side.
    AVAILABLE = "available"
    RESERVED = "reserved"  # Scheduled.
    RENDERED = "rendered"  # The visit took place.
    COMMITTED = "committed"  # Claimed.
    CONSUMED = "consumed"  # Adjudicated.
    EXPIRED = "expired"
    RETURNED = "returned"  # Given back to the payer.
    MOVED = "moved"  # To another bucket.
    UNCOVERED = "uncovered"  # Rendered or billed without authorization.
    UNAUTHORIZED = "unauthorized"  # Where UNCOVERED comes from.
    REQUESTED = "requested"  # A memo of what was asked for.
    MEMO = "memo"  # Where REQUESTED comes from.


SOURCES = frozenset({Account.GRANT, Account.UNAUTHORIZED, Account.MEMO})
GRANTED = (
    Account.AVAILABLE,
    Account.RESERVED,
    Account.RENDERED,
    Account.COMMITTED,
    Account.CONSUMED,
    Account.EXPIRED,
    Account.RETURNED,
    Account.MOVED,
)

_A = Account
MOVES: Mapping[str, frozenset[tuple[Account, Account]]] = {
    "request": frozenset({(_A.MEMO, _A.REQUESTED)}),
    "grant": frozenset({(_A.GRANT, _A.AVAILABLE)}),
    "reserve": frozenset({(_A.AVAILABLE, _A.RESERVED), (_A.GRANT, _A.AVAILABLE)}),
    "unreserve": frozenset({(_A.RESERVED, _A.AVAILABLE)}),
    "render": frozenset(
        {
            (_A.RESERVED, _A.RENDERED),
            (_A.AVAILABLE, _A.RENDERED),
            (_A.EXPIRED, _A.RENDERED),
            (_A.GRANT, _A.AVAILABLE),
        }
    ),
    "retract": frozenset({(_A.RENDERED, _A.AVAILABLE), (_A.UNCOVERED, _A.UNAUTHORIZED)}),
    "commit": frozenset(
        {
            (_A.RENDERED, _A.COMMITTED),
            (_A.RESERVED, _A.COMMITTED),
            (_A.AVAILABLE, _A.COMMITTED),
            (_A.EXPIRED, _A.COMMITTED),
            (_A.GRANT, _A.AVAILABLE),
        }
    ),
    "release": frozenset({(_A.COMMITTED, _A.AVAILABLE)}),
    "consume": frozenset({(_A.COMMITTED, _A.CONSUMED)}),
    "reverse": frozenset({(_A.CONSUMED, _A.COMMITTED), (_A.UNCOVERED, _A.UNAUTHORIZED)}),
    "expire": frozenset({(_A.AVAILABLE, _A.EXPIRED)}),
    "return": frozenset({(_A.AVAILABLE, _A.RETURNED)}),
    "transfer": frozenset({(_A.AVAILABLE, _A.MOVED), (_A.EXPIRED, _A.MOVED), (_A.GRANT, _A.AVAILABLE)}),
    "uncovered": frozenset({(_A.UNAUTHORIZED, _A.UNCOVERED)}),
    "cover": frozenset({(_A.GRANT, _A.AVAILABLE), (_A.AVAILABLE, _A.RENDERED), (_A.UNCOVERED, _A.UNAUTHORIZED)}),
    "opening": frozenset({(_A.GRANT, _A.AVAILABLE), (_A.AVAILABLE, _A.CONSUMED)}),
}
"""What each kind of entry may move (domain facts, 6.2). A bucket without a finite grant draws on it on demand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """One certified quantity: what it is for, in which unit, in which window. ``authorization`` is our id.

    ``procedures`` and ``modifiers`` () mean any; ``modifiers`` are the discipline's (GP, GO, GN). ``number`` is the
    certification number (HCR02). ``limited`` is False where no quantity was certified (HCR01 NA, or dates only).
    ``line`` is the request's line, 0 for the whole event. The sources say where window and quantity were read.
    """

    id: str
    authorization: str
    organisation: str
    clinic: str
    number: str
    unit: Unit
    procedures: tuple[str, ...] = ()
    modifiers: tuple[str, ...] = ()
    starts_on: date | None = None
    ends_on: date | None = None
    limited: bool = True
    window_source: str = ""
    quantity_source: str = ""
    line: int = 0

    def holds_on(self, day: date) -> bool:
        """Whether a service of this day lies in the window; a missing end is an open one."""
        return (self.starts_on is None or self.starts_on <= day) and (self.ends_on is None or day <= self.ends_on)


@dataclass(frozen=True, slots=True)
class Posting:
    """A whole quantity that leaves one account of a bucket and arrives in another."""

    bucket: str
    source: Account
    target: Account
    quantity: int

    def __post_init__(self) -> None:
        assert self.quantity > 0, "a posting moves something, and its direction is source to target"
        assert self.source is not self.target, "a posting moves something"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why: our ids only. ``line`` is the claim line's REF*6R; ``segment`` the place in the document."""

    document: str = ""
    segment: str = ""
    line: str = ""
    claim: str = ""
    authorization: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something that happened to buckets. Append-only: a correction is a new entry that names what it ``reverses``."""

    id: str
    kind: str
    holds_on: date
    cause: Cause
    postings: tuple[Posting, ...]
    visit_key: str = ""
    reverses: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        assert self.id, "an entry without an id could be posted twice"
        assert self.postings, "an entry moves something"
        moves = MOVES.get(self.kind, frozenset())
        assert all((each.source, each.target) in moves for each in self.postings), f"{self.kind} does not move this"


Balance = Mapping[Account, int]
Balances = Mapping[str, Balance]


def entry_id(*parts: str) -> str:
    """A stable digest of what caused an entry; lengths are part of it, so that ("ab", "c") and ("a", "bc") differ."""
    return digest("en", *parts)


def digest(prefix: str, *parts: str) -> str:
    """An opaque id of 32 hexadecimal digits that the parts always lead to, and that does not lead back to them."""
    text = "".join([f"{len(part)}:{part}" for part in parts])
    return f"{prefix}_{sha256(text.encode()).hexdigest()[:32]}"


def apply(balances: Balances, entry: Entry) -> dict[str, dict[Account, int]]:
    """The balances, by bucket id, after an entry. Accounts that were never touched are not listed: read them as 0."""
    after = {bucket: dict(balance) for bucket, balance in balances.items()}
    add(after, entry)
    return after


def balances(entries: Iterable[Entry]) -> dict[str, dict[Account, int]]:
    """The balances, by bucket id, of a history. An entry that comes again, by its id, counts once."""
    after: dict[str, dict[Account, int]] = {}
    seen: set[str] = set()
    for entry in entries:
        if entry.id not in seen:
            seen.add(entry.id)
            add(after, entry)
    return after


def add(after: dict[str, dict[Account, int]], entry: Entry) -> None:
    """What an entry does to balances that are the caller's own: they are changed."""
    for posting in entry.postings:
        balance = after.setdefault(posting.bucket, {})
        balance[posting.source] = balance.get(posting.source, 0) - posting.quantity
        balance[posting.target] = balance.get(posting.target, 0) + posting.quantity


_PAIRS = (
    (Account.GRANT, GRANTED, "what was granted"),
    (Account.UNAUTHORIZED, (Account.UNCOVERED,), "what went without authorization"),
    (Account.MEMO, (Account.REQUESTED,), "what was requested"),
)


def violations(balances: Balances) -> list[Finding]:
    """Every broken invariant of domain facts 6.1: no account below zero, and each source equals what it gave."""
    found = []
    for bucket, balance in balances.items():
        for account, quantity in balance.items():
            if account not in SOURCES and quantity < 0:
                found.append(_broken(bucket, f"{account} holds {quantity}"))
        for source, targets, what in _PAIRS:
            given, held = -balance.get(source, 0), sum(balance.get(each, 0) for each in targets)
            if given != held:
                found.append(_broken(bucket, f"{what} is {given}, but its accounts hold {held}"))
    return found


def _broken(bucket: str, what: str) -> Finding:
    return Finding(
        rule="ledger_units",
        what=what,
        where=f"bucket {bucket}",
        fix="Stop posting to this bucket, and compare its entries with the documents that caused them",
        source="domain facts, 6.1",
    )
