"""What the AS2 listener and the journeys say to each other. Knows no socket."""

from dataclasses import dataclass
from typing import Protocol

from gateway.transport.spool import Spool

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A request before its body. ``length`` is bytes, None where it comes in chunks; ``certificate`` is the fingerprint
    of what the client showed, "" where it showed none."""

    method: str
    headers: Headers
    length: int | None
    address: str
    certificate: str = ""

    def header(self, name: str) -> str:
        """The first one of this name, in any case, which counts where there are several; "" where there is none."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnedAway:
    """Why a request gets no further than its head. ``kind`` names the reason in the audit trail, ``what`` in words."""

    code: int
    kind: str
    what: str
    partner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A request in a partner's name, whose body may come; ``body_max`` is bytes."""

    partner: str
    head: Head
    body_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back, once everything that it says is committed."""

    code: int
    headers: Headers = ()
    body: bytes = b""


class Door(Protocol):
    """What the listener asks of the journeys."""

    def admit(self, head: Head) -> Admitted | TurnedAway:
        """Whether the body may come. Called in the reactor: it looks into memory and at nothing else."""
        ...

    def take(self, admitted: Admitted, body: Spool) -> Answer:
        """Everything else, in a thread. Raises nothing."""
        ...

    def turned_away(self, why: TurnedAway, address: str) -> None:
        """Tell the audit trail, unless that was told so often of late. In a thread; raises nothing."""
        ...
