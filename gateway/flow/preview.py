"""Preview: what would become of a clinic's file, with everything that the checks find in it, all at once.

It is taken in by the same code as any other, in a transaction that never ends: nothing of it is stored or sent.
"""

from contextlib import suppress
from typing import Any

from gateway.flow import accept
from gateway.flow.cases import AUTHORIZATION_PREFIX, CLAIM_PREFIX, State
from gateway.flow.house import House, Transaction

_NOT_SENT = (State.ACCEPTED, State.HELD, State.WAITING)


class _NothingStays(Exception):
    """Ends the transaction before it commits."""


def preview(house: House, data: bytes, form: str) -> dict[str, Any]:
    """The result that submitting the file would have. A record that was taken before and has not been sent is looked
    at like a new one."""
    result: dict[str, Any] = {}
    with suppress(_NothingStays), house.store.transaction(house.everything()) as tx:
        document = tx.documents.add(
            direction="in", partner="", name="", payload="", kind=f"intake.{form}", size=len(data), state="read"
        )
        result = accept.record(house, tx, accept.read(house, document, data, form), document)
        for each in result["repeated"]:
            each.update(_of_before(house, tx, each["id"]))
        raise _NothingStays
    del result["document"]
    for each in (*result["accepted"], *result["rejected"]):
        each.pop("id", None)  # Of what is not kept there is none.
    return result


def blocks(result: dict[str, Any]) -> bool:
    """Whether something in the file would not be taken, or would be held."""
    checked = (*result["accepted"], *result["repeated"])
    found = (finding for each in checked for finding in each.get("findings", ()))
    refused = result["rejected"] or result["conflicts"] or result["findings"]
    return bool(refused) or any(each["severity"] == "block" for each in found)


def _of_before(house: House, tx: Transaction, subject: str) -> dict[str, Any]:
    if subject.startswith(AUTHORIZATION_PREFIX):
        asked = tx.authorizations.get(subject)
        return accept.outlook(house, tx, asked.request) if State(asked.state) in _NOT_SENT else {}
    if subject.startswith(CLAIM_PREFIX):
        billed = tx.claims.get(subject)
        return accept.outlook(house, tx, billed.claim) if State(billed.state) in _NOT_SENT else {}
    return {}
