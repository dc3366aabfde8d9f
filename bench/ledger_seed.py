"""A ledger of a million entries to measure in: authorizations of twelve visits, each granted, committed, consumed."""

from collections.abc import Iterator
from datetime import date, timedelta

from gateway.domain.authorization import Unit
from gateway.ledger import units
from gateway.ledger.entry import Bucket, Cause, Entry, apply
from gateway.ledger.matching import key_of
from gateway.store import Scope, Store

START = date(2026, 1, 1)
VISITS = 12
PER_AUTHORIZATION = 1 + 2 * (VISITS - 1)
BATCH = 500


def authorization(number: int) -> str:
    """The id of an authorization of the seed, counted from 0."""
    return f"au_seed{number:018}"


def seed(store: Store, entries: int) -> int:
    """Posts at least so many entries; how many authorizations those are of."""
    wanted = -(-entries // PER_AUTHORIZATION)
    for first in range(0, wanted, BATCH):
        with store.transaction(Scope.system("seed")) as tx:
            made = [bucket_of(number) for number in range(first, min(first + BATCH, wanted))]
            for each in made:
                tx.books.add_bucket(each)
            tx.books.post_all([entry for each in made for entry in history(each)])
    with store.transaction(Scope.system("seed")) as tx:
        if tx.connection.dialect.name == "postgresql":
            tx.connection.exec_driver_sql("ANALYZE")  # After a load at once; else autovacuum does it within minutes.
    return wanted


def bucket_of(number: int) -> Bucket:
    return Bucket(
        id=f"bu_seed{number:018}",
        authorization=authorization(number),
        organisation="northside",
        clinic="downtown",
        number=f"SEED{number:08}",
        unit=Unit.VISIT,
        procedures=("97110",),
        modifiers=("GP",),
        starts_on=START,
        ends_on=START + timedelta(days=90),
    )


def history(bucket: Bucket) -> Iterator[Entry]:
    """A grant, and one visit after the other that is committed and consumed; one is left."""
    cause = Cause(document="do_seed", authorization=bucket.authorization)
    entry = units.grant(bucket, {}, VISITS, cause=cause, holds_on=START, key="seed")
    balances = apply({}, entry)
    yield entry
    for number in range(VISITS - 1):
        day = START + timedelta(days=number)
        visit = key_of(bucket.authorization, day, "GP")
        for move in (units.commit, units.consume):
            entry = move(bucket, balances[bucket.id], 1, cause=cause, holds_on=day, key=visit, visit_key=visit)
            balances = apply(balances, entry)
            yield entry
