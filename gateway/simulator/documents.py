"""What a partner sent, sorted into the few things that this company acts on: requests for review, and claims.

Reads sets that ``strict`` has found whole. It keeps plain segments for echoing and decides nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from gateway.simulator.wire import AGAIN, PART, Segment, Set, at, parts

Numbered = tuple[int, Segment]  # A segment and its place in the set, ST being 1.


@dataclass(frozen=True, slots=True)
class Level:
    """One HL and all segments up to the next HL."""

    id: str
    parent: str
    code: str
    child: str
    segments: tuple[Numbered, ...]


@dataclass(frozen=True, slots=True)
class AskedLine:
    """One service of a request (2000F), as plain segments."""

    traces: tuple[Segment, ...]
    dates: tuple[Segment, ...]
    service: Segment | None
    delivery: Segment | None


@dataclass(frozen=True, slots=True)
class Request:
    """A 278 request: who asks whom for what, for whom. ``trace`` is TRN02 of the event, or BHT03 where it has none."""

    reference: str
    status: str  # BHT06: RU for a reservation
    payer: Segment
    requester: Segment
    requester_more: tuple[Segment, ...]
    subscriber: Segment
    subscriber_more: tuple[Segment, ...]
    dependent: Segment | None
    dependent_more: tuple[Segment, ...]
    traces: tuple[Segment, ...]
    review: Segment  # UM
    previous_number: str
    administrative_reference: str
    dates: tuple[Segment, ...]
    diagnoses: Segment | None
    delivery: Segment | None
    providers: tuple[Segment, ...]
    lines: tuple[AskedLine, ...]

    @property
    def trace(self) -> str:
        return next((at(each, 2) for each in self.traces), self.reference)

    @property
    def member_id(self) -> str:
        return at(self.subscriber, 9)

    @property
    def kind(self) -> str:
        """UM02: I initial, 4 extension, R renewal, S revision, 3 cancel."""
        return at(self.review, 2)


@dataclass(frozen=True, slots=True)
class BilledLine:
    """One service line (2400). ``charge`` is cents; days are CCYYMMDD as sent, the same twice for a single one."""

    control_number: str
    procedure: str  # SV101 as sent
    charge: int
    measure: str
    units: str
    served_on: str
    served_to: str


@dataclass(frozen=True, slots=True)
class BilledClaim:
    """One claim (2300) with whom it is about. ``charge`` is cents; ``place`` the number of the CLM in its set."""

    place: int
    number: str
    charge: int
    place_of_service: str
    frequency: str
    authorization: str  # REF*G1 of the claim, else the first one of its lines
    original: str  # REF*F8
    clearinghouse_trace: str  # REF*D9
    filing: str
    payer: Segment
    payee: Segment  # NM1*85
    payee_tax_id: str
    rendering: Segment | None
    subscriber: Segment
    patient: Segment
    lines: tuple[BilledLine, ...]

    @property
    def member_id(self) -> str:
        return at(self.subscriber, 9)

    @property
    def dates(self) -> tuple[str, str]:
        """The first and the last day of service."""
        return min(line.served_on for line in self.lines), max(line.served_to for line in self.lines)


@dataclass(frozen=True, slots=True)
class Batch:
    """An 837P set: who handed it in, under which reference (BHT03), and its claims."""

    reference: str
    submitter: Segment
    claims: tuple[BilledClaim, ...]


def levels(body: Set) -> tuple[tuple[Numbered, ...], tuple[Level, ...]]:
    """The segments before the first HL, and the levels."""
    header: list[Numbered] = []
    found: list[list[Numbered]] = []
    for number, segment in enumerate(body.segments, 1):
        if segment[0] == "HL":
            found.append([])
        (found[-1] if found else header).append((number, segment))
    return tuple(header), tuple(
        Level(at(each[0][1], 1), at(each[0][1], 2), at(each[0][1], 3), at(each[0][1], 4), tuple(each)) for each in found
    )


def first(segments: Iterable[Numbered], tag: str, qualifier: str = "") -> Segment | None:
    """The first segment of a tag, and of a qualifier in its first element."""
    return next((each for _, each in segments if each[0] == tag and at(each, 1).startswith(qualifier)), None)


def every(segments: Iterable[Numbered], tag: str) -> tuple[Segment, ...]:
    return tuple(each for _, each in segments if each[0] == tag)


def cents(text: str) -> int:
    """An amount or quantity of X12 as hundredths; ValueError where it is none or has a finer fraction."""
    whole, _, fraction = text.removeprefix("-").partition(".")
    if not (whole + fraction).isascii() or not (whole + fraction).isdigit() or len(fraction.rstrip("0")) > 2:
        raise ValueError("not an amount in cents")
    amount = int(whole or "0") * 100 + int((fraction + "00")[:2])
    return -amount if text.startswith("-") else amount


def money(amount: int) -> str:
    """Cents as X12 writes amounts: no leading or trailing zeros that say nothing."""
    text = f"{abs(amount) // 100}.{abs(amount) % 100:02}".rstrip("0").rstrip(".")
    return f"-{text}" if amount < 0 else text


def day(text: str) -> date:
    """CCYYMMDD as a date; ValueError where it is none."""
    if len(text) != 8 or not text.isdigit():
        raise ValueError("not a date")
    return datetime.strptime(text, "%Y%m%d").date()


def request(body: Set) -> Request:
    """The one request of a 278 set."""
    header, tree = levels(body)
    bht = first(header, "BHT") or ()
    by_code = {level.code: level for level in reversed(tree)}
    payer, requester, subscriber, event = (by_code[code].segments for code in ("20", "21", "22", "EV"))
    dependent = by_code["23"].segments if "23" in by_code else ()
    previous, administrative = first(event, "REF", "BB"), first(event, "REF", "NT")
    return Request(
        reference=at(bht, 3),
        status=at(bht, 6),
        payer=first(payer, "NM1") or (),
        requester=first(requester, "NM1") or (),
        requester_more=every(requester, "REF"),
        subscriber=first(subscriber, "NM1") or (),
        subscriber_more=every(subscriber, "DMG"),
        dependent=first(dependent, "NM1"),
        dependent_more=every(dependent, "DMG") + every(dependent, "INS"),
        traces=every(event, "TRN"),
        review=first(event, "UM") or (),
        previous_number=at(previous or (), 2),
        administrative_reference=at(administrative or (), 2),
        dates=every(event, "DTP"),
        diagnoses=first(event, "HI"),
        delivery=first(event, "HSD"),
        providers=every(event, "NM1"),
        lines=tuple(
            AskedLine(
                traces=every(level.segments, "TRN"),
                dates=every(level.segments, "DTP"),
                service=next((each for _, each in level.segments if each[0] in ("SV1", "SV2", "SV3")), None),
                delivery=first(level.segments, "HSD"),
            )
            for level in tree
            if level.code == "SS"
        ),
    )


def batch(body: Set) -> Batch:
    """All claims of an 837P set, in order."""
    header, tree = levels(body)
    claims: list[BilledClaim] = []
    billing: Sequence[Numbered] = ()
    subscriber: Sequence[Numbered] = ()
    for level in tree:
        cut = next((at for at, (_, each) in enumerate(level.segments) if each[0] == "CLM"), len(level.segments))
        who, claimed = level.segments[:cut], level.segments[cut:]
        if level.code == "20":
            billing = who
        elif level.code == "22":
            subscriber = who
        claims += [_claim(each, billing, subscriber, who) for each in split(claimed, "CLM")]
    return Batch(
        reference=at(first(header, "BHT") or (), 3),
        submitter=first(header, "NM1", "41") or (),
        claims=tuple(claims),
    )


def split(segments: Sequence[Numbered], tag: str) -> list[list[Numbered]]:
    """Runs of segments that each begin with a tag; what stands before the first is left out."""
    runs: list[list[Numbered]] = []
    for each in segments:
        if each[1][0] == tag:
            runs.append([])
        if runs:
            runs[-1].append(each)
    return runs


def claim_head(claim: Sequence[Numbered]) -> list[Numbered]:
    """A claim's own segments, without its lines."""
    cut = next((at for at, (_, each) in enumerate(claim) if each[0] == "LX"), len(claim))
    return list(claim[:cut])


def _claim(
    claim: Sequence[Numbered], billing: Sequence[Numbered], subscriber: Sequence[Numbered], who: Sequence[Numbered]
) -> BilledClaim:
    head = claim_head(claim)
    clm = head[0][1]
    location = [*parts(at(clm, 5)), "", "", ""]
    insured = first(subscriber, "NM1", "IL") or ()
    own = [each for each in head if each[0] < _other_payer(head)]
    tax_id = first(billing, "REF", "EI") or first(billing, "REF", "SY") or ()
    return BilledClaim(
        place=head[0][0],
        number=at(clm, 1),
        charge=cents(at(clm, 2)),
        place_of_service=location[0],
        frequency=location[2],
        authorization=at(first(own, "REF", "G1") or first(claim, "REF", "G1") or (), 2),
        original=at(first(own, "REF", "F8") or (), 2),
        clearinghouse_trace=at(first(own, "REF", "D9") or (), 2),
        filing=at(first(subscriber, "SBR") or (), 9),
        payer=first(subscriber, "NM1", "PR") or (),
        payee=first(billing, "NM1", "85") or (),
        payee_tax_id=at(tax_id, 2),
        rendering=first(own, "NM1", "82"),
        subscriber=insured,
        patient=first(who, "NM1", "QC") or insured,
        lines=tuple(_line(each) for each in split(claim, "LX")),
    )


def _other_payer(head: Sequence[Numbered]) -> int:
    """Where loop 2320 begins (its SBR): what follows is another payer's."""
    return next((number for number, each in head if each[0] == "SBR"), head[-1][0] + 1)


def _line(line: Sequence[Numbered]) -> BilledLine:
    service = first(line, "SV1") or ()
    served = at(first(line, "DTP", "472") or (), 3).split("-")
    return BilledLine(
        control_number=at(first(line, "REF", "6R") or (), 2),
        procedure=at(service, 1).split(AGAIN)[0].rstrip(PART),
        charge=cents(at(service, 2)),
        measure=at(service, 3),
        units=at(service, 4),
        served_on=served[0],
        served_to=served[-1],
    )
