"""What sets waiting records going: a submit job for each cause, and claims whose authorization was decided."""

from gateway.flow import touching
from gateway.flow.cases import State, move
from gateway.store import Transaction


def enqueue(tx: Transaction, partner: str, set_type: str, cause: str) -> None:
    """One submit job for each cause, so that none is lost to another that has read its list already."""
    tx.jobs.enqueue(
        "submit",
        payload={"set_type": set_type},
        partner=partner,
        lane=f"submit:{partner}:{set_type}",
        key=f"submit:{partner}:{set_type}:{cause}",
    )


def wake_claims(tx: Transaction, authorization: str, cause: str) -> None:
    """Claims that waited for this authorization are looked at again; where it was not granted, the checks hold them.
    What is held of the same patient may be cured by it."""
    touching.changed(tx, authorization, cause)
    partners = set()
    for claim in tx.claims.list(state=State.WAITING, authorization=authorization):
        move(tx, claim.id, State.ACCEPTED)
        partners.add(claim.partner)
    for partner in sorted(partners):
        enqueue(tx, partner, "837", f"woken:{cause}:{authorization}")
