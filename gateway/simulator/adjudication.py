"""Adjudicates claims: what is paid of each line, what is adjusted and why, in whole cents.

A settlement is the claim's part of an 835 (CLP to the last LQ) as plain segments: that is what is kept, sent, and
later reversed. Every settlement balances by line and by claim before it leaves this module.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.simulator.company import Company
from gateway.simulator.documents import BilledClaim, BilledLine, cents, money
from gateway.simulator.scenarios import Payment, Scenario
from gateway.simulator.wire import Segment, at, codes, composite, parts

Settlement = tuple[Segment, ...]

REVERSAL = "22"
FILINGS = codes("12 13 14 15 16 17 AM CH DS HM LM MA MB MC OF TV VA WC ZZ")  # CLP06
DENIALS = {"197": "M62", "50": "N115"}  # CARC and the RARC that goes with it
UNITS_DENIED, UNITS_REMARK = "151", "N362"


@dataclass(frozen=True, slots=True)
class Adjustment:
    group: str
    reason: str
    amount: int


@dataclass(frozen=True, slots=True)
class SettledLine:
    """One line as decided. ``units`` are those paid for; amounts are cents."""

    billed: BilledLine
    paid: int
    units: str
    adjustments: tuple[Adjustment, ...]
    remark: str = ""

    @property
    def allowed(self) -> int:
        return self.paid + sum(each.amount for each in self.adjustments if each.group == "PR")


def claim_number(claim: BilledClaim, company: Company) -> str:
    """What this company calls a claim (REF*1K, CLP07)."""
    return company.token("C", claim.number, claim.frequency)


def settle(claim: BilledClaim, scenario: Scenario, company: Company, *, authorized: bool) -> list[Settlement]:
    """The claim's settlement, and for a claim to be corrected later, the corrected one behind it.

    ``authorized``: False where the member has a certification and the claim names none.
    """
    payment = scenario.payment if authorized else Payment.D197
    number = claim_number(claim, company)
    match payment:
        case Payment.D197:
            return [_settlement(claim, number, "4", [_denied(line, "197") for line in claim.lines], company)]
        case Payment.DENY50:
            return [_settlement(claim, number, "1", [_denied(line, "50") for line in claim.lines], company)]
        case Payment.PART:
            return [_settlement(claim, number, "1", _in_part(claim, company), company)]
    paid = _settlement(claim, number, "1", _paid(claim, company, company.allowed_percent), company)
    if payment is not Payment.REV:
        return [paid]
    if scenario.odd:  # Too little at first.
        low = _paid(claim, company, company.allowed_percent * 3 // 4)
        return [_settlement(claim, number, "1", low, company), paid]
    *kept, last = claim.lines
    lines = [*_paid(claim, company, company.allowed_percent)[: len(kept)], _denied(last, "50")]
    return [paid, _settlement(claim, number, "1", lines, company)]


def _paid(claim: BilledClaim, company: Company, percent: int) -> list[SettledLine]:
    """Every line at the contract's rate; the patient's share is a copay on the first line, or coinsurance on each."""
    copay = company.token("", claim.member_id)[0] < "I"  # About one member in three: what a plan pays is the plan's.
    lines = []
    for place, line in enumerate(claim.lines):
        lines.append(_allowed(line, line.charge * percent // 100, company, copay=copay, first=not place))
    return lines


def _allowed(
    line: BilledLine,
    allowed: int,
    company: Company,
    *,
    copay: bool = False,
    first: bool = False,
    units: str = "",
    cut: tuple[Adjustment, ...] = (),
    remark: str = "",
) -> SettledLine:
    if copay:
        share = Adjustment("PR", "3", min(company.copay_cents, allowed) if first else 0)
    else:
        share = Adjustment("PR", "2", allowed * company.coinsurance_percent // 100)
    contractual = Adjustment("CO", "45", line.charge - allowed - sum(each.amount for each in cut))
    adjustments = tuple(each for each in (contractual, *cut, share) if each.amount)
    return SettledLine(line, allowed - share.amount, units or line.units, adjustments, remark)


def _denied(line: BilledLine, reason: str) -> SettledLine:
    adjustments = (Adjustment("CO", reason, line.charge),) if line.charge else ()
    return SettledLine(line, 0, "0", adjustments, DENIALS[reason])


def _in_part(claim: BilledClaim, company: Company) -> list[SettledLine]:
    """The first line paid, the others denied; of a single line, one unit less; of a single unit, half (CARC 59)."""
    first, *others = claim.lines
    rate = company.allowed_percent
    if others:
        return [_allowed(first, first.charge * rate // 100, company), *(_denied(line, "50") for line in others)]
    if cents(first.units) > 100:
        cut = first.charge * 100 // cents(first.units)
        less = (Adjustment("CO", UNITS_DENIED, cut),)
        units = money(cents(first.units) - 100)
        return [
            _allowed(first, (first.charge - cut) * rate // 100, company, units=units, cut=less, remark=UNITS_REMARK)
        ]
    cut = first.charge * rate // 100 // 2
    return [_allowed(first, first.charge * rate // 100 - cut, company, cut=(Adjustment("CO", "59", cut),))]


def _settlement(
    claim: BilledClaim, number: str, status: str, lines: Sequence[SettledLine], company: Company
) -> Settlement:
    paid = sum(line.paid for line in lines)
    adjusted = [each for line in lines for each in line.adjustments]
    share = sum(each.amount for each in adjusted if each.group == "PR")
    assert all(line.billed.charge - sum(each.amount for each in line.adjustments) == line.paid for line in lines)
    assert claim.charge - sum(each.amount for each in adjusted) == paid, "strict has compared the sums"
    filing = claim.filing if claim.filing in FILINGS else "12"
    amounts = (money(claim.charge), money(paid), money(share) if share else "")
    body: list[Segment] = [
        ("CLP", claim.number, status, *amounts, filing, number, claim.place_of_service, claim.frequency),
        person("QC", claim.patient, claim.member_id),
    ]
    if claim.patient != claim.subscriber:
        body.append(person("IL", claim.subscriber, claim.member_id))
    if claim.rendering and at(claim.rendering, 9):
        body.append(claim.rendering[:10])
    if claim.authorization:
        body.append(("REF", "G1", claim.authorization))
    for line in lines:
        body += _service(line)
    return tuple(body)


def person(entity: str, name: Segment, member_id: str) -> Segment:
    """An NM1 of a person under the member id of the contract."""
    return ("NM1", entity, at(name, 2), *(at(name, element) for element in (3, 4, 5)), "", at(name, 7), "MI", member_id)


def _service(line: SettledLine) -> list[Segment]:
    billed = line.billed
    changed = billed.units if cents(line.units) != cents(billed.units) else ""
    body: list[Segment] = [
        (
            "SVC",
            composite(*parts(billed.procedure)[:6]),
            money(billed.charge),
            money(line.paid),
            "",
            line.units,
            "",
            changed,
        ),
    ]
    if billed.served_on == billed.served_to:
        body.append(("DTM", "472", billed.served_on))
    else:
        body += [("DTM", "150", billed.served_on), ("DTM", "151", billed.served_to)]
    for group in dict.fromkeys(each.group for each in line.adjustments):
        trios = [(each.reason, money(each.amount), "") for each in line.adjustments if each.group == group]
        body.append(("CAS", group, *(value for trio in trios for value in trio)))
    if billed.control_number:
        body.append(("REF", "6R", billed.control_number))
    if line.allowed:
        body.append(("AMT", "B6", money(line.allowed)))
    if line.remark:
        body.append(("LQ", "HE", line.remark))
    return body


NEGATED = {"CLP": (3, 4), "SVC": (2, 3, 5, 7), "CAS": tuple(range(3, 20)), "AMT": (2,)}
REASONS = (5, 8, 11, 14, 17)  # Elements of a CAS that are codes, not amounts.


def reverse(settlement: Settlement) -> Settlement:
    """The same claim taken back: CLP02 22, amounts and quantities negated, no patient responsibility."""
    taken_back: list[Segment] = []
    for segment in settlement:
        elements = list(segment)
        for element in NEGATED.get(segment[0], ()):
            if at(segment, element) and not (segment[0] == "CAS" and element in REASONS):
                elements[element] = money(-cents(elements[element]))
        if segment[0] == "CLP":
            elements[2], elements[5] = REVERSAL, ""
        taken_back.append(tuple(elements))
    return tuple(taken_back)


def paid_amount(settlements: Iterable[Settlement]) -> int:
    """The sum of CLP04, in cents."""
    return sum(cents(at(each[0], 4)) for each in settlements)
