"""Visits: booked, rendered, cancelled or not come, as a clinic tells of them, each in the units book at once.

A visit is refused where nothing is left for it, unless somebody says why it took place all the same: then it is counted
as uncovered, and a later authorization cures it. Never lets a person's words out of the sealed record.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gateway.domain.authorization import Unit
from gateway.domain.plain import to_plain
from gateway.domain.visit import Status, Visit
from gateway.errors import Finding
from gateway.flow import deadlines
from gateway.flow.booked import claimed
from gateway.flow.house import House, Transaction
from gateway.flow.policies import payer_policy, policy_in
from gateway.flow.taken import Taken, conflict, refused
from gateway.flow.visit_authorizations import authorizations_for
from gateway.ledger import units
from gateway.ledger.entry import Account, Balances, Bucket, Cause, Entry, digest
from gateway.ledger.matching import ONCE_A_DAY, Gap, key_of
from gateway.ledger.visiting import UNCOVERED, Held, Step, Wanted, move, wanted
from gateway.rules.policy import Policy
from gateway.store import ChangedMeanwhile, StoredAuthorization, StoredVisit

SOURCE = "domain facts, 6.1 and 6.2"
_EVENTS = {
    Status.SCHEDULED: "visit.booked",
    Status.TOOK_PLACE: "visit.rendered",
    Status.CANCELLED: "visit.cancelled",
    Status.NO_SHOW: "visit.missed",
}
_MAY_CHANGE = ("id", "status", "lines", "override", "note")
_FIXES = {
    Gap.NO_AUTHORIZATION: "Ask the payer for an authorization, or enter the one that it gave",
    Gap.EXHAUSTED: "Ask for an extension, or correct the count",
    Gap.OUTSIDE_WINDOW: "Ask for other dates, or correct the day",
    Gap.MINUTES_UNKNOWN: "Give the lines with their units, or the minutes where hours are authorized",
}
_OTHERWISE = "Correct the visit, or ask the payer for what it needs"
_OVERRIDE = "; where it took place all the same, say why in override"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a visit is counted: its authorization, the buckets there under lock, and what it needs of them."""

    authorization: StoredAuthorization | None
    buckets: tuple[Bucket, ...]
    balances: Balances
    visit_key: str
    held: tuple[Held, ...]
    want: Wanted


def take(house: House, tx: Transaction, visit: Visit, *, digest: str, document: str) -> Taken:
    """Takes a record about a visit in, with what it does to the ledger, or says why not."""
    known = tx.appointments.by_client_ref(visit.organisation, visit.clinic, visit.client_ref)
    if known is not None:
        if tx.appointments.fingerprint(digest) in known.digests:
            return Taken(outcome="same", id=known.id)
        against = _against(known, visit)
        if against is not None:
            return against
        visit = replace(visit, id=known.id, lines=visit.lines or known.visit.lines)
    place = _placed(house, tx, visit, known)
    if place is None:
        return refused(_UNKNOWN)
    objection = _objection(visit, place)
    if objection:
        return refused(*objection)
    step = _step(tx, visit, known, place, document)
    taken = _keep(tx, visit, known, place, step, digest, document)
    if any(each.account is Account.UNCOVERED and each.quantity for each in step.held):
        deadlines.retro(tx, visit.id, visit.served_on, _policy(house, tx, visit, place.authorization))
    else:
        deadlines.end(tx, visit.id, (deadlines.RETRO,), outcome=str(visit.status))
    return taken


_UNKNOWN = Finding(
    rule="visit.authorization",
    what="the authorization that the visit names is not on file in this clinic, or is another patient's",
    where="$.authorization_ref",
    fix="Correct the number, or enter the authorization first",
)


def _against(known: StoredVisit, visit: Visit) -> Taken | None:
    """Why a record cannot be what became of the visit that has its number already; None where it can."""
    before, now = to_plain(known.visit), to_plain(visit)
    differing = sorted(
        key for key in before.keys() | now.keys() if key not in _MAY_CHANGE and before.get(key) != now.get(key)
    )
    if differing:
        what = "this number of yours was taken before for another visit; that one stands"
        return conflict(known.id, what, "Cancel it, and give the other visit a number of its own", differing)
    if visit.status in (known.state, Status.SCHEDULED):
        what = f"this visit is {known.state} already, with other content; that stands"
        fix = "Cancel it first where it was told wrongly, or give the visit a number of its own"
        return conflict(known.id, what, fix, ["lines"] if visit.status is known.state else ["status"])
    if known.state is Status.TOOK_PLACE and any(each.claimed for each in known.held):
        what = "this visit is on a claim already; it stands"
        return conflict(known.id, what, "Void the claim first, then take the visit back")
    return None


def _placed(house: House, tx: Transaction, visit: Visit, known: StoredVisit | None) -> _Place | None:
    """None where the visit names an authorization that is not there."""
    if known is not None:
        owned = [tx.authorizations.get(known.authorization)] if known.authorization else []
    else:
        owned = authorizations_for(tx, visit)
        if not owned and (visit.authorization or visit.authorization_ref):
            return None
    places = []
    for each in owned:
        place = _place(house, tx, visit, known, each)
        if not place.want.lacking:
            return place
        places.append(place)
    return places[0] if places else _place(house, tx, visit, known, None)


def _place(
    house: House, tx: Transaction, visit: Visit, known: StoredVisit | None, authorization: StoredAuthorization | None
) -> _Place:
    """The authorization is locked first, then the visit, then the buckets: the order in which all others do it."""
    if authorization is not None:
        authorization = tx.authorizations.get(authorization.id, lock=True)
    held: tuple[Held, ...] = ()
    if known is not None:
        locked = tx.appointments.get(known.id, lock=True)
        if locked.version != known.version:
            raise ChangedMeanwhile(f"{known.id} was changed after it was read", fix="Read it again and start over")
        held = locked.held
    buckets = tx.books.buckets(authorization.id) if authorization else []
    owner = authorization.id if authorization else visit.id
    key = known.visit_key if known else key_of(owner, visit.served_on, visit.discipline)
    if visit.status is Status.TOOK_PLACE and authorization:
        first = claimed(tx, buckets, known, key)
        held = (*held, *(each for each in first if each.bucket not in {one.bucket for one in held}))
    touched = {each.id: each for each in buckets}
    for each in held:
        touched.setdefault(each.bucket, tx.books.bucket(each.bucket))
    balances = tx.books.balances(touched, lock=True)
    policy = _policy(house, tx, visit, authorization)
    want = Wanted(draws=())
    if visit.status in (Status.SCHEDULED, Status.TOOK_PLACE) and (authorization or policy.auth_required is not False):
        counted = _counted(tx, key, known)
        want = wanted(visit, buckets, balances, held=held, counted=counted, exempt=policy.exempt_procedures)
    return _Place(
        authorization=authorization,
        buckets=tuple(touched.values()),
        balances=balances,
        visit_key=key,
        held=held,
        want=want,
    )


def _policy(house: House, tx: Transaction, visit: Visit, authorization: StoredAuthorization | None) -> Policy:
    if authorization:
        return policy_in(house, tx, authorization.request, visit.served_on)
    assert visit.payer is not None, "intake wants it where no authorization is named"
    return payer_policy(house.settings, visit.payer.id, visit.served_on)


def _counted(tx: Transaction, key: str, known: StoredVisit | None) -> set[str]:
    """The buckets in which another appointment of the same day and discipline counts this visit already."""
    others = [each for each in tx.appointments.of_visits([key]) if known is None or each.id != known.id]
    return {
        held.bucket for each in others for held in each.held if held.quantity and held.account is not Account.UNCOVERED
    }


def _objection(visit: Visit, place: _Place) -> list[Finding]:
    if not place.want.lacking or (visit.override and visit.status is Status.TOOK_PLACE):
        return []
    return list(dict.fromkeys(_lacks(visit, each.gap, each.bucket) for each in place.want.lacking))


def _lacks(visit: Visit, gap: Gap, bucket: Bucket | None) -> Finding:
    until = f", in a window until {bucket.ends_on}" if bucket and bucket.ends_on else ""
    otherwise = _OVERRIDE if visit.status is Status.TOOK_PLACE else ""
    return Finding(
        rule="visit.balance" if gap is Gap.EXHAUSTED else "visit.authorization",
        what=f"nothing is left for this visit: {gap}{until}",
        where="$",
        fix=_FIXES.get(gap, _OTHERWISE) + otherwise,
        source=SOURCE,
    )


def _step(tx: Transaction, visit: Visit, known: StoredVisit | None, place: _Place, document: str) -> Step:
    change = f"{visit.id}/{known.version + 1 if known else 1}"
    took_place = visit.status is Status.TOOK_PLACE
    holds_on = visit.served_on if took_place else tx.now.date()
    cause = Cause(document=document, actor=tx.scope.actor)
    step = move(
        visit,
        place.want,
        place.held,
        place.balances,
        {each.id: each for each in place.buckets},
        visit_key=place.visit_key,
        cause=cause,
        holds_on=holds_on,
        key=change,
    )
    if not took_place or not place.want.lacking:
        return step
    uncovered = _uncovered(tx, visit, place)
    entries = [
        units.uncovered(
            bucket,
            held.quantity,
            cause=replace(cause, authorization=bucket.authorization),
            holds_on=holds_on,
            key=change,
            reason=f"override of {visit.id}",  # What somebody wrote stays in the sealed record.
            visit_key=place.visit_key,
        )
        for bucket, held in uncovered
    ]
    return Step(entries=(*step.entries, *entries), held=(*step.held, *(held for _, held in uncovered)))


def _uncovered(tx: Transaction, visit: Visit, place: _Place) -> list[tuple[Bucket, Held]]:
    """What nothing serves, by the bucket that comes nearest; a visit is one there, too, however many services."""
    owed: dict[str, tuple[Bucket, Held]] = {}
    for each in place.want.lacking:
        bucket = each.bucket or _beside(tx, visit, place)
        known = owed.get(bucket.id)
        before = known[1] if known else Held(bucket=bucket.id, account=Account.UNCOVERED, quantity=0)
        quantity = 1 if bucket.unit in ONCE_A_DAY else before.quantity + each.quantity
        procedures = (*before.procedures, *([each.procedure] if each.procedure else []))
        owed[bucket.id] = (bucket, replace(before, quantity=quantity, procedures=procedures))
    return list(owed.values())


def _beside(tx: Transaction, visit: Visit, place: _Place) -> Bucket:
    """A bucket for what no bucket comes near: it holds what went without authorization, and no claim draws on it."""
    authorization = place.authorization.id if place.authorization else ""
    bucket = Bucket(
        id=digest("bu", UNCOVERED, authorization or visit.id, visit.discipline),
        authorization=authorization,
        organisation=visit.organisation,
        clinic=visit.clinic,
        number="",
        unit=Unit.VISIT,
        modifiers=(visit.discipline,),
        quantity_source=UNCOVERED,
    )
    tx.books.add_bucket(bucket)
    return bucket


def _keep(
    tx: Transaction,
    visit: Visit,
    known: StoredVisit | None,
    place: _Place,
    step: Step,
    digest: str,
    document: str,
) -> Taken:
    authorization = place.authorization
    if known is None:
        request = authorization.request if authorization else None
        subscriber = visit.subscriber or (request.subscriber if request else None)
        payer = visit.payer or (request.payer if request else None)
        assert subscriber is not None, "a visit is somebody's"
        assert payer is not None, "intake wants it where the patient is named"
        added = tx.appointments.add(
            visit,
            digest=digest,
            member_id=subscriber.member_id,
            payer=payer.id,
            authorization=authorization.id if authorization else "",
            visit_key=place.visit_key,
            held=step.held,
            document=document,
        )
        if added.outcome != "new":
            raise ChangedMeanwhile("the same visit was taken in meanwhile", fix="Read it again and start over")
        tx.identifiers.add(visit.id, "client_ref", visit.client_ref, document=document)
    else:
        digests = [*known.digests, tx.appointments.fingerprint(digest)]
        tx.appointments.update(visit.id, visit=visit, digests=digests, held=step.held, document=document)
    moved = _post(tx, step.entries)
    about = {"authorization": authorization.id} if authorization else {}
    tx.events.add(visit.id, _EVENTS[visit.status], document=document, **about, **moved)
    if authorization and moved:
        tx.events.add(authorization.id, _EVENTS[visit.status], document=document, visit=visit.id, **moved)
    _settled(tx, visit)
    return Taken(outcome="new", id=visit.id)


def _post(tx: Transaction, entries: Iterable[Entry]) -> dict[str, int]:
    """Posts them; how much each kind moved."""
    moved: dict[str, int] = {}
    for entry in entries:
        if tx.books.post(entry):
            target = entry.postings[-1].target
            quantity = sum(each.quantity for each in entry.postings if each.target is target)
            moved[entry.kind] = moved.get(entry.kind, 0) + quantity
    return moved


def unsettled_key(visit: str) -> str:
    return f"visit:{visit}"


def _settled(tx: Transaction, visit: Visit) -> None:
    if visit.status is not Status.SCHEDULED:
        tx.tasks.close(unsettled_key(visit.id), "it was told what became of it")
