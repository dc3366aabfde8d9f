"""Entities and multiparts, found in content of any size without reading it line by line. RFC 2045, 2046, 1847.

A part is a window on the spool that its message lies in: nothing is copied, and nothing of it is changed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.transport.as2.disposition import UNEXPECTED_ERROR, As2Refused
from gateway.transport.as2.headers import Headers, Value, read_headers, read_value
from gateway.transport.as2.terms import Limits
from gateway.transport.spool import PIECE, Window

BOUNDARY_MAX = 200
"""The standard says 70; some products are longer."""

ALIKE_MAX = 10_000  # lines that begin like a boundary; one of an outer multipart may begin those of all its parts
_PADDING_MAX = 128  # white space behind a boundary
_LINE_ENDS = re.compile(rb"(--)?[ \t]{0,%d}(?:\r?\n|\Z)" % _PADDING_MAX)
_HEAD_ENDS = re.compile(rb"\A\r?\n|\n\r?\n")


@dataclass(frozen=True, slots=True)
class Entity:
    """Headers and content. ``whole`` is both as they came; None where the headers came by HTTP."""

    headers: Headers
    body: Window
    whole: Window | None = None

    @property
    def type(self) -> Value:
        """The content type; RFC 2045, 5.2 says what a part without one is."""
        return read_value(self.headers.get("Content-Type") or "text/plain")

    @property
    def encoding(self) -> str:
        """The content transfer encoding in lower case, "" where none is named."""
        return self.headers.get("Content-Transfer-Encoding").partition(";")[0].strip().strip('"').lower()


def malformed(what: str, where: str = "") -> As2Refused:
    """A message that is not made by the rules of MIME."""
    fix = "Ask the sender to send it again; where it comes the same way, tell them what is wrong with it"
    return As2Refused(UNEXPECTED_ERROR, what, where=where, fix=fix)


def read_entity(window: Window, limits: Limits) -> Entity:
    """The entity that a window holds. Raises As2Refused where its header block is none, or too large."""
    window = window.again()
    head = window.read(limits.header_bytes_max + 4)
    end = _HEAD_ENDS.search(head)
    if end is None:
        if len(head) < window.size:
            raise malformed(f"a part's header block is larger than {limits.header_bytes_max} bytes")
        raise malformed("a part has no empty line behind its headers")
    headers = checked_headers(head[: end.end()], limits)
    return Entity(headers, window.part(end.end(), window.size - end.end()), window)


def checked_headers(block: bytes, limits: Limits) -> Headers:
    """The fields of a header block within the limits. Raises As2Refused."""
    if len(block) > limits.header_bytes_max:
        raise malformed(f"a header block is larger than {limits.header_bytes_max} bytes")
    if max(map(len, block.split(b"\n"))) > limits.header_line_max:
        raise malformed(f"a header line is longer than {limits.header_line_max} bytes")
    headers = read_headers(block)
    if headers is None:
        raise malformed("a header line of a part is no header")
    return headers


@dataclass(frozen=True, slots=True)
class Delimiter:
    """A boundary line, with the line break before it, which is part of it: offsets of its first byte and behind it."""

    start: int
    end: int
    last: bool


def delimiters(window: Window, boundary: bytes, piece_size: int = PIECE) -> Iterator[Delimiter]:
    """Every boundary line of a multipart's content, in one pass over large pieces.

    Raises As2Refused where too many lines begin like one and go on: content does not, and each of them costs time.
    """
    needle = b"\n--" + boundary
    reach = len(needle) + _PADDING_MAX + 4
    window = window.again()
    alike = 0
    base, buffer, final, at = -1, b"\n", False, 0  # A line break in front: the first line may be a boundary.
    while not final:
        piece = window.read(piece_size)
        final = not piece
        buffer += piece
        while (hit := buffer.find(needle, at)) >= 0 and (final or hit + reach <= len(buffer)):
            ends = _LINE_ENDS.match(buffer, hit + len(needle))
            at = hit + 1
            if ends and (final or ends[0].endswith(b"\n")):
                broken = hit > 0 and buffer[hit - 1 : hit] == b"\r"
                yield Delimiter(max(0, base + hit - broken), base + ends.end(), last=bool(ends[1]))
                at = ends.end() - ends[0].endswith(b"\n")  # Its line break may be the next one's.
            else:
                alike += 1
                if alike > ALIKE_MAX:
                    raise malformed(f"more than {ALIKE_MAX} lines begin like a boundary and are none")
        keep = max(0, (hit if hit >= 0 else max(at, len(buffer) - len(needle))) - 1)
        base, buffer, at = base + keep, buffer[keep:], max(0, at - keep)


def split(window: Window, boundary: str, limits: Limits) -> list[Window]:
    """The parts of a multipart's content, without what stands before the first and behind the last.

    Raises As2Refused where there is none, where there are too many, or where the end is missing: it was cut.
    """
    if not boundary or len(boundary) > BOUNDARY_MAX:
        raise malformed("a multipart names no boundary, or one that is too long")
    parts: list[Window] = []
    start = -1
    for each in delimiters(window, boundary.encode("utf-8", "surrogateescape")):
        if start >= 0:
            parts.append(window.part(start, max(0, each.start - start)))
        if each.last:
            if start < 0:
                break
            return parts
        start = each.end
        if len(parts) >= limits.parts_max:
            raise malformed(f"it has more than {limits.parts_max} parts")
    raise malformed("a multipart stops before its end" if start >= 0 else "a multipart has no part")
