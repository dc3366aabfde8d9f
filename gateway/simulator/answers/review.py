"""The 278 response (005010X217): a ruling on one request, or the place where the request is wrong."""

from datetime import datetime

from gateway.simulator.company import Company
from gateway.simulator.decisions import LineRuling, Ruling
from gateway.simulator.documents import Request
from gateway.simulator.wire import Segment, at, codes, composite, parts

ECHOED_DATES = ("439", "484", "ABC", "431", "435", "096")  # Event dates that say nothing of the certification.
PROVIDERS = codes("71 72 73 77 AAJ DD DK DN FA G3 P3 QB QV SJ")  # NM101 of the response's 2010EA


def respond(request: Request, ruling: Ruling, company: Company, now: datetime) -> list[Segment]:
    """The body of the set, from BHT on. Below a level that is rejected nothing follows."""
    loop = ruling.rejected[0] if ruling.rejected else ""
    aaa: list[Segment] = [("AAA", "N", "", *ruling.rejected[1:])] if ruling.rejected else []
    if loop == "2000A":
        return [
            ("BHT", "0007", "11", request.reference, f"{now:%Y%m%d}", f"{now:%H%M}", ruling.status),
            ("HL", "1", "", "20", "0"),
            *aaa,
            request.payer[:10],
        ]
    to_subscriber = loop == "2010C"
    entity = at(request.requester, 1) if at(request.requester, 1) in ("1P", "FA") else "1P"
    has_dependent = request.dependent is not None and not to_subscriber
    body: list[Segment] = [
        ("BHT", "0007", "11", request.reference, f"{now:%Y%m%d}", f"{now:%H%M}", ruling.status),
        ("HL", "1", "", "20", "1"),
        request.payer[:10],
        ("PER", "IC", company.contact, "TE", company.phone),
        ("HL", "2", "1", "21", "1"),
        ("NM1", entity, *request.requester[2:10]),
        *request.requester_more,
        ("HL", "3", "2", "22", "0" if to_subscriber else "1"),
        request.subscriber[:10],
        *(aaa if to_subscriber else ()),
        *request.subscriber_more,
    ]
    if to_subscriber:
        return body
    if has_dependent and request.dependent:
        body += [("HL", "4", "3", "23", "1"), request.dependent, *request.dependent_more]
    event = 5 if has_dependent else 4
    lines = () if ruling.rejected else ruling.lines
    body.append(("HL", str(event), str(event - 1), "EV", "1" if lines else "0"))
    body += _event(request, ruling, company, now, aaa)
    for count, line in enumerate(lines, 1):
        body.append(("HL", str(event + count), str(event), "SS", "0"))
        body += _line(line)
    return body


def _event(request: Request, ruling: Ruling, company: Company, now: datetime, aaa: list[Segment]) -> list[Segment]:
    asked = request.review
    location = composite(*parts(at(asked, 4))[:2])
    own = company.token("T", request.trace, ruling.status)
    body: list[Segment] = [("TRN", "2", *each[2:]) for each in request.traces[:2]]
    body.append(("TRN", "1", own, company.tax_id))
    body += aaa
    body.append(("UM", at(asked, 1), at(asked, 2), at(asked, 3), location, "", at(asked, 6)))
    if ruling.action:
        body.append(("HCR", ruling.action, ruling.number, ruling.reason))
    if ruling.administrative_reference:
        body.append(("REF", "NT", ruling.administrative_reference))
    if request.previous_number:
        body.append(("REF", "BB", request.previous_number))
    body += [each for each in request.dates if at(each, 1) in ECHOED_DATES]
    body += _window(request, ruling, now)
    body += [each for each in (request.diagnoses, ruling.delivery) if each]
    body += [each for each in ruling.wanted if each[0] == "PWK"]
    if ruling.message:
        body.append(("MSG", ruling.message))
    body += [each[:10] for each in request.providers if at(each, 1) in PROVIDERS]
    body += [each for each in ruling.wanted if each[0] != "PWK"]
    return body


def _window(request: Request, ruling: Ruling, now: datetime) -> list[Segment]:
    """The event dates asked for; where certified, also when that was issued and from when to when it holds."""
    asked = next((each for each in request.dates if at(each, 1) == "AAH"), None)
    if asked is None:
        return [("DTP", "102", "D8", f"{now:%Y%m%d}")] if ruling.certified else []
    if not ruling.certified:
        return [asked]
    return [asked, ("DTP", "102", "D8", f"{now:%Y%m%d}"), ("DTP", "007", *asked[2:])]


def _line(line: LineRuling) -> list[Segment]:
    body: list[Segment] = [("TRN", "2", *each[2:]) for each in line.asked.traces[:2]]
    if line.action:
        body.append(("HCR", line.action, line.number, line.reason))
    body += [each for each in line.asked.dates if at(each, 1) == "472"]
    if line.service:
        body.append(line.service[:5] if line.service[0] == "SV1" else line.service)
    if line.delivery:
        body.append(line.delivery)
    return body
