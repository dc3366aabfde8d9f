"""What is wrong with a submitted value and how to mend it, in the clinic's words. Never repeats the value itself."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import PydanticCustomError

from gateway.errors import Finding
from gateway.settings.words import nearest

JsonPath = tuple[str | int, ...]

_WORDS = {
    "missing": ("this is missing", "Add it; `gateway schema` prints every key and its shape"),
    "string_type": ("this must be text", 'Put it in quotes: "..."'),
    "int_type": ("this must be a whole number", "Write it as a number, without quotes and without a fraction"),
    "bool_type": ("this must be true or false", "Write true or false, without quotes"),
    "tuple_type": ("this must be a list", "Put it in brackets: [...]"),
    "list_type": ("this must be a list", "Put it in brackets: [...]"),
    "model_type": ("this must be an object", "Write it as { ... } with its keys"),
    "model_attributes_type": ("this must be an object", "Write it as { ... } with its keys"),
    "dict_type": ("this must be an object", "Write it as { ... } with its keys"),
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def mistake(what: str, fix: str) -> PydanticCustomError:
    """An error for a validator to raise: both texts come out as those of the finding."""
    return PydanticCustomError("mend", "{what}", {"what": what, "fix": fix})


def words(kind: str, context: Mapping[str, Any]) -> tuple[str, str]:
    """What is wrong and how to mend it, for one error that pydantic calls ``kind``."""
    if kind == "mend":
        return str(context["what"]), str(context["fix"])
    if kind in ("literal_error", "enum"):
        expected = str(context["expected"]).replace("'", "")
        return "this is none of the possible values", f"Write {expected}"
    if kind in _BOUNDS:
        key, text = _BOUNDS[kind]
        return "this number is out of range", f"It must be {text} {context[key]}"
    if kind == "too_long":
        return "there are too many of these", f"At most {context['max_length']} are possible; split the record"
    if kind == "too_short":
        return "there are too few of these", f"At least {context['min_length']} is needed"
    return _WORDS.get(kind, ("this has not the right shape", "Compare it with what `gateway schema` prints"))


def unknown_key(key: str, known: Sequence[str]) -> tuple[str, str]:
    """For a key that the schema does not have. The key itself is shown only as part of the place."""
    near = nearest(key, list(known))
    return (
        "there is no such key",
        f"Did you mean {near}?" if near else f"Take it out; known here are {', '.join(known)}",
    )


def shown_path(path: JsonPath) -> str:
    """A JSON path: ``$.records[3].lines[0].units``. A key that is no plain word may be a person's: it is not shown."""
    parts = ["$"]
    for part in path:
        if isinstance(part, int):
            parts.append(f"[{part}]")
        else:
            parts.append(f".{part}" if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,39}", part) else ".?")
    return "".join(parts)


def finding(rule: str, where: str, what: str, fix: str) -> Finding:
    return Finding(rule=f"intake.{rule}", where=where, what=what, fix=fix)
