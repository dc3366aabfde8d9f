"""MIME entities as bytes: read with the standard library's header parser, split and written here, so that what is
signed stays byte for byte what it was (RFC 2046, RFC 1847). It never decides anything about a message."""

import base64
import binascii
import quopri
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from itertools import pairwise

EOL = b"\r\n"
BLANK = re.compile(rb"\r?\n\r?\n|\A\r?\n")
LINE = 76


class MimeRefused(Exception):
    """An entity that cannot be read; says why, and never what it holds."""


@dataclass(frozen=True, slots=True)
class Entity:
    """Header fields and content, both as they came; ``raw`` is the whole."""

    headers: Message
    content: bytes
    raw: bytes

    @property
    def type(self) -> str:
        return self.headers.get_content_type()

    def parameter(self, name: str) -> str:
        """A parameter of the content type, unquoted; "" where there is none."""
        return str(self.headers.get_param(name, "")).strip()

    def decoded(self) -> bytes:
        """The content without its transfer encoding."""
        encoding = str(self.headers.get("Content-Transfer-Encoding", "binary")).strip().lower()
        try:
            if encoding == "base64":
                return base64.b64decode(self.content)
        except binascii.Error as error:
            raise MimeRefused("base64 that is none") from error
        return quopri.decodestring(self.content) if encoding == "quoted-printable" else self.content

    def parts(self) -> list["Entity"]:
        """The parts of a multipart, without preamble and epilogue; each as raw bytes up to the line end that belongs to
        the delimiter behind it."""
        boundary = self.parameter("boundary").encode("latin-1", "replace")
        if not boundary:
            raise MimeRefused("a multipart without a boundary")
        delimiter = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r?\n|\Z)")
        found = list(delimiter.finditer(self.content))
        if not found or not found[-1][1]:
            raise MimeRefused("a multipart without its end")
        return [parse(self.content[one.end() : next_.start()]) for one, next_ in pairwise(found)]


def parse(raw: bytes) -> Entity:
    """An entity out of its bytes."""
    blank = BLANK.search(raw)
    if blank is None:
        raise MimeRefused("an entity without a blank line behind its header")
    return Entity(BytesHeaderParser().parsebytes(raw[: blank.start()]), raw[blank.end() :], raw)


def entity(headers: Sequence[tuple[str, str]], content: bytes) -> bytes:
    """Header fields, a blank line and the content as it is."""
    return b"".join(f"{name}: {value}\r\n".encode() for name, value in headers) + EOL + content


def base64_lines(content: bytes) -> bytes:
    text = base64.b64encode(content)
    return b"".join(text[at : at + LINE] + EOL for at in range(0, len(text), LINE))


def multipart(parts: Sequence[bytes]) -> tuple[str, bytes]:
    """A boundary that no part holds, and the content of the multipart."""
    boundary = f"_{secrets.token_hex(16)}"
    assert not any(boundary.encode() in each for each in parts), "128 bits do not meet by chance"
    delimiter = f"--{boundary}".encode()
    return boundary, b"".join(delimiter + EOL + each + EOL for each in parts) + delimiter + b"--" + EOL
