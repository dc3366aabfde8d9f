"""Which guide a set is held against: ``edi_maps/guides/registry.toml``, by ST01, the version that GS08 or ST03 names,
and, where two guides share a version, BHT02. It loads no guide.
"""

import tomllib
from functools import cache
from typing import Any

from gateway import resources
from gateway.errors import Finding, SettingsInvalid

FILE = "registry.toml"
_KEYS = {"file": str, "set": str, "versions": list, "purposes": list, "why": str, "source": str}
_NEEDED = ("file", "set", "versions", "why", "source")

Registered = dict[tuple[str, str, str], str]  # (ST01, version, BHT02 or "" for any other) -> guide file


def registered(set_type: str, version: str, purpose: str = "") -> str | None:
    """The guide's file for a set by ST01, GS08 (or ST03) and BHT02; None where there is none."""
    guides = _guides()
    return guides.get((set_type, version, purpose)) or guides.get((set_type, version, ""))


def knows_type(set_type: str) -> bool:
    """Whether there is a guide for any version of this set."""
    return any(known == set_type for known, _, _ in _guides())


def names() -> tuple[str, ...]:
    """Every guide's file, in the registry's order."""
    return tuple(dict.fromkeys(_guides().values()))


@cache
def _guides() -> Registered:
    path = resources.folder("edi_maps") / "guides" / FILE
    try:
        return read(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(f"it is no TOML: {error}", where=FILE, fix="Correct the file") from None


def read(spec: dict[str, Any]) -> Registered:
    """The registry that the file's content says. Raises SettingsInvalid with every mistake."""
    guides: Registered = {}
    mistakes = [f"{key} is not known here" for key in spec if key != "guides"]
    for number, entry in enumerate(spec.get("guides", []), 1):
        place = f"guide {number}"
        wrong = [key for key, value in entry.items() if not isinstance(value, _KEYS.get(key, ()))]
        wrong += [key for key in _NEEDED if not entry.get(key) and key not in wrong]
        mistakes += [f"{place}: {key} is missing, unknown or of the wrong kind" for key in wrong]
        if wrong:
            continue
        for version in entry["versions"]:
            for purpose in entry.get("purposes", [""]):
                key = (entry["set"], version, purpose)
                if key in guides:
                    mistakes.append(f"{place}: {' '.join(filter(None, key))} has a guide already")
                guides[key] = entry["file"]
    if mistakes or not guides:
        findings = tuple(
            Finding(rule="guide.registry", what=each, fix="Correct the file", where=FILE)
            for each in mistakes or ["there is no guide"]
        )
        what = f"{len(findings)} mistakes in the registry, such as: {findings[0].what}"
        raise SettingsInvalid(what, where=FILE, fix="Correct the file", findings=findings)
    return guides
