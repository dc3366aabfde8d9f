"""Certifications, corrections and transfers: what a person tells of an authorization, in the units book at once.

Each is taken with its evidence, which stays sealed; an entry names the channel and the instruction, and no word of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.domain.authorization import RESTATING
from gateway.domain.instruction import Certification, Correction, Instruction, Transfer
from gateway.domain.same_person import one_person
from gateway.errors import Finding
from gateway.flow import deadlines
from gateway.flow.cases import BILLABLE, CERTIFYING, State, changed_by, close_answers
from gateway.flow.clock import close_expectation
from gateway.flow.cures import cure
from gateway.flow.house import House, Transaction
from gateway.flow.submit import wake_claims
from gateway.flow.taken import Taken, conflict, refused
from gateway.ledger import units
from gateway.ledger.entry import Account, Bucket, Cause, Entry
from gateway.ledger.instructing import Posted, certified, chosen, counted, opened, rewindowed
from gateway.store import StoredAuthorization


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """An instruction with what its entries have in common."""

    instruction: Instruction
    digest: str
    document: str
    cause: Cause

    @property
    def note(self) -> str:
        return f"{self.instruction.evidence.channel}, {self.instruction.id}"


def take(house: House, tx: Transaction, instruction: Instruction, *, digest: str, document: str) -> Taken:
    """Takes one in, with what it does to the ledger, or says why not."""
    known = tx.instructions.known(instruction, digest)
    if known is not None and known.outcome == "same":
        return Taken(outcome="same", id=known.id)
    if known is not None:
        what = "this number of yours was taken before, with other content; that one stands"
        return conflict(known.id, what, "Tell the change under a number of its own, as a correction")
    told = _Told(
        instruction=instruction,
        digest=digest,
        document=document,
        cause=Cause(document=document, actor=tx.scope.actor),
    )
    if instruction.certification:
        return _certify(house, tx, told, instruction.certification)
    stored = _about(tx, instruction.authorization_ref, instruction)
    if stored is None:
        return refused(_unknown("$.authorization_ref"))
    stored = tx.authorizations.get(stored.id, lock=True)
    if instruction.correction:
        return _correct(tx, told, stored, instruction.correction)
    assert instruction.transfer is not None, "an instruction is one of three"
    return _transfer(tx, told, stored, instruction.transfer)


def _about(tx: Transaction, client_ref: str, instruction: Instruction) -> StoredAuthorization | None:
    """The clinic's authorization that is meant: by its own number, or by the payer's where that is one's alone."""
    owner = (instruction.organisation, instruction.clinic)
    if client_ref:
        named = tx.authorizations.by_client_ref(*owner, client_ref)
        if named is None or named.request.kind not in RESTATING:
            return named
        return next(iter(changed_by(tx, named.request)), named)  # What it certifies is booked there.
    found = [tx.authorizations.get(each) for each in tx.identifiers.find("hcr02", instruction.authorization)]
    own = [each for each in found if (each.organisation, each.clinic) == owner]
    own = [each for each in own if each.request.kind in CERTIFYING]
    return own[0] if len(own) == 1 else None


def _unknown(where: str) -> Finding:
    return Finding(
        rule="instruction.authorization",
        what="no authorization of this clinic, or more than one, has the number that is named",
        where=where,
        fix="Name it by your own number of it; one that is not on file is entered as a certification",
    )


def _certify(house: House, tx: Transaction, told: _Told, given: Certification) -> Taken:
    instruction = told.instruction
    if given.request is None:
        stored = _about(tx, instruction.authorization_ref, instruction)
        if stored is None:
            return refused(_unknown("$.request_ref"))
        stored = tx.authorizations.get(stored.id, lock=True)
        if State(stored.state) in BILLABLE:
            return refused(_CERTIFIED)
        subject = stored.id
    else:
        served = [house.settings.partner_for(given.request.payer.id, each) for each in ("278", "837")]
        partner = next((each.name for each in served if each), "")
        added = tx.authorizations.add(
            given.request, partner=partner, digest=told.digest, document=told.document, state=State.CERTIFIED
        )
        if added.outcome != "new":
            what = "this number of yours is an authorization request's; that one stands"
            return conflict(added.existing, what, "Name that request in request_ref, and give this a number of its own")
        subject = added.id
        tx.identifiers.add(subject, "client_ref", instruction.client_ref, document=told.document)
    stored = tx.authorizations.get(subject, lock=True)
    _keep(tx, told, stored)
    made = opened(
        given,
        authorization=subject,
        organisation=stored.organisation,
        clinic=stored.clinic,
        channel=instruction.evidence.channel,
        cause=_cause(told, subject),
        holds_on=tx.now.date(),
        key=instruction.id,
        note=told.note,
    )
    for each in made:
        tx.books.add_bucket(each.bucket)
        _post(tx, told, subject, each.bucket, each.entries)
    numbers = dict.fromkeys([given.number, *(each.bucket.number for each in made)])
    for number in numbers:
        tx.identifiers.add(subject, "hcr02", number, partner=stored.partner, document=told.document)
    tx.authorizations.update(
        subject,
        state=State.CERTIFIED,
        number=next((each for each in numbers if each), None),
        decided_on=given.decided_on,
        decided_at=tx.now,
        starts_on=given.starts_on,
        ends_on=given.ends_on,
    )
    tx.events.add(subject, "authorization.certified", document=told.document, channel=instruction.evidence.channel)
    close_expectation(tx, subject, "278")
    close_answers(tx, subject, "the payer has certified it")
    return _followed(tx, told, subject)


_CERTIFIED = Finding(
    rule="instruction.certified",
    what="this authorization is certified already: taken again, the same visits would count twice",
    where="$.request_ref",
    fix="Tell what differs as a correction",
)


def _correct(tx: Transaction, told: _Told, stored: StoredAuthorization, given: Correction) -> Taken:
    buckets = chosen(tx.books.buckets(stored.id), given.procedures, given.discipline, given.number)
    if given.ends_on is not None:
        buckets = _latest(buckets)
    if len(buckets) != 1:
        return refused(_which(len(buckets)))
    (bucket,) = buckets
    if not bucket.limited:
        return refused(_UNLIMITED)
    balance = tx.books.balances([bucket.id], lock=True)[bucket.id]
    key, holds_on, note = told.instruction.id, tx.now.date(), told.note
    cause = _cause(told, stored.id)
    if given.ends_on is not None:
        if bucket.starts_on and given.ends_on < bucket.starts_on:
            return refused(_BACKWARDS)
        posted = rewindowed(bucket, balance, given.ends_on, cause=cause, holds_on=holds_on, key=key, note=note)
        tx.books.add_bucket(posted.bucket)
        tx.authorizations.update(stored.id, ends_on=given.ends_on)
    else:
        # What the payer says is left is by its own tally: what it has adjudicated is gone, and nothing else.
        want = given.total if given.total is not None else (given.remaining or 0) + balance.get(Account.CONSUMED, 0)
        posted = counted(bucket, balance, want, cause=cause, holds_on=holds_on, key=key, note=note)
    _keep(tx, told, stored)
    _post(tx, told, stored.id, bucket, posted.entries)
    tx.events.add(
        stored.id,
        "authorization.corrected",
        document=told.document,
        channel=told.instruction.evidence.channel,
        instruction=told.instruction.id,
        before=certified(balance),
    )
    _shortfall(tx, told, stored, posted)
    return _followed(tx, told, stored.id)


def _latest(buckets: list[Bucket]) -> list[Bucket]:
    """Of a bucket whose window was moved before, the one where what is left went."""
    ends = [each.ends_on for each in buckets if each.ends_on]
    return [each for each in buckets if len(ends) < len(buckets) or each.ends_on == max(ends)]


def _which(count: int) -> Finding:
    return Finding(
        rule="instruction.bucket",
        what=f"{count} certified quantities of this authorization fit: it must be one",
        where="$",
        fix="Say which by procedures, discipline or number; gateway ledger shows them",
    )


_UNLIMITED = Finding(
    rule="instruction.bucket",
    what="no quantity was certified here: only dates bind it, and there is no count to correct or to move",
    where="$",
    fix="Enter what the payer gave as a certification of its own",
)
_BACKWARDS = Finding(
    rule="instruction.window",
    what="the window would end before it begins",
    where="$.ends_on",
    fix="Correct the day",
)


def _shortfall(tx: Transaction, told: _Told, stored: StoredAuthorization, posted: Posted) -> None:
    if posted.task:
        tx.tasks.open(
            f"payer_count:{told.instruction.id}",
            kind="payer_count",
            subject=stored.id,
            reason=posted.task.reason,
            fix=posted.task.fix,
        )


def _transfer(tx: Transaction, told: _Told, stored: StoredAuthorization, given: Transfer) -> Taken:
    to = _about(tx, given.to_ref, told.instruction)
    if to is None or State(to.state) not in BILLABLE:
        return refused(_unknown("$.to_ref"))
    if not one_person(to.request.patient, stored.request.patient):
        return refused(_STRANGER)
    sources = chosen(tx.books.buckets(stored.id), given.procedures, given.discipline, given.number)
    if len(sources) != 1:
        return refused(_which(len(sources)))
    (source,) = sources
    targets = [
        each
        for each in chosen(tx.books.buckets(to.id), (), given.discipline, "")
        if each.unit is source.unit and each.limited
    ]
    if len(targets) != 1:
        return refused(_NO_TARGET)
    (target,) = targets
    balances = tx.books.balances([source.id, target.id], lock=True)
    free = balances[source.id].get(Account.AVAILABLE, 0)
    amount = free if given.amount is None else given.amount
    if not source.limited or not amount or amount > free:
        return refused(_TOO_LITTLE)
    entry = units.transfer(
        source,
        balances[source.id],
        amount,
        to=target,
        cause=_cause(told, stored.id),
        holds_on=tx.now.date(),
        key=told.instruction.id,
        note=told.note,
    )
    _keep(tx, told, stored)
    _post(tx, told, stored.id, source, (entry,))
    for subject, other in ((stored.id, to.id), (to.id, stored.id)):
        detail = {"quantity": amount, "unit": str(source.unit), "reason": str(given.reason), "other": other}
        tx.events.add(subject, "authorization.transferred", document=told.document, **detail)
    return _followed(tx, told, to.id)


_STRANGER = Finding(
    rule="instruction.patient",
    what="the two authorizations are of different patients",
    where="$.to_ref",
    fix="Name the patient's own authorization",
)
_NO_TARGET = Finding(
    rule="instruction.bucket",
    what="the other authorization has no one quantity in the same unit that it could go to",
    where="$.to_ref",
    fix="Enter it as a certification first (of 0 visits where all of it is moved there), or name the discipline",
)
_TOO_LITTLE = Finding(
    rule="instruction.balance",
    what="there is less than this left to move, or nothing",
    where="$.amount",
    fix="Leave the amount out to move what is left; cancel appointments that are booked on it",
)


def _cause(told: _Told, authorization: str) -> Cause:
    return Cause(document=told.document, authorization=authorization, actor=told.cause.actor)


def _keep(tx: Transaction, told: _Told, stored: StoredAuthorization) -> None:
    tx.instructions.add(
        told.instruction,
        digest=told.digest,
        authorization=stored.id,
        member_id=stored.request.subscriber.member_id,
        document=told.document,
    )


_EVENTS = {
    "grant": "authorization.granted",
    "opening": "authorization.opened",
    "return": "authorization.returned",
    "transfer": "authorization.moved",
}


def _post(tx: Transaction, told: _Told, subject: str, bucket: Bucket, entries: Iterable[Entry]) -> None:
    for entry in entries:
        if tx.books.post(entry):
            tx.events.add(
                subject,
                _EVENTS[entry.kind],
                document=told.document,
                quantity=entry.postings[0].quantity,
                unit=str(bucket.unit),
                line=bucket.line,
                quantity_source=bucket.quantity_source,
                window_source=bucket.window_source,
            )


def _followed(tx: Transaction, told: _Told, subject: str) -> Taken:
    """What waited for it goes on: visits that nothing covered, then claims."""
    deadlines.end(tx, subject, deadlines.KINDS, outcome="entered by a person")
    for each in tx.tasks.list(subject=subject, kind="information"):
        tx.tasks.close(each.key, "the decision was entered by a person")
    cure(tx, subject, told.document)
    wake_claims(tx, subject, told.document)
    return Taken(outcome="new", id=told.instruction.id)
