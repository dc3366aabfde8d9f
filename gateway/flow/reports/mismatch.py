"""Billed lines that do not match their authorization: procedure, window, units, provider and place (facts, 6.5).

Of each line that was sent, as it stands in the books; claims and requests are opened for those that were sent in the
time asked for, and compared as the checks compare them. NPIs are not shown, only which of a claim's differs.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from gateway.domain.claim import Frequency
from gateway.domain.disciplines import counted_under
from gateway.flow.checking import Billing, claim_case, patient_of
from gateway.flow.reports.base import Part, Row, Sums, View, columns, key
from gateway.ledger.entry import Account
from gateway.ledger.matching import key_of
from gateway.rules.authorization_provider import differences
from gateway.rules.need import needed
from gateway.store import StoredAuthorization, StoredClaim
from gateway.store.session import Row as Line

AT_ONCE = 500
_Uncovered = Mapping[str, Mapping[str, int]]


class Mismatch(Sums):
    """A row for each authorization, claim, line and kind. Voids bill nothing, and are left out.

    ``procedure``: not among its bucket's; ``window``: served outside of its bucket's; ``units``: beyond what was left,
    and uncovered; ``unauthorized``: draws on nothing, though its claim names an authorization or the payer wants one;
    ``provider``, ``place``: billing provider or therapist, place of treatment or of service, are not the request's.
    """

    name = "mismatch"
    title = "Billed lines that do not match their authorization"
    columns = columns(
        "row organisation clinic payer authorization claim line state sent_at:instant served_on:date procedure"
        " units:int kind differs lines:int charge:cents"
    )
    summed = ("lines", "charge")

    def all_parts(self, view: View, claim: str = "") -> list[Part]:
        billed = view.tx.figures.billed(since=view.since, until=view.until, claim=claim)
        lines = [each for each in billed if view.of_payer(each.payer) and each.frequency != Frequency.VOID]
        by_claim = {name: list(each) for name, each in groupby(lines, key=lambda each: str(each.claim))}
        uncovered = _uncovered(view)
        names = list(by_claim)
        found: list[Part] = []
        for first in range(0, len(names), AT_ONCE):
            some = {each: by_claim[each] for each in names[first : first + AT_ONCE]}
            claims = view.tx.claims.these(some)
            cases = view.tx.authorizations.these(_under(each) for lines in some.values() for each in lines)
            for name, own in some.items():
                found += _of_claim(view, claims[name], own, cases, uncovered)
        return found

    def parts(self, view: View, row: str) -> list[Part]:
        _, _, rest = row.partition("|")
        claim = rest.partition("|")[0]
        return [each for each in self.all_parts(view, claim) if each.row == row] if claim else []


def _uncovered(view: View) -> _Uncovered:
    """By visit, or claim's line where units are counted: what is uncovered in each bucket."""
    found: dict[str, dict[str, int]] = {}
    for move in view.tx.figures.moves(accounts=[Account.UNCOVERED]):
        change = (move.target == Account.UNCOVERED) - (move.source == Account.UNCOVERED)
        held = found.setdefault(str(move.about), {})
        held[str(move.bucket)] = held.get(str(move.bucket), 0) + change * int(move.quantity)
    return found


def _under(line: Line) -> str:
    return str(line.authorization or line.claim_authorization)


def _of_claim(
    view: View,
    stored: StoredClaim,
    lines: Sequence[Line],
    cases: Mapping[str, StoredAuthorization],
    uncovered: _Uncovered,
) -> Iterator[Part]:
    beyond = {each.control_number for each in lines if _is_uncovered(stored, each, uncovered)}
    without = [each for each in lines if not each.bucket and each.control_number not in beyond]
    wanted = _wanted(view, stored) if without else {}
    for line in lines:
        told = dict(_of_bucket(line)) if line.bucket else {}
        if line.control_number in beyond:
            told["units"] = "beyond what was left of the authorization"
        elif not line.bucket:
            need = wanted.get(line.control_number)
            if need or (need is None and line.claim_authorization):
                told["unauthorized"] = "draws on no authorization"
        case = cases.get(_under(line))
        if case is not None:
            for kind, _, what in differences(stored.claim, case.request):
                told[kind] = f"{told[kind]}; {what}" if kind in told else what
        for kind, what in told.items():
            yield from _parts(line, kind, what)


def _of_bucket(line: Line) -> Iterator[tuple[str, str]]:
    if line.procedures and line.procedure not in line.procedures:
        yield "procedure", f"certified: {', '.join(sorted(line.procedures))}"
    if (line.starts_on and line.served_on < line.starts_on) or (line.ends_on and line.served_on > line.ends_on):
        yield "window", f"certified: {line.starts_on or '...'} to {line.ends_on or '...'}"


def _is_uncovered(stored: StoredClaim, line: Line, uncovered: _Uncovered) -> bool:
    """In the line's own bucket, or in any where it draws on none."""
    if line.bucket:
        return uncovered.get(line.visit_key or line.control_number, {}).get(line.bucket, 0) > 0
    names = [line.control_number]
    for each in stored.claim.lines:
        if each.control_number == line.control_number:
            word = counted_under(each, stored.claim.lines, ())
            names.append(key_of(line.claim_authorization, line.served_on, word))
    return any(quantity > 0 for name in names for quantity in uncovered.get(name, {}).values())


def _wanted(view: View, stored: StoredClaim) -> dict[str, bool | None]:
    """By line, whether its payer wants an authorization, as the checks see it; None where that is not known."""
    case = claim_case(view.house, view.tx, stored.claim, Billing(), patient_of(view.tx, stored.claim))
    return {line.control_number: needed(case, line) for line in stored.claim.lines}


def _parts(line: Line, kind: str, what: str) -> Iterator[Part]:
    """The line, which the numbers are of, then its claim and its authorization."""
    authorization = _under(line)
    row = key(authorization, line.claim, line.control_number, kind)
    about: Row = {
        "organisation": line.organisation,
        "clinic": line.clinic,
        "payer": line.payer,
        "authorization": authorization,
        "claim": line.claim,
        "line": line.control_number,
        "state": line.state,
        "sent_at": line.sent_at,
        "served_on": line.served_on,
        "procedure": line.procedure,
        "units": line.units,
        "kind": kind,
        "differs": what,
    }
    amounts = {"lines": 1, "charge": int(line.charge)}
    followed = [(line.control_number, "line", amounts), (line.claim, "claim", {}), (authorization, "authorization", {})]
    for name, what_it_is, sums in followed:
        if name:
            yield Part(row=row, trace=name, entry=name, what=what_it_is, on=line.served_on, amounts=sums, about=about)


REPORTS = (Mismatch(),)
