"""CQ and CO stand on the units that an assistant furnished, beside GP and GO, and on no evaluation.

A missing one blocks; one too many warns, since it only pays the clinic less.
"""

from collections.abc import Iterator

from gateway.coding.assistant import MODIFIERS, Assisted, Split, Worked, assisted
from gateway.coding.codes import Assistant, procedure
from gateway.coding.modifiers import alone
from gateway.domain.claim import Performer, ServiceLine
from gateway.errors import Finding, Severity
from gateway.rules.case import ClaimCase
from gateway.rules.sessions import Session, by, sessions

RULE = "assistant_modifier"
CHECK = 12
SOURCE = "42 CFR 410.59(a)(4), 410.60(a)(4); CMS 100-04, ch. 5, 20.1; domain facts, 1.3 and 7.1 (12)"
PREVENTS = "CARC 4, 185, and what an audit takes back"
BECAUSE = ("cq_rule",)


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    for where, line in case.lines():
        for assistant, therapist in alone(line.modifiers):
            yield case.finding(
                RULE,
                f"{assistant} stands without {therapist}",
                where=f"{where}.modifiers",
                fix=f"Add {therapist}, or take {assistant} away where no such assistant treated",
                prevents="CARC 4, 182",
            )
        yield from _not_an_assistants(case, where, line)
    if case.policy.cq_rule is False:
        return
    if case.policy.cq_rule is None:
        yield case.not_evaluated(
            RULE,
            "it is not known whether this payer wants CQ and CO",
            where="$.lines",
            fix="Write cq_rule in the payer's file",
            evidence=[f"{where}.modifiers" for where, _ in case.lines()],
            because=BECAUSE,
        )
        return
    for session in sessions(case):
        if session.discipline in MODIFIERS:
            yield from _of_a_day(case, session)


def _not_an_assistants(case: ClaimCase, where: str, line: ServiceLine) -> Iterator[Finding]:
    """Evaluations are the therapist's, whatever the payer thinks of CQ and CO."""
    known = procedure(line.procedure, line.served_on)
    if known is None or known.assistant is not Assistant.NO:
        return
    marked = sorted(set(MODIFIERS.values()) & set(line.modifiers))
    if marked or by(Performer.ASSISTANT, (line,)):
        what = f"{line.procedure} is an evaluation, and an assistant may not furnish it"
        yield case.finding(
            RULE,
            what,
            where=f"{where}.modifiers" if marked else f"{where}.minutes",
            fix="Bill it only where a therapist evaluated; an assistant's minutes belong to what the assistant did",
            prevents="CARC 185",
            evidence=(f"{where}.procedure", f"{where}.modifiers", f"{where}.minutes"),
        )


def _of_a_day(case: ClaimCase, session: Session) -> Iterator[Finding]:
    bare = [f"{where}.minutes" for where, line in session.lines if not line.minutes and not _outside(line)]
    if bare:
        yield case.not_evaluated(
            RULE,
            "who spent how many minutes is not there",
            where=bare[0],
            fix="Give the minutes of each line by performer, therapist and assistant",
            evidence=bare,
            because=BECAUSE,
        )
    worked: dict[str, Worked] = {}
    billed: dict[str, int] = {}
    for code in dict.fromkeys(line.procedure for _, line in session.lines):
        lines = tuple(line for line in session.all_lines if line.procedure == code)
        if all(line.minutes for line in lines):
            worked[code] = Worked(by(Performer.THERAPIST, lines), by(Performer.ASSISTANT, lines))
            billed[code] = sum(line.units for line in lines)
    right = assisted(worked, billed, session.day)
    modifier = MODIFIERS[session.discipline]
    for code, split in right.splits.items():
        if code not in right.forbidden:
            yield from _compared(case, session, code, split, modifier, right)


def _compared(
    case: ClaimCase, session: Session, code: str, split: Split, modifier: str, right: Assisted
) -> Iterator[Finding]:
    marked = sum(line.units for line in session.all_lines if line.procedure == code and modifier in line.modifiers)
    if marked == split.assisted:
        return
    places = [where for where, _ in session.of_code(code)]
    steps = next(each for each in right.steps if each.startswith(f"{code}:"))
    fix = f"Bill {split.assisted} of its units with {modifier} and {split.plain} without, on a line each"
    yield case.finding(
        RULE,
        f"{code}: {marked} units carry {modifier}, and {split.assisted} should. {steps}",
        where=f"{places[0]}.modifiers",
        fix=fix,
        default=Severity.BLOCK if marked < split.assisted else Severity.WARN,
        evidence=[f"{where}.{field}" for where in places for field in ("modifiers", "units", "minutes")],
        because=BECAUSE,
    )


def _outside(line: ServiceLine) -> bool:
    """Whether the ten percent test does not look at it, so that nobody needs its minutes."""
    known = procedure(line.procedure, line.served_on)
    return known is not None and known.assistant is Assistant.OUTSIDE
