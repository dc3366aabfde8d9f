"""Reacts to TA1, 999 and 277CA, all in one shape: who was answered, and what that means for it.

A 999 is no proof of anything but syntax; a claim is in adjudication only when the 277CA says so.
"""

from gateway.domain.answer import (
    Answer,
    ClaimAcknowledgment,
    GroupAcknowledgment,
    InterchangeAcknowledgment,
    Verdict,
)
from gateway.errors import Position
from gateway.flow.cases import (
    ADJUDICATED,
    CLAIM_PREFIX,
    UNANSWERED,
    State,
    advance,
    case,
    move,
    subjects_of,
)
from gateway.flow.clock import close_expectation
from gateway.flow.house import House, Transaction
from gateway.flow.returning import release_claim
from gateway.flow.submit import wake_claims
from gateway.store import Document
from gateway.x12.codes import meaning

DUPLICATE_INTERCHANGE = "025"  # TA105: the interchange control number was used before.
_KEYS = {"interchange": "isa13", "group": "gs06", "set": "set", "batch": "bht03", "claim": "clm01"}
Acknowledgment = InterchangeAcknowledgment | GroupAcknowledgment | ClaimAcknowledgment


def react(house: House, tx: Transaction, document: Document, place: Position, record: Acknowledgment) -> None:
    """Lets every answer of the document take effect; one that names nothing of ours becomes a task."""
    found = list(record.answers())
    named = {each.key.partition("/")[0] for each in found if each.level == "set"}
    for answer in found:
        # A 999 that lists its sets speaks for each of them; only without them does the group's word count for all.
        if answer.level == "group" and answer.key in named:
            continue
        # A receiver's acceptance of a batch says nothing yet about any claim of it.
        if answer.level == "batch" and answer.verdict is Verdict.ACCEPTED:
            continue
        subjects = subjects_of(tx, _KEYS[answer.level], answer.key, document.partner)
        if not subjects:
            _unmatched(tx, document, answer)
        for subject in subjects:
            _one(house, tx, document, subject, answer)


def _unmatched(tx: Transaction, document: Document, answer: Answer) -> None:
    key = f"unmatched:{document.id}:{answer.level}:{answer.key}"
    what = f"a {answer.source} answers {answer.level} {answer.key}, which we did not send to {document.partner}"
    tx.tasks.open(key, kind="unmatched", subject=document.id, reason=what, fix="Ask the partner what it answers")
    tx.events.add(document.id, "answer.unmatched", document=document.id, source=answer.source, level=answer.level)


def _one(house: House, tx: Transaction, document: Document, subject: str, answer: Answer) -> None:
    codes = [f"{each.kind} {each.code}" for each in answer.reasons]
    tx.events.add(
        subject,
        "answer.received",
        document=document.id,
        source=answer.source,
        level=answer.level,
        key=answer.key,
        verdict=str(answer.verdict),
        codes=codes,
        places=[each.place for each in answer.reasons if each.place],
    )
    stored = case(tx, subject, lock=True)
    tx.documents.link(document.id, stored.organisation, stored.clinic)
    close_expectation(tx, subject, answer.source.lower())
    if answer.source == "277CA":
        close_expectation(tx, subject, "999")
    if _arrived_before(tx, document.partner, answer):
        tx.events.add(subject, "case.arrived_before", document=document.id, key=answer.key)
        return
    if answer.verdict in (Verdict.REJECTED, Verdict.UNKNOWN, Verdict.PARTIAL):
        _rejected(tx, document, subject, answer, codes)
    elif answer.source == "999":
        advance(tx, subject, State.ACKNOWLEDGED)
    elif answer.source == "277CA" and subject.startswith(CLAIM_PREFIX):
        _received(tx, document, subject, answer)


def _arrived_before(tx: Transaction, partner: str, answer: Answer) -> bool:
    """Whether a TA1 only says that the same interchange, repeated after an unknown outcome, lay there already."""
    if answer.source != "TA1" or not any(each.code == DUPLICATE_INTERCHANGE for each in answer.reasons):
        return False
    jobs = tx.control_numbers.get(partner, "isa13", int(answer.key))
    return bool(jobs.document) and tx.documents.get(jobs.document).about.get("attempts", 1) > 1


def _rejected(tx: Transaction, document: Document, subject: str, answer: Answer, codes: list[str]) -> None:
    """Ends the case where it was still waiting for this; what has been decided or adjudicated since is not undone."""
    state = State(case(tx, subject).state)
    if state not in (*UNANSWERED, State.RECEIVED):
        return
    if answer.verdict is Verdict.REJECTED:
        move(tx, subject, State.REJECTED, reason=f"{answer.source}: {', '.join(codes)}")
        if subject.startswith(CLAIM_PREFIX):
            release_claim(tx, subject, document.id, why=answer.source)
        else:
            wake_claims(tx, subject, document.id)
        tx.events.add(subject, "case.rejected", document=document.id, by=answer.source, codes=codes)
    tx.tasks.open(
        f"{answer.verdict}:{subject}:{answer.source}",
        kind="rejected" if answer.verdict is Verdict.REJECTED else "unclear",
        subject=subject,
        reason=f"the {answer.source} says {answer.verdict}: {_in_words(answer) or 'no reason given'}",
        fix="Correct the record and submit it again under a new number of yours"
        if answer.verdict is Verdict.REJECTED
        else "Ask the partner what became of it",
    )


def _in_words(answer: Answer) -> str:
    """Each code with the meaning that our lists have for it, and its place."""
    shown = []
    for each in answer.reasons:
        status, _, _ = each.code.partition(":")
        words = meaning("claim_status_category" if each.kind == "STC" else each.kind, status)
        place = f" at {each.place}" if each.place else ""
        shown.append(f"{each.kind} {each.code}{f' ({words})' if words else ''}{place}")
    return "; ".join(shown)


def _received(tx: Transaction, document: Document, subject: str, answer: Answer) -> None:
    stored = tx.claims.get(subject)
    if answer.payer_claim_number:
        tx.identifiers.add(
            subject, "payer_claim_number", answer.payer_claim_number, partner=document.partner, document=document.id
        )
    if State(stored.state) in ADJUDICATED or stored.state == State.REJECTED:
        return
    tx.claims.update(
        subject, state=State.RECEIVED, payer_claim_number=answer.payer_claim_number or stored.payer_claim_number
    )
