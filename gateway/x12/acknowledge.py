"""Answers a received interchange: its TA1, and a 999 (005010X231A1) for each of its groups, from what examining found.

It knows no partner, no clock and no map, decides nothing that the findings do not say, and never answers an answer: a
TA1, a 999, a 997 or a 277CA brings nothing about. It holds what goes back, never the document.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.errors import Finding, GatewayError, Position, Severity
from gateway.x12.batch import Batch
from gateway.x12.codes import meaning
from gateway.x12.envelope import open_document
from gateway.x12.headers import (
    GroupHeader,
    InterchangeHeader,
    SetBody,
    SetHeader,
    TechnicalAcknowledgment,
    TransactionSet,
)
from gateway.x12.nodes import SegmentNode
from gateway.x12.set_acknowledgment import CODES_MAX, SetJudge, SetVerdict, Stretch, judge_set
from gateway.x12.table import Place
from gateway.x12.tree import STANDARD, Delimiters, Segment, segment
from gateway.x12.validate import FUNCTIONAL_IDS, Checking, Examined
from gateway.x12.wrapping import wrap

VERSION = "005010X231A1"
NO_ERROR, WRONG_STRUCTURE, CUT_SHORT, WRONG_CONTENT = "000", "022", "023", "024"  # TA105
_LOST = (WRONG_STRUCTURE, CUT_SHORT)  # Something may not have been read: the sender must send all of it again.
_COUNT_MAX = 999_999  # X12 data elements 97, 123 and 2

# AK101 as the guide lists it. A group of another kind cannot be named in a 999; the TA1 says so.
FUNCTIONAL_IDS_ANSWERED = frozenset({"BE", "HB", "HC", "HI", "HN", "HP", "HR", "HS", "RA"})
_ANSWERS = frozenset({"997", "999"})
_CLAIM_ACKNOWLEDGMENTS = frozenset({"005010X214", "005010X364"})  # Versions of the 277 that are a 277CA.


def is_answer(set_type: str, version: str) -> bool:
    """Whether a set acknowledges another, and so is not acknowledged itself."""
    return set_type in _ANSWERS or (set_type == "277" and version in _CLAIM_ACKNOWLEDGMENTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupAcknowledged:
    """The 999 about one group. ``code`` is AK901 (A, E, P, R); ``segments`` stand between ST and SE."""

    group: GroupHeader
    code: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """What there is to say of one interchange. ``code`` is TA104 (A, E, R), ``note`` TA105.

    A rejected interchange has no groups: nothing in it counts. ``is_answered`` is False where it holds nothing but
    answers itself, so that nothing may be sent about it.
    """

    header: InterchangeHeader
    code: str
    note: str
    groups: tuple[GroupAcknowledged, ...] = ()
    is_answered: bool = True

    @property
    def technical(self) -> Segment:
        """The TA1. A date that could not be read is sent as zeros: the receiver finds the interchange by its number."""
        created = self.header.created
        day, clock = (f"{created:%y%m%d}", f"{created:%H%M}") if created else ("000000", "0000")
        return segment("TA1", self.header.control_number, day, clock, self.code, self.note)

    def rejected(self, note: str) -> "Acknowledged":
        """The same interchange, refused as a whole for this TA105."""
        return replace(self, code="R", note=note, groups=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A set that went by, with who heard what is wrong with it; ``is_known`` where there is a guide for it."""

    set: SetHeader
    judge: SetJudge
    is_known: bool


@dataclass(slots=True)
class _Group:
    header: GroupHeader
    verdicts: list[SetVerdict] = field(default_factory=list)
    taken: bool = False  # A set of it was said to be worked on.
    answers: int = 0
    codes: list[str] = field(default_factory=list)  # AK905 to AK909
    blocked: bool = False
    included: str = ""  # GE01 where it is not the number of sets


class Acknowledger:
    """Takes the parts of a document, each set examined or judged, and gives what to say of each interchange at its end.

    ``marks`` are the delimiters of what will be sent: a value that holds one of them is not repeated.
    """

    def __init__(self, marks: Delimiters = STANDARD) -> None:
        self._marks = marks
        self._header: InterchangeHeader | None = None
        self._groups: list[_Group] = []
        self._notes: dict[str, bool] = {}  # TA105, and whether it rejects
        self._technical_answers = self._sets = self._answers = 0  # TA1, sets, and those that acknowledge

    def take(
        self,
        part: InterchangeHeader | TechnicalAcknowledgment | Examined | Judged | Finding,
        *,
        taken: bool | None = None,
        refused: str = "",
    ) -> Iterator[Acknowledged]:
        """The interchange that this part shows to be over, if any. ``taken`` and ``refused`` are about a set: whether
        it is worked on in spite of its findings, and the IK502 for which it is not."""
        if isinstance(part, InterchangeHeader):
            yield from self.end()
            self._header = part
        elif isinstance(part, TechnicalAcknowledgment):
            self._technical_answers += 1
        elif isinstance(part, Examined):
            self._take_set(part.set, judge_set(part, taken=taken, refused=refused, marks=self._marks), bool(taken))
        elif isinstance(part, Judged):
            verdict = part.judge.verdict(judged=part.is_known, taken=taken, refused=refused)
            self._take_set(part.set, verdict, bool(taken))
        else:
            self._take_finding(part)

    def end(self, error: GatewayError | None = None) -> Iterator[Acknowledged]:
        """The last interchange; ``error`` is what ended the reading of it, None where it was read to its end."""
        header = self._header
        if header is None:
            return
        if error is not None and isinstance(error.where, Position) and error.where.segment:
            self._note(CUT_SHORT, rejects=True)  # Without a segment it is about what follows the interchange.
        groups = [each for each in self._groups if each.answers < len(each.verdicts)]
        named = [each for each in groups if _nameable(each.header, self._marks)]
        if len(named) < len(groups):
            self._note(WRONG_CONTENT, rejects=not named)
        code, note = self._technical()
        yield Acknowledged(
            header=header,
            code=code,
            note=note,
            groups=() if code == "R" else tuple(_acknowledge(each) for each in named),
            is_answered=self._answers < self._sets or not self._technical_answers + self._answers,
        )
        self._header = None
        self._groups, self._notes = [], {}
        self._technical_answers = self._sets = self._answers = 0

    def _technical(self) -> tuple[str, str]:
        """TA104 and the first TA105 of the weightiest kind. What is worked on is not rejected, unless parts of it may
        have been lost."""
        taken = any(each.taken for each in self._groups)
        rejecting = [note for note, rejects in self._notes.items() if rejects and (note in _LOST or not taken)]
        if rejecting:
            return "R", rejecting[0]
        return ("E", next(iter(self._notes))) if self._notes else ("A", NO_ERROR)

    def _take_set(self, one: SetHeader | TransactionSet, verdict: SetVerdict, taken: bool) -> None:
        answers = is_answer(one.type, one.version)
        self._sets += 1
        self._answers += answers
        header = one.group
        if header is None:
            self._note(WRONG_STRUCTURE, rejects=True)
            return
        if not self._groups or self._groups[-1].header != header:
            self._groups.append(_Group(header))
        group = self._groups[-1]
        group.answers += answers
        group.taken = group.taken or taken
        group.verdicts.append(verdict)

    def _take_finding(self, finding: Finding) -> None:
        codes = finding.codes or {}
        rejects = finding.severity is Severity.BLOCK
        where = finding.where if isinstance(finding.where, Position) else Position()
        if meaning("TA105", codes.get("TA105", "")):
            self._note(codes["TA105"], rejects=rejects)
        elif meaning("AK905", codes.get("AK905", "")):
            group = self._groups[-1] if self._groups else None
            if group is None or group.header.control_number != where.group:
                self._note(WRONG_CONTENT, rejects=rejects)  # A group without a set has no 999 to say it in.
                return
            group.codes += [codes["AK905"]] * (codes["AK905"] not in group.codes)
            group.blocked = group.blocked or rejects
            group.included = codes.get("AK902", group.included)
        elif rejects:
            self._note(WRONG_STRUCTURE, rejects=True)  # A trailer without its header, or a set outside of any group.

    def _note(self, note: str, *, rejects: bool) -> None:
        self._notes[note] = self._notes.get(note, False) or rejects


def _nameable(group: GroupHeader, marks: Delimiters) -> bool:
    own = {marks.element, marks.component, marks.repetition, marks.terminator}
    return (
        group.functional_id in FUNCTIONAL_IDS_ANSWERED
        and bool(re.fullmatch("[0-9]{1,9}", group.control_number))
        and bool(re.fullmatch("[!-~]{1,12}", group.version))
        and own.isdisjoint(group.version)
    )


def _acknowledge(group: _Group) -> GroupAcknowledged:
    """AK1 to AK9. A group that is rejected for itself shows only the sets that are wrong, too: the others are fine."""
    verdicts = group.verdicts
    rejected = group.blocked and not group.taken
    accepted = 0 if rejected else sum(each.accepted for each in verdicts)
    if not accepted:
        code = "R"
    elif accepted < len(verdicts):
        code = "P"
    else:
        code = "E" if group.codes or any(each.code == "E" for each in verdicts) else "A"
    shown = [each for each in verdicts if not (rejected and each.accepted)]
    header = group.header
    received = min(len(verdicts), _COUNT_MAX)
    included = group.included if re.fullmatch("[0-9]{1,6}", group.included) else str(received)
    body = [segment("AK1", header.functional_id, header.control_number, header.version)]
    for each in shown:
        body += each.segments
    counts = (included, str(received), str(min(accepted, _COUNT_MAX)))
    body.append(segment("AK9", code, *counts, *group.codes[:CODES_MAX]))
    return GroupAcknowledged(group=header, code=code, segments=tuple(body))


class Judging(Checking):
    """Judges a set while it goes by, whatever its length."""

    def __init__(self, header: SetHeader, marks: Delimiters) -> None:
        super().__init__(header)
        self._judge = SetJudge(header.type, header.control_number, header.st.at(3), marks)
        self._next = 1

    def _keep(self, batch: Batch, start: int, stop: int) -> None:
        super()._keep(batch, start, stop)
        if self._next == 1:
            self._header_segment()
        known = self._guide is not None
        trail = [each.place if each else None for each in self._trail] if known else [None] * (stop - start)
        self._hear(trail, lambda index: batch.segment(start + index))

    def _header_segment(self) -> None:
        """ST, with what is wrong with it and with the set as a whole; what follows may be found already and waits."""
        found = list(self._drain())
        self._early = [each for each in found if isinstance(each.where, Position) and each.where.segment > 1]
        here = [each for each in found if each not in self._early]
        self._hear([self._start], lambda index: self._header.st, here)

    def _hear(
        self,
        trail: Sequence[Place | None],
        segment_at: Callable[[int], Segment],
        found: Sequence[Finding] | None = None,
    ) -> None:
        stretch = Stretch(first=self._next, trail=trail, seen=_seen, node=_node, segment=segment_at)
        self._judge.take(stretch, list(self._drain()) if found is None else found)
        self._next += len(trail)

    def ready(self) -> Iterable[Judged]:
        """Nothing before the end."""
        return ()

    def end(self, se: Segment | None, findings: Sequence[Finding]) -> Iterable[Judged]:
        """The set, for a verdict."""
        self._finish(se)
        self._early += findings
        if self._next == 1:
            self._header_segment()
        if se is not None:
            self._hear([self._guide.compiled.end if self._guide else None], lambda index: se)
        else:
            self._hear([], lambda index: self._header.st)
        yield Judged(set=self._header, judge=self._judge, is_known=self._guide is not None)


def _seen(place: Place) -> tuple[str, str]:
    return place.node.tag, place.path


def _node(place: Place) -> SegmentNode:
    return place.node


def acknowledge(chunks: Iterable[bytes], marks: Delimiters = STANDARD) -> Iterator[Acknowledged]:
    """What there is to say of each interchange of a document, by its findings alone; in constant memory.

    Raises nothing: what cannot be read further rejects the interchange that it is in.
    """
    acknowledger = Acknowledger(marks)
    try:
        for part in open_document(chunks, lambda header: Judging(header, marks)):
            if isinstance(part, InterchangeHeader | TechnicalAcknowledgment | Judged | Finding):
                yield from acknowledger.take(part)
    except GatewayError as error:
        yield from acknowledger.end(error)
        return
    yield from acknowledger.end()


def answer(
    chunks: Iterable[bytes], *, at: datetime, control_number: int = 1, ta1: bool = True, groups: bool = True
) -> bytes:
    """For ``--ack``: an interchange for each one of the document that wants an answer, with its TA1 and its 999,
    addressed to whoever sent it. Control numbers count from ``control_number``; b"" where nothing is answered.

    Raises GatewayError where an id of the received envelope cannot stand in another.
    """
    answered = b""
    for one in acknowledge(chunks):
        if one.is_answered and (ta1 or (groups and one.groups)):
            header = _back(one.header, control_number, at)
            answered += enclose(one, header, at=at, group_number=control_number, ta1=ta1, groups=groups)
            control_number += 1
    return answered


def enclose(
    one: Acknowledged,
    header: InterchangeHeader,
    *,
    at: datetime,
    group_number: int,
    ta1: bool = True,
    groups: bool = True,
    sender: str = "",
    receiver: str = "",
) -> bytes:
    """The interchange under this header: the TA1 before the groups, all 999 in one group.

    ``sender`` and ``receiver`` are GS02 and GS03; left out, those of the first answered group change places.
    """
    bodies = [
        SetBody(type="999", control_number=f"{number:04}", version=VERSION, segments=each.segments)
        for number, each in enumerate(one.groups if groups else (), 1)
    ]
    enclosed = []
    if bodies:
        first = one.groups[0].group
        functional = GroupHeader(
            functional_id=FUNCTIONAL_IDS["999"],
            sender=sender or _application(first.receiver, header.sender),
            receiver=receiver or _application(first.sender, header.receiver),
            created=at,
            control_number=str(group_number),
            version=VERSION,
        )
        enclosed.append((functional, bodies))
    return wrap(header, enclosed, (one.technical,) if ta1 else ())


def _application(text: str, fallback: str) -> str:
    return text if 2 <= len(text) <= 15 else fallback


def _back(received: InterchangeHeader, number: int, at: datetime) -> InterchangeHeader:
    return InterchangeHeader(
        sender_qualifier=received.receiver_qualifier,
        sender=received.receiver,
        receiver_qualifier=received.sender_qualifier,
        receiver=received.sender,
        created=at,
        control_number=f"{number:09}",
        usage=received.usage if received.usage in ("T", "P") else "T",
    )
