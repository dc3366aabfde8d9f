"""Small CMS messages of every kind, and other ways to write them: BER of any form, sources that hand out little.

Shares no code with what reads them.
"""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random

from asn1crypto import cms as asn1
from asn1crypto import parser
from cms_keys import NOW, made

from gateway.transport import cms

CONTENT = b"Content-Type: application/edi-x12\r\n\r\nISA*00*~\nGS*HC~\nST*837*0001~\n"
US, THEM = made("rsa-us"), made("rsa-them")
ALL = cms.USUAL | cms.WEAK

Open = Callable[[cms.Source, io.BytesIO], None]


@dataclass(frozen=True)
class Message:
    """``open`` writes its content; ``safe`` says that altered content is told from the right one by it alone."""

    der: bytes
    open: Open
    safe: bool

    def content(self, source: cms.Source) -> bytes:
        """What comes out. Whatever goes wrong, the target must be out of reach."""
        target = io.BytesIO()
        try:
            self.open(source, target)
        except BaseException:
            assert target.closed, "an error leaves nothing to be read"
            raise
        return target.getvalue()


@cache
def messages() -> dict[str, Message]:
    return {
        "cbc": Message(encrypted("aes256-cbc"), _decrypt, safe=False),
        "cbc by key id": Message(encrypted("aes128-cbc", by_key_id=True), _decrypt, safe=False),
        "gcm": Message(encrypted("aes256-gcm"), _decrypt, safe=True),
        "gcm oaep": Message(encrypted("aes128-gcm", "oaep-sha256", by_key_id=True), _decrypt, safe=True),
        "detached": Message(signature(), _verify, safe=True),
        "detached pss": Message(signature(pss=True, by_key_id=True), _verify, safe=True),
        "around": Message(around(signature(), CONTENT), _read_signed, safe=True),
        "compressed": Message(b"".join(cms.compressed(io.BytesIO(CONTENT), io.BytesIO())), _decompress, safe=True),
    }


def encrypted(
    cipher: str, key_transport: str = "pkcs1v15", *, content: bytes = CONTENT, by_key_id: bool = False
) -> bytes:
    """For THEM and for US."""
    return b"".join(
        cms.encrypted(
            io.BytesIO(content),
            len(content),
            [THEM.certificate, US.certificate],
            cipher=cipher,
            key_transport=key_transport,
            by_key_id=by_key_id,
            allowed=ALL,
        )
    )


def signature(digest: str = "sha256", *, content: bytes = CONTENT, pss: bool = False, by_key_id: bool = False) -> bytes:
    """By THEM."""
    hashed = hashlib.new(digest, content).digest()
    return cms.sign(hashed, digest, THEM.identity, at=NOW, pss=pss, by_key_id=by_key_id, allowed=ALL)


def around(detached: bytes, content: bytes) -> bytes:
    """The same signature with its content in it."""
    read = asn1.ContentInfo.load(detached)
    read["content"]["encap_content_info"] = asn1.ContentInfo({"content_type": "data", "content": content})
    return bytes(read.dump(force=True))


def digests(content: bytes = CONTENT) -> dict[str, bytes]:
    return {name: hashlib.new(name, content).digest() for name in cms.DIGESTS}


def _decrypt(source: cms.Source, target: io.BytesIO) -> None:
    cms.decrypt(source, target, [US.identity])


def _verify(source: cms.Source, target: io.BytesIO) -> None:
    try:
        cms.verify(b"".join(iter(lambda: source.read(1 << 16), b"")), digests(), [THEM.certificate])
    except cms.CmsError:
        target.close()
        raise
    target.write(CONTENT)


def _read_signed(source: cms.Source, target: io.BytesIO) -> None:
    cms.read_signed(source, target, [THEM.certificate])


def _decompress(source: cms.Source, target: io.BytesIO) -> None:
    cms.decompress(source, target, size_max=1 << 20)


class Dribble(io.BytesIO):
    """A source that hands out as little as it likes, and cannot be sought in."""

    def __init__(self, content: bytes, chance: Random, most: int) -> None:
        super().__init__(content)
        self._chance, self._most = chance, most

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size > 0
        return bytes(super().read(min(size, self._chance.randint(1, self._most))))

    def tell(self) -> int:
        raise io.UnsupportedOperation

    def seek(self, offset: int, whence: int = 0, /) -> int:
        raise io.UnsupportedOperation


def reformed(der: bytes, chance: Random, nesting: int = 2) -> bytes:
    """The same in BER: lengths that are indefinite or longer than need be, octet strings in segments, at random."""
    kind, method, tag, _, body, _ = parser.parse(der)
    assert isinstance(body, bytes)
    first = kind << 6 | tag
    if method:
        parts, rest = [], body
        while rest:
            size = sum(len(part) for part in parser.parse(rest)[3:])
            parts.append(reformed(rest[:size], chance))
            rest = rest[size:]
        return _long(first | 0x20, b"".join(parts), chance)
    if (
        nesting and first in (0x04, 0x80) and chance.random() < 0.5
    ):  # All that has no tag of its own is an octet string.
        return _long(first | 0x20, b"".join(_segments(body, chance, nesting - 1)), chance)
    return bytes([first]) + _length(len(body), chance) + body


def _segments(body: bytes, chance: Random, nesting: int) -> list[bytes]:
    cuts = sorted(chance.randint(0, len(body)) for _ in range(chance.randint(0, 4)))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    return [reformed(b"\x04" + _length(len(piece), None) + piece, chance, nesting) for piece in pieces]


def _long(first: int, body: bytes, chance: Random) -> bytes:
    if chance.random() < 0.5:
        return bytes([first, 0x80]) + body + b"\0\0"
    return bytes([first]) + _length(len(body), chance) + body


def _length(size: int, chance: Random | None) -> bytes:
    shortest = (size.bit_length() + 7) // 8
    if chance is None or chance.random() < 0.5:
        if size < 0x80:
            return bytes([size])
        return bytes([0x80 | shortest]) + size.to_bytes(shortest, "big")
    count = chance.randint(max(1, shortest), 8)
    return bytes([0x80 | count]) + size.to_bytes(count, "big")
