"""What a claim has come to: a function of the set of what its payer has said about it, whatever order that came in.

What was said are the claim payments (advice.py: duplicates by their key, reversals, corrections, late ones) and the
answers to the claim itself (TA1, 999, 277CA). Decides only; settling.py and cents.py post the difference to it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.domain.answer import Verdict
from gateway.domain.claim import Frequency
from gateway.ledger.advice import Advice, AdvisedLine
from gateway.ledger.billed import BilledClaim
from gateway.ledger.consequences import Effect
from gateway.ledger.reversing import Paired, paired


class Stands(StrEnum):
    """Where a claim payment's money is."""

    POSTED = "posted"
    SUSPENSE = "suspense"


class Come(StrEnum):
    """What a claim has come to. NOTHING: nothing that was said decides."""

    NOTHING = ""
    RECEIVED = "received"
    REJECTED = "rejected"
    PAID = "paid"
    PARTLY_PAID = "partly_paid"
    DENIED = "denied"
    REVERSED = "reversed"


@dataclass(frozen=True, slots=True)
class Answered:
    """``source`` is TA1, 999 or 277CA."""

    source: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one of our lines. ``units`` are those that were paid, None where that is no whole number; ``by``
    is the key of the payment that says so."""

    effect: Effect
    units: int | None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentStand:
    """How one claim payment stands. ``reason`` says why in suspense; ``reverses`` is the key of its original."""

    key: str
    stands: Stands
    reason: str = ""
    reverses: str = ""
    matched_on: str = ""
    confidence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """``outcomes`` are by REF*6R; a line that nothing stands about is not there, and what it claimed stays claimed.

    ``payments`` are in their order. ``billed`` says that the charge is owed; where it is not, the claim holds no visit
    either. ``contradicted``: it was taken into adjudication, and something says that it was not.
    ``beyond`` are the cents that payments settle over what was billed.
    """

    claim: str
    come: Come
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    payments: tuple[PaymentStand, ...] = ()
    billed: bool = True
    contradicted: bool = False
    beyond: int = 0
    payer_claim_number: str = ""

    @property
    def taken_in(self) -> bool:
        """Whether the payer took it into adjudication."""
        return self.come not in (Come.NOTHING, Come.REJECTED)


NO_ORIGINAL = "no_original"
ORIGINAL_HELD = "original_held"
_PRECEDENCE = {Effect.CONSUME: 3, Effect.RELEASE: 2, Effect.PEND: 1, Effect.KEEP: 1}
_NO_UNITS = {Effect.KEEP: None, Effect.PEND: None, Effect.RELEASE: 0}
_EFFECTS = {each.value: each for each in Effect}


def position(
    claim: BilledClaim, advices: Iterable[Advice], answers: Iterable[Answered] = (), *, voided: bool = False
) -> Position:
    """``advices`` and ``answers`` are all that the payer has said of this claim, in any order; ``voided`` that it took
    the claim back for us (frequency 8), or has another in its place (7)."""
    said = list({each.key: each for each in advices}.values())
    if len(said) > 1:
        said.sort(key=lambda each: (each.order, each.key))
    pairs = _pairs(said)
    stands = tuple([_stand(each, pairs, said) for each in said])
    posted = [each for each, stand in zip(said, stands, strict=True) if stand.stands is Stands.POSTED]
    standing, undone = _standing(posted, pairs)
    outcomes, effects = _outcomes(claim, standing)
    if undone and effects:  # Lines that were taken back and not decided again.
        told = {line.line for each in posted if not each.is_reversal for line in each.lines}
        effects += [Effect.KEEP] * len(told - outcomes.keys() - {""})
    refused, taken, contradicted = _answered(answers)
    owed = claim.frequency is not Frequency.VOID and not voided  # A void takes back, and bills nothing.
    billed = owed and (bool(posted) or not refused)
    if posted:
        come = _come(effects, undone=undone)
    else:
        come = Come.REJECTED if refused else Come.RECEIVED if taken else Come.NOTHING
    numbers = [each.payer_claim_number for each in posted if each.payer_claim_number and not each.is_reversal]
    return Position(
        claim=claim.id,
        come=come,
        outcomes=outcomes,
        payments=stands,
        billed=billed,
        contradicted=contradicted or (refused and bool(posted)),
        beyond=sum([each.settles for each in posted]) - (claim.charge if billed else 0),
        payer_claim_number=numbers[-1] if numbers else "",
    )


def _pairs(said: Sequence[Advice]) -> dict[str, Paired]:
    reversals = [each for each in said if each.is_reversal and not each.held]
    return paired(reversals, [each for each in said if not each.is_reversal]) if reversals else {}


def _stand(advice: Advice, pairs: Mapping[str, Paired], said: Sequence[Advice]) -> PaymentStand:
    if advice.held:
        return PaymentStand(key=advice.key, stands=Stands.SUSPENSE, reason=advice.held)
    if not advice.is_reversal:
        return PaymentStand(key=advice.key, stands=Stands.POSTED)
    pair = pairs.get(advice.key)
    if pair is None:
        return PaymentStand(key=advice.key, stands=Stands.SUSPENSE, reason=NO_ORIGINAL)
    original = next(each for each in said if each.key == pair.original)
    return PaymentStand(
        key=advice.key,
        stands=Stands.SUSPENSE if original.held else Stands.POSTED,
        reason=ORIGINAL_HELD if original.held else "",
        reverses=pair.original,
        matched_on=pair.matched_on,
        confidence=pair.confidence,
    )


@dataclass(frozen=True, slots=True)
class _Standing:
    """A payment that is not taken back, with those of its lines that are not."""

    advice: Advice
    lines: Sequence[AdvisedLine]


def _standing(posted: Sequence[Advice], pairs: Mapping[str, Paired]) -> tuple[list[_Standing], bool]:
    """Also whether anything was taken back."""
    if not pairs:
        return [_Standing(each, each.lines) for each in posted], False
    whole = {each.original for each in pairs.values() if each.whole}
    gone: dict[str, set[int]] = {}
    for pair in pairs.values():
        gone.setdefault(pair.original, set()).update(pair.lines)
    standing = []
    for each in posted:
        if each.is_reversal or each.key in whole:
            continue
        lines = [line for at, line in enumerate(each.lines) if at not in gone.get(each.key, ())]
        if lines or not each.lines:
            standing.append(_Standing(each, lines))
    return standing, True


def _outcomes(claim: BilledClaim, standing: Iterable[_Standing]) -> tuple[dict[str, Outcome], list[Effect]]:
    """What governs each line: the last payment that allows it, else the last that denies it, else the last at all.

    Also the effects of everything that stands, lines that fit none of ours among them.
    """
    outcomes: dict[str, Outcome] = {}
    strange: list[Effect] = []
    for each in standing:
        for number, outcome in _told(claim, each).items():
            before = outcomes.get(number)
            if not number:
                strange.append(outcome.effect)
            elif before is None or _PRECEDENCE[outcome.effect] >= _PRECEDENCE[before.effect]:
                outcomes[number] = outcome
    return outcomes, [*(each.effect for each in outcomes.values()), *strange]


def _told(claim: BilledClaim, standing: _Standing) -> dict[str, Outcome]:
    """What one payment says of each of our lines; "" is for all that fit none."""
    advice = standing.advice
    if not advice.lines:
        judged = _EFFECTS.get(advice.effect, Effect.KEEP)
        return {each.control_number: Outcome(judged, each.units, advice.key) for each in claim.lines}
    parts: dict[str, list[AdvisedLine]] = {}
    for line in standing.lines:
        parts.setdefault(line.line, []).append(line)
    return {number: _whole_line(each, advice.key) for number, each in parts.items()}


def _whole_line(parts: Sequence[AdvisedLine], key: str) -> Outcome:
    """A line that the payer split: kept while any part is, else consumed as far as any part is."""
    if len(parts) == 1:
        judged, only = _EFFECTS.get(parts[0].effect, Effect.KEEP), parts[0]
        return Outcome(judged, only.units if judged is Effect.CONSUME else _NO_UNITS[judged], key)
    effects = [_EFFECTS.get(each.effect, Effect.KEEP) for each in parts]
    for waiting in (Effect.KEEP, Effect.PEND):
        if waiting in effects:
            return Outcome(waiting, _NO_UNITS[waiting], key)
    if Effect.CONSUME not in effects:
        return Outcome(Effect.RELEASE, _NO_UNITS[Effect.RELEASE], key)
    paid = [each.units for each, judged in zip(parts, effects, strict=True) if judged is Effect.CONSUME]
    return Outcome(Effect.CONSUME, None if None in paid else sum([each or 0 for each in paid]), key)


def _come(effects: Sequence[Effect], *, undone: bool) -> Come:
    """Judged from what the payer allowed, line by line, never from CLP02 alone (5.1)."""
    if not effects:
        return Come.REVERSED if undone else Come.DENIED
    allowed = effects.count(Effect.CONSUME)
    if allowed == len(effects):
        return Come.PAID
    if allowed:
        return Come.PARTLY_PAID
    return Come.RECEIVED if effects.count(Effect.PEND) == len(effects) else Come.DENIED


def _answered(answers: Iterable[Answered]) -> tuple[bool, bool, bool]:
    """Whether it was refused, taken into adjudication, and both said.

    A 277CA's word about the claim goes before a TA1's or a 999's about its syntax: released and sent again it would be
    billed twice. Of two 277CA, as of a clearinghouse and of the payer, the one that refuses ends it.
    """
    by_source = {(each.source == "277CA", each.verdict) for each in answers}
    refused = (True, Verdict.REJECTED) in by_source
    taken = bool(by_source & {(True, Verdict.ACCEPTED), (True, Verdict.ACCEPTED_WITH_ERRORS)})
    unread = (False, Verdict.REJECTED) in by_source
    return refused or (unread and not taken), taken and not refused, unread and taken
