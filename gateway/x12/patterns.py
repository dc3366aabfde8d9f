"""Compiles a segment of a guide to one regular expression that only matches what is certainly valid.

What it does not match is not wrong yet: ``judge`` looks at it element by element and finds the words. So whatever is
rare or hard to express is left to the judge, and never let through here. A pattern is for text between the standard
delimiters, without terminator; it says nothing of where the segment stands.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from gateway.x12.nodes import UNLIMITED, CompositeNode, ElementNode, SegmentNode

DECIMALS_MAX = 4
TRIE_MAX = 600  # codes; a longer list is looked up as a set after the match, for to compile it several times is slow
TRIE_MAX_ALONE = 2000  # in a segment that has one list at most
FORMAT_QUALIFIER, FORMATTED_DATE = "1250", "1251"  # X12 data elements

# X12.6's extended character set (5010) without the four delimiters, and without what may not end a value.
TEXT = r"""[A-Za-z0-9 !"&'()+,\-./;?=%@\[\]_{}\\|<>`#$]"""
END_OF_VALUE = r"(?![A-Za-z0-9 ])"  # behind codes, which hold nothing else
_NOT_BLANK = r"(?<! )"
DAY = (
    r"(?:(?:1[89]|2[0-9])(?:"
    r"[0-9]{2}(?:(?:0[13578]|1[02])(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)(?:0[1-9]|[12][0-9]|30)"
    r"|02(?:0[1-9]|1[0-9]|2[0-8]))"
    r"|(?:0[48]|[2468][048]|[13579][26])0229))"
)
TIME = r"(?:(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9])?)"
_FORMATS = {"D8": DAY, "RD8": f"{DAY}-{DAY}"}

Check = Callable[[str], object]


@dataclass(slots=True)
class Pattern:
    """``source`` matches the whole segment. What its groups hold must also be in ``sets`` or pass ``tests``, by the
    number of the group; a group that took no part passes."""

    source: str
    sets: list[tuple[tuple[int, ...], frozenset[str | None]]] = field(default_factory=list)
    tests: list[tuple[int, Callable[[str], object]]] = field(default_factory=list)

    def compile(self) -> Check:
        """A function of the segment's text whose result is true where it is certainly valid."""
        match = re.compile(self.source).fullmatch
        if not self.sets and not self.tests:
            return match
        if not self.sets and len(self.tests) == 1:
            ((number, test),) = self.tests

            def check_one(text: str) -> object:
                found = match(text)
                return found is not None and ((value := found[number]) is None or test(value))

            return check_one

        def check(text: str) -> object:
            found = match(text)
            return (
                found is not None
                and all(allowed.issuperset(map(found.__getitem__, groups)) for groups, allowed in self.sets)
                and all((value := found[number]) is None or test(value) for number, test in self.tests)
            )

        return check


@dataclass(slots=True)
class _Cell:
    """One element, or a date with the element that names its format: a pattern for what is not empty."""

    ordinals: tuple[int, ...]
    source: str
    required: bool


class Lists:
    """What else a value must be, beyond its guide: the lists of ``places``. This one knows nothing."""

    def allowed(self, element: int, component: int) -> frozenset[str] | None:
        """All values that need no second look; None where no list is asked."""
        return None

    def form(self, element: int, component: int) -> str:
        """A regular expression that a value must match as a whole, "" for any."""
        return ""

    def ahead(self, element: int, component: int) -> str:
        """A regular expression that looks ahead for what a value must not be."""
        return ""

    def test(self, element: int, component: int) -> Callable[[str], object] | None:
        """A test that a value passes which needs no second look; None where there is none."""
        return None


class _Writer:
    def __init__(self, node: SegmentNode, lists: Lists) -> None:
        self._node = node
        self._lists = lists
        self._groups = 0
        self._group_of: dict[int, int] = {}  # element -> group, of those that a syntax note asks for
        self._noted = {each for _, ordinals in node.syntax for each in ordinals}
        self._always: set[int] = set()  # elements that a match cannot be without
        self._names_format = any(each.data_element == FORMAT_QUALIFIER for each in _simple(node))
        self._sets: dict[frozenset[str | None], list[int]] = {}
        self._tests: list[tuple[int, Callable[[str], object]]] = []

    def write(self) -> Pattern:
        used = [each.ordinal for each in self._node.elements if each.usage != "N"]
        cells = list(self._cells(max(used, default=0)))
        source = f"{self._node.tag}(?=.)" + self._chain(cells, r"\*") + self._notes()
        if not cells or cells[-1] is None or not cells[-1].required:
            source += r"(?<!\*)"
        sets = [(tuple(groups), allowed) for allowed, groups in self._sets.items()]
        return Pattern(source, sets, self._tests)

    def _chain(self, cells: list[_Cell | None], separator: str) -> str:
        """The cells one after the other, each behind a separator; None is one that must be empty.

        What may be absent is written as an alternative to nothing, which matches faster than a repetition.
        """
        last_required = max((at for at, each in enumerate(cells) if each is not None and each.required), default=-1)
        opened, source = 0, ""
        for at, cell in enumerate(cells):
            if at > last_required:
                source += "(?:"
                opened += 1
            source += separator if not (separator == ":" and at == 0) else ""
            if cell is not None and cell.required:
                source += cell.source
            elif cell is not None:
                absent = separator if len(cell.ordinals) == 2 else ""
                source += f"(?:{cell.source}|{absent})"
        return source + "|)" * opened

    def _cells(self, last: int) -> Iterator[_Cell | None]:
        nodes = {each.ordinal: each for each in self._node.elements}
        ordinal = 1
        while ordinal <= last:
            node, after = nodes.get(ordinal), nodes.get(ordinal + 1)
            if node is None or node.usage == "N":
                yield None
            elif isinstance(node, CompositeNode):
                yield self._noted_cell((ordinal,), self._composite(node), node.usage == "R")
            elif (
                node.data_element == FORMAT_QUALIFIER
                and isinstance(after, ElementNode)
                and after.data_element == FORMATTED_DATE
                and after.usage != "N"
            ):
                required = "R" in (node.usage, after.usage)
                yield self._noted_cell((ordinal, ordinal + 1), _dated(node, after, r"\*"), required)
                ordinal += 1
            else:
                before = self._groups
                source = self._repeated(self._value(node, ordinal, 0), node.repeat, before)
                yield self._noted_cell((ordinal,), source, node.usage == "R")
            ordinal += 1

    def _noted_cell(self, ordinals: tuple[int, ...], source: str, required: bool) -> _Cell:
        if required:
            self._always.update(ordinals)
        if self._noted.isdisjoint(ordinals) or required:
            return _Cell(ordinals, source, required)
        # Its group is counted after those inside of it, so it stands behind as an empty one.
        self._groups += 1
        for each in ordinals:
            self._group_of[each] = self._groups
        return _Cell(ordinals, source + "()", required)

    def _composite(self, node: CompositeNode) -> str:
        parts, before = {each.ordinal: each for each in node.parts}, self._groups
        last = max((each.ordinal for each in node.parts if each.usage != "N"), default=0)
        cells: list[_Cell | None] = []
        ordinal = 1
        while ordinal <= last:
            part, after = parts.get(ordinal), parts.get(ordinal + 1)
            if part is None or part.usage == "N":
                cells.append(None)
            elif part.data_element == FORMAT_QUALIFIER and after is not None and after.data_element == FORMATTED_DATE:
                cells.append(_Cell((ordinal, ordinal + 1), _dated(part, after, ":"), "R" in (part.usage, after.usage)))
                ordinal += 1
            else:
                cells.append(_Cell((ordinal,), self._value(part, node.ordinal, ordinal), part.usage == "R"))
            ordinal += 1
        source = self._chain(cells, ":")
        if not cells or cells[0] is None or not cells[0].required:
            source = f"(?=[^*:]){source}"  # Not empty.
        if not cells or cells[-1] is None or not cells[-1].required:
            source += "(?<!:)"
        return self._repeated(source, node.repeat, before)

    def _repeated(self, source: str, repeat: int, groups_before: int) -> str:
        if repeat == 1 or self._groups > groups_before:
            return source  # Groups hold one value; what is repeated is left to the judge then.
        return f"{source}(?:\\^{source}){'*' if repeat >= UNLIMITED else f'{{0,{repeat - 1}}}'}"

    def _value(self, node: ElementNode, element: int, component: int) -> str:
        """A pattern for a value of the element that is not empty."""
        if node.data_element == FORMATTED_DATE and self._names_format:
            return "(?!)"  # Its format does not stand right before it, so the judge finds it.
        test = self._lists.test(element, component)
        listed = self._lists.allowed(element, component)
        codes = frozenset(_fitting(node)) if node.codes else None
        if listed is not None:
            codes = listed if codes is None or node.external else codes & listed
        if codes is not None and test is None and not node.pattern:
            if len(codes) <= (TRIE_MAX_ALONE if len(self._node.elements) <= 2 else TRIE_MAX):
                return trie(codes)
            self._groups += 1
            self._sets.setdefault(frozenset((*codes, None)), []).append(self._groups)
            return f"({_text(node)})"
        source = trie(codes) if codes is not None else self._lists.form(element, component) or _plain(node)
        source = self._lists.ahead(element, component) + source
        if test is None and not node.pattern:
            return source
        self._groups += 1
        if test is not None:
            self._tests.append((self._groups, test))
        if node.pattern:
            self._tests.append((self._groups, re.compile(node.pattern, re.DOTALL).search))
        return f"({source})"

    def _notes(self) -> str:
        return "".join(self._note(kind, ordinals) for kind, ordinals in self._node.syntax)

    def _note(self, kind: str, ordinals: tuple[int, ...]) -> str:
        """X12.6's note as conditions on groups: ``here`` is what may be there, ``sure`` what always is."""
        sure = self._always.intersection(ordinals)
        here = [each for each in ordinals if each in self._group_of]
        first, others = ordinals[0], [each for each in ordinals[1:] if each in here]
        never = "(?!)"
        match kind:
            case "P" if sure:
                return "".join(_if(each, "", never, self._group_of) for each in ordinals if each not in sure)
            case "P" if here:
                absent = "".join(_if(each, never, "", self._group_of) for each in here[1:])
                present = "".join(_if(each, "", never, self._group_of) for each in ordinals if each != here[0])
                return _if(here[0], present, absent, self._group_of)
            case "R":
                return "" if sure else _any(ordinals, never, self._group_of)
            case "C":
                needed = "".join(_if(each, "", never, self._group_of) for each in ordinals[1:] if each not in sure)
                return needed if first in sure else _if(first, needed, "", self._group_of)
            case "L":
                if not sure.isdisjoint(ordinals[1:]):
                    return ""
                needed = _any(others, never, self._group_of)
                return needed if first in sure else _if(first, needed, "", self._group_of)
            case "E":
                if sure:
                    return never if len(sure) > 1 else "".join(_if(each, never, "", self._group_of) for each in here)
                return "".join(
                    _if(one, _if(other, never, "", self._group_of), "", self._group_of)
                    for at, one in enumerate(here)
                    for other in here[at + 1 :]
                )
        return ""


def _if(element: int, present: str, absent: str, groups: dict[int, int]) -> str:
    """A condition on whether the element is there; one that never is, is absent."""
    number = groups.get(element)
    if number is None:
        return absent
    return f"(?({number}){present}|{absent})" if present or absent else ""


def _any(elements: Iterable[int], never: str, groups: dict[int, int]) -> str:
    source = never
    for each in reversed(list(elements)):
        source = _if(each, "", source, groups)
    return source


def _simple(node: SegmentNode) -> Iterator[ElementNode]:
    for each in node.elements:
        yield from each.parts if isinstance(each, CompositeNode) else (each,)


def _fitting(node: ElementNode) -> Iterator[str]:
    """The codes that the element's own length lets through, too."""
    return (each for each in node.codes if node.shortest <= len(each) <= node.longest and not each.endswith(" "))


def _dated(node: ElementNode, date: ElementNode, separator: str) -> str:
    """A format and a date of it; only of types and lengths that hold both, which every guide of today has."""
    formats = _fitting(node) if node.codes else _FORMATS
    usual = node.shortest <= 2 and node.longest >= 3 and date.type == "AN" and not (date.codes or date.pattern)
    known = [f"{each}{separator}{_FORMATS[each]}" for each in formats if each in _FORMATS]
    known = known if usual and not node.pattern and date.shortest <= 8 and date.longest >= 17 else []
    return f"(?:{'|'.join(known)})" if known else "(?!)"


def _text(node: ElementNode) -> str:
    return f"{TEXT}{{{max(node.shortest, 1)},{node.longest}}}+{_NOT_BLANK}"


def _plain(node: ElementNode) -> str:
    shortest = max(node.shortest, 1)
    match node.type[:1]:
        case "A" | "I":
            return _text(node)
        case "N":
            return f"-?[0-9]{{{shortest},{node.longest}}}+"
        case "R":
            return _decimal(shortest, node.longest)
        case "D":
            return DAY if node.shortest <= 8 <= node.longest and node.type == "DT" else "(?!)"
        case "T":
            return TIME if node.shortest <= 4 and node.longest >= 6 else "(?!)"
    return "(?!)"  # Binary: its length is counted, the judge looks.


def _decimal(shortest: int, longest: int) -> str:
    """A decimal number; one with more than four decimals, or nearly too many digits, is left to the judge."""
    if shortest > 1 or longest <= DECIMALS_MAX:
        return f"-?[0-9]{{{shortest},{longest}}}+(?!\\.)"
    part = f"\\.[0-9]{{1,{DECIMALS_MAX}}}+"
    return f"-?(?:[0-9]{{1,{longest - DECIMALS_MAX}}}+(?:{part})?|{part})"


def trie(codes: Iterable[str]) -> str:
    """A pattern for any of these codes, sharing their beginnings."""
    groups: dict[str, list[str]] = {}
    for each in sorted(codes):
        groups.setdefault(each[:1], []).append(each[1:])
    groups.pop("", None)
    if not groups:
        return "(?!)"
    singles = [first for first, rests in groups.items() if rests == [""]]
    parts = []
    if singles:
        parts.append(re.escape(singles[0]) if len(singles) == 1 else f"[{''.join(map(re.escape, singles))}]")
    for first, rests in groups.items():
        if rests != [""]:
            rest = trie(rests)
            parts.append(re.escape(first) + (f"(?:{rest}|)" if "" in rests else rest))
    return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"


def compile_segment(node: SegmentNode, lists: Lists | None = None) -> Pattern:
    """The pattern of a segment node."""
    return _Writer(node, lists or Lists()).write()
