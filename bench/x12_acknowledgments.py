"""Made-up acknowledgments: 277CA 005010X214 over claims, 999 005010X231A1 over sets.

Their totals are those of what they acknowledge.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from x12_cast import CLINICS, DISCIPLINES, PAYERS, Cast, Segment, Service, money, wire

CLAIM_STATUS_VERSION, IMPLEMENTATION_VERSION = "005010X214", "005010X231A1"
CLAIMS_OF_PROVIDER = (5, 40)
REJECTIONS = (("A7", "562", "85"), ("A7", "252", ""), ("A6", "48", ""), ("A3", "33", ""))  # X12 lists 507, 508, 98

SETS = (("837", "HC", "005010X222A1"), ("278", "HI", "005010X217"), ("835", "HP", "005010X221A1"))
SEGMENT_ERRORS = (("NM1", "", "3"), ("CLM", "2300", "8"), ("SV1", "2400", "8"), ("REF", "2300", "5"))  # IK301, 303, 304
ELEMENT_ERRORS: tuple[tuple[str | tuple[str, ...], str, str], ...] = (
    ("2", "782", "1"),
    ("1", "1028", "6"),
    ("9", "67", "5"),
    (("5", "1"), "1331", "7"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A claim that was looked at; ``status`` is () where it was accepted."""

    services: list[Service]
    status: tuple[str, ...]

    @property
    def charge(self) -> int:
        return sum(each.charge for each in self.services)


def claim_status_set(cast: Cast, control_number: str, claims: int) -> Iterator[Segment]:
    """A 277CA over so many claims, without its SE."""
    providers: list[list[Judged]] = []
    while claims:
        here = min(claims, cast.number(*CLAIMS_OF_PROVIDER))
        providers.append([_judged(cast) for _ in range(here)])
        claims -= here
    payer, payer_id = cast.one(PAYERS)
    levels = count(1)
    source, receiver = str(next(levels)), str(next(levels))
    yield "ST", "277", control_number, CLAIM_STATUS_VERSION
    yield "BHT", "0085", "08", f"CA{cast.serial():08}", "20260311", "0800", "TH"
    yield "HL", source, "", "20", "1"
    yield "NM1", "PR", "2", payer, "", "", "", "", "PI", payer_id
    yield "TRN", "1", f"SRC{cast.serial():08}"
    yield "DTP", "050", "D8", "20260310"
    yield "DTP", "009", "D8", "20260311"
    yield "HL", receiver, source, "21", "1"
    yield "NM1", "41", "2", "EXAMPLE BILLING", "", "", "", "", "46", "EXB01"
    yield "TRN", "2", f"CB{cast.serial():011}"
    everything = [claim for each in providers for claim in each]
    yield "STC", ("A1", "19", "PR"), "20260311", "WQ", money(sum(claim.charge for claim in everything))
    yield from _totals(everything, "90", "AA")
    for each in providers:
        yield from _status_of_provider(cast, levels, receiver, each)


def _judged(cast: Cast) -> Judged:
    status = cast.one(REJECTIONS) if cast.happens(0.15) else ()
    return Judged(services=cast.services(cast.one(DISCIPLINES)), status=status)


def _totals(claims: list[Judged], accepted: str, rejected: str) -> Iterator[Segment]:
    """QTY and AMT of what was accepted and rejected; a count of nothing is not sent."""
    parts = [(accepted, "YU", [each for each in claims if not each.status])]
    parts.append((rejected, "YY", [each for each in claims if each.status]))
    for qualifier, _, of in parts:
        if of:
            yield "QTY", qualifier, str(len(of))
    for _, qualifier, of in parts:
        if of:
            yield "AMT", qualifier, money(sum(each.charge for each in of))


def _status_of_provider(cast: Cast, levels: Iterator[int], receiver: str, claims: list[Judged]) -> Iterator[Segment]:
    provider = str(next(levels))
    yield "HL", provider, receiver, "19", "1"
    yield "NM1", "85", "2", cast.one(CLINICS), "", "", "", "", "XX", cast.npi()
    yield "TRN", "1", f"PRV{cast.serial():08}"
    yield "STC", ("A1", "19"), "", "WQ", money(sum(each.charge for each in claims))
    yield from _totals(claims, "QA", "QC")
    while claims:
        here = 2 if cast.happens(0.1) else 1
        yield "HL", str(next(levels)), provider, "PT"
        yield "NM1", "QC", "1", *cast.person(), "", "", "MI", cast.member_id()
        for claim in claims[:here]:
            yield from _status_of_claim(cast, claim)
        claims = claims[here:]


def _status_of_claim(cast: Cast, claim: Judged) -> Iterator[Segment]:
    number = f"CL{cast.serial():011}"
    day = wire(claim.services[0].day)
    yield "TRN", "2", number
    if claim.status:
        second = ("A8", "48") if cast.happens(0.2) else ""
        status = tuple(part for part in claim.status if part)
        yield "STC", status, "20260311", "U", money(claim.charge), *("",) * 5, second
    else:
        yield "STC", ("A2", "20", "PR"), "20260311", "WQ", money(claim.charge)
        yield "REF", "1K", f"PAYERCLAIM{cast.digits(8)}"
    yield "REF", "D9", f"HOUSE{cast.digits(11)}"
    if cast.happens(0.2):
        yield "DTP", "472", "RD8", f"{day}-{day}"
    else:
        yield "DTP", "472", "D8", day
    if claim.status and cast.happens(0.5):
        for ordinal, service in enumerate(claim.services, 1):
            yield "SVC", service.procedure, money(service.charge), "", "", "", "", str(service.units)
            yield "STC", claim.status[:2], "20260311", "U"
            yield "REF", "FJ", f"{number}{ordinal:02}"
            yield "DTP", "472", "D8", wire(service.day)


def implementation_set(cast: Cast, control_number: str, sets: int) -> Iterator[Segment]:
    """A 999 over a group of so many sets, without its SE."""
    kind, group, version = cast.one(SETS)
    yield "ST", "999", control_number, IMPLEMENTATION_VERSION
    yield "AK1", group, str(cast.serial()), version
    rejected = 0
    for number in range(1, sets + 1):
        yield "AK2", kind, f"{number:04}", version
        bad = cast.happens(0.3)
        rejected += bad
        for _ in range(cast.number(1, 3) if bad else 0):
            yield from _error(cast)
        yield ("IK5", "R", "5") if bad else ("IK5", "A")
    verdict = "A" if not rejected else "R" if rejected == sets else "P"
    yield "AK9", verdict, str(sets), str(sets), str(sets - rejected)


def _error(cast: Cast) -> Iterator[Segment]:
    tag, loop, code = cast.one(SEGMENT_ERRORS)
    yield "IK3", tag, str(cast.number(3, 90_000)), loop, code
    if cast.happens(0.2):
        yield "CTX", "SITUATIONAL TRIGGER", "CLM", str(cast.number(20, 90_000)), "", ("5", "3")
    elif code == "8" and cast.happens(0.5):
        yield "CTX", ("PATIENT NAME NM109", cast.member_id())
    for element, reference, error in cast.some(ELEMENT_ERRORS, 2) if code == "8" else ():
        yield "IK4", element, reference, error
