"""A document with sets too long to hold comes in units, with the same findings and the same 999 as one read whole."""

import sys
from pathlib import Path

import pytest

from gateway.errors import Finding, Position
from gateway.translate import maps
from gateway.x12.acknowledge import Acknowledged, Acknowledger, Judged
from gateway.x12.headers import InterchangeHeader, TechnicalAcknowledgment
from gateway.x12.heard import hear
from gateway.x12.validate import Examined, SetEnd, Unit, examine

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bench"))

from x12_files import Form, interchange

SETS = ("835",)
CHUNK = 3000


def remittances(claims: int = 40, sets: int = 20) -> bytes:
    return "".join(interchange("835", 800 * claims, Form(claims_per_set=sets))).encode()


def spoiled(data: bytes) -> bytes:
    """An element too long, a code that is none, and SE01 wrong, each in its own set or claim."""
    data = data.replace(b"*22*", b"*99*", 1).replace(b"CLP*", b"CLP*" + b"9" * 60, 1)
    at = data.rindex(b"\nSE*")
    return data[: at + 4] + b"9" + data[at + 4 :]


def chunks(data: bytes) -> list[bytes]:
    return [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]


def heard(data: bytes) -> tuple[list[object], list[Acknowledged]]:
    acknowledger, records, said = Acknowledger(), [], []
    reader = maps.load("835").units()
    for part in hear(chunks(data), SETS):
        if isinstance(part, Unit):
            records.append(reader.read(part.loop, part.around))
        elif isinstance(part, Judged | InterchangeHeader | TechnicalAcknowledgment) or (
            isinstance(part, Finding) and not (isinstance(part.where, Position) and part.where.set)
        ):
            said += list(acknowledger.take(part))
    return records, [*said, *acknowledger.end()]


def examined(data: bytes) -> tuple[list[object], list[Acknowledged]]:
    acknowledger, records, said = Acknowledger(), [], []
    for part in examine(chunks(data)):
        if isinstance(part, Examined):
            assert part.root is not None
            records += maps.load("835").read(part.root).claims
        said += list(acknowledger.take(part))
    return records, [*said, *acknowledger.end()]


@pytest.mark.parametrize("spoil", [False, True], ids=["whole", "spoiled"])
def test_it_says_what_examining_says(spoil: bool) -> None:
    data = spoiled(remittances()) if spoil else remittances()
    assert heard(data) == examined(data)


def test_findings_come_in_their_set_before_its_end() -> None:
    data = spoiled(remittances())
    told = sorted(str(each) for part in examine([data]) if isinstance(part, Examined) for each in part.findings)
    open_set, found = True, []
    for part in hear(chunks(data), SETS):
        if isinstance(part, SetEnd):
            open_set = part.blocked
        elif isinstance(part, Finding):
            found.append(str(part))
    assert told == sorted(found)
    assert told
    assert open_set, "SE01 is wrong in the last set: it blocks"


def test_sets_that_are_not_streamed_come_whole() -> None:
    data = remittances()
    parts = [type(part) for part in hear(chunks(data), ("837",))]
    assert Examined in parts
    assert not {Unit, SetEnd, Judged} & set(parts)
