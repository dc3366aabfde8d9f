"""What goes wrong on purpose, and when: by chance, which follows from the seed, or as a list says.

A fault befalls one attempt at one message; a message that comes again is another attempt. Chance is a hash of the seed,
the message and the attempt, so that threads and a new start change nothing. It never does anything itself.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Direction(StrEnum):
    """Of what is posted."""

    IN = "in"  # a message of the partner
    OUT = "out"  # a message of this company
    RECEIPT = "receipt"  # a receipt that the partner posts


class Fault(StrEnum):
    """What the partner sees stands beside each."""

    NONE = ""
    # A message, or a posted receipt, comes in:
    BUSY = "busy"  # 503 with Retry-After; nothing is taken
    CUT_REQUEST = "cut_request"  # the connection is reset in the middle of the request; nothing is taken
    CUT_RESPONSE = "cut_response"  # it is taken, and the connection closed in the middle of the answer
    SLOW = "slow"  # read in small pieces with pauses in between, and answered late
    NO_MDN = "no_mdn"  # it is taken, and never receipted: an empty answer, or no post
    LATE_MDN = "late_mdn"  # it is taken, and receipted only after a while
    WRONG_MIC = "wrong_mic"  # it is taken, and the receipt has the MIC of something else
    WRONG_SIGNER = "wrong_signer"  # it is taken, and the receipt is signed by somebody else
    UNSIGNED_MDN = "unsigned_mdn"  # it is taken, and the receipt is not signed though that was asked for
    NEGATIVE_MDN = "negative_mdn"  # nothing is taken, and the receipt says so
    # A message goes out:
    DUPLICATE = "duplicate"  # sent twice with the same Message-ID, whatever the first answer was
    CUT_SENDING = "cut_sending"  # the connection is closed in the middle of the request
    CUT_RECEIPT = "cut_receipt"  # the connection is closed when the answer begins; the receipt in it is lost


PER_MILLE = 1000
_OUTGOING = (Fault.DUPLICATE, Fault.CUT_SENDING, Fault.CUT_RECEIPT)
_WIRE = (Fault.BUSY, Fault.CUT_REQUEST, Fault.CUT_RESPONSE, Fault.SLOW)
MEET = {
    Direction.IN: tuple(each for each in Fault if each and each not in _OUTGOING),
    Direction.OUT: _OUTGOING,
    Direction.RECEIPT: _WIRE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """``chances`` are per mille of attempts. From attempt number ``attempts`` + 1 on chance spares a message.

    ``messages`` names the faults of one message by its Message-ID (of ours: by the file's name), one for each attempt,
    with spaces between and ``-`` for none. ``incoming`` and ``outgoing`` do so for the first, second ... message that
    comes or goes. What a list names goes before chance, and leaves no attempt of that message to chance.
    """

    seed: int = 0
    chances: Mapping[Fault, int] = field(default_factory=dict)
    attempts: int = 2
    incoming: tuple[str, ...] = ()
    outgoing: tuple[str, ...] = ()
    messages: Mapping[str, str] = field(default_factory=dict)

    def of(self, direction: Direction, key: str, serial: int, attempt: int) -> Fault:
        """The fault of an attempt. ``serial`` and ``attempt`` count from 1; ``key`` as in ``messages``."""
        lists = {Direction.IN: self.incoming, Direction.OUT: self.outgoing}.get(direction, ())
        listed = self.messages.get(key, lists[serial - 1] if serial <= len(lists) else "")
        if listed:
            named = listed.split()
            one = named[attempt - 1] if attempt <= len(named) else "-"
            return Fault.NONE if one == "-" else Fault(one)
        return self._by_chance(direction, key, attempt) if attempt <= self.attempts else Fault.NONE

    def _by_chance(self, direction: Direction, key: str, attempt: int) -> Fault:
        text = "\x00".join((str(self.seed), direction, key, str(attempt)))
        drawn = int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:8]) % PER_MILLE
        for fault in MEET[direction]:
            drawn -= self.chances.get(fault, 0)
            if drawn < 0:
                return fault
        return Fault.NONE
