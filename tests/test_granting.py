"""What a 278 response grants, against the tables of ../shared/facts/domain.md (2.4, 2.5, 3.1, 6.2)."""

from datetime import date
from typing import Any

import pytest
from ledger_samples import CAUSE, DAY, END, START, asked, event, hsd, request, said, span, visits

from gateway.domain.authorization import Attachment, Kind, Quantity, Unit
from gateway.domain.decision import Coded, Rejection, Review, Span, Trace
from gateway.errors import Severity
from gateway.ledger import delivery, worklists
from gateway.ledger.certifying import certify, requested
from gateway.ledger.entry import Account, apply, balances, violations
from gateway.ledger.granting import Held, decides, grants, refusal, window
from gateway.ledger.states import State, may_become, of_lines
from gateway.x12 import codes


@pytest.mark.parametrize(
    ("code", "state", "granted", "blocking"),
    [
        ("A1", State.CERTIFIED, [12], 0),
        ("A2", State.CERTIFIED_PARTIAL, [], 1),
        ("A3", State.NOT_CERTIFIED, [], 0),
        ("A4", State.PENDED, [], 0),
        ("A6", State.MODIFIED, [], 1),
        ("C", State.CANCELLED, [], 0),
        ("CT", State.CONTACT_PAYER, [], 1),
        ("NA", State.NOT_REQUIRED, [None], 0),
        ("D", State.PENDED, [], 0),
        ("A5", State.UNKNOWN, [], 1),
    ],
)
def test_each_hcr01_without_a_stated_quantity(
    code: str, state: State, granted: list[int | None], blocking: int
) -> None:
    """Table HCR01 of 2.4: A1 falls back to the request, A6 and A2 never do, an unknown code goes to a person."""
    found = grants(event(code), request(quantity=visits(12)))
    assert found.state is state
    assert [each.quantity and each.quantity.amount for each in found.grants] == granted
    assert sum(each.severity is Severity.BLOCK for each in found.tasks) == blocking


@pytest.mark.parametrize("code", ["A1", "A2", "A6"])
def test_a_stated_quantity_is_what_is_granted(code: str) -> None:
    found = grants(event(code, delivery=hsd("HSD*VS*8")), request(quantity=visits(12)))
    (grant,) = found.grants
    assert (grant.quantity, grant.quantity_source, grant.number) == (visits(8), "event HSD", "N1")
    assert not found.tasks


def test_a1_at_the_requested_quantity_is_flagged() -> None:
    """2.4: "Post A1 at requested quantity flagged quantity_source=requested"."""
    found = grants(event("A1"), request(quantity=visits(12)))
    assert found.grants[0].quantity_source == "requested"
    assert [each.severity for each in found.tasks] == [Severity.WARN]


def test_the_line_goes_before_the_event() -> None:
    """2.4: an esMD sample has event A2, line 1 A1 with dates and units, line 2 A3."""
    answer = event(
        "A2",
        said("A1", "97110", units="6", units_measure="UN", spans=(span("472", "2026-03-05", "2026-04-05"),)),
        said("A3", "97140"),
    )
    asks = request(asked(1, "97110"), asked(2, "97140"), quantity=Quantity(amount=12, unit=Unit.UNIT))
    found = grants(answer, asks)
    (grant,) = found.grants
    assert (grant.line, grant.procedures, grant.modifiers) == (1, ("97110",), ("GP",))
    assert grant.quantity == Quantity(amount=6, unit=Unit.UNIT)
    assert (grant.starts_on, grant.ends_on) == (date(2026, 3, 5), date(2026, 4, 5))
    assert found.state is State.CERTIFIED_PARTIAL


def test_under_a2_a_line_without_its_own_decision_gets_nothing() -> None:
    answer = event("A2", said("A1", "97110", delivery=hsd("HSD*VS*6")), said("", "97140"), delivery=hsd("HSD*VS*9"))
    found = grants(answer, request(asked(1, "97110"), asked(2, "97140"), quantity=visits(12)))
    assert [(each.procedures, each.quantity) for each in found.grants] == [(("97110",), visits(6))]
    assert found.state is State.CERTIFIED_PARTIAL


def test_lines_without_a_quantity_share_the_events() -> None:
    """The event's 12 visits are 12 for all its lines together, not 12 for each."""
    answer = event("A1", said("", "97110"), said("", "97140"), delivery=hsd("HSD*VS*12"))
    (grant,) = grants(answer, request(asked(1, "97110"), asked(2, "97140"))).grants
    assert (grant.line, grant.quantity, grant.procedures) == (0, visits(12), ("97110", "97140"))


def test_a_line_that_the_answer_leaves_out_follows_the_event() -> None:
    found = grants(event("A1"), request(asked(1, "97110", visits(4)), asked(2, "97140", visits(5))))
    assert [(each.line, each.quantity) for each in found.grants] == [(1, visits(4)), (2, visits(5))]


def test_a6_grants_only_the_line_that_states_a_quantity() -> None:
    answer = event("A6", said("", "97110", delivery=hsd("HSD*VS*5")), said("", "97140"))
    asks = request(asked(1, "97110", visits(9)), asked(2, "97140", visits(9)))
    found = grants(answer, asks)
    assert [(each.line, each.quantity) for each in found.grants] == [(1, visits(5))]
    assert [str(each.where) for each in found.tasks if each.severity is Severity.BLOCK] == ["$.lines[1]"]


def test_lines_are_paired_by_trace_before_procedure() -> None:
    answer = event("", said("A1", "97110", traces=(Trace(type="2", number="T2"),), delivery=hsd("HSD*VS*3")))
    asks = request(asked(1, "97110", trace="T1"), asked(2, "97110", trace="T2"))
    assert grants(answer, asks).grants[0].line == 2


def test_a_certified_line_that_nobody_asked_for_is_granted_and_shown() -> None:
    found = grants(event("", said("A1", "97530", delivery=hsd("HSD*VS*3"))), request(asked(1, "97110", visits(5))))
    assert found.grants[0].procedures == ("97530",)
    assert any("no line of the request" in each.what for each in found.tasks)


def test_hours_become_minutes_and_a_fraction_of_a_visit_a_task() -> None:
    (grant,) = grants(event("A1", delivery=hsd("HSD*HS*1.5")), request()).grants
    assert grant.quantity == Quantity(amount=90, unit=Unit.MINUTE)
    found = grants(event("A1", delivery=hsd("HSD*VS*2.5")), request(quantity=visits(12)))
    assert not found.grants
    assert [each.severity for each in found.tasks] == [Severity.BLOCK]


def test_no_quantity_anywhere_is_bound_by_dates_only() -> None:
    found = grants(event("A1", spans=(span("007", "2026-03-01", "2026-03-31"),)), request())
    assert (found.grants[0].quantity, found.grants[0].ends_on) == (None, date(2026, 3, 31))
    assert found.tasks


@pytest.mark.parametrize(
    ("text", "total", "per_period"),
    [
        ("HSD*VS*12", 12, None),
        ("HSD*VS*12***34*3", 12, None),
        ("HSD*VS*3*WK**34*2", 3, 24),
        ("HSD*VS*1*DA*3*7*21", 1, 7),
        ("HSD*VS*12*WK*3*34*1", 12, 12),
        ("HSD*VS*12*WK*3*34*4", 12, 60),
        ("HSD*VS*2*WK**35*6", 2, 12),
        ("HSD*VS*8*MO**34*3", 8, 24),
        ("HSD*VS*10*MO**21*1", 10, 120),
        ("HSD*VS*3*WK", 3, None),
        ("HSD*VS*12*WK*3*7*7", 12, 12),
    ],
)
def test_the_readings_of_an_hsd(text: str, total: int, per_period: int | None) -> None:
    """The trap of 3.1: the TR3's home-health, the 21-day and the 271 example, and a month counted as 28 days."""
    reading = delivery.read(hsd(text))
    assert reading.total == visits(total)
    assert (reading.per_period and reading.per_period.amount) == per_period


def test_a_known_start_counts_the_real_days_of_its_months() -> None:
    reading = delivery.read(hsd("HSD*VS*3*WK**34*2"), starts_on=date(2026, 7, 1))
    assert reading.per_period == visits(3 * (62 // 7))
    assert delivery.read(hsd("HSD*VS*1*DA**34*1"), starts_on=date(2026, 1, 31)).per_period == visits(28)


@pytest.mark.parametrize(("habit", "granted", "asks"), [("", 3, True), ("total", 3, False), ("per_period", 24, False)])
def test_an_ambiguous_hsd_grants_the_lower_reading_unless_the_payer_is_known(
    habit: str, granted: int, asks: bool
) -> None:
    """3.1, rule 2."""
    answer = event("A1", delivery=hsd("HSD*VS*3*WK**34*2"))
    found = grants(answer, request(starts_on=None, ends_on=None, quantity=visits(24)), hsd_reading=habit)
    assert found.grants[0].quantity == visits(granted)
    assert any(each.severity is Severity.BLOCK for each in found.tasks) is asks


def test_what_remains_is_never_a_grant() -> None:
    """3.1, rule 4: HSD05 29."""
    for text in ("HSD*****29*2", "HSD*VS*5***29*2"):
        assert not grants(event("A6", delivery=hsd(text)), request(quantity=visits(12))).grants
    (grant,) = grants(event("A1", delivery=hsd("HSD*****29*2")), request(quantity=visits(12))).grants
    assert grant.quantity == visits(12)


MARCH, APRIL, MAY = "2026-03-01 2026-03-31", "2026-04-01 2026-04-30", "2026-05-01 2026-05-31"
ASKED = f"{START} {END}"


@pytest.mark.parametrize(
    ("spans", "found", "source"),
    [
        ([f"007 {MARCH}", f"AAH {APRIL}"], MARCH, "event DTP*007"),
        (["007 2026-03-01", "036 2026-03-20", f"AAH {APRIL}"], "2026-03-01 2026-03-20", "event DTP*007 and DTP*036"),
        (["007 2026-03-20", "036 2026-03-01", f"AAH {APRIL}"], APRIL, "event DTP*AAH"),
        (["007 2026-03-01", f"AAH {APRIL}"], APRIL, "event DTP*AAH"),
        ([f"472 {MAY}", f"AAH {APRIL}"], APRIL, "event DTP*AAH"),
        ([f"472 {MAY}", "102 2026-02-01"], MAY, "event DTP*472"),
        (["102 2026-02-01", "472 2026-05-01"], ASKED, "requested"),
        (["007 2026-03-31 2026-03-01"], ASKED, "requested"),
    ],
)
def test_the_window_is_looked_for_in_order(spans: list[str], found: str, source: str) -> None:
    """The order of 2.5."""
    held = tuple(span(*each.split(" ")) for each in spans)
    (grant,) = grants(event("A1", spans=held), request(quantity=visits(1))).grants
    assert f"{grant.starts_on} {grant.ends_on}" == found
    assert grant.window_source == source


def test_the_lines_window_goes_before_the_events() -> None:
    lines: list[Span] = [span("472", "2026-03-05", "2026-03-06")]
    assert window([("line", lines), ("event", [span("007", "2026-01-01", "2026-12-31")])])[2] == "line DTP*472"


@pytest.mark.parametrize(
    ("follow_up", "reason", "state"),
    [
        ("C", "72", State.REJECTED),
        ("C", "42", State.REJECTED),
        ("N", "95", State.CLOSED),
        ("P", "42", State.RETRY),
        ("P", "80", State.RETRY),
        ("P", "72", State.REJECTED),
        ("R", "42", State.RETRY),
        ("R", "15", State.REJECTED),
        ("Y", "42", State.PENDED),
        ("Z", "42", State.UNKNOWN),
        ("", "42", State.UNKNOWN),
    ],
)
def test_aaa04_drives_what_follows(follow_up: str, reason: str, state: State) -> None:
    """2.4: the follow-up action decides, and only 42 and 80 are tried again without a person."""
    rejection = Rejection(reason=reason, follow_up=follow_up, level="2010C")
    found = refusal([rejection])
    assert (found.state, found.grants) == (state, ())
    (task,) = found.tasks
    assert f"AAA03 {reason}" in task.what
    at_event = grants(event(rejections=(rejection,)), request(quantity=visits(3)))
    assert (at_event.state, at_event.grants) == (state, ())


@pytest.mark.parametrize(
    ("reasons", "worklists"),
    [
        ("04 0L 10 20", {"amount"}),
        ("0F 0G 0V 0T 19 14 0R", {"medical"}),
        ("17 0N", {"time"}),
        ("0P 0U 0W", {"information"}),
        ("06 07 0Q 18", {"administrative"}),
        ("25", {"request"}),
        ("09 0C 0D 0E 12 13 15 16", {"network"}),
        ("0H", {"not_needed"}),
        ("0B 0J", {"other_owner"}),
        ("ZZ", {"other"}),
    ],
)
def test_each_reason_of_a_refusal_names_its_worklist(reasons: str, worklists: set[str]) -> None:
    """HCR03 of 2.4, grouped for worklists; a code that no list has goes to "other"."""
    for code in reasons.split():
        found = grants(event(review=Review(code="A3", reasons=(code,))), request(quantity=visits(3)))
        (task,) = found.tasks
        assert f"HCR03 {code}" in task.what
        assert task.what.rpartition("worklist ")[2] in worklists


def test_every_reason_that_is_known_has_a_worklist() -> None:
    table = worklists.load()
    assert codes.load("hcr03").codes == table.names.keys()
    assert set(table.names.values()) == table.fixes.keys()


@pytest.mark.parametrize(
    ("reasons", "asked_for", "state"),
    [
        (("0U",), {}, State.INFO_REQUESTED),
        (("0P",), {}, State.INFO_REQUESTED),
        (("0W",), {}, State.PENDED),
        (("0V",), {}, State.PENDED),
        ((), {}, State.PENDED),
        ((), {"attachments": (Attachment(report_type="PN", transmission="FX"),)}, State.INFO_REQUESTED),
        ((), {"codes": (Coded(qualifier="LOI", code="11515-4"),)}, State.INFO_REQUESTED),
        ((), {"codes": (Coded(qualifier="ABK", code="M545"),)}, State.PENDED),
    ],
)
def test_a_pended_request_that_waits_for_information(
    reasons: tuple[str, ...], asked_for: dict[str, Any], state: State
) -> None:
    """6.4: PENDED goes to INFO_REQUESTED; HCR03 0U and 0P of 2.4, or what the guide has for it (PWK, HI*LOI)."""
    found = grants(event(review=Review(code="A4", reasons=reasons), **asked_for), request(quantity=visits(3)))
    assert (found.state, found.pending, found.grants) == (state, True, ())
    assert bool(found.tasks) is (state is State.INFO_REQUESTED)


def test_what_is_asked_for_is_named_by_its_codes_and_never_in_the_payers_words() -> None:
    line = said("A4", "97110", codes=(Coded(qualifier="LOI", code="11515-4"),))
    paper = Attachment(report_type="PN", transmission="FX", description="NOTES OF JO DOE")
    answer = event(
        "", line, review=Review(code="A4", reasons=("0U",)), attachments=(paper,), message="SEND JO DOES NOTES"
    )
    (task,) = grants(answer, request(quantity=visits(3))).tasks
    for named in ("HCR03 0U", "PWK01 PN (physical therapy notes)", "LOINC 11515-4", "MSG"):
        assert named in task.what
    assert "DOE" not in f"{task.what} {task.fix}".upper()


def test_what_remains_is_kept_to_reconcile_with() -> None:
    """3.1, rule 4."""
    answer = event("A1", said("A1", "97110", delivery=hsd("HSD*****29*2")))
    (left,) = grants(answer, request(asked(1, "97110", visits(4)))).remaining
    assert (left.procedures, left.count) == (("97110",), 2)


def test_a_payer_whose_policy_grants_nothing_without_a_quantity() -> None:
    found = grants(event("A1"), request(quantity=visits(12)), fallback="none")
    assert (found.grants, [each.severity for each in found.tasks]) == ((), [Severity.BLOCK])


def test_a_grant_keeps_the_segment_that_it_was_read_from() -> None:
    """3.1, rule 3: the raw segment beside every posting."""
    (grant,) = grants(event("A1", delivery=hsd("HSD*VS*3*WK**34*2")), request()).grants
    assert grant.segment == "HSD*VS*3*WK**34*2"
    (line,) = grants(event("A1", said("", "97110", units="6", units_measure="UN")), request(asked(1, "97110"))).grants
    assert line.segment == "SV1***UN*6"


def test_a_cancelled_line_beside_a_certified_one_is_named() -> None:
    answer = event("", said("A1", "97110", delivery=hsd("HSD*VS*4")), said("C", "97140"))
    found = grants(answer, request(asked(1, "97110"), asked(2, "97140")))
    assert (found.state, found.cancelled) == (State.CERTIFIED_PARTIAL, (2,))


def test_a_rejection_above_an_event_that_is_decided_is_shown_and_the_decision_holds() -> None:
    answer = event("A1", delivery=hsd("HSD*VS*8"))
    found = grants(answer, request(), above=(Rejection(reason="46", follow_up="C", level="2010B"),))
    assert (decides(answer), found.state, found.grants[0].quantity) == (True, State.CERTIFIED, visits(8))
    assert any("AAA03 46" in each.what for each in found.tasks)


def test_a_rejected_line_beside_a_certified_one() -> None:
    answer = event("A1", said("", "97110", rejections=(Rejection(reason="57", follow_up="C"),)), said("", "97140"))
    found = grants(answer, request(asked(1, "97110", visits(4)), asked(2, "97140", visits(5))))
    assert [(each.line, each.quantity) for each in found.grants] == [(2, visits(5))]
    assert found.state is State.CERTIFIED_PARTIAL


def test_a_rejection_beside_a_decision_is_shown_and_the_decision_holds() -> None:
    answer = event("A1", delivery=hsd("HSD*VS*8"), rejections=(Rejection(reason="15", follow_up="C"),))
    found = grants(answer, request())
    assert (found.state, found.grants[0].quantity) == (State.CERTIFIED, visits(8))
    assert ["AAA03 15" in each.what for each in found.tasks] == [True]


def test_an_answer_without_any_decision_goes_to_a_person() -> None:
    found = grants(event(""), request(quantity=visits(3)))
    assert (found.state, found.grants, len(found.tasks)) == (State.UNKNOWN, (), 1)


@pytest.mark.parametrize(
    ("stated", "before", "added"),
    [(12, 10, 12), (22, 10, 12), (8, 10, 8), (15, 10, None), (12, None, 12), (22, None, None)],
)
def test_an_extension_grants_what_it_adds(stated: int, before: int | None, added: int | None) -> None:
    """6.2: a restated total gives the difference; where the answer does not say which, a task."""
    asks = request(kind=Kind.EXTENSION, quantity=visits(12))
    known = [Held(procedures=("97110",), quantity=visits(before))] if before else []
    found = grants(event("A1", delivery=hsd(f"HSD*VS*{stated}")), asks, granted_before=known)
    assert [each.quantity for each in found.grants] == ([visits(added)] if added else [])
    assert bool(found.tasks) is (added is None)


def test_an_extension_of_one_of_two_lines_is_held_against_that_line() -> None:
    """6.2: ten visits of each were certified, six more of one are asked for, and its new total is 16."""
    asks = request(asked(1, "97110", visits(6)), kind=Kind.EXTENSION)
    answer = event("A1", said("", "97110", delivery=hsd("HSD*VS*16")))
    known = [Held(procedures=(code,), quantity=visits(10)) for code in ("97110", "97140")]
    assert [each.quantity for each in grants(answer, asks, granted_before=known).grants] == [visits(6)]
    doubtful = event("A1", said("", "97110", delivery=hsd("HSD*VS*12")))
    assert not grants(doubtful, asks, granted_before=known).grants


def test_a_missing_certification_number_is_shown() -> None:
    answer = event("", delivery=hsd("HSD*VS*8"), review=Review(code="A1"))
    assert [each.severity for each in grants(answer, request()).tasks] == [Severity.WARN]


def _certify(answer_visits: int, key: str, held: dict[str, dict[Account, int]]) -> tuple[str, list[str], int]:
    found = grants(event("A1", delivery=hsd(f"HSD*VS*{answer_visits}")), request())
    (done,) = certify(
        found.grants,
        authorization="au_1",
        organisation="o",
        clinic="c",
        balances=held,
        cause=CAUSE,
        holds_on=DAY,
        key=key,
    )
    for entry in done.entries:
        held.update(apply(held, entry))
    return done.bucket.id, [each.kind for each in done.entries], len(done.tasks)


def test_a_second_answer_moves_only_the_difference() -> None:
    held: dict[str, dict[Account, int]] = {}
    first, kinds, _ = _certify(12, "do_1", held)
    assert kinds == ["grant"]
    assert _certify(12, "do_2", held)[1] == []
    again, kinds, _ = _certify(15, "do_3", held)
    assert (again, kinds, held[first][Account.AVAILABLE]) == (first, ["grant"], 15)
    assert _certify(8, "do_4", held)[1] == ["return"]
    assert held[first][Account.AVAILABLE] == 8
    assert _certify(8, "do_4b", held)[1] == [], "what was given back is not granted still"
    held[first][Account.AVAILABLE], held[first][Account.CONSUMED] = 1, 7
    assert _certify(5, "do_5", held)[1:] == (["return"], 1)
    assert held[first][Account.AVAILABLE] == 0
    assert not violations(held)


def test_another_window_for_the_same_certification_is_a_task() -> None:
    first, later = (
        grants(event("A1", delivery=hsd("HSD*VS*8"), spans=(span("007", *month.split()),)), request()).grants
        for month in (MARCH, APRIL)
    )
    about: dict[str, Any] = {
        "authorization": "au_1",
        "organisation": "o",
        "clinic": "c",
        "cause": CAUSE,
        "holds_on": DAY,
    }
    (opened,) = certify(first, balances={}, key="do_1", **about)
    held = balances(opened.entries)
    (again,) = certify(first, balances=held, key="do_2", known=[opened.bucket], **about)
    (moved,) = certify(later, balances=held, key="do_3", known=[opened.bucket], **about)
    assert (again.tasks, len(moved.tasks), again.entries, moved.entries) == ((), 1, (), ())


def test_the_memo_of_a_request_is_beside_the_grant() -> None:
    memos = requested(request(asked(1, "97110", visits(4)), asked(2, "97140", visits(5))), cause=CAUSE, holds_on=DAY)
    after = balances(entry for each in memos for entry in each.entries)
    assert [balance[Account.REQUESTED] for balance in after.values()] == [4, 5]
    assert not violations(after)
    assert (memos[0].bucket.starts_on, memos[0].bucket.ends_on) == (START, END)


def test_states_go_where_the_facts_let_them() -> None:
    """6.4."""
    assert may_become(State.PENDED, State.CERTIFIED)
    assert may_become(State.REJECTED, State.SENT)
    assert may_become(State.CERTIFIED, State.EXHAUSTED)
    assert not may_become(State.CLOSED, State.CERTIFIED)
    assert not may_become(State.DRAFT, State.CERTIFIED)
    for state in State:
        assert may_become(state, state)
    assert of_lines([State.CERTIFIED, State.PENDED]) is State.CERTIFIED_PARTIAL
    assert of_lines([State.CERTIFIED, State.MODIFIED]) is State.MODIFIED
    assert of_lines([State.PENDED, State.NOT_CERTIFIED]) is State.PENDED
