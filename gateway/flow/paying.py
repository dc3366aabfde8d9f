"""One batch of an 835's claim payments: what each says of its claim, kept row by row, and both books moved by it.

Ours or not, posted or held: every CLP has its row, with its state and why. Never decides what a claim has come to.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.errors import Finding
from gateway.flow import touching
from gateway.flow.adjudicate import Adjudicated, News, adjudicate, blocking, tell_beyond
from gateway.flow.cases import code
from gateway.flow.clock import LATE_ANSWERS, expectation_key
from gateway.flow.house import House, Transaction
from gateway.flow.policies import day_of, policy_in
from gateway.flow.remitted import Keyed, Remitted
from gateway.ledger import cents, consequences
from gateway.ledger.advice import SECONDARY, Advice, Head, Held, advise, denied
from gateway.ledger.billed import BilledClaim
from gateway.ledger.position import PaymentStand, Stands
from gateway.store import Document, Task
from gateway.store.billed import SentClaim
from gateway.store.events import Happened
from gateway.store.payments import Denial, Payment
from gateway.store.tasks import Asked

NOT_OURS = "not_ours"  # A payment of somebody else's remittance: it moves nothing.


@dataclass(frozen=True, slots=True)
class _Read:
    """One CLP with our claim, what it says, and what of it wants a person."""

    keyed: Keyed
    sent: SentClaim | None
    advice: Advice
    findings: tuple[Finding, ...]


def post(
    house: House,
    tx: Transaction,
    document: Document,
    remittance: str,
    remitted: Remitted,
    batch: Sequence[Keyed],
    *,
    held: str,
    foreign: bool,
) -> None:
    """Posts these claim payments. ``held`` says what the whole remittance has against them; ``foreign`` that it is
    somebody else's."""
    numbers = {each.payment.control_number for each in batch}
    sent = {} if foreign else tx.billed.by_number(numbers, document.partner, lock=True)
    _own(tx, document, remittance, sent.values())
    head = _head(remitted)
    read = [_read(house, tx, head, each, sent.get(each.payment.control_number), held) for each in batch]
    advices: dict[str, list[Advice]] = {}
    for each in read:
        if each.sent:
            advices.setdefault(each.sent.id, []).append(each.advice)
    news = News(advices=advices, document=document.id, holds_on=head.paid_on)
    done = adjudicate(tx, {each.id: each for each in sent.values()}, news)
    stands = {each.key: each for position in done.positions.values() for each in position.payments}
    rows, denials = _rows(document, remittance, read, stands, foreign=foreign)
    waiting = tx.tasks.open_of({each.id for each in sent.values()})
    tx.payments.add(rows, denials)
    if not foreign:
        table = consequences.load()
        unknown = [each.advice for each in read if each.sent is None]
        strangers = [cents.entry_of(each, Stands.SUSPENSE, table, document=document.id) for each in unknown]
        tx.books.post_money_all([each for each in strangers if each.lines])
    _tell(tx, document, remittance, read, stands, done, waiting)
    touching.settled(tx, [*(each.id for each in sent.values()), *done.kin], document.id)
    tx.remittances.set_progress(remittance, batch[-1].number + 1)


def _head(remitted: Remitted) -> Head:
    head = remitted.whole
    return Head(
        payer_id=head.payer_id, check_number=head.check_number, paid_on=head.paid_on, produced_on=head.produced_on
    )


def _own(tx: Transaction, document: Document, remittance: str, sent: Iterable[SentClaim]) -> None:
    """The clinics whose claims are in it take part in the document; a remittance of one clinic alone is its own."""
    owners = {(each.billed.organisation, each.billed.clinic) for each in sent}
    for owner in sorted(owners):
        tx.documents.link(document.id, *owner)
    owners |= tx.payments.owners(remittance)
    organisations = {organisation for organisation, _ in owners}
    organisation = next(iter(organisations)) if len(organisations) == 1 else ""
    tx.remittances.set_owner(remittance, organisation, next(iter(owners))[1] if len(owners) == 1 else "")


def _read(house: House, tx: Transaction, head: Head, keyed: Keyed, sent: SentClaim | None, held: str) -> _Read:
    payment, where = keyed.payment, f"$.claims[{keyed.number}]"
    claim: BilledClaim | None = sent.billed if sent else None
    zero = None
    if sent is not None and payment.status in SECONDARY:
        claim = whole = tx.claims.get(sent.id).claim  # Only the whole claim tells whether it went to a secondary payer.
        zero = policy_in(house, tx, whole, day_of(whole, head.paid_on)).secondary_zero_consumes
    unbalanced = tuple(cents.claim_balance(payment, where))
    against = held or (Held.CLAIM_UNBALANCED.value if unbalanced else "")
    advice, findings = advise(
        payment,
        claim,
        consequences.load(),
        key=keyed.key,
        head=head,
        number=keyed.number,
        held=against,
        secondary_zero_consumes=zero,
    )
    return _Read(keyed, sent, advice, (*unbalanced, *findings))


def _rows(
    document: Document,
    remittance: str,
    read: Sequence[_Read],
    stands: Mapping[str, PaymentStand],
    *,
    foreign: bool,
) -> tuple[list[Payment], list[Denial]]:
    """One of each CLP, and one of each adjustment that denies something."""
    rows: list[Payment] = []
    denials: list[Denial] = []
    for each in read:
        advice, payment = each.advice, each.keyed.payment
        stand = stands.get(advice.key)
        state, reason = (stand.stands.value, stand.reason) if stand else (Stands.SUSPENSE.value, advice.held)
        if foreign:
            state, reason = NOT_OURS, "payee"
        owner = (each.sent.billed.organisation, each.sent.billed.clinic) if each.sent else ("", "")
        rows.append(
            Payment(
                id=advice.key,
                organisation=owner[0],
                clinic=owner[1],
                remittance=remittance,
                number=each.keyed.number,
                claim=advice.claim,
                control_number=payment.control_number if each.sent else "",  # Else it is another clinic's own number.
                status=payment.status,
                charge=payment.charge,
                paid=payment.paid,
                settles=advice.settles,
                payer_claim_number=payment.payer_claim_number,
                paid_on=advice.order[0],
                produced_on=advice.order[1],
                state=state,
                reason=reason,
                held=advice.held,
                effect=advice.effect,
                reverses=stand.reverses if stand else "",
                matched_on=stand.matched_on if stand else "",
                confidence=stand.confidence if stand else 0,
                adjustments=advice.adjustments,
                remarks=payment.remarks,
                lines=[line.to_plain() for line in advice.lines],
                document=document.id,
            )
        )
        denials += _denials(each, owner)
    return rows, denials


def _denials(read: _Read, owner: tuple[str, str]) -> list[Denial]:
    """They count while their payment stands posted, which another document may change."""
    if read.sent is None or read.advice.held:
        return []
    advice, payment = read.advice, read.keyed.payment
    return [
        Denial(
            payment=advice.key,
            number=number,
            organisation=owner[0],
            clinic=owner[1],
            claim=advice.claim,
            line=each.line,
            group_code=each.group,
            reason=each.reason,
            remarks=each.remarks,
            cents=each.cents,
            topic=each.topic,
            paid_on=advice.order[0],
        )
        for number, each in enumerate(denied(advice, consequences.load(), payment.remarks))
    ]


def _tell(
    tx: Transaction,
    document: Document,
    remittance: str,
    read: Sequence[_Read],
    stands: Mapping[str, PaymentStand],
    done: Adjudicated,
    waiting: Iterable[Task],
) -> None:
    """The trail of each claim; what wants a person, and what no longer does."""
    happened = []
    asked: list[Asked] = []
    open_tasks: dict[str, list[Task]] = {}
    ours = {each.sent.id for each in read if each.sent}
    for task in waiting:
        open_tasks.setdefault(task.subject, []).append(task)
    counted: set[str] = set()
    for each in read:
        if each.sent is None:
            continue
        stand, claim = stands[each.advice.key], each.sent.id
        happened.append(_event(each, stand, remittance, {} if claim in counted else done.moved.get(claim, {}), done))
        counted.add(claim)
        if stand.stands is Stands.POSTED:
            _close(tx, claim, open_tasks.get(claim, ()))
        if stand.reverses and stand.stands is Stands.POSTED:
            taken_back = f"payment:{stand.reverses}:"
            for task in open_tasks.get(claim, ()):
                if task.key.startswith(taken_back):
                    tx.tasks.close(task.key, "the payment was taken back")
        found = blocking((*each.findings, *_waits(each, stand)))
        asked += [_asked(f"payment:{each.advice.key}", claim, one) for one in found]
    tx.events.add_all(happened, document=document.id)
    for claim in ours:
        asked += [_asked(f"claim:{claim}", claim, one) for one in blocking(done.tasks.get(claim, ()))]
        for payment in done.restated.get(claim, ()):
            if stands[payment].stands is Stands.POSTED:
                for task in open_tasks.get(claim, ()):
                    if task.key.startswith(f"payment:{payment}:"):
                        tx.tasks.close(task.key, "what it waited for has come")
            elif payment in done.suspended:
                asked.append(_asked(f"payment:{payment}", claim, done.suspended[payment]))
        asked += tell_beyond(tx, claim, done.positions[claim].beyond, open_tasks.get(claim, ()))
    tx.tasks.open_all(asked)  # None of them was closed above after it was asked.


def _waits(read: _Read, stand: PaymentStand) -> tuple[Finding, ...]:
    """Why it waits in suspense, where nothing has told that yet."""
    if stand.stands is Stands.POSTED or stand.reason in (Held.TOTAL_UNBALANCED, Held.CLAIM_UNBALANCED):
        return ()
    return (cents.suspense(stand, read.advice, f"$.claims[{read.keyed.number}]"),)


def _event(read: _Read, stand: PaymentStand, remittance: str, moved: Mapping[str, int], done: Adjudicated) -> Happened:
    payment = read.keyed.payment
    assert read.sent is not None, "only claims of ours have a trail"
    if stand.stands is not Stands.POSTED:
        return Happened(read.sent.id, "claim.payment_held", {"remittance": remittance, "paid": payment.paid})
    adjustments = [*payment.adjustments, *[each for line in payment.lines for each in line.adjustments]]
    detail = {
        "remittance": remittance,
        "state": done.positions[read.sent.id].come.value or read.sent.state,
        "paid": payment.paid,
        "codes": sorted({f"{code(each.group)} {code(each.reason)}" for each in adjustments}),
        **moved,
    }
    return Happened(read.sent.id, "claim.reversed" if payment.is_reversal else "claim.adjudicated", detail)


def _close(tx: Transaction, claim: str, open_tasks: Sequence[Task]) -> None:
    """Nothing is awaited any more, and no refusal is to be mended: the payer has adjudicated it."""
    late = {expectation_key(claim, each) for each in LATE_ANSWERS}
    for task in open_tasks:
        if task.key in late:
            tx.tasks.close(task.key, "the answer came")
        elif task.kind in ("rejected", "unclear"):
            tx.tasks.close(task.key, "the payer has adjudicated it")


def _asked(about: str, claim: str, found: Finding) -> Asked:
    key = f"{about}:{found.where}:{found.what}"
    return Asked(key=key, kind="remittance", subject=claim, reason=found.reason, fix=found.fix)
