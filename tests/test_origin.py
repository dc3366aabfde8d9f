"""From a place in a message back to the field of the record: what stands there is what the field holds."""

import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Position
from gateway.translate import forms, maps
from gateway.x12.validate import Examined, examine

GOLDEN = Path(__file__).parent / "fixtures" / "golden"
NAMES = ("278_request", "278_response", "837p", "835", "999", "277ca")
CODED = {"sequence"}  # text in the record, by a table of the map a code on the wire


def opened(name: str) -> tuple[maps.Map, Examined]:
    (one,) = (part for part in examine([(GOLDEN / f"{name}.edi").read_bytes()]) if isinstance(part, Examined))
    return maps.load(name), one


def value_at(record: Any, path: str) -> Any:
    for name, index in re.findall(r"([a-z_0-9]+)|\[([0-9]+)\]", path):
        record = getattr(record, name) if name else record[int(index)]
    return record


def shown(value: Any) -> set[str]:
    """The texts that a value may have on the wire."""
    if isinstance(value, int):
        return {str(value), forms.cents_out(value), f"{value / 60:g}"}
    return {value.strftime("%Y%m%d")} if isinstance(value, date) else {str(value)}


def places(one: Examined) -> Iterator[tuple[Position, str]]:
    """Every component of a set that holds something."""
    for segment in one.set.segments[1:-1]:
        for element, (first, *_) in enumerate(segment.elements, 1):
            for component, text in enumerate(first, 1):
                at = component if len(first) > 1 else 0
                if text:
                    yield Position(segment=segment.number, tag=segment.tag, element=element, component=at), text


@pytest.mark.parametrize("name", NAMES)
def test_what_stands_at_a_place_is_what_its_field_holds(name: str) -> None:
    mapped, one = opened(name)
    assert one.root is not None
    record, found = mapped.read(one.root), 0
    for where, text in places(one):
        path = mapped.field_at(one.root, where)
        value = value_at(record, path)
        if is_dataclass(value) or isinstance(value, Enum | bool) or path.rpartition(".")[2] in CODED:
            continue  # A place that is no one field's, or a code that a table of the map gives.
        assert any(each in text for each in shown(value)), (str(where), path)
        found += 1
    assert found > 10


@pytest.mark.parametrize(
    ("name", "where", "path"),
    [
        ("837p", Position(segment=47, tag="SV1", element=2), "claims[1].lines[0].charge"),
        ("837p", Position(segment=28, tag="SV1", element=1, component=4), "claims[0].lines[0].modifiers[1]"),
        ("837p", Position(segment=28, tag="SV1", element=7, component=2), "claims[0].lines[0].pointers[1]"),
        ("837p", Position(segment=23, tag="HI", element=2, component=2), "claims[0].diagnoses[1]"),
        ("837p", Position(segment=38, tag="PWK", element=6), "claims[1].attachments[0].control_number"),
        ("837p", Position(segment=14, tag="NM1", element=9), "claims[0].subscriber.member_id"),
        ("837p", Position(segment=10, tag="REF", element=2), "claims[0].billing.tax_id"),
        ("837p", Position(segment=57, tag="HL", element=1), "claims[2]"),
        ("837p", Position(segment=68, tag="LX"), "claims[2].lines[0]"),
        ("837p", Position(segment=2, tag="BHT", element=3), "reference"),
        ("837p", Position(segment=2, tag="BHT", element=1), ""),
        ("837p", Position(segment=99, tag="SV1", element=2), ""),
        ("835", Position(segment=19, tag="CAS", element=6), "claims[0].lines[0].adjustments[1].amount"),
        ("835", Position(segment=20, tag="CAS", element=3), "claims[0].lines[0].adjustments[2].amount"),
        ("835", Position(segment=25, tag="LQ", element=2), "claims[0].lines[0].remarks[1]"),
        ("835", Position(segment=36, tag="PLB", element=8), "provider_adjustments[2].amount"),
        ("278_request", Position(segment=10, tag="PER", element=6), "request.contact.fax"),
        ("278_request", Position(segment=41, tag="TRN", element=3), "assigner"),
        (
            "277ca",
            Position(segment=32, tag="STC", element=11, component=2),
            "providers[0].claims[1].statuses[0].more[1].code",
        ),
    ],
)
def test_a_place_leads_to_its_field(name: str, where: Position, path: str) -> None:
    mapped, one = opened(name)
    assert one.root is not None
    assert mapped.field_at(one.root, where) == path


def test_what_is_missing_is_told_by_the_field_that_would_be_there() -> None:
    mapped, one = opened("837p")
    assert one.root is not None
    assert mapped.field_at(one.root, Position(segment=28, tag="REF")) == "claims[0].lines[0].authorization"
    assert mapped.field_at(one.root, Position(segment=19, tag="DTP", element=3)) == "claims[0].onset_on"
