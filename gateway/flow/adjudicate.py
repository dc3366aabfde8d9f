"""What claims have come to, worked out again from all that their payer has said, and both books moved to it.

The one way in which a claim payment, a reversal or a refusal moves anything: what is known of a claim is read as a
set, so that it does not matter in which order it came, and only the difference is posted. Many claims at once.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from gateway.domain.answer import Verdict
from gateway.domain.authorization import Unit
from gateway.errors import Finding, Severity
from gateway.flow.booked import booked, pass_on
from gateway.flow.cases import ADJUDICATED, State
from gateway.flow.checking import TAKEN_IN
from gateway.flow.families import family, originals
from gateway.flow.house import Transaction
from gateway.ledger import cents, consequences, replaced
from gateway.ledger.advice import Advice, AdvisedLine
from gateway.ledger.cents import MoneyEntry
from gateway.ledger.entry import Cause, Entry, add, entry_id
from gateway.ledger.matching import Draw
from gateway.ledger.position import Answered, Come, Position, Stands, position
from gateway.ledger.settling import differs, moved_to
from gateway.ledger.standing import Standing, standing, visit_lines
from gateway.ledger.target import Share, Target, target
from gateway.store import StoredPayment, Task
from gateway.store.billed import Come as Settled
from gateway.store.billed import SentClaim
from gateway.store.payments import Restated
from gateway.store.tasks import Asked

ANSWERED = "answer.received"
_MAY_BE_REFUSED = (State.REJECTED, *ADJUDICATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What came: claim payments by claim, () where an answer did. ``document`` and ``holds_on`` are theirs; ``key``
    names it where it is no payment."""

    advices: Mapping[str, Sequence[Advice]]
    document: str
    holds_on: date
    key: str = ""


@dataclass(slots=True)
class Adjudicated:
    """``positions`` and ``moved`` (quantities by kind of entry) are by claim; ``tasks`` what wants a person. ``kin``
    are claims beside those that the news is about: what they replace, or what replaces them."""

    positions: dict[str, Position] = field(default_factory=dict)
    moved: dict[str, dict[str, int]] = field(default_factory=dict)
    tasks: dict[str, list[Finding]] = field(default_factory=dict)
    restated: dict[str, list[str]] = field(default_factory=dict)  # Payments that another document made stand otherwise.
    suspended: dict[str, Finding] = field(default_factory=dict)  # Those of them that wait now, by payment.
    kin: tuple[str, ...] = ()


def adjudicate(tx: Transaction, claims: Mapping[str, SentClaim], news: News) -> Adjudicated:
    """Moves both books to what these claims (by id, locked) have come to with the news. The news' own payments are
    stored by the caller; how older ones stand is written here, and the claims' states are. What these claims replace,
    and what replaces them, is worked out with them: the one bills as long as the payer did not take in the other."""
    desk = _Desk(tx, claims, news)
    desk.money()
    desk.units()
    desk.states()
    desk.kin()
    return desk.done


class _Desk:
    """One batch. Everything that it needs is read at its beginning, in as many questions as there are tables."""

    def __init__(self, tx: Transaction, claims: Mapping[str, SentClaim], news: News) -> None:
        self._tx, self._news = tx, news
        self._mine, sharing = family(tx, claims)
        self._all = {**self._mine, **sharing}
        self._table = consequences.load()
        self.done = Adjudicated(kin=tuple([each for each in self._mine if each not in claims]))
        visits = {visit for each in self._mine.values() for _, visit in each.draws.values()} - {""}
        self._entries = tx.books.entries_of(self._mine, visits)
        bucket_ids = {posting.bucket for entry in self._entries for posting in entry.postings}
        bucket_ids |= {bucket for each in self._mine.values() if each.replaces for bucket, _ in each.draws.values()}
        self._buckets = {each.id: each for each in tx.books.buckets_of(bucket_ids - {""})}
        self._recharged: set[str] = set()
        self._later: dict[tuple[str, str, str], int] = {}
        self._at_visit: dict[str, list[SentClaim]] = {}
        for each in self._all.values():
            for visit in {visit for _, visit in each.draws.values()} - {""}:
                self._at_visit.setdefault(visit, []).append(each)
        self._known = tx.payments.of_claims(self._all)
        self._replaced = {each.replaces for each in self._mine.values() if each.replaces}
        answers = self._answers()
        said = {
            claim: [*map(advice_of, self._known.get(claim, ())), *news.advices.get(claim, ())] for claim in self._all
        }
        for claim, sent in self._all.items():
            self.done.positions[claim] = position(sent.billed, said[claim], answers[claim])
        self.voided = self._voided()
        for claim in self.voided:
            self.done.positions[claim] = position(self._all[claim].billed, said[claim], answers[claim], voided=True)

    def _voided(self) -> set[str]:
        """What a claim of ours took the place of, or took back, that the payer took in: it bills nothing any more."""
        taken = [each for each in self._mine if self._mine[each].replaces and self._taken_in(each)]
        return {each for one in taken for each in originals(self._mine, one)}

    def _taken_in(self, claim: str) -> bool:
        stands = self.done.positions[claim]
        nothing_said = stands.come is Come.NOTHING
        return stands.taken_in or (nothing_said and State(self._mine[claim].state) in TAKEN_IN)

    def _answers(self) -> dict[str, list[Answered]]:
        """Who was never refused was at most taken into adjudication, and that stands in its state."""
        asked = {
            claim
            for claim, sent in self._all.items()
            if State(sent.state) in _MAY_BE_REFUSED or claim not in self._mine or not self._news.advices.get(claim)
        }
        events = self._tx.events.of_all(asked, ANSWERED)
        found: dict[str, list[Answered]] = {}
        for claim, sent in self._all.items():
            taken = [Answered("277CA", Verdict.ACCEPTED)] if State(sent.state) is State.RECEIVED else []
            told = [
                Answered(str(each.detail["source"]), Verdict(str(each.detail["verdict"])))
                for each in events.get(claim, ())
                if not each.detail.get("repeated")  # It says nothing of what was sent.
            ]
            found[claim] = told if claim in asked else taken
        return found

    # Cents.

    def money(self) -> None:
        """What came is posted, or waits in suspense; what stood otherwise before is taken back and posted anew."""
        tx, news = self._tx, self._news
        entries: list[MoneyEntry] = []
        for claim in self._mine:
            fresh = {each.key: each for each in news.advices.get(claim, ())}
            for stand in self.done.positions[claim].payments:
                if stand.key in fresh:
                    advice = fresh[stand.key]
                    place = f"$.claims[{advice.order[3]}]"
                    entries.append(
                        cents.entry_of(advice, stand.stands, self._table, document=news.document, segment=place)
                    )
            entries += self._restated(claim)
            charged = list(self._charge(claim))
            if charged:
                self._recharged.add(claim)
                entries += charged
        tx.books.post_money_all([each for each in entries if each.lines])

    def _restated(self, claim: str) -> list[MoneyEntry]:
        before = {each.id: each for each in self._known.get(claim, ())}
        changed = [
            (before[stand.key], stand)
            for stand in self.done.positions[claim].payments
            if stand.key in before and _differ(before[stand.key], stand.stands, stand.reason, stand.reverses)
        ]
        if not changed:
            return []
        self._tx.payments.restate(
            [
                Restated(
                    id=row.id,
                    state=stand.stands.value,
                    reason=stand.reason,
                    reverses=stand.reverses,
                    matched_on=stand.matched_on,
                    confidence=stand.confidence,
                )
                for row, stand in changed
            ]
        )
        self.done.restated[claim] = [row.id for row, stand in changed]
        self.done.suspended |= {
            row.id: cents.suspense(stand, advice_of(row), f"$.claims[{row.number}]")
            for row, stand in changed
            if stand.stands is not Stands.POSTED and row.state == Stands.POSTED.value
        }
        moved = [(row, stand) for row, stand in changed if row.state != stand.stands.value]
        if not moved:
            return []
        own = self._tx.books.money_entries(claim=claim)
        key = self._key(claim)
        entries: list[MoneyEntry] = []
        for row, stand in moved:
            after = cents.entry_of(advice_of(row), stand.stands, self._table, document=row.document)
            stood = _stood(own, row.id)
            cause = Cause(document=self._news.document, claim=claim, segment=row.id, actor=self._tx.scope.actor)
            if stood is None:  # It moved nothing, for nothing was paid.
                entries.append(replace(after, id=entry_id("restated", after.id, key), cause=cause))
                continue
            entries += cents.restated(stood, after, cause=cause, holds_on=self._news.holds_on, key=key)
        return entries

    def _charge(self, claim: str) -> Iterable[MoneyEntry]:
        """A claim that was told to be refused, so that its charge was taken back, and is paid all the same, is owed; so
        is one again whose replacement was refused in the end."""
        stands = self.done.positions[claim]
        as_ever = State(self._mine[claim].state) is not State.REJECTED and claim not in self._replaced
        if stands.billed and as_ever:
            return ()
        own = self._tx.books.money_entries(claim=claim)
        cause = Cause(document=self._news.document, claim=claim, actor=self._tx.scope.actor)
        billed = self._mine[claim].billed
        return cents.charge_restated(
            billed, stands.billed, own, cause=cause, holds_on=self._news.holds_on, key=self._key(claim)
        )

    # Units.

    def units(self) -> None:
        """Every visit, and every line where units are counted, that any of the claims draws on."""
        by_claim, by_visit = _grouped(self._entries)
        held: dict[str, Sequence[Standing]] = {}
        for claim, sent in self._mine.items():
            entries = {each.id: each for each in by_claim.get(claim, ())}
            for _, visit in sent.draws.values():
                entries |= {each.id: each for each in by_visit.get(visit, ())}
            if entries or sent.replaces:
                held[claim] = self._held(claim, entries.values())
        for claim in held:
            self._leave(claim, held)
        changes = {claim: self._changes(claim, each) for claim, each in held.items()}
        wanted = {held.bucket.id for each in changes.values() for held, aim in each if differs(held, aim)}
        balances = self._tx.books.balances(wanted, lock=True)
        posted: list[Entry] = []
        done_visits: set[tuple[str, str]] = set()
        for claim, each in self._in_turn(changes):
            once = [pair for pair in each if not pair[0].visit_key or _place(pair[0]) not in done_visits]
            done_visits |= {_place(held) for held, _ in once}
            cause = Cause(document=self._news.document, claim=claim, actor=self._tx.scope.actor)
            moved = moved_to(once, balances, cause=cause, holds_on=self._news.holds_on, key=self._key(claim))
            for entry in moved.entries:
                add(balances, entry)
                kinds = self.done.moved.setdefault(claim, {})
                kinds[entry.kind] = kinds.get(entry.kind, 0) + sum([one.quantity for one in entry.postings])
            posted += moved.entries
            self.done.tasks.setdefault(claim, []).extend(moved.tasks)
        self._tx.books.post_all(posted)
        for claim in held:
            self._pass_on(claim, [each for each in posted if each.cause.claim == claim])

    def _held(self, claim: str, entries: Collection[Entry]) -> tuple[Standing, ...]:
        """What a claim holds; of one that takes another's place, also what it needs of it."""
        sent = self._opened(claim, entries)
        buckets = {each.postings[0].bucket for each in entries}
        held = standing(sent.billed, entries, [self._buckets[each] for each in buckets if each in self._buckets])
        wanted = self._needs(sent)
        if not wanted:
            return held
        own = booked(self._tx, sent.billed, tuple({each.bucket.id: each.bucket for each in wanted}.values()))
        return replaced.with_needs(held, wanted, own)

    def _needs(self, sent: SentClaim) -> tuple[Draw, ...]:
        return replaced.needs(sent.billed, sent.draws, self._buckets) if sent.replaces else ()

    def _opened(self, claim: str, entries: Iterable[Entry]) -> SentClaim:
        """The whole claim where its minutes are counted: they are not kept in the clear."""
        sent = self._mine[claim]
        counted = {each.postings[0].bucket for each in entries}
        if sent.replaces:
            counted |= {bucket for bucket, _ in sent.draws.values()}
        if any(self._buckets[each].unit is Unit.MINUTE for each in counted if each in self._buckets):
            sent = self._mine[claim] = replace(sent, billed=self._tx.claims.get(claim).claim)
        return sent

    def _leave(self, claim: str, held: Mapping[str, Sequence[Standing]]) -> None:
        """Notes what a claim that waits leaves to the one that it is about, as far as that one still bills."""
        sent = self._mine[claim]
        if not sent.replaces or self._taken_in(claim) or not self.done.positions[claim].billed:
            return
        earlier = [
            (each, aim.committed + aim.consumed)
            for original in originals(self._mine, claim)
            for each, aim in self._changes(original, held.get(original, ()))
        ]
        wanted = []
        for each in held[claim]:
            others = self._shares(sent, each)[1:]
            stands = target(each, others) if others else Target(committed=0, consumed=0)
            out_of_bookings = replaced.out_of_bookings(self._entries, claim, each) + sum(each.booked.values())
            counted = stands.committed or stands.consumed
            wanted.append((each.bucket.id, 0 if counted else each.needed - out_of_bookings))
        later = replaced.left_to(replaced.coming(earlier, sent.billed), wanted)
        self._later |= {
            (claim, *replaced.place(each)): quantity for each, quantity in zip(held[claim], later, strict=True)
        }

    def _changes(self, claim: str, held: Iterable[Standing]) -> list[tuple[Standing, Target]]:
        return [(each, target(each, self._shares(self._mine[claim], each))) for each in held]

    def _in_turn(
        self, changes: Mapping[str, list[tuple[Standing, Target]]]
    ) -> Iterator[tuple[str, list[tuple[Standing, Target]]]]:
        """Where claims take each other's place, first what they give back: the others are to find it."""
        alone = self._mine.keys() - self._replaced
        kin = {claim: each for claim, each in changes.items() if claim not in alone or self._mine[claim].replaces}
        yield from ((claim, each) for claim, each in changes.items() if claim not in kin)
        for more in (False, True):
            for claim, each in kin.items():
                yield claim, [pair for pair in each if _takes_more(*pair) is more]

    def _pass_on(self, claim: str, entries: Sequence[Entry]) -> None:
        """Notes with the visits what a claim in another's place took on of what they had booked."""
        wanted = {(each.bucket.id, each.visit_key or each.lines[0]): each for each in self._needs(self._mine[claim])}
        took = [
            each
            for each in entries
            if each.kind == "commit" and any(posting.source in replaced.BOOKED for posting in each.postings)
        ]
        if took:
            draws = [wanted[each.postings[-1].bucket, each.visit_key or each.cause.line] for each in took]
            pass_on(self._tx, draws, took)

    def _shares(self, sent: SentClaim, held: Standing) -> list[Share]:
        at = replaced.place(held)
        own = Share(
            claim=sent.billed,
            position=self.done.positions[sent.id],
            lines=held.lines,
            later=self._later.get((sent.id, *at), 0),
        )
        if not held.visit_key:
            return [own]
        others = [
            Share(
                claim=each.billed,
                position=self.done.positions[each.id],
                lines=visit_lines(each.billed, held.bucket, held.visit_key),
                later=self._later.get((each.id, *at), 0),
            )
            for each in self._at_visit.get(held.visit_key, ())
            if each.id != sent.id
        ]
        return [own, *(each for each in others if each.lines)]

    # Cases.

    def states(self) -> None:
        """A claim's state is what it has come to; where nothing decides, it stays as it is."""
        come = []
        for claim, sent in self._mine.items():
            stands = self.done.positions[claim]
            state = sent.state if stands.come in (Come.NOTHING, Come.REJECTED) else stands.come.value
            number = stands.payer_claim_number or sent.payer_claim_number
            if (state, number) != (sent.state, sent.payer_claim_number):
                come.append(Settled(claim, state, number))
        self._tx.billed.settle(come)

    def kin(self) -> None:
        """What happened to claims that nothing came about, and what of that wants a person."""
        tx = self._tx
        for claim in self.done.kin:
            moved = self.done.moved.get(claim, {})
            if moved or claim in self._recharged:
                what = "claim.replaced" if claim in self.voided else "claim.beside_replaced"
                tx.events.add(claim, what, document=self._news.document, **moved)
            for found in blocking(self.done.tasks.get(claim, ())):
                key = f"claim:{claim}:{found.where}:{found.what}"
                tx.tasks.open(key, kind="remittance", subject=claim, reason=found.reason, fix=found.fix)
            tx.tasks.open_all([*tell_beyond(tx, claim, self.done.positions[claim].beyond, tx.tasks.open_of([claim]))])

    def _key(self, claim: str) -> str:
        advices = self._news.advices.get(claim)
        if advices:
            return advices[-1].key
        first = next((each[-1].key for each in self._news.advices.values() if each), self._news.key)
        return f"{claim}/{first}" if claim in self.done.kin else first


def advice_of(row: StoredPayment) -> Advice:
    """A stored claim payment, as the ledger asks for it."""
    return Advice(
        key=row.id,
        claim=row.claim,
        remittance=f"{row.payer_id}/{row.check_number}/{row.paid_on.isoformat()}",
        order=(row.paid_on, row.produced_on or row.paid_on, row.check_number, row.number),
        status=row.status,
        charge=row.charge,
        paid=row.paid,
        payer_claim_number=row.payer_claim_number,
        settles=row.settles,
        held=row.held,
        effect=row.effect,
        adjustments=tuple([(group, reason, amount) for group, reason, amount in row.adjustments]),
        lines=tuple([AdvisedLine.from_plain(each) for each in row.lines]),
    )


def blocking(findings: Iterable[Finding]) -> list[Finding]:
    """Those that want a person."""
    return [each for each in findings if each.severity is Severity.BLOCK]


def tell_beyond(tx: Transaction, claim: str, beyond: int, open_tasks: Sequence[Task]) -> Iterator[Asked]:
    """More came than was billed: a payment came twice under two numbers, or the reversal between them is missing."""
    key = f"beyond:{claim}"
    if beyond > 0:
        yield Asked(
            key=key,
            kind="remittance",
            subject=claim,
            reason=f"payments and adjustments settle {beyond // 100}.{beyond % 100:02} more than was billed",
            fix="Ask the payer whether it paid twice, or where the reversal of the earlier payment is",
        )
    elif any(each.key == key for each in open_tasks):
        tx.tasks.close(key, "it is settled to what was billed")


def _differ(row: StoredPayment, stands: Stands, reason: str, reverses: str) -> bool:
    return (row.state, row.reason, row.reverses) != (stands.value, reason, reverses)


def _stood(entries: Sequence[MoneyEntry], payment: str) -> MoneyEntry | None:
    """The entry that stands for a claim payment: its first one, or the last of those that later news posted, which
    name it as their segment."""
    gone = {each.reverses for each in entries}
    first = (entry_id("payment", payment), entry_id("suspense", payment))
    found = [
        each
        for each in entries
        if each.id not in gone and each.kind != "reverse" and (each.id in first or each.cause.segment == payment)
    ]
    return found[-1] if found else None


def _grouped(entries: Iterable[Entry]) -> tuple[dict[str, list[Entry]], dict[str, list[Entry]]]:
    by_claim: dict[str, list[Entry]] = {}
    by_visit: dict[str, list[Entry]] = {}
    for each in entries:
        by_claim.setdefault(each.cause.claim, []).append(each)
        if each.visit_key:
            by_visit.setdefault(each.visit_key, []).append(each)
    return by_claim, by_visit


def _place(held: Standing) -> tuple[str, str]:
    return held.bucket.id, held.visit_key


def _takes_more(held: Standing, wanted: Target) -> bool:
    return wanted.committed + wanted.consumed > held.committed + held.consumed + held.uncovered
