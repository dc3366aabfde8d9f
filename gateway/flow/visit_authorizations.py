"""Which authorizations a visit may be counted under: the one that it names, else those of its patient and payer."""

from datetime import date

from gateway.domain.authorization import RESTATING, AuthorizationRequest
from gateway.domain.same_person import one_person, same_member
from gateway.domain.visit import Visit
from gateway.flow.cases import BILLABLE, CERTIFYING, UNDECIDED, State, changed_by
from gateway.flow.house import Transaction
from gateway.store import StoredAuthorization


def authorizations_for(tx: Transaction, visit: Visit) -> list[StoredAuthorization]:
    """In the order to draw on them: what ends first before the others. [] where it names one that is not there, or
    another patient's."""
    if visit.authorization_ref:
        named = tx.authorizations.by_client_ref(visit.organisation, visit.clinic, visit.authorization_ref)
        found = [] if named is None else [_booked_under(tx, named)]
    elif visit.authorization:
        ids = tx.identifiers.find("hcr02", visit.authorization)
        found = [tx.authorizations.get(each) for each in ids]
    else:
        assert visit.subscriber is not None, "a visit is somebody's"
        owner = (visit.organisation, visit.clinic, visit.subscriber.member_id)
        found = [each for each in tx.authorizations.of_patient(*owner) if State(each.state) in BILLABLE]
        found = [each for each in found if each.request.kind in CERTIFYING]
    own = [each for each in found if (each.organisation, each.clinic) == (visit.organisation, visit.clinic)]
    own = [each for each in own if _same_patient(each.request, visit)]
    return sorted(own, key=lambda each: (State(each.state) not in BILLABLE, _end(each), each.created_at, each.id))


def _booked_under(tx: Transaction, named: StoredAuthorization) -> StoredAuthorization:
    """What a revision certifies is booked under the authorization that it revises."""
    if named.request.kind not in RESTATING or State(named.state) in UNDECIDED:
        return named
    return next(iter(changed_by(tx, named.request)), named)


def _same_patient(request: AuthorizationRequest, visit: Visit) -> bool:
    """A visit that names its authorization alone is that one's patient's."""
    patient = visit.patient
    if visit.payer is not None and visit.payer.id != request.payer.id:
        return False
    if visit.subscriber is None or patient is None:
        return True
    return same_member(visit.subscriber, request.subscriber) and one_person(request.patient, patient)


def _end(stored: StoredAuthorization) -> date:
    return stored.ends_on or stored.request.ends_on or date.max
