"""Visits that are booked beyond their authorization (facts, 6.5): outside of its window, or with nothing held for them.

A visit is booked only where something is left for it; what changes afterwards (a shorter window, a lower count, an
authorization that was taken back) leaves it here. A visit of evaluations that need no authorization holds nothing, and
is none of them.
"""

from collections.abc import Iterator, Sequence

from gateway.flow.policies import payer_policy, policy_in
from gateway.flow.reports.base import Part, Sums, View, columns
from gateway.ledger.entry import Account, Bucket
from gateway.ledger.visiting import is_certified
from gateway.store.session import Row as Booked


class Beyond(Sums):
    """``window``: on a day outside of what it holds, or of all that its authorization certifies; ``uncovered``: counted
    as uncovered; ``nothing``: nothing is held for it, though its payer wants an authorization."""

    name = "beyond"
    title = "Visits booked beyond their authorization"
    columns = columns(
        "row organisation clinic payer authorization served_on:date discipline kind starts_on:date ends_on:date"
        " visits:int"
    )
    summed = ("visits",)

    def all_parts(self, view: View) -> list[Part]:
        told = view.tx.figures.scheduled()
        booked = [each for each in told if view.of_payer(each.payer) and view.within(each.served_on)]
        buckets: dict[str, list[Bucket]] = {}
        for each in view.tx.books.buckets_under({one.authorization for one in booked} - {""}):
            if is_certified(each):
                buckets.setdefault(each.authorization, []).append(each)
        counted = {
            each.visit_key
            for each in view.tx.figures.appointments(one.visit_key for one in booked)
            if any(_holds(each))
        }
        found: list[Part] = []
        for visit in booked:
            certified = buckets.get(visit.authorization, []) if visit.authorization else []
            own = [each for each in certified if each.id in set(_holds(visit))] or certified
            kind = _kind(view, visit, own, counted=visit.visit_key in counted)
            if kind:
                found += _parts(visit, kind, own)
        return found


def _holds(visit: Booked) -> Iterator[str]:
    """The buckets in which something is booked or rendered for a visit."""
    for each in visit.held:
        if each["quantity"] and each["account"] != Account.UNCOVERED:
            yield each["bucket"]


def _kind(view: View, visit: Booked, buckets: Sequence[Bucket], *, counted: bool) -> str:
    if any(each["account"] == Account.UNCOVERED and each["quantity"] for each in visit.held):
        return "uncovered"
    if buckets and not any(each.holds_on(visit.served_on) for each in buckets):
        return "window"
    return "nothing" if not counted and _wants_one(view, visit) else ""


def _wants_one(view: View, visit: Booked) -> bool:
    """Whether its payer wants an authorization for it, which a visit under one says itself, unless all of it is
    exempt."""
    if visit.authorization:
        request = view.tx.authorizations.get(visit.authorization).request
        policy = policy_in(view.house, view.tx, request, visit.served_on)
    else:
        policy = payer_policy(view.house.settings, visit.payer, visit.served_on)
        if not policy.auth_required:
            return False
    services = view.tx.appointments.get(visit.id).visit.lines
    return not services or any(each.procedure not in policy.exempt_procedures for each in services)


def _parts(visit: Booked, kind: str, buckets: Sequence[Bucket]) -> Iterator[Part]:
    starts = [each.starts_on for each in buckets if each.starts_on]
    ends = [each.ends_on for each in buckets if each.ends_on]
    about = {
        "organisation": visit.organisation,
        "clinic": visit.clinic,
        "payer": visit.payer,
        "authorization": visit.authorization,
        "served_on": visit.served_on,
        "discipline": visit.discipline,
        "kind": kind,
        "starts_on": min(starts, default=None),
        "ends_on": max(ends, default=None),
    }
    for name, what, sums in ((visit.id, "visit", {"visits": 1}), (visit.authorization, "authorization", {})):
        if name:
            yield Part(row=visit.id, trace=name, entry=name, what=what, on=visit.served_on, amounts=sums, about=about)


REPORTS = (Beyond(),)
