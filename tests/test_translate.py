"""The maps of edi_maps/: the law of both directions, golden pairs, files from outside, and what a bad map is told."""

from collections.abc import Callable
from typing import Any

import pytest
import translate_records as records
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import Position
from gateway.translate import maps
from gateway.x12 import guide

LAWS: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
    "278_request": records.request_messages,
    "278_response": records.decisions,
    "837p": records.claim_batches,
    "835": records.remittances,
    "999": records.group_acknowledgments,
    "277ca": records.claim_acknowledgments,
}


@pytest.mark.parametrize("name", LAWS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(chosen=st.data())
def test_what_is_built_passes_its_guide_and_reads_back_as_the_record(name: str, chosen: st.DataObject) -> None:
    record = chosen.draw(LAWS[name]())
    running = maps.load(name)
    walked = guide.load(running.guide).walk(running.build(record), Position())
    assert [str(finding) for finding in walked.findings] == []
    assert running.read(walked.root) == running.on_wire(record)
