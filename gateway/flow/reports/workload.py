"""Who has what to do, and who did what: open tasks by kind and clinic with their age; inputs by actor and kind."""

from datetime import datetime

from gateway.flow.reports.base import Part, Row, Sums, View, columns, key


class Workload(Sums):
    name = "workload"
    title = "Open tasks by clinic and kind, with the oldest one's age"
    columns = columns("row organisation clinic kind open:int oldest_at:instant oldest_days:int")
    summed = ("open",)

    def all_parts(self, view: View) -> list[Part]:
        found = [each for each in view.tx.figures.tasks() if view.within(each.opened_at.date())]
        return [
            Part(
                row=key(each.organisation, each.clinic, each.kind),
                trace=each.subject,
                entry=each.id,
                what=each.kind,
                on=each.opened_at,
                amounts={"open": 1},
                about={
                    "organisation": each.organisation,
                    "clinic": each.clinic,
                    "kind": each.kind,
                    "oldest_at": each.opened_at,
                },
            )
            for each in sorted(found, key=lambda each: (each.opened_at, each.id))
        ]

    def finish(self, row: Row, view: View) -> Row:
        opened = row["oldest_at"]
        assert isinstance(opened, datetime), "a task was opened at an instant"
        return {**row, "oldest_days": (view.tx.now - opened).days}


class Worked(Sums):
    """Everything that was told or decided counts once, under who did it."""

    name = "worked"
    title = "What each actor did, by clinic and kind of input"
    columns = columns("row organisation clinic actor kind name done:int")
    summed = ("done",)

    def all_parts(self, view: View) -> list[Part]:
        return [
            Part(
                row=key(each.organisation, each.clinic, each.actor, each.kind, each.name),
                trace=each.document,
                entry=each.id,
                what=each.name,
                on=each.recorded_at,
                amounts={"done": 1},
                about={
                    "organisation": each.organisation,
                    "clinic": each.clinic,
                    "actor": each.actor,
                    "kind": each.kind,
                    "name": each.name,
                },
            )
            for each in view.tx.figures.inputs()
            if view.within(each.recorded_at.date())
        ]


REPORTS = (Workload(), Worked())
