"""Compresses and decompresses content: CompressedData with zlib. RFC 3274, RFC 5402.

Never lets content grow beyond what the caller says, whatever the structure promises.
"""

import zlib
from collections.abc import Iterator

from gateway.transport.cms.algorithms import COMPRESSED_DATA, DATA, identified, identifier
from gateway.transport.cms.ber import INTEGER, OCTET_STRING, PIECE, SEQUENCE, Reader, head, tlv
from gateway.transport.cms.errors import Malformed, TooLarge, Weak
from gateway.transport.cms.streams import Piece, Sized, Source, Storage, Target, closed_on_error

EXPANSION_MAX = 200
"""Bytes that one compressed byte may become: X12 reaches some 30, deflate itself 1,032."""
_EXPANSION_FREE = PIECE  # Content this small may grow from anything.
_ZLIB = "1.2.840.113549.1.9.16.3.8"


def compressed(source: Source, spool: Storage, *, level: int = 6) -> Sized:
    """The source's bytes, compressed into ``spool`` before this returns, and read back from it with the result.

    The spool is an empty one, and belongs to the result until that was read.
    """
    size = 0
    deflating = zlib.compressobj(level)
    while piece := source.read(PIECE):
        size += _put(spool, deflating.compress(piece))
    size += _put(spool, deflating.flush())
    spool.seek(0)
    info = head(SEQUENCE, DATA + head(0xA0, head(OCTET_STRING, b"", size), size), size)
    structure = head(SEQUENCE, tlv(INTEGER, b"\0") + identifier(_ZLIB) + info, size)
    beginning = head(SEQUENCE, COMPRESSED_DATA + head(0xA0, structure, size), size)
    return Sized(len(beginning) + size, _pieces(beginning, spool, size))


def decompress(source: Source, target: Target, *, size_max: int, expansion_max: int = EXPANSION_MAX) -> None:
    """Writes the content to the target: at most ``size_max`` bytes, and ``expansion_max`` for each compressed one.

    Raises TooLarge, Malformed, or Weak for another algorithm than zlib; the target is closed then.
    """
    with closed_on_error(target):
        reader = Reader(source)
        _enter(reader)
        room = _Room(size_max, expansion_max)
        inflating = zlib.decompressobj()
        for piece in reader.octets(OCTET_STRING):
            if piece and inflating.eof:
                raise Malformed("bytes follow after the end of the compressed content", fix=_AGAIN)
            room.taken += len(piece)
            for part in _inflated(inflating, piece):
                room.take(len(part))
                target.write(part)
        if not inflating.eof or inflating.unused_data:
            raise Malformed("the compressed content does not end where it should", fix=_AGAIN)
        for _ in range(5):
            reader.leave()
        reader.finish()


_AGAIN = "Ask the sender to send it again; it is damaged"


class _Room:
    """How many bytes may still come out."""

    def __init__(self, size_max: int, expansion_max: int) -> None:
        self._size_max, self._expansion_max = size_max, expansion_max
        self.taken = self._made = 0

    def take(self, count: int) -> None:
        self._made += count
        if self._made > self._size_max:
            raise TooLarge(
                f"the content has more than {self._size_max} bytes once decompressed",
                fix="Ask the sender for smaller files, or raise the limit",
            )
        if self._made > self._expansion_max * self.taken + _EXPANSION_FREE:
            raise TooLarge(
                f"the content grows to more than {self._expansion_max} times its size when decompressed",
                fix="No X12 file does that; ask the sender what they sent",
            )


def _enter(reader: Reader) -> None:
    """Steps up to the compressed content."""
    reader.enter(SEQUENCE)
    if reader.element() != COMPRESSED_DATA:
        raise Malformed(
            "this is no compressed content", fix="Ask the sender what they sent; CompressedData was expected"
        )
    reader.enter(0xA0)
    reader.enter(SEQUENCE)
    reader.element()  # There is only one version.
    algorithm = identified(reader.element())[0]
    if algorithm != _ZLIB:
        raise Weak(f"the compression {algorithm} is not known", fix="Ask the sender to compress with zlib (RFC 3274)")
    reader.enter(SEQUENCE)
    if reader.element() != DATA:
        raise Malformed(
            "what is compressed is said not to be plain data", fix="Ask the sender to compress a MIME entity"
        )
    reader.enter(0xA0)


def _inflated(inflating: "zlib._Decompress", piece: bytes) -> Iterator[bytes]:
    """What a piece becomes, PIECE bytes at a time at most."""
    while not inflating.eof:
        try:
            part = inflating.decompress(piece, PIECE)
        except zlib.error:
            raise Malformed("the compressed content is damaged", fix=_AGAIN) from None
        yield part
        piece = inflating.unconsumed_tail
        if not piece and len(part) < PIECE:
            return


def _put(spool: Storage, data: bytes) -> int:
    spool.write(data)
    return len(data)


def _pieces(beginning: bytes, spool: Storage, size: int) -> Iterator[Piece]:
    yield beginning
    while size and (piece := spool.read(min(PIECE, size))):
        size -= len(piece)
        yield piece
