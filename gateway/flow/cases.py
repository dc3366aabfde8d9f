"""Authorizations and claims alike: what can be said of both by their id, and the states that they go through.

A state only moves forward: an answer that comes twice, late or out of order changes nothing (domain facts, 6.4).
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Protocol

from gateway.domain.authorization import AuthorizationRequest, Kind
from gateway.domain.parties import Payer, Person, Subscriber
from gateway.domain.same_person import one_person, same_member
from gateway.errors import Finding, Severity
from gateway.store import StoredAuthorization, StoredClaim, Transaction

AUTHORIZATION_PREFIX = "au_"
CLAIM_PREFIX = "cl_"
COVERAGE_PREFIX = "co_"


class Insured(Protocol):
    """A record about somebody's policy with a payer."""

    @property
    def payer(self) -> Payer: ...
    @property
    def subscriber(self) -> Subscriber: ...
    @property
    def patient(self) -> Person: ...


class State(StrEnum):
    """Where a case stands. The first six are common, then come the decisions (ledger/states.py), then a claim's own."""

    ACCEPTED = "accepted"  # Taken in, not looked at yet.
    HELD = "held"  # A finding blocks it; a person mends the record.
    WAITING = "waiting"  # For the authorization that it bills under.
    WRITTEN = "written"  # In an interchange that is queued.
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"  # By a 999.

    PENDED = "pended"
    INFO_REQUESTED = "info_requested"  # Pended until the payer has what it asked for.
    CLOSED_NO_RESPONSE = "closed_no_response"  # What the payer asked for was not sent in its time.
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
    EXTENSION_REQUESTED = "extension_requested"  # Certified; more of it was asked for.
    EXHAUSTED = "exhausted"  # Certified; all of it has been used.
    EXPIRED = "expired"  # Certified; its window is over.
    SUPERSEDED = "superseded"  # Certified; a later certification has taken its place.
    RECONSIDERATION = "reconsideration"  # Not certified; the payer was asked to look again.
    APPEAL = "appeal"
    REJECTED = "rejected"  # By TA1, 999, AAA or 277CA: it never entered review or adjudication.

    SPLIT = "split"  # Its lines are under several authorizations: its parts go out, it does not.
    RECEIVED = "received"  # The payer's 277CA took the claim into adjudication.
    PAID = "paid"
    PARTLY_PAID = "partly_paid"
    DENIED = "denied"
    REVERSED = "reversed"


UNDECIDED = (
    State.ACCEPTED,
    State.WRITTEN,
    State.SENT,
    State.ACKNOWLEDGED,
    State.PENDED,
    State.INFO_REQUESTED,
    State.RETRY,
    State.RECONSIDERATION,
    State.APPEAL,
)
# What is certified stays so when it is used up or over: window and balance say what may be billed on it.
IN_FORCE = (State.CERTIFIED, State.CERTIFIED_PARTIAL, State.MODIFIED, State.NOT_REQUIRED)
BILLABLE = (*IN_FORCE, State.EXTENSION_REQUESTED, State.EXHAUSTED, State.EXPIRED, State.SUPERSEDED)
UNANSWERED = (State.WRITTEN, State.SENT, State.ACKNOWLEDGED)
ADJUDICATED = (State.PAID, State.PARTLY_PAID, State.DENIED, State.REVERSED)

CERTIFYING = (Kind.INITIAL, Kind.EXTENSION, Kind.RENEWAL)  # Requests with a certification of their own.

_RANK = {state: rank for rank, state in enumerate((State.ACCEPTED, State.WRITTEN, State.SENT, State.ACKNOWLEDGED))}


# What of a partner's may be repeated to people. An element that should hold a code may hold anything, also a name.
_CODE = re.compile(r"[0-9A-Z]{0,3}(:[0-9A-Z]{0,4}){0,2}")
_NUMBER = re.compile(r"[0-9]{1,9}(/[0-9]{1,9})?")
_PLACE = re.compile(
    r"(loop [0-9]{4}[A-Z]{0,3}(/[0-9]{4}[A-Z]{0,3})*, )?segment [0-9]{1,9}, [A-Z][A-Z0-9]{1,2}([0-9-]{2,5})?"
)


def code(value: str) -> str:
    """A code as a partner wrote it, its parts joined by colons; "?" where it does not have the shape of one."""
    return value if _CODE.fullmatch(value) else "?"


def number(value: str) -> str:
    """A control number, or two joined by a slash; "?" where it does not have the shape of one."""
    return value if _NUMBER.fullmatch(value) else "?"


def place_within(value: str) -> str:
    """A place that a 999 names; "" where it does not have the shape of one."""
    return value if _PLACE.fullmatch(value) else ""


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
    """Puts a case aside with what blocks it, for a person to mend; the others go on. A warning, or what could not be
    looked at, holds nothing, and asks for nobody here."""
    found = [each for each in findings if each.severity is Severity.BLOCK]
    move(tx, subject, State.HELD, reason="; ".join(sorted({each.rule for each in found})))
    tx.events.add(subject, "case.held", document=document, rules=sorted({each.rule for each in found}))
    keys = held_keys(subject, found)
    for task in tx.tasks.list(subject=subject, kind="held"):
        if task.key not in keys:
            tx.tasks.close(task.key, "its cause is gone")
    for key, each in zip(keys, found, strict=True):
        tx.tasks.open(key, kind="held", subject=subject, reason=each.reason, fix=each.fix)


def held_keys(subject: str, findings: Iterable[Finding]) -> list[str]:
    """The keys of the tasks that ask for these findings to be mended: the same for the same rule and place, so that a
    second look opens none anew."""
    keys = [f"held:{subject}:{each.rule}:{each.where}" for each in findings]
    return [f"{key}:{keys[:number].count(key)}" for number, key in enumerate(keys)]


def close_answers(tx: Transaction, subject: str, reason: str) -> None:
    """What a TA1, 999 or 277CA asked a person for is over: the payer took the case all the same. Left open, it would
    have it sent a second time."""
    for kind in ("rejected", "unclear"):
        for each in tx.tasks.list(subject=subject, kind=kind):
            tx.tasks.close(each.key, reason)


def changed_by(tx: Transaction, request: AuthorizationRequest) -> list[StoredAuthorization]:
    """The same clinic's authorizations of the same patient and payer that an extension, revision or cancellation names
    by the payer's number, its reference, or the clinic's own number, the oldest first; changes that only echo the
    number are not among them."""
    if request.kind is Kind.INITIAL:
        return []
    numbers = (("hcr02", request.previous_number), ("nt", request.administrative_reference))
    subjects = dict.fromkeys(each for kind, value in numbers if value for each in tx.identifiers.find(kind, value))
    named = earlier(tx, request)
    if named is not None:
        subjects = dict.fromkeys([named.id, *subjects])
    found = [tx.authorizations.get(each) for each in subjects if each.startswith(AUTHORIZATION_PREFIX)]
    own = [each for each in found if (each.organisation, each.clinic) == (request.organisation, request.clinic)]
    own = [each for each in own if of_one_patient(each.request, request)]
    return [each for each in own if each.request.kind in CERTIFYING and each.id != request.id]


def earlier(tx: Transaction, request: AuthorizationRequest) -> StoredAuthorization | None:
    """The request that the clinic names by its own number, where there is one and it is the same patient's."""
    if not request.earlier_ref:
        return None
    found = tx.authorizations.by_client_ref(request.organisation, request.clinic, request.earlier_ref)
    return found if found is not None and of_one_patient(found.request, request) else None


def of_one_patient(request: Insured, other: Insured) -> bool:
    """Whether both are about one person's policy with one payer. Payers give the same number to different people, and
    a clinic mistypes one; what follows from a number that leads to another patient cannot be called back."""
    members = same_member(request.subscriber, other.subscriber)
    return members and request.payer.id == other.payer.id and one_person(request.patient, other.patient)


def subjects_of(tx: Transaction, kind: str, value: str, partner: str) -> list[str]:
    """The authorizations and claims that an envelope's number names, each once, in the order they were written."""
    found = tx.identifiers.find(kind, value, partner=partner)
    return [each for each in dict.fromkeys(found) if each.startswith((AUTHORIZATION_PREFIX, CLAIM_PREFIX))]
