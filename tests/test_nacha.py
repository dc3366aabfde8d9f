"""A bank's file, read strictly: NACHA's layout, and the TRN of the 835 in the addenda (CAQH CORE 370)."""

import random
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from deposit_samples import Paid, batch, trn, whole, written

from gateway.translate.nacha import DepositFile, read

SAMPLE = Path(__file__).parent / "fixtures/deposits/bank.ach"
TWO = (Paid(15000, trn("CHK0001")), Paid(20000, trn("CHK0002", end="~")))


def lines() -> list[str]:
    return whole(batch(1, TWO), batch(2, [Paid(700, trn("CHK0003"))]))


def told(found: DepositFile) -> list[str]:
    return [each.reason for each in found.findings]


def test_the_sample_is_read() -> None:
    found = read(SAMPLE.read_bytes())
    assert told(found) == []
    assert [(each.check_number, each.payer_id, each.amount, each.line) for each in found.entries] == [
        ("CHK0001", "1SIMULATED", 15000, 3),
        ("CHK0002", "1SIMULATED", 20000, 5),
    ]
    assert {each.paid_on for each in found.entries} == {date(2026, 3, 1)}
    assert (found.waiting, found.beside) == (0, 2)


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_ends_of_lines_make_no_difference(end: str) -> None:
    assert read(written(lines(), end)) == read(written(lines()))


@pytest.mark.parametrize(
    ("information", "check"),
    [
        (trn("12345", end="\\"), "12345"),
        (trn("12345", end="~"), "12345"),
        (trn("12345", end="|"), "12345"),
        (trn("12345", more="*999999999"), "12345"),
        (trn("A-1.2/3"), "A-1.2/3"),
    ],
)
def test_forms_of_a_trace(information: str, check: str) -> None:
    found = read(written(whole(batch(1, [Paid(100, information)]))))
    assert [each.check_number for each in found.entries] == [check]
    assert told(found) == []


@pytest.mark.parametrize(
    ("paid", "reason"),
    [
        (Paid(100, None), "line 3, position 79: it has 0 addenda, and a CCD entry that names its 835 has one"),
        (Paid(100, "INVOICE 7"), "line 4, position 4: the payment related information does not begin with a TRN"),
        (Paid(100, "TRN*2*1*1999999999~"), "line 4, position 8: TRN01 is not 1"),
        (Paid(100, trn("1", payer="199")), "line 4, position 10: the TRN is not a trace number, a payer's id of ten"),
        (Paid(100, trn("1", end="")), "line 4, position 10: the TRN is not a trace number, a payer's id of ten"),
        (Paid(100, trn("")), "line 4, position 10: the TRN is not a trace number, a payer's id of ten"),
        (Paid(100, trn("1"), code="27"), "line 3, position 2: this entry takes money instead of paying it"),
        (Paid(100, trn("1"), code="21"), "line 3, position 2: the transaction code is none of a credit (22, 32)"),
    ],
)
def test_a_bad_entry_waits_and_the_good_one_goes_on(paid: Paid, reason: str) -> None:
    found = read(written(whole(batch(1, [paid, Paid(700, trn("GOOD"))]))))
    assert [each.check_number for each in found.entries] == ["GOOD"]
    assert (found.waiting, len(found.findings)) == (1, 1)
    assert told(found)[0].startswith(reason)


def _put(line: int, position: int, text: str) -> Callable[[list[str]], list[str]]:
    def change(records: list[str]) -> list[str]:
        old = records[line - 1]
        records[line - 1] = old[: position - 1] + text + old[position - 1 + len(text) :]
        return records

    return change


ALL, FIRST, SECOND = ["CHK0001", "CHK0002", "CHK0003"], ["CHK0001", "CHK0002"], ["CHK0003"]


@pytest.mark.parametrize(
    ("change", "places", "taken"),
    [
        (_put(1, 35, "080"), ["1, position 35"], ALL),
        (_put(2, 70, "269931"), ["2, position 70"], SECOND),
        (_put(3, 30, "00000X5000"), ["3, position 30"], ["CHK0002", "CHK0003"]),
        (_put(3, 30, "0000015001"), ["7, position 33", "12, position 44"], SECOND),
        (_put(3, 4, "07640126"), ["7, position 11", "12, position 22"], SECOND),
        (_put(3, 13, "É"), ["3, position 13"], ["CHK0002", "CHK0003"]),
        (_put(4, 2, "99"), ["4, position 2"], ["CHK0002", "CHK0003"]),
        (_put(4, 88, "0010009"), ["4, position 84"], ["CHK0002", "CHK0003"]),
        (_put(5, 80, "061000140010001"), ["5, position 80", "6, position 84"], ["CHK0001", "CHK0003"]),
        (_put(7, 5, "000009"), ["7, position 5"], SECOND),
        (_put(7, 45, "2999999999"), ["7, position 45"], SECOND),
        (_put(7, 88, "0000009"), ["7, position 88"], SECOND),
        (_put(12, 2, "000003"), ["12, position 2"], ALL),
        (_put(12, 8, "000009"), ["12, position 8"], ALL),
        (_put(12, 14, "00000009"), ["12, position 14"], ALL),
        (_put(12, 44, "000000000001"), ["12, position 44"], ALL),
        (_put(13, 1, "4"), ["13, position 1"], ALL),
        (lambda them: them[:11], ["11, position 1"], ALL),
        (lambda them: them[:4], ["4, position 1", "4, position 1"], []),
        (
            lambda them: [*them[:3], them[3][:-5], *them[4:]],
            ["4, position 84", "4, position 90"],
            ["CHK0002", "CHK0003"],
        ),
        (lambda them: them[1:], ["1, position 1"], ALL),
    ],
)
def test_what_is_broken_is_told_by_its_place(
    change: Callable[[list[str]], list[str]], places: list[str], taken: list[str]
) -> None:
    records = change(lines())
    found = read("\n".join(records).encode("latin-1"))
    assert [str(each.where).removeprefix("line ") for each in found.findings] == places
    assert [each.check_number for each in found.entries] == taken
    assert found.waiting == sum(each.startswith("6") for each in records) - len(taken)


def test_every_mistake_at_once() -> None:
    bad = [Paid(100, None), Paid(100, "X"), Paid(100, trn("1"), code="37")]
    found = read(written(whole(batch(1, [*bad, Paid(700, trn("GOOD"))]))))
    assert (len(found.findings), found.waiting, len(found.entries)) == (3, 3, 1)


def test_nothing_but_what_is_there_is_taken_from_a_damaged_file() -> None:
    chance, known = random.Random(7), {(each.check_number, each.amount) for each in read(written(lines())).entries}
    for _ in range(300):
        data = bytearray(written(lines()))
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        amounts = {each.amount for each in read(bytes(data)).entries}
        assert amounts <= {amount for _, amount in known}
    assert read(b"").entries == ()
