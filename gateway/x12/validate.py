"""Examines a document: envelopes and, set by set, the guide. Holds one set in memory, and answers nobody.

What is wrong comes as findings beside the set they are about; only bytes that cannot be read further raise.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from gateway.errors import Finding, Severity
from gateway.x12 import guide
from gateway.x12.envelope import InterchangeHeader, TechnicalAcknowledgment, TransactionSet, unwrap
from gateway.x12.guide import SegmentGuide
from gateway.x12.tree import Loop

# GS01 of the sets that meet here, X12 data element 479.
FUNCTIONAL_IDS = {
    "270": "HS",
    "271": "HB",
    "275": "PI",
    "276": "HR",
    "277": "HN",
    "278": "HI",
    "820": "RA",
    "834": "BE",
    "835": "HP",
    "837": "HC",
    "997": "FA",
    "999": "FA",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A set and all that is wrong with it. ``guide`` is "" and ``root`` None where there is no guide for it.

    ``names`` has an entry for each segment of the set: its place in the guide, None where it has none.
    """

    set: TransactionSet
    guide: str
    root: Loop | None
    findings: tuple[Finding, ...]
    names: tuple[SegmentGuide | None, ...]


def examine(chunks: Iterable[bytes]) -> Iterator[InterchangeHeader | TechnicalAcknowledgment | Examined | Finding]:
    """The parts of a document, each set held against its guide.

    Raises MalformedInterchange where the document cannot be read further, after all that could be.
    """
    for part in unwrap(chunks):
        yield examine_set(part) if isinstance(part, TransactionSet) else part


def examine_set(one: TransactionSet) -> Examined:
    """A set held against its guide."""
    beginning = next((each for each in one.segments if each.tag == "BHT"), None)
    purpose = beginning.at(2) if beginning else ""
    implementation = one.segments[0].at(3)
    name = guide.guide_name(one.type, one.version, purpose) or guide.guide_name(one.type, implementation, purpose)
    findings = [*one.findings, *_check_names(one)]
    if name is None:
        findings.append(_no_guide(one))
        nothing = (None,) * len(one.segments)
        return Examined(set=one, guide="", root=None, findings=tuple(findings), names=nothing)
    walked = guide.load(name).walk(one.segments, one.place)
    findings += walked.findings
    return Examined(set=one, guide=name, root=walked.root, findings=tuple(findings), names=walked.guides)


def _check_names(one: TransactionSet) -> Iterator[Finding]:
    """Whether GS01, GS08 and ST03 say the same of the set. Many senders get them wrong, so these are warnings."""
    if one.group is None:
        return
    header = one.segments[0]
    expected = FUNCTIONAL_IDS.get(one.type, one.group.functional_id)
    if one.group.functional_id != expected:
        yield Finding(
            rule="x12.group.functional_id",
            severity=Severity.WARN,
            what=f"the group is not one for sets of type {one.type}",
            fix=f"Send GS01 as {expected}",
            where=replace(one.place, set="", tag="GS", element=1),
            source="X12 data element 479",
        )
    if header.at(3) and header.at(3) != one.group.version:
        yield Finding(
            rule="x12.set.version",
            severity=Severity.WARN,
            what="ST03 and GS08 name different implementation guides",
            fix="Send the same version in both",
            where=replace(one.place, segment=1, tag="ST", element=3, offset=header.offset),
            source="X12.6",
            codes={"IK502": "I6"},
        )


def _no_guide(one: TransactionSet) -> Finding:
    known = guide.knows_type(one.type)
    what = (
        "there is no guide here for this version of the set" if known else "there is no guide here for this type of set"
    )
    return Finding(
        rule="x12.set.unsupported",
        severity=Severity.NOT_EVALUATED,
        what=f"{what}, so only its envelope was checked",
        fix="Ask the sender for a version that is exchanged here, or look at the set by hand",
        where=replace(one.place, segment=1, tag="ST", element=3 if known else 1, offset=one.segments[0].offset),
        source="X12 data element 718",
        codes={"IK502": "I6" if known else "1"},
    )
