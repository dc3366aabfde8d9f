"""Why pyx12 and we may differ on segments and elements: each reason with who is right, and what it takes.

A reason takes as little as it can: it looks at the segment and at what the other side says of the same place.
``tests/test_differential.py`` shows each.
"""

import re
from collections.abc import Iterator

from x12_difference import Difference, element_of, reason
from x12_oracle import Fault

EMPTY_FAULTS = ("IK403 1", "IK403 2", "IK403 7", "IK403 13", "IK304 2")


def _sound(tag: str) -> bool:
    return bool(re.fullmatch("[A-Z][A-Z0-9]{1,2}", tag))


def _pairs(difference: Difference, theirs: str, ours: str) -> Iterator[Fault]:
    """Both of each two faults with these codes and the same reference."""
    for fault in difference.told:
        if fault.code == theirs:
            other = Fault(fault.set, fault.segment, ours, fault.reference)
            if other in difference.said:
                yield fault
                yield other


# --- The same, said in other codes -----------------------------------------------------------------------------------


@reason("unexpected", "we", "1 of IK304 is for a tag that X12 does not know; one that stands in no place here is 2")
def _unexpected(difference: Difference) -> Iterator[Fault]:
    yield from _pairs(difference, "IK304 1", "IK304 2")


@reason(
    "wrong_qualifier", "we", "where one segment alone can be meant, a wrong qualifier is a wrong value, 7", moves=True
)
def _wrong_qualifier(difference: Difference) -> Iterator[Fault]:
    for fault in difference.theirs:
        here = difference.here(fault)
        if fault.code == "IK304 1" and not any(each.code in ("IK304 1", "IK304 2") for each in here):
            values = [each for each in here if each.code.startswith(("IK403", "element."))]
            if values:
                yield fault
                yield from values


@reason("tag", "both", "what stands where a tag belongs may be anything, so we do not repeat it; pyx12 says it twice")
def _tag(difference: Difference) -> Iterator[Fault]:
    for fault in difference.theirs:
        tag = difference.text(fault).lstrip().split("*")[0]
        if fault.code in ("IK304 1", "IK304 8") and not _sound(tag):
            other = Fault(fault.set, fault.segment, "IK304 1", "")
            if other in difference.said:
                yield fault
                yield other


@reason("envelope_reference", "both", "of envelopes we name the element, pyx12 the segment")
def _envelope_reference(difference: Difference) -> Iterator[Fault]:
    for fault in difference.theirs:
        for other in difference.said:
            place = (other.set, other.segment, other.code) == (fault.set, fault.segment, fault.code)
            if (
                place
                and not fault.code.startswith("IK304")
                and re.fullmatch(rf"{fault.reference}\d\d", other.reference)
            ):
                yield fault
                yield other


@reason("numbering", "we", "HL1, HL2 and LX are no codes of the 999: a wrong number is a wrong value of its element, 7")
def _numbering(difference: Difference) -> Iterator[Fault]:
    elements = {"IK304 HL1": "HL01", "IK304 HL2": "HL02", "IK304 LX": "LX01"}
    for fault in difference.theirs:
        if fault.code in elements:
            other = Fault(fault.set, fault.segment, "IK403 7", elements[fault.code])
            if other in difference.said:
                yield fault
                yield other


@reason(
    "unplaced_level",
    "we",
    "an HL or LX that stands in no place is told once; pyx12 counts it, and all after it are wrong",
)
def _unplaced_level(difference: Difference) -> Iterator[Fault]:
    unplaced = [each for each in difference.told if each.code == "IK304 1" and each.reference in ("HL", "LX")]
    numbers = {("IK304 HL1", "HL"), ("IK304 HL2", "HL"), ("IK403 7", "HL01"), ("IK403 7", "HL02")}
    numbers |= {("IK304 LX", "LX"), ("IK403 7", "LX01")}
    for fault in (*difference.theirs, *difference.ours):
        before = [each for each in unplaced if each.set == fault.set and each.segment <= fault.segment]
        if before and (fault.code, fault.reference) in numbers:
            yield fault


@reason(
    "parent_again",
    "we",
    "after one wrong parent pyx12 forgets all levels that are open, so that sound parents are wrong",
)
def _parent_again(difference: Difference) -> Iterator[Fault]:
    wrong = {each for each in difference.told if each.code == "IK304 HL2"}
    wrong |= {each for each in difference.said if (each.code, each.reference) == ("IK403 7", "HL02")}
    for fault in difference.theirs:
        if fault.code == "IK304 HL2" and any(each.set == fault.set and each.segment < fault.segment for each in wrong):
            yield fault


@reason(
    "level_named_wrongly",
    "both",
    "a parent may be named by the number that it says of itself; pyx12 takes the count alone",
)
def _level_named_wrongly(difference: Difference) -> Iterator[Fault]:
    wrong = {each for each in difference.told if each.code == "IK304 HL1"}
    numbers = (("IK403 7", "HL01"), ("IK403 1", "HL02"))
    wrong |= {each for each in difference.said if (each.code, each.reference) in numbers}
    for fault in (*difference.theirs, *difference.ours):
        parent = fault.code == "IK304 HL2" or (fault.code, fault.reference) == ("IK403 7", "HL02")
        if parent and any(each.set == fault.set and each.segment < fault.segment for each in wrong):
            yield fault


@reason(
    "not_used",
    "we",
    "what the guide marks as not used is I10; 10 is for elements that exclude each other, 5 for length",
)
def _not_used(difference: Difference) -> Iterator[Fault]:
    yield from _pairs(difference, "IK403 10", "IK403 I10")
    yield from _pairs(difference, "IK403 5", "IK403 I10")


@reason("parts_of_simple", "we", "components in a simple element are too many components, 13; 6 is for a character")
def _parts_of_simple(difference: Difference) -> Iterator[Fault]:
    yield from _pairs(difference, "IK403 6", "IK403 13")
    for fault in difference.theirs:
        numbers = difference.text(fault).split("*")[1:3]
        if fault.code in ("IK304 LX", "IK304 HL1", "IK304 HL2") and ":" in "".join(numbers):
            yield fault  # A number with components is none to pyx12; we take the first.


@reason(
    "together", "both", "where elements go together we name the one to send or to leave out, pyx12 the first of all"
)
def _together(difference: Difference) -> Iterator[Fault]:
    for fault, words in difference.theirs.items():
        rule = re.match(r"Syntax Error \(([PRECL])(\d+)\)", words)
        if not rule:
            continue
        code = "IK403 10" if rule[1] == "E" else "IK403 2"
        tag = difference.text(fault).split("*")[0]
        others = [Fault(fault.set, fault.segment, code, f"{tag}{each}") for each in re.findall("..", rule[2])]
        others += [Fault(fault.set, fault.segment, "IK403 1", each.reference) for each in others]
        named = [each for each in others if each in difference.said]
        if named:
            yield fault
            yield from named


# --- Where pyx12 looks at less ---------------------------------------------------------------------------------------


@reason("repetition", "we", "pyx12 does not know the repetition separator, and takes the repetitions for one value")
def _repetition(difference: Difference) -> Iterator[Fault]:
    everything = (*difference.theirs, *difference.ours)
    for fault in everything:
        whole = fault.reference == "None" or fault.code in ("IK304 LX", "IK304 HL1", "IK304 HL2")
        if "^" in (difference.text(fault) if whole else difference.element(fault)):
            yield fault
    for unplaced in difference.theirs:
        # A qualifier is no code to pyx12 then, so the segment has no place, nor has what follows in its loop.
        if unplaced.code == "IK304 1" and "^" in "".join(difference.text(unplaced).split("*")[1:4]):
            yield from (each for each in everything if each.set == unplaced.set and each.segment >= unplaced.segment)


@reason("nameless", "we", "the composites of pyx12's maps of the 277CA and 999 have no reference")
def _nameless(difference: Difference) -> Iterator[Fault]:
    for fault in difference.theirs:
        if fault.reference == "None":
            code = "IK403 I10" if fault.code == "IK403 5" else fault.code
            named = [each for each in difference.beside(fault) if each.code == code]
            if named:
                yield fault
                yield from named


@reason("zeros", "both", "01, +1 and 1 are one number: we let that pass between header and trailer, pyx12 in levels")
def _zeros(difference: Difference) -> Iterator[Fault]:
    for fault, words in difference.theirs.items():
        ids = re.search(r" id=(\d+) does not match .* id=(\d+)$", words)
        if ids and int(ids[1]) == int(ids[2]):
            yield fault
    for fault in difference.ours:
        written = re.fullmatch(r"[+0 ]*(\d+) *", difference.element(fault))
        if written and fault.code == "IK403 7" and fault.reference in ("HL01", "HL02"):
            yield fault


@reason("set_number", "we", "ST02 has four to nine characters, or nobody can answer it: that is IK502 7, too")
def _set_number(difference: Difference) -> Iterator[Fault]:
    yield from (each for each in difference.ours if (each.code, each.reference) == ("IK502 7", "ST02"))


@reason("trailing_blanks", "both", "blanks at the end of a value say nothing: we warn, pyx12 refuses")
def _trailing_blanks(difference: Difference) -> Iterator[Fault]:
    for fault in difference.theirs:
        other = Fault(fault.set, fault.segment, "element.trailing_blanks", fault.reference)
        if fault.code.startswith("IK403") and other in difference.said:
            yield fault
            yield other


@reason(
    "trailing_separator", "both", "separators at the end of a segment say nothing: we warn once, pyx12 refuses each"
)
def _trailing_separator(difference: Difference) -> Iterator[Fault]:
    for fault in difference.theirs:
        text = difference.text(fault)
        beyond = text.split("*")[element_of(fault) :]
        said_at_end = fault.code == "IK304 SEG1" and text.endswith("*")
        if said_at_end or (fault.code == "IK403 3" and not "".join(beyond).strip("^:")):
            yield fault
    yield from (each for each in difference.ours if each.code == "codec.trailing_separator")


@reason("empty", "we", "a segment without elements lacks those that the guide requires; 8 says that of any element")
def _empty(difference: Difference) -> Iterator[Fault]:
    for fault in difference.theirs:
        bare = fault.code == "IK304 8" and not difference.text(fault).partition("*")[2].strip("*:")
        told = [each for each in difference.here(fault) if each.code in EMPTY_FAULTS]
        if bare and told:
            yield fault


@reason("control", "we", "a control character is told, and then nothing else of its value; pyx12 knows some of them")
def _control(difference: Difference) -> Iterator[Fault]:
    for fault in (*difference.theirs, *difference.ours):
        if re.search(r"[\x00-\x1f\x7f]", difference.element(fault)):
            yield fault


@reason("lone_sign", "we", "a sign without digits is no number; pyx12 takes it for one")
def _lone_sign(difference: Difference) -> Iterator[Fault]:
    for fault in difference.ours:
        if fault.code == "IK403 6" and difference.element(fault).strip(":") in ("-", "."):
            yield fault


@reason("context", "we", "the 999 has two kinds of CTX after IK3, nine and one; pyx12 counts them as one")
def _context(difference: Difference) -> Iterator[Fault]:
    yield from (each for each in difference.theirs if (each.code, each.reference) == ("IK304 5", "CTX"))


@reason("first_component", "we", "of a composite that is sent the guide requires the first component; pyx12 excuses it")
def _first_component(difference: Difference) -> Iterator[Fault]:
    for fault in difference.ours:
        if fault.code == "IK403 1" and fault.reference.endswith("-01") and difference.element(fault).strip(":"):
            yield fault


@reason(
    "format_unknown",
    "both",
    "where the qualifier of a date's format is wrong we do not judge the date; pyx12 tries every format",
)
def _format_unknown(difference: Difference) -> Iterator[Fault]:
    for fault in difference.theirs:
        qualifier = Fault(fault.set, fault.segment, "IK403 7", f"{fault.reference[:-2]}{element_of(fault) - 1:02}")
        if fault.code in ("IK403 8", "IK403 9") and qualifier in difference.said:
            yield fault


@reason("short_time", "we", "an hour alone is no time, HHMM is the shortest; pyx12 calls it short, and no more")
def _short_time(difference: Difference) -> Iterator[Fault]:
    for fault in difference.ours:
        if fault.code == "IK403 9" and Fault(fault.set, fault.segment, "IK403 4", fault.reference) in difference.said:
            yield fault


@reason(
    "folded", "we", "a line break inside of a segment is the work of a mailer; it is told, and left out", moves=True
)
def _folded(difference: Difference) -> Iterator[Fault]:
    for fault in difference.theirs:
        if "\n" in difference.text(fault):
            yield fault
    yield from (each for each in difference.ours if each.code == "codec.folded")


@reason("child", "we", "pyx12 does not hold HL04 against the levels that follow (X12 data element 736)")
def _child(difference: Difference) -> Iterator[Fault]:
    yield from (each for each, finding in difference.ours.items() if finding.rule == "x12.hl.child")


# --- What pyx12 does not look at -------------------------------------------------------------------------------------


def _of_rules(difference: Difference, start: str) -> Iterator[Fault]:
    yield from (each for each, finding in difference.ours.items() if finding.rule.startswith(start))


@reason("sums", "we", "pyx12 adds nothing up (SNIP 3)")
def _sums(difference: Difference) -> Iterator[Fault]:
    yield from _of_rules(difference, "x12.balance.")


@reason("situations", "we", "pyx12 knows none of the rules that say when something must be sent (SNIP 4)")
def _situations(difference: Difference) -> Iterator[Fault]:
    yield from _of_rules(difference, "x12.situation.")


@reason("lists", "we", "pyx12 has no CARC, no ICD-10 and no check of an NPI, and no dates for what it has (SNIP 5)")
def _lists(difference: Difference) -> Iterator[Fault]:
    yield from _of_rules(difference, "x12.code.")


@reason(
    "list_in_part",
    "both",
    "where our list is only a part of the whole one a person decides; pyx12 takes its own for whole",
)
def _list_in_part(difference: Difference) -> Iterator[Fault]:
    for fault in difference.theirs:
        unsure = Fault(fault.set, fault.segment, "code.unlisted", fault.reference)
        if fault.code == "IK403 7" and unsure in difference.said:
            yield fault


@reason(
    "told_once", "we", "what is too short, too long or no text at all is told as that, and not as an unknown code, too"
)
def _told_once(difference: Difference) -> Iterator[Fault]:
    for fault in difference.theirs:
        lengths = [Fault(fault.set, fault.segment, f"IK403 {code}", fault.reference) for code in (4, 5, 6)]
        if fault.code == "IK403 7" and any(each in difference.said for each in lengths):
            yield fault


@reason(
    "qualified_list", "we", "CLM05-02 says from which list CLM05-01 is; without it no list is asked, and it is missing"
)
def _qualified_list(difference: Difference) -> Iterator[Fault]:
    for fault in difference.theirs:
        qualifier = Fault(fault.set, fault.segment, "IK403 1", "CLM05-02")
        if (fault.code, fault.reference) == ("IK403 7", "CLM05-01") and qualifier in difference.said:
            yield fault


@reason("entity_list", "we", "PR, a payer, is an entity code (X12 data element 98); pyx12's list of them lacks it")
def _entity_list(difference: Difference) -> Iterator[Fault]:
    for fault in difference.theirs:
        components = difference.element(fault).split(":")
        third = components[2] if len(components) > 2 else ""
        if fault.code == "IK403 7" and fault.reference.endswith("-03") and third == "PR":
            yield fault
