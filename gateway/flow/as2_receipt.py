"""Receipts (MDNs) of what we sent: the one place where one takes effect, whichever way it came, and what is done where
none comes.

A receipt settles a message once. One that is late still counts, one that comes again changes nothing, and one that
names another content than ours is for a person: it is never counted as delivered and nothing is sent again by itself.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from gateway import logs
from gateway.flow import delivered
from gateway.flow.house import House, Transaction
from gateway.flow.outbox import SEND_ATTEMPTS_MAX
from gateway.settings import As2Transport, Partner
from gateway.store import As2Message, Document, Job
from gateway.transport.as2.disposition import cure
from gateway.transport.as2.outcome import PASSING
from gateway.transport.base import Proof, Receipt

log = logs.get()

RECEIVED: Final = "received"
SETTLED = (RECEIVED, "refused", "mismatch")
ANSWERED = ("accepted", "rejected")  # States of a control number whose answer proves the delivery by itself.

_EVENTS = {RECEIVED: "message.received", "refused": "message.refused", "mismatch": "message.differed"}
_RESEND = "To send it again under the same Message-ID: gateway jobs --retry JOB"


def settle(house: House, tx: Transaction, partner: Partner, message: As2Message, receipt: Receipt) -> str:
    """Let a receipt take effect on what we sent; the state of the message after that: received, refused, mismatch.

    ``receipt`` is one that counts (not FORGED). Of what is not received its send job waits for a person: where it is in
    somebody's hand, by raising PartnerRefused there; else here.
    """
    assert receipt.state is not Proof.FORGED, "what is forged takes no effect"
    message = tx.as2_messages.get(message.id, lock=True)
    if message.state == RECEIVED:
        _again(tx, partner, message, receipt)
        return RECEIVED
    state = str(receipt.state)
    if message.state == state and message.disposition == receipt.disposition:
        return state  # Once more the same; a person knows of it already.
    told = receipt.disposition
    if state == "refused" and told.endswith(PASSING):
        return _not_now(tx, message, receipt, told)
    why = {"refused": f"the partner did not take it: {told}", "mismatch": "the partner received another content"}
    tx.as2_messages.change(
        message.id,
        state=state,
        reason=why.get(state, ""),
        disposition=receipt.disposition,
        mdn=house.store.payloads.put(_whole(receipt)),
    )
    document = tx.documents.get(message.document, lock=True)
    tx.tasks.close(_task_key(message), "its receipt came")
    if state == RECEIVED:
        delivered.sent(house, tx, partner, document, attempts=message.attempts)
        _let_go(tx, document)
    else:
        _for_a_person(tx, partner, document, state, why[state], remedy(state, told))
    late = message.state == "overdue"
    tx.events.add(document.id, _EVENTS[state], document=document.id, message=message.id, disposition=told, late=late)
    log.info("as2.receipt_counts", document=document.id, partner=partner.name, state=state)
    return state


def _whole(receipt: Receipt) -> Iterator[bytes]:
    """As it came: it is evidence. Its headers are a partner's own words, so they are sealed, too."""
    lines = [f"{name}: {value}" for name, value in receipt.headers]
    yield "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
    yield receipt.body


def _not_now(tx: Transaction, message: As2Message, receipt: Receipt, told: str) -> str:
    """The partner may take the same message later: it goes again as if no receipt had come."""
    if message.disposition != receipt.disposition:
        tx.as2_messages.change(message.id, disposition=receipt.disposition)
        about = {"message": message.id, "disposition": told}
        tx.events.add(message.document, "message.not_taken_yet", document=message.document, **about)
    return message.state


def awaiting(house: House, tx: Transaction, partner: Partner, message: As2Message, *, resends: int) -> str:
    """The far side took a message, and its receipt is to come: it is waited for. The state of the message after that.

    Where the receipt was quicker than the answer, this is what it said, and nothing is waited for.
    """
    message = tx.as2_messages.get(message.id, lock=True)
    if message.state in SETTLED:
        return message.state
    tx.as2_messages.change(message.id, state="awaited")
    tx.documents.set_state(message.document, "awaited")
    tx.events.add(message.document, "message.awaited", document=message.document, message=message.id)
    tx.jobs.enqueue(
        "mdn",
        payload={"message": message.id, "resends": resends, "post": message.attempts},
        partner=partner.name,
        key=f"mdn:{message.id}:{message.attempts}",  # That of an earlier post may wait still, and says nothing of this.
        due_at=tx.now + timedelta(seconds=_transport(partner).mdn_within),
    )
    return "awaited"


def follow(house: House, job: Job) -> None:
    """No receipt came in time: the message goes again under its Message-ID, so often; then a person is asked."""
    partner = house.partner(job.partner)
    resends: int = job.payload["resends"]
    with house.store.transaction(house.everything()) as tx:
        message = tx.as2_messages.get(job.payload["message"], lock=True)
        if message.state in ("awaited", "overdue") and message.attempts == job.payload["post"]:
            _overdue(house, tx, partner, message, resends)
        tx.jobs.finish(job)


def _overdue(house: House, tx: Transaction, partner: Partner, message: As2Message, resends: int) -> None:
    document = tx.documents.get(message.document, lock=True)
    if _answered(tx, partner, document):
        tx.as2_messages.change(message.id, state="sent", reason="its X12 answer came, and its receipt did not")
        delivered.sent(house, tx, partner, document, attempts=message.attempts)
        tx.events.add(document.id, "message.answered", document=document.id, message=message.id)
        return
    tx.as2_messages.change(message.id, state="overdue")
    tx.events.add(document.id, "message.overdue", document=document.id, message=message.id, resends=resends)
    if isinstance(partner.transport, As2Transport) and resends < partner.transport.mdn_resends:
        _send_again(tx, partner, document, resends=resends + 1)
        return
    came = f"but {message.disposition}" if message.disposition else "at all"
    what = f"no receipt came {came} for a message that was sent {message.attempts} times"
    fix = f"Ask the partner whether it has the message {message.message_id}. A late receipt closes this. {_RESEND}"
    _send_again(tx, partner, document, parked=what)
    tx.tasks.open(_task_key(message), kind="receipt", subject=document.id, reason=what, fix=fix)


def _answered(tx: Transaction, partner: Partner, document: Document) -> bool:
    """A TA1 or 999 came: the partner has it, whatever became of its receipt."""
    numbers = [(kind, int(document.about[kind])) for kind in ("isa13", "gs06") if kind in document.about]
    return any(tx.control_numbers.get(partner.name, *each).state in ANSWERED for each in numbers)


def _again(tx: Transaction, partner: Partner, message: As2Message, receipt: Receipt) -> None:
    """A receipt for what is settled: it takes nothing back, and a contradiction is told."""
    if receipt.state is Proof.RECEIVED:
        log.info("as2.receipt_again", document=message.document, partner=partner.name)
        return
    key = f"receipt_contradicted:{message.id}"
    if any(each.key == key for each in tx.tasks.list(open=None, subject=message.document)):
        return
    what = f"the partner acknowledged a message, and then took that back: {receipt.disposition}"
    fix = f"Ask the partner whether it has the message {message.message_id}; here the first receipt counts"
    tx.tasks.open(key, kind="receipt", subject=message.document, reason=what, fix=fix)
    tx.events.add(message.document, "receipt.contradicted", document=message.document, message=message.id)


def _for_a_person(tx: Transaction, partner: Partner, document: Document, state: str, why: str, fix: str) -> None:
    tx.documents.set_state(document.id, "refused" if state == "refused" else "unknown", why)
    if state == "mismatch":
        delivered.number(tx, partner, document, "unknown")
    # One that waits to go again, because no receipt had come, must not: the partner has judged the message.
    job = tx.jobs.set_aside(_send_key(document), why) or _send_again(tx, partner, document, parked=why)
    job = job or next(_parked(tx, document), None)
    if job is not None:  # Else the send job is in somebody's hand, and is parked there.
        tx.tasks.open(f"parked:{job}", kind="parked", subject=job, reason=f"document {document.id}: {why}", fix=fix)


def _let_go(tx: Transaction, document: Document) -> None:
    """A send job that waits for a person finds nothing to do any more."""
    for job in _parked(tx, document):
        tx.jobs.unpark(job)
        tx.tasks.close(f"parked:{job}", "a good receipt came")


def _parked(tx: Transaction, document: Document) -> Iterator[str]:
    """The send job of a document, where it waits for a person already."""
    jobs = tx.jobs.list(state="parked", kind="send")
    return (each.id for each in jobs if each.payload["document"] == document.id)


def _send_again(
    tx: Transaction, partner: Partner, document: Document, *, resends: int = 0, parked: str = ""
) -> str | None:
    return tx.jobs.enqueue(
        "send",
        payload={"document": document.id, "resends": resends},
        partner=partner.name,
        lane=f"send:{partner.name}",
        key=_send_key(document),
        attempts_max=SEND_ATTEMPTS_MAX,
        parked=parked,
    )


def _send_key(document: Document) -> str:
    return f"send:{document.id}"


def remedy(state: str, told: str) -> str:
    """What a person can do about a document whose receipt says ``told``, or names another content."""
    if state == "mismatch":
        return f"Ask the partner what it received; its 999 settles it if that is good. {_RESEND}"
    return f"{cure(told)}. {_RESEND}"


def _task_key(message: As2Message) -> str:
    return f"receipt:{message.id}"


def _transport(partner: Partner) -> As2Transport:
    assert isinstance(partner.transport, As2Transport), "only what went over AS2 has receipts"
    return partner.transport
