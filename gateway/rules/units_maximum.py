"""No more units than this payer takes for a visit, and than CMS's MUE table holds possible for a line or a day.

The payer's own maximum warns. So does an MUE of indicator 3, which a payer may lift where the record shows the need;
those of indicators 1 and 2 block.
"""

from collections.abc import Iterator

from gateway.coding.reference import UnitLimit
from gateway.domain.claim import ServiceLine
from gateway.errors import Finding, Severity
from gateway.rules.case import ClaimCase
from gateway.rules.sessions import earlier_lines, sessions

RULE = "units_maximum"
CHECK = 10
SOURCE = "CMS's MUE table and its adjudication indicators; domain facts, 1.4 and 7.1 (10)"
PREVENTS = "CARC 222 and 151, RARC N362"

OF_A_LINE, OF_A_DAY_UNLESS_NEEDED = "1", "3"


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    yield from _of_a_visit(case)
    yield from _medically_unlikely(case)


def _of_a_visit(case: ClaimCase) -> Iterator[Finding]:
    most = case.policy.max_units_visit
    if most is None:
        yield case.not_evaluated(
            RULE,
            "it is not known how many units this payer takes for a visit",
            where="$.lines",
            fix="Write max_units_visit in the payer's file; 0 says that it has no such maximum",
            because=("max_units_visit",),
        )
        return
    for session in sessions(case) if most else ():
        billed = sum(line.units for line in session.all_lines)
        if billed > most:
            yield case.finding(
                RULE,
                f"{billed} units are billed for a visit, and this payer takes {most}",
                where=f"{session.lines[0][0]}.units",
                fix="Bill what the payer takes, or have more authorized for this visit",
                default=Severity.WARN,
                evidence=[f"{where}.units" for where, _ in session.lines],
                because=("max_units_visit",),
            )


def _medically_unlikely(case: ClaimCase) -> Iterator[Finding]:
    limits = case.reference.limits
    missing = ""
    if case.policy.mue is False:
        return
    if case.policy.mue is None:
        missing, fix = "it is not known whether this payer goes by CMS's MUE table", "Write mue in the payer's file"
    elif limits is None:
        missing, fix = "no MUE table is there for these days", "Import CMS's file: gateway tables import mue FILE"
    elif case.history is None:
        missing, fix = "other claims of these days are not known", "Run the check where the earlier claims are stored"
    if missing or limits is None:
        evidence = ("$.lines", "tables.mue")
        yield case.not_evaluated(RULE, missing, where="$.lines", fix=fix, evidence=evidence, because=("mue",))
        return
    said: set[tuple[str, object]] = set()
    for where, line in case.lines():
        for limit in limits:
            if limit.procedure != line.procedure or not limit.holds_on(line.served_on):
                continue
            key = (line.procedure, line.served_on)
            if limit.indicator == OF_A_LINE:
                billed = line.units
            elif key in said:
                continue
            else:
                billed = sum(e.units for e in _of_the_day(case, line.procedure, line.served_on))
                said.add(key)
            if billed > limit.units:
                yield _unlikely(case, where, limit, billed)


def _of_the_day(case: ClaimCase, code: str, day: object) -> Iterator[ServiceLine]:
    for line in (*case.claim.lines, *earlier_lines(case)):
        if line.procedure == code and line.served_on == day:
            yield line


def _unlikely(case: ClaimCase, where: str, limit: UnitLimit, billed: int) -> Finding:
    span = "line" if limit.indicator == OF_A_LINE else "day"
    lifted = limit.indicator == OF_A_DAY_UNLESS_NEEDED
    return case.finding(
        RULE,
        f"{billed} units of {limit.procedure} on a {span}, and the MUE is {limit.units} (indicator {limit.indicator})",
        where=f"{where}.units",
        fix="Correct the units"
        + (", or keep the record of the need at hand: the payer may ask for it" if lifted else ""),
        default=Severity.WARN if lifted else Severity.BLOCK,
        evidence=(f"{where}.units", f"tables.mue {case.reference.source('mue')}".strip()),
        because=("mue",),
    )
