"""Receipts (MDNs, RFC 4130, 7; RFC 8098): what was asked for, built, and read. It never decides whether one is due."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

from cryptography import x509

from gateway.simulator.as2.cms import DIGESTS, CmsRefused
from gateway.simulator.as2.identity import Identity
from gateway.simulator.as2.message import open_message, signed
from gateway.simulator.as2.mime import Entity, MimeRefused, entity, multipart, parse

PROCESSED = "processed"
MODE = "automatic-action/MDN-sent-automatically"
REPORT = "multipart/report"
LIMIT = 1 << 20
FALLBACK = "sha1"  # RFC 4130, 7.4.3, where neither a signature nor the request names an algorithm.

_ALGORITHMS = re.compile(r"signed-receipt-micalg\s*=\s*\"?\s*(?:required|optional)\s*,([^;]*)", re.IGNORECASE)
_PROTOCOL = re.compile(r"signed-receipt-protocol\s*=", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A receipt that a message asks for. ``url``: where to send it, "" for the answer itself; ``digests`` are those
    asked for that are known here, the best liked first."""

    signed: bool
    digests: tuple[str, ...]
    url: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as it goes out: its content type, and the content as bytes."""

    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """What a receipt says. ``disposition`` is the part behind the mode, such as ``processed`` or
    ``processed/error: decryption-failed``; ``mic`` is "" where it tells none."""

    message_id: str
    disposition: str
    mic: str
    signed: bool

    @property
    def good(self) -> bool:
        return self.disposition.partition("/")[0].strip().lower() == PROCESSED and (
            not self.disposition.partition("/")[2].strip().lower().startswith(("error", "failure"))
        )


def wanted(headers: Message) -> Wanted | None:
    """None where no receipt is asked for."""
    if not headers.get("Disposition-Notification-To"):
        return None
    options = " ".join(str(headers.get("Disposition-Notification-Options", "")).split())
    listed = _ALGORITHMS.search(options)
    names = [each.strip(' "').lower().replace("-", "") for each in listed[1].split(",")] if listed else []
    digests = tuple(each for each in names if each in DIGESTS)
    url = str(headers.get("Receipt-Delivery-Option", "")).strip()
    return Wanted(_PROTOCOL.search(options) is not None, digests, url)


def build(
    message_id: str, disposition: str, mic: str, *, name: str, signer: Identity | None, digest: str = "sha256"
) -> Receipt:
    """A receipt for a message; signed where there is a signer. ``mic`` "" leaves the field out."""
    fields = [
        ("Reporting-UA", "simulated-payer"),
        ("Original-Recipient", f"rfc822; {name}"),
        ("Final-Recipient", f"rfc822; {name}"),
        ("Original-Message-ID", message_id),
        ("Disposition", f"{MODE}; {disposition}"),
        *([("Received-Content-MIC", mic)] if mic else []),
    ]
    said = "The message has been dealt with as the report behind this text says.\r\n"
    for_people = entity([("Content-Type", "text/plain; charset=us-ascii")], said.encode())
    report = entity([("Content-Type", "message/disposition-notification")], entity(fields, b"").removesuffix(b"\r\n"))
    boundary, content = multipart([for_people, report])
    kind = f'{REPORT}; report-type=disposition-notification; boundary="{boundary}"'
    whole = entity([("Content-Type", kind)], content)
    if signer is None:
        return Receipt(kind, content)
    outside = parse(signed(whole, signer, digest))
    return Receipt(str(outside.headers["Content-Type"]), outside.content)


def is_receipt(outer: Entity) -> bool:
    """Whether a post carries a receipt: a report, bare or right below a signature."""
    try:
        if outer.type == "multipart/signed":
            return outer.parts()[0].type == REPORT
    except (MimeRefused, IndexError):
        return False
    return outer.type == REPORT


def read(outer: Entity, own: Identity, trusted: Sequence[x509.Certificate]) -> Told:
    """What a receipt says; of a signed one only the signed part counts. CmsRefused where it cannot be believed."""
    opened = open_message(outer, own, trusted, LIMIT)
    if opened.entity.type != REPORT:
        raise CmsRefused("unexpected-processing-error", "not a receipt")
    try:
        reports = [each for each in opened.entity.parts() if each.type == "message/disposition-notification"]
    except MimeRefused as error:
        raise CmsRefused("unexpected-processing-error", str(error)) from error
    if len(reports) != 1:
        raise CmsRefused("unexpected-processing-error", "not one report")
    fields = BytesHeaderParser().parsebytes(reports[0].decoded().lstrip())
    _, _, disposition = str(fields.get("Disposition", "")).partition(";")
    return Told(
        message_id=str(fields.get("Original-Message-ID", "")).strip(),
        disposition=" ".join(disposition.split()),
        mic=str(fields.get("Received-Content-MIC", "")).strip(),
        signed=bool(opened.digest),
    )
