"""The two ways to a record have one shape, whatever it is filled from: loops (``reading.py``) or another record
(``carrying.py``). This is the shape: which functions there are, and what they hand each other.

A part that stands for one record shares the function of the record around it. An ``each`` has a function that makes one
of its records. A ``group`` has two: ``values_`` reads what its run shares, once, into a tuple; ``each_`` goes on to
what is inside, and gives that tuple to the functions of the run's records.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from gateway.translate.fields import Path
from gateway.translate.frames import Frame, SaidIn, handed_down
from gateway.translate.parts import RUN, Part, rooted_paths, touched_by_runs
from gateway.translate.source import Module, Text


@dataclass(frozen=True, slots=True)
class Shared:
    """What a group hands down: fields of its run's records, in order, and which of them hold several values."""

    fields: tuple[tuple[Path, bool], ...] = ()


@dataclass(slots=True)
class Spot:
    """Where generated code stands: the text it is written to, the record it fills, and what from."""

    text: Text
    frame: Frame
    subject: str  # the variable of the loop, or of the record
    path: str = ""  # of the loop, for errors
    prefix: Path = ()  # of the record inside the frame's that the part speaks of
    where: str = "''"  # an expression for errors

    def inside(self, subject: str, path: str, of: Path, where: str) -> "Spot":
        return replace(self, subject=subject, path=path, prefix=self.prefix + of, where=where)


@dataclass(slots=True)
class Filling(ABC):
    """Makes the functions of one direction."""

    module: Module
    said_in: SaidIn
    subject: ClassVar[str]  # the parameter that a record is filled from
    run: ClassVar[str]  # the parameter that a group's run is in, and ...
    head: ClassVar[str]  # ... the expression for what the group's own values are in
    rooted: bool  # Some line speaks of the message's own record from deeper down: all functions pass it on.

    @property
    def root(self) -> str:
        return ", root" if self.rooted else ""

    def frame(self, part: Part, shared: Shared = Shared(), text: Text | None = None) -> Frame:
        frame = Frame(self.module, part.record, self.said_in)
        names = []
        for path, many in shared.fields:
            names.append(self.module.fresh(path[-1]))
            frame.give(path, names[-1], many=many)
        if names and text is not None:
            text.add(f"({', '.join(names)},) = base")
            text.add(*(f"{leaf.name} = {leaf.name}.copy()" for leaf in frame.leaves.values() if leaf.many))
        return frame

    def take_root(self, body: Text, frame: Frame, part: Part) -> None:
        """Lines that take over what was said of the message's own record from deeper down."""
        for path in dict.fromkeys(rooted_paths(part)):
            leaf = frame.leaf(path)
            with body.block(f"if {leaf.is_unset}"):
                body.add(f"{leaf.name} = root.get({'.'.join(path)!r}, {leaf.unset})")

    def each(self, part: Part, path: str, shared: Shared, where: str) -> str:
        """The name of the function that makes one record of an each."""
        name = self.module.fresh(f"one_{part.name}")
        base = ", base" if part.of == RUN else ""
        number = ", number" if part.number else ""
        text = self.module.function(f"{name}({self.subject}{base}{number}{self.root})")
        frame = self.frame(part, shared, text)
        body = text.inner()
        spot = Spot(body, frame, self.subject, path, where=where)
        self.contents(spot, part)
        frame.note(body, part.when)
        if part.number:
            body.add(f"{frame.leaf((part.number,)).name} = number")
        body.add(f"return {frame.make(body, where)}")
        frame.opening(text)
        text.take(body)
        return name

    def group(self, part: Part, path: str, shared: Shared, where: str) -> str:
        """The name of the function that goes through one run of a group, and puts its records into ``out``."""
        values, name = self.module.fresh(f"values_{part.name}"), self.module.fresh(f"each_{part.name}")
        base = ", base" if part.of == RUN else ""
        text = self.module.function(f"{values}({self.subject}{base}{self.root})")
        frame = self.frame(part, shared, text)
        body = text.inner()
        self.contents(Spot(body, frame, self.subject, path, where=where), part)
        inner = self._hand_down(body, frame, part, where)
        frame.opening(text)
        text.take(body)
        text = self.module.function(f"{name}({self.run}{base}, out{self.root})")
        text.add(f"base = {values}({self.head}{base}{self.root})")
        self.opened_group(part, path, values)
        self.runs(Spot(text, frame, self.run, path, where=where), part, inner)
        return name

    def _hand_down(self, body: Text, frame: Frame, part: Part, where: str) -> Shared:
        handed: list[tuple[Path, bool]] = []
        names = []
        for name, ready in handed_down(frame, touched_by_runs(part)).items():
            if ready and (name,) not in frame.leaves:
                made = self._ready(body, frame, (name,), where)
                names.append(made)
                handed.append(((name,), False))
                continue
            for path, leaf in frame.leaves.items():
                if path[0] == name:
                    names.append(leaf.name)
                    handed.append((path, leaf.many))
        body.add(f"return ({''.join(f'{name}, ' for name in names)})")
        return Shared(tuple(handed))

    def _ready(self, body: Text, frame: Frame, path: Path, where: str) -> str:
        if frame.needs(path[0]):
            return frame.make(body, where, path)
        made = self.module.fresh(path[-1])
        body.add(f"{made} = None")
        with body.block(f"if {frame.any_set(path)}"):
            body.add(f"{made} = {frame.make(body, where, path)}")
        return made

    def children_of_runs(self, part: Part, ids: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Part]]:
        """The parts inside a group that stand for its run's records, with the way down to them."""
        for inner in part.parts:
            if inner.of == RUN:
                yield ids + inner.loop, inner
            elif not inner.makes_records:
                yield from self.children_of_runs(inner, ids + inner.loop)

    @abstractmethod
    def contents(self, spot: Spot, part: Part) -> None:
        """Lines that fill the frame from everything in a part but the records of its run."""

    @abstractmethod
    def runs(self, spot: Spot, part: Part, shared: Shared) -> None:
        """Lines that go through the records of a group's run."""

    def opened_group(self, part: Part, path: str, values: str) -> None:  # noqa: B027 - Only streams want to know.
        """Told of each group's function for its values."""
