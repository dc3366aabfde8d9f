"""Visits and units left: three counts side by side, and the one that the payer's policy rules by (facts, 6.3, 6.5).

What is left is what was granted without what expired and was used, and never below nothing. A request is opened for
the clinic's own number and for what its payer's policy is asked by; nothing else of it is shown.
"""

from collections.abc import Iterator
from datetime import date

from gateway.flow.remaining import ruling
from gateway.flow.reports.base import Part, Row, Sums, View, columns
from gateway.ledger.certifying import MEMO
from gateway.ledger.entry import Account
from gateway.ledger.remaining import BASES
from gateway.ledger.visiting import UNCOVERED

ALL = 1_000_000
_CLAIMED = (Account.COMMITTED, Account.CONSUMED)
_GONE = (Account.RETURNED, Account.MOVED)
_USED = tuple(f"used_{basis}" for basis in BASES)


class Remaining(Sums):
    name = "remaining"
    title = "Visits and units left of every authorization"
    columns = columns(
        "row organisation clinic authorization client_ref state number payer procedures unit starts_on:date"
        " ends_on:date granted:int expired:int used_rendered:int used_claimed:int used_adjudicated:int"
        " left_rendered:int left_claimed:int left_adjudicated:int ruling left:int free:int reserved:int"
    )
    summed = ("granted", "expired", *_USED, "free", "reserved")

    def all_parts(self, view: View) -> list[Part]:
        cases = {
            each.id: each for each in view.tx.authorizations.list(limit=ALL) if view.of_payer(each.request.payer.id)
        }
        buckets = {}
        for stored in cases.values():
            for each in view.tx.books.buckets(stored.id):
                if each.quantity_source not in (MEMO, UNCOVERED) and view.within(each.ends_on):
                    buckets[each.id] = (each, ruling(view.house, stored))
        held: dict[tuple[str, str], int] = {}
        most: dict[tuple[str, str], int] = {}
        found = []
        for move in view.tx.figures.moves():
            if move.bucket not in buckets:
                continue
            bucket, rule = buckets[move.bucket]
            stored = cases[bucket.authorization]
            amounts = dict(_amounts(Account(move.source), Account(move.target), int(move.quantity)))
            # A visit that was claimed once stays rendered after a denial: it took place (ledger/remaining.py).
            change = ((move.target in _CLAIMED) - (move.source in _CLAIMED)) * int(move.quantity)
            visit = (move.bucket, move.about)
            held[visit] = held.get(visit, 0) + change
            amounts["used_rendered"] += max(0, held[visit] - most.get(visit, 0))
            most[visit] = max(most.get(visit, 0), held[visit])
            about: Row = {
                "organisation": stored.organisation,
                "clinic": stored.clinic,
                "authorization": stored.id,
                "client_ref": stored.client_ref,
                "state": stored.state,
                "number": bucket.number or stored.number,
                "payer": stored.request.payer.id,
                "procedures": ",".join(bucket.procedures) or "any",
                "unit": str(bucket.unit),
                "starts_on": bucket.starts_on,
                "ends_on": bucket.ends_on,
                "ruling": str(rule),
                "limited": int(bucket.limited),
            }
            found.append(
                Part(
                    row=bucket.id,
                    trace=move.claim or stored.id,
                    entry=move.entry,
                    what=move.kind,
                    on=move.holds_on,
                    amounts=amounts,
                    about=about,
                )
            )
        return found

    def finish(self, row: Row, view: View) -> Row:
        if not row["limited"]:
            return {**row, **{f"left_{basis}": None for basis in BASES}, "left": None}
        whole = _int(row, "granted") - _int(row, "expired")
        left = {f"left_{basis}": max(0, whole - _int(row, f"used_{basis}")) for basis in BASES}
        return {**row, **left, "left": left[f"left_{row['ruling']}"]}


def _amounts(source: Account, target: Account, quantity: int) -> Iterator[tuple[str, int]]:
    """What one posting adds to each column."""

    def into(*accounts: Account) -> int:
        return ((target in accounts) - (source in accounts)) * quantity

    yield "granted", -into(Account.GRANT) - into(*_GONE)
    yield "expired", into(Account.EXPIRED)
    yield "used_rendered", into(Account.RENDERED)
    yield "used_claimed", into(*_CLAIMED)
    yield "used_adjudicated", into(Account.CONSUMED)
    yield "free", into(Account.AVAILABLE)
    yield "reserved", into(Account.RESERVED)


def _int(row: Row, name: str) -> int:
    value = row[name]
    assert isinstance(value, int), "a sum is a whole number"
    return value


class Expiring(Remaining):
    """What still has something left and ends soon."""

    name = "expiring"
    title = "Authorizations that end within --days, with something left"

    def rows(self, view: View) -> list[Row]:
        found = []
        for row in super().rows(view):
            ends_on = row["ends_on"]
            if isinstance(ends_on, date) and 0 <= (ends_on - view.today).days <= view.days:
                found.append(row)
        return [each for each in found if each["left"] != 0]


class Low(Remaining):
    """WebPT's thresholds by default: two visits, fewer than ten units (facts, 6.5)."""

    name = "low"
    title = "Authorizations with at most --visits visits or fewer than --units units left"

    def rows(self, view: View) -> list[Row]:
        return [each for each in super().rows(view) if _low(each, view)]


def _low(row: Row, view: View) -> bool:
    ends_on, left = row["ends_on"], row["left"]
    over = isinstance(ends_on, date) and ends_on < view.today
    if over or not isinstance(left, int):
        return False
    return left <= view.visits if row["unit"] in ("visit", "day") else left < view.units


REPORTS = (Remaining(), Expiring(), Low())
