"""What payers and banks said, row by row: claim payments, denials, provider-level rows, deposits; and many at once."""

from dataclasses import replace
from datetime import date

import pytest
from store_samples import bucket, claim, request

from gateway.errors import GatewayError
from gateway.ledger import units
from gateway.ledger.cents import MoneyEntry, MoneyLine
from gateway.ledger.entry import Account, Bucket, Cause, Entry
from gateway.store import ChangedMeanwhile, Scope, Store, Transaction
from gateway.store.deposits import Reassociated
from gateway.store.payments import Denial, Payment, Restated
from gateway.store.provider_adjustments import Matched, ProviderRow

SYSTEM = Scope.system("test")
DAY = date(2026, 3, 2)
CLAIM = claim()


def remitted(tx: Transaction, check: str = "CHK1") -> str:
    remittance, new = tx.remittances.add(
        payer_id="1SIM", check_number=check, paid_on=DAY, amount=8000, document="do_1", claims=2, digest="d"
    )
    assert new
    return remittance


def paid(remittance: str, number: int = 0, **changed: object) -> Payment:
    made = Payment(
        id=f"pa_{remittance}_{number}",
        organisation="northside",
        clinic="downtown",
        remittance=remittance,
        number=number,
        claim=CLAIM.id,
        control_number=CLAIM.control_number,
        status="1",
        charge=10000,
        paid=8000,
        settles=10000,
        payer_claim_number="PCN1",
        paid_on=DAY,
        produced_on=None,
        state="posted",
        reason="",
        held="",
        effect="",
        reverses="",
        matched_on="",
        confidence=0,
        adjustments=[["CO", "253", 100]],
        remarks=["MA01"],
        lines=[{"line": "6R1", "confidence": 100, "adjustments": [["CO", "45", 2000]]}],
        document="do_1",
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def denied(payment: Payment) -> Denial:
    return Denial(
        payment=payment.id,
        number=0,
        organisation="northside",
        clinic="downtown",
        claim=payment.claim,
        line="6R1",
        group_code="CO",
        reason="197",
        remarks=["M62"],
        cents=2000,
        topic="authorization",
        paid_on=DAY,
    )


def test_payments_come_back_as_they_were_put(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        remittance = remitted(tx)
        rows = [paid(remittance), paid(remittance, 1, claim="", produced_on=DAY, state="suspense")]
        tx.payments.add(rows, [denied(rows[0])])
        tx.payments.add([])
    with store.transaction(SYSTEM) as tx:
        assert tx.payments.known([rows[0].id, "pa_nowhere"]) == {rows[0].id}
        (mine,) = tx.payments.of_claims([CLAIM.id, ""])[CLAIM.id]
        assert {name: getattr(mine, name) for name in Payment.__dataclass_fields__} == {
            name: getattr(rows[0], name) for name in Payment.__dataclass_fields__
        }
        assert (mine.payer_id, mine.check_number, mine.recorded_at) == ("1SIM", "CHK1", tx.now)
        assert [each.id for each in tx.payments.list(remittance=remittance)] == [each.id for each in rows]
        assert [each.id for each in tx.payments.list(state="suspense")] == [rows[1].id]
        assert tx.payments.denials(claim=CLAIM.id) == [denied(rows[0])]


def test_what_another_clinic_is_paid_is_not_seen(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        remittance = remitted(tx)
        tx.payments.add([paid(remittance)], [denied(paid(remittance))])
    with store.transaction(Scope("northside", "uptown", "test")) as tx:
        assert tx.payments.of_claims([CLAIM.id]) == {}
        assert tx.payments.list() == []
        assert tx.payments.denials() == []


def test_how_a_payment_stands_may_change_and_a_held_one_is_taken_away(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        remittance, other = remitted(tx), remitted(tx, "CHK2")
        first, second = paid(remittance), paid(other)
        tx.payments.add([first, second], [denied(first), denied(second)])
        stands = Restated(
            id=first.id, state="suspense", reason="no_original", reverses="pa_x", matched_on="claim", confidence=90
        )
        tx.payments.restate([stands])
        (found,) = tx.payments.list(remittance=remittance)
        assert (found.state, found.reason, found.reverses) == ("suspense", "no_original", "pa_x")
        assert (found.matched_on, found.confidence) == ("claim", 90)
        tx.payments.drop(remittance)
        assert [each.id for each in tx.payments.list()] == [second.id]
        assert [each.payment for each in tx.payments.denials()] == [second.id]


def test_a_row_that_is_there_already_starts_the_transaction_over(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        remittance = remitted(tx)
        tx.payments.add([paid(remittance)])
    with pytest.raises(ChangedMeanwhile) as raised, store.transaction(SYSTEM) as tx:
        tx.payments.add([paid(remittance, 1), paid(remittance)])
    assert raised.value.retryable
    with store.transaction(SYSTEM) as tx:
        assert len(tx.payments.list()) == 1


def test_what_the_database_refuses_is_told_without_its_values(store: Store) -> None:
    with pytest.raises(GatewayError) as raised, store.transaction(SYSTEM) as tx:
        tx.payments.add([paid(remitted(tx), paid="ZIMMERWALD"), paid(None)])  # type: ignore[arg-type]
    assert not raised.value.retryable
    assert "ZIMMERWALD" not in str(raised.value)


def test_a_remittance_keeps_how_far_it_was_posted(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        remittance = remitted(tx)
        assert tx.remittances.progress(remittance) == 0
        tx.remittances.set_progress(remittance, 2)
        tx.remittances.set_owner(remittance, "northside", "downtown")
    with store.transaction(SYSTEM) as tx:
        assert tx.remittances.progress(remittance) == 2
        found = tx.remittances.get(remittance)
        assert (found.claims, found.posted, found.organisation) == (2, 2, "northside")
        tx.remittances.replace(remittance, amount=1, claims=3, digest="e", document="do_2")
        found = tx.remittances.get(remittance)
        assert (found.amount, found.claims, found.posted, found.digest) == (1, 3, 0, "e")
        assert (found.document, found.state) == ("do_2", "posting")
        assert tx.remittances.find("1SIM", "CHK1", DAY) == found
        assert tx.remittances.find("1SIM", "CHK9", DAY) is None


def test_provider_level_rows(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        remittance = remitted(tx)
        rows = [
            ProviderRow(
                id=f"pl_{number}",
                organisation="",
                clinic="",
                remittance=remittance,
                number=number,
                provider="1234567893",
                period_ends_on=DAY,
                reason=reason,
                reference="OLD",
                amount=500,
            )
            for number, reason in enumerate(("FB", "WO"))
        ]
        tx.provider_adjustments.add(rows)
        tx.provider_adjustments.match(
            [Matched(id="pl_1", state="recovered", matched="pl_0", matched_on="reference", confidence=80)]
        )
        found = tx.provider_adjustments.of_payer("1SIM", ["1234567893"])
        assert [(each.reason, each.state, each.matched) for each in found] == [
            ("FB", "", ""),
            ("WO", "recovered", "pl_0"),
        ]
        assert found[0].check_number == "CHK1"
        assert tx.provider_adjustments.of_payer("2SIM", ["1234567893"]) == []
        assert tx.provider_adjustments.of_payer("1SIM", []) == []
        assert [each.id for each in tx.provider_adjustments.list(matched="pl_0")] == ["pl_1"]
        tx.provider_adjustments.drop(remittance)
        assert tx.provider_adjustments.list() == []


def test_deposits(store: Store) -> None:
    told = {"document": "do_1", "trace_number": "091000010000001", "payer_id": "1SIM", "amount": 8000, "paid_on": DAY}
    with store.transaction(SYSTEM) as tx:
        assert tx.deposits.add("de_1", check_number="CHK1", **told)  # type: ignore[arg-type]
        assert not tx.deposits.add("de_1", check_number="CHK1", **told)  # type: ignore[arg-type]
        assert tx.deposits.add("de_2", check_number="CHK2", **told)  # type: ignore[arg-type]
        tx.deposits.match(
            [Reassociated(id="de_1", state="matched", remittance="re_1", matched_on="trace", confidence=100)]
        )
        assert [(each.id, each.state) for each in tx.deposits.of_checks(["CHK1", "CHK2"])] == [
            ("de_1", "matched"),
            ("de_2", "waiting"),
        ]
        assert [each.id for each in tx.deposits.list(state="waiting", paid_by=DAY)] == ["de_2"]
        assert [each.id for each in tx.deposits.list(remittance="re_1")] == ["de_1"]
        assert tx.deposits.list(paid_by=date(2026, 3, 1)) == []
        assert tx.deposits.of_checks([]) == []


def _granted(tx: Transaction) -> Bucket:
    made = bucket()
    tx.authorizations.add(request(), partner="p", digest="d")
    tx.books.add_bucket(made)
    cause = Cause(document="do_1", segment="HCR", authorization=made.authorization)
    tx.books.post(units.grant(made, {}, 10, cause=cause, holds_on=DAY, key="decision"))
    return made


def _commits(tx: Transaction, made: Bucket) -> list[Entry]:
    balance = tx.books.balances([made.id], lock=True)[made.id]
    return [
        units.commit(made, balance, 1, cause=Cause(claim="cl_1"), holds_on=DAY, key=f"{at}", visit_key=f"day{at}")
        for at in range(3)
    ]


def test_many_entries_at_once_are_those_one_by_one(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        made = _granted(tx)
        entries = _commits(tx, made)
        assert tx.books.post(entries[0])
        assert tx.books.post_all([*entries, entries[2]]) == {entries[1].id, entries[2].id}
        assert tx.books.post_all(entries) == set()
        assert tx.books.post_all([]) == set()
        assert tx.books.entries(claim="cl_1") == entries
        assert tx.books.balances([made.id])[made.id][Account.COMMITTED] == 3
        assert tx.books.check() == []
        assert tx.books.buckets_of([made.id, "bu_nowhere", ""]) == [made]


def test_much_money_at_once_is_that_one_by_one(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        tx.claims.add(CLAIM, partner="p", digest="d")
        entries = [
            MoneyEntry(
                id=f"en_{at}",
                kind="payment",
                holds_on=DAY,
                cause=Cause(document="do_1", claim=CLAIM.id),
                lines=(MoneyLine("cash:payer", 100), MoneyLine("receivable:payer", -100)),
            )
            for at in range(3)
        ]
        assert tx.books.post_money(entries[0])
        assert tx.books.post_money_all(entries) == {"en_1", "en_2"}
        assert tx.books.post_money_all(entries) == set()
        assert tx.books.money_entries(claim=CLAIM.id) == entries
        assert tx.books.money_balances(claim=CLAIM.id) == {"cash:payer": 300, "receivable:payer": -300}
        assert tx.books.check() == []
