"""Authorizations, claims, people, documents and what is kept beside them, on both databases."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from threading import Barrier
from typing import Protocol

import pytest
from store_samples import CHILD, MOTHER, claim, coverage, plan_of_care, request

from gateway.domain.parties import Person, Subscriber
from gateway.store import Added, ChangedMeanwhile, NotInStore, Scope, Store
from gateway.store.tasks import Asked

SYSTEM = Scope.system("test")


class SettableClock(Protocol):
    def advance(self, seconds: float) -> None: ...


def test_a_request_comes_back_whole(store: Store) -> None:
    for number, made in enumerate(
        (
            request(1),
            request(2, dependent=None, other_coverages=()),
            request(3, subscriber=replace(request().subscriber, group_number="G1"), note=""),
        ),
        start=1,
    ):
        with store.transaction(SYSTEM) as tx:
            assert tx.authorizations.add(made, partner="p", digest=str(number), document="do_1").outcome == "new"
        with store.transaction(SYSTEM) as tx:
            held = tx.authorizations.get(made.id)
        assert held.request == made
        assert (held.client_ref, held.partner, held.document, held.version) == (made.client_ref, "p", "do_1", 1)


def test_a_claim_comes_back_whole(store: Store) -> None:
    made = claim()
    with store.transaction(SYSTEM) as tx:
        tx.claims.add(made, partner="p", digest="d", authorization="au_1")
    with store.transaction(SYSTEM) as tx:
        held = tx.claims.get(made.id)
        assert held.claim == made
        assert (held.charge, held.authorization, held.control_number) == (4500, "au_1", made.control_number)
        by_ref = tx.claims.by_client_ref("north", "a", made.client_ref)
        assert by_ref is not None
        assert by_ref.id == made.id


def test_the_same_number_is_the_same_record_or_a_conflict(store: Store) -> None:
    made, other_id = request(1), f"au_{'z' * 22}"
    with store.transaction(SYSTEM) as tx:
        assert tx.authorizations.add(made, partner="p", digest="one") == Added(made.id, "new")
        again = replace(made, id=other_id)
        assert tx.authorizations.add(again, partner="p", digest="one") == Added(made.id, "same", made.id)
        assert tx.authorizations.add(again, partner="p", digest="two") == Added(made.id, "conflict", made.id)
        assert [each.id for each in tx.authorizations.list()] == [made.id]
        elsewhere = replace(made, id=other_id, clinic="b")
        assert tx.authorizations.add(elsewhere, partner="p", digest="two") == Added(other_id, "new")


def test_the_same_record_submitted_at_once_is_added_once(store: Store) -> None:
    barrier = Barrier(6)

    def submit(number: int) -> str:
        barrier.wait()
        with store.transaction(SYSTEM) as tx:
            return tx.authorizations.add(replace(request(1), id=f"au_{number:022}"), partner="p", digest="d").outcome

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(submit, range(6))) == ["new"] + ["same"] * 5


def test_a_patients_records_are_found_by_member_id_within_one_clinic(store: Store) -> None:
    spelt = Subscriber(member_id=" mbr 77001234", person=MOTHER)
    other = Subscriber(member_id="MBR77009999", person=MOTHER)
    with store.transaction(SYSTEM) as tx:
        tx.authorizations.add(request(1), partner="p", digest="d")
        tx.authorizations.add(request(2, subscriber=spelt), partner="p", digest="d")
        tx.authorizations.add(request(3, subscriber=other), partner="p", digest="d")
        tx.authorizations.add(request(4, clinic="b"), partner="p", digest="d")
        tx.claims.add(claim(1), partner="p", digest="d")
        tx.claims.add(claim(2, clinic="b"), partner="p", digest="d")
        tx.claims.add(claim(3, subscriber=other), partner="p", digest="d")
        found = tx.authorizations.of_patient("north", "a", "MBR77001234")
        assert [each.id for each in found] == [request(1).id, request(2).id]
        assert [each.id for each in tx.claims.of_patient("north", "a", "MBR77001234")] == [claim(1).id]


def test_the_lines_of_a_claim_are_kept_with_what_they_draw_on(store: Store) -> None:
    first, later = claim().lines[0], date(2026, 3, 9)
    made = claim(charge=9000, lines=(first, replace(first, control_number="L2", served_on=later, modifiers=("GP",))))
    with store.transaction(SYSTEM) as tx:
        tx.claims.add(made, partner="p", digest="d", parent="cl_0")
        tx.claims.put_lines(made, {first.control_number: ("au_1", "bu_1", "vi_1")})
    with store.transaction(SYSTEM) as tx:
        tx.claims.put_lines(made, {"L2": ("au_1", "bu_2", "vi_2")})  # Sent again: what it draws on now counts.
        stored = tx.claims.get(made.id)
        assert (stored.parent, stored.payer) == ("cl_0", made.payer.id)
        assert (stored.served_from, stored.served_to) == (first.served_on, later)
        one, two = tx.claims.lines(made.id)
        assert (one.bucket, one.visit_key, one.number, one.units, one.charge) == ("", "", 1, 2, 4500)
        assert (two.authorization, two.bucket, two.visit_key, two.modifiers) == ("au_1", "bu_2", "vi_2", ("GP",))
        assert [each.id for each in tx.claims.list(parent="cl_0")] == [made.id]


def test_of_a_coverage_what_was_checked_later_counts(store: Store) -> None:
    made, later = coverage(), date(2026, 3, 9)
    with store.transaction(SYSTEM) as tx:
        assert tx.coverages.put(made, digest="one", document="do_1").outcome == "new"
        assert tx.coverages.put(made, digest="one") == Added(made.id, "same", made.id)
        again = coverage(id=f"co_{'z' * 22}", checked_on=later, ends_on=later)
        assert tx.coverages.put(again, digest="two", document="do_2") == Added(made.id, "changed", made.id)
        assert tx.coverages.put(made, digest="one") == Added(made.id, "conflict", made.id)
    with store.transaction(SYSTEM) as tx:
        held = tx.coverages.get(made.id)
        assert (held.checked_on, held.document, held.version) == (later, "do_2", 2)
        assert held.coverage == coverage(checked_on=later, ends_on=later)
        tx.coverages.put(coverage(2, checked_on=date(2026, 3, 5)), digest="d")
        found = tx.coverages.of_patient("north", "a", "mbr77001234")
        assert [each.checked_on.day for each in found] == [9, 5]
        assert tx.coverages.of_patient("north", "b", "MBR77001234") == []


def test_of_a_plan_of_care_what_was_told_last_counts(store: Store) -> None:
    made, signed = plan_of_care(), plan_of_care(signed_on=date(2026, 2, 9))
    with store.transaction(SYSTEM) as tx:
        assert tx.plans_of_care.put(made, digest="one").outcome == "new"
        assert tx.plans_of_care.put(signed, digest="two") == Added(made.id, "changed", made.id)
        tx.plans_of_care.put(plan_of_care(2, starts_on=date(2026, 3, 1)), digest="d")
    with store.transaction(SYSTEM) as tx:
        assert tx.plans_of_care.get(made.id).plan == signed
        found = tx.plans_of_care.of_patient("north", "a", "MBR77001234")
        assert [each.starts_on.month for each in found] == [3, 2]
        with pytest.raises(NotInStore):
            tx.plans_of_care.get(f"pc_{'z' * 22}")


def test_an_update_changes_what_is_given_and_counts(store: Store, clock: SettableClock) -> None:
    made = request()
    with store.transaction(SYSTEM) as tx:
        tx.authorizations.add(made, partner="p", digest="d")
    clock.advance(5)
    with store.transaction(SYSTEM) as tx:
        tx.authorizations.update(made.id, state="certified", number="CERT1", decided_on=date(2026, 3, 3))
        tx.authorizations.update(made.id, request=replace(made, administrative_reference="NT1"))
    with store.transaction(SYSTEM) as tx:
        held = tx.authorizations.get(made.id)
        assert (held.state, held.number, held.decided_on) == ("certified", "CERT1", date(2026, 3, 3))
        assert held.request == replace(made, administrative_reference="NT1")
        assert held.version == 3
        assert held.changed_at > held.created_at
        assert [each.id for each in tx.authorizations.list(state=("certified", "modified"), partner="p")] == [made.id]
        assert tx.authorizations.list(state="accepted") == []
        assert tx.authorizations.counts() == {"certified": 1}


def test_a_change_of_what_was_changed_meanwhile_is_refused(store: Store) -> None:
    made = claim()
    with store.transaction(SYSTEM) as tx:
        tx.claims.add(made, partner="p", digest="d")
    with store.transaction(SYSTEM) as tx:
        read = tx.claims.get(made.id)
    with store.transaction(SYSTEM) as tx:
        tx.claims.update(made.id, state="paid")
    with pytest.raises(ChangedMeanwhile) as raised, store.transaction(SYSTEM) as tx:
        tx.claims.update(made.id, version=read.version, state="denied")
    assert raised.value.retryable
    with store.transaction(SYSTEM) as tx:
        assert tx.claims.get(made.id).state == "paid"
        with pytest.raises(NotInStore):
            tx.claims.update("cl_nowhere", state="paid")


def test_people_are_found_by_member_id_and_by_name_with_birth_date(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        mother = tx.people.put("north", MOTHER, "MBR77001234")
        child = tx.people.put("north", CHILD, "MBR77001234")
        assert tx.people.put("north", MOTHER, "MBR77001234") == mother
        assert tx.people.put("south", MOTHER, "MBR77001234") != mother
    with store.transaction(SYSTEM) as tx:
        assert tx.people.get(mother) == (MOTHER, "MBR77001234")
        assert set(tx.people.find("north", member_id=" mbr7700 1234")) == {mother, child}
        assert tx.people.find("north", last="ZIMMERWALD", born=date(2014, 11, 3)) == [child]
        assert tx.people.find("north", last="Zimmerwald", born=date(2014, 11, 4)) == []
        assert tx.people.find("east", member_id="MBR77001234") == []
        with pytest.raises(NotInStore):
            tx.people.get("pe_nobody")


def test_a_person_without_a_birth_date_is_kept_but_not_found_by_name(store: Store) -> None:
    nobody = Person(last="Anon")
    with store.transaction(SYSTEM) as tx:
        kept = tx.people.put("north", nobody, "")
        assert tx.people.get(kept) == (nobody, "")


def test_identical_bytes_are_two_documents_and_one_payload(store: Store) -> None:
    payload = store.payloads.put([b"ISA*00*"])
    assert store.payloads.put([b"ISA*", b"00*"]) == payload
    with store.transaction(SYSTEM) as tx:
        first, second = (
            tx.documents.add(direction="in", partner="p", name="a.edi", payload=payload, kind="x12", size=7)
            for _ in range(2)
        )
        assert first != second
        tx.documents.set_about(first, isa13="000000001")
        tx.documents.set_about(first, sets=2)
        tx.documents.set_state(first, "read")
        tx.documents.set_state(second, "duplicate", "the same bytes as an earlier one")
    with store.transaction(SYSTEM) as tx:
        assert [each.id for each in tx.documents.with_payload(payload)] == [first, second]
        assert tx.documents.get(first).about == {"isa13": "000000001", "sets": 2}
        assert tx.documents.get(second).reason == "the same bytes as an earlier one"
        assert [each.id for each in tx.documents.list(state=("read", "stored"), direction="in")] == [first]
        with pytest.raises(NotInStore):
            tx.documents.get("do_nowhere")
        with pytest.raises(NotInStore):
            tx.documents.set_state("do_nowhere", "read")


def test_inputs_come_back_in_recorded_order(store: Store) -> None:
    with store.transaction(Scope("north", "a", "ada")) as tx:
        first = tx.inputs.add(kind="command", name="book", holds_on=date(2026, 3, 2), content={"visit": "Peregrine"})
        tx.inputs.add(kind="decision", name="expire", holds_on=date(2026, 3, 1))
    with store.transaction(SYSTEM) as tx:
        held = tx.inputs.list()
        assert [each.name for each in held] == ["book", "expire"]
        assert (held[0].actor, held[0].organisation, held[0].content) == ("ada", "north", {"visit": "Peregrine"})
        assert [each.name for each in tx.inputs.list(after=first)] == ["expire"]
        assert [each.name for each in tx.inputs.list(kind="command")] == ["book"]


def test_a_number_finds_what_it_is_about(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        for subject in ("do_1", "do_2"):
            tx.identifiers.add(subject, "isa13", "000000001", partner=f"partner of {subject}", document="do_9")
            tx.identifiers.add(subject, "account", "ACCT-31337")
        tx.identifiers.add("do_1", "isa13", "000000001", partner="partner of do_1", document="do_9")
        tx.identifiers.add("do_1", "account", "")
    with store.transaction(SYSTEM) as tx:
        assert tx.identifiers.find("isa13", "000000001") == ["do_1", "do_2"]
        assert tx.identifiers.find("isa13", "000000001", partner="partner of do_2") == ["do_2"]
        assert tx.identifiers.find("account", "ACCT-31337") == ["do_1", "do_2"]
        assert tx.identifiers.find("account", "ACCT-3133") == []
        assert [(each.kind, each.value) for each in tx.identifiers.of("do_1")] == [
            ("isa13", "000000001"),
            ("account", "ACCT-31337"),
        ]
        assert {each.subject for each in tx.identifiers.find_any("ACCT-31337")} == {"do_1", "do_2"}
        assert {each.kind for each in tx.identifiers.find_any("000000001")} == {"isa13"}


def test_events_are_a_trail_in_order(store: Store) -> None:
    with store.transaction(Scope.system("worker one")) as tx:
        tx.events.add("do_1", "document.read", document="do_1", sets=2)
        tx.events.add("do_1", "document.answered", document="do_2", codes=["A"])
        tx.events.add("do_2", "document.read", document="do_2")
    with store.transaction(SYSTEM) as tx:
        trail = tx.events.of("do_1")
        assert [(each.what, dict(each.detail)) for each in trail] == [
            ("document.read", {"sets": 2}),
            ("document.answered", {"codes": ["A"]}),
        ]
        assert trail[0].actor == "worker one"
        assert trail[0].recorded_at == tx.now
        assert [each.subject for each in tx.events.caused_by("do_2")] == ["do_1", "do_2"]


def test_an_event_about_a_record_that_is_not_there_is_refused(store: Store) -> None:
    with pytest.raises(NotInStore), store.transaction(SYSTEM) as tx:
        tx.events.add(f"au_{'q' * 22}", "authorization.sent")


def test_a_task_is_opened_once_and_opens_again_after_it_was_closed(store: Store, clock: SettableClock) -> None:
    def open_it(reason: str) -> None:
        with store.transaction(SYSTEM) as tx:
            tx.tasks.open("decision:au_1", kind="decision", subject="au_1", reason=reason, fix="Call the payer")

    open_it("first")
    open_it("again")
    with store.transaction(SYSTEM) as tx:
        (task,) = tx.tasks.list()
        assert (task.reason, task.fix) == ("first", "Call the payer")
        assert tx.tasks.close("decision:au_1", "the payer called")
        assert not tx.tasks.close("decision:au_1", "twice")
        assert tx.tasks.list() == []
        assert [each.closed_for for each in tx.tasks.list(open=False)] == ["the payer called"]
    clock.advance(60)
    open_it("back")
    with store.transaction(SYSTEM) as tx:
        (task,) = tx.tasks.list(subject="au_1", kind="decision")
        assert (task.reason, task.closed_at, task.opened_at) == ("back", None, tx.now)


def test_many_tasks_at_once_are_those_one_by_one(store: Store, clock: SettableClock) -> None:
    def asked(key: str, reason: str) -> Asked:
        return Asked(key=key, kind="remittance", subject="au_1", reason=reason, fix="Call the payer")

    with store.transaction(SYSTEM) as tx:
        tx.tasks.open_all([asked("b", "first"), asked("a", "first"), asked("a", "twice"), asked("c", "first")])
        tx.tasks.open_all([])
        assert [(each.key, each.reason) for each in tx.tasks.list()] == [("b", "first"), ("a", "first"), ("c", "first")]
        assert tx.tasks.close("a", "the payer called")
    clock.advance(60)
    with store.transaction(SYSTEM) as tx:
        tx.tasks.open_all([asked("a", "back"), asked("b", "again"), asked("d", "new")])
        found = {each.key: (each.reason, each.opened_at == tx.now, each.closed_for) for each in tx.tasks.list()}
        assert found == {
            "a": ("back", True, ""),
            "b": ("first", False, ""),
            "c": ("first", False, ""),
            "d": ("new", True, ""),
        }


def test_a_task_about_a_partner_whose_name_begins_like_an_id(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        tx.tasks.open("refused", kind="refused", subject="re_insurance", reason="no", fix="Ask")
        assert len(tx.tasks.list(subject="re_insurance")) == 1


def test_a_remittance_counts_once_by_its_business_key(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        first, new = tx.remittances.add(
            payer_id="1999", check_number="C1", paid_on=date(2026, 3, 1), amount=10_00, document="do_1"
        )
        assert new
        assert tx.remittances.add(
            payer_id="1999", check_number="C1", paid_on=date(2026, 3, 1), amount=10_00, document="do_2"
        ) == (first, False)
        other, new = tx.remittances.add(
            payer_id="1999", check_number="C1", paid_on=date(2026, 3, 2), amount=10_00, document="do_1"
        )
        assert new
        tx.remittances.set_state(other, "posted")
    with store.transaction(SYSTEM) as tx:
        assert tx.remittances.get(first).document == "do_1"
        assert [each.id for each in tx.remittances.list(state="posted")] == [other]
        assert len(tx.remittances.list(document="do_1")) == 2
        with pytest.raises(NotInStore):
            tx.remittances.get("re_nowhere")


def test_what_was_seen_stays_seen(store: Store, clock: SettableClock) -> None:
    with store.transaction(SYSTEM) as tx:
        assert not tx.seen.has("p", "a.edi/10/1")
        assert tx.seen.add("p", "a.edi/10/1", "do_1")
        assert not tx.seen.add("p", "a.edi/10/1", "do_2")
    clock.advance(60)
    with store.transaction(SYSTEM) as tx:
        assert tx.seen.has("p", "a.edi/10/1")
        assert not tx.seen.has("q", "a.edi/10/1")
        tx.seen.add("p", "b.edi/10/1", "do_2")
        assert tx.seen.forget("p", tx.now) == 1
        assert tx.seen.has("p", "b.edi/10/1")


def test_instants_come_back_aware_in_utc_and_sort(store: Store, clock: SettableClock) -> None:
    moments = []
    for pause in (0, 0.000001, 0.9, 59):
        clock.advance(pause)
        with store.transaction(SYSTEM) as tx:
            moments.append(tx.now)
            tx.events.add("do_1", "document.read")
    with store.transaction(SYSTEM) as tx:
        assert [each.recorded_at for each in tx.events.of("do_1")] == moments
        assert tx.events.of("do_1")[0].recorded_at.utcoffset() is not None


def test_ids_are_opaque_and_come_from_the_injected_chance(store: Store, ids: Callable[[int], bytes]) -> None:
    made = {store.new_id("au") for _ in range(50)}
    assert len(made) == 50
    assert all(each.startswith("au_") and len(each) == 25 for each in made)
