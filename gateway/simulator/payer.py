"""The payer's desk: takes one interchange apart, decides everything in it, and says which files go back and when.

It works on plain segments and on its memory only: no files, no sockets, no sleep. What it refuses it says by TA1, 999
or 277CA; what it takes it decides exactly once.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import pairwise

from gateway.simulator import adjudication, decisions, scenarios, strict
from gateway.simulator.adjudication import Settlement
from gateway.simulator.answers import acknowledgment, envelope, remittance, review, status
from gateway.simulator.answers.acknowledgment import Verdict
from gateway.simulator.answers.remittance import Payee, ProviderAdjustment
from gateway.simulator.answers.status import Receipt
from gateway.simulator.company import Company
from gateway.simulator.documents import Batch, BilledClaim, Request, batch, request
from gateway.simulator.memory import KnownClaim, Memory
from gateway.simulator.scenarios import Authorization, Payment
from gateway.simulator.strict import Fault
from gateway.simulator.wire import Group, Interchange, Segment, Set, at

REPEATED = "025"  # TA105: the interchange control number has been used before.
ORIGINAL_UNKNOWN = "464"  # Claim status: the payer's own claim number.
REJECTIONS = ("252", "254", "249")  # Claim status: authorization number, principal diagnosis, place of service.
REPLACEMENT, VOID = "7", "8"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A file for the partner: its kind (as in its name), its serial, its bytes, when it is due, and how often."""

    kind: str
    serial: int
    content: bytes
    delay_s: float = 0.0
    copies: int = 1


@dataclass(frozen=True, slots=True)
class Remitted:
    """Settlements on their way into an 835; those with the same key travel in one."""

    payee: Payee
    delay_s: float
    manner: str  # "", "twice", "with_277", "plb"
    settlements: tuple[Settlement, ...]
    adjustments: tuple[ProviderAdjustment, ...] = ()

    @property
    def key(self) -> tuple[Payee, float, str]:
        return self.payee, self.delay_s, self.manner


@dataclass(slots=True)
class Work:
    """What is under way for one interchange: everything that will go back."""

    received: Interchange
    sender: str
    now: datetime
    verdicts: list[tuple[Group, list[Verdict], list[str]]] = field(default_factory=list)
    reviews: list[tuple[Group, Request, decisions.Answer]] = field(default_factory=list)
    reports: list[tuple[Group, Batch, list[Receipt]]] = field(default_factory=list)
    payments: list[tuple[Group, Remitted]] = field(default_factory=list)


class Payer:
    """Answers interchanges. Call ``answer`` inside a transaction of the memory."""

    def __init__(self, company: Company, memory: Memory, clock: Callable[[], datetime]) -> None:
        self._company = company
        self._memory = memory
        self._clock = clock

    def answer(self, received: Interchange) -> list[Outgoing]:
        """Every file that this interchange brings about, in the order in which they are sent.

        One that only acknowledges what this company sent is kept and brings nothing about, whatever it looks like.
        """
        sender = at(received.header, 6).strip()
        control_number = at(received.header, 13)
        if strict.only_acknowledges(received):
            self._memory.note(did="acknowledged", interchange=control_number)
            return []
        fault = strict.interchange_fault(received, self._company.interchange_id)
        if not fault and not self._memory.add_interchange(sender, control_number):
            fault = REPEATED
        if fault:
            did = "repeated" if fault == REPEATED else "refused"
            self._memory.note(did=did, interchange=control_number, code=fault)
            return [self._technical(received, fault)]
        work = Work(received, sender, self._company.stamp(self._clock()))
        self._memory.note(did="taken", interchange=control_number, sets=str(sum(len(g.sets) for g in received.groups)))
        for group in received.groups:
            if not strict.acknowledges(group):
                self._take_group(group, work)
        first = [self._technical(received, "000")] if at(received.header, 14) == "1" else []
        return [*first, *self._outgoing(work)]

    def _technical(self, received: Interchange, code: str) -> Outgoing:
        serial = self._memory.next_serial("interchange")
        now = self._company.stamp(self._clock())
        return Outgoing("ta1", serial, envelope.technical(received, code, serial, now, self._company.marks))

    # Taking.

    def _take_group(self, group: Group, work: Work) -> None:
        codes = strict.group_faults(group)
        if codes:
            work.verdicts.append((group, [], codes))
            return
        verdicts = []
        for body in group.sets:
            verdict = self._judge(group, body)
            verdicts.append(verdict)
            if verdict.codes:
                self._memory.note(did="set_rejected", set=body.control_number, code=verdict.codes[0])
            elif body.type == "278":
                self._review(group, request(body), work)
            else:
                self._adjudicate(group, batch(body), work)
        work.verdicts.append((group, verdicts, []))

    def _judge(self, group: Group, body: Set) -> Verdict:
        """Whether a set is taken: whole, not seen before, and not one that a scenario has rejected."""
        codes, faults = strict.set_faults(group, body)
        if not codes:
            faults = self._requested(body) if body.type == "278" else self._claimed(body)
            codes = ["5"] if faults else []
        return Verdict(body, tuple(codes), tuple(faults))

    def _requested(self, body: Set) -> list[Fault]:
        asked = request(body)
        place = next((n for n, each in enumerate(body.segments, 1) if each[0] == "TRN"), 2)
        about = ("TRN02", asked.trace)
        if self._memory.has_request(asked.trace):
            self._memory.note(did="refused_again", trace=asked.trace)
            return [Fault(place, body.segments[place - 1][0], "8", "2000E", 2, 0, "127", "I12", about)]
        if scenarios.of(asked.member_id).authorization is Authorization.R999:
            place = next(n for n, each in enumerate(body.segments, 1) if each[0] == "UM")
            return [Fault(place, "UM", "8", "2000E", 3, 0, "1365", "I6", about)]
        return []

    def _claimed(self, body: Set) -> list[Fault]:
        faults = []
        for claim in batch(body).claims:
            about = ("CLM01", claim.number)
            if self._memory.has_claim(claim.number, claim.frequency):
                self._memory.note(did="refused_again", claim=claim.number)
                faults.append(Fault(claim.place, "CLM", "8", "2300", 1, 0, "1028", "I12", about))
            elif scenarios.of(claim.member_id).payment is Payment.R999:
                faults.append(Fault(claim.place, "CLM", "8", "2300", 5, 1, "1331", "I6", about))
        return faults

    def _review(self, group: Group, asked: Request, work: Work) -> None:
        scenario = scenarios.of(asked.member_id)
        memory = self._memory
        # What could not be looked at was never taken: the same request may come again.
        busy = scenario.authorization is Authorization.BUSY and memory.next_serial(f"busy:{asked.trace}") == 1
        if not busy:
            memory.add_request(asked.trace)
        known = partial(memory.is_known, asked.member_id)
        answers = decisions.decide(asked, scenario, self._company, known, busy=busy)
        if not answers:
            memory.note(did="lost", trace=asked.trace)
        for answer in answers:
            ruling = answer.ruling
            if ruling.certified:
                memory.certify(ruling.number, asked.member_id)
            if ruling.administrative_reference:
                memory.refer(ruling.administrative_reference, asked.member_id)
            if ruling.action == "C":
                memory.cancel(ruling.number)
            did = "pended" if ruling.action == "A4" else "decided"
            memory.note(did=did, trace=asked.trace, action=ruling.action or "AAA")
            work.reviews.append((group, asked, answer))

    def _adjudicate(self, group: Group, claims: Batch, work: Work) -> None:
        receipts = []
        for claim in claims.claims:
            scenario = scenarios.of(claim.member_id)
            number = adjudication.claim_number(claim, self._company)
            rejection = ""
            if claim.frequency in (REPLACEMENT, VOID) and self._memory.claim(claim.original) is None:
                rejection = ORIGINAL_UNKNOWN
            elif scenario.payment is Payment.R277 and claim.frequency != VOID:
                rejection = REJECTIONS[scenario.serial % len(REJECTIONS)]
            receipts.append(Receipt(claim, number, rejection))
            if rejection:
                self._memory.note(did="rejected", claim=claim.number, code=rejection)
            else:
                work.payments += [(group, each) for each in self._settle(claim, number)]
        work.reports.append((group, claims, receipts))

    def _settle(self, claim: BilledClaim, number: str) -> list[Remitted]:
        """Adjudicates a claim that was accepted, once and for all; its payments in order."""
        company, memory = self._company, self._memory
        scenario = scenarios.of(claim.member_id)
        payee = _payee(claim, company)
        clock = self._clock().timestamp()
        taken_back, wait = self._take_back(claim, clock)
        delay = max(wait, company.late_s * company.delay_scale if scenario.payment is Payment.LATE else 0.0)
        if claim.frequency == VOID or scenario.payment is Payment.LOST:
            memory.add_claim(KnownClaim(claim.number, claim.frequency, None, clock + delay), number)
            memory.note(did="voided" if claim.frequency == VOID else "lost", claim=claim.number)
            return [Remitted(payee, delay, "", taken_back)] if taken_back else []
        authorized = bool(claim.authorization) or not memory.is_certified(claim.member_id)
        settled = adjudication.settle(claim, scenario, company, authorized=authorized)
        memory.note(did="adjudicated", claim=claim.number, frequency=claim.frequency, status=at(settled[0][0], 2))
        manner = {Payment.DUP: "twice", Payment.TWO: "with_277", Payment.PLB: "plb"}.get(scenario.payment, "")
        beside = _beside(scenario, number, settled[0]) if manner == "plb" else ()
        payments = [Remitted(payee, delay, manner, (*taken_back, settled[0]), beside)]
        for earlier, later in pairwise(settled):
            delay += company.reversed_s * company.delay_scale
            memory.note(did="corrected", claim=claim.number)
            payments.append(Remitted(payee, delay, "", (adjudication.reverse(earlier), later)))
        known = KnownClaim(claim.number, claim.frequency, settled[-1], clock + delay)
        memory.add_claim(known, number)
        return payments

    def _take_back(self, claim: BilledClaim, clock: float) -> tuple[tuple[Settlement, ...], float]:
        """The reversal of the claim that a replacement or void is about, and how long it has to wait for its turn."""
        original = self._memory.claim(claim.original) if claim.frequency in (REPLACEMENT, VOID) else None
        if original is None or original.settlement is None:
            return (), 0.0
        self._memory.unsettle(claim.original)
        self._memory.note(did="reversed", claim=original.number)
        return (adjudication.reverse(original.settlement),), max(0.0, original.settled_at - clock)

    # Answering.

    def _outgoing(self, work: Work) -> list[Outgoing]:
        acknowledged = self._acknowledged(work)
        reviews = self._reviews(work)
        reports = self._reports(work)
        payments = self._payments(work)
        files = _joined(acknowledged, [each for manner, each in reviews if manner == "with_999"])
        files = [*files, *(each for manner, each in reviews if manner != "with_999")]
        files += _joined(reports, [each for manner, each in payments if manner == "with_277"])
        return [*files, *(each for manner, each in payments if manner != "with_277")]

    def _enclose(self, kind: str, group: Group, bodies: Iterable[list[Segment]], work: Work, **how: float) -> Outgoing:
        serial = self._memory.next_serial("interchange")
        address = envelope.back(work.received, group.header)
        content = envelope.enclose(kind, [*bodies], address, serial, work.now, self._company.marks)
        return Outgoing(kind, serial, content, how.get("delay_s", 0.0), int(how.get("copies", 1)))

    def _acknowledged(self, work: Work) -> list[Outgoing]:
        if not work.verdicts:
            return []
        bodies = [acknowledgment.acknowledge(*each) for each in work.verdicts]
        return [self._enclose("999", work.verdicts[0][0], bodies, work)]

    def _reviews(self, work: Work) -> list[tuple[str, Outgoing]]:
        """One file for each delay and manner, with a set for each request."""
        sorted_: dict[tuple[float, str], list[tuple[Group, list[Segment]]]] = {}
        for group, asked, answer in work.reviews:
            manner = "twice" if answer.twice else "with_999" if answer.with_999 else ""
            body = review.respond(asked, answer.ruling, self._company, work.now)
            sorted_.setdefault((answer.delay_s * self._company.delay_scale, manner), []).append((group, body))
        files = []
        for (delay_s, manner), bodies in sorted_.items():
            copies = 2 if manner == "twice" else 1
            one = [body for _, body in bodies]
            files.append((manner, self._enclose("278", bodies[0][0], one, work, delay_s=delay_s, copies=copies)))
        return files

    def _reports(self, work: Work) -> list[Outgoing]:
        if not work.reports:
            return []
        bodies = []
        for _, claims, receipts in work.reports:
            serial = self._memory.next_serial("report")
            bodies.append(status.report(claims, receipts, self._company, work.now, serial))
        return [self._enclose("277ca", work.reports[0][0], bodies, work)]

    def _payments(self, work: Work) -> list[tuple[str, Outgoing]]:
        """One 835 for each payee, delay and manner."""
        sorted_: dict[tuple[Payee, float, str], list[tuple[Group, Remitted]]] = {}
        for group, payment in work.payments:
            sorted_.setdefault(payment.key, []).append((group, payment))
        files = []
        for (payee, delay_s, manner), payments in sorted_.items():
            settlements = [each for _, payment in payments for each in payment.settlements]
            beside = [each for _, payment in payments for each in payment.adjustments]
            beside += self._forward(payee, adjudication.paid_amount(settlements) - sum(each.amount for each in beside))
            check = f"CK{self._memory.next_serial('check'):09}"
            body = remittance.pay(payee, settlements, beside, check, work.sender, self._company, work.now)
            copies = 2 if manner == "twice" else 1
            files.append((manner, self._enclose("835", payments[0][0], [body], work, delay_s=delay_s, copies=copies)))
        return files

    def _forward(self, payee: Payee, due: int) -> list[ProviderAdjustment]:
        """PLB FB: what is below zero is carried to a later payment, what was carried is taken from this one."""
        key = f"{payee.plan_id}|{payee.npi}"
        owed = self._memory.carried(key)
        if due < 0:
            self._memory.carry(key, owed - due)
            return [ProviderAdjustment("FB", "CARRIED FORWARD", due)]
        if not (recovered := min(owed, due)):
            return []
        self._memory.carry(key, owed - recovered)
        return [ProviderAdjustment("FB", "CARRIED FORWARD", recovered)]


def _payee(claim: BilledClaim, company: Company) -> Payee:
    name = " ".join(each for each in (at(claim.payee, 4), at(claim.payee, 3)) if each)
    plan = at(claim.payer, 3) or company.name
    return Payee(name, at(claim.payee, 9), claim.payee_tax_id, plan, at(claim.payer, 9))


def _beside(scenario: scenarios.Scenario, number: str, settlement: Settlement) -> tuple[ProviderAdjustment, ...]:
    """What goes into the PLB: an old overpayment kept back, at most half of the payment, or interest added."""
    if scenario.odd:
        kept_back = min(1000, adjudication.paid_amount([settlement]) // 2)
        return (ProviderAdjustment("WO", number, kept_back),) if kept_back else ()
    return (ProviderAdjustment("L6", number, -150),)


def _joined(files: list[Outgoing], more: list[Outgoing]) -> list[Outgoing]:
    """The first file with the interchanges of others behind its own."""
    if not files or not more:
        return [*files, *more]
    one, *rest = files
    content = one.content + b"".join(each.content for each in more)
    return [Outgoing(one.kind, one.serial, content, one.delay_s, one.copies), *rest]
