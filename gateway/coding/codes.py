"""The therapy code table: of each procedure its class, its minutes, whom it belongs to, and the days it was in use.

Read from edi_maps/codes/cpt_therapy.toml (names, classes, days) and edi_maps/therapy/procedures.toml (the rest), both
dated data that can be replaced (domain facts, 1.1). A code that is not here is none of therapy's own: nothing is
assumed about it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Any

from gateway.errors import Finding, SettingsInvalid
from gateway.resources import folder
from gateway.x12 import codes as lists

LIST = "cpt_therapy"
QUARTER = (15, 8)
"""One unit of a timed code stands for 15 minutes, and 8 earn it (CMS 100-04, ch. 5, 20.2; CPT's midpoint)."""


class Kind(StrEnum):
    """How a procedure becomes units: by 15 minutes, one a session, by minutes of its own, by the calendar month."""

    TIMED = "timed"
    UNTIMED = "untimed"
    SPECIAL = "special"
    MONTHLY = "monthly"


class Assistant(StrEnum):
    """Whether an assistant may furnish it. ``OUTSIDE``: the ten percent test does not look at it."""

    MAY = ""
    NO = "no"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """One code. ``always``: CMS's always-therapy (True), sometimes-therapy (False), None where it has not said.

    ``disciplines`` are the only modifiers it goes with, () any of GP, GO, GN. ``base`` is the code that it needs
    beside it. ``minutes`` is what a unit stands for and ``least`` what earns it; both 0 where minutes do not count.
    """

    code: str
    name: str
    kind: Kind
    evaluation: bool = False
    always: bool | None = None
    disciplines: tuple[str, ...] = ()
    assistant: Assistant = Assistant.MAY
    base: str = ""
    minutes: int = 0
    least: int = 0
    spans: tuple[tuple[date, date], ...] = ()  # From the first day to before the second; () is always.

    def in_use(self, day: date) -> bool:
        return not self.spans or any(since <= day < until for since, until in self.spans)


def procedure(code: str, day: date | None = None) -> Procedure | None:
    """What is known of a code, on a day if one is given; None where it is none of therapy's own, or not then."""
    found = table().get(code)
    return found if found is None or day is None or found.in_use(day) else None


def codes() -> frozenset[str]:
    """Every code of the table, whenever it was in use."""
    return frozenset(table())


def add_on(base: str, day: date | None = None) -> Procedure | None:
    """The code for what goes beyond a base code's first unit, such as 97130 of 97129."""
    return next((each for each in table().values() if each.base == base and (day is None or each.in_use(day))), None)


@cache
def table() -> Mapping[str, Procedure]:
    """The whole table by code; SettingsInvalid with every mistake of its file."""
    listed = lists.load(LIST)
    whole = lists.read_file(folder("edi_maps") / "therapy" / "procedures.toml")
    more: dict[str, dict[str, Any]] = {}
    mistakes = list(_gather(whole.get("groups", ()), set(listed.entries), more))
    if mistakes:
        raise SettingsInvalid(
            "the table of procedures cannot be used", where=_FILE, fix=mistakes[0].fix, findings=tuple(mistakes)
        )
    return {
        code: _made(code, entry, more.get(code, {}), listed.spans.get(code, ()))
        for code, entry in listed.entries.items()
    }


_FILE = "edi_maps/therapy/procedures.toml"
_KINDS = {"evaluation": Kind.UNTIMED}
_CHECKS = {
    "therapy": lambda value: value in ("always", "sometimes"),
    "disciplines": lambda value: isinstance(value, str) and set(value.split()) <= {"GP", "GO", "GN"},
    "assistant": lambda value: value in ("no", "outside"),
    "base": lambda value: isinstance(value, str),
    "minutes": lambda value: isinstance(value, list) and len(value) == 2 and all(isinstance(e, int) for e in value),
}


def _gather(groups: Any, known: set[str], more: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    """Adds what each group says to ``more``, and tells what cannot be so."""
    for number, group in enumerate(groups, 1):
        said = {key: value for key, value in group.items() if key not in ("codes", "source")}
        for key, value in said.items():
            if key not in _CHECKS:
                yield _mistake(number, f"{key} is no entry of a group", f"Use one of {', '.join(_CHECKS)}")
            elif not _CHECKS[key](value):
                yield _mistake(number, f"{key} has a value that does not fit", "Mend it as the head of the file says")
        for code in lists.expand(group.get("codes", "")):
            if code not in known:
                yield _mistake(number, f"{code} is not in edi_maps/codes/{LIST}.toml", "Add it there, with its class")
            clash = sorted(said.keys() & more.get(code, {}).keys())
            if clash:
                yield _mistake(number, f"{code} has {', '.join(clash)} from another group", "Say each thing once")
            more.setdefault(code, {}).update(said)


def _made(
    code: str, entry: Mapping[str, str], more: Mapping[str, Any], spans: tuple[tuple[date, date], ...]
) -> Procedure:
    category = entry["category"]
    kind = _KINDS.get(category) or Kind(category)
    minutes, least = more.get("minutes", QUARTER if kind is Kind.TIMED else (0, 0))
    return Procedure(
        code=code,
        name=entry["name"],
        kind=kind,
        evaluation=category == "evaluation",
        always={"always": True, "sometimes": False}.get(more.get("therapy", "")),
        disciplines=tuple(more.get("disciplines", "").split()),
        assistant=Assistant(more.get("assistant", "")),
        base=more.get("base", ""),
        minutes=minutes,
        least=least,
        spans=spans,
    )


def _mistake(number: int, what: str, fix: str) -> Finding:
    return Finding(rule="coding.procedures", what=what, fix=fix, where=f"{_FILE} group {number}")
