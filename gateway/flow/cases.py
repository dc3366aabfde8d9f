"""Authorizations and claims alike: what can be said of both by their id, and the states that they go through.

A state only moves forward: an answer that comes twice, late or out of order changes nothing (domain facts, 6.4).
"""

from collections.abc import Iterable
from enum import StrEnum

from gateway.domain.authorization import AuthorizationRequest, Kind
from gateway.errors import Finding
from gateway.store import StoredAuthorization, StoredClaim, Transaction

AUTHORIZATION_PREFIX = "au_"
CLAIM_PREFIX = "cl_"


class State(StrEnum):
    """Where a case stands. The first six are common; then come the decisions (ledger/states.py), then a claim's own."""

    ACCEPTED = "accepted"  # Taken in, not looked at yet.
    HELD = "held"  # A finding blocks it; a person mends the record.
    WAITING = "waiting"  # For the authorization that it bills under.
    WRITTEN = "written"  # In an interchange that is queued.
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"  # By a 999.

    PENDED = "pended"
    CERTIFIED = "certified"
    CERTIFIED_PARTIAL = "certified_partial"
    MODIFIED = "modified"
    NOT_CERTIFIED = "not_certified"
    NOT_REQUIRED = "not_required"
    CONTACT_PAYER = "contact_payer"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"  # A decision code that no source names: a person reads it.
    RETRY = "retry"  # AAA: the same again may do.
    CLOSED = "closed"
    REJECTED = "rejected"  # By TA1, 999, AAA or 277CA: it never entered review or adjudication.

    RECEIVED = "received"  # The payer's 277CA took the claim into adjudication.
    PAID = "paid"
    PARTLY_PAID = "partly_paid"
    DENIED = "denied"
    REVERSED = "reversed"


UNDECIDED = (State.ACCEPTED, State.WRITTEN, State.SENT, State.ACKNOWLEDGED, State.PENDED)
BILLABLE = (State.CERTIFIED, State.CERTIFIED_PARTIAL, State.MODIFIED, State.NOT_REQUIRED)
UNANSWERED = (State.WRITTEN, State.SENT, State.ACKNOWLEDGED)
ADJUDICATED = (State.PAID, State.PARTLY_PAID, State.DENIED, State.REVERSED)

_RANK = {state: rank for rank, state in enumerate((State.ACCEPTED, State.WRITTEN, State.SENT, State.ACKNOWLEDGED))}


def case(tx: Transaction, subject: str, *, lock: bool = False) -> StoredAuthorization | StoredClaim:
    """The stored authorization or claim of this id."""
    if subject.startswith(AUTHORIZATION_PREFIX):
        return tx.authorizations.get(subject, lock=lock)
    return tx.claims.get(subject, lock=lock)


def move(tx: Transaction, subject: str, state: State, *, reason: str = "") -> None:
    """Sets the state, whatever it was."""
    if subject.startswith(AUTHORIZATION_PREFIX):
        tx.authorizations.update(subject, state=state, reason=reason)
    else:
        tx.claims.update(subject, state=state, reason=reason)


def advance(tx: Transaction, subject: str, state: State) -> bool:
    """Moves on the way out (written, sent, acknowledged), never back, and never over an answer that came first."""
    held = State(case(tx, subject, lock=True).state)
    if held not in _RANK or _RANK[held] >= _RANK[state]:
        return False
    move(tx, subject, state)
    return True


def hold(tx: Transaction, subject: str, findings: Iterable[Finding], *, document: str = "") -> None:
    """Puts a case aside with its findings, for a person to mend; the others go on."""
    found = list(findings)
    move(tx, subject, State.HELD, reason="; ".join(sorted({each.rule for each in found})))
    tx.events.add(subject, "case.held", document=document, rules=sorted({each.rule for each in found}))
    for number, each in enumerate(found):
        tx.tasks.open(
            f"held:{subject}:{each.rule}:{number}", kind="held", subject=subject, reason=each.reason, fix=each.fix
        )


def changed_by(tx: Transaction, request: AuthorizationRequest) -> list[StoredAuthorization]:
    """The same clinic's authorizations that an extension, revision or cancellation names by the payer's number, the
    oldest first; changes that only echo the number are not among them."""
    if request.kind is Kind.INITIAL or not request.previous_number:
        return []
    found = [tx.authorizations.get(each) for each in tx.identifiers.find("hcr02", request.previous_number)]
    own = [each for each in found if (each.organisation, each.clinic) == (request.organisation, request.clinic)]
    return [each for each in own if each.request.kind in (Kind.INITIAL, Kind.EXTENSION) and each.id != request.id]


def subjects_of(tx: Transaction, kind: str, value: str, partner: str) -> list[str]:
    """The authorizations and claims that an envelope's number names, each once, in the order they were written."""
    found = tx.identifiers.find(kind, value, partner=partner)
    return [each for each in dict.fromkeys(found) if each.startswith((AUTHORIZATION_PREFIX, CLAIM_PREFIX))]
