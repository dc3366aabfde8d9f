"""What a claim has come to, whatever order its payer's documents came in (domain facts, 5.3, 5.5 and 6.2)."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from ledger_samples import PAYER, SUBSCRIBER, bucket, cas, claim, line, paid, payment
from payer_desk import Answer, Desk, Said

from gateway.domain.answer import Verdict
from gateway.domain.authorization import Unit
from gateway.domain.claim import Performed, Performer
from gateway.domain.parties import OtherCoverage
from gateway.domain.remittance import ClaimPayment
from gateway.ledger.entry import Account
from gateway.ledger.position import Answered, Come, Stands

ONE, TWO = paid("L1", 4000, "CO-45 1000"), paid("L2", 4000, "CO-45 1000", procedure="97140")
NO_ONE, NO_TWO = paid("L1", 0, "CO-197 5000"), paid("L2", 0, "CO-197 5000", procedure="97140")
ORIGINAL = payment(ONE, TWO, payer_claim_number="ICN1")
CORRECTION = payment(NO_ONE, NO_TWO, payer_claim_number="ICN2")
BILLED = claim(line("L1"), line("L2", "97140"))


def reversal(of: ClaimPayment, **changes: Any) -> ClaimPayment:
    """The same again, negated (5.3)."""
    lines = tuple(
        replace(
            each,
            charge=-each.charge,
            paid=-each.paid,
            units_paid=f"-{each.units_paid}",
            adjustments=tuple(replace(one, amount=-one.amount) for one in each.adjustments),
        )
        for each in of.lines
    )
    adjustments = tuple(replace(one, amount=-one.amount) for one in of.adjustments)
    values = {"status": "22", "charge": -of.charge, "paid": -of.paid, "lines": lines, "adjustments": adjustments}
    return replace(of, **{**values, **changes})


def visit() -> Desk:
    return Desk([BILLED], [bucket()])


def counted(**changes: Any) -> Desk:
    return Desk([claim(line("L1", units=4, **changes))], [bucket(unit=Unit.UNIT)])


REJECTED_999 = Answer("CLM1", Answered("999", Verdict.REJECTED), "do_999")
REJECTED_277 = Answer("CLM1", Answered("277CA", Verdict.REJECTED), "do_277")
TAKEN_277 = Answer("CLM1", Answered("277CA", Verdict.ACCEPTED), "do_277a")

BACK = Said(reversal(ORIGINAL), "C2", 5)
DONE = {"revenue:charges": -10000, "cash:payer": 8000, "writeoff:contractual": 2000}
DENIED = {"revenue:charges": -10000, "denied:authorization": 10000}
OPEN = {"revenue:charges": -10000, "receivable:payer": 10000}

HISTORIES: dict[str, tuple[Sequence[Said | Answer], Come, dict[str, int], dict[str, int]]] = {
    "payment": ([Said(ORIGINAL)], Come.PAID, {"available": 9, "consumed": 1}, DONE),
    "payment, reversal": ([Said(ORIGINAL), BACK], Come.REVERSED, {"available": 9, "committed": 1}, OPEN),
    "payment, reversal, denial": (
        [Said(ORIGINAL), BACK, Said(CORRECTION, "C2", 5, 1)],
        Come.DENIED,
        {"available": 10},
        DENIED,
    ),
    "denial, its reversal, payment": (
        [Said(CORRECTION), Said(reversal(CORRECTION), "C2", 5), Said(ORIGINAL, "C2", 5, 1)],
        Come.PAID,
        {"available": 9, "consumed": 1},
        DONE,
    ),
    "two rounds of correction": (
        [
            Said(ORIGINAL),
            BACK,
            Said(CORRECTION, "C2", 5, 1),
            Said(reversal(CORRECTION), "C3", 9),
            Said(ORIGINAL, "C3", 9, 1),
        ],
        Come.PAID,
        {"available": 9, "consumed": 1},
        DONE,
    ),
    "reversal without an original": (
        [BACK],
        Come.NOTHING,
        {"available": 9, "committed": 1},
        {**OPEN, "cash:payer": -8000, "suspense": 8000},
    ),
    "a second reversal of one payment": (
        [Said(ORIGINAL), BACK, Said(reversal(ORIGINAL), "C3", 9)],
        Come.REVERSED,
        {"available": 9, "committed": 1},
        {**OPEN, "cash:payer": -8000, "suspense": 8000},
    ),
    "refused by a 999 and paid all the same": (
        [REJECTED_999, Said(ORIGINAL)],
        Come.PAID,
        {"available": 9, "consumed": 1},
        DONE,
    ),
    "refused by a 277CA, paid, and taken back": (
        [REJECTED_277, Said(ORIGINAL), BACK],
        Come.REVERSED,
        {"available": 9, "committed": 1},
        OPEN,
    ),
    "refused by a 999, taken by a 277CA": (
        [REJECTED_999, TAKEN_277],
        Come.RECEIVED,
        {"available": 9, "committed": 1},
        OPEN,
    ),
    "refused by one 277CA, taken by another": ([TAKEN_277, REJECTED_277], Come.REJECTED, {"available": 10}, {}),
    "refused": ([REJECTED_277, REJECTED_999], Come.REJECTED, {"available": 10}, {}),
    "pending, then paid": (
        [Said(payment(paid("L1", 0, "OA-133 5000"), paid("L2", 0, "OA-133 5000"))), Said(ORIGINAL, "C2", 5)],
        Come.PAID,
        {"available": 9, "consumed": 1},
        DONE,
    ),
    "a duplicate's denial beside the payment": (
        [Said(ORIGINAL), Said(payment(paid("L1", 0, "OA-18 5000"), paid("L2", 0, "OA-18 5000")), "C2", 5)],
        Come.PAID,
        {"available": 9, "consumed": 1},
        DONE,
    ),
    "a payment that does not balance and its reversal": (
        [
            Said(payment(ONE, TWO, paid=7000)),
            Said(reversal(payment(ONE, TWO, paid=7000)), "C2", 5),
            Said(ORIGINAL, "C2", 5, 1),
        ],
        Come.PAID,
        {"available": 9, "consumed": 1},
        DONE,
    ),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_any_order_comes_to_the_same(name: str) -> None:
    """Every order of the same documents, some of them twice."""
    said, come, units, money = HISTORIES[name]
    for order in permutations(said):
        desk = visit()
        desk.come(*order, order[0])
        assert (desk.position("CLM1").come, desk.shows(), desk.book()) == (come, units, money), order


PARTIAL = payment(ONE, NO_TWO, payer_claim_number="ICN1")


def test_a_reversal_of_one_line_leaves_the_other() -> None:
    back = reversal(payment(NO_TWO, payer_claim_number="ICN1"))
    said = [Said(PARTIAL), Said(back, "C2", 5), Said(payment(TWO, payer_claim_number="ICN3"), "C2", 5, 1)]
    for order in permutations(said):
        desk = visit()
        desk.come(*order)
        assert (desk.position("CLM1").come, desk.shows()) == (Come.PAID, {"available": 9, "consumed": 1})
        assert desk.book() == DONE
    desk = visit()
    desk.come(*said[:2])
    assert desk.position("CLM1").come is Come.PARTLY_PAID, "the second line is open again"


@pytest.mark.parametrize(
    ("changes", "matched_on", "confidence"),
    [
        ({}, "payer_claim_number", 100),
        ({"payer_claim_number": ""}, "claim", 90),
        ({"payer_claim_number": "OTHER"}, "claim", 60),
        ({"lines": (), "adjustments": cas("CO-45 -2000")}, "payer_claim_number", 100),
    ],
)
def test_a_reversal_says_what_it_was_paired_on(changes: dict[str, Any], matched_on: str, confidence: int) -> None:
    desk = visit()
    desk.come(Said(ORIGINAL), Said(reversal(ORIGINAL, **changes), "C2", 5, held=""))
    stand = desk.position("CLM1").payments[1]
    assert (stand.stands, stand.matched_on, stand.confidence) == (Stands.POSTED, matched_on, confidence)
    assert stand.reverses == desk.position("CLM1").payments[0].key


@pytest.mark.parametrize(
    "back",
    [
        Said(reversal(ORIGINAL), "C2", -1),
        Said(reversal(payment(replace(ONE, paid=3000, adjustments=cas("CO-45 2000")), TWO)), "C2", 5),
        Said(replace(ORIGINAL, status="22"), "C2", 5),
        Said(reversal(payment(ONE, payer_claim_number="OTHER")), "C2", 5),
    ],
    ids=["before its payment", "other amounts", "not negated", "a line under another number"],
)
def test_a_reversal_of_nothing_we_know_waits_in_suspense(back: Said) -> None:
    """5.3: suspense, never negative consumption."""
    desk = visit()
    desk.come(Said(ORIGINAL), back)
    assert desk.position("CLM1").come is Come.PAID
    assert desk.shows() == {"available": 9, "consumed": 1}
    assert desk.book()["suspense"] == -back.payment.paid
    assert {each.reason for each in desk.position("CLM1").payments if each.stands is Stands.SUSPENSE} == {"no_original"}


def test_a_reversal_finds_the_original_of_its_number_among_equals() -> None:
    first, second = payment(ONE, TWO, payer_claim_number="ICN1"), payment(ONE, TWO, payer_claim_number="ICN2")
    desk = visit()
    desk.come(Said(first), Said(second, "C2", 1), Said(reversal(first), "C3", 5))
    assert desk.position("CLM1").payments[2].reverses == desk.position("CLM1").payments[0].key
    assert desk.position("CLM1").payer_claim_number == "ICN2"


def test_reversal_and_correction_in_either_place_of_one_file() -> None:
    """5.3: "Order inside the file may vary"; also where the correction repeats the original to the cent."""
    for correction in (CORRECTION, replace(ORIGINAL, payer_claim_number="")):
        came = []
        for file in permutations([reversal(ORIGINAL, payer_claim_number=""), correction]):
            desk = visit()
            desk.pay(ORIGINAL)
            desk.pay(*file, check="C2", day=5)
            came.append((desk.position("CLM1").come, desk.shows(), desk.book()))
        assert came[0] == came[1]
        assert came[0][0] is (Come.DENIED if correction is CORRECTION else Come.PAID)


def test_what_settles_more_than_was_billed_is_told() -> None:
    desk = visit()
    desk.come(Said(ORIGINAL), Said(ORIGINAL, "C2", 5))
    assert desk.position("CLM1").beyond == 10000
    assert desk.shows() == {"available": 9, "consumed": 1}
    desk.come(Said(reversal(ORIGINAL), "C3", 6))
    assert desk.position("CLM1").beyond == 0


def test_a_pending_line_settles_nothing() -> None:
    desk = visit()
    desk.come(Said(payment(paid("L1", 0, "OA-133 5000"), paid("L2", 0, "OA-133 5000"))))
    assert (desk.position("CLM1").come, desk.position("CLM1").beyond) == (Come.RECEIVED, -10000)


def test_contradictions_are_told() -> None:
    for said in ([REJECTED_999, TAKEN_277], [REJECTED_277, Said(ORIGINAL)]):
        desk = visit()
        desk.come(*said)
        assert desk.position("CLM1").contradicted
    desk = visit()
    desk.come(TAKEN_277, Said(ORIGINAL))
    assert not desk.position("CLM1").contradicted


# Units: what SVC05 says, and what others have used.


@pytest.mark.parametrize(
    ("units_paid", "shown"),
    [
        ("4", {"available": 6, "consumed": 4}),
        ("3", {"available": 7, "consumed": 3}),
        ("", {"available": 9, "consumed": 1}),
        ("7", {"available": 6, "consumed": 4}),
        ("1.5", {"available": 6, "committed": 4}),
        ("0", {"available": 6, "committed": 4}),
    ],
)
def test_svc05_consumes_and_the_rest_comes_back(units_paid: str, shown: dict[str, int]) -> None:
    """5.5; a blank SVC05 is 1 (5.1)."""
    desk = counted()
    desk.pay(payment(paid("L1", 4000, "CO-45 1000", units_paid=units_paid)))
    assert desk.shows() == shown


def test_a_line_that_the_payer_split_is_added_up() -> None:
    desk = counted()
    part = paid("L1", 2000, "CO-45 500", charge=2500, units_paid="3")
    desk.pay(payment(part, paid("L1", 0, "CO-198 2500", charge=2500, units_paid="0")))
    assert desk.shows() == {"available": 7, "consumed": 3}


@pytest.mark.parametrize(
    ("units_paid", "shown"),
    [("3", {"available": 55, "consumed": 45}), ("1.5", {"available": 40, "committed": 60})],
)
def test_minutes_are_consumed_in_proportion_to_paid_units(units_paid: str, shown: dict[str, int]) -> None:
    worked = line("L1", units=4, minutes=(Performed(performer=Performer.THERAPIST, minutes=60),))
    desk = Desk([claim(worked)], [bucket(unit=Unit.MINUTE)], stock=100)
    desk.pay(payment(paid("L1", 3000, "CO-45 2000", units_paid=units_paid)))
    assert desk.shows() == shown


def test_a_claim_without_lines_is_judged_whole() -> None:
    desk = visit()
    desk.pay(payment(charge=10000, paid=0, adjustments=cas("CO-197 10000")))
    assert (desk.position("CLM1").come, desk.shows()) == (Come.DENIED, {"available": 10})


def test_a_denial_is_not_read_from_clp02() -> None:
    """5.1: CLP02 4 is not every denial, and 1 is not every payment."""
    desk = visit()
    desk.pay(replace(CORRECTION, status="1"))
    assert (desk.position("CLM1").come, desk.shows()) == (Come.DENIED, {"available": 10})
    other = visit()
    other.pay(replace(ORIGINAL, status="4"))
    assert (other.position("CLM1").come, other.shows()) == (Come.PAID, {"available": 9, "consumed": 1})


def test_a_visit_is_given_back_only_when_all_its_lines_are() -> None:
    """5.5: visit-type, once if any line is consumed, released only when all are."""
    desk = visit()
    desk.pay(payment(NO_ONE))
    assert desk.shows() == {"available": 9, "committed": 1}, "the other line is not settled"
    desk.pay(payment(NO_TWO), check="C2")
    assert desk.shows() == {"available": 10}
    desk.pay(payment(TWO), check="C3")
    assert desk.shows() == {"available": 9, "consumed": 1}
    assert desk.position("CLM1").come is Come.PARTLY_PAID


def test_fewer_units_paid_and_taken_back_are_all_claimed_again() -> None:
    came = payment(paid("L1", 4000, "CO-45 1000", units_paid="3"))
    for order in permutations([Said(came), Said(reversal(came), "C2", 5)]):
        desk = counted()
        desk.come(*order)
        assert desk.shows() == {"available": 6, "committed": 4}


def test_a_later_payment_of_the_same_line_governs() -> None:
    first = payment(paid("L1", 4000, "CO-45 1000", units_paid="4"))
    second = payment(paid("L1", 2000, "CO-45 3000", units_paid="2"))
    for order in permutations([Said(first), Said(second, "C2", 5)]):
        desk = counted()
        desk.come(*order)
        assert desk.shows() == {"available": 8, "consumed": 2}


def used_up(desk: Desk) -> None:
    """Others use what is available."""
    balance = desk.balances["bu_1"]
    balance[Account.CONSUMED] = balance.get(Account.CONSUMED, 0) + balance.pop(Account.AVAILABLE)


def test_what_others_used_since_it_was_given_back_is_uncovered_and_taken_back_with_its_payment() -> None:
    desk = visit()
    desk.come(Said(CORRECTION))
    used_up(desk)
    desk.come(Said(ORIGINAL, "C2", 5))
    assert desk.shows() == {"consumed": 10, "uncovered": 1}
    assert any("others have used since" in each.what for each in desk.tasks)
    desk.come(Said(reversal(ORIGINAL), "C3", 9))
    assert desk.shows() == {"consumed": 10}
    desk.come(Said(ORIGINAL, "C4", 10))
    assert desk.shows() == {"consumed": 10, "uncovered": 1}


def test_what_is_booked_by_others_is_not_taken_from_them() -> None:
    desk = visit()
    desk.come(Said(CORRECTION))
    balance = desk.balances["bu_1"]
    balance[Account.RENDERED] = balance.pop(Account.AVAILABLE)
    desk.come(Said(ORIGINAL, "C2", 5))
    assert desk.shows() == {"rendered": 10, "uncovered": 1}


# Several claims on one visit, and other payers.


def shared() -> Desk:
    first = claim(line("L1"))
    second = claim(line("M1", "97140"), id="cm_2", control_number="CLM2")
    return Desk([first, second], [bucket()])


ON_FIRST = {"yes": payment(ONE), "no": payment(NO_ONE)}
ON_SECOND = {
    "yes": payment(replace(TWO, control_number="M1"), control_number="CLM2"),
    "no": payment(replace(NO_TWO, control_number="M1"), control_number="CLM2"),
}


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        ("yes", "yes", {"available": 9, "consumed": 1}),
        ("yes", "no", {"available": 9, "consumed": 1}),
        ("no", "yes", {"available": 9, "consumed": 1}),
        ("no", "no", {"available": 10}),
        ("no", "", {"available": 9, "committed": 1}),
        ("", "no", {"available": 9, "committed": 1}),
        ("", "yes", {"available": 9, "consumed": 1}),
    ],
)
def test_a_visit_is_used_once_and_given_back_only_by_all(first: str, second: str, shown: dict[str, int]) -> None:
    """5.5, over all claims that bill the visit."""
    said = [*([Said(ON_FIRST[first])] if first else []), *([Said(ON_SECOND[second], "C2", 1)] if second else [])]
    for order in permutations(said):
        desk = shared()
        desk.come(*order)
        assert desk.shows() == shown


def test_a_visit_stays_with_the_claim_that_is_left() -> None:
    said: list[Said | Answer] = [REJECTED_277, Said(ON_SECOND["yes"])]
    for order in permutations(said):
        desk = shared()
        desk.come(*order)
        assert desk.shows() == {"available": 9, "consumed": 1}


def test_a_claim_that_is_voided_gives_back_all_and_one_in_its_place_holds_the_visit() -> None:
    """6.2: void (8) accepted, replacement (7)."""
    desk = visit()
    desk.come(Said(ORIGINAL))
    desk.voided.add("CLM1")
    desk.settle_again("CLM1")
    assert desk.shows() == {"available": 10}
    other = shared()
    other.come(Said(ON_FIRST["yes"]))
    other.voided.add("CLM1")
    other.settle_again("CLM1")
    assert other.shows() == {"available": 9, "committed": 1}


@pytest.mark.parametrize("status", ["2", "3", "20", "21", "23", "25"])
def test_what_is_not_this_claims_payment_moves_nothing(status: str) -> None:
    """5.5: a secondary payer's authorization is another account; 5.1: 23 and 25 pay nothing."""
    desk = visit()
    desk.come(Said(replace(ORIGINAL, status=status)))
    assert desk.shows() == {"available": 9, "committed": 1}
    assert desk.book() == {**OPEN, "cash:payer": 8000, "suspense": -8000}
    desk.come(Said(reversal(ORIGINAL), "C2", 5))
    assert desk.book() == OPEN, "its reversal waits with it"


@pytest.mark.parametrize(
    ("zero_consumes", "shown"),
    [(None, {"consumed": 1}), (True, {"consumed": 1}), (False, {})],
)
@pytest.mark.parametrize("how", ["other_coverages", "sequence"])
def test_our_own_secondary_claim(how: str, zero_consumes: bool | None, shown: dict[str, int]) -> None:
    """5.5: zero-paid with OA-23 was still processed, unless the payer's policy says otherwise."""
    primary = OtherCoverage(payer=PAYER, sequence="primary", subscriber=SUBSCRIBER)
    more: dict[str, Any] = {"other_coverages": (primary,)} if how == "other_coverages" else {"sequence": "secondary"}
    desk = Desk([claim(line("L1"), **more)], [bucket()], zero_consumes=zero_consumes)
    desk.pay(payment(paid("L1", 0, "OA-23 5000"), status="2"))
    assert {each: n for each, n in desk.shows().items() if each != "available"} == shown


def test_a_paid_line_of_a_secondary_claim_consumes_whatever_the_policy_says_of_zero() -> None:
    desk = Desk([claim(line("L1"), sequence="secondary")], [bucket()], zero_consumes=False)
    desk.pay(payment(paid("L1", 1000, "OA-23 4000"), status="2"))
    assert desk.shows() == {"available": 9, "consumed": 1}


def test_a_stranger_waits_in_suspense() -> None:
    desk = visit()
    desk.come(Said(replace(ORIGINAL, control_number="ELSE")))
    assert desk.book() == {**OPEN, "cash:payer": 8000, "suspense": -8000}


def test_a_repeat_posts_nothing_and_every_entry_has_a_cause() -> None:
    desk = visit()
    history = [Said(ORIGINAL), BACK, Said(CORRECTION, "C2", 5, 1)]
    desk.come(*history)
    entries, money = set(desk.entries), set(desk.money)
    desk.come(*reversed(history), *history)
    assert (set(desk.entries), set(desk.money)) == (entries, money)
    causes = [each.cause for each in desk.entries.values()] + [each.cause for each in desk.money.values()]
    assert all(each.document and each.claim for each in causes)
    (back,) = [each for each in desk.entries.values() if each.kind == "reverse"]
    assert desk.entries[back.reverses].kind == "consume"
