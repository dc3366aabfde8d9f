"""Which certified quantity serves a claim's lines, and how much of it they use. Decides only; posts nothing itself.

A line that names an authorization is served by that one or by none; another is served by whatever bucket of the same
clinic, patient and payer (the caller hands those in) fits its procedure, discipline and date: first the one that ends
first. A visit counts once for each bucket, date and discipline, however many lines it has (domain facts, 6.1).
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from gateway.domain.authorization import Unit
from gateway.domain.claim import Claim, ServiceLine
from gateway.domain.disciplines import counted_under, discipline
from gateway.ledger import units
from gateway.ledger.billed import BilledClaim
from gateway.ledger.certifying import MEMO
from gateway.ledger.entry import Account, Balances, Bucket, Cause, Entry, apply, digest

ONCE_A_DAY = (Unit.VISIT, Unit.DAY)
Booked = Mapping[tuple[str, str], Mapping[Account, int]]
"""What visits have booked (RESERVED) and rendered, by bucket id and the visit's name: theirs, and nobody else's."""


class Gap(StrEnum):
    """Why a line is not covered."""

    NO_AUTHORIZATION = "no authorization is on file"
    UNKNOWN_NUMBER = "the authorization it names is not on file"
    PROCEDURE = "its procedure is not authorized"
    DISCIPLINE = "its discipline is not authorized"
    OUTSIDE_WINDOW = "its date is outside of the authorized window"
    EXHAUSTED = "too little is left"
    MINUTES_UNKNOWN = "hours are authorized and its minutes are not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What a claim takes from a bucket: for one visit, or for one line where units are counted.

    ``lines`` are the control numbers (REF*6R) that it serves. ``quantity`` 0 says that an earlier claim has taken the
    visit already. ``visit_key`` is "" where units or minutes are counted; ``visit`` names the visit in any case.
    """

    bucket: Bucket
    quantity: int
    visit_key: str
    lines: tuple[str, ...]
    served_on: date
    visit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncovered:
    """A line that nothing serves. ``bucket`` is the one that came nearest, "" where none did."""

    line: str
    gap: Gap
    bucket: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    draws: tuple[Draw, ...]
    uncovered: tuple[Uncovered, ...]


def visit_key(claim: BilledClaim, line: ServiceLine, bucket: Bucket) -> str:
    """An opaque name of the visit: the authorization (which is one patient's), the date and the discipline."""
    return key_of(bucket.authorization, line.served_on, counted_under(line, claim.lines, bucket.modifiers))


def key_of(authorization: str, day: date, discipline: str) -> str:
    """The opaque name of a visit: of one authorization's patient, on one day, in one discipline."""
    return digest("vi", authorization, day.isoformat(), discipline)


def candidates(
    claim: Claim, line: ServiceLine, buckets: Iterable[Bucket], *, authorization: str = ""
) -> tuple[tuple[Bucket, ...], Gap | None]:
    """The buckets that may serve a line, in the order to draw on them; with none, what stands in the way.

    ``authorization`` is our id of the one that the claim names by the clinic's own number.
    """
    number = line.authorization or claim.authorization
    tests: tuple[tuple[Gap, Callable[[Bucket], bool]], ...] = (
        (Gap.NO_AUTHORIZATION, lambda each: _owned(each, claim)),
        (Gap.UNKNOWN_NUMBER, lambda each: _named(each, number, authorization)),
        (Gap.PROCEDURE, lambda each: not each.procedures or line.procedure in each.procedures),
        (Gap.DISCIPLINE, lambda each: _fits_discipline(each, line)),
        (Gap.OUTSIDE_WINDOW, lambda each: each.holds_on(line.served_on)),
    )
    left = list(buckets)
    for gap, test in tests:
        left = [each for each in left if test(each)]
        if not left:
            return (), gap
    return tuple(sorted(left, key=in_turn)), None


def left(bucket: Bucket, balances: Balances) -> int:
    """What claims for dates inside the window may still take, whether booked, rendered, free or expired."""
    balance = balances.get(bucket.id, {})
    return sum(balance.get(account, 0) for account in units.LATE)


def draw(
    claim: Claim,
    buckets: Sequence[Bucket],
    balances: Balances,
    *,
    authorization: str = "",
    counted: Collection[tuple[str, str]] = (),
    exempt: Collection[str] = (),
    booked: Booked | None = None,
    pools: Mapping[str, Collection[str]] | None = None,
) -> Drawn:
    """What a claim takes, bucket by bucket, and the lines that nothing serves.

    ``pools`` are, by line (REF*6R), the ids of the buckets that may serve it; a line that is not there draws on
    nothing. ``counted`` are (bucket id, visit key) that earlier claims hold; ``exempt`` are procedures that this payer
    wants no authorization for. ``booked`` is what each visit holds itself; without it a claim may take whatever is
    booked. A line is served whole by one bucket, or not at all.
    """
    stock = _Stock(buckets, balances, booked)
    draws: dict[tuple[str, str], Draw] = {}
    uncovered: list[Uncovered] = []
    for line in claim.lines:
        if line.procedure in exempt or (pools is not None and line.control_number not in pools):
            continue
        own = buckets if pools is None else [each for each in buckets if each.id in pools[line.control_number]]
        fitting, gap = candidates(claim, line, own, authorization=authorization)
        if gap is not None:
            uncovered.append(Uncovered(line=line.control_number, gap=gap))
            continue
        made = _take(claim, line, fitting, stock, draws, counted)
        if isinstance(made, Uncovered):
            uncovered.append(made)
        else:
            draws[made.bucket.id, made.visit_key or line.control_number] = made
    return Drawn(draws=tuple(draws.values()), uncovered=tuple(uncovered))


def commits(
    claim: Claim,
    draws: Iterable[Draw],
    balances: Balances,
    *,
    document: str,
    holds_on: date,
    key: str,
    actor: str = "",
    booked: Booked | None = None,
) -> tuple[Entry, ...]:
    """The entries that commit what a claim takes, in the order of its draws, which may take nothing. ``key`` names the
    sending, so that a later one commits anew; ``booked`` is what was handed to ``draw``."""
    entries = []
    own = {name: dict(held) for name, held in (booked or {}).items()}
    for each in draws:
        if not each.quantity:
            continue
        mine = own.setdefault((each.bucket.id, each.visit), {})
        entry = units.commit(
            each.bucket,
            balances.get(each.bucket.id, {}),
            each.quantity,
            cause=Cause(
                document=document,
                line=each.lines[0],
                claim=claim.id,
                authorization=each.bucket.authorization,
                actor=actor,
            ),
            holds_on=holds_on,
            key=f"{key}/{claim.id}/{each.visit_key or each.lines[0]}",
            visit_key=each.visit_key,
            late=each.bucket.holds_on(each.served_on),
            own=None if booked is None else mine,
        )
        for posting in entry.postings:
            if posting.source in mine:
                mine[posting.source] -= posting.quantity
        balances = apply(balances, entry)
        entries.append(entry)
    return tuple(entries)


class _Stock:
    """What is left to draw: of each bucket what is free, and what each visit has booked there."""

    def __init__(self, buckets: Iterable[Bucket], balances: Balances, booked: Booked | None) -> None:
        accounts = units.LATE if booked is None else units.FREE
        self._free = {each.id: sum(balances.get(each.id, {}).get(one, 0) for one in accounts) for each in buckets}
        self._own = {name: sum(held.values()) for name, held in (booked or {}).items()}

    def take(self, bucket: Bucket, visit: str, quantity: int) -> bool:
        """False where there is too little; a bucket without a finite grant always has enough."""
        own = self._own.get((bucket.id, visit), 0)
        if bucket.limited and self._free[bucket.id] + own < quantity:
            return False
        used = min(own, quantity)
        self._own[bucket.id, visit] = own - used
        self._free[bucket.id] -= quantity - used
        return True


def _take(
    claim: Claim,
    line: ServiceLine,
    fitting: Sequence[Bucket],
    stock: _Stock,
    draws: dict[tuple[str, str], Draw],
    counted: Collection[tuple[str, str]],
) -> Draw | Uncovered:
    number, day = line.control_number, line.served_on
    visits = {each.id: visit_key(claim, line, each) for each in fitting}
    for bucket in fitting:  # A visit that is counted already costs nothing more.
        key = visits[bucket.id] if bucket.unit in ONCE_A_DAY else ""
        known = draws.get((bucket.id, key)) if key else None
        if known:
            return replace(known, lines=(*known.lines, number), served_on=day)
        if key and (bucket.id, key) in counted:
            return Draw(bucket=bucket, quantity=0, visit_key=key, lines=(number,), served_on=day, visit=key)
    wanted = _quantity(line)
    for bucket in fitting:
        needed, visit = wanted(bucket), visits[bucket.id]
        if needed is not None and stock.take(bucket, visit, needed):
            key = visit if bucket.unit in ONCE_A_DAY else ""
            return Draw(bucket=bucket, quantity=needed, visit_key=key, lines=(number,), served_on=day, visit=visit)
    unknown = all(wanted(each) is None for each in fitting)
    return Uncovered(line=number, gap=Gap.MINUTES_UNKNOWN if unknown else Gap.EXHAUSTED, bucket=fitting[0].id)


def quantity(line: ServiceLine, bucket: Bucket) -> int | None:
    """How much of a bucket a line takes; None where its minutes would be needed and are not known."""
    return _quantity(line)(bucket)


def _quantity(line: ServiceLine) -> Callable[[Bucket], int | None]:
    """How much of a bucket the line needs; None where its minutes would be needed and are not known."""
    minutes = sum(each.minutes for each in line.minutes)
    amounts = {Unit.VISIT: 1, Unit.DAY: 1, Unit.UNIT: line.units, Unit.MINUTE: minutes or None}
    return lambda bucket: amounts[bucket.unit]


def _owned(bucket: Bucket, claim: Claim) -> bool:
    mine = (bucket.organisation, bucket.clinic) == (claim.organisation, claim.clinic)
    return mine and bucket.quantity_source != MEMO


def _named(bucket: Bucket, number: str, authorization: str) -> bool:
    """A payer's number goes before the clinic's own; with neither, every bucket may serve."""
    if number:
        return bucket.number.strip() == number.strip()
    return not authorization or bucket.authorization == authorization


def _fits_discipline(bucket: Bucket, line: ServiceLine) -> bool:
    """A missing discipline fits: whether this payer wants one is another rule's question."""
    word = discipline(line)
    return not word or not bucket.modifiers or word in bucket.modifiers


def in_turn(bucket: Bucket) -> tuple[date, bool, date, str]:
    """First what ends first; then what names its procedures; then what starts first."""
    return (bucket.ends_on or date.max, not bucket.procedures, bucket.starts_on or date.min, bucket.id)
