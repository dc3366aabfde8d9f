"""A table for people, as Markdown reads it."""

from collections.abc import Sequence


def table(head: list[str], rows: Sequence[list[str]]) -> str:
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
    lines = [[each.ljust(width) for each, width in zip(row, widths, strict=True)] for row in [head, *rows]]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
