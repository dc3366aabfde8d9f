"""The entries that a settlement comes to: releases, consumptions and reversals in their order, each on the balance
that the one before leaves. Never draws more than a bucket holds: what a payer paid beyond that is uncovered."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from gateway.errors import Finding, Severity
from gateway.ledger import units
from gateway.ledger.entry import Account, Balances, Bucket, Cause, Entry, add
from gateway.ledger.standing import Standing
from gateway.ledger.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    entries: tuple[Entry, ...]
    tasks: tuple[Finding, ...]


def differs(held: Standing, wanted: Target) -> bool:
    """Whether anything is to be posted: where not, nobody needs the bucket's balance."""
    return (held.committed, held.consumed + held.uncovered) != (wanted.committed, wanted.consumed)


def moved_to(
    changes: Iterable[tuple[Standing, Target]], balances: Balances, *, cause: Cause, holds_on: date, key: str
) -> Settled:
    """The entries from what stands to what should, and what wants a person.

    ``key`` names what came (a claim payment, an answer), so that its repeat posts nothing new; ``cause`` is its cause,
    and each entry gets its own line. ``balances`` are needed of the buckets in which something differs.
    """
    desk = _Desk(balances, cause, holds_on, key)
    for held, wanted in changes:
        desk.tasks += wanted.tasks
        if differs(held, wanted):
            desk.move(held, wanted)
    return Settled(entries=tuple(desk.entries), tasks=tuple(dict.fromkeys(desk.tasks)))


class _Desk:
    """Posts one change after the other, each on the balance that the one before leaves."""

    def __init__(self, balances: Balances, cause: Cause, holds_on: date, key: str) -> None:
        self._before, self._after = balances, dict[str, dict[Account, int]]()
        self.entries: list[Entry] = []
        self.tasks: list[Finding] = []
        self._cause, self._holds_on, self._key = cause, holds_on, key

    def _balance(self, bucket: Bucket) -> dict[Account, int]:
        if bucket.id not in self._after:
            self._after[bucket.id] = dict(self._before.get(bucket.id, {}))
        return self._after[bucket.id]

    def move(self, held: Standing, wanted: Target) -> None:
        """First what is taken back, then what is claimed again and consumed, then what is given back."""
        committed, consumed = held.committed, held.consumed
        if not (consumed or held.uncovered or wanted.committed) and wanted.consumed == committed:
            self._post(units.consume, held, committed)  # As nearly always.
            return
        less = max(0, consumed + held.uncovered - wanted.consumed)
        beside = min(less, held.uncovered)
        self._post(units.take_back, held, beside)
        self._post(units.reverse, held, less - beside, reverses=held.consumed_by)
        committed, consumed = committed + less - beside, consumed - less + beside
        more = max(0, wanted.consumed - consumed - (held.uncovered - beside))
        again = self._again(held, max(0, more + wanted.committed - committed), more - committed)
        committed += again
        self._post(units.consume, held, min(more, committed))
        committed -= min(more, committed)
        self._post(units.release, held, max(0, committed - wanted.committed))

    def _again(self, held: Standing, lacking: int, paid: int) -> int:
        """Claims again what was given back, or what a claim in another's place needs beyond what it took, as far as
        its own visit has booked it or others have not used it since; what of it was paid (``paid`` of ``lacking``) is
        then uncovered."""
        bucket, balance = held.bucket, self._balance(held.bucket)
        free = sum([balance.get(account, 0) for account in units.FREE])
        there = free + sum(held.booked.values()) if bucket.limited else lacking
        again = min(lacking, there)
        self._post(units.commit, held, again, own=held.booked, late=True)
        beside = max(0, paid - again)
        if beside:
            reason = "paid after it was given back and used again"
            self._add(
                units.uncovered(
                    bucket,
                    beside,
                    cause=self._own(held),
                    holds_on=self._holds_on,
                    key=self._name(held),
                    reason=reason,
                    visit_key=held.visit_key,
                )
            )
        if again < lacking:
            self.tasks.append(_short(held, lacking - again, paid=bool(beside)))
        return again

    def _post(self, event: Callable[..., Entry], held: Standing, quantity: int, **more: object) -> None:
        if quantity:
            balance = self._balance(held.bucket)
            self._add(
                event(
                    held.bucket,
                    balance,
                    quantity,
                    cause=self._own(held),
                    holds_on=self._holds_on,
                    key=self._name(held),
                    visit_key=held.visit_key,
                    **more,
                )
            )

    def _add(self, entry: Entry) -> None:
        add(self._after, entry)
        self.entries.append(entry)

    def _own(self, held: Standing) -> Cause:
        cause = self._cause
        return Cause(
            document=cause.document,
            segment=cause.segment,
            line=held.lines[0],
            claim=cause.claim,
            authorization=held.bucket.authorization,
            actor=cause.actor,
        )

    def _name(self, held: Standing) -> str:
        return f"{self._key}/{held.visit_key or held.lines[0]}"


def _short(held: Standing, lacking: int, *, paid: bool) -> Finding:
    if held.needed > held.claimed:
        return _short_in_place(held, lacking)
    what = (
        f"{lacking} {held.bucket.unit}(s) that the ledger had given back are claimed again, and others have used them"
    )
    if paid:
        what = (
            f"the payer paid {lacking} {held.bucket.unit}(s) that the ledger had given back, and others have used since"
        )
    return Finding(
        rule="claim_payment",
        what=what,
        where=f"bucket {held.bucket.id}",
        fix="Compare with the payer's count; ask for more before the next visit",
        severity=Severity.WARN,
        source="domain facts, 6.1",
    )


def _short_in_place(held: Standing, lacking: int) -> Finding:
    return Finding(
        rule="claim_payment",
        what=f"the payer took this claim in the place of another, and {lacking} {held.bucket.unit}(s) that it bills "
        "are not left",
        where=f"bucket {held.bucket.id}",
        fix="Ask the payer for more, or compare with its count and enter that",
        severity=Severity.BLOCK,
        source="domain facts, 6.2",
    )
