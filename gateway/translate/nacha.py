"""Reads a bank's NACHA file into the payments of payers that are in it: CCD entries whose addenda names the 835.

Layout: NACHA Operating Rules, Appendix Three (records of 94 characters, positions from 1): 1 file header, 5 batch
header, 6 entry, 7 addenda, 8 batch control, 9 file control, lines of 9 as padding. The addenda's payment related
information holds the TRN of the 835 (45 CFR 162.1602, CAQH CORE 370): TRN*1*trace number*payer*supplement, and a
terminator. Never guesses: an entry with a mistake waits, so does a batch that its own control contradicts. No text
repeats a value, which could be an account's number.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

from gateway.domain.money import dollars
from gateway.errors import Finding

LENGTH = 94
RULE = "nacha"
_PADDING = "9" * LENGTH
_TRN = re.compile(r"TRN\*1\*(?P<check>[^*]{1,50})\*(?P<payer>[0-9A-Za-z]{10})(\*[^*]{1,50})?(?P<end>[^0-9A-Za-z* ])")
_CREDITS = ("22", "32")  # A credit to a checking and to a savings account.
_DEBITS = ("27", "37")
_NO_MONEY = ("23", "24", "28", "29", "33", "34", "38", "39")  # Tests of an account, and entries of zero.
_OF_CLAIMS = "HCCLAIMPMT"  # The batch's description that says so (NACHA rule for health care EFT).


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A payer's payment. ``check_number`` and ``payer_id`` are TRN02 and TRN03, ``amount`` is cents, ``paid_on`` the
    effective day of its batch, ``company`` the id in the batch's header, ``line`` where it stands, from 1."""

    line: int
    company: str
    trace_number: str
    payer_id: str
    check_number: str
    amount: int
    paid_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositFile:
    """What a file came to. ``waiting`` are entries of payers that could not be taken; ``beside`` are entries that are
    no payer's payment: other classes, tests of an account, and what names no 835 in a batch that is not of claims."""

    entries: tuple[Entry, ...]
    waiting: int
    beside: int
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class _Sums:
    """What a control record counts. ``None``: something unreadable went in."""

    count: int = 0
    hash: int | None = 0
    debits: int | None = 0
    credits: int | None = 0

    def add(self, other: "_Sums") -> None:
        self.count += other.count
        for name in ("hash", "debits", "credits"):
            mine, more = getattr(self, name), getattr(other, name)
            setattr(self, name, None if mine is None or more is None else mine + more)


@dataclass(slots=True)
class _Batch:
    line: int
    header: str
    paid_on: date | None
    sums: _Sums = field(default_factory=_Sums)
    open: list[tuple[int, str, list[tuple[int, str]]]] = field(default_factory=list)


def read(data: bytes) -> DepositFile:
    """The payments in a file; never raises because of what is in it. Every mistake is told, by line and position."""
    return _File().read(data)


class _File:
    """One reading: the batch that is open, and the sums of those that are closed."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._findings: list[Finding] = []
        self._waiting = self._beside = self._batches = 0
        self._blocks = 0
        self._sums = _Sums()
        self._batch: _Batch | None = None
        self._ended = False

    def read(self, data: bytes) -> DepositFile:
        records = _records(data)
        self._blocks = -(-len(records) // 10)
        takers: dict[str, Callable[[int, str], None]] = {
            "1": self._file_header,
            "5": self._batch_header,
            "6": self._entry,
            "7": self._addenda,
            "8": self._batch_control,
            "9": self._file_control,
        }
        for line, record in enumerate(records, start=1):
            if line == 1 and record[:1] != "1":
                self._tell(line, 1, "the file does not begin with its header (1)")
            take = takers.get(record[:1])
            if self._ended and record[:1] != "9":
                self._tell(line, 1, "a record stands after the file's control")
            elif take is None:
                self._tell(line, 1, "there is no such type of record")
            else:
                if len(record) != LENGTH:
                    self._tell(line, len(record) + 1, f"the record has {len(record)} characters, not {LENGTH}")
                elif not (record.isascii() and record.isprintable()):
                    at = next(n for n, each in enumerate(record, 1) if not (each.isascii() and each.isprintable()))
                    self._tell(line, at, "there is a character that no NACHA file has")
                take(line, record.ljust(LENGTH))
        if self._batch is not None:
            self._cut(len(records))
        if not self._ended:
            self._tell(max(len(records), 1), 1, "the file ends without its control (9)", _CUT)
        return DepositFile(
            entries=tuple(self._entries),
            waiting=self._waiting,
            beside=self._beside,
            findings=tuple(sorted(self._findings, key=_place)),
        )

    # The records, by type.

    def _file_header(self, line: int, record: str) -> None:
        if line != 1:
            self._tell(line, 1, "a second file begins here", "Import each file by itself")
        if record[34:40] != "094101":
            self._tell(line, 35, "record size, blocking factor and format are not 094, 10 and 1")

    def _batch_header(self, line: int, record: str) -> None:
        if self._batch is not None:
            self._cut(line)
        paid_on = _day(record[69:75])
        if paid_on is None and record[50:53] == "CCD":
            self._tell(line, 70, "the effective entry date is no day (YYMMDD)")
        self._batch = _Batch(line, record, paid_on)
        self._batches += 1

    def _entry(self, line: int, record: str) -> None:
        batch = self._batch
        if batch is None:
            self._waiting += 1
            self._tell(line, 1, "an entry stands outside of any batch")
            return
        batch.open.append((line, record, []))
        amount, bank, code = _whole(record[29:39]), _whole(record[3:11]), record[1:3]
        sums = _Sums(count=1, hash=bank, debits=0, credits=0)
        if code[1] in "1234":
            sums.credits = amount
        elif code[1] in "6789":
            sums.debits = amount
        else:
            sums.credits = sums.debits = None
        batch.sums.add(sums)

    def _addenda(self, line: int, record: str) -> None:
        batch = self._batch
        if batch is None or not batch.open:
            self._tell(line, 1, "an addenda stands without its entry")
            return
        batch.open[-1][2].append((line, record))
        batch.sums.count += 1

    def _batch_control(self, line: int, record: str) -> None:
        batch, self._batch = self._batch, None
        if batch is None:
            self._tell(line, 1, "a batch ends that did not begin")
            return
        wrong = self._compared(line, record, batch.sums, (4, 6), (10, 10), (20, 12), (32, 12))
        for at, other, length, what in ((44, 40, 10, "company"), (87, 87, 7, "batch number")):
            if record[at : at + length] != batch.header[other : other + length]:
                self._tell(line, at + 1, f"the {what} is not that of the batch's header")
                wrong = True
        self._sums.add(batch.sums)
        self._judge(batch, wrong)

    def _file_control(self, line: int, record: str) -> None:
        if record == _PADDING and self._ended:
            return
        if self._batch is not None:
            self._cut(line)
        if self._ended:
            self._tell(line, 1, "a second file control stands here")
            return
        self._ended = True
        if _whole(record[1:7]) != self._batches:
            self._tell(line, 2, f"the count of batches is not {self._batches}, as in the file", _CUT)
        if _whole(record[7:13]) != self._blocks:
            self._tell(line, 8, f"the count of blocks of ten is not {self._blocks}, as in the file", _CUT)
        self._compared(line, record, self._sums, (13, 8), (21, 10), (31, 12), (43, 12))

    # What they come to.

    def _compared(self, line: int, record: str, sums: _Sums, *fields: tuple[int, int]) -> bool:
        """Whether the control says something else than its records. The hash has its last ten digits only."""
        wrong = False
        hashed = None if sums.hash is None else sums.hash % 10**10
        found = (
            ("count of entries and addenda", sums.count),
            ("entry hash", hashed),
            ("sum of debits", sums.debits),
            ("sum of credits", sums.credits),
        )
        for (what, value), (at, length) in zip(found, fields, strict=True):
            if value is not None and _whole(record[at : at + length]) != value:
                shown = dollars(value) if what.startswith("sum") else value
                self._tell(line, at + 1, f"the {what} is not {shown}, as in the records", _CUT)
                wrong = True
        return wrong

    def _cut(self, line: int) -> None:
        """A batch without its end proves nothing of its entries."""
        batch, self._batch = self._batch, None
        assert batch is not None, "the callers looked"
        self._tell(line, 1, f"the batch of line {batch.line} has no control (8)", _CUT)
        self._sums.add(batch.sums)
        self._judge(batch, True)

    def _judge(self, batch: _Batch, wrong: bool) -> None:
        """Sorts a batch's entries; with ``wrong`` those of payers all wait."""
        bad = {_line(each) for each in self._findings}
        last = ""
        for line, record, addenda in batch.open:
            trace = record[79:94]
            if _beside(batch.header, record, addenda):
                self._beside += 1
                continue
            found = [*_mistakes(line, record, addenda)]
            if trace <= last:
                found.append((line, 80, "trace numbers do not ascend"))
            last = max(last, trace)
            for at, position, what in found:
                self._tell(at, position, what)
            lines = {line, *(each for each, _ in addenda)}
            if wrong or found or batch.paid_on is None or bad & lines:
                self._waiting += 1
                continue
            self._entries.append(_taken(line, record, addenda[0][1][3:83], batch.header[40:50].strip(), batch.paid_on))

    def _tell(self, line: int, position: int, what: str, fix: str = "Ask the bank for the file as it was sent") -> None:
        self._findings.append(Finding(rule=RULE, what=what, fix=fix, where=f"line {line}, position {position}"))


_CUT = "Fetch the file again; if it is the same, ask the bank for it"


def _records(data: bytes) -> list[str]:
    """Lines, or records of 94 without any line's end between them, as some banks write them."""
    text = data.decode("latin-1").rstrip("\r\n\x1a")
    if "\n" not in text and len(text) > LENGTH:
        return [text[at : at + LENGTH] for at in range(0, len(text), LENGTH)]
    return [each.removesuffix("\r") for each in text.split("\n")]


def _beside(header: str, record: str, addenda: list[tuple[int, str]]) -> bool:
    """No payer's payment of claims: it is not looked at further."""
    if header[50:53] != "CCD" or record[1:3] in _NO_MONEY:
        return True
    named = header[53:63].strip().upper() == _OF_CLAIMS
    return not named and not any(each[3:].startswith("TRN*") for _, each in addenda)


def _mistakes(line: int, record: str, addenda: list[tuple[int, str]]) -> Iterator[tuple[int, int, str]]:
    """Line, position and fault of each thing that is wrong with a payer's entry."""
    code = record[1:3]
    if code in _DEBITS:
        yield line, 2, "this entry takes money instead of paying it"
    elif code not in _CREDITS:
        yield line, 2, "the transaction code is none of a credit (22, 32)"
    if _whole(record[29:39]) is None:
        yield line, 30, "the amount is no number of cents"
    if _whole(record[3:11]) is None:
        yield line, 4, "the receiving bank's number is no number"
    if _whole(record[79:94]) is None:
        yield line, 80, "the trace number is no number"
    if record[78] != ("1" if addenda else "0"):
        yield line, 79, "what it says of addenda is not what follows it"
    if len(addenda) != 1:
        yield line, 79, f"it has {len(addenda)} addenda, and a CCD entry that names its 835 has one"
    for at, each in addenda:
        if each[1:3] != "05":
            yield at, 2, "the type of the addenda is not 05"
        if each[83:87] != "0001" or each[87:94] != record[87:94]:
            yield at, 84, "the addenda belongs to another entry"
        yield from ((at, position, what) for position, what in _trn_mistakes(each[3:83]))


def _trn_mistakes(information: str) -> Iterator[tuple[int, str]]:
    if not information.startswith("TRN*"):
        yield 4, "the payment related information does not begin with a TRN"
    elif not information.startswith("TRN*1*"):
        yield 8, "TRN01 is not 1"
    elif _TRN.fullmatch(information.rstrip()) is None:
        yield 10, "the TRN is not a trace number, a payer's id of ten characters and a terminator"


def _taken(line: int, record: str, information: str, company: str, paid_on: date) -> Entry:
    trn, amount = _TRN.fullmatch(information.rstrip()), _whole(record[29:39])
    assert trn is not None, "what has a mistake waits"
    assert amount is not None, "what has a mistake waits"
    return Entry(
        line=line,
        company=company,
        trace_number=record[79:94],
        payer_id=trn["payer"],
        check_number=trn["check"].strip(),
        amount=amount,
        paid_on=paid_on,
    )


def _whole(text: str) -> int | None:
    return int(text) if text.isdigit() and text.isascii() else None


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%y%m%d").date() if _whole(text) is not None else None
    except ValueError:
        return None


def _line(finding: Finding) -> int:
    return int(str(finding.where).split()[1].rstrip(","))


def _place(finding: Finding) -> tuple[int, int]:
    return _line(finding), int(str(finding.where).split()[-1])
