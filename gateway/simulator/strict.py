"""What this company refuses, checked on plain segments and by its own lights: envelopes, counts, order, sums.

An interchange's fault is a TA105 code, a group's an AK905 code, a set's a list of ``Fault`` that a 999 can name. It
knows nothing of what was received before: that is ``memory``'s.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.simulator import documents
from gateway.simulator.documents import Level, Numbered, cents, claim_head, day, every, first, split
from gateway.simulator.wire import AGAIN, Group, Interchange, Segment, Set, at, codes, parts

# GS01 and GS08 that are served, and the ST01 that belongs to them.
SERVED = {("HI", "005010X217"): "278", ("HC", "005010X222A1"): "837"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One IK3 with, where an element is named, one IK4. ``about`` is the business unit (CTX): its name and value."""

    segment: int
    tag: str
    code: str  # IK304
    loop: str = ""
    element: int = 0
    component: int = 0
    data_element: str = ""
    element_code: str = ""  # IK403
    about: tuple[str, str] = ("", "")


def interchange_fault(interchange: Interchange, served_id: str = "") -> str:
    """The TA105 note of an interchange that cannot be taken; "" of a good one. ``served_id``: whom it must be for."""
    isa, trailer = interchange.header, interchange.trailer
    qualifiers = ("01", "14", "20", "27", "28", "29", "30", "33", "ZZ")
    tests = (
        (at(isa, 5) in qualifiers, "005"),
        (bool(at(isa, 6).strip()), "006"),
        (at(isa, 7) in qualifiers, "007"),
        (bool(at(isa, 8).strip()) and served_id in ("", at(isa, 8).strip()), "008"),
        (_is_stamp(at(isa, 9), "%y%m%d"), "014"),
        (_is_stamp(at(isa, 10), "%H%M"), "015"),
        (not at(isa, 11).isalnum(), "026"),
        (at(isa, 12) == "00501", "017"),
        (len(at(isa, 13)) == 9 and at(isa, 13).isdigit(), "018"),
        (at(isa, 14) in ("0", "1"), "019"),
        (at(isa, 15) in ("P", "T"), "020"),
        (not at(isa, 16).isalnum(), "027"),
        (trailer is not None, "023"),
        (trailer is None or at(trailer, 2) == at(isa, 13), "001"),
        (trailer is None or at(trailer, 1) == str(len(interchange.groups)), "021"),
        (not interchange.strays, "022"),
    )
    return next((code for good, code in tests if not good), "")


def acknowledges(group: Group) -> bool:
    """Whether a group holds a partner's 999 (or 997) on what this company sent."""
    return at(group.header, 1) == "FA"


def only_acknowledges(interchange: Interchange) -> bool:
    """Whether an interchange holds TA1 and 999, and nothing beside them."""
    said = interchange.technical + len(interchange.groups)
    return said > 0 and all(map(acknowledges, interchange.groups))


def _is_stamp(text: str, shape: str) -> bool:
    try:
        datetime.strptime(text, shape)
    except ValueError:
        return False
    return True


def group_faults(group: Group) -> list[str]:
    """The AK905 codes of a group that cannot be taken."""
    gs, ge = group.header, group.trailer
    found = []
    if at(gs, 1) not in {functional for functional, _ in SERVED}:
        found.append("1")
    elif (at(gs, 1), at(gs, 8)) not in SERVED:
        found.append("2")
    if ge is None:
        return [*found, "3"]
    if at(ge, 2) != at(gs, 6):
        found.append("4")
    if at(ge, 1) != str(len(group.sets)):
        found.append("5")
    if not (at(gs, 6).isdigit() and len(at(gs, 6)) <= 9):
        found.append("6")
    return found


def set_faults(group: Group, body: Set) -> tuple[list[str], list[Fault]]:
    """The IK502 codes of a set, and the faults of its segments. Both empty: the set can be worked on."""
    trailing = _trailer_codes(group, body)
    if trailing:
        return trailing, []
    faults = [*_element_faults(body)]
    if not faults:
        faults = [*(_request_faults(body) if body.type == "278" else _claim_faults(body))]
    return (["5"] if faults else []), faults


def _trailer_codes(group: Group, body: Set) -> list[str]:
    st, se = body.segments[0], body.segments[-1]
    if body.type != SERVED[at(group.header, 1), at(group.header, 8)]:
        return ["6"]
    if at(st, 3) not in ("", at(group.header, 8)):
        return ["I6"]
    if not body.trailer:
        return ["2"]
    found = []
    if at(se, 2) != body.control_number:
        found.append("3")
    if at(se, 1) != str(len(body.segments)):
        found.append("4")
    if not 4 <= len(body.control_number) <= 9:
        found.append("7")
    if sum(each.control_number == body.control_number for each in group.sets) > 1:
        found.append("23")
    return found


# Elements: what each must be, wherever its segment stands.


def _given(text: str) -> bool:
    return bool(text.strip())


def _one_of(*codes: str) -> Callable[[str], bool]:
    return lambda text: text in codes


def _amount(text: str) -> bool:
    try:
        cents(text)
    except ValueError:
        return False
    return True


def _counted(text: str) -> bool:
    return _amount(text) and cents(text) > 0


def _dated(text: str) -> bool:
    try:
        return [day(each) for each in text.split("-")] == sorted(day(each) for each in text.split("-"))
    except ValueError:
        return False


Test = tuple[int, int, str, Callable[[str], bool], str]  # Element, component, data element, test, IK403 where it fails.

TESTS: dict[str, tuple[Test, ...]] = {
    "BHT": ((1, 0, "1005", _one_of("0007", "0019"), "7"), (3, 0, "127", _given, "1"), (4, 0, "373", _dated, "8")),
    "HL": ((1, 0, "628", str.isdigit, "6"), (3, 0, "735", _one_of("20", "21", "22", "23", "EV", "SS"), "7")),
    "NM1": ((1, 0, "98", _given, "1"), (2, 0, "1065", _one_of("1", "2"), "7")),
    "N3": ((1, 0, "166", _given, "1"),),
    "N4": ((1, 0, "19", _given, "1"),),
    "PER": ((1, 0, "366", _given, "1"),),
    "REF": ((1, 0, "128", _given, "1"), (2, 0, "127", _given, "1")),
    "DMG": ((1, 0, "1250", _one_of("D8"), "7"), (2, 0, "1251", _dated, "8")),
    "DTP": ((1, 0, "374", _given, "1"), (3, 0, "1251", _given, "1")),
    "TRN": ((1, 0, "481", _one_of("1", "2"), "7"), (2, 0, "127", _given, "1"), (3, 0, "509", _given, "1")),
    "UM": ((1, 0, "1525", _one_of("AR", "HS", "IN", "SC"), "7"), (2, 0, "1322", _one_of(*"1234INRS"), "7")),
    "CLM": (
        (1, 0, "1028", lambda text: 1 <= len(text) <= 20, "5"),
        (2, 0, "782", _amount, "6"),
        (5, 1, "1331", _given, "1"),
        (5, 2, "1332", _one_of("B"), "7"),
        (5, 3, "1325", _given, "1"),
    ),
    "SBR": ((1, 0, "1138", _given, "1"),),
    "LX": ((1, 0, "554", str.isdigit, "6"),),
    "SV1": ((1, 1, "235", _one_of("HC", "ER", "IV", "WK", "N4"), "7"), (1, 2, "234", _given, "1")),
    "HI": ((1, 1, "1270", _given, "1"), (1, 2, "1271", _given, "1")),
}


def _element_faults(body: Set) -> Iterator[Fault]:
    for number, segment in enumerate(body.segments, 1):
        if segment[0] not in KNOWN[body.type]:
            yield Fault(number, segment[0][:3], "1")
            continue
        for element, component, data_element, good, code in TESTS.get(segment[0], ()):
            value = at(segment, element)
            if component:
                value = ([*parts(value), "", "", ""])[component - 1]
            if not good(value):
                missing = not value.strip()
                yield Fault(number, segment[0], "8", "", element, component, data_element, "1" if missing else code)
        yield from _format_faults(number, segment)


def _format_faults(number: int, segment: Segment) -> Iterator[Fault]:
    """Dates of the format that they name, diagnoses without a dot, no separator behind the last element."""
    tag = segment[0]
    if len(segment) > 1 and not segment[-1]:
        yield Fault(number, tag, "8", "", len(segment) - 1, 0, "", "3")
    if tag == "DTP" and at(segment, 2) in ("D8", "RD8"):
        two = at(segment, 2) == "RD8"
        if not _dated(at(segment, 3)) or ("-" in at(segment, 3)) != two:
            yield Fault(number, tag, "8", "", 3, 0, "1251", "8")
    if tag == "HI":
        for place, value in enumerate(segment[1:], 1):
            if "." in value:
                yield Fault(number, tag, "8", "", place, 2, "1271", "6")


# Levels.

PARENTS = {"278": {"20": "", "21": "20", "22": "21", "23": "22", "SS": "EV"}, "837": {"20": "", "22": "20", "23": "22"}}


def _level_faults(body: Set, tree: Sequence[Level]) -> Iterator[Fault]:
    """HL01 counts from 1, HL02 names a level of the right kind that came before, HL04 tells the truth."""
    parents = PARENTS[body.type]
    seen: dict[str, str] = {}
    for count, level in enumerate(tree, 1):
        number = level.segments[0][0]
        if level.id != str(count):
            yield Fault(number, "HL", "8", "", 1, 0, "628", "I12")
        over = seen.get(level.parent, "")
        wanted = ("22", "23") if level.code == "EV" else (parents.get(level.code, "?"),)
        if over not in wanted or bool(level.parent) != bool(over):
            yield Fault(number, "HL", "8", "", 2, 0, "734", "I12")
        has_child = any(each.parent == level.id for each in tree)
        if level.child not in ("0", "1") or (has_child and level.child == "0"):
            yield Fault(number, "HL", "8", "", 4, 0, "736", "I12")
        if level.child == "1" and not has_child:
            yield Fault(number, "HL", "8", "", 4, 0, "736", "I12")
        seen[level.id] = level.code


def _needs(level_or_run: Sequence[Numbered], loop: str, *wanted: tuple[str, str]) -> Iterator[Fault]:
    """Segments that must stand in a loop: a tag and the beginning of its first element."""
    number = level_or_run[0][0]
    for tag, qualifier in wanted:
        if first(level_or_run, tag, qualifier) is None:
            yield Fault(number, tag, "3", loop)


def _named(level: Sequence[Numbered], qualifiers: tuple[str, ...], loop: str) -> Iterator[Fault]:
    """The NM1 of a level is of one of these entities and carries an identifier (NM108, NM109)."""
    names = [(number, each) for number, each in level if each[0] == "NM1"]
    if not names or at(names[0][1], 1) not in qualifiers:
        yield Fault(level[0][0], "NM1", "3", loop)
    elif not (at(names[0][1], 8) and at(names[0][1], 9)):
        yield Fault(names[0][0], "NM1", "8", loop, 9, 0, "67", "1")


ENTITIES = {
    "20": (("X3", "PR", "2B", "36"), "2010A"),
    "21": (("1P", "FA", "PR", "2B", "36"), "2010B"),
    "22": (("IL",), "2010C"),
}
KNOWN = {  # Every segment of the guide; any other is not recognized.
    "278": codes(
        "ST BHT HL NM1 REF N3 N4 PER PRV DMG INS TRN UM DTP HI HSD CRC CL1 CR1 CR2 CR5 CR6 PWK MSG SV1 SV2 SV3 TOO SE"
    ),
    "837": codes(
        "ST BHT NM1 N2 N3 N4 REF PER HL PRV CUR SBR PAT DMG CLM DTP PWK CN1 AMT K3 NTE CR1 CR2 CR3 CRC HI HCP LX SV1 "
        "SV5 PS1 LIN CTP SVD CAS OI MOA MEA QTY LQ FRM SE"
    ),
}
EVENT_TAGS = codes("HL TRN UM REF DTP HI HSD CRC CL1 CR1 CR2 CR5 CR6 PWK MSG NM1 N3 N4 PER PRV")
LINE_TAGS = codes("HL TRN UM REF DTP SV1 SV2 SV3 TOO HSD PWK MSG NM1 N3 N4 PER PRV")


def _request_faults(body: Set) -> Iterator[Fault]:
    """A 278 request of 005010X217: one event, everybody named, its levels in order."""
    header, tree = documents.levels(body)
    bht = first(header, "BHT")
    if bht is None or at(bht, 1) != "0007" or at(bht, 2) not in ("01", "13", "36"):
        yield Fault(2, "BHT", "8" if bht else "3", "", 2 if bht else 0, 0, "353", "7" if bht else "")
        return
    yield from _level_faults(body, tree)
    count = Counter(level.code for level in tree)
    for code in ("20", "21", "22", "EV"):
        if count[code] != 1:
            yield Fault(len(body.segments), "HL", "3" if not count[code] else "4", f"2000{'E' if code == 'EV' else ''}")
    for level in tree:
        run = level.segments
        if level.code in ENTITIES:
            yield from _named(run, *ENTITIES[level.code])
        elif level.code == "23":
            yield from _needs(run, "2010D", ("NM1", "QC"))
        elif level.code in ("EV", "SS"):
            loop, tags = ("2000E", EVENT_TAGS) if level.code == "EV" else ("2000F", LINE_TAGS)
            yield from (Fault(number, each[0], "2", loop) for number, each in run if each[0] not in tags | {"SE"})
            if level.code == "EV":
                yield from _needs(run, loop, ("UM", ""))
            for number, each in run:
                if each[0] == "TRN" and len(at(each, 3)) != 10:
                    yield Fault(number, "TRN", "8", loop, 3, 0, "509", "4" if len(at(each, 3)) < 10 else "5")
                if each[0] == "HSD" and (bool(at(each, 1)) != bool(at(each, 2)) or not _counted(at(each, 2) or "1")):
                    yield Fault(number, "HSD", "8", loop, 2, 0, "380", "2")


def _claim_faults(body: Set) -> Iterator[Fault]:
    """An 837P of 005010X222A1: submitter and receiver, levels, and every claim whole and summing up."""
    header, tree = documents.levels(body)
    bht = first(header, "BHT")
    if bht is None or at(bht, 1) != "0019" or at(bht, 2) not in ("00", "18"):
        yield Fault(2, "BHT", "8" if bht else "3", "", 2 if bht else 0, 0, "353", "7" if bht else "")
        return
    yield from _needs(header, "1000", ("NM1", "41"), ("PER", ""), ("NM1", "40"))
    yield from _level_faults(body, tree)
    claims: list[list[Numbered]] = []
    for level in tree:
        run = level.segments
        if level.code == "20":
            yield from _needs(run, "2010AA", ("NM1", "85"), ("N3", ""), ("N4", ""), ("REF", ""))
        elif level.code == "22":
            own = (("DMG", ""),) if first(run, "CLM") else ()  # The subscriber is the patient.
            yield from _needs(run, "2010B", ("SBR", ""), ("NM1", "IL"), ("NM1", "PR"), *own)
        elif level.code == "23":
            yield from _needs(run, "2010CA", ("PAT", ""), ("NM1", "QC"), ("DMG", ""))
        claims += split(run, "CLM")
    if not claims:
        yield Fault(len(body.segments), "CLM", "3", "2300")
    for claim in claims:
        yield from _one_claim_faults(claim)
    numbers = Counter(at(claim[0][1], 1) for claim in claims)
    for claim in claims:
        if numbers[at(claim[0][1], 1)] > 1:
            yield _about_claim(claim, 1, "1028")


def _about_claim(claim: Sequence[Numbered], element: int, data_element: str) -> Fault:
    number, clm = claim[0]
    return Fault(number, "CLM", "8", "2300", element, 0, data_element, "I12", ("CLM01", at(clm, 1)))


def _one_claim_faults(claim: Sequence[Numbered]) -> Iterator[Fault]:
    head, lines = claim_head(claim), split(claim, "LX")
    yield from _needs(head, "2300", ("HI", ""))
    if not lines:
        yield Fault(claim[0][0], "LX", "3", "2400")
        return
    charges = 0
    control_numbers = Counter(at(first(line, "REF", "6R") or (), 2) for line in lines)
    diagnoses = sum(len(each) - 1 for each in every(head, "HI") if parts(at(each, 1))[0] in ("ABK", "BK"))
    for count, line in enumerate(lines, 1):
        number, lx = line[0]
        if at(lx, 1) != str(count):
            yield Fault(number, "LX", "8", "2400", 1, 0, "554", "I12")
        yield from _needs(line, "2400", ("SV1", ""), ("DTP", "472"))
        for place, own in line:
            if own[0] == "REF" and at(own, 1) == "6R" and control_numbers[at(own, 2)] > 1:
                yield Fault(place, "REF", "8", "2400", 2, 0, "127", "I12")
        for place, service in line:
            if service[0] != "SV1":
                continue
            if not _amount(at(service, 2)):
                yield Fault(place, "SV1", "8", "2400", 2, 0, "782", "1" if not at(service, 2) else "6")
                continue
            charges += cents(at(service, 2))
            if at(service, 3) not in ("UN", "MJ"):
                yield Fault(place, "SV1", "8", "2400", 3, 0, "355", "7")
            if not _counted(at(service, 4) or "0"):
                yield Fault(place, "SV1", "8", "2400", 4, 0, "380", "1" if not at(service, 4) else "6")
            pointers = at(service, 7).split(AGAIN)[0]
            if not all(each.isdigit() and 1 <= int(each) <= diagnoses for each in parts(pointers)):
                yield Fault(place, "SV1", "8", "2400", 7, 1, "1328", "I12")
    if charges != cents(at(claim[0][1], 2)):
        yield _about_claim(claim, 2, "782")
