"""What a set must hold, or must not, because of what else it holds (SNIP 4): edi_maps/situations, a file a guide.

The licensed guides have many more; a rule is here where a public source states it, and blocks only where that leaves no
doubt. It walks loops that were read already, mends nothing and never quotes a value.

A rule holds for a ``loop`` (its own id; ``*`` for each), or for each ``segment`` of it. ``when`` lists what must all be
so, ``needs`` what must then be there, ``forbids`` what must not; each is a term (``terms``), or several joined by "or".

Most loops break no rule, so a function that is made of a loop's rules looks first, and only a loop that it finds
suspect is gone through rule by rule.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from gateway.errors import Finding, GatewayError, Severity
from gateway.resources import folder
from gateway.x12.codes import read_file
from gateway.x12.terms import Found, Term, inner, is_term, term
from gateway.x12.tree import STANDARD, Loop, Segment

_MISSING_SEGMENT, _FORBIDDEN_SEGMENT = "I6", "I9"  # IK304
_MISSING_ELEMENT, _FORBIDDEN_ELEMENT, _INVALID_CODE = "I9", "I13", "7"  # IK403
_TEXTS = ("id", "loop", "what", "fix", "source")
_KEYS = {*_TEXTS, "segment", "when", "needs", "forbids", "severity", "faulty", "clean"}


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

    ``code`` is an IK403 where ``element`` is set, else an IK304. The trigger is what made the rule hold, with the path
    of its loop, for the CTX of a 999; None where the rule always holds.
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
    trigger_loop: str = ""
    snip: int = 4


def check(guide_name: str, loop: Loop, path: str = "") -> Iterator[SituationFault]:
    """The faults of a loop and all inside it by a guide's rules; ``path`` is that of the loop, "" for the set."""
    plan = _plan(guide_name)
    if plan.rules:
        yield from _walk(plan, loop, path)


def first_look(guide_name: str, loop_id: str, tags: frozenset[str]) -> Callable[[Loop], object] | None:
    """A function of loops with this id that is false for one that itself breaks none of the guide's rules; None where
    no rule is about them. ``tags`` are those of all segments that the guide lets stand in such a loop."""
    rules = [rule for rule in _plan(guide_name).of(loop_id)[0] if rule.segment is None or rule.segment.tag in tags]
    return _glance(rules) if rules else None


def check_one(guide_name: str, loop: Loop, path: str = "") -> Iterator[SituationFault]:
    """The faults of a loop itself, without those of the loops inside it, all of which must be there."""
    for rule in _plan(guide_name).of(loop.id)[0]:
        yield from _check_rule(rule, loop, path)


@cache
def looks_inside(guide_name: str) -> frozenset[str]:
    """The ids of the loops whose rules ask for what stands in loops inside them."""
    return frozenset(
        rule.loop
        for rule in load(guide_name)
        if any(each.path for terms in (rule.when, rule.needs, rule.forbids) for one in terms for each in one)
    )


def load(guide_name: str) -> list[Rule]:
    """The rules of a guide by its file name; none where it has no file. GatewayError with all mistakes of all files."""
    return _all().get(guide_name, [])


class _Plan:
    """A guide's rules by the loops that they hold for, each with a first look at a loop: may it break one?"""

    def __init__(self, rules: list[Rule]) -> None:
        self.rules = rules
        self._of: dict[str, tuple[list[Rule], Callable[[Loop], object]]] = {}

    def of(self, loop_id: str) -> tuple[list[Rule], Callable[[Loop], object]]:
        """The rules of loops with this id, and the first look."""
        if loop_id not in self._of:
            mine = [rule for rule in self.rules if rule.loop in (loop_id, "*")]
            self._of[loop_id] = mine, _glance(mine)
        return self._of[loop_id]


@cache
def _plan(guide_name: str) -> _Plan:
    return _Plan(load(guide_name))


def _walk(plan: _Plan, loop: Loop, path: str) -> Iterator[SituationFault]:
    rules, suspect = plan.of(loop.id)
    if suspect(loop):
        for rule in rules:
            yield from _check_rule(rule, loop, path)
    for each in loop.loops:
        yield from _walk(plan, each, f"{path}/{each.id}" if path else each.id)


def _check_rule(rule: Rule, loop: Loop, path: str) -> Iterator[SituationFault]:
    if rule.segment is None:
        yield from _check_scope(rule, loop, path, None)
        return
    for one in loop.segments:
        if rule.segment.find(loop, one):
            yield from _check_scope(rule, loop, path, one)


def _glance(rules: list[Rule]) -> Callable[[Loop], object]:
    """A function of a loop that is true where the loop may break one of these rules."""
    deep: list[Term] = []
    flags: dict[Term, str] = {}
    by_tag: dict[str, list[str]] = {}
    whole: list[str] = []

    def ask(one: Term, *, of_segment: bool) -> str:
        if one.path:
            deep.append(one)
            return f"deep[{len(deep) - 1}].find(loop, None)"
        if of_segment:
            return one.source()
        if one not in flags:
            flags[one] = f"has_{len(flags)}"
            by_tag.setdefault(one.tag, []).append(f"{flags[one]} = {flags[one]} or {one.source()}")
        return flags[one]

    def any_of(alternatives: tuple[Term, ...], *, of_segment: bool) -> str:
        return f"({' or '.join(ask(each, of_segment=of_segment) for each in alternatives)})"

    for rule in rules:
        of_segment = rule.segment is not None
        wrong = [f"not {any_of(each, of_segment=of_segment)}" for each in rule.needs]
        wrong += [any_of(each, of_segment=of_segment) for each in rule.forbids]
        broken = [any_of(each, of_segment=of_segment) for each in rule.when] + [f"({' or '.join(wrong)})"]
        if rule.segment is None:
            whole.append(" and ".join(broken))
        else:
            test = " and ".join([rule.segment.source(), *broken])
            by_tag.setdefault(rule.segment.tag, []).append(f"if {test}: return True")
    return _made(flags, by_tag, whole, deep)


def _made(
    flags: dict[Term, str], by_tag: dict[str, list[str]], whole: list[str], deep: list[Term]
) -> Callable[[Loop], object]:
    lines = ["def glance(loop):"]
    lines += [f"    {name} = False" for name in flags.values()]
    if by_tag:
        lines += ["    for one in loop.segments:", "        tag = one.tag"]
    for number, (tag, tests) in enumerate(by_tag.items()):
        lines.append(f"        {'elif' if number else 'if'} tag == {tag!r}:")
        lines += ["            parts = one.parts or one.cut(STANDARD)", "            count = len(parts)"]
        lines += [f"            {each}" for each in tests]
    lines.append(f"    return {' or '.join(f'({each})' for each in whole) or 'False'}")
    space: dict[str, Any] = {"deep": deep, "fullmatch": re.fullmatch, "STANDARD": STANDARD}
    exec("\n".join(lines), space)  # Made of the rules of edi_maps, never of a document.
    made: Callable[[Loop], object] = space["glance"]
    return made


def _check_scope(rule: Rule, loop: Loop, path: str, only: Segment | None) -> Iterator[SituationFault]:
    trigger: tuple[Found, str] | None = None  # with the path of its loop
    for alternatives in rule.when:
        found = _first(alternatives, loop, only)
        if found is None:
            return
        trigger = trigger or (found[0], _below(path, found[1]))
    for alternatives in rule.needs:
        if _first(alternatives, loop, only) is None:
            yield _missing(rule, alternatives[0], loop, path, only, trigger)
    for alternatives in rule.forbids:
        for each in alternatives:
            there = each.find(loop, only)
            if there is not None:
                yield _forbidden(rule, each, there, path, trigger)


def _first(alternatives: tuple[Term, ...], loop: Loop, only: Segment | None) -> tuple[Found, Term] | None:
    for each in alternatives:
        if found := each.find(loop, only):
            return found, each
    return None


def _below(path: str, sought: Term) -> str:
    return "/".join(filter(None, (path, *sought.path)))


def _missing(
    rule: Rule, sought: Term, loop: Loop, path: str, only: Segment | None, trigger: tuple[Found, str] | None
) -> SituationFault:
    target = next(inner(loop, sought.path), None)
    segments = target.segments if target else []
    holder = only if only is not None and not sought.path else None
    if holder is None and sought.elements:
        holder = next((one for one in segments if one.tag == sought.tag), None)
    element = sought.elements[0] if holder else 0
    code = _MISSING_SEGMENT
    if holder:
        code = _INVALID_CODE if holder.at(element, sought.component or 1) else _MISSING_ELEMENT
    before = segments or loop.segments
    after = before[-1] if before and not holder else None
    return _fault(rule, sought, path, trigger, code=code, element=element, segment=holder, after=after)


def _forbidden(rule: Rule, sought: Term, found: Found, path: str, trigger: tuple[Found, str] | None) -> SituationFault:
    segment, element, _ = found
    code = _FORBIDDEN_ELEMENT if element else _FORBIDDEN_SEGMENT
    if sought.equal or sought.pattern:
        code = _INVALID_CODE
    return _fault(rule, sought, path, trigger, code=code, element=element, segment=segment, after=None)


def _fault(
    rule: Rule,
    sought: Term,
    path: str,
    trigger: tuple[Found, str] | None,
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
        loop=_below(path, sought),
        tag=sought.tag,
        element=element,
        component=sought.component if element else 0,
        segment=segment,
        after=after,
        trigger=trigger[0][0] if trigger else None,
        trigger_element=trigger[0][1] if trigger else 0,
        trigger_component=trigger[0][2] if trigger else 0,
        trigger_loop=trigger[1] if trigger else "",
    )


@cache
def _all() -> Mapping[str, list[Rule]]:
    mistakes: list[Finding] = []
    found: dict[str, list[Rule]] = {}
    seen: set[str] = set()
    for path in sorted((folder("edi_maps") / "situations").glob("*.toml")):
        try:
            whole = read_file(path)
        except GatewayError as error:
            mistakes += error.findings
            continue
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
                if not is_term(word):
                    yield f"{key} has {word!r}, which is no term", "Write it as REF*F8, CLM05-03=7,8 or 2010BA/N3"


def _rule(entry: Mapping[str, Any]) -> Rule:
    return Rule(
        id=entry["id"],
        loop=entry["loop"],
        segment=term(entry["segment"]) if "segment" in entry else None,
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
    return tuple(tuple(map(term, text.split(" or "))) for text in _listed(texts))


def _listed(texts: str | list[str]) -> list[str]:
    return [texts] if isinstance(texts, str) else texts


def _mistake(file: str, what: str, fix: str) -> Finding:
    return Finding(rule="situations.file", what=what, fix=fix, where=f"edi_maps/situations/{file}")
