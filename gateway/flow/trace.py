"""Trace: every step of a case, found by any of its numbers, from the clinic's record to the ledger."""

from dataclasses import dataclass
from typing import Any

from gateway.flow.cases import AUTHORIZATION_PREFIX, CLAIM_PREFIX, case
from gateway.flow.house import Transaction
from gateway.ledger.certifying import MEMO
from gateway.ledger.entry import Account
from gateway.store import NotInStore, StoredAuthorization, StoredClaim

_CASES = (AUTHORIZATION_PREFIX, CLAIM_PREFIX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happened, with the document that it came from or went into."""

    at: str
    what: str
    document: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One authorization or claim: its state, its numbers, its steps in order, its ledger entries and open tasks."""

    id: str
    kind: str
    state: str
    organisation: str
    clinic: str
    client_ref: str
    matched_on: str
    numbers: dict[str, list[str]]
    steps: tuple[Step, ...]
    entries: tuple[dict[str, Any], ...]
    money: tuple[dict[str, Any], ...]
    tasks: tuple[dict[str, str], ...]


def trace(tx: Transaction, value: str) -> list[Trace]:
    """The cases that a number names: our id, the clinic's own, or any that we or a payer gave; [] where none does."""
    subjects: dict[str, str] = {}
    if value.startswith(_CASES) and _is_there(tx, value):
        subjects[value] = "id"
    for each in tx.identifiers.find_any(value):
        if each.subject.startswith(_CASES):
            subjects.setdefault(each.subject, each.kind)
    return [of_case(tx, subject, matched_on) for subject, matched_on in subjects.items()]


def _is_there(tx: Transaction, subject: str) -> bool:
    try:
        case(tx, subject)
    except NotInStore:
        return False  # Mistyped, out of scope, or a clinic's own number that begins like one of our ids.
    return True


def of_case(tx: Transaction, subject: str, matched_on: str = "id") -> Trace:
    stored = case(tx, subject)
    numbers: dict[str, list[str]] = {}
    for each in tx.identifiers.of(subject):
        numbers.setdefault(each.kind, []).append(each.value)
    if isinstance(stored, StoredAuthorization):
        entries = tx.books.entries(authorization=subject)
    else:
        entries = tx.books.entries(claim=subject)
    money = tx.books.money_entries(claim=subject) if isinstance(stored, StoredClaim) else []
    return Trace(
        id=subject,
        kind="authorization" if isinstance(stored, StoredAuthorization) else "claim",
        state=stored.state,
        organisation=stored.organisation,
        clinic=stored.clinic,
        client_ref=stored.client_ref,
        matched_on=matched_on,
        numbers=numbers,
        steps=tuple(
            Step(
                at=f"{each.recorded_at:%Y-%m-%dT%H:%M:%SZ}",
                what=each.what,
                document=each.document,
                detail=dict(each.detail),
            )
            for each in tx.events.of(subject)
        ),
        entries=tuple(
            {
                "id": entry.id,
                "kind": entry.kind,
                "holds_on": entry.holds_on.isoformat(),
                "moves": [f"{p.source} -> {p.target} {p.quantity}" for p in entry.postings],
                "document": entry.cause.document,
            }
            for entry in entries
        ),
        money=tuple(
            {
                "id": entry.id,
                "kind": entry.kind,
                "holds_on": entry.holds_on.isoformat(),
                "lines": {line.account: line.cents for line in entry.lines},
                "document": entry.cause.document,
            }
            for entry in money
        ),
        tasks=tuple(
            {"kind": each.kind, "reason": each.reason, "fix": each.fix} for each in tx.tasks.list(subject=subject)
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketBalance:
    """What one bucket holds, account by account. ``asked`` is what the whole authorization asked for; a row without a
    bucket stands for one that nothing was certified for."""

    authorization: str
    state: str
    bucket: str
    number: str
    unit: str
    procedures: tuple[str, ...]
    starts_on: str
    ends_on: str
    limited: bool
    asked: int
    balances: dict[str, int]

    @property
    def remaining(self) -> int | None:
        """What may still be scheduled; None where no finite quantity was certified."""
        return self.balances.get(Account.AVAILABLE, 0) if self.limited else None


def bucket_balances(tx: Transaction, stored: StoredAuthorization) -> list[BucketBalance]:
    """Every certified bucket of an authorization with its balances; one row without a bucket where there is none."""
    buckets = tx.books.buckets(stored.id)
    balances = tx.books.balances([each.id for each in buckets])
    asked = sum(balance.get(Account.REQUESTED, 0) for balance in balances.values())
    certified = [each for each in buckets if each.quantity_source != MEMO]
    shown = certified or [each for each in buckets if each.quantity_source == MEMO][:1]
    return [
        BucketBalance(
            authorization=stored.id,
            state=stored.state,
            bucket=each.id if certified else "",
            number=each.number,
            unit=str(each.unit),
            procedures=each.procedures,
            starts_on=each.starts_on.isoformat() if each.starts_on else "",
            ends_on=each.ends_on.isoformat() if each.ends_on else "",
            limited=each.limited,
            asked=asked,
            balances={
                str(account): quantity
                for account, quantity in sorted(balances[each.id].items())
                if quantity and certified
            },
        )
        for each in shown
    ]
