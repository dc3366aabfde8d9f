"""Decide: each 278 response meets its request, grants once what it grants, and undoes nothing by accident."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from flow_stage import Stage, claim_json, decision_on, on_sqlite, on_stage, request_json

from gateway.domain.decision import Delivery, Rejection, Review, ServiceDecision, Span, Trace
from gateway.store import Store

A1 = Review(code="A1", number="CERT0001")
A4 = Review(code="A4")
TWELVE = Delivery(qualifier="VS", count="12")


@pytest.fixture
def stage(store: Store, clock: Clock, tmp_path: Path) -> Stage:
    return on_stage(store, clock, tmp_path)


def _sent(stage: Stage, **changed: Any) -> str:
    stage.submit(request_json(**changed))
    stage.work()
    return stage.request().id


def _visits(count: int) -> Delivery:
    return Delivery(qualifier="VS", count=str(count))


def _lines(stage: Stage, *said: tuple[Review, int]) -> tuple[ServiceDecision, ...]:
    """Answers to the request's lines in order, each with its own visits."""
    asked = stage.request().request.lines
    return tuple(
        ServiceDecision(
            traces=(
                Trace(type="2", number=f"{stage.request().request.trace}{line.sequence:02}", assigner="9SIMULATED"),
            ),
            review=review,
            procedure=line.procedure,
            modifiers=line.modifiers,
            delivery=_visits(count) if count else None,
        )
        for line, (review, count) in zip(asked, said, strict=False)
    )


# Each code.


@on_sqlite
@pytest.mark.parametrize(
    ("review", "delivery", "state", "units", "tasks"),
    [
        (A1, TWELVE, "certified", {"available": 12}, 0),
        (A1, None, "certified", {"available": 12}, 1),  # The requested quantity is taken, and a person told.
        (Review(code="A6", number="CERT0001"), _visits(8), "modified", {"available": 8}, 0),
        (Review(code="A6", number="CERT0001"), None, "modified", {}, 1),
        (Review(code="A3", reasons=("0F",)), None, "not_certified", {}, 1),
        (A4, None, "pended", {}, 0),
        (Review(code="C"), None, "cancelled", {}, 0),
        (Review(code="CT"), None, "contact_payer", {}, 1),
        (Review(code="NA"), None, "not_required", {}, 0),
        (Review(code="X1", number="CERT0001"), TWELVE, "unknown", {}, 1),
    ],
    ids=["A1", "A1 without", "A6", "A6 without", "A3", "A4", "C", "CT", "NA", "X1"],
)
def test_each_decision(
    stage: Stage, review: Review, delivery: Delivery | None, state: str, units: dict[str, int], tasks: int
) -> None:
    subject = _sent(stage)
    stage.arrive(stage.decided(review=review, delivery=delivery))
    assert stage.request().state == state
    assert stage.units() == units
    assert len(stage.tasks("decision")) == tasks
    assert {each.subject for each in stage.tasks()} <= {subject}
    assert stage.request().number == review.number
    assert stage.request().decided_on == (None if state == "pended" else date(2026, 3, 2))
    assert stage.balanced()


@on_sqlite
def test_mixed_lines_grant_the_certified_ones(stage: Stage) -> None:
    _sent(stage)
    lines = _lines(stage, (A1, 10), (Review(code="A3", reasons=("0F",)), 0))
    stage.arrive(stage.decided(review=Review(code="A2", number="CERT0001"), lines=lines))
    assert stage.request().state == "certified_partial"
    assert stage.units() == {"available": 10}
    with stage.reading() as tx:
        buckets = [each for each in tx.books.buckets(stage.request().id) if each.quantity_source != "memo"]
    assert [(each.line, each.procedures, each.number) for each in buckets] == [(1, ("97110",), "CERT0001")]


@on_sqlite
def test_lines_with_numbers_of_their_own_are_found_by_each(stage: Stage) -> None:
    _sent(stage)
    lines = _lines(stage, (Review(code="A1", number="LINE1"), 6), (Review(code="A1", number="LINE2"), 4))
    stage.arrive(stage.decided(review=Review(code="A2"), lines=lines))
    assert stage.units() == {"available": 10}
    assert stage.numbers_of(stage.request().id)["hcr02"] == ["LINE1", "LINE2"]
    line = claim_json()["lines"][1]
    stage.submit(claim_json(authorization_ref=None, authorization="LINE2", lines=[line]))
    stage.work()
    assert stage.claim().state == "sent"
    assert stage.units() == {"available": 9, "committed": 1}


@on_sqlite
@pytest.mark.parametrize(
    ("reason", "follow_up", "state"),
    [
        ("72", "C", "rejected"),
        ("95", "N", "closed"),
        ("42", "P", "retry"),
        ("80", "R", "retry"),
        ("15", "R", "rejected"),
        ("42", "Y", "pended"),
        ("72", "", "unknown"),
    ],
)
@pytest.mark.parametrize("level", ["above", "event"])
def test_each_rejection(stage: Stage, reason: str, follow_up: str, state: str, level: str) -> None:
    subject = _sent(stage)
    rejection = Rejection(reason=reason, follow_up=follow_up or "Z", level="2010C" if level == "above" else "2000E")
    if level == "above":
        record = replace(decision_on(stage.request()), events=(), rejections=(rejection,))
    else:
        record = decision_on(stage.request(), rejections=(rejection,))
    stage.arrive(stage.says(record))
    assert stage.request().state == state
    assert stage.units() == {}
    if state == "retry":  # It goes again by itself; no person is asked.
        assert stage.tasks() == []
        return
    (task,) = stage.tasks()
    assert (task.kind, task.subject) == ("decision", subject)
    assert f"AAA03 {reason}" in task.reason


@on_sqlite
def test_a_payer_that_cannot_respond_now_is_matched_by_reference(stage: Stage) -> None:
    """AAA 42 in 2000A has no lower loops, so no trace comes back (domain facts, 2.4)."""
    _sent(stage)
    whole = decision_on(stage.request())
    rejection = Rejection(reason="42", follow_up="P", level="2000A")
    stage.arrive(stage.says(replace(whole, events=(), requester_id="", subscriber=None, rejections=(rejection,))))
    assert stage.request().state == "retry"
    assert stage.details(stage.request().id, "decision.received")[0]["matched_on"] == "bht03"


# Matching.


@on_sqlite
def test_the_trace_goes_before_the_reference(stage: Stage) -> None:
    stage.submit(request_json(1), request_json(2))
    stage.work()
    crossed = replace(decision_on(stage.request(1), review=A1), reference=stage.request(2).request.trace)
    stage.arrive(stage.says(crossed))
    assert [stage.request(number).state for number in (1, 2)] == ["certified", "sent"]
    assert stage.details(stage.request(1).id, "decision.received")[0]["matched_on"] == "trn02"


@on_sqlite
def test_a_lines_trace_finds_its_request(stage: Stage) -> None:
    subject = _sent(stage)
    lines = _lines(stage, (A1, 6), (A1, 6))
    stage.arrive(
        stage.says(replace(decision_on(stage.request(), review=A1, traces=(), lines=lines), reference="OTHER"))
    )
    assert stage.units() == {"available": 12}
    assert stage.details(subject, "decision.received")[0]["matched_on"] == "trn02"


@on_sqlite
def test_without_a_trace_the_reference_finds_the_request(stage: Stage) -> None:
    _sent(stage)
    stage.arrive(stage.decided(review=A1, traces=()))
    assert stage.request().state == "certified"


# Order and repetition.


def test_a_pended_request_is_decided_later(stage: Stage) -> None:
    _sent(stage)
    stage.arrive(stage.decided(review=A4, administrative_reference="REF1"))
    assert (stage.request().state, stage.request().administrative_reference) == ("pended", "REF1")
    assert stage.units() == {}
    stage.arrive(stage.decided(review=A1, delivery=TWELVE))
    assert (stage.request().state, stage.request().administrative_reference) == ("certified", "REF1")
    assert stage.units() == {"available": 12}
    assert stage.tasks() == []


@on_sqlite
@pytest.mark.parametrize("first", [A1, Review(code="A3", reasons=("0F",))], ids=["A1", "A3"])
def test_a_late_a4_is_ignored(stage: Stage, first: Review) -> None:
    _sent(stage)
    stage.arrive(stage.decided(review=first, delivery=TWELVE if first is A1 else None))
    before = stage.request().state, stage.units(), len(stage.tasks())
    stage.arrive(stage.decided(review=A4))
    assert (stage.request().state, stage.units(), len(stage.tasks())) == before


@on_sqlite
@pytest.mark.parametrize(
    "late",
    [
        {"rejections": (Rejection(reason="91", follow_up="N", level="2000E"),)},
        {"rejections": (Rejection(reason="91", follow_up="C", level="2000E"),)},
        {"review": Review(code="A3", reasons=("0Q",))},
        {"review": Review(code="X1")},
    ],
    ids=["AAA 91 N", "AAA 91 C", "A3", "X1"],
)
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["A1 first", "A1 last"])
def test_a_refusal_beside_a_certification_undoes_it_in_no_order(
    stage: Stage, late: dict[str, Any], order: tuple[int, int]
) -> None:
    """A request that reached the payer twice is certified once and refused once, whichever answer is quicker."""
    _sent(stage)
    said = [stage.decided(review=A1, delivery=TWELVE), stage.decided(**late)]
    stage.arrive(*(said[each] for each in order))
    assert (stage.request().state, stage.request().number) == ("certified", "CERT0001")
    assert stage.units() == {"available": 12}
    assert len(stage.tasks("decision")) == int(order == (0, 1)), "what came first is over with the certification"
    stage.submit(claim_json())
    stage.work()
    assert stage.claim().state == "sent"


def test_the_same_response_twice_grants_once(stage: Stage) -> None:
    _sent(stage)
    content = stage.decided(review=A1, delivery=TWELVE)
    stage.arrive(content, content)
    stage.arrive(stage.decided(review=A1, delivery=TWELVE))  # Under another ISA13.
    assert stage.units() == {"available": 12}
    assert stage.steps(stage.request().id).count("authorization.granted") == 1
    assert stage.tasks() == []


def test_a_repetition_after_use_grants_nothing_more(stage: Stage) -> None:
    stage.billed()
    stage.arrive(stage.decided(review=A1, delivery=TWELVE))
    assert stage.units() == {"available": 11, "committed": 1}


@pytest.mark.parametrize(("count", "units"), [(8, {"available": 8, "returned": 4}), (20, {"available": 20})])
def test_a_restated_quantity_moves_the_difference_alone(stage: Stage, count: int, units: dict[str, int]) -> None:
    _sent(stage)
    stage.arrive(stage.decided(review=A1, delivery=TWELVE))
    stage.arrive(stage.decided(review=Review(code="A6", number="CERT0001"), delivery=_visits(count)))
    assert stage.request().state == "modified"
    assert stage.units() == units
    assert stage.balanced()


@on_sqlite
def test_a_quantity_that_is_lowered_below_what_is_in_use_is_told(stage: Stage) -> None:
    stage.billed()
    stage.arrive(stage.decided(review=Review(code="A6", number="CERT0001"), delivery=_visits(1)))
    assert stage.units() == {"committed": 1, "returned": 11}
    stage.arrive(
        stage.decided(review=Review(code="A6", number="CERT0001"), delivery=Delivery(qualifier="VS", count="0"))
    )
    assert stage.units() == {"committed": 1, "returned": 11}
    assert stage.balanced()


@on_sqlite
@pytest.mark.parametrize("other", ["number", "lines", "unit"])
def test_a_certification_in_another_shape_is_not_added_to_the_first(stage: Stage, other: str) -> None:
    _sent(stage)
    stage.arrive(stage.decided(review=A1, delivery=TWELVE))
    if other == "number":
        content = stage.decided(review=Review(code="A6", number="CERT0002"), delivery=_visits(8))
    elif other == "unit":
        content = stage.decided(review=A1, delivery=Delivery(qualifier="FL", count="24"))
    else:
        content = stage.decided(review=A1, lines=_lines(stage, (A1, 8), (A1, 4)))
    stage.arrive(content)
    assert stage.units() == {"available": 12}
    (task,) = stage.tasks("decision")
    assert "nothing was added" in task.reason
    assert stage.balanced()


# Changes.


def _change(stage: Stage, kind: str, **said: Any) -> None:
    stage.submit(request_json(2, kind=kind, previous_number="CERT0001"))
    stage.work()
    stage.arrive(stage.decided(2, **said))


def test_a_cancellation_returns_what_is_left(stage: Stage) -> None:
    stage.billed()
    _change(stage, "cancel", review=Review(code="C", number="CERT0001"))
    assert [stage.request(number).state for number in (1, 2)] == ["cancelled", "cancelled"]
    assert stage.units() == {"committed": 1, "returned": 11}
    (told,) = stage.details(stage.request(1).id, "authorization.cancelled")
    assert (told["returned"], told["in_use"]) == (11, 1)
    stage.arrive(stage.decided(1, review=A1, delivery=TWELVE))  # Late, and about what is no more.
    assert stage.request(1).state == "cancelled"
    assert stage.units() == {"committed": 1, "returned": 11}


@on_sqlite
def test_a_cancellation_that_is_certified_grants_nothing(stage: Stage) -> None:
    stage.certified()
    _change(stage, "cancel", review=A1)
    assert stage.request(2).state == "unknown"
    assert stage.units(1) == {"available": 12}
    assert stage.units(2) == {}
    assert "certifies a request to cancel" in stage.tasks("decision")[-1].reason


@on_sqlite
def test_a_cancellation_of_nothing_on_file_is_told(stage: Stage) -> None:
    stage.submit(request_json(2, kind="cancel", previous_number="ELSEWHERE"))
    stage.work()
    stage.arrive(stage.decided(2, review=Review(code="C")))
    assert "not on file" in stage.tasks("decision")[0].reason


def test_a_cancellation_of_a_pended_request_wakes_its_claims(stage: Stage) -> None:
    stage.submit(request_json(1), claim_json(1))
    stage.work()
    stage.arrive(stage.decided(1, review=A4, administrative_reference="REF1"))
    stage.submit(request_json(2, kind="cancel", administrative_reference="REF1"))
    stage.work()
    stage.arrive(stage.decided(2, review=Review(code="C")))
    stage.work()
    assert [stage.request(number).state for number in (1, 2)] == ["cancelled", "cancelled"]
    assert stage.claim().state == "held"


def test_a_number_of_another_patient_is_never_cancelled_with_it(stage: Stage) -> None:
    """Two payers, or a typing error: the number leads to somebody else's authorization."""
    stage.certified(1)
    other = {**request_json()["patient"], "member_id": "MBR99999999"}
    stage.submit(request_json(2, kind="cancel", previous_number="CERT0001", patient=other))
    stage.work()
    stage.arrive(stage.decided(2, review=Review(code="C", number="CERT0001")))
    assert stage.request(1).state == "certified"
    assert stage.units(1) == {"available": 12}
    assert "not on file" in stage.tasks("decision")[-1].reason


@on_sqlite
@pytest.mark.parametrize(("stated", "added"), [(6, 6), (18, 6)], ids=["what it adds", "the new total"])
def test_an_extension_adds_what_was_asked_for(stage: Stage, stated: int, added: int) -> None:
    stage.certified()
    stage.submit(request_json(2, kind="extension", previous_number="CERT0001", visits=6))
    stage.work()
    stage.arrive(stage.decided(2, review=Review(code="A1", number="CERT0001"), delivery=_visits(stated)))
    assert stage.units(1) == {"available": 12}
    assert stage.units(2) == {"available": added}


def test_a_revision_restates_what_was_certified(stage: Stage) -> None:
    stage.certified()
    _change(stage, "revision", review=A1, delivery=_visits(20))
    assert stage.units(1) == {"available": 20}
    assert stage.units(2) == {}
    stage.submit(claim_json(1, authorization_ref="ACCT-31337-A2"))
    stage.work()
    assert stage.claim().state == "sent"
    assert stage.units(1) == {"available": 19, "committed": 1}


@on_sqlite
def test_the_window_that_the_payer_states_is_the_buckets(stage: Stage) -> None:
    _sent(stage)
    span = Span(qualifier="007", starts_on=date(2026, 3, 5), ends_on=date(2026, 4, 5))
    stage.arrive(stage.decided(review=A1, delivery=TWELVE, spans=(span,)))
    with stage.reading() as tx:
        (bucket,) = [each for each in tx.books.buckets(stage.request().id) if each.quantity_source != "memo"]
    assert (bucket.starts_on, bucket.ends_on) == (date(2026, 3, 5), date(2026, 4, 5))


# Several patients in one response.


def _event(stage: Stage, number: int, **changed: Any) -> Any:
    """One patient's event as a payer sends it, echoing that patient's own trace."""
    (event,) = decision_on(stage.request(number), **changed).events
    return event


def _two(stage: Stage) -> None:
    stage.submit(request_json(1), request_json(2))
    stage.work()


def test_each_event_meets_the_request_that_its_own_trace_names(stage: Stage) -> None:
    _two(stage)
    denied = _event(stage, 1, review=Review(code="A3", reasons=("0F",)))
    certified = _event(stage, 2, review=Review(code="A1", number="CERT0002"), delivery=TWELVE)
    stage.arrive(stage.says(replace(decision_on(stage.request(1)), events=(denied, certified))))
    assert (stage.request(1).state, stage.request(2).state) == ("not_certified", "certified")
    assert stage.units(1).get("available", 0) == 0
    assert stage.units(2)["available"] == 12
    assert stage.balanced()


@pytest.mark.parametrize("traces", ["a stranger's", "two patients'", "none"])
def test_an_event_that_names_no_one_of_ours_or_two_takes_no_effect(stage: Stage, traces: str) -> None:
    _two(stage)
    ours = _event(stage, 1, review=A1, delivery=TWELVE)
    numbers = {
        "a stranger's": ("NOBODYSTRACE",),
        "two patients'": (stage.request(1).request.trace, stage.request(2).request.trace),
        "none": (),
    }[traces]
    stray = replace(
        _event(stage, 2, review=Review(code="A1", number="CERT0009"), delivery=TWELVE),
        traces=tuple(Trace(type="2", number=each, assigner="9SIMULATED") for each in numbers),
    )
    stage.arrive(stage.says(replace(decision_on(stage.request(1)), events=(ours, stray))))
    assert stage.request(1).state == "certified"
    assert stage.units(1)["available"] == 12
    assert stage.request(2).state == "sent"
    assert len(stage.tasks("unmatched")) == 1


@on_sqlite
def test_an_answer_that_names_another_patient_takes_no_effect(stage: Stage) -> None:
    _sent(stage)
    answer = decision_on(stage.request(), review=A1, delivery=TWELVE)
    assert answer.subscriber is not None
    other = replace(answer.subscriber, member_id="OTHER-9", person=replace(answer.subscriber.person, last="STRANGER"))
    stage.arrive(stage.says(replace(answer, subscriber=other)))
    assert stage.request().state == "sent"
    (task,) = stage.tasks("decision")
    assert "another patient" in task.reason
    assert "STRANGER" not in task.reason


@on_sqlite
def test_a_request_that_a_999_refused_is_not_asked_for_again_once_it_is_certified(stage: Stage) -> None:
    _sent(stage)
    stage.arrive(stage.acknowledged(stage.request().id, "R"))
    assert stage.tasks("rejected")
    stage.arrive(stage.decided(review=A1, delivery=TWELVE))
    assert stage.request().state == "certified"
    assert not stage.tasks("rejected")
