"""What every transport is: sends a file once, fetches files that are whole, and confirms what we have committed.

Blocking, and one caller at a time: call it from a worker thread. It never remembers durably what was picked up (that is
handed in as ``Seen``), never reads a document, and never says a partner's file name in an error, because it can carry a
patient's name.
"""

import importlib
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import BinaryIO, ClassVar, Protocol, cast

from gateway.errors import Finding, GatewayError, PartnerUnreachable, SettingsInvalid
from gateway.transport.pickup import Clock, Listed, Seen, Sightings, name_fault

KINDS = ("as2", "directory", "sftp")
PIECE = 32 * 1024  # bytes; what every SFTP server takes in one request (draft-ietf-secsh-filexfer-02, 3)
RETRY_FIRST_S = 5.0
RETRY_CAP_S = 900.0


class Sent(StrEnum):
    """How a send ended. ``UNKNOWN``: the far side may have it; repeat the same name and bytes, or prove it done.

    ``AWAITED``: the far side has taken it, and its receipt, which alone proves the delivery, is still to come.
    """

    DELIVERED = "delivered"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    AWAITED = "awaited"


class Proof(StrEnum):
    """What a receipt proves. ``FORGED``: nothing, because it is not signed by the partner, or unreadable."""

    RECEIVED = "received"
    REFUSED = "refused"
    MISMATCH = "mismatch"
    FORGED = "forged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the far side answered (an MDN), as it came: it is kept, because it is evidence.

    ``message_id`` is that of what we sent. ``mic`` is the digest (base64) of what the far side took, and "" where it
    names none; ``disposition`` its own words. ``reason`` says in ours why it is no good one.
    """

    message_id: str
    state: Proof
    reason: str = ""
    mic: str = ""
    mic_algorithm: str = ""
    disposition: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one send ended; ``reason`` is in words and empty where there is nothing to say.

    ``receipt`` is what the far side answered, where its kind of transport has receipts and it gave one. ``wait_s`` is
    how long it asks us to stay away.
    """

    state: Sent
    reason: str = ""
    receipt: Receipt | None = None
    wait_s: float = 0.0

    @classmethod
    def delivered(cls, reason: str = "") -> "Outcome":
        return cls(Sent.DELIVERED, reason)

    @classmethod
    def refused(cls, reason: str) -> "Outcome":
        return cls(Sent.REFUSED, reason)

    @classmethod
    def unknown(cls, reason: str) -> "Outcome":
        return cls(Sent.UNKNOWN, reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A file of the partner that lies still. ``payload`` streams it and is open until the next arrival is asked for.

    Reading to the end raises PartnerUnreachable where the file was cut short or changed meanwhile: it comes again.
    """

    name: str
    size: int
    modified: datetime
    key: str
    payload: BinaryIO
    listed: Listed


@dataclass(frozen=True, slots=True)
class Check:
    """One step of a probe, in words. The steps after one that failed are not tried, and not listed."""

    step: str
    ok: bool
    words: str


class Transport(Protocol):
    """One partner's mailbox. Keep it from poll to poll: it remembers the listing before. ``close`` only hangs up.

    Every call may raise PartnerUnreachable (try again later) or PartnerRefused (a person must act).
    """

    findings: list[Finding]  # what the latest ``fetch`` left lying, and why

    def send(self, name: str, payload: BinaryIO, size: int | None = None, *, reference: str = "") -> Outcome:
        """Gives a whole file to the partner, or nothing. ``size``, where given, is what ``payload`` must have.

        ``payload`` is read from its start, and where it is seekable maybe again. ``reference`` is our own opaque id of
        the document: a far side that knows documents by an id gets the same one at each repetition.
        """
        ...

    def fetch(self, seen: Seen) -> Iterator[Arrival]:
        """The files that lay still since an earlier poll, oldest first; each comes again until ``seen`` has its key."""
        ...

    def confirm(self, arrival: Arrival) -> None:
        """After our commit: removes or moves the file, unless it is gone or another now has its name."""
        ...

    def listing(self) -> tuple[Listed, ...]:
        """What lies in the outbox: proves a send whose outcome is unknown. The partner may already have taken it."""
        ...

    def probe(self, *, writing: bool = False) -> list[Check]:
        """Tries each step and stops at the first that fails; what it sends is a test, and only with ``writing``."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> "Transport": ...

    def __exit__(self, *_: object) -> None: ...


class TransportSettings(Protocol):
    """The settings of one kind; ``kind`` is the name of its file here."""

    kind: ClassVar[str]


def open_transport(
    settings: TransportSettings, *, clock: Clock = time.monotonic, sightings: Sightings | None = None
) -> Transport:
    """The transport for these settings. Connects when first used.

    ``sightings`` carries what earlier polls saw where the transport itself isn't kept. Raises SettingsInvalid.
    """
    if settings.kind not in KINDS:
        raise SettingsInvalid(f"there is no transport {settings.kind!r}", fix=f"Use one of: {', '.join(KINDS)}")
    module = importlib.import_module(f"gateway.transport.{settings.kind}")
    return cast(Transport, module.opened(settings, clock, sightings))


def retry_after(
    attempt: int,
    rng: random.Random,
    error: GatewayError | None = None,
    *,
    first_s: float = RETRY_FIRST_S,
    cap_s: float = RETRY_CAP_S,
) -> float | None:
    """Seconds to wait after the failed ``attempt`` (1 is the first), or None where a retry does harm.

    Doubles up to ``cap_s``; a random half of it is taken off, so that partners' jobs don't come back in step. Never
    less than what the partner itself asked for.
    """
    assert attempt >= 1, "attempts count from 1"
    if error is not None and not error.retryable:
        return None
    longest = min(cap_s, first_s * 2.0 ** min(attempt - 1, 60))
    asked_s = error.wait_s if isinstance(error, PartnerUnreachable) else 0.0
    return max(asked_s, longest * rng.uniform(0.5, 1.0))


def outgoing_fault(name: str, suffix: str) -> str:
    """Why a file of ours may not be put under this name, in words; "" where it may."""
    fault = name_fault(name) or name_fault(name + suffix)
    if not fault and name.endswith(suffix):
        fault = "it looks like an upload that isn't finished"
    return f"no file may be sent under this name: {fault}" if fault else ""


def pieces(payload: BinaryIO, size: int | None = None, piece_max: int = PIECE) -> Iterator[bytes]:
    """Our document, piece by piece. Raises GatewayError where our own copy is unreadable or not ``size`` bytes long."""
    total = 0
    while True:
        try:
            piece = payload.read(piece_max)
        except OSError as error:
            fix = "Look at the disk of the payload store"
            raise GatewayError("our own copy of the document cannot be read", fix=fix) from error
        if not piece:
            break
        total += len(piece)
        yield piece
    if size is not None and total != size:
        fix = "Nothing was sent; look at the payload store"
        raise GatewayError(f"our own copy of the document has {total} bytes and not {size}", fix=fix)
