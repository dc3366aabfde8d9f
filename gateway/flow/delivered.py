"""What it means that a document of ours has got there, whoever proved it: an upload, a listing or a receipt."""

from datetime import timedelta

from gateway.flow import deadlines
from gateway.flow.cases import AUTHORIZATION_PREFIX, State, advance, subjects_of
from gateway.flow.house import House, Transaction
from gateway.settings import As2Transport, Partner
from gateway.store import Document

# What is awaited for what we send; nothing for an acknowledgment.
EXPECTED = {"278": ("ta1", "999", "278"), "837": ("ta1", "999", "277ca", "835")}


def sent(house: House, tx: Transaction, partner: Partner, document: Document, *, attempts: int) -> None:
    """It is there: numbers and cases move on, and what the far side will say of it is awaited from now on."""
    isa13 = document.about["isa13"]
    content = {"attempts": attempts}
    tx.inputs.add(kind="decision", name="delivered", holds_on=tx.now.date(), document=document.id, content=content)
    tx.documents.set_state(document.id, "sent")
    tx.documents.set_about(document.id, uncertain=False)
    tx.tasks.close(unreachable_key(partner.name), "a document got there")
    number(tx, partner, document, "sent")  # An answer that was quicker is not overwritten.
    for subject in subjects_of(tx, "isa13", isa13, partner.name):
        advance(tx, subject, State.SENT)
        if subject.startswith(AUTHORIZATION_PREFIX) and tx.authorizations.get(subject).sent_at is None:
            tx.authorizations.update(subject, sent_at=tx.now)
            if isinstance(partner.transport, As2Transport):  # A receipt says that it is there; a folder says nothing.
                deadlines.start_payer(house, tx, subject)
        tx.events.add(subject, "case.sent", document=document.id, isa13=isa13, attempts=attempts)
    for answer in EXPECTED.get(document.kind, ()):
        within_s = partner.expectations.within_s(answer)  # type: ignore[arg-type]  # The keys of EXPECTED are its literals.
        if within_s is not None:
            tx.jobs.enqueue(
                "expect",
                payload={"document": document.id, "answer": answer, "isa13": isa13},
                partner=partner.name,
                key=f"expect:{document.id}:{answer}",
                due_at=tx.now + timedelta(seconds=within_s),
            )


def number(tx: Transaction, partner: Partner, document: Document, state: str) -> None:
    """Moves the control numbers of a document on; what went further already stays."""
    for kind in ("isa13", "gs06"):
        if kind in document.about:  # A TA1 has no group.
            tx.control_numbers.set_state(partner.name, kind, int(document.about[kind]), state)


def unreachable_key(partner: str) -> str:
    """Of the task that says that nobody answers at a partner's."""
    return f"unreachable:{partner}"
