"""What a visit takes of an authorization: booked when scheduled, rendered when it took place, given back when not.

A visit counts once for each bucket, date and discipline (domain facts, 6.1): the appointment, the treatment and the
claim of one day are one quantity that moves on. Decides only; posts nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TypedDict

from gateway.domain.authorization import Unit
from gateway.domain.visit import Status, Treatment, Visit
from gateway.ledger import units
from gateway.ledger.certifying import MEMO
from gateway.ledger.entry import Account, Balances, Bucket, Cause, Entry, apply
from gateway.ledger.matching import ONCE_A_DAY, Gap, in_turn


class _Common(TypedDict):
    cause: Cause
    holds_on: date
    key: str
    visit_key: str


UNCOVERED = "uncovered"  # Bucket.quantity_source of what was rendered under no authorization at all.


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What one visit holds of a bucket: RESERVED, RENDERED or UNCOVERED. Claims have taken ``claimed`` of it on;
    ``procedures`` are the services that are uncovered, () where none was told."""

    bucket: str
    account: Account
    quantity: int
    claimed: int = 0
    procedures: tuple[str, ...] = ()

    @property
    def left(self) -> int:
        return self.quantity - self.claimed


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a visit needs, by bucket, and what stands in the way of the rest."""

    draws: tuple[tuple[Bucket, int], ...]
    lacking: tuple["Lack", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """One service that nothing serves: ``bucket`` is the one that came nearest, None where none did."""

    gap: Gap
    procedure: str
    bucket: Bucket | None = None
    quantity: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The entries of a change of a visit, and what it holds after them."""

    entries: tuple[Entry, ...]
    held: tuple[Held, ...]


def is_certified(bucket: Bucket) -> bool:
    """Whether a payer certified it; other buckets remember what was asked for, or what went without."""
    return bucket.quantity_source not in (MEMO, UNCOVERED)


def wanted(
    visit: Visit,
    buckets: Iterable[Bucket],
    balances: Balances,
    *,
    held: Sequence[Held] = (),
    counted: Collection[str] = (),
    exempt: Collection[str] = (),
) -> Wanted:
    """What a visit needs of an authorization's ``buckets``; ``held`` is what it holds already.

    ``counted`` are the buckets that count this visit already, for another appointment or a claim of the day;
    ``exempt`` the procedures that this payer wants no authorization for.
    """
    certified = [each for each in buckets if is_certified(each)]
    late = visit.status is Status.TOOK_PLACE
    free = {each.id: _free(each, balances, held, late=late) for each in certified}
    services = [each for each in visit.lines if each.procedure not in exempt]
    if not visit.lines:
        services = [Treatment(procedure="")]
    draws: dict[str, tuple[Bucket, int]] = {}
    lacking: list[Lack] = []
    for service in services:
        fitting, gap = _fitting(visit, service, certified)
        if gap is not None:
            lacking.append(Lack(gap=gap, procedure=service.procedure))
            continue
        if any(each.unit in ONCE_A_DAY and (each.id in draws or each.id in counted) for each in fitting):
            continue
        needs = {each.id: _needed(service, each) for each in fitting}
        found = next((each for each in fitting if _enough(each, needs[each.id], free)), None)
        if found is None:
            unknown = all(each is None for each in needs.values())
            gap = Gap.MINUTES_UNKNOWN if unknown else Gap.EXHAUSTED
            short = needs[fitting[0].id] or 1
            lacking.append(Lack(gap=gap, procedure=service.procedure, bucket=fitting[0], quantity=short))
            continue
        need = needs[found.id] or 0
        free[found.id] -= need
        draws[found.id] = (found, need + draws.get(found.id, (found, 0))[1])
    return Wanted(draws=tuple(draws.values()), lacking=tuple(lacking))


def move(
    visit: Visit,
    want: Wanted,
    held: Sequence[Held],
    balances: Balances,
    buckets: Mapping[str, Bucket],
    *,
    visit_key: str,
    cause: Cause,
    holds_on: date,
    key: str,
) -> Step:
    """Brings what a visit holds to what its status says. ``buckets`` are all that it may touch, by id; ``key`` names
    this change of this visit, so that the same change posts once."""
    book = _Book(balances, buckets, cause, holds_on, key, visit_key)
    after = [each for each in held if each.claimed or each.account is Account.UNCOVERED]
    if visit.status is Status.TOOK_PLACE:
        keep = {bucket.id: quantity for bucket, quantity in want.draws}
        for each in held:
            if each.account is Account.RESERVED and each.left > keep.get(each.bucket, 0):
                book.unreserve(each.bucket, each.left - keep.get(each.bucket, 0))
        for bucket, quantity in want.draws:
            before = next((each for each in held if each.bucket == bucket.id), None)
            taken = before.claimed if before else 0
            has = before.left if before and before.account is Account.RENDERED else 0
            own = before.left if before and before.account is Account.RESERVED else 0
            if quantity - taken - has > 0:
                book.render(bucket, quantity - taken - has, min(own, quantity - taken))
            after = [each for each in after if each.bucket != bucket.id]
            whole = max(quantity, taken)
            after.append(Held(bucket=bucket.id, account=Account.RENDERED, quantity=whole, claimed=taken))
    elif visit.status is Status.SCHEDULED:
        for bucket, quantity in want.draws:
            book.reserve(bucket, quantity)
            after.append(Held(bucket=bucket.id, account=Account.RESERVED, quantity=quantity))
    else:
        for each in held:
            book.give_up(each)
        after = [replace(each, quantity=each.claimed) for each in after if each.claimed]
    return Step(entries=tuple(book.entries), held=tuple(after))


class _Book:
    """Entries for one change, each on the balances that the one before leaves."""

    def __init__(
        self,
        balances: Balances,
        buckets: Mapping[str, Bucket],
        cause: Cause,
        holds_on: date,
        key: str,
        visit_key: str,
    ) -> None:
        self.entries: list[Entry] = []
        self._balances = balances
        self._buckets = buckets
        self._cause = cause
        self._holds_on = holds_on
        self._key = key
        self._visit_key = visit_key

    def reserve(self, bucket: Bucket, quantity: int) -> None:
        self._add(units.reserve(bucket, self._balance(bucket), quantity, **self._common(bucket)))

    def unreserve(self, bucket_id: str, quantity: int) -> None:
        bucket = self._buckets[bucket_id]
        self._add(units.unreserve(bucket, self._balance(bucket), quantity, **self._common(bucket)))

    def render(self, bucket: Bucket, quantity: int, own: int) -> None:
        common = self._common(bucket)
        entry = units.render(bucket, self._balance(bucket), quantity, own={Account.RESERVED: own}, late=True, **common)
        self._add(entry)

    def give_up(self, held: Held) -> None:
        """What no claim has taken goes back to where it came from."""
        if not held.left:
            return
        if held.account is Account.RESERVED:
            self.unreserve(held.bucket, held.left)
            return
        bucket = self._buckets[held.bucket]
        entry = units.retract(bucket, self._balance(bucket), held.left, source=held.account, **self._common(bucket))
        self._add(entry)

    def _add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self._balances = apply(self._balances, entry)

    def _balance(self, bucket: Bucket) -> Mapping[Account, int]:
        return self._balances.get(bucket.id, {})

    def _common(self, bucket: Bucket) -> "_Common":
        cause = replace(self._cause, authorization=bucket.authorization)
        return _Common(cause=cause, holds_on=self._holds_on, key=self._key, visit_key=self._visit_key)


def _free(bucket: Bucket, balances: Balances, held: Sequence[Held], *, late: bool) -> int:
    """What a visit may take: what is free, what it holds already, and of a window that has ended what was left."""
    balance = balances.get(bucket.id, {})
    own = sum(each.quantity for each in held if each.bucket == bucket.id and each.account is not Account.UNCOVERED)
    accounts = units.FREE if late else units.FREE[:1]
    return own + sum(balance.get(each, 0) for each in accounts)


def _fitting(visit: Visit, service: Treatment, buckets: Sequence[Bucket]) -> tuple[list[Bucket], Gap | None]:
    """The buckets that may serve one service, what ends first before the others; with none, what stands in the way."""
    left = list(buckets)
    for gap, fits in (
        (Gap.NO_AUTHORIZATION, lambda each: True),
        (
            Gap.PROCEDURE,
            lambda each: not (service.procedure and each.procedures) or service.procedure in each.procedures,
        ),
        (Gap.DISCIPLINE, lambda each: not each.modifiers or visit.discipline in each.modifiers),
        (Gap.OUTSIDE_WINDOW, lambda each: each.holds_on(visit.served_on)),
    ):
        left = [each for each in left if fits(each)]
        if not left:
            return [], gap
    return sorted(left, key=in_turn), None


def _needed(service: Treatment, bucket: Bucket) -> int | None:
    """How much of a bucket a service needs; None where its units or minutes would be needed and are not known."""
    minutes = sum(each.minutes for each in service.minutes)
    amounts = {Unit.VISIT: 1, Unit.DAY: 1, Unit.UNIT: service.units or None, Unit.MINUTE: minutes or None}
    return amounts[bucket.unit]


def _enough(bucket: Bucket, needed: int | None, free: Mapping[str, int]) -> bool:
    return needed is not None and (not bucket.limited or free[bucket.id] >= needed)
