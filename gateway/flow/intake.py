"""Reads what a clinic submits, as JSON, JSON Lines or CSV, into the domain's records. Stores and sends nothing.

Every problem of a file is told at once, each with its place; a good record is accepted whatever stands beside it, and
no record is lost. No text ever repeats a value: it could be a patient's.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from pydantic import ValidationError

from gateway.errors import Finding
from gateway.flow.intake_build import NewId, content_digest, shown
from gateway.flow.intake_checks import Problem, configuration_problems, record_problems
from gateway.flow.intake_csv import read_rows
from gateway.flow.intake_kinds import KINDS, Record
from gateway.flow.intake_source import Source
from gateway.flow.intake_words import JsonPath, finding, shown_path, unknown_key, words
from gateway.settings import Settings
from gateway.settings.words import known_keys

__all__ = ["Accepted", "Batch", "Form", "Record", "RejectedRecord", "content_digest", "read_batch", "shown"]

Form = Literal["json", "jsonl", "csv"]
SCHEMA = "intake.v1"
_CLIENT_REF = re.compile(r"[!-~](?:[ -~]{0,48}[!-~])?")
_DIGITS_MAX = 18  # A longer whole number is no quantity of anybody's, and Python is slow at reading it.


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A good record. ``index`` counts from 0 in the file, ``digest`` names the content without what we add to it."""

    index: int
    record: Record
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRecord:
    """A record with mistakes. ``client_ref`` is the clinic's number as far as it can be read, for its answer only."""

    index: int
    client_ref: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What became of a file. ``findings`` are about the file as a whole: then no record, or not every one, was read."""

    accepted: tuple[Accepted, ...] = ()
    rejected: tuple[RejectedRecord, ...] = ()
    findings: tuple[Finding, ...] = ()


def read_batch(data: bytes, form: str, settings: Settings, new_id: NewId, today: date) -> Batch:
    """Reads a submitted file; never raises because of what is in it.

    ``form`` is json, jsonl or csv. ``new_id`` makes an opaque id for a prefix (au, cl, co, pc). ``today`` is the day by
    which dates are judged.
    """
    readers: dict[str, Callable[[bytes], tuple[list[Source], list[Finding]]]] = {
        "json": _read_json,
        "jsonl": _read_json_lines,
        "csv": read_rows,
    }
    if form not in readers:
        return Batch(findings=(finding("format", "", "there is no such format", "Use json, jsonl or csv"),))
    sources, findings = readers[form](data)
    if not sources and not findings:
        findings = [finding("empty", "", "there is no record in this file", "Check what wrote it")]
    accepted: list[Accepted] = []
    rejected: list[RejectedRecord] = []
    for index, source in enumerate(sources):
        outcome = _record(index, source, settings, new_id, today)
        if isinstance(outcome, Accepted):
            accepted.append(outcome)
        else:
            rejected.append(outcome)
    return Batch(accepted=tuple(accepted), rejected=tuple(rejected), findings=tuple(findings))


def _record(index: int, source: Source, settings: Settings, new_id: NewId, today: date) -> Accepted | RejectedRecord:
    found = list(source.findings)
    raw = source.raw
    if isinstance(raw, dict):
        problems = [*_repeated(raw)]
        kind = raw.get("type")
        if isinstance(kind, str) and kind in KINDS:
            known = KINDS[kind]
            problems += record_problems(raw, today, known.problems)
            problems += configuration_problems(raw, settings, *known.transactions)
            try:
                record = known.model.model_validate(raw)
            except ValidationError as error:
                problems += _value_problems(error, known.model)
            else:
                if not found and not problems:
                    built = known.build(record, settings, new_id)
                    return Accepted(index=index, record=built, digest=content_digest(record))
        else:
            what = "the type of the record is missing" if kind is None else "there is no such type of record"
            problems.append((("type",), what, f"Write one of {', '.join(KINDS)}"))
        found += _told(problems, source)
    elif not found:
        found.append(
            finding("value", source.where(()), "a record must be an object", "Write it as { ... } with its keys")
        )
    reference = raw.get("client_ref") if isinstance(raw, dict) else None
    readable = isinstance(reference, str) and _CLIENT_REF.fullmatch(reference.strip())
    return RejectedRecord(index=index, client_ref=str(reference).strip() if readable else "", findings=tuple(found))


def _value_problems(error: ValidationError, model: Any) -> Iterator[Problem]:
    found = error.errors(include_url=False, include_input=False)
    for each in found:
        path = each["loc"]
        if each["type"] == "too_short" and any(other["loc"][:-1][: len(path)] == path for other in found):
            continue  # Pydantic counts only the valid entries of a list; the others have been told.
        if each["type"] == "extra_forbidden":
            yield path, *unknown_key(str(path[-1]), sorted(known_keys(model, path[:-1])))
        else:
            yield path, *words(each["type"], each.get("ctx", {}))


def _told(problems: Iterable[Problem], source: Source) -> Iterator[Finding]:
    """One finding for each place and problem; what a check and the schema both see is told once."""
    seen = set()
    for path, what, fix in problems:
        where = source.where(path)
        if (where, what) not in seen:
            seen.add((where, what))
            yield finding("value", where, what, fix)


class _Repeating(dict[str, Any]):
    """An object in which keys were there more than once: JSON lets the last one win, which would lose the others."""

    repeated: tuple[str, ...] = ()


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    whole = dict(pairs)
    if len(whole) == len(pairs):
        return whole
    names = [name for name, _ in pairs]
    kept = _Repeating(whole)
    kept.repeated = tuple(name for name in whole if names.count(name) > 1)
    return kept


def _repeated(raw: dict[str, Any]) -> Iterator[Problem]:
    waiting: list[tuple[JsonPath, Any]] = [((), raw)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, _Repeating):
            for name in value.repeated:
                yield (*path, name), "this key is there twice", "Keep one of them"
        if isinstance(value, dict):
            waiting += [((*path, name), each) for name, each in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, position), each) for position, each in enumerate(value)]


def _whole_number(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= _DIGITS_MAX else Decimal(digits)


def _parsed(data: bytes, line: int = 0) -> tuple[Any, Finding | None]:
    """The parsed JSON, or the finding that says where it breaks off."""
    prefix = f"line {line}" if line else ""
    try:
        text = data.decode("utf-8-sig")
        return json.loads(text, object_pairs_hook=_pairs, parse_float=Decimal, parse_int=_whole_number), None
    except UnicodeDecodeError as error:
        place = f"line {line or data[: error.start].count(10) + 1}"
        return None, finding("encoding", place, "this is not UTF-8 text", "Save the file as UTF-8")
    except json.JSONDecodeError as error:
        place = f"line {line or error.lineno}, column {error.colno}"
        what = f"this is not JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        return None, finding("json", place, what, "Mend it there; the mistake may be just before")
    except RecursionError:
        return None, finding(
            "json", prefix, "objects and lists are nested too deeply", "Compare it with `gateway schema`"
        )
    except (ValueError, ArithmeticError):
        return None, finding(
            "json", prefix, "this has a number that can't be read", "Write numbers with up to 18 digits"
        )


def _read_json(data: bytes) -> tuple[list[Source], list[Finding]]:
    document, broken = _parsed(data)
    if broken:
        return [], [broken]
    if isinstance(document, list):
        return [_source(each, (position,)) for position, each in enumerate(document)], []
    if not isinstance(document, dict) or "records" not in document:
        return [_source(document, ())], []
    findings = [
        finding("key", shown_path((key,)), *unknown_key(key, ["schema", "records"]))
        for key in document
        if key not in ("schema", "records")
    ]
    findings += [finding("key", shown_path(path), what, fix) for path, what, fix in _repeated_top(document)]
    if document.get("schema", SCHEMA) != SCHEMA:
        what = "this version of the schema is not read here"
        findings.append(finding("schema", "$.schema", what, f'Write "{SCHEMA}", or leave it out'))
        return [], findings
    if not isinstance(document["records"], list):
        findings.append(finding("value", "$.records", "this must be a list", "Put the records in brackets: [...]"))
        return [], findings
    return [_source(each, ("records", position)) for position, each in enumerate(document["records"])], findings


def _repeated_top(document: dict[str, Any]) -> Iterator[Problem]:
    if isinstance(document, _Repeating):
        for name in document.repeated:
            yield (name,), "this key is there twice", "Keep one of them"


def _read_json_lines(data: bytes) -> tuple[list[Source], list[Finding]]:
    sources = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        raw, broken = _parsed(line, number)
        sources.append(Source(raw=raw, where=_line_places(number), findings=(broken,) if broken else ()))
    return sources, []


def _source(raw: Any, prefix: JsonPath) -> Source:
    return Source(raw=raw, where=lambda path: shown_path((*prefix, *path)))


def _line_places(number: int) -> Callable[[JsonPath], str]:
    return lambda path: f"line {number}, {shown_path(path)}"
