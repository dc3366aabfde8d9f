"""Deposits and their remittances: by trace number, payer and amount (domain facts, 5.1), in any order."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import permutations

import pytest
from ledger_samples import DAY

from gateway.ledger.reassociating import Match, reassociated


@dataclass(frozen=True)
class Sum:
    id: str
    payer_id: str = "1999999999"
    check_number: str = "0012345"
    amount: int = 10000
    paid_on: date = DAY


def found(deposits: list[Sum], remittances: list[Sum]) -> list[Match]:
    came = {
        frozenset(reassociated(some, others)) for some in permutations(deposits) for others in permutations(remittances)
    }
    assert len(came) == 1
    return sorted(came.pop(), key=lambda each: each.deposit)


@pytest.mark.parametrize(
    ("changes", "matched_on", "confidence", "differs"),
    [
        ({}, "check_number payer_id amount", 100, 0),
        ({"check_number": "12345"}, "check_number payer_id amount", 100, 0),
        ({"payer_id": "OTHER"}, "check_number amount", 90, 0),
        ({"amount": 9900}, "check_number payer_id", 80, -100),
        ({"check_number": "X"}, "payer_id amount", 50, 0),
        ({"check_number": "X", "paid_on": DAY + timedelta(days=3)}, "payer_id amount", 50, 0),
        ({"check_number": "X", "paid_on": DAY + timedelta(days=11)}, "", 0, 0),
        ({"check_number": "X", "amount": 9900}, "", 0, 0),
        ({"check_number": "", "payer_id": ""}, "", 0, 0),
    ],
)
def test_what_a_deposit_is_matched_on(
    changes: dict[str, object], matched_on: str, confidence: int, differs: int
) -> None:
    (match,) = found([replace(Sum("de_1"), **changes)], [Sum("re_1")])  # type: ignore[arg-type]
    assert (match.matched_on, match.confidence, match.differs) == (matched_on, confidence, differs)
    assert match.remittance == ("re_1" if confidence else "")


def test_each_is_used_once_and_the_surest_first() -> None:
    deposits = [Sum("de_1"), Sum("de_2", check_number="X")]
    matches = found(deposits, [Sum("re_1"), Sum("re_2", check_number="Y")])
    assert [(each.remittance, each.confidence) for each in matches] == [("re_1", 100), ("re_2", 50)]


def test_what_fits_several_alike_is_nobodys() -> None:
    several = [Sum("re_1", check_number="A"), Sum("re_2", check_number="B")]
    assert found([Sum("de_1")], several) == [Match(deposit="de_1", fits=("re_1", "re_2"))]
    assert [each.remittance for each in found([Sum("de_1"), Sum("de_2")], [Sum("re_1")])] == ["", ""]
