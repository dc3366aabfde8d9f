"""The units book: entries, what may happen to a bucket, which bucket serves a claim, what a claim holds."""

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_samples import CAUSE, DAY, END, bucket, claim, holding, line

from gateway.domain.authorization import Unit
from gateway.domain.claim import Performed, Performer
from gateway.errors import BalanceShort
from gateway.ledger import units
from gateway.ledger.certifying import MEMO
from gateway.ledger.entry import (
    MOVES,
    Account,
    Balance,
    Bucket,
    Cause,
    Entry,
    Posting,
    apply,
    balances,
    entry_id,
    violations,
)
from gateway.ledger.matching import Draw, Drawn, Gap, candidates, commits, draw
from gateway.ledger.standing import standing, visit_keys

AFTER = END + timedelta(days=1)


def post(kind: str, held: Bucket, balance: Balance, quantity: int, key: str, **more: Any) -> Entry:
    entry: Entry = getattr(units, kind)(held, balance, quantity, cause=CAUSE, holds_on=AFTER, key=key, **more)
    return entry


@pytest.mark.parametrize(
    ("kind", "before", "quantity", "after"),
    [
        ("request", {}, 5, {"requested": 5}),
        ("grant", {"available": 1}, 5, {"available": 6}),
        ("reserve", {"available": 5}, 2, {"available": 3, "reserved": 2}),
        ("unreserve", {"reserved": 2}, 2, {"available": 2}),
        ("render", {"reserved": 2, "available": 3}, 1, {"reserved": 1, "available": 3, "rendered": 1}),
        ("render", {"available": 3}, 1, {"available": 2, "rendered": 1}),
        ("commit", {"rendered": 1, "reserved": 1, "available": 1}, 1, {"reserved": 1, "available": 1, "committed": 1}),
        ("commit", {"reserved": 1, "available": 1}, 1, {"available": 1, "committed": 1}),
        ("commit", {"rendered": 1, "reserved": 1, "available": 2}, 3, {"available": 1, "committed": 3}),
        ("release", {"committed": 2}, 2, {"available": 2}),
        ("consume", {"committed": 2}, 1, {"committed": 1, "consumed": 1}),
        ("reverse", {"consumed": 2}, 1, {"committed": 1, "consumed": 1}),
        ("expire", {"available": 4}, 4, {"expired": 4}),
        ("give_back", {"available": 4}, 3, {"available": 1, "returned": 3}),
        ("retract", {"rendered": 2}, 1, {"rendered": 1, "available": 1}),
    ],
)
def test_each_event_posts_what_the_facts_say(
    kind: str, before: dict[str, int], quantity: int, after: dict[str, int]
) -> None:
    """The table of domain facts 6.2."""
    held, balance = bucket(), holding(**before)
    result = apply({held.id: balance}, post(kind, held, balance, quantity, "k"))
    shown = {str(each): value for each, value in result[held.id].items() if value and each not in ("grant", "memo")}
    assert shown == after
    assert not violations(result)


@pytest.mark.parametrize(
    "kind", ["reserve", "unreserve", "render", "commit", "release", "consume", "reverse", "expire", "give_back"]
)
def test_nothing_is_drawn_that_is_not_there(kind: str) -> None:
    with pytest.raises(BalanceShort) as caught:
        post(kind, bucket(), holding(available=0), 1, "k")
    assert caught.value.where == "bucket bu_1"
    assert caught.value.fix


def test_a_late_claim_draws_on_what_expired_and_an_early_one_does_not() -> None:
    """6.2: "Late claim for a date inside the window, after expiry: EXPIRED -> COMMITTED"."""
    balance = holding(expired=2)
    late = post("commit", bucket(), balance, 2, "k", late=True)
    assert late.postings == (Posting("bu_1", Account.EXPIRED, Account.COMMITTED, 2),)
    with pytest.raises(BalanceShort):
        post("commit", bucket(), balance, 2, "k")


def test_an_unlimited_bucket_draws_on_demand() -> None:
    """6.1: a bucket without a finite grant draws GRANT -> AVAILABLE on demand."""
    held = bucket(limited=False)
    entry = post("commit", held, holding(available=1), 3, "k")
    result = apply({held.id: holding(available=1)}, entry)
    assert (result[held.id][Account.GRANT], result[held.id][Account.COMMITTED]) == (-3, 3)
    assert not violations(result)


def test_the_last_day_still_counts() -> None:
    with pytest.raises(AssertionError):
        units.expire(bucket(), holding(available=1), 1, cause=CAUSE, holds_on=END, key="k")


def test_uncovered_is_covered_by_a_later_authorization() -> None:
    owed, new = bucket("bu_old"), bucket("bu_new")
    history = [
        units.uncovered(owed, 2, cause=CAUSE, holds_on=DAY, key="k", reason="the patient came anyway"),
        post("grant", new, {}, 5, "k"),
    ]
    held = balances(history)
    history.append(
        units.cover(new, held["bu_new"], 2, owed=owed, owed_balance=held["bu_old"], cause=CAUSE, holds_on=DAY, key="k")
    )
    after = balances(history)
    assert after["bu_old"][Account.UNCOVERED] == 0
    assert (after["bu_new"][Account.AVAILABLE], after["bu_new"][Account.RENDERED]) == (3, 2)
    assert not violations(after)


def test_a_transfer_and_an_opening_keep_both_ends_whole() -> None:
    one, other = bucket("bu_1"), bucket("bu_2")
    history = [units.opening(one, 12, 4, cause=CAUSE, holds_on=DAY, key="k", note="portal")]
    held = balances(history)[one.id]
    history.append(units.transfer(one, held, 8, to=other, cause=CAUSE, holds_on=DAY, key="k"))
    after = balances(history)
    assert (after["bu_1"][Account.MOVED], after["bu_1"][Account.CONSUMED]) == (8, 4)
    assert after["bu_2"][Account.AVAILABLE] == 8
    assert not violations(after)


def test_ids_come_from_the_cause() -> None:
    first, second = post("grant", bucket(), {}, 5, "do_1"), post("grant", bucket(), {}, 5, "do_1")
    assert first == second
    assert first.id == units.id_of("grant", "bu_1", "do_1")
    others = {post("grant", bucket(), {}, 5, "do_2").id, post("grant", bucket("bu_2"), {}, 5, "do_1").id}
    assert first.id not in others
    assert entry_id("ab", "c") != entry_id("a", "bc")


def test_an_entry_of_a_kind_moves_only_what_that_kind_moves() -> None:
    stolen = Posting("bu_1", Account.AVAILABLE, Account.CONSUMED, 1)
    with pytest.raises(AssertionError, match="grant does not move this"):
        Entry(id="en_1", kind="grant", holds_on=DAY, cause=Cause(), postings=(stolen,))
    with pytest.raises(AssertionError):
        Posting("bu_1", Account.AVAILABLE, Account.CONSUMED, 0)


@pytest.mark.parametrize(
    ("balance", "words"),
    [
        ({Account.AVAILABLE: -1, Account.GRANT: 1}, "available holds -1"),
        ({Account.GRANT: -5, Account.AVAILABLE: 4}, "what was granted is 5, but its accounts hold 4"),
        ({Account.UNCOVERED: 1}, "what went without authorization is 0"),
        ({Account.MEMO: -2}, "what was requested is 2"),
    ],
)
def test_a_broken_invariant_is_named(balance: dict[Account, int], words: str) -> None:
    found = violations({"bu_1": balance})
    assert any(words in each.what for each in found)
    assert all(each.where == "bucket bu_1" for each in found)


STEPS = {  # By hand from domain facts 6.2: what each event empties, in order, and what it fills.
    "grant": ([], "available"),
    "reserve": (["available"], "reserved"),
    "unreserve": (["reserved"], "available"),
    "render": (["reserved", "available"], "rendered"),
    "commit": (["rendered", "reserved", "available"], "committed"),
    "release": (["committed"], "available"),
    "consume": (["committed"], "consumed"),
    "reverse": (["consumed"], "committed"),
    "expire": (["available"], "expired"),
    "give_back": (["available"], "returned"),
    "retract": (["rendered"], "available"),
}
histories = st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(1, 4)), max_size=30)


def played(history: list[tuple[str, int]]) -> tuple[list[Entry], Counter[str]]:
    """The entries that a history posts, and beside them an oracle that moves single tokens and knows no entry."""
    held, entries, tokens = bucket(), list[Entry](), list[str]()
    for number, (kind, quantity) in enumerate(history):
        sources, target = STEPS[kind]
        ready = sorted(
            (at for at in range(len(tokens)) if tokens[at] in sources), key=lambda at: sources.index(tokens[at])
        )
        balance = balances(entries).get(held.id, {})
        try:
            entries.append(post(kind, held, balance, quantity, str(number)))
        except BalanceShort:
            assert len(ready) < quantity, "it refuses only what is not there"
            continue
        if kind == "grant":
            tokens += ["available"] * quantity
        else:
            assert len(ready) >= quantity, "it draws only what is there"
            for at in ready[:quantity]:
                tokens[at] = target
    return entries, Counter(tokens)


@given(history=histories)
def test_any_history_keeps_the_invariants_and_agrees_with_single_tokens(history: list[tuple[str, int]]) -> None:
    entries, tokens = played([("grant", 3), *history])
    (balance,) = balances(entries).values()
    assert not violations({"bu_1": balance})
    assert {str(each): value for each, value in balance.items() if value and each is not Account.GRANT} == dict(tokens)
    assert balance[Account.GRANT] == -tokens.total()


@given(history=histories, chance=st.randoms(use_true_random=False))
def test_repeats_and_their_order_change_nothing(history: list[tuple[str, int]], chance: Any) -> None:
    entries, _ = played([("grant", 3), *history])
    repeated = [*entries, *chance.sample(entries, k=chance.randint(0, len(entries)))]
    chance.shuffle(repeated)
    assert balances(repeated) == balances(entries)


def test_every_kind_of_entry_is_one_that_a_function_posts() -> None:
    assert set(MOVES) == {*STEPS, "request", "return", "transfer", "uncovered", "cover", "opening"} - {"give_back"}


# Which bucket serves a claim.


def taken(drawn: Drawn) -> list[tuple[str, int, tuple[str, ...]]]:
    return [(each.bucket.id, each.quantity, each.lines) for each in drawn.draws]


def gaps(drawn: Drawn) -> list[tuple[str, Gap]]:
    return [(each.line, each.gap) for each in drawn.uncovered]


def test_a_visit_counts_once_however_many_lines_it_has() -> None:
    """6.1: visit key (patient, date, discipline, authorization)."""
    lines = (
        line("L1", "97110"),
        line("L2", "97140"),
        line("L3", "97530", modifiers=()),
        line("L4", "97110", served_on=DAY + timedelta(days=1)),
        line("L5", "97165", modifiers=("GO",)),
    )
    drawn = draw(claim(*lines), [bucket()], {"bu_1": holding(available=9)})
    assert taken(drawn) == [("bu_1", 1, ("L1", "L2")), ("bu_1", 1, ("L3", "L5")), ("bu_1", 1, ("L4",))]
    assert len({each.visit_key for each in drawn.draws}) == 3
    assert not drawn.uncovered


def test_a_visit_key_shows_nothing_of_the_patient() -> None:
    (drawn,) = draw(claim(), [bucket()], {"bu_1": holding(available=1)}).draws
    assert drawn.visit_key.startswith("vi_")
    assert not any(word in drawn.visit_key for word in ("Doe", "W1", "2026", "au_1", "GP"))


def test_a_visit_that_an_earlier_claim_took_costs_nothing_more() -> None:
    held = {"bu_1": holding(available=0)}
    (first,) = draw(claim(), [bucket()], {"bu_1": holding(available=1)}).draws
    second = claim(line("L9", "97140"), id="cm_2")
    assert taken(draw(second, [bucket()], held, counted={("bu_1", first.visit_key)})) == [("bu_1", 0, ("L9",))]
    assert gaps(draw(second, [bucket()], held)) == [("L9", Gap.EXHAUSTED)]


def test_units_are_drawn_line_by_line_and_whole() -> None:
    lines = (line("L1", units=2), line("L2", "97140", units=3), line("L3", "97530", units=1))
    drawn = draw(claim(*lines), [bucket(unit=Unit.UNIT)], {"bu_1": holding(available=4)})
    assert taken(drawn) == [("bu_1", 2, ("L1",)), ("bu_1", 1, ("L3",))]
    assert gaps(drawn) == [("L2", Gap.EXHAUSTED)]


def test_hours_need_minutes() -> None:
    known = line("L1", minutes=(Performed(performer=Performer.THERAPIST, minutes=25),))
    drawn = draw(claim(known, line("L2")), [bucket(unit=Unit.MINUTE)], {"bu_1": holding(available=60)})
    assert taken(drawn) == [("bu_1", 25, ("L1",))]
    assert gaps(drawn) == [("L2", Gap.MINUTES_UNKNOWN)]


@pytest.mark.parametrize(
    ("held", "line_changes", "claim_changes", "gap"),
    [
        ([], {}, {}, Gap.NO_AUTHORIZATION),
        ([bucket(clinic="cl_2")], {}, {}, Gap.NO_AUTHORIZATION),
        ([bucket(quantity_source=MEMO)], {}, {}, Gap.NO_AUTHORIZATION),
        ([bucket()], {}, {"authorization": "N2"}, Gap.UNKNOWN_NUMBER),
        ([bucket()], {"authorization": "N2"}, {"authorization": "N1"}, Gap.UNKNOWN_NUMBER),
        ([bucket(procedures=("97140",))], {}, {}, Gap.PROCEDURE),
        ([bucket(modifiers=("GO",))], {}, {}, Gap.DISCIPLINE),
        ([bucket()], {"served_on": AFTER}, {}, Gap.OUTSIDE_WINDOW),
        ([bucket()], {"served_on": date(2026, 2, 28)}, {}, Gap.OUTSIDE_WINDOW),
        ([bucket()], {"served_on": END}, {}, None),
        ([bucket(procedures=("97110",), modifiers=("GP",))], {}, {"authorization": " N1 "}, None),
        ([bucket(modifiers=("GP",))], {"modifiers": ()}, {}, None),
    ],
)
def test_what_stands_in_the_way_is_said(
    held: list[Bucket], line_changes: dict[str, Any], claim_changes: dict[str, Any], gap: Gap | None
) -> None:
    one = line(**line_changes)
    assert candidates(claim(one, **claim_changes), one, held)[1] is gap


def test_the_clinics_own_number_picks_its_authorization() -> None:
    held = [bucket("bu_1"), bucket("bu_2", authorization="au_2")]
    stock = {each.id: holding(available=5) for each in held}
    assert taken(draw(claim(), held, stock, authorization="au_2")) == [("bu_2", 1, ("L1",))]
    assert gaps(draw(claim(), held, stock, authorization="au_3")) == [("L1", Gap.UNKNOWN_NUMBER)]


def test_what_ends_first_is_used_first_and_the_next_when_it_is_empty() -> None:
    """7.1 (23): FIFO by expiry."""
    held = [bucket("late"), bucket("soon", ends_on=date(2026, 3, 31)), bucket("open", ends_on=None)]
    stock = {"late": holding(available=5), "soon": holding(available=1), "open": holding(available=5)}
    lines = (line("L1"), line("L2", served_on=DAY + timedelta(days=1)))
    assert taken(draw(claim(*lines), held, stock)) == [("soon", 1, ("L1",)), ("late", 1, ("L2",))]


def test_exempt_procedures_need_nothing() -> None:
    lines = (line("L1", "97161"), line("L2", "97110"))
    assert gaps(draw(claim(*lines), [], {}, exempt=("97161",))) == [("L2", Gap.NO_AUTHORIZATION)]


def test_each_procedures_own_bucket_counts_the_visit() -> None:
    held = [bucket("a", procedures=("97110",)), bucket("b", procedures=("97140",))]
    stock = {"a": holding(available=1), "b": holding(available=1)}
    lines = (line("L1", "97110"), line("L2", "97140"))
    assert taken(draw(claim(*lines), held, stock)) == [("a", 1, ("L1",)), ("b", 1, ("L2",))]


days = st.integers(0, 5).map(lambda offset: DAY + timedelta(days=offset))
some_lines = st.lists(
    st.tuples(st.sampled_from(["97110", "97140"]), st.integers(1, 4), days, st.sampled_from([("GP",), ("GO",), ()])),
    min_size=1,
    max_size=8,
)


@given(lines=some_lines, stock=st.integers(0, 8), unit=st.sampled_from([Unit.VISIT, Unit.UNIT]))
def test_a_claim_never_draws_more_than_there_is(lines: list[tuple[Any, ...]], stock: int, unit: Unit) -> None:
    made = [
        line(f"L{at}", procedure, units=count, served_on=day, modifiers=words)
        for at, (procedure, count, day, words) in enumerate(lines)
    ]
    billed, held = claim(*made), bucket(unit=unit)
    stocked = {held.id: holding(available=stock)}
    drawn = draw(billed, [held], stocked)
    entries = commits(billed, drawn.draws, stocked, document="do_1", holds_on=DAY, key="k")
    after: dict[str, dict[Account, int]] = stocked
    for entry in entries:
        after = apply(after, entry)
    assert not violations(after)
    named = [number for each in drawn.draws for number in each.lines] + [each.line for each in drawn.uncovered]
    assert sorted(named) == sorted(each.control_number for each in made), "each line once: drawn or uncovered"
    assert after[held.id].get(Account.COMMITTED, 0) == sum(each.quantity for each in drawn.draws)
    kept = standing(billed, entries, [held])
    assert {each.lines for each in kept} == {each.lines for each in drawn.draws}
    for number, each in enumerate(kept):
        if each.committed:
            after = apply(after, post("release", held, after[held.id], each.committed, f"r{number}"))
    assert after[held.id].get(Account.AVAILABLE, 0) == stock


def test_what_a_claim_holds_is_read_from_its_entries() -> None:
    billed, held = claim(line("L1"), line("L2", "97140")), bucket()
    (drawn,) = draw(billed, [held], {"bu_1": holding(available=3)}).draws
    assert isinstance(drawn, Draw)
    (committed,) = commits(billed, [drawn], {"bu_1": holding(available=3)}, document="d", holds_on=DAY, key="k")
    (kept,) = standing(billed, [committed, committed], [held])
    assert (kept.committed, kept.consumed, kept.released, kept.lines) == (1, 0, 0, ("L1", "L2"))
    assert visit_keys(billed, [held]) == {kept.visit_key}
    other = claim(line("L9", "97530"), id="cm_2")
    assert standing(other, [committed], [held])[0].lines == ("L9",), "the same visit on another claim"
    assert not standing(claim(line("L9", served_on=AFTER), id="cm_2"), [committed], [held])
