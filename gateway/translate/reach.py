"""Python expressions for the fields and conditions of a record at hand: what ``building`` and ``carrying`` share.

Records on the way to a field that may be missing are held in variables, so that each is followed once.
"""

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from gateway.domain.plain import hints
from gateway.translate.fields import Condition, Field, Path
from gateway.translate.notation import resolve, without_none
from gateway.translate.source import Module, Text


@dataclass(slots=True)
class Reach:
    """From the variable ``name``, a record of type ``kind`` that is never None."""

    module: Module
    name: str
    kind: type
    held: dict[Path, tuple[str, bool]] = field(default_factory=dict)  # variable, whether it may be None

    def prepare(self, text: Text, paths: list[Path]) -> None:
        """Lines that hold the records on the way to these fields."""
        for path in paths:
            for length in range(1, len(path)):
                self._hold(text, path[:length])

    def _hold(self, text: Text, path: Path) -> None:
        if path in self.held:
            return
        before, may_lack = self._record(path[:-1])
        name = self.module.fresh(path[-1])
        value = f"{before}.{path[-1]}"
        text.add(f"{name} = None if {before} is None else {value}" if may_lack else f"{name} = {value}")
        self.held[path] = (name, may_lack or self._optional(path))

    def _record(self, path: Path) -> tuple[str, bool]:
        return self.held[path] if path else (self.name, False)

    def _optional(self, path: Path) -> bool:
        owner, _ = resolve(self.kind, path[:-1]) if len(path) > 1 else (self.kind, False)
        hint = hints(owner)[path[-1]]
        return without_none(hint) is not hint

    def may_lack(self, path: Path) -> bool:
        """Whether the value at a path may be None; the way must have been prepared."""
        return self._record(path[:-1])[1] or self._optional(path)

    def common_way(self, paths: list[Path]) -> Path:
        """The way to the one record, which may be missing, that all these fields are of; () where there is none."""
        ways = {path[:-1] for path in paths}
        if len(ways) != 1:
            return ()
        (way,) = ways
        return way if way and self.held[way][1] else ()

    def sure_of(self, way: Path) -> "Reach":
        """The same where the record at the end of a way is known to be there."""
        return replace(self, held={**self.held, way: (self.held[way][0], False)})

    def value(self, path: Path) -> str:
        """The value at a path, None where a record on the way is missing; the way must have been prepared."""
        before, may_lack = self._record(path[:-1])
        value = f"{before}.{path[-1]}"
        return f"(None if {before} is None else {value})" if may_lack else value

    def holds(self, when: Condition) -> str:
        kind, many = resolve(self.kind, when.path)
        value = self.value(when.path)
        if not when.values:
            plain = many or kind in (str, bool)
            test = value if plain else f"{value} is not None"
            return f"not {value}" if plain and when.negated else (f"{value} is None" if when.negated else test)
        if kind is bool:
            allowed = " or ".join(f"{value} is {each == 'true'}" for each in when.values)
        else:
            named = [self.module.name_of(_named(kind, each), each) for each in when.values]
            allowed = " or ".join(f"{value} == {each}" for each in named)
        return f"not ({allowed})" if when.negated else f"({allowed})"

    def held_value(self, each: Field, index: str, value: str) -> str:
        """An expression that is true where a field's place has a value, ``value`` being all of the field's; ``index``
        shifts the place along a tuple."""
        if each.many:
            at = " + ".join([*([str(each.base)] if each.base else []), *([index] if index else [])])
            return f"len({value} or ()) > {at}" if at else value
        if each.kind is str:
            return value
        return value if each.form.zero_is_empty else f"{value} is not None"


def _named(kind: Any, text: str) -> Any:
    return kind(text) if issubclass(kind, Enum) else text


def paths_of(fields: list[Field], *conditions: Condition | None) -> list[Path]:
    """The paths that lines with these fields and conditions speak of, without those of the message's own record."""
    return [each.path for each in fields if not each.rooted] + [each.path for each in conditions if each is not None]
