"""A payer's habits on one day for one plan, line of business and state, as resolved from the rows of its file.

Each value knows the row that it came from, so that a finding can name it (domain facts, 7.2). Unknown is None or "":
a rule that needs it says "not evaluated".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.domain.authorization import Unit
from gateway.domain.coverage import Period
from gateway.errors import Severity


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

    def severity(self, rule: str, default: Severity = Severity.BLOCK) -> Severity:
        return self.severities.get(rule, default)

    def named(self, *values: str) -> str:
        """The rows that these values came from, for a finding; the policy's own where none is named."""
        found = dict.fromkeys(self.rows[each] for each in values if each in self.rows)
        return ", ".join(found) or self.row
