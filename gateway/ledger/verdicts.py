"""What a line's decision (HCR) or rejection (AAA) comes to: the state it leads to, and what it asks of a person.

Follows domain facts 2.4. What follows a rejection is AAA04's to say, never AAA03's; a code that no source names goes to
a person. Texts name codes and their meanings, never what a payer wrote in words.
"""

from collections.abc import Iterator, Sequence

from gateway.domain.decision import Action, Rejection, Review
from gateway.errors import Finding, Severity
from gateway.ledger import worklists
from gateway.ledger.pairing import Pair
from gateway.ledger.states import GRANTING, State
from gateway.x12.codes import meaning

DECISION = "authorization_decision"
TRANSIENT = frozenset({"42", "80"})
"""AAA03 that a later try may get past by itself."""

_STATES = {
    Action.CERTIFIED: State.CERTIFIED,
    Action.CERTIFIED_PARTIAL: State.CERTIFIED_PARTIAL,
    Action.NOT_CERTIFIED: State.NOT_CERTIFIED,
    Action.PENDED: State.PENDED,
    Action.DEFERRED: State.PENDED,
    Action.MODIFIED: State.MODIFIED,
    Action.CANCELLED: State.CANCELLED,
    Action.CONTACT_PAYER: State.CONTACT_PAYER,
    Action.NOT_REQUIRED: State.NOT_REQUIRED,
    Action.UNKNOWN: State.UNKNOWN,
}
_FOLLOW_UPS = {
    "C": (State.REJECTED, "Correct the request and send it again, naming this one as earlier_ref"),
    "N": (State.CLOSED, "The payer takes no resubmission: call it, or close the request"),
    "P": (State.REJECTED, "Send the original request again"),
    "R": (State.REJECTED, "See to the reason, then send the request again"),
    "Y": (State.PENDED, "Do not send it again: the payer holds it and will answer"),
}


def of_review(review: Review, *, asked_for: bool = False) -> State:
    """The state that HCR01 leads to. ``asked_for``: documents or data are asked for beside it (PWK, LOINC)."""
    state = _STATES[review.action]
    if state is State.PENDED and (asked_for or not worklists.load().information.isdisjoint(review.reasons)):
        return State.INFO_REQUESTED
    return state


def after_rejection(rejection: Rejection) -> State:
    """AAA04 decides; only a code that may pass by itself is tried again without a person."""
    if rejection.follow_up in ("P", "R") and rejection.reason in TRANSIENT:
        return State.RETRY
    return _FOLLOW_UPS.get(rejection.follow_up, (State.UNKNOWN, ""))[0]


def tasks_of(each: Pair, state: State) -> Iterator[Finding]:
    """What the decision on a line asks of a person, quantities aside."""
    for rejection in each.rejections:
        yield rejected(rejection, each.where)
    if each.review is None:
        if not each.rejections:
            yield task("the answer holds neither a decision (HCR) nor a rejection (AAA)", "Ask the payer", each.where)
    else:
        yield from _of_review(each.review, state, each.where)
    if each.said is not None and each.asked is None and state in GRANTING:
        yield task("the answer certifies a line that no line of the request matches", "See what it is for", each.where)


def _of_review(review: Review, state: State, where: str) -> Iterator[Finding]:
    if review.action is Action.UNKNOWN:
        what = f"HCR01 {review.code} is no code that this gateway knows: nothing is granted"
        yield task(what, "Ask the payer what it decided, and have it send a response that says so", where)
    elif review.action is Action.DEFERRED:
        what = "HCR01 D is in no list of X12's; it was seen as deferred, and is read as pended"
        yield task(what, "Ask the payer whether it will still decide", where, Severity.WARN)
    elif state is State.CONTACT_PAYER:
        what = f"the payer wants to be called (HCR01 CT){_because(review.reasons)}"
        yield task(what, "Call the payer, and enter what it decides", where)
    elif review.action is Action.NOT_CERTIFIED:
        fix = worklists.load().fix(review.reasons) or "Ask the payer for the reason; it owes a specific one"
        what = f"not certified{_because(review.reasons) or '; no reason is given'}"
        yield task(what, f"{fix}. The time for an appeal runs", where, Severity.WARN)


def _because(reasons: Sequence[str]) -> str:
    if not reasons:
        return ""
    named = ", ".join(in_words("hcr03", each) for each in reasons)
    return f"; HCR03 {named}; worklist {', '.join(worklists.load().of(reasons))}"


def rejected(rejection: Rejection, where: str) -> Finding:
    """What an AAA asks of a person."""
    state, fix = _FOLLOW_UPS.get(rejection.follow_up, (State.UNKNOWN, "Ask the payer whether it may be sent again"))
    place = f" in {rejection.level}" if rejection.level else ""
    reason, follow_up = in_words("aaa03", rejection.reason), in_words("aaa04", rejection.follow_up)
    what = f"the request could not be processed: AAA03 {reason}, AAA04 {follow_up}{place}"
    return task(what, fix, where, Severity.WARN if state is State.PENDED else Severity.BLOCK)


def in_words(list_name: str, code: str) -> str:
    """A code with its meaning, where the list knows it."""
    words = meaning(list_name, code)
    return f"{code} ({words})" if words else code


def task(what: str, fix: str, where: str, severity: Severity = Severity.BLOCK, *, rule: str = DECISION) -> Finding:
    """Something that a person must look at; ``where`` is a JSON path of the EventDecision."""
    source = "domain facts, 2.4, 2.5, 3.1"
    return Finding(rule=rule, what=what, fix=fix, where=where, severity=severity, source=source)
