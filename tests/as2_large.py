"""One large message, built and opened in a process of its own: ``python as2_large.py FOLDER MEGABYTES``.

Prints the most memory that the process ever held, in MiB.
"""

import io
import re
import sys
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from as2_stage import MESSAGE_ID, X12, agreed, mirrored
from cms_keys import NOW

from gateway.transport.as2.message import Part, build, open_message
from gateway.transport.spool import Spool

MEGABYTE = 1_000_000


class Repeated(io.RawIOBase):
    """A document of this size, of which nothing is held."""

    def __init__(self, size: int) -> None:
        self._size, self._at = size, 0
        self._block = X12 * (MEGABYTE // len(X12))

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None, "it is too large to be read at once"
        start = self._at % len(X12)
        assert 0 < size <= len(self._block) - start, "it is too large to be read at once"
        piece = self._block[start : start + min(size, self._size - self._at)]
        self._at += len(piece)
        return piece


def main(folder: Path, megabytes: int) -> None:
    size = megabytes * MEGABYTE
    spool = partial(Spool, folder=folder)
    terms = agreed()
    part = Part(name="", content_type="", source=lambda: cast(BinaryIO, Repeated(size)), size=size)
    message = build([part], message_id=MESSAGE_ID, terms=terms, at=NOW, spool=spool)
    body = spool()
    for chunk in message.chunks():
        body.write(chunk)
    opened = open_message(message.headers, body, terms=mirrored(terms), spool=spool, at=NOW)
    source = Repeated(size)
    for piece in opened.parts[0].content.pieces():
        assert source.read(len(piece)) == piece
    assert source.read(1) == b""
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert peak is not None
    print(int(peak[1]) // 1024)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
