"""A request has what a payer cannot do without: patient, diagnosis, dates, provider, quantity, reasons and papers."""

from collections.abc import Iterator

from gateway.domain.authorization import AuthorizationRequest, Kind, Level
from gateway.domain.parties import Role
from gateway.errors import Finding, Severity
from gateway.rules.case import RequestCase, paper

RULE = "request_complete"
CHECK = 16
SOURCE = "005010X217 (DMG, HI, DTP, HSD, UM06, PWK); domain facts, 3 and 7.1 (16)"
PREVENTS = "AAA 15, 33, 57 and T5, a request that pends"

_QUANTIFIED = (Kind.INITIAL, Kind.EXTENSION, Kind.RENEWAL, Kind.REVISION)
_TREATING = (Role.SERVICE, Role.RENDERING, Role.FACILITY)
_FASTER = (Level.URGENT, Level.EMERGENCY)


def check_request(case: RequestCase) -> Iterator[Finding]:
    """A cancellation needs nothing of it: it names what it takes back."""
    request = case.request
    if request.kind is Kind.CANCEL:
        return
    for where, what, fix in _missing(request):
        yield case.finding(RULE, what, where=where, fix=fix)
    if request.patient.sex is None:  # Payers find most patients without it.
        fix = "Give it; unknown is a value, too"
        yield case.finding(
            RULE, "the patient's sex is not there (DMG03)", where="$.patient.sex", fix=fix, default=Severity.WARN
        )
    if request.level in _FASTER and not (request.note.strip() or request.attachments):
        yield case.finding(
            RULE,
            f"it is asked for as {request.level}, and nothing says why",
            where="$.level",
            fix="Say in the note what cannot wait, or announce the paper that shows it",
            evidence=("$.level", "$.note", "$.attachments"),
        )
    yield from _papers(case)


def _missing(request: AuthorizationRequest) -> Iterator[tuple[str, str, str]]:
    """Place, fault and cure of each part that is not there."""
    if request.patient.born is None:
        yield "$.patient.born", "the patient's birth date is not there (DMG02)", "Give the birth date"
    if not request.diagnoses:
        yield "$.diagnoses", "no diagnosis is given (HI)", "Give the diagnosis that therapy is for"
    lines = request.lines
    if request.starts_on is None and not (lines and all(line.starts_on for line in lines)):
        yield "$.starts_on", "no dates are asked for (DTP*472)", "Give the first and the last day of the treatment"
    treating = [each.provider.npi for each in request.providers if each.role in _TREATING]
    if not any((request.requester.npi, *treating)):
        yield "$.providers", "no provider of the service has an NPI", "Name the provider of the service with its NPI"
    if request.kind in _QUANTIFIED and request.quantity is None:
        if not lines:
            yield "$.visits", "no quantity is asked for (HSD)", "Say how many visits, units, hours or days"
        for index, line in enumerate(lines):
            if line.quantity is None:
                yield f"$.lines[{index}].visits", "no quantity is asked for (HSD)", "Say how many visits or units"


def _papers(case: RequestCase) -> Iterator[Finding]:
    """What this payer wants to see with a request is announced (PWK)."""
    wanted, because = case.policy.required_docs, ("required_docs",)
    if wanted is None:
        yield case.not_evaluated(
            RULE,
            "it is not known which papers this payer wants with a request",
            where="$.attachments",
            fix="Write required_docs in the payer's file; [] says that it asks for none",
            because=because,
        )
        return
    announced = {paper(each) for sent in case.request.attachments for each in (sent.report_type, sent.description)}
    on_file = {paper(each) for plan in case.plans or () for each in plan.documents}
    for name in wanted:
        if paper(name) in announced:
            continue
        here = paper(name) in on_file
        fix = f"Announce it as an attachment with the description {name}, and send it the way that is announced"
        yield case.finding(
            RULE,
            f"this payer wants {name} with a request, and it is {'on file and ' if here else ''}not announced",
            where="$.attachments",
            fix=fix,
            default=Severity.WARN if here else Severity.BLOCK,
            evidence=("$.attachments", "plan_of_care.documents"),
            because=because,
        )
