"""From what a response grants to buckets and entries: what is new is granted, what is restated counts once.

A bucket's id comes from the authorization and what it certifies, so that a second answer about the same thing finds
the first one's bucket and moves only the difference.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from gateway.domain.authorization import AuthorizationRequest, Quantity
from gateway.domain.disciplines import DISCIPLINES
from gateway.errors import Finding
from gateway.ledger import units
from gateway.ledger.entry import Account, Balances, Bucket, Cause, Entry, digest
from gateway.ledger.granting import Grant

MEMO = "memo"  # Bucket.quantity_source of what was only asked for: no claim draws on it.


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """A bucket to keep, new or known, the entries that bring it to what was granted, and what does not fit."""

    bucket: Bucket
    entries: tuple[Entry, ...]
    tasks: tuple[Finding, ...] = ()


def requested(request: AuthorizationRequest, *, cause: Cause, holds_on: date) -> tuple[Certified, ...]:
    """The memo of what a request asks for: one for each line with a quantity, else one for the event."""
    asked: list[tuple[int, tuple[str, ...], tuple[str, ...], Quantity]] = [
        (each.sequence, (each.procedure,), each.modifiers, each.quantity) for each in request.lines if each.quantity
    ]
    if not asked and request.quantity:
        procedures = tuple(dict.fromkeys(each.procedure for each in request.lines))
        asked.append(
            (0, procedures, tuple(code for each in request.lines for code in each.modifiers), request.quantity)
        )
    memos = []
    for line, procedures, modifiers, quantity in asked:
        bucket = Bucket(
            id=digest("bu", MEMO, request.id, str(line)),
            authorization=request.id,
            organisation=request.organisation,
            clinic=request.clinic,
            number="",
            unit=quantity.unit,
            procedures=procedures,
            modifiers=tuple(dict.fromkeys(code for code in modifiers if code in DISCIPLINES)),
            starts_on=request.starts_on,
            ends_on=request.ends_on,
            quantity_source=MEMO,
            line=line,
        )
        if quantity.amount:
            entry = units.request(bucket, {}, quantity.amount, cause=cause, holds_on=holds_on, key=request.id)
            memos.append(Certified(bucket=bucket, entries=(entry,)))
    return tuple(memos)


def certify(
    grants: Sequence[Grant],
    *,
    authorization: str,
    organisation: str,
    clinic: str,
    balances: Balances,
    cause: Cause,
    holds_on: date,
    key: str,
    known: Iterable[Bucket] = (),
) -> tuple[Certified, ...]:
    """Buckets and entries of what a response grants under ``authorization`` (our id). ``balances`` are those of this
    authorization's buckets, under lock; ``key`` names the response, so that reading it again posts nothing new.

    A later, smaller figure gives back what is still available; what is in use already is a task, never negative. With
    the buckets ``known`` so far, a later answer that states another window is a task, too: a bucket keeps its own.
    """
    done = []
    windows = {each.id: (each.starts_on, each.ends_on) for each in known}
    for grant in grants:
        read_from = replace(cause, segment=grant.segment) if grant.segment else cause
        bucket = bucket_of(grant, authorization=authorization, organisation=organisation, clinic=clinic)
        balance = balances.get(bucket.id, {})
        have = -balance.get(Account.GRANT, 0) - balance.get(Account.RETURNED, 0)
        want = grant.quantity.amount if grant.quantity else have
        entries: list[Entry] = []
        tasks: list[Finding] = []
        if want > have:
            entries.append(units.grant(bucket, balance, want - have, cause=read_from, holds_on=holds_on, key=key))
        back = min(have - want, balance.get(Account.AVAILABLE, 0))
        if back > 0:
            entries.append(units.give_back(bucket, balance, back, cause=read_from, holds_on=holds_on, key=key))
        if have - want > max(back, 0):
            what = f"the payer lowered the certification by {have - want - back} more than is still available"
            fix = "Compare with the payer's own count, and take appointments or claims back where it is right"
            tasks.append(_task(bucket, what, fix))
        if windows.get(bucket.id, (bucket.starts_on, bucket.ends_on)) != (bucket.starts_on, bucket.ends_on):
            what = (
                f"the payer now states another window, {bucket.starts_on} to {bucket.ends_on}: the first one holds here"
            )
            fix = "See which one the payer holds to, and move what is left to an authorization with that window"
            tasks.append(_task(bucket, what, fix))
        done.append(Certified(bucket=bucket, entries=tuple(entries), tasks=tuple(tasks)))
    return tuple(done)


def bucket_of(grant: Grant, *, authorization: str, organisation: str, clinic: str) -> Bucket:
    """The bucket that a grant opens; the same grant of the same authorization always opens the same."""
    parts = (authorization, str(grant.line), grant.number, grant.unit, *sorted(grant.procedures), "/", *grant.modifiers)
    return Bucket(
        id=digest("bu", *parts),
        authorization=authorization,
        organisation=organisation,
        clinic=clinic,
        number=grant.number,
        unit=grant.unit,
        procedures=grant.procedures,
        modifiers=grant.modifiers,
        starts_on=grant.starts_on,
        ends_on=grant.ends_on,
        limited=grant.quantity is not None,
        window_source=grant.window_source,
        quantity_source=grant.quantity_source,
        line=grant.line,
    )


def _task(bucket: Bucket, what: str, fix: str) -> Finding:
    where = f"bucket {bucket.id}"
    return Finding(rule="authorization_decision", what=what, where=where, fix=fix, source="domain facts, 6.2")
