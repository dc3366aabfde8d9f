"""A fault with its place in the set, as those tell it who follow a set from segment to segment."""

from dataclasses import dataclass

from gateway.x12.elements import Fault


@dataclass(frozen=True, slots=True)
class Wrong:
    """A fault at a segment, by its number in the set and the path of its loop."""

    segment: int
    tag: str
    path: str
    fault: Fault
