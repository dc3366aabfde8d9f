"""A desk for the tests of payer documents: it keeps what came, and posts the difference to both books each time.

It does with lists what the flow does with tables: advise, position, target, moved_to, entry_of, restated.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from ledger_samples import DAY, holding
from payment_keys import PaymentKeys

from gateway.domain.claim import Claim
from gateway.domain.remittance import ClaimPayment
from gateway.errors import Finding, Severity
from gateway.ledger import cents
from gateway.ledger.advice import Advice, Head, Held, advise
from gateway.ledger.cents import MoneyEntry
from gateway.ledger.consequences import load
from gateway.ledger.entry import Account, Bucket, Cause, Entry, add, violations
from gateway.ledger.matching import commits, draw
from gateway.ledger.position import Answered, PaymentStand, Position, Stands, position
from gateway.ledger.settling import moved_to
from gateway.ledger.standing import Standing, standing, visit_lines
from gateway.ledger.target import Share, target

TABLE = load()


@dataclass(frozen=True, slots=True)
class Said:
    """One claim payment as it comes: ``check`` and ``day`` are its remittance's, ``number`` its place in that."""

    payment: ClaimPayment
    check: str = "C1"
    day: int = 0
    number: int = 0
    held: str = ""

    @property
    def head(self) -> Head:
        return Head(payer_id="1999999999", check_number=self.check, paid_on=DAY + timedelta(days=self.day))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a 999 or 277CA says of a claim, by CLM01; ``document`` names it."""

    claim: str
    answered: Answered
    document: str


@dataclass
class Desk:
    """Claims under one or more buckets of an authorization, billed in their order, and what the payer says of them."""

    claims: Sequence[Claim]
    buckets: Sequence[Bucket]
    stock: int = 10
    zero_consumes: bool | None = None
    entries: dict[str, Entry] = field(default_factory=dict)
    money: dict[str, MoneyEntry] = field(default_factory=dict)
    balances: dict[str, dict[Account, int]] = field(default_factory=dict)
    advices: dict[str, dict[str, Advice]] = field(default_factory=dict)
    answers: dict[str, set[Answered]] = field(default_factory=dict)
    stands: dict[str, PaymentStand] = field(default_factory=dict)
    tasks: list[Finding] = field(default_factory=list)
    voided: set[str] = field(default_factory=set)
    entry_of: dict[str, str] = field(default_factory=dict)  # The money entry that stands for a payment.

    def __post_init__(self) -> None:
        self.balances = {each.id: holding(available=self.stock) for each in self.buckets}
        for each in self.claims:
            self.bill(each)

    def bill(self, claim: Claim) -> None:
        """Commits what the claim draws, unless an open claim holds the visit already; charges it."""
        counted = {
            (held.bucket.id, held.visit_key)
            for held in standing(claim, self.entries.values(), self.buckets)
            if held.visit_key and (held.committed or held.consumed)
        }
        drawn = draw(claim, self.buckets, self.balances, counted=counted)
        self.post(commits(claim, drawn.draws, self.balances, document="do_0", holds_on=DAY, key="k"))
        self.post_money([cents.post_claim(claim, document="do_0", holds_on=DAY)])

    def post(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if entry.id not in self.entries:
                self.entries[entry.id] = entry
                add(self.balances, entry)
        assert not violations(self.balances)

    def post_money(self, entries: Iterable[MoneyEntry]) -> None:
        for entry in entries:
            if entry.lines:
                self.money.setdefault(entry.id, entry)

    # What comes.

    def come(self, *said: Said | Answer) -> list[str]:
        """Takes each; gives what the blocking tasks say."""
        before = len(self.tasks)
        for each in said:
            if isinstance(each, Answer):
                self.answers.setdefault(each.claim, set()).add(each.answered)
                self._settle(each.claim, each.document, DAY)
            else:
                self._pay(each)
        return [each.what for each in self.tasks[before:] if each.severity is Severity.BLOCK]

    def pay(self, *payments: ClaimPayment, check: str = "C1", day: int = 0) -> list[str]:
        """The claim payments of one remittance, in their order."""
        keys = PaymentKeys(Said(payments[0], check, day).head.key)
        before = len(self.tasks)
        for number, each in enumerate(payments):
            self._pay(Said(each, check, day, number), keys.of(each))
        return [each.what for each in self.tasks[before:] if each.severity is Severity.BLOCK]

    def _pay(self, said: Said, key: str = "") -> None:
        number = said.payment.control_number
        claim = next((each for each in self.claims if each.control_number == number), None)
        held = said.held or (Held.CLAIM_UNBALANCED if cents.claim_balance(said.payment, "$") else "")
        key = key or PaymentKeys(said.head.key).of(said.payment) + f"/{said.number}"
        advice, found = advise(
            said.payment,
            claim,
            TABLE,
            key=key,
            head=said.head,
            number=said.number,
            held=held,
            secondary_zero_consumes=self.zero_consumes,
        )
        self.tasks += found
        self.advices.setdefault(number, {})[key] = advice
        if claim is not None:
            self._settle(number, key, said.head.paid_on)
        else:
            self.post_money([cents.entry_of(advice, Stands.SUSPENSE, TABLE)])

    # What follows.

    def position(self, number: str) -> Position:
        claim = next(each for each in self.claims if each.control_number == number)
        said = self.advices.get(number, {}).values()
        return position(claim, said, self.answers.get(number, ()), voided=number in self.voided)

    def held(self, number: str) -> tuple[Standing, ...]:
        claim = next(each for each in self.claims if each.control_number == number)
        return standing(claim, self.entries.values(), self.buckets)

    def settle_again(self, number: str, key: str = "again") -> None:
        self._settle(number, key, DAY)

    def _settle(self, number: str, key: str, holds_on: date) -> None:
        claim = next(each for each in self.claims if each.control_number == number)
        come = self.position(number)
        cause = Cause(document=key, claim=claim.id)
        changes = [(held, target(held, self._shares(held, claim, come))) for held in self.held(number)]
        moved = moved_to(changes, self.balances, cause=cause, holds_on=holds_on, key=key)
        self.tasks += moved.tasks
        self.post(moved.entries)
        self._settle_money(claim, come, cause, key, holds_on)

    def _shares(self, held: Standing, claim: Claim, come: Position) -> list[Share]:
        shares = [Share(claim=claim, position=come, lines=held.lines)]
        if held.visit_key:
            others = [each for each in self.claims if each.id != claim.id]
            lines = [(each, visit_lines(each, held.bucket, held.visit_key)) for each in others]
            shares += [
                Share(claim=each, position=self.position(each.control_number), lines=found)
                for each, found in lines
                if found
            ]
        return shares

    def _settle_money(self, claim: Claim, come: Position, cause: Cause, key: str, holds_on: date) -> None:
        for stand in come.payments:
            before, self.stands[stand.key] = self.stands.get(stand.key), stand
            advice = self.advices[claim.control_number][stand.key]
            after = cents.entry_of(advice, stand.stands, TABLE, document=advice.remittance)
            if before is None:
                self.post_money([after])
                self.entry_of[stand.key] = after.id
            elif before.stands is not stand.stands:
                old = replace(cents.entry_of(advice, before.stands, TABLE), id=self.entry_of[stand.key])
                made = cents.restated(old, after, cause=cause, holds_on=holds_on, key=key)
                self.post_money(made)
                self.entry_of[stand.key] = made[-1].id
        own = [each for each in self.money.values() if each.cause.claim == claim.id]
        self.post_money(cents.charge_restated(claim, come.billed, own, cause=cause, holds_on=holds_on, key=key))

    # What stands.

    def shows(self, bucket: str = "bu_1") -> dict[str, int]:
        """What the bucket's accounts hold, without those that are empty and the sources."""
        sources = (Account.GRANT, Account.UNAUTHORIZED)
        return {str(each): n for each, n in self.balances[bucket].items() if n and each not in sources}

    def book(self) -> dict[str, int]:
        balances = cents.money_balances(self.money.values())
        assert not cents.violations(balances)
        return {account: amount for account, amount in balances.items() if amount}
