"""What is particular to sending a claim: the authorization that it bills under, its number on the claim, its units.

The units are taken from the authorization's buckets under their locks, in the transaction that writes the claim.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gateway import rules
from gateway.domain.claim import Claim, ClaimBatch, Frequency, Submitter
from gateway.errors import Finding, Severity
from gateway.flow.booked import booked, pass_on
from gateway.flow.cases import BILLABLE, UNDECIDED, State, of_one_patient
from gateway.flow.checking import claim_case, controlling, patient_of
from gateway.flow.house import House
from gateway.flow.policies import day_of, policy_of
from gateway.flow.returning import other_claims
from gateway.flow.wire import CLAIM
from gateway.ledger import cents
from gateway.ledger.entry import Account
from gateway.ledger.matching import Drawn, commits, draw
from gateway.rules.policy import Policy
from gateway.settings import Partner
from gateway.store import StoredAuthorization, StoredClaim, Transaction

_OTHER_PATIENT = Finding(
    rule="authorization_patient",
    what="the authorization that the claim names is another patient's, or another payer's",
    where="$.authorization_ref",
    fix="Name the patient's own authorization; compare member id, birth date and first name with those of its request",
    prevents="CARC 15, 284; visits taken from another patient",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimPlan:
    """``claim`` is stamped with the number that was certified; ``authorization`` is what it was planned on."""

    state: State
    claim: Claim
    authorization: StoredAuthorization | None = None
    drawn: Drawn | None = None
    findings: tuple[Finding, ...] = ()


class ClaimDesk:
    """Builds 837P sets of one claim each."""

    transaction = CLAIM

    def waiting(self, tx: Transaction, partner: str, limit: int) -> list[StoredClaim]:
        return tx.claims.list(state=State.ACCEPTED, partner=partner, limit=limit)

    def plan(self, house: House, tx: Transaction, stored: StoredClaim) -> ClaimPlan:
        authorization = controlling(tx, stored.claim)
        claim = stamped(stored.claim, authorization)
        if authorization is not None and not of_one_patient(authorization.request, claim):
            return ClaimPlan(state=State.HELD, claim=claim, authorization=authorization, findings=(_OTHER_PATIENT,))
        if claim.frequency is Frequency.VOID:
            return ClaimPlan(state=State.WRITTEN, claim=claim, authorization=authorization)  # It draws on nothing.
        if authorization is not None and State(authorization.state) in UNDECIDED:
            return ClaimPlan(state=State.WAITING, claim=claim, authorization=authorization)
        patient = patient_of(tx, claim)
        case = claim_case(house, tx, claim, authorization=authorization, patient=patient)
        findings = tuple(rules.check(case))
        blocked = any(each.severity is Severity.BLOCK for each in findings)
        return ClaimPlan(
            state=State.HELD if blocked else State.WRITTEN,
            claim=claim,
            authorization=authorization,
            drawn=_draw(tx, claim, authorization, case.policy) if authorization else None,
            findings=findings,
        )

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
        """Locks the authorization first, then its buckets: the order in which a decision takes them, too."""
        if plan.authorization is None:
            return True
        if tx.authorizations.get(plan.authorization.id, lock=True).version != plan.authorization.version:
            return False
        if plan.state is not State.WRITTEN or plan.drawn is None:
            return True
        beside = [each for each in ready if each.authorization and each.authorization.id == plan.authorization.id]
        days = {line.served_on for line in plan.claim.lines}
        if any(line.served_on in days for each in beside for line in each.claim.lines):
            return False  # They may share a visit, or bill a service twice: looked at again once the first is written.
        policy = policy_of(house, plan.claim, day_of(plan.claim, house.today))
        drawn = [each.drawn for each in beside if each.drawn]
        return _draw(tx, plan.claim, plan.authorization, policy, lock=True, beside=drawn) == plan.drawn

    def wait(self, tx: Transaction, stored: StoredClaim, plan: ClaimPlan) -> None:
        assert plan.authorization is not None, "a claim waits for an authorization"
        reason = "its authorization is not decided yet"
        tx.claims.update(stored.id, state=State.WAITING, authorization=plan.authorization.id, reason=reason)
        tx.events.add(stored.id, "claim.waits_for_authorization", authorization=plan.authorization.id)

    def write(self, tx: Transaction, stored: StoredClaim, plan: ClaimPlan, document: str) -> None:
        claim = plan.claim
        tx.identifiers.add(stored.id, "clm01", claim.control_number, partner=stored.partner, document=document)
        for line in claim.lines:
            tx.identifiers.add(stored.id, "6r", line.control_number, partner=stored.partner, document=document)
        authorization = plan.authorization.id if plan.authorization else ""
        tx.claims.update(stored.id, claim=claim, authorization=authorization, sent_at=tx.now)
        tx.claims.put_lines(claim, _drawn_by_line(plan.drawn))
        if plan.authorization is not None and plan.drawn is not None:
            _commit(tx, stored, plan.authorization, plan.drawn, claim, document)
        if claim.frequency is not Frequency.VOID and claim.charge:
            tx.books.post_money(cents.post_claim(claim, document=document, holds_on=tx.now.date()))


def stamped(claim: Claim, authorization: StoredAuthorization | None) -> Claim:
    """The claim with REF*G1, where the payer gave a number and the clinic did not say another."""
    if authorization is None or claim.authorization or State(authorization.state) not in BILLABLE:
        return claim
    return replace(claim, authorization=authorization.number)


def _draw(
    tx: Transaction,
    claim: Claim,
    authorization: StoredAuthorization,
    policy: Policy,
    *,
    lock: bool = False,
    beside: Iterable[Drawn] = (),
) -> Drawn:
    """``beside`` is what other claims of the same interchange take, before any of it is posted."""
    buckets = tx.books.buckets(authorization.id)
    balances = tx.books.balances([each.id for each in buckets], lock=lock)
    for taken in (each for drawn in beside for each in drawn.draws):
        balance = balances[taken.bucket.id]
        balance[Account.AVAILABLE] = balance.get(Account.AVAILABLE, 0) - taken.quantity
    return draw(
        claim,
        buckets,
        balances,
        authorization=authorization.id,
        counted={visit for each in other_claims(tx, authorization.id, claim.id) for visit in each.visits},
        exempt=policy.exempt_procedures,
        booked=booked(tx, claim, buckets),
    )


def _drawn_by_line(drawn: Drawn | None) -> dict[str, tuple[str, str, str]]:
    draws = drawn.draws if drawn else ()
    return {line: (each.bucket.authorization, each.bucket.id, each.visit_key) for each in draws for line in each.lines}


def _commit(
    tx: Transaction,
    stored: StoredClaim,
    authorization: StoredAuthorization,
    drawn: Drawn,
    claim: Claim,
    document: str,
) -> None:
    buckets = {each.bucket.id: each.bucket for each in drawn.draws}
    balances = tx.books.balances(buckets, lock=True)
    own = booked(tx, claim, tuple(buckets.values()))
    today = tx.now.date()
    entries = commits(
        claim, drawn.draws, balances, document=document, holds_on=today, key=document, actor=tx.scope.actor, booked=own
    )
    for entry in entries:
        tx.books.post(entry)
    pass_on(tx, drawn.draws, entries)
    taken = sum(each.quantity for each in drawn.draws)
    tx.events.add(
        stored.id,
        "claim.committed",
        document=document,
        authorization=authorization.id,
        quantity=taken,
        uncovered=len(drawn.uncovered),
    )
    tx.identifiers.add(stored.id, "authorization", authorization.id, document=document)
