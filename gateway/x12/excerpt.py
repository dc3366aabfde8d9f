"""An excerpt of an interchange: its envelopes and only the parts that name one case, byte for byte as they came.

What others of the same file are about stays out of it. The parts are the loops that carry one case: a set of an 837 or
278 as a whole, AK2 of a 999, HL of a 277, CLP of an 835; heads and trailers of a set stand with them.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from gateway.x12.codec import Reader
from gateway.x12.tree import Segment

_PARTS = {"999": "AK2", "277": "HL", "835": "CLP"}
_TRAILERS = frozenset({"SE", "AK9", "PLB"})
_PATIENT = "PT"  # HL03 of a 277: the levels above carry no patient.
_ENVELOPES = frozenset({"ISA", "GS", "GE", "IEA"})


def excerpt(content: bytes, numbers: Collection[str], interchanges: Collection[str] = ()) -> bytes:
    """The bytes of an interchange that name one of these numbers (CLM01, REF*6R, TRN02, ``GS06/ST02`` ...), or answer
    one of these interchanges (TA101); b"" where none does. Raises MalformedInterchange where it cannot be read."""
    reader = Reader()
    segments = [*reader.feed(content), *reader.close()]
    ends = [each.offset for each in segments[1:]] + [len(content)]
    kept = _Kept(frozenset(numbers), frozenset(interchanges))
    for one, end in zip(segments, ends, strict=True):
        kept.take(one, (one.offset, end))
    return b"".join(content[start:stop] for start, stop in kept.ranges) if kept.named else b""


_Range = tuple[int, int]


@dataclass(slots=True)
class _Kept:
    """The ranges to keep so far; those of a set wait until it is known whether the set names the case."""

    numbers: frozenset[str]
    interchanges: frozenset[str]
    ranges: list[_Range] = field(default_factory=list)
    named: bool = False
    _type: str = ""
    _group: str = ""
    _set: list[_Range] = field(default_factory=list)
    _part: list[_Range] = field(default_factory=list)
    _part_named: bool = False
    _part_free: bool = False  # It carries no patient, whoever it names.
    _set_named: bool = False

    def take(self, one: Segment, at: _Range) -> None:
        if one.tag in _ENVELOPES:
            self.ranges.append(at)
        elif one.tag == "TA1":
            if one.at(1) in self.interchanges:
                self.ranges.append(at)
                self.named = True
        elif one.tag == "ST":
            self._type, self._set, self._part, self._group, self._set_named = one.at(1), [at], [], "", False
        else:
            self._within(one, at)

    def _within(self, one: Segment, at: _Range) -> None:
        begins = _PARTS.get(self._type)
        if one.tag == "AK1":
            self._group = one.at(2)
        if one.tag == begins or one.tag in _TRAILERS:
            self._close()
        if one.tag == begins:
            self._part, self._part_free = [at], one.tag == "HL" and one.at(3) != _PATIENT
            self._part_named = self._names(one)
        elif one.tag in _TRAILERS:
            if one.tag != "PLB" or self._names(one):
                self._set.append(at)
            if one.tag == "SE":
                self._end()
        elif self._part:
            self._part.append(at)
            self._part_named = self._part_named or self._names(one)
        else:
            self._set.append(at)
            self._set_named = self._set_named or (begins is None and self._names(one))

    def _close(self) -> None:
        if self._part_named or self._part_free:
            self._set += self._part
        self._set_named = self._set_named or (self._part_named and not self._part_free)
        self._part, self._part_named, self._part_free = [], False, False

    def _end(self) -> None:
        if self._set_named:
            self.ranges += self._set
            self.named = True
        self._type, self._set = "", []

    def _names(self, one: Segment) -> bool:
        if one.tag == "AK2":
            return f"{self._group}/{one.at(2)}" in self.numbers
        return any(text in self.numbers for text in _texts(one))


def _texts(one: Segment) -> Iterator[str]:
    for element in one.elements:
        yield from _flat(element)


def _flat(parts: Iterable[Iterable[str]]) -> Iterator[str]:
    for part in parts:
        yield from part
