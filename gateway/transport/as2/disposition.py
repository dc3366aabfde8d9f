"""What an AS2 receipt says of a message: done, or not done and why. RFC 4130, 7.4.3 and 7.5; RFC 3335, 5.3; RFC 5402.

Nothing here warns of a duplicate: a message that comes twice gets the receipt that it got before, because senders take
the warning for a failure and send once more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.errors import GatewayError

if TYPE_CHECKING:
    from gateway.transport.as2.mic import Mic
    from gateway.transport.as2.wanted import MdnWanted

MODE = "automatic-action/MDN-sent-automatically"
_READ = re.compile(  # libas2 writes = in place of the colon.
    r"(?:[a-z-]+\s*/\s*[a-z-]+\s*;\s*)?(?P<kind>[a-z-]+)(?:\s*/\s*(?P<level>[a-z-]+)(?:\s*[:=](?P<modifier>.*))?)?",
    re.IGNORECASE | re.DOTALL,
)


OTHER = "other"
"""What stands for a word that no RFC has: a partner's own words can be a patient's, and end up in logs."""

_KINDS = frozenset(("processed", "failed", "displayed", "dispatched", "deleted", "denied"))  # RFC 8098, 3.2.6; RFC 3798
_LEVELS = frozenset(("error", "failure", "warning"))
_MODIFIERS = (
    *("authentication-failed", "decompression-failed", "decryption-failed", "duplicate-document", "duplicate-filename"),
    *("illegal-filename", "insufficient-message-security", "integrity-check-failed", "invalid-message-id"),
    *("sender-equals-receiver", "unexpected-processing-error", "unknown-trading-partner"),
    *("unknown-trading-relationship", "unsupported format", "unsupported MIC-algorithms"),
)


@dataclass(frozen=True, slots=True)
class Disposition:
    """``kind`` is processed or failed; ``level`` is "", error, failure or warning; ``modifier`` says what it was."""

    kind: str
    level: str = ""
    modifier: str = ""

    @property
    def good(self) -> bool:
        """The message was taken. A warning does not change that: RFC 4130, 7.5.5."""
        return self.kind == "processed" and self.level in ("", "warning")

    @property
    def short(self) -> str:
        """Without the mode: ``processed/error: decryption-failed``."""
        level = f"/{self.level}" if self.level else ""
        return f"{self.kind}{level}: {self.modifier}" if self.modifier else f"{self.kind}{level}"

    def __str__(self) -> str:
        return f"{MODE}; {self.short}"

    @classmethod
    def read(cls, text: str) -> Disposition | None:
        """The value of a ``Disposition`` field in any spelling that is seen in the field; None where it is none.

        What is not in the words of an RFC becomes OTHER.
        """
        found = _READ.fullmatch(text.strip())
        if not found:
            return None
        kind, level = found["kind"].lower(), (found["level"] or "").lower()
        said = " ".join((found["modifier"] or "").lower().split())
        known = next((each for each in _MODIFIERS if said.startswith(each.lower())), OTHER)
        return cls(
            kind if kind in _KINDS else OTHER, level if level in _LEVELS | {""} else OTHER, known if said else ""
        )


PROCESSED = Disposition("processed")
AUTHENTICATION_FAILED = Disposition("processed", "error", "authentication-failed")
DECRYPTION_FAILED = Disposition("processed", "error", "decryption-failed")
DECOMPRESSION_FAILED = Disposition("processed", "error", "decompression-failed")
INTEGRITY_CHECK_FAILED = Disposition("processed", "error", "integrity-check-failed")
INSUFFICIENT_SECURITY = Disposition("processed", "error", "insufficient-message-security")
UNEXPECTED_ERROR = Disposition("processed", "error", "unexpected-processing-error")
ILLEGAL_FILENAME = Disposition("processed", "error", "illegal-filename")  # draft-ietf-ediint-rfc4130bis, its registry
UNSUPPORTED_FORMAT = Disposition("failed", "failure", "unsupported format")
UNSUPPORTED_MIC = Disposition("failed", "failure", "unsupported MIC-algorithms")
SENDER_EQUALS_RECEIVER = Disposition("failed", "failure", "sender-equals-receiver")


_KNOWS_US_BY = "Compare us and them in the partner's file with what it knows us by"
_CURES = {
    "authentication-failed": "Send the partner our signing certificate again, and compare the AS2 names of both sides",
    "integrity-check-failed": "Send the partner our signing certificate again; if it has it, try another "
    "transfer_encoding (base64 travels best), because something alters what is sent",
    "decryption-failed": "Ask the partner for its present certificate, and put it under encryption_certificates; "
    "compare encrypt and key_transport with what it can read",
    "decompression-failed": 'Ask the partner whether it takes compressed messages; if not, write compress = ""',
    "insufficient-message-security": "Compare sign and encrypt in the partner's file with what it wants",
    "illegal-filename": "Agree on another name_template, or write file_name = false",
    "unknown-trading-partner": _KNOWS_US_BY,
    "unknown-trading-relationship": _KNOWS_US_BY,
    "unsupported format": "Compare mdn_signed in the partner's file with the receipts that it can give",
    "unsupported MIC-algorithms": "Compare sign in the partner's file with what it wants",
}


def cure(said: str) -> str:
    """What a person can do about a message of ours that a receipt refused; ``said`` is its disposition, in short."""
    other = "Ask the partner for the cause, and which certificates and algorithms it holds of us"
    return next((words for modifier, words in _CURES.items() if said.endswith(modifier)), other)


class As2Refused(GatewayError):
    """A message or a receipt that does not count. ``disposition`` is what its sender is told, in the RFC's words.

    ``mdn_wanted`` is the receipt that the sender asked for, None where it asked for none or that could not be read.
    ``mic`` is there where the content could be read before it was refused. Texts never carry content.
    """

    def __init__(
        self,
        disposition: Disposition,
        what: str,
        *,
        fix: str,
        where: str = "",
        mdn_wanted: MdnWanted | None = None,
        mic: Mic | None = None,
    ) -> None:
        super().__init__(what, where=where, fix=fix)
        self.disposition = disposition
        self.mdn_wanted = mdn_wanted
        self.mic = mic
