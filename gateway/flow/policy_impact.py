"""What a changed policy file would change: which open authorizations and which claims that wait would fare differently.

The same checks run under the policies that hold and under those that would; nothing is stored, nothing is sent.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.domain.authorization import AuthorizationRequest
from gateway.domain.claim import Claim
from gateway.errors import Finding
from gateway.flow.cases import IN_FORCE, UNDECIDED, State
from gateway.flow.checking import claim_case, patient_of
from gateway.flow.house import House, Transaction
from gateway.flow.planning import Checked, check, check_record, plan_claim
from gateway.flow.policies import day_of, policy_of
from gateway.rules.policy import Policy
from gateway.rules.policy_rows import NAMES
from gateway.settings import PolicyBook
from gateway.settings.policies import VALUES
from gateway.store import StoredAuthorization, StoredClaim

OPEN = (*dict.fromkeys((*UNDECIDED, *IN_FORCE, State.HELD, State.EXTENSION_REQUESTED, State.CONTACT_PAYER)),)
"""The states of an authorization of which something may still come; one whose window is over is not open."""
NOT_SENT = (State.ACCEPTED, State.HELD, State.WAITING)
COUNTING = (
    "requires_authorization",
    "unit",
    "consumption_basis",
    "bucket_grouping",
    "eval_counts",
    "reeval_needs_auth",
    "late_claim_grace",
    "extension_allowed",
    "extension_lead",
)
"""The values by which what is certified is counted: it fares differently where one of them changes, whatever the checks
say of the request."""
_ALL = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """An authorization or a claim for which another policy would hold. ``before`` and ``after`` are what would become
    of it (held, written, waiting, split), ``values`` what the policy says before and after by the files' name."""

    subject: str
    kind: str
    state: str
    before: str
    after: str
    gained: tuple[Finding, ...]
    lost: tuple[Finding, ...]
    values: Mapping[str, tuple[Any, Any]]
    row: str

    @property
    def differs(self) -> bool:
        """Whether it would fare differently."""
        counted = self.kind == "authorization" and any(name in self.values for name in COUNTING)
        return self.before != self.after or bool(self.gained or self.lost) or counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """``looked`` is how many records were looked at; ``affected`` are those with another policy."""

    looked: int
    affected: tuple[Affected, ...]


def impact(house: House, changed: PolicyBook) -> Impact:
    """What becomes of every open authorization and every claim that has not gone out, now and with the changed book."""
    then = replace(house, settings=replace(house.settings, policies=changed))
    looked = 0
    affected: list[Affected] = []
    with house.reading() as tx:
        for stored, record in _records(house, tx):
            looked += 1
            affected += _compared(house, then, tx, stored, record)
    return Impact(looked=looked, affected=tuple(affected))


def _records(
    house: House, tx: Transaction
) -> Iterator[tuple[StoredAuthorization | StoredClaim, AuthorizationRequest | Claim]]:
    for asked in tx.authorizations.list(state=OPEN, limit=_ALL):
        if State(asked.state) not in IN_FORCE or (asked.request.ends_on or house.today) >= house.today:
            yield asked, asked.request
    for billed in tx.claims.list(state=NOT_SENT, limit=_ALL):
        yield billed, billed.claim


def _compared(
    house: House,
    then: House,
    tx: Transaction,
    stored: StoredAuthorization | StoredClaim,
    record: AuthorizationRequest | Claim,
) -> Iterator[Affected]:
    day, coverage = day_of(record, house.today), patient_of(tx, record).coverage
    old, new = (policy_of(each, record, day, coverage) for each in (house, then))
    values = changes(old, new)
    if not values:
        return
    (before, was), (after, now) = (_looked(each, tx, record) for each in (house, then))
    known, found = ({_key(each): each for each in checked.findings} for checked in (was, now))
    yield Affected(
        subject=stored.id,
        kind="claim" if isinstance(record, Claim) else "authorization",
        state=stored.state,
        before=before,
        after=after,
        gained=tuple(each for key, each in found.items() if key not in known),
        lost=tuple(each for key, each in known.items() if key not in found),
        values=values,
        row=new.named(*(NAMES.get(name, name) for name in values)),
    )


def _looked(house: House, tx: Transaction, record: AuthorizationRequest | Claim) -> tuple[State, Checked]:
    """What would become of a record. One that waits for its authorization is checked all the same: what is found would
    hold it once that is decided."""
    state, checked = check_record(house, tx, record)
    if state is State.WAITING and isinstance(record, Claim):
        assigned = plan_claim(house, tx, record).assigned
        case = claim_case(house, tx, assigned.claim, assigned.billing, patient_of(tx, record))
        checked = check(case, assigned.findings)
    return state, checked


def changes(old: Policy, new: Policy) -> dict[str, tuple[Any, Any]]:
    """The values that differ, by the files' name; which row they come from does not count."""
    pairs = ((name, getattr(old, NAMES.get(name, name)), getattr(new, NAMES.get(name, name))) for name in VALUES)
    return {name: (before, after) for name, before, after in pairs if before != after}


def _key(finding: Finding) -> tuple[str, str, str, str]:
    return finding.rule, str(finding.severity), str(finding.where), finding.what
