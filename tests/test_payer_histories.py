"""Random histories of payers: whatever order their documents come in, both books end in the same balances.

The issue's laws (domain facts, 6.1): no balance is negative, GRANT is the sum of the rest, every posting has a cause.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from ledger_samples import CAUSE, DAY, END, bucket, cas, claim, line
from payer_desk import Answer, Desk, Said
from test_position import reversal

from gateway.domain.answer import Verdict
from gateway.domain.authorization import Unit
from gateway.domain.claim import Claim
from gateway.domain.remittance import ClaimPayment, PaidLine
from gateway.errors import BalanceShort
from gateway.ledger import units
from gateway.ledger.advice import Held
from gateway.ledger.position import Answered

VISITS = bucket("bu_1", procedures=("97110", "97140"))
UNITS = bucket("bu_2", procedures=("97530",), unit=Unit.UNIT)
OPEN = bucket("bu_3", procedures=("97112",), limited=False)
EVENTS = 100_000
SHORT = 2_500

# What a payer says of a line: paid of each 100, and why not the rest.
SAID = (
    (80, ("CO-45 20",)),
    (60, ("CO-45 20", "PR-2 20")),
    (0, ("PR-1 100",)),
    (0, ("CO-197 100",)),
    (0, ("CO-198 60", "CO-45 40")),
    (0, ("OA-133 100",)),
    (0, ("OA-18 100",)),
    (0, ("CO-999 100",)),
    (30, ("CR-45 70",)),
    (0, ("OA-23 100",)),
)


def claims_of(random: Random) -> list[Claim]:
    """Several claims; some share a day, and so a visit."""
    made = []
    for number in range(random.randint(1, 4)):
        day = DAY + timedelta(days=random.randint(0, 1))
        codes = random.sample(["97110", "97140", "97530", "97112"], random.randint(1, 4))
        lines = [
            line(f"L{number}.{at}", code, served_on=day, units=random.randint(1, 4), charge=random.choice([5000, 6000]))
            for at, code in enumerate(codes)
        ]
        made.append(claim(*lines, id=f"cm_{number}", control_number=f"CLM{number}"))
    return made


def said_of(billed: Claim, random: Random, lines: Sequence[int] | None = None) -> ClaimPayment:
    """One claim payment of all lines, or some, that balances; a few name no line, or one that is not ours."""
    paid = []
    for at, each in enumerate(billed.lines):
        if lines is not None and at not in lines:
            continue
        share, trios = random.choice(SAID)
        hundredth = each.charge // 100
        paid.append(
            PaidLine(
                procedure=each.procedure,
                modifiers=each.modifiers,
                charge=each.charge,
                paid=share * hundredth,
                units_paid=random.choice([str(each.units), str(each.units), "1", "", "0", "1.5", "9"]),
                served_on=random.choice([each.served_on, None]),
                control_number=random.choice([each.control_number] * 8 + ["", "STRANGE"]),
                adjustments=tuple(replace(one, amount=one.amount * hundredth) for one in cas(*trios)),
            )
        )
    return ClaimPayment(
        control_number=billed.control_number,
        status=random.choice(["1"] * 8 + ["4", "2", "23"]),
        charge=sum(each.charge for each in paid),
        paid=sum(each.paid for each in paid),
        payer_claim_number=random.choice(["", "ICN1", "ICN2"]),
        lines=tuple(paid),
    )


def documents_of(claims: Sequence[Claim], random: Random) -> list[Said | Answer]:
    """What a payer sends: payments, their reversals and corrections, refusals; some of it twice, some of it wrong."""
    made: list[Said | Answer] = []
    for billed in claims:
        number = billed.control_number
        day = 0
        for _ in range(random.randint(0, 3)):
            day += random.randint(0, 3)
            some = random.sample(range(len(billed.lines)), random.randint(1, len(billed.lines)))
            came = said_of(billed, random, random.choice([None, None, some]))
            held = random.choice([""] * 8 + [Held.TOTAL_UNBALANCED])
            paid = random.choice([came] * 9 + [replace(came, paid=came.paid + 100)])
            made.append(Said(paid, f"C{day}", day, random.randint(0, 3), held))
            day += random.randint(0, 2)
            made += [Said(each, f"C{day}", day, 4) for each in _back(paid, random)]
        verdicts = random.choices([Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNKNOWN], k=random.randint(0, 2))
        for at, verdict in enumerate(verdicts):
            source = random.choice(["TA1", "999", "277CA"])
            made.append(Answer(number, Answered(source, verdict), f"do_{number}_{at}"))
    return made + random.choices(made, k=len(made) // 3)


def _back(paid: ClaimPayment, random: Random) -> Iterator[ClaimPayment]:
    """No reversal, one of all of it, of one line, or one that fits nothing; the payer's number may be another."""
    what = random.choice(["none", "none", "whole", "whole", "line", "strange"])
    number = random.choice([paid.payer_claim_number, paid.payer_claim_number, "", "ICN9"])
    if what == "whole":
        yield reversal(paid, payer_claim_number=number)
    elif what == "line":
        one = random.choice(paid.lines)
        yield reversal(replace(paid, lines=(one,), charge=one.charge, paid=one.paid, payer_claim_number=number))
    elif what == "strange":
        yield replace(reversal(paid), charge=-paid.charge - 100, paid=-paid.paid - 100)


def end(desk: Desk) -> tuple[object, ...]:
    """Where everything stands: the claims' states, both books, which payment stands how."""
    comes = [desk.position(each.control_number) for each in desk.claims]
    return (
        [(each.come, each.billed, each.beyond, each.payer_claim_number, each.contradicted) for each in comes],
        [desk.shows(each.id) for each in desk.buckets],
        desk.book(),
        {key: (each.stands, each.reason, each.reverses, each.confidence) for key, each in desk.stands.items()},
        [[(held.committed, held.consumed) for held in desk.held(each.control_number)] for each in desk.claims],
    )


def sound(desk: Desk) -> None:
    """The laws, beside those that the desk asserts at every posting."""
    causes = [each.cause for each in desk.entries.values()] + [each.cause for each in desk.money.values()]
    assert all(each.document and each.claim for each in causes)
    assert all(
        each.reverses in desk.entries for each in desk.entries.values() if each.kind == "reverse" and each.reverses
    )
    cash = sum(advice.paid for said in desk.advices.values() for advice in said.values())
    assert desk.book().get("cash:payer", 0) == cash, "every cent that came stands somewhere"


def same_in_any_order(seed: int, orders: int) -> int:
    """Runs one history in several orders; gives how many documents were taken."""
    random = Random(seed)
    claims, stock = claims_of(random), random.choice([1, 3, 10])
    documents = documents_of(claims, random)
    ends: list[tuple[object, ...]] = []
    for _ in range(orders):
        desk = Desk(claims, [VISITS, UNITS, OPEN], stock=stock)
        desk.come(*documents)
        sound(desk)
        ends.append(end(desk))
        assert ends[-1] == ends[0], f"seed {seed}"
        random.shuffle(documents)
    return orders * len(documents)


def any_order(events: int, seed: int) -> None:
    taken = 0
    while taken < events:
        taken += same_in_any_order(seed, orders=4)
        seed += 1


def test_any_order_of_a_payers_documents_ends_in_the_same_balances() -> None:
    any_order(SHORT, seed=1)


@pytest.mark.full
def test_any_order_of_a_payers_documents_ends_in_the_same_balances_over_many_histories() -> None:
    any_order(EVENTS, seed=100_000)


def among_everything(seed: int) -> int:
    """A payer's documents between claims that are billed late, bookings of others, corrections and the window's end."""
    random = Random(seed)
    claims = claims_of(random)
    documents = documents_of(claims, random)
    random.shuffle(documents)
    desk = Desk([], [VISITS, UNITS, OPEN], stock=random.choice([1, 2, 5]))
    desk.claims = claims
    waiting, done = list(claims), 0
    while waiting or documents:
        done += 1
        what = random.choice(["bill", "document", "document", "other"])
        if what == "bill" and waiting:
            desk.bill(waiting.pop())
        elif what == "document" and documents:
            said = documents[-1]
            number = said.claim if isinstance(said, Answer) else said.payment.control_number
            if any(each.control_number == number for each in waiting):
                desk.bill(waiting.pop())
            else:
                desk.come(documents.pop())
        else:
            _other(desk, random, f"{seed}/{done}")
    sound(desk)
    return done


def _other(desk: Desk, random: Random, key: str) -> None:
    held = random.choice(desk.buckets)
    event = random.choice([units.reserve, units.render, units.unreserve, units.give_back, units.grant, units.expire])
    day = END + timedelta(days=1)
    try:
        entry = event(held, desk.balances[held.id], 1, cause=replace(CAUSE, claim="none"), holds_on=day, key=key)
    except BalanceShort:
        return
    desk.post([entry])


def among(events: int, seed: int) -> None:
    taken = 0
    while taken < events:
        taken += among_everything(seed)
        seed += 1


def test_no_balance_is_ever_negative_whatever_happens_between() -> None:
    among(SHORT, seed=1)


@pytest.mark.full
def test_no_balance_is_ever_negative_over_many_histories() -> None:
    among(EVENTS, seed=100_000)
