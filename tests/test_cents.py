"""The money book: charges, payments, reversals, suspense, and the balances of an 835 (domain facts, 5.2 and 5.3)."""

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_samples import CAUSE, DAY, claim, line, paid, payment
from posted_remittances import posted

from gateway.domain.remittance import ClaimPayment, ProviderAdjustment, Remittance
from gateway.ledger import cents
from gateway.ledger.cents import MoneyEntry, MoneyLine, money_balances
from gateway.translate import maps
from gateway.x12.validate import Examined, examine

NEXT = DAY + timedelta(days=1)
ONE, TWO = paid("L1", 4000, "CO-45 1000"), paid("L2", 4000, "CO-45 1000", procedure="97140")
BACK_ONE = paid("L1", -4000, "CO-45 -1000", charge=-5000, units_paid="-2")
BACK_TWO = paid("L2", -4000, "CO-45 -1000", charge=-5000, units_paid="-2", procedure="97140")


def reversal(*lines: Any, **changes: Any) -> ClaimPayment:
    return payment(*lines, status="22", **changes)


def remittance(*claims: ClaimPayment, plb: tuple[ProviderAdjustment, ...] = (), **changes: Any) -> Remittance:
    amount = sum(each.paid for each in claims) - sum(each.amount for each in plb)
    values: dict[str, Any] = {"amount": amount, "check_number": "C1", "payer_id": "1999999999", "paid_on": DAY}
    return Remittance(claims=claims, provider_adjustments=plb, **{**values, **changes})


def withheld(amount: int, reason: str = "WO") -> ProviderAdjustment:
    return ProviderAdjustment(provider="1234567893", period_ends_on=DAY, reason=reason, amount=amount)


def book(*entries: MoneyEntry) -> dict[str, int]:
    held = money_balances(entries)
    assert not cents.violations(held)
    return {account: amount for account, amount in held.items() if amount}


BILLED = claim(line("L1"), line("L2", "97140"))
SENT = cents.post_claim(BILLED, holds_on=DAY)


def test_a_payment_takes_the_charge_off_what_the_payer_owes() -> None:
    came = payment(paid("L1", 3000, "CO-45 1000", "PR-2 1000"), paid("L2", 0, "CO-197 4900", "CO-253 100"))
    done = posted(remittance(came), claims={"CLM1": BILLED})
    assert not done.held
    assert book(SENT, *done.entries) == {
        "revenue:charges": -10000,
        "cash:payer": 3000,
        "writeoff:contractual": 1000,
        "receivable:patient": 1000,
        "denied:authorization": 4900,
        "writeoff:sequestration": 100,
    }


@pytest.mark.parametrize(
    ("trio", "account"),
    [
        ("PR-1 5000", "receivable:patient"),
        ("PR-119 5000", "receivable:patient"),
        ("CO-119 5000", "denied:benefit"),
        ("OA-23 5000", "adjusted:prior_payer"),
        ("CO-999 5000", "adjusted:contractual_obligation"),
        ("CR-999 5000", "adjusted:correction"),
        ("ZZ-999 5000", "suspense"),
        ("OA-133 5000", "receivable:payer"),
        ("OA-18 5000", "receivable:payer"),
    ],
)
def test_group_and_reason_say_where_an_amount_goes(trio: str, account: str) -> None:
    billed = claim(line("L1"))
    done = posted(remittance(payment(paid("L1", 0, trio))), claims={"CLM1": billed})
    assert book(cents.post_claim(billed, holds_on=DAY), *done.entries) == {"revenue:charges": -5000, account: 5000}


def test_a_reversal_undoes_its_payment_to_the_cent() -> None:
    came = remittance(payment(ONE, TWO))
    back = remittance(reversal(BACK_ONE, BACK_TWO), check_number="C2", paid_on=NEXT)
    again = remittance(payment(ONE, TWO), check_number="C3", paid_on=NEXT)
    first = posted(came, claims={"CLM1": BILLED})
    undone = posted(came, replace(back, amount=-8000), claims={"CLM1": BILLED})
    assert not undone.held
    assert book(SENT, *undone.entries) == book(SENT)
    done = posted(came, back, again, claims={"CLM1": BILLED})
    assert book(SENT, *done.entries) == book(SENT, *first.entries)


def test_a_provider_adjustment_takes_money_away() -> None:
    """5.2: a positive PLB reduces the payment."""
    done = posted(remittance(payment(ONE, TWO), plb=(withheld(1500), withheld(-200, "L6"))), claims={"CLM1": BILLED})
    shown = book(SENT, *done.entries)
    assert (shown["cash:payer"], shown["plb:WO"], shown["plb:L6"]) == (6700, 1500, -200)


@pytest.mark.parametrize(
    ("came", "place", "sum_of_it"),
    [
        (remittance(payment(paid("L1", 4000, "CO-45 900"))), "$.claims[0].lines[0]", "1.00"),
        (remittance(payment(ONE, charge=5100)), "$.claims[0]", "1.00"),
        (remittance(payment(ONE), amount=4025), "$", "-0.25"),
        (remittance(payment(ONE), plb=(withheld(5000),)), "$.amount", "-10.00"),
    ],
)
def test_each_balance_that_fails_names_its_place_and_sum(came: Remittance, place: str, sum_of_it: str) -> None:
    """5.2: line, claim, transaction; BPR02 is never negative."""
    found = {str(each.where): each.what for each in cents.balance(came)}
    assert found[place].endswith(f": {sum_of_it}")


def test_what_does_not_balance_waits_in_suspense_and_nothing_is_plugged() -> None:
    wrong = payment(paid("L1", 4000, "CO-45 900"), control_number="CLM2", charge=5000)
    other = claim(line("L1"), id="cm_2", control_number="CLM2")
    done = posted(remittance(wrong, payment(ONE, TWO)), claims={"CLM1": BILLED, "CLM2": other})
    assert done.held == {(0, 0): "claim_unbalanced"}
    shown = book(SENT, cents.post_claim(other, holds_on=DAY), *done.entries)
    assert (shown["cash:payer"], shown["suspense"], shown["receivable:payer"]) == (12000, -4000, 5000)


def test_a_total_that_does_not_balance_holds_all_of_it() -> None:
    done = posted(remittance(payment(ONE, TWO), amount=9000), claims={"CLM1": BILLED})
    assert done.held == {(0, 0): "total_unbalanced"}
    shown = book(SENT, *done.entries)
    assert (shown["cash:payer"], shown["suspense"], shown["receivable:payer"]) == (9000, -9000, 10000)


def test_strangers_and_reversals_of_nothing_wait_in_suspense() -> None:
    done = posted(
        remittance(payment(ONE, control_number="ELSE"), reversal(BACK_ONE, BACK_TWO)), claims={"CLM1": BILLED}
    )
    assert done.held == {(0, 0): "unknown_claim", (0, 1): "no_original"}
    assert book(*done.entries) == {"cash:payer": -4000, "suspense": 4000}


def test_the_same_remittance_again_posts_the_same_entries_and_equal_claims_differ() -> None:
    came = remittance(payment(ONE, TWO), payment(ONE, TWO))
    first, again = (posted(came, claims={"CLM1": BILLED}) for _ in range(2))
    assert first == again
    assert len({each.id for each in first.entries}) == 2
    assert book(*first.entries, *again.entries) == book(*first.entries)


def test_a_claim_that_was_refused_is_taken_back() -> None:
    back = cents.reverse(SENT, cause=CAUSE, holds_on=NEXT, key="999")
    assert book(SENT, back) == {}
    assert (back.reverses, back.id) != (SENT.id, SENT.id)


def test_an_entry_that_does_not_sum_to_zero_cannot_be_made() -> None:
    with pytest.raises(AssertionError):
        MoneyEntry(id="en_1", kind="claim", holds_on=DAY, cause=CAUSE, lines=(MoneyLine("cash:payer", 1),))
    assert cents.violations({"cash:payer": 1})


amounts = st.integers(-(10**7), 10**7)
groups, reasons = st.sampled_from(["CO", "PR", "OA", "PI", "CR", "X"]), st.sampled_from(["45", "1", "197", "?"])
trios = st.lists(st.tuples(groups, reasons, amounts).map(lambda each: f"{each[0]}-{each[1]} {each[2]}"), max_size=4)
random_lines = st.lists(st.tuples(amounts, amounts, trios), min_size=1, max_size=3)


@given(claims=st.lists(random_lines, max_size=3), amount=amounts, plb=st.lists(amounts, max_size=2))
def test_any_remittance_leaves_cash_at_bpr02_and_the_book_at_zero(
    claims: list[Any], amount: int, plb: list[int]
) -> None:
    payments = [
        payment(*(paid(f"L{at}", got, *why, charge=charge) for at, (charge, got, why) in enumerate(lines)))
        for lines in claims
    ]
    came = remittance(*payments, plb=tuple(withheld(each) for each in plb), amount=amount)
    done = posted(came, claims={"CLM1": BILLED})
    assert money_balances(done.entries).get("cash:payer", 0) == amount
    assert not cents.violations(money_balances(done.entries))
    assert all(done.held.values()), "nothing is held in silence"


# Remittances from outside.

CORPUS = Path(os.environ.get("GATEWAY_CORPUS") or Path(__file__).resolve().parents[2] / "shared" / "corpus")
OFFICIAL = (  # The guide's own examples, as stupidedi has them.
    "dollars-and-data-sent-separate",
    "dollars-and-data-sent-together",
    "era-sample",
    "multiple-claims-single-check",
    "secondary-payment-with-higher-fee-schedule",
    "secondary-payments",
    "tertiary-payments",
)


def from_outside(path: str) -> list[Remittance]:
    if not (CORPUS / path).is_file():
        pytest.skip(f"there is no {path} in {CORPUS}")
    reader = maps.load("835")
    sets = [each for each in examine([(CORPUS / path).read_bytes()]) if isinstance(each, Examined) and each.root]
    read = [reader.read(each.root) for each in sets if each.root]
    return [each for each in read if isinstance(each, Remittance)]


@pytest.mark.parametrize("name", OFFICIAL)
def test_the_guides_own_remittances_balance(name: str) -> None:
    path = f"stupidedi/{name}.edi"
    (came,) = from_outside(path)
    assert not cents.balance(came)
    assert len(came.claims) == (CORPUS / path).read_text(encoding="utf-8").count("~CLP*")
    ours = {each.control_number: replace(BILLED, id=f"cm_{at}") for at, each in enumerate(came.claims)}
    done = posted(came, claims=ours)
    shown = money_balances(done.entries)
    assert shown.get("cash:payer", 0) == came.amount
    assert not cents.violations(shown)


def test_a_claim_that_cannot_be_read_shows_as_what_is_missing_in_the_total() -> None:
    """This file's CLP stands outside of any LX, so that the walk finds no claim: its money is held, not lost."""
    (came,) = from_outside("edi-835-parser/test.835")
    assert [(each.where, each.what[-8:]) for each in cents.balance(came)] == [("$", "-1500.50")]
    done = posted(came, claims={})
    assert money_balances(done.entries) == {"cash:payer": 150050, "suspense": -150050}


def test_a_whole_that_does_not_balance_holds_the_providers_amounts_too() -> None:
    came = remittance(payment(ONE), plb=(withheld(1500),), amount=9999)
    done = posted(came, claims={"CLM1": BILLED})
    shown = book(SENT, *done.entries)
    assert (shown["cash:payer"], shown["suspense"]) == (9999, -9999)
    assert "plb:WO" not in shown


def test_what_moves_nothing_is_no_entry() -> None:
    nothing = payment(paid("L1", 0, "CO-50 5000"), control_number="NOBODY", charge=5000)
    done = posted(remittance(nothing, plb=(withheld(0),)), claims={})
    assert done.held == {(0, 0): "unknown_claim"}
    assert done.entries == ()
