"""The two books: quantities of authorizations and cents of claims. Append-only; balances are sums, never stored.

Take the balances with ``lock=True`` before deciding on a draw: the bucket's row is held to the end of the transaction,
so two draws cannot both see the last visit. Never decides anything: the ledger does.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert  # Its ON CONFLICT compiles for SQLite, too.

from gateway.domain.authorization import Unit
from gateway.errors import Finding
from gateway.ledger.cents import MoneyEntry, MoneyLine
from gateway.ledger.entry import Account, Bucket, Cause, Entry, Posting, violations
from gateway.ledger.remaining import Move
from gateway.store.among import among
from gateway.store.bulk import add_rows
from gateway.store.schema import buckets, entries, money_entries, money_lines, postings
from gateway.store.session import NotInStore, Row, Scoped, Session

_BUCKET = tuple(Bucket.__dataclass_fields__)
_CAUSE = tuple(Cause.__dataclass_fields__)
_ACCOUNTS = {each.value: each for each in Account}
_BUCKETS = sa.select(*(buckets.c[name] for name in _BUCKET)).order_by(buckets.c.starts_on, buckets.c.line, buckets.c.id)
_BUCKETS_OF_ALL = Scoped(_BUCKETS.where(among(buckets.c.authorization, "of_authorizations")), buckets)
_BUCKETS_OF = Scoped(_BUCKETS.where(buckets.c.authorization == sa.bindparam("of_authorization")), buckets)
_LEFT = (
    sa.select(
        sa.func.sum(
            sa.case(
                (postings.c.target == Account.AVAILABLE.value, postings.c.quantity),
                (postings.c.source == Account.AVAILABLE.value, -postings.c.quantity),
                else_=0,
            )
        )
    )
    .where(postings.c.bucket == buckets.c.id)
    .scalar_subquery()
)
_BUCKETS_ENDED = Scoped(_BUCKETS.where(buckets.c.ends_on <= sa.bindparam("last_day"), _LEFT > 0), buckets)
_ONE = _BUCKETS.where(buckets.c.id == sa.bindparam("wanted"))
_BUCKET_GET = Scoped(_ONE, buckets)
_BUCKET_LOCK = Scoped(_ONE.with_for_update(), buckets)
_ADD_BUCKET = insert(buckets).on_conflict_do_nothing()

_WANTED = among(buckets.c.id)
_OWNERS = sa.select(buckets.c.id, buckets.c.organisation, buckets.c.clinic).where(_WANTED).order_by(buckets.c.id)
_OWNERS_GET = Scoped(_OWNERS, buckets)
_OWNERS_LOCK = Scoped(_OWNERS.with_for_update(), buckets)  # In the order of ids, so that two never wait for each other.
_MOVED = sa.select(
    postings.c.bucket, postings.c.source, postings.c.target, sa.func.sum(postings.c.quantity).label("quantity")
).group_by(postings.c.bucket, postings.c.source, postings.c.target)
_MOVED_IN = Scoped(_MOVED.where(among(postings.c.bucket)), postings)
_MOVED_ANYWHERE = Scoped(_MOVED, postings)

_MOVES_IN = Scoped(
    sa.select(
        postings.c.bucket,
        postings.c.source,
        postings.c.target,
        postings.c.quantity,
        sa.case((entries.c.visit_key != "", entries.c.visit_key), else_=entries.c.line).label("about"),
    )
    .join(entries, entries.c.id == postings.c.entry)
    .where(among(postings.c.bucket))
    .order_by(entries.c.seq, postings.c.number),
    postings,
)

_BUCKETS_IN = Scoped(_BUCKETS.where(among(buckets.c.id)), buckets)
_THERE = sa.select(entries.c.id).where(among(entries.c.id))
_MONEY_THERE = sa.select(money_entries.c.id).where(among(money_entries.c.id))
_ENTRY_COLUMNS = tuple(each.name for each in entries.c if each.name != "seq")
_POSTING_COLUMNS = tuple(each.name for each in postings.c)
_MONEY_ENTRY_COLUMNS = tuple(each.name for each in money_entries.c if each.name != "seq")
_MONEY_LINE_COLUMNS = tuple(each.name for each in money_lines.c)

_WITH_POSTINGS = (
    sa.select(
        entries, *(postings.c[name].label(f"posting_{name}") for name in ("bucket", "source", "target", "quantity"))
    )
    .join(postings, postings.c.entry == entries.c.id)
    .order_by(entries.c.seq, postings.c.number)
)
_OF_CLAIMS = Scoped(_WITH_POSTINGS.where(among(entries.c.claim)), entries)
_OF_VISITS = Scoped(_WITH_POSTINGS.where(among(entries.c.visit_key)), entries)
_MONEY_WITH_LINES = (
    sa.select(money_entries, money_lines.c.account, money_lines.c.cents)
    .join(money_lines, money_lines.c.entry == money_entries.c.id)
    .order_by(money_entries.c.seq, money_lines.c.number)
)
_MONEY_IN = Scoped(_MONEY_WITH_LINES.where(among(money_entries.c.id)), money_entries)

_HAS = sa.select(sa.literal(1)).where(entries.c.id == sa.bindparam("wanted"))
_POST = insert(entries).on_conflict_do_nothing()
_POSTINGS = sa.insert(postings)
_POST_MONEY = insert(money_entries).on_conflict_do_nothing()
_MONEY_LINES = sa.insert(money_lines)

_MONEY = sa.select(money_lines.c.account, sa.func.sum(money_lines.c.cents)).group_by(money_lines.c.account)
_MONEY_ALL = Scoped(_MONEY, money_lines)
_MONEY_CLAIM = Scoped(
    _MONEY.join(money_entries, money_entries.c.id == money_lines.c.entry).where(
        money_entries.c.claim == sa.bindparam("of_claim")
    ),
    money_lines,
)
_UNBALANCED = Scoped(
    sa.select(money_entries.c.id)
    .outerjoin(money_lines, money_lines.c.entry == money_entries.c.id)
    .group_by(money_entries.c.id)
    .having(sa.or_(sa.func.count(money_lines.c.number) == 0, sa.func.sum(money_lines.c.cents) != 0)),
    money_entries,
)
_EMPTY = Scoped(
    sa.select(entries.c.id).where(~sa.exists().where(postings.c.entry == entries.c.id)),
    entries,
)


class Books:
    """Units and cents."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # Units.

    def add_bucket(self, bucket: Bucket) -> bool:
        """Open a bucket; False where its id is there already."""
        session = self._session
        organisation, clinic = session.owner(bucket.organisation, bucket.clinic)
        values = {name: getattr(bucket, name) for name in _BUCKET}
        values |= {
            "organisation": organisation,
            "clinic": clinic,
            "procedures": list(bucket.procedures),
            "modifiers": list(bucket.modifiers),
            "unit": bucket.unit.value,
            "recorded_at": session.now,
        }
        return bool(session.run(_ADD_BUCKET, values).rowcount)

    def buckets(self, authorization: str) -> list[Bucket]:
        """The buckets of an authorization, by window and line."""
        rows = self._session.within(_BUCKETS_OF, {"of_authorization": authorization})
        return [_bucket(row) for row in rows]

    def buckets_of(self, bucket_ids: Iterable[str]) -> list[Bucket]:
        """These buckets, as far as the scope sees them."""
        wanted = sorted(set(bucket_ids) - {""})
        return [_bucket(row) for row in self._session.within(_BUCKETS_IN, {"wanted": wanted}).all()] if wanted else []

    def buckets_under(self, authorizations: Iterable[str]) -> list[Bucket]:
        """The buckets of several authorizations, by window and line."""
        wanted = sorted(set(authorizations))
        if not wanted:
            return []
        return [_bucket(row) for row in self._session.within(_BUCKETS_OF_ALL, {"of_authorizations": wanted})]

    def buckets_ended_by(self, day: date) -> list[Bucket]:
        """The buckets whose window ended by this day and in which something is still available."""
        return [_bucket(row) for row in self._session.within(_BUCKETS_ENDED, {"last_day": day})]

    def bucket(self, bucket_id: str, *, lock: bool = False) -> Bucket:
        """Raises NotInStore where there is none in this scope. ``lock`` holds it to the end of the transaction."""
        row = self._session.within(_BUCKET_LOCK if lock else _BUCKET_GET, {"wanted": bucket_id}).first()
        if row is None:
            raise _missing(bucket_id)
        return _bucket(row)

    def balances(self, bucket_ids: Iterable[str], *, lock: bool = False) -> dict[str, dict[Account, int]]:
        """What stands in each account of these buckets; accounts that were never touched are not listed.

        ``lock`` holds the buckets to the end of the transaction: always before a draw. Raises NotInStore on a bucket
        that the scope does not cover.
        """
        wanted = sorted(set(bucket_ids))
        if not wanted:
            return {}
        if lock:
            self._owners(wanted, lock=True)
        found = _balances(self._session.within(_MOVED_IN, {"wanted": wanted}).all())
        if not lock and len(found) < len(wanted):
            self._owners(wanted)
        return {bucket: found.get(bucket, {}) for bucket in wanted}

    def moves(self, bucket_ids: Iterable[str]) -> dict[str, list[Move]]:
        """Every posting in these buckets, in the order of posting, with the visit or the claim's line it is about."""
        found: dict[str, list[Move]] = {each: [] for each in bucket_ids}
        for row in self._session.within(_MOVES_IN, {"wanted": sorted(found)}) if found else ():
            move = Move(row.about, Account(row.source), Account(row.target), int(row.quantity))
            found[row.bucket].append(move)
        return found

    def post(self, entry: Entry) -> bool:
        """Write an entry with its postings. False where its id is there already: a repeat is harmless."""
        session = self._session
        owners = self._owners(sorted({each.bucket for each in entry.postings}))
        organisation, clinic = owners[entry.postings[0].bucket]
        values = _entry_values(entry, organisation, clinic, session) | {"visit_key": entry.visit_key}
        if not session.run(_POST, values).rowcount:
            return False
        moved = [
            {
                "entry": entry.id,
                "number": number,
                "organisation": owners[each.bucket][0],
                "clinic": owners[each.bucket][1],
                "bucket": each.bucket,
                "source": each.source.value,
                "target": each.target.value,
                "quantity": each.quantity,
            }
            for number, each in enumerate(entry.postings, start=1)
        ]
        session.run(_POSTINGS, moved if len(moved) > 1 else moved[0])
        return True

    def post_all(self, posted: Sequence[Entry]) -> set[str]:
        """Write many entries at once; the ids of those that were not there already."""
        session = self._session
        fresh = {each.id: each for each in posted}
        if not fresh:
            return set()
        for known in session.run(_THERE, {"wanted": list(fresh)}).scalars():
            del fresh[known]
        owners = self._owners(sorted({each.bucket for entry in fresh.values() for each in entry.postings}))
        heads, moved = [], []
        for entry in fresh.values():
            values = _entry_values(entry, *owners[entry.postings[0].bucket], session)
            values["visit_key"] = entry.visit_key
            heads.append(tuple([values[name] for name in _ENTRY_COLUMNS]))
            for number, each in enumerate(entry.postings, start=1):
                owner = owners[each.bucket]
                moved.append(
                    (entry.id, number, *owner, each.bucket, each.source.value, each.target.value, each.quantity)
                )
        add_rows(session, entries, _ENTRY_COLUMNS, heads)
        add_rows(session, postings, _POSTING_COLUMNS, moved)
        return set(fresh)

    def has(self, entry_id: str) -> bool:
        """Whether an entry of this id is in the units book, whoever it belongs to: a repeat need not be worked out."""
        return self._session.run(_HAS, {"wanted": entry_id}).first() is not None

    def entries(
        self, *, authorization: str | None = None, claim: str | None = None, cause_document: str | None = None
    ) -> list[Entry]:
        """In the order of posting. ``authorization`` finds what moved in its buckets, too."""
        statement = _WITH_POSTINGS
        if authorization is not None:
            touched = sa.select(postings.c.entry).join(buckets, buckets.c.id == postings.c.bucket)
            in_buckets = entries.c.id.in_(touched.where(buckets.c.authorization == authorization))
            statement = statement.where(sa.or_(entries.c.authorization == authorization, in_buckets))
        if claim is not None:
            statement = statement.where(entries.c.claim == claim)
        if cause_document is not None:
            statement = statement.where(entries.c.document == cause_document)
        return _entries(self._session.within(Scoped(statement, entries)))

    def entries_of(self, claims: Iterable[str], visit_keys: Iterable[str] = ()) -> list[Entry]:
        """What these claims caused, and what moved in these visits, each entry once and in the order of posting."""
        found: dict[str, list[Row]] = {}
        for statement, wanted in ((_OF_VISITS, set(visit_keys)), (_OF_CLAIMS, set(claims))):
            if wanted - {""}:
                more: dict[str, list[Row]] = {}
                for row in self._session.within(statement, {"wanted": sorted(wanted - {""})}).all():
                    if row.id not in found:
                        more.setdefault(row.id, []).append(row)
                found |= more
        return [_entry(rows) for rows in sorted(found.values(), key=lambda rows: rows[0].seq)]

    # Cents.

    def post_money(self, entry: MoneyEntry) -> bool:
        """Write an entry with its lines. False where its id is there already: a repeat is harmless."""
        session = self._session
        organisation, clinic = session.owner_of(entry.cause.claim or entry.cause.authorization)
        if not session.run(_POST_MONEY, _entry_values(entry, organisation, clinic, session)).rowcount:
            return False
        owned = {"entry": entry.id, "organisation": organisation, "clinic": clinic}
        lines = [
            {**owned, "number": number, "account": each.account, "cents": each.cents}
            for number, each in enumerate(entry.lines, start=1)
        ]
        if lines:
            session.run(_MONEY_LINES, lines)
        return True

    def post_money_all(self, posted: Sequence[MoneyEntry]) -> set[str]:
        """Write many entries at once; the ids of those that were not there already."""
        session = self._session
        fresh = {each.id: each for each in posted}
        if not fresh:
            return set()
        for known in session.run(_MONEY_THERE, {"wanted": list(fresh)}).scalars():
            del fresh[known]
        heads, lines = [], []
        for entry in fresh.values():
            owner = session.owner_of(entry.cause.claim or entry.cause.authorization)
            values = _entry_values(entry, *owner, session)
            heads.append(tuple([values[name] for name in _MONEY_ENTRY_COLUMNS]))
            for number, each in enumerate(entry.lines, start=1):
                lines.append((entry.id, number, *owner, each.account, each.cents))
        add_rows(session, money_entries, _MONEY_ENTRY_COLUMNS, heads)
        add_rows(session, money_lines, _MONEY_LINE_COLUMNS, lines)
        return set(fresh)

    def money_balances(self, *, claim: str | None = None) -> dict[str, int]:
        """Cents in each account, of all claims or of one."""
        if claim is None:
            rows = self._session.within(_MONEY_ALL)
        else:
            rows = self._session.within(_MONEY_CLAIM, {"of_claim": claim})
        return {row[0]: int(row[1]) for row in rows}

    def money_entries(self, *, claim: str | None = None, cause_document: str | None = None) -> list[MoneyEntry]:
        """In the order of posting."""
        statement = _MONEY_WITH_LINES
        if claim is not None:
            statement = statement.where(money_entries.c.claim == claim)
        if cause_document is not None:
            statement = statement.where(money_entries.c.document == cause_document)
        return _money_entries(self._session.within(Scoped(statement, money_entries)))

    def money_entries_of(self, ids: Iterable[str]) -> list[MoneyEntry]:
        """Those of these entries that are there, in the order of posting."""
        wanted = sorted(set(ids))
        return _money_entries(self._session.within(_MONEY_IN, {"wanted": wanted})) if wanted else []

    # Both.

    def check(self) -> list[Finding]:
        """Every invariant of both books that does not hold; none in a sound ledger."""
        found = violations(_balances(self._session.within(_MOVED_ANYWHERE)))
        for entry in self._session.within(_EMPTY).scalars():
            found.append(_unsound(f"entry {entry}", "the entry moves nothing"))
        for entry in self._session.within(_UNBALANCED).scalars():
            found.append(_unsound(f"money entry {entry}", "its lines do not sum to zero"))
        return found

    def _owners(self, wanted: Sequence[str], *, lock: bool = False) -> Mapping[str, tuple[str, str]]:
        session = self._session
        known = {} if lock else session.remembered(wanted)
        if len(known) < len(wanted):
            rows = session.within(_OWNERS_LOCK if lock else _OWNERS_GET, {"wanted": wanted}).all()
            known = {row.id: session.remember(row.id, row.organisation, row.clinic) for row in rows}
        for bucket in wanted:
            if bucket not in known:
                raise _missing(bucket)
        return known


def _entry_values(entry: Entry | MoneyEntry, organisation: str, clinic: str, session: Session) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(entry.cause, name) for name in _CAUSE}
    return values | {
        "id": entry.id,
        "organisation": organisation,
        "clinic": clinic,
        "kind": entry.kind,
        "holds_on": entry.holds_on,
        "reverses": entry.reverses,
        "note": entry.note,
        "recorded_at": session.now,
    }


def _balances(rows: Iterable[Row]) -> dict[str, dict[Account, int]]:
    found: dict[str, dict[Account, int]] = {}
    for row in rows:
        balance, quantity = found.setdefault(row.bucket, {}), int(row.quantity)
        source, target = Account(row.source), Account(row.target)
        balance[source] = balance.get(source, 0) - quantity
        balance[target] = balance.get(target, 0) + quantity
    return found


def _bucket(row: Row) -> Bucket:
    values = dict(row._mapping)
    values |= {
        "procedures": tuple(row.procedures),
        "modifiers": tuple(row.modifiers),
        "unit": Unit(row.unit),
    }
    return Bucket(**values)


def _entries(rows: Iterable[Row]) -> list[Entry]:
    grouped: dict[str, list[Row]] = {}
    for row in rows:
        grouped.setdefault(row.id, []).append(row)
    return [_entry(each) for each in grouped.values()]


def _money_entries(rows: Iterable[Row]) -> list[MoneyEntry]:
    grouped: dict[str, list[Row]] = {}
    for row in rows:
        grouped.setdefault(row.id, []).append(row)
    return [_money_entry(each) for each in grouped.values()]


def _entry(rows: Sequence[Row]) -> Entry:
    head = rows[0]
    moved = [
        Posting(row.posting_bucket, _ACCOUNTS[row.posting_source], _ACCOUNTS[row.posting_target], row.posting_quantity)
        for row in rows
    ]
    return Entry(
        id=head.id,
        kind=head.kind,
        holds_on=head.holds_on,
        cause=_cause(head),
        postings=tuple(moved),
        visit_key=head.visit_key,
        reverses=head.reverses,
        note=head.note,
    )


def _money_entry(rows: Sequence[Row]) -> MoneyEntry:
    head = rows[0]
    return MoneyEntry(
        id=head.id,
        kind=head.kind,
        holds_on=head.holds_on,
        cause=_cause(head),
        lines=tuple(MoneyLine(row.account, row.cents) for row in rows),
        reverses=head.reverses,
        note=head.note,
    )


def _cause(row: Row) -> Cause:
    return Cause(
        document=row.document,
        segment=row.segment,
        line=row.line,
        claim=row.claim,
        authorization=row.authorization,
        actor=row.actor,
    )


def _missing(bucket: str) -> NotInStore:
    return NotInStore(f"there is no bucket {bucket}, or not in this scope", fix="Look it up with gateway ledger")


def _unsound(where: str, what: str) -> Finding:
    return Finding(
        rule="ledger_entries",
        where=where,
        what=what,
        fix="Compare it with the document that caused it; somebody wrote past the gateway",
    )
