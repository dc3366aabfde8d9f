"""What an 835 does to the units book, against the tables of ../shared/facts/domain.md (5.3 to 5.5)."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from ledger_samples import CAUSE, DAY, PAYER, SUBSCRIBER, bucket, cas, claim, holding, line, paid, payment

from gateway.domain.authorization import Unit
from gateway.domain.claim import Claim, Performed, Performer
from gateway.domain.parties import OtherCoverage
from gateway.domain.remittance import ClaimPayment
from gateway.errors import Severity
from gateway.ledger.advice import effect
from gateway.ledger.consequences import Effect, load
from gateway.ledger.entry import Account, Bucket, Entry, apply, violations
from gateway.ledger.joining import Confidence, join
from gateway.ledger.matching import commits, draw
from gateway.ledger.outcome import in_order, settle
from gateway.ledger.settling import settled, withdrawn
from gateway.ledger.standing import standing

TABLE = load()


@pytest.mark.parametrize(
    ("amount", "trios", "becomes"),
    [
        (4000, ["CO-45 1000"], Effect.CONSUME),
        (0, ["CO-45 1000", "PR-1 4000"], Effect.CONSUME),
        (0, ["PR-3 5000"], Effect.CONSUME),
        (0, ["CO-197 5000"], Effect.RELEASE),
        (0, ["CO-45 1000", "CO-197 4000"], Effect.RELEASE),
        (0, ["PR-119 5000"], Effect.RELEASE),
        (0, ["CO-29 5000"], Effect.RELEASE),
        (0, ["CO-97 5000"], Effect.RELEASE),
        (0, ["CO-133 5000"], Effect.PEND),
        (0, ["OA-18 5000"], Effect.KEEP),
        (0, ["CO-197 2500", "CO-133 2500"], Effect.PEND),
        (0, ["OA-23 5000"], Effect.CONSUME),
        (2500, ["CO-59 2500"], Effect.CONSUME),
        (2500, ["CO-198 2500"], Effect.CONSUME),
        (0, ["CO-999 5000"], None),
        (0, ["CO-45 1000", "CO-999 4000"], None),
        (0, [], None),
    ],
)
def test_a_line_is_judged_by_its_adjustments(amount: int, trios: list[str], becomes: Effect | None) -> None:
    """5.5: allowed = SVC03 + the patient's share; a deductible uses the visit up although nothing is paid."""
    assert effect(paid("L1", amount, *trios), TABLE) is becomes


DENIALS = """197 198 15 284 296 302 39 210 243 272 273 287 288 95 96 119 35 149 222 B1 150 151 152 50 216 16 226 252 163
4 11 182 185 183 184 29 97 231 236"""


@pytest.mark.parametrize("code", DENIALS.split())
def test_each_denial_of_the_table_releases(code: str) -> None:
    """5.4, the rows that use nothing up."""
    assert TABLE.reasons[code].units is Effect.RELEASE


@pytest.mark.parametrize("code", ["59", "45", "253", "22", "23", "303"])
def test_each_reason_that_consumes_normally(code: str) -> None:
    """5.4; 303 is about the patient's share, not about authorization."""
    assert TABLE.reasons[code].units is Effect.CONSUME


class Desk:
    """One claim with its bucket: commits it, then takes claim payments as they come."""

    def __init__(self, billed: Claim, held: Bucket, stock: int) -> None:
        self.billed, self.held = billed, held
        self.entries: list[Entry] = []
        self.balances = {held.id: holding(available=stock)}
        drawn = draw(billed, [held], self.balances)
        self.post(commits(billed, drawn.draws, self.balances, document="do_0", holds_on=DAY, key="k"))

    def post(self, entries: Sequence[Entry]) -> None:
        known = {each.id for each in self.entries}
        for entry in entries:
            if entry.id not in known:
                self.entries.append(entry)
                self.balances = apply(self.balances, entry)
        assert not violations(self.balances)

    def take(self, came: ClaimPayment, key: str, **more: Any) -> list[str]:
        """Takes a payment; gives the rules of its tasks that block."""
        found = settle(came, self.billed, standing(self.billed, self.entries, [self.held]), TABLE, **more)
        done = settled(found.moves, self.balances, cause=replace(CAUSE, claim=self.billed.id), holds_on=DAY, key=key)
        self.post(done.entries)
        return [each.what for each in (*found.tasks, *done.tasks) if each.severity is Severity.BLOCK]

    def shows(self, **wanted: int) -> bool:
        balance = self.balances[self.held.id]
        shown = {name: balance.get(Account[name.upper()], 0) for name in ("available", "committed", "consumed")}
        return shown == {"available": 0, "committed": 0, "consumed": 0, **wanted}


def visit() -> Desk:
    return Desk(claim(line("L1"), line("L2", "97140")), bucket(), 5)


def counted() -> Desk:
    return Desk(claim(line("L1", units=4)), bucket(unit=Unit.UNIT), 10)


DENIED = ("CO-197 5000",)
ONE, TWO = paid("L1", 4000, "CO-45 1000"), paid("L2", 4000, "CO-45 1000", procedure="97140")
NO_ONE, NO_TWO = paid("L1", 0, *DENIED), paid("L2", 0, *DENIED, procedure="97140")


def test_a_visit_is_consumed_once_if_any_line_is() -> None:
    desk = visit()
    assert desk.shows(available=4, committed=1)
    desk.take(payment(ONE, NO_TWO), "p1")
    assert desk.shows(available=4, consumed=1)


def test_a_visit_is_released_only_when_all_lines_are() -> None:
    desk = visit()
    desk.take(payment(NO_ONE), "p1")
    assert desk.shows(available=4, committed=1), "the other line is not settled"
    tasks = desk.take(payment(NO_ONE, NO_TWO), "p2")
    assert desk.shows(available=5)
    assert any("authorization" in each for each in tasks)


def test_a_denial_is_not_read_from_clp02() -> None:
    """5.1: CLP02 4 is not every denial, and 1 is not every payment."""
    desk = visit()
    desk.take(payment(NO_ONE, NO_TWO, status="1"), "p1")
    assert desk.shows(available=5)
    other = visit()
    other.take(payment(ONE, TWO, status="4"), "p1")
    assert other.shows(available=4, consumed=1)


def test_a_pending_claim_stays_committed() -> None:
    desk = visit()
    desk.take(payment(paid("L1", 0, "OA-133 5000"), paid("L2", 0, "OA-133 5000", procedure="97140")), "p1")
    assert desk.shows(available=4, committed=1)


def test_the_same_payment_read_again_posts_nothing() -> None:
    desk = visit()
    for _ in range(3):
        desk.take(payment(ONE, TWO), "p1")
    desk.take(payment(ONE, TWO), "p2")
    assert desk.shows(available=4, consumed=1)


@pytest.mark.parametrize(
    ("units_paid", "available", "consumed", "committed"),
    [("4", 6, 4, 0), ("3", 7, 3, 0), ("", 9, 1, 0), ("7", 6, 4, 0), ("1.5", 6, 0, 4), ("0", 6, 0, 4)],
)
def test_svc05_consumes_and_the_rest_comes_back(units_paid: str, available: int, consumed: int, committed: int) -> None:
    """5.5; a blank SVC05 is 1 (5.1)."""
    desk = counted()
    desk.take(payment(paid("L1", 4000, "CO-45 1000", units_paid=units_paid)), "p1")
    assert desk.shows(available=available, consumed=consumed, committed=committed)


def test_a_line_that_the_payer_split_is_added_up() -> None:
    desk = counted()
    part = paid("L1", 2000, "CO-45 500", charge=2500, units_paid="3")
    desk.take(payment(part, paid("L1", 0, "CO-198 2500", charge=2500, units_paid="0")), "p1")
    assert desk.shows(available=7, consumed=3)


def test_minutes_are_consumed_in_proportion_to_paid_units() -> None:
    worked = line("L1", units=4, minutes=(Performed(performer=Performer.THERAPIST, minutes=60),))
    desk = Desk(claim(worked), bucket(unit=Unit.MINUTE), 100)
    desk.take(payment(paid("L1", 3000, "CO-45 2000", units_paid="3")), "p1")
    assert desk.shows(available=55, consumed=45)


def test_a_claim_without_lines_is_judged_whole() -> None:
    desk = visit()
    desk.take(payment(charge=10000, paid=0, adjustments=cas("CO-197 10000")), "p1")
    assert desk.shows(available=5)


def reversal(*lines: Any, **changes: Any) -> ClaimPayment:
    return payment(*lines, status="22", **changes)


BACK_ONE = paid("L1", -4000, "CO-45 -1000", charge=-5000, units_paid="-2")
BACK_TWO = paid("L2", -4000, "CO-45 -1000", charge=-5000, units_paid="-2", procedure="97140")


def test_a_reversal_takes_the_consumption_back_and_the_correction_decides() -> None:
    """5.3."""
    desk = visit()
    desk.take(payment(ONE, TWO), "p1")
    consumed = desk.entries[-1]
    desk.take(reversal(BACK_ONE, BACK_TWO), "p2")
    assert desk.shows(available=4, committed=1)
    assert desk.entries[-1].reverses == consumed.id
    desk.take(payment(NO_ONE, NO_TWO), "p3")
    assert desk.shows(available=5)


def test_a_denial_that_is_corrected_commits_again() -> None:
    desk = counted()
    desk.take(payment(paid("L1", 0, *DENIED)), "p1")
    assert desk.shows(available=10)
    desk.take(reversal(paid("L1", 0, "CO-197 -5000", charge=-5000)), "p2")
    desk.take(payment(paid("L1", 4000, "CO-45 1000", units_paid="3")), "p3")
    assert desk.shows(available=7, consumed=3)


def test_what_others_used_since_a_release_is_uncovered() -> None:
    desk = visit()
    desk.take(payment(NO_ONE, NO_TWO), "p1")
    desk.balances = {desk.held.id: holding(consumed=5)}
    desk.take(payment(ONE, TWO), "p2")
    assert desk.balances[desk.held.id][Account.UNCOVERED] == 1
    assert desk.shows(consumed=5)


def test_a_reversal_of_something_never_settled_moves_nothing() -> None:
    desk = visit()
    assert desk.take(reversal(BACK_ONE, BACK_TWO), "p1")
    assert desk.shows(available=4, committed=1)


@pytest.mark.parametrize("order", list(permutations(["reversal", "correction"])))
def test_reversal_and_correction_in_any_order_of_the_file(order: tuple[str, ...]) -> None:
    """5.3: "Order inside the file may vary"."""
    desk = visit()
    desk.take(payment(ONE, TWO), "p1")
    came = {"reversal": reversal(BACK_ONE, BACK_TWO), "correction": payment(NO_ONE, NO_TWO)}
    file = [came[each] for each in order]
    for index in in_order(file, ["CLM1"]):
        desk.take(file[index], f"p2/{index}")
    assert desk.shows(available=5)


def test_a_first_payment_and_its_reversal_in_one_file_keep_their_order() -> None:
    file = [payment(ONE), reversal(BACK_ONE), payment(NO_ONE), payment(ONE, control_number="CLM2")]
    assert in_order(file, []) == (0, 1, 2, 3)
    assert in_order([file[2], file[1]], ["CLM1"]) == (1, 0)


def test_a_visit_that_another_claim_shares_is_not_given_back() -> None:
    desk = visit()
    (kept,) = standing(desk.billed, desk.entries, [desk.held])
    desk.take(payment(NO_ONE, NO_TWO), "p1", shared={kept.visit_key})
    assert desk.shows(available=4, committed=1)


@pytest.mark.parametrize("status", ["2", "23", "25"])
def test_what_is_not_this_claims_payment_moves_nothing(status: str) -> None:
    """5.5: a secondary payer's authorization is another account; 5.1: 23 and 25 pay nothing."""
    desk = visit()
    desk.take(payment(ONE, TWO, status=status), "p1")
    assert desk.shows(available=4, committed=1)


def test_a_claim_that_went_to_a_secondary_payer_is_consumed_by_it() -> None:
    primary = OtherCoverage(payer=PAYER, sequence="primary", subscriber=SUBSCRIBER)
    desk = Desk(claim(line("L1"), other_coverages=(primary,)), bucket(), 5)
    desk.take(payment(paid("L1", 0, "OA-23 5000"), status="2"), "p1")
    assert desk.shows(available=4, consumed=1)


def test_a_void_gives_everything_back() -> None:
    desk = visit()
    desk.take(payment(ONE, TWO), "p1")
    kept = standing(desk.billed, desk.entries, [desk.held])
    desk.post(withdrawn(kept, desk.balances, kind="void", cause=CAUSE, holds_on=DAY, key="v"))
    assert desk.shows(available=5)


# Which line is which.


def test_lines_are_joined_by_6r_first_then_by_what_they_say() -> None:
    billed = claim(
        line("L1"),
        line("L2", "97140", charge=4000),
        line("L3", "97530", charge=3000, modifiers=("GP", "59")),
        line("L4", "97035", charge=2000),
        line("L5", "97035", charge=2000),
    )
    joined = join(
        payment(
            paid("L1", procedure="99999"),
            paid("", procedure="97140", charge=4000),
            paid("", procedure="97530", charge=3000),
            paid("", procedure="97035", charge=2000),
            paid("", procedure="97035", charge=2000),
            paid("", procedure="97035", charge=2000),
        ),
        billed,
    )
    assert [(each.line and each.line.control_number, each.confidence) for each in joined] == [
        ("L1", Confidence.CONTROL_NUMBER),
        ("L2", Confidence.EXACT),
        ("L3", Confidence.PROBABLE),
        ("L4", Confidence.INTERCHANGEABLE),
        ("L5", Confidence.EXACT),
        (None, Confidence.NONE),
    ]


def test_a_changed_procedure_is_joined_by_the_billed_one_and_a_strange_line_is_a_task() -> None:
    billed = claim(line("L1"))
    changed = paid("", procedure="97530", original_procedure="97110", original_modifiers=("GP",))
    assert join(payment(changed), billed)[0].line is billed.lines[0]
    found = settle(payment(paid("X9", charge=1)), billed, [], TABLE, where="$.claims[0]")
    assert "$.claims[0].lines[0]" in [each.where for each in found.tasks]
