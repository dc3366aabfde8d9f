"""A retro-authorization cures what took place without one: the visit is rendered under it, and owed no more."""

from dataclasses import replace

from gateway.domain.same_person import one_person
from gateway.domain.visit import Status
from gateway.flow import deadlines
from gateway.flow.cases import BILLABLE, State
from gateway.flow.house import Transaction
from gateway.ledger import units
from gateway.ledger.entry import Account, Cause
from gateway.ledger.matching import key_of
from gateway.ledger.visiting import Held, wanted
from gateway.store import StoredAuthorization, StoredVisit


def cure(tx: Transaction, authorization: str, cause_document: str) -> int:
    """Renders the uncovered visits of this authorization's patient and payer that fit it, by day; how many those were.

    Called after its grants are posted. A visit is covered whole, or stays as it is.
    """
    stored = tx.authorizations.get(authorization, lock=True)
    if State(stored.state) not in BILLABLE:
        return 0
    owner = (stored.organisation, stored.clinic, stored.request.subscriber.member_id)
    cured = 0
    for each in tx.appointments.of_patient(*owner):
        owed = any(held.account is Account.UNCOVERED and held.quantity for held in each.held)
        if owed and each.state is Status.TOOK_PLACE and _is_theirs(tx, stored, each):
            cured += _covered(tx, stored, each, cause_document)
    return cured


def _is_theirs(tx: Transaction, stored: StoredAuthorization, visit: StoredVisit) -> bool:
    """A plan's number may be a whole family's; a visit without a patient of its own is its authorization's."""
    if visit.payer != stored.request.payer.id:
        return False
    patient = visit.visit.patient
    if patient is None:
        patient = tx.authorizations.get(visit.authorization).request.patient
    return one_person(stored.request.patient, patient)


def _covered(tx: Transaction, stored: StoredAuthorization, visit: StoredVisit, document: str) -> bool:
    visit = tx.appointments.get(visit.id, lock=True)
    owing = [each for each in visit.held if each.account is Account.UNCOVERED and each.quantity]
    kept = [each for each in visit.held if each not in owing]
    if kept and visit.authorization != stored.id:
        return False  # Part of it is rendered under another authorization: a visit is one authorization's.
    named = {procedure for each in owing for procedure in each.procedures}
    lines = tuple(each for each in visit.visit.lines if not named or each.procedure in named)
    buckets = tx.books.buckets(stored.id)
    touched = {each.id: each for each in (*buckets, *(tx.books.bucket(one.bucket) for one in owing))}
    balances = tx.books.balances(touched, lock=True)
    key = key_of(stored.id, visit.served_on, visit.discipline)
    beside = [each for each in tx.appointments.of_visits([key]) if each.id != visit.id]
    counted = {held.bucket for each in (*beside, visit) for held in each.held if held.account is not Account.UNCOVERED}
    told = replace(visit.visit, status=Status.SCHEDULED, lines=lines)  # Of a window that has ended nothing is taken.
    want = wanted(told, buckets, balances, counted=counted)
    if want.lacking or len(want.draws) > len(owing):
        return False
    cause = Cause(document=document, authorization=stored.id, actor=tx.scope.actor)
    change = f"{visit.id}/{visit.version + 1}"
    held: list[Held] = [*kept]
    waiting = list(owing)
    for bucket, quantity in want.draws:
        one = waiting.pop(0)
        now = tx.books.balances([bucket.id, one.bucket])
        entry = units.cover(
            bucket,
            now[bucket.id],
            quantity,
            owed=touched[one.bucket],
            owed_balance=now[one.bucket],
            owed_quantity=one.quantity,
            cause=cause,
            holds_on=visit.served_on,
            key=change,
            visit_key=key,
        )
        tx.books.post(entry)
        held.append(Held(bucket=bucket.id, account=Account.RENDERED, quantity=quantity))
    for one in waiting:  # The visit is counted there already, or fewer buckets serve it: it is owed no more.
        now = tx.books.balances([one.bucket])
        tx.books.post(
            units.retract(
                touched[one.bucket],
                now[one.bucket],
                one.quantity,
                source=Account.UNCOVERED,
                cause=cause,
                holds_on=visit.served_on,
                key=change,
                visit_key=visit.visit_key,
            )
        )
    tx.appointments.update(visit.id, authorization=stored.id, visit_key=key, held=held)
    deadlines.end(tx, visit.id, (deadlines.RETRO,), outcome="covered")
    tx.events.add(visit.id, "visit.covered", document=document, authorization=stored.id)
    return True
