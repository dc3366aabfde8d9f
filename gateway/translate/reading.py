"""Makes the functions that read a map's loops into its record.

Each loop's segments are gone through once, by their tags (``tagged.py``), then the loops inside it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from gateway.errors import Position
from gateway.translate import runtime
from gateway.translate.filling import Filling, Shared, Spot
from gateway.translate.frames import may_fail
from gateway.translate.lines import Line
from gateway.translate.parts import RUN, Part, rooted_paths, touched
from gateway.translate.source import Module
from gateway.translate.tagged import Tagged
from gateway.x12.tree import INNER, UNDIVIDED, Delimiters, Loop

WHOLE = "EVERYWHERE"  # how the text names the place of what is not in any one loop
NEVER: dict[str, Any] = {}
ODD = frozenset(".-")  # marks that could stand in a number
HELPERS = {
    name: getattr(runtime, name)
    for name in (
        "at_segment",
        "composite",
        "contradiction",
        "first",
        "misshapen",
        "missing",
        "place",
        "repeated",
        "strange",
        "understood",
    )
}


@dataclass(frozen=True, slots=True)
class Route:
    """How one unit of a stream is read: the functions for the groups around it, each with its depth among the loops
    around, and the function for the unit."""

    groups: tuple[tuple[int, str], ...]
    unit: str


@dataclass(slots=True)
class Reading(Filling):
    routes: dict[tuple[str, ...], Route] = field(default_factory=dict)
    _groups: list[tuple[str, str, bool]] = field(default_factory=list)  # path, function, whether it is a run's own
    looked_up: dict[str, Callable[[str], Any]] = field(default_factory=dict)  # by name; see ``Reader``

    subject: ClassVar[str] = "loop"
    run: ClassVar[str] = "loop"
    head: ClassVar[str] = "loop"

    def whole(self, part: Part) -> None:
        text = self.module.function("read(loop)")
        frame = self.frame(part)
        body = text.inner()
        if self.rooted:
            body.add("root = {}")
        self.contents(Spot(body, frame, "loop", where=WHOLE), part)
        if self.rooted:
            self.take_root(body, frame, part)
        body.add(f"return {frame.make(body, WHOLE)}")
        frame.opening(text)
        text.take(body)
        self.module.known[WHOLE] = Position()

    # --- Loops ---

    def contents(self, spot: Spot, part: Part) -> None:
        self._segments(spot, part)
        self._inside(spot, part)
        for path, value in part.absent.items():
            spot.frame.put(spot.text, spot.prefix + path, self.module.name_of(value, path[-1]))

    def _segments(self, spot: Spot, part: Part) -> None:
        """One pass over the loop's segments for all that share it; another where two of them want the same tag."""
        passes: list[dict[str, tuple[Spot, Part | None, Sequence[Line]]]] = [{}]
        for owner_spot, owner, lines in _sharing(spot, part):
            if any(tag in passes[-1] for tag in lines):
                passes.append({})
            passes[-1].update({tag: (owner_spot, owner, each) for tag, each in lines.items()})
        for table in passes:
            if not table:
                continue
            with spot.text.block(f"for segment in {spot.subject}.segments"):
                spot.text.add("tag = segment.tag")
                often_first = sorted(table.items(), key=lambda item: item[1][1] is None)  # Records come in numbers.
                for number, (tag, (own, owner, tagged)) in enumerate(often_first):
                    with spot.text.block(f"{'elif' if number else 'if'} tag == {tag!r}"):
                        Tagged(self.module, own, self.frame, self.looked_up).read(owner, tagged)

    def _inside(self, spot: Spot, part: Part) -> None:
        """The parts inside that have loops of their own: one scan for those that cannot disturb each other."""
        jobs: list[tuple[Part, Spot]] = []
        for inner, own in _looped(spot, part):
            taken = {path for each, at in jobs for path in touched(each, at.prefix)}
            ids = {each.loop[:1] for each, _ in jobs}
            if inner.loop[:1] in ids or not taken.isdisjoint(touched(inner, own.prefix)):
                self._scan(spot, jobs)
                jobs = []
            jobs.append((inner, own))
        self._scan(spot, jobs)

    def _scan(self, spot: Spot, jobs: Sequence[tuple[Part, Spot]]) -> None:
        for inner, _ in jobs:
            if inner.number:
                spot.text.add(f"number_{inner.name} = 0")
        self._down(spot, [(inner.loop, self._job(inner, own)) for inner, own in jobs])

    def _down(self, spot: Spot, jobs: Sequence[tuple[tuple[str, ...], Callable[[Spot], None]]]) -> None:
        """Goes down to each job's loops, and does it there."""
        for ids, job in jobs:
            if not ids:
                job(spot)
        below = [(ids, job) for ids, job in jobs if ids]
        if not below:
            return
        inner = self.module.fresh("loop")
        text = spot.text
        with text.block(f"for {inner} in {spot.subject}.loops"):
            for number, (ids, job) in enumerate(below):
                path = f"{spot.path}/{ids[0]}" if spot.path else ids[0]
                with text.block(f"{'elif' if number else 'if'} {inner}.id == {ids[0]!r}"):
                    self._down(replace(spot, subject=inner, path=path), [(ids[1:], job)])

    def _job(self, part: Part, own: Spot) -> Callable[[Spot], None]:
        def each(at: Spot) -> None:
            function = self.each(part, at.path, Shared(), f"place(loop, {at.path!r})")
            numbered = ""
            if part.number:
                at.text.add(f"number_{part.name} += 1")
                numbered = f", number_{part.name}"
            self._route(part, at.path, function)
            own.frame.put(at.text, own.prefix + part.of, f"{function}({at.subject}{numbered}{self.root})", many=True)

        def group(at: Spot) -> None:
            function = self.group(part, at.path, Shared(), f"place(loop, {at.path!r})")
            leaf = own.frame.leaf(own.prefix + part.of, many=True)
            at.text.add(f"{function}({at.subject}, {leaf.name}{self.root})")

        def once(at: Spot) -> None:
            where = f"place({at.subject}, {at.path!r})" if part.of else own.where
            inner = own.inside(at.subject, at.path, part.of, where)
            self.contents(inner, part)
            self._note_place(inner, part)

        return {"each": each, "group": group, "part": once}[part.kind]

    def _note_place(self, spot: Spot, part: Part) -> None:
        if not part.of or not may_fail(part.record):
            return
        found = spot.frame.any_set(spot.prefix)
        if spot.prefix not in spot.frame.places:
            spot.frame.places[spot.prefix] = self.module.fresh("place")
        name = spot.frame.places[spot.prefix]
        with spot.text.block(f"if {name} is None and ({found})"):
            spot.text.add(f"{name} = ({spot.subject}, {spot.path!r})")

    def runs(self, spot: Spot, part: Part, shared: Shared) -> None:
        for ids, inner in self.children_of_runs(part):

            def job(at: Spot, inner: Part = inner) -> None:
                where = f"place(loop, {at.path!r})"
                if inner.kind == "group":
                    at.text.add(f"{self.group(inner, at.path, shared, where)}({at.subject}, base, out{self.root})")
                    return
                function = self.each(inner, at.path, shared, where)
                self._route(inner, at.path, function)
                at.text.add(f"out.append({function}({at.subject}, base{self.root}))")

            self._down(spot, [(ids, job)])

    # --- Streams ---

    def opened_group(self, part: Part, path: str, values: str) -> None:
        self._groups.append((path, values, part.of == RUN))

    def _route(self, part: Part, path: str, function: str) -> None:
        """Remembers how a record is read without the records around it: what it needs of them is its groups' values."""
        if part.number or self.rooted:
            return
        groups: list[tuple[int, str]] = []
        for around, values, inside in sorted(self._groups) if part.of == RUN else ():
            if path.startswith(f"{around}/"):
                groups = [*(groups if inside else []), (around.count("/"), values)]
        self.routes[tuple(path.split("/"))] = Route(tuple(groups), function)


def _sharing(spot: Spot, part: Part) -> Iterator[tuple[Spot, Part | None, dict[str, Sequence[Line]]]]:
    """The part, and those inside it that share its loop: where they put what, and their lines."""
    yield spot, None, part.lines_by_tag()
    for inner in part.parts:
        if inner.loop or inner.kind == "group":
            continue
        if inner.kind == "each":
            yield spot, inner, inner.lines_by_tag()
        else:
            yield from _sharing(_shared(spot, inner), inner)


def _looped(spot: Spot, part: Part) -> Iterator[tuple[Part, Spot]]:
    """The parts inside that have a loop of their own, with where they put what; not those of a group's run."""
    for inner in part.parts:
        if inner.of == RUN:
            continue
        if inner.loop or inner.kind == "group":
            yield inner, spot
        elif inner.kind == "part":
            yield from _looped(_shared(spot, inner), inner)


def _shared(spot: Spot, part: Part) -> Spot:
    where = f"place({spot.subject}, {spot.path!r})" if part.of else spot.where
    return replace(spot, prefix=spot.prefix + part.of, where=where)


def _marks_of(loop: Loop) -> Delimiters:
    """The marks of what was read; of what was built, such that nothing can be parted by mistake."""
    read = (each.marks for one in loop.walk() for each in one.segments if each.parts and each.marks is not UNDIVIDED)
    return next(read, INNER)


class Reader:
    """The functions made for reading. They exist once for each pair of marks, which the text calls c and r: components
    and repetitions. Where one of them could stand in a number (which happens in no sound document), nothing is looked
    up, since the tables know texts without marks only."""

    def __init__(self, name: str, part: Part, said_in: Any) -> None:
        self._module = Module(f"{name}, reading", HELPERS)
        reading = Reading(self._module, said_in, any(rooted_paths(part)))
        reading.whole(part)
        self.source = self._module.source
        self.routes = reading.routes
        self._usual = reading.looked_up
        self._odd = dict.fromkeys(reading.looked_up, NEVER.get)
        self._made: dict[tuple[str, str], dict[str, Any]] = {}

    def functions(self, loop: Loop) -> dict[str, Any]:
        """The functions for a document with this loop's marks."""
        segments = loop.segments
        marks = segments[0].marks if segments and segments[0].parts else UNDIVIDED
        if marks is UNDIVIDED:
            marks = _marks_of(loop)
        c, r = marks.component, marks.repetition
        made = self._made.get((c, r))
        if made is None:
            looked_up = self._odd if c in ODD or r in ODD else self._usual
            made = self._made[c, r] = self._module.run(**looked_up, c=c, r=r, marks=marks)
        return made
