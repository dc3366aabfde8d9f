"""Every 835 of the corpus, read as it is: whether its three balances hold (domain facts, 5.2), pinned with why."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from corpus_table import CORPUS, index
from ledger_samples import claim
from posted_remittances import posted

from gateway.domain.remittance import Remittance
from gateway.errors import GatewayError, Position
from gateway.ledger import cents
from gateway.translate import maps
from gateway.x12.validate import Examined, examine

pytestmark = pytest.mark.skipif(not index(), reason=f"there is no corpus in {CORPUS}")

HOLDS = "balances"
NO_ENVELOPE = "unreadable: the document does not begin with ISA"
NO_GUIDE = "not judged: there is no guide here for its version"

# Path, the verdict of each set in its order (with the sum and the place where it is out), and why.
VERDICTS: dict[str, tuple[list[str], str]] = {
    "EDI-parser-and-validator/sample_835.edi": (
        [HOLDS],
        "one claim, 20.00 of it written off; only its envelope is wrong",
    ),
    "TigerShark/835-example-2.txt": ([NO_GUIDE] * 2, "004010"),
    "TigerShark/835-example.txt": ([NO_GUIDE], "004010"),
    "edi-835-parser/nevada_medicaid.txt": (
        [HOLDS] * 3,
        "two sets of claims that were denied whole, one of PLB amounts alone, both signs",
    ),
    "edi-835-parser/test.835": (
        ["out by -1500.50 at $"],
        "its CLP stands outside of any LX, so no claim is found under the total",
    ),
    "edi-x12-healthcare-demo/multiple-claims-single-check.edi": ([HOLDS], "the guide's example; SE01 is wrong"),
    "pyx12/835_mult_loops.txt": ([HOLDS], "a claim denied line by line, to the last cent"),
    "pyx12/835id.res997.txt": ([NO_GUIDE], "a 997 about an 835"),
    "scala-x12/example835.x12": ([NO_GUIDE], "004010"),
    "stupidedi/2.edi": ([NO_ENVELOPE], "an ST without ISA and GS"),
    "stupidedi/3a.edi": ([NO_ENVELOPE], "an ST without ISA and GS"),
    "stupidedi/dollars-and-data-sent-separate.edi": ([HOLDS], "the guide's example"),
    "stupidedi/dollars-and-data-sent-together.edi": ([HOLDS], "the guide's example; a PLB is part of the total"),
    "stupidedi/era-sample.edi": ([HOLDS], "the guide's example"),
    "stupidedi/multiple-claims-single-check.edi": (
        [HOLDS],
        "the guide's example: nine claims under one number",
    ),
    "stupidedi/secondary-payment-with-higher-fee-schedule.edi": ([HOLDS], "the guide's example"),
    "stupidedi/secondary-payments.edi": ([HOLDS], "the guide's example"),
    "stupidedi/tertiary-payments.edi": ([HOLDS], "the guide's example"),
    "x12/cob-contractural-adjustment.835": (
        ["unreadable: loop 2000/2100/2110, segment 19, SVC"],
        "SVC02, the line's charge, is missing",
    ),
    "x12/managed-care.835": (["unreadable: segment 2, BPR16"], "20002316 is no day"),
    "x12/medicare-part-a.835": ([HOLDS], "institutional, with a PLB in the total"),
    "x12/secondary-payment.835": (
        ["unreadable: loop 2000/2100/2110, segment 27, SVC"],
        "SVC02, the line's charge, is missing",
    ),
    "x12/tertiary-payment.835": (["unreadable: BPR16"], "BPR16, the date, is missing"),
}


def sets_of(path: str) -> Iterator[Examined]:
    yield from (each for each in examine([(CORPUS / path).read_bytes()]) if isinstance(each, Examined))


def verdict(examined: Examined) -> tuple[str, Remittance | None]:
    if not examined.root:
        return NO_GUIDE, None
    try:
        came = maps.load("835").read(examined.root)
    except GatewayError as error:
        place = error.where.reference if isinstance(error.where, Position) and not error.where.segment else error.where
        return f"unreadable: {place or str(error).partition(' ')[0]}", None
    assert isinstance(came, Remittance)
    found = [f"out by {each.what.rpartition(': ')[2]} at {each.where}" for each in cents.balance(came)]
    return "; ".join(found) or HOLDS, came


def told(path: str) -> list[str]:
    try:
        return [verdict(each)[0] for each in sets_of(path)]
    except GatewayError as error:
        return [f"unreadable: {str(error).partition(' (')[0]}"]


@pytest.mark.parametrize("path", VERDICTS)
def test_each_835_of_the_corpus(path: str) -> None:
    wanted, why = VERDICTS[path]
    assert why
    assert told(path) == wanted


def test_no_835_of_the_corpus_is_left_out() -> None:
    told = {
        each["path"] for each in index() if "835" in each["transaction_version"] or "835" in Path(each["path"]).name
    }
    assert set(VERDICTS) == told


@pytest.mark.parametrize("path", VERDICTS)
def test_what_is_said_on_the_wire_and_in_the_ledger_is_the_same(path: str) -> None:
    """Two implementations of the same sums: over segments as they pass, and over the record that was read."""
    try:
        sets = list(sets_of(path))
    except GatewayError:
        return
    for each in sets:
        came = verdict(each)[1]
        if came is not None:
            wire = [found for found in each.findings if found.rule.startswith("x12.balance.")]
            assert len(wire) == len(cents.balance(came))


@pytest.mark.parametrize("path", VERDICTS)
def test_each_cent_of_it_stands_somewhere(path: str) -> None:
    """Posted as if every claim were ours: cash is BPR02, and the book sums to zero."""
    try:
        read = [verdict(each)[1] for each in sets_of(path)]
    except GatewayError:
        return
    for came in read:
        if came is not None:
            numbers = dict.fromkeys(each.control_number for each in came.claims)
            ours = {each: claim(id=f"cm_{at}", control_number=each) for at, each in enumerate(numbers)}
            balances = cents.money_balances(posted(came, claims=ours).entries)
            assert balances.get("cash:payer", 0) == came.amount
            assert not cents.violations(balances)
