"""Messages over AS2: each Message-ID once per partner and direction, whoever comes at the same time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import sqlalchemy as sa
from conftest import Clock

from gateway.errors import GatewayError
from gateway.store import As2Message, NotInStore, Scope, Store, Transaction

SYSTEM = Scope.system("test")
MDN = (("Content-Type", 'multipart/signed; boundary="b"'), ("AS2-To", "THEM"))


def _claimed(tx: Transaction, message_id: str = "<1@them>", **changed: str) -> tuple[As2Message, bool]:
    values = {"mic": "abc=", "mic_algorithm": "sha-256", "mdn": "f" * 64, **changed}
    return tx.as2_messages.claim(partner="p", message_id=message_id, contents=("a" * 64,), mdn_headers=MDN, **values)


def _refused(tx: Transaction, payload: str) -> tuple[As2Message, bool]:
    return tx.as2_messages.refuse(partner="p", message_id="<1@them>", payload=payload, reason="it is not signed")


def test_a_message_id_is_claimed_once_and_gives_the_first_receipt_for_ever(store: Store, clock: Clock) -> None:
    with store.transaction(SYSTEM) as tx:
        first, new = _claimed(tx)
        assert new
        assert (first.state, first.contents, first.mdn_headers) == ("processed", ("a" * 64,), MDN)
        assert first.attempts == 1
    clock.advance(60)
    with store.transaction(SYSTEM) as tx:
        second, new = _claimed(tx, mdn="e" * 64, mic="other=")
        assert not new
        assert second == first
        tx.as2_messages.again(second.id)
    with store.transaction(SYSTEM) as tx:
        found = tx.as2_messages.find("in", "p", "1@them")
        assert found is not None, "angle brackets are no part of a Message-ID"
        assert (found.id, found.attempts, found.mdn) == (first.id, 2, "f" * 64)
        assert found.changed_at == first.recorded_at + timedelta(seconds=60)


def test_an_id_belongs_to_one_partner_and_one_direction(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        _claimed(tx)
        assert tx.as2_messages.find("in", "q", "<1@them>") is None
        assert tx.as2_messages.find("out", "p", "<1@them>") is None
        held = tx.as2_messages.begin(partner="p", message_id="<1@them>", document="do_1")
        assert held.direction == "out"
        assert [each.direction for each in tx.as2_messages.list(partner="p")] == ["in", "out"]
        assert [each.id for each in tx.as2_messages.list("out", state="built")] == [held.id]
        assert [each.id for each in tx.as2_messages.of_document("do_1")] == [held.id]


def test_of_eight_identical_messages_at_once_one_is_taken_and_the_others_see_its_receipt(store: Store) -> None:
    barrier = Barrier(8)

    def take(number: int) -> tuple[str, str, bool]:
        barrier.wait()
        with store.transaction(SYSTEM) as tx:
            row, new = _claimed(tx, mdn=f"{number}" * 64)
            return row.id, row.mdn, new

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(take, range(8)))
    assert sum(new for _, _, new in results) == 1
    assert len({(message, mdn) for message, mdn, _ in results}) == 1


def test_an_id_is_free_again_where_the_first_one_gave_up(store: Store) -> None:
    def give_up() -> None:
        with store.transaction(SYSTEM) as tx:
            _claimed(tx)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        give_up()
    with store.transaction(SYSTEM) as tx:
        _, new = _claimed(tx)
        assert new


def test_a_refused_message_claims_nothing_and_the_same_bytes_are_counted(store: Store, clock: Clock) -> None:
    started = clock()
    with store.transaction(SYSTEM) as tx:
        first, new = _refused(tx, "a" * 64)
        assert new
        _, again = _refused(tx, "a" * 64)
        assert not again
        other, new = _refused(tx, "b" * 64)
        assert new
        assert tx.as2_messages.get(first.id).attempts == 2
        assert tx.as2_messages.find("in", "p", "<1@them>") is None
        _, new = _claimed(tx)
        assert new, "whoever sends rubbish under an id does not take it from the partner"
        assert [each.id for each in tx.as2_messages.list("in", state="refused")] == [first.id, other.id]
        kept = tx.as2_messages.find("in", "p", "<1@them>", payload="a" * 64)
        assert kept is not None
        assert kept.id == first.id
        assert len(tx.as2_messages.list("in", state="refused", since=started)) == 2
        assert [each.id for each in tx.as2_messages.list(state="refused", limit=1)] == [first.id]
        assert [each.id for each in tx.as2_messages.list(state="refused", limit=1, latest=True)] == [other.id]
        assert [each.id for each in tx.as2_messages.list(state="refused", latest=True)] == [first.id, other.id]
        assert tx.as2_messages.list("in", since=started + timedelta(seconds=1)) == []


def test_ours_is_begun_again_under_the_same_id_and_a_good_receipt_is_never_taken_back(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        begun = {"partner": "p", "message_id": "<do_1@us>", "document": "do_1"}
        first = tx.as2_messages.begin(mic="abc=", mic_algorithm="sha-256", **begun)
        assert (first.state, first.attempts) == ("built", 1)
        tx.as2_messages.change(first.id, state="refused", reason="decryption-failed")
        again = tx.as2_messages.begin(mic="def=", mic_algorithm="sha-512", **begun)
        assert (again.id, again.state, again.reason, again.attempts) == (first.id, "built", "", 2)
        assert (again.mic, again.mic_algorithm) == ("def=", "sha-512")
        done = tx.as2_messages.change(first.id, state="received", mdn="f" * 64, mdn_headers=MDN)
        assert (done.mdn, done.mdn_headers) == ("f" * 64, MDN)
        assert tx.as2_messages.begin(**begun).state == "received"
        with pytest.raises(GatewayError, match="another document"):
            tx.as2_messages.begin(partner="p", message_id="<do_1@us>", document="do_2")


def test_what_never_changes_and_what_is_no_state_is_refused(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        row, _ = _claimed(tx)
        with pytest.raises(AssertionError, match="no state"):
            tx.as2_messages.change(row.id, state="awaited")
        with pytest.raises(AssertionError, match="never change"):
            tx.as2_messages.change(row.id, partner="q")
        with pytest.raises(NotInStore):
            tx.as2_messages.get("am_none")
    with pytest.raises(GatewayError), store.transaction(SYSTEM) as tx:
        tx.run(sa.text("UPDATE as2_messages SET direction = 'sideways'"))
