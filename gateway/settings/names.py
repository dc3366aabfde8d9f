"""Names of the files that we send, made from a template: what may stand in one, and how long the name can get.

A name holds numbers, dates and ids of ours, and never anything of a patient's.
"""

import re
import string
from collections.abc import Mapping
from datetime import datetime

NAME_LENGTH_MAX = 100  # where a partner's file says nothing else
ALL = "all"  # {clinic} and {organisation} of an acknowledgment, which is for all of them

_LONGEST = {
    "isa13": "000000001",
    "date": "20260101",
    "time": "235959",
    "type": "837",
    "usage": "T",
    "clinic": ALL,
    "organisation": ALL,
}
_OWNERS = {"clinic", "organisation"}
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


def used(template: str) -> set[str]:
    """The names in braces. Raises ValueError where it is no template."""
    found = set()
    for _, name, form, conversion in string.Formatter().parse(template):
        if name is None:
            continue
        if name not in _LONGEST or form or conversion:
            raise ValueError(name)
        found.add(name)
    return found


def by_clinic(template: str) -> bool:
    """Whether a name is of one clinic, so that no interchange may hold records of two."""
    return bool(used(template) & _OWNERS)


def fault(template: str) -> tuple[str, str]:
    """What is wrong with a template, and the cure, whatever the ids of clinics are; ("", "") where nothing is."""
    try:
        names = used(template)
    except ValueError:
        return "this is no name template", f"Use only {', '.join(f'{{{name}}}' for name in _LONGEST)}"
    if "isa13" not in names:
        return "two files could get the same name", "Put {isa13} into the template"
    shown = template.format_map(_LONGEST)
    if not _PLAIN.fullmatch(shown) or shown.endswith("."):
        return "a file name has letters, digits, . _ - only, and no dot at its ends", "Shorten or mend it"
    return "", ""


def longest(template: str, ids: Mapping[str, str]) -> str:
    """The longest name that comes of it; ``ids`` are the longest ids of a ``clinic`` and an ``organisation``."""
    return template.format_map({**_LONGEST, **ids})


def name(
    template: str, *, isa13: int, at: datetime, kind: str, usage: str, organisation: str = ALL, clinic: str = ALL
) -> str:
    """The name of one file; ``kind`` is the type of its sets, or TA1."""
    return template.format(
        isa13=f"{isa13:09}",
        date=f"{at:%Y%m%d}",
        time=f"{at:%H%M%S}",
        type=kind,
        usage=usage,
        organisation=organisation,
        clinic=clinic,
    )
