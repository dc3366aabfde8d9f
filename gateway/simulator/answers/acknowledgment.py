"""The 999 (005010X231A1): which sets of a group were taken, and what was wrong with the others."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.simulator.strict import Fault
from gateway.simulator.wire import Group, Segment, Set, at, composite


@dataclass(frozen=True, slots=True)
class Verdict:
    """One set of the group: taken where there is no IK502 code."""

    body: Set
    codes: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()


def acknowledge(group: Group, verdicts: Sequence[Verdict], group_codes: Sequence[str]) -> list[Segment]:
    """The body of a 999; where the group itself is refused its sets are not gone into."""
    gs = group.header
    body: list[Segment] = [("AK1", at(gs, 1), at(gs, 6), at(gs, 8))]
    for verdict in verdicts:
        st = verdict.body.segments[0]
        body.append(("AK2", verdict.body.type, verdict.body.control_number, at(st, 3)))
        for fault in verdict.faults:
            body += _error(fault)
        body.append(("IK5", "R" if verdict.codes else "A", *verdict.codes[:5]))
    taken = sum(not verdict.codes for verdict in verdicts)
    told = at(group.trailer or (), 1)
    included = told if told.isdigit() else str(len(group.sets))
    outcome = "A" if taken == len(group.sets) else "P" if taken else "R"
    body.append(("AK9", outcome, included, str(len(group.sets)), str(taken), *group_codes[:5]))
    return body


def _error(fault: Fault) -> list[Segment]:
    segments: list[Segment] = [("IK3", fault.tag, str(fault.segment), fault.loop[:4], fault.code)]
    name, value = fault.about
    if name:
        segments.append(("CTX", composite(name, value)))
    if fault.element:
        place = composite(str(fault.element), str(fault.component) if fault.component else "")
        segments.append(("IK4", place, fault.data_element, fault.element_code))
    return segments
