"""Header fields of MIME and HTTP: case, folding, parameters. RFC 5322, 2.2; RFC 2045, 5.1; RFC 2231."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

_NAME = re.compile(rb"[!-9;-~]+")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_QUOTED = re.compile(r'\s*"((?:[^"\\]|\\.)*)"?', re.DOTALL)
_FOLD = re.compile(r"\r?\n[ \t]*")
_PLAIN = re.compile(r"[^;]*")
_CONTINUED = re.compile(r"([^*]+)(?:\*(\d{1,2}))?(\*)?")


class Headers:
    """Fields in their order. Names are looked up in any case; of several with one name the first counts."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self.pairs = [(name, _FOLD.sub(" ", value).strip()) for name, value in pairs]
        self._first: dict[str, str] = {}
        for name, value in self.pairs:
            self._first.setdefault(name.lower(), value)

    def get(self, name: str, default: str = "") -> str:
        return self._first.get(name.lower(), default)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._first

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.pairs)


def read_headers(block: bytes) -> Headers | None:
    """The fields of a header block, folded lines joined; None where a line is no field. Bytes are taken as UTF-8."""
    pairs: list[tuple[str, str]] = []
    for line in block.replace(b"\r\n", b"\n").split(b"\n"):
        if not line:
            continue
        if line[:1] in (b" ", b"\t"):
            if not pairs:
                return None
            name, value = pairs[-1]
            pairs[-1] = (name, f"{value} {_text(line.strip())}")
            continue
        raw, colon, value_bytes = line.partition(b":")
        if not colon or not _NAME.fullmatch(raw.rstrip()):
            return None
        pairs.append((raw.rstrip().decode("ascii"), _text(value_bytes.strip())))
    return Headers(pairs)


@dataclass(frozen=True, slots=True)
class Value:
    """A value with parameters, such as a content type: ``kind`` in lower case, parameters by lower-case name."""

    kind: str
    parameters: dict[str, str]

    def get(self, name: str, default: str = "") -> str:
        return self.parameters.get(name, default)


def read_value(text: str) -> Value:
    """Any ``kind; name=value; name="quoted; value"``. What cannot be read is left out; the first of a name counts."""
    kind, _, rest = text.partition(";")
    found: dict[str, str] = {}
    at = 0
    while at < len(rest):
        equals = rest.find("=", at)
        if equals < 0:
            break
        name = rest[at:equals].strip(" \t;").lower()
        quoted = _QUOTED.match(rest, equals + 1)
        plain = _PLAIN.match(rest, quoted.end() if quoted else equals + 1)
        assert plain is not None, "nothing is plain too"
        value = _ESCAPED.sub(r"\1", quoted[1]) if quoted else plain[0].strip()
        found.setdefault(name, value)
        at = plain.end() + 1
    return Value(kind.strip().lower(), _joined(found))


def _joined(found: dict[str, str]) -> dict[str, str]:
    """Continued and encoded parameters (RFC 2231) under their plain names."""
    whole: dict[str, str] = {}
    pieces: dict[str, dict[int, bytes]] = {}
    for key, value in found.items():
        parsed = _CONTINUED.fullmatch(key)
        if not parsed or (parsed[2] is None and parsed[3] is None):
            whole[key] = value
            continue
        number = int(parsed[2] or 0)
        if parsed[3]:
            encoded = value.split("'", 2)[-1] if number == 0 else value
            octets = unquote_to_bytes(encoded)
        else:
            octets = value.encode("utf-8", "surrogateescape")
        pieces.setdefault(parsed[1], {})[number] = octets
    for name, numbered in pieces.items():
        whole[name] = _text(b"".join(numbered[number] for number in sorted(numbered)))
    return whole


def _text(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")
