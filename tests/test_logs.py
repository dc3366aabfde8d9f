"""Logs: what may be in a line gets in, nothing else does, whoever writes it."""

import io
import json
import logging
import string
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import logs
from gateway.errors import MalformedInterchange, Position

PATIENT = "Fernsby"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    before = list(root.handlers)
    yield
    logs.configure(json=False)
    root.handlers = before


def written(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_its_event_its_fields_and_its_time() -> None:
    stream = io.StringIO()
    logs.configure("info", json=True, strict=True, stream=stream)
    trail = logs.get().bind(partner="simulated", interchange="000000007")
    trail.info("claim.rejected", claim="cl_0123456789abcdefghijkl", category="A7", findings=2)
    trail.debug("claim.seen")
    (line,) = written(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "claim.rejected",
        "level": "info",
        "partner": "simulated",
        "interchange": "000000007",
        "claim": "cl_0123456789abcdefghijkl",
        "category": "A7",
        "findings": 2,
    }


def test_a_logger_that_was_made_before_follows_the_configuration() -> None:
    early = logs.get()
    stream = io.StringIO()
    logs.configure("warning", stream=stream)
    early.info("gateway.started")
    early.warning("gateway.stopped")
    assert [line["event"] for line in written(stream)] == ["gateway.stopped"]


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("claim.sent", {"patient": PATIENT}),
        ("claim.sent", {"claim": PATIENT}),
        ("claim.sent", {"claim": "CLAIM-2026-0001"}),
        ("claim.sent", {"document": {"name": PATIENT}}),
        ("claim.sent", {"partner": "Fernsby Odette"}),
        ("claim.sent", {"findings": PATIENT}),
        ("claim.sent", {"interchange": PATIENT}),
        ("claim.sent", {"place": f"segment 3, {PATIENT}"}),
        ("claim.sent", {"error": f"KeyError: {PATIENT}"}),
        ("claim.sent", {"code": "x" * 41}),
        (f"claim of {PATIENT} sent", {}),
    ],
)
def test_what_is_not_allowed_fails_a_test_and_is_left_out_in_operation(event: str, fields: dict[str, Any]) -> None:
    logs.configure(strict=True, stream=io.StringIO())
    with pytest.raises(logs.LeakSuspected) as caught:
        logs.get().info(event, **fields)
    assert PATIENT not in str(caught.value)
    stream = io.StringIO()
    logs.configure(stream=stream)
    logs.get().info(event, **fields)
    assert PATIENT not in stream.getvalue()
    (line,) = written(stream)
    assert line.get("dropped", 0) == len(fields)


@pytest.mark.parametrize(
    "place",
    [
        str(Position(interchange="000000001", set="0001", loop="2000A/2010AA", segment=12, tag="CLM", element=5)),
        str(Position(segment=2, tag="SV1", element=1, component=2)),
        "$.records[3].lines[0].units",
        "",
    ],
)
def test_a_place_in_a_document_may_be_logged(place: str) -> None:
    stream = io.StringIO()
    logs.configure(strict=True, stream=stream)
    logs.get().info("finding.raised", place=place)
    assert written(stream)[0]["place"] == place


def test_an_exception_is_told_by_type_frames_and_our_own_words_only() -> None:
    stream = io.StringIO()
    logs.configure(strict=True, stream=stream)

    def fail(value: str) -> None:
        empty: dict[str, str] = {}
        empty[value]

    for error in (MalformedInterchange("the document stops in the middle of a segment"), None):
        try:
            if error:
                raise error
            fail(PATIENT)
        except Exception:
            logs.get().exception("job.failed", job="jo_0123456789abcdefghijkl")
    ours, theirs = written(stream)
    assert ours["message"] == "the document stops in the middle of a segment"
    assert (theirs["error"], "message" in theirs) == ("KeyError", False)
    assert [frame.split()[1] for frame in theirs["frames"]][-1] == "fail"
    assert PATIENT not in stream.getvalue()


def test_a_library_is_named_and_not_quoted() -> None:
    stream = io.StringIO()
    logs.configure(strict=True, stream=stream)
    logging.getLogger("pyx12.error_handler").error("Invalid name %s", PATIENT)
    try:
        raise ValueError(PATIENT)
    except ValueError:
        logging.getLogger("sqlalchemy.pool").exception("failed")
    logging.getLogger("sqlalchemy.pool").info("connected")
    assert [(line["event"], line["library"]) for line in written(stream)] == [
        ("library.warned", "pyx12"),
        ("library.warned", "sqlalchemy"),
    ]
    assert PATIENT not in stream.getvalue()


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(logs.FIELDS)) | st.text(string.ascii_letters, min_size=1), _values))
def test_no_field_ever_stops_the_work_or_carries_a_text_with_a_space(fields: dict[str, Any]) -> None:
    for name in ("self", "event", "exc_info", "stack_info"):
        fields.pop(name, None)
    stream = io.StringIO()
    logs.configure(stream=stream)
    logs.get().info("document.read", **fields)
    (line,) = written(stream)
    passed = {
        name: value for name, value in line.items() if name in fields and name not in ("place", "level", "timestamp")
    }
    assert all(" " not in str(value) for value in passed.values())
    assert len(passed) + line.get("dropped", 0) >= len(fields.keys() - {"place", "level", "timestamp"})


@pytest.mark.parametrize("json_lines", [True, False])
def test_both_forms_guard(json_lines: bool) -> None:
    stream = io.StringIO()
    logs.configure(json=json_lines, stream=stream)
    logs.get().warning("document.read", records=3, name=PATIENT)
    assert "document.read" in stream.getvalue()
    assert PATIENT not in stream.getvalue()
