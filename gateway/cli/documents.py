"""X12 documents as commands read them: from a file or stdin, with progress, and answered while or after they go by."""

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from queue import Queue
from typing import BinaryIO, TextIO

from gateway.cli.output import Bar, say
from gateway.errors import GatewayError

CHUNK = 256 * 1024  # bytes
_STREAM = Path("-")


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """How a document is answered: the TA1 and 999 go to ``file``, none where that is None, under these numbers."""

    file: Path | None = None
    control_number: int = 1
    now: Callable[[], datetime] = utc_now

    @property
    def out(self) -> TextIO:
        """Where what is found goes: stdout, unless the answer goes there."""
        return sys.stderr if self.file == _STREAM else sys.stdout

    def answer(self, chunks: Iterable[bytes]) -> bytes:
        from gateway.x12.acknowledge import answer

        return answer(chunks, at=self.now(), control_number=self.control_number)

    def write(self, answered: bytes) -> None:
        """Puts the answer where it was asked for, or says why there is none."""
        if not answered:
            say("nothing to acknowledge: it has no interchange, or acknowledgments only, which nobody answers")
        elif self.file == _STREAM:
            sys.stdout.buffer.write(answered)
            sys.stdout.buffer.flush()
        elif self.file is not None:
            self.file.write_bytes(answered)


@dataclass(slots=True)
class Document:
    """A document that is open. ``size`` is in bytes; None where it comes as a stream and can be read only once."""

    name: Path
    stream: BinaryIO
    size: int | None
    _beside: "_Beside | None" = field(default=None)

    def chunks(self) -> Iterator[bytes]:
        """Its bytes from here to its end."""
        chunks = iter(lambda: self.stream.read(CHUNK), b"")
        return self._beside.passing(chunks) if self._beside is not None else chunks


@contextmanager
def opened(file: Path, answering: Answering) -> Iterator[Document]:
    """The document, and its answer once it was read to its end.

    Raises GatewayError where the file cannot be read, is the one for the answer, or has an id that cannot be sent back.
    """
    if answering.file is not None and answering.file.exists() and file.exists() and answering.file.samefile(file):
        what = "the acknowledgment would take the place of the document"
        raise GatewayError(what, where=str(file), fix="Name another file for --ack")
    if file == _STREAM:
        with _answered(Document(file, sys.stdin.buffer, None), answering) as document:
            yield document
        return
    try:
        stream = file.open("rb")
    except OSError as error:
        fix = "Check name and rights"
        raise GatewayError(f"it cannot be read ({error.strerror})", where=str(file), fix=fix) from error
    with stream:
        size = file.stat().st_size if file.is_file() else None
        with _answered(Document(file, stream, size), answering) as document:
            yield document


@contextmanager
def _answered(document: Document, answering: Answering) -> Iterator[Document]:
    if answering.file is None:
        yield document
    elif document.size is not None:
        yield document
        document.stream.seek(0)
        with Bar("acknowledging", document.size) as bar:
            answering.write(answering.answer(counted(document.chunks(), bar)))
    else:
        with _Beside(answering.answer) as beside:
            document._beside = beside
            yield document
        answering.write(beside.answered())


def counted(chunks: Iterable[bytes], bar: Bar) -> Iterator[bytes]:
    """The same chunks; the bar is told of each when it was taken."""
    for chunk in chunks:
        yield chunk
        bar.advance(len(chunk))


class _Beside:
    """Answers a stream in a thread of its own, while it is read for something else."""

    def __init__(self, answer: Callable[[Iterable[bytes]], bytes]) -> None:
        self._ahead: Queue[bytes] = Queue(4)
        self._thread = ThreadPoolExecutor(1)
        self._answered = self._thread.submit(self._answer, answer)

    def __enter__(self) -> "_Beside":
        return self

    def __exit__(self, *_: object) -> None:
        self._ahead.put(b"")
        self._thread.shutdown()

    def passing(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The same chunks, seen by both."""
        for chunk in chunks:
            self._ahead.put(chunk)
            yield chunk

    def answered(self) -> bytes:
        """The answer, when all has gone by."""
        return self._answered.result()

    def _answer(self, answer: Callable[[Iterable[bytes]], bytes]) -> bytes:
        chunks = iter(self._ahead.get, b"")
        try:
            return answer(chunks)
        finally:
            for _ in chunks:
                pass  # Who stops early must not let the other wait.
