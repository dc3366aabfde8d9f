"""``explain``: an X12 file in words. Shows the file's own text to the person who has it; keeps and logs nothing."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from gateway.cli.output import say
from gateway.errors import GatewayError
from gateway.x12.explain import explain

CHUNK = 256 * 1024


def explain_file(file: Path, *, as_json: bool) -> int:
    """1 where the file has findings, 2 where there is no such file."""
    findings = 0
    for line in explain(_chunks(file)):
        findings += len(line.findings)
        if as_json:
            print(json.dumps(line.as_json()))
        else:
            print(line.text())
    say(f"{findings} findings" if findings else "no findings")
    return 1 if findings else 0


def _chunks(file: Path) -> Iterator[bytes]:
    if str(file) == "-":
        yield from iter(lambda: sys.stdin.buffer.read(CHUNK), b"")
        return
    try:
        with file.open("rb") as stream:
            yield from iter(lambda: stream.read(CHUNK), b"")
    except OSError as error:
        raise GatewayError(
            f"it cannot be read ({error.strerror})", where=str(file), fix="Check name and rights"
        ) from error
