"""Reassociation: which deposit of the bank is which 835, whichever came first; and what still lacks its other half."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from gateway.domain.money import dollars
from gateway.flow.house import Transaction
from gateway.ledger.reassociating import Match, reassociated
from gateway.store import StoredRemittance
from gateway.store.deposits import Deposit, Reassociated

BY_TRANSFER = ("ACH", "BOP", "FWT")  # BPR04: what a bank tells of. CHK is a cheque, NON no payment.


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """A deposit without its 835, or an 835 without its deposit. ``amount`` is cents; ``id`` is ours."""

    kind: str
    id: str
    payer_id: str
    check_number: str
    amount: int
    paid_on: date


def remittance_came(tx: Transaction, remittance: str) -> None:
    """An 835 looks for its deposit; what is near is looked at with all that is near it, so that the order of arrival
    decides nothing."""
    came = tx.remittances.get(remittance)
    near = tx.deposits.around({came.paid_on}, {came.check_number})
    if near:
        deposits_came(tx, near)


def deposits_came(tx: Transaction, deposits: Sequence[Deposit]) -> None:
    """Deposits look for their 835."""
    _settle(tx, tx.remittances.around({each.paid_on for each in deposits}, {each.check_number for each in deposits}))


def lacking(tx: Transaction, *, before: date) -> list[Lacking]:
    """Deposits without an 835, and 835s by transfer without a deposit, paid before a day; the oldest first."""
    waiting = tx.deposits.list(state="waiting", paid_by=before - timedelta(days=1))
    alone = tx.remittances.without_deposit(BY_TRANSFER, before)
    found = [_lacking("deposit", each) for each in waiting] + [_lacking("remittance", each) for each in alone]
    return sorted(found, key=lambda each: (each.paid_on, each.kind, each.id))


def _lacking(kind: str, paid: Deposit | StoredRemittance) -> Lacking:
    return Lacking(
        kind=kind,
        id=paid.id,
        payer_id=paid.payer_id,
        check_number=paid.check_number,
        amount=paid.amount,
        paid_on=paid.paid_on,
    )


def _settle(tx: Transaction, remittances: Sequence[StoredRemittance]) -> None:
    """Works out the matches among these remittances and every deposit that may be one of theirs."""
    deposits = tx.deposits.around({each.paid_on for each in remittances}, {each.check_number for each in remittances})
    moving = [each for each in remittances if each.amount > 0 and each.reason != "payee"]
    known = {each.id: each for each in deposits}
    sums = {each.id: each.amount for each in remittances}
    changed = []
    for match in reassociated(deposits, moving):
        before = known[match.deposit]
        if not match.remittance and before.remittance and before.remittance not in sums:
            continue  # Its remittance is not among these.
        after = _matched(match)
        if (before.state, before.remittance, before.reason) != (after.state, after.remittance, after.reason):
            changed.append(after)
            _tell(tx, before, match, sums)
    tx.deposits.match(changed)


def _matched(match: Match) -> Reassociated:
    if not match.remittance:
        return Reassociated(id=match.deposit, state="waiting", reason="several fit" if match.fits else "")
    sure = match.confidence >= SURE_ENOUGH
    return Reassociated(
        id=match.deposit,
        state="matched" if sure and not match.differs else "differs",
        reason=f"differs by {match.differs}" if match.differs else "" if sure else "the trace number differs",
        remittance=match.remittance,
        matched_on=match.matched_on,
        confidence=match.confidence,
    )


SURE_ENOUGH = 80
"""Below it, trace numbers differ: a person says whether they are the same payment."""


def _tell(tx: Transaction, deposit: Deposit, match: Match, sums: dict[str, int]) -> None:
    key = f"deposit:{deposit.id}"
    if not match.remittance and not match.fits:
        tx.tasks.close(key, "nothing fits it any more")
        return
    if match.remittance and (not match.differs and match.confidence >= SURE_ENOUGH):
        tx.tasks.close(key, "its remittance has come")
        return
    if match.fits:
        fitting = ", ".join(dollars(sums[each]) for each in match.fits)
        reason = (
            f"deposits and remittances fit each other alike: the bank has {dollars(deposit.amount)}, they {fitting}"
        )
        fix = "Compare the payer's notices with the bank's, and say which belong together"
    elif match.differs:
        reason = f"the bank has {dollars(deposit.amount)} for a remittance of {dollars(sums[match.remittance])}"
        fix = "Ask the payer, or the bank, what the difference is"
    else:
        reason = f"a deposit and a remittance of {dollars(deposit.amount)} from one payer have different trace numbers"
        fix = "Compare both with the payer's notice, and say whether they are the same payment"
    tx.tasks.close(key, "it stands otherwise now")
    tx.tasks.open(key, kind="deposit", subject=match.remittance or deposit.id, reason=reason, fix=fix)
