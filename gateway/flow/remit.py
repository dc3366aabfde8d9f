"""Reacts to an 835: money to the money book, visits to the units book, both by the same key, so that it counts once.

What does not balance, or is not ours, is held in suspense with a task; nothing is made to fit.
"""

from dataclasses import replace

from gateway.domain.remittance import Adjustment, ClaimPayment, Remittance
from gateway.errors import Finding, Position, Severity
from gateway.flow import touching
from gateway.flow.cases import CLAIM_PREFIX, State, close_answers, code, subjects_of
from gateway.flow.clock import close_expectation
from gateway.flow.house import House, Transaction
from gateway.flow.returning import held, shared_visits
from gateway.ledger import cents, consequences
from gateway.ledger.advice import RECEIVABLE, allowed
from gateway.ledger.consequences import Consequences
from gateway.ledger.entry import Cause, entry_id
from gateway.ledger.outcome import in_order, settle
from gateway.ledger.settling import settled
from gateway.store import Document, StoredClaim

_SETTLED = (State.PAID, State.PARTLY_PAID, State.DENIED)  # A reversal may come; REVERSED waits for its correction.


def react(house: House, tx: Transaction, document: Document, place: Position, remittance: Remittance) -> None:
    """Posts one remittance; one that came before, by payer, number and date, is only noted."""
    plb = tuple(replace(each, reason=code(each.reason)) for each in remittance.provider_adjustments)
    remittance = replace(remittance, provider_adjustments=plb)  # The reason names an account.
    known = _claims(tx, document.partner, remittance)
    owners = {(each.organisation, each.clinic) for each in known.values()}
    organisations = {organisation for organisation, _ in owners}
    stored, new = tx.remittances.add(
        organisation=next(iter(organisations)) if len(organisations) == 1 else "",
        clinic=next(iter(owners))[1] if len(owners) == 1 else "",
        payer_id=remittance.payer_id,
        check_number=remittance.check_number,
        paid_on=remittance.paid_on,
        amount=remittance.amount,
        document=document.id,
    )
    for each in known.values():
        tx.documents.link(document.id, each.organisation, each.clinic)
    if not new:
        _repeated(tx, document, stored, remittance, known)
        return
    table = consequences.load()
    adjudicated = [number for number, each in known.items() if State(each.state) in _SETTLED]
    posting = cents.post_remittance(
        remittance,
        table,
        claims={number: each.claim for number, each in known.items()},
        adjudicated=adjudicated,
        document=document.id,
    )
    for entry in posting.entries:
        tx.books.post_money(entry)
    _tasks(tx, stored, document, posting.findings)
    keys = cents.payment_keys(remittance)
    for index in in_order(remittance.claims, adjudicated):
        payment = remittance.claims[index]
        if payment.control_number not in known:
            continue
        claim = known[payment.control_number].id
        if index in posting.held:
            tx.events.add(claim, "claim.payment_held", document=document.id, remittance=stored, paid=payment.paid)
            continue
        _charge_again(tx, document, claim, keys[index], remittance)
        _payment(tx, document, stored, remittance, index, claim, table, keys[index])
        _settled_beyond(tx, claim)
    touching.settled(tx, [each.id for each in known.values()], document.id)
    tx.remittances.set_state(stored, "held" if posting.held else "posted")
    tx.events.add(
        stored,
        "remittance.posted",
        document=document.id,
        claims=len(remittance.claims),
        held=len(posting.held),
        provider_adjustments=len(remittance.provider_adjustments),
        place=str(place),
    )


def _claims(tx: Transaction, partner: str, remittance: Remittance) -> dict[str, StoredClaim]:
    """Our claim for each CLP01 of the remittance that is ours."""
    found = {}
    for number in dict.fromkeys(each.control_number for each in remittance.claims):
        for subject in subjects_of(tx, "clm01", number, partner):
            if subject.startswith(CLAIM_PREFIX):
                found[number] = tx.claims.get(subject, lock=True)
    return found


def _repeated(
    tx: Transaction, document: Document, stored: str, remittance: Remittance, known: dict[str, StoredClaim]
) -> None:
    before = tx.remittances.get(stored)
    for each in known.values():
        tx.events.add(each.id, "remittance.repeated", document=document.id, remittance=stored)
    posted = {each.id for each in tx.books.money_entries(cause_document=before.document)}
    differs = "another amount" if before.amount != remittance.amount else ""
    for key in cents.payment_keys(remittance):
        if not posted & {entry_id(kind, key) for kind in ("payment", "suspense")}:
            differs = differs or "other claim payments"
    if differs:
        tx.tasks.open(
            f"remittance:{stored}:{document.payload}",
            kind="remittance",
            subject=stored,
            reason=f"another remittance with the same payer, number and date states {differs}; it was not posted",
            fix="Ask the payer which holds",
        )


def _charge_again(tx: Transaction, document: Document, claim: str, key: str, remittance: Remittance) -> None:
    """A claim that was told to be rejected, so that its charge was taken back, is paid all the same: it is owed."""
    stored = tx.claims.get(claim)
    if State(stored.state) is not State.REJECTED:
        return
    owed = cents.post_claim(stored.claim, document=document.id, holds_on=remittance.paid_on, key=key)
    if tx.books.post_money(owed):
        tx.events.add(claim, "claim.charged_again", document=document.id)


def _settled_beyond(tx: Transaction, claim: str) -> None:
    """More came than was billed: a payment came twice under two numbers, or the reversal between them is missing."""
    beyond = -tx.books.money_balances(claim=claim).get(RECEIVABLE, 0)
    if beyond > 0:
        tx.tasks.open(
            f"beyond:{claim}",
            kind="remittance",
            subject=claim,
            reason=f"payments and adjustments settle {beyond // 100}.{beyond % 100:02} more than was billed",
            fix="Ask the payer whether it paid twice, or where the reversal of the earlier payment is",
        )
    else:
        tx.tasks.close(f"beyond:{claim}", "it is settled to what was billed")


def _tasks(tx: Transaction, subject: str, document: Document, findings: tuple[Finding, ...]) -> None:
    for each in findings:
        key = f"remittance:{subject}:{each.where}:{each.what}"
        tx.tasks.open(key, kind="remittance", subject=subject, reason=each.reason, fix=each.fix)


def _payment(
    tx: Transaction,
    document: Document,
    remittance_id: str,
    remittance: Remittance,
    index: int,
    claim: str,
    table: Consequences,
    key: str,
) -> None:
    """One claim payment: what it does to the visits that the claim committed, and where the claim stands now."""
    payment = remittance.claims[index]
    stored = tx.claims.get(claim, lock=True)
    settlement = settle(
        payment,
        stored.claim,
        held(tx, stored),
        table,
        shared={visit for _, visit in shared_visits(tx, stored)},
        where=f"$.claims[{index}]",
    )
    buckets = sorted({move.standing.bucket.id for move in settlement.moves})
    balances = tx.books.balances(buckets, lock=True)
    cause = Cause(document=document.id, segment=f"CLP {index + 1}", claim=claim, actor=tx.scope.actor)
    done = settled(settlement.moves, balances, cause=cause, holds_on=remittance.paid_on, key=key)
    moved = {"consume": 0, "release": 0, "reverse": 0}
    for entry in done.entries:
        if tx.books.post(entry) and entry.kind in moved:
            moved[entry.kind] += sum(each.quantity for each in entry.postings)
    blocking = [each for each in (*settlement.tasks, *done.tasks) if each.severity is Severity.BLOCK]
    _tasks(tx, claim, document, tuple(blocking))
    state = _state(payment, table)
    tx.claims.update(claim, state=state, payer_claim_number=payment.payer_claim_number or stored.payer_claim_number)
    close_expectation(tx, claim, "835")
    close_answers(tx, claim, "the payer has adjudicated it")
    for kind, value in (("payer_claim_number", payment.payer_claim_number), ("check", remittance.check_number)):
        tx.identifiers.add(claim, kind, value, partner=document.partner, document=document.id)
    tx.events.add(
        claim,
        "claim.reversed" if payment.is_reversal else "claim.adjudicated",
        document=document.id,
        remittance=remittance_id,
        state=str(state),
        paid=payment.paid,
        codes=sorted({f"{code(each.group)} {code(each.reason)}" for each in _adjustments(payment)}),
        **{name: quantity for name, quantity in moved.items() if quantity},
    )


def _adjustments(payment: ClaimPayment) -> list[Adjustment]:
    return [*payment.adjustments, *(each for line in payment.lines for each in line.adjustments)]


def _state(payment: ClaimPayment, table: Consequences) -> State:
    """Judged from what the payer allowed, line by line, never from CLP02 alone (domain facts, 5.1)."""
    if payment.is_reversal:
        return State.REVERSED
    parts = payment.lines or (payment,)
    recognised = [allowed(each, table) > 0 for each in parts]
    if all(recognised):
        return State.PAID
    return State.PARTLY_PAID if any(recognised) else State.DENIED
