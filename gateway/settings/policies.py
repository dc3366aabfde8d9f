"""Payers' policies as they are written in ``trading_partners/payers/*.toml``: dated rows of what a payer asks for.

A value that a row leaves out is not said there. Says nothing of which row wins; that is ``gateway.rules.policy_rows``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.errors import Severity
from gateway.settings.parts import Flag, NonEmpty, Section, mistake

LineOfBusiness = Literal[
    "medicare",
    "medicare_advantage",
    "medicaid",
    "chip",
    "tricare",
    "va",
    "exchange",
    "commercial",
    "self_funded",
    "workers_compensation",
    "auto",
    "other",
]
"""Whose money pays. ``commercial`` is insured by the payer, ``self_funded`` by an employer (ERISA); ``exchange`` is a
plan of a marketplace."""

TERM = re.compile(r"([0-9]{1,4}) (calendar|business) days?")
DAYS_MAX = 3650


def _day(value: Any) -> date | None:
    if value == "":
        return None
    if type(value) is date:
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise mistake("this is no date", "Write it without quotes, such as 2026-12-01") from None


def _term(value: str) -> str:
    term = TERM.fullmatch(value)
    if term is None:
        raise mistake("this is no number of days", 'Say which days count: "10 business days" or "14 calendar days"')
    if int(term[1]) > DAYS_MAX:
        raise mistake(
            "no term is that long", f"Write at most {DAYS_MAX} days, ten years; leave it out where none holds"
        )
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error:
        raise mistake("this is no regular expression", 'Write one such as "A[0-9]{9}"') from None
    return value


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Day = Annotated[date | None, BeforeValidator(_day)]
Term = Annotated[str, AfterValidator(_term)]
Days = Annotated[int, Field(strict=True, ge=0, le=DAYS_MAX)]
Code = Annotated[str, Field(pattern=r"^[0-9A-Z]{5}$")]
Pair = Annotated[str, Field(pattern=r"^[0-9A-Z]{2}$")]
Number = Annotated[int, Field(strict=True, ge=1, le=9999)]
Visits = Annotated[int, Field(strict=True, ge=0, le=9999)]


class VisitLimit(Section):
    """Visits that the plan pays for in a period, whatever is authorized; ``combined_with`` are all that share it."""

    visits: Number
    period: Literal["calendar", "contract", "365d"] = "calendar"
    combined_with: tuple[Literal["GP", "GO", "GN"], ...] = ()


class Values(Section):
    """Every value that a row may have (domain facts, 7.2). None and "" say that it is not known."""

    um_vendor: str = ""
    channel: Literal["", "278", "portal", "fax", "fhir"] = ""
    requires_authorization: Flag | None = None
    code_set: tuple[Code, ...] | None = None
    exempt_procedures: tuple[Code, ...] | None = None
    pos_scope: tuple[Annotated[str, Field(pattern=r"^[0-9]{2}$")], ...] | None = None
    free_visits: Visits | None = None
    free_window_weeks: Number | None = None
    free_means: Literal["", "no_authorization", "no_review"] = ""
    episode_gap_days: Days | None = None
    eval_counts: Flag | None = None
    reeval_needs_auth: Flag | None = None
    referral_required: Flag | None = None
    required_docs: tuple[NonEmpty, ...] | None = None
    unit: Literal["", "visit", "unit", "minute", "day"] = ""
    unit_rule: Literal["", "CMS", "AMA"] = ""
    bucket_grouping: Literal["", "code", "group", "discipline"] = ""
    max_units_visit: Number | None = None
    visit_limit: VisitLimit | None = None
    consumption_basis: Literal["", "rendered", "claimed", "adjudicated"] = ""
    quantity_fallback: Literal["", "requested", "none"] = ""
    submit_deadline: Term | None = None
    retro_days: Term | None = None
    extension_allowed: Flag | None = None
    extension_lead: Term | None = None
    hold_days_after_approval: Days | None = None
    filing_limit: Term | None = None
    late_claim_grace: Days | None = None
    sla_standard: Term | None = None
    sla_expedited_hours: Number | None = None
    info_response: Term | None = None
    appeal: Term | None = None
    required_modifiers: tuple[Pair, ...] | None = None
    cq_rule: Flag | None = None
    threshold: Flag | None = None
    ncci: Flag | None = None
    mue: Flag | None = None
    plan_of_care: Flag | None = None
    certification_days: Days | None = None
    progress_every: Number | None = None
    number_pattern: Annotated[str, AfterValidator(_pattern)] = ""
    g1_placement: Literal["", "claim", "line"] = ""
    service_type: Annotated[str, Field(pattern=r"^([0-9A-Z]{1,2})?$")] = ""
    hsd_style: Literal["", "total", "pattern"] = ""
    hsd: Literal["", "total", "per_period"] = ""
    window_qualifiers: tuple[Annotated[str, Field(pattern=r"^[0-9A-Z]{3}$")], ...] | None = None
    secondary_zero_consumes: Flag | None = None
    severities: dict[str, Severity] = Field(default_factory=dict)

    def said(self) -> dict[str, Any]:
        """The values that the row has, under the names of the file; each severity is a value of its own."""
        found: dict[str, Any] = {}
        for name in VALUES:
            value = getattr(self, name)
            if name == "severities":
                found |= {f"severities.{rule}": weight for rule, weight in value.items()}
            elif value is not None and value != "":
                found[name] = value
        return found


VALUES = tuple(Values.model_fields)


class Row(Values):
    """What holds from a day to a day for a plan, lines of business and a state; each of them left out: for all."""

    starts_on: Day = Field(default=None, alias="from")
    ends_on: Day = Field(default=None, alias="to")
    plan: str = ""
    line_of_business: Annotated[tuple[LineOfBusiness, ...], BeforeValidator(_several)] = ()
    state: Annotated[str, Field(pattern=r"^([A-Z]{2})?$")] = ""
    version: str = ""
    source: str = ""
    source_url: str = ""
    verified_on: Day = None


class PolicyFile(Values):
    """``trading_partners/payers/ANY.toml``. Values above the first row hold for the payer where no row says otherwise.

    ``kind`` "law" is a state's law, which holds for every payer; "defaults" is what holds by line of business.
    """

    kind: Literal["payer", "law", "defaults"] = "payer"
    payer: str = ""
    name: str = ""
    version: str = ""
    source: str = ""
    source_url: str = ""
    verified_on: Day = None
    rows: tuple[Row, ...] = ()


class Rank(IntEnum):
    """Whose word goes before whose (domain facts, 7.2): the greater wins."""

    DEFAULTS = 0
    FILE = 1  # The values above the rows of a payer's file.
    PAYER = 2
    PLAN = 3
    LAW = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PolicyRow:
    """One row with the place that it stands at. ``number`` counts the rows of its file from 1, 0 is what stands above
    them. Two rows are equal only where they are one."""

    file: str
    number: int
    rank: Rank
    payer: str = ""
    plan: str = ""
    lines_of_business: tuple[str, ...] = ()
    state: str = ""
    starts_on: date | None = None
    ends_on: date | None = None
    version: str = ""
    source: str = ""
    source_url: str = ""
    verified_on: date | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> str:
        return f"{self.file}, row {self.number}" if self.number else self.file

    @property
    def named(self) -> str:
        """The row as a finding shows it: the place, the version, where it is written and when somebody looked there."""
        more = (
            self.version and f"version {self.version}",
            self.source,
            self.source_url,
            self.verified_on and f"verified {self.verified_on}",
        )
        shown = "; ".join(each for each in more if each)
        return f"{self.place} ({shown})" if shown else self.place


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyBook:
    """All rows of all files, by payer: each payer's own with the laws and the defaults, which are everybody's."""

    files: Mapping[str, PolicyFile] = field(default_factory=dict)
    own: Mapping[str, tuple[PolicyRow, ...]] = field(default_factory=dict)
    common: tuple[PolicyRow, ...] = ()

    @classmethod
    def of(cls, files: Mapping[str, PolicyFile]) -> "PolicyBook":
        """The book of these files, by their names."""
        found = [row for name, each in files.items() for row in rows_of(name, each)]
        common = tuple(row for row in found if not row.payer)
        payers = dict.fromkeys(row.payer for row in found if row.payer)
        own = {payer: (*(row for row in found if row.payer == payer), *common) for payer in payers}
        return cls(files=MappingProxyType(dict(files)), own=MappingProxyType(own), common=common)

    def rows(self, payer: str) -> tuple[PolicyRow, ...]:
        """Every row that may hold for this payer."""
        return self.own.get(payer, self.common)


def rows_of(name: str, file: PolicyFile) -> tuple[PolicyRow, ...]:
    """The rows of one file; what stands above them is one that has no dates."""
    above = file.said()
    first = [_row(name, 0, file, Row.model_validate({}), above, file)] if above else []
    return (*first, *(_row(name, n, file, each, each.said(), each) for n, each in enumerate(file.rows, start=1)))


def _row(
    name: str, number: int, file: PolicyFile, row: Row, values: dict[str, Any], source: PolicyFile | Row
) -> PolicyRow:
    own = Rank.FILE if not number else Rank.PLAN if row.plan else Rank.PAYER
    return PolicyRow(
        file=name,
        number=number,
        rank={"payer": own, "law": Rank.LAW, "defaults": Rank.DEFAULTS}[file.kind],
        payer=file.payer,
        plan=row.plan,
        lines_of_business=row.line_of_business,
        state=row.state,
        starts_on=row.starts_on,
        ends_on=row.ends_on,
        version=row.version or file.version,
        source=source.source,
        source_url=source.source_url,
        verified_on=source.verified_on,
        values=MappingProxyType(values),
    )
