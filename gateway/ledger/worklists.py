"""Which worklist a decision reason belongs to, and which reasons ask for information: edi_maps/worklists/hcr03.toml."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from gateway.resources import folder

OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worklists:
    """``names`` gives the worklist of each HCR03, ``fixes`` what to do about a worklist; ``information`` are the codes
    that ask for something, where the request is pended."""

    names: Mapping[str, str]
    fixes: Mapping[str, str]
    information: frozenset[str]

    def of(self, reasons: Iterable[str]) -> tuple[str, ...]:
        """The worklists of these reasons, each once, in the order of the reasons."""
        return tuple(dict.fromkeys(self.names.get(each, OTHER) for each in reasons))

    def fix(self, reasons: Iterable[str]) -> str:
        """What to do about them, sentence by sentence; "" where no worklist of theirs says so."""
        return ". ".join(self.fixes[each] for each in self.of(reasons) if each in self.fixes)


def read(plain: Mapping[str, Any]) -> Worklists:
    """The table from the values of its file."""
    groups: Mapping[str, Mapping[str, str]] = plain["groups"]
    return Worklists(
        names={code: name for name, group in groups.items() for code in group["codes"].split()},
        fixes={name: group["fix"] for name, group in groups.items()},
        information=frozenset(plain["more_information"].split()),
    )


@cache
def load() -> Worklists:
    """The table that ships with the program, read once."""
    return read(tomllib.loads((folder("edi_maps") / "worklists" / "hcr03.toml").read_text(encoding="utf-8")))
