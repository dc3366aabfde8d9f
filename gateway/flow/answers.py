"""Reacts to TA1, 999 and 277CA, all in one shape: who was answered, and what that means for it.

A 999 is no proof of anything but syntax; a claim is in adjudication only when the 277CA says so.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from gateway.domain.answer import (
    Answer,
    ClaimAcknowledgment,
    GroupAcknowledgment,
    InterchangeAcknowledgment,
    Reason,
    Verdict,
)
from gateway.errors import GatewayError, Position
from gateway.flow import acknowledging, changes, deadlines, touching
from gateway.flow.cases import (
    ADJUDICATED,
    AUTHORIZATION_PREFIX,
    CLAIM_PREFIX,
    UNANSWERED,
    State,
    advance,
    case,
    close_answers,
    code,
    move,
    number,
    place_within,
    subjects_of,
)
from gateway.flow.clock import close_expectation, close_expectations
from gateway.flow.deliver import was_repeated
from gateway.flow.house import House, Transaction
from gateway.flow.returning import claim_again, release_claim, taken_in
from gateway.flow.submit import wake_claims
from gateway.ledger.position import Answered, Come, position
from gateway.store import Document, StoredClaim
from gateway.x12.codes import meaning

DUPLICATE_INTERCHANGE = "025"  # TA105: the interchange control number was used before.
_TAKEN = (Verdict.ACCEPTED, Verdict.ACCEPTED_WITH_ERRORS)
_KEYS = {"interchange": "isa13", "group": "gs06", "set": "set", "batch": "bht03", "claim": "clm01"}
Acknowledgment = InterchangeAcknowledgment | GroupAcknowledgment | ClaimAcknowledgment


def react(house: House, tx: Transaction, document: Document, place: Position, record: Acknowledgment) -> None:
    """Lets every answer of the document take effect; one that names nothing of ours becomes a task."""
    found = [replace(each, reasons=tuple(map(_sound, each.reasons))) for each in record.answers()]
    groups = {each.key: each for each in found if each.level == "group"}
    sets = [each for each in found if each.level == "set"]
    listed = {subject for each in sets for subject in _subjects(tx, document, each)}
    for each in found:
        answer = _in_its_group(each, groups)
        # A receiver's acceptance of a batch says nothing yet about any claim of it.
        if answer.level == "batch" and answer.verdict is Verdict.ACCEPTED:
            continue
        subjects = _subjects(tx, document, answer)
        if subjects:
            _number_answered(tx, document, answer)
        elif ours := _acknowledgment_of_ours(tx, document.partner, answer):
            _of_acknowledgment(tx, document, ours, answer)
        elif answer.level != "group" or not sets:
            _unmatched(house, tx, document, place, answer)
        for subject in subjects:
            # A 999 that lists its sets speaks for each of them; the group's word counts for those that it leaves out.
            if answer.level != "group" or subject not in listed:
                _one(house, tx, document, subject, answer)


def _sound(reason: Reason) -> Reason:
    return replace(reason, code=code(reason.code), place=place_within(reason.place))


def _subjects(tx: Transaction, document: Document, answer: Answer) -> list[str]:
    return subjects_of(tx, _KEYS[answer.level], answer.key, document.partner)


def _in_its_group(answer: Answer, groups: Mapping[str, Answer]) -> Answer:
    """A set that is accepted in a group that is rejected as a whole: nobody can tell what became of it."""
    group = groups.get(answer.key.partition("/")[0]) if answer.level == "set" else None
    if group is None or group.verdict is not Verdict.REJECTED or answer.verdict not in _TAKEN:
        return answer
    return replace(answer, verdict=Verdict.UNKNOWN, reasons=(*answer.reasons, *group.reasons))


def _number_answered(tx: Transaction, document: Document, answer: Answer) -> None:
    """The control number has reached its end: this content was accepted or rejected under it."""
    kind = {"interchange": "isa13", "group": "gs06"}.get(answer.level)
    taken = {**dict.fromkeys((*_TAKEN, Verdict.PARTIAL), "accepted"), Verdict.REJECTED: "rejected"}
    if kind is None or answer.verdict not in taken or _arrived_before(tx, document.partner, answer):
        return
    reason = ", ".join(f"{each.kind} {each.code}" for each in answer.reasons)
    state = taken[answer.verdict]
    tx.control_numbers.set_state(document.partner, kind, int(answer.key), state, reason=reason)


def _unmatched(house: House, tx: Transaction, document: Document, place: Position, answer: Answer) -> None:
    """What was not ours is named by its place: a claim's number may be another clinic's number of its patient."""
    named = f" {number(answer.key)}" if answer.level in ("interchange", "group", "set") else ""
    key = f"unmatched:{document.id}:{answer.level}:{house.store.keys.fingerprint('unmatched', answer.key)}"
    what = f"{place}: a {answer.source} answers {answer.level}{named}, which we did not send to {document.partner}"
    tx.tasks.open(key, kind="unmatched", subject=document.id, reason=what, fix="Ask the partner what it answers")
    tx.events.add(document.id, "answer.unmatched", document=document.id, source=answer.source, level=answer.level)


def _acknowledgment_of_ours(tx: Transaction, partner: str, answer: Answer) -> Document | None:
    """The TA1 or 999 of ours that is answered, though nobody was asked to; None where it is something else."""
    kind = {"interchange": "isa13", "group": "gs06", "set": "gs06"}.get(answer.level)
    named = answer.key.partition("/")[0]
    if kind is None or not re.fullmatch("[0-9]{1,9}", named):
        return None
    try:
        held = tx.control_numbers.get(partner, kind, int(named))
    except GatewayError:
        return None  # It was never given out.
    found = tx.documents.get(held.document) if held.document else None
    return found if found and found.kind in acknowledging.KINDS else None


def _of_acknowledgment(tx: Transaction, document: Document, ours: Document, answer: Answer) -> None:
    """It is noted. One that the partner could not read is told to a person, and never sent again by itself."""
    _number_answered(tx, document, answer)
    tx.events.add(
        ours.id, "acknowledgment.answered", document=document.id, source=answer.source, verdict=answer.verdict
    )
    if answer.verdict in _TAKEN:
        return
    tx.tasks.open(
        f"{answer.verdict}:{ours.id}:{answer.source}",
        kind="unclear",
        subject=ours.id,
        reason=f"the {answer.source} says {answer.verdict} of the {ours.kind} that acknowledged a document: "
        f"{_in_words(answer) or 'no reason given'}",
        fix="Ask the partner which acknowledgments it takes, and correct [acknowledge] in its file",
    )


def _one(house: House, tx: Transaction, document: Document, subject: str, answer: Answer) -> None:
    codes = [f"{each.kind} {each.code}" for each in answer.reasons]
    before = _arrived_before(tx, document.partner, answer)
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
        **({"repeated": True} if before else {}),  # It says nothing of what was sent.
    )
    stored = case(tx, subject, lock=True)
    tx.documents.link(document.id, stored.organisation, stored.clinic)
    tx.identifiers.add(
        subject, "clearinghouse_number", answer.clearinghouse_number, partner=document.partner, document=document.id
    )
    close_expectation(tx, subject, answer.source.lower())
    if before:
        tx.events.add(subject, "case.arrived_before", document=document.id, key=answer.key)
        return
    if answer.verdict in _TAKEN and subject.startswith(AUTHORIZATION_PREFIX):
        deadlines.start_payer(house, tx, subject)
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
    held = tx.control_numbers.get(partner, "isa13", int(answer.key))
    return bool(held.document) and was_repeated(tx.documents.get(held.document))


def _rejected(tx: Transaction, document: Document, subject: str, answer: Answer, codes: list[str]) -> None:
    """Ends the case where it was still waiting for this; what has been decided or adjudicated since is not undone."""
    state = State(case(tx, subject).state)
    if state not in (*UNANSWERED, State.RECEIVED):
        return
    if state is State.RECEIVED and answer.source != "277CA":
        _contradicts(tx, document, subject, answer)
        return
    if answer.verdict is Verdict.REJECTED:
        move(tx, subject, State.REJECTED, reason=f"{answer.source}: {', '.join(codes)}")
        if subject.startswith(CLAIM_PREFIX):
            release_claim(tx, subject, document.id, why=answer.source)
            touching.settled(tx, [subject], document.id)
        else:
            changes.withdrawn(tx, tx.authorizations.get(subject))
            wake_claims(tx, subject, document.id)
        close_expectations(tx, subject)
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


def _contradicts(tx: Transaction, document: Document, subject: str, answer: Answer) -> None:
    """A TA1 or 999 against a claim that a 277CA took into adjudication: released and sent again, it would be billed
    twice. A person asks; nothing moves."""
    tx.events.add(subject, "answer.without_effect", document=document.id, source=answer.source)
    tx.tasks.open(
        f"{Verdict.UNKNOWN}:{subject}:{answer.source}",
        kind="unclear",
        subject=subject,
        reason=f"the payer took this claim before, and now the {answer.source} says {answer.verdict}: "
        f"{_in_words(answer) or 'no reason given'}",
        fix="Ask the payer which holds; do not send it again before",
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
    if State(stored.state) in ADJUDICATED:
        return
    if stored.state == State.REJECTED:
        if not _taken_in(tx, document, stored):
            return
        stored = tx.claims.get(subject)  # What it has come to was written.
    tx.claims.update(
        subject, state=State.RECEIVED, payer_claim_number=answer.payer_claim_number or stored.payer_claim_number
    )
    if stored.replaces:
        taken_in(tx, subject, document.id)


def _taken_in(tx: Transaction, document: Document, stored: StoredClaim) -> bool:
    """Whether a claim that was refused is in adjudication all the same: whichever came first, the payer's 277CA goes
    before a TA1's or 999's word about syntax, and one 277CA that refuses before another that does not."""
    trail = [each.detail for each in tx.events.of(stored.id) if each.what == "answer.received"]
    told = [each for each in trail if not each.get("repeated")]
    said = [Answered(str(each["source"]), Verdict(str(each["verdict"]))) for each in told]
    if position(stored.claim, (), said).come is not Come.RECEIVED:
        return False
    claim_again(tx, stored.id, document.id)
    close_answers(tx, stored.id, "the payer has taken it in")
    refusals = [each.source for each in said if each.verdict is Verdict.REJECTED]
    tx.tasks.open(
        f"{Verdict.UNKNOWN}:{stored.id}:{refusals[0]}",
        kind="unclear",
        subject=stored.id,
        reason=f"the {refusals[0]} refused this claim, and now the payer's 277CA says that it was taken in",
        fix="Ask the payer which holds; where it was sent again since, have one of the two voided",
    )
    return True
