"""The two books in the database: exact, append-only, and never overdrawn, however many draw at once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from threading import Barrier

import pytest
import sqlalchemy as sa
from store_samples import bucket, claim, request

from gateway.errors import BalanceShort, GatewayError
from gateway.ledger import units
from gateway.ledger.cents import MoneyEntry, MoneyLine
from gateway.ledger.entry import Account, Bucket, Cause, Entry, Posting, entry_id
from gateway.store import NotInStore, Scope, Store, Transaction
from gateway.store.schema import buckets, money_entries, money_lines, postings

SYSTEM = Scope.system("test")
DAY = date(2026, 3, 2)


def granted(store: Store, quantity: int) -> Bucket:
    made = bucket()
    with store.transaction(SYSTEM) as tx:
        tx.authorizations.add(request(), partner="p", digest="d")
        assert tx.books.add_bucket(made)
        assert not tx.books.add_bucket(made)
        cause = Cause(document="do_1", segment="HCR", authorization=made.authorization)
        assert tx.books.post(units.grant(made, {}, quantity, cause=cause, holds_on=DAY, key="decision 1"))
    return made


def draw(tx: Transaction, made: Bucket, key: str) -> bool:
    balance = tx.books.balances([made.id], lock=True)[made.id]
    cause = Cause(claim="cl_1", line="6R1", actor="test")
    return tx.books.post(units.commit(made, balance, 1, cause=cause, holds_on=DAY, key=key, visit_key="day"))


def test_a_bucket_comes_back_whole(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        for each in (
            bucket(1),
            replace(
                bucket(2, authorization=bucket(1).authorization), procedures=(), limited=False, ends_on=None, line=2
            ),
        ):
            tx.books.add_bucket(each)
            assert tx.books.bucket(each.id) == each
            assert tx.books.bucket(each.id, lock=True) == each
        assert [each.line for each in tx.books.buckets(bucket(1).authorization)] == [0, 2]
        with pytest.raises(NotInStore):
            tx.books.bucket("bu_nowhere")
        with pytest.raises(NotInStore):
            tx.books.balances(["bu_nowhere"])


def test_balances_are_the_sum_of_what_was_posted(store: Store) -> None:
    made = granted(store, 10)
    with store.transaction(SYSTEM) as tx:
        assert draw(tx, made, "one")
        assert draw(tx, made, "two")
    with store.transaction(SYSTEM) as tx:
        assert tx.books.balances([made.id]) == {
            made.id: {Account.GRANT: -10, Account.AVAILABLE: 8, Account.COMMITTED: 2}
        }
        assert tx.books.balances([]) == {}
        assert tx.books.check() == []


def test_windows_that_ended_with_something_left_are_found(store: Store) -> None:
    made = granted(store, 2)
    with store.transaction(SYSTEM) as tx:
        tx.books.add_bucket(bucket(2))  # Nothing was granted in it.
        assert tx.books.buckets_ended_by(date(2026, 6, 29)) == []
        assert tx.books.buckets_ended_by(date(2026, 6, 30)) == [made]
        assert draw(tx, made, "one")
        assert tx.books.buckets_ended_by(date(2026, 7, 1)) == [made]
        assert draw(tx, made, "two")
        assert tx.books.buckets_ended_by(date(2026, 7, 1)) == []


def test_an_entry_is_posted_once(store: Store) -> None:
    made = granted(store, 10)
    for expected in (True, False, False):
        with store.transaction(SYSTEM) as tx:
            assert draw(tx, made, "the same claim line") is expected
    with store.transaction(SYSTEM) as tx:
        assert tx.books.balances([made.id])[made.id][Account.COMMITTED] == 1
        assert tx.books.has(units.id_of("commit", made.id, "the same claim line"))
        assert not tx.books.has(units.id_of("commit", made.id, "another"))


def test_entries_come_back_whole_and_are_found_by_what_caused_them(store: Store) -> None:
    made = granted(store, 10)
    entry = Entry(
        id=entry_id("render", "x"),
        kind="render",
        holds_on=DAY,
        cause=Cause(document="do_2", segment="SVC 3", line="6R1", claim="cl_1", actor="ada"),
        postings=(
            Posting(made.id, Account.AVAILABLE, Account.RENDERED, 2),
            Posting(made.id, Account.AVAILABLE, Account.RENDERED, 1),
        ),
        visit_key="v",
        reverses="en_other",
        note="by hand",
    )
    with store.transaction(SYSTEM) as tx:
        assert tx.books.post(entry)
    with store.transaction(SYSTEM) as tx:
        assert tx.books.entries(claim="cl_1") == [entry]
        assert tx.books.entries(cause_document="do_2") == [entry]
        assert [each.kind for each in tx.books.entries(authorization=made.authorization)] == ["grant", "render"]
        assert tx.books.entries(claim="cl_2") == []


def test_a_hundred_draws_at_once_on_ten_visits_are_ten(store: Store) -> None:
    made, draws = granted(store, 10), 100
    barrier = Barrier(16)

    def one_draw(number: int) -> bool:
        if number < barrier.parties:
            barrier.wait()
        try:
            with store.transaction(SYSTEM) as tx:
                return draw(tx, made, f"claim {number}")
        except BalanceShort:
            return False

    with ThreadPoolExecutor(barrier.parties) as pool:
        assert sum(pool.map(one_draw, range(draws))) == 10
    with store.transaction(SYSTEM) as tx:
        assert tx.books.balances([made.id])[made.id] == {
            Account.GRANT: -10,
            Account.AVAILABLE: 0,
            Account.COMMITTED: 10,
        }
        assert tx.books.check() == []


def test_draws_on_two_buckets_in_either_order_do_not_wait_for_each_other(store: Store) -> None:
    first, second = bucket(1), bucket(2)
    with store.transaction(SYSTEM) as tx:
        for each in (first, second):
            tx.books.add_bucket(each)
            tx.books.post(units.grant(each, {}, 50, cause=Cause(), holds_on=DAY, key="g"))
    barrier = Barrier(2)

    def draw_both(order: list[Bucket]) -> None:
        barrier.wait()
        for number in range(10):
            with store.transaction(SYSTEM) as tx:
                held = tx.books.balances([each.id for each in order], lock=True)
                for each in order:
                    key = f"{order[0].id}{number}"
                    tx.books.post(units.commit(each, held[each.id], 1, cause=Cause(), holds_on=DAY, key=key))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(draw_both, ([first, second], [second, first])))
    with store.transaction(SYSTEM) as tx:
        held = tx.books.balances([first.id, second.id])
        assert [held[each.id][Account.COMMITTED] for each in (first, second)] == [20, 20]


def money(number: int = 1, paid: int = 4000) -> MoneyEntry:
    return MoneyEntry(
        id=entry_id("payment", str(number)),
        kind="payment",
        holds_on=DAY,
        cause=Cause(document="do_3", claim=claim().id),
        lines=(
            MoneyLine("cash:payer", paid),
            MoneyLine("writeoff:contractual", 4500 - paid),
            MoneyLine("receivable:payer", -4500),
        ),
        note="n",
    )


def test_cents_balance_and_come_back_whole(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        tx.claims.add(claim(), partner="p", digest="d")
        assert tx.books.post_money(money())
        assert not tx.books.post_money(money())
        provider = MoneyEntry(
            id="en_plb",
            kind="provider_adjustment",
            holds_on=DAY,
            cause=Cause(document="do_3"),
            lines=(MoneyLine("plb:WO", 100), MoneyLine("cash:payer", -100)),
        )
        assert tx.books.post_money(provider)
    with store.transaction(SYSTEM) as tx:
        assert tx.books.money_balances() == {
            "cash:payer": 3900,
            "writeoff:contractual": 500,
            "receivable:payer": -4500,
            "plb:WO": 100,
        }
        assert tx.books.money_balances(claim=claim().id)["cash:payer"] == 4000
        assert tx.books.money_entries(claim=claim().id) == [money()]
        assert tx.books.money_entries(cause_document="do_3") == [money(), provider]
        assert tx.books.check() == []


def test_the_check_finds_what_somebody_wrote_past_the_gateway(store: Store) -> None:
    made = granted(store, 10)
    with store.transaction(SYSTEM) as tx:
        draw(tx, made, "one")
        tx.claims.add(claim(), partner="p", digest="d")
        tx.books.post_money(money())
        committed = tx.books.entries(claim="cl_1")[0].id
    owned = {"organisation": "north", "clinic": "a"}
    with store.engine.begin() as connection:
        drawn = {"bucket": made.id, "source": "available", "target": "consumed", "quantity": 20}
        connection.execute(sa.insert(postings), {"entry": committed, "number": 9, **owned, **drawn})
        connection.execute(
            sa.insert(money_lines), {"entry": money().id, "number": 9, **owned, "account": "cash:payer", "cents": 1}
        )
    with store.transaction(SYSTEM) as tx:
        found = tx.books.check()
    assert {each.rule for each in found} == {"ledger_units", "ledger_entries"}
    assert any(made.id in str(each.where) and "-11" in each.what for each in found)
    assert any(money().id in str(each.where) for each in found)


@pytest.mark.parametrize("change", ["update", "delete"])
def test_entries_are_never_changed(store: Store, change: str) -> None:
    made = granted(store, 10)
    with store.transaction(SYSTEM) as tx:
        tx.claims.add(claim(), partner="p", digest="d")
        tx.books.post_money(money())
        tx.events.add(made.authorization, "authorization.certified")
        tx.inputs.add(kind="command", name="book", holds_on=DAY)
    for table in ("entries", "postings", "money_entries", "money_lines", "events", "inputs"):
        column = {"postings": "quantity", "money_lines": "cents"}.get(table, "actor")
        text = f"UPDATE {table} SET {column} = {column}" if change == "update" else f"DELETE FROM {table}"
        with pytest.raises(GatewayError, match=f"{table} is append-only"), store.transaction(SYSTEM) as tx:
            tx.run(sa.text(text))
    with store.transaction(SYSTEM) as tx:
        assert tx.books.balances([made.id])[made.id][Account.AVAILABLE] == 10


def test_a_posting_to_a_bucket_that_is_not_there_is_refused(store: Store) -> None:
    with pytest.raises(NotInStore), store.transaction(SYSTEM) as tx:
        tx.books.post(units.grant(bucket(), {}, 1, cause=Cause(), holds_on=DAY, key="k"))
    with store.engine.connect() as connection:
        for table in (buckets, postings, money_entries):
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0
