"""What was asked for against what was granted, and how often payers say yes (facts, 2.4, 6.5)."""

from gateway.flow.cases import BILLABLE, State
from gateway.flow.reports.base import Part, Row, Sums, Value, View, columns, key
from gateway.ledger.entry import Account

_DECIDED = (*BILLABLE, State.NOT_CERTIFIED)
_ASKED_AGAIN = ("reconsideration", "appeal")
_GONE = (Account.RETURNED, Account.MOVED)
_ACCOUNTS = (Account.REQUESTED, Account.GRANT, *_GONE)


class Requested:
    name = "requested"
    title = "Requested against granted, by payer and authorization"
    columns = columns("row organisation clinic payer authorization state unit requested:int granted:int")
    summed = ("requested", "granted")

    def rows(self, view: View) -> list[Row]:
        cases = {each.id: each for each in view.tx.figures.authorizations() if view.of_payer(each.payer)}
        found: dict[str, dict[str, Value]] = {}
        sums: dict[str, dict[str, int]] = {}
        for each in view.tx.figures.sums_of_cases(_ACCOUNTS, since=view.since, until=view.until):
            case = cases.get(each.authorization)
            if case is None:
                continue
            name = key(case.payer, case.id, each.unit)
            found.setdefault(
                name,
                {
                    "row": name,
                    "organisation": case.organisation,
                    "clinic": case.clinic,
                    "payer": case.payer,
                    "authorization": case.id,
                    "state": case.state,
                    "unit": each.unit,
                },
            )
            total = sums.setdefault(name, dict.fromkeys(self.summed, 0))
            for column, amount in _amounts(each.source, each.target, int(each.quantity)).items():
                total[column] += amount
        return [{**found[each], **sums[each]} for each in sorted(found)]

    def parts(self, view: View, row: str) -> list[Part]:
        _, _, rest = row.partition("|")
        case, _, _ = rest.rpartition("|")
        payer = view.tx.figures.payers().get(case, "")
        return [
            Part(
                row=row,
                trace=case,
                entry=move.entry,
                what=move.kind,
                on=move.holds_on,
                amounts=_amounts(move.source, move.target, int(move.quantity)),
            )
            for move in view.tx.figures.moves(authorizations_in=[case], accounts=_ACCOUNTS)
            if key(payer, case, move.unit) == row and view.of_payer(payer) and view.within(move.holds_on)
        ]


def _amounts(source: str, target: str, quantity: int) -> dict[str, int]:
    asked = (target == Account.REQUESTED) - (source == Account.REQUESTED)
    given = (source == Account.GRANT) - (target in _GONE)
    return {"requested": asked * quantity, "granted": given * quantity}


class Approval(Sums):
    """``first_pass`` were certified as they were first asked for; ``overturned`` after a reconsideration or appeal."""

    name = "approval"
    title = "Approval rate by payer: first pass, and overturned when asked again"
    columns = columns("row payer decided:int approved:int first_pass:int overturned:int rate:percent")
    summed = ("decided", "approved", "first_pass", "overturned")

    def all_parts(self, view: View) -> list[Part]:
        found = []
        for each in view.tx.figures.authorizations():
            day = each.decided_at.date() if each.decided_at else each.decided_on
            if each.state not in _DECIDED or not view.of_payer(each.payer) or not view.within(day):
                continue
            approved, again = int(each.state in BILLABLE), int(each.kind in _ASKED_AGAIN)
            found.append(
                Part(
                    row=key(each.payer),
                    trace=each.id,
                    entry=each.id,
                    what=each.state,
                    on=day,
                    amounts={
                        "decided": 1,
                        "approved": approved,
                        "first_pass": int(approved and not again and each.state in (State.CERTIFIED, *_LATER)),
                        "overturned": approved * again,
                    },
                    about={"payer": each.payer},
                )
            )
        return found

    def finish(self, row: Row, view: View) -> Row:
        decided, approved = row["decided"], row["approved"]
        assert isinstance(decided, int), "a sum is a whole number"
        assert isinstance(approved, int), "a sum is a whole number"
        return {**row, "rate": round(100 * approved / decided, 1)}


_LATER = (State.NOT_REQUIRED, State.EXTENSION_REQUESTED, State.EXHAUSTED, State.EXPIRED, State.SUPERSEDED)

REPORTS = (Requested(), Approval())
