"""Reacts to a 278 response: finds the request it answers, posts what it grants, and tells a person what it leaves open.

Grants have ids that come from the authorization, its number and the line, so that the same answer twice grants once.
"""

from gateway.domain.authorization import AuthorizationRequest, Kind, Quantity, Unit
from gateway.domain.decision import Decision, EventDecision
from gateway.errors import Finding, Position
from gateway.flow.cases import AUTHORIZATION_PREFIX, UNANSWERED, State, changed_by, move, subjects_of
from gateway.flow.clock import close_expectation
from gateway.flow.house import House, Transaction
from gateway.flow.submit import wake_claims
from gateway.ledger import units
from gateway.ledger.certifying import certify
from gateway.ledger.entry import Account, Bucket, Cause, Entry, entry_id
from gateway.ledger.granting import Granted, grants, refusal
from gateway.ledger.states import State as Step
from gateway.ledger.states import may_become
from gateway.store import Document, StoredAuthorization

_DECIDED_BEFORE = {each.value for each in Step}


def react(house: House, tx: Transaction, document: Document, place: Position, decision: Decision) -> None:
    """Lets one 278 response take effect on the authorization that it answers."""
    subject, matched_on = _answered(tx, document.partner, decision)
    if subject is None:
        key = f"unmatched:{document.id}:{place.set}"
        what = "a 278 response echoes no trace and no reference that we sent to this partner"
        tx.tasks.open(key, kind="unmatched", subject=document.id, reason=what, fix="Find the request with the payer")
        tx.events.add(document.id, "decision.unmatched", document=document.id, place=str(place))
        return
    stored = tx.authorizations.get(subject, lock=True)
    tx.documents.link(document.id, stored.organisation, stored.clinic)
    close_expectation(tx, subject, "278")
    reading = house.settings.policy(stored.request.payer.id).hsd
    above = decision.rejections
    before = _granted_before(tx, stored.request)
    if above:
        _take_effect(tx, document, stored, EventDecision(rejections=above), refusal(above), matched_on)
        return
    for event in decision.events or (EventDecision(),):
        granted = grants(event, stored.request, hsd_reading=reading, granted_before=before)
        _take_effect(tx, document, stored, event, granted, matched_on)


def _answered(tx: Transaction, partner: str, decision: Decision) -> tuple[str | None, str]:
    """Our trace first (TRN02, echoed as TRN*2), then our reference (BHT03)."""
    traces = [trace.number for event in decision.events for trace in event.traces]
    traces += [trace.number for event in decision.events for line in event.lines for trace in line.traces]
    for kind, values in (("trn02", traces), ("bht03", [decision.reference])):
        for value in values:
            for subject in subjects_of(tx, kind, value, partner):
                if subject.startswith(AUTHORIZATION_PREFIX):
                    return subject, kind
    return None, ""


def _take_effect(
    tx: Transaction,
    document: Document,
    stored: StoredAuthorization,
    event: EventDecision,
    granted: Granted,
    matched_on: str,
) -> None:
    review = event.review
    number = next((each.number for each in granted.grants if each.number), review.number if review else "")
    reference = event.administrative_reference or next(
        (line.administrative_reference for line in event.lines if line.administrative_reference), ""
    )
    tx.events.add(
        stored.id,
        "decision.received",
        document=document.id,
        action=review.code if review else "",
        reasons=list(review.reasons) if review else [],
        rejections=[f"{each.reason}:{each.follow_up}" for each in event.rejections],
        state=str(granted.state),
        matched_on=matched_on,
    )
    for kind, value in (("hcr02", number), ("nt", reference)):
        if value:
            tx.identifiers.add(stored.id, kind, value, partner=document.partner, document=document.id)
    for task in granted.tasks:
        _task(tx, document, stored.id, task)
    if not _moves_on(stored, granted):
        tx.events.add(stored.id, "decision.repeated", document=document.id, state=str(granted.state))
        return
    _post(tx, document, stored, granted)
    tx.authorizations.update(
        stored.id,
        state=State(str(granted.state)),
        number=number or stored.number,
        administrative_reference=reference or stored.administrative_reference,
    )
    if granted.state is Step.CANCELLED:
        _cancel(tx, document, stored)
    if stored.request.kind is not Kind.CANCEL:
        wake_claims(tx, stored.id, document.id)


def _moves_on(stored: StoredAuthorization, granted: Granted) -> bool:
    if stored.state not in _DECIDED_BEFORE or State(stored.state) in UNANSWERED:
        return True
    return may_become(Step(stored.state), granted.state)


def _task(tx: Transaction, document: Document, subject: str, task: Finding) -> None:
    key = f"decision:{subject}:{entry_id(document.payload, task.rule, str(task.where), task.what)}"
    tx.tasks.open(key, kind="decision", subject=subject, reason=task.reason, fix=task.fix)


def _post(tx: Transaction, document: Document, stored: StoredAuthorization, granted: Granted) -> None:
    """Opens a bucket for each grant, or brings one that is there to what the payer states now.

    A revision restates what was certified before, so it posts to that authorization's buckets: opened beside them,
    the same visits would count twice.
    """
    revised = changed_by(tx, stored.request) if stored.request.kind is Kind.REVISION else []
    home = revised[0] if revised else stored
    known = tx.books.buckets(home.id)
    balances = tx.books.balances([each.id for each in known], lock=True)
    cause = Cause(document=document.id, authorization=home.id, actor=tx.scope.actor)
    certified = certify(
        granted.grants,
        authorization=home.id,
        organisation=home.organisation,
        clinic=home.clinic,
        balances=balances,
        cause=cause,
        holds_on=tx.now.date(),
        key=document.payload,
        known=known,
    )
    for each in certified:
        tx.books.add_bucket(each.bucket)
        for entry in each.entries:
            _post_one(tx, document, stored.id, each.bucket, entry)
        for task in each.tasks:
            _task(tx, document, stored.id, task)
    if home is not stored and certified:
        _supersede(
            tx, document, stored, [each for each in known if each.id not in {one.bucket.id for one in certified}]
        )


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


def _supersede(tx: Transaction, document: Document, stored: StoredAuthorization, buckets: list[Bucket]) -> None:
    """What a revision does not certify any more goes back to the payer, as far as it is not in use."""
    balances = tx.books.balances([each.id for each in buckets], lock=True)
    for bucket in buckets:
        available = balances[bucket.id].get(Account.AVAILABLE, 0)
        if available and bucket.number == stored.request.previous_number:
            cause = Cause(document=document.id, authorization=bucket.authorization, actor=tx.scope.actor)
            key = f"revised:{stored.id}:{document.payload}"
            entry = units.give_back(
                bucket, balances[bucket.id], available, cause=cause, holds_on=tx.now.date(), key=key
            )
            _post_one(tx, document, stored.id, bucket, entry)


def _granted_before(tx: Transaction, request: AuthorizationRequest) -> Quantity | None:
    """What the certification held that an extension names, to tell what the answer adds from a new total."""
    if request.kind is not Kind.EXTENSION:
        return None
    sums: dict[Unit, int] = {}
    for each in changed_by(tx, request):
        buckets = {bucket.id: bucket for bucket in tx.books.buckets(each.id)}
        for bucket_id, balance in tx.books.balances(buckets).items():
            held = -balance.get(Account.GRANT, 0) - balance.get(Account.RETURNED, 0)
            if held:
                unit = buckets[bucket_id].unit
                sums[unit] = sums.get(unit, 0) + held
    if len(sums) != 1:
        return None
    ((unit, amount),) = sums.items()
    return Quantity(amount=amount, unit=unit)


def _cancel(tx: Transaction, document: Document, stored: StoredAuthorization) -> None:
    """Gives back what is left of the authorization that was cancelled; what is in use already is told, not touched."""
    for subject in [each.id for each in changed_by(tx, stored.request)] or [stored.id]:
        left = 0
        buckets = tx.books.buckets(subject)
        balances = tx.books.balances([each.id for each in buckets], lock=True)
        for bucket in buckets:
            available = balances[bucket.id].get(Account.AVAILABLE, 0)
            if not available:
                continue
            cause = Cause(document=document.id, authorization=subject, actor=tx.scope.actor)
            key = f"cancel:{stored.id}"
            entry = units.give_back(
                bucket, balances[bucket.id], available, cause=cause, holds_on=tx.now.date(), key=key
            )
            if tx.books.post(entry):
                left += available
        if subject != stored.id:
            move(tx, subject, State.CANCELLED, reason="cancelled at the clinic's request")
        tx.events.add(subject, "authorization.cancelled", document=document.id, returned=left)
