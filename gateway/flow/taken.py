"""What became of a record that is neither sent nor billed: told once, and what it does to the ledger with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gateway.errors import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """``outcome``: new (or moved on), same (nothing happens twice), conflict (other content under the clinic's number)
    or refused, both with ``findings`` and without effect. ``id`` is ours, "" of what was refused."""

    outcome: Literal["new", "same", "conflict", "refused"]
    id: str = ""
    findings: tuple[Finding, ...] = ()


def refused(*findings: Finding) -> Taken:
    return Taken(outcome="refused", findings=findings)


def conflict(id: str, what: str, fix: str, differing: Sequence[str] = ()) -> Taken:
    """``differing`` are the keys that do not agree; their values stay where they are."""
    keys = f": {', '.join(differing)}" if differing else ""
    finding = Finding(rule="intake.conflict", what=f"{what}{keys}", fix=fix, where="$.client_ref")
    return Taken(outcome="conflict", id=id, findings=(finding,))
