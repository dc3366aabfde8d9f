"""Made-up 835 sets, 005010X221A1: payments, denials, reversals and provider adjustments of therapy claims.

They balance to the cent: charge less adjustments is the payment, line by line and claim by claim, and the claims'
payments less the provider's adjustments are the amount of the transfer (X221, 1.10.2).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from x12_cast import CLINICS, DISCIPLINES, PAYERS, Cast, Segment, Service, money, wire

VERSION = "005010X221A1"
CONTRACTUAL = ("45", "59", "253", "97", "119")
DENIALS = (("197", "N54"), ("198", "N362"), ("96", "N130"), ("16", "MA130"), ("151", "N362"), ("50", "M25"))
PATIENT = ("1", "2", "3")
CLAIM_REMARKS = ("MA01", "MA18", "N19", "MA07")


Adjustment = tuple[str, tuple[tuple[str, int], ...]]  # CAS01, and a CARC with cents for each of its trios.


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjudicated:
    """A service with what was adjusted; ``remark`` is a RARC or ""."""

    service: Service
    adjustments: tuple[Adjustment, ...]
    remark: str

    @property
    def paid(self) -> int:
        return self.service.charge - sum(cents for _, reasons in self.adjustments for _, cents in reasons)

    @property
    def patient(self) -> int:
        return sum(cents for group, reasons in self.adjustments if group == "PR" for _, cents in reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """A claim with its lines; ``sign`` is -1 for a reversal; ``whole`` is adjusted by the claim and on no line."""

    lines: tuple[Adjudicated, ...]
    sign: int
    whole: int

    @property
    def charge(self) -> int:
        return sum(line.service.charge for line in self.lines)

    @property
    def paid(self) -> int:
        return sum(line.paid for line in self.lines) - self.whole

    @property
    def patient(self) -> int:
        return sum(line.patient for line in self.lines)

    @property
    def status(self) -> str:
        if self.sign < 0:
            return "22"
        return "1" if self.paid or self.patient else "4"


def remittance_set(cast: Cast, control_number: str, claims: int) -> Iterator[Segment]:
    """A set that pays so many claims, without its SE. Holds their amounts, for the total stands before them."""
    paid = [_adjudicated(cast) for _ in range(claims)]
    payee = cast.npi()
    total = sum(each.sign * each.paid for each in paid)
    adjustments = _provider_adjustments(cast, total)
    yield "ST", "835", control_number
    yield from _transfer(cast, total - sum(cents for _, cents in adjustments))
    yield from _parties(cast, payee)
    yield "LX", "1"
    for each in paid:
        yield from _claim(cast, each)
    if adjustments:
        pairs = [((reason, f"ADJ{cast.serial():07}"), money(cents)) for reason, cents in adjustments]
        yield "PLB", payee, "20261231", *(part for pair in pairs for part in pair)


def _adjudicated(cast: Cast) -> Paid:
    denied = cast.happens(0.08)
    lines = tuple(_line(cast, service, denied=denied) for service in cast.services(cast.one(DISCIPLINES)))
    whole = sum(line.paid for line in lines) // 50 if cast.happens(0.05) else 0
    return Paid(lines=lines, sign=-1 if cast.happens(0.03) else 1, whole=whole)


def _line(cast: Cast, service: Service, *, denied: bool) -> Adjudicated:
    if denied or cast.happens(0.05):
        reason, remark = cast.one(DENIALS)
        return Adjudicated(service=service, adjustments=(("CO", ((reason, service.charge),)),), remark=remark)
    above = service.charge * cast.number(10, 40) // 100
    groups: list[Adjustment] = [("CO", ((cast.one(CONTRACTUAL), above),))]
    if cast.happens(0.2):
        groups = [("CO", (("45", above - above // 4), ("253", above // 4)))]
    left = service.charge - above
    share = min(left, cast.one((0, 1500, 2000, left // 5)))
    if share and cast.happens(0.1):
        groups.append(("PR", (("1", share // 2), ("2", share - share // 2))))
    elif share:
        groups.append(("PR", ((cast.one(PATIENT), share),)))
    if cast.happens(0.03):
        groups.append(("OA", (("23", (left - share) // 2),)))
    return Adjudicated(service=service, adjustments=tuple(groups), remark="N19" if cast.happens(0.05) else "")


def _provider_adjustments(cast: Cast, total: int) -> list[tuple[str, int]]:
    """PLB reasons and cents; positive ones take money away. The transfer is never below nothing."""
    if total < 0:
        return [("FB", total)]  # The rest is carried forward.
    adjustments = [("L6", -cast.number(1, 500))] if cast.happens(0.4) else []
    if cast.happens(0.4):
        adjustments.append(("WO", min(total, cast.number(500, 9000))))
    return adjustments


def _transfer(cast: Cast, amount: int) -> Iterator[Segment]:
    if amount:
        ours, theirs = ("01", "111000025", "DA", "123456789", "1555555555"), ("01", "999999992", "DA", "98765432")
        yield "BPR", "I", money(amount), "C", "ACH", "CCP", *ours, "", *theirs, "20260401"
    else:
        yield "BPR", "H", "0", "C", "NON", *("",) * 11, "20260401"
    yield "TRN", "1", f"EFT{cast.serial():09}", "1555555555"
    yield "REF", "EV", "EXAMPLECLINIC"
    yield "DTM", "405", "20260331"


def _parties(cast: Cast, payee: str) -> Iterator[Segment]:
    payer, payer_id = cast.one(PAYERS)
    yield "N1", "PR", payer
    yield from cast.address()
    yield "REF", "2U", payer_id
    yield "PER", "CX", "CLAIMS", "TE", cast.phone(), "EX", cast.digits(3)
    yield "PER", "BL", "PROVIDER HELP", "TE", cast.phone(), "EM", "help@payer.example"
    yield "N1", "PE", cast.one(CLINICS), "XX", payee
    yield from cast.address()
    yield "REF", "TJ", cast.digits(9)


def _claim(cast: Cast, claim: Paid) -> Iterator[Segment]:
    number = f"CL{cast.serial():011}"
    amounts = (money(claim.sign * claim.charge), money(claim.sign * claim.paid))
    patient = money(claim.patient) if claim.patient and claim.sign > 0 else ""
    kind, place = cast.one(("12", "13", "HM", "MB", "MC")), cast.one(("11", "11", "22"))
    yield "CLP", number, claim.status, *amounts, patient, kind, f"PAYERCLAIM{cast.digits(8)}", place, "1"
    if claim.whole:
        yield "CAS", "CO", "253", money(claim.sign * claim.whole)
    yield "NM1", "QC", "1", *cast.person(), "", "", "MI", cast.member_id()
    if cast.happens(0.15):
        yield "NM1", "IL", "1", *cast.person(), "", "", "MI", cast.member_id()
    yield "NM1", "82", "1", *cast.person(), "", "", "XX", cast.npi()
    if cast.happens(0.15):
        yield "MOA", "", "", *cast.some(CLAIM_REMARKS, 2)
    if cast.happens(0.3):
        yield "REF", "1L", f"GRP{cast.digits(5)}"
    if cast.happens(0.5):
        yield "REF", "G1", f"CERT{cast.digits(7)}"
    day = wire(claim.lines[0].service.day)
    if cast.happens(0.5):
        yield "DTM", "232", day
        yield "DTM", "233", day
    yield "DTM", "050", "20260312"
    if cast.happens(0.2):
        yield "PER", "CX", "CLAIMS", "TE", cast.phone()
    if claim.sign > 0:
        yield "AMT", "AU", money(claim.charge - sum(_above(line) for line in claim.lines))
    for ordinal, line in enumerate(claim.lines, 1):
        yield from _paid_line(cast, claim, line, f"{number}{ordinal:02}")


def _paid_line(cast: Cast, claim: Paid, line: Adjudicated, control_number: str) -> Iterator[Segment]:
    service, sign = line.service, claim.sign
    units = str(service.units) if service.units > 1 else ""
    yield "SVC", service.procedure, money(sign * service.charge), money(sign * line.paid), "", units
    yield "DTM", "472", wire(service.day)
    for group, reasons in line.adjustments:
        trios = [(reason, money(sign * cents), "") for reason, cents in reasons if cents]
        if trios:
            yield "CAS", group, *(part for trio in trios for part in trio)
    yield "REF", "6R", control_number
    if cast.happens(0.1):
        yield "REF", "0K", f"POLICY{cast.digits(3)}"
    if sign > 0:
        yield "AMT", "B6", money(service.charge - _above(line))
    if line.remark:
        yield "LQ", "HE", line.remark


def _above(line: Adjudicated) -> int:
    """What was not allowed: the contractual part."""
    return sum(cents for group, reasons in line.adjustments if group == "CO" for _, cents in reasons)
