"""What each adjustment reason does to both books, against the tables of ../shared/facts/domain.md (5.4 and 5.5)."""

from dataclasses import replace
from typing import Any

import pytest
from ledger_samples import DAY, cas, claim, line, paid, payment
from payment_keys import PaymentKeys

from gateway.domain.remittance import Adjustment, ClaimPayment, Remittance
from gateway.errors import Finding, Severity
from gateway.flow.remitted import Remitted
from gateway.ledger.advice import Advice, Head, advise, denied, effect
from gateway.ledger.consequences import Effect, load

TABLE = load()
HEAD = Head(payer_id="1999999999", check_number="C1", paid_on=DAY)
BILLED = claim(line("L1"), line("L2", "97140"))

# 5.4, row by row: codes, what becomes of the units, worklist, account of group CO.
ROWS = [
    ("197 198 15 284 296 302 210", Effect.RELEASE, "authorization", "denied:authorization"),
    ("39", Effect.RELEASE, "appeal", "denied:authorization"),
    ("243 287 288", Effect.RELEASE, "referral", "denied:referral"),
    ("272 273 50 216", Effect.RELEASE, "appeal", "denied:medical_necessity"),
    ("95 96", Effect.RELEASE, "coverage", "denied:coverage"),
    ("303", Effect.CONSUME, "", "writeoff:contractual"),
    ("119 35 149 222 B1", Effect.RELEASE, "benefit", "denied:benefit"),
    ("150 151 152", Effect.RELEASE, "documentation", "denied:documentation"),
    ("16 226 252 163", Effect.RELEASE, "information", "denied:information"),
    ("4 11 182", Effect.RELEASE, "coding", "denied:coding"),
    ("183 184 185", Effect.RELEASE, "provider", "denied:provider"),
    ("18", Effect.KEEP, "duplicate", "receivable:payer"),
    ("29", Effect.RELEASE, "timely_filing", "denied:timely_filing"),
    ("97 231 236", Effect.RELEASE, "", "writeoff:bundled"),
    ("59 45", Effect.CONSUME, "", "writeoff:contractual"),
    ("253", Effect.CONSUME, "", "writeoff:sequestration"),
    ("22 23", Effect.CONSUME, "", "adjusted:prior_payer"),
    ("133", Effect.PEND, "", "receivable:payer"),
]
EACH = [(code, *rest) for codes, *rest in ROWS for code in codes.split()]


@pytest.mark.parametrize(("code", "units", "topic", "account"), EACH)
def test_each_reason_of_the_table(code: str, units: Effect, topic: str, account: str) -> None:
    """5.4."""
    known = TABLE.reasons[code]
    assert (known.units, known.topic, known.account) == (units, topic, account)
    assert bool(known.fix) == bool(topic), "a worklist says what to do, and nothing else does"
    assert TABLE.account(Adjustment(group="CO", reason=code, amount=1)) == account
    assert TABLE.account(Adjustment(group="PR", reason=code, amount=1)) == "receivable:patient"


def test_the_file_has_no_row_that_the_facts_do_not_name() -> None:
    assert set(TABLE.reasons) == {code for code, *_ in EACH} | TABLE.cost_share


@pytest.mark.parametrize(
    ("codes", "topic"),
    [
        ("M62 N54 N351 N362", "authorization"),
        ("M135 M141 M127", "documentation"),
        ("M53", "coding"),
        ("N89 MA18 MA01", ""),
    ],
)
def test_each_remark_of_the_table(codes: str, topic: str) -> None:
    """5.4; a crossover and the right to appeal are told beside any denial."""
    assert {TABLE.remarks[code].topic for code in codes.split()} == {topic}


@pytest.mark.parametrize(
    ("group", "account"),
    [
        ("CO", "adjusted:contractual_obligation"),
        ("PR", "receivable:patient"),
        ("OA", "adjusted:other"),
        ("PI", "adjusted:payer_initiated"),
        ("CR", "adjusted:correction"),
        ("ZZ", "suspense"),
    ],
)
def test_a_reason_that_nobody_knows_goes_where_its_group_says(group: str, account: str) -> None:
    """5.1: CO, PR, OA, PI; CR existed only in 4010."""
    assert TABLE.account(Adjustment(group=group, reason="999", amount=1)) == account


@pytest.mark.parametrize(
    ("amount", "trios", "becomes"),
    [
        (4000, ["CO-45 1000"], Effect.CONSUME),
        (0, ["CO-45 1000", "PR-1 4000"], Effect.CONSUME),
        (0, ["PR-2 5000"], Effect.CONSUME),
        (0, ["PR-3 5000"], Effect.CONSUME),
        (0, ["PR-66 5000"], Effect.CONSUME),
        (0, ["PR-197 5000"], Effect.RELEASE),
        (0, ["CO-1 5000"], Effect.CONSUME),
        (0, ["CO-45 1000", "CO-197 4000"], Effect.RELEASE),
        (0, ["CO-133 5000"], Effect.PEND),
        (0, ["OA-18 5000"], Effect.KEEP),
        (0, ["CO-18 2500", "CO-133 2500"], Effect.KEEP),
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


def advised(came: ClaimPayment, **changes: Any) -> tuple[Advice, tuple[Finding, ...]]:
    key = PaymentKeys(HEAD.key).of(came)
    return advise(came, BILLED, TABLE, key=key, head=HEAD, number=3, **changes)


def test_a_denial_wants_somebody_and_an_allowed_line_only_warns() -> None:
    came = payment(paid("L1", 0, "CO-197 5000", remarks=("M62", "MA01")), paid("L2", 4000, "CO-151 1000"))
    _, found = advised(came)
    assert [(each.where, each.severity, each.prevents) for each in found] == [
        ("$.claims[3].lines[0]", Severity.BLOCK, "CO 197 M62 MA01"),
        ("$.claims[3].lines[1]", Severity.WARN, "CO 151"),
    ]
    assert found[0].fix == TABLE.remarks["M62"].fix
    assert found[0].what.startswith("authorization: ")


def test_a_remark_moves_a_denial_to_its_worklist_and_what_is_no_code_is_not_repeated() -> None:
    _, (found,) = advised(payment(paid("L1", 0, "CO-16 5000", remarks=("MA01", "M135", "JANE DOE"))))
    assert (found.what, found.fix) == ("documentation: adjusted for CO 16 MA01 M135", TABLE.remarks["M135"].fix)


def test_the_former_group_is_taken_with_a_warning() -> None:
    """5.1: accept CR inbound leniently."""
    advice, (found,) = advised(payment(paid("L1", 4000, "CR-45 1000")))
    assert (found.severity, advice.lines[0].effect) == (Severity.WARN, "consume")
    assert "CR existed only in 4010" in found.what


def test_only_unknown_reasons_go_to_a_person_and_never_to_approval() -> None:
    advice, (found,) = advised(payment(paid("L1", 0, "CO-999 5000")))
    assert (advice.lines[0].effect, found.severity) == ("", Severity.BLOCK)
    whole, (told,) = advised(payment(charge=10000, paid=0, adjustments=cas("CO-999 10000")))
    assert (whole.effect, told.where) == ("", "$.claims[3]")


def test_what_a_payment_says_of_a_line_comes_back_from_the_store() -> None:
    advice, _ = advised(payment(paid("L1", 0, "CO-197 5000", remarks=("M62",)), paid("L2", 4000, "CO-45 1000")))
    for each in advice.lines:
        assert type(each).from_plain(each.to_plain()) == each
    first = advice.lines[0].to_plain()
    assert (first["line"], first["matched_on"], first["confidence"], first["effect"]) == (
        "L1",
        "control_number",
        100,
        "release",
    )
    assert first["adjustments"] == [["CO", "197", 5000]]


@pytest.mark.parametrize(("units", "read"), [("", 1), ("  ", 1), ("2", 2), ("2.0", 2), ("1.5", None), ("x", None)])
def test_svc05_blank_is_one(units: str, read: int | None) -> None:
    """5.1."""
    advice, _ = advised(payment(paid("L1", units_paid=units)))
    assert advice.lines[0].units == read


def test_why_a_line_was_denied_is_told_line_by_line() -> None:
    came = payment(
        paid("L1", 0, "CO-45 1000", "CO-197 4000", remarks=("M62",)),
        paid("L2", 4000, "CO-198 1000", procedure="97140"),
        status="1",
    )
    rows = [(each.line, each.group, each.reason, each.cents, each.topic) for each in denied(advised(came)[0], TABLE)]
    assert rows == [("L1", "CO", "197", 4000, "authorization")]


def test_why_a_claim_without_lines_was_denied_is_told_once() -> None:
    came = payment(charge=10000, paid=0, adjustments=cas("CO-252 9000", "CO-999 1000"))
    rows = [(each.line, each.reason, each.remarks, each.topic) for each in denied(advised(came)[0], TABLE, ("M127",))]
    assert rows == [("", "252", ("M127",), "documentation"), ("", "999", ("M127",), "documentation")]


def test_a_payment_is_named_by_its_remittance_its_content_and_its_turn() -> None:
    one, other = payment(paid("L1")), payment(paid("L2"))
    came = Remittance(payer_id="1999999999", check_number="C1", paid_on=DAY, amount=0, claims=(one, other, one))
    names, again, elsewhere, turned = (
        [each.key for each in Remitted.of(each).payments()]
        for each in (came, came, replace(came, check_number="C2"), replace(came, claims=(other, one)))
    )
    assert len(set(names)) == 3
    assert again == names
    assert not set(elsewhere) & set(names)
    assert turned == [names[1], names[0]]
