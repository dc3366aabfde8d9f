"""Billed units from minutes: CMS's rule (the "eight-minute rule") and the AMA's (each code by itself). Pure.

Handed are one patient's minutes by code on one day in one discipline, of therapist and assistant together. The answer
says each step in words. It never guesses: codes outside of the therapy table are named, not counted.

Sources: CMS Claims Processing Manual 100-04, ch. 5, 20.2 (domain facts, 1.2); CPT's rule of the midpoint.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from gateway.coding.codes import Kind, Procedure, add_on, procedure, table

CMS, AMA = "CMS", "AMA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """What the minutes earn. ``units`` has every timed and special code with minutes, and those without a unit as 0.

    ``minutes`` and ``earned`` are of the timed codes together; for the AMA's rule ``earned`` is the sum. ``untimed``
    are codes that are one unit a session, ``monthly`` those that a calendar month decides on (``month_units``),
    ``unknown`` those outside of the therapy table.
    """

    rule: str
    units: Mapping[str, int]
    minutes: int
    earned: int
    steps: tuple[str, ...]
    untimed: tuple[str, ...] = ()
    monthly: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    whole: Mapping[str, int] = field(default_factory=dict)
    tied: frozenset[str] = frozenset()
    free: int = 0

    def allows(self, billed: Mapping[str, int]) -> bool:
        """Whether these units are right: the ones worked out, or another choice between equal rests, which CMS leaves
        to the provider. Codes that minutes do not decide on are not looked at; a code that is left out bills none."""
        if any(billed.get(code, 0) != count for code, count in self.units.items() if not self._timed(code)):
            return False
        chosen = 0
        for base, whole in self.whole.items():
            total = sum(billed.get(code, 0) for code in _family(base))
            if billed.get(base, 0) != min(1, total) and len(_family(base)) > 1:
                return False
            extra = total - whole
            if base not in self.tied and extra:
                return False
            if base in self.tied:
                if extra not in (0, 1):
                    return False
                chosen += extra
        return chosen == self.free

    def _timed(self, code: str) -> bool:
        return any(code in _family(base) for base in self.whole)


def units_of(minutes: int) -> int:
    """The chart of 100-04, ch. 5, 20.2: 8 to 22 minutes are one unit, 23 to 37 two, and so on."""
    return (minutes + 7) // 15


def units(minutes: Mapping[str, int], rule: str, day: date | None = None) -> Units:
    """The units that minutes by code earn under "CMS" or "AMA"; ``day`` picks the codes that were in use.

    The order of the codes does not matter. Equal rests go to the code with more minutes, then to the lower number.
    """
    assert rule in (CMS, AMA), "a policy has one of the two rules, or none"
    assert all(each >= 0 for each in minutes.values()), "intake lets no negative minutes through"
    known = {code: procedure(code, day) for code in sorted(minutes)}
    of_kind = {kind: _services(minutes, known, kind) for kind in (Kind.TIMED, Kind.SPECIAL)}
    timed = of_kind[Kind.TIMED]
    whole, extra, tied = _by_cms(timed) if rule == CMS else _by_ama(timed)
    counts = {base: whole[base] + (base in extra) for base in timed}
    special = {base: _own_units(base, spent) for base, spent in of_kind[Kind.SPECIAL].items()}
    found = {code: count for base, count in counts.items() for code, count in _shared(base, count, minutes)}
    found |= {code: count for each in special.values() for code, count in each.items() if count or code in minutes}
    steps = _told_cms(timed, whole, extra, tied) if rule == CMS else _told_ama(timed, counts)
    return Units(
        rule=rule,
        units=found,
        minutes=sum(timed.values()),
        earned=sum(counts.values()),
        steps=(*steps, *_told_apart(of_kind[Kind.SPECIAL], special, known)),
        untimed=tuple(code for code, each in known.items() if each and each.kind is Kind.UNTIMED),
        monthly=tuple(code for code, each in known.items() if each and each.kind is Kind.MONTHLY),
        unknown=tuple(code for code, each in known.items() if each is None),
        whole={base: whole[base] + (base in extra and base not in tied) for base in timed},
        tied=frozenset(tied),
        free=sum(base in extra for base in tied),
    )


def month_units(minutes: int, day: date) -> Mapping[str, int]:
    """Remote monitoring's management codes for the minutes of one calendar month: whole spans count, not midpoints
    (domain facts, 1.1: 98980 the first 20, 98981 each added 20, from 2026 98979 where only 10 to 19 were spent)."""
    firsts = [
        each
        for each in table().values()
        if each.kind is Kind.MONTHLY and each.minutes and not each.base and each.in_use(day)
    ]
    first = next((each for each in sorted(firsts, key=lambda e: -e.least) if minutes >= each.least), None)
    return {} if first is None else {code: count for code, count in _own_units(first.code, minutes).items() if count}


def _services(minutes: Mapping[str, int], known: Mapping[str, Procedure | None], kind: Kind) -> dict[str, int]:
    """Minutes by service: a base code and its add-on are one service, under the base code."""
    spent: dict[str, int] = {}
    for code, each in known.items():
        if each is not None and each.kind is kind:
            base = each.base or code
            spent[base] = spent.get(base, 0) + minutes[code]
    return spent


def _by_cms(spent: Mapping[str, int]) -> tuple[dict[str, int], set[str], set[str]]:
    """Whole quarter hours, who gets one unit more, and who are equal in the last of those choices."""
    whole = {base: each // 15 for base, each in spent.items()}
    more = units_of(sum(spent.values())) - sum(whole.values())
    ranked = sorted(spent, key=lambda base: (-(spent[base] % 15), -spent[base], base))
    extra = set(ranked[:more])
    if not extra:
        return whole, extra, set()
    last = spent[ranked[more - 1]] % 15
    equal = {base for base in spent if spent[base] % 15 == last}
    return whole, extra, equal if equal - extra else set()


def _by_ama(spent: Mapping[str, int]) -> tuple[dict[str, int], set[str], set[str]]:
    return {base: units_of(each) for base, each in spent.items()}, set(), set()


def _family(base: str) -> tuple[str, ...]:
    more = add_on(base)
    return (base, more.code) if more else (base,)


def _shared(base: str, count: int, minutes: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """A service's units by code: the first is the base code's, the others its add-on's."""
    base_only, *more = _family(base)
    if not more:
        yield base, count
        return
    yield base_only, min(count, 1)
    rest = max(count - 1, 0)
    if rest or more[0] in minutes:
        yield more[0], rest


def _own_units(base: str, spent: int) -> dict[str, int]:
    """Units of a code that has minutes of its own: the first span, then its add-on's spans of what is left."""
    first = table()[base]
    counts = {base: int(spent >= (first.least or 1))}
    more = add_on(base)
    if more is not None:
        left = max(spent - first.minutes, 0)
        counts[more.code] = left // more.minutes + (left % more.minutes >= more.least)
    return counts


def _span(count: int) -> str:
    return f"{15 * count - 7} to {15 * count + 7} minutes" if count else "fewer than 8 minutes"


def words(count: int) -> str:
    """A count of units as people say it: 1 unit, 2 units."""
    return f"{count} unit" if count == 1 else f"{count} units"


def _list(values: Mapping[str, int]) -> str:
    return ", ".join(f"{code} {value}" for code, value in sorted(values.items(), key=lambda e: (-e[1], e[0])))


def _told_cms(spent: Mapping[str, int], whole: Mapping[str, int], extra: set[str], tied: set[str]) -> Iterator[str]:
    if not spent:
        return
    total = sum(spent.values())
    count = units_of(total)
    yield f"Timed minutes: {_list(spent)}; together {total}"
    yield f"CMS counts them together: {total} minutes are {words(count)} ({_span(count)})"
    yield f"Whole quarter hours: {_list(whole)}"
    rests = {base: each % 15 for base, each in spent.items() if each % 15}
    if extra:
        others = f"; {', '.join(sorted(tied - extra))} has as many, and could be chosen" if tied else ""
        yield f"Rests: {_list(rests)}; {words(len(extra))} more, one each for {', '.join(sorted(extra))}{others}"
    elif rests:
        yield f"Rests: {_list(rests)}; they earn no further unit"


def _told_ama(spent: Mapping[str, int], counts: Mapping[str, int]) -> Iterator[str]:
    for base in sorted(spent):
        earned = f"{words(counts[base])} ({_span(counts[base])})"
        yield f"The AMA counts each code by itself: {base}, {spent[base]} minutes, {earned}"


def _told_apart(
    spent: Mapping[str, int], special: Mapping[str, Mapping[str, int]], known: Mapping[str, Procedure | None]
) -> Iterator[str]:
    for base, counts in special.items():
        yield f"{base} has minutes of its own: {spent[base]} minutes are {_list(counts)}"
    for code, each in known.items():
        if each is None:
            yield f"{code} is not in the therapy code table, and is not counted"
        elif each.kind is Kind.UNTIMED:
            yield f"{code} is not timed: one unit a session, its minutes do not count"
        elif each.kind is Kind.MONTHLY:
            yield f"{code} is billed by the calendar month, and a day's minutes do not decide"
        elif each.base and each.base not in known:
            yield f"{code} goes beyond {each.base}: the first unit is billed as {each.base}"
