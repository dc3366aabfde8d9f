"""Which paid line is which line of the claim, and how surely: REF*6R, then procedure, modifiers, date, charge."""

from datetime import timedelta

import pytest
from ledger_samples import DAY, claim, line, paid, payment

from gateway.errors import Severity
from gateway.ledger.advice import Head, advise
from gateway.ledger.consequences import load
from gateway.ledger.joining import Confidence, join

HEAD = Head(payer_id="1999999999", check_number="C1", paid_on=DAY)


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


def test_a_line_that_fits_several_that_differ_is_a_task_and_never_guessed() -> None:
    """Two days of the same service, and the payer gives no date."""
    billed = claim(line("L1"), line("L2", served_on=DAY + timedelta(days=1)))
    undated = payment(paid("", served_on=None))
    (joined,) = join(undated, billed)
    assert (joined.line, joined.confidence) == (None, Confidence.AMBIGUOUS)
    advice, (found,) = advise(undated, billed, load(), key="k", head=HEAD, number=0)
    assert (advice.lines[0].line, advice.lines[0].matched_on, advice.lines[0].confidence) == ("", "ambiguous", 0)
    assert (found.where, found.severity) == ("$.claims[0].lines[0]", Severity.BLOCK)
    assert "fits several lines" in found.what


def test_a_day_tells_two_of_the_same_service_apart() -> None:
    billed = claim(line("L1"), line("L2", served_on=DAY + timedelta(days=1)))
    (joined,) = join(payment(paid("", served_on=DAY + timedelta(days=1))), billed)
    assert (joined.line, joined.confidence) == (billed.lines[1], Confidence.EXACT)


def test_a_reversal_is_joined_by_its_negated_charge() -> None:
    billed = claim(line("L1"), line("L2", charge=6000))
    (joined,) = join(payment(paid("", -4000, charge=-6000), status="22"), billed)
    assert joined.line is billed.lines[1]


def test_a_changed_procedure_is_joined_by_the_billed_one() -> None:
    """SVC06: what was billed, where the payer changed it."""
    billed = claim(line("L1"))
    changed = paid("", procedure="97530", original_procedure="97110", original_modifiers=("GP",))
    assert join(payment(changed), billed)[0].line is billed.lines[0]


@pytest.mark.parametrize("number", ["X9", ""])
def test_a_strange_line_is_a_task(number: str) -> None:
    billed = claim(line("L1"))
    _, found = advise(payment(paid(number, charge=1)), billed, load(), key="k", head=HEAD, number=2)
    assert [(each.where, "fits no line" in each.what) for each in found] == [("$.claims[2].lines[0]", True)]
