"""``explain``: an X12 file in words. Shows the file's own text to the person who has it; keeps and logs nothing."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from gateway.cli.documents import Answering, counted, opened
from gateway.cli.output import Bar, hang_up, say
from gateway.errors import Severity
from gateway.x12.explain import Line, explain


def explain_file(file: Path, *, as_json: bool, answering: Answering | None = None) -> int:
    """1 where the file has findings. Raises GatewayError where there is no such file."""
    answering = answering or Answering()
    findings, out = 0, answering.out
    try:
        with opened(file, answering) as document, Bar("explaining", document.size) as bar:
            for line in explain(counted(document.chunks(), bar)):
                findings += len(line.findings)
                for text in [_json(line)] if as_json else _words(line):
                    bar.print(text, out)
            out.flush()
    except BrokenPipeError:
        hang_up(out)
    else:
        say("no findings" if not findings else f"{findings} finding{'s' if findings > 1 else ''}")
    return 1 if findings else 0


def _json(line: Line) -> str:
    shown = {**asdict(line), "findings": [each.as_json() for each in line.findings]}
    return json.dumps({key: value for key, value in shown.items() if value not in ("", [], (), 0)})


def _words(line: Line) -> Iterator[str]:
    """The segment's name first, then each value with its place and meaning, then what is wrong with it."""
    if line.tag:
        loop = f"  [{line.loop}]" if line.loop else ""
        yield f"{line.number:>5}  {line.tag:<3}  {line.name}{loop}"
        for value in line.values:
            named = ": ".join(filter(None, (value.name, value.meaning)))
            yield f"              {value.reference:<9} {value.text}  {named}".rstrip()
    for said in line.meaning:
        yield f"   ->  {said}"
    for each in line.findings:
        yield f"   {'!!' if each.severity is Severity.BLOCK else ' !'}  {each}"
