"""Binds the code lists and forms of ``places`` to one segment of a guide: for its pattern, and for its judge (SNIP 5).

Where a list of ours holds, the guide's own copy of an external list does not count: pyx12's copies are older.
"""

from collections.abc import Callable, Iterator
from datetime import date

from gateway.x12 import places
from gateway.x12.codes import npi_is_sound
from gateway.x12.elements import Fault
from gateway.x12.nodes import ElementNode, SegmentNode
from gateway.x12.patterns import END_OF_VALUE, Lists, trie
from gateway.x12.places import Certain, Condition
from gateway.x12.places import Place as Listing
from gateway.x12.tree import Segment


class Listed(Lists):
    """What is listed of the elements of a segment in its loop. No document is older than ``since``, where it is given:
    what then was in use on every day needs no second look."""

    def __init__(self, guide_name: str, path: str, node: SegmentNode, since: date | None = None) -> None:
        self._since = since
        self._places: dict[tuple[int, int], list[Listing]] = {}
        for each in places.load(guide_name):
            place = each.element, each.component
            known = node.element_at(*place)
            if known is None or known.usage == "N" or not each.fits(path, node.tag) or not _can_hold(each, node):
                continue
            if each.list and known.external:
                known.codes, known.external = (), ""
            if not (each.list and known.codes):  # Codes of the guide's own say it all.
                self._places.setdefault(place, []).append(each)

    def allowed(self, element: int, component: int) -> frozenset[str] | None:
        """All values that need no second look; None where no list is asked."""
        found = None
        for each in self._certain(element, component):
            if each.values is not None:
                found = each.values if found is None else found & each.values
        return found

    def ahead(self, element: int, component: int) -> str:
        """A regular expression that looks ahead for what a value must not be."""
        doubtful = frozenset().union(*(each.doubtful for each in self._certain(element, component)))
        return f"(?!{trie(doubtful)}{END_OF_VALUE})" if doubtful else ""

    def form(self, element: int, component: int) -> str:
        """A regular expression that a value must match as a whole, "" for any."""
        forms = {each.pattern for each in self._certain(element, component) if each.pattern}
        *others, last = sorted(forms) or [""]
        return "".join(f"(?=(?:{each}){END_OF_VALUE})" for each in others) + (f"(?:{last})" if last else "")

    def test(self, element: int, component: int) -> Callable[[str], object] | None:
        """A test that a value passes which needs no second look; None where there is none."""
        return npi_is_sound if any(each.npi for each in self._certain(element, component)) else None

    def _certain(self, element: int, component: int) -> list[Certain]:
        return [places.certain(each, self._since) for each in self._places.get((element, component), ())]

    def faults(self, segment: Segment, on: date | None) -> Iterator[Fault]:
        """What the lists and forms find wrong with a segment of a document of that day."""
        for (element, component), listings in self._places.items():
            for repetition, _ in enumerate(segment.repetitions(element), 1):
                value = segment.at(element, component or 1, repetition)
                for each in listings if value else ():
                    if all(segment.at(at, part or 1) in codes for at, part, codes in each.when):
                        yield from _fault(each, value, on, repetition if len(segment.repetitions(element)) > 1 else 0)


def _fault(listing: Listing, value: str, on: date | None, repetition: int) -> Iterator[Fault]:
    found = places.check_value(listing, value, on)
    if found is not None:
        yield Fault(
            rule=found.rule,
            what=found.what,
            fix=found.fix,
            code=found.code,
            element=found.element,
            component=found.component,
            repetition=repetition,
            severity=found.severity,
            snip=found.snip,
            source=found.source,
        )


def _can_hold(listing: Listing, node: SegmentNode) -> bool:
    return all(_can_be(condition, node) for condition in listing.when)


def _can_be(condition: Condition, node: SegmentNode) -> bool:
    """Whether the guide lets the element be one of these codes; "" stands for an absent one."""
    element, component, codes = condition
    known = node.element_at(element, component)
    if not isinstance(known, ElementNode) or known.usage == "N":
        return "" in codes
    return not known.codes or not set(codes).isdisjoint(known.codes) or ("" in codes and known.usage != "R")
