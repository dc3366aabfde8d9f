"""Says that something was told, decided or settled that may cure what is held; ``recheck`` looks at it as a job.

Asks only whether anything of the patient is held: where nothing is, nothing is queued.
"""

from collections.abc import Iterable

from gateway.domain.parties import Subscriber
from gateway.flow.cases import AUTHORIZATION_PREFIX, CLAIM_PREFIX
from gateway.flow.house import Transaction


def told(tx: Transaction, organisation: str, clinic: str, subscriber: Subscriber, cause: str) -> None:
    """Something was told of this patient; ``cause`` is our id of what told it."""
    for patient in tx.held.patient(organisation, clinic, subscriber.member_id):
        _enqueue(tx, patient, cause)


def settled(tx: Transaction, claims: Iterable[str], cause: str) -> None:
    """What these claims hold has changed: others of the same patients may go now. One question for all of them."""
    for patient in tx.held.beside(claims):
        _enqueue(tx, patient, cause)


def changed(tx: Transaction, subject: str, cause: str) -> None:
    """A claim, a request, a visit, or what a person told of an authorization, by our id."""
    if subject.startswith(CLAIM_PREFIX):
        settled(tx, [subject], cause)
        return
    if not subject.startswith(AUTHORIZATION_PREFIX):
        found = tx.appointments.get(subject) if subject.startswith("ap_") else tx.instructions.get(subject)
        subject = found.authorization
    if subject:
        request = tx.authorizations.get(subject).request
        told(tx, request.organisation, request.clinic, request.subscriber, cause)


def everything(tx: Transaction, cause: str) -> None:
    """Something that may touch whoever's record: tables, policies, the day."""
    tx.jobs.enqueue("recheck", payload={}, lane="recheck", key=f"recheck:{cause}")


def _enqueue(tx: Transaction, patient: tuple[str, str, str], cause: str) -> None:
    """One job for each cause, so that none is lost to another that has looked already."""
    tx.jobs.enqueue(
        "recheck",
        payload={"patient": list(patient)},
        lane="recheck",
        key=f"recheck:{cause}:{'/'.join(patient)}",
    )
