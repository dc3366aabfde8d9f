"""``explain``: an X12 file in words. Shows the file's own text to the person who has it; keeps and logs nothing."""

import json
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from gateway.cli.output import say
from gateway.errors import GatewayError, Severity
from gateway.x12.explain import Line, explain

CHUNK = 256 * 1024


def explain_file(file: Path, *, as_json: bool) -> int:
    """1 where the file has findings, 2 where there is no such file."""
    with _opened(file) as stream:
        findings = _explained(stream, as_json=as_json)
    say("no findings" if not findings else f"{findings} finding{'s' if findings > 1 else ''}")
    return 1 if findings else 0


def _explained(stream: BinaryIO, *, as_json: bool) -> int:
    findings = 0
    for line in explain(iter(lambda: stream.read(CHUNK), b"")):
        findings += len(line.findings)
        if as_json:
            shown = {**asdict(line), "findings": [each.as_json() for each in line.findings]}
            print(json.dumps({key: value for key, value in shown.items() if value not in ("", [], (), 0)}))
        else:
            _print(line)
    return findings


def _print(line: Line) -> None:
    """The segment's name first, then each value with its place and meaning, then what is wrong with it."""
    if line.tag:
        loop = f"  [{line.loop}]" if line.loop else ""
        print(f"{line.number:>5}  {line.tag:<3}  {line.name}{loop}")
        for value in line.values:
            print(f"              {value.reference:<9} {value.text}  {value.name}".rstrip())
    for said in line.meaning:
        print(f"   ->  {said}")
    for each in line.findings:
        print(f"   {'!!' if each.severity is Severity.BLOCK else ' !'}  {each}")


def _opened(file: Path) -> AbstractContextManager[BinaryIO]:
    if str(file) == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return file.open("rb")
    except OSError as error:
        fix = "Check name and rights"
        raise GatewayError(f"it cannot be read ({error.strerror})", where=str(file), fix=fix) from error
