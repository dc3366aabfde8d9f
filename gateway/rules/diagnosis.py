"""Diagnoses are codes that may be billed on their days, lines point to them, and the authorization is for them."""

from collections.abc import Iterator
from datetime import date

from gateway.domain.claim import ServiceLine
from gateway.errors import Finding
from gateway.rules.case import Case, ClaimCase, RequestCase
from gateway.rules.need import certified_lines, without

RULE = "diagnosis"
CHECK = 15
SOURCE = "ICD-10-CM's order file; 005010X222A1 (HI, SV107); domain facts, 4 and 7.1 (15)"
PREVENTS = "CARC 11, AAA 33 and AF, 277CA status 254"
POINTERS_MAX = 4


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    claim = case.claim
    days: dict[int, set[date]] = {}
    for where, line in case.lines():
        yield from _pointers(case, where, line)
        for pointer in line.pointers:
            days.setdefault(pointer, set()).add(line.served_on)
    every_day = {line.served_on for line in claim.lines}
    for number, code in enumerate(claim.diagnoses, 1):
        yield from _shape(case, f"$.diagnoses[{number - 1}]", code)
    yield from _in_the_table(case, claim.diagnoses, [days.get(at + 1, every_day) for at in range(len(claim.diagnoses))])
    yield from without(case, RULE, "nothing is certified yet whose diagnoses it could be compared with")
    yield from _of_the_authorization(case)


def check_request(case: RequestCase) -> Iterator[Finding]:
    request = case.request
    for index, code in enumerate(request.diagnoses):
        yield from _shape(case, f"$.diagnoses[{index}]", code)
    if request.diagnoses:
        yield from _in_the_table(case, request.diagnoses, [{request.starts_on or case.date}] * len(request.diagnoses))


def _pointers(case: ClaimCase, where: str, line: ServiceLine) -> Iterator[Finding]:
    count = len(case.claim.diagnoses)
    if not 1 <= len(line.pointers) <= POINTERS_MAX or len(set(line.pointers)) != len(line.pointers):
        what = f"a line points to between 1 and {POINTERS_MAX} diagnoses, each once"
        yield case.finding(RULE, what, where=f"{where}.pointers", fix="Name the diagnoses that this service is for")
    for index, pointer in enumerate(line.pointers):
        if not 1 <= pointer <= count:
            yield case.finding(
                RULE,
                f"diagnosis {pointer} is pointed to, and the claim has {count}",
                where=f"{where}.pointers[{index}]",
                fix="Add the diagnosis, or point to one that is there",
                evidence=(f"{where}.pointers[{index}]", "$.diagnoses"),
            )


def _shape(case: Case, where: str, code: str) -> Iterator[Finding]:
    if "." in code:
        yield case.finding(RULE, "a diagnosis goes out without its dot", where=where, fix="Take the dot away")


def _in_the_table(case: Case, codes: tuple[str, ...], days: list[set[date]]) -> Iterator[Finding]:
    table = case.reference.diagnoses
    if table is None:
        yield case.not_evaluated(
            RULE,
            "no table of ICD-10-CM is there for these days",
            where="$.diagnoses",
            fix="Import CMS's ICD-10-CM order file: gateway tables import icd10 FILE",
            evidence=("$.diagnoses", "tables.icd10"),
        )
        return
    for index, (code, served) in enumerate(zip(codes, days, strict=True)):
        rows = [each for each in table if each.code == _plain(code)]
        evidence = (f"$.diagnoses[{index}]", f"tables.icd10 {case.reference.source('icd10')}".strip())
        what, fix = "", "Correct it to a code that the table has for this day"
        if not rows:
            what = "this is no code of ICD-10-CM"
        elif not all(any(row.holds_on(day) for row in rows) for day in served):
            what = "this code of ICD-10-CM does not hold on the day of service"
        elif not any(row.billable for row in rows):
            what, fix = "this code of ICD-10-CM is a heading, and is not billed", "Code it to its last character"
        if what:
            yield case.finding(RULE, what, where=f"$.diagnoses[{index}]", fix=fix, evidence=evidence)


def _of_the_authorization(case: ClaimCase) -> Iterator[Finding]:
    """Each line under an authorization is for a diagnosis that was given when it was asked for."""
    lines = [(where, line) for where, line, _ in certified_lines(case)]
    if not lines:
        return
    asked = {_plain(each) for each in case.request.diagnoses} if case.request else set()
    if not asked:
        yield case.not_evaluated(
            RULE,
            "the diagnoses that the authorization was asked for are not known",
            where="$.diagnoses",
            fix="Name the authorization by the clinic's own number, or enter it with its diagnoses",
            evidence=("$.diagnoses", "authorization.diagnoses"),
        )
        return
    codes = [_plain(each) for each in case.claim.diagnoses]
    for where, line in lines:
        billed = {codes[each - 1] for each in line.pointers if 1 <= each <= len(codes)}
        if billed and not billed & asked:
            yield case.finding(
                RULE,
                "none of the diagnoses of this line is one that the authorization was asked for",
                where=f"{where}.pointers",
                fix="Point to the diagnosis that was authorized, or ask for a revision",
                prevents="CARC 11, 284",
                evidence=(f"{where}.pointers", "$.diagnoses", "authorization.diagnoses"),
            )


def _plain(code: str) -> str:
    return code.replace(".", "").strip().upper()
