"""Puts sets into an interchange addressed to whoever sent the one that is answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.simulator.wire import Interchange, Marks, Segment, at, write

KINDS = {  # What an answer is called in file names: GS01, ST01, version.
    "999": ("FA", "999", "005010X231A1"),
    "278": ("HI", "278", "005010X217"),
    "277ca": ("HN", "277", "005010X214"),
    "835": ("HP", "835", "005010X221A1"),
}


@dataclass(frozen=True, slots=True)
class Address:
    """Both ends of an answer: ISA05 to ISA08 and GS02, GS03 as the answer carries them, and its ISA15."""

    qualifier: str
    sender: str
    to_qualifier: str
    to: str
    application: str
    to_application: str
    usage: str


def back(received: Interchange, group: Segment | None = None) -> Address:
    """The address of whatever answers this interchange, or one of its groups."""
    isa = received.header
    ids = (at(isa, 8).strip(), at(isa, 6).strip())
    applications = (at(group, 3), at(group, 2)) if group else ids
    return Address(at(isa, 7), at(isa, 8), at(isa, 5), at(isa, 6), *applications, at(isa, 15))


def _isa(address: Address, number: int, now: datetime, marks: Marks) -> Segment:
    return (
        *("ISA", "00", " " * 10, "00", " " * 10),
        *(address.qualifier, f"{address.sender:15}", address.to_qualifier, f"{address.to:15}"),
        *(f"{now:%y%m%d}", f"{now:%H%M}", marks.repetition, "00501", f"{number:09}", "0", address.usage),
        marks.component,
    )


def enclose(
    kind: str, bodies: Sequence[Sequence[Segment]], address: Address, number: int, now: datetime, marks: Marks
) -> bytes:
    """One interchange with one group; a body is everything between ST and SE. ``number`` is ISA13 and GS06."""
    functional, type_, version = KINDS[kind]
    gs = ("GS", functional, address.application, address.to_application, f"{now:%Y%m%d}", f"{now:%H%M}", str(number))
    segments: list[Segment] = [_isa(address, number, now, marks), (*gs, "X", version)]
    for count, body in enumerate(bodies, 1):
        st = ("ST", type_, f"{count:04}", "" if kind == "835" else version)  # ST03 is not used in 005010X221A1.
        segments += [st, *body, ("SE", str(len(body) + 2), f"{count:04}")]
    segments += [("GE", str(len(bodies)), str(number)), ("IEA", "1", f"{number:09}")]
    return write(segments, marks)


def technical(received: Interchange, code: str, number: int, now: datetime, marks: Marks) -> bytes:
    """A TA1 alone in its interchange, which then counts no group. ``code`` is TA105; 000 accepts, others refuse."""
    isa = received.header
    ta1 = ("TA1", at(isa, 13), at(isa, 9), at(isa, 10), "A" if code == "000" else "R", code)
    return write([_isa(back(received), number, now, marks), ta1, ("IEA", "0", f"{number:09}")], marks)
