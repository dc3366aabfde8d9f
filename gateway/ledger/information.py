"""What a payer asks for while a request is pended, named by its codes: HCR03, PWK01 and LOINC, and where to send it.

It never repeats what the payer wrote in words (MSG): that may name the patient, and stays with the document.
"""

import re
from collections.abc import Iterator

from gateway.domain.decision import ASKED_FOR, EventDecision, Review, ServiceDecision
from gateway.errors import Finding
from gateway.ledger import worklists
from gateway.ledger.verdicts import in_words, task

INFORMATION = "information_requested"
_LOINC = re.compile(r"[0-9]{1,7}-[0-9]")
_REPORT = re.compile(r"[0-9A-Z]{2}")
_DIGITS = re.compile(r"[0-9]{7,15}")


def asked_for(said: EventDecision | ServiceDecision) -> tuple[str, ...]:
    """The documents and data that one level asks for, by code, each once."""
    return tuple(dict.fromkeys([*_reports(said), *_loincs(said)]))


def asks(event: EventDecision) -> Finding:
    """The task of a request that waits for information: everything that the event and its lines ask for."""
    levels: list[EventDecision | ServiceDecision] = [event, *event.lines]
    reasons = worklists.load().information
    wanted = [
        f"HCR03 {in_words('hcr03', code)}"
        for each in levels
        for code in (each.review or Review(code="")).reasons
        if code in reasons
    ]
    wanted += [name for each in levels for name in asked_for(each)]
    if any(each.message for each in levels):
        wanted.append("and what its message says (MSG, in the answer itself)")
    named = ", ".join(dict.fromkeys(wanted))
    fix = "Send it under the payer's reference: a revision with this request as earlier_ref, or as the payer wants it"
    return task(f"the payer waits for more information: {named}", f"{fix}{_place(event)}", "$", rule=INFORMATION)


def _reports(said: EventDecision | ServiceDecision) -> Iterator[str]:
    for each in said.attachments:
        code = each.report_type if _REPORT.fullmatch(each.report_type) else "?"
        yield f"PWK01 {in_words('attachment_report', code)}"


def _loincs(said: EventDecision | ServiceDecision) -> Iterator[str]:
    for each in said.codes:
        if each.qualifier == ASKED_FOR:
            yield f"LOINC {in_words('loinc', each.code if _LOINC.fullmatch(each.code) else '?')}"


def _place(event: EventDecision) -> str:
    if event.contact is None:
        return ""
    numbers = (("fax", event.contact.fax), ("phone", event.contact.phone))
    known = [f"{kind} {number}" for kind, number in numbers if _DIGITS.fullmatch(number)]
    return f" ({', '.join(known)})" if known else ""
