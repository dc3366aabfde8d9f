"""What becomes of a claim or a request as things stand: it goes out, is held, waits, or is split. Reads only.

The same is asked on intake, by ``gateway preview``, before a set is cut, and where something may have cured a held one.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from gateway import rules
from gateway.domain.authorization import AuthorizationRequest
from gateway.domain.claim import Claim, Frequency
from gateway.errors import Finding, Severity
from gateway.flow.assigning import Assigned, assign
from gateway.flow.cases import State
from gateway.flow.checking import claim_case, patient_of, request_case
from gateway.flow.house import House
from gateway.flow.policies import day_of, policy_of
from gateway.flow.replacing import original
from gateway.flow.splitting import split
from gateway.rules.case import Case
from gateway.store import Transaction

_LINE = re.compile(r"^\$\.lines\[(\d+)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the checks say of one record: ``findings`` of every weight, ``passed`` the names of the rules that looked
    and found nothing."""

    findings: tuple[Finding, ...] = ()
    passed: tuple[str, ...] = ()

    @property
    def blocks(self) -> bool:
        return any(each.severity is Severity.BLOCK for each in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimPlan:
    """``claim`` is stamped with the numbers that were certified. ``replaces`` is our id of the claim that it is about,
    ``parts`` are the claims that go out in its place."""

    state: State
    claim: Claim
    assigned: Assigned
    replaces: str = ""
    parts: tuple[Claim, ...] = ()
    checked: Checked = field(default_factory=Checked)

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.checked.findings


def plan_claim(house: House, tx: Transaction, claim: Claim) -> ClaimPlan:
    """What becomes of a claim."""
    patient = patient_of(tx, claim)
    replaces = original(claim, patient)
    assigned = assign(house, tx, claim, patient, replaces=replaces)
    if assigned.waits_for is not None:
        return ClaimPlan(state=State.WAITING, claim=claim, assigned=assigned, replaces=replaces)
    policy = policy_of(house, claim, day_of(claim, house.today), patient.coverage)
    if len(assigned.parts) > 1 and policy.g1_placement != "line" and claim.frequency is Frequency.ORIGINAL:
        parts = split(assigned.claim, assigned.parts)
        return ClaimPlan(state=State.SPLIT, claim=claim, assigned=assigned, parts=parts)
    if any(each.severity is Severity.BLOCK for each in assigned.findings) and not assigned.billing.buckets:
        checked = Checked(findings=assigned.findings)  # Of a stranger's authorization there is no more to say.
    else:
        case = claim_case(house, tx, assigned.claim, assigned.billing, patient)
        checked = check(case, assigned.findings)
    return ClaimPlan(
        state=State.HELD if checked.blocks else State.WRITTEN,
        claim=assigned.claim,
        assigned=assigned,
        replaces=replaces,
        checked=checked,
    )


def check_record(house: House, tx: Transaction, record: Claim | AuthorizationRequest) -> tuple[State, Checked]:
    """What becomes of a record, and all that the checks say of it, of the parts that it is split into as well."""
    if isinstance(record, AuthorizationRequest):
        checked = check(request_case(house, tx, record, patient_of(tx, record)))
        return State.HELD if checked.blocks else State.WRITTEN, checked
    plan = plan_claim(house, tx, record)
    if plan.state is not State.SPLIT:
        return plan.state, plan.checked
    found: list[Finding] = []
    passed: set[str] = set(rules.names())
    states = set()
    for part, lines in zip(plan.parts, plan.assigned.parts, strict=True):
        one = plan_claim(house, tx, part)
        states.add(one.state)
        found += [_in_whole(each, lines) for each in one.findings]
        passed &= set(one.checked.passed)
    findings = tuple(dict.fromkeys((*plan.assigned.findings, *found)))
    state = State.HELD if State.HELD in states else State.SPLIT
    return state, Checked(findings=findings, passed=tuple(sorted(passed)))


def check(case: Case, before: Iterable[Finding] = ()) -> Checked:
    """What every rule says of a case, after what was found ``before``."""
    found = tuple(rules.check(case))
    spoken = {each.rule for each in found}
    return Checked(
        findings=(*before, *found), passed=tuple(each for each in rules.applying(case) if each not in spoken)
    )


def _in_whole(finding: Finding, lines: Sequence[int]) -> Finding:
    """A finding about a part, with the places of the claim that it is a part of."""

    def moved(path: str) -> str:
        return _LINE.sub(lambda found: f"$.lines[{lines[int(found.group(1))]}]", path)

    return replace(
        finding,
        where=moved(finding.where) if isinstance(finding.where, str) else finding.where,
        evidence=tuple(moved(each) for each in finding.evidence),
    )
