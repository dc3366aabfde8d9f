"""Billing rules: one file is one rule, and its file name is its name in a payer's file.

A rule is a generator of findings, pure, and silent where nothing is wrong: ``check_claim(case)`` looks at a ClaimCase,
``check_request(case)`` at a RequestCase; a file has one of them or both. Where data is missing it says "not evaluated",
which is never a pass; where the payer's policy says that the check does not apply, it is silent.

Beside them a file has ``RULE`` (its name), ``CHECK`` (the number of the check in domain facts, 7.1), ``SOURCE`` and
``PREVENTS`` (what stands for every finding that says nothing else), and ``VOIDS`` where it looks at voids, too: a void
draws on nothing and is not adjudicated, so the others have nothing to say of it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from gateway.domain.claim import Frequency
from gateway.errors import Finding, SettingsInvalid
from gateway.rules.case import Case, ClaimCase, RequestCase
from gateway.rules.policy import Policy

__all__ = ["Case", "ClaimCase", "Policy", "RequestCase", "check", "names"]

Rule = Callable[[Any], Iterator[Finding]]
_NO_RULES = ("case", "episodes", "need", "policy", "sessions", "terms")


def check(case: Case, names: Iterable[str] | None = None) -> Iterator[Finding]:
    """What the named rules, or all of them, find in a case. SettingsInvalid where a name is no rule's."""
    rules = _rules()
    wanted = list(rules) if names is None else list(names)
    unknown = [each for each in wanted if each not in rules]
    if unknown:
        fix = f"Name some of {', '.join(rules)}"
        raise SettingsInvalid(f"there is no rule {', '.join(unknown)}", where="rules", fix=fix)
    of_case = "check_request" if isinstance(case, RequestCase) else "check_claim"
    void = isinstance(case, ClaimCase) and case.claim.frequency is Frequency.VOID
    for name in wanted:
        rule: Rule | None = getattr(rules[name], of_case, None)
        if rule is not None and (not void or getattr(rules[name], "VOIDS", False)):
            yield from (_whole(rules[name], each) for each in rule(case))


def _whole(rule: ModuleType, found: Finding) -> Finding:
    """A finding with what its rule says of all of its own."""
    return replace(found, source=found.source or rule.SOURCE, prevents=found.prevents or rule.PREVENTS)


def names() -> tuple[str, ...]:
    """Every rule there is, by name."""
    return tuple(_rules())


@cache
def _rules() -> dict[str, ModuleType]:
    """Every module of this package but the case itself."""
    found = sorted(each.name for each in iter_modules(__path__) if each.name not in _NO_RULES)
    return {name: import_module(f"{__name__}.{name}") for name in found}
