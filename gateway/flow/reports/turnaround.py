"""How long payers take: hours from sending a request to its decision, by payer and level (facts, 2.2, 6.5)."""

from collections.abc import Sequence
from datetime import datetime

from gateway.flow.reports.base import Part, Row, View, columns, key, summed


class Turnaround:
    name = "turnaround"
    title = "Hours from a request to its decision by payer, median and 90th percentile"
    columns = columns("row payer level decided:int median_hours:hours p90_hours:hours")
    summed: Sequence[str] = ("decided",)

    def rows(self, view: View) -> list[Row]:
        parts = self._all(view)
        hours: dict[str, list[float]] = {}
        for each in parts:
            taken = each.about["hours"]
            assert isinstance(taken, float), "what was sent and decided took so long"
            hours.setdefault(each.row, []).append(taken)
        return [
            {**row, "median_hours": _share(hours[str(row["row"])], 50), "p90_hours": _share(hours[str(row["row"])], 90)}
            for row in summed(parts, self.summed)
        ]

    def parts(self, view: View, row: str) -> list[Part]:
        return [each for each in self._all(view) if each.row == row]

    def _all(self, view: View) -> list[Part]:
        found = []
        for each in view.tx.figures.authorizations():
            if each.sent_at is None or each.decided_at is None or not view.of_payer(each.payer):
                continue
            if not view.within(each.decided_at.date()):
                continue
            level = each.level or "standard"
            found.append(
                Part(
                    row=key(each.payer, level),
                    trace=each.id,
                    entry=each.id,
                    what=f"{each.state}, after {_hours(each.sent_at, each.decided_at)} hours",
                    on=each.decided_at,
                    amounts={"decided": 1},
                    about={"payer": each.payer, "level": level, "hours": _hours(each.sent_at, each.decided_at)},
                )
            )
        return found


def _hours(start: datetime, end: datetime) -> float:
    return round((end - start).total_seconds() / 3600, 2)


def _share(values: list[float], percent: int) -> float:
    """The nearest rank: the smallest value that so many percent of all are not above."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


REPORTS = (Turnaround(),)
