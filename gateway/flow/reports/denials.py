"""Denied lines by reason, payer and clinic, in money (facts, 6.5). What was taken back since is no denial any more.

``meaning`` is what the reason says on the row's last day: in the words of the imported list, else in our own.
"""

from datetime import date

from gateway.flow.reference import meaning
from gateway.flow.reports.base import Part, Row, Sums, View, columns, key


class Denials(Sums):
    name = "denials"
    title = "Denials by reason (CARC), payer and clinic"
    columns = columns("row organisation clinic payer group reason topic meaning last_on:date denials:int cents:cents")
    summed = ("denials", "cents")

    def all_parts(self, view: View) -> list[Part]:
        return [
            Part(
                row=key(each.organisation, each.clinic, each.payer, each.group_code, each.reason, each.topic),
                trace=each.claim or each.document,
                entry=each.payment,
                what=f"line {each.line}" if each.line else "claim",
                on=each.paid_on,
                amounts={"denials": 1, "cents": int(each.cents)},
                about={
                    "organisation": each.organisation,
                    "clinic": each.clinic,
                    "payer": each.payer,
                    "group": each.group_code,
                    "reason": each.reason,
                    "topic": each.topic,
                    "last_on": each.paid_on,
                },
            )
            for each in sorted(view.tx.figures.denials(), key=lambda each: each.paid_on, reverse=True)
            if view.of_payer(each.payer) and view.within(each.paid_on)
        ]

    def finish(self, row: Row, view: View) -> Row:
        day = row["last_on"]
        assert isinstance(day, date), "a denial has its remittance's day"
        return {**row, "meaning": meaning(view.tx, "carc", str(row["reason"]), day)}


REPORTS = (Denials(),)
