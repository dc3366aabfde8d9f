"""AS2 messages: build one, look at one's envelope, open one."""

from gateway.transport.as2.building import Outgoing, Part, build
from gateway.transport.as2.disposition import As2Refused, Disposition
from gateway.transport.as2.envelope import Envelope, peek
from gateway.transport.as2.mic import Mic
from gateway.transport.as2.opening import Opened, OpenedPart, open_message
from gateway.transport.as2.wanted import MdnWanted

__all__ = [
    "As2Refused",
    "Disposition",
    "Envelope",
    "MdnWanted",
    "Mic",
    "Opened",
    "OpenedPart",
    "Outgoing",
    "Part",
    "build",
    "open_message",
    "peek",
]
