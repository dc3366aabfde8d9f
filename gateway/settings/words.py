"""A validation error of pydantic's in words that say how to mend it. Never repeats what was written."""

import difflib
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from gateway.settings.places import Path

_NO_DATE = ("this must be a date", "Write it without quotes, such as 2026-12-01")
_KINDS = {
    "string_type": ("this must be text", 'Put it in quotes: "..."'),
    "int_type": ("this must be a whole number", "Write it without quotes"),
    "int_parsing": ("this must be a whole number", "Write it without quotes"),
    "int_from_float": ("this must be a whole number", "Write it without a fraction"),
    "float_type": ("this must be a number", "Write it without quotes"),
    "float_parsing": ("this must be a number", "Write it without quotes"),
    "bool_type": ("this must be true or false", "Write true or false without quotes"),
    "tuple_type": ("this must be a list", 'Put it in brackets: ["..."]'),
    "dict_type": ("this must be a table", "Write it as [table] with keys, or as { key = value }"),
    "model_type": ("this must be a table", "Write it as [table] with keys, or as { key = value }"),
    "model_attributes_type": ("this must be a table", "Write it as [table] with keys, or as { key = value }"),
    "date_type": _NO_DATE,
    "date_from_datetime_parsing": _NO_DATE,
    "missing": ("this key is missing", "Add it; _example.toml and the shipped gateway.toml show every key"),
    "union_tag_not_found": ("the kind is missing", 'Write kind = "directory", kind = "sftp" or kind = "as2"'),
}


_PATTERNS = {
    r"^[A-Z]{2}$": "Write the two capitals of the state",
    r"^[0-9]{5}([0-9]{4})?$": "Write five or nine digits, without a hyphen, in quotes",
    r"^[0-9]{10}$": "Write ten digits, without spaces or hyphens, in quotes",
    r"^[0-9]{9}$": "Write nine digits, without a hyphen, in quotes",
    r"^[0-9A-Z]{2}$": "Write two digits or capitals, in quotes",
    r"^[0-9A-Z]{1,2}$": "Write one or two digits or capitals, in quotes",
    r"^[0-9A-Z]{10}$": "Write ten digits or capitals: a 1 and the EIN, or a 9 and an agreed number",
}
_TAGS = ("directory", "sftp", "as2")  # Pydantic puts the kind of a transport into the path.


def mistakes(error: ValidationError, model: type[BaseModel]) -> Iterator[tuple[Path, str, str]]:
    """Every mistake as its key path, what is wrong and how to mend it."""
    found = error.errors(include_url=False, include_input=False)
    for each in found:
        place = each["loc"]
        if each["type"] == "too_short" and any(other["loc"][:-1][: len(place)] == place for other in found):
            continue  # Pydantic counts only the valid entries of a list; the others have been told.
        path = tuple(
            part for position, part in enumerate(place) if place[:position] != ("transport",) or part not in _TAGS
        )
        if each["type"] == "extra_forbidden":
            yield path, *_unknown(str(path[-1]), sorted(known_keys(model, place[:-1])))
        elif each["type"].startswith("union_tag"):
            yield (*path, "kind"), *_words(each["type"], each["msg"], each.get("ctx", {}))
        else:
            yield path, *_words(each["type"], each["msg"], each.get("ctx", {}))


def _words(kind: str, message: str, context: Mapping[str, Any]) -> tuple[str, str]:
    if kind == "mend":
        return str(context["what"]), str(context["fix"])
    if kind == "union_tag_invalid":
        return "there is no such transport", f"Write one of {str(context['expected_tags']).replace(chr(39), chr(34))}"
    if kind in ("literal_error", "enum"):
        return (
            "this is none of the values that are possible here",
            f"Write {str(context['expected']).replace(chr(39), chr(34))}",
        )
    if kind == "string_pattern_mismatch":
        return "this does not have the right shape", _PATTERNS.get(
            str(context["pattern"]), f"It must match {context['pattern']}"
        )
    if kind == "too_short" or kind == "string_too_short":
        return "this is empty or too short", f"At least {context['min_length']} is needed"
    if kind == "string_too_long":
        return "this is too long", f"Shorten it to {context['max_length']} characters"
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        return "the number is out of range", message.replace("Input should be", "It must be")
    return _KINDS.get(
        kind, (f"this is not valid here ({kind})", "Compare it with _example.toml or the shipped gateway.toml")
    )


def nearest(name: str, known: list[str]) -> str:
    """The known name that was probably meant; "" where none is near."""
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.6)), "")


def _unknown(name: str, known: list[str]) -> tuple[str, str]:
    near = nearest(name, known)
    fix = f"Did you mean {near}?" if near else f"Take it out; known here are {', '.join(known)}"
    return "there is no such key", fix


def known_keys(model: type[BaseModel], path: Path) -> set[str]:
    """The names that are known at a path; in a transport of no known kind, those of every kind."""
    models: list[type[BaseModel]] = [model]
    for part in path:
        if isinstance(part, str):
            named = [each for each in models if part in typing.get_args(_annotation(each, "kind"))]
            models = named or [inner for each in models for inner in _models(_annotation(each, part))]
    return {field.alias or name for each in models for name, field in each.model_fields.items()}


def _annotation(model: type[BaseModel], name: str) -> Any:
    fields = model.model_fields.items()
    return next((field.annotation for field_name, field in fields if name in (field_name, field.alias)), None)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models(inner)
