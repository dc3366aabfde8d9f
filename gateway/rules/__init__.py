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

__all__ = ["Case", "ClaimCase", "Policy", "RequestCase", "applying", "check", "names"]

Rule = Callable[[Any], Iterator[Finding]]
_NO_RULES = ("case", "episodes", "need", "policy", "policy_rows", "sessions", "terms")


def check(case: Case, names: Iterable[str] | None = None) -> Iterator[Finding]:
    """What the named rules, or all of them, find in a case. SettingsInvalid where a name is no rule's."""
    rules = _rules()
    wanted = list(rules) if names is None else list(names)
    unknown = [each for each in wanted if each not in rules]
    if unknown:
        fix = f"Name some of {', '.join(rules)}"
        raise SettingsInvalid(f"there is no rule {', '.join(unknown)}", where="rules", fix=fix)
    of_case = _of(case)
    for name in applying(case):
        if name in wanted:
            rule: Rule = getattr(rules[name], of_case)
            yield from (_whole(rules[name], each) for each in rule(case))


def applying(case: Case) -> tuple[str, ...]:
    """The rules that look at a case of this kind, by name."""
    void = isinstance(case, ClaimCase) and case.claim.frequency is Frequency.VOID
    return tuple(
        name
        for name, rule in _rules().items()
        if hasattr(rule, _of(case)) and (not void or getattr(rule, "VOIDS", False))
    )


def _of(case: Case) -> str:
    return "check_request" if isinstance(case, RequestCase) else "check_claim"


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
