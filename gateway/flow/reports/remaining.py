"""Visits and units left: three counts side by side, and the one that the payer's policy rules by (facts, 6.3, 6.5).

What is left is what was granted without what expired and was used, and never below nothing. A request is opened for
the clinic's own number and for what its payer's policy is asked by; nothing else of it is shown. The database adds the
postings up; one by one they are read only where a claim gave something back, and where a row is followed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, islice

from gateway.flow.policies import Holder, holder
from gateway.flow.remaining import ruling
from gateway.flow.reports.base import Part, Row, View, columns
from gateway.ledger.entry import Account, Bucket
from gateway.ledger.remaining import BASES, Move, remaining
from gateway.ledger.remaining import Remaining as Counted
from gateway.ledger.visiting import is_certified
from gateway.store import NotInStore, StoredAuthorization

AT_ONCE = 1000
_CLAIMED = (Account.COMMITTED, Account.CONSUMED)
_GONE = (Account.RETURNED, Account.MOVED)
_USED = tuple(f"used_{basis}" for basis in BASES)


@dataclass(frozen=True, slots=True)
class _Left:
    """A bucket with what its postings come to."""

    bucket: Bucket
    counted: Counted
    expired: int

    @property
    def most(self) -> int | None:
        """What is left by the count that leaves most; None where no finite quantity was certified."""
        return max(self.counted.left.values()) if self.counted.left is not None else None


class Remaining:
    name = "remaining"
    title = "Visits and units left of every authorization"
    columns = columns(
        "row organisation clinic authorization client_ref state number payer procedures unit starts_on:date"
        " ends_on:date granted:int expired:int used_rendered:int used_claimed:int used_adjudicated:int"
        " left_rendered:int left_claimed:int left_adjudicated:int ruling left:int free:int reserved:int"
    )
    summed = ("granted", "expired", *_USED, "free", "reserved")

    def rows(self, view: View) -> list[Row]:
        """By bucket. Requests are opened a thousand at a time, and only where their rows are shown."""
        payers = view.tx.figures.payers() if view.payer else {}
        rules: dict[Holder, str] = {}
        found = []
        for some in _some(_sums(view)):
            wanted = {
                each.id: each
                for each in view.tx.books.buckets_of(some)
                if is_certified(each)
                and view.within(each.ends_on)
                and view.of_payer(payers.get(each.authorization, ""))
            }
            left = [each for each in _left(view, wanted, some) if self.may_show(each, view)]
            cases = view.tx.authorizations.these(each.bucket.authorization for each in left)
            found += [
                _row(each, cases[each.bucket.authorization], view, rules)
                for each in left
                if each.bucket.authorization in cases
            ]
        return sorted((each for each in found if self.shows(each, view)), key=lambda each: str(each["row"]))

    def may_show(self, left: _Left, view: View) -> bool:
        """Whether the row may be wanted, by what is known before its request is opened."""
        return True

    def shows(self, row: Row, view: View) -> bool:
        return True

    def parts(self, view: View, row: str) -> list[Part]:
        try:
            bucket = view.tx.books.bucket(row)
        except NotInStore:
            return []
        held: dict[str, int] = {}
        most: dict[str, int] = {}
        found = []
        for move in view.tx.figures.moves(buckets_in=[row]):
            amounts = dict(_amounts(Account(move.source), Account(move.target), int(move.quantity)))
            # A visit that was claimed once stays rendered after a denial: it took place (ledger/remaining.py).
            change = ((move.target in _CLAIMED) - (move.source in _CLAIMED)) * int(move.quantity)
            held[move.about] = held.get(move.about, 0) + change
            amounts["used_rendered"] += max(0, held[move.about] - most.get(move.about, 0))
            most[move.about] = max(most.get(move.about, 0), held[move.about])
            trace = move.claim or bucket.authorization
            found.append(
                Part(row=row, trace=trace, entry=move.entry, what=move.kind, on=move.holds_on, amounts=amounts)
            )
        return found


def _sums(view: View) -> Iterator[tuple[str, list[Move]]]:
    """Bucket by bucket what moved between its accounts, as one move for each two of them."""
    for bucket, rows in groupby(view.tx.figures.sums(), key=lambda each: str(each.bucket)):
        yield bucket, [Move("", Account(each.source), Account(each.target), int(each.quantity)) for each in rows]


def _some(sums: Iterable[tuple[str, list[Move]]]) -> Iterator[Mapping[str, list[Move]]]:
    left = iter(sums)
    while some := dict(islice(left, AT_ONCE)):
        yield some


def _left(view: View, buckets: Mapping[str, Bucket], sums: Mapping[str, list[Move]]) -> Iterator[_Left]:
    """Sums do not tell what was claimed once and given back since: such a bucket is counted move by move."""
    given_back = [name for name in buckets if any(map(_gives_back, sums[name]))]
    whole = {**sums, **view.tx.books.moves(given_back)}
    for name, bucket in buckets.items():
        counted = remaining(name, bucket.unit, limited=bucket.limited, moves=whole[name])
        expired = sum(dict(_amounts(each.source, each.target, each.quantity))["expired"] for each in sums[name])
        yield _Left(bucket, counted, expired)


def _gives_back(move: Move) -> bool:
    return move.source in _CLAIMED and move.target not in _CLAIMED


def _row(left: _Left, stored: StoredAuthorization, view: View, rules: dict[Holder, str]) -> Row:
    """``rules`` remembers which count rules for whom."""
    bucket, counted = left.bucket, left.counted
    asked = holder(view.house.settings, stored.request)
    if asked not in rules:
        rules[asked] = str(ruling(view.house, stored))
    rule = rules[asked]
    return {
        "row": bucket.id,
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
        "granted": counted.granted,
        "expired": left.expired,
        **{f"used_{basis}": counted.used[basis] for basis in BASES},
        **{f"left_{basis}": counted.left[basis] if counted.left else None for basis in BASES},
        "ruling": rule,
        "left": counted.left[rule] if counted.left else None,
        "free": counted.free,
        "reserved": counted.reserved,
    }


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


class Expiring(Remaining):
    """What still has something left and ends soon."""

    name = "expiring"
    title = "Authorizations that end within --days, with something left"

    def may_show(self, left: _Left, view: View) -> bool:
        ends_on = left.bucket.ends_on
        return ends_on is not None and 0 <= (ends_on - view.today).days <= view.days and left.most != 0

    def shows(self, row: Row, view: View) -> bool:
        return row["left"] != 0


class Low(Remaining):
    """WebPT's thresholds by default: two visits, fewer than ten units (facts, 6.5)."""

    name = "low"
    title = "Authorizations with at most --visits visits or fewer than --units units left"

    def may_show(self, left: _Left, view: View) -> bool:
        ends_on, counts = left.bucket.ends_on, left.counted.left
        over = ends_on is not None and ends_on < view.today
        return not over and counts is not None and _low(str(left.bucket.unit), min(counts.values()), view)

    def shows(self, row: Row, view: View) -> bool:
        left = row["left"]
        assert isinstance(left, int), "what has no end is never low"
        return _low(str(row["unit"]), left, view)


def _low(unit: str, left: int, view: View) -> bool:
    return left <= view.visits if unit in ("visit", "day") else left < view.units


REPORTS = (Remaining(), Expiring(), Low())
