"""Of several authorizations that fit, the one that ends first is used up first, so that nothing is left to expire."""

from collections.abc import Iterator
from datetime import date

from gateway.domain.claim import ServiceLine
from gateway.domain.disciplines import discipline
from gateway.errors import Finding, Severity
from gateway.rules.case import MEMO, Certification, ClaimCase, within
from gateway.rules.need import certified_lines, without

RULE = "latest_authorization"
CHECK = 23
SOURCE = "domain facts, 6.6 (overlapping authorizations) and 7.1 (23)"
PREVENTS = "CARC 198, 302"


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    yield from without(case, RULE, "nothing is certified yet that could be compared with another authorization")
    lines = [(where, line) for where, line, _ in certified_lines(case)]
    if not lines:
        return
    if case.others is None:
        yield _unknown(case, lines[0][0], "this patient's other authorizations are not known")
        return
    for where, line in lines:
        used = next(iter(case.open(line)), None)
        if used is None:
            continue
        fitting = [each for each in case.others if _fits(each, line)]
        unsure = [each for each in fitting if _end_unknown(each) or _end_unknown(used)]
        sooner = [each for each in fitting if each not in unsure and _ends(each) < _ends(used)]
        if any(case.left(each) != 0 for each in unsure):
            yield _unknown(case, where, "which of the authorizations that fit ends first is not known")
        elif any(each.limited and case.left(each) is None for each in sooner):
            yield _unknown(case, where, "what is left of another authorization is not known")
        elif any(not each.limited or (case.left(each) or 0) > 0 for each in sooner):
            yield case.finding(
                RULE,
                "another authorization fits, ends sooner, and has something left",
                where=f"{where}.authorization" if line.authorization else "$.authorization",
                fix="Bill this date under the one that ends first, or leave it where the payer has said so",
                default=Severity.WARN,
                evidence=(f"{where}.served_on", "authorization.window", "ledger.available"),
            )
            return


def _fits(bucket: Certification, line: ServiceLine) -> bool:
    word = discipline(line)
    return (
        bucket.quantity_source != MEMO
        and (not bucket.procedures or line.procedure in bucket.procedures)
        and (not word or not bucket.modifiers or word in bucket.modifiers)
        and within(bucket, line.served_on)
    )


def _end_unknown(bucket: Certification) -> bool:
    """What has no limit either, as where no authorization is required, simply goes on."""
    return bucket.limited and bucket.ends_on is None


def _ends(bucket: Certification) -> date:
    return bucket.ends_on or date.max


def _unknown(case: ClaimCase, where: str, what: str) -> Finding:
    fix = "Enter the windows of this patient's authorizations, or check where the authorizations are stored"
    return case.not_evaluated(RULE, what, where=where, fix=fix, evidence=(where, "ledger"))
