"""What a billing rule looks at: a claim with its authorization, what is left of it, the payer's policy and the day.

Pure: a case is handed in whole, and no rule looks anything up. What a rule would need and does not find makes it say
"not evaluated", which is never a pass.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any, Protocol

from gateway.domain.authorization import AuthorizationRequest, Unit
from gateway.domain.claim import Claim, ServiceLine
from gateway.errors import Finding, SettingsInvalid, Severity

Day = date  # Case has a field of that name.

PAYER = 7  # WEDI SNIP type: what one partner asks for
DISCIPLINES = ("GP", "GO", "GN")
MEMO = "memo"  # What the ledger calls a bucket of what was asked for.
READINGS = ("", "total", "per_period")
PLACEMENTS = ("", "claim", "line")

_FILE_NAMES = {"unit": "unit_type", "requires_authorization": "auth_required", "hsd": "hsd_reading"}
_OTHERS = frozenset({"payer", "name", "service_type", "source", "verified_on"})  # Of the file, for others than rules.


class Certification(Protocol):
    """What a rule sees of a bucket of the ledger."""

    @property
    def id(self) -> str: ...
    @property
    def authorization(self) -> str: ...
    @property
    def number(self) -> str: ...
    @property
    def unit(self) -> Unit: ...
    @property
    def procedures(self) -> tuple[str, ...]: ...
    @property
    def modifiers(self) -> tuple[str, ...]: ...
    @property
    def starts_on(self) -> date | None: ...
    @property
    def ends_on(self) -> date | None: ...
    @property
    def limited(self) -> bool: ...
    @property
    def quantity_source(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One payer's habits. ``auth_required`` None: not known. ``required_modifiers``: each line carries one of them.

    ``hsd_reading`` says what HSD02 counts where it has a period, ``g1_placement`` where this payer reads the number
    (claim or line); "" is not known. ``late_claim_grace`` is the days after a window's end in which claims for its
    dates are still taken, None where that is not known. ``row`` names where this is written.
    """

    unit_type: Unit = Unit.VISIT
    required_modifiers: tuple[str, ...] = ()
    severities: Mapping[str, Severity] = field(default_factory=dict)
    hsd_reading: str = ""
    g1_placement: str = ""
    auth_required: bool | None = None
    exempt_procedures: tuple[str, ...] = ()
    late_claim_grace: int | None = None
    row: str = ""

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], *, where: str = "") -> "Policy":
        """A policy from the values of a payer's file, under the file's names or the fields'. SettingsInvalid holds
        every mistake; ``where`` names the file."""
        values: dict[str, Any] = {}
        mistakes = []
        known = {each.name for each in fields(cls)}
        for name, value in plain.items():
            target = _FILE_NAMES.get(name, name)
            if target not in known:
                if name not in _OTHERS:
                    mistakes.append(_mistake(where, name, "no policy has this key", "Mend its name, or leave it out"))
                continue
            try:
                values[target] = _READERS[target](value)
            except (ValueError, TypeError):
                mistakes.append(_mistake(where, name, "the value does not fit", _FIXES[target]))
        if mistakes:
            raise SettingsInvalid(
                f"{len(mistakes)} mistakes in a policy", where=where, fix=mistakes[0].fix, findings=tuple(mistakes)
            )
        values.setdefault("row", " ".join(str(plain[each]) for each in ("source", "verified_on") if plain.get(each)))
        return cls(**values)

    def severity(self, rule: str, default: Severity = Severity.BLOCK) -> Severity:
        return self.severities.get(rule, default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``buckets`` are those of this patient, clinic and payer; ``balances`` are theirs by bucket id and account.

    ``date`` is the day on which the claim goes out. ``counted`` are the visits (bucket id, date, discipline) that
    earlier claims have taken; ``history`` are this patient's earlier claims that are open or paid.
    ``authorization`` is our id of the one that the claim names by the clinic's own number, "" where it names none.
    """

    claim: Claim
    request: AuthorizationRequest | None
    buckets: Sequence[Certification]
    balances: Mapping[str, Mapping[Any, int]]
    policy: Policy
    date: Day
    authorization: str = ""
    counted: Collection[tuple[str, Day, str]] = ()
    history: tuple[Claim, ...] = ()

    @property
    def certified(self) -> list[Certification]:
        """The buckets without those that only remember what was asked for."""
        return [each for each in self.buckets if each.quantity_source != MEMO]

    def lines(self) -> Iterator[tuple[str, ServiceLine]]:
        """Each line with its JSON path."""
        for index, line in enumerate(self.claim.lines):
            yield f"$.lines[{index}]", line

    def authorized_lines(self) -> Iterator[tuple[str, ServiceLine]]:
        """The lines that this payer wants an authorization for; none where it wants none or that is not known."""
        if self.policy.auth_required:
            for where, line in self.lines():
                if line.procedure not in self.policy.exempt_procedures:
                    yield where, line

    def number(self, line: ServiceLine) -> str:
        """The certification number that a line goes out with."""
        return (line.authorization or self.claim.authorization).strip()

    def named(self, line: ServiceLine) -> list[Certification]:
        """The buckets that a line may be under: the payer's number decides, else the clinic's own, else any."""
        number = self.number(line)
        if number:
            return [each for each in self.certified if each.number.strip() == number]
        return [each for each in self.certified if self.authorization in ("", each.authorization)]

    def for_procedure(self, line: ServiceLine) -> list[Certification]:
        """Of the named buckets, those for the line's procedure and discipline. A line without one fits any."""
        word = discipline(line)
        return [
            each
            for each in self.named(line)
            if (not each.procedures or line.procedure in each.procedures)
            and (not word or not each.modifiers or word in each.modifiers)
        ]

    def open(self, line: ServiceLine) -> list[Certification]:
        """Of those, the ones whose window holds the date of service, what ends first before the others."""
        day = line.served_on
        held = [
            each for each in self.for_procedure(line) if (each.starts_on or day) <= day and day <= (each.ends_on or day)
        ]
        return sorted(held, key=lambda e: (e.ends_on or Day.max, not e.procedures, e.starts_on or Day.min, e.id))

    def finding(
        self,
        rule: str,
        what: str,
        *,
        where: str,
        fix: str,
        prevents: str,
        source: str,
        default: Severity = Severity.BLOCK,
    ) -> Finding:
        """A finding that weighs what this payer's policy says."""
        source = f"{source}; policy {self.policy.row}" if self.policy.row else source
        severity = self.policy.severity(rule, default)
        return Finding(
            rule=rule,
            what=what,
            where=where,
            fix=fix,
            prevents=prevents,
            source=source,
            severity=severity,
            snip=PAYER,
        )


def not_evaluated(rule: str, needs: str, *, where: str, fix: str) -> Finding:
    """What a rule says where data is missing."""
    return Finding(
        rule=rule, what=f"not evaluated: {needs}", where=where, fix=fix, severity=Severity.NOT_EVALUATED, snip=PAYER
    )


def discipline(line: ServiceLine) -> str:
    """GP, GO or GN; "" where the line has none."""
    return next((each for each in line.modifiers if each in DISCIPLINES), "")


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not all(isinstance(each, str) for each in value):
        raise TypeError
    return tuple(value)


def _one_of(words: tuple[str, ...], value: Any) -> str:
    if value not in words:
        raise ValueError
    return str(value)


def _flag(value: Any) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise TypeError
    return value


def _days(value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise ValueError
    return value


_READERS: Mapping[str, Any] = {
    "unit_type": Unit,
    "required_modifiers": _texts,
    "severities": lambda value: {name: Severity(each) for name, each in dict(value).items()},
    "hsd_reading": lambda value: _one_of(READINGS, value),
    "g1_placement": lambda value: _one_of(PLACEMENTS, value),
    "auth_required": _flag,
    "exempt_procedures": _texts,
    "late_claim_grace": _days,
    "row": str,
}
_FIXES = {
    "unit_type": "Write visit, unit, minute or day",
    "required_modifiers": 'Write a list of texts, such as ["GP"]',
    "severities": "Write block, warn or not_evaluated for each rule",
    "hsd_reading": 'Write "total", "per_period" or ""',
    "g1_placement": 'Write "claim", "line" or ""',
    "auth_required": "Write true or false, or leave it out where it is not known",
    "exempt_procedures": 'Write a list of texts, such as ["97161"]',
    "late_claim_grace": "Write a number of days, or leave it out where it is not known",
    "row": "Write a text",
}


def _mistake(where: str, name: str, what: str, fix: str) -> Finding:
    return Finding(rule="policy", what=what, where=f"{where} {name}".strip(), fix=fix)
