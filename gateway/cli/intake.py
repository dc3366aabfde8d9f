"""``submit`` and ``schema``: what goes in, and what may."""

import json
import sys
from pathlib import Path
from typing import Any

from gateway.cli.output import emit, say
from gateway.cli.previewing import finding_lines
from gateway.errors import GatewayError
from gateway.flow import accept, schemas
from gateway.flow.house import House


def submit_file(house: House, file: Path, *, as_json: bool) -> int:
    """Takes a file in at once, in this process; a running gateway sends what is accepted. 1 where a record was bad."""
    data, form = read_file(file)
    payload = house.store.payloads.put([data])
    with house.store.transaction(house.everything()) as tx:
        document = tx.documents.add(
            direction="in", partner="", name="", payload=payload, kind=f"intake.{form}", size=len(data), state="read"
        )
        tx.inputs.add(
            kind="document", name="intake", holds_on=tx.now.date(), document=document, content={"name": file.name}
        )
        result = accept.record(house, tx, accept.read(house, document, data, form), document)
    emit(result, words(result), as_json=as_json)
    return 1 if result["rejected"] or result["conflicts"] or result["findings"] else 0


def read_file(file: Path) -> tuple[bytes, str]:
    """What a file or standard input holds, and its format. GatewayError where it cannot be read."""
    if str(file) == "-":
        data = sys.stdin.buffer.read()
        return data, _sniff(data)
    form = accept.form_of(file)
    if form is None:
        known = ", ".join(sorted(accept.FORMATS))
        raise GatewayError("the name ends in no format that is read here", where=str(file), fix=f"Use one of {known}")
    try:
        return file.read_bytes(), form
    except OSError as error:
        raise GatewayError(
            f"it cannot be read ({error.strerror})", where=str(file), fix="Check name and rights"
        ) from error


def _sniff(data: bytes) -> str:
    """JSON Lines where the first line is a whole object and another follows it; else JSON."""
    lines = [line for line in data.splitlines() if line.strip()]
    if len(lines) < 2:
        return "json"
    try:
        return "jsonl" if isinstance(json.loads(lines[0]), dict) else "json"
    except (ValueError, RecursionError):
        return "json"


def words(result: dict[str, Any]) -> str:
    """What became of each record, for people."""
    lines = []
    for each in result["accepted"]:
        lines.append(f"accepted  {each['id']}  (your {each['client_ref']})")
        lines += finding_lines(each, short=True)
    lines += [f"repeated  {each['id']}  (your {each['client_ref']}, taken before)" for each in result["repeated"]]
    for kind in ("conflicts", "rejected"):
        for each in result[kind]:
            lines.append(f"{kind.removesuffix('s'):<9} record {each['index']}  (your {each['client_ref'] or '-'})")
            lines += [f"    {found.get('where', '')}: {found['what']}. {found['fix']}" for found in each["findings"]]
            for key in each.get("held", {}):
                held, submitted = (json.dumps(each[side][key], default=str) for side in ("held", "submitted"))
                lines.append(f"    {key}: taken before {held}, submitted now {submitted}")
    lines += [f"{found.get('where', '')}: {found['what']}. {found['fix']}" for found in result["findings"]]
    counts = ", ".join(f"{len(result[key])} {key}" for key in ("accepted", "repeated", "conflicts", "rejected"))
    return "\n".join([*lines, counts])


def show_schema(name: str) -> int:
    """Prints one schema, or the names of all."""
    names = schemas.NAMES
    if not name:
        print("\n".join(names))
        return 0
    if name not in names:
        say(f"There is no schema {name}. There are: {', '.join(names)}")
        return 2
    print(json.dumps(schemas.schema(name), indent=2))
    return 0
