"""Content transfer encodings, as streams. RFC 2045, 6.

Binary, 8bit and 7bit content passes unaltered, whatever its line ends are; over HTTP a missing encoding is binary.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Literal

from gateway.errors import GatewayError

Encoding = Literal["binary", "8bit", "7bit", "base64", "quoted-printable"]
PLAIN = frozenset(("", "binary", "8bit", "7bit"))
ENCODED = frozenset(("base64", "quoted-printable"))

LINE_MAX = 64 * 1024
"""Longest line of quoted-printable content that is read; the standard says 76."""

PLAIN_LINE_MAX = 998
"""Longest line of content that says 7bit or 8bit, without its CRLF."""

_LETTERS = 76  # characters of a line
_LINE = 57  # bytes that make that many in base64
_SPACE = bytes(range(0x09, 0x0E)) + b" "
_BROKEN_ESCAPE = re.compile(rb"=(?![0-9A-Fa-f]{2}|[ \t]*(?:\r?\n|\Z))")
_NOT_8BIT = re.compile(rb"\0|\r(?!\n)|(?<!\r)\n|[^\r\n]{%d}" % (PLAIN_LINE_MAX + 1))
_NOT_7BIT = re.compile(rb"[\x80-\xff]|" + _NOT_8BIT.pattern)
_TRAILING = re.compile(rb"(?<![ \t])[ \t]+(?=\r?\n|\Z)")  # Tried once a run: a run may be long.


class BadEncoding(GatewayError):
    """Content that is not what its transfer encoding says."""

    def __init__(self, what: str) -> None:
        super().__init__(what, fix="Ask the sender to send it again; its encoding is damaged")


def decoded(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Content without its transfer encoding (one of ENCODED). Raises BadEncoding."""
    return _from_base64(pieces) if encoding == "base64" else _from_quoted_printable(pieces)


def encoded(pieces: Iterable[bytes], encoding: Encoding) -> Iterator[bytes]:
    """Content in its transfer encoding, lines ended by CRLF."""
    if encoding == "base64":
        return _to_base64(pieces)
    if encoding == "quoted-printable":
        return _to_quoted_printable(pieces)
    return iter(pieces)


def fits(pieces: Iterable[bytes], encoding: Literal["8bit", "7bit"]) -> bool:
    """Whether content may say that it is this: lines of at most 998 bytes that end with CRLF, no other CR or LF and no
    NUL, and in 7bit nothing above 127. RFC 2045, 2.7 and 2.8. Products convert the line ends of what says so.
    """
    wrong = _NOT_7BIT if encoding == "7bit" else _NOT_8BIT
    held = b""
    for piece in pieces:
        held += piece
        whole = held.rfind(b"\r\n") + 2 if b"\r\n" in held else 0
        if wrong.search(held[:whole]) or len(held) - whole > PLAIN_LINE_MAX + 1:
            return False
        held = held[whole:]
    return not wrong.search(held)


def encoded_length(size: int) -> int:
    """How long that many bytes are as base64, with the line ends between its lines."""
    characters = -(-size // 3) * 4
    return characters + 2 * max(0, -(-characters // 76) - 1)


def _from_base64(pieces: Iterable[bytes]) -> Iterator[bytes]:
    pending, ended = b"", False
    for piece in pieces:
        pending += piece.translate(None, _SPACE)
        whole = len(pending) - len(pending) % 4
        ready, pending = pending[:whole], pending[whole:]
        if not ready:
            continue
        if ended:
            raise BadEncoding("base64 goes on behind its padding")
        ended = ready.endswith(b"=")
        try:
            yield binascii.a2b_base64(ready, strict_mode=True)
        except binascii.Error:
            raise BadEncoding("content is not base64, as its header says") from None
    if pending:
        raise BadEncoding("base64 stops in the middle of a group")


def _to_base64(pieces: Iterable[bytes]) -> Iterator[bytes]:
    pending, between = b"", b""
    for piece in chain(pieces, (None,)):
        pending += piece or b""
        whole = len(pending) - (len(pending) % _LINE if piece is not None else 0)
        ready, pending = pending[:whole], pending[whole:]
        if not ready:
            continue
        letters = base64.b64encode(ready)
        yield between + b"\r\n".join([letters[at : at + _LETTERS] for at in range(0, len(letters), _LETTERS)])
        between = b"\r\n"


def _from_quoted_printable(pieces: Iterable[bytes]) -> Iterator[bytes]:
    pending = b""
    for piece in chain(pieces, (None,)):
        pending += piece or b""
        whole = pending.rfind(b"\n") + 1 if piece is not None else len(pending)
        ready, pending = pending[:whole], pending[whole:]
        if len(pending) > LINE_MAX:
            raise BadEncoding(f"a line of quoted-printable is longer than {LINE_MAX} bytes")
        if _BROKEN_ESCAPE.search(ready):
            raise BadEncoding("content is not quoted-printable, as its header says")
        yield binascii.a2b_qp(_TRAILING.sub(b"", ready))


def _to_quoted_printable(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Every line break is encoded, so that the content comes out as it was whatever is done to lines on the way."""
    between = b""
    for piece in pieces:
        for at in range(0, len(piece), 64 * 1024):
            letters = binascii.b2a_qp(piece[at : at + 64 * 1024], quotetabs=True, istext=False)
            lines = letters.replace(b"=\r\n", b"=\n").replace(b"=\n", b"=\r\n")
            if len(lines) - lines.rfind(b"\n") > _LETTERS:  # No place is left for the = that joins it to the next one.
                end = len(lines) - (3 if lines[-3:-2] == b"=" else 1)
                lines = lines[:end] + b"=\r\n" + lines[end:]
            yield between + lines
            between = b"=\r\n"
