"""The money book: charges, payments, adjustments and provider-level amounts of claims, in cents, by double entry.

A positive line adds to its account, a negative one takes from it, and an entry's lines sum to zero. What an 835 does
not explain is never made to fit: it stands in ``suspense`` beside a finding that names the sum and the place.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from gateway.domain.money import dollars
from gateway.domain.remittance import ClaimPayment, ProviderAdjustment, Remittance
from gateway.errors import Finding
from gateway.ledger.advice import RECEIVABLE, Advice, Head, Held
from gateway.ledger.billed import BilledClaim
from gateway.ledger.consequences import Consequences
from gateway.ledger.entry import Cause, entry_id
from gateway.ledger.position import NO_ORIGINAL, ORIGINAL_HELD, PaymentStand, Stands

CASH = "cash:payer"
REVENUE = "revenue:charges"
SUSPENSE = "suspense"
_WHY = {
    Held.UNKNOWN_CLAIM: "no claim of ours has this CLP01",
    Held.ELSEWHERE: "CLP02 {status} is not this claim's own payment",
    Held.OTHER_PAYER: "CLP02 {status} is a secondary payer's, and the claim went to the primary one",
    Held.TOTAL_UNBALANCED: "it stands in a remittance whose total does not balance",
    NO_ORIGINAL: "a reversal (CLP02 22) whose original is not known: it is paired by CLP07 and the negated amounts",
    ORIGINAL_HELD: "a reversal (CLP02 22) of a payment that waits in suspense, too",
}


@dataclass(frozen=True, slots=True)
class MoneyLine:
    """Cents that an account gains, or loses where negative."""

    account: str
    cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyEntry:
    """One happening in the money book. Append-only; ``reverses`` names the entry that this one takes back."""

    id: str
    kind: str
    holds_on: date
    cause: Cause
    lines: tuple[MoneyLine, ...]
    reverses: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        assert self.id, "an entry without an id could be posted twice"
        assert sum(line.cents for line in self.lines) == 0, "the lines of an entry sum to zero"


def post_claim(claim: BilledClaim, *, document: str = "", holds_on: date, key: str = "") -> MoneyEntry:
    """The charge becomes what the payer owes. A claim that is sent again with another ``key`` counts again."""
    lines = _lines((RECEIVABLE, claim.charge), (REVENUE, -claim.charge))
    cause = Cause(document=document, claim=claim.id)
    return MoneyEntry(id=entry_id("claim", claim.id, key), kind="claim", holds_on=holds_on, cause=cause, lines=lines)


def reverse(entry: MoneyEntry, *, cause: Cause, holds_on: date, key: str) -> MoneyEntry:
    """Takes an entry back by its opposite: a claim that was refused, voided or replaced."""
    return MoneyEntry(
        id=entry_id("reverse", entry.id, key),
        kind="reverse",
        holds_on=holds_on,
        cause=cause,
        lines=tuple(MoneyLine(each.account, -each.cents) for each in entry.lines),
        reverses=entry.id,
    )


def entry_of(
    advice: Advice, stands: Stands, table: Consequences, *, document: str = "", segment: str = ""
) -> MoneyEntry:
    """The money of a claim payment as it stands: posted, it moves the charge off what the payer owes to wherever the
    835 says it went; in suspense, it is cash that nobody has explained. An entry without lines is not to be written."""
    posted = stands is Stands.POSTED
    if posted:
        amounts = [(CASH, advice.paid), (RECEIVABLE, -advice.charge)]
        amounts += [(table.account_of(group, reason), cents) for group, reason, cents in advice.adjustments]
        amounts += [
            (table.account_of(group, reason), cents)
            for line in advice.lines
            for group, reason, cents in line.adjustments
        ]
    else:
        amounts = [(CASH, advice.paid), (SUSPENSE, -advice.paid)]
    kind = ("reversal" if advice.is_reversal else "payment") if posted else "suspense"
    return MoneyEntry(
        id=entry_id("payment" if posted else "suspense", advice.key),
        kind=kind,
        holds_on=advice.order[0],
        cause=Cause(document=document, claim=advice.claim, segment=segment),
        lines=_lines(*amounts),
    )


def restated(
    before: MoneyEntry, after: MoneyEntry, *, cause: Cause, holds_on: date, key: str
) -> tuple[MoneyEntry, MoneyEntry]:
    """What later news of the same claim does to a payment that was posted before: ``before``, the entry that stands for
    it, is taken back, and ``after`` stands in its place. ``cause`` and ``key`` are the news'; an entry without lines is
    not to be written."""
    again = replace(after, id=entry_id("restated", after.id, key), cause=cause, holds_on=holds_on)
    return reverse(before, cause=cause, holds_on=holds_on, key=key), again


def charge_restated(
    claim: BilledClaim,
    billed: bool,
    entries: Iterable[MoneyEntry],
    *,
    cause: Cause,
    holds_on: date,
    key: str,
) -> tuple[MoneyEntry, ...]:
    """What makes the claim's charge stand, or not. ``entries`` are the claim's own; one that never charged anything
    does not begin to."""
    known = list(entries)
    back = {each.reverses for each in known}
    charges = [each for each in known if each.kind == "claim"]
    standing = [each for each in charges if each.id not in back]
    if not billed:
        return tuple(reverse(each, cause=cause, holds_on=holds_on, key=key) for each in standing)
    if standing or not charges:
        return ()
    return (post_claim(claim, document=cause.document, holds_on=holds_on, key=key),)


def post_provider_adjustment(
    adjustment: ProviderAdjustment, *, document: str = "", holds_on: date, key: str
) -> MoneyEntry:
    """A PLB: a positive amount takes money away from the provider."""
    return MoneyEntry(
        id=entry_id("plb", key),
        kind="provider_adjustment",
        holds_on=holds_on,
        cause=Cause(document=document),
        lines=_lines((f"plb:{adjustment.reason}", adjustment.amount), (CASH, -adjustment.amount)),
    )


def beside_claims(
    adjustments: Sequence[ProviderAdjustment], head: Head, *, beyond: int, document: str = ""
) -> tuple[MoneyEntry, ...]:
    """The entries of a remittance beside those of its claims: its PLB amounts, in suspense where the total does not
    balance, and ``beyond``, what BPR02 has more than all explain: cash is what the bank shows, and why it is not what
    the claims add up to, the payer must say. ``adjustments`` have reasons that may name an account."""
    entries = []
    for index, each in enumerate(adjustments):
        key = f"{head.key}/{index}"
        if beyond:
            place = f"$.provider_adjustments[{index}]"
            entries.append(_suspense("suspense", key, -each.amount, head, Cause(document=document, segment=place)))
        else:
            entries.append(post_provider_adjustment(each, document=document, holds_on=head.paid_on, key=key))
    entries.append(_suspense("cash", head.key, beyond, head, Cause(document=document, segment="$")))
    return tuple(each for each in entries if each.lines)


def _suspense(name: str, key: str, amount: int, head: Head, cause: Cause) -> MoneyEntry:
    lines = _lines((CASH, amount), (SUSPENSE, -amount))
    return MoneyEntry(id=entry_id(name, key), kind="suspense", holds_on=head.paid_on, cause=cause, lines=lines)


def balance(remittance: Remittance) -> tuple[Finding, ...]:
    """The three balances of an 835 (domain facts, 5.2), each difference with its sum and its place."""
    claims = (claim_balance(each, f"$.claims[{at}]") for at, each in enumerate(remittance.claims))
    whole = total_balance(remittance.amount, _cash_difference(remittance))
    return (*(each for found in claims for each in found), *whole)


def claim_balance(payment: ClaimPayment, where: str) -> list[Finding]:
    """SVC02 less the line's adjustments is SVC03; CLP03 less all adjustments is CLP04. ``where`` is its JSON path."""
    findings = []
    adjusted = sum([each.amount for each in payment.adjustments])
    for number, line in enumerate(payment.lines):
        of_line = sum([each.amount for each in line.adjustments])
        adjusted += of_line
        if rest := line.charge - of_line - line.paid:
            what = "SVC02 less the line's adjustments is not SVC03"
            findings.append(_finding(what, f"{where}.lines[{number}]", rest))
    if rest := payment.charge - adjusted - payment.paid:
        findings.append(_finding("CLP03 less all adjustments of the claim and its lines is not CLP04", where, rest))
    return findings


def total_balance(amount: int, beyond: int) -> list[Finding]:
    """The claims' CLP04 less the PLB amounts is BPR02, which is not negative. ``amount`` is BPR02, ``beyond`` what it
    has more than they explain."""
    findings = []
    if beyond:
        findings.append(_finding("the claims' CLP04 less the provider's adjustments is not BPR02", "$", -beyond))
    if amount < 0:
        findings.append(_finding("BPR02 is negative", "$.amount", amount))
    return findings


def suspense(stand: PaymentStand, advice: Advice, where: str) -> Finding:
    """The task of a claim payment that waits in suspense, with its sum and its place."""
    what = _WHY.get(stand.reason, "its amounts do not balance")
    return _finding(what.format(status=advice.status if advice.status.isdigit() else "?"), where, advice.paid)


def money_balances(entries: Iterable[MoneyEntry]) -> dict[str, int]:
    """The balances of a history, by account. An entry that comes again, by its id, counts once."""
    after: dict[str, int] = {}
    for entry in {each.id: each for each in entries}.values():
        for line in entry.lines:
            after[line.account] = after.get(line.account, 0) + line.cents
    return after


def violations(balances: Mapping[str, int]) -> list[Finding]:
    """The whole money book sums to zero."""
    total = sum(balances.values())
    return [_finding("the accounts of the money book do not sum to zero", "ledger", total)] if total else []


def _cash_difference(remittance: Remittance) -> int:
    """What BPR02 has more than the claims and the provider's adjustments explain."""
    claims = sum(each.paid for each in remittance.claims)
    return remittance.amount - claims + sum(each.amount for each in remittance.provider_adjustments)


def _lines(*amounts: tuple[str, int]) -> tuple[MoneyLine, ...]:
    """One line an account, none that moves nothing."""
    sums: dict[str, int] = {}
    for account, cents in amounts:
        sums[account] = sums.get(account, 0) + cents
    return tuple(MoneyLine(account, cents) for account, cents in sums.items() if cents)


def _finding(what: str, where: str, cents: int) -> Finding:
    return Finding(
        rule="remittance_balance",
        what=f"{what}: {dollars(cents)}",
        where=where,
        fix="It waits in suspense; ask the payer for a corrected 835, or say what it is",
        source="domain facts, 5.2 and 5.3",
    )
