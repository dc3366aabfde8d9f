"""Texts of segments made from a guide's nodes, and slips in them: seeded, for the tests of the compiled engine.

Nothing of it is anybody's. Texts stand between the standard delimiters, without terminator.
"""

import random
from collections.abc import Iterator

from gateway.x12.nodes import UNLIMITED, CompositeNode, ElementNode, SegmentNode
from gateway.x12.patterns import Lists

FORMS = {  # A value of each form of edi_maps/places/formats.toml, by its pattern.
    "[0-9]{10}": "1234567893",
    "[0-9A-Z]{9}X": "225100000X",
    "[A-Z][0-9][0-9A-Z]{1,5}": "M5450",
    "[0-9]{5}|[A-Z][0-9]{4}|[0-9]{4}[A-Z]": "97110",
    "[0-9A-Z]{2}": "GP",
}
DAYS = ("20260105", "20240229", "19991231", "18000101", "29991231", "20001130")
NO_DAYS = ("20230229", "19000229", "20261301", "20260100", "20260431", "17991231", "30000101", "260105", "2026010")
AMOUNTS = ("0", "120", "120.5", "-7.25", ".5", "1.2345", "99999999.99")
NO_AMOUNTS = ("1.", ".", "-", "", "1.23456789", "1e3", "--1", "+1", "1,5", "1234567890123456789.12")
ODD_TEXT = ("\u00e9", "\t", "\x7f", "\u00a0", "~", "<", "`", "\\", "\u0660", "\uff11")


class Maker:
    """Makes texts of one segment; ``lists`` are those of its place."""

    def __init__(self, node: SegmentNode, lists: Lists, chance: random.Random) -> None:
        self._node = node
        self._lists = lists
        self._chance = chance

    def text(self, fullness: float) -> str:
        """A text meant to be valid; what may be left out is there as often as ``fullness`` says."""
        last = max((each.ordinal for each in self._node.elements), default=0)
        values = [""] * last
        before = ""
        wanted = {each.ordinal for each in self._node.elements if each.usage != "N" and self._is_wanted(each, fullness)}
        for each in self._node.elements:
            if each.ordinal in self._with_notes(wanted):
                values[each.ordinal - 1] = self._element(each, fullness, before)
            before = values[each.ordinal - 1]
        return "*".join((self._node.tag, *values)).rstrip("*")

    def _is_wanted(self, each: ElementNode | CompositeNode, fullness: float) -> bool:
        return each.usage == "R" or self._chance.random() < fullness

    def _with_notes(self, wanted: set[int]) -> set[int]:
        """The elements that the notes of X12.6 ask for together with these."""
        for kind, ordinals in self._node.syntax:
            if kind == "P" and wanted & set(ordinals):
                wanted |= set(ordinals)
            elif kind == "R" and not wanted & set(ordinals):
                wanted.add(ordinals[0])
            elif kind == "C" and ordinals[0] in wanted:
                wanted |= set(ordinals)
            elif kind == "L" and ordinals[0] in wanted and not wanted & set(ordinals[1:]):
                wanted.add(ordinals[1])
            elif kind == "E":
                wanted -= set(sorted(wanted & set(ordinals))[1:])
        used = {each.ordinal for each in self._node.elements if each.usage != "N"}
        wanted &= used
        return wanted

    def _element(self, each: ElementNode | CompositeNode, fullness: float, before: str) -> str:
        times = 1
        if each.repeat > 1 and self._chance.random() < 0.2:
            times = self._chance.randint(1, min(each.repeat, 3 if each.repeat >= UNLIMITED else each.repeat))
        return "^".join(self._once(each, fullness, before) for _ in range(times))

    def _once(self, each: ElementNode | CompositeNode, fullness: float, before: str) -> str:
        if isinstance(each, ElementNode):
            return self.value(each, each.ordinal, 0, before)
        parts = [""] * max((part.ordinal for part in each.parts), default=0)
        before = ""
        for part in each.parts:
            if part.usage != "N" and (part.ordinal == 1 or self._is_wanted(part, fullness) or before in ("D8", "RD8")):
                parts[part.ordinal - 1] = self.value(part, each.ordinal, part.ordinal, before)
            before = parts[part.ordinal - 1]
        return ":".join(parts).rstrip(":")

    def value(self, node: ElementNode, element: int, component: int, before: str = "") -> str:
        """A value that should be sound; ``before`` is the one before it, which may name its format."""
        chance, allowed = self._chance, self._lists.allowed(element, component)
        codes = set(node.codes)
        if allowed is not None:
            codes = set(allowed) if not codes or node.external else codes & allowed
        if node.data_element == "1251":
            return {"RD8": "20260105-20260331", "TM": "1200", "D6": "260105"}.get(before, chance.choice(DAYS))
        if node.data_element == "1250" and codes & {"D8", "RD8"}:
            return chance.choice(sorted(codes & {"D8", "RD8"}))
        if codes:
            return chance.choice(sorted(codes))
        form = self._lists.form(element, component)
        if form:
            return FORMS[form.removeprefix("(?:").removesuffix(")")]
        if self._lists.test(element, component) is not None:
            return "1234567893"
        return self._plain(node)

    def _plain(self, node: ElementNode) -> str:
        chance = self._chance
        length = chance.randint(max(node.shortest, 1), min(max(node.shortest, 1) + 8, node.longest))
        match node.type[:1]:
            case "D":
                day = chance.choice(DAYS)
                return day if node.longest >= 8 else day[2:]
            case "T":
                return chance.choice(("1200", "0000", "2359", "120000")[: 4 if node.longest >= 6 else 3])
            case "R":
                return chance.choice(AMOUNTS[: 7 if node.longest >= 10 else 3]) if node.shortest == 1 else "1" * length
            case "N":
                return "".join(chance.choice("0123456789") for _ in range(length))
        return "A" + "".join(chance.choice("BCDEX09 -.'&/") for _ in range(length - 2)) + "Z" * (length > 1)

    def slips(self, text: str, count: int) -> Iterator[str]:
        """Texts like this one with one or two slips each, of which some are none."""
        for _ in range(count):
            slipped = self._slip(text)
            yield self._slip(slipped) if self._chance.random() < 0.3 else slipped

    def _slip(self, text: str) -> str:
        chance = self._chance
        tag, *parts = text.split("*")
        if not parts:
            return text + chance.choice(("*", "*A", " "))
        at = chance.randrange(len(parts))
        if chance.random() < 0.15:
            return "*".join((tag, *parts, *[""] * chance.randint(0, 8), *chance.choice(([""], ["X"], ["1"], [" "]))))
        pieces = parts[at].split(":")
        inner = chance.randrange(len(pieces))
        pieces[inner] = self._wrong(pieces[inner])
        parts[at] = ":".join(pieces)
        if chance.random() < 0.1:
            parts[at] += chance.choice((":", "^", "::A", "^A", f"^{parts[at]}", f":{parts[at]}"))
        if chance.random() < 0.1:
            parts[at] = ""
        return "*".join((tag, *parts))

    def _wrong(self, value: str) -> str:
        chance = self._chance
        at = chance.randint(0, len(value))
        match chance.randrange(12):
            case 0:
                return value + chance.choice("A1 .-Z")
            case 1:
                return value[:-1]
            case 2:
                return value[:at] + chance.choice(ODD_TEXT) + value[at:]
            case 3:
                return value + " "
            case 4:
                return " " + value
            case 5:
                return value.lower()
            case 6:
                return chance.choice(NO_DAYS + DAYS)
            case 7:
                return chance.choice(NO_AMOUNTS + AMOUNTS)
            case 8:
                return "A" * chance.randint(1, 90)
            case 9:
                return "1" * chance.randint(1, 20)
            case 10:
                return value[1:] + value[:1]
        return chance.choice(
            (
                "2460",
                "2400",
                "12",
                "120060",
                "RD8",
                "D8",
                "DT",
                "ZZ",
                "",
                " ",
                "0",
                "M54",
                "1234567890",
                "20260105-2026033",
            )
        )
