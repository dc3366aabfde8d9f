"""What the headers of a request say before its content is looked at. RFC 4130, 6; RFC 6017 (EDIINT-Features)."""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.transport.as2.disposition import SENDER_EQUALS_RECEIVER, UNEXPECTED_ERROR, As2Refused
from gateway.transport.as2.headers import Headers, read_headers, read_value
from gateway.transport.as2.mime import malformed
from gateway.transport.as2.names import message_id_fault, name_fault, unquoted
from gateway.transport.as2.terms import Limits
from gateway.transport.as2.wanted import MdnWanted, read_wanted
from gateway.transport.spool import Spool, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Who sends what to whom. ``message_id`` is verbatim, and may be "" of a receipt, which some products give none;
    ``features`` are lower-case names of EDIINT-Features."""

    message_id: str
    as2_from: str
    as2_to: str
    is_mdn: bool
    mdn_wanted: MdnWanted | None
    features: frozenset[str]
    version: str
    etag: str
    headers: Headers


def peek(
    headers: Iterable[tuple[str, str]], body: Spool | Window | None = None, limits: Limits | None = None
) -> Envelope:
    """Reads the headers of a request. Raises As2Refused where they are not those of an AS2 message or receipt.

    The body, where given, tells a signed receipt from a signed message by its first bytes; its position stays. Without
    it, only a receipt that is not signed is known as one.
    """
    limits = limits or Limits()
    pairs = list(headers)
    if sum(len(name) + len(value) + 4 for name, value in pairs) > limits.header_bytes_max:
        raise malformed(f"the request's headers are larger than {limits.header_bytes_max} bytes")
    read = Headers(pairs)
    message_id, receipt = read.get("Message-ID"), is_mdn(read, body, limits)
    as2_from, as2_to = unquoted(read.get("AS2-From")), unquoted(read.get("AS2-To"))
    for field, fault in (
        ("AS2-From", name_fault(as2_from)),
        ("AS2-To", name_fault(as2_to)),
        ("Message-ID", "" if receipt and not message_id else message_id_fault(message_id)),
    ):
        if fault:
            raise As2Refused(
                UNEXPECTED_ERROR, f"the header {field} is not usable: {fault}", fix="Ask the sender to set it right"
            )
    wanted = read_wanted(read, message_id=message_id, as2_from=as2_from, as2_to=as2_to)
    if as2_from == as2_to:
        fix = "Ask the sender to put their own AS2 name into AS2-From"
        raise As2Refused(SENDER_EQUALS_RECEIVER, "AS2-From and AS2-To are the same name", fix=fix, mdn_wanted=wanted)
    return Envelope(
        message_id=message_id,
        as2_from=as2_from,
        as2_to=as2_to,
        is_mdn=receipt,
        mdn_wanted=wanted,
        features=frozenset(each.strip().lower() for each in read.get("EDIINT-Features").split(",") if each.strip()),
        version=read.get("AS2-Version", "1.0"),
        etag=read.get("ETag"),
        headers=read,
    )


def is_mdn(headers: Headers, body: Spool | Window | None, limits: Limits) -> bool:
    """A report, or a signed part that says in its first lines that it is one."""
    kind = read_value(headers.get("Content-Type"))
    if kind.kind == "multipart/report":
        return True
    if kind.kind != "multipart/signed" or body is None:
        return False
    window = body.window() if isinstance(body, Spool) else body.again()
    start = window.read(2 * limits.header_bytes_max)
    _, found, rest = start.partition(b"--" + kind.get("boundary").encode("utf-8", "surrogateescape"))
    block = rest.partition(b"\n")[2].replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    inner = read_headers(block) if found else None
    return inner is not None and read_value(inner.get("Content-Type")).kind == "multipart/report"
