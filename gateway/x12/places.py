"""Where the code lists apply: which element of a guide holds a code of which list, or a value of which form (SNIP 5).

The facts are edi_maps/places, a file a guide, with ``common.toml`` for all and ``formats.toml``; the lists are those of
``codes``. It walks no document: what compiles a guide asks ``load`` and ``certain``, and ``check_value`` for what is
not certain. It never quotes a value.

A place is ``at`` (CLM05-01), in ``loops`` (the last id of the loop's path; none means any), ``when`` other elements of
the segment hold a code: ``"N404=,US,CA"`` (absent, US or CA), ``"*-01=ABK"`` (the same element's first component).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from gateway.errors import Finding, GatewayError, Position, Severity
from gateway.resources import folder
from gateway.x12 import codes
from gateway.x12.codes import Verdict

_REFERENCE = re.compile(r"([A-Z][A-Z0-9]{1,2}|\*)([0-9]{2})?(?:-([0-9]{2}))?")
_INVALID_CODE, _PATTERN_MISSED = "7", "I12"  # IK403
_KEYS = {"at", "loops", "when", "list", "format", "severity", "unlisted"}

Condition = tuple[int, int, tuple[str, ...]]  # element, component (0 for a simple one), codes; "" means absent


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One element that a list or a form holds for. ``loop`` is the last id of its loop's path, "" for any loop.

    ``unlisted`` weighs a code that a list does not know which is not whole; None: no fault at all.
    """

    loop: str
    tag: str
    element: int
    component: int = 0
    when: tuple[Condition, ...] = ()
    list: str = ""
    format: str = ""
    severity: Severity = Severity.BLOCK
    unlisted: Severity | None = Severity.NOT_EVALUATED
    source: str = ""
    snip: int = 5

    @property
    def reference(self) -> str:
        """The standard's name of the place, such as ``CLM05-01``."""
        return Position(tag=self.tag, element=self.element, component=self.component).reference

    def fits(self, loop: str, tag: str) -> bool:
        """Whether the place is in segments of this tag, in the loop of this path."""
        return tag == self.tag and self.loop in ("", loop.rpartition("/")[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Certain:
    """What needs no second look: a value of ``values`` (None: any) that matches ``pattern`` as a whole ("": any form).

    It must not be ``doubtful``, and must be a sound NPI where ``npi`` is set.
    """

    values: frozenset[str] | None
    pattern: str
    doubtful: frozenset[str]
    npi: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFault:
    """What is wrong with a value; ``code`` is its IK403 of the 999, "" where nothing was found wrong."""

    rule: str
    what: str
    fix: str
    code: str
    element: int
    component: int
    severity: Severity
    source: str
    snip: int = 5


def check_value(place: Place, value: str, on: date | None = None) -> CodeFault | None:
    """The fault of a value that is not empty, on the document's day; None where there is none."""
    if place.format and not _has_form(place.format, value):
        form = _formats()[place.format]
        what = f"{place.reference} is not {form['title']}"
        return _fault(place, "form", what, form["fix"], _PATTERN_MISSED, place.severity, form["source"])
    return _check_code(place, value, on) if place.list else None


def _check_code(place: Place, value: str, on: date | None) -> CodeFault | None:
    of = codes.load(place.list)
    match of.known(value, on):
        case Verdict.UNKNOWN:
            what = f"{place.reference} is none of the {of.title}, as they stood on {of.as_of}"
            return _fault(place, "unknown", what, "Send a code of the list", _INVALID_CODE, place.severity, of.source)
        case Verdict.RETIRED:
            what = f"{place.reference} is one of the {of.title}, but no longer in use on the day of the document"
            fix = "Send the code that took its place"
            return _fault(place, "retired", what, fix, _INVALID_CODE, Severity.WARN, of.source)
        case Verdict.NOT_YET:
            what = f"{place.reference} is one of the {of.title}, but not yet in use on the day of the document"
            fix = "Send a code that was in use then, or correct the date"
            return _fault(place, "not_yet", what, fix, _INVALID_CODE, Severity.WARN, of.source)
        case Verdict.NOT_EVALUATED if place.unlisted is not None:
            what = f"{place.reference} is not in our part of the {of.title}, of {of.as_of}"
            return _fault(place, "unlisted", what, "Look it up with the list's keeper", "", place.unlisted, of.source)
    return None


def _has_form(name: str, value: str) -> bool:
    if _formats()[name].get("check_digit"):
        return codes.npi_is_sound(value)
    return _pattern(name).fullmatch(value) is not None


def _fault(place: Place, rule: str, what: str, fix: str, code: str, severity: Severity, source: str) -> CodeFault:
    return CodeFault(
        rule=f"x12.code.{rule}",
        what=what,
        fix=fix,
        code=code,
        element=place.element,
        component=place.component,
        severity=severity,
        source=source,
    )


@cache
def certain(place: Place, since: date | None = None) -> Certain:
    """What ``check_value`` finds no fault with, whatever the day from that one on: for a first look that is quick."""
    values: frozenset[str] | None = None
    doubtful: frozenset[str] = frozenset()
    if place.list:
        one = codes.load(place.list)
        known = codes.steady(place.list, since) if since else codes.current(place.list)
        if one.complete or place.unlisted is not None:
            values = known
        else:
            doubtful = frozenset(one.spans) - known
    form = _formats()[place.format] if place.format else {}
    return Certain(values=values, pattern=form.get("pattern", ""), doubtful=doubtful, npi=bool(form.get("check_digit")))


@cache
def load(guide_name: str) -> list[Place]:
    """The places of a guide by its file name, those that all share first; none for a guide that has no file.

    GatewayError with every mistake of every file, whichever guide is asked for.
    """
    return _all().get(guide_name, [])


@cache
def _all() -> Mapping[str, list[Place]]:
    mistakes: list[Finding] = []
    wholes: dict[str, dict[str, Any]] = {}
    for path in sorted(_folder().glob("*.toml")):
        try:
            wholes[path.name] = codes.read_file(path)
        except GatewayError as error:
            mistakes += error.findings
    wholes.pop("formats.toml", None)
    common = wholes.pop("common.toml", {})
    found: dict[str, list[Place]] = {}
    for file, whole in wholes.items():
        read = _Reader(file, whole, mistakes)
        places = [*read.places(common.get("places", ()), "common.toml"), *read.places(whole.get("places", ()), file)]
        for guide in whole.get("guides", ()):
            found[guide] = places
    if mistakes:
        what = "the places of the code lists cannot be used"
        raise GatewayError(what, where="edi_maps/places", fix=mistakes[0].fix, findings=tuple(mistakes))
    return found


@cache
def _formats() -> Mapping[str, Mapping[str, Any]]:
    return codes.read_file(_folder() / "formats.toml")


@cache
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(_formats()[name]["pattern"])


def _folder() -> Path:
    return folder("edi_maps") / "places"


class _Reader:
    """Turns a file's entries into places, and keeps what is wrong with them."""

    def __init__(self, file: str, whole: Mapping[str, Any], mistakes: list[Finding]) -> None:
        self._file = file
        self._mistakes = mistakes
        self._source = whole.get("source", "")
        self._severity = self._weight(whole.get("severity", "block"), "severity")
        if not whole.get("guides"):
            self._wrong("it names no guide", 'Write guides = ["..."]')

    def places(self, entries: Any, file: str) -> Iterator[Place]:
        """An entry names several places: one for each reference and loop."""
        self._file = file
        for number, entry in enumerate(entries, 1):
            place = f"place {number}"
            for key in sorted(entry.keys() - _KEYS):
                self._wrong(f"{place}: {key} is no entry of a place", f"Use one of {', '.join(sorted(_KEYS))}")
            if not entry.get("list") and not entry.get("format"):
                self._wrong(f"{place} names neither a list nor a format", "Name one")
            self._check_names(place, entry)
            for reference in entry.get("at", "").split() or [""]:
                at = self._at(reference, place)
                for loop in entry.get("loops", "").split() or [""]:
                    if at:
                        yield self._place(entry, at, loop, place)

    def _place(self, entry: Mapping[str, Any], at: tuple[str, int, int], loop: str, place: str) -> Place:
        tag, element, component = at
        unlisted = entry.get("unlisted", "not_evaluated")
        return Place(
            loop=loop,
            tag=tag,
            element=element,
            component=component,
            when=tuple(self._when(entry.get("when", ""), at, place)),
            list=entry.get("list", ""),
            format=entry.get("format", ""),
            severity=self._weight(entry["severity"], place) if "severity" in entry else self._severity,
            unlisted=None if unlisted == "silent" else self._weight(unlisted, place),
            source=self._source,
        )

    def _when(self, text: str, at: tuple[str, int, int], place: str) -> Iterator[Condition]:
        for word in text.split():
            reference, _, values = word.partition("=")
            other = self._at(reference, place)
            if other and other[0] not in ("*", at[0]):
                self._wrong(f"{place}: {reference} is not in {at[0]}", "Name an element of the same segment")
            elif other:
                yield (at[1] if other[0] == "*" else other[1], other[2], tuple(values.split(",")))

    def _at(self, reference: str, place: str) -> tuple[str, int, int] | None:
        found = _REFERENCE.fullmatch(reference)
        if found is None or (found[1] == "*") == bool(found[2]):
            self._wrong(f"{place}: {reference or 'at'} names no element", "Write it as CLM05 or CLM05-01")
            return None
        return found[1], int(found[2] or 0), int(found[3] or 0)

    def _check_names(self, place: str, entry: Mapping[str, Any]) -> None:
        if entry.get("format", "") not in ("", *_formats()):
            self._wrong(f"{place}: there is no such format", f"Use one of {', '.join(sorted(_formats()))}")
        if entry.get("list"):
            try:
                codes.load(entry["list"])
            except GatewayError as error:
                self._wrong(f"{place}: {error.what}", error.fix)

    def _weight(self, text: str, place: str) -> Severity:
        try:
            return Severity(text)
        except ValueError:
            self._wrong(f"{place}: {text} is no severity", f"Use one of {', '.join(Severity)}")
            return Severity.BLOCK

    def _wrong(self, what: str, fix: str) -> None:
        self._mistakes.append(Finding(rule="places.file", what=what, fix=fix, where=f"edi_maps/places/{self._file}"))
