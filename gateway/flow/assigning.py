"""Which authorization each line of a claim is billed under, and what the claim takes of it. Decides; posts nothing.

A line that names the payer's number is under that one, and under no other; a claim that names an authorization puts
its other lines under it. Where it names none, those of the patient are looked at, the one that ends first before the
others. Extensions count to what they extend.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from gateway.domain.authorization import RESTATING, Kind
from gateway.domain.claim import Claim, Frequency, ServiceLine
from gateway.errors import Finding
from gateway.flow.booked import booked, seen_by
from gateway.flow.cases import BILLABLE, CERTIFYING, UNDECIDED, State, changed_by, of_one_patient
from gateway.flow.checking import Billing, Patient, claim_case
from gateway.flow.house import House, Transaction
from gateway.flow.replacing import holding
from gateway.flow.returning import other_claims
from gateway.ledger.entry import Account, Bucket
from gateway.ledger.matching import Booked, Draw, Drawn, candidates, draw
from gateway.ledger.replaced import left_to
from gateway.rules.need import is_evaluation, needed
from gateway.store import StoredAuthorization

_OTHER_PATIENT = Finding(
    rule="authorization_patient",
    what="the authorization that the claim names is another patient's, or another payer's",
    where="$.authorization_ref",
    fix="Name the patient's own authorization; compare member id, birth date and first name with those of its request",
    prevents="CARC 15, 284; visits taken from another patient",
    source="domain facts, 7.1 (7)",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """What a claim is billed under.

    ``claim`` carries the numbers (REF*G1) that it goes out with, a line its own only where it differs. ``pools`` are
    the buckets that each line may draw on (as ledger/matching.draw takes them), ``given_back`` what the claim that
    this one replaces holds, by bucket. ``waits_for`` is an authorization that is not decided yet.
    """

    claim: Claim
    authorization: StoredAuthorization | None = None
    buckets: tuple[Bucket, ...] = ()
    pools: Mapping[str, frozenset[str]] | None = None
    given_back: Mapping[str, int] | None = None
    drawn: Drawn | None = None
    billing: Billing = field(default_factory=Billing)
    waits_for: StoredAuthorization | None = None
    findings: tuple[Finding, ...] = ()
    seen: Mapping[str, int] = field(default_factory=dict)  # The version of each authorization that was looked at.

    @property
    def authorizations(self) -> list[str]:
        """Our ids of those that it draws on or names, in the order in which they are locked."""
        found = {each.bucket.authorization for each in self.drawn.draws} if self.drawn else set()
        return sorted(found | ({self.authorization.id} if self.authorization else set()) - {""})

    @property
    def parts(self) -> list[tuple[int, ...]]:
        """The lines of each authorization number, by their index, the controlling one's first. A line without a
        number goes with the controlling one (domain facts, 4)."""
        parts: dict[str, list[int]] = {self.claim.authorization: []}
        for index, line in enumerate(self.claim.lines):
            parts.setdefault(line.authorization or self.claim.authorization, []).append(index)
        return [tuple(each) for each in parts.values() if each]


def assign(house: House, tx: Transaction, claim: Claim, patient: Patient, *, replaces: str = "") -> Assigned:
    """What a claim is billed under. ``replaces`` is our id of the claim that it takes the place of."""
    named = controlling(tx, claim)
    seen = {each.id: each.version for each in patient.authorizations}
    if named is not None:
        seen[named.id] = named.version
    return replace(_assigned(house, tx, claim, named, patient, replaces), seen=seen)


def _assigned(
    house: House, tx: Transaction, claim: Claim, named: StoredAuthorization | None, patient: Patient, replaces: str
) -> Assigned:
    if named is not None and not of_one_patient(named.request, claim):
        return Assigned(claim=claim, authorization=named, findings=(_OTHER_PATIENT,))
    if claim.frequency is Frequency.VOID:  # It draws on nothing.
        return Assigned(claim=_stamped(claim, named, {}), authorization=named, billing=Billing(authorization=named))
    if named is not None and State(named.state) in UNDECIDED:
        return Assigned(claim=claim, authorization=named, waits_for=named)
    pools = _pools(house, tx, claim, named, patient)
    wanted = {bucket for pool in pools.values() for bucket in pool}
    assigned = Assigned(
        claim=claim,
        authorization=named,
        buckets=tuple(each for each in patient.buckets if each.id in wanted),
        pools=pools,
        given_back=holding(tx, replaces, beside=claim) if replaces else None,
    )
    drawn = take(tx, assigned)
    waits_for = _undecided(claim, drawn, patient) if named is None else None
    if waits_for is not None:
        return replace(assigned, waits_for=waits_for)
    return _numbered(tx, replace(assigned, drawn=drawn), patient)


def controlling(tx: Transaction, claim: Claim) -> StoredAuthorization | None:
    """The authorization that a claim names, by the clinic's own number of it or by the payer's; else None."""
    if claim.authorization_ref:
        named = tx.authorizations.by_client_ref(claim.organisation, claim.clinic, claim.authorization_ref)
        if named is None or named.request.kind not in RESTATING or State(named.state) in UNDECIDED:
            return named
        # What a revision certifies is booked under the authorization that it revises.
        return next(iter(changed_by(tx, named.request)), named)
    if not claim.authorization:
        return None
    found = [tx.authorizations.get(each) for each in tx.identifiers.find("hcr02", claim.authorization)]
    own = [each for each in found if (each.organisation, each.clinic) == (claim.organisation, claim.clinic)]
    own = [each for each in own if of_one_patient(each.request, claim)]
    # A change or a cancellation echoes the number of what it was about: the one that can be billed on comes first.
    return min(own, key=lambda each: State(each.state) not in BILLABLE, default=None)


def take(tx: Transaction, assigned: Assigned, *, lock: bool = False, beside: Iterable[Drawn] = ()) -> Drawn:
    """What the claim takes as the books stand. ``lock`` holds the buckets to the end of the transaction; ``beside`` is
    what other claims of the same interchange take, before any of it is posted."""
    claim, buckets = assigned.claim, assigned.buckets
    balances = tx.books.balances([each.id for each in buckets], lock=lock)
    for taken in (each for drawn in beside for each in drawn.draws):
        if taken.bucket.id in balances:
            balance = balances[taken.bucket.id]
            balance[Account.AVAILABLE] = balance.get(Account.AVAILABLE, 0) - taken.quantity
    for bucket, quantity in (assigned.given_back or {}).items():
        if bucket in balances:
            balances[bucket][Account.AVAILABLE] = balances[bucket].get(Account.AVAILABLE, 0) + quantity
    return draw(
        claim,
        buckets,
        balances,
        counted=_counted_by_others(tx, claim, buckets)[0],
        booked=booked(tx, claim, buckets),
        pools=assigned.pools,
    )


def posted(assigned: Assigned, own: Booked) -> tuple[Draw, ...]:
    """What is committed when the claim goes out: its draws, without what comes back to it once its payer has taken it
    in the place of the claim that it replaces (domain facts, 6.2). What its visits have booked (``own``) it takes."""
    assert assigned.drawn is not None, "a claim without draws has nothing to post"
    draws = assigned.drawn.draws
    if not assigned.given_back:
        return draws
    left = {name: sum(held.values()) for name, held in own.items()}
    wanted = []
    for each in draws:
        name = (each.bucket.id, each.visit)
        booked = min(each.quantity, left.get(name, 0))
        left[name] = left.get(name, 0) - booked
        wanted.append((each.bucket.id, each.quantity - booked))
    later = left_to(assigned.given_back, wanted)
    return tuple(replace(each, quantity=each.quantity - less) for each, less in zip(draws, later, strict=True))


def _pools(
    house: House, tx: Transaction, claim: Claim, named: StoredAuthorization | None, patient: Patient
) -> dict[str, frozenset[str]]:
    """The buckets that each line may draw on, by REF*6R. A line that needs no authorization and names none is not
    among them: it draws on nothing."""
    case = claim_case(house, tx, claim, Billing(authorization=named), patient)
    names_one = bool(claim.authorization_ref or claim.authorization)
    billable = {each.id for each in patient.authorizations if State(each.state) in BILLABLE}
    family = _family(named, patient) if named else frozenset()
    pools = {}
    for line in claim.lines:
        number = (line.authorization or claim.authorization).strip()
        if line.procedure in case.policy.exempt_procedures or (
            case.policy.eval_counts is False and is_evaluation(line)
        ):
            continue
        if number:
            mine = [each for each in patient.buckets if each.number.strip() == number]
        elif names_one:
            mine = [each for each in patient.buckets if each.authorization in family]
        elif needed(case, line) is not False:
            mine = [each for each in patient.buckets if each.authorization in billable]
        else:
            continue
        pools[line.control_number] = frozenset(each.id for each in mine)
    return pools


def _family(named: StoredAuthorization, patient: Patient) -> frozenset[str]:
    """An authorization and what was added to it: its extensions that are certified, and theirs."""
    family = [named]
    for one in family:
        known = {each.id for each in family}
        family += [each for each in patient.authorizations if each.id not in known and _extends(each, one)]
    return frozenset(each.id for each in family)


def _extends(stored: StoredAuthorization, other: StoredAuthorization) -> bool:
    request = stored.request
    if request.kind is not Kind.EXTENSION or State(stored.state) not in BILLABLE:
        return False
    by_number = request.previous_number == other.number != ""
    return by_number or stored.parent == other.id or request.earlier_ref == other.client_ref


def _undecided(claim: Claim, drawn: Drawn, patient: Patient) -> StoredAuthorization | None:
    """The request that a line without any authorization may be waiting for: asked for its procedure and its day."""
    open_lines = {each.line for each in drawn.uncovered}
    for line in claim.lines:
        if line.control_number not in open_lines or line.authorization:
            continue
        for each in patient.authorizations:
            if State(each.state) in UNDECIDED and each.request.kind in CERTIFYING and _asked_for(each, line):
                return each
    return None


def _asked_for(stored: StoredAuthorization, line: ServiceLine) -> bool:
    request, day = stored.request, line.served_on
    procedures = {each.procedure for each in request.lines}
    inside = (request.starts_on or day) <= day <= (request.ends_on or day)
    return inside and (not procedures or line.procedure in procedures)


def _numbered(tx: Transaction, assigned: Assigned, patient: Patient) -> Assigned:
    """With the numbers that its lines go out with, and what the checks see of the books."""
    claim, drawn, named = assigned.claim, assigned.drawn, assigned.authorization
    assert drawn is not None, "numbers come from what the lines draw on"
    by_line = {line: each.bucket for each in drawn.draws for line in each.lines}
    nearest = {each.id: each for each in assigned.buckets}
    for lacking in drawn.uncovered:  # Too little is left there: the number is right all the same.
        if lacking.bucket:
            by_line[lacking.line] = nearest[lacking.bucket]
    numbers = {line: _number(bucket, patient) for line, bucket in by_line.items()}
    numbers |= {each.control_number: each.authorization for each in claim.lines if each.authorization}
    if named is None and by_line:
        under = [by_line[each.control_number] for each in claim.lines if each.control_number in by_line]
        counts = Counter(each.authorization for each in under)
        named = patient.authorization(counts.most_common(1)[0][0])
    known = {each.authorization for each in by_line.values()} | ({named.id} if named else set())
    buckets = tuple(each for each in assigned.buckets if each.authorization in known) if known else assigned.buckets
    return replace(
        assigned,
        claim=_stamped(claim, named, numbers),
        authorization=named,
        billing=Billing(
            authorization=named,
            buckets=buckets,
            balances=_seen(tx, assigned, patient),
            counted=_counted_by_others(tx, claim, buckets)[1],
        ),
        findings=tuple(_ambiguous(claim, assigned, by_line, patient)),
    )


def _number(bucket: Bucket, patient: Patient) -> str:
    authorization = patient.authorization(bucket.authorization)
    if authorization is not None and State(authorization.state) not in BILLABLE:
        return ""
    return (bucket.number or (authorization.number if authorization else "")).strip()


def _stamped(claim: Claim, named: StoredAuthorization | None, numbers: Mapping[str, str]) -> Claim:
    """The claim with REF*G1, where the payer gave a number and the clinic did not say another: the number of most
    lines, and on each line the one that differs from it."""
    counts = Counter(numbers[each.control_number] for each in claim.lines if numbers.get(each.control_number))
    most = counts.most_common(1)[0][0] if counts else ""
    if not most and named is not None and State(named.state) in BILLABLE:
        most = named.number
    whole = claim.authorization or most
    lines = []
    for line in claim.lines:
        number = numbers.get(line.control_number, "")
        lines.append(replace(line, authorization=number if number != whole.strip() else ""))
    return replace(claim, authorization=whole, lines=tuple(lines))


def _ambiguous(claim: Claim, assigned: Assigned, by_line: Mapping[str, Bucket], patient: Patient) -> Iterable[Finding]:
    """A line that names none and would do under two authorizations that end on the same day: nobody can tell which."""
    if claim.authorization or claim.authorization_ref:
        return
    assert assigned.pools is not None, "a claim that draws has pools"
    for index, line in enumerate(claim.lines):
        chosen = by_line.get(line.control_number)
        if chosen is None or line.authorization:
            continue
        pool = assigned.pools[line.control_number]
        fitting, _ = candidates(claim, line, [each for each in assigned.buckets if each.id in pool])
        same = {_number(each, patient) for each in fitting if each.ends_on == chosen.ends_on}
        if len(same) > 1:
            yield Finding(
                rule="controlling_authorization",
                what=f"{len(same)} authorizations of this patient fit this line and end on the same day",
                where=f"$.lines[{index}]",
                evidence=(f"$.lines[{index}]", "$.authorization", "authorization.ends_on"),
                fix="Name the one that this is billed under, in authorization or authorization_ref",
                prevents="CARC 284, 198",
                source="domain facts, 7.1 (23)",
            )


def _seen(tx: Transaction, assigned: Assigned, patient: Patient) -> dict[str, dict[Account, int]]:
    """The balances of all the patient's buckets, as this claim may draw on them."""
    balances = tx.books.balances([each.id for each in patient.buckets])
    for bucket, quantity in (assigned.given_back or {}).items():
        if bucket in balances:
            balances[bucket][Account.AVAILABLE] = balances[bucket].get(Account.AVAILABLE, 0) + quantity
    return seen_by(balances, booked(tx, assigned.claim, assigned.buckets))


def _counted_by_others(
    tx: Transaction, claim: Claim, buckets: Sequence[Bucket]
) -> tuple[set[tuple[str, str]], set[tuple[str, date, str]]]:
    """The visits in these buckets that other claims hold, by their keys, and by their days and disciplines."""
    others = [
        other
        for authorization in sorted({each.authorization for each in buckets})
        for other in other_claims(tx, authorization, claim.id)
    ]
    return {one for each in others for one in each.visits}, {one for each in others for one in each.days}
