"""What can go wrong, in two shapes: a Finding is data and is collected; a GatewayError stops the work in hand.

Neither ever carries a patient's value: texts name places, codes and our own ids only.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding weighs. ``NOT_EVALUATED`` says that data was missing: it is never a pass."""

    BLOCK = "block"
    WARN = "warn"
    NOT_EVALUATED = "not_evaluated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place in an interchange. Segments, elements, components, repetitions count from 1; 0 and "" mean all of it."""

    interchange: str = ""  # ISA13
    group: str = ""  # GS06
    set: str = ""  # ST02
    loop: str = ""  # path of loop ids, such as 2000A/2010AA
    segment: int = 0  # ordinal within the set (ST is 1), or within the interchange outside of any set
    tag: str = ""
    element: int = 0
    component: int = 0
    repetition: int = 0
    offset: int = -1  # characters from the start of the document; -1 where unknown

    def __str__(self) -> str:
        parts = []
        if self.interchange:
            parts.append(f"interchange {self.interchange}")
        if self.group:
            parts.append(f"group {self.group}")
        if self.set:
            parts.append(f"set {self.set}")
        if self.loop:
            parts.append(f"loop {self.loop}")
        if self.segment:
            parts.append(f"segment {self.segment}")
        reference = self.reference
        if reference:
            parts.append(reference)
        return ", ".join(parts)

    @property
    def reference(self) -> str:
        """The standard's own name of the place: ``CLM05-01``, ``CLM05`` or ``CLM``."""
        if not self.element:
            return self.tag
        component = f"-{self.component:02}" if self.component else ""
        return f"{self.tag}{self.element:02}{component}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, or could not be looked at, in words its reader can act on.

    ``where`` is a Position in X12 or a JSON path of a record (``$.lines[0].units``). ``codes`` maps an
    acknowledgment's element to the code that this finding becomes there, such as ``{"IK304": "8"}``. CTX02 to CTX06 are
    the place of what made it so in the same set: tag, ordinal, path of loops, element (``5:3``), number of the element.
    """

    rule: str
    what: str
    fix: str
    where: Position | str = ""
    severity: Severity = Severity.BLOCK
    source: str = ""
    prevents: str = ""
    codes: Mapping[str, str] | None = None
    snip: int = 0  # WEDI SNIP type of the check, 1 to 5 or 7; 0 where it is none of a standard's
    evidence: tuple[str, ...] = ()  # the JSON paths that it rests on
    policy: str = ""  # the row of a payer's policy that it follows from
    field: str = ""  # the record's field that the place was built from, such as claims[0].lines[1].charge

    def __str__(self) -> str:
        return f"{self.reason}. {self.fix}"

    @property
    def reason(self) -> str:
        """Place and fault, without the cure, for where that stands beside it."""
        return f"{self.where}: {self.what}" if str(self.where) else self.what

    def as_json(self) -> dict[str, object]:
        """A plain dictionary without empty entries, for ``--json`` and result files."""
        shown: dict[str, object] = {
            "rule": self.rule,
            "severity": str(self.severity),
            "where": str(self.where),
            "what": self.what,
            "fix": self.fix,
            "source": self.source,
            "prevents": self.prevents,
            "snip": self.snip,
            "field": self.field,
            "evidence": list(self.evidence),
            "policy": self.policy,
            "codes": dict(self.codes or {}),
        }
        if isinstance(self.where, Position):
            shown["position"] = {key: value for key, value in asdict(self.where).items() if value not in ("", 0, -1)}
        return {key: value for key, value in shown.items() if value not in ("", 0, {}, [])}


class GatewayError(Exception):
    """Stops the work in hand: says what, where and how to mend it. Its type says whether a retry may help."""

    retryable = False

    def __init__(
        self, what: str, *, where: Position | str = "", fix: str = "", findings: tuple[Finding, ...] = ()
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix
        self.findings = findings

    @property
    def reason(self) -> str:
        """Place and fault, without the cure, for where that stands beside it."""
        return f"{self.where}: {self.what}" if str(self.where) else self.what

    def __str__(self) -> str:
        return f"{self.reason}. {self.fix}" if self.fix else f"{self.reason}."


class MalformedInterchange(GatewayError):
    """The bytes are not an X12 interchange that can be read further."""


class SettingsInvalid(GatewayError):
    """The configuration has mistakes; ``findings`` holds every one of them."""


class PartnerUnreachable(GatewayError):
    """The far side did not answer; trying again may help. ``wait_s`` is how long it asked us to stay away."""

    retryable = True

    def __init__(
        self,
        what: str,
        *,
        where: Position | str = "",
        fix: str = "",
        findings: tuple[Finding, ...] = (),
        wait_s: float = 0.0,
    ) -> None:
        super().__init__(what, where=where, fix=fix, findings=findings)
        self.wait_s = wait_s


class PartnerRefused(GatewayError):
    """The far side said no: a login, a host key, a permission. Trying again locks accounts, so nobody does."""


class StoreBehind(GatewayError):
    """The database's schema is not the one that this program was written for."""


class LeaseLost(GatewayError):
    """Another worker has taken this job over; what this one did must not count."""


class BalanceShort(GatewayError):
    """A posting would take more from an account than is in it."""
