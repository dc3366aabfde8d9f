"""Remit: an 835 moves money and visits by one key, once; what does not balance or is not ours stands in suspense."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from flow_stage import Stage, claim_json, on_sqlite, on_stage, payment, remitted

from gateway.domain.remittance import ClaimPayment, ProviderAdjustment
from gateway.flow import paying, remit
from gateway.store import Store, StoredClaim, StoreUnavailable

BILLED = {"receivable:payer": 18000, "revenue:charges": -18000}
PAID = {"revenue:charges": -18000, "cash:payer": 15000, "writeoff:contractual": 3000}


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path)


@pytest.fixture
def claim(stage: Stage) -> StoredClaim:
    """A claim of 180.00 under twelve visits, in adjudication; the task of its certification is gone."""
    billed = stage.billed()
    stage.arrive(stage.received())
    with stage.store.transaction(stage.house.everything()) as tx:
        for each in tx.tasks.list():
            tx.tasks.close(each.key, "seen")
    return billed


def _denied(claim: StoredClaim, reason: str = "197") -> ClaimPayment:
    return payment(claim, paid=(0, 0), reasons=(("CO", reason), ("CO", reason)))


def _reversal(claim: StoredClaim) -> ClaimPayment:
    return payment(claim, status="22")


def _corrected(claim: StoredClaim) -> ClaimPayment:
    return payment(claim, paid=(9000, 4000))


CORRECTED = {"revenue:charges": -18000, "cash:payer": 13000, "writeoff:contractual": 5000}


def _expect(stage: Stage, state: str, units: dict[str, int], money: dict[str, int], tasks: Sequence[str] = ()) -> None:
    assert stage.claim().state == state
    assert stage.units() == units
    assert stage.money() == money
    assert [each.kind for each in stage.tasks()] == list(tasks)
    assert stage.balanced()


def test_paid(stage: Stage, claim: StoredClaim) -> None:
    (document,) = stage.arrive(stage.paid(payment(claim)))
    _expect(stage, "paid", {"available": 11, "consumed": 1}, PAID)
    (step,) = stage.details(claim.id, "claim.adjudicated")
    assert (step["paid"], step["codes"], step["consume"]) == (15000, ["CO 45"], 1)
    with stage.reading() as tx:
        assert tx.documents.clinics(document) == [("northside", "downtown")]
        assert {each.cause.document for each in tx.books.money_entries(claim=claim.id)} > {document}
        (kept,) = tx.payments.of_claims([claim.id])[claim.id]
    assert (kept.check_number, kept.state, kept.lines[0]["confidence"]) == ("CHK0001", "posted", 100)


@on_sqlite
def test_a_deductible_uses_the_visit(stage: Stage, claim: StoredClaim) -> None:
    stage.arrive(stage.paid(payment(claim, paid=(0, 0), reasons=(("PR", "1"), ("PR", "1")))))
    money = {"revenue:charges": -18000, "receivable:patient": 18000}
    _expect(stage, "paid", {"available": 11, "consumed": 1}, money)


@on_sqlite
def test_partly_paid(stage: Stage, claim: StoredClaim) -> None:
    stage.arrive(stage.paid(payment(claim, paid=(10000, 0), reasons=(("CO", "45"), ("CO", "197")))))
    assert stage.claim().state == "partly_paid"
    assert stage.units() == {"available": 11, "consumed": 1}  # The visit is used by the line that was allowed.
    assert stage.money()["cash:payer"] == 10000
    assert sum(stage.money().values()) == 0
    assert stage.balanced()


def test_denied_with_carc_197_gives_the_visit_back(stage: Stage, claim: StoredClaim) -> None:
    stage.arrive(stage.paid(_denied(claim)))
    assert stage.claim().state == "denied"
    assert stage.units() == {"available": 12}
    assert stage.money().get("cash:payer", 0) == 0
    assert stage.money().get("receivable:payer", 0) == 0
    assert {(each.kind, each.subject) for each in stage.tasks()} == {("remittance", claim.id)}
    assert "197" in stage.tasks()[0].reason


# Reversal and correction.


def test_reversal_and_correction_in_one_file(stage: Stage, claim: StoredClaim) -> None:
    stage.arrive(stage.paid(payment(claim)))
    stage.arrive(
        stage.paid(_reversal(claim), _corrected(claim), check="CHK0002", amount=0, adjustments=_withheld(2000))
    )
    money = {**CORRECTED, "plb:FB": -2000, "cash:payer": 15000}
    _expect(stage, "paid", {"available": 11, "consumed": 1}, money)
    assert stage.steps(claim.id).count("claim.reversed") == 1


def _withheld(cents: int, reason: str = "FB") -> tuple[ProviderAdjustment, ...]:
    """BPR02 cannot be negative: the payer carries what it wants back (domain facts, 5.2)."""
    return (ProviderAdjustment(provider="1234567893", period_ends_on=date(2026, 12, 31), reason=reason, amount=-cents),)


@on_sqlite
def test_reversal_and_correction_the_wrong_way_round_in_one_file(stage: Stage, claim: StoredClaim) -> None:
    stage.arrive(stage.paid(payment(claim)))
    stage.arrive(stage.paid(_corrected(claim), _reversal(claim), check="CHK0002", adjustments=_withheld(2000)))
    money = {**CORRECTED, "plb:FB": -2000, "cash:payer": 15000}
    _expect(stage, "paid", {"available": 11, "consumed": 1}, money)


def test_reversal_and_correction_in_two_files(stage: Stage, claim: StoredClaim) -> None:
    stage.arrive(stage.paid(payment(claim)))
    stage.arrive(stage.paid(_reversal(claim), check="CHK0002", adjustments=_withheld(15000)))
    reversed_money = {**BILLED, "plb:FB": -15000, "cash:payer": 15000}
    _expect(stage, "reversed", {"available": 11, "committed": 1}, reversed_money)
    stage.arrive(stage.paid(_corrected(claim), check="CHK0003", adjustments=_withheld(-13000)))
    _expect(stage, "paid", {"available": 11, "consumed": 1}, {**CORRECTED, "plb:FB": -2000, "cash:payer": 15000})


@on_sqlite
def test_a_second_reversal_waits_in_suspense(stage: Stage, claim: StoredClaim) -> None:
    stage.arrive(stage.paid(payment(claim)))
    stage.arrive(stage.paid(_reversal(claim), check="CHK0002", adjustments=_withheld(15000)))
    stage.arrive(stage.paid(_reversal(claim), check="CHK0003", adjustments=_withheld(15000)))
    assert stage.claim().state == "reversed"
    assert stage.units() == {"available": 11, "committed": 1}
    assert stage.money()["suspense"] == 15000
    assert stage.money()["receivable:payer"] == 18000
    assert [each.kind for each in stage.tasks()] == ["remittance"]
    assert stage.balanced()


def test_a_reversal_before_its_payment_waits_in_suspense_until_that_comes(stage: Stage, claim: StoredClaim) -> None:
    """Two files in the wrong order: nothing is made to fit, nothing is negative, and in the end all is as in order."""
    stage.arrive(stage.paid(_reversal(claim), _corrected(claim), check="CHK0002", adjustments=_withheld(2000)))
    assert stage.claim().state == "paid"
    assert stage.units() == {"available": 11, "consumed": 1}
    assert stage.money()["suspense"] == 15000
    assert [each.kind for each in stage.tasks()] == ["remittance"]
    assert "claim.payment_held" in stage.steps(claim.id)
    assert stage.balanced()
    stage.arrive(stage.paid(payment(claim)))
    _expect(
        stage,
        "paid",
        {"available": 11, "consumed": 1},
        {**CORRECTED, "plb:FB": -2000, "cash:payer": 15000},
    )


@on_sqlite
def test_a_reversal_of_a_denial_gives_nothing_back_twice(stage: Stage, claim: StoredClaim) -> None:
    stage.arrive(stage.paid(_denied(claim)))
    reversal = payment(claim, paid=(0, 0), reasons=(("CO", "197"), ("CO", "197")), status="22")
    stage.arrive(stage.paid(reversal, payment(claim), check="CHK0002"))
    assert stage.claim().state == "paid"
    assert stage.units() == {"available": 11, "consumed": 1}
    assert stage.money() == PAID
    assert stage.balanced()


# Provider-level amounts, balances, keys.


@on_sqlite
def test_a_provider_level_adjustment(stage: Stage, claim: StoredClaim) -> None:
    recovery = ProviderAdjustment(
        provider="1234567893", period_ends_on=date(2026, 12, 31), reason="WO", amount=5000, reference="OLDCLAIM"
    )
    stage.arrive(stage.paid(payment(claim), adjustments=[recovery]))
    money = {**PAID, "cash:payer": 10000, "plb:WO": 5000}
    _expect(stage, "paid", {"available": 11, "consumed": 1}, money, ["remittance"])  # Of what was it taken back?


def test_a_remittance_out_of_balance_is_held_with_a_task(stage: Stage, claim: StoredClaim) -> None:
    stage.arrive(stage.paid(payment(claim), amount=14000))
    money = {**BILLED, "cash:payer": 14000, "suspense": -14000}
    _expect(stage, "received", {"available": 11, "committed": 1}, money, ["remittance"])
    with stage.reading() as tx:
        (held,) = tx.remittances.list()
    assert held.state == "held"
    assert "claim.payment_held" in stage.steps(claim.id)


@on_sqlite
@pytest.mark.parametrize("level", ["line", "claim"])
def test_a_claim_payment_out_of_balance_is_held_and_the_others_post(stage: Stage, level: str) -> None:
    first = stage.billed(1)
    second = stage.billed(2)
    bad = payment(first)
    if level == "line":
        lines = (replace(bad.lines[0], adjustments=()), bad.lines[1])
        bad = replace(bad, lines=lines)
    else:
        bad = replace(bad, paid=14000)
    stage.arrive(stage.says(remitted(bad, payment(second))))
    assert [stage.claim(number).state for number in (1, 2)] == ["sent", "paid"]
    assert stage.units(1) == {"available": 11, "committed": 1}
    assert stage.money()["suspense"] == -bad.paid
    assert "claim.payment_held" in stage.steps(first.id)
    assert stage.balanced()


@on_sqlite
def test_an_unknown_claim_stands_in_suspense_and_the_others_post(stage: Stage, claim: StoredClaim) -> None:
    foreign = payment(claim, control_number="NOTOURS")
    stage.arrive(stage.paid(foreign, payment(claim)))
    money = {**PAID, "cash:payer": 30000, "suspense": -15000}
    _expect(stage, "paid", {"available": 11, "consumed": 1}, money, ["remittance"])
    assert "NOTOURS" not in str(stage.tasks())


def test_the_same_remittance_twice_counts_once(stage: Stage, claim: StoredClaim) -> None:
    content = stage.paid(payment(claim))
    stage.arrive(content, content, stage.paid(payment(claim)))
    _expect(stage, "paid", {"available": 11, "consumed": 1}, PAID)
    assert stage.steps(claim.id).count("remittance.repeated") == 2
    with stage.reading() as tx:
        assert len(tx.remittances.list()) == 1


@on_sqlite
@pytest.mark.parametrize(
    "changed",
    [{"check": "CHK0002"}, {"paid_on": date(2026, 3, 3)}],
    ids=["check", "date"],
)
def test_another_key_is_another_remittance(stage: Stage, claim: StoredClaim, changed: dict[str, object]) -> None:
    """The payer paid twice: both stand in the books, and a person is told."""
    stage.arrive(stage.paid(payment(claim)), stage.paid(payment(claim), **changed))
    assert stage.money()["cash:payer"] == 30000
    assert stage.units() == {"available": 11, "consumed": 1}
    (task,) = stage.tasks()
    assert "180.00 more than was billed" in task.reason


def test_another_amount_under_the_same_key_is_told_and_not_posted(stage: Stage, claim: StoredClaim) -> None:
    stage.arrive(stage.paid(payment(claim)), stage.paid(_corrected(claim)))
    _expect(stage, "paid", {"available": 11, "consumed": 1}, PAID, ["remittance"])
    assert "another amount" in stage.tasks()[0].reason


@on_sqlite
def test_other_payments_under_the_same_key_and_amount_are_told_and_not_posted(stage: Stage) -> None:
    first, second = stage.billed(1), stage.billed(2)
    stage.arrive(stage.paid(payment(first)))
    stage.arrive(stage.paid(payment(second)))
    assert [stage.claim(number).state for number in (1, 2)] == ["paid", "sent"]
    assert any("other claim payments" in each.reason for each in stage.tasks("remittance"))
    assert stage.units(2) == {"available": 11, "committed": 1}


def test_a_visit_that_two_claims_share_is_used_once(stage: Stage) -> None:
    stage.certified()
    lines = claim_json()["lines"]
    stage.submit(claim_json(1, lines=lines[:1]), claim_json(2, lines=lines[1:], authorization_ref="ACCT-31337-A1"))
    stage.work()
    claims = [stage.claim(number) for number in (1, 2)]
    stage.arrive(
        stage.paid(payment(claims[0], paid=(0,), reasons=(("CO", "197"),)), check="CHK0001"),
        stage.paid(payment(claims[1], paid=(6000,), reasons=(("CO", "45"),)), check="CHK0002"),
    )
    assert [stage.claim(number).state for number in (1, 2)] == ["denied", "paid"]
    assert stage.units() == {"available": 11, "consumed": 1}
    assert stage.balanced()


@on_sqlite
@pytest.mark.parametrize("how", ["277CA", "835"])
def test_a_shared_visit_stays_while_the_other_claim_is_open(stage: Stage, how: str) -> None:
    """The claim that took the visit is refused; the one that came after it and took nothing still bills that day."""
    stage.certified()
    lines = claim_json()["lines"]
    stage.submit(claim_json(1, lines=lines[:1]))
    stage.work()
    stage.submit(claim_json(2, lines=lines[1:], authorization_ref="ACCT-31337-A1"))
    stage.work()
    assert stage.units() == {"available": 11, "committed": 1}
    if how == "277CA":
        stage.arrive(stage.received(1, category="A7", action="U"))
    else:
        stage.arrive(stage.paid(payment(stage.claim(1), paid=(0,), reasons=(("CO", "197"),))))
    assert stage.units() == {"available": 11, "committed": 1}
    stage.arrive(stage.paid(payment(stage.claim(2), paid=(0,), reasons=(("CO", "197"),)), check="CHK0002"))
    assert stage.units() == {"available": 12}
    assert stage.balanced()


@on_sqlite
def test_money_of_a_predetermination_moves_no_unit(stage: Stage, claim: StoredClaim) -> None:
    stage.arrive(stage.paid(payment(claim, status="25")))
    assert stage.claim().state == "received"
    assert stage.units() == {"available": 11, "committed": 1}
    assert stage.money()["suspense"] == -15000


@on_sqlite
def test_the_overdue_835_of_a_claim_that_was_paid_is_not_awaited(stage: Stage, claim: StoredClaim) -> None:
    stage.arrive(stage.paid(payment(claim)))
    stage.clock.advance(400 * 24 * 3600)
    stage.work("expect")
    assert stage.tasks("overdue") == []


# Answers to a claim itself, in whatever order they come.


@pytest.mark.parametrize("order", list(permutations(["999", "277CA"])), ids="-".join)
def test_a_claim_that_its_payer_took_in_is_billed_whatever_a_999_says(stage: Stage, order: tuple[str, ...]) -> None:
    """Released and sent again it would be billed twice: nobody is told to send it, and the two are told to a person."""
    claim = stage.billed()
    came = {"999": stage.acknowledged(claim.id, "R"), "277CA": stage.received()}
    for each in order:
        stage.arrive(came[each])
    assert stage.claim().state == "received"
    assert stage.units() == {"available": 11, "committed": 1}
    assert {account: amount for account, amount in stage.money().items() if amount} == BILLED
    assert stage.tasks("rejected") == []
    assert [each.subject for each in stage.tasks("unclear")] == [claim.id]
    stage.arrive(stage.paid(payment(claim)))
    assert (stage.claim().state, stage.units()) == ("paid", {"available": 11, "consumed": 1})
    assert {account: amount for account, amount in stage.money().items() if amount} == PAID
    assert stage.balanced()


@on_sqlite
@pytest.mark.parametrize("order", list(permutations(["refused", "taken"])), ids="-".join)
def test_of_two_277ca_the_one_that_refuses_ends_it(stage: Stage, order: tuple[str, ...]) -> None:
    stage.billed()
    came = {"refused": stage.received(1, category="A7", status="21", action="U"), "taken": stage.received()}
    for each in order:
        stage.arrive(came[each])
    assert (stage.claim().state, stage.units()) == ("rejected", {"available": 12})
    assert {account: amount for account, amount in stage.money().items() if amount} == {}
    assert stage.balanced()


# A held remittance, and the one that corrects it.


def test_a_corrected_remittance_takes_the_place_of_a_held_one(stage: Stage, claim: StoredClaim) -> None:
    stage.arrive(stage.paid(payment(claim), amount=99999))
    assert stage.money()["suspense"]
    assert stage.claim().state == "received"
    corrected = stage.paid(payment(claim))
    for _ in range(2):  # Coming again it changes nothing.
        stage.arrive(corrected)
        assert stage.claim().state == "paid"
        assert stage.units() == {"available": 11, "consumed": 1}
        assert stage.money() == {"revenue:charges": -18000, "cash:payer": 15000, "writeoff:contractual": 3000}
        assert not stage.tasks("remittance")
    with stage.reading() as tx:
        (only,) = tx.remittances.list()
    assert (only.state, only.amount) == ("posted", 15000)
    assert stage.balanced()


def test_a_correction_that_does_not_balance_either_is_told_and_changes_nothing(
    stage: Stage, claim: StoredClaim
) -> None:
    stage.arrive(stage.paid(payment(claim), amount=99999))
    before = stage.money()
    stage.arrive(stage.paid(payment(claim), amount=88888))
    assert stage.money() == before
    assert stage.claim().state == "received"
    assert any("another amount" in each.reason for each in stage.tasks("remittance"))


@on_sqlite
def test_of_two_remittances_in_one_file_the_right_one_is_taken_back(stage: Stage, claim: StoredClaim) -> None:
    stage.arrive(
        stage.says(
            remitted(payment(claim), amount=99999),
            remitted(adjustments=_withheld(2500, "L6"), check="CHK0002"),
        )
    )
    stage.arrive(stage.paid(payment(claim)))
    money = stage.money()
    assert (money["cash:payer"], money["plb:L6"]) == (17500, -2500)
    assert "suspense" not in money
    assert stage.balanced()


# Whose money it is.


@on_sqlite
def test_a_remittance_for_a_payee_that_is_none_of_ours_and_no_claim_of_ours_posts_nothing(
    stage: Stage, claim: StoredClaim
) -> None:
    stranger = replace(payment(claim), control_number="SOMEONEELSES")
    stage.arrive(stage.says(replace(remitted(stranger), payee_npi="1000000020")))
    assert "cash:payer" not in stage.money()
    (task,) = stage.tasks("remittance")
    assert "payee" in task.reason


@on_sqlite
def test_a_payee_that_is_none_of_ours_is_told_where_the_claims_are(stage: Stage, claim: StoredClaim) -> None:
    stage.arrive(stage.says(replace(remitted(payment(claim)), payee_npi="1000000020")))
    assert stage.claim().state == "paid"
    assert any("payee" in each.reason for each in stage.tasks("remittance"))


# A long remittance: batches, and what happens when one is cut off.


def _long(stage: Stage, monkeypatch: pytest.MonkeyPatch, claims: int = 5) -> bytes:
    """An 835 of several claims that counts as long: posted two claims at a time."""
    monkeypatch.setattr(remit, "BATCH", 2)
    billed = [stage.billed(number) for number in range(1, claims + 1)]
    return stage.paid(*(payment(each) for each in billed))


def _ended(stage: Stage, claims: int = 5) -> None:
    assert [stage.claim(number).state for number in range(1, claims + 1)] == ["paid"] * claims
    assert stage.money() == {account: claims * cents for account, cents in PAID.items()}
    assert [stage.units(number) for number in range(1, claims + 1)] == [{"available": 11, "consumed": 1}] * claims
    with stage.reading() as tx:
        (only,) = tx.remittances.list()
        assert [each.number for each in tx.payments.list()] == list(range(claims))
    assert (only.state, only.claims, only.posted) == ("posted", claims, claims)
    for number in range(1, claims + 1):
        assert stage.steps(stage.claim(number).id).count("claim.adjudicated") == 1
    assert stage.balanced()


def test_a_long_remittance_is_posted_in_batches(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    content = _long(stage, monkeypatch)
    stage.arrive(content)
    _ended(stage)
    with stage.reading() as tx:
        assert [(each.content["start"], each.content["stop"]) for each in tx.inputs.list(name="remit")] == [
            (0, 2),
            (2, 4),
        ]
    stage.arrive(content)
    assert not stage.tasks("remittance")
    _ended(stage)


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_one_that_is_cut_off_goes_on_where_it_was(stage: Stage, monkeypatch: pytest.MonkeyPatch, cut: int) -> None:
    """Killed in its first, second or last batch: what was committed stays, what was not comes again."""
    content = _long(stage, monkeypatch)
    whole, batches = paying.post, []

    def killed(*args: Any, **kwargs: Any) -> None:
        whole(*args, **kwargs)
        batches.append(args)
        if len(batches) == cut + 1:
            raise StoreUnavailable("the machine went down")

    monkeypatch.setattr(paying, "post", killed)
    (document,) = stage.arrive(content)
    with stage.reading() as tx:
        assert [each.posted for each in tx.remittances.list()] == [2 * cut] * (cut > 0)
        assert tx.documents.get(document).state != "read"
    stage.clock.advance(3600)
    stage.work("receive")
    _ended(stage)


def test_a_long_one_that_does_not_balance_moves_nothing_but_suspense(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole is looked at before the first batch."""
    _long(stage, monkeypatch)
    claims = [stage.claim(number) for number in range(1, 6)]
    stage.arrive(stage.paid(*(payment(each) for each in claims), amount=1))
    assert {stage.claim(number).state for number in range(1, 6)} == {"sent"}
    assert stage.money()["suspense"] == -1
    stage.arrive(stage.paid(*(payment(each) for each in claims)))
    _ended(stage)


@on_sqlite
def test_a_long_one_in_which_one_payment_cannot_be_read_posts_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = _long(stage, monkeypatch)
    at = content.rindex(b"*18000*") if b"*18000*" in content else content.rindex(b"*180*")
    (document,) = stage.arrive(content[:at] + b"*1X8" + content[at + 4 :])
    assert "cash:payer" not in stage.money()
    assert [each.kind for each in stage.tasks("unread")] == ["unread"]
    with stage.reading() as tx:
        assert tx.documents.get(document).state == "waiting"
        assert tx.remittances.list() == []


@on_sqlite
def test_a_reversal_and_its_correction_in_different_batches(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    _long(stage, monkeypatch)
    claims = [stage.claim(number) for number in range(1, 6)]
    first = claims[0]
    stage.arrive(stage.paid(payment(first)))
    stage.arrive(
        stage.paid(
            _corrected(first), *(payment(each) for each in claims[1:]), _reversal(first), check="CHK0002",
        )
    )  # fmt: skip
    assert stage.units() == {"available": 11, "consumed": 1}
    assert stage.money()["cash:payer"] == 13000 + 4 * 15000
    assert "suspense" not in stage.money()
    assert {stage.claim(number).state for number in range(1, 6)} == {"paid"}
    assert stage.balanced()
