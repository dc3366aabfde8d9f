"""One document over AS2, and what its answer comes to: delivered by a receipt, refused, awaited, or not known.

A receipt takes effect in ``as2_receipt`` alone. One that proves nothing is kept and told in the trail, and the message
goes again under the same Message-ID.
"""

from collections.abc import Callable, MutableSet
from datetime import datetime

from gateway import logs
from gateway.errors import PartnerRefused, PartnerUnreachable, SettingsInvalid
from gateway.flow import as2_agreed, as2_receipt, delivered
from gateway.flow.house import House, Transaction, utc_now
from gateway.settings import Partner, Settings
from gateway.store import As2Message, Document, Job
from gateway.transport.as2 import As2Transport, Before, message_id
from gateway.transport.as2.mic import Mic
from gateway.transport.base import Outcome, Proof, Receipt, Sent

log = logs.get()

EVIDENCE_MAX = 10  # receipts that prove nothing, kept of one document
_REFUSED_FIX = "Mend the cause, then put the job back with: gateway jobs --retry JOB"


def opened(
    settings: Settings,
    partner: Partner,
    now: Callable[[], datetime] = utc_now,
    *,
    before: Before | None = None,
    restarting: MutableSet[str] | None = None,
) -> As2Transport:
    """The way to this partner. Raises PartnerRefused where a certificate or a key is not usable: nothing gets there."""
    try:
        web = as2_agreed.web(settings, partner, now())
        return As2Transport(web, before=before, announced=restarting, now=now)
    except SettingsInvalid as error:
        raise PartnerRefused(error.what, where=error.where, fix=error.fix, findings=error.findings) from error


def upload(house: House, partner: Partner, document: Document) -> Outcome:
    """Posts a document. What was posted is committed before its first byte goes out: its receipt may be quicker."""

    def begin(name: str, mic: Mic) -> bool:
        with house.store.transaction(house.everything()) as tx:
            message = tx.as2_messages.begin(
                partner=partner.name,
                message_id=name,
                document=document.id,
                mic=mic.digest,
                mic_algorithm=mic.algorithm,
            )
        return message.state != as2_receipt.RECEIVED

    transport = opened(house.settings, partner, house.clock, before=begin, restarting=house.restarting)
    with transport, house.store.payloads.open(document.payload) as content:
        try:
            return transport.send(document.name, content, document.size, reference=document.id)
        except PartnerUnreachable as error:
            with house.reading() as tx:
                message = tx.as2_messages.find("out", partner.name, message_id(document.id))
            if message is None or message.state not in as2_receipt.SETTLED:
                raise
            return Outcome.unknown(error.reason)  # Its receipt came meanwhile, and says more.


def conclude(house: House, job: Job, partner: Partner, document: Document, outcome: Outcome) -> None:
    """Lets an outcome take effect and ends the job, or raises what says how it goes on.

    PartnerUnreachable: the same message again, later. PartnerRefused: a person must look at this document.
    """
    where = f"partner {partner.name}, document {document.id}"
    with house.store.transaction(house.everything()) as tx:
        message = tx.as2_messages.find("out", partner.name, message_id(document.id), lock=True)
        state = _taken(house, tx, job, partner, message, outcome)
        if state in ("sent", "awaited", as2_receipt.RECEIVED):
            tx.jobs.finish(job)
        elif not state:
            tx.documents.set_state(document.id, "unknown")
            delivered.number(tx, partner, document, "unknown")
        elif outcome.receipt is None:  # Nothing of it was taken, as the status says.
            tx.documents.set_about(document.id, uncertain=bool(document.about.get("uncertain")))
    if not state:
        raise PartnerUnreachable(
            f"the outcome is unknown: {outcome.reason}",
            where=where,
            fix="It is sent again under the same Message-ID",
            wait_s=outcome.wait_s,
        )
    if state in ("refused", "mismatch"):
        said = outcome.receipt
        fix = _REFUSED_FIX if said is None else as2_receipt.remedy(state, said.disposition)
        raise PartnerRefused(f"it was not delivered: {_reason(outcome, state)}", where=where, fix=fix)
    event = "document.awaits_receipt" if state == "awaited" else "document.sent"
    log.info(event, document=document.id, partner=partner.name, attempts=job.attempts, bytes=document.size)


def _taken(
    house: House, tx: Transaction, job: Job, partner: Partner, message: As2Message | None, outcome: Outcome
) -> str:
    """The state of the message after this outcome; "" where it is not known and goes again."""
    if message is None:  # It was refused here, before anything was built.
        return "refused"
    receipt = outcome.receipt
    if receipt is not None and receipt.state is not Proof.FORGED:
        state = as2_receipt.settle(house, tx, partner, message, receipt)
        return state if state in as2_receipt.SETTLED else ""  # The partner may take it later.
    if receipt is not None:
        _keep(house, tx, job, message, receipt)
    if outcome.state is Sent.AWAITED:
        return as2_receipt.awaiting(house, tx, partner, message, resends=job.payload.get("resends", 0))
    if message.state in as2_receipt.SETTLED:  # Its receipt was quicker than the answer.
        return message.state
    if outcome.state is Sent.REFUSED:
        tx.as2_messages.change(message.id, state="refused", reason=outcome.reason)
        tx.documents.set_state(message.document, "refused", outcome.reason)
        told = {"message": message.id, "reason": outcome.reason}
        tx.events.add(message.document, "message.declined", document=message.document, **told)
        return "refused"
    if outcome.state is Sent.DELIVERED:  # No receipt was agreed on.
        tx.as2_messages.change(message.id, state="sent")
        delivered.sent(house, tx, partner, tx.documents.get(message.document), attempts=message.attempts)
        return "sent"
    return ""


def _keep(house: House, tx: Transaction, job: Job, message: As2Message, receipt: Receipt) -> None:
    """The evidence of a receipt that does not count, sealed, and its place in the trail."""
    block = "".join(f"{name}: {value}\r\n" for name, value in receipt.headers).encode("utf-8", "surrogateescape")
    kept = house.store.payloads.put([block, b"\r\n", receipt.body]) if job.attempts <= EVIDENCE_MAX else ""
    told = {"message": message.id, "reason": receipt.reason, "payload": kept, "attempts": job.attempts}
    tx.events.add(message.document, "receipt.forged", document=message.document, **told)
    log.warning("as2.receipt_forged", document=message.document, partner=message.partner, attempts=job.attempts)


def _reason(outcome: Outcome, state: str) -> str:
    if state == "mismatch":
        return "the partner received another content"
    if outcome.receipt is not None:
        return f"the partner did not take it: {outcome.receipt.disposition}"
    return outcome.reason or "the partner refused it by a receipt that was quicker than its answer"
