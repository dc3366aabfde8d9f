"""The one door to structlog: lines of events named noun.past_verb, with ids, codes and counts.

No value of a patient ever gets in: only the fields of ``FIELDS`` pass, each in the shape that it has there, and of an
exception only its type, our own words and the places it went through. A library's text may quote what it choked on.
"""

import logging
import re
import sys
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import structlog

from gateway.errors import GatewayError

FRAMES_MAX = 12
_NAME = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_ID = re.compile(r"[a-z]{2}_[A-Za-z0-9_-]{8,40}")  # What store.new_id makes.
_NAMED = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")  # An id of the configuration.
_NUMBER = re.compile(r"[0-9]{1,9}")
_ADDRESS = re.compile(r"[0-9a-f:.]{2,39}")  # Of a machine: IPv4 or IPv6.
_COUNT_MAX = 10**15
_CODE = re.compile(r"[A-Za-z0-9_.:/-]{1,40}")
_PLACE_PART = (
    r"(?:(?:interchange|group|set|segment) [0-9A-Z]{0,5}[0-9]{1,9}"
    r"|loop [0-9A-Z_/]{1,60}"
    r"|[A-Z][A-Z0-9]{1,2}(?:[0-9]{2}(?:-[0-9]{2})?)?)"
)
_PLACE = re.compile(rf"{_PLACE_PART}(?:, {_PLACE_PART})*|\$[a-z0-9_.\[\]]{{0,120}}")  # A Position, or a JSON path.
_WORDS = re.compile(r"[ -~\u2018-\u201d]{1,300}")

Shape = Callable[[object], bool]


class LeakSuspected(AssertionError):
    """A line would have carried what no log may carry; raised where ``strict`` is set, so that a test fails."""


def _text(pattern: re.Pattern[str]) -> Shape:
    return lambda value: isinstance(value, str) and (not value or bool(pattern.fullmatch(value)))


def _count(value: object) -> bool:
    return isinstance(value, int | float) and abs(value) < _COUNT_MAX


def _any(*shapes: Shape) -> Shape:
    return lambda value: any(shape(value) for shape in shapes)


def _fields(shape: Shape, names: str) -> dict[str, Shape]:
    return dict.fromkeys(names.split(), shape)


# Field names and the shape of their values. Ids are ours and opaque: a clinic's own number fits none of them.
FIELDS: Mapping[str, Shape] = {
    **_fields(
        _text(_ID), "authorization claim document input job person remittance subject task bucket entry line message"
    ),
    **_fields(_text(_NAMED), "node organisation clinic partner actor"),
    **_fields(_any(_text(_NUMBER), _count), "interchange isa13 group gs06 set st02"),
    **_fields(_text(_PLACE), "place"),
    **_fields(_text(_ADDRESS), "address"),
    **_fields(
        _count,
        "accepted rejected parked attempts attempts_max bytes claims count documents due_in_s duration_s entries "
        "findings fence jobs lines partners port read remittances retry_in_s segments sets size threads waiting "
        "written taken sent authorizations released records files pid repeated conflicts buckets cases recovered",
    ),
    **_fields(
        _text(_CODE),
        "action answer by category code direction error event_kind guide kind lane library outcome role rule scenario "
        "signal source stage state status step transaction transport type verdict version revision digest reason_code",
    ),
}


def refuse_phi(strict: bool) -> Callable[[Any, str, MutableMapping[str, Any]], MutableMapping[str, Any]]:
    """A processor that lets only ``FIELDS`` pass; ``strict`` raises LeakSuspected, else what does not is dropped."""

    def guard(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event = line.pop("event", "")
        failure = line.pop("exc_info", None)
        passed = {name: value for name, value in line.items() if value is None or _passes(name, value)}
        refused = sorted(str(name) for name in line.keys() - passed.keys())
        named = isinstance(event, str) and bool(_NAME.fullmatch(event))
        if strict and not named:
            raise LeakSuspected("an event is named noun.past_verb, and nothing is written into the name")
        if strict and refused:
            raise LeakSuspected(
                f"{event}: fields {', '.join(refused)} are not in logs.FIELDS or do not have the shape set there"
            )
        shown = {"event": event if named else "event.unnamed", **passed, **_failure(failure)}
        return {**shown, "dropped": len(refused)} if refused else shown

    return guard


def configure(level: str = "info", json: bool = True, *, strict: bool = False, stream: TextIO | None = None) -> None:
    """Sets how lines look and where they go (standard error). Libraries' own lines are cut down to who wrote them."""
    renderer: Any = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            refuse_phi(strict),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Lines(stream),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [each for each in root.handlers if not isinstance(each, _Library)] + [_Library(logging.WARNING)]


def get() -> structlog.typing.FilteringBoundLogger:
    """A logger, to be bound with ``log.bind(partner=..., document=...)``. It follows every later ``configure``."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger


class _Lines:
    """Makes loggers that write to the stream, or to whatever standard error is at that moment."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def __call__(self, *names: Any) -> structlog.WriteLogger:
        return structlog.WriteLogger(self._stream or sys.stderr)


class _Library(logging.Handler):
    """Tells that a library had something to say, and which one; its text may hold a value."""

    def emit(self, record: logging.LogRecord) -> None:
        library = record.name.split(".")[0]
        get().warning("library.warned", library=library if _CODE.fullmatch(library) else "unnamed", by=record.levelname)


def _passes(name: str, value: object) -> bool:
    shape = FIELDS.get(name)
    return shape is not None and shape(value)


def _failure(failure: Any) -> dict[str, Any]:
    """An exception's type, our own words where it is ours, and its frames: file, line and function, innermost last."""
    error = sys.exc_info()[1] if failure is True else failure[1] if isinstance(failure, tuple) else failure
    if not isinstance(error, BaseException):
        return {}
    shown: dict[str, Any] = {"error": type(error).__name__}
    if isinstance(error, GatewayError) and _WORDS.fullmatch(error.what):
        shown["message"] = error.what
    if error.__cause__ is not None:
        shown["cause"] = type(error.__cause__).__name__
    return {**shown, "frames": _frames(error.__traceback__)}


def _frames(tail: TracebackType | None) -> list[str]:
    walked = [(frame.f_code, line) for frame, line in traceback.walk_tb(tail)]
    return [f"{Path(code.co_filename).name}:{line} {code.co_name}" for code, line in walked[-FRAMES_MAX:]]


configure(json=False)
