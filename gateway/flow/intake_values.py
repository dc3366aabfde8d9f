"""The kinds of values that a clinic submits, each checked and brought into one form: text, codes, days, cents, minutes.

A value is never guessed: a date in another order, a fraction of a cent or of a minute is a finding.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from gateway.flow.intake_words import mistake
from gateway.settings import npi_is_valid, taxonomy_is_valid

MODIFIERS_MAX = 4
Parsed = TypeVar("Parsed")
_CARRIED = re.compile(r"[A-Za-z0-9 !\"&'()*+,\-./:;?=%@\[\]_{}\\|<>~^`#$]*")  # X12 basic and extended character sets


@dataclass(frozen=True, slots=True)
class Checked:
    """Text that ``check`` judges and brings into form; ``shown`` is what the published schema says of it."""

    check: Callable[[str], str]
    shown: tuple[tuple[str, Any], ...] = ()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), **dict(self.shown)}


def text(longest: int, shortest: int = 0) -> Checked:
    """Text that X12 can carry, of so many characters; spaces around it are dropped."""

    def check(value: str) -> str:
        plain = value.strip()
        if not _CARRIED.fullmatch(plain):
            what = "this has a character that X12's character sets do not have"
            raise mistake(what, "Write it without accents and on one line")
        if len(plain) < shortest:
            raise mistake("this is empty or too short", f"Write at least {shortest} character{'s' * (shortest > 1)}")
        if len(plain) > longest:
            raise mistake("this is too long", f"Shorten it to {longest} characters")
        return plain

    return Checked(check, (("maxLength", longest), *([("minLength", shortest)] if shortest else [])))


def shaped(pattern: str, what: str, fix: str, drop: str = "", written: str = "") -> Checked:
    """Text of one shape: in capitals, without the characters of ``drop``. ``written`` is the shape that comes in."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        plain = value.strip().upper().translate(dict.fromkeys(map(ord, drop)))
        if not compiled.fullmatch(plain):
            raise mistake(what, fix)
        return plain

    return Checked(check, (("description", fix), ("pattern", f"^({written or pattern})$")))


def _npi(value: str) -> str:
    if not npi_is_valid(value):
        raise mistake(
            "this is no NPI: it needs ten digits, the last of them the right check digit", "Copy it from NPPES"
        )
    return value


def _taxonomy(value: str) -> str:
    if not taxonomy_is_valid(value):
        raise mistake("this is no NUCC taxonomy code", "Write its ten characters, such as 225100000X")
    return value


def day_of(value: Any) -> date:
    """A day as ISO 8601 writes it."""
    try:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise mistake("this is no date", "Write a day that exists as YYYY-MM-DD, in quotes")


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", value.strip()):
        return Decimal(value.strip())
    if isinstance(value, int | Decimal) and not isinstance(value, bool) and 0 <= value < 10**9:
        return Decimal(value)
    return None


def _whole(value: Decimal) -> bool:
    try:
        return value == value.to_integral_value()
    except InvalidOperation:  # More digits than decimals are reckoned with.
        return False


def cents_of(value: Any) -> int:
    """Dollars, as a number or as text, in cents."""
    dollars = _decimal(value)
    if dollars is None:
        raise mistake("this is no amount of money", 'Write dollars and cents as "120.00" or 120.00')
    if not _whole(dollars * 100) or dollars * 100 / 100 != dollars:
        raise mistake("this amount has a fraction of a cent", "Write at most two decimals")
    if dollars > 9_999_999:
        raise mistake("this amount is too large", "Check it; 9999999.00 is the most that is possible")
    return int(dollars * 100)


def _minutes(value: Any) -> int:
    """Hours, in minutes."""
    hours = _decimal(value)
    if hours is None:
        raise mistake("this is no number of hours", "Write hours as 12 or 1.5")
    if not 0 < hours <= 1666:
        raise mistake("this number of hours is out of range", "It must be more than 0 and at most 1666")
    if not _whole(hours * 60) or hours * 60 / 60 != hours:
        raise mistake(
            "these hours are not whole minutes", "Write a part of an hour that is whole minutes, such as 0.25 or 0.1"
        )
    return int(hours * 60)


def quietly(judge: Callable[[Any], Parsed], value: Any) -> Parsed | None:
    """What ``judge`` makes of the value; None where it refuses: that is told where the value itself is judged."""
    try:
        return judge(value)
    except PydanticCustomError:
        return None


def _number(pattern: str) -> dict[str, Any]:
    return {"anyOf": [{"type": "string", "pattern": pattern}, {"type": "number", "minimum": 0}]}


Npi = Annotated[str, AfterValidator(_npi), Field(json_schema_extra={"pattern": "^[0-9]{10}$"})]
Taxonomy = Annotated[str, AfterValidator(_taxonomy), Field(json_schema_extra={"pattern": "^[0-9A-Z]{9}X$"})]
Day = Annotated[date, BeforeValidator(day_of), WithJsonSchema({"type": "string", "format": "date"})]
Cents = Annotated[
    int,
    BeforeValidator(cents_of),
    WithJsonSchema({**_number(r"^[0-9]{1,7}(\.[0-9]{1,2})?$"), "description": "Dollars and cents"}),
]
Hours = Annotated[
    int,
    BeforeValidator(_minutes),
    WithJsonSchema({**_number(r"^[0-9]{1,4}(\.[0-9]{1,6})?$"), "description": "Hours that are whole minutes"}),
]
Whole = Annotated[int, Field(strict=True, ge=1, le=9999)]
Flag = Annotated[bool, Field(strict=True)]
Procedure = Annotated[
    str,
    shaped(
        r"[0-9]{4}[0-9A-Z]|[A-Z][0-9]{4}", "this is no CPT or HCPCS code", "Write its five characters, such as 97110"
    ),
]
Modifiers = Annotated[
    tuple[Annotated[str, shaped(r"[0-9A-Z]{2}", "this is no modifier", "Write its two characters, such as GP")], ...],
    Field(max_length=MODIFIERS_MAX),
]
Diagnosis = Annotated[
    str,
    shaped(
        r"[A-Z][0-9][0-9A-Z][0-9A-Z]{0,4}",
        "this is no ICD-10-CM code",
        "Write its three to seven characters, with or without the dot",
        drop=".",
        written=r"[A-Z][0-9][0-9A-Z](\.?[0-9A-Z]{1,4})?",
    ),
]
Place = Annotated[
    str, shaped(r"[0-9]{2}", "this is no place of service", "Write its two digits in quotes, such as 11 for an office")
]
State = Annotated[str, shaped(r"[A-Z]{2}", "this is no state", "Write its two letters")]
PostalCode = Annotated[
    str,
    shaped(
        r"[0-9]{5}([0-9]{4})?",
        "this is no ZIP code",
        "Write five or nine digits in quotes",
        drop="- ",
        written=r"[0-9]{5}(-?[0-9]{4})?",
    ),
]
Phone = Annotated[
    str,
    shaped(
        r"[0-9]{10}",
        "this is no phone number",
        "Write its ten digits in quotes, with the area code",
        drop="-(). ",
        written=r"[0-9(). -]{10,20}",
    ),
]
ServiceType = Annotated[str, shaped(r"[0-9A-Z]{1,2}", "this is no service type", "Write UM03's code, such as PT")]
Filing = Annotated[
    str, shaped(r"[0-9A-Z]{1,2}", "this is no claim filing indicator", "Write SBR09's code, such as CI or MB")
]
DelayReason = Annotated[
    str, shaped(r"[0-9]{1,2}", "this is no delay reason", "Write UM10's code in quotes, such as 11")
]
ReportType = Annotated[
    str, shaped(r"[0-9A-Z]{2}", "this is no report type", "Write PWK01's two characters, such as 08 for a plan")
]
Name = Annotated[str, text(60, 1)]
Reference = Annotated[str, text(50, 1)]  # REF02
Text10 = Annotated[str, text(10)]
Text25 = Annotated[str, text(25)]
Text35 = Annotated[str, text(35)]
Text50 = Annotated[str, text(50)]
Text60 = Annotated[str, text(60)]
Text80 = Annotated[str, text(80)]
Id80 = Annotated[str, text(80, 2)]  # NM109
