"""What the segments of an envelope say: headers of interchange, group and set, a set as a whole, a TA1."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time

from gateway.errors import Finding, Position
from gateway.x12.tree import Delimiters, Segment

CONTROL_NUMBER_LENGTH = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class InterchangeHeader:
    """What an ISA says, without padding. ``created`` is the sender's local time, without a zone; None if unreadable."""

    sender_qualifier: str
    sender: str
    receiver_qualifier: str
    receiver: str
    created: datetime | None
    control_number: str
    usage: str  # "T" for test, "P" for production
    acknowledgment_requested: bool = False
    version: str = "00501"
    authorization_qualifier: str = "00"
    authorization: str = ""
    security_qualifier: str = "00"
    security: str = ""
    delimiters: Delimiters = field(default_factory=Delimiters)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupHeader:
    """What a GS says. ``created`` is the sender's local time, without a zone; None where unreadable."""

    functional_id: str
    sender: str
    receiver: str
    created: datetime | None
    control_number: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBody:
    """A set to be sent: ``segments`` are those between ST and SE; ``version`` is ST03, left out where it is ""."""

    type: str
    control_number: str
    version: str
    segments: Sequence[Segment]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionSet:
    """A set as it came: ``segments`` from ST to SE inclusive, ``version`` from GS08, else ST03."""

    interchange: InterchangeHeader
    group: GroupHeader | None
    type: str
    control_number: str
    version: str
    segments: tuple[Segment, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def place(self) -> Position:
        """The set as a whole."""
        return Position(
            interchange=self.interchange.control_number,
            group=self.group.control_number if self.group else "",
            set=self.control_number,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TechnicalAcknowledgment:
    """A TA1: the receiver's word on the interchange ``control_number`` of ``created_on`` and ``created_at``."""

    interchange: InterchangeHeader
    segment: Segment
    control_number: str
    created_on: date | None
    created_at: time | None
    code: str  # A accepted, E accepted with errors, R rejected
    note: str  # TA105, 000 to 031


@dataclass(frozen=True, slots=True, kw_only=True)
class SetHeader:
    """Where a set stands and what its ST says; ``version`` is that of GS08, else of ST03."""

    interchange: InterchangeHeader
    group: GroupHeader | None
    type: str
    control_number: str
    version: str
    st: Segment

    @property
    def place(self) -> Position:
        """The set as a whole."""
        return Position(
            interchange=self.interchange.control_number,
            group=self.group.control_number if self.group else "",
            set=self.control_number,
        )
