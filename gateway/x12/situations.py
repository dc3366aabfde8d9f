"""What a set must hold, or must not, because of what else it holds (SNIP 4): edi_maps/situations, a file a guide.

The licensed guides have many more; a rule is here where a public source states it, and blocks only where that leaves no
doubt. It walks loops that were read already, mends nothing and never quotes a value.

A rule holds for a ``loop`` (its own id; ``*`` for each), or for each ``segment`` of it. ``when`` lists what must all be
so, ``needs`` what must then be there, ``forbids`` what must not. Each is a term:

    N3  REF*F8  NM1*TT,QC          a segment, with one of these codes in its first element
    PWK06  CLM05-03=7,8            an element that is there, or has one of these values ("" is none: N404=,US)
    SBR02!=18  CAS[03,06]~0+       has another value or none; any of these elements matches the pattern as a whole
    2010BA/N3  2400/2430/DTP*573   in an inner loop; one such is enough
    DTM*472 or DTM*150             either
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from gateway.errors import Finding, GatewayError, Severity
from gateway.resources import folder
from gateway.x12.tree import Loop, Segment

_TERM = re.compile(
    r"(?P<path>(?:[0-9A-Z_]+/)*)(?P<tag>[A-Z][A-Z0-9]{1,2}?)"
    r"(?:\*(?P<codes>[0-9A-Z,]+)"
    r"|(?P<elements>[0-9]{2}|\[[0-9]{2}(?:,[0-9]{2})*\])(?:-(?P<component>[0-9]{2}))?(?P<test>(?:!?=|~).*)?)?"
)
_MISSING_SEGMENT, _FORBIDDEN_SEGMENT = "I6", "I9"  # IK304
_MISSING_ELEMENT, _FORBIDDEN_ELEMENT, _INVALID_CODE = "I9", "I13", "7"  # IK403
_TEXTS = ("id", "loop", "what", "fix", "source")
_KEYS = {*_TEXTS, "segment", "when", "needs", "forbids", "severity", "faulty", "clean"}

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
    pattern: re.Pattern[str] | None = None

    def find(self, loop: Loop, only: Segment | None) -> Found | None:
        """Where it is, in this loop, or in one segment of it where the term names no inner loop."""
        if only is not None and not self.path:
            return self._in(only)
        for target in _inner(loop, self.path):
            for one in target.segments:
                if one.tag == self.tag and (found := self._in(one)):
                    return found
        return None

    def _in(self, one: Segment) -> Found | None:
        if one.tag != self.tag or (self.codes and one.at(1) not in self.codes):
            return None
        if not self.elements:
            return one, 0, 0
        length = len(one.cut())
        for element in self.elements:
            value = one.at(element, self.component or 1) if element < length else ""
            if self._holds(value):
                return one, element, self.component
        return None

    def _holds(self, value: str) -> bool:
        if self.equal:
            return value in self.equal
        if self.unequal:
            return value not in self.unequal
        if self.pattern is None or not value:
            return bool(value)
        return self.pattern.fullmatch(value) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One situational rule: of each entry of ``needs`` one term must be there, of ``forbids`` none.

    ``faulty`` and ``clean`` are examples, in the form ``2300[CLM*1~2320[SBR*P]]``.
    """

    id: str
    loop: str
    segment: Term | None
    when: tuple[tuple[Term, ...], ...]
    needs: tuple[tuple[Term, ...], ...]
    forbids: tuple[tuple[Term, ...], ...]
    severity: Severity
    what: str
    fix: str
    source: str
    faulty: str
    clean: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SituationFault:
    """Where a rule is broken. ``segment`` is the one at fault; None where it is missing: it belongs into the loop of
    the path ``loop``, behind ``after``.

    ``code`` is an IK403 where ``element`` is set, else an IK304. The trigger is what made the rule hold, for the CTX of
    a 999; None where the rule always holds.
    """

    rule: str
    what: str
    fix: str
    severity: Severity
    source: str
    code: str
    loop: str
    tag: str
    element: int
    component: int
    segment: Segment | None
    after: Segment | None
    trigger: Segment | None
    trigger_element: int = 0
    trigger_component: int = 0
    snip: int = 4


def check(guide_name: str, loop: Loop, path: str = "") -> Iterator[SituationFault]:
    """The faults of a loop and all inside it by a guide's rules; ``path`` is that of the loop, "" for the set."""
    plan = _plan(guide_name)
    if plan.rules:
        yield from _walk(plan, loop, path)


def load(guide_name: str) -> list[Rule]:
    """The rules of a guide by its file name; none where it has no file. GatewayError with all mistakes of all files."""
    return _all().get(guide_name, [])


class _Plan:
    """A guide's rules by where they are tried: for each loop id those of the loop, and those of a segment by its tag."""

    def __init__(self, rules: list[Rule]) -> None:
        self.rules = rules
        self._of: dict[str, tuple[list[Rule], dict[str, list[Rule]]]] = {}

    def of(self, loop_id: str) -> tuple[list[Rule], dict[str, list[Rule]]]:
        """The rules of loops with this id, and those of their segments."""
        if loop_id not in self._of:
            mine = [rule for rule in self.rules if rule.loop in (loop_id, "*")]
            by_tag: dict[str, list[Rule]] = {}
            for rule in mine:
                if rule.segment is not None:
                    by_tag.setdefault(rule.segment.tag, []).append(rule)
            self._of[loop_id] = [rule for rule in mine if rule.segment is None], by_tag
        return self._of[loop_id]


@cache
def _plan(guide_name: str) -> _Plan:
    return _Plan(load(guide_name))


def _walk(plan: _Plan, loop: Loop, path: str) -> Iterator[SituationFault]:
    rules, by_tag = plan.of(loop.id)
    for rule in rules:
        yield from _check_scope(rule, loop, path, None)
    if by_tag:
        for one in loop.segments:
            for rule in by_tag.get(one.tag, ()):
                if rule.segment is None or rule.segment.find(loop, one):
                    yield from _check_scope(rule, loop, path, one)
    for each in loop.loops:
        yield from _walk(plan, each, f"{path}/{each.id}" if path else each.id)


def _check_scope(rule: Rule, loop: Loop, path: str, only: Segment | None) -> Iterator[SituationFault]:
    triggers = []
    for alternatives in rule.when:
        found = _first(alternatives, loop, only)
        if found is None:
            return
        triggers.append(found)
    trigger = triggers[0] if triggers else None
    for alternatives in rule.needs:
        if _first(alternatives, loop, only) is None:
            yield _missing(rule, alternatives[0], loop, path, only, trigger)
    for alternatives in rule.forbids:
        for term in alternatives:
            found = term.find(loop, only)
            if found is not None:
                yield _forbidden(rule, term, found, path, trigger)


def _first(alternatives: tuple[Term, ...], loop: Loop, only: Segment | None) -> Found | None:
    for term in alternatives:
        if found := term.find(loop, only):
            return found
    return None


def _missing(
    rule: Rule, term: Term, loop: Loop, path: str, only: Segment | None, trigger: Found | None
) -> SituationFault:
    target = next(_inner(loop, term.path), None)
    segments = target.segments if target else []
    holder = only if only is not None and not term.path else None
    if holder is None and term.elements:
        holder = next((one for one in segments if one.tag == term.tag), None)
    element = term.elements[0] if holder else 0
    code = _MISSING_SEGMENT
    if holder:
        code = _INVALID_CODE if holder.at(element, term.component or 1) else _MISSING_ELEMENT
    before = segments or loop.segments
    after = before[-1] if before and not holder else None
    return _fault(rule, term, path, trigger, code=code, element=element, segment=holder, after=after)


def _forbidden(rule: Rule, term: Term, found: Found, path: str, trigger: Found | None) -> SituationFault:
    segment, element, _ = found
    code = _FORBIDDEN_ELEMENT if element else _FORBIDDEN_SEGMENT
    if term.equal or term.pattern is not None:
        code = _INVALID_CODE
    return _fault(rule, term, path, trigger, code=code, element=element, segment=segment, after=None)


def _fault(
    rule: Rule,
    term: Term,
    path: str,
    trigger: Found | None,
    *,
    code: str,
    element: int,
    segment: Segment | None,
    after: Segment | None,
) -> SituationFault:
    return SituationFault(
        rule=f"x12.situation.{rule.id}",
        what=rule.what,
        fix=rule.fix,
        severity=rule.severity,
        source=rule.source,
        code=code,
        loop="/".join(filter(None, (path, *term.path))),
        tag=term.tag,
        element=element,
        component=term.component if element else 0,
        segment=segment,
        after=after,
        trigger=trigger[0] if trigger else None,
        trigger_element=trigger[1] if trigger else 0,
        trigger_component=trigger[2] if trigger else 0,
    )


def _inner(loop: Loop, path: tuple[str, ...]) -> Iterator[Loop]:
    if not path:
        yield loop
        return
    for each in loop.loops:
        if each.id == path[0]:
            yield from _inner(each, path[1:])


@cache
def _all() -> Mapping[str, list[Rule]]:
    mistakes: list[Finding] = []
    found: dict[str, list[Rule]] = {}
    seen: set[str] = set()
    for path in sorted((folder("edi_maps") / "situations").glob("*.toml")):
        whole = tomllib.loads(path.read_text("utf-8"))
        guides = whole.get("guides", ())
        if not guides:
            mistakes.append(_mistake(path.name, "it names no guide", 'Write guides = ["..."]'))
        for number, entry in enumerate(whole.get("rules", ()), 1):
            wrong = [_mistake(path.name, f"rule {number}: {what}", fix) for what, fix in _mistakes_of(entry, seen)]
            mistakes += wrong
            if not wrong:
                for guide in guides:
                    found.setdefault(guide, []).append(_rule(entry))
    if mistakes:
        what = "the situational rules cannot be used"
        raise GatewayError(what, where="edi_maps/situations", fix=mistakes[0].fix, findings=tuple(mistakes))
    return found


def _mistakes_of(entry: Mapping[str, Any], seen: set[str]) -> Iterator[tuple[str, str]]:
    for key in sorted(entry.keys() - _KEYS):
        yield f"{key} is no entry of a rule", f"Use one of {', '.join(sorted(_KEYS))}"
    for key in _TEXTS:
        if not isinstance(entry.get(key), str) or not entry[key]:
            yield f"{key} is missing", f"Write {key} as a text"
    if entry.get("id") in seen:
        yield "another rule has its id", "Give each rule an id of its own"
    seen.add(entry.get("id", ""))
    if not entry.get("needs") and not entry.get("forbids"):
        yield "it neither needs nor forbids anything", "Write needs or forbids"
    if entry.get("severity", "block") not in list(Severity):
        yield f"{entry['severity']} is no severity", f"Use one of {', '.join(Severity)}"
    for key in ("segment", "when", "needs", "forbids"):
        for text in _listed(entry.get(key, [])):
            for word in text.split(" or "):
                if _TERM.fullmatch(word) is None:
                    yield f"{key} has {word!r}, which is no term", "Write it as REF*F8, CLM05-03=7,8 or 2010BA/N3"


def _rule(entry: Mapping[str, Any]) -> Rule:
    return Rule(
        id=entry["id"],
        loop=entry["loop"],
        segment=_term(entry["segment"]) if "segment" in entry else None,
        when=_terms(entry.get("when", [])),
        needs=_terms(entry.get("needs", [])),
        forbids=_terms(entry.get("forbids", [])),
        severity=Severity(entry.get("severity", "block")),
        what=entry["what"],
        fix=entry["fix"],
        source=entry["source"],
        faulty=entry.get("faulty", ""),
        clean=entry.get("clean", ""),
    )


def _terms(texts: str | list[str]) -> tuple[tuple[Term, ...], ...]:
    return tuple(tuple(map(_term, text.split(" or "))) for text in _listed(texts))


def _listed(texts: str | list[str]) -> list[str]:
    return [texts] if isinstance(texts, str) else texts


def _term(text: str) -> Term:
    found = _TERM.fullmatch(text)
    assert found is not None, "the file was checked"
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
        pattern=re.compile(test[1:]) if test[:1] == "~" else None,
    )


def _mistake(file: str, what: str, fix: str) -> Finding:
    return Finding(rule="situations.file", what=what, fix=fix, where=f"edi_maps/situations/{file}")
