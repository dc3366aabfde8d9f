"""A payer's habits on one day for one plan, line of business and state, as resolved from the rows of its file.

Each value knows the row that it came from, so that a finding can name it (domain facts, 7.2). Unknown is None or "":
a rule that needs it says "not evaluated".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gateway.domain.authorization import Unit
from gateway.domain.coverage import Period
from gateway.errors import Finding, SettingsInvalid, Severity

READINGS = ("", "total", "per_period")
PLACEMENTS = ("", "claim", "line")

_FILE_NAMES = {
    "unit": "unit_type",
    "requires_authorization": "auth_required",
    "hsd": "hsd_reading",
    "service_type": "um03",
}
_OTHERS = frozenset({"payer", "name", "source", "verified_on"})  # Of the file, for others than rules.


class UnitRule(StrEnum):
    """How timed minutes become units (domain facts, 1.2)."""

    CMS = "CMS"
    AMA = "AMA"


class Basis(StrEnum):
    """What drives "remaining" (domain facts, 6.3)."""

    RENDERED = "rendered"
    CLAIMED = "claimed"
    ADJUDICATED = "adjudicated"


class Days(StrEnum):
    CALENDAR = "calendar"
    BUSINESS = "business"


class Free(StrEnum):
    """What the free visits of a payer are free of."""

    NO_AUTHORIZATION = "no_authorization"
    NO_REVIEW = "no_review"  # A request must still be sent.


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A number of days, and which days count."""

    days: int
    counted: Days = Days.CALENDAR


@dataclass(frozen=True, slots=True, kw_only=True)
class BenefitLimit:
    """Visits that the plan pays for in a period, whatever is authorized; shared by these disciplines (GP, GO, GN)."""

    visits: int
    period: Period = Period.CALENDAR
    combined_with: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One payer's habits. ``auth_required`` None: not known. ``required_modifiers``: each line carries one of them.

    ``hsd_reading`` says what HSD02 counts where it has a period, ``g1_placement`` where this payer reads the number
    (claim or line); "" is not known. ``late_claim_grace`` is the days after a window's end in which claims for its
    dates are still taken, None where that is not known. ``row`` names where this is written, ``rows`` the row that
    each value came from, by the name of the value.
    """

    # What it holds for.
    payer: str = ""
    plan: str = ""
    line_of_business: str = ""
    state: str = ""
    um_vendor: str = ""
    channel: str = ""  # 278, portal, fax or FHIR
    # Whether an authorization is needed.
    auth_required: bool | None = None
    code_set: tuple[str, ...] = ()  # The codes that need one; () is all of therapy.
    exempt_procedures: tuple[str, ...] = ()
    pos_scope: tuple[str, ...] = ()  # Places of service where it is needed; () is every one.
    free_visits: int | None = None
    free_window_weeks: int | None = None
    free_means: Free | None = None
    episode_gap_days: int | None = None
    eval_counts: bool | None = None  # Whether an evaluation uses up a visit.
    reeval_needs_auth: bool | None = None
    referral_required: bool | None = None
    required_docs: tuple[str, ...] | None = None  # () asks for none.
    # How it counts.
    unit_type: Unit = Unit.VISIT
    unit_rule: UnitRule | None = None
    bucket_grouping: str = ""  # code, group or discipline
    max_units_visit: int | None = None
    visit_limit: BenefitLimit | None = None
    consumption_basis: Basis = Basis.RENDERED
    quantity_fallback: str = ""  # requested or none: what A1 without a quantity grants
    # When.
    submit_deadline: Term | None = None  # From the evaluation to the request.
    retro_days: Term | None = None  # How far back a request may reach.
    extension_allowed: bool | None = None
    extension_lead: Term | None = None
    hold_days_after_approval: int | None = None
    filing_limit: Term | None = None  # From the date of service to the claim.
    late_claim_grace: int | None = None
    sla_standard: Term | None = None
    sla_expedited_hours: int | None = None
    info_response: Term | None = None  # How long a pended request waits for what was asked for.
    appeal: Term | None = None
    # What a claim carries.
    required_modifiers: tuple[str, ...] | None = None  # () asks for none.
    cq_rule: bool | None = None  # Whether it wants CQ and CO.
    threshold: bool | None = None  # Whether the KX threshold holds.
    ncci: bool | None = None
    mue: bool | None = None
    plan_of_care: bool | None = None  # Whether a certified plan of care is needed.
    certification_days: int | None = None  # The longest that one certification holds.
    progress_every: int | None = None  # Treatment days between progress reports.
    number_pattern: str = ""  # Of REF*G1, a regular expression.
    g1_placement: str = ""
    um03: str = ""
    hsd_style: str = ""  # total or pattern: how a request says its quantity
    hsd_reading: str = ""
    window_qualifiers: tuple[str, ...] = ()
    secondary_zero_consumes: bool | None = None  # OA-23 with nothing paid (domain facts, 5.5).

    severities: Mapping[str, Severity] = field(default_factory=dict)
    row: str = ""
    rows: Mapping[str, str] = field(default_factory=dict)
    version: str = ""

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], *, where: str = "") -> "Policy":
        """A policy from the values of a payer's file, under the file's names or the fields'. SettingsInvalid holds
        every mistake; ``where`` names the file."""
        values: dict[str, Any] = {}
        mistakes = []
        known = set(_READERS)
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

    def named(self, *values: str) -> str:
        """The rows that these values came from, for a finding; the policy's own where none is named."""
        found = dict.fromkeys(self.rows[each] for each in values if each in self.rows)
        return ", ".join(found) or self.row


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
    "um03": str,
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
    "um03": 'Write the code of the service type, such as "PT"',
    "row": "Write a text",
}


def _mistake(where: str, name: str, what: str, fix: str) -> Finding:
    return Finding(rule="policy", what=what, where=f"{where} {name}".strip(), fix=fix)
