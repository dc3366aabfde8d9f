"""Which rows of a payer's policy hold, and which of them wins: for each value, the most specific (domain facts, 7.2).

A state's law goes before a plan's row, a plan's before the payer's own, and that before the defaults of a line of
business; among those, a row for some lines of business before one for all, and then a row for a state. Pure.
"""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from gateway.domain.authorization import Unit
from gateway.domain.coverage import Period
from gateway.errors import Severity
from gateway.rules.policy import Basis, BenefitLimit, Days, Free, Policy, Term, UnitRule
from gateway.settings.policies import TERM, VALUES, PolicyRow, VisitLimit

NAMES = {"requires_authorization": "auth_required", "unit": "unit_type", "service_type": "um03", "hsd": "hsd_reading"}
"""What the rules call a value that has another name in the files."""
_SEVERITY = "severities."


@lru_cache(maxsize=4096)
def resolve(
    rows: tuple[PolicyRow, ...], *, payer: str, day: date, plan: str = "", line_of_business: str = "", state: str = ""
) -> Policy:
    """The policy of a payer on a day, each value from the row that wins it. "" is not known: a row that asks for a
    plan, a line of business or a state does not hold then."""
    held = applying(rows, payer=payer, day=day, plan=plan, line_of_business=line_of_business, state=state)
    values: dict[str, Any] = {}
    severities: dict[str, Severity] = {}
    named: dict[str, str] = {}
    for name, claimants in contested(held).items():
        winner = claimants[0]
        if name.startswith(_SEVERITY):
            severities[name.removeprefix(_SEVERITY)] = Severity(winner.values[name])
        else:
            values[NAMES.get(name, name)] = _read(name, winner.values[name])
        named[NAMES.get(name, name)] = winner.named
    return Policy(
        payer=payer,
        plan=plan,
        line_of_business=line_of_business,
        state=state,
        **values,
        severities=MappingProxyType(severities),
        row=held[0].named if held else "",
        rows=MappingProxyType(named),
        version=held[0].version if held else "",
    )


def applying(
    rows: tuple[PolicyRow, ...], *, payer: str, day: date, plan: str = "", line_of_business: str = "", state: str = ""
) -> tuple[PolicyRow, ...]:
    """The rows that hold, the most specific first."""
    held = (
        row
        for row in rows
        if row.payer in ("", payer)
        and (row.starts_on or day) <= day <= (row.ends_on or day)
        and (not row.plan or _same(row.plan, plan))
        and (not row.lines_of_business or line_of_business in row.lines_of_business)
        and (not row.state or row.state == state)
    )
    return tuple(sorted(held, key=_specific, reverse=True))


def contested(held: tuple[PolicyRow, ...]) -> Mapping[str, tuple[PolicyRow, ...]]:
    """For each value, by the files' name and in their order, the rows that have it; the first of them wins."""
    places = {name: place for place, name in enumerate(VALUES)}
    names = sorted({name for row in held for name in row.values}, key=lambda name: (places[name.split(".")[0]], name))
    return {name: tuple(row for row in held if name in row.values) for name in names}


def _specific(row: PolicyRow) -> tuple[Any, ...]:
    # The last two never decide among the rows of a valid configuration; they make the order one and the same always.
    return (row.rank, bool(row.lines_of_business), bool(row.state), row.starts_on or date.min, -row.number)


def _same(written: str, given: str) -> bool:
    return written.strip().casefold() == given.strip().casefold()


def _term(text: str) -> Term:
    match = TERM.fullmatch(text)
    assert match, "the schema of the file has looked at it"
    return Term(days=int(match[1]), counted=Days(match[2]))


def _limit(limit: VisitLimit) -> BenefitLimit:
    return BenefitLimit(visits=limit.visits, period=Period(limit.period), combined_with=limit.combined_with)


_READERS: Mapping[str, Any] = {
    "unit": Unit,
    "unit_rule": UnitRule,
    "consumption_basis": Basis,
    "free_means": Free,
    "visit_limit": _limit,
    **dict.fromkeys(
        (
            "submit_deadline",
            "retro_days",
            "extension_lead",
            "filing_limit",
            "sla_standard",
            "info_response",
            "appeal",
        ),
        _term,
    ),
}


def _read(name: str, value: Any) -> Any:
    return _READERS[name](value) if name in _READERS else value
