"""Records on their way over the wire and back, for the tests of the maps; and any record that the models allow."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from datetime import date, datetime
from enum import Enum
from typing import Any, get_args, get_origin

import translate_records as records
from hypothesis import strategies as st

from gateway.domain.plain import hints
from gateway.translate import maps
from gateway.translate.notation import without_none
from gateway.x12.headers import GroupHeader, InterchangeHeader, SetBody
from gateway.x12.validate import Examined, examine
from gateway.x12.wrapping import wrap


@dataclass(frozen=True, slots=True)
class Transaction:
    """What the standard calls a map's transaction, and the records that its guide allows."""

    set_type: str
    functional_id: str
    version: str
    records: Callable[[], st.SearchStrategy[Any]]
    sent: bool = False  # The gateway sends it, so that nothing at all may be wrong with it.


TRANSACTIONS = {
    "278_request": Transaction("278", "HI", "005010X217", records.request_messages, sent=True),
    "278_response": Transaction("278", "HI", "005010X217", records.decisions),
    "837p": Transaction("837", "HC", "005010X222A1", records.claim_batches, sent=True),
    "835": Transaction("835", "HP", "005010X221A1", records.remittances),
    "999": Transaction("999", "FA", "005010X231A1", records.group_acknowledgments),
    "277ca": Transaction("277", "HN", "005010X214", records.claim_acknowledgments),
}


def examined(name: str, record: Any) -> Examined:
    """The record as a receiver gets it: built, written as an interchange, taken apart and held against its guide."""
    kind = TRANSACTIONS[name]
    at = datetime(2026, 3, 10)
    body = SetBody(
        type=kind.set_type, control_number="0001", version=kind.version, segments=maps.load(name).build(record)
    )
    group = GroupHeader(
        functional_id=kind.functional_id,
        sender="US",
        receiver="THEM",
        created=at,
        control_number="1",
        version=kind.version,
    )
    header = InterchangeHeader(
        sender_qualifier="ZZ",
        sender="US",
        receiver_qualifier="ZZ",
        receiver="THEM",
        created=at,
        control_number="1",
        usage="T",
    )
    (one,) = (part for part in examine([wrap(header, [(group, [body])])]) if isinstance(part, Examined))
    return one


# --- Paths of a record: names of fields, "[]" behind one that holds several records ---


def emptied(record: Any, paths: Sequence[str]) -> Any:
    """The record with each of these fields as it is where nothing is known of it."""
    for path in paths:
        record = _emptied(record, path.split("."))
    return record


def _emptied(record: Any, path: Sequence[str]) -> Any:
    if record is None:
        return None
    name, *rest = path
    many = name.endswith("[]")
    name = name.removesuffix("[]")
    if not rest:
        (field,) = (each for each in fields(record) if each.name == name)
        return replace(record, **{name: "" if field.default is MISSING else field.default})
    held = getattr(record, name)
    return replace(record, **{name: tuple(_emptied(each, rest) for each in held) if many else _emptied(held, rest)})


# --- Any record that the models allow ---

ODD_TEXTS = [
    "",
    "X",
    "0",
    "A B",
    "é",
    "Z" * 81,
    "-1.50",
    "20260230",
    "A'B",
    "A*B",
    "A:B",
    "A^B",
    "A~B",
    "A\tB",
    " A",
    "A ",
]


@st.composite
def disturbed(draw: st.DrawFn, strategy: st.SearchStrategy[Any]) -> Any:
    """A record that the guide allows, with one or two of its fields as the model allows them and nobody else."""
    record = draw(strategy)
    for _ in range(draw(st.integers(1, 2))):
        places = list(_places(record))
        path, hint = draw(st.sampled_from(places))
        try:
            record = _replaced(record, path, draw(anything(hint)))
        except AssertionError:
            continue  # Not even the model allows it.
    return record


def _places(record: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    kind: type = type(record)
    for name, hint in hints(kind).items():
        held = getattr(record, name)
        yield (*path, name), hint
        if is_dataclass(held):
            yield from _places(held, (*path, name))
        elif isinstance(held, tuple):
            for index, each in enumerate(held):
                if is_dataclass(each):
                    yield from _places(each, (*path, name, index))


def _replaced(record: Any, path: Sequence[str | int], value: Any) -> Any:
    first, *rest = path
    if isinstance(first, int):
        return tuple(_replaced(each, rest, value) if at == first else each for at, each in enumerate(record))
    return replace(record, **{first: _replaced(getattr(record, first), rest, value) if rest else value})


def anything(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a field's type."""
    bare = without_none(hint)
    strategy: st.SearchStrategy[Any]
    if get_origin(bare) is tuple:
        strategy = st.lists(anything(get_args(bare)[0]), max_size=7).map(tuple)
    elif bare is str:
        strategy = st.sampled_from(ODD_TEXTS) | records.words()
    elif bare is int:
        strategy = st.sampled_from([-1, 0, 1, 20, 10**9, 10**17]) | st.integers(-(10**6), 10**6)
    elif bare is bool:
        strategy = st.booleans()
    elif bare is date:
        strategy = st.dates()
    elif isinstance(bare, type) and issubclass(bare, Enum):
        strategy = st.sampled_from(bare)
    else:
        strategy = _any_record(bare)
    return strategy if bare is hint else st.none() | strategy


def _any_record(kind: type) -> st.SearchStrategy[Any]:
    def made(values: dict[str, Any]) -> Any:
        try:
            return kind(**values)
        except AssertionError:
            return None

    return st.fixed_dictionaries({name: anything(hint) for name, hint in hints(kind).items()}).map(made).filter(bool)


def with_changed(record: Any, change: Callable[[Any], Any]) -> Any:
    """The record with ``change`` done to it and to every record inside it, innermost first."""
    held = {each.name: getattr(record, each.name) for each in dataclasses.fields(record)}
    new = {
        name: with_changed(value, change)
        if is_dataclass(value)
        else tuple(with_changed(each, change) if is_dataclass(each) else each for each in value)
        if isinstance(value, tuple)
        else value
        for name, value in held.items()
    }
    return change(replace(record, **new))
