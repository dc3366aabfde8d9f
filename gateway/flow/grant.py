"""What a decision does to the units book: opens buckets, brings known ones to what the payer states now, gives back.

Entries have ids that come from the authorization, its number and the line, so that the same answer twice grants once.
What is in use already is never touched: it is told to a person.
"""

from collections.abc import Iterable, Sequence

from gateway.domain.authorization import RESTATING, AuthorizationRequest, Kind, Quantity
from gateway.errors import Finding
from gateway.flow.cases import State, changed_by, move
from gateway.flow.house import Transaction
from gateway.flow.waking import wake_claims
from gateway.ledger import units
from gateway.ledger.certifying import MEMO, Certified, certify
from gateway.ledger.entry import Account, Balances, Bucket, Cause, Entry
from gateway.ledger.granting import Granted, Held, Remaining
from gateway.store import Document, StoredAuthorization

IN_USE = (Account.RESERVED, Account.RENDERED, Account.COMMITTED)
IN_FORCE = (Account.AVAILABLE, *IN_USE, Account.CONSUMED, Account.EXPIRED, Account.MOVED)
OTHER_SHAPE = Finding(
    rule="authorization_decision",
    what="the payer certifies this again under another number, unit or lines: the first certification stands, and "
    "nothing was added",
    fix="Ask the payer whether it replaces the first one",
)
CANCELLED_NOTHING = Finding(
    rule="authorization_decision",
    what="the payer cancelled an authorization that is not on file here under the number that was named",
    fix="See which one it was, and that no visit is planned under it",
)


def home_of(tx: Transaction, stored: StoredAuthorization) -> StoredAuthorization:
    """Whose buckets a decision is about: a revision, reconsideration or appeal restates the earlier request, so opened
    beside its buckets the same visits would count twice. Any other request is its own."""
    if stored.request.kind not in RESTATING:
        return stored
    found = changed_by(tx, stored.request)
    return found[0] if found else stored


def post(
    tx: Transaction, document: Document, stored: StoredAuthorization, granted: Granted
) -> tuple[Finding, ...] | None:
    """Opens a bucket for each grant, or brings one that is there to what the payer states now; what a person must look
    at, or None where the answer certifies in another shape than one before it, whose quantity still stands."""
    home = home_of(tx, stored)
    known = tx.books.buckets(home.id)
    balances = tx.books.balances([each.id for each in known], lock=True)
    certified = certify(
        granted.grants,
        authorization=home.id,
        organisation=home.organisation,
        clinic=home.clinic,
        balances=balances,
        cause=Cause(document=document.id, authorization=home.id, actor=tx.scope.actor),
        holds_on=tx.now.date(),
        key=document.payload,
        known=known,
    )
    if home is stored and _in_another_shape(certified, known, balances):
        return None
    for each in certified:
        tx.books.add_bucket(each.bucket)
        for entry in each.entries:
            _post_one(tx, document, stored.id, each.bucket, entry)
    kept = {one.bucket.id for one in certified}
    if home is not stored and certified:
        left = [each for each in known if each.id not in kept and each.number == stored.request.previous_number]
        _give_back(tx, document, stored, left, key=f"revised:{stored.id}:{document.payload}")
    if granted.cancelled:
        gone = [each for each in known if each.id not in kept and each.line in granted.cancelled]
        _give_back(tx, document, stored, gone, key=f"cancelled:{document.payload}")
    told = [task for each in certified for task in each.tasks]
    return (*told, *_reconciled(tx, home, granted.remaining))


def _in_another_shape(certified: Sequence[Certified], known: Sequence[Bucket], balances: Balances) -> bool:
    ids = {each.id for each in known}
    restated = {each.bucket.id for each in certified}
    stand = [each for each in known if each.id not in restated and each.quantity_source != MEMO]
    held = [each for each in stand if not each.limited or any(balances[each.id].get(one) for one in IN_FORCE)]
    return bool(held) and any(each.bucket.id not in ids for each in certified)


def _post_one(tx: Transaction, document: Document, subject: str, bucket: Bucket, entry: Entry) -> None:
    if tx.books.post(entry):
        tx.events.add(
            subject,
            "authorization.granted" if entry.kind == "grant" else "authorization.returned",
            document=document.id,
            quantity=sum(posting.quantity for posting in entry.postings),
            unit=str(bucket.unit),
            line=bucket.line,
            quantity_source=bucket.quantity_source,
            window_source=bucket.window_source,
        )


def _give_back(
    tx: Transaction, document: Document, stored: StoredAuthorization, buckets: Sequence[Bucket], *, key: str
) -> None:
    """What is not certified any more goes back to the payer, as far as it is not in use."""
    balances = tx.books.balances([each.id for each in buckets], lock=True)
    for bucket in buckets:
        available = balances[bucket.id].get(Account.AVAILABLE, 0)
        if available and bucket.quantity_source != MEMO:
            cause = Cause(document=document.id, authorization=bucket.authorization, actor=tx.scope.actor)
            entry = units.give_back(
                bucket, balances[bucket.id], available, cause=cause, holds_on=tx.now.date(), key=key
            )
            _post_one(tx, document, stored.id, bucket, entry)


def _reconciled(tx: Transaction, home: StoredAuthorization, remaining: Iterable[Remaining]) -> list[Finding]:
    """What the payer says is left (HSD05 29) against what is left here: it never grants, a difference is a task.

    A payer has seen at least what was adjudicated and at most what was claimed, so any figure between these agrees.
    """
    told = []
    buckets = [each for each in tx.books.buckets(home.id) if each.quantity_source != MEMO and each.limited]
    for each in remaining:
        codes = set(each.procedures)
        about = [one for one in buckets if not codes or not one.procedures or codes.intersection(one.procedures)]
        most = least = 0
        for balance in tx.books.balances([one.id for one in about]).values():
            unclaimed = sum(balance.get(one, 0) for one in (Account.AVAILABLE, Account.RESERVED, Account.RENDERED))
            least += unclaimed
            most += unclaimed + balance.get(Account.COMMITTED, 0)
        if about and not least <= each.count <= most:
            what = f"the payer counts {each.count} as remaining (HSD05 29), here {least} to {most} are"
            fix = "Compare visit by visit with the payer, and enter a correction with its source"
            told.append(Finding(rule="authorization_decision", what=what, where=each.where, fix=fix))
    return told


def held_before(tx: Transaction, request: AuthorizationRequest) -> tuple[Held, ...]:
    """What the certification held that an extension names, to tell what the answer adds from a new total."""
    if request.kind is not Kind.EXTENSION:
        return ()
    found = []
    for each in changed_by(tx, request):
        buckets = {bucket.id: bucket for bucket in tx.books.buckets(each.id)}
        for bucket_id, balance in tx.books.balances(buckets).items():
            amount = -balance.get(Account.GRANT, 0) - balance.get(Account.RETURNED, 0)
            if amount > 0:
                bucket = buckets[bucket_id]
                quantity = Quantity(amount=amount, unit=bucket.unit)
                found.append(Held(procedures=bucket.procedures, quantity=quantity))
    return tuple(found)


def cancel(tx: Transaction, document: Document, stored: StoredAuthorization) -> tuple[Finding, ...]:
    """Gives back what is left of the authorization that was cancelled; what is in use already is told, not touched."""
    about = [each.id for each in changed_by(tx, stored.request)] if stored.request.kind is Kind.CANCEL else [stored.id]
    for subject in about or [stored.id]:
        left = in_use = 0
        buckets = tx.books.buckets(subject)
        balances = tx.books.balances([each.id for each in buckets], lock=True)
        for bucket in buckets:
            available = balances[bucket.id].get(Account.AVAILABLE, 0)
            in_use += sum(balances[bucket.id].get(each, 0) for each in IN_USE)
            if not available:
                continue
            cause = Cause(document=document.id, authorization=subject, actor=tx.scope.actor)
            entry = units.give_back(
                bucket,
                balances[bucket.id],
                available,
                cause=cause,
                holds_on=tx.now.date(),
                key=f"cancel:{stored.id}",
            )
            if tx.books.post(entry):
                left += available
        if subject != stored.id:
            move(tx, subject, State.CANCELLED, reason="cancelled at the clinic's request")
            wake_claims(tx, subject, document.id)
        tx.events.add(subject, "authorization.cancelled", document=document.id, returned=left, in_use=in_use)
    return () if about else (CANCELLED_NOTHING,)
