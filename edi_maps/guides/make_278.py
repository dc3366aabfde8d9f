"""Makes the two guides for the 278 005010X217 in pyx12's XML map format (its second form, with attributes).

    python edi_maps/guides/make_278.py            writes 278.5010.X217.request.xml and 278.5010.X217.response.xml
    python edi_maps/guides/make_278.py --check    writes nothing; exit 1 where a file is not what it would write

It reads 278_x217.toml, which names the sources of its facts, and nothing else. It never knows a place by name: every
difference between two places is in that file.

pyx12 finds a segment by its tag and by the ``valid_codes`` of a coded first element (in HL, of HL03), and says "segment
not found" where that code is another. NM1, REF, DTP, CRC and HL are what their code says, so theirs stays that way. In
every other segment a first element's codes stand in a ``regex`` of the form ``^(A1|A2)$``: the segment is found by its
tag, and a wrong code is an error of the element. All other codes are ``valid_codes``. An element's ``max_use`` and a
composite's ``repeat`` say how often it may repeat.
"""

import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

HERE = Path(__file__).resolve().parent
FACTS = HERE / "278_x217.toml"
GUIDES = ("request", "response")
NOTE = "Made by make_278.py from 278_x217.toml, which names the sources. Change that file and run the maker again."
TOLD_BY_CODE = ("NM1", "REF", "DTP", "CRC", "HL")
PLACE = re.compile(r"(\d+)(?:\.\.(\d+))?(?:-(\d+))?")  # 3, 3..7, 4-2 or 1..12-1

Facts = Mapping[str, Any]


@dataclass
class Node:
    """One line of a tree: a loop, or a segment with its way of use (NM1, requester)."""

    tag: str
    way: str
    usage: str
    maximum: str
    position: str
    name: str
    inside: list["Node"] = field(default_factory=list)

    @property
    def first_tag(self) -> str:
        """The tag of the segment that this node begins with."""
        return self.tag if self.way else self.inside[0].first_tag


def read_tree(text: str, trees: Mapping[str, str]) -> list[Node]:
    """The nodes of a tree's lines; a line such as ``{event}`` stands for the tree of that name."""
    root: list[Node] = []
    levels = [root]  # The list that a line of each depth is added to.
    for line in text.strip("\n").splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        del levels[depth + 1 :]
        if line.lstrip().startswith("{"):
            levels[depth].extend(read_tree(trees[line.strip(" {}")], trees))
            continue
        what, usage, maximum, position, name = line.split(maxsplit=4)
        tag, _, way = what.partition(".")
        node = Node(tag, way, usage, maximum, position, name)
        levels[depth].append(node)
        levels.append(node.inside)
    return root


def spread(table: Mapping[str, Any]) -> dict[tuple[int, int], Any]:
    """A table keyed by place as (element, component), ranges written out; component 0 is the element itself."""
    places = {}
    for key, value in table.items():
        found = PLACE.fullmatch(key)
        assert found, f"{key} is not a place of an element"
        first, last, component = found.groups()
        for element in range(int(first), int(last or first) + 1):
            places[element, int(component or 0)] = value
    return places


class Segment:
    """The XML of one segment in one way of use."""

    def __init__(self, facts: Facts, tag: str, way: str) -> None:
        self._facts = facts
        self._tag = tag
        self._whole: Facts = facts["segments"][tag]
        here: Facts = self._whole["as"][way]
        self._use: str = here["use"]
        self._codes, self._parts, self._names = (spread(here.get(key, {})) for key in ("codes", "parts", "names"))
        self._repeat = spread(self._whole.get("repeat", {}))
        assert len(self._use) == len(self._whole["elements"]), f"{tag} {way}: one letter of use for each element"

    def lines(self) -> Iterator[str]:
        """The inside of the segment's element, without indent."""
        yield from (f"<syntax>{rule}</syntax>" for rule in self._whole.get("syntax", "").split())
        for number, (element, usage) in enumerate(zip(self._whole["elements"], self._use, strict=True), 1):
            if element.startswith("C0"):
                yield from self._composite(number, element, usage)
            else:
                yield from self._element(number, 0, element, usage)

    def _composite(self, number: int, element: str, usage: str) -> Iterator[str]:
        repeat = f' repeat="{self._repeat[number, 0]}"' if (number, 0) in self._repeat else ""
        head = f"<composite {self._attributes(number, 0, element, usage)}{repeat}"
        parts: str = self._parts.get((number, 0), "")
        if not parts:
            yield f"{head}/>"
            return
        yield f"{head}>"
        whole = self._facts["composites"][element.split()[0]]
        yield from (f"  <syntax>{rule}</syntax>" for rule in whole.get("syntax", "").split())
        for component, (inner, its_usage) in enumerate(zip(whole["elements"], parts, strict=True), 1):
            yield from (f"  {line}" for line in self._element(number, component, inner, its_usage))
        yield "</composite>"

    def _element(self, number: int, component: int, element: str, usage: str) -> Iterator[str]:
        repeat = f' max_use="{self._repeat[number, 0]}"' if not component and (number, 0) in self._repeat else ""
        head = f"<element {self._attributes(number, component, element, usage)}{repeat}"
        codes = self._listed((number, component))
        if not codes:
            yield f"{head}/>"
        elif number == 1 and component < 2 and usage == "R" and self._tag not in TOLD_BY_CODE:
            yield f"{head}><regex>^({'|'.join(codes)})$</regex></element>"
        else:
            listed = "".join(f"<code>{code}</code>" for code in codes)
            yield f"{head}><valid_codes>{listed}</valid_codes></element>"

    def _attributes(self, number: int, component: int, element: str, usage: str) -> str:
        data_element, name = element.split(" ", 1)
        reference = f"{self._tag}{number:02}" + (f"-{component:02}" if component else "")
        shown = self._names.get((number, component), name)
        sequence = component or number
        return (
            f'xid="{reference}" data_ele="{data_element}" usage="{usage}" seq="{sequence:02}" name={quoteattr(shown)}'
        )

    def _listed(self, place: tuple[int, int]) -> list[str]:
        codes: list[str] = []
        for word in self._codes.get(place, "").split():
            codes += self._facts["codes"][word[1:]].split() if word.startswith("@") else [word]
        return sorted(codes)


def node_lines(facts: Facts, nodes: list[Node]) -> Iterator[str]:
    """The XML of sibling nodes."""
    beginnings = Counter(node.first_tag for node in nodes)
    for node in nodes:
        assert beginnings[node.first_tag] == 1 or node.first_tag in TOLD_BY_CODE, f"{node.name}: what tells it apart?"
        about = f'xid="{node.tag}" usage="{node.usage}" pos="{node.position}"'
        if node.way:
            yield f'<segment {about} max_use="{node.maximum}" name={quoteattr(node.name)}>'
            inner = Segment(facts, node.tag, node.way).lines()
        else:
            explicit = ' type="explicit"' if node.tag.endswith("_LOOP") else ""
            yield f"<loop {about} repeat={quoteattr(node.maximum)}{explicit} name={quoteattr(node.name)}>"
            inner = node_lines(facts, node.inside)
        yield from (f"  {line}" for line in inner)
        yield "</segment>" if node.way else "</loop>"


def guide(facts: Facts, which: str) -> str:
    """The whole text of the guide ``request`` or ``response``."""
    about = facts[which]
    nodes = read_tree(facts["envelope"]["set"], about)
    return "\n".join(
        [
            '<?xml version="1.0" encoding="utf-8"?>',
            f"<!-- {NOTE} -->",
            '<transaction xid="278">',
            f"  <name>{escape(about['title'])} {facts['version']}</name>",
            *(f"  {line}" for line in node_lines(facts, nodes)),
            "</transaction>",
            "",
        ]
    )


def main(arguments: list[str]) -> int:
    """Writes or checks both guides; the exit status."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    facts = tomllib.loads(FACTS.read_text("utf-8"))
    stale = 0
    for which in GUIDES:
        path = HERE / facts[which]["file"]
        made = guide(facts, which).encode()
        if path.is_file() and path.read_bytes() == made:
            print(f"{path.name}: up to date")
        elif arguments:
            print(f"{path.name}: not what {FACTS.name} says; run make_278.py")
            stale = 1
        else:
            path.write_bytes(made)
            print(f"{path.name}: written, {len(made)} bytes")
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
