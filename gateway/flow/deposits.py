"""Deposits: a bank's file comes in, each payment of a payer in it is kept once, and looks for its 835.

The same payment in another file, as in one that was mended, is the same deposit: its id comes from what the bank said.
No book moves: money is posted from the 835.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from gateway.errors import Finding
from gateway.flow import reassociate
from gateway.flow.house import House, Transaction
from gateway.store.deposits import Deposit
from gateway.translate import nacha
from gateway.translate.nacha import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What a file came to. ``deposits`` are its payments as they stand now, ``repeated`` of them were known before;
    ``waiting`` entries were not taken, ``beside`` are no payer's (see ``nacha.DepositFile``)."""

    document: str
    deposits: tuple[Deposit, ...]
    repeated: int
    waiting: int
    beside: int
    findings: tuple[Finding, ...]


def take_in(house: House, data: bytes) -> Imported:
    """Stores the file, takes what is good in it, and asks a person for the rest."""
    payload = house.store.payloads.put([data])
    read = nacha.read(data)
    with house.store.transaction(house.everything()) as tx:
        document = tx.documents.add(
            direction="in", partner="", name="", payload=payload, kind="deposits", size=len(data), state="read"
        )
        tx.inputs.add(kind="document", name="deposits", holds_on=tx.now.date(), document=document)
        added = [_add(tx, document, each) for each in read.entries]
        detail: dict[str, Any] = {"deposits": len(added), "waiting": read.waiting, "beside": read.beside}
        tx.events.add(document, "deposits.imported", **detail)
        _ask(tx, document, data, read.waiting, read.findings)
        _match(tx, read.entries)
        deposits = _known(tx, read.entries)
    return Imported(
        document=document,
        deposits=deposits,
        repeated=added.count(False),
        waiting=read.waiting,
        beside=read.beside,
        findings=read.findings,
    )


def deposit_id(entry: Entry) -> str:
    """From all that the bank said of it: a trace number alone comes again after a while."""
    said = (entry.company, entry.paid_on.isoformat(), entry.trace_number, entry.payer_id, entry.check_number)
    return "de_" + sha256("|".join((*said, str(entry.amount))).encode()).hexdigest()[:26]


def _add(tx: Transaction, document: str, entry: Entry) -> bool:
    return tx.deposits.add(
        deposit_id(entry),
        document=document,
        trace_number=entry.trace_number,
        payer_id=entry.payer_id,
        check_number=entry.check_number,
        amount=entry.amount,
        paid_on=entry.paid_on,
    )


def _match(tx: Transaction, entries: Sequence[Entry]) -> None:
    deposits = _known(tx, entries)
    if deposits:
        reassociate.deposits_came(tx, deposits)


def _known(tx: Transaction, entries: Sequence[Entry]) -> tuple[Deposit, ...]:
    wanted = {deposit_id(each) for each in entries}
    return tuple(each for each in tx.deposits.of_checks({each.check_number for each in entries}) if each.id in wanted)


def _ask(tx: Transaction, document: str, data: bytes, waiting: int, findings: Sequence[Finding]) -> None:
    """One task for a file with mistakes, whose key is its content: the same file again asks nobody twice."""
    if not findings:
        return
    first, more = findings[0], len(findings) - 1
    tx.tasks.open(
        f"deposits:{sha256(data).hexdigest()[:26]}",
        kind="deposits",
        subject=document,
        reason=f"{waiting} entries of a bank's file wait: {first.reason}" + (f", and {more} more" if more else ""),
        fix=first.fix,
    )
