"""What the checks look at, put together from the store: a claim or a request with all that is known of its patient.

Reads only. A patient's records are those of one clinic, one member id and one person; a family's are told apart by
first name and birth date.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from gateway.coding import codes
from gateway.domain.authorization import AuthorizationRequest, Kind
from gateway.domain.claim import Claim, Frequency
from gateway.domain.coverage import Coverage
from gateway.domain.disciplines import discipline
from gateway.domain.plan_of_care import PlanOfCare
from gateway.domain.same_person import first_name, one_person, same_member
from gateway.domain.visit import Status
from gateway.flow.cases import ADJUDICATED, UNDECIDED, State, of_one_patient
from gateway.flow.house import House
from gateway.flow.policies import day_of, policy_of
from gateway.flow.reference import reference_for
from gateway.ledger.entry import Bucket
from gateway.ledger.visiting import is_certified
from gateway.rules.case import ClaimCase, RequestCase, Treated
from gateway.store import StoredAuthorization, StoredClaim, StoredVisit, Transaction

NOT_BILLED = (State.ACCEPTED, State.WAITING, State.HELD, State.SPLIT, State.REJECTED, State.DENIED)
"""The states of a claim that was not billed, or whose bill does not stand."""

TAKEN_IN = (State.RECEIVED, *ADJUDICATED)
"""The states of a claim that its payer took into adjudication."""

_PLANNED = {Status.SCHEDULED: True, Status.TOOK_PLACE: False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """What the store holds of one person with one payer, the oldest first; the record in hand is not among it.

    ``coverage`` is the latest, ``plans`` are the latest first; ``buckets`` what the authorizations certify.
    """

    authorizations: tuple[StoredAuthorization, ...]
    claims: tuple[StoredClaim, ...]
    visits: tuple[StoredVisit, ...]
    coverage: Coverage | None
    plans: tuple[PlanOfCare, ...]
    buckets: tuple[Bucket, ...]

    def authorization(self, wanted: str) -> StoredAuthorization | None:
        return next((each for each in self.authorizations if each.id == wanted), None)

    def replaced(self) -> set[str]:
        """The claims that another one took the place of, or took back, as far as the payer took that one in."""
        return {each.replaces for each in self.claims if each.replaces and State(each.state) in TAKEN_IN}


def patient_of(tx: Transaction, record: AuthorizationRequest | Claim | PlanOfCare) -> Patient:
    """Everything else that this clinic has of the record's patient with the record's payer."""
    owner = (record.organisation, record.clinic, record.subscriber.member_id)
    authorizations = tuple(
        each
        for each in tx.authorizations.of_patient(*owner)
        if each.id != record.id and of_one_patient(each.request, record)
    )
    known = {each.id for each in authorizations}
    told = tx.coverages.of_patient(*owner)
    coverages = [each for each in told if of_one_patient(each, record)] or [
        # Of one member, payer and first name with another birth date, one was mistyped: the checks say so.
        each
        for each in told
        if each.payer.id == record.payer.id and first_name(each.patient) == first_name(record.patient) != ""
    ]
    buckets = tx.books.buckets_under(known)
    return Patient(
        authorizations=authorizations,
        claims=tuple(
            each for each in tx.claims.of_patient(*owner) if each.id != record.id and of_one_patient(each.claim, record)
        ),
        visits=tuple(
            each for each in tx.appointments.of_patient(*owner) if each.authorization in known or _is_of(each, record)
        ),
        coverage=coverages[0] if coverages else None,
        plans=tuple(each for each in tx.plans_of_care.of_patient(*owner) if of_one_patient(each, record)),
        buckets=tuple(each for each in buckets if is_certified(each)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Billing:
    """What a claim is billed under. ``authorization`` is the controlling one, None where there is none; ``buckets``
    are what its lines may draw on, ``balances`` those of all the patient's, as this claim may draw on them."""

    authorization: StoredAuthorization | None = None
    buckets: tuple[Bucket, ...] = ()
    balances: Mapping[str, Mapping[Any, int]] | None = None
    counted: Collection[tuple[str, date, str]] = ()


def claim_case(house: House, tx: Transaction, claim: Claim, billing: Billing, patient: Patient) -> ClaimCase:
    """A claim as the checks want it."""
    authorization, own = billing.authorization, {each.id for each in billing.buckets}
    replaced = patient.replaced()
    return ClaimCase(
        claim=claim,
        request=authorization.request if authorization else None,
        buckets=billing.buckets,
        balances=billing.balances or {},
        policy=policy_of(house, claim, day_of(claim, house.today), patient.coverage),
        date=house.today,
        authorization=authorization.id if authorization else "",
        counted=billing.counted,
        history=tuple(
            each.claim
            for each in patient.claims
            if State(each.state) not in NOT_BILLED and each.id not in replaced and not _is_void(each.claim)
        ),
        payer_numbers=_payer_numbers(patient.claims) or None,
        state=authorization.state if authorization else "",
        decided_on=authorization.decided_on if authorization else None,
        others=tuple(each for each in patient.buckets if each.id not in own),
        extension_asked=_extension_asked(authorization, patient) if authorization else None,
        standing=tx.books.balances(sorted(own)),
        coverage=patient.coverage,
        plans=patient.plans or None,
        treated=tuple(treated(patient)) or None,
        reference=reference_for(
            tx,
            [*_procedures(claim, patient.claims), *(each.replace(".", "") for each in claim.diagnoses)],
            {line.served_on for line in claim.lines},
        ),
    )


def request_case(house: House, tx: Transaction, request: AuthorizationRequest, patient: Patient) -> RequestCase:
    """A request as the checks want it."""
    day = day_of(request, house.today)
    return RequestCase(
        request=request,
        policy=policy_of(house, request, day, patient.coverage),
        date=house.today,
        history=tuple((each.request, each.state) for each in patient.authorizations),
        buckets=patient.buckets,
        balances=tx.books.balances([each.id for each in patient.buckets]),
        coverage=patient.coverage,
        plans=patient.plans or None,
        treated=tuple(treated(patient)) or None,
        reference=reference_for(
            tx,
            [*(line.procedure for line in request.lines), *(each.replace(".", "") for each in request.diagnoses)],
            {day},
        ),
    )


def _is_of(visit: StoredVisit, record: AuthorizationRequest | Claim | PlanOfCare) -> bool:
    """A visit that names no policy is found by its authorization."""
    told = visit.visit
    if told.payer is None or told.subscriber is None or told.patient is None:
        return False
    members = same_member(told.subscriber, record.subscriber)
    return members and told.payer.id == record.payer.id and one_person(told.patient, record.patient)


def _is_void(claim: Claim) -> bool:
    return claim.frequency is Frequency.VOID


def _payer_numbers(claims: Iterable[StoredClaim]) -> set[str]:
    """The numbers that the payer gave; what a replacement or a void names is another claim's."""
    return {
        each.payer_claim_number
        for each in claims
        if each.payer_claim_number and each.payer_claim_number != each.claim.payer_claim_number
    }


def _procedures(claim: Claim, others: Iterable[StoredClaim]) -> set[str]:
    """What is billed on the claim's days: code pairs and maxima look at all of it."""
    days = {line.served_on for line in claim.lines}
    lines = (line for each in (claim, *(other.claim for other in others)) for line in each.lines)
    return {line.procedure for line in lines if line.served_on in days}


def _extension_asked(authorization: StoredAuthorization, patient: Patient) -> bool:
    return any(
        each.request.kind is Kind.EXTENSION
        and State(each.state) in UNDECIDED
        and (each.parent == authorization.id or each.request.previous_number == authorization.number != "")
        for each in patient.authorizations
    )


def treated(patient: Patient) -> Iterator[Treated]:
    """Each visit once, by day and discipline, from claims and from the clinic's schedule; what was refused took place
    all the same."""
    visits: dict[tuple[date, str], list[tuple[bool, Sequence[str]]]] = {}
    for claim in (each.claim for each in patient.claims if not _is_void(each.claim)):
        for line in claim.lines:
            visits.setdefault((line.served_on, discipline(line)), []).append((False, [line.procedure]))
    for each in patient.visits:
        if each.state in _PLANNED:
            procedures = [line.procedure for line in each.visit.lines]
            visits.setdefault((each.served_on, each.discipline), []).append((_PLANNED[each.state], procedures))
    for (day, word), told in sorted(visits.items()):
        yield Treated(
            served_on=day,
            discipline=word,
            planned=all(planned for planned, _ in told),
            evaluation=any(_is_evaluation(each, day) for _, procedures in told for each in procedures),
        )


def _is_evaluation(procedure: str, day: date) -> bool:
    known = codes.procedure(procedure, day)
    return known is not None and known.evaluation
