"""A scope of one clinic never sees or changes another's rows, through whatever repository; the gateway sees all."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from store_samples import MOTHER, bucket, claim, request

from gateway.ledger import units
from gateway.ledger.cents import MoneyEntry, MoneyLine
from gateway.ledger.entry import Cause
from gateway.store import NotInStore, Scope, Store, Transaction
from gateway.store.schema import metadata

SYSTEM = Scope.system("test")
DAY = date(2026, 3, 2)
CLINICS = (("north", "a"), ("north", "b"), ("south", "a"))


def fill(store: Store) -> dict[tuple[str, str], dict[str, str]]:
    """One row of every kind for each clinic, each with the same numbers; the ids by clinic and kind."""
    made: dict[tuple[str, str], dict[str, str]] = {}
    for organisation, clinic in CLINICS:
        owner: Any = {"organisation": organisation, "clinic": clinic}
        with store.transaction(Scope(organisation, clinic, "test")) as tx:
            authorization, its_claim, its_bucket = request(1, **owner), claim(1, **owner), bucket(1, **owner)
            ids = {"authorization": authorization.id, "claim": its_claim.id, "bucket": its_bucket.id}
            tx.authorizations.add(authorization, partner="p", digest="d")
            tx.claims.add(its_claim, partner="p", digest="d")
            ids["document"] = tx.documents.add(direction="in", partner="p", name="n", payload="x", kind="k", size=1)
            ids["input"] = tx.inputs.add(kind="command", name="book", holds_on=DAY)
            ids["person"] = tx.people.put(organisation, MOTHER, "MBR77001234")
            ids["job"] = tx.jobs.enqueue("work", payload={}) or ""
            tx.identifiers.add(authorization.id, "trn02", "T1")
            tx.events.add(authorization.id, "authorization.sent", document="do_shared")
            tx.tasks.open(authorization.id, kind="t", subject=authorization.id, reason="r", fix="f")
            tx.books.add_bucket(its_bucket)
            tx.books.post(units.grant(its_bucket, {}, 5, cause=Cause(document="do_shared"), holds_on=DAY, key="g"))
            lines = (MoneyLine("receivable:payer", 10), MoneyLine("revenue", -10))
            cause = Cause(claim=its_claim.id, document="do_shared")
            tx.books.post_money(MoneyEntry(id=ids["claim"], kind="claim", holds_on=DAY, cause=cause, lines=lines))
            ids["remittance"], _ = tx.remittances.add(
                payer_id=organisation + clinic, check_number="1", paid_on=DAY, amount=1, document="do_shared"
            )
        made[organisation, clinic] = ids
    return made


Read = Callable[[Transaction, dict[str, str]], object]

LISTS: dict[str, tuple[Read, Callable[[Any, dict[str, str]], bool]]] = {
    "authorizations.list": (lambda tx, _: tx.authorizations.list(), lambda each, ids: each.id == ids["authorization"]),
    "claims.list": (lambda tx, _: tx.claims.list(), lambda each, ids: each.id == ids["claim"]),
    "documents.list": (lambda tx, _: tx.documents.list(), lambda each, ids: each.id == ids["document"]),
    "documents.with_payload": (
        lambda tx, _: tx.documents.with_payload("x"),
        lambda each, ids: each.id == ids["document"],
    ),
    "inputs.list": (lambda tx, _: tx.inputs.list(), lambda each, ids: each.id == ids["input"]),
    "people.find": (
        lambda tx, ids: tx.people.find(ids["organisation"], member_id="MBR77001234"),
        lambda each, ids: each == ids["person"],
    ),
    "jobs.list": (lambda tx, _: tx.jobs.list(), lambda each, ids: each.id == ids["job"]),
    "jobs.take": (lambda tx, _: tx.jobs.take("n", lease_s=1, limit=9), lambda each, ids: each.id == ids["job"]),
    "identifiers.find": (
        lambda tx, _: tx.identifiers.find("trn02", "T1"),
        lambda each, ids: each == ids["authorization"],
    ),
    "identifiers.find_any": (
        lambda tx, _: tx.identifiers.find_any("T1"),
        lambda each, ids: each.subject == ids["authorization"],
    ),
    "events.caused_by": (
        lambda tx, _: tx.events.caused_by("do_shared"),
        lambda each, ids: each.subject == ids["authorization"],
    ),
    "tasks.list": (lambda tx, _: tx.tasks.list(open=None), lambda each, ids: each.subject == ids["authorization"]),
    "books.entries": (
        lambda tx, _: tx.books.entries(cause_document="do_shared"),
        lambda each, ids: each.postings[0].bucket == ids["bucket"],
    ),
    "books.buckets_ended_by": (
        lambda tx, _: tx.books.buckets_ended_by(date(2027, 1, 1)),
        lambda each, ids: each.id == ids["bucket"],
    ),
    "books.money_entries": (
        lambda tx, _: tx.books.money_entries(cause_document="do_shared"),
        lambda each, ids: each.cause.claim == ids["claim"],
    ),
    "remittances.list": (lambda tx, _: tx.remittances.list(), lambda each, ids: each.id == ids["remittance"]),
}

SINGLES: dict[str, Read] = {
    "authorizations.get": lambda tx, ids: tx.authorizations.get(ids["authorization"]),
    "authorizations.get locked": lambda tx, ids: tx.authorizations.get(ids["authorization"], lock=True),
    "authorizations.update": lambda tx, ids: tx.authorizations.update(ids["authorization"], state="x"),
    "claims.get": lambda tx, ids: tx.claims.get(ids["claim"]),
    "claims.update": lambda tx, ids: tx.claims.update(ids["claim"], state="x"),
    "documents.get": lambda tx, ids: tx.documents.get(ids["document"]),
    "documents.set_state": lambda tx, ids: tx.documents.set_state(ids["document"], "x"),
    "documents.set_about": lambda tx, ids: tx.documents.set_about(ids["document"], x=1),
    "people.get": lambda tx, ids: tx.people.get(ids["person"]),
    "jobs.unpark": lambda tx, ids: tx.jobs.unpark(ids["job"]),
    "identifiers.add": lambda tx, ids: tx.identifiers.add(ids["authorization"], "trn02", "T2"),
    "events.add": lambda tx, ids: tx.events.add(ids["claim"], "claim.sent"),
    "tasks.open": lambda tx, ids: tx.tasks.open("k", kind="t", subject=ids["claim"], reason="r", fix="f"),
    "books.bucket": lambda tx, ids: tx.books.bucket(ids["bucket"]),
    "books.balances": lambda tx, ids: tx.books.balances([ids["bucket"]]),
    "books.balances locked": lambda tx, ids: tx.books.balances([ids["bucket"]], lock=True),
    "books.post": lambda tx, ids: tx.books.post(
        units.grant(
            bucket(1, organisation=ids["organisation"], clinic=ids["clinic"]),
            {},
            1,
            cause=Cause(),
            holds_on=DAY,
            key="x",
        )
    ),
    "remittances.get": lambda tx, ids: tx.remittances.get(ids["remittance"]),
    "remittances.set_state": lambda tx, ids: tx.remittances.set_state(ids["remittance"], "x"),
}

EMPTY: dict[str, Read] = {
    "documents.clinics": lambda tx, ids: tx.documents.clinics(ids["document"]),
    "identifiers.of": lambda tx, ids: tx.identifiers.of(ids["authorization"]),
    "events.of": lambda tx, ids: tx.events.of(ids["authorization"]),
    "tasks.close": lambda tx, ids: tx.tasks.close(ids["authorization"], "x"),
    "books.buckets": lambda tx, ids: tx.books.buckets(ids["authorization"]),
    "books.entries": lambda tx, ids: tx.books.entries(authorization=ids["authorization"]),
    "books.money_balances": lambda tx, ids: tx.books.money_balances(claim=ids["claim"]),
    "authorizations.by_client_ref": lambda tx, ids: tx.authorizations.by_client_ref(
        ids["organisation"], ids["clinic"], "ACCT-31337-1"
    ),
    "claims.by_client_ref": lambda tx, ids: tx.claims.by_client_ref(ids["organisation"], ids["clinic"], "ACCT-31337-1"),
}


def reaches(store: Store, scope: Scope, act: Read, ids: dict[str, str]) -> bool:
    try:
        with store.transaction(scope) as tx:
            act(tx, ids)
    except NotInStore:
        return False
    return True


def test_a_clinic_sees_its_own_and_nothing_else(store: Store) -> None:
    made = fill(store)
    scopes = [(Scope(*owner, "test"), [owner]) for owner in CLINICS]
    scopes += [(Scope("north", None, "test"), [("north", "a"), ("north", "b")]), (SYSTEM, list(CLINICS))]
    for scope, seen in scopes:
        for name, (read, is_of) in LISTS.items():
            with store.transaction(scope) as tx:
                organisations = {owner[0] for owner in seen}
                found: list[Any] = []
                for organisation in sorted(organisations):
                    part: Any = read(tx, {"organisation": organisation})
                    found += part if name == "people.find" or not found else []
                for owner in CLINICS:
                    count = sum(is_of(each, made[owner]) for each in found)
                    assert (count >= 1) is (owner in seen), f"{name} with {scope} and the rows of {owner}"
                if name == "jobs.take":  # For the next scope.
                    for job in found:
                        tx.jobs.retry(job, tx.now, "again", counted=False)


@pytest.mark.parametrize("owner", CLINICS)
def test_another_clinics_row_is_not_there(store: Store, owner: tuple[str, str]) -> None:
    made = fill(store)
    others = [Scope(*other, "test") for other in CLINICS if other != owner]
    if owner[0] == "south":
        others.append(Scope("north", None, "test"))
    ids = {**made[owner], "organisation": owner[0], "clinic": owner[1]}
    for scope in others:
        for name, act in SINGLES.items():
            assert not reaches(store, scope, act, ids), f"{name} with {scope} reached {owner}"
        for name, read in EMPTY.items():
            with store.transaction(scope) as tx:
                assert not read(tx, ids), f"{name} with {scope} reached {owner}"
    with store.transaction(Scope(*owner, "test")) as tx:
        for name, read in EMPTY.items():
            assert read(tx, ids), f"{name} must see its own"


def test_sums_and_counts_are_of_the_scope(store: Store) -> None:
    fill(store)
    for scope, clinics in ((Scope("north", "a", "t"), 1), (Scope("north", None, "t"), 2), (SYSTEM, 3)):
        with store.transaction(scope) as tx:
            assert tx.jobs.counts()["waiting"] == clinics
            assert tx.jobs.open_kinds() == {"work": clinics}
            assert tx.books.money_balances() == {"receivable:payer": 10 * clinics, "revenue": -10 * clinics}
            assert tx.authorizations.counts() == {"accepted": clinics}
            assert tx.claims.counts() == {"accepted": clinics}
            assert tx.books.check() == []


def test_nothing_is_written_for_another_clinic(store: Store) -> None:
    wider: list[Read] = [
        lambda tx, _: tx.authorizations.add(request(clinic="b"), partner="p", digest="d"),
        lambda tx, _: tx.claims.add(claim(clinic="b"), partner="p", digest="d"),
        lambda tx, _: tx.people.put("south", MOTHER, "m"),
        lambda tx, _: tx.jobs.enqueue("k", payload={}, organisation="south", clinic="a"),
        lambda tx, _: tx.inputs.add(kind="command", name="n", holds_on=DAY, organisation="south"),
        lambda tx, _: tx.documents.link("do_1", "south", "a"),
        lambda tx, _: tx.books.add_bucket(bucket(organisation="south")),
    ]
    for write in wider:
        assert not reaches(store, Scope("north", "a", "test"), write, {})


def test_every_table_is_owned_or_known_not_to_be() -> None:
    shared = {"documents", "control_counters", "control_numbers", "lanes", "seen", "as2_messages"}
    shared |= {"reference_files", "reference_rows"}
    for table in metadata.tables.values():
        if table.name not in shared:
            assert {"organisation", "clinic"} <= set(table.columns.keys()), table.name


def test_a_document_of_several_clinics_is_seen_by_each(store: Store) -> None:
    with store.transaction(SYSTEM) as tx:
        document = tx.documents.add(direction="in", partner="p", name="n", payload="x", kind="k", size=1)
        for owner in (("north", "a"), ("south", "a"), ("north", "a")):
            tx.documents.link(document, *owner)
        assert tx.documents.clinics(document) == [("north", "a"), ("south", "a")]
    with store.transaction(Scope("north", "a", "t")) as tx:
        assert tx.documents.get(document).id == document
        assert tx.documents.clinics(document) == [("north", "a")]
    with store.transaction(Scope("north", "b", "t")) as tx, pytest.raises(NotInStore):
        tx.documents.get(document)
