"""Billing rules: one file is one rule, and its file name is its name in a payer's file.

A rule is a generator ``check(case)`` of findings; pure, and silent where nothing is wrong.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from gateway.errors import Finding, SettingsInvalid
from gateway.rules.case import Case, Policy

__all__ = ["Case", "Policy", "check", "names"]

Rule = Callable[[Case], Iterator[Finding]]


def check(case: Case, names: Iterable[str] | None = None) -> Iterator[Finding]:
    """What the named rules, or all of them, find in a case. SettingsInvalid where a name is no rule's."""
    rules = _rules()
    wanted = list(rules) if names is None else list(names)
    unknown = [each for each in wanted if each not in rules]
    if unknown:
        fix = f"Name some of {', '.join(rules)}"
        raise SettingsInvalid(f"there is no rule {', '.join(unknown)}", where="rules", fix=fix)
    for name in wanted:
        yield from rules[name](case)


def names() -> tuple[str, ...]:
    """Every rule there is, by name."""
    return tuple(_rules())


@cache
def _rules() -> dict[str, Rule]:
    """Every module of this package but the case itself."""
    found = sorted(each.name for each in iter_modules(__path__) if each.name != "case")
    return {name: import_module(f"{__name__}.{name}").check for name in found}
