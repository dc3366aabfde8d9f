"""What is particular to sending an authorization request: its trace, its memo in the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.domain.authorization import AuthorizationRequest, Kind, RequestMessage
from gateway.errors import Finding
from gateway.flow import changes
from gateway.flow.cases import State
from gateway.flow.checking import patient_of, request_case
from gateway.flow.house import House
from gateway.flow.planning import check
from gateway.flow.wire import REQUEST
from gateway.ledger.certifying import requested
from gateway.ledger.entry import Cause
from gateway.settings import Partner
from gateway.store import StoredAuthorization, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPlan:
    state: State
    request: AuthorizationRequest
    findings: tuple[Finding, ...] = ()


class RequestDesk:
    """Builds 278 requests, one patient event to a set (005010X217 allows no more)."""

    transaction = REQUEST

    def waiting(self, tx: Transaction, partner: str, limit: int) -> list[StoredAuthorization]:
        return tx.authorizations.list(state=State.ACCEPTED, partner=partner, limit=limit)

    def plan(self, house: House, tx: Transaction, stored: StoredAuthorization) -> RequestPlan:
        request = changes.with_references(tx, stored.request)
        lines = tuple(
            each if each.trace else replace(each, trace=f"{request.trace}{each.sequence:02}") for each in request.lines
        )
        checked = check(request_case(house, tx, request, patient_of(tx, request)))
        return RequestPlan(
            state=State.HELD if checked.blocks else State.WRITTEN,
            request=replace(request, lines=lines),
            findings=checked.findings,
        )

    def message(
        self, house: House, partner: Partner, stored: StoredAuthorization, plan: RequestPlan, at: datetime
    ) -> tuple[str, RequestMessage]:
        reference = plan.request.trace
        return reference, RequestMessage(
            reference=reference,
            created_on=at.date(),
            created_at=f"{at:%H%M}",
            assigner=partner.trace_assigner,
            request=plan.request,
        )

    def still_holds(
        self, house: House, tx: Transaction, stored: StoredAuthorization, plan: RequestPlan, ready: Sequence[object]
    ) -> bool:
        now = changes.with_references(tx, stored.request)
        sent = plan.request
        return (now.previous_number, now.administrative_reference) == (
            sent.previous_number,
            sent.administrative_reference,
        )

    def wait(self, tx: Transaction, stored: StoredAuthorization, plan: RequestPlan) -> None:
        raise AssertionError("a request waits for nothing")

    def split(self, tx: Transaction, stored: StoredAuthorization, plan: RequestPlan) -> None:
        raise AssertionError("a request is one patient event, and goes out whole")

    def write(self, tx: Transaction, stored: StoredAuthorization, plan: RequestPlan, document: str) -> None:
        # Its lines' traces and the payer's numbers stay with it: an answer is read against what went out.
        tx.authorizations.update(stored.id, request=plan.request)
        parent = changes.requested(tx, tx.authorizations.get(stored.id), document)
        if parent:
            tx.authorizations.update(stored.id, parent=parent)
        tx.identifiers.add(stored.id, "trn02", plan.request.trace, partner=stored.partner, document=document)
        for line in plan.request.lines:
            tx.identifiers.add(stored.id, "trn02", line.trace, partner=stored.partner, document=document)
        cause = Cause(document=document, authorization=stored.id, actor=tx.scope.actor)
        asked = 0
        if plan.request.kind is not Kind.CANCEL:
            for memo in requested(plan.request, cause=cause, holds_on=tx.now.date()):
                tx.books.add_bucket(memo.bucket)
                for entry in memo.entries:
                    tx.books.post(entry)  # Once, however often it is sent.
                    asked += sum(each.quantity for each in entry.postings)
        tx.events.add(stored.id, "authorization.requested", document=document, kind=str(plan.request.kind), asked=asked)
