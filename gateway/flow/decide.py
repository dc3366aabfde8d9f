"""Reacts to a 278 response: finds the request it answers, posts what it grants, and tells a person what it leaves open.

Grants have ids that come from the authorization, its number and the line, so that the same answer twice grants once.
"""

from collections.abc import Sequence
from dataclasses import replace

from gateway.domain.authorization import AuthorizationRequest, Kind, Quantity, Unit
from gateway.domain.decision import Decision, EventDecision, Rejection, Review
from gateway.errors import Finding, Position
from gateway.flow.cases import (
    AUTHORIZATION_PREFIX,
    BILLABLE,
    UNANSWERED,
    State,
    changed_by,
    close_answers,
    code,
    move,
    subjects_of,
)
from gateway.flow.clock import close_expectation
from gateway.flow.house import House, Transaction
from gateway.flow.policies import day_of, policy_of
from gateway.flow.submit import wake_claims
from gateway.ledger import units
from gateway.ledger.certifying import MEMO, Certified, certify
from gateway.ledger.entry import Account, Balances, Bucket, Cause, Entry, entry_id
from gateway.ledger.granting import Granted, grants, refusal
from gateway.ledger.states import GRANTING, may_become
from gateway.ledger.states import State as Step
from gateway.store import Document, StoredAuthorization

_DECIDED_BEFORE = {each.value for each in Step}
IN_USE = (Account.RESERVED, Account.RENDERED, Account.COMMITTED)
IN_FORCE = (Account.AVAILABLE, *IN_USE, Account.CONSUMED, Account.EXPIRED, Account.MOVED)
ECHO = "2"  # TRN01: the trace that we gave, sent back.
_ANOTHER_PATIENT = Finding(
    rule="authorization_decision",
    what="the response carries our trace and another patient: its member id and last name are both others than we sent",
    fix="Nothing was granted. Ask the payer whose answer it is",
)
_CERTIFIED_CANCELLATION = Finding(
    rule="authorization_decision",
    what="the payer certifies a request to cancel: nothing is granted, and nothing was given back",
    fix="Ask the payer whether the authorization is cancelled",
)
_CANCELLED_NOTHING = Finding(
    rule="authorization_decision",
    what="the payer cancelled an authorization that is not on file here under the number that was named",
    fix="See which one it was, and that no visit is planned under it",
)
_OTHER_SHAPE = Finding(
    rule="authorization_decision",
    what="the payer certifies this again under another number, unit or lines: the first certification stands, and "
    "nothing was added",
    fix="Ask the payer whether it replaces the first one",
)


def react(house: House, tx: Transaction, document: Document, place: Position, decision: Decision) -> None:
    """Lets one 278 response take effect: each of its events on the request that the event itself names."""
    decision = _sound(decision)
    for number, event in enumerate(decision.events or (EventDecision(),), 1):
        subject, matched_on = _answered(tx, document.partner, decision, event)
        if subject is None:
            _unmatched(tx, document, place, number)
        else:
            _decide(house, tx, document, subject, decision, event, matched_on)


def _unmatched(tx: Transaction, document: Document, place: Position, number: int) -> None:
    key = f"unmatched:{document.id}:{place.set}:{number}"
    what = f"{place}: event {number} of a 278 response names none of our requests to this partner, or more than one"
    tx.tasks.open(key, kind="unmatched", subject=document.id, reason=what, fix="Find the request with the payer")
    tx.events.add(document.id, "decision.unmatched", document=document.id, place=str(place))


def _decide(
    house: House,
    tx: Transaction,
    document: Document,
    subject: str,
    decision: Decision,
    event: EventDecision,
    matched_on: str,
) -> None:
    stored = tx.authorizations.get(subject, lock=True)
    tx.documents.link(document.id, stored.organisation, stored.clinic)
    if _names_another(decision, stored.request):
        tx.events.add(subject, "decision.without_effect", document=document.id, state="")
        _task(tx, document, subject, _ANOTHER_PATIENT)
        return
    close_expectation(tx, subject, "278")
    above = decision.rejections
    if above:
        _take_effect(tx, document, subject, decision, EventDecision(rejections=above), refusal(above), matched_on)
        return
    reading = policy_of(house, stored.request, day_of(stored.request, house.today)).hsd_reading
    before = _granted_before(tx, stored.request)
    granted = grants(event, stored.request, hsd_reading=reading, granted_before=before)
    if stored.request.kind is Kind.CANCEL and granted.state in GRANTING:
        granted = Granted(grants=(), state=Step.UNKNOWN, tasks=(_CERTIFIED_CANCELLATION,))
    _take_effect(tx, document, subject, decision, event, granted, matched_on)


def _names_another(decision: Decision, request: AuthorizationRequest) -> bool:
    """Whether the response is about other people than the request: payers mend a member id or a name, never both."""
    named, asked = decision.subscriber, request.subscriber
    if named is None or not named.member_id or not named.person.last:
        return False
    other_id = named.member_id.strip().casefold() != asked.member_id.strip().casefold()
    return other_id and named.person.last.strip().casefold() != asked.person.last.strip().casefold()


def _sound(decision: Decision) -> Decision:
    """The decision with nothing but codes where codes belong: they are repeated to people."""
    events = tuple(
        replace(
            event,
            review=_review(event.review),
            rejections=_rejections(event.rejections),
            lines=tuple(
                replace(each, review=_review(each.review), rejections=_rejections(each.rejections))
                for each in event.lines
            ),
        )
        for event in decision.events
    )
    return replace(decision, rejections=_rejections(decision.rejections), events=events)


def _review(review: Review | None) -> Review | None:
    return replace(review, code=code(review.code), reasons=tuple(map(code, review.reasons))) if review else None


def _rejections(rejections: tuple[Rejection, ...]) -> tuple[Rejection, ...]:
    return tuple(replace(each, reason=code(each.reason), follow_up=code(each.follow_up)) for each in rejections)


def _answered(tx: Transaction, partner: str, decision: Decision, event: EventDecision) -> tuple[str | None, str]:
    """The request that an event answers: by the traces of the event and its lines (TRN02), which must agree.

    Our reference (BHT03) counts only for a single event that echoes no trace: it names a request, not an event of it.
    """
    traces = [*event.traces, *(trace for line in event.lines for trace in line.traces)]
    by_trace = {each for trace in traces for each in _requests(tx, "trn02", trace.number, partner)}
    if by_trace:
        return (by_trace.pop(), "trn02") if len(by_trace) == 1 else (None, "")
    echoes = any(trace.type == ECHO for trace in traces)
    by_reference = _requests(tx, "bht03", decision.reference, partner)
    if echoes or len(decision.events) > 1 or len(by_reference) != 1:
        return None, ""
    return by_reference[0], "bht03"


def _requests(tx: Transaction, kind: str, value: str, partner: str) -> list[str]:
    return [each for each in subjects_of(tx, kind, value, partner) if each.startswith(AUTHORIZATION_PREFIX)]


def _stamp(decision: Decision) -> str:
    """When the payer made the answer, by its own clock: BHT04 and BHT05, which sort as text."""
    return f"{decision.created_on:%Y%m%d}{decision.created_at}" if decision.created_on else ""


def _take_effect(
    tx: Transaction,
    document: Document,
    subject: str,
    decision: Decision,
    event: EventDecision,
    granted: Granted,
    matched_on: str,
) -> None:
    stored = tx.authorizations.get(subject, lock=True)
    review = event.review
    numbers = dict.fromkeys([*(each.number for each in granted.grants), review.number if review else ""])
    number = next((each for each in numbers if each), "")
    reference = event.administrative_reference or next(
        (line.administrative_reference for line in event.lines if line.administrative_reference), ""
    )
    tx.events.add(
        subject,
        "decision.received",
        document=document.id,
        action=review.code if review else "",
        reasons=list(review.reasons) if review else [],
        rejections=[f"{each.reason}:{each.follow_up}" for each in event.rejections],
        state=str(granted.state),
        matched_on=matched_on,
    )
    for kind, value in (*(("hcr02", each) for each in numbers), ("nt", reference)):
        tx.identifiers.add(subject, kind, value, partner=document.partner, document=document.id)
    against = _objection(tx, document, stored, granted)
    if against is None:
        against = _post(tx, document, stored, granted)
    if against is not None:
        tx.events.add(subject, "decision.without_effect", document=document.id, state=str(granted.state))
        for each in against:
            _task(tx, document, subject, each)
        return
    if granted.state in GRANTING:
        close_answers(tx, subject, "the payer has certified it")
    for task in granted.tasks:
        _task(tx, document, subject, task)
    tx.authorizations.update(
        subject,
        state=State(str(granted.state)),
        number=number or stored.number,
        administrative_reference=reference or stored.administrative_reference,
        decision_stamp=_stamp(decision) or None,
        decided_on=None if granted.state is Step.PENDED else tx.now.date(),
        decided_at=None if granted.state is Step.PENDED or stored.decided_at else tx.now,
    )
    if granted.state is Step.CANCELLED:
        _cancel(tx, document, stored)
    if stored.request.kind is not Kind.CANCEL:
        wake_claims(tx, subject, document.id)


def _objection(
    tx: Transaction, document: Document, stored: StoredAuthorization, granted: Granted
) -> tuple[Finding, ...] | None:
    """Why what was decided before stands, for a person; nothing to tell where the answer only came late or twice.

    A certification is undone by the payer's cancellation alone: visits may have taken place under it, and a refusal
    that comes after it is as a rule the answer to a request that reached the payer twice (AAA03 91).
    """
    before, now = stored.state, granted.state
    if before not in _DECIDED_BEFORE or State(before) in UNANSWERED:
        return None
    certified = State(before) in BILLABLE
    if now is Step.PENDED and (certified or State(before) is State.NOT_CERTIFIED):
        return ()
    if State(before) is State.CLOSED and now in GRANTING:
        return None  # Closed by a refusal (AAA04 N) alone, which may have been of the second copy.
    stands = certified and now not in (*GRANTING, Step.CANCELLED)
    if not stands and may_become(Step(before), now):
        return None
    if len(tx.documents.with_payload(document.payload)) > 1 or not (certified or now in GRANTING):
        return ()
    what = (
        f"the payer's earlier word is {before}, and now it says {now}: the earlier one stands, and nothing was posted"
    )
    return (Finding(rule="authorization_decision", what=what, fix="Ask the payer what holds before the next visit"),)


def _task(tx: Transaction, document: Document, subject: str, task: Finding) -> None:
    key = f"decision:{subject}:{entry_id(document.payload, task.rule, str(task.where), task.what)}"
    tx.tasks.open(key, kind="decision", subject=subject, reason=task.reason, fix=task.fix)


def _post(
    tx: Transaction, document: Document, stored: StoredAuthorization, granted: Granted
) -> tuple[Finding, ...] | None:
    """Opens a bucket for each grant, or brings one that is there to what the payer states now; None where it did.

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
    if home is stored and _in_another_shape(certified, known, balances):
        return (_OTHER_SHAPE,)
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
    return None


def _in_another_shape(certified: Sequence[Certified], known: Sequence[Bucket], balances: Balances) -> bool:
    """Whether an answer certifies under another number, unit or lines than one before it, whose quantity still stands:
    opened beside that, the same visits would count twice."""
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
    about = [each.id for each in changed_by(tx, stored.request)]
    if stored.request.kind is Kind.CANCEL and not about:
        _task(tx, document, stored.id, _CANCELLED_NOTHING)
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
            key = f"cancel:{stored.id}"
            entry = units.give_back(
                bucket, balances[bucket.id], available, cause=cause, holds_on=tx.now.date(), key=key
            )
            if tx.books.post(entry):
                left += available
        if subject != stored.id:
            move(tx, subject, State.CANCELLED, reason="cancelled at the clinic's request")
            wake_claims(tx, subject, document.id)
        tx.events.add(subject, "authorization.cancelled", document=document.id, returned=left, in_use=in_use)
