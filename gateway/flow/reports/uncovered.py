"""What was rendered without authorization, and until when a retro-authorization may be asked for (facts, 6.2, 6.5).

The last day is that of the payer's policy (retro_days) where it counts calendar days; else it is left open.
"""

from datetime import date, timedelta

from gateway.flow.policies import Holder, policy_for
from gateway.flow.reports.base import Part, Row, Sums, View, columns
from gateway.ledger.entry import Account


class Uncovered(Sums):
    name = "uncovered"
    title = "Rendered without authorization, with the last day for a retro-authorization"
    columns = columns(
        "row organisation clinic payer authorization unit since:date days:int uncovered:int retro_by:date"
        " retro_days:int"
    )
    summed = ("uncovered",)

    def all_parts(self, view: View) -> list[Part]:
        payers = view.tx.figures.payers()
        moves = view.tx.figures.moves(accounts=[Account.UNCOVERED])
        told = view.tx.figures.appointments(each.visit_key for each in moves)
        visits = {each.visit_key: each for each in told}
        found = []
        for move in moves:
            change = (move.target == Account.UNCOVERED) - (move.source == Account.UNCOVERED)
            visit = visits.get(move.visit_key)
            payer = payers.get(move.authorization) or (visit.payer if visit else "")
            served_on = visit.served_on if visit else move.holds_on
            if not change or not view.of_payer(payer) or not view.within(served_on):
                continue
            found.append(
                Part(
                    row=f"{move.bucket}|{served_on}",  # What cures a visit posts under the name it has from then on.
                    trace=move.claim or move.authorization or (visit.id if visit else move.document),
                    entry=move.entry,
                    what=move.kind,
                    on=move.holds_on,
                    amounts={"uncovered": change * int(move.quantity)},
                    about={
                        "organisation": move.organisation,
                        "clinic": move.clinic,
                        "payer": payer,
                        "authorization": move.authorization,
                        "unit": move.unit,
                        "since": served_on,
                    },
                )
            )
        return found

    def rows(self, view: View) -> list[Row]:
        return [each for each in super().rows(view) if each["uncovered"]]

    def finish(self, row: Row, view: View) -> Row:
        since = row["since"]
        assert isinstance(since, date), "a visit has a day"
        term = None
        if row["payer"]:
            term = policy_for(view.house.settings, Holder(payer=str(row["payer"])), since).retro_days
        last = since + timedelta(days=term.days) if term is not None and term.counted == "calendar" else None
        left = (last - view.today).days if last else None
        return {**row, "days": (view.today - since).days, "retro_by": last, "retro_days": left}


class Retro(Uncovered):
    name = "retro"
    title = "Retro-authorizations to ask for, by the payer's last day"

    def rows(self, view: View) -> list[Row]:
        return sorted((each for each in super().rows(view) if each["retro_by"]), key=lambda each: str(each["retro_by"]))


REPORTS = (Uncovered(), Retro())
