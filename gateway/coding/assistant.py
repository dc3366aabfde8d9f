"""CQ and CO: which units an assistant furnished in whole or in part, from minutes by performer. Pure.

Sources: 42 CFR 410.59(a)(4) and 410.60(a)(4), CMS's billing examples for CQ and CO, CMS 100-04, ch. 5, 20.1 (domain
facts, 1.3). Minutes that both worked together are the therapist's. CMS's "simple method" rounds the ten percent to
whole minutes; the regulation's words ("exceed 10 percent") are taken exactly here, which never leaves a modifier off.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from gateway.coding.codes import Assistant, Kind, procedure

SINCE = date(2020, 1, 1)
"""Claims carry CQ and CO for dates of service from here on."""
MIDPOINT_SINCE = date(2022, 1, 1)
"""From here on the last unit is the therapist's where he reaches the midpoint alone."""
MIDPOINT = 8
BOTH_LEAST = 9

MODIFIERS = {"GP": "CQ", "GO": "CO"}
"""The assistant's modifier by plan of care; speech-language pathology has none."""


@dataclass(frozen=True, slots=True)
class Worked:
    """Minutes of one code on one day in one discipline."""

    therapist: int = 0
    assistant: int = 0

    @property
    def total(self) -> int:
        return self.therapist + self.assistant


@dataclass(frozen=True, slots=True)
class Split:
    """Units without and with the assistant's modifier: two lines of a claim where both are there."""

    plain: int
    assisted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Assisted:
    """The split of each code's units, in words, and the codes that an assistant may not furnish but did."""

    splits: Mapping[str, Split]
    steps: tuple[str, ...]
    forbidden: tuple[str, ...] = ()


def assisted(worked: Mapping[str, Worked], units: Mapping[str, int], day: date) -> Assisted:
    """Which of the units of each code carry CQ or CO on this day. ``units`` are those that are billed (or earned) by
    code; a code with units and no minutes is not judged, and left out of the answer."""
    splits: dict[str, Split] = {}
    steps: list[str] = []
    forbidden = []
    for code in sorted(worked):
        spent, count = worked[code], units.get(code, 0)
        known = procedure(code, day)
        if known is not None and known.assistant is Assistant.NO and spent.assistant:
            forbidden.append(code)
        if not count or not spent.total:
            continue
        if day < SINCE:
            splits[code], why = Split(count, 0), f"no modifier before {SINCE}"
        elif known is not None and known.assistant is Assistant.OUTSIDE:
            splits[code], why = Split(count, 0), "the ten percent test does not look at it"
        elif known is not None and known.kind is Kind.TIMED:
            splits[code], why = _timed(spent, count, day)
        else:
            splits[code], why = _whole(spent, count)
        steps.append(
            f"{code}: therapist {spent.therapist}, assistant {spent.assistant} minutes; {_told(splits[code])}: {why}"
        )
    return Assisted(splits=splits, steps=tuple(steps), forbidden=tuple(forbidden))


def in_part(therapist: int, assistant: int) -> bool:
    """Whether an assistant's minutes exceed ten percent of a service's."""
    return assistant * 10 > therapist + assistant


def _whole(spent: Worked, count: int) -> tuple[Split, str]:
    """A code that minutes do not make units of: the whole service is one or the other."""
    if in_part(spent.therapist, spent.assistant):
        return Split(0, count), "the assistant's minutes exceed 10 percent of the service"
    return Split(count, 0), "the assistant's minutes do not exceed 10 percent of the service"


def _timed(spent: Worked, count: int, day: date) -> tuple[Split, str]:
    """Each performer's own quarter hours first, then what is left of the units by the rests of both."""
    plain = min(spent.therapist // 15, count)
    with_modifier = min(spent.assistant // 15, count - plain)
    left = count - plain - with_modifier
    therapist, assistant = spent.therapist % 15, spent.assistant % 15
    why = f"whole quarter hours are {plain} of the therapist, {with_modifier} of the assistant"
    if not left:
        return Split(plain, with_modifier), why
    if not therapist + assistant:  # More is billed than the minutes earn: the service as a whole decides.
        more, reason = left * in_part(spent.therapist, spent.assistant), "nothing is left for a unit that is billed"
    else:
        more, reason = _rest(therapist, assistant, left, day)
    return Split(plain + left - more, with_modifier + more), f"{why}; of the rests {reason}"


def _rest(therapist: int, assistant: int, left: int, day: date) -> tuple[int, str]:
    """How many of the last one or two units are assisted."""
    shown = f"{therapist} and {assistant} minutes"
    if not in_part(therapist, assistant):
        return 0, f"({shown}) the assistant's do not exceed 10 percent"
    if day < MIDPOINT_SINCE:
        return left, f"({shown}) the assistant's exceed 10 percent"
    if left > 1 and therapist >= BOTH_LEAST and assistant >= BOTH_LEAST:
        return left - 1, f"({shown}) both have 9 to 14: one unit without, one with the modifier"
    if therapist >= MIDPOINT:
        return left - 1, f"({shown}) the therapist alone reaches the midpoint of 8 minutes"
    return left, f"({shown}) the therapist has fewer than 8, and the assistant's exceed 10 percent"


def _told(split: Split) -> str:
    parts: Iterator[str] = (
        f"{count} {word} the assistant's modifier"
        for count, word in ((split.plain, "without"), (split.assisted, "with"))
        if count
    )
    return ", ".join(parts)
