"""The entries that a settlement comes to: releases, consumptions and reversals in their order, each on the balance
that the one before leaves. Never draws more than a bucket holds: what a payer paid beyond that is uncovered."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from gateway.errors import Finding, Severity
from gateway.ledger import units
from gateway.ledger.entry import Balances, Cause, Entry, apply
from gateway.ledger.matching import left
from gateway.ledger.outcome import Move
from gateway.ledger.standing import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    entries: tuple[Entry, ...]
    tasks: tuple[Finding, ...]


def settled(moves: Iterable[Move], balances: Balances, *, cause: Cause, holds_on: date, key: str) -> Settled:
    """``key`` names the claim payment: its remittance (payer, number, date) and its place in it, so that reading the
    remittance again posts nothing new. ``cause`` is the payment's; each entry gets its own line."""
    entries: list[Entry] = []
    tasks: list[Finding] = []
    post = {"consume": units.consume, "release": units.release}
    for move in moves:
        held = move.standing
        bucket, name = held.bucket, f"{key}/{held.visit_key or held.lines[0]}"
        own = replace(cause, line=held.lines[0], authorization=bucket.authorization)
        made, quantity = _recommitted(move, balances, own, holds_on, name, tasks)
        for entry in made:
            balances = apply(balances, entry)
        entries += made
        if not quantity:
            continue
        balance = balances.get(bucket.id, {})
        if move.kind == "reverse":
            entry = units.reverse(
                bucket,
                balance,
                quantity,
                cause=own,
                holds_on=holds_on,
                key=name,
                visit_key=held.visit_key,
                reverses=move.reverses,
            )
        else:
            entry = post[move.kind](
                bucket, balance, quantity, cause=own, holds_on=holds_on, key=name, visit_key=held.visit_key
            )
        balances = apply(balances, entry)
        entries.append(entry)
    return Settled(entries=tuple(entries), tasks=tuple(tasks))


def withdrawn(
    standing: Iterable[Standing], balances: Balances, *, kind: str, cause: Cause, holds_on: date, key: str
) -> tuple[Entry, ...]:
    """Everything that a claim holds, given back: ``kind`` is release (a 999 or 277CA refused the claim: what it has
    committed) or void (frequency 8 or 7 was accepted: what it has consumed, too)."""
    entries = []
    post = {"release": units.release, "void": units.void}[kind]
    for held in standing:
        quantity = held.committed + (held.consumed if kind == "void" else 0)
        if not quantity:
            continue
        entry = post(
            held.bucket,
            balances.get(held.bucket.id, {}),
            quantity,
            cause=replace(cause, line=held.lines[0], authorization=held.bucket.authorization),
            holds_on=holds_on,
            key=f"{key}/{held.visit_key or held.lines[0]}",
            visit_key=held.visit_key,
        )
        balances = apply(balances, entry)
        entries.append(entry)
    return tuple(entries)


def _recommitted(
    move: Move, balances: Balances, cause: Cause, holds_on: date, key: str, tasks: list[Finding]
) -> tuple[list[Entry], int]:
    """What was released before is committed again; where others have used it since, it is uncovered. Also what is
    then left to move."""
    if not move.recommit:
        return [], move.quantity
    bucket, visit = move.standing.bucket, move.standing.visit_key
    balance = balances.get(bucket.id, {})
    quantity = min(move.recommit, left(bucket, balances)) if bucket.limited else move.recommit
    made = []
    if quantity:
        made.append(  # Late, for its date was seen to lie inside of the window when it was committed first.
            units.commit(
                bucket,
                balance,
                quantity,
                cause=cause,
                holds_on=holds_on,
                key=key,
                visit_key=visit,
                late=True,
            )
        )
    lacking = move.recommit - quantity
    if lacking:
        reason = "paid after it was released and used again"
        made.append(
            units.uncovered(bucket, lacking, cause=cause, holds_on=holds_on, key=key, reason=reason, visit_key=visit)
        )
        tasks.append(
            Finding(
                rule="claim_payment",
                what=f"the payer paid {lacking} that the ledger had given back, and others have used since",
                where=f"bucket {bucket.id}",
                fix="Compare with the payer's count; ask for more before the next visit",
                severity=Severity.WARN,
                source="domain facts, 6.1",
            )
        )
    return made, move.quantity - lacking
