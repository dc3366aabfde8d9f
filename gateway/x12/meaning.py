"""Says what a TA1, 999 or 277CA means for the document that was sent: which part of it, taken or not, and what next.

It shows the acknowledgment to the person who has it, so the words carry its values. It never says more than the codes
do, and a code that no list here knows is said to be unknown.
"""

import re
from dataclasses import dataclass
from typing import Protocol

from gateway.errors import Position
from gateway.x12.acknowledge import is_answer
from gateway.x12.codes import category
from gateway.x12.codes import meaning as words
from gateway.x12.tree import Segment
from gateway.x12.validate import FUNCTIONAL_IDS

USED_BEFORE = "025"  # TA105
TRIGGER = "SITUATIONAL TRIGGER"
MISSING = ("3", "I6", "I7", "I8")  # IK304 of what is not there
_UNITS = {"CLM01": "the claim with CLM01", "TRN02": "the transaction with TRN02"}
_TYPES = {functional_id: set_type for set_type, functional_id in FUNCTIONAL_IDS.items() if set_type != "997"}


def of_technical(ta1: Segment) -> tuple[str, ...]:
    """A TA1 in words."""
    note = ta1.at(5)
    why = f": {_coded('TA105', note)}" if note not in ("", "000") else ""
    named = f"Interchange {ta1.at(1)} (ISA13) that was sent"
    match ta1.at(4):
        case "A":
            said = f"{named}: its envelope was accepted{why}. Nothing to do; nothing is said of what is in it."
        case "E":
            said = f"{named}: accepted, errors noted{why}. Do not send it again; mend the envelope of the next one."
        case "R" if note == USED_BEFORE:
            said = (
                f"{named}: rejected{why}. Ask the receiver which content it has under this number, and send what it "
                "lacks under a new ISA13."
            )
        case "R":
            said = f"{named}: rejected{why}. Nothing in it was taken; correct it and send it again under a new ISA13."
        case other:
            said = f"{named}: {_unknown('TA104', other)}{why}. Ask the receiver what became of it."
    return (said,)


class Meaning(Protocol):
    """Hears the segments of a set, one after the other."""

    def of(self, one: Segment) -> tuple[str, ...]:
        """What this segment says of the document that was sent."""


def of_set(set_type: str, version: str) -> Meaning | None:
    """Who speaks for a set of this kind; None where it is no 999 and no 277CA."""
    if set_type == "999":
        return _GroupMeaning()
    return _ClaimMeaning() if set_type == "277" and is_answer(set_type, version) else None


def _coded(list_name: str, code: str) -> str:
    """A code with its meaning."""
    known = words(list_name, code)
    return f"{known} ({list_name} {code})" if known else _unknown(list_name, code)


def _unknown(name: str, code: str) -> str:
    return f"{name} {code} is a code that is not known here" if code else f"{name} is left out"


def _codes(list_name: str, one: Segment, first: int) -> str:
    """Up to five codes from an element on."""
    return "; ".join(_coded(list_name, one.at(element)) for element in range(first, first + 5) if one.at(element))


# 999


class _GroupMeaning:
    """A 999."""

    def __init__(self) -> None:
        self._group = self._set = self._tag = ""

    def of(self, one: Segment) -> tuple[str, ...]:
        said = self._said(one)
        return (said,) if said else ()

    def _said(self, one: Segment) -> str:
        match one.tag:
            case "AK1":
                self._group = one.at(2)
                kind = _TYPES.get(one.at(1))
                of = f"of {kind} sets" if kind else f"of a kind that is not known here ({one.at(1)})"
                return f"Group {self._group} (GS06) that was sent, {of}."
            case "AK2":
                self._set = one.at(2)
                return f"Set {self._set} (ST02) of that group, of type {one.at(1)}."
            case "IK3":
                self._tag = one.at(1)
                return _segment_error(one)
            case "CTX":
                return _context(one)
            case "IK4":
                return _element_error(self._tag, one)
            case "IK5":
                return _set_verdict(self._set, one)
            case "AK9":
                return _group_verdict(self._group, one)
        return ""


def _segment_error(ik3: Segment) -> str:
    tag, number, code = ik3.at(1), ik3.at(2), ik3.at(4)
    loop = f" in loop {ik3.at(3)}" if ik3.at(3) else ""
    if code in MISSING:
        return f"{tag}{loop}, looked for as segment {number} of the set: {_coded('IK304', code)}."
    return f"Segment {number} of the set, {tag}{loop}: {_coded('IK304', code)}."


def _context(ctx: Segment) -> str:
    name, value = ctx.at(1), ctx.at(1, 2)
    if name == TRIGGER:
        place = _reference(ctx.at(2), ctx, 5)
        return f"What decides about it stands in segment {ctx.at(3)} of the set, {place}."
    unit = _UNITS.get(name, f"what {name} names:")
    return f"It is within {unit} {value}."


def _reference(tag: str, one: Segment, element: int) -> str:
    """The place that a composite of position, component and repetition gives: CLM05-03."""
    position, component, repetition = (one.at(element, each) for each in (1, 2, 3))
    named = Position(tag=tag, element=_ordinal(position), component=_ordinal(component)).reference
    return f"{named}, repetition {repetition}" if _ordinal(repetition) > 1 else named


def _ordinal(text: str) -> int:
    return int(text) if re.fullmatch("[0-9]{1,6}", text) else 0


def _element_error(tag: str, ik4: Segment) -> str:
    value = f'; it held "{ik4.at(4)}"' if ik4.at(4) else ""
    return f"{_reference(tag, ik4, 1)}: {_coded('IK403', ik4.at(3))}{value}."


def _set_verdict(number: str, ik5: Segment) -> str:
    code = ik5.at(1)
    why = _codes("IK502", ik5, 2)
    because = f": {why}" if why else ""
    match category("IK501", code):
        case "accepted":
            return f"Set {number} was accepted{because}. Nothing to do; nothing is said of what is decided about it."
        case "accepted_with_errors":
            return f"Set {number} was accepted, errors noted{because}. Do not send it again; mend it for the next time."
        case "rejected":
            said = words("IK501", code)
            return (
                f"Set {number} was {said}{because}. Nothing in it was taken; correct it and send it again under new "
                "control numbers."
            )
    return f"Set {number}: {_unknown('IK501', code)}{because}. Ask the receiver what became of it."


def _group_verdict(group: str, ak9: Segment) -> str:
    code = ak9.at(1)
    why = _codes("AK905", ak9, 5)
    because = f": {why}" if why else ""
    counted = f"{ak9.at(4)} of {ak9.at(3)} sets accepted"
    match category("IK501", code):
        case "accepted":
            return f"Group {group} was accepted{because}; {counted}. Nothing to do."
        case "accepted_with_errors":
            return f"Group {group} was accepted, errors noted{because}; {counted}. Do not send it again."
        case "partial":
            return (
                f"Group {group} was accepted in part{because}; {counted}. Correct the rejected sets and send them "
                "again under new control numbers, without the accepted ones."
            )
        case "rejected":
            said = words("IK501", code)
            return (
                f"Group {group} was {said}{because}; {counted}. Correct it and send it again under new control numbers."
            )
    return f"Group {group}: {_unknown('AK901', code)}{because}; {counted}. Ask the receiver what became of it."


# 277CA


@dataclass(slots=True)
class _Level:
    """Where in a 277CA a status stands: HL03, the trace of the level, its name, and whether it is about a line."""

    code: str = ""
    trace: str = ""
    name: str = ""
    in_line: bool = False

    @property
    def subject(self) -> str:
        match self.code:
            case "21":
                return f"Batch {self.trace} (BHT03)" if self.trace else "The batch"
            case "19":
                return (
                    f"The claims of billing provider {self.name}" if self.name else "The claims of a billing provider"
                )
            case "PT":
                claim = f"laim {self.trace} (CLM01)"
                return f"A line of c{claim}" if self.in_line else f"C{claim}"
        return "The document that was sent"


class _ClaimMeaning:
    """A 277CA."""

    def __init__(self) -> None:
        self._level = _Level()

    def of(self, one: Segment) -> tuple[str, ...]:
        level = self._level
        match one.tag:
            case "HL":
                self._level = _Level(code=one.at(3))
            case "NM1":
                level.name = one.at(9) or one.at(3)
            case "TRN":
                level.trace, level.in_line = one.at(2), False
            case "SVC":
                level.in_line = True
            case "STC":
                return (_status(level, one),)
            case "REF" if one.at(1) == "1K":
                return (f"The payer's number of claim {level.trace} is {one.at(2)}.",)
            case "REF" if one.at(1) == "FJ":
                return (f"The line is {one.at(2)} (REF*6R) of claim {level.trace}.",)
        return ()


def _status(level: _Level, stc: Segment) -> str:
    statuses = "; ".join(_status_words(stc, element) for element in (1, 10, 11) if stc.at(element))
    message = f' "{stc.at(12)}"' if stc.at(12) else ""
    return f"{level.subject}: {statuses}.{message} {_next(level, stc)}"


def _status_words(stc: Segment, element: int) -> str:
    """Category in words; the status by its number, unless a list here has it; the entity that it is about."""
    status = words("claim_status", stc.at(element, 2))
    number = f"status {stc.at(element, 2)}"
    entity = f" about entity {stc.at(element, 3)}" if stc.at(element, 3) else ""
    known = words("claim_status_category", stc.at(element))
    said = f"{known} ({stc.at(element)})" if known else _unknown("category", stc.at(element))
    return f"{said}, {f'{status} ({number})' if status else number}{entity}"


def _next(level: _Level, stc: Segment) -> str:
    """What the codes ask for: STC03 where it stands, and the category of STC01."""
    action = {"WQ": "accepted", "U": "rejected"}.get(stc.at(3), "")
    by_category = category("claim_status_category", stc.at(1))
    if action and by_category in ("accepted", "rejected") and by_category != action:
        return f"STC03 says {action}, which contradicts it; ask the payer which holds."
    verdict = action or by_category
    if verdict == "rejected":
        if level.in_line:
            return "It is among what the claim was rejected for."
        if level.code == "PT":
            return "The claim did not come into adjudication; correct it and send it again."
        return "None of these claims came into adjudication; correct them and send them again."
    if verdict == "accepted":
        if level.code == "21":
            return "Nothing to do; each claim is spoken of by itself."
        return "Nothing to do; nothing is said of payment."
    return "That does not say whether it was taken; ask the payer."
