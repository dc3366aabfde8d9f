"""The subledger of provider-level amounts (PLB): chains, signs and claims, whatever order the remittances came in."""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import permutations

import pytest
from ledger_samples import DAY

from gateway.errors import Severity
from gateway.ledger.provider_level import About, Subledger, subledger

CLAIMS = {"CLM1": "cm_1", "ICN1": "cm_1", "CLM2": "cm_2"}


@dataclass(frozen=True)
class Row:
    """A row as the store keeps it; ``day`` orders the remittances, whose check number is C and the day."""

    reason: str
    amount: int
    reference: str = ""
    day: int = 0
    number: int = 0
    provider: str = "1234567893"

    @property
    def id(self) -> str:
        return f"{self.reason}{self.amount}@{self.day}.{self.number}"

    @property
    def remittance(self) -> str:
        return f"re_{self.day}"

    @property
    def check_number(self) -> str:
        return f"C{self.day}"

    @property
    def paid_on(self) -> date:
        return DAY + timedelta(days=self.day)


def book(*rows: Row, gone: tuple[str, ...] = ()) -> Subledger:
    """The subledger, which is the same in every order of the rows."""
    came = {subledger(order, CLAIMS, gone) for order in permutations(rows)}
    assert len(came) == 1
    return came.pop()


def about(found: Subledger) -> list[tuple[str, About, str, int, int]]:
    return [(each.id, each.about, each.matched, each.confidence, each.open) for each in found.linked]


@pytest.mark.parametrize(
    ("reference", "taken", "confidence", "open_after"),
    [
        ("REF", "REF", 100, 0),
        ("", "C0", 100, 0),  # The check number of the remittance that carried it.
        ("", "", 60, 0),
    ],
)
def test_a_balance_carried_forward_is_taken_by_a_later_remittance(
    reference: str, taken: str, confidence: int, open_after: int
) -> None:
    """FB: negative carries, positive takes; BPR02 is never negative (5.2)."""
    found = book(Row("FB", -10000, reference), Row("FB", 10000, taken, day=7))
    assert about(found) == [
        ("FB-10000@0.0", About.CARRIED, "", 0, open_after),
        ("FB10000@7.0", About.APPLIED, "FB-10000@0.0", confidence, 0),
    ]
    assert not found.tasks


def test_a_balance_is_taken_and_carried_again_until_it_is_gone() -> None:
    """RFI 738 and 1374: what is left is consolidated into one balance."""
    found = book(
        Row("FB", -10000, "A"),
        Row("FB", 10000, "A", day=7),
        Row("FB", -110000, "B", day=7, number=1),
        Row("FB", 60000, "B", day=14),
    )
    assert [(each.about, each.open) for each in found.linked] == [
        (About.CARRIED, 0),
        (About.APPLIED, 0),
        (About.CARRIED, 50000),
        (About.APPLIED, 0),
    ]
    assert not found.tasks


def test_a_part_of_the_only_balance_is_taken_though_nothing_names_it() -> None:
    found = book(Row("FB", -10000), Row("FB", 4000, day=7))
    assert about(found)[1] == ("FB4000@7.0", About.APPLIED, "FB-10000@0.0", 40, 0)
    assert found.linked[0].open == 6000


def test_one_of_several_balances_is_not_guessed() -> None:
    found = book(Row("FB", -10000), Row("FB", -20000, day=1), Row("FB", 4000, day=7))
    assert found.linked[2].about is About.AMBIGUOUS
    assert found.tasks[0].what.endswith(": 40.00")


def test_more_is_taken_than_was_carried() -> None:
    found = book(Row("FB", -10000, "A"), Row("FB", 15000, "A", day=7))
    assert found.tasks[0].what.endswith("by: 50.00")


def test_what_is_carried_in_a_remittance_is_not_taken_in_it_nor_before() -> None:
    same = book(Row("FB", -10000, "A"), Row("FB", 10000, "A", number=1))
    before = book(Row("FB", -10000, "A", day=7), Row("FB", 10000, "A"))
    for found in (same, before):
        assert {each.about for each in found.linked} == {About.CARRIED, About.UNMATCHED}
        assert found.tasks[0].severity is Severity.BLOCK


def test_an_overpayment_is_deferred_and_recovered_in_a_later_remittance() -> None:
    """Takeback across remittances: reversal and correction with a negative WO, then a positive one (RFI 1756)."""
    found = book(Row("WO", -4000, "ICN1"), Row("WO", 4000, "ICN1", day=14), gone=("cm_1",))
    assert about(found) == [
        ("WO-4000@0.0", About.DEFERRED, "cm_1", 100, 0),
        ("WO4000@14.0", About.RECOVERED, "WO-4000@0.0", 100, 0),
    ]
    assert not found.tasks


def test_a_recovery_that_cannot_be_taken_is_carried_forward_in_its_turn() -> None:
    """RFI 1756: WO positive with FB negative, then FB positive."""
    found = book(
        Row("WO", -4000, "ICN1"),
        Row("WO", 4000, "ICN1", day=7),
        Row("FB", -4000, "F", day=7, number=1),
        Row("FB", 4000, "F", day=14),
    )
    assert [each.about for each in found.linked] == [About.DEFERRED, About.RECOVERED, About.CARRIED, About.APPLIED]
    assert [each.open for each in found.linked] == [0, 0, 0, 0]


@pytest.mark.parametrize(("reference", "confidence"), [("CLM1", 100), ("ICN1", 100), ("ACCT20260302 ICN1", 80)])
def test_a_takeback_names_the_claim_by_clp01_or_clp07(reference: str, confidence: int) -> None:
    """RFI 968."""
    found = book(Row("WO", 4000, reference))
    assert about(found) == [("WO4000@0.0", About.TAKEN_BACK, "cm_1", confidence, 0)]
    assert [each.severity for each in found.tasks] == [Severity.WARN]
    assert "without a reversal" in found.tasks[0].what


def test_a_takeback_of_what_a_reversal_took_before_is_told() -> None:
    found = book(Row("WO", 4000, "CLM1"), gone=("cm_1",))
    assert [each.severity for each in found.tasks] == [Severity.BLOCK]
    assert "before: 40.00" in found.tasks[0].what


def test_a_takeback_of_nothing_known_is_told() -> None:
    found = book(Row("WO", 4000, "STRANGE"))
    assert about(found) == [("WO4000@0.0", About.UNMATCHED, "", 0, 0)]
    assert found.tasks[0].where == "$.provider_adjustments[0]"


def test_a_refund_is_acknowledged_by_72_against_wo() -> None:
    """RFI 325."""
    found = book(Row("72", -4000, "CLM1"), Row("WO", 4000, "CLM1", number=1))
    assert about(found) == [
        ("72-4000@0.0", About.REFUNDED, "WO4000@0.1", 100, 0),
        ("WO4000@0.1", About.REFUNDED, "72-4000@0.0", 100, 0),
    ]
    assert not found.tasks
    alone = book(Row("72", -4000, "CLM1"))
    assert "no WO offsets it" in alone.tasks[0].what


@pytest.mark.parametrize("amount", [-150, 150])
def test_interest_and_adjustments_are_what_they_are(amount: int) -> None:
    found = book(Row("L6", amount, "CLM1"), Row("CS", amount, "", number=1), Row("IR", amount, "X", number=2))
    assert [(each.about, each.matched) for each in found.linked] == [
        (About.INTEREST, "cm_1"),
        (About.ADJUSTED, ""),
        (About.ADJUSTED, ""),
    ]
    assert not found.tasks


def test_providers_do_not_share_a_balance() -> None:
    found = book(Row("FB", -10000, "A"), Row("FB", 10000, "A", day=7, provider="1999999984"))
    assert [each.about for each in found.linked] == [About.CARRIED, About.UNMATCHED]
