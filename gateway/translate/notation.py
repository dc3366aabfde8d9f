"""Parses one line of a map, and binds its fields to the types of a record. What it takes is described in ``maps.py``.

Raises ``Mistake`` for anything wrong; the loader collects them all and adds the file and the line.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, is_dataclass, replace
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from gateway.domain.plain import hints
from gateway.translate.fields import Anything, Condition, Counter, Field, Slot
from gateway.translate.forms import Misfit, form_for, from_plain_text
from gateway.translate.lines import Bracket, Choice, Element, Group, Line, Node, Spread

FIELD = re.compile(r"\{(/?)([a-z_][a-z_0-9]*(?:\.[a-z_][a-z_0-9]*)*)(?::([a-z][a-z_]*\??))?(?:([*:^])([0-9]+))?\}")
COUNTER = re.compile(r"\{(#|#hl|#parent|#child)\}")
WHEN = re.compile(r"(not )?([a-z_][a-z_.0-9]*)(?: = (\S+))?")
BRACKET = re.compile(r"\[(?:([a-z_.]+) )?(.+)\]([0-9]+)", re.DOTALL)
TAG = re.compile(r"[A-Z][A-Z0-9]{1,2}")
PAIRS = {"{": "}", "(": ")", "[": "]"}


class Mistake(ValueError):
    """Something in a map that cannot be run."""


@dataclass(slots=True)
class Binder:
    """What a line may speak of: the record in hand, the whole message, the code tables, the loop that it stands in."""

    record: type
    root: type
    codes: Mapping[str, Mapping[str, Any]]
    loop: str = ""
    used: dict[tuple[str, ...], int] = field(default_factory=dict)  # places of a tuple taken so far in this line

    def line(self, text: str) -> Line:
        self.used.clear()
        text, when = self.condition(text)
        ignored, read_only = text.startswith("-"), text.startswith("<")
        bare = text.lstrip("-<").strip()
        optional, repeated = bare.endswith("?"), bare.endswith("+")
        tag, *elements = split(bare.rstrip("?+"), "*")
        if not TAG.fullmatch(tag):
            raise Mistake(f"{tag} is no segment's tag")
        nodes = tuple(self._nodes(elements))
        fields = tuple(each for node in nodes for each in node.carried())
        counters = list(_counters(nodes))
        line = Line(
            text=text,
            tag=tag,
            nodes=nodes,
            width=max((node.at + node.width - 1 for node in nodes), default=0),
            optional=optional,
            repeated=repeated,
            when=when,
            read_only=read_only,
            ignored=ignored,
            child_at=next((at for at, counter in counters if counter == "#child"), 0),
            opens_level=any(counter == "#hl" for _, counter in counters),
            coded=tuple(node for node in nodes if isinstance(node, Element) and node.literals),
            by_code=_is_known_by_code(nodes),
            fields=fields,
            pack=next((node for node in nodes if isinstance(node, Bracket) and node.packs), None),
        )
        self._check(line)
        return line

    def condition(self, text: str) -> tuple[str, Condition | None]:
        """The text before `` when ``, and the condition behind it."""
        before, *after = split(text, " when ")
        if not after:
            return text.strip(), None
        if len(after) > 1:
            raise Mistake("there are two conditions")
        return before.strip(), self.parse_condition(after[0].strip())

    def parse_condition(self, text: str) -> Condition:
        match = WHEN.fullmatch(text.replace("{loop}", self.loop))
        if match is None:
            raise Mistake(f"the condition {text} cannot be read")
        path = tuple(match[2].split("."))
        kind, many = self.resolve(path)
        if match[3] is None:
            return Condition(path, negated=bool(match[1]))
        values = tuple(match[3].split("/"))
        try:
            typed = [from_plain_text(kind, value) for value in values]
        except Misfit as error:
            raise Mistake(str(error)) from None
        if many:
            raise Mistake(f"{match[2]} holds several values and cannot be compared")
        sets = typed[0] if len(typed) == 1 and not match[1] else None
        return Condition(path, negated=bool(match[1]), values=values, sets=sets)

    def resolve(self, path: tuple[str, ...], *, rooted: bool = False) -> tuple[Any, bool]:
        """The plain type at a path, and whether it is a tuple of them."""
        return resolve(self.root if rooted else self.record, path)

    def _check(self, line: Line) -> None:
        if "{_}" in line.text and not line.read_only:
            raise Mistake("{_} can only be read past; begin the line with <")
        if line.repeated and len({each.path for each in line.fields if each.many}) != 1:
            raise Mistake("a line with + needs one field that holds several values")
        for each in line.fields:
            if each.many and not (line.repeated or each.spread or self._counted(line, each)):
                raise Mistake(f"{each} holds several values, and the line has room for one")

    def _counted(self, line: Line, each: Field) -> bool:
        return any(isinstance(node, Bracket) and each.path in {f.path for f in node.carried()} for node in line.nodes)

    def _nodes(self, texts: list[str]) -> Iterator[Node]:
        at = 1
        for place, text in enumerate(texts):
            node = self._node(text, at, last=place == len(texts) - 1)
            if node is not None:
                yield node
            at += node.width if node is not None else 1

    def _node(self, text: str, at: int, *, last: bool) -> Node | None:
        if not text:
            return None
        if text.startswith("("):
            return self._group(text, at, last)
        if text.startswith("["):
            return self._bracket(text, at)
        alone = FIELD.fullmatch(text)
        if alone and alone[4] == "*":
            return Spread(at, self._field(alone), int(alone[5]))
        return self._element(text, at)

    def _element(self, text: str, at: int) -> Element:
        alone = FIELD.fullmatch(text)
        slots = tuple(self._slot(part) for part in split(text, ":"))
        literals, component = [], 1
        for slot in slots:
            if slot.literals:
                literals.append((component, slot.literals))
            component += slot.width
        only = all(slot.literals for slot in slots)
        constant = (tuple(slot.literals[0] for slot in slots),) if only else None
        return Element(at, slots, tuple(literals), constant, repeats=bool(alone and alone[4] == "^"))

    def _elements(self, text: str) -> tuple[tuple[Element, ...], int]:
        texts = split(text, "*")
        return tuple(self._element(each, at) for at, each in enumerate(texts, 1) if each), len(texts)

    def _group(self, text: str, at: int, last: bool) -> Group:
        if not text.endswith(")"):
            raise Mistake(f"{text} has no closing parenthesis")
        choices, steps = [], set()
        for alternative in split(text[1:-1], "|"):
            body, when = self.condition(alternative)
            elements, step = self._elements(body)
            choices.append(Choice(elements, when))
            steps.add(step)
        if len(steps) != 1:
            raise Mistake(f"the alternatives of {text} have different lengths")
        (step,) = steps
        return Group(at, tuple(choices), step, step * len(choices), open_ended=last)

    def _bracket(self, text: str, at: int) -> Bracket:
        match = BRACKET.fullmatch(text)
        if match is None:
            raise Mistake(f"{text} is no repetition: [elements]count")
        if match[1]:
            records = tuple(match[1].split("."))
            kind, many = self.resolve(records)
            if not (many and is_dataclass(kind)):
                raise Mistake(f"{match[1]} does not hold records")
            assert isinstance(kind, type)
            elements, step = replace_binder(self, kind)._elements(match[2])
            return Bracket(at, elements, step, int(match[3]), records=records)
        elements, step = self._elements(match[2])
        packs = not any(each.many for element in elements for each in element.carried())
        return Bracket(at, elements, step, int(match[3]), packs=packs)

    def _slot(self, text: str) -> Slot:
        if "{" not in text:
            return Slot(literals=tuple(text.split("/")) if text else ())
        pieces: list[str | Field | Counter | Anything] = []
        shape, at = "", 0
        for match in re.finditer(r"\{[^{}]*\}", text):
            between = text[at : match.start()]
            if between:
                pieces.append(between)
            shape += re.escape(between)
            named, counter = FIELD.fullmatch(match[0]), COUNTER.fullmatch(match[0])
            if match[0] == "{_}":
                pieces.append(Anything())
                shape += ".*"
                at = match.end()
                continue
            if named is not None:
                pieces.append(self._field(named))
            elif counter is not None:
                pieces.append(Counter(counter[1]))
            else:
                raise Mistake(f"{match[0]} is no field")
            shape += "(.*?)"
            at = match.end()
        if at < len(text):
            pieces.append(text[at:])
            shape += re.escape(text[at:])
        fields = tuple(piece for piece in pieces if isinstance(piece, Field))
        width = max((each.spread for each in fields), default=0) or 1
        return Slot((), tuple(pieces), re.compile(shape) if len(pieces) > 1 else None, fields, width)

    def _field(self, match: re.Match[str]) -> Field:
        rooted, path = bool(match[1]), tuple(match[2].split("."))
        kind, many = self.resolve(path, rooted=rooted)
        if is_dataclass(kind):
            raise Mistake(f"{match[2]} is a record, not a value")
        try:
            form = form_for(match[3] or "", kind, self.codes)
        except Misfit as error:
            raise Mistake(f"{match[2]}: {error}") from None
        spread = int(match[5]) if match[5] else 0
        if spread and not many:
            raise Mistake(f"{match[2]} holds one value, not {spread}")
        base = self.used.get(path, 0)
        if many:
            self.used[path] = base + 1
        return Field(path, form, kind, rooted, many, base, spread)


def replace_binder(binder: Binder, record: type) -> Binder:
    return replace(binder, record=record, used={})


def resolve(kind: Any, path: tuple[str, ...]) -> tuple[Any, bool]:
    """The type at a path of fields, without its None, and whether it is a tuple of that; raises Mistake."""
    many = False
    for name in path:
        if many or not is_dataclass(kind):
            raise Mistake(f"{name} cannot be a field of what stands before it")
        assert isinstance(kind, type)
        known = hints(kind)
        if name not in known:
            raise Mistake(f"{kind.__name__} has no field {name}")
        kind = without_none(known[name])
        if get_origin(kind) is tuple:
            kind, many = get_args(kind)[0], True
    return kind, many


def without_none(kind: Any) -> Any:
    if get_origin(kind) in (Union, UnionType):
        (kind,) = (each for each in get_args(kind) if each is not NoneType)
    return kind


def split(text: str, mark: str) -> list[str]:
    """The parts between the marks that stand outside of braces, parentheses and brackets."""
    parts, depth, start = [], 0, 0
    for at, character in enumerate(text):
        if character in PAIRS:
            depth += 1
        elif character in PAIRS.values():
            depth -= 1
        elif depth == 0 and at >= start and text.startswith(mark, at):
            parts.append(text[start:at])
            start = at + len(mark)
    if depth:
        raise Mistake(f"{text} has an opening without its closing mark")
    return [*parts, text[start:]]


def _is_known_by_code(nodes: tuple[Node, ...]) -> bool:
    """Whether the first element, before any field, names what the segment is about: REF*G1, DTP*472, HI*ABK."""
    return bool(nodes) and isinstance(nodes[0], Element) and nodes[0].at == 1 and bool(nodes[0].slots[0].literals)


def _counters(nodes: tuple[Node, ...]) -> Iterator[tuple[int, str]]:
    for node in nodes:
        if isinstance(node, Element):
            for slot in node.slots:
                yield from ((node.at, piece.name) for piece in slot.pieces if isinstance(piece, Counter))
