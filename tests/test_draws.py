"""A thousand draws at once on one bucket of a hundred: a hundred succeed, and nothing is overdrawn. Both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_samples import CAUSE, DAY
from store_samples import bucket

from gateway.domain.authorization import Unit
from gateway.errors import BalanceShort
from gateway.ledger import units
from gateway.ledger.entry import Account, Cause
from gateway.ledger.remaining import Move, remaining
from gateway.store import Scope, Store

SYSTEM = Scope.system("test")
THREADS = 12


@pytest.mark.parametrize("kind", ["reserve", "render", "commit"])
def test_a_thousand_draws_at_once_on_a_hundred_are_a_hundred(store: Store, kind: str) -> None:
    made = bucket()
    with store.transaction(SYSTEM) as tx:
        tx.books.add_bucket(made)
        tx.books.post(units.grant(made, {}, 100, cause=Cause(), holds_on=DAY, key="g"))
    barrier = Barrier(THREADS)
    draw = {"reserve": units.reserve, "render": units.render, "commit": units.commit}[kind]

    def one_draw(number: int) -> bool:
        if number < THREADS:
            barrier.wait()
        try:
            with store.transaction(SYSTEM) as tx:
                balance = tx.books.balances([made.id], lock=True)[made.id]
                return tx.books.post(draw(made, balance, 1, cause=CAUSE, holds_on=DAY, key=f"{number}"))
        except BalanceShort:
            return False

    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(pool.map(one_draw, range(1000))) == 100
    with store.transaction(SYSTEM) as tx:
        balance = tx.books.balances([made.id])[made.id]
        assert (balance[Account.AVAILABLE], balance[Account.GRANT]) == (0, -100)
        assert tx.books.check() == []


def _moves(*given: tuple[str, str, str]) -> list[Move]:
    return [Move(about, Account(source), Account(target), 1) for about, source, target in given]


def test_what_is_left_is_counted_three_ways() -> None:
    """6.3: a denial gives a visit back to the payer's count, and not to that of what was rendered."""
    history = [
        Move("", Account.GRANT, Account.AVAILABLE, 12),
        *_moves(
            ("a", "available", "rendered"),
            ("a", "rendered", "committed"),
            ("a", "committed", "consumed"),
            ("b", "available", "committed"),
            ("b", "committed", "available"),
            ("c", "available", "rendered"),
            ("d", "available", "committed"),
            ("e", "available", "reserved"),
        ),
    ]
    found = remaining("bu_1", Unit.VISIT, limited=True, moves=history)
    assert found.used == {"rendered": 4, "claimed": 2, "adjudicated": 1}
    assert found.left == {"rendered": 8, "claimed": 10, "adjudicated": 11}
    assert (found.granted, found.free, found.reserved) == (12, 8, 1)
    again = [*history, *_moves(("b", "available", "committed"))]
    assert remaining("bu_1", Unit.VISIT, limited=True, moves=again).used["rendered"] == 4, "one visit, billed again"


def test_without_a_finite_grant_nothing_is_left_to_count() -> None:
    assert remaining("bu_1", Unit.VISIT, limited=False, moves=[]).left is None


@given(days=st.lists(st.dates(date(2026, 1, 1), date(2026, 1, 5)), max_size=12))
def test_the_three_counts_never_cross(days: list[date]) -> None:
    moves = [Move("", Account.GRANT, Account.AVAILABLE, 20)]
    moves += [Move(f"{day}", Account.AVAILABLE, Account.COMMITTED, 1) for day in set(days)]
    found = remaining("bu_1", Unit.VISIT, limited=True, moves=moves)
    assert found.used["rendered"] >= found.used["claimed"] >= found.used["adjudicated"]
