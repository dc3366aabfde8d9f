"""The patient is the same person, with the same member number, on the record, its authorization and its eligibility."""

from collections.abc import Iterator

from gateway.domain.authorization import AuthorizationRequest, Kind
from gateway.domain.claim import Claim
from gateway.domain.coverage import Coverage
from gateway.errors import Finding
from gateway.rules.case import Case, ClaimCase, RequestCase
from gateway.rules.need import certified_lines

RULE = "patient_identity"
CHECK = 7
SOURCE = "domain facts, 2.4 (AAA03) and 7.1 (7)"
PREVENTS = "AAA 67, 71, 72 and 75, CARC 31, a rejection by 277CA"

Known = Claim | AuthorizationRequest | Coverage


def check_claim(case: ClaimCase) -> Iterator[Finding]:
    yield from _eligibility(case, case.claim)
    if not any(certified_lines(case)):
        return
    if case.request is None:
        yield case.not_evaluated(
            RULE,
            "it is not known for whom the authorization was asked",
            where="$.authorization",
            fix="Name the authorization by the clinic's own number, or enter it with its patient",
            evidence=("$.patient", "authorization.patient"),
        )
    else:
        yield from _compared(case, case.claim, case.request, "authorization")


def check_request(case: RequestCase) -> Iterator[Finding]:
    request = case.request
    yield from _eligibility(case, request)
    if request.kind is Kind.INITIAL or not request.previous_number:
        return
    about = [each.authorization for each in case.buckets if each.number == request.previous_number]
    for earlier, _ in case.history or ():
        if earlier.id in about:
            yield from _compared(case, request, earlier, "authorization")
            return


def _eligibility(case: Case, record: Claim | AuthorizationRequest) -> Iterator[Finding]:
    if case.coverage is None:
        yield case.not_evaluated(
            RULE,
            "what eligibility told of this patient is not known",
            where="$.patient",
            fix="Enter the coverage as eligibility or the portal told it",
            evidence=("$.patient", "coverage"),
        )
    else:
        yield from _compared(case, record, case.coverage, "coverage")


def _compared(case: Case, record: Claim | AuthorizationRequest, other: Known, what: str) -> Iterator[Finding]:
    """Each mark of a person that differs, by its place; never by its value."""
    ours, theirs = record.dependent, other.dependent
    patient, known = (
        each.person if each else whole.subscriber.person for each, whole in ((ours, record), (theirs, other))
    )
    holder = "$.policy_holder" if ours else "$.patient"
    marks = (
        ("member number", f"{holder}.member_id", _text(record.subscriber.member_id), _text(other.subscriber.member_id)),
        ("birth date", "$.patient.born", patient.born, known.born),
        ("last name", "$.patient.last_name", _text(patient.last), _text(known.last)),
        ("first name", "$.patient.first_name", _first(patient.first), _first(known.first)),
    )
    if bool(ours) != bool(theirs):
        yield _differs(case, "$.policy_holder", "whether the patient is the policy's holder", what)
    for name, place, here, there in marks:
        if here and there and here != there:
            yield _differs(case, place, f"the patient's {name}", what)
    if not (marks[1][2] and marks[1][3]):
        yield case.not_evaluated(
            RULE,
            f"the birth date is not known on both sides, here and in the {what}",
            where="$.patient.born",
            fix="Enter the patient's birth date",
            evidence=("$.patient.born", f"{what}.patient.born"),
        )


def _differs(case: Case, place: str, mark: str, other: str) -> Finding:
    return case.finding(
        RULE,
        f"{mark} is another in the {other}",
        where=place,
        fix="Correct whichever is wrong, as the patient's card has it",
        evidence=(place, f"{other}{place[1:]}"),
    )


def _text(value: str) -> str:
    return "".join(each for each in value.casefold() if each.isalnum())


def _first(value: str) -> str:
    """The first of the given names: payers and clinics differ in what they do with the others."""
    return _text(value.split()[0]) if value.split() else ""
