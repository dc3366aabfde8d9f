"""Claims that went out without an authorization, and money without its other half (facts, 5.1, 6.5)."""

from gateway.flow.reports.base import Part, Sums, View, columns


class Unnumbered(Sums):
    name = "unnumbered"
    title = "Claims that were sent without an authorization"
    columns = columns("row organisation clinic payer state sent_at:instant served_from:date claims:int charge:cents")
    summed = ("claims", "charge")

    def all_parts(self, view: View) -> list[Part]:
        lines = {each.claim for each in view.tx.figures.lines() if each.authorization}
        return [
            Part(
                row=each.id,
                trace=each.id,
                entry=each.id,
                what=each.state,
                on=each.sent_at,
                amounts={"claims": 1, "charge": int(each.charge)},
                about={
                    "organisation": each.organisation,
                    "clinic": each.clinic,
                    "payer": each.payer,
                    "state": each.state,
                    "sent_at": each.sent_at,
                    "served_from": each.served_from,
                },
            )
            for each in view.tx.figures.claims()
            if each.sent_at is not None
            and not each.authorization
            and each.id not in lines
            and view.of_payer(each.payer)
            and view.within(each.sent_at.date())
        ]


class Unmatched(Sums):
    name = "unmatched"
    title = "Deposits without a remittance, and remittances without a deposit"
    columns = columns("row organisation clinic payer lacks check_number paid_on:date amount:cents")
    summed = ("amount",)

    def all_parts(self, view: View) -> list[Part]:
        deposits = view.tx.figures.deposits()
        matched = {each.remittance for each in deposits}
        found = [("remittance", each) for each in deposits if not each.remittance]
        found += [("deposit", each) for each in view.tx.figures.remittances() if each.id not in matched and each.amount]
        return [
            Part(
                row=each.id,
                trace=each.id,
                entry=each.id,
                what=f"lacks its {lacks}",
                on=each.paid_on,
                amounts={"amount": int(each.amount)},
                about={
                    "organisation": each.organisation,
                    "clinic": each.clinic,
                    "payer": each.payer_id,
                    "lacks": lacks,
                    "check_number": each.check_number,
                    "paid_on": each.paid_on,
                },
            )
            for lacks, each in found
            if view.of_payer(each.payer_id) and view.within(each.paid_on)
        ]


REPORTS = (Unnumbered(), Unmatched())
