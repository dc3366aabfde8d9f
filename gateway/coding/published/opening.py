"""Opens what is published: text, or a zip with it. Bounded: a zip cannot unfold without end."""

import re
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from gateway.errors import GatewayError

UNFOLDED_MAX = 2_000_000_000
MEMBERS_MAX = 100


def opened(name: str, stream: BinaryIO, wanted: re.Pattern[str]) -> Iterator[tuple[str, Iterator[str]]]:
    """The text of a file, or of each member of a zip whose name fits, as lines; GatewayError where there is none."""
    if name.lower().endswith((".xlsx", ".xls")):
        raise GatewayError(
            "workbooks are not read", where=name, fix="Take the text or CSV file that is published beside it"
        )
    if not name.lower().endswith(".zip"):
        yield name, _lines(name, stream)
        return
    try:
        with zipfile.ZipFile(stream) as pack:
            members = [each for each in pack.infolist()[:MEMBERS_MAX] if wanted.search(each.filename.lower())]
            if not members:
                held = ", ".join(each.filename for each in pack.infolist()[:MEMBERS_MAX]) or "nothing"
                raise GatewayError(f"the table is not in it, but {held}", where=name, fix="Take the zip as published")
            if sum(each.file_size for each in members) > UNFOLDED_MAX:
                raise GatewayError("it unfolds to more than 2 GB", where=name, fix="Take the zip as published")
            for each in members:
                with pack.open(each) as member:
                    yield each.filename.rpartition("/")[2], _lines(each.filename, member)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise GatewayError("it is no zip that can be opened", where=name, fix="Fetch the file again") from error


def _lines(name: str, stream: object) -> Iterator[str]:
    """Lines of UTF-8, or of Windows's letters as older files have them."""
    assert hasattr(stream, "readline")
    first = stream.readline()
    if first.startswith((b"PK\x03\x04", b"%PDF", b"\xd0\xcf")):
        raise GatewayError(
            "this is no text", where=name, fix="Name the file with its ending, .zip, or take the text file"
        )
    yield _text(first.removeprefix(b"\xef\xbb\xbf"))
    while line := stream.readline():
        yield _text(line)


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")
