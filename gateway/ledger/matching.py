"""Which certified quantity serves a claim's lines, and how much of it they use. Decides only; posts nothing itself.

A line that names an authorization is served by that one or by none; another is served by whatever bucket of the same
clinic, patient and payer (the caller hands those in) fits its procedure, discipline and date: first the one that ends
first. A visit counts once for each bucket, date and discipline, however many lines it has (domain facts, 6.1).
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from gateway.domain.authorization import Unit
from gateway.domain.claim import Claim, ServiceLine
from gateway.ledger import units
from gateway.ledger.billed import BilledClaim
from gateway.ledger.certifying import MEMO
from gateway.ledger.entry import Balances, Bucket, Cause, Entry, apply, digest
from gateway.ledger.granting import DISCIPLINES

_ONCE_A_DAY = (Unit.VISIT, Unit.DAY)


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
    visit already. ``visit_key`` is "" where units or minutes are counted.
    """

    bucket: Bucket
    quantity: int
    visit_key: str
    lines: tuple[str, ...]
    served_on: date


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


def discipline(line: ServiceLine) -> str:
    """GP, GO or GN; "" where the line has none."""
    return next((each for each in line.modifiers if each in DISCIPLINES), "")


def visit_key(claim: BilledClaim, line: ServiceLine, bucket: Bucket) -> str:
    """An opaque name of the visit: the authorization (which is one patient's), the date and the discipline.

    A line without a discipline takes the bucket's, else one that the claim has on that date: it is no visit more.
    """
    words = [discipline(line)] if discipline(line) else list(bucket.modifiers)
    if len(words) != 1:
        words = sorted({discipline(each) for each in claim.lines if each.served_on == line.served_on} - {""})
    return digest("vi", bucket.authorization, line.served_on.isoformat(), words[0] if words else "")


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
    return tuple(sorted(left, key=_order)), None


def bucket_for(claim: Claim, line: ServiceLine, buckets: Iterable[Bucket], balances: Balances) -> Bucket | None:
    """The bucket that serves a line standing alone; None where nothing does or too little is left."""
    wanted = _quantity(line)
    for bucket in candidates(claim, line, buckets)[0]:
        needed = wanted(bucket)
        if needed is not None and (not bucket.limited or left(bucket, balances) >= needed):
            return bucket
    return None


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
) -> Drawn:
    """What a claim takes, bucket by bucket, and the lines that nothing serves.

    ``counted`` are (bucket id, visit key) that earlier claims hold; ``exempt`` are procedures that this payer wants no
    authorization for. A line is served whole by one bucket, or not at all.
    """
    remaining = {each.id: left(each, balances) for each in buckets}
    draws: dict[tuple[str, str], Draw] = {}
    uncovered: list[Uncovered] = []
    for line in claim.lines:
        if line.procedure in exempt:
            continue
        fitting, gap = candidates(claim, line, buckets, authorization=authorization)
        if gap is not None:
            uncovered.append(Uncovered(line=line.control_number, gap=gap))
            continue
        made = _take(claim, line, fitting, remaining, draws, counted)
        if isinstance(made, Uncovered):
            uncovered.append(made)
        else:
            draws[made.bucket.id, made.visit_key or line.control_number] = made
    return Drawn(draws=tuple(draws.values()), uncovered=tuple(uncovered))


def commits(
    claim: Claim, draws: Iterable[Draw], balances: Balances, *, document: str, holds_on: date, key: str, actor: str = ""
) -> tuple[Entry, ...]:
    """The entries that commit what a claim takes. ``key`` names the sending, so that a later one commits anew."""
    entries = []
    for each in draws:
        if not each.quantity:
            continue
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
        )
        balances = apply(balances, entry)
        entries.append(entry)
    return tuple(entries)


def _take(
    claim: Claim,
    line: ServiceLine,
    fitting: Sequence[Bucket],
    remaining: dict[str, int],
    draws: dict[tuple[str, str], Draw],
    counted: Collection[tuple[str, str]],
) -> Draw | Uncovered:
    number = line.control_number
    keys = {each.id: visit_key(claim, line, each) if each.unit in _ONCE_A_DAY else "" for each in fitting}
    for bucket in fitting:  # A visit that is counted already costs nothing more.
        key = keys[bucket.id]
        known = draws.get((bucket.id, key)) if key else None
        if known:
            lines = (*known.lines, number)
            return Draw(bucket=bucket, quantity=known.quantity, visit_key=key, lines=lines, served_on=line.served_on)
        if key and (bucket.id, key) in counted:
            return Draw(bucket=bucket, quantity=0, visit_key=key, lines=(number,), served_on=line.served_on)
    wanted = _quantity(line)
    for bucket in fitting:
        needed = wanted(bucket)
        if needed is not None and (not bucket.limited or remaining[bucket.id] >= needed):
            remaining[bucket.id] -= needed
            key = keys[bucket.id]
            return Draw(bucket=bucket, quantity=needed, visit_key=key, lines=(number,), served_on=line.served_on)
    unknown = all(wanted(each) is None for each in fitting)
    return Uncovered(line=number, gap=Gap.MINUTES_UNKNOWN if unknown else Gap.EXHAUSTED, bucket=fitting[0].id)


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


def _order(bucket: Bucket) -> tuple[date, bool, date, str]:
    """First what ends first; then what names its procedures; then what starts first."""
    return (bucket.ends_on or date.max, not bucket.procedures, bucket.starts_on or date.min, bucket.id)
