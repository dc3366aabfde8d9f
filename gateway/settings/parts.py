"""The pieces that every table of a configuration file is made of: texts, numbers, ids and paths, each with its cure.

Knows no table and no file.
"""

import os
import re
import string
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from gateway.settings.identifiers import npi_is_valid, taxonomy_is_valid

_DURATION = re.compile(r"([1-9][0-9]{0,5})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_BASIC = frozenset(string.ascii_uppercase + string.digits + " !\"&'()*+,-./:;?=")  # X12 basic character set
_EXTENDED = _BASIC | frozenset(string.ascii_lowercase + "%@[]_{}\\|<>~^`#$")


def mistake(what: str, fix: str) -> PydanticCustomError:
    """An error for a validator to raise: both texts come out as those of the finding."""
    return PydanticCustomError("mend", "{what}", {"what": what, "fix": fix})


def _npi(value: str) -> str:
    if not npi_is_valid(value):
        raise mistake(
            "this is no NPI: it needs ten digits, the last of them the right check digit", "Copy it from NPPES"
        )
    return value


def _taxonomy(value: str) -> str:
    if value and not taxonomy_is_valid(value):
        raise mistake(
            "this is no NUCC taxonomy code", "Write its ten characters, such as 225100000X for physical therapists"
        )
    return value


def _id(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", value):
        raise mistake(
            "an id is made of small letters, digits, - and _, 40 at most", "Choose such an id and never change it"
        )
    return value


def _envelope_id(value: str) -> str:
    if not 1 <= len(value) <= 15:
        raise mistake(
            f"this has {len(value)} characters, an envelope's id has 1 to 15", "Copy the id from the companion guide"
        )
    if value != value.strip() or not set(value) <= _EXTENDED:
        raise mistake("an envelope's id has no spaces around it and only characters of X12's sets", "Copy it once more")
    return value


def _seconds(value: Any) -> int:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise mistake("this is no duration", 'Write a number with s, m, h or d, in quotes: "90s", "15m", "24h", "14d"')
    return int(match[1]) * _SECONDS[match[2]]


def _delimiter(value: str) -> str:
    if len(value) != 1 or value.isalnum() or value == " " or not value.isascii():
        raise mistake("a delimiter is one ASCII character, no letter, digit or space", "Leave it out for the usual one")
    return value


def _path(value: Any, info: ValidationInfo) -> Path:
    """A relative path starts from the folder that the loader names: its file's, or where the gateway writes."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise mistake("this is no path", "Write a path in quotes")
    return Path(os.path.normpath(Path((info.context or {}).get("folder", Path()), value)))


Npi = Annotated[str, AfterValidator(_npi)]
Taxonomy = Annotated[str, AfterValidator(_taxonomy)]
Id = Annotated[str, AfterValidator(_id)]
EnvelopeId = Annotated[str, AfterValidator(_envelope_id)]
Qualifier = Annotated[str, Field(pattern=r"^[0-9A-Z]{2}$")]
Seconds = Annotated[int, BeforeValidator(_seconds)]
Delimiter = Annotated[str, AfterValidator(_delimiter)]
NonEmpty = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(strict=True, ge=1)]
Flag = Annotated[bool, Field(strict=True)]
PathHere = Annotated[Path, BeforeValidator(_path)]
Digits = Annotated[str, Field(pattern=r"^[0-9]{10}$")]


class Section(BaseModel):
    """A table of a file: frozen, and nothing may stand in it that is not named here."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True)
