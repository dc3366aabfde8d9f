"""What a person's word about an authorization does to its buckets: the entries, and what does not fit. Posts nothing.

Each posting goes by domain facts, 6.2: a count upwards is granted, one downwards is given back as far as it is free,
and what is in use already is a shortfall for a person, never negative.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from gateway.domain.authorization import Unit
from gateway.domain.instruction import Certification, CertifiedLine
from gateway.errors import Finding
from gateway.ledger import units
from gateway.ledger.certifying import bucket_of
from gateway.ledger.entry import Account, Balance, Bucket, Cause, Entry, digest
from gateway.ledger.granting import Grant
from gateway.ledger.visiting import is_certified

SOURCE = "domain facts, 6.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A bucket to keep, new or known, what is posted to it, and the shortfall that a person must look at."""

    bucket: Bucket
    entries: tuple[Entry, ...] = ()
    task: Finding | None = None


def opened(
    told: Certification,
    *,
    authorization: str,
    organisation: str,
    clinic: str,
    channel: str,
    cause: Cause,
    holds_on: date,
    key: str,
    note: str,
) -> tuple[Posted, ...]:
    """A bucket for each quantity that was certified, with what was used before the clinic came to us."""
    made = []
    for number, line in enumerate(told.lines, start=1):
        grant = _grant(told, line, number if len(told.lines) > 1 else 0, channel)
        bucket = bucket_of(grant, authorization=authorization, organisation=organisation, clinic=clinic)
        amount = line.quantity.amount if line.quantity else 0
        entries: tuple[Entry, ...] = ()
        if line.used_before:
            entry = units.opening(bucket, amount, line.used_before, cause=cause, holds_on=holds_on, key=key, note=note)
            entries = (entry,)
        elif amount:
            entries = (units.grant(bucket, {}, amount, cause=cause, holds_on=holds_on, key=key, note=note),)
        made.append(Posted(bucket=bucket, entries=entries))
    return tuple(made)


def _grant(told: Certification, line: CertifiedLine, number: int, channel: str) -> Grant:
    return Grant(
        line=number,
        procedures=line.procedures,
        modifiers=(line.discipline,) if line.discipline else (),
        number=line.number or told.number,
        quantity=line.quantity,
        unit=line.quantity.unit if line.quantity else Unit.VISIT,
        starts_on=line.starts_on or told.starts_on,
        ends_on=line.ends_on or told.ends_on,
        quantity_source=channel,
        window_source=channel,
    )


def chosen(buckets: Sequence[Bucket], procedures: Sequence[str], discipline: str, number: str) -> list[Bucket]:
    """The certified buckets that an instruction can mean: those that agree in all that it says."""
    return [
        each
        for each in buckets
        if is_certified(each)
        and (not procedures or set(procedures) <= set(each.procedures))
        and (not discipline or discipline in each.modifiers)
        and (not number or each.number.strip() == number.strip())
    ]


def certified(balance: Balance) -> int:
    """What the payer certified for a bucket by our count: without what was given back and what went elsewhere."""
    gone = balance.get(Account.RETURNED, 0) + balance.get(Account.MOVED, 0)
    return -balance.get(Account.GRANT, 0) - gone


def counted(
    bucket: Bucket, balance: Balance, want: int, *, cause: Cause, holds_on: date, key: str, note: str
) -> Posted:
    """Brings what was certified to ``want``: upwards granted, downwards given back as far as it is free."""
    have = certified(balance)
    if want > have:
        entry = units.grant(bucket, balance, want - have, cause=cause, holds_on=holds_on, key=key, note=note)
        return Posted(bucket=bucket, entries=(entry,))
    back = min(have - want, max(0, balance.get(Account.AVAILABLE, 0)))
    entries: tuple[Entry, ...] = ()
    if back:
        entries = (units.give_back(bucket, balance, back, cause=cause, holds_on=holds_on, key=key, note=note),)
    short = have - want - back
    task = None
    if short:
        task = Finding(
            rule="payer_count",
            what=f"the payer counts {short} less than is in use here: what is booked, rendered or claimed stands",
            where=f"bucket {bucket.id}",
            fix="Compare with the payer's count, and take appointments or claims back where it is right",
            source=SOURCE,
        )
    return Posted(bucket=bucket, entries=entries, task=task)


def rewindowed(
    bucket: Bucket, balance: Balance, ends_on: date, *, cause: Cause, holds_on: date, key: str, note: str
) -> Posted:
    """The window's end moved: what is left, or was left when the window ended, goes on in a bucket of the new window.
    What is booked, claimed or used stays where it is."""
    to = replace(
        bucket,
        id=digest("bu", bucket.id, ends_on.isoformat()),
        ends_on=ends_on,
        window_source=note.partition(",")[0],
    )
    left = sum(balance.get(each, 0) for each in units.FREE)
    entries: tuple[Entry, ...] = ()
    if left:
        entry = units.transfer(
            bucket, balance, left, to=to, cause=cause, holds_on=holds_on, key=key, note=note, expired=True
        )
        entries = (entry,)
    return Posted(bucket=to, entries=entries)
