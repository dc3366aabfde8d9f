"""Reads one record of a stream at a time, each from its own loop and the loops around it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gateway.errors import GatewayError, Position
from gateway.translate.reading import Reader
from gateway.x12.tree import Delimiters, Loop

EVERYWHERE = Position()
Shared = tuple[Any, ...]


class Units:
    """Gives the record that a loop stands for: a claim of an 837P, a payment of an 835, an event of a 278, a claim's
    status of a 277CA, a set of a 999; and any that such a record holds in a loop of its own.

    What the loops around say of it, as a claim's billing provider, is read once and kept for as long as the same loops
    come. Nothing else is kept, and the record is the same as the one that reading the whole set would give.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._marks: Delimiters | None = None  # of the functions in hand
        self._functions: dict[str, Any] = {}
        self._held: list[tuple[Loop, Shared]] = []  # of the groups around the last record, outermost first

    def read(self, loop: Loop, around: Sequence[Loop], place: Position = EVERYWHERE) -> Any:
        """The record in ``loop``. ``around`` are the loops that it stands in, from the set's own inward; the part of
        them that comes before the loop must be whole. Raises GatewayError like ``Map.read``, and KeyError for a loop
        that no record of the map stands for."""
        route = self._reader.routes[(*[each.id for each in around[1:]], loop.id)]
        marks = loop.segments[0].marks if loop.segments else None
        if marks is None or marks is not self._marks:
            self._marks, self._functions = marks, self._reader.functions(loop)
        functions = self._functions
        try:
            if not route.groups:
                return functions[route.unit](loop)
            return functions[route.unit](loop, self._shared(functions, route.groups, around))
        except GatewayError as error:
            raise located(error, place) from error.__cause__

    def _shared(self, functions: dict[str, Any], groups: Sequence[tuple[int, str]], around: Sequence[Loop]) -> Shared:
        held = self._held
        shared: Shared | None = None
        for number, (depth, values) in enumerate(groups):
            group = around[depth + 1]
            if number < len(held) and held[number][0] is group:
                shared = held[number][1]
                continue
            del held[number:]
            shared = functions[values](group) if shared is None else functions[values](group, shared)
            assert shared is not None
            held.append((group, shared))
        assert shared is not None, "a record of a run has a group around it"
        return shared


def located(error: GatewayError, place: Position) -> GatewayError:
    """The error, with the interchange, group and set that it was found in."""
    if isinstance(error.where, Position):
        error.where = replace(error.where, interchange=place.interchange, group=place.group, set=place.set)
    return error
