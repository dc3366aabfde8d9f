"""A record that generated code is about to make: a local variable for each of its fields, and the lines that make it.

The first word about a field stands, since a segment that comes twice where the record has room for one is the sender's
slip; a tuple's values are collected. A text that was not found is "", anything else None.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from typing import Any, get_origin

from gateway.domain.drafts import draft
from gateway.domain.plain import hints
from gateway.translate.fields import Condition, Path
from gateway.translate.notation import resolve, without_none
from gateway.translate.source import Module, Text

SaidIn = Mapping[tuple[type, str], str]  # the element that a record's field is written in, such as BPR16


@dataclass(frozen=True, slots=True)
class Leaf:
    """The variable of one field; ``given`` says that it has its value from the start."""

    name: str
    kind: Any
    many: bool
    given: bool = False

    @property
    def unset(self) -> str:
        if self.many:
            return "[]"
        return '""' if self.kind is str else "None"

    @property
    def is_set(self) -> str:
        return self.name if self.many or self.kind is str else f"{self.name} is not None"

    @property
    def is_unset(self) -> str:
        return f"not {self.name}" if self.many or self.kind is str else f"{self.name} is None"


@dataclass(slots=True)
class Frame:
    """The variables of one record. ``places`` has, for a record inside it, the variable with the loop it is from."""

    module: Module
    kind: type
    said_in: SaidIn
    leaves: dict[Path, Leaf] = field(default_factory=dict)
    places: dict[Path, str] = field(default_factory=dict)

    def leaf(self, path: Path, *, many: bool = False) -> Leaf:
        if path not in self.leaves:
            kind, _ = resolve(self.kind, path)
            self.leaves[path] = Leaf(self.module.fresh(path[-1]), kind, many)
        return self.leaves[path]

    def give(self, path: Path, name: str, *, many: bool = False) -> None:
        """A field whose value is known from the start, from the group around the record."""
        self.leaves[path] = Leaf(name, resolve(self.kind, path)[0], many, given=True)

    def put(self, text: Text, path: Path, value: str, *, many: bool = False) -> None:
        """Lines that store the value of an expression, unless the field has one."""
        leaf = self.leaf(path, many=many)
        if many:
            text.add(f"{leaf.name}.append({value})")
            return
        with text.block(f"if {leaf.is_unset}"):
            text.add(f"{leaf.name} = {value}")

    def note(self, text: Text, when: Condition | None, prefix: Path = ()) -> None:
        """Lines that set what must be so where something was found under a condition."""
        if when is not None and when.sets is not None:
            self.put(text, prefix + when.path, self.module.name_of(when.sets, when.path[-1]))

    def opening(self, text: Text) -> None:
        """Lines that make the variables, all without a value."""
        unset: dict[str, list[str]] = {}
        for leaf in self.leaves.values():
            if leaf.many and not leaf.given:
                text.add(f"{leaf.name} = []")
            elif not leaf.given:
                unset.setdefault(leaf.unset, []).append(leaf.name)
        unset.setdefault("None", []).extend(self.places.values())
        for value, names in unset.items():
            for start in range(0, len(names), 8):
                text.add(" = ".join([*names[start : start + 8], value]))

    def needs(self, name: str) -> bool:
        return any(name == each and default is MISSING for each, _, default in _fields(self.kind))

    def any_set(self, prefix: Path) -> str:
        """An expression: whether something was found of the record at a path."""
        inside = [leaf.is_set for path, leaf in self.leaves.items() if path[: len(prefix)] == prefix]
        return " or ".join(inside)

    def make(self, text: Text, where: str, prefix: Path = ()) -> str:
        """Lines that make the record, or the one at a path in it, of what was found; returns its variable.

        ``where`` is an expression for errors: raised where a date, an amount or a code is missing that the record
        cannot do without, and where the record's own checks say no.
        """
        kind = self.kind
        if prefix:
            kind, _ = resolve(kind, prefix)
        if prefix in self.places:
            where = f"place(*{self.places[prefix]}) if {self.places[prefix]} else {where}"
        values = [
            (name, self._value(text, kind, (*prefix, name), hint, default, where))
            for name, hint, default in _fields(kind)
        ]
        one, name = self.module.fresh("one"), self.module.name_of(kind, kind.__name__)
        text.add(f"{one} = {self.module.name_of(draft(kind), 'draft_' + kind.__name__)}()")
        text.add(*(f"{one}.{each} = {value}" for each, value in values), f"{one}.__class__ = {name}")
        if hasattr(kind, "__post_init__"):
            with text.block("try"):
                text.add(f"{one}.__post_init__()")
            with text.block("except AssertionError as error"):
                text.add(f"raise contradiction({name}, error, {where}) from error")
        return one

    def _value(self, text: Text, kind: type, path: Path, hint: Any, default: Any, where: str) -> str:
        """An expression for a field of the record, after the lines that it needs."""
        needed, bare = default is MISSING, without_none(hint)
        if hint is str and (needed or (kind, path[-1]) in self.said_in):
            needed, default = False, ""  # An empty element is no default of ours.
        elif needed and get_origin(bare) is tuple:
            needed, default = False, ()
        otherwise = "None" if needed else self.module.name_of(default, path[-1])
        leaf = self.leaves.get(path)
        if leaf is not None:
            if needed and not is_dataclass(bare):
                with text.block(f"if {leaf.is_unset}"):
                    text.add(self._missing(kind, path[-1], where))
            if leaf.many:
                return f"tuple({leaf.name}) if {leaf.name} else {otherwise}"
            if needed or otherwise == ("''" if leaf.kind is str else "None"):
                return leaf.name
            return f"{leaf.name} if {leaf.is_set} else {otherwise}"
        if is_dataclass(bare) and (needed or self.any_set(path)):
            if needed:
                return self.make(text, where, path)
            one = self.module.fresh(path[-1])
            text.add(f"{one} = {otherwise}")
            with text.block(f"if {self.any_set(path)}"):
                text.add(f"{one} = {self.make(text, where, path)}")
            return one
        if needed:
            text.add(self._missing(kind, path[-1], where))
        return otherwise

    def _missing(self, kind: type, name: str, where: str) -> str:
        element = self.said_in.get((kind, name), "its element")
        return f"raise missing({element!r}, {kind.__name__!r}, {name!r}, {where})"


def may_fail(kind: Any) -> bool:
    """Whether making the record can raise: it has checks of its own, or a field that no text can stand in for."""
    if hasattr(kind, "__post_init__"):
        return True
    for _, hint, default in _fields(kind):
        bare = without_none(hint)
        if is_dataclass(bare):
            if may_fail(bare):
                return True
        elif default is MISSING and hint is not str and get_origin(bare) is not tuple:
            return True
    return False


@cache
def _fields(kind: type) -> Sequence[tuple[str, Any, Any]]:
    types = hints(kind)
    return tuple((each.name, types[each.name], each.default) for each in fields(kind))


def handed_down(frame: Frame, below: Iterable[Path]) -> dict[str, bool]:
    """The fields that a group gives to the records of its runs, each with whether its record can be made at once:
    when nothing below the group says more of it."""
    open_fields = {path[0] for path in below}
    return {
        name: is_dataclass(without_none(hint)) and name not in open_fields
        for name, hint, _ in _fields(frame.kind)
        if any(path[0] == name for path in frame.leaves)
    }
