"""Replacements and voids (CLM05-03 7 and 8): which claim each is about, and what that one still holds.

Once the payer has taken the later claim in, by a 277CA or an 835, the earlier one bills nothing any more: a function of
what is known of the two, whatever came first (domain facts, 6.2).
"""

from gateway.domain.claim import Claim, Frequency
from gateway.flow.cases import State
from gateway.flow.checking import TAKEN_IN, Patient
from gateway.flow.house import Transaction
from gateway.flow.returning import held
from gateway.ledger.replaced import coming
from gateway.store import StoredClaim


def original(claim: Claim, patient: Patient) -> str:
    """Our id of the claim that a replacement or void names by the payer's number of it; "" where it is not ours."""
    if claim.frequency is Frequency.ORIGINAL or not claim.payer_claim_number:
        return ""
    found = [each for each in patient.claims if _has_number(each, claim.payer_claim_number)]
    return found[-1].id if found else ""  # Of a chain of replacements under one number the last.


def holding(tx: Transaction, replaced: str, *, beside: Claim) -> dict[str, int]:
    """What a claim holds of each bucket and gives back when ``beside`` takes its place: without the visits that both
    bill, which count once."""
    return coming([(each, each.committed + each.consumed) for each in held(tx, tx.claims.get(replaced))], beside)


def _has_number(stored: StoredClaim, number: str) -> bool:
    """The payer's number of this claim itself, not of the one that it is about."""
    own = stored.payer_claim_number.strip()
    if State(stored.state) not in TAKEN_IN and stored.claim.frequency is not Frequency.ORIGINAL:
        return False
    return own == number.strip()
