"""Reacts to a 278 response: finds the request it answers, posts what it grants, and tells a person what it leaves open.

A response that comes twice, or that the payer made before the one in force, is noted and changes nothing.
"""

from typing import Any

from gateway.domain.authorization import Kind
from gateway.domain.decision import Decision, EventDecision
from gateway.errors import Finding, Position
from gateway.flow import changes, deadlines, grant, resend
from gateway.flow.answered import answered, is_older, names_another, note_numbers, reference_of, sound, stamp
from gateway.flow.cases import BILLABLE, UNANSWERED, State, close_answers
from gateway.flow.clock import close_expectation
from gateway.flow.cures import cure
from gateway.flow.house import House, Transaction
from gateway.flow.policies import day_of, policy_in
from gateway.flow.waking import wake_claims
from gateway.ledger.entry import entry_id
from gateway.ledger.granting import REQUESTED, Granted, decides, grants, refusal
from gateway.ledger.information import INFORMATION
from gateway.ledger.states import GRANTING, may_become
from gateway.ledger.states import State as Step
from gateway.store import Document

_DECIDED_BEFORE = {each.value for each in Step}
_OPEN_STILL = (Step.PENDED, Step.INFO_REQUESTED, Step.RETRY)
_RECEIVED, _WITHOUT_EFFECT = "decision.received", "decision.without_effect"
_ANOTHER_PATIENT = Finding(
    rule="authorization_decision",
    what="the response carries our trace and another patient: its member id and last name are both others than we sent",
    fix="Nothing was granted. Ask the payer whose answer it is",
)
_CERTIFIED_CANCELLATION = Finding(
    rule="authorization_decision",
    what="the payer certifies a request to cancel: nothing is granted, and nothing was given back",
    fix="Ask the payer whether the authorization is cancelled",
)
_LATE_GRANT = Finding(
    rule="authorization_decision",
    what="an answer that the payer made before the one in force certifies services that the later one does not: it "
    "came late, and nothing was posted",
    fix="Ask the payer which one holds",
)


def react(house: House, tx: Transaction, document: Document, place: Position, decision: Decision) -> None:
    """Lets one 278 response take effect: each of its events on the request that the event itself names."""
    decision = sound(decision)
    for number, event in enumerate(decision.events or (EventDecision(),), 1):
        subject, matched_on = answered(tx, document.partner, decision, event)
        if subject is None:
            _unmatched(tx, document, place, number)
        else:
            _Reaction(house, tx, document, decision, event, subject, matched_on).decide()


def _unmatched(tx: Transaction, document: Document, place: Position, number: int) -> None:
    key = f"unmatched:{document.id}:{place.set}:{number}"
    what = f"{place}: event {number} of a 278 response names none of our requests to this partner, or more than one"
    tx.tasks.open(key, kind="unmatched", subject=document.id, reason=what, fix="Find the request with the payer")
    tx.events.add(document.id, "decision.unmatched", document=document.id, place=str(place))


class _Reaction:
    """One event of a response on its way into one request."""

    def __init__(
        self,
        house: House,
        tx: Transaction,
        document: Document,
        decision: Decision,
        event: EventDecision,
        subject: str,
        matched_on: str,
    ) -> None:
        self._house = house
        self._tx = tx
        self._document = document
        self._decision = decision
        self._event = event
        self._subject = subject
        self._matched_on = matched_on
        self._stored = tx.authorizations.get(subject, lock=True)

    def decide(self) -> None:
        tx, stored = self._tx, self._stored
        tx.documents.link(self._document.id, stored.organisation, stored.clinic)
        if names_another(self._decision, stored.request):
            self._note(_WITHOUT_EFFECT, state="")
            self._ask(_ANOTHER_PATIENT)
            return
        close_expectation(tx, self._subject, "278")
        if self._is_repeated():
            self._note("decision.repeated")
            return
        granted = self._granted()
        if is_older(stamp(self._decision), stored.decision_stamp):
            self._note("decision.late", state=str(granted.state), stamp=stamp(self._decision))
            if granted.state in GRANTING and State(stored.state) not in BILLABLE:
                self._ask(_LATE_GRANT)
            return
        self._take_effect(granted)

    def _is_repeated(self) -> bool:
        """Whether the same bytes took effect on this request before, under another envelope of the transport."""
        same = {each.id for each in self._tx.documents.with_payload(self._document.payload)} - {self._document.id}
        return bool(same) and any(
            each.what == _RECEIVED and each.document in same for each in self._tx.events.of(self._subject)
        )

    def _granted(self) -> Granted:
        request, above = self._stored.request, self._decision.rejections
        if above and not decides(self._event):
            self._event = EventDecision(rejections=above)
            return refusal(above)
        policy = policy_in(self._house, self._tx, request, day_of(request, self._house.today))
        granted = grants(
            self._event,
            request,
            hsd_reading=policy.hsd_reading,
            fallback=policy.quantity_fallback or REQUESTED,
            granted_before=grant.held_before(self._tx, request),
            above=above,
        )
        if request.kind is Kind.CANCEL and granted.state in GRANTING:
            return Granted(grants=(), state=Step.UNKNOWN, tasks=(_CERTIFIED_CANCELLATION,))
        return granted

    def _take_effect(self, granted: Granted) -> None:
        tx, stored, review = self._tx, self._stored, self._event.review
        numbers = [*(each.number for each in granted.grants), review.number if review else ""]
        number = next((each for each in numbers if each), "")
        self._note(
            _RECEIVED,
            action=review.code if review else "",
            reasons=list(review.reasons) if review else [],
            rejections=[f"{each.reason}:{each.follow_up}" for each in self._event.rejections],
            state=str(granted.state),
            matched_on=self._matched_on,
        )
        note_numbers(tx, self._document.id, self._document.partner, self._subject, self._event)
        for each in granted.grants:
            tx.identifiers.add(
                self._subject, "hcr02", each.number, partner=self._document.partner, document=self._document.id
            )
        against = self._objection(granted)
        told = grant.post(tx, self._document, stored, granted) if against is None else None
        if told is None:
            self._note(_WITHOUT_EFFECT, state=str(granted.state))
            for task in (grant.OTHER_SHAPE,) if against is None else against:
                self._ask(task)
            return
        final = granted.state not in _OPEN_STILL
        self._close_tasks(granted)
        reference = reference_of(self._event)
        tx.authorizations.update(
            self._subject,
            state=State(str(granted.state)),
            number=number or stored.number,
            administrative_reference=reference or stored.administrative_reference,
            decision_stamp=stamp(self._decision) or None,
            decided_on=tx.now.date() if final else None,
            decided_at=tx.now if final and not stored.decided_at else None,
        )
        self._follow(granted, number, told)

    def _follow(self, granted: Granted, number: str, told: tuple[Finding, ...]) -> None:
        """What the decision brings about: the next attempt, the clocks, its parent's state, the claims that waited."""
        tx, subject, state = self._tx, self._subject, granted.state
        again = state is Step.RETRY and resend.plan(tx, self._document, subject)
        for task in (*(() if again else granted.tasks), *told):
            self._ask(task)
        self._set_clocks(granted)
        if state is Step.CANCELLED:
            for task in grant.cancel(tx, self._document, self._stored):
                self._ask(task)
        changes.decided(tx, self._stored, State(str(state)), number, self._document.id)
        if granted.grants:
            cure(tx, grant.home_of(tx, self._stored).id, self._document.id)
        if self._stored.request.kind is not Kind.CANCEL:
            wake_claims(tx, subject, self._document.id)

    def _set_clocks(self, granted: Granted) -> None:
        tx, subject, state = self._tx, self._subject, granted.state
        if state is Step.INFO_REQUESTED:
            deadlines.start_info(self._house, tx, subject)
        elif state is Step.PENDED:
            deadlines.end(tx, subject, ("info",), outcome="pended")
            deadlines.resume(tx, subject)
        elif not granted.pending:
            deadlines.end(tx, subject, ("payer", "own", "info"), outcome=str(state))
        if state is Step.NOT_CERTIFIED:
            deadlines.start_appeal(self._house, tx, subject)
        elif state in GRANTING:
            deadlines.end(tx, subject, ("appeal",), outcome=str(state))

    def _close_tasks(self, granted: Granted) -> None:
        """What an earlier answer asked for is over with this one."""
        tx = self._tx
        if granted.state in GRANTING:
            close_answers(tx, self._subject, "the payer has certified it")
        for kind in ("decision", "information") if granted.state in GRANTING else ("information",):
            for each in tx.tasks.list(subject=self._subject, kind=kind):
                tx.tasks.close(each.key, f"the payer's next answer came: {granted.state}")

    def _objection(self, granted: Granted) -> tuple[Finding, ...] | None:
        """Why what was decided before stands, for a person; nothing to tell where the answer only came late or twice.

        A certification is undone by the payer's cancellation alone: visits may have taken place under it, and a refusal
        that comes after it is as a rule the answer to a request that reached the payer twice (AAA03 91).
        """
        before, now = self._stored.state, granted.state
        if before not in _DECIDED_BEFORE or State(before) in UNANSWERED:
            return None
        certified = State(before) in BILLABLE
        if now in (Step.PENDED, Step.INFO_REQUESTED) and (certified or State(before) is State.NOT_CERTIFIED):
            return ()
        if State(before) is State.CLOSED and now in GRANTING:
            return None  # Closed by a refusal (AAA04 N) alone, which may have been of the second copy.
        stands = certified and now not in (*GRANTING, Step.CANCELLED)
        if not stands and may_become(Step(before), now):
            return None
        if not (certified or now in GRANTING):
            return ()
        what = (
            f"the payer's earlier word is {before}, and now it says {now}: the earlier one stands, and nothing was "
            "posted"
        )
        fix = "Ask the payer what holds before the next visit"
        return (Finding(rule="authorization_decision", what=what, fix=fix),)

    def _note(self, what: str, **detail: Any) -> None:
        self._tx.events.add(self._subject, what, document=self._document.id, **detail)

    def _ask(self, task: Finding) -> None:
        kind = "information" if task.rule == INFORMATION else "decision"
        key = f"{kind}:{self._subject}:{entry_id(self._document.payload, task.rule, str(task.where), task.what)}"
        self._tx.tasks.open(key, kind=kind, subject=self._subject, reason=task.reason, fix=task.fix)
