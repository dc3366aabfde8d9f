"""A bank's file in the form of NACHA, built field by field with its controls; the numbers are invented."""

from collections.abc import Sequence
from dataclasses import dataclass

BANK = "06100014"
OURS = "07640125"


@dataclass(frozen=True)
class Paid:
    """One entry: ``information`` is the addenda's text, None for none; ``amount`` is cents."""

    amount: int
    information: str | None
    code: str = "22"


def trn(check: str, payer: str = "1999999999", end: str = "\\", more: str = "") -> str:
    return f"TRN*1*{check}*{payer}{more}{end}"


def batch(
    number: int, entries: Sequence[Paid], *, kind: str = "CCD", named: str = "HCCLAIMPMT", paid_on: str = "260301"
) -> list[str]:
    """The records of a batch, with its control; ``paid_on`` is YYMMDD."""
    company, tail = "1999999999", f"{BANK}{number:07}"
    records = [f"5220{'SAMPLE PAYER':<16}{'':20}{company}{kind}{named:<10}{'':6}{paid_on}   1{tail}"]
    for at, each in enumerate(entries, start=1):
        trace = f"{BANK}{number:03}{at:04}"
        more = each.information is not None
        records.append(
            f"6{each.code}{OURS}1{'0012345678':<17}{each.amount:010}{'':15}{'SAMPLE CLINIC':<22}  {int(more)}{trace}"
        )
        if more:
            records.append(f"705{each.information:<80}0001{trace[-7:]}")
    taken = sum(each.amount for each in entries if each.code in ("27", "37"))
    given = sum(each.amount for each in entries) - taken
    hashed = int(OURS) * len(entries) % 10**10
    records.append(f"8220{len(records) - 1:06}{hashed:010}{taken:012}{given:012}{company}{'':25}{tail}")
    return records


def whole(*batches: list[str]) -> list[str]:
    """A file's records, padded to blocks of ten."""
    records = [f"101 {BANK}1 {OURS}12603010830A094101{'OUR BANK':<23}{'THE NETWORK':<23}{'':8}"]
    records += [record for each in batches for record in each]
    ends = [each[-1] for each in batches]
    sums = [sum(int(each[at:to]) for each in ends) for at, to in ((4, 10), (10, 20), (20, 32), (32, 44))]
    blocks = -(-(len(records) + 1) // 10)
    records.append(f"9{len(batches):06}{blocks:06}{sums[0]:08}{sums[1] % 10**10:010}{sums[2]:012}{sums[3]:012}{'':39}")
    return records + ["9" * 94] * (blocks * 10 - len(records))


def written(records: Sequence[str], end: str = "\n") -> bytes:
    return (end.join(records) + end).encode()
