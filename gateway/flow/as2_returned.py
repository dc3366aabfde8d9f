"""A receipt (MDN) that a partner posts to us: read, held against what we sent, and settled; or refused, and told."""

from functools import partial

from gateway import logs
from gateway.flow import as2_receipt
from gateway.flow.as2_door import Answer
from gateway.flow.as2_refused import RECEIPT, Refusing, receipts_mended, refuse
from gateway.store import As2Message
from gateway.transport.as2.mdn import RECEIPT_MAX, Mdn, judge, read_mdn
from gateway.transport.as2.message import As2Refused, Mic, Part, build
from gateway.transport.base import Proof, Receipt
from gateway.transport.spool import Spool

log = logs.get()

_TAKEN = Answer(code=200)
_PROOFS = {"delivered": Proof.RECEIVED, "refused": Proof.REFUSED, "mismatch": Proof.MISMATCH}


def take(at: Refusing, body: Spool) -> Answer:
    """What comes of a posted receipt. Its sender is told that it has arrived also where it changes nothing."""
    house, partner = at.house, at.partner
    try:
        mdn = read_mdn(at.head.headers, body, terms=at.terms, at=house.clock())
    except As2Refused as refused:
        refused.mdn_wanted = None  # Nobody acknowledges a receipt (RFC 8098, 3).
        return refuse(at, body, refused, task=RECEIPT)
    with house.reading() as tx:
        message = tx.as2_messages.find("out", partner.name, mdn.original_message_id)
    if message is None:
        at.audit.tell(house, "receipt_for_unknown_message", partner=partner.name, address=at.head.address)
        log.warning("as2.receipt_unknown", partner=partner.name)
        return _TAKEN
    receipt = _receipt(at, mdn, message, body)
    with house.store.transaction(house.everything()) as tx:
        as2_receipt.settle(house, tx, partner, message, receipt)
        receipts_mended(tx, partner)
    return _TAKEN


def _mic_as(at: Refusing, message: As2Message, algorithm: str) -> Mic:
    """The MIC of what was sent under another algorithm, which the partner gave back: the message is built once more.

    None that could be right, where what is built is not what was sent then: the agreement has changed since.
    """
    house, terms = at.house, at.terms
    with house.reading() as tx:
        document = tx.documents.get(message.document)
    part = Part(
        name=document.name,
        content_type=terms.content_type,
        source=partial(house.store.payloads.open, document.payload),
        size=document.size,
    )
    spool = partial(Spool, folder=house.settings.spool)
    built = build([part], message_id=message.message_id, terms=terms, at=house.clock(), spool=spool)
    if built.mic is None or not built.mic_as(message.mic_algorithm).same(Mic(message.mic, message.mic_algorithm)):
        return Mic("", algorithm)
    return built.mic_as(algorithm)


def _receipt(at: Refusing, mdn: Mdn, message: As2Message, body: Spool) -> Receipt:
    judgement = judge(mdn, Mic(message.mic, message.mic_algorithm), partial(_mic_as, at, message))
    assert body.size <= RECEIPT_MAX, "a larger one is none"
    return Receipt(
        message_id=message.message_id,
        state=_PROOFS[judgement.verdict],
        reason=judgement.why,
        mic=mdn.mic.digest if mdn.mic else "",
        mic_algorithm=mdn.mic.algorithm if mdn.mic else "",
        disposition=mdn.disposition.short,
        headers=at.head.headers,
        body=body.window().read(),
    )
