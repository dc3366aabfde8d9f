"""Looks at what the simulator sends with code that it does not share: pyx12 as it is, and sums over split text."""

import io
import logging
from decimal import Decimal

import pyx12.params
import pyx12.x12n_document


def pyx12_refusal(*documents: str) -> str:
    """What pyx12's own validation says of documents that it refuses; "" where it takes them all.

    They are looked at as one, sorted by guide, because pyx12 loads a guide anew whenever the next group needs another.
    """
    interchanges = [f"ISA*00*{each}" for text in documents for each in text.split("ISA*00*")[1:]]
    whole = "".join(_renumbered(each, count) for count, each in enumerate(sorted(interchanges, key=_guide), 1))
    answer = io.StringIO()
    logging.disable(logging.CRITICAL)  # It logs every fault; the answer holds them.
    try:
        good = pyx12.x12n_document.x12n_document(pyx12.params.params(), io.StringIO(whole), None, None, fd_json=answer)
    finally:
        logging.disable(logging.NOTSET)
    return "" if good else answer.getvalue() or "refused without a word"


def _renumbered(document: str, number: int) -> str:
    """Another ISA13, as pyx12 wants none twice in one file; an IEA02 that differed still does."""
    head, was, body = document[:90], document[90:99], document[99:]
    return f"{head}{number:09}{body.replace(f'*{was}~', f'*{number:09}~')}"


def _guide(document: str) -> str:
    return next((row[1] for row in segments(document, "GS")), "")


def segments(document: str, *tags: str) -> list[list[str]]:
    found = [text.strip().split("*") for text in document.split("~") if text.strip()]
    return [each for each in found if not tags or each[0] in tags]


def value(text: str) -> Decimal:
    return Decimal(text or "0")


def imbalances(document: str) -> list[str]:
    """Every 835 balance that does not hold: by line, by claim, and of the whole payment (005010X221A1, 1.10.2)."""
    wrong: list[str] = []
    payments = [each for each in document.split("ISA*00*") if "~ST*835*" in each]
    rows = [row for each in payments for row in segments(each)]
    claim_adjusted = line_adjusted = paid_in_all = kept = Decimal(0)
    clp: list[str] = []
    svc: list[str] = []

    def end_line() -> None:
        nonlocal svc, line_adjusted
        if svc and value(svc[2]) - line_adjusted != value(svc[3]):
            wrong.append("line " + "*".join(svc))
        svc, line_adjusted = [], Decimal(0)

    def end_claim() -> None:
        nonlocal clp, claim_adjusted
        end_line()
        if clp and value(clp[3]) - claim_adjusted != value(clp[4]):
            wrong.append("claim " + "*".join(clp))
        clp, claim_adjusted = [], Decimal(0)

    bpr: list[str] = []
    for row in rows:
        match row[0]:
            case "BPR":
                bpr = row
                paid_in_all = kept = Decimal(0)
            case "CLP":
                end_claim()
                clp = row
                paid_in_all += value(row[4])
            case "SVC":
                end_line()
                svc = row
            case "CAS":
                amount = sum((value(each) for each in row[3::3]), Decimal(0))
                claim_adjusted += amount
                line_adjusted += amount
            case "PLB":
                kept += sum((value(each) for each in row[4::2]), Decimal(0))
            case "SE":
                end_claim()
                if bpr and (paid_in_all - kept != value(bpr[2]) or value(bpr[2]) < 0):
                    wrong.append("payment " + "*".join(bpr))
                bpr = []
    return wrong
