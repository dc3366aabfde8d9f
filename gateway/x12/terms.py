"""The terms of the situational rules: one thing that a loop or a segment has or has not, and source that asks for it.

N3  REF*F8  NM1*TT,QC          a segment, with one of these codes in its first element
PWK06  CLM05-03=7,8            an element that is there, or has one of these values ("" is none: N404=,US)
SBR02!=18  CAS[03,06]~0+       has another value or none; any of these elements matches the pattern as a whole
2010BA/N3  2400/2430/DTP*573   in an inner loop; one such is enough
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.x12.tree import Loop, Segment

_TERM = re.compile(
    r"(?P<path>(?:[0-9A-Z_]+/)*)(?P<tag>[A-Z][A-Z0-9]{1,2}?)"
    r"(?:\*(?P<codes>[0-9A-Z,]+)"
    r"|(?P<elements>[0-9]{2}|\[[0-9]{2}(?:,[0-9]{2})*\])(?:-(?P<component>[0-9]{2}))?(?P<test>(?:!?=|~).*)?)?"
)

Found = tuple[Segment, int, int]  # a segment, with the element and component that a term looked at; 0 for all of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One thing that is there or not. ``path`` are the inner loops; ``elements`` () stands for the segment itself."""

    path: tuple[str, ...]
    tag: str
    codes: tuple[str, ...] = ()
    elements: tuple[int, ...] = ()
    component: int = 0
    equal: tuple[str, ...] = ()
    unequal: tuple[str, ...] = ()
    pattern: str = ""

    def find(self, loop: Loop, only: Segment | None) -> Found | None:
        """Where it is, in this loop, or in one segment of it where the term names no inner loop."""
        if only is not None and not self.path:
            return self._in(only)
        for target in inner(loop, self.path):
            for one in target.segments:
                if one.tag == self.tag and (found := self._in(one)):
                    return found
        return None

    def source(self) -> str:
        """A Python expression for a segment of the right tag: ``one``, its ``parts``, their ``count``.

        It takes an element's text whole, so it may miss what only a repetition or a component in a wrong place holds.
        """
        if self.codes:
            return f"(count > 1 and parts[1] in {set(self.codes)})"
        if not self.elements:
            return "True"
        return f"({' or '.join(map(self._element_source, self.elements))})"

    def _element_source(self, element: int) -> str:
        text = f"one.at({element}, {self.component})" if self.component else f"parts[{element}]"
        if self.equal:
            absent = f"count <= {element} or" if "" in self.equal else f"count > {element} and"
            return f"({absent} {text} in {set(self.equal)})"
        if self.unequal:
            return f"(count <= {element} or {text} not in {set(self.unequal)})"
        if self.pattern:
            return f"(count > {element} and {text} and fullmatch({self.pattern!r}, {text}))"
        return f"(count > {element} and {text})"

    def _in(self, one: Segment) -> Found | None:
        if one.tag != self.tag or (self.codes and one.at(1) not in self.codes):
            return None
        if not self.elements:
            return one, 0, 0
        for element in self.elements:
            if self._holds(one.at(element, self.component or 1)):
                return one, element, self.component
        return None

    def _holds(self, value: str) -> bool:
        if self.equal:
            return value in self.equal
        if self.unequal:
            return value not in self.unequal
        if self.pattern and value:
            return re.fullmatch(self.pattern, value) is not None
        return bool(value)


def is_term(text: str) -> bool:
    """Whether a text is one term."""
    return _TERM.fullmatch(text) is not None


def term(text: str) -> Term:
    """The term of a text that is one."""
    found = _TERM.fullmatch(text)
    assert found is not None, "whoever reads a file asks is_term first"
    test = found["test"] or ""
    values = tuple(test.lstrip("!=").split(","))
    return Term(
        path=tuple(filter(None, found["path"].split("/"))),
        tag=found["tag"],
        codes=tuple(found["codes"].split(",")) if found["codes"] else (),
        elements=tuple(map(int, re.findall("[0-9]{2}", found["elements"] or ""))),
        component=int(found["component"] or 0),
        equal=values if test[:1] == "=" else (),
        unequal=values if test[:1] == "!" else (),
        pattern=test[1:] if test[:1] == "~" else "",
    )


def inner(loop: Loop, path: tuple[str, ...]) -> Iterator[Loop]:
    """The loops at a path of ids below a loop; itself for ()."""
    if not path:
        yield loop
        return
    for each in loop.loops:
        if each.id == path[0]:
            yield from inner(each, path[1:])
