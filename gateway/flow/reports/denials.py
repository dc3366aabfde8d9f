"""Denied lines by reason, payer and clinic, in money (facts, 6.5). What was taken back since is no denial any more."""

from gateway.flow.reports.base import Part, Sums, View, columns, key


class Denials(Sums):
    name = "denials"
    title = "Denials by reason (CARC), payer and clinic"
    columns = columns("row organisation clinic payer group reason topic denials:int cents:cents")
    summed = ("denials", "cents")

    def all_parts(self, view: View) -> list[Part]:
        return [
            Part(
                row=key(each.organisation, each.clinic, each.payer_id, each.group_code, each.reason, each.topic),
                trace=each.claim or each.document,
                entry=each.payment,
                what=f"line {each.line}" if each.line else "claim",
                on=each.paid_on,
                amounts={"denials": 1, "cents": int(each.cents)},
                about={
                    "organisation": each.organisation,
                    "clinic": each.clinic,
                    "payer": each.payer_id,
                    "group": each.group_code,
                    "reason": each.reason,
                    "topic": each.topic,
                },
            )
            for each in view.tx.figures.denials()
            if view.of_payer(each.payer_id) and view.within(each.paid_on)
        ]


REPORTS = (Denials(),)
