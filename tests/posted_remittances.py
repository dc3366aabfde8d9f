"""Whole remittances posted to the money book over lists, as the flow does it with tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from payment_keys import PaymentKeys

from gateway.domain.claim import Claim
from gateway.domain.remittance import Remittance
from gateway.ledger import cents
from gateway.ledger.advice import Advice, Head, Held, advise
from gateway.ledger.cents import MoneyEntry
from gateway.ledger.consequences import load
from gateway.ledger.position import PaymentStand, Stands, position

TABLE = load()


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """``held`` are (remittance, claim payment) by their places from 0, that stand in suspense, and why."""

    entries: tuple[MoneyEntry, ...]
    held: dict[tuple[int, int], str]


def beyond(came: Remittance) -> int:
    """What BPR02 has more than the claims and the provider's adjustments explain."""
    explained = sum(each.paid for each in came.claims) - sum(each.amount for each in came.provider_adjustments)
    return came.amount - explained


def posted(*came: Remittance, claims: Mapping[str, Claim]) -> Posted:
    """What these remittances come to together. ``claims`` are ours, by CLM01."""
    said: dict[str, list[Advice]] = {}
    placed: list[tuple[tuple[int, int], Advice]] = []
    entries: list[MoneyEntry] = []
    for at, each in enumerate(came):
        head = Head(payer_id=each.payer_id, check_number=each.check_number, paid_on=each.paid_on)
        keys, rest = PaymentKeys(head.key), beyond(each)
        for number, payment in enumerate(each.claims):
            unbalanced = Held.CLAIM_UNBALANCED if cents.claim_balance(payment, f"$.claims[{number}]") else ""
            advice, _ = advise(
                payment,
                claims.get(payment.control_number),
                TABLE,
                key=keys.of(payment),
                head=head,
                number=number,
                held=Held.TOTAL_UNBALANCED if rest else unbalanced,
            )
            said.setdefault(payment.control_number, []).append(advice)
            placed.append(((at, number), advice))
        entries += cents.beside_claims(each.provider_adjustments, head, beyond=rest)
    stands = {stand.key: stand for number, each in said.items() for stand in _stands(claims.get(number), each)}
    entries += [cents.entry_of(advice, stands[advice.key].stands, TABLE) for _, advice in placed]
    held = {place: stands[each.key].reason for place, each in placed if stands[each.key].stands is Stands.SUSPENSE}
    return Posted(entries=tuple(each for each in entries if each.lines), held=held)


def _stands(claim: Claim | None, said: Sequence[Advice]) -> Sequence[PaymentStand]:
    if claim is None:
        return [PaymentStand(key=each.key, stands=Stands.SUSPENSE, reason=each.held) for each in said]
    return position(claim, said).payments
