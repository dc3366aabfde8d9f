"""The subledger of what a payer adds to or takes from whole payments (PLB): what each row is about, and what is open.

A payer carries forward what it cannot take now (FB, and BPR02 is never negative), defers the recovery of an overpayment
(WO negative) and takes it later (WO positive), acknowledges a refund (72 against WO), pays interest (L6). A row's
partner may be in a remittance that came earlier, comes later, or was lost: so this asks the set of a payer's rows,
never their order of arrival. Posts nothing: a row's money is where its remittance put it, whatever it matches.

Sources: 005010X221A1, balance forward and overpayment recovery; x12.org RFI 325, 738, 968, 1374, 1756.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Protocol

from gateway.domain.money import dollars
from gateway.errors import Finding, Severity


class ProviderLevelRow(Protocol):
    """One pair of a PLB with the remittance that it came in. ``amount`` is cents, positive where money is taken."""

    @property
    def id(self) -> str: ...
    @property
    def remittance(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def provider(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def reference(self) -> str: ...
    @property
    def amount(self) -> int: ...
    @property
    def check_number(self) -> str: ...
    @property
    def paid_on(self) -> date: ...


class About(StrEnum):
    """What a row is."""

    CARRIED = "carried"  # FB, negative: a later remittance takes it.
    APPLIED = "applied"  # FB, positive: takes what an earlier one carried.
    DEFERRED = "deferred"  # WO, negative: an overpayment that is not taken yet.
    RECOVERED = "recovered"  # WO, positive: takes what was deferred.
    TAKEN_BACK = "taken_back"  # WO, positive: takes an overpayment of a claim.
    REFUNDED = "refunded"  # 72, and the WO that it offsets: the provider had sent the money.
    INTEREST = "interest"  # L6
    ADJUSTED = "adjusted"  # CS and all others.
    UNMATCHED = "unmatched"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """What a row is about: ``matched`` is another row or our claim, found on ``matched_on``, as sure as ``confidence``
    of 100. ``open`` are the cents that a later remittance is still to take."""

    id: str
    about: About
    matched: str = ""
    matched_on: str = ""
    confidence: int = 0
    open: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Subledger:
    """In the order of the rows' remittances."""

    linked: tuple[Linked, ...]
    tasks: tuple[Finding, ...]


_OPENS = {"FB": About.CARRIED, "WO": About.DEFERRED}  # Where negative; a positive row of the same reason takes it.
_TAKES = {"FB": About.APPLIED, "WO": About.RECOVERED}
_REFUND = "72"
_SURE = {"reference and amount": 100, "reference": 90, "amount": 60, "the only one open": 40}


def subledger(
    rows: Iterable[ProviderLevelRow], claims: Mapping[str, str], reversed_claims: Collection[str] = ()
) -> Subledger:
    """What each row is about. ``rows`` are all of one payer that stand posted, in any order.

    ``claims`` gives our claim for a CLP01 or CLP07 that a row's reference (PLB03-2) may hold; ``reversed_claims`` are
    those that a posted reversal took back.
    """
    placed = sorted(rows, key=_place)
    linked: dict[str, Linked] = {}
    for group in _grouped(placed):
        _refunds(group, linked)
        _chains(group, linked)
    tasks: list[Finding] = []
    for row in placed:
        link = linked.get(row.id) or Linked(id=row.id, about=_alone(row))
        claim, confidence = _claim(row.reference, claims)
        if claim and not link.matched:
            about = About.TAKEN_BACK if link.about is About.UNMATCHED and row.reason == "WO" else link.about
            link = replace(link, about=about, matched=claim, matched_on="claim", confidence=confidence)
        linked[row.id] = link
        tasks += _told(row, link, reversed_claims)
    return Subledger(linked=tuple([linked[row.id] for row in placed]), tasks=tuple(tasks))


def _place(row: ProviderLevelRow) -> tuple[date, str, str, int]:
    return row.paid_on, row.check_number, row.remittance, row.number


def _grouped(rows: Sequence[ProviderLevelRow]) -> Iterator[list[ProviderLevelRow]]:
    groups: dict[str, list[ProviderLevelRow]] = {}
    for row in rows:
        groups.setdefault(row.provider, []).append(row)
    yield from groups.values()


def _alone(row: ProviderLevelRow) -> About:
    if row.reason == "L6":
        return About.INTEREST
    return About.UNMATCHED if row.reason in (*_OPENS, _REFUND) else About.ADJUSTED


def _refunds(rows: Sequence[ProviderLevelRow], linked: dict[str, Linked]) -> None:
    """A 72 is offset by a WO of the same remittance that refers to the same (RFI 325): neither moves money."""
    for row in rows:
        if row.reason != _REFUND or row.amount >= 0:
            continue
        offsets = [
            each
            for each in rows
            if (each.reason, each.remittance, each.amount) == ("WO", row.remittance, -row.amount)
            and each.id not in linked
        ]
        same = [each for each in offsets if each.reference == row.reference] or offsets
        if not same:
            continue
        sure = "reference and amount" if same[0].reference == row.reference else "amount"
        for one, other in ((row, same[0]), (same[0], row)):
            linked[one.id] = Linked(
                id=one.id, about=About.REFUNDED, matched=other.id, matched_on=sure, confidence=_SURE[sure]
            )


def _chains(rows: Sequence[ProviderLevelRow], linked: dict[str, Linked]) -> None:
    """Each amount that is taken, with what an earlier remittance carried forward or deferred."""
    for reason, opened in _OPENS.items():
        left = {row.id: -row.amount for row in rows if row.reason == reason and row.amount < 0}
        openers = [row for row in rows if row.id in left]
        for row in rows:
            if row.reason != reason or row.amount <= 0 or row.id in linked:
                continue
            fitting, on = _opener(row, [each for each in openers if left[each.id] > 0])
            if fitting is None:
                about = About.AMBIGUOUS if on else About.UNMATCHED
                linked[row.id] = Linked(id=row.id, about=about)
                continue
            left[fitting.id] -= row.amount
            linked[row.id] = Linked(
                id=row.id,
                about=_TAKES[reason],
                matched=fitting.id,
                matched_on=on,
                confidence=_SURE[on],
                open=min(0, left[fitting.id]),
            )
        for row in openers:
            linked[row.id] = Linked(id=row.id, about=opened, open=max(0, left[row.id]))


def _opener(row: ProviderLevelRow, openers: Sequence[ProviderLevelRow]) -> tuple[ProviderLevelRow | None, str]:
    """What this row takes, and what says so; none but a word where several would fit alike.

    By the reference: the same, or the check number of the remittance that opened it; then by the amount. An FB that
    fits neither takes the only balance there is: a payer keeps one at a time (RFI 738).
    """
    before = [each for each in openers if each.remittance != row.remittance and each.paid_on <= row.paid_on]
    named = [each for each in before if row.reference and row.reference in (each.reference, each.check_number)]
    same = [each for each in named if -each.amount == row.amount]
    if same or named:
        return (same or named)[0], "reference and amount" if same else "reference"
    alike = [each for each in before if -each.amount == row.amount]
    if len(alike) == 1:
        return alike[0], "amount"
    if row.reason == "FB" and len(before) == 1:
        return before[0], "the only one open"
    return None, "several" if row.reason == "FB" and before else ""


def _claim(reference: str, claims: Mapping[str, str]) -> tuple[str, int]:
    """The claim that a reference names, and how surely; some payers put account and claim number side by side."""
    if reference in claims:
        return claims[reference], 100
    named = {claims[part] for part in reference.split() if part in claims}
    return (named.pop(), 80) if len(named) == 1 else ("", 0)


def _told(row: ProviderLevelRow, link: Linked, reversed_claims: Collection[str]) -> Iterator[Finding]:
    if link.about is About.UNMATCHED and row.amount > 0:
        yield _task(row, "is taken for something that is not known here", row.amount)
    elif link.about is About.UNMATCHED and row.reason == _REFUND:
        yield _task(row, "acknowledges a refund, and no WO offsets it", row.amount)
    elif link.about is About.AMBIGUOUS:
        yield _task(row, "is taken for one of several balances, and nothing says which", row.amount)
    elif link.about is About.TAKEN_BACK and link.matched in reversed_claims:
        yield _task(row, "is taken back for a claim whose reversal has taken it back before", row.amount)
    elif link.about is About.TAKEN_BACK:
        what = "is taken back for a claim without a reversal of its payment"
        yield _task(row, what, row.amount, fix="Correct the claim's payment by the payer's letter", warn=True)
    elif link.open < 0:
        yield _task(row, "is more than was carried forward or deferred, by", -link.open)


_FIX = "Ask the payer what it is for, or find the remittance that it refers to"


def _task(row: ProviderLevelRow, what: str, cents: int, *, fix: str = _FIX, warn: bool = False) -> Finding:
    return Finding(
        rule="provider_adjustment",
        what=f"PLB {row.reason} {what}: {dollars(cents)}",
        where=f"$.provider_adjustments[{row.number}]",
        fix=fix,
        severity=Severity.WARN if warn else Severity.BLOCK,
        source="005010X221A1, overpayment recovery and balance forward; x12.org RFI 738, 1756",
    )
