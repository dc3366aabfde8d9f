"""Published tables as the checks see them: only the rows for the codes at hand, each with the days it holds for.

None in the place of a table says that none was imported for those days: a check then says "not evaluated".
"""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class PairEdit:
    """One row of CMS's NCCI PTP file. ``indicator``: 0 never together, 1 with a modifier, 9 deleted."""

    column_one: str
    column_two: str
    starts_on: date
    ends_on: date | None = None
    indicator: str

    def holds_on(self, day: date) -> bool:
        return self.starts_on <= day and (self.ends_on is None or day <= self.ends_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitLimit:
    """One row of CMS's MUE file. ``indicator`` is the MAI: 1 a line's limit, 2 a day's without exception, 3 a day's."""

    procedure: str
    units: int
    indicator: str
    starts_on: date
    ends_on: date | None = None

    def holds_on(self, day: date) -> bool:
        return self.starts_on <= day and (self.ends_on is None or day <= self.ends_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisCode:
    """One row of ICD-10-CM's order file, without the dot; ``billable`` False is a heading."""

    code: str
    billable: bool
    starts_on: date
    ends_on: date | None = None

    def holds_on(self, day: date) -> bool:
        return self.starts_on <= day and (self.ends_on is None or day <= self.ends_on)


Row = PairEdit | UnitLimit | DiagnosisCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The published rows for the codes of one case. ``sources`` names the imported file of each table (``ncci``,
    ``mue``, ``icd10``), for the finding. ``therapy_only``: of the pairs only those were kept of which both codes are in
    the therapy code table, so nothing is known of a pair with another code."""

    pairs: tuple[PairEdit, ...] | None = None
    limits: tuple[UnitLimit, ...] | None = None
    diagnoses: tuple[DiagnosisCode, ...] | None = None
    sources: tuple[tuple[str, str], ...] = ()
    therapy_only: bool = False

    def source(self, table: str) -> str:
        return next((name for kind, name in self.sources if kind == table), "")
