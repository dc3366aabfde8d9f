"""One claim payment of an 835 as it counts: which of our lines it is about, what each says, whether it can be posted.

Read once, when it arrives, from the payment and its claim alone: nothing here asks what came before. What a claim has
come to is then a question about the set of its advices (position.py), in whatever order they came.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

from gateway.domain.remittance import Adjustment, ClaimPayment, PaidLine
from gateway.errors import Finding, Severity
from gateway.ledger.billed import BilledClaim
from gateway.ledger.consequences import FORMER_GROUP, Consequences, Effect
from gateway.ledger.delivery import whole
from gateway.ledger.joining import SURE, Confidence, Joined, join

RECEIVABLE = "receivable:payer"
SECONDARY = frozenset({"2", "3", "20", "21"})  # CLP02: as secondary or tertiary, forwarded or not.
ELSEWHERE = {"23": "not this payer's claim, forwarded", "25": "a predetermination, no payment"}
_REMARK = re.compile("[A-Z]{1,2}[0-9]{1,4}")
_ALLOWED = (Effect.CONSUME, Effect.PEND)
_PRIOR_PAYER = ("OA", "23")  # What the payers before paid and adjusted.


class Held(StrEnum):
    """Why a claim payment's money waits in suspense, as far as its remittance alone can tell."""

    CLAIM_UNBALANCED = "claim_unbalanced"
    TOTAL_UNBALANCED = "total_unbalanced"
    UNKNOWN_CLAIM = "unknown_claim"
    ELSEWHERE = "elsewhere"  # CLP02 23 and 25.
    OTHER_PAYER = "other_payer"  # A secondary payer on a claim that was billed to the primary one.


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What an 835 is known by: payer (TRN03), check or trace number (TRN02), date (BPR16); ``produced_on`` DTM*405."""

    payer_id: str
    check_number: str
    paid_on: date
    produced_on: date | None = None

    @property
    def key(self) -> str:
        """Two documents with the same key are the same remittance (domain facts, 5.1)."""
        return f"{self.payer_id}/{self.check_number}/{self.paid_on.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisedLine:
    """What a payment says of one line. ``line`` is our REF*6R, "" where none fits; amounts are cents.

    ``units`` are those paid (SVC05), None where that is no whole number. ``effect`` is "" where only unknown reasons
    say why nothing was allowed. ``adjustments`` are (group, reason, cents).
    """

    line: str
    matched_on: str
    confidence: int
    procedure: str
    charge: int
    paid: int
    allowed: int
    units: int | None
    effect: str
    adjustments: tuple[tuple[str, str, int], ...] = ()
    remarks: tuple[str, ...] = ()

    def to_plain(self) -> dict[str, Any]:
        """For the store: JSON values only."""
        plain: dict[str, Any] = {name: getattr(self, name) for name in AdvisedLine.__slots__}
        return {**plain, "adjustments": [list(each) for each in self.adjustments], "remarks": list(self.remarks)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "AdvisedLine":
        adjustments = tuple((group, reason, amount) for group, reason, amount in plain["adjustments"])
        return cls(**{**plain, "adjustments": adjustments, "remarks": tuple(plain["remarks"])})


Order = tuple[date, date, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One claim payment. ``key`` is its name in both books, ``claim`` our id, ``remittance`` the 835's key.

    ``order`` is its place among all: paid on, produced on, check number, number in the set. ``settles`` are the cents
    that it takes off what the payer owes. ``effect`` is the claim's, used where it has no lines; ``adjustments`` are
    the claim's own (group, reason, cents).
    """

    key: str
    claim: str
    remittance: str
    order: Order
    status: str
    charge: int
    paid: int
    payer_claim_number: str
    settles: int
    held: str = ""
    effect: str = ""
    adjustments: tuple[tuple[str, str, int], ...] = ()
    lines: tuple[AdvisedLine, ...] = ()

    @property
    def is_reversal(self) -> bool:
        return self.status == "22"


def advise(
    payment: ClaimPayment,
    claim: BilledClaim | None,
    table: Consequences,
    *,
    key: str,
    head: Head,
    number: int,
    held: str = "",
    secondary_zero_consumes: bool | None = None,
) -> tuple[Advice, tuple[Finding, ...]]:
    """What a claim payment says, and what of it wants a person.

    ``number`` is its place in the set, from 0. ``held`` says that its amounts do not balance, or those of the whole.
    ``secondary_zero_consumes`` False: with this payer a line that the payers before paid in full uses nothing up (5.5).
    """
    where = f"$.claims[{number}]"
    joined = join(payment, claim) if claim else _unjoined(payment)
    zero = secondary_zero_consumes is not False or claim is None or not is_secondary(claim)
    advice = Advice(
        key=key,
        claim=claim.id if claim else "",
        remittance=head.key,
        order=(head.paid_on, head.produced_on or head.paid_on, head.check_number, number),
        status=payment.status,
        charge=payment.charge,
        paid=payment.paid,
        payer_claim_number=payment.payer_claim_number,
        settles=payment.charge - _still_owed(payment, table),
        held=held or _held(payment, claim),
        effect="" if payment.lines else _effect(allowed(payment, table), payment.adjustments, table, zero),
        adjustments=_trios(payment),
        lines=tuple([_line(each, payment, table, zero) for each in joined]),
    )
    if advice.held or payment.is_reversal:
        return advice, tuple(_unmatched(each, where) for each in joined if claim and each.line is None)
    return advice, tuple(dict.fromkeys(_findings(payment, advice, table, where)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """One adjustment that denies a line, or the claim as a whole ("" for ``line``, or for a line that fits none).
    ``cents`` are negative where a reversal takes the denial back; ``topic`` is its worklist, "" where none is known."""

    line: str
    group: str
    reason: str
    remarks: tuple[str, ...]
    cents: int
    topic: str


def denied(advice: Advice, table: Consequences, remarks: Sequence[str] = ()) -> Iterator[Denied]:
    """Why what was not allowed was not, line by line, never from CLP02 (5.1). ``remarks`` are the claim's own."""
    places = [(each.line, each.effect, each.adjustments, each.remarks) for each in advice.lines]
    whole = next((each.effect for each in advice.lines if each.effect not in _ALLOWED), advice.effect)
    for line, effect, adjustments, told in (*places, ("", whole, advice.adjustments, tuple(remarks))):
        if effect in _ALLOWED:
            continue
        for group, reason, cents in adjustments:
            known = table.reasons.get(reason)
            if known is None or known.units is not Effect.CONSUME:
                topics = [table.remarks[code].topic for code in told if code in table.remarks]
                topic = next(filter(None, topics), known.topic if known else "")
                yield Denied(line=line, group=group, reason=reason, remarks=told, cents=cents, topic=topic)


def allowed(line: PaidLine | ClaimPayment, table: Consequences) -> int:
    """Cents that the payer recognised: what it paid, and the patient's share of that (5.5)."""
    return line.paid + sum([each.amount for each in line.adjustments if table.shared(each)])


def effect(line: PaidLine | ClaimPayment, table: Consequences, further: Sequence[Adjustment] = ()) -> Effect | None:
    """What a line's amounts and reasons say; None where only unknown reasons do. ``further`` are the claim's own."""
    return _judged(allowed(line, table), line.adjustments or further, table)


def _judged(recognised: int, reasons: Sequence[Adjustment], table: Consequences) -> Effect | None:
    if recognised > 0:
        return Effect.CONSUME
    known = [table.reasons.get(each.reason) for each in reasons]
    effects = {each.units for each in known if each}
    for strongest in (Effect.KEEP, Effect.PEND, Effect.RELEASE):
        if strongest in effects:
            return strongest
    return Effect.CONSUME if effects and None not in known else None


def units_paid(line: PaidLine) -> int | None:
    """SVC05; blank means 1 (005010X221A1). None where it is no whole number."""
    text = line.units_paid
    if text.isdecimal() and text.isascii():
        return int(text)
    return whole(text) if text.strip() else 1


def is_secondary(claim: BilledClaim) -> bool:
    """Whether the claim itself went to a payer that pays after another one."""
    return claim.sequence != "primary" or any(each.sequence == "primary" for each in claim.other_coverages)


def other_payer(payment: ClaimPayment, claim: BilledClaim) -> bool:
    """Whether a secondary payer paid a claim that went to a primary one: its authorization is another account."""
    return payment.status in SECONDARY and not is_secondary(claim)


def _held(payment: ClaimPayment, claim: BilledClaim | None) -> str:
    if claim is None:
        return Held.UNKNOWN_CLAIM
    if payment.status in ELSEWHERE:
        return Held.ELSEWHERE
    return Held.OTHER_PAYER if other_payer(payment, claim) else ""


def _still_owed(payment: ClaimPayment, table: Consequences) -> int:
    """Cents that the payment leaves with the payer: pending (133), or settled with another claim (18)."""
    adjustments = [*payment.adjustments, *[each for line in payment.lines for each in line.adjustments]]
    return sum([each.amount for each in adjustments if table.account(each) == RECEIVABLE])


def _unjoined(payment: ClaimPayment) -> Iterator[Joined]:
    for index, paid in enumerate(payment.lines):
        yield Joined(index=index, paid=paid, line=None, confidence=Confidence.NONE)


def _line(joined: Joined, payment: ClaimPayment, table: Consequences, zero: bool) -> AdvisedLine:
    paid, recognised = joined.paid, allowed(joined.paid, table)
    return AdvisedLine(
        line=joined.line.control_number if joined.line else "",
        matched_on=joined.confidence.value,
        confidence=SURE[joined.confidence],
        procedure=paid.procedure,
        charge=paid.charge,
        paid=paid.paid,
        allowed=recognised,
        units=units_paid(paid),
        effect=_effect(recognised, paid.adjustments or payment.adjustments, table, zero),
        adjustments=_trios(paid),
        remarks=paid.remarks,
    )


def _trios(held: PaidLine | ClaimPayment) -> tuple[tuple[str, str, int], ...]:
    return tuple([(each.group, each.reason, each.amount) for each in held.adjustments])


def _effect(recognised: int, reasons: Sequence[Adjustment], table: Consequences, zero: bool) -> str:
    judged = _judged(recognised, reasons, table)
    if judged is Effect.CONSUME and not zero and recognised <= 0:
        prior = any((each.group, each.reason) == _PRIOR_PAYER for each in reasons)
        return Effect.RELEASE.value if prior else judged.value
    return judged.value if judged else ""


def _findings(payment: ClaimPayment, advice: Advice, table: Consequences, where: str) -> Iterable[Finding]:
    if not payment.lines and not advice.effect:
        yield _unjudged(where)
    yield from _reasons(payment, table, where)
    for index, (paid, line) in enumerate(zip(payment.lines, advice.lines, strict=True)):
        place = f"{where}.lines[{index}]"
        yield from _reasons(paid, table, place)
        if not line.line:
            yield _unmatched_as(line.matched_on, place)
        elif not line.effect:
            yield _unjudged(place)


def _reasons(held: PaidLine | ClaimPayment, table: Consequences, place: str) -> Iterable[Finding]:
    """A task for each reason that wants somebody: blocking where the line was not allowed, a warning where it was."""
    for each in held.adjustments:
        if each.reason in table.quiet and each.group != FORMER_GROUP:
            continue
        if each.group == FORMER_GROUP:
            what = "CAS01 CR existed only in 4010: it is taken as an adjustment of its reason"
            yield _task(what, "Tell the payer", place, Severity.WARN)
        known = table.reasons.get(each.reason)
        if known and known.topic:
            severity = Severity.WARN if allowed(held, table) > 0 else Severity.BLOCK
            remarks = [one for code in held.remarks if (one := table.remarks.get(code)) and one.topic]
            group = each.group if each.group in table.groups else "?"  # A partner may write anything there.
            codes = f"{group} {each.reason}" + "".join(f" {code}" for code in held.remarks if _REMARK.fullmatch(code))
            topic, fix = (remarks[0].topic, remarks[0].fix) if remarks else (known.topic, known.fix)
            yield replace(_task(f"{topic}: adjusted for {codes}", fix, place, severity), prevents=codes)


def _unmatched(joined: Joined, where: str) -> Finding:
    return _unmatched_as(joined.confidence, f"{where}.lines[{joined.index}]")


def _unmatched_as(matched_on: str, where: str) -> Finding:
    what = "a paid line that fits no line of its claim: what they claimed stays claimed"
    if matched_on == Confidence.AMBIGUOUS:
        what = "a paid line that fits several lines of its claim: what they claimed stays claimed"
    fix = "Compare the line with the claim as it was sent, and say which line it is"
    return _task(what, fix, where)


def _unjudged(where: str) -> Finding:
    what = "nothing was allowed, and no known reason says why: what was claimed stays claimed"
    return _task(what, "Ask the payer whether it counts this service, and for a corrected remittance", where)


def _task(what: str, fix: str, where: str, severity: Severity = Severity.BLOCK) -> Finding:
    source = "domain facts, 5.3 to 5.5"
    return Finding(rule="claim_payment", what=what, fix=fix, where=where, severity=severity, source=source)
