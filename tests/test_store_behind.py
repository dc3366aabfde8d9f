"""What goes to the server beside its transaction: in order, whole, and never after an error."""

from datetime import date
from threading import Event

import pytest

from gateway.errors import GatewayError
from gateway.ledger.cents import MoneyEntry, MoneyLine
from gateway.ledger.entry import Cause
from gateway.store import ChangedMeanwhile, Scope, Store
from gateway.store.behind import Behind

SYSTEM = Scope.system("test")


def money(name: str, note: str = "") -> MoneyEntry:
    lines = (MoneyLine("cash:payer", 100), MoneyLine("suspense", -100))
    return MoneyEntry(id=name, kind="suspense", holds_on=date(2026, 3, 2), cause=Cause(), lines=lines, note=note)


def test_writes_go_one_after_the_other_while_whoever_gave_them_goes_on() -> None:
    behind, go, written = Behind(), Event(), list[int]()
    behind.add(lambda: written.append(int(go.wait(30))))
    behind.add(lambda: written.append(2))
    assert written == [], "the first one waits for us"
    go.set()
    behind.arrive()
    assert written == [1, 2]
    behind.close()


def test_nothing_is_written_after_an_error_and_it_is_raised_once() -> None:
    behind, written = Behind(), list[int]()

    def fail() -> None:
        raise ChangedMeanwhile("first")

    behind.add(fail)
    behind.add(lambda: written.append(1))
    with pytest.raises(ChangedMeanwhile, match="first"):
        behind.arrive()
    behind.add(lambda: written.append(2))
    behind.arrive()
    behind.close()
    assert written == []


def test_the_end_waits_for_what_is_under_way() -> None:
    behind, written = Behind(), list[int]()
    behind.add(lambda: written.append(1))
    behind.close()
    assert written == [1]


def test_the_next_question_finds_what_was_written(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        assert tx.books.post_money_all([money(f"en_{at}") for at in range(300)])
        assert tx.books.money_balances() == {"cash:payer": 30000, "suspense": -30000}


def test_an_error_ends_the_transaction_where_nothing_is_asked_any_more(store: Store) -> None:
    with pytest.raises(GatewayError):
        _post(store, money("en_1"), money("en_2", note=None))  # type: ignore[arg-type]
    with store.transaction(SYSTEM) as tx:
        assert tx.books.money_entries() == []


def test_an_error_of_the_work_itself_takes_back_what_was_under_way(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        _post(store, *[money(f"en_{at}") for at in range(300)], error=ZeroDivisionError())
    with store.transaction(SYSTEM) as tx:
        assert tx.books.money_entries() == []


def _post(store: Store, *posted: MoneyEntry, error: Exception | None = None) -> None:
    with store.transaction(SYSTEM) as tx:
        tx.books.post_money_all(posted)
        if error:
            raise error
