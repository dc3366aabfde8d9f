"""Made-up 837P sets, 005010X222A1: therapy claims with dependents, other payers, referrals and certifications.

Lines sum to their claim; what another payer paid and adjusted sums to the charge. Sets come segment by segment.
"""

from collections.abc import Iterator
from itertools import count

from x12_cast import (
    CLINICS,
    DIAGNOSES,
    DISCIPLINES,
    FILING_INDICATORS,
    HOSPITALS,
    PAYERS,
    PLACES_OF_SERVICE,
    Cast,
    Discipline,
    Segment,
    Service,
    money,
    wire,
)

VERSION = "005010X222A1"
CLAIMS_OF_PROVIDER = (20, 60)


def claims_set(cast: Cast, control_number: str, claims: int) -> Iterator[Segment]:
    """A set of so many claims, without its SE."""
    yield "ST", "837", control_number, VERSION
    yield "BHT", "0019", "00", f"CB{cast.serial():09}", "20260310", "1730", "CH"
    yield "NM1", "41", "2", "EXAMPLE BILLING", "", "", "", "", "46", "EXB01"
    yield "PER", "IC", "ANN CLERK", "TE", cast.phone(), "EM", "ann@billing.example"
    yield "NM1", "40", "2", "EXAMPLE CLEARINGHOUSE", "", "", "", "", "46", "EXH01"
    levels = count(1)
    while claims:
        here = min(claims, cast.number(*CLAIMS_OF_PROVIDER))
        yield from _provider(cast, levels, here)
        claims -= here


def _provider(cast: Cast, levels: Iterator[int], claims: int) -> Iterator[Segment]:
    discipline = cast.one(DISCIPLINES)
    level = str(next(levels))
    yield "HL", level, "", "20", "1"
    yield "PRV", "BI", "PXC", discipline.taxonomy
    yield "NM1", "85", "2", cast.one(CLINICS), "", "", "", "", "XX", cast.npi()
    yield from cast.address()
    yield "REF", "EI", cast.digits(9)
    if cast.happens(0.5):
        yield "PER", "IC", "BILLING OFFICE", "TE", cast.phone()
    if cast.happens(0.2):
        yield "NM1", "87", "2"
        yield from cast.address()
    while claims:
        here = min(claims, cast.number(1, 3) if cast.happens(0.1) else 1)
        yield from _patient(cast, levels, level, discipline, here)
        claims -= here


def _patient(
    cast: Cast, levels: Iterator[int], provider: str, discipline: Discipline, claims: int
) -> Iterator[Segment]:
    dependent = cast.happens(0.2)
    subscriber = str(next(levels))
    last, first, middle = cast.person()
    payer, payer_id = cast.one(PAYERS)
    indicator = cast.one(FILING_INDICATORS)
    group = f"GRP{cast.digits(5)}"
    yield "HL", subscriber, provider, "22", "1" if dependent else "0"
    yield "SBR", "P", "" if dependent else "18", group, "", "", "", "", "", indicator
    yield "NM1", "IL", "1", last, first, middle, "", "", "MI", cast.member_id()
    if not dependent:
        yield from cast.address()
        yield "DMG", "D8", cast.birthday(), cast.one("FM")
    yield "NM1", "PR", "2", payer, "", "", "", "", "PI", payer_id
    if dependent:
        yield "HL", str(next(levels)), subscriber, "23", "0"
        yield "PAT", cast.one(("01", "19", "G8"))
        yield "NM1", "QC", "1", last, cast.one(("TIM", "MIA", "PAUL"))
        yield from cast.address()
        yield "DMG", "D8", cast.birthday(), cast.one("FMU")
    for _ in range(claims):
        yield from _claim(cast, discipline)


def _claim(cast: Cast, discipline: Discipline) -> Iterator[Segment]:
    lines = cast.services(discipline)
    charge = sum(line.charge for line in lines)
    number = f"CL{cast.serial():011}"
    place, frequency = cast.one(PLACES_OF_SERVICE), "7" if cast.happens(0.05) else "1"
    accident = ("AA", "", "", cast.one(("IL", "OH", "TX"))) if cast.happens(0.05) else ""
    signature = "P" if cast.happens(0.2) else ""
    yield "CLM", number, money(charge), "", "", (place, "B", frequency), "Y", "A", "Y", "Y", signature, accident
    if cast.happens(0.4):
        yield "DTP", "431", "D8", wire(cast.before(lines[0].day))
    if cast.happens(0.3):
        yield "DTP", "454", "D8", wire(cast.before(lines[0].day))
    if accident:
        yield "DTP", "439", "D8", wire(cast.before(lines[0].day))
    if cast.happens(0.05):
        yield "PWK", "09", "FX", "", "", "AC", f"NOTE{cast.digits(6)}"
    if cast.happens(0.1):
        yield "AMT", "F5", money(2000)
    if cast.happens(0.2):
        yield "REF", "9F", f"REFERRAL{cast.digits(4)}"
    if cast.happens(0.6):
        yield "REF", "G1", f"CERT{cast.digits(7)}"
    if frequency == "7":
        yield "REF", "F8", f"PAYERCLAIM{cast.digits(6)}"
    yield "REF", "D9", f"HOUSE{cast.digits(11)}"
    if cast.happens(0.05):
        yield "NTE", "ADD", "PLAN OF CARE IS ON FILE"
    diagnoses = cast.some(DIAGNOSES, 4)
    yield "HI", *(("ABF" if place else "ABK", code) for place, code in enumerate(diagnoses))
    yield from _providers(cast, discipline)
    other_payer, by_line = cast.happens(0.15), cast.happens(0.5)
    if other_payer:
        yield from _other_payer(cast, lines, by_line=by_line)
    yield from _lines(cast, number, lines, len(diagnoses), other_payer=other_payer and by_line)


def _lines(cast: Cast, number: str, lines: list[Service], diagnoses: int, *, other_payer: bool) -> Iterator[Segment]:
    for ordinal, line in enumerate(lines, 1):
        yield "LX", str(ordinal)
        pointers = tuple(str(each) for each in range(1, cast.number(1, diagnoses) + 1))
        yield "SV1", line.procedure, money(line.charge), "UN", str(line.units), "", "", pointers
        yield "DTP", "472", "D8", wire(line.day)
        if cast.happens(0.05):
            yield "REF", "G1", f"CERT{cast.digits(7)}"
        yield "REF", "6R", f"{number}{ordinal:02}"
        if cast.happens(0.03):
            yield "NM1", "DK", "1", *cast.person()[:2], "", "", "", "XX", cast.npi()
        if other_payer:
            yield from _line_of_other_payer(line)


def _providers(cast: Cast, discipline: Discipline) -> Iterator[Segment]:
    if cast.happens(0.4):
        yield "NM1", "DN", "1", *cast.person(), "", "", "XX", cast.npi()
    yield "NM1", "82", "1", *cast.person(), "", "", "XX", cast.npi()
    yield "PRV", "PE", "PXC", discipline.taxonomy
    if cast.happens(0.15):
        yield "NM1", "77", "2", cast.one(HOSPITALS), "", "", "", "", "XX", cast.npi()
        yield from cast.address()


def _share(charge: int) -> tuple[int, int, int]:
    """What another payer allowed not, left to the patient, and paid."""
    contractual, patient = charge * 3 // 10, charge // 10
    return contractual, patient, charge - contractual - patient


def _other_payer(cast: Cast, lines: list[Service], *, by_line: bool) -> Iterator[Segment]:
    """Loop 2320; its amounts stand here, or by line in 2430."""
    shares = [_share(line.charge) for line in lines]
    yield "SBR", "S", "18", "", "", "", "", "", "", "CI"
    if not by_line:
        yield "CAS", "CO", "45", money(sum(each[0] for each in shares))
        yield "CAS", "PR", "2", money(sum(each[1] for each in shares))
    yield "AMT", "D", money(sum(each[2] for each in shares))
    if cast.happens(0.3):
        yield "AMT", "EAF", money(sum(each[1] for each in shares))
    yield "OI", "", "", "Y", "", "", "Y"
    last, first, middle = cast.person()
    yield "NM1", "IL", "1", last, first, middle, "", "", "MI", cast.member_id()
    yield "NM1", "PR", "2", "FIRST PLAN", "", "", "", "", "PI", "EX009"
    if not by_line:
        yield "DTP", "573", "D8", "20260215"


def _line_of_other_payer(line: Service) -> Iterator[Segment]:
    contractual, patient, paid = _share(line.charge)
    yield "SVD", "EX009", money(paid), line.procedure, "", str(line.units)
    yield "CAS", "CO", "45", money(contractual)
    yield "CAS", "PR", "2", money(patient)
    yield "DTP", "573", "D8", "20260215"
