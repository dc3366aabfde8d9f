"""Finds the line of a TOML text on which a key stands, to show a mistake there. Never judges what it reads."""

import re
import tomllib

Path = tuple[str | int, ...]

_HEADER = re.compile(r"\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(
    r"""\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=(.*)$"""
)
_PART = re.compile(r"""(?:"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+))""")


class Places:
    """The lines of one text by key path; list positions count from 0, as in the parsed document."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        table: Path = ()
        counts: dict[Path, int] = {}
        closing, depth = "", 0
        for number, line in enumerate(text.splitlines(), start=1):
            if closing:
                closing = "" if closing in line else closing
                continue
            if depth:
                depth += _opened(line)
                continue
            if header := _HEADER.match(line):
                table = self._table(_parts(header[2]), header[1] == "[[", counts)
                self._lines.setdefault(table, number)
            elif key := _KEY.match(line):
                self._lines.setdefault(table + _parts(key[1]), number)
                closing = _unclosed(key[2])
                depth = 0 if closing else max(0, _opened(key[2]))

    def line(self, path: Path) -> int:
        """The line of the key, or of the nearest table around it; 0 where not even that is known."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._lines:
                return self._lines[path[:length]]
        return 0

    @staticmethod
    def _table(names: Path, is_list: bool, counts: dict[Path, int]) -> Path:
        whole: Path = ()
        for position, name in enumerate(names):
            whole += (name,)
            if is_list and position == len(names) - 1:
                counts[whole] = counts.get(whole, -1) + 1
            if whole in counts:
                whole += (counts[whole],)
        return whole


def where(file: str, line: int, path: Path) -> str:
    """A place as people read it: ``trading_partners/acme.toml, line 12, transport.port``."""
    shown = ""
    for part in path:
        shown += f"[{part}]" if isinstance(part, int) else f".{part}" if shown else part
    return ", ".join(each for each in (file, f"line {line}" if line else "", shown) if each)


def syntax_problem(error: tomllib.TOMLDecodeError) -> tuple[str, int]:
    """What a TOML error says without its position, and its line; 0 where it ends with the document."""
    text = str(error)
    match = re.search(r" \(at line (\d+), column \d+\)$", text)
    if match:
        return text[: match.start()], int(match[1])
    return text.removesuffix(" (at end of document)"), 0


def _parts(dotted: str) -> Path:
    return tuple(match[1] or match[2] or match[3] or "" for match in _PART.finditer(dotted))


def _unclosed(value: str) -> str:
    for quotes in ('"""', "'''"):
        if value.lstrip().startswith(quotes) and value.count(quotes) == 1:
            return quotes
    return ""


def _opened(text: str) -> int:
    plain = re.sub(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'', "", text).split("#")[0]
    return plain.count("[") + plain.count("{") - plain.count("]") - plain.count("}")
