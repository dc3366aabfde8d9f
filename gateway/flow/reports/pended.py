"""What waits for a payer, how long already, and whether the payer's clock is over (facts, 2.2, 6.5)."""

from gateway.flow.cases import State
from gateway.flow.reports.base import Part, Row, Sums, View, columns

_WAITING = (State.SENT, State.ACKNOWLEDGED, State.PENDED, State.INFO_REQUESTED, State.RECONSIDERATION, State.APPEAL)


class Pended(Sums):
    """``clock`` is running, late, paused or "" where no policy gives the payer a time."""

    name = "pended"
    title = "Requests that wait for the payer, with its clock"
    columns = columns(
        "row organisation clinic payer state level sent_at:instant age_days:int due_at:instant clock policy"
        " requests:int"
    )
    summed = ("requests",)

    def all_parts(self, view: View) -> list[Part]:
        clocks = {
            each.subject: each for each in view.tx.figures.deadlines() if each.kind == "payer" and each.ended_at is None
        }
        found = []
        for each in view.tx.figures.authorizations():
            if each.state not in _WAITING or not view.of_payer(each.payer):
                continue
            sent_at = each.sent_at or each.created_at
            clock = clocks.get(each.id)
            word = ""
            if clock is not None:
                late = "late" if view.tx.now > clock.due_at else "running"
                word = "paused" if clock.paused_at is not None else late
            if not view.within(sent_at.date()):
                continue
            about: Row = {
                "organisation": each.organisation,
                "clinic": each.clinic,
                "payer": each.payer,
                "state": each.state,
                "level": each.level or "standard",
                "sent_at": sent_at,
                "age_days": (view.tx.now - sent_at).days,
                "due_at": clock.due_at if clock else None,
                "clock": word,
                "policy": clock.policy if clock else "",
            }
            entry = clock.id if clock else each.id
            part = Part(
                row=each.id,
                trace=each.id,
                entry=entry,
                what=each.state,
                on=sent_at,
                amounts={"requests": 1},
                about=about,
            )
            found.append(part)
        return found


REPORTS = (Pended(),)
