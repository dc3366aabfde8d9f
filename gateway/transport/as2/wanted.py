"""The receipt that a message asks for: where to, signed or not, with which MIC. RFC 4130, 7.3; RFC 8098, 2.2."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from gateway.transport.as2.disposition import UNSUPPORTED_FORMAT, UNSUPPORTED_MIC, Disposition
from gateway.transport.as2.headers import Headers
from gateway.transport.as2.mic import digest_name

_WEB = re.compile(r"https?://[^/?#\s][!-~]*", re.IGNORECASE)

DEFAULT = "sha256"
"""Where nothing is asked for. RFC 4130 recommends SHA-1 there, which only a partner's own file allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MdnWanted:
    """``url`` is where an asynchronous receipt goes, "" for the answer itself. ``algorithms`` are spelled as asked for,
    the best first. ``fault`` is what must be answered instead where the request asks for what nobody here can do.
    """

    message_id: str
    as2_from: str  # who sent the message, and gets the receipt
    as2_to: str  # who got it, and gives the receipt
    to: str
    url: str = ""
    signed: bool = False
    algorithms: tuple[str, ...] = ()
    algorithm_required: bool = False
    fault: Disposition | None = None

    def algorithm(self, allowed: Collection[str], signed_with: str = "") -> tuple[str, str] | None:
        """The MIC's algorithm (our name, and how the sender spells it); None where none that it insists on may be used.

        RFC 4130, 7.4.3: the one of the message's signature, where the sender takes it; else the first of its list that
        may be used. A list that is only optional may be passed over.
        """
        asked = [(digest_name(each), each) for each in self.algorithms]
        usable = [each for each in asked if each[0] in allowed]
        for each in usable:
            if each[0] == signed_with:
                return each
        if usable:
            return usable[0]
        if asked and self.algorithm_required:
            return None
        return (signed_with if signed_with in allowed else DEFAULT), ""


def read_wanted(headers: Headers, *, message_id: str, as2_from: str, as2_to: str) -> MdnWanted | None:
    """What the headers of a message ask for; None where they ask for no receipt."""
    to = headers.get("Disposition-Notification-To")
    url = headers.get("Receipt-Delivery-Option")
    if not to and not url:
        return None
    options = read_options(headers.get("Disposition-Notification-Options"))
    protocol = options.pop("signed-receipt-protocol", None)
    micalg = options.pop("signed-receipt-micalg", None)
    fault = None
    if any(required for required, _ in options.values()):
        fault = UNSUPPORTED_FORMAT
    signed = False
    if protocol is not None:
        required, values = protocol
        known = [each for each in values if each.lower() in ("pkcs7-signature", "application/pkcs7-signature")]
        signed = bool(known) or not values
        if not signed and required:
            fault = UNSUPPORTED_FORMAT
    algorithms, algorithm_required = (micalg[1], micalg[0]) if micalg else ((), False)
    if algorithm_required and not any(digest_name(each) for each in algorithms):
        fault = fault or UNSUPPORTED_MIC
    if url and not _WEB.fullmatch(url):
        url, fault = "", UNSUPPORTED_FORMAT  # There is no way there: the answer itself says so.
    return MdnWanted(
        message_id=message_id,
        as2_from=as2_from,
        as2_to=as2_to,
        to=to,
        url=url,
        signed=signed,
        algorithms=algorithms,
        algorithm_required=algorithm_required,
        fault=fault,
    )


def read_options(text: str) -> dict[str, tuple[bool, tuple[str, ...]]]:
    """``Disposition-Notification-Options``: by lower-case name, whether it is required, and its values.

    Any order, any white space, quotes around any word, an importance that is left out (then it is optional); the first
    of several with one name counts.
    """
    found: dict[str, tuple[bool, tuple[str, ...]]] = {}
    for option in _cut(text, ";"):
        name, equals, rest = option.partition("=")
        words = [each.strip().strip('"').strip() for each in _cut(rest.strip(), ",")]
        if len(words) == 1:  # All of it may be one quoted string.
            words = [each.strip() for each in words[0].split(",")]
        words = [each for each in words if each]
        if not equals:
            continue
        required = bool(words) and words[0].lower() == "required"
        if words and words[0].lower() in ("required", "optional"):
            words = words[1:]
        found.setdefault(name.strip().strip('"').lower(), (required, tuple(words)))
    return found


def _cut(text: str, mark: str) -> list[str]:
    """Cuts at a mark that stands outside of quotes."""
    pieces, start, within = [], 0, False
    for at, each in enumerate(text):
        if each == '"':
            within = not within
        elif each == mark and not within:
            pieces.append(text[start:at])
            start = at + 1
    return [*pieces, text[start:]]
