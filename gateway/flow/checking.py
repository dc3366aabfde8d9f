"""What the checks look at, put together from the store: a claim or a request with all that is known of its patient.

Reads only. A patient's records are those of one clinic, one member id and one person; a family's are told apart by
first name and birth date.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.domain.authorization import AuthorizationRequest, Kind
from gateway.domain.claim import Claim, Frequency
from gateway.flow.booked import booked, seen_by
from gateway.flow.cases import BILLABLE, UNDECIDED, State, changed_by, of_one_patient
from gateway.flow.house import House
from gateway.flow.policies import day_of, policy_of
from gateway.flow.returning import other_claims
from gateway.ledger.certifying import MEMO
from gateway.ledger.entry import Bucket
from gateway.rules.case import ClaimCase, RequestCase, Treated, discipline
from gateway.store import StoredAuthorization, StoredClaim, Transaction

NOT_BILLED = (State.ACCEPTED, State.WAITING, State.HELD, State.REJECTED, State.DENIED)
"""The states of a claim that was not billed, or whose bill does not stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """What the store holds of one person with one payer, the oldest first; the record in hand is not among it."""

    authorizations: tuple[StoredAuthorization, ...]
    claims: tuple[StoredClaim, ...]


def patient_of(tx: Transaction, record: AuthorizationRequest | Claim) -> Patient:
    """Everything else that this clinic has of the record's patient with the record's payer."""
    owner = (record.organisation, record.clinic, record.subscriber.member_id)
    return Patient(
        authorizations=tuple(
            each
            for each in tx.authorizations.of_patient(*owner)
            if each.id != record.id and of_one_patient(each.request, record)
        ),
        claims=tuple(
            each for each in tx.claims.of_patient(*owner) if each.id != record.id and of_one_patient(each.claim, record)
        ),
    )


def claim_case(
    house: House, tx: Transaction, claim: Claim, *, authorization: StoredAuthorization | None, patient: Patient
) -> ClaimCase:
    """A claim as the checks want it. ``authorization`` is the one that it bills under, None where there is none."""
    buckets = _certified(tx, [authorization.id] if authorization else [])
    beside = [each.id for each in patient.authorizations if authorization is None or each.id != authorization.id]
    others = other_claims(tx, authorization.id, claim.id) if authorization else []
    return ClaimCase(
        claim=claim,
        request=authorization.request if authorization else None,
        buckets=buckets,
        balances=seen_by(tx.books.balances([each.id for each in buckets]), booked(tx, claim, buckets)),
        policy=policy_of(house, claim, day_of(claim, house.today)),
        date=house.today,
        authorization=authorization.id if authorization else "",
        counted={visit for each in others for visit in each.days},
        history=tuple(each.claim for each in patient.claims if _was_billed(each)),
        state=authorization.state if authorization else "",
        decided_on=authorization.decided_on if authorization else None,
        others=_certified(tx, beside),
        treated=tuple(_treated(patient.claims)),
    )


def request_case(house: House, tx: Transaction, request: AuthorizationRequest, *, patient: Patient) -> RequestCase:
    """A request as the checks want it."""
    buckets = _certified(tx, [each.id for each in patient.authorizations])
    return RequestCase(
        request=request,
        policy=policy_of(house, request, day_of(request, house.today)),
        date=house.today,
        history=tuple((each.request, each.state) for each in patient.authorizations),
        buckets=buckets,
        balances=tx.books.balances([each.id for each in buckets]),
        treated=tuple(_treated(patient.claims)),
    )


def controlling(tx: Transaction, claim: Claim) -> StoredAuthorization | None:
    """The authorization that a claim names, by the clinic's own number of it or by the payer's; else None."""
    if claim.authorization_ref:
        named = tx.authorizations.by_client_ref(claim.organisation, claim.clinic, claim.authorization_ref)
        if named is None or named.request.kind is not Kind.REVISION or State(named.state) in UNDECIDED:
            return named
        # What a revision certifies is booked under the authorization that it revises.
        return next(iter(changed_by(tx, named.request)), named)
    if not claim.authorization:
        return None
    found = [tx.authorizations.get(each) for each in tx.identifiers.find("hcr02", claim.authorization)]
    own = [each for each in found if (each.organisation, each.clinic) == (claim.organisation, claim.clinic)]
    own = [each for each in own if of_one_patient(each.request, claim)]
    # A change or a cancellation echoes the number of what it was about: the one that can be billed on comes first.
    return min(own, key=lambda each: State(each.state) not in BILLABLE, default=None)


def _certified(tx: Transaction, authorizations: Iterable[str]) -> tuple[Bucket, ...]:
    found = (each for authorization in authorizations for each in tx.books.buckets(authorization))
    return tuple(each for each in found if each.quantity_source != MEMO)


def _was_billed(stored: StoredClaim) -> bool:
    return State(stored.state) not in NOT_BILLED


def _treated(claims: Iterable[StoredClaim]) -> Iterator[Treated]:
    """Each visit that a claim tells of, once, by day; a void tells of none, and a refused claim's took place."""
    visits = {
        (line.served_on, discipline(line))
        for each in claims
        if each.claim.frequency is not Frequency.VOID
        for line in each.claim.lines
    }
    return (Treated(served_on=day, discipline=word) for day, word in sorted(visits))
