"""Holds our findings against pyx12's on documents with mistakes, and takes an unexplained difference to its least form.

Run: ``python tests/x12_differential.py COUNT [SEED]``; with COUNT 0 it prints the listed reasons. Documents are
generated and made up; the shortest one that still shows a difference is printed whole.
"""

import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bench"))

import x12_reasons  # noqa: F401 - These two list the reasons.
import x12_walk_reasons  # noqa: F401
from x12_difference import REASONS, Difference, unexplained
from x12_files import Form, interchange
from x12_mutations import ENVELOPE, mutated
from x12_oracle import MAPS, Fault, OracleCrashed, our_faults, pyx12_faults

BASES = 12  # documents of each kind that are spoiled
BASE_BYTES = 2_500


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a run has seen. ``unexplained`` are the first differences without a reason, each with its least document."""

    documents: int = 0
    equal: int = 0
    faults: int = 0  # of pyx12
    reasons: Counter[str] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        reasons = ", ".join(f"{name} {count}" for name, count in self.reasons.most_common())
        told = (
            f"{self.documents} documents, {self.faults} faults to pyx12, {self.equal} without a difference; {reasons}"
        )
        return "\n\n".join([told, *self.unexplained])


def run(count: int, seed: int, *, shown_max: int = 5) -> Outcome:
    """Spoils so many documents of each kind in turn; stops when enough unexplained differences are seen."""
    chance, outcome = random.Random(seed), Outcome()
    kinds = list(MAPS)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        segments = mutated(base(kind, chance.randrange(BASES)), chance)
        _compare(kind, segments, outcome)
        if len(outcome.unexplained) == shown_max:
            break
    return outcome


@cache
def base(kind: str, seed: int) -> Sequence[str]:
    form = Form(seed=seed, claims_per_set=8 if kind == "999" else 3)
    return "".join(interchange(kind, BASE_BYTES, form)).removesuffix("~\n").split("~\n")


def _compare(kind: str, segments: list[str], outcome: Outcome) -> None:
    outcome.documents += 1
    try:
        difference = differ(kind, segments)
    except OracleCrashed as crash:
        outcome.reasons[f"crash {crash}"] += 1
        return
    outcome.faults += len(difference.told)
    taken, left = unexplained(difference)
    outcome.reasons.update(taken)
    outcome.equal += not taken and not left
    if left:
        outcome.unexplained.append(_told(kind, *_least(kind, segments, left[0])))


def differ(kind: str, segments: Sequence[str]) -> Difference:
    """Raises OracleCrashed."""
    told, said = pyx12_faults(kind, segments), our_faults(segments)
    return Difference(
        kind=kind,
        segments=segments,
        theirs={fault: words for fault, words in told.items() if fault not in said},
        ours={fault: finding for fault, finding in said.items() if fault not in told},
        told=told,
        said=said,
    )


def _least(kind: str, segments: list[str], fault: Fault) -> tuple[list[str], list[Fault]]:
    """The document without what it does not need to show a difference of this kind."""
    left = [fault]
    width = len(segments) // 2
    while width:
        start = 0
        while start < len(segments):
            part = segments[start : start + width]
            kept = [each for each in part if each.split("*")[0] in ENVELOPE]
            shorter = segments[:start] + kept + segments[start + width :]
            if len(kept) == len(part):
                start += width
                continue
            still = _still(kind, shorter, fault)
            if still:
                segments, left = shorter, still
            else:
                start += width
        width //= 2
    for at in range(len(segments) - 2, 0, -1):  # Sets without a body.
        shorter = segments[:at] + segments[at + 2 :]
        still = _still(kind, shorter, fault) if segments[at].startswith("ST*") else []
        if still and segments[at + 1].startswith("SE*"):
            segments, left = shorter, still
    return segments, left


def _still(kind: str, segments: list[str], fault: Fault) -> list[Fault]:
    try:
        left = unexplained(differ(kind, segments))[1]
    except OracleCrashed:
        return []
    return left if any((each.code, each.reference) == (fault.code, fault.reference) for each in left) else []


def _told(kind: str, segments: list[str], left: list[Fault]) -> str:
    difference = differ(kind, segments)
    sides = [f"only {'pyx12' if each in difference.theirs else 'we'}: {each}" for each in left]
    return "\n".join([f"{kind}: no reason for", *sides, *segments])


if __name__ == "__main__":
    if sys.argv[1] == "0":
        print("\n".join(f"{each.name} ({each.right}): {each.why}" for each in REASONS))
        sys.exit()
    outcome = run(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    print(outcome)
    sys.exit(1 if outcome.unexplained else 0)
