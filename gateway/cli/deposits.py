"""``deposits import`` and ``list``: what a bank says it was paid, and what lacks its other half."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from gateway.cli.output import dollars, emit, table
from gateway.errors import GatewayError
from gateway.flow import deposits, reassociate
from gateway.flow.deposits import Imported
from gateway.flow.house import House
from gateway.flow.reassociate import Lacking
from gateway.store.deposits import Deposit

_OF_BANK = ("id", "trace_number", "payer_id", "check_number", "amount", "paid_on")
_COLUMNS = (*_OF_BANK, "state", "reason", "remittance", "matched_on", "confidence")


def take_in(house: House, file: Path, *, as_json: bool) -> int:
    """Imports a bank's file. 1 where something in it was wrong."""
    try:
        data = file.read_bytes()
    except OSError as error:
        what = f"it cannot be read ({error.strerror})"
        raise GatewayError(what, where=str(file), fix="Check name and rights") from error
    done = deposits.take_in(house, data)
    emit(_plain(done), "\n".join(_words(done)), as_json=as_json)
    return 1 if done.findings else 0


def show(house: House, *, unmatched: bool, as_json: bool) -> int:
    """The deposits; with ``unmatched`` those without an 835, and 835s by transfer without a deposit, and their sums."""
    if unmatched:
        return _show_unmatched(house, as_json=as_json)
    with house.reading() as tx:
        found = tx.deposits.list()
    if as_json:
        emit({"deposits": [_row(each) for each in found], "sum": sum(each.amount for each in found)}, "", as_json=True)
        return 0
    columns = ("deposit", "paid on", "payer", "trace number", "amount", "state", "835", "matched on")
    table("Deposits", columns, (_shown(each) for each in found))
    print(f"{len(found)} deposits, {dollars(sum(each.amount for each in found))}")
    return 0


def _show_unmatched(house: House, *, as_json: bool) -> int:
    with house.reading() as tx:
        found = reassociate.lacking(tx, before=house.today + timedelta(days=1))
    sides = {kind: [each for each in found if each.kind == kind] for kind in ("deposit", "remittance")}
    sums = {kind: sum(each.amount for each in some) for kind, some in sides.items()}
    if as_json:
        shown = {f"{kind}s": [_lacking(each) for each in some] for kind, some in sides.items()}
        emit({**shown, "sums": sums}, "", as_json=True)
        return 0
    columns = ("id", "paid on", "payer", "trace number", "amount")
    for kind, title in (("deposit", "Deposits without an 835"), ("remittance", "835s without a deposit")):
        rows = [(e.id, e.paid_on, e.payer_id, e.check_number, dollars(e.amount)) for e in sides[kind]]
        table(title, columns, rows)
        print(f"{len(rows)}, {dollars(sums[kind])}")
    return 0


def _words(done: Imported) -> Iterator[str]:
    for each in done.deposits:
        told = f", {each.reason}" if each.reason else ""
        yield f"{each.id}  {dollars(each.amount)}  {each.state}{told}  {each.remittance}".rstrip()
    yield from (str(each) for each in done.findings)
    yield (
        f"{len(done.deposits)} deposits ({done.repeated} known before), {dollars(_sum(done))}; "
        f"{done.waiting} entries wait, {done.beside} are no payer's. Kept as {done.document}"
    )


def _plain(done: Imported) -> dict[str, Any]:
    return {
        "document": done.document,
        "deposits": [_row(each) for each in done.deposits],
        "sum": _sum(done),
        "repeated": done.repeated,
        "waiting": done.waiting,
        "beside": done.beside,
        "findings": [each.as_json() for each in done.findings],
    }


def _sum(done: Imported) -> int:
    return sum(each.amount for each in done.deposits)


def _row(deposit: Deposit) -> dict[str, Any]:
    return {name: getattr(deposit, name) for name in _COLUMNS}


def _shown(deposit: Deposit) -> tuple[object, ...]:
    state = f"{deposit.state} ({deposit.reason})" if deposit.reason else deposit.state
    matched = f"{deposit.matched_on} ({deposit.confidence})" if deposit.matched_on else "-"
    known = (deposit.id, deposit.paid_on, deposit.payer_id, deposit.check_number, dollars(deposit.amount))
    return *known, state, deposit.remittance or "-", matched


def _lacking(each: Lacking) -> dict[str, Any]:
    return {name: getattr(each, name) for name in ("id", "payer_id", "check_number", "amount", "paid_on")}
