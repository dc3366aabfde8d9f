"""Puts sets into groups and an interchange, with its counts and control numbers."""

import re
from collections.abc import Sequence
from functools import lru_cache

from gateway.errors import GatewayError
from gateway.x12.headers import CONTROL_NUMBER_LENGTH, GroupHeader, InterchangeHeader, SetBody
from gateway.x12.tree import Segment, segment
from gateway.x12.writer import write

HEADERS_MAX = 64  # of interchanges and groups that are remembered


def wrap(
    header: InterchangeHeader,
    groups: Sequence[tuple[GroupHeader, Sequence[SetBody]]],
    technical: Sequence[Segment] = (),
) -> bytes:
    """A whole interchange; ``technical`` are TA1 segments, which stand before the first group.

    Raises GatewayError where a header's value does not fit its element or a value cannot be written.
    """
    segments = [_isa(header), *technical]
    for group, bodies in groups:
        segments.append(_gs(group))
        for body in bodies:
            _fits("ST02", body.control_number, CONTROL_NUMBER_LENGTH, shortest=4)
            segments.append(segment("ST", body.type, body.control_number, body.version))
            segments += body.segments
            segments.append(segment("SE", str(len(body.segments) + 2), body.control_number))
        segments.append(segment("GE", str(len(bodies)), group.control_number))
    segments.append(segment("IEA", str(len(groups)), header.control_number.zfill(CONTROL_NUMBER_LENGTH)))
    return write(segments, header.delimiters)


@lru_cache(maxsize=HEADERS_MAX)
def _isa(header: InterchangeHeader) -> Segment:
    """Sets that are tried one by one stand in the same interchange each time."""
    marks = header.delimiters
    if header.created is None:
        raise GatewayError("the interchange has no date", where="ISA09", fix="Give it the instant of its making")
    number = header.control_number.zfill(CONTROL_NUMBER_LENGTH)
    if not re.fullmatch("[0-9]{9}", number):
        raise GatewayError(
            "the interchange control number is not a number", where="ISA13", fix="Use one to nine digits"
        )
    if header.usage not in ("T", "P"):
        raise GatewayError("the usage indicator is neither T nor P", where="ISA15", fix="Set the partner's stage")
    values = (
        (header.authorization_qualifier, 2),
        (header.authorization, 10),
        (header.security_qualifier, 2),
        (header.security, 10),
        (header.sender_qualifier, 2),
        (header.sender, 15),
        (header.receiver_qualifier, 2),
        (header.receiver, 15),
        (header.created.strftime("%y%m%d"), 6),
        (header.created.strftime("%H%M"), 4),
        (marks.repetition or "U", 1),
        (header.version, 5),
        (number, 9),
        ("1" if header.acknowledgment_requested else "0", 1),
        (header.usage, 1),
        (marks.component, 1),
    )
    own = {marks.element, marks.component, marks.repetition, marks.terminator} - {""}
    for ordinal, (value, width) in enumerate(values, 1):
        _fits(f"ISA{ordinal:02}", value, width)
        if ordinal not in (11, 16) and not own.isdisjoint(value):
            fix = "Take the character out of the value, or give the partner other delimiters"
            raise GatewayError("the value holds a delimiter", where=f"ISA{ordinal:02}", fix=fix)
    return Segment("ISA", tuple(((value.ljust(width),),) for value, width in values))


@lru_cache(maxsize=HEADERS_MAX)
def _gs(group: GroupHeader) -> Segment:
    if group.created is None:
        raise GatewayError("the group has no date", where="GS04", fix="Give it the instant of its making")
    _fits("GS06", group.control_number, CONTROL_NUMBER_LENGTH, shortest=1)
    _fits("GS02", group.sender, 15, shortest=2)
    _fits("GS03", group.receiver, 15, shortest=2)
    return segment(
        "GS",
        group.functional_id,
        group.sender,
        group.receiver,
        group.created.strftime("%Y%m%d"),
        group.created.strftime("%H%M"),
        group.control_number,
        "X",
        group.version,
    )


def _fits(place: str, value: str, longest: int, *, shortest: int = 0) -> None:
    if not shortest <= len(value) <= longest:
        size = f"{shortest} to {longest}" if shortest else f"at most {longest}"
        raise GatewayError(f"the value has {len(value)} characters", where=place, fix=f"Use {size} characters")
