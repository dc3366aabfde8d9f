"""The code lists: what a code means in our own short words, and whether it was in use on a day.

It never says where a list applies (``places`` does), and never refuses a code for being unknown to a list that is not
whole: many lists are the part that therapy needs, and their keepers add codes three times a year.

A file of edi_maps/codes holds ``title``, ``source``, ``date`` (the day it was true), ``complete``, ``[codes]`` with
names, and ``[[spans]]``: codes by number, such as ``"1-14 B1-B3"``, with the day from which they were in use
(``since``) and the first on which they were not any more (``until``). ``[loops]`` narrows a list by loop: the list
``aaa03.2000A`` is that part of ``aaa03``.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from gateway.errors import Finding, GatewayError
from gateway.resources import folder

_RANGE = re.compile(r"([A-Z]*)([0-9]+)-\1([0-9]+)")
_KEYS = {"title", "source", "date", "complete", "codes", "spans", "loops"}


class Verdict(StrEnum):
    """What a list says of a code on a day. ``NOT_EVALUATED``: the list is not whole, and has not got the code."""

    CURRENT = "current"
    NOT_YET = "not_yet"
    RETIRED = "retired"
    UNKNOWN = "unknown"
    NOT_EVALUATED = "not_evaluated"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeList:
    """One list. ``spans`` gives the days of codes that were not always in use, from the first to before the second."""

    name: str
    title: str
    source: str
    as_of: date
    complete: bool
    entries: Mapping[str, Mapping[str, str]]
    codes: frozenset[str]
    spans: Mapping[str, tuple[tuple[date, date], ...]]

    def known(self, code: str, on: date | None = None) -> Verdict:
        """Whether the code was in use on this day; on the list's own day, where None is given."""
        if code not in self.codes:
            return Verdict.UNKNOWN if self.complete else Verdict.NOT_EVALUATED
        spans = self.spans.get(code)
        day = on or self.as_of
        if spans is None or any(since <= day < until for since, until in spans):
            return Verdict.CURRENT
        return Verdict.NOT_YET if day < spans[0][0] else Verdict.RETIRED


def meaning(list_name: str, code: str) -> str:
    """The short name of a code such as ``("carc", "197")`` or ``("TA105", "025")``; "" where it is unknown.

    ``list_name`` is a file of edi_maps/codes, in either case; a list that is not there knows no code.
    """
    return _entry(list_name, code).get("name", "")


def category(list_name: str, code: str) -> str:
    """The group that the list puts a code in (a worklist, a verdict, a next step); "" where there is none."""
    return _entry(list_name, code).get("category", "")


def known(list_name: str, code: str, on: date | None = None) -> Verdict:
    """Whether a code was in use on a day, by this list; without a day, on that of the list."""
    return load(list_name).known(code, on)


@cache
def current(list_name: str, on: date | None = None) -> frozenset[str]:
    """The codes in use on a day; without one, those in use on every day, so certain whatever a document's date is."""
    one = load(list_name)
    if on is None:
        return one.codes - one.spans.keys()
    return frozenset(code for code in one.codes if one.known(code, on) is Verdict.CURRENT)


@cache
def steady(list_name: str, since: date) -> frozenset[str]:
    """The codes in use on every day from that one on: certain for documents that are not older."""
    one = load(list_name)
    return one.codes - {
        code for code, spans in one.spans.items() if not any(first <= since and end == date.max for first, end in spans)
    }


@cache
def load(list_name: str) -> CodeList:
    """A list by the name of its file, or of file and loop; GatewayError with every mistake of the file."""
    name, _, loop = list_name.partition(".")
    path = folder("edi_maps") / "codes" / f"{name}.toml"
    if not path.is_file():
        raise GatewayError("there is no such code list", where=list_name, fix=f"Write {path.name} in edi_maps/codes")
    whole = read_file(path)
    mistakes = tuple(_mistakes(whole, path.name))
    if loop and loop not in whole.get("loops", {}):
        mistakes += (_mistake(path.name, f"[loops] has no entry {loop}", "Name the codes that the guide allows there"),)
    if mistakes:
        raise GatewayError("a code list cannot be used", where=path.name, fix=mistakes[0].fix, findings=mistakes)
    return _read(list_name, whole, loop)


def read_file(path: Path) -> dict[str, Any]:
    """A file of edi_maps; GatewayError with its one finding where it is not TOML."""
    where = f"edi_maps/{path.parent.name}/{path.name}"
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        what, fix = f"the file is not TOML: {error}", "Correct the place that it names"
        finding = Finding(rule="edi_maps.file", what=what, fix=fix, where=where)
        raise GatewayError(what, where=where, fix=fix, findings=(finding,)) from error


def npi_is_sound(text: str) -> bool:
    """Whether these are ten digits with a right check digit: Luhn over 80840 and the NPI (CMS; 45 CFR 162.406).

    Three look-ups, since every provider of every set is checked.
    """
    try:
        return (_FIRST[text[:3]] + _MIDDLE[text[3:6]] + _LAST[text[6:]]) % 10 == 0
    except KeyError:
        return False


def _luhn(digits: str, *, doubled_at: int) -> int:
    """The Luhn sum of some digits of a number, of which those at even or odd places (0, 1) count twice."""
    return sum(
        sum(divmod(int(digit) * 2, 10)) if place % 2 == doubled_at else int(digit) for place, digit in enumerate(digits)
    )


# Ten digits and the prefix: the first of the ten counts twice, and so on by turns. The prefix adds 24.
_FIRST = {f"{number:03}": 24 + _luhn(f"{number:03}", doubled_at=0) for number in range(1000)}
_MIDDLE = {f"{number:03}": _luhn(f"{number:03}", doubled_at=1) for number in range(1000)}
_LAST = {f"{number:04}": _luhn(f"{number:04}", doubled_at=0) for number in range(10_000)}


def _entry(list_name: str, code: str) -> Mapping[str, str]:
    try:
        return load(list_name.lower()).entries.get(code, {})
    except GatewayError as error:
        if error.findings:
            raise
        return {}


def _read(list_name: str, whole: Mapping[str, Any], loop: str) -> CodeList:
    codes = set(whole.get("codes", ()))
    spans: dict[str, list[tuple[date, date]]] = {}
    for span in whole.get("spans", ()):
        mine = set(expand(span["codes"]))
        codes |= mine
        if "since" in span or "until" in span:
            for code in mine:
                spans.setdefault(code, []).append((span.get("since", date.min), span.get("until", date.max)))
    if loop:
        codes = set(whole["loops"][loop].split())
    entries = whole.get("codes", {})
    return CodeList(
        name=list_name,
        title=whole["title"],
        source=whole["source"],
        as_of=whole["date"],
        complete=bool(loop) or whole["complete"],
        entries={code: {"name": entry} if isinstance(entry, str) else entry for code, entry in entries.items()},
        codes=frozenset(codes),
        spans={code: tuple(sorted(each)) for code, each in spans.items() if code in codes},
    )


def expand(text: str) -> Iterator[str]:
    """The codes of ``"M1-M3 07 A-B"``: a range counts digits behind equal letters, as wide as its first one."""
    for word in text.split():
        found = _RANGE.fullmatch(word)
        if found is None:
            yield word
            continue
        letters, first, last = found.groups()
        for number in range(int(first), int(last) + 1):
            yield f"{letters}{number:0{len(first)}}"


def _mistakes(whole: Mapping[str, Any], file: str) -> Iterator[Finding]:
    for key in sorted(whole.keys() - _KEYS):
        yield _mistake(file, f"{key} is no entry of a code list", f"Use one of {', '.join(sorted(_KEYS))}")
    for key, kind in (("title", str), ("source", str), ("date", date), ("complete", bool)):
        if not isinstance(whole.get(key), kind):
            yield _mistake(file, f"{key} is missing or of the wrong kind", f"Write {key} as a {kind.__name__}")
    for number, span in enumerate(whole.get("spans", ()), 1):
        place = f"span {number}"
        if span.keys() - {"codes", "since", "until"} or not isinstance(span.get("codes"), str):
            yield _mistake(file, f"{place} is not one", "Write codes as one text, with since and until where they hold")
        since, until = span.get("since", date.min), span.get("until", date.max)
        if not isinstance(since, date) or not isinstance(until, date):
            yield _mistake(file, f"{place} has no dates in since or until", "Write them as 2016-05-01")
        elif since >= until:
            yield _mistake(file, f"{place} ends before it begins", "Correct since or until")
    if not whole.get("codes") and not whole.get("spans"):
        yield _mistake(file, "it names no code", "Write [codes] or [[spans]]")


def _mistake(file: str, what: str, fix: str) -> Finding:
    return Finding(rule="codes.file", what=what, fix=fix, where=f"edi_maps/codes/{file}")
