"""How answers look: one JSON document for programs, or a rich table for people. Talk goes to stderr."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any


def emit(data: Any, words: str, *, as_json: bool) -> None:
    """Prints the data as JSON, or the words."""
    print(json.dumps(data, indent=2, default=str) if as_json else words)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on stdout, as wide as the terminal, or unlimited where there is none."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 240)
    shown = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for place, column in enumerate(columns):
        shown.add_column(column, overflow="fold", no_wrap=place == 0)
    for row in rows:
        shown.add_row(*(str(each) for each in row))
    console.print(shown)


def say(text: str) -> None:
    """Talk, on stderr."""
    print(text, file=sys.stderr)


def dollars(cents: int) -> str:
    """Cents as people write them."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02}"
