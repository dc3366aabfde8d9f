"""What an adjustment reason of an 835 does to both books: the table of edi_maps/codes/carc_consequences.toml."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from gateway.domain.remittance import Adjustment
from gateway.resources import folder

PATIENT = "PR"
FORMER_GROUP = "CR"  # 4010 only.


class Effect(StrEnum):
    """What becomes of the units that a claim committed."""

    CONSUME = "consume"
    RELEASE = "release"
    KEEP = "keep"  # Settled with another claim, or nobody can tell: what was claimed stays claimed.
    PEND = "pend"  # The payer has not decided yet.


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequence:
    """``account`` is the money book's, ``topic`` a worklist or "", ``fix`` what to do."""

    units: Effect
    account: str
    topic: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    topic: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    reasons: Mapping[str, Consequence]
    remarks: Mapping[str, Remark]
    groups: Mapping[str, str]
    cost_share: frozenset[str]
    quiet: frozenset[str]  # The reasons that want nobody.

    def account(self, adjustment: Adjustment) -> str:
        """Where the amount goes: the patient's share to the patient, else by reason, else by group, else suspense."""
        return self.account_of(adjustment.group, adjustment.reason)

    def account_of(self, group: str, reason: str) -> str:
        known = self.reasons.get(reason)
        if group == PATIENT or known is None:
            return self.groups.get(group, "suspense")
        return known.account

    def shared(self, adjustment: Adjustment) -> bool:
        """Whether it is the patient's share of an allowed amount."""
        return adjustment.group == PATIENT and adjustment.reason in self.cost_share


def read(plain: Mapping[str, Any]) -> Consequences:
    """The table from the values of its file."""
    reasons = {code: Consequence(**{**row, "units": Effect(row["units"])}) for code, row in plain["reasons"].items()}
    remarks = {code: Remark(**row) for code, row in plain["remarks"].items()}
    return Consequences(
        reasons=reasons,
        remarks=remarks,
        groups=plain["groups"],
        cost_share=frozenset(plain["cost_share"]),
        quiet=frozenset(code for code, each in reasons.items() if not each.topic),
    )


@cache
def load() -> Consequences:
    """The table that ships with the program, read once."""
    path = folder("edi_maps") / "codes" / "carc_consequences.toml"
    return read(tomllib.loads(path.read_text(encoding="utf-8")))
