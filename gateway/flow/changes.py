"""What a change does to the authorization that it is about: extension, renewal, revision, cancellation, reconsideration
and appeal; and a corrected request to the one that it takes the place of (domain facts, 6.4).

The change is a request of its own, with ``parent`` naming what it is about. What the parent was before it is kept with
the event that says that it was asked for, so that a refusal puts it back.
"""

from dataclasses import replace

from gateway.domain.authorization import RESTATING, AuthorizationRequest, Kind
from gateway.flow import deadlines
from gateway.flow.cases import BILLABLE, IN_FORCE, State, changed_by, earlier, move
from gateway.flow.house import Transaction
from gateway.flow.waking import wake_claims
from gateway.store import StoredAuthorization

REQUESTED = "authorization.change_requested"
_WANTED: dict[Kind, State] = {
    Kind.EXTENSION: State.EXTENSION_REQUESTED,
    Kind.RENEWAL: State.EXTENSION_REQUESTED,
    Kind.REVISION: State.EXTENSION_REQUESTED,
    Kind.RECONSIDERATION: State.RECONSIDERATION,
    Kind.APPEAL: State.APPEAL,
    Kind.URGENT_APPEAL: State.APPEAL,
}
_OPEN = (State.PENDED, State.INFO_REQUESTED, State.CLOSED_NO_RESPONSE)
_REFUSED = (State.NOT_CERTIFIED, State.CLOSED, State.CLOSED_NO_RESPONSE, State.RECONSIDERATION, State.APPEAL)
_EXTENDABLE = (*IN_FORCE, State.EXHAUSTED, State.EXPIRED)
_UNSENT = (State.REJECTED, State.CLOSED, State.RETRY, State.UNKNOWN, State.HELD)


def parent_of(tx: Transaction, request: AuthorizationRequest) -> StoredAuthorization | None:
    """What a request is about: the certification or request that it changes, or the one that it corrects."""
    if request.kind is Kind.INITIAL:
        return earlier(tx, request)
    found = changed_by(tx, request)
    return found[0] if found else None


def with_references(tx: Transaction, request: AuthorizationRequest) -> AuthorizationRequest:
    """The request with the payer's numbers of what it is about: REF*BB the certification's, and REF*NT where that is
    not certified, which is how a pended or refused one is found (domain facts, 2.5)."""
    parent = parent_of(tx, request)
    if parent is None or request.kind is Kind.INITIAL:
        return request
    reference = "" if State(parent.state) in BILLABLE and parent.number else parent.administrative_reference
    return replace(
        request,
        previous_number=request.previous_number or parent.number,
        administrative_reference=request.administrative_reference or reference,
    )


def requested(tx: Transaction, child: StoredAuthorization, document: str) -> str:
    """A change is on its way: its parent's state says so. Gives the parent's id, "" where none is on file."""
    parent = parent_of(tx, child.request)
    if parent is None:
        return ""
    parent = tx.authorizations.get(parent.id, lock=True)
    state, kind = State(parent.state), child.request.kind
    wanted = _WANTED.get(kind)
    if kind is Kind.INITIAL:
        if state in _UNSENT:
            _corrected(tx, parent, child, document)
    elif kind is Kind.REVISION and state in _OPEN:
        answer_sent(tx, parent.id, document, by=child.id)
    elif wanted is not None and state is not wanted:
        fits = state in _EXTENDABLE if wanted is State.EXTENSION_REQUESTED else state in _REFUSED
        if fits:
            tx.events.add(parent.id, REQUESTED, document=document, by=child.id, kind=str(kind), before=str(state))
            move(tx, parent.id, wanted)
            if wanted is not State.EXTENSION_REQUESTED:
                deadlines.end(tx, parent.id, ("appeal",), outcome=str(wanted))
    return parent.id


def _corrected(tx: Transaction, parent: StoredAuthorization, child: StoredAuthorization, document: str) -> None:
    """What was refused unread is over: its correction has taken its place."""
    move(tx, parent.id, State.CLOSED, reason="a corrected request has taken its place")
    tx.events.add(parent.id, "request.corrected", document=document, by=child.id)
    for each in tx.tasks.list(subject=parent.id):
        tx.tasks.close(each.key, "a corrected request has taken its place")
    deadlines.end(tx, parent.id, deadlines.KINDS, outcome="corrected")


def inform(tx: Transaction, subject: str, channel: str) -> bool:
    """What the payer asked for went beside the 278; False where the request waits for nothing."""
    if State(tx.authorizations.get(subject, lock=True).state) not in (State.INFO_REQUESTED, State.CLOSED_NO_RESPONSE):
        return False
    answer_sent(tx, subject, "", by=channel)
    return True


def answer_sent(tx: Transaction, subject: str, document: str, *, by: str) -> None:
    """What a pended request was waiting for has gone to the payer: it decides again, and its clock runs on."""
    move(tx, subject, State.PENDED)
    tx.events.add(subject, "information.sent", document=document, by=by)
    for each in tx.tasks.list(subject=subject, kind="information"):
        tx.tasks.close(each.key, "it was sent")
    deadlines.end(tx, subject, ("info",), outcome="sent")
    deadlines.resume(tx, subject)


def decided(tx: Transaction, child: StoredAuthorization, state: State, number: str, document: str) -> None:
    """The payer decided on a change: what that means for its parent."""
    if not child.parent or child.request.kind in (Kind.INITIAL, Kind.CANCEL):
        return
    parent = tx.authorizations.get(child.parent, lock=True)
    kind, held = child.request.kind, State(parent.state)
    if state in (State.PENDED, State.INFO_REQUESTED, State.RETRY):
        return
    if state in IN_FORCE and kind in RESTATING:
        _take(tx, parent, state, number)
    elif state in IN_FORCE and kind is Kind.RENEWAL and held in BILLABLE:
        move(tx, parent.id, State.SUPERSEDED, reason="renewed")
    elif kind is Kind.REVISION and held in _OPEN and state in (State.NOT_CERTIFIED, State.CANCELLED):
        _take(tx, parent, state, number)
    else:
        withdrawn(tx, child)
        return
    tx.events.add(parent.id, "authorization.changed", document=document, by=child.id, kind=str(kind), state=str(state))
    wake_claims(tx, parent.id, document)


def _take(tx: Transaction, parent: StoredAuthorization, state: State, number: str) -> None:
    """The parent stands as the change was decided."""
    ended = state not in (State.PENDED, State.INFO_REQUESTED)
    tx.identifiers.add(parent.id, "hcr02", number, partner=parent.partner)
    tx.authorizations.update(
        parent.id,
        state=state,
        number=number or parent.number,
        decided_on=tx.now.date(),
        decided_at=None if parent.decided_at else tx.now,
    )
    if ended:
        deadlines.end(tx, parent.id, ("payer", "own", "info"), outcome=str(state))


def withdrawn(tx: Transaction, child: StoredAuthorization) -> None:
    """The change came to nothing: its parent is what it was before it was asked for."""
    if not child.parent:
        return
    parent = tx.authorizations.get(child.parent, lock=True)
    asked = [each for each in tx.events.of(parent.id) if each.what == REQUESTED and each.detail.get("by") == child.id]
    if asked and State(parent.state) in _WANTED.values():
        move(tx, parent.id, State(str(asked[-1].detail["before"])))
