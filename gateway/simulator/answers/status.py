"""The 277CA (005010X214): which claims of a batch went into adjudication, and why the others did not.

It fills the loops that strict readers ask for beyond the official examples: 2200C at the provider, 2220D at the lines
of a rejected claim.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from gateway.simulator.adjudication import person
from gateway.simulator.company import Company
from gateway.simulator.documents import Batch, BilledClaim, money
from gateway.simulator.wire import Segment, at, composite, parts


@dataclass(frozen=True, slots=True)
class Receipt:
    """One claim: ``rejection`` is the claim status code (list 508) of category A7, "" where it was accepted."""

    claim: BilledClaim
    number: str  # REF*1K
    rejection: str = ""


def report(batch: Batch, receipts: Sequence[Receipt], company: Company, now: datetime, number: int) -> list[Segment]:
    """The body of the set, from BHT on. ``number`` makes BHT03 and the traces of this company unique."""
    today = f"{now:%Y%m%d}"
    payer = batch.claims[0].payer
    submitter = batch.submitter
    total = sum(each.claim.charge for each in receipts)
    body: list[Segment] = [
        ("BHT", "0085", "08", f"{number:09}", today, f"{now:%H%M}", "TH"),
        ("HL", "1", "", "20", "1"),
        ("NM1", "PR", "2", at(payer, 3) or company.name, "", "", "", "", "PI", at(payer, 9)),
        ("TRN", "1", company.token("R", str(number))),
        ("DTP", "050", "D8", today),
        ("DTP", "009", "D8", today),
        ("HL", "2", "1", "21", "1"),
        ("NM1", "41", *(at(submitter, element) for element in (2, 3, 4, 5)), "", "", "46", at(submitter, 9)),
        ("TRN", "2", batch.reference),
        ("STC", composite("A1", "19", "PR"), today, "WQ", money(total)),
        *_totals(receipts, "90", "AA"),
    ]
    level = 2
    for payee, group in groupby(receipts, key=lambda each: each.claim.payee):
        level += 1
        own = list(group)
        provider = level
        body += [
            ("HL", str(provider), "2", "19", "1"),
            payee[:10],
            ("TRN", "1", company.token("R", str(number), str(provider))),
            ("STC", composite("A1", "19", "PR"), "", "WQ", money(sum(each.claim.charge for each in own))),
            *_totals(own, "QA", "QC"),
        ]
        for receipt in own:
            level += 1
            body.append(("HL", str(level), str(provider), "PT"))
            body += _claim(receipt, today)
    return body


def _totals(receipts: Sequence[Receipt], accepted: str, rejected: str) -> list[Segment]:
    taken = [each.claim.charge for each in receipts if not each.rejection]
    refused = [each.claim.charge for each in receipts if each.rejection]
    counts: list[Segment] = []
    amounts: list[Segment] = []
    for charges, count, amount in ((taken, accepted, "YU"), (refused, rejected, "YY")):
        if charges:
            counts.append(("QTY", count, str(len(charges))))
            amounts.append(("AMT", amount, money(sum(charges))))
    return counts + amounts


def _claim(receipt: Receipt, today: str) -> list[Segment]:
    claim = receipt.claim
    verdict = ("A7", receipt.rejection) if receipt.rejection else ("A2", "20", "PR")
    action = "U" if receipt.rejection else "WQ"
    begin, end = claim.dates
    body: list[Segment] = [
        person("QC", claim.patient, claim.member_id),
        ("TRN", "2", claim.number),
        ("STC", composite(*verdict), today, action, money(claim.charge)),
    ]
    if not receipt.rejection:
        body.append(("REF", "1K", receipt.number))
    if claim.clearinghouse_trace:
        body.append(("REF", "D9", claim.clearinghouse_trace))
    body.append(("DTP", "472", "D8", begin) if begin == end else ("DTP", "472", "RD8", f"{begin}-{end}"))
    if receipt.rejection:
        for line in claim.lines:
            procedure = composite(*parts(line.procedure)[:6])
            body.append(("SVC", procedure, money(line.charge), "", "", "", "", line.units))
            body.append(("STC", composite(*verdict), today, "U"))
            if line.control_number:
                body.append(("REF", "FJ", line.control_number))
            both = line.served_on == line.served_to
            span = line.served_on if both else f"{line.served_on}-{line.served_to}"
            body.append(("DTP", "472", "D8" if both else "RD8", span))
    return body
