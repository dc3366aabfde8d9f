"""No two services of a day that CMS's NCCI table holds apart, unless a modifier says truly that they were distinct."""

from collections.abc import Iterator
from datetime import date

from gateway.coding.codes import procedure
from gateway.coding.modifiers import DISTINCT, conflicts
from gateway.coding.pairs import Billed, Clash, clashes
from gateway.domain.claim import ServiceLine
from gateway.errors import Finding, Severity
from gateway.rules.case import ClaimCase
from gateway.rules.sessions import EARLIER, earlier_lines

RULE = "code_pair"
CHECK = 14
SOURCE = "CMS's NCCI PTP edits; NCCI Policy Manual, ch. 1; domain facts, 1.3, 1.4 and 7.1 (14)"
PREVENTS = "CARC 97, 236"
BECAUSE = ("ncci",)


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    yield from _said_twice(case)
    edits, policy = case.reference.pairs, case.policy
    if policy.ncci is False:
        return
    missing = fix = ""
    if policy.ncci is None:
        missing, fix = "it is not known whether this payer goes by CMS's NCCI edits", "Write ncci in the payer's file"
    elif edits is None:
        missing, fix = "no NCCI table is there for these days", "Import CMS's file: gateway tables import ncci FILE"
    elif case.history is None:
        missing, fix = "other claims of these days are not known", "Run the check where the earlier claims are stored"
    if missing or edits is None:
        evidence = ("$.lines", "tables.ncci")
        yield case.not_evaluated(RULE, missing, where="$.lines", fix=fix, evidence=evidence, because=BECAUSE)
        return
    yield from _outside(case)
    lines = [_billed(where, line) for where, line in case.lines()]
    before = [_billed(EARLIER, line) for line in earlier_lines(case)]
    for clash in clashes([*lines, *before], edits):
        if {clash.column_one.place, clash.column_two.place} != {EARLIER}:
            yield _told(case, clash)


def _outside(case: ClaimCase) -> Iterator[Finding]:
    """A table of therapy's pairs alone knows nothing of another code beside one of them."""
    days: dict[date, set[str]] = {}
    for line in (*case.claim.lines, *earlier_lines(case)):
        days.setdefault(line.served_on, set()).add(line.procedure)
    for where, line in case.lines() if case.reference.therapy_only else ():
        if procedure(line.procedure) is None and len(days[line.served_on]) > 1:
            yield case.not_evaluated(
                RULE,
                f"{line.procedure} is none of therapy's codes, and the table has the pairs of those only",
                where=f"{where}.procedure",
                fix="Import the whole table: gateway tables import ncci FILE --whole",
                evidence=(f"{where}.procedure", "tables.ncci"),
                because=BECAUSE,
            )


def _billed(place: str, line: ServiceLine) -> Billed:
    return Billed(place=place, procedure=line.procedure, modifiers=line.modifiers, served_on=line.served_on)


def _told(case: ClaimCase, clash: Clash) -> Finding:
    one, two = clash.column_one, clash.column_two
    here = two if two.place != EARLIER else one
    what = f"{two.procedure} is part of {one.procedure} on the same day (indicator {clash.edit.indicator})"
    if clash.liftable:
        fix = (
            f"Bill {one.procedure} alone; where the two were distinct and the note shows it, add 59 or one of the X set"
        )
    else:
        fix = f"Bill {one.procedure} alone: no modifier lifts this pair"
    places = [f"{each.place}.procedure" if each.place != EARLIER else EARLIER for each in (one, two)]
    table = f"tables.ncci {case.reference.source('ncci')}".strip()
    return case.finding(
        RULE, what, where=f"{here.place}.procedure", fix=fix, evidence=(*places, table), because=BECAUSE
    )


def _said_twice(case: ClaimCase) -> Iterator[Finding]:
    for where, line in case.lines():
        for each in conflicts(line.modifiers):
            if len(each.modifiers) > 1 and set(each.modifiers) <= set(DISTINCT):
                what, place = f"{' and '.join(each.modifiers)}: {each.what}", f"{where}.modifiers"
                yield case.finding(RULE, what, where=place, fix=each.fix, prevents="CARC 4", default=Severity.WARN)
