"""Whether the money of a set adds up: exact cents, each level by itself, and no word of an amount of a claim."""

from decimal import Decimal, InvalidOperation

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whole_balance import (
    RemittanceBalance,
    check_claim,
    check_remittance,
    check_remittance_claim,
    check_remittance_total,
    difference,
)

from gateway.errors import Severity
from gateway.x12.balance import BalanceFault, cents, total_fault, unjudged_total
from gateway.x12.tree import Loop, Segment


def _loop(loop_id: str, text: str, *inner: Loop) -> Loop:
    return Loop(loop_id, [Segment.from_text(each) for each in text.split("~")], list(inner))


def _told(faults: object) -> list[tuple[str, str, int]]:
    return [(each.rule.removeprefix("x12.balance."), each.segment.tag, each.element) for each in faults]  # type: ignore[attr-defined]


def _paid(svc: str = "SVC*HC:97110*100*60", cas: str = "CAS*CO*45*30.5**3*9.5") -> Loop:
    line = _loop("2110", f"{svc}~{cas}" if cas else svc)
    return _loop("2100", "CLP*C1*1*150*90*10*12*P1~CAS*PR*1*10", line, _loop("2110", "SVC*HC:97140*50*40~CAS*PR*2*10"))


def _remittance(bpr: str = "BPR*I*90.00*C*ACH", *, plb: str = "", clp: Loop | None = None) -> Loop:
    root = _loop("ST_LOOP", bpr, _loop("2000", "LX*1", clp or _paid()))
    root.segments += [Segment.from_text(each) for each in plb.split("~") if each]
    return root


@pytest.mark.parametrize(
    ("text", "amount"),
    [("0", 0), ("12", 1200), ("12.5", 1250), ("12.50", 1250), (".5", 50), ("-.5", -50), ("-12", -1200), ("1.500", 150)]
    + [
        (text, None)
        for text in ("", ".", "-", "-.", "1.005", "1.2.3", " 1", "1_0", "+1", "1-", ".-5", "\u0661", "²", "1e5")
    ],
)
def test_an_amount_is_cents_or_none(text: str, amount: int | None) -> None:
    assert cents(text) == amount


@given(st.text("0123456789.-", max_size=9))
def test_what_is_cents_is_what_decimal_says(text: str) -> None:
    try:
        exact = Decimal(text) * 100
    except InvalidOperation:
        exact = Decimal("0.1")  # No number, so not a whole one.
    if cents(text) is None:
        assert exact != exact.to_integral_value()
    else:
        assert cents(text) == exact


@given(st.integers(-(10**12), 10**12), st.sampled_from(["%d.%02d", "%d.%02d0"]))
def test_cents_of_the_wire_are_the_same_amount(amount: int, form: str) -> None:
    text = ("-" if amount < 0 else "") + form % divmod(abs(amount), 100)
    assert cents(text) == amount


def test_a_remittance_that_adds_up_has_no_fault() -> None:
    assert _told(check_remittance(_remittance())) == []


def test_a_line_is_judged_by_its_own_adjustments() -> None:
    faults = list(check_remittance_claim(_paid(cas="CAS*CO*45*30.5**3*9")))
    assert _told(faults) == [("line", "SVC", 3), ("claim", "CLP", 4)]
    assert all("0.50" in each.what for each in faults)
    assert {each.severity for each in faults} == {Severity.WARN}, "the money waits, the document is taken"
    assert {each.snip for each in faults} == {3}


def test_a_claim_counts_the_adjustments_of_its_lines() -> None:
    claim = _paid()
    claim.segments.pop()
    assert _told(check_remittance_claim(claim)) == [("claim", "CLP", 4)]


def test_all_six_trios_count() -> None:
    cas = "CAS*CO*1*1**2*2**3*3**4*4**5*5**6*25"
    assert _told(check_remittance_claim(_paid(cas=cas))) == []
    assert _told(check_remittance_claim(_paid(cas=cas[:-1] + "4"))) == [("line", "SVC", 3), ("claim", "CLP", 4)]


def test_a_claim_without_lines_is_judged_alone() -> None:
    assert _told(check_remittance_claim(_loop("2100", "CLP*C1*4*150*0~CAS*CO*197*150"))) == []
    assert _told(check_remittance_claim(_loop("2100", "CLP*C1*4*150*0~CAS*CO*197*149"))) == [("claim", "CLP", 4)]
    assert _told(check_remittance_claim(_loop("2100", "NM1*QC*1"))) == []


def test_a_reversal_balances_in_negative_amounts() -> None:
    line = _loop("2110", "SVC*HC:97110*-100*-60~CAS*CO*45*-40")
    assert _told(check_remittance_claim(_loop("2100", "CLP*C1*22*-100*-60", line))) == []
    wrong = _loop("2110", "SVC*HC:97110*-100*-60~CAS*CO*45*40")
    assert _told(check_remittance_claim(_loop("2100", "CLP*C1*22*-100*-60", wrong))) == [
        ("line", "SVC", 3),
        ("claim", "CLP", 4),
    ]


@pytest.mark.parametrize("svc", ["SVC*HC:97110**60", "SVC*HC:97110*x*60", "SVC*HC:97110*100*1.001"])
def test_what_is_no_amount_is_judged_by_the_element_alone(svc: str) -> None:
    assert _told(check_remittance_claim(_paid(svc=svc))) == []
    assert _told(check_remittance_claim(_paid(cas="CAS*CO*45*4O"))) == []


def test_provider_adjustments_take_away() -> None:
    assert _told(check_remittance(_remittance("BPR*I*80*C", plb="PLB*P*20261231*WO:1*15*L6*-5"))) == []
    assert _told(check_remittance(_remittance("BPR*I*90*C", plb="PLB*P*20261231*WO:1*15*L6*-5"))) == [
        ("transaction", "BPR", 2)
    ]
    two = "PLB*P*20261231*WO*1*WO*1*WO*1*WO*1*WO*1*WO*1~PLB*P*20261231*WO*4"
    assert _told(check_remittance(_remittance("BPR*I*80*C", plb=two))) == []


def test_a_total_that_cannot_be_judged_says_so() -> None:
    (fault,) = check_remittance(_remittance(clp=_loop("2100", "CLP*C1*1*10*x")))
    assert (fault.rule, fault.severity) == ("x12.balance.transaction", Severity.NOT_EVALUATED)
    (fault,) = check_remittance(_remittance("BPR*I**C"))
    assert fault.severity is Severity.NOT_EVALUATED


def test_the_total_streams() -> None:
    balance = RemittanceBalance()
    assert balance.claim("150", "90", ["30.5", "9.5", "10", "10"]) == 0
    assert balance.claim("10", "9", ["0.5"]) == 50
    assert balance.claim("10", "9", ["x"]) is None
    balance.provider_adjustment("-1")
    assert balance.total("109") == 0
    assert balance.total("100.00") == 900
    assert balance.total("") is None
    assert balance.claim("10", "", []) is None
    assert balance.total("109") is None


def test_the_faults_of_the_stream_are_those_of_the_walk() -> None:
    root = _remittance("BPR*I*91*C")
    bpr = root.segments[0]
    clps = [one for loop in root.walk() for one in loop.segments if one.tag == "CLP"]
    assert list(check_remittance(root)) == [total_fault(bpr, -100)] == list(check_remittance_total(bpr, clps, []))
    assert unjudged_total(bpr).severity is Severity.NOT_EVALUATED


def _claim(charge: str, *lines: str) -> Loop:
    inner = [_loop("2400", f"LX*{number}~SV1*HC:97110*{amount}*UN*1") for number, amount in enumerate(lines, 1)]
    return _loop("2300", f"CLM*C1*{charge}***11:B:1", *inner)


def test_a_claims_charge_is_the_sum_of_its_lines() -> None:
    assert list(check_claim(_claim("120.5", "100", "20.50"))) == []
    (fault,) = check_claim(_claim("120.51", "100", "20.50"))
    assert (fault.rule, fault.segment.tag, fault.element) == ("x12.balance.charge", "CLM", 2)
    assert fault.severity is Severity.BLOCK
    assert "0.01" in fault.what
    assert "120" not in fault.what


@pytest.mark.parametrize(
    "claim", [_claim("1"), _claim("x", "1"), _claim("1", "x"), _loop("2300", "DTP*431*D8*20260101")]
)
def test_a_claim_that_lacks_an_amount_is_not_judged(claim: Loop) -> None:
    assert list(check_claim(claim)) == []


def test_a_difference_needs_numbers() -> None:
    assert difference("10", "4", ["5", "1"]) == 0
    assert difference("10", "4", ["5", ""]) is None
    assert difference("", "4", []) is None


def test_words_say_no_amount_of_the_claim() -> None:
    faults: list[BalanceFault] = list(check_remittance(_remittance("BPR*I*77.77*C", clp=_paid(cas="CAS*CO*45*39"))))
    assert len(faults) == 3
    for each in faults:
        assert not [amount for amount in ("77.77", "100", "150", "90", "60") if amount in each.what]
