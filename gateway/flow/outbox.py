"""The outbox: an interchange is stored, takes its control numbers for good, and gets the job that sends it.

All of it is in the transaction of whatever the interchange is about, or not at all.
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from gateway.flow.house import House, Transaction
from gateway.settings import Partner
from gateway.settings.names import name

SEND_ATTEMPTS_MAX = 1_000_000  # A partner may be away for days; a task tells of it, and nobody has to put jobs back.


def queue(
    house: House,
    tx: Transaction,
    partner: Partner,
    content: bytes,
    *,
    kind: str,
    isa13: int,
    gs06: int | None,
    at: datetime,
    owner: Mapping[str, str] | None = None,
    **about: Any,
) -> str:
    """The id of the document. ``kind`` is the set's type or TA1; ``gs06`` is None where it holds no group.

    ``owner`` is the ``organisation`` and the ``clinic`` where the file's name tells of one.
    """
    payload = house.store.payloads.put([content])
    numbers = {"isa13": isa13} if gs06 is None else {"isa13": isa13, "gs06": gs06}
    named = {"isa13": f"{isa13:09}"} if gs06 is None else {"isa13": f"{isa13:09}", "gs06": str(gs06)}
    document = tx.documents.add(
        direction="out",
        partner=partner.name,
        name=name(partner.name_template, isa13=isa13, at=at, kind=kind, usage=partner.usage, **owner or {}),
        payload=payload,
        kind=kind,
        size=len(content),
        state="queued",
        about={**named, "transaction": kind, **about},
    )
    digest = sha256(content).hexdigest()
    for number_kind, number in numbers.items():
        tx.control_numbers.set_state(partner.name, number_kind, number, "written", document=document, digest=digest)
    tx.jobs.enqueue(
        "send",
        payload={"document": document},
        partner=partner.name,
        lane=f"send:{partner.name}",
        key=f"send:{document}",
        attempts_max=SEND_ATTEMPTS_MAX,
    )
    return document
