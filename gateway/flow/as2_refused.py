"""A message of a partner's name that does not count: told, kept within bounds, and answered.

Whoever knows two AS2 names can send rubbish in a partner's name, so what is kept of it has limits per day; beyond them
it is counted. The partner's other messages are none the worse for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from gateway import logs
from gateway.flow.as2_audit import Audit
from gateway.flow.as2_door import Answer, Head
from gateway.flow.as2_outgoing import Mdn, answered, enqueue_post, kept, made, posting_fault, stored
from gateway.flow.house import House, Transaction
from gateway.settings import Partner
from gateway.transport.as2.message import As2Refused
from gateway.transport.as2.terms import Terms
from gateway.transport.spool import PIECE, Spool

log = logs.get()

DAY = timedelta(days=1)
KEPT_MAX = 100  # refused messages of one partner's name in a day
KEPT_BYTES_MAX = 512 * 1024 * 1024  # of all of them together
TASK = "as2_refused"
RECEIPT = "receipt"
"""The name of the task about receipts that do not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusing:
    """What is needed to refuse: where from, on what terms, and who counts."""

    house: House
    partner: Partner
    terms: Terms
    audit: Audit
    head: Head
    message_id: str


def refuse(at: Refusing, body: Spool, refused: As2Refused, *, task: str = "") -> Answer:
    """Keep it, tell of it, and give back what its sender asked for: a receipt that says no, or the reason.

    ``task`` names the task where each such message needs one of its own; else there is one for each reason.
    """
    house, partner, told = at.house, at.partner, refused.disposition.short
    payload = _kept(at, body)
    mdn = _receipt(at, refused, payload)
    with house.store.transaction(house.everything()) as tx:
        if payload:
            _record(at, tx, refused, payload, mdn)
        key = f"{TASK}:{partner.name}:{task or told}"
        tx.tasks.open(key, kind=TASK, subject=partner.name, reason=refused.what, fix=refused.fix)
    if not payload:
        at.audit.tell(house, f"refused {told}", partner=partner.name, address=at.head.address)
    log.warning(
        "as2.message_refused",
        partner=partner.name,
        reason_code=refused.disposition.modifier.replace(" ", "-"),
        outcome="kept" if payload else "counted",
    )
    return answered(mdn) if mdn is not None else Answer(code=400, body=f"{refused.what}\n".encode())


def _receipt(at: Refusing, refused: As2Refused, payload: str) -> Mdn | None:
    """The one that the same bytes got before for the same reason, or a new one; None where none is wanted."""
    house, wanted = at.house, refused.mdn_wanted
    if wanted is None:
        return None
    with house.reading() as tx:
        before = tx.as2_messages.find("in", at.partner.name, at.message_id, payload=payload) if payload else None
    if before is not None and before.mdn and before.disposition == refused.disposition.short:
        return stored(house, before, wanted)
    mdn = made(house, at.terms, wanted, refused.disposition, refused.mic, why=refused.what)
    return kept(house, mdn) if payload else mdn


def _record(at: Refusing, tx: Transaction, refused: As2Refused, payload: str, mdn: Mdn | None) -> None:
    partner, told = at.partner, refused.disposition.short
    message, new = tx.as2_messages.refuse(
        partner=partner.name,
        message_id=at.message_id,
        payload=payload,
        reason=refused.what,
        disposition=told,
        mdn=mdn.payload if mdn else "",
        mdn_headers=mdn.headers if mdn else (),
        mdn_url=mdn.url if mdn else "",
    )
    if new:
        tx.events.add(partner.name, "message.turned_down", message=message.id, disposition=told, why=refused.what)
        # Whoever was refused may be a stranger: a made-up address becomes no job, and no task for each of its messages.
        if mdn is not None and mdn.url and not posting_fault(mdn.url, partner, resolve=lambda _: ()):
            enqueue_post(tx, partner, message.id)


def mended(tx: Transaction, partner: Partner) -> None:
    """A message was taken: what was wrong with those before is mended, but for what has a task of its own."""
    for each in tx.tasks.list(subject=partner.name, kind=TASK):
        if not each.key.startswith((f"{TASK}:{partner.name}:message:", _receipts(partner))):
            tx.tasks.close(each.key, "a later message was taken")


def receipts_mended(tx: Transaction, partner: Partner) -> None:
    """A posted receipt counted: so those before may have been somebody else's, or are mended."""
    tx.tasks.close(_receipts(partner), "a later receipt counted")


def _receipts(partner: Partner) -> str:
    return f"{TASK}:{partner.name}:{RECEIPT}"


def of_message(message: str) -> str:
    """The name of a task that is about one message only."""
    return f"message:{message}"


def _kept(at: Refusing, body: Spool) -> str:
    """The payload with all of it, as it came; "" where that is more than is kept in one partner's name."""
    if body.size > KEPT_BYTES_MAX:
        return ""
    payloads = at.house.store.payloads
    with at.house.reading() as tx:
        recent = tx.as2_messages.list("in", partner=at.partner.name, state="refused", since=tx.now - DAY)
    if len(recent) >= KEPT_MAX or sum(payloads.size(each.payload) for each in recent) >= KEPT_BYTES_MAX:
        return ""
    return payloads.put(_whole(at.head, body))


def _whole(head: Head, body: Spool) -> Iterator[bytes]:
    lines = [f"{name}: {value}" for name, value in head.headers]
    yield "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
    window = body.window()
    while piece := window.read(PIECE):
        yield piece
