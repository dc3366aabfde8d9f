"""How answers look: one JSON document for programs, or a rich table for people. Talk and progress go to stderr."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress

QUIET_S = 2.0  # Shorter work shows no progress.
_REFRESH_S = 0.1


def emit(data: Any, words: str, *, as_json: bool) -> None:
    """Prints the data as JSON, or the words."""
    print(json.dumps(data, indent=2, default=str) if as_json else words)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on stdout, as wide as the terminal, or unlimited where there is none."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else 240)
    shown = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for place, column in enumerate(columns):
        shown.add_column(column, overflow="fold", no_wrap=place == 0)
    for row in rows:
        shown.add_row(*(Text(str(each)) for each in row))  # Brackets are a partner's own, and no markup.
    console.print(shown)


def say(text: str) -> None:
    """Talk, on stderr."""
    print(text, file=sys.stderr)


def dollars(cents: int) -> str:
    """Cents as people write them."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02}"


def hang_up(out: TextIO) -> None:
    """For a stream that nobody reads any more, as behind ``| head``: what is still in its buffer goes nowhere."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, out.fileno())
        os.close(nowhere)


class Bar:
    """How far work has come, in bytes, on stderr; nothing where that is no terminal, or before two seconds are over.

    ``total`` is None where it is not known. ``clock`` counts seconds.
    """

    def __init__(self, doing: str, total: int | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._doing, self._total, self._clock = doing, total, clock
        self._wanted = sys.stderr.isatty()
        self._due = clock() + QUIET_S
        self._done = 0
        self._shown: Progress | None = None

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown is not None:
            self._shown.stop()

    def advance(self, length: int) -> None:
        """So many bytes more are done."""
        self._done += length
        if not self._wanted or (now := self._clock()) < self._due:
            return
        self._due = now + _REFRESH_S
        if self._shown is None:
            self._shown = _progress()
            self._shown.add_task(self._doing, total=self._total)
            self._shown.start()
        self._shown.update(self._shown.task_ids[0], completed=self._done)
        self._shown.refresh()

    def print(self, text: str, out: TextIO, *, flush: bool = False) -> None:
        """A line of the answer; the bar makes room for it."""
        room = self._shown is not None and out.isatty()
        if room and self._shown is not None:
            self._shown.stop()
        print(text, file=out, flush=flush or room)
        if room and self._shown is not None:
            self._shown.start()


def _progress() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
