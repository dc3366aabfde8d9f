"""Drafts: a record that is filled and closed is the record that its constructor makes, and as frozen."""

import pickle
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, dataclass, fields, is_dataclass
from typing import Any, get_args, get_origin

import pytest

from gateway.domain.drafts import draft
from gateway.domain.plain import hints
from gateway.domain.remittance import Adjustment
from gateway.translate import carried, maps
from gateway.translate.notation import without_none


def records(kind: type) -> Iterator[type]:
    """The record and all that may stand in it."""
    yield kind
    for hint in hints(kind).values():
        bare = without_none(hint)
        inner = get_args(bare)[0] if get_origin(bare) is tuple else bare
        if is_dataclass(inner):
            assert isinstance(inner, type)
            yield from records(inner)


RECORDS = {each.__name__: each for name in carried.NAMES for each in records(maps.load(name).record)}


@pytest.mark.parametrize("kind", RECORDS.values(), ids=RECORDS)
def test_a_draft_of_each_record_of_the_maps_can_be_closed(kind: type) -> None:
    one: Any = draft(kind)()
    for each in fields(kind):
        setattr(one, each.name, each.name)
    one.__class__ = kind
    assert type(one) is kind
    assert [getattr(one, each.name) for each in fields(kind)] == [each.name for each in fields(kind)]
    with pytest.raises(FrozenInstanceError):
        setattr(one, fields(kind)[0].name, "")


def test_a_closed_draft_is_the_record_that_its_constructor_makes() -> None:
    made = Adjustment(group="CO", reason="45", amount=100)
    one: Any = draft(Adjustment)()
    one.group, one.reason, one.amount, one.quantity = "CO", "45", 100, ""
    one.__class__ = Adjustment
    assert one == made
    assert hash(one) == hash(made)
    assert repr(one) == repr(made)
    assert pickle.loads(pickle.dumps(one)) == made


def test_a_record_on_another_record_has_no_draft() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class More(Adjustment):
        note: str = ""

    with pytest.raises(AssertionError, match="the slots of one class alone"):
        draft(More)
