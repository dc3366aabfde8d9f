"""Records of a stream, one at a time: the same as those of the whole set, with what the loops around say of them."""

from dataclasses import replace
from typing import Any

import pytest
from x12_files import Form, interchange

from gateway.errors import GatewayError, Position
from gateway.translate import forms, maps
from gateway.x12.tree import Delimiters, Loop, Segment
from gateway.x12.validate import Examined, SetEnd, Unit, examine, stream

CLAIMS = 30
SIZES = {"837p": 30_000, "835": 30_000, "277ca": 8_000, "999": 3_000}


def document(kind: str) -> bytes:
    return "".join(interchange(kind, SIZES[kind], Form(claims_per_set=CLAIMS))).encode()


def whole(kind: str, data: bytes) -> list[Any]:
    mapped = maps.load(kind)
    return [mapped.read(part.root) for part in examine([data]) if isinstance(part, Examined) and part.root is not None]


def units_of(kind: str, record: Any) -> list[Any]:
    if kind == "277ca":
        return [claim for provider in record.providers for claim in provider.claims]
    return list(record.sets if kind == "999" else record.claims)


@pytest.mark.parametrize("kind", SIZES)
def test_the_units_of_a_stream_are_the_records_of_the_whole_sets(kind: str) -> None:
    data, reader = document(kind), maps.load(kind).units()
    records = whole(kind, data)
    streamed = [reader.read(part.loop, part.around) for part in stream([data]) if isinstance(part, Unit)]
    assert streamed == [unit for record in records for unit in units_of(kind, record)]
    assert len(streamed) > CLAIMS
    assert len(records) > 1


@pytest.mark.parametrize(("kind", "units"), [("835", "claims"), ("837p", "claims"), ("999", "sets")])
def test_the_rest_of_a_stream_reads_as_the_record_without_its_units(kind: str, units: str) -> None:
    data, mapped = document(kind), maps.load(kind)
    ends = [part for part in stream([data]) if isinstance(part, SetEnd)]
    rest = [mapped.read(part.root) for part in ends if part.root is not None]
    assert rest == [replace(record, **{units: ()}) for record in whole(kind, data)]


def test_what_claims_share_is_read_once() -> None:
    reader = maps.load("837p").units()
    claims = [reader.read(part.loop, part.around) for part in stream([document("837p")]) if isinstance(part, Unit)]
    assert claims[0].billing is claims[1].billing
    assert len({id(claim.billing) for claim in claims}) < len(claims) / 2


def test_a_unit_that_cannot_be_read_is_told_with_its_place() -> None:
    data = document("835")
    start = data.index(b"CLP*")
    clp = data[start : data.index(b"~", start)]
    elements = clp.split(b"*")
    bad = data.replace(clp, b"*".join([*elements[:3], b"12,5", *elements[4:]]), 1)
    part = next(part for part in stream([bad]) if isinstance(part, Unit))
    with pytest.raises(GatewayError, match="it is not an amount in whole cents") as caught:
        maps.load("835").units().read(part.loop, part.around, part.set.place)
    where = caught.value.where
    assert isinstance(where, Position)
    assert (where.reference, where.loop, where.set) == ("CLP03", "2000/2100", part.set.place.set)
    assert "12,5" not in str(caught.value)


def test_only_loops_of_a_record_are_units() -> None:
    part = next(part for part in stream([document("835")]) if isinstance(part, Unit))
    with pytest.raises(KeyError):
        maps.load("835").units().read(part.around[-1], part.around[:-1])


def test_a_map_whose_message_speaks_of_itself_from_deeper_down_has_no_units() -> None:
    assert maps.load("278_request").reader.routes == {}
    assert ("2000A", "2000B", "2300") in maps.load("837p").reader.routes


# --- The functions behind them ---


@pytest.mark.parametrize("direction", ["build", "read", "on_wire"])
def test_the_python_of_a_map_can_be_looked_at(direction: str) -> None:
    source = maps.load("835").source(direction)
    assert f"def {direction}(" in source
    compile(source, "835", "exec")


def charge_of(text: str, marks: Delimiters) -> int:
    """A line of an 835 in a loop of its own."""
    around = [Loop(each) for each in ("ST_LOOP", "2000", "2100")]
    charge = maps.load("835").units().read(Loop("2110", [Segment.from_text(text, marks)]), around).charge
    assert isinstance(charge, int)
    return charge


def test_marks_that_could_stand_in_a_number_part_it_all_the_same() -> None:
    """The amounts that were met before must not know better than the document's own marks."""
    assert charge_of("SVC*HC:97110*12.5*10", Delimiters()) == 1250
    assert charge_of("SVC*HC.97110*12.5*10", Delimiters(component=".")) == 1200
    assert charge_of("SVC*HC:97110*12.5*10", Delimiters(repetition=".")) == 1200
    assert charge_of("SVC*HC:97110*12.5*10", Delimiters(repetition="")) == 1250
    assert charge_of("SVC*HC:97110*12.5*10", Delimiters()) == 1250


def test_what_was_met_before_is_forgotten_in_time() -> None:
    form = forms.form_for("cents", int, {})
    for cents in range(2 * forms.KNOWN_MAX):
        assert form.understood(form.written(cents)) == cents
    assert max(len(form.texts), len(form.values)) <= forms.KNOWN_MAX
