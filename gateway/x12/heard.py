"""Examines a document some of whose sets are too long to hold: those come unit by unit, the others whole.

Like ``examine`` and ``stream`` at once, and a streamed set is judged for its 999 while it goes by. It decides nothing.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from gateway.errors import Finding
from gateway.x12.acknowledge import Judged, Judging
from gateway.x12.envelope import open_document
from gateway.x12.headers import InterchangeHeader, SetHeader, TechnicalAcknowledgment
from gateway.x12.table import Place
from gateway.x12.tree import STANDARD, Delimiters, Segment
from gateway.x12.validate import Examined, Examining, SetEnd, Streaming, Unit

Part = InterchangeHeader | TechnicalAcknowledgment | Examined | Unit | SetEnd | Judged | Finding


def hear(chunks: Iterable[bytes], streamed: Collection[str], marks: Delimiters = STANDARD) -> Iterator[Part]:
    """The parts of a document. A set whose type (ST01) is among ``streamed`` comes as its units with the findings as
    they are found, then its end, then the set for a verdict; any other as what ``examine`` gives.

    Raises MalformedInterchange like ``examine``.
    """

    def begin(header: SetHeader) -> Any:
        return _Heard(header, marks) if header.type in streamed else Examining(header)

    for part in open_document(chunks, begin):
        if isinstance(part, Part):
            yield part


class _Heard(Judging, Streaming):
    """Gives units and findings on, and judges."""

    def __init__(self, header: SetHeader, marks: Delimiters) -> None:
        super().__init__(header, marks)
        self._told: list[Finding] = []

    def _hear(
        self,
        trail: Sequence[Place | None],
        segment_at: Callable[[int], Segment],
        found: Sequence[Finding] | None = None,
    ) -> None:
        found = list(self._drain()) if found is None else found
        self._told += found
        super()._hear(trail, segment_at, found)

    def ready(self) -> Iterable[Any]:
        """The findings and the units since the last call."""
        told, self._told = self._told, []
        units, self._units = self._units, []
        return (*told, *units)

    def end(self, se: Segment | None, findings: Sequence[Finding]) -> Iterable[Any]:
        """What is left, the end of the set, and the set for a verdict."""
        (judged,) = Judging.end(self, se, findings)
        yield from self.ready()
        yield SetEnd(
            set=self._header,
            guide=self._guide.name if self._guide else "",
            root=self._rest(),
            blocked=self._blocked,
            length=self._length + (se is not None),
        )
        yield judged
