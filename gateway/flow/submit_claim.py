"""What is particular to sending a claim: the authorization that it bills under, its number on the claim, its units.

The units are taken from the authorization's buckets under their locks, in the transaction that writes the claim.
"""

from collections.abc import Sequence
from datetime import datetime

from gateway.domain.claim import ClaimBatch, Frequency, Submitter
from gateway.domain.same_person import same_member
from gateway.flow.assigning import posted, take
from gateway.flow.booked import booked, pass_on
from gateway.flow.cases import State, move
from gateway.flow.house import House
from gateway.flow.planning import ClaimPlan, plan_claim
from gateway.flow.wire import CLAIM
from gateway.ledger import cents
from gateway.ledger.matching import Drawn, commits
from gateway.settings import Partner
from gateway.store import StoredClaim, Transaction


class ClaimDesk:
    """Builds 837P sets of one claim each."""

    transaction = CLAIM

    def waiting(self, tx: Transaction, partner: str, limit: int) -> list[StoredClaim]:
        return tx.claims.list(state=State.ACCEPTED, partner=partner, limit=limit)

    def plan(self, house: House, tx: Transaction, stored: StoredClaim) -> ClaimPlan:
        return plan_claim(house, tx, stored.claim)

    def message(
        self, house: House, partner: Partner, stored: StoredClaim, plan: ClaimPlan, at: datetime
    ) -> tuple[str, ClaimBatch]:
        organisation = house.settings.organisation(stored.organisation)
        assert organisation is not None, "intake lets no record through of an organisation that is not configured"
        reference = f"B{stored.claim.control_number}"
        return reference, ClaimBatch(
            reference=reference,
            created_on=at.date(),
            created_at=f"{at:%H%M}",
            submitter=Submitter(
                name=organisation.submitter_name or partner.submitter.name,
                id=organisation.submitter_id or partner.submitter.id,
                contact_name=organisation.contact.name,
                contact_phone=organisation.contact.phone,
                contact_email=organisation.contact.email,
            ),
            receiver_name=partner.receiver.name,
            receiver_id=partner.receiver.id,
            claims=(plan.claim,),
        )

    def still_holds(
        self, house: House, tx: Transaction, stored: StoredClaim, plan: ClaimPlan, ready: Sequence[ClaimPlan]
    ) -> bool:
        """Locks the authorizations first, then their buckets: the order in which a decision takes them, too."""
        assigned = plan.assigned
        for each in assigned.authorizations:
            seen = assigned.seen[each]
            if tx.authorizations.get(each, lock=True).version != seen:
                return False
        if plan.state is not State.WRITTEN:
            return True
        if any(_meet(plan, each) for each in ready):
            return False  # They may share a visit, or bill a service twice: looked at again once the first is written.
        if assigned.drawn is None:
            return True
        drawn = [each.assigned.drawn for each in ready if each.assigned.drawn]
        return take(tx, assigned, lock=True, beside=drawn) == assigned.drawn

    def wait(self, tx: Transaction, stored: StoredClaim, plan: ClaimPlan) -> None:
        waits_for = plan.assigned.waits_for
        assert waits_for is not None, "a claim waits for an authorization"
        reason = "its authorization is not decided yet"
        tx.claims.update(stored.id, state=State.WAITING, authorization=waits_for.id, reason=reason)
        tx.events.add(stored.id, "claim.waits_for_authorization", authorization=waits_for.id)

    def split(self, tx: Transaction, stored: StoredClaim, plan: ClaimPlan) -> None:
        """Puts the parts in the place of the claim: they are looked at like any other."""
        for part in plan.parts:
            tx.claims.add(part, partner=stored.partner, digest=part.id, document=stored.document, parent=stored.id)
            tx.identifiers.add(part.id, "client_ref", stored.client_ref, document=stored.document)
            tx.identifiers.add(part.id, "claim", stored.id)
            tx.identifiers.add(stored.id, "claim", part.id)
            tx.events.add(part.id, "claim.split_from", claim=stored.id, lines=len(part.lines), charge=part.charge)
        move(tx, stored.id, State.SPLIT)
        tx.events.add(stored.id, "claim.split", claims=[each.id for each in plan.parts])

    def write(self, tx: Transaction, stored: StoredClaim, plan: ClaimPlan, document: str) -> None:
        claim, assigned = plan.claim, plan.assigned
        tx.identifiers.add(stored.id, "clm01", claim.control_number, partner=stored.partner, document=document)
        for line in claim.lines:
            tx.identifiers.add(stored.id, "6r", line.control_number, partner=stored.partner, document=document)
        authorization = assigned.authorization.id if assigned.authorization else ""
        tx.claims.update(stored.id, claim=claim, authorization=authorization, sent_at=tx.now, replaces=plan.replaces)
        tx.claims.put_lines(claim, _drawn_by_line(assigned.drawn))
        if assigned.authorizations and assigned.drawn is not None:
            _commit(tx, stored, plan, document)
        if claim.frequency is not Frequency.VOID and claim.charge:
            tx.books.post_money(cents.post_claim(claim, document=document, holds_on=tx.now.date()))


def _meet(plan: ClaimPlan, other: ClaimPlan) -> bool:
    """Whether two claims are of one patient and day, and of one authorization or service."""
    if not same_member(plan.claim.subscriber, other.claim.subscriber):
        return False
    shared = set(plan.assigned.authorizations) & set(other.assigned.authorizations)
    days = [{line.served_on for line in each.claim.lines} for each in (plan, other)]
    services = [{(line.served_on, line.procedure) for line in each.claim.lines} for each in (plan, other)]
    return bool(services[0] & services[1] or (shared and days[0] & days[1]))


def _drawn_by_line(drawn: Drawn | None) -> dict[str, tuple[str, str, str]]:
    draws = drawn.draws if drawn else ()
    return {line: (each.bucket.authorization, each.bucket.id, each.visit_key) for each in draws for line in each.lines}


def _commit(tx: Transaction, stored: StoredClaim, plan: ClaimPlan, document: str) -> None:
    claim, drawn = plan.claim, plan.assigned.drawn
    assert drawn is not None, "a claim without draws has nothing to commit"
    buckets = {each.bucket.id: each.bucket for each in drawn.draws}
    balances = tx.books.balances(buckets, lock=True)
    own = booked(tx, claim, tuple(buckets.values()))
    draws = posted(plan.assigned, own)
    today = tx.now.date()
    entries = commits(
        claim, draws, balances, document=document, holds_on=today, key=document, actor=tx.scope.actor, booked=own
    )
    for entry in entries:
        tx.books.post(entry)
    pass_on(tx, draws, entries)
    authorization = plan.assigned.authorization
    tx.events.add(
        stored.id,
        "claim.committed",
        document=document,
        authorization=authorization.id if authorization else "",
        quantity=sum(each.quantity for each in draws),
        uncovered=len(drawn.uncovered),
    )
    for each in plan.assigned.authorizations:
        tx.identifiers.add(stored.id, "authorization", each, document=document)
