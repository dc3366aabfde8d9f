"""AS2 restart: a large body that was cut off goes on where it stopped. draft-harding-as2-restart-07.

The message carries an ETag of ours. After a cut, HEAD with that ETag asks how many bytes have arrived (they are the
answer's Content-Length), and a POST with Content-Range brings the rest. The bytes must be the same, and encryption
makes others each time; so they are kept in a sealed spool while one send lasts, and no longer.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator

from gateway.errors import PartnerUnreachable
from gateway.transport.as2.http import Answer, Cut, Fields, Server
from gateway.transport.spool import NewSpool, Spool

FEATURE = "as2-restart"  # how its makers name it in EDIINT-Features (RFC 6017)
FROM_BYTES = 1024 * 1024  # what is smaller is sent again as fast
STALLS_MAX = 4  # looks after which nothing more had arrived
FIRST_WAIT_S = 1.0
_CARRIED = ("as2-version", "as2-from", "as2-to", "message-id", "ediint-features")
_NOT_TAKEN_UP = (400, 404, 409, 412, 416)


def announced(answer: Answer) -> bool:
    """Whether the far side says that it can."""
    told = ",".join(value for name, value in answer.headers if name.lower() == "ediint-features")
    return FEATURE in {each.strip().lower() for each in told.split(",")}


def post(
    server: Server,
    headers: Fields,
    length: int,
    chunks: Iterable[bytes],
    *,
    spool: NewSpool,
    wait: Callable[[float], None],
) -> Answer:
    """As ``Server.post``, and goes on after a cut. Raises Cut where the rest is not taken up."""
    tag = f'"{secrets.token_hex(16)}"'
    whole = [*headers, ("ETag", tag)]
    with spool() as kept:
        body = _Kept(chunks, kept)
        try:
            return server.post(whole, length, body)
        except Cut as error:
            body.keep_rest()
            return _rest(server, whole, kept, error, wait)


def _rest(server: Server, headers: Fields, kept: Spool, cut: Cut, wait: Callable[[float], None]) -> Answer:
    best, stalls = 0, 0
    while stalls < STALLS_MAX:
        wait(FIRST_WAIT_S * 2**stalls)
        try:
            arrived = _arrived(server, headers)
            if arrived is None or arrived >= kept.size:
                raise cut  # Nothing is known of it there; or all of it is, and only the answer was lost.
            stalls = stalls + 1 if arrived <= best else 0
            best = max(best, arrived)
            rest = kept.window(arrived)
            place = [("Content-Range", f"bytes {arrived}-{kept.size - 1}/{kept.size}")] if arrived else []
            answer = server.post([*headers, *place], rest.size, rest.pieces())
            if answer.status in _NOT_TAKEN_UP:
                raise cut
            return answer
        except Cut as error:
            if error is cut:
                raise
        except PartnerUnreachable:
            stalls += 1
    raise cut


def _arrived(server: Server, headers: Fields) -> int | None:
    """How many bytes the far side has; None where it does not know the message."""
    carried = (*_CARRIED, "etag")
    answer = server.head([(name, value) for name, value in headers if name.lower() in carried])
    length = answer.get("Content-Length").strip()
    if answer.status != 200 or not (length.isascii() and length.isdigit()):
        return None
    return int(length[:18])


class _Kept:
    """A body that is kept while it goes out."""

    def __init__(self, chunks: Iterable[bytes], kept: Spool) -> None:
        self._chunks = iter(chunks)
        self._kept = kept

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._kept.write(chunk)
            yield chunk

    def keep_rest(self) -> None:
        """What had not gone out when it was cut."""
        for chunk in self._chunks:
            self._kept.write(chunk)
