"""Where a payer's count differed from ours: each correction with what it changed (facts, 6.2, 6.5)."""

from gateway.flow.reports.base import Part, Row, Sums, View, columns
from gateway.ledger.entry import Account

_GONE = (Account.RETURNED, Account.MOVED)
_ACCOUNTS = (Account.GRANT, *_GONE)


class PayerCount(Sums):
    """``variance`` is what the payer's count granted beyond ours, negative where it was less."""

    name = "payer-count"
    title = "Corrections to the payer's count"
    columns = columns("row organisation clinic payer authorization on:date before:int variance:int after:int")
    summed = ("variance",)

    def all_parts(self, view: View) -> list[Part]:
        payers = view.tx.figures.payers()
        told = {
            each.detail.get("instruction", ""): each
            for each in view.tx.figures.events(["authorization.corrected"])
            if view.of_payer(payers.get(each.subject, "")) and view.within(each.recorded_at.date())
        }
        found = []
        corrected = sorted({each.subject for each in told.values()})
        for move in view.tx.figures.moves(authorizations_in=corrected, accounts=_ACCOUNTS):
            instruction = move.note.rpartition(", ")[2]
            event = told.get(instruction)
            change = (move.source == Account.GRANT) - (move.target in _GONE)
            if event is None or not change:
                continue
            found.append(
                Part(
                    row=instruction,
                    trace=event.subject,
                    entry=move.entry,
                    what=move.kind,
                    on=move.holds_on,
                    amounts={"variance": change * int(move.quantity)},
                    about={
                        "organisation": event.organisation,
                        "clinic": event.clinic,
                        "payer": payers.get(event.subject, ""),
                        "authorization": event.subject,
                        "on": move.holds_on,
                        "before": event.detail.get("before"),
                    },
                )
            )
        return found

    def finish(self, row: Row, view: View) -> Row:
        before, variance = row["before"], row["variance"]
        if not isinstance(before, int) or not isinstance(variance, int):
            return {**row, "after": None}
        return {**row, "after": before + variance}


REPORTS = (PayerCount(),)
