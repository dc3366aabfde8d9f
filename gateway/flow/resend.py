"""Sends a request again that the payer could not answer at the moment (AAA04 P or R with a code that passes by itself).

The same request goes out under its own trace and a new envelope, a bounded number of times, each after a longer rest;
then a person is asked. What drives it is AAA04, never AAA03 alone (domain facts, 2.4).
"""

from datetime import timedelta

from gateway import logs
from gateway.flow.cases import State, move
from gateway.flow.house import House, Transaction
from gateway.flow.waking import enqueue
from gateway.store import Document, Job

log = logs.get()
RESTS = (
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=4),
    timedelta(hours=12),
    timedelta(hours=24),
)
"""How long each attempt waits for the payer to recover; their number bounds the attempts."""
PLANNED = "request.resend_planned"


def plan(tx: Transaction, document: Document, subject: str) -> bool:
    """Queues the next attempt; False where they are used up."""
    done = sum(each.what == PLANNED for each in tx.events.of(subject))
    if done >= len(RESTS):
        return False
    due_at = tx.now + RESTS[done]
    stored = tx.authorizations.get(subject)
    tx.jobs.enqueue(
        "resend", payload={"subject": subject}, partner=stored.partner, key=f"resend:{subject}:{done}", due_at=due_at
    )
    tx.events.add(subject, PLANNED, document=document.id, attempt=done + 1, due_at=due_at.isoformat())
    return True


def resend(house: House, job: Job) -> None:
    """Puts one request back on its way, unless an answer came meanwhile."""
    subject = job.payload["subject"]
    with house.store.transaction(house.everything()) as tx:
        again = put_back(tx, subject, job.id)
        if again:
            content = {"subject": subject, "cause": job.id}
            tx.inputs.add(kind="decision", name="resend", holds_on=tx.now.date(), content=content)
        tx.jobs.finish(job)
    log.info("request.resent", authorization=subject, resent=again)


def put_back(tx: Transaction, subject: str, cause: str) -> bool:
    """The request waits to be written once more; False where it does not wait for this any more."""
    stored = tx.authorizations.get(subject, lock=True)
    if State(stored.state) is not State.RETRY:
        return False
    move(tx, subject, State.ACCEPTED)
    tx.events.add(subject, "request.resent")
    enqueue(tx, stored.partner, "278", cause)
    return True
