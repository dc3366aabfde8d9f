"""Replacements and voids: what the payer took in bills, what it took the place of does not, in whatever order it says
so (domain facts, 5.3, 6.2)."""

import random
from collections.abc import Sequence
from datetime import date
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from flow_stage import Stage, claim_json, claim_status, line_json, on_sqlite, on_stage, payment, remitted

from gateway.domain.remittance import ProviderAdjustment
from gateway.store import Store, StoredClaim

DAY, NEXT = "2026-03-01", "2026-03-02"


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path)


def line(units: int, served_on: str = NEXT, procedure: str = "97110") -> dict[str, Any]:
    return line_json(procedure, f"{60 * units}.00", units, served_on)


def said(stage: Stage, number: int, *, category: str = "A1") -> bytes:
    """A 277CA about one claim, which the payer calls by a number of its own."""
    action = "WQ" if category == "A1" else "U"
    stored = stage.claim(number)
    return stage.says(claim_status(stored.claim.control_number, category, "19", action, payer_number=f"PCN{number}"))


def paid(stage: Stage, number: int, *, status: str = "1", denied: bool = False) -> bytes:
    """An 835 that pays a claim in full, denies it, or takes the payment back."""
    stored = stage.claim(number)
    amounts = [0 if denied else each.charge for each in stored.claim.lines]
    one = payment(
        stored,
        paid=amounts,
        reasons=[("CO", "197")] * len(amounts),
        status=status,
        payer_claim_number=f"PCN{number}",
    )
    wanted_back = ProviderAdjustment(  # BPR02 cannot be negative (5.2).
        provider="1234567893", period_ends_on=date(2026, 12, 31), reason="FB", amount=one.paid
    )
    carried = (wanted_back,) if one.paid < 0 else ()
    return stage.says(remitted(one, check=f"CHK{number}{status}", adjustments=carried))


def original(stage: Stage, *lines: dict[str, Any], **certified: Any) -> StoredClaim:
    """Claim 1 under request 1, in adjudication."""
    stage.certified(**{"visits": None, "units": 10, **certified})
    stage.submit(claim_json(1, lines=lines))
    stage.work()
    stage.arrive(said(stage, 1))
    return stage.claim()


def later(stage: Stage, number: int, *lines: dict[str, Any], frequency: str = "replacement", about: int = 1) -> str:
    """A claim that takes the place of another, or takes it back; sent, and nothing is said of it yet."""
    record = claim_json(number, lines=lines, authorization_ref="ACCT-31337-A1", frequency=frequency)
    stage.submit({**record, "payer_claim_number": f"PCN{about}"})
    stage.work()
    stored = stage.claim(number)
    assert (stored.state, stored.replaces) == ("sent", stage.claim(about).id)
    return stored.id


def owed(stage: Stage) -> int:
    """What the payer is billed and has not settled, in cents."""
    return stage.money().get("receivable:payer", 0)


# One after the other.


@pytest.mark.parametrize("units", [2, 6], ids=["fewer", "more"])
def test_a_paid_claim_is_replaced(stage: Stage, units: int) -> None:
    """6.2: COMMITTED/CONSUMED -> AVAILABLE, then re-commit new: by the 277CA alone, before any 835 of the later one."""
    original(stage, line(4))
    stage.arrive(paid(stage, 1))
    assert stage.units() == {"available": 6, "consumed": 4}
    later(stage, 2, line(units))
    beyond = max(0, units - 4)
    more = {"committed": beyond} if beyond else {}
    assert stage.units() == {"available": 6 - beyond, "consumed": 4, **more}
    stage.arrive(said(stage, 2))
    assert stage.units() == {"available": 10 - units, "committed": units}
    assert owed(stage) == 6000 * units - 24000  # The first one's payment still stands: the payer takes it back.
    assert stage.money()["revenue:charges"] == -6000 * units
    stage.arrive(paid(stage, 1, status="22"))
    assert (stage.units(), owed(stage)) == ({"available": 10 - units, "committed": units}, 6000 * units)
    stage.arrive(paid(stage, 2))
    assert (stage.units(), owed(stage)) == ({"available": 10 - units, "consumed": units}, 0)
    assert [stage.claim(each).state for each in (1, 2)] == ["reversed", "paid"]
    assert [each for each in stage.tasks() if each.kind == "remittance"] == []
    assert stage.balanced()


def test_a_void_is_taken_in_and_then_the_payment_comes_back(stage: Stage) -> None:
    original(stage, line(4))
    stage.arrive(paid(stage, 1))
    later(stage, 2, line(4), frequency="void")
    assert stage.units() == {"available": 6, "consumed": 4}
    stage.arrive(said(stage, 2))
    assert stage.units() == {"available": 10}
    assert stage.money() == {"receivable:payer": -24000, "cash:payer": 24000}
    assert [each.subject for each in stage.tasks("remittance")] == [stage.claim().id]  # Paid, and owed no more.
    stage.arrive(paid(stage, 1, status="22"))
    assert (stage.units(), owed(stage)) == ({"available": 10}, 0)
    assert "revenue:charges" not in stage.money()
    assert stage.tasks("remittance") == []
    assert stage.balanced()


@pytest.mark.parametrize("first", ["", "A1"], ids=["at once", "after it was taken in"])
def test_a_refused_replacement_leaves_the_original_as_it_was(stage: Stage, first: str) -> None:
    original(stage, line(4))
    stage.arrive(paid(stage, 1))
    before = (stage.units(), stage.money(), stage.claim().state)
    later(stage, 2, line(6))
    if first:
        stage.arrive(said(stage, 2))
        assert stage.units() == {"available": 4, "committed": 6}
    stage.arrive(said(stage, 2, category="A7"))
    assert stage.claim(2).state == "rejected"
    assert (stage.units(), stage.money(), stage.claim().state) == before
    assert stage.tasks("remittance") == []
    assert stage.balanced()


@on_sqlite
def test_a_replacement_is_paid_before_its_277ca_comes(stage: Stage) -> None:
    original(stage, line(4))
    later(stage, 2, line(6))
    stage.arrive(paid(stage, 2))
    after = ({"available": 4, "consumed": 6}, {"cash:payer": 36000, "revenue:charges": -36000})
    assert (stage.units(), stage.money()) == after
    stage.arrive(said(stage, 2))
    assert (stage.units(), stage.money()) == after
    assert stage.balanced()


@on_sqlite
def test_what_the_original_gives_back_meanwhile_the_replacement_claims(stage: Stage) -> None:
    """It claimed two of six, for the first one held four; denied, that one holds none, and six are billed."""
    original(stage, line(4))
    later(stage, 2, line(6))
    assert stage.units() == {"available": 4, "committed": 6}
    stage.arrive(paid(stage, 1, denied=True))
    assert stage.units() == {"available": 4, "committed": 6}
    stage.arrive(said(stage, 2, category="A7"))
    assert stage.units() == {"available": 10}
    assert stage.balanced()


def test_the_only_visit_moves_to_another_day(stage: Stage) -> None:
    original(stage, line(2, DAY), visits=1, units=None)
    later(stage, 2, line(2))
    assert stage.units() == {"committed": 1}
    stage.arrive(said(stage, 2))
    assert stage.units() == {"committed": 1}
    stage.arrive(paid(stage, 1))  # Too late: it bills nothing any more.
    assert stage.units() == {"committed": 1}
    stage.arrive(paid(stage, 2))
    assert stage.units() == {"consumed": 1}
    assert stage.balanced()


@on_sqlite
def test_a_day_that_both_bill_is_one_visit(stage: Stage) -> None:
    original(stage, line(2), visits=12, units=None)
    later(stage, 2, line(2), line(2, DAY))
    assert stage.units() == {"available": 10, "committed": 2}
    stage.arrive(paid(stage, 1))
    stage.arrive(said(stage, 2))
    assert stage.units() == {"available": 10, "committed": 2}
    stage.arrive(paid(stage, 2, denied=True))
    assert stage.units() == {"available": 12}
    assert stage.balanced()


@on_sqlite
@pytest.mark.parametrize("told", ["before", "after"])
def test_a_visit_that_took_place_is_not_counted_beside_its_claim(stage: Stage, told: str) -> None:
    """Told before or after the replacement went out, the visit of the right day is the one that is claimed."""
    original(stage, line(2, DAY), visits=12, units=None)
    visit = {
        "type": "visit",
        "organisation": "northside",
        "clinic": "downtown",
        "client_ref": "ACCT-31337-V1",
        "authorization_ref": "ACCT-31337-A1",
        "served_on": NEXT,
        "discipline": "GP",
        "status": "took_place",
    }
    if told == "before":
        stage.submit(visit)
    later(stage, 2, line(2))
    if told == "after":
        stage.submit(visit)
    assert sum(quantity for account, quantity in stage.units().items() if account != "available") == 2
    stage.arrive(said(stage, 2))
    assert stage.units() == {"available": 11, "committed": 1}
    stage.arrive(paid(stage, 2))
    assert stage.units() == {"available": 11, "consumed": 1}
    assert stage.balanced()


@on_sqlite
def test_minutes_are_claimed_as_units_are(stage: Stage) -> None:
    original(stage, line(2), units=None, hours=2)
    later(stage, 2, line(4))
    assert stage.units() == {"available": 60, "committed": 60}
    stage.arrive(said(stage, 2))
    assert stage.units() == {"available": 60, "committed": 60}
    stage.arrive(paid(stage, 2))
    assert stage.units() == {"available": 60, "consumed": 60}
    assert stage.balanced()


@on_sqlite
def test_the_last_of_a_chain_is_the_one_that_bills(stage: Stage) -> None:
    original(stage, line(4))
    later(stage, 2, line(6))
    stage.arrive(said(stage, 2))
    later(stage, 3, line(3), about=2)
    assert stage.units() == {"available": 4, "committed": 6}
    stage.arrive(said(stage, 3))
    assert (stage.units(), owed(stage)) == ({"available": 7, "committed": 3}, 18000)
    stage.arrive(said(stage, 2, category="A7"))  # The one between: what it took the place of is not billed anew.
    assert (stage.units(), owed(stage)) == ({"available": 7, "committed": 3}, 18000)
    stage.arrive(said(stage, 3, category="A7"))
    assert (stage.units(), owed(stage)) == ({"available": 6, "committed": 4}, 24000)
    assert stage.balanced()


@on_sqlite
def test_what_is_not_left_is_told_and_never_drawn(stage: Stage) -> None:
    """Refused by a 999 it gave two back, which another claim took before the payer took it in."""
    original(stage, line(4), units=6)
    replacement = later(stage, 2, line(6))
    stage.arrive(stage.acknowledged(replacement, "R"))
    assert stage.units() == {"available": 2, "committed": 4}
    stage.submit(claim_json(3, lines=[line(2, DAY)], authorization_ref="ACCT-31337-A1"))
    stage.work()
    assert stage.units() == {"committed": 6}
    stage.arrive(said(stage, 2))
    assert stage.units() == {"committed": 6}
    assert [each for each in stage.tasks() if each.subject == replacement and "2 unit(s)" in each.reason]
    assert stage.balanced()


# In any order.

SAID = ("taken", "paid", "first paid", "first reversed")


def _in_order(stage: Stage, order: Sequence[str], *lines: dict[str, Any], **certified: Any) -> None:
    original(stage, line(4), **certified)
    later(stage, 2, *lines)
    came = {
        "taken": said(stage, 2),
        "paid": paid(stage, 2),
        "first paid": paid(stage, 1),
        "first reversed": paid(stage, 1, status="22"),
    }
    for each in order:
        stage.arrive(came[each])


ORDERS = list(permutations(SAID))


@on_sqlite
@pytest.mark.parametrize("order", random.Random(627).sample(ORDERS, 4), ids="-".join)
def test_any_order_ends_in_the_same_balances(stage: Stage, order: tuple[str, ...]) -> None:
    _in_order(stage, order, line(3), line(3, DAY))
    _ends_alike(stage)


@on_sqlite
@pytest.mark.full
@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_every_order_ends_in_the_same_balances(stage: Stage, order: tuple[str, ...]) -> None:
    _in_order(stage, order, line(3), line(3, DAY))
    _ends_alike(stage)


def _ends_alike(stage: Stage) -> None:
    assert stage.units() == {"available": 4, "consumed": 6}
    assert stage.money() == {"cash:payer": 60000, "plb:FB": -24000, "revenue:charges": -36000}
    assert stage.claim(2).state == "paid"
    assert stage.tasks("remittance") == []
    assert stage.balanced()


@on_sqlite
@pytest.mark.parametrize("order", list(permutations(["taken", "refused", "first denied"])), ids="-".join)
def test_any_order_of_a_refused_one_ends_in_the_same_balances(stage: Stage, order: tuple[str, ...]) -> None:
    original(stage, line(4))
    later(stage, 2, line(6))
    came = {
        "taken": said(stage, 2),
        "refused": said(stage, 2, category="A7"),
        "first denied": paid(stage, 1, denied=True),
    }
    for each in order:
        stage.arrive(came[each])
    assert stage.units() == {"available": 10}
    assert (owed(stage), stage.money()["revenue:charges"]) == (0, -24000)
    assert [stage.claim(each).state for each in (1, 2)] == ["denied", "rejected"]
    assert stage.balanced()
