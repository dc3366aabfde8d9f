"""How the far side took a document: TA1, 999 and 277CA, as sent, and all of them in one shape.

The records of the three documents hold what is on the wire; ``Answer`` is what the rest of the program reacts to.
A value that a 999 quotes (IK404) may be a patient's: it is kept in the record and left out of the Answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum


class Verdict(StrEnum):
    ACCEPTED = "accepted"
    ACCEPTED_WITH_ERRORS = "accepted_with_errors"
    PARTIAL = "partial"
    REJECTED = "rejected"
    UNKNOWN = "unknown"  # A code that no source names: a person decides.


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why. ``kind`` names the element that the code comes from (TA105, IK304, IK403, IK502, AK905, STC)."""

    kind: str
    code: str
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One verdict about one thing that we sent.

    ``source`` is TA1, 999 or 277CA. ``level`` and ``key`` name the thing: interchange (ISA13), group (GS06),
    set (GS06/ST02), batch (BHT03), claim (CLM01) or line (REF*6R).
    """

    source: str
    level: str
    key: str
    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    payer_claim_number: str = ""
    clearinghouse_number: str = ""  # REF*D9 of a 277CA


@dataclass(frozen=True, slots=True, kw_only=True)
class InterchangeAcknowledgment:
    """TA1. ``code`` is TA104 (A, E, R), ``note`` TA105."""

    control_number: str
    created_on: str
    created_at: str
    code: str
    note: str = "000"

    def answers(self) -> Iterator[Answer]:
        verdicts = {"A": Verdict.ACCEPTED, "E": Verdict.ACCEPTED_WITH_ERRORS, "R": Verdict.REJECTED}
        reasons = () if self.note == "000" else (Reason(kind="TA105", code=self.note),)
        verdict = verdicts.get(self.code, Verdict.UNKNOWN)
        yield Answer(source="TA1", level="interchange", key=self.control_number, verdict=verdict, reasons=reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementError:
    """IK4: ``element`` and ``component`` count from 1 (0 is none), ``code`` is IK403, ``value`` IK404."""

    element: int
    code: str
    component: int = 0
    repetition: int = 0
    reference: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentError:
    """IK3: ``number`` is the segment's ordinal in the set, ``code`` IK304."""

    tag: str
    number: int
    loop: str = ""
    code: str = ""
    context: str = ""  # CTX01-1 of the business unit, such as CLM01
    context_value: str = ""  # CTX01-2; may be a patient's, so it is left out of the Answer
    elements: tuple[ElementError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAcknowledgment:
    """AK2 to IK5: ``code`` is IK501, ``errors`` IK502 to IK506."""

    type: str
    control_number: str
    version: str = ""
    code: str
    errors: tuple[str, ...] = ()
    segments: tuple[SegmentError, ...] = ()


_ACK_VERDICTS = {
    "A": Verdict.ACCEPTED,
    "E": Verdict.ACCEPTED_WITH_ERRORS,
    "P": Verdict.PARTIAL,
    "R": Verdict.REJECTED,
    "M": Verdict.REJECTED,
    "W": Verdict.REJECTED,
    "X": Verdict.REJECTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupAcknowledgment:
    """One 999. ``functional_id`` is AK101, ``control_number`` AK102 (our GS06), ``code`` AK901."""

    functional_id: str
    control_number: str
    version: str = ""
    sets: tuple[SetAcknowledgment, ...] = ()
    code: str
    included: int
    received: int
    accepted: int
    errors: tuple[str, ...] = ()

    def answers(self) -> Iterator[Answer]:
        """The group's verdict first, then one for each set that the 999 names."""
        yield Answer(
            source="999",
            level="group",
            key=self.control_number,
            verdict=_ACK_VERDICTS.get(self.code, Verdict.UNKNOWN),
            reasons=tuple(Reason(kind="AK905", code=code) for code in self.errors),
        )
        for each in self.sets:
            yield Answer(
                source="999",
                level="set",
                key=f"{self.control_number}/{each.control_number}",
                verdict=_ACK_VERDICTS.get(each.code, Verdict.UNKNOWN),
                reasons=(*(Reason(kind="IK502", code=code) for code in each.errors), *_segment_reasons(each)),
            )


def _segment_reasons(acknowledgment: SetAcknowledgment) -> Iterator[Reason]:
    for error in acknowledgment.segments:
        loop = f"loop {error.loop}, " if error.loop else ""
        place = f"{loop}segment {error.number}, {error.tag}"
        if error.code:
            yield Reason(kind="IK304", code=error.code, place=place)
        for element in error.elements:
            component = f"-{element.component:02}" if element.component else ""
            yield Reason(kind="IK403", code=element.code, place=f"{place}{element.element:02}{component}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """STC: category (507), status (508), entity (98); ``action`` is STC03: WQ accepted, U rejected."""

    category: str
    code: str
    entity: str = ""
    action: str = ""
    effective_on: date | None = None
    charge: int | None = None  # STC04, cents
    more: tuple["StatusCode", ...] = ()  # STC10 and STC11
    message: str = ""

    @property
    def verdict(self) -> Verdict:
        """STC03 decides where it stands (R at the upper levels of X214); else the category's letter and number.

        A0 to A2 and A5 let the claim go on, A3, A4 and A6 to A8 end it (Washington Publishing list 507). Where the two
        contradict each other, as in A7 with WQ, nobody here can tell.
        """
        by_action = {"WQ": Verdict.ACCEPTED, "U": Verdict.REJECTED}.get(self.action, Verdict.UNKNOWN)
        by_category = Verdict.UNKNOWN
        if self.category in ("A0", "A1", "A2", "A5"):
            by_category = Verdict.ACCEPTED
        elif self.category in ("A3", "A4", "A6", "A7", "A8"):
            by_category = Verdict.REJECTED
        said = {by_action, by_category} - {Verdict.UNKNOWN}
        return said.pop() if len(said) == 1 else Verdict.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCode:
    category: str
    code: str
    entity: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineStatus:
    """2220D: ``control_number`` is REF*FJ, our 6R."""

    control_number: str = ""
    procedure: str = ""
    modifiers: tuple[str, ...] = ()
    charge: int | None = None
    units: str = ""
    served_on: date | None = None
    statuses: tuple[Status, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimStatus:
    """2200D: ``control_number`` is TRN02, our CLM01; ``payer_claim_number`` REF*1K."""

    control_number: str
    statuses: tuple[Status, ...] = ()
    payer_claim_number: str = ""
    clearinghouse_number: str = ""
    patient_last: str = ""
    patient_first: str = ""
    member_id: str = ""
    serviced_from: date | None = None
    serviced_to: date | None = None
    lines: tuple[LineStatus, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderStatus:
    """2000C: the billing provider, its own status where there is one, and its claims."""

    name: str = ""
    npi: str = ""
    trace: str = ""
    statuses: tuple[Status, ...] = ()
    accepted: int | None = None  # QTY*QA
    rejected: int | None = None  # QTY*QC
    accepted_charge: int | None = None  # AMT*YU, cents
    rejected_charge: int | None = None  # AMT*YY, cents
    claims: tuple[ClaimStatus, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimAcknowledgment:
    """One 277CA. ``batch`` is TRN02 at the receiver's level, the BHT03 of our 837P."""

    reference: str
    created_on: date | None = None
    created_at: str = ""
    source_name: str = ""
    source_id: str = ""
    source_trace: str = ""
    received_on: date | None = None
    processed_on: date | None = None
    receiver_name: str = ""
    receiver_id: str = ""
    batch: str = ""
    statuses: tuple[Status, ...] = ()
    accepted: int | None = None
    rejected: int | None = None
    accepted_charge: int | None = None
    rejected_charge: int | None = None
    providers: tuple[ProviderStatus, ...] = ()

    def answers(self) -> Iterator[Answer]:
        """The batch's verdict, then one for each claim; a claim is rejected if any of its statuses is."""
        if self.statuses:
            yield _answer("batch", self.batch, self.statuses)
        for provider in self.providers:
            for claim in provider.claims:
                lines = tuple(status for line in claim.lines for status in line.statuses)
                statuses = claim.statuses or lines
                yield replace(
                    _answer("claim", claim.control_number, statuses),
                    payer_claim_number=claim.payer_claim_number,
                    clearinghouse_number=claim.clearinghouse_number,
                )


def _answer(level: str, key: str, statuses: tuple[Status, ...]) -> Answer:
    verdicts = {status.verdict for status in statuses}
    for verdict in (Verdict.REJECTED, Verdict.UNKNOWN, Verdict.ACCEPTED):
        if verdict in verdicts:
            break
    else:
        verdict = Verdict.UNKNOWN
    codes = [f"{each.category}:{each.code}" + (f":{each.entity}" if each.entity else "") for each in statuses]
    codes += [f"{more.category}:{more.code}" for each in statuses for more in each.more]
    reasons = tuple(Reason(kind="STC", code=code) for code in codes)
    return Answer(source="277CA", level=level, key=key, verdict=verdict, reasons=reasons)
