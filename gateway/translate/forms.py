"""How one value is written in an element and read back: text, whole numbers, cents, dates, hours, code tables.

A form is chosen for a field's type when a map is loaded. Forms never round and never guess: what does not fit raises
ValueError, whose text names the trouble and never the value, which may be a patient's.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any

NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
DIGITS_MAX = 15  # of a whole number that is read the short way
KNOWN_MAX = 16_384
MINUTES_AN_HOUR = 60


@dataclass(frozen=True, slots=True)
class Form:
    """``write`` and ``read`` are each other's inverse; ``settle``, where there is one, gives the one of several names
    that is read back.

    ``texts`` and ``values`` hold what was written and read before, or all that there is, because amounts and days come
    again and again; they know a value apart from whose it was, and never grow beyond ``KNOWN_MAX``.
    """

    name: str
    write: Callable[[Any], str]
    read: Callable[[str], Any]
    settle: Callable[[Any], Any] | None = None
    zero_is_empty: bool = False
    is_text: bool = False  # ``read`` and ``write`` change nothing.
    texts: dict[Any, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    def written(self, value: Any) -> str:
        text = self.texts.get(value)
        if text is None:
            text = self.write(value)
            if len(self.texts) >= KNOWN_MAX:
                self.texts.clear()
            self.texts[value] = text
        return text

    def understood(self, text: str) -> Any:
        """The value of a text that ``values`` does not hold; it will from now on."""
        value = self.read(text)
        if len(self.values) >= KNOWN_MAX:
            self.values.clear()
        self.values[text] = value
        return value


class Misfit(ValueError):
    """A form that is unknown or does not fit the type of its field; found when a map is loaded."""


def form_for(name: str, kind: Any, codes: Mapping[str, Mapping[str, Any]]) -> Form:
    """The form for a field of type ``kind``; raises Misfit. "" is the type's plain form, "cents?" leaves a zero out."""
    bare, zero_is_empty = (name[:-1], True) if name.endswith("?") else (name, False)
    if bare in codes:
        return _coded(bare, kind, codes[bare])
    if bare == "":
        return _text(kind)
    if bare not in _NUMBERS and bare != "date":
        raise Misfit(f"there is no form or code table {bare}")
    wanted = date if bare == "date" else int
    if kind is not wanted:
        raise Misfit(f"the form {bare} is for {wanted.__name__}, the field is {_shown(kind)}")
    if bare == "date":
        return _DATE
    write, read = _NUMBERS[bare]
    texts, values = _KNOWN[bare]
    return Form(bare, write, read, zero_is_empty=zero_is_empty, texts=texts, values=values)


def cents_out(cents: int) -> str:
    """An amount of the standard's type R: no more digits than needed, as in 12.5 or -3."""
    if cents % 100 == 0:
        return str(cents // 100)
    whole, part = divmod(abs(cents), 100)
    return "-" * (cents < 0) + f"{whole}.{part:02}".rstrip("0").rstrip(".")


def cents_in(text: str) -> int:
    if len(text) <= DIGITS_MAX and text.isascii():
        whole, _, part = text.removeprefix("-").partition(".")
        if whole.isdecimal() and (part.isdecimal() or not part) and len(part) <= 2:
            cents = int(whole + part.ljust(2, "0"))
            return -cents if text[0] == "-" else cents
    return _whole(text, 100, "an amount in whole cents")


def hours_out(minutes: int) -> str:
    hours = Decimal(minutes) / MINUTES_AN_HOUR
    if hours * MINUTES_AN_HOUR != minutes or len(shown := f"{hours.normalize():f}") > 15:
        raise ValueError("these minutes are no decimal fraction of an hour")
    return shown


def hours_in(text: str) -> int:
    return _whole(text, MINUTES_AN_HOUR, "a number of hours that is whole in minutes")


def int_in(text: str) -> int:
    return _whole(text, 1, "a whole number")


def date_out(day: date) -> str:
    return f"{day.year:04}{day.month:02}{day.day:02}"


def date_in(text: str) -> date:
    if len(text) != 8 or not (text.isdecimal() and text.isascii()):
        raise ValueError("it is not a date (CCYYMMDD)")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("it is not a day of the calendar") from None


def plain(value: Any) -> str:
    """The name that code tables and conditions know a value by: an Enum's value, true or false, the text itself."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value.value) if isinstance(value, Enum) else str(value)


def from_plain_text(kind: Any, text: str) -> Any:
    """The value of type ``kind`` that has this name; raises Misfit."""
    if kind is bool and text in ("true", "false"):
        return text == "true"
    if kind is str:
        return text
    if isinstance(kind, type) and issubclass(kind, Enum) and text in {each.value for each in kind}:
        return kind(text)
    raise Misfit(f"{text} is no {_shown(kind)}")


_NUMBERS: dict[str, tuple[Callable[[Any], str], Callable[[str], Any]]] = {
    "int": (str, int_in),
    "cents": (cents_out, cents_in),
    "hours": (hours_out, hours_in),
}
_KNOWN: dict[str, tuple[dict[Any, str], dict[str, Any]]] = {name: ({}, {}) for name in _NUMBERS}
_TEXT = Form("text", str, str, is_text=True)
_DATE = Form("date", date_out, date_in)


def _whole(text: str, parts: int, meant: str) -> int:
    if text.isdecimal() and text.isascii() and len(text) <= DIGITS_MAX:
        return int(text) * parts
    if not NUMBER.fullmatch(text):
        raise ValueError(f"it is not {meant}")
    amount = Decimal(text) * parts
    if amount != amount.to_integral_value():
        raise ValueError(f"it is not {meant}")
    return int(amount)


def _text(kind: Any) -> Form:
    if kind is str:
        return _TEXT
    if isinstance(kind, type) and issubclass(kind, Enum):
        known = {str(each.value): each for each in kind}

        def read(text: str) -> Any:
            if text not in known:
                raise ValueError(f"it is not one of the codes {' '.join(known)}")
            return known[text]

        return Form("text", plain, read, values=dict(known))
    raise Misfit(f"a field of type {_shown(kind)} needs a form")


def _coded(name: str, kind: Any, table: Mapping[str, Any]) -> Form:
    """``table`` is name -> code, or a list of codes: the first is written, all are read. First name of a code wins."""
    values = {key: from_plain_text(kind, key) for key in table}
    if isinstance(kind, type) and issubclass(kind, Enum):
        left_out = [str(each.value) for each in kind if each.value not in table]
        if left_out:
            raise Misfit(f"the code table {name} has no code for {', '.join(left_out)}")
    written = {key: codes if isinstance(codes, str) else codes[0] for key, codes in table.items()}
    known: dict[str, Any] = {}
    for key, codes in table.items():
        for code in (codes,) if isinstance(codes, str) else codes:
            known.setdefault(code, values[key])

    def write(value: Any) -> str:
        if plain(value) not in written:
            raise ValueError(f"the code table {name} has no code for it")
        return written[plain(value)]

    def read(text: str) -> Any:
        if text not in known:
            raise ValueError(f"the code table {name} does not know this code")
        return known[text]

    def settle(value: Any) -> Any:
        return known[written[plain(value)]] if plain(value) in written else value

    return Form(name, write, read, settle, values=dict(known))


def _shown(kind: Any) -> str:
    return getattr(kind, "__name__", str(kind))
