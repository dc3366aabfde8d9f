"""What belongs among a line's modifiers, in which order, and what cannot stand together. Pure, from dated data.

Source: domain facts, 1.3; edi_maps/therapy/modifiers.toml names the source of each entry. Never adds a modifier that
attests something (KX, 59, GA): it says what is wanted, and a person decides.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from gateway.coding.assistant import MODIFIERS as ASSISTANTS
from gateway.coding.codes import Procedure
from gateway.resources import folder
from gateway.x12 import codes as lists

NOTICES = ("GA", "GX", "GY", "GZ")
DISTINCT = ("59", "XE", "XP", "XS", "XU")
KX = "KX"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Modifiers of one line that cannot stand together."""

    modifiers: tuple[str, ...]
    what: str
    fix: str
    source: str


def conflicts(modifiers: Sequence[str]) -> Iterator[Conflict]:
    """What cannot stand together on one line: each pair once, in the order of the line, and repeats."""
    held = [each.upper() for each in modifiers]
    for repeated in sorted({each for each in held if held.count(each) > 1}):
        yield Conflict(
            modifiers=(repeated,),
            what=f"{repeated} stands there more than once",
            fix=f"Keep one {repeated}",
            source="domain facts, 1.3",
        )
    present = list(dict.fromkeys(held))
    seen: set[frozenset[str]] = set()
    for rule in _file()["conflicts"]:
        one, other = rule["one"].split(), rule["other"].split()
        for first in present:
            for second in present:
                pair = frozenset((first, second))
                if first != second and first in one and second in other and pair not in seen:
                    seen.add(pair)
                    both = tuple(each for each in present if each in pair)
                    yield Conflict(modifiers=both, what=rule["what"], fix=rule["fix"], source=rule["source"])


def alone(modifiers: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Assistants' modifiers whose therapist's is missing, as (CQ, GP) or (CO, GO)."""
    held = {each.upper() for each in modifiers}
    for therapist, assistant in ASSISTANTS.items():
        if assistant in held and therapist not in held:
            yield assistant, therapist


def fits(known: Procedure, word: str) -> bool:
    """Whether a procedure may go under a discipline's plan of care; a code that names none goes under any."""
    return not known.disciplines or not word or word in known.disciplines


def ordered(modifiers: Iterable[str]) -> tuple[str, ...]:
    """The modifiers with payment's first, as payers commonly want them; those without a place keep theirs, last."""
    places = _places()
    return tuple(sorted((each.upper() for each in modifiers), key=lambda each: places.get(each, len(places))))


def misplaced(modifiers: Sequence[str]) -> tuple[str, ...]:
    """The better order where the line's differs from it, else ()."""
    better = ordered(modifiers)
    return better if better != tuple(each.upper() for each in modifiers) else ()


def bypasses(modifiers: Iterable[str]) -> bool:
    """Whether one of them lifts an NCCI pair whose indicator is 1."""
    return not _bypass().isdisjoint(each.upper() for each in modifiers)


@cache
def _file() -> Mapping[str, Any]:
    return lists.read_file(folder("edi_maps") / "therapy" / "modifiers.toml")


@cache
def _places() -> Mapping[str, int]:
    return {each: place for place, each in enumerate(_file()["order"].split())}


@cache
def _bypass() -> frozenset[str]:
    return frozenset(_file()["bypass"].split())
