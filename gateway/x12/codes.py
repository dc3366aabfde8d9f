"""What the codes of the code lists mean, in our own short words: edi_maps/codes, one file a list.

It never says whether a code is allowed at a place (the guides do), and never refuses a code that it does not know:
most lists are the part that therapy needs, and their keepers add codes three times a year.
"""

import tomllib
from collections.abc import Mapping
from functools import cache

from gateway.resources import folder


def meaning(list_name: str, code: str) -> str:
    """The short name of a code such as ``("carc", "197")`` or ``("TA105", "025")``; "" where it is unknown.

    ``list_name`` is a file of edi_maps/codes, in either case; a list that is not there knows no code.
    """
    return _entry(list_name, code).get("name", "")


def category(list_name: str, code: str) -> str:
    """The group that the list puts a code in (a worklist, a verdict, a next step); "" where there is none."""
    return _entry(list_name, code).get("category", "")


def _entry(list_name: str, code: str) -> Mapping[str, str]:
    return _entries(list_name.lower()).get(code, {})


@cache
def _entries(list_name: str) -> Mapping[str, Mapping[str, str]]:
    path = folder("edi_maps") / "codes" / f"{list_name}.toml"
    if not path.is_file():
        return {}
    codes = tomllib.loads(path.read_text("utf-8")).get("codes", {})
    return {code: {"name": entry} if isinstance(entry, str) else entry for code, entry in codes.items()}
