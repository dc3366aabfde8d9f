"""The KX threshold: whether a line lies above the year's amount, from what the patient has used. Pure.

What counts is the year's allowed therapy from every provider, as the payer counts it (domain facts, 1.3). An amount
that is not known is never taken as nothing used. Source: Social Security Act 1833(g)(7); each year of
edi_maps/therapy/threshold.toml names its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Any

from gateway.errors import Finding, SettingsInvalid
from gateway.resources import folder
from gateway.x12 import codes as lists


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """One year's amounts in cents for one group of disciplines ("PT+SLP", "OT")."""

    year: int
    group: str
    amount: int
    review: int
    source: str


class Need(StrEnum):
    """Whether a line needs KX. ``UNCERTAIN``: the line may cross the amount, which its allowed amount decides.
    ``UNKNOWN``: the year's amount or what was used is not known."""

    YES = "yes"
    NO = "no"
    UNCERTAIN = "uncertain"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``missing`` names what is not known, "" where nothing is. ``review``: certainly beyond targeted review."""

    need: Need
    steps: tuple[str, ...]
    missing: str = ""
    review: bool = False
    threshold: Threshold | None = None


def group_of(discipline: str) -> str:
    """The group whose amounts a discipline's lines count towards: "PT+SLP", "OT"; "" for no discipline."""
    return str(_file()["groups"].get(discipline, ""))


def threshold(day: date, discipline: str) -> Threshold | None:
    """The amounts for lines of that day and discipline (GP, GO, GN); None where the year is not known."""
    year, group = _file()["years"].get(str(day.year)), group_of(discipline)
    if year is None or not group:
        return None
    return Threshold(year=day.year, group=group, amount=year["amount"], review=year["review"], source=year["source"])


def judge(*, used: int | None, most: int, day: date, discipline: str) -> Verdict:
    """Whether a line needs KX. ``used`` is cents of that year and group before this line, None where not known;
    ``most`` is the most that the line can add, its charge where the allowed amount is not known."""
    found = threshold(day, discipline)
    if found is None:
        what = f"the KX threshold of {day.year}" if group_of(discipline) else "the line's discipline"
        return Verdict(need=Need.UNKNOWN, steps=(f"{what} is not known",), missing=what)
    limit = f"{found.year} {found.group}: {_dollars(found.amount)} ({found.source})"
    if used is None:
        what = f"what the patient has used of {found.group} in {found.year}"
        return Verdict(need=Need.UNKNOWN, steps=(limit, f"{what} is not known"), missing=what, threshold=found)
    after = used + most
    steps = (limit, f"used {_dollars(used)}, this line adds at most {_dollars(most)}")
    if used >= found.amount:
        need, why = Need.YES, "all of it lies above the threshold"
    elif after <= found.amount:
        need, why = Need.NO, "none of it lies above the threshold"
    else:
        need, why = Need.UNCERTAIN, "it may cross the threshold; what the payer allows decides"
    return Verdict(need=need, steps=(*steps, why), review=used >= found.review, threshold=found)


@cache
def _file() -> Mapping[str, Any]:
    whole = lists.read_file(folder("edi_maps") / "therapy" / "threshold.toml")
    mistakes = [
        Finding(
            rule="coding.threshold",
            what=f"{key} is missing or of the wrong kind",
            where=f"edi_maps/therapy/threshold.toml years.{year}",
            fix="Write amount and review as whole cents, and the source",
        )
        for year, entry in whole["years"].items()
        for key, kind in (("amount", int), ("review", int), ("source", str))
        if not isinstance(entry.get(key), kind)
    ]
    if mistakes:
        raise SettingsInvalid("the KX thresholds cannot be used", fix=mistakes[0].fix, findings=tuple(mistakes))
    return whole


def _dollars(cents: int) -> str:
    return f"${cents // 100:,}.{cents % 100:02}"
