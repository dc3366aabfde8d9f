"""Reacts to an 835: known by payer, number and date, it counts once; what does not balance is held, never made to fit.

The whole is looked at first. Then its claim payments are posted in batches (paying.py), each with how far it came, so
that a gateway that is killed goes on where it was; its provider-level amounts and its end come last.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway import logs
from gateway.domain.remittance import Remittance
from gateway.errors import Finding, Position
from gateway.flow import paying, provider_level, reassociate
from gateway.flow.cases import code
from gateway.flow.house import House, Transaction
from gateway.flow.remitted import Keyed, Remitted
from gateway.flow.uncollected import uncollected
from gateway.ledger import cents
from gateway.ledger.advice import Held
from gateway.ledger.cents import CASH, SUSPENSE, MoneyEntry, MoneyLine
from gateway.ledger.entry import Cause, entry_id
from gateway.store import Document, StoredRemittance
from gateway.store.events import Happened

log = logs.get()
BATCH = 1000  # claim payments of one transaction
PAYEE = "payee"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Posting:
    """A remittance in hand: how many of its claim payments were posted before, and what is against all of them."""

    id: str
    start: int
    held: str
    foreign: bool


def react(house: House, tx: Transaction, document: Document, place: Position, remitted: Remitted) -> None:
    """Posts one remittance, or what is left of it; one that came before is only noted."""
    posting = _begin(house, tx, document, remitted)
    if posting is None:
        return
    for batch in remitted.batches(BATCH, posting.start):
        paying.post(house, tx, document, posting.id, remitted, batch, held=posting.held, foreign=posting.foreign)
    _end(house, tx, document, place, remitted, posting)


def ahead(house: House, document: Document, index: int, remitted: Remitted) -> None:
    """Posts all batches but the last, each in a transaction of its own. ``index`` is the record's in the document: with
    it and its bounds, each batch is an input that can be done again."""
    if remitted.count <= BATCH:
        return
    with house.reading() as tx:
        start = _begun(tx, document, remitted)
    for batch in remitted.batches_early(BATCH, start):
        with house.store.transaction(house.everything()) as tx, uncollected():
            posting = _begin(house, tx, document, remitted, telling=False)
            if posting is None or remitted.count - posting.start <= BATCH:
                return
            assert batch[0].number == posting.start, "one document is read by one job at a time"
            _post_one(house, tx, document, index, remitted, posting, batch)


def _begun(tx: Transaction, document: Document, remitted: Remitted) -> int:
    """How many of its claim payments this document has posted before it was cut off."""
    head = remitted.whole
    stored = tx.remittances.find(head.payer_id, head.check_number, head.paid_on)
    return stored.posted if stored is not None and stored.document == document.id else 0


def again(house: House, tx: Transaction, document: Document, remitted: Remitted, index: int) -> None:
    """Does the next batch of a remittance once more, as ``ahead`` did."""
    posting = _begin(house, tx, document, remitted, telling=False)
    assert posting is not None, "it was posted then"
    _post_one(house, tx, document, index, remitted, posting, next(remitted.batches(BATCH, posting.start)))


def _post_one(
    house: House,
    tx: Transaction,
    document: Document,
    index: int,
    remitted: Remitted,
    posting: _Posting,
    batch: Sequence[Keyed],
) -> None:
    paying.post(house, tx, document, posting.id, remitted, batch, held=posting.held, foreign=posting.foreign)
    content = {"record": index, "start": posting.start, "stop": posting.start + len(batch)}
    tx.inputs.add(kind="decision", name="remit", holds_on=tx.now.date(), document=document.id, content=content)
    log.info("remittance.batch_posted", remittance=posting.id, posted=content["stop"], claims=remitted.count)


def _begin(
    house: House, tx: Transaction, document: Document, remitted: Remitted, *, telling: bool = True
) -> _Posting | None:
    """Its row, new or found; None where there is nothing to post. ``telling`` says why there is nothing."""
    head = remitted.whole
    held = Held.TOTAL_UNBALANCED.value if _beyond(remitted) else ""
    stored = tx.remittances.find(head.payer_id, head.check_number, head.paid_on)
    if stored is not None and stored.document == document.id and stored.state == "posting":
        foreign = stored.reason == PAYEE
        return _Posting(id=stored.id, start=tx.remittances.progress(stored.id), held=held, foreign=foreign)
    if stored is not None and stored.digest == remitted.digest:
        if telling:
            _noted(tx, document, stored, remitted)
        return None
    foreign = _is_foreign(house, tx, document, remitted)
    if stored is None:
        remittance, _ = tx.remittances.add(
            payer_id=head.payer_id,
            check_number=head.check_number,
            paid_on=head.paid_on,
            produced_on=head.produced_on,
            method=code(head.method),
            payee=head.payee_npi if head.payee_npi.isdigit() else "",
            amount=head.amount,
            claims=remitted.count,
            digest=remitted.digest,
            document=document.id,
            state="posting",
        )
    elif stored.reason in (Held.TOTAL_UNBALANCED, PAYEE) and stored.state != "posting" and not (held or foreign):
        remittance = stored.id
        _taken_back(tx, document, stored)
        tx.remittances.replace(
            remittance, amount=head.amount, claims=remitted.count, digest=remitted.digest, document=document.id
        )
    else:
        if telling:
            _differs(tx, document, stored, remitted)
        return None
    if foreign:
        tx.remittances.set_state(remittance, "posting", PAYEE)
    return _Posting(id=remittance, start=0, held=held, foreign=foreign)


def _is_foreign(house: House, tx: Transaction, document: Document, remitted: Remitted) -> bool:
    """Whether neither the payee nor any claim is ours."""
    payee = remitted.whole.payee_npi
    if not payee or payee in {clinic.npi for each in house.settings.organisations for clinic in each.clinics}:
        return False
    for batch in remitted.batches(BATCH):
        if tx.billed.by_number({each.payment.control_number for each in batch}, document.partner):
            return False
    return True


def _beyond(remitted: Remitted) -> int:
    """Cents that BPR02 has more than the claims and the provider's adjustments explain."""
    head = remitted.whole
    return head.amount - remitted.paid + sum(each.amount for each in head.provider_adjustments)


def _noted(tx: Transaction, document: Document, stored: StoredRemittance, remitted: Remitted) -> None:
    """The same again, in whatever document."""
    for batch in remitted.batches(BATCH):
        sent = tx.billed.by_number({each.payment.control_number for each in batch}, document.partner)
        detail = {"remittance": stored.id}
        happened = [Happened(each.id, "remittance.repeated", detail) for each in sent.values()]
        tx.events.add_all(happened, document=document.id)
        for owner in sorted({(each.billed.organisation, each.billed.clinic) for each in sent.values()}):
            tx.documents.link(document.id, *owner)


def _differs(tx: Transaction, document: Document, stored: StoredRemittance, remitted: Remitted) -> None:
    differs = "another amount" if stored.amount != remitted.whole.amount else "other claim payments"
    tx.tasks.open(
        f"remittance:{stored.id}:{document.payload}",
        kind="remittance",
        subject=stored.id,
        reason=f"another remittance with the same payer, number and date states {differs}; it was not posted",
        fix="Ask the payer which holds",
    )
    tx.events.add(stored.id, "remittance.contradicted", document=document.id)


def _taken_back(tx: Transaction, document: Document, stored: StoredRemittance) -> None:
    """What a held remittance left in suspense goes back, and its rows make room for those of the corrected one."""
    key = f"{stored.payer_id}/{stored.check_number}/{stored.paid_on.isoformat()}"
    rows = tx.provider_adjustments.list(remittance=stored.id)
    ids = [entry_id("suspense", each) for each in tx.payments.ids(stored.id)]
    ids += [entry_id("suspense", f"{key}/{each.number}") for each in rows]
    held = tx.books.money_entries_of([*ids, entry_id("cash", key)])
    cause = Cause(document=document.id, actor=tx.scope.actor)
    back = [
        cents.reverse(each, cause=replace(cause, claim=each.cause.claim), holds_on=tx.now.date(), key=document.id)
        for each in held
    ]
    tx.books.post_money_all(back)
    tx.payments.drop(stored.id)
    tx.provider_adjustments.drop(stored.id)
    for task in tx.tasks.list(subject=stored.id, kind="remittance"):
        tx.tasks.close(task.key, "a corrected remittance took its place")
    tx.events.add(stored.id, "remittance.replaced", document=document.id, amount=stored.amount)


def _end(
    house: House, tx: Transaction, document: Document, place: Position, remitted: Remitted, posting: _Posting
) -> None:
    head = remitted.whole
    beyond = _beyond(remitted)
    if posting.foreign:
        _tell_foreign(tx, posting.id)
    else:
        _tell_foreign_payee(house, tx, posting.id, head)
        tx.books.post_money_all(_beside_claims(remitted, document, whole=not beyond))
        provider_level.keep(tx, posting.id, head)
        found = cents.total_balance(head.amount, beyond)
        _tasks(tx, posting.id, [*found, *_strange(tx, posting.id, whole=not beyond)])
    held = tx.payments.held(posting.id)
    reason = PAYEE if posting.foreign else posting.held
    tx.remittances.set_state(posting.id, "held" if held or beyond else "posted", reason)
    if not posting.foreign:
        provider_level.match(tx, head)
        reassociate.remittance_came(tx, posting.id)
    tx.events.add(
        posting.id,
        "remittance.posted",
        document=document.id,
        claims=remitted.count,
        held=held,
        provider_adjustments=len(head.provider_adjustments),
        place=str(place),
    )


def _beside_claims(remitted: Remitted, document: Document, *, whole: bool) -> list[MoneyEntry]:
    """PLB amounts, and cash that nothing explains: cash is what the bank shows; why it is not what the claims add up
    to, the payer must say."""
    head, key = remitted.whole, remitted.key
    entries = []
    for index, each in enumerate(head.provider_adjustments):
        own = f"{key}/{index}"
        if whole:
            adjustment = replace(each, reason=code(each.reason))  # The reason names an account.
            entries.append(
                cents.post_provider_adjustment(adjustment, document=document.id, holds_on=head.paid_on, key=own)
            )
        else:
            place = f"$.provider_adjustments[{index}]"
            entries.append(_suspense("suspense", own, -each.amount, document, head, place))
    beyond = _beyond(remitted)
    if beyond:
        entries.append(_suspense("cash", key, beyond, document, head, "$"))
    return [each for each in entries if any(line.cents for line in each.lines)]


def _suspense(kind: str, key: str, amount: int, document: Document, head: Remittance, segment: str) -> MoneyEntry:
    return MoneyEntry(
        id=entry_id(kind, key),
        kind="suspense",
        holds_on=head.paid_on,
        cause=Cause(document=document.id, segment=segment),
        lines=(MoneyLine(CASH, amount), MoneyLine(SUSPENSE, -amount)),
    )


def _strange(tx: Transaction, remittance: str, *, whole: bool) -> list[Finding]:
    count, paid = tx.payments.strange(remittance)
    if not count or not whole:
        return []
    sign = "-" if paid < 0 else ""
    what = f"no claim of ours has the CLP01 of {count} claim payments: {sign}{abs(paid) // 100}.{abs(paid) % 100:02}"
    fix = "It waits in suspense; find the claims, or ask the payer whose they are"
    return [Finding(rule="remittance_claims", what=what, where="$.claims", fix=fix, source="domain facts, 5.3")]


def _tell_foreign(tx: Transaction, remittance: str) -> None:
    tx.tasks.open(
        f"remittance:{remittance}:payee",
        kind="remittance",
        subject=remittance,
        reason="its payee is none of our clinics, and none of its claims is ours: nothing of it was posted",
        fix="Tell the partner that it sends somebody else's remittances; where the clinic is new, put it into the "
        "configuration and have the 835 sent again",
    )


def _tell_foreign_payee(house: House, tx: Transaction, remittance: str, head: Remittance) -> None:
    ours = {clinic.npi for each in house.settings.organisations for clinic in each.clinics}
    if head.payee_npi and head.payee_npi not in ours:
        tx.tasks.open(
            f"remittance:{remittance}:payee",
            kind="remittance",
            subject=remittance,
            reason="its payee is none of our clinics, and claims in it are ours: it was posted",
            fix="Ask the payer whom it paid",
        )


def _tasks(tx: Transaction, subject: str, findings: list[Finding]) -> None:
    for each in findings:
        key = f"remittance:{subject}:{each.where}:{each.what}"
        tx.tasks.open(key, kind="remittance", subject=subject, reason=each.reason, fix=each.fix)
