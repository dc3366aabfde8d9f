"""Spoils X12 documents in ways that senders do, and in some that nobody would.

A document is a list of segments in the usual delimiters, without terminators. Chance is seeded by the caller.
"""

import random
from collections.abc import Callable, Sequence

ENVELOPE = ("ISA", "GS", "ST", "SE", "GE", "IEA")
VALUES = (
    "", " ", "0", "1", "2", "7", "99", "-5", "00", "007", "X", "ZZ", "x", "AB C", " LEAD", "TRAIL ", "A  B", "-",
    "--3", ".", "1.50", "12.", ".5", "1.", "1E5", "+1", "1,000", "0.001", "99999999999", "12345678901234567890",
    "A" * 36, "A" * 61, "A" * 81, "\u00e9T\u00c9", "\u4e2d", "a\x07b", "a\tb", "\x00", "\x7f", "&<>\"'", "`",
    "#$@[]{}|\\", "^", "A^B", "^^", ":", "1:2", ":2", "1:", "A:B:C:D:E:F:G:H:I:J", "HC:97110",
    "HC:97110:GP:KX:59:76:TEXT:X:Y", "ABK:", "ABK:M542", "ABF:R262", "11:B:1", "11:B", "11:B:1:2", "99:B:1", "D8",
    "RD8", "D6", "DT", "TM", "20250230", "20240229", "20230229", "19000229", "17991231", "20251301", "2025060",
    "250601", "20250601", "202506011230", "20250101-20250131", "20250131-20250101", "20250131-2025", "20250131-",
    "2025-01-31", "20250101-20250131-20250201", "1200", "2460", "120061", "12003099", "1", "123456789", "1234567893",
    "1234567890", "IL", "XX", "MI", "46", "EI", "0B", "G1", "6R", "472", "20", "22", "23", "19", "HE", "N362", "45",
    "CO", "PR", "Y", "N", "A", "WQ", "U", "8", "I10", "0019", "00",
)  # fmt: skip


def mutated(segments: Sequence[str], chance: random.Random) -> list[str]:
    """The document with one to three changes."""
    changed = list(segments)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        act = chance.choices(_ACTS, _WEIGHTS)[0]
        act(changed, chance)
    return changed


def _spot(segments: list[str], chance: random.Random) -> int:
    """The index of a segment that is not of an envelope, 0 where there is none."""
    spots = [index for index, each in enumerate(segments) if each.split("*")[0] not in ENVELOPE]
    return chance.choice(spots) if spots else 0


def _delete(segments: list[str], chance: random.Random) -> None:
    if spot := _spot(segments, chance):
        del segments[spot : spot + chance.choice((1, 1, 1, 2, 4))]


def _duplicate(segments: list[str], chance: random.Random) -> None:
    if spot := _spot(segments, chance):
        segments[spot:spot] = [segments[spot]] * chance.choice((1, 1, 2, 12))


def _swap(segments: list[str], chance: random.Random) -> None:
    spot = _spot(segments, chance)
    if spot and spot + 1 < len(segments) and segments[spot + 1].split("*")[0] not in ENVELOPE:
        segments[spot], segments[spot + 1] = segments[spot + 1], segments[spot]


def _move(segments: list[str], chance: random.Random) -> None:
    spot, to = _spot(segments, chance), _spot(segments, chance)
    if spot:
        one = segments.pop(spot)
        segments.insert(to - (to > spot), one)


def _copy(segments: list[str], chance: random.Random) -> None:
    spot, to = _spot(segments, chance), _spot(segments, chance)
    if spot:
        length = chance.choice((1, 1, 1, 2, 5))
        part = [each for each in segments[spot : spot + length] if each.split("*")[0] not in ENVELOPE]
        segments[to:to] = part


def _invent(segments: list[str], chance: random.Random) -> None:
    if spot := _spot(segments, chance):
        segments.insert(
            spot, chance.choice(("ZZZ*1", "ABC", "K3*NOTE", "N3*", "HL*9*1*22*0", "LX*3", "nm1*QC*1", "A*1", "1AB*2"))
        )


def _retag(segments: list[str], chance: random.Random) -> None:
    if spot := _spot(segments, chance):
        _, *rest = segments[spot].split("*")
        segments[spot] = "*".join([chance.choice(("REF", "DTP", "DTM", "NM1", "N4", "HL", "AMT", "QQ")), *rest])


def _qualifier(segments: list[str], chance: random.Random) -> None:
    if spot := _spot(segments, chance):
        parts = segments[spot].split("*")
        parts[1 : 2 if len(parts) > 1 else 1] = [chance.choice(VALUES)]
        segments[spot] = "*".join(parts)


def _value(segments: list[str], chance: random.Random) -> None:
    if spot := _spot(segments, chance):
        parts = segments[spot].split("*")
        place = chance.randint(1, len(parts))
        parts[place : place + 1] = [chance.choice(VALUES)]
        segments[spot] = "*".join(parts)


def _component(segments: list[str], chance: random.Random) -> None:
    spots = [index for index, each in enumerate(segments) if ":" in each and not each.startswith("ISA")]
    if not spots:
        return
    spot = chance.choice(spots)
    parts = segments[spot].split("*")
    place = chance.choice([index for index, each in enumerate(parts) if ":" in each])
    components = parts[place].split(":")
    which = chance.randrange(len(components) + 1)
    components[which : which + chance.choice((0, 1))] = [chance.choice(VALUES)]
    parts[place] = ":".join(components)
    segments[spot] = "*".join(parts)


def _elements(segments: list[str], chance: random.Random) -> None:
    """Elements cut off, left out, repeated or swapped."""
    spot = _spot(segments, chance)
    tag, *parts = segments[spot].split("*") if spot else [""]
    if not parts:
        return
    place = chance.randrange(len(parts))
    match chance.randrange(5):
        case 0:
            parts = parts[:place]
        case 1:
            del parts[place]
        case 2:
            parts.insert(place, parts[place])
        case 3:
            parts[place] = f"{parts[place]}^{parts[place]}"
        case _:
            parts += chance.choice(([""], ["", "X"], ["X"] * 25))
    segments[spot] = "*".join([tag, *parts])


def _character(segments: list[str], chance: random.Random) -> None:
    if spot := _spot(segments, chance):
        one = segments[spot]
        at = chance.randint(len(one.split("*")[0]), len(one))
        segments[spot] = one[:at] + chance.choice("*:^ .-0Aa\u00e9\x07\x1f\n") + one[at + chance.choice((0, 1)) :]


def _numbering(segments: list[str], chance: random.Random) -> None:
    spots = [index for index, each in enumerate(segments) if each.startswith(("HL*", "LX*"))]
    if spots:
        spot = chance.choice(spots)
        parts = segments[spot].split("*")
        place = chance.randrange(1, len(parts))
        parts[place] = chance.choice(("", "0", "1", "2", "3", "5", "99", "X", "01", "20", "22", "23"))
        segments[spot] = "*".join(parts)


def _count(segments: list[str], chance: random.Random) -> None:
    spots = [index for index, each in enumerate(segments) if each.startswith(("SE*", "GE*", "IEA*", "ST*"))]
    if spots:
        spot = chance.choice(spots)
        parts = segments[spot].split("*")
        place = chance.choice((1, 2)) if not segments[spot].startswith("ST*") else 2
        parts[place] = chance.choice(("", "0", "1", "2", "0001", "0002", "X", "000000001", "12345678901"))
        segments[spot] = "*".join(parts)


_Act = Callable[[list[str], random.Random], None]
_WEIGHED: dict[_Act, int] = {
    _value: 10,
    _elements: 5,
    _qualifier: 4,
    _component: 4,
    _character: 4,
    _delete: 4,
    _copy: 4,
    _duplicate: 3,
    _swap: 3,
    _move: 3,
    _numbering: 2,
    _invent: 2,
    _retag: 2,
    _count: 1,
}
_ACTS, _WEIGHTS = list(_WEIGHED), list(_WEIGHED.values())
