"""Which deposit of the bank is which remittance: by trace number (TRN02), payer (TRN03) and amount (BPR02; 5.1).

Asked of the set of both, so that money may come before its remittance or after it. Never splits a deposit, never takes
a near amount for the same one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol


class Paid(Protocol):
    """A deposit or a remittance: who paid what, when, under which number. ``amount`` is cents."""

    @property
    def id(self) -> str: ...
    @property
    def payer_id(self) -> str: ...
    @property
    def check_number(self) -> str: ...
    @property
    def amount(self) -> int: ...
    @property
    def paid_on(self) -> date: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A deposit with its remittance; "" where none was found. ``differs`` are the cents that the deposit has more.
    ``fits`` are the remittances of one that has none because it, or they, fit several alike."""

    deposit: str
    remittance: str = ""
    matched_on: str = ""
    confidence: int = 0
    differs: int = 0
    fits: tuple[str, ...] = ()


DAYS_APART_MAX = 10
"""Between a deposit and a remittance without a common trace number. The CAQH CORE rule on EFT and ERA has them within
three business days of each other; a holiday and a weekend at both ends fit in."""

_TESTS = (  # From the surest: what has to agree, by the names of Paid; the last is only a hint for a person.
    (("check_number", "payer_id", "amount"), 100),
    (("check_number", "amount"), 90),
    (("check_number", "payer_id"), 80),
    (("payer_id", "amount"), 50),
)


def reassociated(deposits: Iterable[Paid], remittances: Iterable[Paid]) -> tuple[Match, ...]:
    """Each deposit's remittance. Each is used once, the surest first; where several fit alike, none is taken."""
    waiting = {each.id: each for each in sorted(deposits, key=_place)}
    free = {each.id: each for each in sorted(remittances, key=_place)}
    order, found, fits = list(waiting), dict[str, Match](), dict[str, tuple[str, ...]]()
    for names, confidence in _TESTS:
        alike = _grouped(free.values(), names)
        for value, same in _grouped(waiting.values(), names).items():
            fitting = [each for each in alike.get(value, ()) if any(_near(one, each, names) for one in same)]
            if len(same) != 1 or len(fitting) != 1:
                told = tuple(sorted(each.id for each in fitting))
                fits |= {one.id: told for one in same if told and one.id not in fits}
                continue
            deposit, remittance = waiting.pop(same[0].id), free.pop(fitting[0].id)
            found[deposit.id] = Match(
                deposit=deposit.id,
                remittance=remittance.id,
                matched_on=" ".join(names),
                confidence=confidence,
                differs=deposit.amount - remittance.amount,
            )
    return tuple(found.get(each) or Match(deposit=each, fits=fits.get(each, ())) for each in order)


def _grouped(paid: Iterable[Paid], names: Sequence[str]) -> dict[tuple[str | int, ...], list[Paid]]:
    """By what has to agree; one that lacks any of it is in no group."""
    groups: dict[tuple[str | int, ...], list[Paid]] = {}
    for each in paid:
        value = tuple(_value(each, name) for name in names)
        if "" not in value:
            groups.setdefault(value, []).append(each)
    return groups


def _place(paid: Paid) -> tuple[date, str, str]:
    return paid.paid_on, paid.check_number, paid.id


def _near(deposit: Paid, remittance: Paid, names: Sequence[str]) -> bool:
    return "check_number" in names or abs((deposit.paid_on - remittance.paid_on).days) <= DAYS_APART_MAX


def _value(paid: Paid, name: str) -> str | int:
    value = getattr(paid, name)
    if name == "check_number":
        return str(value).strip().lstrip("0") or str(value).strip()  # Banks pad and strip zeros.
    return value.strip() if isinstance(value, str) else int(value)
