"""Billing rules: one file is one rule, and its file name is its name in a payer's file.

A rule is a generator of findings, pure, and silent where nothing is wrong: ``check_claim(case)`` looks at a ClaimCase,
``check_request(case)`` at a RequestCase; a file has one of them or both.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from gateway.errors import Finding, SettingsInvalid
from gateway.rules.case import Case, ClaimCase, RequestCase
from gateway.rules.policy import Policy

__all__ = ["Case", "ClaimCase", "Policy", "RequestCase", "check", "names"]

Rule = Callable[[Any], Iterator[Finding]]
_NO_RULES = ("case", "policy")


def check(case: Case, names: Iterable[str] | None = None) -> Iterator[Finding]:
    """What the named rules, or all of them, find in a case. SettingsInvalid where a name is no rule's."""
    rules = _rules()
    wanted = list(rules) if names is None else list(names)
    unknown = [each for each in wanted if each not in rules]
    if unknown:
        fix = f"Name some of {', '.join(rules)}"
        raise SettingsInvalid(f"there is no rule {', '.join(unknown)}", where="rules", fix=fix)
    of_case = "check_request" if isinstance(case, RequestCase) else "check_claim"
    for name in wanted:
        rule: Rule | None = getattr(rules[name], of_case, None)
        if rule is not None:
            yield from rule(case)


def names() -> tuple[str, ...]:
    """Every rule there is, by name."""
    return tuple(_rules())


@cache
def _rules() -> dict[str, ModuleType]:
    """Every module of this package but the case itself."""
    found = sorted(each.name for each in iter_modules(__path__) if each.name not in _NO_RULES)
    return {name: import_module(f"{__name__}.{name}") for name in found}
